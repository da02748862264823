/*
 * asked: see the header. The filter notifies every call of the table, whatever its arguments. The child
 * hands its listener over by number; waits have limits, so that a test fails instead of hanging.
 */
#include "test.h"

#include "asked.h"

#include "sensor/notify/feature.h"
#include "sensor/notify/filter.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define WAIT_MS   10000
#define X32_CALLS 0x40000000L

#ifdef __x86_64__
static long call_ia32(const struct ask *what)
{
    const uint64_t *a = what->args;
    uint64_t first_and_last[2] = { a[0], a[5] };
    register const uint64_t *pair __asm__("r8") = first_and_last;
    long result;
    __asm__ volatile("lea -128(%%rsp), %%rsp\n\t" /* the red zone */
                     "push %%rbx\n\t"
                     "push %%rbp\n\t"
                     "mov (%%r8), %%rbx\n\t"
                     "mov 8(%%r8), %%rbp\n\t"
                     "int $0x80\n\t"
                     "pop %%rbp\n\t"
                     "pop %%rbx\n\t"
                     "lea 128(%%rsp), %%rsp"
                     : "=a"(result), "+r"(pair)
                     : "0"(what->nr), "c"(a[1]), "d"(a[2]), "S"(a[3]), "D"(a[4])
                     : "memory", "cc", "r9", "r10", "r11");
    return result;
}
#else
static long call_ia32(const struct ask *what)
{
    (void)what;
    return -ENOSYS;
}
#endif

static void *make(void *data)
{
    const struct ask *what = data;
    const uint64_t *a = what->args;
    if (what->how == ASK_IA32) {
        call_ia32(what);
    } else {
        syscall(what->nr | (what->how == ASK_X32 ? X32_CALLS : 0), a[0], a[1], a[2], a[3], a[4],
                a[5]);
    }
    return NULL;
}

/* What parent and child share: the listener's number plus one, negative: -errno. */
struct shared {
    volatile int listener;
    volatile bool taken;
};

static struct filter filter;

static void be_child(struct shared *shared, struct ask *what)
{
    int listener = -1;
    pthread_t thread;
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    int r = filter_install(&filter, FEATURE_NOTIFY | FEATURE_CONTINUE, &listener);
    shared->listener = r < 0 ? r : listener + 1;
    while (r == 0 && !shared->taken) {
        sched_yield();
    }
    close(listener); /* nobody must wait for an answer when the test is gone */
    if (r == 0 && what->by_thread) {
        pthread_create(&thread, NULL, make, what);
        pthread_join(thread, NULL);
    } else if (r == 0) {
        make(what);
    }
    syscall(SYS_exit_group, 0);
}

static void build_filter(void)
{
    struct filter_options options = { .foreign = true };
    struct err err = { 0 };
    callset_all(&options.calls);
    /* A thread of the child is born by these. */
    for (size_t i = 0; i < call_count; i++) {
        if (call_table[i].name == NAME_clone3 || call_table[i].name == NAME_clone ||
            call_table[i].name == NAME_mmap) {
            options.calls.bits[i / 64] &= ~(UINT64_C(1) << (i % 64));
        }
    }
    assert_int_equal(filter_build(&options, &filter, &err), 0);
}

static void build_whole_filter(void)
{
    struct filter_options options = { .foreign = true };
    struct err err = { 0 };
    callset_all(&options.calls);
    assert_int_equal(filter_build(&options, &filter, &err), 0);
}

static int take_listener(pid_t child, int number)
{
    int pidfd = (int)syscall(SYS_pidfd_open, child, 0);
    int fd = (int)syscall(SYS_pidfd_getfd, pidfd, number, 0);
    close(pidfd);
    return fd;
}

struct asked ask(struct ask what)
{
    struct asked asked = { .listener = -1 };
    struct shared *shared =
        mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(shared, MAP_FAILED);
    if (what.by_thread) {
        build_filter();
    } else {
        build_whole_filter();
    }
    asked.child = fork();
    assert_true(asked.child >= 0);
    if (asked.child == 0) {
        be_child(shared, &what);
    }
    while (shared->listener == 0) {
        sched_yield();
    }
    if (shared->listener < 0) {
        fail_msg("no filter: %s", strerror(-shared->listener));
    }
    asked.listener = take_listener(asked.child, shared->listener - 1);
    assert_true(asked.listener >= 0);
    shared->taken = true;
    munmap(shared, sizeof(*shared));
    struct pollfd poll_fd = { .fd = asked.listener, .events = POLLIN };
    if (poll(&poll_fd, 1, WAIT_MS) != 1 || !(poll_fd.revents & POLLIN)) {
        kill(asked.child, SIGKILL);
        fail_msg("call %ld was not notified", what.nr);
    }
    assert_int_equal(ioctl(asked.listener, SECCOMP_IOCTL_NOTIF_RECV, &asked.notif), 0);
    return asked;
}

void asked_done(struct asked *asked)
{
    struct seccomp_notif_resp response = { .id = asked->notif.id, .error = -ECANCELED };
    ioctl(asked->listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
    kill(asked->child, SIGKILL);
    waitpid(asked->child, NULL, 0);
    close(asked->listener);
}

#ifdef __x86_64__
bool can_ask(enum ask_how how)
{
    static const long getpid_nr[] = { [ASK_NATIVE] = SYS_getpid, [ASK_IA32] = 20 };
    struct ask what = { .how = how, .nr = how == ASK_X32 ? SYS_getpid : getpid_nr[how] };
    if (how == ASK_X32) {
        return true; /* notified before the kernel looks whether it has them */
    }
    pid_t child = fork();
    if (child == 0) {
        signal(SIGSEGV, SIG_DFL);
        _exit(how == ASK_IA32 && call_ia32(&what) < 0);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
#else
bool can_ask(enum ask_how how)
{
    return how == ASK_NATIVE;
}
#endif
