/*
 * The audit log as pages and as a file: NDJSON, or CSV in which no cell begins a formula.
 *
 * An export reads a page at a time while it is sent, from the newest entry to the oldest; what is added meanwhile
 * is newer and not part of it.
 */
#include "server/accounts_internal.h"

#include <errno.h>
#include <stdlib.h>

#define EXPORT_PAGE   500
#define EXPORT_MEMORY ((size_t)8 << 20)
#define FILTER_MAX    512

static bool read_filter(struct request *request, struct store_audit_filter *filter,
                        struct reply *reply)
{
    *filter = (struct store_audit_filter){ .actor = request_query(request, "actor"),
                                           .action = request_query(request, "action"),
                                           .object = request_query(request, "object"),
                                           .result = request_query(request, "result") };
    return request_number(request, "from_ms", 0, INT64_MAX, 0, &filter->from_ms, reply) &&
           request_number(request, "to_ms", 0, INT64_MAX, 0, &filter->to_ms, reply);
}

static void write_entry(struct jsonw *w, const struct store_audit *a)
{
    jsonw_object(w, NULL);
    jsonw_i64(w, "id", a->id);
    jsonw_i64(w, "time_ms", a->time_ms);
    jsonw_str(w, "kind", a->kind);
    jsonw_str(w, "actor", a->actor);
    jsonw_str(w, "action", a->action);
    jsonw_str(w, "object", a->object);
    jsonw_str(w, "result", a->result);
    jsonw_str(w, "address", a->address);
    jsonw_str(w, "request", a->request);
    if (a->detail.n > 0) {
        jsonw_raw(w, "detail", a->detail);
    } else {
        jsonw_null(w, "detail");
    }
    jsonw_end(w);
}

enum http_result accounts_audit_get(struct server *server, struct request *request,
                                    struct reply *reply)
{
    struct err err = { 0 };
    struct store_list list;
    struct store_audit_filter filter;
    if (!accounts_page(request, &list, reply) || !read_filter(request, &filter, reply)) {
        return HTTP_DONE;
    }
    if (accounts_ops(server)->audit_list(server->store, &filter, &list, &err) < 0) {
        return reply_error(reply, &err);
    }
    const struct store_audit *entries = list.items;
    struct jsonw *w = reply_json(reply, 200);
    jsonw_object(w, NULL);
    jsonw_array(w, "items");
    for (size_t i = 0; i < list.n; i++) {
        write_entry(w, &entries[i]);
    }
    list.total = -1;
    accounts_page_end(w, &list, list.n ? entries[list.n - 1].id : 0);
    return HTTP_DONE;
}

struct export
{
    struct server *server;
    struct store_audit_filter filter;
    int64_t after;
    bool csv, begun;
    struct buf texts; /* the filter's own */
    struct arena arena;
};

/* Always in quotes; what a spreadsheet would take for a formula gets an apostrophe before it. */
static void put_cell(struct buf *buf, struct str text)
{
    buf_putc(buf, '"');
    if (text.n > 0 && memchr("=+-@\t\r\n", text.p[0], 7)) {
        buf_putc(buf, '\'');
    }
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '"') {
            buf_putc(buf, '"');
        }
        buf_putc(buf, text.p[i]);
    }
    buf_putc(buf, '"');
}

static void put_row(struct buf *buf, const struct store_audit *a)
{
    const struct str cells[] = { a->kind,   a->actor,   a->action,  a->object,
                                 a->result, a->address, a->request, a->detail };
    buf_i64(buf, a->id);
    buf_putc(buf, ',');
    buf_i64(buf, a->time_ms);
    for (size_t i = 0; i < sizeof(cells) / sizeof(cells[0]); i++) {
        buf_putc(buf, ',');
        put_cell(buf, cells[i]);
    }
    buf_putz(buf, "\r\n");
}

static bool more(void *data, struct buf *buf)
{
    struct export *export = data;
    struct err err = { 0 };
    struct store_list list = { .arena = &export->arena,
                               .limit = EXPORT_PAGE,
                               .after = export->after };
    arena_reset(&export->arena);
    if (!export->begun && export->csv) {
        buf_putz(buf, "id,time_ms,kind,actor,action,object,result,address,request,detail\r\n");
    }
    export->begun = true;
    struct server *server = export->server;
    if (accounts_ops(server)->audit_list(server->store, &export->filter, &list, &err) < 0) {
        buf->failed = true;
        return false;
    }
    const struct store_audit *entries = list.items;
    for (size_t i = 0; i < list.n; i++) {
        if (export->csv) {
            put_row(buf, &entries[i]);
        } else {
            struct jsonw w = { .buf = buf };
            write_entry(&w, &entries[i]);
            buf_putc(buf, '\n');
        }
        export->after = entries[i].id;
    }
    return list.n == EXPORT_PAGE && export->after > 1;
}

static void done(void *data)
{
    struct export *export = data;
    arena_done(&export->arena);
    buf_done(&export->texts);
    free(export);
}

/* Copies of the filter's texts: the request is over before the reply is. */
static bool keep_filter(struct export *export, const struct store_audit_filter *filter)
{
    const struct str *from[] = { &filter->actor, &filter->action, &filter->object,
                                 &filter->result };
    struct str *to[] = { &export->filter.actor, &export->filter.action, &export->filter.object,
                         &export->filter.result };
    size_t total = 1;
    export->filter = *filter;
    for (size_t i = 0; i < 4; i++) {
        total += from[i]->n;
    }
    buf_init(&export->texts, total);
    if (!buf_reserve(&export->texts, total)) {
        return false;
    }
    for (size_t i = 0; i < 4; i++) {
        if (from[i]->p) {
            *to[i] = str_from(export->texts.p + export->texts.n, from[i]->n);
            buf_puts(&export->texts, *from[i]);
        }
    }
    return true;
}

enum http_result accounts_audit_export(struct server *server, struct request *request,
                                       struct reply *reply)
{
    struct store_audit_filter filter;
    struct str format = request_query(request, "format");
    bool csv = format.p && str_eq(format, STR("csv"));
    if (!read_filter(request, &filter, reply)) {
        return HTTP_DONE;
    }
    if (format.p && !csv && !str_eq(format, STR("ndjson"))) {
        return reply_problem(reply, 400, "bad_query", "`format` is ndjson or csv");
    }
    struct export *export = mem_zalloc(sizeof(*export));
    if (!export) {
        return reply_problem(reply, 503, "no_memory", "the server is out of memory");
    }
    export->server = server;
    export->csv = csv;
    arena_init(&export->arena, EXPORT_MEMORY);
    if (!keep_filter(export, &filter)) {
        done(export);
        return reply_problem(reply, 503, "no_memory", "the server is out of memory");
    }
    reply_header(reply, "Content-Disposition",
                 csv ? STR("attachment; filename=\"audit.csv\"")
                     : STR("attachment; filename=\"audit.ndjson\""));
    const struct reply_source source = { .more = more, .done = done, .data = export };
    return reply_stream(reply, 200, csv ? "text/csv; charset=utf-8" : "application/x-ndjson",
                        &source);
}
