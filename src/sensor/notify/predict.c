/*
 * predict: what the kernel will say to a call about files, asked before it is made.
 *
 * One function per family of calls finds the paths by the call's own rules and asks the kernel, under the
 * target's rights, what it may do with what was found (faccessat2(2): owners, modes, ACLs, capabilities,
 * read-only and noexec mounts, immutable files). Order of checks is the kernel's where that decides the
 * error. What cannot be known without doing it (a directory that is not empty, a busy file, quotas, security
 * modules) counts as success; so does every refusal that is not sure.
 *
 * Sources: path_resolution(7), capabilities(7), and the manual page of each call.
 */
#include "sensor/notify/predict_internal.h"

#include "sensor/live/overlay.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/mount.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define READ_ONLY_MOUNT 1 /* ST_RDONLY of statfs' f_flags */

/* Finding. */

int predict_find(struct ask *a, int i, unsigned how)
{
    struct query query = { .dirfd = a->args->dirfd[i], .path = a->args->path[i], .how = how };
    visit_find(&a->v, &query, &a->spot[i], &a->at[i]);
    return a->at[i].error;
}

static int find_fd(struct ask *a, int i, int64_t fd)
{
    visit_find_fd(&a->v, fd, &a->spot[i], &a->at[i]);
    return a->at[i].error;
}

/* By AT_* flags: `follow` where AT_SYMLINK_NOFOLLOW is not given. */
int predict_find_at(struct ask *a, int i, uint64_t flags)
{
    if (flags & AT_EMPTY_PATH && a->args->path[i].n == 0) {
        return find_fd(a, i, a->args->dirfd[i]);
    }
    return predict_find(a, i, flags & AT_SYMLINK_NOFOLLOW ? 0 : SPOT_FOLLOW);
}

/* Asking. */

int predict_may(struct ask *a, int fd, int mode)
{
    visit_enter(&a->v);
    if (mode == 0 || syscall(SYS_faccessat2, fd, "", mode, AT_EACCESS | AT_EMPTY_PATH) == 0) {
        return 0;
    }
    switch (errno) {
    case EACCES:
    case EPERM:
    case EROFS:
        return -errno;
    default:
        return 0;
    }
}

bool predict_owns(const struct ask *a, uint32_t uid)
{
    return uid == a->target->fsuid || target_can(a->target, CAP_FOWNER);
}

bool predict_read_only(int fd)
{
    struct statfs fs;
    return fd >= 0 && fstatfs(fd, &fs) == 0 && fs.f_flags & READ_ONLY_MOUNT;
}

/* A name is made. */
int predict_may_make(struct ask *a, int i)
{
    return predict_may(a, a->spot[i].parent, W_OK | X_OK);
}

/* Of files that are opened or executed. */
static void find_layer(struct ask *a)
{
    int fd = a->spot[0].fd;
    if (major(a->at[0].dev) == 0 && overlay_has(fd)) {
        enum overlay_layer layer = overlay_layer(fd, a->v.root);
        a->at[0].upper_layer = layer == OVERLAY_UPPER;
        a->at[0].lower_layer = layer == OVERLAY_LOWER;
    }
}

/* Opens. */

static int access_of_flags(uint64_t flags)
{
    static const int by_mode[] = { R_OK, W_OK, R_OK | W_OK, R_OK | W_OK };
    return by_mode[flags & O_ACCMODE] | (flags & O_TRUNC ? W_OK : 0);
}

static int64_t open_missing(struct ask *a, uint64_t flags)
{
    if (!(flags & O_CREAT) || !parent_found(a, 0)) {
        return a->at[0].error;
    }
    if (a->spot[0].slash || ends_in_slash(a->args->path[0])) {
        return -EISDIR;
    }
    return predict_may_make(a, 0);
}

int open_type(uint64_t flags, uint32_t mode, bool slash)
{
    if (flags & O_CREAT && slash) {
        return -EISDIR;
    }
    if (flags & O_CREAT && flags & O_EXCL) {
        return -EEXIST;
    }
    if (flags & O_CREAT && S_ISDIR(mode)) {
        return -EISDIR;
    }
    if (flags & O_DIRECTORY && !S_ISDIR(mode)) {
        return -ENOTDIR;
    }
    if (flags & O_PATH) {
        return 0;
    }
    if (S_ISLNK(mode)) {
        return -ELOOP;
    }
    bool writes = !(flags & TMPFILE_BIT) && access_of_flags(flags) & W_OK;
    return S_ISDIR(mode) && writes ? -EISDIR : 0;
}

int open_flags(uint64_t *flags)
{
    if (*flags & O_PATH) {
        *flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW;
    }
    bool both = *flags & O_CREAT && *flags & O_DIRECTORY;
    bool unwritable = *flags & TMPFILE_BIT && (*flags & O_ACCMODE) == O_RDONLY;
    return both || unwritable ? -EINVAL : 0;
}

static int64_t open_existing(struct ask *a, uint64_t flags)
{
    int64_t e = open_type(flags, a->at[0].mode, ends_in_slash(a->args->path[0]));
    find_layer(a);
    if (e < 0 || flags & O_PATH) {
        return e;
    }
    bool tmpfile = flags & TMPFILE_BIT;
    e = predict_may(a, a->spot[0].fd, tmpfile ? W_OK | X_OK : access_of_flags(flags));
    if (e < 0) {
        return e;
    }
    if (flags & O_NOATIME && !predict_owns(a, a->at[0].uid)) {
        return -EPERM;
    }
    if (S_ISSOCK(a->at[0].mode)) {
        return -ENXIO;
    }
    /* Whether there is a reader only the open itself tells. */
    if (S_ISFIFO(a->at[0].mode) && flags & O_NONBLOCK && (flags & O_ACCMODE) == O_WRONLY) {
        a->at[0].unsure = true;
    }
    return 0;
}

static int64_t ask_open(struct ask *a)
{
    uint64_t flags = a->args->open_flags;
    int invalid = open_flags(&flags);
    bool follow = !(flags & O_NOFOLLOW) && !(flags & O_CREAT && flags & O_EXCL);
    int e = predict_find(a, 0, follow ? SPOT_FOLLOW : 0);
    a->at[0].unsure = a->at[0].unsure || a->args->open_resolve;
    if (invalid < 0) {
        return invalid;
    }
    return e < 0 ? open_missing(a, flags) : open_existing(a, flags);
}

/* Execution. */

static int64_t run_file(struct ask *a, int e)
{
    if (e < 0) {
        return e;
    }
    if (S_ISLNK(a->at[0].mode)) {
        return -ELOOP;
    }
    find_layer(a);
    return S_ISREG(a->at[0].mode) ? predict_may(a, a->spot[0].fd, X_OK) : -EACCES;
}

static int64_t ask_execve(struct ask *a)
{
    return run_file(a, predict_find(a, 0, SPOT_FOLLOW));
}

static int64_t ask_execveat(struct ask *a)
{
    return run_file(a, predict_find_at(a, 0, a->args->reg[4]));
}

/* Attributes. */

static int64_t change_mode(struct ask *a, int e)
{
    if (e < 0) {
        return e;
    }
    if (predict_read_only(a->spot[0].fd)) {
        return -EROFS;
    }
    if (S_ISLNK(a->at[0].mode)) {
        return -EOPNOTSUPP;
    }
    return predict_owns(a, a->at[0].uid) ? 0 : -EPERM;
}

static int64_t ask_chmod(struct ask *a)
{
    uint64_t flags = a->args->call->name == NAME_fchmodat2 ? a->args->reg[3] : 0;
    return change_mode(a, predict_find_at(a, 0, flags));
}

static int64_t ask_fchmod(struct ask *a)
{
    return change_mode(a, find_fd(a, 0, (int)a->args->reg[0]));
}

static bool in_groups(const struct target *target, uint32_t gid)
{
    if (gid == target->fsgid || target->ngroups > TARGET_GROUPS_MAX) {
        return true;
    }
    for (uint32_t i = 0; i < target->ngroups; i++) {
        if (target->groups[i] == gid) {
            return true;
        }
    }
    return false;
}

/* `uid`, `gid`: UINT32_MAX leaves it. */
static int64_t change_owner(struct ask *a, int e, uint32_t uid, uint32_t gid)
{
    if (e < 0) {
        return e;
    }
    if (predict_read_only(a->spot[0].fd)) {
        return -EROFS;
    }
    const struct resolved *at = &a->at[0];
    bool own = at->uid == a->target->fsuid;
    bool uid_ok = uid == UINT32_MAX || (own && uid == at->uid);
    bool gid_ok = gid == UINT32_MAX || (own && (gid == at->gid || in_groups(a->target, gid)));
    return (uid_ok && gid_ok) || target_can(a->target, CAP_CHOWN) ? 0 : -EPERM;
}

static int64_t ask_chown(struct ask *a)
{
    const uint64_t *reg = a->args->reg;
    uint64_t flags = a->args->call->name == NAME_lchown ? AT_SYMLINK_NOFOLLOW : 0;
    return change_owner(a, predict_find_at(a, 0, flags), (uint32_t)reg[1], (uint32_t)reg[2]);
}

static int64_t ask_fchown(struct ask *a)
{
    const uint64_t *reg = a->args->reg;
    return change_owner(a, find_fd(a, 0, (int)reg[0]), (uint32_t)reg[1], (uint32_t)reg[2]);
}

static int64_t ask_fchownat(struct ask *a)
{
    const uint64_t *reg = a->args->reg;
    return change_owner(a, predict_find_at(a, 0, reg[4]), (uint32_t)reg[2], (uint32_t)reg[3]);
}

static int64_t change_attribute(struct ask *a, int e)
{
    if (e < 0) {
        return e;
    }
    struct str name = a->args->text[0];
    if (predict_read_only(a->spot[0].fd)) {
        return -EROFS;
    }
    if (str_starts(name, STR("trusted."))) {
        return target_can(a->target, CAP_SYS_ADMIN) ? 0 : -EPERM;
    }
    if (str_eqz(name, "security.capability")) {
        return target_can(a->target, CAP_SETFCAP) ? 0 : -EPERM;
    }
    return str_starts(name, STR("user.")) ? predict_may(a, a->spot[0].fd, W_OK) : 0;
}

static int64_t ask_setxattr(struct ask *a)
{
    return change_attribute(a, predict_find(a, 0, SPOT_FOLLOW));
}

static int64_t ask_lsetxattr(struct ask *a)
{
    return change_attribute(a, predict_find(a, 0, 0));
}

static int64_t ask_fsetxattr(struct ask *a)
{
    return change_attribute(a, find_fd(a, 0, (int)a->args->reg[0]));
}

static int64_t ask_setxattrat(struct ask *a)
{
    return change_attribute(a, predict_find_at(a, 0, a->args->reg[2]));
}

static int64_t ask_truncate(struct ask *a)
{
    int e = predict_find(a, 0, SPOT_FOLLOW);
    if (e < 0) {
        return e;
    }
    if (is_dir(a, 0)) {
        return -EISDIR;
    }
    if (!S_ISREG(a->at[0].mode) || (int64_t)a->args->reg[1] < 0) {
        return -EINVAL;
    }
    return predict_may(a, a->spot[0].fd, W_OK);
}

/* Directories to be in, mounts. */

static int64_t enter(struct ask *a, int e)
{
    if (e < 0) {
        return e;
    }
    return is_dir(a, 0) ? predict_may(a, a->spot[0].fd, X_OK) : -ENOTDIR;
}

static int64_t ask_chdir(struct ask *a)
{
    return enter(a, predict_find(a, 0, SPOT_FOLLOW));
}

static int64_t ask_fchdir(struct ask *a)
{
    return enter(a, find_fd(a, 0, (int)a->args->reg[0]));
}

static int64_t ask_chroot(struct ask *a)
{
    int64_t e = enter(a, predict_find(a, 0, SPOT_FOLLOW));
    return e == 0 && !target_can(a->target, CAP_SYS_CHROOT) ? -EPERM : e;
}

static int64_t needs_admin(struct ask *a, int64_t e)
{
    return e == 0 && !target_can(a->target, CAP_SYS_ADMIN) ? -EPERM : e;
}

static int64_t ask_pivot_root(struct ask *a)
{
    int e = predict_find(a, 0, SPOT_FOLLOW);
    int f = predict_find(a, 1, SPOT_FOLLOW);
    e = e < 0 ? e : f;
    e = e == 0 && !(is_dir(a, 0) && is_dir(a, 1)) ? -ENOTDIR : e;
    return needs_admin(a, e);
}

static int64_t ask_mount(struct ask *a)
{
    return needs_admin(a, predict_find(a, 0, SPOT_FOLLOW));
}

static int64_t ask_umount(struct ask *a)
{
    bool nofollow =
        a->args->call->name == NAME_umount2 && a->args->reg[1] & 8; /* UMOUNT_NOFOLLOW */
    return needs_admin(a, predict_find(a, 0, nofollow ? 0 : SPOT_FOLLOW));
}

static int64_t ask_move_mount(struct ask *a)
{
    uint64_t flags = a->args->reg[4];
    int e = predict_find_at(a, 0,
                            (flags & MOVE_MOUNT_F_EMPTY_PATH ? AT_EMPTY_PATH : 0) |
                                (flags & MOVE_MOUNT_F_SYMLINKS ? 0 : AT_SYMLINK_NOFOLLOW));
    int f = predict_find_at(a, 1,
                            (flags & MOVE_MOUNT_T_EMPTY_PATH ? AT_EMPTY_PATH : 0) |
                                (flags & MOVE_MOUNT_T_SYMLINKS ? 0 : AT_SYMLINK_NOFOLLOW));
    return needs_admin(a, e < 0 ? e : f);
}

static int64_t ask_open_tree(struct ask *a)
{
    int64_t e = predict_find_at(a, 0, a->args->reg[2]);
    return a->args->reg[2] & OPEN_TREE_CLONE ? needs_admin(a, e) : e;
}

static int64_t ask_fspick(struct ask *a)
{
    uint64_t flags = a->args->reg[2];
    return needs_admin(
        a, predict_find_at(a, 0,
                           (flags & FSPICK_EMPTY_PATH ? AT_EMPTY_PATH : 0) |
                               (flags & FSPICK_SYMLINK_NOFOLLOW ? AT_SYMLINK_NOFOLLOW : 0)));
}

static int64_t ask_mount_setattr(struct ask *a)
{
    return needs_admin(a, predict_find_at(a, 0, a->args->reg[2]));
}

static int64_t ask_acct(struct ask *a)
{
    int e = a->args->path[0].p ? predict_find(a, 0, SPOT_FOLLOW) : 0;
    return target_can(a->target, CAP_SYS_PACCT) ? e : -EPERM;
}

static int64_t ask_swap(struct ask *a)
{
    int e = predict_find(a, 0, SPOT_FOLLOW);
    return target_can(a->target, CAP_SYS_ADMIN) ? e : -EPERM;
}

struct family {
    uint16_t name;
    int64_t (*ask)(struct ask *a);
};

static const struct family families[] = {
    { NAME_open, ask_open },
    { NAME_openat, ask_open },
    { NAME_openat2, ask_open },
    { NAME_creat, ask_open },
    { NAME_execve, ask_execve },
    { NAME_execveat, ask_execveat },
    { NAME_mkdir, predict_mkdir },
    { NAME_mkdirat, predict_mkdir },
    { NAME_mknod, predict_mknod },
    { NAME_mknodat, predict_mknod },
    { NAME_symlink, predict_symlink },
    { NAME_symlinkat, predict_symlink },
    { NAME_link, predict_link },
    { NAME_linkat, predict_link },
    { NAME_unlink, predict_unlink },
    { NAME_unlinkat, predict_unlinkat },
    { NAME_rmdir, predict_rmdir },
    { NAME_rename, predict_rename },
    { NAME_renameat, predict_rename },
    { NAME_renameat2, predict_rename },
    { NAME_chmod, ask_chmod },
    { NAME_fchmodat, ask_chmod },
    { NAME_fchmodat2, ask_chmod },
    { NAME_fchmod, ask_fchmod },
    { NAME_chown, ask_chown },
    { NAME_lchown, ask_chown },
    { NAME_fchown, ask_fchown },
    { NAME_fchownat, ask_fchownat },
    { NAME_setxattr, ask_setxattr },
    { NAME_lsetxattr, ask_lsetxattr },
    { NAME_fsetxattr, ask_fsetxattr },
    { NAME_setxattrat, ask_setxattrat },
    { NAME_truncate, ask_truncate },
    { NAME_chdir, ask_chdir },
    { NAME_fchdir, ask_fchdir },
    { NAME_chroot, ask_chroot },
    { NAME_pivot_root, ask_pivot_root },
    { NAME_mount, ask_mount },
    { NAME_umount, ask_umount },
    { NAME_umount2, ask_umount },
    { NAME_move_mount, ask_move_mount },
    { NAME_open_tree, ask_open_tree },
    { NAME_open_tree_attr, ask_open_tree },
    { NAME_fspick, ask_fspick },
    { NAME_mount_setattr, ask_mount_setattr },
    { NAME_acct, ask_acct },
    { NAME_swapon, ask_swap },
    { NAME_swapoff, ask_swap },
};

/* Calls without paths that one capability decides. */
static const struct {
    uint16_t name;
    uint8_t capability;
} powers[] = {
    { NAME_init_module, CAP_SYS_MODULE },   { NAME_finit_module, CAP_SYS_MODULE },
    { NAME_delete_module, CAP_SYS_MODULE }, { NAME_reboot, CAP_SYS_BOOT },
    { NAME_kexec_load, CAP_SYS_BOOT },      { NAME_kexec_file_load, CAP_SYS_BOOT },
    { NAME_sethostname, CAP_SYS_ADMIN },    { NAME_setdomainname, CAP_SYS_ADMIN },
    { NAME_fsopen, CAP_SYS_ADMIN },         { NAME_fsmount, CAP_SYS_ADMIN },
    { NAME_settimeofday, CAP_SYS_TIME },
};

static int64_t ask_power(const struct target *target, uint16_t name)
{
    for (size_t i = 0; i < sizeof(powers) / sizeof(powers[0]); i++) {
        if (powers[i].name == name) {
            return !target->ids_known || target_can(target, powers[i].capability) ? 0 : -EPERM;
        }
    }
    return 0;
}

static const struct family *family_of(uint16_t name)
{
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        if (families[i].name == name) {
            return &families[i];
        }
    }
    return NULL;
}

static void clear(struct resolved *at, bool unsure)
{
    memset(at, 0, offsetof(struct resolved, storage));
    at->unsure = unsure;
}

static int64_t ask_family(struct ask *a, const struct family *family)
{
    spot_init(&a->spot[0]);
    spot_init(&a->spot[1]);
    int64_t r = family->ask(a);
    spot_done(&a->spot[0]);
    spot_done(&a->spot[1]);
    visit_leave(&a->v);
    bool unsure = a->at[0].unsure || a->at[1].unsure || a->v.foreign;
    return unsure && r < 0 ? 0 : r;
}

int64_t predict(struct resolver *resolver, const struct target *target,
                const struct call_args *args, struct resolved at[2])
{
    clear(&at[0], false);
    clear(&at[1], false);
    const struct family *family = family_of(args->call->name);
    if (!family) {
        return ask_power(target, args->call->name);
    }
    struct ask a = { .target = target, .args = args, .at = at };
    if (args->unreadable || visit_start(&a.v, resolver, target, false) < 0) {
        clear(&at[0], true);
        return 0;
    }
    int64_t r = ask_family(&a, family);
    visit_end(&a.v);
    return r;
}
