/*
 * keeper: forks workers, one after another.
 *
 * It has one thread and reads nothing but bytes without a meaning, so that a fork of it is as clean as it was itself
 * at the start. A worker that ended by itself is followed at once, one that failed after a while that doubles up to
 * AGAIN_MOST_MS and is forgotten when one held out for so long. Signals of a terminal or of a service's end are not
 * theirs: both end when the server is gone.
 */
#include "courier/keeper.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "courier/worker.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define AGAIN_MS      100
#define AGAIN_MOST_MS 5000

struct keeper {
    int control, signals;
    pid_t worker; /* 0: none */
    int again_ms;
    uint64_t began_ns;
};

union control_message {
    struct cmsghdr head;
    char bytes[CMSG_SPACE(sizeof(int))];
};

static int give(int control, int fd)
{
    char byte = 'w';
    union control_message message = { 0 };
    struct iovec part = { &byte, 1 };
    struct msghdr header = { .msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = message.bytes,
                             .msg_controllen = sizeof(message.bytes) };
    message.head = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof(fd)),
                                     .cmsg_level = SOL_SOCKET,
                                     .cmsg_type = SCM_RIGHTS };
    memcpy(CMSG_DATA(&message.head), &fd, sizeof(fd));
    return sendmsg(control, &header, MSG_NOSIGNAL) == 1 ? 0 : -errno;
}

/* The environment's values are forgotten: names alone tell nobody anything. */
static void forget_environment(void)
{
    for (char **at = environ; at && *at; at++) {
        char *value = strchr(*at, '=');
        if (value) {
            explicit_bzero(value + 1, strlen(value + 1));
        }
    }
    clearenv();
}

static void be_worker(int socket, pid_t keeper)
{
    sigset_t none;
    sigemptyset(&none);
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (getppid() != keeper) {
        _exit(EXIT_FAILURE);
    }
    if (dup2(socket, STDERR_FILENO + 1) != STDERR_FILENO + 1) {
        _exit(EXIT_FAILURE);
    }
    syscall(SYS_close_range, STDERR_FILENO + 2, ~0U, 0);
    sigprocmask(SIG_SETMASK, &none, NULL);
    prctl(PR_SET_NAME, "hinomi-courier", 0, 0, 0);
    courier_confine();
    _exit(worker_run(STDERR_FILENO + 1));
}

static bool begin(struct keeper *k)
{
    int pair[2];
    pid_t self = getpid();
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        return false;
    }
    k->began_ns = clock_boot_ns();
    k->worker = fork();
    if (k->worker == 0) {
        be_worker(pair[1], self);
    }
    close(pair[1]);
    bool good = k->worker > 0 && give(k->control, pair[0]) == 0;
    close(pair[0]);
    k->worker = k->worker > 0 ? k->worker : 0;
    return good;
}

static void reap(struct keeper *k)
{
    int status;
    struct signalfd_siginfo info;
    while (read(k->signals, &info, sizeof(info)) > 0) {
    }
    if (k->worker == 0 || waitpid(k->worker, &status, WNOHANG) != k->worker) {
        return;
    }
    k->worker = 0;
    bool held = clock_boot_ns() - k->began_ns > AGAIN_MOST_MS * NS_PER_MS;
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        k->again_ms = held ? 0 : AGAIN_MS;
        return;
    }
    log_warning("the courier's process ended by %s %d; another one begins",
                WIFSIGNALED(status) ? "signal" : "status",
                WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
    k->again_ms = held || k->again_ms == 0          ? AGAIN_MS
                  : k->again_ms < AGAIN_MOST_MS / 2 ? 2 * k->again_ms
                                                    : AGAIN_MOST_MS;
}

/* False: the server is gone. */
static bool listen_to_server(const struct keeper *k)
{
    char byte;
    ssize_t n = recv(k->control, &byte, 1, MSG_DONTWAIT);
    if (n == 1 && k->worker) {
        kill(k->worker, SIGKILL);
    }
    return n == 1 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static void run(struct keeper *k)
{
    bool goes_on = true;
    while (goes_on) {
        struct pollfd polls[] = { { .fd = k->control, .events = POLLIN },
                                  { .fd = k->signals, .events = POLLIN } };
        if (k->worker == 0 && !begin(k)) {
            k->again_ms = AGAIN_MOST_MS;
        }
        (void)poll(polls, 2, k->worker ? -1 : k->again_ms);
        goes_on = !polls[0].revents || listen_to_server(k);
        reap(k);
        if (goes_on && k->worker == 0 && k->again_ms) {
            (void)poll(polls, 1, k->again_ms);
            goes_on = !(polls[0].revents & (POLLHUP | POLLERR));
        }
    }
    if (k->worker) {
        kill(k->worker, SIGKILL);
    }
}

static void be_keeper(int control)
{
    struct keeper k = { .control = STDERR_FILENO + 1, .again_ms = AGAIN_MS };
    sigset_t child;
    static const int ignored[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2 };
    for (size_t i = 0; i < sizeof(ignored) / sizeof(*ignored); i++) {
        (void)signal(ignored[i], SIG_IGN);
    }
    if (dup2(control, STDERR_FILENO + 1) != STDERR_FILENO + 1) {
        _exit(EXIT_FAILURE);
    }
    syscall(SYS_close_range, STDERR_FILENO + 2, ~0U, 0);
    forget_environment();
    prctl(PR_SET_NAME, "hinomi-keeper", 0, 0, 0);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_SETMASK, &child, NULL);
    k.signals = signalfd(-1, &child, SFD_NONBLOCK | SFD_CLOEXEC);
    if (k.signals < 0) {
        _exit(EXIT_FAILURE);
    }
    run(&k);
    _exit(EXIT_SUCCESS);
}

int keeper_fork(int *ret_control, struct err *err)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        return err_set(err, -errno, "cannot make a socket: %s", strerror(errno));
    }
    CLEANUP(cleanup_close) int theirs = pair[1];
    CLEANUP(cleanup_close) int ours = pair[0];
    pid_t pid = fork();
    if (pid < 0) {
        return err_set(err, -errno, "cannot fork: %s", strerror(errno));
    }
    if (pid == 0) {
        be_keeper(theirs);
    }
    *ret_control = TAKE_FD(ours);
    return 0;
}

int keeper_take(int control)
{
    char byte;
    union control_message message;
    struct iovec part = { &byte, 1 };
    struct msghdr header = { .msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = message.bytes,
                             .msg_controllen = sizeof(message.bytes) };
    ssize_t n = recvmsg(control, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n <= 0) {
        return n == 0 ? -EPIPE : errno == EAGAIN || errno == EINTR ? -EAGAIN : -errno;
    }
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&header); c; c = CMSG_NXTHDR(&header, c)) {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS &&
            c->cmsg_len == CMSG_LEN(sizeof(int))) {
            int fd;
            memcpy(&fd, CMSG_DATA(c), sizeof(fd));
            return fd;
        }
    }
    return -EAGAIN;
}

void keeper_kill(int control)
{
    char byte = 'k';
    (void)send(control, &byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT);
}
