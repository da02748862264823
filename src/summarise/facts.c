/*
 * facts: which members of a finding are sent, and as what.
 *
 * A fixed choice: what happened, which programs, which image. Where it happened in the customer's own terms (host,
 * agent, account, region, cluster, ids of task and container), who works on it and what people wrote about it are not
 * among them. Of the fields that a rule's output names all but those are sent, of variables the names only.
 */
#include "base/jscan.h"
#include "report/report.h"
#include "summarise/summarise.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#define LINEAGE_MAX  6
#define EVIDENCE_MAX 4
#define MEMBERS_MAX  12

struct collector {
    struct arena *arena;
    struct summarise_facts *facts;
    size_t bytes;
    bool failed;
};

struct str summarise_clean(struct str text, struct arena *arena)
{
    struct buf buf;
    buf_init(&buf, text.n + 1);
    while (text.n > 0) {
        uint32_t c;
        size_t n = report_character(text, &c);
        if (c == '\n' || c == '\t' || c == '\r' || c == 0xa0 || c == 0x2028 || c == 0x2029) {
            buf_putc(&buf, ' ');
        } else if (c == UINT32_MAX) {
            buf_putc(&buf, '?');
        } else if (!report_hides(c)) {
            buf_puts(&buf, str_first(text, n));
        }
        text = str_from_offset(text, n);
    }
    struct str kept = buf.failed ? (struct str){ 0 } : arena_str(arena, buf_str(&buf));
    buf_done(&buf);
    return kept;
}

/* At a character's beginning. */
static struct str cut_at(struct str text, size_t max)
{
    size_t n = text.n < max ? text.n : max;
    while (n < text.n && n > 0 && ((unsigned char)text.p[n] & 0xc0) == 0x80) {
        n--;
    }
    return str_first(text, n);
}

const struct summarise_fact *summarise_fact(const struct summarise_facts *facts, struct str id)
{
    for (uint32_t i = 0; i < facts->n; i++) {
        if (str_eq(facts->v[i].id, id)) {
            return &facts->v[i];
        }
    }
    return NULL;
}

static void add_of(struct collector *c, struct str id, struct str value, struct str program)
{
    struct summarise_facts *facts = c->facts;
    struct summarise_fact fact = { .id = arena_str(c->arena, id) };
    if (value.n == 0 || summarise_fact(facts, id)) {
        return;
    }
    if (facts->n == SUMMARISE_FACTS_MAX || c->bytes >= SUMMARISE_VALUES_MAX) {
        facts->more = true;
        return;
    }
    fact.cut = value.n > SUMMARISE_SOURCE_MAX;
    value = str_trim(summarise_clean(cut_at(value, SUMMARISE_SOURCE_MAX), c->arena));
    struct str whole = summarise_redact(value, program, c->arena, &fact.redacted);
    fact.value = cut_at(whole, SUMMARISE_VALUE_MAX);
    fact.cut = fact.cut || fact.value.n < whole.n;
    c->failed = c->failed || !fact.id.p || !whole.p;
    if (!c->failed && fact.value.n > 0) {
        c->bytes += fact.value.n;
        facts->v[facts->n++] = fact;
    }
}

static void add(struct collector *c, const char *id, struct str value)
{
    add_of(c, str_of(id), value, (struct str){ 0 });
}

/* "lineage.2.name" */
static void add_nth(struct collector *c, const char *what, unsigned i, const char *key,
                    struct str value)
{
    char id[SUMMARISE_ID_MAX];
    snprintf(id, sizeof(id), "%s.%u.%s", what, i, key);
    add_of(c, str_of(id), value, (struct str){ 0 });
}

static void add_time(struct collector *c, const char *id, int64_t ms)
{
    char text[40];
    time_t s = (time_t)(ms / 1000);
    struct tm tm;
    if (ms > 0 && gmtime_r(&s, &tm) && strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm)) {
        add(c, id, str_of(text));
    }
}

/* ---- the finding */

static void add_finding(struct collector *c, const struct finding *f)
{
    char text[64];
    add(c, "rule", f->rule);
    add(c, "title", str_eq(f->title, f->rule) ? (struct str){ 0 } : f->title);
    add(c, "type", f->type);
    snprintf(text, sizeof(text), "%" PRId64 ".%" PRId64 " of 10 (%s)", f->severity / 10,
             f->severity % 10, filter_band_of(f->severity));
    add(c, "severity", str_of(text));
    snprintf(text, sizeof(text), "%" PRId64, f->count);
    add(c, "count", str_of(text));
    add_time(c, "first_seen", f->first_seen_ms);
    add_time(c, "last_seen", f->last_seen_ms);
    add(c, "container.name", f->container_name);
    add(c, "container.image", f->image);
    add(c, "task.family", f->task_family);
    add(c, "proc.name", f->proc_name);
    add(c, "proc.exepath", f->proc_exe);
    add(c, "proc.cmdline", f->proc_cmdline);
    add(c, "user.name", f->user_name);
    add(c, "proc.pname", f->parent_name);
    add(c, "proc.pexepath", f->parent_exe);
    add(c, "file", f->file);
    add(c, "domain", f->domain);
    add(c, "tags", f->tags);
}

/* ---- the alert */

static struct str text_of(struct collector *c, struct jscan object, const char *key)
{
    return jscan_text(jscan_get(object, str_of(key)), c->arena);
}

static void add_lineage(struct collector *c, struct jscan lineage)
{
    struct jscan one;
    unsigned i = 0;
    for (struct jscan_walk walk = jscan_begin(lineage);
         i < LINEAGE_MAX && jscan_element(&walk, &one); i++) {
        char id[SUMMARISE_ID_MAX];
        struct str exe = text_of(c, one, "exe");
        add_nth(c, "lineage", i, "name", text_of(c, one, "name"));
        add_nth(c, "lineage", i, "exe", exe);
        snprintf(id, sizeof(id), "lineage.%u.args", i);
        add_of(c, str_of(id), text_of(c, one, "args"), exe);
    }
}

static void add_evidence(struct collector *c, struct jscan evidence)
{
    struct jscan one;
    unsigned i = 0;
    for (struct jscan_walk walk = jscan_begin(evidence);
         i < EVIDENCE_MAX && jscan_element(&walk, &one); i++) {
        add_nth(c, "evidence", i, "list", text_of(c, one, "list"));
        add_nth(c, "evidence", i, "item", text_of(c, one, "item"));
        add_nth(c, "evidence", i, "field", text_of(c, one, "field"));
    }
}

/* What identifies the customer's place, and what is there already under another name. */
static bool is_left_out(struct str field)
{
    static const char *const prefixes[] = { "container.id",
                                            "container.full_id",
                                            "container.host",
                                            "evt.hostname",
                                            "evt.time",
                                            "ecs.",
                                            "aws.",
                                            "k8s.",
                                            "k8smeta.",
                                            "container.name",
                                            "container.label",
                                            "container.mount",
                                            "container.cni",
                                            "proc.aname",
                                            "proc.aexe",
                                            "proc.acmdline",
                                            "proc.apid",
                                            "evt.num" };
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(*prefixes); i++) {
        if (str_starts(field, str_of(prefixes[i]))) {
            return true;
        }
    }
    return false;
}

static bool is_good_id(struct str id)
{
    bool good = id.n > 0 && id.n <= SUMMARISE_ID_MAX && id.p[0] >= 'a' && id.p[0] <= 'z';
    for (size_t i = 0; good && i < id.n; i++) {
        char c = id.p[i];
        good = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
               c == '[' || c == ']';
    }
    return good;
}

/* NAME=value NAME=value: the names. Words without '=' are parts of values. */
static struct str names_of(struct str variables, struct arena *arena)
{
    struct buf buf;
    buf_init(&buf, SUMMARISE_SOURCE_MAX);
    while (variables.n > 0 && buf.n < SUMMARISE_SOURCE_MAX / 2) {
        ptrdiff_t blank = str_find_char(variables, ' ');
        struct str word = str_first(variables, blank < 0 ? variables.n : (size_t)blank);
        ptrdiff_t equals = str_find_char(word, '=');
        if (equals > 0) {
            buf_putz(&buf, buf.n ? " " : "");
            buf_puts(&buf, str_first(word, (size_t)equals));
        }
        variables = str_from_offset(variables, word.n + 1);
    }
    struct str kept = buf.failed ? (struct str){ 0 } : arena_str(arena, buf_str(&buf));
    buf_done(&buf);
    return kept;
}

static void add_fields(struct collector *c, struct jscan fields)
{
    struct jscan key, value;
    for (struct jscan_walk walk = jscan_begin(fields); jscan_member(&walk, &key, &value);) {
        struct str id = jscan_text(key, c->arena);
        struct str text = value.type == JSCAN_TEXT ? jscan_text(value, c->arena)
                          : value.type == JSCAN_NUMBER || value.type == JSCAN_BOOL
                              ? value.raw
                              : (struct str){ 0 };
        if (!is_good_id(id) || is_left_out(id) || str_eqz(text, "<NA>")) {
            continue;
        }
        bool variables = str_starts(id, STR("proc.env")) || str_starts(id, STR("proc.aenv"));
        text = variables ? names_of(summarise_clean(text, c->arena), c->arena) : text;
        add_of(c, id, text, (struct str){ 0 });
    }
}

static void add_alert(struct collector *c, struct str body)
{
    struct jscan alert, hinomi;
    const char *why;
    size_t at;
    bool privileged;
    if (body.n == 0 || jscan_check(body, &alert, &why, &at) < 0) {
        return;
    }
    hinomi = jscan_get(alert, STR("hinomi"));
    add(c, "outcome", text_of(c, hinomi, "outcome"));
    if (jscan_bool(jscan_get(jscan_get(hinomi, STR("container")), STR("privileged")),
                   &privileged)) {
        add(c, "container.privileged", privileged ? STR("true") : STR("false"));
    }
    add_lineage(c, jscan_get(hinomi, STR("lineage")));
    add_evidence(c, jscan_get(hinomi, STR("evidence")));
    add_fields(c, jscan_get(alert, STR("output_fields")));
}

static void add_members(struct collector *c, struct str members)
{
    struct jscan all, one;
    const char *why;
    size_t at;
    unsigned i = 0;
    if (members.n == 0 || jscan_check(members, &all, &why, &at) < 0) {
        return;
    }
    for (struct jscan_walk walk = jscan_begin(all); i < MEMBERS_MAX && jscan_element(&walk, &one);
         i++) {
        char id[SUMMARISE_ID_MAX];
        int64_t ms = 0;
        add_nth(c, "member", i, "rule", text_of(c, one, "rule"));
        add_nth(c, "member", i, "stages", jscan_get(one, STR("stages")).raw);
        snprintf(id, sizeof(id), "member.%u.first_seen", i);
        jscan_i64(jscan_get(one, STR("first_seen_ms")), &ms);
        add_time(c, id, ms);
    }
}

int summarise_facts(const struct finding *finding, struct arena *arena, struct summarise_facts *ret)
{
    struct summarise_facts facts = { .v = ARENA_ARRAY(arena, struct summarise_fact,
                                                      SUMMARISE_FACTS_MAX) };
    struct collector c = { .arena = arena, .facts = &facts };
    if (!facts.v) {
        return -ENOMEM;
    }
    add_finding(&c, finding);
    add_members(&c, finding->members);
    add_alert(&c, finding->last_alert.n ? finding->last_alert : finding->first_alert);
    if (c.failed) {
        return -ENOMEM;
    }
    *ret = facts;
    return 0;
}
