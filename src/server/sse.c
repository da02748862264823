/*
 * sse: GET /v1/events, the hub's messages as server-sent events.
 *
 * The reply is a live one: when the listener's queue is empty its connection sleeps until the queue's bell rings
 * or a heartbeat is due, without a thread. When anybody's rights were taken, each stream is asked again whether its
 * own are still there.
 */
#include "server/sse.h"

#include "server/accounts.h"
#include "server/http_internal.h"
#include "server/hub_client.h"

#pragma weak accounts_identify
#pragma weak accounts_generation

struct stream {
    struct hub_client *client;
    struct server *server;
    const struct request *request;
    uint64_t generation; /* of the accounts, when it was last asked who listens */
};

static uint64_t generation_of(const struct server *server)
{
    return accounts_generation && server->accounts ? accounts_generation(server) : 0;
}

/* Somebody's rights were taken: were it this one's? */
static bool still_may(struct stream *stream)
{
    uint64_t now = generation_of(stream->server);
    struct principal who = { 0 };
    if (now == stream->generation) {
        return true;
    }
    stream->generation = now;
    return accounts_identify(stream->server, stream->request, &who) == 0 && who.may & MAY_READ;
}

static bool more(void *data, struct buf *buf)
{
    struct stream *stream = data;
    return still_may(stream) && hub_client_take(stream->client, buf);
}

static void done(void *data)
{
    hub_client_free(((struct stream *)data)->client);
}

enum http_result sse_events(struct server *server, struct request *request, struct reply *reply)
{
    struct stream *stream = ARENA_NEW(request->arena, struct stream);
    struct str last_id = request_header(request, "Last-Event-ID");
    if (!stream || hub_client_new(server->hub, last_id, &stream->client) < 0) {
        reply_header(reply, "Retry-After", STR("30"));
        return reply_problem(reply, 503, "too_many_listeners", "too many listen already");
    }
    const struct reply_source source = { .more = more, .done = done, .data = stream };
    stream->server = server;
    stream->request = request;
    stream->generation = generation_of(server);
    reply_header(reply, "X-Accel-Buffering", STR("no"));
    return reply_live(reply, "text/event-stream", &source, hub_client_bell(stream->client),
                      HUB_HEARTBEAT_S * 1000);
}
