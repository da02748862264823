/*
 * sockaddr: from bytes to addresses, and from addresses to text.
 *
 * Shape: parsing checks family and length in one place; texts are made from what was parsed. Two
 * IPv6 addresses that both are mapped IPv4 ones are printed, and by those who ask for it stored, as
 * IPv4.
 *
 * Invariant: of bytes no more is read than there is; a path ends at the first NUL or with the
 * bytes.
 */
#include "event/sockaddr.h"

#include "event/text.h"

#include <arpa/inet.h>
#include <errno.h>

#define IPV4_BYTES       4
#define IPV6_BYTES       16
#define PORT_BYTES       2
#define UNIX_TUPLE_BYTES 17 /* family and two addresses: the path follows */

static uint16_t read_port(const char *p)
{
    uint16_t port;
    memcpy(&port, p, sizeof(port));
    return port;
}

/* Reads address and port at p; returns what follows. */
static const char *read_endpoint(const char *p, bool v6, struct ip *ret_ip, uint16_t *ret_port)
{
    size_t n = v6 ? IPV6_BYTES : IPV4_BYTES;
    *ret_ip = (struct ip){ .family = v6 ? 6 : 4 };
    memcpy(ret_ip->bytes, p, n);
    *ret_port = read_port(p + n);
    return p + n + PORT_BYTES;
}

static bool is_inet(uint8_t family)
{
    return family == FAMILY_INET || family == FAMILY_INET6;
}

static size_t endpoint_bytes(uint8_t family)
{
    return (family == FAMILY_INET6 ? IPV6_BYTES : IPV4_BYTES) + PORT_BYTES;
}

int sockaddr_parse(struct str bytes, struct sock_address *ret)
{
    if (bytes.n == 0) {
        return -ENODATA;
    }
    struct sock_address a = { .family = (uint8_t)bytes.p[0] };
    int code = 0;
    if (a.family == FAMILY_UNIX) {
        a.path = str_until_nul(bytes.p + 1, bytes.n - 1);
    } else if (!is_inet(a.family)) {
        code = -EAFNOSUPPORT;
    } else if (bytes.n != 1 + endpoint_bytes(a.family)) {
        code = -EINVAL;
    } else {
        read_endpoint(bytes.p + 1, a.family == FAMILY_INET6, &a.ip, &a.port);
    }
    *ret = a;
    return code;
}

static int parse_unix_tuple(struct str bytes, struct sock_tuple *t)
{
    if (bytes.n < UNIX_TUPLE_BYTES) {
        return -EINVAL;
    }
    memcpy(&t->unix_source, bytes.p + 1, sizeof(t->unix_source));
    memcpy(&t->unix_dest, bytes.p + 9, sizeof(t->unix_dest));
    t->path = str_until_nul(bytes.p + UNIX_TUPLE_BYTES, bytes.n - UNIX_TUPLE_BYTES);
    return 0;
}

int socktuple_parse(struct str bytes, struct sock_tuple *ret)
{
    if (bytes.n == 0) {
        return -ENODATA;
    }
    struct sock_tuple t = { .family = (uint8_t)bytes.p[0] };
    int code = 0;
    if (t.family == FAMILY_UNIX) {
        code = parse_unix_tuple(bytes, &t);
    } else if (!is_inet(t.family)) {
        code = -EAFNOSUPPORT;
    } else if (bytes.n != 1 + 2 * endpoint_bytes(t.family)) {
        code = -EINVAL;
    } else {
        bool v6 = t.family == FAMILY_INET6;
        const char *next = read_endpoint(bytes.p + 1, v6, &t.sip, &t.sport);
        read_endpoint(next, v6, &t.dip, &t.dport);
    }
    *ret = t;
    return code;
}

bool ip_is_mapped(const struct ip *ip)
{
    static const uint8_t prefix[12] = { [10] = 0xff, [11] = 0xff };
    return ip->family == 6 && memcmp(ip->bytes, prefix, sizeof(prefix)) == 0;
}

struct ip ip_unmapped(const struct ip *ip)
{
    if (!ip_is_mapped(ip)) {
        return *ip;
    }
    struct ip v4 = { .family = 4 };
    memcpy(v4.bytes, ip->bytes + 12, IPV4_BYTES);
    return v4;
}

void socktuple_unmap(struct sock_tuple *tuple)
{
    if (tuple->family == FAMILY_INET6 && ip_is_mapped(&tuple->sip) && ip_is_mapped(&tuple->dip)) {
        tuple->sip = ip_unmapped(&tuple->sip);
        tuple->dip = ip_unmapped(&tuple->dip);
        tuple->family = FAMILY_INET;
    }
}

void ip_text(struct buf *buf, const struct ip *ip)
{
    char text[INET6_ADDRSTRLEN];
    if (ip->family == 4) {
        for (unsigned i = 0; i < IPV4_BYTES; i++) {
            if (i > 0) {
                buf_putc(buf, '.');
            }
            buf_u64(buf, ip->bytes[i]);
        }
    } else if (ip->family == 6 && inet_ntop(AF_INET6, ip->bytes, text, sizeof(text))) {
        buf_putz(buf, text);
    }
}

void endpoint_text(struct buf *buf, const struct ip *ip, uint16_t port)
{
    ip_text(buf, ip);
    buf_putc(buf, ':');
    buf_u64(buf, port);
}

static void put_no_address(struct buf *buf, int code, uint8_t family)
{
    if (code == -ENODATA) {
        buf_puts(buf, STR("NULL"));
    } else if (family == FAMILY_INET) {
        buf_puts(buf, STR("INVALID IPv4"));
    } else if (family == FAMILY_INET6) {
        buf_puts(buf, STR("INVALID IPv6"));
    } else {
        buf_puts(buf, STR("family "));
        buf_u64(buf, family);
    }
}

void sockaddr_text(struct buf *buf, struct str bytes)
{
    struct sock_address a = { 0 };
    int code = sockaddr_parse(bytes, &a);
    if (code < 0) {
        put_no_address(buf, code, a.family);
    } else if (a.family == FAMILY_UNIX) {
        text_printable(buf, a.path);
    } else {
        endpoint_text(buf, &a.ip, a.port);
    }
}

void tuple_text(struct buf *buf, const struct sock_tuple *tuple)
{
    struct sock_tuple t = *tuple;
    socktuple_unmap(&t);
    if (t.family == FAMILY_UNIX) {
        buf_hex(buf, t.unix_source);
        buf_puts(buf, STR("->"));
        buf_hex(buf, t.unix_dest);
        buf_putc(buf, ' ');
        text_printable(buf, t.path);
        return;
    }
    endpoint_text(buf, &t.sip, t.sport);
    buf_puts(buf, STR("->"));
    endpoint_text(buf, &t.dip, t.dport);
}

void socktuple_text(struct buf *buf, struct str bytes)
{
    struct sock_tuple t = { 0 };
    int code = socktuple_parse(bytes, &t);
    if (code < 0) {
        put_no_address(buf, code, t.family);
    } else {
        tuple_text(buf, &t);
    }
}
