/*
 * slab: objects of one size, handed out from chunks that never move, up to a hard count.
 *
 * Each object has a dense index below `capacity`, stable while it lives and reused afterwards, so that
 * others can keep parallel arrays. Not thread-safe.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define SLAB_CHUNK 1024 /* objects in a chunk */

struct slab {
    char **chunks;
    uint32_t nchunks;
    uint32_t free_head; /* index + 1 of the first free object */
    uint32_t count;     /* objects alive */
    uint32_t high;      /* indices ever handed out */
    uint32_t capacity;  /* hard limit */
    size_t object_size;
};

/* object_size >= 4. */
void slab_init(struct slab *slab, size_t object_size, uint32_t capacity);
void slab_done(struct slab *slab);

/* A zeroed object and its index; NULL at capacity or when memory is out. */
void *slab_take(struct slab *slab, uint32_t *ret_index);
void slab_give(struct slab *slab, uint32_t index);

static inline void *slab_at(const struct slab *slab, uint32_t index)
{
    return slab->chunks[index / SLAB_CHUNK] + (index % SLAB_CHUNK) * slab->object_size;
}
