/*
 * Tracked: what the sensor itself keeps of each task that the state knows: with which rights it asks, and
 * whether others can change its memory while it waits.
 *
 * Arrays in chunks by the state's thread index; an entry whose serial is another task's counts as empty. A
 * process counts as threaded from its first thread until its exec, though its threads may be gone: ends of
 * threads are not seen, and exact mode costs only time.
 */
#include "sensor/notify/notify_internal.h"

#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

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
    struct target *target = &t->target;
    target->tid = task->tid;
    target->pid = task->pid;
    target->fsuid = task->fsuid;
    target->fsgid = task->fsgid;
    target->ngroups = task->ngroups;
    memcpy(target->groups, task->groups, sizeof(target->groups));
    target->cap_effective = task->cap_effective;
    target->umask = task->umask;
    target->ids_known = true;
    t->known = true;
    t->root = 0;
    t->stale = false;
}

uint64_t tracked_root(const struct notify *n, const struct tracked *tracked)
{
    return tracked->root_epoch == n->root_epoch ? tracked->root : 0;
}

bool tracked_is_raceable(const struct notify *n, const struct thread *thread)
{
    const struct thread *main = state_main(n->config.state, thread);
    return !main || main->nthreads > 1 || live_sharers_has(n->sharers, main->pid);
}

void tracked_done(struct notify *n)
{
    for (unsigned i = 0; i < TRACKED_CHUNKS; i++) {
        free(n->tracked[i]);
    }
}
