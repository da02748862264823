/*
 * Agents and their credentials in SQLite.
 *
 * An agent may have several credentials for a while: a new one is valid at once, those before it until a time
 * that is set when the new one is first used. A credential that is over is not found.
 */
#include "store/sqlite_accounts.h"

#include <errno.h>

#define CREDENTIALS_MAX 32 /* of an agent, at a time */

#define AGENT_COLUMNS                                                                              \
    "a.row, a.state_ms, a.enrolment, a.created_ms, a.seen_ms, a.forget_ms, a.instance_ms, a.id, "  \
    "a.name, a.state, a.cluster, a.labels, a.version, a.kernel, a.hostname, a.sensor, a.address, " \
    "a.instance, a.before"
#define AGENT_NUMBERS 7
#define AGENT_TEXTS   12

static bool take(void *item, sqlite3_stmt *row, struct arena *arena)
{
    struct store_agent *a = item;
    *a = (struct store_agent){
        .row = sqlite3_column_int64(row, 0),
        .state_ms = sqlite3_column_int64(row, 1),
        .enrolment = sqlite3_column_int64(row, 2),
        .created_ms = sqlite3_column_int64(row, 3),
        .seen_ms = sqlite3_column_int64(row, 4),
        .forget_ms = sqlite3_column_int64(row, 5),
        .instance_ms = sqlite3_column_int64(row, 6),
    };
    struct str *const texts[AGENT_TEXTS] = { &a->id,     &a->name,    &a->state,    &a->cluster,
                                             &a->labels, &a->version, &a->kernel,   &a->hostname,
                                             &a->sensor, &a->address, &a->instance, &a->before };
    return sqlite_texts(row, arena, AGENT_NUMBERS, AGENT_TEXTS, texts);
}

static bool take_with_credential(void *item, sqlite3_stmt *row, struct arena *arena)
{
    struct store_agent *agent = item;
    int first = AGENT_NUMBERS + AGENT_TEXTS;
    if (!take(agent, row, arena)) {
        return false;
    }
    agent->credential = (struct store_credential){
        .hash = sqlite_hash(row, first, arena),
        .agent = agent->id,
        .created_ms = sqlite3_column_int64(row, first + 1),
        .used_ms = sqlite3_column_int64(row, first + 2),
        .until_ms = sqlite3_column_int64(row, first + 3),
    };
    return agent->credential.hash != NULL;
}

static const struct sqlite_kind kind = { "agent", sizeof(struct store_agent), take };
static const struct sqlite_kind found = { "agent", sizeof(struct store_agent),
                                          take_with_credential };

struct writing {
    const struct store_agent *agent;
    const struct store_credential *credential;
    struct str id, state;
    int64_t now_ms, until_ms;
    const struct store_audit *audit;
};

static int use_enrolment(struct sqlite3 *db, const struct store_agent *agent, struct err *err)
{
    int r = sqlite_run(db, err,
                       "UPDATE enrolments SET uses = uses + 1 WHERE id = ?1 AND revoked_ms = 0 AND "
                       "expires_ms > ?2 AND (max_uses = 0 OR uses < max_uses)",
                       "ii", agent->enrolment, agent->created_ms);
    if (r == 0 && sqlite3_changes(db) == 0) {
        r = err_set(err, -EKEYEXPIRED, "this enrolment token is used up, expired or revoked");
    }
    return r;
}

static int add_credential(struct sqlite3 *db, const struct store_credential *credential,
                          struct err *err)
{
    return sqlite_run(db, err,
                      "INSERT INTO credentials (hash, agent, created_ms, used_ms, until_ms) "
                      "VALUES (?1, ?2, ?3, ?4, ?5)",
                      "btiii", sqlite_hash_str(credential->hash), credential->agent,
                      credential->created_ms, credential->used_ms, credential->until_ms);
}

static int add(void *data, struct sqlite3 *db, struct err *err)
{
    const struct writing *writing = data;
    const struct store_agent *a = writing->agent;
    int64_t count = 0;
    int r = sqlite_count(db, &count, err, "SELECT count(*) FROM agents", 0);
    if (r == 0 && count >= STORE_AGENTS_MAX) {
        r = err_set(err, -EDQUOT, "there are %d agents already", STORE_AGENTS_MAX);
    }
    r = r < 0 ? r : use_enrolment(db, a, err);
    r = r < 0
            ? r
            : sqlite_run(db, err,
                         "INSERT INTO agents (id, name, state, state_ms, enrolment, cluster, "
                         "labels, version, kernel, hostname, sensor, address, created_ms, seen_ms, "
                         "forget_ms, instance, instance_ms) SELECT ?1, ?2, 'active', ?3, id, "
                         "cluster, labels, ?5, ?6, ?7, ?8, ?9, ?3, ?3, forget_ms, ?10, ?3 "
                         "FROM enrolments WHERE id = ?4",
                         "ttiittttt"
                         "t",
                         a->id, a->name, a->created_ms, a->enrolment, sqlite_given(a->version),
                         sqlite_given(a->kernel), sqlite_given(a->hostname),
                         sqlite_given(a->sensor), sqlite_given(a->address),
                         sqlite_given(a->instance));
    r = r < 0 ? r : add_credential(db, &a->credential, err);
    return r < 0 ? r : sqlite_audit_add(db, writing->audit, err);
}

int sqlite_agent_add(struct store *store, const struct store_agent *agent,
                     const struct store_audit *audit, struct err *err)
{
    struct writing writing = { .agent = agent, .audit = audit };
    return SQLITE_WRITE(store, add, &writing, err);
}

int sqlite_agent_find(struct store *store, const uint8_t *hash, struct arena *arena,
                      struct store_agent *ret, struct err *err)
{
    struct sqlite_read read = { store, &found, err, NULL };
    int r = sqlite_read_begin(&read);
    if (r < 0) {
        return r;
    }
    sqlite3_stmt *statement =
        sqlite_statement(read.db,
                         "SELECT " AGENT_COLUMNS ", c.hash, c.created_ms, c.used_ms, c.until_ms "
                         "FROM credentials c JOIN agents a ON a.id = c.agent WHERE c.hash = ?1",
                         err);
    r = !statement ? -EIO : sqlite_bind(statement, err, "b", sqlite_hash_str(hash));
    r = r < 0 ? r : sqlite_read_one(&read, statement, arena, ret);
    sqlite_read_end(&read);
    return r;
}

int sqlite_agent_get(struct store *store, struct str id, struct arena *arena,
                     struct store_agent *ret, struct err *err)
{
    struct sqlite_read read = { store, &kind, err, NULL };
    int r = sqlite_read_begin(&read);
    if (r < 0) {
        return r;
    }
    sqlite3_stmt *statement =
        sqlite_statement(read.db, "SELECT " AGENT_COLUMNS " FROM agents a WHERE a.id = ?1", err);
    r = !statement ? -EIO : sqlite_bind(statement, err, "t", id);
    r = r < 0 ? r : sqlite_read_one(&read, statement, arena, ret);
    sqlite_read_end(&read);
    return r;
}

#define AGENTS_WANTED                                                                              \
    " FROM agents a WHERE (?1 = 0 OR a.enrolment = ?1) AND (?2 = '' OR a.state = ?2)"

int sqlite_agent_list(struct store *store, const struct store_agent_filter *filter,
                      struct store_list *list, struct err *err)
{
    struct sqlite_read read = { store, &kind, err, NULL };
    struct str state = sqlite_given(filter->state);
    int r = sqlite_read_begin(&read);
    if (r < 0) {
        return r;
    }
    sqlite3_stmt *statement =
        sqlite_statement(read.db,
                         "SELECT " AGENT_COLUMNS AGENTS_WANTED
                         " AND (?3 = 0 OR a.row < ?3) ORDER BY a.row DESC LIMIT ?4",
                         err);
    r = !statement ? -EIO
                   : sqlite_bind(statement, err, "itii", filter->enrolment, state, list->after,
                                 (int64_t)list->limit);
    r = r < 0 ? r : sqlite_read_list(&read, statement, list);
    if (r == 0) {
        statement = sqlite_statement(read.db, "SELECT count(*)" AGENTS_WANTED, err);
        r = !statement ? -EIO : sqlite_bind(statement, err, "it", filter->enrolment, state);
        r = r < 0 ? r : sqlite_accounts_number(statement, &list->total, err);
    }
    sqlite_read_end(&read);
    return r;
}

static int set_state(void *data, struct sqlite3 *db, struct err *err)
{
    const struct writing *writing = data;
    int r =
        sqlite_run(db, err,
                   "UPDATE agents SET state = ?2, state_ms = ?3, instance = CASE WHEN ?2 = "
                   "'active' THEN '' ELSE instance END, before = CASE WHEN ?2 = 'active' THEN '' "
                   "ELSE before END WHERE id = ?1",
                   "tti", writing->id, writing->state, writing->audit->time_ms);
    r = r < 0 ? r : sqlite_changed(db, kind.what, err);
    return r < 0 ? r : sqlite_audit_add(db, writing->audit, err);
}

int sqlite_agent_state(struct store *store, struct str id, struct str state,
                       const struct store_audit *audit, struct err *err)
{
    struct writing writing = { .id = id, .state = state, .audit = audit };
    return SQLITE_WRITE(store, set_state, &writing, err);
}

static int set_instance(void *data, struct sqlite3 *db, struct err *err)
{
    const struct writing *writing = data;
    const struct store_agent *a = writing->agent;
    int r = sqlite_run(db, err,
                       "UPDATE agents SET instance = ?2, instance_ms = ?3, before = ?4, "
                       "seen_ms = max(seen_ms, ?3) WHERE id = ?1",
                       "ttit", a->id, a->instance, a->instance_ms, sqlite_given(a->before));
    return r < 0 ? r : sqlite_changed(db, kind.what, err);
}

int sqlite_agent_instance(struct store *store, const struct store_agent *agent, struct err *err)
{
    struct writing writing = { .agent = agent };
    return SQLITE_WRITE(store, set_instance, &writing, err);
}

static int remove_agent(void *data, struct sqlite3 *db, struct err *err)
{
    const struct writing *writing = data;
    int r = sqlite_run(db, err, "DELETE FROM credentials WHERE agent = ?1", "t", writing->id);
    r = r < 0 ? r
              : sqlite_run(db, err, "DELETE FROM agent_status WHERE agent = ?1", "t", writing->id);
    r = r < 0 ? r : sqlite_run(db, err, "DELETE FROM agents WHERE id = ?1", "t", writing->id);
    r = r < 0 ? r : sqlite_changed(db, kind.what, err);
    return r < 0 ? r : sqlite_audit_add(db, writing->audit, err);
}

int sqlite_agent_remove(struct store *store, struct str id, const struct store_audit *audit,
                        struct err *err)
{
    struct writing writing = { .id = id, .audit = audit };
    return SQLITE_WRITE(store, remove_agent, &writing, err);
}

static int end_others(struct sqlite3 *db, const struct writing *writing, struct err *err)
{
    return sqlite_run(db, err,
                      "UPDATE credentials SET until_ms = CASE WHEN until_ms = 0 THEN ?3 ELSE "
                      "min(until_ms, ?3) END WHERE agent = ?1 AND hash <> ?2",
                      "tbi", writing->credential->agent, sqlite_hash_str(writing->credential->hash),
                      writing->until_ms);
}

/* Those that are over go. Who asks for one after the other is given no more for a while. */
static int make_room(struct sqlite3 *db, const struct store_credential *credential, struct err *err)
{
    int r = sqlite_run(
        db, err, "DELETE FROM credentials WHERE agent = ?1 AND until_ms > 0 AND until_ms <= ?2",
        "ti", credential->agent, credential->created_ms);
    sqlite3_stmt *s =
        r < 0 ? NULL
              : sqlite_statement(db, "SELECT count(*) FROM credentials WHERE agent = ?1", err);
    r = r < 0 ? r : s ? sqlite_bind(s, err, "t", credential->agent) : -EIO;
    r = r < 0 ? r : sqlite_row(s, err);
    int64_t n = r > 0 ? sqlite3_column_int64(s, 0) : 0;
    if (s) {
        sqlite3_reset(s);
    }
    return r < 0                  ? r
           : n >= CREDENTIALS_MAX ? err_set(err, -EBUSY, "the agent has too many credentials")
                                  : 0;
}

static int rotate(void *data, struct sqlite3 *db, struct err *err)
{
    const struct writing *writing = data;
    int r = make_room(db, writing->credential, err);
    r = r < 0 ? r : end_others(db, writing, err);
    r = r < 0 ? r : add_credential(db, writing->credential, err);
    return r < 0 ? r : sqlite_audit_add(db, writing->audit, err);
}

int sqlite_credential_add(struct store *store, const struct store_credential *credential,
                          int64_t until_ms, const struct store_audit *audit, struct err *err)
{
    struct writing writing = { .credential = credential, .until_ms = until_ms, .audit = audit };
    return SQLITE_WRITE(store, rotate, &writing, err);
}

static int first_use(void *data, struct sqlite3 *db, struct err *err)
{
    const struct writing *writing = data;
    int r = sqlite_run(db, err, "UPDATE credentials SET used_ms = ?2 WHERE hash = ?1", "bi",
                       sqlite_hash_str(writing->credential->hash), writing->now_ms);
    return r < 0 ? r : end_others(db, writing, err);
}

int sqlite_credential_used(struct store *store, const struct store_credential *credential,
                           int64_t now_ms, int64_t until_ms, struct err *err)
{
    struct writing writing = { .credential = credential, .now_ms = now_ms, .until_ms = until_ms };
    return SQLITE_WRITE(store, first_use, &writing, err);
}
