/*
 * exits: which processes ended, by pidfds in an epoll.
 *
 * Descriptors are limited: beyond EXITS_MAX, or the process' own limit, the oldest are watched by
 * looking at /proc every second.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define EXITS_MAX 16384

struct exits;

int exits_new(struct exits **ret, struct err *err);
void exits_free(struct exits *exits);
/* Any thread may call it. -ESRCH: gone already. */
int exits_watch(struct exits *exits, int64_t pid);
/* Its pidfd, borrowed; -1 when it is not watched by one. */
int exits_pidfd(struct exits *exits, int64_t pid);
/* Waits at most timeout_ms; ids of processes that ended, at most max. Only one thread. */
int exits_wait(struct exits *exits, int timeout_ms, int64_t *ret_pids, int max);
/* Wakes the waiter. */
void exits_wake(struct exits *exits);
