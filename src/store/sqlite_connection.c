/*
 * sqlite_connection: a connection to one file with the settings that every connection has.
 *
 * Writers: WAL, synchronous=FULL (a commit survives the power's going), secure_delete=FAST (what is deleted is
 * overwritten where that costs no more writing), foreign keys. Readers may not write, and neither
 * checkpoint nor remove a -wal when they close: a day may have been dropped, and its name taken again.
 *
 * Sizes are measured (docs/benchmarks.md): days are appended to, with large pages; hinomi.db is changed all over,
 * in small ones, with more of them cached; a -wal that is folded back each 4,000 pages.
 *
 * The connection is found from sqlite3's handle by the argument of its rollback hook, which does nothing else.
 */
#include "store/sqlite_store.h"

#include "base/arena.h"
#include "base/cleanup.h"

#include <errno.h>

#define WRITE_SETTINGS                                                                             \
    "PRAGMA journal_mode=WAL;"                                                                     \
    "PRAGMA synchronous=FULL;"                                                                     \
    "PRAGMA secure_delete=FAST;"                                                                   \
    "PRAGMA foreign_keys=ON;"                                                                      \
    "PRAGMA temp_store=MEMORY;"                                                                    \
    "PRAGMA trusted_schema=OFF;"                                                                   \
    "PRAGMA wal_autocheckpoint=4000;"                                                              \
    "PRAGMA journal_size_limit=67108864;"

static const char main_settings[] = WRITE_SETTINGS "PRAGMA cache_size=-65536;";
/* The page size is that of a new file; an old one keeps its own. */
static const char day_settings[] =
    "PRAGMA page_size=8192;" WRITE_SETTINGS "PRAGMA cache_size=-16384;";
static const char read_settings[] = "PRAGMA query_only=ON;"
                                    "PRAGMA temp_store=MEMORY;"
                                    "PRAGMA trusted_schema=OFF;"
                                    "PRAGMA cache_size=-4096;";

static const char *const settings[] = {
    [SQLITE_USE_WRITE] = main_settings,
    [SQLITE_USE_DAY] = day_settings,
    [SQLITE_USE_READ] = read_settings,
};

CLEANUP_DEFINE(struct sqlite_connection, sqlite_connection_close);

static void on_rollback(void *data)
{
    (void)data;
}

struct sqlite_connection *sqlite_connection_of(struct sqlite3 *db)
{
    struct sqlite_connection *connection = sqlite3_rollback_hook(db, on_rollback, NULL);
    sqlite3_rollback_hook(db, on_rollback, connection);
    return connection;
}

int sqlite_exec(struct sqlite3 *db, const char *sql, struct err *err)
{
    return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK ? 0 : sqlite_err(db, err, NULL);
}

static void set_reader(struct sqlite3 *db)
{
    int on = 1;
    sqlite3_file_control(db, "main", SQLITE_FCNTL_PERSIST_WAL, &on);
    sqlite3_db_config(db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
}

int sqlite_connection_open(struct sqlite_store *store, const char *path, enum sqlite_use use,
                           struct sqlite_connection **ret, struct err *err)
{
    CLEANUP(cleanup_sqlite_connection_close)
    struct sqlite_connection *connection = mem_zalloc(sizeof(*connection));
    if (!connection) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    connection->store = store;
    connection->day_ms = -1;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    if (sqlite3_open_v2(path, &connection->db, flags, NULL) != SQLITE_OK) {
        sqlite_err(connection->db, err, NULL);
        return err_wrap(err, "%s", path);
    }
    sqlite3_busy_timeout(connection->db, SQLITE_BUSY_MS);
    sqlite3_rollback_hook(connection->db, on_rollback, connection);
    if (use == SQLITE_USE_READ) {
        set_reader(connection->db);
    }
    if ((use == SQLITE_USE_READ && sqlite_holds_register(connection->db, err) < 0) ||
        sqlite_exec(connection->db, settings[use], err) < 0) {
        return err_wrap(err, "%s", path);
    }
    *ret = TAKE(connection);
    return 0;
}

void sqlite_connection_close(struct sqlite_connection *connection)
{
    if (!connection) {
        return;
    }
    for (unsigned i = 0; i < SQLITE_STATEMENTS_MAX; i++) {
        sqlite3_finalize(connection->statements[i].statement);
    }
    sqlite3_close(connection->db);
    free(connection);
}

void sqlite_connection_reset(struct sqlite_connection *connection)
{
    for (unsigned i = 0; i < SQLITE_STATEMENTS_MAX; i++) {
        sqlite3_stmt *statement = connection->statements[i].statement;
        if (statement && sqlite3_stmt_busy(statement)) {
            sqlite3_reset(statement);
        }
    }
}

int sqlite_number(struct sqlite3 *db, const char *sql, int64_t none, int64_t *ret, struct err *err)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK) {
        return sqlite_err(db, err, NULL);
    }
    int row = sqlite_row(statement, err);
    if (row >= 0) {
        bool some = row == 1 && sqlite3_column_type(statement, 0) != SQLITE_NULL;
        *ret = some ? sqlite3_column_int64(statement, 0) : none;
    }
    sqlite3_finalize(statement);
    return row < 0 ? row : 0;
}
