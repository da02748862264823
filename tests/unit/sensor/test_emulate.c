/*
 * Opens on another task's behalf: never more than it may open itself, files made as it would make them,
 * nothing changed before the judgement, and never the forbidden file however the path is flipped.
 * Argument: rounds of the race (default 3000).
 */
#include "puppet.h"
#include "test.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/openat2.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

static unsigned rounds = 3000;
static struct resolver *resolver;
static struct call_args args;
static struct resolved at;
static char scratch[64];

static int set_up(void **state)
{
    (void)state;
    struct err err = { 0 };
    umask(0);
    scratch_new(scratch);
    return resolver_new(&resolver, &err);
}

static int tear_down(void **state)
{
    (void)state;
    resolver_free(resolver);
    scratch_remove(scratch);
    return 0;
}

static void need_root(void)
{
    if (geteuid() != 0) {
        print_message("skipped: needs root\n");
        skip();
    }
}

static bool always(void *data, const struct resolved *resolved)
{
    (void)resolved;
    ++*(unsigned *)data;
    return true;
}

static bool never(void *data, const struct resolved *resolved)
{
    (void)resolved;
    ++*(unsigned *)data;
    return false;
}

static unsigned judged;
static const struct emulate_judge yes = { always, &judged }, no = { never, &judged };

static void set_args(const char *path, uint64_t flags, uint64_t mode)
{
    static const struct call call = { .name = NAME_openat };
    memset(&args, 0, offsetof(struct call_args, storage));
    args.call = &call;
    args.dirfd[0] = AT_FDCWD;
    args.path[0] = str_of(path);
    args.open_flags = flags;
    args.open_mode = mode;
}

static int emulated(const struct puppet *puppet, const char *path, uint64_t flags, uint64_t mode)
{
    set_args(path, flags, mode);
    return emulate_open_judged(resolver, &puppet->target, &args, &yes, &at);
}

static void start(uint32_t id, uint64_t caps, uint32_t mask, struct puppet *ret)
{
    struct puppet_setup setup = {
        .uid = id, .gid = id, .caps = caps, .umask = mask, .cwd = scratch
    };
    puppet_start(&setup, ret);
}

static void shadow_stays_closed(void **state)
{
    (void)state;
    need_root();
    struct puppet puppet;
    start(1000, 0, 022, &puppet);
    assert_int_equal(emulated(&puppet, "/etc/shadow", O_RDONLY, 0), -EACCES);
    assert_int_equal(emulated(&puppet, "/etc/../etc//shadow", O_RDWR, 0), -EACCES);
    assert_int_equal(emulated(&puppet, "/etc/passwd", O_RDWR, 0), -EACCES);
    assert_int_equal(emulated(&puppet, "/etc/new-file", O_CREAT | O_WRONLY, 0644), -EACCES);
    assert_int_equal(access("/etc/new-file", F_OK), -1);
    int fd = emulated(&puppet, "/etc/passwd", O_RDONLY, 0);
    assert_true(fd >= 0);
    assert_str(at.path, "/etc/passwd");
    close(fd);
    /* And this thread has its own rights again. */
    fd = open("/etc/shadow", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    close(fd);
    puppet_stop(&puppet);
    start(0, 0, 022, &puppet);
    int expected = access("/etc/shadow", R_OK) == 0 ? 0 : -EACCES;
    fd = emulated(&puppet, "/etc/shadow", O_RDONLY, 0);
    assert_true(expected == 0 ? fd >= 0 : fd == expected);
    close(fd);
    puppet_stop(&puppet);
}

static void made_files_are_the_targets(void **state)
{
    (void)state;
    need_root();
    assert_int_equal(chmod(scratch, 0777), 0);
    static const struct {
        uint32_t umask;
        mode_t mode, expected;
    } cases[] = {
        { 022, 0666, 0644 }, { 002, 0666, 0664 }, { 077, 0777, 0700 }, { 0, 0666, 0666 }
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        umask(077); /* of the supervisor: counts for nothing */
        struct puppet puppet;
        start(1000, 0, cases[i].umask, &puppet);
        int fd = emulated(&puppet, "new", O_CREAT | O_RDWR | O_EXCL, cases[i].mode);
        assert_true(fd >= 0);
        struct stat st;
        assert_int_equal(fstat(fd, &st), 0);
        assert_int_equal(st.st_mode & 07777, cases[i].expected);
        assert_int_equal(st.st_uid, 1000);
        assert_int_equal(st.st_gid, 1000);
        assert_int_equal(emulated(&puppet, "new", O_CREAT | O_RDWR | O_EXCL, 0600), -EEXIST);
        assert_int_equal(umask(0), 077);
        close(fd);
        assert_int_equal(unlinkat(AT_FDCWD, at.path.p, 0) == 0 || errno == ENOENT, 1);
        char path[128];
        snprintf(path, sizeof(path), "%s/new", scratch);
        unlink(path);
        puppet_stop(&puppet);
    }
}

static void nothing_changes_before_the_judgement(void **state)
{
    (void)state;
    need_root();
    char path[128];
    snprintf(path, sizeof(path), "%s/full", scratch);
    int file = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0666);
    assert_int_equal(write(file, "text", 4), 4);
    close(file);
    struct puppet puppet;
    start(0, UINT64_C(0xa80425fb), 022, &puppet);
    judged = 0;
    set_args("full", O_WRONLY | O_TRUNC, 0);
    assert_int_equal(emulate_open_judged(resolver, &puppet.target, &args, &no, &at), -EPERM);
    assert_int_equal(emulate_open(resolver, &puppet.target, &args, &at), -EOPNOTSUPP);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 4);
    set_args("other", O_WRONLY | O_CREAT, 0600);
    assert_int_equal(emulate_open_judged(resolver, &puppet.target, &args, &no, &at), -EPERM);
    snprintf(path, sizeof(path), "%s/other", scratch);
    assert_str(at.path, path);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(judged, 2);
    int fd = emulated(&puppet, "full", O_WRONLY | O_TRUNC | O_CREAT, 0600);
    assert_true(fd >= 0 && fstat(fd, &st) == 0);
    assert_int_equal(st.st_size, 0);
    close(fd);
    puppet_stop(&puppet);
}

static void what_cannot_be_told_apart_is_refused(void **state)
{
    (void)state;
    need_root();
    char path[128];
    snprintf(path, sizeof(path), "%s/fifo", scratch);
    assert_int_equal(mkfifo(path, 0666), 0);
    snprintf(path, sizeof(path), "%s/up", scratch);
    assert_int_equal(symlink("/proc/self/root/etc", path), 0);
    struct puppet puppet;
    start(0, 0, 022, &puppet);
    assert_int_equal(emulated(&puppet, "fifo", O_RDONLY, 0), -EOPNOTSUPP);
    assert_int_equal(emulated(&puppet, "fifo", O_WRONLY | O_NONBLOCK, 0), -ENXIO);
    int fd = emulated(&puppet, "fifo", O_RDONLY | O_NONBLOCK, 0);
    assert_true(fd >= 0);
    close(fd);
    assert_int_equal(emulated(&puppet, "/proc/self/status", O_RDONLY, 0), -EOPNOTSUPP);
    assert_int_equal(emulated(&puppet, "/proc/version", O_RDONLY, 0), -EOPNOTSUPP);
    assert_int_equal(emulated(&puppet, "/dev/tty", O_RDWR, 0), -EOPNOTSUPP);
    assert_int_equal(emulated(&puppet, "/dev/ptmx", O_RDWR, 0), -EOPNOTSUPP);
    fd = emulated(&puppet, "/dev/null", O_RDWR, 0);
    assert_true(fd >= 0);
    close(fd);
    fd = emulated(&puppet, "up/passwd", O_RDONLY, 0);
    assert_true(fd >= 0);
    assert_str(at.path, "/etc/passwd");
    close(fd);
    set_args("/etc/passwd", O_RDONLY, 0);
    args.open_resolve = RESOLVE_NO_XDEV;
    assert_int_equal(emulate_open_judged(resolver, &puppet.target, &args, &yes, &at), -EOPNOTSUPP);
    set_args("/etc/passwd", O_RDONLY, 0);
    struct target unknown = puppet.target;
    unknown.ids_known = false;
    assert_int_equal(emulate_open_judged(resolver, &unknown, &args, &yes, &at), -EOPNOTSUPP);
    unknown = puppet.target;
    unknown.tid = unknown.pid = 0;
    assert_int_equal(emulate_open_judged(resolver, &unknown, &args, &yes, &at), -EOPNOTSUPP);
    assert_int_equal(emulated(&puppet, "/etc", O_RDWR, 0), -EISDIR);
    assert_int_equal(emulated(&puppet, "/etc/passwd", O_DIRECTORY, 0), -ENOTDIR);
    assert_int_equal(emulated(&puppet, "up", O_NOFOLLOW, 0), -ELOOP);
    assert_int_equal(emulated(&puppet, "no/where", O_CREAT | O_WRONLY, 0600), -ENOENT);
    assert_int_equal(emulated(&puppet, "name/", O_CREAT | O_WRONLY, 0600), -EISDIR);
    puppet_stop(&puppet);
}

static void unnamed_and_unopened_files(void **state)
{
    (void)state;
    need_root();
    assert_int_equal(chmod(scratch, 0777), 0);
    struct puppet puppet;
    start(1000, 0, 027, &puppet);
    int fd = emulated(&puppet, ".", O_TMPFILE | O_RDWR, 0666);
    struct stat st;
    assert_true(fd >= 0 && fstat(fd, &st) == 0);
    assert_int_equal(st.st_uid, 1000);
    assert_int_equal(st.st_mode & 07777, 0640);
    close(fd);
    fd = emulated(&puppet, "/etc/shadow", O_PATH | O_RDWR, 0);
    assert_true(fd >= 0);
    char byte;
    assert_int_equal(read(fd, &byte, 1), -1);
    assert_int_equal(errno, EBADF);
    close(fd);
    puppet_stop(&puppet);
}

static void default_acls_rule_over_umasks(void **state)
{
    (void)state;
    need_root();
    /* user::rwx group::rwx mask::rwx other::r-x, user:1001:rwx */
    struct __attribute__((packed)) {
        uint32_t version;
        struct __attribute__((packed)) {
            uint16_t tag, perm;
            uint32_t id;
        } entry[5];
    } acl = { 2,
              { { 1, 7, UINT32_MAX },
                { 2, 7, 1001 },
                { 4, 7, UINT32_MAX },
                { 16, 7, UINT32_MAX },
                { 32, 5, UINT32_MAX } } };
    char path[128];
    snprintf(path, sizeof(path), "%s/acl", scratch);
    assert_int_equal(mkdir(path, 0777), 0);
    if (setxattr(path, "system.posix_acl_default", &acl, sizeof(acl), 0) < 0) {
        print_message("skipped: no ACLs in /tmp\n");
        skip();
    }
    struct puppet puppet;
    start(1000, 0, 077, &puppet);
    int fd = emulated(&puppet, "acl/new", O_CREAT | O_WRONLY, 0666);
    struct stat st;
    assert_true(fd == -EOPNOTSUPP || (fd >= 0 && fstat(fd, &st) == 0));
    if (fd >= 0) {
        assert_int_equal(st.st_mode & 07777, 0664);
        close(fd);
    }
    puppet_stop(&puppet);
}

/* A sibling that flips "flip" between a link to the allowed and one to the forbidden file. */
static pid_t start_flipping(void)
{
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (chdir(scratch) < 0) {
            _exit(1);
        }
        for (;;) {
            if (symlink("forbidden", "next") < 0 || rename("next", "flip") < 0 ||
                symlink("allowed", "next") < 0 || rename("next", "flip") < 0) {
                _exit(1);
            }
        }
    }
    return pid;
}

static bool not_forbidden(void *data, const struct resolved *resolved)
{
    ++*(unsigned *)data;
    return !str_ends(resolved->path, STR("/forbidden"));
}

static void the_forbidden_file_is_never_given(void **state)
{
    (void)state;
    need_root();
    char path[128];
    static const char *const files[] = { "allowed", "forbidden" };
    ino_t forbidden = 0;
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof(path), "%s/%s", scratch, files[i]);
        int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0666);
        struct stat st;
        assert_int_equal(fstat(fd, &st), 0);
        forbidden = st.st_ino;
        assert_int_equal(write(fd, "text", 4), 4);
        close(fd);
    }
    snprintf(path, sizeof(path), "%s/flip", scratch);
    assert_int_equal(symlink("allowed", path), 0);
    struct puppet puppet;
    start(1000, 0, 022, &puppet);
    pid_t flipper = start_flipping();
    unsigned given = 0, denied = 0, asked = 0;
    const struct emulate_judge judge = { not_forbidden, &asked };
    for (unsigned i = 0; i < rounds; i++) {
        set_args("flip", i % 2 ? O_RDWR | O_TRUNC | O_CREAT : O_RDONLY, 0600);
        int fd = emulate_open_judged(resolver, &puppet.target, &args, &judge, &at);
        struct stat st;
        if (fd >= 0) {
            assert_int_equal(fstat(fd, &st), 0);
            assert_true(st.st_ino != forbidden);
            close(fd);
        }
        given += fd >= 0;
        denied += fd == -EPERM;
    }
    kill(flipper, SIGKILL);
    waitpid(flipper, NULL, 0);
    puppet_stop(&puppet);
    struct stat st;
    snprintf(path, sizeof(path), "%s/forbidden", scratch);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_size, 4);
    print_message("%u given, %u denied, %u otherwise\n", given, denied, rounds - given - denied);
    assert_true(given > 0 && denied > 0);
}

/* The same opens by the target itself give the same file or the same error. */
static void as_the_target_would(void **state)
{
    (void)state;
    need_root();
    static const char *const paths[] = {
        "/etc/passwd", "/etc/shadow", "/etc", "/root", "/root/x",      "/etc/",         "/",
        "missing",     "/tmp/../etc", "..",   ".",     "/etc/passwd/", "/etc/passwd/x", ""
    };
    static const uint64_t flags[] = { O_RDONLY,   O_WRONLY, O_RDWR,    O_DIRECTORY,
                                      O_NOFOLLOW, O_PATH,   O_NOATIME, O_RDONLY | O_APPEND,
                                      3 };
    static const uint32_t ids[] = { 0, 1000 };
    for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
        struct puppet puppet;
        start(ids[i], 0, 022, &puppet);
        for (size_t j = 0; j < ARRAY_SIZE(paths); j++) {
            for (size_t k = 0; k < ARRAY_SIZE(flags); k++) {
                CLEANUP(cleanup_close) int fd = emulated(&puppet, paths[j], flags[k], 0);
                static struct puppet_call call;
                call = (struct puppet_call){ .nr = SYS_openat,
                                             .arg = { (uint64_t)AT_FDCWD, 0, flags[k], 0 },
                                             .text_arg = { 1, -1 } };
                snprintf(call.text[0], sizeof(call.text[0]), "%s", paths[j]);
                struct puppet_reply reply;
                puppet_make(&puppet, &call, &reply);
                puppet_done(&puppet);
                if ((fd < 0) != (reply.result < 0) || (fd < 0 && fd != reply.result)) {
                    print_error("%s %llx: %d, the target %lld\n", paths[j],
                                (unsigned long long)flags[k], fd, (long long)reply.result);
                    fail();
                }
                struct stat st;
                assert_true(fd < 0 || (fstat(fd, &st) == 0 && st.st_ino == reply.ino));
            }
        }
        puppet_stop(&puppet);
    }
}

int main(int argc, char **argv)
{
    rounds = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : rounds;
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(shadow_stays_closed),
        TEST(made_files_are_the_targets),
        TEST(nothing_changes_before_the_judgement),
        TEST(what_cannot_be_told_apart_is_refused),
        TEST(unnamed_and_unopened_files),
        TEST(default_acls_rule_over_umasks),
        TEST(the_forbidden_file_is_never_given),
        TEST(as_the_target_would),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
