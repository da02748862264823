/*
 * respond_limit: at most so many in any 60 seconds, in all and per container. One thread.
 */
#pragma once

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

#define LIMIT_WINDOW_NS UINT64_C(60000000000)
#define LIMIT_MAX       1000 /* of one limit */
#define LIMIT_NAMES     64   /* containers remembered; the one not heard of longest gives way */
#define LIMIT_NAME_MAX  72

/* The latest times, a ring. */
struct limit {
    uint64_t *times; /* `max` of them */
    uint32_t max, at, n;
};

int limit_init(struct limit *limit, uint32_t max);
void limit_done(struct limit *limit);
bool limit_has_room(const struct limit *limit, uint64_t now_ns);
void limit_count(struct limit *limit, uint64_t now_ns);

struct limits; /* one limit for each name */
int limits_new(uint32_t max, struct limits **ret);
void limits_free(struct limits *limits);
/* That of the name; made if there is none. */
struct limit *limits_of(struct limits *limits, struct str name, uint64_t now_ns);
