/*
 * http_call: an exchange of a test's words.
 *
 * The steps are those of a connection (http_listen.c) without its deadlines. A reply that waits blocks the caller
 * on a condition until its bell rings or its time is over. A streamed body is pulled to its end.
 */
#include "server/http_call.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "server/http_internal.h"
#include "server/http_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>

struct blocked {
    struct bell_waiter waiter; /* the first member */
    pthread_mutex_t lock;
    pthread_cond_t rang_now;
    bool rang;
};

static void wake(struct bell_waiter *waiter)
{
    struct blocked *blocked = (struct blocked *)waiter;
    pthread_mutex_lock(&blocked->lock);
    blocked->rang = true;
    pthread_cond_signal(&blocked->rang_now);
    pthread_mutex_unlock(&blocked->lock);
}

/* True: it rang. */
static bool block(struct bell *bell, uint32_t ms, uint64_t since)
{
    struct blocked blocked = { .waiter.wake = wake,
                               .lock = PTHREAD_MUTEX_INITIALIZER,
                               .rang_now = PTHREAD_COND_INITIALIZER };
    uint64_t until_ns = clock_real_ns() + ms * NS_PER_MS;
    struct timespec until = { (time_t)(until_ns / NS_PER_S), (long)(until_ns % NS_PER_S) };
    if (!bell_wait(bell, &blocked.waiter, since)) {
        return true;
    }
    int r = 0;
    pthread_mutex_lock(&blocked.lock);
    while (!blocked.rang && r == 0) {
        r = pthread_cond_timedwait(&blocked.rang_now, &blocked.lock, &until);
    }
    pthread_mutex_unlock(&blocked.lock);
    bell_leave(bell, &blocked.waiter);
    return blocked.rang;
}

static bool has_header(const struct http_call *call, const char *name)
{
    for (unsigned i = 0; i < HTTP_CALL_HEADERS_MAX && call->headers[i].name; i++) {
        if (str_ieq(str_of(call->headers[i].name), str_of(name))) {
            return true;
        }
    }
    return false;
}

static bool open_call(struct exchange *x, const struct http_call *call)
{
    struct http_header headers[HTTP_CALL_HEADERS_MAX + 3];
    char length[24];
    struct exchange_start start = { .method = str_of(call->method),
                                    .target = str_of(call->target),
                                    .headers = headers };
    struct sockaddr_in *peer = (struct sockaddr_in *)&start.peer;
    peer->sin_family = AF_INET;
    inet_pton(AF_INET, call->peer ? call->peer : "127.0.0.1", &peer->sin_addr);
    for (unsigned i = 0; i < HTTP_CALL_HEADERS_MAX && call->headers[i].name; i++) {
        headers[start.nheaders++] =
            (struct http_header){ str_of(call->headers[i].name), str_of(call->headers[i].value) };
    }
    if (!has_header(call, "Host")) {
        headers[start.nheaders++] = (struct http_header){ STR("Host"), STR("localhost") };
    }
    if (call->body.n && !has_header(call, "Content-Type")) {
        headers[start.nheaders++] =
            (struct http_header){ STR("Content-Type"), STR("application/json") };
    }
    if (call->body.n && !has_header(call, "Content-Length")) {
        snprintf(length, sizeof(length), "%zu", call->body.n);
        headers[start.nheaders++] = (struct http_header){ STR("Content-Length"), str_of(length) };
    }
    return exchange_open(x, &start) && exchange_check(x, call->principal) &&
           (!call->body.n || exchange_body(x, call->body));
}

static void handle(struct exchange *x, const struct http_call *call)
{
    while (exchange_handle(x) == HTTP_WAIT) {
        bool shorter = call->wait_ms && call->wait_ms < x->reply.wait_ms;
        x->request.waited = true;
        x->request.timed_out =
            !block(x->reply.bell, shorter ? call->wait_ms : x->reply.wait_ms, x->moment);
    }
}

static void pull(struct reply *reply)
{
    if (reply->kind == REPLY_SOURCE || reply->kind == REPLY_LIVE) {
        bool more = true;
        while (more && !reply->body.failed) {
            more =
                reply->source.more(reply->source.data, &reply->body) && reply->kind == REPLY_SOURCE;
        }
    }
}

int http_call(struct server *server, const struct http_call *call, struct http_answer *ret)
{
    struct exchange *x;
    struct err err;
    if (!server->http && http_new(server, &err) < 0) {
        return -ENOMEM;
    }
    if (exchange_new(server->http, &x) < 0) {
        return -ENOMEM;
    }
    if (open_call(x, call)) {
        handle(x, call);
    }
    pull(&x->reply);
    exchange_seal(x);
    buf_putc(&x->reply.body, '\0');
    if (x->reply.body.failed) {
        exchange_free(x);
        return -ENOMEM;
    }
    *ret = (struct http_answer){ .status = x->reply.status,
                                 .type = x->reply.type,
                                 .body = { x->reply.body.p, x->reply.body.n - 1 },
                                 .exchange = x };
    if (ret->type && str_ends(str_of(ret->type), STR("json"))) {
        ret->json = json_tokener_parse(ret->body.p);
    }
    return 0;
}

struct str http_answer_header(const struct http_answer *answer, const char *name)
{
    const struct reply *reply = &answer->exchange->reply;
    for (unsigned i = 0; i < reply->nheaders; i++) {
        if (str_ieq(reply->headers[i].name, str_of(name))) {
            return reply->headers[i].value;
        }
    }
    return (struct str){ NULL, 0 };
}

void http_answer_done(struct http_answer *answer)
{
    json_object_put(answer->json);
    exchange_free(answer->exchange);
    *answer = (struct http_answer){ 0 };
}
