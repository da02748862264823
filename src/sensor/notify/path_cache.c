/*
 * One slot per hash of root and path; a newer entry takes the place of an older one. Entries are valid for
 * one generation, which grows whenever a change begins or ends.
 */
#include "sensor/notify/path_cache.h"

#include "base/arena.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct slot {
    uint64_t hash, generation, until_ns, root;
    uint16_t path_n, real_n;
    char path[PATH_CACHE_TEXT], real[PATH_CACHE_TEXT];
};

struct path_cache {
    uint64_t generation;
    unsigned nchanging;
    bool off;
    int64_t changing[PATH_CACHE_CHANGING];
    struct slot slots[PATH_CACHE_SLOTS];
};

int path_cache_new(struct path_cache **ret)
{
    struct path_cache *c = mem_zalloc(sizeof *c);
    if (!c) {
        return -ENOMEM;
    }
    c->generation = 1;
    *ret = c;
    return 0;
}

void path_cache_free(struct path_cache *c)
{
    free(c);
}

static uint64_t hash_of(const struct path_key *key)
{
    uint64_t hash = str_hash(key->path) ^ key->root;
    return hash ? hash : 1;
}

static bool is_usable(const struct path_cache *c, const struct path_key *key)
{
    return !c->off && c->nchanging == 0 && key->root != 0 && key->path.n <= PATH_CACHE_TEXT;
}

struct str path_cache_get(const struct path_cache *c, const struct path_key *key, uint64_t now_ns)
{
    if (!is_usable(c, key)) {
        return (struct str){ 0 };
    }
    uint64_t hash = hash_of(key);
    const struct slot *slot = &c->slots[hash % PATH_CACHE_SLOTS];
    if (slot->hash != hash || slot->generation != c->generation || slot->until_ns < now_ns ||
        slot->root != key->root || slot->path_n != key->path.n ||
        memcmp(slot->path, key->path.p, key->path.n) != 0) {
        return (struct str){ 0 };
    }
    return str_from(slot->real, slot->real_n);
}

uint64_t path_cache_ticket(const struct path_cache *c)
{
    return c->nchanging ? 0 : c->generation;
}

void path_cache_put(struct path_cache *c, const struct path_key *key, struct str real,
                    uint64_t ticket, uint64_t now_ns)
{
    if (!is_usable(c, key) || ticket != c->generation || real.n == 0 || real.n > PATH_CACHE_TEXT) {
        return;
    }
    uint64_t hash = hash_of(key);
    struct slot *slot = &c->slots[hash % PATH_CACHE_SLOTS];
    slot->hash = hash;
    slot->generation = c->generation;
    slot->until_ns = now_ns + PATH_CACHE_NS;
    slot->root = key->root;
    slot->path_n = (uint16_t)key->path.n;
    slot->real_n = (uint16_t)real.n;
    memcpy(slot->path, key->path.p, key->path.n);
    memcpy(slot->real, real.p, real.n);
}

void path_cache_calls(struct callset *set)
{
    for (size_t i = 0; i < call_count; i++) {
        if (path_cache_is_change(&call_table[i])) {
            callset_add(set, i);
        }
    }
}

bool path_cache_is_change(const struct call *call)
{
    switch (call->name) {
    case NAME_rename:
    case NAME_renameat:
    case NAME_renameat2:
    case NAME_link:
    case NAME_linkat:
    case NAME_symlink:
    case NAME_symlinkat:
    case NAME_unlink:
    case NAME_unlinkat:
    case NAME_rmdir:
    case NAME_mount:
    case NAME_umount:
    case NAME_umount2:
    case NAME_move_mount:
    case NAME_pivot_root:
        return true;
    default:
        return false;
    }
}

void path_cache_change(struct path_cache *c, int64_t tid)
{
    c->generation++;
    for (unsigned i = 0; i < c->nchanging; i++) {
        if (c->changing[i] == tid) {
            return;
        }
    }
    if (c->nchanging == PATH_CACHE_CHANGING) {
        c->off = true;
        return;
    }
    c->changing[c->nchanging++] = tid;
}

void path_cache_changed(struct path_cache *c, int64_t tid)
{
    for (unsigned i = 0; i < c->nchanging; i++) {
        if (c->changing[i] == tid) {
            c->generation++;
            c->changing[i] = c->changing[--c->nchanging];
            return;
        }
    }
}

unsigned path_cache_changing(const struct path_cache *c, int64_t ret_tids[PATH_CACHE_CHANGING])
{
    memcpy(ret_tids, c->changing, c->nchanging * sizeof(*ret_tids));
    return c->nchanging;
}

void path_cache_disable(struct path_cache *c)
{
    c->off = true;
}
