/*
 * event_sockets: addresses and connections in the format's encoding.
 *
 * An address is a family byte, then 4 or 16 bytes and the port in host order, or a path. A tuple is
 * source and destination: of a call that sends or connects this side is the source, of one that accepts
 * the peer. Of a Unix socket the format has two kernel addresses; the socket's inode stands for this
 * side's, 0 for the peer's. Families that the format cannot say are no parameter.
 *
 * A source that is not known yet (not bound, or not looked up) is the unspecified address; next to an IPv4
 * destination, also a mapped one, it is IPv4's.
 */
#include "sensor/notify/events_internal.h"

#include "event/sockaddr.h"
#include "sensor/live/socket.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/un.h>

#define INET_MIN    offsetof(struct sockaddr_in, sin_zero)
#define INET6_MIN   offsetof(struct sockaddr_in6, sin6_scope_id)
#define TUPLE_MAX   (1 + 2 * (16 + 2))
#define ADDRESS_MAX (1 + sizeof(((struct sockaddr_un *)0)->sun_path) + 1)

/* The IP address and port; false: another family, or too short. */
static bool decode_ip(const struct sockaddr_storage *address, uint32_t n, struct sock_address *ret)
{
    if (n >= INET_MIN && address->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)address;
        *ret = (struct sock_address){ .family = FAMILY_INET,
                                      .port = ntohs(in->sin_port),
                                      .ip.family = 4 };
        memcpy(ret->ip.bytes, &in->sin_addr, 4);
        return true;
    }
    if (n >= INET6_MIN && address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)address;
        *ret = (struct sock_address){ .family = FAMILY_INET6,
                                      .port = ntohs(in6->sin6_port),
                                      .ip.family = 6 };
        memcpy(ret->ip.bytes, &in6->sin6_addr, 16);
        return true;
    }
    return false;
}

/* Its path; of an abstract one the name, without the NUL it begins with. */
static bool decode_unix(const struct sockaddr_storage *address, uint32_t n, struct str *ret)
{
    size_t offset = offsetof(struct sockaddr_un, sun_path);
    if (n < offset || address->ss_family != AF_UNIX) {
        return false;
    }
    const struct sockaddr_un *un = (const struct sockaddr_un *)address;
    size_t size = n - offset;
    size = size < sizeof(un->sun_path) ? size : sizeof(un->sun_path);
    bool is_abstract = size > 1 && un->sun_path[0] == '\0';
    *ret = str_until_nul(un->sun_path + is_abstract, size - is_abstract);
    return true;
}

static size_t put_endpoint(uint8_t *to, const struct sock_address *a)
{
    size_t n = a->ip.family == 4 ? 4 : 16;
    memcpy(to, a->ip.bytes, n);
    memcpy(to + n, &a->port, sizeof(a->port));
    return n + sizeof(a->port);
}

static size_t put_path(uint8_t *to, struct str path)
{
    if (path.n) {
        memcpy(to, path.p, path.n);
    }
    to[path.n] = '\0';
    return path.n + 1;
}

void event_put_address(struct making *making)
{
    const struct call_args *args = making->args;
    uint8_t bytes[ADDRESS_MAX];
    struct sock_address a;
    struct str path;
    size_t n = 0;
    if (decode_ip(&args->address, args->address_n, &a)) {
        bytes[n++] = a.family;
        n += put_endpoint(bytes + n, &a);
    } else if (decode_unix(&args->address, args->address_n, &path)) {
        bytes[n++] = FAMILY_UNIX;
        n += put_path(bytes + n, path);
    }
    made_bytes(making->made, bytes, n);
}

static bool is_unspecified(const struct ip *ip)
{
    static const struct ip none = { 0 };
    return memcmp(ip->bytes, none.bytes, sizeof(none.bytes)) == 0;
}

static bool is_ipv4(const struct sock_address *a)
{
    return a->ip.family == 4 || ip_is_mapped(&a->ip);
}

static void make_ipv4(struct sock_address *a)
{
    a->ip = a->ip.family == 6 && ip_is_mapped(&a->ip) ? ip_unmapped(&a->ip) : a->ip;
    if (a->ip.family != 4) {
        a->ip = (struct ip){ .family = 4 };
    }
}

static void make_ipv6(struct sock_address *a)
{
    if (a->ip.family == 6) {
        return;
    }
    struct ip mapped = { .bytes[10] = 0xff, .bytes[11] = 0xff, .family = 6 };
    memcpy(mapped.bytes + 12, a->ip.bytes, 4);
    a->ip = a->ip.family == 4 && !is_unspecified(&a->ip) ? mapped : (struct ip){ .family = 6 };
}

/* One family for both ends. */
static uint8_t agree(struct sock_address *source, struct sock_address *dest)
{
    bool ipv4 = (is_ipv4(source) || is_unspecified(&source->ip)) &&
                (is_ipv4(dest) || (is_unspecified(&dest->ip) && is_ipv4(source)));
    if (ipv4) {
        make_ipv4(source);
        make_ipv4(dest);
        return FAMILY_INET;
    }
    make_ipv6(source);
    make_ipv6(dest);
    return FAMILY_INET6;
}

static void put_ip_tuple(struct making *making, struct sock_address source,
                         struct sock_address dest)
{
    uint8_t bytes[TUPLE_MAX];
    size_t n = 0;
    bytes[n++] = agree(&source, &dest);
    n += put_endpoint(bytes + n, &source);
    n += put_endpoint(bytes + n, &dest);
    made_bytes(making->made, bytes, n);
}

static void put_unix_tuple(struct making *making, uint64_t source, uint64_t dest, struct str path)
{
    uint8_t bytes[1 + 16 + ADDRESS_MAX];
    size_t n = 0;
    bytes[n++] = FAMILY_UNIX;
    memcpy(bytes + n, &source, sizeof(source));
    n += sizeof(source);
    memcpy(bytes + n, &dest, sizeof(dest));
    n += sizeof(dest);
    n += put_path(bytes + n, path);
    made_bytes(making->made, bytes, n);
}

void event_put_sent_tuple(struct making *making)
{
    const struct call_args *args = making->args;
    const struct socket_facts *socket = making->outcome->socket;
    bool given = args->address_n > 0;
    const struct sockaddr_storage *to = given || !socket ? &args->address : &socket->peer;
    uint32_t n = given || !socket ? args->address_n : socket->peer_n;
    struct sock_address source = { 0 };
    struct sock_address dest;
    struct str path;
    if (decode_ip(to, n, &dest)) {
        if (socket) {
            decode_ip(&socket->local, socket->local_n, &source);
        }
        put_ip_tuple(making, source, dest);
    } else if (decode_unix(to, n, &path)) {
        put_unix_tuple(making, socket ? socket->ino : 0, 0, path);
    } else {
        made_bytes(making->made, NULL, 0);
    }
}

void event_put_accepted_tuple(struct making *making)
{
    const struct socket_facts *socket = making->outcome->socket;
    struct sock_address source;
    struct sock_address dest = { 0 };
    struct str path;
    if (socket && decode_ip(&socket->peer, socket->peer_n, &source)) {
        decode_ip(&socket->local, socket->local_n, &dest);
        put_ip_tuple(making, source, dest);
    } else if (socket && decode_unix(&socket->local, socket->local_n, &path)) {
        put_unix_tuple(making, 0, socket->ino, path);
    } else {
        made_bytes(making->made, NULL, 0);
    }
}
