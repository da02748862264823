/*
 * cursor: reads numbers and counted strings; past the end it yields zeros and turns `bad`.
 */
#pragma once

#include "base/str.h"
#include "sensor/replay/format.h"

#include <stdbool.h>

struct cursor {
    const uint8_t *p, *end;
    bool bad;
};

static inline size_t cursor_left(const struct cursor *c)
{
    return (size_t)(c->end - c->p);
}

static inline struct str cursor_bytes(struct cursor *c, size_t n)
{
    if (c->bad || cursor_left(c) < n) {
        c->bad = true;
        return (struct str){ 0 };
    }
    c->p += n;
    return str_from(c->p - n, n);
}

static inline uint64_t cursor_uint(struct cursor *c, size_t n)
{
    uint64_t v = 0;
    struct str s = cursor_bytes(c, n);
    if (s.n) {
        memcpy(&v, s.p, n);
    }
    return v;
}

static inline uint8_t cursor_u8(struct cursor *c)
{
    return (uint8_t)cursor_uint(c, 1);
}

static inline uint16_t cursor_u16(struct cursor *c)
{
    return (uint16_t)cursor_uint(c, 2);
}

static inline uint32_t cursor_u32(struct cursor *c)
{
    return (uint32_t)cursor_uint(c, 4);
}

static inline uint64_t cursor_u64(struct cursor *c)
{
    return cursor_uint(c, 8);
}

static inline int64_t cursor_i64(struct cursor *c)
{
    return (int64_t)cursor_uint(c, 8);
}

/* u16 length, then that many bytes. */
static inline struct str cursor_str(struct cursor *c)
{
    return cursor_bytes(c, cursor_u16(c));
}

/* A cursor over the next n bytes, which this one steps over. */
static inline struct cursor cursor_part(struct cursor *c, size_t n)
{
    struct str s = cursor_bytes(c, n);
    const uint8_t *p = (const uint8_t *)s.p;
    return (struct cursor){ .p = p, .end = p ? p + s.n : p, .bad = c->bad };
}

/* An entry that begins with its length, which counts itself. */
static inline struct cursor cursor_entry(struct cursor *c)
{
    size_t n = cursor_u32(c);
    return cursor_part(c, n < 4 ? SIZE_MAX : n - 4);
}
