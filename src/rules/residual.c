/*
 * residual: which rules a thread can still match, kept while what was looked at stays the same.
 *
 * Of each rule's tree only tests of kept state remain (an `or` with any other operand says nothing and
 * goes): where that is false, the rule is. The steps of what remains run once for a thread, after it
 * had so many events under one key (serial, generations, the state's epoch) that it pays. The set of
 * live rules is interned: threads alike share one, and its plan for each class, made when first used.
 * All memory is taken when the matcher is built; when the sets run out, all are forgotten.
 *
 * An exec or clone changes the generations, so the event itself and those after it are decided on the
 * new state. While container metadata is pending, tests of it remain out: a second set of steps.
 */
#include "rules/matcher_internal.h"

#include "base/cleanup.h"
#include "event/state.h"

#include <errno.h>
#include <stdlib.h>

#define SETS_MAX       1024
#define SETS_MIN       16
#define SETS_BYTES     ((size_t)64 << 20) /* for interned sets and their plans */
#define EVENTS_MIN     4                  /* of a thread before its residual is computed */
#define STEPS_AN_EVENT 16 /* further events to wait for by size of the computation */
#define UNKNOWN_SET    UINT32_MAX

struct kept {
    uint64_t epoch;
    uint32_t serial;
    uint32_t generations;
    uint32_t set;
    uint32_t count; /* events under this key */
    uint32_t round;
};

struct live_set {
    uint64_t hash;
    uint64_t *rules;
    struct plan *plans; /* by class */
    uint64_t *words;    /* of the plans: live and always of each class */
    uint64_t *made;     /* bit for each class: its plan was made */
};

struct residuals {
    struct kept *threads; /* by thread->index */
    uint32_t nthreads;
    uint32_t nwords; /* of a set of rules */
    uint32_t wait;
    uint32_t round;
    uint32_t *starts[2]; /* by rule; STEP_ACCEPT: never muted. [1]: without container tests */
    struct live_set *sets;
    uint32_t nsets, sets_max;
    uint32_t *table; /* set + 1 by hash */
    uint32_t table_mask;
    uint32_t *class_words; /* where a class's bits begin in live_set.words */
    uint64_t *scratch;
    uint64_t *pool;
    struct plan *plans;
    size_t threads_bytes, pool_bytes, plans_bytes, bytes;
};

/* What remains of a node; NULL: nothing. */
static int prune(const struct matcher *m, struct arena *arena, const struct node *node,
                 uint32_t dropped, struct node **ret)
{
    *ret = NULL;
    if (node->kind == NODE_LITERAL) {
        const struct atom *atom = &m->atoms[node->literal.atom];
        bool kept = !(atom->volatilities & dropped) && !(atom->flags & ATOM_EVENT_NAME) &&
                    !(atom->flags & ATOM_NEVER_MUTES);
        *ret = kept ? (struct node *)node : NULL;
        return 0;
    }
    struct node *copy = ARENA_NEW(arena, struct node);
    struct node **items = ARENA_ARRAY(arena, struct node *, node->nitems);
    if (!copy || !items) {
        return -ENOMEM;
    }
    *copy = *node;
    copy->items = items;
    copy->nitems = 0;
    for (uint32_t i = 0; i < node->nitems; i++) {
        struct node *item;
        int r = prune(m, arena, node->items[i], dropped, &item);
        if (r < 0) {
            return r;
        }
        if (item) {
            items[copy->nitems++] = item;
        } else if (node->kind == NODE_OR) {
            return 0;
        }
    }
    *ret = copy->nitems ? copy : NULL;
    return 0;
}

static int compile(struct matcher *m, struct residuals *x, struct arena *arena, unsigned variant)
{
    uint32_t dropped = KEPT_NONE | (variant ? 1U << VOLATILE_CONTAINER : 0);
    for (uint32_t i = 0; i < m->nrules; i++) {
        struct node *tree = NULL;
        x->starts[variant][i] = STEP_ACCEPT;
        int r = m->rules[i].not_muted ? 0 : prune(m, arena, m->rules[i].tree, dropped, &tree);
        if (r < 0) {
            return r;
        }
        if (tree) {
            x->starts[variant][i] = tree_compile(m, tree, STEP_ACCEPT, STEP_REJECT);
        }
    }
    return 0;
}

/* m->steps was made for the rules themselves: what remains of them twice is at most twice as long. */
static int compile_both(struct matcher *m, struct residuals *x)
{
    size_t own = m->nsteps;
    struct step *steps = ARENA_ARRAY(&m->arena, struct step, own * 3);
    x->starts[0] = ARENA_ARRAY(&m->arena, uint32_t, m->nrules);
    x->starts[1] = ARENA_ARRAY(&m->arena, uint32_t, m->nrules);
    if (!steps || !x->starts[0] || !x->starts[1]) {
        return -ENOMEM;
    }
    memcpy(steps, m->steps, own * sizeof(*steps));
    m->steps = steps;
    struct arena arena;
    arena_init(&arena, MATCHER_MEMORY_MAX);
    int r = compile(m, x, &arena, 0);
    x->wait = EVENTS_MIN + (uint32_t)((m->nsteps - own + m->nrules) / STEPS_AN_EVENT);
    r = r < 0 ? r : compile(m, x, &arena, 1);
    arena_done(&arena);
    return r;
}

static void *take(struct residuals *x, size_t count, size_t size)
{
    x->bytes += count * size;
    return mem_zalloc(count * size + 1);
}

/* What is mostly never used. */
static void *take_pages(struct residuals *x, size_t count, size_t size, size_t *ret_bytes)
{
    *ret_bytes = count * size;
    x->bytes += *ret_bytes;
    return mem_pages(*ret_bytes);
}

static int take_sets(const struct matcher *m, struct residuals *x)
{
    size_t words = 0;
    x->class_words = take(x, m->nclasses, sizeof(*x->class_words));
    if (!x->class_words) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < m->nclasses; i++) {
        x->class_words[i] = (uint32_t)words;
        words += 2 * (size_t)m->classes[i].nwords;
    }
    size_t made = (m->nclasses + 63) / 64;
    size_t set_words = x->nwords + words + made;
    size_t most = SETS_BYTES / (set_words * 8 + m->nclasses * sizeof(struct plan));
    x->sets_max = most > SETS_MAX ? SETS_MAX : most < SETS_MIN ? SETS_MIN : (uint32_t)most;
    x->table_mask = 1;
    while (x->table_mask < x->sets_max * 2) {
        x->table_mask *= 2;
    }
    x->sets = take(x, x->sets_max, sizeof(*x->sets));
    x->table = take(x, x->table_mask, sizeof(*x->table));
    x->table_mask--;
    x->scratch = take(x, x->nwords, sizeof(*x->scratch));
    x->pool = take_pages(x, set_words * x->sets_max, sizeof(*x->pool), &x->pool_bytes);
    x->plans = take_pages(x, (size_t)m->nclasses * x->sets_max, sizeof(*x->plans), &x->plans_bytes);
    if (!x->sets || !x->table || !x->scratch || !x->pool || !x->plans) {
        return -ENOMEM;
    }
    for (uint32_t i = 0; i < x->sets_max; i++) {
        uint64_t *at = x->pool + i * set_words;
        x->sets[i] = (struct live_set){ .rules = at,
                                        .words = at + x->nwords,
                                        .made = at + x->nwords + words,
                                        .plans = x->plans + (size_t)i * m->nclasses };
    }
    return 0;
}

int residuals_new(struct matcher *m)
{
    struct residuals *x = mem_zalloc(sizeof(*x));
    if (!x) {
        return -ENOMEM;
    }
    m->residuals = x;
    x->nthreads = m->options.threads_max ? m->options.threads_max : STATE_THREADS_DEFAULT;
    x->nwords = (m->nrules + 63) / 64;
    x->round = 1;
    x->threads = take_pages(x, x->nthreads, sizeof(*x->threads), &x->threads_bytes);
    if (!x->threads) {
        return -ENOMEM;
    }
    int r = compile_both(m, x);
    return r < 0 ? r : take_sets(m, x);
}

void residuals_free(struct residuals *x)
{
    if (!x) {
        return;
    }
    mem_pages_free(x->threads, x->threads_bytes);
    mem_pages_free(x->pool, x->pool_bytes);
    mem_pages_free(x->plans, x->plans_bytes);
    free(x->class_words);
    free(x->sets);
    free(x->table);
    free(x->scratch);
    free(x);
}

size_t residuals_bytes(const struct residuals *x)
{
    return x ? x->bytes : 0;
}

static void forget_all(struct residuals *x)
{
    memset(x->table, 0, (x->table_mask + (size_t)1) * sizeof(*x->table));
    x->nsets = 0;
    x->round++;
}

static uint32_t intern(struct matcher *m, struct residuals *x, const uint64_t *rules)
{
    size_t n = x->nwords * sizeof(*rules);
    uint64_t hash = str_hash(str_from(rules, n));
    if (x->nsets == x->sets_max) {
        forget_all(x);
    }
    uint32_t at = (uint32_t)hash & x->table_mask;
    for (; x->table[at]; at = (at + 1) & x->table_mask) {
        const struct live_set *set = &x->sets[x->table[at] - 1];
        if (set->hash == hash && memcmp(set->rules, rules, n) == 0) {
            return x->table[at] - 1;
        }
    }
    uint32_t id = x->nsets++;
    x->table[at] = id + 1;
    x->sets[id].hash = hash;
    memcpy(x->sets[id].rules, rules, n);
    memset(x->sets[id].made, 0, (m->nclasses + 63) / 64 * sizeof(uint64_t));
    return id;
}

static bool may_hold(struct matcher *m, uint32_t at)
{
    while (at < STEP_REJECT) {
        const struct step *step = &m->steps[at];
        at = atom_value(m, step->atom) ? step->on_true : step->on_false;
    }
    return at == STEP_ACCEPT;
}

/* The rules that can still match, into x->scratch. The view's event is the thread's. */
static void compute(struct matcher *m, struct residuals *x, const struct thread *thread)
{
    bool pending = thread->container && thread->container->pending;
    const uint32_t *starts = x->starts[pending];
    memset(x->scratch, 0, x->nwords * sizeof(*x->scratch));
    for (uint32_t i = 0; i < m->nrules; i++) {
        x->scratch[i / 64] |= (uint64_t)may_hold(m, starts[i]) << (i % 64);
    }
    m->stats.residual_builds++;
}

static const struct plan *plan_of(struct matcher *m, struct residuals *x, uint32_t id, uint32_t c)
{
    struct live_set *set = &x->sets[id];
    struct plan *plan = &set->plans[c];
    const struct class *class = &m->classes[c];
    if (set->made[c / 64] >> (c % 64) & 1) {
        return plan;
    }
    set->made[c / 64] |= UINT64_C(1) << (c % 64);
    plan->live = set->words + x->class_words[c];
    plan->always = plan->live + class->nwords;
    memset(plan->live, 0, class->nwords * sizeof(*plan->live));
    for (uint32_t i = 0; i < class->nrules; i++) {
        uint32_t rule = class->rules[i].rule;
        uint64_t is_live = set->rules[rule / 64] >> (rule % 64) & 1;
        plan->live[i / 64] |= is_live << (i % 64);
    }
    plan_fill(class, plan);
    return plan;
}

static bool is_valid(const struct kept *kept, const struct thread *thread, uint64_t epoch)
{
    return kept->serial == thread->serial && kept->generations == thread->generations &&
           kept->epoch == epoch;
}

const struct plan *residual_plan(struct matcher *m, uint32_t class)
{
    struct residuals *x = m->residuals;
    const struct thread *thread = m->view->event->thread;
    if (!thread || thread->index >= x->nthreads) {
        return &m->classes[class].all;
    }
    uint64_t epoch = state_epoch(m->view->state);
    struct kept *kept = &x->threads[thread->index];
    if (!is_valid(kept, thread, epoch)) {
        *kept = (struct kept){ .epoch = epoch,
                               .serial = thread->serial,
                               .generations = thread->generations,
                               .set = UNKNOWN_SET };
        return &m->classes[class].all;
    }
    if (kept->set == UNKNOWN_SET || kept->round != x->round) {
        if (++kept->count < x->wait) {
            return &m->classes[class].all;
        }
        compute(m, x, thread);
        kept->set = intern(m, x, x->scratch);
        kept->round = x->round;
    }
    m->stats.residual_hits++;
    return plan_of(m, x, kept->set, class);
}

static void all_names(const struct matcher *m, struct residual *ret)
{
    for (uint32_t name = 0; name < NAME_MAX_ID; name++) {
        if (m->classes[m->class_of[name]].nrules) {
            ret->names.bits[name / 64] |= UINT64_C(1) << (name % 64);
        }
    }
}

static void live_names(const struct matcher *m, const uint64_t *rules, struct residual *ret)
{
    for (uint32_t name = 0; name < NAME_MAX_ID; name++) {
        const struct class *class = &m->classes[m->class_of[name]];
        for (uint32_t i = 0; i < class->nrules; i++) {
            uint32_t rule = class->rules[i].rule;
            if (rules[rule / 64] >> (rule % 64) & 1) {
                ret->names.bits[name / 64] |= UINT64_C(1) << (name % 64);
                ret->open_access |= demand_open_access(m, (uint16_t)name, rule);
            }
        }
    }
}

void matcher_residual(struct matcher *m, struct view *view, const struct thread *thread,
                      struct residual *ret)
{
    *ret = (struct residual){ 0 };
    if (!m->residuals) {
        all_names(m, ret);
        ret->open_access = UINT8_MAX;
        return;
    }
    struct event *real = view->event;
    struct event event = { .name = NAME_NONE, .fd_num = -1, .thread = (struct thread *)thread };
    view->event = &event;
    m->view = view;
    matcher_next_epoch(m);
    compute(m, m->residuals, thread);
    view->event = real;
    matcher_next_epoch(m);
    live_names(m, m->residuals->scratch, ret);
}
