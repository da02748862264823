/*
 * sqlite_content: what the files of the content in SQLite share.
 */
#pragma once

#include "base/cleanup.h"
#include "store/content.h"
#include "store/sqlite.h"

/* A statement that is being read, on a reader's connection. */
struct content_query {
    struct store *store;
    struct sqlite3 *db;
    sqlite3_stmt *statement;
    struct err *err;
};

/* Binds by sqlite_bind()'s format. */
#define CONTENT_QUERY(query, s, e, literal, ...)                                                   \
    ({                                                                                             \
        struct content_query *q_ = (query);                                                        \
        *q_ = (struct content_query){ .store = (s), .err = (e) };                                  \
        int r_ = content_query_begin(q_, literal);                                                 \
        r_ == 0 ? sqlite_bind(q_->statement, q_->err, __VA_ARGS__) : r_;                           \
    })
int content_query_begin(struct content_query *query, const char *literal);
void content_query_done(struct content_query *query);

/* Room for one item more in an array of the arena; items.p and capacity grow. False: memory is out. */
struct content_array {
    struct arena *arena;
    void *items;
    size_t n, capacity, size;
};
void *content_array_add(struct content_array *array, struct err *err);

/* The audit log's; where the store has none, nothing is written. */
int sqlite_audit_add(struct sqlite3 *db, const struct store_audit *audit, struct err *err);
#pragma weak sqlite_audit_add

/* Within a write transaction. */
int content_items_put(struct sqlite3 *db, int64_t version, const struct store_items_change *items,
                      int64_t *ret_changed, struct err *err);
int content_items_recover(struct sqlite3 *db, int64_t newest, struct err *err);
int content_newest(struct sqlite3 *db, int64_t *ret, struct err *err);

int content_stage(struct store *store, int64_t version, const struct store_items_change *items,
                  int64_t *ret_changed, struct err *err);
int content_items(struct store *store, const struct store_items_filter *filter, struct arena *arena,
                  struct store_item **ret, size_t *ret_n, struct err *err);
int content_items_count(struct store *store, const struct store_items_filter *filter, int64_t *ret,
                        struct err *err);
int content_item_sign(struct store *store, struct str list, struct str item, int *ret_sign,
                      struct err *err);
int content_items_each(struct store *store, const struct store_items_filter *filter,
                       int (*each)(void *data, struct str item), void *data, struct err *err);
int content_items_lists(struct store *store, int64_t at, int sign, struct arena *arena,
                        struct str **ret, size_t *ret_n, struct err *err);
int content_items_differ(struct store *store, const struct store_items_difference *difference,
                         struct arena *arena, struct store_item **ret, size_t *ret_n,
                         struct err *err);

int content_order_add(struct store *store, const struct store_order *order,
                      const struct store_audit *audit, int64_t *ret_id, struct err *err);
int content_order_take(struct store *store, struct str agent, struct str instance, int64_t after,
                       int64_t now_ms, struct arena *arena, struct store_order **ret, size_t *ret_n,
                       struct err *err);
int content_order_done(struct store *store, const struct store_order *order, struct err *err);
int content_orders(struct store *store, struct str agent, struct str finding, uint32_t limit,
                   struct arena *arena, struct store_order **ret, size_t *ret_n, struct err *err);
int content_orders_open(struct store *store, int64_t now_ms, int64_t *ret, struct err *err);
int content_rollout(struct store *store, struct str after, uint32_t limit, struct arena *arena,
                    struct store_rollout **ret, size_t *ret_n, struct err *err);
int content_rollout_count(struct store *store, int64_t version, int64_t since_ms,
                          int64_t *ret_in_force, int64_t *ret_failed, int64_t *ret_all,
                          struct err *err);
