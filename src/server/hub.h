/*
 * hub: what changed, told to everybody who listens at GET /v1/events (server-sent events).
 *
 * Messages are small: what changed, not its contents; a client that is too slow loses its queue and is told so
 * ("event: lost"), and asks the API again. Any thread publishes; publishing never waits.
 */
#pragma once

#include "base/str.h"

#include <stdint.h>

#define HUB_CLIENTS_MAX 4096
#define HUB_QUEUE_MAX   256  /* messages per client */
#define HUB_MESSAGE_MAX 4096 /* bytes */

enum hub_topic {
    HUB_FINDING, /* {"id","change":"new"|"updated","rule","severity","status","count",...} */
    HUB_AGENT,   /* {"id","state",...}; rules version applied */
    HUB_CONTENT, /* {"version"} */
    HUB_SYSTEM,  /* losses, disk, ... */
    HUB_TOPICS,
};

struct hub;

int hub_new(struct hub **ret);
void hub_free(struct hub *hub);
/* `json` is one line. */
void hub_publish(struct hub *hub, enum hub_topic topic, struct str json);
