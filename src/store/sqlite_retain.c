/*
 * sqlite_retain: days go as files, oldest first; caches that nobody needs; how much there is; whether reading and
 * writing work.
 *
 * A day loses its marks in hinomi.db, then its name, so that a stop in between leaves nothing that counts. When the
 * disk is too full for the first, the name goes first. Who reads the day keeps reading: its file lives until
 * the last reader closes it. The day of `now` stays, whatever its size.
 */
#include "store/sqlite_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <string.h>
#include <sys/stat.h>

#define REST_PAGES 2000 /* written since the last call: less is rest */

static int delete_marks(void *data, struct sqlite3 *db, struct err *err)
{
    return sqlite_run(db, err, "DELETE FROM day_marks WHERE day = ?", "i", *(int64_t *)data);
}

static void remove_file(struct sqlite_store *store, int64_t day_ms)
{
    struct sqlite_path path;
    sqlite_days_remove(store, day_ms);
    sqlite_pool_forget_day(store, day_ms);
    if (sqlite_path_day(store->dir, day_ms, &path, NULL) == 0) {
        sqlite_file_remove(path.z);
    }
    sqlite_days_remove(store, day_ms); /* who opened it meanwhile is not kept for the next reader */
    sqlite_pool_forget_day(store, day_ms);
}

static int drop_day(struct sqlite_store *store, int64_t day_ms, struct err *err)
{
    struct sqlite_write marks = { delete_marks, &day_ms };
    sqlite_alone_begin(store);
    sqlite_day_close(store, day_ms);
    int r = sqlite_write_in(store, &marks, err);
    if (r == 0) {
        remove_file(store, day_ms);
    } else if (r == -ENOSPC) {
        remove_file(store, day_ms);
        r = sqlite_write_in(store, &marks, err);
    }
    sqlite_alone_end(store);
    return r;
}

static int bytes_of(const struct sqlite_store *store, uint64_t *ret, struct err *err)
{
    DIR *dir = opendir(store->dir);
    if (!dir) {
        return err_set(err, -errno, "%s: %s", store->dir, strerror(errno));
    }
    uint64_t bytes = 0;
    for (struct dirent *entry = readdir(dir); entry; entry = readdir(dir)) {
        struct stat st;
        if (fstatat(dirfd(dir), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
            S_ISREG(st.st_mode)) {
            bytes += (uint64_t)st.st_size;
        }
    }
    closedir(dir);
    *ret = bytes;
    return 0;
}

static int64_t oldest_day(struct sqlite_store *store, uint32_t *ret_days)
{
    pthread_mutex_lock(&store->pool);
    int64_t oldest = store->ndays ? store->days[0] : -1;
    *ret_days = (uint32_t)store->ndays;
    pthread_mutex_unlock(&store->pool);
    return oldest;
}

/* 1: the day has to go. */
static int is_over(const struct sqlite_store *store, int64_t day_ms, int64_t now_ms,
                   struct err *err)
{
    uint64_t bytes = 0;
    if (day_ms < 0 || day_ms >= sqlite_day_of(now_ms)) {
        return 0;
    }
    uint64_t age_ms = (uint64_t)(now_ms - day_ms);
    if (age_ms / (uint64_t)SQLITE_DAY_MS > store->options.keep_days) {
        return 1;
    }
    if (store->options.max_bytes == 0) {
        return 0;
    }
    int r = bytes_of(store, &bytes, err);
    return r < 0 ? r : bytes > store->options.max_bytes;
}

static void rest_writer(struct sqlite_connection *writer)
{
    int written = 0, most = 0;
    if (writer &&
        sqlite3_db_status(writer->db, SQLITE_DBSTATUS_CACHE_WRITE, &written, &most, 1) ==
            SQLITE_OK &&
        written < REST_PAGES) {
        sqlite3_db_release_memory(writer->db);
    }
}

/*
 * Pages that were cached for a load that is over are given back; the kernel has them still. A writer that writes
 * keeps its own.
 */
static void rest(struct sqlite_store *store)
{
    sqlite_alone_begin(store);
    rest_writer(store->writer);
    for (size_t i = 0; i < SQLITE_DAY_WRITERS_MAX; i++) {
        rest_writer(store->day_writers[i].connection);
    }
    sqlite_alone_end(store);
    sqlite_pool_rest(store);
    malloc_trim(0);
}

int sqlite_retain(struct store *base, int64_t now_ms, struct err *err)
{
    struct sqlite_store *store = sqlite_of(base);
    rest(store);
    uint64_t findings = 0;
    int forgot = sqlite_forget(store, now_ms, &findings, err);
    if (forgot < 0) {
        return forgot;
    }
    for (int dropped = 0;; dropped++) {
        uint32_t days = 0;
        int64_t day_ms = oldest_day(store, &days);
        int r = is_over(store, day_ms, now_ms, err);
        if (r == 1) {
            r = drop_day(store, day_ms, err);
            r = r < 0 ? r : 1;
        }
        if (r <= 0) {
            return r < 0 ? r : dropped;
        }
    }
}

static int count_rows(struct sqlite3 *db, struct store_size *size, struct err *err)
{
    static const char rows_of[] = "SELECT sum(last) FILTER (WHERE name = 'alerts'),"
                                  " sum(last) FILTER (WHERE name = 'activity') FROM day_marks";
    int64_t findings = 0;
    sqlite3_stmt *rows = sqlite_statement(db, rows_of, err);
    if (!rows || sqlite_row(rows, err) < 0) {
        return err->code;
    }
    size->alerts = (uint64_t)sqlite3_column_int64(rows, 0);
    size->activity = (uint64_t)sqlite3_column_int64(rows, 1);
    sqlite3_reset(rows);
    int r = sqlite_number(db, "SELECT count(*) FROM sqlite_schema WHERE name = 'findings'", 0,
                          &findings, err);
    if (r == 0 && findings) {
        r = sqlite_number(db, "SELECT count(*) FROM findings", 0, &findings, err);
    }
    size->findings = (uint64_t)findings;
    return r;
}

int sqlite_size(struct store *base, struct store_size *ret, struct err *err)
{
    struct sqlite_store *store = sqlite_of(base);
    struct store_size size = { 0 };
    struct err own = { 0 };
    struct sqlite3 *db = NULL;
    err = err ? err : &own;
    int r = bytes_of(store, &size.bytes, err);
    if (r == 0) {
        r = sqlite_store_read_begin(base, &db, err);
    }
    if (r < 0) {
        return r;
    }
    r = count_rows(db, &size, err);
    sqlite_store_read_end(base, db);
    int64_t oldest = oldest_day(store, &size.days);
    size.oldest_day_ms = oldest < 0 ? 0 : oldest;
    size.taken_back = store->taken_back;
    if (r == 0) {
        *ret = size;
    }
    return r;
}

static int write_probe(void *data, struct sqlite3 *db, struct err *err)
{
    (void)data;
    return sqlite_run(db, err, "UPDATE probe SET count = count + 1", "");
}

int sqlite_probe(struct store *store, struct err *err)
{
    struct sqlite3 *db = NULL;
    int64_t count = 0;
    int r = sqlite_store_read_begin(store, &db, err);
    if (r < 0) {
        return r;
    }
    r = sqlite_number(db, "SELECT count FROM probe", 0, &count, err);
    sqlite_store_read_end(store, db);
    return r < 0 ? r : sqlite_store_write(store, &(struct sqlite_write){ write_probe, NULL }, err);
}
