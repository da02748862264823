/*
 * emulate: an open on the target's behalf, so that what was judged is what is opened.
 *
 *     find the file (O_PATH) or, when it is to be made, its directory
 *     judge its path
 *     there:   open that inode again, by /proc/self/fd, now for what the target asked
 *     missing: make the name in that directory with O_EXCL; if somebody else did, begin again
 *
 * All of it under the target's ids and capabilities to the bit, with its umask. Refused where the opener
 * matters more than its ids: see the header. The target cannot tell the descriptor from its own.
 *
 * Sources: open(2), seccomp_unotify(2), umask(2), acl(5).
 */
#include "sensor/notify/resolve_internal.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#define TRIES_MAX 16 /* rounds lost to somebody who makes and removes the name */
#define LABEL_MAX 1024

struct emulation {
    struct visit v;
    const struct call_args *args;
    const struct emulate_judge *judge;
    struct resolved *at;
    struct spot spot;
    uint64_t flags;
};

/* Who opens. */

static bool same_user_namespace(const struct resolver *r, const struct target *target)
{
    char name[48];
    snprintf(name, sizeof(name), "%lld/ns/user", (long long)target->tid);
    struct stat ours, theirs;
    return fstatat(r->proc, "self/ns/user", &ours, 0) == 0 &&
           fstatat(r->proc, name, &theirs, 0) == 0 && ours.st_ino == theirs.st_ino;
}

static ssize_t read_label(const struct resolver *r, const char *name, char ret[LABEL_MAX])
{
    CLEANUP(cleanup_close) int fd = openat(r->proc, name, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, ret, LABEL_MAX);
    return n < 0 ? 0 : n;
}

/* Security modules judge the one who opens: both must be the same to them. */
static bool same_label(const struct resolver *r, const struct target *target)
{
    char name[48], ours[LABEL_MAX], theirs[LABEL_MAX];
    snprintf(name, sizeof(name), "%lld/attr/current", (long long)target->tid);
    ssize_t n = read_label(r, "self/attr/current", ours);
    return n == read_label(r, name, theirs) && memcmp(ours, theirs, (size_t)n) == 0;
}

static bool can_stand_in(const struct emulation *e)
{
    const struct target *target = e->v.target;
    return !e->args->unreadable && !e->args->truncated && e->args->open_resolve == 0 &&
           target->ids_known && same_user_namespace(e->v.r, target) && same_label(e->v.r, target);
}

/* What is opened. */

/* Open to everyone in every container, and the same for all. */
static bool is_plain_device(const struct resolved *at, int fd)
{
    struct stat st;
    if (!S_ISCHR(at->mode) || fstat(fd, &st) < 0 || major(st.st_rdev) != 1) {
        return false;
    }
    switch (minor(st.st_rdev)) {
    case 3: /* null, zero, full, random, urandom */
    case 5:
    case 7:
    case 8:
    case 9:
        return true;
    default:
        return false;
    }
}

/* Files of the kernel, that ask who opens them. */
static bool is_kernel_file(int fd)
{
    struct statfs fs;
    if (fstatfs(fd, &fs) < 0) {
        return true;
    }
    switch ((unsigned long)fs.f_type) {
    case PROC_SUPER_MAGIC:
    case SYSFS_MAGIC:
    case SECURITYFS_MAGIC:
    case DEBUGFS_MAGIC:
    case TRACEFS_MAGIC:
    case CGROUP_SUPER_MAGIC:
    case CGROUP2_SUPER_MAGIC:
    case BPF_FS_MAGIC:
    case NSFS_MAGIC:
    case FUSE_SUPER_MAGIC:
        return true;
    default:
        return false;
    }
}

/* fs.protected_fifos and fs.protected_regular are about the path, which opening again does not see. */
static bool is_protected(const struct emulation *e)
{
    return e->flags & O_CREAT && e->v.r->sticky_create && !S_ISDIR(e->at->mode) &&
           e->at->uid != e->v.target->fsuid;
}

static bool can_be_opened(const struct emulation *e)
{
    uint32_t mode = e->at->mode;
    if (e->at->deleted || is_kernel_file(e->spot.fd) || is_protected(e)) {
        return false;
    }
    if (S_ISFIFO(mode)) {
        return e->flags & O_NONBLOCK || (e->flags & O_ACCMODE) == O_RDWR;
    }
    return S_ISREG(mode) || S_ISDIR(mode) || S_ISLNK(mode) || S_ISSOCK(mode) ||
           is_plain_device(e->at, e->spot.fd);
}

static bool changes_something(uint64_t flags)
{
    return flags & (O_CREAT | O_TRUNC | TMPFILE_BIT);
}

/* 0, -EPERM, -EOPNOTSUPP. The thread has its own rights meanwhile. */
static int judged(struct emulation *e)
{
    visit_leave(&e->v);
    if (e->v.foreign) {
        return -EOPNOTSUPP;
    }
    if (!e->judge) {
        return changes_something(e->flags) ? -EOPNOTSUPP : 0;
    }
    return e->judge->allows(e->judge->data, e->at) ? 0 : -EPERM;
}

/* Opening. */

static bool has_default_acl(int dir)
{
    char name[32];
    snprintf(name, sizeof(name), "/proc/self/fd/%d", dir);
    return getxattr(name, "system.posix_acl_default", NULL, 0) >= 0;
}

/* Can a file be made here with the target's umask? Own rights. */
static bool can_mask(const struct emulation *e, int dir)
{
    const struct resolver *r = e->v.r;
    uint64_t wanted = e->args->open_mode & ~(uint64_t)e->v.target->umask;
    return r->own_fs || (!(wanted & r->umask) && !has_default_acl(dir));
}

/* Last, under the target's rights. */
static int open_as_target(struct emulation *e, int dir, const char *name, uint64_t flags)
{
    visit_enter(&e->v);
    if (e->v.foreign) {
        return -EOPNOTSUPP;
    }
    const struct resolver *r = e->v.r;
    uint32_t masked = e->v.target->umask & 0777;
    mode_t mode = (mode_t)(e->args->open_mode & 07777);
    mode_t before = r->own_fs ? umask(masked) : 0;
    int fd =
        openat(dir, name, (int)flags | O_CLOEXEC | O_NOCTTY, r->own_fs ? mode : mode & ~masked);
    int error = fd < 0 ? -errno : 0;
    if (r->own_fs) {
        umask(before);
    }
    visit_leave(&e->v);
    return fd < 0 ? error : fd;
}

static int make(struct emulation *e)
{
    if (e->spot.slash || ends_in_slash(e->args->path[0])) {
        return -EISDIR;
    }
    int error = judged(e);
    if (error < 0) {
        return error;
    }
    if (is_kernel_file(e->spot.parent) || !can_mask(e, e->spot.parent)) {
        return -EOPNOTSUPP;
    }
    int fd = open_as_target(e, e->spot.parent, e->spot.name, e->flags | O_CREAT | O_EXCL);
    return fd == -EEXIST && !(e->flags & O_EXCL) ? -EAGAIN : fd;
}

static int open_again(struct emulation *e)
{
    int error = open_type(e->flags, e->at->mode, ends_in_slash(e->args->path[0]));
    if (error < 0) {
        return error;
    }
    if (!can_be_opened(e)) {
        return -EOPNOTSUPP;
    }
    error = judged(e);
    if (error < 0) {
        return error;
    }
    if (e->flags & O_PATH) {
        return TAKE_FD(e->spot.fd);
    }
    if (e->flags & TMPFILE_BIT) {
        return can_mask(e, e->spot.fd) ? open_as_target(e, e->spot.fd, ".", e->flags) : -EOPNOTSUPP;
    }
    char name[16];
    snprintf(name, sizeof(name), "%d", e->spot.fd);
    uint64_t flags = e->flags & ~(uint64_t)(O_CREAT | O_EXCL | O_NOFOLLOW);
    return open_as_target(e, e->v.r->fds, name, flags);
}

/* One round. -EAGAIN: the name came into being meanwhile. */
static int try_open(struct emulation *e)
{
    bool follow = !(e->flags & O_NOFOLLOW) && !(e->flags & O_CREAT && e->flags & O_EXCL);
    struct query query = { .dirfd = e->args->dirfd[0],
                           .path = e->args->path[0],
                           .how = follow ? SPOT_FOLLOW : 0 };
    visit_find(&e->v, &query, &e->spot, e->at);
    if (e->at->unsure || e->at->cut || e->v.foreign) {
        return -EOPNOTSUPP;
    }
    if (e->at->error == -ENOENT && e->flags & O_CREAT && e->spot.parent >= 0) {
        return make(e);
    }
    return e->at->error < 0 ? e->at->error : open_again(e);
}

static int emulate(struct emulation *e)
{
    if (!can_stand_in(e)) {
        return -EOPNOTSUPP;
    }
    int result = open_flags(&e->flags);
    if (result < 0) {
        return result;
    }
    for (int i = 0; i < TRIES_MAX; i++) {
        spot_init(&e->spot);
        result = try_open(e);
        spot_done(&e->spot);
        visit_leave(&e->v);
        if (result != -EAGAIN) {
            return result;
        }
    }
    return -EOPNOTSUPP;
}

int emulate_open_judged(struct resolver *resolver, const struct target *target,
                        const struct call_args *args, const struct emulate_judge *judge,
                        struct resolved *ret)
{
    struct emulation e = {
        .v = { .root = -1 }, .args = args, .judge = judge, .at = ret, .flags = args->open_flags
    };
    memset(ret, 0, offsetof(struct resolved, storage));
    if (visit_start(&e.v, resolver, target, true) < 0) {
        return -EOPNOTSUPP;
    }
    int fd = emulate(&e);
    visit_end(&e.v);
    return fd;
}

int emulate_open(struct resolver *resolver, const struct target *target,
                 const struct call_args *args, struct resolved *ret)
{
    struct resolved own;
    return emulate_open_judged(resolver, target, args, NULL, ret ? ret : &own);
}
