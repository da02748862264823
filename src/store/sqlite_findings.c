/*
 * sqlite_findings: lists, facets, histograms and triage of findings.
 *
 * Which findings, how many and in what order is decided by the columns in memory (sqlite_select.c); only the rows of the
 * page are read from the table. The columns are let go before that: a row that went meanwhile is left out.
 */
#include "store/sqlite_findings.h"

#include "base/cleanup.h"
#include "store/body.h"

#include <errno.h>
#include <stdlib.h>

#define BUCKETS 60 /* of a histogram whose width is left to us */

/* clang-format off */
#define FINDING_TEXT(member) #member ","
#define FINDING_INT(member) #member ","
static const char select_row[] = "SELECT "
#include "store/finding_columns.def"
    "row FROM findings WHERE row=?";
#define FINDING_TEXT(member) #member ","
#define FINDING_INT(member) #member ","
static const char select_id[] = "SELECT "
#include "store/finding_columns.def"
    "row FROM findings WHERE id=?";
/* clang-format on */

static void read_finding(sqlite3_stmt *statement, struct arena *arena, struct finding *ret)
{
    int i = 0;
#define FINDING_TEXT(member) ret->member = sqlite_text(statement, i++, arena);
#define FINDING_INT(member)  ret->member = sqlite3_column_int64(statement, i++);
#include "store/finding_columns.def"
    ret->row = sqlite3_column_int64(statement, i);
}

/* proc_pid is the only number that may be missing. */
static void mark_missing(sqlite3_stmt *statement, struct finding *ret)
{
    for (int i = 0; i < sqlite3_column_count(statement); i++) {
        if (strcmp(sqlite3_column_name(statement, i), "proc_pid") == 0 &&
            sqlite3_column_type(statement, i) == SQLITE_NULL) {
            ret->proc_pid = -1;
        }
    }
}

static int read_row(struct sqlite3 *db, int64_t row, struct arena *arena, struct finding *ret,
                    struct err *err)
{
    sqlite3_stmt *statement = sqlite_statement(db, select_row, err);
    int r = statement ? sqlite_bind(statement, err, "i", row) : -EIO;
    r = r == 0 ? sqlite_row(statement, err) : r;
    if (r == 1) {
        read_finding(statement, arena, ret);
        mark_missing(statement, ret);
        sqlite3_reset(statement);
    }
    return r;
}

static int read_rows(struct sqlite3 *db, const int64_t *rows, uint32_t n, struct arena *arena,
                     struct finding *ret, uint32_t *ret_n, struct err *err)
{
    *ret_n = 0;
    for (uint32_t i = 0; i < n; i++) {
        int r = read_row(db, rows[i], arena, &ret[*ret_n], err);
        if (r < 0) {
            return r;
        }
        *ret_n += r == 1;
    }
    return 0;
}

/* Places of the page, and the total; one more than the page says whether there is a next one. */
static int places_of(struct store *store, struct sqlite3 *db, const struct findings_query *query,
                     const struct columns_page *page, struct arena *arena,
                     struct columns_place *places, uint64_t *ret_total, struct err *err)
{
    CLEANUP(sqlite_selected_done) struct sqlite_selected selected = { 0 };
    int r = sqlite_select(store, db, query, arena, &selected, err);
    if (r < 0) {
        return r;
    }
    *ret_total = columns_total(&selected.selection);
    return columns_page(selected.columns, &selected.selection, page, places);
}

static int list_with(struct store *store, struct sqlite3 *db, const struct findings_query *query,
                     const struct columns_page *page, struct arena *arena,
                     struct findings_page *ret, struct err *err)
{
    struct columns_page wider = *page;
    wider.limit = page->skip + page->limit + 1;
    struct columns_place *places = ARENA_ARRAY(arena, struct columns_place, wider.limit);
    int64_t *rows = ARENA_ARRAY(arena, int64_t, page->limit);
    ret->v = ARENA_ARRAY(arena, struct finding, page->limit);
    if (!places || !rows || !ret->v) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    int n = places_of(store, db, query, &wider, arena, places, &ret->total, err);
    if (n < 0) {
        return n;
    }
    places += page->skip;
    n = n > (int)page->skip ? n - (int)page->skip : 0;
    ret->more = n > (int)page->limit;
    n = ret->more ? (int)page->limit : n;
    for (int i = 0; i < n; i++) {
        rows[i] = places[i].row;
        ret->last = places[i];
    }
    return read_rows(db, rows, (uint32_t)n, arena, ret->v, &ret->n, err);
}

static int findings_list(struct store *store, const struct findings_query *query,
                         const struct columns_page *page, struct arena *arena,
                         struct findings_page *ret, struct err *err)
{
    struct sqlite3 *db;
    if (page->limit > FINDINGS_PAGE_MAX || page->skip > FINDINGS_SKIP_MAX) {
        return err_set(err, -EINVAL, "at most %d findings in one page, after %d", FINDINGS_PAGE_MAX,
                       FINDINGS_SKIP_MAX);
    }
    int r = sqlite_store_read_begin(store, &db, err);
    if (r == 0) {
        *ret = (struct findings_page){ 0 };
        r = list_with(store, db, query, page, arena, ret, err);
        sqlite_store_read_end(store, db);
    }
    return r;
}

static int facet_of(const struct sqlite_selected *s, enum column column, uint32_t max,
                    struct arena *arena, uint64_t *bits, struct findings_facet *ret)
{
    columns_without(&s->selection, column, bits);
    ret->column = column;
    ret->v = ARENA_ARRAY(arena, struct columns_value, max);
    if (!ret->v) {
        return -ENOMEM;
    }
    int r = column == COLUMN_TAGS
                ? columns_tags(s->columns, bits, arena, ret->v, max, &ret->n, &ret->rest)
                : columns_facet(s->columns, column, bits, ret->v, max, &ret->n, &ret->rest);
    for (uint32_t i = 0; r == 0 && i < ret->n; i++) { /* borrowed only while locked */
        struct str text = ret->v[i].text;
        ret->v[i].text = text.n ? arena_str(arena, text) : (struct str){ 0 };
        r = text.n && !ret->v[i].text.p ? -ENOMEM : 0;
    }
    return r;
}

static int facets_of(const struct sqlite_selected *s, const enum column *columns, uint32_t ncolumns,
                     uint32_t max, struct arena *arena, struct findings_facets *ret)
{
    uint64_t *bits = ARENA_ARRAY(arena, uint64_t, (size_t)s->selection.places / 64 + 1);
    ret->v = ARENA_ARRAY(arena, struct findings_facet, ncolumns);
    if (!bits || !ret->v) {
        return -ENOMEM;
    }
    ret->total = columns_total(&s->selection);
    columns_without(&s->selection, COLUMN_SEVERITY, bits);
    columns_bands(s->columns, bits, s->selection.places, ret->bands);
    int r = 0;
    for (ret->n = 0; r == 0 && ret->n < ncolumns; ret->n++) {
        r = facet_of(s, columns[ret->n], max, arena, bits, &ret->v[ret->n]);
    }
    return r;
}

static int findings_facets(struct store *store, const struct findings_query *query,
                           const enum column *columns, uint32_t ncolumns, uint32_t max,
                           struct arena *arena, struct findings_facets *ret, struct err *err)
{
    CLEANUP(sqlite_selected_done) struct sqlite_selected selected = { 0 };
    struct sqlite3 *db;
    max = max > FINDINGS_FACET_MAX ? FINDINGS_FACET_MAX : max;
    int r = sqlite_store_read_begin(store, &db, err);
    if (r < 0) {
        return r;
    }
    r = sqlite_select(store, db, query, arena, &selected, err);
    sqlite_store_read_end(store, db);
    if (r == 0 && facets_of(&selected, columns, ncolumns, max, arena, ret) < 0) {
        r = err_set(err, -ENOMEM, "out of memory");
    }
    return r;
}

/* Widths that people can read: 1, 2, 5, 10, 15, 30 seconds, minutes, hours, days. */
static int64_t readable_width(int64_t ms)
{
    static const int64_t widths[] = {
        1000,   2000,   5000,    10000,   15000,   30000,    60000,    120000,   300000,
        600000, 900000, 1800000, 3600000, 7200000, 10800000, 21600000, 43200000, 86400000,
    };
    for (size_t i = 0; i < sizeof(widths) / sizeof(widths[0]); i++) {
        if (ms <= widths[i]) {
            return widths[i];
        }
    }
    return (ms / 86400000 + 1) * 86400000;
}

static int buckets_of(const struct sqlite_selected *s, const struct findings_query *query,
                      struct arena *arena, struct findings_histogram *ret)
{
    int64_t first, last;
    columns_span(s->columns, &s->selection, &first, &last);
    first = query->from_ms ? query->from_ms : first;
    last = query->to_ms ? query->to_ms - 1 : last;
    if (ret->width_ms == 0) {
        ret->width_ms = readable_width((last - first) / BUCKETS + 1);
    }
    ret->from_ms = first - first % ret->width_ms;
    int64_t n = (last - ret->from_ms) / ret->width_ms + 1;
    if (n > COLUMNS_BUCKETS_MAX || n < 1) {
        return -EINVAL;
    }
    ret->n = (uint32_t)n;
    ret->v = arena_array(arena, ret->n, sizeof(ret->v[0]));
    if (!ret->v) {
        return -ENOMEM;
    }
    ret->total = columns_total(&s->selection);
    struct columns_histogram h = { ret->from_ms, ret->width_ms, ret->n, ret->v };
    columns_histogram(s->columns, &s->selection, &h);
    return 0;
}

static int findings_histogram(struct store *store, const struct findings_query *query,
                              struct arena *arena, struct findings_histogram *ret, struct err *err)
{
    CLEANUP(sqlite_selected_done) struct sqlite_selected selected = { 0 };
    struct sqlite3 *db;
    int r = sqlite_store_read_begin(store, &db, err);
    if (r < 0) {
        return r;
    }
    r = sqlite_select(store, db, query, arena, &selected, err);
    sqlite_store_read_end(store, db);
    r = r == 0 ? buckets_of(&selected, query, arena, ret) : r;
    if (r == -EINVAL) {
        return err_set(err, r, "more than %d buckets: choose a wider one", COLUMNS_BUCKETS_MAX);
    }
    return r == -ENOMEM ? err_set(err, r, "out of memory") : r;
}

static int findings_select(struct store *store, const struct findings_query *query, uint32_t max,
                           struct arena *arena, int64_t **ret_rows, uint32_t *ret_n,
                           struct err *err)
{
    struct columns_page page = { .sort = SORT_LAST_SEEN, .limit = max };
    struct columns_place *places = ARENA_ARRAY(arena, struct columns_place, max);
    int64_t *rows = ARENA_ARRAY(arena, int64_t, max);
    struct sqlite3 *db;
    uint64_t total;
    if (!places || !rows) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    int r = sqlite_store_read_begin(store, &db, err);
    if (r < 0) {
        return r;
    }
    int n = places_of(store, db, query, &page, arena, places, &total, err);
    sqlite_store_read_end(store, db);
    for (int i = 0; i < n; i++) {
        rows[i] = places[i].row;
    }
    if (n >= 0) {
        *ret_rows = rows;
        *ret_n = (uint32_t)n;
    }
    return n < 0 ? n : 0;
}

static struct str unpacked(sqlite3_stmt *statement, int column, struct body_packer *packer,
                           struct arena *arena)
{
    const void *p = sqlite3_column_blob(statement, column);
    struct str packed = { p, (size_t)sqlite3_column_bytes(statement, column) };
    return p ? body_unpack(packer, packed, arena) : (struct str){ 0 };
}

static int read_bodies(struct sqlite3 *db, struct arena *arena, struct finding *finding,
                       struct err *err)
{
    struct body_packer *packer;
    if (body_packer_new(&packer) < 0) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    sqlite3_stmt *statement =
        sqlite_statement(db, "SELECT first_alert,last_alert FROM finding_bodies WHERE row=?", err);
    int r = statement ? sqlite_bind(statement, err, "i", finding->row) : -EIO;
    r = r == 0 ? sqlite_row(statement, err) : r;
    if (r == 1) {
        finding->first_alert = unpacked(statement, 0, packer, arena);
        finding->last_alert = unpacked(statement, 1, packer, arena);
        sqlite3_reset(statement);
    }
    body_packer_free(packer);
    return r < 0 ? r : 0;
}

static int get_with(struct sqlite3 *db, struct str id, struct arena *arena, struct finding *ret,
                    struct err *err)
{
    sqlite3_stmt *statement = sqlite_statement(db, select_id, err);
    int r = statement ? sqlite_bind(statement, err, "t", id) : -EIO;
    r = r == 0 ? sqlite_row(statement, err) : r;
    if (r <= 0) {
        return r < 0 ? r : err_set(err, -ENOENT, "there is no such finding");
    }
    *ret = (struct finding){ 0 };
    read_finding(statement, arena, ret);
    mark_missing(statement, ret);
    sqlite3_reset(statement);
    return read_bodies(db, arena, ret, err);
}

static int findings_get(struct store *store, struct str id, struct arena *arena,
                        struct finding *ret, struct err *err)
{
    struct sqlite3 *db;
    int r = sqlite_store_read_begin(store, &db, err);
    if (r == 0) {
        r = get_with(db, id, arena, ret, err);
        sqlite_store_read_end(store, db);
    }
    return r;
}

static int findings_by_rows(struct store *store, const int64_t *rows, uint32_t n,
                            struct arena *arena, struct finding *ret, uint32_t *ret_n,
                            struct err *err)
{
    struct sqlite3 *db;
    int r = sqlite_store_read_begin(store, &db, err);
    if (r == 0) {
        r = read_rows(db, rows, n, arena, ret, ret_n, err);
        sqlite_store_read_end(store, db);
    }
    return r;
}

struct change_job {
    const int64_t *rows;
    uint32_t n, changed;
    const struct findings_change *change;
};

static int change_one(struct sqlite3 *db, int64_t row, const struct findings_change *change,
                      uint32_t *changed, struct err *err)
{
    struct str status = change->set_status ? change->status : (struct str){ 0 };
    struct str assignee = change->assignee.n ? change->assignee : (struct str){ 0 };
    int r = sqlite_run(db, err,
                       "UPDATE findings SET status=coalesce(?1,status),"
                       "assignee=CASE ?2 WHEN 1 THEN ?3 ELSE assignee END,"
                       "updated_ms=?4,version=version+1 "
                       "WHERE row=?5 AND (?6=0 OR version=?6)",
                       "titiii", status, (int64_t)change->set_assignee, assignee, change->now_ms,
                       row, change->version);
    *changed += r == 0 && sqlite3_changes(db) > 0;
    if (r == 0 && change->version && sqlite3_changes(db) == 0) {
        return err_set(err, -ESTALE, "the finding was changed meanwhile; look at it again");
    }
    return r;
}

static int change_body(void *data, struct sqlite3 *db, struct err *err)
{
    struct change_job *job = data;
    int r = 0;
    job->changed = 0;
    for (uint32_t i = 0; r == 0 && i < job->n; i++) {
        r = change_one(db, job->rows[i], job->change, &job->changed, err);
    }
    return r;
}

static int findings_change(struct store *store, const int64_t *rows, uint32_t n,
                           const struct findings_change *change, uint32_t *ret_n, struct err *err)
{
    struct change_job job = { rows, n, 0, change };
    struct sqlite_write write = { change_body, &job };
    if (n > FINDINGS_BULK_MAX) {
        return err_set(err, -EINVAL, "at most %d findings at once", FINDINGS_BULK_MAX);
    }
    int r = sqlite_store_write(store, &write, err);
    if (r == 0) {
        *ret_n = job.changed;
    }
    return r;
}

static int findings_columns_size(struct store *store, uint64_t *ret_bytes, struct err *err)
{
    struct columns *columns = sqlite_columns_of(sqlite_of(store));
    (void)err;
    columns_read_lock(columns);
    *ret_bytes = columns_bytes(columns);
    columns_unlock(columns);
    return 0;
}

const struct store_findings_ops sqlite_findings_ops = {
    .list = findings_list,
    .facets = findings_facets,
    .histogram = findings_histogram,
    .select = findings_select,
    .get = findings_get,
    .by_rows = findings_by_rows,
    .change = findings_change,
    .columns_size = findings_columns_size,
};
