/*
 * sandbox: what the server keeps of the rights it was started with.
 */
#pragma once

#include "base/err.h"
#include "server/config.h"

#include <stdbool.h>

#define SANDBOX_PATHS_MAX 64

/* Descriptors up to the hard limit, no core files, files of its own for its user only. */
void sandbox_limits(void);
/*
 * Before any thread is made: no capability but that for low ports, nothing to be gained by exec, memory closed to
 * others of its user, and of the file system (Landlock, where the kernel has it: *ret_landlock) only its folder,
 * its content, its certificates and what looking up names needs. It connects to nobody: the courier was forked before.
 */
int sandbox_enter(const struct server_config *config, const char *config_path, bool *ret_landlock,
                  struct err *err);

/* sandbox_landlock.c */
struct sandbox_path {
    const char *path;
    bool writable;
};
/* And no TCP connection to anybody. -ENOSYS or -EOPNOTSUPP: the kernel has none. Paths not there are left out. */
int sandbox_landlock(const struct sandbox_path *paths, size_t n);
