/*
 * output: compiling splits the template at its tokens. What a token is, the grammar of conditions
 * decides: a candidate is parsed as the left side of "... exists". Candidates get shorter until one is
 * a field, so that text may follow a token without a blank.
 *
 * Running extracts every part once and prints what is asked for; literal texts and keys were escaped
 * for JSON when compiling.
 */
#include "rules/output.h"

#include <errno.h>
#include <stdalign.h>

struct compiler {
    struct arena *arena;
    struct str format;
    size_t at;
    struct output_part *parts;
    uint32_t nparts, capacity;
    struct buf text; /* literal text before the next token */
    const char *deprecated;
    struct err *err;
};

static int no_memory(struct compiler *c)
{
    return err_set(c->err, -ENOMEM, "out of memory");
}

/* What is in `scratch`, copied, and escaped for JSON if asked to. */
static int keep(struct compiler *c, struct str text, const char *before, const char *after,
                struct str *ret)
{
    struct buf json;
    buf_init(&json, (size_t)OUTPUT_TEXT_MAX * 6 + 16);
    buf_putz(&json, before);
    buf_json_escaped(&json, text);
    buf_putz(&json, after);
    *ret = json.failed ? (struct str){ 0 } : arena_str(c->arena, buf_str(&json));
    buf_done(&json);
    return ret->p ? 0 : no_memory(c);
}

static bool token_seen(const struct compiler *c, struct str token)
{
    for (uint32_t i = 0; i < c->nparts; i++) {
        if (c->parts[i].expr && str_eq(c->parts[i].token, token)) {
            return true;
        }
    }
    return false;
}

static int part_room(struct compiler *c)
{
    if (c->nparts == OUTPUT_FIELDS_MAX) {
        return err_set(c->err, -EINVAL, "more than %d fields in an output", OUTPUT_FIELDS_MAX - 1);
    }
    if (c->nparts < c->capacity) {
        return 0;
    }
    uint32_t capacity = c->capacity ? c->capacity * 2 : 8;
    struct output_part *parts = ARENA_ARRAY(c->arena, struct output_part, capacity);
    if (!parts) {
        return no_memory(c);
    }
    if (c->nparts) {
        memcpy(parts, c->parts, c->nparts * sizeof(*parts));
    }
    c->parts = parts;
    c->capacity = capacity;
    return 0;
}

/* Closes the part that the literal text so far begins. */
static int part_add(struct compiler *c, struct str token, struct expr *expr, uint32_t width)
{
    int r = part_room(c);
    if (r < 0) {
        return r;
    }
    struct output_part part = { .token = token, .expr = expr, .width = width };
    part.is_repeated = expr && token_seen(c, token);
    part.text = arena_str(c->arena, buf_str(&c->text));
    if (!part.text.p || c->text.failed) {
        return no_memory(c);
    }
    r = keep(c, part.text, "", "", &part.text_json);
    if (r == 0) {
        r = keep(c, token, "\"", "\":", &part.key_json);
    }
    if (r < 0) {
        return r;
    }
    c->parts[c->nparts++] = part;
    buf_clear(&c->text);
    return 0;
}

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-';
}

static size_t name_length(struct str s)
{
    size_t n = 0;
    while (n < s.n && is_name_char(s.p[n])) {
        n++;
    }
    return n;
}

/* Length of "(...)" at the start of s with what is in it, quotes minded; 0: not closed. */
static size_t parens_length(struct str s)
{
    unsigned depth = 0;
    char quote = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (quote) {
            i += c == '\\';
            quote = c == quote ? 0 : quote;
        } else if (c == '"' || c == '\'') {
            quote = c;
        } else if (c == '(') {
            depth++;
        } else if (c == ')' && --depth == 0) {
            return i + 1;
        }
    }
    return 0;
}

static size_t bracket_length(struct str s)
{
    ptrdiff_t end = s.n && s.p[0] == '[' ? str_find_char(s, ']') : -1;
    return (size_t)(end + 1);
}

static void note_deprecated(struct compiler *c, const struct expr *expr)
{
    if (expr->kind == EXPR_FIELD && !c->deprecated &&
        (field_table[expr->field.id].flags & FIELD_DEPRECATED)) {
        c->deprecated = field_table[expr->field.id].name;
    }
    for (uint32_t i = 0; i < expr->nargs; i++) {
        note_deprecated(c, expr->args[i]);
    }
}

static const char *filter_only_field(const struct expr *expr)
{
    if (expr->kind == EXPR_FIELD && (field_table[expr->field.id].flags & FIELD_FILTER_ONLY)) {
        return field_table[expr->field.id].name;
    }
    for (uint32_t i = 0; i < expr->nargs; i++) {
        const char *name = filter_only_field(expr->args[i]);
        if (name) {
            return name;
        }
    }
    return NULL;
}

/* -ENOENT: no such field; -EINVAL: something else is wrong with it. */
static int try_token(struct compiler *c, struct str token, struct expr **ret, struct err *err)
{
    struct buf text;
    buf_init(&text, OUTPUT_TEXT_MAX + sizeof(" exists"));
    buf_puts(&text, token);
    buf_putz(&text, " exists");
    struct str copy = text.failed ? (struct str){ 0 } : arena_str(c->arena, buf_str(&text));
    buf_done(&text);
    if (!copy.p) {
        return no_memory(c);
    }
    struct ast *ast;
    uint32_t offset;
    if (parse_condition(c->arena, copy, FILTER_DEPTH_MAX, &ast, &offset, err) < 0 ||
        ast->kind != AST_CHECK || ast->check.op != OP_EXISTS) {
        return err && err->code == -ENOMEM ? -ENOMEM : -ENOENT;
    }
    struct cond_problems problems = { 0 };
    int r = expr_resolve(c->arena, ast->check.left, ret, &problems, err);
    for (uint32_t i = 0; i < problems.n && r == -EINVAL; i++) {
        r = problems.items[i].is_unknown_filter ? -ENOENT : r;
    }
    return r;
}

/* The longest beginning of s that is a field or a transformation. */
static int find_token(struct compiler *c, struct str s, struct str *ret_token, struct expr **ret)
{
    struct err first = { 0 };
    size_t name = name_length(s);
    struct str rest = str_from_offset(s, name);
    size_t parens =
        rest.n && rest.p[0] == '(' && transformer_find(str_first(s, name)) != TRANSFORM_COUNT
            ? parens_length(rest)
            : 0;
    size_t bracket = bracket_length(str_from_offset(rest, parens));
    size_t length = name + parens + bracket;
    int result = -ENOENT;
    for (bool longest = true; length > 0; longest = false) {
        struct err err = { 0 };
        int r = try_token(c, str_first(s, length), ret, &err);
        if (r == 0 || r == -ENOMEM) {
            *ret_token = str_first(s, length);
            return r;
        }
        if (longest || (result == -ENOENT && r != -ENOENT)) {
            first = err;
            result = r;
        }
        length = length > name + parens ? name + parens : parens && length > name ? 0 : length - 1;
    }
    if (result == -ENOENT) {
        struct str shown = str_first(s, name + parens ? name + parens : s.n);
        return err_set(c->err, -ENOENT, "invalid formatting token %.*s",
                       STR_ARG(str_first(shown, 128)));
    }
    return err_set(c->err, -EINVAL, "%s", first.message);
}

/* The digits of %Nfield; the cursor moves behind them. */
static int compile_width(struct compiler *c, uint32_t *ret)
{
    uint32_t width = 0;
    size_t start = c->at;
    while (c->at < c->format.n && c->format.p[c->at] >= '0' && c->format.p[c->at] <= '9') {
        width = width * 10 + (uint32_t)(c->format.p[c->at++] - '0');
        if (width > OUTPUT_WIDTH_MAX) {
            return err_set(c->err, -EINVAL, "a field's width is limited to %d", OUTPUT_WIDTH_MAX);
        }
    }
    if (c->at > start && c->at == c->format.n) {
        return err_set(c->err, -EINVAL,
                       "invalid formatting syntax: formatting cannot end with a number");
    }
    *ret = width;
    return 0;
}

static int compile_token(struct compiler *c)
{
    uint32_t width = 0;
    int r = compile_width(c, &width);
    if (r < 0) {
        return r;
    }
    struct str token;
    struct expr *expr;
    r = find_token(c, str_from_offset(c->format, c->at), &token, &expr);
    if (r < 0) {
        return r;
    }
    const char *unprintable = filter_only_field(expr);
    if (unprintable) {
        return err_set(c->err, -EINVAL, "%s is filter only and cannot be used as a display field",
                       unprintable);
    }
    note_deprecated(c, expr);
    c->at += token.n;
    return part_add(c, token, expr, width);
}

static int compile_parts(struct compiler *c)
{
    while (c->at < c->format.n) {
        struct str rest = str_from_offset(c->format, c->at);
        ptrdiff_t percent = str_find_char(rest, '%');
        buf_puts(&c->text, str_first(rest, percent < 0 ? rest.n : (size_t)percent));
        if (percent < 0) {
            break;
        }
        c->at += (size_t)percent + 1;
        if (c->at == c->format.n) {
            return err_set(c->err, -EINVAL,
                           "invalid formatting syntax: formatting cannot end with a %%");
        }
        if (c->format.p[c->at] == '%') {
            buf_putc(&c->text, '%');
            c->at++;
            continue;
        }
        int r = compile_token(c);
        if (r < 0) {
            return r;
        }
    }
    return c->text.n ? part_add(c, (struct str){ 0 }, NULL, 0) : 0;
}

int output_compile(struct arena *arena, struct str format, struct output **ret,
                   const char **ret_deprecated, struct err *err)
{
    struct err unused;
    struct compiler c = { .arena = arena, .format = format, .err = err ? err : &unused };
    if (format.n > OUTPUT_TEXT_MAX) {
        return err_set(c.err, -EINVAL, "an output is limited to %d bytes", OUTPUT_TEXT_MAX);
    }
    struct output *output = ARENA_NEW(arena, struct output);
    if (!output) {
        return no_memory(&c);
    }
    buf_init(&c.text, OUTPUT_TEXT_MAX);
    int r = compile_parts(&c);
    buf_done(&c.text);
    if (r < 0) {
        return r;
    }
    *output = (struct output){ .parts = c.parts, .nparts = c.nparts };
    *ret = output;
    if (ret_deprecated) {
        *ret_deprecated = c.deprecated;
    }
    return 0;
}

static const struct extracted nothing;

static const struct extracted *value_of(const struct extracted *values, uint32_t i)
{
    return values ? &values[i] : &nothing;
}

static bool is_missing(const struct expr *expr, const struct extracted *value)
{
    return value->n == 0 && !(expr->kind == EXPR_TRANSFORM && expr->is_list && value->v);
}

const struct extracted *output_extract(const struct output *output, struct view *view)
{
    struct scratch *s = &view->scratch;
    size_t at = (s->n + alignof(struct extracted) - 1) & ~(alignof(struct extracted) - 1);
    size_t n = output->nparts * sizeof(struct extracted);
    if (at > s->capacity || n > s->capacity - at) {
        s->truncated = true;
        return NULL;
    }
    struct extracted *values = (struct extracted *)(void *)(s->p + at);
    s->n = at + n;
    for (uint32_t i = 0; i < output->nparts; i++) {
        values[i] = nothing;
        if (output->parts[i].expr) {
            expr_extract(output->parts[i].expr, view, &values[i]);
        }
    }
    return values;
}

/* A text that is printed as it is. */
static bool is_one_text(const struct expr *expr, const struct extracted *value)
{
    bool is_list =
        expr->kind == EXPR_FIELD ? field_table[expr->field.id].flags & FIELD_LIST : expr->is_list;
    return value->n == 1 && value->v[0].type == TYPE_CHARBUF && !is_list;
}

/* Pads or cuts what was written since `start`. */
static void fit_width(struct buf *buf, size_t start, uint32_t width)
{
    if (!width) {
        return;
    }
    if (buf->n - start > width) {
        buf->n = start + width;
    }
    while (buf->n - start < width && !buf->failed) {
        buf_putc(buf, ' ');
    }
}

static void put_value(const struct output_part *part, const struct extracted *value,
                      struct buf *buf)
{
    size_t start = buf->n;
    if (is_missing(part->expr, value)) {
        buf_puts(buf, STR("<NA>"));
    } else if (is_one_text(part->expr, value)) {
        buf_puts(buf, value->v[0].s);
    } else {
        expr_text(part->expr, value, buf);
    }
    fit_width(buf, start, part->width);
}

void output_put_text(const struct output *output, const struct extracted *values, struct buf *buf)
{
    for (uint32_t i = 0; i < output->nparts; i++) {
        const struct output_part *part = &output->parts[i];
        buf_puts(buf, part->text);
        if (part->expr) {
            put_value(part, value_of(values, i), buf);
        }
    }
}

/* Printable ASCII that JSON takes as it is, told eight bytes at a time. */
static bool is_plain(struct str s)
{
    const uint64_t ones = UINT64_C(0x0101010101010101);
    const uint64_t highs = ones * 0x80;
    uint64_t found = 0;
    size_t i = 0;
    for (; i + 8 <= s.n; i += 8) {
        uint64_t v;
        memcpy(&v, s.p + i, sizeof(v));
        uint64_t quote = v ^ ones * '"';
        uint64_t backslash = v ^ ones * '\\';
        found |= v | (v + ones) | (v - ones * 0x20) | (quote - ones) | (backslash - ones);
    }
    for (; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        found |= c < 0x20 || c >= 0x7f || c == '"' || c == '\\' ? highs : 0;
    }
    return (found & highs) == 0;
}

static void put_escaped(struct buf *buf, struct str s)
{
    if (is_plain(s)) {
        buf_puts(buf, s);
    } else {
        buf_json_escaped(buf, s);
    }
}

/* Anything else is printed into the free scratch first, and escaped from there. */
static void put_value_json(const struct output_part *part, const struct extracted *value,
                           struct view *view, struct buf *buf)
{
    if (!part->width && is_one_text(part->expr, value)) {
        put_escaped(buf, value->v[0].s);
        return;
    }
    struct scratch *s = &view->scratch;
    struct buf text;
    buf_init_fixed(&text, s->p + s->n, s->capacity - s->n);
    put_value(part, value, &text);
    s->truncated |= text.failed;
    put_escaped(buf, buf_str(&text));
}

void output_put_text_json(const struct output *output, const struct extracted *values,
                          struct view *view, struct buf *buf)
{
    for (uint32_t i = 0; i < output->nparts; i++) {
        const struct output_part *part = &output->parts[i];
        buf_puts(buf, part->text_json);
        if (part->expr) {
            put_value_json(part, value_of(values, i), view, buf);
        }
    }
}

static bool is_not_utf8(const struct extracted *value)
{
    return value->n == 1 &&
           (value->v[0].type == TYPE_CHARBUF || value->v[0].type == TYPE_BYTEBUF) &&
           !str_is_utf8(value->v[0].s);
}

static void put_field_base64(const struct output_part *part, const struct extracted *value,
                             struct buf *buf)
{
    /* key_json is `"token":` */
    buf_putc(buf, ',');
    buf_puts(buf, str_first(part->key_json, part->key_json.n - 2));
    buf_puts(buf, STR(".base64\":\""));
    buf_base64(buf, value->v[0].s);
    buf_putc(buf, '"');
}

static void put_field_json(const struct output_part *part, const struct extracted *value,
                           const struct view *view, struct buf *buf)
{
    buf_puts(buf, part->key_json);
    if (is_missing(part->expr, value)) {
        buf_puts(buf, STR("null"));
    } else if (is_one_text(part->expr, value)) {
        buf_putc(buf, '"');
        put_escaped(buf, value->v[0].s);
        buf_putc(buf, '"');
    } else {
        expr_json(part->expr, value, view, buf);
    }
    if (is_not_utf8(value)) {
        put_field_base64(part, value, buf);
    }
}

void output_put_fields_json(const struct output *output, const struct extracted *values,
                            struct view *view, struct buf *buf)
{
    bool first = true;
    buf_putc(buf, '{');
    for (uint32_t i = 0; i < output->nparts; i++) {
        const struct output_part *part = &output->parts[i];
        if (!part->expr || part->is_repeated) {
            continue;
        }
        if (!first) {
            buf_putc(buf, ',');
        }
        first = false;
        put_field_json(part, value_of(values, i), view, buf);
    }
    output_put_more_json(output, view, first, buf);
    buf_putc(buf, '}');
}

void output_text(const struct output *output, struct view *view, struct buf *buf)
{
    output_put_text(output, output_extract(output, view), buf);
}

void output_fields_json(const struct output *output, struct view *view, struct buf *buf)
{
    output_put_fields_json(output, output_extract(output, view), view, buf);
}
