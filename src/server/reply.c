/*
 * reply: what handlers fill, whatever carries it.
 *
 * The last one made is the one that is sent: each reply_... forgets what was there before, but for headers, which
 * add up. Header values come from handlers and sometimes from people: those with control characters are left
 * out, so nothing can be split.
 */
#include "server/http_internal.h"

static void drop_source(struct reply *reply)
{
    if ((reply->kind == REPLY_SOURCE || reply->kind == REPLY_LIVE) && reply->source.done) {
        reply->source.done(reply->source.data);
    }
    reply->source = (struct reply_source){ 0 };
}

void reply_clear(struct reply *reply)
{
    drop_source(reply);
    buf_done(&reply->body);
    reply->kind = REPLY_NONE;
}

static void start(struct reply *reply, enum reply_kind kind, unsigned status, const char *type)
{
    drop_source(reply);
    buf_clear(&reply->body);
    reply->kind = kind;
    reply->status = status;
    reply->type = type;
    reply->waits = false;
}

struct jsonw *reply_json(struct reply *reply, unsigned status)
{
    start(reply, REPLY_BODY, status, "application/json");
    reply->json = (struct jsonw){ .buf = &reply->body };
    return &reply->json;
}

enum http_result reply_json_text(struct reply *reply, unsigned status, struct str json)
{
    return reply_bytes(reply, status, "application/json", json);
}

enum http_result reply_bytes(struct reply *reply, unsigned status, const char *type,
                             struct str body)
{
    start(reply, REPLY_BODY, status, type);
    buf_puts(&reply->body, body);
    return HTTP_DONE;
}

enum http_result reply_empty(struct reply *reply, unsigned status)
{
    start(reply, REPLY_BODY, status, NULL);
    return HTTP_DONE;
}

enum http_result reply_stream(struct reply *reply, unsigned status, const char *type,
                              const struct reply_source *source)
{
    start(reply, REPLY_SOURCE, status, type);
    reply->source = *source;
    return HTTP_DONE;
}

enum http_result reply_live(struct reply *reply, const char *type,
                            const struct reply_source *source, struct bell *bell,
                            uint32_t timeout_ms)
{
    start(reply, REPLY_LIVE, 200, type);
    reply->source = *source;
    reply->bell = bell;
    reply->wait_ms = timeout_ms;
    return HTTP_DONE;
}

static bool is_printable(struct str value)
{
    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];
        if ((c < 0x20 && c != '\t') || c == 0x7f) {
            return false;
        }
    }
    return true;
}

void reply_header(struct reply *reply, const char *name, struct str value)
{
    struct arena *arena = reply->request->arena;
    struct str kept_name = arena_str(arena, str_of(name)), kept = arena_str(arena, value);
    if (reply->nheaders < HTTP_REPLY_HEADERS_MAX && kept_name.p && kept.p && is_printable(value)) {
        reply->headers[reply->nheaders++] = (struct http_header){ kept_name, kept };
    }
}

bool reply_has_header(const struct reply *reply, const char *name)
{
    for (unsigned i = 0; i < reply->nheaders; i++) {
        if (str_ieq(reply->headers[i].name, str_of(name))) {
            return true;
        }
    }
    return false;
}

void reply_wait(struct reply *reply, struct bell *bell, uint32_t timeout_ms)
{
    reply->bell = bell;
    reply->wait_ms = timeout_ms;
    reply->waits = true;
}
