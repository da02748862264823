/*
 * exits: a watch for each process: by a pidfd in the epoll, or (polled) by its start time in /proc.
 *
 * Shape: watches lie in a slab and are found by pid; those with a pidfd form a list by age, whose head
 * loses its descriptor when a younger one needs it; the polled ones form another. The epoll carries slab
 * indexes. What ended while it was being watched anew (its number came back) waits in `ended`.
 *
 * Invariants: everything but the epoll's wait happens under the lock; since an index may have been reused
 * between the wait and the lock, each readiness is confirmed by poll(2) on the watch's own pidfd. A watch
 * is removed in the moment its end is handed out: none is lost, none comes twice.
 */
#include "sensor/live/exits.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/slab.h"
#include "sensor/live/exit_status.h"
#include "sensor/live/proc_file.h"
#include "sensor/live/proc_text.h"
#include "sensor/live/task.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#define EVENTS_MAX           64
#define POLL_NS              NS_PER_S
#define STAT_SIZE            1024
#define WAKE_INDEX           UINT64_MAX
#define STATE_THREADS_COLUMN 17

struct watch {
    struct watch *before, *after; /* in its list */
    int64_t pid;
    uint64_t start_ticks; /* polled ones */
    uint32_t index;
    int pidfd; /* -1: polled */
};

struct watch_list {
    struct watch *first, *last;
    uint32_t n;
};

struct exits {
    pthread_mutex_t lock;
    int epoll, wake;
    uint32_t pidfds_max;
    struct slab slab;
    struct map by_pid;
    struct watch_list by_pidfd, polled, ended;
    uint64_t polled_ns; /* when those were looked at last */
};

static void list_append(struct watch_list *list, struct watch *watch)
{
    watch->before = list->last;
    watch->after = NULL;
    *(list->last ? &list->last->after : &list->first) = watch;
    list->last = watch;
    list->n++;
}

static void list_remove(struct watch_list *list, struct watch *watch)
{
    *(watch->before ? &watch->before->after : &list->first) = watch->after;
    *(watch->after ? &watch->after->before : &list->last) = watch->before;
    list->n--;
}

static void unlock(pthread_mutex_t **lock)
{
    pthread_mutex_unlock(*lock);
}

#define LOCKED(exits)                                                                              \
    pthread_mutex_t *locked_ CLEANUP(unlock) = &(exits)->lock;                                     \
    pthread_mutex_lock(locked_)

/* Half of what we may open; the rest is for everything else. */
static void raise_limit(struct exits *exits)
{
    struct rlimit old = { 1024, 1024 };
    getrlimit(RLIMIT_NOFILE, &old);
    struct rlimit limit = { old.rlim_max, old.rlim_max };
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0) {
        limit = old;
    }
    exits->pidfds_max = limit.rlim_cur / 2 < EXITS_MAX ? (uint32_t)(limit.rlim_cur / 2) : EXITS_MAX;
}

static int open_both(struct exits *exits, struct err *err)
{
    exits->epoll = epoll_create1(EPOLL_CLOEXEC);
    exits->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    struct epoll_event event = { .events = EPOLLIN, .data.u64 = WAKE_INDEX };
    if (exits->epoll < 0 || exits->wake < 0 ||
        epoll_ctl(exits->epoll, EPOLL_CTL_ADD, exits->wake, &event) < 0) {
        return err_set(err, -errno, "cannot watch for processes that end: %m");
    }
    return 0;
}

int exits_new(struct exits **ret, struct err *err)
{
    struct exits *exits = mem_zalloc(sizeof(*exits));
    if (!exits) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    pthread_mutex_init(&exits->lock, NULL);
    slab_init(&exits->slab, sizeof(struct watch), EXITS_WATCHED_MAX);
    int r = open_both(exits, err);
    if (r < 0) {
        exits_free(exits);
        return r;
    }
    raise_limit(exits);
    *ret = exits;
    return 0;
}

static void close_all(struct watch_list *list)
{
    for (struct watch *watch = list->first; watch; watch = watch->after) {
        cleanup_close(&watch->pidfd);
    }
}

void exits_free(struct exits *exits)
{
    if (!exits) {
        return;
    }
    close_all(&exits->by_pidfd);
    close_all(&exits->ended);
    cleanup_close(&exits->epoll);
    cleanup_close(&exits->wake);
    map_done(&exits->by_pid);
    slab_done(&exits->slab);
    pthread_mutex_destroy(&exits->lock);
    free(exits);
}

/* Its start, and whether it lives: -ESRCH when it is gone or has ended but for being waited for. */
static int look(int64_t pid, uint64_t *ret_start_ticks)
{
    char text[STAT_SIZE];
    struct live_task task = { 0 };
    struct str comm;
    int dir CLEANUP(cleanup_close) = proc_open(pid);
    ssize_t n = dir < 0 ? dir : proc_read(dir, "stat", text, sizeof(text));
    struct str s = str_from(text, n > 0 ? (size_t)n : 0);
    if (proc_stat(&task, s, &comm) < 0) {
        return -ESRCH;
    }
    s = str_from_offset(s, (size_t)(str_find_last(s, ')') + 1));
    struct str state = proc_word(&s);
    uint64_t threads = 1;
    for (unsigned i = 1; i < STATE_THREADS_COLUMN; i++) {
        proc_word(&s);
    }
    proc_number(&s, &threads);
    if (state.n == 1 && (*state.p == 'Z' || *state.p == 'X') && threads <= 1) {
        return -ESRCH;
    }
    *ret_start_ticks = task.start_ticks;
    return 0;
}

static bool has_ended(int pidfd)
{
    struct pollfd poller = { .fd = pidfd, .events = POLLIN };
    return poll(&poller, 1, 0) == 1;
}

/* The oldest watch gives its descriptor up, unless its process has just ended. */
static void demote_oldest(struct exits *exits)
{
    struct watch *watch = exits->by_pidfd.first;
    if (!watch || look(watch->pid, &watch->start_ticks) < 0 || has_ended(watch->pidfd)) {
        return;
    }
    list_remove(&exits->by_pidfd, watch);
    close(watch->pidfd);
    watch->pidfd = -1;
    list_append(&exits->polled, watch);
}

/* A pidfd in the epoll; -errno, -ENOSYS and the like when it has to be polled. */
static int arm(struct exits *exits, struct watch *watch)
{
    int pidfd CLEANUP(cleanup_close) = (int)syscall(SYS_pidfd_open, (pid_t)watch->pid, 0);
    struct epoll_event event = { .events = EPOLLIN, .data.u64 = watch->index };
    if (pidfd < 0 || epoll_ctl(exits->epoll, EPOLL_CTL_ADD, pidfd, &event) < 0) {
        return -errno;
    }
    watch->pidfd = TAKE_FD(pidfd);
    list_append(&exits->by_pidfd, watch);
    return 0;
}

static int watch_start(struct exits *exits, struct watch *watch)
{
    if (exits->by_pidfd.n >= exits->pidfds_max) {
        demote_oldest(exits);
    }
    int r = exits->by_pidfd.n < exits->pidfds_max ? arm(exits, watch) : -EMFILE;
    if (r == 0 || r == -ESRCH || r == -EINVAL) {
        return r;
    }
    r = look(watch->pid, &watch->start_ticks);
    if (r == 0) {
        list_append(&exits->polled, watch);
        if (exits->polled.n == 1) {
            exits_wake(exits);
        }
    }
    return r;
}

static bool is_same_process(struct watch *watch)
{
    uint64_t start = 0;
    return watch->pidfd >= 0 ? !has_ended(watch->pidfd)
                             : look(watch->pid, &start) == 0 && start == watch->start_ticks;
}

/* Its end is known but not handed out yet: the number may be watched anew. */
static void set_aside(struct exits *exits, struct watch *watch)
{
    list_remove(watch->pidfd >= 0 ? &exits->by_pidfd : &exits->polled, watch);
    if (watch->pidfd >= 0) {
        epoll_ctl(exits->epoll, EPOLL_CTL_DEL, watch->pidfd, NULL);
    }
    map_remove(&exits->by_pid, (uint64_t)watch->pid);
    list_append(&exits->ended, watch);
}

int exits_watch(struct exits *exits, int64_t pid)
{
    if (pid <= 0 || pid > INT32_MAX) {
        return -ESRCH;
    }
    LOCKED(exits);
    struct watch *known = map_get(&exits->by_pid, (uint64_t)pid);
    if (known && is_same_process(known)) {
        return 0;
    }
    if (known) {
        set_aside(exits, known);
        exits_wake(exits);
    }
    uint32_t index;
    struct watch *watch = slab_take(&exits->slab, &index);
    if (!watch) {
        return -ENOSPC;
    }
    *watch = (struct watch){ .pid = pid, .index = index, .pidfd = -1 };
    int r = map_put(&exits->by_pid, (uint64_t)pid, watch);
    r = r == 0 ? watch_start(exits, watch) : r;
    if (r < 0) {
        map_remove(&exits->by_pid, (uint64_t)pid);
        slab_give(&exits->slab, index);
    }
    return r;
}

int exits_pidfd(struct exits *exits, int64_t pid)
{
    LOCKED(exits);
    const struct watch *watch = map_get(&exits->by_pid, (uint64_t)pid);
    return watch ? watch->pidfd : -1;
}

void exits_wake(struct exits *exits)
{
    uint64_t one = 1;
    ssize_t n = write(exits->wake, &one, sizeof(one));
    (void)n; /* full: awake already */
}

/* Hands the oldest of those set aside out. */
static void report(struct exits *exits, struct exits_end *ret)
{
    struct watch *watch = exits->ended.first;
    *ret = (struct exits_end){
        .pid = watch->pid,
        .status = watch->pidfd >= 0 ? exit_status(watch->pidfd, watch->pid) : -1,
    };
    list_remove(&exits->ended, watch);
    cleanup_close(&watch->pidfd);
    slab_give(&exits->slab, watch->index);
}

static int report_all(struct exits *exits, struct exits_end *ret, int max)
{
    int n = 0;
    while (n < max && exits->ended.first) {
        report(exits, &ret[n++]);
    }
    return n;
}

/* True: somebody woke us. */
static bool confirm(struct exits *exits, const struct epoll_event *event)
{
    uint64_t count;
    if (event->data.u64 == WAKE_INDEX) {
        ssize_t n = read(exits->wake, &count, sizeof(count));
        return n > 0;
    }
    struct watch *watch = slab_at(&exits->slab, (uint32_t)event->data.u64);
    if (map_get(&exits->by_pid, (uint64_t)watch->pid) == watch && watch->pidfd >= 0 &&
        has_ended(watch->pidfd)) {
        set_aside(exits, watch);
    }
    return false;
}

static void look_at_polled(struct exits *exits)
{
    uint64_t now = clock_boot_ns();
    if (exits->polled.n == 0 || now - exits->polled_ns < POLL_NS) {
        return;
    }
    exits->polled_ns = now;
    for (struct watch *watch = exits->polled.first, *next; watch; watch = next) {
        next = watch->after;
        if (!is_same_process(watch)) {
            set_aside(exits, watch);
        }
    }
}

/* How long the epoll may sleep. */
static int patience(struct exits *exits, uint64_t deadline_ns)
{
    uint64_t now = clock_boot_ns();
    uint64_t until = deadline_ns;
    if (exits->polled.n > 0 && exits->polled_ns + POLL_NS < until) {
        until = exits->polled_ns + POLL_NS;
    }
    if (until == UINT64_MAX) {
        return -1;
    }
    uint64_t ms = until > now ? (until - now + NS_PER_MS - 1) / NS_PER_MS : 0;
    return ms > INT32_MAX ? INT32_MAX : (int)ms;
}

struct wakeup {
    struct epoll_event events[EVENTS_MAX];
    int n;
    bool woken;
};

static int collect(struct exits *exits, struct wakeup *wakeup, struct exits_end *ret, int max)
{
    LOCKED(exits);
    for (int i = 0; i < wakeup->n; i++) {
        wakeup->woken |= confirm(exits, &wakeup->events[i]);
    }
    look_at_polled(exits);
    return report_all(exits, ret, max);
}

static int patience_locked(struct exits *exits, uint64_t deadline_ns)
{
    LOCKED(exits);
    return exits->ended.first ? 0 : patience(exits, deadline_ns);
}

int exits_wait(struct exits *exits, int timeout_ms, struct exits_end *ret, int max)
{
    uint64_t deadline =
        timeout_ms < 0 ? UINT64_MAX : clock_boot_ns() + (uint64_t)timeout_ms * NS_PER_MS;
    for (;;) {
        struct wakeup wakeup = { 0 };
        int wait_ms = patience_locked(exits, deadline);
        wakeup.n = epoll_wait(exits->epoll, wakeup.events, EVENTS_MAX, wait_ms);
        if (wakeup.n < 0 && errno != EINTR) {
            return -errno;
        }
        int found = collect(exits, &wakeup, ret, max);
        if (found > 0 || wakeup.woken || clock_boot_ns() >= deadline) {
            return found;
        }
    }
}
