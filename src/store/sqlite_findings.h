/* sqlite_findings: what the files of this area share. */
#pragma once

#include "store/findings.h"
#include "store/sqlite_store.h"

/* Ends a query that takes too long: sqlite_deadline_begin(), work, sqlite_deadline_end() on the same connection. */
struct sqlite_deadline {
    uint64_t end_ns; /* CLOCK_MONOTONIC */
    bool over;
};
void sqlite_deadline_begin(struct sqlite3 *db, struct sqlite_deadline *deadline, uint32_t ms);
/* -EINTR of a query as -ETIMEDOUT with advice. */
int sqlite_deadline_end(struct sqlite3 *db, struct sqlite_deadline *deadline, int r,
                        struct err *err);

/* Binds a filter's parameters from `first` on; 0 or -errno. */
int sqlite_bind_filter(sqlite3_stmt *statement, int first, const struct filter_sql *sql,
                       struct err *err);

/*
 * The filter over all findings, everything decided, with the columns locked for reading until
 * sqlite_selected_done(). `db` is a reader's connection of this store.
 */
struct sqlite_selected {
    struct columns *columns; /* NULL: not locked */
    struct columns_selection selection;
};
int sqlite_select(struct store *store, struct sqlite3 *db, const struct findings_query *query,
                  struct arena *arena, struct sqlite_selected *ret, struct err *err);
void sqlite_selected_done(struct sqlite_selected *selected);
