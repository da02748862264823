/*
 * sqlite_notify_queue: deliveries, those that wait and those that are over, in SQLite.
 *
 * Partial indexes hold only what waits, so that looking for the next costs nothing of the log. A delivery changes by id
 * while it is queued, and by nothing else: a settlement that comes late (its channel was removed) finds none.
 */
#include "store/sqlite_ingest.h"
#include "store/sqlite_notify.h"

#include <errno.h>

#define COLUMNS                                                                                    \
    "SELECT d.id,d.channel,d.rule,d.finding,d.cause,d.severity,d.language,d.state,d.led,"          \
    "d.told_by,d.held,d.attempts,d.created_ms,d.due_ms,d.done_ms,d.status,d.result,"               \
    "coalesce(c.name,''),coalesce(c.kind,''),coalesce(r.name,''),coalesce(f.title,'') "            \
    "FROM notify_deliveries d LEFT JOIN notify_channels c ON c.id=d.channel "                      \
    "LEFT JOIN notify_rules r ON r.id=d.rule LEFT JOIN findings f ON f.id=d.finding "
#define OVERFLOW_MAX 1000 /* rules and channels looked at together: all there may be */

_Static_assert(OVERFLOW_MAX >= NOTIFY_RULES_MAX * NOTIFY_OF_RULE_MAX, "all of them");

static int insert(struct sqlite3 *db, const struct notify_delivery *d, struct err *err)
{
    return sqlite_run(db, err,
                      "INSERT INTO notify_deliveries (channel,rule,finding,cause,severity,language,"
                      "state,led,created_ms,due_ms) VALUES (?1,?2,?3,?4,?5,?6,'queued',?7,?8,?8)",
                      "iittitii", d->channel, d->rule, d->finding, d->cause, d->severity,
                      d->language, (int64_t)d->led, d->created_ms);
}

int sqlite_notify_enqueue(struct ingest_tx *tx, const struct notify_delivery *delivery,
                          bool overflow, struct err *err)
{
    int r =
        sqlite_run(tx->db, err, "UPDATE notify_rules SET matched_ms=max(matched_ms,?2) WHERE id=?1",
                   "ii", delivery->rule, delivery->created_ms);
    if (r < 0) {
        return r;
    }
    return overflow ? sqlite_run(tx->db, err,
                                 "INSERT INTO notify_paces (rule,channel,overflow) VALUES (?,?,1) "
                                 "ON CONFLICT DO UPDATE SET overflow=overflow+1",
                                 "ii", delivery->rule, delivery->channel)
                    : insert(tx->db, delivery, err);
}

struct add {
    const struct notify_delivery *delivery;
    int64_t id;
};

static int write_add(void *data, struct sqlite3 *db, struct err *err)
{
    struct add *job = data;
    int r = insert(db, job->delivery, err);
    job->id = sqlite3_last_insert_rowid(db);
    return r;
}

int sqlite_notify_add(struct store *store, const struct notify_delivery *delivery, int64_t *ret_id,
                      struct err *err)
{
    struct add job = { .delivery = delivery };
    int r = sqlite_store_write(store, &(struct sqlite_write){ write_add, &job }, err);
    if (r == 0) {
        *ret_id = job.id;
    }
    return r;
}

/* ---- reading */

static int take(sqlite3_stmt *s, struct arena *arena, struct notify_delivery *d, struct err *err)
{
    *d = (struct notify_delivery){ .id = sqlite3_column_int64(s, 0),
                                   .channel = sqlite3_column_int64(s, 1),
                                   .rule = sqlite3_column_int64(s, 2),
                                   .finding = sqlite_text(s, 3, arena),
                                   .cause = sqlite_text(s, 4, arena),
                                   .severity = sqlite3_column_int64(s, 5),
                                   .language = sqlite_text(s, 6, arena),
                                   .state = sqlite_text(s, 7, arena),
                                   .led = sqlite3_column_int64(s, 8) != 0,
                                   .told_by = sqlite3_column_int64(s, 9),
                                   .held = sqlite3_column_int64(s, 10),
                                   .attempts = sqlite3_column_int64(s, 11),
                                   .created_ms = sqlite3_column_int64(s, 12),
                                   .due_ms = sqlite3_column_int64(s, 13),
                                   .done_ms = sqlite3_column_int64(s, 14),
                                   .status = sqlite3_column_int64(s, 15),
                                   .result = sqlite_text(s, 16, arena),
                                   .channel_name = sqlite_text(s, 17, arena),
                                   .kind = sqlite_text(s, 18, arena),
                                   .rule_name = sqlite_text(s, 19, arena),
                                   .title = sqlite_text(s, 20, arena) };
    return d->title.p && d->result.p && d->finding.p
               ? 0
               : err_set(err, -ENOMEM, "the answer is too large");
}

static int read_rows(struct content_query *query, uint32_t limit, struct arena *arena,
                     struct notify_deliveries *ret)
{
    struct content_array all = { .arena = arena, .size = sizeof(struct notify_delivery) };
    int r = 0;
    while (r == 0 && all.n < limit && (r = sqlite_row(query->statement, query->err)) > 0) {
        struct notify_delivery *d = content_array_add(&all, query->err);
        r = d ? take(query->statement, arena, d, query->err) : -ENOMEM;
    }
    *ret = (struct notify_deliveries){ all.items, all.n };
    return r;
}

int sqlite_notify_due(struct store *store, int64_t channel, int64_t now_ms, uint32_t limit,
                      struct arena *arena, struct notify_deliveries *ret, struct err *err)
{
    CLEANUP(content_query_done) struct content_query query = { 0 };
    int r =
        CONTENT_QUERY(&query, store, err,
                      COLUMNS "WHERE d.channel=?1 AND d.state='queued' AND d.led=1 AND "
                              "d.due_ms<=?2 AND d.cause<>'test' ORDER BY d.due_ms,d.id LIMIT ?3",
                      "iii", channel, now_ms, (int64_t)limit);
    return r == 0 ? read_rows(&query, limit, arena, ret) : r;
}

int sqlite_notify_tests(struct store *store, uint32_t limit, struct arena *arena,
                        struct notify_deliveries *ret, struct err *err)
{
    CLEANUP(content_query_done) struct content_query query = { 0 };
    int r = CONTENT_QUERY(&query, store, err,
                          COLUMNS "WHERE d.state='queued' AND d.cause='test' ORDER BY d.id LIMIT ?",
                          "i", (int64_t)limit);
    return r == 0 ? read_rows(&query, limit, arena, ret) : r;
}

int sqlite_notify_told_by(struct store *store, int64_t id, uint32_t limit, struct arena *arena,
                          struct notify_deliveries *ret, struct err *err)
{
    CLEANUP(content_query_done) struct content_query query = { 0 };
    int r =
        CONTENT_QUERY(&query, store, err,
                      COLUMNS "WHERE d.told_by=? AND d.told_by<>0 ORDER BY d.severity DESC,d.id "
                              "LIMIT ?",
                      "ii", id, (int64_t)limit);
    return r == 0 ? read_rows(&query, limit, arena, ret) : r;
}

int sqlite_notify_log(struct store *store, const struct notify_log_query *q, struct arena *arena,
                      struct notify_deliveries *ret, struct err *err)
{
    CLEANUP(content_query_done) struct content_query query = { 0 };
    int r = CONTENT_QUERY(&query, store, err,
                          COLUMNS "WHERE d.id<?1 AND (?2=0 OR d.channel=?2) AND (?3=0 OR d.rule=?3)"
                                  " AND (?4 IS NULL OR d.state=?4) AND (?5 IS NULL OR d.finding=?5)"
                                  " ORDER BY d.id DESC LIMIT ?6",
                          "iiitti", q->before ? q->before : INT64_MAX, q->channel, q->rule,
                          q->state.n ? q->state : (struct str){ 0 },
                          q->finding.n ? q->finding : (struct str){ 0 }, (int64_t)q->limit);
    return r == 0 ? read_rows(&query, q->limit, arena, ret) : r;
}

int sqlite_notify_get(struct store *store, int64_t id, struct arena *arena,
                      struct notify_delivery *ret, struct err *err)
{
    CLEANUP(content_query_done) struct content_query query = { 0 };
    int r = CONTENT_QUERY(&query, store, err, COLUMNS "WHERE d.id=?", "i", id);
    r = r == 0 ? sqlite_row(query.statement, err) : r;
    if (r == 0) {
        return err_set(err, -ENOENT, "there is no such delivery");
    }
    return r == 1 ? take(query.statement, arena, ret, err) : r;
}

int sqlite_notify_waiting(struct store *store, struct arena *arena, struct notify_pace **ret,
                          size_t *ret_n, struct err *err)
{
    CLEANUP(content_query_done) struct content_query query = { 0 };
    struct content_array all = { .arena = arena, .size = sizeof(struct notify_pace) };
    int r = CONTENT_QUERY(&query, store, err,
                          "SELECT d.rule,d.channel,coalesce(r.throttle_s,0),coalesce(p.led_ms,0) "
                          "FROM (SELECT DISTINCT rule,channel FROM notify_deliveries WHERE "
                          "state='queued' AND led=0) d LEFT JOIN notify_rules r ON r.id=d.rule "
                          "LEFT JOIN notify_paces p ON p.rule=d.rule AND p.channel=d.channel",
                          "");
    while (r == 0 && (r = sqlite_row(query.statement, err)) > 0) {
        struct notify_pace *pace = content_array_add(&all, err);
        r = pace ? 0 : -ENOMEM;
        if (pace) {
            *pace = (struct notify_pace){ sqlite3_column_int64(query.statement, 0),
                                          sqlite3_column_int64(query.statement, 1),
                                          sqlite3_column_int64(query.statement, 2),
                                          sqlite3_column_int64(query.statement, 3) };
        }
    }
    *ret = all.items;
    *ret_n = all.n;
    return r;
}

int sqlite_notify_queued(struct store *store, int64_t *ret, struct err *err)
{
    struct sqlite3 *db;
    int r = sqlite_store_read_begin(store, &db, err);
    if (r < 0) {
        return r;
    }
    r = sqlite_notify_count(db,
                            "SELECT (SELECT count(*) FROM notify_deliveries WHERE state='queued' "
                            "AND led=1)+(SELECT count(*) FROM notify_deliveries WHERE "
                            "state='queued' AND led=0)",
                            ret, err);
    sqlite_store_read_end(store, db);
    return r;
}

/* ---- throttles */

struct leading {
    const struct notify_pace *pace;
    int64_t now_ms;
};

static int find_leader(struct sqlite3 *db, const struct notify_pace *pace, int64_t *ret,
                       struct err *err)
{
    sqlite3_stmt *s = sqlite_statement(db,
                                       "SELECT id FROM notify_deliveries WHERE state='queued' AND "
                                       "led=0 AND rule=? AND channel=? ORDER BY severity DESC,id "
                                       "LIMIT 1",
                                       err);
    int r = s ? sqlite_bind(s, err, "ii", pace->rule, pace->channel) : -EIO;
    r = r == 0 ? sqlite_row(s, err) : r;
    *ret = r == 1 ? sqlite3_column_int64(s, 0) : 0;
    if (s) {
        sqlite3_reset(s);
    }
    return r < 0 ? r : 0;
}

static int write_leader(struct sqlite3 *db, const struct leading *job, int64_t leader,
                        struct err *err)
{
    const struct notify_pace *pace = job->pace;
    int r = sqlite_run(db, err,
                       "UPDATE notify_deliveries SET state='held',told_by=?1,done_ms=?2 WHERE "
                       "state='queued' AND led=0 AND rule=?3 AND channel=?4 AND id<>?1",
                       "iiii", leader, job->now_ms, pace->rule, pace->channel);
    int64_t held = r == 0 ? sqlite3_changes(db) : 0;
    r = r == 0 ? sqlite_run(db, err, "UPDATE notify_deliveries SET led=1,held=held+?2 WHERE id=?1",
                            "ii", leader, held)
               : r;
    return r == 0 ? sqlite_run(db, err,
                               "INSERT INTO notify_paces (rule,channel,led_ms) VALUES (?,?,?) "
                               "ON CONFLICT DO UPDATE SET led_ms=excluded.led_ms",
                               "iii", pace->rule, pace->channel, job->now_ms)
                  : r;
}

static int write_lead(void *data, struct sqlite3 *db, struct err *err)
{
    const struct leading *job = data;
    int64_t leader = 0;
    if (job->pace->throttle_s == 0) {
        return sqlite_run(db, err,
                          "UPDATE notify_deliveries SET led=1 WHERE state='queued' AND led=0 AND "
                          "rule=? AND channel=?",
                          "ii", job->pace->rule, job->pace->channel);
    }
    int r = find_leader(db, job->pace, &leader, err);
    return r == 0 && leader ? write_leader(db, job, leader, err) : r;
}

int sqlite_notify_lead(struct store *store, const struct notify_pace *pace, int64_t now_ms,
                       struct err *err)
{
    struct leading job = { pace, now_ms };
    return sqlite_store_write(store, &(struct sqlite_write){ write_lead, &job }, err);
}

struct overflown {
    int64_t rule, channel, n;
};

static int read_overflows(struct sqlite3 *db, struct overflown *ret, size_t *ret_n, struct err *err)
{
    sqlite3_stmt *s = sqlite_statement(db,
                                       "SELECT rule,channel,overflow FROM notify_paces WHERE "
                                       "overflow>0 LIMIT ?",
                                       err);
    int r = s ? sqlite_bind(s, err, "i", (int64_t)OVERFLOW_MAX) : -EIO;
    size_t n = 0;
    while (r == 0 && n < OVERFLOW_MAX && (r = sqlite_row(s, err)) > 0) {
        ret[n++] = (struct overflown){ sqlite3_column_int64(s, 0), sqlite3_column_int64(s, 1),
                                       sqlite3_column_int64(s, 2) };
        r = 0;
    }
    if (s) {
        sqlite3_reset(s);
    }
    *ret_n = n;
    return r;
}

static int write_overflow(void *data, struct sqlite3 *db, struct err *err)
{
    struct overflown all[OVERFLOW_MAX];
    size_t n = 0;
    int r = read_overflows(db, all, &n, err);
    (void)data;
    for (size_t i = 0; i < n && r == 0; i++) {
        r = sqlite_run(db, err,
                       "UPDATE notify_deliveries SET held=held+?3 WHERE id=(SELECT id FROM "
                       "notify_deliveries WHERE channel=?2 AND rule=?1 AND state='queued' "
                       "ORDER BY led DESC,id LIMIT 1)",
                       "iii", all[i].rule, all[i].channel, all[i].n);
        if (r == 0 && sqlite3_changes(db) > 0) {
            r = sqlite_run(db, err, "UPDATE notify_paces SET overflow=0 WHERE rule=? AND channel=?",
                           "ii", all[i].rule, all[i].channel);
        }
    }
    return r;
}

int sqlite_notify_tell_overflow(struct store *store, struct err *err)
{
    struct sqlite3 *db;
    int64_t n = 0;
    int r = sqlite_store_read_begin(store, &db, err);
    if (r < 0) {
        return r;
    }
    r = sqlite_notify_count(db, "SELECT EXISTS (SELECT 1 FROM notify_paces WHERE overflow>0)", &n,
                            err);
    sqlite_store_read_end(store, db);
    return r == 0 && n
               ? sqlite_store_write(store, &(struct sqlite_write){ write_overflow, NULL }, err)
               : r;
}

/* ---- what became of them */

struct settling {
    const struct notify_settled *v;
    size_t n;
};

static int settle_channel(struct sqlite3 *db, const struct notify_settled *s, struct err *err)
{
    return str_eqz(s->state, "delivered")
               ? sqlite_run(db, err,
                            "UPDATE notify_channels SET delivered_ms=?2,error='' WHERE id=?1", "ii",
                            s->channel, s->now_ms)
               : sqlite_run(db, err, "UPDATE notify_channels SET failed_ms=?2,error=?3 WHERE id=?1",
                            "iit", s->channel, s->now_ms, s->result);
}

static int write_settled(void *data, struct sqlite3 *db, struct err *err)
{
    const struct settling *job = data;
    int r = 0;
    for (size_t i = 0; i < job->n && r == 0; i++) {
        const struct notify_settled *s = &job->v[i];
        r = sqlite_run(db, err,
                       "UPDATE notify_deliveries SET state=?2,attempts=attempts+1,done_ms=?3,"
                       "due_ms=?4,status=?5,result=?6 WHERE id=?1 AND state='queued'",
                       "itiiit", s->id, s->state, s->now_ms, s->due_ms, s->status, s->result);
        r = r == 0 ? settle_channel(db, s, err) : r;
    }
    return r;
}

int sqlite_notify_settle(struct store *store, const struct notify_settled *settled, size_t n,
                         struct err *err)
{
    struct settling job = { settled, n };
    return sqlite_store_write(store, &(struct sqlite_write){ write_settled, &job }, err);
}

struct retrying {
    int64_t id, now_ms;
};

static int write_retry(void *data, struct sqlite3 *db, struct err *err)
{
    const struct retrying *job = data;
    sqlite3_stmt *s = sqlite_statement(db,
                                       "SELECT state='dead',EXISTS (SELECT 1 FROM notify_channels "
                                       "c WHERE c.id=channel) FROM notify_deliveries WHERE id=?",
                                       err);
    int r = s ? sqlite_bind(s, err, "i", job->id) : -EIO;
    r = r == 0 ? sqlite_row(s, err) : r;
    bool dead = r == 1 && sqlite3_column_int(s, 0), there = r == 1 && sqlite3_column_int(s, 1);
    if (s) {
        sqlite3_reset(s);
    }
    if (r <= 0) {
        return r < 0 ? r : err_set(err, -ENOENT, "there is no such delivery");
    }
    if (!dead || !there) {
        return dead ? err_set(err, -ESTALE, "its channel was removed")
                    : err_set(err, -EINVAL, "it was not given up: only dead ones are tried again");
    }
    return sqlite_run(
        db, err,
        "UPDATE notify_deliveries SET state='queued',led=1,attempts=0,due_ms=?2 WHERE "
        "id=?1",
        "ii", job->id, job->now_ms);
}

int sqlite_notify_retry(struct store *store, int64_t id, int64_t now_ms, struct err *err)
{
    struct retrying job = { id, now_ms };
    return sqlite_store_write(store, &(struct sqlite_write){ write_retry, &job }, err);
}

struct pruning {
    int64_t before_ms;
    bool more;
};

static int write_prune(void *data, struct sqlite3 *db, struct err *err)
{
    struct pruning *job = data;
    int r =
        sqlite_run(db, err,
                   "DELETE FROM notify_deliveries WHERE id IN (SELECT id FROM "
                   "notify_deliveries WHERE state<>'queued' AND (created_ms<?1 OR id<=(SELECT "
                   "max(id) FROM notify_deliveries)-?2) ORDER BY id LIMIT ?3)",
                   "iii", job->before_ms, (int64_t)NOTIFY_LOG_MAX, (int64_t)NOTIFY_PRUNE_AT_ONCE);
    job->more = r == 0 && sqlite3_changes(db) == NOTIFY_PRUNE_AT_ONCE;
    return r;
}

int sqlite_notify_prune(struct store *store, int64_t before_ms, bool *ret_more, struct err *err)
{
    struct pruning job = { .before_ms = before_ms };
    int r = sqlite_store_write(store, &(struct sqlite_write){ write_prune, &job }, err);
    *ret_more = job.more;
    return r;
}
