/*
 * explain: what people want to know of a rule's place in the matcher, and which list item made it
 * match. Off the hot path, except that evidence is drawn for alerts.
 */
#include "rules/matcher_internal.h"

#include "rules/regex.h"

#include <errno.h>

static const struct matched_rule *find(const struct matcher *m, const struct rule *rule)
{
    uint32_t low = 0;
    uint32_t high = m->nrules;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (m->rules[middle].rule->index < rule->index) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < m->nrules && m->rules[low].rule == rule ? &m->rules[low] : NULL;
}

/* stamps are free for marks until the first event. */
static void describe(struct matcher *m, struct matched_rule *rule, const struct node *node,
                     uint32_t mark)
{
    for (uint32_t i = 0; i < node->nitems; i++) {
        describe(m, rule, node->items[i], mark);
    }
    if (node->kind != NODE_LITERAL || m->stamps[node->literal.atom] == mark) {
        return;
    }
    const struct atom *atom = &m->atoms[node->literal.atom];
    m->stamps[node->literal.atom] = mark;
    rule->natoms++;
    rule->volatilities |= atom->volatilities;
    if (atom->flags & ATOM_NEVER_MUTES) {
        rule->not_muted = "it uses evt.num, evt.count or evt.deltatime";
    }
}

int explain_build(struct matcher *m)
{
    for (uint32_t i = 0; i < m->nrules; i++) {
        struct matched_rule *rule = &m->rules[i];
        describe(m, rule, rule->tree, i + 1);
        if (rule->rule->any_name && tree_truth(rule->tree) != TRUTH_FALSE) {
            rule->not_muted = "it is not restricted to event types";
        }
        m->stats.uncovered_rules += !rule->covered;
    }
    for (uint32_t i = 0; i < m->natoms; i++) {
        m->stamps[i] = 0;
        m->stats.atoms_grouped += m->atoms[i].group != NONE;
    }
    m->stats.rules = m->nrules;
    m->stats.atoms = m->natoms;
    return 0;
}

void matcher_get_stats(const struct matcher *m, struct matcher_stats *ret)
{
    *ret = m->stats;
    ret->bytes = sizeof(*m) + m->arena.used + rows_bytes(&m->rows) + residuals_bytes(m->residuals) +
                 m->memos_bytes + m->paths_bytes + m->nsites * sizeof(*m->sites) +
                 m->natoms * sizeof(*m->atoms);
    for (uint32_t i = 0; i < m->ngroups; i++) {
        ret->bytes += group_bytes(&m->groups[i]);
    }
}

void matcher_plan(const struct matcher *m, const struct rule *rule, struct rule_plan *ret)
{
    const struct matched_rule *found = find(m, rule);
    *ret = (struct rule_plan){ 0 };
    if (!found) {
        ret->why_not = "it is not enabled";
        return;
    }
    bool never = tree_truth(found->tree) == TRUTH_FALSE;
    ret->covered = found->covered;
    ret->mutable = !found->not_muted && (never || found->volatilities & ~KEPT_NONE);
    ret->why_not = found->not_muted ? found->not_muted
                   : ret->mutable   ? NULL
                                    : "all it tests changes with each event";
    ret->natoms = found->natoms;
    ret->volatilities = found->volatilities;
}

static void put_field(const struct expr *expr, struct buf *buf)
{
    if (expr->kind == EXPR_FIELD) {
        buf_putz(buf, field_table[expr->field.id].name);
        if (expr->field.has_arg && expr->field.key.p) {
            buf_printf(buf, "[%.*s]", STR_ARG(expr->field.key));
        } else if (expr->field.has_arg) {
            buf_printf(buf, "[%d]", expr->field.index);
        }
    } else if (expr->kind == EXPR_TRANSFORM && expr->nargs) {
        buf_putz(buf, "a transformation of ");
        put_field(expr->args[0], buf);
    }
}

#define ITEMS_SHOWN 8

/* Text and numbers; addresses and the like are only counted. */
static bool put_constant(const struct constants *run, uint32_t i, bool first, struct buf *buf)
{
    const char *before = first ? " " : ", ";
    if (run->strs) {
        buf_printf(buf, "%s%.*s", before, STR_ARG(run->strs[i]));
        return true;
    }
    const struct value *value = &run->values[i];
    if (!type_is_signed(value->type) && !type_is_unsigned(value->type)) {
        return false;
    }
    buf_putz(buf, before);
    if (value->type == TYPE_BOOL) {
        buf_putz(buf, value->u ? "true" : "false");
    } else if (type_is_signed(value->type)) {
        buf_printf(buf, "%lld", (long long)value->i);
    } else {
        buf_printf(buf, "%llu", (unsigned long long)value->u);
    }
    return true;
}

static void put_constants(const struct check *check, struct buf *buf)
{
    uint32_t shown = 0;
    uint32_t n = 0;
    for (uint32_t i = 0; i < check->nconstants; i++) {
        const struct constants *run = &check->constants[i];
        n += run->n;
        for (uint32_t j = 0; j < run->n && shown < ITEMS_SHOWN; j++) {
            shown += put_constant(run, j, shown == 0, buf);
        }
    }
    if (n > shown) {
        buf_printf(buf, shown ? ", and %u more" : " (%u values)", n - shown);
    }
}

void matcher_plan_cover(const struct matcher *m, const struct rule *rule, struct buf *buf)
{
    const struct matched_rule *found = find(m, rule);
    for (uint32_t i = 0; found && i < found->ncover; i++) {
        const struct check *check = m->atoms[found->cover[i]].check;
        put_field(check->left, buf);
        buf_printf(buf, " %s", op_text(check->op));
        put_constants(check, buf);
        buf_putc(buf, '\n');
    }
}

struct collector {
    struct matcher *m;
    struct evidence *items;
    uint32_t n, max;
};

/* Is the check true of this one value and its one constant? */
static bool holds_for(const struct check *check, const struct constants *run, uint32_t item,
                      uint32_t index, const struct value *value)
{
    bool is_equality = check->op == OP_IN || check->op == OP_EQ || check->op == OP_INTERSECTS;
    if (run->strs && is_equality) {
        return str_eq(run->strs[item], value->s);
    }
    struct constants one = *run;
    one.n = 1;
    one.strs = run->strs ? run->strs + item : NULL;
    one.values = run->strs ? NULL : run->values + item;
    struct check single = *check;
    single.modifier = MODIFIER_NONE;
    single.constants = &one;
    single.nconstants = 1;
    single.regexes = check->regexes ? check->regexes + index : NULL;
    struct extracted left = { .v = value, .n = 1 };
    return check_holds(&single, &left, NULL);
}

static struct str item_text(struct collector *c, const struct constants *run, uint32_t item)
{
    if (run->strs) {
        return run->strs[item];
    }
    struct extracted value = { .v = &run->values[item], .n = 1 };
    struct field_ref ref = { .type = run->values[item].type };
    struct scratch *scratch = &c->m->view->scratch;
    struct buf buf;
    buf_init_fixed(&buf, scratch->p + scratch->n, scratch->capacity - scratch->n);
    field_text(&ref, &value, &buf);
    scratch->n += buf.n;
    return buf_str(&buf);
}

static void collect_check(struct collector *c, const struct check *check, uint32_t site)
{
    const struct extracted *left = site_value(c->m, site);
    uint32_t index = 0;
    for (uint32_t i = 0; i < check->nconstants; i++) {
        const struct constants *run = &check->constants[i];
        for (uint32_t j = 0; j < run->n && index < EVIDENCE_SCAN_MAX; j++, index++) {
            for (uint32_t k = 0; k < left->n && c->n < c->max; k++) {
                if (holds_for(check, run, j, index, &left->v[k])) {
                    c->items[c->n++] = (struct evidence){
                        .list = run->list,
                        .item = item_text(c, run, j),
                        .field = check->left->kind == EXPR_FIELD ? &check->left->field : NULL,
                    };
                    break;
                }
            }
        }
    }
}

static bool is_list_check(const struct check *check)
{
    if (check->op == OP_IN || check->op == OP_INTERSECTS || check->op == OP_PMATCH ||
        check->modifier != MODIFIER_NONE) {
        return true;
    }
    return check->nconstants && check->constants[0].list.n && check->op != OP_NE;
}

static void collect(struct collector *c, const struct node *node)
{
    for (uint32_t i = 0; i < node->nitems && c->n < c->max; i++) {
        collect(c, node->items[i]);
    }
    if (node->kind != NODE_LITERAL || node->literal.negated || c->n == c->max) {
        return;
    }
    const struct atom *atom = &c->m->atoms[node->literal.atom];
    if (atom->check && !atom->check->right && is_list_check(atom->check) &&
        !(atom->flags & ATOM_EVENT_NAME) && atom_value(c->m, node->literal.atom)) {
        collect_check(c, atom->check, atom->site);
    }
}

uint32_t matcher_evidence(struct matcher *m, struct view *view, const struct rule *rule,
                          struct evidence *ret, uint32_t max)
{
    const struct matched_rule *found = find(m, rule);
    struct collector c = { .m = m, .items = ret, .max = max };
    m->view = view;
    if (found) {
        collect(&c, found->tree);
    }
    return c.n;
}
