/*
 * days: a row of a day and what hinomi.db says of it are there together or not at all; days are read in
 * order; what was not acknowledged is taken back. The days have a table of this test's own.
 */
#include "days.h"

#include <errno.h>
#include <unistd.h>

static void in_order(void **state)
{
    struct store *store = ((struct store_fixture *)*state)->store;
    static const int64_t order[] = { 2, 0, 5, 1, 3 };
    for (size_t i = 0; i < ARRAY_SIZE(order); i++) {
        assert_int_equal(days_put(store, (struct day_batch){ DAY(order[i]), order[i] + 1, 1, 0 }),
                         0);
    }
    struct days_seen seen = days_read(store, 0, INT64_MAX, true, 0);
    static const int64_t sums[] = { 6, 4, 3, 2, 1 };
    assert_int_equal(seen.n, 5);
    assert_memory_equal(seen.sums, sums, sizeof(sums));
    seen = days_read(store, 0, INT64_MAX, false, 2);
    assert_int_equal(seen.n, 2);
    assert_int_equal(seen.days[1], DAY(1));
    seen = days_read(store, DAY(1) + SQLITE_DAY_MS - 1, DAY(2) + 1, false, 0);
    assert_int_equal(seen.n, 2);
    seen = days_read(store, DAY(1) + SQLITE_DAY_MS, DAY(2), false, 0);
    assert_int_equal(seen.n, 0);
    assert_int_equal(sqlite_day_before(store, INT64_MAX), DAY(5));
    assert_int_equal(sqlite_day_before(store, DAY(5)), DAY(3));
    assert_int_equal(sqlite_day_before(store, DAY(0)), -1);
    struct sqlite3 *db = NULL;
    assert_int_equal(sqlite_day_read_begin(store, DAY(4), &db, NULL), -ENOENT);
}

static void undone_with_its_body(void **state)
{
    struct store *store = ((struct store_fixture *)*state)->store;
    assert_int_equal(days_put(store, (struct day_batch){ DAY(0), 1, 3, 0 }), 0);
    assert_int_equal(days_put(store, (struct day_batch){ DAY(0), 4, 3, -EINVAL }), -EINVAL);
    assert_int_equal(days_put(store, (struct day_batch){ DAY(0), 7, 3, -EINVAL }), -EINVAL);
    assert_int_equal(days_put(store, (struct day_batch){ DAY(0), 3, 1, 0 }), -EEXIST);
    assert_int_equal(days_read(store, 0, INT64_MAX, true, 0).sums[0], 6);
    assert_int_equal(days_put(store, (struct day_batch){ DAY(0), 4, 1, 0 }), 0);
    assert_int_equal(days_read(store, 0, INT64_MAX, true, 0).sums[0], 10);
}

/* The day has its commit, hinomi.db has not: as a crash leaves it. */
static void put_ahead(const struct store_dir *dir, int64_t day_ms, int64_t n)
{
    struct sqlite_path path;
    struct sqlite3 *db = NULL;
    char sql[128];
    assert_int_equal(sqlite_path_day(dir->path, day_ms, &path, NULL), 0);
    assert_int_equal(sqlite3_open(path.z, &db), SQLITE_OK);
    snprintf(sql, sizeof(sql), "INSERT INTO one (id, n) VALUES ('id%lld', %lld)", (long long)n,
             (long long)n);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void taken_back_at_open(void **state)
{
    struct store_fixture *fixture = *state;
    assert_int_equal(days_put(fixture->store, (struct day_batch){ DAY(0), 1, 3, 0 }), 0);
    assert_int_equal(days_put(fixture->store, (struct day_batch){ DAY(1), 1, 1, 0 }), 0);
    store_close(fixture->store);
    put_ahead(&fixture->dir, DAY(0), 50);
    put_ahead(&fixture->dir, DAY(0), 51);
    put_ahead(&fixture->dir, DAY(1), 52);
    fixture->store = store_opened(&fixture->dir);
    assert_int_equal(sqlite_of(fixture->store)->taken_back, 3);
    struct days_seen seen = days_read(fixture->store, 0, INT64_MAX, false, 0);
    assert_int_equal(seen.n, 2);
    assert_int_equal(seen.sums[0], 6);
    assert_int_equal(seen.sums[1], 1);
    assert_int_equal(days_put(fixture->store, (struct day_batch){ DAY(0), 50, 2, 0 }), 0);
}

static void many_days(void **state)
{
    struct store *store = ((struct store_fixture *)*state)->store;
    for (int i = 0; i < 40; i++) {
        assert_int_equal(days_put(store, (struct day_batch){ DAY(i % 13), i, 1, 0 }), 0);
    }
    for (int i = 0; i < 3; i++) {
        assert_int_equal(days_read(store, 0, INT64_MAX, true, 0).n, 13);
    }
}

static void another_store(void **state)
{
    struct store_fixture *fixture = *state;
    assert_int_equal(days_put(fixture->store, (struct day_batch){ DAY(0), 1, 3, 0 }), 0);
    store_close(fixture->store);
    struct sqlite_path path;
    struct err err = { 0 };
    assert_int_equal(sqlite_path(fixture->dir.path, "hinomi.db", &path, NULL), 0);
    sqlite_file_remove(path.z);
    fixture->store = NULL;
    struct store_options options = { .dir = fixture->dir.path };
    assert_int_equal(store_open_sqlite(&options, &fixture->store, &err), -EINVAL);
    assert_non_null(strstr(err.message, "day-2023-11-15.db: belongs to another store"));
    assert_int_equal(sqlite_path_day(fixture->dir.path, DAY(0), &path, NULL), 0);
    assert_int_equal(access(path.z, F_OK), 0);
}

static void names(void **state)
{
    (void)state;
    assert_int_equal(sqlite_day_of_name("day-1970-01-01.db"), 0);
    assert_int_equal(sqlite_day_of_name("day-2023-11-15.db"), DAY(0));
    static const char *const bad[] = { "day-2023-11-15.db-wal", "day-2023-13-01.db",
                                       "day-2023-02-30.db",     "day-2023-1-01.db",
                                       "day-1969-12-31.db",     "hinomi.db",
                                       "day-+023-11-15.db",     "" };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_int_equal(sqlite_day_of_name(bad[i]), -1);
    }
    assert_int_equal(sqlite_day_of(DAY(0) - 1), DAY(-1));
    assert_int_equal(sqlite_day_of(DAY(0)), DAY(0));
    assert_int_equal(sqlite_day_of(-1), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test_setup_teardown(in_order, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(undone_with_its_body, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(taken_back_at_open, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(many_days, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(another_store, store_setup, store_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
