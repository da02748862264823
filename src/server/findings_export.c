/*
 * findings_export: all findings of a filter, as CSV, NDJSON, or Falco's JSON of each one's newest alert.
 *
 * Which findings is decided when the request comes; they are read and written in pieces while the answer goes out, newest
 * first, so its length is not in memory. One that is gone meanwhile is left out. What programs that watch wrote may
 * begin like a formula of a spreadsheet: such cells get a ' in front. An answer that could not be read to its end says so
 * in its last line.
 */
#include "server/findings_internal.h"

#include "base/cleanup.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#define EXPORT_MAX   UINT32_C(1000000)
#define PIECE        100
#define PIECE_MEMORY ((size_t)512 << 20)

enum format { FORMAT_CSV, FORMAT_NDJSON, FORMAT_FALCO, FORMATS };

static const struct format_desc {
    const char *name, *type, *disposition;
} formats[FORMATS] = {
    { "csv", "text/csv; charset=utf-8", "attachment; filename=\"findings.csv\"" },
    { "ndjson", "application/x-ndjson", "attachment; filename=\"findings.ndjson\"" },
    { "falco", "application/x-ndjson", "attachment; filename=\"alerts.ndjson\"" },
};

struct export
{
    struct store *store;
    enum format format;
    const int64_t *rows; /* of the request's arena */
    uint32_t n, at;
    bool begun, failed;
    struct arena arena; /* of a piece */
};

/* ---- CSV: RFC 4180 */

static bool is_formula(struct str s)
{
    return s.n > 0 && strchr("=+-@\t\r\n", s.p[0]) && s.p[0] != '\0';
}

static void put_cell(struct buf *buf, struct str s)
{
    bool quoted = is_formula(s);
    for (size_t i = 0; i < s.n && !quoted; i++) {
        char c = s.p[i];
        quoted =
            c == '"' || c == ',' || c == '\n' || c == '\r' || c == ';' || c == '\t' || c == '\0';
    }
    if (!quoted) {
        buf_puts(buf, s);
        return;
    }
    buf_putz(buf, is_formula(s) ? "\"'" : "\"");
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"') {
            buf_putc(buf, '"');
        }
        buf_putc(buf, s.p[i] == '\0' ? ' ' : s.p[i]);
    }
    buf_putc(buf, '"');
}

static void put_header(struct buf *buf)
{
    const char *comma = "";
#define FINDING_TEXT(member)                                                                       \
    buf_printf(buf, "%s%s", comma, #member);                                                       \
    comma = ",";
#define FINDING_INT(member) FINDING_TEXT(member)
#include "store/finding_columns.def"
    buf_putz(buf, "\r\n");
}

static void put_number(struct buf *buf, const char *name, int64_t v)
{
    if (strcmp(name, "severity") == 0) {
        buf_printf(buf, "%" PRId64 ".%" PRId64, v / 10, v % 10);
    } else if (strcmp(name, "proc_pid") != 0 || v >= 0) {
        buf_i64(buf, v);
    }
}

static void put_row(struct buf *buf, const struct finding *f)
{
    const char *comma = "";
#define FINDING_TEXT(member)                                                                       \
    buf_putz(buf, comma);                                                                          \
    put_cell(buf, f->member);                                                                      \
    comma = ",";
#define FINDING_INT(member)                                                                        \
    buf_putz(buf, comma);                                                                          \
    put_number(buf, #member, f->member);                                                           \
    comma = ",";
#include "store/finding_columns.def"
    buf_putz(buf, "\r\n");
}

/* ---- pieces */

static int put_finding(struct export *e, struct buf *buf, const struct finding *f, struct err *err)
{
    if (e->format == FORMAT_CSV) {
        put_row(buf, f);
        return 0;
    }
    if (e->format == FORMAT_NDJSON) {
        struct jsonw w = { .buf = buf };
        findings_write(&w, NULL, f);
        buf_putc(buf, '\n');
        return 0;
    }
    struct finding whole;
    int r = e->store->findings->get(e->store, f->id, &e->arena, &whole, err);
    struct str alert = r < 0                ? (struct str){ 0 }
                       : whole.last_alert.n ? whole.last_alert
                                            : whole.first_alert;
    if (alert.n > 0) {
        buf_puts(buf, alert);
        buf_putc(buf, '\n');
    }
    return r == -ENOENT ? 0 : r;
}

static void put_failure(struct export *e, struct buf *buf, const struct err *err)
{
    if (e->format == FORMAT_CSV) {
        buf_putz(buf, "incomplete: the rest could not be read\r\n");
    } else {
        struct jsonw w = { .buf = buf };
        jsonw_object(&w, NULL);
        jsonw_strz(&w, "incomplete", err->message);
        jsonw_end(&w);
        buf_putc(buf, '\n');
    }
    e->failed = true;
}

static int put_piece(struct export *e, struct buf *buf, struct err *err)
{
    uint32_t n = e->n - e->at < PIECE ? e->n - e->at : PIECE, found = 0;
    arena_reset(&e->arena);
    struct finding *v = ARENA_ARRAY(&e->arena, struct finding, n);
    if (!v) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    int r = e->store->findings->by_rows(e->store, e->rows + e->at, n, &e->arena, v, &found, err);
    for (uint32_t i = 0; r == 0 && i < found; i++) {
        r = put_finding(e, buf, &v[i], err);
    }
    e->at += n;
    return r;
}

static bool more(void *data, struct buf *buf)
{
    struct export *e = data;
    struct err err = { 0 };
    if (!e->begun && e->format == FORMAT_CSV) {
        put_header(buf);
    }
    e->begun = true;
    if (e->at < e->n && put_piece(e, buf, &err) < 0) {
        put_failure(e, buf, &err);
    }
    return !e->failed && e->at < e->n;
}

static void done(void *data)
{
    struct export *e = data;
    arena_done(&e->arena);
    free(e);
}

/* ---- which */

static bool choose(struct server *server, struct request *request, struct findings_asked *asked,
                   int64_t **ret, uint32_t *ret_n, struct reply *reply)
{
    const struct store_findings_ops *ops = server->store->findings;
    struct findings_page page;
    struct err err = { 0 };
    asked->page.limit = 1;
    asked->query.filter = &asked->filter;
    if (ops->list(server->store, &asked->query, &asked->page, request->arena, &page, &err) < 0) {
        findings_failed(reply, &err);
        return false;
    }
    if (page.total > EXPORT_MAX) {
        reply_problem(reply, 422, "too_many",
                      "These are %llu findings, and at most %u are exported at once: narrow the "
                      "filter or the time.",
                      (unsigned long long)page.total, EXPORT_MAX);
        return false;
    }
    if (page.total > 0 && ops->select(server->store, &asked->query, (uint32_t)page.total,
                                      request->arena, ret, ret_n, &err) < 0) {
        findings_failed(reply, &err);
        return false;
    }
    return true;
}

static enum format find_format(struct str name)
{
    unsigned i = 0;
    while (i < FORMATS && name.n > 0 && !str_eqz(name, formats[i].name)) {
        i++;
    }
    return (enum format)i;
}

HANDLER(findings_export)
{
    CLEANUP(findings_asked_done) struct findings_asked asked = { 0 };
    enum format format = find_format(request_query(request, "format"));
    int64_t *rows = NULL;
    uint32_t n = 0;
    if (format == FORMATS) {
        return reply_problem(reply, 400, "bad_format", "format is csv, ndjson or falco");
    }
    if (!findings_ask(server, request, &asked, reply) ||
        !choose(server, request, &asked, &rows, &n, reply)) {
        return HTTP_DONE;
    }
    struct export *e = mem_zalloc(sizeof(*e));
    if (!e) {
        return reply_problem(reply, 503, "out_of_memory", "out of memory");
    }
    *e = (struct export){ .store = server->store, .format = format, .rows = rows, .n = n };
    arena_init(&e->arena, PIECE_MEMORY);
    findings_audit(server, request, "findings.export", STR("findings"),
                   request_query(request, "filter"));
    reply_header(reply, "Content-Disposition", str_of(formats[format].disposition));
    return reply_stream(reply, 200, formats[format].type, &(struct reply_source){ more, done, e });
}
