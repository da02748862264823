/*
 * address: what kind of address may be connected to.
 */
#pragma once

#include "courier/courier.h"

#include <netinet/in.h>
#include <sys/socket.h>

enum address_kind {
    ADDRESS_PUBLIC,
    ADDRESS_PRIVATE, /* of networks that are somebody's own */
    ADDRESS_LOOPBACK,
    ADDRESS_CREDENTIALS, /* what ECS and EKS have for credentials */
    ADDRESS_NEVER,       /* link-local, metadata of clouds, multicast, reserved, no host's */
};

/* A network; v4 is kept as ::ffff:a.b.c.d. */
struct address_network {
    struct in6_addr base;
    unsigned bits;
};

bool address_network_parse(struct str text, struct address_network *ret);
bool address_is_within(const struct sockaddr *address, const struct address_network *network);
/* An IPv4 address within an IPv6 one (mapped, translated, 6to4) counts as what it is. */
enum address_kind address_kind_of(const struct sockaddr *address);
/* "127.0.0.1:80", "[::1]:80" */
void address_put(const struct sockaddr *address, char *ret, size_t size);
