/*
 * predict_names: what the kernel will say to calls that make names, take them away, or change them.
 *
 * The last name is looked up in its directory, not followed. Then come rights on the directories, sticky
 * ones, and what names alone decide (another mount, one directory within the other).
 *
 * Sources: path_resolution(7), and the manual page of each call.
 */
#include "sensor/notify/predict_internal.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <stdio.h>

/* A name goes away: also by the rules of sticky directories. */
static int may_remove(struct ask *a, int i)
{
    int e = predict_may_make(a, i);
    struct stat dir;
    if (e < 0 || fstat(a->spot[i].parent, &dir) < 0) {
        return e;
    }
    bool sticky = dir.st_mode & S_ISVTX;
    return sticky && dir.st_uid != a->target->fsuid && !predict_owns(a, a->at[i].uid) ? -EPERM : 0;
}

/* Names that are made. */

/* `slash_allowed`: of a name that ends in one. */
static int64_t make_name(struct ask *a, int i, bool slash_allowed)
{
    if (!parent_found(a, i)) {
        return a->at[i].error;
    }
    if (a->at[i].error == 0) {
        return -EEXIST;
    }
    return a->spot[i].slash && !slash_allowed ? -ENOENT : predict_may_make(a, i);
}

int64_t predict_mkdir(struct ask *a)
{
    predict_find(a, 0, SPOT_ENTRY);
    return make_name(a, 0, true);
}

int64_t predict_mknod(struct ask *a)
{
    bool at = a->args->call->name == NAME_mknodat;
    uint64_t mode = a->args->reg[at ? 2 : 1], device = a->args->reg[at ? 3 : 2];
    predict_find(a, 0, SPOT_ENTRY);
    int64_t e = make_name(a, 0, false);
    bool whiteout = S_ISCHR(mode) && device == 0;
    bool special = S_ISCHR(mode) || S_ISBLK(mode);
    if (e == 0 && (S_ISDIR(mode) || (special && !whiteout && !target_can(a->target, CAP_MKNOD)))) {
        return -EPERM;
    }
    return e;
}

int64_t predict_symlink(struct ask *a)
{
    predict_find(a, 0, SPOT_ENTRY);
    return a->args->text[0].p && a->args->text[0].n == 0 ? -ENOENT : make_name(a, 0, false);
}

/* fs.protected_hardlinks: others' files only if they could be written anyway. */
static int may_link_source(struct ask *a)
{
    uint32_t mode = a->at[0].mode;
    if (!a->v.r->hardlinks || predict_owns(a, a->at[0].uid)) {
        return 0;
    }
    bool special =
        !S_ISREG(mode) || mode & S_ISUID || (mode & (S_ISGID | S_IXGRP)) == (S_ISGID | S_IXGRP);
    return special || predict_may(a, a->spot[0].fd, R_OK | W_OK) < 0 ? -EPERM : 0;
}

static bool same_mount(int a, int b)
{
    struct place x, y;
    struct statx facts;
    return place_of(a, &x, &facts) < 0 || place_of(b, &y, &facts) < 0 || x.mount == y.mount;
}

int64_t predict_link(struct ask *a)
{
    uint64_t flags = a->args->call->name == NAME_linkat ? a->args->reg[4] : 0;
    uint64_t how = (flags & AT_EMPTY_PATH) | (flags & AT_SYMLINK_FOLLOW ? 0 : AT_SYMLINK_NOFOLLOW);
    int e = predict_find_at(a, 0, how);
    predict_find(a, 1, SPOT_ENTRY);
    if (e < 0) {
        return e;
    }
    int64_t r = make_name(a, 1, false);
    if (r == -EACCES || r == 0) {
        if (!same_mount(a->spot[0].fd, a->spot[1].parent)) {
            return -EXDEV;
        }
        e = may_link_source(a);
        r = e < 0 ? e : r;
    }
    return r == 0 && is_dir(a, 0) ? -EPERM : r;
}

/* Names that go. */

static int64_t ask_remove(struct ask *a, bool directory)
{
    predict_find(a, 0, SPOT_ENTRY);
    if (!parent_found(a, 0)) {
        return a->at[0].error;
    }
    if (a->spot[0].dots) {
        struct str path = a->args->path[0];
        return !directory ? -EISDIR : str_ends(path, STR("..")) ? -ENOTEMPTY : -EBUSY;
    }
    if (predict_read_only(a->spot[0].parent)) {
        return -EROFS;
    }
    if (a->at[0].error < 0) {
        return a->at[0].error;
    }
    if (a->spot[0].slash && !directory) {
        return is_dir(a, 0) ? -EISDIR : -ENOTDIR;
    }
    int e = may_remove(a, 0);
    if (e < 0) {
        return e;
    }
    return directory == is_dir(a, 0) ? 0 : directory ? -ENOTDIR : -EISDIR;
}

int64_t predict_unlink(struct ask *a)
{
    return ask_remove(a, false);
}

int64_t predict_rmdir(struct ask *a)
{
    return ask_remove(a, true);
}

int64_t predict_unlinkat(struct ask *a)
{
    return ask_remove(a, a->args->reg[2] & AT_REMOVEDIR);
}

/* Is the one above the other? By path: both are canonical. */
static bool is_above(const struct resolved *above, const struct resolved *below)
{
    return below->path.n > above->path.n && str_starts(below->path, above->path) &&
           below->path.p[above->path.n] == '/';
}

/* What the names alone decide. 1: nothing to do, success. */
static int64_t rename_names(struct ask *a, uint64_t flags)
{
    bool exchange = flags & RENAME_EXCHANGE, there = a->at[1].error == 0;
    if (!same_mount(a->spot[0].parent, a->spot[1].parent)) {
        return -EXDEV;
    }
    if (predict_read_only(a->spot[0].parent)) {
        return -EROFS;
    }
    if (a->at[0].error < 0) {
        return a->at[0].error;
    }
    if (there && flags & RENAME_NOREPLACE) {
        return -EEXIST;
    }
    if (!there && exchange) {
        return -ENOENT;
    }
    if (!is_dir(a, 0) && (a->spot[0].slash || (a->spot[1].slash && !exchange))) {
        return -ENOTDIR;
    }
    if (is_above(&a->at[0], &a->at[1])) {
        return -EINVAL;
    }
    if (there && is_above(&a->at[1], &a->at[0])) {
        return exchange ? -EINVAL : -ENOTEMPTY;
    }
    return there && a->at[0].ino == a->at[1].ino && a->at[0].dev == a->at[1].dev;
}

/* A directory that gets another parent changes itself: its "..". */
static int may_move(struct ask *a, int i)
{
    struct stat x, y;
    bool moves = fstat(a->spot[0].parent, &x) == 0 && fstat(a->spot[1].parent, &y) == 0 &&
                 (x.st_ino != y.st_ino || x.st_dev != y.st_dev);
    return moves && is_dir(a, i) ? predict_may(a, a->spot[i].fd, W_OK) : 0;
}

static int64_t rename_rights(struct ask *a, bool exchange)
{
    bool there = a->at[1].error == 0;
    int e = may_remove(a, 0);
    e = e < 0 ? e : there ? may_remove(a, 1) : predict_may_make(a, 1);
    if (e < 0) {
        return e;
    }
    if (there && !exchange && is_dir(a, 0) != is_dir(a, 1)) {
        return is_dir(a, 0) ? -ENOTDIR : -EISDIR;
    }
    e = may_move(a, 0);
    return e < 0 || !exchange ? e : may_move(a, 1);
}

int64_t predict_rename(struct ask *a)
{
    uint64_t flags = a->args->call->name == NAME_renameat2 ? a->args->reg[4] : 0;
    predict_find(a, 0, SPOT_ENTRY);
    predict_find(a, 1, SPOT_ENTRY);
    for (int i = 0; i < 2; i++) {
        if (!parent_found(a, i)) {
            return a->at[i].error;
        }
    }
    if (a->spot[0].dots || a->spot[1].dots) {
        return -EBUSY;
    }
    int64_t r = rename_names(a, flags);
    return r != 0 ? (r < 0 ? r : 0) : rename_rights(a, flags & RENAME_EXCHANGE);
}
