/*
 * http_limits: how much one client, and all of them together, may ask for.
 *
 * Token buckets by client address and by principal, kept in tables of a fixed size: a bucket that is full again
 * is forgotten; when a table is full of busy ones, a newcomer shares the bucket of those it displaces. Any thread.
 */
#pragma once

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#define LIMITS_CONNECTIONS 12000
#define LIMITS_PER_ADDRESS                                                                         \
    1024 /* connections; the loopback and trusted proxies have no such limit */
#define LIMITS_RATE_ADDRESS   2000 /* requests a second; twice as many at once */
#define LIMITS_RATE_PRINCIPAL 1000
#define LIMITS_BODIES_MAX     ((uint64_t)512 << 20) /* bytes of bodies in memory, of all requests */

struct limits;
struct server_config;

int http_limits_new(const struct server_config *config, struct limits **ret);
void http_limits_free(struct limits *limits);

/* 0: go on; else how many seconds to wait. now_ns: CLOCK_BOOTTIME. */
unsigned limits_take_address(struct limits *limits, const struct sockaddr_storage *address,
                             uint64_t now_ns);
unsigned limits_take_principal(struct limits *limits, struct str who, uint64_t now_ns);

/* -1: one connection too many of that address; else what to give back when it ends. */
int limits_connect(struct limits *limits, const struct sockaddr_storage *address);
void limits_disconnect(struct limits *limits, int place);

/* False: too much is in memory already. What was taken is given back. */
bool limits_take_body(struct limits *limits, uint64_t bytes);
void limits_give_body(struct limits *limits, uint64_t bytes);
