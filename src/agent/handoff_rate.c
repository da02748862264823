/*
 * Rates: tokens that come back with time, a bucket for each place, so that who connects without end uses up what
 * is its own. Places are forgotten when others come: then one begins anew with a full bucket, which the bucket of
 * all places bounds.
 */
#include "agent/handoff_internal.h"

#include "base/clock.h"

bool bucket_take(struct bucket *b, double rate, double burst, uint64_t now_ns)
{
    double passed = now_ns > b->filled_ns ? (double)(now_ns - b->filled_ns) / (double)NS_PER_S : 0;
    double tokens = b->filled_ns ? b->tokens + passed * rate : burst;
    b->tokens = tokens < burst ? tokens : burst;
    b->filled_ns = now_ns ? now_ns : 1;
    if (b->tokens < 1) {
        return false;
    }
    b->tokens -= 1;
    return true;
}

struct bucket *place_bucket(struct handoff *h, uint64_t place)
{
    struct place *oldest = &h->places[0];
    for (size_t i = 0; i < HANDOFF_PLACES; i++) {
        struct place *p = &h->places[i];
        if (p->bucket.filled_ns && p->place == place) {
            return &p->bucket;
        }
        oldest = p->bucket.filled_ns < oldest->bucket.filled_ns ? p : oldest;
    }
    *oldest = (struct place){ .place = place };
    return &oldest->bucket;
}
