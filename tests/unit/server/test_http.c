/*
 * Requests without sockets: targets, routes, what handlers are told, who may, and what every reply has.
 */
#include "routes.h"

#include <errno.h>

static struct server server;

static void refused(const char *target, unsigned status, const char *code)
{
    struct http_answer answer = routes_get(&server, target);
    if (answer.status != status || strcmp(routes_code(&answer), code) != 0) {
        print_error("%s: %u %s\n", target, answer.status, routes_code(&answer));
        fail();
    }
    http_answer_done(&answer);
}

static void answered(const char *target, const char *body)
{
    struct http_answer answer = routes_get(&server, target);
    assert_str(answer.body, body);
    assert_int_equal(answer.status, 200);
    http_answer_done(&answer);
}

static void test_targets(void **state)
{
    (void)state;
    char path[HTTP_TEXT_MAX + 2];
    answered("/t/echo/a", "{\"name\":\"a\",\"absent\":true,\"q\":\"\",\"has_q\":false,\"n\":7,"
                          "\"agent\":\"\"}");
    answered("/t/echo/%E7%81%AB%20%2f+?q=a+b%2B&n=-5",
             "{\"name\":\"火 /+\",\"absent\":true,\"q\":\"a b+\",\"has_q\":true,\"n\":-5,\"agent\":"
             "\"\"}");
    answered("/t/echo/a?q=", "{\"name\":\"a\",\"absent\":true,\"q\":\"\",\"has_q\":true,\"n\":7,"
                             "\"agent\":\"\"}");
    answered("/t/echo/here", "literal");
    static const char *const bad[] = {
        "/t/echo/..",
        "/t/echo/%2e%2E",
        "/t/echo/%2e",
        "/t//echo",
        "/t/echo/",
        "/t/echo/%00",
        "/t/echo/%0a",
        "/t/echo/%7f",
        "/t/echo/%",
        "/t/echo/%4",
        "/t/echo/%zz",
        "/t/echo/%ff",
        "/t/echo/a\\",
        "/t/echo/%5c",
        "/t/echo/a b",
        "/t/echo/\xe7",
        "/t/echo/#a",
        "t/echo/a",
        "",
        "/../t/echo/a",
        "/t/echo/a?q=%ff",
        "/t/echo/a?q=%",
        "/t/echo/a?&",
        "/t/echo/a?q&q",
        "/t/echo/a?q=1&%71=2",
        "/1/2/3/4/5/6/7/8/9/10/11/12/13",
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        refused(bad[i], 400, "bad_target");
    }
    refused("/t/%65cho/a", 404, "no_such_path");
    refused("/1/2/3/4/5/6/7/8/9/10/11/12", 404, "no_such_path");
    refused("/t/echo", 404, "no_such_path");
    refused("/t/echo/a/b", 404, "no_such_path");
    memset(path, 'a', sizeof(path) - 1);
    memcpy(path, "/t/echo/", 8);
    path[HTTP_TEXT_MAX + 1] = '\0';
    refused(path, 400, "bad_target");
    path[HTTP_TEXT_MAX] = '\0';
    struct http_answer answer = routes_get(&server, path);
    assert_int_equal(answer.status, 200);
    http_answer_done(&answer);
}

static void test_query(void **state)
{
    (void)state;
    refused("/t/echo/a?other=1", 400, "bad_query");
    refused("/t/echo/a?q=1&Q=1", 400, "bad_query");
    refused("/t/stream?q=1", 400, "bad_query");
    refused("/t/echo/a?n=11", 400, "bad_query");
    refused("/t/echo/a?n=-6", 400, "bad_query");
    refused("/t/echo/a?n=", 400, "bad_query");
    refused("/t/echo/a?n=-", 400, "bad_query");
    refused("/t/echo/a?n=1x", 400, "bad_query");
    refused("/t/echo/a?n=99999999999999999999", 400, "bad_query");
}

static struct http_answer call(const char *method, const char *target)
{
    return routes_call(&server, &(struct http_call){ .method = method, .target = target });
}

static void test_methods(void **state)
{
    (void)state;
    struct http_answer answer = call("DELETE", "/t/members");
    assert_int_equal(answer.status, 405);
    assert_str(http_answer_header(&answer, "Allow"), "POST, PUT, OPTIONS");
    http_answer_done(&answer);
    answer = call("OPTIONS", "/t/stream");
    assert_int_equal(answer.status, 204);
    assert_str(http_answer_header(&answer, "allow"), "GET, HEAD, OPTIONS");
    http_answer_done(&answer);
    answer = call("OPTIONS", "*");
    assert_int_equal(answer.status, 204);
    http_answer_done(&answer);
    answer = call("HEAD", "/t/stream");
    assert_int_equal(answer.status, 200);
    http_answer_done(&answer);
    static const char *const unknown[] = { "TRACE", "get", "BREW", "CONNECT" };
    for (size_t i = 0; i < ARRAY_SIZE(unknown); i++) {
        answer = call(unknown[i], "/t/stream");
        assert_int_equal(answer.status, 501);
        http_answer_done(&answer);
    }
}

static void test_every_reply(void **state)
{
    (void)state;
    static const char *const targets[] = { "/t/echo/a", "/none", "/t/stream", "/t/nothing" };
    for (size_t i = 0; i < ARRAY_SIZE(targets); i++) {
        struct http_answer answer = routes_get(&server, targets[i]);
        assert_str(http_answer_header(&answer, "X-Content-Type-Options"), "nosniff");
        assert_str(http_answer_header(&answer, "Cache-Control"), "no-store");
        assert_str(http_answer_header(&answer, "Referrer-Policy"), "no-referrer");
        assert_true(str_find(http_answer_header(&answer, "Content-Security-Policy"),
                             STR("frame-ancestors 'none'")) > 0);
        assert_null(http_answer_header(&answer, "Strict-Transport-Security").p);
        assert_null(http_answer_header(&answer, "X-Split").p);
        http_answer_done(&answer);
    }
    refused("/t/nothing", 500, "internal");
    answered("/t/stream", "piece\npiece\npiece\npiece\n");
}

static void test_errors(void **state)
{
    (void)state;
    static const struct {
        int code;
        unsigned status;
        const char *word;
    } cases[] = { { ENOENT, 404, "not_found" }, { EEXIST, 409, "exists" },
                  { ESTALE, 409, "changed" },   { EINVAL, 422, "invalid" },
                  { ENOSPC, 507, "disk_full" }, { EBUSY, 503, "busy" },
                  { EIO, 500, "internal" } };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char target[64];
        snprintf(target, sizeof(target), "/t/fails?code=%d", cases[i].code);
        struct http_answer answer = routes_get(&server, target);
        assert_int_equal(answer.status, cases[i].status);
        assert_string_equal(routes_code(&answer), cases[i].word);
        assert_true((str_find(answer.body, STR("because of")) >= 0) ==
                    (cases[i].status < 500 && cases[i].status > 400));
        http_answer_done(&answer);
    }
}

static void post(const char *body, unsigned status, const char *expected)
{
    struct http_answer answer = routes_call(
        &server,
        &(struct http_call){ .method = "POST", .target = "/t/members", .body = str_of(body) });
    struct str got = answer.status < 300 ? answer.body : str_of(routes_code(&answer));
    if (answer.status != status || !str_eqz(got, expected)) {
        print_error("%s: %u %.*s\n", body, answer.status, STR_ARG(answer.body));
        fail();
    }
    http_answer_done(&answer);
}

static void test_members(void **state)
{
    (void)state;
    post("{\"text\":\"12345\",\"number\":10,\"flag\":true}", 201,
         "{\"text\":\"12345\",\"number\":10,\"flag\":true}");
    post(" {\"text\":\"\",\"number\":null} \n", 201,
         "{\"text\":\"\",\"number\":-1,\"flag\":false}");
    post("{\"text\":\"123456\"}", 422, "too_long");
    post("{}", 422, "missing");
    post("{\"text\":null}", 422, "missing");
    post("{\"text\":1}", 422, "bad_member");
    post("{\"text\":\"a\\u0000b\"}", 422, "bad_member");
    post("{\"text\":\"\",\"number\":11}", 422, "out_of_range");
    post("{\"text\":\"\",\"number\":-1}", 422, "out_of_range");
    post("{\"text\":\"\",\"number\":1.5}", 422, "bad_member");
    post("{\"text\":\"\",\"number\":\"1\"}", 422, "bad_member");
    post("{\"text\":\"\",\"number\":99999999999999999999}", 422, "out_of_range");
    post("{\"text\":\"\",\"flag\":0}", 422, "bad_member");
    post("{\"text\":\"\",\"txet\":0}", 422, "unknown_member");
    post("[]", 400, "bad_json");
    post("{\"text\":\"\"", 400, "bad_json");
    post("{\"text\":\"\"} x", 400, "bad_json");
    post("{\"text\":\"\"/**/}", 400, "bad_json");
    post("{\"text\":\"a\nb\"}", 400, "bad_json");
    post("{\"text\":NaN}", 400, "bad_json");
    post("{\"text\":\"\\\"'/\"}", 201, "{\"text\":\"\\\"'/\",\"number\":-1,\"flag\":false}");
    post("{'text':\"\"}", 400, "bad_json");
    post("{\"text\":\"\xff\"}", 400, "bad_json");
    post("{\"a\":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", 400, "bad_json");
    post("{\"text\":\"1234567890123456789012345678901234567890123456789012345\"}", 413,
         "too_large");
}

static void test_content_type(void **state)
{
    (void)state;
    static const struct {
        const char *type;
        unsigned status;
    } cases[] = { { "application/json", 201 },
                  { "Application/JSON; charset=UTF-8", 201 },
                  { "application/json; charset=latin1", 415 },
                  { "text/plain", 415 },
                  { "application/x-www-form-urlencoded", 415 },
                  { "application/jsonp", 415 },
                  { "", 415 } };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct http_answer answer = routes_call(
            &server, &(struct http_call){ .method = "POST",
                                          .target = "/t/members",
                                          .headers = { { "Content-Type", cases[i].type } },
                                          .body = STR("{\"text\":\"\"}") });
        assert_int_equal(answer.status, cases[i].status);
        http_answer_done(&answer);
    }
    struct http_answer answer = routes_call(
        &server, &(struct http_call){ .method = "POST",
                                      .target = "/t/members",
                                      .headers = { { "Content-Type", "application/json" },
                                                   { "Content-Encoding", "gzip" } },
                                      .body = STR("{\"text\":\"\"}") });
    assert_int_equal(answer.status, 415);
    http_answer_done(&answer);
}

static unsigned status_of(const struct http_call *one)
{
    struct http_answer answer = routes_call(&server, one);
    unsigned status = answer.status;
    http_answer_done(&answer);
    return status;
}

static void test_permissions(void **state)
{
    (void)state;
    const struct principal reader = { .kind = PRINCIPAL_USER, .id = 1, .may = MAY_READ | MAY_SELF };
    const struct principal admin = { .kind = PRINCIPAL_TOKEN, .id = 2, .may = MAY_ADMIN };
    const struct principal agent = { .kind = PRINCIPAL_AGENT, .name = STR("a1"), .may = MAY_AGENT };
    assert_int_equal(status_of(&(struct http_call){
                         .method = "GET", .target = "/t/read", .principal = &reader }),
                     204);
    assert_int_equal(
        status_of(&(struct http_call){ .method = "GET", .target = "/t/read", .principal = &admin }),
        403);
    assert_int_equal(status_of(&(struct http_call){
                         .method = "DELETE", .target = "/t/admin", .principal = &reader }),
                     403);
    assert_int_equal(status_of(&(struct http_call){
                         .method = "DELETE", .target = "/t/admin", .principal = &admin }),
                     204);
    assert_int_equal(status_of(&(struct http_call){
                         .method = "POST", .target = "/t/agents/a1/x", .principal = &agent }),
                     204);
    struct http_answer answer = routes_call(
        &server,
        &(struct http_call){ .method = "POST", .target = "/t/agents/a2/x", .principal = &agent });
    assert_int_equal(answer.status, 403);
    assert_string_equal(routes_code(&answer), "not_yours");
    http_answer_done(&answer);
}

/* What a browser that is led here by another site sends. */
static void test_forgery(void **state)
{
    (void)state;
    const struct principal token = { .kind = PRINCIPAL_TOKEN, .id = 2, .may = MAY_ADMIN };
    const struct principal cookie = {
        .kind = PRINCIPAL_USER, .id = 1, .may = MAY_ADMIN | MAY_READ, .by_cookie = true
    };
    static const struct {
        const char *name, *value;
        unsigned status;
    } cases[] = { { "Sec-Fetch-Site", "cross-site", 403 },  { "Sec-Fetch-Site", "same-site", 403 },
                  { "Sec-Fetch-Site", "same-origin", 204 }, { "Sec-Fetch-Site", "none", 204 },
                  { "Origin", "http://localhost", 204 },    { "Origin", "http://localhost:1", 403 },
                  { "Origin", "https://localhost", 403 },   { "Origin", "null", 403 },
                  { "Origin", "http://evil.example", 403 } };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const struct http_call one = { .method = "DELETE",
                                       .target = "/t/admin",
                                       .headers = { { cases[i].name, cases[i].value } },
                                       .principal = &token };
        assert_int_equal(status_of(&one), cases[i].status);
    }
    struct http_answer answer =
        routes_call(&server, &(struct http_call){ .method = "DELETE",
                                                  .target = "/t/admin",
                                                  .headers = { { "X-Hinomi-CSRF", "guess" } },
                                                  .principal = &cookie });
    assert_int_equal(answer.status, 403);
    assert_string_equal(routes_code(&answer), "csrf");
    http_answer_done(&answer);
    assert_int_equal(status_of(&(struct http_call){
                         .method = "GET", .target = "/t/read", .principal = &cookie }),
                     204);
}

static void test_framing(void **state)
{
    (void)state;
    static const struct {
        struct http_call_header headers[3];
        unsigned status;
    } cases[] = {
        { { { "Content-Length", "0" } }, 200 },
        { { { "Content-Length", "5" } }, 400 }, /* GET has no body */
        { { { "Content-Length", "+0" } }, 400 },
        { { { "Content-Length", "0, 0" } }, 400 },
        { { { "Content-Length", "" } }, 400 },
        { { { "Content-Length", "0x0" } }, 400 },
        { { { "Content-Length", "00000000000000000000000" } }, 400 },
        { { { "Content-Length", "0" }, { "Content-Length", "0" } }, 400 },
        { { { "Content-Length", "0" }, { "Transfer-Encoding", "chunked" } }, 400 },
        { { { "Transfer-Encoding", "chunked" } }, 411 },
        { { { "Transfer-Encoding", "identity" } }, 411 },
        { { { "Host", "localhost" }, { "Host", "localhost" } }, 400 },
        { { { "Host", "evil.example" } }, 421 },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct http_call one = { .method = "GET", .target = "/t/stream" };
        memcpy(one.headers, cases[i].headers, sizeof(cases[i].headers));
        assert_int_equal(status_of(&one), cases[i].status);
    }
}

static void test_waiting(void **state)
{
    (void)state;
    routes_looks = 0;
    answered("/t/wait?early=1", "rang");
    assert_int_equal(routes_looks, 2);
    routes_looks = 0;
    struct http_answer answer = routes_call(
        &server, &(struct http_call){ .method = "GET", .target = "/t/wait", .wait_ms = 1 });
    assert_str(answer.body, "late");
    http_answer_done(&answer);
}

static int set_up(void **state)
{
    (void)state;
    server_modules_add(&routes_module);
    return bell_new(&routes_bell);
}

static int tear_down(void **state)
{
    (void)state;
    http_free(&server);
    bell_free(routes_bell);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_targets),      cmocka_unit_test(test_query),
        cmocka_unit_test(test_methods),      cmocka_unit_test(test_every_reply),
        cmocka_unit_test(test_errors),       cmocka_unit_test(test_members),
        cmocka_unit_test(test_content_type), cmocka_unit_test(test_permissions),
        cmocka_unit_test(test_forgery),      cmocka_unit_test(test_framing),
        cmocka_unit_test(test_waiting),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
