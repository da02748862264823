/*
 * sqlite_notify: what sqlite_notify.c (channels, rules) and sqlite_notify_queue.c (deliveries) share.
 */
#pragma once

#include "store/notify.h"
#include "store/sqlite_content.h"

int sqlite_notify_count(struct sqlite3 *db, const char *literal, int64_t *ret, struct err *err);

int sqlite_notify_enqueue(struct ingest_tx *tx, const struct notify_delivery *delivery,
                          bool overflow, struct err *err);
int sqlite_notify_add(struct store *store, const struct notify_delivery *delivery, int64_t *ret_id,
                      struct err *err);
int sqlite_notify_due(struct store *store, int64_t channel, int64_t now_ms, uint32_t limit,
                      struct arena *arena, struct notify_deliveries *ret, struct err *err);
int sqlite_notify_tests(struct store *store, uint32_t limit, struct arena *arena,
                        struct notify_deliveries *ret, struct err *err);
int sqlite_notify_waiting(struct store *store, struct arena *arena, struct notify_pace **ret,
                          size_t *ret_n, struct err *err);
int sqlite_notify_lead(struct store *store, const struct notify_pace *pace, int64_t now_ms,
                       struct err *err);
int sqlite_notify_tell_overflow(struct store *store, struct err *err);
int sqlite_notify_settle(struct store *store, const struct notify_settled *settled, size_t n,
                         struct err *err);
int sqlite_notify_told_by(struct store *store, int64_t id, uint32_t limit, struct arena *arena,
                          struct notify_deliveries *ret, struct err *err);
int sqlite_notify_log(struct store *store, const struct notify_log_query *query,
                      struct arena *arena, struct notify_deliveries *ret, struct err *err);
int sqlite_notify_get(struct store *store, int64_t id, struct arena *arena,
                      struct notify_delivery *ret, struct err *err);
int sqlite_notify_retry(struct store *store, int64_t id, int64_t now_ms, struct err *err);
int sqlite_notify_queued(struct store *store, int64_t *ret, struct err *err);
int sqlite_notify_prune(struct store *store, int64_t before_ms, bool *ret_more, struct err *err);
