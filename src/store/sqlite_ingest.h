/*
 * sqlite_ingest: what sqlite_ingest.c (writing) and sqlite_ingest_read.c share.
 */
#pragma once

#include "store/ingest.h"
#include "store/sqlite.h"

struct ingest_tx {
    struct sqlite3 *db, *day; /* day NULL: not asked for yet */
    int64_t now_ms;
};

/* sqlite_statement() as 0 or -errno. */
int sqlite_prepare(struct sqlite3 *db, const char *literal, sqlite3_stmt **ret, struct err *err);
void sqlite_ingest_id(char to[INGEST_ID + 1], sqlite3_stmt *s, int column);

int sqlite_ingest_members(struct ingest_tx *tx, const struct ingest_finding *of,
                          struct arena *arena, struct ingest_members *ret, struct err *err);
int sqlite_ingest_statuses(struct store *store,
                           void (*each)(void *data, const struct ingest_status *), void *data,
                           struct err *err);
int sqlite_ingest_gaps(struct store *store, const struct ingest_gap_query *query,
                       struct arena *arena, struct ingest_gap_page *ret, struct err *err);
int sqlite_ingest_totals(struct store *store, struct str agent, struct ingest_totals *ret,
                         struct err *err);
