/*
 * textset_internal: the table that textset.c builds and textset_grams.c searches for substrings.
 */
#pragma once

#include "rules/textset.h"

#include <string.h>

enum slot_kind { SLOT_FREE, SLOT_TEXT, SLOT_INNER, SLOT_LEAF, SLOT_GRAM };

struct slot {
    uint64_t hash;
    const struct str *item;
    uint32_t row;
    uint16_t level; /* INNER, LEAF: words of the prefix; GRAM: where in the item the gram lies */
    uint8_t mask;   /* INNER: lengths of texts that end within the next word; GRAM: its width */
    uint8_t kind;   /* enum slot_kind */
};

/* Two bits in one word tell that a hash is certainly not in the table. */
struct filter {
    uint64_t *words;
    unsigned shift; /* 64 - log2(words) */
};

struct incidence {
    uint32_t row;
    uint32_t next;
};

#define GRAM_CLASSES 4
#define GRAM_PAIRS   65536
#define DIRECT_MAX   10

struct textset {
    enum textset_kind kind;
    bool one_row;       /* all texts belong to only_row: the first one found ends a search */
    uint32_t only_row;  /* 0: none yet */
    uint32_t empty_row; /* of the empty text: paths and substrings */
    uint8_t root_mask;
    uint64_t seed[3];
    uint64_t lengths; /* bit n: texts of n bytes; bit 63: longer ones */
    struct slot *slots;
    size_t nslots;
    size_t used;                  /* slots in use */
    size_t items;                 /* distinct texts */
    struct incidence *incidences; /* while building: further rows of a text */
    size_t nincidences;
    size_t incidences_capacity;
    struct filter filter;
    struct filter gram_filter[GRAM_CLASSES];
    size_t gram_count[GRAM_CLASSES];
    uint8_t *pairs; /* by two bytes: bits of the classes with a gram that begins so */
    const struct slot *direct[DIRECT_MAX]; /* few substrings: looked for one by one */
    uint32_t ndirect;
};

static inline uint64_t textset_fold(uint64_t a, uint64_t b)
{
    __extension__ unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t textset_load(const char *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof(v));
    return v;
}

/* n < 8 bytes, the first one lowest. */
static inline uint64_t textset_load_tail(const char *p, size_t n)
{
    if (n >= 4) {
        uint32_t a;
        uint32_t b;
        memcpy(&a, p, 4);
        memcpy(&b, p + n - 4, 4);
        return a | (uint64_t)b << (8 * (n - 4));
    }
    uint64_t v = n ? (unsigned char)p[0] : 0;
    v |= n > 1 ? (uint64_t)(unsigned char)p[1] << 8 : 0;
    return v | (n > 2 ? (uint64_t)(unsigned char)p[2] << 16 : 0);
}

static inline bool filter_has(const struct filter *filter, uint64_t hash)
{
    uint64_t word = filter->words[hash >> filter->shift];
    return word >> (hash & 63) & word >> (hash >> 6 & 63) & 1;
}

int filter_init(struct filter *filter, size_t items);
static inline void filter_add(struct filter *filter, uint64_t hash)
{
    filter->words[hash >> filter->shift] |= UINT64_C(1) << (hash & 63) | UINT64_C(1)
                                                                             << (hash >> 6 & 63);
}

static inline size_t slot_home(const struct textset *set, uint64_t hash)
{
    return (size_t)(((hash & UINT32_MAX) * (uint64_t)set->nslots) >> 32);
}

static inline void hits_push(struct textset_hits *hits, uint32_t row)
{
    for (uint32_t i = 0; i < hits->n; i++) {
        if (hits->rows[i] == row) {
            return;
        }
    }
    if (hits->n == TEXTSET_HITS_MAX) {
        hits->overflow = true;
        return;
    }
    hits->rows[hits->n++] = row;
}

/* Room for n more slots: pointers to slots become invalid. */
int textset_reserve(struct textset *set, size_t n);
/* A free slot for the hash, counted as used; after textset_reserve(). */
struct slot *textset_place(struct textset *set, uint64_t hash);
/* One more row of the text in this slot. */
int textset_add_row(struct textset *set, struct slot *slot, uint32_t row);

int textset_add_gram(struct textset *set, const struct str *item, uint32_t row);
int textset_finish_grams(struct textset *set);
void textset_find_grams(const struct textset *set, struct str value, struct textset_hits *hits);
