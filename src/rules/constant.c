/*
 * constant: parsing of constants by type. Every bad input has its own message, worded as rule authors
 * know them from Falco.
 */
#include "rules/constant.h"

#include "event/kind.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>

#define NUMBER_TEXT_MAX 64 /* longer numbers cannot be right */

const char *type_text(enum field_type type)
{
    static const char *const names[TYPE_COUNT] = {
        [TYPE_CHARBUF] = "CHARBUF", [TYPE_BYTEBUF] = "BYTEBUF", [TYPE_BOOL] = "BOOL",
        [TYPE_INT16] = "INT16",     [TYPE_INT32] = "INT32",     [TYPE_INT64] = "INT64",
        [TYPE_UINT32] = "UINT32",   [TYPE_UINT64] = "UINT64",   [TYPE_RELTIME] = "RELTIME",
        [TYPE_ABSTIME] = "ABSTIME", [TYPE_PORT] = "PORT",       [TYPE_IPADDR] = "IPADDR",
        [TYPE_IPNET] = "IPNET",     [TYPE_DOUBLE] = "DOUBLE",   [TYPE_DYN] = "DYN",
    };
    return type < TYPE_COUNT && names[type] ? names[type] : "UNKNOWN";
}

static int not_a_number(struct str text, struct err *err)
{
    return err_set(err, -EINVAL, "%.*s is not a valid number", STR_ARG(str_first(text, 64)));
}

static int digit_of(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The magnitude and sign of a whole number. */
static int parse_integer(struct str text, bool *ret_negative, uint64_t *ret)
{
    struct str s = str_trim(text);
    bool negative = s.n && s.p[0] == '-';
    if (s.n && (s.p[0] == '-' || s.p[0] == '+')) {
        s = str_from_offset(s, 1);
    }
    unsigned base = 10;
    if (s.n > 2 && s.p[0] == '0' && (s.p[1] | 0x20) == 'x') {
        base = 16;
        s = str_from_offset(s, 2);
    }
    uint64_t v = 0;
    for (size_t i = 0; i < s.n; i++) {
        int digit = digit_of(s.p[i]);
        if (digit < 0 || (unsigned)digit >= base || __builtin_mul_overflow(v, base, &v) ||
            __builtin_add_overflow(v, (unsigned)digit, &v)) {
            return -EINVAL;
        }
    }
    *ret = v;
    *ret_negative = negative;
    return s.n ? 0 : -EINVAL;
}

static int parse_signed(struct str text, unsigned bits, struct value *ret, struct err *err)
{
    bool negative;
    uint64_t v;
    uint64_t limit = (UINT64_C(1) << (bits - 1)) - 1;
    if (parse_integer(text, &negative, &v) < 0 || v > limit + negative) {
        return not_a_number(text, err);
    }
    ret->i = negative ? (int64_t)(0 - v) : (int64_t)v;
    return 0;
}

static int parse_unsigned(struct str text, unsigned bits, struct value *ret, struct err *err)
{
    bool negative;
    uint64_t v;
    uint64_t limit = UINT64_MAX >> (64 - bits);
    if (parse_integer(text, &negative, &v) < 0 || v > limit) {
        return not_a_number(text, err);
    }
    ret->u = negative ? (0 - v) & limit : v;
    return 0;
}

static int parse_double(struct str text, struct value *ret, struct err *err)
{
    char z[NUMBER_TEXT_MAX];
    struct str s = str_trim(text);
    if (s.n == 0 || s.n >= sizeof(z)) {
        return not_a_number(text, err);
    }
    memcpy(z, s.p, s.n);
    z[s.n] = '\0';
    char *end;
    ret->d = strtod(z, &end);
    return *end || ret->d - ret->d != 0 ? not_a_number(text, err) : 0;
}

static int parse_port(struct str text, struct value *ret, struct err *err)
{
    bool negative = false;
    uint64_t v = 0;
    if (text.n == 0) {
        ret->u = 0;
        return 0;
    }
    if (parse_integer(text, &negative, &v) == 0) {
        if (negative || v > UINT16_MAX) {
            return not_a_number(text, err);
        }
        ret->u = v;
        return 0;
    }
    ret->u = service_port(text);
    if (!ret->u) {
        return err_set(err, -EINVAL, "unrecognized protocol %.*s", STR_ARG(str_first(text, 64)));
    }
    return 0;
}

static int parse_bool(struct str text, struct value *ret, struct err *err)
{
    if (str_eqz(text, "true") || str_eqz(text, "false")) {
        ret->u = text.p[0] == 't';
        return 0;
    }
    return err_set(err, -EINVAL, "filter error: unrecognized boolean value %.*s",
                   STR_ARG(str_first(text, 64)));
}

static int parse_ip(struct str text, struct ip *ret, struct err *err)
{
    char z[INET6_ADDRSTRLEN + 1];
    *ret = (struct ip){ .family = str_find_char(text, ':') >= 0 ? 6 : 4 };
    bool ok = text.n < sizeof(z);
    if (ok) {
        memcpy(z, text.p ? text.p : "", text.n);
        z[text.n] = '\0';
        ok = inet_pton(ret->family == 4 ? AF_INET : AF_INET6, z, ret->bytes) == 1;
    }
    if (!ok) {
        return err_set(err, -EINVAL, "unrecognized %s address %.*s",
                       ret->family == 4 ? "IPv4" : "IPv6", STR_ARG(str_first(text, 64)));
    }
    return 0;
}

static int parse_net(struct str text, struct ipnet *ret, struct err *err)
{
    ptrdiff_t slash = str_find_char(text, '/');
    if (slash < 0) {
        return err_set(err, -EINVAL, "unrecognized IP network %.*s", STR_ARG(str_first(text, 64)));
    }
    int r = parse_ip(str_first(text, (size_t)slash), &ret->ip, err);
    if (r < 0) {
        return r;
    }
    struct str mask = str_from_offset(text, (size_t)slash + 1);
    bool negative;
    uint64_t bits;
    if (parse_integer(mask, &negative, &bits) < 0 || negative ||
        bits > (ret->ip.family == 4 ? 32 : 128)) {
        return err_set(err, -EINVAL, "invalid netmask %.*s", STR_ARG(str_first(mask, 64)));
    }
    ret->prefix_bits = (uint8_t)bits;
    return 0;
}

int constant_parse(enum field_type type, struct str text, struct value *ret, struct err *err)
{
    struct value value = { .type = type };
    int r = 0;
    switch (type) {
    case TYPE_CHARBUF:
        value.s = str_until_nul(text.p, text.n);
        break;
    case TYPE_BYTEBUF:
        value.s = text;
        break;
    case TYPE_BOOL:
        r = parse_bool(text, &value, err);
        break;
    case TYPE_INT16:
        r = parse_signed(text, 16, &value, err);
        break;
    case TYPE_INT32:
        r = parse_signed(text, 32, &value, err);
        break;
    case TYPE_INT64:
        r = parse_signed(text, 64, &value, err);
        break;
    case TYPE_UINT32:
        r = parse_unsigned(text, 32, &value, err);
        break;
    case TYPE_UINT64:
    case TYPE_RELTIME:
    case TYPE_ABSTIME:
        r = parse_unsigned(text, 64, &value, err);
        break;
    case TYPE_PORT:
        r = parse_port(text, &value, err);
        break;
    case TYPE_IPADDR:
        r = parse_ip(text, &value.ip, err);
        break;
    case TYPE_IPNET:
        r = parse_net(text, &value.net, err);
        break;
    case TYPE_DOUBLE:
        r = parse_double(text, &value, err);
        break;
    default:
        r = err_set(err, -EINVAL, "wrong parameter type %s", type_text(type));
        break;
    }
    if (r == 0) {
        *ret = value;
    }
    return r;
}

int constant_unhex(struct arena *arena, struct str text, struct str *ret, struct err *err)
{
    char *bytes = arena_bytes(arena, text.n / 2 + 1);
    if (!bytes) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < text.n; i += 2) {
        int high = digit_of(text.p[i]);
        int low = i + 1 < text.n ? digit_of(text.p[i + 1]) : -1;
        if (high < 0 || low < 0) {
            return err_set(err, -EINVAL,
                           "filter error: bcontains and bstartswith operator support "
                           "hex strings only");
        }
        bytes[i / 2] = (char)(high << 4 | low);
    }
    *ret = str_from(bytes, text.n / 2);
    return 0;
}
