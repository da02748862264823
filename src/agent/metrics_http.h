/*
 * metrics_http: GET /metrics and GET /healthz, by a thread of its own.
 *
 * For scrapers on this machine or in this task: no TLS, no credentials, nothing but figures. Connections, their
 * memory and their time are limited.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>

#define METRICS_HTTP_CONNECTIONS 16
#define METRICS_HTTP_IDLE_S      5
#define METRICS_HTTP_MEMORY      ((size_t)16 << 10) /* of one connection's request */

/* Called by the thread; the text goes into an empty buffer. */
struct metrics_http_pages {
    void (*metrics)(void *data, struct buf *buf);
    bool (*health)(void *data, struct buf *buf); /* false: 503; the text is JSON */
    void *data;
};

struct metrics_http;

/* A listening socket on ADDRESS:PORT (config_address()). */
int metrics_http_listen(const char *address, int *ret_fd, struct err *err);
/* Takes the socket over, also when it fails. `pages` are copied. */
int metrics_http_new(int listening, const struct metrics_http_pages *pages,
                     struct metrics_http **ret, struct err *err);
void metrics_http_free(struct metrics_http *http);
