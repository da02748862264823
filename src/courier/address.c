/*
 * address: kinds of addresses, from the registries of special-purpose addresses (RFC 6890 and what came after).
 *
 * The tables are looked through in order, the first that fits counts; what is in none is public. IPv6 addresses that
 * carry one of IPv4 (mapped, compatible, NAT64, 6to4) are judged by that one, since that is where packets end.
 */
#include "courier/address.h"

#include <arpa/inet.h>
#include <stdio.h>

struct range4 {
    uint32_t base;
    unsigned bits;
    enum address_kind kind;
};

struct range6 {
    uint8_t base[16];
    unsigned bits;
    enum address_kind kind;
};

#define V4(a, b, c, d)                                                                             \
    ((uint32_t)(a) << 24 | (uint32_t)(b) << 16 | (uint32_t)(c) << 8 | (uint32_t)(d))

static const struct range4 ranges4[] = {
    { V4(169, 254, 170, 2), 32, ADDRESS_CREDENTIALS },
    { V4(169, 254, 170, 23), 32, ADDRESS_CREDENTIALS },
    { V4(169, 254, 0, 0), 16, ADDRESS_NEVER },
    { V4(0, 0, 0, 0), 8, ADDRESS_NEVER },
    { V4(100, 100, 100, 200), 32, ADDRESS_NEVER }, /* metadata */
    { V4(168, 63, 129, 16), 32, ADDRESS_NEVER },   /* metadata */
    { V4(192, 0, 0, 0), 24, ADDRESS_NEVER },
    { V4(224, 0, 0, 0), 4, ADDRESS_NEVER },
    { V4(240, 0, 0, 0), 4, ADDRESS_NEVER },
    { V4(127, 0, 0, 0), 8, ADDRESS_LOOPBACK },
    { V4(10, 0, 0, 0), 8, ADDRESS_PRIVATE },
    { V4(172, 16, 0, 0), 12, ADDRESS_PRIVATE },
    { V4(192, 168, 0, 0), 16, ADDRESS_PRIVATE },
    { V4(100, 64, 0, 0), 10, ADDRESS_PRIVATE },
    { V4(198, 18, 0, 0), 15, ADDRESS_PRIVATE },
    { V4(192, 0, 2, 0), 24, ADDRESS_PRIVATE },
    { V4(198, 51, 100, 0), 24, ADDRESS_PRIVATE },
    { V4(203, 0, 113, 0), 24, ADDRESS_PRIVATE },
};

static const struct range6 ranges6[] = {
    { { 0xfd, 0, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x23 }, 128, ADDRESS_CREDENTIALS },
    { { 0xfd, 0, 0x0e, 0xc2 }, 32, ADDRESS_NEVER }, /* metadata */
    { { 0xfd, 0x20, 0, 0xce }, 32, ADDRESS_NEVER }, /* metadata */
    { { 0xfd, 0, 0xc1, 0x11 }, 32, ADDRESS_NEVER }, /* metadata */
    { { 0xfe, 0x80 }, 10, ADDRESS_NEVER },
    { { 0xff }, 8, ADDRESS_NEVER },
    { { 0 }, 128, ADDRESS_NEVER },
    { { 0x20, 0x01 }, 32, ADDRESS_NEVER }, /* Teredo */
    { { 0x01 }, 64, ADDRESS_NEVER },       /* discarded */
    { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 }, 128, ADDRESS_LOOPBACK },
    { { 0xfc }, 7, ADDRESS_PRIVATE },
    { { 0xfe, 0xc0 }, 10, ADDRESS_PRIVATE },
    { { 0x20, 0x01, 0x0d, 0xb8 }, 32, ADDRESS_PRIVATE },
};

/* Where an IPv4 address is within. */
static const struct carrier {
    struct range6 range;
    unsigned at;
} carriers[] = {
    { { { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff }, 96, ADDRESS_NEVER }, 12 },
    { { { 0 }, 96, ADDRESS_NEVER }, 12 },
    { { { 0, 0x64, 0xff, 0x9b }, 96, ADDRESS_NEVER }, 12 },
    { { { 0, 0x64, 0xff, 0x9b, 0, 1 }, 48, ADDRESS_NEVER }, 12 },
    { { { 0x20, 0x02 }, 16, ADDRESS_NEVER }, 2 },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static bool same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;
    uint8_t mask = (uint8_t)(0xff << (8 - rest));
    return memcmp(a, b, whole) == 0 && (rest == 0 || ((a[whole] ^ b[whole]) & mask) == 0);
}

static enum address_kind kind4(uint32_t address)
{
    for (size_t i = 0; i < COUNT(ranges4); i++) {
        if ((address ^ ranges4[i].base) >> (32 - ranges4[i].bits) == 0) {
            return ranges4[i].kind;
        }
    }
    return ADDRESS_PUBLIC;
}

static enum address_kind kind6(const uint8_t a[16])
{
    for (size_t i = 0; i < COUNT(ranges6); i++) {
        if (same_bits(a, ranges6[i].base, ranges6[i].bits)) {
            return ranges6[i].kind;
        }
    }
    for (size_t i = 0; i < COUNT(carriers); i++) {
        const uint8_t *v4 = a + carriers[i].at;
        if (same_bits(a, carriers[i].range.base, carriers[i].range.bits)) {
            return kind4(V4(v4[0], v4[1], v4[2], v4[3]));
        }
    }
    return ADDRESS_PUBLIC;
}

enum address_kind address_kind_of(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        return kind4(ntohl(((const struct sockaddr_in *)(const void *)address)->sin_addr.s_addr));
    }
    return address->sa_family == AF_INET6
               ? kind6(((const struct sockaddr_in6 *)(const void *)address)->sin6_addr.s6_addr)
               : ADDRESS_NEVER;
}

/* Decimal, without signs and blanks. */
static bool parse_bits(struct str text, unsigned most, unsigned *ret)
{
    unsigned n = 0;
    for (size_t i = 0; i < text.n && text.n <= 3; i++) {
        if (text.p[i] < '0' || text.p[i] > '9') {
            return false;
        }
        n = n * 10 + (unsigned)(text.p[i] - '0');
    }
    *ret = n;
    return text.n > 0 && text.n <= 3 && n <= most;
}

static void map_v4(const struct in_addr *v4, struct in6_addr *ret)
{
    memset(ret, 0, sizeof(*ret));
    ret->s6_addr[10] = ret->s6_addr[11] = 0xff;
    memcpy(ret->s6_addr + 12, v4, sizeof(*v4));
}

bool address_network_parse(struct str text, struct address_network *ret)
{
    char name[INET6_ADDRSTRLEN];
    struct in_addr v4;
    ptrdiff_t slash = str_find_char(text, '/');
    struct str address = slash < 0 ? text : str_first(text, (size_t)slash);
    if (address.n >= sizeof(name)) {
        return false;
    }
    memcpy(name, address.n ? address.p : "", address.n);
    name[address.n] = '\0';
    bool is_v4 = inet_pton(AF_INET, name, &v4) == 1;
    if (is_v4) {
        map_v4(&v4, &ret->base);
    } else if (inet_pton(AF_INET6, name, &ret->base) != 1) {
        return false;
    }
    unsigned most = is_v4 ? 32 : 128, bits = most;
    if (slash >= 0 && !parse_bits(str_from_offset(text, (size_t)slash + 1), most, &bits)) {
        return false;
    }
    ret->bits = bits + (is_v4 ? 96 : 0);
    return true;
}

bool address_is_within(const struct sockaddr *address, const struct address_network *network)
{
    struct in6_addr mapped;
    if (address->sa_family == AF_INET) {
        map_v4(&((const struct sockaddr_in *)(const void *)address)->sin_addr, &mapped);
    } else if (address->sa_family == AF_INET6) {
        mapped = ((const struct sockaddr_in6 *)(const void *)address)->sin6_addr;
    } else {
        return false;
    }
    return same_bits(mapped.s6_addr, network->base.s6_addr, network->bits);
}

bool courier_network_is_good(const char *text)
{
    struct address_network ignored;
    return address_network_parse(str_of(text), &ignored);
}

void address_put(const struct sockaddr *address, char *ret, size_t size)
{
    char name[INET6_ADDRSTRLEN] = "?";
    if (address->sa_family == AF_INET) {
        const struct sockaddr_in *v4 = (const void *)address;
        inet_ntop(AF_INET, &v4->sin_addr, name, sizeof(name));
        snprintf(ret, size, "%s:%u", name, ntohs(v4->sin_port));
    } else if (address->sa_family == AF_INET6) {
        const struct sockaddr_in6 *v6 = (const void *)address;
        inet_ntop(AF_INET6, &v6->sin6_addr, name, sizeof(name));
        snprintf(ret, size, "[%s]:%u", name, ntohs(v6->sin6_port));
    } else {
        snprintf(ret, size, "?");
    }
}
