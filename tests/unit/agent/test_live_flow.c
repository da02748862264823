/*
 * live_flow: what each kind of call becomes: calls of 32-bit programs, descriptors that a call changes,
 * memory shared in unusual ways, tasks that someone else traces, refusals of every manner, pages that hang
 * while calls are refused, signals by the thousand, names that would paint the terminal.
 */
#include "live_run.h"

#include <arpa/inet.h>
#include <linux/net.h>
#include <linux/userfaultfd.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/time.h>

#define RULE(condition)                                                                            \
    "- rule: seen\n  desc: d\n  priority: INFO\n  condition: " condition "\n"                      \
    "  output: seen %evt.type %evt.res %evt.outcome %fd.name\n"

static void run_rule(struct run *run, unsigned wanted)
{
    run->features = run->features ? run->features : features;
    run_live(run);
    if (WEXITSTATUS(run->status) == 77) {
        print_message("skipped: this machine cannot do that\n");
        skip();
    }
    if (run->status != 0) {
        fail_msg("status %x, %s", run->status, run->alerts);
    }
    expect(run, "seen", wanted);
}

#ifdef __x86_64__
static long ia32(long nr, long a, long b, long c, long d)
{
    long result;
    __asm__ volatile("int $0x80"
                     : "=a"(result)
                     : "a"(nr), "b"(a), "c"(b), "d"(c), "S"(d)
                     : "memory", "r8", "r9", "r10", "r11");
    return result;
}

static void *low_memory(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
}

static int socketcall_socket(void)
{
    uint32_t *args = low_memory();
    args[0] = AF_INET;
    args[1] = SOCK_STREAM;
    args[2] = 0;
    long fd = ia32(102, SYS_SOCKET, (long)args, 0, 0);
    return fd == -ENOSYS ? 77 : fd < 0;
}

static void socketcalls(void **state)
{
    (void)state;
    struct run run = { .rules = RULE("evt.type = socket"), .work = socketcall_socket };
    run_rule(&run, 1);
}

static int ia32_open(void)
{
    char *path = low_memory();
    strcpy(path, "/etc/hostname");
    long fd = ia32(295, AT_FDCWD, (long)path, O_RDONLY, 0);
    return fd == -ENOSYS ? 77 : fd < 0;
}

static void ia32_opens(void **state)
{
    (void)state;
    struct run run = { .rules =
                           RULE("evt.type = openat and fd.name = /etc/hostname and fd.num >= 0"),
                       .work = ia32_open };
    run_rule(&run, 1);
}
#endif

static int local(uint16_t port, bool binds)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int one = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    struct sockaddr_in to = { .sin_family = AF_INET,
                              .sin_port = htons(port),
                              .sin_addr = { htonl(INADDR_LOOPBACK) } };
    int r = binds ? bind(fd, (struct sockaddr *)&to, sizeof(to))
                  : connect(fd, (struct sockaddr *)&to, sizeof(to));
    return r == 0 ? 0 : errno;
}

static int binds(void)
{
    return local(18431, true) | local(18432, true);
}

static void bound_addresses(void **state)
{
    (void)state;
    struct run run = { .rules = RULE("evt.type = bind and fd.sport = 18431"), .work = binds };
    run_rule(&run, 1);
}

static int binds_refused(void)
{
    return local(18431, true) != EPERM || local(18432, true) != 0;
}

static void bound_addresses_refused(void **state)
{
    (void)state;
    struct run run = { .rules = RULE("evt.type = bind and fd.sport = 18431"),
                       .work = binds_refused,
                       .deny = true };
    run_rule(&run, 1);
    expect(&run, "denied", 1);
}

static int connects_refused(void)
{
    return local(18433, false) != EPERM || local(18434, false) != ECONNREFUSED;
}

static void connects_denied(void **state)
{
    (void)state;
    struct run run = { .rules = RULE("evt.type = connect and fd.sport = 18433"),
                       .work = connects_refused,
                       .deny = true };
    run_rule(&run, 1);
    expect(&run, "denied", 1);
}

static int duplicate(void)
{
    int fd = open("/dev/null", O_RDWR);
    return dup2(fd, 1) != 1 || dup2(fd, 2) != 2;
}

static void numbers_of_duplicates(void **state)
{
    (void)state;
    struct run run = { .rules = RULE("evt.type in (dup2, dup3) and evt.rawres = 1"),
                       .work = duplicate };
    run_rule(&run, 1);
}

/* Opens a path that another task flips in the same memory, until it has led to the second file often
 * enough; exits with how often it did, when the alerts must say the same. */
static char raced[] = "/tmp/flowaopen";

/* Runs on its parent's thread-local storage: no sanitizer's code. */
#define BARE __attribute__((no_sanitize("address", "thread", "undefined"), optimize("O1")))

BARE static int flip(void *data)
{
    volatile char *path = data;
    for (;;) {
        path[9] = path[9] == 'a' ? 'b' : 'a';
    }
    return 0;
}

#define STACK   ((size_t)64 << 10)
#define RACED_N 40

static int count_raced(pid_t flipper)
{
    struct stat b, st;
    int n = 0;
    stat("/tmp/flowbopen", &b);
    for (int i = 0; i < 200000 && n < RACED_N; i++) {
        int fd = open(raced, O_RDONLY);
        n += fd >= 0 && fstat(fd, &st) == 0 && st.st_ino == b.st_ino;
        close(fd);
    }
    if (flipper > 0) {
        kill(flipper, SIGKILL);
    }
    return n != RACED_N;
}

static pid_t clone_flipper(int flags)
{
    char *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return clone(flip, stack + STACK, flags, raced);
}

static int race_untraced(void)
{
    return count_raced(clone_flipper(CLONE_VM | CLONE_UNTRACED | SIGCHLD));
}

BARE static int flipper_of_child(void *data)
{
    *(volatile pid_t *)data = clone_flipper(CLONE_VM | SIGCHLD);
    return 0;
}

/* Who waits in vfork has its memory shared when it goes on. */
static int race_after_vfork(void)
{
    static pid_t flipper;
    char *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pid_t pid = clone(flipper_of_child, stack + STACK, CLONE_VM | CLONE_VFORK | SIGCHLD, &flipper);
    waitpid(pid, NULL, 0);
    return count_raced(flipper);
}

static void memory_races(void **state)
{
    (void)state;
#ifdef __SANITIZE_THREAD__
    print_message("skipped: the thread sanitizer does not bear memory shared by processes\n");
    skip();
#endif
    int (*const works[])(void) = { race_untraced, race_after_vfork };
    for (size_t i = 0; i < ARRAY_SIZE(works); i++) {
        mknod("/tmp/flowaopen", S_IFREG | 0600, 0);
        mknod("/tmp/flowbopen", S_IFREG | 0600, 0);
        struct run run = { .rules = RULE("evt.type in (open, openat) and fd.num >= 0 and "
                                         "fd.name = /tmp/flowbopen"),
                           .work = works[i] };
        run_rule(&run, RACED_N);
        unlink("/tmp/flowaopen");
        unlink("/tmp/flowbopen");
    }
}

/* A traced process gives its rights up; what it is refused then did not happen. */
static int traced_loses_rights(void)
{
    mknod("/tmp/flow-root-only", S_IFREG | 0600, 0);
    pid_t pid = fork();
    if (pid == 0) {
        raise(SIGSTOP);
        int lost = setresuid(65534, 65534, 65534);
        _exit(lost != 0 || open("/tmp/flow-root-only", O_RDONLY) >= 0);
    }
    int status;
    waitpid(pid, &status, WUNTRACED);
    if (ptrace(PTRACE_SEIZE, pid, NULL, NULL) != 0) {
        return 77;
    }
    kill(pid, SIGCONT);
    while (waitpid(pid, &status, 0) == pid && WIFSTOPPED(status)) {
        ptrace(PTRACE_CONT, pid, NULL, 0L);
    }
    unlink("/tmp/flow-root-only");
    return WEXITSTATUS(status);
}

static void rights_lost_while_traced(void **state)
{
    (void)state;
    struct run run = { .rules = RULE("evt.type in (open, openat) and fd.num >= 0 and "
                                     "fd.name = /tmp/flow-root-only"),
                       .work = traced_loses_rights };
    run_rule(&run, 0);
}

static int forks_refused(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        _exit(0);
    }
    return pid != -1 || errno != EPERM;
}

static void forks_denied(void **state)
{
    (void)state;
    struct run run = { .rules = RULE("evt.type in (clone, clone3, fork, vfork) and evt.dir=< and "
                                     "evt.rawres > 0 and proc.name startswith test-agent"),
                       .work = forks_refused,
                       .deny = true };
    run_rule(&run, 1);
    expect(&run, "denied", 1);
}

/* What fails by itself is not refused, though somebody else's open of it was. */
static int refused_and_failed(void)
{
    mknod("/tmp/flow-root-only", S_IFREG | 0600, 0);
    bool refused = open("/tmp/flow-root-only", O_RDONLY) < 0 && errno == EPERM;
    bool lost = setresuid(65534, 65534, 65534) == 0;
    return !refused || !lost || open("/tmp/flow-root-only", O_RDONLY) >= 0 || errno != EACCES;
}

static void refusals_are_for_those_who_could(void **state)
{
    (void)state;
    struct run run = { .rules = RULE("evt.type in (open, openat) and fd.num >= 0 and "
                                     "fd.name = /tmp/flow-root-only"),
                       .work = refused_and_failed,
                       .deny = true };
    run_rule(&run, 1);
    unlink("/tmp/flow-root-only");
}

BARE static int idle(void *data)
{
    pause();
    return data != NULL;
}

/* Opens for those whose memory is shared are made for them: there must be room for the descriptor. */
static int open_when_full(void)
{
    char *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pid_t pid = clone(idle, stack + STACK, CLONE_VM | SIGCHLD, NULL);
    struct rlimit none = { 3, 3 };
    setrlimit(RLIMIT_NOFILE, &none);
    alarm(10);
    bool failed = open("/etc/hostname", O_RDONLY) < 0 && errno == EMFILE;
    kill(pid, SIGKILL);
    return !failed;
}

static void full_tables(void **state)
{
    (void)state;
    struct run run = { .rules = RULE("evt.type in (open, openat) and fd.num >= 0 and "
                                     "fd.name = /etc/shadow"),
                       .work = open_when_full,
                       .deny = true };
    run_rule(&run, 0);
}

static int escape(void)
{
    static const char name[] = "/tmp/flow-\033[2J\nFAKE alert";
    int fd = open(name, O_CREAT | O_RDWR, 0600);
    unlink(name);
    return fd < 0;
}

static void hostile_names(void **state)
{
    (void)state;
    struct run run = { .rules = RULE("evt.type in (open, openat) and fd.num >= 0 and "
                                     "fd.name startswith /tmp/flow-"),
                       .work = escape };
    run_rule(&run, 1);
    assert_null(strchr(run.alerts, '\033'));
    expect(&run, "\nFAKE", 0);
}

static int probe(void **state)
{
    (void)state;
    features = feature_probe();
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#ifdef __x86_64__
        cmocka_unit_test(socketcalls),     cmocka_unit_test(ia32_opens),
#endif
        cmocka_unit_test(bound_addresses), cmocka_unit_test(bound_addresses_refused),
        cmocka_unit_test(connects_denied), cmocka_unit_test(numbers_of_duplicates),
        cmocka_unit_test(memory_races),    cmocka_unit_test(rights_lost_while_traced),
        cmocka_unit_test(forks_denied),    cmocka_unit_test(refusals_are_for_those_who_could),
        cmocka_unit_test(full_tables),     cmocka_unit_test(hostile_names),
    };
    return cmocka_run_group_tests(tests, probe, NULL);
}
