/*
 * load: agents that send batches of alerts to a server as fast as it acknowledges them.
 *
 *     bench-load URL CA AGENTS BATCHES SIZE
 *
 * AGENTS is a file of lines "ID CREDENTIAL"; each agent sends BATCHES batches of SIZE alerts, one at a time over
 * a connection of its own, and waits for each acknowledgement (so what it counts is durable). CA is a PEM
 * file, or "-" for plain HTTP. All batches are made and compressed before the clock starts. Prints JSON.
 */
#include "alerts.h"

#include "base/clock.h"

#include <curl/curl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define AGENTS_MAX 64
#define BATCH_MAX  ((size_t)32 << 20)
#define LEVEL      3

struct packed {
    char *p;
    size_t n;
    uint64_t us; /* until it was acknowledged */
};

struct agent {
    char id[64], credential[128];
    uint64_t number;
    struct packed *batches;
    CURL *curl;
    uint64_t waits;
    bool failed;
    pthread_t thread;
};

struct load {
    const char *url, *ca;
    uint32_t batches, size;
    size_t nagents;
    struct agent agents[AGENTS_MAX];
    uint64_t plain, sent; /* bytes */
};

static struct load load;
static struct alerts_world world;

static size_t drop(char *p, size_t size, size_t n, void *data)
{
    struct buf *answer = data;
    buf_put(answer, p, size * n);
    return size * n;
}

static void make_batch(struct agent *agent, uint32_t number, struct buf *plain)
{
    struct alerts_world own = world; /* containers of its own */
    own.seed += agent->number + 1;
    buf_clear(plain);
    for (uint32_t i = 0; i < load.size; i++) {
        struct made_alert alert;
        uint64_t n = (uint64_t)number * load.size + i;
        alert_make(&own, n, &alert);
        snprintf(alert.agent, sizeof(alert.agent), "%s", agent->id);
        snprintf(alert.id, sizeof(alert.id), "%s:%08x:%" PRIu64, alert.agent,
                 (unsigned)(world.seed >> 8), n + 1);
        buf_printf(plain, "{\"n\":%" PRIu64 ",\"alert\":", n + 1);
        alert_json(&alert, plain);
        buf_puts(plain, STR("}\n"));
    }
}

static bool pack(struct agent *agent, struct buf *plain)
{
    agent->batches = calloc(load.batches, sizeof(*agent->batches));
    for (uint32_t i = 0; agent->batches && i < load.batches; i++) {
        struct packed *batch = &agent->batches[i];
        make_batch(agent, i, plain);
        size_t room = ZSTD_compressBound(plain->n);
        batch->p = malloc(room);
        if (!batch->p || plain->failed) {
            return false;
        }
        batch->n = ZSTD_compress(batch->p, room, plain->p, plain->n, LEVEL);
        load.plain += plain->n;
        load.sent += batch->n;
    }
    return agent->batches != NULL;
}

static struct curl_slist *headers_of(const struct agent *agent, uint32_t number)
{
    char text[256];
    struct curl_slist *list = NULL;
    static const char *const fixed[] = { "Content-Type: application/x-ndjson",
                                         "Content-Encoding: zstd", "Expect:" };
    for (size_t i = 0; i < 3; i++) {
        list = curl_slist_append(list, fixed[i]);
    }
    snprintf(text, sizeof(text), "Authorization: Bearer %s", agent->credential);
    list = curl_slist_append(list, text);
    snprintf(text, sizeof(text), "Hinomi-Instance: %016" PRIx64, world.seed + agent->number);
    list = curl_slist_append(list, text);
    snprintf(text, sizeof(text), "Hinomi-Spool: %016" PRIx64, world.seed);
    list = curl_slist_append(list, text);
    snprintf(text, sizeof(text), "Hinomi-First: %" PRIu64, (uint64_t)number * load.size + 1);
    return curl_slist_append(list, text);
}

static long post(struct agent *agent, uint32_t number, struct buf *answer)
{
    const struct packed *batch = &agent->batches[number];
    struct curl_slist *headers = headers_of(agent, number);
    long status = 0;
    buf_clear(answer);
    curl_easy_setopt(agent->curl, CURLOPT_HTTPHEADER, headers);
    curl_easy_setopt(agent->curl, CURLOPT_POSTFIELDS, batch->p);
    curl_easy_setopt(agent->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)batch->n);
    CURLcode code = curl_easy_perform(agent->curl);
    if (code != CURLE_OK) {
        fprintf(stderr, "bench-load: %s\n", curl_easy_strerror(code));
    } else {
        curl_easy_getinfo(agent->curl, CURLINFO_RESPONSE_CODE, &status);
    }
    curl_slist_free_all(headers);
    return status;
}

static void set_up(struct agent *agent, struct buf *answer)
{
    char url[512];
    snprintf(url, sizeof(url), "%s/v1/agents/%s/batches", load.url, agent->id);
    agent->curl = curl_easy_init();
    curl_easy_setopt(agent->curl, CURLOPT_URL, url);
    curl_easy_setopt(agent->curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(agent->curl, CURLOPT_PROXY, "");
    curl_easy_setopt(agent->curl, CURLOPT_WRITEFUNCTION, drop);
    curl_easy_setopt(agent->curl, CURLOPT_WRITEDATA, answer);
    if (strcmp(load.ca, "-") != 0) {
        curl_easy_setopt(agent->curl, CURLOPT_CAINFO, load.ca);
    }
}

static void *send_all(void *data)
{
    struct agent *agent = data;
    struct buf answer;
    buf_init(&answer, 65536);
    set_up(agent, &answer);
    for (uint32_t i = 0; i < load.batches && !agent->failed; i++) {
        uint64_t began = clock_boot_ns();
        long status = post(agent, i, &answer);
        while (status == 429 || status == 503) {
            nanosleep(&(struct timespec){ 0, 50000000 }, NULL);
            agent->waits++;
            status = post(agent, i, &answer);
        }
        agent->batches[i].us = (clock_boot_ns() - began) / 1000;
        if (status != 200) {
            fprintf(stderr, "bench-load: %s: status %ld: %.*s\n", agent->id, status,
                    STR_ARG(buf_str(&answer)));
            agent->failed = true;
        }
    }
    curl_easy_cleanup(agent->curl);
    buf_done(&answer);
    return NULL;
}

static bool read_agents(const char *path)
{
    FILE *file = fopen(path, "re");
    while (file && load.nagents < AGENTS_MAX) {
        struct agent *agent = &load.agents[load.nagents];
        if (fscanf(file, "%63s %127s", agent->id, agent->credential) != 2) {
            break;
        }
        agent->number = load.nagents++;
    }
    if (file) {
        fclose(file);
    }
    return load.nagents > 0;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

static bool report(double seconds)
{
    size_t n = 0, all = load.nagents * load.batches;
    uint64_t *us = calloc(all, sizeof(*us)), waits = 0;
    bool failed = !us;
    for (size_t i = 0; i < load.nagents && us; i++) {
        failed = failed || load.agents[i].failed;
        waits += load.agents[i].waits;
        for (uint32_t b = 0; b < load.batches; b++) {
            us[n++] = load.agents[i].batches[b].us;
        }
    }
    if (!failed) {
        double alerts = (double)all * load.size;
        qsort(us, all, sizeof(*us), compare);
        printf(
            "{\"alerts\":%.0f,\"seconds\":%.2f,\"alerts_per_s\":%.0f,\"batch\":%u,\"agents\":%zu,"
            "\"ack_ms_p50\":%.1f,\"ack_ms_p99\":%.1f,\"told_to_wait\":%" PRIu64
            ",\"bytes_per_alert\":%.0f,\"sent_bytes_per_alert\":%.0f}\n",
            alerts, seconds, alerts / seconds, load.size, load.nagents, (double)us[all / 2] / 1e3,
            (double)us[all * 99 / 100] / 1e3, waits, (double)load.plain / alerts,
            (double)load.sent / alerts);
    }
    free(us);
    return !failed;
}

static bool prepare(void)
{
    struct buf plain;
    uint64_t total = (uint64_t)load.batches * load.size; /* of an agent */
    uint64_t now_ms = clock_real_ns() / NS_PER_MS;
    bool ok = true;
    buf_init(&plain, BATCH_MAX);
    world = alerts_world_large((int64_t)now_ms, 10000000);
    world.seed = now_ms;
    world.step_us = (int64_t)(3600000000 / (total + 1));
    world.start_ms = (int64_t)now_ms - 3600000;
    for (size_t i = 0; i < load.nagents && ok; i++) {
        ok = pack(&load.agents[i], &plain);
    }
    buf_done(&plain);
    return ok;
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        fprintf(stderr, "Usage: bench-load URL CA|- AGENTS BATCHES SIZE\n");
        return 2;
    }
    load.url = argv[1];
    load.ca = argv[2];
    load.batches = (uint32_t)strtoul(argv[4], NULL, 10);
    load.size = (uint32_t)strtoul(argv[5], NULL, 10);
    curl_global_init(CURL_GLOBAL_DEFAULT);
    if (!read_agents(argv[3]) || !load.batches || !load.size || !prepare()) {
        fprintf(stderr, "bench-load: no agents in %s, or no memory\n", argv[3]);
        return 1;
    }
    uint64_t began = clock_boot_ns();
    for (size_t i = 0; i < load.nagents; i++) {
        pthread_create(&load.agents[i].thread, NULL, send_all, &load.agents[i]);
    }
    for (size_t i = 0; i < load.nagents; i++) {
        pthread_join(load.agents[i].thread, NULL);
    }
    return report((double)(clock_boot_ns() - began) / 1e9) ? 0 : 1;
}
