/*
 * deliveries: of opens, connects, accepts and sends that rules are about, the share that demand lets pass.
 */
#pragma once

#include "stream.h"

#include "rules/matcher.h"

#define DELIVERIES 4

struct tally {
    uint64_t all, delivered;
};

struct deliveries {
    struct tally of[DELIVERIES];
};

/* Adds what a sensor would do with this matcher's demand. */
void deliveries_add(struct matcher *matcher, struct stream *stream, struct view *view,
                    struct deliveries *ret);
void deliveries_print(const char *what, const struct deliveries *deliveries);
