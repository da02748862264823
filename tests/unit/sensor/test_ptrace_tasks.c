/*
 * ptrace: births of all kinds, exec from any thread, ends, stops and signals, as the program and its parent
 * see them; with a filter and without, with what the newest kernel has and with what 4.14 had.
 */
#include "test.h"

#include "traced.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHURN   80
#define SKIPPED 77

static void each_way(int (*program)(struct traced *), void (*check)(struct traced *))
{
    for (int i = 0; i < TRACED_WAYS; i++) {
        struct traced *t = traced_new(&traced_ways[i]);
        t->program = program;
        traced_run(t);
        check(t);
        assert_int_equal(t->stats.tasks, 0);
        traced_done(t);
    }
}

static int64_t status_of(pid_t pid)
{
    int status;
    return waitpid(pid, &status, 0) == pid ? status : -1;
}

static int raw_clone3(uint64_t flags)
{
    struct clone_args args = { .flags = flags, .exit_signal = SIGCHLD };
    return (int)syscall(SYS_clone3, &args, sizeof(args));
}

static void *open_zero(void *data)
{
    syscall(SYS_openat, AT_FDCWD, "/dev/zero", O_RDONLY);
    return data;
}

enum { BY_FORK, BY_VFORK, BY_CLONE, BY_CLONE_UNTRACED, BY_CLONE3, BY_CLONE3_UNTRACED, BIRTHS };

static pid_t bear(int how)
{
    switch (how) {
    case BY_FORK:
        return (pid_t)syscall(SYS_fork);
    case BY_CLONE:
        return (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    case BY_CLONE_UNTRACED:
        return (pid_t)syscall(SYS_clone, SIGCHLD | CLONE_UNTRACED, 0, 0, 0, 0);
    case BY_CLONE3:
        return raw_clone3(0);
    default:
        return raw_clone3(CLONE_UNTRACED);
    }
}

/* vfork's child runs on this very stack. */
static __attribute__((noinline)) pid_t bear_by_vfork(void)
{
    pid_t pid = vfork();
    if (pid == 0) {
        syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDONLY);
        _exit(BY_VFORK + 1);
    }
    return pid;
}

static int bear_all(struct traced *t)
{
    for (int how = 0; how < BIRTHS; how++) {
        pid_t pid = how == BY_VFORK ? bear_by_vfork() : bear(how);
        if (pid == 0) {
            syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDONLY);
            _exit(how + 1);
        }
        t->page->got[how] = pid;
        t->page->got[10 + how] = status_of(pid);
    }
    pthread_t thread;
    pthread_create(&thread, NULL, open_zero, NULL);
    pthread_join(thread, NULL);
    return 0;
}

static bool was_born(const struct traced *t, int64_t tid)
{
    static const uint16_t names[] = { NAME_fork, NAME_vfork, NAME_clone, NAME_clone3 };
    bool parent = false, child = false;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        int cursor = 0;
        const struct traced_event *e;
        while ((e = traced_next(t, names[i], &cursor))) {
            parent |= e->result == tid;
            child |= e->tid == tid && e->result == 0;
        }
    }
    return parent && child;
}

static bool opened_null(const struct traced *t, int64_t tid)
{
    int cursor = 0;
    const struct traced_event *e;
    while ((e = traced_next(t, NAME_openat, &cursor))) {
        if (e->tid == tid) {
            return strcmp(e->path, "/dev/null") == 0;
        }
    }
    return false;
}

static void check_births(struct traced *t)
{
    assert_int_equal(t->status, 0);
    for (int how = 0; how < BIRTHS; how++) {
        if (t->page->got[how] < 0) {
            continue; /* this machine has no such call */
        }
        assert_int_equal(t->page->got[10 + how], (how + 1) << 8);
        assert_true(was_born(t, t->page->got[how]));
        assert_true(opened_null(t, t->page->got[how]));
    }
    assert_true(traced_count(t, NAME_procexit) >= BIRTHS + 1);
}

static void test_births(void **state)
{
    (void)state;
    each_way(bear_all, check_births);
}

static void *exec_true(void *data)
{
    char *const words[] = { (char *)"true", (char *)"from a thread", NULL };
    execv("/bin/true", words);
    return data;
}

static void *sleep_long(void *data)
{
    pause();
    return data;
}

static int exec_from_thread(struct traced *t)
{
    pthread_t thread;
    (void)t;
    pthread_create(&thread, NULL, sleep_long, NULL);
    pthread_create(&thread, NULL, sleep_long, NULL);
    pthread_create(&thread, NULL, exec_true, NULL);
    pthread_exit(NULL);
}

static void check_exec(struct traced *t)
{
    int cursor = 0;
    assert_int_equal(t->status, 0);
    const struct traced_event *e = traced_next(t, NAME_execve, &cursor);
    assert_non_null(e);
    assert_int_equal(e->tid, t->pid);
    assert_int_equal(e->result, 0);
    assert_non_null(strstr(e->path, "/true"));
    assert_null(traced_next(t, NAME_execve, &cursor));
}

static void test_exec_from_thread(void **state)
{
    (void)state;
    each_way(exec_from_thread, check_exec);
}

static int exec_nothing(struct traced *t)
{
    char *const words[] = { (char *)"x", NULL };
    t->page->got[0] = execv("/no/such/program", words) < 0 ? -errno : 0;
    t->page->got[1] = execv("/etc/passwd", words) < 0 ? -errno : 0;
    return 4;
}

static void check_failed_execs(struct traced *t)
{
    int cursor = 0;
    assert_int_equal(t->status, 4 << 8);
    for (int i = 0; i < 2; i++) {
        const struct traced_event *e = traced_next(t, NAME_execve, &cursor);
        assert_non_null(e);
        assert_int_equal(e->result, t->page->got[i]);
    }
}

static void test_failed_execs(void **state)
{
    (void)state;
    each_way(exec_nothing, check_failed_execs);
}

/* What a parent sees of a child that is stopped and goes on. */
static int stop_child(struct traced *t)
{
    int status = 0;
    pid_t pid = fork();
    if (pid == 0) {
        for (;;) {
            syscall(SYS_openat, AT_FDCWD, "/no/such", O_RDONLY);
            usleep(500);
        }
    }
    setpgid(pid, pid); /* SIGTSTP stops nobody in an orphaned process group */
    for (int i = 0; i < 20; i++) {
        int number = i % 2 ? SIGSTOP : SIGTSTP;
        kill(pid, number);
        if (waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status) ||
            WSTOPSIG(status) != number) {
            return 1;
        }
        usleep(2000);
        if (waitpid(pid, &status, WUNTRACED | WNOHANG) != 0) {
            return 2;
        }
        kill(pid, SIGCONT);
        if (waitpid(pid, &status, WCONTINUED) != pid || !WIFCONTINUED(status)) {
            return 3;
        }
    }
    kill(pid, SIGKILL);
    t->page->got[0] = status_of(pid);
    return 0;
}

static void check_stops(struct traced *t)
{
    assert_int_equal(t->status, 0);
    assert_int_equal(t->page->got[0], SIGKILL);
}

static void test_stops(void **state)
{
    (void)state;
    each_way(stop_child, check_stops);
}

static struct traced_page *seen_by_handler;

static void keep_info(int number, siginfo_t *info, void *context)
{
    (void)context;
    struct traced_page *page = seen_by_handler;
    page->got[page->n++] = number;
    page->got[page->n++] = info->si_code;
    page->got[page->n++] = info->si_pid == getpid();
    page->got[page->n++] = info->si_value.sival_int;
}

static int send_signals(struct traced *t)
{
    struct sigaction action = { .sa_sigaction = keep_info, .sa_flags = SA_SIGINFO };
    seen_by_handler = t->page;
    for (int i = 0; i < 50; i++) {
        int number = i % 3 ? SIGRTMIN + i % 7 : SIGTRAP;
        sigaction(number, &action, NULL);
        if (sigqueue(getpid(), number, (union sigval){ .sival_int = 1000 + i }) < 0) {
            return SKIPPED;
        }
        syscall(SYS_openat, AT_FDCWD, "/no/such", O_RDONLY);
    }
    return t->page->n == 200 ? 0 : 1;
}

static void check_signals(struct traced *t)
{
    if (t->status == SKIPPED << 8) {
        print_message("skipped: this user's queue of signals is full\n");
        return;
    }
    assert_int_equal(t->status, 0);
    for (int i = 0; i < 50; i++) {
        const int64_t *got = t->page->got + 4 * i;
        assert_int_equal(got[0], i % 3 ? SIGRTMIN + i % 7 : SIGTRAP);
        assert_int_equal(got[1], SI_QUEUE);
        assert_int_equal(got[2], 1);
        assert_int_equal(got[3], 1000 + i);
    }
}

static void test_signals(void **state)
{
    (void)state;
    each_way(send_signals, check_signals);
}

static int die(struct traced *t)
{
    (void)t;
    raise(SIGKILL);
    return 0;
}

static void check_killed(struct traced *t)
{
    assert_int_equal(t->status, SIGKILL);
    assert_int_equal(traced_count(t, NAME_procexit), 1);
}

static void test_killed(void **state)
{
    (void)state;
    each_way(die, check_killed);
}

static void *end_process(void *data)
{
    usleep(10000);
    _exit(data ? 7 : 6);
}

/* The first thread ends before the process. */
static int end_late(struct traced *t)
{
    pthread_t thread;
    (void)t;
    pthread_create(&thread, NULL, end_process, NULL);
    pthread_exit(NULL);
}

static void check_late(struct traced *t)
{
    int last = -1;
    assert_int_equal(t->status, 6 << 8);
    for (int i = 0; i < t->nevents; i++) {
        last = t->events[i].name == NAME_procexit ? i : last;
    }
    assert_int_equal(traced_count(t, NAME_procexit), 2);
    assert_int_equal(t->events[last].tid, t->pid);
}

static void test_first_thread_ends(void **state)
{
    (void)state;
    each_way(end_late, check_late);
}

static void *fork_some(void *data)
{
    for (int i = 0; i < CHURN / 4; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            pthread_t thread;
            if (i % 3 == 0) {
                pthread_create(&thread, NULL, open_zero, NULL);
            }
            if (i % 4 == 0) {
                exec_true(NULL);
            }
            _exit(0);
        }
        if (i % 5 == 0) {
            kill(pid, SIGKILL);
        }
        waitpid(pid, NULL, 0);
    }
    return data;
}

/* Births, threads, execs and deaths at all moments, from several threads. */
static int churn(struct traced *t)
{
    pthread_t threads[4];
    (void)t;
    for (int i = 0; i < 4; i++) {
        pthread_create(&threads[i], NULL, fork_some, NULL);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    return 0;
}

static void check_churn(struct traced *t)
{
    struct state_stats stats;
    assert_int_equal(t->status, 0);
    state_get_stats(t->state, &stats);
    assert_int_equal(t->stats.lost, 0);
}

static void test_churn(void **state)
{
    (void)state;
    each_way(churn, check_churn);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_births),       cmocka_unit_test(test_exec_from_thread),
        cmocka_unit_test(test_failed_execs), cmocka_unit_test(test_stops),
        cmocka_unit_test(test_signals),      cmocka_unit_test(test_killed),
        cmocka_unit_test(test_churn),        cmocka_unit_test(test_first_thread_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
