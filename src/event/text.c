/*
 * text: filters from bytes to text.
 *
 * Shape: runs of plain characters are copied at once; only what interrupts them is looked at. The
 * length of a UTF-8 sequence comes from its first byte, its validity from the strict check of base.
 */
#include "event/text.h"

/* What of s still fits below the limit. */
static struct str fitting(const struct buf *buf, struct str s)
{
    return str_first(s, buf->limit - buf->n);
}

void text_put(struct buf *buf, struct str s)
{
    struct str part = fitting(buf, s);
    buf_puts(buf, part);
    if (part.n < s.n) {
        buf->failed = true;
    }
}

static bool is_plain(char c)
{
    return c >= ' ' && c <= '~';
}

/* Length of the sequence at s if it is one of UTF-8 beyond ASCII and printable, else 0. */
static size_t utf8_length(struct str s)
{
    unsigned char first = (unsigned char)s.p[0];
    size_t n = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || n > s.n || !str_is_utf8(str_first(s, n))) {
        return 0;
    }
    bool control = first == 0xc2 && (unsigned char)s.p[1] < 0xa0;
    return control ? 0 : n;
}

void text_printable(struct buf *buf, struct str s)
{
    size_t from = 0;
    size_t i = 0;
    while (i < s.n) {
        size_t n = is_plain(s.p[i]) ? 1 : utf8_length(str_from_offset(s, i));
        if (n == 0) {
            text_put(buf, str_from(s.p + from, i - from));
            from = i + 1;
            n = 1;
        }
        i += n;
    }
    if (s.n > from) {
        text_put(buf, str_from_offset(s, from));
    }
}

void text_dots(struct buf *buf, struct str bytes)
{
    struct str part = fitting(buf, bytes);
    char *at = part.n ? buf_reserve(buf, part.n) : NULL;
    if (at) {
        for (size_t i = 0; i < part.n; i++) {
            at[i] = is_plain(part.p[i]) ? part.p[i] : '.';
        }
        buf->n += part.n;
    }
    if (part.n < bytes.n) {
        buf->failed = true;
    }
}
