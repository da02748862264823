/*
 * engine: the loop of the process that a task's processes live below.
 *
 * It is the first of its process namespace: what runc leaves behind becomes its child, and all of it ends when it does. It ends
 * at once when its parent does. A round: what is known is acted upon until nothing changes, then poll waits for a
 * signal, output, a request for metadata, or the next time that something is due.
 */
#include "taskrun/run.h"

#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIXED_FDS    3
#define FDS_MAX      (FIXED_FDS + 2 * TASK_CONTAINERS_MAX + RUN_CLIENTS_MAX)
#define ROUND_MS_MAX 60000
#define STEPS_MAX    64

#if defined(__aarch64__)
#define IS_ARM64 true
#else
#define IS_ARM64 false
#endif

static void say(const struct run *run, const struct slot *slot, const char *format,
                va_list arguments)
{
    char text[ERR_MESSAGE_MAX];
    vsnprintf(text, sizeof(text), format, arguments);
    fprintf(stderr, "%s: %s%s%s\n", run->options->name, slot ? slot->def->name.p : "",
            slot ? ": " : "", text);
}

void run_say(const struct run *run, const struct slot *slot, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    if (!run->options->quiet) {
        say(run, slot, format, arguments);
    }
    va_end(arguments);
}

void run_fail(struct run *run, const struct slot *slot, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    say(run, slot, format, arguments);
    va_end(arguments);
    run->failed |= run->status < 0;
    run->stopping = true;
}

static void reap(struct run *run)
{
    int status;
    pid_t pid;
    while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
        bool known = pid == run->pause;
        if (known) {
            run->pause = 0;
            run_fail(run, NULL, "the process namespace of the task has ended");
        }
        for (uint32_t i = 0; i < run->task.ncontainers && !known; i++) {
            struct slot *slot = &run->slots[i];
            known = pid == slot->pid || pid == slot->runtime;
            if (known) {
                container_exited(run, slot, pid, status);
            } else {
                known = health_exited(run, slot, pid, status);
            }
        }
        if (!known) {
            orphan_keep(run, pid, status);
        }
    }
}

static void take_signals(struct run *run)
{
    struct signalfd_siginfo info;
    while (read(run->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo != SIGCHLD && !run->stopping) {
            run->stopping = run->signalled = true;
            run_say(run, NULL, "stops");
        }
    }
    reap(run);
}

static bool is_over(const struct run *run)
{
    for (uint32_t i = 0; i < run->task.ncontainers; i++) {
        if (!container_is_over(&run->slots[i])) {
            return false;
        }
    }
    return true;
}

static uint64_t phases(const struct run *run)
{
    uint64_t all = run->stopping;
    for (uint32_t i = 0; i < run->task.ncontainers; i++) {
        all = all * 31 + (uint64_t)run->slots[i].phase * 2 + run->slots[i].stopping;
    }
    return all;
}

static void act(struct run *run)
{
    uint64_t before = ~phases(run);
    for (int i = 0; i < STEPS_MAX && before != phases(run); i++) {
        before = phases(run);
        for (uint32_t k = 0; k < run->task.ncontainers; k++) {
            container_step(run, &run->slots[k], clock_boot_ns());
        }
    }
}

static int wait_ms(const struct run *run)
{
    uint64_t now = clock_boot_ns(), due = UINT64_MAX;
    for (uint32_t i = 0; i < run->task.ncontainers; i++) {
        uint64_t at = container_due(run, &run->slots[i]);
        due = at < due ? at : due;
    }
    for (uint32_t i = 0; i < RUN_CLIENTS_MAX; i++) {
        const struct client *client = &run->clients[i];
        due = client->fd >= 0 && client->deadline_ns < due ? client->deadline_ns : due;
    }
    uint64_t ms = due <= now ? 0 : (due - now) / NS_PER_MS + 1;
    return ms > ROUND_MS_MAX ? ROUND_MS_MAX : (int)ms;
}

static nfds_t collect(const struct run *run, struct pollfd *fds, void **whose)
{
    nfds_t n = FIXED_FDS;
    fds[0] = (struct pollfd){ .fd = run->signals, .events = POLLIN };
    fds[1] = (struct pollfd){ .fd = run->lifeline, .events = POLLIN };
    fds[2] = (struct pollfd){ .fd = run->listener, .events = POLLIN };
    for (uint32_t i = 0; i < 2 * run->task.ncontainers; i++) {
        struct slot *slot = &run->slots[i / 2];
        if (slot->streams[i % 2].fd >= 0) {
            whose[n] = slot;
            fds[n++] = (struct pollfd){ .fd = slot->streams[i % 2].fd, .events = POLLIN };
        }
    }
    return n;
}

static nfds_t collect_clients(struct run *run, struct pollfd *fds, void **whose, nfds_t n)
{
    for (uint32_t i = 0; i < RUN_CLIENTS_MAX; i++) {
        struct client *client = &run->clients[i];
        if (client->fd >= 0) {
            whose[n] = client;
            fds[n++] =
                (struct pollfd){ .fd = client->fd, .events = client->answer.n ? POLLOUT : POLLIN };
        }
    }
    return n;
}

static void read_outputs(struct run *run, const struct pollfd *fds, void *const *whose, nfds_t n)
{
    for (nfds_t i = FIXED_FDS; i < n; i++) {
        struct slot *slot = whose[i];
        int which = slot->streams[1].fd == fds[i].fd;
        if (fds[i].revents && slot->streams[which].fd == fds[i].fd) {
            output_read(run, slot, &slot->streams[which]);
        }
    }
}

static void one_round(struct run *run)
{
    struct pollfd fds[FDS_MAX];
    void *whose[FDS_MAX] = { 0 };
    nfds_t outputs = collect(run, fds, whose);
    nfds_t n = collect_clients(run, fds, whose, outputs);
    if (poll(fds, n, wait_ms(run)) < 0 && errno != EINTR) {
        run_fail(run, NULL, "poll: %s", strerror(errno));
        return;
    }
    if (fds[1].revents) {
        _exit(TASKRUN_FAILED); /* nobody is left to tell */
    }
    read_outputs(run, fds, whose, outputs);
    for (nfds_t i = outputs; i < n; i++) {
        if (fds[i].revents) {
            metadata_serve(run, whose[i]);
        }
    }
    if (fds[2].revents) {
        metadata_accept(run, clock_boot_ns());
    }
    metadata_expire(run, clock_boot_ns());
    take_signals(run);
}

static int begin(struct run *run)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGTERM);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, "hinomi-task");
    signal(SIGPIPE, SIG_IGN);
    setsid();
    sigprocmask(SIG_SETMASK, &set, NULL);
    run->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    for (uint32_t i = 0; i < RUN_CLIENTS_MAX; i++) {
        run->clients[i].fd = -1;
    }
    return run->signals < 0 ? err_set(run->err, -errno, "no signals: %s", strerror(errno)) : 0;
}

static int status_of(const struct run *run)
{
    return run->failed        ? TASKRUN_FAILED
           : run->status >= 0 ? run->status
           : run->signalled   ? 128 + SIGTERM
                              : TASKRUN_FAILED;
}

_Noreturn void run_engine(struct run *run)
{
    int r = begin(run);
    r = r == 0 ? run_set_up(run) : r;
    if (r < 0) {
        fprintf(stderr, "%s: %s\n", run->options->name, run->err->message);
        _exit(TASKRUN_FAILED);
    }
    run_say(run, NULL, "task %s, metadata at %s", run->id, run->uri);
    if (run->task.arm64 != IS_ARM64) {
        run_say(run, NULL, "the definition is for %s, and this machine is not",
                run->task.arm64 ? "ARM64" : "X86_64");
    }
    take_signals(run);
    act(run);
    while (!is_over(run)) {
        one_round(run);
        act(run);
    }
    fflush(NULL);
    _exit(status_of(run));
}
