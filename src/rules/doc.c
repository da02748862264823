/*
 * doc: from libyaml's events to nodes.
 *
 * libyaml counts characters, we want bytes: its marks never go back, so one cursor over the content
 * translates them all in one walk. Open collections are kept on a stack of at most
 * RULES_YAML_DEPTH_MAX levels; their items wait on one shared pile until the collection ends. NUL
 * bytes and broken UTF-8 are refused before libyaml sees them.
 */
#include "rules/doc.h"

#include "base/map.h"
#include "rules/ruleset.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <yaml.h>

#define BYTE_ORDER_MARK "\xef\xbb\xbf"

struct level {
    struct doc_node *node;
    size_t base; /* of its items on the pile */
    struct str anchor;
};

struct builder {
    struct arena *arena;
    struct str content;
    size_t bom;          /* bytes of the byte order mark, which libyaml does not see */
    size_t chars, bytes; /* the cursor */
    struct level levels[RULES_YAML_DEPTH_MAX];
    unsigned depth;
    struct doc_node **pile;
    size_t n, capacity;
    struct smap anchors;
    uint64_t aliased;
    uint32_t error_offset;
    struct err *err;
};

static int fail_at(struct builder *builder, uint32_t offset, const char *message)
{
    builder->error_offset = offset;
    return err_set(builder->err, -EINVAL, "%s", message);
}

static int fail_memory(struct builder *builder)
{
    return err_set(builder->err, -ENOMEM, "the file needs too much memory");
}

/* Bytes of the character that begins with c. */
static size_t char_size(unsigned char c)
{
    return c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

static uint32_t byte_offset(struct builder *builder, size_t chars)
{
    while (builder->chars < chars && builder->bytes < builder->content.n) {
        builder->bytes += char_size((unsigned char)builder->content.p[builder->bytes]);
        builder->chars++;
    }
    return (uint32_t)(builder->bytes < builder->content.n ? builder->bytes : builder->content.n);
}

static int push(struct builder *builder, struct doc_node *node)
{
    if (builder->n == builder->capacity) {
        size_t capacity = builder->capacity ? builder->capacity * 2 : 64;
        struct doc_node **pile = mem_resize(builder->pile, capacity, sizeof(*pile));
        if (!pile) {
            return fail_memory(builder);
        }
        builder->pile = pile;
        builder->capacity = capacity;
    }
    builder->pile[builder->n++] = node;
    return 0;
}

static struct doc_node *new_node(struct builder *builder, enum doc_kind kind,
                                 const yaml_event_t *event)
{
    struct doc_node *node = ARENA_NEW(builder->arena, struct doc_node);
    if (node) {
        node->kind = kind;
        node->offset = byte_offset(builder, event->start_mark.index);
        node->end = node->offset;
        node->weight = 1;
    }
    return node;
}

static int remember(struct builder *builder, struct str anchor, struct doc_node *node)
{
    if (anchor.n == 0) {
        return 0;
    }
    if (builder->anchors.count >= DOC_ANCHORS_MAX) {
        return fail_at(builder, node->offset, "too many YAML anchors");
    }
    return smap_put(&builder->anchors, anchor, node) < 0 ? fail_memory(builder) : 0;
}

static int keep_anchor(struct builder *builder, const yaml_char_t *anchor, struct str *ret)
{
    *ret = (struct str){ 0 };
    if (anchor) {
        *ret = arena_str(builder->arena, str_of((const char *)anchor));
        return ret->p ? 0 : fail_memory(builder);
    }
    return 0;
}

static int on_scalar(struct builder *builder, const yaml_event_t *event)
{
    static const enum doc_style styles[] = {
        [YAML_ANY_SCALAR_STYLE] = DOC_PLAIN,
        [YAML_PLAIN_SCALAR_STYLE] = DOC_PLAIN,
        [YAML_SINGLE_QUOTED_SCALAR_STYLE] = DOC_SINGLE,
        [YAML_DOUBLE_QUOTED_SCALAR_STYLE] = DOC_DOUBLE,
        [YAML_LITERAL_SCALAR_STYLE] = DOC_LITERAL,
        [YAML_FOLDED_SCALAR_STYLE] = DOC_FOLDED,
    };
    struct doc_node *node = new_node(builder, DOC_SCALAR, event);
    struct str anchor;
    if (!node || keep_anchor(builder, event->data.scalar.anchor, &anchor) < 0) {
        return fail_memory(builder);
    }
    node->style = styles[event->data.scalar.style];
    node->value =
        arena_str(builder->arena, str_from(event->data.scalar.value, event->data.scalar.length));
    node->end = byte_offset(builder, event->end_mark.index);
    if (!node->value.p) {
        return fail_memory(builder);
    }
    int r = remember(builder, anchor, node);
    return r < 0 ? r : push(builder, node);
}

static int on_start(struct builder *builder, enum doc_kind kind, const yaml_event_t *event,
                    const yaml_char_t *anchor)
{
    struct doc_node *node = new_node(builder, kind, event);
    if (!node) {
        return fail_memory(builder);
    }
    if (builder->depth == RULES_YAML_DEPTH_MAX) {
        return fail_at(builder, node->offset, "YAML is nested more than 64 levels deep");
    }
    struct level *level = &builder->levels[builder->depth];
    *level = (struct level){ .node = node, .base = builder->n };
    int r = keep_anchor(builder, anchor, &level->anchor);
    if (r == 0) {
        builder->depth++;
    }
    return r;
}

static int on_end(struct builder *builder, const yaml_event_t *event)
{
    assert(builder->depth > 0); /* libyaml balances starts and ends */
    struct level *level = &builder->levels[--builder->depth];
    struct doc_node *node = level->node;
    size_t n = builder->n - level->base;
    node->items = ARENA_ARRAY(builder->arena, struct doc_node *, n);
    if (!node->items) {
        return fail_memory(builder);
    }
    for (size_t i = 0; i < n; i++) {
        node->items[i] = builder->pile[level->base + i];
        node->weight += node->items[i]->weight;
    }
    node->n = (uint32_t)n;
    node->end = byte_offset(builder, event->end_mark.index);
    builder->n = level->base;
    int r = remember(builder, level->anchor, node);
    return r < 0 ? r : push(builder, node);
}

static int on_alias(struct builder *builder, const yaml_event_t *event)
{
    uint32_t offset = byte_offset(builder, event->start_mark.index);
    struct doc_node *node =
        smap_get(&builder->anchors, str_of((const char *)event->data.alias.anchor));
    if (!node) {
        return fail_at(builder, offset,
                       "YAML alias of an anchor that is not there, or not complete");
    }
    builder->aliased += node->weight;
    if (builder->aliased > DOC_ALIASED_MAX) {
        return fail_at(builder, offset, "YAML aliases stand for too many values");
    }
    return push(builder, node);
}

static int on_event(struct builder *builder, const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return on_scalar(builder, event);
    case YAML_SEQUENCE_START_EVENT:
        return on_start(builder, DOC_SEQUENCE, event, event->data.sequence_start.anchor);
    case YAML_MAPPING_START_EVENT:
        return on_start(builder, DOC_MAP, event, event->data.mapping_start.anchor);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        return on_end(builder, event);
    case YAML_ALIAS_EVENT:
        return on_alias(builder, event);
    case YAML_DOCUMENT_START_EVENT:
        smap_done(&builder->anchors);
        builder->anchors = (struct smap){ 0 };
        return builder->n < DOC_DOCUMENTS_MAX
                   ? 0
                   : fail_at(builder, byte_offset(builder, event->start_mark.index),
                             "too many YAML documents in a file");
    default:
        return 0;
    }
}

static int fail_parser(struct builder *builder, const yaml_parser_t *parser)
{
    if (parser->error == YAML_MEMORY_ERROR) {
        return fail_memory(builder);
    }
    bool is_reader = parser->error == YAML_READER_ERROR;
    builder->error_offset = is_reader ? (uint32_t)(builder->bom + parser->problem_offset)
                                      : byte_offset(builder, parser->problem_mark.index);
    const char *problem = parser->problem ? parser->problem : "not YAML";
    return parser->context ? err_set(builder->err, -EINVAL, "%s %s", problem, parser->context)
                           : err_set(builder->err, -EINVAL, "%s", problem);
}

static int read_events(struct builder *builder, yaml_parser_t *parser)
{
    for (;;) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event)) {
            return fail_parser(builder, parser);
        }
        yaml_event_type_t type = event.type;
        int r = on_event(builder, &event);
        yaml_event_delete(&event);
        if (r < 0 || type == YAML_STREAM_END_EVENT) {
            return r;
        }
    }
}

/* Offset of the first byte that is no well-formed UTF-8, or the length. */
static size_t utf8_end(struct str s)
{
    if (str_is_utf8(s)) {
        return s.n;
    }
    size_t at = 0;
    while (at < s.n) {
        struct str c = str_first(str_from_offset(s, at), char_size((unsigned char)s.p[at]));
        if (!str_is_utf8(c)) {
            break;
        }
        at += c.n;
    }
    return at;
}

static int check_bytes(struct builder *builder)
{
    ptrdiff_t nul = str_find_char(builder->content, '\0');
    if (nul >= 0) {
        return fail_at(builder, (uint32_t)nul, "the file holds a NUL byte");
    }
    size_t end = utf8_end(builder->content);
    if (end < builder->content.n) {
        return fail_at(builder, (uint32_t)end, "the file holds bytes that are not UTF-8");
    }
    return 0;
}

static int take_roots(struct builder *builder, struct doc_documents *ret)
{
    struct doc_node **roots = ARENA_ARRAY(builder->arena, struct doc_node *, builder->n);
    if (!roots) {
        return fail_memory(builder);
    }
    if (builder->n > 0) {
        memcpy(roots, builder->pile, builder->n * sizeof(*roots));
    }
    *ret = (struct doc_documents){ .roots = roots, .n = (uint32_t)builder->n };
    return 0;
}

int doc_parse(struct arena *arena, struct str content, struct doc_documents *ret,
              uint32_t *ret_offset, struct err *err)
{
    struct builder builder = { .arena = arena, .content = content, .err = err };
    int r = check_bytes(&builder);
    yaml_parser_t parser;
    if (r == 0 && !yaml_parser_initialize(&parser)) {
        r = fail_memory(&builder);
    } else if (r == 0) {
        yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
        builder.bom = builder.bytes = str_starts(content, STR(BYTE_ORDER_MARK)) ? 3 : 0;
        struct str text = str_from_offset(content, builder.bom);
        yaml_parser_set_input_string(&parser, (const unsigned char *)(text.p ? text.p : ""),
                                     text.n);
        r = read_events(&builder, &parser);
        yaml_parser_delete(&parser);
    }
    if (r == 0) {
        r = take_roots(&builder, ret);
    }
    free(builder.pile);
    smap_done(&builder.anchors);
    *ret_offset = builder.error_offset;
    return r;
}

bool doc_is_null(const struct doc_node *node)
{
    static const char *const nulls[] = { "", "~", "null", "Null", "NULL" };
    if (node->kind != DOC_SCALAR || node->style != DOC_PLAIN) {
        return false;
    }
    for (size_t i = 0; i < sizeof(nulls) / sizeof(*nulls); i++) {
        if (str_eqz(node->value, nulls[i])) {
            return true;
        }
    }
    return false;
}

const struct doc_node *doc_get(const struct doc_node *map, const char *key)
{
    for (uint32_t i = 0; i + 1 < map->n; i += 2) {
        if (map->items[i]->kind == DOC_SCALAR && str_eqz(map->items[i]->value, key)) {
            return map->items[i + 1];
        }
    }
    return NULL;
}

/* All lower, all upper, or the first letter upper. */
static bool is_word(struct str text, const char *lower)
{
    if (!str_ieq(text, str_of(lower))) {
        return false;
    }
    size_t uppers = 0;
    for (size_t i = 0; i < text.n; i++) {
        uppers += text.p[i] >= 'A' && text.p[i] <= 'Z';
    }
    return uppers == 0 || uppers == text.n || (uppers == 1 && text.p[0] <= 'Z');
}

bool doc_bool(struct str text, bool *ret)
{
    static const char *const words[][2] = {
        { "true", "false" }, { "yes", "no" }, { "y", "n" }, { "on", "off" }
    };
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
        for (int no = 0; no < 2; no++) {
            if (is_word(text, words[i][no])) {
                *ret = !no;
                return true;
            }
        }
    }
    return false;
}

bool doc_u32(struct str text, uint32_t *ret)
{
    char copy[16] = { 0 };
    if (text.n == 0 || text.n >= sizeof(copy) || text.p[0] < '0' || text.p[0] > '9') {
        return false;
    }
    memcpy(copy, text.p, text.n);
    bool hex = copy[0] == '0' && (copy[1] == 'x' || copy[1] == 'X');
    char *end;
    errno = 0;
    unsigned long long value = strtoull(copy, &end, hex ? 16 : 10);
    if (*end || errno || value > UINT32_MAX) {
        return false;
    }
    *ret = (uint32_t)value;
    return true;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Bytes of the escape in a double-quoted scalar that starts with the backslash at `at`. */
static size_t escape_size(struct str content, size_t at)
{
    char c = at + 1 < content.n ? content.p[at + 1] : 0;
    return c == 'x' ? 4 : c == 'u' ? 6 : c == 'U' ? 10 : 2;
}

/* Where the scalar's text begins, behind the quote or the line of "|" or ">". */
static size_t text_start(struct str content, const struct doc_node *scalar, size_t end)
{
    size_t at = scalar->offset;
    if (scalar->style == DOC_SINGLE || scalar->style == DOC_DOUBLE) {
        return at + 1;
    }
    if (scalar->style == DOC_LITERAL || scalar->style == DOC_FOLDED) {
        while (at < end && content.p[at] != '\n') {
            at++;
        }
    }
    return at;
}

/* Behind blanks and, in double quotes, escaped line ends. */
static size_t skip_folded(struct str content, const struct doc_node *scalar, size_t raw, size_t end)
{
    for (;;) {
        if (raw < end && is_blank(content.p[raw])) {
            raw++;
        } else if (scalar->style == DOC_DOUBLE && raw + 1 < end && content.p[raw] == '\\' &&
                   (content.p[raw + 1] == '\n' || content.p[raw + 1] == '\r')) {
            raw += 2;
        } else {
            return raw;
        }
    }
}

/*
 * Characters that are not blanks stand in the file in the same order as in the value; only blanks
 * are folded, and quoted scalars write some characters longer.
 */
uint32_t doc_locate(struct str content, const struct doc_node *scalar, uint32_t at)
{
    size_t last = (size_t)scalar->offset + DOC_LOCATE_MAX;
    size_t end = scalar->end < content.n ? scalar->end : content.n;
    end = end < last ? end : last;
    size_t raw = text_start(content, scalar, end);
    struct str value = scalar->value;
    size_t skipped = SIZE_MAX; /* what `next` was found from */
    size_t next = 0;
    for (size_t i = 0; i < value.n && raw < end; i++) {
        next = skipped == raw ? next : skip_folded(content, scalar, raw, end);
        skipped = raw;
        bool escape = scalar->style == DOC_DOUBLE && next < end && content.p[next] == '\\';
        if (is_blank(value.p[i]) && !(escape && next == raw)) {
            if (i == at) {
                break;
            }
            continue;
        }
        raw = next;
        if (i >= at) {
            break;
        }
        bool doubled = scalar->style == DOC_SINGLE && raw < end && content.p[raw] == '\'';
        raw += escape ? escape_size(content, raw) : doubled ? 2 : 1;
    }
    return (uint32_t)(raw < end ? raw : end > scalar->offset ? end - 1 : scalar->offset);
}
