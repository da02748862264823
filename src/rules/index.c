/*
 * index: event names with the same rules and the same truth of all checks on names form a class, and
 * each class has its own plan.
 *
 * For an event of a class: test the guards; of the units (rules that need the same guards) that are
 * left, search the groups their covers are in; each row found triggers rules. Rules without a cover
 * always run. Bit sets number a class's rules in definition order.
 */
#include "rules/matcher_internal.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdlib.h>

#define NAMES (NAME_MAX_ID + 1) /* the last stands for all ids that are no event's name */

struct indexer {
    struct matcher *m;
    struct arena arena;   /* for the whole build */
    struct cover *covers; /* by rule; of rules that no check on names tells apart */
    struct literals *guards;
    bool *nameless;
    struct cover *class_covers; /* by class-local rule */
    struct literals *class_guards;
};

/* Asynchronous events carry their type in a parameter: their name decides nothing. */
static uint32_t name_to_fold(uint32_t name)
{
    bool known = name < NAME_MAX_ID && name_text((uint16_t)name) &&
                 !str_eqz(STR("asyncevent"), name_text((uint16_t)name));
    return known ? name : NONE;
}

/* A bit for each rule that can match this name, then one for each atom on names that is true. */
static void signature(const struct matcher *m, uint32_t name, uint64_t *ret)
{
    bool any = name_to_fold(name) == NONE;
    uint32_t bit = 0;
    for (uint32_t i = 0; i < m->nrules; i++, bit++) {
        if (any || nameset_has(&m->rules[i].rule->names, (uint16_t)name)) {
            ret[bit / 64] |= UINT64_C(1) << (bit % 64);
        }
    }
    for (uint32_t i = 0; i < m->natoms; i++) {
        if (!(m->atoms[i].flags & ATOM_EVENT_NAME)) {
            continue;
        }
        if (!any && nameset_has(m->atoms[i].names, (uint16_t)name)) {
            ret[bit / 64] |= UINT64_C(1) << (bit % 64);
        }
        bit++;
    }
}

static uint32_t count_name_atoms(const struct matcher *m)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < m->natoms; i++) {
        n += (m->atoms[i].flags & ATOM_EVENT_NAME) != 0;
    }
    return n;
}

/* The first name of each class, in *ret_first. */
static int find_classes(struct indexer *x, uint32_t *ret_first)
{
    struct matcher *m = x->m;
    size_t words = (m->nrules + (size_t)count_name_atoms(m)) / 64 + 2; /* the last: folded or not */
    uint64_t *all = ARENA_ARRAY(&x->arena, uint64_t, words * NAMES);
    CLEANUP(map_done) struct map seen = { 0 };
    if (!all) {
        return -ENOMEM;
    }
    for (uint32_t name = 0; name < NAMES; name++) {
        uint64_t *bits = all + name * words;
        signature(m, name, bits);
        bits[words - 1] = name_to_fold(name) == NONE;
        if (name < NAME_MAX_ID && !bits[words - 1]) {
            m->names_decide.bits[name / 64] |= UINT64_C(1) << (name % 64);
        }
        uint64_t hash = str_hash(str_from(bits, words * sizeof(*bits)));
        uintptr_t class = (uintptr_t)map_get(&seen, hash);
        if (class && memcmp(bits, all + ret_first[class - 1] * words, words * sizeof(*bits)) == 0) {
            m->class_of[name] = (uint32_t)(class - 1);
            continue;
        }
        ret_first[m->nclasses] = name;
        m->class_of[name] = m->nclasses++;
        if (map_put(&seen, hash, (void *)(uintptr_t)m->nclasses) < 0) {
            return -ENOMEM;
        }
    }
    return 0;
}

static int analyse(struct indexer *x, uint32_t rule, uint32_t local, uint32_t name, bool *ret_dead)
{
    struct node *tree = x->m->rules[rule].tree;
    bool named = false;
    *ret_dead = false;
    if (x->nameless[rule]) {
        x->class_covers[local] = x->covers[rule];
        x->class_guards[local] = x->guards[rule];
        return 0;
    }
    enum truth truth = tree_fold(x->m, tree, name, &named);
    x->class_covers[local] = (struct cover){ 0 };
    x->class_guards[local] = (struct literals){ 0 };
    *ret_dead = truth == TRUTH_FALSE;
    if (truth != TRUTH_UNKNOWN) {
        return 0;
    }
    int r = cover_choose(x->m, &x->arena, tree, &x->class_covers[local]);
    r = r < 0 ? r : cover_guards(x->m, &x->arena, tree, &x->class_guards[local]);
    if (!named) {
        x->nameless[rule] = true;
        x->covers[rule] = x->class_covers[local];
        x->guards[rule] = x->class_guards[local];
    }
    return r;
}

/* The class's rules, with cover and guards. */
static int gather_rules(struct indexer *x, struct class *class, uint32_t name)
{
    struct matcher *m = x->m;
    uint32_t fold = name_to_fold(name);
    uint32_t n = 0;
    for (uint32_t i = 0; i < m->nrules; i++) {
        n += fold == NONE || nameset_has(&m->rules[i].rule->names, (uint16_t)name);
    }
    class->rules = ARENA_ARRAY(&m->arena, struct filed_rule, n);
    if (!class->rules) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < m->nrules; i++) {
        if (fold != NONE && !nameset_has(&m->rules[i].rule->names, (uint16_t)name)) {
            continue;
        }
        bool dead;
        int r = analyse(x, i, class->nrules, fold, &dead);
        if (r < 0) {
            return r;
        }
        if (!dead) {
            class->rules[class->nrules++] = (struct filed_rule){ .rule = i };
        }
    }
    class->nwords = (class->nrules + 63) / 64;
    return 0;
}

static int order_literal(const void *a, const void *b)
{
    const struct literal *x = a;
    const struct literal *y = b;
    uint64_t i = (uint64_t)x->atom << 1 | x->negated;
    uint64_t j = (uint64_t)y->atom << 1 | y->negated;
    return (i > j) - (i < j);
}

static bool literal_same(struct literal a, struct literal b)
{
    return a.atom == b.atom && a.negated == b.negated;
}

/* The guards that most rules share. */
static int choose_guards(struct indexer *x, struct class *class)
{
    size_t n = 0;
    for (uint32_t i = 0; i < class->nrules; i++) {
        n += x->class_guards[i].n;
    }
    CLEANUP(cleanup_free) struct literal *all = mem_alloc((n + 1) * sizeof(*all));
    uint32_t counts[GUARDS_MAX] = { 0 };
    if (!all) {
        return -ENOMEM;
    }
    n = 0;
    for (uint32_t i = 0; i < class->nrules; i++) {
        for (uint32_t j = 0; j < x->class_guards[i].n; j++) {
            all[n++] = x->class_guards[i].items[j];
        }
    }
    qsort(all, n, sizeof(*all), order_literal);
    uint32_t count;
    for (size_t i = 0; i < n; i += count) {
        for (count = 1; i + count < n && literal_same(all[i], all[i + count]); count++) {
        }
        uint32_t at = class->nguards < GUARDS_MAX ? class->nguards++ : GUARDS_MAX;
        for (; at > 0 && counts[at - 1] < count; at--) {
            if (at < GUARDS_MAX) {
                class->guards[at] = class->guards[at - 1];
                counts[at] = counts[at - 1];
            }
        }
        if (at < GUARDS_MAX) {
            class->guards[at] = all[i];
            counts[at] = count;
        }
    }
    return 0;
}

static float guard_rank(const struct matcher *m, struct literal guard)
{
    const struct atom *atom = &m->atoms[guard.atom];
    float chance = guard.negated ? 1.0F - atom->chance : atom->chance;
    return (float)atom->cost / (1.01F - chance);
}

/* Cheap and telling guards first: those after one that fails are often not tested at all. */
static void order_guards(const struct matcher *m, struct class *class)
{
    for (uint32_t i = 1; i < class->nguards; i++) {
        struct literal guard = class->guards[i];
        uint32_t at = i;
        for (; at && guard_rank(m, class->guards[at - 1]) > guard_rank(m, guard); at--) {
            class->guards[at] = class->guards[at - 1];
        }
        class->guards[at] = guard;
    }
}

static uint32_t guard_bits(const struct class *class, const struct literals *literals)
{
    uint32_t bits = 0;
    for (uint32_t i = 0; i < class->nguards; i++) {
        for (uint32_t j = 0; j < literals->n; j++) {
            bits |= literal_same(class->guards[i], literals->items[j]) ? 1U << i : 0;
        }
    }
    return bits;
}

/* Bit of the group in the class; 0 when the class has too many. */
static uint64_t group_bit(const struct matcher *m, struct class *class, uint32_t group)
{
    for (uint32_t i = 0; i < class->ngroups; i++) {
        if (class->groups[i] == group) {
            return UINT64_C(1) << i;
        }
    }
    if (class->ngroups == CLASS_GROUPS_MAX) {
        return 0;
    }
    class->groups[class->ngroups] = group;
    bool kept = !(m->sites[m->groups[group].site].volatilities & KEPT_NONE);
    class->kept_groups |= kept ? UINT64_C(1) << class->ngroups : 0;
    return UINT64_C(1) << class->ngroups++;
}

static uint64_t cover_groups(struct matcher *m, struct class *class, const struct cover *cover)
{
    uint64_t bits = 0;
    for (uint32_t i = 0; cover->possible && i < cover->n; i++) {
        uint64_t bit = group_bit(m, class, m->atoms[cover->atoms[i]].group);
        if (!bit) {
            return 0;
        }
        bits |= bit;
    }
    return bits;
}

struct pair {
    uint32_t atom, rule;
};

static int order_pair(const void *a, const void *b)
{
    const struct pair *x = a;
    const struct pair *y = b;
    return x->atom != y->atom ? (x->atom > y->atom) - (x->atom < y->atom)
                              : (x->rule > y->rule) - (x->rule < y->rule);
}

static uint32_t trigger_home(const struct class *class, uint32_t atom)
{
    return (uint32_t)(atom * UINT64_C(0x9e3779b97f4a7c15) >> 32) & class->trigger_mask;
}

const struct trigger *class_trigger(const struct class *class, uint32_t atom)
{
    uint32_t at = trigger_home(class, atom);
    while (class->triggers[at].n && class->triggers[at].atom != atom) {
        at = (at + 1) & class->trigger_mask;
    }
    return &class->triggers[at];
}

static int fill_triggers(struct indexer *x, struct class *class, struct pair *pairs, size_t n)
{
    struct arena *arena = &x->m->arena;
    uint32_t slots = 4;
    while (slots < n * 2) {
        slots *= 2;
    }
    class->trigger_mask = slots - 1;
    class->triggers = ARENA_ARRAY(arena, struct trigger, slots);
    class->triggered = ARENA_ARRAY(arena, uint32_t, n);
    if (!class->triggers || !class->triggered) {
        return -ENOMEM;
    }
    qsort(pairs, n, sizeof(*pairs), order_pair);
    for (size_t i = 0; i < n; i++) {
        struct trigger *trigger = (struct trigger *)class_trigger(class, pairs[i].atom);
        if (trigger->n == 0) {
            *trigger = (struct trigger){ .atom = pairs[i].atom, .first = (uint32_t)i };
        }
        trigger->n++;
        class->triggered[i] = pairs[i].rule;
        x->m->atoms[pairs[i].atom].flags |= ATOM_COVER;
    }
    return 0;
}

static int file_rules(struct indexer *x, struct class *class)
{
    size_t n = 0;
    order_guards(x->m, class);
    for (uint32_t i = 0; i < class->nrules; i++) {
        class->rules[i].guards = guard_bits(class, &x->class_guards[i]);
        class->rules[i].groups = cover_groups(x->m, class, &x->class_covers[i]);
        n += class->rules[i].groups ? x->class_covers[i].n : 0;
    }
    CLEANUP(cleanup_free) struct pair *pairs = mem_alloc((n + 1) * sizeof(*pairs));
    if (!pairs) {
        return -ENOMEM;
    }
    n = 0;
    for (uint32_t i = 0; i < class->nrules; i++) {
        for (uint32_t j = 0; class->rules[i].groups && j < x->class_covers[i].n; j++) {
            pairs[n++] = (struct pair){ x->class_covers[i].atoms[j], i };
        }
    }
    return fill_triggers(x, class, pairs, n);
}

/* For explanations: the largest cover of a rule, and whether it has one in all classes. */
static int note_covers(struct indexer *x, const struct class *class)
{
    for (uint32_t i = 0; i < class->nrules; i++) {
        struct matched_rule *rule = &x->m->rules[class->rules[i].rule];
        const struct cover *cover = &x->class_covers[i];
        if (!class->rules[i].groups) {
            rule->covered = false;
        } else if (cover->n > rule->ncover) {
            uint32_t *copy = ARENA_ARRAY(&x->m->arena, uint32_t, cover->n);
            if (!copy) {
                return -ENOMEM;
            }
            memcpy(copy, cover->atoms, cover->n * sizeof(*copy));
            rule->cover = copy;
            rule->ncover = cover->n;
        }
    }
    return 0;
}

static void unit_add(struct plan *plan, uint32_t guards, uint64_t groups)
{
    uint32_t i = 0;
    while (i < plan->nunits && plan->units[i].guards != guards) {
        i++;
    }
    if (i == CLASS_UNITS_MAX) {
        plan->units[0].guards &= guards;
        plan->units[0].groups |= groups;
        return;
    }
    if (i == plan->nunits) {
        plan->units[plan->nunits++] = (struct unit){ .guards = guards };
    }
    plan->units[i].groups |= groups;
}

void plan_fill(const struct class *class, struct plan *plan)
{
    plan->nunits = 0;
    plan->nalways = 0;
    plan->nothers = 0;
    for (uint32_t i = 0; i < class->nwords; i++) {
        plan->always[i] = 0;
    }
    for (uint32_t i = 0; i < class->nrules; i++) {
        const struct filed_rule *rule = &class->rules[i];
        if (plan->live && !(plan->live[i / 64] >> (i % 64) & 1)) {
            continue;
        }
        /* What the residual has found possible needs no search for the same again. */
        uint64_t groups = plan->live && !(rule->groups & ~class->kept_groups) ? 0 : rule->groups;
        plan->always[i / 64] |= groups ? 0 : UINT64_C(1) << (i % 64);
        plan->nalways += !groups;
        unit_add(plan, rule->guards, groups);
    }
    for (uint32_t i = 0; i < plan->nunits; i++) {
        if (plan->units[i].groups & ~class->path_groups) {
            struct unit unit = plan->units[i];
            plan->units[i] = plan->units[plan->nothers];
            plan->units[plan->nothers++] = unit;
        }
    }
}

static int build_class(struct indexer *x, struct class *class, uint32_t name)
{
    int r = gather_rules(x, class, name);
    r = r < 0 ? r : choose_guards(x, class);
    r = r < 0 ? r : file_rules(x, class);
    r = r < 0 || name_to_fold(name) == NONE ? r : note_covers(x, class);
    if (r < 0) {
        return r;
    }
    class->all.always = ARENA_ARRAY(&x->m->arena, uint64_t, class->nwords);
    if (!class->all.always) {
        return -ENOMEM;
    }
    plan_fill(class, &class->all);
    return 0;
}

/* Rows reduced to atoms that some rule is filed under. */
static int reduce_rows(struct matcher *m)
{
    m->cover_at = ARENA_ARRAY(&m->arena, uint32_t, (size_t)m->rows.n + 1);
    m->cover_members = ARENA_ARRAY(&m->arena, uint32_t, m->rows.at[m->rows.n]);
    if (!m->cover_at || !m->cover_members) {
        return -ENOMEM;
    }
    uint32_t n = 0;
    for (uint32_t i = 0; i < m->rows.n; i++) {
        struct row row = rows_get(&m->rows, i);
        m->cover_at[i] = n;
        for (uint32_t j = 0; j < row.n; j++) {
            uint32_t atom = MEMBER_ATOM(row.members[j]);
            bool again = j && MEMBER_ATOM(row.members[j - 1]) == atom;
            if (m->atoms[atom].flags & ATOM_COVER && !again) {
                m->cover_members[n++] = atom;
            }
        }
    }
    m->cover_at[m->rows.n] = n;
    return 0;
}

static void trigger_rules(const struct matcher *m, const struct class *class, uint32_t row,
                          uint64_t *rules)
{
    for (uint32_t i = m->cover_at[row]; i < m->cover_at[row + 1]; i++) {
        const struct trigger *trigger = class_trigger(class, m->cover_members[i]);
        for (uint32_t k = 0; k < trigger->n; k++) {
            uint32_t rule = class->triggered[trigger->first + k];
            rules[rule / 64] |= UINT64_C(1) << (rule % 64);
        }
    }
}

/* What each row triggers, where that is small. */
static int fill_row_rules(struct matcher *m)
{
    uint64_t words = 0;
    for (uint32_t i = 0; i < m->nclasses; i++) {
        words += (uint64_t)m->rows.n * m->classes[i].nwords;
    }
    for (uint32_t i = 0; i < m->nclasses && words <= ROW_RULES_MAX; i++) {
        struct class *class = &m->classes[i];
        class->row_rules = ARENA_ARRAY(&m->arena, uint64_t, m->rows.n * class->nwords);
        if (!class->row_rules) {
            return -ENOMEM;
        }
        for (uint32_t row = 0; row < m->rows.n; row++) {
            trigger_rules(m, class, row, class->row_rules + row * class->nwords);
        }
    }
    return 0;
}

static int build(struct indexer *x)
{
    struct matcher *m = x->m;
    uint32_t first[NAMES] = { 0 };
    int r = find_classes(x, first);
    if (r < 0) {
        return r;
    }
    m->classes = ARENA_ARRAY(&m->arena, struct class, m->nclasses);
    x->covers = ARENA_ARRAY(&x->arena, struct cover, m->nrules);
    x->guards = ARENA_ARRAY(&x->arena, struct literals, m->nrules);
    x->nameless = ARENA_ARRAY(&x->arena, bool, m->nrules);
    x->class_covers = ARENA_ARRAY(&x->arena, struct cover, m->nrules);
    x->class_guards = ARENA_ARRAY(&x->arena, struct literals, m->nrules);
    if (!m->classes || !x->covers || !x->guards || !x->nameless || !x->class_covers ||
        !x->class_guards) {
        return -ENOMEM;
    }
    uint32_t words = 1;
    for (uint32_t i = 0; r == 0 && i < m->nclasses; i++) {
        r = build_class(x, &m->classes[i], first[i]);
        words = m->classes[i].nwords > words ? m->classes[i].nwords : words;
    }
    m->fired = ARENA_ARRAY(&m->arena, uint64_t, words);
    m->fired_words = ARENA_ARRAY(&m->arena, uint64_t, words / 64 + 1);
    r = r < 0 ? r : m->fired && m->fired_words ? reduce_rows(m) : -ENOMEM;
    return r < 0 ? r : fill_row_rules(m);
}

int index_build(struct matcher *m)
{
    struct indexer x = { .m = m };
    arena_init(&x.arena, MATCHER_MEMORY_MAX);
    int r = build(&x);
    arena_done(&x.arena);
    return r;
}
