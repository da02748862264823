/*
 * exact_stop: waiting for the stops of a tracee, and reading them.
 *
 * Stops are looked at (WNOWAIT), hardly ever taken: what resumes the tracee makes them void, and a zombie
 * seen this way can be left to whom it belongs. Burying: a zombie that is traced stays until its tracer waits
 * for it, which hands it on to its real parent; but where the real parent is this very process, waiting
 * here would swallow the status that another thread waits for, so that one is left alone (the kernel
 * shows it to that other thread although it is traced).
 *
 * A wait is bounded by a timer of its own thread; the tick also finds a stop that another thread of this
 * process has taken, by asking the tracee itself. A user's timers and queued signals share one limit, which a
 * watched program of the same user can use up: then there is no timer, and stops are looked for.
 *
 * Sources: ptrace(2), waitid(2), timer_create(2).
 */
#include "sensor/notify/exact_stop.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "sensor/notify/exact.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOOK_AT     (WEXITED | WSTOPPED | WNOWAIT | __WNOTHREAD)
#define LOOK        (LOOK_AT | __WALL)
#define TRACEES     (LOOK_AT | (int)__WCLONE) /* children of one's own making do not count */
#define STATUS_MAX  2048
#define POLL_US     50  /* between looks without a timer */
#define STRANGER_US 200 /* between looks while the thread's other children are in the way */

static void handle_nothing(int signal)
{
    (void)signal;
}

int exact_wait_signals(void)
{
    struct sigaction before, action = { .sa_handler = handle_nothing };
    if (sigaction(EXACT_SIGNAL, NULL, &before) != 0) {
        return -errno;
    }
    if (before.sa_handler != SIG_DFL && before.sa_handler != handle_nothing) {
        return -EBUSY;
    }
    sigemptyset(&action.sa_mask);
    return sigaction(EXACT_SIGNAL, &action, NULL) == 0 ? 0 : -errno;
}

/* Of each thread that waited: kept, for making one costs more than all else of a run. The system calls
 * themselves: the library's timers allocate. */
static _Thread_local struct {
    bool made;
    int timer;
} ticker;
static pthread_key_t ticker_key;
static pthread_once_t ticker_once = PTHREAD_ONCE_INIT;

static void ticker_delete(void *data)
{
    (void)data;
    syscall(SYS_timer_delete, ticker.timer);
    ticker.made = false;
}

static void ticker_key_make(void)
{
    pthread_key_create(&ticker_key, ticker_delete);
}

static int ticker_make(void)
{
    struct sigevent event = { .sigev_notify = SIGEV_THREAD_ID, .sigev_signo = EXACT_SIGNAL };
    event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
    if (syscall(SYS_timer_create, CLOCK_MONOTONIC, &event, &ticker.timer) != 0) {
        return -errno;
    }
    sigset_t ours;
    sigemptyset(&ours);
    sigaddset(&ours, EXACT_SIGNAL);
    pthread_sigmask(SIG_UNBLOCK, &ours, NULL);
    pthread_once(&ticker_once, ticker_key_make);
    pthread_setspecific(ticker_key, &ticker);
    ticker.made = true;
    return 0;
}

static bool ticker_set(const struct itimerspec *when)
{
    return ticker.made && syscall(SYS_timer_settime, ticker.timer, 0, when, NULL) == 0;
}

int exact_wait_start(struct exact_wait *wait, unsigned timeout_ms)
{
    static const struct itimerspec ticks = {
        .it_value = { .tv_nsec = EXACT_LATE_US * 1000L },
        .it_interval = { .tv_nsec = EXACT_TICK_MS * (long)NS_PER_MS },
    };
    *wait = (struct exact_wait){ 0 };
    if (!ticker_set(&ticks)) { /* none yet, or that of the process this one was forked from */
        int failed = ticker_make();
        wait->polls = failed == -EAGAIN;
        if (!wait->polls && (failed || !ticker_set(&ticks))) {
            return failed ? failed : -errno;
        }
    }
    exact_wait_extend(wait, timeout_ms);
    return 0;
}

void exact_wait_extend(struct exact_wait *wait, unsigned timeout_ms)
{
    wait->deadline_ns = clock_boot_ns() + timeout_ms * NS_PER_MS;
}

void exact_wait_end(void)
{
    static const struct itimerspec never;
    ticker_set(&never);
}

static void classify(pid_t tid, int status, struct exact_stop *ret)
{
    int signal = status & 0xff;
    *ret = (struct exact_stop){ .kind = STOP_SIGNAL, .tid = tid, .signal = signal };
    int event = status >> 8;
    if (event == 0 && signal != (SIGTRAP | 0x80)) {
        return;
    }
    ret->signal = 0;
    switch (event) {
    case 0:
        ret->kind = STOP_SYSCALL;
        break;
    case PTRACE_EVENT_STOP:
        ret->kind = signal == SIGTRAP ? STOP_TRAP : STOP_GROUP;
        break;
    case PTRACE_EVENT_EXEC:
        ret->kind = STOP_EXEC;
        break;
    default:
        ret->kind = STOP_CHILD;
        break;
    }
}

static pid_t number_after(const char *text, const char *name)
{
    const char *at = strstr(text, name);
    return at ? (pid_t)strtol(at + strlen(name), NULL, 10) : 0;
}

/* The name, which may contain anything, stands on the first line; newlines in it are escaped. */
static bool is_anothers(pid_t tid)
{
    char path[40], text[STATUS_MAX];
    snprintf(path, sizeof(path), "/proc/%d/status", tid);
    int fd CLEANUP(cleanup_close) = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
    if (n <= 0) {
        return false;
    }
    text[n] = '\0';
    return number_after(text, "\nTgid:") != tid || number_after(text, "\nPPid:") != getpid();
}

static void bury(pid_t tid)
{
    siginfo_t info;
    if (is_anothers(tid)) {
        waitid(P_PID, (id_t)tid, &info, WEXITED | WNOHANG | __WALL | __WNOTHREAD);
    }
}

/* A stop that another thread's wait has taken is still there for ptrace. */
static bool look_inside(pid_t tid, struct exact_stop *ret)
{
    siginfo_t info;
    if (ptrace(PTRACE_GETSIGINFO, tid, NULL, &info) != 0) {
        return false;
    }
    bool event = info.si_code > 0 && (info.si_code & 0xff) == (info.si_signo & 0xff) &&
                 (info.si_code >> 8 != 0 || info.si_code == (SIGTRAP | 0x80));
    bool call = info.si_signo == SIGTRAP && info.si_code == (SIGTRAP | 0x80);
    classify(tid, event || call ? info.si_code : info.si_signo, ret);
    return true;
}

static int dead(pid_t tid, struct exact_stop *ret)
{
    *ret = (struct exact_stop){ .kind = STOP_DEAD, .tid = tid };
    return 0;
}

/* Did an exec give the thread its process' id? Until that stop is taken, Linux refuses to say (a tracer
 * might have meant the former owner of the id). */
static bool is_renamed(pid_t tid, pid_t now)
{
    siginfo_t info;
    waitid(P_PID, (id_t)now, &info, WSTOPPED | WNOHANG | __WALL | __WNOTHREAD);
    return exact_message_read(now) == tid;
}

/* A process' first thread that died is not shown while others are left, even dead ones that only their tracer
 * can bury. */
static bool is_held_back(pid_t tid)
{
    char path[40], text[STATUS_MAX];
    snprintf(path, sizeof(path), "/proc/%d/stat", tid);
    int fd CLEANUP(cleanup_close) = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
    text[n > 0 ? n : 0] = '\0';
    const char *name_end = strrchr(text, ')');
    return name_end && strncmp(name_end, ") Z", 3) == 0;
}

/* One look. -EAGAIN: nothing yet, or someone else's. */
static int look(idtype_t type, pid_t tid, int flags, struct exact_stop *ret)
{
    siginfo_t info = { .si_pid = 0 };
    if (waitid(type, type == P_ALL ? 0 : (id_t)tid, &info, LOOK | flags) != 0) {
        return errno == ECHILD ? dead(tid, ret) : -EAGAIN;
    }
    if (info.si_pid == 0) {
        return -EAGAIN;
    }
    if (info.si_code != CLD_TRAPPED && info.si_code != CLD_STOPPED) {
        if (info.si_pid == tid) {
            bury(tid);
            return dead(tid, ret);
        }
        return -ECHILD;
    }
    classify(info.si_pid, info.si_status, ret);
    if (info.si_pid == tid) {
        return 0;
    }
    return ret->kind == STOP_EXEC && is_renamed(tid, info.si_pid) ? 0 : -ECHILD;
}

int exact_look(pid_t tid, struct exact_stop *ret)
{
    return look(P_PID, tid, WNOHANG, ret);
}

void exact_wait_late(struct exact_wait *wait)
{
    if (wait->late) {
        wait->late(wait->data);
        wait->late = NULL;
    }
}

int exact_wait_stop(struct exact_wait *wait, pid_t tid, bool moves, struct exact_stop *ret)
{
    for (;;) {
        int got = look(moves ? P_ALL : P_PID, tid, wait->polls ? WNOHANG : 0, ret);
        if (got == -ECHILD) {
            got = look(P_PID, tid, WNOHANG, ret);
            usleep(got == -EAGAIN ? STRANGER_US : 0);
        }
        if (got == 0 || look_inside(tid, ret)) {
            return 0;
        }
        if (wait->makes_tasks && is_held_back(tid)) {
            return dead(tid, ret);
        }
        if (clock_boot_ns() > wait->deadline_ns) {
            return -ETIMEDOUT;
        }
        exact_wait_late(wait);
        usleep(wait->polls ? POLL_US : 0);
    }
}

int exact_wait_tracee(const struct exact_wait *wait, struct exact_stop *ret)
{
    for (;;) {
        siginfo_t info = { .si_pid = 0 };
        errno = 0;
        if (waitid(P_ALL, 0, &info, TRACEES | (wait->polls ? WNOHANG : 0)) == 0 && info.si_pid) {
            if (info.si_code == CLD_TRAPPED || info.si_code == CLD_STOPPED) {
                classify(info.si_pid, info.si_status, ret);
                return 0;
            }
            bury(info.si_pid);
            return dead(info.si_pid, ret);
        }
        if (info.si_pid == 0 && errno == ECHILD) {
            return -ECHILD;
        }
        if (clock_boot_ns() > wait->deadline_ns) {
            return -ETIMEDOUT;
        }
        usleep(wait->polls ? POLL_US : 0);
    }
}

pid_t exact_message_read(pid_t tid)
{
    unsigned long message = 0;
    return ptrace(PTRACE_GETEVENTMSG, tid, NULL, &message) == 0 ? (pid_t)message : 0;
}
