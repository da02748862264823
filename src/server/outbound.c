/*
 * outbound: what the configuration says of where the server's courier may go, and how.
 *
 * A file of certificates is read here: the courier's own process reads no files that a configuration names.
 */
#include "server/outbound.h"

#include "base/fd.h"
#include "courier/courier.h"
#include "server/config.h"

#ifndef HINOMI_VERSION
#define HINOMI_VERSION "0.1.0"
#endif

int outbound_start(struct server *server, struct err *err)
{
    const struct server_config *config = server_config(server);
    struct courier_options options = { .allow_private = config->outbound_allow_private,
                                       .allow = config->outbound_allow.items,
                                       .nallow = config->outbound_allow.n,
                                       .proxy = str_of(config->outbound_proxy),
                                       .agent = STR("hinomi-server/" HINOMI_VERSION) };
    struct buf ca;
    if (!server->courier) {
        return 0;
    }
    buf_init(&ca, COURIER_CA_MAX);
    int r = config->outbound_ca ? file_read(config->outbound_ca, &ca, err) : 0;
    r = r < 0 ? err_wrap(err, "`outbound.ca`") : 0;
    options.ca = buf_str(&ca);
    r = r == 0 ? courier_start(server->courier, &options, err) : r;
    buf_done(&ca);
    return r;
}
