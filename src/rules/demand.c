/*
 * demand: for each event name, one clause a rule: which kinds of access, which results and which paths
 * it needs. Whatever a clause cannot say passes.
 *
 * A node's need is built from its operands': of an `and` any operand's need is necessary, so the
 * tighter one of each test is taken; of an `or` the union. Names decide checks on names first. Paths
 * are tested for the calls that open files only; a path predicate holds if the resolved or the raw
 * path satisfies it.
 */
#include "rules/matcher_internal.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdlib.h>

#define PATHS_MAX  4096 /* of one clause; with more it passes any path */
#define ACCESS_ANY UINT8_MAX

struct demand {
    struct demand_kind kinds[NAME_MAX_ID];
    bool is_open[NAME_MAX_ID];
};

struct need {
    uint8_t access;
    bool ok, failed;
    bool any_path;
    struct path_predicate *paths;
    uint32_t npaths, capacity;
};

struct builder {
    struct matcher *m;
    struct arena *arena;
    bool is_open;
};

static const struct need need_all = { ACCESS_ANY, true, true, true, NULL, 0, 0 };

static bool constant_is(const struct check *check, uint64_t value)
{
    return check->nconstants == 1 && check->constants[0].n == 1 && check->constants[0].values &&
           check->constants[0].values[0].u == value;
}

static void need_of_bool(const struct check *check, bool negated, uint8_t bit, struct need *need)
{
    bool wanted = (check->op == OP_EQ && constant_is(check, 1)) ||
                  (check->op == OP_NE && constant_is(check, 0));
    if (!negated && wanted) {
        need->access = bit;
    }
}

/* Does `number op constant` hold for no negative (no other) number? */
static void need_of_number(const struct check *check, struct need *need)
{
    if (check->nconstants != 1 || check->constants[0].n != 1 || !check->constants[0].values ||
        !type_is_signed(check->constants[0].values[0].type)) {
        return;
    }
    int64_t n = check->constants[0].values[0].i;
    bool only_ok = (check->op == OP_GE && n >= 0) || (check->op == OP_GT && n >= -1) ||
                   (check->op == OP_EQ && n >= 0);
    bool only_failed = (check->op == OP_LT && n <= 0) || (check->op == OP_LE && n < 0) ||
                       (check->op == OP_EQ && n < 0);
    need->failed = !only_ok;
    need->ok = !only_failed;
}

static void need_of_failed(const struct check *check, struct need *need)
{
    bool is_true = (check->op == OP_EQ && constant_is(check, 1)) ||
                   (check->op == OP_NE && constant_is(check, 0));
    bool is_false = (check->op == OP_EQ && constant_is(check, 0)) ||
                    (check->op == OP_NE && constant_is(check, 1));
    need->ok = !is_true;
    need->failed = !is_false;
}

static bool path_test_of(enum ast_op op, enum path_test *ret)
{
    switch (op) {
    case OP_EQ:
    case OP_IN:
        *ret = PATH_EQ;
        return true;
    case OP_STARTSWITH:
        *ret = PATH_PREFIX;
        return true;
    case OP_ENDSWITH:
        *ret = PATH_SUFFIX;
        return true;
    case OP_CONTAINS:
        *ret = PATH_CONTAINS;
        return true;
    case OP_ICONTAINS:
        *ret = PATH_ICONTAINS;
        return true;
    default:
        return false;
    }
}

/* Of a part of the path (its directory, its last component) the test holds for the whole only so. */
static enum path_test weaker(enum field_id field, enum path_test test)
{
    bool at_start = test == PATH_EQ || test == PATH_PREFIX;
    bool at_end = test == PATH_EQ || test == PATH_SUFFIX;
    if (field == FIELD_FD_DIRECTORY && test != PATH_ICONTAINS) {
        return at_start ? PATH_PREFIX : PATH_CONTAINS;
    }
    if (field == FIELD_FD_FILENAME && test != PATH_ICONTAINS) {
        return at_end ? PATH_SUFFIX : PATH_CONTAINS;
    }
    return test;
}

static int need_of_path(struct builder *b, const struct check *check, struct need *need)
{
    enum path_test test;
    uint32_t n = 0;
    for (uint32_t i = 0; i < check->nconstants; i++) {
        n += check->constants[i].n;
    }
    bool any = check->modifier == MODIFIER_NONE || check->modifier == MODIFIER_ANYOF ||
               check->modifier == MODIFIER_ONEOF || check->modifier == MODIFIER_ALLOF;
    if (!any || !path_test_of(check->op, &test) || n > PATHS_MAX || n == 0) {
        return 0;
    }
    test = weaker(check->left->field.id, test);
    need->paths = ARENA_ARRAY(b->arena, struct path_predicate, n);
    if (!need->paths) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < check->nconstants; i++) {
        for (uint32_t j = 0; check->constants[i].strs && j < check->constants[i].n; j++) {
            struct str text = check->constants[i].strs[j];
            /* What a path without a slash has for its directory. */
            bool is_root = str_eq(text, STR("/")) && check->left->field.id != FIELD_FD_NAME;
            need->paths[need->npaths++] = is_root ? (struct path_predicate){ PATH_PREFIX, STR("") }
                                                  : (struct path_predicate){ test, text };
        }
    }
    need->any_path = need->npaths == 0;
    return 0;
}

static int need_of_literal(struct builder *b, struct literal literal, struct need *ret)
{
    const struct check *check = b->m->atoms[literal.atom].check;
    *ret = need_all;
    if (!check || check->right || check->left->kind != EXPR_FIELD || literal.negated) {
        return 0;
    }
    switch (check->left->field.id) {
    case FIELD_EVT_IS_OPEN_READ:
        need_of_bool(check, literal.negated, DEMAND_READ, ret);
        return 0;
    case FIELD_EVT_IS_OPEN_WRITE:
        need_of_bool(check, literal.negated, DEMAND_WRITE, ret);
        return 0;
    case FIELD_EVT_IS_OPEN_CREATE:
        need_of_bool(check, literal.negated, DEMAND_CREATE, ret);
        return 0;
    case FIELD_EVT_IS_OPEN_EXEC:
        need_of_bool(check, literal.negated, DEMAND_EXEC, ret);
        return 0;
    case FIELD_EVT_RAWRES:
        need_of_number(check, ret);
        return 0;
    case FIELD_FD_NUM:
        if (b->is_open && (check->op == OP_GE || check->op == OP_GT)) {
            need_of_number(check, ret);
        }
        return 0;
    case FIELD_EVT_FAILED:
        need_of_failed(check, ret);
        return 0;
    case FIELD_FD_NAME:
    case FIELD_FD_NAMERAW:
    case FIELD_FD_DIRECTORY:
    case FIELD_FD_FILENAME:
        return b->is_open ? need_of_path(b, check, ret) : 0;
    default:
        return 0;
    }
}

static void need_and(struct need *a, const struct need *b)
{
    if (__builtin_popcount(b->access) < __builtin_popcount(a->access)) {
        a->access = b->access;
    }
    a->ok = a->ok && b->ok;
    a->failed = a->failed && b->failed;
    if (a->any_path || (!b->any_path && b->npaths < a->npaths)) {
        a->any_path = b->any_path;
        a->paths = b->paths;
        a->npaths = b->npaths;
        a->capacity = b->capacity;
    }
}

static int need_or(struct arena *arena, struct need *a, const struct need *b)
{
    a->access |= b->access;
    a->ok = a->ok || b->ok;
    a->failed = a->failed || b->failed;
    if (a->any_path || b->any_path || a->npaths + b->npaths > PATHS_MAX) {
        a->any_path = true;
        return 0;
    }
    uint32_t n = a->npaths + b->npaths;
    if (n > a->capacity) {
        struct path_predicate *paths = ARENA_ARRAY(arena, struct path_predicate, (size_t)n * 2);
        if (!paths) {
            return -ENOMEM;
        }
        if (a->npaths) {
            memcpy(paths, a->paths, a->npaths * sizeof(*paths));
        }
        a->paths = paths;
        a->capacity = n * 2;
    }
    if (b->npaths) {
        memcpy(a->paths + a->npaths, b->paths, b->npaths * sizeof(*b->paths));
    }
    a->npaths += b->npaths;
    return 0;
}

/* After tree_fold(). */
static int need_of(struct builder *b, const struct node *node, struct need *ret)
{
    if (node->kind == NODE_LITERAL) {
        return need_of_literal(b, node->literal, ret);
    }
    struct need all = need_all;
    bool first = true;
    for (uint32_t i = 0; i < node->nitems; i++) {
        struct need item;
        if (node->items[i]->truth != TRUTH_UNKNOWN) {
            continue;
        }
        int r = need_of(b, node->items[i], &item);
        if (r < 0) {
            return r;
        }
        if (first) {
            all = item;
        } else if (node->kind == NODE_AND) {
            need_and(&all, &item);
        } else {
            r = need_or(b->arena, &all, &item);
        }
        if (r < 0) {
            return r;
        }
        first = false;
    }
    *ret = all;
    return 0;
}

static bool is_usable(const struct need *need)
{
    return need->access != ACCESS_ANY || !need->ok || !need->failed || !need->any_path;
}

static int build_kind(struct builder *b, uint32_t name, struct demand_kind *kind)
{
    const struct class *class = &b->m->classes[b->m->class_of[name]];
    kind->wanted = class->nrules != 0;
    struct demand_clause *clauses = ARENA_ARRAY(&b->m->arena, struct demand_clause, class->nrules);
    if (!clauses) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < class->nrules; i++) {
        bool named = false;
        struct need need = need_all;
        struct matched_rule *rule = &b->m->rules[class->rules[i].rule];
        enum truth truth = tree_fold(b->m, rule->tree, name, &named);
        int r = truth == TRUTH_UNKNOWN ? need_of(b, rule->tree, &need) : 0;
        if (r < 0) {
            return r;
        }
        clauses[i] = (struct demand_clause){ .access = need.access,
                                             .want_ok = need.ok,
                                             .want_failed = need.failed,
                                             .paths = need.any_path ? NULL : need.paths,
                                             .npaths = need.any_path ? 0 : need.npaths,
                                             .rule = rule->rule->index };
        kind->everything = kind->everything || !is_usable(&need);
    }
    kind->clauses = clauses;
    kind->nclauses = class->nrules;
    return 0;
}

/* Names of one class share clauses, but for those that open files. */
int demand_build(struct matcher *m)
{
    static const char *const opens[] = { "open", "openat", "openat2", "open_by_handle_at",
                                         "creat" };
    struct demand *demand = ARENA_NEW(&m->arena, struct demand);
    uint32_t *made = ARENA_ARRAY(&m->arena, uint32_t, (size_t)m->nclasses * 2);
    if (!demand || !made) {
        return -ENOMEM;
    }
    m->demand = demand;
    for (size_t i = 0; i < sizeof(opens) / sizeof(*opens); i++) {
        uint16_t name = name_find(str_of(opens[i]));
        if (name < NAME_MAX_ID) {
            demand->is_open[name] = true;
        }
    }
    for (uint32_t name = 0; name < NAME_MAX_ID; name++) {
        struct builder b = { m, &m->arena, demand->is_open[name] };
        uint32_t *same = &made[m->class_of[name] * 2 + b.is_open];
        if (!name_text((uint16_t)name)) {
            continue;
        }
        if (*same) {
            demand->kinds[name] = demand->kinds[*same - 1];
            continue;
        }
        int r = build_kind(&b, name, &demand->kinds[name]);
        if (r < 0) {
            return r;
        }
        *same = name + 1;
    }
    return 0;
}

const struct demand *matcher_demand(const struct matcher *m)
{
    return m->demand;
}

const struct demand_kind *demand_of(const struct demand *demand, uint16_t name)
{
    static const struct demand_kind all = { .wanted = true, .everything = true };
    return name < NAME_MAX_ID ? &demand->kinds[name] : &all;
}

uint8_t demand_open_access(const struct matcher *m, uint16_t name, uint32_t rule)
{
    const struct demand_kind *kind = &m->demand->kinds[name];
    if (!m->demand->is_open[name]) {
        return 0;
    }
    for (uint32_t i = 0; i < kind->nclauses; i++) {
        if (kind->clauses[i].rule == m->rules[rule].rule->index) {
            return kind->clauses[i].access;
        }
    }
    return ACCESS_ANY;
}

static bool is_true(enum field_id id, struct view *view)
{
    struct field_ref ref = { .id = id, .type = TYPE_BOOL };
    struct extracted value;
    field_extract(&ref, view, &value);
    return value.n && value.v[0].u;
}

static uint8_t access_of(struct view *view)
{
    unsigned access = (is_true(FIELD_EVT_IS_OPEN_READ, view) ? DEMAND_READ : 0U) |
                      (is_true(FIELD_EVT_IS_OPEN_WRITE, view) ? DEMAND_WRITE : 0U) |
                      (is_true(FIELD_EVT_IS_OPEN_CREATE, view) ? DEMAND_CREATE : 0U) |
                      (is_true(FIELD_EVT_IS_OPEN_EXEC, view) ? DEMAND_EXEC : 0U);
    return (uint8_t)(access ? access : DEMAND_OTHER);
}

static bool path_holds(const struct path_predicate *predicate, struct str path)
{
    switch (predicate->test) {
    case PATH_EQ:
        return str_eq(path, predicate->text);
    case PATH_PREFIX:
        return str_starts(path, predicate->text);
    case PATH_SUFFIX:
        return str_ends(path, predicate->text);
    case PATH_CONTAINS:
        return str_find(path, predicate->text) >= 0;
    case PATH_ICONTAINS:
    default:
        return str_ifind(path, predicate->text) >= 0;
    }
}

/* True also when the path is not known. */
static bool some_path_holds(const struct demand_clause *clause, enum field_id id, struct view *view,
                            bool *ret_known)
{
    struct field_ref ref = { .id = id, .type = TYPE_CHARBUF };
    struct extracted value;
    field_extract(&ref, view, &value);
    if (value.n == 0) {
        return false;
    }
    *ret_known = true;
    for (uint32_t i = 0; i < clause->npaths; i++) {
        if (path_holds(&clause->paths[i], value.v[0].s)) {
            return true;
        }
    }
    return false;
}

static bool paths_pass(const struct demand_clause *clause, struct view *view)
{
    bool known = false;
    if (clause->npaths == 0) {
        return true;
    }
    return some_path_holds(clause, FIELD_FD_NAME, view, &known) ||
           some_path_holds(clause, FIELD_FD_NAMERAW, view, &known) || !known;
}

static bool clause_passes(const struct demand_clause *clause, struct view *view, uint8_t access)
{
    int64_t result;
    if (event_result(view->event, &result) &&
        !(result < 0 ? clause->want_failed : clause->want_ok)) {
        return false;
    }
    return (clause->access == ACCESS_ANY || clause->access & access) && paths_pass(clause, view);
}

bool demand_passes(const struct demand *demand, struct view *view)
{
    const struct demand_kind *kind = demand_of(demand, view->event->name);
    if (!kind->wanted || kind->everything) {
        return kind->wanted;
    }
    uint8_t access = access_of(view);
    for (uint32_t i = 0; i < kind->nclauses; i++) {
        if (clause_passes(&kind->clauses[i], view, access)) {
            return true;
        }
    }
    return false;
}
