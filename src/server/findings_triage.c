/*
 * findings_triage: status and assignee, of one finding or of many.
 *
 * Who changes one finding says which version of it was looked at; who changes many by a filter says how many they
 * are, so that nobody archives what came after the list was read.
 */
#include "server/audit.h"
#include "server/findings.h"
#include "server/server.h"

#include "base/cleanup.h"

#include <errno.h>

#define ASSIGNEE_MAX  256
#define TIME_TEXT_MAX 64
/* findings of one request that have an entry each in the audit log */
#define BULK_AUDITED_EACH 20

static bool is_status(struct str status)
{
    return str_eqz(status, "new") || str_eqz(status, "acknowledged") ||
           str_eqz(status, "archived") || str_eqz(status, "suppressed");
}

static bool has(struct json_object *object, const char *key)
{
    return json_object_object_get_ex(object, key, NULL);
}

/* "status" and "assignee" (null: nobody). */
static bool read_change(struct server *server, struct request *request, struct json_object *body,
                        struct findings_change *ret, struct reply *reply)
{
    *ret = (struct findings_change){ .set_status = has(body, "status"),
                                     .set_assignee = has(body, "assignee"),
                                     .now_ms = server->now_ms() };
    if (!ret->set_status && !ret->set_assignee) {
        reply_problem(reply, 422, "nothing_to_change", "say status, assignee, or both");
        return false;
    }
    if (!request_member_text(request, body, "status", ret->set_status, 32, &ret->status, reply) ||
        !request_member_text(request, body, "assignee", false, ASSIGNEE_MAX, &ret->assignee,
                             reply)) {
        return false;
    }
    if (ret->set_status && !is_status(ret->status)) {
        reply_problem(reply, 422, "bad_status",
                      "status is new, acknowledged, archived or suppressed");
        return false;
    }
    return true;
}

static void tell(struct server *server, const struct finding *finding)
{
    struct buf buf;
    buf_init(&buf, HUB_MESSAGE_MAX);
    struct jsonw w = { .buf = &buf };
    jsonw_object(&w, NULL);
    jsonw_str(&w, "id", finding->id);
    jsonw_strz(&w, "change", "updated");
    jsonw_str(&w, "status", finding->status);
    jsonw_str(&w, "assignee", finding->assignee);
    jsonw_end(&w);
    if (!buf.failed && server->hub) {
        hub_publish(server->hub, HUB_FINDING, buf_str(&buf));
    }
    buf_done(&buf);
}

/* `count`: of "many" */
static void audit_change(struct server *server, struct request *request, struct str id,
                         const struct findings_change *change, uint32_t count)
{
    struct store_audit audit =
        audit_of(server, request, change->set_status ? "finding.status" : "finding.assign",
                 audit_object(request, "finding", id));
    struct buf detail;
    struct jsonw w = { .buf = &detail };
    buf_init(&detail, AUDIT_DETAIL_MAX);
    jsonw_object(&w, NULL);
    if (change->set_status) {
        jsonw_str(&w, "status", change->status);
    }
    if (change->set_assignee && change->assignee.n > 0) {
        jsonw_str(&w, "assignee", change->assignee);
    } else if (change->set_assignee) {
        jsonw_null(&w, "assignee");
    }
    if (count > 0) {
        jsonw_u64(&w, "count", count);
    }
    jsonw_end(&w);
    audit.detail = detail.failed ? (struct str){ 0 } : buf_str(&detail);
    audit_write(server, &audit);
    buf_done(&detail);
}

/* Few findings have an entry each, so that each shows it; many have one together. */
static void audit_bulk(struct server *server, struct request *request, struct json_object *ids,
                       const struct findings_change *change, uint32_t changed)
{
    size_t n = ids ? json_object_array_length(ids) : 0;
    if (n == 0 || n > BULK_AUDITED_EACH) {
        audit_change(server, request, STR("many"), change, changed);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        audit_change(server, request,
                     str_of(json_object_get_string(json_object_array_get_idx(ids, i))), change, 0);
    }
}

enum http_result findings_patch(struct server *server, struct request *request, struct reply *reply)
{
    const struct store_findings_ops *ops = server->store->findings;
    struct json_object *body = request_json(request, reply);
    struct str id = request_param(request, "id");
    struct findings_change change;
    struct finding finding;
    struct err err = { 0 };
    uint32_t n;
    if (!body || !request_members_only(request, body, "status assignee version", reply) ||
        !read_change(server, request, body, &change, reply) ||
        !request_member_number(request, body, "version", false, 1, INT64_MAX, &change.version,
                               reply)) {
        return HTTP_DONE;
    }
    if (ops->get(server->store, id, request->arena, &finding, &err) < 0 ||
        ops->change(server->store, &finding.row, 1, &change, &n, &err) < 0 ||
        ops->get(server->store, id, request->arena, &finding, &err) < 0) {
        return reply_error(reply, &err);
    }
    audit_change(server, request, id, &change, 0);
    tell(server, &finding);
    findings_write(reply_json(reply, 200), NULL, &finding);
    return HTTP_DONE;
}

/* Rows of "ids". */
static bool rows_of_ids(struct server *server, struct request *request, struct json_object *ids,
                        int64_t **ret, uint32_t *ret_n, struct reply *reply)
{
    size_t n = json_object_array_length(ids);
    int64_t *rows = n <= FINDINGS_PAGE_MAX ? ARENA_ARRAY(request->arena, int64_t, n) : NULL;
    if (!rows) {
        reply_problem(reply, 422, "too_many", "at most %d ids at once; use a filter for more",
                      FINDINGS_PAGE_MAX);
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        struct finding finding;
        struct err err = { 0 };
        struct json_object *id = json_object_array_get_idx(ids, i);
        if (!json_object_is_type(id, json_type_string)) {
            reply_problem(reply, 422, "bad_ids", "ids is a list of texts");
            return false;
        }
        if (server->store->findings->get(server->store, str_of(json_object_get_string(id)),
                                         request->arena, &finding, &err) < 0) {
            reply_error(reply, &err);
            return false;
        }
        rows[i] = finding.row;
    }
    *ret = rows;
    *ret_n = (uint32_t)n;
    return true;
}

/* "filter" with "text", "from" and "to", as the list takes them. */
static bool read_query(struct server *server, struct request *request, struct json_object *body,
                       struct filter *filter, struct findings_query *query, struct reply *reply)
{
    struct str text, words = { 0 }, from = { 0 }, to = { 0 };
    return request_member_text(request, body, "filter", true, FILTER_TEXT_MAX, &text, reply) &&
           request_member_text(request, body, "text", false, FINDINGS_TEXT_MAX, &words, reply) &&
           request_member_text(request, body, "from", false, TIME_TEXT_MAX, &from, reply) &&
           request_member_text(request, body, "to", false, TIME_TEXT_MAX, &to, reply) &&
           findings_words(request, text, words, &text, reply) &&
           findings_time(server, from, "from", &query->from_ms, reply) &&
           findings_time(server, to, "to", &query->to_ms, reply) &&
           findings_filter(server, request, FILTER_FINDINGS, text, filter, reply);
}

/* Rows that the filter selects, exactly "expected" of them. */
static bool rows_of_filter(struct server *server, struct request *request, struct json_object *body,
                           int64_t **ret, uint32_t *ret_n, struct reply *reply)
{
    CLEANUP(filter_done) struct filter filter = { 0 };
    struct findings_query query = { .filter = &filter };
    int64_t expected;
    struct err err = { 0 };
    if (!request_member_number(request, body, "expected", true, 0, FINDINGS_BULK_MAX, &expected,
                               reply) ||
        !read_query(server, request, body, &filter, &query, reply)) {
        return false;
    }
    int r = filter_context_new(&query.context);
    r = r < 0 ? err_set(&err, r, "out of memory")
              : server->store->findings->select(server->store, &query, (uint32_t)expected + 1,
                                                request->arena, ret, ret_n, &err);
    filter_context_free(query.context);
    if (r < 0) {
        reply_error(reply, &err);
        return false;
    }
    if (*ret_n != (uint32_t)expected) {
        reply_problem(reply, 409, "count_changed",
                      "the filter selects %s than %lld findings now; look at the list again",
                      *ret_n > (uint32_t)expected ? "more" : "fewer", (long long)expected);
        return false;
    }
    return true;
}

enum http_result findings_bulk(struct server *server, struct request *request, struct reply *reply)
{
    struct json_object *body = request_json(request, reply);
    struct json_object *ids = NULL;
    struct findings_change change;
    struct err err = { 0 };
    int64_t *rows = NULL;
    uint32_t n = 0;
    if (!body ||
        !request_members_only(request, body, "ids filter text from to expected status assignee",
                              reply) ||
        !read_change(server, request, body, &change, reply)) {
        return HTTP_DONE;
    }
    bool by_ids = json_object_object_get_ex(body, "ids", &ids);
    if (by_ids ? !json_object_is_type(ids, json_type_array) : !has(body, "filter")) {
        return reply_problem(reply, 422, "bad_ids", "say ids (a list), or filter and expected");
    }
    if (by_ids ? !rows_of_ids(server, request, ids, &rows, &n, reply)
               : !rows_of_filter(server, request, body, &rows, &n, reply)) {
        return HTTP_DONE;
    }
    if (server->store->findings->change(server->store, rows, n, &change, &n, &err) < 0) {
        return reply_error(reply, &err);
    }
    audit_bulk(server, request, by_ids ? ids : NULL, &change, n);
    struct jsonw *w = reply_json(reply, 200);
    jsonw_object(w, NULL);
    jsonw_u64(w, "changed", n);
    jsonw_end(w);
    return HTTP_DONE;
}
