/*
 * state_clone: births. A fork or clone is reported twice, by the caller (result: the child's id)
 * and by the child (result 0), in either order, and either may be missing. The first report makes
 * the child, from the caller where it is known; the second changes nothing. Within a PID namespace
 * the caller's result is not an id of ours, so that only the child's report counts.
 *
 * Layouts: each kind's columns of the parameters that moved as the format grew; -1: not there.
 */
#include "event/state_internal.h"

#define STALE_NS UINT64_C(2000000000) /* an older birth of the same id is another task */

enum layout { LAYOUT_11, LAYOUT_16, LAYOUT_17, LAYOUT_20 };

struct columns {
    int8_t vm, comm, cgroups, flags, uid, gid, vtid, vpid, pidns_ts;
};

static const struct columns columns[] = {
    [LAYOUT_11] = { -1, -1, -1, 8, 9, 10, -1, -1, -1 },
    [LAYOUT_16] = { 8, -1, -1, 13, 14, 15, -1, -1, -1 },
    [LAYOUT_17] = { 8, 13, -1, 14, 15, 16, -1, -1, -1 },
    [LAYOUT_20] = { 8, 13, 14, 15, 16, 17, 18, 19, 20 },
};

struct birth {
    struct str exe, args, comm, cgroups, cwd;
    int64_t pid, ptid, fdlimit, vtid, vpid;
    uint32_t flags;
    bool is_vfork;
};

static const struct columns *columns_of(uint16_t kind)
{
    switch (kind) {
    case KIND_CLONE_11_X:
        return &columns[LAYOUT_11];
    case KIND_CLONE_16_X:
    case KIND_FORK_X:
    case KIND_VFORK_X:
        return &columns[LAYOUT_16];
    case KIND_CLONE_17_X:
    case KIND_FORK_17_X:
    case KIND_VFORK_17_X:
        return &columns[LAYOUT_17];
    default:
        return &columns[LAYOUT_20];
    }
}

static struct str text_at(const struct event *event, int i)
{
    return i < 0 ? (struct str){ 0 } : event_text(event, (unsigned)i);
}

static int64_t i64_at(const struct event *event, int i, int64_t missing)
{
    return i < 0 ? missing : event_i64(event, (unsigned)i, missing);
}

static struct birth birth_of(const struct event *event, const struct columns *at)
{
    struct birth b = {
        .exe = event_text(event, 1),
        .args = event_param(event, 2),
        .comm = text_at(event, at->comm),
        .cgroups = at->cgroups < 0 ? (struct str){ 0 } : event_param(event, (unsigned)at->cgroups),
        .cwd = event_text(event, 6),
        .pid = event_i64(event, 4, event->tid),
        .ptid = event_i64(event, 5, -1),
        .fdlimit = event_i64(event, 7, -1),
        .vtid = i64_at(event, at->vtid, -1),
        .vpid = i64_at(event, at->vpid, -1),
        .flags = (uint32_t)i64_at(event, at->flags, 0),
    };
    if (b.comm.n == 0) {
        b.comm = b.exe;
    }
    b.is_vfork = event->kind == KIND_VFORK_X || event->kind == KIND_VFORK_17_X ||
                 event->kind == KIND_VFORK_20_X;
    return b;
}

static bool is_image_of(const struct image *image, const struct birth *b)
{
    return str_eq(image->comm, b->comm) && str_eq(image->exe, b->exe) &&
           str_eq(image->args, b->args);
}

/* The image with what the event says of the caller; a shared one when nothing differs. */
static struct image *image_after(struct state *state, struct image *image, const struct birth *b)
{
    if ((b->comm.n == 0 && b->exe.n == 0) || is_image_of(image, b)) {
        return image_ref(image);
    }
    struct image_text text = {
        .comm = b->comm,
        .exe = b->exe,
        .args = b->args,
        .exepath = image->exepath,
        .env = image->env,
    };
    return image_new(&state->ledger, &text, image);
}

static void take_ids(struct state *state, const struct task *from, struct task *to)
{
    task_set_sid(state, to, from->t.sid);
    to->t.vpgid = from->t.vpgid;
    to->t.pgid = from->t.pgid;
    to->t.tty = from->t.tty;
    to->t.loginuid = from->t.loginuid;
    to->t.uid = from->t.uid;
    to->t.gid = from->t.gid;
    to->t.cap_permitted = from->t.cap_permitted;
    to->t.cap_effective = from->t.cap_effective;
    to->t.cap_inheritable = from->t.cap_inheritable;
    to->t.fdlimit = from->t.fdlimit;
    to->t.pidns_init_start_ts_ns = from->t.pidns_init_start_ts_ns;
    to->t.cwd = to == to->main ? shared_str_ref(from->main->t.cwd) : NULL;
    to->t.cgroups = shared_str_ref(from->t.cgroups);
    task_set_container(to, (struct container_slot *)from->t.container);
}

static void take_fds(struct state *state, const struct task *from, struct task *to, uint32_t flags)
{
    if (to->main != to) {
        to->t.fds = fds_ref(to->main->t.fds);
    } else if (from && (flags & CL_FILES)) {
        to->t.fds = fds_ref(from->t.fds);
    } else {
        to->t.fds = fds_fork(from ? from->t.fds : NULL);
    }
    state->stats.out_of_memory += !to->t.fds;
}

static void take_event(struct state *state, struct task *child, const struct event *event,
                       const struct birth *b)
{
    const struct columns *at = columns_of(event->kind);
    struct thread *t = &child->t;
    t->fdlimit = b->fdlimit >= 0 ? b->fdlimit : t->fdlimit;
    if (at->vm >= 0) {
        t->pfmajor = event_u64(event, (unsigned)at->vm, 0);
        t->pfminor = event_u64(event, (unsigned)at->vm + 1, 0);
        t->vmsize_kb = event_u64(event, (unsigned)at->vm + 2, 0);
        t->vmrss_kb = event_u64(event, (unsigned)at->vm + 3, 0);
        t->vmswap_kb = event_u64(event, (unsigned)at->vm + 4, 0);
    }
    t->uid = (uint32_t)event_u64(event, (unsigned)at->uid, t->uid);
    t->gid = (uint32_t)event_u64(event, (unsigned)at->gid, t->gid);
    if (at->pidns_ts >= 0) {
        t->pidns_init_start_ts_ns =
            event_u64(event, (unsigned)at->pidns_ts, t->pidns_init_start_ts_ns);
    }
    state_set_cgroups(state, child, b->cgroups);
    if (b->cwd.n > 0 && b->cwd.p[0] == '/') {
        task_set_cwd(state, child, b->cwd);
    }
}

/* Does this id belong to the group of the very task that gives birth? Then events were lost or made
 * up, and there is no telling which. */
static bool is_own_group(const struct state *state, int64_t tid, const struct task *from)
{
    const struct task *old = task_find(state, tid);
    return old && from && (old == from || old == from->main);
}

/* `from`: whose copy the child is; NULL unknown. */
static struct task *child_new(struct state *state, int64_t tid, const struct event *event,
                              struct task *from, const struct birth *b)
{
    int64_t pid = b->flags & CL_THREAD ? b->pid : tid;
    if (is_own_group(state, tid, from)) {
        return NULL;
    }
    if (from) {
        from->main->pinned = true;
    }
    struct task *child = task_new(state, tid, pid, event->ts_ns);
    if (from) {
        from->main->pinned = false;
    }
    if (!child) {
        return NULL;
    }
    if (from) {
        take_ids(state, from, child);
    }
    take_fds(state, from, child, b->flags);
    task_set_image(state, child, image_after(state, from ? from->t.image : state->nobody, b));
    take_event(state, child, event, b);
    child->t.exec_ts_ns = from && (b->flags & CL_THREAD) ? from->t.exec_ts_ns : 0;
    return child;
}

static int64_t process_of(const struct state *state, int64_t tid)
{
    struct task *task = task_find(state, tid);
    return task ? task->t.pid : tid;
}

/* Is the task with this id the one being born now? */
static bool is_born(const struct state *state, const struct task *task)
{
    return task && task->t.clone_ts_ns && !(task->t.flags & THREAD_INVALID) &&
           state->now_ns - task->t.clone_ts_ns < STALE_NS;
}

/* A leader known only from its events learns from its new thread. */
static void leader_learns(struct state *state, struct task *leader, const struct birth *b)
{
    leader->t.flags &= ~(uint32_t)THREAD_INVALID;
    leader->t.vpid = leader->t.vtid = b->vpid >= 0 ? b->vpid : leader->t.pid;
    if (b->ptid >= 0) {
        task_set_parent(state, leader, process_of(state, b->ptid));
    }
    task_set_image(state, leader, image_after(state, leader->t.image, b));
    task_changed_all(leader);
    state->epoch++;
}

static void child_reports(struct state *state, struct event *event, struct birth *b)
{
    struct task *task = task_find(state, event->tid);
    if (is_born(state, task) && !(task->t.flags & THREAD_EXITED)) {
        return;
    }
    event->thread = NULL;
    event->fd = NULL;
    struct task *from = task_find(state, b->flags & CL_THREAD ? b->pid : b->ptid);
    bool is_thread = b->flags & CL_THREAD;
    if (from && (from->t.tid == event->tid || (is_thread && from->main != from) ||
                 (!is_thread && (from->t.flags & THREAD_INVALID)))) {
        from = NULL;
    }
    if (from && (from->t.flags & THREAD_INVALID)) {
        leader_learns(state, from, b);
    }
    struct task *child = child_new(state, event->tid, event, from, b);
    if (!child) {
        return;
    }
    child->t.vtid = b->vtid >= 0 ? b->vtid : child->t.tid;
    child->t.vpid = b->vpid >= 0 ? b->vpid : child->t.pid;
    if (b->ptid >= 0) {
        task_set_parent(state, child, process_of(state, b->ptid));
    }
    event->thread = &child->t;
    state->last_tid = event->tid;
    state->last_task = child;
}

/* A caller known only from its events learns who it is. */
static void caller_learns(struct state *state, struct task *caller, const struct birth *b)
{
    caller->t.flags &= ~(uint32_t)THREAD_INVALID;
    caller->t.vtid = b->vtid >= 0 ? b->vtid : caller->t.tid;
    caller->t.vpid = b->vpid >= 0 ? b->vpid : caller->t.pid;
    if (b->ptid >= 0) {
        task_set_parent(state, caller, process_of(state, b->ptid));
    }
    task_changed_all(caller);
    state->epoch++;
}

/* Its comm, exe and arguments may have changed since (prctl, writes to its stack). */
static void caller_refresh(struct state *state, struct task *caller, const struct birth *b)
{
    struct image *image = image_after(state, caller->t.image, b);
    if (image == caller->t.image) {
        image_unref(image);
        return;
    }
    task_set_image(state, caller, image);
    task_changed(caller, VOLATILE_EXEC);
    task_changed(caller, VOLATILE_LINEAGE);
    state->epoch += task_is_seen(state, caller);
}

static void caller_reports(struct state *state, struct task *caller, struct event *event,
                           struct birth *b, int64_t child_tid)
{
    if (!caller) {
        return;
    }
    if (caller->t.flags & THREAD_INVALID) {
        caller_learns(state, caller, b);
    }
    caller_refresh(state, caller, b);
    if ((b->flags & (CL_CHILD_IN_PIDNS | CL_NEWPID | CL_PARENT)) ||
        caller->t.tid != caller->t.vtid || b->is_vfork) {
        return;
    }
    if (is_born(state, task_find(state, child_tid)) || child_tid == caller->t.tid) {
        return;
    }
    struct birth of_child = *b;
    of_child.pid = caller->t.pid;
    struct task *child = child_new(state, child_tid, event, caller, &of_child);
    if (!child) {
        return;
    }
    child->t.vtid = child->t.tid;
    child->t.vpid = child->t.pid;
    task_set_parent(state, child, b->flags & CL_THREAD ? caller->main->t.ptid : caller->t.pid);
}

static void clone_exit(struct state *state, struct task *task, struct event *event)
{
    int64_t res = event_i64(event, 0, -1);
    if (res < 0) {
        return;
    }
    struct birth b = birth_of(event, columns_of(event->kind));
    if (res == 0) {
        child_reports(state, event, &b);
        return;
    }
    if (!task) {
        task = task_make_up(state, event->tid);
        event->thread = task ? &task->t : NULL;
        state->last_tid = event->tid;
        state->last_task = task;
    }
    caller_reports(state, task, event, &b, res);
}

const struct handled state_clone_handlers[] = {
    { KIND_CLONE_11_X, clone_exit }, { KIND_CLONE_16_X, clone_exit },
    { KIND_CLONE_17_X, clone_exit }, { KIND_CLONE_20_X, clone_exit },
    { KIND_CLONE3_X, clone_exit },   { KIND_FORK_X, clone_exit },
    { KIND_FORK_17_X, clone_exit },  { KIND_FORK_20_X, clone_exit },
    { KIND_VFORK_X, clone_exit },    { KIND_VFORK_17_X, clone_exit },
    { KIND_VFORK_20_X, clone_exit }, { 0, NULL },
};
