/*
 * Reading what a call points to.
 *
 * The tracer reads itself: nothing is quicker. But a page that its owner serves (userfaultfd) may never come, the
 * kernel waits for it whatever signals come, and the thread that would serve it may be waiting for this one.
 * So from the first userfaultfd on each call is read by a thread of its own, for PTRACE_READ_MS at most; a
 * thread that hangs is left behind with the place it writes to, LIMITED_STUCK_MAX of them at once. Beyond
 * that, and where no place can be left behind, nothing is read: the arguments count as unreadable.
 */
#include "sensor/ptrace/ptrace_internal.h"

#include "base/arena.h"
#include "sensor/notify/args_layout.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

struct read_job {
    struct limited_job job;
    struct seccomp_notif notif;
    struct trace_call *call; /* NULL: the tracer's again */
};

static void run_job(struct limited_job *job)
{
    struct read_job *r = (struct read_job *)job;
    args_read(&r->notif, &r->call->args);
}

static void free_job(struct limited_job *job)
{
    struct read_job *r = (struct read_job *)job;
    free(r->call);
    free(r);
}

static struct seccomp_notif notif_of(const struct tracee *t)
{
    return (struct seccomp_notif){ .pid = (uint32_t)t->tid, .data = t->data };
}

static void clear(struct trace_call *c)
{
    memset(&c->at[0], 0, offsetof(struct resolved, storage));
    memset(&c->at[1], 0, offsetof(struct resolved, storage));
    c->foreseen = c->blind = false;
}

/* Registers alone. */
static void read_nothing(const struct tracee *t, struct call_args *args)
{
    memset(args, 0, offsetof(struct call_args, storage));
    args->call = t->call;
    args->tid = t->tid;
    args->nr = (uint32_t)t->data.nr;
    args->via = args_via(t->data.arch, (uint32_t)t->data.nr);
    args->dirfd[0] = args->dirfd[1] = AT_FDCWD;
    args->unreadable = true;
    for (int i = 0; i < 6; i++) {
        args->reg[i] = t->data.args[i];
    }
}

/* An open whose path others could change, so that only the descriptor tells what it was: true when that is
 * enough. */
static bool is_told_by_descriptor(const struct ptrace *p, const struct tracee *t,
                                  struct call_args *args)
{
    bool openat = t->call->name == NAME_openat;
    uint32_t flags = (uint32_t)t->data.args[openat ? 2 : 1];
    if (!t->shared || ptrace_denies(p) || (!openat && t->call->name != NAME_open) ||
        flags & O_CREAT) {
        return false;
    }
    read_nothing(t, args);
    args->dirfd[0] = openat ? (int32_t)t->data.args[0] : AT_FDCWD;
    args->open_flags = flags;
    args->unreadable = false;
    args->truncated = true;
    return true;
}

/* Of a place that is the tracee's. */
static bool read_bounded(struct ptrace *p, struct tracee *t, struct trace_call *c)
{
    struct read_job *r = mem_zalloc(sizeof *r);
    if (!r) {
        read_nothing(t, &c->args);
        return true;
    }
    r->job = (struct limited_job){ .run = run_job, .free = free_job, .refs = 1 };
    r->notif = notif_of(t);
    r->call = c;
    int e = limited_run(p->limiter, &r->job, PTRACE_READ_MS);
    if (e == -ETIMEDOUT) {
        t->kept = NULL;
        p->ncalls--;
    } else {
        r->call = NULL;
    }
    limited_put(&r->job);
    return e == 0;
}

static void count(struct ptrace *p, uint64_t *counter)
{
    pthread_mutex_lock(p->config.lock);
    ++*counter;
    pthread_mutex_unlock(p->config.lock);
}

bool trace_read(struct ptrace *p, struct tracee *t, struct trace_call *c)
{
    clear(c);
    if (!p->may_hang) {
        const struct seccomp_notif notif = notif_of(t);
        args_read(&notif, &c->args);
    } else if (is_told_by_descriptor(p, t, &c->args)) {
        return true;
    } else if (c != t->kept) {
        read_nothing(t, &c->args);
    } else if (!read_bounded(p, t, c)) {
        count(p, &p->stats.stuck);
        return false;
    }
    if (c->args.unreadable) {
        count(p, &p->stats.unreadable);
    }
    return true;
}
