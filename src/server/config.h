/*
 * config: the server's settings.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct server_list {
    char **items; /* NUL-terminated */
    size_t n;
};

/* Texts are NULL when not set. */
struct server_config {
    const char *listen; /* ADDRESS:PORT; plain HTTP only on the loopback */
    const char *dir;
    const char *tls_certificate, *tls_key, *tls_client_ca; /* PEM files */
    struct server_list names;           /* DNS names and addresses that it is reached by */
    struct server_list trusted_proxies; /* addresses, or ADDRESS/BITS */
    uint32_t retention_days;            /* 0: the store's default */
    uint64_t retention_max_bytes;       /* 0: no limit */
    const char *content_dir, *public_url;
    bool metrics, access_log;
    uint32_t connections, connections_per_address; /* 0: the defaults of limits.h */
    uint32_t rate_per_address, rate_per_principal; /* requests a second */
};

/* Never NULL: what a server without a configuration has. */
struct server;
const struct server_config *server_config(const struct server *server);
