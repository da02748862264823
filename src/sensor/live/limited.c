/*
 * limited: one detached thread a job. The job's state says who came first, the thread that is done or the
 * caller who gave up; a futex on it is what the caller sleeps on.
 *
 * Invariant: threads left behind are counted before their caller goes on and uncounted when they end.
 */
#include "sensor/live/limited.h"

#include "base/arena.h"
#include "base/clock.h"

#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define STACK_SIZE (256 << 10)

enum { RUNNING, DONE, ABANDONED };

struct limiter {
    atomic_uint refs; /* the owner's and the threads' */
    atomic_uint stuck;
};

int limiter_new(struct limiter **ret)
{
    struct limiter *limiter = mem_zalloc(sizeof(*limiter));
    if (!limiter) {
        return -ENOMEM;
    }
    atomic_init(&limiter->refs, 1);
    *ret = limiter;
    return 0;
}

void limiter_free(struct limiter *limiter)
{
    if (limiter && atomic_fetch_sub(&limiter->refs, 1) == 1) {
        free(limiter);
    }
}

void limited_put(struct limited_job *job)
{
    if (atomic_fetch_sub(&job->refs, 1) == 1) {
        job->free(job);
    }
}

static void *run(void *data)
{
    struct limited_job *job = data;
    struct limiter *limiter = job->limiter;
    job->run(job);
    unsigned expected = RUNNING;
    if (atomic_compare_exchange_strong(&job->state, &expected, DONE)) {
        syscall(SYS_futex, &job->state, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
    } else {
        atomic_fetch_sub(&limiter->stuck, 1);
    }
    limited_put(job);
    limiter_free(limiter);
    return NULL;
}

static int start(struct limited_job *job)
{
    pthread_t thread;
    pthread_attr_t attributes;
    sigset_t all, before;
    sigfillset(&all);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, STACK_SIZE);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int r = pthread_create(&thread, &attributes, run, job);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return -r;
}

static bool give_up(struct limited_job *job)
{
    atomic_fetch_add(&job->limiter->stuck, 1);
    unsigned expected = RUNNING;
    if (atomic_compare_exchange_strong(&job->state, &expected, ABANDONED)) {
        return true;
    }
    atomic_fetch_sub(&job->limiter->stuck, 1);
    return false;
}

int limited_run(struct limiter *limiter, struct limited_job *job, unsigned timeout_ms)
{
    if (atomic_load(&limiter->stuck) >= LIMITED_STUCK_MAX) {
        return -EBUSY;
    }
    atomic_store(&job->state, RUNNING);
    job->limiter = limiter;
    atomic_fetch_add(&job->refs, 1);
    atomic_fetch_add(&limiter->refs, 1);
    int r = start(job);
    if (r < 0) {
        atomic_fetch_sub(&job->refs, 1);
        atomic_fetch_sub(&limiter->refs, 1);
        return r;
    }
    uint64_t deadline = clock_boot_ns() + timeout_ms * NS_PER_MS;
    while (atomic_load(&job->state) == RUNNING) {
        uint64_t now = clock_boot_ns();
        if (now >= deadline) {
            return give_up(job) ? -ETIMEDOUT : 0;
        }
        struct timespec left = { .tv_sec = (time_t)((deadline - now) / NS_PER_S),
                                 .tv_nsec = (long)((deadline - now) % NS_PER_S) };
        syscall(SYS_futex, &job->state, FUTEX_WAIT_PRIVATE, RUNNING, &left, NULL, 0);
    }
    return 0;
}
