/*
 * sqlite_statement: prepared statements kept per connection, binding, stepping, and what SQLite's results mean.
 *
 * The table of a connection is open addressing over the literal's address; the text is compared too, so that
 * an address that came to hold another text is not mistaken. A full table is emptied of what is idle.
 */
#include "store/sqlite_store.h"

#include "base/str.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>

static const struct {
    int code, result;
} results[] = {
    { SQLITE_FULL, -ENOSPC },       { SQLITE_NOMEM, -ENOMEM },  { SQLITE_BUSY, -EBUSY },
    { SQLITE_LOCKED, -EBUSY },      { SQLITE_PERM, -EACCES },   { SQLITE_READONLY, -EROFS },
    { SQLITE_CONSTRAINT, -EINVAL }, { SQLITE_TOOBIG, -EINVAL }, { SQLITE_MISMATCH, -EINVAL },
};

static bool is_full_error(int system)
{
    return system == ENOSPC || system == EDQUOT || system == EFBIG;
}

static int last_errno(sqlite3_file *file)
{
    int last = 0;
    if (file && file->pMethods) {
        file->pMethods->xFileControl(file, SQLITE_FCNTL_LAST_ERRNO, &last);
    }
    return last;
}

/* Quotas and limits of a file's size are I/O errors to SQLite; the errno is with the file or its -wal. */
static bool is_full(struct sqlite3 *db, int extended)
{
    static const int which[] = { SQLITE_FCNTL_FILE_POINTER, SQLITE_FCNTL_JOURNAL_POINTER };
    bool full = false;
    if (extended != SQLITE_IOERR_WRITE && extended != SQLITE_IOERR_SHMSIZE &&
        extended != SQLITE_IOERR_FSYNC) {
        return false;
    }
    for (size_t i = 0; i < sizeof(which) / sizeof(which[0]); i++) {
        sqlite3_file *file = NULL;
        sqlite3_file_control(db, "main", which[i], &file);
        full = full || is_full_error(last_errno(file));
    }
    return full || is_full_error(sqlite3_system_errno(db));
}

static int result_of(struct sqlite3 *db)
{
    int extended = sqlite3_extended_errcode(db);
    if (extended == SQLITE_CONSTRAINT_UNIQUE || extended == SQLITE_CONSTRAINT_PRIMARYKEY) {
        return -EEXIST;
    }
    int system = sqlite3_system_errno(db);
    int code = extended & 0xff;
    if (is_full(db, extended)) {
        return -ENOSPC;
    }
    if (code == SQLITE_CANTOPEN && system > 0) {
        return -system;
    }
    for (size_t i = 0; i < sizeof(results) / sizeof(results[0]); i++) {
        if (results[i].code == code) {
            return results[i].result;
        }
    }
    return -EIO;
}

int sqlite_err(struct sqlite3 *db, struct err *err, const char *what)
{
    if (!db) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    int result = result_of(db);
    int code = sqlite3_extended_errcode(db);
    const char *text = result == -ENOSPC ? "the disk is full" : sqlite3_errmsg(db);
    err_set(err, result, "%s (SQLite %d)", text, code);
    return what ? err_wrap(err, "%s", what) : result;
}

static struct sqlite_cached *find(struct sqlite_connection *connection, const char *literal)
{
    size_t at = (size_t)hash_u64((uintptr_t)literal);
    for (;; at++) {
        struct sqlite_cached *cached = &connection->statements[at % SQLITE_STATEMENTS_MAX];
        if (!cached->literal || cached->literal == literal) {
            return cached;
        }
    }
}

static void forget_idle(struct sqlite_connection *connection)
{
    struct sqlite_cached old[SQLITE_STATEMENTS_MAX];
    memcpy(old, connection->statements, sizeof(old));
    memset(connection->statements, 0, sizeof(connection->statements));
    connection->nstatements = 0;
    for (unsigned i = 0; i < SQLITE_STATEMENTS_MAX; i++) {
        if (old[i].statement && sqlite3_stmt_busy(old[i].statement)) {
            *find(connection, old[i].literal) = old[i];
            connection->nstatements++;
        } else {
            sqlite3_finalize(old[i].statement);
        }
    }
}

static sqlite3_stmt *prepare(struct sqlite_connection *connection, const char *literal,
                             struct err *err)
{
    if (connection->nstatements >= SQLITE_STATEMENTS_MAX * 3 / 4) {
        forget_idle(connection);
    }
    if (connection->nstatements >= SQLITE_STATEMENTS_MAX * 3 / 4) {
        err_set(err, -ENOMEM, "too many statements at once");
        return NULL;
    }
    sqlite3_stmt *statement = NULL;
    int flags = SQLITE_PREPARE_PERSISTENT;
    if (sqlite3_prepare_v3(connection->db, literal, -1, (unsigned)flags, &statement, NULL) !=
        SQLITE_OK) {
        sqlite_err(connection->db, err, NULL);
        return NULL;
    }
    struct sqlite_cached *cached = find(connection, literal);
    connection->nstatements += cached->literal ? 0 : 1;
    *cached = (struct sqlite_cached){ literal, statement };
    return statement;
}

sqlite3_stmt *sqlite_statement(struct sqlite3 *db, const char *literal, struct err *err)
{
    struct sqlite_connection *connection = sqlite_connection_of(db);
    struct sqlite_cached *cached = find(connection, literal);
    if (cached->statement && strcmp(sqlite3_sql(cached->statement), literal) != 0) {
        sqlite3_finalize(cached->statement);
        cached->statement = NULL;
    }
    if (!cached->statement) {
        return prepare(connection, literal, err);
    }
    sqlite3_reset(cached->statement);
    sqlite3_clear_bindings(cached->statement);
    return cached->statement;
}

static int bind_bytes(sqlite3_stmt *statement, int at, char kind, struct str bytes)
{
    if (!bytes.p) {
        return sqlite3_bind_null(statement, at);
    }
    return kind == 't'
               ? sqlite3_bind_text64(statement, at, bytes.p, bytes.n, SQLITE_STATIC, SQLITE_UTF8)
               : sqlite3_bind_blob64(statement, at, bytes.p, bytes.n, SQLITE_STATIC);
}

static int bind_all(sqlite3_stmt *statement, struct err *err, const char *format, va_list args)
{
    int rc = SQLITE_OK;
    for (int at = 1; *format && rc == SQLITE_OK; format++, at++) {
        switch (*format) {
        case 'i':
            rc = sqlite3_bind_int64(statement, at, va_arg(args, int64_t));
            break;
        case 'd':
            rc = sqlite3_bind_double(statement, at, va_arg(args, double));
            break;
        case 'n':
            rc = sqlite3_bind_null(statement, at);
            break;
        case 't':
        case 'b':
            rc = bind_bytes(statement, at, *format, va_arg(args, struct str));
            break;
        default:
            assert(!"format of sqlite_bind");
        }
    }
    return rc == SQLITE_OK ? 0 : sqlite_err(sqlite3_db_handle(statement), err, NULL);
}

int sqlite_bind(sqlite3_stmt *statement, struct err *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int r = bind_all(statement, err, format, args);
    va_end(args);
    return r;
}

int sqlite_row(sqlite3_stmt *statement, struct err *err)
{
    int rc = sqlite3_step(statement);
    if (rc == SQLITE_ROW) {
        return 1;
    }
    int r = rc == SQLITE_DONE ? 0 : sqlite_err(sqlite3_db_handle(statement), err, NULL);
    sqlite3_reset(statement);
    return r;
}

int sqlite_run(struct sqlite3 *db, struct err *err, const char *literal, const char *format, ...)
{
    sqlite3_stmt *statement = sqlite_statement(db, literal, err);
    if (!statement) {
        return err ? err->code : -EIO;
    }
    va_list args;
    va_start(args, format);
    int r = bind_all(statement, err, format, args);
    va_end(args);
    if (r == 0) {
        r = sqlite_row(statement, err);
    }
    if (r == 1) {
        sqlite3_reset(statement);
    }
    return r < 0 ? r : 0;
}

struct str sqlite_text_borrowed(sqlite3_stmt *statement, int column)
{
    const void *p = sqlite3_column_blob(statement, column);
    size_t n = (size_t)sqlite3_column_bytes(statement, column);
    bool null = sqlite3_column_type(statement, column) == SQLITE_NULL;
    return null ? (struct str){ NULL, 0 } : str_from(p ? p : "", n);
}

struct str sqlite_text(sqlite3_stmt *statement, int column, struct arena *arena)
{
    struct str text = sqlite_text_borrowed(statement, column);
    return text.p ? arena_str(arena, text) : text;
}
