/*
 * map: two tables of one shape. A slot is free when its value is NULL; removal moves later entries of
 * the same probe run back over the hole.
 */
#include "base/map.h"

#include "base/arena.h"

#include <errno.h>
#include <stdlib.h>

#define SLOTS_MIN ((size_t)16)

static bool is_full(size_t count, size_t slots)
{
    return count + 1 > slots - slots / 4;
}

/* May the entry whose home is `home` and which sits at `at` move back to `hole`? */
static bool can_move(size_t home, size_t hole, size_t at, size_t mask)
{
    return ((at - home) & mask) >= ((at - hole) & mask);
}

void map_done(struct map *map)
{
    free(map->slots);
    *map = (struct map){ 0 };
}

static struct map_slot *map_find(const struct map *map, uint64_t key)
{
    size_t at = hash_u64(key) & map->mask;
    while (map->slots[at].value && map->slots[at].key != key) {
        at = (at + 1) & map->mask;
    }
    return &map->slots[at];
}

void *map_get(const struct map *map, uint64_t key)
{
    return map->slots ? map_find(map, key)->value : NULL;
}

static int map_grow(struct map *map)
{
    size_t old = map->slots ? map->mask + 1 : 0;
    size_t slots = old ? old * 2 : SLOTS_MIN;
    struct map bigger = { .slots = mem_zalloc(slots * sizeof(*bigger.slots)), .mask = slots - 1 };
    if (!bigger.slots) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < old; i++) {
        if (map->slots[i].value) {
            *map_find(&bigger, map->slots[i].key) = map->slots[i];
        }
    }
    bigger.count = map->count;
    free(map->slots);
    *map = bigger;
    return 0;
}

int map_put(struct map *map, uint64_t key, void *value)
{
    if (!map->slots || is_full(map->count, map->mask + 1)) {
        int r = map_grow(map);
        if (r < 0) {
            return r;
        }
    }
    struct map_slot *slot = map_find(map, key);
    map->count += !slot->value;
    *slot = (struct map_slot){ key, value };
    return 0;
}

void *map_remove(struct map *map, uint64_t key)
{
    struct map_slot *slot = map->slots ? map_find(map, key) : NULL;
    if (!slot || !slot->value) {
        return NULL;
    }
    void *removed = slot->value;
    size_t hole = (size_t)(slot - map->slots);
    for (size_t at = (hole + 1) & map->mask; map->slots[at].value; at = (at + 1) & map->mask) {
        if (can_move(hash_u64(map->slots[at].key) & map->mask, hole, at, map->mask)) {
            map->slots[hole] = map->slots[at];
            hole = at;
        }
    }
    map->slots[hole].value = NULL;
    map->count--;
    return removed;
}

const struct map_slot *map_next(const struct map *map, size_t *cursor)
{
    while (map->slots && *cursor <= map->mask) {
        const struct map_slot *slot = &map->slots[(*cursor)++];
        if (slot->value) {
            return slot;
        }
    }
    return NULL;
}

void smap_done(struct smap *map)
{
    free(map->slots);
    *map = (struct smap){ 0 };
}

static struct smap_slot *smap_find(const struct smap *map, struct str key, uint64_t hash)
{
    size_t at = hash & map->mask;
    while (map->slots[at].value &&
           (map->slots[at].hash != hash || !str_eq(map->slots[at].key, key))) {
        at = (at + 1) & map->mask;
    }
    return &map->slots[at];
}

void *smap_get(const struct smap *map, struct str key)
{
    return map->slots ? smap_find(map, key, str_hash(key))->value : NULL;
}

static int smap_grow(struct smap *map)
{
    size_t old = map->slots ? map->mask + 1 : 0;
    size_t slots = old ? old * 2 : SLOTS_MIN;
    struct smap bigger = { .slots = mem_zalloc(slots * sizeof(*bigger.slots)), .mask = slots - 1 };
    if (!bigger.slots) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < old; i++) {
        const struct smap_slot *slot = &map->slots[i];
        if (slot->value) {
            *smap_find(&bigger, slot->key, slot->hash) = *slot;
        }
    }
    bigger.count = map->count;
    free(map->slots);
    *map = bigger;
    return 0;
}

int smap_put(struct smap *map, struct str key, void *value)
{
    if (!map->slots || is_full(map->count, map->mask + 1)) {
        int r = smap_grow(map);
        if (r < 0) {
            return r;
        }
    }
    uint64_t hash = str_hash(key);
    struct smap_slot *slot = smap_find(map, key, hash);
    map->count += !slot->value;
    *slot = (struct smap_slot){ key, hash, value };
    return 0;
}

void *smap_remove(struct smap *map, struct str key)
{
    struct smap_slot *slot = map->slots ? smap_find(map, key, str_hash(key)) : NULL;
    if (!slot || !slot->value) {
        return NULL;
    }
    void *removed = slot->value;
    size_t hole = (size_t)(slot - map->slots);
    for (size_t at = (hole + 1) & map->mask; map->slots[at].value; at = (at + 1) & map->mask) {
        if (can_move(map->slots[at].hash & map->mask, hole, at, map->mask)) {
            map->slots[hole] = map->slots[at];
            hole = at;
        }
    }
    map->slots[hole].value = NULL;
    map->count--;
    return removed;
}

const struct smap_slot *smap_next(const struct smap *map, size_t *cursor)
{
    while (map->slots && *cursor <= map->mask) {
        const struct smap_slot *slot = &map->slots[(*cursor)++];
        if (slot->value) {
            return slot;
        }
    }
    return NULL;
}
