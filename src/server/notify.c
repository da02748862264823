/*
 * notify: the module's routes. Channels and rules are people's; what is delivered is made by the intake, in the
 * transaction that changes a finding.
 */
#include "server/notify_internal.h"

#include "base/log.h"

#include <errno.h>
#include <stdlib.h>

#define KEEP_MS  (INT64_C(90) * 24 * 3600 * 1000) /* of the log */
#define PRUNE_MS (INT64_C(10) * 60 * 1000)
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
    { HTTP_POST, CHANNELS "/{id}/test", MAY_ADMIN, 0, notify_channel_test, TAG,
      "Sends a message through it, and answers with what came of it", NULL, NULL,
      "notification-delivery", 0 },
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

static void stop(struct server *server)
{
    struct notify *notify = server->notify;
    if (!notify) {
        return;
    }
    notify_judge_stop(notify->judge);
    notify_queue_stop(notify->queue);
    free(notify);
    server->notify = NULL;
}

static int start(struct server *server, struct err *err)
{
    if (!server->store || !server->store->notify) {
        return err_set(err, -ENOSYS, "this store keeps no notifications");
    }
    server->notify = mem_zalloc(sizeof(*server->notify));
    if (!server->notify) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    int r = notify_queue_start(server, &server->notify->queue, err);
    r = r == 0 ? notify_judge_start(server, &server->notify->judge, err) : r;
    if (r < 0) {
        stop(server);
    }
    return r;
}

static void prune(struct server *server)
{
    struct notify *notify = server->notify;
    struct err err = { 0 };
    int64_t now_ms = server->now_ms();
    bool more = false;
    if (now_ms - notify->pruned_ms < PRUNE_MS && now_ms >= notify->pruned_ms) {
        return;
    }
    if (server->store->notify->prune(server->store, now_ms - KEEP_MS, &more, &err) < 0) {
        log_warning("the log of notifications is not pruned: %s", err.message);
    }
    notify->pruned_ms = more ? 0 : now_ms;
}

static void tick(struct server *server)
{
    notify_judge_tick(server->notify->judge);
    prune(server);
}

const struct server_module notify_module = {
    .name = "notify",
    .routes = routes,
    .nroutes = sizeof(routes) / sizeof(*routes),
    .start = start,
    .tick = tick,
    .stop = stop,
};
