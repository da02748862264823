/*
 * sqlite_notify: channels and the rules that choose them, in SQLite.
 *
 * Both are plain rows, few, read as a whole. What goes with a channel or rule that is removed is settled in the same
 * transaction: rules name no channel that is gone, and nothing waits for one. Deliveries are in sqlite_notify_queue.c.
 */
#include "store/sqlite_notify.h"

#include <errno.h>

static int full(struct err *err)
{
    return err_set(err, -ENOMEM, "the answer is too large");
}

int sqlite_notify_count(struct sqlite3 *db, const char *literal, int64_t *ret, struct err *err)
{
    sqlite3_stmt *s = sqlite_statement(db, literal, err);
    int r = s ? sqlite_row(s, err) : -EIO;
    if (r == 1) {
        *ret = sqlite3_column_int64(s, 0);
        sqlite3_reset(s);
    }
    return r < 0 ? r : 0;
}

static int room(struct sqlite3 *db, const char *literal, int64_t most, struct err *err)
{
    int64_t n = 0;
    int r = sqlite_notify_count(db, literal, &n, err);
    return r == 0 && n >= most
               ? err_set(err, -EINVAL, "there are %lld already, the most there may be",
                         (long long)most)
               : r;
}

struct put {
    const void *record;
    int64_t id;
};

/* One that was to be changed and is not there, or one whose name is taken. */
static int judge_put(struct sqlite3 *db, int64_t id, int r, const char *what, struct err *err)
{
    if (r == -EEXIST) {
        return err_set(err, r, "there is a %s of that name", what);
    }
    return r == 0 && id && sqlite3_changes(db) == 0
               ? err_set(err, -ENOENT, "there is no such %s", what)
               : r;
}

/* ---- channels */

static int write_channel(void *data, struct sqlite3 *db, struct err *err)
{
    struct put *job = data;
    const struct notify_channel *c = job->record;
    int r = c->id ? 0 : room(db, "SELECT count(*) FROM notify_channels", NOTIFY_CHANNELS_MAX, err);
    if (r < 0) {
        return r;
    }
    r = c->id ? sqlite_run(db, err,
                           "UPDATE notify_channels SET name=?2,enabled=?3,language=?4,config=?5,"
                           "secrets=?6,updated_ms=?7 WHERE id=?1",
                           "itittti", c->id, c->name, (int64_t)c->enabled, c->language, c->config,
                           c->secrets, c->updated_ms)
              : sqlite_run(db, err,
                           "INSERT INTO notify_channels (name,kind,enabled,language,config,secrets,"
                           "author,created_ms,updated_ms) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?8)",
                           "ttitttti", c->name, c->kind, (int64_t)c->enabled, c->language,
                           c->config, c->secrets, c->author, c->updated_ms);
    r = judge_put(db, c->id, r, "channel", err);
    job->id = c->id ? c->id : sqlite3_last_insert_rowid(db);
    return r;
}

static int channel_put(struct store *store, const struct notify_channel *channel, int64_t *ret_id,
                       struct err *err)
{
    struct put job = { .record = channel };
    int r = sqlite_store_write(store, &(struct sqlite_write){ write_channel, &job }, err);
    if (r == 0) {
        *ret_id = job.id;
    }
    return r;
}

static int take_channel(sqlite3_stmt *s, struct content_array *all, struct err *err)
{
    struct notify_channel *c = content_array_add(all, err);
    if (!c) {
        return -ENOMEM;
    }
    *c = (struct notify_channel){ .id = sqlite3_column_int64(s, 0),
                                  .name = sqlite_text(s, 1, all->arena),
                                  .kind = sqlite_text(s, 2, all->arena),
                                  .enabled = sqlite3_column_int64(s, 3) != 0,
                                  .language = sqlite_text(s, 4, all->arena),
                                  .config = sqlite_text(s, 5, all->arena),
                                  .secrets = sqlite_text(s, 6, all->arena),
                                  .author = sqlite_text(s, 7, all->arena),
                                  .created_ms = sqlite3_column_int64(s, 8),
                                  .updated_ms = sqlite3_column_int64(s, 9),
                                  .delivered_ms = sqlite3_column_int64(s, 10),
                                  .failed_ms = sqlite3_column_int64(s, 11),
                                  .error = sqlite_text(s, 12, all->arena),
                                  .queued = sqlite3_column_int64(s, 13),
                                  .dead = sqlite3_column_int64(s, 14) };
    return c->error.p && c->config.p && c->secrets.p ? 0 : full(err);
}

#define CHANNEL_COLUMNS                                                                            \
    "SELECT id,name,kind,enabled,language,config,secrets,author,created_ms,updated_ms,"            \
    "delivered_ms,failed_ms,error,"
static const char channels_plain[] = CHANNEL_COLUMNS "0,0 FROM notify_channels ORDER BY id";
static const char channels_counted[] = CHANNEL_COLUMNS
    "(SELECT count(*) FROM notify_deliveries d WHERE d.channel=c.id AND state='queued' AND led=1)+"
    "(SELECT count(*) FROM notify_deliveries d WHERE d.channel=c.id AND state='queued' AND led=0),"
    "(SELECT count(*) FROM notify_deliveries d WHERE d.channel=c.id AND state='dead') "
    "FROM notify_channels c ORDER BY id";

static int channels(struct store *store, bool counts, struct arena *arena,
                    struct notify_channel **ret, size_t *ret_n, struct err *err)
{
    CLEANUP(content_query_done) struct content_query query = { 0 };
    struct content_array all = { .arena = arena, .size = sizeof(struct notify_channel) };
    int r = CONTENT_QUERY(&query, store, err, counts ? channels_counted : channels_plain, "");
    while (r == 0 && (r = sqlite_row(query.statement, err)) > 0) {
        r = take_channel(query.statement, &all, err);
    }
    *ret = all.items;
    *ret_n = all.n;
    return r;
}

struct removal {
    int64_t id, now_ms;
};

static int write_channel_removal(void *data, struct sqlite3 *db, struct err *err)
{
    const struct removal *job = data;
    int r = sqlite_run(db, err, "DELETE FROM notify_channels WHERE id=?", "i", job->id);
    if (r == 0 && sqlite3_changes(db) == 0) {
        return err_set(err, -ENOENT, "there is no such channel");
    }
    r = r == 0 ? sqlite_run(db, err,
                            "UPDATE notify_rules SET channels=(SELECT json_group_array(value) FROM "
                            "json_each(channels) WHERE value<>?1) WHERE EXISTS (SELECT 1 FROM "
                            "json_each(channels) WHERE value=?1)",
                            "i", job->id)
               : r;
    r = r == 0 ? sqlite_run(db, err, "DELETE FROM notify_paces WHERE channel=?", "i", job->id) : r;
    return r == 0 ? sqlite_run(db, err,
                               "UPDATE notify_deliveries SET state='dead',done_ms=?2,"
                               "result='the channel was removed' WHERE channel=?1 AND "
                               "state='queued'",
                               "ii", job->id, job->now_ms)
                  : r;
}

static int channel_remove(struct store *store, int64_t id, int64_t now_ms, struct err *err)
{
    struct removal job = { id, now_ms };
    return sqlite_store_write(store, &(struct sqlite_write){ write_channel_removal, &job }, err);
}

/* ---- rules */

static int write_rule(void *data, struct sqlite3 *db, struct err *err)
{
    struct put *job = data;
    const struct notify_rule *n = job->record;
    int r = n->id ? 0 : room(db, "SELECT count(*) FROM notify_rules", NOTIFY_RULES_MAX, err);
    if (r < 0) {
        return r;
    }
    r = n->id ? sqlite_run(db, err,
                           "UPDATE notify_rules SET name=?2,enabled=?3,filter=?4,channels=?5,"
                           "language=?6,throttle_s=?7,updated_ms=?8 WHERE id=?1",
                           "ititttii", n->id, n->name, (int64_t)n->enabled, n->filter, n->channels,
                           n->language, n->throttle_s, n->updated_ms)
              : sqlite_run(db, err,
                           "INSERT INTO notify_rules (name,enabled,filter,channels,language,"
                           "throttle_s,author,created_ms,updated_ms) "
                           "VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?8)",
                           "titttiti", n->name, (int64_t)n->enabled, n->filter, n->channels,
                           n->language, n->throttle_s, n->author, n->updated_ms);
    r = judge_put(db, n->id, r, "rule", err);
    job->id = n->id ? n->id : sqlite3_last_insert_rowid(db);
    return r;
}

static int rule_put(struct store *store, const struct notify_rule *rule, int64_t *ret_id,
                    struct err *err)
{
    struct put job = { .record = rule };
    int r = sqlite_store_write(store, &(struct sqlite_write){ write_rule, &job }, err);
    if (r == 0) {
        *ret_id = job.id;
    }
    return r;
}

static int take_rule(sqlite3_stmt *s, struct content_array *all, struct err *err)
{
    struct notify_rule *n = content_array_add(all, err);
    if (!n) {
        return -ENOMEM;
    }
    *n = (struct notify_rule){ .id = sqlite3_column_int64(s, 0),
                               .name = sqlite_text(s, 1, all->arena),
                               .enabled = sqlite3_column_int64(s, 2) != 0,
                               .filter = sqlite_text(s, 3, all->arena),
                               .channels = sqlite_text(s, 4, all->arena),
                               .language = sqlite_text(s, 5, all->arena),
                               .throttle_s = sqlite3_column_int64(s, 6),
                               .author = sqlite_text(s, 7, all->arena),
                               .created_ms = sqlite3_column_int64(s, 8),
                               .updated_ms = sqlite3_column_int64(s, 9),
                               .matched_ms = sqlite3_column_int64(s, 10) };
    return n->author.p && n->filter.p && n->channels.p && n->language.p ? 0 : full(err);
}

static int rules(struct store *store, struct arena *arena, struct notify_rule **ret, size_t *ret_n,
                 struct err *err)
{
    CLEANUP(content_query_done) struct content_query query = { 0 };
    struct content_array all = { .arena = arena, .size = sizeof(struct notify_rule) };
    int r = CONTENT_QUERY(&query, store, err,
                          "SELECT id,name,enabled,filter,channels,language,throttle_s,author,"
                          "created_ms,updated_ms,matched_ms FROM notify_rules ORDER BY id",
                          "");
    while (r == 0 && (r = sqlite_row(query.statement, err)) > 0) {
        r = take_rule(query.statement, &all, err);
    }
    *ret = all.items;
    *ret_n = all.n;
    return r;
}

static int write_rule_removal(void *data, struct sqlite3 *db, struct err *err)
{
    const struct removal *job = data;
    int r = sqlite_run(db, err, "DELETE FROM notify_rules WHERE id=?", "i", job->id);
    if (r == 0 && sqlite3_changes(db) == 0) {
        return err_set(err, -ENOENT, "there is no such rule");
    }
    return r == 0 ? sqlite_run(db, err, "DELETE FROM notify_paces WHERE rule=?", "i", job->id) : r;
}

static int rule_remove(struct store *store, int64_t id, int64_t now_ms, struct err *err)
{
    struct removal job = { id, now_ms };
    return sqlite_store_write(store, &(struct sqlite_write){ write_rule_removal, &job }, err);
}

const struct store_notify_ops sqlite_notify_ops = {
    .channel_put = channel_put,
    .channels = channels,
    .channel_remove = channel_remove,
    .rule_put = rule_put,
    .rules = rules,
    .rule_remove = rule_remove,
    .enqueue = sqlite_notify_enqueue,
    .add = sqlite_notify_add,
    .due = sqlite_notify_due,
    .tests = sqlite_notify_tests,
    .waiting = sqlite_notify_waiting,
    .lead = sqlite_notify_lead,
    .tell_overflow = sqlite_notify_tell_overflow,
    .settle = sqlite_notify_settle,
    .told_by = sqlite_notify_told_by,
    .log = sqlite_notify_log,
    .get = sqlite_notify_get,
    .retry = sqlite_notify_retry,
    .queued = sqlite_notify_queued,
    .prune = sqlite_notify_prune,
};
