/*
 * visible: characters that a reader would not see, or that move what stands beside them, are given a visible name, as
 * the console gives them: \n, \x9b, U+202E. Nothing is dropped; bytes that are no UTF-8 become \xHH.
 */
#include "report/report_internal.h"

struct range {
    uint32_t first, last;
};

static const struct range hidden[] = {
    { 0x00, 0x1f },        { 0x7f, 0xa0 },     { 0xad, 0xad },     { 0x34f, 0x34f },
    { 0x61c, 0x61c },      { 0x115f, 0x1160 }, { 0x17b4, 0x17b5 }, { 0x180b, 0x180f },
    { 0x2000, 0x200f },    { 0x2028, 0x202f }, { 0x205f, 0x206f }, { 0x2800, 0x2800 },
    { 0x3164, 0x3164 },    { 0xd800, 0xdfff }, { 0xe000, 0xf8ff }, { 0xfe00, 0xfe0f },
    { 0xfeff, 0xfeff },    { 0xffa0, 0xffa0 }, { 0xfff0, 0xfffb }, { 0xe0000, 0xe0fff },
    { 0xf0000, 0x10ffff },
};

bool report_hides(uint32_t character)
{
    for (size_t i = 0; i < sizeof(hidden) / sizeof(*hidden); i++) {
        if (character >= hidden[i].first && character <= hidden[i].last) {
            return true;
        }
    }
    return false;
}

size_t report_character(struct str text, uint32_t *ret)
{
    unsigned char c = (unsigned char)text.p[0];
    size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    if (n > text.n || !str_is_utf8(str_first(text, n))) {
        *ret = UINT32_MAX;
        return 1;
    }
    uint32_t v = n == 1 ? c : c & (0xffU >> (n + 1));
    for (size_t i = 1; i < n; i++) {
        v = v << 6 | ((unsigned char)text.p[i] & 0x3f);
    }
    *ret = v;
    return n;
}

static void put_name(struct buf *buf, uint32_t character)
{
    static const char letters[] = "0......abtnvfr.............e";
    if (character < sizeof(letters) - 1 && letters[character] != '.') {
        buf_printf(buf, "\\%c", letters[character]);
    } else {
        buf_printf(buf, character < 0x100 ? "\\x%02x" : "U+%04X", character);
    }
}

static void put_character(struct buf *buf, struct str text, uint32_t character)
{
    if (character == UINT32_MAX) {
        buf_printf(buf, "\\x%02x", (unsigned char)text.p[0]);
    } else if (report_hides(character)) {
        put_name(buf, character);
    } else {
        buf_puts(buf, text);
    }
}

#define MORE "…"

struct str report_visible(struct str text, size_t max, struct arena *arena)
{
    struct buf buf;
    size_t end = 0; /* where a cut text would end */
    buf_init(&buf, max + 16);
    while (text.n > 0) {
        uint32_t character;
        size_t n = report_character(text, &character), before = buf.n;
        put_character(&buf, str_first(text, n), character);
        if (buf.n > max) {
            buf.n = end;
            buf_putz(&buf, MORE);
            break;
        }
        end = buf.n + sizeof(MORE) - 1 <= max ? buf.n : end;
        text = str_from_offset(text, n);
        if (buf.failed || buf.n == before) {
            break;
        }
    }
    struct str kept = buf.failed ? (struct str){ 0 } : arena_str(arena, buf_str(&buf));
    buf_done(&buf);
    return kept;
}
