/*
 * exact mode: exec, fork and their kin, with the newest kernel's filter flag and the way of 5.10. What the
 * program and its parents see must be as without it.
 */
#include "test.h"

#include "exact_loop.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define FORKS 1000
#define EXECS 300

extern char **environ;

static bool is_killable(void **state)
{
    return *(bool *)*state;
}

static uint64_t inode_at(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? st.st_ino : 0;
}

static int count_ends(const struct loop *loop, enum exact_end end)
{
    int n = 0;
    for (int i = 0; i < loop->nseen; i++) {
        n += loop->seen[i].result.end == end;
    }
    return n;
}

/* One child: any stop that its parent is shown is one too many. */
static int check_child(pid_t pid, int code)
{
    int status = 0;
    bool good = pid > 0 && waitpid(pid, &status, WUNTRACED | WCONTINUED | __WALL) == pid &&
                WIFEXITED(status) && WEXITSTATUS(status) == code;
    return good ? 0 : 1;
}

/* exec */

static __attribute__((noinline)) pid_t vfork_exec(const char *path)
{
    pid_t pid = vfork();
    if (pid == 0) {
        execl(path, "x", NULL);
        _exit(127);
    }
    return pid;
}

static __attribute__((noinline)) pid_t fork_exec(const char *path)
{
    pid_t pid = fork();
    if (pid == 0) {
        execl(path, "x", NULL);
        _exit(127);
    }
    return pid;
}

static int exec_true(struct loop *loop)
{
    (void)loop;
    int wrong = 0;
    for (int i = 0; i < EXECS; i++) {
        wrong += check_child(i % 2 ? fork_exec("/bin/true") : vfork_exec("/bin/true"), 0);
    }
    return wrong;
}

static void test_exec(void **state)
{
    struct loop loop = { .killable = is_killable(state),
                         .calls = { SYS_execve, -1 },
                         .program = exec_true };
    loop_run(&loop);
    assert_int_equal(loop.status, 0);
    assert_int_equal(loop.nseen, EXECS);
    for (int i = 0; i < EXECS; i++) {
        assert_int_equal(loop.seen[i].result.end, EXACT_EXEC);
        assert_int_equal(loop.seen[i].inode, inode_at("/bin/true"));
        assert_int_equal(loop.seen[i].result.tid, loop.seen[i].result.former_tid);
    }
    loop_done(&loop);
}

static int exec_failing(struct loop *loop)
{
    (void)loop;
    int wrong = 0;
    char garbage[] = "/tmp/exact-XXXXXX";
    int fd = mkstemp(garbage);
    wrong += write(fd, "\177ELFgarbage", 11) != 11 || fchmod(fd, 0755) != 0;
    close(fd);
    for (int i = 0; i < 50; i++) {
        wrong += execl("/no/such", "x", NULL) != -1 || errno != ENOENT;
        wrong += execl("/etc/passwd", "x", NULL) != -1 || errno != EACCES;
        wrong += execl(garbage, "x", NULL) != -1 || errno != ENOEXEC;
        wrong += syscall(SYS_execve, "/bin/true", (char **)8, NULL) != -1 || errno != EFAULT;
    }
    unlink(garbage);
    return wrong ? wrong : execl("/bin/false", "false", NULL);
}

static void test_exec_failing(void **state)
{
    static const int errors[] = { -ENOENT, -EACCES, -ENOEXEC, -EFAULT };
    struct loop loop = { .killable = is_killable(state),
                         .calls = { SYS_execve, -1 },
                         .program = exec_failing };
    loop_run(&loop);
    assert_int_equal(WEXITSTATUS(loop.status), 1);
    assert_int_equal(loop.nseen, 201);
    for (int i = 0; i < 200; i++) {
        assert_int_equal(loop.seen[i].result.end, EXACT_RETURNED);
        assert_int_equal(loop.seen[i].result.result, errors[i % 4]);
    }
    assert_int_equal(loop.seen[200].result.end, EXACT_EXEC);
    assert_int_equal(loop.seen[200].inode, inode_at("/bin/false"));
    loop_done(&loop);
}

static void *exec_from_thread(void *data)
{
    execl("/bin/true", "true", NULL);
    return data;
}

static void *wait_in_thread(void *data)
{
    pause();
    return data;
}

static int thread_exec(struct loop *loop)
{
    (void)loop;
    int wrong = 0;
    for (int i = 0; i < 100; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            pthread_t thread;
            pthread_create(&thread, NULL, wait_in_thread, NULL);
            pthread_create(&thread, NULL, exec_from_thread, NULL);
            pthread_join(thread, NULL);
            _exit(1);
        }
        wrong += check_child(pid, 0);
    }
    return wrong;
}

static void test_thread_exec(void **state)
{
    struct loop loop = { .killable = is_killable(state),
                         .calls = { SYS_execve, -1 },
                         .program = thread_exec };
    loop_run(&loop);
    assert_int_equal(loop.status, 0);
    assert_int_equal(loop.nseen, 100);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(loop.seen[i].result.end, EXACT_EXEC);
        assert_int_equal(loop.seen[i].inode, inode_at("/bin/true"));
        assert_int_not_equal(loop.seen[i].result.tid, loop.seen[i].result.former_tid);
    }
    loop_done(&loop);
}

/* Threads open files, each open exact, while one of them execs: all of them die under their tracers. */
static void *open_on(void *data)
{
    for (;;) {
        close(open("/dev/null", O_RDONLY | O_CLOEXEC));
    }
    return data;
}

static int exec_among_opens(struct loop *loop)
{
    (void)loop;
    int wrong = 0;
    for (int i = 0; i < 100; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            pthread_t thread;
            pthread_create(&thread, NULL, open_on, NULL);
            pthread_create(&thread, NULL, open_on, NULL);
            usleep((unsigned)(i * 137 % 2000));
            if (i % 2) {
                pthread_create(&thread, NULL, exec_from_thread, NULL);
                open_on(NULL);
            }
            exec_from_thread(NULL);
            _exit(1);
        }
        wrong += check_child(pid, 0);
    }
    return wrong;
}

static void test_exec_among_opens(void **state)
{
    struct loop loop = { .killable = is_killable(state),
                         .receivers = 8,
                         .calls = { SYS_execve, SYS_openat, -1 },
                         .program = exec_among_opens };
    loop_run(&loop);
    assert_int_equal(loop.status, 0);
    assert_int_equal(count_ends(&loop, EXACT_EXEC), 100);
    assert_int_equal(loop.refused, 0);
    loop_done(&loop);
}

/* A set-user-id program gets its rights although it is traced, for the tracer has them too. */
static int exec_setuid(struct loop *loop)
{
    int wrong = setgid(65534) | setuid(65534);
    pid_t pid = fork();
    if (pid == 0) {
        execl(loop->argument, "exact", "setuid", NULL);
        _exit(127);
    }
    return wrong | check_child(pid, 0);
}

static void test_setuid(void **state)
{
    char path[] = "/tmp/exact-XXXXXX", command[128];
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    if (geteuid() != 0) {
        unlink(path);
        print_message("skipped: set-user-id needs root\n");
        skip();
    }
    snprintf(command, sizeof(command), "cp /proc/%d/exe %s && chmod 4755 %s", getpid(), path, path);
    assert_int_equal(system(command), 0); /* lint: allow system */
    struct loop loop = { .killable = is_killable(state),
                         .calls = { SYS_execve, -1 },
                         .argument = path,
                         .program = exec_setuid };
    loop_run(&loop);
    unlink(path);
    assert_int_equal(loop.status, 0);
    assert_int_equal(count_ends(&loop, EXACT_EXEC), 1);
    loop_done(&loop);
}

/* fork and its kin */

static int fork_many(struct loop *loop)
{
    (void)loop;
    int wrong = 0;
    for (int i = 0; i < FORKS; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            _exit(i & 127);
        }
        wrong += check_child(pid, i & 127);
    }
    return wrong ? 1 : 0;
}

static const int fork_calls[] = { SYS_clone, SYS_clone3,
#ifdef SYS_fork
                                  SYS_fork, SYS_vfork
#endif
};

static struct loop fork_loop(void **state, int (*program)(struct loop *))
{
    struct loop loop = { .killable = is_killable(state), .receivers = 8, .program = program };
    for (size_t i = 0; i < ARRAY_SIZE(loop.calls); i++) {
        loop.calls[i] = i < ARRAY_SIZE(fork_calls) ? fork_calls[i] : -1;
    }
    return loop;
}

static void check_forks(const struct loop *loop, int n)
{
    assert_int_equal(loop->status, 0);
    assert_int_equal(loop->nseen, n);
    assert_int_equal(loop->refused, 0);
    for (int i = 0; i < n; i++) {
        assert_int_equal(loop->seen[i].result.end, EXACT_FORK);
        assert_true(loop->seen[i].result.child > 0);
        assert_int_equal(loop->seen[i].state, 't');
    }
}

static void test_fork(void **state)
{
    struct loop loop = fork_loop(state, fork_many);
    loop_run(&loop);
    check_forks(&loop, FORKS);
    loop_done(&loop);
}

static int vfork_many(struct loop *loop)
{
    (void)loop;
    int wrong = 0;
    for (int i = 0; i < EXECS; i++) {
        wrong += check_child(vfork_exec("/bin/false"), 1);
    }
    return wrong ? 1 : 0;
}

static void test_vfork(void **state)
{
    struct loop loop = fork_loop(state, vfork_many);
    loop_run(&loop);
    check_forks(&loop, EXECS);
    loop_done(&loop);
}

static void *do_nothing(void *data)
{
    return data;
}

static int threads_many(struct loop *loop)
{
    (void)loop;
    for (int i = 0; i < FORKS; i++) {
        pthread_t thread;
        if (pthread_create(&thread, NULL, do_nothing, NULL) != 0) {
            return 1;
        }
        pthread_join(thread, NULL);
    }
    return 0;
}

static void test_pthread_create(void **state)
{
    struct loop loop = fork_loop(state, threads_many);
    loop_run(&loop);
    check_forks(&loop, FORKS);
    loop_done(&loop);
}

/* The raw calls, with the flags that matter here; the child leaves at once. */
static long raw_clone(unsigned long flags)
{
#if defined(__x86_64__)
    long pid = syscall(SYS_clone, flags, NULL, NULL, NULL, 0UL);
#else
    long pid = syscall(SYS_clone, flags, NULL, NULL, 0UL, NULL);
#endif
    if (pid == 0) {
        syscall(SYS_exit_group, 9);
    }
    return pid;
}

static int clone_flags(struct loop *loop)
{
    int wrong = 0;
    for (int i = 0; i < 50; i++) {
        struct clone_args args = { .flags = CLONE_CLEAR_SIGHAND, .exit_signal = SIGCHLD };
        pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
        if (pid == 0) {
            syscall(SYS_exit_group, 9);
        }
        wrong += check_child(pid, 9);
        wrong += check_child((pid_t)raw_clone(0), 9);
        wrong += check_child((pid_t)raw_clone(CLONE_VFORK | SIGCHLD), 9);
        if (loop->argument) {
            wrong += check_child((pid_t)raw_clone(CLONE_NEWUSER | CLONE_NEWPID | SIGCHLD), 9);
        }
    }
    return wrong;
}

static void test_clone_flags(void **state)
{
    struct loop loop = fork_loop(state, clone_flags);
    long pid = raw_clone(CLONE_NEWUSER | CLONE_NEWPID | SIGCHLD);
    if (pid > 0) {
        assert_int_equal(check_child((pid_t)pid, 9), 0);
        loop.argument = &loop;
    } else {
        print_message("not tried: clone with namespaces is refused here\n");
    }
    loop_run(&loop);
    check_forks(&loop, loop.argument ? 200 : 150);
    loop_done(&loop);
}

/* Children of the caller's parent; and those that no tracer gets. */
static int clone_parent(struct loop *loop)
{
    (void)loop;
    int wrong = 0;
    for (int i = 0; i < 50; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            syscall(SYS_exit_group, raw_clone(CLONE_PARENT) > 0 ? 9 : 1);
        }
        wrong += check_child(-1, 0) - 1;
        for (int k = 0; k < 2; k++) {
            int status;
            wrong +=
                waitpid(-1, &status, __WALL) <= 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 9;
        }
    }
    return wrong;
}

static void test_clone_parent(void **state)
{
    struct loop loop = fork_loop(state, clone_parent);
    loop_run(&loop);
    check_forks(&loop, 100);
    loop_done(&loop);
}

static int clone_untraced(struct loop *loop)
{
    int wrong = 0;
    for (int i = 0; i < 50; i++) {
        loop->page->got[i] = raw_clone(CLONE_UNTRACED | SIGCHLD);
        wrong += check_child((pid_t)loop->page->got[i], 9);
    }
    return wrong;
}

static void test_clone_untraced(void **state)
{
    struct loop loop = fork_loop(state, clone_untraced);
    loop_run(&loop);
    assert_int_equal(loop.status, 0);
    assert_int_equal(loop.nseen, 50);
    for (int i = 0; i < 50; i++) {
        assert_int_equal(loop.seen[i].result.end, EXACT_RETURNED);
        assert_int_equal(loop.seen[i].result.result, loop.page->got[i]);
    }
    loop_done(&loop);
}

static int fork_failing(struct loop *loop)
{
    (void)loop;
    const struct rlimit none = { 0, 0 };
    int wrong = setgid(65534) | setuid(65534) | setrlimit(RLIMIT_NPROC, &none);
    for (int i = 0; i < 100; i++) {
        wrong += raw_clone(SIGCHLD) != -1 || errno != EAGAIN;
        wrong += raw_clone(CLONE_THREAD) != -1 || errno != EINVAL;
    }
    return wrong;
}

static int fork_after_failure(struct loop *loop)
{
    (void)loop;
    int wrong = 0;
    for (int i = 0; i < 100; i++) {
        wrong += raw_clone(CLONE_THREAD) != -1 || errno != EINVAL;
        wrong += check_child((pid_t)raw_clone(SIGCHLD), 9);
    }
    return wrong;
}

/* What comes right after a failure, of which the kernel tells nothing, is not missed. */
static void test_fork_after_failure(void **state)
{
    struct loop loop = fork_loop(state, fork_after_failure);
    loop_run(&loop);
    assert_int_equal(loop.status, 0);
    assert_int_equal(count_ends(&loop, EXACT_FORK), 100);
    loop_done(&loop);
}

static void test_fork_failing(void **state)
{
    if (geteuid() != 0) {
        print_message("skipped: another user's limit needs root\n");
        skip();
    }
    struct loop loop = fork_loop(state, fork_failing);
    loop_run(&loop);
    assert_int_equal(loop.status, 0);
    assert_int_equal(count_ends(&loop, EXACT_FORK), 0);
    assert_int_equal(loop.refused, 0);
    for (int i = 0; i < loop.nseen && i < LOOP_SEEN_MAX; i++) {
        const struct exact_result *result = &loop.seen[i].result;
        assert_true(result->end != EXACT_RETURNED || result->restarts || result->result < 0);
    }
    loop_done(&loop);
}

/* Forks and execs while signals come. */
static _Atomic int alarms;

static void count_alarm(int signal)
{
    (void)signal;
    alarms++;
}

static int fork_under_alarms(struct loop *loop)
{
    struct sigaction action = { .sa_handler = count_alarm, .sa_flags = SA_RESTART };
    sigaction(SIGALRM, &action, NULL);
    const struct itimerval every = { { 0, 3000 }, { 0, 3000 } };
    setitimer(ITIMER_REAL, &every, NULL);
    int wrong = exec_true(loop);
    const struct itimerval never = { 0 };
    setitimer(ITIMER_REAL, &never, NULL);
    return wrong ? 1 : 0;
}

static void test_alarms(void **state)
{
    struct loop loop = fork_loop(state, fork_under_alarms);
    loop.calls[ARRAY_SIZE(fork_calls)] = SYS_execve;
    loop_run(&loop);
    assert_int_equal(loop.status, 0);
    assert_int_equal(count_ends(&loop, EXACT_FORK), EXECS);
    assert_int_equal(count_ends(&loop, EXACT_EXEC), EXECS);
    print_message("restarted %d, gone %d of %d\n", loop.restarted, loop.gone, 2 * EXECS);
    loop_done(&loop);
}

/* Whole process groups killed at random while they fork and exec. */
static int fork_bomb_killed(struct loop *loop)
{
    uint64_t random = 7;
    int wrong = 0;
    for (int i = 0; i < 100; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            setpgid(0, 0);
            for (;;) {
                exec_true(loop);
            }
        }
        setpgid(pid, pid);
        usleep((unsigned)test_random_below(&random, 5000));
        kill(-pid, SIGKILL);
        int status;
        wrong += waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status);
    }
    return wrong;
}

static void test_group_kills(void **state)
{
    struct loop loop = fork_loop(state, fork_bomb_killed);
    loop.calls[ARRAY_SIZE(fork_calls)] = SYS_execve;
    loop_run(&loop);
    assert_int_equal(loop.status, 0);
    loop_done(&loop);
}

/* Killed while it makes threads or processes: none of what it was making may be left standing still. */
static void make_for_ever(bool threads)
{
    for (;;) {
        pthread_t thread;
        if (threads) {
            if (pthread_create(&thread, NULL, do_nothing, NULL) == 0) {
                pthread_join(thread, NULL);
            }
        } else if (fork() == 0) {
            _exit(0);
        }
    }
}

static int makers_killed(struct loop *loop)
{
    (void)loop;
    uint64_t random = 3;
    int wrong = 0, all[2];
    for (int i = 0; i < 400 && wrong == 0; i++) {
        wrong += pipe(all) != 0;
        pid_t pid = fork();
        if (pid == 0) {
            make_for_ever(i % 2);
        }
        close(all[1]);
        usleep((unsigned)test_random_below(&random, 3000));
        kill(pid, SIGKILL);
        struct pollfd end = { .fd = all[0] };
        wrong += poll(&end, 1, 30000) != 1 || !(end.revents & POLLHUP);
        int status;
        wrong += wrong == 0 && (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status));
        close(all[0]);
    }
    return wrong;
}

static void test_makers_killed(void **state)
{
    struct loop loop = fork_loop(state, makers_killed);
    loop_run(&loop);
    assert_int_equal(loop.status, 0);
    loop_done(&loop);
}

/* Timers and queued signals of a user share a limit, which others may have used up. */
static void test_no_timers(void **state)
{
    struct rlimit limit, none;
    getrlimit(RLIMIT_SIGPENDING, &limit);
    none = limit;
    none.rlim_cur = 0;
    struct loop loop = fork_loop(state, exec_true);
    loop.calls[ARRAY_SIZE(fork_calls)] = SYS_execve;
    assert_int_equal(setrlimit(RLIMIT_SIGPENDING, &none), 0);
    loop_run(&loop);
    assert_int_equal(setrlimit(RLIMIT_SIGPENDING, &limit), 0);
    assert_int_equal(loop.status, 0);
    assert_int_equal(loop.refused, 0);
    assert_int_equal(count_ends(&loop, EXACT_EXEC), EXECS);
    loop_done(&loop);
}

static int run_command(struct loop *loop)
{
    char *const *argv = loop->argument;
    int null = open("/dev/null", O_WRONLY);
    dup2(null, 1);
    dup2(null, 2);
    execvp(argv[0], argv);
    return 127;
}

/* Under a tracer of its own: refused, and as without. */
static void run_traced(void **state, char *const *argv, int code)
{
    struct loop loop = { .killable = is_killable(state),
                         .receivers = 8,
                         .calls = { SYS_openat, SYS_execve, SYS_clone, SYS_clone3, SYS_vfork, -1 },
                         .argument = (void *)argv,
                         .program = run_command };
    loop_run(&loop);
    if (WEXITSTATUS(loop.status) == 127) {
        loop_done(&loop);
        print_message("skipped: %s is not installed\n", argv[0]);
        skip();
    }
    assert_int_equal(WEXITSTATUS(loop.status), code);
    assert_true(loop.refused > 0);
    loop_done(&loop);
}

static void test_strace(void **state)
{
    char *argv[] = { "strace",    "-f", "-qq", "-o",
                     "/dev/null", "sh", "-c",  "for i in 1 2 3 4 5; do cat /dev/null; done; exit 6",
                     NULL };
    run_traced(state, argv, 6);
}

static void test_gdb(void **state)
{
    char *argv[] = { "gdb",    "-nx",
                     "-batch", "-return-child-result",
                     "-ex",    "run",
                     "--args", "/bin/sh",
                     "-c",     "cat /dev/null; cat /dev/null; exit 6",
                     NULL };
    run_traced(state, argv, 6);
}

/* A shell that stops its job, continues it and brings it to the fore; every task and file is led. */
static void test_job_control(void **state)
{
    char *argv[] = { "bash", "-c",
                     "set -m; (for i in {1..30}; do cat /dev/null; done; exit 4) & "
                     "for i in 1 2 3 4 5; do kill -STOP %1; sleep 0.01; kill -CONT %1; done; "
                     "fg %1; exit $?",
                     NULL };
    struct loop loop = { .killable = is_killable(state),
                         .receivers = 8,
                         .calls = { SYS_openat, SYS_execve, SYS_clone, SYS_clone3, -1 },
                         .argument = (void *)argv,
                         .program = run_command };
    loop_run(&loop);
    if (WEXITSTATUS(loop.status) == 127) {
        loop_done(&loop);
        print_message("skipped: bash is not installed\n");
        skip();
    }
    assert_int_equal(WEXITSTATUS(loop.status), 4);
    assert_true(count_ends(&loop, EXACT_EXEC) > 30);
    assert_true(count_ends(&loop, EXACT_FORK) > 30);
    loop_done(&loop);
}

/* clang-format off */
#define BOTH_WAYS(test) \
    { #test " straight", test, NULL, NULL, &ways[0] }, { #test " again", test, NULL, NULL, &ways[1] }
/* clang-format on */

int main(int argc, char **argv)
{
    static bool ways[] = { true, false };
    if (argc > 1 && strcmp(argv[1], "setuid") == 0) {
        return geteuid() == 0 && getuid() != 0 ? 0 : 1;
    }
    const struct CMUnitTest tests[] = {
        BOTH_WAYS(test_exec),
        BOTH_WAYS(test_exec_failing),
        BOTH_WAYS(test_thread_exec),
        BOTH_WAYS(test_exec_among_opens),
        BOTH_WAYS(test_setuid),
        BOTH_WAYS(test_fork),
        BOTH_WAYS(test_vfork),
        BOTH_WAYS(test_pthread_create),
        BOTH_WAYS(test_clone_flags),
        BOTH_WAYS(test_clone_parent),
        BOTH_WAYS(test_clone_untraced),
        BOTH_WAYS(test_fork_failing),
        BOTH_WAYS(test_fork_after_failure),
        BOTH_WAYS(test_alarms),
        BOTH_WAYS(test_group_kills),
        BOTH_WAYS(test_makers_killed),
        BOTH_WAYS(test_no_timers),
        BOTH_WAYS(test_strace),
        BOTH_WAYS(test_gdb),
        BOTH_WAYS(test_job_control),
    };
    if (argc > 1) {
        cmocka_set_test_filter(argv[1]);
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
