/*
 * exact: one call under ptrace, from its notification to its return: the true result, while the thread
 * stands still. Also exec (stopped before its first instruction) and fork (child held until released).
 *
 * Needs the notification unanswered and the thread untraced. The calling thread becomes the tracer until
 * exact_release(). Signals that arrive meanwhile are delivered as without it, group-stops honoured.
 * With FEATURE_WAIT_KILLABLE: SEIZE, INTERRUPT, answer, wait. Without (5.10): INTERRUPT takes the thread
 * out of its notification, two PTRACE_SYSCALLs lead it through the call again, whose second notification
 * any receiver answers because exact_is_pending() says so.
 *
 * Sources: ptrace(2), seccomp_unotify(2).
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum exact_end {
    EXACT_RETURNED, /* the call returned: .result */
    EXACT_EXEC,     /* the new image is there; .former_tid: the thread's id before (thread exec) */
    EXACT_FORK,     /* .child is there, stopped */
    EXACT_GONE,     /* the thread died, or left in a way that tells nothing; nothing to release */
    EXACT_REFUSED,  /* not possible (already traced, no right): not answered, nothing changed */
};

enum exact_want { EXACT_RESULT, EXACT_AN_EXEC, EXACT_A_CHILD };

struct exact_call {
    pid_t tid;
    enum exact_want want;
    /* Answers the notification with CONTINUE: called once, at the right moment. Negative: the
     * notification is gone. */
    int (*answer)(void *data);
    void *data;
};

struct exact_result {
    enum exact_end end;
    int64_t result; /* or -errno, as the call's */
    pid_t former_tid;
    pid_t child;
    bool restarts; /* the call was interrupted and will run again: no result yet */
};

struct exact; /* shared by all receivers of a sensor */

int exact_new(uint32_t features, struct exact **ret, struct err *err);
void exact_free(struct exact *exact);

void exact_run(struct exact *exact, const struct exact_call *call, struct exact_result *ret);
/* Lets thread (and child) go on; `kill`: with SIGKILL instead. */
void exact_release(struct exact *exact, pid_t tid, const struct exact_result *result, bool kill);
/* Is this thread being led through a call again? Then its notification is answered CONTINUE, unseen. */
bool exact_is_pending(const struct exact *exact, pid_t tid);
