/*
 * accounts_hash: argon2id on a thread of its own, one password at a time.
 *
 * A hash costs 64 MiB and much of a tenth of a second, on purpose. So request threads never do it: they hand it
 * in and are called again (HTTP_WAIT) when it is done. What waits is bounded, in all and by address; who comes
 * beyond that is told to come later.
 */
#pragma once

#include "server/accounts_names.h"
#include "server/http.h"

#define HASH_QUEUE_MAX   64
#define HASH_ADDRESS_MAX 4
#define HASH_TEXT_MAX    128   /* of an argon2id text, with NUL */
#define HASH_KEPT_MS     30000 /* a result that nobody came for */
#define HASH_WAIT_MS     1000

struct hasher;

struct hash_job {
    uint64_t ticket;          /* 0: not handed in */
    uint64_t owner;           /* a hash of the client's address */
    bool verify;              /* whether text is of the password; else text is made */
    struct str password;      /* at most PASSWORD_BYTES */
    char text[HASH_TEXT_MAX]; /* with verify given, else the result */
};

enum hashed {
    HASHED_YES,  /* it is the password; text is made */
    HASHED_NO,   /* it is not */
    HASHED_WAIT, /* return HTTP_WAIT, and ask again when called again */
    HASHED_OVER, /* the reply says why */
};

/* `bell` is rung after each job; hasher_new keeps no more of it. */
int hasher_new(struct bell *bell, struct hasher **ret, struct err *err);
void hasher_free(struct hasher *hasher); /* what waits is not done any more */
/* Hands the job in at first, then asks for it. */
enum hashed hasher_step(struct hasher *hasher, struct hash_job *job, struct reply *reply);

/* A text that no password has, of the same cost as others. */
void hasher_nobody(const struct hasher *hasher, char ret[HASH_TEXT_MAX]);
