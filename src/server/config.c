/*
 * config: what a server without a configuration has.
 */
#include "server/config.h"

#include "server/server.h"

static const struct server_config defaults = { .listen = "127.0.0.1:8765", .metrics = true };

const struct server_config *server_config(const struct server *server)
{
    return server->config ? server->config : &defaults;
}
