/*
 * compile: a filter's text into a condition whose fields are those of kept records.
 *
 * The grammar and the operators are the rules' own; only the vocabulary differs, and the constants of times and
 * severities are rewritten to the numbers that the store keeps before types are checked.
 */
#include "filter/filter.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define F FILTER_FINDINGS
#define A FILTER_ALERTS
#define V FILTER_ACTIVITY
const struct own_desc own_table[OWN_FIELDS] = {
#define OWN(id, own_name, own_type, own_over, own_column, own_doc)                                 \
    [OWN_##id] = { .desc = { .name = own_name,                                                     \
                             .type = own_type,                                                     \
                             .flags = OWN_##id == OWN_TAG ? FIELD_LIST : 0,                        \
                             .class = "record",                                                    \
                             .doc = own_doc },                                                     \
                   .over = own_over,                                                               \
                   .column = own_column },
#include "filter/fields.def"
#undef OWN
};
#undef F
#undef A
#undef V

static enum own_field own_find(struct str name)
{
    unsigned i = 0;
    while (i < OWN_FIELDS && !str_eqz(name, own_table[i].desc.name)) {
        i++;
    }
    return (enum own_field)i;
}

static bool is_own(struct str name)
{
    return own_find(name) < OWN_FIELDS;
}

static int resolve_over(unsigned over, struct str name, struct str arg, struct field_ref *ret,
                        const struct field_desc **ret_desc, struct err *err)
{
    enum own_field own = arg.p ? OWN_FIELDS : own_find(name);
    if (own < OWN_FIELDS && (own_table[own].over & over)) {
        *ret = (struct field_ref){ .id = (enum field_id)((unsigned)FIELD_COUNT + own),
                                   .type = own_table[own].desc.type };
        *ret_desc = &own_table[own].desc;
        return 0;
    }
    if (own < OWN_FIELDS && str_find_char(name, '.') < 0) {
        return err_set(err, -EINVAL, "field '%.*s' is not one of these records", STR_ARG(name));
    }
    int r = field_resolve(name, arg, ret, err);
    *ret_desc = r == 0 ? &field_table[ret->id] : NULL;
    return r;
}

static int resolve_findings(struct str name, struct str arg, struct field_ref *ret,
                            const struct field_desc **ret_desc, struct err *err)
{
    return resolve_over(FILTER_FINDINGS, name, arg, ret, ret_desc, err);
}

static int resolve_alerts(struct str name, struct str arg, struct field_ref *ret,
                          const struct field_desc **ret_desc, struct err *err)
{
    return resolve_over(FILTER_ALERTS, name, arg, ret, ret_desc, err);
}

static int resolve_activity(struct str name, struct str arg, struct field_ref *ret,
                            const struct field_desc **ret_desc, struct err *err)
{
    return resolve_over(FILTER_ACTIVITY, name, arg, ret, ret_desc, err);
}

static const char *suggest(struct str name)
{
    const char *best = NULL;
    unsigned distance = name.n > 4 ? 3 : 2;
    for (unsigned i = 0; i < OWN_FIELDS; i++) {
        unsigned d = str_distance(name, str_of(own_table[i].desc.name), distance);
        if (d < distance) {
            distance = d;
            best = own_table[i].desc.name;
        }
    }
    return best ? best : field_suggest(name);
}

static const struct cond_vocabulary *vocabulary(enum filter_over over)
{
    static const struct cond_vocabulary findings = { resolve_findings, suggest };
    static const struct cond_vocabulary alerts = { resolve_alerts, suggest };
    static const struct cond_vocabulary activity = { resolve_activity, suggest };
    return over == FILTER_FINDINGS ? &findings : over == FILTER_ALERTS ? &alerts : &activity;
}

/* What rewriting goes by. */
struct rewriter {
    struct arena *arena;
    int64_t now_ms;
    uint32_t checks;
    uint32_t *ret_offset;
    struct err *err;
};

static struct str number_text(struct arena *arena, int64_t v)
{
    char text[24];
    int n = snprintf(text, sizeof(text), "%lld", (long long)v);
    return arena_str(arena, str_from(text, (size_t)n));
}

/* "7.0", "7" in tenths. */
static bool tenths(struct str s, int64_t *ret)
{
    char text[16];
    if (s.n == 0 || s.n >= sizeof(text) || s.p[0] == '-' || s.p[0] == '+') {
        return false;
    }
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    char *end;
    double v = strtod(text, &end);
    if (*end != '\0' || !(v >= 0 && v <= 1000)) {
        return false;
    }
    *ret = lround(v * 10);
    return true;
}

static int bad_value(struct rewriter *w, const struct ast_check *check, struct str value,
                     const char *what)
{
    *w->ret_offset = check->left->offset;
    return err_set(w->err, -EINVAL, "field '%.*s': '%.*s' is not %s", STR_ARG(check->left->name),
                   STR_ARG(str_first(value, 64)), what);
}

static int rewrite_value(struct rewriter *w, const struct ast_check *check, bool is_time,
                         struct str *value)
{
    int64_t v;
    if (is_time ? !filter_time(*value, w->now_ms, &v) : !tenths(*value, &v)) {
        return bad_value(w, check, *value,
                         is_time ? "a time: 2026-11-22T10:00:00Z, -24h, or milliseconds since 1970"
                                 : "a severity: 0.0 to 10.0, or after '=' info, low, medium, high, "
                                   "critical");
    }
    *value = number_text(w->arena, v);
    return value->p ? 0 : err_set(w->err, -ENOMEM, "the filter needs too much memory");
}

static int rewrite_values(struct rewriter *w, struct ast_check *check, bool is_time)
{
    for (uint32_t i = 0; i < check->nvalues; i++) {
        struct str *items = ARENA_ARRAY(w->arena, struct str, check->values[i].n);
        if (!items) {
            return err_set(w->err, -ENOMEM, "the filter needs too much memory");
        }
        for (uint32_t k = 0; k < check->values[i].n; k++) {
            items[k] = check->values[i].items[k];
            int r = rewrite_value(w, check, is_time, &items[k]);
            if (r < 0) {
                return r;
            }
        }
        check->values[i].items = items;
    }
    return 0;
}

static struct ast *bound(struct rewriter *w, const struct ast *of, enum ast_op op, int64_t value)
{
    struct ast *ast = ARENA_NEW(w->arena, struct ast);
    struct ast_values *values = ARENA_NEW(w->arena, struct ast_values);
    struct str *item = ARENA_NEW(w->arena, struct str);
    if (!ast || !values || !item) {
        return NULL;
    }
    *item = number_text(w->arena, value);
    *values = (struct ast_values){ .items = item, .n = 1 };
    *ast = *of;
    ast->check.op = op;
    ast->check.values = values;
    ast->check.nvalues = 1;
    return item->p ? ast : NULL;
}

static bool names_a_band(const struct ast_check *check, int64_t *ret_least, int64_t *ret_most)
{
    return check->nvalues == 1 && check->values[0].n == 1 &&
           filter_band(check->values[0].items[0], ret_least, ret_most);
}

/* severity = high: (severity >= 70 and severity <= 89); != is its negation. */
static int rewrite_band(struct rewriter *w, struct ast *ast, int64_t least, int64_t most)
{
    bool negated = ast->check.op == OP_NE;
    struct ast **items = ARENA_ARRAY(w->arena, struct ast *, 2);
    if (!items || !(items[0] = bound(w, ast, negated ? OP_LT : OP_GE, least)) ||
        !(items[1] = bound(w, ast, negated ? OP_GT : OP_LE, most))) {
        return err_set(w->err, -ENOMEM, "the filter needs too much memory");
    }
    ast->kind = negated ? AST_OR : AST_AND;
    ast->items = items;
    ast->nitems = 2;
    return 0;
}

/* severity in (high, critical): or of them. */
static int rewrite_bands(struct rewriter *w, struct ast *ast)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < ast->check.nvalues; i++) {
        n += ast->check.values[i].n;
    }
    struct ast **items = ARENA_ARRAY(w->arena, struct ast *, n);
    if (!items) {
        return err_set(w->err, -ENOMEM, "the filter needs too much memory");
    }
    uint32_t at = 0;
    for (uint32_t i = 0; i < ast->check.nvalues; i++) {
        for (uint32_t k = 0; k < ast->check.values[i].n; k++) {
            struct str name = ast->check.values[i].items[k];
            int64_t least, most;
            if (!filter_band(name, &least, &most) && !tenths(name, &least)) {
                return rewrite_value(w, &ast->check, false, &name);
            }
            most = filter_band(name, &least, &most) ? most : least;
            struct ast *item = bound(w, ast, OP_EQ, 0);
            int r = item ? rewrite_band(w, item, least, most) : -ENOMEM;
            if (r < 0) {
                return r;
            }
            items[at++] = item;
        }
    }
    ast->kind = AST_OR;
    ast->items = items;
    ast->nitems = n;
    return 0;
}

static int rewrite_check(struct rewriter *w, struct ast *ast)
{
    struct ast_check *check = &ast->check;
    if (++w->checks > FILTER_CHECKS_MAX) {
        *w->ret_offset = ast->offset;
        return err_set(w->err, -E2BIG, "the filter has more than %d checks", FILTER_CHECKS_MAX);
    }
    if (check->left->kind != EXPR_FIELD || check->left->arg.p || check->right) {
        return 0;
    }
    enum own_field own = own_find(check->left->name);
    int64_t least, most;
    if (own < OWN_FIELDS && own_table[own].desc.type == TYPE_ABSTIME) {
        return rewrite_values(w, check, true);
    }
    if (own != OWN_SEVERITY) {
        return 0;
    }
    if ((check->op == OP_EQ || check->op == OP_EQ_EQ || check->op == OP_NE) &&
        names_a_band(check, &least, &most)) {
        return rewrite_band(w, ast, least, most);
    }
    return check->op == OP_IN ? rewrite_bands(w, ast) : rewrite_values(w, check, false);
}

/* Depth is bounded by the parser. */
static int rewrite(struct rewriter *w, struct ast *ast)
{
    if (ast->kind == AST_CHECK) {
        return rewrite_check(w, ast);
    }
    int r = 0;
    for (uint32_t i = 0; i < ast->nitems && r == 0; i++) {
        r = rewrite(w, ast->items[i]);
    }
    return r;
}

static int first_error(const struct cond_problems *problems, uint32_t *ret_offset, struct err *err)
{
    for (uint32_t i = 0; i < problems->n; i++) {
        const struct cond_problem *p = &problems->items[i];
        if (!p->is_warning) {
            *ret_offset = p->offset;
            return err_set(err, -EINVAL, "%.*s%s%.*s", STR_ARG(p->message), p->hint.n ? "; " : "",
                           STR_ARG(p->hint));
        }
    }
    return err_set(err, -EINVAL, "the filter cannot be understood");
}

static int understand(struct arena *arena, struct filter *filter, const struct ast *ast,
                      uint32_t *ret_offset, struct err *err)
{
    struct cond_problems problems = { 0 };
    filter->cache = cond_cache_new(arena);
    int r = filter->cache ? cond_resolve_in(arena, filter->cache, vocabulary(filter->over), ast,
                                            &filter->cond, &problems)
                          : -ENOMEM;
    if (r < 0) {
        return err_set(err, r, "the filter needs too much memory");
    }
    return filter->cond ? 0 : first_error(&problems, ret_offset, err);
}

int filter_compile(struct arena *arena, enum filter_over over, struct str text, int64_t now_ms,
                   struct filter *ret, uint32_t *ret_offset, struct err *err)
{
    struct filter filter = { .over = over };
    *ret_offset = 0;
    if (text.n > FILTER_TEXT_MAX) {
        return err_set(err, -E2BIG, "the filter is longer than %d bytes", FILTER_TEXT_MAX);
    }
    struct str trimmed = str_trim(text);
    if (trimmed.n == 0) {
        *ret = filter;
        return 0;
    }
    uint32_t before = (uint32_t)(trimmed.p - text.p);
    struct str copy = arena_str(arena, trimmed);
    struct ast *ast;
    struct rewriter w = { arena, now_ms, 0, ret_offset, err };
    int r = copy.p ? parse_filter(arena, copy, is_own, &ast, ret_offset, err)
                   : err_set(err, -ENOMEM, "the filter needs too much memory");
    r = r == 0 ? rewrite(&w, ast) : r;
    r = r == 0 ? understand(arena, &filter, ast, ret_offset, err) : r;
    *ret_offset += before;
    if (r < 0) {
        filter_done(&filter);
        return r;
    }
    *ret = filter;
    return 0;
}

void filter_done(struct filter *filter)
{
    cond_cache_free(filter->cache);
    *filter = (struct filter){ 0 };
}
