/*
 * Two slots per hash of root, directory and path; a newer entry takes the place of an older one. Entries are
 * valid for one generation, which grows whenever a change begins or ends.
 *
 * What takes away a file that is no link, or a directory, lets paths lead where they led: there is nothing
 * there, or what has been made since. Only what is known of the file is void then (`removals`). Of a file
 * that is found to be none before the call, but may be replaced by a link before it is taken away, that
 * holds only while no other change is under way: else it counts as one.
 */
#include "sensor/notify/path_cache.h"

#include "base/arena.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct slot {
    uint64_t hash, generation, removals, until_ns, root, start, ino, dev;
    uint16_t path_n, real_n;
    bool upper_layer, lower_layer, known;
    char path[PATH_CACHE_TEXT], real[PATH_CACHE_TEXT];
};

enum change {
    CHANGE_NAMES = 1 << 0,
    CHANGE_ROOTS = 1 << 1,
    CHANGE_DIRS = 1 << 2,
    CHANGE_REMOVES = 1 << 3,
};

struct changing {
    int64_t tid;
    unsigned what; /* enum change */
};

struct path_cache {
    uint64_t generation, roots, dirs, removals;
    unsigned nchanging, nnames, ndirs, nremoves; /* threads in a change; in one of these kinds */
    bool off, relative_off;
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
    uint64_t hash = str_hash(key->path) ^ key->root ^ hash_u64(key->start);
    return hash ? hash : 1;
}

static bool is_usable(const struct path_cache *c, const struct path_key *key)
{
    return !c->off && c->nnames == 0 && (!key->start || (c->ndirs == 0 && !c->relative_off)) &&
           key->root != 0 && key->path.n <= PATH_CACHE_TEXT;
}

static bool is_of(const struct slot *slot, uint64_t hash, const struct path_key *key)
{
    return slot->hash == hash && slot->root == key->root && slot->start == key->start &&
           slot->path_n == key->path.n && memcmp(slot->path, key->path.p, key->path.n) == 0;
}

static bool is_valid(const struct path_cache *c, const struct slot *slot, uint64_t now_ns)
{
    return slot->generation == c->generation && slot->until_ns >= now_ns;
}

bool path_cache_get(const struct path_cache *c, const struct path_key *key, uint64_t now_ns,
                    struct path_value *ret)
{
    if (!is_usable(c, key)) {
        return false;
    }
    uint64_t hash = hash_of(key);
    const struct slot *slot = &c->slots[hash % PATH_CACHE_SLOTS];
    if (!is_of(slot, hash, key)) {
        slot = &c->slots[hash % PATH_CACHE_SLOTS ^ 1];
    }
    if (!is_of(slot, hash, key) || !is_valid(c, slot, now_ns)) {
        return false;
    }
    *ret = (struct path_value){ .real = str_from(slot->real, slot->real_n),
                                .ino = slot->ino,
                                .dev = slot->dev,
                                .upper_layer = slot->upper_layer,
                                .lower_layer = slot->lower_layer,
                                .known = slot->known && c->nremoves == 0 &&
                                         slot->removals == c->removals };
    return true;
}

/* All only grow: the sum of two stays the same when neither does. */
struct path_ticket path_cache_ticket(const struct path_cache *c, const struct path_key *key)
{
    struct path_ticket ticket = { 0 };
    if (is_usable(c, key)) {
        ticket.generation = c->generation + (key->start ? c->dirs : 0);
        ticket.removals = c->nremoves ? 0 : c->removals;
    }
    return ticket;
}

/* The one that has it already, or else is worth less. */
static struct slot *slot_for(struct path_cache *c, uint64_t hash, const struct path_key *key)
{
    struct slot *first = &c->slots[hash % PATH_CACHE_SLOTS];
    struct slot *second = &c->slots[hash % PATH_CACHE_SLOTS ^ 1];
    if (is_of(first, hash, key) || is_of(second, hash, key)) {
        return is_of(first, hash, key) ? first : second;
    }
    if (first->generation != c->generation || second->generation != c->generation) {
        return first->generation != c->generation ? first : second;
    }
    return first->until_ns < second->until_ns ? first : second;
}

void path_cache_put(struct path_cache *c, const struct path_key *key,
                    const struct path_value *value, struct path_ticket ticket, uint64_t now_ns)
{
    struct str real = value->real;
    struct path_ticket now = path_cache_ticket(c, key);
    if (!is_usable(c, key) || ticket.generation != now.generation || real.n == 0 ||
        real.n > PATH_CACHE_TEXT) {
        return;
    }
    uint64_t hash = hash_of(key);
    struct slot *slot = slot_for(c, hash, key);
    slot->hash = hash;
    slot->generation = c->generation;
    slot->removals = ticket.removals;
    slot->until_ns = now_ns + PATH_CACHE_NS;
    slot->root = key->root;
    slot->start = key->start;
    slot->ino = value->ino;
    slot->dev = value->dev;
    slot->upper_layer = value->upper_layer;
    slot->lower_layer = value->lower_layer;
    slot->known = value->known;
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

static unsigned change_of(const struct call *call)
{
    switch (call->name) {
    case NAME_chdir:
    case NAME_fchdir:
        return CHANGE_DIRS;
    case NAME_unlink:
    case NAME_unlinkat:
    case NAME_rmdir:
        return CHANGE_REMOVES;
    default:
        return changes_roots(call)          ? CHANGE_NAMES | CHANGE_ROOTS | CHANGE_DIRS
               : path_cache_is_change(call) ? CHANGE_NAMES
                                            : 0;
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
        if (call && change_of(call)) {
            return false;
        }
    }
    return true;
}

uint64_t path_cache_roots(const struct path_cache *c)
{
    return c->roots;
}

uint64_t path_cache_dirs(const struct path_cache *c)
{
    return c->dirs;
}

static void count(struct path_cache *c, unsigned what, unsigned by)
{
    c->nnames += what & CHANGE_NAMES ? by : 0;
    c->ndirs += what & CHANGE_DIRS ? by : 0;
    c->nremoves += what & CHANGE_REMOVES ? by : 0;
}

static void upgrade(struct path_cache *c, struct changing *changing)
{
    if (!(changing->what & CHANGE_NAMES)) {
        changing->what |= CHANGE_NAMES;
        c->nnames++;
        c->generation++;
    }
}

static void begin_or_end(struct path_cache *c, unsigned what)
{
    c->generation += what & CHANGE_NAMES ? 1 : 0;
    c->roots += what & CHANGE_ROOTS ? 1 : 0;
    c->dirs += what & CHANGE_DIRS ? 1 : 0;
    c->removals += what & CHANGE_REMOVES ? 1 : 0;
    bool moves = what & (CHANGE_NAMES | CHANGE_DIRS);
    for (unsigned i = 0; moves && i < c->nchanging; i++) {
        if (c->changing[i].what & CHANGE_REMOVES) {
            upgrade(c, &c->changing[i]);
        }
    }
}

static void overflow(struct path_cache *c, unsigned what)
{
    c->relative_off = true;
    c->off |= what != CHANGE_DIRS;
}

bool path_cache_change(struct path_cache *c, int64_t tid, const struct call *call)
{
    unsigned what = change_of(call);
    if (!what) {
        return false;
    }
    path_cache_changed(c, tid); /* it cannot be in two */
    begin_or_end(c, what);
    if (c->nchanging == PATH_CACHE_CHANGING) {
        overflow(c, what);
        return false;
    }
    struct changing *changing = &c->changing[c->nchanging++];
    *changing = (struct changing){ tid, what };
    count(c, what, 1);
    if (what & CHANGE_REMOVES && c->nnames + c->ndirs > 0) {
        upgrade(c, changing);
    }
    return what & CHANGE_REMOVES && call->name != NAME_rmdir;
}

void path_cache_removes_link(struct path_cache *c, int64_t tid)
{
    for (unsigned i = 0; i < c->nchanging; i++) {
        if (c->changing[i].tid == tid) {
            upgrade(c, &c->changing[i]);
        }
    }
}

void path_cache_changed(struct path_cache *c, int64_t tid)
{
    for (unsigned i = 0; i < c->nchanging; i++) {
        unsigned what = c->changing[i].what;
        if (c->changing[i].tid == tid) {
            c->changing[i] = c->changing[--c->nchanging];
            count(c, what, (unsigned)-1);
            begin_or_end(c, what);
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
