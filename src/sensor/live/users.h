/*
 * users: names of users and groups from a container's own files.
 *
 * /etc/passwd and /etc/group are opened within the root of one of its processes (/proc/PID/root) without
 * following it out, regular files only, at most USERS_FILE_MAX bytes; malformed lines are skipped, of an
 * id's entries the first counts. Re-read when their inode, size or times changed, at most once a second.
 * Names that are gone from the files are gone from the state.
 *
 * A process with files of its own making (a mount namespace, a chroot) must not rename the users of all
 * others: a container's names come from the root and mount namespace that was met first, until that was
 * not met for USERS_HOLD_NS. A file system that hangs costs USERS_WAIT_MS at most, once per hold.
 *
 * One thread at a time: who may write the state.
 */
#pragma once

#include "event/state.h"

#define USERS_FILE_MAX    (4 << 20)
#define USERS_ENTRIES_MAX 16384 /* of a file; more are ignored */
#define USERS_SCOPES_MAX  16384 /* containers; of more nothing is read */
#define USERS_WAIT_MS     100
#define USERS_CHECK_NS    UINT64_C(1000000000)
#define USERS_HOLD_NS     UINT64_C(60000000000)

struct users; /* remembers what was read of which root */

/* One of .user, .group. Gone: of it only the id counts. */
struct users_change {
    struct str container_id; /* empty: the host's */
    const struct user *user;
    const struct group *group;
    bool gone;
};

int users_new(struct state *state, struct users **ret);
/* From now on `told` is called for all that a reading gave to the state, by its thread. */
void users_listen(struct users *users, void (*told)(void *data, const struct users_change *change),
                  void *data);
/* Calls it for all containers' users and groups that were read so far. */
void users_tell(struct users *users);
void users_free(struct users *users);
/*
 * Makes the state know the users and groups of the container whose process this is ("" the host's). 0: read,
 * unchanged, not due, or another root's; -ESRCH, -EACCES: its root cannot be reached; -ETIMEDOUT, -EBUSY,
 * -ENOSPC, -ENOMEM.
 */
int users_refresh(struct users *users, int64_t pid, struct str container_id, uint64_t now_ns);
