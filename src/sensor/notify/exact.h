/*
 * exact: one call under ptrace, from its notification to its return: the true result, while the thread
 * stands still. Also exec (stopped before its first instruction) and fork (child held until released).
 *
 * Needs the notification unanswered and the thread untraced. The calling thread becomes the tracer until
 * exact_release(). Signals that arrive meanwhile are delivered as without it, group-stops honoured.
 * With FEATURE_WAIT_KILLABLE: SEIZE, INTERRUPT, answer, wait. Without (5.10): INTERRUPT takes the thread
 * out of its notification, two PTRACE_SYSCALLs lead it through the call again, whose second notification
 * any receiver answers because exact_is_pending() says so. Calls that behave otherwise while a stop is
 * wanted (bpf: EAGAIN) are led through again in both ways, and are not answered. Fork-like ones are answered
 * without a stop wanted, for their child stops them; one that made none in EXACT_LATE_US has failed or is
 * slow, and is stopped. Of a failure there is no result; a call that came after it is put off.
 *
 * A call that waits (a FIFO's open) never gets to its end with a stop wanted, or takes too long: it
 * restarts, and after EXACT_RESTARTS_MAX times in a row (or one time out) is refused once.
 *
 * Threads: every receiver may run one call at a time; more than exact_limit() at once are refused.
 *
 * Waiting: Linux shows ptrace stops to every thread of the tracer's process that waits for the task, and
 * a stop taken there is missed here for EXACT_TICK_MS. Who reaps watched children of this very process
 * therefore waits for a pidfd (or SIGCHLD) and then calls waitid() with WNOWAIT first, leaving CLD_TRAPPED
 * alone. Their exit status is never taken here. SA_NOCLDSTOP saves it a SIGCHLD for each stop.
 * EXACT_SIGNAL gets a handler that does nothing; a thread that had a run keeps it unblocked, and a timer.
 *
 * Rights: a tracer without CAP_SYS_PTRACE makes Linux run set-user-id programs without their rights. Where
 * they would have them (no no_new_privs), run exec exactly only with that capability.
 *
 * Sources: ptrace(2), seccomp_unotify(2), waitid(2).
 */
#pragma once

#include "base/err.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define EXACT_RUNS_MAX     16
#define EXACT_RESTARTS_MAX 2
#define EXACT_TICK_MS      10
#define EXACT_LATE_US      300
#define EXACT_TIMEOUT_MS   500   /* for a call's result */
#define EXACT_SLOW_MS      10000 /* exec and fork, on a loaded machine */
#define EXACT_STOP_MS      100   /* then interrupted, and given this to stop */
#define EXACT_SIGNAL       (SIGRTMAX - 1)

enum exact_end {
    EXACT_RETURNED, /* the call returned: .result; or not, see .restarts. To be released */
    EXACT_EXEC,     /* the new image is there; .former_tid: the thread's id before (thread exec) */
    EXACT_FORK,     /* .child is there, stopped */
    EXACT_GONE,     /* the thread died, or left in a way that tells nothing; nothing to release */
    EXACT_REFUSED,  /* not possible (already traced, no right): not answered, nothing changed */
};

enum exact_want { EXACT_RESULT, EXACT_AN_EXEC, EXACT_A_CHILD };

struct seccomp_notif;

struct exact_call {
    pid_t tid;
    enum exact_want want;
    int listener;
    const struct seccomp_notif *notif; /* no other call is ever taken for it */
    /* Answers the notification with CONTINUE: called at most once, at the right moment; not at all when
     * the thread leaves its notification otherwise. Negative: the notification is gone. */
    int (*answer)(void *data);
    /* NULL, or called once before other receivers are needed: when the call takes longer than
     * EXACT_LATE_US, or has to be led through again. */
    void (*late)(void *data);
    void *data;
};

struct exact_result {
    enum exact_end end;
    int64_t
        result; /* or -errno, as the call's; a process id is one of the thread's own namespace */
    pid_t tid;  /* the thread's id now: after an exec its process' */
    pid_t former_tid;
    pid_t child; /* as seen from here; 0 for CLONE_UNTRACED, which is EXACT_RETURNED */
    bool
        restarts; /* the call was interrupted and will run again, or its end is unknown: no result */
    bool begun;   /* GONE: the call may have happened; else it did not, and may be notified anew */
    int signal;   /* for exact_release() */
};

struct exact; /* shared by all receivers of a sensor */

int exact_new(uint32_t features, struct exact **ret, struct err *err);
/* At most this many at once, below EXACT_RUNS_MAX. Keep it below the number of receivers that serve: who
 * is led through a call again waits for another receiver's answer. Before the first run. */
void exact_limit(struct exact *exact, unsigned runs);
void exact_free(struct exact *exact); /* when no receiver uses it any more */

void exact_run(struct exact *exact, const struct exact_call *call, struct exact_result *ret);
/* Lets thread (and child) go on; `kill`: with SIGKILL instead. Same thread as exact_run(). */
void exact_release(struct exact *exact, pid_t tid, const struct exact_result *result, bool kill);
/* Is this thread being led through a call again? Then its notification is answered CONTINUE, unseen. */
bool exact_is_pending(const struct exact *exact, pid_t tid);
/* Has the calling thread left a task behind that neither stopped nor died in time (a hung file system)?
 * Then it has to end soon, and be replaced: the kernel lets a task go when its tracer ends. */
bool exact_must_end(const struct exact *exact);
