/*
 * The set of an entry comes from the first bytes of the hash, which are random but for who chooses secrets, and who
 * does finds nothing in the store. All ways of a set are compared in constant time.
 */
#include "server/accounts_cache.h"

#include "base/arena.h"
#include "server/accounts_secret.h"

#include <errno.h>
#include <stdlib.h>

int cache_init(struct cache *cache)
{
    *cache = (struct cache){ 0 };
    cache->entries = mem_zalloc((size_t)CACHE_SETS * CACHE_WAYS * sizeof(*cache->entries));
    return cache->entries ? 0 : -ENOMEM;
}

void cache_done(struct cache *cache)
{
    free(cache->entries);
    cache->entries = NULL;
}

static struct identity *set_of(struct cache *cache, const uint8_t *hash)
{
    size_t set = ((size_t)hash[0] | (size_t)hash[1] << 8) % CACHE_SETS;
    return &cache->entries[set * CACHE_WAYS];
}

struct identity *cache_get(struct cache *cache, const uint8_t *hash)
{
    struct identity *set = set_of(cache, hash), *found = NULL;
    for (unsigned i = 0; i < CACHE_WAYS; i++) {
        bool same = secret_hash_equal(set[i].hash, hash);
        found = same && set[i].kind != PRINCIPAL_NOBODY ? &set[i] : found;
    }
    if (found) {
        found->used = ++cache->uses;
    }
    return found;
}

struct identity *cache_put(struct cache *cache, const struct identity *identity,
                           uint64_t generation)
{
    if (generation != cache->generation) {
        return NULL;
    }
    struct identity *there = cache_get(cache, identity->hash);
    if (there) {
        return there;
    }
    struct identity *set = set_of(cache, identity->hash), *oldest = &set[0];
    for (unsigned i = 0; i < CACHE_WAYS; i++) {
        if (set[i].kind == PRINCIPAL_NOBODY) {
            oldest = &set[i];
            break;
        }
        oldest = set[i].used < oldest->used ? &set[i] : oldest;
    }
    *oldest = *identity;
    oldest->used = ++cache->uses;
    return oldest;
}

static bool matches(const struct identity *entry, const struct cache_wish *wish)
{
    return entry->kind != PRINCIPAL_NOBODY &&
           (wish->kind == PRINCIPAL_NOBODY || entry->kind == wish->kind) &&
           (wish->id == 0 || entry->id == wish->id) &&
           (wish->user == 0 || entry->user == wish->user) &&
           (!wish->name.p || str_eq(identity_name(entry), wish->name));
}

void cache_forget(struct cache *cache, const struct cache_wish *wish)
{
    cache->generation++;
    for (size_t i = 0; i < (size_t)CACHE_SETS * CACHE_WAYS; i++) {
        if (matches(&cache->entries[i], wish)) {
            cache->entries[i].kind = PRINCIPAL_NOBODY;
        }
    }
}

size_t cache_seen(struct cache *cache, struct store_seen *items, size_t max)
{
    size_t n = 0;
    for (size_t i = 0; i < (size_t)CACHE_SETS * CACHE_WAYS && n < max; i++) {
        struct identity *entry = &cache->entries[i];
        if (entry->kind != PRINCIPAL_NOBODY && entry->seen_ms > entry->noted_ms) {
            entry->noted_ms = entry->seen_ms;
            items[n++] = (struct store_seen){
                .kind = entry->kind == PRINCIPAL_USER    ? STORE_SEEN_SESSION
                        : entry->kind == PRINCIPAL_TOKEN ? STORE_SEEN_TOKEN
                                                         : STORE_SEEN_AGENT,
                .id = entry->id,
                .seen_ms = entry->seen_ms,
            };
        }
    }
    return n;
}
