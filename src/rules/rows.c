/*
 * rows: members of all rows lie one after the other in one array; a map from a hash of the members
 * finds a row that exists already, rows of one hash are chained.
 *
 * A union collects the members of its rows, sorts them and drops doubles: rows are small, and each
 * union that occurs is made once while a matcher is built.
 */
#include "rules/rows.h"

#include "base/arena.h"
#include "base/cleanup.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int rows_init(struct rows *rows)
{
    uint32_t empty;
    *rows = (struct rows){ 0 };
    return rows_intern(rows, NULL, 0, &empty);
}

void rows_done(struct rows *rows)
{
    free(rows->members);
    free(rows->at);
    free(rows->next);
    map_done(&rows->index);
    *rows = (struct rows){ 0 };
}

size_t rows_bytes(const struct rows *rows)
{
    return rows->members_capacity * sizeof(uint32_t) + rows->rows_capacity * 2 * sizeof(uint32_t) +
           (rows->index.slots ? (rows->index.mask + 1) * sizeof(struct map_slot) : 0);
}

static int grow(uint32_t **p, size_t capacity)
{
    uint32_t *bigger = mem_resize(*p, capacity, sizeof(**p));
    if (!bigger) {
        return -ENOMEM;
    }
    *p = bigger;
    return 0;
}

static int make_room(struct rows *rows, size_t n)
{
    size_t used = rows->n ? rows->at[rows->n] : 0;
    if (n > ROWS_MEMBERS_MAX - used) {
        return -E2BIG;
    }
    if (!rows->members || used + n > rows->members_capacity) {
        size_t capacity = (used + n) * 3 / 2 + 64;
        if (grow(&rows->members, capacity) < 0) {
            return -ENOMEM;
        }
        rows->members_capacity = capacity;
    }
    if (rows->n + 2 > rows->rows_capacity) {
        size_t capacity = rows->rows_capacity * 3 / 2 + 16;
        if (grow(&rows->at, capacity) < 0 || grow(&rows->next, capacity) < 0) {
            return -ENOMEM;
        }
        rows->rows_capacity = capacity;
    }
    return 0;
}

/* The chain's head is kept as row + 1, for values of a map are never NULL. */
static uint32_t chain_head(const struct rows *rows, uint64_t hash)
{
    return (uint32_t)(uintptr_t)map_get(&rows->index, hash);
}

int rows_intern(struct rows *rows, const uint32_t *members, size_t n, uint32_t *ret)
{
    uint64_t hash = str_hash(str_from(members, n * sizeof(*members)));
    uint32_t head = chain_head(rows, hash);
    for (uint32_t at = head; at; at = rows->next[at - 1]) {
        struct row row = rows_get(rows, at - 1);
        if (row.n == n && (n == 0 || memcmp(row.members, members, n * sizeof(*members)) == 0)) {
            *ret = at - 1;
            return 0;
        }
    }
    int r = make_room(rows, n);
    if (r < 0) {
        return r;
    }
    uint32_t id = rows->n;
    r = map_put(&rows->index, hash, (void *)(uintptr_t)(id + 1));
    if (r < 0) {
        return r;
    }
    if (id == 0) {
        rows->at[0] = 0;
    }
    if (n) {
        memcpy(rows->members + rows->at[id], members, n * sizeof(*members));
    }
    rows->at[id + 1] = rows->at[id] + (uint32_t)n;
    rows->next[id] = head;
    rows->n++;
    *ret = id;
    return 0;
}

static int order_u32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a;
    uint32_t y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static size_t sort_unique(uint32_t *p, size_t n)
{
    size_t kept = 0;
    if (n > 1) {
        qsort(p, n, sizeof(*p), order_u32);
    }
    for (size_t i = 0; i < n; i++) {
        if (kept == 0 || p[kept - 1] != p[i]) {
            p[kept++] = p[i];
        }
    }
    return kept;
}

int rows_union(struct rows *rows, uint32_t *ids, size_t k, uint32_t *ret)
{
    size_t total = 0;
    k = sort_unique(ids, k);
    if (k <= 1) {
        *ret = k ? ids[0] : 0;
        return 0;
    }
    for (size_t i = 0; i < k; i++) {
        total += rows_get(rows, ids[i]).n;
    }
    if (total > ROWS_MEMBERS_MAX) {
        return -E2BIG;
    }
    CLEANUP(cleanup_free) uint32_t *all = mem_alloc((total + 1) * sizeof(*all));
    if (!all) {
        return -ENOMEM;
    }
    size_t n = 0;
    for (size_t i = 0; i < k; i++) {
        struct row row = rows_get(rows, ids[i]);
        if (row.n) {
            memcpy(all + n, row.members, row.n * sizeof(*all));
            n += row.n;
        }
    }
    return rows_intern(rows, all, sort_unique(all, n), ret);
}

bool row_has(struct row row, uint32_t member)
{
    const uint32_t *at = row.members;
    uint32_t n = row.n;
    while (n > 1) {
        uint32_t half = n / 2;
        at = at[half] <= member ? at + half : at;
        n -= half;
    }
    return n && *at == member;
}
