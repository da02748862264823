/*
 * sqlite: opening, rights and the lock; statements, bindings and results; a body that fails is undone
 * alone; readers see one state.
 */
#include "support.h"

#include "store/sqlite.h"

#include <errno.h>
#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

static int make_table(void *data, struct sqlite3 *db, struct err *err)
{
    (void)data;
    return sqlite_run(db, err,
                      "CREATE TABLE test (id INTEGER PRIMARY KEY, name TEXT UNIQUE, n ANY)", "");
}

struct row {
    int64_t id;
    const char *name;
    int fail; /* returned after the row was written */
};

static int add_row(void *data, struct sqlite3 *db, struct err *err)
{
    const struct row *row = data;
    int r =
        sqlite_run(db, err, "INSERT INTO test VALUES (?, ?, ?)", "itn", row->id, str_of(row->name));
    return r < 0 ? r : row->fail;
}

static int write_row(struct store *store, struct row row, struct err *err)
{
    return sqlite_store_write(store, &(struct sqlite_write){ add_row, &row }, err);
}

static int64_t count(struct sqlite3 *db)
{
    struct err err = { 0 };
    sqlite3_stmt *statement = sqlite_statement(db, "SELECT count(*) FROM test", &err);
    assert_non_null(statement);
    assert_int_equal(sqlite_row(statement, &err), 1);
    int64_t n = sqlite3_column_int64(statement, 0);
    assert_int_equal(sqlite_row(statement, &err), 0);
    return n;
}

static int64_t count_now(struct store *store)
{
    struct sqlite3 *db = NULL;
    assert_int_equal(sqlite_store_read_begin(store, &db, NULL), 0);
    int64_t n = count(db);
    sqlite_store_read_end(store, db);
    return n;
}

static struct store *with_table(void **state)
{
    struct store *store = ((struct store_fixture *)*state)->store;
    struct err err = { 0 };
    assert_int_equal(sqlite_store_write(store, &(struct sqlite_write){ make_table, NULL }, &err),
                     0);
    return store;
}

static void assert_mode(const char *dir, const char *name, unsigned mode)
{
    char path[PATH_MAX + 32];
    struct stat st;
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, mode);
}

static void rights(void **state)
{
    struct store_fixture *fixture = *state;
    static const char *const files[] = { "hinomi.db", "hinomi.db-wal", "hinomi.db-shm", "lock" };
    with_table(state);
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        assert_mode(fixture->dir.path, files[i], 0600);
    }
    char below[PATH_MAX + 8];
    snprintf(below, sizeof(below), "%s/new", fixture->dir.path);
    struct store *store = NULL;
    assert_int_equal(store_open_sqlite(&(struct store_options){ .dir = below }, &store, NULL), 0);
    store_close(store);
    assert_mode(below, "", 0700);
}

static void one_server(void **state)
{
    struct store_fixture *fixture = *state;
    struct store *second = NULL;
    struct err err = { 0 };
    struct store_options options = { .dir = fixture->dir.path };
    assert_int_equal(store_open_sqlite(&options, &second, &err), -EBUSY);
    assert_non_null(strstr(err.message, "another hinomi-server"));
    assert_null(second);
}

static void bindings(void **state)
{
    struct store *store = ((struct store_fixture *)*state)->store;
    struct sqlite3 *db = NULL;
    struct err err = { 0 };
    struct arena arena;
    arena_init(&arena, 4096);
    assert_int_equal(sqlite_store_read_begin(store, &db, &err), 0);
    for (int i = 0; i < 3; i++) {
        sqlite3_stmt *s = sqlite_statement(db, "SELECT ?, ?, ?, ?, ?, ?", &err);
        assert_non_null(s);
        assert_int_equal(sqlite_bind(s, &err, "itbdnt", INT64_MIN, str_from("a\0b", 3),
                                     str_from("\xff\x00", 2), 0.5, (struct str){ NULL, 0 }),
                         0);
        assert_int_equal(sqlite_row(s, &err), 1);
        assert_int_equal(sqlite3_column_int64(s, 0), INT64_MIN);
        assert_true(str_eq(sqlite_text(s, 1, &arena), str_from("a\0b", 3)));
        assert_true(str_eq(sqlite_text(s, 2, &arena), str_from("\xff\x00", 2)));
        assert_true(sqlite3_column_double(s, 3) == 0.5);
        assert_null(sqlite_text(s, 4, &arena).p);
        assert_null(sqlite_text(s, 5, &arena).p);
        assert_int_equal(sqlite_row(s, &err), 0);
    }
    sqlite_store_read_end(store, db);
    arena_done(&arena);
}

static void bad_statement(void **state)
{
    struct store *store = ((struct store_fixture *)*state)->store;
    struct sqlite3 *db = NULL;
    struct err err = { 0 };
    assert_int_equal(sqlite_store_read_begin(store, &db, &err), 0);
    assert_null(sqlite_statement(db, "SELECT 1 FROM nowhere", &err));
    assert_non_null(strstr(err.message, "nowhere"));
    assert_true(sqlite_run(db, &err, "CREATE TABLE x (y)", "") < 0); /* a reader */
    sqlite_store_read_end(store, db);
}

static int64_t value_of(struct sqlite3 *db, const char *sql)
{
    struct err err = { 0 };
    sqlite3_stmt *s = sqlite_statement(db, sql, &err);
    assert_non_null(s);
    assert_int_equal(sqlite_row(s, &err), 1);
    int64_t n = sqlite3_column_int64(s, 0);
    sqlite3_reset(s);
    return n;
}

/* More than are kept, one of them running all the while; an address that came to hold another text. */
static void many_statements(void **state)
{
    struct store *store = ((struct store_fixture *)*state)->store;
    static char texts[SQLITE_STATEMENTS_MAX * 3][32];
    struct sqlite3 *db = NULL;
    struct err err = { 0 };
    assert_int_equal(sqlite_store_read_begin(store, &db, &err), 0);
    sqlite3_stmt *running = sqlite_statement(db, "SELECT 1 UNION SELECT 2", &err);
    assert_int_equal(sqlite_row(running, &err), 1);
    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
            snprintf(texts[i], sizeof(texts[i]), "SELECT %zu", i);
            assert_int_equal(value_of(db, texts[i]), i);
            assert_int_equal(value_of(db, texts[i]), i);
        }
    }
    snprintf(texts[0], sizeof(texts[0]), "SELECT 4711");
    assert_int_equal(value_of(db, texts[0]), 4711);
    assert_int_equal(sqlite_row(running, &err), 1);
    assert_int_equal(sqlite3_column_int64(running, 0), 2);
    assert_int_equal(sqlite_row(running, &err), 0);
    sqlite_store_read_end(store, db);
}

/* With one reader's connection, who comes second waits for the first. */
static void *read_too(void *data)
{
    return (void *)(intptr_t)count_now(data);
}

static void readers_wait(void **state)
{
    struct store_fixture *fixture = *state;
    with_table(state);
    store_close(fixture->store);
    struct store_options options = { .dir = fixture->dir.path, .readers = 1 };
    fixture->store = store_opened_as(&store_kinds[0], &options);
    struct sqlite3 *db = NULL;
    pthread_t second;
    void *n = &second;
    assert_int_equal(sqlite_store_read_begin(fixture->store, &db, NULL), 0);
    assert_int_equal(pthread_create(&second, NULL, read_too, fixture->store), 0);
    assert_int_equal(write_row(fixture->store, (struct row){ 1, "a", 0 }, NULL), 0);
    assert_int_equal(count(db), 1);
    sqlite_store_read_end(fixture->store, db);
    assert_int_equal(pthread_join(second, &n), 0);
    assert_int_equal((intptr_t)n, 1);
}

static void undone_alone(void **state)
{
    struct store *store = with_table(state);
    struct err err = { 0 };
    assert_int_equal(write_row(store, (struct row){ 1, "a", 0 }, &err), 0);
    assert_int_equal(write_row(store, (struct row){ 2, "b", -ENOENT }, &err), -ENOENT);
    assert_int_equal(write_row(store, (struct row){ 3, "a", 0 }, &err), -EEXIST);
    assert_int_equal(write_row(store, (struct row){ 1, "c", 0 }, &err), -EEXIST);
    assert_int_equal(write_row(store, (struct row){ 2, "b", 0 }, &err), 0);
    assert_int_equal(count_now(store), 2);
}

static void readers_see_one_state(void **state)
{
    struct store *store = with_table(state);
    struct sqlite3 *db = NULL;
    assert_int_equal(sqlite_store_read_begin(store, &db, NULL), 0);
    assert_int_equal(count(db), 0);
    assert_int_equal(write_row(store, (struct row){ 1, "a", 0 }, NULL), 0);
    assert_int_equal(count(db), 0);
    assert_int_equal(count_now(store), 1);
    sqlite_store_read_end(store, db);
    assert_int_equal(count_now(store), 1);
}

static void kept(void **state)
{
    struct store_fixture *fixture = *state;
    with_table(state);
    for (int i = 0; i < 20; i++) {
        char name[16];
        snprintf(name, sizeof(name), "n%d", i);
        assert_int_equal(write_row(fixture->store, (struct row){ i, name, 0 }, NULL), 0);
        store_close(fixture->store);
        fixture->store = store_opened(&fixture->dir);
        assert_int_equal(count_now(fixture->store), i + 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rights, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(one_server, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(bindings, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(bad_statement, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(many_statements, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(readers_wait, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(undone_alone, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(readers_see_one_state, store_setup, store_teardown),
        cmocka_unit_test_setup_teardown(kept, store_setup, store_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
