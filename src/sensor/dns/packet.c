/*
 * packet: IP, then UDP or TCP; lengths in headers only ever shorten what there is.
 */
#include "sensor/dns/packet.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#define IPV4_HEADER 20
#define IPV6_HEADER 40
#define UDP_HEADER  8
#define TCP_HEADER  20
#define MORE        0x2000 /* of IPv4's fragment word */
#define OFFSET      0x1fff
#define V6_MORE     0x0001 /* of the fragment header's */
#define V6_OFFSET   0xfff8

static uint16_t get16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static uint32_t get32(const uint8_t *p)
{
    return (uint32_t)get16(p) << 16 | get16(p + 2);
}

/* What follows the IP header: p and n moved to the transport's. */
struct rest {
    const uint8_t *p;
    size_t n;
};

static void shorten(struct rest *rest, size_t length, struct packet *ret)
{
    ret->cut |= length > rest->n;
    rest->n = length < rest->n ? length : rest->n;
}

static int ipv4(struct rest *rest, struct packet *ret)
{
    const uint8_t *p = rest->p;
    size_t header = (size_t)(p[0] & 0xf) * 4;
    if (rest->n < IPV4_HEADER || header < IPV4_HEADER || header > rest->n) {
        return -EBADMSG;
    }
    size_t total = get16(p + 2);
    uint16_t fragment = get16(p + 6);
    if (fragment & OFFSET) {
        return -EAGAIN;
    }
    ret->fragment = fragment & MORE;
    ret->proto = p[9];
    ret->source.family = ret->dest.family = 4;
    memcpy(ret->source.bytes, p + 12, 4);
    memcpy(ret->dest.bytes, p + 16, 4);
    if (total >= header) { /* 0: segmented later by the device */
        shorten(rest, total, ret);
    } else if (total > 0) {
        return -EBADMSG;
    }
    rest->p += header;
    rest->n -= header;
    return 0;
}

static bool is_extension(uint8_t next)
{
    return next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_DSTOPTS ||
           next == IPPROTO_FRAGMENT;
}

static int ipv6_extensions(struct rest *rest, uint8_t next, struct packet *ret)
{
    for (unsigned i = 0; is_extension(next); i++) {
        if (i == PACKET_HEADERS_MAX || rest->n < 8) {
            return -EBADMSG;
        }
        size_t length = next == IPPROTO_FRAGMENT ? 8 : ((size_t)rest->p[1] + 1) * 8;
        if (length > rest->n) {
            return -EBADMSG;
        }
        if (next == IPPROTO_FRAGMENT) {
            uint16_t fragment = get16(rest->p + 2);
            if (fragment & V6_OFFSET) {
                return -EAGAIN;
            }
            ret->fragment |= (fragment & V6_MORE) != 0;
        }
        next = rest->p[0];
        rest->p += length;
        rest->n -= length;
    }
    ret->proto = next;
    return 0;
}

static int ipv6(struct rest *rest, struct packet *ret)
{
    const uint8_t *p = rest->p;
    if (rest->n < IPV6_HEADER) {
        return -EBADMSG;
    }
    size_t length = get16(p + 4);
    ret->source.family = ret->dest.family = 6;
    memcpy(ret->source.bytes, p + 8, 16);
    memcpy(ret->dest.bytes, p + 24, 16);
    rest->p += IPV6_HEADER;
    rest->n -= IPV6_HEADER;
    if (length > 0) { /* 0: a jumbogram, or segmented later */
        shorten(rest, length, ret);
    }
    return ipv6_extensions(rest, p[6], ret);
}

static int udp(struct rest *rest, struct packet *ret)
{
    if (rest->n < UDP_HEADER) {
        return -EBADMSG;
    }
    size_t length = get16(rest->p + 4);
    if (length > 0 && length < UDP_HEADER) {
        return -EBADMSG;
    }
    if (length > 0) {
        shorten(rest, length, ret);
    }
    ret->payload = rest->p + UDP_HEADER;
    ret->payload_n = rest->n - UDP_HEADER;
    return 0;
}

static int tcp(struct rest *rest, struct packet *ret)
{
    size_t header = rest->n < TCP_HEADER ? 0 : (size_t)(rest->p[12] >> 4) * 4;
    if (header < TCP_HEADER || header > rest->n) {
        return -EBADMSG;
    }
    ret->seq = get32(rest->p + 4);
    ret->flags = rest->p[13];
    ret->payload = rest->p + header;
    ret->payload_n = rest->n - header;
    return 0;
}

int packet_parse(const uint8_t *p, size_t n, struct packet *ret)
{
    struct rest rest = { p, n };
    struct packet packet = { 0 };
    if (n < IPV4_HEADER) {
        return -EBADMSG;
    }
    int r = p[0] >> 4 == 4   ? ipv4(&rest, &packet)
            : p[0] >> 4 == 6 ? ipv6(&rest, &packet)
                             : -EBADMSG;
    if (r < 0) {
        return r;
    }
    if (packet.proto != IPPROTO_UDP && packet.proto != IPPROTO_TCP) {
        return -EPROTONOSUPPORT;
    }
    r = packet.proto == IPPROTO_UDP ? udp(&rest, &packet) : tcp(&rest, &packet);
    if (r == 0) {
        packet.sport = get16(rest.p);
        packet.dport = get16(rest.p + 2);
        *ret = packet;
    }
    return r;
}
