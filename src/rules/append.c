/*
 * append: a ruleset with more items in its lists, from one that is compiled.
 *
 * A list of plain values is one shared run of constants in every check that names it. So the items make a second run
 * behind it, in copies of those checks and of the conditions that they are in; whatever else rules consist of
 * stays the base's. Where items are more than values (their text went into a condition or another list, they name
 * events, they are patterns) nothing short of compiling tells what they come to, and that is left to the caller.
 */
#include "rules/load.h"

#include "rules/constant.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdlib.h>

#define RUNS_MAX 64 /* kinds of constants that one append is converted to */

/* What is appended to a list, as constants of a type. */
struct run {
    uint32_t list;
    enum field_type type;
    struct constants constants;
};

struct appender {
    const struct owned_ruleset *base;
    struct owned_ruleset *made;
    struct arena *arena;
    struct str **items; /* by list: what is appended to it */
    uint32_t *counts;
    struct run runs[RUNS_MAX];
    uint32_t nruns;
};

CLEANUP_DEFINE(struct ruleset, ruleset_free);

/* As lines of a file may be, and short enough to be one however it is escaped. */
static bool is_item(struct str item)
{
    for (size_t i = 0; i < item.n; i++) {
        unsigned char c = (unsigned char)item.p[i];
        if ((c < ' ' && c != '\t' && c != '\n') || c == 0x7f) {
            return false;
        }
    }
    return item.n <= LITERAL_MAX / 2 && str_is_utf8(item);
}

static uint32_t find_list(const struct ruleset *ruleset, struct str name)
{
    uint32_t i = 0;
    while (i < ruleset->nlists && !str_eq(ruleset->lists[i].name, name)) {
        i++;
    }
    return i;
}

/* Each condition that has the list has the one shared run of its items. */
static bool can_grow(const struct compilation *c, uint32_t list)
{
    return c->nodd == 0 && c->lists[list].shared && !c->lists[list].copied;
}

static int take_items(struct appender *a, const struct list_items *more)
{
    uint32_t list = find_list(&a->base->public, more->list);
    if (list == a->base->public.nlists || !can_grow(a->base->compilation, list)) {
        return -EOPNOTSUPP;
    }
    uint64_t total = (uint64_t)a->counts[list] + more->n;
    struct str *items =
        total <= LIST_ITEMS_MAX ? ARENA_ARRAY(a->arena, struct str, total + 1) : NULL;
    if (!items) {
        return -ENOMEM;
    }
    uint32_t n = a->counts[list];
    if (n) {
        memcpy(items, a->items[list], n * sizeof(*items));
    }
    for (uint32_t i = 0; i < more->n; i++) {
        if (!is_item(more->items[i])) {
            return -EOPNOTSUPP;
        }
        if (more->items[i].n) { /* an empty line is no item */
            items[n] = arena_str(a->arena, more->items[i]);
            if (!items[n++].p) {
                return -ENOMEM;
            }
        }
    }
    a->items[list] = items;
    a->counts[list] = n;
    return 0;
}

/* ---- conditions */

static int convert(struct appender *a, struct run *run)
{
    uint32_t n = a->counts[run->list];
    const struct str *items = a->items[run->list];
    run->constants.n = n;
    if (run->type == TYPE_CHARBUF || run->type == TYPE_BYTEBUF) {
        run->constants.strs = items;
        run->constants.identity = items;
        return 0;
    }
    struct value *values = ARENA_ARRAY(a->arena, struct value, n);
    if (!values) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < n; i++) {
        struct err err = { 0 };
        int r = constant_parse(run->type, items[i], &values[i], &err);
        if (r < 0) {
            return r == -ENOMEM ? r : -EOPNOTSUPP;
        }
    }
    run->constants.values = values;
    run->constants.identity = values;
    return 0;
}

/* One for each list and type, so that checks have the same memory. */
static int run_of(struct appender *a, uint32_t list, enum field_type type, struct constants *ret)
{
    for (uint32_t i = 0; i < a->nruns; i++) {
        if (a->runs[i].list == list && a->runs[i].type == type) {
            *ret = a->runs[i].constants;
            return 0;
        }
    }
    if (a->nruns == RUNS_MAX) {
        return -EOPNOTSUPP;
    }
    struct run run = { .list = list, .type = type };
    run.constants.list = a->base->public.lists[list].name;
    int r = convert(a, &run);
    if (r == 0) {
        a->runs[a->nruns++] = run;
        *ret = run.constants;
    }
    return r;
}

static bool is_about_events(const struct expr *expr)
{
    bool is = expr->kind == EXPR_FIELD &&
              (expr->field.id == FIELD_EVT_TYPE || expr->field.id == FIELD_SYSCALL_TYPE);
    for (uint32_t i = 0; i < expr->nargs && !is; i++) {
        is = is_about_events(expr->args[i]);
    }
    return is;
}

/* Are the items of such a check their own values? */
static bool takes_values(const struct check *check)
{
    return check->op != OP_REGEX && check->op != OP_BCONTAINS && check->op != OP_BSTARTSWITH &&
           !is_about_events(check->left);
}

/* The list, if it grows, that the constants are the run of; else nlists. */
static uint32_t growing(const struct appender *a, const struct constants *run)
{
    uint32_t none = a->base->public.nlists;
    uint32_t list = run->list.n ? find_list(&a->base->public, run->list) : none;
    return list < none && a->counts[list] ? list : none;
}

static uint32_t count_growing(const struct appender *a, const struct check *check)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < check->nconstants; i++) {
        n += growing(a, &check->constants[i]) < a->base->public.nlists;
    }
    return n;
}

/* *ret is the check itself where none of its lists grows. */
static int copy_check(struct appender *a, struct check *check, struct check **ret)
{
    uint32_t more = count_growing(a, check);
    *ret = check;
    if (more == 0) {
        return 0;
    }
    struct check *copy = ARENA_NEW(a->arena, struct check);
    struct constants *runs =
        ARENA_ARRAY(a->arena, struct constants, (size_t)check->nconstants + more);
    if (!copy || !runs) {
        return -ENOMEM;
    }
    if (!takes_values(check)) {
        return -EOPNOTSUPP;
    }
    *copy = *check;
    copy->constants = runs;
    copy->nconstants = 0;
    for (uint32_t i = 0; i < check->nconstants; i++) {
        uint32_t list = growing(a, &check->constants[i]);
        runs[copy->nconstants++] = check->constants[i];
        int r = list == a->base->public.nlists
                    ? 0
                    : run_of(a, list, check->left->type, &runs[copy->nconstants++]);
        if (r < 0) {
            return r;
        }
    }
    *ret = copy;
    return 0;
}

static int copy_cond(struct appender *a, struct cond *cond, struct cond **ret);

static int copy_items(struct appender *a, const struct cond *cond, struct cond *copy)
{
    copy->items = ARENA_ARRAY(a->arena, struct cond *, cond->nitems);
    if (!copy->items) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < cond->nitems; i++) {
        int r = copy_cond(a, cond->items[i], &copy->items[i]);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static bool grows(const struct appender *a, const struct cond *cond)
{
    if (cond->kind == COND_CHECK) {
        return count_growing(a, cond->check) > 0;
    }
    for (uint32_t i = 0; i < cond->nitems; i++) {
        if (grows(a, cond->items[i])) {
            return true;
        }
    }
    return false;
}

static int copy_cond(struct appender *a, struct cond *cond, struct cond **ret)
{
    struct cond *copy = ARENA_NEW(a->arena, struct cond);
    if (!copy) {
        return -ENOMEM;
    }
    *copy = *cond;
    *ret = copy;
    return cond->kind == COND_CHECK ? copy_check(a, cond->check, &copy->check)
                                    : copy_items(a, cond, copy);
}

static int grow_rule(struct appender *a, struct rule *rule)
{
    struct cond *copy;
    int r = copy_cond(a, (struct cond *)rule->cond, &copy);
    if (r == 0) {
        rule->cond = copy;
        cond_names(copy, &rule->names);
        rule->any_name = nameset_count(&rule->names) > NAMES_MANY;
    }
    return r;
}

/* ---- the ruleset */

static bool uses_growing(const struct appender *a, const struct rule *rule)
{
    for (uint32_t i = 0; i < rule->nlists; i++) {
        uint32_t list = find_list(&a->base->public, rule->lists[i]);
        if (list < a->base->public.nlists && a->counts[list]) {
            return true;
        }
    }
    return false;
}

static int make_rules(struct appender *a)
{
    const struct ruleset *base = &a->base->public;
    struct rule *rules = ARENA_ARRAY(a->arena, struct rule, base->nrules);
    if (!rules) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < base->nrules; i++) {
        rules[i] = base->rules[i];
        bool wanted = rules[i].cond && uses_growing(a, &rules[i]) && grows(a, rules[i].cond);
        int r = wanted ? grow_rule(a, &rules[i]) : 0;
        if (r < 0) {
            return r;
        }
    }
    a->made->public.rules = rules;
    return 0;
}

static int make_lists(struct appender *a)
{
    const struct ruleset *base = &a->base->public;
    struct list *lists = ARENA_ARRAY(a->arena, struct list, base->nlists);
    if (!lists) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < base->nlists; i++) {
        lists[i] = base->lists[i];
        if (a->counts[i] == 0) {
            continue;
        }
        struct str *items =
            ARENA_ARRAY(a->arena, struct str, (size_t)lists[i].nitems + a->counts[i]);
        if (!items) {
            return -ENOMEM;
        }
        memcpy(items, lists[i].items, lists[i].nitems * sizeof(*items));
        memcpy(items + lists[i].nitems, a->items[i], a->counts[i] * sizeof(*items));
        lists[i].items = items;
        lists[i].nitems += a->counts[i];
    }
    a->made->public.lists = lists;
    return 0;
}

static int make(struct appender *a, const struct list_changes *changes)
{
    uint32_t nlists = a->base->public.nlists;
    a->items = ARENA_ARRAY(a->arena, struct str *, nlists);
    a->counts = ARENA_ARRAY(a->arena, uint32_t, nlists);
    int r = a->items && a->counts ? 0 : -ENOMEM;
    for (uint32_t i = 0; r == 0 && i < changes->n; i++) {
        r = take_items(a, &changes->items[i]);
    }
    r = r < 0 ? r : make_lists(a);
    return r < 0 ? r : make_rules(a);
}

int ruleset_append(const struct ruleset *base, const struct list_changes *changes,
                   struct ruleset **ret)
{
    const struct owned_ruleset *owned = (const struct owned_ruleset *)base;
    if (!owned->compilation) {
        return -EOPNOTSUPP;
    }
    struct owned_ruleset *made = mem_zalloc(sizeof(*made));
    CLEANUP(cleanup_ruleset_free) struct ruleset *ruleset = made ? &made->public : NULL;
    if (!ruleset) {
        return -ENOMEM;
    }
    made->public = *base;
    made->base = owned;
    arena_init(&made->arena, RULES_MEMORY_MAX);
    struct appender a = { .base = owned, .made = made, .arena = &made->arena };
    int r = make(&a, changes);
    if (r == 0) {
        *ret = TAKE(ruleset);
    }
    return r;
}
