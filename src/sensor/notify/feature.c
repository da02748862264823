/*
 * feature: probes by trying, and installs the filter.
 *
 * Shape: feature_probe() forks a prober, so that the caller gets neither filter nor no_new_privs; the
 * prober clones a target that shares its descriptors. The target's filter notifies getppid; it makes the
 * call once for each thing that an answer may be, and the prober answers. What worked goes back through a
 * pipe. Between fork and exit only system calls: the caller may have threads.
 *
 * Invariants: each wait is bounded (the target may have died); both children are gone at the return.
 *
 * Sources: seccomp(2), seccomp_unotify(2), pidfd_getfd(2), openat2(2), Linux' kernel/seccomp.c.
 */
#include "sensor/notify/feature.h"

#include "base/cleanup.h"
#include "sensor/notify/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

/* Newer than the headers may be. */
#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif
#ifndef SECCOMP_ADDFD_FLAG_SEND
#define SECCOMP_ADDFD_FLAG_SEND (1UL << 1)
#endif
#ifndef SECCOMP_IOCTL_NOTIF_SET_FLAGS
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif
#ifndef SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#endif

#define PROBE_WAIT_MS 2000

static int set_filter(unsigned long flags, const struct sock_fprog *program)
{
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, program);
}

static int no_new_privs(void)
{
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

static unsigned long filter_flags(uint32_t features)
{
    unsigned long flags = SECCOMP_FILTER_FLAG_NEW_LISTENER;
    if (features & FEATURE_WAIT_KILLABLE) {
        flags |= SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
    }
    if (features & FEATURE_SPEC_ALLOW) {
        flags |= SECCOMP_FILTER_FLAG_SPEC_ALLOW;
    }
    return flags;
}

static int install(const struct sock_fprog *program, uint32_t features, int *ret_listener)
{
    if (!(features & FEATURE_NOTIFY)) {
        return -ENOSYS;
    }
    int fd = -1;
    errno = EACCES;
    if (features & FEATURE_WITHOUT_NNP) {
        fd = set_filter(filter_flags(features), program);
    }
    if (fd < 0 && errno == EACCES) {
        fd = no_new_privs() == 0 ? set_filter(filter_flags(features), program) : -1;
    }
    if (fd < 0) {
        return -errno;
    }
    *ret_listener = fd;
    return 0;
}

int filter_install(const struct filter *filter, uint32_t features, int *ret_listener)
{
    /* The kernel only reads it. */
    struct sock_fprog program = { .len = filter->n, .filter = (struct sock_filter *)filter->code };
    return install(&program, features, ret_listener);
}

int filter_install_traced(const struct filter *filter, uint32_t features)
{
    struct sock_fprog program = { .len = filter->n, .filter = (struct sock_filter *)filter->code };
    unsigned long flags = features & FEATURE_SPEC_ALLOW ? SECCOMP_FILTER_FLAG_SPEC_ALLOW : 0;
    errno = EACCES;
    if (features & FEATURE_WITHOUT_NNP && set_filter(flags, &program) == 0) {
        return 0;
    }
    if (errno == EACCES && no_new_privs() == 0 && set_filter(flags, &program) == 0) {
        return 0;
    }
    return -errno;
}

int listener_wake_here(int listener, bool here)
{
    unsigned long flags = here ? SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP : 0;
    return ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, flags) == 0 ? 0 : -errno;
}

int listener_setup(int listener, uint32_t features)
{
    return features & FEATURE_SYNC_WAKE_UP ? listener_wake_here(listener, true) : 0;
}

/* What prober and target share. */
struct stage {
    _Atomic int listener; /* 0: not yet; negative: -errno */
    uint64_t mark;        /* the prober reads the target's copy of it */
    int64_t results[3];   /* of the target's calls */
};

enum { CALL_CONTINUED, CALL_ADDED, CALL_ADDED_AND_SENT, CALL_LEFT };

static void target_run(struct stage *stage, uint32_t features, uint64_t *mark)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { .len = 4, .filter = code };
    *mark = ~stage->mark;
    int listener = -1;
    int r = install(&program, features | FEATURE_NOTIFY, &listener);
    atomic_store(&stage->listener, r < 0 ? r : listener);
    for (unsigned i = CALL_CONTINUED; i < CALL_LEFT && r == 0; i++) {
        stage->results[i] = syscall(SYS_getppid);
    }
    syscall(SYS_getppid);
    _exit(0);
}

/* The target's next call, or one that is not answered to come: -errno. */
static int receive(int listener, struct seccomp_notif *ret)
{
    struct pollfd wait = { .fd = listener, .events = POLLIN };
    *ret = (struct seccomp_notif){ 0 };
    if (poll(&wait, 1, PROBE_WAIT_MS) != 1 || !(wait.revents & POLLIN)) {
        return -ETIMEDOUT;
    }
    return ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, ret) == 0 ? 0 : -errno;
}

static bool send_continue(int listener, uint64_t id)
{
    struct seccomp_notif_resp response = { .id = id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };
    return ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response) == 0;
}

static bool send_value(int listener, uint64_t id, int64_t value)
{
    struct seccomp_notif_resp response = { .id = id, .val = value };
    return ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response) == 0;
}

static bool add_descriptor(int listener, uint64_t id, bool and_send)
{
    struct seccomp_notif_addfd add = {
        .id = id,
        .flags = and_send ? SECCOMP_ADDFD_FLAG_SEND : 0,
        .srcfd = (uint32_t)listener,
    };
    return ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add) >= 0;
}

/* Answers the target's three calls, each in its way; one that does not work is answered by a value. */
static uint32_t probe_answers(int listener, const struct stage *stage)
{
    uint32_t found = 0;
    struct seccomp_notif call;
    for (unsigned i = CALL_CONTINUED; i < CALL_LEFT; i++) {
        if (receive(listener, &call) < 0) {
            return found;
        }
        found |= FEATURE_NOTIFY;
        bool answered = false;
        if (i == CALL_CONTINUED) {
            answered = send_continue(listener, call.id);
            found |= answered ? FEATURE_CONTINUE : 0;
        } else if (i == CALL_ADDED) {
            found |= add_descriptor(listener, call.id, false) ? FEATURE_ADDFD : 0;
        } else {
            answered = add_descriptor(listener, call.id, true);
            found |= answered ? FEATURE_ADDFD_SEND : 0;
        }
        if (!answered && !send_value(listener, call.id, 0)) {
            return found;
        }
    }
    /* The next call shows that the third has returned. */
    if (receive(listener, &call) < 0 || stage->results[CALL_CONTINUED] != getpid()) {
        found &= ~(uint32_t)FEATURE_CONTINUE;
    }
    return found;
}

static uint32_t probe_target(pid_t target, const struct stage *stage, const uint64_t *mark)
{
    uint32_t found = 0;
    uint64_t copy = 0;
    struct iovec here = { &copy, sizeof(copy) };
    struct iovec there = { (void *)(uintptr_t)mark, sizeof(*mark) };
    if (process_vm_readv(target, &here, 1, &there, 1, 0) == sizeof(copy) && copy == ~stage->mark) {
        found |= FEATURE_PROCESS_VM_READV;
    }
    int pidfd CLEANUP(cleanup_close) = (int)syscall(SYS_pidfd_open, target, 0);
    int fd CLEANUP(cleanup_close) =
        pidfd < 0 ? -1 : (int)syscall(SYS_pidfd_getfd, pidfd, stage->listener, 0);
    found |= fd >= 0 ? FEATURE_PIDFD_GETFD : 0;
    found |= ptrace(PTRACE_SEIZE, target, 0, 0) == 0 ? FEATURE_PTRACE_SEIZE : 0;
    return found;
}

/* Is the flag known? The filter's address is bad, which is looked at later. */
static bool flag_works(unsigned long flags)
{
    return set_filter(flags, NULL) < 0 && errno == EFAULT;
}

static uint32_t probe_flags(void)
{
    uint32_t found = 0;
    unsigned long listener = SECCOMP_FILTER_FLAG_NEW_LISTENER;
    if (flag_works(listener | SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV)) {
        found |= FEATURE_WAIT_KILLABLE;
    }
    if (flag_works(SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_TSYNC_ESRCH)) {
        found |= FEATURE_TSYNC_ESRCH;
    }
    if (flag_works(SECCOMP_FILTER_FLAG_SPEC_ALLOW)) {
        found |= FEATURE_SPEC_ALLOW;
    }
    return found;
}

/* Only where no_new_privs was not set before: else there is nothing to go without. */
static bool works_without_nnp(void)
{
    struct sock_filter code = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    struct sock_fprog program = { .len = 1, .filter = &code };
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0 && set_filter(0, &program) == 0;
}

static bool openat2_works(void)
{
    struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_MAGICLINKS };
    int fd CLEANUP(cleanup_close) = (int)syscall(SYS_openat2, AT_FDCWD, "/", &how, sizeof(how));
    return fd >= 0;
}

static int wait_listener(const struct stage *stage)
{
    for (unsigned ms = 0; ms < PROBE_WAIT_MS && !atomic_load(&stage->listener); ms++) {
        poll(NULL, 0, 1);
    }
    return atomic_load(&stage->listener);
}

static uint32_t probe_listener(struct stage *stage, uint32_t features)
{
    uint64_t mark = 0;
    pid_t target = (pid_t)syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, NULL);
    if (target == 0) {
        target_run(stage, features, &mark);
    }
    if (target < 0) {
        return 0;
    }
    uint32_t found = 0;
    int listener = wait_listener(stage);
    if (listener > 0) {
        found |= probe_answers(listener, stage);
        found |= listener_setup(listener, FEATURE_SYNC_WAKE_UP) == 0 ? FEATURE_SYNC_WAKE_UP : 0;
        found |= probe_target(target, stage, &mark);
    }
    kill(target, SIGKILL);
    waitpid(target, NULL, __WALL);
    return found;
}

static uint32_t probe(void)
{
    uint32_t found = works_without_nnp() ? FEATURE_WITHOUT_NNP : 0;
    found |= openat2_works() ? FEATURE_OPENAT2 : 0;
    found |= probe_flags();
    void *page =
        mmap(NULL, sizeof(struct stage), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED) {
        return found;
    }
    struct stage *stage = page;
    stage->mark = UINT64_C(0x6869206e6f206d69);
    return found | probe_listener(stage, found);
}

uint32_t feature_probe(void)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0) {
        return 0;
    }
    int in CLEANUP(cleanup_close) = ends[0];
    int out CLEANUP(cleanup_close) = ends[1];
    pid_t prober = fork();
    if (prober == 0) {
        uint32_t found = probe();
        _exit(write(out, &found, sizeof(found)) != sizeof(found));
    }
    close(TAKE_FD(out));
    uint32_t found = 0;
    ssize_t n = 0;
    while (prober > 0 && (n = read(in, &found, sizeof(found))) < 0 && errno == EINTR) {
    }
    found = n == sizeof(found) ? found : 0;
    while (prober > 0 && waitpid(prober, NULL, 0) < 0 && errno == EINTR) {
    }
    return found;
}

const char *feature_text(enum notify_feature feature)
{
    switch (feature) {
    case FEATURE_NOTIFY:
        return "user notification";
    case FEATURE_CONTINUE:
        return "CONTINUE";
    case FEATURE_ADDFD:
        return "ADDFD";
    case FEATURE_ADDFD_SEND:
        return "ADDFD with SEND";
    case FEATURE_WAIT_KILLABLE:
        return "WAIT_KILLABLE_RECV";
    case FEATURE_SYNC_WAKE_UP:
        return "SYNC_WAKE_UP";
    case FEATURE_TSYNC_ESRCH:
        return "TSYNC_ESRCH";
    case FEATURE_SPEC_ALLOW:
        return "SPEC_ALLOW";
    case FEATURE_PIDFD_GETFD:
        return "pidfd_getfd";
    case FEATURE_PROCESS_VM_READV:
        return "process_vm_readv";
    case FEATURE_PTRACE_SEIZE:
        return "PTRACE_SEIZE";
    case FEATURE_OPENAT2:
        return "openat2";
    case FEATURE_WITHOUT_NNP:
        return "filter without no_new_privs";
    }
    return "unknown";
}

uint32_t feature_named(const char *text)
{
    for (uint32_t feature = FEATURE_NOTIFY; feature <= FEATURE_WITHOUT_NNP; feature <<= 1) {
        if (strcasecmp(text, feature_text(feature)) == 0) {
            return feature;
        }
    }
    return 0;
}
