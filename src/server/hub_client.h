/*
 * hub_client: one listener of the hub; for sse.c and tests.
 */
#pragma once

#include "base/buf.h"
#include "server/hub.h"

#include <stdbool.h>

#define HUB_HEARTBEAT_S UINT64_C(15)
#define HUB_STREAM_S    UINT64_C(600)

struct bell;
struct hub_client;

/* `last_id`: of the message it has seen last, before; empty: none. -ENOMEM, -EBUSY: HUB_CLIENTS_MAX listen. */
int hub_client_new(struct hub *hub, struct str last_id, struct hub_client **ret);
void hub_client_free(struct hub_client *client);
struct bell *hub_client_bell(const struct hub_client *client); /* rings when there is something */
/* What there is, as server-sent events; nothing is appended when there is nothing. False: the stream is over. */
bool hub_client_take(struct hub_client *client, struct buf *buf);

struct hub_counts {
    uint64_t clients, published, lost;
};
void hub_counts(struct hub *hub, struct hub_counts *ret);
