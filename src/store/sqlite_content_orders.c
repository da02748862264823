/*
 * Orders to agents in SQLite.
 *
 * An order is queued, given to one process of its agent (told by its instance), and done or failed, unless its
 * time is over first. The process that was given it gets it again only as long as it says that it never saw it.
 */
#include "store/sqlite_content.h"

#include <errno.h>

#define ORDERS_AT_ONCE 100

struct add {
    const struct store_order *order;
    const struct store_audit *audit;
    int64_t id;
};

static int write_add(void *data, struct sqlite3 *db, struct err *err)
{
    struct add *add = data;
    const struct store_order *o = add->order;
    int r =
        sqlite_run(db, err,
                   "INSERT INTO content_orders (agent, kind, container, pid, start_ns, finding, "
                   "author, created_ms, expires_ms, state) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, "
                   "'queued')",
                   "tttiittii", o->agent, o->kind, o->container, o->pid, o->start_ns, o->finding,
                   o->author, o->created_ms, o->expires_ms);
    add->id = sqlite3_last_insert_rowid(db);
    return r == 0 && add->audit && sqlite_audit_add ? sqlite_audit_add(db, add->audit, err) : r;
}

int content_order_add(struct store *store, const struct store_order *order,
                      const struct store_audit *audit, int64_t *ret_id, struct err *err)
{
    struct add add = { .order = order, .audit = audit };
    int r = sqlite_store_write(store, &(struct sqlite_write){ write_add, &add }, err);
    if (r == 0) {
        *ret_id = add.id;
    }
    return r;
}

#define ORDER_COLUMNS                                                                              \
    "id, agent, kind, container, finding, author, state, result, pid, start_ns, created_ms, "      \
    "expires_ms, done_ms"

static int take_order(sqlite3_stmt *s, struct content_array *all, struct err *err)
{
    struct store_order *o = content_array_add(all, err);
    if (!o) {
        return -ENOMEM;
    }
    *o = (struct store_order){
        .id = sqlite3_column_int64(s, 0),
        .agent = sqlite_text(s, 1, all->arena),
        .kind = sqlite_text(s, 2, all->arena),
        .container = sqlite_text(s, 3, all->arena),
        .finding = sqlite_text(s, 4, all->arena),
        .author = sqlite_text(s, 5, all->arena),
        .state = sqlite_text(s, 6, all->arena),
        .result = sqlite_text(s, 7, all->arena),
        .pid = sqlite3_column_int64(s, 8),
        .start_ns = sqlite3_column_int64(s, 9),
        .created_ms = sqlite3_column_int64(s, 10),
        .expires_ms = sqlite3_column_int64(s, 11),
        .done_ms = sqlite3_column_int64(s, 12),
    };
    return o->result.p ? 0 : err_set(err, -ENOMEM, "the answer is too large");
}

struct take {
    struct str agent, instance;
    int64_t after, now_ms;
    struct content_array all;
};

static int write_take(void *data, struct sqlite3 *db, struct err *err)
{
    struct take *t = data;
    sqlite3_stmt *s = sqlite_statement(
        db,
        "SELECT " ORDER_COLUMNS " FROM content_orders WHERE agent = ?1 AND expires_ms > ?2 AND "
        "(state = 'queued' OR (state = "
        "'delivered' AND instance = ?3 AND id > ?4)) ORDER BY id LIMIT ?5",
        err);
    int r = s ? sqlite_bind(s, err, "titii", t->agent, t->now_ms, t->instance, t->after,
                            (int64_t)ORDERS_AT_ONCE)
              : -EIO;
    while (r == 0 && (r = sqlite_row(s, err)) > 0) {
        r = take_order(s, &t->all, err);
    }
    if (s) {
        sqlite3_reset(s);
    }
    const struct store_order *orders = t->all.items;
    for (size_t i = 0; i < t->all.n && r == 0; i++) {
        r = sqlite_run(db, err,
                       "UPDATE content_orders SET state = 'delivered', instance = ? WHERE id = ?",
                       "ti", t->instance, orders[i].id);
    }
    return r;
}

int content_order_take(struct store *store, struct str agent, struct str instance, int64_t after,
                       int64_t now_ms, struct arena *arena, struct store_order **ret, size_t *ret_n,
                       struct err *err)
{
    struct take t = { .agent = agent,
                      .instance = instance,
                      .after = after,
                      .now_ms = now_ms,
                      .all = { .arena = arena, .size = sizeof(struct store_order) } };
    int r = sqlite_store_write(store, &(struct sqlite_write){ write_take, &t }, err);
    *ret = t.all.items;
    *ret_n = r == 0 ? t.all.n : 0;
    return r;
}

static int write_done(void *data, struct sqlite3 *db, struct err *err)
{
    const struct store_order *o = data;
    sqlite3_stmt *s =
        sqlite_statement(db, "SELECT state FROM content_orders WHERE id = ? AND agent = ?", err);
    int r = s ? sqlite_bind(s, err, "it", o->id, o->agent) : -EIO;
    r = r == 0 ? sqlite_row(s, err) : r;
    if (r <= 0) {
        return r < 0 ? r : err_set(err, -ENOENT, "no such order");
    }
    bool open = strcmp((const char *)sqlite3_column_text(s, 0), "delivered") == 0;
    sqlite3_reset(s);
    if (!open) {
        return err_set(err, -ESTALE, "the order is over");
    }
    return sqlite_run(db, err,
                      "UPDATE content_orders SET state = ?, result = ?, done_ms = ? WHERE id = ?",
                      "ttii", o->state, o->result, o->done_ms, o->id);
}

int content_order_done(struct store *store, const struct store_order *order, struct err *err)
{
    struct store_order copy = *order;
    return sqlite_store_write(store, &(struct sqlite_write){ write_done, &copy }, err);
}

int content_orders(struct store *store, struct str agent, struct str finding, uint32_t limit,
                   struct arena *arena, struct store_order **ret, size_t *ret_n, struct err *err)
{
    CLEANUP(content_query_done) struct content_query q = { 0 };
    struct content_array all = { .arena = arena, .size = sizeof(struct store_order) };
    int r =
        CONTENT_QUERY(&q, store, err,
                      "SELECT " ORDER_COLUMNS
                      " FROM content_orders WHERE (?1 IS NULL OR agent = ?1) AND (?2 IS NULL OR "
                      "finding = ?2) ORDER BY id DESC LIMIT ?3",
                      "tti", agent, finding, (int64_t)limit);
    while (r == 0 && (r = sqlite_row(q.statement, err)) > 0) {
        r = take_order(q.statement, &all, err);
    }
    *ret = all.items;
    *ret_n = all.n;
    return r;
}

static int write_expire(void *data, struct sqlite3 *db, struct err *err)
{
    return sqlite_run(db, err,
                      "UPDATE content_orders SET state = 'expired', done_ms = ?1 WHERE state IN "
                      "('queued', 'delivered') AND expires_ms <= ?1",
                      "i", *(const int64_t *)data);
}

int content_orders_open(struct store *store, int64_t now_ms, int64_t *ret, struct err *err)
{
    CLEANUP(content_query_done) struct content_query q = { 0 };
    int r = CONTENT_QUERY(&q, store, err,
                          "SELECT count(*), coalesce(sum(expires_ms <= ?), 0) FROM content_orders "
                          "WHERE state IN ('queued', 'delivered')",
                          "i", now_ms);
    r = r == 0 ? sqlite_row(q.statement, err) : r;
    if (r <= 0) {
        return r;
    }
    int64_t over = sqlite3_column_int64(q.statement, 1);
    *ret = sqlite3_column_int64(q.statement, 0) - over;
    content_query_done(&q);
    return over ? sqlite_store_write(store, &(struct sqlite_write){ write_expire, &now_ms }, err)
                : 0;
}
