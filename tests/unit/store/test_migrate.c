/*
 * migrate: a file of every version that there was, with a row in each table, becomes the newest one: the same schema
 * as a new file, the rows still there, nothing broken. The files are tests/data/store/KIND-NNNN.sql, by
 * dumps.py: a new migration wants its own, and those of released versions never change.
 */
#include "support.h"

#include "store/sqlite_store.h"

#include "base/cleanup.h"
#include "base/fd.h"

#define DUMP_MAX ((size_t)1 << 20)

static struct sqlite3 *in_memory(void)
{
    struct sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    return db;
}

static void run(struct sqlite3 *db, const char *sql)
{
    struct err err = { 0 };
    if (sqlite_exec(db, sql, &err) < 0) {
        fail_msg("%s", err.message);
    }
}

static int64_t number(struct sqlite3 *db, const char *sql)
{
    struct err err = { 0 };
    int64_t n = -1;
    if (sqlite_number(db, sql, -1, &n, &err) < 0) {
        fail_msg("%s", err.message);
    }
    return n;
}

/* All definitions, in the order of their names. */
static void schema_of(struct sqlite3 *db, struct buf *buf)
{
    sqlite3_stmt *list = NULL;
    static const char sql[] = "SELECT type || ' ' || name || ': ' || sql FROM sqlite_schema"
                              " WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY 1";
    buf_clear(buf);
    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &list, NULL), SQLITE_OK);
    while (sqlite_row(list, NULL) == 1) {
        buf_puts(buf, sqlite_text_borrowed(list, 0));
        buf_putc(buf, '\n');
    }
    sqlite3_finalize(list);
    assert_false(buf->failed);
}

/* No table has lost a row. */
static void assert_rows(struct sqlite3 *before, struct sqlite3 *after)
{
    sqlite3_stmt *list = NULL;
    static const char sql[] = "SELECT name FROM sqlite_schema WHERE type = 'table'"
                              " AND name NOT LIKE 'sqlite_%'";
    assert_int_equal(sqlite3_prepare_v2(before, sql, -1, &list, NULL), SQLITE_OK);
    while (sqlite_row(list, NULL) == 1) {
        char count[256];
        snprintf(count, sizeof(count), "SELECT count(*) FROM \"%s\"",
                 (const char *)sqlite3_column_text(list, 0));
        assert_int_equal(number(after, count), number(before, count));
    }
    sqlite3_finalize(list);
}

static void upgrade(const char *dump, const struct sqlite_migration *migrations)
{
    struct sqlite3 *fresh = in_memory(), *before = in_memory(), *after = in_memory();
    struct buf expected, got;
    struct err err = { 0 };
    buf_init(&expected, DUMP_MAX);
    buf_init(&got, DUMP_MAX);
    run(before, dump);
    run(after, dump);
    assert_int_equal(sqlite_migrate(fresh, migrations, "fresh", &err), 0);
    if (sqlite_migrate(after, migrations, "old", &err) < 0) {
        fail_msg("%s", err.message);
    }
    schema_of(fresh, &expected);
    schema_of(after, &got);
    if (!str_eq(buf_str(&got), buf_str(&expected))) {
        print_error("a migration was changed: not allowed if it was released, else run dumps.py\n");
        buf_putc(&expected, '\0');
        assert_str(buf_str(&got), expected.p);
    }
    assert_rows(before, after);
    assert_int_equal(number(after, "SELECT count(*) FROM pragma_foreign_key_check"), 0);
    assert_int_equal(
        number(after, "SELECT count(*) FROM pragma_quick_check WHERE quick_check <> 'ok'"), 0);
    buf_done(&expected);
    buf_done(&got);
    sqlite3_close(fresh);
    sqlite3_close(before);
    sqlite3_close(after);
}

/* Numbers without a hole: all areas are built in. */
static bool is_whole(const struct sqlite_migration *migrations)
{
    for (unsigned i = 0; migrations[i].sql; i++) {
        if (migrations[i].number != i + 1) {
            return false;
        }
    }
    return true;
}

static void upgrade_each(const char *kind, const struct sqlite_migration *migrations)
{
    if (!is_whole(migrations)) {
        print_message("skipped: not all migrations are built in\n");
        skip();
    }
    for (unsigned i = 0; migrations[i].sql; i++) {
        char path[PATH_MAX];
        struct buf dump;
        struct err err = { 0 };
        snprintf(path, sizeof(path), "%s/tests/data/store/%s-%04u.sql", HINOMI_SOURCE, kind,
                 migrations[i].number);
        buf_init(&dump, DUMP_MAX);
        if (file_read(path, &dump, &err) < 0) {
            fail_msg("%s (tests/unit/store/dumps.py makes it)", err.message);
        }
        buf_putc(&dump, '\0');
        upgrade(dump.p, migrations);
        buf_done(&dump);
    }
}

static void main_file(void **state)
{
    (void)state;
    upgrade_each("main", sqlite_migrations);
}

static void day_file(void **state)
{
    (void)state;
    upgrade_each("day", sqlite_day_migrations);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(main_file),
        cmocka_unit_test(day_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
