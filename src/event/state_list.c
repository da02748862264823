/*
 * state_list: walking over everything that is known (for writing captures), the machine's own
 * addresses, and forgetting all of it when a sensor's stream begins anew.
 */
#include "event/state_internal.h"

#include <errno.h>

struct thread *state_thread_next(const struct state *state, size_t *cursor)
{
    while (*cursor < state->tasks.high) {
        struct task *task = slab_at(&state->tasks, (uint32_t)(*cursor)++);
        if (task->used && task->mapped) {
            return &task->t;
        }
    }
    return NULL;
}

static const void *host_next(const struct map *map, size_t *cursor)
{
    for (const struct map_slot *slot; (slot = map_next(map, cursor));) {
        if (slot->key >> 32 == 0) {
            return slot->value;
        }
    }
    return NULL;
}

const struct user *state_user_next(const struct state *state, size_t *cursor)
{
    return host_next(&state->users, cursor);
}

const struct group *state_group_next(const struct state *state, size_t *cursor)
{
    return host_next(&state->groups, cursor);
}

const struct container *state_container_next(const struct state *state, size_t *cursor)
{
    const struct smap_slot *slot = smap_next(&state->containers, cursor);
    return slot ? slot->value : NULL;
}

int state_add_interface(struct state *state, const struct interface *interface)
{
    if (state->ninterfaces == STATE_INTERFACES_MAX) {
        return -ENOSPC;
    }
    struct interface *p = mem_resize(state->interfaces, state->ninterfaces + (size_t)1, sizeof(*p));
    if (!p) {
        return -ENOMEM;
    }
    state->interfaces = p;
    p[state->ninterfaces++] = *interface;
    return 0;
}

const struct interface *state_interface_next(const struct state *state, size_t *cursor)
{
    return *cursor < state->ninterfaces ? &state->interfaces[(*cursor)++] : NULL;
}

bool state_is_own_address(const struct state *state, const struct ip *ip)
{
    for (uint32_t i = 0; i < state->ninterfaces; i++) {
        const struct ip *own = &state->interfaces[i].address;
        if (own->family == ip->family &&
            memcmp(own->bytes, ip->bytes, ip->family == 6 ? 16 : 4) == 0) {
            return true;
        }
    }
    return false;
}

void state_clear(struct state *state)
{
    for (uint32_t i = 0; i < state->tasks.high; i++) {
        struct task *task = slab_at(&state->tasks, i);
        if (task->used) {
            task_remove(state, task->main);
        }
    }
    state->last_task = state->herald = NULL;
    state->last_tid = -1;
    containers_done(state);
    containers_init(state);
    users_done(state);
    state->nscopes = 0;
    names_clear(state);
    state->ninterfaces = 0;
    state->epoch++;
}
