/*
 * names: which event names a condition can be true for, by set algebra over its checks. `and`
 * intersects, `or` unites, and `not` is pushed down to the checks (De Morgan), because only a check
 * that says something about names may be complemented; all others can be true for any name both as
 * they are and negated.
 *
 * evt.num counts from 1: comparisons that this decides are never or always true. Rules use them as
 * placeholders.
 */
#include "rules/cond.h"

static struct nameset all_names(void)
{
    struct nameset set;
    memset(&set, 0xff, sizeof(set));
    return set;
}

static struct nameset no_names(void)
{
    return (struct nameset){ 0 };
}

static void complement(struct nameset *set)
{
    for (size_t i = 0; i < sizeof(set->bits) / sizeof(*set->bits); i++) {
        set->bits[i] = ~set->bits[i];
    }
}

static void intersect(struct nameset *set, const struct nameset *with)
{
    for (size_t i = 0; i < sizeof(set->bits) / sizeof(*set->bits); i++) {
        set->bits[i] &= with->bits[i];
    }
}

static void unite(struct nameset *set, const struct nameset *with)
{
    for (size_t i = 0; i < sizeof(set->bits) / sizeof(*set->bits); i++) {
        set->bits[i] |= with->bits[i];
    }
}

unsigned nameset_count(const struct nameset *set)
{
    unsigned n = 0;
    for (size_t i = 0; i < sizeof(set->bits) / sizeof(*set->bits); i++) {
        n += (unsigned)__builtin_popcountll(set->bits[i]);
    }
    return n;
}

static bool is_field(const struct check *check, enum field_id id)
{
    return check->left->kind == EXPR_FIELD && check->left->field.id == id;
}

static bool names_of_constants(const struct check *check, struct nameset *ret)
{
    for (uint32_t i = 0; i < check->nconstants; i++) {
        const struct constants *run = &check->constants[i];
        for (uint32_t j = 0; j < run->n; j++) {
            uint16_t id = name_find(run->strs[j]);
            if (id < NAME_MAX_ID) {
                ret->bits[id / 64] |= UINT64_C(1) << (id % 64);
            }
        }
    }
    return true;
}

/* A check of evt.type or syscall.type that decides names; false: it does not. */
static bool decide_by_name(const struct check *check, struct nameset *ret)
{
    if (!is_field(check, FIELD_EVT_TYPE) && !is_field(check, FIELD_SYSCALL_TYPE)) {
        return false;
    }
    bool any = check->modifier == MODIFIER_NONE || check->modifier == MODIFIER_ANYOF;
    bool all = check->modifier == MODIFIER_NONE || check->modifier == MODIFIER_ALLOF;
    *ret = no_names();
    if (check->op == OP_EXISTS) {
        *ret = is_field(check, FIELD_EVT_TYPE) ? all_names() : no_names();
        return is_field(check, FIELD_EVT_TYPE);
    }
    if (check->right) {
        return false;
    }
    if (check->op == OP_IN || (check->op == OP_EQ && any)) {
        return names_of_constants(check, ret);
    }
    if (check->op == OP_NE && all) {
        names_of_constants(check, ret);
        complement(ret);
        return true;
    }
    return false;
}

static bool all_zero(const struct check *check)
{
    for (uint32_t i = 0; i < check->nconstants; i++) {
        for (uint32_t j = 0; j < check->constants[i].n; j++) {
            if (check->constants[i].values[j].u != 0) {
                return false;
            }
        }
    }
    return true;
}

static enum check_truth never_if(bool known)
{
    return known ? CHECK_NEVER : CHECK_DEPENDS;
}

static enum check_truth always_if(bool known)
{
    return known ? CHECK_ALWAYS : CHECK_DEPENDS;
}

/* No value of a field is in an empty list; all values of a transformation that yields none are. */
static bool is_in_nothing(const struct check *check)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < check->nconstants; i++) {
        n += check->constants[i].n;
    }
    bool is_list = check->op == OP_IN || check->op == OP_INTERSECTS || check->op == OP_PMATCH;
    return n == 0 && is_list && !check->right && check->left->kind == EXPR_FIELD &&
           check->modifier == MODIFIER_NONE;
}

enum check_truth check_truth_of(const struct check *check)
{
    if (is_in_nothing(check)) {
        return CHECK_NEVER;
    }
    if (!is_field(check, FIELD_EVT_NUM) || check->right || check->modifier != MODIFIER_NONE) {
        return CHECK_DEPENDS;
    }
    uint64_t n = check->nconstants && check->constants[0].n ? check->constants[0].values[0].u : 0;
    switch (check->op) {
    case OP_IN:
        return never_if(all_zero(check));
    case OP_EQ:
    case OP_LE:
        return never_if(n == 0);
    case OP_LT:
        return never_if(n <= 1);
    case OP_NE:
    case OP_GT:
        return always_if(n == 0);
    case OP_GE:
        return always_if(n <= 1);
    default:
        return CHECK_DEPENDS;
    }
}

static bool decide_by_number(const struct check *check, struct nameset *ret)
{
    enum check_truth truth = is_field(check, FIELD_EVT_NUM) ? check_truth_of(check) : CHECK_DEPENDS;
    *ret = truth == CHECK_ALWAYS ? all_names() : no_names();
    return truth != CHECK_DEPENDS;
}

static void names_of(const struct cond *cond, bool negated, struct nameset *ret)
{
    if (cond->kind == COND_CHECK) {
        if (!decide_by_name(cond->check, ret) && !decide_by_number(cond->check, ret)) {
            *ret = all_names();
        } else if (negated) {
            complement(ret);
        }
        return;
    }
    if (cond->kind == COND_NOT) {
        names_of(cond->items[0], !negated, ret);
        return;
    }
    bool is_and = (cond->kind == COND_AND) != negated;
    *ret = is_and ? all_names() : no_names();
    for (uint32_t i = 0; i < cond->nitems; i++) {
        struct nameset set;
        names_of(cond->items[i], negated, &set);
        (is_and ? intersect : unite)(ret, &set);
    }
}

void cond_names(const struct cond *cond, struct nameset *ret)
{
    names_of(cond, false, ret);
}
