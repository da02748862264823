/*
 * Discovery: which processes are new, by as little work as possible.
 *
 * /proc/loadavg ends with the latest process id, and ids are given out in order: so what is new lies between
 * that of the last look and this one. New ones are looked at again while they are young (a runtime joins
 * namespaces after it was made). Every LISTING_NS, after a wrap of the ids, and when a container becomes
 * watched, all of /proc is listed; some of the known ones are looked at again then, all in turn. An id and the
 * inode of its folder name one process.
 */
#include "agent/discover_internal.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/clock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ENTRIES_SIZE ((size_t)64 << 10)
#define YOUNG_NS     (5 * NS_PER_S)
#define LOOK_GAP_MS  20 /* at least between two looks */
#define AGAIN_ROUNDS 8  /* listings until a known process is looked at again */
#define FULL_ID      64 /* digits of an id; the state has the first 12 of those */
#define SHORT_ID     12
#define LISTING_NS   (10 * NS_PER_S)
#define MARK_NS      (200 * NS_PER_MS)
#define FIRST_PIDNS  0xeffffffc /* the inode of the first process namespace, in all kernels */
#define RANGE_MAX    4096       /* more new ids than that: /proc is listed */

CLEANUP_DEFINE(struct discover, discover_free);

struct linux_dirent64 {
    uint64_t ino;
    int64_t next;
    uint16_t size;
    uint8_t type;
    char name[];
};

/* A process id, or 0. */
static int64_t number_of(const char *name)
{
    int64_t n = 0;
    for (; *name >= '0' && *name <= '9' && n < INT32_MAX; name++) {
        n = n * 10 + (*name - '0');
    }
    return *name ? 0 : n;
}

static struct known *known_of(struct discover *d, int64_t pid, uint64_t ino)
{
    struct known *k = map_get(&d->known, (uint64_t)pid);
    uint32_t index;
    if (k && k->ino == ino) {
        return k;
    }
    if (!k) {
        k = slab_take(&d->slots, &index);
        if (k && map_put(&d->known, (uint64_t)pid, k) < 0) {
            slab_give(&d->slots, index);
            k = NULL;
        }
        if (k) {
            k->index = index;
        }
    }
    if (k) {
        *k = (struct known){
            .index = k->index, .pid = pid, .ino = ino, .first_ns = clock_boot_ns()
        };
    }
    return k;
}

static bool is_due(const struct discover *d, const struct known *k)
{
    bool turn = ((uint64_t)k->pid + d->round) % AGAIN_ROUNDS == 0;
    return k->as == KNOWN_NEW || (k->as != KNOWN_FOUND && (d->every || turn));
}

static void examine(struct discover *d, struct known *k)
{
    k->as = discover_examine(d, k->pid, k->ino);
    pthread_mutex_lock(&d->lock);
    d->stats.examined++;
    pthread_mutex_unlock(&d->lock);
}

static void look_at(struct discover *d, int64_t pid, uint64_t ino)
{
    struct known *k = known_of(d, pid, ino);
    if (!k) {
        pthread_mutex_lock(&d->lock);
        d->stats.forgotten++;
        pthread_mutex_unlock(&d->lock);
        return;
    }
    k->round = d->round;
    if (pid == getpid() || !is_due(d, k)) {
        return;
    }
    if (k->as == KNOWN_NEW && d->nyoung < YOUNG_MAX) {
        d->young[d->nyoung++] = (struct young){ pid, ino };
    }
    examine(d, k);
}

/* Those that were not in this round's listing are gone. */
static void forget_gone(struct discover *d)
{
    for (uint32_t i = 0; i < d->slots.high; i++) {
        struct known *k = slab_at(&d->slots, i);
        if (k->pid && k->round != d->round) {
            map_remove(&d->known, (uint64_t)k->pid);
            k->pid = 0;
            slab_give(&d->slots, k->index);
        }
    }
}

static void list_all(struct discover *d)
{
    if (lseek(d->proc, 0, SEEK_SET) < 0) {
        return;
    }
    d->round++;
    for (long n; (n = syscall(SYS_getdents64, d->proc, d->entries, ENTRIES_SIZE)) > 0;) {
        for (long at = 0; at < n;) {
            const struct linux_dirent64 *e = (const void *)(d->entries + at);
            int64_t pid = number_of(e->name);
            if (pid > 0) {
                look_at(d, pid, e->ino);
            }
            at += e->size;
        }
    }
    forget_gone(d);
}

/* Ids given out since the last look; of threads too, which are told apart later. */
static void look_at_range(struct discover *d, uint64_t from, uint64_t to)
{
    for (uint64_t pid = from; pid <= to; pid++) {
        char name[24];
        struct stat st;
        snprintf(name, sizeof(name), "%llu", (unsigned long long)pid);
        if (fstatat(d->proc, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
            look_at(d, (int64_t)pid, st.st_ino);
        }
    }
}

static void look_at_young(struct discover *d)
{
    uint64_t now = clock_boot_ns();
    uint32_t kept = 0;
    for (uint32_t i = 0; i < d->nyoung; i++) {
        struct known *k = map_get(&d->known, (uint64_t)d->young[i].pid);
        if (!k || k->ino != d->young[i].ino || k->as == KNOWN_FOUND ||
            now - k->first_ns > YOUNG_NS) {
            continue;
        }
        examine(d, k);
        d->young[kept++] = d->young[i];
    }
    d->nyoung = kept;
}

/* The id given out last, in our namespace; 0 when it cannot be told. */
static uint64_t last_pid(const struct discover *d)
{
    char text[128];
    ssize_t n = pread(d->loadavg, text, sizeof(text) - 1, 0);
    uint64_t pid = 0;
    if (n <= 0) {
        return 0;
    }
    text[n] = '\0';
    const char *p = strrchr(text, ' ');
    for (p = p ? p + 1 : text; *p >= '0' && *p <= '9'; p++) {
        pid = pid * 10 + (uint64_t)(*p - '0');
    }
    return pid;
}

static void set_marks(struct discover *d, uint64_t pid, uint64_t now)
{
    if (pid < d->last_pid || now - d->last_ns >= MARK_NS) {
        d->old_pid = pid < d->last_pid ? pid : d->last_pid;
        d->last_pid = pid;
        d->last_ns = now;
    }
}

/* `all`: every process is looked at again. */
static void look(struct discover *d, bool all, uint64_t *listed_ns)
{
    uint64_t pid = last_pid(d), now = clock_boot_ns(), from = d->old_pid;
    bool in_order = pid >= d->last_pid && from > 0 && pid - from <= RANGE_MAX;
    d->every = all;
    look_at_young(d);
    if (all || !in_order || d->nyoung == YOUNG_MAX || now - *listed_ns >= LISTING_NS) {
        *listed_ns = now;
        list_all(d);
    } else {
        look_at_range(d, from + 1, pid);
    }
    set_marks(d, pid, now);
    pthread_mutex_lock(&d->lock);
    d->stats.looks++;
    pthread_mutex_unlock(&d->lock);
}

/* Has the time come to end? *ret_all: a container became watched. */
static bool take_wishes(struct discover *d, bool *ret_all)
{
    uint64_t count;
    while (read(d->stop, &count, sizeof(count)) > 0) {
    }
    uint32_t opened = discover_shells_opened(d);
    pthread_mutex_lock(&d->lock);
    bool stopping = d->stopping;
    *ret_all = d->all;
    d->all = false;
    d->stats.shell_opens += opened;
    pthread_mutex_unlock(&d->lock);
    return stopping;
}

static void *discover(void *data)
{
    struct discover *d = data;
    struct pollfd fds[] = { { .fd = d->stop, .events = POLLIN },
                            { .fd = d->notify, .events = POLLIN } };
    uint64_t listed_ns = 0;
    bool all;
    while (!take_wishes(d, &all)) {
        look(d, all, &listed_ns);
        usleep(LOOK_GAP_MS * 1000);
        poll(fds, 2, discover_tell(d, (int)d->config.period_ms, false));
    }
    discover_tell(d, 0, true);
    return NULL;
}

static int open_all(struct discover *d)
{
    uint64_t dev;
    struct stat pidns;
    d->proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    d->loadavg = open("/proc/loadavg", O_RDONLY | O_CLOEXEC);
    d->notify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    d->stop = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    discover_mount_namespace(getpid(), &d->own_mnt, &d->own_dev);
    discover_mount_namespace(1, &d->host_mnt, &dev);
    d->on_host = stat("/proc/self/ns/pid", &pidns) != 0 || pidns.st_ino == FIRST_PIDNS;
    return d->proc < 0 || d->loadavg < 0 || d->notify < 0 || d->stop < 0 ? -errno : 0;
}

int discover_new(const struct discover_config *config, struct discover **ret, struct err *err)
{
    CLEANUP(cleanup_discover_free) struct discover *d = mem_zalloc(sizeof *d);
    if (!d) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    d->config = *config;
    d->config.period_ms = config->period_ms ? config->period_ms : DISCOVER_PERIOD_MS;
    d->proc = d->loadavg = d->notify = d->stop = -1;
    pthread_mutex_init(&d->lock, NULL);
    slab_init(&d->slots, sizeof(struct known), DISCOVER_PROCESSES_MAX);
    int r = open_all(d);
    if (r < 0) {
        return err_set(err, r, "cannot look at /proc: %s", strerror(-r));
    }
    d->entries = mem_alloc(ENTRIES_SIZE);
    if (!d->entries || live_task_new(&d->task) < 0) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    r = pthread_create(&d->thread, NULL, discover, d);
    if (r != 0) {
        return err_set(err, -r, "cannot start a thread: %s", strerror(r));
    }
    d->started = true;
    *ret = TAKE(d);
    return 0;
}

void discover_free(struct discover *d)
{
    if (!d) {
        return;
    }
    if (d->started) {
        pthread_mutex_lock(&d->lock);
        d->stopping = true;
        pthread_mutex_unlock(&d->lock);
        discover_wake(d);
        pthread_join(d->thread, NULL);
    }
    int fds[] = { d->proc, d->loadavg, d->notify, d->stop };
    for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
    live_task_free(d->task);
    map_done(&d->known);
    slab_done(&d->slots);
    pthread_mutex_destroy(&d->lock);
    free(d->entries);
    free(d);
}

void discover_wake(struct discover *d)
{
    static const uint64_t one = 1;
    if (write(d->stop, &one, sizeof(one)) < 0) {
        return; /* it is awake already */
    }
}

static int read_tree(const struct discover *d, int64_t pid, struct str container, struct tree *ret)
{
    struct live_task *task;
    *ret = (struct tree){ .pid = pid };
    if (!discover_mount_namespace(pid, &ret->mnt, &ret->dev)) {
        return errno == ENOENT ? -ESRCH : -errno;
    }
    if (ret->mnt == d->own_mnt) {
        return -EPERM;
    }
    int r = live_task_new(&task);
    r = r < 0 ? r : live_task_read(task, pid, LIVE_IDS | LIVE_CGROUP);
    if (r == 0) {
        ret->filters = task->seccomp_filters;
        ret->start_ticks = task->start_ticks;
        struct str rest = task->cgroups;
        while (rest.n && !container.n) {
            struct str one = str_until_nul(rest.p, rest.n);
            ptrdiff_t at = str_find_char(one, '=');
            container = cgroup_container_id(str_from_offset(one, (size_t)(at + 1)));
            rest = str_from_offset(rest, one.n + 1);
        }
        struct str id =
            str_first(container, container.n == FULL_ID ? SHORT_ID : DISCOVER_ID_MAX - 1);
        if (id.n) {
            memcpy(ret->container, id.p, id.n);
        }
    }
    live_task_free(task);
    return r;
}

int discover_watch(struct discover *d, int64_t pid, struct str container)
{
    struct tree tree;
    int r = read_tree(d, pid, container, &tree);
    if (r < 0) {
        return r;
    }
    r = -ENOSPC;
    pthread_mutex_lock(&d->lock);
    for (int i = 0; i < DISCOVER_TREES_MAX && r < 0; i++) {
        if (d->trees[i].pid == 0) {
            d->trees[i] = tree;
            discover_watch_shells(d, &d->trees[i]);
            d->all = true;
            r = 0;
        }
    }
    pthread_mutex_unlock(&d->lock);
    if (r == 0) {
        discover_wake(d);
    }
    return r;
}

void discover_unwatch(struct discover *d, int64_t pid)
{
    pthread_mutex_lock(&d->lock);
    for (int i = 0; i < DISCOVER_TREES_MAX; i++) {
        struct tree *tree = &d->trees[i];
        if (tree->pid == pid) {
            tree->pid = 0;
            discover_unwatch_shells(d, tree);
        }
    }
    pthread_mutex_unlock(&d->lock);
}

void discover_get_stats(struct discover *d, struct discover_stats *ret)
{
    pthread_mutex_lock(&d->lock);
    *ret = d->stats;
    pthread_mutex_unlock(&d->lock);
}
