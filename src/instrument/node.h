/*
 * node: a JSON or YAML document as a tree that knows where in the text each value stands, so that a program can
 * change single places and leave every other byte alone.
 *
 * Nodes live in the caller's arena and point into it and into the text; both outlive the tree. Nodes without a
 * place (built by node_new_*) are what is going to be written.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

#define NODE_TEXT_MAX    (2 * 1024 * 1024) /* bytes of a document */
#define NODE_DEPTH_MAX   64
#define NODE_MEMBERS_MAX 4096 /* of one object */
#define NODE_ARENA_MAX   (96 * 1024 * 1024)

enum node_kind { NODE_SCALAR, NODE_LIST, NODE_MAP, NODE_ALIAS };

struct node {
    enum node_kind kind;
    bool block;     /* YAML's block style */
    bool quoted;    /* a scalar that is a text whatever it looks like */
    bool marked;    /* carries an anchor or a tag */
    bool gone;      /* edit_sweep takes it out */
    uint32_t added; /* children that edits have put in already */
    uint32_t n;
    uint32_t start,
        end; /* in the text; of a block, what its last line holds is in the last child */
    uint32_t key_start;
    struct str key;   /* in a map */
    struct str value; /* of a scalar, without quotes and escapes */
    struct str tag;   /* as `!Sub`; empty when there is none */
    struct node *first, *last, *next, *previous;
};

struct document {
    struct arena *arena;
    struct str text;
    struct node *root;
    bool yaml;
    bool pascal; /* members are written EntryPoint, not entryPoint */
};

/* One JSON value or YAML document, by its first character. -EINVAL (with line and column), -EFBIG, -ENOMEM. */
int document_parse(struct document *ret, struct arena *arena, struct str text, struct err *err);
int node_parse_json(struct document *doc, struct err *err);
int node_parse_yaml(struct document *doc, struct err *err);

/* The line of a place, from 1. */
uint32_t document_line(const struct document *doc, uint32_t at);

/* NULL: none, or not a map. The name is camelCase; a pascal document's is looked for with its first letter
 * capital. */
struct node *node_get(const struct document *doc, const struct node *map, const char *name);
/* The name exactly as it is. */
struct node *node_find(const struct node *map, struct str key);

bool node_is_null(const struct node *node);
/* A value that only CloudFormation knows. */
bool node_is_intrinsic(const struct node *node);
/* Is AWS::NoValue anywhere in it? */
bool node_has_no_value(const struct node *node);
/* A scalar that is text as it stands there. */
bool node_is_text(const struct node *node);

/* All return NULL when memory is out, and accept it. */
struct node *node_new(struct arena *arena, enum node_kind kind);
struct node *node_new_text(struct arena *arena, struct str text);
struct node *node_new_word(struct arena *arena, const char *word); /* number or true, false */
/* Puts child last; key is kept as it is (NULL in a list). */
struct node *node_append(struct node *parent, struct str key, struct node *child);
/* The same, the key written as this document does. */
struct node *node_put(const struct document *doc, struct node *map, const char *name,
                      struct node *child);
/* A copy without a place. */
struct node *node_copy(struct arena *arena, const struct node *node);
