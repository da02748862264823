/*
 * node: looking into the tree, and building pieces of one.
 *
 * Children are a doubly linked list in the order of the text. A search is linear: maps are small, and the ones that
 * are not (a template's resources) are walked, not searched.
 */
#include "instrument/node.h"

#include <ctype.h>
#include <errno.h>

#define NAME_MAX_ 64

int document_parse(struct document *ret, struct arena *arena, struct str text, struct err *err)
{
    struct document doc = { .arena = arena, .text = text };
    if (text.n > NODE_TEXT_MAX) {
        return err_set(err, -EFBIG, "larger than %d bytes", NODE_TEXT_MAX);
    }
    size_t at = 0;
    while (at < text.n && isspace((unsigned char)text.p[at])) {
        at++;
    }
    if (at == text.n) {
        return err_set(err, -EINVAL, "it is empty");
    }
    doc.yaml = text.p[at] != '{' && text.p[at] != '[';
    int r = doc.yaml ? node_parse_yaml(&doc, err) : node_parse_json(&doc, err);
    if (r == 0) {
        *ret = doc;
    }
    return r;
}

uint32_t document_line(const struct document *doc, uint32_t at)
{
    uint32_t line = 1;
    for (uint32_t i = 0; i < at && i < doc->text.n; i++) {
        line += doc->text.p[i] == '\n';
    }
    return line;
}

struct node *node_find(const struct node *map, struct str key)
{
    if (!map || map->kind != NODE_MAP) {
        return NULL;
    }
    struct node *at = map->first;
    while (at && !str_eq(at->key, key)) {
        at = at->next;
    }
    return at;
}

static struct str written(const struct document *doc, const char *name, char *storage)
{
    size_t n = strnlen(name, NAME_MAX_);
    memcpy(storage, name, n);
    if (doc->pascal) {
        storage[0] = (char)toupper((unsigned char)storage[0]);
    }
    return str_from(storage, n);
}

struct node *node_get(const struct document *doc, const struct node *map, const char *name)
{
    char storage[NAME_MAX_];
    return node_find(map, written(doc, name, storage));
}

bool node_is_null(const struct node *node)
{
    return node->kind == NODE_SCALAR && !node->quoted && !node->tag.n &&
           (str_eqz(node->value, "null") || str_eqz(node->value, "~") || node->value.n == 0);
}

bool node_is_intrinsic(const struct node *node)
{
    if (node->tag.n) {
        return true;
    }
    return node->kind == NODE_MAP && node->n == 1 &&
           (str_eqz(node->first->key, "Ref") || str_starts(node->first->key, STR("Fn::")));
}

bool node_has_no_value(const struct node *node)
{
    if (node->kind == NODE_SCALAR) {
        return str_eqz(node->value, "AWS::NoValue");
    }
    for (const struct node *at = node->first; at; at = at->next) {
        if (node_has_no_value(at)) {
            return true;
        }
    }
    return false;
}

bool node_is_text(const struct node *node)
{
    return node && node->kind == NODE_SCALAR && !node->tag.n && !node_is_null(node);
}

struct node *node_new(struct arena *arena, enum node_kind kind)
{
    struct node *node = ARENA_NEW(arena, struct node);
    if (node) {
        node->kind = kind;
    }
    return node;
}

struct node *node_new_text(struct arena *arena, struct str text)
{
    struct node *node = node_new(arena, NODE_SCALAR);
    struct str copy = arena_str(arena, text);
    if (!node || !copy.p) {
        return NULL;
    }
    node->quoted = true;
    node->value = copy;
    return node;
}

struct node *node_new_word(struct arena *arena, const char *word)
{
    struct node *node = node_new_text(arena, str_of(word));
    if (node) {
        node->quoted = false;
    }
    return node;
}

struct node *node_append(struct node *parent, struct str key, struct node *child)
{
    if (!parent || !child) {
        return NULL;
    }
    child->key = key;
    child->previous = parent->last;
    *(parent->last ? &parent->last->next : &parent->first) = child;
    parent->last = child;
    parent->n++;
    return child;
}

struct node *node_put(const struct document *doc, struct node *map, const char *name,
                      struct node *child)
{
    char storage[NAME_MAX_];
    struct str key = arena_str(doc->arena, written(doc, name, storage));
    return key.p ? node_append(map, key, child) : NULL;
}

struct node *node_copy(struct arena *arena, const struct node *node)
{
    struct node *copy = ARENA_NEW(arena, struct node);
    if (!copy) {
        return NULL;
    }
    *copy = (struct node){
        .kind = node->kind, .quoted = node->quoted, .value = node->value, .tag = node->tag
    };
    for (const struct node *at = node->first; at; at = at->next) {
        if (!node_append(copy, at->key, node_copy(arena, at))) {
            return NULL;
        }
    }
    return copy;
}
