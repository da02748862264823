/*
 * exact: leading one call from its notification to its end, as the thread's tracer.
 *
 * The straight way: SEIZE, INTERRUPT, answer, wait: the wanted stop comes when the call is over, before
 * anything else of the thread. The way again (exact_again.c): a call that was interrupted before it did
 * anything is led through once more, without a stop pending.
 *
 * Slots bound how many receivers can be in here, however long the kernel holds them (SEIZE waits for a
 * sibling's exec). They also name the threads on the way again, and the tasks that were left behind.
 *
 * Invariant: when exact_run() returns GONE or REFUSED, or after exact_release(), no task is traced by
 * this thread, but for those of a slot marked `left`.
 *
 * Sources: ptrace(2), seccomp_unotify(2).
 */
#include "sensor/notify/exact.h"

#include "base/arena.h"
#include "sensor/notify/exact_again.h"
#include "sensor/notify/feature.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SHARED_US    100
#define SHARED_TRIES 1000
#define STRAYS_MAX   8 /* looks; there are two at most, the parent and its child */

static pid_t own_tid(void)
{
    return (pid_t)syscall(SYS_gettid);
}

int exact_new(uint32_t features, struct exact **ret, struct err *err)
{
    int failed = exact_wait_signals();
    if (failed) {
        return err_set(err, failed, "signal %d is in use", EXACT_SIGNAL);
    }
    struct exact *exact = mem_zalloc(sizeof(*exact));
    if (!exact) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    exact->features = features;
    exact->runs = EXACT_RUNS_MAX;
    *ret = exact;
    return 0;
}

void exact_limit(struct exact *exact, unsigned runs)
{
    exact->runs = runs < EXACT_RUNS_MAX ? runs : EXACT_RUNS_MAX;
}

void exact_free(struct exact *exact)
{
    free(exact);
}

static bool is_over(pid_t tracer)
{
    return syscall(SYS_tgkill, getpid(), tracer, 0) != 0 && errno == ESRCH;
}

/* A slot whose tracer has ended is free: the kernel has let its task go. */
static struct exact_slot *slot_take(struct exact *exact)
{
    pid_t tracer = own_tid();
    for (unsigned i = 0; i < exact->runs; i++) {
        struct exact_slot *slot = &exact->slots[i];
        pid_t owner = 0;
        if (atomic_compare_exchange_strong(&slot->tracer, &owner, tracer)) {
            return slot;
        }
        if (atomic_load(&slot->left) != 0 && is_over(owner) &&
            atomic_compare_exchange_strong(&slot->tracer, &owner, tracer)) {
            atomic_store(&slot->left, 0);
            atomic_fetch_sub(&exact->nleft, 1);
            return slot;
        }
    }
    return NULL;
}

static void slot_give(struct exact_slot *slot)
{
    atomic_store(&slot->interrupted, 0);
    atomic_store(&slot->tid, 0);
    atomic_store(&slot->tracer, 0);
}

static void detach(const struct exact_stop *stop)
{
    ptrace(PTRACE_DETACH, stop->tid, NULL, (long)stop->signal);
}

/* It neither stops nor dies: remembered until it does, or until this thread ends. */
static void leave_behind(struct exact *exact, pid_t tid)
{
    struct exact_slot *slot = slot_take(exact);
    if (slot) {
        atomic_store(&slot->left, tid);
        atomic_fetch_add(&exact->nleft, 1);
    }
}

/* True when a task left behind by this thread is still not to be had. */
static bool is_left(struct exact *exact, struct exact_slot *slot)
{
    struct exact_stop stop;
    if (exact_look(atomic_load(&slot->left), &stop) == -EAGAIN) {
        return true;
    }
    if (stop.kind != STOP_DEAD) {
        detach(&stop);
    }
    atomic_store(&slot->left, 0);
    atomic_fetch_sub(&exact->nleft, 1);
    slot_give(slot);
    return false;
}

static bool has_left(struct exact *exact)
{
    pid_t tracer = own_tid();
    bool left = false;
    for (int i = 0; i < EXACT_RUNS_MAX; i++) {
        struct exact_slot *slot = &exact->slots[i];
        if (atomic_load(&slot->tracer) == tracer && atomic_load(&slot->left) != 0) {
            left |= is_left(exact, slot);
        }
    }
    return left;
}

bool exact_must_end(const struct exact *exact)
{
    if (atomic_load(&exact->nleft) == 0) {
        return false;
    }
    pid_t tracer = own_tid();
    for (int i = 0; i < EXACT_RUNS_MAX; i++) {
        const struct exact_slot *slot = &exact->slots[i];
        if (atomic_load(&slot->tracer) == tracer && atomic_load(&slot->left) != 0) {
            return true;
        }
    }
    return false;
}

bool exact_is_pending(const struct exact *exact, pid_t tid)
{
    if (atomic_load(&exact->npending) == 0) {
        return false;
    }
    for (int i = 0; i < EXACT_RUNS_MAX; i++) {
        if (atomic_load(&exact->slots[i].pending) == tid) {
            return true;
        }
    }
    return false;
}

/* Waits; a call that takes too long is interrupted, and must stop then. False: no stop. */
bool exact_next_stop(struct exact_run_state *run, struct exact_stop *ret)
{
    bool moves = run->call->want == EXACT_AN_EXEC;
    pid_t tid = run->call->tid;
    if (exact_wait_stop(&run->wait, tid, moves, ret) == 0) {
        return true;
    }
    run->late = true;
    ptrace(PTRACE_INTERRUPT, tid, NULL, NULL);
    exact_wait_extend(&run->wait, EXACT_STOP_MS);
    if (exact_wait_stop(&run->wait, tid, moves, ret) == 0) {
        return true;
    }
    leave_behind(run->exact, tid);
    return false;
}

/* The child's own first stop may come before or after its parent's. A parent that is killed here does not
 * tell any more which it is. */
static void child_of(struct exact_run_state *run, pid_t tid)
{
    struct exact_result *ret = run->ret;
    struct exact_stop stop;
    ret->child = exact_message_read(tid);
    if (ret->child > 0) {
        ret->end = EXACT_FORK;
        if (exact_wait_stop(&run->wait, ret->child, false, &stop) != 0) {
            leave_behind(run->exact, ret->child);
        }
    }
}

void exact_returned(struct exact_run_state *run, const struct exact_stop *stop,
                    const struct exact_registers *registers)
{
    struct exact_result *ret = run->ret;
    ret->end = EXACT_RETURNED;
    ret->tid = stop->tid;
    ret->signal = stop->signal;
    ret->restarts = !registers || registers->restarts;
    ret->result = registers ? registers->result : 0;
}

bool exact_event(struct exact_run_state *run, const struct exact_stop *stop)
{
    struct exact_result *ret = run->ret;
    switch (stop->kind) {
    case STOP_DEAD:
        ret->end = EXACT_GONE;
        return true;
    case STOP_EXEC:
        ret->end = EXACT_EXEC;
        ret->tid = stop->tid;
        ret->former_tid = exact_message_read(stop->tid);
        return true;
    case STOP_CHILD:
        child_of(run, stop->tid);
        return true;
    default:
        return false;
    }
}

static bool seize(const struct exact_call *call)
{
    static const long options[] = {
        [EXACT_RESULT] = PTRACE_O_TRACESYSGOOD,
        [EXACT_AN_EXEC] = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXEC,
        [EXACT_A_CHILD] =
            PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE,
    };
    return ptrace(PTRACE_SEIZE, call->tid, NULL, options[call->want]) == 0;
}

static void answer(struct exact_run_state *run)
{
    run->answered = run->call->answer(run->call->data) >= 0;
    run->ret->begun = run->answered;
}

/* A fork-like call gives up when a stop is wanted while it begins, but stops by itself when it has made a
 * child that is traced. */
static bool announces_itself(const struct exact_call *call)
{
    const struct seccomp_data *data = &call->notif->data;
    return call->want == EXACT_A_CHILD &&
           (data->nr != SYS_clone || !(data->args[0] & CLONE_UNTRACED));
}

/* Waits for that until the first tick, then for a stop: the call may have failed. It is not known then what
 * the registers are about, except where the kernel makes the call again. */
static bool child_stop(struct exact_run_state *run, struct exact_stop *stop)
{
    pid_t tid = run->call->tid;
    answer(run);
    exact_wait_extend(&run->wait, 0);
    bool stopped = run->answered && exact_wait_stop(&run->wait, tid, false, stop) == 0;
    exact_wait_extend(&run->wait, run->timeout_ms);
    if (stopped) {
        return true;
    }
    ptrace(PTRACE_INTERRUPT, tid, NULL, NULL);
    atomic_store(&run->slot->interrupted, tid);
    stopped = exact_next_stop(run, stop);
    atomic_store(&run->slot->interrupted, 0);
    return stopped;
}

/* Without WAIT_KILLABLE the thread stops at once; should the filter have the flag nevertheless, it only
 * does after the answer. */
static bool first_stop(struct exact_run_state *run, struct exact_stop *stop)
{
    const struct exact_call *call = run->call;
    if (announces_itself(call)) {
        return child_stop(run, stop);
    }
    ptrace(PTRACE_INTERRUPT, call->tid, NULL, NULL);
    if (!(run->exact->features & FEATURE_WAIT_KILLABLE)) {
        exact_wait_extend(&run->wait, EXACT_STOP_MS);
        int failed = exact_wait_stop(&run->wait, call->tid, false, stop);
        exact_wait_extend(&run->wait, run->timeout_ms);
        if (!failed) {
            return true;
        }
    }
    if (exact_is_disturbed(call)) {
        exact_put_off(call);
    } else {
        answer(run);
    }
    return exact_next_stop(run, stop);
}

static bool is_valid(const struct exact_call *call)
{
    return ioctl(call->listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &call->notif->id) == 0;
}

/* A signal may have taken the thread elsewhere, where being stopped could be noticed (EINTR). A filter with
 * WAIT_KILLABLE rules that out. */
static bool is_there(const struct exact *exact, const struct exact_call *call)
{
    return (exact->features & FEATURE_WAIT_KILLABLE) || is_valid(call);
}

/* Another receiver's run of the same thread. A signal may have let it out of that notification into the
 * next; or its fork has failed, which that receiver does not know yet. */
static struct exact_slot *other_run(const struct exact_run_state *run)
{
    for (unsigned i = 0; i < run->exact->runs; i++) {
        struct exact_slot *slot = &run->exact->slots[i];
        if (slot != run->slot && atomic_load(&slot->tid) == run->call->tid) {
            return slot;
        }
    }
    return NULL;
}

/* With a stop wanted for the other run, this call can be put off until that has let go. */
static bool gives_way(const struct exact_run_state *run, const struct exact_slot *other)
{
    return atomic_load(&other->interrupted) == run->call->tid && exact_put_off(run->call) == 0;
}

/* Who makes a child and is killed before it could say so leaves one behind that is traced and that nobody
 * knows: it would stand still for ever, or keep its dead process from ending. */
static void let_strays_go(struct exact_run_state *run)
{
    struct exact_stop stop;
    int found;
    exact_wait_extend(&run->wait, EXACT_STOP_MS);
    for (int i = 0; i < STRAYS_MAX && !exact_must_end(run->exact); i++) {
        found = exact_wait_tracee(&run->wait, &stop);
        if (found == -ECHILD) {
            return;
        }
        if (found == -ETIMEDOUT) {
            break;
        }
        if (stop.kind != STOP_DEAD) {
            detach(&stop);
        }
    }
    leave_behind(run->exact, run->call->tid);
}

static void follow(struct exact_run_state *run)
{
    struct exact_stop stop;
    run->ret->end = EXACT_GONE;
    if (!first_stop(run, &stop) || exact_event(run, &stop)) {
        return;
    }
    struct exact_registers registers;
    bool read = (stop.kind == STOP_TRAP || stop.kind == STOP_GROUP) &&
                exact_registers_read(stop.tid, &run->call->notif->data, &registers) == 0;
    bool undone = read && registers.restarts && stop.kind == STOP_TRAP;
    bool known = read && run->answered && !announces_itself(run->call);
    if (undone && (!run->answered || run->call->want != EXACT_RESULT)) {
        exact_again(run, &stop);
    } else {
        exact_returned(run, &stop, known ? &registers : NULL);
    }
}

/* Seizes; else the result says why not. */
static bool begin(struct exact_run_state *run)
{
    for (int i = 0; i < SHARED_TRIES; i++) {
        if (!is_there(run->exact, run->call)) {
            run->ret->end = EXACT_GONE;
            return false;
        }
        if (seize(run->call)) {
            return true;
        }
        int error = errno;
        const struct exact_slot *other = other_run(run);
        if (other && gives_way(run, other)) {
            run->ret->end = EXACT_GONE;
            return false;
        }
        if (error != EPERM || !other) {
            bool gone = error == ESRCH || !is_valid(run->call);
            run->ret->end = gone ? EXACT_GONE : EXACT_REFUSED;
            return false;
        }
        exact_wait_late(&run->wait);
        usleep(SHARED_US);
    }
    return false;
}

void exact_run(struct exact *exact, const struct exact_call *call, struct exact_result *ret)
{
    *ret = (struct exact_result){ .end = EXACT_REFUSED, .tid = call->tid };
    if ((atomic_load(&exact->nleft) != 0 && has_left(exact)) ||
        exact_restarts_too_often(exact, call)) {
        return;
    }
    struct exact_run_state run = { .exact = exact, .call = call, .ret = ret };
    run.timeout_ms = call->want == EXACT_RESULT ? EXACT_TIMEOUT_MS : EXACT_SLOW_MS;
    run.slot = slot_take(exact);
    if (!run.slot) {
        return;
    }
    atomic_store(&run.slot->tid, call->tid);
    if (exact_wait_start(&run.wait, run.timeout_ms) == 0) {
        run.wait.late = call->late;
        run.wait.data = call->data;
        run.wait.makes_tasks = call->want == EXACT_A_CHILD;
        if (begin(&run)) {
            follow(&run);
            if (call->want == EXACT_A_CHILD && ret->end == EXACT_GONE) {
                let_strays_go(&run);
            }
        }
        if (ret->restarts) {
            exact_note_restart(&run);
        }
        exact_wait_end();
    }
    slot_give(run.slot);
}

static void wait_dead(struct exact *exact, pid_t tid)
{
    struct exact_wait wait;
    struct exact_stop stop = { .kind = STOP_TRAP };
    if (exact_wait_start(&wait, EXACT_SLOW_MS) != 0) {
        leave_behind(exact, tid);
        return;
    }
    while (stop.kind != STOP_DEAD) {
        if (exact_wait_stop(&wait, tid, false, &stop) != 0) {
            leave_behind(exact, tid);
            break;
        }
    }
    exact_wait_end();
}

static void let_go(struct exact *exact, pid_t tid, int signal, bool dies)
{
    if (dies) {
        kill(tid, SIGKILL);
    }
    if (dies || (ptrace(PTRACE_DETACH, tid, NULL, (long)signal) != 0 && errno == ESRCH)) {
        wait_dead(exact, tid);
    }
}

void exact_release(struct exact *exact, pid_t tid, const struct exact_result *result, bool dies)
{
    (void)tid;
    if (result->end == EXACT_GONE || result->end == EXACT_REFUSED) {
        return;
    }
    if (result->child > 0 && !exact_must_end(exact)) {
        let_go(exact, result->child, 0, dies);
    }
    let_go(exact, result->tid, result->signal, dies);
}
