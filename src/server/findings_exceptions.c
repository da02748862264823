/*
 * findings_exceptions: exceptions of rules, made from findings: proposed, tried on what is kept, saved, taken out again.
 *
 * An exception is a list of (field, operator, value) that all have to hold for the rule to be silent. It becomes an item
 * of the rule's document (exceptions appended), under a name that nobody else has, by which it is found again. Trying it
 * counts the kept alerts of the rule that it would have hidden; an alert that lacks one of the fields, because the rule's
 * output does not have it, is neither hidden nor kept, but undecided.
 */
#include "server/findings_internal.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "server/content.h"
#include "store/records.h"

#include <errno.h>
#include <stdio.h>
#include <sys/random.h>

#define FIELDS_MAX    16
#define VALUES_MAX    100
#define VALUE_MAX     4096
#define DAY_MS        INT64_C(86400000)
#define DAYS_DEFAULT  7
#define DAYS_MAX      31
#define PREVIEW_MS    10000
#define SAMPLES_MAX   20
#define RULE_MAX      200
#define TICK_MS       5000
#define CONDITION_MAX ((size_t)60000)

static const char *const operators[] = { "=",          "!=",       "in",   "contains", "icontains",
                                         "startswith", "endswith", "glob", "pmatch" };

/* ---- fields, as JSON and as a condition */

static bool is_operator(struct str op)
{
    for (size_t i = 0; i < sizeof(operators) / sizeof(*operators); i++) {
        if (str_eqz(op, operators[i])) {
            return true;
        }
    }
    return false;
}

static struct str text_of(struct json_object *value)
{
    return json_object_is_type(value, json_type_string)
               ? str_from(json_object_get_string(value), (size_t)json_object_get_string_len(value))
               : (struct str){ 0 };
}

static struct str member_text(struct json_object *object, const char *key)
{
    struct json_object *value = NULL;
    return json_object_object_get_ex(object, key, &value) ? text_of(value) : (struct str){ 0 };
}

static bool is_name(struct str field)
{
    for (size_t i = 0; i < field.n; i++) {
        char c = field.p[i];
        bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                    c == '.' || c == '_' || c == '[' || c == ']' || c == '-';
        if (!good) {
            return false;
        }
    }
    return field.n > 0 && field.n <= 200;
}

static bool is_value(struct str value)
{
    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];
        if (c < ' ' || c == 0x7f) {
            return false;
        }
    }
    return value.p && value.n > 0 && value.n <= VALUE_MAX;
}

static bool is_value_of(struct json_object *value, bool list)
{
    if (!list) {
        return is_value(text_of(value));
    }
    size_t n = json_object_is_type(value, json_type_array) ? json_object_array_length(value) : 0;
    for (size_t i = 0; i < n; i++) {
        if (!is_value(text_of(json_object_array_get_idx(value, i)))) {
            return false;
        }
    }
    return n > 0 && n <= VALUES_MAX;
}

static struct str op_of(struct json_object *one)
{
    struct str op = member_text(one, "op");
    return op.p ? op : STR("=");
}

static bool check_field(struct request *request, struct json_object *one, struct reply *reply)
{
    if (!json_object_is_type(one, json_type_object)) {
        reply_problem(reply, 422, "bad_fields", "`fields` is a list of {field, op, value}.");
        return false;
    }
    struct str field = member_text(one, "field"), op = op_of(one);
    if (!request_members_only(request, one, "field op value", reply)) {
        return false;
    }
    if (!is_name(field) || !is_operator(op)) {
        reply_problem(reply, 422, "bad_fields",
                      "A field has a name, and an operator among = != in contains icontains "
                      "startswith endswith glob pmatch.");
        return false;
    }
    bool list = str_eqz(op, "in") || str_eqz(op, "pmatch");
    if (!is_value_of(json_object_object_get(one, "value"), list)) {
        reply_problem(reply, 422, "bad_fields",
                      "%.*s: the value is %s, not empty, without control characters.",
                      STR_ARG(field), list ? "a list of texts" : "a text");
        return false;
    }
    return true;
}

/* The member `fields`. False: absent is false, too, with *ret NULL and no reply, unless required. */
static bool read_fields(struct request *request, struct json_object *body, bool required,
                        struct json_object **ret, struct reply *reply)
{
    struct json_object *fields = NULL;
    json_object_object_get_ex(body, "fields", &fields);
    *ret = fields;
    if (!fields && !required) {
        return true;
    }
    size_t n = json_object_is_type(fields, json_type_array) ? json_object_array_length(fields) : 0;
    if (n == 0 || n > FIELDS_MAX) {
        reply_problem(reply, 422, "bad_fields", "`fields` is a list of 1 to %d fields.",
                      FIELDS_MAX);
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (!check_field(request, json_object_array_get_idx(fields, i), reply)) {
            return false;
        }
    }
    return true;
}

/* In quotes as conditions know them. */
static void put_quoted(struct buf *buf, struct str s)
{
    buf_putc(buf, '"');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\') {
            buf_putc(buf, '\\');
        }
        buf_putc(buf, s.p[i]);
    }
    buf_putc(buf, '"');
}

static void put_value(struct buf *buf, struct json_object *value)
{
    if (!json_object_is_type(value, json_type_array)) {
        put_quoted(buf, text_of(value));
        return;
    }
    buf_putc(buf, '(');
    for (size_t i = 0; i < json_object_array_length(value); i++) {
        buf_putz(buf, i ? ", " : "");
        put_quoted(buf, text_of(json_object_array_get_idx(value, i)));
    }
    buf_putc(buf, ')');
}

/* proc.name = "sh" and container.image.repository = "nginx" */
static struct str condition_of(struct request *request, struct json_object *fields)
{
    struct buf buf;
    buf_init(&buf, CONDITION_MAX);
    for (size_t i = 0; i < json_object_array_length(fields); i++) {
        struct json_object *one = json_object_array_get_idx(fields, i);
        buf_putz(&buf, i ? " and " : "");
        buf_puts(&buf, member_text(one, "field"));
        buf_putc(&buf, ' ');
        buf_puts(&buf, op_of(one));
        buf_putc(&buf, ' ');
        put_value(&buf, json_object_object_get(one, "value"));
    }
    struct str text = buf.failed ? (struct str){ 0 } : arena_str(request->arena, buf_str(&buf));
    buf_done(&buf);
    return text;
}

/* ---- the rule that is meant */

struct subject {
    struct str rule;
    struct finding finding; /* id empty: none was named */
    int64_t now_ms;
};

static bool read_subject(struct server *server, struct request *request, struct json_object *body,
                         struct subject *ret, struct reply *reply)
{
    struct str finding = { 0 };
    struct err err = { 0 };
    *ret = (struct subject){ .now_ms = server->now_ms() };
    if (!request_member_text(request, body, "finding", false, 64, &finding, reply) ||
        !request_member_text(request, body, "rule", false, RULE_MAX, &ret->rule, reply)) {
        return false;
    }
    if ((finding.n == 0) == (ret->rule.n == 0)) {
        reply_problem(reply, 422, "bad_member", "Say `finding` or `rule`.");
        return false;
    }
    if (finding.n > 0 && server->store->findings->get(server->store, finding, request->arena,
                                                      &ret->finding, &err) < 0) {
        findings_failed(reply, &err);
        return false;
    }
    ret->rule = finding.n ? ret->finding.rule : ret->rule;
    return true;
}

/* ---- proposals */

static const struct proposal {
    const char *field;
    bool usual; /* what most exceptions are made of */
} proposals[] = {
    { "proc.name", true },
    { "proc.exepath", false },
    { "proc.pname", true },
    { "proc.cmdline", false },
    { "container.image.repository", true },
    { "container.name", false },
    { "fd.name", false },
    { "fd.directory", false },
    { "fs.path.name", false },
    { "fd.sip", false },
    { "fd.sport", false },
    { "user.name", false },
    { "proc.aname[2]", false },
    { "ecs.task.family", false },
    { "ecs.service", false },
    { "ecs.cluster", false },
    { "k8s.ns.name", false },
    { "k8s.pod.name", false },
    { "dns.question.name", false },
};

static void put_proposals(struct jsonw *w, const struct subject *subject)
{
    struct json_object *alert = NULL, *fields = NULL, *tags = NULL;
    struct str body =
        subject->finding.last_alert.n ? subject->finding.last_alert : subject->finding.first_alert;
    bool known = body.n > 0 && record_open(body, &alert, &fields, &tags);
    jsonw_array(w, "proposed");
    for (size_t i = 0; known && i < sizeof(proposals) / sizeof(*proposals); i++) {
        struct json_object *value = NULL;
        if (!fields || !json_object_object_get_ex(fields, proposals[i].field, &value) || !value ||
            json_object_is_type(value, json_type_array)) {
            continue;
        }
        struct str text = str_of(json_object_get_string(value));
        if (is_value(text)) {
            jsonw_object(w, NULL);
            jsonw_strz(w, "field", proposals[i].field);
            jsonw_str(w, "value", text);
            jsonw_bool(w, "usual", proposals[i].usual);
            jsonw_end(w);
        }
    }
    jsonw_end(w);
    json_object_put(alert);
}

/* ---- trying */

struct sample {
    struct str id, output;
    int64_t time_ms;
    bool hidden;
};

struct trial {
    struct arena *arena;
    const struct cond *cond;
    struct filter_context *context;
    uint64_t alerts, hidden, undecided;
    struct missing_fields missing;
    struct sample samples[SAMPLES_MAX];
    uint32_t nsamples;
    bool complete;
};

static void keep_sample(struct trial *t, const struct record_row *row, struct json_object *alert,
                        bool hidden)
{
    if (t->nsamples == SAMPLES_MAX) {
        return;
    }
    struct sample *s = &t->samples[t->nsamples++];
    *s = (struct sample){ .id = arena_str(t->arena, row->id),
                          .output =
                              arena_str(t->arena, str_first(member_text(alert, "output"), 1000)),
                          .time_ms = row->time_ms,
                          .hidden = hidden };
}

static int try_one(void *data, const struct record_row *row)
{
    struct trial *t = data;
    struct json_object *alert = NULL;
    struct record record = { .partial = true };
    if (!record_open(row->body, &alert, &record.fields, &record.tags)) {
        return 0;
    }
    enum filter_answer answer = filter_cond_holds(t->cond, t->context, &record);
    t->alerts++;
    t->hidden += answer == FILTER_YES;
    t->undecided += answer == FILTER_UNDECIDED;
    if (answer == FILTER_UNDECIDED) {
        missing_note(&t->missing, t->cond, record.fields);
    } else if (answer == FILTER_YES) {
        keep_sample(t, row, alert, true);
    }
    json_object_put(alert);
    return 0;
}

static int run_trial(struct server *server, const struct subject *subject, int64_t from_ms,
                     struct trial *trial, struct err *err)
{
    struct records_query query = {
        .over = FILTER_ALERTS, .rule = subject->rule, .from_ms = from_ms, .deadline_ms = PREVIEW_MS
    };
    int r = server->store->records->each(server->store, &query, try_one, trial, err);
    trial->complete = r == 0;
    return r == -ETIMEDOUT ? 0 : r;
}

static void put_trial(struct jsonw *w, const struct trial *t)
{
    jsonw_u64(w, "alerts", t->alerts);
    jsonw_u64(w, "hidden", t->hidden);
    jsonw_u64(w, "undecided", t->undecided);
    missing_write(w, "alerts", &t->missing);
    jsonw_bool(w, "complete", t->complete);
    jsonw_array(w, "samples");
    for (uint32_t i = 0; i < t->nsamples; i++) {
        jsonw_object(w, NULL);
        jsonw_str(w, "id", t->samples[i].id);
        jsonw_i64(w, "time_ms", t->samples[i].time_ms);
        jsonw_bool(w, "hidden", t->samples[i].hidden);
        jsonw_str(w, "output", t->samples[i].output);
        jsonw_end(w);
    }
    jsonw_end(w);
}

/* Compiled over events' fields alone. */
static bool compile(struct server *server, struct request *request, struct str condition,
                    struct filter *ret, struct reply *reply)
{
    struct err err = { 0 };
    uint32_t offset;
    if (filter_compile(request->arena, FILTER_ALERTS, condition, server->now_ms(), ret, &offset,
                       &err) < 0) {
        reply_problem(reply, 422, "bad_fields", "%s", err.message);
        return false;
    }
    return true;
}

static enum http_result preview(struct server *server, struct request *request,
                                const struct subject *subject, struct json_object *fields,
                                int64_t days, struct reply *reply)
{
    CLEANUP(filter_done) struct filter filter = { 0 };
    struct err err = { 0 };
    int64_t from_ms = subject->now_ms - days * DAY_MS;
    struct str condition = fields ? condition_of(request, fields) : (struct str){ 0 };
    struct trial *trial = ARENA_NEW(request->arena, struct trial);
    if (!trial || (fields && !condition.p)) {
        return reply_problem(reply, 422, "too_large", "The exception is too large.");
    }
    if (fields && !compile(server, request, condition, &filter, reply)) {
        return HTTP_DONE;
    }
    trial->arena = request->arena;
    trial->cond = filter.cond;
    trial->complete = true;
    if (fields && !findings_trial_begin(server, reply)) {
        return HTTP_DONE;
    }
    int r = fields ? filter_context_new(&trial->context) : 0;
    r = fields && r == 0 ? run_trial(server, subject, from_ms, trial, &err) : r;
    filter_context_free(trial->context);
    if (fields) {
        findings_trial_end(server);
    }
    if (r < 0) {
        return err.code ? findings_failed(reply, &err)
                        : reply_problem(reply, 503, "out_of_memory", "out of memory");
    }
    struct jsonw *w = reply_json(reply, 200);
    jsonw_object(w, NULL);
    jsonw_str(w, "rule", subject->rule);
    put_proposals(w, subject);
    if (fields) {
        jsonw_str(w, "condition", condition);
    } else {
        jsonw_null(w, "condition");
    }
    jsonw_i64(w, "from_ms", from_ms);
    put_trial(w, trial);
    jsonw_end(w);
    return HTTP_DONE;
}

HANDLER(findings_exception_preview)
{
    struct json_object *body = request_json(request, reply), *fields = NULL;
    struct subject subject;
    int64_t days = DAYS_DEFAULT;
    if (!body || !request_members_only(request, body, "finding rule fields days", reply) ||
        !request_member_number(request, body, "days", false, 1, DAYS_MAX, &days, reply) ||
        !read_fields(request, body, false, &fields, reply) ||
        !read_subject(server, request, body, &subject, reply)) {
        return HTTP_DONE;
    }
    return preview(server, request, &subject, fields, days, reply);
}

/* ---- saving */

static void put_names(struct buf *buf, struct json_object *fields, bool ops)
{
    for (size_t i = 0; i < json_object_array_length(fields); i++) {
        struct json_object *one = json_object_array_get_idx(fields, i);
        buf_putz(buf, i ? ", " : "");
        buf_json_str(buf, ops ? op_of(one) : member_text(one, "field"));
    }
}

/* Quoted also for conditions: they are made of values as texts, in which blanks and parentheses would mean something. */
static void put_item(struct buf *buf, struct str value)
{
    struct buf quoted;
    buf_init(&quoted, 3 * VALUE_MAX);
    put_quoted(&quoted, value);
    buf_json_str(buf, buf_str(&quoted));
    buf->failed = buf->failed || quoted.failed;
    buf_done(&quoted);
}

static void put_values(struct buf *buf, struct json_object *fields)
{
    for (size_t i = 0; i < json_object_array_length(fields); i++) {
        struct json_object *value =
            json_object_object_get(json_object_array_get_idx(fields, i), "value");
        buf_putz(buf, i ? ", " : "");
        if (!json_object_is_type(value, json_type_array)) {
            put_item(buf, text_of(value));
            continue;
        }
        buf_putc(buf, '[');
        for (size_t k = 0; k < json_object_array_length(value); k++) {
            buf_putz(buf, k ? ", " : "");
            put_item(buf, text_of(json_object_array_get_idx(value, k)));
        }
        buf_putc(buf, ']');
    }
}

/* The item of YAML that says it. */
static struct str item_of(struct request *request, struct str rule, struct str mark,
                          struct json_object *fields)
{
    struct buf buf;
    buf_init(&buf, 2 * CONDITION_MAX);
    buf_putz(&buf, "- rule: ");
    buf_json_str(&buf, rule);
    buf_putz(&buf, "\n  exceptions:\n    - name: ");
    buf_puts(&buf, mark);
    buf_putz(&buf, "\n      fields: [");
    put_names(&buf, fields, false);
    buf_putz(&buf, "]\n      comps: [");
    put_names(&buf, fields, true);
    buf_putz(&buf, "]\n      values:\n        - [");
    put_values(&buf, fields);
    buf_putz(&buf, "]\n  override: {exceptions: append}\n");
    struct str text = buf.failed ? (struct str){ 0 } : arena_str(request->arena, buf_str(&buf));
    buf_done(&buf);
    return text;
}

static struct str new_mark(struct request *request)
{
    unsigned char random[8];
    char text[40];
    if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random)) {
        return (struct str){ 0 };
    }
    int n = snprintf(text, sizeof(text), "hinomi_exception_");
    for (size_t i = 0; i < sizeof(random); i++) {
        n += snprintf(text + n, sizeof(text) - (size_t)n, "%02x", random[i]);
    }
    return arena_str(request->arena, str_from(text, (size_t)n));
}

static struct str fields_json(struct request *request, struct json_object *fields)
{
    struct buf buf;
    struct jsonw w = { .buf = &buf };
    buf_init(&buf, 2 * CONDITION_MAX);
    jsonw_array(&w, NULL);
    for (size_t i = 0; i < json_object_array_length(fields); i++) {
        struct json_object *one = json_object_array_get_idx(fields, i);
        jsonw_object(&w, NULL);
        jsonw_str(&w, "field", member_text(one, "field"));
        jsonw_str(&w, "op", op_of(one));
        jsonw_raw(&w, "value",
                  str_of(json_object_to_json_string_ext(json_object_object_get(one, "value"),
                                                        JSON_C_TO_STRING_PLAIN)));
        jsonw_end(&w);
    }
    jsonw_end(&w);
    struct str text = buf.failed ? (struct str){ 0 } : arena_str(request->arena, buf_str(&buf));
    buf_done(&buf);
    return text;
}

/* First kept by the store, then in the rule: what expires is known before it is in force. */
static enum http_result save(struct server *server, struct request *request,
                             struct triage_exception *e, struct str item, struct reply *reply)
{
    struct err err = { 0 };
    const struct store_triage_ops *ops = server->store->triage;
    int64_t version = 0;
    if (ops->exception_add(server->store, e, &e->id, &err) < 0) {
        return reply_error(reply, &err);
    }
    const struct content_part_of_rule part = { e->rule, e->mark, item, e->reason };
    if (!content_add_to_rule(server, request, &part, &version, reply)) {
        struct err ignored = { 0 };
        ops->exception_end(server->store, e->id, "removed", server->now_ms(), &ignored);
        return HTTP_DONE;
    }
    findings_audit(server, request, "exception.create",
                   findings_object(request, "exception", e->id), e->rule);
    struct jsonw *w = reply_json(reply, 201);
    jsonw_object(w, NULL);
    jsonw_i64(w, "id", e->id);
    jsonw_i64(w, "version", version);
    jsonw_end(w);
    return HTTP_DONE;
}

HANDLER(findings_exception_add)
{
    CLEANUP(filter_done) struct filter filter = { 0 };
    struct json_object *body = request_json(request, reply), *fields = NULL;
    struct triage_exception e = { .author = request->principal->name,
                                  .created_ms = server->now_ms() };
    struct subject subject;
    if (!body ||
        !request_members_only(request, body, "finding rule fields reason expires_ms", reply) ||
        !findings_reason(request, body, &e.reason, reply) ||
        !findings_expires(server, request, body, &e.expires_ms, reply) ||
        !read_fields(request, body, true, &fields, reply) ||
        !read_subject(server, request, body, &subject, reply)) {
        return HTTP_DONE;
    }
    struct str condition = condition_of(request, fields);
    e.rule = subject.rule;
    e.finding = subject.finding.id.n ? subject.finding.id : STR("");
    e.mark = new_mark(request);
    e.fields = fields_json(request, fields);
    struct str item = item_of(request, e.rule, e.mark, fields);
    if (!condition.p || !e.mark.p || !e.fields.p || !item.p) {
        return reply_problem(reply, 422, "too_large", "The exception is too large.");
    }
    return compile(server, request, condition, &filter, reply)
               ? save(server, request, &e, item, reply)
               : HTTP_DONE;
}

/* ---- list, remove, expire */

static void put_exception(struct jsonw *w, const struct triage_exception *e)
{
    jsonw_object(w, NULL);
    jsonw_i64(w, "id", e->id);
    jsonw_str(w, "rule", e->rule);
    if (e->finding.n) {
        jsonw_str(w, "finding", e->finding);
    } else {
        jsonw_null(w, "finding");
    }
    jsonw_str(w, "name", e->mark);
    jsonw_raw(w, "fields", e->fields);
    jsonw_str(w, "reason", e->reason);
    jsonw_str(w, "author", e->author);
    jsonw_i64(w, "created_ms", e->created_ms);
    findings_put_time(w, "expires_ms", e->expires_ms);
    jsonw_str(w, "state", e->state);
    findings_put_time(w, "ended_ms", e->ended_ms);
    jsonw_end(w);
}

HANDLER(findings_exceptions)
{
    struct triage_exception *all = NULL;
    struct str active = request_query(request, "active");
    struct err err = { 0 };
    size_t n = 0;
    if (server->store->triage->exceptions(server->store, str_eqz(active, "true"), request->arena,
                                          &all, &n, &err) < 0) {
        return reply_error(reply, &err);
    }
    struct jsonw *w = reply_json(reply, 200);
    jsonw_object(w, NULL);
    jsonw_array(w, "items");
    for (size_t i = 0; i < n; i++) {
        put_exception(w, &all[i]);
    }
    jsonw_end(w);
    jsonw_end(w);
    return HTTP_DONE;
}

static const struct triage_exception *find(const struct triage_exception *all, size_t n, int64_t id)
{
    for (size_t i = 0; i < n; i++) {
        if (all[i].id == id) {
            return &all[i];
        }
    }
    return NULL;
}

/* What it ignores stays: another condition is another exception. */
HANDLER(findings_exception_change)
{
    struct json_object *body = request_json(request, reply);
    struct triage_exception *all = NULL;
    struct err err = { 0 };
    size_t n = 0;
    int64_t id;
    if (!body || !findings_number(request, &id, reply) ||
        !request_members_only(request, body, "reason expires_ms", reply)) {
        return HTTP_DONE;
    }
    if (server->store->triage->exceptions(server->store, true, request->arena, &all, &n, &err) <
        0) {
        return reply_error(reply, &err);
    }
    const struct triage_exception *found = find(all, n, id);
    if (!found) {
        return reply_problem(reply, 404, "not_found", "There is no such exception in force.");
    }
    struct triage_exception e = *found;
    if ((json_object_object_get(body, "reason") &&
         !findings_reason(request, body, &e.reason, reply)) ||
        (json_object_object_get_ex(body, "expires_ms", NULL) &&
         !findings_expires(server, request, body, &e.expires_ms, reply))) {
        return HTTP_DONE;
    }
    if (server->store->triage->exception_change(server->store, &e, &err) < 0) {
        return reply_error(reply, &err);
    }
    findings_audit(server, request, "exception.change", findings_object(request, "exception", id),
                   e.rule);
    put_exception(reply_json(reply, 200), &e);
    return HTTP_DONE;
}

HANDLER(findings_exception_remove)
{
    struct triage_exception *all = NULL;
    struct err err = { 0 };
    size_t n = 0;
    int64_t id, version = 0;
    if (!findings_number(request, &id, reply)) {
        return HTTP_DONE;
    }
    if (server->store->triage->exceptions(server->store, true, request->arena, &all, &n, &err) <
        0) {
        return reply_error(reply, &err);
    }
    const struct triage_exception *e = find(all, n, id);
    if (!e) {
        return reply_problem(reply, 404, "not_found", "There is no such exception in force.");
    }
    const struct content_part_of_rule part = { .rule = e->rule, .mark = e->mark };
    if (!content_take_from_rule(server, request, request->arena, &part, &version, reply, &err)) {
        return HTTP_DONE;
    }
    if (server->store->triage->exception_end(server->store, id, "removed", server->now_ms(), &err) <
        0) {
        return reply_error(reply, &err);
    }
    findings_audit(server, request, "exception.remove", findings_object(request, "exception", id),
                   e->rule);
    return reply_empty(reply, 204);
}

static void expire_one(struct server *server, struct arena *arena, const struct triage_exception *e)
{
    char object[40];
    struct err err = { 0 };
    int64_t version = 0, now = server->now_ms();
    const struct content_part_of_rule part = { .rule = e->rule,
                                               .mark = e->mark,
                                               .comment = STR("an exception has expired") };
    if (!content_take_from_rule(server, NULL, arena, &part, &version, NULL, &err) ||
        server->store->triage->exception_end(server->store, e->id, "expired", now, &err) < 0) {
        log_warning("exception %lld of rule %.*s has expired but is in force: %s", (long long)e->id,
                    STR_ARG(e->rule), err.message);
        return;
    }
    snprintf(object, sizeof(object), "exception:%lld", (long long)e->id);
    const struct store_audit audit = { .time_ms = now,
                                       .kind = STR("server"),
                                       .actor = STR("hinomi"),
                                       .action = STR("exception.expire"),
                                       .object = str_of(object),
                                       .result = STR("ok"),
                                       .address = STR(""),
                                       .request = STR("") };
    audit_write(server, &audit);
}

/* Going back to an older version of the content does not bring back what is over. */
static void take_back(struct server *server, struct arena *arena, const struct triage_exception *e)
{
    struct err err = { 0 };
    int64_t version = 0;
    const struct content_part_of_rule part = { .rule = e->rule,
                                               .mark = e->mark,
                                               .comment = STR("an exception that was over") };
    if (!content_take_from_rule(server, NULL, arena, &part, &version, NULL, &err)) {
        log_warning("exception %lld of rule %.*s is over but is in force: %s", (long long)e->id,
                    STR_ARG(e->rule), err.message);
    }
}

static void look_at_all(struct server *server, struct arena *arena)
{
    struct triage_exception *all = NULL;
    struct err err = { 0 };
    size_t n = 0;
    int64_t now = server->now_ms(), version = content_version(server);
    bool changed = version != server->findings->content;
    if (server->store->triage->exceptions(server->store, !changed, arena, &all, &n, &err) < 0) {
        log_warning("exceptions cannot be read: %s", err.message);
        return;
    }
    for (size_t i = 0; i < n; i++) {
        if (!str_eqz(all[i].state, "active")) {
            take_back(server, arena, &all[i]);
        } else if (all[i].expires_ms && all[i].expires_ms <= now) {
            expire_one(server, arena, &all[i]);
        }
    }
    server->findings->content = version;
}

void exceptions_tick(struct server *server)
{
    CLEANUP(arena_done) struct arena arena;
    int64_t now = server->now_ms(), age = now - server->findings->looked_ms;
    arena_init(&arena, (size_t)256 << 20);
    if (server->content && (age < 0 || age >= TICK_MS)) {
        server->findings->looked_ms = now;
        look_at_all(server, &arena);
    }
}
