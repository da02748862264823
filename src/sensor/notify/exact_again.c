/*
 * exact_again: a call that was interrupted before it did anything is led through once more.
 *
 *     stop after the interruption --PTRACE_SYSCALL--> entry of the same call --PTRACE_SYSCALL-->
 *     notified anew, answered by any receiver because the thread is `pending` --> exec, child or exit
 *
 * A signal or a group-stop on the way ends it: the thread goes on as if it had not been led, and if its
 * call is restarted after that, that is a new notification.
 *
 * Sources: ptrace(2).
 */
#include "sensor/notify/exact_again.h"

#include <linux/seccomp.h>
#include <sys/ptrace.h>

#define STEPS_MAX 16 /* stops without meaning (a SIGCONT came) before giving up */

/* True: stopped within a call. False: the run has ended, its result is written. */
static bool next_side(struct exact_run_state *run, struct exact_stop *stop)
{
    for (int i = 0; i < STEPS_MAX; i++) {
        ptrace(PTRACE_SYSCALL, stop->tid, NULL, 0L);
        if (!exact_next_stop(run, stop) || exact_event(run, stop)) {
            return false;
        }
        if (stop->kind == STOP_SYSCALL) {
            return true;
        }
        if (stop->kind != STOP_TRAP) {
            break;
        }
    }
    exact_returned(run, stop, NULL);
    return false;
}

static void to_the_end(struct exact_run_state *run, struct exact_stop *stop)
{
    struct exact_registers registers;
    if (next_side(run, stop)) {
        bool end = exact_side_read(stop->tid, &run->call->notif->data, &registers) == SIDE_EXIT;
        exact_returned(run, stop, end ? &registers : NULL);
    }
}

void exact_again(struct exact_run_state *run, const struct exact_stop *stop)
{
    struct exact_stop at = *stop;
    struct exact_registers registers;
    if (!next_side(run, &at)) {
        return;
    }
    if (exact_side_read(at.tid, &run->call->notif->data, &registers) != SIDE_ENTRY) {
        exact_returned(run, &at, NULL);
        return;
    }
    atomic_store(&run->slot->pending, run->call->tid);
    atomic_fetch_add(&run->exact->npending, 1);
    to_the_end(run, &at);
    atomic_fetch_sub(&run->exact->npending, 1);
    atomic_store(&run->slot->pending, 0);
}
