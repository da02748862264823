/*
 * The form of an item by its kind.
 */
#include "server/import.h"

#include <arpa/inet.h>
#include <stdlib.h>

#define DOMAIN_MAX 253
#define LABEL_MAX  63

bool import_kind_of(struct str text, enum import_kind *ret)
{
    static const char *const names[IMPORT_KINDS] = { "text", "domain",   "hash",
                                                     "path", "filename", "address" };
    for (unsigned i = 0; i < IMPORT_KINDS; i++) {
        if (str_eqz(text, names[i])) {
            *ret = (enum import_kind)i;
            return true;
        }
    }
    return false;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_label_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

/* The host of an address of the web; other texts as they are. */
static struct str host_of(struct str s)
{
    ptrdiff_t scheme = str_find(s, STR("://"));
    if (scheme < 0) {
        return s;
    }
    s = str_from_offset(s, (size_t)scheme + 3);
    for (size_t i = 0; i < s.n; i++) {
        if (strchr("/?#", s.p[i])) {
            s = str_first(s, i);
        }
    }
    ptrdiff_t user = str_find_last(s, '@');
    s = user >= 0 ? str_from_offset(s, (size_t)user + 1) : s;
    ptrdiff_t port = str_find_last(s, ':');
    return port >= 0 ? str_first(s, (size_t)port) : s;
}

static const char *domain(struct str s, struct buf *buf)
{
    size_t label = 0, labels = 0;
    s = host_of(s);
    s = str_starts(s, STR("*.")) ? str_from_offset(s, 1) : s;
    s = str_starts(s, STR(".")) ? str_from_offset(s, 1) : s;
    s = str_ends(s, STR(".")) ? str_first(s, s.n - 1) : s;
    if (s.n == 0 || s.n > DOMAIN_MAX) {
        return "no name of a domain";
    }
    buf_putc(buf, '.');
    for (size_t i = 0; i < s.n; i++) {
        char c = lower(s.p[i]);
        if ((unsigned char)c >= 0x80) {
            return "a domain must be written in ASCII (punycode)";
        }
        if (c == '.' ? label == 0 : !is_label_byte(c)) {
            return "no name of a domain";
        }
        label = c == '.' ? 0 : label + 1;
        labels += c == '.';
        if (label > LABEL_MAX) {
            return "a part of the domain is longer than 63 bytes";
        }
        buf_putc(buf, c);
    }
    return label == 0 ? "no name of a domain" : labels > 0 ? NULL : "a domain needs a dot";
}

static const char *hash(struct str s, struct buf *buf)
{
    if (s.n != 32 && s.n != 40 && s.n != 64) {
        return "a hash has 32, 40 or 64 hexadecimal digits";
    }
    for (size_t i = 0; i < s.n; i++) {
        char c = lower(s.p[i]);
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'))) {
            return "a hash has hexadecimal digits only";
        }
        buf_putc(buf, c);
    }
    return NULL;
}

static const char *path(struct str s, struct buf *buf)
{
    if (s.n == 0 || s.p[0] != '/') {
        return "a path begins with a slash";
    }
    for (size_t at = 0; at < s.n;) {
        struct str rest = str_from_offset(s, at + 1);
        ptrdiff_t end = str_find_char(rest, '/');
        struct str part = str_first(rest, end < 0 ? rest.n : (size_t)end);
        if (str_eqz(part, "..")) {
            return "a path has no `..`";
        }
        if (part.n > 0 && !str_eqz(part, ".")) {
            buf_putc(buf, '/');
            buf_puts(buf, part);
        }
        at += part.n + 1;
    }
    if (buf->n == 0) {
        buf_putc(buf, '/');
    }
    return NULL;
}

static const char *filename(struct str s, struct buf *buf)
{
    ptrdiff_t slash = str_find_last(s, '/');
    s = slash >= 0 ? str_from_offset(s, (size_t)slash + 1) : s;
    buf_puts(buf, s);
    return s.n > 0 && !str_eqz(s, ".") && !str_eqz(s, "..") ? NULL : "no name of a file";
}

/* "10.0.0.0/8", "::1" */
static const char *address(struct str s, struct buf *buf)
{
    char text[INET6_ADDRSTRLEN], out[INET6_ADDRSTRLEN];
    unsigned char bytes[16];
    ptrdiff_t slash = str_find_char(s, '/');
    struct str bits = slash >= 0 ? str_from_offset(s, (size_t)slash + 1) : STR("");
    struct str host = slash >= 0 ? str_first(s, (size_t)slash) : s;
    if (host.n == 0 || host.n >= sizeof(text)) {
        return "no address";
    }
    memcpy(text, host.p, host.n);
    text[host.n] = '\0';
    int family = str_find_char(host, ':') >= 0 ? AF_INET6 : AF_INET;
    if (inet_pton(family, text, bytes) != 1 || !inet_ntop(family, bytes, out, sizeof(out))) {
        return "no address";
    }
    buf_putz(buf, out);
    if (slash >= 0) {
        unsigned n = 0;
        for (size_t i = 0; i < bits.n; i++) {
            n = bits.p[i] >= '0' && bits.p[i] <= '9' && i < 3 ? n * 10 + (unsigned)(bits.p[i] - '0')
                                                              : 1000;
        }
        if (bits.n == 0 || n > (family == AF_INET6 ? 128U : 32U)) {
            return "no network";
        }
        buf_printf(buf, "/%u", n);
    }
    return NULL;
}

static const char *text(struct str s, struct buf *buf)
{
    buf_puts(buf, s);
    return NULL;
}

const char *import_normalise(enum import_kind kind, struct str item, struct buf *buf)
{
    static const char *(*const forms[IMPORT_KINDS])(
        struct str, struct buf *) = { text, domain, hash, path, filename, address };
    buf_clear(buf);
    if (item.n == 0) {
        return "empty";
    }
    if (item.n > IMPORT_ITEM_MAX) {
        return "longer than 4096 bytes";
    }
    if (!str_is_utf8(item)) {
        return "not UTF-8";
    }
    for (size_t i = 0; i < item.n; i++) {
        unsigned char c = (unsigned char)item.p[i];
        if (c < ' ' || c == 0x7f) {
            return "control characters";
        }
    }
    const char *why = forms[kind](item, buf);
    return why ? why : buf->failed ? "longer than 4096 bytes" : NULL;
}
