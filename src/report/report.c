/*
 * report: the sentences about one finding, in an order that can be read from top to bottom.
 *
 * What the newest alert says comes from outside: its JSON is checked once, and every member is looked at before it is
 * used. A sentence that lacks something is left out; only the first is always there, in our own words if need be.
 */
#include "report/report_internal.h"

#include "rules/doc.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <time.h>

#define CHAIN_MAX    6
#define EVIDENCE_MAX 3
#define ARROW        " → "

struct work {
    const struct finding *finding;
    const struct report_options *options;
    enum report_language language;
    struct arena *arena;
    struct report *report;
    struct jscan fields, hinomi; /* of the newest alert */
};

static struct str seen(struct work *w, struct str text)
{
    return report_visible(text, REPORT_VALUE_MAX, w->arena);
}

static struct str say(struct work *w, enum report_word word, const struct report_value *v, size_t n)
{
    return report_say(w->language, word, &(struct report_values){ v, n }, w->arena);
}

#define SAY(w, word, ...)                                                                          \
    say((w), (word), (const struct report_value[]){ __VA_ARGS__ },                                 \
        sizeof((const struct report_value[]){ __VA_ARGS__ }) / sizeof(struct report_value))

static void add(struct report_lines *lines, struct str text)
{
    if (text.n > 0 && lines->n < REPORT_LINES_MAX) {
        lines->v[lines->n++] = text;
    }
}

static struct str number(struct work *w, int64_t n)
{
    char text[24];
    snprintf(text, sizeof(text), "%" PRId64, n);
    return arena_str(w->arena, str_of(text));
}

/* ---- the alert */

static void open_alert(struct work *w)
{
    const struct finding *f = w->finding;
    struct str body = f->last_alert.n ? f->last_alert : f->first_alert;
    struct jscan alert;
    const char *why;
    size_t at;
    if (body.n > 0 && jscan_check(body, &alert, &why, &at) == 0) {
        w->fields = jscan_get(alert, STR("output_fields"));
        w->hinomi = jscan_get(alert, STR("hinomi"));
    }
}

static struct str text_of(struct work *w, struct jscan object, const char *key)
{
    return jscan_text(jscan_get(object, str_of(key)), w->arena);
}

static int64_t number_of(struct jscan object, const char *key, int64_t absent)
{
    int64_t n;
    return jscan_i64(jscan_get(object, str_of(key)), &n) ? n : absent;
}

static int read_processes(struct work *w)
{
    struct jscan lineage = jscan_get(w->hinomi, STR("lineage")), one;
    struct report_process *v = ARENA_ARRAY(w->arena, struct report_process, REPORT_PROCESSES_MAX);
    uint32_t n = 0;
    if (!v) {
        return -ENOMEM;
    }
    for (struct jscan_walk walk = jscan_begin(lineage);
         n < REPORT_PROCESSES_MAX && jscan_element(&walk, &one);) {
        v[n++] = (struct report_process){ .pid = number_of(one, "pid", 0),
                                          .uid = number_of(one, "uid", -1),
                                          .name = seen(w, text_of(w, one, "name")),
                                          .exe = seen(w, text_of(w, one, "exe")),
                                          .args = seen(w, text_of(w, one, "args")) };
    }
    for (uint32_t i = 0; i < n / 2; i++) {
        struct report_process other = v[i];
        v[i] = v[n - 1 - i];
        v[n - 1 - i] = other;
    }
    w->report->processes = v;
    w->report->nprocesses = n;
    return 0;
}

/* ---- what happened */

static struct str where_of(struct work *w)
{
    const struct finding *f = w->finding;
    bool contained = f->container_name.n || f->container_id.n;
    struct str name = f->container_name.n ? f->container_name
                      : f->container_id.n ? f->container_id
                      : f->host.n         ? f->host
                                          : f->agent;
    name = name.n ? name : STR("?");
    return SAY(w, contained ? WORD_IN_CONTAINER : WORD_ON_HOST, { "name", seen(w, name) });
}

/* What the finding's columns know of fields that the rule's output does not have. */
static struct str known(const struct finding *f, struct str field)
{
    const struct {
        const char *name;
        struct str value;
    } columns[] = {
        { "proc.name", f->proc_name },
        { "proc.exepath", f->proc_exe },
        { "proc.cmdline", f->proc_cmdline },
        { "proc.pname", f->parent_name },
        { "fd.name", f->file },
        { "fs.path.target", f->file },
        { "fs.path.name", f->file },
        { "dns.question.name", f->domain },
        { "user.name", f->user_name },
        { "container.name", f->container_name },
        { "container.image.repository", f->image },
    };
    for (size_t i = 0; i < sizeof(columns) / sizeof(*columns); i++) {
        if (str_eqz(field, columns[i].name)) {
            return columns[i].value;
        }
    }
    return (struct str){ 0 };
}

static struct str value_of(void *data, struct str field)
{
    struct work *w = data;
    if (str_eqz(field, "where")) {
        return w->report->where;
    }
    struct jscan value = jscan_get(w->fields, field);
    struct str text = value.type == JSCAN_TEXT ? jscan_text(value, w->arena)
                      : value.type == JSCAN_NUMBER || value.type == JSCAN_BOOL ? value.raw
                                                                               : (struct str){ 0 };
    text = text.n == 0 || str_eqz(text, "<NA>") ? known(w->finding, field) : text;
    return text.n ? seen(w, text) : text;
}

static struct str in_own_words(struct work *w)
{
    const struct finding *f = w->finding;
    if (f->sequence) {
        struct jscan members, one;
        const char *why;
        size_t at;
        int64_t n = 0;
        if (f->members.n && jscan_check(f->members, &members, &why, &at) == 0) {
            for (struct jscan_walk walk = jscan_begin(members); jscan_element(&walk, &one);) {
                n++;
            }
        }
        return SAY(w, WORD_HAPPENED_SEQUENCE, { "where", w->report->where },
                   { "count", number(w, n) });
    }
    struct str proc = f->proc_name.n ? seen(w, f->proc_name) : SAY(w, WORD_PROCESS, { NULL });
    struct str parent = f->parent_name.n ? seen(w, f->parent_name) : SAY(w, WORD_PARENT, { NULL });
    return SAY(w, f->file.n ? WORD_HAPPENED_FILE : WORD_HAPPENED, { "proc", proc },
               { "parent", parent }, { "rule", w->report->title }, { "file", seen(w, f->file) },
               { "where", w->report->where });
}

/* ---- sentences */

static void tell_chain(struct work *w)
{
    const struct report *r = w->report;
    struct buf buf;
    unsigned told = 0;
    buf_init(&buf, REPORT_TEXT_MAX);
    for (uint32_t i = r->nprocesses > CHAIN_MAX ? r->nprocesses - CHAIN_MAX : 0; i < r->nprocesses;
         i++) {
        struct str name = r->processes[i].name.n ? r->processes[i].name : r->processes[i].exe;
        if (name.n) {
            buf_putz(&buf, told++ ? ARROW : "");
            buf_puts(&buf, name);
        }
    }
    if (told > 1 && !buf.failed) {
        add(&w->report->details, SAY(w, WORD_CHAIN, { "chain", buf_str(&buf) }));
    }
    buf_done(&buf);
}

static void tell_evidence(struct work *w)
{
    struct jscan one;
    unsigned n = 0;
    struct report_lines *details = &w->report->details;
    uint32_t first = details->n;
    for (struct jscan_walk walk = jscan_begin(jscan_get(w->hinomi, STR("evidence")));
         n < EVIDENCE_MAX && jscan_element(&walk, &one); n++) {
        struct str line = SAY(w, WORD_EVIDENCE, { "item", seen(w, text_of(w, one, "item")) },
                              { "list", seen(w, text_of(w, one, "list")) });
        bool told = false; /* of another field */
        for (uint32_t i = first; i < details->n; i++) {
            told |= str_eq(details->v[i], line);
        }
        if (!told) {
            add(details, line);
        }
    }
}

static void tell_outcome(struct work *w)
{
    static const struct {
        const char *outcome;
        enum report_word word;
    } words[] = { { "succeeded", WORD_SUCCEEDED },
                  { "denied", WORD_DENIED },
                  { "predicted", WORD_PREDICTED },
                  { "failed", WORD_FAILED } };
    struct str outcome = text_of(w, w->hinomi, "outcome");
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        if (str_eqz(outcome, words[i].outcome)) {
            add(&w->report->details, SAY(w, words[i].word, { NULL }));
        }
    }
}

static void tell_rights(struct work *w)
{
    const struct report *r = w->report;
    bool privileged = false;
    jscan_bool(jscan_get(jscan_get(w->hinomi, STR("container")), STR("privileged")), &privileged);
    bool root = (r->nprocesses && r->processes[r->nprocesses - 1].uid == 0) ||
                str_eqz(w->finding->user_name, "root");
    if (root || privileged) {
        add(&w->report->details, SAY(w,
                                     !privileged ? WORD_ROOT
                                     : root      ? WORD_ROOT_PRIVILEGED
                                                 : WORD_PRIVILEGED,
                                     { NULL }));
    }
}

static struct str time_of(struct work *w, int64_t ms)
{
    char text[40];
    time_t s = (time_t)(ms / 1000);
    struct tm tm;
    if (!gmtime_r(&s, &tm) || strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &tm) == 0) {
        return STR("?");
    }
    return arena_str(w->arena, str_of(text));
}

static void tell_times(struct work *w)
{
    const struct finding *f = w->finding;
    bool at_once = f->first_seen_ms / 1000 == f->last_seen_ms / 1000;
    enum report_word word = f->count <= 1 ? WORD_ONCE : at_once ? WORD_AT_ONCE : WORD_TIMES;
    add(&w->report->details,
        SAY(w, word, { "count", number(w, f->count) }, { "first", time_of(w, f->first_seen_ms) },
            { "last", time_of(w, f->last_seen_ms) }));
}

static void tell_rarity(struct work *w)
{
    int64_t others = w->options->others, of_image = w->options->others_of_image;
    if (others >= 0) {
        add(&w->report->details,
            SAY(w,
                others == 0     ? WORD_ONLY
                : of_image >= 0 ? WORD_OTHERS_IMAGE
                                : WORD_OTHERS,
                { "count", number(w, others) }, { "image", number(w, of_image) }));
    }
}

/* ---- the rule's texts */

static struct str scalar(const struct doc_node *map, const char *key)
{
    const struct doc_node *node = map ? doc_get(map, key) : NULL;
    return node && node->kind == DOC_SCALAR ? str_trim(node->value) : (struct str){ 0 };
}

static void copy_lines(struct work *w, const struct doc_node *map, const char *key,
                       struct report_lines *ret)
{
    const struct doc_node *list = map ? doc_get(map, key) : NULL;
    for (uint32_t i = 0; list && list->kind == DOC_SEQUENCE && i < list->n; i++) {
        if (list->items[i]->kind == DOC_SCALAR) {
            add(ret, arena_str(w->arena, str_trim(list->items[i]->value)));
        }
    }
}

static bool make_lines(struct work *w)
{
    struct report_lines *all[] = { &w->report->details, &w->report->next, &w->report->respond };
    bool made = true;
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
        all[i]->v = ARENA_ARRAY(w->arena, struct str, REPORT_LINES_MAX);
        made = made && all[i]->v;
    }
    return made;
}

static void tell_rule(struct work *w, const struct doc_node *texts)
{
    const struct report_filler filler = { value_of, w };
    struct report *r = w->report;
    struct str title = scalar(texts, "title"), template = scalar(texts, "summary");
    r->title = title.n ? arena_str(w->arena, title) : seen(w, w->finding->title);
    r->why = arena_str(w->arena, scalar(texts, "why"));
    r->where = where_of(w);
    r->summary = template.n ? report_fill(template, &filler, w->arena) : (struct str){ 0 };
    r->summary = r->summary.n ? r->summary : in_own_words(w);
    copy_lines(w, texts, "next", &r->next);
    copy_lines(w, texts, "respond", &r->respond);
}

int report_make(const struct report_texts *texts, const struct finding *finding,
                const struct report_options *options, struct arena *arena, struct report *ret)
{
    struct report report = { 0 };
    struct work w = { .finding = finding,
                      .options = options,
                      .language = options->language,
                      .arena = arena,
                      .report = &report };
    open_alert(&w);
    if (!make_lines(&w) || read_processes(&w) < 0) {
        return -ENOMEM;
    }
    tell_rule(&w, report_texts_find(texts, str_of(report_language_tag(options->language)),
                                    finding->rule));
    if (!finding->sequence) {
        tell_chain(&w);
        tell_evidence(&w);
        tell_outcome(&w);
        tell_rights(&w);
    }
    tell_times(&w);
    tell_rarity(&w);
    struct str attack = report_attack(finding->tags, options->language, arena);
    add(&report.details, attack);
    if (!report.title.p || !report.summary.p || !attack.p) {
        return -ENOMEM;
    }
    *ret = report;
    return 0;
}
