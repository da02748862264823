/*
 * Content in SQLite: versions and documents.
 *
 * A version is made by one transaction: rows that it ends get `removed`, new ones get `added`, what changed is
 * noted, and content_versions gets its row: what was staged before becomes visible with it.
 */
#include "store/sqlite_content.h"

#include <errno.h>

int content_query_begin(struct content_query *query, const char *literal)
{
    int r = sqlite_store_read_begin(query->store, &query->db, query->err);
    if (r < 0) {
        query->db = NULL;
        return r;
    }
    query->statement = sqlite_statement(query->db, literal, query->err);
    return query->statement ? 0 : -EIO;
}

void content_query_done(struct content_query *query)
{
    if (query->statement) {
        sqlite3_reset(query->statement);
    }
    if (query->db) {
        sqlite_store_read_end(query->store, query->db);
    }
    *query = (struct content_query){ 0 };
}

void *content_array_add(struct content_array *array, struct err *err)
{
    if (array->n == array->capacity) {
        size_t capacity = array->capacity ? array->capacity * 2 : 16;
        void *items = arena_array(array->arena, capacity, array->size);
        if (!items) {
            err_set(err, -ENOMEM, "the answer is too large");
            return NULL;
        }
        if (array->n > 0) {
            memcpy(items, array->items, array->n * array->size);
        }
        array->items = items;
        array->capacity = capacity;
    }
    return (char *)array->items + array->n++ * array->size;
}

int content_newest(struct sqlite3 *db, int64_t *ret, struct err *err)
{
    sqlite3_stmt *s =
        sqlite_statement(db, "SELECT coalesce(max(version), 0) FROM content_versions", err);
    int r = s ? sqlite_row(s, err) : -EIO;
    if (r > 0) {
        *ret = sqlite3_column_int64(s, 0);
        sqlite3_reset(s);
    }
    return r < 0 ? r : 0;
}

/* ---- reading */

static int latest(struct store *store, struct arena *arena, struct store_version *ret,
                  struct err *err)
{
    CLEANUP(content_query_done) struct content_query q = { 0 };
    int r = CONTENT_QUERY(&q, store, err,
                          "SELECT version, time_ms, author, comment, managed FROM content_versions "
                          "ORDER BY version DESC LIMIT ?",
                          "i", (int64_t)1);
    r = r == 0 ? sqlite_row(q.statement, err) : r;
    *ret = (struct store_version){ 0 };
    if (r > 0) {
        ret->version = sqlite3_column_int64(q.statement, 0);
        ret->time_ms = sqlite3_column_int64(q.statement, 1);
        ret->author = sqlite_text(q.statement, 2, arena);
        ret->comment = sqlite_text(q.statement, 3, arena);
        ret->managed = sqlite_text(q.statement, 4, arena);
    }
    return r < 0 ? r : 0;
}

static int documents(struct store *store, int64_t at, struct arena *arena,
                     struct store_document **ret, size_t *ret_n, struct err *err)
{
    CLEANUP(content_query_done) struct content_query q = { 0 };
    struct content_array all = { .arena = arena, .size = sizeof(struct store_document) };
    int r =
        CONTENT_QUERY(&q, store, err,
                      "SELECT kind, name, part, text, base, place, added FROM content_documents "
                      "WHERE added <= ?1 AND (removed IS NULL OR removed > ?1) ORDER BY place, id",
                      "i", at);
    while (r == 0 && (r = sqlite_row(q.statement, err)) > 0) {
        struct store_document *d = content_array_add(&all, err);
        if (!d) {
            return -ENOMEM;
        }
        *d = (struct store_document){
            .kind = sqlite_text(q.statement, 0, arena),
            .name = sqlite_text(q.statement, 1, arena),
            .part = sqlite_text(q.statement, 2, arena),
            .text = sqlite_text(q.statement, 3, arena),
            .base = sqlite_text(q.statement, 4, arena),
            .place = sqlite3_column_int64(q.statement, 5),
            .added = sqlite3_column_int64(q.statement, 6),
        };
        r = d->text.p && d->base.p ? 0 : err_set(err, -ENOMEM, "the content is too large");
    }
    *ret = all.items;
    *ret_n = all.n;
    return r;
}

static int add_notes(struct content_query *q, struct store_version *version, struct arena *arena)
{
    struct content_array notes = { .arena = arena, .size = sizeof(struct store_content_note) };
    sqlite3_stmt *s = sqlite_statement(q->db,
                                       "SELECT kind, name, action, appended, removed FROM "
                                       "content_changes WHERE version = ? ORDER BY kind, name",
                                       q->err);
    int r = s ? sqlite_bind(s, q->err, "i", version->version) : -EIO;
    while (r == 0 && (r = sqlite_row(s, q->err)) > 0) {
        struct store_content_note *note = content_array_add(&notes, q->err);
        if (!note) {
            r = -ENOMEM;
            break;
        }
        *note = (struct store_content_note){
            .kind = sqlite_text(s, 0, arena),
            .name = sqlite_text(s, 1, arena),
            .action = sqlite_text(s, 2, arena),
            .appended = sqlite3_column_int64(s, 3),
            .removed = sqlite3_column_int64(s, 4),
        };
        r = note->action.p ? 0 : -ENOMEM;
    }
    if (s) {
        sqlite3_reset(s);
    }
    version->notes = notes.items;
    version->nnotes = notes.n;
    return r;
}

static const char versions_text[] =
    "SELECT v.version, v.time_ms, v.author, v.comment, v.managed FROM content_versions v "
    "WHERE (?1 = 0 OR v.version < ?1) AND v.version > ?2 AND (?3 IS NULL OR EXISTS (SELECT 1 FROM "
    "content_changes c WHERE c.version = v.version AND c.kind = ?3 AND c.name = ?4)) "
    "ORDER BY v.version DESC LIMIT ?5";

static int versions(struct store *store, const struct store_versions_filter *filter,
                    struct arena *arena, struct store_version **ret, size_t *ret_n, struct err *err)
{
    CLEANUP(content_query_done) struct content_query q = { 0 };
    struct content_array all = { .arena = arena, .size = sizeof(struct store_version) };
    int r = CONTENT_QUERY(&q, store, err, versions_text, "iitti", filter->before, filter->after,
                          filter->kind, filter->name, (int64_t)filter->limit);
    while (r == 0 && (r = sqlite_row(q.statement, err)) > 0) {
        struct store_version *v = content_array_add(&all, err);
        if (!v) {
            return -ENOMEM;
        }
        *v = (struct store_version){
            .version = sqlite3_column_int64(q.statement, 0),
            .time_ms = sqlite3_column_int64(q.statement, 1),
            .author = sqlite_text(q.statement, 2, arena),
            .comment = sqlite_text(q.statement, 3, arena),
            .managed = sqlite_text(q.statement, 4, arena),
        };
        r = v->managed.p ? 0 : err_set(err, -ENOMEM, "the answer is too large");
    }
    struct store_version *items = all.items;
    for (size_t i = 0; i < all.n && r == 0; i++) {
        r = add_notes(&q, &items[i], arena);
    }
    *ret = items;
    *ret_n = all.n;
    return r;
}

static int changed(struct store *store, struct str kind, struct str name, int64_t *ret,
                   struct err *err)
{
    CLEANUP(content_query_done) struct content_query q = { 0 };
    int r =
        CONTENT_QUERY(&q, store, err,
                      "SELECT coalesce(max(version), 0) FROM content_changes WHERE kind = ? AND "
                      "name = ?",
                      "tt", kind, name);
    r = r == 0 ? sqlite_row(q.statement, err) : r;
    if (r > 0) {
        *ret = sqlite3_column_int64(q.statement, 0);
    }
    return r < 0 ? r : 0;
}

static const char last_changes_text[] =
    "SELECT c.name, v.version, v.time_ms, v.author FROM (SELECT name, max(version) AS version FROM "
    "content_changes WHERE kind = ? GROUP BY name) c JOIN content_versions v ON v.version = "
    "c.version";

static int last_changes(struct store *store, struct str kind, struct arena *arena,
                        struct store_last_change **ret, size_t *ret_n, struct err *err)
{
    CLEANUP(content_query_done) struct content_query q = { 0 };
    struct content_array all = { .arena = arena, .size = sizeof(struct store_last_change) };
    int r = CONTENT_QUERY(&q, store, err, last_changes_text, "t", kind);
    while (r == 0 && (r = sqlite_row(q.statement, err)) > 0) {
        struct store_last_change *c = content_array_add(&all, err);
        if (!c) {
            return -ENOMEM;
        }
        *c = (struct store_last_change){
            .name = sqlite_text(q.statement, 0, arena),
            .version = sqlite3_column_int64(q.statement, 1),
            .time_ms = sqlite3_column_int64(q.statement, 2),
            .author = sqlite_text(q.statement, 3, arena),
        };
        r = c->author.p && c->name.p ? 0 : err_set(err, -ENOMEM, "the answer is too large");
    }
    *ret = all.items;
    *ret_n = all.n;
    return r < 0 ? r : 0;
}

/* ---- writing */

struct write {
    const struct store_content_commit *commit;
    int64_t version;
};

/* The place of the row that is ended; behind all others where there is none. */
static int place_of(struct sqlite3 *db, const struct store_document_change *d, int64_t *ret,
                    struct err *err)
{
    static const char text[] =
        "SELECT coalesce((SELECT place FROM content_documents WHERE kind = ?1 AND name = ?2 AND "
        "part "
        "= ?3 AND removed IS NULL), (SELECT coalesce(max(place), 0) + 1 FROM content_documents))";
    sqlite3_stmt *s = sqlite_statement(db, text, err);
    int r = s ? sqlite_bind(s, err, "ttt", d->kind, d->name, d->part) : -EIO;
    r = r == 0 ? sqlite_row(s, err) : r;
    if (r > 0) {
        *ret = sqlite3_column_int64(s, 0);
        sqlite3_reset(s);
    }
    return r < 0 ? r : 0;
}

static int put_document(struct sqlite3 *db, int64_t version, const struct store_document_change *d,
                        struct err *err)
{
    int64_t place = 0;
    int r = place_of(db, d, &place, err);
    r = r == 0
            ? sqlite_run(db, err,
                         "UPDATE content_documents SET removed = ? WHERE kind = ? AND name = ? AND "
                         "part = ? AND removed IS NULL",
                         "ittt", version, d->kind, d->name, d->part)
            : r;
    if (r < 0 || !d->text.p) {
        return r;
    }
    return sqlite_run(db, err,
                      "INSERT INTO content_documents (kind, name, part, place, text, base, added) "
                      "VALUES (?, ?, ?, ?, ?, ?, ?)",
                      "tttitti", d->kind, d->name, d->part, place, d->text,
                      d->base.p ? d->base : STR(""), version);
}

static int put_notes(struct sqlite3 *db, int64_t version, const struct store_content_commit *commit,
                     struct err *err)
{
    int r = 0;
    for (size_t i = 0; i < commit->nnotes && r == 0; i++) {
        const struct store_content_note *n = &commit->notes[i];
        r = sqlite_run(
            db, err,
            "INSERT INTO content_changes (version, kind, name, action, appended, removed) "
            "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET appended = appended + "
            "excluded.appended, removed = removed + excluded.removed",
            "itttii", version, n->kind, n->name, n->action, n->appended, n->removed);
    }
    return r;
}

static int write_commit(void *data, struct sqlite3 *db, struct err *err)
{
    struct write *w = data;
    const struct store_content_commit *c = w->commit;
    int64_t newest = 0;
    int r = content_newest(db, &newest, err);
    if (r == 0 && newest != c->expected) {
        r = err_set(err, -ESTALE, "the content changed meanwhile");
    }
    w->version = newest + 1 > c->least ? newest + 1 : c->least;
    for (size_t i = 0; i < c->ndocuments && r == 0; i++) {
        r = put_document(db, w->version, &c->documents[i], err);
    }
    for (size_t i = 0; i < c->nitems && r == 0; i++) {
        int64_t ignored;
        r = content_items_put(db, w->version, &c->items[i], &ignored, err);
    }
    r = r == 0 ? put_notes(db, w->version, c, err) : r;
    r = r == 0 ? sqlite_run(
                     db, err,
                     "INSERT INTO content_versions (version, time_ms, author, comment, managed) "
                     "VALUES (?, ?, ?, ?, ?)",
                     "iittt", w->version, c->time_ms, c->author, c->comment, c->managed)
               : r;
    return r == 0 && c->audit && sqlite_audit_add ? sqlite_audit_add(db, c->audit, err) : r;
}

static int commit(struct store *store, const struct store_content_commit *what,
                  int64_t *ret_version, struct err *err)
{
    struct write w = { .commit = what };
    int r = sqlite_store_write(store, &(struct sqlite_write){ write_commit, &w }, err);
    if (r == 0) {
        *ret_version = w.version;
    }
    return r;
}

static int write_recover(void *data, struct sqlite3 *db, struct err *err)
{
    (void)data;
    int64_t newest = 0;
    int r = content_newest(db, &newest, err);
    return r == 0 ? content_items_recover(db, newest, err) : r;
}

static int recover(struct store *store, struct err *err)
{
    return sqlite_store_write(store, &(struct sqlite_write){ write_recover, NULL }, err);
}

const struct store_content_ops sqlite_content_ops = {
    .recover = recover,
    .latest = latest,
    .documents = documents,
    .stage = content_stage,
    .commit = commit,
    .versions = versions,
    .changed = changed,
    .last_changes = last_changes,
    .items = content_items,
    .items_count = content_items_count,
    .item_sign = content_item_sign,
    .items_each = content_items_each,
    .items_lists = content_items_lists,
    .items_differ = content_items_differ,
    .order_add = content_order_add,
    .order_take = content_order_take,
    .order_done = content_order_done,
    .orders = content_orders,
    .orders_open = content_orders_open,
    .rollout = content_rollout,
    .rollout_count = content_rollout_count,
};
