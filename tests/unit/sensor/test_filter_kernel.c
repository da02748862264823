/*
 * filter in the kernel: a child makes calls of x86-64, by int $0x80 and with the x32 bit, and just the
 * wanted ones arrive, in order. All are refused with EXDEV, so that nothing happens; what is not notified
 * is harmless.
 */
#include "test.h"

#include "base/cleanup.h"
#include "sensor/notify/feature.h"
#include "sensor/notify/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum how { NATIVE, INT80, X32 };

struct made_call {
    enum how how;
    uint32_t nr;
    uint64_t args[6];
    bool wanted;
};

struct heard {
    size_t n;
    struct seccomp_data calls[64];
    bool strange;
};

#ifdef __x86_64__
static long call_int80(uint32_t nr, const uint64_t *a)
{
    long result = nr;
    __asm__ volatile("int $0x80"
                     : "+a"(result)
                     : "b"(a[0]), "c"(a[1]), "d"(a[2]), "S"(a[3]), "D"(a[4])
                     : "memory", "r8", "r9", "r10", "r11");
    return (int)result;
}
#endif

static long make_call(const struct made_call *c)
{
    const uint64_t *a = c->args;
#ifdef __x86_64__
    if (c->how == INT80) {
        return call_int80(c->nr, a);
    }
#endif
    uint32_t nr = c->nr | (c->how == X32 ? 0x40000000 : 0);
    long result = syscall((long)(int)nr, a[0], a[1], a[2], a[3], a[4], a[5]);
    return result < 0 ? -errno : result;
}

struct shared {
    _Atomic int listener, taken;
    long results[64];
};

/* Waits for what the other side does next, at most 20 s. */
static bool wait_for(const _Atomic int *flag)
{
    for (unsigned ms = 0; ms < 20000 && !*flag; ms++) {
        poll(NULL, 0, 1);
    }
    return *flag;
}

/* In the child: results go to shared memory. */
static void make_calls(const struct filter *filter, const struct made_call *calls, size_t n,
                       struct shared *shared)
{
    int listener = -1;
    int r = filter_install(filter, feature_probe(), &listener);
    shared->listener = r < 0 ? r : listener;
    bool ready = r == 0 && wait_for(&shared->taken);
    for (size_t i = 0; i < n && ready; i++) {
        shared->results[i] = make_call(&calls[i]);
    }
    _exit(!ready);
}

/* Every call is refused, with EXDEV: nothing happens, and the caller shows that it was refused. */
static void listen_to(int listener, struct heard *heard)
{
    for (;;) {
        struct pollfd wait = { .fd = listener, .events = POLLIN };
        struct seccomp_notif call = { 0 };
        if (poll(&wait, 1, 20000) != 1 || !(wait.revents & POLLIN)) {
            return;
        }
        if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) < 0) {
            continue;
        }
        if (heard->n < ARRAY_SIZE(heard->calls)) {
            heard->calls[heard->n++] = call.data;
        }
        struct seccomp_notif_resp response = { .id = call.id, .error = -EXDEV };
        heard->strange |= ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response) < 0;
    }
}

static int take_listener(pid_t child, struct shared *shared)
{
    assert_true(wait_for(&shared->listener) && shared->listener > 0);
    int pidfd CLEANUP(cleanup_close) = (int)syscall(SYS_pidfd_open, child, 0);
    int listener = (int)syscall(SYS_pidfd_getfd, pidfd, shared->listener, 0);
    assert_true(listener >= 0);
    assert_int_equal(listener_setup(listener, feature_probe()), 0);
    shared->taken = 1;
    return listener;
}

static uint32_t arch_of(enum how how)
{
    return how == INT80 ? AUDIT_ARCH_I386 : CALL_ARCH_NATIVE;
}

/* What was heard is what was wanted, in order. */
static void check_heard(const struct heard *heard, const struct made_call *calls, size_t n,
                        const long *results)
{
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        if (!calls[i].wanted) {
            continue;
        }
        if (at >= heard->n) {
            fail_msg("call %zu (nr %u) was not notified", i, calls[i].nr);
        }
        const struct seccomp_data *data = &heard->calls[at++];
        assert_int_equal(data->arch, arch_of(calls[i].how));
        assert_int_equal((uint32_t)data->nr & ~UINT32_C(0x40000000), calls[i].nr);
        assert_int_equal((uint32_t)data->nr >> 30, calls[i].how == X32);
        assert_int_equal(data->args[0], calls[i].args[0]);
        assert_int_equal(results[i], -EXDEV);
    }
    assert_int_equal(at, heard->n);
}

static void run_calls(const struct filter_options *options, const struct made_call *calls, size_t n,
                      long *ret_results)
{
    static struct filter filter;
    struct err err;
    assert_int_equal(filter_build(options, &filter, &err), 0);
    struct shared *shared =
        mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(shared != MAP_FAILED);
    assert_true(n <= ARRAY_SIZE(shared->results));
    pid_t child = fork();
    if (child == 0) {
        make_calls(&filter, calls, n, shared);
    }
    struct heard heard = { 0 };
    int listener = take_listener(child, shared);
    listen_to(listener, &heard);
    close(listener);
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_false(heard.strange);
    memcpy(ret_results, shared->results, n * sizeof(*ret_results));
    check_heard(&heard, calls, n, ret_results);
    munmap(shared, sizeof *shared);
}

/* Else skips, having said why. */
static void need_notification(void)
{
    uint32_t need = FEATURE_NOTIFY | FEATURE_PIDFD_GETFD;
    if ((feature_probe() & need) != need) {
        print_message("skipped: no user notification, or no pidfd_getfd of children\n");
        skip();
    }
}

#define ADDRESS ((uint64_t)(uintptr_t) "/nonexistent/of/this/test")

static void test_native(void **state)
{
    (void)state;
    need_notification();
    const uint64_t no = (uint64_t)-1;
    struct filter_options options = { .test_arguments = true, .foreign = true };
    callset_all(&options.calls);
    options.opens = FILTER_OPEN_WRITE;
    options.socket_families = FILTER_FAMILY(AF_PACKET);
    const struct made_call calls[] = {
        { NATIVE, SYS_getppid, { 0 }, false },
        { NATIVE, SYS_setsid, { 0 }, true },
        { NATIVE, SYS_dup2, { 0, 100 }, false },
        { NATIVE, SYS_dup2, { 0, 2 }, true },
        { NATIVE, SYS_dup2, { 0, UINT64_C(0xdead00000001) }, true },
        { NATIVE, SYS_dup2, { 0, no }, false },
        { NATIVE, SYS_dup3, { 0, 0, O_CLOEXEC }, true },
        { NATIVE, SYS_dup, { 0 }, true },
        { NATIVE, SYS_fcntl, { 0, F_GETFD }, false },
        { NATIVE, SYS_fcntl, { 0, F_DUPFD, 0 }, true },
        { NATIVE, SYS_fcntl, { 0, F_DUPFD_CLOEXEC, 10 }, false },
        { NATIVE, SYS_openat, { no, ADDRESS, O_RDONLY }, false },
        { NATIVE, SYS_openat, { no, ADDRESS, O_WRONLY }, true },
        { NATIVE, SYS_openat, { no, ADDRESS, O_RDONLY | O_CREAT, 0600 }, true },
        { NATIVE, SYS_creat, { ADDRESS, 0600 }, true },
        { NATIVE, SYS_socket, { AF_INET, SOCK_STREAM }, false },
        { NATIVE, SYS_socket, { 70, SOCK_STREAM }, false },
        { NATIVE, SYS_socket, { AF_PACKET, SOCK_RAW }, true },
        { NATIVE, SYS_sendto, { no, 0, 0, 0, 0, 0 }, false },
        { NATIVE, SYS_sendto, { no, 0, 0, 0, 1, 0 }, true },
        { NATIVE, SYS_sendto, { no, 0, 0, 0, UINT64_C(1) << 40, 0 }, true },
        { NATIVE, SYS_mmap, { 0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, no }, false },
        { NATIVE, SYS_mmap, { 0, 4096, PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, no }, false },
        { NATIVE, SYS_mmap, { 0, 4096, PROT_EXEC, MAP_PRIVATE, 0 }, true },
        { NATIVE, SYS_kill, { (uint64_t)getpid(), 0 }, false },
        { NATIVE, SYS_kill, { (uint64_t)getpid(), SIGCONT }, true },
        { NATIVE, SYS_tgkill, { 1, 1, SIGKILL }, true },
        { NATIVE, SYS_ptrace, { PTRACE_PEEKTEXT, no }, false },
        { NATIVE, SYS_ptrace, { PTRACE_TRACEME }, true },
        { NATIVE, SYS_prctl, { PR_GET_DUMPABLE }, false },
        { NATIVE, SYS_prctl, { PR_SET_NAME, ADDRESS }, true },
        { NATIVE, SYS_write, { no, ADDRESS, 1 }, false },
        { NATIVE, SYS_futex, { 0 }, false },
        { NATIVE, SYS_clone3, { 0, 0 }, true },
        { NATIVE, SYS_execve, { ADDRESS, 0, 0 }, true },
        { NATIVE, SYS_connect, { no, ADDRESS, 16 }, true },
        { NATIVE, 600, { 0 }, false },
        { NATIVE, UINT32_MAX, { 0 }, false },
    };
    long results[ARRAY_SIZE(calls)];
    run_calls(&options, calls, ARRAY_SIZE(calls), results);
}

#ifdef __x86_64__
static bool int80_works(void)
{
    pid_t child = fork();
    if (child == 0) {
        _exit(call_int80(20, (const uint64_t[6]){ 0 }) != getpid());
    }
    int status = -1;
    return waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static const struct made_call foreign_calls[] = {
    { INT80, 20 /* getpid */, { 0 }, false },
    { INT80, 295 /* openat */, { 7, 0, O_WRONLY }, true },
    { INT80, 295 /* openat */, { 7, 0, O_RDONLY }, false },
    { INT80, 11 /* execve */, { 0 }, true },
    { INT80, 102 /* socketcall */, { 1 /* socket */, 0 }, true },
    { INT80, 102 /* socketcall */, { 9 /* send */, 0 }, false },
    { INT80, 3 /* read */, { 0xffffffff, 0, 0 }, false },
    { INT80, 66 /* setsid */, { 0 }, true },
    { INT80, 63 /* dup2 */, { 0, 1 }, true },
    { INT80, 63 /* dup2 */, { 0, 101 }, false },
    { INT80, 90 /* mmap */, { 1 }, true },
    { NATIVE, SYS_setsid, { 0 }, true },
    { X32, SYS_setsid, { 0 }, true },
    { X32, SYS_getppid, { 0 }, true },
    { X32, 520 /* execve */, { 0 }, true },
    { X32, SYS_read, { (uint64_t)-1, 0, 0 }, false },
};

static void test_foreign(void **state)
{
    (void)state;
    need_notification();
    if (!int80_works()) {
        print_message("skipped: this kernel runs no 32-bit calls\n");
        skip();
    }
    struct filter_options options = { .test_arguments = true, .foreign = true };
    callset_all(&options.calls);
    options.opens = FILTER_OPEN_WRITE;
    long results[ARRAY_SIZE(foreign_calls)];
    run_calls(&options, foreign_calls, ARRAY_SIZE(foreign_calls), results);
    assert_true(results[0] > 0);
}

static void test_foreign_refused(void **state)
{
    (void)state;
    need_notification();
    struct filter_options options = { .test_arguments = true };
    callset_all(&options.calls);
    struct made_call calls[ARRAY_SIZE(foreign_calls)];
    size_t n = 0;
    bool int80 = int80_works();
    for (size_t i = 0; i < ARRAY_SIZE(foreign_calls); i++) {
        if (foreign_calls[i].how != INT80 || int80) {
            calls[n] = foreign_calls[i];
            calls[n++].wanted &= foreign_calls[i].how == NATIVE;
        }
    }
    long results[ARRAY_SIZE(calls)];
    run_calls(&options, calls, n, results);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(results[i], calls[i].how == NATIVE ? -EXDEV : -ENOSYS);
    }
}
#endif

static void test_io_uring_refused(void **state)
{
    (void)state;
    need_notification();
    struct filter_options options = { .test_arguments = true, .foreign = true };
    callset_all(&options.calls);
    const struct made_call wanted = { NATIVE, SYS_io_uring_setup, { 1, 0 }, true };
    const struct made_call refused = { NATIVE, SYS_io_uring_setup, { 1, 0 }, false };
    long result = 0;
    run_calls(&options, &wanted, 1, &result);
    options.deny_io_uring = true;
    run_calls(&options, &refused, 1, &result);
    assert_int_equal(result, -ENOSYS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_native),
#ifdef __x86_64__
        cmocka_unit_test(test_foreign),
        cmocka_unit_test(test_foreign_refused),
#endif
        cmocka_unit_test(test_io_uring_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
