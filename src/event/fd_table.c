/*
 * fd_table: the descriptors of a process.
 *
 * A `struct fdtable` is what threads (and CLONE_FILES) share. It points to a set: an array by
 * number, and a map for the few numbers far beyond it. Sets are counted: a fork shares its parent's
 * set until one of them changes something. Entries are counted too, by sets, so that the copy of a
 * set copies pointers only; whoever changes an entry gets one of its own first.
 *
 * Entries come from chunks and go back to a free list with the memory of their names, so that
 * opening and closing allocates nothing once warm.
 */
#include "event/state_internal.h"

#include <errno.h>
#include <stdlib.h>

#define CHUNK_ENTRIES 128
#define DENSE_MIN     16
#define DENSE_FREE    256 /* an array up to this is given to any process */
#define DENSE_PER_FD  16  /* beyond, only to those with that many descriptors */
#define NAME_KEPT_MAX                                                                              \
    1024 /* longer names' memory is not recycled, nor any when half of it is used */
#define NAME_STEP 64
#define FAR_BYTES ((size_t)48) /* of a map for an entry, at most */

struct fdset {
    uint32_t refs;
    uint32_t count; /* also those in `far` */
    uint32_t capacity;
    struct map far; /* numbers >= capacity */
    struct fd_entry *at[];
};

struct fdtable {
    uint32_t refs;
    struct fdset *set; /* NULL: empty */
};

static int pool_grow(struct state *state)
{
    if (state->nfd_chunks >= STATE_FDS_MAX / CHUNK_ENTRIES) {
        return -ENOSPC;
    }
    char **chunks = mem_resize(state->fd_chunks, state->nfd_chunks + (size_t)1, sizeof(*chunks));
    if (!chunks) {
        return -ENOMEM;
    }
    state->fd_chunks = chunks;
    struct fd_entry *entries = mem_zalloc(CHUNK_ENTRIES * sizeof(*entries));
    if (!entries) {
        return -ENOMEM;
    }
    chunks[state->nfd_chunks++] = (char *)entries;
    for (size_t i = 0; i < CHUNK_ENTRIES; i++) {
        entries[i].next_free = state->free_fds;
        state->free_fds = &entries[i];
    }
    return 0;
}

static struct fd_entry *entry_new(struct state *state, const struct fdinfo *info)
{
    if (!state->free_fds && pool_grow(state) < 0) {
        return NULL;
    }
    struct fd_entry *entry = state->free_fds;
    state->free_fds = entry->next_free;
    entry->info = *info;
    entry->info.name = entry->info.nameraw = (struct str){ 0 };
    entry->refs = 1;
    entry->id = ++state->next_fd_id;
    state->nfds++;
    if (fd_set_names(state, entry, info->name, info->nameraw) < 0) {
        state->stats.out_of_memory++;
    }
    return entry;
}

static void entry_unref(struct state *state, struct fd_entry *entry)
{
    if (--entry->refs > 0) {
        return;
    }
    if (entry->capacity > NAME_KEPT_MAX || state->ledger.used > state->ledger.limit / 2) {
        ledger_free(entry->bytes);
        entry->bytes = NULL;
        entry->capacity = 0;
    }
    entry->next_free = state->free_fds;
    state->free_fds = entry;
    state->nfds--;
}

void fds_pool_done(struct state *state)
{
    for (uint32_t i = 0; i < state->nfd_chunks; i++) {
        struct fd_entry *entries = (struct fd_entry *)state->fd_chunks[i];
        for (size_t j = 0; j < CHUNK_ENTRIES; j++) {
            ledger_free(entries[j].bytes);
        }
        free(entries);
    }
    free(state->fd_chunks);
}

int fd_set_names(struct state *state, struct fd_entry *entry, struct str name, struct str nameraw)
{
    bool same = str_eq(name, nameraw);
    size_t need = name.n + (same ? 0 : nameraw.n);
    if (need > entry->capacity) {
        size_t capacity = (need + NAME_STEP - 1) / NAME_STEP * NAME_STEP;
        char *bytes = ledger_alloc(&state->ledger, capacity);
        if (!bytes) {
            entry->info.name = entry->info.nameraw = (struct str){ 0 };
            return -ENOMEM;
        }
        ledger_free(entry->bytes);
        entry->bytes = bytes;
        entry->capacity = (uint32_t)capacity;
    }
    if (name.n) {
        memcpy(entry->bytes, name.p, name.n);
    }
    if (!same && nameraw.n) {
        memcpy(entry->bytes + name.n, nameraw.p, nameraw.n);
    }
    entry->info.name = (struct str){ entry->bytes, name.n };
    entry->info.nameraw =
        same ? entry->info.name : (struct str){ entry->bytes + name.n, nameraw.n };
    return 0;
}

static struct fdset *set_alloc(struct state *state, uint32_t capacity)
{
    struct fdset *set = ledger_zalloc(&state->ledger, sizeof(*set) + capacity * sizeof(*set->at));
    if (set) {
        set->refs = 1;
        set->capacity = capacity;
    }
    return set;
}

static int far_put(struct state *state, struct fdset *set, uint64_t fd, struct fd_entry *entry)
{
    int r = ledger_charge(&state->ledger, FAR_BYTES) ? map_put(&set->far, fd, entry) : -ENOSPC;
    if (r == -ENOMEM) {
        ledger_credit(&state->ledger, FAR_BYTES);
    }
    return r;
}

static void far_remove(struct state *state, struct fdset *set, uint64_t fd)
{
    if (map_remove(&set->far, fd)) {
        ledger_credit(&state->ledger, FAR_BYTES);
    }
}

/* Frees the set, whose entries are someone else's by now. */
static void set_free(struct state *state, struct fdset *set)
{
    ledger_credit(&state->ledger, set->far.count * FAR_BYTES);
    map_done(&set->far);
    ledger_free(set);
}

static void set_unref(struct state *state, struct fdset *set)
{
    if (!set || --set->refs > 0) {
        return;
    }
    for (uint32_t i = 0; i < set->capacity; i++) {
        if (set->at[i]) {
            entry_unref(state, set->at[i]);
        }
    }
    size_t cursor = 0;
    for (const struct map_slot *slot; (slot = map_next(&set->far, &cursor));) {
        entry_unref(state, slot->value);
    }
    set_free(state, set);
}

/* A copy with room for `capacity` numbers; entries gain a reference. */
static struct fdset *set_copy(struct state *state, const struct fdset *set, uint32_t capacity)
{
    struct fdset *copy = set_alloc(state, capacity > set->capacity ? capacity : set->capacity);
    if (!copy) {
        return NULL;
    }
    size_t cursor = 0;
    for (const struct map_slot *slot; (slot = map_next(&set->far, &cursor));) {
        if (slot->key >= copy->capacity && far_put(state, copy, slot->key, slot->value) < 0) {
            set_free(state, copy);
            return NULL;
        }
    }
    for (uint32_t i = 0; i < set->capacity; i++) {
        copy->at[i] = set->at[i];
    }
    cursor = 0;
    for (const struct map_slot *slot; (slot = map_next(&set->far, &cursor));) {
        if (slot->key < copy->capacity) {
            copy->at[slot->key] = slot->value;
        }
        ((struct fd_entry *)slot->value)->refs++;
    }
    for (uint32_t i = 0; i < set->capacity; i++) {
        if (set->at[i]) {
            set->at[i]->refs++;
        }
    }
    copy->count = set->count;
    return copy;
}

/* This table's own set, with room in the array for `capacity` numbers. */
static int table_own(struct state *state, struct fdtable *table, uint32_t capacity)
{
    struct fdset *set = table->set;
    if (!set) {
        table->set = set_alloc(state, capacity > DENSE_MIN ? capacity : DENSE_MIN);
        return table->set ? 0 : -ENOMEM;
    }
    if (set->refs == 1 && capacity <= set->capacity) {
        return 0;
    }
    struct fdset *own = set_copy(state, set, capacity);
    if (!own) {
        return -ENOMEM;
    }
    set_unref(state, set);
    table->set = own;
    return 0;
}

/* How large the array should be for fd to be in it; 0: fd goes to the map. */
static uint32_t dense_for(const struct fdtable *table, uint64_t fd)
{
    uint64_t count = table->set ? table->set->count : 0;
    uint64_t limit = count * DENSE_PER_FD > DENSE_FREE ? count * DENSE_PER_FD : DENSE_FREE;
    if (fd >= limit || fd >= STATE_FDS_PER_PROCESS_MAX) {
        return 0;
    }
    uint32_t capacity = DENSE_MIN;
    while (capacity <= fd) {
        capacity *= 2;
    }
    return capacity;
}

struct fdtable *fds_new(void)
{
    struct fdtable *table = mem_zalloc(sizeof(*table));
    if (table) {
        table->refs = 1;
    }
    return table;
}

struct fdtable *fds_ref(struct fdtable *table)
{
    if (table) {
        table->refs++;
    }
    return table;
}

struct fdtable *fds_fork(const struct fdtable *table)
{
    struct fdtable *copy = fds_new();
    if (copy && table && table->set) {
        copy->set = table->set;
        copy->set->refs++;
    }
    return copy;
}

bool fds_is_shared(const struct fdtable *table)
{
    return table && table->refs > 1;
}

void fds_unref(struct state *state, struct fdtable *table)
{
    if (table && --table->refs == 0) {
        set_unref(state, table->set);
        free(table);
    }
}

struct fd_entry *fds_get(const struct fdtable *table, int64_t fd)
{
    if (!table || !table->set || fd < 0) {
        return NULL;
    }
    const struct fdset *set = table->set;
    return (uint64_t)fd < set->capacity ? set->at[fd] : map_get(&set->far, (uint64_t)fd);
}

/* Replacing never fails: it uses the room of the old one. */
static int set_store(struct state *state, struct fdset *set, uint64_t fd, struct fd_entry *entry)
{
    if (fd < set->capacity) {
        set->at[fd] = entry;
        return 0;
    }
    far_remove(state, set, fd);
    return far_put(state, set, fd, entry);
}

struct fd_entry *fds_put(struct state *state, struct fdtable *table, int64_t fd,
                         const struct fdinfo *info)
{
    struct fd_entry *old = fds_get(table, fd);
    uint32_t count = table && table->set ? table->set->count : 0;
    if (!table || fd < 0 || (!old && count >= STATE_FDS_PER_PROCESS_MAX) ||
        table_own(state, table, dense_for(table, (uint64_t)fd)) < 0) {
        state->stats.fds_refused++;
        return NULL;
    }
    struct fd_entry *entry = entry_new(state, info);
    if (!entry || set_store(state, table->set, (uint64_t)fd, entry) < 0) {
        state->stats.fds_refused++;
        if (entry) {
            entry_unref(state, entry);
        }
        return NULL;
    }
    if (old) {
        entry_unref(state, old);
    } else {
        table->set->count++;
    }
    return entry;
}

struct fd_entry *fds_edit(struct state *state, struct fdtable *table, int64_t fd)
{
    struct fd_entry *entry = fds_get(table, fd);
    if (!entry || (entry->refs == 1 && table->set->refs == 1)) {
        return entry;
    }
    if (table_own(state, table, 0) < 0) {
        state->stats.out_of_memory++;
        return NULL;
    }
    if (entry->refs == 1) {
        return entry;
    }
    struct fd_entry *own = entry_new(state, &entry->info);
    if (!own) {
        state->stats.out_of_memory++;
        return NULL;
    }
    own->id = entry->id;
    set_store(state, table->set, (uint64_t)fd, own);
    entry_unref(state, entry);
    return own;
}

void fds_remove(struct state *state, struct fdtable *table, int64_t fd)
{
    struct fd_entry *entry = fds_get(table, fd);
    if (!entry) {
        return;
    }
    if (table_own(state, table, 0) < 0) {
        state->stats.out_of_memory++;
        return;
    }
    if ((uint64_t)fd < table->set->capacity) {
        table->set->at[fd] = NULL;
    } else {
        far_remove(state, table->set, (uint64_t)fd);
    }
    table->set->count--;
    entry_unref(state, entry);
}

struct fdinfo *state_fd(const struct state *state, const struct thread *thread, int64_t fd)
{
    (void)state;
    struct fd_entry *entry = thread ? fds_get(thread->fds, fd) : NULL;
    return entry ? &entry->info : NULL;
}

size_t state_fd_count(const struct state *state, const struct thread *thread)
{
    (void)state;
    return thread && thread->fds && thread->fds->set ? thread->fds->set->count : 0;
}

bool state_fd_next(const struct state *state, const struct thread *thread, size_t *cursor,
                   int64_t *ret_fd, struct fdinfo **ret_info)
{
    (void)state;
    const struct fdset *set = thread && thread->fds ? thread->fds->set : NULL;
    if (!set) {
        return false;
    }
    for (; *cursor < set->capacity; ++*cursor) {
        if (set->at[*cursor]) {
            *ret_fd = (int64_t)*cursor;
            *ret_info = &set->at[(*cursor)++]->info;
            return true;
        }
    }
    size_t far = *cursor - set->capacity;
    const struct map_slot *slot = map_next(&set->far, &far);
    *cursor = set->capacity + far;
    if (!slot) {
        return false;
    }
    *ret_fd = (int64_t)slot->key;
    *ret_info = &((struct fd_entry *)slot->value)->info;
    return true;
}
