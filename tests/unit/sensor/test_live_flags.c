/*
 * Kernel flags as the format's: each kernel bit gives the name it has in the format's own table, no other.
 */
#include "../test.h"

#include "event/flags.h"
#include "sensor/live/flags.h"

#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/openat2.h>
#include <linux/sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>

struct row {
    uint64_t kernel;
    const char *names;
};

static void check(const struct flag_name *table, uint32_t (*convert)(uint64_t),
                  const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char text[1024];
        struct buf buf;
        buf_init_fixed(&buf, text, sizeof(text));
        uint32_t value = convert(rows[i].kernel);
        if (value) {
            flags_names(&buf, table, value);
        }
        assert_str(buf_str(&buf), rows[i].names);
    }
}

static void test_open(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { O_RDONLY, "O_RDONLY" },
        { O_WRONLY, "O_WRONLY" },
        { O_RDWR, "O_RDWR" },
        { 3, "O_RDONLY" },
        { O_WRONLY | O_CREAT | O_TRUNC, "O_TRUNC|O_CREAT|O_WRONLY" },
        { O_WRONLY | O_APPEND, "O_APPEND|O_WRONLY" },
        { O_DSYNC, "O_DSYNC|O_RDONLY" },
        { O_SYNC, "O_SYNC|O_DSYNC|O_RDONLY" },
        { O_RDWR | O_CREAT | O_EXCL, "O_EXCL|O_CREAT|O_RDWR" },
        { O_NONBLOCK, "O_NONBLOCK|O_RDONLY" },
        { O_DIRECT, "O_DIRECT|O_RDONLY" },
        { O_DIRECTORY, "O_DIRECTORY|O_RDONLY" },
        { 0100000, "O_LARGEFILE|O_RDONLY" },
        { O_CLOEXEC, "O_RDONLY|O_CLOEXEC" },
        { O_TMPFILE | O_RDWR, "O_DIRECTORY|O_RDWR|O_TMPFILE" },
        { O_PATH | O_WRONLY, "O_RDONLY" },
        { O_NOFOLLOW | O_NOATIME | O_NOCTTY, "O_RDONLY" },
        { UINT64_MAX << 32, "O_RDONLY" },
    };
    check(flags_file, live_open_flags, rows, ARRAY_SIZE(rows));
}

static void test_clone(void **state)
{
    (void)state;
    static const struct row rows[] = {
        { 0, "" },
        { 17 /* SIGCHLD */, "" },
        { CLONE_FILES, "CLONE_FILES" },
        { CLONE_FS, "CLONE_FS" },
        { CLONE_IO, "CLONE_IO" },
        { CLONE_NEWIPC, "CLONE_NEWIPC" },
        { CLONE_NEWNET, "CLONE_NEWNET" },
        { CLONE_NEWNS, "CLONE_NEWNS" },
        { CLONE_NEWPID, "CLONE_NEWPID" },
        { CLONE_NEWUTS, "CLONE_NEWUTS" },
        { CLONE_PARENT, "CLONE_PARENT" },
        { CLONE_PARENT_SETTID, "CLONE_PARENT_SETTID" },
        { CLONE_PTRACE, "CLONE_PTRACE" },
        { CLONE_SIGHAND, "CLONE_SIGHAND" },
        { CLONE_SYSVSEM, "CLONE_SYSVSEM" },
        { CLONE_THREAD, "CLONE_THREAD" },
        { CLONE_UNTRACED, "CLONE_UNTRACED" },
        { CLONE_VM, "CLONE_VM" },
        { CLONE_NEWUSER, "CLONE_NEWUSER" },
        { CLONE_CHILD_CLEARTID, "CLONE_CHILD_CLEARTID" },
        { CLONE_CHILD_SETTID, "CLONE_CHILD_SETTID" },
        { CLONE_SETTLS, "CLONE_SETTLS" },
        { CLONE_VFORK | CLONE_VM | 17, "CLONE_VM|CLONE_VFORK" },
        { CLONE_NEWCGROUP, "CLONE_NEWCGROUP" },
        { CLONE_INTO_CGROUP | CLONE_CLEAR_SIGHAND | CLONE_PIDFD, "" },
    };
    check(flags_clone, live_clone_flags, rows, ARRAY_SIZE(rows));
}

static void test_paths(void **state)
{
    (void)state;
    static const struct row resolve[] = {
        { 0, "" },
        { RESOLVE_NO_XDEV, "RESOLVE_NO_XDEV" },
        { RESOLVE_NO_MAGICLINKS, "RESOLVE_NO_MAGICLINKS" },
        { RESOLVE_NO_SYMLINKS, "RESOLVE_NO_SYMLINKS" },
        { RESOLVE_BENEATH, "RESOLVE_BENEATH" },
        { RESOLVE_IN_ROOT, "RESOLVE_IN_ROOT" },
        { RESOLVE_CACHED, "RESOLVE_CACHED" },
    };
    check(flags_openat2, live_resolve_flags, resolve, ARRAY_SIZE(resolve));
    static const struct row execveat[] = {
        { AT_EMPTY_PATH, "AT_EMPTY_PATH" },
        { AT_SYMLINK_NOFOLLOW, "AT_SYMLINK_NOFOLLOW" },
    };
    check(flags_execveat, live_execveat_flags, execveat, ARRAY_SIZE(execveat));
    static const struct row pidfd[] = { { O_NONBLOCK, "PIDFD_NONBLOCK" }, { O_EXCL, "" } };
    check(flags_pidfd_open, live_pidfd_open_flags, pidfd, ARRAY_SIZE(pidfd));
    static const struct row module[] = { { O_TRUNC | O_NONBLOCK, "O_TRUNC|O_NONBLOCK" } };
    check(flags_delete_module, live_delete_module_flags, module, ARRAY_SIZE(module));
    static const struct row epoll[] = { { O_CLOEXEC, "EPOLL_CLOEXEC" }, { 1, "" } };
    check(flags_epoll_create1, live_epoll_create_flags, epoll, ARRAY_SIZE(epoll));
}

static void test_memory(void **state)
{
    (void)state;
    static const struct row prot[] = {
        { 0, "" },
        { PROT_READ | PROT_WRITE | PROT_EXEC, "PROT_READ|PROT_WRITE|PROT_EXEC" },
        { PROT_GROWSDOWN, "PROT_GROWSDOWN" },
        { PROT_GROWSUP, "PROT_GROWSUP" },
    };
    check(flags_prot, live_prot_flags, prot, ARRAY_SIZE(prot));
    static const struct row map[] = {
        { MAP_SHARED, "MAP_SHARED" },
        { MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, "MAP_PRIVATE|MAP_FIXED|MAP_ANONYMOUS" },
        { MAP_NORESERVE, "MAP_NORESERVE" },
        { MAP_POPULATE, "MAP_POPULATE" },
        { MAP_NONBLOCK, "MAP_NONBLOCK" },
        { MAP_GROWSDOWN, "MAP_GROWSDOWN" },
        { MAP_DENYWRITE, "MAP_DENYWRITE" },
        { MAP_EXECUTABLE, "MAP_EXECUTABLE" },
        { MAP_LOCKED, "MAP_LOCKED" },
#ifdef MAP_32BIT
        { MAP_32BIT, "MAP_32BIT" },
#endif
    };
    check(flags_mmap, live_mmap_flags, map, ARRAY_SIZE(map));
    static const struct row ring[] = {
        { IORING_SETUP_IOPOLL, "IORING_SETUP_IOPOLL" },
        { IORING_SETUP_SQPOLL, "IORING_SETUP_SQPOLL" },
        { IORING_SETUP_SQ_AFF, "IORING_SETUP_SQ_AFF" },
        { IORING_SETUP_CQSIZE, "IORING_SETUP_CQSIZE" },
        { IORING_SETUP_CLAMP, "IORING_SETUP_CLAMP" },
        { IORING_SETUP_ATTACH_WQ, "IORING_SETUP_ATTACH_RW" },
        { IORING_SETUP_R_DISABLED, "IORING_SETUP_R_DISABLED" },
    };
    check(flags_io_uring_setup, live_io_uring_setup_flags, ring, ARRAY_SIZE(ring));
}

static void check_enum(const struct flag_name *table, uint32_t (*convert)(uint64_t),
                       const struct row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const char *name = flags_enum(table, convert(rows[i].kernel));
        assert_non_null(name);
        assert_string_equal(name, rows[i].names);
    }
}

#define ROW(name)                                                                                  \
    {                                                                                              \
        (uint64_t)(name), #name                                                                    \
    }

static void test_ptrace(void **state)
{
    (void)state;
    static const struct row rows[] = {
        ROW(PTRACE_TRACEME),
        ROW(PTRACE_PEEKTEXT),
        ROW(PTRACE_PEEKDATA),
        ROW(PTRACE_POKETEXT),
        ROW(PTRACE_POKEDATA),
        ROW(PTRACE_CONT),
        ROW(PTRACE_KILL),
        ROW(PTRACE_SINGLESTEP),
        ROW(PTRACE_ATTACH),
        ROW(PTRACE_DETACH),
        ROW(PTRACE_SYSCALL),
        ROW(PTRACE_SETOPTIONS),
        ROW(PTRACE_GETEVENTMSG),
        ROW(PTRACE_GETSIGINFO),
        ROW(PTRACE_SETSIGINFO),
        ROW(PTRACE_GETREGSET),
        ROW(PTRACE_SETREGSET),
        ROW(PTRACE_SEIZE),
        ROW(PTRACE_INTERRUPT),
        ROW(PTRACE_LISTEN),
#ifdef __x86_64__
        ROW(PTRACE_GETREGS),
        ROW(PTRACE_SETREGS),
        ROW(PTRACE_GETFPREGS),
        ROW(PTRACE_SETFPREGS),
        ROW(PTRACE_GET_THREAD_AREA),
        ROW(PTRACE_SET_THREAD_AREA),
        ROW(PTRACE_ARCH_PRCTL),
        ROW(PTRACE_SYSEMU),
        ROW(PTRACE_SYSEMU_SINGLESTEP),
        ROW(PTRACE_SINGLEBLOCK),
#endif
        { 0x7777, "PTRACE_UNKNOWN" },
        { UINT64_C(1) << 32, "PTRACE_UNKNOWN" },
    };
    check_enum(flags_ptrace_requests, live_ptrace_request, rows, ARRAY_SIZE(rows));
}

static void test_fcntl(void **state)
{
    (void)state;
    static const struct row rows[] = {
        ROW(F_DUPFD),         ROW(F_GETFD),      ROW(F_SETFD),      ROW(F_GETFL),
        ROW(F_SETFL),         ROW(F_GETLK),      ROW(F_SETLK),      ROW(F_SETLKW),
        ROW(F_SETOWN),        ROW(F_GETOWN),     ROW(F_SETSIG),     ROW(F_GETSIG),
        ROW(F_SETOWN_EX),     ROW(F_GETOWN_EX),  ROW(F_OFD_GETLK),  ROW(F_OFD_SETLK),
        ROW(F_OFD_SETLKW),    ROW(F_SETLEASE),   ROW(F_GETLEASE),   ROW(F_NOTIFY),
        ROW(F_DUPFD_CLOEXEC), ROW(F_SETPIPE_SZ), ROW(F_GETPIPE_SZ), { 99, "UNKNOWN" },
    };
    check_enum(flags_fcntl_commands, live_fcntl_command, rows, ARRAY_SIZE(rows));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open),   cmocka_unit_test(test_clone),  cmocka_unit_test(test_paths),
        cmocka_unit_test(test_memory), cmocka_unit_test(test_ptrace), cmocka_unit_test(test_fcntl),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
