/*
 * sqlite: what the files of the SQLite store share; nobody outside src/store includes it.
 *
 * DIR/hinomi.db (WAL, synchronous=FULL) holds what is changed: findings, content, accounts, cursors.
 * DIR/day-YYYY-MM-DD.db, by UTC day of arrival, hold alerts, activity and gaps as they came; a day is dropped by
 * deleting its file. A day is only ever appended to; its tables have an INTEGER PRIMARY KEY, nothing but
 * whole days is deleted (what is changed about an alert is a column of hinomi.db).
 *
 * One thread writes at a time, through a connection to each file; callers that come together share one
 * commit. Readers have connections of their own and see the last commit.
 *
 * Across the files a commit is ordered: the days first, then hinomi.db, which notes how far each table of each
 * day is valid (day_marks). What a day holds beyond its marks, because the machine stopped or the disk was full
 * between the two, is taken back when the store is opened or before the next write: rows of a day, cursors and
 * findings always agree. Between the two commits (some ms) a reader may see rows that are not yet acknowledged.
 *
 * Migrations are migrations/NNNN-name.sql (and migrations/day/ for the days), built in, each applied once in
 * order in a transaction of its own, recorded in PRAGMA user_version. They are forward only, and never
 * changed after a release. Name the file in meson.build.
 *
 * An area is a file sqlite_AREA.c with `const struct store_AREA_ops sqlite_AREA_ops`, declared at the end of this
 * header and named in sqlite_areas() of sqlite.c; until then its table in struct store is NULL.
 */
#pragma once

#include "store/store.h"

#include <sqlite3.h>

#define SQLITE_STATEMENTS_MAX 256 /* kept per connection */
#define SQLITE_DAYS_MAX       4096

struct sqlite_store; /* begins with struct store; store/sqlite_store.h */

/*
 * Runs body in one write transaction; when it returns 0, what it did is durable on return. Otherwise only what
 * this body did is undone, and the result is what it returned.
 *
 * The body runs once, on any thread, while the caller waits; it must not call sqlite_store_write or wait for
 * somebody who does, should not take long, and must not begin, commit or roll back by itself. `db` is hinomi.db;
 * days come from sqlite_store_day(). It may read what it wrote.
 */
struct sqlite_write {
    int (*body)(void *data, struct sqlite3 *db, struct err *err);
    void *data;
};
int sqlite_store_write(struct store *store, const struct sqlite_write *write, struct err *err);
/* The same for a body that writes thousands of rows: no other is before it in its transaction. */
int sqlite_store_write_large(struct store *store, const struct sqlite_write *write,
                             struct err *err);

/*
 * In a write body: the file of the UTC day of received_ms, made if it is not there, in the same transaction
 * as db. For sqlite_run(), sqlite_statement() and the like. Insert only.
 */
int sqlite_store_day(struct sqlite3 *db, int64_t received_ms, struct sqlite3 **ret,
                     struct err *err);

/* A reader's connection to hinomi.db until given back; reads between the two see one state. It waits when
 * all are taken: take one at a time. */
int sqlite_store_read_begin(struct store *store, struct sqlite3 **ret, struct err *err);
void sqlite_store_read_end(struct store *store, struct sqlite3 *db);

/*
 * Reads the days that overlap [from_ms, to_ms) of arrival, one after another. `each` returns 0 to go on, 1 to
 * stop, or -errno; it gets the day's beginning. A day that is dropped meanwhile is read to its end if it was
 * begun, and left out otherwise. A result of 1 from `each` is returned as 0.
 */
struct sqlite_days {
    int64_t from_ms, to_ms;
    bool newest_first;
    int (*each)(void *data, struct sqlite3 *day, int64_t day_ms, struct err *err);
    void *data;
};
int sqlite_days_each(struct store *store, const struct sqlite_days *days, struct err *err);

/* One day's reader, for those who go from day to day at their own pace. -ENOENT: no such day. Give it back
 * with sqlite_day_read_end(). */
int sqlite_day_read_begin(struct store *store, int64_t day_ms, struct sqlite3 **ret,
                          struct err *err);
void sqlite_day_read_end(struct store *store, struct sqlite3 *db);
/* The newest day that begins before `before_ms` (INT64_MAX: of all); -1 when there is none. */
int64_t sqlite_day_before(struct store *store, int64_t before_ms);

/*
 * A statement prepared once per connection and text (a literal, found by address), reset and without
 * bindings. Step it to its end or sqlite3_reset() it. NULL: err says why.
 */
sqlite3_stmt *sqlite_statement(struct sqlite3 *db, const char *literal, struct err *err);

/* Binds by a format: i int64_t, t struct str (text), b struct str (blob), d double, n NULL (no argument). A str
 * whose .p is NULL binds NULL. What is bound is borrowed until the statement is reset. */
int sqlite_bind(sqlite3_stmt *statement, struct err *err, const char *format, ...);
/* One row: 1 a row, 0 the end (reset), -errno (reset). */
int sqlite_row(sqlite3_stmt *statement, struct err *err);
/* A statement without rows, all in one. -EEXIST for a broken unique key, -EINVAL for another constraint. */
int sqlite_run(struct sqlite3 *db, struct err *err, const char *literal, const char *format, ...);
/* SQLite's code of that connection as -errno, with its message. */
int sqlite_err(struct sqlite3 *db, struct err *err, const char *what);
/* Column as text, copied to the arena; .p == NULL: NULL or out of memory. */
struct str sqlite_text(sqlite3_stmt *statement, int column, struct arena *arena);
/* The same, borrowed until the statement steps on. */
struct str sqlite_text_borrowed(sqlite3_stmt *statement, int column);

/* Of the areas; each in a file of its own. */
extern const struct store_content_ops sqlite_content_ops;
extern const struct store_accounts_ops sqlite_accounts_ops; /* sqlite_accounts.c */
extern const struct store_ingest_ops sqlite_ingest_ops;     /* sqlite_ingest.c */
