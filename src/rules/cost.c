/*
 * Costs: what rules take of the processor, by sampling.
 *
 * One event in COST_EVERY, at distances that vary so that no pattern of events is missed or hit always, is run with
 * a look at the clock around each rule. What was seen counts COST_EVERY times. A comparison that several rules
 * have in common is charged to the first of them that needs it; the search that finds candidates belongs to all
 * and is told apart. A look that took longer than any rule does met an interruption, and counts as COST_MAX_NS.
 */
#include "rules/matcher_internal.h"

#include <errno.h>

#define COST_LOOKS 64 /* at the clock, to know what a look costs */

static uint64_t cost_of_look(uint64_t (*clock)(void))
{
    uint64_t least = UINT64_MAX;
    for (int i = 0; i < COST_LOOKS; i++) {
        uint64_t before = clock(), took = clock() - before;
        least = took < least ? took : least;
    }
    return least;
}

int costs_new(struct matcher *m)
{
    struct costs *c = &m->costs;
    c->left = 1;
    if (!m->options.clock) {
        return 0;
    }
    c->by_rule = ARENA_ARRAY(&m->arena, uint64_t, m->ruleset->nrules);
    c->look_ns = cost_of_look(m->options.clock);
    return c->by_rule ? 0 : -ENOMEM;
}

void cost_sample(struct costs *c)
{
    c->samples++;
    c->left = COST_EVERY / 2 + (uint32_t)(hash_u64(c->samples) % COST_EVERY);
}

void cost_add(const struct matcher *m, uint64_t *sum_ns, uint64_t since_ns)
{
    uint64_t took = m->options.clock() - since_ns;
    took = took > m->costs.look_ns ? took - m->costs.look_ns : 0;
    *sum_ns += (took < COST_MAX_NS ? took : COST_MAX_NS) * COST_EVERY;
}

void matcher_get_costs(const struct matcher *m, struct matcher_costs *ret)
{
    *ret = (struct matcher_costs){ .samples = m->costs.samples,
                                   .search_ns = m->costs.search_ns,
                                   .by_rule_ns = m->costs.by_rule };
}
