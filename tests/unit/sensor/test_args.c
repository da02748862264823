/*
 * Arguments of notified calls: a child makes each call under the sensor's own filter, with memory that we
 * share with it, and what is read is compared with what it was given. Also calls of 32-bit programs (int
 * 0x80 from this 64-bit one, pointers below 4 GiB), of the x32 convention, and bad pointers.
 */
#include "test.h"

#include "asked.h"

#include "sensor/notify/args.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/io_uring.h>
#include <linux/mount.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#define PAGE       4096u
#define ARENA      (64u << 10) /* shared with the children, below 4 GiB */
#define I32(value) ((uint32_t)(value))

static struct call_args args;
static char *arena;
static size_t arena_n;

static void *place(const void *p, size_t n)
{
    char *at = arena + ((arena_n + 7) & ~(size_t)7);
    arena_n = (size_t)(at - arena) + n;
    assert_true(arena_n <= ARENA);
    memcpy(at, p, n);
    return at;
}

static uint64_t text(const char *z)
{
    return ADDRESS(place(z, strlen(z) + 1));
}

static uint64_t bytes(const void *p, size_t n)
{
    return ADDRESS(place(p, n));
}

static int begin(void **data)
{
    (void)data;
    if (!arena) {
        arena = mmap(NULL, ARENA + PAGE, PROT_READ | PROT_WRITE,
                     MAP_SHARED | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
        assert_ptr_not_equal(arena, MAP_FAILED);
        munmap(arena + ARENA, PAGE); /* a hole behind it */
    }
    arena_n = 0;
    memset(arena, 0, ARENA);
    return 0;
}

/* Bytes that end right before the hole. */
static uint64_t before_hole(const void *p, size_t n)
{
    memcpy(arena + ARENA - n, p, n);
    return ADDRESS(arena + ARENA - n);
}

#define HOLE ADDRESS(arena + ARENA)

/* Asks, reads, and lets the child go. */
static void read_call(struct ask what)
{
    struct asked asked = ask(what);
    int r = args_read(&asked.notif, &args);
    bool unchanged = args.call && args_unchanged(&args);
    assert_int_equal(r, 0);
    assert_true(unchanged);
    assert_int_equal(args.tid, asked.child);
    assert_false(args.truncated);
    asked_done(&asked);
}

static void native(long nr, const uint64_t (*a)[6])
{
    struct ask what = { .nr = nr };
    memcpy(what.args, *a, sizeof(*a));
    read_call(what);
    assert_int_equal(args.via, VIA_SYSCALL);
    assert_false(args.unreadable);
}

static void ia32(long nr, const uint64_t (*a)[6])
{
    struct ask what = { .how = ASK_IA32, .nr = nr };
    memcpy(what.args, *a, sizeof(*a));
    read_call(what);
    assert_int_equal(args.via, VIA_IA32);
    assert_false(args.unreadable);
}

#define REGS(...)                                                                                  \
    (const uint64_t(*)[6]) & (const uint64_t[6])                                                   \
    {                                                                                              \
        __VA_ARGS__                                                                                \
    }

#define assert_name(name_) assert_int_equal(args.call->name, NAME_##name_)

static void paths(void **data)
{
    (void)data;
    native(SYS_openat, REGS(I32(AT_FDCWD), text("/etc/passwd"), O_RDWR | O_CLOEXEC, 0600));
    assert_name(openat);
    assert_int_equal(args.dirfd[0], AT_FDCWD);
    assert_int_equal(args.reg[0], (uint64_t)AT_FDCWD);
    assert_str(args.path[0], "/etc/passwd");
    assert_int_equal(args.open_flags, O_RDWR | O_CLOEXEC);
    assert_int_equal(args.open_mode, 0600);
    assert_null(args.path[1].p);

    native(SYS_unlinkat, REGS(UINT64_C(0xdeadbeef00000007), text(""), 0));
    assert_int_equal(args.dirfd[0], 7);
    assert_non_null(args.path[0].p);
    assert_int_equal(args.path[0].n, 0);

    native(SYS_renameat2, REGS(5, text("a/b"), I32(AT_FDCWD), text("../c"), 2));
    assert_int_equal(args.dirfd[0], 5);
    assert_str(args.path[0], "a/b");
    assert_int_equal(args.dirfd[1], AT_FDCWD);
    assert_str(args.path[1], "../c");
    assert_int_equal(args.reg[4], 2);

    native(SYS_linkat, REGS(I32(AT_FDCWD), text("x"), 9, text("y"), AT_SYMLINK_FOLLOW));
    assert_int_equal(args.dirfd[0], AT_FDCWD);
    assert_int_equal(args.dirfd[1], 9);

    native(SYS_symlinkat, REGS(text("/target"), 4, text("name")));
    assert_str(args.text[0], "/target");
    assert_int_equal(args.dirfd[0], 4);
    assert_str(args.path[0], "name");
}

#ifdef SYS_open
static void old_paths(void **data)
{
    (void)data;
    native(SYS_open, REGS(text("f"), O_WRONLY | O_CREAT, 0644));
    assert_int_equal(args.open_flags, O_WRONLY | O_CREAT);
    assert_int_equal(args.open_mode, 0644);
    assert_int_equal(args.dirfd[0], AT_FDCWD);
    native(SYS_creat, REGS(text("g"), 0755));
    assert_name(creat);
    assert_int_equal(args.open_flags, O_CREAT | O_WRONLY | O_TRUNC);
    assert_int_equal(args.open_mode, 0755);
    native(SYS_rename, REGS(text("one"), text("two")));
    assert_str(args.path[0], "one");
    assert_str(args.path[1], "two");
    native(SYS_symlink, REGS(text("to"), text("from")));
    assert_str(args.text[0], "to");
    assert_str(args.path[0], "from");
    native(SYS_mknod, REGS(text("dev"), 020666, 0x103));
    assert_int_equal(args.reg[2], 0x103);
}
#endif

static void structures(void **data)
{
    (void)data;
    struct open_how how = { .flags = O_RDWR | O_CREAT,
                            .mode = 0640,
                            .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS };
    native(SYS_openat2, REGS(3, text("sub/f"), bytes(&how, sizeof(how)), sizeof(how)));
    assert_int_equal(args.dirfd[0], 3);
    assert_str(args.path[0], "sub/f");
    assert_int_equal(args.open_flags, O_RDWR | O_CREAT);
    assert_int_equal(args.open_mode, 0640);
    assert_int_equal(args.open_resolve, RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);

    struct clone_args clone = { .flags = CLONE_NEWUSER | CLONE_NEWPID, .exit_signal = 17 };
    native(SYS_clone3, REGS(bytes(&clone, sizeof(clone)), sizeof(clone)));
    assert_int_equal(args.clone_flags, CLONE_NEWUSER | CLONE_NEWPID);
    native(SYS_clone3, REGS(before_hole(&clone, 64), 64)); /* the first version */
    assert_int_equal(args.clone_flags, CLONE_NEWUSER | CLONE_NEWPID);
    native(SYS_clone, REGS(CLONE_NEWNS | CLONE_VM | 17, 0, 0, 0, 0));
    assert_int_equal(args.clone_flags, CLONE_NEWNS | CLONE_VM);

    struct rlimit limit = { 10, 20 };
    native(SYS_setrlimit, REGS(RLIMIT_NOFILE, bytes(&limit, sizeof(limit))));
    assert_int_equal(args.bytes_n, 16);
    assert_memory_equal(args.bytes, &limit, 16);
    native(SYS_prlimit64, REGS(0, RLIMIT_NOFILE, 0, 0));
    assert_int_equal(args.bytes_n, 16);

    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct caps[2] = { { 1, 2, 3 }, { 4, 5, 6 } };
    native(SYS_capset, REGS(bytes(&header, sizeof(header)), bytes(caps, sizeof(caps))));
    assert_int_equal(args.bytes_n, 24);
    assert_memory_equal(args.bytes, caps, 24);
    header.version = _LINUX_CAPABILITY_VERSION_1;
    native(SYS_capset, REGS(bytes(&header, sizeof(header)), before_hole(caps, 12)));
    assert_int_equal(args.bytes_n, 12);

    struct io_uring_params params = { .sq_entries = 8, .flags = IORING_SETUP_SQPOLL };
    native(SYS_io_uring_setup, REGS(8, bytes(&params, sizeof(params))));
    assert_int_equal(args.bytes_n, sizeof(params));
    assert_memory_equal(args.bytes, &params, sizeof(params));
}

static void result_in_memory(void **data)
{
    (void)data;
    struct io_uring_params *params = place(&(struct io_uring_params){ 0 }, sizeof(*params));
    struct asked asked =
        ask((struct ask){ .nr = SYS_io_uring_setup, .args = { 1, ADDRESS(params) } });
    assert_int_equal(args_read(&asked.notif, &args), 0);
    params->sq_entries = 64;
    assert_int_equal(args_read_result(&args), 0);
    assert_int_equal(args.bytes_n, sizeof(*params));
    assert_memory_equal(args.bytes, params, sizeof(*params));
    asked_done(&asked);
}

static void other_texts(void **data)
{
    (void)data;
    native(SYS_mount, REGS(text("/dev/sda1"), text("/mnt"), text("ext4"), 1, 0));
    assert_str(args.text[0], "/dev/sda1");
    assert_str(args.path[0], "/mnt");
    assert_str(args.text[1], "ext4");
    native(SYS_mount, REGS(0, text("/mnt"), 0, 4096, 0)); /* both may be missing */
    assert_null(args.text[0].p);
    assert_str(args.path[0], "/mnt");
    assert_null(args.text[1].p);
    native(SYS_memfd_create, REGS(text("payload"), 1));
    assert_str(args.text[0], "payload");
    native(SYS_prctl, REGS(15, text("kworker/0:1"), 0, 0, 0));
    assert_str(args.text[0], "kworker/0:1");
    native(SYS_prctl, REGS(15, text("longer than sixteen bytes"), 0, 0, 0));
    assert_str(args.text[0], "longer than six");
    native(SYS_prctl, REGS(4, 0, 0, 0, 0));
    assert_null(args.text[0].p);
    native(SYS_fsconfig, REGS(6, FSCONFIG_SET_STRING, text("source"), text("/dev/vda"), 0));
    assert_str(args.text[0], "source");
    assert_str(args.text[1], "/dev/vda");
    native(SYS_fsconfig, REGS(6, FSCONFIG_SET_BINARY, text("blob"), text("\1\2\3"), 3));
    assert_int_equal(args.bytes_n, 3);
    assert_memory_equal(args.bytes, "\1\2\3", 3);
    native(SYS_finit_module, REGS(3, text("a=b"), 0));
    assert_str(args.text[0], "a=b");
}

static void addresses(void **data)
{
    (void)data;
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(443) };
    in.sin_addr.s_addr = htonl(0x01020304);
    native(SYS_connect, REGS(UINT64_C(0x700000003), bytes(&in, sizeof(in)), sizeof(in)));
    assert_int_equal(args.reg[0], 3);
    assert_int_equal(args.address_n, sizeof(in));
    assert_memory_equal(&args.address, &in, sizeof(in));
    native(SYS_bind, REGS(3, before_hole(&in, sizeof(in)), sizeof(in)));
    assert_int_equal(args.address_n, sizeof(in));

    struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(53) };
    native(SYS_sendto, REGS(4, text("x"), 1, 0, bytes(&in6, sizeof(in6)), sizeof(in6)));
    assert_int_equal(args.address_n, sizeof(in6));
    native(SYS_sendto, REGS(4, text("x"), 1, 0, 0, 0));
    assert_int_equal(args.address_n, 0);

    struct sockaddr_un un = { .sun_family = AF_UNIX };
    memset(un.sun_path, 'p', sizeof(un.sun_path)); /* fills it, without a NUL */
    native(SYS_connect, REGS(3, before_hole(&un, sizeof(un)), sizeof(un)));
    assert_int_equal(args.address_n, sizeof(un));

    native(SYS_connect, REGS(3, bytes(&in, sizeof(in)), I32(-1)));
    assert_int_equal(args.address_n, 0);
    struct sockaddr_storage storage = { .ss_family = AF_INET };
    native(SYS_bind, REGS(3, bytes(&storage, sizeof(storage)), sizeof(storage)));
    assert_int_equal(args.address_n, 128);
    struct asked asked = ask((struct ask){
        .nr = SYS_bind, .args = { 3, bytes(&storage, sizeof(storage)), sizeof(storage) + 1 } });
    assert_int_equal(args_read(&asked.notif, &args), 0);
    assert_true(args.truncated);
    assert_int_equal(args.address_n, 128);
    asked_done(&asked);
}

static void messages(void **data)
{
    (void)data;
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(53) };
    struct iovec parts[3] = { { NULL, 10 }, { NULL, 20 }, { NULL, 12 } };
    struct msghdr message = { .msg_name = place(&in, sizeof(in)),
                              .msg_namelen = sizeof(in),
                              .msg_iov = place(parts, sizeof(parts)),
                              .msg_iovlen = 3 };
    native(SYS_sendmsg, REGS(3, bytes(&message, sizeof(message)), 0));
    assert_int_equal(args.address_n, sizeof(in));
    assert_memory_equal(&args.address, &in, sizeof(in));
    assert_int_equal(args.send_size, 42);
    struct mmsghdr many[2] = { { .msg_hdr = message }, { .msg_hdr = { 0 } } };
    native(SYS_sendmmsg, REGS(3, bytes(many, sizeof(many)), 2, 0));
    assert_memory_equal(&args.address, &in, sizeof(in));
    message = (struct msghdr){ 0 };
    native(SYS_sendmsg, REGS(3, bytes(&message, sizeof(message)), 0));
    assert_int_equal(args.address_n, 0);
    assert_int_equal(args.send_size, 0);
}

/* An array of pointers to the texts. */
static uint64_t array_of(const char *const *texts, size_t n)
{
    uint64_t pointers[64] = { 0 };
    for (size_t i = 0; i < n; i++) {
        pointers[i] = text(texts[i]);
    }
    return bytes(pointers, (n + 1) * sizeof(pointers[0]));
}

static void images(void **data)
{
    (void)data;
    static const char *const argv[] = { "sh", "-c", "", "cat /etc/shadow" };
    static const char *const envp[] = { "A=b", "PATH=/bin" };
    native(SYS_execve, REGS(text("/bin/sh"), array_of(argv, 4), array_of(envp, 2)));
    assert_str(args.path[0], "/bin/sh");
    assert_int_equal(args.argv.n, 3 + 3 + 1 + 16);
    assert_memory_equal(args.argv.p, "sh\0-c\0\0cat /etc/shadow", args.argv.n);
    assert_memory_equal(args.env.p, "A=b\0PATH=/bin", args.env.n);

    native(SYS_execve, REGS(text("x"), 0, 0));
    assert_int_equal(args.argv.n, 0);
    native(SYS_execve, REGS(text("x"), array_of(argv, 0), array_of(envp, 0)));
    assert_int_equal(args.argv.n, 0);
    native(SYS_execveat, REGS(7, text(""), array_of(argv, 1), 0, AT_EMPTY_PATH));
    assert_int_equal(args.dirfd[0], 7);
    assert_int_equal(args.path[0].n, 0);
    assert_int_equal(args.argv.n, 3);
    assert_memory_equal(args.argv.p, "sh", 3);
    assert_int_equal(args.reg[4], AT_EMPTY_PATH);
}

static void births(void **data)
{
    (void)data;
#ifdef SYS_fork
    native(SYS_fork, REGS(0));
    assert_name(fork);
    assert_int_equal(args.clone_flags, 0);
    native(SYS_vfork, REGS(0));
    assert_int_equal(args.clone_flags, CLONE_VFORK | CLONE_VM);
#endif
    native(SYS_setsid, REGS(0));
    native(SYS_setresuid, REGS(I32(-1), 1000, 0));
    assert_int_equal(args.reg[0], UINT32_MAX);
    native(SYS_kill, REGS(I32(-1), 9));
    native(SYS_ptrace, REGS(16, 1234, 0, 0));
    native(SYS_dup3, REGS(UINT64_MAX, 2, O_CLOEXEC));
    assert_int_equal(args.reg[0], UINT64_MAX);
}

static void reads_around(long nr, uint64_t path, bool expect_truncated, bool expect_unreadable)
{
    struct asked asked = ask((struct ask){ .nr = nr, .args = { I32(AT_FDCWD), path } });
    int r = args_read(&asked.notif, &args);
    assert_int_equal(r, 0);
    assert_int_equal(args.truncated, expect_truncated);
    assert_int_equal(args.unreadable, expect_unreadable);
    assert_true(args_unchanged(&args));
    asked_done(&asked);
}

static void lengths_of_paths(void **data)
{
    (void)data;
    static char path[8192];
    memset(path, 'a', sizeof(path));
    path[300] = '\0';
    reads_around(SYS_openat, before_hole(path, 301), false, false);
    assert_int_equal(args.path[0].n, 300);
    path[300] = 'a';
    path[4095] = '\0';
    reads_around(SYS_openat, before_hole(path, 4096), false, false);
    assert_int_equal(args.path[0].n, 4095);
    path[4095] = 'a';
    path[4096] = '\0';
    reads_around(SYS_openat, before_hole(path, 4097), true, false);
    assert_int_equal(args.path[0].n, 4095);
    reads_around(SYS_openat, before_hole(path, 4095), false, true); /* no NUL before the hole */
    assert_null(args.path[0].p);
    reads_around(SYS_openat, HOLE, false, true);
    reads_around(SYS_openat, 8, false, true);
    reads_around(SYS_openat, UINT64_MAX, false, true);
    reads_around(SYS_openat, UINT64_C(0xffff888000000000), false, true);
    reads_around(SYS_openat, 0, false, false); /* no text, and nothing to be read */
    assert_null(args.path[0].p);
    reads_around(SYS_mkdirat, before_hole("x", 2), false, false);
}

static void bad_structures(void **data)
{
    (void)data;
    static const uint64_t bad[][6] = { { 3, 0, 8, 24 }, { 3, 0, 8, 8 } };
    for (size_t i = 0; i < 2; i++) {
        struct ask what = { .nr = SYS_openat2 };
        memcpy(what.args, bad[i], sizeof(bad[i]));
        what.args[1] = text("p");
        struct asked asked = ask(what);
        assert_int_equal(args_read(&asked.notif, &args), 0);
        assert_int_equal(args.unreadable, i == 0); /* too small a size: the kernel does not look */
        assert_int_equal(args.open_flags, 0);
        asked_done(&asked);
    }
    struct asked asked = ask((struct ask){ .nr = SYS_sendmsg, .args = { 3, HOLE - 8 } });
    assert_int_equal(args_read(&asked.notif, &args), 0);
    assert_true(args.unreadable);
    asked_done(&asked);
    asked = ask((struct ask){ .nr = SYS_connect, .args = { 3, HOLE - 8, 16 } });
    assert_int_equal(args_read(&asked.notif, &args), 0);
    assert_true(args.unreadable);
    assert_int_equal(args.address_n, 0);
    asked_done(&asked);
}

static char *huge_argv(size_t n, size_t size, uint64_t *ret_array)
{
    size_t bytes_n = n * size + (n + 1) * sizeof(uint64_t);
    char *p = mmap(NULL, bytes_n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(p, MAP_FAILED);
    uint64_t *array = (void *)p;
    char *texts = p + (n + 1) * sizeof(uint64_t);
    for (size_t i = 0; i < n; i++) {
        array[i] = ADDRESS(texts + i * size);
        memset(texts + i * size, 'a' + (int)(i % 26), size - 1);
    }
    *ret_array = ADDRESS(array);
    return p;
}

static void read_argv(uint64_t argv, uint64_t envp, bool truncated)
{
    struct asked asked = ask((struct ask){ .nr = SYS_execve, .args = { text("x"), argv, envp } });
    assert_int_equal(args_read(&asked.notif, &args), 0);
    assert_int_equal(args.truncated, truncated);
    asked_done(&asked);
}

static void many_arguments(void **data)
{
    (void)data;
    uint64_t argv, envp;
    huge_argv(1000, 8, &argv);
    read_argv(argv, 0, false);
    assert_int_equal(args.argv.n, 8000);
    huge_argv(4096, 8, &argv);
    read_argv(argv, 0, false);
    assert_int_equal(args.argv.n, 8 * 4096);
    huge_argv(10000, 8, &argv);
    read_argv(argv, 0, true);
    assert_int_equal(args.argv.n, 8 * 4096);
    huge_argv(3, 5121, &argv); /* padding of 5 KB before what matters */
    huge_argv(2, 60000, &envp);
    read_argv(argv, envp, true);
    assert_int_equal(args.argv.n, 3 * 5121);
    assert_int_equal(args.argv.p[2 * 5121], 'c');
    assert_int_equal(args.env.n, ARGS_ENV_MAX);
    huge_argv(3, 100000, &argv);
    read_argv(argv, envp, true);
    assert_int_equal(args.argv.n, ARGS_ARGV_MAX);
    assert_int_equal(args.env.n, ARGS_ENV_MAX);
    assert_true(args.used <= sizeof(args.storage));
}

/* What another thread does between two looks. */
static void changes_are_seen(void **data)
{
    (void)data;
    char *path = place("/tmp/harmless", 14);
    struct asked asked =
        ask((struct ask){ .nr = SYS_openat, .args = { I32(AT_FDCWD), ADDRESS(path) } });
    assert_int_equal(args_read(&asked.notif, &args), 0);
    assert_true(args_unchanged(&args));
    memcpy(path, "/etc/shadow\0\0", 14);
    assert_false(args_unchanged(&args));
    memcpy(path, "/tmp/harmless", 14);
    assert_true(args_unchanged(&args));
    path[13] = 'X';
    assert_false(args_unchanged(&args));
    asked_done(&asked);

    struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(1) };
    struct sockaddr_in *shared = place(&in, sizeof(in));
    asked = ask((struct ask){ .nr = SYS_connect, .args = { 3, ADDRESS(shared), sizeof(in) } });
    assert_int_equal(args_read(&asked.notif, &args), 0);
    assert_true(args_unchanged(&args));
    shared->sin_port = htons(2);
    assert_false(args_unchanged(&args));
    asked_done(&asked);

    struct msghdr *message =
        place(&(struct msghdr){ .msg_name = shared, .msg_namelen = sizeof(in) }, sizeof(*message));
    asked = ask((struct ask){ .nr = SYS_sendmsg, .args = { 3, ADDRESS(message) } });
    assert_int_equal(args_read(&asked.notif, &args), 0);
    assert_true(args_unchanged(&args));
    message->msg_namelen = 0;
    assert_false(args_unchanged(&args));
    asked_done(&asked);

    struct open_how *how = place(&(struct open_how){ .flags = O_RDONLY }, sizeof(*how));
    asked = ask((struct ask){ .nr = SYS_openat2,
                              .args = { 3, ADDRESS(path), ADDRESS(how), sizeof(*how) } });
    assert_int_equal(args_read(&asked.notif, &args), 0);
    assert_true(args_unchanged(&args));
    how->flags = O_WRONLY;
    assert_false(args_unchanged(&args));
    asked_done(&asked);
}

static void by_another_thread(void **data)
{
    (void)data;
    struct asked asked = ask(
        (struct ask){ .nr = SYS_openat, .args = { I32(AT_FDCWD), text("/x") }, .by_thread = true });
    assert_int_not_equal(asked.notif.pid, asked.child);
    assert_int_equal(args_read(&asked.notif, &args), 0);
    assert_int_equal(args.tid, asked.notif.pid);
    assert_str(args.path[0], "/x");
    asked_done(&asked);
}

static bool lacks(enum ask_how how)
{
    if (can_ask(how)) {
        return false;
    }
    print_message("skipped: this kernel runs no 32-bit calls\n");
    return true;
}

static void ia32_calls(void **data)
{
    (void)data;
    if (lacks(ASK_IA32)) {
        skip();
    }
    ia32(295, REGS(I32(AT_FDCWD), text("/etc/hosts"), O_RDWR, 0)); /* preadv, to x86-64 */
    assert_name(openat);
    assert_int_equal(args.dirfd[0], AT_FDCWD);
    assert_str(args.path[0], "/etc/hosts");
    assert_int_equal(args.open_flags, O_RDWR);
    ia32(5, REGS(text("o"), O_CREAT, 0600));
    assert_name(open);
    assert_int_equal(args.open_mode, 0600);
    ia32(37, REGS(I32(-1), 9));
    assert_name(kill);
    assert_int_equal(args.reg[0], UINT32_MAX);
    ia32(41, REGS(I32(-1)));
    assert_name(dup);
    assert_int_equal(args.reg[0], UINT64_MAX);
    ia32(23, REGS(0xffff)); /* ids of 16 bits */
    assert_name(setuid);
    assert_int_equal(args.reg[0], UINT32_MAX);
    ia32(182, REGS(text("f"), 0x1ffff, 7));
    assert_name(chown);
    assert_int_equal(args.reg[1], UINT32_MAX);
    assert_int_equal(args.reg[2], 7);
    ia32(213, REGS(0x12345));
    assert_name(setuid);
    assert_int_equal(args.reg[0], 0x12345);
    ia32(193, REGS(text("big"), 1, 2)); /* truncate64 */
    assert_int_equal(args.reg[1], UINT64_C(0x200000001));
    uint32_t limit[2] = { 10, UINT32_MAX };
    ia32(75, REGS(RLIMIT_NOFILE, bytes(limit, sizeof(limit))));
    assert_int_equal(args.bytes_n, 8);
}

static void ia32_arrays(void **data)
{
    (void)data;
    if (lacks(ASK_IA32)) {
        skip();
    }
    uint32_t argv[] = { I32(text("id")), I32(text("-u")), 0 };
    uint32_t envp[] = { I32(text("A=1")), 0 };
    ia32(11, REGS(text("/bin/id"), bytes(argv, sizeof(argv)), bytes(envp, sizeof(envp))));
    assert_name(execve);
    assert_str(args.path[0], "/bin/id");
    assert_int_equal(args.argv.n, 6);
    assert_memory_equal(args.argv.p, "id\0-u", 6);
    assert_int_equal(args.env.n, 4);

    struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(53) };
    uint32_t parts[4] = { 0, 5, 0, 6 };
    uint32_t message[7] = { I32(bytes(&in, sizeof(in))), sizeof(in),
                            I32(bytes(parts, sizeof(parts))), 2 };
    ia32(370, REGS(4, bytes(message, sizeof(message)), 0));
    assert_name(sendmsg);
    assert_memory_equal(&args.address, &in, sizeof(in));
    assert_int_equal(args.send_size, 11);
}

static void socketcalls(void **data)
{
    (void)data;
    if (lacks(ASK_IA32)) {
        skip();
    }
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(80) };
    uint32_t connect_args[3] = { 3, I32(bytes(&in, sizeof(in))), sizeof(in) };
    ia32(102, REGS(3, before_hole(connect_args, sizeof(connect_args))));
    assert_name(connect);
    assert_int_equal(args.reg[0], 3);
    assert_memory_equal(&args.address, &in, sizeof(in));
    uint32_t socket_args[3] = { AF_INET, SOCK_STREAM, 0 };
    ia32(102, REGS(1, bytes(socket_args, sizeof(socket_args))));
    assert_name(socket);
    assert_int_equal(args.reg[0], AF_INET);
    uint32_t send_args[6] = { 4, 0, 9, 0, connect_args[1], sizeof(in) };
    ia32(102, REGS(11, bytes(send_args, sizeof(send_args))));
    assert_name(sendto);
    assert_int_equal(args.reg[2], 9);
    assert_int_equal(args.address_n, sizeof(in));
    uint32_t accept_args[4] = { I32(-1), 0, 0, 0 };
    ia32(102, REGS(18, bytes(accept_args, sizeof(accept_args))));
    assert_name(accept4);
    assert_int_equal(args.reg[0], UINT64_MAX);

    static const uint32_t not_ours[] = { 0, 10, 21, UINT32_MAX };
    for (size_t i = 0; i < ARRAY_SIZE(not_ours); i++) {
        struct asked asked = ask((struct ask){
            .how = ASK_IA32, .nr = 102, .args = { not_ours[i], bytes(send_args, 24) } });
        assert_int_equal(args_read(&asked.notif, &args), -ENOENT);
        assert_int_equal(args.via, VIA_IA32);
        asked_done(&asked);
    }
    struct asked asked = ask((struct ask){ .how = ASK_IA32, .nr = 102, .args = { 3, HOLE - 8 } });
    assert_int_equal(args_read(&asked.notif, &args), 0);
    assert_name(connect);
    assert_true(args.unreadable);
    assert_int_equal(args.address_n, 0);
    asked_done(&asked);
}

static void x32_calls(void **data)
{
    (void)data;
    if (lacks(ASK_X32)) {
        skip();
    }
    struct asked asked = ask((struct ask){
        .how = ASK_X32, .nr = SYS_openat, .args = { I32(AT_FDCWD), text("/etc/shadow") } });
    assert_int_equal(args_read(&asked.notif, &args), 0);
    assert_int_equal(args.via, VIA_X32);
    assert_name(openat);
    assert_str(args.path[0], "/etc/shadow");
    asked_done(&asked);
    uint32_t argv[] = { I32(text("x")), 0 };
    asked = ask((struct ask){
        .how = ASK_X32, .nr = 520, .args = { text("/bin/x"), bytes(argv, sizeof(argv)), 0 } });
    assert_int_equal(args_read(&asked.notif, &args), 0);
    assert_name(execve);
    assert_int_equal(args.argv.n, 2);
    assert_memory_equal(args.argv.p, "x", 2);
    asked_done(&asked);
}

#define TEST(name) cmocka_unit_test_setup(name, begin)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(paths),
#ifdef SYS_open
        TEST(old_paths),
#endif
        TEST(structures),     TEST(result_in_memory), TEST(other_texts),
        TEST(addresses),      TEST(messages),         TEST(images),
        TEST(births),         TEST(lengths_of_paths), TEST(bad_structures),
        TEST(many_arguments), TEST(changes_are_seen), TEST(by_another_thread),
        TEST(ia32_calls),     TEST(ia32_arrays),      TEST(socketcalls),
        TEST(x32_calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
