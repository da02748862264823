/*
 * target: the request target into a path and a query, one form only.
 *
 * A path is '/' and segments between '/'. Whatever two programs could read differently is refused rather than
 * repaired: empty segments, "." and "..", however they are written; control characters, a backslash, '#',
 * percent signs without two digits, what is not UTF-8 when decoded. A "%2F" is a byte of its segment (rules' names
 * have slashes), never a separator: segments are taken apart before they are decoded. In a query '+' is a blank,
 * names are there once.
 */
#include "server/http_internal.h"

#include <errno.h>

static int hex_digit(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

static bool is_control(unsigned char c)
{
    return c < 0x20 || c == 0x7f;
}

/* Bytes that stand for themselves in a target. */
static bool is_plain(unsigned char c)
{
    return c > 0x20 && c < 0x7f && !strchr("\\#\"<>^`{|}", c);
}

static int decode(struct arena *arena, struct str text, bool plus, struct str *ret)
{
    char *at = arena_bytes(arena, text.n + 1);
    size_t n = 0;
    if (!at) {
        return -ENOMEM;
    }
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        if (c == '%') {
            int high = i + 2 < text.n ? hex_digit(text.p[i + 1]) : -1;
            int low = i + 2 < text.n ? hex_digit(text.p[i + 2]) : -1;
            if (high < 0 || low < 0) {
                return -EINVAL;
            }
            c = (unsigned char)(high << 4 | low);
            i += 2;
        } else if (!is_plain(c)) {
            return -EINVAL;
        } else if (plus && c == '+') {
            c = ' ';
        }
        at[n++] = (char)c;
    }
    at[n] = '\0';
    *ret = (struct str){ at, n };
    return str_is_utf8(*ret) ? 0 : -EINVAL;
}

static bool has_control(struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (is_control((unsigned char)text.p[i])) {
            return true;
        }
    }
    return false;
}

/* Takes what is before the first `c` (or all) off the front. */
static struct str next_part(struct str *rest, char c)
{
    ptrdiff_t at = str_find_char(*rest, c);
    struct str part = at < 0 ? *rest : str_first(*rest, (size_t)at);
    *rest = at < 0 ? (struct str){ NULL, 0 } : str_from_offset(*rest, (size_t)at + 1);
    if (at >= 0 && !rest->n) {
        *rest = (struct str){ "", 0 };
    }
    return part;
}

static int add_segment(struct arena *arena, struct str raw, struct target *ret, struct err *err)
{
    struct str segment;
    if (ret->nsegments == HTTP_SEGMENTS_MAX) {
        return err_set(err, -EINVAL, "the path has more than %d parts", HTTP_SEGMENTS_MAX);
    }
    int r = decode(arena, raw, false, &segment);
    if (r == -ENOMEM) {
        return err_set(err, r, "out of memory");
    }
    if (r < 0 || has_control(segment) || str_find_char(segment, '\\') >= 0) {
        return err_set(err, -EINVAL, "the path is not well encoded");
    }
    if (!segment.n || str_eq(segment, STR(".")) || str_eq(segment, STR(".."))) {
        return err_set(err, -EINVAL, "the path has an empty part, or one of dots");
    }
    ret->raw[ret->nsegments] = raw;
    ret->segments[ret->nsegments++] = segment;
    return 0;
}

static int parse_path(struct arena *arena, struct target *ret, struct err *err)
{
    if (!str_starts(ret->path, STR("/"))) {
        return err_set(err, -EINVAL, "the path does not begin with a slash");
    }
    struct str rest = str_from_offset(ret->path, 1);
    int r = 0;
    if (!rest.n) {
        return 0;
    }
    while (r == 0 && rest.p) {
        struct str raw = next_part(&rest, '/');
        r = add_segment(arena, raw, ret, err);
    }
    return r;
}

static int add_query(struct arena *arena, struct str pair, struct target *ret, struct err *err)
{
    struct http_header one = { { NULL, 0 }, { NULL, 0 } };
    struct str value = pair, name = next_part(&value, '=');
    if (ret->nquery == HTTP_QUERY_MAX) {
        return err_set(err, -EINVAL, "the query has more than %d names", HTTP_QUERY_MAX);
    }
    int r = decode(arena, name, true, &one.name);
    r = r == 0 ? decode(arena, value, true, &one.value) : r;
    if (r < 0) {
        return err_set(err, r, r == -ENOMEM ? "out of memory" : "the query is not well encoded");
    }
    for (unsigned i = 0; i < ret->nquery; i++) {
        if (str_eq(ret->query[i].name, one.name)) {
            return err_set(err, -EINVAL, "the query has `%.*s` twice",
                           STR_ARG(str_first(one.name, 64)));
        }
    }
    ret->query[ret->nquery++] = one;
    return 0;
}

int target_parse(struct arena *arena, struct str text, struct target *ret, struct err *err)
{
    struct target target = { .path = text };
    if (text.n > HTTP_TEXT_MAX) {
        return err_set(err, -EINVAL, "the target is longer than %d bytes", HTTP_TEXT_MAX);
    }
    struct str query = text;
    target.path = next_part(&query, '?');
    int r = parse_path(arena, &target, err);
    while (r == 0 && query.n) {
        struct str pair = next_part(&query, '&');
        r = pair.n ? add_query(arena, pair, &target, err)
                   : err_set(err, -EINVAL, "the query has an empty part");
    }
    if (r == 0) {
        *ret = target;
    }
    return r;
}
