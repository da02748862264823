/*
 * Secrets are 256 random bits; what is stored is their plain SHA-256: there is nothing to guess, so nothing to slow
 * down. The CSRF token is a hash of the session's secret with a label, so it ends with the session and needs no
 * place of its own; from it the secret cannot be had back.
 */
#include "server/accounts_secret.h"

#include <sodium.h>
#include <stdio.h>

#define BASE64 sodium_base64_VARIANT_URLSAFE_NO_PADDING

void secret_make(const char *prefix, struct secret *ret)
{
    uint8_t random[32];
    char encoded[SECRET_LENGTH - SECRET_PREFIX + 1];
    randombytes_buf(random, sizeof(random));
    sodium_bin2base64(encoded, sizeof(encoded), random, sizeof(random), BASE64);
    snprintf(ret->text, sizeof(ret->text), "%.3s%s", prefix, encoded);
    secret_hash(secret_str(ret), ret->hash);
    sodium_memzero(random, sizeof(random));
    sodium_memzero(encoded, sizeof(encoded));
}

static bool is_base64url(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' ||
           c == '_';
}

bool secret_looks_right(struct str text, const char *prefix)
{
    if (text.n != SECRET_LENGTH || !str_starts(text, str_of(prefix))) {
        return false;
    }
    for (size_t i = SECRET_PREFIX; i < text.n; i++) {
        if (!is_base64url(text.p[i])) {
            return false;
        }
    }
    return true;
}

void secret_hash(struct str text, uint8_t ret[SECRET_HASH])
{
    crypto_hash_sha256(ret, (const uint8_t *)text.p, text.n);
}

bool secret_hash_equal(const uint8_t *a, const uint8_t *b)
{
    return sodium_memcmp(a, b, SECRET_HASH) == 0;
}

void secret_csrf(struct str session, char ret[CSRF_LENGTH + 1])
{
    static const char label[] = "hinomi csrf";
    crypto_hash_sha256_state state;
    uint8_t hash[SECRET_HASH];
    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, (const uint8_t *)label, sizeof(label));
    crypto_hash_sha256_update(&state, (const uint8_t *)session.p, session.n);
    crypto_hash_sha256_final(&state, hash);
    sodium_bin2base64(ret, CSRF_LENGTH + 1, hash, sizeof(hash), BASE64);
}

bool secret_csrf_ok(struct str session, struct str token)
{
    char right[CSRF_LENGTH + 1];
    secret_csrf(session, right);
    return token.n == CSRF_LENGTH && sodium_memcmp(token.p, right, CSRF_LENGTH) == 0;
}
