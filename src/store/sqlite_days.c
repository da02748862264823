/*
 * sqlite_days: the writer's side of the day files: opened when a body asks, committed before hinomi.db, and taken
 * back to their marks where that did not follow.
 *
 * A few stay open (the day of now, and the one before around midnight). `ahead` is set before a day commits
 * and cleared when hinomi.db has committed its marks; a day that is ahead is taken back before anything else
 * is written, and its slot is not reused before. A day without any mark holds nothing that was acknowledged, and
 * its file goes when the store is opened.
 */
#include "store/sqlite_store.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char tables_of_day[] =
    "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND wr = 0"
    " AND substr(name, 1, 7) <> 'sqlite_'";

static int add_table(struct sqlite_day_writer *day, struct str name, struct err *err)
{
    if (day->ntables == SQLITE_DAY_TABLES_MAX || name.n >= SQLITE_NAME_MAX) {
        return err_set(err, -EINVAL, "too many tables in a day, or a name too long");
    }
    struct sqlite_day_table *table = &day->tables[day->ntables++];
    memcpy(table->name, name.p, name.n);
    table->name[name.n] = '\0';
    char sql[SQLITE_NAME_MAX + 64];
    snprintf(sql, sizeof(sql), "SELECT max(rowid) FROM \"%s\"", table->name);
    struct sqlite3 *db = day->connection->db;
    int rc = sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &table->last, NULL);
    return rc == SQLITE_OK ? 0 : sqlite_err(db, err, NULL);
}

static int find_tables(struct sqlite_day_writer *day, struct err *err)
{
    sqlite3_stmt *names = sqlite_statement(day->connection->db, tables_of_day, err);
    int r = names ? 1 : err->code;
    while (r == 1) {
        r = sqlite_row(names, err);
        if (r == 1) {
            int added = add_table(day, sqlite_text_borrowed(names, 0), err);
            r = added < 0 ? added : 1;
        }
    }
    return r;
}

static int last_row(const struct sqlite_day_table *table, int64_t *ret, struct err *err)
{
    int row = sqlite_row(table->last, err);
    if (row == 1) {
        *ret = sqlite3_column_int64(table->last, 0);
        sqlite3_reset(table->last);
    }
    return row == 1 ? 0 : row < 0 ? row : err_set(err, -EIO, "no last row");
}

/* What hinomi.db has of that table; 0: nothing. */
static int mark_of(struct sqlite_store *store, int64_t day_ms, const char *name, int64_t *ret,
                   struct err *err)
{
    sqlite3_stmt *mark = sqlite_statement(
        store->writer->db, "SELECT last FROM day_marks WHERE day = ? AND name = ?", err);
    int r = mark ? sqlite_bind(mark, err, "it", day_ms, str_of(name)) : err->code;
    r = r < 0 ? r : sqlite_row(mark, err);
    if (r >= 0) {
        *ret = r == 1 ? sqlite3_column_int64(mark, 0) : 0;
        sqlite3_reset(mark);
    }
    return r < 0 ? r : 0;
}

static int take_back_table(struct sqlite_store *store, const struct sqlite_day_writer *day,
                           const struct sqlite_day_table *table, struct err *err)
{
    int64_t last = 0, mark = 0;
    int r = last_row(table, &last, err);
    if (r == 0) {
        r = mark_of(store, day->connection->day_ms, table->name, &mark, err);
    }
    if (r < 0 || last <= mark) {
        return r;
    }
    char sql[SQLITE_NAME_MAX + 64];
    snprintf(sql, sizeof(sql), "DELETE FROM \"%s\" WHERE rowid > %lld", table->name,
             (long long)mark);
    r = sqlite_exec(day->connection->db, sql, err);
    if (r == 0) {
        store->taken_back += (uint64_t)sqlite3_changes64(day->connection->db);
    }
    return r;
}

static int take_back(struct sqlite_store *store, struct sqlite_day_writer *day, struct err *err)
{
    struct sqlite3 *db = day->connection->db;
    int r = sqlite_run(db, err, "BEGIN IMMEDIATE", "");
    for (size_t i = 0; i < day->ntables && r == 0; i++) {
        r = take_back_table(store, day, &day->tables[i], err);
    }
    if (r == 0) {
        r = sqlite_run(db, err, "COMMIT", "");
    }
    if (r < 0 && !sqlite3_get_autocommit(db)) {
        sqlite_run(db, NULL, "ROLLBACK", "");
    }
    if (r == 0) {
        day->ahead = false;
    }
    return r;
}

static void close_slot(struct sqlite_day_writer *day)
{
    for (size_t i = 0; i < day->ntables; i++) {
        sqlite3_finalize(day->tables[i].last);
    }
    sqlite_connection_close(day->connection);
    *day = (struct sqlite_day_writer){ 0 };
}

/* A file without our mark is new, or another's. */
static int identify(struct sqlite_store *store, struct sqlite3 *db, const char *path,
                    struct err *err)
{
    int64_t id = 0, objects = 0;
    int r = sqlite_number(db, "PRAGMA application_id", 0, &id, err);
    if (r == 0) {
        r = sqlite_number(db, "SELECT count(*) FROM sqlite_schema", 0, &objects, err);
    }
    if (r < 0 || id == store->id) {
        return r;
    }
    if (id != 0 || objects != 0) {
        return err_set(err, -EINVAL, "%s: belongs to another store; move it away", path);
    }
    char sql[64];
    snprintf(sql, sizeof(sql), "PRAGMA application_id=%d", store->id);
    return sqlite_exec(db, sql, err);
}

static int open_file(struct sqlite_store *store, const char *path, struct sqlite_day_writer *day,
                     struct err *err)
{
    if (access(path, F_OK) < 0) {
        sqlite_file_remove(path); /* a -wal of a day that is gone */
    }
    int r = sqlite_file_private(path, err);
    if (r == 0) {
        r = sqlite_connection_open(store, path, SQLITE_USE_DAY, &day->connection, err);
    }
    if (r == 0) {
        r = identify(store, day->connection->db, path, err);
    }
    if (r == 0) {
        r = sqlite_migrate(day->connection->db, sqlite_day_migrations, path, err);
    }
    return r < 0 ? r : find_tables(day, err);
}

static int open_slot(struct sqlite_store *store, int64_t day_ms, struct sqlite_day_writer *day,
                     struct err *err)
{
    struct sqlite_path path;
    int r = sqlite_path_day(store->dir, day_ms, &path, err);
    if (r == 0) {
        r = open_file(store, path.z, day, err);
    }
    if (r < 0) {
        close_slot(day);
        return r;
    }
    day->connection->day_ms = day_ms;
    day->used = store->group;
    return 0;
}

static struct sqlite_day_writer *find_slot(struct sqlite_store *store, int64_t day_ms)
{
    for (size_t i = 0; i < SQLITE_DAY_WRITERS_MAX; i++) {
        struct sqlite_day_writer *day = &store->day_writers[i];
        if (day->connection && day->connection->day_ms == day_ms) {
            return day;
        }
    }
    return NULL;
}

/* A free slot, or the one least recently used that this group does not need. */
static struct sqlite_day_writer *free_slot(struct sqlite_store *store)
{
    struct sqlite_day_writer *oldest = NULL;
    for (size_t i = 0; i < SQLITE_DAY_WRITERS_MAX; i++) {
        struct sqlite_day_writer *day = &store->day_writers[i];
        if (!day->connection) {
            return day;
        }
        if (!day->begun && !day->ahead && (!oldest || day->used < oldest->used)) {
            oldest = day;
        }
    }
    if (oldest) {
        close_slot(oldest);
    }
    return oldest;
}

static int slot_of(struct sqlite_store *store, int64_t day_ms, struct sqlite_day_writer **ret,
                   struct err *err)
{
    struct sqlite_day_writer *day = find_slot(store, day_ms);
    if (!day) {
        day = free_slot(store);
        if (!day) {
            return err_set(err, -EBUSY, "too many days at once; try again");
        }
        int r = open_slot(store, day_ms, day, err);
        if (r < 0) {
            return r;
        }
    }
    *ret = day;
    return 0;
}

int sqlite_store_day(struct sqlite3 *db, int64_t received_ms, struct sqlite3 **ret, struct err *err)
{
    struct sqlite_store *store = sqlite_connection_of(db)->store;
    struct sqlite_day_writer *day = NULL;
    int64_t day_ms = sqlite_day_of(received_ms);
    int r = slot_of(store, day_ms, &day, err);
    if (r < 0) {
        return r;
    }
    sqlite_days_add(store, day_ms);
    day->used = store->group;
    struct sqlite3 *file = day->connection->db;
    if (!day->begun) {
        r = sqlite_run(file, err, "BEGIN IMMEDIATE", "");
        day->begun = r == 0;
    }
    if (r == 0 && store->saves && !day->saved) {
        r = sqlite_run(file, err, "SAVEPOINT job", "");
        day->saved = r == 0;
    }
    if (r == 0) {
        *ret = file;
    }
    return r;
}

int sqlite_days_ready(struct sqlite_store *store, struct err *err)
{
    int r = 0;
    for (size_t i = 0; i < SQLITE_DAY_WRITERS_MAX && r == 0; i++) {
        struct sqlite_day_writer *day = &store->day_writers[i];
        r = day->connection && day->ahead ? take_back(store, day, err) : 0;
    }
    return r;
}

void sqlite_days_saved(struct sqlite_store *store, bool keep)
{
    for (size_t i = 0; i < SQLITE_DAY_WRITERS_MAX; i++) {
        struct sqlite_day_writer *day = &store->day_writers[i];
        if (day->connection && day->saved) {
            sqlite_connection_reset(day->connection);
            if (!keep) {
                sqlite_run(day->connection->db, NULL, "ROLLBACK TO job", "");
            }
            sqlite_run(day->connection->db, NULL, "RELEASE job", "");
            day->saved = false;
        }
    }
}

bool sqlite_days_undone(const struct sqlite_store *store)
{
    for (size_t i = 0; i < SQLITE_DAY_WRITERS_MAX; i++) {
        const struct sqlite_day_writer *day = &store->day_writers[i];
        if (day->connection && day->begun && sqlite3_get_autocommit(day->connection->db)) {
            return true;
        }
    }
    return false;
}

static int set_marks(struct sqlite_store *store, const struct sqlite_day_writer *day,
                     struct err *err)
{
    int r = 0;
    for (size_t i = 0; i < day->ntables && r == 0; i++) {
        int64_t last = 0;
        r = last_row(&day->tables[i], &last, err);
        if (r == 0) {
            r = sqlite_run(store->writer->db, err,
                           "INSERT INTO day_marks (day, name, last) VALUES (?, ?, ?)"
                           " ON CONFLICT (day, name) DO UPDATE SET last = excluded.last"
                           " WHERE last <> excluded.last",
                           "iti", day->connection->day_ms, str_of(day->tables[i].name), last);
        }
    }
    return r;
}

int sqlite_days_commit(struct sqlite_store *store, struct err *err)
{
    int r = 0;
    for (size_t i = 0; i < SQLITE_DAY_WRITERS_MAX && r == 0; i++) {
        r = store->day_writers[i].begun ? set_marks(store, &store->day_writers[i], err) : 0;
    }
    for (size_t i = 0; i < SQLITE_DAY_WRITERS_MAX && r == 0; i++) {
        struct sqlite_day_writer *day = &store->day_writers[i];
        if (day->begun) {
            day->ahead = true;
            r = sqlite_run(day->connection->db, err, "COMMIT", "");
        }
    }
    return r;
}

void sqlite_days_end(struct sqlite_store *store, bool committed)
{
    for (size_t i = 0; i < SQLITE_DAY_WRITERS_MAX; i++) {
        struct sqlite_day_writer *day = &store->day_writers[i];
        if (!day->connection || !day->begun) {
            continue;
        }
        sqlite_connection_reset(day->connection);
        if (!sqlite3_get_autocommit(day->connection->db)) {
            sqlite_run(day->connection->db, NULL, "ROLLBACK", "");
        }
        day->begun = false;
        day->saved = false;
        day->ahead = day->ahead && !committed;
    }
}

void sqlite_day_close(struct sqlite_store *store, int64_t day_ms)
{
    struct sqlite_day_writer *day = find_slot(store, day_ms);
    if (day) {
        close_slot(day);
    }
}

void sqlite_days_done(struct sqlite_store *store)
{
    for (size_t i = 0; i < SQLITE_DAY_WRITERS_MAX; i++) {
        close_slot(&store->day_writers[i]);
    }
}

void sqlite_days_add(struct sqlite_store *store, int64_t day_ms)
{
    pthread_mutex_lock(&store->pool);
    size_t at = store->ndays;
    while (at > 0 && store->days[at - 1] > day_ms) {
        at--;
    }
    bool there = at > 0 && store->days[at - 1] == day_ms;
    if (!there && store->ndays < SQLITE_DAYS_MAX) {
        memmove(&store->days[at + 1], &store->days[at],
                (store->ndays - at) * sizeof(store->days[0]));
        store->days[at] = day_ms;
        store->ndays++;
    }
    pthread_mutex_unlock(&store->pool);
}

void sqlite_days_remove(struct sqlite_store *store, int64_t day_ms)
{
    pthread_mutex_lock(&store->pool);
    store->drops++;
    for (size_t i = 0; i < store->ndays; i++) {
        if (store->days[i] == day_ms) {
            store->ndays--;
            memmove(&store->days[i], &store->days[i + 1],
                    (store->ndays - i) * sizeof(store->days[0]));
        }
    }
    pthread_mutex_unlock(&store->pool);
}

static int has_marks(struct sqlite_store *store, int64_t day_ms, bool *ret, struct err *err)
{
    sqlite3_stmt *any =
        sqlite_statement(store->writer->db, "SELECT 1 FROM day_marks WHERE day = ? LIMIT 1", err);
    int r = any ? sqlite_bind(any, err, "i", day_ms) : err->code;
    r = r < 0 ? r : sqlite_row(any, err);
    *ret = r == 1;
    return r < 0 ? r : 0;
}

/* A file found at start. */
static int open_day(struct sqlite_store *store, int64_t day_ms, struct err *err)
{
    struct sqlite_day_writer *day = NULL;
    bool marked = false;
    int r = slot_of(store, day_ms, &day, err);
    if (r == 0) {
        r = has_marks(store, day_ms, &marked, err);
    }
    if (r == 0 && marked) {
        sqlite_days_add(store, day_ms);
        r = take_back(store, day, err);
    }
    if (r == 0 && !marked) {
        struct sqlite_path path;
        close_slot(day);
        r = sqlite_path_day(store->dir, day_ms, &path, err);
        if (r == 0) {
            sqlite_file_remove(path.z);
        }
    }
    return r;
}

static int note_day(struct sqlite_store *store, int64_t day_ms, struct err *err)
{
    (void)err;
    sqlite_days_add(store, day_ms);
    return 0;
}

static int each_file(struct sqlite_store *store,
                     int (*each)(struct sqlite_store *store, int64_t day_ms, struct err *err),
                     struct err *err)
{
    DIR *dir = opendir(store->dir);
    if (!dir) {
        return err_set(err, -errno, "%s: %s", store->dir, strerror(errno));
    }
    int r = 0;
    size_t n = 0;
    for (struct dirent *entry = readdir(dir); entry && r == 0; entry = readdir(dir)) {
        int64_t day_ms = sqlite_day_of_name(entry->d_name);
        if (day_ms >= 0) {
            r = ++n > SQLITE_DAYS_MAX ? err_set(err, -E2BIG, "%s: too many days", store->dir)
                                      : each(store, day_ms, err);
        }
    }
    closedir(dir);
    return r;
}

int sqlite_days_open(struct sqlite_store *store, struct err *err)
{
    int r = each_file(store, open_day, err);
    sqlite_days_done(store);
    return r;
}

int sqlite_days_find(struct sqlite_store *store, struct err *err)
{
    return each_file(store, note_day, err);
}
