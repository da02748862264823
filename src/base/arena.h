/*
 * arena: memory with one lifetime (a request, a compilation) and a hard byte budget.
 *
 * Whatever an input sizes comes from here and fails cleanly. Nothing is freed one by one. Not
 * thread-safe. The arena_ and mem_ functions are the only allocators of the engine, so that a test
 * can make the nth allocation fail.
 */
#pragma once

#include "base/str.h"

#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>

struct arena_block;

struct arena {
    struct arena_block *head;
    char *next; /* free space of the head block */
    char *end;
    size_t used; /* bytes handed out and lost to blocks, counted against the budget */
    size_t budget;
};

void arena_init(struct arena *arena, size_t budget_bytes);
void arena_done(struct arena *arena);
/* Forgets everything; keeps one block for the next round. */
void arena_reset(struct arena *arena);

/* Zeroed memory aligned for any type; NULL when the budget or memory is out. n = 0 is allowed. */
void *arena_alloc(struct arena *arena, size_t n);
/* Not zeroed, aligned to 1. */
char *arena_bytes(struct arena *arena, size_t n);
void *arena_array(struct arena *arena, size_t count, size_t size);
/* A NUL-terminated copy; .p is NULL when out of budget (also for the empty string). */
struct str arena_str(struct arena *arena, struct str s);

#define ARENA_NEW(arena, type)          ((type *)arena_alloc((arena), sizeof(type)))
#define ARENA_ARRAY(arena, type, count) ((type *)arena_array((arena), (count), sizeof(type)))

/* malloc, calloc and realloc that a test can make fail; free with free(). */
void *mem_alloc(size_t n);
void *mem_zalloc(size_t n);
void *mem_realloc(void *p, size_t n);
/* Zeroed, for large tables of which most is never used: a page costs nothing before it is touched. */
void *mem_pages(size_t n);
void mem_pages_free(void *p, size_t n); /* the same n; p may be NULL */
/* Overflow-checked: p of count elements of this size. NULL on overflow. */
void *mem_resize(void *p, size_t count, size_t size);

/* For tests: the nth allocation from now fails, and all after it; 0 turns that off. */
void mem_fail_after(uint64_t n);
