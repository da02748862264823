/*
 * users: names of users and groups from a container's own files.
 *
 * /etc/passwd and /etc/group are opened within the container's root (/proc/PID/root) without following
 * it out, regular files only, at most USERS_FILE_MAX bytes; malformed lines are skipped. Re-read when
 * their inode, size or times changed, at most once a second.
 */
#pragma once

#include "event/state.h"

#define USERS_FILE_MAX (4 << 20)

struct users; /* remembers what was read of which root */

int users_new(struct state *state, struct users **ret);
void users_free(struct users *users);
/* Makes the state know the users and groups of the container whose process this is ("" the host's). */
int users_refresh(struct users *users, int64_t pid, struct str container_id, uint64_t now_ns);
