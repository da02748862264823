/*
 * http_connection: connections of libmicrohttpd and what waits; shared by http_listen.c, http_wait.c and
 * http_guard.c.
 */
#pragma once

#include "server/http_internal.h"
#include "server/http_server.h"

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#define HTTP_TICK_MS 50

struct listener;

struct connection {
    struct listener *listener;
    struct MHD_Connection *mhd;
    int fd;
    int place; /* of limits_connect(), -1 none */
    struct sockaddr_storage peer;
    struct connection *next, *previous;
    atomic_uint_fast64_t deadline_ns; /* then it is shut down; UINT64_MAX never */

    /* Of the request at hand. */
    struct exchange *exchange;
    char *target;
    const char *target_at; /* where the library has it */
    size_t ntarget;
    bool replied;  /* before the request was there whole */
    size_t sent;   /* of the piece at hand of a streamed reply */
    bool ended;    /* its source has no more */
    bool verified; /* the client's certificate */

    /* Waiting. */
    struct bell_waiter waiter;
    struct bell *bell;
    uint64_t wake_ns;
    bool suspended, by_time; /* under the listener's lock */
};

struct listener {
    struct http_server *http;
    struct MHD_Daemon *daemon;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct connection *first;
    unsigned nsuspended;
    bool stopping;
    pthread_t watch;
    unsigned patience_s; /* limits.header_seconds */
    bool watching, secure;
    uint16_t port;
    atomic_uint_fast64_t requests, refused, connections, too_slow, by_class[6];
};

/* http_wait.c */
void connection_add(struct connection *c);
void connection_remove(struct connection *c);
void connection_allow(struct connection *c, uint64_t seconds); /* sets the deadline */
/* Within a handler or a reader. False: the server stops, the time is over at once. */
bool connection_suspend(struct connection *c, struct bell *bell, uint32_t ms, uint64_t since);
/* After it was called again: true when the time was over. */
bool connection_resumed(struct connection *c);
int http_watch_start(struct listener *listener);
void http_watch_stop(struct listener *listener); /* resumes all that wait */

/*
 * http_guard.c: the headers as the library has them; NULL, or why the request is not written in the one way in
 * which nobody can read it differently.
 */
struct guarded {
    const char *method, *version;
    struct http_header headers[HTTP_HEADERS_MAX + 1];
    size_t nheaders; /* HTTP_HEADERS_MAX + 1: too many */
};
const char *http_guard(struct connection *c, struct guarded *guarded);

/* http_tls.c: whether the client has a certificate of tls.client_ca; asked once per connection. */
bool http_client_verified(struct connection *c);
