/*
 * Receivers: threads that take turns at the listener.
 *
 * `wanted` of them serve at once: one where the kernel wakes receiver and caller on one CPU
 * (SYNC_WAKE_UP), else as many as there are CPUs, which spin a little before they sleep. Whoever begins
 * something slow gives its turn to a spare, which is started when there is none. Each receives straight
 * into its slot of the shared memory, which it clears only after it has answered: whoever takes over from a
 * dead agent finds there what is owed.
 *
 * SYNC_WAKE_UP puts a caller where its receiver runs. Callers that take turns would so gather on one CPU, and the
 * others be idle until the kernel balances load, milliseconds later: such callers are woken the ordinary way.
 *
 * RECV ignores O_NONBLOCK; a signal whose handler does nothing wakes those who have to stop.
 */
#include "sensor/notify/notify_internal.h"

#include "base/arena.h"
#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define WAKE_SIGNAL SIGRTMIN
#define SPIN_NS     UINT64_C(50000)
#define CROWD_NS    (4 * NS_PER_MS)
#define STOP_RETRY  (10 * NS_PER_MS)

static void ignore_signal(int number)
{
    (void)number;
}

static uint64_t now_ns(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

static bool notify_is_sync(const struct notify *n)
{
    return n->config.features & FEATURE_SYNC_WAKE_UP;
}

static void spin(const struct notify *n)
{
    struct pollfd p = { .fd = n->listener, .events = POLLIN };
    uint64_t end = now_ns() + SPIN_NS;
    while (poll(&p, 1, 0) == 0 && now_ns() < end) {
    }
}

static bool is_hung_up(const struct notify *n)
{
    struct pollfd p = { .fd = n->listener };
    return poll(&p, 1, 0) == 1 && p.revents & POLLHUP;
}

bool receiver_is_wanted(const struct receiver *r)
{
    struct pollfd p = { .fd = r->notify->listener, .events = POLLIN };
    return poll(&p, 1, 0) == 1 && p.revents & POLLIN;
}

/* False: no more will come. */
static bool receive(struct receiver *r)
{
    struct notify *n = r->notify;
    memset(&r->slot->notif, 0, sizeof(r->slot->notif));
    if (ioctl(n->listener, SECCOMP_IOCTL_NOTIF_RECV, &r->slot->notif) == 0) {
        atomic_store_explicit(&r->slot->taken_ns, now_ns(), memory_order_release);
        return true;
    }
    r->slot->notif.id = 0;
    if ((errno == ENOENT && is_hung_up(n)) || (errno != EINTR && errno != ENOENT)) {
        atomic_store(&n->ended, true);
        exits_wake(n->exits);
        return false;
    }
    return true;
}

/* Did another thread call just now? Unlocked: a race makes one wake-up slower. */
static bool is_crowded(struct notify *n, uint32_t tid)
{
    uint64_t now = now_ns();
    if (atomic_load_explicit(&n->caller, memory_order_relaxed) != tid) {
        atomic_store_explicit(&n->caller, tid, memory_order_relaxed);
        atomic_store_explicit(&n->other_ns,
                              atomic_load_explicit(&n->caller_ns, memory_order_relaxed),
                              memory_order_relaxed);
    }
    atomic_store_explicit(&n->caller_ns, now, memory_order_relaxed);
    return now - atomic_load_explicit(&n->other_ns, memory_order_relaxed) < CROWD_NS;
}

static int send_answer(struct notify *n, struct seccomp_notif_resp *resp, uint32_t tid)
{
    bool crowded = n->cpus > 1 && notify_is_sync(n) && is_crowded(n, tid);
    if (crowded) {
        listener_wake_here(n->listener, false);
    }
    int r = ioctl(n->listener, SECCOMP_IOCTL_NOTIF_SEND, resp) < 0 ? -errno : 0;
    if (crowded) {
        listener_wake_here(n->listener, true);
    }
    return r;
}

int receiver_answer(struct receiver *r, int error)
{
    struct seccomp_notif_resp resp = {
        .id = r->slot->notif.id,
        .error = -error,
        .flags = error ? 0 : (uint32_t)SECCOMP_USER_NOTIF_FLAG_CONTINUE,
    };
    r->answered = true;
    int sent = send_answer(r->notify, &resp, r->slot->notif.pid);
    r->gone |= sent < 0;
    return sent;
}

static void clear_slot(struct receiver *r)
{
    atomic_store(&r->stuck, false);
    atomic_store(&r->slot->slow, 0);
    atomic_store(&r->slot->taken_ns, 0);
    r->slot->notif.id = 0;
    atomic_fetch_add(&r->slot->progress, 1);
}

static void serve_one(struct receiver *r)
{
    if (r->slot->notif.id == 0) {
        return;
    }
    r->answered = false;
    r->gone = false;
    if (exact_is_pending(r->notify->exact, (pid_t)r->slot->notif.pid)) {
        receiver_answer(r, 0);
    } else {
        flow_handle(r);
    }
    if (!r->answered) {
        receiver_answer(r, 0);
    }
    clear_slot(r);
}

/* Under `turns`. */
static void give_turn(struct receiver *r)
{
    if (r->state == RECEIVER_SERVING) {
        r->notify->serving--;
        r->state = RECEIVER_SLOW;
    }
}

static bool take_turn(struct receiver *r)
{
    struct notify *n = r->notify;
    pthread_mutex_lock(&n->turns);
    while (r->state != RECEIVER_SERVING && !atomic_load(&n->stopping)) {
        if (n->serving < n->wanted) {
            n->serving++;
            r->state = RECEIVER_SERVING;
            break;
        }
        r->state = RECEIVER_SPARE;
        n->spares++;
        pthread_cond_wait(&n->turn, &n->turns);
        n->spares--;
    }
    pthread_mutex_unlock(&n->turns);
    return !atomic_load(&n->stopping);
}

static void only_wake_signal(void)
{
    sigset_t set;
    sigfillset(&set);
    sigdelset(&set, WAKE_SIGNAL);
    sigdelset(&set, EXACT_SIGNAL);
    pthread_sigmask(SIG_SETMASK, &set, NULL);
}

static void *receiver_main(void *data)
{
    struct receiver *r = data;
    only_wake_signal();
    prctl(PR_SET_NAME, "notify", 0, 0, 0);
    atomic_store(&r->slot->tid, (uint32_t)syscall(SYS_gettid));
    bool was_busy = false;
    while (take_turn(r)) {
        if (was_busy && !notify_is_sync(r->notify)) {
            spin(r->notify);
        }
        if (!receive(r)) {
            break;
        }
        was_busy = r->slot->notif.id != 0;
        serve_one(r);
        if (exact_must_end(r->notify->exact)) {
            receiver_slow(r);
            break;
        }
    }
    atomic_store(&r->slot->slow, 0);
    pthread_mutex_lock(&r->notify->turns);
    give_turn(r);
    r->state = RECEIVER_OVER;
    pthread_mutex_unlock(&r->notify->turns);
    return NULL;
}

/* The resolver belongs to its thread. */
static int receiver_begin(struct receiver *r)
{
    resolver_free(r->resolver);
    r->resolver = NULL;
    int error = resolver_new(&r->resolver, NULL);
    r->state = RECEIVER_SPARE;
    error = error == 0 ? -pthread_create(&r->thread, NULL, receiver_main, r) : error;
    r->started = error == 0;
    r->state = error < 0 ? RECEIVER_OVER : r->state;
    return error;
}

/* In the place of one that had to end. Under `turns`. */
static bool receiver_replace(struct notify *n)
{
    for (unsigned i = 0; i < n->nreceivers; i++) {
        struct receiver *r = n->receivers[i];
        if (r->state == RECEIVER_OVER) {
            if (r->started) {
                pthread_join(r->thread, NULL);
                r->started = false;
            }
            return receiver_begin(r) == 0;
        }
    }
    return false;
}

static void receiver_free(struct receiver *r)
{
    if (r) {
        resolver_free(r->resolver);
        live_task_free(r->task);
        live_task_free(r->other);
        free(r);
    }
}

/* Under `turns`. */
static int receiver_add(struct notify *n)
{
    if (atomic_load(&n->stopping)) {
        return -ESHUTDOWN; /* they are being freed */
    }
    if (receiver_replace(n)) {
        return 0;
    }
    if (n->nreceivers == NOTIFY_RECEIVERS_MAX) {
        return -EAGAIN;
    }
    struct receiver *r = mem_zalloc(sizeof *r);
    if (!r) {
        return -ENOMEM;
    }
    r->notify = n;
    r->slot = &n->shared->slots[n->nreceivers];
    int error = live_task_new(&r->task) < 0 || live_task_new(&r->other) < 0 ? -ENOMEM : 0;
    error = error == 0 ? receiver_begin(r) : error;
    if (error < 0) {
        receiver_free(r);
        return error;
    }
    n->receivers[n->nreceivers++] = r;
    return 0;
}

void receiver_slow(struct receiver *r)
{
    struct notify *n = r->notify;
    atomic_store(&r->slot->slow, 1);
    pthread_mutex_lock(&n->turns);
    give_turn(r);
    if (n->serving < n->wanted) {
        if (n->spares > 0) {
            pthread_cond_signal(&n->turn);
        } else {
            receiver_add(n);
        }
    }
    pthread_mutex_unlock(&n->turns);
}

bool receivers_are_stuck(struct notify *n)
{
    pthread_mutex_lock(&n->turns);
    bool stuck = n->serving == 0 && n->spares == 0 && n->nreceivers == NOTIFY_RECEIVERS_MAX;
    for (unsigned i = 0; i < n->nreceivers; i++) {
        stuck &= n->receivers[i]->state == RECEIVER_SLOW &&
                 atomic_load(&n->receivers[i]->slot->taken_ns) != 0;
    }
    pthread_mutex_unlock(&n->turns);
    return stuck;
}

int receivers_start(struct notify *n, struct err *err)
{
    struct sigaction wake = { .sa_handler = ignore_signal };
    sigaction(WAKE_SIGNAL, &wake, NULL);
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    n->cpus = cpus > 0 ? (unsigned)cpus : 1;
    n->wanted = n->config.serving ? n->config.serving : notify_is_sync(n) ? 1 : n->cpus;
    if (n->wanted > NOTIFY_RECEIVERS_MAX / 2) {
        n->wanted = NOTIFY_RECEIVERS_MAX / 2;
    }
    int r = 0;
    pthread_mutex_lock(&n->turns);
    for (unsigned i = 0; i < n->wanted + 1 && r == 0; i++) {
        r = receiver_add(n);
    }
    pthread_mutex_unlock(&n->turns);
    return r < 0 ? err_set(err, r, "cannot start a receiver: %s", strerror(-r)) : 0;
}

static void receiver_join(struct receiver *r)
{
    struct timespec until;
    do {
        pthread_kill(r->thread, WAKE_SIGNAL);
        uint64_t end = clock_real_ns() + STOP_RETRY;
        until.tv_sec = (time_t)(end / NS_PER_S);
        until.tv_nsec = (long)(end % NS_PER_S);
    } while (pthread_timedjoin_np(r->thread, NULL, &until) != 0);
}

void receivers_stop(struct notify *n)
{
    atomic_store(&n->stopping, true);
    pthread_mutex_lock(&n->turns);
    pthread_cond_broadcast(&n->turn);
    pthread_mutex_unlock(&n->turns);
    for (unsigned i = 0; i < n->nreceivers; i++) {
        if (n->receivers[i]->started) {
            receiver_join(n->receivers[i]);
        }
        receiver_free(n->receivers[i]);
    }
    n->nreceivers = 0;
}
