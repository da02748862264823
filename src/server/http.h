/*
 * http: requests and replies, apart from how they travel; what a handler of the server sees.
 *
 * A route is one line of a module's table: method, path, who may, handler, and what the reference says of it;
 * the OpenAPI document is made from the same lines. Handlers run on the request threads, one at a time per
 * request; they may read and write the store. They return:
 *
 *     HTTP_DONE   the reply is filled
 *     HTTP_WAIT   call again when the bell rings or the time is over (reply_wait() was called)
 *
 * Everything a request sizes comes from its arena, which ends with the reply.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <json-c/json.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#define HTTP_BODY_MAX   ((size_t)1 << 20)  /* unless the route says otherwise */
#define HTTP_ARENA_MAX  ((size_t)64 << 20) /* of one request */
#define HTTP_PARAMS_MAX 4                  /* {names} in one path */
#define HTTP_TEXT_MAX   8192               /* a path with its query */
#define HTTP_JSON_DEPTH 32

struct server;
struct request;
struct reply;

enum http_method { HTTP_GET, HTTP_POST, HTTP_PUT, HTTP_PATCH, HTTP_DELETE };
enum http_result { HTTP_DONE, HTTP_WAIT };

/* What somebody may do; a role or a token's scopes are a set of these. */
enum permission {
    MAY_ANYONE = 0,          /* no credentials looked at */
    MAY_READ = 1 << 0,       /* everything the console shows */
    MAY_TRIAGE = 1 << 1,     /* status, notes, assignee, suppression, exceptions */
    MAY_CONTENT = 1 << 2,    /* policies, rules, macros, lists */
    MAY_RESPOND = 1 << 3,    /* kill, stop, capture */
    MAY_ADMIN = 1 << 4,      /* users, tokens, agents, backup, audit */
    MAY_AGENT = 1 << 5,      /* an agent of itself: {id} of the path must be its own */
    MAY_SEND_FALCO = 1 << 6, /* POST / */
    MAY_ENROL = 1 << 7,      /* an enrolment token */
    MAY_SELF = 1 << 8,       /* anybody who is logged in: its own session and settings */
};

enum principal_kind { PRINCIPAL_NOBODY, PRINCIPAL_USER, PRINCIPAL_TOKEN, PRINCIPAL_AGENT };

struct principal {
    enum principal_kind kind;
    int64_t id;      /* user, token; 0 otherwise */
    struct str name; /* user's or token's name, agent's id: for the audit log */
    unsigned may;    /* enum permission */
    bool
        by_cookie; /* then what changes something must carry the CSRF token (checked before the handler) */
};

enum route_flag {
    ROUTE_STREAM = 1 << 0, /* server-sent events */
    ROUTE_RAW = 1 << 1,    /* the body is not JSON; any Content-Type of `consumes` */
    ROUTE_AUDIT =
        1 << 2, /* successes are written to the audit log by themselves: method, path, name */
    ROUTE_HIDDEN = 1 << 3, /* not in the OpenAPI document (the console's files) */
    ROUTE_PAGE = 1 << 4,   /* a page: its query is its script's business, any is taken */
};

struct route {
    enum http_method method;
    const char *path; /* "/v1/findings/{id}" */
    unsigned may;     /* one of enum permission */
    unsigned flags;
    enum http_result (*handle)(struct server *server, struct request *request, struct reply *reply);
    const char *tag, *summary; /* of the reference; "findings", "One finding" */
    const char *query;         /* "filter limit cursor": names that are allowed; others are 400 */
    const char *body, *answer; /* names of schemas (src/server/schemas/NAME.json); NULL none */
    size_t body_max;           /* 0: HTTP_BODY_MAX */
};

struct request {
    struct server *server;
    struct arena *arena;
    const struct route *route;
    enum http_method method;
    struct str path;
    struct str body; /* whole; as it was sent (Content-Encoding is the handler's business) */
    const struct principal *principal;
    struct sockaddr_storage peer; /* the client, through trusted proxies */
    char id[17];                  /* of this request, in problems and logs */
    bool waited;                  /* called again after HTTP_WAIT */
    bool timed_out;               /* ... because its time is over */
    void *kept;                   /* the handler's, between HTTP_WAITs; in the arena */
    void *connection;             /* http's own */
};

/* A part of the path by its name in the route ("id"), percent-decoded: UTF-8, not empty, not "." or "..", without
 * control characters and '\\'. A '/' in it was sent as %2F: names have slashes, so it is no name of a file. */
struct str request_param(const struct request *request, const char *name);
/* Of the query, percent-decoded; .p == NULL: absent. UTF-8 was checked. */
struct str request_query(const struct request *request, const char *name);
/* A decimal number of the query, `absent` if it is not there. False: the reply is a 400 that says why. */
bool request_number(const struct request *request, const char *name, int64_t least, int64_t most,
                    int64_t absent, int64_t *ret, struct reply *reply);
struct str request_header(const struct request *request, const char *name); /* .p == NULL: absent */
/* It came over TLS, if need be up to a trusted proxy: for cookies' Secure. */
bool request_secure(const struct request *request);
/* The body as strict JSON, an object; freed with the request. NULL: the reply is a 400/415 that says why. */
struct json_object *request_json(struct request *request, struct reply *reply);
/* Members of it. False: missing or of another type, and the reply is a 422 that names it. `required` false:
 * an absent or null member leaves *ret as it was. */
bool request_member_text(struct request *request, struct json_object *object, const char *key,
                         bool required, size_t max, struct str *ret, struct reply *reply);
bool request_member_number(struct request *request, struct json_object *object, const char *key,
                           bool required, int64_t least, int64_t most, int64_t *ret,
                           struct reply *reply);
bool request_member_bool(struct request *request, struct json_object *object, const char *key,
                         bool required, bool *ret, struct reply *reply);
/* Any member that is not among these blank-separated names is a 422 with a hint. */
bool request_members_only(struct request *request, struct json_object *object, const char *names,
                          struct reply *reply);

struct bell; /* server/bell.h */

/* Pulls a body of unknown length: appends the next piece; true while there is more. `done` frees data. */
struct reply_source {
    bool (*more)(void *data, struct buf *buf);
    void (*done)(void *data);
    void *data;
};

/* JSON body: write one value to the jsonw, then return HTTP_DONE. `reply_json` sets status and type. */
struct jsonw *reply_json(struct reply *reply, unsigned status);
/* Any other body, copied. */
enum http_result reply_bytes(struct reply *reply, unsigned status, const char *type,
                             struct str body);
enum http_result reply_empty(struct reply *reply, unsigned status); /* 204 */
enum http_result reply_stream(struct reply *reply, unsigned status, const char *type,
                              const struct reply_source *source);
void reply_header(struct reply *reply, const char *name,
                  struct str value); /* no control characters */
/*
 * RFC 9457: {"type":"about:blank","title":...,"status":...,"detail":...,"request":ID}. `code` is a stable word for
 * programs ("agent_revoked"), member "code".
 */
enum http_result reply_problem(struct reply *reply, unsigned status, const char *code,
                               const char *format, ...) __attribute__((format(printf, 4, 5)));
/* -errno of the store as a problem: ENOENT 404, EEXIST and ESTALE 409, EINVAL 422, ENOSPC 507, EBUSY 503, else
 * 500, whose reason goes to the log only. */
enum http_result reply_error(struct reply *reply, const struct err *err);
/* 200 JSON of a whole text that is JSON already. */
enum http_result reply_json_text(struct reply *reply, unsigned status, struct str json);
/* Then return HTTP_WAIT: the handler is called again when the bell rings, or rang since the handler was entered; at
 * the latest after timeout_ms. */
void reply_wait(struct reply *reply, struct bell *bell, uint32_t timeout_ms);
