/*
 * internal: what the parts of aws share.
 */
#pragma once

#include "aws/aws.h"

#include <pthread.h>

struct json_object;

struct aws {
    struct aws_options options;
    pthread_mutex_t lock;
    pthread_cond_t fetched;
    bool fetching;
    struct aws_credentials credentials; /* id "": none */
    int64_t expires_s;                  /* INT64_MAX: never */
    int64_t now_s;                      /* of who asked for them */
    int64_t again_s;                    /* not tried before */
    struct err error;                   /* of the last try; code 0: none */
};

/* names.c: letters, digits, and what `more` has; one at least, `most` at most. */
bool aws_is_among(struct str s, const char *more, size_t most);
/* aws_json.c. NULL: it is not JSON; json_object_put() it. */
struct json_object *aws_json(struct str text);
/* A member that is a text; else NULL. */
const char *aws_member(struct json_object *object, const char *key);
/* Fetches them anew before the next call. */
void aws_credentials_forget(struct aws *aws);
