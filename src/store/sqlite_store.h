/*
 * sqlite_store: the insides of the SQLite store, for its own files only (areas use store/sqlite.h).
 *
 * Locks: `lock` orders writers (who writes, who waits); what only the writer touches needs no other. `pool`
 * guards idle readers and the list of days. Neither is held while SQLite works, and never both.
 */
#pragma once

#include "store/sqlite.h"

#include <limits.h>
#include <pthread.h>

#define SQLITE_DAY_MS          INT64_C(86400000)
#define SQLITE_DAY_WRITERS_MAX 4  /* days open for writing: now, and clocks that jump */
#define SQLITE_DAY_TABLES_MAX  16 /* tables of a day */
#define SQLITE_DAY_IDLE_MAX    16 /* readers of days kept open */
#define SQLITE_NAME_MAX        64 /* bytes of a table's name */
#define SQLITE_BUSY_MS         5000

struct sqlite_cached {
    const char *literal;
    sqlite3_stmt *statement;
};

struct sqlite_connection {
    struct sqlite3 *db;
    struct sqlite_store *store;
    struct sqlite_connection *next; /* in a pool */
    int64_t day_ms;                 /* of a day's; -1: hinomi.db */
    uint64_t drops; /* of the store when it was opened: the file may be gone since */
    unsigned nstatements;
    struct sqlite_cached statements[SQLITE_STATEMENTS_MAX];
};

enum sqlite_use { SQLITE_USE_WRITE, SQLITE_USE_DAY, SQLITE_USE_READ };

/* A table of a day, and how to ask for its last row. */
struct sqlite_day_table {
    char name[SQLITE_NAME_MAX];
    sqlite3_stmt *last;
};

struct sqlite_day_writer {
    struct sqlite_connection *connection; /* NULL: a free slot */
    uint64_t used;                        /* the group that used it last */
    bool begun;                           /* in the transaction of this group */
    bool saved;                           /* has a savepoint of this body */
    bool ahead;                           /* may hold rows beyond its marks */
    size_t ntables;
    struct sqlite_day_table tables[SQLITE_DAY_TABLES_MAX];
};

struct sqlite_job {
    const struct sqlite_write *write;
    struct err *err;
    int result;
    bool large, done;
    struct sqlite_job *next;
};

struct sqlite_columns;

struct sqlite_store {
    struct store store;
    struct sqlite_columns *columns; /* sqlite_columns.c */
    char *dir;
    int lock_fd;
    struct store_options options;
    int32_t id; /* application_id of hinomi.db and its days */
    uint64_t taken_back;
    int64_t forgot_ms; /* sqlite_forget() was done; only retain() */

    pthread_mutex_t lock;
    pthread_cond_t turn;
    bool writing;
    struct sqlite_job *first, **last;
    uint64_t group;
    bool saves; /* the body that runs has savepoints */
    struct sqlite_connection *writer;
    struct sqlite_day_writer day_writers[SQLITE_DAY_WRITERS_MAX];

    pthread_mutex_t pool;
    pthread_cond_t reader_back;
    struct sqlite_connection *readers, *day_readers; /* idle */
    unsigned nreaders;                               /* idle and taken */
    unsigned nday_readers;                           /* idle */
    uint64_t drops;                                  /* days that were dropped */
    size_t ndays;
    int64_t days[SQLITE_DAYS_MAX]; /* beginnings, ascending */
};

static inline struct sqlite_store *sqlite_of(struct store *store)
{
    return (struct sqlite_store *)store;
}

/* sqlite_connection.c */
int sqlite_connection_open(struct sqlite_store *store, const char *path, enum sqlite_use use,
                           struct sqlite_connection **ret, struct err *err);
void sqlite_connection_close(struct sqlite_connection *connection); /* NULL is fine */
struct sqlite_connection *sqlite_connection_of(struct sqlite3 *db);
void sqlite_connection_reset(struct sqlite_connection *connection); /* statements still running */
int sqlite_exec(struct sqlite3 *db, const char *sql, struct err *err);
/* One number of one row; absent: `none`. Not cached. */
int sqlite_number(struct sqlite3 *db, const char *sql, int64_t none, int64_t *ret, struct err *err);

/* sqlite_migrate.c; the tables are generated from migrations/. */
struct sqlite_migration {
    unsigned number; /* of the file's name */
    const char *name, *sql;
};
extern const struct sqlite_migration sqlite_migrations[],
    sqlite_day_migrations[]; /* end: sql NULL */
unsigned sqlite_newest(const struct sqlite_migration *migrations);
int sqlite_migrate(struct sqlite3 *db, const struct sqlite_migration *migrations, const char *what,
                   struct err *err);

/* sqlite_files.c */
struct sqlite_path {
    char z[PATH_MAX];
};
int sqlite_path(const char *dir, const char *name, struct sqlite_path *ret, struct err *err);
int sqlite_path_day(const char *dir, int64_t day_ms, struct sqlite_path *ret, struct err *err);
/* The day that a file name stands for; -1: none. */
int64_t sqlite_day_of_name(const char *name);
int64_t sqlite_day_of(int64_t ms);
int sqlite_dir_open(struct sqlite_store *store, struct err *err); /* makes and locks it */
/* Makes the file with mode 0600 if it is not there, and takes others' rights away. */
int sqlite_file_private(const char *path, struct err *err);
void sqlite_file_remove(const char *path); /* with -wal and -shm */

/* sqlite_forget.c: at most once an hour; *ret is how many went. */
int sqlite_forget(struct sqlite_store *store, int64_t now_ms, uint64_t *ret, struct err *err);

/* sqlite_pool.c */
void sqlite_pool_done(struct sqlite_store *store);
void sqlite_pool_forget_day(struct sqlite_store *store, int64_t day_ms);
void sqlite_pool_rest(struct sqlite_store *store);

/* sqlite_write.c: alone, with nobody writing, between the two. */
void sqlite_alone_begin(struct sqlite_store *store);
void sqlite_alone_end(struct sqlite_store *store);
int sqlite_write_in(struct sqlite_store *store, const struct sqlite_write *write, struct err *err);

/* sqlite_days.c: of the writer. */
int sqlite_days_open(struct sqlite_store *store, struct err *err);
int sqlite_days_find(struct sqlite_store *store, struct err *err); /* only for reading */
void sqlite_days_done(struct sqlite_store *store);
int sqlite_days_ready(struct sqlite_store *store, struct err *err);
void sqlite_days_saved(struct sqlite_store *store, bool keep);
int sqlite_days_commit(struct sqlite_store *store, struct err *err);
void sqlite_days_end(struct sqlite_store *store, bool committed);
bool sqlite_days_undone(const struct sqlite_store *store);
void sqlite_day_close(struct sqlite_store *store, int64_t day_ms);
void sqlite_days_add(struct sqlite_store *store, int64_t day_ms);
void sqlite_days_remove(struct sqlite_store *store, int64_t day_ms);

/* sqlite_holds.c; with a reader's connection */
#define SQLITE_HOLDS_POINTER "hinomi-check" /* type of the pointer to a struct check */
int sqlite_holds_register(struct sqlite3 *db, struct err *err);

/* sqlite_columns.c */
struct columns;
int sqlite_columns_open(struct sqlite_store *store, struct err *err);
void sqlite_columns_close(struct sqlite_store *store);
void sqlite_columns_apply(struct sqlite_store *store); /* after a commit or its undoing */
struct columns *sqlite_columns_of(struct sqlite_store *store);

/* sqlite_retain.c, sqlite_backup.c */
int sqlite_retain(struct store *store, int64_t now_ms, struct err *err);
int sqlite_backup(struct store *store, const char *dir, struct err *err);
int sqlite_size(struct store *store, struct store_size *ret, struct err *err);
int sqlite_probe(struct store *store, struct err *err);
