/*
 * make_event: builds events for tests, encoded as captures carry them.
 *
 *     struct event *e = make_event(KIND_OPEN_X, tid, ts, "qswww", 3L, "/etc/passwd", 1, 0, 5);
 *
 * One letter a parameter: b u8, h u16, w u32, q 64 bits, s text with its NUL, B bytes (pointer,
 * size_t), e empty, A address (text of the IP or NULL for a Unix one, port or path), T tuple of two
 * IPs (text, port, text, port), U Unix tuple (u64, u64, path). The event is one of a few static
 * ones, reused in turn.
 */
#pragma once

#include "event/event.h"

#include <arpa/inet.h>
#include <stdarg.h>
#include <stdlib.h>

#define MADE_EVENTS    8
#define MADE_BYTES_MAX 131072

static inline void made_put(struct event *e, uint8_t *data, const void *p, size_t n)
{
    uint32_t *end = &e->at[e->nparams];
    if (*end + n > MADE_BYTES_MAX) {
        abort();
    }
    if (n) {
        memcpy(data + *end, p, n);
    }
    *end += (uint32_t)n;
}

static inline void made_ip(struct event *e, uint8_t *data, const char *ip, unsigned port)
{
    uint8_t bytes[16];
    uint16_t p = (uint16_t)port;
    bool is_6 = strchr(ip, ':') != NULL;
    if (inet_pton(is_6 ? AF_INET6 : AF_INET, ip, bytes) != 1) {
        abort();
    }
    made_put(e, data, bytes, is_6 ? 16 : 4);
    made_put(e, data, &p, sizeof(p));
}

static inline void made_family(struct event *e, uint8_t *data, const char *ip)
{
    uint8_t family = !ip ? 1 : strchr(ip, ':') ? 10 : 2;
    made_put(e, data, &family, 1);
}

static inline void made_socket(struct event *e, uint8_t *data, char letter, va_list *args)
{
    if (letter == 'U') {
        uint64_t ends[2] = { va_arg(*args, uint64_t), va_arg(*args, uint64_t) };
        const char *path = va_arg(*args, const char *);
        made_family(e, data, NULL);
        made_put(e, data, ends, sizeof(ends));
        made_put(e, data, path, strlen(path) + 1);
        return;
    }
    const char *ip = va_arg(*args, const char *);
    made_family(e, data, ip);
    if (!ip) {
        const char *path = va_arg(*args, const char *);
        made_put(e, data, path, strlen(path) + 1);
        return;
    }
    made_ip(e, data, ip, va_arg(*args, unsigned));
    if (letter == 'T') {
        ip = va_arg(*args, const char *);
        made_ip(e, data, ip, va_arg(*args, unsigned));
    }
}

static inline void made_param(struct event *e, uint8_t *data, char letter, va_list *args)
{
    uint64_t v;
    const char *s;
    switch (letter) {
    case 'b':
    case 'h':
    case 'w':
        v = va_arg(*args, unsigned);
        made_put(e, data, &v, letter == 'b' ? 1 : letter == 'h' ? 2 : 4);
        break;
    case 'q':
        v = va_arg(*args, uint64_t);
        made_put(e, data, &v, 8);
        break;
    case 's':
        s = va_arg(*args, const char *);
        made_put(e, data, s, strlen(s) + 1);
        break;
    case 'B':
        s = va_arg(*args, const char *);
        made_put(e, data, s, va_arg(*args, size_t));
        break;
    case 'A':
    case 'T':
    case 'U':
        made_socket(e, data, letter, args);
        break;
    case 'e':
        break;
    default:
        abort();
    }
}

static inline struct event *make_event(uint16_t kind, int64_t tid, uint64_t ts_ns,
                                       const char *format, ...)
{
    static struct event events[MADE_EVENTS];
    static uint8_t data[MADE_EVENTS][MADE_BYTES_MAX];
    static unsigned next;
    static uint64_t num;
    unsigned i = next++ % MADE_EVENTS;
    struct event *e = &events[i];
    *e = (struct event){ .ts_ns = ts_ns,
                         .num = ++num,
                         .tid = tid,
                         .kind = kind,
                         .name = kind_table[kind].name_id,
                         .exact = true,
                         .data = data[i] };
    va_list args;
    va_start(args, format);
    for (const char *letter = format; *letter; letter++) {
        e->at[e->nparams + 1] = e->at[e->nparams];
        e->nparams++;
        made_param(e, data[i], *letter, &args);
    }
    va_end(args);
    return e;
}
