/*
 * metadata_http: bounded HTTP GET for one thread: to a numeric address or a Unix socket. No proxies, no
 * redirects, no names to resolve, no other protocol; a limit on time, headers and body.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"

#include <stdint.h>

#define METADATA_HEADERS_MAX ((size_t)64 << 10)

struct metadata_http;

struct metadata_request {
    const char *url;
    const char *socket; /* NULL: over the network */
    uint32_t timeout_ms;
};

int metadata_http_new(struct metadata_http **ret, struct err *err);
void metadata_http_free(struct metadata_http *http);
/*
 * Appends the body of an answer with status 200; buf's limit is the body's. -ENOENT: status 404; -EPROTO:
 * another status, or no HTTP; -EFBIG: too much; -ETIMEDOUT; -ECANCELED: stopped; -ECONNREFUSED: nobody there.
 */
int metadata_http_get(struct metadata_http *http, const struct metadata_request *request,
                      struct buf *buf, struct err *err);
/* The "Server" of the last answer; empty none. Borrowed until the next request. */
struct str metadata_http_server(const struct metadata_http *http);
/* Until it is woken, or so long. */
void metadata_http_sleep(struct metadata_http *http, uint64_t ms);

/* From any thread. */
void metadata_http_wake(struct metadata_http *http);
void metadata_http_stop(
    struct metadata_http *http); /* for good: the request now under way ends too */
bool metadata_http_stopped(struct metadata_http *http);
