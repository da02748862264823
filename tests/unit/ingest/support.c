/*
 * support: see support.h. The store's files are read by SQLite itself, so that what a test sees is what is there.
 */
#include "support.h"

#include "server/bell.h"
#include "server/http_server.h"

#include <glob.h>
#include <sqlite3.h>

int64_t intake_now_ms = INT64_C(1795348800000); /* 2026-11-22T12:00:00Z */

static int64_t test_now(void)
{
    return intake_now_ms;
}

void intake_open(struct intake *intake)
{
    struct err err = { 0 };
    intake->server = (struct server){ .config = intake->server.config };
    intake->server.now_ms = test_now;
    intake->server.store = store_opened(&intake->dir);
    assert_int_equal(hub_new(&intake->server.hub), 0);
    if (ingest_module.start(&intake->server, &err) < 0) {
        fail_msg("%s", err.message);
    }
}

void intake_close(struct intake *intake)
{
    ingest_module.stop(&intake->server);
    http_free(&intake->server);
    store_close(intake->server.store);
    hub_free(intake->server.hub);
}

int intake_setup(void **state)
{
    struct intake *intake = calloc(1, sizeof(*intake));
    assert_non_null(intake);
    intake_now_ms = INT64_C(1795348800000);
    store_dir_make(&intake->dir);
    intake_open(intake);
    *state = intake;
    return 0;
}

int intake_teardown(void **state)
{
    struct intake *intake = *state;
    intake_close(intake);
    store_dir_remove(&intake->dir);
    free(intake);
    return 0;
}

static const char *either(const char *a, const char *b)
{
    return a ? a : b;
}

static void put_process(struct jsonw *w, const char *name, const char *exe)
{
    jsonw_object(w, NULL);
    jsonw_strz(w, "name", name);
    jsonw_strz(w, "exe", exe);
    jsonw_strz(w, "args", "-c x");
    jsonw_i64(w, "pid", 42);
    jsonw_i64(w, "uid", 0);
    jsonw_end(w);
}

void put_made(struct buf *buf, const struct made *m)
{
    struct jsonw w = { .buf = buf };
    char id[128];
    snprintf(id, sizeof(id), "%s:b007:%lld", either(m->agent, AGENT), (long long)m->seq);
    jsonw_object(&w, NULL);
    jsonw_strz(&w, "hostname", "box");
    jsonw_strz(&w, "output", "12:00:00.000000000: something happened");
    jsonw_raw(&w, "output_fields", str_of(either(m->output_fields, "{\"fd.name\":\"/kinsing\"}")));
    jsonw_strz(&w, "priority", either(m->priority, "Critical"));
    jsonw_strz(&w, "rule", either(m->rule, "Malicious filenames written"));
    jsonw_strz(&w, "source", "syscall");
    jsonw_raw(&w, "tags", str_of(either(m->tags, "[\"filesystem\"]")));
    jsonw_i64(&w, "time", m->time_ms ? m->time_ms : intake_now_ms);
    jsonw_object(&w, "hinomi");
    jsonw_strz(&w, "id", id);
    jsonw_strz(&w, "policy", "Runtime Threat Intelligence");
    jsonw_strz(&w, "type", m->type);
    jsonw_array(&w, "lineage");
    put_process(&w, "touch", either(m->exe, "/bin/touch"));
    put_process(&w, "sh", "/bin/sh");
    jsonw_end(&w);
    jsonw_object(&w, "container");
    jsonw_strz(&w, "id", either(m->container, "0123456789ab"));
    jsonw_strz(&w, "name", "web");
    jsonw_end(&w);
    jsonw_end(&w);
    jsonw_end(&w);
}

void put_line(struct buf *buf, int64_t n, const struct made *made)
{
    buf_printf(buf, "{\"n\":%lld,\"alert\":", (long long)n);
    put_made(buf, made);
    buf_puts(buf, STR("}\n"));
}

static struct sent read_answer(struct http_answer *answer)
{
    struct sent sent = { .status = answer->status, .number = -1 };
    static const char *const names[] = { "ack", "expect", "record", "accepted" };
    struct json_object *value;
    for (size_t i = 0; answer->json && i < ARRAY_SIZE(names); i++) {
        if (json_object_object_get_ex(answer->json, names[i], &value)) {
            sent.number = json_object_get_int64(value);
        }
    }
    if (answer->json && json_object_object_get_ex(answer->json, "code", &value)) {
        snprintf(sent.code, sizeof(sent.code), "%s", json_object_get_string(value));
    }
    http_answer_done(answer);
    return sent;
}

static struct sent send_as(struct intake *intake, const char *agent, struct http_call *http)
{
    char target[128];
    struct http_answer answer;
    struct principal who = { .kind = PRINCIPAL_AGENT, .name = str_of(agent), .may = MAY_AGENT };
    snprintf(target, sizeof(target), "/v1/agents/%s/batches", agent);
    http->method = "POST";
    http->target = target;
    http->principal = &who;
    assert_int_equal(http_call(&intake->server, http, &answer), 0);
    return read_answer(&answer);
}

struct sent send_batch(struct intake *intake, const char *agent, const char *spool, int64_t first,
                       struct str body)
{
    char number[32];
    snprintf(number, sizeof(number), "%lld", (long long)first);
    struct http_call http = { .headers = { { "Content-Type", "application/x-ndjson" },
                                           { "Hinomi-Spool", spool },
                                           { "Hinomi-First", number } },
                              .body = body };
    return send_as(intake, agent, &http);
}

struct sent send_packed(struct intake *intake, int64_t first, struct str packed)
{
    char number[32];
    snprintf(number, sizeof(number), "%lld", (long long)first);
    struct http_call http = { .headers = { { "Content-Type", "application/x-ndjson" },
                                           { "Content-Encoding", "zstd" },
                                           { "Hinomi-Spool", SPOOL },
                                           { "Hinomi-First", number } },
                              .body = packed };
    return send_as(intake, AGENT, &http);
}

struct http_answer call(struct intake *intake, const char *method, const char *target,
                        struct str body)
{
    struct http_answer answer;
    struct principal who = { .kind = PRINCIPAL_USER,
                             .name = STR("tester"),
                             .may = MAY_READ | MAY_SEND_FALCO };
    struct principal agent = { .kind = PRINCIPAL_AGENT, .name = STR(AGENT), .may = MAY_AGENT };
    struct http_call http = { .method = method,
                              .target = target,
                              .body = body,
                              .principal = strstr(target, AGENT "/") ? &agent : &who };
    assert_int_equal(http_call(&intake->server, &http, &answer), 0);
    return answer;
}

static sqlite3_stmt *query(struct sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK) {
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    }
    return statement;
}

static int64_t number_in(const char *path, const char *sql)
{
    struct sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    sqlite3_stmt *statement = query(db, sql);
    int64_t number =
        sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int64(statement, 0) : -1;
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return number;
}

int64_t count_of(struct intake *intake, const char *sql)
{
    char path[PATH_MAX + 32];
    snprintf(path, sizeof(path), "%s/hinomi.db", intake->dir.path);
    return number_in(path, sql);
}

int64_t count_in_days(struct intake *intake, const char *sql)
{
    char pattern[PATH_MAX + 32];
    glob_t found;
    int64_t sum = 0;
    snprintf(pattern, sizeof(pattern), "%s/day-*.db", intake->dir.path);
    if (glob(pattern, 0, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++) {
            sum += number_in(found.gl_pathv[i], sql);
        }
        globfree(&found);
    }
    return sum;
}

const char *text_of(struct intake *intake, const char *sql)
{
    static char text[8192];
    char path[PATH_MAX + 32];
    struct sqlite3 *db = NULL;
    snprintf(path, sizeof(path), "%s/hinomi.db", intake->dir.path);
    assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
    sqlite3_stmt *statement = query(db, sql);
    text[0] = '\0';
    if (sqlite3_step(statement) == SQLITE_ROW && sqlite3_column_text(statement, 0)) {
        snprintf(text, sizeof(text), "%s", (const char *)sqlite3_column_text(statement, 0));
    }
    sqlite3_finalize(statement);
    sqlite3_close(db);
    return text;
}
