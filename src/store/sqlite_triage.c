/*
 * sqlite_triage: notes, filters of people, suppressions, exceptions and responses in SQLite.
 *
 * All of it is plain rows, written one at a
 * time. Limits are checked in the transaction that adds.
 */
#include "store/triage.h"

#include "store/sqlite_content.h"

#include <errno.h>

/* ---- rows */

struct reader {
    struct content_array all;
    int (*take)(sqlite3_stmt *s, struct content_array *all, struct err *err);
};

static int read_all(struct store *store, struct reader *reader, const char *sql, struct str key,
                    struct err *err)
{
    struct sqlite3 *db;
    int r = sqlite_store_read_begin(store, &db, err);
    if (r < 0) {
        return r;
    }
    sqlite3_stmt *s = sqlite_statement(db, sql, err);
    r = !s ? -EIO : key.p ? sqlite_bind(s, err, "t", key) : 0;
    while (r == 0 && (r = sqlite_row(s, err)) > 0) {
        r = reader->take(s, &reader->all, err);
    }
    if (s) {
        sqlite3_reset(s);
    }
    sqlite_store_read_end(store, db);
    return r;
}

#define READER(record, taker)                                                                      \
    {                                                                                              \
        .all = { .arena = arena, .size = sizeof(struct record) }, .take = (taker)                  \
    }

/* -EINVAL when there are as many as there may be. */
static int room(struct sqlite3 *db, const char *sql, struct str key, int64_t most, struct err *err)
{
    sqlite3_stmt *s = sqlite_statement(db, sql, err);
    int r = !s ? -EIO : key.p ? sqlite_bind(s, err, "t", key) : 0;
    r = r == 0 ? sqlite_row(s, err) : r;
    int64_t n = r == 1 ? sqlite3_column_int64(s, 0) : 0;
    if (s) {
        sqlite3_reset(s);
    }
    if (r == 1 && n >= most) {
        return err_set(err, -EINVAL, "there are %lld already, the most there may be",
                       (long long)most);
    }
    return r < 0 ? r : 0;
}

struct add {
    const void *record;
    int64_t id;
};

static int add(struct store *store, int (*body)(void *, struct sqlite3 *, struct err *),
               const void *record, int64_t *ret_id, struct err *err)
{
    struct add job = { .record = record };
    int r = sqlite_store_write(store, &(struct sqlite_write){ body, &job }, err);
    if (r == 0) {
        *ret_id = job.id;
    }
    return r;
}

/* One statement that has to change something. */
struct change {
    const char *sql;
    int64_t id, number;
    struct str text, other;
    const char *missing;
};

static int write_change(void *data, struct sqlite3 *db, struct err *err)
{
    struct change *c = data;
    int r = sqlite_run(db, err, c->sql, "iitt", c->id, c->number, c->text, c->other);
    return r == 0 && sqlite3_changes(db) == 0 ? err_set(err, -ENOENT, "%s", c->missing) : r;
}

static int change(struct store *store, struct change *change, struct err *err)
{
    return sqlite_store_write(store, &(struct sqlite_write){ write_change, change }, err);
}

/* ---- notes */

static int write_note(void *data, struct sqlite3 *db, struct err *err)
{
    struct add *job = data;
    const struct triage_note *note = job->record;
    int r = room(db, "SELECT count(*) FROM finding_notes WHERE finding=?", note->finding,
                 TRIAGE_NOTES_MAX, err);
    r = r == 0 ? sqlite_run(db, err,
                            "INSERT INTO finding_notes (finding,time_ms,author,text) "
                            "SELECT id,?2,?3,?4 FROM findings WHERE id=?1",
                            "titt", note->finding, note->time_ms, note->author, note->text)
               : r;
    if (r == 0 && sqlite3_changes(db) == 0) {
        return err_set(err, -ENOENT, "there is no such finding");
    }
    job->id = sqlite3_last_insert_rowid(db);
    return r;
}

static int note_add(struct store *store, const struct triage_note *note, int64_t *ret_id,
                    struct err *err)
{
    return add(store, write_note, note, ret_id, err);
}

static int full(struct err *err)
{
    return err_set(err, -ENOMEM, "the answer is too large");
}

static int take_note(sqlite3_stmt *s, struct content_array *all, struct err *err)
{
    struct triage_note *note = content_array_add(all, err);
    if (!note) {
        return -ENOMEM;
    }
    *note = (struct triage_note){ .id = sqlite3_column_int64(s, 0),
                                  .time_ms = sqlite3_column_int64(s, 1),
                                  .finding = sqlite_text(s, 2, all->arena),
                                  .author = sqlite_text(s, 3, all->arena),
                                  .text = sqlite_text(s, 4, all->arena) };
    return note->text.p ? 0 : full(err);
}

static int notes(struct store *store, struct str finding, struct arena *arena,
                 struct triage_note **ret, size_t *ret_n, struct err *err)
{
    struct reader reader = READER(triage_note, take_note);
    int r = read_all(store, &reader,
                     "SELECT id,time_ms,finding,author,text FROM finding_notes WHERE finding=? "
                     "ORDER BY id",
                     finding, err);
    *ret = reader.all.items;
    *ret_n = reader.all.n;
    return r;
}

/* ---- filters */

static int insert_filter(struct sqlite3 *db, const struct triage_filter *f, int64_t *ret_id,
                         struct err *err)
{
    int r = room(db, "SELECT count(*) FROM finding_filters WHERE owner=?", f->owner,
                 TRIAGE_FILTERS_MAX, err);
    r = r == 0 ? sqlite_run(db, err,
                            "INSERT INTO finding_filters (owner,owner_name,name,filter,shared,"
                            "preferred,created_ms,updated_ms,view) "
                            "VALUES (?1,?2,?3,?4,?5,?6,?7,?7,coalesce(?8,''))",
                            "ttttiiit", f->owner, f->owner_name, f->name, f->filter,
                            (int64_t)f->shared, (int64_t)f->preferred, f->updated_ms, f->view)
               : r;
    *ret_id = sqlite3_last_insert_rowid(db);
    return r;
}

static int update_filter(struct sqlite3 *db, const struct triage_filter *f, struct err *err)
{
    int r = sqlite_run(db, err,
                       "UPDATE finding_filters SET name=?3,filter=?4,shared=?5,preferred=?6,"
                       "updated_ms=?7,view=coalesce(?8,'') WHERE id=?1 AND owner=?2",
                       "itttiiit", f->id, f->owner, f->name, f->filter, (int64_t)f->shared,
                       (int64_t)f->preferred, f->updated_ms, f->view);
    return r == 0 && sqlite3_changes(db) == 0 ? err_set(err, -ENOENT, "there is no such filter")
                                              : r;
}

static int write_filter(void *data, struct sqlite3 *db, struct err *err)
{
    struct add *job = data;
    const struct triage_filter *f = job->record;
    int r = f->preferred ? sqlite_run(db, err,
                                      "UPDATE finding_filters SET preferred=0 WHERE owner=? AND "
                                      "preferred=1 AND id<>?",
                                      "ti", f->owner, f->id)
                         : 0;
    if (r == 0) {
        job->id = f->id;
        r = f->id ? update_filter(db, f, err) : insert_filter(db, f, &job->id, err);
    }
    return r == -EEXIST ? err_set(err, r, "you have a filter of that name") : r;
}

static int filter_put(struct store *store, const struct triage_filter *filter, int64_t *ret_id,
                      struct err *err)
{
    return add(store, write_filter, filter, ret_id, err);
}

static int take_filter(sqlite3_stmt *s, struct content_array *all, struct err *err)
{
    struct triage_filter *f = content_array_add(all, err);
    if (!f) {
        return -ENOMEM;
    }
    *f = (struct triage_filter){ .id = sqlite3_column_int64(s, 0),
                                 .owner = sqlite_text(s, 1, all->arena),
                                 .owner_name = sqlite_text(s, 2, all->arena),
                                 .name = sqlite_text(s, 3, all->arena),
                                 .filter = sqlite_text(s, 4, all->arena),
                                 .shared = sqlite3_column_int64(s, 5) != 0,
                                 .preferred = sqlite3_column_int64(s, 6) != 0,
                                 .created_ms = sqlite3_column_int64(s, 7),
                                 .updated_ms = sqlite3_column_int64(s, 8),
                                 .view = sqlite_text(s, 9, all->arena) };
    return f->filter.p ? 0 : full(err);
}

static int filters(struct store *store, struct str owner, struct arena *arena,
                   struct triage_filter **ret, size_t *ret_n, struct err *err)
{
    struct reader reader = READER(triage_filter, take_filter);
    int r = read_all(store, &reader,
                     "SELECT id,owner,owner_name,name,filter,shared,preferred,created_ms,"
                     "updated_ms,view FROM finding_filters WHERE owner=?1 OR shared=1 "
                     "ORDER BY owner<>?1,name LIMIT 1000",
                     owner, err);
    *ret = reader.all.items;
    *ret_n = reader.all.n;
    return r;
}

static int filter_remove(struct store *store, int64_t id, struct str owner, bool any,
                         struct err *err)
{
    struct change c = { .sql = "DELETE FROM finding_filters WHERE id=?1 AND (owner=?3 OR "
                               "(shared=1 AND ?2=1)) AND ?4 IS NULL",
                        .id = id,
                        .number = any,
                        .text = owner,
                        .missing = "there is no such filter" };
    return change(store, &c, err);
}

/* ---- suppressions */

static int write_suppression(void *data, struct sqlite3 *db, struct err *err)
{
    struct add *job = data;
    const struct triage_suppression *s = job->record;
    int r = room(db, "SELECT count(*) FROM finding_suppressions", (struct str){ 0 },
                 TRIAGE_SUPPRESSIONS_MAX, err);
    r = r == 0 ? sqlite_run(db, err,
                            "INSERT INTO finding_suppressions (name,filter,reason,author,"
                            "created_ms,expires_ms) VALUES (?,?,?,?,?,?)",
                            "ttttii", s->name, s->filter, s->reason, s->author, s->created_ms,
                            s->expires_ms)
               : r;
    job->id = sqlite3_last_insert_rowid(db);
    return r == -EEXIST ? err_set(err, r, "there is a suppression of that name") : r;
}

static int suppression_add(struct store *store, const struct triage_suppression *suppression,
                           int64_t *ret_id, struct err *err)
{
    return add(store, write_suppression, suppression, ret_id, err);
}

static int take_suppression(sqlite3_stmt *s, struct content_array *all, struct err *err)
{
    struct triage_suppression *one = content_array_add(all, err);
    if (!one) {
        return -ENOMEM;
    }
    *one = (struct triage_suppression){ .id = sqlite3_column_int64(s, 0),
                                        .name = sqlite_text(s, 1, all->arena),
                                        .filter = sqlite_text(s, 2, all->arena),
                                        .reason = sqlite_text(s, 3, all->arena),
                                        .author = sqlite_text(s, 4, all->arena),
                                        .created_ms = sqlite3_column_int64(s, 5),
                                        .expires_ms = sqlite3_column_int64(s, 6),
                                        .hits = sqlite3_column_int64(s, 7),
                                        .last_hit_ms = sqlite3_column_int64(s, 8) };
    return one->author.p ? 0 : full(err);
}

static int suppressions(struct store *store, struct arena *arena, struct triage_suppression **ret,
                        size_t *ret_n, struct err *err)
{
    struct reader reader = READER(triage_suppression, take_suppression);
    int r = read_all(store, &reader,
                     "SELECT id,name,filter,reason,author,created_ms,expires_ms,hits,last_hit_ms "
                     "FROM finding_suppressions ORDER BY id",
                     (struct str){ 0 }, err);
    *ret = reader.all.items;
    *ret_n = reader.all.n;
    return r;
}

static int rewrite_suppression(void *data, struct sqlite3 *db, struct err *err)
{
    const struct triage_suppression *s = data;
    int r = sqlite_run(db, err,
                       "UPDATE finding_suppressions SET name=?2,filter=?3,reason=?4,expires_ms=?5 "
                       "WHERE id=?1",
                       "ittti", s->id, s->name, s->filter, s->reason, s->expires_ms);
    if (r == -EEXIST) {
        return err_set(err, r, "there is a suppression of that name");
    }
    return r == 0 && sqlite3_changes(db) == 0
               ? err_set(err, -ENOENT, "there is no such suppression")
               : r;
}

static int suppression_change(struct store *store, const struct triage_suppression *suppression,
                              struct err *err)
{
    struct triage_suppression job = *suppression;
    return sqlite_store_write(store, &(struct sqlite_write){ rewrite_suppression, &job }, err);
}

static int suppression_remove(struct store *store, int64_t id, struct err *err)
{
    struct change c = { .sql = "DELETE FROM finding_suppressions WHERE id=?1 AND ?2=0 AND "
                               "?3 IS NULL AND ?4 IS NULL",
                        .id = id,
                        .missing = "there is no such suppression" };
    return change(store, &c, err);
}

struct hits {
    const struct triage_hits *v;
    size_t n;
};

static int write_hits(void *data, struct sqlite3 *db, struct err *err)
{
    const struct hits *hits = data;
    int r = 0;
    for (size_t i = 0; i < hits->n && r == 0; i++) {
        r = sqlite_run(db, err,
                       "UPDATE finding_suppressions SET hits=hits+?,last_hit_ms=max(last_hit_ms,?) "
                       "WHERE id=?",
                       "iii", hits->v[i].hits, hits->v[i].last_hit_ms, hits->v[i].id);
    }
    return r;
}

static int suppression_hits(struct store *store, const struct triage_hits *hits, size_t n,
                            struct err *err)
{
    struct hits job = { hits, n };
    return sqlite_store_write(store, &(struct sqlite_write){ write_hits, &job }, err);
}

/* ---- exceptions */

static int write_exception(void *data, struct sqlite3 *db, struct err *err)
{
    struct add *job = data;
    const struct triage_exception *e = job->record;
    int r = room(db, "SELECT count(*) FROM finding_exceptions WHERE state='active'",
                 (struct str){ 0 }, TRIAGE_EXCEPTIONS_MAX, err);
    r = r == 0 ? sqlite_run(db, err,
                            "INSERT INTO finding_exceptions (mark,rule,finding,fields,reason,"
                            "author,created_ms,expires_ms,state) VALUES (?,?,?,?,?,?,?,?,'active')",
                            "ttttttii", e->mark, e->rule, e->finding, e->fields, e->reason,
                            e->author, e->created_ms, e->expires_ms)
               : r;
    job->id = sqlite3_last_insert_rowid(db);
    return r;
}

static int exception_add(struct store *store, const struct triage_exception *exception,
                         int64_t *ret_id, struct err *err)
{
    return add(store, write_exception, exception, ret_id, err);
}

static int take_exception(sqlite3_stmt *s, struct content_array *all, struct err *err)
{
    struct triage_exception *e = content_array_add(all, err);
    if (!e) {
        return -ENOMEM;
    }
    *e = (struct triage_exception){ .id = sqlite3_column_int64(s, 0),
                                    .mark = sqlite_text(s, 1, all->arena),
                                    .rule = sqlite_text(s, 2, all->arena),
                                    .finding = sqlite_text(s, 3, all->arena),
                                    .fields = sqlite_text(s, 4, all->arena),
                                    .reason = sqlite_text(s, 5, all->arena),
                                    .author = sqlite_text(s, 6, all->arena),
                                    .created_ms = sqlite3_column_int64(s, 7),
                                    .expires_ms = sqlite3_column_int64(s, 8),
                                    .state = sqlite_text(s, 9, all->arena),
                                    .ended_ms = sqlite3_column_int64(s, 10) };
    return e->state.p ? 0 : full(err);
}

#define EXCEPTIONS                                                                                 \
    "SELECT id,mark,rule,finding,fields,reason,author,created_ms,expires_ms,state,ended_ms "       \
    "FROM finding_exceptions "

static int exceptions(struct store *store, bool active_only, struct arena *arena,
                      struct triage_exception **ret, size_t *ret_n, struct err *err)
{
    struct reader reader = READER(triage_exception, take_exception);
    int r = read_all(store, &reader,
                     active_only ? EXCEPTIONS "WHERE state='active' ORDER BY id DESC"
                                 : EXCEPTIONS "ORDER BY id DESC LIMIT 1000",
                     (struct str){ 0 }, err);
    *ret = reader.all.items;
    *ret_n = reader.all.n;
    return r;
}

static int exception_change(struct store *store, const struct triage_exception *exception,
                            struct err *err)
{
    struct change c = { .sql = "UPDATE finding_exceptions SET expires_ms=?2,reason=?3 WHERE id=?1 "
                               "AND state='active' AND ?4 IS NULL",
                        .id = exception->id,
                        .number = exception->expires_ms,
                        .text = exception->reason,
                        .missing = "there is no such exception in force" };
    return change(store, &c, err);
}

static int exception_end(struct store *store, int64_t id, const char *state, int64_t now_ms,
                         struct err *err)
{
    struct change c = { .sql = "UPDATE finding_exceptions SET ended_ms=?2,state=?3 WHERE id=?1 "
                               "AND state='active' AND ?4 IS NULL",
                        .id = id,
                        .number = now_ms,
                        .text = str_of(state),
                        .missing = "there is no such exception" };
    return change(store, &c, err);
}

/* ---- responses */

static int write_response(void *data, struct sqlite3 *db, struct err *err)
{
    struct add *job = data;
    const struct triage_response *a = job->record;
    int r = room(db, "SELECT count(*) FROM finding_responses WHERE finding=?", a->finding,
                 TRIAGE_RESPONSES_MAX, err);
    r = r == 0 ? sqlite_run(db, err,
                            "INSERT INTO finding_responses (finding,action,reason,author,agent,"
                            "order_id,target,created_ms,state) VALUES (?,?,?,?,?,?,?,?,'queued')",
                            "tttttiti", a->finding, a->action, a->reason, a->author, a->agent,
                            a->order, a->target, a->created_ms)
               : r;
    job->id = sqlite3_last_insert_rowid(db);
    return r;
}

static int response_add(struct store *store, const struct triage_response *response,
                        int64_t *ret_id, struct err *err)
{
    return add(store, write_response, response, ret_id, err);
}

static int take_response(sqlite3_stmt *s, struct content_array *all, struct err *err)
{
    struct triage_response *a = content_array_add(all, err);
    if (!a) {
        return -ENOMEM;
    }
    *a = (struct triage_response){ .id = sqlite3_column_int64(s, 0),
                                   .order = sqlite3_column_int64(s, 1),
                                   .created_ms = sqlite3_column_int64(s, 2),
                                   .done_ms = sqlite3_column_int64(s, 3),
                                   .finding = sqlite_text(s, 4, all->arena),
                                   .action = sqlite_text(s, 5, all->arena),
                                   .reason = sqlite_text(s, 6, all->arena),
                                   .author = sqlite_text(s, 7, all->arena),
                                   .agent = sqlite_text(s, 8, all->arena),
                                   .target = sqlite_text(s, 9, all->arena),
                                   .state = sqlite_text(s, 10, all->arena),
                                   .result = sqlite_text(s, 11, all->arena) };
    return a->result.p ? 0 : full(err);
}

static int responses(struct store *store, struct str finding, struct arena *arena,
                     struct triage_response **ret, size_t *ret_n, struct err *err)
{
    struct reader reader = READER(triage_response, take_response);
    int r = read_all(store, &reader,
                     "SELECT r.id,r.order_id,r.created_ms,coalesce(o.done_ms,r.done_ms),r.finding,"
                     "r.action,r.reason,r.author,r.agent,r.target,coalesce(o.state,r.state),"
                     "coalesce(o.result,r.result) FROM finding_responses r "
                     "LEFT JOIN content_orders o ON o.id=r.order_id "
                     "WHERE r.finding=? ORDER BY r.id DESC",
                     finding, err);
    *ret = reader.all.items;
    *ret_n = reader.all.n;
    return r;
}

static int response_done(struct store *store, const struct triage_response *response,
                         struct err *err)
{
    struct change c = { .sql = "UPDATE finding_responses SET done_ms=?2,state=?3,result=?4 "
                               "WHERE id=?1",
                        .id = response->id,
                        .number = response->done_ms,
                        .text = response->state,
                        .other = response->result,
                        .missing = "there is no such response" };
    return change(store, &c, err);
}

static int write_abandon(void *data, struct sqlite3 *db, struct err *err)
{
    return sqlite_run(db, err,
                      "UPDATE finding_responses SET state='failed',done_ms=?,result='the server "
                      "was stopped meanwhile; whether it was done is not known' "
                      "WHERE state='queued' AND order_id=0",
                      "i", *(const int64_t *)data);
}

static int responses_abandon(struct store *store, int64_t now_ms, struct err *err)
{
    return sqlite_store_write(store, &(struct sqlite_write){ write_abandon, &now_ms }, err);
}

const struct store_triage_ops sqlite_triage_ops = {
    .note_add = note_add,
    .notes = notes,
    .filter_put = filter_put,
    .filters = filters,
    .filter_remove = filter_remove,
    .suppression_add = suppression_add,
    .suppressions = suppressions,
    .suppression_change = suppression_change,
    .suppression_remove = suppression_remove,
    .suppression_hits = suppression_hits,
    .exception_add = exception_add,
    .exceptions = exceptions,
    .exception_change = exception_change,
    .exception_end = exception_end,
    .response_add = response_add,
    .responses = responses,
    .response_done = response_done,
    .responses_abandon = responses_abandon,
};
