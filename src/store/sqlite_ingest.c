/*
 * sqlite_ingest: what the intake writes, in one transaction over hinomi.db and the day of arrival.
 *
 * Most of what happens here is add_alert() and more(), once per alert at worst: an alert is one row of its day
 * with two indexes; a finding that grows is one UPDATE of its row and one of its newest body. Columns that are
 * in indexes do not change after the insert.
 */
#include "store/sqlite_ingest.h"

#include <errno.h>
#include <stdio.h>

static int write_body(void *data, struct sqlite3 *db, struct err *err)
{
    const struct ingest_write *write = data;
    struct ingest_tx tx = { .db = db, .now_ms = write->now_ms };
    return write->body(write->data, &tx, err);
}

static int ingest_write(struct store *store, const struct ingest_write *write, struct err *err)
{
    struct ingest_write own = *write;
    return sqlite_store_write_large(store, &(struct sqlite_write){ write_body, &own }, err);
}

static int day_of(struct ingest_tx *tx, struct err *err)
{
    return tx->day ? 0 : sqlite_store_day(tx->db, tx->now_ms, &tx->day, err);
}

/* Empty texts are NULL. */
static struct str some(struct str s)
{
    return s.n ? s : (struct str){ 0 };
}

static int cursor(struct ingest_tx *tx, struct str agent, struct str spool,
                  struct ingest_cursor *ret, struct err *err)
{
    sqlite3_stmt *s;
    int r =
        sqlite_prepare(tx->db,
                       "SELECT n, alerts, duplicates, activity, gaps, lost, updated_ms FROM cursors"
                       " WHERE agent = ? AND spool = ?",
                       &s, err);
    r = r < 0 ? r : sqlite_bind(s, err, "tt", agent, spool);
    r = r < 0 ? r : sqlite_row(s, err);
    if (r <= 0) {
        return r < 0 ? r : -ENOENT;
    }
    *ret = (struct ingest_cursor){
        .n = sqlite3_column_int64(s, 0),
        .alerts = sqlite3_column_int64(s, 1),
        .duplicates = sqlite3_column_int64(s, 2),
        .activity = sqlite3_column_int64(s, 3),
        .gaps = sqlite3_column_int64(s, 4),
        .lost = sqlite3_column_int64(s, 5),
        .updated_ms = sqlite3_column_int64(s, 6),
    };
    sqlite3_reset(s);
    return 0;
}

static int drop_old_cursors(struct ingest_tx *tx, struct str agent, struct err *err)
{
    return sqlite_run(tx->db, err,
                      "DELETE FROM cursors WHERE agent = ?1 AND spool NOT IN (SELECT spool FROM"
                      " cursors WHERE agent = ?1 ORDER BY updated_ms DESC LIMIT ?2)",
                      "ti", agent, (int64_t)INGEST_SPOOLS_MAX);
}

static int put_cursor(struct ingest_tx *tx, const struct ingest_cursor *c, struct err *err)
{
    int r = sqlite_run(
        tx->db, err,
        "INSERT INTO cursors (agent, spool, n, alerts, duplicates, activity, gaps, lost, "
        "updated_ms)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET n = excluded.n,"
        " alerts = excluded.alerts, duplicates = excluded.duplicates, activity = excluded.activity,"
        " gaps = excluded.gaps, lost = excluded.lost, updated_ms = excluded.updated_ms",
        "ttiiiiiii", c->agent, c->spool, c->n, c->alerts, c->duplicates, c->activity, c->gaps,
        c->lost, c->updated_ms);
    return r < 0 || !c->fresh ? r : drop_old_cursors(tx, c->agent, err);
}

static int add_alert(struct ingest_tx *tx, const struct ingest_alert *a, struct err *err)
{
    int r = day_of(tx, err);
    if (r < 0) {
        return r;
    }
    r = sqlite_run(
        tx->day, err,
        "INSERT OR IGNORE INTO alerts (id, agent, spool, n, finding, time_ms, received_ms,"
        " rule, severity, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        "tttiiiitib", a->id, a->agent, some(a->spool), a->n, a->finding, a->time_ms, a->received_ms,
        a->rule, (int64_t)a->severity, a->body);
    return r < 0 ? r : sqlite3_changes(tx->day) ? 0 : -EEXIST;
}

static int add_activity(struct ingest_tx *tx, const struct ingest_activity *a, struct err *err)
{
    int r = day_of(tx, err);
    return r < 0 ? r
                 : sqlite_run(tx->day, err,
                              "INSERT INTO activity (agent, spool, n, time_ms, kind, container_id,"
                              " exe, cmdline, name, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                              "ttiitttttb", a->agent, a->spool, a->n, a->time_ms, a->kind,
                              some(a->container_id), some(a->exe), some(a->cmdline), some(a->name),
                              a->body);
}

static int add_gap(struct ingest_tx *tx, const struct ingest_gap *g, struct err *err)
{
    int r = day_of(tx, err);
    return r < 0
               ? r
               : sqlite_run(tx->day, err,
                            "INSERT INTO gaps (agent, spool, n, to_n, kind, from_ms, to_ms, count,"
                            " container_id, received_ms, body)"
                            " VALUES (?, ?, ?, ?, ?, ?, ?, nullif(?, -1), ?, ?, ?)",
                            "ttiitiiitit", g->agent, some(g->spool), g->n, g->to_n, g->kind,
                            g->from_ms, g->to_ms, g->count, some(g->container_id), g->received_ms,
                            g->body);
}

void sqlite_ingest_id(char to[INGEST_ID + 1], sqlite3_stmt *s, int column)
{
    snprintf(to, INGEST_ID + 1, "%s", (const char *)sqlite3_column_text(s, column));
}

static int find(struct ingest_tx *tx, const uint8_t key[INGEST_KEY], int64_t time_ms,
                struct ingest_open *ret, struct err *err)
{
    sqlite3_stmt *s;
    int r = sqlite_prepare(
        tx->db,
        "SELECT row, id, opened_ms, first_seen_ms, last_seen_ms, count, stages, severity"
        " FROM findings WHERE key = ? AND opened_ms BETWEEN ? AND ?"
        " ORDER BY opened_ms DESC LIMIT 1",
        &s, err);
    r = r < 0 ? r
              : sqlite_bind(s, err, "bii", str_from(key, INGEST_KEY), time_ms - INGEST_WINDOW_MS,
                            time_ms + INGEST_WINDOW_MS);
    r = r < 0 ? r : sqlite_row(s, err);
    if (r <= 0) {
        return r < 0 ? r : -ENOENT;
    }
    *ret = (struct ingest_open){
        .row = sqlite3_column_int64(s, 0),
        .opened_ms = sqlite3_column_int64(s, 2),
        .first_seen_ms = sqlite3_column_int64(s, 3),
        .last_seen_ms = sqlite3_column_int64(s, 4),
        .count = sqlite3_column_int64(s, 5),
        .stages = (uint32_t)sqlite3_column_int64(s, 6),
        .severity = (uint8_t)sqlite3_column_int(s, 7),
    };
    sqlite_ingest_id(ret->id, s, 1);
    sqlite3_reset(s);
    return 0;
}

static const char insert_finding[] =
    "INSERT INTO findings (row, id, key, opened_ms, scope, stages, rule, policy, type, "
    "severity, priority, status, count, first_seen_ms, last_seen_ms, created_ms, updated_ms, "
    "clock, source, title, output, container_id, container_name, image, image_digest, "
    "cluster, task_arn, task_id, task_family, task_revision, service, account, region, host, "
    "agent, proc_name, proc_exe, proc_cmdline, proc_pid, user_name, parent_name, parent_exe, "
    "domain, file, list, item, tags, sequence, members)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
    "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, nullif(?, -1), ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";

static int add_finding(struct ingest_tx *tx, const struct ingest_finding *f, struct err *err)
{
    int r = sqlite_run(
        tx->db, err, insert_finding, "itbibitttittiiiiiittttttttttttttttttttittttttttit", f->row,
        str_of(f->id), str_from(f->key, INGEST_KEY), f->opened_ms,
        f->scoped ? str_from(f->scope, INGEST_KEY) : (struct str){ 0 }, (int64_t)f->stages, f->rule,
        some(f->policy), some(f->type), (int64_t)f->severity, f->priority,
        f->suppressed ? STR("suppressed") : STR("new"), f->count, f->first_seen_ms, f->last_seen_ms,
        f->now_ms, f->now_ms, (int64_t)f->clock, some(f->source), f->title, some(f->output),
        some(f->container_id), some(f->container_name), some(f->image), some(f->image_digest),
        some(f->cluster), some(f->task_arn), some(f->task_id), some(f->task_family),
        some(f->task_revision), some(f->service), some(f->account), some(f->region), some(f->host),
        f->agent, some(f->proc_name), some(f->proc_exe), some(f->proc_cmdline), f->proc_pid,
        some(f->user_name), some(f->parent_name), some(f->parent_exe), some(f->domain),
        some(f->file), some(f->list), some(f->item), f->tags, (int64_t)f->sequence,
        some(f->members));
    if (r < 0 || f->body.n == 0) {
        return r;
    }
    return sqlite_run(tx->db, err,
                      "INSERT INTO finding_bodies (row, first_alert, last_alert) VALUES (?, ?, ?)",
                      "ibb", f->row, f->body, some(f->last_body));
}

static int last_row(struct ingest_tx *tx, int64_t *ret, struct err *err)
{
    sqlite3_stmt *s;
    int r = sqlite_prepare(
        tx->db, "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'findings'", &s,
        err);
    r = r < 0 ? r : sqlite_row(s, err);
    if (r == 1) {
        *ret = sqlite3_column_int64(s, 0);
        sqlite3_reset(s);
    }
    return r < 0 ? r : 0;
}

static const char update_finding[] =
    "UPDATE findings SET count = count + ?2, first_seen_ms = min(first_seen_ms, ?3),"
    " last_seen_ms = max(last_seen_ms, ?4), updated_ms = ?5, severity = max(severity, ?6),"
    " stages = stages | ?7, clock = clock | ?8, version = version + 1,"
    " reopened = reopened + (?9 AND status = 'archived'),"
    " status = CASE WHEN ?9 AND status IN ('archived', 'suppressed') THEN 'new' ELSE status END,"
    " output = ?10, proc_cmdline = ?11, proc_pid = nullif(?12, -1), user_name = ?13, domain = ?14,"
    " file = ?15, list = ?16, item = ?17, title = ?18, members = ?19,"
    " container_name = coalesce(?20, container_name), image = coalesce(?21, image),"
    " image_digest = coalesce(?22, image_digest), cluster = coalesce(?23, cluster),"
    " task_arn = coalesce(?24, task_arn), task_id = coalesce(?25, task_id),"
    " task_family = coalesce(?26, task_family), task_revision = coalesce(?27, task_revision),"
    " service = coalesce(?28, service)"
    " WHERE row = ?1 RETURNING count, version, first_seen_ms, last_seen_ms, severity, status";

/* How it was: only of what is changed by these alerts. */
static int read_before(struct ingest_tx *tx, int64_t row, struct ingest_result *ret,
                       bool *ret_quiet, struct err *err)
{
    sqlite3_stmt *s;
    int r = sqlite_prepare(tx->db,
                           "SELECT severity, status IN ('archived', 'suppressed') FROM findings"
                           " WHERE row = ?",
                           &s, err);
    r = r < 0 ? r : sqlite_bind(s, err, "i", row);
    r = r < 0 ? r : sqlite_row(s, err);
    if (r == 1) {
        ret->severity_before = (uint8_t)sqlite3_column_int(s, 0);
        *ret_quiet = sqlite3_column_int(s, 1) != 0;
        sqlite3_reset(s);
    }
    return r < 0 ? r : 0;
}

static int read_result(sqlite3_stmt *s, struct ingest_result *ret, struct err *err)
{
    int r = sqlite_row(s, err);
    if (r <= 0) {
        return r < 0 ? r : err_set(err, -ENOENT, "the finding is gone");
    }
    *ret = (struct ingest_result){
        .severity_before = ret->severity_before,
        .count = sqlite3_column_int64(s, 0),
        .version = sqlite3_column_int64(s, 1),
        .first_seen_ms = sqlite3_column_int64(s, 2),
        .last_seen_ms = sqlite3_column_int64(s, 3),
        .severity = (uint8_t)sqlite3_column_int(s, 4),
    };
    snprintf(ret->status, sizeof(ret->status), "%s", (const char *)sqlite3_column_text(s, 5));
    sqlite3_reset(s);
    return 0;
}

static int more(struct ingest_tx *tx, const struct ingest_more *m, struct ingest_result *ret,
                struct err *err)
{
    const struct ingest_finding *f = m->newest;
    sqlite3_stmt *s;
    bool quiet = false;
    int r = read_before(tx, m->row, ret, &quiet, err);
    r = r < 0 ? r : sqlite_prepare(tx->db, update_finding, &s, err);
    r = r < 0
            ? r
            : sqlite_bind(s, err, "iiiiiiiiittitttttttttttttttt", m->row, m->count,
                          f->first_seen_ms, f->last_seen_ms, f->now_ms, (int64_t)f->severity,
                          (int64_t)f->stages, (int64_t)f->clock, (int64_t)m->loud, some(f->output),
                          some(f->proc_cmdline), f->proc_pid, some(f->user_name), some(f->domain),
                          some(f->file), some(f->list), some(f->item), f->title, some(f->members),
                          some(f->container_name), some(f->image), some(f->image_digest),
                          some(f->cluster), some(f->task_arn), some(f->task_id),
                          some(f->task_family), some(f->task_revision), some(f->service));
    r = r < 0 ? r : read_result(s, ret, err);
    ret->reopened = r == 0 && quiet && strcmp(ret->status, "new") == 0;
    if (r == 0 && f->body.n) {
        r = sqlite_run(tx->db, err, "UPDATE finding_bodies SET last_alert = ? WHERE row = ?", "bi",
                       f->body, m->row);
    }
    return r;
}

static int put_status(struct ingest_tx *tx, const struct ingest_status *status, struct err *err)
{
    return sqlite_run(tx->db, err,
                      "INSERT INTO agent_status (agent, received_ms, body) VALUES (?, ?, ?)"
                      " ON CONFLICT DO UPDATE SET received_ms = excluded.received_ms,"
                      " body = excluded.body",
                      "tib", status->agent, status->received_ms, some(status->body));
}

const struct store_ingest_ops sqlite_ingest_ops = {
    .write = ingest_write,
    .cursor = cursor,
    .put_cursor = put_cursor,
    .add_alert = add_alert,
    .add_activity = add_activity,
    .add_gap = add_gap,
    .find = find,
    .last_row = last_row,
    .add_finding = add_finding,
    .more = more,
    .members = sqlite_ingest_members,
    .put_status = put_status,
    .statuses = sqlite_ingest_statuses,
    .gaps = sqlite_ingest_gaps,
    .totals = sqlite_ingest_totals,
};
