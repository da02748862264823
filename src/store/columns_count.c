/*
 * columns_count: totals, facets, histograms and pages of a selection.
 */
#include "store/columns_internal.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdlib.h>

#define FOR_EACH_PLACE(bits, places, p)                                                            \
    for (uint32_t word_ = 0; word_ < columns_words(places); word_++)                               \
        for (uint64_t left_ = (bits)[word_]; left_ != 0; left_ &= left_ - 1)                       \
            for (uint32_t p = word_ * 64 + (uint32_t)__builtin_ctzll(left_), once_ = 1; once_;     \
                 once_ = 0)

uint64_t columns_total(const struct columns_selection *selection)
{
    uint64_t n = 0;
    for (size_t i = 0; i < columns_words(selection->places); i++) {
        n += (uint64_t)__builtin_popcountll(selection->all.yes[i]);
    }
    return n;
}

void columns_bands(const struct columns *columns, const uint64_t *bits, uint64_t places,
                   uint64_t ret[COLUMNS_BANDS])
{
    memset(ret, 0, COLUMNS_BANDS * sizeof(ret[0]));
    FOR_EACH_PLACE(bits, (uint32_t)places, p)
    {
        ret[columns_band(columns->severity[p])]++;
    }
}

/* Most first; equal ones by text, so that answers do not change without a reason. */
static int by_count(const void *a, const void *b)
{
    const struct columns_value *x = a, *y = b;
    return x->count != y->count ? (x->count < y->count ? 1 : -1) : str_cmp(x->text, y->text);
}

static void give_values(struct columns_value *values, uint32_t n, struct columns_value *ret,
                        uint32_t max, uint32_t *ret_n, uint64_t *ret_rest)
{
    if (n > 0) {
        qsort(values, n, sizeof(*values), by_count);
    }
    *ret_n = n < max ? n : max;
    *ret_rest = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (i < max) {
            ret[i] = values[i];
        } else {
            *ret_rest += values[i].count;
        }
    }
}

static void count_ids(const struct columns *c, enum column column, const uint64_t *bits,
                      uint32_t places, uint64_t *ret)
{
    const uint32_t *ids = c->ids[column];
    FOR_EACH_PLACE(bits, places, p)
    {
        ret[ids[p]]++;
    }
}

/* Words of the arrays of tags, each with the sum of the findings that have it. */
static int split_tags(const struct dictionary *d, const uint64_t *counts, struct smap *words,
                      struct arena *arena)
{
    for (uint32_t i = 1; i <= d->n; i++) {
        struct json_object *array = counts[i] ? json_tokener_parse(d->texts[i].p) : NULL;
        size_t n = array && json_object_is_type(array, json_type_array)
                       ? json_object_array_length(array)
                       : 0;
        int r = 0;
        for (size_t k = 0; k < n && r == 0; k++) {
            struct str word = str_of(json_object_get_string(json_object_array_get_idx(array, k)));
            struct columns_value *value = smap_get(words, word);
            if (!value) {
                value = ARENA_NEW(arena, struct columns_value);
                struct str copy = value ? arena_str(arena, word) : (struct str){ 0 };
                r = copy.p ? smap_put(words, copy, value) : -ENOMEM;
                if (r == 0) {
                    value->text = copy;
                }
            }
            if (r == 0) {
                value->count += counts[i];
            }
        }
        json_object_put(array);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static uint32_t gather_words(const struct smap *words, struct columns_value *ret)
{
    size_t cursor = 0;
    uint32_t n = 0;
    for (const struct smap_slot *slot = smap_next(words, &cursor); slot;
         slot = smap_next(words, &cursor)) {
        ret[n++] = *(const struct columns_value *)slot->value;
    }
    return n;
}

static uint32_t gather_ids(const struct dictionary *d, const uint64_t *counts,
                           struct columns_value *ret)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i <= d->n; i++) {
        if (counts[i] > 0) {
            ret[n++] = (struct columns_value){ d->texts[i], counts[i] };
        }
    }
    return n;
}

int columns_facet(const struct columns *columns, enum column column, const uint64_t *bits,
                  struct columns_value *ret, uint32_t max, uint32_t *ret_n, uint64_t *ret_rest)
{
    const struct dictionary *d = &columns->dictionaries[column];
    CLEANUP(cleanup_free) uint64_t *counts = mem_zalloc(((size_t)d->n + 1) * sizeof(*counts));
    CLEANUP(cleanup_free)
    struct columns_value *values = mem_zalloc(((size_t)d->n + 1) * sizeof(*values));
    if (!counts || !values) {
        return -ENOMEM;
    }
    count_ids(columns, column, bits, columns->places, counts);
    give_values(values, gather_ids(d, counts, values), ret, max, ret_n, ret_rest);
    return 0;
}

int columns_tags(const struct columns *columns, const uint64_t *bits, struct arena *arena,
                 struct columns_value *ret, uint32_t max, uint32_t *ret_n, uint64_t *ret_rest)
{
    const struct dictionary *d = &columns->dictionaries[COLUMN_TAGS];
    CLEANUP(cleanup_free) uint64_t *counts = mem_zalloc(((size_t)d->n + 1) * sizeof(*counts));
    CLEANUP(smap_done) struct smap words = { 0 };
    if (!counts) {
        return -ENOMEM;
    }
    count_ids(columns, COLUMN_TAGS, bits, columns->places, counts);
    int r = split_tags(d, counts, &words, arena);
    CLEANUP(cleanup_free)
    struct columns_value *values = r < 0 ? NULL : mem_zalloc((words.count + 1) * sizeof(*values));
    if (!values) {
        return -ENOMEM;
    }
    give_values(values, gather_words(&words, values), ret, max, ret_n, ret_rest);
    return 0;
}

void columns_histogram(const struct columns *columns, const struct columns_selection *selection,
                       const struct columns_histogram *histogram)
{
    memset(histogram->ret, 0, histogram->n * sizeof(histogram->ret[0]));
    FOR_EACH_PLACE(selection->all.yes, selection->places, p)
    {
        int64_t at = columns->last_seen[p] - histogram->from_ms;
        if (at >= 0 && at / histogram->width_ms < (int64_t)histogram->n) {
            histogram->ret[at / histogram->width_ms][columns_band(columns->severity[p])]++;
        }
    }
}

void columns_span(const struct columns *columns, const struct columns_selection *selection,
                  int64_t *ret_first_ms, int64_t *ret_last_ms)
{
    int64_t first = INT64_MAX, last = 0;
    FOR_EACH_PLACE(selection->all.yes, selection->places, p)
    {
        int64_t at = columns->last_seen[p];
        first = at < first ? at : first;
        last = at > last ? at : last;
    }
    *ret_first_ms = first == INT64_MAX ? 0 : first;
    *ret_last_ms = last;
}

static int64_t sort_value(const struct columns *c, enum columns_sort sort, uint32_t place)
{
    switch (sort) {
    case SORT_FIRST_SEEN:
        return c->first_seen[place];
    case SORT_SEVERITY:
        return c->severity[place];
    case SORT_COUNT:
        return c->counts[place];
    default:
        return c->last_seen[place];
    }
}

/* Does a stand before b in the page's order? */
static bool before(const struct columns_page *page, const struct columns_place *a,
                   const struct columns_place *b)
{
    bool less = a->value != b->value ? a->value < b->value : a->row < b->row;
    bool equal = a->value == b->value && a->row == b->row;
    return !equal && less == page->ascending;
}

/* heap[0] is the last of those kept. */
static void sift_down(const struct columns_page *page, struct columns_place *heap, uint32_t n)
{
    for (uint32_t i = 0;;) {
        uint32_t child = 2 * i + 1;
        if (child >= n) {
            return;
        }
        child += child + 1 < n && before(page, &heap[child], &heap[child + 1]);
        if (!before(page, &heap[i], &heap[child])) {
            return;
        }
        struct columns_place t = heap[i];
        heap[i] = heap[child];
        heap[child] = t;
        i = child;
    }
}

static void push(const struct columns_page *page, struct columns_place *heap, uint32_t n,
                 struct columns_place place)
{
    uint32_t i = n;
    heap[i] = place;
    while (i > 0 && before(page, &heap[(i - 1) / 2], &heap[i])) {
        struct columns_place t = heap[i];
        heap[i] = heap[(i - 1) / 2];
        heap[(i - 1) / 2] = t;
        i = (i - 1) / 2;
    }
}

int columns_page(const struct columns *columns, const struct columns_selection *selection,
                 const struct columns_page *page, struct columns_place *ret)
{
    const struct columns_place from = { page->value, page->row };
    uint32_t n = 0;
    FOR_EACH_PLACE(selection->all.yes, selection->places, p)
    {
        struct columns_place place = { sort_value(columns, page->sort, p), columns->row[p] };
        if (page->resumed && !before(page, &from, &place)) {
            continue;
        }
        if (n < page->limit) {
            push(page, ret, n++, place);
        } else if (page->limit > 0 && before(page, &place, &ret[0])) {
            ret[0] = place;
            sift_down(page, ret, n);
        }
    }
    for (uint32_t left = n; left > 1; left--) { /* heap sort: the last one goes to the end */
        struct columns_place t = ret[0];
        ret[0] = ret[left - 1];
        ret[left - 1] = t;
        sift_down(page, ret, left - 1);
    }
    return (int)n;
}
