/*
 * tls: the server's certificate.
 */
#pragma once

/* PEM texts; NUL-terminated. */
struct server_tls {
    char *certificate, *key; /* the certificate with those that signed it */
    char *client_ca;         /* NULL: clients need no certificate */
};
