/*
 * sqlite_ingest_read: what the intake asks of the store: the findings of a scope (within a write), heartbeats
 * at start, gaps for people, totals.
 *
 * Gaps lie in the day files. A page goes from day to day, newest first; its cursor is "DAY.ROW", the beginning of
 * a day in ms and the row below which the next page begins.
 */
#include "store/sqlite_ingest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

int sqlite_prepare(struct sqlite3 *db, const char *literal, sqlite3_stmt **ret, struct err *err)
{
    struct err own = { 0 };
    struct err *told = err ? err : &own;
    *ret = sqlite_statement(db, literal, told);
    return *ret ? 0 : told->code;
}

static void read_member(sqlite3_stmt *s, struct arena *arena, struct ingest_member *ret)
{
    *ret = (struct ingest_member){
        .row = sqlite3_column_int64(s, 0),
        .rule = sqlite_text(s, 2, arena),
        .stages = (uint32_t)sqlite3_column_int64(s, 3),
        .first_seen_ms = sqlite3_column_int64(s, 4),
        .last_seen_ms = sqlite3_column_int64(s, 5),
        .sequence = sqlite3_column_int(s, 6) != 0,
        .quiet = sqlite3_column_int(s, 7) != 0,
        .opened_ms = sqlite3_column_int64(s, 8),
        .count = sqlite3_column_int64(s, 9),
        .members = sqlite_text(s, 10, arena),
    };
    sqlite_ingest_id(ret->id, s, 1);
}

int sqlite_ingest_members(struct ingest_tx *tx, const struct ingest_finding *of,
                          struct arena *arena, struct ingest_members *ret, struct err *err)
{
    struct ingest_member *v = ARENA_ARRAY(arena, struct ingest_member, INGEST_MEMBERS_MAX);
    if (!v) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    sqlite3_stmt *s;
    int r = sqlite_prepare(tx->db,
                           "SELECT row, id, rule, stages, first_seen_ms, last_seen_ms, sequence,"
                           " status = 'suppressed', opened_ms, count, members FROM findings WHERE "
                           "scope = ? AND opened_ms >= ?"
                           " AND (stages <> 0 OR sequence) ORDER BY opened_ms DESC LIMIT ?",
                           &s, err);
    r = r < 0 ? r
              : sqlite_bind(s, err, "bii", str_from(of->scope, INGEST_KEY),
                            of->last_seen_ms - INGEST_WINDOW_MS, (int64_t)INGEST_MEMBERS_MAX);
    uint32_t n = 0;
    while (r == 0 || r == 1) {
        r = sqlite_row(s, err);
        if (r != 1) {
            break;
        }
        if (n < INGEST_MEMBERS_MAX) {
            read_member(s, arena, &v[n++]);
        }
    }
    if (r == 0) {
        *ret = (struct ingest_members){ v, n };
    }
    return r;
}

int sqlite_ingest_statuses(struct store *store,
                           void (*each)(void *data, const struct ingest_status *), void *data,
                           struct err *err)
{
    struct sqlite3 *db = NULL;
    int r = sqlite_store_read_begin(store, &db, err);
    if (r < 0) {
        return r;
    }
    sqlite3_stmt *s;
    r = sqlite_prepare(db, "SELECT agent, received_ms, body FROM agent_status LIMIT ?", &s, err);
    r = r < 0 ? r : sqlite_bind(s, err, "i", (int64_t)INGEST_SENDERS_MAX);
    while (r >= 0) {
        r = sqlite_row(s, err);
        if (r != 1) {
            break;
        }
        each(data,
             &(struct ingest_status){
                 .agent = str_of((const char *)sqlite3_column_text(s, 0)),
                 .received_ms = sqlite3_column_int64(s, 1),
                 .body = str_from(sqlite3_column_blob(s, 2), (size_t)sqlite3_column_bytes(s, 2)),
             });
    }
    sqlite_store_read_end(store, db);
    return r;
}

struct gap_reading {
    const struct ingest_gap_query *query;
    struct arena *arena;
    struct ingest_gap_page *page;
    int64_t start_day, start_row; /* of the cursor; INT64_MAX: from the newest */
    bool full;
    char next[48];
};

static int parse_cursor(struct str text, struct gap_reading *reading)
{
    char z[48];
    reading->start_day = reading->start_row = INT64_MAX;
    if (text.n == 0) {
        return 0;
    }
    if (text.n >= sizeof(z)) {
        return -EINVAL;
    }
    memcpy(z, text.p, text.n);
    z[text.n] = '\0';
    char end;
    return sscanf(z, "%" SCNd64 ".%" SCNd64 "%c", &reading->start_day, &reading->start_row, &end) ==
                   2
               ? 0
               : -EINVAL;
}

static void read_gap(sqlite3_stmt *s, struct arena *arena, struct ingest_gap *ret)
{
    *ret = (struct ingest_gap){
        .agent = sqlite_text(s, 1, arena),
        .spool = sqlite_text(s, 2, arena),
        .n = sqlite3_column_int64(s, 3),
        .to_n = sqlite3_column_int64(s, 4),
        .kind = sqlite_text(s, 5, arena),
        .from_ms = sqlite3_column_int64(s, 6),
        .to_ms = sqlite3_column_int64(s, 7),
        .count = sqlite3_column_type(s, 8) == SQLITE_NULL ? -1 : sqlite3_column_int64(s, 8),
        .container_id = sqlite_text(s, 9, arena),
        .received_ms = sqlite3_column_int64(s, 10),
        .body = sqlite_text(s, 11, arena),
    };
}

static int bind_gaps(sqlite3_stmt *s, const struct gap_reading *reading, int64_t below,
                     struct err *err)
{
    const struct ingest_gap_query *q = reading->query;
    return sqlite_bind(s, err, "ittii", below, q->agent.n ? q->agent : (struct str){ 0 },
                       q->kind.n ? q->kind : (struct str){ 0 }, q->from_ms,
                       q->to_ms ? q->to_ms : INT64_MAX);
}

static int gaps_of_day(void *data, struct sqlite3 *day, int64_t day_ms, struct err *err)
{
    struct gap_reading *reading = data;
    if (day_ms > reading->start_day) {
        return 0;
    }
    int64_t below = day_ms == reading->start_day ? reading->start_row : INT64_MAX;
    sqlite3_stmt *s;
    int r = sqlite_prepare(day,
                           "SELECT row, agent, spool, n, to_n, kind, from_ms, to_ms, count,"
                           " container_id, received_ms, body FROM gaps WHERE row < ?1"
                           " AND (?2 IS NULL OR agent = ?2) AND (?3 IS NULL OR kind = ?3)"
                           " AND received_ms >= ?4 AND received_ms < ?5 ORDER BY row DESC",
                           &s, err);
    r = r < 0 ? r : bind_gaps(s, reading, below, err);
    while (r >= 0) {
        r = sqlite_row(s, err);
        if (r != 1) {
            break;
        }
        if (reading->page->n == reading->query->limit) {
            snprintf(reading->next, sizeof(reading->next), "%" PRId64 ".%" PRId64, day_ms,
                     (int64_t)sqlite3_column_int64(s, 0) + 1);
            reading->full = true;
            sqlite3_reset(s);
            break;
        }
        read_gap(s, reading->arena, &reading->page->v[reading->page->n++]);
    }
    return r < 0 ? r : reading->full;
}

int sqlite_ingest_gaps(struct store *store, const struct ingest_gap_query *query,
                       struct arena *arena, struct ingest_gap_page *ret, struct err *err)
{
    struct ingest_gap_page page = { .v = ARENA_ARRAY(arena, struct ingest_gap, query->limit) };
    struct gap_reading reading = { .query = query, .arena = arena, .page = &page };
    if (!page.v || query->limit > INGEST_GAPS_PAGE || parse_cursor(query->cursor, &reading) < 0) {
        return err_set(err, page.v ? -EINVAL : -ENOMEM, "%s",
                       page.v ? "not a cursor of this list" : "out of memory");
    }
    int r = sqlite_days_each(store,
                             &(struct sqlite_days){
                                 .from_ms = query->from_ms,
                                 .to_ms = query->to_ms ? query->to_ms : INT64_MAX,
                                 .newest_first = true,
                                 .each = gaps_of_day,
                                 .data = &reading,
                             },
                             err);
    if (r == 0) {
        page.next = reading.full ? arena_str(arena, str_of(reading.next)) : (struct str){ 0 };
        *ret = page;
    }
    return r;
}

int sqlite_ingest_totals(struct store *store, struct str agent, struct ingest_totals *ret,
                         struct err *err)
{
    struct sqlite3 *db = NULL;
    int r = sqlite_store_read_begin(store, &db, err);
    if (r < 0) {
        return r;
    }
    sqlite3_stmt *s;
    r = sqlite_prepare(db,
                       "SELECT count(DISTINCT agent), count(*), total(alerts), total(duplicates),"
                       " total(activity), total(gaps), total(lost), (SELECT count(*) FROM findings)"
                       " FROM cursors WHERE ?1 IS NULL OR agent = ?1",
                       &s, err);
    r = r < 0 ? r : sqlite_bind(s, err, "t", agent.n ? agent : (struct str){ 0 });
    r = r < 0 ? r : sqlite_row(s, err);
    if (r == 1) {
        *ret = (struct ingest_totals){
            .agents = sqlite3_column_int64(s, 0),
            .spools = sqlite3_column_int64(s, 1),
            .alerts = sqlite3_column_int64(s, 2),
            .duplicates = sqlite3_column_int64(s, 3),
            .activity = sqlite3_column_int64(s, 4),
            .gaps = sqlite3_column_int64(s, 5),
            .lost = sqlite3_column_int64(s, 6),
            .findings = sqlite3_column_int64(s, 7),
        };
        sqlite3_reset(s);
    }
    sqlite_store_read_end(store, db);
    return r < 0 ? r : 0;
}
