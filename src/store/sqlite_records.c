/*
 * sqlite_records: alerts and activity, day by day, newest first.
 *
 * A filter's checks on own columns are SQL, the others a function that unpacks the record (sqlite_holds.c). Each day is a
 * statement of its own; the deadline is for all of them together.
 */
#include "store/records.h"

#include "store/sqlite_findings.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "store/body.h"

#include <errno.h>

#define DEADLINE_MS 5000
/* Times are believed within a day of arrival, so a day holds times of its neighbours, too. */
#define SLACK_MS (INT64_C(2) * SQLITE_DAY_MS)

struct walk {
    const struct records_query *query;
    struct filter_sql sql;
    struct body_packer *packer;
    struct arena row; /* reset for each row */
    uint64_t end_ns;
    int (*each)(void *data, const struct record_row *row);
    void *data;
};

static void walk_done(struct walk *walk)
{
    body_packer_free(walk->packer);
    arena_done(&walk->row);
}

static void finalize(sqlite3_stmt **statement)
{
    sqlite3_finalize(*statement);
}

static int prepare(struct walk *walk, struct sqlite3 *day, sqlite3_stmt **ret, struct err *err)
{
    bool alerts = walk->query->over == FILTER_ALERTS;
    struct buf buf;
    buf_init(&buf, walk->sql.where.n + 1024);
    buf_printf(&buf, "SELECT r.row,r.time_ms,r.agent,r.body%s FROM %s r WHERE ",
               alerts ? ",r.id,r.finding" : "", alerts ? "alerts" : "activity");
    buf_puts(&buf, walk->sql.where);
    buf_putz(&buf, " AND r.row<? AND r.time_ms>=? AND r.time_ms<?");
    buf_putz(&buf, alerts && walk->query->finding ? " AND r.finding=?" : "");
    buf_putz(&buf, alerts && walk->query->rule.n ? " AND r.rule=?" : "");
    buf_putz(&buf, " ORDER BY r.row DESC");
    int code = buf.failed ? SQLITE_NOMEM : sqlite3_prepare_v2(day, buf.p, (int)buf.n, ret, NULL);
    buf_done(&buf);
    return code == SQLITE_OK ? 0 : sqlite_err(day, err, NULL);
}

static int bind(struct walk *walk, sqlite3_stmt *statement, int64_t before, struct err *err)
{
    const struct records_query *q = walk->query;
    int at = (int)walk->sql.nparams;
    sqlite3_bind_int64(statement, ++at, before);
    sqlite3_bind_int64(statement, ++at, q->from_ms);
    sqlite3_bind_int64(statement, ++at, q->to_ms ? q->to_ms : INT64_MAX);
    if (q->over == FILTER_ALERTS && q->finding) {
        sqlite3_bind_int64(statement, ++at, q->finding);
    }
    if (q->over == FILTER_ALERTS && q->rule.n) {
        sqlite3_bind_text(statement, ++at, q->rule.p, (int)q->rule.n, SQLITE_STATIC);
    }
    return sqlite_bind_filter(statement, 1, &walk->sql, err);
}

static int give_row(struct walk *walk, sqlite3_stmt *statement, int64_t day_ms)
{
    struct str packed = { sqlite3_column_blob(statement, 3),
                          (size_t)sqlite3_column_bytes(statement, 3) };
    arena_reset(&walk->row);
    struct record_row row = {
        .place = { day_ms, sqlite3_column_int64(statement, 0) },
        .time_ms = sqlite3_column_int64(statement, 1),
        .agent = sqlite_text_borrowed(statement, 2),
        .body = body_unpack(walk->packer, packed, &walk->row),
    };
    if (walk->query->over == FILTER_ALERTS) {
        row.id = sqlite_text_borrowed(statement, 4);
        row.finding = sqlite3_column_int64(statement, 5);
    }
    return row.body.p ? walk->each(walk->data, &row) : 0;
}

/* 0 go on, 1 stop, -errno. */
static int walk_day(struct walk *walk, struct sqlite3 *day, int64_t day_ms, struct err *err)
{
    CLEANUP(finalize) sqlite3_stmt *statement = NULL;
    const struct records_place *after = &walk->query->after;
    int64_t before = after->day_ms == day_ms && after->row ? after->row : INT64_MAX;
    int r = prepare(walk, day, &statement, err);
    r = r == 0 ? bind(walk, statement, before, err) : r;
    while (r == 0) {
        int code = sqlite3_step(statement);
        if (code == SQLITE_DONE) {
            break;
        }
        r = code == SQLITE_ROW ? give_row(walk, statement, day_ms) : sqlite_err(day, err, NULL);
    }
    return r;
}

static int walk_day_in_time(void *data, struct sqlite3 *day, int64_t day_ms, struct err *err)
{
    struct walk *walk = data;
    struct sqlite_deadline deadline;
    uint64_t now = clock_ns(CLOCK_MONOTONIC);
    uint64_t left = walk->end_ns > now ? (walk->end_ns - now) / NS_PER_MS + 1 : 1;
    sqlite_deadline_begin(day, &deadline, (uint32_t)left);
    int r = walk_day(walk, day, day_ms, err);
    return sqlite_deadline_end(day, &deadline, r, err);
}

static int walk_days(struct store *store, struct walk *walk, struct err *err)
{
    const struct records_query *q = walk->query;
    int64_t from = q->from_ms > SLACK_MS ? q->from_ms - SLACK_MS : 0;
    int64_t to = q->to_ms ? q->to_ms + SLACK_MS : INT64_MAX;
    if (q->after.day_ms && q->after.day_ms + SQLITE_DAY_MS < to) {
        to = q->after.day_ms + SQLITE_DAY_MS;
    }
    struct sqlite_days days = {
        .from_ms = from, .to_ms = to, .newest_first = true, .each = walk_day_in_time, .data = walk
    };
    return sqlite_days_each(store, &days, err);
}

static int records_each(struct store *store, const struct records_query *query,
                        int (*each)(void *data, const struct record_row *row), void *data,
                        struct err *err)
{
    static const struct filter_dialect dialect = { "r", "hinomi_holds", "r.body" };
    static const struct filter all = { 0 };
    CLEANUP(arena_done) struct arena arena;
    arena_init(&arena, 16 << 20);
    CLEANUP(walk_done)
    struct walk walk = { .query = query, .each = each, .data = data };
    arena_init(&walk.row, 4 * BODY_MAX);
    walk.end_ns = clock_ns(CLOCK_MONOTONIC) +
                  (query->deadline_ms ? query->deadline_ms : DEADLINE_MS) * NS_PER_MS;
    if (body_packer_new(&walk.packer) < 0) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    int r = filter_sql(query->filter ? query->filter : &all, &dialect, &arena, &walk.sql, err);
    return r < 0 ? r : walk_days(store, &walk, err);
}

const struct store_records_ops sqlite_records_ops = { .each = records_each };
