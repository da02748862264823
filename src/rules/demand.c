/*
 * demand: for each event name, one clause a rule: which kinds of access, which ways of calling, which results,
 * which paths and which sockets it needs. Whatever a clause cannot say passes.
 *
 * A node's need is built from its operands': of an `and` any operand's need is necessary, so the
 * tighter one of each test is taken; of an `or` the union. Names decide checks on names first. Paths
 * are tested for the calls that open files only; a path predicate holds if the resolved or the raw
 * path satisfies it. Sockets: demand_socket.c.
 */
#include "rules/demand_need.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdlib.h>

#define PATHS_MAX 4096 /* of one clause; with more it passes any path */

static const struct need need_all = {
    .access = ACCESS_ANY,
    .via = VIA_ANY,
    .ok = true,
    .in_progress = true,
    .failed = true,
    .any_path = true,
    .unknown = true,
    .socket = { .families = DEMAND_FAMILY_ANY, .protocols = PROTOCOLS_ANY },
};

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

static bool holds_for(const struct check *check, struct value value)
{
    struct extracted left = { .v = &value, .n = 1 };
    return check_holds(check, &left, NULL);
}

/* Can `number op constant` hold for some number from 0 on (below 0)? */
static bool can_be_positive(enum ast_op op, int64_t n)
{
    return op == OP_LT ? n > 0 : op == OP_LE || op == OP_EQ || op == OP_IN ? n >= 0 : true;
}

static bool can_be_negative(enum ast_op op, int64_t n)
{
    return op == OP_GT ? n < -1 : op == OP_GE || op == OP_EQ || op == OP_IN ? n < 0 : true;
}

/* The call's number: what it gave. */
static void need_of_number(const struct check *check, bool negated, struct need *need)
{
    bool positive = false;
    bool negative = false;
    if (negated || check->op == OP_EXISTS) {
        return;
    }
    for (uint32_t i = 0; i < check->nconstants; i++) {
        for (uint32_t j = 0; check->constants[i].values && j < check->constants[i].n; j++) {
            const struct value *value = &check->constants[i].values[j];
            if (!type_is_signed(value->type)) {
                return;
            }
            positive = positive || can_be_positive(check->op, value->i);
            negative = negative || can_be_negative(check->op, value->i);
        }
    }
    need->ok = positive;
    need->failed = negative;
    need->in_progress = holds_for(check, (struct value){ .type = TYPE_INT64, .i = -EINPROGRESS });
}

/* The number of a descriptor that a call makes; failed, it is -1. */
static void need_of_made(const struct check *check, bool negated, struct need *need)
{
    need_of_number(check, negated, need);
    need->failed = holds_for(check, (struct value){ .type = TYPE_INT64, .i = -1 }) != negated;
    need->in_progress = need->failed;
}

static bool is_only_of(const struct check *check, struct str a, struct str b)
{
    for (uint32_t i = 0; i < check->nconstants; i++) {
        for (uint32_t j = 0; check->constants[i].strs && j < check->constants[i].n; j++) {
            struct str text = check->constants[i].strs[j];
            if (!str_eq(text, a) && !str_eq(text, b)) {
                return false;
            }
        }
    }
    return true;
}

/* evt.res: "SUCCESS", "EINPROGRESS", or another error's name or number. */
static void need_of_result_text(const struct check *check, bool negated, struct need *need)
{
    struct value ok = { .type = TYPE_CHARBUF, .s = STR("SUCCESS") };
    struct value in_progress = { .type = TYPE_CHARBUF, .s = STR("EINPROGRESS") };
    bool is_equality = check->op == OP_EQ || check->op == OP_IN;
    bool is_other = check->op == OP_NE;
    need->ok = holds_for(check, ok) != negated;
    need->in_progress = holds_for(check, in_progress) != negated;
    if ((is_equality && !negated) || (is_other && negated)) {
        need->failed = !is_only_of(check, ok.s, in_progress.s);
    }
}

static void need_of_failed(const struct check *check, bool negated, struct need *need)
{
    need->ok = holds_for(check, (struct value){ .type = TYPE_BOOL, .u = 0 }) != negated;
    need->failed = holds_for(check, (struct value){ .type = TYPE_BOOL, .u = 1 }) != negated;
    need->in_progress = need->failed;
}

static void need_of_via(const struct check *check, bool negated, struct need *need)
{
    unsigned bits = 0;
    for (unsigned via = 0; via < VIA_COUNT; via++) {
        struct value name = { .type = TYPE_CHARBUF, .s = event_via_name((uint8_t)via) };
        bits |= holds_for(check, name) != negated ? 1U << via : 0;
    }
    need->via = (uint8_t)bits;
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

static bool makes_descriptor(enum demand_call call)
{
    return call == CALL_OPEN || call == CALL_ACCEPT || call == CALL_SOCKET;
}

static int need_of_check(struct builder *b, const struct check *check, bool negated,
                         struct need *ret)
{
    switch (check->left->field.id) {
    case FIELD_EVT_IS_OPEN_READ:
        need_of_bool(check, negated, DEMAND_READ, ret);
        return 0;
    case FIELD_EVT_IS_OPEN_WRITE:
        need_of_bool(check, negated, DEMAND_WRITE, ret);
        return 0;
    case FIELD_EVT_IS_OPEN_CREATE:
        need_of_bool(check, negated, DEMAND_CREATE, ret);
        return 0;
    case FIELD_EVT_IS_OPEN_EXEC:
        need_of_bool(check, negated, DEMAND_EXEC, ret);
        return 0;
    case FIELD_EVT_VIA:
        need_of_via(check, negated, ret);
        return 0;
    case FIELD_EVT_RAWRES:
        need_of_number(check, negated, ret);
        return 0;
    case FIELD_EVT_RES:
        need_of_result_text(check, negated, ret);
        return 0;
    case FIELD_EVT_FAILED:
        need_of_failed(check, negated, ret);
        return 0;
    case FIELD_FD_NUM:
        if (makes_descriptor(b->call) && !negated) {
            need_of_made(check, negated, ret);
        }
        return 0;
    case FIELD_FD_NAME:
    case FIELD_FD_NAMERAW:
    case FIELD_FD_DIRECTORY:
    case FIELD_FD_FILENAME:
        return b->call == CALL_OPEN && !negated ? need_of_path(b, check, ret) : 0;
    default:
        return need_of_socket(b, check, negated, ret);
    }
}

static int need_of_literal(struct builder *b, struct literal literal, struct need *ret)
{
    const struct check *check = b->m->atoms[literal.atom].check;
    *ret = need_all;
    if (!check || check->right || check->left->kind != EXPR_FIELD) {
        return 0;
    }
    return need_of_check(b, check, literal.negated, ret);
}

static int need_and(struct arena *arena, struct need *a, const struct need *b)
{
    if (__builtin_popcount(b->access) < __builtin_popcount(a->access)) {
        a->access = b->access;
    }
    a->via &= b->via;
    a->ok = a->ok && b->ok;
    a->in_progress = a->in_progress && b->in_progress;
    a->failed = a->failed && b->failed;
    a->unknown = a->unknown && b->unknown;
    if (a->any_path || (!b->any_path && b->npaths < a->npaths)) {
        a->any_path = b->any_path;
        a->paths = b->paths;
        a->npaths = b->npaths;
        a->capacity = b->capacity;
    }
    return socket_need_and(arena, &a->socket, &b->socket);
}

static int paths_or(struct arena *arena, struct need *a, const struct need *b)
{
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

static int need_or(struct arena *arena, struct need *a, const struct need *b)
{
    a->access |= b->access;
    a->via |= b->via;
    a->ok = a->ok || b->ok;
    a->in_progress = a->in_progress || b->in_progress;
    a->failed = a->failed || b->failed;
    a->unknown = a->unknown || b->unknown;
    int r = socket_need_or(arena, &a->socket, &b->socket);
    return r < 0 ? r : paths_or(arena, a, b);
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
            r = need_and(b->arena, &all, &item);
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

static bool is_usable(const struct demand_clause *clause)
{
    return clause->access != ACCESS_ANY || clause->via != VIA_ANY || !clause->want_ok ||
           !clause->want_in_progress || !clause->want_failed || clause->npaths || clause->socket;
}

static int clause_of(struct arena *arena, const struct need *need, struct demand_clause *ret)
{
    *ret = (struct demand_clause){ .access = need->access,
                                   .via = need->via,
                                   .want_ok = need->ok,
                                   .want_in_progress = need->in_progress,
                                   .want_failed = need->failed,
                                   .paths = need->any_path ? NULL : need->paths,
                                   .npaths = need->any_path ? 0 : need->npaths };
    if (need->unknown || socket_need_is_all(&need->socket)) {
        return 0;
    }
    struct demand_socket *socket = ARENA_NEW(arena, struct demand_socket);
    if (!socket) {
        return -ENOMEM;
    }
    *socket = need->socket;
    ret->socket = socket;
    return 0;
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
        r = r < 0 ? r : clause_of(b->arena, &need, &clauses[i]);
        if (r < 0) {
            return r;
        }
        clauses[i].rule = rule->rule->index;
        kind->everything = kind->everything || !is_usable(&clauses[i]);
    }
    kind->clauses = clauses;
    kind->nclauses = class->nrules;
    return 0;
}

static void name_calls(struct demand *demand)
{
    static const struct {
        const char *name;
        enum demand_call call;
    } calls[] = {
        { "open", CALL_OPEN },        { "openat", CALL_OPEN },
        { "openat2", CALL_OPEN },     { "open_by_handle_at", CALL_OPEN },
        { "creat", CALL_OPEN },       { "socket", CALL_SOCKET },
        { "connect", CALL_CONNECT },  { "bind", CALL_BIND },
        { "listen", CALL_LISTEN },    { "accept", CALL_ACCEPT },
        { "accept4", CALL_ACCEPT },   { "send", CALL_SEND },
        { "sendto", CALL_SEND },      { "sendmsg", CALL_SEND },
        { "sendmmsg", CALL_SEND },    { "recv", CALL_RECEIVE },
        { "recvfrom", CALL_RECEIVE }, { "recvmsg", CALL_RECEIVE },
        { "recvmmsg", CALL_RECEIVE },
    };
    for (size_t i = 0; i < sizeof(calls) / sizeof(*calls); i++) {
        uint16_t name = name_find(str_of(calls[i].name));
        if (name < NAME_MAX_ID) {
            demand->calls[name] = (uint8_t)calls[i].call;
        }
    }
}

/* Names of one class share clauses where their calls are of one kind. */
int demand_build(struct matcher *m)
{
    struct demand *demand = ARENA_NEW(&m->arena, struct demand);
    uint32_t *made = ARENA_ARRAY(&m->arena, uint32_t, (size_t)m->nclasses * CALL_KINDS);
    if (!demand || !made) {
        return -ENOMEM;
    }
    m->demand = demand;
    name_calls(demand);
    for (uint32_t name = 0; name < NAME_MAX_ID; name++) {
        struct builder b = { m, &m->arena, (enum demand_call)demand->calls[name] };
        uint32_t *same = &made[m->class_of[name] * CALL_KINDS + b.call];
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
    if (m->demand->calls[name] != CALL_OPEN) {
        return 0;
    }
    for (uint32_t i = 0; i < kind->nclauses; i++) {
        if (kind->clauses[i].rule == m->rules[rule].rule->index) {
            return kind->clauses[i].access;
        }
    }
    return ACCESS_ANY;
}
