/*
 * jscan: a checking descent, then walks that trust it.
 *
 *     value  = object | array | text | number | true | false | null
 *     object = '{' [ text ':' value { ',' text ':' value } ] '}'
 *     array  = '[' [ value { ',' value } ] ']'
 *
 * The check stops at JSCAN_DEPTH. A walk finds the end of a value by quotes and brackets alone, which is right
 * only in text that passed the check; every loop is bounded by its end all the same.
 */
#include "base/jscan.h"

#include "base/buf.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>

#define NUMBER_MAX 64 /* digits of a number that is converted */

struct checker {
    const char *p, *end;
    const char *why;
    unsigned depth;
};

static bool fail(struct checker *c, const char *why)
{
    c->why = c->why ? c->why : why;
    return false;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static int hex_of(char c)
{
    if (is_digit(c)) {
        return c - '0';
    }
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static const char *skip_blanks(const char *p, const char *end)
{
    while (p < end && is_blank(*p)) {
        p++;
    }
    return p;
}

static bool check_escape(struct checker *c)
{
    if (++c->p == c->end) {
        return fail(c, "a text does not end");
    }
    char kind = *c->p++;
    if (kind != 'u') {
        return (kind && strchr("\"\\/bfnrt", kind)) || fail(c, "an unknown escape");
    }
    for (unsigned i = 0; i < 4; i++, c->p++) {
        if (c->p == c->end || hex_of(*c->p) < 0) {
            return fail(c, "\\u needs four hexadecimal digits");
        }
    }
    return true;
}

#define EACH_BYTE(c) (UINT64_C(0x0101010101010101) * (c))

/* The high bit of each byte below `less` (at most 0x80); after the first such byte others may have it too. */
static uint64_t below(uint64_t eight, unsigned char less)
{
    return (eight - EACH_BYTE(less)) & ~eight & EACH_BYTE(0x80);
}

/* Stops at what needs a look: quote, backslash, control characters. */
static const char *plain_end(const char *p, const char *end)
{
    for (uint64_t eight; end - p >= (ptrdiff_t)sizeof(eight); p += sizeof(eight)) {
        memcpy(&eight, p, sizeof(eight));
        eight = le64toh(eight);
        uint64_t found = below(eight ^ EACH_BYTE('"'), 1) | below(eight ^ EACH_BYTE('\\'), 1) |
                         below(eight, 0x20);
        if (found) {
            return p + (unsigned)__builtin_ctzll(found) / 8;
        }
    }
    while (p < end && *p != '"' && *p != '\\' && (unsigned char)*p >= 0x20) {
        p++;
    }
    return p;
}

static bool check_text(struct checker *c)
{
    for (c->p++;;) {
        c->p = plain_end(c->p, c->end);
        if (c->p == c->end) {
            return fail(c, "a text does not end");
        }
        if (*c->p == '"') {
            c->p++;
            return true;
        }
        if (*c->p != '\\') {
            return fail(c, "a control character in a text");
        }
        if (!check_escape(c)) {
            return false;
        }
    }
}

static bool check_digits(struct checker *c)
{
    const char *start = c->p;
    while (c->p < c->end && is_digit(*c->p)) {
        c->p++;
    }
    return c->p > start || fail(c, "a number without digits");
}

static bool check_number(struct checker *c)
{
    if (*c->p == '-') {
        c->p++;
    }
    if (c->p < c->end && *c->p == '0') {
        c->p++;
    } else if (!check_digits(c)) {
        return false;
    }
    if (c->p < c->end && *c->p == '.') {
        c->p++;
        if (!check_digits(c)) {
            return false;
        }
    }
    if (c->p < c->end && (*c->p == 'e' || *c->p == 'E')) {
        c->p++;
        if (c->p < c->end && (*c->p == '+' || *c->p == '-')) {
            c->p++;
        }
        return check_digits(c);
    }
    return true;
}

static bool check_word(struct checker *c)
{
    static const struct str words[] = { { "true", 4 }, { "false", 5 }, { "null", 4 } };
    struct str rest = str_from(c->p, (size_t)(c->end - c->p));
    for (unsigned i = 0; i < sizeof(words) / sizeof(*words); i++) {
        if (str_starts(rest, words[i])) {
            c->p += words[i].n;
            return true;
        }
    }
    return fail(c, "a value is expected");
}

static bool check_value(struct checker *c);

static bool check_key(struct checker *c)
{
    c->p = skip_blanks(c->p, c->end);
    if (c->p == c->end || *c->p != '"') {
        return fail(c, "a member's name is expected");
    }
    if (!check_text(c)) {
        return false;
    }
    c->p = skip_blanks(c->p, c->end);
    if (c->p == c->end || *c->p != ':') {
        return fail(c, "':' is expected");
    }
    c->p++;
    return true;
}

static bool check_container(struct checker *c)
{
    char close = *c->p == '{' ? '}' : ']';
    c->p = skip_blanks(c->p + 1, c->end);
    if (c->p < c->end && *c->p == close) {
        c->p++;
        return true;
    }
    for (;;) {
        if ((close == '}' && !check_key(c)) || !check_value(c)) {
            return false;
        }
        c->p = skip_blanks(c->p, c->end);
        if (c->p == c->end || (*c->p != ',' && *c->p != close)) {
            return fail(c, close == '}' ? "',' or '}' is expected" : "',' or ']' is expected");
        }
        if (*c->p++ == close) {
            return true;
        }
    }
}

static bool check_value(struct checker *c)
{
    c->p = skip_blanks(c->p, c->end);
    if (c->p == c->end) {
        return fail(c, "a value is expected");
    }
    switch (*c->p) {
    case '{':
    case '[': {
        if (++c->depth > JSCAN_DEPTH) {
            return fail(c, "nested too deeply");
        }
        bool ok = check_container(c);
        c->depth--;
        return ok;
    }
    case '"':
        return check_text(c);
    default:
        return *c->p == '-' || is_digit(*c->p) ? check_number(c) : check_word(c);
    }
}

static enum jscan_type type_of(char first)
{
    switch (first) {
    case '{':
        return JSCAN_OBJECT;
    case '[':
        return JSCAN_ARRAY;
    case '"':
        return JSCAN_TEXT;
    case 'n':
        return JSCAN_NULL;
    case 't':
    case 'f':
        return JSCAN_BOOL;
    default:
        return JSCAN_NUMBER;
    }
}

int jscan_check(struct str text, struct jscan *ret, const char **ret_why, size_t *ret_at)
{
    if (text.n == 0) {
        *ret_why = "a value is expected";
        *ret_at = 0;
        return -EINVAL;
    }
    struct checker c = { .p = text.p, .end = text.p + text.n };
    const char *start = skip_blanks(c.p, c.end);
    c.p = start;
    bool ok = str_is_utf8(text) ? check_value(&c) : fail(&c, "not UTF-8");
    const char *stop = c.p;
    if (ok) {
        c.p = skip_blanks(c.p, c.end);
        ok = c.p == c.end || fail(&c, "more than one value");
    }
    if (!ok) {
        *ret_why = c.why;
        *ret_at = (size_t)(c.p - text.p);
        return -EINVAL;
    }
    *ret = (struct jscan){ str_from(start, (size_t)(stop - start)), type_of(*start) };
    return 0;
}

/* Behind the closing quote; a backslash takes the next byte with it. */
static const char *text_end(const char *p, const char *end)
{
    for (p = plain_end(p + 1, end); p < end && *p != '"'; p = plain_end(p, end)) {
        p += *p == '\\' && end - p > 1 ? 2 : 1;
    }
    return p < end ? p + 1 : end;
}

static const char *container_end(const char *p, const char *end)
{
    unsigned depth = 0;
    while (p < end) {
        char c = *p;
        if (c == '"') {
            p = text_end(p, end);
            continue;
        }
        p++;
        if (c == '{' || c == '[') {
            depth++;
        } else if ((c == '}' || c == ']') && --depth == 0) {
            break;
        }
    }
    return p;
}

static const char *scalar_end(const char *p, const char *end)
{
    while (p < end && *p != ',' && *p != '}' && *p != ']' && !is_blank(*p)) {
        p++;
    }
    return p;
}

static const char *next_value(const char *p, const char *end, struct jscan *ret)
{
    const char *start = skip_blanks(p, end);
    if (start == end) {
        return NULL;
    }
    ret->type = type_of(*start);
    p = ret->type == JSCAN_TEXT                                 ? text_end(start, end)
        : ret->type == JSCAN_OBJECT || ret->type == JSCAN_ARRAY ? container_end(start, end)
                                                                : scalar_end(start, end);
    ret->raw = str_from(start, (size_t)(p - start));
    return p;
}

struct jscan_walk jscan_begin(struct jscan container)
{
    if (container.type != JSCAN_OBJECT && container.type != JSCAN_ARRAY) {
        return (struct jscan_walk){ 0 };
    }
    return (struct jscan_walk){ container.raw.p + 1, container.raw.p + container.raw.n - 1 };
}

static const char *past(const char *p, const char *end, char c)
{
    p = skip_blanks(p, end);
    return p < end && *p == c ? p + 1 : p;
}

bool jscan_element(struct jscan_walk *walk, struct jscan *ret)
{
    const char *p = walk->p ? next_value(walk->p, walk->end, ret) : NULL;
    if (!p) {
        return false;
    }
    walk->p = past(p, walk->end, ',');
    return true;
}

bool jscan_member(struct jscan_walk *walk, struct jscan *ret_key, struct jscan *ret)
{
    const char *p = walk->p ? next_value(walk->p, walk->end, ret_key) : NULL;
    if (!p) {
        return false;
    }
    p = next_value(past(p, walk->end, ':'), walk->end, ret);
    if (!p) {
        return false;
    }
    walk->p = past(p, walk->end, ',');
    return true;
}

struct jscan jscan_get(struct jscan object, struct str key)
{
    struct jscan found = { 0 };
    struct jscan name, value;
    if (object.type != JSCAN_OBJECT) {
        return found;
    }
    for (struct jscan_walk walk = jscan_begin(object); jscan_member(&walk, &name, &value);) {
        if (jscan_is(name, key)) {
            found = value;
        }
    }
    return found;
}

struct jscan jscan_at(struct jscan array, uint32_t index)
{
    struct jscan value = { 0 };
    if (array.type != JSCAN_ARRAY) {
        return value;
    }
    struct jscan_walk walk = jscan_begin(array);
    for (uint32_t i = 0; jscan_element(&walk, &value); i++) {
        if (i == index) {
            return value;
        }
    }
    return (struct jscan){ 0 };
}

static uint32_t code_unit(const char *p)
{
    uint32_t v = 0;
    for (unsigned i = 0; i < 4; i++) {
        v = v << 4 | (uint32_t)hex_of(p[i]);
    }
    return v;
}

static char *put_utf8(char *to, uint32_t c)
{
    if (c < 0x80) {
        *to++ = (char)c;
    } else if (c < 0x800) {
        *to++ = (char)(0xc0 | c >> 6);
        *to++ = (char)(0x80 | (c & 0x3f));
    } else if (c < 0x10000) {
        *to++ = (char)(0xe0 | c >> 12);
        *to++ = (char)(0x80 | (c >> 6 & 0x3f));
        *to++ = (char)(0x80 | (c & 0x3f));
    } else {
        *to++ = (char)(0xf0 | c >> 18);
        *to++ = (char)(0x80 | (c >> 12 & 0x3f));
        *to++ = (char)(0x80 | (c >> 6 & 0x3f));
        *to++ = (char)(0x80 | (c & 0x3f));
    }
    return to;
}

/* At the digits of \uXXXX; takes a second half of a pair with it. A code takes no more bytes than its escapes. */
static const char *take_unicode(const char *p, const char *end, char **to)
{
    uint32_t c = code_unit(p);
    p += 4;
    if (c >= 0xd800 && c < 0xdc00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u') {
        uint32_t low = code_unit(p + 2);
        if (low >= 0xdc00 && low < 0xe000) {
            *to = put_utf8(*to, 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00));
            return p + 6;
        }
    }
    *to = put_utf8(*to, c == 0 || (c >= 0xd800 && c < 0xe000) ? 0xfffd : c);
    return p;
}

static const char *take_escape(const char *p, const char *end, char **to)
{
    static const char from[] = "bfnrt", meaning[] = "\b\f\n\r\t";
    char kind = *p++;
    if (kind == 'u') {
        return take_unicode(p, end, to);
    }
    const char *known = strchr(from, kind);
    *(*to)++ = known ? meaning[known - from] : kind;
    return p;
}

struct str jscan_text(struct jscan value, struct arena *arena)
{
    if (value.type != JSCAN_TEXT) {
        return (struct str){ 0 };
    }
    struct str inner = str_from(value.raw.p + 1, value.raw.n - 2);
    const char *escape = memchr(inner.p, '\\', inner.n);
    if (!escape) {
        return inner;
    }
    char *text = arena_bytes(arena, inner.n + 1);
    if (!text) {
        return (struct str){ 0 };
    }
    char *to = text;
    const char *end = inner.p + inner.n;
    for (const char *p = inner.p; p < end;) {
        const char *stop = memchr(p, '\\', (size_t)(end - p));
        size_t n = (size_t)((stop ? stop : end) - p);
        memcpy(to, p, n);
        to += n;
        p = stop ? take_escape(stop + 1, end, &to) : end;
    }
    return str_from(text, (size_t)(to - text));
}

bool jscan_i64(struct jscan value, int64_t *ret)
{
    if (value.type != JSCAN_NUMBER) {
        return false;
    }
    const char *p = value.raw.p, *end = p + value.raw.n;
    bool negative = *p == '-';
    p += negative;
    int64_t v = 0;
    for (; p < end; p++) {
        if (!is_digit(*p) || __builtin_mul_overflow(v, 10, &v) ||
            __builtin_sub_overflow(v, *p - '0', &v)) {
            return false;
        }
    }
    if (!negative && v == INT64_MIN) {
        return false;
    }
    *ret = negative ? v : -v;
    return true;
}

bool jscan_double(struct jscan value, double *ret)
{
    char text[NUMBER_MAX + 1];
    if (value.type != JSCAN_NUMBER || value.raw.n > NUMBER_MAX) {
        return false;
    }
    memcpy(text, value.raw.p, value.raw.n);
    text[value.raw.n] = '\0';
    *ret = strtod(text, NULL);
    return true;
}

bool jscan_bool(struct jscan value, bool *ret)
{
    if (value.type != JSCAN_BOOL) {
        return false;
    }
    *ret = *value.raw.p == 't';
    return true;
}
