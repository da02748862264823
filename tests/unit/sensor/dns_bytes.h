/*
 * dns_bytes: DNS messages and packets built byte by byte, for tests of their parsers.
 */
#pragma once

#include "test.h"

#include "sensor/dns/report.h"

#include <netinet/in.h>
#include <string.h>

#define BYTES_MAX 70000

struct bytes {
    size_t n;
    uint8_t p[BYTES_MAX];
};

static inline void put8(struct bytes *b, unsigned v)
{
    assert_true(b->n < BYTES_MAX);
    b->p[b->n++] = (uint8_t)v;
}

static inline void put16(struct bytes *b, unsigned v)
{
    put8(b, v >> 8);
    put8(b, v & 0xff);
}

static inline void put32(struct bytes *b, uint32_t v)
{
    put16(b, v >> 16);
    put16(b, v & 0xffff);
}

static inline void put_bytes(struct bytes *b, const void *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        put8(b, ((const uint8_t *)p)[i]);
    }
}

/* "a.b" as labels; "" is the root. */
static inline void put_name(struct bytes *b, const char *name)
{
    while (*name) {
        size_t n = strcspn(name, ".");
        put8(b, (unsigned)n);
        put_bytes(b, name, n);
        name += n + (name[n] == '.');
    }
    put8(b, 0);
}

static inline void put_header(struct bytes *b, unsigned flags, unsigned answers)
{
    put16(b, 0x1234);
    put16(b, flags);
    put16(b, 1);
    put16(b, answers);
    put16(b, 0);
    put16(b, 0);
}

static inline void put_question(struct bytes *b, const char *name, unsigned type)
{
    put_name(b, name);
    put16(b, type);
    put16(b, 1);
}

static inline void put_record(struct bytes *b, const char *owner, unsigned type, const void *p,
                              size_t n)
{
    put_name(b, owner);
    put16(b, type);
    put16(b, 1);
    put32(b, 60);
    put16(b, (unsigned)n);
    put_bytes(b, p, n);
}

static inline void put_name_record(struct bytes *b, const char *owner, unsigned type,
                                   const char *name)
{
    struct bytes *data = calloc(1, sizeof(*data));
    put_name(data, name);
    put_record(b, owner, type, data->p, data->n);
    free(data);
}

static inline void put_udp4(struct bytes *b, unsigned sport, unsigned dport,
                            const struct bytes *payload)
{
    static const uint8_t addresses[8] = { 10, 0, 0, 1, 10, 0, 0, 2 };
    put16(b, 0x4500);
    put16(b, (unsigned)(28 + payload->n));
    put32(b, 0);
    put16(b, 0x4011);
    put16(b, 0);
    put_bytes(b, addresses, 8);
    put16(b, sport);
    put16(b, dport);
    put16(b, (unsigned)(8 + payload->n));
    put16(b, 0);
    put_bytes(b, payload->p, payload->n);
}
