/*
 * Keys are hashes that are seeded at random, so nobody outside can choose which share a set. Time may jump: a last
 * failure that lies in the future counts as now.
 */
#include "server/accounts_throttle.h"

#include "base/arena.h"

#include <errno.h>
#include <stdlib.h>

int throttle_init(struct throttle *throttle, const struct throttle_rule *rule)
{
    throttle->rule = *rule;
    throttle->entries =
        mem_zalloc((size_t)THROTTLE_SETS * THROTTLE_WAYS * sizeof(*throttle->entries));
    return throttle->entries ? 0 : -ENOMEM;
}

void throttle_done(struct throttle *throttle)
{
    free(throttle->entries);
    throttle->entries = NULL;
}

static struct throttle_entry *find(struct throttle *throttle, uint64_t key,
                                   struct throttle_entry **ret_oldest)
{
    struct throttle_entry *set = &throttle->entries[(key % THROTTLE_SETS) * THROTTLE_WAYS];
    struct throttle_entry *oldest = &set[0];
    for (unsigned i = 0; i < THROTTLE_WAYS; i++) {
        if (set[i].key == key) {
            return &set[i];
        }
        oldest = set[i].last_ms < oldest->last_ms ? &set[i] : oldest;
    }
    if (ret_oldest) {
        *ret_oldest = oldest;
    }
    return NULL;
}

/* The wait after the last failure. */
static int64_t penalty(const struct throttle_rule *rule, unsigned failures)
{
    if (failures < rule->free) {
        return 0;
    }
    unsigned over = failures - rule->free;
    int64_t wait_ms = over < 20 ? INT64_C(1000) << over : rule->most_ms;
    return wait_ms < rule->most_ms ? wait_ms : rule->most_ms;
}

static void age(const struct throttle_rule *rule, struct throttle_entry *entry, int64_t now_ms)
{
    if (entry->last_ms > now_ms) {
        entry->last_ms = now_ms;
    }
    if (now_ms - entry->last_ms >= rule->forget_ms) {
        entry->failures = 0;
    }
}

int64_t throttle_wait(struct throttle *throttle, uint64_t key, int64_t now_ms)
{
    struct throttle_entry *entry = find(throttle, key, NULL);
    if (!entry) {
        return 0;
    }
    age(&throttle->rule, entry, now_ms);
    int64_t until_ms = entry->last_ms + penalty(&throttle->rule, entry->failures);
    return until_ms > now_ms ? until_ms - now_ms : 0;
}

bool throttle_failed(struct throttle *throttle, uint64_t key, int64_t now_ms)
{
    struct throttle_entry *oldest = NULL, *entry = find(throttle, key, &oldest);
    if (!entry) {
        entry = oldest;
        *entry = (struct throttle_entry){ .key = key };
    }
    age(&throttle->rule, entry, now_ms);
    entry->failures++;
    entry->last_ms = now_ms;
    return entry->failures == throttle->rule.free;
}

void throttle_forget(struct throttle *throttle, uint64_t key)
{
    struct throttle_entry *entry = find(throttle, key, NULL);
    if (entry) {
        *entry = (struct throttle_entry){ 0 };
    }
}
