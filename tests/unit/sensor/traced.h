/*
 * traced: a program of the test's own under the ptrace sensor, and what the sensor says of it.
 */
#pragma once

#include "sensor/ptrace/ptrace.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define TRACED_EVENTS 8192
#define TRACED_TEXT   128

/* How the sensor is run: each test is run in each way. */
struct traced_way {
    const char *name;
    bool filter, old_kernel;
};

#define TRACED_WAYS 4
extern const struct traced_way traced_ways[TRACED_WAYS];

struct traced_event {
    uint16_t name, kind;
    int64_t tid, result;
    uint8_t outcome, via;
    bool exact;
    char path[TRACED_TEXT]; /* the kernel's, or of an exec the program's name */
};

/* Shared with the program. */
struct traced_page {
    int64_t got[4096];
    int n;
};

struct traced {
    const struct traced_way *way;
    struct traced_page *page;
    bool deny, exit_kill;
    const char *denied; /* calls on this path, and execs of it, are refused */
    const char *killed; /* execs of it are only seen when they have happened */
    int64_t protected;  /* 0 none */
    int (*program)(struct traced *traced);
    struct state *state;
    pthread_mutex_t lock;
    struct ptrace *ptrace;
    struct ptrace_stats stats;
    pid_t pid;
    int go[2]; /* read, write */
    int status;
    int nevents;
    struct traced_event events[TRACED_EVENTS];
};

/* Cleared, with its page; traced_done() frees it. */
struct traced *traced_new(const struct traced_way *way);
void traced_done(struct traced *traced);
/* All of it: the program is made, watched, waited for. */
void traced_run(struct traced *traced);
/* Its parts. */
void traced_sensor(struct traced *traced);
void traced_start(struct traced *traced);
void traced_go(struct traced *traced);
void traced_reap(struct traced *traced);
void traced_finish(struct traced *traced);
/* Events of a call with this name, from *cursor = 0. */
const struct traced_event *traced_next(const struct traced *traced, uint16_t name, int *cursor);
int traced_count(const struct traced *traced, uint16_t name);
