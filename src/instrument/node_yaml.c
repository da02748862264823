/*
 * node_yaml: a tree from one YAML document, by libyaml's events.
 *
 * libyaml counts characters; places here are bytes. A table from the one to the other is made first. Where a block
 * ends cannot be taken from its event (that is where the next token begins), so nobody asks for it: the last child
 * has it. Tags and anchors are kept as marks; aliases are leaves that nothing looks into.
 */
#include "instrument/node.h"

#include "base/buf.h"

#include <errno.h>
#include <yaml.h>

struct reader {
    struct document *doc;
    yaml_parser_t parser;
    const uint32_t *bytes; /* of a character's number */
    uint32_t base;         /* bytes of a byte order mark */
    struct err *err;
};

static int out_of_memory(struct err *err)
{
    return err_set(err, -ENOMEM, "too large: it takes more than the memory allowed for it");
}

/* Places of all characters, and of the end. */
static const uint32_t *count_bytes(struct arena *arena, struct str text)
{
    uint32_t *bytes = ARENA_ARRAY(arena, uint32_t, text.n + 1);
    size_t n = 0;
    for (size_t i = 0; bytes && i < text.n; i++) {
        if (((unsigned char)text.p[i] & 0xc0) != 0x80) {
            bytes[n++] = (uint32_t)i;
        }
    }
    for (; bytes && n <= text.n; n++) {
        bytes[n] = (uint32_t)text.n;
    }
    return bytes;
}

static uint32_t place(const struct reader *reader, yaml_mark_t mark)
{
    size_t n = reader->doc->text.n - reader->base;
    return reader->base + reader->bytes[mark.index < n ? mark.index : n];
}

static int next(struct reader *reader, yaml_event_t *ret)
{
    if (yaml_parser_parse(&reader->parser, ret)) {
        return 0;
    }
    const yaml_parser_t *p = &reader->parser;
    return err_set(reader->err, p->error == YAML_MEMORY_ERROR ? -ENOMEM : -EINVAL,
                   "line %zu: not YAML: %s", p->problem_mark.line + 1,
                   p->problem ? p->problem : "it cannot be read");
}

static int read_node(struct reader *reader, yaml_event_t *event, unsigned depth, struct node **ret);

static int mark(struct reader *reader, struct node *node, const yaml_char_t *anchor,
                const yaml_char_t *tag)
{
    struct str text = str_of((const char *)tag);
    node->marked = anchor || tag;
    if (text.n > 1 && text.p[0] == '!') {
        node->tag = arena_str(reader->doc->arena, text);
        return node->tag.p ? 0 : out_of_memory(reader->err);
    }
    return 0;
}

static int read_key(struct reader *reader, const yaml_event_t *event, struct str *ret)
{
    if (event->type != YAML_SCALAR_EVENT) {
        return err_set(reader->err, -EINVAL, "line %zu: a key that is not a text",
                       event->start_mark.line + 1);
    }
    *ret = arena_str(reader->doc->arena,
                     str_from(event->data.scalar.value, event->data.scalar.length));
    return ret->p ? 0 : out_of_memory(reader->err);
}

static int add_member(struct reader *reader, struct node *map, const yaml_event_t *name,
                      unsigned depth)
{
    struct str key;
    struct node *child;
    yaml_event_t event;
    int r = read_key(reader, name, &key);
    if (r == 0 && map->n >= NODE_MEMBERS_MAX) {
        return err_set(reader->err, -EFBIG, "a mapping has more than %d members", NODE_MEMBERS_MAX);
    }
    if (r == 0 && node_find(map, key)) {
        return err_set(reader->err, -EINVAL, "line %zu: `%.*s` stands there twice",
                       name->start_mark.line + 1, (int)(key.n < 64 ? key.n : 64), key.p);
    }
    r = r == 0 ? next(reader, &event) : r;
    if (r < 0) {
        return r;
    }
    r = read_node(reader, &event, depth + 1, &child);
    yaml_event_delete(&event);
    if (r == 0) {
        child->key_start = place(reader, name->start_mark);
        node_append(map, key, child);
    }
    return r;
}

/* Children up to the end event of the list or map. */
static int read_children(struct reader *reader, struct node *parent, unsigned depth)
{
    bool map = parent->kind == NODE_MAP;
    if (depth >= NODE_DEPTH_MAX) {
        return err_set(reader->err, -EINVAL, "line %u: nested deeper than %d",
                       document_line(reader->doc, parent->start), NODE_DEPTH_MAX);
    }
    for (;;) {
        yaml_event_t event;
        struct node *child;
        int r = next(reader, &event);
        if (r < 0) {
            return r;
        }
        bool over = event.type == (map ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT);
        if (over) {
            parent->end = place(reader, event.end_mark);
        } else if (map) {
            r = add_member(reader, parent, &event, depth);
        } else {
            r = read_node(reader, &event, depth + 1, &child);
            if (r == 0) {
                node_append(parent, (struct str){ 0 }, child);
            }
        }
        yaml_event_delete(&event);
        if (over || r < 0) {
            return r;
        }
    }
}

static int read_scalar(struct reader *reader, const yaml_event_t *event, struct node *node)
{
    node->kind = NODE_SCALAR;
    node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
    node->block = event->data.scalar.style == YAML_LITERAL_SCALAR_STYLE ||
                  event->data.scalar.style == YAML_FOLDED_SCALAR_STYLE;
    node->value = arena_str(reader->doc->arena,
                            str_from(event->data.scalar.value, event->data.scalar.length));
    return node->value.p ? mark(reader, node, event->data.scalar.anchor, event->data.scalar.tag)
                         : out_of_memory(reader->err);
}

static int read_node(struct reader *reader, yaml_event_t *event, unsigned depth, struct node **ret)
{
    struct node *node = ARENA_NEW(reader->doc->arena, struct node);
    if (!node) {
        return out_of_memory(reader->err);
    }
    *ret = node;
    node->start = place(reader, event->start_mark);
    node->end = place(reader, event->end_mark);
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return read_scalar(reader, event, node);
    case YAML_SEQUENCE_START_EVENT:
        node->kind = NODE_LIST;
        node->block = event->data.sequence_start.style == YAML_BLOCK_SEQUENCE_STYLE;
        mark(reader, node, event->data.sequence_start.anchor, event->data.sequence_start.tag);
        return read_children(reader, node, depth);
    case YAML_MAPPING_START_EVENT:
        node->kind = NODE_MAP;
        node->block = event->data.mapping_start.style == YAML_BLOCK_MAPPING_STYLE;
        mark(reader, node, event->data.mapping_start.anchor, event->data.mapping_start.tag);
        return read_children(reader, node, depth);
    case YAML_ALIAS_EVENT:
        node->kind = NODE_ALIAS;
        return 0;
    default:
        return err_set(reader->err, -EINVAL, "line %zu: a value is missing",
                       event->start_mark.line + 1);
    }
}

/* Stream and document begin, one node, both end. */
static int read_document(struct reader *reader)
{
    for (bool done = false; !done;) {
        yaml_event_t event;
        int r = next(reader, &event);
        if (r < 0) {
            return r;
        }
        done = event.type == YAML_STREAM_END_EVENT;
        if (event.type == YAML_DOCUMENT_START_EVENT && reader->doc->root) {
            r = err_set(reader->err, -EINVAL, "line %zu: a second document",
                        event.start_mark.line + 1);
        } else if (event.type != YAML_STREAM_START_EVENT && !done &&
                   event.type != YAML_DOCUMENT_START_EVENT &&
                   event.type != YAML_DOCUMENT_END_EVENT) {
            r = read_node(reader, &event, 0, &reader->doc->root);
        }
        yaml_event_delete(&event);
        if (r < 0) {
            return r;
        }
    }
    return reader->doc->root ? 0 : err_set(reader->err, -EINVAL, "it is empty");
}

int node_parse_yaml(struct document *doc, struct err *err)
{
    struct str text = doc->text;
    struct reader reader = { .doc = doc, .err = err };
    reader.base = str_starts(text, STR("\xef\xbb\xbf")) ? 3 : 0;
    text = str_from_offset(text, reader.base);
    if (!str_is_utf8(text)) {
        return err_set(err, -EINVAL, "not UTF-8");
    }
    reader.bytes = count_bytes(doc->arena, text);
    if (!reader.bytes || !yaml_parser_initialize(&reader.parser)) {
        return out_of_memory(err);
    }
    yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&reader.parser, (const unsigned char *)text.p, text.n);
    int r = read_document(&reader);
    yaml_parser_delete(&reader.parser);
    return r;
}
