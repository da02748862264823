/*
 * Processes: exec is stopped before the new image's first instruction, a child is held until the state
 * knows it, so every later event finds its process, its executable and its ancestors in place.
 *
 * A fork's child has what its parent has: its event is made of the parent's state and the child's own ids.
 * Tasks that came about unseen (their parent was being traced, or they were there before) are read from
 * /proc when they make their first call, unknown ancestors first.
 */
#include "sensor/notify/notify_internal.h"

#include "base/clock.h"
#include "sensor/live/birth.h"
#include "sensor/live/flags.h"
#include "sensor/notify/stdio.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <unistd.h>

#define COMM_MAX 15

static void sink_made(struct receiver *r, struct made_event *made)
{
    struct notify *n = r->notify;
    n->stats.events++;
    n->config.sink.event(n->config.sink.data, &made->event);
}

/* Under the lock: what the task is known by from now on. */
static void learn(struct receiver *r, const struct live_task *task)
{
    struct notify *n = r->notify;
    const struct thread *thread = state_thread(n->config.state, task->tid);
    if (!thread) {
        return;
    }
    tracked_learn(n, thread, task);
    if (task->tid == task->pid) {
        n->config.sink.met(n->config.sink.data, thread);
        exits_watch(n->exits, task->pid);
    }
    if (task->tid == r->slot->notif.pid) {
        const struct tracked *tracked = tracked_of(n, thread);
        if (tracked) {
            r->target = tracked->target;
            r->raceable = tracked_is_raceable(n, thread);
        }
    }
}

static bool is_known(void *receiver, int64_t tid)
{
    const struct receiver *r = receiver;
    struct notify *n = r->notify;
    pthread_mutex_lock(n->lock);
    const struct thread *thread = state_thread(n->config.state, tid);
    bool known = thread && !(thread->flags & (THREAD_EXITED | THREAD_INVALID));
    pthread_mutex_unlock(n->lock);
    return known;
}

static void discover_one(struct receiver *r, int64_t tid, bool known)
{
    struct notify *n = r->notify;
    if (live_task_read(r->task, tid, LIVE_ALL) < 0) {
        return;
    }
    n->config.sink.prepare(n->config.sink.data, r->task->pid);
    pthread_mutex_lock(n->lock);
    const struct thread *thread = state_thread(n->config.state, tid);
    if (!known && (!thread || thread->flags & (THREAD_EXITED | THREAD_INVALID))) {
        event_of_discovery(r->task, clock_real_ns(), &r->made);
        sink_made(r, &r->made);
        tracked_shares_unseen(n, r->task->pid);
    }
    learn(r, r->task);
    pthread_mutex_unlock(n->lock);
}

void flow_discover(struct receiver *r, int64_t tid)
{
    int64_t unknown[LIVE_UNKNOWN_MAX];
    r->target = (struct target){ .tid = tid, .pid = tid };
    r->raceable = true;
    if (is_known(r, tid)) {
        discover_one(r, tid, true);
        return;
    }
    for (unsigned n = live_unknown(r->task, tid, is_known, r, unknown); n > 0;) {
        discover_one(r, unknown[--n], false);
    }
}

static struct call_outcome exec_outcome(struct receiver *r, int64_t result, uint8_t outcome)
{
    return (struct call_outcome){
        .result = result,
        .outcome = outcome,
        .exact = outcome == OUTCOME_REPORTED,
        .at = r->at,
        .ts_ns = clock_real_ns(),
    };
}

static struct str base_name(struct str path)
{
    const char *slash = path.n ? memrchr(path.p, '/', path.n) : NULL;
    size_t skip = slash ? (size_t)(slash - path.p) + 1 : 0;
    return str_from(path.p + skip, path.n - skip);
}

/* What will come of it, and of which file: once. */
static int64_t foresee_exec(struct receiver *r)
{
    if (!r->foreseen) {
        r->foreseen = true;
        r->expected = predict(r->resolver, &r->target, &r->args, r->at);
    }
    return r->expected;
}

/* The thread as it will be after this exec. */
static int imagine_exec(struct receiver *r)
{
    foresee_exec(r);
    struct live_task *task = r->task;
    int e = live_task_read(task, r->args.tid, LIVE_ALL & ~(unsigned)LIVE_ENV);
    if (e < 0) {
        return e;
    }
    struct resolved *at = &r->at[0];
    task->argv = r->args.argv;
    task->env = r->args.env;
    task->exepath = at->path.n ? at->path : r->args.path[0];
    task->comm = str_first(base_name(r->args.path[0].n ? r->args.path[0] : at->path), COMM_MAX);
    task->exe_facts = (struct image){ .exe_ino = at->ino,
                                      .exe_ino_mtime_ns = at->mtime_ns,
                                      .exe_ino_ctime_ns = at->ctime_ns,
                                      .exe_upper_layer = at->upper_layer,
                                      .exe_lower_layer = at->lower_layer,
                                      .exe_known = at->ino != 0 };
    return 0;
}

static void emit_exec(struct receiver *r, struct call_outcome outcome)
{
    struct notify *n = r->notify;
    event_of_exec(&r->args, &outcome, r->task, &r->made);
    pthread_mutex_lock(n->lock);
    sink_made(r, &r->made);
    pthread_mutex_unlock(n->lock);
}

/* Under the lock. Does the state say all there is about its ids? NULL: they may differ inside. */
static const struct thread *plain_thread(struct receiver *r)
{
    const struct thread *t = state_thread(r->notify->config.state, r->args.tid);
    const struct tracked *tracked = t ? tracked_of(r->notify, t) : NULL;
    bool plain = tracked && tracked->known && !tracked->stale && !tracked->nests &&
                 t->tid == t->vtid && t->pid == t->vpid && !(t->flags & THREAD_INVALID);
    return plain ? t : NULL;
}

/* Ids of a child that differ from its parent's by its own number alone. */
static bool ids_from_state(struct receiver *r, int64_t child)
{
    struct notify *n = r->notify;
    uint64_t flags = r->args.clone_flags;
    pthread_mutex_lock(n->lock);
    const struct thread *t =
        flags & (CLONE_NEWPID | CLONE_NEWUSER | CLONE_PARENT) ? NULL : plain_thread(r);
    if (t) {
        live_birth_ids(t, child, flags, r->task, r->other);
    }
    pthread_mutex_unlock(n->lock);
    return t != NULL;
}

/* Nothing of the thread has changed since the state learnt it. */
static bool emit_from_state(struct receiver *r, const struct call_outcome *outcome)
{
    struct notify *n = r->notify;
    pthread_mutex_lock(n->lock);
    const struct thread *t = plain_thread(r);
    if (t) {
        live_birth_ids(t, t->tid, 0, r->task, r->other);
        live_birth_inherit(r->task, n->config.state, t);
        event_of_exec(&r->args, outcome, r->task, &r->made);
        sink_made(r, &r->made);
    }
    pthread_mutex_unlock(n->lock);
    return t != NULL;
}

/* It will fail, or did: the thread stays what it is. */
static void emit_failed_exec(struct receiver *r, struct call_outcome outcome)
{
    foresee_exec(r);
    if (emit_from_state(r, &outcome)) {
        return;
    }
    receiver_slow(r);
    if (live_task_read(r->task, r->args.tid, LIVE_ALL) == 0) {
        emit_exec(r, outcome);
    }
}

/* Is the file there, as this process sees it? Then the kernel will tell the rest. */
static bool is_there(struct receiver *r)
{
    struct str path = r->args.path[0];
    if (r->args.call->name != NAME_execve || path.n == 0 || path.p[0] != '/' || r->raceable ||
        notify_denies(r->notify) || r->root == 0 || r->root != r->notify->own_root) {
        return false;
    }
    return access(path.p, F_OK) == 0;
}

static bool refuse_exec(struct receiver *r)
{
    struct notify *n = r->notify;
    if (!notify_denies(n) || imagine_exec(r) < 0) {
        return false;
    }
    struct call_outcome outcome = exec_outcome(r, 0, OUTCOME_PREDICTED);
    event_of_exec(&r->args, &outcome, r->task, &r->made);
    pthread_mutex_lock(n->lock);
    enum verdict verdict = n->config.sink.preview(n->config.sink.data, &r->made.event);
    pthread_mutex_unlock(n->lock);
    if (verdict == VERDICT_DENY) {
        flow_refuse(r);
    }
    return verdict == VERDICT_DENY;
}

/* Under the lock: an exec leaves the root as it is. */
static void keep_root(struct receiver *r)
{
    const struct thread *thread = state_thread(r->notify->config.state, r->target.pid);
    struct tracked *tracked = thread ? tracked_of(r->notify, thread) : NULL;
    if (tracked) {
        flow_keep_places(r, tracked);
    }
}

/* Stopped at its exec's own stop. Returns what is to become of it. */
static enum verdict emit_new_image(struct receiver *r)
{
    struct notify *n = r->notify;
    enum verdict verdict = VERDICT_NONE;
    struct call_outcome outcome = exec_outcome(r, 0, OUTCOME_REPORTED);
    if (live_task_read(r->task, r->target.pid, LIVE_ALL | LIVE_FRESH) < 0) {
        return verdict;
    }
    if (r->task->exepath.n == 0) {
        foresee_exec(r);
    }
    stdio_learn(&(struct stdio_state){ n->config.state, n->lock }, r->target.pid);
    n->config.sink.prepare(n->config.sink.data, r->target.pid);
    event_of_exec(&r->args, &outcome, r->task, &r->made);
    pthread_mutex_lock(n->lock);
    n->stats.events++;
    n->stats.exact++;
    verdict = n->config.sink.event(n->config.sink.data, &r->made.event);
    tracked_left(n, r->task->pid);
    learn(r, r->task);
    keep_root(r);
    pthread_mutex_unlock(n->lock);
    return verdict;
}

/* The thread is being traced by someone else: what will run is what was found. */
static void exec_unseen(struct receiver *r)
{
    bool imagined = !r->args.unreadable && imagine_exec(r) == 0;
    if (receiver_answer(r, 0) < 0 || !imagined) {
        return;
    }
    emit_exec(r, exec_outcome(r, 0, OUTCOME_PREDICTED));
    flow_forget(r, r->target.pid);
}

void flow_exec(struct receiver *r)
{
    struct exact_result result;
    r->foreseen = false;
    flow_forget_found(r);
    int64_t expected = is_there(r) ? 0 : foresee_exec(r);
    if (expected < 0 && !r->at[0].unsure && !r->raceable) {
        struct call_outcome outcome = exec_outcome(r, expected, OUTCOME_PREDICTED);
        if (receiver_answer(r, 0) == 0) {
            emit_failed_exec(r, outcome);
        }
        return;
    }
    if (refuse_exec(r)) {
        return;
    }
    flow_run_exact(r, EXACT_AN_EXEC, &result);
    if (result.end == EXACT_REFUSED) {
        exec_unseen(r);
    } else if (result.end == EXACT_EXEC) {
        bool kill = emit_new_image(r) == VERDICT_DENY && notify_denies(r->notify);
        exact_release(r->notify->exact, (pid_t)r->target.pid, &result, kill);
    } else if (result.end == EXACT_RETURNED) {
        if (!result.restarts) {
            emit_failed_exec(r, exec_outcome(r, result.result, OUTCOME_REPORTED));
        }
        exact_release(r->notify->exact, (pid_t)r->args.tid, &result, false);
    }
}

static void track_child(struct receiver *r, const struct thread *parent, int64_t child)
{
    struct notify *n = r->notify;
    const struct thread *thread = state_thread(n->config.state, child);
    struct tracked *mine = tracked_of(n, parent);
    struct tracked *its = thread ? tracked_of(n, thread) : NULL;
    if (!mine || !its) {
        return;
    }
    uint64_t flags = r->args.clone_flags;
    its->target = mine->target;
    its->target.tid = child;
    its->target.pid = thread->pid;
    its->known = mine->known;
    its->nests = mine->nests;
    its->root = flags & CLONE_NEWNS ? 0 : mine->root;
    its->roots = mine->roots;
    its->cwd = mine->cwd;
    its->dirs = mine->dirs;
    tracked_born(n, parent, thread, flags);
    if (!(flags & CLONE_THREAD)) {
        exits_watch(n->exits, child);
    }
}

static void emit_fork(struct receiver *r, int64_t child)
{
    struct notify *n = r->notify;
    struct call_outcome outcome = exec_outcome(r, child, OUTCOME_REPORTED);
    outcome.at = NULL;
    bool alive = ids_from_state(r, child) || (live_task_read(r->other, child, LIVE_IDS) == 0 &&
                                              live_task_read(r->task, r->args.tid, LIVE_IDS) == 0);
    if (!alive) {
        return;
    }
    pthread_mutex_lock(n->lock);
    const struct thread *parent = state_thread(n->config.state, r->args.tid);
    if (r->other->tid == r->other->pid) {
        notify_process_ended(n, child, -1);
    }
    if (parent) {
        live_birth_inherit(r->task, n->config.state, parent);
        event_of_fork(&r->args, &outcome, r->task, &r->made);
        sink_made(r, &r->made);
        live_birth_inherit(r->other, n->config.state, parent);
        event_of_child(&r->args, r->other, outcome.ts_ns, &r->made);
        sink_made(r, &r->made);
        track_child(r, parent, child);
    }
    pthread_mutex_unlock(n->lock);
}

/* The caller's event as it would be, of a child that never was; the child's own is not asked about. */
static bool refuse_fork(struct receiver *r)
{
    struct notify *n = r->notify;
    enum verdict verdict = VERDICT_NONE;
    struct call_outcome outcome = exec_outcome(r, INT32_MAX, OUTCOME_PREDICTED);
    outcome.at = NULL;
    if (!notify_denies(n) ||
        (!ids_from_state(r, INT32_MAX) && live_task_read(r->task, r->args.tid, LIVE_IDS) < 0)) {
        return false;
    }
    pthread_mutex_lock(n->lock);
    const struct thread *parent = state_thread(n->config.state, r->args.tid);
    if (parent) {
        live_birth_inherit(r->task, n->config.state, parent);
        event_of_fork(&r->args, &outcome, r->task, &r->made);
        verdict = n->config.sink.preview(n->config.sink.data, &r->made.event);
    }
    pthread_mutex_unlock(n->lock);
    if (verdict == VERDICT_DENY) {
        flow_refuse(r);
    }
    return verdict == VERDICT_DENY;
}

/* There may be a child that was not stopped, and is not known. */
static void fork_unseen(struct receiver *r)
{
    struct notify *n = r->notify;
    pthread_mutex_lock(n->lock);
    if (r->args.clone_flags & CLONE_VM) {
        tracked_shares_unseen(n, r->target.pid);
    }
    pthread_mutex_unlock(n->lock);
}

void flow_fork(struct receiver *r)
{
    struct exact_result result;
    if (refuse_fork(r)) {
        return;
    }
    flow_run_exact(r, EXACT_A_CHILD, &result);
    bool failed = result.end == EXACT_RETURNED && !result.restarts && result.result < 0;
    if (result.end != EXACT_FORK && !failed) {
        fork_unseen(r);
    }
    if (result.end == EXACT_REFUSED) {
        receiver_answer(r, 0);
        return;
    }
    if (result.end == EXACT_FORK && result.child > 0) {
        emit_fork(r, result.child);
    }
    if (result.end != EXACT_GONE) {
        exact_release(r->notify->exact, (pid_t)r->args.tid, &result, false);
    }
}
