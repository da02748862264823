/*
 * findings_records: alerts and activity as they came, a page at a time.
 *
 * A cursor is "DAY.ROW". What was stored is JSON and goes out as it is, with its finding's id left to the finding.
 */
#include "server/findings.h"
#include "server/server.h"

#include "base/cleanup.h"
#include "store/records.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define LIMIT_DEFAULT 50
#define PAGE_BYTES    ((size_t)16 << 20)

struct page {
    struct jsonw *w;
    uint32_t n, limit;
    size_t bytes;
    struct records_place last;
    bool more, activity;
};

/* Activity does not say itself whose it is. */
static void put_record(struct page *page, const struct record_row *row)
{
    if (!page->activity || row->body.n < 2) {
        jsonw_raw(page->w, NULL, row->body);
        return;
    }
    jsonw_raw(page->w, NULL, STR("{\"agent\":"));
    buf_json_str(page->w->buf, row->agent);
    buf_putc(page->w->buf, ',');
    buf_puts(page->w->buf, str_from_offset(row->body, 1));
}

static int write_record(void *data, const struct record_row *row)
{
    struct page *page = data;
    if (page->n == page->limit || page->bytes > PAGE_BYTES) {
        page->more = true;
        return 1;
    }
    put_record(page, row);
    page->n++;
    page->bytes += row->body.n;
    page->last = row->place;
    return 0;
}

static bool read_cursor(struct str cursor, struct records_place *ret)
{
    char text[48];
    int n = 0;
    if (cursor.n >= sizeof(text)) {
        return false;
    }
    memcpy(text, cursor.p, cursor.n);
    text[cursor.n] = '\0';
    return sscanf(text, "%" SCNd64 ".%" SCNd64 "%n", &ret->day_ms, &ret->row, &n) == 2 &&
           (size_t)n == cursor.n && ret->day_ms > 0 && ret->row > 0;
}

static bool ask(struct server *server, struct request *request, enum filter_over over,
                struct filter *filter, struct records_query *ret, int64_t *ret_limit,
                struct reply *reply)
{
    struct str cursor = request_query(request, "cursor");
    ret->over = over;
    if (!findings_time(server, request_query(request, "from"), "from", &ret->from_ms, reply) ||
        !findings_time(server, request_query(request, "to"), "to", &ret->to_ms, reply) ||
        !request_number(request, "limit", 1, RECORDS_PAGE_MAX, LIMIT_DEFAULT, ret_limit, reply)) {
        return false;
    }
    if (cursor.p && !read_cursor(cursor, &ret->after)) {
        reply_problem(reply, 400, "bad_cursor", "cursor is not the \"next\" of an answer");
        return false;
    }
    struct str text = request_query(request, "filter");
    if (!findings_filter(server, request, over, text, filter, reply)) {
        return false;
    }
    ret->filter = filter;
    return true;
}

static enum http_result give_page(struct server *server, struct request *request,
                                  const struct records_query *query, int64_t limit,
                                  struct reply *reply)
{
    struct err err = { 0 };
    struct page page = { .w = reply_json(reply, 200),
                         .limit = (uint32_t)limit,
                         .activity = query->over == FILTER_ACTIVITY };
    jsonw_object(page.w, NULL);
    jsonw_array(page.w, "items");
    if (server->store->records->each(server->store, query, write_record, &page, &err) < 0) {
        return findings_failed(reply, &err);
    }
    jsonw_end(page.w);
    if (page.more) {
        char next[48];
        int n =
            snprintf(next, sizeof(next), "%" PRId64 ".%" PRId64, page.last.day_ms, page.last.row);
        jsonw_str(page.w, "next", arena_str(request->arena, str_from(next, (size_t)n)));
    } else {
        jsonw_null(page.w, "next");
    }
    jsonw_end(page.w);
    return HTTP_DONE;
}

static enum http_result list(struct server *server, struct request *request, enum filter_over over,
                             int64_t finding, struct reply *reply)
{
    CLEANUP(filter_done) struct filter filter = { 0 };
    struct records_query query = { .finding = finding };
    int64_t limit;
    return ask(server, request, over, &filter, &query, &limit, reply)
               ? give_page(server, request, &query, limit, reply)
               : HTTP_DONE;
}

enum http_result findings_alerts(struct server *server, struct request *request,
                                 struct reply *reply)
{
    return list(server, request, FILTER_ALERTS, 0, reply);
}

enum http_result findings_activity(struct server *server, struct request *request,
                                   struct reply *reply)
{
    return list(server, request, FILTER_ACTIVITY, 0, reply);
}

enum http_result findings_alerts_of(struct server *server, struct request *request,
                                    struct reply *reply)
{
    struct finding finding;
    struct err err = { 0 };
    if (server->store->findings->get(server->store, request_param(request, "id"), request->arena,
                                     &finding, &err) < 0) {
        return reply_error(reply, &err);
    }
    return list(server, request, FILTER_ALERTS, finding.row, reply);
}
