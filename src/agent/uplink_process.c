/*
 * uplink_process: forks, and gives up everything but the network before the first byte is read from it.
 *
 * Landlock names what may be read; what the kernel has no word for is left out. The seccomp program refuses
 * calls by name with EPERM: those that start programs, trace, mount, load code into the kernel, hide calls, or reach
 * other processes: where the user could not be changed, it is the agent's own. A worker may signal itself, for abort().
 *
 * Sources: landlock(7), seccomp(2), capabilities(7).
 */
#include "agent/uplink_process.h"

#include "base/cleanup.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#if defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#else
#define ARCH AUDIT_ARCH_X86_64
#endif

#define X32_BIT      0x40000000U /* other numbers of the same calls */
#define SOCKET_FD    3
#define AGAIN_S      1 /* after a worker ended, doubled up to */
#define AGAIN_MOST_S 32
#define FILES_MAX    128
#define MEMORY_MAX   ((rlim_t)128 << 20) /* of a memory file */

/* Of http://HOST...: a name that only begins like an address of the loopback is anybody's. */
static bool is_local(const char *host)
{
    size_t n = strncmp(host, "[::1]", 5) == 0       ? 5
               : strncmp(host, "localhost", 9) == 0 ? 9
               : strncmp(host, "127.", 4) == 0      ? strspn(host, "0123456789.")
                                                    : 0;
    return n > 0 && (host[n] == '\0' || host[n] == ':' || host[n] == '/');
}

int uplink_check_url(const char *url, struct err *err)
{
    bool good = strncmp(url, "https://", 8) == 0
                    ? url[8] != '\0'
                    : strncmp(url, "http://", 7) == 0 && is_local(url + 7);
    return good && !strpbrk(url, "@?#\\")
               ? 0
               : err_set(err, -EINVAL,
                         "`server.url` is https://HOST[:PORT] (http:// on the loopback only)");
}

/* Where the agent is root it is not root itself. */
static void drop_rights(void)
{
    bool root = geteuid() == 0;
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct none[2] = { 0 };
    for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0 && cap < 64; cap++) {
        prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
    }
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    syscall(SYS_setgroups, 0, NULL);
    syscall(SYS_setresgid, UPLINK_UID, UPLINK_UID, UPLINK_UID);
    if (syscall(SYS_setresuid, UPLINK_UID, UPLINK_UID, UPLINK_UID) < 0 && root) {
        log_warning("the uplink's process stays root, without capabilities: it may not become "
                    "user %d: %s",
                    UPLINK_UID, strerror(errno));
    }
    syscall(SYS_capset, &header, none);
}

static void allow_reading(int rules, const char *path, uint64_t handled)
{
    struct landlock_path_beneath_attr rule = {
        .allowed_access = handled & (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR),
        .parent_fd = open(path, O_PATH | O_CLOEXEC),
    };
    if (rule.parent_fd >= 0) {
        syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
        close(rule.parent_fd);
    }
}

/* Names are resolved and certificates found with these. */
static void close_files(void)
{
    static const char *const paths[] = {
        "/etc", "/usr", "/lib", "/lib64", "/run/systemd/resolve", "/dev/urandom"
    };
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 1) {
        return;
    }
    uint64_t known = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1; /* of version 1 */
    struct landlock_ruleset_attr attributes = { .handled_access_fs = known };
    int rules = (int)syscall(SYS_landlock_create_ruleset, &attributes, sizeof(attributes), 0);
    for (size_t i = 0; rules >= 0 && i < sizeof(paths) / sizeof(*paths); i++) {
        allow_reading(rules, paths[i], known);
    }
    if (rules >= 0) {
        syscall(SYS_landlock_restrict_self, rules, 0);
        close(rules);
    }
}

#define LOAD(member)                                                                               \
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offsetof(struct seccomp_data, member))
#define ALLOW        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define EPERMS       BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)
#define REFUSE(call) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 1), EPERMS
/* Of what was loaded: the low half of an argument, on machines that are little-endian. */
#define REFUSE_ARGUMENT(value) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(value), 0, 1), EPERMS

static int filter_calls(struct sock_filter *code, size_t n)
{
    struct sock_fprog program = { .len = (unsigned short)n, .filter = code };
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

/*
 *     calls by name: EPERM
 *     fcntl, ioctl: EPERM for those that have the kernel send signals
 *     prlimit64: EPERM of another process
 */
static void close_calls(void)
{
    struct sock_filter code[] = {
        LOAD(arch),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCH, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        LOAD(nr),
#if defined(__x86_64__)
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
#endif
        REFUSE(execve),
        REFUSE(execveat),
        REFUSE(ptrace),
        REFUSE(process_vm_readv),
        REFUSE(process_vm_writev),
        REFUSE(pidfd_getfd),
        REFUSE(pidfd_open),
        REFUSE(pidfd_send_signal),
        REFUSE(kill),
        REFUSE(tkill),
        REFUSE(rt_sigqueueinfo),
        REFUSE(rt_tgsigqueueinfo),
        REFUSE(setpriority),
        REFUSE(mount),
        REFUSE(umount2),
        REFUSE(unshare),
        REFUSE(setns),
        REFUSE(bpf),
        REFUSE(perf_event_open),
        REFUSE(userfaultfd),
        REFUSE(io_uring_setup),
        REFUSE(keyctl),
        REFUSE(add_key),
        REFUSE(init_module),
        REFUSE(finit_module),
        REFUSE(kexec_load),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_fcntl, 0, 8),
        LOAD(args[1]),
        REFUSE_ARGUMENT(F_SETOWN),
        REFUSE_ARGUMENT(F_SETOWN_EX),
        REFUSE_ARGUMENT(F_SETSIG),
        ALLOW,
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 0, 6),
        LOAD(args[1]),
        REFUSE_ARGUMENT(FIOSETOWN),
        REFUSE_ARGUMENT(SIOCSPGRP),
        ALLOW,
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prlimit64, 0, 3),
        LOAD(args[0]),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0),
        EPERMS,
        ALLOW,
    };
    filter_calls(code, sizeof(code) / sizeof(*code));
}

/* tgkill: only of itself. */
static void close_tgkill(void)
{
    struct sock_filter code[] = {
        LOAD(nr),      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_tgkill, 0, 3),
        LOAD(args[0]), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)getpid(), 1, 0),
        EPERMS,        ALLOW,
    };
    filter_calls(code, sizeof(code) / sizeof(*code));
}

static void confine(void)
{
    const struct rlimit none = { 0, 0 }, files = { FILES_MAX, FILES_MAX },
                        memory = { MEMORY_MAX, MEMORY_MAX };
    drop_rights();
    setrlimit(RLIMIT_CORE, &none);
    setrlimit(RLIMIT_NOFILE, &files);
    setrlimit(RLIMIT_FSIZE, &memory);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    close_files();
    close_calls();
}

static _Noreturn void work_and_exit(const struct uplink_settings *settings, pid_t keeper)
{
    sigset_t none;
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    prctl(PR_SET_NAME, "hinomi-uplink", 0, 0, 0);
    if (getppid() == keeper) {
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        close_tgkill();
        uplink_work(settings, SOCKET_FD);
    }
    _exit(0);
}

/* A worker that the socket's end has stopped ends with 0. */
static _Noreturn void keep(const struct uplink_settings *settings)
{
    unsigned wait_s = AGAIN_S;
    for (;;) {
        struct timespec before, after;
        pid_t keeper = getpid(), pid = fork();
        int status = 1;
        clock_gettime(CLOCK_MONOTONIC, &before);
        if (pid == 0) {
            work_and_exit(settings, keeper);
        }
        while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR) {
        }
        if (pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0) {
            _exit(0);
        }
        clock_gettime(CLOCK_MONOTONIC, &after);
        wait_s = after.tv_sec - before.tv_sec > AGAIN_MOST_S ? AGAIN_S : wait_s;
        sleep(wait_s);
        wait_s = wait_s < AGAIN_MOST_S ? 2 * wait_s : wait_s;
    }
}

static _Noreturn void child(const struct uplink_settings *settings, int socket, pid_t parent)
{
    prctl(PR_SET_NAME, "hinomi-uplinks", 0, 0, 0);
    if (socket != SOCKET_FD) {
        dup2(socket, SOCKET_FD);
    }
    syscall(SYS_close_range, SOCKET_FD + 1, ~0U, 0);
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null >= 0) {
        dup2(null, 0);
        dup2(null, 1);
    }
    confine();
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (getppid() != parent) {
        _exit(0);
    }
    keep(settings);
}

int uplink_fork(const struct uplink_settings *settings, int *ret_socket, pid_t *ret_pid,
                struct err *err)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
        return err_set(err, -errno, "no socket for the uplink: %s", strerror(errno));
    }
    pid_t parent = getpid(), pid = fork();
    if (pid == 0) {
        close(pair[0]);
        child(settings, pair[1], parent);
    }
    close(pair[1]);
    if (pid < 0) {
        close(pair[0]);
        return err_set(err, -errno, "no process for the uplink: %s", strerror(errno));
    }
    *ret_socket = pair[0];
    *ret_pid = pid;
    return 0;
}
