/*
 * rules describe: what rules mean once lists, macros and exceptions are in place, and what running them
 * costs: events, fields, atoms, cover, volatility, where each macro and list came from.
 *
 * The plan is that of a matcher over all rules of the files, disabled ones too. Facts about a rule are
 * gathered first and then printed as text or JSON.
 */
#include "cli/cli.h"

#include "base/arena.h"
#include "base/buf.h"
#include "cli/describe.h"
#include "cli/load_rules.h"
#include "rules/matcher.h"
#include "rules/output.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#define DESCRIBE_OUTPUT_MAX ((size_t)1 << 30)
#define DESCRIBE_MEMORY_MAX ((size_t)1 << 28) /* of one rule's facts */
#define FLUSH_SIZE          ((size_t)1 << 20)
#define EVENTS_SHOWN        100 /* more than this is "any" */

static const char usage[] =
    "Usage: hinomi rules describe [--json] [--rule NAME] FILE|DIRECTORY...\n\n"
    "Explains what rules became: the condition after expansion, the event types it can match,\n"
    "fields, the number of atoms (distinct comparisons), the cover (an event that makes none of\n"
    "these true costs the rule nothing), what ends what is known of a thread (volatility),\n"
    "whether the rule can be muted for threads it cannot match, what sensors have to deliver for "
    "it\n"
    "(results, paths, addresses), macros, lists, exceptions.\n\n"
    "  --json        an array of objects\n"
    "  --rule NAME   only the rule of this name\n"
    "  --help        print this\n\n"
    "Exit status: 0 described, 1 the rules have errors or none has that name, 2 usage.\n";

struct texts {
    struct str *items;
    uint32_t n, capacity;
};

struct facts {
    struct str condition;
    struct str cover; /* one atom a line */
    struct rule_plan plan;
    struct texts fields;        /* of the condition */
    struct texts output_fields; /* of the output */
    struct texts events;
    bool any_event;
};

struct describer {
    const struct ruleset *ruleset;
    struct matcher *matcher;
    struct arena arena; /* of one rule */
    struct buf scratch;
    struct buf *out;
    bool failed;
};

static struct str keep(struct describer *d)
{
    struct str copy = arena_str(&d->arena, buf_str(&d->scratch));
    d->failed |= !copy.p || d->scratch.failed;
    buf_clear(&d->scratch);
    return copy;
}

static void texts_add(struct describer *d, struct texts *texts, struct str text)
{
    if (texts->n == texts->capacity) {
        uint32_t capacity = texts->capacity ? texts->capacity * 2 : 16;
        struct str *items = ARENA_ARRAY(&d->arena, struct str, capacity);
        if (!items) {
            d->failed = true;
            return;
        }
        if (texts->n) {
            memcpy(items, texts->items, texts->n * sizeof(*items));
        }
        texts->items = items;
        texts->capacity = capacity;
    }
    texts->items[texts->n++] = text;
}

static int compare_texts(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static void texts_sort_unique(struct texts *texts)
{
    uint32_t n = 0;
    if (texts->n) {
        qsort(texts->items, texts->n, sizeof(*texts->items), compare_texts);
    }
    for (uint32_t i = 0; i < texts->n; i++) {
        if (n == 0 || !str_eq(texts->items[n - 1], texts->items[i])) {
            texts->items[n++] = texts->items[i];
        }
    }
    texts->n = n;
}

static void fields_of_expr(struct describer *d, const struct ast_expr *expr, struct texts *fields)
{
    if (expr->kind == EXPR_FIELD) {
        ast_expr_text(expr, &d->scratch);
        texts_add(d, fields, keep(d));
    }
    for (uint32_t i = 0; i < expr->nargs; i++) {
        fields_of_expr(d, expr->args[i], fields);
    }
}

static void fields_of(struct describer *d, const struct ast *ast, struct texts *fields)
{
    if (ast->kind == AST_CHECK) {
        fields_of_expr(d, ast->check.left, fields);
        if (ast->check.right) {
            fields_of_expr(d, ast->check.right, fields);
        }
    }
    for (uint32_t i = 0; i < ast->nitems; i++) {
        fields_of(d, ast->items[i], fields);
    }
}

static void output_fields_of(struct describer *d, const struct rule *rule, struct texts *fields)
{
    struct output *output;
    if (output_compile(&d->arena, rule->output, &output, NULL, NULL) < 0) {
        return;
    }
    for (uint32_t i = 0; i < output->nparts; i++) {
        if (output->parts[i].expr && !output->parts[i].is_repeated) {
            texts_add(d, fields, output->parts[i].token);
        }
    }
}

static void events_of(struct describer *d, const struct rule *rule, struct facts *facts)
{
    facts->any_event = nameset_count(&rule->names) > EVENTS_SHOWN;
    for (uint16_t id = 0; id < NAME_MAX_ID && !facts->any_event; id++) {
        if (nameset_has(&rule->names, id) && name_text(id)) {
            texts_add(d, &facts->events, str_of(name_text(id)));
        }
    }
}

static void gather(struct describer *d, const struct rule *rule, struct facts *facts)
{
    *facts = (struct facts){ 0 };
    arena_reset(&d->arena);
    if (rule->ast) {
        ast_text(rule->ast, &d->scratch);
        facts->condition = keep(d);
        fields_of(d, rule->ast, &facts->fields);
        texts_sort_unique(&facts->fields);
    } else {
        facts->condition = rule->condition_text;
    }
    output_fields_of(d, rule, &facts->output_fields);
    if (rule->cond) {
        events_of(d, rule, facts);
        matcher_plan(d->matcher, rule, &facts->plan);
        matcher_plan_cover(d->matcher, rule, &d->scratch);
        facts->cover = keep(d);
    }
}

static const char *volatility_text(unsigned volatility)
{
    static const char *const names[VOLATILE_COUNT] = {
        [VOLATILE_EVENT] = "event",
        [VOLATILE_EXEC] = "exec",
        [VOLATILE_CRED] = "cred",
        [VOLATILE_SESSION] = "session",
        [VOLATILE_CWD] = "cwd",
        [VOLATILE_LINEAGE] = "lineage",
        [VOLATILE_CONTAINER] = "container",
    };
    return names[volatility];
}

static const struct macro *macro_find(const struct ruleset *ruleset, struct str name)
{
    for (uint32_t i = 0; i < ruleset->nmacros; i++) {
        if (str_eq(ruleset->macros[i].name, name)) {
            return &ruleset->macros[i];
        }
    }
    return NULL;
}

static const struct list *list_find(const struct ruleset *ruleset, struct str name)
{
    for (uint32_t i = 0; i < ruleset->nlists; i++) {
        if (str_eq(ruleset->lists[i].name, name)) {
            return &ruleset->lists[i];
        }
    }
    return NULL;
}

static struct str file_of(const struct describer *d, const struct source_pos *pos)
{
    return pos->file < d->ruleset->nfiles ? d->ruleset->files[pos->file] : STR("?");
}

/* ---- JSON */

static void json_texts(struct jsonw *w, const char *key, const struct texts *texts)
{
    jsonw_array(w, key);
    for (uint32_t i = 0; i < texts->n; i++) {
        jsonw_str(w, NULL, texts->items[i]);
    }
    jsonw_end(w);
}

static void json_lines(struct jsonw *w, const char *key, struct str lines)
{
    jsonw_array(w, key);
    while (lines.n) {
        ptrdiff_t end = str_find_char(lines, '\n');
        size_t n = end < 0 ? lines.n : (size_t)end;
        jsonw_str(w, NULL, str_first(lines, n));
        lines = str_from_offset(lines, n + 1);
    }
    jsonw_end(w);
}

static void json_pos(const struct describer *d, struct jsonw *w, const struct source_pos *pos)
{
    jsonw_str(w, "file", file_of(d, pos));
    jsonw_u64(w, "line", pos->line);
}

static void json_origins(const struct describer *d, struct jsonw *w, const struct rule *rule)
{
    jsonw_array(w, "macros");
    for (uint32_t i = 0; i < rule->nmacros; i++) {
        const struct macro *macro = macro_find(d->ruleset, rule->macros[i]);
        jsonw_object(w, NULL);
        jsonw_str(w, "name", rule->macros[i]);
        if (macro) {
            json_pos(d, w, &macro->pos);
        }
        jsonw_end(w);
    }
    jsonw_end(w);
    jsonw_array(w, "lists");
    for (uint32_t i = 0; i < rule->nlists; i++) {
        const struct list *list = list_find(d->ruleset, rule->lists[i]);
        jsonw_object(w, NULL);
        jsonw_str(w, "name", rule->lists[i]);
        if (list) {
            jsonw_u64(w, "items", list->nitems);
            json_pos(d, w, &list->pos);
        }
        jsonw_end(w);
    }
    jsonw_end(w);
    jsonw_array(w, "exceptions");
    for (uint32_t i = 0; i < rule->nexceptions; i++) {
        jsonw_object(w, NULL);
        jsonw_str(w, "name", rule->exceptions[i].name);
        jsonw_str(w, "clause", rule->exceptions[i].text);
        json_pos(d, w, &rule->exceptions[i].pos);
        jsonw_end(w);
    }
    jsonw_end(w);
}

static void json_plan(struct jsonw *w, const struct facts *facts)
{
    jsonw_u64(w, "atoms", facts->plan.natoms);
    jsonw_bool(w, "covered", facts->plan.covered);
    json_lines(w, "cover", facts->cover);
    jsonw_array(w, "volatility");
    for (unsigned v = 0; v < VOLATILE_COUNT; v++) {
        if (facts->plan.volatilities >> v & 1) {
            jsonw_strz(w, NULL, volatility_text(v));
        }
    }
    jsonw_end(w);
    jsonw_bool(w, "mutable", facts->plan.mutable);
    jsonw_strz(w, "why_not_mutable", facts->plan.why_not);
}

static void json_rule(const struct describer *d, struct jsonw *w, const struct rule *rule,
                      const struct facts *facts)
{
    jsonw_object(w, NULL);
    jsonw_str(w, "name", rule->name);
    jsonw_str(w, "desc", rule->desc);
    jsonw_strz(w, "priority", priority_text(rule->priority));
    jsonw_str(w, "source", rule->source);
    jsonw_bool(w, "enabled", rule->enabled);
    jsonw_bool(w, "skipped", !rule->cond);
    json_pos(d, w, &rule->pos);
    jsonw_str(w, "condition", facts->condition);
    jsonw_bool(w, "any_event", facts->any_event);
    json_texts(w, "events", &facts->events);
    json_texts(w, "fields", &facts->fields);
    json_texts(w, "output_fields", &facts->output_fields);
    json_plan(w, facts);
    if (rule->cond) {
        describe_demand_json(d->matcher, rule, w);
    }
    json_origins(d, w, rule);
    jsonw_end(w);
}

/* ---- text */

static void text_line(struct buf *buf, const char *label)
{
    buf_printf(buf, "  %-13s ", label);
}

static void text_texts(struct buf *buf, const char *label, const struct texts *texts)
{
    text_line(buf, label);
    for (uint32_t i = 0; i < texts->n; i++) {
        buf_putz(buf, i ? ", " : "");
        buf_json_escaped(buf, texts->items[i]);
    }
    buf_putz(buf, texts->n ? "\n" : "none\n");
}

static void text_pos(const struct describer *d, const struct source_pos *pos)
{
    buf_json_escaped(d->out, file_of(d, pos));
    buf_printf(d->out, ":%u", pos->line);
}

static void text_plan(const struct describer *d, const struct facts *facts)
{
    text_line(d->out, "atoms");
    buf_printf(d->out, "%u\n", facts->plan.natoms);
    text_line(d->out, "cover");
    struct str cover = facts->cover;
    for (bool first = true; facts->plan.covered && cover.n; first = false) {
        ptrdiff_t end = str_find_char(cover, '\n');
        size_t n = end < 0 ? cover.n : (size_t)end;
        if (!first) {
            text_line(d->out, "");
        }
        buf_json_escaped(d->out, str_first(cover, n));
        buf_putc(d->out, '\n');
        cover = str_from_offset(cover, n + 1);
    }
    if (!facts->plan.covered) {
        buf_putz(d->out, "none: it runs for each of its events\n");
    }
    text_line(d->out, "volatility");
    const char *between = "";
    for (unsigned v = 0; v < VOLATILE_COUNT; v++) {
        if (facts->plan.volatilities >> v & 1) {
            buf_printf(d->out, "%s%s", between, volatility_text(v));
            between = ", ";
        }
    }
    buf_putc(d->out, '\n');
    text_line(d->out, "can be muted");
    if (facts->plan.mutable) {
        buf_putz(d->out, "yes\n");
    } else {
        buf_printf(d->out, "no: %s\n", facts->plan.why_not ? facts->plan.why_not : "unknown");
    }
}

static void text_origins(const struct describer *d, const struct rule *rule)
{
    for (uint32_t i = 0; i < rule->nmacros; i++) {
        const struct macro *macro = macro_find(d->ruleset, rule->macros[i]);
        text_line(d->out, i ? "" : "macros");
        buf_json_escaped(d->out, rule->macros[i]);
        if (macro) {
            buf_putz(d->out, " at ");
            text_pos(d, &macro->pos);
        }
        buf_putc(d->out, '\n');
    }
    for (uint32_t i = 0; i < rule->nlists; i++) {
        const struct list *list = list_find(d->ruleset, rule->lists[i]);
        text_line(d->out, i ? "" : "lists");
        buf_json_escaped(d->out, rule->lists[i]);
        if (list) {
            buf_printf(d->out, " (%u item%s) at ", list->nitems, list->nitems == 1 ? "" : "s");
            text_pos(d, &list->pos);
        }
        buf_putc(d->out, '\n');
    }
    for (uint32_t i = 0; i < rule->nexceptions; i++) {
        text_line(d->out, i ? "" : "exceptions");
        buf_json_escaped(d->out, rule->exceptions[i].name);
        buf_putz(d->out, rule->exceptions[i].text.n ? " at " : " (without values) at ");
        text_pos(d, &rule->exceptions[i].pos);
        buf_putc(d->out, '\n');
    }
}

/* Why a rule has no condition that could run. */
static const char *why_skipped(const struct rule *rule)
{
    if (rule->cond) {
        return "";
    }
    return str_eq(rule->source, STR("syscall")) ? ", skipped: it names what is not known here"
                                                : ", skipped: its source is not syscall";
}

static void text_rule(const struct describer *d, const struct rule *rule, const struct facts *facts)
{
    struct buf *out = d->out;
    buf_json_escaped(out, rule->name);
    buf_putc(out, '\n');
    text_line(out, "at");
    text_pos(d, &rule->pos);
    buf_printf(out, "\n  %-13s %s, %s%s\n", "priority", priority_text(rule->priority),
               rule->enabled ? "enabled" : "disabled", why_skipped(rule));
    text_line(out, "condition");
    buf_json_escaped(out, facts->condition);
    buf_putc(out, '\n');
    if (rule->cond) {
        if (facts->any_event) {
            text_line(out, "events");
            buf_putz(out, "any\n");
        } else {
            text_texts(out, "events", &facts->events);
        }
        text_texts(out, "fields", &facts->fields);
        text_plan(d, facts);
        describe_demand_text(d->matcher, rule, out);
    }
    text_texts(out, "output fields", &facts->output_fields);
    text_origins(d, rule);
    buf_putc(out, '\n');
}

/* ---- all rules, or the one asked for */

/* Large sets of rules are not held as a whole. */
static void flush_some(struct describer *d)
{
    if (d->out->n >= FLUSH_SIZE && !d->out->failed) {
        d->failed |= fwrite(d->out->p, 1, d->out->n, stdout) != d->out->n;
        buf_clear(d->out);
    }
}

static uint32_t describe_rules(struct describer *d, const char *only, bool json)
{
    uint32_t described = 0;
    struct jsonw w = { .buf = d->out };
    if (json) {
        jsonw_array(&w, NULL);
    }
    for (uint32_t i = 0; i < d->ruleset->nrules; i++) {
        const struct rule *rule = &d->ruleset->rules[i];
        if (only && !str_eqz(rule->name, only)) {
            continue;
        }
        struct facts facts;
        gather(d, rule, &facts);
        if (json) {
            json_rule(d, &w, rule, &facts);
        } else {
            text_rule(d, rule, &facts);
        }
        described++;
        flush_some(d);
    }
    if (json) {
        jsonw_end(&w);
        buf_putc(d->out, '\n');
    }
    return described;
}

static int matcher_of_all(const struct ruleset *ruleset, struct matcher **ret, struct err *err)
{
    struct selection selection;
    const struct matcher_options options = { .all = true, .threads_max = 1 };
    int r = selection_init(&selection, ruleset);
    if (r < 0) {
        return err_set(err, r, "out of memory");
    }
    for (uint32_t i = 0; i < selection.n; i++) {
        selection.enabled[i] = true;
    }
    r = matcher_new(ruleset, &selection, &options, ret, err);
    selection_done(&selection);
    return r;
}

static int print_rules(const struct ruleset *ruleset, struct matcher *matcher, const char *only,
                       bool json)
{
    struct buf out;
    struct describer d = { .ruleset = ruleset, .matcher = matcher, .out = &out };
    buf_init(&out, DESCRIBE_OUTPUT_MAX);
    buf_init(&d.scratch, DESCRIBE_OUTPUT_MAX);
    arena_init(&d.arena, DESCRIBE_MEMORY_MAX);
    uint32_t described = describe_rules(&d, only, json);
    bool ok = !d.failed && !out.failed;
    if (only && described == 0) {
        fprintf(stderr, "hinomi: there is no rule named %s\n", only);
        ok = false;
    } else {
        ok &= fwrite(out.p, 1, out.n, stdout) == out.n && fflush(stdout) == 0;
        if (!ok) {
            fputs("hinomi: out of memory, or standard output cannot be written\n", stderr);
        }
    }
    arena_done(&d.arena);
    buf_done(&d.scratch);
    buf_done(&out);
    return ok ? EXIT_OK : EXIT_NEGATIVE;
}

static int describe(char **paths, int n, const char *only, bool json)
{
    struct ruleset *ruleset;
    struct err err = { 0 };
    int status = cli_load_rules(paths, n, &ruleset);
    if (status != EXIT_OK) {
        return status;
    }
    struct matcher *matcher = NULL;
    if (matcher_of_all(ruleset, &matcher, &err) < 0) {
        fprintf(stderr, "hinomi: %s\n", err.message);
        status = EXIT_NEGATIVE;
    } else {
        status = print_rules(ruleset, matcher, only, json);
    }
    matcher_free(matcher);
    ruleset_free(ruleset);
    return status;
}

int cli_rules_describe(int argc, char **argv)
{
    static const struct option options[] = { { "json", no_argument, NULL, 'j' },
                                             { "rule", required_argument, NULL, 'r' },
                                             { "help", no_argument, NULL, 'h' },
                                             { 0 } };
    bool json = false;
    const char *only = NULL;
    optind = 1;
    for (int c; (c = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        switch (c) {
        case 'j':
            json = true;
            break;
        case 'r':
            only = optarg;
            break;
        case 'h':
            fputs(usage, stdout);
            return EXIT_OK;
        default:
            fputs(usage, stderr);
            return EXIT_USAGE;
        }
    }
    if (optind == argc) {
        fprintf(stderr, "%s: no rule files given\n\n%s", argv[0], usage);
        return EXIT_USAGE;
    }
    return describe(argv + optind, argc - optind, only, json);
}
