/*
 * registers: the call that a stopped thread is at.
 */
#pragma once

#include <linux/seccomp.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* All: 0 or -errno. `old`: use nothing that 4.14 lacks. -EINVAL: not at the beginning (end) of a call. */
int registers_call(pid_t tid, bool old, struct seccomp_data *ret);
int registers_result(pid_t tid, bool old, int64_t *ret);
/* Before a call: it will not happen, and return -error. */
int registers_refuse(pid_t tid, int error);
/* The first argument of a call that has not begun, or of one that has. */
int registers_set_first(pid_t tid, const struct seccomp_data *data, uint64_t value);
/* Into a stopped thread's memory. */
int registers_write_memory(pid_t tid, uint64_t address, const void *p, size_t n);
/* The call was interrupted before it did anything: there is no result. */
bool registers_is_restart(int64_t result);
