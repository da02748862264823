/*
 * exact_loop: a small supervisor for tests of exact mode: a program (a function in a child) under a filter
 * that notifies the chosen calls, receivers that run each of them exactly, and a tally of what came out.
 */
#pragma once

#include "sensor/notify/exact.h"

#include <linux/seccomp.h>
#include <pthread.h>
#include <stdatomic.h>

#define LOOP_RECEIVERS     4
#define LOOP_RECEIVERS_MAX 16
#define LOOP_SEEN_MAX      20000
#define LOOP_PATH_MAX      64

struct loop_seen {
    int nr;
    struct exact_result result;
    uint64_t
        inode; /* of what the returned descriptor is, or the new image, while the thread stood still */
    char state; /* of the child, while it stood still */
};

/* Shared with the program. */
struct loop_page {
    _Atomic int64_t n;
    int64_t got[LOOP_SEEN_MAX];
    uint64_t inode[LOOP_SEEN_MAX];
    _Atomic int flags[16];
};

struct loop {
    bool killable;  /* SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV; else the 5.10 way */
    bool plain;     /* answer only, never exact: for comparison */
    bool kills;     /* release with SIGKILL */
    int receivers;  /* 0: LOOP_RECEIVERS */
    unsigned limit; /* exact_limit; 0: none */
    int calls[16];  /* ended by -1 */
    int (*program)(struct loop *loop);
    void *argument;

    /* For programs, and results. */
    struct loop_page *page;
    struct exact *exact;
    int listener;
    pid_t pid;
    int pidfd;
    int status; /* waitpid's */
    _Atomic int nseen, refused, gone, restarted, pending, ended;
    struct loop_seen *seen; /* LOOP_SEEN_MAX; EXACT_RETURNED (no restarts), EXEC, FORK in order */
};

/* Runs it to its end. */
void loop_run(struct loop *loop);
/* In three steps, for tests that act meanwhile. */
void loop_start(struct loop *loop, pthread_t *receivers);
void loop_end(struct loop *loop, pthread_t *receivers);
void loop_done(struct loop *loop);
/* Nothing of this process is traced or left, no descriptor is open beyond the given number. */
int loop_count_descriptors(void);
