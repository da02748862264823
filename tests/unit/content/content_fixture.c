/*
 * A server of the content alone for tests.
 */
#include "content_fixture.h"

#include "base/fd.h"
#include "server/config.h"
#include "server/http_server.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

int64_t fixture_now_ms = 1700000000000;

static int64_t now(void)
{
    return fixture_now_ms;
}

void fixture_write(struct fixture *fixture, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof(path), "%s/%s", fixture->content, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(fd_write_all(fd, text, strlen(text)), 0);
    close(fd);
}

int fixture_start(struct fixture *fixture, struct err *err)
{
    const struct store_options options = { .dir = fixture->dir };
    fixture->server = (struct server){ .config = fixture->config, .now_ms = now };
    int r = store_open_sqlite(&options, &fixture->server.store, err);
    r = r == 0 ? hub_new(&fixture->server.hub) : r;
    return r == 0 ? content_module.start(&fixture->server, err) : r;
}

static void forget_answer(struct fixture *fixture)
{
    if (fixture->answered) {
        http_answer_done(&fixture->answer);
        fixture->answered = false;
    }
}

void fixture_stop(struct fixture *fixture)
{
    forget_answer(fixture);
    http_free(&fixture->server);
    content_module.stop(&fixture->server);
    hub_free(fixture->server.hub);
    store_close(fixture->server.store);
}

void fixture_restart(struct fixture *fixture)
{
    struct err err = { 0 };
    fixture_stop(fixture);
    if (fixture_start(fixture, &err) < 0) {
        fail_msg("%s", err.message);
    }
}

int fixture_setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    char path[128];
    struct err err = { 0 };
    assert_non_null(f);
    snprintf(f->dir, sizeof(f->dir), "/tmp/hinomi-content-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->content, sizeof(f->content), "%s/managed", f->dir);
    assert_int_equal(mkdir(f->content, 0700), 0);
    snprintf(path, sizeof(path), "%s/rules", f->content);
    assert_int_equal(mkdir(path, 0700), 0);
    snprintf(path, sizeof(path), "%s/policies", f->content);
    assert_int_equal(mkdir(path, 0700), 0);
    fixture_write(f, "rules/a.yaml", MANAGED_RULES);
    fixture_write(f, "policies/a.yaml", MANAGED_POLICIES);
    f->config = calloc(1, sizeof(*f->config));
    f->config->dir = f->dir;
    f->config->content_dir = f->content;
    if (fixture_start(f, &err) < 0) {
        fail_msg("%s", err.message);
    }
    *state = f;
    return 0;
}

int fixture_teardown(void **state)
{
    struct fixture *f = *state;
    char command[128];
    fixture_stop(f);
    snprintf(command, sizeof(command), "rm -rf '%s'", f->dir);
    assert_int_equal(system(command), 0);
    free(f->config);
    free(f);
    return 0;
}

static unsigned ask(struct fixture *fixture, const struct http_call *call)
{
    forget_answer(fixture);
    assert_int_equal(http_call(&fixture->server, call, &fixture->answer), 0);
    fixture->answered = true;
    return fixture->answer.status;
}

static const struct principal user = { .kind = PRINCIPAL_USER,
                                       .id = 1,
                                       .name = { "alice", 5 },
                                       .may = MAY_READ | MAY_CONTENT | MAY_SELF | MAY_ADMIN |
                                              MAY_TRIAGE | MAY_RESPOND };

unsigned fixture_ask(struct fixture *fixture, const char *method, const char *target,
                     const char *body)
{
    const struct http_call call = { .method = method,
                                    .target = target,
                                    .body = body ? str_of(body) : (struct str){ 0 },
                                    .principal = &user };
    return ask(fixture, &call);
}

unsigned fixture_ask_raw(struct fixture *fixture, const char *target, struct str body)
{
    const struct http_call call = { .method = "POST",
                                    .target = target,
                                    .headers = { { "Content-Type", "text/plain" } },
                                    .body = body,
                                    .principal = &user };
    return ask(fixture, &call);
}

unsigned fixture_poll(struct fixture *fixture, const char *agent, int64_t after, int64_t orders)
{
    char target[160];
    const struct principal principal = { .kind = PRINCIPAL_AGENT,
                                         .name = str_of(agent),
                                         .may = MAY_AGENT };
    snprintf(target, sizeof(target), "/v1/agents/%s/bundle?after=%lld&orders=%lld", agent,
             (long long)after, (long long)orders);
    const struct http_call call = { .method = "GET",
                                    .target = target,
                                    .headers = { { "Hinomi-Instance", "00000000000000aa" } },
                                    .principal = &principal,
                                    .wait_ms = 20 };
    return ask(fixture, &call);
}

struct json_object *fixture_member(struct fixture *fixture, const char *key)
{
    struct json_object *value = NULL;
    if (!fixture->answer.json || !json_object_object_get_ex(fixture->answer.json, key, &value)) {
        fail_msg("no \"%s\" in %s", key, fixture->answer.body.p);
    }
    return value;
}

int64_t fixture_number(struct fixture *fixture, const char *key)
{
    return json_object_get_int64(fixture_member(fixture, key));
}

const char *fixture_text(struct fixture *fixture, const char *key)
{
    return json_object_get_string(fixture_member(fixture, key));
}

bool fixture_holds(struct fixture *fixture, const char *text)
{
    return str_find(fixture->answer.body, str_of(text)) >= 0;
}
