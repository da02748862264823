/*
 * rows: interned sets of small numbers. Whatever makes the same atoms true shares one row, so that a
 * list of a million items costs a row number an item.
 *
 * Row 0 is the empty set. Members are sorted and unique. Built once, then read only.
 */
#pragma once

#include "base/map.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ROWS_MEMBERS_MAX ((size_t)1 << 28) /* members of all rows together */

struct rows {
    uint32_t *members;
    uint32_t *at;   /* row r is members[at[r] .. at[r + 1]) */
    uint32_t *next; /* rows of the same hash */
    uint32_t n;
    size_t members_capacity;
    size_t rows_capacity;
    struct map index;
};

struct row {
    const uint32_t *members;
    uint32_t n;
};

int rows_init(struct rows *rows);
void rows_done(struct rows *rows);
size_t rows_bytes(const struct rows *rows);

/* The row of these members (sorted, unique). 0 or -ENOMEM, -E2BIG. */
int rows_intern(struct rows *rows, const uint32_t *members, size_t n, uint32_t *ret);
/* The union of k rows; `ids` is reordered. */
int rows_union(struct rows *rows, uint32_t *ids, size_t k, uint32_t *ret);

static inline struct row rows_get(const struct rows *rows, uint32_t id)
{
    return (struct row){ rows->members + rows->at[id], rows->at[id + 1] - rows->at[id] };
}

bool row_has(struct row row, uint32_t member);
