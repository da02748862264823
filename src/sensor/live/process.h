/*
 * process: who a process is, for those who decide by its id: parent, seccomp filters, and the start that tells it
 * from a later one of its number. Nothing is allocated.
 */
#pragma once

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

#define LIVE_FILTERS_UNKNOWN UINT32_MAX /* Linux before 5.9 */

struct live_process {
    int64_t pid, ppid;
    uint32_t filters;     /* in force; LIVE_FILTERS_UNKNOWN */
    uint64_t start_ticks; /* since boot */
    uint64_t mounts;      /* inode of its mount namespace; 0 not known */
};

/* -ESRCH: no such process; -EACCES: not even its status. */
int live_process_read(int64_t pid, struct live_process *ret);
/* The container's id in its control groups, in `storage`; empty: there is none. */
#define LIVE_CGROUPS_MAX 4096
struct str live_process_container(int64_t pid, char storage[LIVE_CGROUPS_MAX]);
/* A descriptor for this very process; -errno. */
int live_process_open(int64_t pid);
/* Of such a descriptor: has it ended? */
bool live_process_ended(int pidfd);
