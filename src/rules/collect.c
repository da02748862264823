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

/* Joins with a blank. The old text stays where it is in the arena: appends are few. */
int text_append(struct loader *loader, struct text *text, struct str s, uint32_t file,
                const struct doc_node *scalar)
{
    size_t gap = text->npieces > 0;
    size_t n = text->s.n + gap + s.n;
    char *joined = n < RULES_FILE_MAX ? arena_bytes(&loader->arena, n + 1) : NULL;
    struct piece *pieces = ARENA_ARRAY(&loader->arena, struct piece, text->npieces + 1);
    struct doc_node *copy = ARENA_NEW(&loader->arena, struct doc_node);
    if (!joined || !pieces || !copy) {
        return -ENOMEM;
    }
    if (gap) {
        memcpy(joined, text->s.p, text->s.n);
        joined[text->s.n] = ' ';
        memcpy(pieces, text->pieces, text->npieces * sizeof(*pieces));
    }
    if (s.n > 0) {
        memcpy(joined + n - s.n, s.p, s.n);
    }
    joined[n] = '\0';
    *copy = *scalar;
    copy->value = (struct str){ joined + n - s.n, s.n };
    pieces[text->npieces] =
        (struct piece){ .start = (uint32_t)(n - s.n), .file = file, .scalar = copy };
    *text = (struct text){ .s = { joined, n }, .pieces = pieces, .npieces = text->npieces + 1 };
    return 0;
}
