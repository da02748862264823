/*
 * textset_grams: substrings. Each text is filed under one gram of it: 6, 4, 2 or 1 bytes, as wide as
 * the text allows. A search looks at each position of the value once: the two bytes there tell for which
 * widths some gram begins so; for each, a filter, then the table, then the texts of that gram, wherever
 * in the text the gram lies.
 *
 * Among a few places in the text, the gram is taken that no other text is filed under yet, so that a
 * million texts with a common beginning are not all filed under it.
 */
#include "base/arena.h"
#include "rules/textset_internal.h"

#include <errno.h>

#define PADDED_MAX 256   /* longer values are searched by memmem() */
#define ANCHORS    8     /* places in a text tried */
#define ANCHOR_MAX 65535 /* furthest offset of a gram */

static const uint8_t gram_width[GRAM_CLASSES] = { 6, 4, 2, 1 };

static unsigned width_class(size_t n)
{
    unsigned i = 0;
    while (gram_width[i] > n) {
        i++;
    }
    return i;
}

static inline uint64_t lower_word(uint64_t x)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t seven = x & (ones * 0x7f);
    uint64_t above_z = seven + ones * (0x7f - 'Z');
    uint64_t from_a = seven + ones * (0x80 - 'A');
    uint64_t upper = ~x & (above_z ^ from_a) & (ones * 0x80);
    return x | upper >> 2;
}

static inline uint64_t gram_mask(unsigned width)
{
    return (UINT64_C(1) << (8 * width)) - 1;
}

static inline uint64_t gram_hash(const struct textset *set, uint64_t gram, unsigned width)
{
    return textset_fold(gram ^ set->seed[0], set->seed[1] + width);
}

/* What the filter sees: one multiplication. */
static inline uint64_t gram_mix(const struct textset *set, uint64_t gram)
{
    uint64_t x = gram * set->seed[2];
    return x ^ x >> 32;
}

static uint64_t gram_of(const struct textset *set, struct str s, size_t offset, unsigned width)
{
    uint64_t gram = 0;
    memcpy(&gram, s.p + offset, width);
    return set->kind == TEXTSET_ICONTAINS ? lower_word(gram) : gram;
}

static bool same_text(const struct textset *set, struct str a, struct str b)
{
    return set->kind == TEXTSET_ICONTAINS ? str_ieq(a, b) : str_eq(a, b);
}

/* The slot of this very text under this gram, or NULL; counts the texts under it. */
static struct slot *find_same(const struct textset *set, uint64_t hash, struct str s, unsigned *ret)
{
    unsigned n = 0;
    size_t at = slot_home(set, hash);
    for (; set->slots[at].kind != SLOT_FREE; at = at + 1 == set->nslots ? 0 : at + 1) {
        struct slot *slot = &set->slots[at];
        if (slot->hash == hash) {
            if (same_text(set, *slot->item, s)) {
                return slot;
            }
            n++;
        }
    }
    *ret = n;
    return NULL;
}

int textset_add_gram(struct textset *set, const struct str *item, uint32_t row)
{
    int r = textset_reserve(set, 1);
    if (r < 0) {
        return r;
    }
    unsigned c = item->n ? width_class(item->n) : GRAM_CLASSES - 1;
    unsigned width = item->n ? gram_width[c] : 0;
    size_t span = item->n - width;
    span = span < ANCHOR_MAX ? span : ANCHOR_MAX;
    size_t best_offset = 0;
    unsigned best = UINT32_MAX;
    /* At the first place without texts the search ends: this text would have been filed there. */
    for (size_t i = 0; i < ANCHORS && i <= span && best; i++) {
        size_t offset = span < ANCHORS ? i : span * i / (ANCHORS - 1);
        unsigned n;
        struct slot *same =
            find_same(set, gram_hash(set, gram_of(set, *item, offset, width), width), *item, &n);
        if (same) {
            return textset_add_row(set, same, row);
        }
        best_offset = n < best ? offset : best_offset;
        best = n < best ? n : best;
    }
    struct slot *slot =
        textset_place(set, gram_hash(set, gram_of(set, *item, best_offset, width), width));
    slot->kind = SLOT_GRAM;
    slot->item = item;
    slot->row = row;
    slot->level = (uint16_t)best_offset;
    slot->mask = (uint8_t)width;
    set->gram_count[c] += width != 0;
    set->items++;
    return 0;
}

/* A gram of one byte begins with every pair of that byte, also the one at a value's end. */
static void pairs_add(struct textset *set, uint64_t gram, unsigned width)
{
    unsigned pairs = width == 1 ? 256 : 1;
    for (unsigned second = 0; second < pairs; second++) {
        set->pairs[(gram & 0xffff) | second << 8] |= (uint8_t)(1U << width_class(width));
    }
}

/* Few texts are looked for one by one: no need of more. */
static void find_few(struct textset *set)
{
    bool few = set->kind == TEXTSET_CONTAINS && set->items <= DIRECT_MAX;
    for (size_t i = 0; i < set->nslots; i++) {
        const struct slot *slot = &set->slots[i];
        if (slot->kind == SLOT_GRAM && slot->mask == 0) {
            set->empty_row = slot->row;
        } else if (few && slot->kind == SLOT_GRAM) {
            set->direct[set->ndirect++] = slot;
        }
    }
}

int textset_finish_grams(struct textset *set)
{
    find_few(set);
    if (set->ndirect) {
        return 0;
    }
    set->pairs = mem_zalloc(GRAM_PAIRS);
    if (!set->pairs) {
        return -ENOMEM;
    }
    for (unsigned i = 0; i < GRAM_CLASSES; i++) {
        int r = set->gram_count[i] ? filter_init(&set->gram_filter[i], set->gram_count[i]) : 0;
        if (r < 0) {
            return r;
        }
    }
    for (size_t i = 0; i < set->nslots; i++) {
        const struct slot *slot = &set->slots[i];
        if (slot->kind == SLOT_GRAM && slot->mask) {
            uint64_t gram = gram_of(set, *slot->item, slot->level, slot->mask);
            filter_add(&set->gram_filter[width_class(slot->mask)], gram_mix(set, gram));
            pairs_add(set, gram, slot->mask);
        }
    }
    return 0;
}

/* All texts under the gram at `offset` of the value. */
static void find_at(const struct textset *set, struct str value, size_t offset, uint64_t hash,
                    struct textset_hits *hits)
{
    size_t at = slot_home(set, hash);
    for (; set->slots[at].kind != SLOT_FREE; at = at + 1 == set->nslots ? 0 : at + 1) {
        const struct slot *slot = &set->slots[at];
        if (slot->hash != hash || slot->level > offset) {
            continue;
        }
        size_t start = offset - slot->level;
        if (slot->item->n <= value.n - start &&
            same_text(set, *slot->item, str_from(value.p + start, slot->item->n))) {
            hits_push(hits, slot->row);
        }
    }
}

static inline uint64_t load_at(struct str value, size_t offset)
{
    if (value.n - offset >= 8) {
        return textset_load(value.p + offset);
    }
    if (value.n >= 8) {
        return textset_load(value.p + value.n - 8) >> (8 * (8 - (value.n - offset)));
    }
    return textset_load_tail(value.p + offset, value.n - offset);
}

static inline void scan(const struct textset *set, struct str value, bool fold_case,
                        struct textset_hits *hits)
{
    for (size_t i = 0; i < value.n; i++) {
        uint64_t word = load_at(value, i);
        word = fold_case ? lower_word(word) : word;
        for (unsigned classes = set->pairs[word & 0xffff]; classes; classes &= classes - 1) {
            unsigned c = (unsigned)__builtin_ctz(classes);
            unsigned width = gram_width[c];
            uint64_t gram = word & gram_mask(width);
            if (i + width > value.n || !filter_has(&set->gram_filter[c], gram_mix(set, gram))) {
                continue;
            }
            find_at(set, value, i, gram_hash(set, gram, width), hits);
            if (set->one_row && hits->n) {
                return;
            }
        }
    }
}

typedef uint8_t bytes16 __attribute__((vector_size(16), aligned(1), may_alias));
typedef uint64_t words2 __attribute__((vector_size(16)));

static inline bytes16 splat(char c)
{
    return (bytes16){ 0 } + (uint8_t)c;
}

/* Sixteen places at a time by the first and the last byte; 16 bytes more than s.n can be read. */
static inline bool holds_padded(struct str s, struct str needle)
{
    const bytes16 first = splat(needle.p[0]);
    const bytes16 last = splat(needle.p[needle.n - 1]);
    for (size_t i = 0; i + needle.n <= s.n; i += 16) {
        const bytes16 a = *(const bytes16 *)(s.p + i);
        const bytes16 b = *(const bytes16 *)(s.p + i + needle.n - 1);
        words2 both = (words2)((a == first) & (b == last));
        if (!(both[0] | both[1])) {
            continue;
        }
        for (size_t at = i; at < i + 16 && at + needle.n <= s.n; at++) {
            if (s.p[at] == needle.p[0] && memcmp(s.p + at, needle.p, needle.n) == 0) {
                return true;
            }
        }
    }
    return false;
}

static void find_direct(const struct textset *set, struct str value, struct textset_hits *hits)
{
    char padded[PADDED_MAX + 16];
    bool is_short = value.n && value.n <= PADDED_MAX;
    if (is_short) {
        memcpy(padded, value.p, value.n);
        memset(padded + value.n, 0, 16);
        value.p = padded;
    }
    for (uint32_t i = 0; i < set->ndirect; i++) {
        struct str needle = *set->direct[i]->item;
        if (value.n >= needle.n &&
            (is_short ? holds_padded(value, needle)
                      : memmem(value.p, value.n, needle.p, needle.n) != NULL)) {
            hits_push(hits, set->direct[i]->row);
        }
    }
}

void textset_find_grams(const struct textset *set, struct str value, struct textset_hits *hits)
{
    if (set->empty_row) {
        hits_push(hits, set->empty_row);
    }
    if (set->ndirect) {
        find_direct(set, value, hits);
        return;
    }
    if (set->one_row && hits->n) {
        return;
    }
    if (set->kind == TEXTSET_ICONTAINS) {
        scan(set, value, true, hits);
    } else {
        scan(set, value, false, hits);
    }
}
