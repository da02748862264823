/*
 * respond_act: signals to a process that is surely the one meant.
 */
#pragma once

#include "sensor/live/task.h"

#include <stdbool.h>
#include <stdint.h>

/* A process as the state knew it. */
struct act_target {
    int64_t pid;
    uint64_t seen_boot_ns;  /* CLOCK_BOOTTIME: it was there then */
    uint64_t start_real_ns; /* CLOCK_REALTIME: it had started by then; 0 not known */
};

/* Its pidfd. -ESRCH: gone; -ESTALE: the id is another process' by now. `task` is scratch. */
int act_open(const struct act_target *target, struct live_task *task);
/* Sends SIGKILL. As act_open(), and -EPERM. */
int act_kill(const struct act_target *target, struct live_task *task);
/* Is it in the mount namespace of this process? */
bool act_is_beside_us(int64_t pid);
