/*
 * ingest_record: the lines of a batch as records, each checked whole before any is kept.
 *
 *     {"n":17,"alert":{...}} | {"n":18,"activity":{...}} | {"n":19,["to":29,]"gap":{...}}
 *
 * Numbers follow each other; a gap may stand for a range. Everything is a slice of the batch or in its arena.
 * The first line that is not as it should be refuses the batch, with its number and why.
 */
#include "server/ingest_internal.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#define KIND_MAX 32 /* bytes of the kind of a gap or of activity */
#define ID_MAX   256

void ingest_refuse(struct refusal *refusal, int64_t n, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(refusal->why, sizeof(refusal->why), format, arguments);
    va_end(arguments);
    refusal->n = n;
}

static int out_of_memory(struct refusal *refusal, int64_t n)
{
    ingest_refuse(refusal, n, "too large to be taken");
    return -ENOMEM;
}

static int refuse(struct refusal *refusal, int64_t n, const char *why)
{
    ingest_refuse(refusal, n, "%s", why);
    return -EINVAL;
}

/* AGENT:BOOT:SEQ of this agent. */
static bool own_id(struct str id, struct str agent)
{
    return id.n <= ID_MAX && str_starts(id, agent) && id.n > agent.n && id.p[agent.n] == ':';
}

static int parse_alert(struct parse *parse, struct jscan value, struct record *record,
                       struct refusal *refusal)
{
    struct batch *b = parse->batch;
    struct parsed_alert *a = ARENA_NEW(&b->arena, struct parsed_alert);
    if (!a) {
        return out_of_memory(refusal, record->n);
    }
    if (!ingest_columns(value, parse, a, refusal)) {
        refusal->n = record->n;
        return -EINVAL;
    }
    if (!own_id(a->alert.id, b->agent)) {
        return refuse(refusal, record->n,
                      a->alert.id.n ? "the alert's id is not of this agent"
                                    : "an alert without hinomi.id");
    }
    a->finding.body = body_pack(parse->packer, value.raw, &b->arena);
    if (!a->finding.body.p) {
        return out_of_memory(refusal, record->n);
    }
    a->alert = (struct ingest_alert){
        .id = a->alert.id,
        .agent = b->agent,
        .spool = b->spool,
        .rule = a->finding.rule,
        .body = a->finding.body,
        .n = record->n,
        .time_ms = a->finding.opened_ms,
        .received_ms = b->received_ms,
        .severity = a->finding.severity,
    };
    record->kind = RECORD_ALERT;
    record->alert = a;
    return 0;
}

static struct str field(struct jscan fields, const char *name, struct arena *arena)
{
    return ingest_cut(jscan_text(jscan_get(fields, str_of(name)), arena), INGEST_TEXT_MAX);
}

static struct str first_of(struct jscan fields, const char *const *names, struct arena *arena)
{
    struct str found = { 0 };
    for (; *names && found.n == 0; names++) {
        found = field(fields, *names, arena);
    }
    return found;
}

static int parse_activity(struct parse *parse, struct jscan value, struct record *record,
                          struct refusal *refusal)
{
    static const char *const about[] = { "dns.question.name", "fd.name", NULL };
    static const char *const exe[] = { "proc.exepath", "proc.exe", NULL };
    struct batch *b = parse->batch;
    struct ingest_activity *a = ARENA_NEW(&b->arena, struct ingest_activity);
    if (!a) {
        return out_of_memory(refusal, record->n);
    }
    struct jscan fields = jscan_get(value, STR("fields"));
    *a = (struct ingest_activity){
        .agent = b->agent,
        .spool = b->spool,
        .n = record->n,
        .kind = jscan_text(jscan_get(value, STR("kind")), &b->arena),
        .container_id = field(fields, "container.id", &b->arena),
        .exe = first_of(fields, exe, &b->arena),
        .cmdline = field(fields, "proc.cmdline", &b->arena),
        .name = first_of(fields, about, &b->arena),
    };
    if (a->kind.n == 0 || a->kind.n > KIND_MAX) {
        return refuse(refusal, record->n, "activity without a kind");
    }
    if (!ingest_time(jscan_get(value, STR("time_ms")), &a->time_ms)) {
        return refuse(refusal, record->n, "activity without time_ms");
    }
    if (a->time_ms < b->received_ms - INGEST_CLOCK_MS ||
        a->time_ms > b->received_ms + INGEST_CLOCK_MS) {
        a->time_ms = b->received_ms;
    }
    a->body = body_pack(parse->packer, value.raw, &b->arena);
    if (!a->body.p) {
        return out_of_memory(refusal, record->n);
    }
    record->kind = RECORD_ACTIVITY;
    record->activity = a;
    return 0;
}

static int64_t number_or(struct jscan object, const char *name, int64_t absent)
{
    int64_t v;
    return jscan_i64(jscan_get(object, str_of(name)), &v) && v >= 0 ? v : absent;
}

static int parse_gap(struct parse *parse, struct jscan value, struct record *record,
                     struct refusal *refusal)
{
    struct batch *b = parse->batch;
    struct ingest_gap *g = ARENA_NEW(&b->arena, struct ingest_gap);
    if (!g) {
        return out_of_memory(refusal, record->n);
    }
    struct jscan where = jscan_get(value, STR("where"));
    *g = (struct ingest_gap){
        .agent = b->agent,
        .spool = b->spool,
        .kind = jscan_text(jscan_get(value, STR("kind")), &b->arena),
        .container_id = field(where, "container", &b->arena),
        .body = value.raw,
        .n = record->n,
        .to_n = record->to,
        .from_ms = number_or(value, "from_ms", 0),
        .to_ms = number_or(value, "to_ms", 0),
        .received_ms = b->received_ms,
        .count = number_or(value, "count", -1),
    };
    if (g->kind.n == 0 || g->kind.n > KIND_MAX) {
        return refuse(refusal, record->n, "a gap without a kind");
    }
    record->kind = RECORD_GAP;
    record->gap = g;
    return 0;
}

struct envelope {
    struct jscan n, to, alert, activity, gap;
};

static void open_envelope(struct jscan line, struct envelope *ret)
{
    struct jscan key, value;
    *ret = (struct envelope){ 0 };
    for (struct jscan_walk walk = jscan_begin(line); jscan_member(&walk, &key, &value);) {
        struct jscan *to = jscan_is(key, STR("n"))          ? &ret->n
                           : jscan_is(key, STR("to"))       ? &ret->to
                           : jscan_is(key, STR("alert"))    ? &ret->alert
                           : jscan_is(key, STR("activity")) ? &ret->activity
                           : jscan_is(key, STR("gap"))      ? &ret->gap
                                                            : NULL;
        if (to) {
            *to = value;
        }
    }
}

static int parse_numbers(const struct envelope *e, int64_t expected, struct record *record,
                         struct refusal *refusal)
{
    if (!jscan_i64(e->n, &record->n) || record->n < 1 || record->n == INT64_MAX) {
        return refuse(refusal, expected, "a record without a number n");
    }
    if (record->n != expected) {
        ingest_refuse(refusal, expected, "record %lld stands where %lld is due",
                      (long long)record->n, (long long)expected);
        return -EINVAL;
    }
    record->to = record->n;
    if (e->to.type != JSCAN_NONE && (!jscan_i64(e->to, &record->to) || record->to < record->n ||
                                     record->to == INT64_MAX || e->gap.type != JSCAN_OBJECT)) {
        return refuse(refusal, expected, "`to` is the last number of a gap, from n on");
    }
    return 0;
}

static int parse_line(struct parse *parse, struct str line, int64_t expected, struct record *record,
                      struct refusal *refusal)
{
    struct jscan value;
    const char *why;
    size_t at;
    struct envelope e;
    if (line.n > INGEST_LINE_MAX) {
        return refuse(refusal, expected, "a line of more than 256 KiB");
    }
    if (jscan_check(line, &value, &why, &at) < 0) {
        ingest_refuse(refusal, expected, "not JSON at byte %zu: %s", at, why);
        return -EINVAL;
    }
    open_envelope(value, &e);
    int r = parse_numbers(&e, expected, record, refusal);
    if (r < 0) {
        return r;
    }
    int kinds = (e.alert.type == JSCAN_OBJECT) + (e.activity.type == JSCAN_OBJECT) +
                (e.gap.type == JSCAN_OBJECT);
    if (kinds != 1) {
        return refuse(refusal, expected, "a record is one of alert, activity and gap");
    }
    return e.alert.type == JSCAN_OBJECT      ? parse_alert(parse, e.alert, record, refusal)
           : e.activity.type == JSCAN_OBJECT ? parse_activity(parse, e.activity, record, refusal)
                                             : parse_gap(parse, e.gap, record, refusal);
}

static uint32_t count_lines(struct str text)
{
    uint32_t n = 0;
    if (text.n == 0) {
        return 0;
    }
    for (const char *p = text.p, *end = p + text.n; p < end && n <= INGEST_RECORDS_MAX; n++) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        p = newline ? newline + 1 : end;
    }
    return n;
}

int ingest_parse_batch(struct parse *parse, struct str plain, struct refusal *refusal)
{
    struct batch *b = parse->batch;
    uint32_t n = count_lines(plain);
    int64_t expected = b->first;
    if (n == 0) {
        return refuse(refusal, expected, "a batch without records");
    }
    if (n > INGEST_RECORDS_MAX) {
        return refuse(refusal, expected, "more than 10000 records");
    }
    b->records = ARENA_ARRAY(&b->arena, struct record, n);
    if (!b->records) {
        return out_of_memory(refusal, expected);
    }
    for (const char *p = plain.p, *end = p + plain.n; p < end;) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        const char *stop = newline ? newline : end;
        struct record *record = &b->records[b->nrecords];
        int r = parse_line(parse, str_from(p, (size_t)(stop - p)), expected, record, refusal);
        if (r < 0) {
            return r;
        }
        b->nrecords++;
        expected = record->to + 1;
        p = newline ? newline + 1 : end;
    }
    return 0;
}
