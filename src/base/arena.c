/*
 * arena: bump allocation in blocks of growing size, charged against a budget.
 *
 * Blocks are chained; a request larger than the block size gets a block of its own. The budget counts
 * whole blocks, so that it bounds real memory. Under AddressSanitizer, what was not handed out is
 * poisoned and a gap is left after each piece, so that reading past its end is found.
 */
#include "base/arena.h"

#include <stdlib.h>
#include <sys/mman.h>

#ifdef __has_feature
#if __has_feature(address_sanitizer)
#define __SANITIZE_ADDRESS__ 1
#endif
#endif

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#define GAP ((size_t)16)
#else
#define ASAN_POISON_MEMORY_REGION(p, n)   ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define GAP                               ((size_t)0)
#endif

#define BLOCK_MIN ((size_t)4096)
#define BLOCK_MAX ((size_t)1 << 20)

struct arena_block {
    struct arena_block *below;
    size_t size; /* with this header */
    max_align_t data[];
};

static uint64_t allocations_left; /* 0: no limit, 1: fail */

static int allocation_fails(void)
{
    if (allocations_left == 0) {
        return 0;
    }
    if (allocations_left > 1) {
        allocations_left--;
        return 0;
    }
    return 1;
}

void mem_fail_after(uint64_t n)
{
    allocations_left = n;
}

void *mem_alloc(size_t n)
{
    return allocation_fails() ? NULL : malloc(n ? n : 1);
}

void *mem_zalloc(size_t n)
{
    return allocation_fails() ? NULL : calloc(1, n ? n : 1);
}

void *mem_pages(size_t n)
{
    void *p = allocation_fails() ? MAP_FAILED
                                 : mmap(NULL, n ? n : 1, PROT_READ | PROT_WRITE,
                                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

void mem_pages_free(void *p, size_t n)
{
    if (p) {
        munmap(p, n ? n : 1);
    }
}

void *mem_realloc(void *p, size_t n)
{
    return allocation_fails() ? NULL : realloc(p, n ? n : 1);
}

void *mem_resize(void *p, size_t count, size_t size)
{
    size_t bytes;
    return __builtin_mul_overflow(count, size, &bytes) ? NULL : mem_realloc(p, bytes);
}

void arena_init(struct arena *arena, size_t budget_bytes)
{
    *arena = (struct arena){ .budget = budget_bytes };
}

void arena_done(struct arena *arena)
{
    struct arena_block *block = arena->head;
    while (block) {
        struct arena_block *below = block->below;
        ASAN_UNPOISON_MEMORY_REGION(block, block->size);
        free(block);
        block = below;
    }
    *arena = (struct arena){ .budget = arena->budget };
}

void arena_reset(struct arena *arena)
{
    struct arena_block *kept = arena->head;
    if (!kept) {
        return;
    }
    arena->head = kept->below;
    size_t size = kept->size;
    arena_done(arena);
    kept->below = NULL;
    arena->head = kept;
    arena->used = size;
    arena->next = (char *)kept->data;
    arena->end = (char *)kept + size;
    ASAN_POISON_MEMORY_REGION(arena->next, size - sizeof(*kept));
}

static int arena_grow(struct arena *arena, size_t n)
{
    size_t size = arena->head ? arena->head->size * 2 : BLOCK_MIN;
    if (size > BLOCK_MAX) {
        size = BLOCK_MAX;
    }
    size_t left = arena->budget - arena->used;
    if (size > left) {
        size = left;
    }
    size_t need;
    if (__builtin_add_overflow(n, sizeof(struct arena_block), &need) || need > left) {
        return -1;
    }
    if (size < need) {
        size = need;
    }
    struct arena_block *block = mem_alloc(size);
    if (!block) {
        return -1;
    }
    block->below = arena->head;
    block->size = size;
    arena->head = block;
    arena->used += size;
    arena->next = (char *)block->data;
    arena->end = (char *)block + size;
    ASAN_POISON_MEMORY_REGION(arena->next, size - sizeof(*block));
    return 0;
}

/* The free space begins after n bytes at p. */
static char *arena_hand_out(struct arena *arena, char *p, size_t n)
{
    ASAN_UNPOISON_MEMORY_REGION(p, n);
    arena->next = p + n;
    arena->next += (size_t)(arena->end - arena->next) > GAP ? GAP : 0;
    return p;
}

char *arena_bytes(struct arena *arena, size_t n)
{
    if ((size_t)(arena->end - arena->next) < n || !arena->next) {
        if (arena_grow(arena, n) < 0) {
            return NULL;
        }
    }
    return arena_hand_out(arena, arena->next, n);
}

void *arena_alloc(struct arena *arena, size_t n)
{
    size_t misaligned = (uintptr_t)arena->next % alignof(max_align_t);
    size_t padding = misaligned ? alignof(max_align_t) - misaligned : 0;
    size_t whole;
    if (__builtin_add_overflow(n, padding, &whole)) {
        return NULL;
    }
    if (!arena->next || (size_t)(arena->end - arena->next) < whole) {
        if (arena_grow(arena, n) < 0) {
            return NULL;
        }
        padding = 0;
    }
    return memset(arena_hand_out(arena, arena->next + padding, n), 0, n);
}

void *arena_array(struct arena *arena, size_t count, size_t size)
{
    size_t bytes;
    return __builtin_mul_overflow(count, size, &bytes) ? NULL : arena_alloc(arena, bytes);
}

struct str arena_str(struct arena *arena, struct str s)
{
    char *copy = s.n == SIZE_MAX ? NULL : arena_bytes(arena, s.n + 1);
    if (!copy) {
        return (struct str){ 0 };
    }
    if (s.n) {
        memcpy(copy, s.p, s.n);
    }
    copy[s.n] = '\0';
    return (struct str){ copy, s.n };
}
