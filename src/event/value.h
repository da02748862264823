/*
 * value: what a field yields and what a condition compares with.
 */
#pragma once

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* An address: family 4 (bytes 0..3 used) or 6, network order. 0: none. */
struct ip {
    uint8_t bytes[16];
    uint8_t family;
};

/* A network: addresses whose first prefix_bits equal those of ip. */
struct ipnet {
    struct ip ip;
    uint8_t prefix_bits;
};

/* The declared type of a field: decides the operators, the printing and the member of `struct value`. */
enum field_type {
    TYPE_CHARBUF, /* s; as C strings: never holds a NUL */
    TYPE_BYTEBUF, /* s; any bytes */
    TYPE_BOOL,    /* u: 0 or 1 */
    TYPE_INT16,   /* i */
    TYPE_INT32,   /* i */
    TYPE_INT64,   /* i */
    TYPE_UINT32,  /* u */
    TYPE_UINT64,  /* u */
    TYPE_RELTIME, /* u: ns */
    TYPE_ABSTIME, /* u: ns since 1970 */
    TYPE_PORT,    /* u: host order */
    TYPE_IPADDR,  /* ip */
    TYPE_IPNET, /* an address field compared with networks: the field yields ip, a constant is net */
    TYPE_DOUBLE, /* d */
    TYPE_DYN,    /* evt.rawarg: the type of the argument, in value.type */
    TYPE_COUNT,
};

struct value {
    enum field_type type; /* never TYPE_DYN */
    union {
        int64_t i;
        uint64_t u;
        double d;
        struct str s;
        struct ip ip;
        struct ipnet net;
    };
};

static inline bool type_is_signed(enum field_type type)
{
    return type == TYPE_INT16 || type == TYPE_INT32 || type == TYPE_INT64;
}

static inline bool type_is_unsigned(enum field_type type)
{
    return type == TYPE_UINT32 || type == TYPE_UINT64 || type == TYPE_RELTIME ||
           type == TYPE_ABSTIME || type == TYPE_PORT || type == TYPE_BOOL;
}
