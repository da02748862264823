/*
 * http_internal: a request on its way, what its files share; nobody outside http includes it.
 *
 * An exchange is one request with its reply, without a socket: http_listen.c makes them of connections,
 * http_call.c of a test's words. Both go through
 *
 *     exchange_open (target, headers)  →  exchange_check (who, may, how large)  →  body  →  exchange_handle
 *
 * Each step says whether the reply is there already.
 */
#pragma once

#include "server/bell.h"
#include "server/server.h"

#define HTTP_HEADERS_MAX       64
#define HTTP_REPLY_HEADERS_MAX 24
#define HTTP_QUERY_MAX         32 /* names in one query */
#define HTTP_SEGMENTS_MAX      12 /* of a path */
#define HTTP_REPLY_MAX         ((size_t)64 << 20)
#define HTTP_JSON_MAX          8 /* bodies parsed in one request */

struct http_header {
    struct str name, value;
};

/* A target taken apart: segments of the path as they were sent and decoded; the query decoded. */
struct target {
    struct str path; /* as sent, without the query */
    unsigned nsegments, nquery;
    struct str raw[HTTP_SEGMENTS_MAX], segments[HTTP_SEGMENTS_MAX];
    struct http_header query[HTTP_QUERY_MAX];
};

struct limits; /* http_limits.h */

struct http_server {
    struct server *server;
    struct routes *routes;
    struct limits *limits;
    struct listener *listener; /* NULL: only http_call() */
    uint16_t port;             /* listened on before; the same again */
};

enum reply_kind { REPLY_NONE, REPLY_BODY, REPLY_SOURCE, REPLY_LIVE };

struct reply {
    struct request *request;
    enum reply_kind kind;
    unsigned status;
    const char *type;
    struct buf body;
    struct jsonw json;
    struct reply_source source;
    struct http_header headers[HTTP_REPLY_HEADERS_MAX];
    unsigned nheaders;
    struct bell *bell; /* reply_wait(), or of a live reply */
    uint32_t wait_ms;
    bool waits, close; /* close: the connection after it */
};

struct exchange {
    struct request request;
    struct reply reply;
    struct arena arena;
    struct principal principal;
    struct http_server *http;
    struct target target;
    struct http_header headers[HTTP_HEADERS_MAX];
    unsigned nheaders;
    struct str params[HTTP_PARAMS_MAX];
    const char *param_names[HTTP_PARAMS_MAX]; /* "id}..." within the route's path */
    uint8_t param_lengths[HTTP_PARAMS_MAX];
    struct buf body;
    struct json_object *parsed[HTTP_JSON_MAX];
    unsigned nparsed;
    bool head, secure; /* secure: it came by TLS, at least to the proxy */
    uint64_t body_length;
    uint64_t moment;     /* of the bells, when the handler was entered */
    uint64_t generation; /* of the accounts, when they were asked last */
    bool identified;     /* by them */
    uint64_t started;    /* CLOCK_BOOTTIME, nanoseconds */
};

/* What the connection knows before anything is looked at; texts live as long as the exchange. */
struct exchange_start {
    struct str method, target;
    const struct http_header *headers;
    size_t nheaders;
    struct sockaddr_storage peer;
    bool secure;
};

int exchange_new(struct http_server *http, struct exchange **ret);
void exchange_free(struct exchange *exchange);
/* True: go on; false: the reply is there. */
bool exchange_open(struct exchange *exchange, const struct exchange_start *start);
/* `principal` NULL: accounts are asked. */
bool exchange_check(struct exchange *exchange, const struct principal *principal);
/* A piece of the body. False: too large, or out of memory; the reply is there. */
bool exchange_body(struct exchange *exchange, struct str piece);
/* The handler, when all of the body is there; also after a wait. HTTP_DONE: the reply is there. */
enum http_result exchange_handle(struct exchange *exchange);
/* After a reply was made of whatever kind: its headers that every reply has. */
void exchange_seal(struct exchange *exchange);

/* target.c. -EINVAL with a reason: not canonical, not UTF-8, too many parts. */
int target_parse(struct arena *arena, struct str text, struct target *ret, struct err *err);

/* route.c */
struct routes;
int routes_new(struct routes **ret, struct err *err); /* of all modules */
void routes_free(struct routes *routes);
/* NULL: no such path (*ret_allowed = 0) or not with this method (*ret_allowed: bits of enum http_method). */
const struct route *routes_find(const struct routes *routes, struct exchange *exchange,
                                unsigned *ret_allowed);
const struct route *routes_at(const struct routes *routes, size_t i); /* NULL at the end */
const char *http_method_name(enum http_method method);

/* problem.c */
const char *http_status_title(unsigned status);

/* reply.c: a body that goes on while the client listens: `more` is asked when the bell rang or the time is over. */
enum http_result reply_live(struct reply *reply, const char *type,
                            const struct reply_source *source, struct bell *bell,
                            uint32_t timeout_ms);
bool reply_has_header(const struct reply *reply, const char *name);
void reply_clear(struct reply *reply);
