/*
 * host: names in Host headers, and addresses.
 *
 * A page of another site can make a browser send requests here under its own name, when that name is made to mean
 * our address (DNS rebinding). It cannot do so with an address written out, nor with a name that we know to be
 * ours; anything else is not answered. X-Forwarded-For is believed from the right: each proxy that is trusted
 * adds the address it was spoken to from; the first that is not trusted is the client.
 */
#include "server/host.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#define FORWARDED_MAX 16 /* proxies in a row */

/* Without the port; an IPv6 address keeps its brackets. */
static struct str without_port(struct str host)
{
    ptrdiff_t bracket = str_find_last(host, ']'), colon = str_find_last(host, ':');
    return colon > bracket ? str_first(host, (size_t)colon) : host;
}

static int parse_ip(struct str text, struct sockaddr_storage *ret)
{
    char storage[INET6_ADDRSTRLEN];
    struct sockaddr_storage address = { 0 };
    struct sockaddr_in *in = (struct sockaddr_in *)&address;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&address;
    if (!text.n || text.n >= sizeof(storage) || memchr(text.p, '\0', text.n)) {
        return -EINVAL;
    }
    memcpy(storage, text.p, text.n);
    storage[text.n] = '\0';
    if (inet_pton(AF_INET, storage, &in->sin_addr) == 1) {
        address.ss_family = AF_INET;
    } else if (inet_pton(AF_INET6, storage, &in6->sin6_addr) == 1) {
        address.ss_family = AF_INET6;
    } else {
        return -EINVAL;
    }
    *ret = address;
    return 0;
}

static bool is_address(struct str name)
{
    struct sockaddr_storage address;
    if (name.n > 2 && name.p[0] == '[' && name.p[name.n - 1] == ']') {
        name = (struct str){ name.p + 1, name.n - 2 };
        return parse_ip(name, &address) == 0 && address.ss_family == AF_INET6;
    }
    return parse_ip(name, &address) == 0 && address.ss_family == AF_INET;
}

struct str host_of_url(struct str url)
{
    ptrdiff_t scheme = str_find(url, STR("://"));
    if (scheme >= 0) {
        url = str_from_offset(url, (size_t)scheme + 3);
    }
    ptrdiff_t slash = str_find_char(url, '/');
    return without_port(slash < 0 ? url : str_first(url, (size_t)slash));
}

static bool is_machine(struct str name)
{
    char storage[256] = "";
    return gethostname(storage, sizeof(storage) - 1) == 0 && str_ieq(name, str_of(storage));
}

bool host_is_ours(const struct server_config *config, struct str host)
{
    struct str name = without_port(host);
    if (!name.n || is_address(name) || str_ieq(name, STR("localhost"))) {
        return name.n > 0;
    }
    for (size_t i = 0; i < config->names.n; i++) {
        if (str_ieq(name, str_of(config->names.items[i]))) {
            return true;
        }
    }
    return (config->public_url && str_ieq(name, host_of_url(str_of(config->public_url)))) ||
           is_machine(name);
}

bool host_take_absolute(struct str *target, struct str host)
{
    struct str rest = *target;
    if (str_starts(rest, STR("/")) || str_eq(rest, STR("*"))) {
        return true;
    }
    size_t scheme = str_ieq(str_first(rest, 7), STR("http://"))    ? 7
                    : str_ieq(str_first(rest, 8), STR("https://")) ? 8
                                                                   : 0;
    rest = str_from_offset(rest, scheme);
    ptrdiff_t slash = str_find_char(rest, '/');
    if (!scheme || slash < 0 || !str_ieq(str_first(rest, (size_t)slash), host)) {
        return false;
    }
    *target = str_from_offset(rest, (size_t)slash);
    return true;
}

/* The address's bytes; IPv4 in IPv6 as IPv4. */
static struct str bytes_of(const struct sockaddr_storage *address)
{
    if (address->ss_family == AF_INET) {
        return str_from(&((const struct sockaddr_in *)address)->sin_addr, 4);
    }
    const struct in6_addr *in6 = &((const struct sockaddr_in6 *)address)->sin6_addr;
    return IN6_IS_ADDR_V4MAPPED(in6) ? str_from(in6->s6_addr + 12, 4) : str_from(in6->s6_addr, 16);
}

static bool same_bits(struct str a, struct str b, unsigned bits)
{
    if (a.n != b.n || memcmp(a.p, b.p, bits / 8) != 0) {
        return false;
    }
    unsigned rest = bits % 8, mask = 0xff00u >> rest & 0xff;
    return !rest || ((unsigned char)a.p[bits / 8] & mask) == ((unsigned char)b.p[bits / 8] & mask);
}

/* ADDRESS/BITS; false: it is not that. */
static bool parse_network(const char *network, struct sockaddr_storage *ret, unsigned *ret_bits)
{
    struct str text = str_of(network);
    ptrdiff_t slash = str_find_char(text, '/');
    unsigned bits = 0;
    if (parse_ip(slash < 0 ? text : str_first(text, (size_t)slash), ret) < 0) {
        return false;
    }
    struct str digits = str_from_offset(text, slash < 0 ? text.n : (size_t)slash + 1);
    unsigned most = (unsigned)bytes_of(ret).n * 8;
    for (size_t i = 0; i < digits.n; i++) {
        if (digits.p[i] < '0' || digits.p[i] > '9' || bits > most) {
            return false;
        }
        bits = bits * 10 + (unsigned)(digits.p[i] - '0');
    }
    *ret_bits = slash < 0 ? most : bits;
    return slash < 0 || (digits.n && bits <= most);
}

bool address_is_network(const char *text)
{
    struct sockaddr_storage address;
    unsigned bits;
    return parse_network(text, &address, &bits);
}

static bool is_within(const char *network, struct str address)
{
    struct sockaddr_storage parsed;
    unsigned bits;
    return parse_network(network, &parsed, &bits) && same_bits(bytes_of(&parsed), address, bits);
}

bool address_is_among(const struct setting_list *list, const struct sockaddr_storage *address)
{
    for (size_t i = 0; i < list->n; i++) {
        if (is_within(list->items[i], bytes_of(address))) {
            return true;
        }
    }
    return false;
}

bool address_is_any(const struct sockaddr_storage *address)
{
    static const char zeros[16];
    struct str bytes = bytes_of(address);
    return memcmp(bytes.p, zeros, bytes.n) == 0;
}

bool address_is_loopback(const struct sockaddr_storage *address)
{
    struct str bytes = bytes_of(address);
    return bytes.n == 4 ? bytes.p[0] == 127
                        : memcmp(bytes.p, &in6addr_loopback, sizeof(in6addr_loopback)) == 0;
}

socklen_t address_size(const struct sockaddr_storage *address)
{
    return address->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                          : sizeof(struct sockaddr_in);
}

uint16_t address_port(const struct sockaddr_storage *address)
{
    return ntohs(address->ss_family == AF_INET6 ? ((const struct sockaddr_in6 *)address)->sin6_port
                                                : ((const struct sockaddr_in *)address)->sin_port);
}

void address_set_port(struct sockaddr_storage *address, uint16_t port)
{
    if (address->ss_family == AF_INET6) {
        ((struct sockaddr_in6 *)address)->sin6_port = htons(port);
    } else {
        ((struct sockaddr_in *)address)->sin_port = htons(port);
    }
}

int address_parse(struct str text, struct sockaddr_storage *ret)
{
    struct str host = without_port(text);
    struct str port = host.n == text.n ? text : str_from_offset(text, host.n + 1);
    struct sockaddr_storage address;
    uint32_t number = 0;
    if (!port.n || port.n > 5) {
        return -EINVAL;
    }
    for (size_t i = 0; i < port.n; i++) {
        if (port.p[i] < '0' || port.p[i] > '9') {
            return -EINVAL;
        }
        number = number * 10 + (uint32_t)(port.p[i] - '0');
    }
    host = host.n == text.n ? STR("127.0.0.1") : host;
    bool bracketed = host.n > 2 && host.p[0] == '[' && host.p[host.n - 1] == ']';
    struct str name = bracketed ? (struct str){ host.p + 1, host.n - 2 } : host;
    if (number > 65535 || parse_ip(name, &address) < 0 ||
        bracketed != (address.ss_family == AF_INET6)) {
        return -EINVAL;
    }
    address_set_port(&address, (uint16_t)number);
    *ret = address;
    return 0;
}

void address_text(const struct sockaddr_storage *address, struct buf *buf)
{
    char storage[INET6_ADDRSTRLEN] = "?";
    bool v6 = address->ss_family == AF_INET6;
    const void *at = v6 ? (const void *)&((const struct sockaddr_in6 *)address)->sin6_addr
                        : (const void *)&((const struct sockaddr_in *)address)->sin_addr;
    inet_ntop(address->ss_family, at, storage, sizeof(storage));
    buf_printf(buf, v6 ? "[%s]:%u" : "%s:%u", storage, address_port(address));
}

static struct str last_item(struct str *list)
{
    ptrdiff_t comma = str_find_last(*list, ',');
    struct str item = str_trim(comma < 0 ? *list : str_from_offset(*list, (size_t)comma + 1));
    *list = comma < 0 ? (struct str){ NULL, 0 } : str_first(*list, (size_t)comma);
    return item;
}

void proxy_client(const struct server_config *config, struct request *request, bool *secure)
{
    struct str forwarded = request_header(request, "X-Forwarded-For");
    struct str scheme = request_header(request, "X-Forwarded-Proto");
    if (!config->trusted_proxies.n || !address_is_among(&config->trusted_proxies, &request->peer)) {
        return;
    }
    *secure = *secure || str_ieq(scheme, STR("https"));
    for (unsigned i = 0; i < FORWARDED_MAX && forwarded.n; i++) {
        struct sockaddr_storage address;
        if (parse_ip(last_item(&forwarded), &address) < 0) {
            return;
        }
        request->peer = address;
        if (!address_is_among(&config->trusted_proxies, &address)) {
            return;
        }
    }
}
