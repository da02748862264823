/*
 * Documents: files of YAML taken apart into rules, macros, lists and policies, each with its own lines.
 *
 * A document keeps the lines it was written in, comments above it included, where these lines mean the same when
 * they stand alone; otherwise (flow style, anchors from elsewhere, deeper indentation) it is written anew, as
 * JSON, which YAML includes.
 */
#include "server/content_set.h"

#include "rules/doc.h"

#include <errno.h>
#include <openssl/sha.h>

static const char *const kind_texts[CONTENT_KINDS] = { "policy", "rule", "macro", "list" };
static const char *const part_texts[] = { "own", "override", "toggle", "managed" };

const char *content_kind_text(enum content_kind kind)
{
    return kind_texts[kind];
}

const char *content_part_text(enum content_part part)
{
    return part_texts[part];
}

bool content_kind_of(struct str text, enum content_kind *ret)
{
    for (unsigned i = 0; i < CONTENT_KINDS; i++) {
        if (str_eqz(text, kind_texts[i])) {
            *ret = (enum content_kind)i;
            return true;
        }
    }
    return false;
}

bool content_part_of(struct str text, enum content_part *ret)
{
    for (unsigned i = 0; i <= PART_MANAGED; i++) {
        if (str_eqz(text, part_texts[i])) {
            *ret = (enum content_part)i;
            return true;
        }
    }
    return false;
}

bool content_name_is_good(enum content_kind kind, struct str name)
{
    bool file = kind == CONTENT_LIST; /* its items are in one of that name */
    if (name.n == 0 || name.n > CONTENT_NAME_MAX || !str_is_utf8(name) || str_eqz(name, ".") ||
        str_eqz(name, "..") || (file && name.p[0] == '.')) {
        return false;
    }
    for (size_t i = 0; i < name.n; i++) {
        unsigned char c = (unsigned char)name.p[i];
        if (c < ' ' || c == 0x7f || c == '\\' || (file && c == '/')) {
            return false;
        }
    }
    return name.p[0] != ' ' && name.p[name.n - 1] != ' ';
}

struct str content_hash(struct arena *arena, struct str text)
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    char hex[33];
    struct buf buf;
    SHA256((const unsigned char *)text.p, text.n, digest);
    buf_init_fixed(&buf, hex, sizeof(hex));
    for (size_t i = 0; i < 16; i++) {
        buf_printf(&buf, "%02x", digest[i]);
    }
    return arena_str(arena, buf_str(&buf));
}

int documents_add(struct documents *documents, struct arena *arena, const struct document *d)
{
    if (documents->n == documents->capacity) {
        size_t capacity = documents->capacity ? documents->capacity * 2 : 32;
        struct document *items = ARENA_ARRAY(arena, struct document, capacity);
        if (!items) {
            return -ENOMEM;
        }
        if (documents->n > 0) {
            memcpy(items, documents->items, documents->n * sizeof(*items));
        }
        documents->items = items;
        documents->capacity = capacity;
    }
    documents->items[documents->n++] = *d;
    return 0;
}

struct document *documents_find(const struct documents *documents, enum content_kind kind,
                                struct str name, enum content_part part)
{
    for (size_t i = 0; i < documents->n; i++) {
        struct document *d = &documents->items[i];
        if (d->kind == kind && d->part == part && str_eq(d->name, name)) {
            return d;
        }
    }
    return NULL;
}

/* ---- splitting */

struct splitter {
    struct arena *arena;
    struct str text;
    struct documents *ret;
    uint32_t *ret_offset;
    struct err *err;
};

static int refuse(struct splitter *s, const struct doc_node *node, const char *message)
{
    *s->ret_offset = node->offset;
    return err_set(s->err, -EINVAL, "%s", message);
}

static uint32_t line_start(struct str text, uint32_t offset)
{
    uint32_t at = offset < text.n ? offset : (uint32_t)text.n;
    while (at > 0 && text.p[at - 1] != '\n') {
        at--;
    }
    return at;
}

/* Comments right above the line belong to it. */
static uint32_t with_comments(struct str text, uint32_t start, uint32_t least)
{
    while (start > least) {
        uint32_t above = line_start(text, start - 1);
        if (above < least || text.p[above] != '#') {
            break;
        }
        start = above;
    }
    return start;
}

static uint32_t line_number(struct str text, uint32_t offset)
{
    uint32_t line = 1;
    for (uint32_t i = 0; i < offset && i < text.n; i++) {
        line += text.p[i] == '\n';
    }
    return line;
}

/* Lines that can stand among others: items begin at the margin, the rest is indented, a comment or empty. */
static bool lines_are_plain(struct str text)
{
    for (size_t at = 0; at < text.n;) {
        struct str line = str_from_offset(text, at);
        ptrdiff_t end = str_find_char(line, '\n');
        line = str_first(line, end < 0 ? line.n : (size_t)end);
        bool item = str_eqz(line, "-") || str_starts(line, STR("- "));
        if (line.n > 0 && !item && line.p[0] != ' ' && line.p[0] != '#' && line.p[0] != '\r') {
            return false;
        }
        at += line.n + 1;
    }
    return true;
}

static bool nodes_are_equal(const struct doc_node *a, const struct doc_node *b)
{
    if (a->kind != b->kind || (a->kind != DOC_SCALAR && a->n != b->n)) {
        return false;
    }
    if (a->kind == DOC_SCALAR) {
        return doc_is_null(a) == doc_is_null(b) && str_eq(a->value, b->value);
    }
    for (uint32_t i = 0; i < a->n; i++) {
        if (!nodes_are_equal(a->items[i], b->items[i])) {
            return false;
        }
    }
    return true;
}

/* Do these lines alone mean that node? */
static bool stands_alone(struct str text, const struct doc_node *item)
{
    struct arena arena;
    struct doc_documents documents;
    uint32_t offset;
    struct err err = { 0 };
    arena_init(&arena, CONTENT_SET_MAX);
    bool same = lines_are_plain(text) && doc_parse(&arena, text, &documents, &offset, &err) == 0 &&
                documents.n == 1 && documents.roots[0]->kind == DOC_SEQUENCE &&
                documents.roots[0]->n == 1 && nodes_are_equal(documents.roots[0]->items[0], item);
    arena_done(&arena);
    return same;
}

static void put_node(const struct doc_node *node, struct buf *buf)
{
    if (node->kind == DOC_SCALAR) {
        if (doc_is_null(node)) {
            buf_putz(buf, "null");
        } else {
            buf_json_str(buf, node->value);
        }
        return;
    }
    bool map = node->kind == DOC_MAP;
    buf_putc(buf, map ? '{' : '[');
    for (uint32_t i = 0; i < node->n && !buf->failed; i++) {
        if (i > 0) {
            buf_putz(buf, map && i % 2 == 1 ? ": " : ", ");
        }
        put_node(node->items[i], buf);
    }
    buf_putc(buf, map ? '}' : ']');
}

void document_write(const struct doc_node *item, struct buf *buf)
{
    buf_putz(buf, "- ");
    put_node(item, buf);
    buf_putc(buf, '\n');
}

static struct str text_of(struct splitter *s, uint32_t from, uint32_t to,
                          const struct doc_node *item)
{
    struct str lines = str_first(str_from_offset(s->text, from), to - from);
    while (lines.n > 0 && (lines.p[lines.n - 1] == '\n' || lines.p[lines.n - 1] == ' ')) {
        lines.n--;
    }
    struct buf buf;
    buf_init(&buf, 2 * CONTENT_TEXT_MAX);
    buf_puts(&buf, lines);
    buf_putc(&buf, '\n');
    if (!stands_alone(buf_str(&buf), item)) {
        buf_clear(&buf);
        document_write(item, &buf);
    }
    bool fits = !buf.failed && buf.n <= CONTENT_TEXT_MAX;
    struct str text = fits ? arena_str(s->arena, buf_str(&buf)) : (struct str){ 0 };
    buf_done(&buf);
    return text;
}

/* An item that changes one that is there already. */
static bool is_change(const struct doc_node *map)
{
    const struct doc_node *append = doc_get(map, "append");
    bool yes = false;
    if (doc_get(map, "override")) {
        return true;
    }
    if (append && append->kind == DOC_SCALAR && doc_bool(append->value, &yes) && yes) {
        return true;
    }
    return map->n == 4 && doc_get(map, "rule") && doc_get(map, "enabled");
}

/* Of the item's key; false: it is none of the four. */
static bool identify(const struct doc_node *map, struct document *ret)
{
    static const enum content_kind order[] = { CONTENT_LIST, CONTENT_MACRO, CONTENT_RULE,
                                               CONTENT_POLICY };
    for (size_t i = 0; i < sizeof(order) / sizeof(*order); i++) {
        const struct doc_node *name = doc_get(map, kind_texts[order[i]]);
        if (name) {
            ret->kind = order[i];
            ret->name = name->kind == DOC_SCALAR ? name->value : STR("");
            return true;
        }
    }
    return false;
}

static int add_item(struct splitter *s, uint32_t from, uint32_t to, const struct doc_node *item)
{
    struct document d = { .part = PART_OWN, .line = line_number(s->text, from) };
    if (item->kind == DOC_SCALAR && doc_is_null(item)) {
        return 0;
    }
    if (item->kind != DOC_MAP) {
        return refuse(s, item, "an item must be a map of keys and values");
    }
    if (!identify(item, &d)) {
        bool known =
            doc_get(item, "required_engine_version") || doc_get(item, "required_plugin_versions");
        return known ? 0
                     : refuse(s, item, "an item needs one of the keys rule, macro, list, policy");
    }
    if (!content_name_is_good(d.kind, d.name)) {
        return refuse(s, item,
                      "a name has 1 to 200 bytes of UTF-8 without control characters, "
                      "backslashes or blanks around it; a list's no slash and no dot in front");
    }
    d.changes = d.kind != CONTENT_POLICY && is_change(item);
    d.name = arena_str(s->arena, d.name);
    d.text = text_of(s, from, to, item);
    if (!d.text.p) {
        return refuse(s, item, "the item is too large");
    }
    return documents_add(s->ret, s->arena, &d);
}

static int add_sequence(struct splitter *s, const struct doc_node *root, uint32_t end)
{
    int r = 0;
    uint32_t least = line_start(s->text, root->offset);
    least = with_comments(s->text, least, 0);
    for (uint32_t i = 0; i < root->n && r == 0; i++) {
        uint32_t from = with_comments(s->text, line_start(s->text, root->items[i]->offset), least);
        uint32_t to = end;
        if (i + 1 < root->n) {
            to = line_start(s->text, root->items[i + 1]->offset);
            to = with_comments(s->text, to, from);
        }
        r = add_item(s, from, to > from ? to : from, root->items[i]);
        least = to;
    }
    return r;
}

int documents_split(struct arena *arena, struct str text, struct documents *ret,
                    uint32_t *ret_offset, struct err *err)
{
    struct arena tree;
    struct doc_documents documents;
    struct splitter s = { arena, text, ret, ret_offset, err };
    arena_init(&tree, CONTENT_SET_MAX);
    *ret_offset = 0;
    int r = doc_parse(&tree, text, &documents, ret_offset, err);
    if (r == -ENOMEM) {
        err_set(err, r, "the file is too large");
    }
    for (uint32_t i = 0; r == 0 && i < documents.n; i++) {
        const struct doc_node *root = documents.roots[i];
        /* The next document's first lines are its own; "---" ends this one's. */
        uint32_t end = i + 1 < documents.n ? documents.roots[i + 1]->offset : (uint32_t)text.n;
        if (doc_is_null(root)) {
            continue;
        }
        r = root->kind == DOC_SEQUENCE ? add_sequence(&s, root, end)
                                       : refuse(&s, root, "the file must be a list of items");
    }
    arena_done(&tree);
    return r;
}
