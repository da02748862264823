/*
 * compile: everything collected so far becomes lists, macros and rules that are ready to run.
 *
 * Lists first, then macros, then rules, each in order of definition: the order in which the
 * reference finds errors. All of them are reported; an item that is broken only because of another
 * one is left out in silence.
 */
#include "rules/load.h"

#include <errno.h>
#include <stdlib.h>

#define CLAUSES_MAX RULES_EXPANSION_MAX

void compilation_free(struct compilation *c)
{
    if (!c) {
        return;
    }
    if (c->cache) {
        cond_cache_free(c->cache);
    }
    arena_done(&c->arena);
    free(c);
}

static struct context context_of_rule(const struct compiled_rule *rule)
{
    return (struct context){ .type = "rule",
                             .name = rule->from->item.name,
                             .where = rule->from->item.where };
}

/* ---- exceptions */

static int add_clause(struct loader *loader, struct compilation *c, struct compiled_rule *rule,
                      uint32_t index, struct buf *text)
{
    const struct collected_exception *e = &rule->from->exceptions[index];
    struct context context = context_of_rule(rule);
    struct buf clause;
    buf_init(&clause, CLAUSES_MAX);
    int r = exception_clause(loader, &context, e, &clause);
    if (r == 0 && clause.failed) {
        r = -ENOMEM;
    }
    struct exception *out = &rule->exceptions[index];
    *out = (struct exception){ .name = e->name, .pos = position_of(loader, e->where) };
    if (r == 0) {
        out->text = arena_str(&c->arena, buf_str(&clause));
        r = out->text.p ? 0 : -ENOMEM;
    }
    if (r == 0 && clause.n > 0) {
        struct piece piece = { .start = (uint32_t)text->n,
                               .file = e->where.file,
                               .scalar_at = e->where.offset };
        buf_putz(text, " and not ");
        buf_puts(text, buf_str(&clause));
        rule->condition.pieces[rule->condition.npieces++] = piece;
    }
    buf_done(&clause);
    return r;
}

/* "(condition) and not E1 and not E2"; the condition alone where no exception has values. */
static int add_exceptions(struct loader *loader, struct compilation *c, struct compiled_rule *rule)
{
    const struct collected_rule *from = rule->from;
    rule->condition = from->condition;
    if (from->nexceptions == 0) {
        return 0;
    }
    rule->exceptions = ARENA_ARRAY(&c->arena, struct exception, from->nexceptions);
    /* The offsets of the clauses in the text are kept too, to find their exceptions again. */
    struct piece *pieces =
        ARENA_ARRAY(&c->arena, struct piece, (size_t)from->condition.npieces + from->nexceptions);
    if (!rule->exceptions || !pieces) {
        return -ENOMEM;
    }
    memcpy(pieces, from->condition.pieces, from->condition.npieces * sizeof(*pieces));
    rule->condition.pieces = pieces;
    struct buf text;
    buf_init(&text, CLAUSES_MAX);
    buf_putc(&text, '(');
    buf_puts(&text, from->condition.s);
    buf_putc(&text, ')');
    size_t bare = text.n;
    int worst = 0;
    for (uint32_t i = 0; i < from->nexceptions && worst != -ENOMEM; i++) {
        int r = add_clause(loader, c, rule, i, &text);
        worst = r < 0 ? r : worst;
    }
    if (worst == 0 && text.n > bare) {
        rule->condition.s = arena_str(&c->arena, buf_str(&text));
        /* All pieces of the condition itself moved by the parenthesis. */
        for (uint32_t i = 0; i < from->condition.npieces; i++) {
            pieces[i].start++;
        }
        worst = text.failed || !rule->condition.s.p ? -ENOMEM : 0;
    }
    buf_done(&text);
    return worst;
}

/* ---- conditions */

static bool is_na_check(const struct ast_check *check)
{
    struct str field = check->left->kind == EXPR_FIELD ? check->left->name : STR("");
    bool equality =
        check->op == OP_EQ || check->op == OP_EQ_EQ || check->op == OP_NE || op_is_list(check->op);
    if (!equality || (!str_starts(field, STR("ka.")) && !str_starts(field, STR("jevt.")))) {
        return false;
    }
    for (uint32_t run = 0; run < check->nvalues; run++) {
        for (uint32_t i = 0; i < check->values[run].n; i++) {
            if (str_eq(check->values[run].items[i], STR("<NA>"))) {
                return true;
            }
        }
    }
    return false;
}

static bool has_na_check(const struct ast *ast)
{
    if (ast->kind == AST_CHECK) {
        return is_na_check(&ast->check);
    }
    for (uint32_t i = 0; i < ast->nitems; i++) {
        if (has_na_check(ast->items[i])) {
            return true;
        }
    }
    return false;
}

/* The spot a problem is at: in the rule's text, or in that of the macro the check came from. */
static struct where problem_where(const struct loader *loader, const struct compilation *c,
                                  const struct compiled_rule *rule,
                                  const struct cond_problem *problem)
{
    const struct text *text = &rule->condition;
    const struct expansion *expansion = &rule->expansion;
    const struct compiled_macro *macro =
        problem->macro.n > 0 ? compiled_macro_find(loader, c, problem->macro) : NULL;
    if (macro) {
        text = &macro->from->condition;
        expansion = &macro->expansion;
    }
    return text_where(loader, text, expansion_origin(expansion, problem->offset));
}

/* "unknown event type x": is x nearly the name of a list? */
static void suggest_list(const struct loader *loader, struct str message, struct buf *hint)
{
    ptrdiff_t at = str_find_last(message, ' ');
    if (!str_starts(message, STR("unknown event type")) || at < 0) {
        return;
    }
    suggest_item(loader, &loader->lists, str_from_offset(message, (size_t)at + 1), hint);
}

static void report_problem(struct loader *loader, const struct compilation *c,
                           const struct compiled_rule *rule, const struct cond_problem *problem,
                           enum diag_code code)
{
    struct context context = context_of_rule(rule);
    char storage[512];
    struct buf hint;
    buf_init_fixed(&hint, storage, sizeof(storage));
    buf_puts(&hint, str_first(problem->hint, 256));
    if (hint.n == 0) {
        suggest_list(loader, problem->message, &hint);
    }
    if (problem->macro.n > 0) {
        buf_printf(&hint, "%sin macro `%.*s`", hint.n > 0 ? "; " : "",
                   STR_ARG(str_first(problem->macro, 100)));
    }
    report(loader, &context,
           &(struct report){ .code = code,
                             .where = problem_where(loader, c, rule, problem),
                             .part = "condition expression",
                             .hint = buf_str(&hint) },
           "%.*s", STR_ARG(problem->message));
}

/* Reports what resolving found. True: the rule is to be skipped, not wrong. */
static bool report_problems(struct loader *loader, const struct compilation *c,
                            const struct compiled_rule *rule, const struct cond_problems *problems)
{
    bool skip = rule->from->skip_if_unknown_filter;
    for (uint32_t i = 0; i < problems->n && skip; i++) {
        skip = problems->items[i].is_warning || problems->items[i].is_unknown_filter;
    }
    for (uint32_t i = 0; i < problems->n; i++) {
        const struct cond_problem *p = &problems->items[i];
        enum diag_code code = p->is_deprecated ? LOAD_DEPRECATED_ITEM
                              : p->is_warning  ? LOAD_COMPILE_CONDITION
                              : skip           ? LOAD_UNKNOWN_FILTER
                                               : LOAD_ERR_COMPILE_CONDITION;
        report_problem(loader, c, rule, p, code);
    }
    return skip;
}

/* ---- outputs */

static struct str replaced(struct arena *arena, struct str s, struct str what, struct str with)
{
    ptrdiff_t at = str_find(s, what);
    if (at < 0) {
        return s;
    }
    struct buf buf;
    buf_init(&buf, RULES_FILE_MAX);
    while (at >= 0) {
        buf_put(&buf, s.p, (size_t)at);
        buf_puts(&buf, with);
        s = str_from_offset(s, (size_t)at + what.n);
        at = str_find(s, what);
    }
    buf_puts(&buf, s);
    struct str result = buf.failed ? (struct str){ 0 } : arena_str(arena, buf_str(&buf));
    buf_done(&buf);
    return result;
}

/* *ret_skip: a field that is not known, and the rule asks to be skipped then. */
static int compile_output(struct loader *loader, struct compilation *c, struct compiled_rule *rule,
                          bool *ret_skip)
{
    struct context context = context_of_rule(rule);
    struct report what = { .code = LOAD_DEPRECATED_ITEM,
                           .where = text_where(loader, &rule->from->output, 0),
                           .part = "rule output" };
    struct str info = STR("%container.info");
    if (str_find(rule->from->output.s, info) >= 0) {
        report(loader, &context, &what,
               "%%container.info is deprecated and stands for "
               "container_id=%%container.id container_name=%%container.name");
    }
    rule->output = replaced(&c->arena, rule->from->output.s, info,
                            STR("container_id=%container.id container_name=%container.name"));
    if (!rule->output.p) {
        return -ENOMEM;
    }
    struct output *output;
    const char *deprecated = NULL;
    struct err err = { 0 };
    int r = output_compile(&c->arena, rule->output, &output, &deprecated, &err);
    if (r == 0 && deprecated) {
        report(loader, &context, &what,
               "usage of deprecated field '%s' has been detected in the "
               "rule output",
               deprecated);
    }
    if (r == 0 || r == -ENOMEM) {
        return r;
    }
    *ret_skip = r == -ENOENT && rule->from->skip_if_unknown_filter;
    what.code = *ret_skip ? LOAD_UNKNOWN_FILTER : LOAD_ERR_COMPILE_OUTPUT;
    report(loader, &context, &what, "%s", err.message);
    return *ret_skip ? 0 : -EINVAL;
}

/* ---- rules */

static int resolve_condition(struct loader *loader, struct compilation *c,
                             struct compiled_rule *rule, bool *ret_skip)
{
    struct cond_problems problems = { 0 };
    struct cond *cond = NULL;
    int r = cond_resolve(&c->arena, c->cache, rule->ast, &cond, &problems);
    if (r == -ENOMEM) {
        return r;
    }
    *ret_skip |= report_problems(loader, c, rule, &problems) && !cond;
    if (!cond) {
        return *ret_skip ? 0 : -EINVAL;
    }
    rule->cond = cond;
    cond_names(cond, &rule->names);
    rule->any_name = nameset_count(&rule->names) > NAMES_MANY;
    if (rule->any_name && rule->from->warn_evttypes) {
        struct context context = context_of_rule(rule);
        report(
            loader, &context,
            &(struct report){ .code = LOAD_NO_EVTTYPE,
                              .where = text_where(loader, &rule->from->condition, 0) },
            "Rule matches too many evt.type values. This has a significant performance penalty.");
    }
    return 0;
}

static int parse_rule(struct loader *loader, struct compilation *c, struct compiled_rule *rule)
{
    struct context context = context_of_rule(rule);
    int r = add_exceptions(loader, c, rule);
    if (r < 0) {
        return r;
    }
    struct condition_source source = { .context = &context,
                                       .text = &rule->condition,
                                       .part = "rule condition" };
    uint32_t nodes;
    r = condition_parse(loader, c, &source, &rule->expansion, &rule->uses, &rule->ast, &nodes);
    return r < 0 ? r : rule_resolve_macros(loader, c, rule, &context);
}

/* 0; -EINVAL: reported; -ECANCELED: because of something reported; -ENOMEM. */
static int compile_rule(struct loader *loader, struct compilation *c, struct compiled_rule *rule)
{
    struct context context = context_of_rule(rule);
    if (!rule->from->source_known) {
        rule->condition = rule->from->condition;
        rule->output = rule->from->output.s;
        return 0;
    }
    int r = parse_rule(loader, c, rule);
    if (r < 0) {
        return r;
    }
    if (has_na_check(rule->ast)) {
        report(loader, &context,
               &(struct report){ .code = LOAD_UNSAFE_NA_CHECK, .where = context.where },
               "comparing with <NA> is unsafe: use the operator 'exists' instead");
    }
    bool skip = false;
    int output_error = compile_output(loader, c, rule, &skip);
    if (output_error == -ENOMEM) {
        return output_error;
    }
    r = resolve_condition(loader, c, rule, &skip);
    if (skip) {
        rule->cond = NULL;
    }
    return r < 0 ? r : output_error;
}

static int rules_compile(struct loader *loader, struct compilation *c)
{
    c->nrules = loader->rules.n;
    c->rules = ARENA_ARRAY(&c->arena, struct compiled_rule, c->nrules);
    int r = c->rules ? 0 : -ENOMEM;
    for (uint32_t i = 0; i < c->nrules && r != -ENOMEM; i++) {
        /* Nothing more would be said, and nothing will run. */
        bool hopeless = loader->diags.n >= DIAG_MAX && loader->diags.nerrors > 0;
        c->rules[i].from = loader->rules.items[i];
        r = hopeless ? -ECANCELED : compile_rule(loader, c, &c->rules[i]);
        c->rules[i].broken = r < 0;
    }
    return r == -ENOMEM ? r : 0;
}

static struct compilation *compilation_new(const struct loader *loader)
{
    struct compilation *c = mem_zalloc(sizeof(*c));
    if (c) {
        arena_init(&c->arena, loader->memory_max);
        c->cache = cond_cache_new(&c->arena);
        if (!c->cache) {
            compilation_free(c);
            return NULL;
        }
    }
    return c;
}

int compile_all(struct loader *loader)
{
    compilation_free(loader->compilation);
    struct compilation *c = loader->compilation = compilation_new(loader);
    int r = c ? lists_compile(loader, c) : -ENOMEM;
    if (r == 0) {
        r = macros_compile(loader, c);
    }
    return r == 0 ? rules_compile(loader, c) : r;
}

static void report_unused_item(struct loader *loader, const char *type, const struct item *item,
                               enum diag_code code)
{
    struct context context = { .type = type, .name = item->name, .where = item->where };
    report(loader, &context, &(struct report){ .code = code, .where = item->where },
           "%s not referred to by any other rule/macro",
           code == LOAD_UNUSED_MACRO ? "Macro" : "List");
}

void report_unused(struct loader *loader)
{
    const struct compilation *c = loader->compilation;
    for (uint32_t i = 0; c && i < c->nmacros; i++) {
        if (!c->macros[i].used && c->macros[i].from) {
            report_unused_item(loader, "macro", &c->macros[i].from->item, LOAD_UNUSED_MACRO);
        }
    }
    for (uint32_t i = 0; c && i < c->nlists; i++) {
        if (!c->lists[i].used && c->lists[i].from) {
            report_unused_item(loader, "list", &c->lists[i].from->item, LOAD_UNUSED_LIST);
        }
    }
}
