/* cost: what rules take of the processor; of the matcher alone. cost.c tells how. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct matcher;

#define COST_EVERY  1024
#define COST_MAX_NS 100000 /* of one look */

/* What rules cost, told by few events. */
struct costs {
    bool on;          /* this event is one of them */
    uint32_t left;    /* events until the next */
    uint64_t look_ns; /* at the clock */
    uint64_t samples, search_ns;
    uint64_t *by_rule; /* ns, by the ruleset's index; NULL without a clock */
};

int costs_new(struct matcher *m);
/* An event is looked at: says when the next one is. */
void cost_sample(struct costs *costs);
/* The time since then, to a sum. */
void cost_add(const struct matcher *m, uint64_t *sum_ns, uint64_t since_ns);
