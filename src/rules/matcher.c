/*
 * matcher: builds the parts in order and runs them.
 *
 * A run: the class of the event's name; the plan for its thread; guards; searches of the groups that
 * covers of the remaining rules are in; candidates as bits in definition order; each candidate's steps.
 * Nothing is allocated, and nothing but the candidates' bits is cleared: values are valid while their
 * epoch is the current one.
 */
#include "rules/matcher_internal.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdlib.h>

#define EPOCH_MAX (UINT32_MAX >> 1)

static int take_rules(struct matcher *m, const struct selection *selection)
{
    const struct ruleset *ruleset = m->ruleset;
    m->rules = ARENA_ARRAY(&m->arena, struct matched_rule, ruleset->nrules);
    m->matches = ARENA_ARRAY(&m->arena, const struct rule *, ruleset->nrules);
    if (!m->rules || !m->matches) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < ruleset->nrules; i++) {
        const struct rule *rule = &ruleset->rules[i];
        bool enabled = selection ? selection->enabled[i] : rule->enabled;
        if (enabled && rule->cond) {
            m->rules[m->nrules++] = (struct matched_rule){ .rule = rule, .covered = true };
        }
    }
    return 0;
}

static int build_trees(struct matcher *m, struct atoms_builder *builder)
{
    for (uint32_t i = 0; i < m->nrules; i++) {
        int r = tree_build(builder, &m->arena, m->rules[i].rule->cond, &m->rules[i].tree);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int compile(struct matcher *m)
{
    size_t n = 0;
    for (uint32_t i = 0; i < m->nrules; i++) {
        tree_order(m, m->rules[i].tree);
        n += tree_steps(m->rules[i].tree);
    }
    m->steps = ARENA_ARRAY(&m->arena, struct step, n);
    m->stamps = ARENA_ARRAY(&m->arena, uint32_t, m->natoms);
    if (!m->steps || !m->stamps) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < m->nrules; i++) {
        m->rules[i].start = tree_compile(m, m->rules[i].tree, STEP_ACCEPT, STEP_REJECT);
    }
    return 0;
}

static int build(struct matcher *m, const struct selection *selection)
{
    struct atoms_builder *builder = NULL;
    int r = rows_init(&m->rows);
    r = r < 0 ? r : take_rules(m, selection);
    r = r < 0 ? r : atoms_builder_new(m, &builder);
    r = r < 0 ? r : build_trees(m, builder);
    atoms_builder_free(builder);
    r = r < 0 ? r : groups_build(m);
    r = r < 0 ? r : compile(m);
    r = r < 0 ? r : index_build(m);
    r = r < 0 ? r : explain_build(m);
    r = r < 0 ? r : demand_build(m);
    return r < 0 || m->options.no_residuals ? r : residuals_new(m);
}

int matcher_new(const struct ruleset *ruleset, const struct selection *selection,
                const struct matcher_options *options, struct matcher **ret, struct err *err)
{
    struct matcher *m = mem_zalloc(sizeof(*m));
    if (!m) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    m->ruleset = ruleset;
    m->options = *options;
    arena_init(&m->arena, MATCHER_MEMORY_MAX);
    int r = build(m, selection);
    if (r < 0) {
        matcher_free(m);
        return err_set(err, r, "cannot build the matcher: %s",
                       r == -ENOMEM ? "out of memory" : "the rules are too large together");
    }
    *ret = m;
    return 0;
}

void matcher_free(struct matcher *m)
{
    if (!m) {
        return;
    }
    for (uint32_t i = 0; i < m->ngroups; i++) {
        group_free(&m->groups[i]);
    }
    residuals_free(m->residuals);
    rows_done(&m->rows);
    free(m->sites);
    free(m->atoms);
    arena_done(&m->arena);
    free(m);
}

/* After two thousand million events all stamps are old: once, everything is cleared. */
void matcher_next_epoch(struct matcher *m)
{
    if (m->epoch++ < EPOCH_MAX) {
        return;
    }
    memset(m->stamps, 0, m->natoms * sizeof(*m->stamps));
    for (uint32_t i = 0; i < m->nsites; i++) {
        m->sites[i].epoch = 0;
    }
    for (uint32_t i = 0; i < m->ngroups; i++) {
        m->groups[i].epoch = 0;
    }
    m->epoch = 1;
}

static uint32_t test_guards(struct matcher *m, const struct class *class, uint32_t wanted)
{
    uint32_t held = 0;
    for (uint32_t left = wanted; left; left &= left - 1) {
        uint32_t i = (uint32_t)__builtin_ctz(left);
        struct literal literal = class->guards[i];
        held |= atom_value(m, literal.atom) != literal.negated ? 1U << i : 0;
    }
    return held;
}

static inline void fire(struct matcher *m, const struct class *class, const struct plan *plan,
                        uint32_t rule, uint32_t held)
{
    bool possible = !(class->rules[rule].guards & ~held) &&
                    (!plan->live || plan->live[rule / 64] >> (rule % 64) & 1);
    m->fired[rule / 64] |= (uint64_t)possible << (rule % 64);
}

static void trigger_rows(struct matcher *m, const struct class *class, const struct plan *plan,
                         const struct textset_hits *hits, uint32_t held)
{
    for (uint32_t i = 0; i < hits->n; i++) {
        uint32_t row = hits->rows[i];
        for (uint32_t j = m->cover_at[row]; j < m->cover_at[row + 1]; j++) {
            const struct trigger *trigger = class_trigger(class, m->cover_members[j]);
            for (uint32_t k = 0; k < trigger->n; k++) {
                fire(m, class, plan, class->triggered[trigger->first + k], held);
            }
        }
    }
}

/* Sets the bits of all rules that could match. */
static bool find_candidates(struct matcher *m, const struct class *class, const struct plan *plan)
{
    uint32_t held = plan->guards ? test_guards(m, class, plan->guards) : 0;
    uint64_t groups = 0;
    bool any = false;
    for (uint32_t i = 0; i < plan->nunits; i++) {
        bool alive = !(plan->units[i].guards & ~held);
        groups |= alive ? plan->units[i].groups : 0;
        any = any || alive;
    }
    if (!any) {
        return false;
    }
    memcpy(m->fired, plan->always, class->nwords * sizeof(*m->fired));
    for (; groups; groups &= groups - 1) {
        const struct atom_group *group =
            group_run(m, class->groups[(uint32_t)__builtin_ctzll(groups)]);
        if (group->hits.overflow) {
            for (uint32_t i = 0; i < class->nrules; i++) {
                fire(m, class, plan, i, held);
            }
        }
        trigger_rows(m, class, plan, &group->hits, held);
    }
    return true;
}

static bool run_steps(struct matcher *m, uint32_t at)
{
    while (at < STEP_REJECT) {
        const struct step *step = &m->steps[at];
        at = atom_value(m, step->atom) ? step->on_true : step->on_false;
    }
    return at == STEP_ACCEPT;
}

static uint32_t run_candidates(struct matcher *m, const struct class *class)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < class->nwords; i++) {
        for (uint64_t bits = m->fired[i]; bits; bits &= bits - 1) {
            uint32_t local = i * 64 + (uint32_t)__builtin_ctzll(bits);
            const struct matched_rule *rule = &m->rules[class->rules[local].rule];
            m->stats.rules_run++;
            if (run_steps(m, rule->start)) {
                m->matches[n++] = rule->rule;
                if (!m->options.all) {
                    return n;
                }
            }
        }
    }
    return n;
}

static void count_candidates(struct matcher *m, const struct class *class)
{
    for (uint32_t i = 0; i < class->nwords; i++) {
        m->stats.candidates += (unsigned)__builtin_popcountll(m->fired[i]);
    }
}

uint32_t matcher_run(struct matcher *m, struct view *view, const struct rule *const **ret_rules)
{
    uint16_t name = view->event->name;
    uint32_t class_id = m->class_of[name < NAME_MAX_ID ? name : NAME_MAX_ID];
    const struct class *class = &m->classes[class_id];
    *ret_rules = m->matches;
    m->stats.events++;
    if (class->nrules == 0) {
        return 0;
    }
    m->view = view;
    matcher_next_epoch(m);
    const struct plan *plan = m->residuals ? residual_plan(m, class_id) : &class->all;
    if (plan->nunits == 0 || !find_candidates(m, class, plan)) {
        return 0;
    }
    count_candidates(m, class);
    return run_candidates(m, class);
}
