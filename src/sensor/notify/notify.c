/*
 * The notify sensor's life, and its housekeeping thread: ends of processes become events, receivers that
 * hang in a page that never comes are answered for, the end of the last filtered task is noticed.
 *
 * Housekeeping wakes when a process ends and HOUSEKEEPING_MS after its last round at the latest, IDLE_MS
 * when nothing happened since; it polls the listener without waiting, for a thread that sleeps in poll on it slows every call.
 */
#include "sensor/notify/notify_internal.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define HOUSEKEEPING_MS 20
#define IDLE_MS         100
#define EXITS_AT_ONCE   64
#define DRAIN_POLL_NS   NS_PER_MS
#define SWEEP_SLOTS     4096 /* of the state, in a round */
#define SWEEP_THREADS   64
#define SWEEPS          64 /* in a row, as long as all are gone */

CLEANUP_DEFINE(struct notify, notify_free);

int notify_new(const struct notify_config *config, struct notify **ret, struct err *err)
{
    CLEANUP(cleanup_notify_free) struct notify *n = mem_zalloc(sizeof *n);
    if (!n) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    n->config = *config;
    atomic_init(&n->deny, config->deny);
    n->listener = -1;
    pthread_mutex_init(&n->own_lock, NULL);
    n->lock = config->lock ? config->lock : &n->own_lock;
    pthread_mutex_init(&n->turns, NULL);
    pthread_cond_init(&n->turn, NULL);
    n->shared = config->shared;
    if (!n->shared) {
        CLEANUP(cleanup_close) int fd = -1;
        int r = holder_shared_new(&fd, &n->shared);
        if (r < 0) {
            return err_set(err, r, "cannot make shared memory: %s", strerror(-r));
        }
        n->own_shared = true;
    }
    int r = exact_new(config->features, &n->exact, err);
    r = r == 0 ? exits_new(&n->exits, err) : r;
    if (r < 0) {
        return r;
    }
    if (live_sharers_new(&n->sharers) < 0 || path_cache_new(&n->paths) < 0) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    n->own_root = flow_root_of(getpid());
    if (!config->cache_paths) {
        path_cache_disable(n->paths);
    }
    *ret = TAKE(n);
    return 0;
}

static void tell_end(struct notify *n, int64_t tid, int status)
{
    event_of_exit(tid, status, -1, clock_real_ns(), &n->exit_made);
    n->stats.events++;
    n->config.sink.event(n->config.sink.data, &n->exit_made.event);
}

void notify_process_ended(struct notify *n, int64_t pid, int status)
{
    const struct thread *thread = state_thread(n->config.state, pid);
    if (!thread || thread->flags & THREAD_EXITED) {
        return;
    }
    tracked_left(n, pid);
    tell_end(n, pid, status);
}

void notify_pending(struct notify *n, int64_t pid, int change)
{
    pthread_mutex_lock(n->lock);
    struct tracked *tracked = tracked_process(n, pid);
    if (tracked) {
        tracked->pending += tracked->pending + change >= 0 ? change : 0;
    }
    pthread_mutex_unlock(n->lock);
}

static void end_or_defer(struct notify *n, struct exits_end end)
{
    const struct tracked *tracked = tracked_process(n, end.pid);
    if (tracked && tracked->pending > 0 && n->ndeferred < DEFERRED_MAX) {
        n->deferred[n->ndeferred++] = end;
    } else {
        notify_process_ended(n, end.pid, end.status);
    }
}

static void take_deferred(struct notify *n)
{
    struct exits_end ends[DEFERRED_MAX];
    pthread_mutex_lock(n->lock);
    unsigned count = n->ndeferred;
    memcpy(ends, n->deferred, count * sizeof(*ends));
    n->ndeferred = 0;
    for (unsigned i = 0; i < count; i++) {
        end_or_defer(n, ends[i]);
    }
    pthread_mutex_unlock(n->lock);
}

static void take_exits(struct notify *n, int timeout_ms)
{
    struct exits_end ends[EXITS_AT_ONCE];
    int count;
    do {
        count = exits_wait(n->exits, timeout_ms, ends, EXITS_AT_ONCE);
        if (count > 0) {
            pthread_mutex_lock(n->lock);
            for (int i = 0; i < count; i++) {
                end_or_defer(n, ends[i]);
            }
            pthread_mutex_unlock(n->lock);
        }
        timeout_ms = 0;
    } while (count == EXITS_AT_ONCE);
}

static void count_stuck(struct notify *n)
{
    pthread_mutex_lock(n->lock);
    n->stats.stuck++;
    pthread_mutex_unlock(n->lock);
}

/* Its page may never come: let the call go on, unseen, and let another serve. Where calls are denied it
 * would be a way around: there it is held, and refused in the end. */
static void answer_for(struct notify *n, struct receiver *r, uint64_t taken, uint64_t now)
{
    bool deny = notify_denies(n);
    struct seccomp_notif_resp resp = {
        .id = __atomic_load_n(&r->slot->notif.id, __ATOMIC_ACQUIRE),
        .error = deny ? -EPERM : 0,
        .flags = deny ? 0 : (uint32_t)SECCOMP_USER_NOTIF_FLAG_CONTINUE,
    };
    if (atomic_load(&r->slot->taken_ns) != taken) {
        return; /* it came; the id may be the next one's */
    }
    if (!deny || now > taken + NOTIFY_HELD_MS * NS_PER_MS) {
        if (resp.id && ioctl(n->listener, SECCOMP_IOCTL_NOTIF_SEND, &resp) == 0) {
            count_stuck(n);
        }
        atomic_store(&r->stuck, false);
    } else {
        atomic_store(&r->stuck, true);
    }
    if (!atomic_load(&r->slot->slow)) {
        receiver_slow(r);
    }
}

/* Better unseen than not at all, but where calls are denied. */
static void serve_for_all(struct notify *n)
{
    struct pollfd p = { .fd = n->listener, .events = POLLIN };
    while (!notify_denies(n) && receivers_are_stuck(n) && poll(&p, 1, 0) == 1 &&
           p.revents & POLLIN) {
        struct seccomp_notif notif = { 0 };
        struct seccomp_notif_resp resp = { .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };
        if (ioctl(n->listener, SECCOMP_IOCTL_NOTIF_RECV, &notif) < 0) {
            return;
        }
        resp.id = notif.id;
        ioctl(n->listener, SECCOMP_IOCTL_NOTIF_SEND, &resp);
        count_stuck(n);
    }
}

/* Neither without a processor (a loaded machine) nor waiting for another receiver. */
static bool is_hanging(const struct receiver *r)
{
    char path[48], text[24];
    snprintf(path, sizeof(path), "/proc/self/task/%u/syscall", atomic_load(&r->slot->tid));
    int fd CLEANUP(cleanup_close) = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    text[size > 0 ? size : 0] = '\0';
    return text[0] != 'r' && (size <= 0 || strtol(text, NULL, 10) != SYS_futex);
}

static void look_for_stuck(struct notify *n)
{
    struct receiver *receivers[NOTIFY_RECEIVERS_MAX];
    uint64_t now = clock_ns(CLOCK_MONOTONIC);
    pthread_mutex_lock(&n->turns);
    unsigned count = n->nreceivers;
    memcpy(receivers, n->receivers, count * sizeof(*receivers));
    pthread_mutex_unlock(&n->turns);
    for (unsigned i = 0; i < count; i++) {
        struct receiver *r = receivers[i];
        uint64_t taken = atomic_load_explicit(&r->slot->taken_ns, memory_order_acquire);
        bool slow = atomic_load(&r->slot->slow) && !atomic_load(&r->stuck);
        uint64_t passed = taken && now > taken ? now - taken : 0;
        if (passed > NOTIFY_STUCK_MS * NS_PER_MS && !slow &&
            (passed > NOTIFY_STARVED_MS * NS_PER_MS || is_hanging(r))) {
            answer_for(n, r, taken, now);
        }
    }
    serve_for_all(n);
}

/* Ends of threads that are not their process' first are told by nobody. True: all looked at were gone. */
static bool sweep_threads(struct notify *n)
{
    unsigned looked = 0, gone = 0;
    const struct thread *t;
    pthread_mutex_lock(n->lock);
    for (unsigned i = 0; i < SWEEP_SLOTS && looked < SWEEP_THREADS; i++) {
        t = state_thread_next(n->config.state, &n->swept);
        if (!t) {
            n->swept = 0;
            break;
        }
        if (t->tid == t->pid || t->flags & (THREAD_EXITED | THREAD_INVALID)) {
            continue;
        }
        looked++;
        if (syscall(SYS_tgkill, (pid_t)t->pid, (pid_t)t->tid, 0) < 0 && errno == ESRCH) {
            gone++;
            tell_end(n, t->tid, -1);
        }
    }
    pthread_mutex_unlock(n->lock);
    return looked == SWEEP_THREADS && gone == looked;
}

/* Not in a call that changes paths any more? */
static bool has_left_change(int64_t tid)
{
    char path[48], text[24];
    snprintf(path, sizeof(path), "/proc/%lld/syscall", (long long)tid);
    int fd CLEANUP(cleanup_close) = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT;
    }
    ssize_t size = read(fd, text, sizeof(text));
    return size < 0 ? errno == ESRCH : path_cache_has_left(str_from(text, (size_t)size));
}

static void look_for_changes(struct notify *n)
{
    int64_t tids[PATH_CACHE_CHANGING];
    pthread_mutex_lock(n->lock);
    unsigned count = path_cache_changing(n->paths, tids);
    pthread_mutex_unlock(n->lock);
    for (unsigned i = 0; i < count; i++) {
        if (has_left_change(tids[i])) {
            pthread_mutex_lock(n->lock);
            path_cache_changed(n->paths, tids[i]);
            pthread_mutex_unlock(n->lock);
        }
    }
}

static bool is_over(const struct notify *n)
{
    struct pollfd p = { .fd = n->listener };
    return poll(&p, 1, 0) == 1 && p.revents & (POLLHUP | POLLNVAL);
}

/* Anything since the last round, or still under way? */
static bool is_busy(struct notify *n, uint64_t *last)
{
    int64_t tids[PATH_CACHE_CHANGING];
    pthread_mutex_lock(n->lock);
    uint64_t now = n->stats.notifications + n->stats.events;
    bool busy = now != *last || n->ndeferred > 0 || path_cache_changing(n->paths, tids) > 0;
    *last = now;
    pthread_mutex_unlock(n->lock);
    return busy;
}

static void *housekeeper_main(void *data)
{
    struct notify *n = data;
    uint64_t last = 0;
    prctl(PR_SET_NAME, "notify-keeper", 0, 0, 0);
    while (!atomic_load(&n->stopping)) {
        uint64_t drains = atomic_load(&n->drains_wanted);
        int pause_ms = is_busy(n, &last) ? HOUSEKEEPING_MS : IDLE_MS;
        take_exits(n, drains == atomic_load(&n->drains_done) ? pause_ms : 0);
        take_deferred(n);
        atomic_store(&n->drains_done, drains);
        look_for_stuck(n);
        look_for_changes(n);
        for (unsigned i = 0; i < SWEEPS && sweep_threads(n); i++) {
        }
        if (is_over(n)) {
            atomic_store(&n->ended, true);
        }
    }
    return NULL;
}

int notify_serve(struct notify *n, int listener, struct err *err)
{
    n->listener = listener;
    int r = listener_setup(listener, n->config.features);
    if (r < 0) {
        return err_set(err, r, "cannot set up the listener: %s", strerror(-r));
    }
    r = receivers_start(n, err);
    if (r < 0) {
        return r;
    }
    r = pthread_create(&n->housekeeper, NULL, housekeeper_main, n);
    if (r != 0) {
        return err_set(err, -r, "cannot start a thread: %s", strerror(r));
    }
    n->housekeeping = true;
    return 0;
}

bool notify_wait_end(struct notify *n, int timeout_ms)
{
    uint64_t end = clock_boot_ns() + (uint64_t)(timeout_ms > 0 ? timeout_ms : 0) * NS_PER_MS;
    while (!atomic_load(&n->ended)) {
        if (timeout_ms >= 0 && clock_boot_ns() >= end) {
            return false;
        }
        struct timespec pause = { 0, timeout_ms < 0 ? HOUSEKEEPING_MS * (long)NS_PER_MS
                                                    : (long)DRAIN_POLL_NS };
        nanosleep(&pause, NULL);
    }
    return true;
}

static bool has_deferred(struct notify *n)
{
    pthread_mutex_lock(n->lock);
    bool has = n->ndeferred > 0;
    pthread_mutex_unlock(n->lock);
    return has;
}

static bool is_working(struct notify *n)
{
    pthread_mutex_lock(&n->turns);
    bool working = has_deferred(n);
    for (unsigned i = 0; i < n->nreceivers; i++) {
        working |= atomic_load(&n->receivers[i]->slot->taken_ns) != 0;
    }
    pthread_mutex_unlock(&n->turns);
    return working;
}

void notify_drain(struct notify *n)
{
    if (!n->housekeeping) {
        return;
    }
    struct timespec pause = { 0, (long)DRAIN_POLL_NS };
    uint64_t end = clock_boot_ns() + NS_PER_S;
    uint64_t ticket = atomic_fetch_add(&n->drains_wanted, 1) + 1;
    exits_wake(n->exits);
    while (atomic_load(&n->drains_done) < ticket && clock_boot_ns() < end) {
        nanosleep(&pause, NULL);
    }
    while (is_working(n) && clock_boot_ns() < end) {
        nanosleep(&pause, NULL);
    }
}

void notify_get_stats(struct notify *n, struct notify_stats *ret)
{
    pthread_mutex_lock(n->lock);
    *ret = n->stats;
    pthread_mutex_unlock(n->lock);
}

void notify_set_deny(struct notify *n, bool deny)
{
    atomic_store(&n->deny, deny);
}

void notify_stop(struct notify *n)
{
    atomic_store(&n->stopping, true);
    if (n->housekeeping) {
        exits_wake(n->exits);
        pthread_join(n->housekeeper, NULL);
        n->housekeeping = false;
    }
    receivers_stop(n);
}

void notify_free(struct notify *n)
{
    if (!n) {
        return;
    }
    notify_stop(n);
    if (n->listener >= 0) {
        close(n->listener);
    }
    exits_free(n->exits);
    live_sharers_free(n->sharers);
    path_cache_free(n->paths);
    exact_free(n->exact);
    tracked_done(n);
    if (n->own_shared) {
        holder_shared_free(n->shared);
    }
    pthread_cond_destroy(&n->turn);
    pthread_mutex_destroy(&n->turns);
    pthread_mutex_destroy(&n->own_lock);
    free(n);
}
