/*
 * exit_status: how a process ended, for one that is not its parent.
 */
#pragma once

#include <stdint.h>

/* As of wait(2), of a process that ended, by its pidfd and id; -1 when the kernel does not tell. */
int exit_status(int pidfd, int64_t pid);
