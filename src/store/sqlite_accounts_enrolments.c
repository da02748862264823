/*
 * Enrolment tokens in SQLite. Uses are counted in the transaction that adds the agent (sqlite_accounts_agents.c).
 */
#include "store/sqlite_accounts.h"

#include <errno.h>

#define ENROLMENT_COLUMNS                                                                          \
    "id, created_ms, expires_ms, revoked_ms, max_uses, uses, forget_ms, hash, name, cluster, "     \
    "labels, maker"

static bool take(void *item, sqlite3_stmt *row, struct arena *arena)
{
    struct store_enrolment *e = item;
    *e = (struct store_enrolment){
        .id = sqlite3_column_int64(row, 0),
        .created_ms = sqlite3_column_int64(row, 1),
        .expires_ms = sqlite3_column_int64(row, 2),
        .revoked_ms = sqlite3_column_int64(row, 3),
        .max_uses = sqlite3_column_int64(row, 4),
        .uses = sqlite3_column_int64(row, 5),
        .forget_ms = sqlite3_column_int64(row, 6),
        .hash = sqlite_hash(row, 7, arena),
    };
    struct str *const texts[] = { &e->name, &e->cluster, &e->labels, &e->maker };
    return e->hash && sqlite_texts(row, arena, 8, 4, texts);
}

static const struct sqlite_kind kind = { "enrolment token", sizeof(struct store_enrolment), take };

struct writing {
    struct store_enrolment *enrolment;
    int64_t id;
    const struct store_audit *audit;
};

static int add(void *data, struct sqlite3 *db, struct err *err)
{
    const struct writing *writing = data;
    struct store_enrolment *e = writing->enrolment;
    int64_t count = 0;
    int r = sqlite_count(db, &count, err, "SELECT count(*) FROM enrolments", 0);
    if (r == 0 && count >= STORE_ENROLMENTS_MAX) {
        r = err_set(err, -EDQUOT, "there are %d enrolment tokens already", STORE_ENROLMENTS_MAX);
    }
    r = r < 0
            ? r
            : sqlite_run(db, err,
                         "INSERT INTO enrolments (hash, name, cluster, labels, maker, created_ms, "
                         "expires_ms, max_uses, forget_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, "
                         "?8, ?9)",
                         "bttttiiii", sqlite_hash_str(e->hash), e->name, sqlite_given(e->cluster),
                         sqlite_given(e->labels), e->maker, e->created_ms, e->expires_ms,
                         e->max_uses, e->forget_ms);
    if (r < 0) {
        return r;
    }
    e->id = sqlite3_last_insert_rowid(db);
    return sqlite_audit_add(db, writing->audit, err);
}

int sqlite_enrolment_add(struct store *store, struct store_enrolment *enrolment,
                         const struct store_audit *audit, struct err *err)
{
    struct writing writing = { .enrolment = enrolment, .audit = audit };
    return SQLITE_WRITE(store, add, &writing, err);
}

int sqlite_enrolment_find(struct store *store, const uint8_t *hash, struct arena *arena,
                          struct store_enrolment *ret, struct err *err)
{
    struct sqlite_read read = { store, &kind, err, NULL };
    int r = sqlite_read_begin(&read);
    if (r < 0) {
        return r;
    }
    sqlite3_stmt *statement = sqlite_statement(
        read.db, "SELECT " ENROLMENT_COLUMNS " FROM enrolments WHERE hash = ?1", err);
    r = !statement ? -EIO : sqlite_bind(statement, err, "b", sqlite_hash_str(hash));
    r = r < 0 ? r : sqlite_read_one(&read, statement, arena, ret);
    sqlite_read_end(&read);
    return r;
}

int sqlite_enrolment_get(struct store *store, int64_t id, struct arena *arena,
                         struct store_enrolment *ret, struct err *err)
{
    struct sqlite_read read = { store, &kind, err, NULL };
    int r = sqlite_read_begin(&read);
    if (r < 0) {
        return r;
    }
    sqlite3_stmt *statement = sqlite_statement(
        read.db, "SELECT " ENROLMENT_COLUMNS " FROM enrolments WHERE id = ?1", err);
    r = !statement ? -EIO : sqlite_bind(statement, err, "i", id);
    r = r < 0 ? r : sqlite_read_one(&read, statement, arena, ret);
    sqlite_read_end(&read);
    return r;
}

int sqlite_enrolment_list(struct store *store, struct store_list *list, struct err *err)
{
    struct sqlite_read read = { store, &kind, err, NULL };
    int r = sqlite_read_begin(&read);
    if (r < 0) {
        return r;
    }
    sqlite3_stmt *statement =
        sqlite_statement(read.db,
                         "SELECT " ENROLMENT_COLUMNS " FROM enrolments WHERE ?1 = 0 OR id < ?1 "
                         "ORDER BY id DESC LIMIT ?2",
                         err);
    r = !statement ? -EIO : sqlite_bind(statement, err, "ii", list->after, (int64_t)list->limit);
    r = r < 0 ? r : sqlite_read_list(&read, statement, list);
    r = r < 0 ? r : sqlite_count(read.db, &list->total, err, "SELECT count(*) FROM enrolments", 0);
    sqlite_read_end(&read);
    return r;
}

static int revoke(void *data, struct sqlite3 *db, struct err *err)
{
    const struct writing *writing = data;
    int r = sqlite_run(db, err,
                       "UPDATE enrolments SET revoked_ms = ?2 WHERE id = ?1 AND revoked_ms = 0",
                       "ii", writing->id, writing->audit->time_ms);
    r = r < 0 ? r : sqlite_changed(db, kind.what, err);
    return r < 0 ? r : sqlite_audit_add(db, writing->audit, err);
}

int sqlite_enrolment_revoke(struct store *store, int64_t id, const struct store_audit *audit,
                            struct err *err)
{
    struct writing writing = { .id = id, .audit = audit };
    return SQLITE_WRITE(store, revoke, &writing, err);
}
