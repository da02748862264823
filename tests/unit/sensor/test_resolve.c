/*
 * Which file a path names for somebody else: links, "..", directories of descriptors, /proc/self, roots,
 * pid namespaces, deleted directories, lengths, bytes. Argument "bench": microseconds per resolve_path().
 */
#include "puppet.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static struct resolver *resolver;
static struct resolved at;
static char scratch[64];

static int set_up(void **state)
{
    (void)state;
    struct err err = { 0 };
    umask(022);
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

static const char *in_scratch(const char *name)
{
    static char path[512];
    snprintf(path, sizeof(path), "%s/%s", scratch, name);
    return path;
}

static void put_file(const char *name)
{
    int fd = open(in_scratch(name), O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    close(fd);
}

static void start(const char *root, const char *cwd, struct puppet *ret)
{
    struct puppet_setup setup = {
        .keep_ids = true, .uid = geteuid(), .gid = getegid(), .root = root, .cwd = cwd
    };
    setup.caps = geteuid() == 0 ? ~UINT64_C(0) >> 23 : 0;
    puppet_start(&setup, ret);
    /* The puppet is as the test is. */
    gid_t groups[TARGET_GROUPS_MAX];
    int n = getgroups(TARGET_GROUPS_MAX, groups);
    ret->target.ngroups = n < 0 ? TARGET_GROUPS_MAX + 1 : (uint32_t)n;
    memcpy(ret->target.groups, groups, (n < 0 ? 0 : (size_t)n) * sizeof(*groups));
}

static void find(const struct puppet *puppet, const char *path)
{
    resolve_path(resolver, &puppet->target, AT_FDCWD, str_of(path), true, &at);
}

#define assert_found(puppet, name, expected)                                                       \
    do {                                                                                           \
        find(puppet, name);                                                                        \
        assert_int_equal(at.error, 0);                                                             \
        assert_false(at.unsure);                                                                   \
        assert_str(at.path, expected);                                                             \
    } while (0)

#define assert_missing(puppet, name, expected)                                                     \
    do {                                                                                           \
        find(puppet, name);                                                                        \
        assert_int_equal(at.error, -ENOENT);                                                       \
        assert_true(at.parent_exists);                                                             \
        assert_str(at.path, expected);                                                             \
    } while (0)

static void links_and_dots(void **state)
{
    (void)state;
    struct puppet puppet;
    mkdir(in_scratch("d"), 0755);
    put_file("d/f");
    assert_int_equal(symlink("d", in_scratch("l")), 0);
    assert_int_equal(symlink("gone/name", in_scratch("nowhere")), 0);
    assert_int_equal(symlink("d/new", in_scratch("dangling")), 0);
    assert_int_equal(symlink("loop", in_scratch("loop")), 0);
    start(NULL, scratch, &puppet);
    char f[512];
    snprintf(f, sizeof(f), "%s", in_scratch("d/f"));
    assert_found(&puppet, "l/f", f);
    assert_found(&puppet, "./l/../d//f", f);
    assert_found(&puppet, f, f);
    struct stat st;
    assert_int_equal(stat(f, &st), 0);
    assert_int_equal(at.ino, st.st_ino);
    assert_int_equal(at.dev, st.st_dev);
    assert_int_equal(at.mode, st.st_mode);
    assert_missing(&puppet, "l/x", in_scratch("d/x"));
    assert_missing(&puppet, "dangling", in_scratch("d/new"));
    find(&puppet, "nowhere");
    assert_int_equal(at.error, -ENOENT);
    assert_false(at.parent_exists);
    find(&puppet, "loop");
    assert_int_equal(at.error, -ELOOP);
    assert_false(at.unsure);
    find(&puppet, "d/f/");
    assert_int_equal(at.error, -ENOTDIR);
    find(&puppet, "");
    assert_int_equal(at.error, -ENOENT);
    resolve_path(resolver, &puppet.target, AT_FDCWD, STR("l"), false, &at);
    assert_true(at.error == 0 && S_ISLNK(at.mode));
    assert_str(at.path, in_scratch("l"));
    resolve_path(resolver, &puppet.target, AT_FDCWD, STR("l/"), false, &at);
    assert_true(at.error == 0 && S_ISDIR(at.mode));
    assert_found(&puppet, "/", "/");
    assert_found(&puppet, "../../../../..", "/");
    puppet_stop(&puppet);
}

/* Where it would be, were its directories there; of a link's target that is not told. */
static void missing_directories(void **state)
{
    (void)state;
    struct puppet puppet;
    mkdir(in_scratch("d"), 0755);
    put_file("d/f");
    assert_int_equal(symlink("d", in_scratch("l")), 0);
    assert_int_equal(symlink("gone/name", in_scratch("nowhere")), 0);
    start(NULL, scratch, &puppet);
    static const struct {
        const char *path, *expected;
        int error;
        bool personal;
    } cases[] = {
        { "d/no/x", "d/no/x", -ENOENT, false },
        { "l/no//x", "d/no/x", -ENOENT, false },
        { "l/1/2/3/4/5/6/7", "d/1/2/3/4/5/6/7", -ENOENT, false },
        { "d/./no/./x", "d/no/x", -ENOENT, false },
        { "no/x", "no/x", -ENOENT, false },
        { "d/../no/x", "no/x", -ENOENT, false },
        { "nowhere/x", "nowhere/x", -ENOENT, true },
        { "d/f/no/x", "d/f/no/x", -ENOTDIR, false },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char path[512];
        find(&puppet, cases[i].path);
        assert_int_equal(at.error, cases[i].error);
        assert_false(at.parent_exists || at.unsure);
        assert_int_equal(at.personal, cases[i].personal);
        assert_str(at.path, in_scratch(cases[i].expected));
        snprintf(path, sizeof(path), "%s/%s", scratch, cases[i].path);
        find(&puppet, path);
        assert_int_equal(at.error, cases[i].error);
        assert_str(at.path, in_scratch(cases[i].expected));
    }
    puppet_stop(&puppet);
}

static void directories_of_descriptors(void **state)
{
    (void)state;
    struct puppet puppet;
    start(NULL, scratch, &puppet);
    uint64_t how[6] = { (uint64_t)AT_FDCWD, 0, O_PATH };
    int fd = (int)puppet_text_call(&puppet, SYS_openat, 1, "/etc", how);
    assert_true(fd >= 0);
    resolve_path(resolver, &puppet.target, fd, STR("passwd"), true, &at);
    assert_int_equal(at.error, 0);
    assert_str(at.path, "/etc/passwd");
    resolve_path(resolver, &puppet.target, fd, STR("../etc/passwd"), true, &at);
    assert_str(at.path, "/etc/passwd");
    resolve_path(resolver, &puppet.target, fd + 50, STR("passwd"), true, &at);
    assert_int_equal(at.error, -EBADF);
    resolve_path(resolver, &puppet.target, fd + 50, STR("/etc/passwd"), true, &at);
    assert_int_equal(at.error, 0);
    resolve_fd(resolver, &puppet.target, fd, &at);
    assert_str(at.path, "/etc");
    resolve_fd(resolver, &puppet.target, fd + 50, &at);
    assert_int_equal(at.error, -EBADF);
    fd = (int)puppet_text_call(&puppet, SYS_openat, 1, "/etc/passwd", how);
    resolve_path(resolver, &puppet.target, fd, STR("x"), true, &at);
    assert_int_equal(at.error, -ENOTDIR);
    puppet_stop(&puppet);
}

static void proc_self_is_the_targets(void **state)
{
    (void)state;
    struct puppet puppet;
    char path[256];
    assert_int_equal(symlink("/proc/self/root/etc", in_scratch("up")), 0);
    assert_int_equal(symlink("/proc/self/status", in_scratch("mine")), 0);
    start(NULL, scratch, &puppet);
    snprintf(path, sizeof(path), "/proc/%d/status", puppet.pid);
    assert_found(&puppet, "/proc/self/status", path);
    assert_found(&puppet, "/proc/../proc//self/status", path);
    assert_found(&puppet, "mine", path);
    snprintf(path, sizeof(path), "/proc/%d/task/%d/comm", puppet.pid, puppet.pid);
    assert_found(&puppet, "/proc/thread-self/comm", path);
    assert_found(&puppet, "/proc/self/root/etc/passwd", "/etc/passwd");
    assert_found(&puppet, "up/passwd", "/etc/passwd");
    assert_found(&puppet, "/proc/self/cwd", scratch);
    uint64_t how[6] = { (uint64_t)AT_FDCWD, 0, O_RDONLY };
    int fd = (int)puppet_text_call(&puppet, SYS_openat, 1, "/etc/group", how);
    snprintf(path, sizeof(path), "/dev/fd/%d", fd);
    if (access("/dev/fd", F_OK) == 0) {
        assert_found(&puppet, path, "/etc/group");
    }
    snprintf(path, sizeof(path), "/proc/%d/root/etc/passwd", puppet.pid);
    find(&puppet, path);
    assert_true(at.unsure);
    assert_str(at.path, "/etc/passwd");
    puppet_stop(&puppet);
}

static void other_roots(void **state)
{
    (void)state;
    need_root();
    struct puppet puppet;
    mkdir(in_scratch("etc"), 0755);
    put_file("etc/shadow");
    assert_int_equal(symlink("/etc", in_scratch("l")), 0);
    start(scratch, "/etc", &puppet);
    assert_found(&puppet, "/etc/shadow", "/etc/shadow");
    assert_found(&puppet, "/l/shadow", "/etc/shadow");
    assert_found(&puppet, "shadow", "/etc/shadow");
    assert_found(&puppet, "../../../l/../etc/shadow", "/etc/shadow");
    assert_found(&puppet, "..", "/");
    assert_missing(&puppet, "/l/new", "/etc/new");
    /* Left behind by its own chroot: what is outside has no name inside. */
    uint64_t none[6] = { 0 };
    assert_int_equal(puppet_text_call(&puppet, SYS_chroot, 0, "/etc", none), 0);
    assert_found(&puppet, "shadow", "/shadow");
    assert_int_equal(puppet_text_call(&puppet, SYS_chdir, 0, ".", none), 0);
    mkdir(in_scratch("etc/deep"), 0755);
    assert_int_equal(puppet_text_call(&puppet, SYS_chroot, 0, "deep", none), 0);
    find(&puppet, "shadow");
    assert_int_equal(at.error, 0);
    assert_true(at.unsure);
    puppet_stop(&puppet);
}

static void other_namespaces(void **state)
{
    (void)state;
    need_root();
    mkdir(in_scratch("proc"), 0755);
    mkdir(in_scratch("etc"), 0755);
    put_file("etc/passwd");
    struct puppet_setup setup = {
        .keep_ids = true, .caps = ~UINT64_C(0) >> 23, .root = scratch, .own_pidns = true
    };
    struct puppet puppet;
    puppet_start(&setup, &puppet);
    assert_found(&puppet, "/proc/self/status", "/proc/1/status");
    assert_found(&puppet, "/proc/thread-self/comm", "/proc/1/task/1/comm");
    assert_found(&puppet, "/proc/self/root/etc/passwd", "/etc/passwd");
    assert_found(&puppet, "/proc/mounts", "/proc/1/mounts");
    puppet_stop(&puppet);
}

static void deleted_directories(void **state)
{
    (void)state;
    struct puppet puppet;
    mkdir(in_scratch("gone"), 0755);
    start(NULL, in_scratch("gone"), &puppet);
    assert_int_equal(rmdir(in_scratch("gone")), 0);
    find(&puppet, "x");
    assert_int_equal(at.error, -ENOENT);
    assert_str(at.path, in_scratch("gone/x"));
    resolve_fd(resolver, &puppet.target, AT_FDCWD, &at);
    assert_true(at.deleted);
    assert_str(at.path, in_scratch("gone"));
    put_file("kept (deleted)");
    assert_found(&puppet, in_scratch("kept (deleted)"), in_scratch("kept (deleted)"));
    assert_false(at.deleted);
    puppet_stop(&puppet);
}

static void lengths_and_bytes(void **state)
{
    (void)state;
    struct puppet puppet;
    start(NULL, scratch, &puppet);
    char path[5000];
    static const size_t sizes[] = { 4094, 4095, 4096, 4097 };
    for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
        memset(path, '/', sizes[i]);
        memcpy(path + sizes[i] - 6, "passwd", 6);
        memcpy(path + 1, "etc", 3);
        path[sizes[i]] = 0;
        find(&puppet, path);
        assert_int_equal(at.error, sizes[i] < 4096 ? 0 : -ENAMETOOLONG);
        assert_int_equal(at.cut, sizes[i] >= 4096);
        if (sizes[i] < 4096) {
            assert_str(at.path, "/etc/passwd");
        }
    }
    put_file("\xff\xfe\x01");
    assert_found(&puppet, "\xff\xfe\x01", in_scratch("\xff\xfe\x01"));
    memset(path, 'n', 256);
    path[256] = 0;
    find(&puppet, path);
    assert_int_equal(at.error, -ENAMETOOLONG);
    path[255] = 0;
    find(&puppet, path);
    assert_int_equal(at.error, -ENOENT);
    assert_true(at.parent_exists);
    puppet_stop(&puppet);
}

static void paths_longer_than_the_kernel_tells(void **state)
{
    (void)state;
    struct puppet puppet;
    start(NULL, scratch, &puppet);
    char name[201];
    memset(name, 'n', 200);
    name[200] = 0;
    uint64_t mode[6] = { 0, 0755 }, none[6] = { 0 };
    for (int i = 0; i < 30; i++) {
        assert_int_equal(puppet_text_call(&puppet, SYS_mkdir, 0, name, mode), 0);
        assert_int_equal(puppet_text_call(&puppet, SYS_chdir, 0, name, none), 0);
    }
    find(&puppet, ".");
    assert_int_equal(at.error, 0);
    assert_true(at.unsure);
    find(&puppet, "../../x");
    assert_int_equal(at.error, -ENOENT);
    puppet_stop(&puppet);
}

static void nobody_there(void **state)
{
    (void)state;
    struct target target = { .tid = 0x7ffffff0, .pid = 0x7ffffff0, .ids_known = true };
    resolve_path(resolver, &target, AT_FDCWD, STR("/etc/../x"), true, &at);
    assert_true(at.unsure);
    assert_int_equal(at.error, 0);
    assert_str(at.path, "/x");
    resolve_path(resolver, &target, AT_FDCWD, STR("x"), true, &at);
    assert_true(at.unsure);
    assert_int_equal(at.path.n, 0);
}

static void devices_and_fifos_are_not_opened(void **state)
{
    (void)state;
    struct puppet puppet;
    start(NULL, scratch, &puppet);
    assert_int_equal(mkfifo(in_scratch("fifo"), 0600), 0);
    assert_found(&puppet, "fifo", in_scratch("fifo"));
    assert_true(S_ISFIFO(at.mode));
    puppet_stop(&puppet);
}

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static int measure(void)
{
    static const char *const paths[] = { "/etc/passwd",  "/usr/lib/os-release",
                                         "/etc/missing", "/missing/missing",
                                         "passwd",       "/proc/self/status" };
    static const uint32_t ids[] = { 0, 1000 };
    static struct call_args args;
    static struct resolved both[2];
    static const struct call call = { .name = NAME_openat };
    struct err err = { 0 };
    if (resolver_new(&resolver, &err) < 0) {
        return 1;
    }
    for (size_t i = 0; i < ARRAY_SIZE(ids); i++) {
        struct puppet_setup setup = { .uid = ids[i], .gid = ids[i], .cwd = "/etc" };
        setup.caps = ids[i] ? 0 : UINT64_C(0xa80425fb);
        struct puppet puppet;
        puppet_start(&setup, &puppet);
        for (size_t j = 0; j < ARRAY_SIZE(paths); j++) {
            args.call = &call;
            args.dirfd[0] = AT_FDCWD;
            args.path[0] = str_of(paths[j]);
            double best[2] = { 1e9, 1e9 };
            for (int k = 0; k < 20; k++) {
                double from = now_us();
                for (int n = 0; n < 500; n++) {
                    find(&puppet, paths[j]);
                }
                double middle = now_us();
                for (int n = 0; n < 500; n++) {
                    predict(resolver, &puppet.target, &args, both);
                }
                double end = now_us();
                best[0] = (middle - from) / 500 < best[0] ? (middle - from) / 500 : best[0];
                best[1] = (end - middle) / 500 < best[1] ? (end - middle) / 500 : best[1];
            }
            printf("uid %u %-20s resolve %6.2f us, predict %6.2f us\n", ids[i], paths[j], best[0],
                   best[1]);
        }
        puppet_stop(&puppet);
    }
    resolver_free(resolver);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "bench") == 0) {
        return measure();
    }
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(links_and_dots),
        TEST(missing_directories),
        TEST(directories_of_descriptors),
        TEST(proc_self_is_the_targets),
        TEST(other_roots),
        TEST(other_namespaces),
        TEST(deleted_directories),
        TEST(lengths_and_bytes),
        TEST(paths_longer_than_the_kernel_tells),
        TEST(nobody_there),
        TEST(devices_and_fifos_are_not_opened),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
