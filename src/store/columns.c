/*
 * columns: arrays and dictionaries, and how a finding gets in and out of them.
 *
 * A finding has a place, the index in every array; places of removed findings are used again. Arrays grow by
 * doubling under the writer's lock. Invariant: place p is taken exactly if row[p] != 0, and by_row finds it.
 */
#include "store/columns_internal.h"

#include <errno.h>
#include <stdlib.h>

const struct column_desc column_table[COLUMN_COUNT] = {
#define COLUMN(id, facet, own, sql) [COLUMN_##id] = { facet, OWN_##own, sql },
#include "store/columns.def"
#undef COLUMN
};

enum column column_find(struct str facet)
{
    unsigned i = 0;
    while (i < COLUMN_COUNT && !str_eqz(facet, column_table[i].facet)) {
        i++;
    }
    return (enum column)i;
}

static bool grow(void *array, size_t count, size_t size)
{
    void *p = mem_resize(*(void **)array, count, size);
    if (p) {
        *(void **)array = p;
    }
    return p != NULL;
}

static bool dictionary_grow(struct dictionary *d)
{
    uint32_t capacity = d->capacity ? d->capacity * 2 : 16;
    if (!grow(&d->texts, capacity, sizeof(*d->texts)) ||
        !grow(&d->uses, capacity, sizeof(*d->uses)) ||
        !grow(&d->free_ids, capacity, sizeof(*d->free_ids))) {
        return false;
    }
    d->capacity = capacity;
    return true;
}

/* A use more of the text; 0 and no use for the empty one. */
static int dictionary_take(struct dictionary *d, struct str text, uint32_t *ret)
{
    uint32_t id = text.n ? (uint32_t)(uintptr_t)smap_get(&d->index, text) : 0;
    if (id > 0 || text.n == 0) {
        d->uses[id] += id > 0;
        *ret = id;
        return 0;
    }
    if (d->nfree == 0 && d->n + 1 >= d->capacity && !dictionary_grow(d)) {
        return -ENOMEM;
    }
    struct str copy = { str_dupz(text), text.n };
    id = d->nfree ? d->free_ids[d->nfree - 1] : d->n + 1;
    if (!copy.p || smap_put(&d->index, copy, (void *)(uintptr_t)id) < 0) {
        free((char *)copy.p);
        return -ENOMEM;
    }
    if (d->nfree) {
        d->nfree--;
    } else {
        d->n++;
    }
    d->texts[id] = copy;
    d->uses[id] = 1;
    *ret = id;
    return 0;
}

static void dictionary_drop(struct dictionary *d, uint32_t id)
{
    if (id == 0 || --d->uses[id] > 0) {
        return;
    }
    smap_remove(&d->index, d->texts[id]);
    free((char *)d->texts[id].p);
    d->texts[id] = (struct str){ 0 };
    d->free_ids[d->nfree++] = id;
}

static void dictionary_done(struct dictionary *d)
{
    for (uint32_t i = 1; i <= d->n; i++) {
        free((char *)d->texts[i].p);
    }
    smap_done(&d->index);
    free(d->texts);
    free(d->uses);
    free(d->free_ids);
}

int columns_new(struct columns **ret)
{
    struct columns *c = mem_zalloc(sizeof(*c));
    if (!c) {
        return -ENOMEM;
    }
    pthread_rwlock_init(&c->lock, NULL);
    for (unsigned i = 0; i < COLUMN_COUNT; i++) {
        if (!dictionary_grow(&c->dictionaries[i])) {
            columns_free(c);
            return -ENOMEM;
        }
        c->dictionaries[i].texts[0] = (struct str){ 0 };
        c->dictionaries[i].uses[0] = 0;
    }
    *ret = c;
    return 0;
}

void columns_free(struct columns *columns)
{
    if (!columns) {
        return;
    }
    for (unsigned i = 0; i < COLUMN_COUNT; i++) {
        dictionary_done(&columns->dictionaries[i]);
        free(columns->ids[i]);
    }
    map_done(&columns->by_row);
    free(columns->free_places);
    free(columns->row);
    free(columns->first_seen);
    free(columns->last_seen);
    free(columns->counts);
    free(columns->severity);
    free(columns->sequence);
    pthread_rwlock_destroy(&columns->lock);
    free(columns);
}

void columns_read_lock(struct columns *columns)
{
    pthread_rwlock_rdlock(&columns->lock);
}

void columns_write_lock(struct columns *columns)
{
    pthread_rwlock_wrlock(&columns->lock);
}

void columns_unlock(struct columns *columns)
{
    pthread_rwlock_unlock(&columns->lock);
}

static int make_room(struct columns *c)
{
    if (c->nfree > 0 || c->places < c->capacity) {
        return 0;
    }
    if (c->places >= COLUMNS_FINDINGS_MAX) {
        return -ENOSPC;
    }
    uint32_t capacity = c->capacity ? c->capacity * 2 : 1024;
    bool ok = grow(&c->free_places, capacity, sizeof(*c->free_places)) &&
              grow(&c->row, capacity, sizeof(*c->row)) &&
              grow(&c->first_seen, capacity, sizeof(*c->first_seen)) &&
              grow(&c->last_seen, capacity, sizeof(*c->last_seen)) &&
              grow(&c->counts, capacity, sizeof(*c->counts)) &&
              grow(&c->severity, capacity, sizeof(*c->severity)) &&
              grow(&c->sequence, capacity, sizeof(*c->sequence));
    for (unsigned i = 0; ok && i < COLUMN_COUNT; i++) {
        ok = grow(&c->ids[i], capacity, sizeof(*c->ids[i]));
    }
    if (!ok) {
        return -ENOMEM; /* arrays that grew are only larger than needed */
    }
    c->capacity = capacity;
    return 0;
}

int64_t columns_place_of(const struct columns *columns, int64_t row)
{
    return (int64_t)(uintptr_t)map_get(&columns->by_row, (uint64_t)row) - 1;
}

static int take_place(struct columns *c, int64_t row, uint32_t *ret)
{
    int r = make_room(c);
    if (r < 0) {
        return r;
    }
    uint32_t place = c->nfree ? c->free_places[c->nfree - 1] : c->places;
    if (map_put(&c->by_row, (uint64_t)row, (void *)(uintptr_t)(place + 1)) < 0) {
        return -ENOMEM;
    }
    if (c->nfree) {
        c->nfree--;
    } else {
        c->places++;
    }
    c->row[place] = row;
    for (unsigned i = 0; i < COLUMN_COUNT; i++) {
        c->ids[i][place] = 0;
    }
    c->count++;
    *ret = place;
    return 0;
}

int columns_put(struct columns *columns, const struct columns_row *row)
{
    int64_t known = columns_place_of(columns, row->row);
    uint32_t place = (uint32_t)known;
    int r = known < 0 ? take_place(columns, row->row, &place) : 0;
    for (unsigned i = 0; r == 0 && i < COLUMN_COUNT; i++) {
        struct dictionary *d = &columns->dictionaries[i];
        uint32_t old = columns->ids[i][place];
        if (old == 0 ? row->texts[i].n == 0 : str_eq(d->texts[old], row->texts[i])) {
            continue;
        }
        uint32_t id;
        r = dictionary_take(d, row->texts[i], &id);
        if (r == 0) {
            columns->ids[i][place] = id;
            dictionary_drop(d, old);
        }
    }
    if (r < 0) {
        columns_remove(columns, row->row); /* half a finding is none */
        return r;
    }
    columns->first_seen[place] = row->first_seen_ms;
    columns->last_seen[place] = row->last_seen_ms;
    columns->counts[place] = row->count;
    columns->severity[place] = row->severity;
    columns->sequence[place] = row->sequence;
    return 0;
}

void columns_remove(struct columns *columns, int64_t row)
{
    int64_t place = columns_place_of(columns, row);
    if (place < 0) {
        return;
    }
    for (unsigned i = 0; i < COLUMN_COUNT; i++) {
        dictionary_drop(&columns->dictionaries[i], columns->ids[i][place]);
        columns->ids[i][place] = 0;
    }
    map_remove(&columns->by_row, (uint64_t)row);
    columns->row[place] = 0;
    columns->free_places[columns->nfree++] = (uint32_t)place;
    columns->count--;
}

uint32_t columns_over(const struct columns *columns, const struct columns_over *over,
                      uint32_t *place, int64_t *ret)
{
    const struct dictionary *d = &columns->dictionaries[COLUMN_STATUS];
    uint32_t first = (uint32_t)(uintptr_t)smap_get(&d->index, str_of(over->status[0]));
    uint32_t second = (uint32_t)(uintptr_t)smap_get(&d->index, str_of(over->status[1]));
    uint32_t n = 0;
    for (; *place < columns->places && n < over->max; (*place)++) {
        uint32_t id = columns->ids[COLUMN_STATUS][*place];
        if (columns->row[*place] && id > 0 && (id == first || id == second) &&
            columns->last_seen[*place] < over->before_ms) {
            ret[n++] = columns->row[*place];
        }
    }
    return n;
}

uint32_t columns_count(const struct columns *columns)
{
    return columns->count;
}

size_t columns_bytes(const struct columns *columns)
{
    size_t each = COLUMN_COUNT * sizeof(uint32_t) + 4 * sizeof(int64_t) + sizeof(uint8_t) +
                  sizeof(bool) + sizeof(uint32_t);
    size_t n = columns->capacity * each + (columns->by_row.mask + 1) * sizeof(struct map_slot);
    for (unsigned i = 0; i < COLUMN_COUNT; i++) {
        const struct dictionary *d = &columns->dictionaries[i];
        n += d->capacity * (sizeof(*d->texts) + sizeof(*d->uses) + sizeof(*d->free_ids)) +
             (d->index.mask + 1) * sizeof(struct smap_slot);
        for (uint32_t k = 1; k <= d->n; k++) {
            n += d->texts[k].n;
        }
    }
    return n;
}

unsigned columns_band(uint8_t severity)
{
    return severity >= 90 ? 4 : severity >= 70 ? 3 : severity >= 40 ? 2 : severity >= 10 ? 1 : 0;
}
