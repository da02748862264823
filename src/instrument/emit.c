/*
 * emit: flow style is JSON, but for keys and tags that YAML allows; block style is YAML's.
 *
 * A value goes on one line when it and its indent take at most EMIT_WIDTH columns. All texts are quoted as JSON quotes
 * them, which YAML reads the same way; a plain scalar stays plain where it cannot be mistaken.
 */
#include "instrument/emit.h"

#include <ctype.h>

static bool is_plain(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (!isalnum(c) && !strchr("_./+-", c)) {
            return false;
        }
    }
    return s.n > 0 && (isalnum((unsigned char)s.p[0]) || s.p[0] == '/' || s.n > 1);
}

static void put_key(const struct emit *emit, struct str key)
{
    if (emit->yaml && is_plain(key) && isalpha((unsigned char)key.p[0])) {
        buf_puts(emit->buf, key);
    } else {
        buf_json_str(emit->buf, key);
    }
    buf_puts(emit->buf, emit->compact ? STR(":") : STR(": "));
}

static void put_scalar(const struct emit *emit, const struct node *node)
{
    if (node->tag.n) {
        buf_puts(emit->buf, node->tag);
        buf_putc(emit->buf, ' ');
    }
    if (!node->quoted && is_plain(node->value)) {
        buf_puts(emit->buf, node->value);
    } else {
        buf_json_str(emit->buf, node->value);
    }
}

static void put_line(const struct emit *emit, unsigned depth)
{
    buf_puts(emit->buf, emit->newline);
    buf_puts(emit->buf, emit->indent);
    for (unsigned i = 0; i < depth; i++) {
        buf_puts(emit->buf, emit->unit);
    }
}

static void put_inline(const struct emit *emit, const struct node *node)
{
    if (node->kind == NODE_SCALAR) {
        put_scalar(emit, node);
        return;
    }
    bool map = node->kind == NODE_MAP;
    if (node->tag.n) {
        buf_puts(emit->buf, node->tag);
        buf_putc(emit->buf, ' ');
    }
    bool air = map && node->first && !emit->compact;
    buf_puts(emit->buf, map ? air ? STR("{ ") : STR("{") : STR("["));
    for (const struct node *at = node->first; at; at = at->next) {
        if (map) {
            put_key(emit, at->key);
        }
        put_inline(emit, at);
        buf_puts(emit->buf, !at->next ? STR("") : emit->compact ? STR(",") : STR(", "));
    }
    buf_puts(emit->buf, map ? air ? STR(" }") : STR("}") : STR("]"));
}

/* Writes it on one line; takes that back and yields false where it does not fit. */
static bool fits(const struct emit *emit, const struct node *node, unsigned depth, size_t before)
{
    size_t began = emit->buf->n;
    size_t columns = emit->indent.n + depth * emit->unit.n + before;
    put_inline(emit, node);
    if (emit->compact || node->kind == NODE_SCALAR || !node->first || emit->buf->failed ||
        columns + emit->buf->n - began <= EMIT_WIDTH) {
        return true;
    }
    emit->buf->n = began;
    return false;
}

void emit_flow(const struct emit *emit, const struct node *node, unsigned depth)
{
    if (fits(emit, node, depth, 0)) {
        return;
    }
    bool map = node->kind == NODE_MAP;
    buf_putc(emit->buf, map ? '{' : '[');
    for (const struct node *at = node->first; at; at = at->next) {
        put_line(emit, depth + 1);
        if (map) {
            put_key(emit, at->key);
        }
        emit_flow(emit, at, depth + 1);
        buf_puts(emit->buf, at->next ? STR(",") : STR(""));
    }
    put_line(emit, depth);
    buf_putc(emit->buf, map ? '}' : ']');
}

static void put_block(const struct emit *emit, const struct node *node, unsigned depth)
{
    for (const struct node *at = node->first; at; at = at->next) {
        if (at != node->first || node->kind != NODE_MAP) {
            put_line(emit, depth);
        }
        if (node->kind == NODE_MAP) {
            emit_member(emit, at, depth);
        } else {
            emit_element(emit, at, depth);
        }
    }
}

void emit_member(const struct emit *emit, const struct node *member, unsigned depth)
{
    size_t began = emit->buf->n;
    put_key(emit, member->key);
    if (fits(emit, member, depth, emit->buf->n - began)) {
        return;
    }
    emit->buf->n -= emit->buf->failed ? 0 : 1; /* the blank after the colon */
    if (member->kind == NODE_MAP) {
        put_line(emit, depth + 1);
    }
    put_block(emit, member, depth + 1);
}

void emit_element(const struct emit *emit, const struct node *element, unsigned depth)
{
    buf_puts(emit->buf, STR("- "));
    if (element->kind == NODE_MAP && !element->tag.n && element->n > 1) {
        put_block(emit, element, depth + 1);
    } else {
        put_inline(emit, element);
    }
}
