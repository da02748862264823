/*
 * findings_list: pages, facets and histograms of findings, one finding, and the words of filters.
 */
#include "server/findings.h"
#include "server/server.h"

#include "base/cleanup.h"
#include "rules/constant.h"

#include <errno.h>

#define FACET_DEFAULT 20

static const char *const default_facets[] = {
    "status",          "rule", "policy",    "type", "ecs.cluster", "ecs.service", "ecs.task.family",
    "container.image", "host", "user.name", "tag",
};

enum http_result findings_failed(struct reply *reply, const struct err *err)
{
    if (err->code == -ETIMEDOUT) {
        return reply_problem(reply, 503, "query_too_slow", "%s", err->message);
    }
    return reply_error(reply, err);
}

enum http_result findings_list(struct server *server, struct request *request, struct reply *reply)
{
    CLEANUP(findings_asked_done) struct findings_asked asked = { 0 };
    struct findings_page page;
    struct err err = { 0 };
    if (!findings_ask(server, request, &asked, reply)) {
        return HTTP_DONE;
    }
    asked.query.filter = &asked.filter;
    if (server->store->findings->list(server->store, &asked.query, &asked.page, request->arena,
                                      &page, &err) < 0) {
        return findings_failed(reply, &err);
    }
    struct jsonw *w = reply_json(reply, 200);
    jsonw_object(w, NULL);
    jsonw_array(w, "items");
    for (uint32_t i = 0; i < page.n; i++) {
        findings_write(w, NULL, &page.v[i]);
    }
    jsonw_end(w);
    if (page.more) {
        jsonw_str(w, "next", findings_cursor(request, &asked.page, &page.last));
    } else {
        jsonw_null(w, "next");
    }
    jsonw_u64(w, "total", page.total);
    jsonw_end(w);
    return HTTP_DONE;
}

enum http_result findings_get(struct server *server, struct request *request, struct reply *reply)
{
    struct finding finding;
    struct err err = { 0 };
    if (server->store->findings->get(server->store, request_param(request, "id"), request->arena,
                                     &finding, &err) < 0) {
        return findings_failed(reply, &err);
    }
    findings_write(reply_json(reply, 200), NULL, &finding);
    return HTTP_DONE;
}

/* Names separated by commas; the usual ones when there are none. */
static bool ask_facets(struct request *request, enum column *ret, uint32_t *ret_n,
                       struct reply *reply)
{
    struct str names = request_query(request, "facets");
    uint32_t n = 0;
    if (names.n == 0) {
        for (size_t i = 0; i < sizeof(default_facets) / sizeof(default_facets[0]); i++) {
            ret[n++] = column_find(str_of(default_facets[i]));
        }
    }
    while (names.n > 0 && n < COLUMN_COUNT) {
        ptrdiff_t comma = str_find_char(names, ',');
        struct str name = comma < 0 ? names : str_first(names, (size_t)comma);
        names = comma < 0 ? (struct str){ 0 } : str_from_offset(names, (size_t)comma + 1);
        ret[n] = column_find(str_trim(name));
        if (ret[n++] == COLUMN_COUNT) {
            reply_problem(reply, 400, "no_such_facet", "there is no facet '%.*s'",
                          STR_ARG(str_first(name, 64)));
            return false;
        }
    }
    *ret_n = n;
    return true;
}

static void write_facet(struct jsonw *w, const struct findings_facet *facet)
{
    jsonw_object(w, NULL);
    jsonw_strz(w, "name", column_table[facet->column].facet);
    jsonw_array(w, "values");
    for (uint32_t i = 0; i < facet->n; i++) {
        jsonw_object(w, NULL);
        if (facet->v[i].text.n) {
            jsonw_str(w, "value", facet->v[i].text);
        } else {
            jsonw_null(w, "value");
        }
        jsonw_u64(w, "count", facet->v[i].count);
        jsonw_end(w);
    }
    jsonw_end(w);
    jsonw_u64(w, "rest", facet->rest);
    jsonw_end(w);
}

static void write_bands(struct jsonw *w, const char *key, const uint64_t bands[COLUMNS_BANDS])
{
    static const int64_t of[COLUMNS_BANDS] = { 0, 10, 40, 70, 90 };
    jsonw_object(w, key);
    for (unsigned i = 0; i < COLUMNS_BANDS; i++) {
        jsonw_u64(w, filter_band_of(of[i]), bands[i]);
    }
    jsonw_end(w);
}

enum http_result findings_facets(struct server *server, struct request *request,
                                 struct reply *reply)
{
    CLEANUP(findings_asked_done) struct findings_asked asked = { 0 };
    enum column columns[COLUMN_COUNT];
    struct findings_facets facets;
    struct err err = { 0 };
    uint32_t n;
    int64_t top;
    if (!findings_ask(server, request, &asked, reply) || !ask_facets(request, columns, &n, reply) ||
        !request_number(request, "top", 1, FINDINGS_FACET_MAX, FACET_DEFAULT, &top, reply)) {
        return HTTP_DONE;
    }
    if (server->store->findings->facets(server->store, &asked.query, columns, n, (uint32_t)top,
                                        request->arena, &facets, &err) < 0) {
        return findings_failed(reply, &err);
    }
    struct jsonw *w = reply_json(reply, 200);
    jsonw_object(w, NULL);
    jsonw_u64(w, "total", facets.total);
    write_bands(w, "severity", facets.bands);
    jsonw_array(w, "facets");
    for (uint32_t i = 0; i < facets.n; i++) {
        write_facet(w, &facets.v[i]);
    }
    jsonw_end(w);
    jsonw_end(w);
    return HTTP_DONE;
}

enum http_result findings_histogram(struct server *server, struct request *request,
                                    struct reply *reply)
{
    CLEANUP(findings_asked_done) struct findings_asked asked = { 0 };
    struct findings_histogram histogram = { 0 };
    struct err err = { 0 };
    if (!findings_ask(server, request, &asked, reply) ||
        !request_number(request, "width_ms", 1, INT64_MAX / 2, 0, &histogram.width_ms, reply)) {
        return HTTP_DONE;
    }
    if (server->store->findings->histogram(server->store, &asked.query, request->arena, &histogram,
                                           &err) < 0) {
        return findings_failed(reply, &err);
    }
    struct jsonw *w = reply_json(reply, 200);
    jsonw_object(w, NULL);
    jsonw_i64(w, "from_ms", histogram.from_ms);
    jsonw_i64(w, "width_ms", histogram.width_ms);
    jsonw_u64(w, "total", histogram.total);
    jsonw_array(w, "buckets");
    for (uint32_t i = 0; i < histogram.n; i++) {
        write_bands(w, NULL, histogram.v[i]);
    }
    jsonw_end(w);
    jsonw_end(w);
    return HTTP_DONE;
}

static void write_field(struct jsonw *w, const struct field_desc *desc, unsigned over)
{
    static const char *const names[] = { "findings", "alerts", "activity" };
    jsonw_object(w, NULL);
    jsonw_strz(w, "name", desc->name);
    jsonw_strz(w, "type", type_text(desc->type));
    jsonw_bool(w, "list", desc->flags & FIELD_LIST);
    jsonw_bool(w, "argument", desc->flags & FIELD_ARG_REQUIRED);
    jsonw_strz(w, "doc", desc->doc);
    jsonw_array(w, "over");
    for (unsigned i = 0; i < 3; i++) {
        if (over & (1U << i)) {
            jsonw_strz(w, NULL, names[i]);
        }
    }
    jsonw_end(w);
    jsonw_end(w);
}

static void write_operators(struct jsonw *w)
{
    jsonw_array(w, "operators");
    for (unsigned op = 0; op < OP_COUNT; op++) {
        jsonw_strz(w, NULL, op_text((enum ast_op)op));
    }
    jsonw_end(w);
}

enum http_result findings_fields(struct server *server, struct request *request,
                                 struct reply *reply)
{
    (void)server;
    (void)request;
    struct jsonw *w = reply_json(reply, 200);
    jsonw_object(w, NULL);
    jsonw_array(w, "items");
    for (unsigned i = 0; i < OWN_FIELDS; i++) {
        if (own_table[i].desc.doc[0] != '\0') { /* the others are events' fields, too */
            write_field(w, &own_table[i].desc, own_table[i].over);
        }
    }
    for (unsigned i = 0; i < FIELD_COUNT; i++) {
        if (!(field_table[i].flags & (FIELD_EMPTY | FIELD_PRINT_ONLY | FIELD_TABLE_ONLY))) {
            write_field(w, &field_table[i], FILTER_FINDINGS | FILTER_ALERTS | FILTER_ACTIVITY);
        }
    }
    jsonw_end(w);
    write_operators(w);
    jsonw_end(w);
    return HTTP_DONE;
}
