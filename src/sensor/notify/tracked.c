/*
 * Tracked: what the sensor itself keeps of each task that the state knows: with which rights it asks, and
 * whether others can change its memory while it waits.
 *
 * Arrays in chunks by the state's thread index; an entry whose serial is another task's counts as empty. A
 * process counts as threaded from its first thread until its exec, though its threads may be gone: ends of
 * threads are not seen, and exact mode costs only time. So does one whose birth was not seen (a tracer was
 * there first, CLONE_UNTRACED), and the one that bore it, until they exec: they may share their memory.
 */
#include "sensor/notify/notify_internal.h"

#include "base/arena.h"

#include <sched.h>
#include <stdlib.h>

#define LENDERS_MAX 64 /* who waits for one that waits for one ... */

struct tracked *tracked_of(struct notify *n, const struct thread *thread)
{
    uint32_t chunk = thread->index / TRACKED_CHUNK;
    if (chunk >= TRACKED_CHUNKS) {
        return NULL;
    }
    if (!n->tracked[chunk]) {
        n->tracked[chunk] = mem_zalloc(TRACKED_CHUNK * sizeof(struct tracked));
        if (!n->tracked[chunk]) {
            return NULL;
        }
    }
    struct tracked *t = &n->tracked[chunk][thread->index % TRACKED_CHUNK];
    if (t->serial != thread->serial) {
        *t = (struct tracked){ .serial = thread->serial };
    }
    return t;
}

void tracked_learn(struct notify *n, const struct thread *thread, const struct live_task *task)
{
    struct tracked *t = tracked_of(n, thread);
    if (!t) {
        return;
    }
    target_learn(&t->target, task);
    t->known = true;
    t->root = t->cwd = 0;
    t->stale = false;
}

bool tracked_is_raceable(const struct notify *n, const struct thread *thread)
{
    const struct thread *main = state_main(n->config.state, thread);
    return !main || main->nthreads > 1 || live_sharers_has(n->sharers, main->pid);
}

struct tracked *tracked_process(struct notify *n, int64_t pid)
{
    const struct thread *thread = state_thread(n->config.state, pid);
    return thread ? tracked_of(n, thread) : NULL;
}

/* Those who wait in vfork for the process have its memory, and what shares that will go on when they do. */
static void lenders_share(struct notify *n, int64_t pid)
{
    const struct tracked *t = tracked_process(n, pid);
    for (unsigned i = 0; t && t->lender && i < LENDERS_MAX; i++) {
        if (!live_sharers_has(n->sharers, t->lender)) {
            live_sharers_cloned(n->sharers, pid, t->lender);
        }
        t = tracked_process(n, t->lender);
    }
}

void tracked_born(struct notify *n, const struct thread *parent, const struct thread *child,
                  uint64_t flags)
{
    struct tracked *its = tracked_of(n, child);
    bool thread = flags & CLONE_THREAD;
    bool waits = flags & CLONE_VFORK && !thread && !tracked_is_raceable(n, parent);
    if (!(flags & CLONE_VM) || !its) {
        return;
    }
    if (waits) {
        its->lender = parent->pid;
        return;
    }
    if (!thread) {
        live_sharers_cloned(n->sharers, parent->pid, child->pid);
    }
    lenders_share(n, parent->pid);
}

/* The unknown task stands in the group as the negative of the known one. */
void tracked_shares_unseen(struct notify *n, int64_t pid)
{
    live_sharers_cloned(n->sharers, pid, -pid);
    lenders_share(n, pid);
}

void tracked_left(struct notify *n, int64_t pid)
{
    struct tracked *t = tracked_process(n, pid);
    live_sharers_left(n->sharers, pid);
    live_sharers_left(n->sharers, -pid);
    if (t) {
        t->lender = 0;
    }
}

void tracked_done(struct notify *n)
{
    for (unsigned i = 0; i < TRACKED_CHUNKS; i++) {
        free(n->tracked[i]);
    }
}
