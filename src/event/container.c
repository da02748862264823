/*
 * container: the table of containers. One seen in a task's control groups is there at once, pending
 * until its metadata come; each knows the tasks in it, so that a change reaches exactly those. At
 * the limit one without tasks makes room.
 *
 * A slot's strings lie in its arena; new metadata is built in a new arena and swapped in whole.
 */
#include "event/state_internal.h"

#include <errno.h>
#include <stdlib.h>

#define SHORT_DIGITS 12
#define JSON_MAX     ((size_t)1 << 20)

void containers_init(struct state *state)
{
    slab_init(&state->container_slots, sizeof(struct container_slot), STATE_CONTAINERS_MAX);
}

void containers_done(struct state *state)
{
    size_t cursor = 0;
    for (const struct smap_slot *s; (s = smap_next(&state->containers, &cursor));) {
        struct container_slot *slot = s->value;
        ledger_credit(&state->ledger, slot->arena.used);
        arena_done(&slot->arena);
    }
    smap_done(&state->containers);
    slab_done(&state->container_slots);
}

struct str container_short_id(struct str id)
{
    if (id.n != 64) {
        return id;
    }
    for (size_t i = 0; i < id.n; i++) {
        char c = id.p[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) {
            return id;
        }
    }
    return str_first(id, SHORT_DIGITS);
}

struct container_slot *container_find(const struct state *state, struct str id)
{
    return smap_get(&state->containers, container_short_id(id));
}

struct container *state_container(const struct state *state, struct str id)
{
    struct container_slot *slot = container_find(state, id);
    return slot ? &slot->c : NULL;
}

void task_set_container(struct task *task, struct container_slot *slot)
{
    struct container_slot *old = (struct container_slot *)task->t.container;
    if (old == slot) {
        return;
    }
    if (old) {
        *(task->prev_inmate ? &task->prev_inmate->next_inmate : &old->first_task) =
            task->next_inmate;
        if (task->next_inmate) {
            task->next_inmate->prev_inmate = task->prev_inmate;
        }
        task->next_inmate = task->prev_inmate = NULL;
    }
    task->t.container = slot ? &slot->c : NULL;
    if (slot) {
        task->next_inmate = slot->first_task;
        if (slot->first_task) {
            slot->first_task->prev_inmate = task;
        }
        slot->first_task = task;
    }
}

static void changed(struct state *state, const struct container_slot *slot)
{
    for (struct task *task = slot->first_task; task; task = task->next_inmate) {
        task_changed(task, VOLATILE_CONTAINER);
        task_changed(task, VOLATILE_CRED);
    }
    state->epoch++;
}

static void slot_free(struct state *state, struct container_slot *slot)
{
    smap_remove(&state->containers, slot->c.id);
    ledger_credit(&state->ledger, slot->arena.used);
    arena_done(&slot->arena);
    slab_give(&state->container_slots, slot->c.index);
}

static bool make_room(struct state *state)
{
    for (uint32_t i = 0; i < state->container_slots.high; i++) {
        state->container_hand = (state->container_hand + 1) % state->container_slots.high;
        struct container_slot *slot = slab_at(&state->container_slots, state->container_hand);
        if (!slot->first_task) {
            slot_free(state, slot);
            return true;
        }
    }
    return false;
}

/* Gives the slot what `c` says; c's strings lie in `arena`, charged, which the slot takes over. */
static void slot_fill(struct state *state, struct container_slot *slot, const struct container *c,
                      struct arena *arena)
{
    uint32_t index = slot->c.index;
    ledger_credit(&state->ledger, slot->arena.used);
    arena_done(&slot->arena);
    slot->c = *c;
    slot->c.index = index;
    slot->arena = *arena;
}

/* A slot under the container's id, empty. */
static int slot_take(struct state *state, struct str id, struct container_slot **ret)
{
    uint32_t index;
    struct container_slot *slot = slab_take(&state->container_slots, &index);
    if (!slot && state->container_slots.count == STATE_CONTAINERS_MAX && make_room(state)) {
        slot = slab_take(&state->container_slots, &index);
    }
    if (!slot) {
        return state->container_slots.count == STATE_CONTAINERS_MAX ? -ENOSPC : -ENOMEM;
    }
    if (smap_put(&state->containers, id, slot) < 0) {
        slab_give(&state->container_slots, index);
        return -ENOMEM;
    }
    slot->c.index = index;
    *ret = slot;
    return 0;
}

/* Takes the arena over when it succeeds. */
static int slot_new(struct state *state, const struct container *c, struct arena *arena,
                    struct container_slot **ret)
{
    struct container_slot *slot;
    int r = ledger_charge(&state->ledger, arena->used) ? 0 : -ENOSPC;
    if (r == 0) {
        r = slot_take(state, c->id, &slot);
        if (r < 0) {
            ledger_credit(&state->ledger, arena->used);
        }
    }
    if (r < 0) {
        state->stats.containers_refused++;
        return r;
    }
    slot_fill(state, slot, c, arena);
    slot->scope = scope_find(state, c->id);
    *ret = slot;
    return 0;
}

/* Known, or made up as pending. NULL: no room. */
static struct container_slot *container_get(struct state *state, struct str id)
{
    struct container_slot *slot = container_find(state, id);
    if (slot && slot->c.true_id.n) {
        id = slot->c.true_id;
        slot = container_find(state, id);
    }
    if (slot) {
        return slot;
    }
    struct arena arena;
    arena_init(&arena, CONTAINER_BYTES_MAX);
    struct container c = { .id = arena_str(&arena, container_short_id(id)), .pending = true };
    if (!c.id.p || slot_new(state, &c, &arena, &slot) < 0) {
        arena_done(&arena);
        return NULL;
    }
    return slot;
}

void task_assign_container(struct state *state, struct task *task)
{
    struct str rest = task->t.cgroups ? task->t.cgroups->s : (struct str){ 0 };
    struct container_slot *slot = NULL;
    while (rest.n > 0) {
        struct str one = str_until_nul(rest.p, rest.n);
        ptrdiff_t at = str_find_char(one, '=');
        struct str id = cgroup_container_id(str_from_offset(one, (size_t)(at + 1)));
        if (id.n > 0) {
            slot = container_get(state, id);
            break;
        }
        rest = str_from_offset(rest, one.n + 1);
    }
    struct container *before = task->t.container;
    task_set_container(task, slot);
    if (task->t.container != before) {
        task_changed(task, VOLATILE_CONTAINER);
        task_changed(task, VOLATILE_CRED);
    }
}

/* Everything but strings; false when memory is out. */
static bool copy_str(struct arena *arena, struct str *s)
{
    if (s->n == 0) {
        *s = (struct str){ 0 };
        return true;
    }
    *s = arena_str(arena, *s);
    return s->p;
}

static bool copy_strings(struct arena *arena, struct container *c)
{
    struct str *all[] = {
        &c->id,
        &c->full_id,
        &c->name,
        &c->image,
        &c->image_id,
        &c->image_repository,
        &c->image_tag,
        &c->image_digest,
        &c->type,
        &c->ip,
        &c->cni_json,
        &c->pod_sandbox_id,
        &c->healthcheck,
        &c->liveness_probe,
        &c->readiness_probe,
        &c->ecs_cluster,
        &c->ecs_task_arn,
        &c->ecs_task_id,
        &c->ecs_task_family,
        &c->ecs_task_revision,
        &c->ecs_service,
        &c->ecs_launch_type,
        &c->ecs_availability_zone,
        &c->user,
        &c->true_id,
        &c->aws_account,
        &c->aws_region,
    };
    bool ok = true;
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++) {
        ok = ok && copy_str(arena, all[i]);
    }
    return ok;
}

static bool copy_labels(struct arena *arena, struct container_label **labels, uint32_t n)
{
    struct container_label *copy = ARENA_ARRAY(arena, struct container_label, n);
    bool ok = copy;
    for (uint32_t i = 0; i < n && ok; i++) {
        copy[i] = (*labels)[i];
        ok = copy_str(arena, &copy[i].key) && copy_str(arena, &copy[i].value);
    }
    *labels = copy;
    return ok;
}

static bool copy_mounts(struct arena *arena, struct container *c)
{
    struct container_mount *copy = ARENA_ARRAY(arena, struct container_mount, c->nmounts);
    bool ok = copy;
    for (uint32_t i = 0; i < c->nmounts && ok; i++) {
        copy[i] = c->mounts[i];
        ok = copy_str(arena, &copy[i].source) && copy_str(arena, &copy[i].dest) &&
             copy_str(arena, &copy[i].mode) && copy_str(arena, &copy[i].propagation);
    }
    c->mounts = copy;
    return ok;
}

/* Takes the arena over, also when it fails. */
static int container_put(struct state *state, struct container *c, struct arena *arena,
                         struct container_slot **ret)
{
    if (c->id.n == 0) {
        arena_done(arena);
        return -EINVAL;
    }
    struct str full = c->id;
    c->id = container_short_id(c->id);
    if (c->full_id.n == 0 && c->id.n != full.n) {
        c->full_id = full;
    }
    struct container_slot *slot = container_find(state, c->id);
    if (!slot) {
        int r = slot_new(state, c, arena, &slot);
        if (r < 0) {
            arena_done(arena);
            return r;
        }
        state->epoch++;
        *ret = slot;
        return 0;
    }
    if (!ledger_charge(&state->ledger, arena->used)) {
        state->stats.containers_refused++;
        arena_done(arena);
        return -ENOSPC;
    }
    smap_remove(&state->containers, slot->c.id); /* its key goes with the old arena */
    slot_fill(state, slot, c, arena);
    smap_put(&state->containers, slot->c.id, slot); /* into the room just made */
    changed(state, slot);
    *ret = slot;
    return 0;
}

int state_add_container(struct state *state, const struct container *container)
{
    struct arena arena;
    struct container_slot *slot;
    arena_init(&arena, CONTAINER_BYTES_MAX);
    struct container copy = *container;
    if (!copy_strings(&arena, &copy) || !copy_mounts(&arena, &copy) ||
        !copy_labels(&arena, &copy.labels, copy.nlabels) ||
        !copy_labels(&arena, &copy.pod_labels, copy.npod_labels)) {
        arena_done(&arena);
        state->stats.containers_refused++;
        return -ENOMEM;
    }
    return container_put(state, &copy, &arena, &slot);
}

int state_add_container_json(struct state *state, struct str json)
{
    struct container_slot *slot;
    return container_add_json(state, json, &slot);
}

int container_add_json(struct state *state, struct str json, struct container_slot **ret)
{
    struct arena arena;
    struct container c = { 0 };
    arena_init(&arena, CONTAINER_BYTES_MAX);
    int r = json.n > JSON_MAX ? -EINVAL : container_from_json(json, &c, &arena);
    if (r < 0) {
        arena_done(&arena);
        state->stats.containers_refused++;
        return r;
    }
    return container_put(state, &c, &arena, ret);
}

int state_name_container(struct state *state, struct str made, struct str id)
{
    made = container_short_id(made);
    id = container_short_id(id);
    if (made.n == 0 || id.n == 0 || str_eq(made, id)) {
        return -EINVAL;
    }
    struct container_slot *real = container_get(state, id);
    if (real && !str_eq(real->c.id, id)) {
        return -EINVAL;
    }
    struct container c = { .id = made, .pending = true, .true_id = id };
    int r = real ? state_add_container(state, &c) : -ENOSPC;
    struct container_slot *slot = r == 0 ? container_find(state, made) : NULL;
    while (slot && slot->first_task) {
        struct task *task = slot->first_task;
        task_set_container(task, real);
        task_changed(task, VOLATILE_CONTAINER);
        task_changed(task, VOLATILE_CRED);
    }
    return r;
}

/* Tasks in it keep it, without metadata. */
int state_remove_container(struct state *state, struct str id)
{
    struct container_slot *slot = container_find(state, id);
    if (!slot) {
        return 0;
    }
    changed(state, slot);
    if (!slot->first_task) {
        slot_free(state, slot);
        return 0;
    }
    slot->c = (struct container){ .id = slot->c.id, .index = slot->c.index, .pending = true };
    return 0;
}
