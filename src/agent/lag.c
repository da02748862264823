/*
 * lag: from a millisecond, what one thread switch may take, to ten seconds, when something is wrong.
 */
#include "agent/lag.h"

#include "base/clock.h"

const uint64_t lag_limits_ns[LAG_BUCKETS] = {
    1 * NS_PER_MS,    5 * NS_PER_MS,     10 * NS_PER_MS,  50 * NS_PER_MS,
    100 * NS_PER_MS,  250 * NS_PER_MS,   500 * NS_PER_MS, 1000 * NS_PER_MS,
    5000 * NS_PER_MS, 10000 * NS_PER_MS, UINT64_MAX,
};

void lag_add(struct lag *lag, uint64_t ns)
{
    size_t i = 0;
    while (ns > lag_limits_ns[i]) {
        i++;
    }
    lag->counts[i]++;
    lag->sum_ns += ns;
    lag->max_ns = ns > lag->max_ns ? ns : lag->max_ns;
}
