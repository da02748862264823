/*
 * node_json: a tree from strict JSON. jscan checks the whole text first; what is built then are slices of it.
 *
 * A member that stands there twice is refused: readers differ in which one counts.
 */
#include "instrument/node.h"

#include "base/jscan.h"

#include <errno.h>

static int out_of_memory(struct err *err)
{
    return err_set(err, -ENOMEM, "too large: it takes more than the memory allowed for it");
}

static int fill(const struct document *doc, struct node *node, struct jscan value, struct err *err);

static struct node *place(const struct document *doc, struct jscan value)
{
    struct node *node = ARENA_NEW(doc->arena, struct node);
    if (node) {
        node->start = (uint32_t)(value.raw.p - doc->text.p);
        node->end = node->start + (uint32_t)value.raw.n;
    }
    return node;
}

static int fill_map(const struct document *doc, struct node *map, struct jscan value,
                    struct err *err)
{
    struct jscan_walk walk = jscan_begin(value);
    struct jscan name, member;
    while (jscan_member(&walk, &name, &member)) {
        struct str key = jscan_text(name, doc->arena);
        struct node *child = key.p ? place(doc, member) : NULL;
        if (!child) {
            return out_of_memory(err);
        }
        child->key_start = (uint32_t)(name.raw.p - doc->text.p);
        if (map->n >= NODE_MEMBERS_MAX) {
            return err_set(err, -EFBIG, "an object has more than %d members", NODE_MEMBERS_MAX);
        }
        if (node_find(map, key)) {
            return err_set(err, -EINVAL, "line %u: `%.*s` stands there twice",
                           document_line(doc, child->key_start), (int)(key.n < 64 ? key.n : 64),
                           key.p);
        }
        node_append(map, key, child);
        int r = fill(doc, child, member, err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int fill(const struct document *doc, struct node *node, struct jscan value, struct err *err)
{
    if (value.type == JSCAN_OBJECT) {
        node->kind = NODE_MAP;
        return fill_map(doc, node, value, err);
    }
    if (value.type != JSCAN_ARRAY) {
        node->kind = NODE_SCALAR;
        node->quoted = value.type == JSCAN_TEXT;
        node->value = node->quoted ? jscan_text(value, doc->arena) : value.raw;
        return node->value.p ? 0 : out_of_memory(err);
    }
    node->kind = NODE_LIST;
    struct jscan_walk walk = jscan_begin(value);
    struct jscan element;
    while (jscan_element(&walk, &element)) {
        struct node *child = node_append(node, (struct str){ 0 }, place(doc, element));
        int r = child ? fill(doc, child, element, err) : out_of_memory(err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

int node_parse_json(struct document *doc, struct err *err)
{
    struct jscan value;
    const char *why = "";
    size_t at = 0;
    if (jscan_check(doc->text, &value, &why, &at) < 0) {
        return err_set(err, -EINVAL, "line %u: not JSON: %s", document_line(doc, (uint32_t)at),
                       why);
    }
    doc->root = place(doc, value);
    return doc->root ? fill(doc, doc->root, value, err) : out_of_memory(err);
}
