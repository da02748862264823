/*
 * exact_stop: the stops of one tracee: waiting for them with a bound, and what they show.
 *
 * Inside of exact only.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum exact_stop_kind {
    STOP_DEAD,    /* not ours to trace any more, or never was */
    STOP_TRAP,    /* asked for, or a new child's first */
    STOP_GROUP,   /* its process is stopped (SIGSTOP, ^Z) */
    STOP_SIGNAL,  /* .signal is about to be delivered */
    STOP_SYSCALL, /* entry or exit */
    STOP_EXEC,
    STOP_CHILD,
};

struct exact_stop {
    enum exact_stop_kind kind;
    pid_t tid;
    int signal; /* to go on with: else it is lost */
};

/* The thread's timer interrupts its waiting after EXACT_LATE_US and then every EXACT_TICK_MS. */
struct exact_wait {
    uint64_t deadline_ns;
    void (*late)(void *data); /* NULL, or called once when it first does */
    void *data;
    bool polls;       /* there is no timer */
    bool makes_tasks; /* so a dead one may be held back by what it made: STOP_DEAD, not buried */
};

int exact_wait_signals(void); /* once per process */
int exact_wait_start(struct exact_wait *wait, unsigned timeout_ms);
void exact_wait_extend(struct exact_wait *wait, unsigned timeout_ms); /* from now */
void exact_wait_end(void);
void exact_wait_late(struct exact_wait *wait); /* what depends on others begins */

/* The next stop of tid. `moves`: an exec may give it its process' id. -ETIMEDOUT. A dead task is buried
 * where that is this thread's part. */
int exact_wait_stop(struct exact_wait *wait, pid_t tid, bool moves, struct exact_stop *ret);
/* The next of any task that the calling thread traces. -ECHILD: there is none. */
int exact_wait_tracee(const struct exact_wait *wait, struct exact_stop *ret);
/* The same as exact_wait_stop() without waiting: -EAGAIN. */
int exact_look(pid_t tid, struct exact_stop *ret);

/* What a call's end left in the registers. Not 0: they cannot be read. */
struct seccomp_data;
struct exact_registers {
    int64_t result;
    bool restarts; /* interrupted: it has no result, the kernel will call it again */
};
int exact_registers_read(pid_t tid, const struct seccomp_data *call, struct exact_registers *ret);
/* Stopped for a signal that found it waiting for the answer: a handler without SA_RESTART would make the
 * call fail with EINTR, though it never began. Makes it start again. */
void exact_registers_restart(pid_t tid, const struct seccomp_data *call);

/* At STOP_SYSCALL. */
enum exact_side { SIDE_ENTRY, SIDE_EXIT, SIDE_OTHER /* another call, or unknown */ };
enum exact_side exact_side_read(pid_t tid, const struct seccomp_data *call,
                                struct exact_registers *ret);
/* The number that comes with STOP_EXEC and STOP_CHILD; 0 when it is gone. */
pid_t exact_message_read(pid_t tid);
