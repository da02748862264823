/*
 * Items of lists in SQLite.
 *
 * At most one row of a list and item is in force: appended (sign 1), or an item of the list's text that was
 * taken out (sign -1). Putting back what was taken out, or taking out what was appended, ends that row; otherwise
 * a new one begins.
 */
#include "store/sqlite_content.h"

#include <errno.h>

/* ---- writing */

static int end_row(struct sqlite3 *db, int64_t version, struct str list, struct str item, int sign,
                   int64_t *changed, struct err *err)
{
    int r =
        sqlite_run(db, err,
                   "UPDATE content_items SET removed = ? WHERE list = ? AND item = ? AND sign = ? "
                   "AND removed IS NULL",
                   "itti", version, list, item, (int64_t)sign);
    *changed = r == 0 ? sqlite3_changes(db) : 0;
    return r;
}

static int begin_row(struct sqlite3 *db, int64_t version, struct str list,
                     const struct store_item_change *c, int sign, int64_t *changed, struct err *err)
{
    int r =
        sqlite_run(db, err,
                   "INSERT INTO content_items (list, item, sign, note, added) VALUES (?, ?, ?, ?, "
                   "?) ON CONFLICT DO NOTHING",
                   "ttiti", list, c->item, (int64_t)sign, c->note.p ? c->note : STR(""), version);
    *changed = r == 0 ? sqlite3_changes(db) : 0;
    return r;
}

/* What begins when `sign` is asked for: an item of the text is there unless taken out, and the other way round. */
static int put_item(struct sqlite3 *db, int64_t version, struct str list,
                    const struct store_item_change *c, int sign, int64_t *changed, struct err *err)
{
    if (c->in_text != (sign > 0)) {
        int64_t appended = 0;
        int r = sign < 0 ? end_row(db, version, list, c->item, 1, &appended, err) : 0;
        return r == 0 ? begin_row(db, version, list, c, sign, changed, err) : r;
    }
    return end_row(db, version, list, c->item, -sign, changed, err);
}

int content_items_put(struct sqlite3 *db, int64_t version, const struct store_items_change *items,
                      int64_t *ret_changed, struct err *err)
{
    int r = 0;
    int64_t all = 0;
    if (items->clear) {
        r = sqlite_run(db, err,
                       "UPDATE content_items SET removed = ? WHERE list = ? AND removed IS NULL",
                       "it", version, items->list);
        all = r == 0 ? sqlite3_changes(db) : 0;
    }
    for (size_t i = 0; i < items->nappend + items->nremove && r == 0; i++) {
        bool append = i < items->nappend;
        const struct store_item_change *c =
            append ? &items->append[i] : &items->remove[i - items->nappend];
        int64_t changed = 0;
        r = put_item(db, version, items->list, c, append ? 1 : -1, &changed, err);
        all += changed;
    }
    *ret_changed = all;
    return r;
}

int content_items_recover(struct sqlite3 *db, int64_t newest, struct err *err)
{
    int r = sqlite_run(db, err, "DELETE FROM content_items WHERE added > ?", "i", newest);
    return r == 0 ? sqlite_run(db, err, "UPDATE content_items SET removed = NULL WHERE removed > ?",
                               "i", newest)
                  : r;
}

struct stage {
    int64_t version;
    const struct store_items_change *items;
    int64_t changed;
};

static int write_stage(void *data, struct sqlite3 *db, struct err *err)
{
    struct stage *s = data;
    int64_t newest = 0;
    int r = content_newest(db, &newest, err);
    if (r == 0 && newest + 1 != s->version) {
        r = err_set(err, -ESTALE, "the content changed meanwhile");
    }
    return r == 0 ? content_items_put(db, s->version, s->items, &s->changed, err) : r;
}

int content_stage(struct store *store, int64_t version, const struct store_items_change *items,
                  int64_t *ret_changed, struct err *err)
{
    struct stage s = { .version = version, .items = items };
    int r = sqlite_store_write(store, &(struct sqlite_write){ write_stage, &s }, err);
    if (r == 0) {
        *ret_changed = s.changed;
    }
    return r;
}

/* ---- reading */

static const char items_text[] =
    "SELECT i.id, i.item, i.note, coalesce(v.author, ''), i.sign, i.added, coalesce(v.time_ms, 0) "
    "FROM content_items i LEFT JOIN content_versions v ON v.version = i.added "
    "WHERE i.list = ?1 AND i.added <= ?2 AND (i.removed IS NULL OR i.removed > ?2) AND i.id > ?3 "
    "AND (?4 = 0 OR i.sign = ?4) AND (?5 IS NULL OR instr(i.item, ?5)) ORDER BY i.id LIMIT ?6";

static int take_item(struct content_query *q, struct arena *arena, struct content_array *all)
{
    struct store_item *item = content_array_add(all, q->err);
    if (!item) {
        return -ENOMEM;
    }
    *item = (struct store_item){
        .id = sqlite3_column_int64(q->statement, 0),
        .item = sqlite_text(q->statement, 1, arena),
        .note = sqlite_text(q->statement, 2, arena),
        .author = sqlite_text(q->statement, 3, arena),
        .sign = sqlite3_column_int(q->statement, 4),
        .version = sqlite3_column_int64(q->statement, 5),
        .time_ms = sqlite3_column_int64(q->statement, 6),
    };
    return item->item.p && item->note.p && item->author.p
               ? 0
               : err_set(q->err, -ENOMEM, "the answer is too large");
}

int content_items(struct store *store, const struct store_items_filter *filter, struct arena *arena,
                  struct store_item **ret, size_t *ret_n, struct err *err)
{
    CLEANUP(content_query_done) struct content_query q = { 0 };
    struct content_array all = { .arena = arena, .size = sizeof(struct store_item) };
    int r =
        CONTENT_QUERY(&q, store, err, items_text, "tiiiti", filter->list, filter->at, filter->after,
                      (int64_t)filter->sign, filter->search, (int64_t)filter->limit);
    while (r == 0 && (r = sqlite_row(q.statement, err)) > 0) {
        r = take_item(&q, arena, &all);
    }
    *ret = all.items;
    *ret_n = all.n;
    return r;
}

int content_items_count(struct store *store, const struct store_items_filter *filter, int64_t *ret,
                        struct err *err)
{
    CLEANUP(content_query_done) struct content_query q = { 0 };
    int r = CONTENT_QUERY(&q, store, err,
                          "SELECT count(*) FROM content_items WHERE list = ?1 AND added <= ?2 AND "
                          "(removed IS NULL OR removed > ?2) AND (?3 = 0 OR sign = ?3) AND (?4 IS "
                          "NULL OR instr(item, ?4))",
                          "tiit", filter->list, filter->at, (int64_t)filter->sign, filter->search);
    r = r == 0 ? sqlite_row(q.statement, err) : r;
    if (r > 0) {
        *ret = sqlite3_column_int64(q.statement, 0);
    }
    return r < 0 ? r : 0;
}

int content_item_sign(struct store *store, struct str list, struct str item, int *ret_sign,
                      struct err *err)
{
    CLEANUP(content_query_done) struct content_query q = { 0 };
    int r =
        CONTENT_QUERY(&q, store, err,
                      "SELECT sign FROM content_items WHERE list = ? AND item = ? AND removed IS "
                      "NULL",
                      "tt", list, item);
    r = r == 0 ? sqlite_row(q.statement, err) : r;
    *ret_sign = r > 0 ? sqlite3_column_int(q.statement, 0) : 0;
    return r < 0 ? r : 0;
}

int content_items_each(struct store *store, const struct store_items_filter *filter,
                       int (*each)(void *data, struct str item), void *data, struct err *err)
{
    CLEANUP(content_query_done) struct content_query q = { 0 };
    int r =
        CONTENT_QUERY(&q, store, err,
                      "SELECT item FROM content_items WHERE list = ?1 AND added <= ?2 AND (removed "
                      "IS NULL OR removed > ?2) AND sign = ?3 ORDER BY id",
                      "tii", filter->list, filter->at, (int64_t)filter->sign);
    while (r == 0 && (r = sqlite_row(q.statement, err)) > 0) {
        const char *p = (const char *)sqlite3_column_text(q.statement, 0);
        r = each(data, str_from(p ? p : "", (size_t)sqlite3_column_bytes(q.statement, 0)));
    }
    return r;
}

int content_items_lists(struct store *store, int64_t at, int sign, struct arena *arena,
                        struct str **ret, size_t *ret_n, struct err *err)
{
    CLEANUP(content_query_done) struct content_query q = { 0 };
    struct content_array all = { .arena = arena, .size = sizeof(struct str) };
    int r =
        CONTENT_QUERY(&q, store, err,
                      "SELECT DISTINCT list FROM content_items WHERE added <= ?1 AND (removed IS "
                      "NULL OR removed > ?1) AND sign = ?2 ORDER BY list",
                      "ii", at, (int64_t)sign);
    while (r == 0 && (r = sqlite_row(q.statement, err)) > 0) {
        struct str *name = content_array_add(&all, err);
        if (!name) {
            return -ENOMEM;
        }
        *name = sqlite_text(q.statement, 0, arena);
        r = name->p ? 0 : -ENOMEM;
    }
    *ret = all.items;
    *ret_n = all.n;
    return r;
}

/* What is there at ?3 and was not at ?2 counts as +1, the other way round as -1; either means the row's sign. */
static const char differ_text[] =
    "SELECT id, item, note, '', sign * w, added, 0 FROM ("
    "SELECT *, 1 AS w FROM content_items WHERE list = ?1 AND added > ?2 AND added <= ?3 AND "
    "(removed IS NULL OR removed > ?3) UNION ALL "
    "SELECT *, -1 AS w FROM content_items WHERE list = ?1 AND added <= ?2 AND removed > ?2 AND "
    "removed <= ?3) WHERE id > ?4 ORDER BY id LIMIT ?5";

int content_items_differ(struct store *store, const struct store_items_difference *difference,
                         struct arena *arena, struct store_item **ret, size_t *ret_n,
                         struct err *err)
{
    CLEANUP(content_query_done) struct content_query q = { 0 };
    struct content_array all = { .arena = arena, .size = sizeof(struct store_item) };
    int r = CONTENT_QUERY(&q, store, err, differ_text, "tiiii", difference->list, difference->from,
                          difference->to, difference->after, (int64_t)difference->limit);
    while (r == 0 && (r = sqlite_row(q.statement, err)) > 0) {
        r = take_item(&q, arena, &all);
    }
    *ret = all.items;
    *ret_n = all.n;
    return r;
}
