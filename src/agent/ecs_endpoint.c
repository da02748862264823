/*
 * ecs_endpoint: the URL that the ECS agent puts into each container's environment.
 *
 * On Fargate its last part is the container's id, on EC2 a token that only the endpoint understands. Whoever
 * runs in a container can put anything into an environment, so what comes from one is only a hint: it has to
 * name the endpoint that the agent was given itself, and the endpoint has to know it.
 */
#include "agent/ecs_endpoint.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define SCHEME STR("http://")

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
}

static bool is_plain_path(struct str path)
{
    for (size_t i = 0; i < path.n; i++) {
        char c = path.p[i];
        if (!is_plain(c) && c != '/' && c != '_' && c != '.') {
            return false;
        }
    }
    return str_find(path, STR("..")) < 0;
}

static bool is_port(struct str s)
{
    unsigned port = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9') {
            return false;
        }
        port = port * 10 + (unsigned)(s.p[i] - '0');
    }
    return s.n > 0 && s.n <= 5 && port > 0 && port <= 65535;
}

static bool is_address(struct str s, int family)
{
    char text[INET6_ADDRSTRLEN];
    unsigned char storage[16];
    if (s.n == 0 || s.n >= sizeof(text)) {
        return false;
    }
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    return inet_pton(family, text, storage) == 1;
}

/* "10.0.0.1", "10.0.0.1:80", "[::1]", "[::1]:80" */
static bool is_host(struct str host)
{
    bool brackets = host.n && host.p[0] == '[';
    ptrdiff_t end = brackets ? str_find_char(host, ']') : str_find_char(host, ':');
    size_t n = end < 0 ? host.n : (size_t)end;
    struct str rest = str_from_offset(host, n + (brackets ? 1 : 0));
    if (brackets && (end < 0 || !is_address(str_from(host.p + 1, n - 1), AF_INET6))) {
        return false;
    }
    if (!brackets && !is_address(str_first(host, n), AF_INET)) {
        return false;
    }
    return rest.n == 0 || (rest.p[0] == ':' && is_port(str_from_offset(rest, 1)));
}

int ecs_endpoint_init(struct ecs_endpoint *endpoint, const char *url, struct err *err)
{
    struct str s = str_of(url);
    while (s.n && s.p[s.n - 1] == '/') {
        s.n--;
    }
    struct str rest = str_from_offset(s, SCHEME.n);
    ptrdiff_t slash = str_find_char(rest, '/');
    struct str host = str_first(rest, slash < 0 ? rest.n : (size_t)slash);
    struct str path = str_from_offset(rest, host.n);
    if (s.n >= ECS_URL_MAX || !str_starts(s, SCHEME) || !is_host(host) || !is_plain_path(path)) {
        return err_set(err, -EINVAL,
                       "the metadata endpoint is not http://ADDRESS[:PORT]/PATH with a numeric "
                       "address: %.200s",
                       url);
    }
    memcpy(endpoint->base, s.p, s.n);
    endpoint->base[s.n] = '\0';
    endpoint->base_n = s.n;
    endpoint->prefix_n = path.n ? (size_t)(str_find_last(s, '/') + 1) : 0;
    return 0;
}

void ecs_endpoint_url(const struct ecs_endpoint *endpoint, const char *suffix,
                      char ret[ECS_URL_MAX + 64])
{
    snprintf(ret, ECS_URL_MAX + 64, "%s%.63s", endpoint->base, suffix);
}

void ecs_endpoint_of_token(const struct ecs_endpoint *endpoint, struct str token,
                           char ret[ECS_URL_MAX + 64])
{
    snprintf(ret, ECS_URL_MAX + 64, "%.*s%.*s", (int)endpoint->prefix_n, endpoint->base,
             STR_ARG(token));
}

struct str ecs_endpoint_token(const struct ecs_endpoint *endpoint, struct str url)
{
    struct str prefix = str_from(endpoint->base, endpoint->prefix_n);
    struct str token = str_from_offset(url, prefix.n);
    if (prefix.n == 0 || !str_starts(url, prefix) || token.n == 0 || token.n > ECS_TOKEN_MAX ||
        prefix.n + token.n >= ECS_URL_MAX) {
        return (struct str){ 0 };
    }
    for (size_t i = 0; i < token.n; i++) {
        if (!is_plain(token.p[i])) {
            return (struct str){ 0 };
        }
    }
    return token;
}

struct str ecs_variable(struct str environ, struct str name)
{
    while (environ.n) {
        struct str one = str_until_nul(environ.p, environ.n);
        if (one.n > name.n && str_starts(one, name) && one.p[name.n] == '=' &&
            one.n < environ.n) { /* else it may have been cut */
            return str_from_offset(one, name.n + 1);
        }
        environ = str_from_offset(environ, one.n + 1);
    }
    return (struct str){ 0 };
}

size_t ecs_environ(int64_t pid, char *ret, size_t size)
{
    char path[64];
    size_t n = 0;
    snprintf(path, sizeof(path), "/proc/%lld/environ", (long long)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        return 0;
    }
    while (n < size) {
        ssize_t got = read(fd, ret + n, size - n);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            break;
        }
        n += (size_t)got;
    }
    close(fd);
    return n;
}
