/*
 * summaries: the module: routes, and how it starts and ends.
 *
 * Asking is a row that is queued, at once; the answer comes later, told by an event of the finding. Whoever may read may see
 * what would leave, and what came; asking sends something out and costs, so it needs the right to triage.
 */
#include "server/summaries_internal.h"

#include "server/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* lint: table */
static const struct route routes[] = {
    { HTTP_GET, "/v1/summaries", MAY_READ, 0, summaries_get_settings, "summaries",
      "Whether findings are told by a language model, and by which", NULL, NULL,
      "summaries-settings", 0 },
    { HTTP_GET, "/v1/findings/{id}/summaries", MAY_READ, 0, summaries_list, "summaries",
      "What language models said of a finding: unverified", NULL, NULL, "summaries", 0 },
    { HTTP_POST, "/v1/findings/{id}/summaries", MAY_TRIAGE, 0, summaries_add, "summaries",
      "Asks the language model; the answer comes later", NULL, "summary-new", "summary", 0 },
    { HTTP_GET, "/v1/findings/{id}/summaries/preview", MAY_READ, 0, summaries_preview, "summaries",
      "What would be sent to the language model", "language", NULL, "summary-preview", 0 },
    { HTTP_DELETE, "/v1/findings/{id}/summaries/{number}", MAY_TRIAGE, 0, summaries_remove,
      "summaries", "Removes what a language model said", NULL, NULL, NULL, 0 },
    { HTTP_GET, "/v1/findings/{id}/report", MAY_READ, 0, summaries_report, "findings",
      "A finding in sentences, from what is known alone", "language", NULL, "finding-report", 0 },
};

/* ---- what is answered */

static void put_or_null(struct jsonw *w, const char *key, struct str text)
{
    if (text.n > 0) {
        jsonw_str(w, key, text);
    } else {
        jsonw_null(w, key);
    }
}

static void put_tokens(struct jsonw *w, const char *key, int64_t n)
{
    if (n >= 0) {
        jsonw_i64(w, key, n);
    } else {
        jsonw_null(w, key);
    }
}

static void put_summary(struct jsonw *w, const struct store_summary *s)
{
    jsonw_object(w, NULL);
    jsonw_i64(w, "id", s->id);
    jsonw_str(w, "state", s->state);
    jsonw_str(w, "language", s->language);
    jsonw_str(w, "author", s->author);
    jsonw_str(w, "provider", s->provider);
    jsonw_str(w, "model", s->model);
    jsonw_i64(w, "created_ms", s->created_ms);
    findings_put_time(w, "done_ms", s->done_ms);
    put_or_null(w, "prompt_hash", s->prompt_hash);
    if (s->body.n > 0) {
        jsonw_raw(w, "answer", s->body);
    } else {
        jsonw_null(w, "answer");
    }
    put_or_null(w, "error", s->error);
    put_tokens(w, "input_tokens", s->input_tokens);
    put_tokens(w, "output_tokens", s->output_tokens);
    jsonw_end(w);
}

HANDLER(summaries_get_settings)
{
    const struct summaries_settings *s = &server->summaries->settings;
    struct err err = { 0 };
    int64_t used = 0;
    if (server->store->summaries->used(server->store, server->now_ms() - SUMMARIES_HOUR_MS, &used,
                                       &err) < 0) {
        return reply_error(reply, &err);
    }
    (void)request;
    struct jsonw *w = reply_json(reply, 200);
    jsonw_object(w, NULL);
    jsonw_bool(w, "enabled", s->on);
    jsonw_strz(w, "provider", s->on ? summarise_provider_name(s->model.provider) : NULL);
    jsonw_strz(w, "model", s->on ? s->model.model.p : NULL);
    jsonw_strz(w, "host", s->on ? s->host : NULL);
    jsonw_str(w, "language", s->language);
    jsonw_u64(w, "per_hour", s->per_hour);
    jsonw_i64(w, "used", used);
    jsonw_u64(w, "max_tokens", s->model.max_tokens ? s->model.max_tokens : SUMMARIES_TOKENS);
    jsonw_u64(w, "timeout_seconds", s->timeout_ms / 1000);
    jsonw_end(w);
    return HTTP_DONE;
}

HANDLER(summaries_list)
{
    struct finding finding;
    struct store_summary *all = NULL;
    size_t n = 0;
    struct err err = { 0 };
    if (!findings_of_path(server, request, &finding, reply)) {
        return HTTP_DONE;
    }
    if (server->store->summaries->list(server->store, finding.id, request->arena, &all, &n, &err) <
        0) {
        return reply_error(reply, &err);
    }
    struct jsonw *w = reply_json(reply, 200);
    jsonw_object(w, NULL);
    jsonw_array(w, "items");
    for (size_t i = 0; i < n; i++) {
        put_summary(w, &all[i]);
    }
    jsonw_end(w);
    jsonw_end(w);
    return HTTP_DONE;
}

/* ---- asking */

static enum http_result busy(struct reply *reply)
{
    reply_header(reply, "Retry-After", STR("30"));
    return reply_problem(reply, 503, "busy", "Too many summaries are being made already.");
}

static enum http_result not_added(const struct summaries_settings *s, struct reply *reply,
                                  const struct err *err)
{
    if (err->code != -EDQUOT) {
        return reply_error(reply, err);
    }
    reply_header(reply, "Retry-After", STR("600"));
    return reply_problem(reply, 429, "summaries_quota",
                         "At most %u summaries an hour (summaries.per_hour).", s->per_hour);
}

static enum http_result enqueue(struct server *server, struct request *request,
                                struct store_summary *summary, struct reply *reply)
{
    struct err ignored = { 0 };
    struct buf detail;
    if (summaries_enqueue(server->summaries, summary->id, summary->finding, summary->language) <
        0) {
        summary->state = STR("failed");
        summary->error = STR("too many summaries were being made already");
        summary->done_ms = server->now_ms();
        server->store->summaries->done(server->store, summary, &ignored);
        return busy(reply);
    }
    buf_init(&detail, AUDIT_DETAIL_MAX);
    buf_printf(&detail, "%.*s, %.*s, %.*s", STR_ARG(summary->language), STR_ARG(summary->provider),
               STR_ARG(summary->model));
    findings_audit(server, request, "finding.summarise",
                   audit_object(request, "finding", summary->finding), buf_str(&detail));
    buf_done(&detail);
    findings_tell(server, summary->finding, "updated");
    put_summary(reply_json(reply, 202), summary);
    return HTTP_DONE;
}

HANDLER(summaries_add)
{
    struct summaries *summaries = server->summaries;
    const struct summaries_settings *s = &summaries->settings;
    struct json_object *body = request_json(request, reply);
    struct str language = s->language;
    struct finding finding;
    struct err err = { 0 };
    if (!body || !request_members_only(request, body, "language", reply) ||
        !request_member_text(request, body, "language", false, SUMMARISE_LANGUAGE_MAX, &language,
                             reply)) {
        return HTTP_DONE;
    }
    if (!s->on) {
        return reply_problem(reply, 409, "summaries_off",
                             "Summaries are off: nothing is sent to a language model. "
                             "`summaries.provider` of the server's configuration turns them on.");
    }
    if (!summarise_language_is_good(language)) {
        return reply_problem(reply, 422, "bad_language", "`language` is a tag of BCP 47: en, ja.");
    }
    if (!findings_of_path(server, request, &finding, reply)) {
        return HTTP_DONE;
    }
    if (!summaries_has_room(summaries)) {
        return busy(reply);
    }
    struct store_summary summary = {
        .finding = finding.id,
        .language = language,
        .author = request->principal->name,
        .provider = str_of(summarise_provider_name(s->model.provider)),
        .model = s->model.model,
        .state = STR("queued"),
        .created_ms = server->now_ms(),
        .input_tokens = -1,
        .output_tokens = -1,
    };
    const struct store_summaries_quota quota = { summary.created_ms - SUMMARIES_HOUR_MS,
                                                 s->per_hour };
    int r = server->store->summaries->add(server->store, &summary, &quota, &summary.id, &err);
    if (r == -EEXIST) {
        return reply_problem(reply, 409, "summary_queued",
                             "A summary in this language is being made already.");
    }
    return r < 0 ? not_added(s, reply, &err) : enqueue(server, request, &summary, reply);
}

/* {number} of the path; 0: it is none. */
static int64_t number_of(struct request *request)
{
    struct str text = request_param(request, "number");
    int64_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9' || i > 17) {
            return 0;
        }
        n = n * 10 + (text.p[i] - '0');
    }
    return n;
}

HANDLER(summaries_remove)
{
    struct finding finding;
    struct err err = { 0 };
    char detail[32];
    int64_t id = number_of(request);
    if (!findings_of_path(server, request, &finding, reply)) {
        return HTTP_DONE;
    }
    if (server->store->summaries->remove(server->store, finding.id, id, &err) < 0) {
        return reply_error(reply, &err);
    }
    snprintf(detail, sizeof(detail), "%lld", (long long)id);
    findings_audit(server, request, "finding.summary_remove",
                   audit_object(request, "finding", finding.id), str_of(detail));
    findings_tell(server, finding.id, "updated");
    return reply_empty(reply, 204);
}

/* ---- the module */

static void stop(struct server *server)
{
    struct summaries *s = server->summaries;
    if (s) {
        summaries_end(s);
        pthread_cond_destroy(&s->more);
        pthread_mutex_destroy(&s->lock);
        free(s);
        server->summaries = NULL;
    }
}

static int start(struct server *server, struct err *err)
{
    if (!server->store || !server->store->summaries) {
        return err_set(err, -ENOSYS, "this store keeps no summaries");
    }
    struct summaries *s = mem_zalloc(sizeof(*s));
    if (!s) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    server->summaries = s;
    s->server = server;
    s->last = &s->first;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->more, NULL);
    int r = summaries_settings(server_config(server), &s->settings, err);
    r = r == 0 ? server->store->summaries->abandon(server->store, server->now_ms(), err) : r;
    if (r < 0) {
        stop(server);
    }
    return r;
}

const struct server_module summaries_module = {
    .name = "summaries",
    .routes = routes,
    .nroutes = sizeof(routes) / sizeof(*routes),
    .start = start,
    .stop = stop,
};
