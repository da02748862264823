/*
 * retain: days go by age and by size, never today's, while others read and write; a backup made
 * meanwhile is the state of one commit, and a restored one opens.
 */
#include "days.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int retain(struct store *store, int64_t now_ms)
{
    struct err err = { 0 };
    return store->ops->retain(store, now_ms, &err);
}

static void path_of(const struct store_fixture *fixture, const char *name, char ret[PATH_MAX + 64])
{
    snprintf(ret, PATH_MAX + 64, "%s/%s", fixture->dir.path, name);
}

static void by_age(void **state)
{
    struct store *store = ((struct store_fixture *)*state)->store;
    for (int i = 0; i < 10; i++) {
        assert_int_equal(days_put(store, (struct day_batch){ DAY(i), i * 10, 10, 0 }), 0);
    }
    assert_int_equal(retain(store, DAY(8) - 1), 0); /* 7 days: day 0 ended 7 days before DAY(8) */
    assert_int_equal(retain(store, DAY(8)), 1);
    assert_int_equal(retain(store, DAY(9)), 1);
    assert_int_equal(days_read(store, 0, INT64_MAX, false, 0).days[0], DAY(2));
    assert_int_equal(days_count(store), 80);
    assert_int_equal(retain(store, DAY(100)), 8);
    assert_int_equal(days_count(store), 0);
    assert_int_equal(days_put(store, (struct day_batch){ DAY(0), 0, 10, 0 }), 0); /* anew */
    assert_int_equal(days_count(store), 10);
}

static void by_size(void **state)
{
    struct store_fixture *fixture = *state;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(days_put(fixture->store, (struct day_batch){ DAY(i), 0, 2000, 0 }), 0);
    }
    store_close(fixture->store);
    struct store_options options = { .dir = fixture->dir.path, .max_bytes = 1 };
    fixture->store = store_opened_as(&store_kinds[0], &options);
    assert_int_equal(retain(fixture->store, DAY(3)), 3); /* days 3 and 4 are not before today */
    assert_int_equal(retain(fixture->store, DAY(4)), 1);
    assert_int_equal(retain(fixture->store, DAY(4)), 0);
    assert_int_equal(days_count(fixture->store), 2000);
}

static void within_size(void **state)
{
    struct store_fixture *fixture = *state;
    struct store_size size = { 0 };
    for (int i = 0; i < 5; i++) {
        assert_int_equal(days_put(fixture->store, (struct day_batch){ DAY(i), 0, 20000, 0 }), 0);
    }
    store_close(fixture->store);
    fixture->store = store_opened(&fixture->dir);
    assert_int_equal(fixture->store->ops->size(fixture->store, &size, NULL), 0);
    assert_int_equal(size.days, 5);
    assert_int_equal(size.oldest_day_ms, DAY(0));
    sqlite_of(fixture->store)->options.max_bytes = size.bytes;
    assert_int_equal(retain(fixture->store, DAY(4)), 0);
    sqlite_of(fixture->store)->options.max_bytes = size.bytes - 1 - 4096;
    assert_int_equal(retain(fixture->store, DAY(4)), 1);
}

static void while_read(void **state)
{
    struct store_fixture *fixture = *state;
    struct store *store = fixture->store;
    struct sqlite3 *day = NULL;
    struct err err = { 0 };
    char path[PATH_MAX + 64];
    assert_int_equal(days_put(store, (struct day_batch){ DAY(0), 0, 5000, 0 }), 0);
    assert_int_equal(sqlite_day_read_begin(store, DAY(0), &day, &err), 0);
    assert_int_equal(retain(store, DAY(20)), 1);
    path_of(fixture, "day-2023-11-15.db", path);
    assert_int_equal(access(path, F_OK), -1);
    sqlite3_stmt *count = sqlite_statement(day, "SELECT count(*) FROM one", &err);
    assert_int_equal(sqlite_row(count, &err), 1);
    assert_int_equal(sqlite3_column_int64(count, 0), 5000);
    assert_int_equal(days_put(store, (struct day_batch){ DAY(0), 0, 7, 0 }), 0);
    sqlite_day_read_end(store, day);
    path_of(fixture, "day-2023-11-15.db-wal", path);
    assert_int_equal(access(path, F_OK), 0); /* of the new one: the old reader left it alone */
    assert_int_equal(days_count(store), 7);
    store_close(store);
    fixture->store = store_opened(&fixture->dir);
    assert_int_equal(days_count(fixture->store), 7);
}

/* Marks gone, file still there: as a stop in the middle of a drop leaves it. */
static void half_dropped(void **state)
{
    struct store_fixture *fixture = *state;
    char path[PATH_MAX + 64];
    struct sqlite3 *db = NULL;
    assert_int_equal(days_put(fixture->store, (struct day_batch){ DAY(0), 0, 5, 0 }), 0);
    assert_int_equal(days_put(fixture->store, (struct day_batch){ DAY(1), 5, 5, 0 }), 0);
    store_close(fixture->store);
    path_of(fixture, "hinomi.db", path);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    char sql[64];
    snprintf(sql, sizeof(sql), "DELETE FROM day_marks WHERE day = %lld", (long long)DAY(0));
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
    fixture->store = store_opened(&fixture->dir);
    assert_int_equal(days_count(fixture->store), 5);
    path_of(fixture, "day-2023-11-15.db", path);
    assert_int_equal(access(path, F_OK), -1);
}

struct writer {
    struct store *store;
    int64_t written;
    bool stop;
    pthread_t thread;
};

static void *write_on(void *data)
{
    struct writer *writer = data;
    while (!__atomic_load_n(&writer->stop, __ATOMIC_RELAXED)) {
        struct day_batch batch = { DAY(writer->written / 10 % 3), writer->written, 10, 0 };
        assert_int_equal(days_put(writer->store, batch), 0);
        __atomic_add_fetch(&writer->written, 10, __ATOMIC_RELAXED);
    }
    return NULL;
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void assert_file(const char *dir, const char *name, const char *expected)
{
    char path[PATH_MAX + 64], text[64] = "";
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_non_null(fgets(text, sizeof(text), file));
    fclose(file);
    assert_string_equal(text, expected);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
}

static void backups_while_written(void **state)
{
    struct store_fixture *fixture = *state;
    struct writer writer = { .store = fixture->store };
    char copy[PATH_MAX + 64], restored[PATH_MAX + 64], key[PATH_MAX + 64];
    struct err err = { 0 };
    path_of(fixture, "ca.key", key);
    write_file(key, "secret");
    assert_int_equal(pthread_create(&writer.thread, NULL, write_on, &writer), 0);
    for (int i = 0; i < 5; i++) {
        snprintf(copy, sizeof(copy), "%s/copy%d", fixture->dir.path, i);
        snprintf(restored, sizeof(restored), "%s/restored%d", fixture->dir.path, i);
        int64_t before = __atomic_load_n(&writer.written, __ATOMIC_RELAXED);
        assert_int_equal(fixture->store->ops->backup(fixture->store, copy, &err), 0);
        int64_t after = __atomic_load_n(&writer.written, __ATOMIC_RELAXED);
        assert_int_equal(store_restore_sqlite(copy, restored, &err), 0);
        struct store_options options = { .dir = restored };
        struct store *store = store_opened_as(&store_kinds[0], &options);
        int64_t n = days_count(store), sum = 0;
        assert_true(n >= before && n <= after + 10);
        struct days_seen seen = days_read(store, 0, INT64_MAX, false, 0);
        for (size_t day = 0; day < seen.n; day++) {
            sum += seen.sums[day];
        }
        assert_int_equal(sum, n * (n - 1) / 2); /* the first n, without a hole */
        store_close(store);
        assert_file(restored, "ca.key", "secret");
    }
    __atomic_store_n(&writer.stop, true, __ATOMIC_RELAXED);
    pthread_join(writer.thread, NULL);
}

/* By another process, while the store is open; and when it is not. */
static void backup_from_outside(void **state)
{
    struct store_fixture *fixture = *state;
    char copy[PATH_MAX + 64], restored[PATH_MAX + 64];
    struct err err = { 0 };
    for (int i = 0; i < 2; i++) {
        snprintf(copy, sizeof(copy), "%s/copy%d", fixture->dir.path, i);
        snprintf(restored, sizeof(restored), "%s/restored%d", fixture->dir.path, i);
        if (fixture->store) {
            assert_int_equal(days_put(fixture->store, (struct day_batch){ DAY(0), 0, 50, 0 }), 0);
        }
        fflush(NULL);
        pid_t pid = fork();
        if (pid == 0) {
            _exit(store_backup_sqlite(fixture->dir.path, copy, &err) < 0);
        }
        int status = -1;
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
        assert_int_equal(store_restore_sqlite(copy, restored, &err), 0);
        struct store_options options = { .dir = restored };
        struct store *store = store_opened_as(&store_kinds[0], &options);
        assert_int_equal(days_count(store), 50);
        store_close(store);
        store_close(fixture->store);
        fixture->store = NULL;
    }
    assert_true(store_backup_sqlite("/nonexistent", copy, &err) < 0);
}

static void backup_refused(void **state)
{
    struct store_fixture *fixture = *state;
    struct err err = { 0 };
    struct store *store = fixture->store;
    assert_int_equal(store->ops->backup(store, fixture->dir.path, &err), -EEXIST);
    assert_int_equal(store->ops->backup(store, "/nonexistent/x", &err), -ENOENT);
    assert_int_equal(store_restore_sqlite(fixture->dir.path, "/tmp/never", &err), -ENOENT);
    assert_non_null(strstr(err.message, "not a whole backup"));
}

static void damage(const char *dir, const char *name)
{
    char path[PATH_MAX + 64], bytes[4096];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    memset(bytes, 0x5a, sizeof(bytes));
    int fd = open(path, O_RDWR);
    struct stat st;
    assert_true(fd >= 0 && fstat(fd, &st) == 0);
    for (off_t at = 4096; at < st.st_size; at += 8192) {
        assert_int_equal(pwrite(fd, bytes, sizeof(bytes), at), sizeof(bytes));
    }
    close(fd);
}

static void restore_checks(void **state)
{
    struct store_fixture *fixture = *state;
    char copy[PATH_MAX + 64], restored[PATH_MAX + 64];
    struct err err = { 0 };
    assert_int_equal(days_put(fixture->store, (struct day_batch){ DAY(0), 0, 3000, 0 }), 0);
    path_of(fixture, "copy", copy);
    path_of(fixture, "restored", restored);
    assert_int_equal(fixture->store->ops->backup(fixture->store, copy, &err), 0);
    assert_int_equal(store_restore_sqlite(copy, fixture->dir.path, &err), -EEXIST);
    assert_int_equal(mkdir(restored, 0700), 0);
    assert_int_equal(store_restore_sqlite(copy, restored, &err), 0); /* an empty one is fine */
    damage(copy, "day-2023-11-15.db");
    path_of(fixture, "again", restored);
    assert_true(store_restore_sqlite(copy, restored, &err) < 0);
    assert_non_null(strstr(err.message, "day-2023-11-15.db"));
    assert_int_equal(access(restored, F_OK), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(by_age, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(by_size, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(within_size, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(while_read, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(half_dropped, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(backups_while_written, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(backup_from_outside, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(backup_refused, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(restore_checks, store_setup, store_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
