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
    r = r < 0 ? r : costs_new(m);
    r = r < 0 ? r : atoms_builder_new(m, &builder);
    r = r < 0 ? r : build_trees(m, builder);
    atoms_builder_free(builder);
    r = r < 0 ? r : groups_build(m);
    r = r < 0 ? r : memos_build(m);
    r = r < 0 ? r : compile(m);
    r = r < 0 ? r : index_build(m);
    r = r < 0 ? r : paths_build(m);
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
    mem_pages_free(m->memos, m->memos_bytes);
    mem_pages_free(m->paths, m->paths_bytes);
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
        m->sites[i].entry_epoch = 0;
    }
    for (uint32_t i = 0; i < m->ngroups; i++) {
        m->groups[i].epoch = 0;
    }
    m->epoch = 1;
}

/* Guards tested so far, and those that held. */
struct guards {
    uint32_t known, held;
};

static bool guards_test(struct matcher *m, const struct class *class, uint32_t wanted,
                        struct guards *guards)
{
    for (uint32_t left = wanted & ~guards->known; left; left &= left - 1) {
        uint32_t i = (uint32_t)__builtin_ctz(left);
        struct literal literal = class->guards[i];
        guards->known |= 1U << i;
        if (atom_value(m, literal.atom) == literal.negated) {
            return false;
        }
        guards->held |= 1U << i;
    }
    return true;
}

static inline bool guards_hold(struct matcher *m, const struct class *class, uint32_t wanted,
                               struct guards *guards)
{
    if (wanted & guards->known & ~guards->held) {
        return false;
    }
    return !(wanted & ~guards->known) || guards_test(m, class, wanted, guards);
}

static void fire_word(struct matcher *m, const struct class *class, const struct plan *plan,
                      uint32_t word, uint64_t bits, struct guards *guards)
{
    for (bits &= plan->live ? plan->live[word] : UINT64_MAX; bits; bits &= bits - 1) {
        uint32_t rule = word * 64 + (uint32_t)__builtin_ctzll(bits);
        if (guards_hold(m, class, class->rules[rule].guards, guards)) {
            m->fired[word] |= bits & -bits;
            m->fired_words[word / 64] |= UINT64_C(1) << (word % 64);
        }
    }
}

static inline void fire_bits(struct matcher *m, const struct class *class, const struct plan *plan,
                             const uint64_t *rules, struct guards *guards)
{
    for (uint32_t i = 0; i < class->nwords; i++) {
        if (rules[i]) {
            fire_word(m, class, plan, i, rules[i], guards);
        }
    }
}

static void trigger_row(struct matcher *m, const struct class *class, const struct plan *plan,
                        uint32_t row, struct guards *guards)
{
    for (uint32_t i = m->cover_at[row]; i < m->cover_at[row + 1]; i++) {
        const struct trigger *trigger = class_trigger(class, m->cover_members[i]);
        for (uint32_t k = 0; k < trigger->n; k++) {
            uint32_t rule = class->triggered[trigger->first + k];
            fire_word(m, class, plan, rule / 64, UINT64_C(1) << (rule % 64), guards);
        }
    }
}

static void trigger_rows(struct matcher *m, const struct class *class, const struct plan *plan,
                         const struct textset_hits *hits, struct guards *guards)
{
    for (uint32_t i = 0; i < hits->n; i++) {
        uint32_t row = hits->rows[i];
        if (class->row_rules) {
            fire_bits(m, class, plan, class->row_rules + row * class->nwords, guards);
        } else {
            trigger_row(m, class, plan, row, guards);
        }
    }
}

/* Searches the groups, but for those in `done`, of units whose guards hold. */
static void search_groups(struct matcher *m, const struct class *class, const struct plan *plan,
                          uint64_t done, struct guards *guards)
{
    uint64_t groups = done;
    uint32_t n = done ? plan->nothers : plan->nunits;
    for (uint32_t i = 0; i < n; i++) {
        const struct unit *unit = &plan->units[i];
        if (unit->groups & ~groups && guards_hold(m, class, unit->guards, guards)) {
            groups |= unit->groups;
        }
    }
    for (groups &= ~done; groups; groups &= groups - 1) {
        uint32_t id = class->groups[(uint32_t)__builtin_ctzll(groups)];
        if (group_is_quiet(m, id)) {
            continue;
        }
        const struct atom_group *group = group_run(m, id);
        for (uint32_t i = 0; group->hits.overflow && i < class->nrules; i++) {
            fire_word(m, class, plan, i / 64, UINT64_C(1) << (i % 64), guards);
        }
        trigger_rows(m, class, plan, &group->hits, guards);
    }
}

/* Sets the bits of all rules that could match. */
static inline void search(struct matcher *m, const struct class *class, const struct plan *plan)
{
    struct guards guards = { 0, 0 };
    const uint64_t *kept = class->path_groups ? paths_recall(m, class) : NULL;
    if (kept) {
        fire_bits(m, class, plan, kept, &guards);
    }
    search_groups(m, class, plan, kept ? class->path_groups : 0, &guards);
    if (plan->nalways) {
        fire_bits(m, class, plan, plan->always, &guards);
    }
}

static void find_candidates(struct matcher *m, const struct class *class, const struct plan *plan)
{
    uint64_t start = m->costs.on ? m->options.clock() : 0;
    search(m, class, plan);
    if (m->costs.on) {
        cost_add(m, &m->costs.search_ns, start);
    }
}

static bool run_steps(struct matcher *m, uint32_t at)
{
    while (at < STEP_REJECT) {
        const struct step *step = &m->steps[at];
        at = atom_value(m, step->atom) ? step->on_true : step->on_false;
    }
    return at == STEP_ACCEPT;
}

static bool run_timed(struct matcher *m, const struct matched_rule *rule)
{
    uint64_t start = m->options.clock();
    bool matches = run_steps(m, rule->start);
    cost_add(m, &m->costs.by_rule[rule->rule->index], start);
    return matches;
}

/* Runs the rules of one word of bits; false: that was the first match and no more are wanted. */
static bool run_word(struct matcher *m, const struct class *class, uint32_t word, uint32_t *n)
{
    uint64_t bits = m->fired[word];
    m->fired[word] = 0;
    for (; bits; bits &= bits - 1) {
        uint32_t local = word * 64 + (uint32_t)__builtin_ctzll(bits);
        const struct matched_rule *rule = &m->rules[class->rules[local].rule];
        m->stats.rules_run++;
        m->stats.candidates++;
        if (m->costs.on ? run_timed(m, rule) : run_steps(m, rule->start)) {
            m->matches[(*n)++] = rule->rule;
            if (!m->options.all) {
                return false;
            }
        }
    }
    return true;
}

/* Leaves no bits behind. */
static uint32_t run_candidates(struct matcher *m, const struct class *class)
{
    uint32_t n = 0;
    bool wanted = true;
    for (uint32_t i = 0; i <= class->nwords / 64; i++) {
        uint64_t words = m->fired_words[i];
        m->fired_words[i] = 0;
        for (; words; words &= words - 1) {
            uint32_t word = i * 64 + (uint32_t)__builtin_ctzll(words);
            wanted = wanted && run_word(m, class, word, &n);
            m->fired[word] = 0;
        }
    }
    return n;
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
    m->costs.on = m->options.clock && --m->costs.left == 0;
    if (m->costs.on) {
        cost_sample(&m->costs);
    }
    const struct plan *plan = m->residuals ? residual_plan(m, class_id) : &class->all;
    if (plan->nunits == 0) {
        return 0;
    }
    find_candidates(m, class, plan);
    return run_candidates(m, class);
}
