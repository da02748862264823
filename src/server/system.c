/*
 * system: what the server says of itself: health, version, events.
 *
 * Anybody may ask for health and version; nothing else is told to who is not known.
 */
#include "server/server.h"
#include "server/sse.h"

#include <errno.h>

#ifndef HINOMI_VERSION
#define HINOMI_VERSION "0.1.0"
#endif

static enum http_result health(struct server *server, struct request *request, struct reply *reply)
{
    struct err err = { 0 };
    (void)request;
    int r =
        server->store && server->store->ops ? server->store->ops->probe(server->store, &err) : 0;
    struct jsonw *w = reply_json(reply, r < 0 ? 503 : 200);
    jsonw_object(w, NULL);
    jsonw_bool(w, "ok", r == 0);
    if (r < 0) {
        jsonw_strz(w, "reason", "the store does not work; the server's log says why");
    }
    jsonw_end(w);
    return HTTP_DONE;
}

static enum http_result version(struct server *server, struct request *request, struct reply *reply)
{
    (void)server;
    (void)request;
    struct jsonw *w = reply_json(reply, 200);
    jsonw_object(w, NULL);
    jsonw_strz(w, "version", HINOMI_VERSION);
    jsonw_end(w);
    return HTTP_DONE;
}

static const struct route routes[] = {
    { .method = HTTP_GET,
      .path = "/v1/health",
      .handle = health,
      .tag = "system",
      .summary = "Whether the server works",
      .answer = "health" },
    { .method = HTTP_GET,
      .path = "/v1/version",
      .handle = version,
      .tag = "system",
      .summary = "Version of the server",
      .answer = "version" },
    { .method = HTTP_GET,
      .path = "/v1/events",
      .may = MAY_READ,
      .flags = ROUTE_STREAM,
      .handle = sse_events,
      .tag = "system",
      .summary = "Changes as they happen (server-sent events)" },
};

const struct server_module system_module = {
    .name = "system",
    .routes = routes,
    .nroutes = sizeof(routes) / sizeof(*routes),
};
