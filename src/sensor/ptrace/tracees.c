/*
 * Tracees: what is kept of each watched task, and of calls between their beginning and their end.
 *
 * A record is made when a task is seized, born or first stops, and goes with the task; that of a first
 * thread stays until the last of its process has ended. Arguments of calls under way lie in places of
 * which there are PTRACE_CALLS_MAX, made when first needed and kept; only what is written of one takes
 * memory.
 */
#include "sensor/ptrace/ptrace_internal.h"

#include "base/arena.h"

#include <sched.h>
#include <stdlib.h>

#define LENDERS_MAX 64 /* who waits for one that waits for one ... */

struct tracee *tracee_get(const struct ptrace *p, pid_t tid)
{
    return map_get(&p->tracees, (uint64_t)tid);
}

struct tracee *tracee_add(struct ptrace *p, pid_t tid)
{
    struct tracee *t = p->tracees.count < PTRACE_TASKS_MAX ? mem_zalloc(sizeof *t) : NULL;
    if (!t || map_put(&p->tracees, (uint64_t)tid, t) < 0) {
        free(t);
        return NULL;
    }
    t->tid = tid;
    t->pid = tid;
    return t;
}

void tracee_remove(struct ptrace *p, struct tracee *t)
{
    trace_call_give(p, t);
    p->nforking -= t->forking;
    p->nheld -= t->held != 0;
    map_remove(&p->tracees, (uint64_t)t->tid);
    free(t);
}

void tracees_done(struct ptrace *p)
{
    size_t cursor = 0;
    const struct map_slot *slot;
    while ((slot = map_next(&p->tracees, &cursor))) {
        struct tracee *t = slot->value;
        free(t->kept);
        free(t);
    }
    map_done(&p->tracees);
    while (p->free_calls) {
        struct trace_call *call = p->free_calls;
        p->free_calls = call->next;
        free(call);
    }
}

bool tracee_is_shared(const struct ptrace *p, const struct tracee *t)
{
    const struct tracee *first = tracee_get(p, t->pid);
    return t->tid != t->pid || !first || first->siblings > 0 ||
           live_sharers_has(p->sharers, t->pid);
}

/* Those who wait in vfork for the process have its memory, and what shares that will go on when they do. */
static void lenders_share(struct ptrace *p, pid_t pid)
{
    const struct tracee *t = tracee_get(p, pid);
    for (unsigned i = 0; t && t->lender && i < LENDERS_MAX; i++) {
        if (!live_sharers_has(p->sharers, t->lender)) {
            live_sharers_cloned(p->sharers, pid, t->lender);
        }
        t = tracee_get(p, t->lender);
    }
}

void tracee_born(struct ptrace *p, struct tracee *parent, struct tracee *child)
{
    uint64_t flags = parent->clone_flags;
    bool thread = flags & CLONE_THREAD;
    child->pid = thread ? parent->pid : child->tid;
    child->filtered = parent->filtered;
    child->nests = parent->nests;
    child->target = parent->target;
    child->target.tid = child->tid;
    child->target.pid = child->pid;
    child->target_known = parent->target_known && !(flags & CLONE_NEWUSER);
    struct tracee *first = thread ? tracee_get(p, child->pid) : NULL;
    if (first) {
        first->siblings++;
    }
    if (!(flags & CLONE_VM)) {
        return;
    }
    if (flags & CLONE_VFORK && !thread && !tracee_is_shared(p, parent)) {
        child->lender = parent->pid;
        return;
    }
    if (!thread) {
        live_sharers_cloned(p->sharers, parent->pid, child->pid);
    }
    lenders_share(p, parent->pid);
}

void tracee_left_memory(struct ptrace *p, struct tracee *first)
{
    live_sharers_left(p->sharers, first->pid);
    first->lender = 0;
}

void tracee_learn(struct tracee *t, const struct live_task *task)
{
    target_learn(&t->target, task);
    t->target_known = true;
}

struct trace_call *trace_call_take(struct ptrace *p, struct tracee *t)
{
    struct trace_call *call = p->free_calls;
    if (call) {
        p->free_calls = call->next;
    } else if (p->ncalls < PTRACE_CALLS_MAX) {
        call = mem_zalloc(sizeof *call);
        p->ncalls += call != NULL;
    }
    t->kept = call;
    return call;
}

void trace_call_give(struct ptrace *p, struct tracee *t)
{
    if (t->kept) {
        t->kept->next = p->free_calls;
        p->free_calls = t->kept;
        t->kept = NULL;
    }
}
