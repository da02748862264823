/*
 * exact mode: results of calls, with the newest kernel's filter flag and the way of 5.10; races, signals,
 * stops and sudden deaths meanwhile.
 */
#include "test.h"

#include "exact_loop.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define OPENS 3000

static bool is_killable(void **state)
{
    return *(bool *)*state;
}

static int open_many(struct loop *loop)
{
    static const char *const paths[] = { "/dev/null", "/etc/passwd", "/no/such", "/etc/shadow/x" };
    struct loop_page *page = loop->page;
    for (int i = 0; i < OPENS; i++) {
        long fd = syscall(SYS_openat, AT_FDCWD, paths[i % 4], O_RDONLY);
        struct stat st = { .st_ino = 0 };
        page->got[i] = fd >= 0 ? fd : -errno;
        if (fd >= 0) {
            fstat((int)fd, &st);
        }
        page->inode[i] = st.st_ino;
        if (i % 3 == 0 && fd >= 0) {
            close((int)fd);
        }
        if (fd > 500) {
            syscall(SYS_close_range, 3, ~0U, 0);
        }
        page->n = i + 1;
    }
    return 7;
}

/* What the program got and what was seen of it, in order; the program's EINTRs are no results. */
static void check_same(struct loop *loop)
{
    int seen = 0;
    for (int i = 0; i < loop->page->n; i++) {
        if (loop->page->got[i] == -EINTR) {
            continue;
        }
        assert_true(seen < loop->nseen);
        assert_int_equal(loop->seen[seen].result.end, EXACT_RETURNED);
        assert_int_equal(loop->seen[seen].result.result, loop->page->got[i]);
        assert_int_equal(loop->seen[seen].inode, loop->page->inode[i]);
        assert_int_equal(loop->seen[seen].state, 't');
        seen++;
    }
    assert_int_equal(seen, loop->nseen);
    assert_int_equal(loop->refused, 0);
}

static void test_results(void **state)
{
    int before = loop_count_descriptors();
    struct loop loop = { .killable = is_killable(state),
                         .calls = { SYS_openat, -1 },
                         .program = open_many };
    loop_run(&loop);
    assert_int_equal(WEXITSTATUS(loop.status), 7);
    assert_int_equal(loop.page->n, OPENS);
    check_same(&loop);
    assert_int_equal(loop.restarted, 0);
    assert_int_equal(loop.pending, loop.killable ? 0 : OPENS);
    loop_done(&loop);
    assert_int_equal(loop_count_descriptors(), before);
}

/* A sibling changes the path all the time: the result is what was opened. */
static char flipped[32] = "/dev/null";
static _Atomic bool flipping;
static char *volatile flipped_end = flipped + 5;

static void *flip(void *data)
{
    while (flipping) {
        memcpy(flipped_end, "zero", 4);
        memcpy(flipped_end, "null", 4);
    }
    return data;
}

static int open_flipped(struct loop *loop)
{
    pthread_t sibling;
    flipping = true;
    pthread_create(&sibling, NULL, flip, NULL);
    for (int i = 0; i < OPENS; i++) {
        struct stat st = { .st_ino = 0 };
        long fd = syscall(SYS_openat, AT_FDCWD, flipped, O_RDONLY);
        loop->page->got[i] = fd >= 0 ? fd : -errno;
        if (fd >= 0) {
            fstat((int)fd, &st);
            close((int)fd);
        }
        loop->page->inode[i] = st.st_ino;
        loop->page->n = i + 1;
    }
    flipping = false;
    pthread_join(sibling, NULL);
    return 0;
}

static void test_race(void **state)
{
    struct loop loop = { .killable = is_killable(state),
                         .calls = { SYS_openat, -1 },
                         .program = open_flipped };
    loop_run(&loop);
    assert_int_equal(loop.status, 0);
    check_same(&loop);
    struct stat zero, null;
    assert_int_equal(stat("/dev/zero", &zero) | stat("/dev/null", &null), 0);
    int of_zero = 0, of_null = 0;
    for (int i = 0; i < loop.nseen; i++) {
        of_zero += loop.seen[i].inode == zero.st_ino;
        of_null += loop.seen[i].inode == null.st_ino;
    }
    assert_true(of_zero > 0 && of_null > 0);
    loop_done(&loop);
}

/* Many threads at once, each with results of its own. */
static void *open_own(void *data)
{
    struct loop *loop = data;
    for (int i = 0; i < 300; i++) {
        int64_t at = atomic_fetch_add(&loop->page->n, 1);
        long fd = syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDONLY);
        loop->page->got[at] = fd >= 0 ? fd : -errno;
        close((int)fd);
    }
    return NULL;
}

static int open_in_threads(struct loop *loop)
{
    pthread_t threads[8];
    for (int i = 0; i < 8; i++) {
        pthread_create(&threads[i], NULL, open_own, loop);
    }
    for (int i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
    }
    return 0;
}

static void test_threads(void **state)
{
    struct loop loop = { .killable = is_killable(state),
                         .receivers = 9,
                         .calls = { SYS_openat, -1 },
                         .program = open_in_threads };
    loop_run(&loop);
    assert_int_equal(loop.status, 0);
    int64_t got = 0, seen = 0;
    for (int i = 0; i < 2400; i++) {
        assert_true(loop.page->got[i] >= 0);
        got += loop.page->got[i];
        seen += loop.seen[i].result.result;
    }
    assert_int_equal(loop.nseen, 2400);
    assert_int_equal(seen, got);
    loop_done(&loop);
}

/* Fewer may be run at once than there are receivers: one is left to answer, the rest is refused. */
static void test_limit(void **state)
{
    struct loop loop = { .killable = is_killable(state),
                         .receivers = 3,
                         .limit = 2,
                         .calls = { SYS_openat, -1 },
                         .program = open_in_threads };
    loop_run(&loop);
    assert_int_equal(loop.status, 0);
    assert_int_equal(loop.nseen + loop.refused, 2400);
    assert_true(loop.nseen > 0);
    loop_done(&loop);
}

/* An alarm each millisecond. */
static _Atomic int alarms;

static void count_alarm(int signal)
{
    (void)signal;
    alarms++;
}

static int open_under_alarms(struct loop *loop)
{
    struct sigaction action = { .sa_handler = count_alarm,
                                .sa_flags = loop->argument ? SA_RESTART : 0 };
    sigaction(SIGALRM, &action, NULL);
    const struct itimerval every = { { 0, 1000 }, { 0, 1000 } };
    setitimer(ITIMER_REAL, &every, NULL);
    open_many(loop);
    const struct itimerval never = { 0 };
    setitimer(ITIMER_REAL, &never, NULL);
    return alarms > 0 ? 0 : 1;
}

static void alarm_storm(void **state, void *restart)
{
    struct loop loop = { .killable = is_killable(state),
                         .calls = { SYS_openat, -1 },
                         .argument = restart,
                         .program = open_under_alarms };
    loop_run(&loop);
    assert_int_equal(loop.status, 0);
    assert_int_equal(loop.page->n, OPENS);
    check_same(&loop);
    for (int i = 0; restart && i < OPENS; i++) {
        assert_int_not_equal(loop.page->got[i], -EINTR);
    }
    print_message("restarted %d, gone %d of %d\n", loop.restarted, loop.gone, OPENS);
    loop_done(&loop);
}

static void test_alarms(void **state)
{
    alarm_storm(state, NULL);
}

static void test_alarms_restart(void **state)
{
    static bool restart;
    alarm_storm(state, &restart);
}

/* The siginfo of a signal that arrives meanwhile comes with it. */
static _Atomic int values, wrong_values;

static void check_value(int signal, siginfo_t *info, void *context)
{
    (void)context;
    values++;
    wrong_values +=
        signal != SIGRTMIN || info->si_code != SI_QUEUE || info->si_value.sival_int != 77;
}

static int open_under_queue(struct loop *loop)
{
    struct sigaction action = { .sa_sigaction = check_value, .sa_flags = SA_SIGINFO | SA_RESTART };
    sigaction(SIGRTMIN, &action, NULL);
    loop->page->flags[2] = 1;
    open_many(loop);
    loop->page->flags[3] = 1;
    while (loop->page->flags[4] == 0) {
        usleep(1000);
    }
    return values == loop->page->flags[4] && wrong_values == 0 ? 0 : 1;
}

static void test_siginfo(void **state)
{
    struct loop loop = { .killable = is_killable(state),
                         .calls = { SYS_openat, -1 },
                         .program = open_under_queue };
    pthread_t receivers[LOOP_RECEIVERS_MAX];
    loop_start(&loop, receivers);
    int sent = 0;
    while (!loop.page->flags[3]) {
        if (loop.page->flags[2]) {
            sent += sigqueue(loop.pid, SIGRTMIN, (union sigval){ 77 }) == 0;
        }
        usleep(700);
    }
    loop.page->flags[4] = sent;
    loop_end(&loop, receivers);
    assert_int_equal(loop.status, 0);
    check_same(&loop);
    loop_done(&loop);
}

/* Stopped and continued at random; the program's parent sees each stop and nothing else. */
static int stop_and_go(struct loop *loop)
{
    pid_t pid = fork();
    if (pid == 0) {
        open_many(loop);
        _exit(5);
    }
    int status = 0, wrong = 0;
    for (int i = 0; i < 100; i++) {
        usleep((unsigned)(i * 37 % 900));
        kill(pid, SIGSTOP);
        if (waitpid(pid, &status, WUNTRACED) != pid || WIFEXITED(status)) {
            return WIFEXITED(status) && WEXITSTATUS(status) == 5 && wrong == 0 ? 0 : 2;
        }
        wrong += !WIFSTOPPED(status) || WSTOPSIG(status) != SIGSTOP;
        int64_t before = loop->page->n;
        usleep(300);
        wrong += loop->page->n != before;
        kill(pid, SIGCONT);
        wrong += waitpid(pid, &status, WCONTINUED) != pid || !WIFCONTINUED(status);
    }
    wrong += waitpid(pid, &status, 0) != pid;
    return wrong == 0 && WIFEXITED(status) && WEXITSTATUS(status) == 5 ? 0 : 1;
}

static void test_stops(void **state)
{
    struct loop loop = { .killable = is_killable(state),
                         .calls = { SYS_openat, -1 },
                         .program = stop_and_go };
    loop_run(&loop);
    assert_int_equal(loop.status, 0);
    check_same(&loop);
    print_message("restarted %d, gone %d of %d\n", loop.restarted, loop.gone, OPENS);
    loop_done(&loop);
}

/* Killed at random moments: its parent gets the status, nothing stays behind. */
static int killed_often(struct loop *loop)
{
    uint64_t random = 42;
    for (int i = 0; i < 200; i++) {
        loop->page->n = 0;
        pid_t pid = fork();
        if (pid == 0) {
            pthread_t sibling;
            if (i % 2) {
                pthread_create(&sibling, NULL, open_own, loop);
            }
            open_many(loop);
            pause();
        }
        usleep((unsigned)test_random_below(&random, 3000));
        kill(pid, SIGKILL);
        int status = 0;
        if (waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status) ||
            WTERMSIG(status) != SIGKILL) {
            return 1;
        }
    }
    return waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD ? 0 : 2;
}

static void test_kills(void **state)
{
    struct loop loop = { .killable = is_killable(state),
                         .calls = { SYS_openat, -1 },
                         .program = killed_often };
    loop_run(&loop);
    assert_int_equal(loop.status, 0);
    loop_done(&loop);
}

/* The watched command itself is this process' child: its status must not be taken by a receiver. */
static int open_for_ever(struct loop *loop)
{
    while (loop->page->n >= 0) {
        loop->page->n = 0;
        open_many(loop);
    }
    return 0;
}

static void test_own_child_killed(void **state)
{
    for (int i = 0; i < 30; i++) {
        struct loop loop = { .killable = is_killable(state),
                             .calls = { SYS_openat, -1 },
                             .program = open_for_ever };
        pthread_t receivers[LOOP_RECEIVERS_MAX];
        loop_start(&loop, receivers);
        usleep((unsigned)(i * 331 % 5000));
        kill(loop.pid, SIGKILL);
        loop_end(&loop, receivers);
        assert_true(WIFSIGNALED(loop.status) && WTERMSIG(loop.status) == SIGKILL);
        loop_done(&loop);
    }
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

/* Release by SIGKILL: the program never gets to see its result. */
static int open_once(struct loop *loop)
{
    loop->page->got[0] = syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDONLY);
    loop->page->n = 1;
    return 0;
}

static void test_release_kills(void **state)
{
    struct loop loop = { .killable = is_killable(state),
                         .kills = true,
                         .calls = { SYS_openat, -1 },
                         .program = open_once };
    loop_run(&loop);
    assert_true(WIFSIGNALED(loop.status) && WTERMSIG(loop.status) == SIGKILL);
    assert_int_equal(loop.page->n, 0);
    assert_int_equal(loop.nseen, 1);
    loop_done(&loop);
}

#define BOTH_WAYS(test)                                                                            \
    { #test " straight", test, NULL, NULL, &ways[0] },                                             \
    {                                                                                              \
#test " again", test, NULL, NULL, &ways[1]                                                 \
    }

int main(int argc, char **argv)
{
    static bool ways[] = { true, false };
    const struct CMUnitTest tests[] = {
        BOTH_WAYS(test_results),       BOTH_WAYS(test_race),
        BOTH_WAYS(test_threads),       BOTH_WAYS(test_limit),
        BOTH_WAYS(test_alarms),        BOTH_WAYS(test_alarms_restart),
        BOTH_WAYS(test_siginfo),       BOTH_WAYS(test_stops),
        BOTH_WAYS(test_kills),         BOTH_WAYS(test_own_child_killed),
        BOTH_WAYS(test_release_kills),
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
