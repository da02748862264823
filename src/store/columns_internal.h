/* columns_internal: what the files of columns share. */
#pragma once

#include "base/map.h"
#include "store/columns.h"

#include <pthread.h>

/* The different texts of a column. Id 0 stands for none. A text that nothing uses gives its id back. */
struct dictionary {
    struct smap index; /* text to id; keys are `texts` */
    struct str *texts;
    uint32_t *uses;
    uint32_t *free_ids;
    uint32_t n, capacity, nfree; /* ids 1..n were given */
};

struct columns {
    pthread_rwlock_t lock;
    struct map by_row; /* place + 1 */
    uint32_t *free_places;
    uint32_t places, capacity, count,
        nfree; /* places 0..places-1 were given; free ones have row 0 */
    uint32_t *ids[COLUMN_COUNT];
    int64_t *row, *first_seen, *last_seen, *counts;
    uint8_t *severity;
    bool *sequence;
    struct dictionary dictionaries[COLUMN_COUNT];
};

static inline size_t columns_words(uint32_t places)
{
    return (size_t)places / 64 + 1;
}

static inline bool columns_bit(const uint64_t *bits, uint32_t place)
{
    return bits[place / 64] >> (place % 64) & 1;
}

/* -1: no such finding. */
int64_t columns_place_of(const struct columns *columns, int64_t row);
unsigned columns_band(uint8_t severity);
