/*
 * notify: the module's routes. Channels and rules are people's; what is delivered is made by the intake, in the
 * transaction that changes a finding.
 */
#include "server/notify_internal.h"

#include <errno.h>

#define TAG      "notifications"
#define CHANNELS "/v1/notifications/channels"
#define RULES    "/v1/notifications/rules"
#define LOG      "/v1/notifications/deliveries"

/* lint: table */
static const struct route routes[] = {
    { HTTP_GET, CHANNELS, MAY_READ, 0, notify_channels, TAG, "Where messages go", NULL, NULL,
      "notification-channels", 0 },
    { HTTP_POST, CHANNELS, MAY_ADMIN, 0, notify_channel_add, TAG, "Adds a channel", NULL,
      "notification-channel-new", "notification-channel", 0 },
    { HTTP_GET, CHANNELS "/{id}", MAY_READ, 0, notify_channel_get, TAG, "One channel", NULL, NULL,
      "notification-channel", 0 },
    { HTTP_PATCH, CHANNELS "/{id}", MAY_ADMIN, 0, notify_channel_change, TAG, "Changes a channel",
      NULL, "notification-channel-change", "notification-channel", 0 },
    { HTTP_DELETE, CHANNELS "/{id}", MAY_ADMIN, 0, notify_channel_remove, TAG,
      "Removes a channel; what waits for it is given up", NULL, NULL, NULL, 0 },
    { HTTP_GET, RULES, MAY_READ, 0, notify_rules, TAG, "Which findings go to which channels", NULL,
      NULL, "notification-rules", 0 },
    { HTTP_POST, RULES, MAY_TRIAGE, 0, notify_rule_add, TAG, "Adds a rule", NULL,
      "notification-rule-new", "notification-rule", 0 },
    { HTTP_GET, RULES "/{id}", MAY_READ, 0, notify_rule_get, TAG, "One rule", NULL, NULL,
      "notification-rule", 0 },
    { HTTP_PATCH, RULES "/{id}", MAY_TRIAGE, 0, notify_rule_change, TAG, "Changes a rule", NULL,
      "notification-rule-change", "notification-rule", 0 },
    { HTTP_DELETE, RULES "/{id}", MAY_TRIAGE, 0, notify_rule_remove, TAG, "Removes a rule", NULL,
      NULL, NULL, 0 },
    { HTTP_GET, LOG, MAY_READ, 0, notify_deliveries, TAG,
      "What was sent, waits, or was given up (state=dead), newest first",
      "channel rule state finding limit cursor", NULL, "notification-deliveries", 0 },
    { HTTP_GET, LOG "/{id}", MAY_READ, 0, notify_delivery_get, TAG, "One delivery", NULL, NULL,
      "notification-delivery", 0 },
    { HTTP_POST, LOG "/{id}/retry", MAY_TRIAGE, 0, notify_delivery_retry, TAG,
      "Tries one again that was given up", NULL, NULL, "notification-delivery", 0 },
};

static int start(struct server *server, struct err *err)
{
    return server->store && server->store->notify
               ? 0
               : err_set(err, -ENOSYS, "this store keeps no notifications");
}

const struct server_module notify_module = {
    .name = "notify",
    .routes = routes,
    .nroutes = sizeof(routes) / sizeof(*routes),
    .start = start,
};
