/*
 * accounts_secret: random secrets with a prefix, what is stored of them, and the CSRF token made of one.
 */
#pragma once

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

#define SECRET_PREFIX 3  /* "hs_" */
#define SECRET_LENGTH 46 /* with 43 characters of 256 bits */
#define SECRET_HASH   32
#define CSRF_LENGTH   43

struct secret {
    char text[SECRET_LENGTH + 1];
    uint8_t hash[SECRET_HASH];
};

void secret_make(const char *prefix, struct secret *ret);
/* Of the right length, alphabet and prefix? Only then it is worth being looked up. */
bool secret_looks_right(struct str text, const char *prefix);
void secret_hash(struct str text, uint8_t ret[SECRET_HASH]);
/* In constant time. */
bool secret_hash_equal(const uint8_t *a, const uint8_t *b);
void secret_csrf(struct str session, char ret[CSRF_LENGTH + 1]);
bool secret_csrf_ok(struct str session, struct str token);

static inline struct str secret_str(const struct secret *secret)
{
    return str_from(secret->text, SECRET_LENGTH);
}
