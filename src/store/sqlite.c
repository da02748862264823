/*
 * sqlite: opening and closing the SQLite store.
 *
 * Order: the directory and its lock, hinomi.db and its migrations, then every day: migrated, and taken back to
 * its marks. A store that could not be opened whole is not opened. Closing is in reverse; the last connection to
 * a file checkpoints its -wal.
 */
#include "store/findings.h"
#include "store/ingest.h"
#include "store/notify.h"
#include "store/records.h"
#include "store/sqlite_store.h"
#include "store/summaries.h"
#include "store/triage.h"

#include "base/arena.h"
#include "base/cleanup.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define READERS_DEFAULT       4
#define KEEP_DAYS_DEFAULT     7
#define KEEP_FINDINGS_DEFAULT 90 /* days */

/* One line for each area that there is. */
static void set_areas(struct store *store)
{
    store->ingest = &sqlite_ingest_ops;
    store->findings = &sqlite_findings_ops;
    store->records = &sqlite_records_ops;
    store->accounts = &sqlite_accounts_ops;
    store->content = &sqlite_content_ops;
    store->triage = &sqlite_triage_ops;
    store->summaries = &sqlite_summaries_ops;
    store->notify = &sqlite_notify_ops;
}

static void close_sqlite(struct store *base)
{
    struct sqlite_store *store = sqlite_of(base);
    sqlite_pool_done(store);
    sqlite_days_done(store);
    sqlite_columns_close(store);
    sqlite_connection_close(store->writer);
    if (store->lock_fd >= 0) {
        close(store->lock_fd);
    }
    pthread_mutex_destroy(&store->lock);
    pthread_mutex_destroy(&store->pool);
    pthread_cond_destroy(&store->turn);
    pthread_cond_destroy(&store->reader_back);
    free(store->dir);
    free(store);
}

static const struct store_ops sqlite_ops = {
    .close = close_sqlite,
    .retain = sqlite_retain,
    .backup = sqlite_backup,
    .size = sqlite_size,
    .probe = sqlite_probe,
};

static struct sqlite_store *new_store(const struct store_options *options)
{
    struct sqlite_store *store = mem_zalloc(sizeof(*store));
    char *dir = str_dupz(str_of(options->dir));
    if (!store || !dir) {
        free(store);
        free(dir);
        return NULL;
    }
    store->dir = dir;
    store->options = *options;
    store->options.dir = dir;
    store->options.readers = options->readers ? options->readers : READERS_DEFAULT;
    store->options.keep_days = options->keep_days ? options->keep_days : KEEP_DAYS_DEFAULT;
    store->options.keep_findings =
        options->keep_findings ? options->keep_findings : KEEP_FINDINGS_DEFAULT;
    store->lock_fd = -1;
    store->last = &store->first;
    store->store.ops = &sqlite_ops;
    pthread_mutex_init(&store->lock, NULL);
    pthread_mutex_init(&store->pool, NULL);
    pthread_cond_init(&store->turn, NULL);
    pthread_cond_init(&store->reader_back, NULL);
    set_areas(&store->store);
    return store;
}

static int new_id(struct sqlite_store *store, struct err *err)
{
    uint32_t id = 0;
    while (id == 0) {
        if (getrandom(&id, sizeof(id), 0) != (ssize_t)sizeof(id)) {
            return err_set(err, -errno, "no random numbers: %s", strerror(errno));
        }
        id &= INT32_MAX;
    }
    char sql[64];
    snprintf(sql, sizeof(sql), "PRAGMA application_id=%u", id);
    store->id = (int32_t)id;
    return sqlite_exec(store->writer->db, sql, err);
}

/* The store's number, which its days carry too; a new one for a new file. */
static int identify(struct sqlite_store *store, struct err *err)
{
    struct sqlite3 *db = store->writer->db;
    int64_t id = 0, objects = 0;
    int r = sqlite_number(db, "PRAGMA application_id", 0, &id, err);
    if (r == 0) {
        r = sqlite_number(db, "SELECT count(*) FROM sqlite_schema", 0, &objects, err);
    }
    if (r < 0) {
        return r;
    }
    store->id = (int32_t)id;
    if (id == 0 && objects != 0) {
        return err_set(err, -EINVAL, "not a file of hinomi-server");
    }
    return id ? 0 : new_id(store, err);
}

static int open_main(struct sqlite_store *store, struct err *err)
{
    struct sqlite_path path;
    int r = sqlite_path(store->dir, "hinomi.db", &path, err);
    if (r == 0) {
        r = sqlite_file_private(path.z, err);
    }
    if (r == 0) {
        r = sqlite_connection_open(store, path.z, SQLITE_USE_WRITE, &store->writer, err);
    }
    if (r < 0) {
        return r;
    }
    if (identify(store, err) < 0) {
        return err_wrap(err, "%s", path.z);
    }
    return sqlite_migrate(store->writer->db, sqlite_migrations, path.z, err);
}

int store_open_sqlite(const struct store_options *options, struct store **ret, struct err *err)
{
    struct err own = { 0 };
    err = err ? err : &own;
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS,
                   0); /* else a lock around each malloc(); refused when it is late */
    struct sqlite_store *store = new_store(options);
    if (!store) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    int r = sqlite_dir_open(store, err);
    if (r == 0) {
        r = open_main(store, err);
    }
    if (r == 0) {
        r = sqlite_days_open(store, err);
    }
    if (r == 0) {
        r = sqlite_columns_open(store, err);
    }
    if (r < 0) {
        close_sqlite(&store->store);
        return r;
    }
    *ret = &store->store;
    return 0;
}

int store_backup_sqlite(const char *dir, const char *to, struct err *err)
{
    struct sqlite_store *store = new_store(&(struct store_options){ .dir = dir });
    if (!store) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    int r = sqlite_days_find(store, err);
    if (r == 0) {
        r = sqlite_backup(&store->store, to, err);
    }
    close_sqlite(&store->store);
    return r;
}

void store_close(struct store *store)
{
    if (store) {
        store->ops->close(store);
    }
}
