/*
 * collect: tables of items by name, and texts that remember which scalar each part came from.
 */
#include "rules/load.h"

#include <errno.h>
#include <stdlib.h>

void *table_get(const struct table *table, struct str name)
{
    return smap_get(&table->by_name, name);
}

int table_put(struct loader *loader, struct table *table, struct str name, void *item)
{
    (void)loader;
    if (table->n >= RULES_ITEMS_MAX) {
        return -ENOMEM;
    }
    if (table->n == table->capacity) {
        uint32_t capacity = table->capacity ? table->capacity * 2 : 64;
        void **items = mem_resize(table->items, capacity, sizeof(*items));
        if (!items) {
            return -ENOMEM;
        }
        table->items = items;
        table->capacity = capacity;
    }
    if (smap_put(&table->by_name, name, item) < 0) {
        return -ENOMEM;
    }
    table->items[table->n++] = item;
    return 0;
}

void table_done(struct table *table)
{
    free(table->items);
    smap_done(&table->by_name);
    *table = (struct table){ 0 };
}

struct str keep_str(struct loader *loader, struct str s)
{
    return arena_str(&loader->arena, s);
}

int text_set(struct loader *loader, struct text *text, struct str s, uint32_t file,
             const struct doc_node *scalar)
{
    *text = (struct text){ 0 };
    return text_append(loader, text, s, file, scalar);
}

struct span {
    size_t n, size;
};

/* `old`, or where it was copied to, with room for n items of `size`: twice as many as before. */
static void *with_room(struct loader *loader, const void *old, size_t used, size_t *capacity,
                       struct span span)
{
    if (span.n <= *capacity) {
        return (void *)(uintptr_t)old;
    }
    size_t bigger = span.n > *capacity * 2 ? span.n : *capacity * 2;
    void *room = arena_array(&loader->arena, bigger, span.size);
    if (room && used) {
        memcpy(room, old, used * span.size);
    }
    *capacity = room ? bigger : *capacity;
    return room;
}

/* Joins with a blank. */
int text_append(struct loader *loader, struct text *text, struct str s, uint32_t file,
                const struct doc_node *scalar)
{
    size_t gap = text->npieces > 0;
    size_t n = text->s.n + gap + s.n;
    struct doc_node *copy = ARENA_NEW(&loader->arena, struct doc_node);
    if (!copy || n >= RULES_FILE_MAX) {
        return -ENOMEM;
    }
    char *joined =
        with_room(loader, text->s.p, text->s.n, &text->capacity, (struct span){ n + 1, 1 });
    struct piece *pieces = with_room(loader, text->pieces, text->npieces, &text->pieces_capacity,
                                     (struct span){ text->npieces + (size_t)1, sizeof(*pieces) });
    text->s.p = joined ? joined : text->s.p;
    text->pieces = pieces ? pieces : text->pieces;
    if (!joined || !pieces) {
        return -ENOMEM;
    }
    if (gap) {
        joined[text->s.n] = ' ';
    }
    if (s.n > 0) {
        memcpy(joined + n - s.n, s.p, s.n);
    }
    joined[n] = '\0';
    *copy = *scalar;
    copy->value = s.n > 0 ? (struct str){ joined + n - s.n, s.n } : STR("");
    text->pieces[text->npieces++] =
        (struct piece){ .start = (uint32_t)(n - s.n), .file = file, .scalar = copy };
    text->s.n = n;
    return 0;
}
