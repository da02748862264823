/*
 * edit: changes single places of a document's text. What is put in by edit_append and edit_before and taken out again by
 * edit_sweep leaves the very bytes that were there before.
 *
 * Changes are collected, then applied at once. Of two that begin at the same place the one asked for first comes
 * first: so what belongs to an inner block is asked for before what belongs to the outer one. Places and texts that
 * this cannot handle are errors, kept until edit_apply.
 */
#pragma once

#include "base/buf.h"
#include "instrument/node.h"

#define EDITS_MAX  16384
#define INSERT_MAX (256 * 1024) /* bytes of one */

struct edit {
    uint32_t at, remove, order;
    struct str insert;
};

struct edits {
    const struct document *doc;
    struct edit *items;
    uint32_t n, capacity;
    struct str newline, unit;
    bool compact;
    bool open;      /* the last lines go, and had no end: those before had none either */
    struct err err; /* the first; code 0: none */
};

void edits_init(struct edits *edits, const struct document *doc);
void edits_done(struct edits *edits);

void edit_replace(struct edits *edits, uint32_t start, uint32_t end, struct str text);
/* A new last child of this list or map. */
void edit_append(struct edits *edits, struct node *parent, struct node *child);
/* The children of `values` before this child of a list. */
void edit_before(struct edits *edits, const struct node *list, const struct node *child,
                 const struct node *values);
/* Puts a value in the place of one on a single line. */
void edit_value(struct edits *edits, const struct node *old, const struct node *value);
/* Takes out all children that are marked as gone. */
void edit_sweep(struct edits *edits, const struct node *parent);

/* The text with all changes. 0, or the first error. */
int edit_apply(struct edits *edits, struct buf *out, struct err *err);
