/*
 * respond_cgroup: pausing and ending a container by its control group, version 1 or 2.
 */
#pragma once

#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

#define CGROUP_ROOT    "/sys/fs/cgroup"
#define CGROUP_WAIT_MS 2000 /* for the kernel to have frozen all */

struct cgroup_place {
    int dir;      /* the group's directory; -1 */
    bool unified; /* version 2 */
};

/*
 * The control group of the container that the process is in, by which it can be frozen. `id` has to be in
 * its path; this process must not be in it. -ENOENT: there is none to be seen; -EPERM: it is ours.
 */
int cgroup_open(const char *root, int64_t pid, struct str id, struct cgroup_place *ret,
                struct err *err);
int cgroup_freeze(const struct cgroup_place *place, bool frozen, struct err *err);
/* Kills all in it, frozen meanwhile so that nothing is born. *ret_killed: how many (version 2: 0). */
int cgroup_kill(const struct cgroup_place *place, uint32_t *ret_killed, struct err *err);
/* The path of a line of /proc/PID/cgroup up to the component that holds the id; empty: not this one.
 * *ret_unified: version 2; only that and the freezer's line count. */
struct str cgroup_of_line(struct str line, struct str id, bool *ret_unified);
