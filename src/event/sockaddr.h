/*
 * sockaddr: socket addresses and connections as parameters carry them, and their texts.
 *
 * PARAM_SOCKADDR is a family byte, then: 4 or 16 bytes of address (network order) and a port (u16,
 * host order), or a path. PARAM_SOCKTUPLE is a family byte, then source and destination; of a unix
 * socket two kernel addresses (u64) and a path. Bytes come from captures: nothing about them is
 * trusted.
 */
#pragma once

#include "base/buf.h"
#include "base/str.h"
#include "event/value.h"

#include <stdbool.h>
#include <stdint.h>

/* Families as the format numbers them (Linux's). */
enum {
    FAMILY_UNSPEC = 0,
    FAMILY_UNIX = 1,
    FAMILY_INET = 2,
    FAMILY_INET6 = 10,
    FAMILY_NETLINK = 16
};

struct sock_address {
    uint8_t family;
    uint16_t port;
    struct ip ip;    /* INET, INET6 */
    struct str path; /* UNIX; borrowed from the bytes, without a NUL */
};

struct sock_tuple {
    uint8_t family;
    uint16_t sport, dport;
    struct ip sip, dip;              /* source, destination */
    uint64_t unix_source, unix_dest; /* UNIX: addresses in the kernel */
    struct str path;                 /* UNIX; borrowed */
};

/*
 * 0; -ENODATA: no bytes; -EINVAL: not of the length its family needs; -EAFNOSUPPORT: another
 * family. The last two set ret->family, so that the text functions can say so.
 */
int sockaddr_parse(struct str bytes, struct sock_address *ret);
int socktuple_parse(struct str bytes, struct sock_tuple *ret);

/* Is it an IPv4 address in IPv6's clothes (::ffff:a.b.c.d)? */
bool ip_is_mapped(const struct ip *ip);
/* The IPv4 address of a mapped one; any other as it is. */
struct ip ip_unmapped(const struct ip *ip);
/* Makes a tuple of two mapped addresses one of family INET. */
void socktuple_unmap(struct sock_tuple *tuple);

/* "10.0.0.1", "fe80::1"; nothing for family 0. */
void ip_text(struct buf *buf, const struct ip *ip);
/* "10.0.0.1:80", "fe80::1:80" (no brackets, as in rules). */
void endpoint_text(struct buf *buf, const struct ip *ip, uint16_t port);
/* The text of the parameter: "10.0.0.1:80", a path, "INVALID IPv4", "family 16"; "NULL" when empty.
 */
void sockaddr_text(struct buf *buf, struct str bytes);
/* "10.0.0.1:80->10.0.0.2:5000"; of a unix socket "source->dest path", in hex. */
void socktuple_text(struct buf *buf, struct str bytes);
/* The same of a tuple that was parsed. */
void tuple_text(struct buf *buf, const struct sock_tuple *tuple);
