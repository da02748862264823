/*
 * task: a thread's files in /proc, read in the order that later parts need: ids, links, image, the rest.
 *
 * Shape: what the caller sees is the first member of a reader, which has the scratch buffer and small
 * caches. /proc/TID is opened once; all else is relative to it, so that a reused id cannot mix two tasks.
 * Texts go one after the other into the task's storage, whose size is the sum of their limits.
 *
 * Paths in links are relative to the reader's root, or to the top of the task's mount namespace where that
 * is another one; either way the link `root` has the same origin and is taken off.
 *
 * Invariant: nothing here trusts a text: what cannot be read stays empty and `readable` tells.
 */
#include "sensor/live/task.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "sensor/live/container_id.h"
#include "sensor/live/exe.h"
#include "sensor/live/proc_file.h"
#include "sensor/live/proc_text.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/stat.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>

#define SCRATCH_SIZE   (16 << 10)
#define STATUS_MAX     (1 << 20)
#define STAT_SIZE      1024
#define COMM_MAX       64
#define CGROUPS_MAX    (16 << 10)
#define LINKS          3
#define STORAGE_SIZE   (LIVE_ARGS_MAX + LIVE_ENV_MAX + CGROUPS_MAX + LINKS * PROC_LINK_MAX + COMM_MAX)
#define NAMESPACES_MAX 16
#define CLOCK_LOOKS    3
#define CLOCK_SLACK_NS (5 * NS_PER_MS)
#define NO_LOGINUID    UINT32_MAX

/* A pid namespace whose init was seen. */
struct pidns {
    uint64_t ino;
    uint64_t start_ns;
};

struct reader {
    struct live_task task; /* first */
    uint64_t tick_ns;
    uint64_t epoch_ns; /* real time of boot */
    uint64_t memfd_dev;
    uint64_t own_pidns; /* inode of this process' own, where /proc is of it; 0 not known */
    uint32_t next_pidns;
    struct pidns pidns[NAMESPACES_MAX];
    char root[PROC_LINK_MAX];
    struct str root_link;
    uint64_t namespace, mounts; /* whose container is `container` */
    size_t container_n;
    char container[CONTAINER_CGROUP_MAX];
    char scratch[SCRATCH_SIZE];
    char storage[STORAGE_SIZE];
};

/* Files made by memfd_create(2) lie on a mount that nothing else can be on. */
static uint64_t memfd_device(void)
{
    struct stat st;
    int fd CLEANUP(cleanup_close) = memfd_create("probe", MFD_CLOEXEC);
    return fd >= 0 && fstat(fd, &st) == 0 ? st.st_dev : 0;
}

/* A task that has one id in this /proc is in the process namespace that we are in, if we have one too. */
static uint64_t own_pidns(struct reader *reader)
{
    struct stat st;
    bool known = live_task_read(&reader->task, getpid(), LIVE_IDS) == 0 &&
                 reader->task.pidns_depth == 1 && stat("/proc/self/ns/pid", &st) == 0;
    return known ? st.st_ino : 0;
}

int live_task_new(struct live_task **ret)
{
    struct reader *reader = mem_zalloc(sizeof(*reader));
    if (!reader) {
        return -ENOMEM;
    }
    long ticks = sysconf(_SC_CLK_TCK);
    reader->tick_ns = NS_PER_S / (uint64_t)(ticks > 0 ? ticks : 100);
    reader->memfd_dev = memfd_device();
    reader->task.storage = reader->storage;
    reader->task.size = sizeof(reader->storage);
    reader->own_pidns = own_pidns(reader);
    *ret = &reader->task;
    return 0;
}

void live_task_free(struct live_task *task)
{
    free(task);
}

static struct str keep(struct live_task *task, struct str text)
{
    size_t room = task->size - task->used;
    struct str kept = { task->storage + task->used, text.n < room ? text.n : room };
    if (kept.n > 0) {
        memcpy(task->storage + task->used, text.p, kept.n);
    }
    task->used += kept.n;
    return kept;
}

/* A file straight into storage. */
static struct str keep_file(struct live_task *task, int dir, const char *name, size_t max)
{
    size_t room = task->size - task->used;
    char *at = task->storage + task->used;
    ssize_t n = proc_read(dir, name, at, max < room ? max : room);
    if (n == -EACCES || n == -EPERM) {
        task->readable = false;
    }
    task->used += n > 0 ? (size_t)n : 0;
    return (struct str){ at, n > 0 ? (size_t)n : 0 };
}

/* Texts with NULs: the last one gets its own, also where it was cut. */
static struct str keep_texts(struct live_task *task, int dir, const char *name, size_t max)
{
    struct str texts = keep_file(task, dir, name, max - 1);
    if (texts.n > 0 && texts.p[texts.n - 1] != '\0') {
        keep(task, str_from("", 1));
        texts.n++;
    }
    return texts;
}

static void status_line(void *data, struct str line)
{
    proc_status_line(data, line);
}

/* Real time less time since boot: the closest of a few looks, for a look may be interrupted. */
static uint64_t look_at_clocks(void)
{
    uint64_t best = 0, shortest = UINT64_MAX;
    for (unsigned i = 0; i < CLOCK_LOOKS; i++) {
        uint64_t before = clock_boot_ns();
        uint64_t real = clock_real_ns();
        uint64_t took = clock_boot_ns() - before;
        if (took < shortest) {
            shortest = took;
            best = real - before - took / 2;
        }
    }
    return best;
}

/* Since 1970, of a moment since boot. The same moment stays the same until the clock is set. */
static uint64_t since_epoch(struct reader *reader, uint64_t boot_ns)
{
    uint64_t now = look_at_clocks();
    uint64_t apart = now > reader->epoch_ns ? now - reader->epoch_ns : reader->epoch_ns - now;
    if (apart > CLOCK_SLACK_NS) {
        reader->epoch_ns = now;
    }
    return reader->epoch_ns + boot_ns;
}

static int read_ids(struct reader *reader, int dir)
{
    struct live_task *task = &reader->task;
    struct proc_reader status = { .buffer = reader->scratch,
                                  .size = sizeof(reader->scratch),
                                  .max = STATUS_MAX,
                                  .once = true,
                                  .line = status_line,
                                  .data = task };
    ssize_t n = proc_each_line(dir, "status", &status);
    if (n == 0) {
        n = proc_read(dir, "stat", reader->scratch, STAT_SIZE);
    }
    struct str comm;
    if (n < 0) {
        return n == -ENOENT ? -ESRCH : n == -EPERM ? -EACCES : (int)n;
    }
    if (proc_stat(task, str_from(reader->scratch, (size_t)n), &comm) < 0 || task->tid <= 0) {
        return -ESRCH;
    }
    task->comm = keep(task, str_first(comm, COMM_MAX));
    task->start_ns = since_epoch(reader, task->start_ticks * reader->tick_ns);
    task->vtid = task->vtid > 0 ? task->vtid : task->tid;
    task->vpid = task->vpid > 0 ? task->vpid : task->pid;
    task->vpgid = task->vpgid > 0 ? task->vpgid : task->pgid;
    task->is_init = task->vpid == 1 && task->pidns_depth > 1;
    return 0;
}

static void read_root(struct reader *reader, int dir)
{
    ssize_t n = proc_link(dir, "root", reader->root, sizeof(reader->root));
    if (n == -EACCES || n == -EPERM) {
        reader->task.readable = false;
    }
    reader->root_link = str_from(reader->root, n > 0 ? (size_t)n : 0);
}

static void read_image(struct reader *reader, int dir)
{
    struct live_task *task = &reader->task;
    struct exe_facts facts = {
        .task = task, .dir = dir, .root = reader->root_link, .memfd_dev = reader->memfd_dev
    };
    ssize_t n = proc_link(dir, "exe", reader->scratch, PROC_LINK_MAX);
    if (n == -EACCES || n == -EPERM) {
        task->readable = false;
    }
    facts.link = str_from(reader->scratch, n > 0 ? (size_t)n : 0);
    exe_read(&facts);
    task->exepath = keep(task, facts.path);
}

/* What cmdline and environ would show, in one call: they lie one behind the other. False: not so, or too
 * long. */
static bool read_fresh_texts(struct live_task *task)
{
    const uint64_t *at = task->texts_at;
    uint64_t nargs = at[1] - at[0], nenv = at[3] - at[2];
    if (at[0] == 0 || at[1] != at[2] || nargs == 0 || nargs >= LIVE_ARGS_MAX - 1 ||
        nenv >= LIVE_ENV_MAX - 1 || task->size - task->used < nargs + nenv) {
        return false;
    }
    char *to = task->storage + task->used;
    struct iovec local = { .iov_base = to, .iov_len = nargs + nenv };
    struct iovec remote = { .iov_base = (void *)(uintptr_t)at[0], .iov_len = nargs + nenv };
    ssize_t n = process_vm_readv((pid_t)task->pid, &local, 1, &remote, 1, 0);
    if (n != (ssize_t)(nargs + nenv) || to[nargs - 1] || (nenv && to[n - 1])) {
        return false;
    }
    task->argv = str_from(to, nargs);
    task->env = str_from(to + nargs, nenv);
    task->used += (size_t)n;
    return true;
}

static void read_texts(struct live_task *task, int dir, unsigned parts)
{
    if ((parts & LIVE_FRESH) && read_fresh_texts(task)) {
        return;
    }
    if (parts & LIVE_IMAGE) {
        task->argv = keep_texts(task, dir, "cmdline", LIVE_ARGS_MAX);
    }
    if (parts & LIVE_ENV) {
        task->env = keep_texts(task, dir, "environ", LIVE_ENV_MAX);
    }
}

/* " (deleted)" behind a directory's path may be its name: a removed one has no links left. */
static struct str without_deleted(int dir, struct str path)
{
    struct str shorter = proc_without(path, STR(" (deleted)"));
    struct statx st;
    bool deleted = shorter.n < path.n &&
                   statx(dir, "cwd", AT_STATX_DONT_SYNC, STATX_NLINK, &st) == 0 &&
                   st.stx_nlink == 0;
    return deleted ? shorter : path;
}

static void read_dirs(struct reader *reader, int dir)
{
    struct live_task *task = &reader->task;
    ssize_t n = proc_link(dir, "cwd", reader->scratch, PROC_LINK_MAX);
    if (n == -EACCES || n == -EPERM) {
        task->readable = false;
    }
    struct str cwd = str_from(reader->scratch, n > 0 ? (size_t)n : 0);
    task->cwd = keep(task, proc_within(without_deleted(dir, cwd), reader->root_link));
    task->root = keep(task, reader->root_link);
}

static bool names_container(struct str cgroups)
{
    while (cgroups.n) {
        struct str one = str_until_nul(cgroups.p, cgroups.n);
        if (cgroup_container_id(one).n) {
            return true;
        }
        cgroups = str_from_offset(cgroups, one.n + 1);
    }
    return false;
}

/* The inode of the task's process namespace, which it keeps for life; 0 not known. */
static uint64_t pidns_of(const struct reader *reader, int dir)
{
    struct stat st;
    if (reader->own_pidns && reader->task.pidns_depth == 1) {
        return reader->own_pidns;
    }
    return fstatat(dir, "ns/pid", &st, 0) == 0 ? st.st_ino : 0;
}

/* What else tells the container; the same for all of a process and a mount namespace. */
static void put_container(struct reader *reader, int dir, struct buf *buf)
{
    uint64_t namespace = container_namespace_of(pidns_of(reader, dir));
    struct stat st;
    uint64_t mounts = namespace && fstatat(dir, "ns/mnt", &st, 0) == 0 ? st.st_ino : 0;
    if (namespace && (namespace != reader->namespace || mounts != reader->mounts)) {
        reader->namespace = namespace;
        reader->mounts = mounts;
        reader->container_n = container_cgroup(reader->task.pid, reader->container);
    }
    if (namespace && buf->capacity - buf->n > reader->container_n) {
        buf_put(buf, reader->container, reader->container_n + (reader->container_n > 0));
    }
}

static void read_cgroups(struct reader *reader, int dir)
{
    struct live_task *task = &reader->task;
    ssize_t n = proc_read(dir, "cgroup", reader->scratch, sizeof(reader->scratch));
    size_t room = task->size - task->used;
    struct buf buf;
    buf_init_fixed(&buf, task->storage + task->used, room < CGROUPS_MAX ? room : CGROUPS_MAX);
    proc_cgroups(str_from(reader->scratch, n > 0 ? (size_t)n : 0), &buf);
    if (!names_container(buf_str(&buf))) {
        put_container(reader, dir, &buf);
    }
    task->cgroups = buf_str(&buf);
    task->used += buf.n;
}

static int64_t read_fdlimit(struct reader *reader, int dir)
{
    struct rlimit limit;
    if (prlimit((pid_t)reader->task.tid, RLIMIT_NOFILE, NULL, &limit) == 0) {
        return limit.rlim_cur > INT64_MAX ? INT64_MAX : (int64_t)limit.rlim_cur;
    }
    ssize_t n = proc_read(dir, "limits", reader->scratch, sizeof(reader->scratch));
    return proc_limits(str_from(reader->scratch, n > 0 ? (size_t)n : 0));
}

static int64_t read_loginuid(int dir)
{
    char text[16];
    ssize_t n = proc_read(dir, "loginuid", text, sizeof(text));
    struct str s = str_from(text, n > 0 ? (size_t)n : 0);
    uint64_t id;
    return proc_number(&s, &id) && id < NO_LOGINUID ? (int64_t)id : -1;
}

/* When did a task start? 0: unknown. */
static uint64_t start_of(struct reader *reader, int64_t pid, struct live_task *ret)
{
    int dir CLEANUP(cleanup_close) = proc_open(pid);
    struct str comm;
    struct proc_reader status = { .buffer = reader->scratch,
                                  .size = sizeof(reader->scratch),
                                  .max = STATUS_MAX,
                                  .once = true,
                                  .line = status_line,
                                  .data = ret };
    if (dir < 0 || proc_each_line(dir, "status", &status) < 0) {
        return 0;
    }
    ssize_t n = proc_read(dir, "stat", reader->scratch, STAT_SIZE);
    if (n < 0 || proc_stat(ret, str_from(reader->scratch, (size_t)n), &comm) < 0) {
        return 0;
    }
    return since_epoch(reader, ret->start_ticks * reader->tick_ns);
}

/* The first process of the task's namespace is among its ancestors, unless it entered by setns(2). */
static uint64_t find_init(struct reader *reader)
{
    const struct live_task *task = &reader->task;
    if (task->vpid == 1) {
        return task->start_ns;
    }
    int64_t pid = task->pidns_depth <= 1 ? 1 : task->ptid;
    for (unsigned i = 0; pid > 0 && i < STATE_ANCESTORS_MAX; i++) {
        struct live_task up = { 0 };
        uint64_t start = start_of(reader, pid, &up);
        if (start == 0 || up.pidns_depth != task->pidns_depth) {
            return 0;
        }
        if (up.vpid == 1) {
            return start;
        }
        pid = up.ptid;
    }
    return 0;
}

static uint64_t pidns_start(struct reader *reader, int dir)
{
    uint64_t ino = pidns_of(reader, dir);
    for (unsigned i = 0; ino && i < NAMESPACES_MAX; i++) {
        if (reader->pidns[i].ino == ino) {
            return reader->pidns[i].start_ns;
        }
    }
    uint64_t start = find_init(reader);
    if (ino && start) {
        reader->pidns[reader->next_pidns] = (struct pidns){ ino, start };
        reader->next_pidns = (reader->next_pidns + 1) % NAMESPACES_MAX;
    }
    return start;
}

static void clear(struct reader *reader)
{
    struct live_task *task = &reader->task;
    *task = (struct live_task){ .storage = task->storage,
                                .size = task->size,
                                .loginuid = -1,
                                .fdlimit = -1,
                                .readable = true };
    reader->root_link = (struct str){ 0 };
}

int live_task_read(struct live_task *task, int64_t tid, unsigned parts)
{
    struct reader *reader = (struct reader *)task;
    clear(reader);
    int dir CLEANUP(cleanup_close) = proc_open(tid);
    int r = dir < 0 ? dir : read_ids(reader, dir);
    if (r < 0) {
        return r;
    }
    if (parts & (LIVE_IMAGE | LIVE_DIRS)) {
        read_root(reader, dir);
    }
    if (parts & LIVE_IMAGE) {
        read_image(reader, dir);
    }
    read_texts(task, dir, parts);
    if (parts & LIVE_DIRS) {
        read_dirs(reader, dir);
    }
    if (parts & LIVE_CGROUP) {
        read_cgroups(reader, dir);
    }
    if (parts & LIVE_LIMITS) {
        task->fdlimit = read_fdlimit(reader, dir);
        task->loginuid = read_loginuid(dir);
        task->pidns_init_start_ns = pidns_start(reader, dir);
    }
    return 0;
}
