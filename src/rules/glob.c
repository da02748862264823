/*
 * glob: matching with one remembered star. A failure after a star retries it one byte further, and an
 * earlier star never needs retrying, so there is no exponential case.
 *
 * Brackets follow POSIX: '!' or '^' negates, a first ']' is literal, ranges, [:classes:], backslash
 * escapes; an unclosed bracket is a literal '['.
 */
#include "rules/glob.h"

#include <stddef.h>

static unsigned char lower(unsigned char c)
{
    return c >= 'A' && c <= 'Z' ? (unsigned char)(c + ('a' - 'A')) : c;
}

static unsigned char folded(char c, bool ignore_case)
{
    return ignore_case ? lower((unsigned char)c) : (unsigned char)c;
}

static bool is_upper(unsigned char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_lower(unsigned char c)
{
    return c >= 'a' && c <= 'z';
}

static bool is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alpha(unsigned char c)
{
    return is_upper(c) || is_lower(c);
}

static bool is_alnum(unsigned char c)
{
    return is_alpha(c) || is_digit(c);
}

static bool is_xdigit(unsigned char c)
{
    return is_digit(c) || (lower(c) >= 'a' && lower(c) <= 'f');
}

static bool is_space(unsigned char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static bool is_blank(unsigned char c)
{
    return c == ' ' || c == '\t';
}

static bool is_cntrl(unsigned char c)
{
    return c < 0x20 || c == 0x7f;
}

static bool is_graph(unsigned char c)
{
    return c > 0x20 && c < 0x7f;
}

static bool is_print(unsigned char c)
{
    return c >= 0x20 && c < 0x7f;
}

static bool is_punct(unsigned char c)
{
    return is_graph(c) && !is_alnum(c);
}

static const struct {
    const char *name;
    bool (*has)(unsigned char c);
} classes[] = {
    { "alpha", is_alpha }, { "digit", is_digit }, { "alnum", is_alnum }, { "upper", is_upper },
    { "lower", is_lower }, { "space", is_space }, { "blank", is_blank }, { "punct", is_punct },
    { "print", is_print }, { "graph", is_graph }, { "cntrl", is_cntrl }, { "xdigit", is_xdigit },
};

/* "[:name:]" at p: its length and whether c is in the class; 0: there is none. */
static size_t class_match(struct str p, unsigned char c, bool ignore_case, bool *ret_has)
{
    for (size_t i = 0; i < sizeof(classes) / sizeof(*classes); i++) {
        struct str name = str_of(classes[i].name);
        if (p.n < name.n + 4 || p.p[0] != '[' || p.p[1] != ':' ||
            !str_starts(str_from_offset(p, 2), name) || p.p[2 + name.n] != ':' ||
            p.p[3 + name.n] != ']') {
            continue;
        }
        bool any_case = ignore_case && (classes[i].has == is_upper || classes[i].has == is_lower);
        *ret_has = any_case ? is_alpha(c) : classes[i].has(c);
        return name.n + 4;
    }
    return 0;
}

/* One bound of a range: *at moves behind it. False: the bracket ends too early. */
static bool bracket_char(struct str p, size_t *at, bool ignore_case, unsigned char *ret)
{
    if (*at < p.n && p.p[*at] == '\\') {
        (*at)++;
    }
    if (*at >= p.n) {
        return false;
    }
    *ret = folded(p.p[(*at)++], ignore_case);
    return true;
}

/* The bracket expression at p ('[' first): its length, 0 when it is not closed. */
static size_t bracket_match(struct str p, unsigned char c, bool ignore_case, bool *ret_matches)
{
    size_t at = 1;
    bool negated = at < p.n && (p.p[at] == '!' || p.p[at] == '^');
    at += negated;
    bool found = false;
    for (bool first = true; at < p.n && (first || p.p[at] != ']'); first = false) {
        bool has = false;
        size_t n = class_match(str_from_offset(p, at), c, ignore_case, &has);
        if (n) {
            found |= has;
            at += n;
            continue;
        }
        unsigned char low = 0;
        unsigned char high = 0;
        if (!bracket_char(p, &at, ignore_case, &low)) {
            return 0;
        }
        high = low;
        if (at + 1 < p.n && p.p[at] == '-' && p.p[at + 1] != ']') {
            at++;
            if (!bracket_char(p, &at, ignore_case, &high)) {
                return 0;
            }
        }
        found |= low <= c && c <= high;
    }
    *ret_matches = found != negated;
    return at < p.n ? at + 1 : 0;
}

/* Does the element of the pattern at p match byte c? Its length, 0: no. p is not empty, nor '*'. */
static size_t element_match(struct str p, char byte, bool ignore_case)
{
    unsigned char c = folded(byte, ignore_case);
    if (p.p[0] == '?') {
        return 1;
    }
    if (p.p[0] == '[') {
        bool matches = false;
        size_t n = bracket_match(p, c, ignore_case, &matches);
        if (n) {
            return matches ? n : 0;
        }
    }
    if (p.p[0] == '\\') {
        return p.n > 1 && folded(p.p[1], ignore_case) == c ? 2 : 0;
    }
    return folded(p.p[0], ignore_case) == c ? 1 : 0;
}

bool glob_match(struct str pattern, struct str text, bool ignore_case)
{
    size_t p = 0;
    size_t t = 0;
    size_t star = SIZE_MAX; /* behind the last star seen, and the text where it was tried last */
    size_t retry = 0;
    while (t < text.n || p < pattern.n) {
        if (p < pattern.n && pattern.p[p] == '*') {
            star = ++p;
            retry = t;
            continue;
        }
        size_t n = p < pattern.n && t < text.n
                       ? element_match(str_from_offset(pattern, p), text.p[t], ignore_case)
                       : 0;
        if (n) {
            p += n;
            t++;
        } else if (star != SIZE_MAX && retry < text.n) {
            p = star;
            t = ++retry;
        } else {
            return false;
        }
    }
    return true;
}

bool glob_has_wildcard(struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '*' || text.p[i] == '?' || text.p[i] == '[') {
            return true;
        }
    }
    return false;
}

/* The next component that is not empty; false at the end. */
static bool next_component(struct str *rest, struct str *ret)
{
    while (rest->n && rest->p[0] == '/') {
        *rest = str_from_offset(*rest, 1);
    }
    ptrdiff_t slash = str_find_char(*rest, '/');
    *ret = str_first(*rest, slash < 0 ? rest->n : (size_t)slash);
    *rest = str_from_offset(*rest, ret->n);
    return ret->n != 0;
}

bool path_prefix_match(struct str item, struct str path)
{
    struct str want;
    struct str have;
    while (next_component(&item, &want)) {
        if (!next_component(&path, &have)) {
            return false;
        }
        bool same = glob_has_wildcard(want) ? glob_match(want, have, false) : str_eq(want, have);
        if (!same) {
            return false;
        }
    }
    return true;
}
