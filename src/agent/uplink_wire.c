/*
 * uplink_wire: messages with descriptors over a socket of whole packets.
 */
#include "agent/uplink_wire.h"

#include "base/cleanup.h"
#include "base/fd.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>

union control {
    struct cmsghdr head;
    char bytes[CMSG_SPACE(sizeof(int))];
};

int uplink_send(int socket, const struct uplink_message *message, int fd)
{
    union control control = { 0 };
    struct iovec part = { (void *)message, sizeof(*message) };
    struct msghdr header = { .msg_iov = &part, .msg_iovlen = 1 };
    if (fd >= 0) {
        header.msg_control = control.bytes;
        header.msg_controllen = sizeof(control.bytes);
        control.head = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(fd)),
                                         .cmsg_level = SOL_SOCKET,
                                         .cmsg_type = SCM_RIGHTS };
        memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
    }
    ssize_t n;
    do {
        n = sendmsg(socket, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
    } while (n < 0 && errno == EINTR);
    return n == (ssize_t)sizeof(*message) ? 0 : n < 0 ? -errno : -EIO;
}

static int descriptor_of(struct msghdr *header)
{
    int fd = -1;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
            c->cmsg_len == CMSG_LEN(sizeof(fd))) {
            memcpy(&fd, CMSG_DATA(c), sizeof(fd));
        }
    }
    return fd;
}

int uplink_receive(int socket, struct uplink_message *ret, int *ret_fd)
{
    union control control;
    struct iovec part = { ret, sizeof(*ret) };
    struct msghdr header = { .msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof(control.bytes) };
    ssize_t n = recvmsg(socket, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n < 0) {
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    }
    int fd = descriptor_of(&header);
    if (n != (ssize_t)sizeof(*ret) || header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
        cleanup_close(&fd);
        return n == 0 ? -EPIPE : -EPROTO;
    }
    ret->id[sizeof(ret->id) - 1] = '\0';
    ret->secret[sizeof(ret->secret) - 1] = '\0';
    ret->text[sizeof(ret->text) - 1] = '\0';
    ret->code[sizeof(ret->code) - 1] = '\0';
    *ret_fd = fd;
    return 1;
}

int uplink_body(struct str bytes)
{
    CLEANUP(cleanup_close) int fd = memfd_create("hinomi-body", MFD_CLOEXEC);
    if (fd < 0) {
        return -errno;
    }
    int r = fd_write_all(fd, bytes.p, bytes.n);
    return r < 0 ? r : TAKE_FD(fd);
}

int uplink_body_read(int fd, uint64_t n, size_t max, struct buf *buf)
{
    struct stat status;
    if (fd < 0 || n > max || fstat(fd, &status) < 0 || !S_ISREG(status.st_mode) ||
        (uint64_t)status.st_size < n) {
        return n > max ? -EFBIG : -EBADF;
    }
    char *to = buf_reserve(buf, n ? n : 1);
    for (uint64_t at = 0; to && at < n;) {
        ssize_t got = pread(fd, to + at, n - at, (off_t)at);
        if (got <= 0) {
            return got < 0 ? -errno : -EBADF;
        }
        at += (uint64_t)got;
    }
    if (to) {
        buf->n += n;
    }
    return to ? 0 : -ENOMEM;
}
