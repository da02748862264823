/*
 * exact_again: what the two ways share, and the way again. Inside of exact only.
 */
#pragma once

#include "sensor/notify/exact.h"
#include "sensor/notify/exact_stop.h"

#include <stdatomic.h>

struct exact_slot {
    _Atomic pid_t tracer;  /* 0: free */
    _Atomic pid_t tid;     /* in a run */
    _Atomic pid_t pending; /* led through its call again */
    _Atomic pid_t left;    /* still traced, after its run */
};

struct exact {
    uint32_t features;
    unsigned runs;
    _Atomic uint32_t npending, nleft;
    struct exact_slot slots[EXACT_RUNS_MAX];
};

struct exact_run_state {
    struct exact *exact;
    const struct exact_call *call;
    struct exact_result *ret;
    struct exact_slot *slot;
    struct exact_wait wait;
    unsigned timeout_ms;
    bool answered;
};

/* The next stop within the run's bound. False: the task was left behind. */
bool exact_next_stop(struct exact_run_state *run, struct exact_stop *ret);
/* Death, exec and child end the run in either way: true. */
bool exact_event(struct exact_run_state *run, const struct exact_stop *stop);
/* registers NULL: restarts, or unknown. */
void exact_returned(struct exact_run_state *run, const struct exact_stop *stop,
                    const struct exact_registers *registers);

/* From a stop after the call was interrupted and before it is made again. */
void exact_again(struct exact_run_state *run, const struct exact_stop *stop);
