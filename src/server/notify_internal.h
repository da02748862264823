/*
 * notify_internal: what the files of the notifications module share; nobody else includes it.
 */
#pragma once

#include "notify/kinds.h"
#include "server/findings_internal.h"
#include "store/notify.h"

#define NOTIFY_TEST_WAIT_MS 60000

struct notify_queue;
struct notify_judge;

struct notify {
    struct notify_queue *queue;
    struct notify_judge *judge;
};

/* An object of JSON as text, in the request's arena. False: memory is out, and the reply says so. */
bool notify_json_text(struct request *request, struct json_object *object, struct str *ret,
                      struct reply *reply);
/* A text as null when it is empty. */
void notify_put_text(struct jsonw *w, const char *key, struct str text);
/* The channel with that id among them; NULL. */
const struct notify_channel *notify_find_channel(const struct notify_channel *all, size_t n,
                                                 int64_t id);
/* One of "en", "ja", or, if `may_be_empty`, null. False: the reply is a 422. */
bool notify_language(struct request *request, struct json_object *body, bool may_be_empty,
                     struct str *ret, struct reply *reply);
void notify_put_delivery(struct jsonw *w, const struct notify_delivery *delivery);

HANDLER(notify_channels);
HANDLER(notify_channel_get);
HANDLER(notify_channel_add);
HANDLER(notify_channel_change);
HANDLER(notify_channel_remove);
HANDLER(notify_channel_test);
HANDLER(notify_rules);
HANDLER(notify_rule_get);
HANDLER(notify_rule_add);
HANDLER(notify_rule_change);
HANDLER(notify_rule_remove);
HANDLER(notify_deliveries);
HANDLER(notify_delivery_get);
HANDLER(notify_delivery_retry);
