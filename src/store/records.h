/*
 * store/records: alerts and activity as they came, over the days that are kept.
 *
 * Newest arrival first. A cursor is the place (day, row) after which a page begins; days may go meanwhile.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "filter/filter.h"
#include "store/store.h"

#include <stdbool.h>
#include <stdint.h>

#define RECORDS_PAGE_MAX 500

struct records_place {
    int64_t day_ms, row; /* row 0: the day's newest */
};

struct records_query {
    enum filter_over over;       /* FILTER_ALERTS or FILTER_ACTIVITY */
    const struct filter *filter; /* over the same; NULL: all */
    int64_t finding;             /* alerts of this one only; 0: any */
    struct str rule;             /* alerts of this one only; empty: any */
    int64_t from_ms, to_ms;      /* time_ms, to_ms excluded; 0: open */
    struct records_place after;  /* day_ms 0: from the newest */
    uint32_t deadline_ms;        /* 0: 5,000 */
};

struct record_row {
    struct records_place place;
    struct str id, agent; /* id: of alerts */
    int64_t time_ms, finding;
    struct str body; /* JSON */
};

struct store_records_ops {
    /* `each` returns 0 to go on, 1 to stop, or -errno. What it is given lives for the call. */
    int (*each)(struct store *store, const struct records_query *query,
                int (*each)(void *data, const struct record_row *row), void *data, struct err *err);
};

extern const struct store_records_ops sqlite_records_ops;
