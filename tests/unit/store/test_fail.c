/*
 * fail: a full disk refuses what does not fit, says so, keeps what was acknowledged, and goes on when there is
 * room; what is read-only, damaged, another's or newer is refused with its name; a migration that is cut short
 * leaves the schema before it.
 */
#include "days.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void path_of(const struct store_dir *dir, const char *name, char ret[PATH_MAX + 64])
{
    snprintf(ret, PATH_MAX + 64, "%s/%s", dir->path, name);
}

/* Batches of 100 from *next on until one fails; the failure. */
static int fill(struct store *store, int64_t *next, struct err *err)
{
    int r = 0;
    while (r == 0 && *next < 1000000) {
        r = days_put_err(store, (struct day_batch){ DAY(0), *next, 100, 0 }, err);
        *next += r == 0 ? 100 : 0;
    }
    return r;
}

static void assert_stored(struct store *store, int64_t n)
{
    struct days_seen seen = days_read(store, 0, INT64_MAX, false, 0);
    assert_int_equal(seen.n, 1);
    assert_int_equal(seen.counts[0], n);
    assert_int_equal(seen.sums[0], n * (n - 1) / 2);
}

/* `widen` makes room. Run in a child of its own. */
static void fill_twice(const struct store_dir *dir, void (*widen)(const struct store_dir *dir))
{
    struct store *store = store_opened(dir);
    struct err err = { 0 };
    int64_t next = 0;
    int r = fill(store, &next, &err);
    if (r != -ENOSPC) {
        fail_msg("%s", err.message);
    }
    assert_true(next > 100);
    assert_stored(store, next);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(days_put_err(store, (struct day_batch){ DAY(0), next, 20000, 0 }, &err),
                         -ENOSPC);
        assert_non_null(strstr(err.message, "full"));
        assert_stored(store, next);
    }
    widen(dir);
    for (int i = 0; i < 20; i++, next += 100) {
        assert_int_equal(days_put(store, (struct day_batch){ DAY(0), next, 100, 0 }), 0);
    }
    assert_stored(store, next);
    store_close(store);
    store = store_opened(dir);
    assert_stored(store, next);
    store_close(store);
}

static void remove_ballast(const struct store_dir *dir)
{
    char path[PATH_MAX + 64];
    path_of(dir, "ballast.bin", path);
    assert_int_equal(unlink(path), 0);
}

static void add_ballast(const struct store_dir *dir)
{
    char path[PATH_MAX + 64], block[65536] = "";
    path_of(dir, "ballast.bin", path);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    for (int i = 0; i < 32; i++) {
        assert_int_equal(write(fd, block, sizeof(block)), sizeof(block));
    }
    close(fd);
}

static void fill_tmpfs(const struct store_dir *dir)
{
    add_ballast(dir);
    fill_twice(dir, remove_ballast);
}

/* Nothing else makes room but retention. */
static void retain_full(const struct store_dir *dir)
{
    struct store *store = store_opened(dir);
    struct err err = { 0 };
    int64_t next = 0;
    assert_int_equal(fill(store, &next, &err), -ENOSPC);
    assert_int_equal(store->ops->retain(store, DAY(30), &err), 1);
    assert_int_equal(days_count(store), 0);
    for (int i = 0; i < 20; i++, next += 100) {
        assert_int_equal(days_put(store, (struct day_batch){ DAY(30), next, 100, 0 }), 0);
    }
    assert_int_equal(days_count(store), 2000);
    store_close(store);
    store = store_opened(dir);
    assert_int_equal(days_count(store), 2000);
    store_close(store);
}

static void lift_limit(const struct store_dir *dir)
{
    (void)dir;
    struct rlimit limit;
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_FSIZE, &limit);
}

static void fill_limited(const struct store_dir *dir)
{
    struct rlimit limit;
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &limit);
    limit.rlim_cur = 1 << 20;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    fill_twice(dir, lift_limit);
}

static void refuse_read_only(const struct store_dir *dir)
{
    struct store *store = store_opened(dir);
    struct err err = { 0 };
    assert_int_equal(days_put(store, (struct day_batch){ DAY(0), 0, 10, 0 }), 0);
    store_close(store);
    assert_int_equal(mount(NULL, dir->path, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
    store = NULL;
    struct store_options options = { .dir = dir->path };
    assert_int_equal(store_open_sqlite(&options, &store, &err), -EROFS);
    assert_non_null(strstr(err.message, dir->path));
}

/* A tmpfs of 4 MiB in a mount namespace of the child; false: not allowed here. */
static bool mount_small(const struct store_dir *dir)
{
    return unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0 &&
           mount("tmpfs", dir->path, "tmpfs", 0, "size=4m,mode=700") == 0;
}

/* In a child, since it changes limits and mounts. Failures exit with cmocka's status. */
static int in_child(void (*test)(const struct store_dir *dir), bool small, struct store_dir *dir)
{
    store_dir_make(dir);
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        if (small && !mount_small(dir)) {
            _exit(77);
        }
        test(dir);
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    store_dir_remove(dir);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void run_in_child(void (*test)(const struct store_dir *dir), bool small)
{
    struct store_dir dir;
    int status = in_child(test, small, &dir);
    if (status == 77) {
        print_message("skipped: no right to mount a tmpfs\n");
        skip();
    }
    assert_int_equal(status, 0);
}

static void full_disk(void **state)
{
    (void)state;
    run_in_child(fill_tmpfs, true);
}

static void retention_on_full_disk(void **state)
{
    (void)state;
    run_in_child(retain_full, true);
}

static void full_by_limit(void **state)
{
    (void)state;
    run_in_child(fill_limited, false);
}

static void read_only(void **state)
{
    (void)state;
    run_in_child(refuse_read_only, true);
}

static int reopen(struct store_fixture *fixture, struct err *err)
{
    struct store_options options = { .dir = fixture->dir.path };
    *err = (struct err){ 0 };
    fixture->store = NULL;
    return store_open_sqlite(&options, &fixture->store, err);
}

static void overwrite(const struct store_fixture *fixture, const char *name)
{
    char path[PATH_MAX + 64], bytes[4096];
    path_of(&fixture->dir, name, path);
    memset(bytes, 0x5a, sizeof(bytes));
    int fd = open(path, O_RDWR);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, sizeof(bytes), 0), sizeof(bytes));
    close(fd);
}

static void damaged(void **state)
{
    struct store_fixture *fixture = *state;
    struct err err;
    assert_int_equal(days_put(fixture->store, (struct day_batch){ DAY(0), 0, 10, 0 }), 0);
    store_close(fixture->store);
    overwrite(fixture, "day-2023-11-15.db");
    assert_int_equal(reopen(fixture, &err), -EIO);
    assert_non_null(strstr(err.message, "day-2023-11-15.db: file is not a database"));
    overwrite(fixture, "hinomi.db");
    assert_int_equal(reopen(fixture, &err), -EIO);
    assert_non_null(strstr(err.message, "hinomi.db: file is not a database"));
}

static void no_directory(void **state)
{
    struct store_fixture *fixture = *state;
    struct store *store = NULL;
    struct err err = { 0 };
    char file[PATH_MAX + 64], *path = malloc(PATH_MAX + 16);
    path_of(&fixture->dir, "hinomi.db", file);
    assert_int_equal(store_open_sqlite(&(struct store_options){ .dir = file }, &store, &err),
                     -ENOTDIR);
    assert_int_equal(
        store_open_sqlite(&(struct store_options){ .dir = "/nowhere/at/all" }, &store, &err),
        -ENOENT);
    memset(path, 'x', PATH_MAX + 15);
    path[PATH_MAX + 15] = '\0';
    assert_int_equal(store_open_sqlite(&(struct store_options){ .dir = path }, &store, &err),
                     -ENAMETOOLONG);
    free(path);
}

static void set_pragma(const struct store_fixture *fixture, const char *name, const char *pragma)
{
    char path[PATH_MAX + 64];
    struct sqlite3 *db = NULL;
    path_of(&fixture->dir, name, path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, pragma, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void newer(void **state)
{
    struct store_fixture *fixture = *state;
    struct err err;
    assert_int_equal(days_put(fixture->store, (struct day_batch){ DAY(0), 0, 10, 0 }), 0);
    store_close(fixture->store);
    set_pragma(fixture, "day-2023-11-15.db", "PRAGMA user_version=3");
    assert_int_equal(reopen(fixture, &err), -EPROTO);
    assert_non_null(strstr(err.message, "day-2023-11-15.db: written by a newer hinomi-server "
                                        "(schema 3, this one knows 2)"));
    set_pragma(fixture, "day-2023-11-15.db", "PRAGMA user_version=1");
    set_pragma(fixture, "hinomi.db", "PRAGMA user_version=9999");
    assert_int_equal(reopen(fixture, &err), -EPROTO);
    assert_non_null(strstr(err.message, "schema 9999"));
}

static void another_program(void **state)
{
    struct store_fixture *fixture = *state;
    struct err err;
    store_close(fixture->store);
    set_pragma(fixture, "hinomi.db", "PRAGMA application_id=0");
    assert_int_equal(reopen(fixture, &err), -EINVAL);
    assert_non_null(strstr(err.message, "not a file of hinomi-server"));
}

static int64_t number(struct sqlite3 *db, const char *sql)
{
    int64_t n = -1;
    assert_int_equal(sqlite_number(db, sql, -1, &n, NULL), 0);
    return n;
}

static void cut_short(void **state)
{
    (void)state;
    struct sqlite_migration steps[] = {
        { 1, "0001-a", "CREATE TABLE a (x)" },
        { 3, "0003-b", "CREATE TABLE b (x); INSERT INTO b VALUES (1); CREATE TABLE a (x)" },
        { 4, "0004-c", "CREATE TABLE c (x)" },
        { 0, NULL, NULL },
    };
    struct sqlite3 *db = NULL;
    struct err err = { 0 };
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    assert_true(sqlite_migrate(db, steps, "x.db", &err) < 0);
    assert_non_null(strstr(err.message, "x.db: migration 0003-b"));
    assert_int_equal(number(db, "PRAGMA user_version"), 1);
    assert_int_equal(number(db, "SELECT count(*) FROM sqlite_schema"), 1);
    steps[1].sql =
        "CREATE TABLE b (x REFERENCES b); PRAGMA foreign_keys=1; INSERT INTO b VALUES (2)";
    assert_true(sqlite_migrate(db, steps, "x.db", &err) < 0); /* leaves a broken reference */
    assert_int_equal(number(db, "PRAGMA user_version"), 1);
    steps[1].sql = "CREATE TABLE b (x); INSERT INTO b VALUES (1)";
    assert_int_equal(sqlite_migrate(db, steps, "x.db", &err), 0);
    assert_int_equal(number(db, "PRAGMA user_version"), 4);
    assert_int_equal(number(db, "PRAGMA foreign_keys"), 1);
    assert_int_equal(number(db, "SELECT count(*) FROM sqlite_schema"), 3);
    sqlite3_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(full_disk),
        cmocka_unit_test(retention_on_full_disk),
        cmocka_unit_test(full_by_limit),
        cmocka_unit_test(read_only),
        cmocka_unit_test_setup_teardown(damaged, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(no_directory, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(newer, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(another_program, store_setup, store_teardown),
        cmocka_unit_test(cut_short),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
