/*
 * accounts: who a container's `user` is, by the image's own /etc/passwd and /etc/group.
 */
#pragma once

#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

#define ACCOUNT_GROUPS_MAX 32

struct account {
    uint32_t uid, gid;
    uint32_t groups[ACCOUNT_GROUPS_MAX];
    uint32_t ngroups;
};

/* user: "", "uid", "uid:gid", "name", "name:group" and what is between. root: the image's folder. Numbers that nobody has
 * are good; a name that nobody has is an error. */
int account_find(const char *root, struct str user, struct account *ret, struct err *err);
