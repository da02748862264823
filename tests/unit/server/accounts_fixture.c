/*
 * accounts_fixture: see accounts_fixture.h.
 */
#include "accounts_fixture.h"

#include "base/arena.h"
#include "base/fd.h"
#include "server/config.h"
#include "server/http_server.h"

#include <fcntl.h>
#include <json-c/json.h>
#include <unistd.h>

int64_t fixture_now_ms = INT64_C(1800000000000);

static int64_t now_ms(void)
{
    return fixture_now_ms;
}

/* On a terminal the link is printed; here it is wanted in its file. The terminal, or -1. */
static int not_a_terminal(void)
{
    int kept = isatty(STDOUT_FILENO) ? dup(STDOUT_FILENO) : -1;
    int null = kept >= 0 ? open("/dev/null", O_WRONLY | O_CLOEXEC) : -1;
    if (null >= 0) {
        fflush(stdout);
        dup2(null, STDOUT_FILENO);
        close(null);
    }
    return kept;
}

static void open_all(struct fixture *fixture)
{
    struct err err = { 0 };
    fixture->server = (struct server){ .config = fixture->config, .now_ms = now_ms };
    fixture->server.store = store_opened(&fixture->dir);
    assert_int_equal(hub_new(&fixture->server.hub), 0);
    assert_int_equal(http_new(&fixture->server, &err), 0); /* here, for many threads call at once */
    int terminal = not_a_terminal();
    int r = accounts_module.start(&fixture->server, &err);
    if (terminal >= 0) {
        dup2(terminal, STDOUT_FILENO);
        close(terminal);
    }
    if (r < 0) {
        fail_msg("%s", err.message);
    }
}

static void forget_answer(struct fixture *fixture)
{
    if (fixture->answered) {
        http_answer_done(&fixture->answer);
        fixture->answered = false;
    }
}

static void close_all(struct fixture *fixture)
{
    forget_answer(fixture);
    accounts_module.stop(&fixture->server);
    http_free(&fixture->server);
    hub_free(fixture->server.hub);
    store_close(fixture->server.store);
}

int fixture_setup(void **state)
{
    struct fixture *fixture = test_calloc(1, sizeof(*fixture));
    store_dir_make(&fixture->dir);
    fixture->config = test_calloc(1, sizeof(*fixture->config));
    *fixture->config = (struct server_config){ .listen = "127.0.0.1:8765",
                                               .dir = fixture->dir.path,
                                               .rate_per_address = 1000000,
                                               .rate_per_principal = 1000000 };
    open_all(fixture);
    *state = fixture;
    return 0;
}

int fixture_teardown(void **state)
{
    struct fixture *fixture = *state;
    close_all(fixture);
    store_dir_remove(&fixture->dir);
    test_free(fixture->config);
    test_free(fixture);
    return 0;
}

void fixture_restart(struct fixture *fixture)
{
    close_all(fixture);
    open_all(fixture);
}

int fixture_setup_admin(void **state)
{
    char path[PATH_MAX + 16], body[512];
    struct buf link;
    fixture_setup(state);
    struct fixture *fixture = *state;
    snprintf(path, sizeof(path), "%s/setup-link", fixture->dir.path);
    buf_init(&link, 1024);
    assert_int_equal(file_read(path, &link, NULL), 0);
    ptrdiff_t at = str_find_char(buf_str(&link), '#');
    assert_true(at > 0);
    struct str token = str_trim(str_from_offset(buf_str(&link), (size_t)at + 1));
    snprintf(body, sizeof(body),
             "{\"token\":\"%.*s\",\"name\":\"admin\",\"password\":\"" PASSWORD
             "\",\"cookie\":false}",
             STR_ARG(token));
    buf_done(&link);
    assert_int_equal(ASK(fixture, "POST", "/v1/setup", NULL, body), 201);
    snprintf(fixture->admin, sizeof(fixture->admin), "%s", fixture_text(fixture, "token"));
    return 0;
}

static void header(struct http_call *call, const char *name, const char *value)
{
    for (unsigned i = 0; value && i < HTTP_CALL_HEADERS_MAX; i++) {
        if (!call->headers[i].name) {
            call->headers[i] = (struct http_call_header){ name, value };
            return;
        }
    }
}

unsigned fixture_ask(struct fixture *fixture, const struct ask *ask)
{
    char bearer[256], cookie[256];
    struct http_call call = {
        .method = ask->method, .target = ask->target, .body = str_of(ask->body), .peer = ask->peer
    };
    snprintf(bearer, sizeof(bearer), "Bearer %s", ask->bearer ? ask->bearer : "");
    snprintf(cookie, sizeof(cookie), "a=b; hinomi_session=%s; c=d", ask->cookie ? ask->cookie : "");
    header(&call, "Authorization", ask->bearer ? bearer : NULL);
    header(&call, "Cookie", ask->cookie ? cookie : NULL);
    header(&call, "X-Hinomi-CSRF", ask->csrf);
    header(&call, "Hinomi-Instance", ask->instance);
    header(&call, "Sec-Fetch-Site", ask->site);
    forget_answer(fixture);
    assert_int_equal(http_call(&fixture->server, &call, &fixture->answer), 0);
    fixture->answered = true;
    return fixture->answer.status;
}

static struct json_object *member(struct fixture *fixture, const char *key)
{
    struct json_object *value = NULL;
    if (!json_object_object_get_ex(fixture->answer.json, key, &value)) {
        fail_msg("no %s in %.*s", key, STR_ARG(fixture->answer.body));
    }
    return value;
}

const char *fixture_text(struct fixture *fixture, const char *key)
{
    return json_object_get_string(member(fixture, key));
}

int64_t fixture_number(struct fixture *fixture, const char *key)
{
    return json_object_get_int64(member(fixture, key));
}

size_t fixture_items(struct fixture *fixture)
{
    return json_object_array_length(member(fixture, "items"));
}

void fixture_log_in(struct fixture *fixture, const char *name, const char *password,
                    char ret[SECRET_TEXT])
{
    char body[512];
    snprintf(body, sizeof(body), "{\"name\":\"%s\",\"password\":\"%s\",\"cookie\":false}", name,
             password);
    assert_int_equal(ASK(fixture, "POST", "/v1/session", NULL, body), 201);
    snprintf(ret, SECRET_TEXT, "%s", fixture_text(fixture, "token"));
}

void fixture_user(struct fixture *fixture, const char *name, const char *role,
                  char ret[SECRET_TEXT])
{
    char body[512];
    snprintf(body, sizeof(body), "{\"name\":\"%s\",\"role\":\"%s\",\"password\":\"" PASSWORD "\"}",
             name, role);
    assert_int_equal(ASK(fixture, "POST", "/v1/users", fixture->admin, body), 201);
    fixture_log_in(fixture, name, PASSWORD, ret);
}

void fixture_token(struct fixture *fixture, const char *session, const char *permissions,
                   char ret[SECRET_TEXT])
{
    char body[512];
    snprintf(body, sizeof(body), "{\"name\":\"a token\",\"permissions\":[%s]}", permissions);
    assert_int_equal(ASK(fixture, "POST", "/v1/tokens", session, body), 201);
    snprintf(ret, SECRET_TEXT, "%s", fixture_text(fixture, "token"));
}

size_t fixture_audit(struct fixture *fixture, const char *action)
{
    char target[128];
    snprintf(target, sizeof(target), "/v1/audit?limit=1000&action=%s", action);
    assert_int_equal(ASK(fixture, "GET", target, fixture->admin), 200);
    return fixture_items(fixture);
}

void fixture_enrolment(struct fixture *fixture, const char *members, char ret[SECRET_TEXT])
{
    char body[512];
    snprintf(body, sizeof(body), "{\"name\":\"web\"%s}", members);
    assert_int_equal(ASK(fixture, "POST", "/v1/enrolments", fixture->admin, body), 201);
    snprintf(ret, SECRET_TEXT, "%s", fixture_text(fixture, "token"));
}

void fixture_enrol(struct fixture *fixture, const char *token, const char *instance,
                   struct enrolled *ret)
{
    char body[512];
    snprintf(body, sizeof(body),
             "{\"name\":\"web-1\",\"instance\":\"%s\",\"version\":\"1\",\"kernel\":\"6.1\","
             "\"hostname\":\"h\",\"sensor\":\"notify\"}",
             instance);
    assert_int_equal(ASK(fixture, "POST", "/v1/agents", token, body), 201);
    snprintf(ret->id, sizeof(ret->id), "%s", fixture_text(fixture, "id"));
    snprintf(ret->credential, sizeof(ret->credential), "%s", fixture_text(fixture, "credential"));
}
