/*
 * http_call: a route called without a socket, for tests of handlers: the same steps as a request from outside.
 *
 *     struct http_answer answer;
 *     http_call(&server, &(struct http_call){ .method = "GET", .target = "/v1/health" }, &answer);
 *     ... answer.status, answer.body ...
 *     http_answer_done(&answer);
 *
 * The routes are those of all modules that are linked; the modules are started by the test, as it needs them.
 */
#pragma once

#include "server/http.h"

#define HTTP_CALL_HEADERS_MAX 16

struct http_call_header {
    const char *name, *value;
};

struct http_call {
    const char *method, *target;                            /* "GET", "/v1/findings?limit=10" */
    struct http_call_header headers[HTTP_CALL_HEADERS_MAX]; /* to the first without a name */
    struct str body; /* with a body and no Content-Type, application/json is meant */
    const struct principal *principal; /* NULL: as the headers say, through accounts */
    const char *peer;                  /* "192.0.2.1"; NULL: 127.0.0.1 */
    unsigned
        wait_ms; /* a reply that waits: at most so long, then it is told that its time is over; 0: as
                       * long as it wants */
};

struct http_answer {
    unsigned status;
    const char *type;
    struct str body;           /* NUL-terminated; of a live stream, what there is at once */
    struct json_object *json;  /* when the type says so */
    struct exchange *exchange; /* owns all of it */
};

/* -ENOMEM; everything else is an answer. */
int http_call(struct server *server, const struct http_call *call, struct http_answer *ret);
struct str http_answer_header(const struct http_answer *answer, const char *name);
void http_answer_done(struct http_answer *answer);
