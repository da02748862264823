/*
 * fd: whole-file reading and writing on descriptors, with limits.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"

#include <stddef.h>

/* Writes all n bytes, across EINTR and short writes. 0 or -errno. */
int fd_write_all(int fd, const void *p, size_t n);

/* Appends everything up to the end of the file. -EFBIG when it passes buf's limit. */
int fd_read_all(int fd, struct buf *buf);

/* Appends a whole file (a pipe too); says what failed and where. */
int file_read(const char *path, struct buf *buf, struct err *err);
