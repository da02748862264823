/*
 * property_matcher: random rules over a random world. For each event, the plain evaluation of every
 * rule (cond_eval, nothing kept) says what must come out of matchers with and without residuals, all
 * matches and the first, and what demand and residuals must let pass.
 *
 *     property-matcher [worlds [events [seed]]]
 *
 * On failure it prints the seed and reduces the rules to those that still fail, then the event count.
 */
#include "made_rules.h"
#include "random_rules.h"
#include "world.h"

#include "base/buf.h"
#include "rules/demand.h"

#include <stdio.h>
#include <stdlib.h>

#define WORLDS_DEFAULT 60
#define EVENTS_DEFAULT 400
#define RULES_MAX      14
#define TEXT_MAX       16384

struct sample {
    char texts[RULES_MAX][TEXT_MAX];
    bool used[RULES_MAX];
    unsigned n;
};

enum failure { FINE, WRONG, UNBUILDABLE };

struct run {
    struct world world;
    struct made_rules rules;
    struct matcher *all, *first, *plain;
    struct view view;
    struct residual residuals[64]; /* by thread->index, with what they were made under */
    uint32_t serials[64], generations[64];
    uint64_t epochs[64];
    uint64_t matches, cut;
    bool verbose;
};

static int run_init(struct run *r, const struct sample *sample, uint64_t seed)
{
    struct err err = { 0 };
    struct matcher_options options = { .all = true, .threads_max = 64 };
    if (made_rules_init(&r->rules, RULES_MAX, (size_t)64 << 20) < 0 ||
        world_init(&r->world, seed) < 0 || scratch_init(&r->view.scratch) < 0) {
        return -1;
    }
    r->view.state = r->world.state;
    r->view.source = STR("syscall");
    for (unsigned i = 0; i < sample->n; i++) {
        if (sample->used[i] && made_rules_add(&r->rules, "rule", sample->texts[i], &err) < 0) {
            printf("condition refused: %s: %s\n", sample->texts[i], err.message);
            return -1;
        }
    }
    int e = matcher_new(&r->rules.ruleset, NULL, &options, &r->all, &err);
    options.no_residuals = true;
    options.no_memo = true;
    e = e < 0 ? e : matcher_new(&r->rules.ruleset, NULL, &options, &r->plain, &err);
    options = (struct matcher_options){ .threads_max = 64 };
    return e < 0 ? e : matcher_new(&r->rules.ruleset, NULL, &options, &r->first, &err);
}

static void run_done(struct run *r)
{
    matcher_free(r->all);
    matcher_free(r->plain);
    matcher_free(r->first);
    made_rules_done(&r->rules);
    scratch_done(&r->view.scratch);
    world_done(&r->world);
}

static uint32_t expect(struct run *r, const struct rule **ret)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < r->rules.ruleset.nrules; i++) {
        const struct rule *rule = &r->rules.ruleset.rules[i];
        r->view.scratch.n = 0;
        if (cond_eval(rule->cond, &r->view)) {
            ret[n++] = rule;
        }
    }
    r->view.scratch.n = 0;
    return n;
}

static bool same(struct run *r, struct matcher *matcher, const struct rule *const *want, uint32_t n,
                 const char *what)
{
    const struct rule *const *got;
    r->view.scratch.n = 0;
    uint32_t found = matcher_run(matcher, &r->view, &got);
    bool ok = found == n && (n == 0 || memcmp(got, want, n * sizeof(*want)) == 0);
    if (!ok && r->verbose) {
        printf("%s: event %llu %s (tid %lld): %u rules, not %u\n", what,
               (unsigned long long)r->view.event->num, name_text(r->view.event->name),
               (long long)r->view.event->tid, found, n);
        for (uint32_t i = 0; i < n; i++) {
            printf("  wanted %.*s\n", STR_ARG(want[i]->condition_text));
        }
        for (uint32_t i = 0; i < found; i++) {
            printf("  found  %.*s\n", STR_ARG(got[i]->condition_text));
        }
    }
    return ok;
}

/* A residual made earlier under the same key must still allow what matches now. */
static bool residual_allows(struct run *r, uint32_t n)
{
    const struct thread *thread = r->view.event->thread;
    uint16_t name = r->view.event->name;
    if (!thread || thread->index >= 64) {
        return true;
    }
    uint32_t i = thread->index;
    uint64_t epoch = state_epoch(r->world.state);
    if (r->epochs[i] != epoch || r->serials[i] != thread->serial ||
        r->generations[i] != thread->generations) {
        matcher_residual(r->all, &r->view, thread, &r->residuals[i]);
        r->epochs[i] = epoch;
        r->serials[i] = thread->serial;
        r->generations[i] = thread->generations;
    }
    bool ok = n == 0 || nameset_has(&r->residuals[i].names, name);
    if (!ok && r->verbose) {
        printf("residual of thread %lld lost %s\n", (long long)thread->tid, name_text(name));
    }
    return ok;
}

static struct str text_of(struct run *r, enum field_id id)
{
    struct field_ref ref = { .id = id, .type = TYPE_CHARBUF };
    struct extracted value;
    field_extract(&ref, &r->view, &value);
    return value.n ? value.v[0].s : (struct str){ 0 };
}

/* Asked about the path alone: may a rule be about a failure? */
static bool failure_passes(struct run *r)
{
    int64_t result;
    struct str raw = text_of(r, FIELD_FD_NAMERAW), path = text_of(r, FIELD_FD_NAME);
    return !event_result(r->view.event, &result) || result >= 0 || raw.n == 0 || path.n == 0 ||
           demand_passes_failed(matcher_demand(r->all), r->view.event->name, r->view.event->via,
                                raw, path);
}

static bool step(struct run *r)
{
    const struct rule *want[RULES_MAX] = { NULL };
    struct event *event = world_next(&r->world);
    state_apply(r->world.state, event);
    r->view.event = event;
    uint32_t n = expect(r, want);
    r->matches += n;
    bool ok = same(r, r->plain, want, n, "without residuals") &&
              same(r, r->all, want, n, "with residuals") &&
              same(r, r->first, want, n ? 1 : 0, "first match") && residual_allows(r, n);
    r->view.scratch.n = 0;
    bool passes = demand_passes(matcher_demand(r->all), &r->view) && (n == 0 || failure_passes(r));
    r->cut += !passes;
    if (n && !passes) {
        ok = false;
        if (r->verbose) {
            printf("demand lost an event of %s: %.*s\n", name_text(event->name),
                   STR_ARG(want[0]->condition_text));
        }
    }
    state_settle(r->world.state, event);
    return ok;
}

struct totals {
    uint64_t matches, residual_hits, cut;
};

static enum failure run(const struct sample *sample, uint64_t seed, unsigned events, bool verbose,
                        struct totals *totals)
{
    static struct run r;
    r = (struct run){ .verbose = verbose };
    enum failure failure = run_init(&r, sample, seed) < 0 ? UNBUILDABLE : FINE;
    for (unsigned i = 0; i < events && failure == FINE; i++) {
        failure = step(&r) ? FINE : WRONG;
    }
    if (failure == FINE) {
        struct matcher_stats stats;
        matcher_get_stats(r.all, &stats);
        totals->residual_hits += stats.residual_hits;
        totals->matches += r.matches;
        totals->cut += r.cut;
    }
    run_done(&r);
    return failure;
}

static void shrink(struct sample *sample, uint64_t seed, unsigned events)
{
    struct totals unused = { 0 };
    for (unsigned i = 0; i < sample->n; i++) {
        sample->used[i] = false;
        if (run(sample, seed, events, false, &unused) != WRONG) {
            sample->used[i] = true;
        }
    }
    while (events > 1 && run(sample, seed, events - 1, false, &unused) == WRONG) {
        events--;
    }
    for (unsigned i = 0; i < sample->n; i++) {
        if (sample->used[i]) {
            printf("  %s\n", sample->texts[i]);
        }
    }
    printf("after %u events:\n", events);
    run(sample, seed, events, true, &unused);
}

int main(int argc, char **argv)
{
    static struct sample sample;
    unsigned worlds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : WORLDS_DEFAULT;
    unsigned events = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : EVENTS_DEFAULT;
    uint64_t first = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
    struct totals totals = { 0 };
    for (uint64_t seed = first; seed < first + worlds; seed++) {
        struct world dice = { .random = seed * UINT64_C(0x2545f4914f6cdd1d) };
        sample.n = 1 + world_random(&dice, RULES_MAX);
        for (unsigned i = 0; i < sample.n; i++) {
            sample.used[i] = true;
            random_rule(&dice, sample.texts[i], TEXT_MAX);
        }
        enum failure failure = run(&sample, seed, events, false, &totals);
        if (failure != FINE) {
            printf("seed %llu failed\n", (unsigned long long)seed);
            if (failure == WRONG) {
                shrink(&sample, seed, events);
            }
            return 1;
        }
    }
    printf("%u worlds of %u events agree: %llu matches, residuals served %llu events, demand cut "
           "%llu\n",
           worlds, events, (unsigned long long)totals.matches,
           (unsigned long long)totals.residual_hits, (unsigned long long)totals.cut);
    return 0;
}
