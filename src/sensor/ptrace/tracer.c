/*
 * Tracer: the thread to whom all watched tasks report.
 *
 *     stops that are there are taken, at most STOPS_AT_ONCE, then handled in turn: no task that stops all
 *     the time keeps others waiting; when there are none: requests, dead tasks, wait
 *
 * It waits for its own tracees only (__WNOTHREAD), and has no children. A task on its way out is let go at
 * its last stop, so that its parent finds an ordinary zombie, at once, even where that parent is in this very
 * process. What was killed past that stop is buried here, but for children of this process: their status
 * is not ours to take.
 *
 * Group-stops are listened to (PTRACE_LISTEN): the task stays stopped until SIGCONT. Signals go on as they
 * came, with their siginfo, which stays in the kernel.
 *
 * A task that no record could be made for is let pass everything.
 *
 * Sources: ptrace(2), waitid(2).
 */
#include "sensor/ptrace/ptrace_internal.h"

#include "base/cleanup.h"
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define STOPS_AT_ONCE 64
#define CALL_STOP     (SIGTRAP | 0x80)
#define STATUS_MAX    2048
#define ZOMBIE_US     500 /* between looks at a zombie that is left to another thread */
#define DETACH_US     1000
#define OURS          (__WALL | __WNOTHREAD)

struct stop {
    pid_t tid;
    int status;
};

static long options_of(const struct ptrace *p, bool filtered)
{
    long options = PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |
                   PTRACE_O_TRACECLONE | PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT;
    options |= filtered ? PTRACE_O_TRACESECCOMP : 0;
    return options | (p->config.exit_kill ? PTRACE_O_EXITKILL : 0);
}

int tracer_seize(struct ptrace *p, pid_t tid, bool filtered, struct tracee **ret)
{
    struct tracee *t = tracee_add(p, tid);
    if (!t) {
        return -ENOMEM;
    }
    if (ptrace(PTRACE_SEIZE, tid, NULL, options_of(p, filtered)) != 0) {
        int e = -errno;
        tracee_remove(p, t);
        return e;
    }
    t->filtered = filtered;
    if (!filtered) {
        ptrace(PTRACE_INTERRUPT, tid, NULL, NULL);
    }
    *ret = t;
    return 0;
}

void tracer_resume(struct ptrace *p, struct tracee *t, int signal)
{
    (void)p;
    bool to_call = t->wants_end || !t->filtered;
    ptrace(to_call ? PTRACE_SYSCALL : PTRACE_CONT, t->tid, NULL, (long)signal);
}

/* The number that comes with an event; -1: the task was killed meanwhile, and is at its last stop or gone: the
 * number is that one's then. */
static long message_of(pid_t tid, int event)
{
    unsigned long message = 0;
    siginfo_t info;
    bool there = ptrace(PTRACE_GETEVENTMSG, tid, NULL, &message) == 0 &&
                 ptrace(PTRACE_GETSIGINFO, tid, NULL, &info) == 0 && info.si_code >> 8 == event;
    return there ? (long)message : -1;
}

static void at_call(struct ptrace *p, struct tracee *t)
{
    if (t->filtered || t->in_call) {
        t->in_call = false;
        trace_call_end(p, t);
    } else {
        t->in_call = true;
        trace_call_begin(p, t);
    }
}

/* The thread that called exec has its process' id now; all others are gone. */
static void at_exec(struct ptrace *p, struct tracee *t)
{
    long former = message_of(t->tid, PTRACE_EVENT_EXEC);
    if (!trace_exec(p, t, former > 0 ? (pid_t)former : t->tid)) {
        kill(t->tid, SIGKILL);
    }
    tracer_resume(p, t, 0);
}

static void at_event(struct ptrace *p, struct tracee *t, int event, int signal)
{
    switch (event) {
    case PTRACE_EVENT_SECCOMP:
        trace_call_begin(p, t);
        return;
    case PTRACE_EVENT_FORK:
    case PTRACE_EVENT_VFORK:
    case PTRACE_EVENT_CLONE:
        trace_birth(p, t, (pid_t)message_of(t->tid, event));
        tracer_resume(p, t, 0);
        return;
    case PTRACE_EVENT_EXEC:
        at_exec(p, t);
        return;
    case PTRACE_EVENT_STOP:
        if (signal != SIGTRAP) {
            ptrace(PTRACE_LISTEN, t->tid, NULL, NULL);
            return;
        }
        tracer_resume(p, t, 0);
        return;
    default:
        tracer_resume(p, t, 0);
        return;
    }
}

static void at_exit(struct ptrace *p, struct tracee *t)
{
    int status = (int)message_of(t->tid, PTRACE_EVENT_EXIT);
    pid_t tid = t->tid;
    trace_exit(p, t, status);
    ptrace(PTRACE_DETACH, tid, NULL, NULL);
}

void tracer_handle(struct ptrace *p, struct tracee *t, int status)
{
    int event = status >> 8;
    int signal = status & 0xff;
    if (event == PTRACE_EVENT_EXIT) {
        at_exit(p, t);
    } else if (!t->told) {
        trace_hold(p, t, status);
    } else if (event != 0) {
        at_event(p, t, event, signal);
    } else if (signal == CALL_STOP) {
        at_call(p, t);
    } else {
        tracer_resume(p, t, signal);
    }
}

static void let_pass(pid_t tid, int status)
{
    int event = status >> 8;
    int signal = status & 0xff;
    bool group = event == PTRACE_EVENT_STOP && signal != SIGTRAP;
    if (event == PTRACE_EVENT_EXIT) {
        ptrace(PTRACE_DETACH, tid, NULL, NULL);
    } else if (group) {
        ptrace(PTRACE_LISTEN, tid, NULL, NULL);
    } else {
        ptrace(PTRACE_CONT, tid, NULL, (long)(event || signal == CALL_STOP ? 0 : signal));
    }
}

static void handle(struct ptrace *p, const struct stop *stop)
{
    struct tracee *t = tracee_get(p, stop->tid);
    t = t ? t : tracee_add(p, stop->tid);
    bool lost = !t;
    if (t) {
        tracer_handle(p, t, stop->status);
    } else {
        let_pass(stop->tid, stop->status);
    }
    pthread_mutex_lock(p->config.lock);
    p->stats.stops++;
    p->stats.lost += lost;
    p->stats.tasks = p->tracees.count;
    pthread_mutex_unlock(p->config.lock);
}

static unsigned take_stops(struct stop *stops)
{
    unsigned n = 0;
    while (n < STOPS_AT_ONCE) {
        siginfo_t info = { .si_pid = 0 };
        if (waitid(P_ALL, 0, &info, WSTOPPED | WNOHANG | OURS) != 0 || info.si_pid == 0) {
            break;
        }
        stops[n++] = (struct stop){ info.si_pid, info.si_status };
    }
    return n;
}

static pid_t number_after(const char *text, const char *name)
{
    const char *at = strstr(text, name);
    return at ? (pid_t)strtol(at + strlen(name), NULL, 10) : 0;
}

/* The name, which may contain anything, stands on the first line; newlines in it are escaped. */
static bool is_own_child(pid_t tid)
{
    char path[40], text[STATUS_MAX];
    snprintf(path, sizeof(path), "/proc/%d/status", tid);
    int fd CLEANUP(cleanup_close) = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;
    text[n > 0 ? n : 0] = '\0';
    return n > 0 && number_after(text, "\nTgid:") == tid &&
           number_after(text, "\nPPid:") == getpid();
}

static void dead(struct ptrace *p, pid_t tid)
{
    siginfo_t info;
    struct tracee *t = tracee_get(p, tid);
    if (t && !t->ended) {
        trace_exit(p, t, -1);
    }
    if (is_own_child(tid)) {
        usleep(ZOMBIE_US);
    } else {
        waitid(P_PID, (id_t)tid, &info, WEXITED | WNOHANG | OURS);
    }
}

/* Something to do, or woken. False: nothing is traced. */
static bool wait_more(struct ptrace *p)
{
    siginfo_t info = { .si_pid = 0 };
    if (waitid(P_ALL, 0, &info, WEXITED | WSTOPPED | WNOWAIT | OURS) != 0) {
        return errno != ECHILD;
    }
    if (info.si_code != CLD_TRAPPED && info.si_code != CLD_STOPPED) {
        dead(p, info.si_pid);
    }
    return true;
}

/* Threads that come about while it is read are born to ones that are traced, or found in the next round. */
static int seize_threads(struct ptrace *p, pid_t pid, bool filtered)
{
    int seized = 0, failed = -ESRCH;
    for (bool more = true; more;) {
        int64_t tids[STOPS_AT_ONCE];
        unsigned n = trace_threads(p, pid, tids, STOPS_AT_ONCE);
        more = n == STOPS_AT_ONCE;
        for (unsigned i = 0; i < n; i++) {
            struct tracee *t = NULL;
            int e = tracer_seize(p, (pid_t)tids[i], filtered, &t);
            if (e < 0) {
                failed = e;
                more = more && e == -ESRCH;
                continue;
            }
            trace_adopt(p, t, pid);
            more = true;
            seized++;
        }
        if (seized == 0 && failed != -ESRCH) {
            break;
        }
    }
    return seized > 0 ? 0 : failed;
}

static void set_ended(struct ptrace *p, bool ended)
{
    pthread_mutex_lock(&p->requests_lock);
    p->ended = ended;
    pthread_cond_broadcast(&p->answered);
    pthread_mutex_unlock(&p->requests_lock);
}

static void detach(pid_t tid, int status)
{
    int event = status >> 8;
    int signal = status & 0xff;
    ptrace(PTRACE_DETACH, tid, NULL, (long)(event || signal == CALL_STOP ? 0 : signal));
}

/* What has a filter needs its tracer until the end of this thread. */
static void let_go(struct ptrace *p)
{
    size_t cursor = 0, left = 0;
    const struct map_slot *slot;
    while ((slot = map_next(&p->tracees, &cursor))) {
        const struct tracee *t = slot->value;
        if (t->held) {
            detach(t->tid, t->held);
        } else if (!t->filtered && !t->ended) {
            left += ptrace(PTRACE_INTERRUPT, t->tid, NULL, NULL) == 0;
        }
    }
    for (int us = 0; left > 0 && us < PTRACE_STOP_MS * 1000; us += DETACH_US) {
        struct stop stops[STOPS_AT_ONCE];
        unsigned n = take_stops(stops);
        for (unsigned i = 0; i < n; i++) {
            detach(stops[i].tid, stops[i].status);
            left -= left > 0;
        }
        if (n == 0) {
            usleep(DETACH_US);
        }
    }
}

/* False: this thread ends. */
static bool serve(struct ptrace *p, struct request *r)
{
    const struct tracee *t;
    switch (r->kind) {
    case REQUEST_ATTACH:
        trace_discover(p, r->pid);
        r->result = seize_threads(p, r->pid, false);
        return true;
    case REQUEST_ADOPT:
        r->result = seize_threads(p, r->pid, p->config.with_filter);
        return true;
    case REQUEST_ASK:
        t = tracee_get(p, r->pid);
        r->result = t && !t->ended;
        return true;
    case REQUEST_STOP:
        let_go(p);
        return false;
    default:
        return true;
    }
}

static bool take_requests(struct ptrace *p)
{
    bool goes_on = true;
    while (goes_on && atomic_load(&p->wanted)) {
        pthread_mutex_lock(&p->requests_lock);
        struct request *r = p->requests;
        p->requests = r ? r->next : NULL;
        atomic_store(&p->wanted, p->requests != NULL);
        pthread_mutex_unlock(&p->requests_lock);
        if (!r) {
            break;
        }
        goes_on = serve(p, r);
        if (p->tracees.count > 0) {
            set_ended(p, false);
        }
        pthread_mutex_lock(&p->requests_lock);
        r->done = true;
        pthread_cond_broadcast(&p->answered);
        pthread_mutex_unlock(&p->requests_lock);
    }
    return goes_on;
}

static void wait_for_requests(struct ptrace *p)
{
    pthread_mutex_lock(&p->requests_lock);
    while (!p->requests) {
        pthread_cond_wait(&p->asked, &p->requests_lock);
    }
    pthread_mutex_unlock(&p->requests_lock);
}

static void only_wake_signal(void)
{
    sigset_t set;
    sigfillset(&set);
    sigdelset(&set, PTRACE_SIGNAL);
    pthread_sigmask(SIG_SETMASK, &set, NULL);
}

void *tracer_main(void *data)
{
    struct ptrace *p = data;
    prctl(PR_SET_NAME, "ptrace", 0, 0, 0);
    only_wake_signal();
    atomic_store(&p->tracer, (pid_t)syscall(SYS_gettid));
    for (;;) {
        struct stop stops[STOPS_AT_ONCE];
        unsigned n = take_stops(stops);
        for (unsigned i = 0; i < n; i++) {
            handle(p, &stops[i]);
        }
        if (n > 0 && !atomic_load(&p->wanted)) {
            continue;
        }
        if (!take_requests(p)) {
            return NULL;
        }
        if (n == 0 && !wait_more(p)) {
            trace_forget_all(p);
            set_ended(p, true);
            wait_for_requests(p);
        }
    }
}
