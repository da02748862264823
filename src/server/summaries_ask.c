/*
 * summaries_ask: the question that a finding makes, and the route that shows it without asking.
 */
#include "server/summaries_internal.h"

#include "report/report.h"
#include "server/content.h"

#include <errno.h>
#include <sodium.h>

int summaries_question(struct server *server, const struct finding *finding, struct str language,
                       struct arena *arena, struct summaries_question *ret, struct err *err)
{
    const struct report_options options = { .others = -1 };
    struct report report;
    struct summaries_question made = { 0 };
    struct summarise_question question = { .facts = &made.facts, .language = language };
    int r = summarise_facts(finding, arena, &made.facts);
    r = r == 0 ? report_make(content_report_texts(server), finding, &options, arena, &report) : r;
    if (r == 0) {
        question.about_rule = report.why;
        randombytes_buf(question.nonce, sizeof(question.nonce));
        r = summarise_prompt(&question, arena, &made.prompt);
    }
    if (r < 0) {
        return err_set(err, r, "the finding is too large to be told");
    }
    *ret = made;
    return 0;
}

static void put_facts(struct jsonw *w, const struct summarise_facts *facts)
{
    jsonw_array(w, "facts");
    for (uint32_t i = 0; i < facts->n; i++) {
        const struct summarise_fact *fact = &facts->v[i];
        jsonw_object(w, NULL);
        jsonw_str(w, "id", fact->id);
        jsonw_str(w, "value", fact->value);
        jsonw_bool(w, "redacted", fact->redacted);
        jsonw_bool(w, "cut", fact->cut);
        jsonw_end(w);
    }
    jsonw_end(w);
    jsonw_bool(w, "more", facts->more);
}

HANDLER(summaries_preview)
{
    const struct summaries *summaries = server->summaries;
    struct str asked = request_query(request, "language");
    struct str language = asked.p ? asked : summaries->settings.language;
    struct finding finding;
    struct summaries_question question;
    struct err err = { 0 };
    if (!summarise_language_is_good(language)) {
        return reply_problem(reply, 400, "bad_language", "`language` is a tag of BCP 47: en, ja.");
    }
    if (!findings_of_path(server, request, &finding, reply)) {
        return HTTP_DONE;
    }
    if (summaries_question(server, &finding, language, request->arena, &question, &err) < 0) {
        return reply_error(reply, &err);
    }
    const struct summaries_settings *s = &summaries->settings;
    struct jsonw *w = reply_json(reply, 200);
    jsonw_object(w, NULL);
    jsonw_bool(w, "enabled", s->on);
    jsonw_strz(w, "provider", s->on ? summarise_provider_name(s->model.provider) : NULL);
    jsonw_strz(w, "model", s->on ? s->model.model.p : NULL);
    jsonw_strz(w, "host", s->on ? s->host : NULL);
    jsonw_str(w, "language", language);
    put_facts(w, &question.facts);
    jsonw_str(w, "system", question.prompt.system);
    jsonw_str(w, "user", question.prompt.user);
    jsonw_end(w);
    return HTTP_DONE;
}
