/*
 * People: set-up, logging in and out, sessions, roles, tokens, and what the audit log tells of it.
 */
#include "accounts_fixture.h"

#include "server/accounts_internal.h"

#include <sys/stat.h>
#include <unistd.h>

#define HOUR_MS INT64_C(3600000)

static void setup_is_for_one(void **state)
{
    struct fixture *f = *state;
    struct stat st;
    char path[PATH_MAX + 16], body[512], link[128] = "";
    snprintf(path, sizeof(path), "%s/setup-link", f->dir.path);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    FILE *file = fopen(path, "re");
    assert_non_null(file);
    assert_non_null(fgets(link, sizeof(link), file));
    fclose(file);
    link[strcspn(link, "\n")] = '\0';
    assert_int_equal(strncmp(link, "http://127.0.0.1:8765/setup#hu_", 31), 0);
    snprintf(body, sizeof(body),
             "{\"token\":\"%s\",\"name\":\"root\",\"password\":\"" PASSWORD "\"}",
             strchr(link, '#') + 1);
    assert_int_equal(ASK(f, "GET", "/v1/users"), 401);
    fixture_now_ms += 25 * HOUR_MS;
    assert_int_equal(ASK(f, "POST", "/v1/setup", NULL, body), 403);
    fixture_now_ms -= 25 * HOUR_MS;
    assert_int_equal(ASK(f, "POST", "/v1/setup", NULL,
                         "{\"token\":\"hu_\",\"name\":\"root\",\"password\":\"" PASSWORD "\"}"),
                     403);
    assert_int_equal(ASK(f, "POST", "/v1/setup", NULL, body), 201);
    assert_int_equal(stat(path, &st), -1);
    assert_int_equal(ASK(f, "POST", "/v1/setup", NULL, body), 403);
    assert_int_equal(ASK(f, "GET", "/v1/setup"), 200);
    assert_string_equal(fixture_text(f, "open"), "false");
    fixture_restart(f);
    assert_int_equal(stat(path, &st), -1);
}

static void setup_once_more(void **state)
{
    struct fixture *f = *state;
    char path[PATH_MAX + 16], link[256] = "", body[512];
    snprintf(path, sizeof(path), "%s/new-admin", f->dir.path);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    fclose(file);
    fixture_restart(f);
    assert_int_equal(access(path, F_OK), -1);
    snprintf(path, sizeof(path), "%s/setup-link", f->dir.path);
    file = fopen(path, "re");
    assert_non_null(file);
    assert_non_null(fgets(link, sizeof(link), file));
    fclose(file);
    link[strcspn(link, "\n")] = '\0';
    snprintf(body, sizeof(body),
             "{\"token\":\"%s\",\"name\":\"ADMIN\",\"password\":\"" PASSWORD "\"}",
             strchr(link, '#') + 1);
    assert_int_equal(ASK(f, "POST", "/v1/setup", NULL, body), 409);
    snprintf(body, sizeof(body),
             "{\"token\":\"%s\",\"name\":\"second\",\"password\":\"" PASSWORD "\"}",
             strchr(link, '#') + 1);
    assert_int_equal(ASK(f, "POST", "/v1/setup", NULL, body), 201);
    assert_int_equal(ASK(f, "POST", "/v1/setup", NULL, body), 403);
    fixture_restart(f);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(fixture_audit(f, "setup"), 3);
}

static void setup_wants_a_password(void **state)
{
    struct fixture *f = *state;
    struct secret secret;
    char body[512];
    secret_make("hu_", &secret);
    memcpy(f->server.accounts->setup_hash, secret.hash, SECRET_HASH);
    snprintf(body, sizeof(body), "{\"token\":\"%s\",\"name\":\"root\",\"password\":\"short\"}",
             secret.text);
    assert_int_equal(ASK(f, "POST", "/v1/setup", NULL, body), 422);
    assert_int_equal(ASK(f, "GET", "/v1/setup"), 200);
    assert_string_equal(fixture_text(f, "open"), "true");
}

static void nobody_learns_who_exists(void **state)
{
    struct fixture *f = *state;
    char disabled[SECRET_TEXT], text[3][1024];
    fixture_user(f, "bob", "viewer", disabled);
    assert_int_equal(ASK(f, "PATCH", "/v1/users/bob", f->admin, "{\"disabled\":true}"), 200);
    const char *bodies[] = {
        "{\"name\":\"admin\",\"password\":\"not the password\"}",
        "{\"name\":\"nobody\",\"password\":\"not the password\"}",
        "{\"name\":\"bob\",\"password\":\"" PASSWORD "\"}",
    };
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(ASK(f, "POST", "/v1/session", NULL, bodies[i]), 401);
        /* But for the request's number the same. */
        struct str body = f->answer.body;
        ptrdiff_t id = str_find(body, STR("\"request\""));
        snprintf(text[i], sizeof(text[i]), "%.*s", (int)(id < 0 ? (ptrdiff_t)body.n : id), body.p);
        assert_string_equal(text[i], text[0]);
    }
}

static void log_ins_are_slowed_down(void **state)
{
    struct fixture *f = *state;
    const struct ask wrong = { "POST", "/v1/session", NULL,
                               "{\"name\":\"admin\",\"password\":\"wrong wrong wrong\"}",
                               "192.0.2.1" };
    const struct ask right = { "POST", "/v1/session", NULL,
                               "{\"name\":\"ADMIN\",\"password\":\"" PASSWORD "\"}", "192.0.2.1" };
    for (int i = 0; i < 5; i++) {
        assert_int_equal(fixture_ask(f, &wrong), 401);
    }
    assert_int_equal(fixture_ask(f, &right), 429);
    assert_str(http_answer_header(&f->answer, "Retry-After"), "1");
    fixture_now_ms += 1000;
    assert_int_equal(fixture_ask(f, &wrong), 401);
    fixture_now_ms += 1000;
    assert_int_equal(fixture_ask(f, &right), 429);
    /* From elsewhere the name waits too, but not where its owner logged in before. */
    struct ask elsewhere = right;
    elsewhere.peer = "198.51.100.7";
    assert_int_equal(fixture_ask(f, &elsewhere), 429);
    fixture_now_ms += 60000;
    assert_int_equal(fixture_ask(f, &elsewhere), 201);
    for (int i = 0; i < 6; i++) {
        fixture_ask(f, &wrong);
    }
    assert_int_equal(fixture_ask(f, &right), 429);
    assert_int_equal(fixture_ask(f, &elsewhere), 201);
    assert_true(fixture_audit(f, "session.throttle") >= 1);
}

static void addresses_are_slowed_down(void **state)
{
    struct fixture *f = *state;
    char body[128];
    unsigned status = 0;
    for (int i = 0; i < 21; i++) {
        snprintf(body, sizeof(body), "{\"name\":\"user%d\",\"password\":\"wrong wrong wrong\"}", i);
        status = ASK(f, "POST", "/v1/session", NULL, body, "192.0.2.1");
    }
    assert_int_equal(status, 429);
    assert_int_equal(ASK(f, "POST", "/v1/session", NULL, body, "192.0.2.2"), 401);
}

static void refusals_do_not_fill_the_log(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 100; i++) {
        assert_int_equal(ASK(f, "POST", "/v1/setup", NULL,
                             "{\"token\":\"x\",\"name\":\"a\",\"password\":\"b\"}"),
                         403);
    }
    assert_int_equal(fixture_audit(f, "setup"), AUDIT_SAME_MAX + 1);
    fixture_now_ms += 61000;
    audit_tick(&f->server);
    assert_int_equal(fixture_audit(f, "audit.suppressed"), 1);
    assert_non_null(strstr(f->answer.body.p, "\"left_out\":90"));
}

static void own_doings_do_not_fill_the_log(void **state)
{
    struct fixture *f = *state;
    char viewer[SECRET_TEXT], token[SECRET_TEXT];
    fixture_user(f, "eve", "viewer", viewer);
    for (int i = 0; i < 100; i++) {
        assert_int_equal(ASK(f, "PATCH", "/v1/me", viewer, "{\"theme\":\"dark\"}"), 200);
    }
    size_t changes = fixture_audit(f, "user.change");
    assert_true(changes >= AUDIT_OWN_MAX && changes <= AUDIT_OWN_MAX + 1);
    assert_int_equal(fixture_audit(f, "audit.suppressed"), 1);
    assert_non_null(strstr(f->answer.body.p, "\"actor\":\"eve\""));
    assert_non_null(strstr(f->answer.body.p, "action:user.change"));
    /* What others do is written all the same. */
    fixture_token(f, f->admin, "\"read\"", token);
    assert_int_equal(fixture_audit(f, "token.create"), 1);
    fixture_now_ms += 61000;
    audit_tick(&f->server);
    assert_int_equal(fixture_audit(f, "audit.suppressed"), 2);
    assert_non_null(strstr(f->answer.body.p, "\"left_out\":90"));
    assert_int_equal(ASK(f, "PATCH", "/v1/me", viewer, "{\"theme\":\"dark\"}"), 200);
    assert_int_equal(fixture_audit(f, "user.change"), changes + 1);
}

static void tokens_are_so_many(void **state)
{
    struct fixture *f = *state;
    char token[SECRET_TEXT];
    for (int i = 0; i < STORE_USER_TOKENS_MAX; i++) {
        fixture_token(f, f->admin, "\"read\"", token);
    }
    assert_int_equal(fixture_audit(f, "token.create"), AUDIT_OWN_MAX);
    assert_int_equal(
        ASK(f, "POST", "/v1/tokens", f->admin, "{\"name\":\"t\",\"permissions\":[\"read\"]}"), 409);
}

static void sessions_end(void **state)
{
    struct fixture *f = *state;
    char session[SECRET_TEXT];
    fixture_log_in(f, "admin", PASSWORD, session);
    assert_int_equal(ASK(f, "GET", "/v1/me", session), 200);
    fixture_now_ms += 11 * HOUR_MS;
    assert_int_equal(ASK(f, "GET", "/v1/me", session), 200);
    fixture_now_ms += 12 * HOUR_MS + 1;
    assert_int_equal(ASK(f, "GET", "/v1/me", session), 401);
    fixture_log_in(f, "admin", PASSWORD, session);
    for (int i = 0; i < 16; i++) {
        assert_int_equal(ASK(f, "GET", "/v1/me", session), 200);
        fixture_now_ms += 10 * HOUR_MS;
    }
    assert_int_equal(ASK(f, "GET", "/v1/me", session), 200);
    fixture_now_ms += 9 * HOUR_MS;
    assert_int_equal(ASK(f, "GET", "/v1/me", session), 401);
    accounts_module.tick(&f->server);
    fixture_restart(f);
    assert_int_equal(ASK(f, "GET", "/v1/me", session), 401);
}

static void use_is_noted(void **state)
{
    struct fixture *f = *state;
    fixture_now_ms += 11 * HOUR_MS;
    assert_int_equal(ASK(f, "GET", "/v1/me", f->admin), 200);
    fixture_restart(f);
    fixture_now_ms += 11 * HOUR_MS;
    assert_int_equal(ASK(f, "GET", "/v1/me", f->admin), 200);
}

static void log_out(void **state)
{
    struct fixture *f = *state;
    char other[SECRET_TEXT];
    fixture_log_in(f, "admin", PASSWORD, other);
    uint64_t generation = accounts_generation(&f->server);
    assert_int_equal(ASK(f, "DELETE", "/v1/session", other), 204);
    assert_true(accounts_generation(&f->server) > generation);
    assert_int_equal(ASK(f, "GET", "/v1/me", other), 401);
    assert_int_equal(ASK(f, "GET", "/v1/me", f->admin), 200);
}

static void sessions_are_ones_own(void **state)
{
    struct fixture *f = *state;
    char bob[SECRET_TEXT], second[SECRET_TEXT], target[64];
    fixture_user(f, "bob", "viewer", bob);
    fixture_log_in(f, "bob", PASSWORD, second);
    assert_int_equal(ASK(f, "GET", "/v1/session", f->admin), 200);
    snprintf(target, sizeof(target), "/v1/sessions/%d", (int)fixture_number(f, "id"));
    assert_int_equal(ASK(f, "DELETE", target, bob), 404);
    assert_int_equal(ASK(f, "DELETE", "/v1/sessions/0", bob), 404);
    assert_int_equal(ASK(f, "GET", "/v1/me", f->admin), 200);
    assert_int_equal(ASK(f, "GET", "/v1/sessions", bob), 200);
    assert_int_equal(fixture_items(f), 2);
    assert_null(strstr(f->answer.body.p, "hs_"));
    assert_int_equal(ASK(f, "GET", "/v1/session", second), 200);
    snprintf(target, sizeof(target), "/v1/sessions/%d", (int)fixture_number(f, "id"));
    assert_int_equal(ASK(f, "DELETE", target, bob), 204);
    assert_int_equal(ASK(f, "GET", "/v1/me", second), 401);
    assert_int_equal(ASK(f, "DELETE", "/v1/users/bob/sessions", f->admin), 204);
    assert_int_equal(ASK(f, "GET", "/v1/me", bob), 401);
}

static void sessions_are_bounded(void **state)
{
    struct fixture *f = *state;
    struct err err = { 0 };
    struct store_session session = { .user = 1, .created_ms = 1, .seen_ms = 1 };
    for (unsigned i = 0; i < STORE_USER_SESSIONS_MAX; i++) {
        struct secret secret;
        secret_make("hs_", &secret);
        session.hash = secret.hash;
        assert_int_equal(
            f->server.store->accounts->session_add(f->server.store, &session, NULL, &err), 0);
    }
    assert_int_equal(ASK(f, "GET", "/v1/me", f->admin), 401);
}

static void cookies_want_the_csrf_token(void **state)
{
    struct fixture *f = *state;
    char csrf[SECRET_TEXT], second[SECRET_TEXT];
    assert_int_equal(ASK(f, "GET", "/v1/session", f->admin), 200);
    snprintf(csrf, sizeof(csrf), "%s", fixture_text(f, "csrf"));
    struct ask ask = {
        .method = "PATCH", .target = "/v1/me", .cookie = f->admin, .body = "{\"theme\":\"dark\"}"
    };
    assert_int_equal(fixture_ask(f, &ask), 403);
    ask.csrf = "wrong";
    assert_int_equal(fixture_ask(f, &ask), 403);
    fixture_log_in(f, "admin", PASSWORD, second);
    assert_int_equal(ASK(f, "GET", "/v1/session", second), 200);
    char others[SECRET_TEXT];
    snprintf(others, sizeof(others), "%s", fixture_text(f, "csrf"));
    ask.csrf = others;
    assert_int_equal(fixture_ask(f, &ask), 403);
    ask.csrf = csrf;
    assert_int_equal(fixture_ask(f, &ask), 200);
    assert_string_equal(fixture_text(f, "theme"), "dark");
    ask.site = "cross-site";
    assert_int_equal(fixture_ask(f, &ask), 403);
    ask = (struct ask){ .method = "GET", .target = "/v1/me", .cookie = f->admin };
    assert_int_equal(fixture_ask(f, &ask), 200);
    /* A cookie takes only sessions. */
    char token[SECRET_TEXT];
    fixture_token(f, f->admin, "\"read\"", token);
    ask.cookie = token;
    assert_int_equal(fixture_ask(f, &ask), 401);
}

static void cookies_are_shut_in(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(ASK(f, "POST", "/v1/session", NULL,
                         "{\"name\":\"admin\",\"password\":\"" PASSWORD "\"}", .cookie = f->admin),
                     201);
    struct str cookie = http_answer_header(&f->answer, "Set-Cookie");
    assert_true(str_starts(cookie, STR("hinomi_session=hs_")));
    assert_true(str_find(cookie, STR("; HttpOnly; SameSite=Strict")) > 0);
    assert_true(str_find(cookie, str_of(f->admin)) < 0);
    assert_null(strstr(f->answer.body.p, "hs_"));
}

static void a_new_password_ends_sessions(void **state)
{
    struct fixture *f = *state;
    char other[SECRET_TEXT], fresh[SECRET_TEXT];
    fixture_log_in(f, "admin", PASSWORD, other);
    assert_int_equal(
        ASK(f, "PATCH", "/v1/me", f->admin,
            "{\"password\":{\"current\":\"wrong wrong wrong\",\"new\":\"a new password "
            "it is\"}}"),
        403);
    assert_int_equal(ASK(f, "PATCH", "/v1/me", f->admin,
                         "{\"password\":{\"current\":\"" PASSWORD "\",\"new\":\"short\"}}"),
                     422);
    assert_int_equal(ASK(f, "PATCH", "/v1/me", f->admin,
                         "{\"password\":{\"current\":\"" PASSWORD
                         "\",\"new\":\"a new password it is\"}}"),
                     201);
    snprintf(fresh, sizeof(fresh), "%s", fixture_text(f, "token"));
    assert_int_equal(ASK(f, "GET", "/v1/me", f->admin), 401);
    assert_int_equal(ASK(f, "GET", "/v1/me", other), 401);
    assert_int_equal(ASK(f, "GET", "/v1/me", fresh), 200);
    assert_int_equal(
        ASK(f, "POST", "/v1/session", NULL, "{\"name\":\"admin\",\"password\":\"" PASSWORD "\"}"),
        401);
    fixture_log_in(f, "admin", "a new password it is", other);
}

static void settings_are_checked(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(ASK(f, "PATCH", "/v1/me", f->admin,
                         "{\"language\":\"ja\",\"theme\":\"auto\",\"time_zone\":\"Asia/Tokyo\","
                         "\"display_name\":\"火の見\"}"),
                     200);
    assert_string_equal(fixture_text(f, "display_name"), "火の見");
    const char *bad[] = { "{\"language\":\"tlh\"}",
                          "{\"theme\":\"<script>\"}",
                          "{\"time_zone\":\"a b\"}",
                          "{\"display_name\":\"a\\u202eb\"}",
                          "{\"role\":\"admin\"}",
                          "{\"password\":\"" PASSWORD "\"}",
                          "{\"password\":{\"new\":\"" PASSWORD "\"}}" };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_int_equal(ASK(f, "PATCH", "/v1/me", f->admin, bad[i]), 422);
    }
}

static void nobody_raises_itself(void **state)
{
    struct fixture *f = *state;
    char bob[SECRET_TEXT];
    fixture_user(f, "bob", "analyst", bob);
    assert_int_equal(ASK(f, "PATCH", "/v1/users/bob", bob, "{\"role\":\"admin\"}"), 403);
    assert_int_equal(ASK(f, "POST", "/v1/users", bob,
                         "{\"name\":\"x\",\"role\":\"admin\",\"password\":\"" PASSWORD "\"}"),
                     403);
    assert_int_equal(
        ASK(f, "POST", "/v1/tokens", bob, "{\"name\":\"t\",\"permissions\":[\"read\",\"admin\"]}"),
        403);
    assert_int_equal(ASK(f, "GET", "/v1/users", bob), 200);
    assert_null(strstr(f->answer.body.p, "\"role\""));
    assert_int_equal(ASK(f, "PATCH", "/v1/users/admin", f->admin, "{\"role\":\"viewer\"}"), 403);
}

static void the_last_admin_stays(void **state)
{
    struct fixture *f = *state;
    char second[SECRET_TEXT];
    assert_int_equal(ASK(f, "DELETE", "/v1/users/admin", f->admin), 409);
    fixture_user(f, "second", "admin", second);
    assert_int_equal(ASK(f, "PATCH", "/v1/users/second", f->admin, "{\"disabled\":true}"), 200);
    assert_int_equal(ASK(f, "DELETE", "/v1/users/ADMIN", f->admin), 409);
    assert_int_equal(ASK(f, "PATCH", "/v1/users/second", f->admin, "{\"disabled\":false}"), 200);
    assert_int_equal(ASK(f, "GET", "/v1/me", second), 401);
    assert_int_equal(ASK(f, "DELETE", "/v1/users/admin", f->admin), 204);
    assert_int_equal(ASK(f, "GET", "/v1/me", f->admin), 401);
}

static void a_new_role_counts_at_once(void **state)
{
    struct fixture *f = *state;
    char bob[SECRET_TEXT], token[SECRET_TEXT];
    fixture_user(f, "bob", "admin", bob);
    fixture_token(f, bob, "\"read\",\"admin\"", token);
    assert_int_equal(ASK(f, "GET", "/v1/audit", token), 200);
    assert_int_equal(ASK(f, "PATCH", "/v1/users/bob", f->admin, "{\"role\":\"viewer\"}"), 200);
    assert_int_equal(ASK(f, "GET", "/v1/me", bob), 401);
    assert_int_equal(ASK(f, "GET", "/v1/audit", token), 403);
    assert_int_equal(ASK(f, "GET", "/v1/me", token), 200);
    assert_int_equal(ASK(f, "PATCH", "/v1/users/bob", f->admin, "{\"disabled\":true}"), 200);
    assert_int_equal(ASK(f, "GET", "/v1/me", token), 401);
    assert_int_equal(ASK(f, "DELETE", "/v1/users/bob", f->admin), 204);
    assert_int_equal(ASK(f, "GET", "/v1/me", token), 401);
}

static void tokens_are_narrow(void **state)
{
    struct fixture *f = *state;
    char token[SECRET_TEXT], target[64];
    fixture_token(f, f->admin, "\"read\"", token);
    int id = (int)fixture_number(f, "id");
    assert_int_equal(ASK(f, "GET", "/v1/agents", token), 200);
    assert_int_equal(ASK(f, "GET", "/v1/audit", token), 403);
    assert_int_equal(
        ASK(f, "POST", "/v1/tokens", token, "{\"name\":\"t\",\"permissions\":[\"read\"]}"), 403);
    assert_int_equal(ASK(f, "GET", "/v1/tokens", token), 403);
    assert_int_equal(ASK(f, "PATCH", "/v1/me", token, "{\"theme\":\"dark\"}"), 403);
    assert_int_equal(ASK(f, "DELETE", "/v1/session", token), 403);
    assert_int_equal(ASK(f, "GET", "/v1/tokens", f->admin), 200);
    assert_null(strstr(f->answer.body.p, "ht_"));
    snprintf(target, sizeof(target), "/v1/tokens/%d", id);
    char bob[SECRET_TEXT];
    fixture_user(f, "bob", "analyst", bob);
    assert_int_equal(ASK(f, "DELETE", target, bob), 404);
    assert_int_equal(ASK(f, "GET", "/v1/agents", token), 200);
    assert_int_equal(ASK(f, "DELETE", target, f->admin), 204);
    assert_int_equal(ASK(f, "GET", "/v1/agents", token), 401);
    assert_int_equal(ASK(f, "DELETE", target, f->admin), 404);
}

static void tokens_expire(void **state)
{
    struct fixture *f = *state;
    char body[256], token[SECRET_TEXT];
    snprintf(body, sizeof(body), "{\"name\":\"t\",\"permissions\":[\"falco\"],\"expires_ms\":%lld}",
             (long long)(fixture_now_ms + HOUR_MS));
    assert_int_equal(ASK(f, "POST", "/v1/tokens", f->admin, body), 201);
    snprintf(token, sizeof(token), "%s", fixture_text(f, "token"));
    assert_int_equal(ASK(f, "GET", "/v1/agents", token), 403);
    assert_int_equal(ASK(f, "GET", "/v1/me", token), 403);
    fixture_now_ms += HOUR_MS;
    assert_int_equal(ASK(f, "GET", "/v1/agents", token), 401);
    assert_int_equal(ASK(f, "POST", "/v1/tokens", f->admin,
                         "{\"name\":\"t\",\"permissions\":[\"read\"],\"expires_ms\":5}"),
                     422);
    assert_int_equal(ASK(f, "POST", "/v1/tokens", f->admin, "{\"name\":\"t\",\"permissions\":[]}"),
                     422);
    assert_int_equal(
        ASK(f, "POST", "/v1/tokens", f->admin, "{\"name\":\"t\",\"permissions\":[\"agent\"]}"),
        422);
}

static void the_audit_log_keeps_no_secrets(void **state)
{
    struct fixture *f = *state;
    char bob[SECRET_TEXT], token[SECRET_TEXT];
    fixture_user(f, "bob", "viewer", bob);
    fixture_token(f, f->admin, "\"read\"", token);
    ASK(f, "POST", "/v1/session", NULL, "{\"name\":\"my-secret-pass\",\"password\":\"x\"}");
    assert_int_equal(ASK(f, "GET", "/v1/audit/export", f->admin), 200);
    const char *log = f->answer.body.p;
    const char *never[] = { "hs_", "ht_", "hu_", PASSWORD, "secret-pass", "argon2" };
    for (size_t i = 0; i < ARRAY_SIZE(never); i++) {
        assert_null(strstr(log, never[i]));
    }
    const char *always[] = { "\"setup\"",      "user.create",  "token.create",
                             "session.create", "\"user:bob\"", "127.0.0.1" };
    for (size_t i = 0; i < ARRAY_SIZE(always); i++) {
        assert_non_null(strstr(log, always[i]));
    }
}

static void csv_has_no_formulas(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(ASK(f, "POST", "/v1/tokens", f->admin,
                         "{\"name\":\"=1+2\\\",x\",\"permissions\":[\"read\"]}"),
                     201);
    struct store_audit audit = { .time_ms = 1,
                                 .kind = STR("agent"),
                                 .actor = STR("=cmd|' /C calc'!A0"),
                                 .action = STR("x"),
                                 .result = STR("ok") };
    audit_write(&f->server, &audit);
    assert_int_equal(ASK(f, "GET", "/v1/audit/export?format=csv", f->admin), 200);
    assert_non_null(strstr(f->answer.body.p, "\"token:=1+2\"\",x\""));
    assert_non_null(strstr(f->answer.body.p, ",\"'=cmd|' /C calc'!A0\","));
    assert_int_equal(ASK(f, "GET", "/v1/audit/export?format=xls", f->admin), 400);
}

static void the_audit_log_has_pages(void **state)
{
    struct fixture *f = *state;
    for (int i = 0; i < 7; i++) {
        struct store_audit audit = { .time_ms = 100 + i,
                                     .kind = STR("server"),
                                     .action = STR("test.page"),
                                     .result = STR("ok") };
        audit_write(&f->server, &audit);
    }
    char target[128] = "/v1/audit?action=test&limit=3";
    size_t total = 0;
    int64_t last = INT64_MAX;
    for (int page = 0; page < 4; page++) {
        assert_int_equal(ASK(f, "GET", target, f->admin), 200);
        struct json_object *items = json_object_object_get(f->answer.json, "items");
        for (size_t i = 0; i < json_object_array_length(items); i++, total++) {
            struct json_object *item = json_object_array_get_idx(items, i);
            int64_t id = json_object_get_int64(json_object_object_get(item, "id"));
            assert_true(id < last);
            last = id;
        }
        const char *next = fixture_text(f, "next");
        if (!next) {
            break;
        }
        snprintf(target, sizeof(target), "/v1/audit?action=test&limit=3&cursor=%s", next);
    }
    assert_int_equal(total, 7);
    assert_int_equal(ASK(f, "GET", "/v1/audit?action=test&from_ms=103&to_ms=105", f->admin), 200);
    assert_int_equal(fixture_items(f), 2);
    assert_int_equal(ASK(f, "GET", "/v1/audit?action=tes", f->admin), 200);
    assert_int_equal(fixture_items(f), 0);
}

static void bad_credentials(void **state)
{
    struct fixture *f = *state;
    char almost[SECRET_TEXT];
    snprintf(almost, sizeof(almost), "%s", f->admin);
    almost[SECRET_LENGTH - 2] ^= 1;
    const char *bad[] = { "",
                          "hs_",
                          almost,
                          "hx_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                          "ha_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
                          "he_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_int_equal(ASK(f, "GET", "/v1/me", bad[i]), 401);
    }
    assert_int_equal(ASK(f, "GET", "/v1/me"), 401);
    /* A header that is wrong is not made good by the cookie. */
    assert_int_equal(ASK(f, "GET", "/v1/me", "hs_", .cookie = f->admin), 401);
}

#define TEST(name)  cmocka_unit_test_setup_teardown(name, fixture_setup_admin, fixture_teardown)
#define FRESH(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FRESH(setup_is_for_one),
        FRESH(setup_wants_a_password),
        TEST(setup_once_more),
        TEST(nobody_learns_who_exists),
        TEST(log_ins_are_slowed_down),
        TEST(addresses_are_slowed_down),
        TEST(refusals_do_not_fill_the_log),
        TEST(own_doings_do_not_fill_the_log),
        TEST(tokens_are_so_many),
        TEST(sessions_end),
        TEST(use_is_noted),
        TEST(log_out),
        TEST(sessions_are_ones_own),
        TEST(sessions_are_bounded),
        TEST(cookies_want_the_csrf_token),
        TEST(cookies_are_shut_in),
        TEST(a_new_password_ends_sessions),
        TEST(settings_are_checked),
        TEST(nobody_raises_itself),
        TEST(the_last_admin_stays),
        TEST(a_new_role_counts_at_once),
        TEST(tokens_are_narrow),
        TEST(tokens_expire),
        TEST(the_audit_log_keeps_no_secrets),
        TEST(csv_has_no_formulas),
        TEST(the_audit_log_has_pages),
        TEST(bad_credentials),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
