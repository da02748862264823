/*
 * task: the table of threads: birth, links, end, eviction.
 *
 * A task is in the map by its id until it is removed or another takes over the id. Exited processes
 * stay for the grace time, in a queue ordered by their end; a main task also stays while its group
 * has other threads. A process without a known parent waits in a list under the parent's id; the
 * list is adopted when a task with that id appears, unless that was born later than the child.
 *
 * Room is made by removing the process that exited first, else the least recently active one of
 * EVICTION_SAMPLE tasks from a moving hand (exact for small tables, approximate for large ones). One
 * goes for each that comes, too, while nearly all memory that the state may use is in use.
 *
 * Invariants: task->main is never NULL and in the table; generations of an index only grow, across
 * reuse too (`past`).
 */
#include "event/state_internal.h"

#include <errno.h>
#include <stdlib.h>

#define EVICTION_SAMPLE 64
#define START_SLACK_NS  UINT64_C(20000000) /* /proc counts in hundredths of a second */

void task_changed(struct task *task, enum volatility volatility)
{
    task->t.generation[volatility] = ++task->t.generations;
}

void task_changed_all(struct task *task)
{
    task->t.generations++;
    for (unsigned i = 0; i < VOLATILE_COUNT; i++) {
        task->t.generation[i] = task->t.generations;
    }
}

static uint64_t *sid_word(struct state *state, int64_t id, uint64_t *ret_bit)
{
    uint64_t i = (uint64_t)id % SID_BITS;
    *ret_bit = UINT64_C(1) << i % 64;
    return &state->sids[i / 64];
}

void task_set_sid(struct state *state, struct task *task, int64_t sid)
{
    uint64_t bit;
    uint64_t *word = sid_word(state, sid, &bit);
    task->t.sid = sid;
    *word |= bit;
}

static bool may_be_sid(struct state *state, int64_t id)
{
    uint64_t bit;
    const uint64_t *word = sid_word(state, id, &bit);
    return *word & bit;
}

/* Others look at a task as at a process' main task (its children, and their threads; its own threads,
 * at level 0 of their ancestry), and as at the task with the number of their session. */
bool task_is_seen(struct state *state, const struct task *task)
{
    return (task->main == task && (task->first_child || task->first_thread)) ||
           may_be_sid(state, task->t.tid);
}

struct task *task_find(const struct state *state, int64_t tid)
{
    return map_get(&state->by_tid, (uint64_t)tid);
}

static void children_link(struct task **list, struct task *task)
{
    task->prev_sibling = NULL;
    task->next_sibling = *list;
    if (*list) {
        (*list)->prev_sibling = task;
    }
    *list = task;
}

/* The head of a list stays its head while it waits, so that only a new list needs memory. */
static void waiting_add(struct state *state, struct task *task)
{
    struct task *head = map_get(&state->waiting, (uint64_t)task->t.ptid);
    if (!head && map_put(&state->waiting, (uint64_t)task->t.ptid, task) < 0) {
        state->stats.out_of_memory++; /* will not be adopted */
        return;
    }
    task->waiting = true;
    if (head) {
        task->prev_sibling = head;
        task->next_sibling = head->next_sibling;
        if (head->next_sibling) {
            head->next_sibling->prev_sibling = task;
        }
        head->next_sibling = task;
    }
}

static void waiting_remove(struct state *state, struct task *task)
{
    if (task->prev_sibling) {
        task->prev_sibling->next_sibling = task->next_sibling;
    } else {
        map_remove(&state->waiting, (uint64_t)task->t.ptid);
        if (task->next_sibling) { /* into the room just made: cannot fail */
            map_put(&state->waiting, (uint64_t)task->t.ptid, task->next_sibling);
        }
    }
    if (task->next_sibling) {
        task->next_sibling->prev_sibling = task->prev_sibling;
    }
    task->waiting = false;
    task->next_sibling = task->prev_sibling = NULL;
}

static void parent_unlink(struct state *state, struct task *task)
{
    if (task->waiting) {
        waiting_remove(state, task);
    }
    if (!task->parent) {
        return;
    }
    if (task->prev_sibling) {
        task->prev_sibling->next_sibling = task->next_sibling;
    } else {
        task->parent->first_child = task->next_sibling;
    }
    if (task->next_sibling) {
        task->next_sibling->prev_sibling = task->prev_sibling;
    }
    task->next_sibling = task->prev_sibling = NULL;
    task->parent->t.nchildren--;
    task->parent = NULL;
}

static void parent_link(struct task *task, struct task *parent)
{
    task->parent = parent;
    children_link(&parent->first_child, task);
    parent->t.nchildren++;
}

/* A later birth than the child's: the id was reused, this is not its parent. */
static bool born_after(const struct task *parent, const struct task *child)
{
    return parent->t.clone_ts_ns && child->t.clone_ts_ns &&
           parent->t.clone_ts_ns > child->t.clone_ts_ns + START_SLACK_NS;
}

void task_set_parent(struct state *state, struct task *task, int64_t ptid)
{
    struct task *main = task->main;
    task->t.ptid = ptid;
    if (task != main) {
        return;
    }
    parent_unlink(state, main);
    main->t.ptid = ptid;
    struct task *parent = ptid > 0 ? task_find(state, ptid) : NULL;
    if (parent && parent->main != main && !born_after(parent->main, main)) {
        parent_link(main, parent->main);
    } else if (ptid > 0 && ptid != main->t.tid) {
        waiting_add(state, main);
    }
}

/* The children that wait for a task of this id. */
static void adopt(struct state *state, struct task *task)
{
    struct task *next = map_remove(&state->waiting, (uint64_t)task->t.tid);
    bool any = false;
    while (next) {
        struct task *child = next;
        next = child->next_sibling;
        child->waiting = false;
        child->next_sibling = child->prev_sibling = NULL;
        if (child != task->main && !born_after(task->main, child)) {
            parent_link(child, task->main);
            task_changed(child, VOLATILE_LINEAGE);
            any = true;
        }
    }
    state->epoch += any;
}

static void queue_add(struct state *state, struct task *task)
{
    task->queued = true;
    task->next_exited = NULL;
    task->prev_exited = state->last_exited;
    if (state->last_exited) {
        state->last_exited->next_exited = task;
    } else {
        state->first_exited = task;
    }
    state->last_exited = task;
}

static void queue_remove(struct state *state, struct task *task)
{
    if (!task->queued) {
        return;
    }
    *(task->prev_exited ? &task->prev_exited->next_exited : &state->first_exited) =
        task->next_exited;
    *(task->next_exited ? &task->next_exited->prev_exited : &state->last_exited) =
        task->prev_exited;
    task->next_exited = task->prev_exited = NULL;
    task->queued = false;
}

static void group_link(struct task *task, struct task *main)
{
    task->main = main;
    task->next_thread = main->first_thread;
    if (main->first_thread) {
        main->first_thread->prev_thread = task;
    }
    main->first_thread = task;
    main->t.nthreads++;
}

static void group_unlink(struct task *task)
{
    struct task *main = task->main;
    if (task->prev_thread) {
        task->prev_thread->next_thread = task->next_thread;
    } else {
        main->first_thread = task->next_thread;
    }
    if (task->next_thread) {
        task->next_thread->prev_thread = task->prev_thread;
    }
    task->next_thread = task->prev_thread = NULL;
    main->t.nthreads--;
}

void task_set_image(struct state *state, struct task *task, struct image *image)
{
    if (!image) {
        state->stats.out_of_memory++;
        image = image_ref(state->nobody);
    }
    image_unref(task->t.image);
    task->t.image = image;
}

static void release(struct state *state, struct task *task)
{
    fds_unref(state, task->t.fds);
    task->t.fds = NULL;
    ledger_free(task->call.data);
    task->call = (struct thread_call){ .kind = NO_CALL, .fd = -1 };
}

static void unmap(struct state *state, struct task *task)
{
    if (task->mapped) {
        map_remove(&state->by_tid, (uint64_t)task->t.tid);
        task->mapped = false;
    }
    if (state->last_task == task) {
        state->last_task = NULL;
        state->last_tid = -1;
    }
}

static void slot_free(struct state *state, struct task *task)
{
    uint32_t index = task->t.index;
    release(state, task);
    task_set_container(task, NULL);
    image_unref(task->t.image);
    shared_str_unref(task->t.cwd);
    shared_str_unref(task->t.cgroups);
    state->past[index] = (struct past){ task->t.serial, task->t.generations };
    if (state->ending == task) {
        state->ending = NULL;
    }
    task->used = false;
    slab_give(&state->tasks, index);
}

/* Children of a process that leaves the tables: of an exited one they keep the parent's id only; of
 * an evicted one they wait for it to show up again. */
static void children_release(struct state *state, struct task *task)
{
    bool exited = task->t.flags & THREAD_EXITED;
    while (task->first_child) {
        struct task *child = task->first_child;
        parent_unlink(state, child);
        task_changed(child, VOLATILE_LINEAGE);
        if (!exited && child->t.ptid > 0) {
            waiting_add(state, child);
        }
    }
}

void task_remove(struct state *state, struct task *task)
{
    if (task->main != task) {
        state->epoch += task_is_seen(state, task);
        group_unlink(task);
        unmap(state, task);
        slot_free(state, task);
        return;
    }
    state->epoch += task_is_seen(state, task);
    while (task->first_thread) {
        task_remove(state, task->first_thread);
    }
    unmap(state, task);
    children_release(state, task);
    parent_unlink(state, task);
    queue_remove(state, task);
    slot_free(state, task);
}

/* Does its group hold a task that this event is about? */
static bool is_in_use(const struct state *state, const struct task *task)
{
    return task->main->pinned || (state->last_task && state->last_task->main == task->main) ||
           (state->ending && state->ending->main == task->main);
}

static struct task *sample_idle(struct state *state)
{
    struct task *idlest = NULL;
    uint32_t seen = 0;
    for (uint32_t i = 0; i < state->tasks.high && seen < EVICTION_SAMPLE; i++) {
        state->hand = state->hand + 1 < state->tasks.high ? state->hand + 1 : 0;
        struct task *task = slab_at(&state->tasks, state->hand);
        bool may_go = task->used && task != state->last_task && task != state->ending &&
                      (task != task->main || !is_in_use(state, task));
        if (!may_go) {
            continue;
        }
        seen++;
        if (!idlest || task->t.last_event_ts_ns < idlest->t.last_event_ts_ns) {
            idlest = task;
        }
    }
    return idlest;
}

static bool evict_one(struct state *state)
{
    struct task *victim = state->first_exited;
    while (victim && is_in_use(state, victim)) {
        victim = victim->next_exited;
    }
    victim = victim ? victim : sample_idle(state);
    if (!victim) {
        return false;
    }
    state->stats.threads_evicted += victim == victim->main ? victim->t.nthreads : 1;
    task_remove(state, victim);
    return true;
}

static int past_reserve(struct state *state)
{
    if (state->npast > state->tasks.high || state->tasks.free_head) {
        return 0;
    }
    uint32_t n = state->npast ? state->npast * 2 : SLAB_CHUNK;
    struct past *past = mem_resize(state->past, n, sizeof(*past));
    if (!past) {
        return -ENOMEM;
    }
    memset(past + state->npast, 0, (n - state->npast) * sizeof(*past));
    state->past = past;
    state->npast = n;
    return 0;
}

static struct task *slot_take(struct state *state)
{
    uint32_t index;
    bool is_full = state->tasks.count == state->tasks.capacity;
    bool is_heavy = state->ledger.used > state->ledger.limit - state->ledger.limit / 8;
    if ((is_full || is_heavy) && !evict_one(state) && is_full) {
        return NULL;
    }
    struct task *task = past_reserve(state) < 0 ? NULL : slab_take(&state->tasks, &index);
    if (!task) {
        return NULL;
    }
    task->used = true;
    task->t.index = index;
    task->t.serial = state->past[index].serial + 1;
    task->t.generations = state->past[index].generations;
    task_changed_all(task);
    return task;
}

static void task_init(struct state *state, struct task *task, int64_t tid, int64_t pid)
{
    task->main = task;
    task->reaper = -1;
    task->call = (struct thread_call){ .kind = NO_CALL, .fd = -1 };
    task->t.image = image_ref(state->nobody);
    task->t.tid = task->t.vtid = tid;
    task->t.pid = task->t.vpid = pid;
    task->t.ptid = task->t.sid = task->t.vpgid = task->t.pgid = task->t.fdlimit = -1;
    task->t.uid = task->t.gid = UINT32_MAX;
    task->t.loginuid = -1;
    task->t.call = &task->call;
    task->t.nthreads = 1;
    task->t.last_event_ts_ns = state->now_ns;
}

static struct task *slot_new(struct state *state, int64_t tid, int64_t pid)
{
    struct task *task = slot_take(state);
    if (!task) {
        state->stats.out_of_memory++;
        return NULL;
    }
    task_init(state, task, tid, pid);
    struct task *old = task_find(state, tid);
    if (old) {
        unmap(state, old);
    }
    if (map_put(&state->by_tid, (uint64_t)tid, task) < 0) {
        slot_free(state, task);
        state->stats.out_of_memory++;
        return NULL;
    }
    task->mapped = true;
    state->epoch += may_be_sid(state, tid);
    return task;
}

struct task *task_new_herald(struct state *state)
{
    struct task *task = slot_take(state);
    if (!task) {
        state->stats.out_of_memory++;
        return NULL;
    }
    task_init(state, task, -1, -1);
    task->pinned = true;
    task->t.flags |= THREAD_MAIN | THREAD_INVALID;
    task->t.ptid = 0;
    task->t.uid = task->t.gid = 0;
    return task;
}

/* What had this id until now: its exit was missed, or it is graced. */
static void retire(struct state *state, int64_t tid)
{
    struct task *old = task_find(state, tid);
    if (!old) {
        return;
    }
    if (old != old->main || !(old->t.flags & THREAD_EXITED) || old->first_thread) {
        task_remove(state, old);
    }
}

/* The main task of a new thread; pinned. */
static struct task *group_of(struct state *state, int64_t pid)
{
    struct task *main = task_find(state, pid);
    if (main && main->main != main) {
        task_remove(state, main);
        main = NULL;
    }
    main = main ? main : task_make_up(state, pid);
    if (main) {
        main->pinned = true;
    }
    return main;
}

struct task *task_new(struct state *state, int64_t tid, int64_t pid, uint64_t clone_ts_ns)
{
    retire(state, tid);
    struct task *main = tid == pid ? NULL : group_of(state, pid);
    if (tid != pid && !main) {
        return NULL;
    }
    struct task *task = slot_new(state, tid, pid);
    if (main) {
        main->pinned = false;
    }
    if (!task) {
        return NULL;
    }
    task->t.clone_ts_ns = clone_ts_ns;
    if (main) {
        group_link(task, main);
        task->t.nthreads = 0;
    } else {
        task->t.flags |= THREAD_MAIN;
    }
    adopt(state, task);
    return task;
}

struct task *task_make_up(struct state *state, int64_t tid)
{
    struct task *task = slot_new(state, tid, tid);
    if (!task) {
        return NULL;
    }
    task->t.flags |= THREAD_MAIN | THREAD_INVALID;
    task->t.fds = fds_new();
    state->stats.out_of_memory += !task->t.fds;
    adopt(state, task);
    return task;
}

static void reparent(struct state *state, struct task *task)
{
    struct task *reaper = task->reaper > 0 ? task_find(state, task->reaper) : NULL;
    if (task->reaper <= 0 || task->reaper == task->t.tid) {
        return;
    }
    while (task->first_child) {
        struct task *child = task->first_child;
        task_set_parent(state, child, reaper ? reaper->main->t.pid : task->reaper);
        if (child->parent == task) {
            return;
        }
        task_changed(child, VOLATILE_LINEAGE);
    }
}

void task_end(struct state *state, struct task *task)
{
    struct task *main = task->main;
    if (task != main) {
        task_remove(state, task);
        task = main;
        if (!(main->t.flags & THREAD_EXITED) || main->first_thread) {
            return;
        }
    } else if (task->t.flags & THREAD_EXITED) {
        return;
    } else {
        state->epoch += task_is_seen(state, task);
        reparent(state, task);
    }
    task->t.flags |= THREAD_EXITED;
    task->t.exit_ts_ns = state->now_ns;
    task_changed_all(task);
    if (!task->first_thread && !task->queued) {
        release(state, task);
        queue_add(state, task);
    }
}

void task_revive(struct state *state, struct task *task)
{
    task->t.flags &= ~(uint32_t)THREAD_EXITED;
    task->t.exit_ts_ns = 0;
    queue_remove(state, task);
    if (!task->t.fds) {
        task->t.fds = fds_new();
        state->stats.out_of_memory += !task->t.fds;
    }
}

void tasks_reap(struct state *state, uint64_t now_ns)
{
    struct task *task = state->first_exited;
    while (task && task->t.exit_ts_ns + state->config.exit_grace_ns < now_ns) {
        struct task *next = task->next_exited;
        if (!is_in_use(state, task)) {
            task_remove(state, task);
        }
        task = next;
    }
}

int tasks_init(struct state *state)
{
    struct image_text nothing = { .comm = STR("<NA>"), .exe = STR("<NA>") };
    slab_init(&state->tasks, sizeof(struct task), state->config.threads_max);
    state->nobody = image_new(&state->ledger, &nothing, NULL);
    return state->nobody ? 0 : -ENOMEM;
}

void tasks_done(struct state *state)
{
    for (uint32_t i = 0; i < state->tasks.high; i++) {
        struct task *task = slab_at(&state->tasks, i);
        if (task->used) {
            slot_free(state, task);
        }
    }
    slab_done(&state->tasks);
    free(state->past);
    map_done(&state->by_tid);
    map_done(&state->waiting);
    image_unref(state->nobody);
}
