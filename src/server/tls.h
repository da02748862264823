/*
 * tls: the server's certificate: the one of the configuration, or one made by a CA of its own.
 *
 * The own CA and what it signs live in the server's folder (ca.pem, ca.key, server.pem, server.key; keys with mode
 * 0600), made at the first start; a certificate that will expire, or lacks a name, is made anew by the same CA.
 */
#pragma once

#include "base/err.h"
#include "server/config.h"

#include <stdint.h>

#define TLS_CA_DAYS     7300
#define TLS_SERVER_DAYS 397
#define TLS_RENEW_DAYS  30
#define TLS_NAMES_MAX   64
#define TLS_FILE_MAX    ((size_t)256 << 10)

/* PEM texts; NUL-terminated. */
struct server_tls {
    char *certificate, *key; /* the certificate with those that signed it */
    char *client_ca;         /* NULL: clients need no certificate */
    char *ca;                /* of our own; NULL: the certificate is the configuration's */
    char ca_fingerprint[65]; /* SHA-256 of its DER form, hexadecimal */
    int64_t renew_ms;        /* load again then; INT64_MAX never */
};

/* Makes or renews what is missing. */
int tls_load(const struct server_config *config, int64_t now_ms, struct server_tls *ret,
             struct err *err);
void tls_done(struct server_tls *tls);
