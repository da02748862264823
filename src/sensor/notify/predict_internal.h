/*
 * predict_internal: what predict.c and predict_names.c share; nobody else includes it.
 *
 * A question is about one call: its paths are found first, then the kernel is asked what the target may do
 * with what was found.
 */
#pragma once

#include "sensor/notify/resolve_internal.h"

#include <errno.h>

struct ask {
    struct visit v;
    const struct target *target;
    const struct call_args *args;
    struct resolved *at;
    struct spot spot[2];
};

/* Finding. Returns the path's error. */
int predict_find(struct ask *a, int i, unsigned how);
/* By AT_* flags: `follow` where AT_SYMLINK_NOFOLLOW is not given. */
int predict_find_at(struct ask *a, int i, uint64_t flags);

/* Asking. */
int predict_may(struct ask *a, int fd, int mode);
/* A name is made. */
int predict_may_make(struct ask *a, int i);
bool predict_owns(const struct ask *a, uint32_t uid);
bool predict_read_only(int fd);

static inline bool is_dir(const struct ask *a, int i)
{
    return S_ISDIR(a->at[i].mode);
}

/* Everything but the last name is there. */
static inline bool parent_found(const struct ask *a, int i)
{
    return a->at[i].error == 0 || (a->at[i].error == -ENOENT && a->spot[i].parent >= 0);
}

/* The calls that make, take away and change names. */
int64_t predict_mkdir(struct ask *a);
int64_t predict_mknod(struct ask *a);
int64_t predict_symlink(struct ask *a);
int64_t predict_link(struct ask *a);
int64_t predict_unlink(struct ask *a);
int64_t predict_rmdir(struct ask *a);
int64_t predict_unlinkat(struct ask *a);
int64_t predict_rename(struct ask *a);
