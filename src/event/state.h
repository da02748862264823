/*
 * state: what must be known besides the event itself: threads, processes, descriptors, users, groups,
 * containers.
 *
 * One state per sensor stream, one writer. For each event: state_apply() (before rules run), then
 * rules, then state_settle(). Pointers handed out are valid until state_settle() of the same event.
 * All tables are bounded; evictions are counted, never silent.
 */
#pragma once

#include "base/err.h"
#include "base/map.h"
#include "base/str.h"
#include "event/event.h"
#include "event/value.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STATE_THREADS_DEFAULT     262144
#define STATE_FDS_PER_PROCESS_MAX 65536
#define STATE_CONTAINERS_MAX      16384
#define STATE_USERS_MAX           65536
#define STATE_INTERFACES_MAX      4096
#define STATE_ANCESTORS_MAX       128                  /* also what ends a loop of parents */
#define STATE_EXIT_GRACE_NS       UINT64_C(5000000000) /* exited processes stay visible this long */
#define STATE_MEMORY_DEFAULT      ((size_t)1 << 30)    /* texts, descriptor sets, metadata */

/*
 * What exec gave a task; immutable, shared by forks and threads, counted. Strings lie in one block
 * with it. args and env are NUL-terminated strings one after the other.
 */
struct image {
    uint32_t refs;
    uint32_t nargs;
    struct str comm;
    struct str exe;     /* argv[0] */
    struct str exepath; /* resolved path of the executable */
    struct str args;    /* without argv[0] */
    struct str env;
    struct str args_text; /* args joined by blanks: proc.args */
    struct str cmdline;   /* comm, a blank, args_text: proc.cmdline */
    uint64_t exe_ino;
    uint64_t exe_ino_ctime_ns;
    uint64_t exe_ino_mtime_ns;
    bool exe_writable;
    bool exe_upper_layer;
    bool exe_lower_layer;
    bool exe_from_memfd;
    bool exe_known;    /* the four above and exe_ino mean something */
    struct str sha256; /* lower-case hex; empty until someone computed it: state_sha256() */
    bool sha256_asked;
    char sha256_text[64];
};

/* A counted string (cwd, cgroups): shared by threads. */
struct shared_str {
    uint32_t refs;
    struct str s;
    struct str slashed; /* s with a slash behind it, where it has none and is not empty */
};

struct container {
    /* The first 12 of 64 digits; whole where containers differ behind that (Fargate); "host" is the host's */
    struct str id;
    struct str full_id, name, image, image_id, image_repository, image_tag, image_digest, type, ip,
        cni_json, pod_sandbox_id;
    struct str healthcheck, liveness_probe, readiness_probe; /* command lines */
    struct container_mount *mounts;
    uint32_t nmounts;
    struct container_label *labels; /* also k8s.*: keys io.kubernetes.* */
    uint32_t nlabels;
    struct container_label *pod_labels; /* of its pod's sandbox */
    uint32_t npod_labels;
    uint64_t created_ns;
    bool privileged, host_pid, host_network, host_ipc;
    bool pending; /* metadata not here yet: fields are empty and undecidable */
    /* ECS, from the task metadata endpoint */
    struct str ecs_cluster, ecs_task_arn, ecs_task_id, ecs_task_family, ecs_task_revision,
        ecs_service, ecs_launch_type, ecs_availability_zone, aws_account, aws_region;
    struct str user;             /* as configured; empty: the image's */
    uint64_t cpu_limit_milli;    /* thousandths of a processor; 0: none, or not known */
    uint64_t memory_limit_bytes; /* the same */
    /* A name made up of a namespace's number, for want of the container's own: see state_name_container() */
    struct str true_id;
    uint32_t index;
};

struct container_mount {
    struct str source, dest, mode, propagation;
    bool rdwr;
};

struct container_label {
    struct str key, value;
};

struct user {
    uint32_t uid, gid;
    struct str name, home, shell;
};

struct group {
    uint32_t gid;
    struct str name;
};

/* An address of this machine. */
struct interface {
    struct ip address, netmask, broadcast;
    char name[16];
};

enum fd_type {
    FD_UNKNOWN,
    FD_FILE,
    FD_FILE_V2,
    FD_DIRECTORY,
    FD_IPV4_SOCK,
    FD_IPV6_SOCK,
    FD_IPV4_SERVSOCK,
    FD_IPV6_SERVSOCK,
    FD_UNIX_SOCK,
    FD_FIFO,
    FD_EVENT,
    FD_SIGNALFD,
    FD_EVENTPOLL,
    FD_INOTIFY,
    FD_TIMERFD,
    FD_UNSUPPORTED,
    FD_NETLINK,
    FD_BPF,
    FD_USERFAULTFD,
    FD_IO_URING,
    FD_MEMFD,
    FD_PIDFD,
};

enum fd_flag {
    FD_ROLE_CLIENT = 1 << 0, /* this side connected */
    FD_ROLE_SERVER = 1 << 1, /* this side accepted */
    FD_CONNECTED = 1 << 2,
    FD_CONNECT_PENDING = 1 << 3,
    FD_CONNECT_FAILED = 1 << 4,
    FD_UPPER_LAYER = 1 << 5,
    FD_LOWER_LAYER = 1 << 6,
    FD_RAW_CLEAN = 1 << 7, /* nameraw is absolute and resolved already */
};

struct fdinfo {
    uint8_t type;        /* enum fd_type */
    uint8_t l4proto;     /* IPPROTO_TCP, IPPROTO_UDP, ... 0 unknown */
    uint16_t flags;      /* enum fd_flag */
    uint32_t open_flags; /* PPM_O_* as in events */
    uint32_t dev;
    uint32_t mode;
    uint64_t ino;
    struct str name;    /* fd.name: resolved path, or tuple text; owned by the table */
    struct str nameraw; /* the caller's string */
    /* Sockets. For IPV4/6_SOCK: source and destination (source is the client's side); for
     * SERVSOCK: `source` is the bound address. */
    struct ip sip, dip; /* source, destination */
    uint16_t sport, dport;
    uint64_t unix_source, unix_dest;
    int64_t opener_uid; /* fd.uid: uid of the process that created it, -1 unknown */
};

struct fdtable; /* opaque; shared by the threads of a process */

enum thread_flag {
    THREAD_MAIN = 1 << 0,    /* tid == pid */
    THREAD_EXITED = 1 << 1,  /* kept for its descendants' sake */
    THREAD_INVALID = 1 << 2, /* made up: seen in an event without ever having been created */
};

struct thread {
    int64_t tid, pid, ptid; /* ptid: parent process' id at creation, or after reparenting */
    int64_t vtid, vpid;
    int64_t sid, vpgid, pgid;
    uint32_t uid, gid;
    int64_t loginuid; /* -1: not set */
    uint32_t tty;
    uint32_t flags; /* enum thread_flag */
    uint64_t cap_permitted, cap_effective, cap_inheritable;
    uint64_t clone_ts_ns; /* creation; 0 unknown */
    uint64_t exec_ts_ns;
    uint64_t exit_ts_ns; /* with THREAD_EXITED */
    uint64_t pidns_init_start_ts_ns;
    int64_t fdlimit;
    uint64_t vmsize_kb, vmrss_kb, vmswap_kb, pfmajor, pfminor;
    struct image *image;    /* never NULL */
    struct shared_str *cwd; /* main threads only: state_cwd(); ends with '/' only for the root */
    struct shared_str *cgroups;  /* "cpu=/a" NUL "memory=/b" NUL; NULL unknown */
    struct container *container; /* NULL: the host, or not known yet */
    struct fdtable *fds;
    uint32_t nchildren; /* living and graced processes whose parent this is (main threads only) */
    uint32_t nthreads;  /* of the process (main threads only) */

    uint32_t index;  /* dense, below the limit: for parallel arrays */
    uint32_t serial; /* grows each time this index is reused */
    /*
     * Changes of this thread's own kept classes; [VOLATILE_LINEAGE] and [VOLATILE_SESSION] cover
     * only own changes: compare state_epoch() too. Never repeats for an index.
     */
    uint32_t generation[8];
    uint32_t generations; /* any of them */

    struct thread_call *call; /* the enter event being waited on; the state's own */
    uint64_t last_event_ts_ns;
    uint64_t exec_time_ns, total_exec_time_ns; /* thread.exectime, where scheduler events exist */
};

struct state_config {
    uint32_t threads_max;   /* 0: STATE_THREADS_DEFAULT */
    uint64_t exit_grace_ns; /* 0: STATE_EXIT_GRACE_NS */
    size_t memory_max;      /* 0: STATE_MEMORY_DEFAULT; of what the input sizes */
    /* Lower-case hex SHA-256 of a thread's executable, asked for once per image; NULL: not available.
     * Returns 0 and 64 bytes, or -errno. */
    int (*sha256)(void *data, const struct thread *thread, char ret_hex[64]);
    void *data;
};

struct state_stats {
    uint64_t threads, threads_evicted, fds, fds_refused, containers, containers_refused, users,
        orphan_events; /* events of tasks never heard of */
    uint64_t groups;
    uint64_t users_refused; /* and groups */
    uint64_t out_of_memory; /* changes lost because memory was out or memory_max was met */
    uint64_t memory;        /* bytes charged against memory_max */
};

struct state;

int state_new(const struct state_config *config, struct state **ret);
void state_free(struct state *state);
void state_get_stats(const struct state *state, struct state_stats *ret);

/* Updates everything from the event and fills its thread, fd, delta. */
void state_apply(struct state *state, struct event *event);
/* Does what must wait until rules ran: closes descriptors, ends tasks. */
void state_settle(struct state *state, struct event *event);

/*
 * An event that may happen: between these two its thread and descriptor are filled as state_apply() would
 * (descriptors as if they were made or connected, an exec's image as if it ran, but for its digest);
 * afterwards nothing has changed.
 */
void state_preview(struct state *state, struct event *event);
void state_preview_end(struct state *state, struct event *event);

/* Grows when a process with children, or a session leader, execs, exits, is reparented or evicted, or
 * users, groups or container metadata change: everything of VOLATILE_LINEAGE and VOLATILE_SESSION, and
 * user names, kept before must be dropped. */
uint64_t state_epoch(const struct state *state);

/* Parameter i of the enter event of the call whose exit this event is; empty when it was not kept
 * (those are kept that the exit's older layouts need: paths, flags, addresses, ids). */
struct str state_enter_param(const struct event *event, unsigned i);
/* The directory that a call's path argument is relative to: the cwd for AT_FDCWD, "/" for an absolute
 * path, "<UNKNOWN>" for a descriptor never heard of. See path_resolve() in event/path.h. */
struct str state_dir(const struct thread *thread, int64_t dirfd, struct str path);
/* Digest of the thread's executable as config.sha256 gives it; empty when not available. */
struct str state_sha256(struct state *state, struct thread *thread);

/* NULL when unknown. */
struct thread *state_thread(const struct state *state, int64_t tid);
/* The thread's working directory, its process'; empty unknown. */
struct str state_cwd(const struct state *state, const struct thread *thread);
/* The process's main thread (t itself for one), NULL when unknown. */
struct thread *state_main(const struct state *state, const struct thread *thread);
/* Main thread of the parent process, NULL at the top or when unknown. */
struct thread *state_parent(const struct state *state, const struct thread *thread);
/* The main thread of the process `level` above: 1 the parent. NULL when there is none. */
struct thread *state_ancestor(const struct thread *thread, uint32_t level);
/* The main threads of parent, grandparent and so on, at most `max`; returns how many. */
uint32_t state_ancestors(const struct thread *thread, struct thread **ret, uint32_t max);
/* Descriptor of the thread's process, NULL unknown. */
struct fdinfo *state_fd(const struct state *state, const struct thread *thread, int64_t fd);
/* Iterates the process' descriptors from *cursor = 0; false at the end. */
bool state_fd_next(const struct state *state, const struct thread *thread, size_t *cursor,
                   int64_t *ret_fd, struct fdinfo **ret_info);
size_t state_fd_count(const struct state *state, const struct thread *thread);
/* container NULL: the host's. */
const struct user *state_user(const struct state *state, const struct container *container,
                              uint32_t uid);
const struct group *state_group(const struct state *state, const struct container *container,
                                uint32_t gid);
struct container *state_container(const struct state *state, struct str id);

/*
 * Filling from a sensor: a capture's process, descriptor, user lists; /proc when live. All copy what
 * they are given. -ENOMEM, -ENOSPC at a limit (counted), 0.
 */
struct thread_init {
    struct thread t; /* the scalar members; pointers ignored */
    struct str comm, exe, exepath, args, env, cwd, root, cgroups;
    struct image exe_facts; /* exe_ino.., exe_*; the rest ignored */
};
int state_add_thread(struct state *state, const struct thread_init *init);
int state_add_fd(struct state *state, int64_t tid, int64_t fd, const struct fdinfo *info);
int state_add_user(struct state *state, struct str container_id, const struct user *user);
int state_add_group(struct state *state, struct str container_id, const struct group *group);
int state_remove_user(struct state *state, struct str container_id, uint32_t uid);
int state_remove_group(struct state *state, struct str container_id, uint32_t gid);
/* Adds or replaces; assigns it to the threads whose cgroups name it. */
int state_add_container(struct state *state, const struct container *container);
/* Container metadata as JSON, the form captures carry. -EINVAL when it is not that. */
int state_add_container_json(struct state *state, struct str json);
int state_remove_container(struct state *state, struct str id);
/* The container known as `made` is the one named `id`: its tasks, now and later, are that one's.
 * -EINVAL when both are the same, one is empty, or `id` is a made-up name itself. */
int state_name_container(struct state *state, struct str made, struct str id);
/* The id in a cgroup path, v1 or v2, as in struct container; empty for the host. */
struct str cgroup_container_id(struct str cgroup_path);

int state_add_interface(struct state *state, const struct interface *interface);
/* Is it an address of this machine, as far as told? */
bool state_is_own_address(const struct state *state, const struct ip *ip);

/*
 * What is known, one by one, from *cursor = 0; NULL at the end. Nothing may change meanwhile. Users and
 * groups: the host's.
 */
struct thread *state_thread_next(const struct state *state, size_t *cursor);
const struct user *state_user_next(const struct state *state, size_t *cursor);
const struct group *state_group_next(const struct state *state, size_t *cursor);
const struct container *state_container_next(const struct state *state, size_t *cursor);
const struct interface *state_interface_next(const struct state *state, size_t *cursor);

/* Forgets threads, descriptors, users, containers and addresses: the sensor's stream begins anew. Only
 * between state_settle() and the next state_apply(). */
void state_clear(struct state *state);
