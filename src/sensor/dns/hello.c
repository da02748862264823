/*
 * hello: record header, handshake header, then fields that say their own lengths, up to the extensions.
 *
 * Of a message that goes on in another segment, what is here is read; names usually are.
 */
#include "sensor/dns/hello.h"

#include <errno.h>

#define RECORD_HANDSHAKE   0x16
#define CLIENT_HELLO       1
#define EXTENSION_NAME     0
#define EXTENSION_ALPN     16
#define EXTENSION_VERSIONS 43
#define VERSION_AND_RANDOM 34

struct cursor {
    const uint8_t *p;
    size_t n;
    bool cut;
};

/* A number of so many bytes off the front; 0 and cut where they are not there. */
static size_t number(struct cursor *c, unsigned bytes)
{
    size_t v = 0;
    if (c->n < bytes) {
        c->cut = true;
        c->n = 0;
        return 0;
    }
    for (unsigned i = 0; i < bytes; i++) {
        v = v << 8 | c->p[i];
    }
    c->p += bytes;
    c->n -= bytes;
    return v;
}

/* A field with its length before it. */
static struct cursor field(struct cursor *c, unsigned bytes)
{
    size_t n = number(c, bytes);
    struct cursor f = { c->p, n, n > c->n };
    f.n = f.cut ? c->n : n;
    c->cut |= f.cut;
    c->p += f.n;
    c->n -= f.n;
    return f;
}

/* Only letters as they come in names; others escaped. */
static void server_name(struct cursor list, struct dns_message *m)
{
    struct cursor entry = field(&list, 2);
    size_t kind = number(&entry, 1);
    struct cursor name = field(&entry, 2);
    if (kind != 0 || name.cut || m->texts_n > 0 || name.n > 255) {
        return;
    }
    for (size_t i = 0; i < name.n; i++) {
        char *at = m->texts + m->texts_n;
        bool is_dot = name.p[i] == '.';
        unsigned n = is_dot ? 1 : dns_put_byte(name.p[i], true, at);
        *at = is_dot ? '.' : *at;
        m->texts_n = (uint16_t)(m->texts_n + n);
    }
    m->name_n = m->texts_n;
}

/* The extension may come before the name's: the protocols are read last. */
static void protocols(struct cursor extension, struct dns_message *m)
{
    struct cursor list = extension.n > 0 ? field(&extension, 2) : extension;
    while (list.n > 0) {
        struct cursor one = field(&list, 1);
        if (one.cut || m->texts_n + 4 * one.n + 1 > sizeof(m->texts)) {
            m->cut = true;
            return;
        }
        for (size_t i = 0; i < one.n; i++) {
            unsigned n = dns_put_byte(one.p[i], false, m->texts + m->texts_n);
            m->texts_n = (uint16_t)(m->texts_n + n);
        }
        m->texts[m->texts_n++] = '\0';
    }
}

static void versions(struct cursor extension, struct dns_message *m)
{
    struct cursor list = field(&extension, 1);
    while (list.n >= 2) {
        size_t v = number(&list, 2);
        bool grease = (v & 0x0f0f) == 0x0a0a;
        m->id = !grease && v > m->id ? (uint16_t)v : m->id;
    }
}

static void extensions(struct cursor all, struct dns_message *m)
{
    struct cursor alpn = { 0 };
    while (all.n > 0) {
        size_t kind = number(&all, 2);
        struct cursor extension = field(&all, 2);
        if (extension.cut && extension.n == 0) {
            break;
        }
        switch (kind) {
        case EXTENSION_NAME:
            server_name(extension, m);
            break;
        case EXTENSION_ALPN:
            alpn = extension;
            break;
        case EXTENSION_VERSIONS:
            versions(extension, m);
            break;
        default:
            break;
        }
    }
    protocols(alpn, m);
}

int hello_parse(const uint8_t *p, size_t n, struct dns_message *ret)
{
    struct cursor c = { p, n, false };
    struct dns_message *m = ret;
    memset(m, 0, offsetof(struct dns_message, texts));
    size_t type = number(&c, 1), major = number(&c, 1);
    number(&c, 1);
    struct cursor record = field(&c, 2);
    if (type != RECORD_HANDSHAKE || major != 3 || number(&record, 1) != CLIENT_HELLO) {
        return -EBADMSG;
    }
    struct cursor hello = field(&record, 3);
    if (hello.n < VERSION_AND_RANDOM) {
        return -EBADMSG;
    }
    m->id = (uint16_t)number(&hello, 2);
    hello.p += VERSION_AND_RANDOM - 2;
    hello.n -= VERSION_AND_RANDOM - 2;
    field(&hello, 1); /* session */
    field(&hello, 2); /* ciphers */
    field(&hello, 1); /* compressions */
    if (hello.cut) {
        return -EBADMSG;
    }
    extensions(field(&hello, 2), m);
    m->cut |= hello.cut || record.cut;
    return 0;
}
