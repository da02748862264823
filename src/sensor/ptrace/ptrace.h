/*
 * ptrace: the sensor that stops what it watches. For kernels without user notification, where another
 * listener is there already, for processes that nobody started through us, and for images that need
 * set-user-id programs.
 *
 * A task is watched in one of two ways, which its children inherit. Filtered: it has a seccomp program
 * that says SECCOMP_RET_TRACE (engine_filter()), and stops at what that chose; without a tracer those
 * calls fail with ENOSYS, so it cannot be let go. Unfiltered: it stops at the beginning and end of every
 * call.
 *
 * Results are the kernel's own. What can be denied is denied by taking the call's number away, so that it
 * does not happen; what memory says (paths) can still be raced by a sibling, as with notify.
 *
 * Threads: one thread inside is the tracer; the functions below may be called from any other. State and
 * sink are touched under the lock alone.
 *
 * Waiting: Linux shows the stops of a watched process to every thread of the tracer's process that waits
 * for it as its parent, even without WSTOPPED, and a stop taken there is lost to the tracer. Who watches
 * children of this very process waits for a pidfd before it calls wait(2).
 *
 * Limits: a task has one tracer. Debuggers and strace cannot work inside of what is watched, and who is
 * being debugged cannot be watched.
 */
#pragma once

#include "base/err.h"
#include "event/state.h"
#include "sensor/notify/call.h"
#include "sensor/sink.h"

#include <pthread.h>

#define PTRACE_PROTECTED_MAX 4
#define PTRACE_TASKS_MAX     (1 << 17) /* more run, but nothing is told of them */
#define PTRACE_CALLS_MAX     256       /* whose arguments are kept until they return, at once */
#define PTRACE_READ_MS                                                                             \
    100 /* for memory that may hang: then the call goes on unseen, or is refused */
#define PTRACE_STOP_MS 1000 /* for tasks to stop when they are to be let go */

struct ptrace_config {
    struct state *state;
    struct sink sink;
    pthread_mutex_t *lock; /* what guards both; borrowed */
    bool with_filter;      /* of tasks that are adopted */
    bool deny;             /* verdicts to deny are obeyed */
    bool deny_io_uring;    /* ENOSYS; of unfiltered tasks: a filter says so itself */
    bool exit_kill;        /* when this process dies, what it watches dies too */
    bool every_call;       /* events of all chosen calls, though no rule would match */
    bool old_kernel;       /* use nothing that Linux 4.14 lacks */
    struct callset calls;  /* of unfiltered tasks */
    /* Processes that watched ones may not signal, trace or write to; 0: free. */
    int64_t protected[PTRACE_PROTECTED_MAX];
    const _Atomic int64_t *also_protected; /* the same, changing meanwhile; borrowed. NULL: none */
    size_t nalso_protected;
};

struct ptrace_stats {
    uint64_t stops, calls, events, exact, predicted, denied;
    uint64_t skipped;    /* calls that no rule could match */
    uint64_t tampering;  /* refused: aimed at protected processes */
    uint64_t unreadable; /* arguments that could not be read */
    uint64_t stuck;      /* calls let go unseen, or refused: reading their arguments hung */
    uint64_t crowded;    /* calls whose arguments were read when they had returned */
    uint64_t lost;       /* tasks beyond the limit */
    uint64_t tasks;      /* watched now */
};

struct ptrace;

int ptrace_new(const struct ptrace_config *config, struct ptrace **ret, struct err *err);
/* Stops; what is unfiltered goes on unwatched. */
void ptrace_free(struct ptrace *ptrace);
/* No more events. Filtered tasks lose their tracer: see above, and exit_kill. */
void ptrace_stop(struct ptrace *ptrace);
/* A process that the caller has made for this, known to the state, waiting in a call that its filter does
 * not choose. From now on it is watched. -EPERM, -ESRCH. */
int ptrace_adopt(struct ptrace *ptrace, int64_t pid, struct err *err);
/* A running process with all its threads, unfiltered; it is made known. Children that it has already are
 * not watched. -EPERM: someone else traces it, or we may not; -ESRCH. */
int ptrace_attach(struct ptrace *ptrace, int64_t pid, struct err *err);
/* Is the process watched by this sensor? */
bool ptrace_has(struct ptrace *ptrace, int64_t pid);
/* ptrace_config.deny, from now on. */
void ptrace_set_deny(struct ptrace *ptrace, bool deny);
/* Has the last watched task gone? Waits at most timeout_ms (-1: for ever). */
bool ptrace_wait_end(struct ptrace *ptrace, int timeout_ms);
/* Until everything that happened went to the sink. */
void ptrace_drain(struct ptrace *ptrace);
void ptrace_get_stats(struct ptrace *ptrace, struct ptrace_stats *ret);
