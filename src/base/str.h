/*
 * str: a borrowed run of bytes. Not NUL-terminated; never owns. { NULL, 0 } is the empty string.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct str {
    const char *p;
    size_t n;
};

#define STR(literal) ((struct str){ "" literal, sizeof(literal) - 1 })
/* For printf: printf("%.*s", STR_ARG(s)). */
#define STR_ARG(s) (int)(s).n, (s).p ? (s).p : ""

static inline struct str str_of(const char *z)
{
    return (struct str){ z, z ? strlen(z) : 0 };
}

static inline struct str str_from(const void *p, size_t n)
{
    return (struct str){ (const char *)p, n };
}

/* The bytes before the first NUL, as C sees them. */
static inline struct str str_until_nul(const void *p, size_t n)
{
    return (struct str){ (const char *)p, p ? strnlen((const char *)p, n) : 0 };
}

static inline bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

static inline bool str_eqz(struct str a, const char *z)
{
    return str_eq(a, str_of(z));
}

static inline bool str_starts(struct str s, struct str prefix)
{
    return s.n >= prefix.n && (prefix.n == 0 || memcmp(s.p, prefix.p, prefix.n) == 0);
}

static inline bool str_ends(struct str s, struct str suffix)
{
    return s.n >= suffix.n &&
           (suffix.n == 0 || memcmp(s.p + s.n - suffix.n, suffix.p, suffix.n) == 0);
}

static inline struct str str_from_offset(struct str s, size_t offset)
{
    size_t skip = offset < s.n ? offset : s.n;
    return skip == 0 ? s : (struct str){ s.p + skip, s.n - skip };
}

static inline struct str str_first(struct str s, size_t n)
{
    return (struct str){ s.p, n < s.n ? n : s.n };
}

/* Order of the bytes as unsigned char, shorter first when one is a prefix (strcmp without NULs). */
int str_cmp(struct str a, struct str b);

/* Offset of the first (last) such byte or string; -1 when absent. The empty string is found at 0. */
ptrdiff_t str_find(struct str s, struct str needle);
ptrdiff_t str_find_char(struct str s, char c);
ptrdiff_t str_find_last(struct str s, char c);

/* ASCII case-insensitive. */
bool str_ieq(struct str a, struct str b);
ptrdiff_t str_ifind(struct str s, struct str needle);

/* Without leading and trailing blanks (space, \t \n \v \f \r). */
struct str str_trim(struct str s);

/* A malloc'ed, NUL-terminated copy; NULL when memory is out. */
char *str_dupz(struct str s);

/* 64-bit hash, seeded once per process at random: bytes come from attackers. */
uint64_t str_hash(struct str s);
uint64_t hash_u64(uint64_t key);

/* Edit distance of two short names with a cut-off: returns limit + 1 when further apart. For hints. */
unsigned str_distance(struct str a, struct str b, unsigned limit);
