/*
 * edit: where in the text a change goes, for JSON and flow style (between brackets) and for block style (whole lines).
 *
 *     flow, append     after the last child: a comma, the blanks that are before that child, the new one
 *                      in empty brackets: right after the opening one
 *     flow, before     the new one, a comma, the blanks that are before the list's second child
 *     flow, remove     from the end of the one before; else up to the start of the one after
 *     block            lines of their own, after the last line of the last child; or from the dash on
 *
 * A text that lacks the last line's end gets none: the new lines then begin with one instead.
 */
#include "instrument/edit.h"

#include "base/arena.h"
#include "instrument/emit.h"

#include <errno.h>
#include <stdlib.h>

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void fail(struct edits *edits, int code, const struct node *node, const char *what)
{
    if (edits->err.code == 0) {
        err_set(&edits->err, code, "line %u: %s", document_line(edits->doc, node->start), what);
    }
}

/* The first line's indent that is not empty; two blanks. */
static struct str find_unit(struct str text)
{
    for (size_t i = 0; i + 1 < text.n; i++) {
        size_t n = 0;
        while (text.p[i] == '\n' && i + 1 + n < text.n &&
               (text.p[i + 1 + n] == ' ' || text.p[i + 1 + n] == '\t')) {
            n++;
        }
        if (n > 0 && n <= 8) {
            return str_from(text.p + i + 1, n);
        }
    }
    return STR("  ");
}

void edits_init(struct edits *edits, const struct document *doc)
{
    struct str text = str_trim(doc->text);
    *edits = (struct edits){ .doc = doc };
    edits->newline = str_find(text, STR("\r\n")) >= 0 ? STR("\r\n") : STR("\n");
    edits->unit = doc->yaml ? STR("  ") : find_unit(text);
    edits->compact = !doc->yaml && str_find_char(text, '\n') < 0;
}

void edits_done(struct edits *edits)
{
    free(edits->items);
    edits->items = NULL;
}

void edit_replace(struct edits *edits, uint32_t start, uint32_t end, struct str text)
{
    if (edits->n == edits->capacity) {
        uint32_t capacity = edits->capacity ? edits->capacity * 2 : 64;
        struct edit *items =
            capacity <= EDITS_MAX ? mem_resize(edits->items, capacity, sizeof(*items)) : NULL;
        if (!items) {
            fail(edits, -ENOMEM, edits->doc->root, "too many changes");
            return;
        }
        edits->items = items;
        edits->capacity = capacity;
    }
    struct str copy = arena_str(edits->doc->arena, text);
    if (!copy.p || end < start) {
        fail(edits, -ENOMEM, edits->doc->root, "the changes are too large");
        return;
    }
    edits->items[edits->n] = (struct edit){ start, end - start, edits->n, copy };
    edits->n++;
}

static uint32_t line_start(const struct document *doc, uint32_t at)
{
    while (at > 0 && doc->text.p[at - 1] != '\n') {
        at--;
    }
    return at;
}

/* After the line's end, or the text's. */
static uint32_t line_end(const struct document *doc, uint32_t at)
{
    while (at < doc->text.n && doc->text.p[at] != '\n') {
        at++;
    }
    return at < doc->text.n ? at + 1 : at;
}

static struct str indent_at(const struct document *doc, uint32_t at)
{
    uint32_t start = line_start(doc, at), n = 0;
    while (start + n < at && (doc->text.p[start + n] == ' ' || doc->text.p[start + n] == '\t')) {
        n++;
    }
    return str_from(doc->text.p + start, n);
}

/* After the last line that belongs to it. */
static uint32_t lines_end(const struct document *doc, const struct node *node)
{
    while (node->block && node->last) {
        node = node->last;
    }
    bool whole = node->end > 0 && doc->text.p[node->end - 1] == '\n';
    return whole ? node->end : line_end(doc, node->end);
}

static uint32_t begin_of(const struct node *parent, const struct node *child)
{
    return parent->kind == NODE_MAP ? child->key_start : child->start;
}

/* The blanks before this place. */
static struct str blanks_before(const struct document *doc, uint32_t at)
{
    uint32_t n = 0;
    while (n < at && is_blank(doc->text.p[at - n - 1])) {
        n++;
    }
    return str_from(doc->text.p + at - n, n);
}

static struct str separator(const struct edits *edits, struct str blanks)
{
    return blanks.n || edits->compact ? blanks : STR(" ");
}

/* A line's start and indent of `columns` blanks before, or the line's end after: see above. */
static void insert_lines(struct edits *edits, uint32_t at, struct str lines)
{
    const struct document *doc = edits->doc;
    bool open = at == doc->text.n && at > 0 && doc->text.p[at - 1] != '\n';
    struct buf text;
    buf_init(&text, INSERT_MAX);
    buf_puts(&text, open ? edits->newline : STR(""));
    buf_puts(&text, lines);
    buf_puts(&text, open ? STR("") : edits->newline);
    if (text.failed) {
        fail(edits, -EFBIG, doc->root, "the changes are too large");
    } else {
        edit_replace(edits, at, at, buf_str(&text));
    }
    buf_done(&text);
}

static struct emit emitter(const struct edits *edits, struct buf *buf, struct str indent)
{
    return (struct emit){ .buf = buf,
                          .newline = edits->newline,
                          .indent = indent,
                          .unit = edits->unit,
                          .yaml = edits->doc->yaml,
                          .compact = edits->compact };
}

/* The dash before a child of a block list; -1 when it is on another line. */
static int64_t dash_of(const struct document *doc, const struct node *child)
{
    uint32_t at = child->start;
    while (at > 0 && doc->text.p[at - 1] == ' ') {
        at--;
    }
    return at > 0 && doc->text.p[at - 1] == '-' ? (int64_t)at - 1 : -1;
}

static struct str spaces(const struct edits *edits, uint32_t n)
{
    char *p = arena_bytes(edits->doc->arena, n + 1);
    if (p) {
        memset(p, ' ', n);
    }
    return str_from(p, p ? n : 0);
}

/* Would a line's end after its last line become part of a text? */
static bool takes_end(const struct document *doc, const struct node *node)
{
    while (node->block && node->last) {
        node = node->last;
    }
    return node->kind == NODE_SCALAR && node->block && node->end == doc->text.n &&
           doc->text.p[node->end - 1] != '\n';
}

static void append_block(struct edits *edits, const struct node *parent, const struct node *child)
{
    const struct document *doc = edits->doc;
    int64_t at =
        parent->kind == NODE_MAP ? (int64_t)parent->last->key_start : dash_of(doc, parent->last);
    if (at < 0) {
        fail(edits, -EINVAL, parent->last, "a dash on another line than its value");
        return;
    }
    if (takes_end(doc, parent)) {
        fail(edits, -EINVAL, parent->last, "the file ends within a text, without a line's end");
        return;
    }
    struct buf text;
    buf_init(&text, INSERT_MAX);
    struct str indent = spaces(edits, (uint32_t)at - line_start(doc, (uint32_t)at));
    struct emit emit = emitter(edits, &text, indent);
    buf_puts(&text, indent);
    if (parent->kind == NODE_MAP) {
        emit_member(&emit, child, 0);
    } else {
        emit_element(&emit, child, 0);
    }
    if (text.failed) {
        fail(edits, -EFBIG, parent, "the changes are too large");
    } else {
        insert_lines(edits, lines_end(doc, parent), buf_str(&text));
    }
    buf_done(&text);
}

static void append_flow(struct edits *edits, struct node *parent, const struct node *child)
{
    const struct document *doc = edits->doc;
    struct buf text;
    uint32_t at;
    buf_init(&text, INSERT_MAX);
    if (parent->last) {
        uint32_t begin = begin_of(parent, parent->last);
        at = parent->last->end;
        buf_putc(&text, ',');
        buf_puts(&text, separator(edits, blanks_before(doc, begin)));
    } else {
        char open = parent->kind == NODE_MAP ? '{' : '[';
        at = parent->end;
        while (at > parent->start && doc->text.p[at - 1] != open) {
            at--;
        }
        if (parent->added > 0) {
            buf_puts(&text, edits->compact ? STR(",") : STR(", "));
        }
    }
    parent->added++;
    struct emit emit =
        emitter(edits, &text, indent_at(doc, parent->last ? begin_of(parent, parent->last) : at));
    if (parent->kind == NODE_MAP) {
        buf_json_str(&text, child->key);
        buf_puts(&text, edits->compact ? STR(":") : STR(": "));
    }
    emit_flow(&emit, child, 0);
    if (text.failed) {
        fail(edits, -EFBIG, parent, "the changes are too large");
    } else {
        edit_replace(edits, at, at, buf_str(&text));
    }
    buf_done(&text);
}

void edit_append(struct edits *edits, struct node *parent, struct node *child)
{
    if (!child) {
        fail(edits, -ENOMEM, parent, "out of memory");
    } else if (parent->marked) {
        fail(edits, -EINVAL, parent, "it has a tag or an anchor, and has to be changed");
    } else if (parent->block && parent->last) {
        append_block(edits, parent, child);
    } else {
        append_flow(edits, parent, child);
    }
}

static void before_flow(const struct edits *edits, const struct node *list,
                        const struct node *child, struct buf *text)
{
    struct str blanks =
        blanks_before(edits->doc, list->n > 1 ? list->first->next->start : child->start);
    if (list->n == 1 && str_find_char(blanks, '\n') < 0) {
        blanks = separator(edits, (struct str){ 0 });
    }
    buf_putc(text, ',');
    buf_puts(text, blanks);
}

void edit_before(struct edits *edits, const struct node *list, const struct node *child,
                 const struct node *values)
{
    const struct document *doc = edits->doc;
    int64_t at = list->block ? dash_of(doc, child) : (int64_t)child->start;
    if (at < 0 || list->marked || child->marked || !values) {
        fail(edits, -EINVAL, child,
             "this layout cannot be changed: a tag, an anchor or a lone dash");
        return;
    }
    struct buf text;
    buf_init(&text, INSERT_MAX);
    struct str indent = spaces(edits, (uint32_t)at - line_start(doc, (uint32_t)at));
    struct emit emit = emitter(edits, &text, indent);
    for (const struct node *value = values->first; value; value = value->next) {
        if (list->block) {
            emit_element(&emit, value, 0);
            buf_puts(&text, edits->newline);
            buf_puts(&text, indent);
        } else {
            emit_flow(&emit, value, 0);
            before_flow(edits, list, child, &text);
        }
    }
    if (text.failed) {
        fail(edits, -EFBIG, list, "the changes are too large");
    } else {
        edit_replace(edits, (uint32_t)at, (uint32_t)at, buf_str(&text));
    }
    buf_done(&text);
}

void edit_value(struct edits *edits, const struct node *old, const struct node *value)
{
    struct buf text;
    buf_init(&text, INSERT_MAX);
    struct emit emit = emitter(edits, &text, indent_at(edits->doc, old->start));
    if (!value) {
        fail(edits, -ENOMEM, old, "out of memory");
    } else {
        emit_flow(&emit, value, 0);
    }
    if (text.failed) {
        fail(edits, -EFBIG, old, "the changes are too large");
    } else {
        edit_replace(edits, old->start, old->end, buf_str(&text));
    }
    buf_done(&text);
}

static void remove_lines(struct edits *edits, const struct node *parent, const struct node *first,
                         const struct node *last)
{
    const struct document *doc = edits->doc;
    int64_t begin = parent->kind == NODE_MAP ? (int64_t)first->key_start : dash_of(doc, first);
    uint32_t from = begin < 0 ? 0 : line_start(doc, (uint32_t)begin);
    if (begin < 0 || indent_at(doc, (uint32_t)begin).n != (uint32_t)begin - from) {
        fail(edits, -EINVAL, first, "this is not where it was put, and cannot be taken out");
        return;
    }
    uint32_t to = lines_end(doc, last);
    if (to == doc->text.n && from > 0 && doc->text.p[to - 1] != '\n') {
        edits->open = true;
    }
    edit_replace(edits, from, to, (struct str){ 0 });
}

/* Neighbours that go together are one change: a comma belongs to two of them. */
static void remove_run(struct edits *edits, const struct node *parent, const struct node *first,
                       const struct node *last)
{
    if (parent->block) {
        remove_lines(edits, parent, first, last);
    } else if (first->previous) {
        edit_replace(edits, first->previous->end, last->end, (struct str){ 0 });
    } else {
        uint32_t end = last->next ? begin_of(parent, last->next) : last->end;
        edit_replace(edits, begin_of(parent, first), end, (struct str){ 0 });
    }
}

void edit_sweep(struct edits *edits, const struct node *parent)
{
    for (const struct node *at = parent->first; at; at = at->next) {
        const struct node *first = at;
        while (at->gone && at->next && at->next->gone) {
            at = at->next;
        }
        if (first->gone) {
            remove_run(edits, parent, first, at);
        }
    }
}

static int by_place(const void *a, const void *b)
{
    const struct edit *x = a, *y = b;
    return x->at != y->at ? (x->at < y->at ? -1 : 1)
                          : (x->order > y->order) - (x->order < y->order);
}

int edit_apply(struct edits *edits, struct buf *out, struct err *err)
{
    struct str text = edits->doc->text;
    uint32_t at = 0;
    if (edits->err.code < 0) {
        return err_set(err, edits->err.code, "%s", edits->err.message);
    }
    if (edits->n > 0) {
        qsort(edits->items, edits->n, sizeof(*edits->items), by_place);
    }
    for (uint32_t i = 0; i < edits->n; i++) {
        const struct edit *e = &edits->items[i];
        if (e->at < at) {
            return err_set(err, -EINVAL, "line %u: two changes meet here",
                           document_line(edits->doc, e->at));
        }
        buf_put(out, text.p + at, e->at - at);
        buf_puts(out, e->insert);
        at = e->at + e->remove;
    }
    buf_put(out, text.p + at, text.n - at);
    if (edits->open && !out->failed && out->n > 0 && out->p &&
        str_ends(buf_str(out), edits->newline)) {
        out->n -= edits->newline.n;
    }
    return out->failed ? err_set(err, -EFBIG, "the result is too large") : 0;
}
