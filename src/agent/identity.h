/*
 * identity: who this agent is to its server: id, credential and the key that signs what it may load, in
 * DIR/identity.json, readable by the agent alone.
 */
#pragma once

#include "base/err.h"

#include <stdint.h>

#define IDENTITY_ID_MAX     64
#define IDENTITY_SECRET_MAX 256
#define IDENTITY_KEY        32 /* Ed25519, public */

struct identity {
    char id[IDENTITY_ID_MAX]; /* "a" and 16 hex digits; empty: not enrolled */
    char credential[IDENTITY_SECRET_MAX];
    uint8_t sign_key[IDENTITY_KEY];
};

/* -ENOENT: there is none; -EINVAL: it is damaged. */
int identity_read(const char *dir, struct identity *ret, struct err *err);
/* As a whole, or not at all. */
int identity_write(const char *dir, const struct identity *identity, struct err *err);
/* From what the server answered; sign_key in base64. -EINVAL. */
int identity_take(const char *id, const char *credential, const char *sign_key,
                  struct identity *ret, struct err *err);
