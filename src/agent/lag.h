/*
 * lag: how long after their events alerts were written, as a histogram.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define LAG_BUCKETS 11

struct lag {
    uint64_t counts[LAG_BUCKETS]; /* of each bucket alone */
    uint64_t sum_ns, max_ns;
};

/* Upper ends of the buckets; the last is UINT64_MAX. */
extern const uint64_t lag_limits_ns[LAG_BUCKETS];

void lag_add(struct lag *lag, uint64_t ns);
