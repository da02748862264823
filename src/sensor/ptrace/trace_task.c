/*
 * Tasks: births, exec, ends.
 *
 * A child's first stop and its parent's come in either order. The child waits until its parent's stop has
 * told of it, unless no parent is about to: then (the parent was killed in between, or was in the middle of its fork when
 * it was seized) /proc tells. Exec is told at its own stop, before the new image's first instruction. Ends
 * are told when a task is on its way out, before its parent can know.
 *
 * The end of a first thread is that of its process: it is told when the last thread ends.
 */
#include "sensor/ptrace/ptrace_internal.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "sensor/live/birth.h"
#include "sensor/notify/stdio.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COMM_MAX 15

/* Under the lock. */
static void sink_made(struct ptrace *p)
{
    p->stats.events++;
    p->config.sink.event(p->config.sink.data, &p->made.event);
}

/* Under the lock. */
static const struct thread *known(const struct ptrace *p, int64_t tid)
{
    const struct thread *thread = state_thread(p->config.state, tid);
    return thread && !(thread->flags & (THREAD_EXITED | THREAD_INVALID)) ? thread : NULL;
}

static bool is_known(void *ptrace, int64_t tid)
{
    struct ptrace *p = ptrace;
    pthread_mutex_lock(p->config.lock);
    bool is = known(p, tid) != NULL;
    pthread_mutex_unlock(p->config.lock);
    return is;
}

/* Under the lock: a process is there to be looked at. */
static void meet(struct ptrace *p, int64_t pid)
{
    const struct thread *thread = known(p, pid);
    if (thread && thread->tid == thread->pid) {
        p->config.sink.met(p->config.sink.data, thread);
    }
}

/* Without the lock. */
static void prepare(struct ptrace *p, int64_t pid)
{
    if (p->config.sink.prepare) {
        p->config.sink.prepare(p->config.sink.data, pid);
    }
}

static void discover_one(struct ptrace *p, int64_t tid)
{
    if (live_task_read(p->task, tid, LIVE_ALL) < 0) {
        return;
    }
    prepare(p, p->task->pid);
    pthread_mutex_lock(p->config.lock);
    if (!known(p, tid)) {
        event_of_discovery(p->task, clock_real_ns(), &p->made);
        sink_made(p);
    }
    meet(p, tid);
    pthread_mutex_unlock(p->config.lock);
    struct tracee *t = tracee_get(p, (pid_t)tid);
    if (t) {
        tracee_learn(t, p->task);
    }
}

void trace_discover(struct ptrace *p, pid_t tid)
{
    int64_t unknown[LIVE_UNKNOWN_MAX];
    unsigned n = is_known(p, tid) ? 0 : live_unknown(p->task, tid, is_known, p, unknown);
    while (n > 0) {
        discover_one(p, unknown[--n]);
    }
}

void trace_relearn(struct ptrace *p, struct tracee *t)
{
    if (live_task_read(p->task, t->tid, LIVE_IDS) == 0) {
        tracee_learn(t, p->task);
    }
}

unsigned trace_threads(struct ptrace *p, pid_t pid, int64_t *ret_tids, unsigned max)
{
    char path[40];
    unsigned n = 0;
    snprintf(path, sizeof(path), "/proc/%d/task", pid);
    DIR *folder = opendir(path);
    const struct dirent *entry;
    while (folder && n < max && (entry = readdir(folder))) {
        long tid = strtol(entry->d_name, NULL, 10);
        if (tid > 0 && !tracee_get(p, (pid_t)tid)) {
            ret_tids[n++] = tid;
        }
    }
    if (folder) {
        closedir(folder);
    }
    return n;
}

/* Its first thread may be dead already, though the process lives. */
static struct tracee *first_of(struct ptrace *p, pid_t pid)
{
    struct tracee *first = tracee_get(p, pid);
    if (!first && (first = tracee_add(p, pid))) {
        first->told = first->ended = true;
    }
    return first;
}

void trace_adopt(struct ptrace *p, struct tracee *t, pid_t pid)
{
    t->told = true;
    t->pid = pid;
    struct tracee *first = t->tid != pid ? first_of(p, pid) : NULL;
    if (first) {
        first->siblings++;
        first->filtered = t->filtered;
    }
    if (!is_known(p, t->tid)) {
        discover_one(p, t->tid);
    }
    trace_relearn(p, t);
}

/* From the state where that is enough, else /proc. False: one of them is gone. */
static bool read_ids(struct ptrace *p, const struct tracee *parent, pid_t child)
{
    pthread_mutex_lock(p->config.lock);
    const struct thread *t = known(p, parent->tid);
    bool plain = t && !parent->nests && t->tid == t->vtid && t->pid == t->vpid &&
                 !(parent->clone_flags & (CLONE_NEWPID | CLONE_NEWUSER | CLONE_PARENT));
    if (plain) {
        live_birth_ids(t, child, parent->clone_flags, p->task, p->other);
    }
    pthread_mutex_unlock(p->config.lock);
    return plain || (live_task_read(p->other, child, LIVE_IDS) == 0 &&
                     live_task_read(p->task, parent->tid, LIVE_IDS) == 0);
}

static struct call_outcome outcome_of(int64_t result, uint8_t outcome)
{
    return (struct call_outcome){ .result = result,
                                  .outcome = outcome,
                                  .exact = outcome == OUTCOME_REPORTED,
                                  .ts_ns = clock_real_ns() };
}

/* False: not both could be read. */
static bool tell_birth(struct ptrace *p, struct tracee *parent, struct tracee *child)
{
    struct call_outcome outcome = outcome_of(child->tid, OUTCOME_REPORTED);
    if (!read_ids(p, parent, child->tid)) {
        return false;
    }
    struct trace_call *c = trace_call_of(p, parent);
    c->args.clone_flags = parent->clone_flags;
    pthread_mutex_lock(p->config.lock);
    const struct thread *thread = known(p, parent->tid);
    if (thread) {
        live_birth_inherit(p->task, p->config.state, thread);
        event_of_fork(&c->args, &outcome, p->task, &p->made);
        sink_made(p);
        live_birth_inherit(p->other, p->config.state, thread);
        event_of_child(&c->args, p->other, outcome.ts_ns, &p->made);
        sink_made(p);
    }
    pthread_mutex_unlock(p->config.lock);
    return thread != NULL;
}

static void release(struct ptrace *p, struct tracee *child)
{
    int status = child->held;
    child->told = true;
    if (status) {
        child->held = 0;
        p->nheld--;
        tracer_handle(p, child, status);
    }
}

static void forget_forking(struct ptrace *p, struct tracee *t)
{
    p->nforking -= t->forking;
    t->forking = false;
}

/* Nobody tells of it: /proc does. */
static void release_unknown(struct ptrace *p, struct tracee *child)
{
    if (live_task_read(p->task, child->tid, LIVE_IDS) == 0) {
        child->pid = (pid_t)p->task->pid;
        struct tracee *parent = tracee_get(p, (pid_t)p->task->ptid);
        struct tracee *first = child->pid != child->tid ? first_of(p, child->pid) : NULL;
        const struct tracee *like = first ? first : parent;
        child->filtered = like ? like->filtered : p->config.with_filter;
        if (first) {
            first->siblings++;
        } else if (parent) { /* may have its memory */
            live_sharers_cloned(p->sharers, parent->pid, child->pid);
        }
        trace_relearn(p, child);
    }
    trace_discover(p, child->tid);
    release(p, child);
}

void trace_birth(struct ptrace *p, struct tracee *parent, pid_t tid)
{
    struct tracee *child = tid > 0 ? tracee_get(p, tid) : NULL;
    child = child || tid <= 0 ? child : tracee_add(p, tid);
    if (!child || child->told) {
        trace_forking_ended(p, parent);
        return;
    }
    bool forking = parent->forking && parent->call && parent->call->manner == MANNER_FORK;
    forget_forking(p, parent);
    if (!forking) { /* it was in the middle of it when it was seized */
        child->filtered = parent->filtered;
        if (child->held) {
            release_unknown(p, child);
        }
        return;
    }
    tracee_born(p, parent, child);
    if (!tell_birth(p, parent, child)) {
        trace_discover(p, tid);
    }
    trace_call_give(p, parent);
    release(p, child);
}

static void learn_parent(struct ptrace *p, struct tracee *child)
{
    if (child->held_parent == 0 && live_task_read(p->task, child->tid, LIVE_IDS) == 0) {
        bool thread = p->task->pid != child->tid;
        child->held_parent = (pid_t)(thread ? p->task->pid : p->task->ptid);
    }
}

/* Will some parent's stop tell of it? */
static bool is_awaited(struct ptrace *p, struct tracee *child)
{
    size_t cursor = 0;
    const struct map_slot *slot;
    if (p->nforking > 0) {
        learn_parent(p, child);
    }
    while (p->nforking > 0 && (slot = map_next(&p->tracees, &cursor))) {
        const struct tracee *t = slot->value;
        if (t->forking && (t->pid == child->held_parent || t->clone_flags & CLONE_PARENT)) {
            return true;
        }
    }
    return false;
}

void trace_hold(struct ptrace *p, struct tracee *child, int status)
{
    if (!child->held) {
        p->nheld++;
    }
    child->held = status;
    bool told_later = p->nforking > 0 && (p->nuntold == 0 || is_awaited(p, child));
    if (!told_later) {
        p->nuntold -= p->nuntold > 0;
        release_unknown(p, child);
    }
}

/* One at a time: letting go changes the map. */
static struct tracee *find_forsaken(struct ptrace *p)
{
    size_t cursor = 0;
    const struct map_slot *slot;
    while (p->nheld > 0 && (slot = map_next(&p->tracees, &cursor))) {
        struct tracee *t = slot->value;
        if (t->held && !is_awaited(p, t)) {
            return t;
        }
    }
    return NULL;
}

void trace_forking_ended(struct ptrace *p, struct tracee *parent)
{
    struct tracee *child;
    if (parent->forking) {
        forget_forking(p, parent);
        p->nuntold++;
        while ((child = find_forsaken(p))) {
            release_unknown(p, child);
        }
    }
}

bool trace_fork_begin(struct ptrace *p, struct tracee *t, struct trace_call *c)
{
    enum verdict verdict = VERDICT_NONE;
    struct call_outcome outcome = outcome_of(INT32_MAX, OUTCOME_PREDICTED);
    if (!ptrace_denies(p) || live_task_read(p->task, t->tid, LIVE_IDS) < 0) {
        return false;
    }
    pthread_mutex_lock(p->config.lock);
    const struct thread *thread = known(p, t->tid);
    if (thread) {
        live_birth_inherit(p->task, p->config.state, thread);
        event_of_fork(&c->args, &outcome, p->task, &p->made);
        verdict = p->config.sink.preview(p->config.sink.data, &p->made.event);
    }
    pthread_mutex_unlock(p->config.lock);
    if (verdict == VERDICT_DENY) {
        trace_call_refuse(p, t, EPERM);
    }
    return verdict == VERDICT_DENY;
}

static struct str base_name(struct str path)
{
    const char *slash = path.n ? memrchr(path.p, '/', path.n) : NULL;
    size_t skip = slash ? (size_t)(slash - path.p) + 1 : 0;
    return str_from(path.p + skip, path.n - skip);
}

/* What will come of it, and of which file: once. */
static int64_t foresee(struct ptrace *p, const struct tracee *t, struct trace_call *c)
{
    if (!c->foreseen) {
        c->foreseen = true;
        c->expected = predict(p->resolver, &t->target, &c->args, c->at);
    }
    return c->expected;
}

/* The thread as it would be after this exec. */
static int imagine(struct ptrace *p, const struct tracee *t, struct trace_call *c)
{
    struct live_task *task = p->task;
    const struct resolved *at = &c->at[0];
    struct str path = c->args.path[0];
    foresee(p, t, c);
    int e = live_task_read(task, t->tid, LIVE_ALL & ~(unsigned)LIVE_ENV);
    if (e < 0) {
        return e;
    }
    task->argv = c->args.argv;
    task->env = c->args.env;
    task->exepath = at->path.n ? at->path : path;
    task->comm = str_first(base_name(path.n ? path : at->path), COMM_MAX);
    task->exe_facts = (struct image){ .exe_ino = at->ino,
                                      .exe_ino_mtime_ns = at->mtime_ns,
                                      .exe_ino_ctime_ns = at->ctime_ns,
                                      .exe_upper_layer = at->upper_layer,
                                      .exe_lower_layer = at->lower_layer,
                                      .exe_known = at->ino != 0 };
    return 0;
}

void trace_exec_begin(struct ptrace *p, struct tracee *t, struct trace_call *c)
{
    struct call_outcome outcome = outcome_of(0, OUTCOME_PREDICTED);
    t->wants_end = true; /* it may fail */
    if (!ptrace_denies(p) || imagine(p, t, c) < 0 || (c->expected < 0 && !c->at[0].unsure)) {
        return;
    }
    outcome.at = c->at;
    event_of_exec(&c->args, &outcome, p->task, &p->made);
    if (trace_preview(p) == VERDICT_DENY) {
        trace_call_refuse(p, t, EPERM);
        trace_call_give(p, t);
        t->wants_end = false;
    }
}

void trace_exec_failed(struct ptrace *p, struct tracee *t, struct trace_call *c, int64_t result)
{
    struct call_outcome outcome = outcome_of(result, OUTCOME_REPORTED);
    foresee(p, t, c);
    outcome.at = c->at;
    if (live_task_read(p->task, t->tid, LIVE_ALL) == 0) {
        event_of_exec(&c->args, &outcome, p->task, &p->made);
        trace_sink(p, &outcome);
    }
}

/* The record of the thread that called exec becomes its process'. */
static void move(struct ptrace *p, struct tracee *first, pid_t former)
{
    struct tracee *caller = former != first->tid ? tracee_get(p, former) : NULL;
    if (caller) {
        trace_call_give(p, first);
        first->kept = TAKE(caller->kept);
        first->call = caller->call;
        first->data = caller->data;
        first->filtered = caller->filtered;
        first->nests |= caller->nests;
        tracee_remove(p, caller);
    }
    forget_forking(p, first);
    first->told = true;
    first->ended = false;
    first->siblings = 0;
    first->wants_end = false;
    first->in_call = !first->filtered; /* exec's own end is still to come */
}

bool trace_exec(struct ptrace *p, struct tracee *t, pid_t former)
{
    enum verdict verdict = VERDICT_NONE;
    struct call_outcome outcome = outcome_of(0, OUTCOME_REPORTED);
    move(p, t, former);
    struct trace_call *c = t->kept ? t->kept : &p->scratch;
    if (!t->kept) { /* its memory is gone */
        memset(&c->args, 0, offsetof(struct call_args, storage));
        c->args.call = call_find(NAME_execve);
        c->args.tid = t->tid;
    }
    if (live_task_read(p->task, t->tid, LIVE_ALL | LIVE_FRESH) == 0) {
        outcome.at = c->foreseen && t->kept ? c->at : NULL;
        stdio_learn(&(struct stdio_state){ p->config.state, p->config.lock }, t->tid);
        event_of_exec(&c->args, &outcome, p->task, &p->made);
        tracee_left_memory(p, t);
        tracee_learn(t, p->task);
        prepare(p, p->task->pid);
        pthread_mutex_lock(p->config.lock);
        p->stats.events++;
        p->stats.exact++;
        verdict = p->config.sink.event(p->config.sink.data, &p->made.event);
        meet(p, t->tid);
        pthread_mutex_unlock(p->config.lock);
    }
    trace_call_give(p, t);
    return verdict != VERDICT_DENY || !ptrace_denies(p);
}

static void tell_end(struct ptrace *p, pid_t tid, int status)
{
    pthread_mutex_lock(p->config.lock);
    if (known(p, tid)) {
        event_of_exit(tid, status, -1, clock_real_ns(), &p->made);
        sink_made(p);
    }
    pthread_mutex_unlock(p->config.lock);
}

static void end_process(struct ptrace *p, struct tracee *first, int status)
{
    tell_end(p, first->tid, status);
    tracee_left_memory(p, first);
    tracee_remove(p, first);
}

void trace_exit(struct ptrace *p, struct tracee *t, int status)
{
    bool told = t->told;
    trace_forking_ended(p, t);
    if (t->tid == t->pid && told) {
        trace_call_give(p, t);
        t->ended = true;
        if (t->siblings == 0) {
            end_process(p, t, status);
        }
        return;
    }
    struct tracee *first = told ? tracee_get(p, t->pid) : NULL;
    if (told) {
        tell_end(p, t->tid, status);
    }
    tracee_remove(p, t);
    if (first && first->siblings > 0 && --first->siblings == 0 && first->ended) {
        end_process(p, first, status);
    }
}

void trace_forget_all(struct ptrace *p)
{
    size_t cursor = 0;
    const struct map_slot *slot;
    while ((slot = map_next(&p->tracees, &cursor))) {
        struct tracee *t = slot->value;
        if (t->told) {
            tell_end(p, t->tid, -1);
        }
        tracee_remove(p, t);
        cursor = 0;
    }
}
