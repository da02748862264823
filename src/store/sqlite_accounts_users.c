/*
 * Users in SQLite.
 *
 * At least one administrator that is not disabled stays: a change is made, then counted within the same
 * transaction, and taken back when none is left. What ends a user's right to what it has (another role,
 * another password, disabled, removed) ends its sessions in the same transaction.
 */
#include "store/sqlite_accounts.h"

#include <errno.h>

#define USER_COLUMNS                                                                               \
    "u.id, u.disabled, u.created_ms, u.password_ms, u.login_ms, u.name, u.display_name, u.role, "  \
    "u.language, u.theme, u.time_zone, u.password"

bool sqlite_take_user(struct store_user *user, sqlite3_stmt *row, struct arena *arena, int first)
{
    *user = (struct store_user){
        .id = sqlite3_column_int64(row, first),
        .disabled = sqlite3_column_int(row, first + 1) != 0,
        .created_ms = sqlite3_column_int64(row, first + 2),
        .password_ms = sqlite3_column_int64(row, first + 3),
        .login_ms = sqlite3_column_int64(row, first + 4),
    };
    struct str *const texts[] = { &user->name,     &user->display_name, &user->role,
                                  &user->language, &user->theme,        &user->time_zone,
                                  &user->password };
    return sqlite_texts(row, arena, first + 5, sizeof(texts) / sizeof(texts[0]), texts);
}

static bool take(void *item, sqlite3_stmt *row, struct arena *arena)
{
    return sqlite_take_user(item, row, arena, 0);
}

static bool take_listed(void *item, sqlite3_stmt *row, struct arena *arena)
{
    struct store_user *user = item;
    if (!take(user, row, arena)) {
        return false;
    }
    user->password = (struct str){ 0 };
    user->sessions = sqlite3_column_int64(row, 12);
    return true;
}

static const struct sqlite_kind one = { "user", sizeof(struct store_user), take };
static const struct sqlite_kind listed = { "user", sizeof(struct store_user), take_listed };

struct adding {
    struct store_user *user;
    bool first;
    const struct store_audit *audit;
};

static int add(void *data, struct sqlite3 *db, struct err *err)
{
    const struct adding *adding = data;
    struct store_user *user = adding->user;
    int64_t count = 0;
    int r = sqlite_count(db, &count, err, "SELECT count(*) FROM users", 0);
    if (r < 0) {
        return r;
    }
    if (adding->first && count > 0) {
        return err_set(err, -EEXIST, "there is a user already");
    }
    if (count >= STORE_USERS_MAX) {
        return err_set(err, -EDQUOT, "there are %d users already", STORE_USERS_MAX);
    }
    r = sqlite_run(
        db, err,
        "INSERT INTO users (name, display_name, role, password, language, theme, "
        "time_zone, created_ms, password_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        "tttttttii", user->name, sqlite_given(user->display_name), user->role, user->password,
        sqlite_given(user->language), sqlite_given(user->theme), sqlite_given(user->time_zone),
        user->created_ms, user->created_ms);
    if (r < 0) {
        return r == -EEXIST ? err_set(err, r, "there is a user of that name already") : r;
    }
    user->id = sqlite3_last_insert_rowid(db);
    return sqlite_audit_add(db, adding->audit, err);
}

int sqlite_user_add(struct store *store, struct store_user *user, bool first,
                    const struct store_audit *audit, struct err *err)
{
    struct adding adding = { user, first, audit };
    return SQLITE_WRITE(store, add, &adding, err);
}

int sqlite_user_get(struct store *store, struct str name, struct arena *arena,
                    struct store_user *ret, struct err *err)
{
    struct sqlite_read read = { store, &one, err, NULL };
    int r = sqlite_read_begin(&read);
    if (r < 0) {
        return r;
    }
    sqlite3_stmt *statement =
        sqlite_statement(read.db, "SELECT " USER_COLUMNS " FROM users u WHERE u.name = ?1", err);
    r = !statement ? -EIO : sqlite_bind(statement, err, "t", name);
    r = r < 0 ? r : sqlite_read_one(&read, statement, arena, ret);
    sqlite_read_end(&read);
    return r;
}

int sqlite_user_by_id(struct store *store, int64_t id, struct arena *arena, struct store_user *ret,
                      struct err *err)
{
    struct sqlite_read read = { store, &one, err, NULL };
    int r = sqlite_read_begin(&read);
    if (r < 0) {
        return r;
    }
    sqlite3_stmt *statement =
        sqlite_statement(read.db, "SELECT " USER_COLUMNS " FROM users u WHERE u.id = ?1", err);
    r = !statement ? -EIO : sqlite_bind(statement, err, "i", id);
    r = r < 0 ? r : sqlite_read_one(&read, statement, arena, ret);
    sqlite_read_end(&read);
    return r;
}

int sqlite_user_list(struct store *store, struct store_list *list, struct err *err)
{
    struct sqlite_read read = { store, &listed, err, NULL };
    int r = sqlite_read_begin(&read);
    if (r < 0) {
        return r;
    }
    sqlite3_stmt *statement =
        sqlite_statement(read.db,
                         "SELECT " USER_COLUMNS
                         ", (SELECT count(*) FROM sessions s WHERE s.user = u.id) FROM users u "
                         "WHERE u.name > ?1 ORDER BY u.name LIMIT ?2",
                         err);
    r = !statement ? -EIO
                   : sqlite_bind(statement, err, "ti", sqlite_given(list->after_name),
                                 (int64_t)list->limit);
    r = r < 0 ? r : sqlite_read_list(&read, statement, list);
    r = r < 0 ? r : sqlite_count(read.db, &list->total, err, "SELECT count(*) FROM users", 0);
    sqlite_read_end(&read);
    return r;
}

static int admin_left(struct sqlite3 *db, struct err *err)
{
    int64_t admins = 0;
    int r = sqlite_count(db, &admins, err,
                         "SELECT count(*) FROM users WHERE role = 'admin' AND disabled = 0", 0);
    if (r == 0 && admins == 0) {
        return err_set(err, -EPERM, "no administrator would be left");
    }
    return r;
}

struct changing {
    const struct store_user_change *change;
    const struct store_audit *audit;
};

static int set_texts(struct sqlite3 *db, const struct store_user_change *change, struct err *err)
{
    static const char *const literals[] = {
        "UPDATE users SET display_name = ?2 WHERE name = ?1",
        "UPDATE users SET role = ?2 WHERE name = ?1",
        "UPDATE users SET language = ?2 WHERE name = ?1",
        "UPDATE users SET theme = ?2 WHERE name = ?1",
        "UPDATE users SET time_zone = ?2 WHERE name = ?1",
    };
    const struct str *values[] = { &change->display_name, &change->role, &change->language,
                                   &change->theme, &change->time_zone };
    int r = 0;
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]) && r == 0; i++) {
        if (values[i]->p) {
            r = sqlite_run(db, err, literals[i], "tt", change->name, *values[i]);
        }
    }
    return r;
}

static int change_body(void *data, struct sqlite3 *db, struct err *err)
{
    const struct changing *changing = data;
    const struct store_user_change *change = changing->change;
    int r = sqlite_run(db, err, "UPDATE users SET name = name WHERE name = ?1", "t", change->name);
    r = r < 0 ? r : sqlite_changed(db, "user", err);
    r = r < 0 ? r : set_texts(db, change, err);
    if (r == 0 && change->password.p) {
        r = sqlite_run(db, err, "UPDATE users SET password = ?2, password_ms = ?3 WHERE name = ?1",
                       "tti", change->name, change->password, change->now_ms);
    }
    if (r == 0 && change->disabled >= 0) {
        r = sqlite_run(db, err, "UPDATE users SET disabled = ?2 WHERE name = ?1", "ti",
                       change->name, (int64_t)(change->disabled != 0));
    }
    if (r == 0 && change->end_sessions) {
        r = sqlite_run(db, err,
                       "DELETE FROM sessions WHERE user = (SELECT id FROM users WHERE name = ?1)",
                       "t", change->name);
    }
    r = r < 0 ? r : admin_left(db, err);
    return r < 0 ? r : sqlite_audit_add(db, changing->audit, err);
}

int sqlite_user_change(struct store *store, const struct store_user_change *change,
                       const struct store_audit *audit, struct err *err)
{
    struct changing changing = { change, audit };
    return SQLITE_WRITE(store, change_body, &changing, err);
}

struct removing {
    struct str name;
    const struct store_audit *audit;
};

static int remove_body(void *data, struct sqlite3 *db, struct err *err)
{
    const struct removing *removing = data;
    static const char *const literals[] = {
        "DELETE FROM sessions WHERE user = (SELECT id FROM users WHERE name = ?1)",
        "DELETE FROM tokens WHERE user = (SELECT id FROM users WHERE name = ?1)",
        "DELETE FROM users WHERE name = ?1",
    };
    int r = 0;
    for (size_t i = 0; i < sizeof(literals) / sizeof(literals[0]) && r == 0; i++) {
        r = sqlite_run(db, err, literals[i], "t", removing->name);
    }
    r = r < 0 ? r : sqlite_changed(db, "user", err);
    r = r < 0 ? r : admin_left(db, err);
    return r < 0 ? r : sqlite_audit_add(db, removing->audit, err);
}

int sqlite_user_remove(struct store *store, struct str name, const struct store_audit *audit,
                       struct err *err)
{
    struct removing removing = { name, audit };
    return SQLITE_WRITE(store, remove_body, &removing, err);
}

int sqlite_user_count(struct store *store, int64_t *ret, struct err *err)
{
    struct sqlite_read read = { store, &one, err, NULL };
    int r = sqlite_read_begin(&read);
    r = r < 0 ? r : sqlite_count(read.db, ret, err, "SELECT count(*) FROM users", 0);
    sqlite_read_end(&read);
    return r;
}
