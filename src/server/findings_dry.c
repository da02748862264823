/*
 * findings_dry: a rule tried on what is kept: activity and alerts of the last hours.
 *
 * A kept record has not every field that a condition may ask for. What follows without the missing ones is told as it is;
 * what depends on them is undecided, and the missing fields are counted. The time is bounded, whatever there is: an
 * answer that is not complete says so.
 */
#include "server/findings_internal.h"

#include "base/cleanup.h"
#include "server/content.h"
#include "store/records.h"

#include <errno.h>
#include <stdlib.h>

#define HOUR_MS         INT64_C(3600000)
#define HOURS_DEFAULT   24
#define HOURS_MAX       744
#define SAMPLES_DEFAULT 20
#define SAMPLES_MAX     100
#define SAMPLE_BYTES    ((size_t)8 << 20)
#define HALF_MS         8000 /* for activity, and for alerts */
#define TEXT_MAX        ((size_t)4 << 20)
#define DEPTH_MAX       4

/* ---- records, and what they lack */

bool record_open(struct str body, struct json_object **ret, struct json_object **ret_fields,
                 struct json_object **ret_tags)
{
    struct json_object *fields = NULL, *tags = NULL;
    CLEANUP(cleanup_free) char *text = str_dupz(body);
    struct json_object *json = text ? json_tokener_parse(text) : NULL;
    if (!json || !json_object_is_type(json, json_type_object)) {
        json_object_put(json);
        return false;
    }
    if (!json_object_object_get_ex(json, "output_fields", &fields)) {
        json_object_object_get_ex(json, "fields", &fields);
    }
    json_object_object_get_ex(json, "tags", &tags);
    *ret = json;
    *ret_fields = json_object_is_type(fields, json_type_object) ? fields : NULL;
    *ret_tags = json_object_is_type(tags, json_type_array) ? tags : NULL;
    return true;
}

static void note(struct missing_fields *missing, const char *name)
{
    for (uint32_t i = 0; i < missing->n; i++) {
        if (missing->v[i].name == name) {
            missing->v[i].n++;
            return;
        }
    }
    if (missing->n < MISSING_MAX) {
        missing->v[missing->n++] = (struct missing_field){ name, 1 };
    }
}

static bool carries(struct json_object *fields, const struct field_ref *field)
{
    const char *name = field_table[field->id].name;
    if (field->has_arg) { /* told under several names: by its first part */
        struct str base = str_of(name);
        json_object_object_foreach(fields, key, value)
        {
            (void)value;
            if (str_starts(str_of(key), base)) {
                return true;
            }
        }
        return false;
    }
    return json_object_object_get_ex(fields, name, NULL);
}

/* Arguments of transformers nest a little. */
static void note_expr(struct missing_fields *missing, const struct expr *expr,
                      struct json_object *fields, unsigned depth)
{
    if (!expr || depth > DEPTH_MAX) {
        return;
    }
    if (expr->kind == EXPR_FIELD && expr->field.id < FIELD_COUNT &&
        (!fields || !carries(fields, &expr->field))) {
        note(missing, field_table[expr->field.id].name);
    }
    for (uint32_t i = 0; i < expr->nargs; i++) {
        note_expr(missing, expr->args[i], fields, depth + 1);
    }
}

struct noted {
    struct missing_fields now; /* of this record, each once */
    struct json_object *fields;
};

static void note_cond(struct noted *noted, const struct cond *cond)
{
    if (cond->kind == COND_CHECK) {
        note_expr(&noted->now, cond->check->left, noted->fields, 0);
        note_expr(&noted->now, cond->check->right, noted->fields, 0);
    }
    for (uint32_t i = 0;
         cond->kind != COND_CHECK && i < (cond->kind == COND_NOT ? 1 : cond->nitems); i++) {
        note_cond(noted, cond->items[i]);
    }
}

void missing_note(struct missing_fields *missing, const struct cond *cond,
                  struct json_object *fields)
{
    struct noted noted = { .fields = fields };
    note_cond(&noted, cond);
    for (uint32_t i = 0; i < noted.now.n; i++) {
        note(missing, noted.now.v[i].name);
    }
}

void missing_write(struct jsonw *w, const char *of, const struct missing_fields *missing)
{
    jsonw_array(w, "missing");
    for (uint32_t i = 0; i < missing->n; i++) {
        jsonw_object(w, NULL);
        jsonw_strz(w, "field", missing->v[i].name);
        jsonw_u64(w, of, missing->v[i].n);
        jsonw_end(w);
    }
    jsonw_end(w);
}

/* ---- the run */

struct counts {
    uint64_t looked_at, matched, undecided;
};

struct sample {
    struct str body;
    bool alert, matched;
};

struct run {
    const struct cond *cond;
    struct filter_context *context;
    struct arena *arena;
    struct counts counts[2]; /* activity, alerts */
    unsigned over;
    struct missing_fields missing;
    struct sample *samples;
    uint32_t nsamples, max;
    size_t bytes;
    bool complete;
};

static void keep_sample(struct run *run, struct str body, bool matched)
{
    if (run->nsamples == run->max || run->bytes + body.n > SAMPLE_BYTES) {
        return;
    }
    struct sample s = { arena_str(run->arena, body), run->over == 1, matched };
    if (s.body.p) {
        run->samples[run->nsamples++] = s;
        run->bytes += body.n;
    }
}

static int try_one(void *data, const struct record_row *row)
{
    struct run *run = data;
    struct counts *counts = &run->counts[run->over];
    struct json_object *json = NULL;
    struct record record = { .partial = true };
    if (!record_open(row->body, &json, &record.fields, &record.tags)) {
        return 0;
    }
    enum filter_answer answer = filter_cond_holds(run->cond, run->context, &record);
    counts->looked_at++;
    counts->matched += answer == FILTER_YES;
    counts->undecided += answer == FILTER_UNDECIDED;
    if (answer == FILTER_UNDECIDED) {
        missing_note(&run->missing, run->cond, record.fields);
    }
    if (answer == FILTER_YES || (answer == FILTER_UNDECIDED && run->nsamples < run->max / 2)) {
        keep_sample(run, row->body, answer == FILTER_YES);
    }
    json_object_put(json);
    return 0;
}

static int run_over(struct server *server, struct run *run, unsigned over, int64_t from_ms,
                    struct err *err)
{
    struct records_query query = { .over = over ? FILTER_ALERTS : FILTER_ACTIVITY,
                                   .from_ms = from_ms,
                                   .deadline_ms = HALF_MS };
    run->over = over;
    int r = server->store->records->each(server->store, &query, try_one, run, err);
    run->complete = run->complete && r == 0;
    return r == -ETIMEDOUT ? 0 : r;
}

static void put_counts(struct jsonw *w, const char *key, const struct counts *c)
{
    jsonw_object(w, key);
    jsonw_u64(w, "looked_at", c->looked_at);
    jsonw_u64(w, "matched", c->matched);
    jsonw_u64(w, "undecided", c->undecided);
    jsonw_u64(w, "not", c->looked_at - c->matched - c->undecided);
    jsonw_end(w);
}

static enum http_result put_run(struct reply *reply, const struct run *run, struct str rule,
                                int64_t from_ms)
{
    struct jsonw *w = reply_json(reply, 200);
    jsonw_object(w, NULL);
    jsonw_str(w, "rule", rule);
    jsonw_i64(w, "from_ms", from_ms);
    put_counts(w, "activity", &run->counts[0]);
    put_counts(w, "alerts", &run->counts[1]);
    missing_write(w, "records", &run->missing);
    jsonw_bool(w, "complete", run->complete);
    jsonw_array(w, "samples");
    for (uint32_t i = 0; i < run->nsamples; i++) {
        jsonw_object(w, NULL);
        jsonw_strz(w, "over", run->samples[i].alert ? "alerts" : "activity");
        jsonw_bool(w, "matched", run->samples[i].matched);
        jsonw_raw(w, "record", run->samples[i].body);
        jsonw_end(w);
    }
    jsonw_end(w);
    jsonw_end(w);
    return HTTP_DONE;
}

static bool read_body(struct request *request, struct json_object *body,
                      struct content_trial_of *of, int64_t *hours, int64_t *samples,
                      struct reply *reply)
{
    if (!request_members_only(request, body, "condition text rule hours samples", reply) ||
        !request_member_text(request, body, "condition", false, FILTER_TEXT_MAX, &of->condition,
                             reply) ||
        !request_member_text(request, body, "text", false, TEXT_MAX, &of->text, reply) ||
        !request_member_text(request, body, "rule", false, 200, &of->rule, reply) ||
        !request_member_number(request, body, "hours", false, 1, HOURS_MAX, hours, reply) ||
        !request_member_number(request, body, "samples", false, 0, SAMPLES_MAX, samples, reply)) {
        return false;
    }
    bool by_rule = of->text.n > 0 || of->rule.n > 0;
    if ((of->condition.n > 0) == by_rule) {
        reply_problem(reply, 422, "bad_member",
                      "Say `condition`, or `text` (rules) and, if need be, `rule`.");
        return false;
    }
    return true;
}

static void free_trial(struct content_trial **trial)
{
    content_trial_free(*trial);
}

HANDLER(findings_dry_run)
{
    CLEANUP(free_trial) struct content_trial *trial = NULL;
    struct json_object *body = request_json(request, reply);
    struct content_trial_of of = { 0 };
    int64_t hours = HOURS_DEFAULT, samples = SAMPLES_DEFAULT;
    struct run run = { .arena = request->arena, .complete = true };
    struct err err = { 0 };
    if (!body || !read_body(request, body, &of, &hours, &samples, reply) ||
        !content_trial_new(server, request, &of, &trial, reply)) {
        return HTTP_DONE;
    }
    if (!findings_trial_begin(server, reply)) {
        return HTTP_DONE;
    }
    int64_t from_ms = server->now_ms() - hours * HOUR_MS;
    run.cond = content_trial_cond(trial);
    run.max = (uint32_t)samples;
    run.samples = ARENA_ARRAY(request->arena, struct sample, SAMPLES_MAX);
    int r = run.samples ? filter_context_new(&run.context) : -ENOMEM;
    r = r < 0 ? err_set(&err, r, "out of memory") : run_over(server, &run, 0, from_ms, &err);
    r = r == 0 ? run_over(server, &run, 1, from_ms, &err) : r;
    filter_context_free(run.context);
    findings_trial_end(server);
    return r < 0 ? findings_failed(reply, &err)
                 : put_run(reply, &run, content_trial_rule(trial), from_ms);
}
