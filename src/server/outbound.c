/*
 * outbound: what the configuration says of where the server's courier may go, and how.
 *
 * A file of certificates is read here: the courier's own process reads no files that a configuration names.
 */
#include "server/outbound.h"

#include "aws/aws.h"
#include "base/fd.h"
#include "courier/courier.h"
#include "server/config.h"

#ifndef HINOMI_VERSION
#define HINOMI_VERSION "0.1.0"
#endif

static int start_aws(struct server *server, const struct server_config *config, struct err *err)
{
    const struct aws_options options = { .courier = server->courier,
                                         .access_key_id = config->aws_access_key_id,
                                         .secret_access_key = config->aws_secret_access_key,
                                         .region = config->aws_region,
                                         .ecs_endpoint = config->aws_endpoint,
                                         .sns_endpoint = config->aws_sns_endpoint,
                                         .events_endpoint = config->aws_events_endpoint };
    return aws_new(&options, &server->aws, err);
}

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
    return r == 0 ? start_aws(server, config, err) : r;
}

void outbound_stop(struct server *server)
{
    courier_close(server->courier);
    aws_free(server->aws);
    courier_free(server->courier);
    server->aws = NULL;
    server->courier = NULL;
}
