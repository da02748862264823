/*
 * sqlite_summaries: summaries in SQLite. Limits are checked in the transaction that adds, so that no two requests pass
 * the quota together.
 */
#include "store/summaries.h"

#include "store/sqlite_content.h"

#include <errno.h>

/* One number; -1: there is none. */
static int number(struct sqlite3 *db, const char *sql, const struct store_summary *s, int64_t since,
                  int64_t *ret, struct err *err)
{
    sqlite3_stmt *statement = sqlite_statement(db, sql, err);
    int r = statement ? sqlite_bind(statement, err, "tti", s->finding, s->language, since) : -EIO;
    r = r == 0 ? sqlite_row(statement, err) : r;
    *ret = r == 1 ? sqlite3_column_int64(statement, 0) : -1;
    if (statement) {
        sqlite3_reset(statement);
    }
    return r < 0 ? r : 0;
}

struct add {
    const struct store_summary *summary;
    const struct store_summaries_quota *quota;
    int64_t id;
};

static int check(struct sqlite3 *db, struct add *job, struct err *err)
{
    const struct store_summary *s = job->summary;
    int64_t queued = -1, all = 0, used = 0;
    int r = number(db,
                   "SELECT id FROM finding_summaries WHERE finding=?1 AND language=?2 AND "
                   "state='queued' AND ?3=0",
                   s, 0, &queued, err);
    r = r == 0 ? number(db,
                        "SELECT count(*) FROM finding_summaries WHERE finding=?1 AND ?2<>'' AND "
                        "?3=0",
                        s, 0, &all, err)
               : r;
    r = r == 0 ? number(db,
                        "SELECT count(*) FROM finding_summaries WHERE created_ms>=?3 AND "
                        "?1<>'' AND ?2<>''",
                        s, job->quota->since_ms, &used, err)
               : r;
    if (r == 0 && queued >= 0) {
        job->id = queued;
        return err_set(err, -EEXIST, "one is asked for already");
    }
    if (r == 0 && all >= SUMMARIES_MAX) {
        return err_set(err, -EINVAL, "the finding has %d summaries, the most there may be",
                       SUMMARIES_MAX);
    }
    return r == 0 && used >= job->quota->most
               ? err_set(err, -EDQUOT, "%u were asked for, the most there may be", job->quota->most)
               : r;
}

static int write_add(void *data, struct sqlite3 *db, struct err *err)
{
    struct add *job = data;
    const struct store_summary *s = job->summary;
    int r = check(db, job, err);
    r = r == 0 ? sqlite_run(db, err,
                            "INSERT INTO finding_summaries (finding,language,author,provider,model,"
                            "created_ms,state) SELECT id,?2,?3,?4,?5,?6,'queued' FROM findings "
                            "WHERE id=?1",
                            "ttttti", s->finding, s->language, s->author, s->provider, s->model,
                            s->created_ms)
               : r;
    if (r == 0 && sqlite3_changes(db) == 0) {
        return err_set(err, -ENOENT, "there is no such finding");
    }
    job->id = r == 0 ? sqlite3_last_insert_rowid(db) : job->id;
    return r;
}

static int add(struct store *store, const struct store_summary *summary,
               const struct store_summaries_quota *quota, int64_t *ret_id, struct err *err)
{
    struct add job = { .summary = summary, .quota = quota };
    int r = sqlite_store_write(store, &(struct sqlite_write){ write_add, &job }, err);
    if (r == 0 || r == -EEXIST) {
        *ret_id = job.id;
    }
    return r;
}

static int take(sqlite3_stmt *s, struct content_array *all, struct err *err)
{
    struct store_summary *one = content_array_add(all, err);
    if (!one) {
        return -ENOMEM;
    }
    *one = (struct store_summary){ .id = sqlite3_column_int64(s, 0),
                                   .created_ms = sqlite3_column_int64(s, 1),
                                   .done_ms = sqlite3_column_int64(s, 2),
                                   .input_tokens = sqlite3_column_int64(s, 3),
                                   .output_tokens = sqlite3_column_int64(s, 4),
                                   .finding = sqlite_text(s, 5, all->arena),
                                   .language = sqlite_text(s, 6, all->arena),
                                   .author = sqlite_text(s, 7, all->arena),
                                   .provider = sqlite_text(s, 8, all->arena),
                                   .model = sqlite_text(s, 9, all->arena),
                                   .state = sqlite_text(s, 10, all->arena),
                                   .prompt_hash = sqlite_text(s, 11, all->arena),
                                   .error = sqlite_text(s, 12, all->arena),
                                   .body = sqlite_text(s, 13, all->arena) };
    return one->body.p ? 0 : err_set(err, -ENOMEM, "the answer is too large");
}

static int list(struct store *store, struct str finding, struct arena *arena,
                struct store_summary **ret, size_t *ret_n, struct err *err)
{
    struct content_array all = { .arena = arena, .size = sizeof(struct store_summary) };
    struct content_query query = { 0 };
    int r = CONTENT_QUERY(&query, store, err,
                          "SELECT id,created_ms,done_ms,input_tokens,output_tokens,finding,"
                          "language,author,provider,model,state,prompt_hash,error,body "
                          "FROM finding_summaries WHERE finding=? AND state<>'removed' "
                          "ORDER BY id DESC",
                          "t", finding);
    while (r == 0 && (r = sqlite_row(query.statement, err)) > 0) {
        r = take(query.statement, &all, err);
    }
    content_query_done(&query);
    *ret = all.items;
    *ret_n = all.n;
    return r;
}

static int write_done(void *data, struct sqlite3 *db, struct err *err)
{
    const struct store_summary *s = data;
    int r =
        sqlite_run(db, err,
                   "UPDATE finding_summaries SET state=?2,done_ms=?3,prompt_hash=coalesce(?4,''),"
                   "body=coalesce(?5,''),error=coalesce(?6,''),input_tokens=?7,output_tokens=?8 "
                   "WHERE id=?1 AND state='queued'",
                   "ititttii", s->id, s->state, s->done_ms, s->prompt_hash, s->body, s->error,
                   s->input_tokens, s->output_tokens);
    return r == 0 && sqlite3_changes(db) == 0
               ? err_set(err, -ENOENT, "no such summary is asked for")
               : r;
}

static int done(struct store *store, const struct store_summary *summary, struct err *err)
{
    struct store_summary copy = *summary;
    return sqlite_store_write(store, &(struct sqlite_write){ write_done, &copy }, err);
}

static int write_remove(void *data, struct sqlite3 *db, struct err *err)
{
    const struct store_summary *s = data;
    int r = sqlite_run(db, err,
                       "UPDATE finding_summaries SET state='removed',body='',error='' "
                       "WHERE id=? AND finding=? AND state IN ('done','failed')",
                       "it", s->id, s->finding);
    return r == 0 && sqlite3_changes(db) == 0 ? err_set(err, -ENOENT, "there is no such summary")
                                              : r;
}

static int remove_one(struct store *store, struct str finding, int64_t id, struct err *err)
{
    struct store_summary s = { .id = id, .finding = finding };
    return sqlite_store_write(store, &(struct sqlite_write){ write_remove, &s }, err);
}

static int write_abandon(void *data, struct sqlite3 *db, struct err *err)
{
    return sqlite_run(db, err,
                      "UPDATE finding_summaries SET state='failed',done_ms=?,"
                      "error='the server was stopped meanwhile' WHERE state='queued'",
                      "i", *(const int64_t *)data);
}

static int abandon(struct store *store, int64_t now_ms, struct err *err)
{
    return sqlite_store_write(store, &(struct sqlite_write){ write_abandon, &now_ms }, err);
}

static int used(struct store *store, int64_t since_ms, int64_t *ret, struct err *err)
{
    struct content_query query = { 0 };
    int r =
        CONTENT_QUERY(&query, store, err,
                      "SELECT count(*) FROM finding_summaries WHERE created_ms>=?", "i", since_ms);
    r = r == 0 ? sqlite_row(query.statement, err) : r;
    *ret = r == 1 ? sqlite3_column_int64(query.statement, 0) : 0;
    content_query_done(&query);
    return r < 0 ? r : 0;
}

const struct store_summaries_ops sqlite_summaries_ops = {
    .add = add,
    .list = list,
    .done = done,
    .remove = remove_one,
    .abandon = abandon,
    .used = used,
};
