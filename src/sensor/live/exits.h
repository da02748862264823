/*
 * exits: which processes ended, by pidfds in an epoll.
 *
 * Descriptors are limited: exits_new() raises this process' own limit to its hard one. Beyond EXITS_MAX, or half of that limit, the oldest
 * are watched by looking at /proc every second. Each watched process is reported once.
 *
 * Threads: any thread may watch and wake; only one may wait.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define EXITS_MAX         16384
#define EXITS_WATCHED_MAX (1 << 20) /* with those that have no descriptor */

struct exits;

struct exits_end {
    int64_t pid;
    int status; /* as of wait(2); -1 unknown */
};

int exits_new(struct exits **ret, struct err *err);
void exits_free(struct exits *exits);
/* 0, also when it is watched already. -ESRCH: gone already; -EINVAL: a thread, no process; -ENOSPC. */
int exits_watch(struct exits *exits, int64_t pid);
/* Its pidfd, borrowed until its end is reported; -1 when it is not watched by one. */
int exits_pidfd(struct exits *exits, int64_t pid);
/* Waits at most timeout_ms (-1: for ever); processes that ended, at most max; 0: woken or nothing. */
int exits_wait(struct exits *exits, int timeout_ms, struct exits_end *ret, int max);
/* Wakes the waiter. */
void exits_wake(struct exits *exits);
