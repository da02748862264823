/*
 * map: open-addressing hash maps, from 64-bit keys and from strings, to a pointer.
 *
 * Linear probing at a load of at most 3/4, deletion by shifting back: no tombstones, so a map that
 * churns for years stays as fast as on its first day. Values are never NULL. Keys of `smap` are
 * borrowed: their bytes must outlive the entry. As a set, store any non-NULL pointer. Not thread-safe.
 */
#pragma once

#include "base/str.h"

#include <stddef.h>
#include <stdint.h>

struct map_slot {
    uint64_t key;
    void *value; /* NULL: free */
};

struct map {
    struct map_slot *slots;
    size_t mask; /* slots - 1, a power of two minus one */
    size_t count;
};

/* A zeroed struct map is an empty map. */
void map_done(struct map *map);
void *map_get(const struct map *map, uint64_t key);
/* Inserts or replaces. 0 or -ENOMEM. */
int map_put(struct map *map, uint64_t key, void *value);
/* The removed value or NULL. */
void *map_remove(struct map *map, uint64_t key);
/* Iterates from *cursor = 0; NULL at the end. The map must not change meanwhile. */
const struct map_slot *map_next(const struct map *map, size_t *cursor);

struct smap_slot {
    struct str key;
    uint64_t hash;
    void *value;
};

struct smap {
    struct smap_slot *slots;
    size_t mask;
    size_t count;
};

void smap_done(struct smap *map);
void *smap_get(const struct smap *map, struct str key);
int smap_put(struct smap *map, struct str key, void *value);
void *smap_remove(struct smap *map, struct str key);
const struct smap_slot *smap_next(const struct smap *map, size_t *cursor);
