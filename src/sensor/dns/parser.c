/*
 * parser: the process around parse.c: made by clone, stripped of rights, then a loop of poll, receive, send.
 *
 * Between clone and the filter only system calls are made: other threads' locks (malloc's among them) may be
 * held for ever in the copy. It has no signal for its parent (exit signal 0), so that wait(-1) elsewhere does not meet it,
 * and blocks all signals. A parent that is busy makes it wait: packets then pile up in the tap, whose losses
 * the kernel counts. The filter:
 *
 *     another architecture: kill
 *     recvmsg: of the tap only             sendto: to the parent's socket only, with no address
 *     ppoll, exit_group, restart_syscall: allowed
 *     anything else: kill
 */
#include "sensor/dns/parser.h"

#include "base/cleanup.h"
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define PACKET_MAX  (64 << 10)
#define BATCH       64 /* packets between two looks at the parent */
#define NOBODY      65534
#define TAP_FD      3
#define PARENT_FD   4
#define CAPS_LAST   63
#define SEND_BUFFER (1 << 20)
#define START_MS    5000

#ifdef __x86_64__
#define ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#endif

struct process {
    struct dns_shared *shared;
    struct parse *parse;
    uint8_t packet[PACKET_MAX];
};

static void send_report(void *data, const struct dns_report *report)
{
    struct process *process = data;
    ssize_t n = sendto(PARENT_FD, report, dns_report_size(report), MSG_NOSIGNAL, NULL, 0);
    if (n < 0) {
        atomic_fetch_add_explicit(&process->shared->unsent, 1, memory_order_relaxed);
    }
}

static uint64_t arrival(struct msghdr *message)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c)) {
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec t;
            memcpy(&t, CMSG_DATA(c), sizeof(t));
            return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
        }
    }
    return 0;
}

static bool receive(struct process *process)
{
    struct sockaddr_ll from = { 0 };
    _Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(struct timespec))];
    struct iovec part = { process->packet, sizeof(process->packet) };
    struct msghdr message = { .msg_name = &from,
                              .msg_namelen = sizeof(from),
                              .msg_iov = &part,
                              .msg_iovlen = 1,
                              .msg_control = control,
                              .msg_controllen = sizeof(control) };
    ssize_t n = recvmsg(TAP_FD, &message, MSG_DONTWAIT);
    if (n > 0) {
        struct parse_origin origin = { from.sll_ifindex, arrival(&message) };
        parse_packet(process->parse, process->packet, (size_t)n, origin);
    }
    return n >= 0 || errno == EINTR;
}

static void work(struct process *process)
{
    for (;;) {
        struct pollfd fds[2] = { { .fd = TAP_FD, .events = POLLIN }, { .fd = PARENT_FD } };
        if (syscall(SYS_ppoll, fds, 2, NULL, NULL, 0) < 0 && errno != EINTR) {
            break;
        }
        if (fds[1].revents) {
            break;
        }
        /* Set before the first packet is taken: see names_are_ready() of the sensor. */
        atomic_store(&process->shared->busy, 1);
        for (unsigned i = 0; i < BATCH && receive(process); i++) {
        }
        atomic_store(&process->shared->busy, 0);
    }
}

#define ALLOW BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define KILL  BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)
#define LOAD(member)                                                                               \
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offsetof(struct seccomp_data, member))
#define IS(k, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (k), (yes), (no))

/* The low halves of arguments; the kernel takes descriptors as int. */
static int confine(void)
{
    struct sock_filter code[] = {
        LOAD(arch),
        IS(ARCH, 1, 0),
        KILL,
        LOAD(nr),
        IS(SYS_recvmsg, 6, 0),
        IS(SYS_sendto, 8, 0),
        IS(SYS_ppoll, 3, 0),
        IS(SYS_exit_group, 2, 0),
        IS(SYS_restart_syscall, 1, 0),
        KILL,
        ALLOW,
        LOAD(args[0]),
        IS(TAP_FD, 7, 0),
        KILL,
        LOAD(args[0]),
        IS(PARENT_FD, 0, 5),
        LOAD(args[4]),
        IS(0, 0, 3),
        LOAD(args[5]),
        IS(0, 0, 1),
        ALLOW,
        KILL,
    };
    struct sock_fprog program = { .len = sizeof(code) / sizeof(*code), .filter = code };
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program);
}

/* Where ids cannot be changed (no such right, or none mapped), what is left is a user without rights. */
static bool drop_rights(void)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct none[2] = { 0 };
    for (unsigned long cap = 0; cap <= CAPS_LAST; cap++) {
        prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
    }
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    syscall(SYS_setgroups, 0, NULL);
    syscall(SYS_setresgid, NOBODY, NOBODY, NOBODY);
    syscall(SYS_setresuid, NOBODY, NOBODY, NOBODY);
    return syscall(SYS_capset, &header, none) == 0;
}

static bool strip(void)
{
    struct rlimit none = { 0, 0 }, polled = { 2, 2 }; /* ppoll(2) wants a limit for its two */
    if (!drop_rights()) {
        return false;
    }
    setrlimit(RLIMIT_FSIZE, &none);
    setrlimit(RLIMIT_CORE, &none);
    setrlimit(RLIMIT_NOFILE, &polled);
    prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           confine() == 0;
}

/* The two descriptors to their numbers, all others closed. */
static bool keep_descriptors(int tap, int parent)
{
    int high = fcntl(parent, F_DUPFD, PARENT_FD + 1);
    return high >= 0 && (tap == TAP_FD || syscall(SYS_dup3, tap, TAP_FD, 0) >= 0) &&
           syscall(SYS_dup3, high, PARENT_FD, 0) >= 0 &&
           syscall(SYS_close_range, PARENT_FD + 1, ~0U, 0) == 0 &&
           syscall(SYS_close_range, 0, TAP_FD - 1, 0) == 0;
}

static _Noreturn void process_main(int tap, int parent, struct dns_shared *shared)
{
    size_t size = sizeof(struct process) + parse_size();
    struct process *process =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    prctl(PR_SET_NAME, "hinomi-dns", 0, 0, 0);
    if (process != MAP_FAILED && keep_descriptors(tap, parent)) {
        process->shared = shared;
        process->parse = (struct parse *)(void *)(process + 1);
        parse_init(process->parse, shared, (struct parse_sink){ send_report, process });
        if (strip() && sendto(PARENT_FD, "", 1, MSG_NOSIGNAL, NULL, 0) == 1) {
            work(process);
        }
    }
    syscall(SYS_exit_group, 0);
    __builtin_unreachable();
}

/* It says so once it has given up its rights. */
static bool is_confined(int socket)
{
    struct pollfd p = { .fd = socket, .events = POLLIN };
    char text[2];
    return poll(&p, 1, START_MS) == 1 && recv(socket, text, sizeof(text), MSG_DONTWAIT) == 1;
}

int parser_start(struct parser *parser, int tap, struct dns_shared *shared, struct err *err)
{
    int sockets[2];
    sigset_t all, before;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0) {
        return err_set(err, -errno, "socketpair: %s", strerror(errno));
    }
    int size = SEND_BUFFER;
    if (setsockopt(sockets[1], SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size)) < 0) {
        setsockopt(sockets[1], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    }
    atomic_store(&shared->busy, 0);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid_t pid = (pid_t)syscall(SYS_clone, 0, NULL, NULL, NULL, NULL);
    if (pid == 0) {
        process_main(tap, sockets[1], shared);
    }
    int e = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    close(sockets[1]);
    if (pid < 0) {
        close(sockets[0]);
        return err_set(err, -e, "no process for the parser: %s", strerror(e));
    }
    struct parser made = { .pid = pid, .socket = sockets[0] };
    if (!is_confined(sockets[0])) {
        parser_stop(&made);
        return err_set(err, -EACCES, "the parser's process could not give up its rights");
    }
    *parser = made;
    return 0;
}

int parser_stop(struct parser *parser)
{
    int status = 0;
    if (parser->socket >= 0) {
        close(parser->socket);
        parser->socket = -1;
    }
    if (parser->pid > 0) {
        kill((pid_t)parser->pid, SIGKILL);
        while (waitpid((pid_t)parser->pid, &status, __WALL) < 0 && errno == EINTR) {
        }
        parser->pid = -1;
    }
    return status;
}
