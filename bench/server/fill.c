/*
 * fill: a store with many alerts and findings, as if they had come over the last week.
 *
 *     bench-fill DIR [ALERTS]     10 million by default, a tenth as many findings
 *
 * Goes through the store's own operations (store/ingest.h), a few thousand alerts in a transaction; only the
 * folding is done here, because the generator knows which finding an alert belongs to. Prints JSON: how long, how
 * large. An existing store is not touched.
 */
#include "alerts.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "store/body.h"
#include "store/ingest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define BATCH     5000
#define ARENA_MAX ((size_t)64 << 20)
#define JSON_MAX  ((size_t)64 << 10)
#define SLOTS     (1 << 17)
#define SPOOL     "00000000000000aa"

struct pending {
    uint32_t finding;
    uint32_t count;
    uint64_t newest; /* alert */
};

struct fill {
    struct alerts_world world;
    struct store *store;
    struct body_packer *packer;
    struct arena arena;
    struct buf json;
    struct pending *pending;
    uint32_t npending;
    uint32_t slots[SLOTS]; /* by finding: where it is pending */
    uint64_t from, to;     /* alerts of this transaction */
    struct made_alert alert;
};

static struct str text(const char *z)
{
    return str_of(z);
}

/* The store is empty, and findings are made in their order. */
static int64_t row_of(uint32_t finding)
{
    return (int64_t)finding + 1;
}

static void key_of(const struct made_alert *a, uint8_t key[INGEST_KEY])
{
    uint64_t parts[2] = { hash_u64(a->finding), a->finding };
    memcpy(key, parts, INGEST_KEY);
}

static void set_place(struct ingest_finding *f, const struct made_alert *a)
{
    static char revision[16];
    snprintf(revision, sizeof(revision), "%u", a->revision);
    f->container_id = text(a->container_id);
    f->container_name = text(a->container_name);
    f->image = text(a->image);
    f->image_digest = text(a->image_digest);
    f->cluster = text(a->cluster);
    f->task_arn = text(a->task_arn);
    f->task_id = text(a->task_id);
    f->task_family = text(a->family);
    f->task_revision = text(revision);
    f->service = text(a->service);
    f->account = text(a->account);
    f->region = text(a->region);
    f->host = text(a->host);
    f->agent = text(a->agent);
}

static void set_deed(struct ingest_finding *f, const struct made_alert *a)
{
    f->proc_name = text(a->proc_name);
    f->proc_exe = text(a->proc_exe);
    f->proc_cmdline = text(a->proc_cmdline);
    f->proc_pid = a->pid;
    f->user_name = text(a->user_name);
    f->parent_name = text(a->parent_name);
    f->parent_exe = text(a->parent_exe);
    f->domain = text(a->domain);
    f->file = text(a->file);
    f->list = text(a->rule->list);
    f->item = text(a->item);
}

static void columns(const struct made_alert *a, struct str body, struct ingest_finding *ret)
{
    *ret = (struct ingest_finding){
        .row = row_of(a->finding),
        .opened_ms = a->time_ms,
        .first_seen_ms = a->time_ms,
        .last_seen_ms = a->time_ms,
        .now_ms = a->time_ms,
        .count = 1,
        .severity = a->rule->severity,
        .rule = text(a->rule->name),
        .policy = text(a->rule->policy),
        .type = text(a->rule->type),
        .priority = text(a->rule->priority),
        .source = STR("syscall"),
        .title = text(a->rule->name),
        .output = text(a->output),
        .tags = text(a->rule->tags),
        .body = body,
    };
    key_of(a, ret->key);
    snprintf(ret->id, sizeof(ret->id), "f%012" PRIx64 "%012" PRIx64, (uint64_t)a->time_ms,
             hash_u64(a->finding) >> 16);
    set_place(ret, a);
    set_deed(ret, a);
}

static struct str pack(struct fill *fill, const struct made_alert *a)
{
    buf_clear(&fill->json);
    alert_json(a, &fill->json);
    return body_pack(fill->packer, buf_str(&fill->json), &fill->arena);
}

/* Findings of a transaction are within SLOTS of each other. */
static void remember(struct fill *fill, uint32_t finding, uint64_t n)
{
    uint32_t *slot = &fill->slots[finding % SLOTS];
    if (*slot >= fill->npending || fill->pending[*slot].finding != finding) {
        *slot = fill->npending;
        fill->pending[fill->npending++] = (struct pending){ .finding = finding };
    }
    fill->pending[*slot].count++;
    fill->pending[*slot].newest = n;
}

static int put_alert(struct fill *fill, struct ingest_tx *tx, uint64_t n, struct err *err)
{
    const struct store_ingest_ops *ops = fill->store->ingest;
    struct made_alert *a = &fill->alert;
    alert_make(&fill->world, n, a);
    struct str body = pack(fill, a);
    if (!body.p) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    if (n % fill->world.per_finding == 0) {
        struct ingest_finding finding;
        columns(a, body, &finding);
        int r = ops->add_finding(tx, &finding, err);
        if (r < 0) {
            return r;
        }
    } else {
        remember(fill, a->finding, n);
    }
    struct ingest_alert alert = {
        .id = text(a->id),
        .agent = text(a->agent),
        .spool = STR(SPOOL),
        .rule = text(a->rule->name),
        .body = body,
        .n = (int64_t)n + 1,
        .finding = row_of(a->finding),
        .time_ms = a->time_ms,
        .received_ms = a->time_ms,
        .severity = a->rule->severity,
    };
    return ops->add_alert(tx, &alert, err);
}

static int put_more(struct fill *fill, struct ingest_tx *tx, const struct pending *p,
                    struct err *err)
{
    struct ingest_finding finding;
    struct ingest_result result;
    alert_make(&fill->world, p->newest, &fill->alert);
    struct str body = pack(fill, &fill->alert);
    if (!body.p) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    columns(&fill->alert, body, &finding);
    struct ingest_more more = { row_of(p->finding), p->count, &finding, true };
    return fill->store->ingest->more(tx, &more, &result, err);
}

static int put_batch(void *data, struct ingest_tx *tx, struct err *err)
{
    struct fill *fill = data;
    int r = 0;
    fill->npending = 0;
    for (uint64_t n = fill->from; n < fill->to && r == 0; n++) {
        r = put_alert(fill, tx, n, err);
    }
    for (uint32_t i = 0; i < fill->npending && r == 0; i++) {
        r = put_more(fill, tx, &fill->pending[i], err);
    }
    return r;
}

static int64_t time_of(const struct fill *fill, uint64_t n)
{
    return fill->world.start_ms + (int64_t)n * fill->world.step_us / 1000;
}

static int fill_all(struct fill *fill, uint64_t alerts, struct err *err)
{
    for (fill->from = 0; fill->from < alerts; fill->from = fill->to) {
        fill->to = fill->from + BATCH < alerts ? fill->from + BATCH : alerts;
        arena_reset(&fill->arena);
        struct ingest_write write = { put_batch, fill, time_of(fill, fill->from) };
        int r = fill->store->ingest->write(fill->store, &write, err);
        if (r < 0) {
            return r;
        }
        if (fill->to % 500000 == 0) {
            fprintf(stderr, "%" PRIu64 " alerts\n", fill->to);
        }
    }
    return 0;
}

static int prepare(struct fill *fill, const char *dir, uint64_t alerts, struct err *err)
{
    struct store_options options = { .dir = dir, .keep_days = 365 };
    if (mkdir(dir, 0700) < 0) {
        return err_set(err, -errno, "%s: %s", dir, strerror(errno));
    }
    fill->world = alerts_world_large((int64_t)(clock_real_ns() / NS_PER_MS), alerts);
    fill->pending = calloc(BATCH, sizeof(*fill->pending));
    arena_init(&fill->arena, ARENA_MAX);
    buf_init(&fill->json, JSON_MAX);
    if (!fill->pending || body_packer_new(&fill->packer) < 0) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    return store_open_sqlite(&options, &fill->store, err);
}

static void report(struct fill *fill, double seconds, uint64_t alerts)
{
    struct store_size size = { 0 };
    struct err err = { 0 };
    if (fill->store->ops->size(fill->store, &size, &err) < 0) {
        fprintf(stderr, "bench-fill: %s\n", err.message);
    }
    printf("{\"alerts\":%" PRIu64 ",\"findings\":%" PRIu64 ",\"days\":%u,\"bytes\":%" PRIu64
           ",\"seconds\":%.1f,\"alerts_per_s\":%.0f}\n",
           size.alerts, size.findings, size.days, size.bytes, seconds, (double)alerts / seconds);
}

int main(int argc, char **argv)
{
    if (argc < 2 || argc > 3) {
        fprintf(stderr, "Usage: bench-fill DIR [ALERTS]\n");
        return 2;
    }
    static struct fill fill;
    struct err err = { 0 };
    uint64_t alerts = argc > 2 ? strtoull(argv[2], NULL, 10) : 10000000;
    uint64_t began = clock_boot_ns();
    int r = prepare(&fill, argv[1], alerts, &err);
    if (r == 0) {
        r = fill_all(&fill, alerts, &err);
    }
    if (r == 0) {
        report(&fill, (double)(clock_boot_ns() - began) / 1e9, alerts);
    } else {
        fprintf(stderr, "bench-fill: %s\n", err.message);
    }
    store_close(fill.store);
    body_packer_free(fill.packer);
    arena_done(&fill.arena);
    buf_done(&fill.json);
    free(fill.pending);
    return r < 0;
}
