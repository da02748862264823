/*
 * sqlite: what the files of the SQLite store share; nobody outside src/store includes it.
 *
 * DIR/hinomi.db (WAL, synchronous=FULL) holds what is changed: findings, content, accounts, cursors.
 * DIR/day-YYYY-MM-DD.db, by UTC day of arrival, hold alerts, activity and gaps as they came; a day is dropped by
 * deleting its file. One connection writes, a transaction at a time; readers have connections of their own and
 * see the last commit.
 *
 * Across the two files a commit is ordered: the day first, then hinomi.db with the agent's cursor. What a day
 * holds beyond its cursor after a crash is taken back when the store is opened, so both always agree.
 *
 * Migrations are migrations/NNNN-name.sql (and migrations/day/), built in, each applied once in order in a
 * transaction of its own, recorded in PRAGMA user_version.
 */
#pragma once

#include "store/store.h"

#include <sqlite3.h>

struct sqlite_store; /* begins with struct store */

/*
 * Runs body in one write transaction of hinomi.db; commits when it returns 0, rolls back otherwise and returns
 * what it returned. Not from within a body. The day of now is attached as "day" when `day` is set.
 */
struct sqlite_write {
    int (*body)(void *data, struct sqlite3 *db, struct err *err);
    void *data;
};
int sqlite_store_write(struct store *store, const struct sqlite_write *write, struct err *err);

/* A reader's connection until given back; reads between the two see one state. */
int sqlite_store_read_begin(struct store *store, struct sqlite3 **ret, struct err *err);
void sqlite_store_read_end(struct store *store, struct sqlite3 *db);

/*
 * A statement prepared once per connection and text (a literal, found by address), reset and without
 * bindings. Step it to its end or sqlite3_reset() it. NULL: err says why.
 */
sqlite3_stmt *sqlite_statement(struct sqlite3 *db, const char *literal, struct err *err);

/* Binds by a format: i int64_t, t struct str (text), b struct str (blob), d double, n NULL (no argument). */
int sqlite_bind(sqlite3_stmt *statement, struct err *err, const char *format, ...);
/* One row: 1 a row, 0 the end (reset), -errno. */
int sqlite_row(sqlite3_stmt *statement, struct err *err);
/* A statement without rows, all in one. -EEXIST for a broken unique key. */
int sqlite_run(struct sqlite3 *db, struct err *err, const char *literal, const char *format, ...);
/* SQLite's code of that connection as -errno, with its message. */
int sqlite_err(struct sqlite3 *db, struct err *err, const char *what);
/* Column as text, copied to the arena; .p == NULL: NULL or out of memory. */
struct str sqlite_text(sqlite3_stmt *statement, int column, struct arena *arena);
