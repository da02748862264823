/*
 * sse: GET /v1/events, the hub's messages as server-sent events.
 *
 * The reply is a live one: when the listener's queue is empty its connection sleeps until the queue's bell rings
 * or a heartbeat is due, without a thread.
 */
#include "server/sse.h"

#include "base/clock.h"
#include "server/http_internal.h"
#include "server/hub_client.h"

#include <errno.h>

static bool more(void *data, struct buf *buf)
{
    return hub_client_take(data, buf);
}

static void done(void *data)
{
    hub_client_free(data);
}

enum http_result sse_events(struct server *server, struct request *request, struct reply *reply)
{
    struct hub_client *client;
    int r = hub_client_new(server->hub, request_header(request, "Last-Event-ID"), &client);
    if (r < 0) {
        reply_header(reply, "Retry-After", STR("30"));
        return reply_problem(reply, 503, "too_many_listeners", "too many listen already");
    }
    const struct reply_source source = { .more = more, .done = done, .data = client };
    reply_header(reply, "X-Accel-Buffering", STR("no"));
    return reply_live(reply, "text/event-stream", &source, hub_client_bell(client),
                      HUB_HEARTBEAT_S * 1000);
}
