/*
 * Sessions and API tokens in SQLite. Both are found by the hash of their secret together with their owner, so
 * that what they may is always measured by what the owner may now.
 */
#include "store/sqlite_accounts.h"

#include <errno.h>

#define OWNER_COLUMNS                                                                              \
    "u.id, u.disabled, u.created_ms, u.password_ms, u.login_ms, u.name, u.display_name, u.role, "  \
    "u.language, u.theme, u.time_zone, ''"

static bool take_session(void *item, sqlite3_stmt *row, struct arena *arena)
{
    struct store_session *session = item;
    *session = (struct store_session){
        .id = sqlite3_column_int64(row, 0),
        .user = sqlite3_column_int64(row, 1),
        .created_ms = sqlite3_column_int64(row, 2),
        .seen_ms = sqlite3_column_int64(row, 3),
        .hash = sqlite_hash(row, 4, arena),
    };
    struct str *const texts[] = { &session->address, &session->program };
    return session->hash && sqlite_texts(row, arena, 5, 2, texts) &&
           (sqlite3_column_count(row) == 7 || sqlite_take_user(&session->owner, row, arena, 7));
}

static bool take_token(void *item, sqlite3_stmt *row, struct arena *arena)
{
    struct store_token *token = item;
    *token = (struct store_token){
        .id = sqlite3_column_int64(row, 0),
        .user = sqlite3_column_int64(row, 1),
        .created_ms = sqlite3_column_int64(row, 2),
        .expires_ms = sqlite3_column_int64(row, 3),
        .revoked_ms = sqlite3_column_int64(row, 4),
        .seen_ms = sqlite3_column_int64(row, 5),
        .may = (unsigned)sqlite3_column_int64(row, 6),
        .hash = sqlite_hash(row, 7, arena),
    };
    struct str *const texts[] = { &token->name, &token->user_name };
    return token->hash && sqlite_texts(row, arena, 8, 2, texts) &&
           (sqlite3_column_count(row) == 10 || sqlite_take_user(&token->owner, row, arena, 10));
}

static const struct sqlite_kind sessions = { "session", sizeof(struct store_session),
                                             take_session };
static const struct sqlite_kind tokens = { "token", sizeof(struct store_token), take_token };

/* What one write needs: the session or token, or whose and which it is. */
struct writing {
    void *item;
    int64_t user, id;
    const struct store_audit *audit;
};

static int add_session(void *data, struct sqlite3 *db, struct err *err)
{
    const struct writing *writing = data;
    struct store_session *session = writing->item;
    int r = sqlite_run(db, err, "UPDATE users SET login_ms = ?2 WHERE id = ?1", "ii", session->user,
                       session->created_ms);
    r = r < 0 ? r : sqlite_changed(db, "user", err);
    r = r < 0 ? r
              : sqlite_run(db, err,
                           "DELETE FROM sessions WHERE user = ?1 AND id NOT IN (SELECT id FROM "
                           "sessions WHERE user = ?1 ORDER BY id DESC LIMIT ?2)",
                           "ii", session->user, (int64_t)(STORE_USER_SESSIONS_MAX - 1));
    r = r < 0 ? r
              : sqlite_run(db, err,
                           "INSERT INTO sessions (hash, user, created_ms, seen_ms, address, "
                           "program) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                           "biiitt", sqlite_hash_str(session->hash), session->user,
                           session->created_ms, session->seen_ms, sqlite_given(session->address),
                           sqlite_given(session->program));
    if (r < 0) {
        return r;
    }
    session->id = sqlite3_last_insert_rowid(db);
    return sqlite_audit_add(db, writing->audit, err);
}

int sqlite_session_add(struct store *store, struct store_session *session,
                       const struct store_audit *audit, struct err *err)
{
    struct writing writing = { .item = session, .audit = audit };
    return SQLITE_WRITE(store, add_session, &writing, err);
}

int sqlite_session_find(struct store *store, const uint8_t *hash, struct arena *arena,
                        struct store_session *ret, struct err *err)
{
    struct sqlite_read read = { store, &sessions, err, NULL };
    int r = sqlite_read_begin(&read);
    if (r < 0) {
        return r;
    }
    sqlite3_stmt *statement =
        sqlite_statement(read.db,
                         "SELECT s.id, s.user, s.created_ms, s.seen_ms, s.hash, s.address, "
                         "s.program, " OWNER_COLUMNS
                         " FROM sessions s JOIN users u ON u.id = s.user WHERE s.hash = ?1",
                         err);
    r = !statement ? -EIO : sqlite_bind(statement, err, "b", sqlite_hash_str(hash));
    r = r < 0 ? r : sqlite_read_one(&read, statement, arena, ret);
    sqlite_read_end(&read);
    return r;
}

int sqlite_session_list(struct store *store, int64_t user, struct store_list *list, struct err *err)
{
    struct sqlite_read read = { store, &sessions, err, NULL };
    int r = sqlite_read_begin(&read);
    if (r < 0) {
        return r;
    }
    sqlite3_stmt *statement = sqlite_statement(
        read.db,
        "SELECT id, user, created_ms, seen_ms, hash, address, program FROM sessions "
        "WHERE user = ?1 ORDER BY id DESC LIMIT ?2",
        err);
    r = !statement ? -EIO : sqlite_bind(statement, err, "ii", user, (int64_t)list->limit);
    r = r < 0 ? r : sqlite_read_list(&read, statement, list);
    list->total = (int64_t)list->n;
    sqlite_read_end(&read);
    return r;
}

static int end_sessions(void *data, struct sqlite3 *db, struct err *err)
{
    const struct writing *writing = data;
    int r = sqlite_run(db, err, "DELETE FROM sessions WHERE user = ?1 AND (?2 = 0 OR id = ?2)",
                       "ii", writing->user, writing->id);
    r = r < 0 ? r : sqlite_changed(db, "session", err);
    return r < 0 ? r : sqlite_audit_add(db, writing->audit, err);
}

int sqlite_session_end(struct store *store, int64_t user, int64_t id,
                       const struct store_audit *audit, struct err *err)
{
    struct writing writing = { .user = user, .id = id, .audit = audit };
    return SQLITE_WRITE(store, end_sessions, &writing, err);
}

static int add_token(void *data, struct sqlite3 *db, struct err *err)
{
    const struct writing *writing = data;
    struct store_token *token = writing->item;
    int64_t count = 0;
    int r =
        sqlite_count(db, &count, err,
                     "SELECT count(*) FROM tokens WHERE user = ?1 AND revoked_ms = 0", token->user);
    if (r == 0 && count >= STORE_USER_TOKENS_MAX) {
        r = err_set(err, -EDQUOT, "this user has %d tokens already", STORE_USER_TOKENS_MAX);
    }
    r = r < 0 ? r
              : sqlite_run(db, err,
                           "INSERT INTO tokens (hash, user, name, may, created_ms, expires_ms) "
                           "VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                           "bitiii", sqlite_hash_str(token->hash), token->user, token->name,
                           (int64_t)token->may, token->created_ms, token->expires_ms);
    if (r < 0) {
        return r;
    }
    token->id = sqlite3_last_insert_rowid(db);
    r = sqlite_run(db, err,
                   "DELETE FROM tokens WHERE user = ?1 AND revoked_ms > 0 AND id NOT IN (SELECT id "
                   "FROM tokens WHERE user = ?1 AND revoked_ms > 0 ORDER BY id DESC LIMIT ?2)",
                   "ii", token->user, (int64_t)STORE_REVOKED_TOKENS_MAX);
    return r < 0 ? r : sqlite_audit_add(db, writing->audit, err);
}

int sqlite_token_add(struct store *store, struct store_token *token,
                     const struct store_audit *audit, struct err *err)
{
    struct writing writing = { .item = token, .audit = audit };
    return SQLITE_WRITE(store, add_token, &writing, err);
}

#define TOKEN_COLUMNS                                                                              \
    "t.id, t.user, t.created_ms, t.expires_ms, t.revoked_ms, t.seen_ms, t.may, t.hash, t.name, "   \
    "u.name"

int sqlite_token_find(struct store *store, const uint8_t *hash, struct arena *arena,
                      struct store_token *ret, struct err *err)
{
    struct sqlite_read read = { store, &tokens, err, NULL };
    int r = sqlite_read_begin(&read);
    if (r < 0) {
        return r;
    }
    sqlite3_stmt *statement =
        sqlite_statement(read.db,
                         "SELECT " TOKEN_COLUMNS ", " OWNER_COLUMNS
                         " FROM tokens t JOIN users u ON u.id = t.user WHERE t.hash = ?1",
                         err);
    r = !statement ? -EIO : sqlite_bind(statement, err, "b", sqlite_hash_str(hash));
    r = r < 0 ? r : sqlite_read_one(&read, statement, arena, ret);
    sqlite_read_end(&read);
    return r;
}

int sqlite_token_list(struct store *store, int64_t user, struct store_list *list, struct err *err)
{
    struct sqlite_read read = { store, &tokens, err, NULL };
    int r = sqlite_read_begin(&read);
    if (r < 0) {
        return r;
    }
    sqlite3_stmt *statement = sqlite_statement(
        read.db,
        "SELECT " TOKEN_COLUMNS " FROM tokens t JOIN users u ON u.id = t.user "
        "WHERE (?1 = 0 OR t.user = ?1) AND (?2 = 0 OR t.id < ?2) ORDER BY t.id DESC LIMIT ?3",
        err);
    r = !statement ? -EIO
                   : sqlite_bind(statement, err, "iii", user, list->after, (int64_t)list->limit);
    r = r < 0 ? r : sqlite_read_list(&read, statement, list);
    r = r < 0 ? r
              : sqlite_count(read.db, &list->total, err,
                             "SELECT count(*) FROM tokens WHERE ?1 = 0 OR user = ?1", user);
    sqlite_read_end(&read);
    return r;
}

static int revoke_token(void *data, struct sqlite3 *db, struct err *err)
{
    const struct writing *writing = data;
    int r = sqlite_run(db, err,
                       "UPDATE tokens SET revoked_ms = ?3 WHERE id = ?1 AND (?2 = 0 OR user = ?2) "
                       "AND revoked_ms = 0",
                       "iii", writing->id, writing->user, writing->audit->time_ms);
    r = r < 0 ? r : sqlite_changed(db, "token", err);
    return r < 0 ? r : sqlite_audit_add(db, writing->audit, err);
}

int sqlite_token_revoke(struct store *store, int64_t user, int64_t id,
                        const struct store_audit *audit, struct err *err)
{
    struct writing writing = { .user = user, .id = id, .audit = audit };
    return SQLITE_WRITE(store, revoke_token, &writing, err);
}
