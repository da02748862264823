/*
 * days: batches of a table of the tests' own, in the day files of a store.
 *
 * days.c has migrations of its own in place of the store's: table one(seq, id unique, n), and two(seq).
 */
#pragma once

#include "support.h"

#include "store/sqlite_store.h"

#define DAY(n) (INT64_C(1700006400000) + (n)*SQLITE_DAY_MS) /* 2023-11-15 */

/* Rows n = from ... from + n - 1 with id "id<n>". `fail` is what the body returns after writing them. */
struct day_batch {
    int64_t day_ms, from, n;
    int fail;
};
int days_put(struct store *store, struct day_batch batch);
int days_put_err(struct store *store, struct day_batch batch, struct err *err);

struct days_seen {
    int64_t days[64], sums[64], counts[64];
    size_t n, stop; /* after so many days; 0: all */
};
struct days_seen days_read(struct store *store, int64_t from, int64_t to, bool newest, size_t stop);
int64_t days_count(struct store *store); /* rows in all */
