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

#include "base/str.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>

#define STEPS_MAX     16 /* stops without meaning (a SIGCONT came) before giving up */
#define RESTART_NOINT 513

/* All that would tell: a file system may pass the wish for a stop on to its server; those are few, and
 * their servers ignore it by default. */
bool exact_is_disturbed(const struct exact_call *call)
{
    if (call->want == EXACT_A_CHILD) {
        return true;
    }
    switch (call->notif->data.nr) {
    case SYS_bpf:         /* the verifier gives up: EAGAIN */
    case SYS_init_module: /* waiting for another's load of the same: EINTR */
    case SYS_finit_module:
    case SYS_keyctl:
    case SYS_request_key:
        return call->want == EXACT_RESULT;
    default:
        return false;
    }
}

/* ERESTARTNOINTR as the call's error. The program never gets to see it: a stop is wanted, so the kernel
 * looks after signals before it goes back, and turns it into another call, tracer or not. */
int exact_put_off(const struct exact_call *call)
{
    struct seccomp_notif_resp response = { .id = call->notif->id, .error = -RESTART_NOINT };
    return ioctl(call->listener, SECCOMP_IOCTL_NOTIF_SEND, &response) == 0 ? 0 : -errno;
}

static uint64_t fingerprint(const struct exact_call *call)
{
    const struct seccomp_data *data = &call->notif->data;
    uint64_t hash = hash_u64((uint64_t)data->nr ^ (uint64_t)data->instruction_pointer);
    for (int i = 0; i < 6; i++) {
        hash = hash_u64(hash ^ (uint64_t)data->args[i]);
    }
    return ((uint64_t)(uint32_t)call->tid << 32) | (hash & 0xffffff) << 8;
}

static _Atomic uint64_t *restarted_at(struct exact *exact, const struct exact_call *call)
{
    return &exact->restarted[(uint32_t)call->tid % EXACT_RESTARTED];
}

bool exact_restarts_too_often(struct exact *exact, const struct exact_call *call)
{
    _Atomic uint64_t *at = restarted_at(exact, call);
    uint64_t had = atomic_load(at);
    bool often = had >> 32 == (uint32_t)call->tid && (had & 0xff) >= EXACT_RESTARTS_MAX &&
                 (had & ~UINT64_C(0xff)) == fingerprint(call);
    if (often) {
        atomic_store(at, 0);
    }
    return often;
}

/* On the way again, a signal restarts any call; only one that took too long waits. */
void exact_note_restart(struct exact_run_state *run)
{
    _Atomic uint64_t *at = restarted_at(run->exact, run->call);
    uint64_t had = atomic_load(at), print = fingerprint(run->call);
    if (run->late) {
        atomic_store(at, print + EXACT_RESTARTS_MAX);
    } else if (run->answered && run->call->want != EXACT_A_CHILD) {
        atomic_store(at, (had & ~UINT64_C(0xff)) == print ? had + 1 : print + 1);
    }
}

/* Without a sensor, fork and exec are not interrupted. */
static void never_fails(const struct exact_run_state *run, const struct exact_stop *stop)
{
    if (stop->kind == STOP_SIGNAL && run->call->want != EXACT_RESULT) {
        exact_registers_restart(stop->tid, &run->call->notif->data);
    }
}

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
            never_fails(run, stop);
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
    exact_wait_late(&run->wait);
    if (!next_side(run, &at)) {
        return;
    }
    if (exact_side_read(at.tid, &run->call->notif->data, &registers) != SIDE_ENTRY) {
        exact_returned(run, &at, NULL);
        return;
    }
    run->ret->begun = true;
    atomic_store(&run->slot->pending, run->call->tid);
    atomic_fetch_add(&run->exact->npending, 1);
    to_the_end(run, &at);
    atomic_fetch_sub(&run->exact->npending, 1);
    atomic_store(&run->slot->pending, 0);
}
