/*
 * http_server: the server's routes over HTTP.
 *
 * http_new() makes what requests go through (routes of all modules, limits); http_listen() offers it on the
 * address of the configuration. Between http_stop() and http_free() nothing is answered any more.
 */
#pragma once

#include "base/err.h"
#include "server/server.h"

#include <stdint.h>

#define HTTP_THREADS       4
#define HTTP_CONNECTION_KB 16 /* memory of one connection: what the headers may be, about */
/* Deadlines of whole stages, in units of limits.header_seconds; of bodies and replies a second more for each so
 * many bytes. */
#define HTTP_HEADERS_S  10 /* default: from the request's line to the end of its headers */
#define HTTP_FIRST      3  /* from a connection to its first request's line, TLS included */
#define HTTP_BODY       2
#define HTTP_BODY_RATE  (64 << 10)
#define HTTP_REPLY      3 /* of the reply, or of each piece of a streamed one */
#define HTTP_REPLY_RATE (16 << 10)
#define HTTP_IDLE_S     75 /* between requests */
#define HTTP_LIVE_S     60 /* without a byte taken by who listens to events */

/* server->http; uses server->config. */
int http_new(struct server *server, struct err *err);
void http_free(struct server *server); /* stops too */

/* With server->tls, or as plain HTTP without it. Again after http_stop(). */
int http_listen(struct server *server, struct err *err);
/* Ends waiting requests, closes all connections. */
void http_stop(struct server *server);
uint16_t http_port(const struct server *server);

struct http_counts {
    uint64_t requests, refused, connections, too_slow;
    uint64_t by_class[6]; /* replies, by the first digit of their status */
};
void http_counts(const struct server *server, struct http_counts *ret);
