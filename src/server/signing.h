/*
 * signing: the server's Ed25519 key, DIR/sign.key (the seed, 32 bytes, 0600), made at the first start.
 *
 * Agents pin its public half when they enrol, and take bundles and orders only with its signature.
 */
#pragma once

#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

#define SIGNING_SIGNATURE_SIZE 64

struct signing {
    uint8_t public_key[32];
    uint8_t secret_key[64];
};

/* Reads or makes the key. A file that others may read is refused. */
int signing_load(const char *dir, struct signing *ret, struct err *err);
void signing_sign(const struct signing *signing, struct str text,
                  uint8_t ret[SIGNING_SIGNATURE_SIZE]);
