/*
 * ptrace: calls: their results, what is refused, signals meanwhile, other conventions, attaching; with a
 * filter and without, with what the newest kernel has and with what 4.14 had.
 */
#include "test.h"

#include "traced.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define OPENS   300
#define OPENERS (PTRACE_CALLS_MAX + 8)

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

static int64_t result_of(long r)
{
    return r < 0 ? -errno : r;
}

static int open_many(struct traced *t)
{
    static const char *const paths[] = { "/dev/null", "/etc/passwd", "/no/such", "/etc/passwd/x" };
    for (int i = 0; i < OPENS; i++) {
        long fd = syscall(SYS_openat, AT_FDCWD, paths[i % 4], O_RDONLY);
        t->page->got[i] = result_of(fd);
        if (fd >= 0 && i % 3 == 0) {
            close((int)fd);
        }
    }
    t->page->n = OPENS;
    return 7;
}

static void check_opens(struct traced *t)
{
    int cursor = 0;
    assert_int_equal(t->status, 7 << 8);
    for (int i = 0; i < t->page->n; i++) {
        const struct traced_event *e = traced_next(t, NAME_openat, &cursor);
        assert_non_null(e);
        assert_int_equal(e->result, t->page->got[i]);
        assert_int_equal(e->outcome, OUTCOME_REPORTED);
        assert_true(e->exact);
        if (i % 4 < 2) {
            assert_string_equal(e->path, i % 4 ? "/etc/passwd" : "/dev/null");
        }
    }
    assert_null(traced_next(t, NAME_openat, &cursor));
}

static void test_results(void **state)
{
    (void)state;
    each_way(open_many, check_opens);
}

static int use_sockets(struct traced *t)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t n = sizeof(in);
    int server = socket(AF_INET, SOCK_STREAM, 0), client = socket(AF_INET, SOCK_STREAM, 0);
    if (bind(server, (struct sockaddr *)&in, n) || listen(server, 1) ||
        getsockname(server, (struct sockaddr *)&in, &n) ||
        connect(client, (struct sockaddr *)&in, n)) {
        return 1;
    }
    t->page->got[0] = accept(server, NULL, NULL);
    in.sin_port = htons(1);
    t->page->got[1] =
        result_of(connect(socket(AF_INET, SOCK_STREAM, 0), (struct sockaddr *)&in, n));
    return 0;
}

static void check_sockets(struct traced *t)
{
    int cursor = 0;
    assert_int_equal(t->status, 0);
    const struct traced_event *e = traced_next(t, NAME_accept, &cursor);
    assert_non_null(e);
    assert_int_equal(e->result, t->page->got[0]);
    cursor = 0;
    e = traced_next(t, NAME_connect, &cursor);
    assert_non_null(e);
    assert_int_equal(e->result, 0);
    e = traced_next(t, NAME_connect, &cursor);
    assert_non_null(e);
    assert_int_equal(e->result, -ECONNREFUSED);
    assert_int_equal(t->page->got[1], -ECONNREFUSED);
}

static void test_sockets(void **state)
{
    (void)state;
    each_way(use_sockets, check_sockets);
}

static volatile sig_atomic_t signals;

static void count_signal(int number)
{
    (void)number;
    signals++;
}

/* A FIFO's other end comes after so many signals. */
static int open_slowly(struct traced *t)
{
    char path[] = "/tmp/test-ptrace-XXXXXX";
    struct sigaction action = { .sa_handler = count_signal, .sa_flags = SA_RESTART };
    struct itimerval often = { { 0, 2000 }, { 0, 2000 } }, never = { 0 };
    if (!mkdtemp(path) || chdir(path) || mkfifo("fifo", 0600)) {
        return 1;
    }
    sigaction(SIGALRM, &action, NULL);
    pid_t other = fork();
    if (other == 0) {
        usleep(60000);
        _exit(syscall(SYS_openat, AT_FDCWD, "fifo", O_WRONLY) < 0);
    }
    setitimer(ITIMER_REAL, &often, NULL);
    t->page->got[0] = result_of(syscall(SYS_openat, AT_FDCWD, "fifo", O_RDONLY));
    setitimer(ITIMER_REAL, &never, NULL);
    int status = 1;
    while (waitpid(other, &status, 0) < 0 && errno == EINTR) {
    }
    unlink("fifo");
    rmdir(path);
    return signals > 0 && t->page->got[0] >= 0 ? status : 2;
}

static void check_once(struct traced *t)
{
    int cursor = 0, told = 0;
    const struct traced_event *e;
    assert_int_equal(t->status, 0);
    while ((e = traced_next(t, NAME_openat, &cursor))) {
        told += e->tid == t->pid && e->result == t->page->got[0];
        assert_true(e->result >= 0);
    }
    assert_int_equal(told, 1);
}

static void test_restarts(void **state)
{
    (void)state;
    each_way(open_slowly, check_once);
}

static void *open_fifo(void *data)
{
    (void)data;
    return (void *)syscall(SYS_openat, AT_FDCWD, "fifo", O_RDONLY);
}

/* More at once than arguments are kept of. */
static int open_crowded(struct traced *t)
{
    char path[] = "/tmp/test-ptrace-XXXXXX";
    pthread_t threads[OPENERS];
    pthread_attr_t small;
    if (!mkdtemp(path) || chdir(path) || mkfifo("fifo", 0600)) {
        return 1;
    }
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 64 << 10);
    for (int i = 0; i < OPENERS; i++) {
        if (pthread_create(&threads[i], &small, open_fifo, NULL)) {
            return 2;
        }
    }
    usleep(300000);
    t->page->got[0] = syscall(SYS_openat, AT_FDCWD, "fifo", O_RDWR);
    for (int i = 0; i < OPENERS; i++) {
        pthread_join(threads[i], NULL);
    }
    unlink("fifo");
    rmdir(path);
    return 0;
}

static void check_crowded(struct traced *t)
{
    int cursor = 0, told = 0;
    const struct traced_event *e;
    assert_int_equal(t->status, 0);
    while ((e = traced_next(t, NAME_openat, &cursor))) {
        told += strstr(e->path, "/fifo") != NULL && e->result >= 0;
    }
    assert_int_equal(told, OPENERS + 1);
    assert_true(t->stats.crowded >= OPENERS - PTRACE_CALLS_MAX);
}

static void test_crowded(void **state)
{
    (void)state;
    struct traced *t = traced_new(&traced_ways[0]);
    t->program = open_crowded;
    traced_run(t);
    check_crowded(t);
    traced_done(t);
}

static int try_denied(struct traced *t)
{
    t->page->got[0] = result_of(syscall(SYS_openat, AT_FDCWD, "/etc/hostname", O_RDONLY));
    t->page->got[1] = result_of(syscall(SYS_openat, AT_FDCWD, "/etc/passwd", O_RDONLY));
    t->page->got[2] = result_of(syscall(SYS_execve, "/etc/hostname", NULL, NULL));
    t->page->got[3] = syscall(SYS_getppid); /* other calls go on */
    return 3;
}

static void test_denied(void **state)
{
    (void)state;
    for (int i = 0; i < TRACED_WAYS; i++) {
        struct traced *t = traced_new(&traced_ways[i]);
        int cursor = 0;
        t->program = try_denied;
        t->deny = true;
        t->denied = "/etc/hostname";
        traced_run(t);
        assert_int_equal(t->status, 3 << 8);
        assert_int_equal(t->page->got[0], -EPERM);
        assert_true(t->page->got[1] >= 0);
        assert_int_equal(t->page->got[3], getpid());
        const struct traced_event *e = traced_next(t, NAME_openat, &cursor);
        assert_non_null(e);
        assert_int_equal(e->outcome, OUTCOME_DENIED);
        assert_true(t->stats.denied >= 1);
        assert_int_equal(t->page->got[2], t->stats.denied > 1 ? -EPERM : -EACCES);
        traced_done(t);
    }
}

static int exec_true(struct traced *t)
{
    (void)t;
    char *const words[] = { (char *)"true", NULL };
    execv("/bin/true", words);
    return 9;
}

/* Refused before; or, seen only when it has happened, before the first instruction. */
static void test_denied_exec(void **state)
{
    (void)state;
    char *path = realpath("/bin/true", NULL);
    for (int i = 0; i < 2 * TRACED_WAYS; i++) {
        struct traced *t = traced_new(&traced_ways[i / 2]);
        t->program = exec_true;
        t->deny = true;
        t->denied = i % 2 ? path : NULL;
        t->killed = path;
        traced_run(t);
        if (i % 2) {
            assert_int_equal(t->status, 9 << 8);
        } else {
            assert_true(WIFSIGNALED(t->status) && WTERMSIG(t->status) == SIGKILL);
        }
        traced_done(t);
    }
    free(path);
}

static int aim_at_parent(struct traced *t)
{
    t->page->got[0] = result_of(kill(getppid(), SIGUSR1));
    t->page->got[1] = result_of(kill(getpid(), 0));
    return 0;
}

static void test_tampering(void **state)
{
    (void)state;
    for (int i = 0; i < TRACED_WAYS; i++) {
        struct traced *t = traced_new(&traced_ways[i]);
        t->program = aim_at_parent;
        t->protected = getpid();
        traced_run(t);
        assert_int_equal(t->page->got[0], -EPERM);
        assert_int_equal(t->page->got[1], 0);
        assert_int_equal(t->stats.tampering, 1);
        traced_done(t);
    }
}

/* An own listener would hide calls from a tracer that a filter calls. */
static int ask_for_listener(struct traced *t)
{
    struct sock_filter code[] = { BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };
    struct sock_fprog program = { 1, code };
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    t->page->got[0] = result_of(
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program));
    t->page->got[1] = result_of(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program));
    return 0;
}

static void check_listener(struct traced *t)
{
    int cursor = 0;
    const struct traced_event *e = traced_next(t, NAME_seccomp, &cursor);
    assert_non_null(e);
    assert_int_equal(e->result, t->page->got[0]);
    assert_true(t->way->filter ? t->page->got[0] == -EBUSY : t->page->got[0] >= 0);
    assert_int_equal(t->page->got[1], 0);
}

static void test_listener(void **state)
{
    (void)state;
    each_way(ask_for_listener, check_listener);
}

#ifdef __x86_64__
static long int_80(long number, long a, long b)
{
    long r;
    __asm__ volatile("push %%rbx; mov %2, %%rbx; int $0x80; pop %%rbx"
                     : "=a"(r)
                     : "a"(number), "r"(a), "c"(b)
                     : "r8", "r9", "r10", "r11", "memory");
    return (int)r;
}

static int open_by_int_80(struct traced *t)
{
    char *low =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    memcpy(low, "/etc/passwd", sizeof("/etc/passwd"));
    t->page->got[0] = int_80(5, (long)low, O_RDONLY);
    return 0;
}

static void check_int_80(struct traced *t)
{
    int cursor = 0;
    if (t->page->got[0] == -ENOSYS || WIFSIGNALED(t->status)) {
        return; /* a kernel without 32-bit calls */
    }
    const struct traced_event *e = traced_next(t, NAME_open, &cursor);
    assert_non_null(e);
    assert_int_equal(e->via, VIA_IA32);
    assert_int_equal(e->result, t->page->got[0]);
    assert_string_equal(e->path, "/etc/passwd");
}

static void test_int_80(void **state)
{
    (void)state;
    each_way(open_by_int_80, check_int_80);
}
#endif

static _Atomic bool over;

static void *open_until_over(void *data)
{
    (void)data;
    while (!over) {
        close((int)syscall(SYS_openat, AT_FDCWD, "/dev/zero", O_RDONLY));
        usleep(1000);
    }
    return NULL;
}

/* Nobody prepared it; ends when it is told to. */
static int run_threads(struct traced *t)
{
    pthread_t threads[3];
    char byte;
    for (int i = 0; i < 3; i++) {
        pthread_create(&threads[i], NULL, open_until_over, NULL);
    }
    t->page->got[0] = 1;
    if (read(t->go[0], &byte, 1) != 0) {
        return 1;
    }
    over = true;
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
    }
    return 5;
}

static int tracer_of(pid_t pid)
{
    char path[48], line[256];
    int tracer = -1;
    snprintf(path, sizeof(path), "/proc/%d/status", pid);
    FILE *file = fopen(path, "re");
    while (file && fgets(line, sizeof(line), file) && sscanf(line, "TracerPid: %d", &tracer) != 1) {
    }
    if (file) {
        fclose(file);
    }
    return tracer;
}

static void wait_for_events(struct traced *t, int n)
{
    for (int i = 0; i < 5000; i++) {
        pthread_mutex_lock(&t->lock);
        int now = traced_count(t, NAME_openat);
        pthread_mutex_unlock(&t->lock);
        if (now >= n) {
            return;
        }
        usleep(1000);
    }
    fail_msg("no events");
}

static void test_attach(void **state)
{
    (void)state;
    struct traced *t = traced_new(&traced_ways[1]);
    struct err err = { 0 };
    char byte = 0;
    t->program = run_threads;
    traced_start(t);
    traced_sensor(t);
    assert_int_equal(write(t->go[1], &byte, 1), 1);
    while (!__atomic_load_n(&t->page->got[0], __ATOMIC_ACQUIRE)) {
        usleep(1000);
    }
    assert_false(ptrace_has(t->ptrace, t->pid));
    assert_int_equal(ptrace_attach(t->ptrace, t->pid, &err), 0);
    assert_true(ptrace_has(t->ptrace, t->pid));
    assert_false(ptrace_wait_end(t->ptrace, 10));
    assert_true(tracer_of(t->pid) > 0);
    wait_for_events(t, 30);
    assert_int_equal(ptrace_attach(t->ptrace, INT32_MAX, &err), -ESRCH);
    ptrace_stop(t->ptrace);
    assert_int_equal(tracer_of(t->pid), 0); /* and it goes on */
    close(t->go[1]);
    traced_reap(t);
    assert_int_equal(t->status, 5 << 8);
    traced_done(t);
}

static void test_attach_until_end(void **state)
{
    (void)state;
    struct traced *t = traced_new(&traced_ways[1]);
    struct err err = { 0 };
    char byte = 0;
    t->program = run_threads;
    traced_start(t);
    traced_sensor(t);
    assert_int_equal(write(t->go[1], &byte, 1), 1);
    while (!__atomic_load_n(&t->page->got[0], __ATOMIC_ACQUIRE)) {
        usleep(1000);
    }
    assert_int_equal(ptrace_attach(t->ptrace, t->pid, &err), 0);
    wait_for_events(t, 3);
    close(t->go[1]);
    traced_finish(t);
    assert_int_equal(t->status, 5 << 8);
    assert_int_equal(traced_count(t, NAME_procexit), 4);
    traced_done(t);
}

static void test_attach_refused(void **state)
{
    (void)state;
    struct traced *t = traced_new(&traced_ways[1]);
    struct err err = { 0 };
    t->program = open_many;
    traced_start(t);
    traced_sensor(t);
    pid_t other = fork();
    if (other == 0) {
        bool traces = ptrace(PTRACE_SEIZE, t->pid, NULL, NULL) == 0;
        t->page->got[100] = traces ? 1 : 2;
        pause();
    }
    while (!__atomic_load_n(&t->page->got[100], __ATOMIC_ACQUIRE)) {
        usleep(1000);
    }
    assert_int_equal(t->page->got[100], 1);
    assert_int_equal(ptrace_attach(t->ptrace, t->pid, &err), -EPERM);
    assert_non_null(strstr(err.message, "another tracer"));
    assert_true(ptrace_wait_end(t->ptrace, 0));
    kill(other, SIGKILL);
    waitpid(other, NULL, 0);
    traced_go(t);
    traced_reap(t);
    assert_int_equal(t->status, 7 << 8);
    traced_done(t);
}

/* A sensor in a process of its own dies: what it watches goes on, or dies too. */
static void test_sensor_dies(void **state)
{
    (void)state;
    for (int dies = 0; dies < 2; dies++) {
        struct traced *t = traced_new(&traced_ways[1]);
        struct err err = { 0 };
        t->program = open_many;
        t->exit_kill = dies;
        traced_start(t);
        prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
        pid_t sensor = fork();
        if (sensor == 0) {
            traced_sensor(t);
            t->page->got[100] = ptrace_attach(t->ptrace, t->pid, &err) == 0 ? 1 : 2;
            pause();
        }
        while (!__atomic_load_n(&t->page->got[100], __ATOMIC_ACQUIRE)) {
            usleep(1000);
        }
        assert_int_equal(t->page->got[100], 1);
        kill(sensor, SIGKILL);
        waitpid(sensor, NULL, 0);
        if (!dies) {
            traced_go(t);
        }
        traced_reap(t);
        assert_int_equal(t->status, dies ? SIGKILL : 7 << 8);
        traced_done(t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_results),          cmocka_unit_test(test_sockets),
        cmocka_unit_test(test_restarts),         cmocka_unit_test(test_crowded),
        cmocka_unit_test(test_denied),           cmocka_unit_test(test_denied_exec),
        cmocka_unit_test(test_tampering),        cmocka_unit_test(test_attach),
        cmocka_unit_test(test_attach_until_end), cmocka_unit_test(test_attach_refused),
        cmocka_unit_test(test_sensor_dies),      cmocka_unit_test(test_listener),
#ifdef __x86_64__
        cmocka_unit_test(test_int_80),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
