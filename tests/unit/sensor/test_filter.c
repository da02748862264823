/*
 * filter: the program says for every number, architecture and argument what a plain description of it
 * says; how long it is, and how it reads. What the kernel makes of it: test_filter_kernel.c.
 */
#include "test.h"

#include "base/buf.h"
#include "sensor/notify/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/prctl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#define NOTIFY SECCOMP_RET_USER_NOTIF
#define ALLOW  SECCOMP_RET_ALLOW
#define REFUSE (SECCOMP_RET_ERRNO | ENOSYS)
#define KILL   SECCOMP_RET_KILL_PROCESS

static bool is_in(uint64_t value, const uint64_t *list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (list[i] == value) {
            return true;
        }
    }
    return false;
}
#define IN(value, ...)                                                                             \
    is_in((value), (const uint64_t[]){ __VA_ARGS__ },                                              \
          sizeof((const uint64_t[]){ __VA_ARGS__ }) / sizeof(uint64_t))

static bool has(const struct filter_options *options, uint16_t name)
{
    const struct call *call = call_find(name);
    return call && callset_has(&options->calls, (size_t)(call - call_table));
}

static bool opens_for(uint8_t opens, int flags)
{
    bool writes = (flags & O_ACCMODE) != O_RDONLY || flags & (O_CREAT | O_TRUNC);
    bool reads = (flags & O_ACCMODE) != O_WRONLY;
    return opens == 0 || (opens & FILTER_OPEN_WRITE && writes) ||
           (opens & FILTER_OPEN_READ && reads) || opens == (FILTER_OPEN_READ | FILTER_OPEN_WRITE);
}

/* Do the arguments speak for a notification? In the words of the manual pages. */
static bool arguments_matter(const struct filter_options *options, uint16_t name, const __u64 *a)
{
    int prot = (int)a[2];
    int flags = (int)a[3];
    int signal = (int)(name == NAME_tgkill || name == NAME_rt_tgsigqueueinfo ? a[2] : a[1]);
    switch (name) {
    case NAME_clone:
        return !options->skip_threads || !((uint32_t)a[0] & CLONE_THREAD);
    case NAME_open:
        return opens_for(options->opens, (int)a[1]);
    case NAME_openat:
        return opens_for(options->opens, (int)a[2]);
    case NAME_socket:
        return !options->socket_families ||
               options->socket_families >> ((uint32_t)a[0] < 63 ? (uint32_t)a[0] : 63) & 1;
    case NAME_dup2:
    case NAME_dup3:
        return (int)a[1] >= 0 && (int)a[1] <= 2;
    case NAME_fcntl:
        return IN((uint32_t)a[1], F_DUPFD, F_DUPFD_CLOEXEC) && (uint32_t)a[2] <= 2;
    case NAME_sendto:
        return a[4] != 0;
    case NAME_mmap:
    case NAME_mmap2:
        return prot & PROT_EXEC && !(flags & MAP_ANONYMOUS) && (int)a[4] >= 0;
    case NAME_kill:
    case NAME_rt_sigqueueinfo:
    case NAME_rt_tgsigqueueinfo:
    case NAME_pidfd_send_signal:
        return signal != 0;
    case NAME_tkill:
    case NAME_tgkill:
        return signal != 0 && signal != SIGURG;
    case NAME_ptrace:
        return IN(a[0], PTRACE_TRACEME, PTRACE_POKETEXT, PTRACE_POKEDATA, PTRACE_POKEUSER,
                  PTRACE_KILL, PTRACE_SETREGS, PTRACE_SETFPREGS, PTRACE_ATTACH, PTRACE_SETFPXREGS,
                  PTRACE_SETREGSET, PTRACE_SEIZE);
    case NAME_prctl:
        return IN((uint32_t)a[0], PR_SET_DUMPABLE, PR_SET_KEEPCAPS, PR_SET_NAME, PR_SET_SECCOMP,
                  PR_CAPBSET_DROP, PR_SET_SECUREBITS, PR_SET_MM, PR_SET_CHILD_SUBREAPER,
                  PR_CAP_AMBIENT, PR_SET_NO_NEW_PRIVS, PR_SET_PTRACER);
    case NAME_prlimit:
        return a[2] != 0;
    case NAME_seccomp:
        return IN((uint32_t)a[0], SECCOMP_SET_MODE_STRICT, SECCOMP_SET_MODE_FILTER);
    default:
        return true;
    }
}

static uint32_t expect_socketcall(const struct filter_options *options, const __u64 *a)
{
    static const uint16_t names[] = {
        0,
        NAME_socket,
        NAME_bind,
        NAME_connect,
        NAME_listen,
        NAME_accept,
        0,
        0,
        0,
        0,
        0,
        NAME_sendto,
        0,
        0,
        0,
        0,
        NAME_sendmsg,
        0,
        NAME_accept4,
        0,
        NAME_sendmmsg,
    };
    if (!options->test_arguments) {
        bool any = has(options, NAME_socketcall);
        for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
            any |= names[i] && has(options, names[i]);
        }
        return any ? NOTIFY : ALLOW;
    }
    uint32_t which = (uint32_t)a[0];
    return which < ARRAY_SIZE(names) && names[which] && has(options, names[which]) ? NOTIFY : ALLOW;
}

static uint32_t expect_call(const struct filter_options *options, const struct seccomp_data *data)
{
    const struct call *call = call_of_number(data->arch, (uint32_t)data->nr);
    if (!call) {
        return ALLOW;
    }
    if (call->name == NAME_io_uring_setup && options->deny_io_uring) {
        return REFUSE;
    }
    if (call->name == NAME_socketcall) {
        return expect_socketcall(options, data->args);
    }
    bool in_memory = data->arch == AUDIT_ARCH_I386 && call->name == NAME_mmap;
    bool wanted = has(options, call->name) && (!options->test_arguments || in_memory ||
                                               arguments_matter(options, call->name, data->args));
    return wanted ? NOTIFY : ALLOW;
}

#ifdef __x86_64__
static uint32_t expect_x32(const struct filter_options *options, uint32_t nr)
{
    if (nr == UINT32_MAX) {
        return ALLOW;
    }
    if (!options->foreign) {
        return REFUSE;
    }
    if (nr == (CALL_X32_BIT | SYS_io_uring_setup) && options->deny_io_uring) {
        return REFUSE;
    }
    bool never = IN(nr & ~CALL_X32_BIT, SYS_read, SYS_write, SYS_close, SYS_exit, SYS_exit_group,
                    SYS_futex, SYS_restart_syscall, SYS_rt_sigreturn, SYS_readv, SYS_writev,
                    SYS_recvfrom, SYS_recvmsg, SYS_recvmmsg, 513, 515, 516, 517, 519, 537);
    return never && nr < CALL_X32_END ? ALLOW : NOTIFY;
}
#endif

static uint32_t expect(const struct filter_options *options, const struct seccomp_data *data)
{
    if (data->arch == CALL_ARCH_NATIVE) {
#ifdef __x86_64__
        if ((uint32_t)data->nr >= CALL_X32_BIT) {
            return expect_x32(options, (uint32_t)data->nr);
        }
#endif
        return expect_call(options, data);
    }
#ifdef __x86_64__
    if (data->arch == AUDIT_ARCH_I386) {
        return options->foreign ? expect_call(options, data) : REFUSE;
    }
#endif
    return KILL;
}

/* Values that tests turn on, their neighbours, and any bits above. */
static uint64_t some_argument(uint64_t *seed)
{
    static const uint32_t values[] = {
        0,       1,       2,     3,    4,          5,        6,      8,          9,
        11,      13,      15,    16,   17,         18,       19,     20,         22,
        23,      24,      28,    35,   36,         38,       47,     64,         0x40,
        0x241,   0x80000, 0x406, 1030, 0x4205,     0x4206,   0x4207, UINT32_MAX, 0x80000000,
        0x10000, 0x20,    0x22,  0x7f, 0x59616d61, 0x3d0f00, 63,     65,
    };
    uint64_t low = values[test_random_below(seed, ARRAY_SIZE(values))];
    switch (test_random_below(seed, 6)) {
    case 0:
        return low | UINT64_C(1) << 32;
    case 1:
        return low | UINT64_C(0xffffffff) << 32;
    case 2:
        return test_random(seed);
    case 3:
        return test_random(seed) & 0xffffffff;
    default:
        return low;
    }
}

static void check(const struct filter_options *options, const struct filter *filter,
                  const struct seccomp_data *data)
{
    uint32_t got = filter_evaluate(filter, data);
    uint32_t wanted = expect(options, data);
    if (got != wanted) {
        const struct call *call = call_of_number(data->arch, (uint32_t)data->nr);
        fail_msg("arch %#x nr %#x %s(%#llx, %#llx, %#llx, %#llx, %#llx): %#x, not %#x", data->arch,
                 (unsigned)data->nr, call ? name_text(call->name) : "-", data->args[0],
                 data->args[1], data->args[2], data->args[3], data->args[4], got, wanted);
    }
}

static void check_number(const struct filter_options *options, const struct filter *filter,
                         struct seccomp_data *data, uint64_t *seed)
{
    bool tested = call_of_number(data->arch, (uint32_t)data->nr) != NULL;
    for (unsigned tries = tested ? 24 : 1; tries > 0; tries--) {
        for (unsigned i = 0; i < 6; i++) {
            uint64_t v = some_argument(seed);
            data->args[i] = data->arch == AUDIT_ARCH_I386 ? (uint32_t)v : v;
        }
        check(options, filter, data);
    }
}

/* Instructions on the longest path; every jump goes forward and stays inside. */
static unsigned longest_path(const struct filter *filter)
{
    static unsigned from[FILTER_LENGTH_MAX];
    for (unsigned i = filter->n; i-- > 0;) {
        const struct sock_filter *f = &filter->code[i];
        unsigned rest = 0;
        if (BPF_CLASS(f->code) == BPF_JMP) {
            unsigned yes = f->code == (BPF_JMP | BPF_JA) ? f->k : f->jt;
            unsigned no = f->code == (BPF_JMP | BPF_JA) ? f->k : f->jf;
            assert_true(i + 1 + yes < filter->n && i + 1 + no < filter->n);
            rest = from[i + 1 + yes] > from[i + 1 + no] ? from[i + 1 + yes] : from[i + 1 + no];
        } else if (BPF_CLASS(f->code) != BPF_RET) {
            assert_true(i + 1 < filter->n);
            rest = from[i + 1];
        }
        from[i] = rest + 1;
    }
    return filter->n ? from[0] : 0;
}

/* Does the answer for this number depend on nothing else? Follows it, forbidding other loads. */
static unsigned steps_by_number(const struct filter *filter, uint32_t arch, uint32_t nr)
{
    uint32_t a = 0;
    unsigned steps = 0;
    for (unsigned i = 0; i < filter->n; i++, steps++) {
        const struct sock_filter *f = &filter->code[i];
        switch (f->code) {
        case BPF_LD | BPF_W | BPF_ABS:
            assert_true(f->k == offsetof(struct seccomp_data, nr) ||
                        f->k == offsetof(struct seccomp_data, arch));
            a = f->k == offsetof(struct seccomp_data, nr) ? nr : arch;
            break;
        case BPF_JMP | BPF_JEQ | BPF_K:
            i += a == f->k ? f->jt : f->jf;
            break;
        case BPF_JMP | BPF_JGE | BPF_K:
            i += a >= f->k ? f->jt : f->jf;
            break;
        case BPF_JMP | BPF_JA:
            i += f->k;
            break;
        case BPF_RET | BPF_K:
            return steps + 1;
        default:
            fail_msg("instruction %u: %#x", i, f->code);
        }
    }
    fail();
    return 0;
}

static void random_options(uint64_t *seed, struct filter_options *ret)
{
    *ret = (struct filter_options){
        .test_arguments = test_random_below(seed, 4) != 0,
        .opens = (uint8_t)test_random_below(seed, 4),
        .skip_threads = test_random_below(seed, 2),
        .deny_io_uring = test_random_below(seed, 2),
        .foreign = test_random_below(seed, 3) != 0,
    };
    uint64_t families = FILTER_FAMILY(AF_PACKET) | test_random_below(seed, 2048);
    switch (test_random_below(seed, 4)) {
    case 0:
        ret->socket_families = families;
        break;
    case 1:
        ret->socket_families = ~families;
        break;
    case 2:
        ret->socket_families = test_random(seed);
        break;
    }
    uint64_t density = test_random_below(seed, 101);
    for (size_t i = 0; i < call_count; i++) {
        if (test_random_below(seed, 100) < density) {
            callset_add(&ret->calls, i);
        }
    }
}

static void check_all(const struct filter_options *options, uint64_t *seed)
{
    static const uint32_t architectures[] = {
        CALL_ARCH_NATIVE, AUDIT_ARCH_I386, AUDIT_ARCH_ARM, AUDIT_ARCH_PPC64LE, 0, UINT32_MAX
    };
    static const uint32_t edges[] = { 0x3fffffff, 0x40000000, 0x400001ff, 0x40000200, 0x4000023f,
                                      0x40000240, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff };
    static struct filter filter;
    assert_int_equal(filter_build(options, &filter, NULL), 0);
    assert_in_range(filter.n, 1, FILTER_LENGTH_MAX);
    for (size_t i = 0; i < ARRAY_SIZE(architectures); i++) {
        struct seccomp_data data = { .arch = architectures[i] };
        for (uint32_t nr = 0; nr <= 600; nr++) {
            data.nr = (int)nr;
            check_number(options, &filter, &data, seed);
            data.nr = (int)(nr | 0x40000000);
            check(options, &filter, &data);
        }
        for (size_t e = 0; e < ARRAY_SIZE(edges); e++) {
            data.nr = (int)edges[e];
            check(options, &filter, &data);
        }
    }
}

static void test_random_sets(void **state)
{
    (void)state;
    uint64_t seed = 41;
    for (unsigned i = 0; i < 40; i++) {
        struct filter_options options;
        random_options(&seed, &options);
        check_all(&options, &seed);
    }
}

static void test_usual_sets(void **state)
{
    (void)state;
    uint64_t seed = 42;
    struct filter_options options = { .test_arguments = true, .foreign = true };
    check_all(&options, &seed);
    callset_state(&options.calls);
    check_all(&options, &seed);
    callset_all(&options.calls);
    check_all(&options, &seed);
    options.test_arguments = false;
    check_all(&options, &seed);
}

static void test_one_call(void **state)
{
    (void)state;
    uint64_t seed = 43;
    for (size_t i = 0; i < call_count; i++) {
        struct filter_options options = { .test_arguments = i % 2, .foreign = true };
        callset_add(&options.calls, i);
        static struct filter filter;
        assert_int_equal(filter_build(&options, &filter, NULL), 0);
        for (uint32_t nr = 0; nr < CALL_NUMBERS; nr++) {
            struct seccomp_data data = { .nr = (int)nr, .arch = CALL_ARCH_NATIVE };
            check_number(&options, &filter, &data, &seed);
            data.arch = AUDIT_ARCH_I386;
            check_number(&options, &filter, &data, &seed);
        }
    }
}

/* The largest: everything, with the longest lists. And what it costs. */
static void test_length(void **state)
{
    (void)state;
    struct filter_options options = {
        .test_arguments = true,
        .foreign = true,
        .deny_io_uring = true,
        .skip_threads = true,
        .opens = FILTER_OPEN_READ,
        .socket_families = UINT64_MAX / 2,
    };
    callset_all(&options.calls);
    static struct filter filter;
    assert_int_equal(filter_build(&options, &filter, NULL), 0);
    assert_in_range(filter.n, 400, 1000);
    options.socket_families = 0;
    assert_int_equal(filter_build(&options, &filter, NULL), 0);
    assert_in_range(longest_path(&filter), 10, 48);
    unsigned unwatched = 0;
    for (uint32_t nr = 0; nr < 600; nr++) {
        if (!call_of_number(CALL_ARCH_NATIVE, nr)) {
            unsigned steps = steps_by_number(&filter, CALL_ARCH_NATIVE, nr);
            unwatched = steps > unwatched ? steps : unwatched;
        }
    }
    assert_in_range(unwatched, 4, 16);
    print_message("all calls: %u instructions, at most %u on a path, %u where nothing is tested\n",
                  filter.n, longest_path(&filter), unwatched);
}

static void test_print(void **state)
{
    (void)state;
    struct filter_options options = { .test_arguments = true };
    callset_add_name(&options.calls, NAME_setsid);
    static struct filter filter;
    assert_int_equal(filter_build(&options, &filter, NULL), 0);
    struct buf buf;
    buf_init(&buf, 1 << 16);
    filter_print(&filter, &buf);
    assert_false(buf.failed);
#ifdef __x86_64__
    assert_str(buf_str(&buf), "   0  load architecture\n"
                              "   1  if = 0xc000003e goto 2 else 9\n"
                              "   2  load number\n"
                              "   3  if >= 0x40000000 goto 7 else 4\n"
                              "   4  if >= 0x70 goto 5 else 8\n"
                              "   5  if >= 0x71 goto 8 else 6\n"
                              "   6  notify\n"
                              "   7  if = 0xffffffff goto 8 else 11\n"
                              "   8  allow\n"
                              "   9  if = 0x40000003 goto 11 else 10\n"
                              "  10  kill process\n"
                              "  11  fail with ENOSYS\n");
#endif
    buf_done(&buf);
}

static void test_evaluate_damaged(void **state)
{
    (void)state;
    struct seccomp_data data = { .nr = 1 };
    static struct filter filter = { .n = 0 };
    assert_int_equal(filter_evaluate(&filter, &data), KILL);
    static const struct sock_filter damaged[] = {
        BPF_STMT(BPF_JMP | BPF_JA, UINT32_MAX), BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 64),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 2),  BPF_STMT(BPF_LD | BPF_W | BPF_ABS, UINT32_MAX - 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_IMM, 1),  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 9, 9),
        BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 1),
    };
    filter.n = 1;
    for (size_t i = 0; i < ARRAY_SIZE(damaged); i++) {
        filter.code[0] = damaged[i];
        assert_int_equal(filter_evaluate(&filter, &data), KILL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_usual_sets), cmocka_unit_test(test_random_sets),
        cmocka_unit_test(test_one_call),   cmocka_unit_test(test_length),
        cmocka_unit_test(test_print),      cmocka_unit_test(test_evaluate_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
