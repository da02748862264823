/*
 * days: see days.h.
 */
#include "days.h"

/* In place of the store's own. */
const struct sqlite_migration sqlite_day_migrations[] = {
    { 1, "test", "CREATE TABLE one (seq INTEGER PRIMARY KEY, id TEXT UNIQUE, n INTEGER) STRICT" },
    { 2, "test", "CREATE TABLE two (seq INTEGER PRIMARY KEY)" },
    { 0, NULL, NULL },
};

static int add(void *data, struct sqlite3 *db, struct err *err)
{
    const struct day_batch *batch = data;
    struct sqlite3 *day = NULL;
    int r = sqlite_store_day(db, batch->day_ms + 5, &day, err);
    for (int64_t i = batch->from; i < batch->from + batch->n && r == 0; i++) {
        char id[32];
        snprintf(id, sizeof(id), "id%lld", (long long)i);
        r = sqlite_run(day, err, "INSERT INTO one (id, n) VALUES (?, ?)", "ti", str_of(id), i);
    }
    return r < 0 ? r : batch->fail;
}

int days_put_err(struct store *store, struct day_batch batch, struct err *err)
{
    return sqlite_store_write(store, &(struct sqlite_write){ add, &batch }, err);
}

int days_put(struct store *store, struct day_batch batch)
{
    struct err err = { 0 };
    return days_put_err(store, batch, &err);
}

static int see(void *data, struct sqlite3 *day, int64_t day_ms, struct err *err)
{
    struct days_seen *seen = data;
    sqlite3_stmt *sum = sqlite_statement(day, "SELECT coalesce(sum(n), 0), count(*) FROM one", err);
    assert_non_null(sum);
    assert_int_equal(sqlite_row(sum, err), 1);
    seen->days[seen->n] = day_ms;
    seen->counts[seen->n] = sqlite3_column_int64(sum, 1);
    seen->sums[seen->n++] = sqlite3_column_int64(sum, 0);
    return seen->stop == seen->n;
}

struct days_seen days_read(struct store *store, int64_t from, int64_t to, bool newest, size_t stop)
{
    struct days_seen seen = { .stop = stop };
    struct err err = { 0 };
    struct sqlite_days days = { from, to, newest, see, &seen };
    assert_int_equal(sqlite_days_each(store, &days, &err), 0);
    return seen;
}

int64_t days_count(struct store *store)
{
    struct days_seen seen = days_read(store, 0, INT64_MAX, false, 0);
    int64_t sum = 0;
    for (size_t i = 0; i < seen.n; i++) {
        sum += seen.counts[i];
    }
    return sum;
}
