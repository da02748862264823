/*
 * tls_make: certificates and keys, made with OpenSSL; of tls.c.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

/* PEM texts, appended. Keys are ECDSA on P-256. */
int tls_make_ca(int64_t now_ms, struct buf *ret_certificate, struct buf *ret_key, struct err *err);

struct tls_wish {
    struct str ca, ca_key; /* PEM */
    const char *const *names;
    size_t nnames; /* DNS names and addresses; the first is the common name */
    int64_t now_ms;
};
int tls_make_server(const struct tls_wish *wish, struct buf *ret_certificate, struct buf *ret_key,
                    struct err *err);

/* Signed by that CA, for all of these names, with this key, and valid for TLS_RENEW_DAYS more. */
bool tls_is_good(const struct tls_wish *wish, struct str certificate, struct str key);
/* When the certificate ends, since 1970; -EINVAL: it is none. */
int tls_ends(struct str certificate, int64_t *ret_ms);
/* SHA-256 of the DER form, hexadecimal. -EINVAL. */
int tls_fingerprint(struct str certificate, char ret[65]);
