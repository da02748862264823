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
    uint64_t hash, generation, until_ns, root, ino, dev;
    uint16_t path_n, real_n;
    bool upper_layer, lower_layer;
    char path[PATH_CACHE_TEXT], real[PATH_CACHE_TEXT];
};

struct changing {
    int64_t tid;
    bool roots;
};

struct path_cache {
    uint64_t generation, roots;
    unsigned nchanging;
    bool off;
    struct changing changing[PATH_CACHE_CHANGING];
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

bool path_cache_get(const struct path_cache *c, const struct path_key *key, uint64_t now_ns,
                    struct path_value *ret)
{
    if (!is_usable(c, key)) {
        return false;
    }
    uint64_t hash = hash_of(key);
    const struct slot *slot = &c->slots[hash % PATH_CACHE_SLOTS];
    if (slot->hash != hash || slot->generation != c->generation || slot->until_ns < now_ns ||
        slot->root != key->root || slot->path_n != key->path.n ||
        memcmp(slot->path, key->path.p, key->path.n) != 0) {
        return false;
    }
    *ret = (struct path_value){ .real = str_from(slot->real, slot->real_n),
                                .ino = slot->ino,
                                .dev = slot->dev,
                                .upper_layer = slot->upper_layer,
                                .lower_layer = slot->lower_layer };
    return true;
}

uint64_t path_cache_ticket(const struct path_cache *c)
{
    return c->nchanging ? 0 : c->generation;
}

void path_cache_put(struct path_cache *c, const struct path_key *key,
                    const struct path_value *value, uint64_t ticket, uint64_t now_ns)
{
    struct str real = value->real;
    if (!is_usable(c, key) || ticket != c->generation || real.n == 0 || real.n > PATH_CACHE_TEXT) {
        return;
    }
    uint64_t hash = hash_of(key);
    struct slot *slot = &c->slots[hash % PATH_CACHE_SLOTS];
    slot->hash = hash;
    slot->generation = c->generation;
    slot->until_ns = now_ns + PATH_CACHE_NS;
    slot->root = key->root;
    slot->ino = value->ino;
    slot->dev = value->dev;
    slot->upper_layer = value->upper_layer;
    slot->lower_layer = value->lower_layer;
    slot->path_n = (uint16_t)key->path.n;
    slot->real_n = (uint16_t)real.n;
    memcpy(slot->path, key->path.p, key->path.n);
    memcpy(slot->real, real.p, real.n);
}

void path_cache_calls(struct callset *set)
{
    for (size_t i = 0; i < call_count; i++) {
        if (path_cache_is_change(&call_table[i]) || call_table[i].name == NAME_io_uring_setup) {
            callset_add(set, i);
        }
    }
}

/* Of processes that share the caller's root, or had the one that is put away, too. */
static bool changes_roots(const struct call *call)
{
    switch (call->name) {
    case NAME_chroot:
    case NAME_pivot_root:
    case NAME_setns:
    case NAME_unshare:
        return true;
    default:
        return false;
    }
}

bool path_cache_is_change(const struct call *call)
{
    if (changes_roots(call)) {
        return true;
    }
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
        return true;
    default:
        return false;
    }
}

bool path_cache_has_left(struct str text)
{
    uint64_t nr = 0;
    unsigned digits = 0;
    for (; digits < text.n && text.p[digits] >= '0' && text.p[digits] <= '9'; digits++) {
        nr = nr * 10 + (uint64_t)(text.p[digits] - '0');
    }
    if (digits == 0 || nr > UINT32_MAX) { /* "-1": in no call */
        return text.n > 0 && text.p[0] == '-';
    }
    /* The number does not say of which architecture it is. */
    static const uint32_t archs[] = { CALL_ARCH_NATIVE, AUDIT_ARCH_I386 };
    for (size_t i = 0; i < sizeof(archs) / sizeof(*archs); i++) {
        const struct call *call = call_of_number(archs[i], (uint32_t)nr);
        if (call && path_cache_is_change(call)) {
            return false;
        }
    }
    return true;
}

uint64_t path_cache_roots(const struct path_cache *c)
{
    return c->roots;
}

static void begin_or_end(struct path_cache *c, bool roots)
{
    c->generation++;
    c->roots += roots;
}

void path_cache_change(struct path_cache *c, int64_t tid, const struct call *call)
{
    bool roots = changes_roots(call);
    begin_or_end(c, roots);
    for (unsigned i = 0; i < c->nchanging; i++) {
        if (c->changing[i].tid == tid) {
            c->changing[i].roots |= roots;
            return;
        }
    }
    if (c->nchanging == PATH_CACHE_CHANGING) {
        c->off = true;
        return;
    }
    c->changing[c->nchanging++] = (struct changing){ tid, roots };
}

void path_cache_changed(struct path_cache *c, int64_t tid)
{
    for (unsigned i = 0; i < c->nchanging; i++) {
        if (c->changing[i].tid == tid) {
            begin_or_end(c, c->changing[i].roots);
            c->changing[i] = c->changing[--c->nchanging];
            return;
        }
    }
}

unsigned path_cache_changing(const struct path_cache *c, int64_t ret_tids[PATH_CACHE_CHANGING])
{
    for (unsigned i = 0; i < c->nchanging; i++) {
        ret_tids[i] = c->changing[i].tid;
    }
    return c->nchanging;
}

void path_cache_disable(struct path_cache *c)
{
    c->off = true;
}
