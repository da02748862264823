/*
 * run: the front: what the caller sees of the command.
 *
 * All signals are blocked and read from a descriptor; blocked ones are queued even where the caller had
 * them ignored. Each goes to the keeper, which knows whether the command has got it already. The front
 * stops when the command has stopped, so that a shell's job control sees one job; it ends as the command
 * ended, by the same signal if need be, once the supervisor has said that all alerts are out.
 */
#include "cli/run.h"

#include "base/cleanup.h"
#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define DRAIN_MS  10000 /* what the supervisor gets for the last alerts */
#define HOLDER_MS 100   /* and the holder for its last count, when the supervisor is gone */

struct front {
    struct run *run;
    int keeper, supervisor, signals; /* -1: gone */
    pid_t keeper_pid;                /* 0: the command does not run yet */
    bool was_stopped;                /* the next SIGCONT is the one that ended a stop of ours */
    uint64_t stop;                   /* which stop of the command that was for */
    bool ended, drained, sensor_lost;
    int failed; /* exit status, 0 none */
    int status; /* of wait(2) */
    uint64_t give_up_ns;
};

static void warn(const char *text)
{
    fprintf(stderr, "hinomi run: %s\n", text);
}

/* Takes the default action of a signal upon itself. */
static void suffer(int number)
{
    struct sigaction action = { .sa_handler = SIG_DFL }, former;
    sigset_t set, mask;
    sigaction(number, &action, &former);
    sigemptyset(&set);
    sigaddset(&set, number);
    kill(getpid(), number);
    sigprocmask(SIG_UNBLOCK, &set, &mask);
    sigprocmask(SIG_SETMASK, &mask, NULL);
    sigaction(number, &former, NULL);
}

static void stop_like_command(struct front *f, int number)
{
    struct pollfd next = { .fd = f->keeper, .events = POLLIN };
    if (poll(&next, 1, 0) == 0) {
        f->was_stopped = true;
        suffer(number);
    }
}

static int end_by(int number)
{
    struct rlimit none = { 0, 0 };
    setrlimit(RLIMIT_CORE, &none);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    suffer(number);
    return 128 + number;
}

static bool is_ignored(int number)
{
    struct sigaction action;
    return sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN;
}

/* Before there is a command, signals do to the front what they would do to it. */
static void early_signal(struct front *f, int number)
{
    static const int fatal[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGALRM };
    if (number == SIGTSTP && !is_ignored(number)) {
        stop_like_command(f, number);
    }
    for (size_t i = 0; i < sizeof(fatal) / sizeof(*fatal); i++) {
        if (number == fatal[i] && !is_ignored(number)) {
            f->failed = end_by(number);
        }
    }
}

static void hear_signals(struct front *f)
{
    struct signalfd_siginfo info;
    if (read(f->signals, &info, sizeof(info)) != sizeof(info)) {
        return;
    }
    int number = (int)info.ssi_signo;
    if (number == SIGCHLD) {
        while (waitpid(-1, NULL, WNOHANG) > 0) {
        }
        return;
    }
    if (f->keeper_pid == 0) {
        early_signal(f, number);
        return;
    }
    if (number == SIGCONT && info.ssi_pid == (uint32_t)f->keeper_pid) {
        return;
    }
    bool woken = number == SIGCONT && f->was_stopped;
    struct run_message message = {
        .kind = woken ? MESSAGE_WOKEN : MESSAGE_SIGNAL,
        .value = number,
        .sender = (int32_t)info.ssi_pid,
        .code = woken ? SI_USER : info.ssi_code,
        .data = woken ? f->stop : info.ssi_ptr,
    };
    f->was_stopped &= number != SIGCONT;
    if (f->keeper >= 0) {
        run_message_send(f->keeper, &message);
    }
}

static void let_go(int *socket)
{
    close(*socket);
    *socket = -1;
}

static void keeper_says(struct front *f, const struct run_message *message)
{
    switch (message->kind) {
    case MESSAGE_RUNS:
        f->keeper_pid = message->sender;
        break;
    case MESSAGE_STOPPED:
        f->stop = message->data;
        stop_like_command(f, message->value);
        break;
    case MESSAGE_CONTINUED:
        run_message_send(f->keeper, &(struct run_message){ .kind = MESSAGE_GOES_ON });
        break;
    case MESSAGE_ENDED:
        f->ended = true;
        f->status = message->value;
        f->give_up_ns = clock_boot_ns() + DRAIN_MS * NS_PER_MS;
        break;
    default:
        break;
    }
}

static void hear_keeper(struct front *f)
{
    struct run_message message;
    int r = run_message_try(f->keeper, &message);
    if (r > 0) {
        keeper_says(f, &message);
    } else if (r == 0) {
        let_go(&f->keeper);
        if (!f->ended && f->keeper_pid != 0) {
            warn("the command's parent was killed: its exit status is not known");
            f->failed = RUN_FAILED;
        }
    }
}

static void hear_supervisor(struct front *f)
{
    struct run_message message;
    int r = run_message_try(f->supervisor, &message);
    if (r > 0 && message.kind == MESSAGE_FAILED) {
        f->failed = message.value;
    } else if (r > 0 && message.kind == MESSAGE_DRAINED) {
        f->drained = true;
    } else if (r == 0) {
        let_go(&f->supervisor);
        f->sensor_lost = true;
        if (f->keeper_pid == 0 && !f->failed) {
            warn("the sensor ended before the command began");
            f->failed = RUN_FAILED;
        } else if (!f->drained) {
            warn(
                f->run->program->way == RUN_WITH_TRACE
                    ? "the sensor was killed, and with it what it traced"
                    : "the sensor was killed: monitoring has ended, the command goes on unwatched");
        }
    }
}

static bool is_over(struct front *f)
{
    if (f->ended && !f->drained && !f->sensor_lost && clock_boot_ns() > f->give_up_ns) {
        warn("the sensor does not answer: alerts may be missing");
        return true;
    }
    return f->failed || (f->ended && (f->drained || f->sensor_lost));
}

static void step(struct front *f)
{
    struct pollfd items[] = {
        { .fd = f->signals, .events = POLLIN },
        { .fd = f->supervisor, .events = POLLIN },
        { .fd = f->keeper, .events = POLLIN },
    };
    if (poll(items, 3, f->ended ? DRAIN_MS / 10 : -1) <= 0) {
        return;
    }
    if (items[2].revents) {
        hear_keeper(f);
    }
    if (items[0].revents) {
        hear_signals(f);
    }
    if (items[1].revents) {
        hear_supervisor(f);
    }
}

/* What passed while nobody watched. The holder ends with the last watched task: its counts are final then. */
static void report_gaps(const struct front *f)
{
    const struct holder_shared *shared = f->run->shared;
    uint64_t passed = 0;
    for (int ms = 0; f->sensor_lost && !f->drained && ms < HOLDER_MS; ms++) {
        if (waitpid(f->run->holder, NULL, WNOHANG) != 0) {
            break;
        }
        usleep(1000);
    }
    for (size_t i = 0; i < HOLDER_NUMBERS; i++) {
        passed += shared->passed_by_number[i];
    }
    if (passed || (f->sensor_lost && !f->drained)) {
        fprintf(stderr, "hinomi run: %llu call%s passed unseen\n", (unsigned long long)passed,
                passed == 1 ? "" : "s");
    }
}

int run_front(struct run *run)
{
    sigset_t all;
    sigfillset(&all);
    struct front f = {
        .run = run,
        .keeper = run->links[LINK_FRONT_KEEPER][0],
        .supervisor = run->links[LINK_FRONT_SUPERVISOR][0],
        .signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK),
    };
    if (f.signals < 0) {
        warn("no descriptor for signals");
        return RUN_FAILED;
    }
    prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
    run_drop_inherited();
    while (!is_over(&f)) {
        step(&f);
    }
    if (f.failed) {
        return f.failed;
    }
    report_gaps(&f);
    return WIFEXITED(f.status) ? WEXITSTATUS(f.status) : end_by(WTERMSIG(f.status));
}
