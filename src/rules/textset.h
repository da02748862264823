/*
 * textset: which of very many texts a value equals, starts with, ends with or holds.
 *
 * Each text belongs to rows (of a struct rows); a search yields the rows of the texts found. Costs
 * depend on the value's length, not on the number of texts. Texts are borrowed and must outlive the
 * set. Built once (add, add, ... finish), then read only; searches never allocate.
 */
#pragma once

#include "base/str.h"
#include "rules/rows.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum textset_kind {
    TEXTSET_EXACT,
    TEXTSET_PREFIX,
    TEXTSET_SUFFIX,
    TEXTSET_PATH, /* whole components: /etc holds /etc and /etc/x, not /etcx */
    TEXTSET_CONTAINS,
    TEXTSET_ICONTAINS, /* ASCII letters of either case */
};

#define TEXTSET_HITS_MAX  64
#define TEXTSET_ITEMS_MAX ((size_t)1 << 27)

/* Rows found, all different. overflow: more were found than fit. */
struct textset_hits {
    uint32_t rows[TEXTSET_HITS_MAX];
    uint32_t n;
    bool overflow;
};

struct textset;

/* items_hint: about how many texts there will be. */
int textset_new(enum textset_kind kind, size_t items_hint, struct textset **ret);
void textset_free(struct textset *set);

/* Adds n texts that belong to `row`. The same text may be added with several rows. */
int textset_add(struct textset *set, const struct str *items, size_t n, uint32_t row);
/* Makes the set searchable; unions of rows are added to `rows`. */
int textset_finish(struct textset *set, struct rows *rows);

/* Adds to `hits` the rows of all texts that the value satisfies. */
void textset_find(const struct textset *set, struct str value, struct textset_hits *hits);

size_t textset_items(const struct textset *set); /* distinct texts */
size_t textset_bytes(const struct textset *set); /* without the texts themselves */
