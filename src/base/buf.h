/*
 * buf: a growing byte buffer with a hard limit, and the JSON emitter that writes into one.
 *
 * Writers never return errors; a buffer that met its limit or ran out of memory is marked `failed`,
 * keeps what it had, and ignores the rest: test once at the end.
 */
#pragma once

#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
    char *p;
    size_t n;
    size_t capacity;
    size_t limit; /* hard maximum of n */
    bool failed;
    bool fixed; /* p is the caller's, of `capacity` bytes; never grown or freed */
};

void buf_init(struct buf *buf, size_t limit);
void buf_init_fixed(struct buf *buf, void *storage, size_t size);
void buf_done(struct buf *buf);

static inline void buf_clear(struct buf *buf)
{
    buf->n = 0;
    buf->failed = false;
}

static inline struct str buf_str(const struct buf *buf)
{
    return (struct str){ buf->p, buf->n };
}

/* Room for n more bytes at buf->p + buf->n, or NULL (and failed). Add to buf->n what was written. */
char *buf_reserve_slow(struct buf *buf, size_t n);

static inline char *buf_reserve(struct buf *buf, size_t n)
{
    return buf->capacity - buf->n >= n && !buf->failed ? buf->p + buf->n : buf_reserve_slow(buf, n);
}

static inline void buf_put(struct buf *buf, const void *p, size_t n)
{
    char *at = n ? buf_reserve(buf, n) : NULL;
    if (at) {
        memcpy(at, p, n);
        buf->n += n;
    }
}

static inline void buf_putc(struct buf *buf, char c)
{
    char *at = buf_reserve(buf, 1);
    if (at) {
        *at = c;
        buf->n++;
    }
}

static inline void buf_puts(struct buf *buf, struct str s)
{
    buf_put(buf, s.p, s.n);
}

void buf_putz(struct buf *buf, const char *z);
/* Text longer than 255 bytes takes room for one byte more while it is written. */
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_u64(struct buf *buf, uint64_t v);
void buf_i64(struct buf *buf, int64_t v);
void buf_hex(struct buf *buf, uint64_t v); /* lower case, no leading zeros, no prefix */

/* s within quotes as a JSON string (RFC 8259). Bytes that are not UTF-8 become the text \xHH. */
void buf_json_str(struct buf *buf, struct str s);
/* The same without the quotes. */
void buf_json_escaped(struct buf *buf, struct str s);

/* RFC 4648, with padding. */
void buf_base64(struct buf *buf, struct str s);

/* Is s well-formed UTF-8 (RFC 3629)? */
bool str_is_utf8(struct str s);

/*
 * jsonw: punctuation for nested objects and arrays. Keys are programmers' literals. Deeper than
 * JSONW_DEPTH_MAX marks the buffer as failed.
 *
 *     struct jsonw w = { .buf = &buf };
 *     jsonw_object(&w, NULL); jsonw_str(&w, "name", s); jsonw_array(&w, "tags"); ... jsonw_end(&w);
 *
 * Within an array, and for the outermost value, pass key NULL.
 */
#define JSONW_DEPTH_MAX 63

struct jsonw {
    struct buf *buf;
    uint64_t has_members; /* a bit per depth */
    uint64_t is_array;
    unsigned depth;
};

void jsonw_object(struct jsonw *w, const char *key);
void jsonw_array(struct jsonw *w, const char *key);
void jsonw_end(struct jsonw *w); /* closes the innermost object or array */
void jsonw_key(struct jsonw *w,
               struct str key); /* for keys that are data; then a value, key NULL */
void jsonw_str(struct jsonw *w, const char *key, struct str s);
void jsonw_strz(struct jsonw *w, const char *key, const char *z); /* NULL writes null */
void jsonw_i64(struct jsonw *w, const char *key, int64_t v);
void jsonw_u64(struct jsonw *w, const char *key, uint64_t v);
void jsonw_double(struct jsonw *w, const char *key, double v);
void jsonw_bool(struct jsonw *w, const char *key, bool v);
void jsonw_null(struct jsonw *w, const char *key);
/* Text that is JSON already. */
void jsonw_raw(struct jsonw *w, const char *key, struct str json);
