/*
 * resolve: which file a path names for the target, and whether the target may do what it asks.
 *
 * Paths are walked in the target's own root and directories by openat2(2) with O_PATH and
 * RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS, under the target's fsuid, fsgid, groups and capabilities (of
 * this thread only), so the kernel's own checks answer. What depends on who asks (/proc/self, magic
 * links) is marked `unsure` where it cannot be rewritten: exact mode tells.
 */
#pragma once

#include "base/err.h"
#include "base/str.h"
#include "sensor/notify/args.h"

#include <stdbool.h>
#include <stdint.h>

#define RESOLVED_PATH_MAX 8192
#define TARGET_GROUPS_MAX 64

/* Who asks. Groups and ids as in /proc/TID/status. */
struct target {
    int64_t tid, pid;
    uint32_t fsuid, fsgid;
    uint32_t ngroups; /* TARGET_GROUPS_MAX + 1: more than fit, unknown */
    uint32_t groups[TARGET_GROUPS_MAX];
    uint64_t cap_effective;
    uint32_t umask;
    bool ids_known;
};

struct live_task;
void target_learn(struct target *target, const struct live_task *task);

struct resolved {
    int error;          /* of finding it: 0, -ENOENT, -EACCES, -ELOOP, -ENOTDIR, ... */
    bool parent_exists; /* with -ENOENT: everything but the last component is there */
    bool unsure;        /* magic links, rights that this thread cannot take, an unreadable root */
    bool cut;           /* path is longer than the kernel or this struct can say: its beginning */
    bool deleted;       /* the directory entry is gone; path is its last one */
    bool personal;      /* for another task, or another descriptor table, it may be another file */
    struct str path; /* canonical, within the target's root; with -ENOENT the parent's and the name;
                         * lies in storage */
    uint64_t ino, dev;
    uint32_t mode; /* st_mode; 0 unknown */
    uint32_t uid, gid;
    uint64_t mtime_ns, ctime_ns;
    bool upper_layer, lower_layer; /* of an overlay */
    char storage[RESOLVED_PATH_MAX];
};

/* Belongs to the thread that first uses it: it keeps that thread's ids, and gives the thread an umask of
 * its own where that is allowed. Between calls the thread has its own ids and rights. As root, it loses its
 * supplementary groups, which say nothing beside CAP_DAC_OVERRIDE. */
struct resolver;

int resolver_new(struct resolver **ret, struct err *err);
void resolver_free(struct resolver *resolver);

/* `follow`: the last component too, when it is a symbolic link. */
void resolve_path(struct resolver *resolver, const struct target *target, int64_t dirfd,
                  struct str path, bool follow, struct resolved *ret);

/* The file of a descriptor of the target: error -EBADF; pipes and sockets as "pipe:[7]". */
void resolve_fd(struct resolver *resolver, const struct target *target, int64_t fd,
                struct resolved *ret);

/*
 * The result to expect of the call: 0 or positive success, -errno. `at` are its resolved paths (both
 * filled by this for the call's own rules of following links and creating). Never says failure where
 * the kernel would say success, as far as DAC, capabilities, file types and read-only mounts decide.
 */
int64_t predict(struct resolver *resolver, const struct target *target,
                const struct call_args *args, struct resolved at[2]);

/*
 * Race-free open on the target's behalf, for a policy that denies: opens under the target's ids, capabilities,
 * umask and root the file that `args` names. Creating and truncating come last: after `judge` has seen the
 * canonical path of the very file (or, for one to be made, of its directory and the name), which is then
 * opened whatever happens to the path meanwhile. A descriptor, to be given by ADDFD (O_CLOEXEC is its
 * flag, not this descriptor's); -EPERM: the judge said no; -errno to answer with; -EOPNOTSUPP where the
 * emulation would not be faithful: FIFOs that would block, devices but null, zero, full and random, files
 * of procfs and sysfs, RESOLVE_* flags, another user namespace or security label, `unsure` paths.
 * Landlock domains of the target cannot be seen from outside: not for tasks that have one.
 */
struct emulate_judge {
    bool (*allows)(void *data, const struct resolved *at);
    void *data;
};
int emulate_open_judged(struct resolver *resolver, const struct target *target,
                        const struct call_args *args, const struct emulate_judge *judge,
                        struct resolved *ret);
/* Without a judge: for opens that neither create nor truncate; others get -EOPNOTSUPP. The path in `ret`
 * (NULL allowed) is to be judged before the descriptor is given. */
int emulate_open(struct resolver *resolver, const struct target *target,
                 const struct call_args *args, struct resolved *ret);
