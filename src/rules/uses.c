/*
 * Uses: walks the conditions of the selected rules, and searches the text of their outputs for the
 * field's name.
 *
 * Conditions nest no deeper than the compiler lets them. What never holds, whatever the event, names nothing: so a
 * rule on a list costs nothing while the list is empty.
 */
#include "rules/uses.h"

#include "rules/cond.h"

static bool expr_uses(const struct expr *expr, enum field_id field)
{
    if (!expr) {
        return false;
    }
    bool uses = expr->kind == EXPR_FIELD && expr->field.id == field;
    for (uint32_t i = 0; i < expr->nargs && !uses; i++) {
        uses = expr_uses(expr->args[i], field);
    }
    return uses;
}

static bool cond_uses(const struct cond *cond, enum field_id field)
{
    if (!cond) {
        return false;
    }
    if (cond->kind == COND_CHECK) {
        return expr_uses(cond->check->left, field) || expr_uses(cond->check->right, field);
    }
    for (uint32_t i = 0; i < cond->nitems; i++) {
        if (cond_uses(cond->items[i], field)) {
            return true;
        }
    }
    return false;
}

static bool cond_never(const struct cond *cond)
{
    if (!cond || cond->kind == COND_NOT) {
        return false;
    }
    if (cond->kind == COND_CHECK) {
        return check_truth_of(cond->check) == CHECK_NEVER;
    }
    bool any = false, all = true;
    for (uint32_t i = 0; i < cond->nitems; i++) {
        bool never = cond_never(cond->items[i]);
        any |= never;
        all &= never;
    }
    return cond->kind == COND_AND ? any : all;
}

bool ruleset_uses_field(const struct ruleset *ruleset, const struct selection *selection,
                        enum field_id field)
{
    struct str name = str_of(field_table[field].name);
    for (uint32_t i = 0; i < ruleset->nrules; i++) {
        const struct rule *rule = &ruleset->rules[i];
        if (i < selection->n && selection->enabled[i] && !cond_never(rule->cond) &&
            (cond_uses(rule->cond, field) || str_find(rule->output, name) >= 0)) {
            return true;
        }
    }
    return false;
}
