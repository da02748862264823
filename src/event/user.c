/*
 * user: users and groups, of the host and of containers. The lists of one container form a scope
 * with a number; the host's is 0; a user is found by scope and id in one look-up.
 */
#include "event/state_internal.h"

#include <errno.h>
#include <stdlib.h>

/* A user with its strings behind it. */
struct user_block {
    struct user u; /* first */
    char text[];
};

struct group_block {
    struct group g; /* first */
    char text[];
};

static uint64_t key_of(uint32_t scope, uint32_t id)
{
    return (uint64_t)scope << 32 | id;
}

static bool is_host(struct str container_id)
{
    return container_id.n == 0 || str_eq(container_id, STR("host"));
}

static void free_values(struct map *map)
{
    size_t cursor = 0;
    for (const struct map_slot *slot; (slot = map_next(map, &cursor));) {
        ledger_free(slot->value);
    }
    map_done(map);
}

void users_done(struct state *state)
{
    size_t cursor = 0;
    for (const struct smap_slot *slot; (slot = smap_next(&state->scopes, &cursor));) {
        ledger_free(slot->value);
    }
    smap_done(&state->scopes);
    free_values(&state->users);
    free_values(&state->groups);
}

/* The value of the map is the key's text with the scope's number before it. */
struct scope {
    uint32_t number;
    char id[];
};

uint32_t scope_find(const struct state *state, struct str container_id)
{
    const struct scope *scope = smap_get(&state->scopes, container_short_id(container_id));
    return scope ? scope->number : 0;
}

static int scope_get(struct state *state, struct str container_id, uint32_t *ret)
{
    struct str id = container_short_id(container_id);
    *ret = is_host(id) ? 0 : scope_find(state, id);
    if (is_host(id) || *ret) {
        return 0;
    }
    if (state->nscopes >= STATE_CONTAINERS_MAX) {
        state->stats.users_refused++;
        return -ENOSPC;
    }
    struct scope *scope = ledger_alloc(&state->ledger, sizeof(*scope) + id.n);
    if (!scope) {
        return -ENOMEM;
    }
    memcpy(scope->id, id.p, id.n);
    scope->number = state->nscopes + 1;
    if (smap_put(&state->scopes, (struct str){ scope->id, id.n }, scope) < 0) {
        ledger_free(scope);
        return -ENOMEM;
    }
    state->nscopes++;
    struct container_slot *slot = container_find(state, id);
    if (slot) {
        slot->scope = scope->number;
    }
    *ret = scope->number;
    return 0;
}

static struct str place(char **at, struct str s)
{
    struct str placed = { *at, s.n };
    if (s.n) {
        memcpy(*at, s.p, s.n);
    }
    *at += s.n;
    return placed;
}

static int put(struct state *state, struct map *map, uint64_t key, void *block)
{
    void *old = map_get(map, key);
    if (!old && map->count >= STATE_USERS_MAX) {
        state->stats.users_refused++;
        ledger_free(block);
        return -ENOSPC;
    }
    map_remove(map, key);
    state->epoch++;
    if (map_put(map, key, block) < 0) {
        ledger_free(old);
        ledger_free(block);
        return -ENOMEM;
    }
    ledger_free(old);
    return 0;
}

static bool is_same_user(const struct user *a, const struct user *b)
{
    return a && a->gid == b->gid && str_eq(a->name, b->name) && str_eq(a->home, b->home) &&
           str_eq(a->shell, b->shell);
}

int state_add_user(struct state *state, struct str container_id, const struct user *user)
{
    uint32_t scope;
    int r = scope_get(state, container_id, &scope);
    if (r < 0) {
        return r;
    }
    uint64_t key = key_of(scope, user->uid);
    if (is_same_user(map_get(&state->users, key), user)) {
        return 0;
    }
    struct user_block *block =
        ledger_alloc(&state->ledger, sizeof(*block) + user->name.n + user->home.n + user->shell.n);
    if (!block) {
        return -ENOMEM;
    }
    char *at = block->text;
    block->u = (struct user){ .uid = user->uid,
                              .gid = user->gid,
                              .name = place(&at, user->name),
                              .home = place(&at, user->home),
                              .shell = place(&at, user->shell) };
    return put(state, &state->users, key, block);
}

int state_add_group(struct state *state, struct str container_id, const struct group *group)
{
    uint32_t scope;
    int r = scope_get(state, container_id, &scope);
    if (r < 0) {
        return r;
    }
    uint64_t key = key_of(scope, group->gid);
    const struct group *old = map_get(&state->groups, key);
    if (old && str_eq(old->name, group->name)) {
        return 0;
    }
    struct group_block *block = ledger_alloc(&state->ledger, sizeof(*block) + group->name.n);
    if (!block) {
        return -ENOMEM;
    }
    char *at = block->text;
    block->g = (struct group){ .gid = group->gid, .name = place(&at, group->name) };
    return put(state, &state->groups, key, block);
}

static int remove_id(struct state *state, struct map *map, struct str container_id, uint32_t id)
{
    uint32_t scope = is_host(container_id) ? 0 : scope_find(state, container_id);
    if (scope || is_host(container_id)) {
        void *old = map_remove(map, key_of(scope, id));
        state->epoch += old != NULL;
        ledger_free(old);
    }
    return 0;
}

int state_remove_user(struct state *state, struct str container_id, uint32_t uid)
{
    return remove_id(state, &state->users, container_id, uid);
}

int state_remove_group(struct state *state, struct str container_id, uint32_t gid)
{
    return remove_id(state, &state->groups, container_id, gid);
}

static bool scope_of(const struct container *container, uint32_t *ret)
{
    *ret = container ? ((const struct container_slot *)container)->scope : 0;
    return !container || *ret;
}

const struct user *state_user(const struct state *state, const struct container *container,
                              uint32_t uid)
{
    uint32_t scope;
    return scope_of(container, &scope) ? map_get(&state->users, key_of(scope, uid)) : NULL;
}

const struct group *state_group(const struct state *state, const struct container *container,
                                uint32_t gid)
{
    uint32_t scope;
    return scope_of(container, &scope) ? map_get(&state->groups, key_of(scope, gid)) : NULL;
}
