/*
 * run: messages between its processes, and whose descriptors are whose.
 *
 * Messages are datagrams of one size on pairs of sockets; a side that is gone reads as end of file. All
 * descriptors of ours are close-on-exec, so those that are not came from the caller and are CMD's alone:
 * the other processes let go of them, or a reader at their other end would wait for us.
 */
#include "cli/run.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int run_guard_stdio(void)
{
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR | O_CLOEXEC) != fd) {
            return -errno;
        }
    }
    return 0;
}

static void drop(int fd)
{
    int flags = fcntl(fd, F_GETFD);
    if (fd != STDERR_FILENO && flags >= 0 && !(flags & FD_CLOEXEC)) {
        close(fd);
    }
}

void run_drop_inherited(void)
{
    DIR *folder = opendir("/proc/self/fd");
    struct dirent *entry;
    if (!folder) {
        for (int fd = 0; fd < FD_SETSIZE; fd++) {
            drop(fd);
        }
    }
    while (folder && (entry = readdir(folder))) {
        if (entry->d_name[0] != '.') {
            drop((int)strtol(entry->d_name, NULL, 10));
        }
    }
    if (folder) {
        closedir(folder);
    }
    for (int fd = STDIN_FILENO; fd < STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0) {
            (void)open("/dev/null", O_RDWR | O_CLOEXEC);
        }
    }
}

void run_message_send_fd(int socket, const struct run_message *message, int fd)
{
    struct run_message copy = *message;
    struct iovec part = { &copy, sizeof(copy) };
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr header = { .msg_iov = &part, .msg_iovlen = 1 };
    if (fd >= 0) {
        memset(&control, 0, sizeof(control));
        header.msg_control = &control;
        header.msg_controllen = sizeof(control);
        struct cmsghdr *item = CMSG_FIRSTHDR(&header);
        item->cmsg_level = SOL_SOCKET;
        item->cmsg_type = SCM_RIGHTS;
        item->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(item), &fd, sizeof(fd));
    }
    while (sendmsg(socket, &header, MSG_NOSIGNAL) < 0 && errno == EINTR) {
    }
}

void run_message_send(int socket, const struct run_message *message)
{
    run_message_send_fd(socket, message, -1);
}

static int receive(int socket, int flags, struct run_message *ret, int *ret_fd)
{
    struct iovec part = { ret, sizeof *ret };
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr header = { .msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = &control,
                             .msg_controllen = sizeof(control) };
    ssize_t n;
    /* ECONNRESET, said once: the other end went with messages unread; its own may still be here. */
    while ((n = recvmsg(socket, &header, MSG_CMSG_CLOEXEC | flags)) < 0 &&
           (errno == EINTR || errno == ECONNRESET)) {
    }
    if (n < 0 && errno == EAGAIN) {
        return -EAGAIN;
    }
    if (n != (ssize_t)sizeof *ret) {
        return 0;
    }
    int fd = -1;
    struct cmsghdr *item = CMSG_FIRSTHDR(&header);
    if (item && item->cmsg_level == SOL_SOCKET && item->cmsg_type == SCM_RIGHTS) {
        memcpy(&fd, CMSG_DATA(item), sizeof(fd));
    }
    if (ret_fd) {
        *ret_fd = fd;
    } else if (fd >= 0) {
        close(fd);
    }
    return 1;
}

int run_message_receive(int socket, struct run_message *ret, int *ret_fd)
{
    return receive(socket, 0, ret, ret_fd);
}

int run_message_try(int socket, struct run_message *ret)
{
    return receive(socket, MSG_DONTWAIT, ret, NULL);
}
