/*
 * sqlite_backup: a copy of everything that the server's directory holds, while it is in use.
 *
 * hinomi.db is copied first, in one read transaction, then the days that it has marks of, and last the small files
 * (keys, certificates). A day copied later may hold more rows than the marks say; they are taken back when the
 * copy is opened, as after a crash, so the copy is the state of one commit. backup.json comes last: a
 * directory without it is not a backup.
 */
#include "store/sqlite_copy.h"

#include "base/cleanup.h"
#include "base/clock.h"

#include <errno.h>
#include <stdio.h>

#define PAGES_PER_STEP 4096

CLEANUP_DEFINE(struct sqlite_connection, sqlite_connection_close);

static int copy_pages(struct sqlite3 *from, struct sqlite3 *to, struct err *err)
{
    sqlite3_backup *copy = sqlite3_backup_init(to, "main", from, "main");
    if (!copy) {
        return sqlite_err(to, err, NULL);
    }
    int rc = SQLITE_OK;
    while (rc == SQLITE_OK) {
        rc = sqlite3_backup_step(copy, PAGES_PER_STEP);
    }
    int finished = sqlite3_backup_finish(copy);
    if (rc == SQLITE_DONE && finished == SQLITE_OK) {
        return 0;
    }
    return finished == SQLITE_OK ? err_set(err, -EBUSY, "%s", sqlite3_errstr(rc))
                                 : sqlite_err(to, err, NULL);
}

static int copy_to(struct sqlite3 *from, const char *path, struct err *err)
{
    struct sqlite3 *to = NULL;
    int r = sqlite_file_private(path, err);
    if (r < 0) {
        return r;
    }
    int rc = sqlite3_open_v2(path, &to, SQLITE_OPEN_READWRITE | SQLITE_OPEN_EXRESCODE, NULL);
    r = rc == SQLITE_OK ? copy_pages(from, to, err) : sqlite_err(to, err, NULL);
    sqlite3_close(to);
    return r < 0 ? err_wrap(err, "%s", path) : 0;
}

struct job {
    struct sqlite_store *store;
    const char *dir;
};

/* The days with marks, as the transaction sees them. */
static int list_days(struct sqlite3 *db, int64_t *ret, size_t *ret_n, struct err *err)
{
    sqlite3_stmt *list = sqlite_statement(db, "SELECT DISTINCT day FROM day_marks", err);
    size_t n = 0;
    int r = list ? sqlite_row(list, err) : err->code;
    while (r == 1 && n < SQLITE_DAYS_MAX) {
        ret[n++] = sqlite3_column_int64(list, 0);
        r = sqlite_row(list, err);
    }
    *ret_n = n;
    return r < 0 ? r : 0;
}

static int copy_main(const struct job *job, int64_t *ret, size_t *ret_n, struct err *err)
{
    struct sqlite_path from, to;
    CLEANUP(cleanup_sqlite_connection_close) struct sqlite_connection *connection = NULL;
    int r = sqlite_path(job->store->dir, "hinomi.db", &from, err);
    if (r == 0) {
        r = sqlite_path(job->dir, "hinomi.db", &to, err);
    }
    if (r == 0) {
        r = sqlite_connection_open(job->store, from.z, SQLITE_USE_READ, &connection, err);
    }
    if (r == 0) {
        r = sqlite_exec(connection->db, "BEGIN", err);
    }
    if (r == 0) {
        r = list_days(connection->db, ret, ret_n, err);
    }
    return r < 0 || !connection ? r : copy_to(connection->db, to.z, err);
}

static int copy_day(const struct job *job, int64_t day_ms, struct err *err)
{
    struct sqlite3 *db = NULL;
    struct sqlite_path to;
    struct err gone = { 0 };
    int r = sqlite_day_read_begin(&job->store->store, day_ms, &db, &gone);
    if (r < 0) {
        return r == -ENOENT ? 0 : err_set(err, r, "%s", gone.message);
    }
    r = sqlite_path_day(job->dir, day_ms, &to, err);
    if (r == 0) {
        r = copy_to(db, to.z, err);
    }
    sqlite_day_read_end(&job->store->store, db);
    return r;
}

static int copy_days(const struct job *job, const int64_t *days, size_t n, struct err *err)
{
    int r = 0;
    for (size_t i = 0; i < n && r == 0; i++) {
        r = copy_day(job, days[i], err);
    }
    return r;
}

static int copy_other(void *data, const char *name, enum sqlite_file_kind kind, struct err *err)
{
    const struct job *job = data;
    struct sqlite_path from, to;
    if (kind != SQLITE_FILE_OTHER) {
        return 0;
    }
    int r = sqlite_path(job->store->dir, name, &from, err);
    if (r == 0) {
        r = sqlite_path(job->dir, name, &to, err);
    }
    return r < 0 ? r : sqlite_file_copy(from.z, to.z, err);
}

static int write_note(const struct job *job, struct err *err)
{
    struct sqlite_path path;
    char text[128];
    int n = snprintf(text, sizeof(text), "{\"v\":1,\"created_ms\":%llu}\n",
                     (unsigned long long)(clock_real_ns() / NS_PER_MS));
    int r = sqlite_path(job->dir, SQLITE_BACKUP_NOTE, &path, err);
    if (r == 0) {
        r = sqlite_dir_sync(job->dir, err);
    }
    if (r == 0) {
        r = sqlite_file_write(path.z, str_from(text, (size_t)n), err);
    }
    return r < 0 ? r : sqlite_dir_sync(job->dir, err);
}

int sqlite_backup(struct store *base, const char *dir, struct err *err)
{
    struct err own = { 0 };
    struct job job = { sqlite_of(base), dir };
    int64_t days[SQLITE_DAYS_MAX];
    size_t n = 0;
    err = err ? err : &own;
    int r = sqlite_dir_make(dir, err);
    if (r == 0) {
        r = copy_main(&job, days, &n, err);
    }
    if (r == 0) {
        r = copy_days(&job, days, n, err);
    }
    if (r == 0) {
        r = sqlite_files_each(job.store->dir, &(struct sqlite_files){ copy_other, &job }, err);
    }
    return r < 0 ? r : write_note(&job, err);
}
