/*
 * textset: one open-addressing table of 24-byte slots.
 *
 * A text's hash is a chain over its 8-byte words, so that one pass over a value gives the hashes of all
 * its prefixes. EXACT and PATH keep one slot a text; a path search looks up each prefix that ends at a
 * component's end. PREFIX is a trie of 8-byte steps kept in the same table: an inner slot stands for a
 * prefix of whole words that several texts share and says which lengths end within the next word; a
 * prefix that only one text has is a leaf. A search stops at the first word no text has. SUFFIX is the
 * same, read from the end. Substrings: textset_grams.c.
 *
 * A text found in a prefix kind implies the texts that are prefixes of it: their rows are united when
 * the set is finished, so a search yields one row. A filter (ten bits an entry) in front of large
 * tables keeps misses in the cache. Every hit is verified against the text itself.
 */
#include "rules/textset.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "rules/textset_internal.h"

#include <errno.h>
#include <stdlib.h>

#define ROW_IS_LIST    (UINT32_C(1) << 31)
#define FILTER_FROM    ((size_t)24) /* of smaller tables a probe is as cheap */
#define LENGTH_BUCKETS ((size_t)1 << 17)

int textset_new(enum textset_kind kind, size_t items_hint, struct textset **ret)
{
    CLEANUP(cleanup_free) struct textset *set = mem_zalloc(sizeof(*set));
    if (!set || items_hint > TEXTSET_ITEMS_MAX) {
        return set ? -E2BIG : -ENOMEM;
    }
    set->kind = kind;
    set->one_row = true;
    set->nslots = items_hint + items_hint / 3 + 16;
    for (unsigned i = 0; i < 3; i++) {
        set->seed[i] = hash_u64(i) | 1;
    }
    set->slots = mem_zalloc(set->nslots * sizeof(*set->slots));
    if (!set->slots) {
        return -ENOMEM;
    }
    *ret = TAKE(set);
    return 0;
}

void textset_free(struct textset *set)
{
    if (!set) {
        return;
    }
    for (unsigned i = 0; i < GRAM_CLASSES; i++) {
        free(set->gram_filter[i].words);
    }
    free(set->pairs);
    free(set->filter.words);
    free(set->incidences);
    free(set->slots);
    free(set);
}

int filter_init(struct filter *filter, size_t items)
{
    unsigned log2_words = 6;
    while (((size_t)64 << log2_words) < items * 8) {
        log2_words++;
    }
    filter->shift = 64 - log2_words;
    filter->words = mem_zalloc(((size_t)1 << log2_words) * sizeof(*filter->words));
    return filter->words ? 0 : -ENOMEM;
}

static size_t filter_bytes(const struct filter *filter)
{
    return filter->words ? ((size_t)8 << (64 - filter->shift)) : 0;
}

static void place_again(struct textset *set, const struct slot *slot)
{
    size_t at = slot_home(set, slot->hash);
    while (set->slots[at].kind != SLOT_FREE) {
        at = at + 1 == set->nslots ? 0 : at + 1;
    }
    set->slots[at] = *slot;
}

static int resize(struct textset *set, size_t nslots)
{
    struct textset old = *set;
    struct slot *slots = mem_zalloc(nslots * sizeof(*slots));
    if (!slots) {
        return -ENOMEM;
    }
    set->slots = slots;
    set->nslots = nslots;
    for (size_t i = 0; i < old.nslots; i++) {
        if (old.slots[i].kind != SLOT_FREE) {
            place_again(set, &old.slots[i]);
        }
    }
    free(old.slots);
    return 0;
}

int textset_reserve(struct textset *set, size_t n)
{
    size_t needed = set->used + n;
    if (needed + needed / 5 < set->nslots) {
        return 0;
    }
    return needed > TEXTSET_ITEMS_MAX ? -E2BIG : resize(set, needed * 2 + 16);
}

struct slot *textset_place(struct textset *set, uint64_t hash)
{
    size_t at = slot_home(set, hash);
    while (set->slots[at].kind != SLOT_FREE) {
        at = at + 1 == set->nslots ? 0 : at + 1;
    }
    set->used++;
    set->slots[at].hash = hash;
    return &set->slots[at];
}

static int incidence_new(struct textset *set, struct incidence value, uint32_t *ret)
{
    if (set->nincidences == set->incidences_capacity) {
        size_t capacity = set->incidences_capacity * 2 + 64;
        struct incidence *p = mem_resize(set->incidences, capacity, sizeof(*p));
        if (!p || capacity >= ROW_IS_LIST) {
            return -ENOMEM;
        }
        set->incidences = p;
        set->incidences_capacity = capacity;
    }
    set->incidences[set->nincidences] = value;
    *ret = (uint32_t)set->nincidences++ | ROW_IS_LIST;
    return 0;
}

int textset_add_row(struct textset *set, struct slot *slot, uint32_t row)
{
    uint32_t at;
    if (slot->row == row) {
        return 0;
    }
    if (!(slot->row & ROW_IS_LIST)) {
        int r = incidence_new(set, (struct incidence){ slot->row, 0 }, &at);
        if (r < 0) {
            return r;
        }
        slot->row = at;
    } else if (set->incidences[slot->row & ~ROW_IS_LIST].row == row) {
        return 0;
    }
    int r = incidence_new(set, (struct incidence){ row, slot->row }, &at);
    slot->row = r < 0 ? slot->row : at;
    return r;
}

static inline uint64_t low_bytes(uint64_t word, size_t n)
{
    return n >= 8 ? word : word & ((UINT64_C(1) << (8 * n)) - 1);
}

/* The word at 8 * level in reading order, or what is left of it. */
static inline uint64_t word_at(struct str s, size_t level, bool reverse)
{
    size_t left = s.n - 8 * level;
    if (left >= 8) {
        const char *p = reverse ? s.p + left - 8 : s.p + 8 * level;
        return reverse ? __builtin_bswap64(textset_load(p)) : textset_load(p);
    }
    if (left == 0) {
        return 0; /* also of no text at all, whose pointer is NULL */
    }
    if (!reverse) {
        return textset_load_tail(s.p + 8 * level, left);
    }
    return __builtin_bswap64(textset_load_tail(s.p, left)) >> (64 - 8 * left);
}

static inline uint64_t hash_step(const struct textset *set, uint64_t hash, uint64_t word)
{
    return textset_fold(hash ^ word, set->seed[1]);
}

/* Of a text that ends `n` bytes into the word after `hash`. */
static inline uint64_t hash_end(const struct textset *set, uint64_t hash, uint64_t word, size_t n)
{
    return textset_fold(hash ^ low_bytes(word, n),
                        set->seed[2] + (n + 1) * UINT64_C(0x9e3779b97f4a7c15));
}

static inline uint64_t hash_text(const struct textset *set, struct str s)
{
    uint64_t hash = set->seed[0];
    size_t level = 0;
    for (; s.n - 8 * level >= 8; level++) {
        hash = hash_step(set, hash, word_at(s, level, false));
    }
    return hash_end(set, hash, word_at(s, level, false), s.n - 8 * level);
}

static inline struct slot *find_hash(const struct textset *set, uint64_t hash)
{
    if (set->filter.words && !filter_has(&set->filter, hash)) {
        return NULL;
    }
    size_t at = slot_home(set, hash);
    while (set->slots[at].kind != SLOT_FREE) {
        if (set->slots[at].hash == hash) {
            return &set->slots[at];
        }
        at = at + 1 == set->nslots ? 0 : at + 1;
    }
    return NULL;
}

/* The slot of this very text, made if there is none. After textset_reserve(). */
static int put_text(struct textset *set, uint64_t hash, const struct str *item, uint32_t row)
{
    size_t at = slot_home(set, hash);
    for (; set->slots[at].kind != SLOT_FREE; at = at + 1 == set->nslots ? 0 : at + 1) {
        struct slot *slot = &set->slots[at];
        if (slot->hash == hash && slot->kind == SLOT_TEXT && str_eq(*slot->item, *item)) {
            return textset_add_row(set, slot, row);
        }
    }
    struct slot *slot = textset_place(set, hash);
    slot->kind = SLOT_TEXT;
    slot->item = item;
    slot->row = row;
    set->items++;
    return 0;
}

static void put_leaf(struct textset *set, uint64_t hash, size_t level, const struct slot *from)
{
    struct slot *leaf = textset_place(set, hash);
    leaf->kind = SLOT_LEAF;
    leaf->item = from->item;
    leaf->row = from->row;
    leaf->level = (uint16_t)level;
}

/* A leaf that another text joins becomes an inner slot, its text moves one word down. */
static int split_leaf(struct textset *set, struct slot *slot, bool reverse)
{
    struct slot old = *slot;
    size_t left = old.item->n - 8 * (size_t)old.level;
    uint64_t word = word_at(*old.item, old.level, reverse);
    slot->kind = SLOT_INNER;
    slot->row = 0;
    slot->mask = (uint8_t)(left < 8 ? 1U << left : 0);
    if (left < 8) {
        set->items--;
        return put_text(set, hash_end(set, old.hash, word, left), old.item, old.row);
    }
    put_leaf(set, hash_step(set, old.hash, word), (size_t)old.level + 1, &old);
    return 0;
}

static int add_anchored(struct textset *set, const struct str *item, uint32_t row, bool reverse)
{
    uint64_t hash = set->seed[0];
    uint8_t *mask = &set->root_mask;
    for (size_t level = 0;; level++) {
        size_t left = item->n - 8 * level;
        uint64_t word = word_at(*item, level, reverse);
        if (left < 8) {
            *mask |= (uint8_t)(1U << left);
            int r = textset_reserve(set, 1);
            return r < 0 ? r : put_text(set, hash_end(set, hash, word, left), item, row);
        }
        int r = textset_reserve(set, 2);
        if (r < 0) {
            return r;
        }
        hash = hash_step(set, hash, word);
        struct slot *slot = find_hash(set, hash);
        if (!slot) {
            set->items++;
            put_leaf(set, hash, level + 1, &(struct slot){ .item = item, .row = row });
            return 0;
        }
        if (slot->kind == SLOT_LEAF) {
            if (str_eq(*slot->item, *item)) {
                return textset_add_row(set, slot, row);
            }
            r = split_leaf(set, slot, reverse);
            if (r < 0) {
                return r;
            }
        }
        mask = &slot->mask;
    }
}

static int add_one(struct textset *set, const struct str *item, uint32_t row)
{
    set->lengths |= UINT64_C(1) << (item->n < 63 ? item->n : 63);
    switch (set->kind) {
    case TEXTSET_PREFIX:
        return add_anchored(set, item, row, false);
    case TEXTSET_SUFFIX:
        return add_anchored(set, item, row, true);
    case TEXTSET_CONTAINS:
    case TEXTSET_ICONTAINS:
        return textset_add_gram(set, item, row);
    case TEXTSET_EXACT:
    case TEXTSET_PATH:
    default:
        break;
    }
    int r = textset_reserve(set, 1);
    return r < 0 ? r : put_text(set, hash_text(set, *item), item, row);
}

int textset_add(struct textset *set, const struct str *items, size_t n, uint32_t row)
{
    set->one_row = set->one_row && (set->only_row == 0 || set->only_row == row);
    set->only_row = row;
    for (size_t i = 0; set->kind == TEXTSET_PATH && i < n && set->empty_row == 0; i++) {
        set->empty_row = items[i].n == 0 ? row : 0;
    }
    for (size_t i = 0; i < n; i++) {
        int r = add_one(set, &items[i], row);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static inline uint32_t find_exact(const struct textset *set, struct str value)
{
    if (!(set->lengths >> (value.n < 63 ? value.n : 63) & 1)) {
        return 0;
    }
    const struct slot *slot = find_hash(set, hash_text(set, value));
    return slot && str_eq(*slot->item, value) ? slot->row : 0;
}

/* The longest text that ends within this word, of the lengths in mask; 0 none. */
static inline uint32_t find_ends(const struct textset *set, struct str value, uint64_t hash,
                                 uint64_t word, unsigned mask, bool reverse)
{
    while (mask) {
        unsigned n = 31 - (unsigned)__builtin_clz(mask);
        const struct slot *slot = find_hash(set, hash_end(set, hash, word, n));
        if (slot && slot->kind == SLOT_TEXT &&
            (reverse ? str_ends(value, *slot->item) : str_starts(value, *slot->item))) {
            return slot->row;
        }
        mask &= ~(1U << n);
    }
    return 0;
}

static inline uint32_t find_anchored(const struct textset *set, struct str value, bool reverse)
{
    uint64_t hash = set->seed[0];
    unsigned mask = set->root_mask;
    uint32_t row = 0;
    for (size_t level = 0;; level++) {
        size_t left = value.n - 8 * level;
        uint64_t word = word_at(value, level, reverse);
        uint32_t longer =
            find_ends(set, value, hash, word, left < 8 ? mask & ((2U << left) - 1) : mask, reverse);
        row = longer ? longer : row;
        if (left < 8 || (row && set->one_row)) {
            return row;
        }
        hash = hash_step(set, hash, word);
        const struct slot *slot = find_hash(set, hash);
        if (!slot) {
            return row;
        }
        if (slot->kind == SLOT_LEAF) {
            bool is = reverse ? str_ends(value, *slot->item) : str_starts(value, *slot->item);
            return is ? slot->row : row;
        }
        mask = slot->kind == SLOT_INNER ? slot->mask : 0;
    }
}

static inline uint64_t slashes(uint64_t word)
{
    uint64_t x = word ^ UINT64_C(0x2f2f2f2f2f2f2f2f);
    return ~(((x & UINT64_C(0x7f7f7f7f7f7f7f7f)) + UINT64_C(0x7f7f7f7f7f7f7f7f)) | x |
             UINT64_C(0x7f7f7f7f7f7f7f7f));
}

/* Texts are components without a slash at either end, or empty. whole: the value itself counts too. */
static inline uint32_t find_path(const struct textset *set, struct str value, bool whole)
{
    uint64_t hash = set->seed[0];
    uint32_t row = value.n ? set->empty_row : 0;
    for (size_t level = 0;; level++) {
        size_t left = value.n - 8 * level;
        uint64_t word = word_at(value, level, false);
        uint64_t ends = slashes(word) & (left < 8 ? low_bytes(~UINT64_C(0), left) : ~UINT64_C(0));
        for (; ends; ends &= ends - 1) {
            size_t n = (size_t)__builtin_ctzll(ends) / 8;
            const struct slot *slot = find_hash(set, hash_end(set, hash, word, n));
            row = slot && str_starts(value, *slot->item) && slot->item->n == 8 * level + n
                      ? slot->row
                      : row;
        }
        if (left < 8) {
            const struct slot *slot =
                whole ? find_hash(set, hash_end(set, hash, word, left)) : NULL;
            return slot && str_eq(value, *slot->item) ? slot->row : row;
        }
        if (row && set->one_row) {
            return row;
        }
        hash = hash_step(set, hash, word);
    }
}

/* The row of the longest text that is a proper prefix of this one. */
static uint32_t parent_row(const struct textset *set, struct str s)
{
    if (s.n == 0) {
        return 0;
    }
    switch (set->kind) {
    case TEXTSET_PREFIX:
        return find_anchored(set, str_first(s, s.n - 1), false);
    case TEXTSET_SUFFIX:
        return find_anchored(set, str_from_offset(s, 1), true);
    case TEXTSET_PATH:
        return find_path(set, s, false);
    case TEXTSET_EXACT:
    case TEXTSET_CONTAINS:
    case TEXTSET_ICONTAINS:
    default:
        return 0;
    }
}

static bool has_text(const struct slot *slot)
{
    return slot->kind == SLOT_TEXT || slot->kind == SLOT_LEAF || slot->kind == SLOT_GRAM;
}

static int unite(const struct textset *set, struct rows *rows, struct slot *slot, uint32_t parent)
{
    size_t n = 1;
    uint32_t at = slot->row;
    for (; at & ROW_IS_LIST; at = set->incidences[at & ~ROW_IS_LIST].next) {
        n++;
    }
    CLEANUP(cleanup_free) uint32_t *ids = mem_alloc((n + 1) * sizeof(*ids));
    if (!ids) {
        return -ENOMEM;
    }
    n = 0;
    if (!(slot->row & ROW_IS_LIST)) {
        ids[n++] = slot->row;
    }
    for (at = slot->row; at & ROW_IS_LIST; at = set->incidences[at & ~ROW_IS_LIST].next) {
        ids[n++] = set->incidences[at & ~ROW_IS_LIST].row;
    }
    if (parent) {
        ids[n++] = parent;
    }
    return rows_union(rows, ids, n, &slot->row);
}

static size_t length_bucket(const struct slot *slot)
{
    return slot->item->n < LENGTH_BUCKETS - 2 ? slot->item->n : LENGTH_BUCKETS - 2;
}

static size_t last_bucket(const struct textset *set)
{
    size_t last = 0;
    for (size_t i = 0; i < set->nslots; i++) {
        size_t bucket = has_text(&set->slots[i]) ? length_bucket(&set->slots[i]) : 0;
        last = bucket > last ? bucket : last;
    }
    return last;
}

/* Slots with texts, shorter texts first: a text's parent is united before it. */
static int order_by_length(const struct textset *set, uint32_t **ret, size_t *ret_n)
{
    size_t buckets = last_bucket(set) + 2;
    CLEANUP(cleanup_free) uint32_t *start = mem_zalloc(buckets * sizeof(*start));
    CLEANUP(cleanup_free) uint32_t *order = mem_alloc((set->used + 1) * sizeof(*order));
    if (!start || !order) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < set->nslots; i++) {
        if (has_text(&set->slots[i])) {
            start[length_bucket(&set->slots[i]) + 1]++;
        }
    }
    for (size_t i = 1; i < buckets; i++) {
        start[i] += start[i - 1];
    }
    *ret_n = start[buckets - 1];
    for (size_t i = 0; i < set->nslots; i++) {
        if (has_text(&set->slots[i])) {
            order[start[length_bucket(&set->slots[i])]++] = (uint32_t)i;
        }
    }
    *ret = TAKE(order);
    return 0;
}

static int unite_all(struct textset *set, struct rows *rows)
{
    CLEANUP(cleanup_free) uint32_t *order = NULL;
    size_t n;
    int r = order_by_length(set, &order, &n);
    for (size_t i = 0; r == 0 && i < n; i++) {
        struct slot *slot = &set->slots[order[i]];
        uint32_t parent = parent_row(set, *slot->item);
        if (parent || slot->row & ROW_IS_LIST) {
            r = unite(set, rows, slot, parent);
        }
        if (set->kind == TEXTSET_PATH && slot->item->n == 0) {
            set->empty_row = slot->row;
        }
    }
    free(set->incidences);
    set->incidences = NULL;
    set->incidences_capacity = 0;
    return r;
}

int textset_finish(struct textset *set, struct rows *rows)
{
    if (set->used + set->used / 2 + 16 < set->nslots) {
        int r = resize(set, set->used + set->used / 3 + 16);
        if (r < 0) {
            return r;
        }
    }
    if (!set->one_row) {
        int r = unite_all(set, rows);
        if (r < 0) {
            return r;
        }
    }
    if (set->kind == TEXTSET_CONTAINS || set->kind == TEXTSET_ICONTAINS) {
        return textset_finish_grams(set);
    }
    if (set->used < FILTER_FROM) {
        return 0;
    }
    int r = filter_init(&set->filter, set->used);
    for (size_t i = 0; r == 0 && i < set->nslots; i++) {
        if (set->slots[i].kind != SLOT_FREE) {
            filter_add(&set->filter, set->slots[i].hash);
        }
    }
    return r;
}

void textset_find(const struct textset *set, struct str value, struct textset_hits *hits)
{
    uint32_t row = 0;
    switch (set->kind) {
    case TEXTSET_EXACT:
        row = find_exact(set, value);
        break;
    case TEXTSET_PREFIX:
        row = find_anchored(set, value, false);
        break;
    case TEXTSET_SUFFIX:
        row = find_anchored(set, value, true);
        break;
    case TEXTSET_PATH:
        row = find_path(set, value, true);
        break;
    case TEXTSET_CONTAINS:
    case TEXTSET_ICONTAINS:
    default:
        textset_find_grams(set, value, hits);
        return;
    }
    if (row) {
        hits_push(hits, row);
    }
}

size_t textset_items(const struct textset *set)
{
    return set->items;
}

size_t textset_bytes(const struct textset *set)
{
    size_t bytes = sizeof(*set) + set->nslots * sizeof(*set->slots) + filter_bytes(&set->filter) +
                   set->incidences_capacity * sizeof(*set->incidences);
    for (unsigned i = 0; i < GRAM_CLASSES; i++) {
        bytes += filter_bytes(&set->gram_filter[i]);
    }
    bytes += set->pairs ? GRAM_PAIRS : 0;
    return bytes;
}
