/*
 * sqlite_accounts: what the files of the accounts in SQLite share.
 */
#pragma once

#include "store/accounts.h"
#include "store/sqlite.h"

/* Its functions, each of the type that the table has for it. */
#define SQLITE_ACCOUNTS_OP(name)                                                                   \
    __typeof__(*((struct store_accounts_ops *)NULL)->name) sqlite_##name
SQLITE_ACCOUNTS_OP(user_add);
SQLITE_ACCOUNTS_OP(user_get);
SQLITE_ACCOUNTS_OP(user_by_id);
SQLITE_ACCOUNTS_OP(user_list);
SQLITE_ACCOUNTS_OP(user_change);
SQLITE_ACCOUNTS_OP(user_remove);
SQLITE_ACCOUNTS_OP(user_count);
SQLITE_ACCOUNTS_OP(session_add);
SQLITE_ACCOUNTS_OP(session_find);
SQLITE_ACCOUNTS_OP(session_list);
SQLITE_ACCOUNTS_OP(session_end);
SQLITE_ACCOUNTS_OP(token_add);
SQLITE_ACCOUNTS_OP(token_find);
SQLITE_ACCOUNTS_OP(token_list);
SQLITE_ACCOUNTS_OP(token_revoke);
SQLITE_ACCOUNTS_OP(enrolment_add);
SQLITE_ACCOUNTS_OP(enrolment_find);
SQLITE_ACCOUNTS_OP(enrolment_get);
SQLITE_ACCOUNTS_OP(enrolment_list);
SQLITE_ACCOUNTS_OP(enrolment_revoke);
SQLITE_ACCOUNTS_OP(agent_add);
SQLITE_ACCOUNTS_OP(agent_find);
SQLITE_ACCOUNTS_OP(agent_get);
SQLITE_ACCOUNTS_OP(agent_list);
SQLITE_ACCOUNTS_OP(agent_state);
SQLITE_ACCOUNTS_OP(agent_instance);
SQLITE_ACCOUNTS_OP(agent_remove);
SQLITE_ACCOUNTS_OP(credential_add);
SQLITE_ACCOUNTS_OP(credential_used);
SQLITE_ACCOUNTS_OP(seen);
SQLITE_ACCOUNTS_OP(expire);
SQLITE_ACCOUNTS_OP(audit_list);

int sqlite_audit_add_alone(struct store *store, const struct store_audit *audit, struct err *err);

/* Within a write transaction: one entry of the audit log; nothing for NULL. */
int sqlite_audit_add(struct sqlite3 *db, const struct store_audit *audit, struct err *err);

/* How rows become items of a list. */
struct sqlite_kind {
    const char *what;                                                 /* "user" */
    size_t size;                                                      /* of an item */
    bool (*take)(void *item, sqlite3_stmt *row, struct arena *arena); /* false: out of memory */
};

/* A read: between begin and end all statements see one state. */
struct sqlite_read {
    struct store *store;
    const struct sqlite_kind *kind;
    struct err *err;
    struct sqlite3 *db;
};
int sqlite_read_begin(struct sqlite_read *read);
void sqlite_read_end(struct sqlite_read *read);
/* All rows of a bound statement, at most list->limit. */
int sqlite_read_list(struct sqlite_read *read, sqlite3_stmt *statement, struct store_list *list);
/* The first row, or -ENOENT. */
int sqlite_read_one(struct sqlite_read *read, sqlite3_stmt *statement, struct arena *arena,
                    void *ret);

/* One number of a bound statement. */
int sqlite_accounts_number(sqlite3_stmt *statement, int64_t *ret, struct err *err);
/* The same of a literal whose only parameter, if any, is a number. */
int sqlite_count(struct sqlite3 *db, int64_t *ret, struct err *err, const char *literal,
                 int64_t number);
/* A statement that must change something, else -ENOENT "no such WHAT". */
int sqlite_changed(struct sqlite3 *db, const char *what, struct err *err);

/* A write without more than its body: data is the body's. */
#define SQLITE_WRITE(store, function, pointer, err)                                                \
    sqlite_store_write((store), &(struct sqlite_write){ .body = (function), .data = (pointer) },   \
                       (err))
/* Columns copied to the arena; NULL or false: NULL in the database, or out of memory. */
const uint8_t *sqlite_hash(sqlite3_stmt *row, int column, struct arena *arena);
bool sqlite_texts(sqlite3_stmt *row, struct arena *arena, int first, size_t n,
                  struct str *const *ret);
/* A user in twelve columns from `first` on. */
bool sqlite_take_user(struct store_user *user, sqlite3_stmt *row, struct arena *arena, int first);

static inline struct str sqlite_hash_str(const uint8_t *hash)
{
    return str_from(hash, STORE_HASH_SIZE);
}

/* A text that is never NULL to the database. */
static inline struct str sqlite_given(struct str s)
{
    return s.p ? s : STR("");
}
