/*
 * slab: chunks of SLAB_CHUNK objects; a free object holds the index + 1 of the next free one.
 */
#include "base/slab.h"

#include "base/arena.h"

#include <stdlib.h>
#include <string.h>

void slab_init(struct slab *slab, size_t object_size, uint32_t capacity)
{
    *slab = (struct slab){ .object_size = (object_size + 15) & ~(size_t)15, .capacity = capacity };
}

void slab_done(struct slab *slab)
{
    for (uint32_t i = 0; i < slab->nchunks; i++) {
        free(slab->chunks[i]);
    }
    free(slab->chunks);
    slab_init(slab, slab->object_size, slab->capacity);
}

static int slab_grow(struct slab *slab)
{
    char **chunks = mem_resize(slab->chunks, slab->nchunks + (size_t)1, sizeof(*chunks));
    if (!chunks) {
        return -1;
    }
    slab->chunks = chunks;
    char *chunk = mem_alloc(SLAB_CHUNK * slab->object_size);
    if (!chunk) {
        return -1;
    }
    chunks[slab->nchunks++] = chunk;
    return 0;
}

void *slab_take(struct slab *slab, uint32_t *ret_index)
{
    uint32_t index;
    if (slab->free_head) {
        index = slab->free_head - 1;
        memcpy(&slab->free_head, slab_at(slab, index), sizeof(slab->free_head));
    } else {
        if (slab->high == slab->capacity) {
            return NULL;
        }
        if (slab->high == slab->nchunks * SLAB_CHUNK && slab_grow(slab) < 0) {
            return NULL;
        }
        index = slab->high++;
    }
    slab->count++;
    *ret_index = index;
    return memset(slab_at(slab, index), 0, slab->object_size);
}

void slab_give(struct slab *slab, uint32_t index)
{
    memcpy(slab_at(slab, index), &slab->free_head, sizeof(slab->free_head));
    slab->free_head = index + 1;
    slab->count--;
}
