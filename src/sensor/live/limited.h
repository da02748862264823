/*
 * limited: work that a hostile file system can hang (FUSE, network), done by a thread that is left behind
 * when it takes too long.
 *
 * A job is shared by the caller and the thread; whoever lets go last frees it, with all that it holds. A
 * limiter counts its owner's threads left behind, and outlives its owner as long as there are any.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#define LIMITED_STUCK_MAX 8 /* threads left behind; more work is refused until one comes back */

struct limiter;

int limiter_new(struct limiter **ret);
void limiter_free(struct limiter *limiter);

struct limited_job {
    void (*run)(struct limited_job *job);
    void (*free)(struct limited_job *job);
    atomic_uint refs;
    atomic_uint state; /* limited's own, as what follows */
    struct limiter *limiter;
};

/* 0: done; -ETIMEDOUT: left behind, and nothing of the job but limited_put() may be touched; -EBUSY,
 * -EAGAIN, -ENOMEM: not begun. The caller's share is kept in any case. */
int limited_run(struct limiter *limiter, struct limited_job *job, unsigned timeout_ms);
/* Gives a share back. Jobs begin with one, the caller's: .refs = 1. */
void limited_put(struct limited_job *job);
