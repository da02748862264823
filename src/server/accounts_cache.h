/*
 * accounts_cache: what is known of those who were here lately, by the hash of their secret.
 *
 * Fixed size: sets of CACHE_WAYS, within which the entry that was used longest ago makes room. Only what the
 * store answered for is kept; secrets that nobody has are not. Not thread-safe: the caller locks.
 *
 * An answer of the store may be older than a revocation that came while it was under way. So who asks the store
 * notes the generation before, and cache_put() takes nothing of another generation.
 */
#pragma once

#include "server/http.h"
#include "store/accounts.h"

#define CACHE_WAYS     8
#define CACHE_SETS     1024
#define CACHE_NAME_MAX 130
#define INSTANCE_LEN   16
#define INSTANCES_MAX  16 /* that are remembered of one agent */

enum agent_state { AGENT_ACTIVE, AGENT_REVOKED, AGENT_CLONED };

struct identity {
    uint8_t hash[STORE_HASH_SIZE];
    enum principal_kind kind; /* PRINCIPAL_NOBODY: a free entry */
    unsigned may;
    int64_t id;                /* session, token, agent's row */
    int64_t user;              /* whose session or token */
    int64_t until_ms;          /* when it ends anyway; 0 never */
    int64_t seen_ms, noted_ms; /* used last; as the store knows */
    uint64_t used;             /* order of use */
    bool unused_credential;    /* of an agent: this is its first use */
    enum agent_state state;
    uint8_t name_length;
    char name[CACHE_NAME_MAX];
    char instance[INSTANCE_LEN + 1];
    int64_t instance_ms;
    char before[INSTANCES_MAX * (INSTANCE_LEN + 1) + 1]; /* blank after each, the newest first */
};

struct cache {
    struct identity *entries; /* CACHE_SETS * CACHE_WAYS */
    uint64_t uses;
    uint64_t generation;
};

int cache_init(struct cache *cache);
void cache_done(struct cache *cache);
/* NULL: not here. Valid until the lock is given back. */
struct identity *cache_get(struct cache *cache, const uint8_t *hash);
/* The entry, or the one that was there already; NULL: of another generation, ask the store again. */
struct identity *cache_put(struct cache *cache, const struct identity *identity,
                           uint64_t generation);

/* What `wish` matches is forgotten, and answers under way are not taken. */
struct cache_wish {
    enum principal_kind kind; /* PRINCIPAL_NOBODY any */
    int64_t id, user;         /* 0 any */
    struct str name;          /* .p == NULL any */
};
void cache_forget(struct cache *cache, const struct cache_wish *wish);
/* Takes note of what the store should know of who was seen, at most `max` items: how many. */
size_t cache_seen(struct cache *cache, struct store_seen *items, size_t max);

static inline struct str identity_name(const struct identity *identity)
{
    return str_from(identity->name, identity->name_length);
}
