/*
 * digest: SHA-256 of executables, computed on demand and cached by device, inode, size, mtime, ctime.
 *
 * Any thread may ask. A file system that hangs costs DIGEST_WAIT_MS at most.
 */
#pragma once

#include "base/err.h"

#include <stdint.h>

#define DIGEST_CACHE     4096
#define DIGEST_BYTES_MAX (UINT64_C(1) << 30) /* larger executables have none */
#define DIGEST_WAIT_MS   5000
#define DIGEST_HEX       64

struct digest;

int digest_new(struct digest **ret, struct err *err);
void digest_free(struct digest *digest);
/*
 * Of the executable of a living process: /proc/PID/exe. 0 and 64 lower-case hex digits, not terminated, or
 * -errno: -ESRCH, -EACCES, -EFBIG, -EINVAL (no regular file), -ESTALE (it changed while it was read),
 * -ETIMEDOUT, -EBUSY.
 */
int digest_of_exe(struct digest *digest, int64_t pid, char ret_hex[DIGEST_HEX]);
/* The same without reading the file: -EAGAIN when it is not in the cache. */
int digest_cached(struct digest *digest, int64_t pid, char ret_hex[DIGEST_HEX]);
