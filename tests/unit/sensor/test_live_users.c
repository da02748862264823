/*
 * Names from a container's own files: read within its root, hostile files, changes, and who may decide.
 */
#include "live_fixture.h"

#include "base/buf.h"
#include "base/clock.h"
#include "sensor/live/users.h"
#include "sensor/live/users_text.h"

#include <sched.h>
#include <sys/sysmacros.h>

#define CONTAINER STR("0123456789ab")

struct jail {
    char path[64];
    struct state *state;
    struct users *users;
    struct subject subject;
    uint64_t now_ns;
};

static int enter(const void *path)
{
    return chroot(path) == 0 && chdir("/") == 0 ? 0 : -errno;
}

static void jail_new(struct jail *jail)
{
    char path[PATHS_MAX];
    folder_new(jail->path);
    assert_int_equal(mkdir(path_in(path, jail->path, "etc"), 0755), 0);
    assert_int_equal(state_new(&(struct state_config){ 0 }, &jail->state), 0);
    assert_int_equal(users_new(jail->state, &jail->users), 0);
    jail->subject = subject_start(enter, jail->path);
    jail->now_ns = NS_PER_S;
}

static void jail_free(struct jail *jail)
{
    subject_end(&jail->subject);
    users_free(jail->users);
    state_free(jail->state);
    folder_remove(jail->path);
}

static int refresh(struct jail *jail)
{
    jail->now_ns += USERS_CHECK_NS;
    return users_refresh(jail->users, jail->subject.pid, CONTAINER, jail->now_ns);
}

static const struct user *user(const struct jail *jail, uint32_t uid)
{
    /* The state finds a container's names through the container. */
    struct container *container = state_container(jail->state, CONTAINER);
    return state_user(jail->state, container, uid);
}

static void make_known(struct jail *jail)
{
    struct container container = { .id = CONTAINER };
    assert_int_equal(state_add_container(jail->state, &container), 0);
}

static void test_read(void **state)
{
    (void)state;
    SKIP_UNLESS(is_root(), "chroot needs root");
    struct jail jail;
    jail_new(&jail);
    file_put(jail.path, "etc/passwd",
             STR("root:x:0:0:root:/root:/bin/bash\nalice:x:1000:1000:A:/home/a:/bin/sh\n"
                 "alias:x:1000:1:second:/:/\n"));
    file_put(jail.path, "etc/group", STR("root:x:0:\nstaff:x:50:alice\n"));
    make_known(&jail);
    assert_int_equal(refresh(&jail), 0);
    struct container *container = state_container(jail.state, CONTAINER);
    assert_str(user(&jail, 0)->name, "root");
    assert_str(user(&jail, 1000)->name, "alice");
    assert_str(user(&jail, 1000)->home, "/home/a");
    assert_str(user(&jail, 1000)->shell, "/bin/sh");
    assert_str(state_group(jail.state, container, 50)->name, "staff");
    assert_null(user(&jail, 1001));
    assert_null(state_user(jail.state, NULL, 1000)); /* not the host's */
    jail_free(&jail);
}

static void test_changes(void **state)
{
    (void)state;
    SKIP_UNLESS(is_root(), "chroot needs root");
    struct jail jail;
    jail_new(&jail);
    make_known(&jail);
    assert_int_equal(refresh(&jail), 0); /* no files: no names, no error */
    assert_null(user(&jail, 0));
    file_put(jail.path, "etc/passwd", STR("a:x:1:1:::\nb:x:2:2:::\n"));
    assert_int_equal(users_refresh(jail.users, jail.subject.pid, CONTAINER, jail.now_ns), 0);
    assert_null(user(&jail, 1)); /* not due yet */
    assert_int_equal(refresh(&jail), 0);
    assert_str(user(&jail, 1)->name, "a");
    uint64_t epoch = state_epoch(jail.state);
    assert_int_equal(refresh(&jail), 0);
    assert_true(state_epoch(jail.state) == epoch);
    file_put(jail.path, "etc/passwd", STR("bb:x:2:2:::\nc:x:3:3:::\n"));
    assert_int_equal(refresh(&jail), 0);
    assert_null(user(&jail, 1));
    assert_str(user(&jail, 2)->name, "bb");
    assert_str(user(&jail, 3)->name, "c");
    char path[PATHS_MAX];
    assert_int_equal(unlink(path_in(path, jail.path, "etc/passwd")), 0);
    assert_int_equal(refresh(&jail), 0);
    assert_null(user(&jail, 3));
    jail_free(&jail);
}

/* Links stay within the root; what is no regular file is not opened. */
static void test_hostile_files(void **state)
{
    (void)state;
    SKIP_UNLESS(is_root(), "chroot needs root");
    struct jail jail;
    jail_new(&jail);
    make_known(&jail);
    char passwd[PATHS_MAX], path[PATHS_MAX];
    path_in(passwd, jail.path, "etc/passwd");
    assert_int_equal(symlink("/etc/../../../etc/real", passwd), 0);
    file_put(jail.path, "etc/real", STR("inside:x:5:5:::\n"));
    assert_int_equal(refresh(&jail), 0);
    assert_str(user(&jail, 5)->name, "inside");
    assert_null(user(&jail, 0));
    unlink(passwd);
    assert_int_equal(symlink("/proc/1/root/etc/passwd", passwd), 0);
    assert_int_equal(refresh(&jail), 0);
    assert_null(user(&jail, 0));
    unlink(passwd);
    assert_int_equal(mkfifo(passwd, 0644), 0);
    assert_int_equal(refresh(&jail), 0); /* does not wait for a writer */
    unlink(passwd);
    assert_int_equal(mkdir(passwd, 0755), 0);
    assert_int_equal(refresh(&jail), 0);
    rmdir(passwd);
    if (mknod(passwd, S_IFCHR | 0644, makedev(1, 5)) == 0) { /* endless zeros */
        assert_int_equal(refresh(&jail), 0);
        unlink(passwd);
    }
    assert_int_equal(symlink("passwd", passwd), 0);
    assert_int_equal(refresh(&jail), 0);
    unlink(passwd);
    unlink(path_in(path, jail.path, "etc/real"));
    jail_free(&jail);
}

static void test_limits(void **state)
{
    (void)state;
    SKIP_UNLESS(is_root(), "chroot needs root");
    struct jail jail;
    jail_new(&jail);
    make_known(&jail);
    struct buf buf;
    buf_init(&buf, 64 << 20);
    for (unsigned i = 1; i <= USERS_ENTRIES_MAX + 1; i++) {
        buf_printf(&buf, "u%u:x:%u:0:::\n", i, i);
    }
    file_put(jail.path, "etc/passwd", buf_str(&buf));
    assert_int_equal(refresh(&jail), 0);
    assert_non_null(user(&jail, USERS_ENTRIES_MAX - 1));
    assert_non_null(user(&jail, USERS_ENTRIES_MAX));
    assert_null(user(&jail, USERS_ENTRIES_MAX + 1));

    /* A million lines: as far as the size goes. */
    buf_clear(&buf);
    for (unsigned i = 0; i < 1000000; i++) {
        buf_puts(&buf, STR("same:x:77:0:::\n"));
    }
    file_put(jail.path, "etc/passwd", buf_str(&buf));
    assert_int_equal(refresh(&jail), 0);
    assert_str(user(&jail, 77)->name, "same");
    assert_null(user(&jail, 78));

    /* One huge line, then an entry beyond the size. */
    buf_clear(&buf);
    char *at = buf_reserve(&buf, USERS_FILE_MAX);
    memset(at, 'x', USERS_FILE_MAX);
    buf.n += USERS_FILE_MAX;
    buf_puts(&buf, STR("\nlate:x:9:9:::\n"));
    file_put(jail.path, "etc/passwd", buf_str(&buf));
    assert_int_equal(refresh(&jail), 0);
    assert_null(user(&jail, 9));
    assert_null(user(&jail, 77));
    buf_done(&buf);
    jail_free(&jail);
}

/* A process in a root of its own does not rename the container's users. */
static void test_authority(void **state)
{
    (void)state;
    SKIP_UNLESS(is_root(), "chroot needs root");
    struct jail jail;
    char other[64], path[PATHS_MAX];
    jail_new(&jail);
    make_known(&jail);
    folder_new(other);
    assert_int_equal(mkdir(path_in(path, other, "etc"), 0755), 0);
    file_put(jail.path, "etc/passwd", STR("true:x:0:0:::\n"));
    file_put(other, "etc/passwd", STR("false:x:0:0:::\n"));
    struct subject intruder = subject_start(enter, other);
    assert_int_equal(refresh(&jail), 0);
    jail.now_ns += USERS_CHECK_NS;
    assert_int_equal(users_refresh(jail.users, intruder.pid, CONTAINER, jail.now_ns), 0);
    assert_str(user(&jail, 0)->name, "true");
    jail.now_ns += USERS_HOLD_NS; /* nobody of the first root was met since */
    assert_int_equal(users_refresh(jail.users, intruder.pid, CONTAINER, jail.now_ns), 0);
    assert_str(user(&jail, 0)->name, "false");
    subject_end(&intruder);
    folder_remove(other);
    jail_free(&jail);
}

static void test_gone(void **state)
{
    (void)state;
    struct state *s;
    struct users *users;
    assert_int_equal(state_new(&(struct state_config){ 0 }, &s), 0);
    assert_int_equal(users_new(s, &users), 0);
    struct subject subject = subject_start(NULL, NULL);
    subject_end(&subject);
    assert_int_equal(users_refresh(users, subject.pid, STR(""), NS_PER_S), -ESRCH);
    assert_int_equal(users_refresh(users, getpid(), STR(""), 3 * NS_PER_S), 0);
    assert_str(state_user(s, NULL, 0)->name, "root");
    users_free(users);
    users_free(NULL);
    state_free(s);
}

static void test_lines(void **state)
{
    (void)state;
    static const struct {
        struct str line;
        bool ok;
    } passwd[] = {
        { { "a:x:1:2:g:/h:/s", 15 }, true },
        { { "a::1:2::", 8 }, true },
        { { "a:x:1:2:", 8 }, true },
        { { "a:x:1:2", 7 }, false },
        { { "", 0 }, false },
        { { ":x:1:2:::", 9 }, false },
        { { "+::::::", 7 }, false },
        { { "-a::1:1:::", 10 }, false },
        { { "#a:x:1:2:::", 11 }, false },
        { { "a:x:-1:2:::", 11 }, false },
        { { "a:x:+1:2:::", 11 }, false },
        { { "a:x: 1:2:::", 11 }, false },
        { { "a:x:1 :2:::", 11 }, false },
        { { "a:x::2:::", 9 }, false },
        { { "a:x:4294967294:2:::", 19 }, true },
        { { "a:x:4294967295:2:::", 19 }, false },
        { { "a:x:99999999999999999999:2:::", 29 }, false },
        { { "a\0b:x:1:2:::", 12 }, false },
    };
    for (size_t i = 0; i < ARRAY_SIZE(passwd); i++) {
        struct user u;
        assert_int_equal(users_passwd_line(passwd[i].line, &u), passwd[i].ok);
    }
    struct group group;
    assert_true(users_group_line(STR("g:x:7:a,b"), &group));
    assert_int_equal(group.gid, 7);
    assert_true(users_group_line(STR("g:x:7"), &group));
    assert_false(users_group_line(STR("g:x"), &group));
    char line[USERS_LINE_MAX + 1];
    memset(line, 'n', sizeof(line));
    memcpy(line + 10, ":x:7:", 5);
    assert_true(users_group_line(str_from(line, USERS_LINE_MAX), &group));
    assert_false(users_group_line(str_from(line, USERS_LINE_MAX + 1), &group));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_read),          cmocka_unit_test(test_changes),
        cmocka_unit_test(test_hostile_files), cmocka_unit_test(test_limits),
        cmocka_unit_test(test_authority),     cmocka_unit_test(test_gone),
        cmocka_unit_test(test_lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
