/*
 * sqlite_select: a filter over all findings: by the columns in memory, and by the table where they cannot tell.
 *
 * Few findings that are left open are looked at one by one, many by one pass over the table. The columns are not locked
 * while the table is read: what changes meanwhile is settled as no, as if the query had come before.
 */
#include "store/sqlite_findings.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/map.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define DEADLINE_MS    5000
#define PROGRESS_STEPS 5000  /* of SQLite's machine between looks at the clock */
#define ONE_BY_ONE     20000 /* findings left open */

static int on_progress(void *data)
{
    struct sqlite_deadline *deadline = data;
    deadline->over = deadline->over || clock_ns(CLOCK_MONOTONIC) > deadline->end_ns;
    return deadline->over;
}

void sqlite_deadline_begin(struct sqlite3 *db, struct sqlite_deadline *deadline, uint32_t ms)
{
    *deadline = (struct sqlite_deadline){ .end_ns = clock_ns(CLOCK_MONOTONIC) +
                                                    (ms ? ms : DEADLINE_MS) * NS_PER_MS };
    sqlite3_progress_handler(db, PROGRESS_STEPS, on_progress, deadline);
}

int sqlite_deadline_end(struct sqlite3 *db, struct sqlite_deadline *deadline, int r,
                        struct err *err)
{
    sqlite3_progress_handler(db, 0, NULL, NULL);
    if (r < 0 && deadline->over) {
        return err_set(err, -ETIMEDOUT,
                       "the query takes too long; narrow it by time, or filter by fields that "
                       "lists show");
    }
    return r;
}

int sqlite_bind_filter(sqlite3_stmt *statement, int first, const struct filter_sql *sql,
                       struct err *err)
{
    for (uint32_t i = 0; i < sql->nparams; i++) {
        const struct filter_param *param = &sql->params[i];
        int at = first + (int)i, code;
        if (param->kind == FILTER_PARAM_TEXT) {
            const char *text = param->text.p ? param->text.p : "";
            code = sqlite3_bind_text(statement, at, text, (int)param->text.n, SQLITE_STATIC);
        } else if (param->kind == FILTER_PARAM_INT) {
            code = sqlite3_bind_int64(statement, at, param->number);
        } else {
            code = sqlite3_bind_pointer(statement, at, (void *)(uintptr_t)param->check,
                                        SQLITE_HOLDS_POINTER, NULL);
        }
        if (code != SQLITE_OK) {
            return sqlite_err(sqlite3_db_handle(statement), err, NULL);
        }
    }
    return 0;
}

static void finalize(sqlite3_stmt **statement)
{
    sqlite3_finalize(*statement);
}

/* SELECT f.row ... WHERE filter AND more */
static int prepare(struct sqlite3 *db, const struct filter_sql *sql, const char *more,
                   struct arena *arena, sqlite3_stmt **ret, struct err *err)
{
    struct buf buf;
    buf_init(&buf, sql->where.n + 1024);
    buf_putz(&buf, "SELECT f.row FROM findings f ");
    buf_putz(&buf, sql->uses_body ? "LEFT JOIN finding_bodies b ON b.row=f.row " : "");
    buf_putz(&buf, "WHERE ");
    buf_puts(&buf, sql->where);
    buf_putz(&buf, more);
    struct str text = arena_str(arena, buf_str(&buf));
    bool failed = buf.failed || !text.p;
    buf_done(&buf);
    if (failed) {
        return err_set(err, -ENOMEM, "the filter needs too much memory");
    }
    if (sqlite3_prepare_v2(db, text.p, (int)text.n, ret, NULL) != SQLITE_OK) {
        return sqlite_err(db, err, NULL);
    }
    return sqlite_bind_filter(*ret, 1, sql, err);
}

/* Rows that were left open, and what came of them. */
struct open_rows {
    int64_t *v;
    bool *yes;
    size_t n;
};

static void open_rows_done(struct open_rows *rows)
{
    free(rows->v);
    free(rows->yes);
}

static int gather_open(const struct sqlite_selected *s, struct open_rows *ret)
{
    size_t n = 0;
    for (size_t i = 0; i < (size_t)s->selection.places / 64 + 1; i++) {
        n += (size_t)__builtin_popcountll(s->selection.all.maybe[i]);
    }
    ret->v = mem_resize(NULL, n + 1, sizeof(*ret->v));
    ret->yes = mem_zalloc(n + 1);
    if (!ret->v || !ret->yes) {
        return -ENOMEM;
    }
    uint32_t cursor = 0;
    for (int64_t row = columns_next_open(s->columns, &s->selection, &cursor); row != 0;
         row = columns_next_open(s->columns, &s->selection, &cursor)) {
        ret->v[ret->n++] = row;
    }
    return 0;
}

static int ask_one_by_one(struct sqlite3 *db, const struct filter_sql *sql, struct arena *arena,
                          struct open_rows *rows, struct err *err)
{
    CLEANUP(finalize) sqlite3_stmt *statement = NULL;
    int r = prepare(db, sql, " AND f.row=?", arena, &statement, err);
    for (size_t i = 0; r == 0 && i < rows->n; i++) {
        sqlite3_reset(statement);
        sqlite3_bind_int64(statement, (int)sql->nparams + 1, rows->v[i]);
        int code = sqlite3_step(statement);
        rows->yes[i] = code == SQLITE_ROW;
        r = code == SQLITE_ROW || code == SQLITE_DONE ? 0 : sqlite_err(db, err, NULL);
    }
    return r;
}

static int ask_once(struct sqlite3 *db, const struct filter_sql *sql, struct arena *arena,
                    struct open_rows *rows, struct err *err)
{
    CLEANUP(finalize) sqlite3_stmt *statement = NULL;
    CLEANUP(map_done) struct map places = { 0 };
    int r = prepare(db, sql, "", arena, &statement, err);
    for (size_t i = 0; r == 0 && i < rows->n; i++) {
        r = map_put(&places, (uint64_t)rows->v[i], &rows->yes[i]);
    }
    if (r < 0) {
        return err->code ? r : err_set(err, r, "out of memory");
    }
    int code;
    while ((code = sqlite3_step(statement)) == SQLITE_ROW) {
        bool *yes = map_get(&places, (uint64_t)sqlite3_column_int64(statement, 0));
        if (yes) {
            *yes = true;
        }
    }
    return code == SQLITE_DONE ? 0 : sqlite_err(db, err, NULL);
}

static int ask(struct sqlite3 *db, const struct findings_query *query, struct arena *arena,
               struct open_rows *rows, struct err *err)
{
    static const struct filter_dialect dialect = {
        .table = "f",
        .holds = "hinomi_holds",
        .body = "coalesce(b.last_alert,b.first_alert)",
    };
    struct filter_sql sql;
    struct sqlite_deadline deadline;
    int r = filter_sql(query->filter, &dialect, arena, &sql, err);
    if (r < 0) {
        return r;
    }
    sqlite_deadline_begin(db, &deadline, query->deadline_ms);
    r = rows->n > ONE_BY_ONE ? ask_once(db, &sql, arena, rows, err)
                             : ask_one_by_one(db, &sql, arena, rows, err);
    return sqlite_deadline_end(db, &deadline, r, err);
}

static int select_locked(struct columns *columns, const struct findings_query *query,
                         struct sqlite_selected *ret, struct err *err)
{
    struct columns_query q = { query->filter, query->context, query->from_ms, query->to_ms };
    columns_read_lock(columns);
    if (columns_select(columns, &q, &ret->selection) < 0) {
        columns_unlock(columns);
        return err_set(err, -ENOMEM, "out of memory");
    }
    ret->columns = columns;
    return 0;
}

/* The table is asked without the lock, then the selection is made again, and the answers put in. */
static int settle(struct sqlite3 *db, const struct findings_query *query, struct arena *arena,
                  struct sqlite_selected *s, struct err *err)
{
    CLEANUP(open_rows_done) struct open_rows rows = { 0 };
    struct columns *columns = s->columns;
    int r = gather_open(s, &rows);
    sqlite_selected_done(s);
    if (r < 0) {
        return err_set(err, r, "out of memory");
    }
    r = ask(db, query, arena, &rows, err);
    r = r == 0 ? select_locked(columns, query, s, err) : r;
    for (size_t i = 0; r == 0 && i < rows.n; i++) {
        columns_settle(columns, &s->selection, rows.v[i], rows.yes[i]);
    }
    if (r == 0) {
        columns_settle_rest(&s->selection);
    }
    return r;
}

int sqlite_select(struct store *store, struct sqlite3 *db, const struct findings_query *query,
                  struct arena *arena, struct sqlite_selected *ret, struct err *err)
{
    struct sqlite_selected selected = { 0 };
    struct err own = { 0 };
    err = err ? err : &own;
    int r = select_locked(sqlite_columns_of(sqlite_of(store)), query, &selected, err);
    if (r == 0 && selected.selection.open) {
        r = settle(db, query, arena, &selected, err);
    }
    if (r < 0) {
        sqlite_selected_done(&selected);
        return r;
    }
    *ret = selected;
    return 0;
}

void sqlite_selected_done(struct sqlite_selected *selected)
{
    columns_selection_done(&selected->selection);
    if (selected->columns) {
        columns_unlock(selected->columns);
        selected->columns = NULL;
    }
}
