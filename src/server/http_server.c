/*
 * http_server: what requests go through, with or without sockets.
 *
 * Made once per server, after its configuration and before its modules start; a unit test that calls routes
 * without a socket (http_call.h) has it too.
 */
#include "server/http_server.h"

#include "server/config.h"
#include "server/http_internal.h"
#include "server/http_limits.h"

#include <errno.h>
#include <stdlib.h>

int http_new(struct server *server, struct err *err)
{
    struct http_server *http = mem_zalloc(sizeof *http);
    if (!http) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    http->server = server;
    server->http = http;
    int r = routes_new(&http->routes, err);
    if (r == 0 && http_limits_new(server_config(server), &http->limits) < 0) {
        r = err_set(err, -ENOMEM, "out of memory");
    }
    if (r < 0) {
        http_free(server);
    }
    return r;
}

void http_free(struct server *server)
{
    if (server->http) {
        http_stop(server);
        http_limits_free(server->http->limits);
        routes_free(server->http->routes);
        free(server->http);
        server->http = NULL;
    }
}
