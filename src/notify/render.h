/*
 * render: a message as each kind of channel sends it. Texts are made in the message's arena.
 */
#pragma once

#include "notify/message.h"

struct courier_request;

int notify_make_email(const struct notify_message *message, struct courier_request *ret,
                      struct err *err);
int notify_make_slack(const struct notify_message *message, struct courier_request *ret,
                      struct err *err);
/*
 * Signed: Hinomi-Timestamp (seconds) and Hinomi-Signature "v1=" and the hexadecimal HMAC-SHA256, with the channel's
 * secret, of timestamp, "." and body. Who receives it refuses what is older than five minutes.
 */
int notify_make_webhook(const struct notify_message *message, struct courier_request *ret,
                        struct err *err);
int notify_make_falcosidekick(const struct notify_message *message, struct courier_request *ret,
                              struct err *err);

int notify_make_sns(const struct notify_message *message, struct courier_request *ret,
                    struct err *err);
int notify_make_event(const struct notify_message *message, struct courier_request *ret,
                      struct err *err);

/* All of it as plain text. */
void notify_put_plain(struct buf *buf, const struct notify_message *message);
/* All of it as one object, that of webhooks. */
void notify_put_json(struct jsonw *w, const struct notify_message *message, bool with_alert);
/* Bytes as lower-case hexadecimal digits. */
void notify_put_hex(struct buf *buf, const unsigned char *p, size_t n);
/* The buffer's text in the arena, the buffer ended; -ENOMEM. */
int notify_keep(struct arena *arena, struct buf *buf, struct str *ret, struct err *err);
/* POST of JSON to url, with a header Authorization when the secrets have one; room for two headers more. */
int notify_post(const struct notify_message *message, struct str url, struct str body,
                struct courier_request *ret, struct err *err);
