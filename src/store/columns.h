/*
 * columns: what findings are listed, counted and filtered by, in memory: a column an array, texts by dictionary.
 *
 * A check on a text is decided once for each different text, not for each finding, whatever its operator; a million
 * findings are then filtered, counted by every facet and sorted in some ten milliseconds, for 250 to 700 bytes each.
 * What the columns cannot say of a finding is left open: `maybe` of a selection, which the caller settles.
 *
 * Threads: readers between columns_read_lock() and columns_unlock(), one writer between columns_write_lock() and
 * columns_unlock(). Texts returned are borrowed until then.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "filter/filter.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COLUMNS_FINDINGS_MAX ((uint32_t)20 << 20)
#define COLUMNS_ITEMS_MAX    64 /* parts of a filter that are joined by `and` and told apart */
#define COLUMNS_BUCKETS_MAX  400
#define COLUMNS_BANDS        5 /* info, low, medium, high, critical */

enum column {
#define COLUMN(id, facet, own, sql) COLUMN_##id,
#include "store/columns.def"
#undef COLUMN
    COLUMN_COUNT,
};

/* Of columns_selection.about: severity, which is no text. */
#define COLUMN_SEVERITY ((enum column)(COLUMN_COUNT + 1))

struct column_desc {
    const char *facet;
    enum own_field own;
    const char *sql;
};
extern const struct column_desc column_table[COLUMN_COUNT];
/* COLUMN_COUNT: there is none of that name. */
enum column column_find(struct str facet);

struct columns_row {
    int64_t row;                    /* of table findings, > 0 */
    struct str texts[COLUMN_COUNT]; /* empty: none */
    int64_t first_seen_ms, last_seen_ms, count;
    uint8_t severity; /* tenths */
    bool sequence;
};

struct columns;

int columns_new(struct columns **ret);
void columns_free(struct columns *columns);
void columns_read_lock(struct columns *columns);
void columns_write_lock(struct columns *columns);
void columns_unlock(struct columns *columns);

/* Adds or replaces. -ENOMEM, -ENOSPC beyond COLUMNS_FINDINGS_MAX. */
int columns_put(struct columns *columns, const struct columns_row *row);
void columns_remove(struct columns *columns, int64_t row);
/* Rows of findings last seen before a time, of one of two statuses, at most `max`; from *place on, which moves. */
struct columns_over {
    int64_t before_ms;
    const char *status[2];
    uint32_t max;
};
uint32_t columns_over(const struct columns *columns, const struct columns_over *over,
                      uint32_t *place, int64_t *ret);
uint32_t columns_count(const struct columns *columns);
size_t columns_bytes(const struct columns *columns);

/* Bits by place; `yes` and `maybe` have none in common. */
struct columns_bits {
    uint64_t *yes, *maybe;
};

/* What a filter selects, part by part. */
struct columns_selection {
    struct columns_bits all;
    struct columns_bits parts[COLUMNS_ITEMS_MAX];
    enum column about
        [COLUMNS_ITEMS_MAX]; /* the only column that the part is about, COLUMN_SEVERITY; else COLUMN_COUNT */
    uint32_t nparts;
    uint32_t places;
    bool open; /* something is in `maybe` */
};

/* `context` is the caller's thread's. from and to bound last_seen_ms, to excluded; 0: open. -ENOMEM. */
struct columns_query {
    const struct filter *filter;
    struct filter_context *context;
    int64_t from_ms, to_ms;
};
int columns_select(struct columns *columns, const struct columns_query *query,
                   struct columns_selection *ret);
void columns_selection_done(struct columns_selection *selection); /* also of a zeroed one */
/* Findings whose place is in all.maybe, one after another; 0: no more. */
int64_t columns_next_open(const struct columns *columns, const struct columns_selection *selection,
                          uint32_t *cursor);
/* Decides it in `all` and every part. */
void columns_settle(const struct columns *columns, struct columns_selection *selection, int64_t row,
                    bool yes);
/* Everything left open is a no, but for those that were settled as yes. */
void columns_settle_rest(struct columns_selection *selection);
/* The selection without parts that are about this column: what a facet counts. `ret` has places / 64 + 1 words. */
void columns_without(const struct columns_selection *selection, enum column column, uint64_t *ret);
uint64_t columns_total(const struct columns_selection *selection);

struct columns_value {
    struct str text; /* empty: findings that have none */
    uint64_t count;
};
/* Counts per text of a column, most first, at most `max`; *ret_rest is what the others have together. */
int columns_facet(const struct columns *columns, enum column column, const uint64_t *bits,
                  struct columns_value *ret, uint32_t max, uint32_t *ret_n, uint64_t *ret_rest);
/* The same of each single tag, whose texts are copied to the arena. */
int columns_tags(const struct columns *columns, const uint64_t *bits, struct arena *arena,
                 struct columns_value *ret, uint32_t max, uint32_t *ret_n, uint64_t *ret_rest);
/* By severity band. */
void columns_bands(const struct columns *columns, const uint64_t *bits, uint64_t places,
                   uint64_t ret[COLUMNS_BANDS]);
/* last_seen_ms in `n` buckets of `width_ms` from from_ms. */
struct columns_histogram {
    int64_t from_ms, width_ms;
    uint32_t n;
    uint64_t (*ret)[COLUMNS_BANDS];
};
void columns_histogram(const struct columns *columns, const struct columns_selection *selection,
                       const struct columns_histogram *histogram);
void columns_span(const struct columns *columns, const struct columns_selection *selection,
                  int64_t *ret_first_ms, int64_t *ret_last_ms); /* 0, 0: nothing selected */

enum columns_sort { SORT_LAST_SEEN, SORT_FIRST_SEEN, SORT_SEVERITY, SORT_COUNT };
struct columns_page {
    enum columns_sort sort;
    bool ascending;
    bool resumed; /* after the place (value, row): where an earlier page ended */
    int64_t value, row;
    uint32_t skip; /* of the store's list(): so many are left out before */
    uint32_t limit;
};
struct columns_place {
    int64_t value, row;
};
/* Rows in order; equal values by row, in the same direction. Returns how many; -ENOMEM. */
int columns_page(const struct columns *columns, const struct columns_selection *selection,
                 const struct columns_page *page, struct columns_place *ret);
