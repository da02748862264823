/*
 * ingest: the module: its routes, its start and end, and what is asked about the intake as a whole.
 */
#include "server/ingest_internal.h"

#include "base/cleanup.h"

#include <errno.h>
#include <inttypes.h>
#include <malloc.h>

#define TRIM_MS 10000

void ingest_set_judge(struct ingest *ingest,
                      bool (*suppressed)(void *data, const struct ingest_finding *finding),
                      void *data)
{
    pthread_rwlock_wrlock(&ingest->judge.lock);
    ingest->judge.suppressed = suppressed;
    ingest->judge.data = data;
    pthread_rwlock_unlock(&ingest->judge.lock);
}

bool ingest_is_suppressed(struct judge *judge, const struct ingest_finding *finding)
{
    if (!judge) {
        return false;
    }
    pthread_rwlock_rdlock(&judge->lock);
    bool suppressed = judge->suppressed && judge->suppressed(judge->data, finding);
    pthread_rwlock_unlock(&judge->lock);
    return suppressed;
}

void ingest_set_listener(struct ingest *ingest,
                         void (*changed)(void *data, const struct ingest_change *changes, size_t n),
                         void *data)
{
    ingest->listener = (struct listener_hook){ changed, data };
}

void ingest_set_witness(struct ingest *ingest, const struct ingest_witness *witness)
{
    pthread_rwlock_wrlock(&ingest->witness.lock);
    ingest->witness.witness = witness ? *witness : (struct ingest_witness){ 0 };
    pthread_rwlock_unlock(&ingest->witness.lock);
}

struct body_packer *ingest_packer_take(struct ingest *ingest)
{
    struct body_packer *packer = NULL;
    pthread_mutex_lock(&ingest->lock);
    if (ingest->npackers) {
        packer = ingest->packers[--ingest->npackers];
    }
    pthread_mutex_unlock(&ingest->lock);
    if (!packer && body_packer_new(&packer) < 0) {
        return NULL;
    }
    return packer;
}

void ingest_packer_give(struct ingest *ingest, struct body_packer *packer)
{
    pthread_mutex_lock(&ingest->lock);
    if (ingest->npackers < sizeof(ingest->packers) / sizeof(*ingest->packers)) {
        ingest->packers[ingest->npackers++] = TAKE(packer);
    }
    pthread_mutex_unlock(&ingest->lock);
    body_packer_free(packer);
}

static void put_text(struct jsonw *w, const char *key, struct str s)
{
    if (s.n) {
        jsonw_str(w, key, s);
    } else {
        jsonw_null(w, key);
    }
}

static void put_gap(struct jsonw *w, const struct ingest_gap *gap)
{
    jsonw_object(w, NULL);
    jsonw_str(w, "agent", gap->agent);
    jsonw_str(w, "kind", gap->kind);
    jsonw_i64(w, "received_ms", gap->received_ms);
    jsonw_i64(w, "n", gap->n);
    jsonw_i64(w, "to", gap->to_n);
    if (gap->count >= 0) {
        jsonw_i64(w, "count", gap->count);
    } else {
        jsonw_null(w, "count");
    }
    jsonw_i64(w, "from_ms", gap->from_ms);
    jsonw_i64(w, "to_ms", gap->to_ms);
    put_text(w, "container_id", gap->container_id);
    jsonw_raw(w, "gap", gap->body);
    jsonw_end(w);
}

enum http_result ingest_get_gaps(struct server *server, struct request *request,
                                 struct reply *reply)
{
    struct err err = { 0 };
    int64_t limit;
    struct ingest_gap_query query = {
        .agent = request_query(request, "agent"),
        .kind = request_query(request, "kind"),
        .cursor = request_query(request, "cursor"),
    };
    if (!request_number(request, "limit", 1, INGEST_GAPS_PAGE, 100, &limit, reply) ||
        !request_number(request, "from", 0, INT64_MAX, 0, &query.from_ms, reply) ||
        !request_number(request, "to", 0, INT64_MAX, 0, &query.to_ms, reply)) {
        return HTTP_DONE;
    }
    struct ingest_gap_page page;
    query.limit = (uint32_t)limit;
    if (server->store->ingest->gaps(server->store, &query, request->arena, &page, &err) < 0) {
        return reply_error(reply, &err);
    }
    struct jsonw *w = reply_json(reply, 200);
    jsonw_object(w, NULL);
    jsonw_array(w, "items");
    for (uint32_t i = 0; i < page.n; i++) {
        put_gap(w, &page.v[i]);
    }
    jsonw_end(w);
    put_text(w, "next", page.next);
    jsonw_end(w);
    return HTTP_DONE;
}

static void put_totals(struct jsonw *w, const struct ingest_totals *t)
{
    jsonw_object(w, "stored");
    jsonw_i64(w, "agents", t->agents);
    jsonw_i64(w, "spools", t->spools);
    jsonw_i64(w, "alerts", t->alerts);
    jsonw_i64(w, "duplicates", t->duplicates);
    jsonw_i64(w, "activity", t->activity);
    jsonw_i64(w, "gaps", t->gaps);
    jsonw_i64(w, "lost", t->lost);
    jsonw_i64(w, "findings", t->findings);
    jsonw_end(w);
}

static void put_counts(struct jsonw *w, const struct writer_counts *c)
{
    jsonw_object(w, "intake");
    jsonw_u64(w, "batches", c->batches);
    jsonw_u64(w, "records", c->records);
    jsonw_u64(w, "duplicates", c->duplicates);
    jsonw_u64(w, "commits", c->commits);
    jsonw_u64(w, "failures", c->failures);
    jsonw_u64(w, "told_to_wait", c->refused);
    jsonw_u64(w, "queued", c->queued);
    jsonw_u64(w, "queued_bytes", c->queued_bytes);
    jsonw_double(w, "last_commit_ms", (double)c->commit_us_last / 1000.0);
    jsonw_double(w, "longest_commit_ms", (double)c->commit_us_most / 1000.0);
    jsonw_end(w);
}

enum http_result ingest_get_stats(struct server *server, struct request *request,
                                  struct reply *reply)
{
    struct err err = { 0 };
    struct ingest_totals totals = { 0 };
    struct writer_counts counts;
    if (server->store->ingest->totals(server->store, request_query(request, "agent"), &totals,
                                      &err) < 0) {
        return reply_error(reply, &err);
    }
    writer_counts(server->ingest->writer, &counts);
    struct jsonw *w = reply_json(reply, 200);
    jsonw_object(w, NULL);
    put_totals(w, &totals);
    put_counts(w, &counts);
    jsonw_end(w);
    return HTTP_DONE;
}

static void stop(struct server *server)
{
    struct ingest *ingest = TAKE(server->ingest);
    if (!ingest) {
        return;
    }
    writer_stop(ingest->writer);
    health_free(ingest->health);
    while (ingest->npackers) {
        body_packer_free(ingest->packers[--ingest->npackers]);
    }
    pthread_mutex_destroy(&ingest->lock);
    pthread_rwlock_destroy(&ingest->judge.lock);
    pthread_rwlock_destroy(&ingest->witness.lock);
    free(ingest);
}

static int start(struct server *server, struct err *err)
{
    struct ingest *ingest = mem_zalloc(sizeof(*ingest));
    if (!ingest) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    pthread_mutex_init(&ingest->lock, NULL);
    pthread_rwlock_init(&ingest->judge.lock, NULL);
    pthread_rwlock_init(&ingest->witness.lock, NULL);
    ingest->server = server;
    server->ingest = ingest;
    int r = health_new(server, &ingest->health, err);
    r = r < 0 ? r : writer_start(server, &ingest->writer, err);
    if (r < 0) {
        stop(server);
    }
    return r;
}

/* What batches took is freed by another thread than took it; the allocator would keep most of it. */
static void give_back_memory(struct ingest *ingest, int64_t now_ms)
{
    struct writer_counts counts;
    if (now_ms - ingest->trimmed_ms < TRIM_MS && now_ms >= ingest->trimmed_ms) {
        return;
    }
    ingest->trimmed_ms = now_ms;
    writer_counts(ingest->writer, &counts);
    if (counts.batches != ingest->trimmed_batches) {
        ingest->trimmed_batches = counts.batches;
        malloc_trim(0);
    }
}

static void tick(struct server *server)
{
    health_tick(server->ingest->health, server->now_ms());
    give_back_memory(server->ingest, server->now_ms());
}

static const struct route routes[] = {
    { .method = HTTP_POST,
      .path = "/v1/agents/{id}/batches",
      .may = MAY_AGENT,
      .flags = ROUTE_RAW,
      .handle = ingest_post_batch,
      .tag = "agents",
      .summary = "Alerts, activity and gaps of an agent",
      .answer = "ack",
      .body_max = INGEST_PACKED_MAX },
    { .method = HTTP_POST,
      .path = "/v1/agents/{id}/heartbeat",
      .may = MAY_AGENT,
      .handle = ingest_post_heartbeat,
      .tag = "agents",
      .summary = "How an agent is, every 10 s",
      .body = "heartbeat",
      .answer = "heartbeat-answer",
      .body_max = INGEST_BODY_MAX },
    { .method = HTTP_POST,
      .path = "/",
      .may = MAY_SEND_FALCO,
      .flags = ROUTE_RAW,
      .handle = ingest_post_falco,
      .tag = "agents",
      .summary = "Alerts as Falco and Falcosidekick send them: an object, an array, or one a line",
      .body = "falco",
      .answer = "accepted",
      .body_max = INGEST_PACKED_MAX },
    { .method = HTTP_GET,
      .path = "/v1/coverage",
      .may = MAY_READ,
      .handle = ingest_get_coverage,
      .tag = "coverage",
      .summary = "What is watched, by whom, and what is wrong with it",
      .query = "agent state limit cursor",
      .answer = "coverage" },
    { .method = HTTP_GET,
      .path = "/v1/coverage/containers",
      .may = MAY_READ,
      .handle = ingest_get_containers,
      .tag = "coverage",
      .summary = "Containers that agents see, watched or not",
      .query = "agent state search limit cursor",
      .answer = "containers" },
    { .method = HTTP_GET,
      .path = "/v1/gaps",
      .may = MAY_READ,
      .handle = ingest_get_gaps,
      .tag = "coverage",
      .summary = "What is known to be missing, newest first",
      .query = "agent kind from to limit cursor",
      .answer = "gaps" },
    { .method = HTTP_GET,
      .path = "/v1/stats",
      .may = MAY_READ,
      .handle = ingest_get_stats,
      .tag = "coverage",
      .summary = "What was taken and stored, in numbers",
      .query = "agent",
      .answer = "stats" },
};

const struct server_module ingest_module = {
    .name = "ingest",
    .routes = routes,
    .nroutes = sizeof(routes) / sizeof(*routes),
    .start = start,
    .tick = tick,
    .stop = stop,
};
