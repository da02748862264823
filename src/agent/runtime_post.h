/*
 * runtime_post: asks the API of Docker or Podman to do something to a container.
 */
#pragma once

#include "base/err.h"
#include "base/str.h"

#include <stdint.h>

#define RUNTIME_POST_BODY_MAX ((size_t)64 << 10)

/*
 * POST /containers/ID/<what>, without a body, to the Unix socket. 0: status 2xx or 304 (so already);
 * -ENOENT: no such container; -ECONNREFUSED: nobody there; -EINVAL: the id may not stand in a URL;
 * -ETIMEDOUT, -EFBIG, -EPROTO: another status. One thread.
 */
int runtime_post(const char *socket, struct str id, const char *what, uint32_t timeout_ms,
                 struct err *err);
