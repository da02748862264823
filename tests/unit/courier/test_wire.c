/*
 * Messages come back as they were written; cut or changed anywhere they are refused or stay within their limits.
 */
#include "courier/wire.h"
#include "test.h"

static const struct courier_header headers[] = { { STR("Content-Type"), STR("a/b") },
                                                 { STR("X-Empty"), STR("") } };
static const struct str people[] = { STR("a@b.example"), STR("c@d.example") };

static struct courier_request request_of(void)
{
    return (struct courier_request){ .url = STR("https://a.example/x"),
                                     .method = STR("PUT"),
                                     .headers = headers,
                                     .nheaders = 2,
                                     .body = STR("bo\0dy"),
                                     .from = STR("e@f.example"),
                                     .to = people,
                                     .nto = 2,
                                     .tls = COURIER_PLAIN,
                                     .user = STR("user"),
                                     .password = STR("secret"),
                                     .ca = STR("PEM"),
                                     .wanted = STR("A B"),
                                     .answer_max = 4711,
                                     .timeout_ms = 1234,
                                     .reach = COURIER_CREDENTIALS };
}

static void test_request(void **state)
{
    (void)state;
    static struct wire_request got;
    struct courier_request sent = request_of();
    struct buf buf;
    uint64_t id = 0;
    buf_init(&buf, WIRE_MESSAGE_MAX);
    wire_put_request(&buf, 77, &sent);
    assert_int_equal(wire_size(buf_str(&buf)), buf.n);
    assert_int_equal(wire_kind(buf_str(&buf), &id), WIRE_REQUEST);
    assert_int_equal(id, 77);
    assert_true(wire_get_request(buf_str(&buf), &got));
    assert_str(got.request.url, "https://a.example/x");
    assert_string_equal(got.request.url.p, "https://a.example/x"); /* with its NUL */
    assert_str(got.request.method, "PUT");
    assert_int_equal(got.request.nheaders, 2);
    assert_str(got.request.headers[0].name, "Content-Type");
    assert_str(got.request.headers[1].value, "");
    assert_int_equal(got.request.body.n, 5);
    assert_memory_equal(got.request.body.p, "bo\0dy", 5);
    assert_int_equal(got.request.nto, 2);
    assert_str(got.request.to[1], "c@d.example");
    assert_str(got.request.password, "secret");
    assert_int_equal(got.request.tls, COURIER_PLAIN);
    assert_int_equal(got.request.reach, COURIER_CREDENTIALS);
    assert_int_equal(got.request.answer_max, 4711);
    assert_int_equal(got.request.timeout_ms, 1234);
    sent.body = (struct str){ 0 };
    buf_clear(&buf);
    wire_put_request(&buf, 78, &sent);
    assert_true(wire_get_request(buf_str(&buf), &got));
    assert_null(got.request.body.p);
    buf_done(&buf);
}

static void test_options(void **state)
{
    (void)state;
    static struct wire_options got;
    char *allow[] = { "10.0.0.0/8", "::1" };
    const struct courier_options sent = { .allow_private = true,
                                          .allow = allow,
                                          .nallow = 2,
                                          .proxy = STR("http://p:1"),
                                          .ca = STR("PEM"),
                                          .agent = STR("x/1") };
    struct buf buf;
    buf_init(&buf, WIRE_MESSAGE_MAX);
    wire_put_options(&buf, &sent);
    assert_true(wire_get_options(buf_str(&buf), &got));
    assert_true(got.allow_private);
    assert_int_equal(got.nallow, 2);
    assert_int_equal(got.allow[0].bits, 104);
    assert_int_equal(got.allow[1].bits, 128);
    assert_str(got.proxy, "http://p:1");
    assert_str(got.agent, "x/1");
    buf_done(&buf);
}

static struct courier_answer answer_of(void)
{
    struct courier_answer answer = { .outcome = COURIER_ANSWERED,
                                     .status = 429,
                                     .retry_after_s = 7,
                                     .elapsed_ms = 5,
                                     .body = STR("body"),
                                     .headers = { { STR("A"), STR("b") } },
                                     .nheaders = 1 };
    snprintf(answer.address, sizeof(answer.address), "127.0.0.1:1");
    snprintf(answer.text, sizeof(answer.text), "a\x1b[31m\nb\x7f é");
    return answer;
}

static void test_answer(void **state)
{
    (void)state;
    struct courier_answer sent = answer_of(), got;
    struct buf buf;
    buf_init(&buf, WIRE_MESSAGE_MAX);
    wire_put_answer(&buf, 5, &sent);
    assert_true(wire_get_answer(buf_str(&buf), &got));
    assert_int_equal(got.outcome, COURIER_ANSWERED);
    assert_int_equal(got.status, 429);
    assert_int_equal(got.retry_after_s, 7);
    assert_string_equal(got.address, "127.0.0.1:1");
    assert_string_equal(got.text, "a?[31m?b? é");
    assert_str(got.body, "body");
    assert_str(courier_answer_header(&got, "a"), "b");
    assert_int_equal(courier_answer_header(&got, "c").n, 0);
    sent.status = 1000;
    buf_clear(&buf);
    wire_put_answer(&buf, 5, &sent);
    assert_false(wire_get_answer(buf_str(&buf), &got));
    sent.status = 200;
    sent.retry_after_s = 86401;
    buf_clear(&buf);
    wire_put_answer(&buf, 5, &sent);
    assert_true(wire_get_answer(buf_str(&buf), &got));
    assert_int_equal(got.retry_after_s, 0);
    buf_done(&buf);
}

static void test_sizes(void **state)
{
    (void)state;
    struct courier_answer sent = answer_of();
    struct buf buf;
    buf_init(&buf, WIRE_MESSAGE_MAX);
    wire_put_answer(&buf, 5, &sent);
    for (size_t n = 0; n < buf.n; n++) {
        assert_int_equal(wire_size(str_first(buf_str(&buf), n)), 0);
    }
    size_t whole = buf.n;
    wire_put_leave(&buf);
    assert_int_equal(wire_size(buf_str(&buf)), whole);
    uint32_t size = (uint32_t)WIRE_MESSAGE_MAX + 1;
    memcpy(buf.p, &size, sizeof(size));
    assert_int_equal(wire_size(buf_str(&buf)), SIZE_MAX);
    size = 11;
    memcpy(buf.p, &size, sizeof(size));
    assert_int_equal(wire_size(buf_str(&buf)), SIZE_MAX);
    buf_done(&buf);
}

/* Each message cut at each byte, in memory of just that size. */
static void test_cut(void **state)
{
    (void)state;
    static struct wire_request request;
    static struct wire_options options;
    struct courier_request sent = request_of();
    struct courier_answer sent_answer = answer_of(), answer;
    struct buf buf;
    buf_init(&buf, WIRE_MESSAGE_MAX);
    wire_put_request(&buf, 1, &sent);
    size_t first = buf.n;
    wire_put_answer(&buf, 1, &sent_answer);
    for (size_t n = 0; n < first; n++) {
        char *copy = malloc(n + 1);
        memcpy(copy, buf.p, n);
        assert_false(wire_get_request((struct str){ copy, n }, &request));
        free(copy);
    }
    for (size_t n = 0; n < buf.n - first; n++) {
        char *copy = malloc(n + 1);
        memcpy(copy, buf.p + first, n);
        assert_false(wire_get_answer((struct str){ copy, n }, &answer));
        wire_get_options((struct str){ copy, n }, &options);
        free(copy);
    }
    buf_done(&buf);
}

static void check_changed(struct str message)
{
    static struct wire_request request;
    struct courier_answer answer;
    if (wire_get_request(message, &request)) {
        assert_true(request.request.nheaders <= COURIER_HEADERS_MAX);
        assert_true(request.request.nto <= COURIER_TO_MAX);
        assert_true(request.request.url.n <= COURIER_URL_MAX);
    }
    if (wire_get_answer(message, &answer)) {
        assert_true(answer.nheaders <= COURIER_WANTED_MAX);
        assert_true(answer.status <= 999 && answer.outcome <= COURIER_STOPPED);
        assert_true(answer.body.n <= COURIER_ANSWER_MAX);
    }
}

static void test_changed(void **state)
{
    (void)state;
    struct courier_request sent = request_of();
    struct courier_answer sent_answer = answer_of();
    uint64_t random = 1;
    for (unsigned i = 0; i < 20000; i++) {
        struct buf buf;
        buf_init(&buf, WIRE_MESSAGE_MAX);
        if (i % 2) {
            wire_put_request(&buf, 1, &sent);
        } else {
            wire_put_answer(&buf, 1, &sent_answer);
        }
        for (unsigned k = 0; k < 1 + i % 3; k++) {
            buf.p[WIRE_HEAD + test_random_below(&random, buf.n - WIRE_HEAD)] =
                (char)test_random(&random);
        }
        check_changed(buf_str(&buf));
        buf_done(&buf);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_request), cmocka_unit_test(test_options),
        cmocka_unit_test(test_answer),  cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_cut),     cmocka_unit_test(test_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
