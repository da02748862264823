/*
 * The audit log in SQLite, and what goes by itself with time.
 *
 * Rows are only added: triggers of the database refuse anything else, but for what lies beyond the newest
 * million, which goes a piece at a time.
 */
#include "store/sqlite_accounts.h"

#include <errno.h>
#include <stdio.h>

#define AUDIT_ROWS_MAX  1000000
#define AUDIT_PRUNE_MAX 10000 /* rows a time */
#define FORGET_MAX      1000  /* agents a time */
#define FORGET_ID_MAX   64
#define FORGET_OBJECT   (FORGET_ID_MAX + 8)

int sqlite_audit_add(struct sqlite3 *db, const struct store_audit *audit, struct err *err)
{
    if (!audit || audit->left_out) {
        return 0;
    }
    return sqlite_run(
        db, err,
        "INSERT INTO audit (time_ms, kind, actor, action, object, result, address, "
        "request, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        "itttttttt", audit->time_ms, sqlite_given(audit->kind), sqlite_given(audit->actor),
        sqlite_given(audit->action), sqlite_given(audit->object), sqlite_given(audit->result),
        sqlite_given(audit->address), sqlite_given(audit->request), sqlite_given(audit->detail));
}

static int add_alone(void *data, struct sqlite3 *db, struct err *err)
{
    return sqlite_audit_add(db, data, err);
}

int sqlite_audit_add_alone(struct store *store, const struct store_audit *audit, struct err *err)
{
    struct store_audit entry = *audit;
    return SQLITE_WRITE(store, add_alone, &entry, err);
}

static bool take(void *item, sqlite3_stmt *row, struct arena *arena)
{
    struct store_audit *a = item;
    *a = (struct store_audit){ .id = sqlite3_column_int64(row, 0),
                               .time_ms = sqlite3_column_int64(row, 1) };
    struct str *const texts[] = { &a->kind,   &a->actor,   &a->action,  &a->object,
                                  &a->result, &a->address, &a->request, &a->detail };
    return sqlite_texts(row, arena, 2, sizeof(texts) / sizeof(texts[0]), texts);
}

static const struct sqlite_kind kind = { "entry", sizeof(struct store_audit), take };

/* Of one object the index tells which entries there are; all of them are in the order of their numbers. */
#define LIST(object)                                                                               \
    "SELECT id, time_ms, kind, actor, action, object, result, address, request, detail "           \
    "FROM audit WHERE (?1 = 0 OR id < ?1) AND (?2 = '' OR actor = ?2) "                            \
    "AND (?3 = '' OR action = ?3 OR substr(action, 1, length(?3) + 1) = ?3 || '.') "               \
    "AND " object " AND (?5 = '' OR result = ?5) "                                                 \
    "AND (?6 = 0 OR time_ms >= ?6) AND (?7 = 0 OR time_ms < ?7) ORDER BY id DESC LIMIT ?8"

int sqlite_audit_list(struct store *store, const struct store_audit_filter *filter,
                      struct store_list *list, struct err *err)
{
    struct sqlite_read read = { store, &kind, err, NULL };
    int r = sqlite_read_begin(&read);
    if (r < 0) {
        return r;
    }
    sqlite3_stmt *statement = sqlite_statement(
        read.db, filter->object.n > 0 ? LIST("object = ?4") : LIST("?4 = ''"), err);
    r = !statement ? -EIO
                   : sqlite_bind(statement, err, "ittttiii", list->after,
                                 sqlite_given(filter->actor), sqlite_given(filter->action),
                                 sqlite_given(filter->object), sqlite_given(filter->result),
                                 filter->from_ms, filter->to_ms, (int64_t)list->limit);
    r = r < 0 ? r : sqlite_read_list(&read, statement, list);
    sqlite_read_end(&read);
    return r;
}

struct seeing {
    const struct store_seen *items;
    size_t n;
};

static int see(void *data, struct sqlite3 *db, struct err *err)
{
    static const char *const literals[] = {
        [STORE_SEEN_SESSION] = "UPDATE sessions SET seen_ms = max(seen_ms, ?2) WHERE id = ?1",
        [STORE_SEEN_TOKEN] = "UPDATE tokens SET seen_ms = max(seen_ms, ?2) WHERE id = ?1",
        [STORE_SEEN_AGENT] = "UPDATE agents SET seen_ms = max(seen_ms, ?2) WHERE row = ?1",
    };
    const struct seeing *seeing = data;
    int r = 0;
    for (size_t i = 0; i < seeing->n && r == 0; i++) {
        const struct store_seen *item = &seeing->items[i];
        r = sqlite_run(db, err, literals[item->kind], "ii", item->id, item->seen_ms);
    }
    return r;
}

int sqlite_seen(struct store *store, const struct store_seen *items, size_t n, struct err *err)
{
    struct seeing seeing = { items, n };
    return n > 0 ? SQLITE_WRITE(store, see, &seeing, err) : 0;
}

/* The next agent that was to be forgotten: 1, its id in `id`; 0 none. */
static int next_forgotten(struct sqlite3 *db, int64_t now_ms, char id[FORGET_ID_MAX],
                          struct err *err)
{
    sqlite3_stmt *statement =
        sqlite_statement(db,
                         "SELECT id FROM agents WHERE forget_ms > 0 AND seen_ms < ?1 - forget_ms "
                         "AND state <> 'cloned' LIMIT 1",
                         err);
    int r = !statement ? -EIO : sqlite_bind(statement, err, "i", now_ms);
    r = r < 0 ? r : sqlite_row(statement, err);
    if (r > 0) {
        snprintf(id, FORGET_ID_MAX, "%s", (const char *)sqlite3_column_text(statement, 0));
        sqlite3_reset(statement);
    }
    return r;
}

static int forget(struct sqlite3 *db, int64_t now_ms, struct err *err)
{
    int r = 0;
    char id[FORGET_ID_MAX];
    for (int i = 0; i < FORGET_MAX && (r = next_forgotten(db, now_ms, id, err)) > 0; i++) {
        char object[FORGET_OBJECT];
        snprintf(object, sizeof(object), "agent:%s", id);
        struct store_audit audit = { .time_ms = now_ms,
                                     .kind = STR("server"),
                                     .action = STR("agent.forget"),
                                     .object = str_of(object),
                                     .result = STR("ok") };
        r = sqlite_run(db, err, "DELETE FROM credentials WHERE agent = ?1", "t", str_of(id));
        r = r < 0
                ? r
                : sqlite_run(db, err, "DELETE FROM agent_status WHERE agent = ?1", "t", str_of(id));
        r = r < 0 ? r : sqlite_run(db, err, "DELETE FROM agents WHERE id = ?1", "t", str_of(id));
        r = r < 0 ? r : sqlite_audit_add(db, &audit, err);
        if (r < 0) {
            return r;
        }
    }
    return r < 0 ? r : 0;
}

static int expire(void *data, struct sqlite3 *db, struct err *err)
{
    const struct store_expire *expire = data;
    int r = sqlite_run(db, err, "DELETE FROM sessions WHERE seen_ms < ?1 OR created_ms < ?2", "ii",
                       expire->sessions_seen_ms, expire->sessions_created_ms);
    r = r < 0 ? r
              : sqlite_run(db, err, "DELETE FROM credentials WHERE until_ms > 0 AND until_ms < ?1",
                           "i", expire->now_ms);
    r = r < 0 ? r : forget(db, expire->now_ms, err);
    return r < 0 ? r
                 : sqlite_run(db, err,
                              "DELETE FROM audit WHERE id IN (SELECT id FROM audit WHERE id <= "
                              "(SELECT max(id) FROM audit) - ?1 ORDER BY id LIMIT ?2)",
                              "ii", (int64_t)AUDIT_ROWS_MAX, (int64_t)AUDIT_PRUNE_MAX);
}

int sqlite_expire(struct store *store, const struct store_expire *when, struct err *err)
{
    struct store_expire copy = *when;
    return SQLITE_WRITE(store, expire, &copy, err);
}
