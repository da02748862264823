/*
 * exact mode: results of calls, with the newest kernel's filter flag and the way of 5.10; races, signals,
 * stops and sudden deaths meanwhile.
 */
#include "test.h"

#include "exact_loop.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
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

/* A thread of this process that waits for the watched child takes stops away; they are found. */
static void test_stolen_stops(void **state)
{
    struct loop loop = { .killable = is_killable(state),
                         .calls = { SYS_openat, -1 },
                         .program = open_many };
    pthread_t receivers[LOOP_RECEIVERS_MAX];
    loop_start(&loop, receivers);
    int stolen = 0, status;
    while (loop.page->n < 100) {
        stolen += waitpid(loop.pid, &status, 0) == loop.pid;
    }
    loop_end(&loop, receivers);
    assert_int_equal(WEXITSTATUS(loop.status), 7);
    assert_int_equal(loop.page->n, OPENS);
    assert_true(stolen > 0);
    check_same(&loop);
    loop_done(&loop);
}

/* A FIFO's open waits for the other side: exact mode gives up on it where it disturbs it, or when that
 * takes too long, and it works. */
static int open_fifo(struct loop *loop)
{
    int wrong = 0;
    for (int i = 0; i < 10; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            usleep(i == 0 ? 700000 : 20000);
            _exit(open(loop->argument, O_WRONLY | O_CLOEXEC) >= 0 ? 0 : 1);
        }
        int fd = open(loop->argument, O_RDONLY | O_CLOEXEC), status = -1;
        wrong += fd < 0 || waitpid(pid, &status, 0) != pid || status != 0;
        close(fd);
    }
    return wrong;
}

static void test_fifo(void **state)
{
    char path[64];
    snprintf(path, sizeof(path), "/tmp/exact-fifo-%d", getpid());
    assert_int_equal(mkfifo(path, 0600), 0);
    struct loop loop = { .killable = is_killable(state),
                         .calls = { SYS_openat, -1 },
                         .argument = path,
                         .program = open_fifo };
    loop_run(&loop);
    unlink(path);
    assert_int_equal(loop.status, 0);
    assert_true(loop.refused >= (loop.killable ? 10 : 1));
    assert_true(loop.restarted <= 60);
    loop_done(&loop);
}

/* A path in memory that is not there yet: neither stop nor signal gets the thread out of its call. The
 * receiver gives up, ends, and with it the tracing. */
static void *open_path(void *data)
{
    return syscall(SYS_openat, AT_FDCWD, data, O_RDONLY) >= 0 ? data : NULL;
}

static bool has_ended(const struct loop *loop)
{
    struct pollfd wanted = { .fd = loop->pidfd, .events = POLLIN };
    return poll(&wanted, 1, 0) == 1;
}

static int open_unfilled(struct loop *loop)
{
    long size = sysconf(_SC_PAGESIZE);
    int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC);
    struct uffdio_api api = { .api = UFFD_API };
    char *page =
        mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct uffdio_register range = { .range = { (uintptr_t)page, (uint64_t)size },
                                     .mode = UFFDIO_REGISTER_MODE_MISSING };
    if (fd < 0 || ioctl(fd, UFFDIO_API, &api) != 0 || ioctl(fd, UFFDIO_REGISTER, &range) != 0) {
        return 77;
    }
    pthread_t thread;
    pthread_create(&thread, NULL, open_path, page);
    while (loop->page->flags[2] == 0) {
        usleep(1000);
    }
    char *filled = calloc(1, (size_t)size);
    memcpy(filled, "/dev/null", 10);
    struct uffdio_copy copy = { (uintptr_t)page, (uintptr_t)filled, (uint64_t)size, 0, 0 };
    void *opened = NULL;
    int wrong = ioctl(fd, UFFDIO_COPY, &copy) != 0 || pthread_join(thread, &opened) != 0 || !opened;
    wrong |= syscall(SYS_openat, AT_FDCWD, "/dev/null", O_RDONLY) < 0;
    return wrong;
}

static void test_hung_argument(void **state)
{
    struct loop loop = { .killable = is_killable(state),
                         .calls = { SYS_openat, -1 },
                         .program = open_unfilled };
    pthread_t receivers[LOOP_RECEIVERS_MAX];
    loop_start(&loop, receivers);
    while (loop.ended == 0 && !has_ended(&loop)) {
        usleep(10000);
    }
    loop.page->flags[2] = 1;
    loop_end(&loop, receivers);
    if (WEXITSTATUS(loop.status) == 77) {
        loop_done(&loop);
        print_message("skipped: no userfaultfd for a call's own accesses here\n");
        skip();
    }
    assert_int_equal(loop.status, 0);
    assert_int_equal(loop.ended, 1);
    assert_int_equal(loop.gone, 1);
    assert_int_equal(loop.nseen, 1);
    loop_done(&loop);
}

/* bpf gives up while a signal is pending, so it is led through again. */
static int load_bpf(struct loop *loop)
{
    const struct bpf_insn code[] = { { .code = BPF_ALU64 | BPF_MOV | BPF_K, .imm = 0 },
                                     { .code = BPF_JMP | BPF_EXIT } };
    union bpf_attr attr = { .prog_type = BPF_PROG_TYPE_SOCKET_FILTER,
                            .insns = (uintptr_t)code,
                            .insn_cnt = 2,
                            .license = (uintptr_t) "GPL" };
    for (int i = 0; i < 20; i++) {
        long fd = syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
        loop->page->got[i] = fd >= 0 ? fd : -errno;
        loop->page->n = i + 1;
        if (fd < 0 && errno == EAGAIN) {
            return 1;
        }
    }
    return 0;
}

static void test_bpf(void **state)
{
    struct loop loop = { .killable = is_killable(state),
                         .calls = { SYS_bpf, -1 },
                         .program = load_bpf };
    loop_run(&loop);
    assert_int_equal(loop.status, 0);
    assert_int_equal(loop.nseen, 20);
    for (int i = 0; i < 20; i++) {
        assert_int_equal(loop.seen[i].result.result, loop.page->got[i]);
    }
    loop_done(&loop);
}

#if defined(__x86_64__)
#define I386_OPENAT 295

/* The 32-bit door, from 64-bit code. */
static int open_by_int80(struct loop *loop)
{
    char *low =
        mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    for (int i = 0; i < 100; i++) {
        long result;
        strcpy(low, i % 2 ? "/dev/null" : "/no/such"); /* lint: allow strcpy */
        __asm__ volatile("int $0x80"
                         : "=a"(result)
                         : "a"((long)I386_OPENAT), "b"((long)AT_FDCWD), "c"(low), "d"(0L), "S"(0L)
                         : "memory", "r8", "r9", "r10", "r11");
        loop->page->got[i] = result;
        loop->page->n = i + 1;
    }
    return 0;
}

static void test_int80(void **state)
{
    struct loop loop = { .killable = is_killable(state),
                         .calls = { I386_OPENAT, -1 },
                         .program = open_by_int80 };
    loop_run(&loop);
    if (WIFSIGNALED(loop.status)) {
        loop_done(&loop);
        print_message("skipped: this kernel has no 32-bit calls\n");
        skip();
    }
    assert_int_equal(loop.status, 0);
    assert_int_equal(loop.nseen, 100);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(loop.seen[i].result.result, loop.page->got[i]);
        assert_true(i % 2 ? loop.page->got[i] >= 0 : loop.page->got[i] == -ENOENT);
    }
    loop_done(&loop);
}
#endif

/* clang-format off */
#define BOTH_WAYS(test) \
    { #test " straight", test, NULL, NULL, &ways[0] }, { #test " again", test, NULL, NULL, &ways[1] }
/* clang-format on */

int main(int argc, char **argv)
{
    static bool ways[] = { true, false };
    const struct CMUnitTest tests[] = {
        BOTH_WAYS(test_results),
        BOTH_WAYS(test_race),
        BOTH_WAYS(test_threads),
        BOTH_WAYS(test_limit),
        BOTH_WAYS(test_alarms),
        BOTH_WAYS(test_alarms_restart),
        BOTH_WAYS(test_siginfo),
        BOTH_WAYS(test_stops),
        BOTH_WAYS(test_kills),
        BOTH_WAYS(test_own_child_killed),
        BOTH_WAYS(test_release_kills),
        BOTH_WAYS(test_stolen_stops),
        BOTH_WAYS(test_fifo),
        BOTH_WAYS(test_hung_argument),
        BOTH_WAYS(test_bpf),
#if defined(__x86_64__)
        BOTH_WAYS(test_int80),
#endif
    };
    if (argc > 1)
        cmocka_set_test_filter(argv[1]);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
