/*
 * exact_again: what the two ways share, and the way again. Inside of exact only.
 */
#pragma once

#include "sensor/notify/exact.h"
#include "sensor/notify/exact_stop.h"

#include <stdatomic.h>

#define EXACT_RESTARTED 64

struct exact_slot {
    _Atomic pid_t tracer;      /* 0: free */
    _Atomic pid_t tid;         /* in a run */
    _Atomic pid_t pending;     /* led through its call again */
    _Atomic pid_t left;        /* still traced, after its run */
    _Atomic pid_t interrupted; /* a stop is wanted, whatever it does */
};

struct exact {
    uint32_t features;
    unsigned runs;
    _Atomic uint32_t npending, nleft;
    struct exact_slot slots[EXACT_RUNS_MAX];
    _Atomic uint64_t restarted[EXACT_RESTARTED]; /* thread, its call's fingerprint, how often */
};

struct exact_run_state {
    struct exact *exact;
    const struct exact_call *call;
    struct exact_result *ret;
    struct exact_slot *slot;
    struct exact_wait wait;
    unsigned timeout_ms;
    bool answered;
    bool late; /* it had to be interrupted */
};

/* The next stop within the run's bound. False: the task was left behind. */
bool exact_next_stop(struct exact_run_state *run, struct exact_stop *ret);
/* Death, exec and child end the run in either way: true. */
bool exact_event(struct exact_run_state *run, const struct exact_stop *stop);
/* registers NULL: restarts, or unknown. */
void exact_returned(struct exact_run_state *run, const struct exact_stop *stop,
                    const struct exact_registers *registers);

/* Has this call restarted too often? Then it is forgotten. */
bool exact_restarts_too_often(struct exact *exact, const struct exact_call *call);
void exact_note_restart(struct exact_run_state *run);

/* Does the call behave otherwise while a stop is wanted? */
bool exact_is_disturbed(const struct exact_call *call);
/* Answers such that the kernel makes the call again, once the wanted stop is over. */
int exact_put_off(const struct exact_call *call);

/* From a stop after the call was interrupted and before it is made again. */
void exact_again(struct exact_run_state *run, const struct exact_stop *stop);
