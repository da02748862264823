/*
 * fd: loops around read and write that survive EINTR and short counts.
 */
#include "base/fd.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define READ_STEP ((size_t)65536)

int fd_write_all(int fd, const void *p, size_t n)
{
    const char *at = p;
    while (n) {
        ssize_t written = write(fd, at, n);
        if (written < 0) {
            if (errno == EINTR) {
                continue;
            }
            return -errno;
        }
        at += written;
        n -= (size_t)written;
    }
    return 0;
}

int fd_read_all(int fd, struct buf *buf)
{
    for (;;) {
        size_t room = buf->limit - buf->n;
        char probe = 0;
        char *at = room ? buf_reserve(buf, room < READ_STEP ? room : READ_STEP) : &probe;
        if (!at) {
            return -ENOMEM;
        }
        ssize_t n = read(fd, at, room ? buf->capacity - buf->n : 1);
        if (n < 0) {
            if (errno == EINTR) {
                continue;
            }
            return -errno;
        }
        if (n == 0) {
            return 0;
        }
        if (!room) {
            return -EFBIG;
        }
        buf->n += (size_t)n;
    }
}

int file_read(const char *path, struct buf *buf, struct err *err)
{
    CLEANUP(cleanup_close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        return err_set(err, -errno, "cannot open %s: %s", path, strerror(errno));
    }
    int r = fd_read_all(fd, buf);
    if (r == -EFBIG) {
        return err_set(err, r, "%s is larger than the limit of %zu bytes", path, buf->limit);
    }
    return r < 0 ? err_set(err, r, "cannot read %s: %s", path, strerror(-r)) : 0;
}
