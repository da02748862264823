/*
 * summaries_report: the report of a finding that needs no model, for those who have no console.
 */
#include "server/summaries_internal.h"

#include "base/cleanup.h"
#include "report/report.h"
#include "server/content.h"

#include <errno.h>

#define COUNT_FILTER_MAX ((size_t)8 << 10)

static void put_quoted(struct buf *buf, struct str text)
{
    buf_putc(buf, '"');
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '"' || text.p[i] == '\\') {
            buf_putc(buf, '\\');
        }
        buf_putc(buf, text.p[i]);
    }
    buf_putc(buf, '"');
}

/* Findings of the rule in the last week but this one, and of this image if there is one; -1: not known. */
static int64_t count(struct server *server, struct request *request, const struct finding *finding,
                     struct str image)
{
    static const int64_t week_ms = INT64_C(7) * 86400000;
    CLEANUP(filter_done) struct filter filter = { 0 };
    struct filter_context *context = NULL;
    struct findings_page page = { 0 };
    struct err err = { 0 };
    struct buf text;
    uint32_t offset;
    int64_t total = -1;
    buf_init(&text, COUNT_FILTER_MAX);
    buf_putz(&text, "rule = ");
    put_quoted(&text, finding->rule);
    buf_printf(&text, " and id != \"%.*s\"", STR_ARG(finding->id));
    if (image.n > 0) {
        buf_putz(&text, " and container.image = ");
        put_quoted(&text, image);
    }
    if (!text.failed && filter_context_new(&context) == 0 &&
        filter_compile(request->arena, FILTER_FINDINGS, buf_str(&text), server->now_ms(), &filter,
                       &offset, &err) == 0) {
        const struct findings_query query = { .filter = &filter,
                                              .context = context,
                                              .from_ms = server->now_ms() - week_ms };
        const struct columns_page one = { .limit = 1 };
        if (server->store->findings->list(server->store, &query, &one, request->arena, &page,
                                          &err) == 0) {
            total = (int64_t)page.total;
        }
    }
    filter_context_free(context);
    buf_done(&text);
    return total;
}

static void put_lines(struct jsonw *w, const char *key, const struct report_lines *lines)
{
    jsonw_array(w, key);
    for (uint32_t i = 0; i < lines->n; i++) {
        jsonw_str(w, NULL, lines->v[i]);
    }
    jsonw_end(w);
}

static void put_known(struct jsonw *w, const char *key, int64_t n, bool known)
{
    if (known) {
        jsonw_i64(w, key, n);
    } else {
        jsonw_null(w, key);
    }
}

static void put_processes(struct jsonw *w, const struct report *report)
{
    jsonw_array(w, "processes");
    for (uint32_t i = 0; i < report->nprocesses; i++) {
        const struct report_process *p = &report->processes[i];
        jsonw_object(w, NULL);
        put_known(w, "pid", p->pid, p->pid > 0);
        put_known(w, "uid", p->uid, p->uid >= 0);
        jsonw_str(w, "name", p->name);
        jsonw_str(w, "exe", p->exe);
        jsonw_str(w, "args", p->args);
        jsonw_end(w);
    }
    jsonw_end(w);
}

HANDLER(summaries_report)
{
    struct str asked = request_query(request, "language");
    struct report_options options = { .language = report_language_of(asked) };
    struct finding finding;
    struct report report;
    struct err err = { .code = -ENOMEM };
    if (asked.p && !summarise_language_is_good(asked)) {
        return reply_problem(reply, 400, "bad_language", "`language` is a tag of BCP 47: en, ja.");
    }
    if (!findings_of_path(server, request, &finding, reply)) {
        return HTTP_DONE;
    }
    options.others = finding.sequence ? -1 : count(server, request, &finding, (struct str){ 0 });
    options.others_of_image = options.others > 0 && finding.image.n
                                  ? count(server, request, &finding, finding.image)
                                  : -1;
    if (report_make(content_report_texts(server), &finding, &options, request->arena, &report) <
        0) {
        return reply_error(reply, &err);
    }
    struct jsonw *w = reply_json(reply, 200);
    jsonw_object(w, NULL);
    jsonw_strz(w, "language", report_language_tag(options.language));
    jsonw_str(w, "title", report.title);
    jsonw_str(w, "summary", report.summary);
    jsonw_str(w, "where", report.where);
    jsonw_str(w, "why", report.why);
    put_lines(w, "details", &report.details);
    put_lines(w, "next", &report.next);
    put_lines(w, "respond", &report.respond);
    put_processes(w, &report);
    jsonw_end(w);
    return HTTP_DONE;
}
