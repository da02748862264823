/*
 * Processes that end: each watched one once, with its status, by pidfd and by looking; numbers that come
 * back; several threads that watch.
 */
#include "../test.h"

#include "sensor/live/exits.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define WAIT_MS 10000

static struct exits *new_exits(void)
{
    struct exits *exits = NULL;
    struct err err = { 0 };
    assert_int_equal(exits_new(&exits, &err), 0);
    return exits;
}

/* A child that waits until the descriptor closes, then exits with the code or by the signal. */
static pid_t start(int gate[2], int code, int sig)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        char c;
        close(gate[1]);
        while (read(gate[0], &c, 1) > 0) {
        }
        if (sig) {
            signal(sig, SIG_DFL);
            raise(sig);
        }
        _exit(code);
    }
    return pid;
}

static struct exits_end wait_one(struct exits *exits)
{
    struct exits_end end = { .pid = -1 };
    for (int n = 0; n == 0;) {
        n = exits_wait(exits, WAIT_MS, &end, 1);
        assert_true(n >= 0);
    }
    return end;
}

static void test_status(void **state)
{
    (void)state;
    struct exits *exits = new_exits();
    int gate[2];
    assert_int_equal(pipe2(gate, O_CLOEXEC), 0);
    pid_t by_code = start(gate, 7, 0);
    assert_int_equal(exits_watch(exits, by_code), 0);
    assert_int_equal(exits_watch(exits, by_code), 0);
    assert_true(exits_pidfd(exits, by_code) >= 0);
    struct exits_end end;
    assert_int_equal(exits_wait(exits, 0, &end, 1), 0);
    close(gate[0]);
    close(gate[1]);
    end = wait_one(exits);
    assert_int_equal(end.pid, by_code);
    assert_true(WIFEXITED(end.status) && WEXITSTATUS(end.status) == 7);
    assert_int_equal(exits_pidfd(exits, by_code), -1);
    assert_int_equal(exits_watch(exits, by_code), 0); /* not waited for: it still has its number */
    assert_int_equal(wait_one(exits).pid, by_code);
    assert_int_equal(waitpid(by_code, NULL, 0), by_code);
    assert_int_equal(exits_watch(exits, by_code), -ESRCH);
    assert_int_equal(exits_wait(exits, 0, &end, 1), 0);
    exits_free(exits);
}

static void test_signal_after_wait(void **state)
{
    (void)state;
    struct exits *exits = new_exits();
    int gate[2];
    assert_int_equal(pipe2(gate, O_CLOEXEC), 0);
    pid_t pid = start(gate, 0, SIGKILL);
    assert_int_equal(exits_watch(exits, pid), 0);
    close(gate[0]);
    close(gate[1]);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    struct exits_end end = wait_one(exits);
    assert_int_equal(end.pid, pid);
    /* Waited for: only newer kernels remember. */
    assert_true(end.status == -1 || (WIFSIGNALED(end.status) && WTERMSIG(end.status) == SIGKILL));
    exits_free(exits);
}

static void test_bad(void **state)
{
    (void)state;
    struct exits *exits = new_exits();
    assert_int_equal(exits_watch(exits, 0), -ESRCH);
    assert_int_equal(exits_watch(exits, -1), -ESRCH);
    assert_int_equal(exits_watch(exits, INT64_MAX), -ESRCH);
    assert_int_equal(exits_pidfd(exits, 1), -1);
    struct exits_end end;
    exits_wake(exits);
    assert_int_equal(exits_wait(exits, -1, &end, 1), 0);
    exits_free(exits);
    exits_free(NULL);
}

static void *wake(void *exits)
{
    exits_wake(exits);
    return NULL;
}

static void test_wake_from_thread(void **state)
{
    (void)state;
    struct exits *exits = new_exits();
    pthread_t thread;
    struct exits_end end;
    assert_int_equal(pthread_create(&thread, NULL, wake, exits), 0);
    assert_int_equal(exits_wait(exits, -1, &end, 1), 0);
    pthread_join(thread, NULL);
    exits_free(exits);
}

/* With few descriptors allowed most are watched by looking. */
static void test_few_descriptors(void **state)
{
    (void)state;
    enum { N = 40 };
    struct rlimit old, few = { 32, 32 };
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    few.rlim_max = old.rlim_max;
    pid_t tester = fork();
    if (tester == 0) {
        few.rlim_max = 32;
        int bad = setrlimit(RLIMIT_NOFILE, &few) < 0;
        struct exits *exits = NULL;
        struct err err = { 0 };
        bad |= exits_new(&exits, &err) < 0;
        int gate[2];
        bad |= pipe2(gate, O_CLOEXEC) < 0;
        pid_t pids[N];
        unsigned with_pidfd = 0, seen = 0;
        for (int i = 0; i < N && !bad; i++) {
            pids[i] = start(gate, i, 0);
            bad |= exits_watch(exits, pids[i]) < 0;
        }
        for (int i = 0; i < N && !bad; i++) {
            with_pidfd += exits_pidfd(exits, pids[i]) >= 0;
        }
        bad |= with_pidfd == 0 || with_pidfd > 16 || exits_pidfd(exits, pids[0]) >= 0;
        close(gate[0]);
        close(gate[1]);
        bool found[N] = { false };
        while (!bad && seen < N) {
            struct exits_end ends[4];
            int n = exits_wait(exits, WAIT_MS, ends, 4);
            bad |= n < 0;
            for (int k = 0; k < n; k++) {
                int i = 0;
                while (i < N && pids[i] != ends[k].pid) {
                    i++;
                }
                bad |=
                    i == N || found[i] || (ends[k].status >= 0 && WEXITSTATUS(ends[k].status) != i);
                found[i % N] = true;
                seen++;
            }
        }
        exits_free(exits);
        _exit(bad);
    }
    int status;
    assert_int_equal(waitpid(tester, &status, 0), tester);
    assert_int_equal(status, 0);
}

#define SHORT_PROCESSES 3000
#define WATCHERS        2

struct crowd {
    struct exits *exits;
    pthread_mutex_t lock;
    int watched[SHORT_PROCESSES * WATCHERS];
    unsigned n, gone;
};

/* Forks short processes, watches each before it is waited for. */
static void *make_crowd(void *data)
{
    struct crowd *crowd = data;
    for (int i = 0; i < SHORT_PROCESSES; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            _exit(i & 0x7f);
        }
        int r = exits_watch(crowd->exits, pid);
        pthread_mutex_lock(&crowd->lock);
        if (r == 0) {
            crowd->watched[crowd->n++] = pid;
        } else {
            crowd->gone++;
        }
        pthread_mutex_unlock(&crowd->lock);
        waitpid(pid, NULL, 0);
    }
    exits_wake(crowd->exits);
    return NULL;
}

static int by_number(const void *a, const void *b)
{
    const int *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static void test_crowd(void **state)
{
    (void)state;
    static struct crowd crowd;
    static int ended[SHORT_PROCESSES * WATCHERS + 1];
    crowd = (struct crowd){ .exits = new_exits(), .lock = PTHREAD_MUTEX_INITIALIZER };
    pthread_t threads[WATCHERS];
    for (int i = 0; i < WATCHERS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, make_crowd, &crowd), 0);
    }
    unsigned n = 0;
    while (n < SHORT_PROCESSES * WATCHERS) {
        struct exits_end ends[16];
        int got = exits_wait(crowd.exits, WAIT_MS, ends, 16);
        assert_true(got >= 0);
        for (int i = 0; i < got; i++) {
            assert_true(n < SHORT_PROCESSES * WATCHERS);
            ended[n++] = (int)ends[i].pid;
        }
    }
    for (int i = 0; i < WATCHERS; i++) {
        pthread_join(threads[i], NULL);
    }
    struct exits_end end;
    assert_int_equal(exits_wait(crowd.exits, 0, &end, 1), 0);
    assert_int_equal(crowd.gone, 0);
    assert_int_equal(crowd.n, n);
    qsort(crowd.watched, n, sizeof(int), by_number);
    qsort(ended, n, sizeof(int), by_number);
    assert_memory_equal(crowd.watched, ended, n * sizeof(int));
    exits_free(crowd.exits);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_status),
        cmocka_unit_test(test_signal_after_wait),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_wake_from_thread),
        cmocka_unit_test(test_few_descriptors),
        cmocka_unit_test(test_crowd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
