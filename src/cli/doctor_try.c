/*
 * doctor: trying seccomp, ptrace and single calls in children that are gone afterwards.
 *
 * Whether a filter in force hides a call is asked of the kernel itself: a child adds a filter that
 * notifies this one call, and makes it. Of several filters' verdicts the strictest counts, and refusing is
 * stricter than notifying: if the notification comes, the sensor would get it too. It is answered with an
 * error, so that the call never happens.
 */
#include "cli/doctor.h"

#include "base/cleanup.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define ANSWER  ENOTRECOVERABLE /* no filter says this */
#define WAIT_MS 2000

static int listen_to(uint32_t nr)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { .len = 4, .filter = code };
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
                        &program);
}

static int exit_status(pid_t pid)
{
    int status;
    while (waitpid(pid, &status, 0) < 0) {
        if (errno != EINTR) {
            return -1;
        }
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int doctor_try_listener(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        _exit(listen_to(SYS_getppid) < 0 ? errno : 0);
    }
    int r = pid < 0 ? errno : exit_status(pid);
    return r < 0 ? -EPERM : -r;
}

int doctor_try_filter(void)
{
    struct sock_filter code[] = { BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };
    struct sock_fprog program = { .len = 1, .filter = code };
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        _exit(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0 ? 0 : errno);
    }
    int r = pid < 0 ? errno : exit_status(pid);
    return r < 0 ? -EPERM : -r;
}

static int result_of(bool ok)
{
    return ok ? 0 : -errno;
}

void doctor_try_child(struct doctor_facts *ret)
{
    static const uint64_t mark = 42;
    uint64_t copy = 0;
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
        for (;;) {
            pause();
        }
    }
    if (pid < 0) {
        ret->ptrace = ret->read_memory = ret->get_descriptor = -errno;
        return;
    }
    struct iovec here = { &copy, sizeof(copy) }, there = { (void *)(uintptr_t)&mark, sizeof(mark) };
    ret->read_memory = result_of(process_vm_readv(pid, &here, 1, &there, 1, 0) == sizeof(copy));
    CLEANUP(cleanup_close) int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    CLEANUP(cleanup_close)
    int copied = pidfd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, pidfd, STDERR_FILENO, 0);
    /* A descriptor that is closed there says no less that the call is allowed. */
    ret->get_descriptor = result_of(copied >= 0 || errno == EBADF);
    ret->ptrace = result_of(ptrace(PTRACE_SEIZE, pid, 0, 0) == 0);
    kill(pid, SIGKILL);
    exit_status(pid);
}

/* What tried and trying process share. */
struct stage {
    _Atomic int listener; /* plus 1; 0 not yet; negative: errno */
    _Atomic int error;    /* of the call, plus 1; 0: it has not returned */
};

static _Noreturn void make_call(struct stage *stage, int nr)
{
    int listener = listen_to((uint32_t)nr);
    atomic_store(&stage->listener, listener < 0 ? -errno : listener + 1);
    if (listener >= 0) {
        errno = 0;
        syscall(nr, 0, 0, 0, 0, 0, 0);
        atomic_store(&stage->error, errno + 1);
    }
    _exit(0);
}

static bool wait_for_listener(const struct stage *stage)
{
    for (int ms = 0; ms < WAIT_MS && !atomic_load(&stage->listener); ms++) {
        poll(NULL, 0, 1);
    }
    return atomic_load(&stage->listener) > 0;
}

/* Refuses the notified call, if it comes. True: it came. */
static bool answer(int listener, const struct stage *stage)
{
    struct seccomp_notif notif = { 0 };
    struct pollfd item = { .fd = listener, .events = POLLIN };
    for (int ms = 0; ms < WAIT_MS && !atomic_load(&stage->error); ms++) {
        int n = poll(&item, 1, 1);
        if (n > 0 && item.revents & POLLIN) {
            break;
        }
        if (n > 0) {
            return false;
        }
    }
    if (!(item.revents & POLLIN) || ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &notif) < 0) {
        return false;
    }
    struct seccomp_notif_resp response = { .id = notif.id, .error = -ANSWER };
    return ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response) == 0;
}

static enum doctor_call try_number(struct stage *stage, int nr, int *ret_error)
{
    pid_t pid = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
    if (pid == 0) {
        make_call(stage, nr);
    }
    if (pid < 0) {
        return DOCTOR_CALL_UNKNOWN;
    }
    enum doctor_call result = DOCTOR_CALL_UNKNOWN;
    if (wait_for_listener(stage)) {
        int listener = atomic_load(&stage->listener) - 1;
        bool seen = answer(listener, stage);
        kill(pid, SIGKILL);
        exit_status(pid);
        close(listener);
        int error = atomic_load(&stage->error);
        *ret_error = error ? error - 1 : 0;
        return seen ? DOCTOR_CALL_SEEN : DOCTOR_CALL_HIDDEN;
    }
    kill(pid, SIGKILL);
    exit_status(pid);
    return result;
}

enum doctor_call doctor_try_call(const struct call *call, int *ret_error)
{
    int nr = call_number(CALL_ARCH_NATIVE, call);
    if (nr < 0) {
        return DOCTOR_CALL_LACKS;
    }
    void *page =
        mmap(NULL, sizeof(struct stage), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) {
        return DOCTOR_CALL_UNKNOWN;
    }
    enum doctor_call result = try_number(page, nr, ret_error);
    munmap(page, sizeof(struct stage));
    return result;
}
