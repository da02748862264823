/*
 * The ptrace sensor's life, and what other threads ask of its tracer.
 *
 * A request lies on its caller's stack until the tracer has answered. The tracer mostly sleeps in
 * waitid(2), which only a signal ends; the signal may come just before it sleeps, so it is sent again until
 * there is an answer.
 */
#include "sensor/ptrace/ptrace_internal.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/clock.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

CLEANUP_DEFINE(struct ptrace, ptrace_free);

static void handle_nothing(int signal)
{
    (void)signal;
}

static int make_parts(struct ptrace *p, struct err *err)
{
    struct sigaction wake = { .sa_handler = handle_nothing };
    sigemptyset(&wake.sa_mask);
    if (sigaction(PTRACE_SIGNAL, &wake, NULL) != 0) {
        return err_set(err, -errno, "signal %d cannot be used", PTRACE_SIGNAL);
    }
    if (live_task_new(&p->task) < 0 || live_task_new(&p->other) < 0 ||
        live_sharers_new(&p->sharers) < 0 || limiter_new(&p->limiter) < 0) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    return resolver_new(&p->resolver, err);
}

int ptrace_new(const struct ptrace_config *config, struct ptrace **ret, struct err *err)
{
    CLEANUP(cleanup_ptrace_free) struct ptrace *p = mem_zalloc(sizeof *p);
    if (!p) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    p->config = *config;
    atomic_init(&p->deny, config->deny);
    p->ended = true;
    pthread_mutex_init(&p->requests_lock, NULL);
    pthread_cond_init(&p->asked, NULL);
    pthread_cond_init(&p->answered, NULL);
    int r = make_parts(p, err);
    if (r < 0) {
        return r;
    }
    r = pthread_create(&p->thread, NULL, tracer_main, p);
    if (r != 0) {
        return err_set(err, -r, "cannot start a thread: %s", strerror(r));
    }
    p->started = true;
    *ret = TAKE(p);
    return 0;
}

static void until(struct timespec *ret, uint64_t ms)
{
    uint64_t end = clock_real_ns() + ms * NS_PER_MS;
    ret->tv_sec = (time_t)(end / NS_PER_S);
    ret->tv_nsec = (long)(end % NS_PER_S);
}

static void wake(const struct ptrace *p)
{
    pid_t tracer = atomic_load(&p->tracer);
    if (tracer > 0) {
        syscall(SYS_tgkill, getpid(), tracer, PTRACE_SIGNAL);
    }
}

static int ask(struct ptrace *p, enum request_kind kind, int64_t pid)
{
    struct request r = { .kind = kind, .pid = (pid_t)pid };
    if (!p->started) {
        return -ESHUTDOWN;
    }
    pthread_mutex_lock(&p->requests_lock);
    struct request **end = &p->requests;
    while (*end) {
        end = &(*end)->next;
    }
    *end = &r;
    atomic_store(&p->wanted, true);
    pthread_cond_signal(&p->asked);
    while (!r.done) {
        struct timespec again;
        wake(p);
        until(&again, PTRACE_WAKE_MS);
        pthread_cond_timedwait(&p->answered, &p->requests_lock, &again);
    }
    pthread_mutex_unlock(&p->requests_lock);
    return r.result;
}

static int seized(int result, int64_t pid, struct err *err)
{
    if (result == -EPERM) {
        return err_set(
            err, result,
            "process %lld may not be traced: another tracer has it, or rights are missing",
            (long long)pid);
    }
    return result < 0 ? err_set(err, result, "cannot trace process %lld: %s", (long long)pid,
                                strerror(-result))
                      : 0;
}

int ptrace_adopt(struct ptrace *p, int64_t pid, struct err *err)
{
    return seized(ask(p, REQUEST_ADOPT, pid), pid, err);
}

int ptrace_attach(struct ptrace *p, int64_t pid, struct err *err)
{
    return seized(ask(p, REQUEST_ATTACH, pid), pid, err);
}

bool ptrace_has(struct ptrace *p, int64_t pid)
{
    return ask(p, REQUEST_ASK, pid) > 0;
}

void ptrace_drain(struct ptrace *p)
{
    ask(p, REQUEST_DRAIN, 0);
}

bool ptrace_wait_end(struct ptrace *p, int timeout_ms)
{
    struct timespec end;
    until(&end, timeout_ms > 0 ? (uint64_t)timeout_ms : 0);
    pthread_mutex_lock(&p->requests_lock);
    int r = 0;
    while (!p->ended && r != ETIMEDOUT) {
        r = timeout_ms < 0 ? pthread_cond_wait(&p->answered, &p->requests_lock)
                           : pthread_cond_timedwait(&p->answered, &p->requests_lock, &end);
    }
    bool ended = p->ended;
    pthread_mutex_unlock(&p->requests_lock);
    return ended;
}

void ptrace_get_stats(struct ptrace *p, struct ptrace_stats *ret)
{
    pthread_mutex_lock(p->config.lock);
    *ret = p->stats;
    pthread_mutex_unlock(p->config.lock);
}

void ptrace_set_deny(struct ptrace *p, bool deny)
{
    atomic_store(&p->deny, deny);
}

void ptrace_stop(struct ptrace *p)
{
    if (p->started) {
        ask(p, REQUEST_STOP, 0);
        pthread_join(p->thread, NULL);
        p->started = false;
    }
}

void ptrace_free(struct ptrace *p)
{
    if (!p) {
        return;
    }
    ptrace_stop(p);
    tracees_done(p);
    live_sharers_free(p->sharers);
    limiter_free(p->limiter);
    live_task_free(p->task);
    live_task_free(p->other);
    resolver_free(p->resolver);
    pthread_cond_destroy(&p->asked);
    pthread_cond_destroy(&p->answered);
    pthread_mutex_destroy(&p->requests_lock);
    free(p);
}
