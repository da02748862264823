/*
 * buf: growing by doubling up to the limit; numbers without printf; JSON escaping by runs of bytes
 * that need none.
 */
#include "base/buf.h"

#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define CAPACITY_MIN ((size_t)256)

void buf_init(struct buf *buf, size_t limit)
{
    *buf = (struct buf){ .limit = limit };
}

void buf_init_fixed(struct buf *buf, void *storage, size_t size)
{
    *buf = (struct buf){ .p = storage, .capacity = size, .limit = size, .fixed = true };
}

void buf_done(struct buf *buf)
{
    if (!buf->fixed) {
        free(buf->p);
    }
    *buf = (struct buf){ .limit = buf->limit };
}

char *buf_reserve_slow(struct buf *buf, size_t n)
{
    if (buf->failed || buf->fixed || n > buf->limit - buf->n) {
        buf->failed = true;
        return NULL;
    }
    size_t capacity = buf->capacity > CAPACITY_MIN / 2 ? buf->capacity : CAPACITY_MIN / 2;
    capacity = capacity > buf->limit / 2 ? buf->limit : capacity * 2;
    if (capacity < buf->n + n) {
        capacity = buf->n + n;
    }
    char *p = mem_realloc(buf->p, capacity);
    if (!p) {
        buf->failed = true;
        return NULL;
    }
    buf->p = p;
    buf->capacity = capacity;
    return p + buf->n;
}

void buf_putz(struct buf *buf, const char *z)
{
    buf_puts(buf, str_of(z));
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    char small[256];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(small, sizeof(small), format, args);
    va_end(args);
    if (n < 0) {
        buf->failed = true;
        return;
    }
    if ((size_t)n < sizeof(small)) {
        buf_put(buf, small, (size_t)n);
        return;
    }
    char *at = buf_reserve(buf, (size_t)n + 1);
    if (at) {
        va_start(args, format);
        vsnprintf(at, (size_t)n + 1, format, args);
        va_end(args);
        buf->n += (size_t)n;
    }
}

void buf_u64(struct buf *buf, uint64_t v)
{
    char digits[20];
    size_t at = sizeof(digits);
    do {
        digits[--at] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    buf_put(buf, digits + at, sizeof(digits) - at);
}

void buf_i64(struct buf *buf, int64_t v)
{
    if (v < 0) {
        buf_putc(buf, '-');
    }
    buf_u64(buf, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

static const char hex_digits[] = "0123456789abcdef";

void buf_hex(struct buf *buf, uint64_t v)
{
    char digits[16];
    size_t at = sizeof(digits);
    do {
        digits[--at] = hex_digits[v & 15];
        v >>= 4;
    } while (v);
    buf_put(buf, digits + at, sizeof(digits) - at);
}

/* Length of the well-formed UTF-8 sequence at p (n >= 1 bytes left), 0 when there is none. */
static size_t utf8_sequence(const unsigned char *p, size_t n)
{
    unsigned char c = p[0];
    if (c < 0x80) {
        return 1;
    }
    size_t length = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2;
    if (c < 0xc2 || c > 0xf4 || n < length) {
        return 0;
    }
    unsigned char low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
    unsigned char high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
    if (p[1] < low || p[1] > high) {
        return 0;
    }
    for (size_t i = 2; i < length; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return length;
}

bool str_is_utf8(struct str s)
{
    for (size_t i = 0; i < s.n;) {
        uint64_t eight;
        if (s.n - i >= sizeof(eight)) {
            memcpy(&eight, s.p + i, sizeof(eight));
            if (!(eight & UINT64_C(0x8080808080808080))) {
                i += sizeof(eight);
                continue;
            }
        }
        size_t length = utf8_sequence((const unsigned char *)s.p + i, s.n - i);
        if (!length) {
            return false;
        }
        i += length;
    }
    return true;
}

static void json_escape_byte(struct buf *buf, unsigned char c)
{
    static const char short_form[] = "btn?fr"; /* 0x08 to 0x0d, \v has none */
    if (c == '"' || c == '\\') {
        buf_put(buf, (char[]){ '\\', (char)c }, 2);
    } else if (c >= 0x08 && c <= 0x0d && c != 0x0b) {
        buf_put(buf, (char[]){ '\\', short_form[c - 0x08] }, 2);
    } else if (c < 0x20 || c == 0x7f) {
        char text[] = "\\u0000";
        text[4] = hex_digits[c >> 4];
        text[5] = hex_digits[c & 15];
        buf_put(buf, text, 6);
    } else {
        char text[] = "\\\\x00";
        text[3] = hex_digits[c >> 4];
        text[4] = hex_digits[c & 15];
        buf_put(buf, text, 5);
    }
}

static bool is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x7f && c != '"' && c != '\\';
}

void buf_json_escaped(struct buf *buf, struct str s)
{
    const unsigned char *p = (const unsigned char *)s.p;
    for (size_t i = 0; i < s.n;) {
        size_t run = i;
        while (run < s.n && is_plain(p[run])) {
            run++;
        }
        buf_put(buf, p + i, run - i);
        i = run;
        if (i == s.n) {
            break;
        }
        size_t length = p[i] >= 0x80 ? utf8_sequence(p + i, s.n - i) : 0;
        if (length) {
            buf_put(buf, p + i, length);
            i += length;
        } else {
            json_escape_byte(buf, p[i++]);
        }
    }
}

void buf_json_str(struct buf *buf, struct str s)
{
    buf_putc(buf, '"');
    buf_json_escaped(buf, s);
    buf_putc(buf, '"');
}

void buf_base64(struct buf *buf, struct str s)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < s.n; i += 3) {
        size_t have = s.n - i < 3 ? s.n - i : 3;
        uint32_t bits = 0;
        for (size_t j = 0; j < 3; j++) {
            bits = bits << 8 | (j < have ? (unsigned char)s.p[i + j] : 0);
        }
        char four[4] = { digits[bits >> 18], digits[bits >> 12 & 63], digits[bits >> 6 & 63],
                         digits[bits & 63] };
        if (have < 3) {
            four[3] = '=';
        }
        if (have < 2) {
            four[2] = '=';
        }
        buf_put(buf, four, 4);
    }
}

/* The bit of the innermost object or array; none where it is too deep for one. */
static uint64_t jsonw_bit(const struct jsonw *w)
{
    return w->depth <= JSONW_DEPTH_MAX ? (uint64_t)1 << w->depth : 0;
}

static void jsonw_before(struct jsonw *w, const char *key)
{
    uint64_t bit = jsonw_bit(w);
    if (w->has_members & bit) {
        buf_putc(w->buf, ',');
    }
    w->has_members |= bit;
    if (key) {
        buf_json_str(w->buf, str_of(key));
        buf_putc(w->buf, ':');
    }
}

static void jsonw_open(struct jsonw *w, const char *key, bool is_array)
{
    jsonw_before(w, key);
    buf_putc(w->buf, is_array ? '[' : '{');
    w->depth++;
    uint64_t bit = jsonw_bit(w);
    if (!bit) {
        w->buf->failed = true;
    }
    w->has_members &= ~bit;
    w->is_array = is_array ? w->is_array | bit : w->is_array & ~bit;
}

void jsonw_object(struct jsonw *w, const char *key)
{
    jsonw_open(w, key, false);
}

void jsonw_array(struct jsonw *w, const char *key)
{
    jsonw_open(w, key, true);
}

void jsonw_end(struct jsonw *w)
{
    buf_putc(w->buf, w->is_array & jsonw_bit(w) ? ']' : '}');
    w->depth--;
}

void jsonw_key(struct jsonw *w, struct str key)
{
    jsonw_before(w, NULL);
    buf_json_str(w->buf, key);
    buf_putc(w->buf, ':');
    w->has_members &= ~jsonw_bit(w); /* its value needs no comma */
}

void jsonw_str(struct jsonw *w, const char *key, struct str s)
{
    jsonw_before(w, key);
    buf_json_str(w->buf, s);
}

void jsonw_strz(struct jsonw *w, const char *key, const char *z)
{
    if (z) {
        jsonw_str(w, key, str_of(z));
    } else {
        jsonw_null(w, key);
    }
}

void jsonw_i64(struct jsonw *w, const char *key, int64_t v)
{
    jsonw_before(w, key);
    buf_i64(w->buf, v);
}

void jsonw_u64(struct jsonw *w, const char *key, uint64_t v)
{
    jsonw_before(w, key);
    buf_u64(w->buf, v);
}

void jsonw_double(struct jsonw *w, const char *key, double v)
{
    jsonw_before(w, key);
    if (v - v != 0) { /* JSON has no infinities */
        buf_putz(w->buf, "null");
    } else {
        buf_printf(w->buf, "%.15g", v);
    }
}

void jsonw_bool(struct jsonw *w, const char *key, bool v)
{
    jsonw_before(w, key);
    buf_putz(w->buf, v ? "true" : "false");
}

void jsonw_null(struct jsonw *w, const char *key)
{
    jsonw_before(w, key);
    buf_putz(w->buf, "null");
}

void jsonw_raw(struct jsonw *w, const char *key, struct str json)
{
    jsonw_before(w, key);
    buf_puts(w->buf, json);
}
