/*
 * socket_name: text of addresses and tuples, as fd.name shows them: "10.0.0.1:5000->10.0.0.2:80",
 * IPv6 without brackets, "0.0.0.0:80" for a bound socket, "hex->hex path" for a Unix one.
 */
#include "event/state_internal.h"

#include <arpa/inet.h>
#include <stdio.h>

static size_t put_u(char *text, unsigned v)
{
    char digits[10];
    size_t n = 0;
    do {
        digits[n++] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    for (size_t i = 0; i < n; i++) {
        text[i] = digits[n - 1 - i];
    }
    return n;
}

static size_t put_ip(char *text, const struct ip *ip)
{
    if (ip->family == 6) {
        return inet_ntop(AF_INET6, ip->bytes, text, INET6_ADDRSTRLEN) ? strlen(text) : 0;
    }
    size_t n = 0;
    for (unsigned i = 0; i < 4; i++) {
        n += put_u(text + n, ip->bytes[i]);
        text[n++] = '.';
    }
    return n - 1;
}

static size_t put_endpoint(char *text, const struct ip *ip, uint16_t port)
{
    size_t n = put_ip(text, ip);
    text[n++] = ':';
    return n + put_u(text + n, port);
}

size_t socket_name(const struct fdinfo *info, char text[SOCKET_NAME_MAX])
{
    size_t n = put_endpoint(text, &info->sip, info->sport);
    if (info->type == FD_IPV4_SERVSOCK || info->type == FD_IPV6_SERVSOCK) {
        return n;
    }
    text[n++] = '-';
    text[n++] = '>';
    return n + put_endpoint(text + n, &info->dip, info->dport);
}

size_t unix_name(uint64_t source, uint64_t dest, struct str path, char text[SOCKET_NAME_MAX])
{
    int n = snprintf(text, SOCKET_NAME_MAX, "%llx->%llx %.*s", (unsigned long long)source,
                     (unsigned long long)dest, STR_ARG(str_first(path, UNIX_PATH_MAX)));
    return n < SOCKET_NAME_MAX ? (size_t)n : SOCKET_NAME_MAX - 1;
}
