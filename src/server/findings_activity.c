/*
 * GET /v1/activity/histogram: activity over time, by kind.
 *
 * Records have no columns to count by: they are read, newest first, as long as there is time. What could not be looked
 * at in time is told by `complete`; `counted_from_ms` is then where the count begins.
 */
#include "server/findings.h"
#include "server/server.h"

#include "base/cleanup.h"
#include "base/jscan.h"
#include "store/records.h"

#include <errno.h>

#define BUCKETS_MAX 400
#define BUCKETS     60
#define RECORDS_MAX 500000
#define DEADLINE_MS 3000
#define DAY_MS      86400000

static const char *const kinds[] = { "exec", "connect", "dns", "write" };
#define KINDS (sizeof(kinds) / sizeof(*kinds))

struct count {
    int64_t from_ms, width_ms, oldest_ms;
    uint64_t buckets[BUCKETS_MAX][KINDS];
    uint64_t total;
    uint32_t n;
    bool full;
};

static size_t kind_of(struct str body)
{
    struct jscan record;
    const char *why;
    size_t at, kind = 0;
    if (jscan_check(body, &record, &why, &at) < 0) {
        return KINDS;
    }
    struct jscan text = jscan_get(record, STR("kind"));
    while (kind < KINDS && !(text.type == JSCAN_TEXT && jscan_is(text, str_of(kinds[kind])))) {
        kind++;
    }
    return kind;
}

static int count_record(void *data, const struct record_row *row)
{
    struct count *count = data;
    int64_t at = (row->time_ms - count->from_ms) / count->width_ms;
    size_t kind = kind_of(row->body);
    if (count->total == RECORDS_MAX) {
        count->full = true;
        return 1;
    }
    if (kind < KINDS && at >= 0 && at < (int64_t)count->n) {
        count->buckets[at][kind]++;
        count->total++;
        if (!count->oldest_ms || row->time_ms < count->oldest_ms) {
            count->oldest_ms = row->time_ms;
        }
    }
    return 0;
}

static void put_count(struct jsonw *w, const struct count *count, bool complete)
{
    jsonw_object(w, NULL);
    jsonw_i64(w, "from_ms", count->from_ms);
    jsonw_i64(w, "width_ms", count->width_ms);
    jsonw_u64(w, "total", count->total);
    jsonw_bool(w, "complete", complete);
    jsonw_i64(w, "counted_from_ms", complete ? count->from_ms : count->oldest_ms);
    jsonw_array(w, "buckets");
    for (uint32_t i = 0; i < count->n; i++) {
        jsonw_object(w, NULL);
        for (size_t kind = 0; kind < KINDS; kind++) {
            jsonw_u64(w, kinds[kind], count->buckets[i][kind]);
        }
        jsonw_end(w);
    }
    jsonw_end(w);
    jsonw_end(w);
}

/* Buckets of the wanted width, or so many; at most BUCKETS_MAX. */
static bool ask(struct server *server, struct request *request, struct records_query *query,
                struct count *count, struct reply *reply)
{
    int64_t width = 0;
    if (!findings_time(server, request_query(request, "from"), "from", &query->from_ms, reply) ||
        !findings_time(server, request_query(request, "to"), "to", &query->to_ms, reply) ||
        !request_number(request, "width_ms", 1, INT64_MAX / 2, 0, &width, reply)) {
        return false;
    }
    query->to_ms = query->to_ms ? query->to_ms : server->now_ms();
    query->from_ms = query->from_ms ? query->from_ms : query->to_ms - DAY_MS;
    int64_t span = query->to_ms - query->from_ms;
    if (span <= 0) {
        reply_problem(reply, 400, "bad_time", "`from` is before `to`");
        return false;
    }
    width = width ? width : (span + BUCKETS - 1) / BUCKETS;
    if ((span - 1) / width >= BUCKETS_MAX) {
        reply_problem(reply, 400, "bad_query", "at most %d buckets: `width_ms` is too small",
                      BUCKETS_MAX);
        return false;
    }
    count->from_ms = query->from_ms;
    count->width_ms = width;
    count->n = (uint32_t)((span - 1) / width + 1);
    return true;
}

enum http_result findings_activity_histogram(struct server *server, struct request *request,
                                             struct reply *reply)
{
    CLEANUP(filter_done) struct filter filter = { 0 };
    struct records_query query = { .over = FILTER_ACTIVITY, .deadline_ms = DEADLINE_MS };
    struct err err = { 0 };
    struct count *count = ARENA_ARRAY(request->arena, struct count, 1);
    if (!count) {
        return reply_problem(reply, 503, "out_of_memory", "out of memory");
    }
    *count = (struct count){ 0 };
    if (!ask(server, request, &query, count, reply) ||
        !findings_filter(server, request, FILTER_ACTIVITY, request_query(request, "filter"),
                         &filter, reply)) {
        return HTTP_DONE;
    }
    query.filter = &filter;
    int r = server->store->records->each(server->store, &query, count_record, count, &err);
    if (r < 0 && r != -ETIMEDOUT) {
        return findings_failed(reply, &err);
    }
    put_count(reply_json(reply, 200), count, r != -ETIMEDOUT && !count->full);
    return HTTP_DONE;
}
