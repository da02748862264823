/*
 * coverage: what heartbeats and their absence say, that changes are told once, and what survives a restart.
 */
#include "support.h"

#define WELL                                                                                       \
    "\"version\":\"1\",\"sensor\":\"notify\",\"started_ms\":1,\"spool\":{\"bytes\":0,\"full\":"    \
    "false},"                                                                                      \
    "\"bundle\":{\"version\":3,\"ok\":true},\"health\":{\"ok\":true}"

static unsigned beat(struct intake *intake, const char *members)
{
    char body[4096];
    snprintf(body, sizeof(body), "{%s}", members);
    struct http_answer answer =
        call(intake, "POST", "/v1/agents/" AGENT "/heartbeat", str_of(body));
    unsigned status = answer.status;
    http_answer_done(&answer);
    return status;
}

/* The agent's part of the answer has this text. */
static void assert_shown(struct intake *intake, const char *text)
{
    struct http_answer answer = call(intake, "GET", "/v1/coverage?agent=" AGENT, (struct str){ 0 });
    assert_int_equal(answer.status, 200);
    if (!strstr(answer.body.p, text)) {
        fail_msg("no %s in %s", text, answer.body.p);
    }
    http_answer_done(&answer);
}

#define HEALTHY "\"state\":\"healthy\",\"reasons\":[]"

static void test_silent(void **state)
{
    assert_int_equal(beat(*state, WELL), 200);
    assert_shown(*state, HEALTHY);
    intake_now_ms += 30000;
    assert_shown(*state, HEALTHY);
    intake_now_ms += 1;
    assert_shown(*state, "\"state\":\"unhealthy\",\"reasons\":[{\"code\":\"silent\"");
    assert_int_equal(beat(*state, WELL), 200);
    assert_shown(*state, HEALTHY);
}

static void test_reasons(void **state)
{
    static const struct {
        const char *members, *code;
    } cases[] = {
        { "\"lag_ms\":5001", "\"lag\"" },
        { "\"spool\":{\"full\":true}", "\"spool_full\"" },
        { "\"bundle\":{\"version\":3,\"ok\":false,\"error\":\"line 3\"}", "\"rules_refused\"" },
        { "\"health\":{\"ok\":false,\"reason\":\"no sensor\"}", "\"agent\"" },
        { "\"now_ms\":1", "\"clock\"" },
        { "\"containers\":[{\"id\":\"c1\",\"watched\":false,\"why\":\"no shim\"}]",
          "\"unwatched\"" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        assert_int_equal(beat(*state, cases[i].members), 200);
        assert_shown(*state, cases[i].code);
        assert_int_equal(beat(*state, WELL), 200);
        assert_shown(*state, HEALTHY);
    }
    assert_int_equal(
        beat(*state, "\"lag_ms\":5000,\"containers\":[{\"id\":\"c\",\"watched\":true}]"), 200);
    assert_shown(*state, HEALTHY);
    assert_shown(*state, "\"watched_containers\":1");
}

static void test_drops(void **state)
{
    assert_int_equal(beat(*state, WELL ",\"drops\":0"), 200);
    assert_shown(*state, HEALTHY);
    assert_int_equal(beat(*state, WELL ",\"drops\":5"), 200);
    assert_shown(*state, "\"drops\"");
    intake_now_ms += 300000;
    assert_int_equal(beat(*state, WELL ",\"drops\":5"), 200);
    assert_shown(*state, HEALTHY);
    assert_int_equal(beat(*state, "\"started_ms\":2,\"drops\":1"), 200); /* a new process */
    assert_shown(*state, "\"drops\"");
}

static void test_gap(void **state)
{
    assert_int_equal(beat(*state, WELL), 200);
    assert_int_equal(send_batch(*state, AGENT, SPOOL, 1,
                                STR("{\"n\":1,\"gap\":{\"kind\":\"drops\",\"count\":3}}"))
                         .status,
                     200);
    assert_shown(*state, "{\"code\":\"gap\"");
}

static void test_bad(void **state)
{
    struct http_answer answer = call(*state, "POST", "/v1/agents/" AGENT "/heartbeat", STR("[1]"));
    assert_int_equal(answer.status, 400);
    http_answer_done(&answer);
    assert_int_equal(beat(*state, "\"drops\":\"many\""), 422);
    assert_int_equal(beat(*state, "\"containers\":{}"), 422);
    assert_int_equal(beat(*state, "\"drops\":null"), 200);
    assert_int_equal(beat(*state, "\"drops\":-5,\"lag_ms\":1e99"), 200);
    assert_int_equal(beat(*state, "\"drops\":"), 400);
}

static void test_containers(void **state)
{
    struct buf buf;
    for (int n = 1000; n <= 1001; n++) {
        buf_init(&buf, SIZE_MAX);
        buf_puts(&buf, STR("{\"containers\":["));
        for (int i = 0; i < n; i++) {
            buf_printf(&buf, "%s{\"id\":\"c%d\",\"watched\":false}", i ? "," : "", i);
        }
        buf_puts(&buf, STR("]}"));
        struct http_answer answer =
            call(*state, "POST", "/v1/agents/" AGENT "/heartbeat", buf_str(&buf));
        assert_int_equal(answer.status, n == 1000 ? 200 : 422);
        http_answer_done(&answer);
        buf_done(&buf);
    }
    assert_shown(*state, "\"unwatched_containers\":1000");
}

static void test_restart(void **state)
{
    struct intake *intake = *state;
    assert_int_equal(beat(intake, WELL ",\"hostname\":\"box \\\"7\\\"\",\"lag_ms\":6000"), 200);
    /* with the next commit */
    assert_int_equal(send_batch(intake, AGENT, SPOOL, 1,
                                STR("{\"n\":1,\"activity\":{\"kind\":\"x\",\"time_ms\":1}}"))
                         .status,
                     200);
    intake_close(intake);
    intake_open(intake);
    assert_shown(intake, "\"code\":\"lag\"");
    assert_shown(intake, "\"hostname\":\"box \\\"7\\\"\"");
    intake_now_ms += 31000;
    assert_shown(intake, "\"code\":\"silent\"");
}

static void test_pages(void **state)
{
    struct http_answer answer = call(*state, "GET", "/v1/coverage?limit=0", (struct str){ 0 });
    assert_int_equal(answer.status, 400);
    http_answer_done(&answer);
    answer = call(*state, "GET", "/v1/coverage?state=odd", (struct str){ 0 });
    assert_int_equal(answer.status, 400);
    http_answer_done(&answer);
    for (int i = 0; i < 5; i++) {
        char body[128];
        snprintf(body, sizeof(body),
                 "{\"hostname\":\"h%d\",\"rule\":\"r\",\"priority\":\"Error\",\"time\":1795348800}",
                 i);
        answer = call(*state, "POST", "/", str_of(body));
        assert_int_equal(answer.status, 200);
        http_answer_done(&answer);
    }
    answer = call(*state, "GET", "/v1/coverage?limit=2&cursor=falco:h1", (struct str){ 0 });
    assert_non_null(strstr(answer.body.p, "\"agent\":\"falco:h2\""));
    assert_non_null(strstr(answer.body.p, "\"next\":\"falco:h3\""));
    assert_non_null(strstr(answer.body.p, "\"total\":5"));
    http_answer_done(&answer);
}

static void test_stats(void **state)
{
    assert_int_equal(
        send_batch(*state, AGENT, SPOOL, 1, STR("{\"n\":1,\"gap\":{\"kind\":\"x\",\"count\":7}}"))
            .status,
        200);
    struct http_answer answer = call(*state, "GET", "/v1/stats?agent=" AGENT, (struct str){ 0 });
    assert_int_equal(answer.status, 200);
    assert_non_null(strstr(answer.body.p, "\"lost\":7"));
    http_answer_done(&answer);
    answer = call(*state, "GET", "/v1/stats?agent=other", (struct str){ 0 });
    assert_non_null(strstr(answer.body.p, "\"lost\":0"));
    http_answer_done(&answer);
    answer = call(*state, "GET", "/v1/gaps?cursor=x", (struct str){ 0 });
    assert_int_equal(answer.status, 422);
    http_answer_done(&answer);
}

/* Newest first, over two days, a page at a time. */
static void test_gap_pages(void **state)
{
    char body[128], target[256], cursor[64] = "";
    int seen = 0, last = 8;
    for (int i = 1; i <= 7; i++) {
        snprintf(body, sizeof(body), "{\"n\":%d,\"gap\":{\"kind\":\"x\",\"count\":%d}}", i, i);
        intake_now_ms += INT64_C(4) * 3600000;
        assert_int_equal(send_batch(*state, AGENT, SPOOL, i, str_of(body)).status, 200);
    }
    for (int page = 0; page < 4; page++) {
        snprintf(target, sizeof(target), "/v1/gaps?limit=2%s%s", cursor[0] ? "&cursor=" : "",
                 cursor);
        struct http_answer answer = call(*state, "GET", target, (struct str){ 0 });
        assert_int_equal(answer.status, 200);
        struct json_object *items = json_object_object_get(answer.json, "items");
        for (size_t i = 0; i < json_object_array_length(items); i++, seen++) {
            int n = json_object_get_int(
                json_object_object_get(json_object_array_get_idx(items, i), "n"));
            assert_true(n < last);
            last = n;
        }
        const char *next = json_object_get_string(json_object_object_get(answer.json, "next"));
        snprintf(cursor, sizeof(cursor), "%s", next ? next : "");
        http_answer_done(&answer);
    }
    assert_int_equal(seen, 7);
    assert_string_equal(cursor, "");
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, intake_setup, intake_teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_silent), CASE(test_reasons),    CASE(test_drops),   CASE(test_gap),
        CASE(test_bad),    CASE(test_containers), CASE(test_restart), CASE(test_pages),
        CASE(test_stats),  CASE(test_gap_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
