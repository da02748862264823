/*
 * ecs_endpoint: where the task metadata endpoint is, and what a process' environment hints about which of the
 * task's containers it is in.
 */
#pragma once

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ECS_URL_MAX     512
#define ECS_TOKEN_MAX   128
#define ECS_ENVIRON_MAX ((size_t)128 << 10) /* of an environment, so much is looked at */

struct ecs_endpoint {
    char base[ECS_URL_MAX]; /* ${ECS_CONTAINER_METADATA_URI_V4}: "http://169.254.170.2/v4/TOKEN" */
    size_t base_n;
    size_t prefix_n; /* up to and with the slash before the token */
};

/* http, a numeric address, perhaps a port, a plain path: nothing to resolve, nothing to be redirected by. */
int ecs_endpoint_init(struct ecs_endpoint *endpoint, const char *url, struct err *err);
/* base with `suffix` ("/task"). */
void ecs_endpoint_url(const struct ecs_endpoint *endpoint, const char *suffix,
                      char ret[ECS_URL_MAX + 64]);
/* The same endpoint's URL for another token. */
void ecs_endpoint_of_token(const struct ecs_endpoint *endpoint, struct str token,
                           char ret[ECS_URL_MAX + 64]);
/* What follows the endpoint's prefix in a URL: only letters, digits and dashes; empty when it is another's. */
struct str ecs_endpoint_token(const struct ecs_endpoint *endpoint, struct str url);

/* The value of the first such variable in NUL-terminated strings; empty: none. */
struct str ecs_variable(struct str environ, struct str name);
/* The beginning of /proc/PID/environ; its length, 0 when it cannot be read. */
size_t ecs_environ(int64_t pid, char *ret, size_t size);
