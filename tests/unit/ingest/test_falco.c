/*
 * Falco's JSON as it really comes: one object, arrays, lines; with and without uuid, both kinds of time.
 */
#include "support.h"

#define OLD                                                                                        \
    "{\"hostname\":\"node 1\",\"output\":\"12:00:00.1: Notice A "                                  \
    "shell\",\"output_fields\":{\"container.id\":"                                                 \
    "\"host\",\"evt.time\":1795348800123456789,\"proc.cmdline\":\"bash\",\"proc.name\":\"bash\","  \
    "\"proc.pname\":"                                                                              \
    "\"sshd\",\"user.name\":\"root\"},\"priority\":\"Notice\",\"rule\":\"Terminal shell in "       \
    "container\","                                                                                 \
    "\"source\":\"syscall\",\"tags\":[\"mitre_execution\",\"shell\"],\"time\":\"2026-11-22T12:00:" \
    "00.123456789Z\"}"
#define NEW                                                                                        \
    "{\"uuid\":\"5a4a2c1e-1111-4a2b-9c3d-000000000001\",\"hostname\":\"node2\",\"output\":\"x\","  \
    "\"output_fields\":{},\"priority\":\"Critical\",\"rule\":\"Drop and "                          \
    "execute\",\"source\":\"syscall\","                                                            \
    "\"tags\":[],\"time\":\"2026-11-22T12:00:01.5+0000\"}"

static struct sent post(struct intake *intake, const char *body)
{
    struct http_answer answer = call(intake, "POST", "/", str_of(body));
    struct sent sent = { .status = answer.status, .number = -1 };
    struct json_object *value;
    if (answer.json && json_object_object_get_ex(answer.json, "accepted", &value)) {
        sent.number = json_object_get_int64(value);
    }
    http_answer_done(&answer);
    return sent;
}

static void test_object(void **state)
{
    assert_int_equal(post(*state, OLD).number, 1);
    assert_string_equal(text_of(*state, "SELECT agent || '|' || host || '|' || rule || '|' ||"
                                        " coalesce(container_id, '') || '|' || proc_name || '|' ||"
                                        " parent_name || '|' || user_name FROM findings"),
                        "falco:node-1|node 1|Terminal shell in container||bash|sshd|root");
    assert_int_equal(count_of(*state, "SELECT first_seen_ms FROM findings"),
                     INT64_C(1795348800123));
    assert_int_equal(count_of(*state, "SELECT severity FROM findings"), 30);
    assert_int_equal(count_of(*state, "SELECT stages <> 0 FROM findings"), 1);
}

static void test_twice(void **state)
{
    assert_int_equal(post(*state, OLD).status, 200);
    assert_int_equal(post(*state, OLD).status, 200);
    assert_int_equal(post(*state, NEW).status, 200);
    assert_int_equal(post(*state, NEW).status, 200);
    assert_int_equal(count_in_days(*state, "SELECT count(*) FROM alerts"), 2);
    assert_int_equal(count_in_days(*state, "SELECT count(*) FROM alerts WHERE id ="
                                           " 'falco:node2:5a4a2c1e-1111-4a2b-9c3d-000000000001'"),
                     1);
    assert_int_equal(count_of(*state, "SELECT sum(count) FROM findings"), 2);
}

static void test_many(void **state)
{
    assert_int_equal(post(*state, "[" OLD "," NEW "]").number, 2);
    assert_int_equal(post(*state, OLD "\n" NEW "\r\n\n").number, 2);
    assert_int_equal(post(*state, "\n[" OLD "]\n" NEW).number, 2);
    assert_int_equal(count_in_days(*state, "SELECT count(*) FROM alerts"), 2);
}

static void test_times(void **state)
{
    static const struct {
        const char *time;
        int64_t ms;
    } times[] = {
        { "\"2026-11-22T12:00:00Z\"", 0 },
        { "\"2026-11-22T12:00:00.999Z\"", 999 },
        { "\"2026-11-22T21:00:00+09:00\"", 0 },
        { "\"2026-11-22T02:30:00-0930\"", 0 },
        { "1795348800", 0 },
        { "1795348800001", 1 },
        { "1795348800001000", 1 },
        { "1795348800001000000", 1 },
    };
    for (size_t i = 0; i < ARRAY_SIZE(times); i++) {
        char body[512], sql[128];
        snprintf(body, sizeof(body),
                 "{\"rule\":\"r%zu\",\"priority\":\"Info\",\"time\":%s,\"output_fields\":null}", i,
                 times[i].time);
        assert_int_equal(post(*state, body).number, 1);
        snprintf(sql, sizeof(sql), "SELECT first_seen_ms FROM findings WHERE rule = 'r%zu'", i);
        assert_int_equal(count_of(*state, sql), INT64_C(1795348800000) + times[i].ms);
    }
}

static void test_refused(void **state)
{
    static const char *const bad[] = {
        "",
        " ",
        "[]",
        "[1]",
        "null",
        "\"x\"",
        "{}",
        "{\"rule\":\"r\"}",
        "[[" OLD "]]",
        OLD ",",
        OLD OLD,
        "{\"rule\":\"r\",\"priority\":\"Error\"}",
        "{\"rule\":\"r\",\"priority\":\"Error\",\"time\":\"yesterday\"}",
        "{\"rule\":\"r\",\"priority\":\"Error\",\"time\":\"2026-13-22T12:00:00Z\"}",
        "{\"rule\":\"r\",\"priority\":\"Error\",\"time\":\"2026-11-22T12:00:00\"}",
        "{\"rule\":\"r\",\"priority\":\"Error\",\"time\":-1}",
        OLD "\nx",
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct sent sent = post(*state, bad[i]);
        if (sent.status != 422) {
            fail_msg("%s: %u", bad[i], sent.status);
        }
    }
    assert_int_equal(count_in_days(*state, "SELECT count(*) FROM alerts"), 0);
}

/* A host that calls itself an agent or a path stays a sender's name. */
static void test_hostile_host(void **state)
{
    assert_int_equal(
        post(*state, "{\"hostname\":\"../a:b\\u0000<x>\",\"rule\":\"r\",\"priority\":\"Error\","
                     "\"time\":1795348800}")
            .status,
        200);
    assert_string_equal(text_of(*state, "SELECT agent FROM findings"), "falco:..-a-b----x-");
    assert_int_equal(
        post(*state, "{\"rule\":\"r\",\"priority\":\"Error\",\"time\":1795348800}").status, 200);
    assert_int_equal(
        count_of(*state, "SELECT count(*) FROM findings WHERE agent = 'falco:unknown'"), 1);
}

static void test_coverage(void **state)
{
    assert_int_equal(post(*state, NEW).status, 200);
    struct http_answer answer = call(*state, "GET", "/v1/coverage", (struct str){ 0 });
    assert_int_equal(answer.status, 200);
    assert_non_null(strstr(answer.body.p, "\"agent\":\"falco:node2\",\"state\":\"healthy\""));
    http_answer_done(&answer);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, intake_setup, intake_teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_object),  CASE(test_twice),        CASE(test_many),     CASE(test_times),
        CASE(test_refused), CASE(test_hostile_host), CASE(test_coverage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
