/*
 * groups: a task's control groups, in every hierarchy there is: version 1, 2 and both at once.
 *
 * Their paths are those of Fargate: /ecs/TASK and /ecs/TASK/CONTAINER under each hierarchy's mount.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define GROUPS_MAX     24
#define GROUPS_ROOT    "/ecs"
#define GROUP_PATH_MAX 256

struct groups {
    struct group_mount {
        char path[GROUP_PATH_MAX];
        char controllers[GROUP_PATH_MAX]; /* the mount's options, in version 1 */
        bool unified;
    } items[GROUPS_MAX];
    uint32_t n;
};

int groups_find(struct groups *ret, struct err *err);

/* Makes a task's group where CPU and memory are limited, and limits them. 0: not limited. */
int groups_limit(const struct groups *groups, const char *path, uint32_t cpu, uint32_t memory_mib,
                 struct err *err);

/* Has every process in the group, and in groups in it, end. Also those that are frozen. */
void groups_kill(const struct groups *groups, const char *path);

/* Removes the group and those in it. -EBUSY: a process is left. */
int groups_remove(const struct groups *groups, const char *path, struct err *err);

struct group_use {
    uint64_t cpu_ns, memory, memory_limit; /* 0: unknown, no limit */
};
void groups_use(const struct groups *groups, const char *path, struct group_use *ret);
