/*
 * Agents: enrolment, credentials and their rotation, clones, impersonation, revocation.
 */
#include "accounts_fixture.h"

#include "server/accounts_internal.h"

#define A "aaaaaaaaaaaaaaaa"
#define B "bbbbbbbbbbbbbbbb"
#define C "cccccccccccccccc"

#define MINUTE_MS INT64_C(60000)

/* What every request of an agent goes through. */
static int speak(struct fixture *f, const struct enrolled *agent, const char *instance)
{
    char target[128];
    snprintf(target, sizeof(target), "/v1/agents/%s/credential", agent->id);
    return (int)ASK(f, "GET", target, agent->credential, .instance = instance);
}

static unsigned admin_post(struct fixture *f, const struct enrolled *agent, const char *what)
{
    char target[128];
    snprintf(target, sizeof(target), "/v1/agents/%s/%s", agent->id, what);
    return ASK(f, "POST", target, f->admin);
}

static void assert_state(struct fixture *f, const struct enrolled *agent, const char *state)
{
    char target[128];
    snprintf(target, sizeof(target), "/v1/agents/%s", agent->id);
    assert_int_equal(ASK(f, "GET", target, f->admin), 200);
    assert_string_equal(fixture_text(f, "state"), state);
}

static void enrolled_agents_have_their_own(void **state)
{
    struct fixture *f = *state;
    char token[SECRET_TEXT];
    struct enrolled one, two;
    fixture_enrolment(f, ",\"max_uses\":2,\"cluster\":\"prod\",\"labels\":{\"team\":\"a\"}", token);
    assert_non_null(strstr(f->answer.body.p, "hinomi-agent"));
    assert_non_null(strstr(fixture_text(f, "command"), token));
    assert_string_equal(fixture_text(f, "server_url"), "http://127.0.0.1:8765");
    fixture_enrol(f, token, A, &one);
    assert_int_equal(strlen(one.id), 17);
    assert_int_equal(strlen(fixture_text(f, "sign_key")), 44);
    fixture_enrol(f, token, A, &two);
    assert_string_not_equal(one.id, two.id);
    assert_int_equal(ASK(f, "POST", "/v1/agents", token, "{}"), 401);
    assert_int_equal(ASK(f, "GET", "/v1/agents", f->admin), 200);
    assert_int_equal(fixture_items(f), 2);
    assert_non_null(strstr(f->answer.body.p, "\"cluster\":\"prod\""));
    assert_non_null(strstr(f->answer.body.p, "\"labels\":{\"team\":\"a\"}"));
    assert_null(strstr(f->answer.body.p, "ha_"));
    assert_int_equal(ASK(f, "GET", "/v1/enrolments/1", f->admin), 200);
    assert_int_equal(fixture_number(f, "uses"), 2);
    assert_string_equal(fixture_text(f, "state"), "used");
    assert_non_null(strstr(f->answer.body.p, one.id));
}

static void enrolment_tokens_end(void **state)
{
    struct fixture *f = *state;
    char token[SECRET_TEXT];
    fixture_enrolment(f, "", token);
    fixture_now_ms += 24 * 60 * MINUTE_MS;
    assert_int_equal(ASK(f, "POST", "/v1/agents", token, "{}"), 401);
    fixture_log_in(f, "admin", PASSWORD, f->admin);
    fixture_enrolment(f, ",\"max_uses\":0", token);
    assert_int_equal(ASK(f, "POST", "/v1/agents", token, "{}"), 201);
    assert_int_equal(ASK(f, "POST", "/v1/agents", token, "{}"), 201);
    assert_int_equal(ASK(f, "DELETE", "/v1/enrolments/2", f->admin), 204);
    assert_int_equal(ASK(f, "POST", "/v1/agents", token, "{}"), 401);
    assert_int_equal(ASK(f, "DELETE", "/v1/enrolments/2", f->admin), 404);
}

static void enrolment_tokens_only_enrol(void **state)
{
    struct fixture *f = *state;
    char token[SECRET_TEXT];
    fixture_enrolment(f, "", token);
    const char *others[] = { "/v1/agents", "/v1/me", "/v1/users", "/v1/audit" };
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        assert_int_equal(ASK(f, "GET", others[i], token), 403);
    }
    assert_int_equal(ASK(f, "POST", "/v1/agents", f->admin, "{}"), 403);
}

static void enrolments_are_checked(void **state)
{
    struct fixture *f = *state;
    char token[SECRET_TEXT];
    const char *bad[] = { "{}",
                          "{\"name\":\"\"}",
                          "{\"name\":\"a\",\"max_uses\":-1}",
                          "{\"name\":\"a\",\"labels\":[]}",
                          "{\"name\":\"a\",\"labels\":{\"a\":1}}",
                          "{\"name\":\"a\",\"labels\":{\"\":\"b\"}}",
                          "{\"name\":\"a\",\"labels\":{\"a\":\"\\u001b\"}}",
                          "{\"name\":\"a\",\"forget_after_s\":5}",
                          "{\"name\":\"a\",\"expires_ms\":5}",
                          "{\"name\":\"a\",\"role\":\"admin\"}" };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_int_equal(ASK(f, "POST", "/v1/enrolments", f->admin, bad[i]), 422);
    }
    fixture_enrolment(f, "", token);
    const char *agents[] = { "{\"instance\":\"xyz\"}", "{\"name\":\"a\\u0000b\"}",
                             "{\"name\":\"\\u202e\"}", "{\"id\":\"a0\"}", "[]" };
    for (size_t i = 0; i < ARRAY_SIZE(agents); i++) {
        unsigned status = ASK(f, "POST", "/v1/agents", token, agents[i]);
        assert_true(status == 422 || status == 400);
    }
}

static void agents_speak_for_themselves(void **state)
{
    struct fixture *f = *state;
    char token[SECRET_TEXT], target[128];
    struct enrolled one, two;
    fixture_enrolment(f, ",\"max_uses\":2", token);
    fixture_enrol(f, token, A, &one);
    fixture_enrol(f, token, B, &two);
    assert_int_equal(speak(f, &one, A), 200);
    snprintf(target, sizeof(target), "/v1/agents/%s/credential", two.id);
    assert_int_equal(ASK(f, "GET", target, one.credential, .instance = A), 403);
    assert_string_equal(fixture_text(f, "code"), "not_yours");
    assert_int_equal(fixture_audit(f, "agent.impersonate"), 1);
    const char *others[] = { "/v1/agents", "/v1/me", "/v1/users", "/v1/audit", "/v1/enrolments" };
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        assert_int_equal(ASK(f, "GET", others[i], one.credential, .instance = A), 403);
    }
    snprintf(target, sizeof(target), "/v1/agents/%s", two.id);
    assert_int_equal(ASK(f, "GET", target, one.credential, .instance = A), 403);
    assert_int_equal(ASK(f, "DELETE", target, one.credential, .instance = A), 403);
    assert_int_equal(speak(f, &one, NULL), 400);
    assert_int_equal(speak(f, &one, "AAAAAAAAAAAAAAAA"), 400);
}

static void a_restart_is_no_clone(void **state)
{
    struct fixture *f = *state;
    char token[SECRET_TEXT], instance[17];
    struct enrolled agent;
    fixture_enrolment(f, "", token);
    fixture_enrol(f, token, A, &agent);
    for (unsigned i = 0; i < 100; i++) {
        snprintf(instance, sizeof(instance), "%016x", i);
        assert_int_equal(speak(f, &agent, instance), 200);
        assert_int_equal(speak(f, &agent, instance), 200);
        if (i % 10 == 0) {
            fixture_restart(f);
        }
    }
    assert_state(f, &agent, "active");
}

static void a_late_request_is_no_clone(void **state)
{
    struct fixture *f = *state;
    char token[SECRET_TEXT];
    struct enrolled agent;
    fixture_enrolment(f, "", token);
    fixture_enrol(f, token, A, &agent);
    assert_int_equal(speak(f, &agent, B), 200);
    fixture_now_ms += INSTANCE_GRACE_MS - 1;
    assert_int_equal(speak(f, &agent, A), 409);
    assert_int_equal(speak(f, &agent, B), 200);
    assert_state(f, &agent, "active");
    fixture_now_ms += 1;
    assert_int_equal(speak(f, &agent, A), 409);
    assert_state(f, &agent, "cloned");
}

static void clones_are_refused(void **state)
{
    struct fixture *f = *state;
    char token[SECRET_TEXT];
    struct enrolled agent;
    fixture_enrolment(f, "", token);
    fixture_enrol(f, token, A, &agent);
    assert_int_equal(speak(f, &agent, B), 200);
    fixture_now_ms += MINUTE_MS;
    fixture_restart(f);
    assert_int_equal(speak(f, &agent, A), 409);
    assert_string_equal(fixture_text(f, "code"), "agent_cloned");
    assert_int_equal(speak(f, &agent, B), 409);
    assert_int_equal(speak(f, &agent, C), 409);
    assert_int_equal(fixture_audit(f, "agent.cloned"), 1);
    assert_int_equal(admin_post(f, &agent, "accept"), 200);
    assert_int_equal(speak(f, &agent, B), 200);
    fixture_now_ms += MINUTE_MS;
    assert_int_equal(speak(f, &agent, A), 200);
    fixture_now_ms += MINUTE_MS;
    assert_int_equal(speak(f, &agent, B), 409);
    assert_state(f, &agent, "cloned");
}

static void revoked_agents_are_refused(void **state)
{
    struct fixture *f = *state;
    char token[SECRET_TEXT], target[128];
    struct enrolled agent;
    fixture_enrolment(f, "", token);
    fixture_enrol(f, token, A, &agent);
    assert_int_equal(speak(f, &agent, A), 200);
    assert_int_equal(admin_post(f, &agent, "revoke"), 200);
    assert_int_equal(speak(f, &agent, A), 401);
    assert_string_equal(fixture_text(f, "code"), "agent_revoked");
    fixture_restart(f);
    assert_int_equal(speak(f, &agent, A), 401);
    assert_int_equal(admin_post(f, &agent, "accept"), 200);
    assert_int_equal(speak(f, &agent, A), 200);
    snprintf(target, sizeof(target), "/v1/agents/%s", agent.id);
    assert_int_equal(ASK(f, "DELETE", target, f->admin), 204);
    assert_int_equal(speak(f, &agent, A), 401);
    assert_string_equal(fixture_text(f, "code"), "unauthorized");
    assert_int_equal(ASK(f, "DELETE", target, f->admin), 404);
    assert_int_equal(ASK(f, "POST", "/v1/agents/a0/revoke", f->admin), 404);
}

static void credentials_rotate(void **state)
{
    struct fixture *f = *state;
    char token[SECRET_TEXT], target[128];
    struct enrolled old, fresh;
    fixture_enrolment(f, "", token);
    fixture_enrol(f, token, A, &old);
    fresh = old;
    snprintf(target, sizeof(target), "/v1/agents/%s/credential", old.id);
    assert_int_equal(ASK(f, "POST", target, old.credential, NULL, NULL, .instance = A), 201);
    snprintf(fresh.credential, sizeof(fresh.credential), "%s", fixture_text(f, "credential"));
    /* The answer may have been lost: the old one counts until the new one is used. */
    fixture_now_ms += 60 * MINUTE_MS;
    assert_int_equal(speak(f, &old, A), 200);
    assert_int_equal(speak(f, &fresh, A), 200);
    fixture_now_ms += 10 * MINUTE_MS - 1;
    assert_int_equal(speak(f, &old, A), 200);
    fixture_now_ms += 1;
    assert_int_equal(speak(f, &old, A), 401);
    assert_int_equal(speak(f, &fresh, A), 200);
    accounts_module.tick(&f->server);
    assert_int_equal(speak(f, &fresh, A), 200);
}

static void clones_with_two_credentials(void **state)
{
    struct fixture *f = *state;
    char token[SECRET_TEXT], target[128];
    struct enrolled old, fresh;
    fixture_enrolment(f, "", token);
    fixture_enrol(f, token, A, &old);
    fresh = old;
    snprintf(target, sizeof(target), "/v1/agents/%s/credential", old.id);
    assert_int_equal(ASK(f, "POST", target, old.credential, NULL, NULL, .instance = A), 201);
    snprintf(fresh.credential, sizeof(fresh.credential), "%s", fixture_text(f, "credential"));
    assert_int_equal(speak(f, &fresh, A), 200);
    assert_int_equal(speak(f, &old, B), 200);
    fixture_now_ms += MINUTE_MS;
    assert_int_equal(speak(f, &fresh, A), 409);
}

static void silent_agents_are_forgotten(void **state)
{
    struct fixture *f = *state;
    char token[SECRET_TEXT];
    struct enrolled agent;
    fixture_enrolment(f, ",\"forget_after_s\":3600", token);
    fixture_enrol(f, token, A, &agent);
    for (int i = 0; i < 5; i++) {
        fixture_now_ms += 30 * MINUTE_MS;
        assert_int_equal(speak(f, &agent, A), 200);
        accounts_module.tick(&f->server);
    }
    assert_state(f, &agent, "active");
    fixture_now_ms += 61 * MINUTE_MS;
    accounts_module.tick(&f->server);
    assert_int_equal(speak(f, &agent, A), 401);
    assert_int_equal(fixture_audit(f, "agent.forget"), 1);
}

static void the_signing_key_stays(void **state)
{
    struct fixture *f = *state;
    struct signing before = *accounts_signing(&f->server);
    uint8_t signature[SIGNING_SIGNATURE_SIZE];
    fixture_restart(f);
    assert_memory_equal(before.public_key, accounts_signing(&f->server)->public_key, 32);
    signing_sign(&before, STR("bundle"), signature);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup_admin, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(enrolled_agents_have_their_own), TEST(enrolment_tokens_end),
        TEST(enrolment_tokens_only_enrol),    TEST(enrolments_are_checked),
        TEST(agents_speak_for_themselves),    TEST(a_restart_is_no_clone),
        TEST(a_late_request_is_no_clone),     TEST(clones_are_refused),
        TEST(revoked_agents_are_refused),     TEST(credentials_rotate),
        TEST(clones_with_two_credentials),    TEST(silent_agents_are_forgotten),
        TEST(the_signing_key_stays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
