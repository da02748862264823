/*
 * Accounts in SQLite: the table of operations and what its files share.
 *
 * Every change is one transaction with its entry of the audit log in it, so neither is without the other. Reads
 * take one reader's connection each; a list and its total are read from one state.
 */
#include "store/sqlite_accounts.h"

#include <errno.h>

const struct store_accounts_ops sqlite_accounts_ops = {
    .user_add = sqlite_user_add,
    .user_get = sqlite_user_get,
    .user_by_id = sqlite_user_by_id,
    .user_list = sqlite_user_list,
    .user_change = sqlite_user_change,
    .user_remove = sqlite_user_remove,
    .user_count = sqlite_user_count,
    .session_add = sqlite_session_add,
    .session_find = sqlite_session_find,
    .session_list = sqlite_session_list,
    .session_end = sqlite_session_end,
    .token_add = sqlite_token_add,
    .token_find = sqlite_token_find,
    .token_list = sqlite_token_list,
    .token_revoke = sqlite_token_revoke,
    .enrolment_add = sqlite_enrolment_add,
    .enrolment_find = sqlite_enrolment_find,
    .enrolment_get = sqlite_enrolment_get,
    .enrolment_list = sqlite_enrolment_list,
    .enrolment_revoke = sqlite_enrolment_revoke,
    .agent_add = sqlite_agent_add,
    .agent_find = sqlite_agent_find,
    .agent_get = sqlite_agent_get,
    .agent_list = sqlite_agent_list,
    .agent_state = sqlite_agent_state,
    .agent_instance = sqlite_agent_instance,
    .agent_remove = sqlite_agent_remove,
    .credential_add = sqlite_credential_add,
    .credential_used = sqlite_credential_used,
    .seen = sqlite_seen,
    .expire = sqlite_expire,
    .audit_add = sqlite_audit_add_alone,
    .audit_list = sqlite_audit_list,
};

int sqlite_read_begin(struct sqlite_read *read)
{
    return sqlite_store_read_begin(read->store, &read->db, read->err);
}

void sqlite_read_end(struct sqlite_read *read)
{
    if (read->db) {
        sqlite_store_read_end(read->store, read->db);
        read->db = NULL;
    }
}

int sqlite_read_list(struct sqlite_read *read, sqlite3_stmt *statement, struct store_list *list)
{
    const struct sqlite_kind *kind = read->kind;
    char *items = arena_array(list->arena, list->limit, kind->size);
    if (!items) {
        sqlite3_reset(statement);
        return err_set(read->err, -ENOMEM, "the answer is too large");
    }
    size_t n = 0;
    int r = 0;
    while (n < list->limit && (r = sqlite_row(statement, read->err)) > 0) {
        if (!kind->take(items + n * kind->size, statement, list->arena)) {
            r = err_set(read->err, -ENOMEM, "the answer is too large");
            break;
        }
        n++;
    }
    sqlite3_reset(statement);
    if (r < 0) {
        return r;
    }
    list->items = items;
    list->n = n;
    return 0;
}

int sqlite_read_one(struct sqlite_read *read, sqlite3_stmt *statement, struct arena *arena,
                    void *ret)
{
    int r = sqlite_row(statement, read->err);
    if (r == 0) {
        return err_set(read->err, -ENOENT, "no such %s", read->kind->what);
    }
    if (r > 0) {
        r = read->kind->take(ret, statement, arena)
                ? 0
                : err_set(read->err, -ENOMEM, "the answer is too large");
        sqlite3_reset(statement);
    }
    return r;
}

int sqlite_accounts_number(sqlite3_stmt *statement, int64_t *ret, struct err *err)
{
    int r = sqlite_row(statement, err);
    if (r > 0) {
        *ret = sqlite3_column_int64(statement, 0);
        sqlite3_reset(statement);
        return 0;
    }
    return r < 0 ? r : err_set(err, -ENOENT, "nothing there");
}

int sqlite_count(struct sqlite3 *db, int64_t *ret, struct err *err, const char *literal,
                 int64_t number)
{
    sqlite3_stmt *statement = sqlite_statement(db, literal, err);
    if (!statement) {
        return -EIO;
    }
    int r =
        sqlite3_bind_parameter_count(statement) > 0 ? sqlite_bind(statement, err, "i", number) : 0;
    return r < 0 ? r : sqlite_accounts_number(statement, ret, err);
}

int sqlite_changed(struct sqlite3 *db, const char *what, struct err *err)
{
    return sqlite3_changes(db) > 0 ? 0 : err_set(err, -ENOENT, "no such %s", what);
}

const uint8_t *sqlite_hash(sqlite3_stmt *row, int column, struct arena *arena)
{
    const void *blob = sqlite3_column_blob(row, column);
    uint8_t *copy = blob && sqlite3_column_bytes(row, column) == STORE_HASH_SIZE
                        ? arena_alloc(arena, STORE_HASH_SIZE)
                        : NULL;
    if (copy) {
        memcpy(copy, blob, STORE_HASH_SIZE);
    }
    return copy;
}

bool sqlite_texts(sqlite3_stmt *row, struct arena *arena, int first, size_t n,
                  struct str *const *ret)
{
    for (size_t i = 0; i < n; i++) {
        *ret[i] = sqlite_text(row, first + (int)i, arena);
        if (!ret[i]->p) {
            return false;
        }
    }
    return true;
}
