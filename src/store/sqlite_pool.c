/*
 * sqlite_pool: readers' connections.
 *
 * Of hinomi.db there are at most options.readers, made when first needed; who finds none waits. Of each day
 * there are as many as read it, and up to SQLITE_DAY_IDLE_MAX stay open for the next, the last used first. A read
 * is a transaction from begin to end, so that all its statements see one commit.
 */
#include "store/sqlite_store.h"

#include <errno.h>
#include <unistd.h>

/* Takes an idle one, or the right to open one (NULL). */
static struct sqlite_connection *take_reader(struct sqlite_store *store)
{
    pthread_mutex_lock(&store->pool);
    while (!store->readers && store->nreaders >= store->options.readers) {
        pthread_cond_wait(&store->reader_back, &store->pool);
    }
    struct sqlite_connection *reader = store->readers;
    if (reader) {
        store->readers = reader->next;
    } else {
        store->nreaders++;
    }
    pthread_mutex_unlock(&store->pool);
    return reader;
}

/* NULL gives the right back. */
static void give_reader(struct sqlite_store *store, struct sqlite_connection *reader)
{
    pthread_mutex_lock(&store->pool);
    if (reader) {
        reader->next = store->readers;
        store->readers = reader;
    } else {
        store->nreaders--;
    }
    pthread_cond_signal(&store->reader_back);
    pthread_mutex_unlock(&store->pool);
}

int sqlite_store_read_begin(struct store *base, struct sqlite3 **ret, struct err *err)
{
    struct sqlite_store *store = sqlite_of(base);
    struct sqlite_connection *reader = take_reader(store);
    int r = 0;
    if (!reader) {
        struct sqlite_path path;
        r = sqlite_path(store->dir, "hinomi.db", &path, err);
        if (r == 0) {
            r = sqlite_connection_open(store, path.z, SQLITE_USE_READ, &reader, err);
        }
    }
    if (r == 0) {
        r = sqlite_run(reader->db, err, "BEGIN", "");
    }
    if (r < 0 || !reader) {
        sqlite_connection_close(reader);
        give_reader(store, NULL);
        return r;
    }
    *ret = reader->db;
    return 0;
}

/* False: it could not be ended and must not be used again. */
static bool end_read(struct sqlite_connection *reader)
{
    sqlite_connection_reset(reader);
    if (!sqlite3_get_autocommit(reader->db)) {
        sqlite_run(reader->db, NULL, "COMMIT", "");
    }
    return sqlite3_get_autocommit(reader->db) != 0;
}

void sqlite_store_read_end(struct store *base, struct sqlite3 *db)
{
    struct sqlite_connection *reader = sqlite_connection_of(db);
    if (!end_read(reader)) {
        sqlite_connection_close(reader);
        reader = NULL;
    }
    give_reader(sqlite_of(base), reader);
}

static struct sqlite_connection *take_day_reader(struct sqlite_store *store, int64_t day_ms)
{
    struct sqlite_connection *found = NULL;
    pthread_mutex_lock(&store->pool);
    for (struct sqlite_connection **at = &store->day_readers; *at; at = &(*at)->next) {
        if ((*at)->day_ms == day_ms) {
            found = *at;
            *at = found->next;
            store->nday_readers--;
            break;
        }
    }
    pthread_mutex_unlock(&store->pool);
    return found;
}

/* Without the last used of too many. Pool is locked. */
static struct sqlite_connection *surplus(struct sqlite_store *store)
{
    if (store->nday_readers <= SQLITE_DAY_IDLE_MAX) {
        return NULL;
    }
    struct sqlite_connection **at = &store->day_readers;
    while ((*at)->next) {
        at = &(*at)->next;
    }
    struct sqlite_connection *last = *at;
    *at = NULL;
    store->nday_readers--;
    return last;
}

static bool is_day(const struct sqlite_store *store, int64_t day_ms)
{
    for (size_t i = store->ndays; i > 0; i--) {
        if (store->days[i - 1] == day_ms) {
            return true;
        }
    }
    return false;
}

static int open_day_reader(struct sqlite_store *store, const char *path,
                           struct sqlite_connection **ret, struct err *err)
{
    pthread_mutex_lock(&store->pool);
    uint64_t drops = store->drops;
    pthread_mutex_unlock(&store->pool);
    int r = sqlite_connection_open(store, path, SQLITE_USE_READ, ret, err);
    if (r == 0) {
        (*ret)->drops = drops;
    }
    return r;
}

int sqlite_day_read_begin(struct store *base, int64_t day_ms, struct sqlite3 **ret, struct err *err)
{
    struct sqlite_store *store = sqlite_of(base);
    pthread_mutex_lock(&store->pool);
    bool there = is_day(store, day_ms);
    pthread_mutex_unlock(&store->pool);
    if (!there) {
        return err_set(err, -ENOENT, "nothing is kept of that day");
    }
    struct sqlite_connection *reader = take_day_reader(store, day_ms);
    struct sqlite_path path;
    int r = sqlite_path_day(store->dir, day_ms, &path, err);
    if (r == 0 && !reader) {
        r = open_day_reader(store, path.z, &reader, err);
    }
    if (r == 0) {
        reader->day_ms = day_ms;
        r = sqlite_run(reader->db, err, "BEGIN", "");
    }
    if (r < 0 || !reader) {
        sqlite_connection_close(reader);
        bool dropped = access(path.z, F_OK) < 0;
        return dropped ? err_set(err, -ENOENT, "nothing is kept of that day") : r;
    }
    *ret = reader->db;
    return 0;
}

void sqlite_day_read_end(struct store *base, struct sqlite3 *db)
{
    struct sqlite_store *store = sqlite_of(base);
    struct sqlite_connection *reader = sqlite_connection_of(db);
    bool keep = end_read(reader);
    struct sqlite_connection *close = reader;
    pthread_mutex_lock(&store->pool);
    if (keep && reader->drops == store->drops) {
        reader->next = store->day_readers;
        store->day_readers = reader;
        store->nday_readers++;
        close = surplus(store);
    }
    pthread_mutex_unlock(&store->pool);
    sqlite_connection_close(close);
}

int64_t sqlite_day_before(struct store *base, int64_t before_ms)
{
    struct sqlite_store *store = sqlite_of(base);
    int64_t found = -1;
    pthread_mutex_lock(&store->pool);
    for (size_t i = store->ndays; i > 0 && found < 0; i--) {
        found = store->days[i - 1] < before_ms ? store->days[i - 1] : -1;
    }
    pthread_mutex_unlock(&store->pool);
    return found;
}

static size_t overlapping(struct sqlite_store *store, const struct sqlite_days *days, int64_t *ret)
{
    size_t n = 0;
    pthread_mutex_lock(&store->pool);
    for (size_t i = 0; i < store->ndays; i++) {
        int64_t day = days->newest_first ? store->days[store->ndays - 1 - i] : store->days[i];
        if (day < days->to_ms && day + SQLITE_DAY_MS > days->from_ms) {
            ret[n++] = day;
        }
    }
    pthread_mutex_unlock(&store->pool);
    return n;
}

int sqlite_days_each(struct store *base, const struct sqlite_days *days, struct err *err)
{
    int64_t list[SQLITE_DAYS_MAX];
    size_t n = overlapping(sqlite_of(base), days, list);
    int r = 0;
    for (size_t i = 0; i < n && r == 0; i++) {
        struct sqlite3 *db = NULL;
        struct err gone = { 0 };
        r = sqlite_day_read_begin(base, list[i], &db, &gone);
        if (r == -ENOENT) {
            r = 0;
            continue;
        }
        if (r < 0) {
            return err_set(err, r, "%s", gone.message);
        }
        r = days->each(days->data, db, list[i], err);
        sqlite_day_read_end(base, db);
    }
    return r < 0 ? r : 0;
}

void sqlite_pool_forget_day(struct sqlite_store *store, int64_t day_ms)
{
    struct sqlite_connection *reader = NULL;
    while ((reader = take_day_reader(store, day_ms)) != NULL) {
        sqlite_connection_close(reader);
    }
}

/* What idle readers have cached. */
void sqlite_pool_rest(struct sqlite_store *store)
{
    pthread_mutex_lock(&store->pool);
    struct sqlite_connection *lists[] = { store->readers, store->day_readers };
    for (size_t i = 0; i < 2; i++) {
        for (struct sqlite_connection *c = lists[i]; c; c = c->next) {
            sqlite3_db_release_memory(c->db);
        }
    }
    pthread_mutex_unlock(&store->pool);
}

static void close_all(struct sqlite_connection *reader)
{
    while (reader) {
        struct sqlite_connection *next = reader->next;
        sqlite_connection_close(reader);
        reader = next;
    }
}

void sqlite_pool_done(struct sqlite_store *store)
{
    close_all(store->readers);
    close_all(store->day_readers);
    store->readers = NULL;
    store->day_readers = NULL;
}
