/*
 * sqlite_columns: keeps the columns in memory the same as table findings.
 *
 * The writer's update hook notes which rows of the table a transaction touched; after it was committed, or undone, they
 * are read again, so that the columns always show what is in the table, whoever changed it.
 */
#include "store/sqlite_store.h"

#include "base/cleanup.h"
#include "store/columns.h"

#include <errno.h>
#include <stdlib.h>

#define TOUCHED_MAX                                                                                \
    ((size_t)1 << 20) /* rows of one transaction; beyond, everything is read again */

struct sqlite_columns {
    struct columns *columns;
    int64_t *touched;
    size_t n, capacity;
    bool all; /* more were touched than remembered */
};

#define COLUMN(id, facet, own, sql) sql ","
static const char select_all[] = "SELECT "
#include "store/columns.def"
                                 "first_seen_ms,last_seen_ms,count,severity,sequence,row "
                                 "FROM findings";
#undef COLUMN
#define COLUMN(id, facet, own, sql) sql ","
static const char select_one[] = "SELECT "
#include "store/columns.def"
                                 "first_seen_ms,last_seen_ms,count,severity,sequence,row "
                                 "FROM findings WHERE row=?";
#undef COLUMN

static void on_update(void *data, int operation, const char *database, const char *table,
                      sqlite3_int64 row)
{
    struct sqlite_columns *c = data;
    (void)operation;
    (void)database;
    if (strcmp(table, "findings") != 0 || c->all || (c->n > 0 && c->touched[c->n - 1] == row)) {
        return;
    }
    if (c->n == c->capacity) {
        size_t capacity = c->capacity ? c->capacity * 2 : 1024;
        int64_t *touched =
            capacity > TOUCHED_MAX ? NULL : mem_resize(c->touched, capacity, sizeof(*touched));
        if (!touched) {
            c->all = true;
            return;
        }
        c->touched = touched;
        c->capacity = capacity;
    }
    c->touched[c->n++] = row;
}

static int put_row(struct sqlite_columns *c, sqlite3_stmt *statement)
{
    struct columns_row row = { 0 };
    int i = 0;
    for (; i < COLUMN_COUNT; i++) {
        row.texts[i] = sqlite_text_borrowed(statement, i);
    }
    row.first_seen_ms = sqlite3_column_int64(statement, i++);
    row.last_seen_ms = sqlite3_column_int64(statement, i++);
    row.count = sqlite3_column_int64(statement, i++);
    row.severity = (uint8_t)sqlite3_column_int(statement, i++);
    row.sequence = sqlite3_column_int(statement, i++) != 0;
    row.row = sqlite3_column_int64(statement, i);
    return columns_put(c->columns, &row);
}

static int load(struct sqlite_columns *c, struct sqlite3 *db, struct err *err)
{
    sqlite3_stmt *statement = sqlite_statement(db, select_all, err);
    int r = statement ? 0 : -EIO;
    while (r == 0 && (r = sqlite_row(statement, err)) == 1) {
        r = put_row(c, statement);
        if (r < 0) {
            sqlite3_reset(statement);
            return err_set(err, r, "findings cannot be held in memory: %s",
                           r == -ENOSPC ? "there are too many" : "out of memory");
        }
    }
    return r;
}

int sqlite_columns_open(struct sqlite_store *store, struct err *err)
{
    struct sqlite_columns *c = mem_zalloc(sizeof(*c));
    if (!c || columns_new(&c->columns) < 0) {
        free(c);
        return err_set(err, -ENOMEM, "out of memory");
    }
    store->columns = c;
    sqlite3_update_hook(store->writer->db, on_update, c);
    return load(c, store->writer->db, err);
}

void sqlite_columns_close(struct sqlite_store *store)
{
    if (store->columns) {
        columns_free(store->columns->columns);
        free(store->columns->touched);
        free(store->columns);
        store->columns = NULL;
    }
}

struct columns *sqlite_columns_of(struct sqlite_store *store)
{
    return store->columns->columns;
}

static int by_number(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return x < y ? -1 : x > y;
}

/* A row that cannot be read or held is left out: lists then lack it until the next start. */
static void apply_row(struct sqlite_columns *c, struct sqlite3 *db, int64_t row)
{
    sqlite3_stmt *statement = sqlite_statement(db, select_one, NULL);
    if (!statement || sqlite_bind(statement, NULL, "i", row) < 0 ||
        sqlite_row(statement, NULL) != 1) {
        columns_remove(c->columns, row);
        return;
    }
    put_row(c, statement);
    sqlite3_reset(statement);
}

void sqlite_columns_apply(struct sqlite_store *store)
{
    struct sqlite_columns *c = store->columns;
    if (!c || (c->n == 0 && !c->all)) {
        return;
    }
    qsort(c->touched, c->n, sizeof(*c->touched), by_number);
    columns_write_lock(c->columns);
    for (size_t i = 0; i < c->n && !c->all; i++) {
        if (i == 0 || c->touched[i] != c->touched[i - 1]) {
            apply_row(c, store->writer->db, c->touched[i]);
        }
    }
    if (c->all) {
        load(c, store->writer->db, NULL);
    }
    columns_unlock(c->columns);
    c->n = 0;
    c->all = false;
}
