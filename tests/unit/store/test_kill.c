/*
 * kill: a child writes batches and tells of each that was acknowledged; it is killed at a random moment, again and
 * again on the same directory. What is stored is then what was acknowledged, and at most the batches that
 * were on their way: each whole, in its day and in hinomi.db alike.
 */
#include "days.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS  100
#define THREADS 3
#define ROWS    20 /* of a batch */

/* Shared with the children: of each writer, the batches begun and those acknowledged, ever. */
struct progress {
    int64_t begun[THREADS], acknowledged[THREADS];
};

struct writer {
    struct store *store;
    struct progress *progress;
    int64_t number;
};

struct batch {
    int64_t writer, n;
};

/* Rows of the day and the cursor: n is the batch. */
static int write_batch(void *data, struct sqlite3 *db, struct err *err)
{
    const struct batch *batch = data;
    struct sqlite3 *day = NULL;
    int r = sqlite_store_day(db, DAY(batch->n % 3), &day, err);
    for (int64_t i = 0; i < ROWS && r == 0; i++) {
        char id[64];
        snprintf(id, sizeof(id), "w%lld:%lld", (long long)batch->writer,
                 (long long)(batch->n * ROWS + i));
        r = sqlite_run(day, err, "INSERT INTO one (id, n) VALUES (?, ?)", "ti", str_of(id),
                       batch->writer);
    }
    return r < 0 ? r
                 : sqlite_run(db, err, "UPDATE cursor SET n = n + 1 WHERE writer = ? AND n = ?",
                              "ii", batch->writer, batch->n);
}

static void *write_on(void *data)
{
    const struct writer *writer = data;
    struct err err = { 0 };
    for (;;) {
        struct batch batch = { writer->number, writer->progress->acknowledged[writer->number] };
        __atomic_store_n(&writer->progress->begun[writer->number], batch.n + 1, __ATOMIC_SEQ_CST);
        if (sqlite_store_write(writer->store, &(struct sqlite_write){ write_batch, &batch }, &err) <
            0) {
            fprintf(stderr, "%s\n", err.message);
            _exit(1);
        }
        __atomic_store_n(&writer->progress->acknowledged[writer->number], batch.n + 1,
                         __ATOMIC_SEQ_CST);
    }
    return NULL;
}

static void child(const char *dir, struct progress *progress)
{
    struct store *store = NULL;
    struct err err = { 0 };
    if (store_open_sqlite(&(struct store_options){ .dir = dir }, &store, &err) < 0) {
        fprintf(stderr, "%s\n", err.message);
        _exit(1);
    }
    struct writer writers[THREADS];
    for (int i = 0; i < THREADS; i++) {
        pthread_t thread;
        writers[i] = (struct writer){ store, progress, i };
        pthread_create(&thread, NULL, write_on, &writers[i]);
    }
    for (;;) {
        pause();
    }
}

static void sleep_us(uint64_t us)
{
    struct timespec wait = { 0, (long)(us * 1000) };
    nanosleep(&wait, NULL);
}

static int64_t acknowledged(const struct progress *progress)
{
    int64_t sum = 0;
    for (int i = 0; i < THREADS; i++) {
        sum += __atomic_load_n(&progress->acknowledged[i], __ATOMIC_SEQ_CST);
    }
    return sum;
}

/* While it starts, or some us after so many more batches. */
static void kill_after(const char *dir, struct progress *progress, int64_t batches, uint64_t us)
{
    int64_t before = acknowledged(progress);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        child(dir, progress);
    }
    int status = 0;
    while (acknowledged(progress) < before + batches && waitpid(pid, &status, WNOHANG) == 0) {
        sleep_us(100);
    }
    sleep_us(us);
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
}

static int64_t number_of(struct sqlite3 *db, const char *sql)
{
    struct err err = { 0 };
    int64_t n = -1;
    if (sqlite_number(db, sql, -1, &n, &err) < 0) {
        fail_msg("%s", err.message);
    }
    return n;
}

static int64_t cursor_of(struct store *store, int writer)
{
    struct sqlite3 *db = NULL;
    char sql[96];
    snprintf(sql, sizeof(sql), "SELECT n FROM cursor WHERE writer = %d", writer);
    assert_int_equal(sqlite_store_read_begin(store, &db, NULL), 0);
    int64_t n = number_of(db, sql);
    sqlite_store_read_end(store, db);
    return n;
}

struct rows {
    int writer;
    int64_t n;
};

static int count_rows(void *data, struct sqlite3 *day, int64_t day_ms, struct err *err)
{
    (void)day_ms;
    (void)err;
    struct rows *rows = data;
    char sql[96];
    snprintf(sql, sizeof(sql), "SELECT count(*) FROM one WHERE n = %d", rows->writer);
    rows->n += number_of(day, sql);
    return 0;
}

static void check(struct store *store, struct progress *progress)
{
    for (int i = 0; i < THREADS; i++) {
        struct rows rows = { .writer = i };
        int64_t cursor = cursor_of(store, i);
        assert_true(cursor >= progress->acknowledged[i] && cursor <= progress->begun[i]);
        assert_true(progress->begun[i] <= progress->acknowledged[i] + 1);
        struct sqlite_days all = { 0, INT64_MAX, false, count_rows, &rows };
        assert_int_equal(sqlite_days_each(store, &all, NULL), 0);
        assert_int_equal(rows.n, cursor * ROWS);
        progress->acknowledged[i] = cursor; /* as an agent learns from its next answer */
    }
}

static int make_cursors(void *data, struct sqlite3 *db, struct err *err)
{
    (void)data;
    int r = sqlite_run(db, err, "CREATE TABLE cursor (writer INTEGER PRIMARY KEY, n INTEGER)", "");
    for (int64_t i = 0; i < THREADS && r == 0; i++) {
        r = sqlite_run(db, err, "INSERT INTO cursor VALUES (?, 0)", "i", i);
    }
    return r;
}

static void killed_at_random(void **state)
{
    struct store_fixture *fixture = *state;
    struct progress *progress =
        mmap(NULL, sizeof(*progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    uint64_t seed = (uint64_t)getpid(), taken_back = 0;
    assert_ptr_not_equal(progress, MAP_FAILED);
    assert_int_equal(
        sqlite_store_write(fixture->store, &(struct sqlite_write){ make_cursors, NULL }, NULL), 0);
    for (int i = 0; i < ROUNDS; i++) {
        store_close(fixture->store);
        fixture->store = NULL;
        int64_t batches = i % 5 == 0 ? 0 : 1 + (int64_t)test_random_below(&seed, 60);
        kill_after(fixture->dir.path, progress, batches, test_random_below(&seed, 5000));
        fixture->store = store_opened(&fixture->dir);
        taken_back += sqlite_of(fixture->store)->taken_back;
        check(fixture->store, progress);
    }
    print_message("%lld batches of %d rows, %llu rows taken back\n",
                  (long long)(progress->acknowledged[0] + progress->acknowledged[1] +
                              progress->acknowledged[2]),
                  ROWS, (unsigned long long)taken_back);
    assert_true(progress->acknowledged[0] > 0);
    munmap(progress, sizeof(*progress));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(killed_at_random, store_setup, store_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
