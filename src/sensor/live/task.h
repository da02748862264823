/*
 * task: a thread as /proc shows it, for sensors that meet it alive.
 *
 * Whatever /proc says of a watched process is its own claim (comm, argv) or the kernel's fact (ids, exe);
 * every text has a limit. One buffer holds all texts; nothing is allocated after live_task_new().
 */
#pragma once

#include "base/err.h"
#include "event/state.h"

#include <stdbool.h>
#include <stdint.h>

#define LIVE_ARGS_MAX   (128 << 10)
#define LIVE_ENV_MAX    (64 << 10)
#define LIVE_GROUPS_MAX 64

struct live_task {
    int64_t tid, pid, ptid;
    int64_t vtid, vpid; /* in its innermost pid namespace */
    int64_t sid, pgid, vpgid;
    int64_t tracer; /* TracerPid, 0 none */
    uint32_t tty;   /* device number, as in /proc/PID/stat; 0 none */
    uint32_t uid, gid, euid, egid, fsuid, fsgid;
    uint32_t ngroups; /* LIVE_GROUPS_MAX + 1: more than fit */
    uint32_t groups[LIVE_GROUPS_MAX];
    int64_t loginuid; /* -1: not set */
    uint64_t cap_inheritable, cap_permitted, cap_effective;
    uint32_t umask;
    uint32_t seccomp_filters; /* how many are in force */
    uint32_t nthreads;
    uint8_t pidns_depth;  /* ids that NSpid has: 1 in the reader's namespace */
    uint64_t start_ns;    /* since 1970 */
    uint64_t start_ticks; /* since boot, as /proc says: tells reused ids apart */
    int64_t fdlimit;
    uint64_t vmsize_kb, vmrss_kb, vmswap_kb, pfmajor, pfminor;
    uint64_t pidns_init_start_ns;
    uint64_t texts_at[4];          /* arguments' first byte and end, environment's; 0 not told */
    bool is_init;                  /* vpid 1 in a namespace of its own */
    bool readable;                 /* exe, cwd, environ could be read: we may ptrace it */
    struct image exe_facts;        /* exe_ino .. exe_known; the rest unused */
    struct str comm, argv, env;    /* argv: texts with NULs, argv[0] first */
    struct str exepath, cwd, root; /* within its root; exepath without " (deleted)": see below */
    bool exe_deleted;
    struct str cgroups; /* as the state wants them: "cpu=/a" NUL "memory=/b" NUL */
    char *storage;
    size_t used, size;
};

/* How much to read: each is a group of files. */
enum live_part {
    LIVE_IDS = 1 << 0,   /* status and stat: ids, capabilities, groups, parents, session, tty */
    LIVE_IMAGE = 1 << 1, /* exe and facts of it, comm, argv */
    LIVE_ENV = 1 << 2,
    LIVE_DIRS = 1 << 3, /* cwd, root */
    LIVE_CGROUP = 1 << 4,
    LIVE_LIMITS = 1 << 5, /* fdlimit, loginuid, pid namespace */
    LIVE_ALL = (1 << 6) - 1,
    LIVE_FRESH = 1 << 6, /* stands at its exec's stop: the kernel has just written argv and env */
};

int live_task_new(struct live_task **ret);
void live_task_free(struct live_task *task);

/* -ESRCH: no such thread (any more); -EACCES: not even its status; else 0, with `readable` telling. */
int live_task_read(struct live_task *task, int64_t tid, unsigned parts);
/* Adds it to the state as it is (before the first event). */
int live_task_add(struct state *state, const struct live_task *task);
/* tid and all its ancestors, oldest first. */
int live_lineage_add(struct state *state, struct live_task *scratch, int64_t tid);

/*
 * The thread, its process and their ancestors, as far up as is_known() does not say yes, by ids alone: what is to
 * be read whole from the last one down. Returns how many; 0: it is gone.
 */
#define LIVE_UNKNOWN_MAX 16
unsigned live_unknown(struct live_task *scratch, int64_t tid,
                      bool (*is_known)(void *data, int64_t tid), void *data,
                      int64_t ret[LIVE_UNKNOWN_MAX]);

/*
 * Facts of a descriptor of the thread: type, name, open flags, device, inode; of sockets addresses. `name`
 * lies in storage (LIVE_FD_STORAGE bytes) and is empty where the state makes it (addresses) or there is
 * none. A connection's side (client or server) is a guess by its ports. -EBADF, -EACCES.
 */
#define LIVE_FD_STORAGE 4352
int live_fd_read(int64_t tid, int64_t fd, struct fdinfo *ret, char *storage, size_t size);
/* Lowest descriptor not in use, at least `from`; -errno. */
int64_t live_fd_lowest(int64_t tid, int64_t from);

/* Processes that share their memory with another process: nanoseconds to ask. Not thread-safe. */
struct live_sharers;
int live_sharers_new(struct live_sharers **ret);
void live_sharers_free(struct live_sharers *sharers);
/* A clone with CLONE_VM, without CLONE_THREAD, happened. */
int live_sharers_cloned(struct live_sharers *sharers, int64_t parent_pid, int64_t child_pid);
/* The process exited, or left the memory by exec. */
void live_sharers_left(struct live_sharers *sharers, int64_t pid);
bool live_sharers_has(const struct live_sharers *sharers, int64_t pid);
