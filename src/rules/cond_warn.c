/*
 * cond_warn: constants that probably mean something else: a field or a transformer written where text
 * is expected, a regex that says no more than a plain operator. Lists may have a million items, so
 * what cannot be a field is told by its first bytes.
 */
#include "rules/cond_impl.h"

#include <ctype.h>

#define FIELD_TEXT_MAX 256

/* What stands before the first dot of field names. */
static bool starts_like_field(struct str text)
{
    static const char *const classes[] = { "evt",    "syscall", "proc", "thread", "fd",
                                           "fdlist", "fs",      "user", "group",  "container",
                                           "k8s",    "dns",     "tls",  "ecs",    "aws" };
    ptrdiff_t dot = str_find_char(str_first(text, 16), '.');
    if (dot <= 0) {
        return false;
    }
    struct str class = str_first(text, (size_t)dot);
    for (size_t i = 0; i < sizeof(classes) / sizeof(*classes); i++) {
        if (str_eqz(class, classes[i])) {
            return true;
        }
    }
    return false;
}

/* name, or name[arg] */
static bool is_field(struct str text)
{
    struct str arg = { 0 };
    ptrdiff_t bracket = str_find_char(text, '[');
    if (bracket >= 0 && str_ends(text, STR("]"))) {
        arg = str_from(text.p + bracket + 1, text.n - (size_t)bracket - 2);
        text = str_first(text, (size_t)bracket);
    }
    struct field_ref field;
    return field_resolve(text, arg, &field, NULL) == 0;
}

static bool is_transformation(struct str text)
{
    ptrdiff_t paren = str_find_char(str_first(text, 16), '(');
    return paren > 0 && str_ends(text, STR(")")) &&
           transformer_find(str_first(text, (size_t)paren)) != TRANSFORM_COUNT;
}

static struct str without_blanks(struct str text, char *storage)
{
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        if (!isspace((unsigned char)text.p[i])) {
            storage[n++] = text.p[i];
        }
    }
    return str_from(storage, n);
}

bool warn_about_text(struct resolver *r, struct str text)
{
    char storage[FIELD_TEXT_MAX];
    if (text.n < 4 || text.n > sizeof(storage) || text.p[0] == '/') {
        return false;
    }
    struct str bare = without_blanks(text, storage);
    if (starts_like_field(bare) && is_field(bare)) {
        resolver_warning(r, "'%.*s' may be a valid field misused as a const string value",
                         STR_ARG(text));
        return true;
    }
    if (is_transformation(bare)) {
        resolver_warning(r,
                         "'%.*s' may be a valid field transformer misused as a const string value",
                         STR_ARG(text));
        return true;
    }
    return false;
}

static bool is_one_of(char c, const char *set)
{
    return c && strchr(set, c) != NULL;
}

/* Only literal text, but for anchors and a `.*` at either end? */
static bool regex_is_simple(struct str p)
{
    for (size_t i = 0; i < p.n; i++) {
        if ((i == 0 && p.p[i] == '^') || (i == p.n - 1 && p.p[i] == '$')) {
            continue;
        }
        bool at_end = (i == 0 && p.n > 1) || i + 2 == p.n;
        if (at_end && p.p[i] == '.' && is_one_of(p.p[i + 1], "+*?")) {
            i++;
            continue;
        }
        if (is_one_of(p.p[i], ".+*?^$()[]{}|\\")) {
            return false;
        }
    }
    return true;
}

void warn_about_regex(struct resolver *r, struct str pattern)
{
    if (regex_is_simple(pattern)) {
        resolver_warning(r,
                         "regex check with '%.*s' may be optimized with simpler operators such as "
                         "'=', 'contains', 'startswith', 'endswith'",
                         STR_ARG(str_first(pattern, 256)));
    }
}
