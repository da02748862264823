/*
 * jscan: reading JSON in place: strict (RFC 8259, UTF-8), without allocating, values as slices of their text.
 *
 * jscan_check() goes over the whole text once; the rest walks what it found to be sound, and does not check
 * again. For text that is large, hostile and mostly skipped.
 */
#pragma once

#include "base/arena.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

#define JSCAN_DEPTH 32

enum jscan_type {
    JSCAN_NONE, /* absent */
    JSCAN_NULL,
    JSCAN_BOOL,
    JSCAN_NUMBER,
    JSCAN_TEXT,
    JSCAN_ARRAY,
    JSCAN_OBJECT,
};

struct jscan {
    struct str raw; /* the value as written: texts with their quotes */
    enum jscan_type type;
};

struct jscan_walk {
    const char *p, *end;
};

/* One value and blanks around it. 0, or -EINVAL with what is wrong (a literal) and where. */
int jscan_check(struct str text, struct jscan *ret, const char **ret_why, size_t *ret_at);

/* Members of an object, elements of an array; of any other value there are none. */
struct jscan_walk jscan_begin(struct jscan container);
bool jscan_member(struct jscan_walk *walk, struct jscan *ret_key, struct jscan *ret);
bool jscan_element(struct jscan_walk *walk, struct jscan *ret);

/* The last member of that name. Names with escapes are not found. */
struct jscan jscan_get(struct jscan object, struct str key);
struct jscan jscan_at(struct jscan array, uint32_t index);
/* Is this key's name, without quotes, this one? */
static inline bool jscan_is(struct jscan key, struct str name)
{
    return key.raw.n == name.n + 2 && memcmp(key.raw.p + 1, name.p, name.n) == 0;
}

/* Without escapes: a slice, else in the arena. NUL and lone surrogates are U+FFFD. .p == NULL: not a text, or out
 * of memory. */
struct str jscan_text(struct jscan value, struct arena *arena);
/* A whole number within int64. */
bool jscan_i64(struct jscan value, int64_t *ret);
bool jscan_double(struct jscan value, double *ret);
bool jscan_bool(struct jscan value, bool *ret);
