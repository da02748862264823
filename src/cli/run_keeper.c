/*
 * run: the keeper: parent of the command and of its orphans, tracer of nobody.
 *
 * All signals are blocked; being in the command's process group, it finds those that were sent to the whole
 * group among its pending ones, and so knows which of the front's the command has got already. When the
 * supervisor is gone before the command was let go, or the front is killed, the command is killed too:
 * the first would leave it hanging, the second is what the caller asked for.
 */
#include "cli/run.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define RESEND_MS 20

struct keeper {
    struct run *run;
    struct run_command command;
    int front, supervisor, signals; /* -1: gone */
    bool ended, stopped, no_children;
    bool front_sleeps; /* it has not said yet that it goes on */
    uint64_t stops;    /* of the command, ever */
};

static void send_value(int socket, enum run_message_kind kind, int value)
{
    if (socket >= 0) {
        struct run_message message = { .kind = kind, .value = value, .sender = getpid() };
        run_message_send(socket, &message);
    }
}

static void send_stopped(const struct keeper *k, int signal)
{
    if (k->front >= 0) {
        struct run_message message = { .kind = MESSAGE_STOPPED, .value = signal, .data = k->stops };
        run_message_send(k->front, &message);
    }
}

static int status_of(const siginfo_t *info)
{
    if (info->si_code == CLD_EXITED) {
        return (info->si_status & 0xff) << 8;
    }
    return info->si_status | (info->si_code == CLD_DUMPED ? 0x80 : 0);
}

static void command_ended(struct keeper *k, int status)
{
    run_command_hear(&k->command);
    if (k->command.exec_error) {
        fprintf(stderr, "hinomi run: cannot execute %s: %s\n", k->run->origin.path,
                strerror(k->command.exec_error));
    }
    k->ended = true;
    send_value(k->supervisor, MESSAGE_ENDED, status);
    send_value(k->front, MESSAGE_ENDED, status);
}

static void command_changed(struct keeper *k, const siginfo_t *info)
{
    switch (info->si_code) {
    case CLD_STOPPED:
        k->stopped = true;
        k->stops++;
        send_stopped(k, info->si_status);
        break;
    case CLD_CONTINUED:
        k->stopped = false;
        k->front_sleeps = true;
        send_value(k->front, MESSAGE_CONTINUED, 0);
        kill(k->run->origin.front, SIGCONT);
        break;
    default:
        command_ended(k, status_of(info));
    }
}

static void reap(struct keeper *k)
{
    for (;;) {
        siginfo_t info = { 0 };
        if (waitid(P_ALL, 0, &info, WEXITED | WSTOPPED | WCONTINUED | WNOHANG) < 0) {
            k->no_children = errno == ECHILD;
            return;
        }
        if (info.si_pid == 0) {
            return;
        }
        if (info.si_pid == k->command.pid && !k->ended) {
            command_changed(k, &info);
        }
    }
}

/* Was the signal sent to the process group? Then it waits here too, and is taken away. */
static bool was_for_group(int signal)
{
    sigset_t set;
    struct timespec now = { 0, 0 };
    sigemptyset(&set);
    sigaddset(&set, signal);
    return sigtimedwait(&set, NULL, &now) == signal;
}

/* A SIGCONT that waits here came after it, and has undone it, here too. */
static bool is_undone(int signal)
{
    sigset_t set;
    sigpending(&set);
    return (signal == SIGTSTP || signal == SIGTTIN || signal == SIGTTOU) &&
           sigismember(&set, SIGCONT) == 1;
}

/* The command goes on since, even if it has stopped once more: that undid the SIGCONT that waited here. */
static bool went_on(const struct keeper *k, uint64_t stop)
{
    return !k->stopped || k->stops != stop;
}

static void pass_on(struct keeper *k, const struct run_message *message)
{
    reap(k);
    if (k->ended || was_for_group(message->value) || is_undone(message->value) ||
        (message->kind == MESSAGE_WOKEN && went_on(k, message->data))) {
        return;
    }
    if (message->code == SI_QUEUE) {
        siginfo_t info = { .si_signo = message->value, .si_code = SI_QUEUE };
        info.si_pid = getpid();
        info.si_uid = getuid();
        info.si_value.sival_ptr = (void *)(uintptr_t)message->data;
        if (syscall(SYS_rt_sigqueueinfo, k->command.pid, message->value, &info) == 0) {
            return;
        }
    }
    kill(k->command.pid, message->value);
}

static void hear_front(struct keeper *k)
{
    struct run_message message;
    int r;
    while ((r = run_message_try(k->front, &message)) > 0) {
        if (message.kind == MESSAGE_GOES_ON) {
            k->front_sleeps = false;
        } else {
            pass_on(k, &message);
        }
    }
    if (r == 0) {
        close(k->front);
        k->front = -1;
        k->front_sleeps = false;
        if (!k->ended) {
            kill(k->command.pid, SIGKILL);
        }
    }
}

static void hear_supervisor(struct keeper *k)
{
    struct run_message message;
    if (run_message_try(k->supervisor, &message) == 0) {
        close(k->supervisor);
        k->supervisor = -1;
    }
}

static void hear_signals(struct keeper *k)
{
    struct signalfd_siginfo info;
    if (read(k->signals, &info, sizeof(info)) == sizeof(info)) {
        reap(k);
    }
}

static void step(struct keeper *k)
{
    struct pollfd items[] = {
        { .fd = k->signals, .events = POLLIN },
        { .fd = k->front, .events = POLLIN },
        { .fd = k->supervisor, .events = POLLIN },
        { .fd = k->command.pipes[1][0], .events = POLLIN },
    };
    if (poll(items, 4, k->front_sleeps ? RESEND_MS : -1) < 0) {
        return;
    }
    if (items[3].revents) {
        run_command_hear(&k->command);
    }
    if (items[0].revents) {
        hear_signals(k);
    }
    if (items[1].revents) {
        hear_front(k);
    }
    if (items[2].revents) {
        hear_supervisor(k);
    }
    if (k->front_sleeps) {
        kill(k->run->origin.front, SIGCONT);
    }
}

static int open_signals(void)
{
    sigset_t set;
    signal(SIGCHLD, SIG_DFL);
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* Signals that wait for a process, which blocks them all: a bit each, from 1 on; 0 when not known. */
static uint64_t waiting_for(pid_t pid)
{
    char path[48], text[2048];
    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    int fd CLEANUP(cleanup_close) = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    text[n > 0 ? n : 0] = '\0';
    const char *at = strstr(text, "\nShdPnd:");
    return at ? strtoull(at + strlen("\nShdPnd:"), NULL, 16) : 0;
}

/* What was sent to the group before the command was in it waits here, but has not reached it. */
static void forget_early_signals(const struct keeper *k)
{
    uint64_t reached = waiting_for(k->command.pid);
    for (int number = 1; number <= SIGRTMAX; number++) {
        if (number != SIGCHLD && !(reached >> (number - 1) & 1)) {
            was_for_group(number);
        }
    }
}

/* Up to the moment at which the command runs. False: it does not. */
static bool start(struct keeper *k)
{
    struct run_message message;
    if (!run_message_receive(k->supervisor, &message, NULL) || message.kind != MESSAGE_START) {
        return false;
    }
    int r = run_command_start(k->run, &k->command);
    if (r < 0) {
        send_value(k->supervisor, MESSAGE_NO_FILTER, -r);
        return false;
    }
    forget_early_signals(k);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    message = (struct run_message){ .kind = MESSAGE_LISTENER, .value = k->command.pid };
    run_message_send_fd(k->supervisor, &message, k->command.listener);
    if (k->command.listener >= 0) {
        close(k->command.listener);
    }
    if (!run_message_receive(k->supervisor, &message, NULL) || message.kind != MESSAGE_GO) {
        kill(k->command.pid, SIGKILL);
        return false;
    }
    send_value(k->front, MESSAGE_RUNS, k->command.pid);
    run_command_go(&k->command);
    return true;
}

int run_keeper(struct run *run)
{
    struct keeper k = {
        .run = run,
        .front = run->links[LINK_FRONT_KEEPER][1],
        .supervisor = run->links[LINK_SUPERVISOR_KEEPER][1],
        .signals = open_signals(),
    };
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    prctl(PR_SET_NAME, "hinomi-keeper", 0, 0, 0);
    if (k.signals < 0 || !start(&k)) {
        return RUN_FAILED;
    }
    reap(&k);
    while (!k.ended || !k.no_children) {
        step(&k);
    }
    return 0;
}
