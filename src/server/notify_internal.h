/*
 * notify_internal: what the files of the notifications module share; nobody else includes it.
 */
#pragma once

#include "notify/kinds.h"
#include "notify/message.h"
#include "server/findings_internal.h"
#include "store/notify.h"

struct notify_queue;
struct notify_judge;

struct notify {
    struct notify_queue *queue;
    struct notify_judge *judge;
    int64_t queued;    /* atomic; about so many deliveries wait */
    int64_t pruned_ms; /* when the log was shortened last */
};

/* notify_judge.c: which findings are told of. */
int notify_judge_start(struct server *server, struct notify_judge **ret, struct err *err);
void notify_judge_tick(struct notify_judge *judge);
void notify_judge_stop(struct notify_judge *judge);
/* After a rule changed. */
int notify_judge_renew(struct notify_judge *judge, struct err *err);
/* So many wait: for the limit. */
void notify_judge_queued(struct notify *notify, int64_t queued);

/* notify_queue.c: the thread that sends. */
int notify_queue_start(struct server *server, struct notify_queue **ret, struct err *err);
/* The courier was closed before. What goes is not counted, and is sent again by the next server. */
void notify_queue_stop(struct notify_queue *queue);
void notify_queue_wake(struct notify_queue *queue); /* there may be something to do */
struct bell *
notify_queue_bell(struct notify_queue *queue); /* rings after deliveries were settled */

/* notify_making.c: a delivery as a message; server and arena are the caller's to set. End it in any case. */
struct notify_making {
    struct server *server;
    struct arena *arena;
    const struct notify_kind *kind;
    struct notify_message message;
    struct finding finding;
    struct json_object *settings, *secrets, *alert;
    struct report report;
};
int notify_making_begin(struct notify_making *making, const struct notify_channel *channel,
                        const struct notify_delivery *delivery, struct err *err);
void notify_making_end(struct notify_making *making);

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
