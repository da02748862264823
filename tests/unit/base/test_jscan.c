/*
 * jscan: what is JSON and what is not, and that walks find what is there.
 */
#include "test.h"

#include "base/jscan.h"

#include <errno.h>

static struct arena arena;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, 1 << 20);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    arena_done(&arena);
    return 0;
}

static struct jscan sound(const char *text)
{
    struct jscan value = { 0 };
    const char *why = NULL;
    size_t at = 0;
    if (jscan_check(str_of(text), &value, &why, &at) < 0) {
        fail_msg("%s: %s at %zu", text, why, at);
    }
    return value;
}

static void test_sound(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum jscan_type type;
    } good[] = {
        { "null", JSCAN_NULL },
        { " true\n", JSCAN_BOOL },
        { "false", JSCAN_BOOL },
        { "0", JSCAN_NUMBER },
        { "-0", JSCAN_NUMBER },
        { "10.25", JSCAN_NUMBER },
        { "-1.5E+10", JSCAN_NUMBER },
        { "1e1", JSCAN_NUMBER },
        { "\"\"", JSCAN_TEXT },
        { "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0aF9\"", JSCAN_TEXT },
        { "\"\x7f\xc3\xa9\"", JSCAN_TEXT },
        { "[ ]", JSCAN_ARRAY },
        { "[1 , [ 2 ] ]", JSCAN_ARRAY },
        { "{ }", JSCAN_OBJECT },
        { "{ \"a\" : { \"b\" : [ ] } , \"a\" : 1 }", JSCAN_OBJECT },
    };
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        assert_int_equal(sound(good[i].text).type, good[i].type);
    }
}

static void test_not_sound(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        size_t at;
    } bad[] = {
        { "", 0 },       { " ", 1 },       { "nul", 0 },         { "True", 0 },
        { "01", 1 },     { "+1", 0 },      { "-", 1 },           { "1.", 2 },
        { ".5", 0 },     { "1e", 2 },      { "1e+", 3 },         { "\"", 1 },
        { "\"\\\"", 3 }, { "\"\\x\"", 3 }, { "\"\\u12g4\"", 5 }, { "\"\\u12\"", 5 },
        { "\"\t\"", 1 }, { "'a'", 0 },     { "[", 1 },           { "[1", 2 },
        { "[1,]", 3 },   { "[,1]", 1 },    { "[1 2]", 3 },       { "]", 0 },
        { "{", 1 },      { "{\"a\"}", 4 }, { "{\"a\":}", 5 },    { "{\"a\":1,}", 7 },
        { "{a:1}", 1 },  { "{1:1}", 1 },   { "{} {}", 3 },       { "1 1", 2 },
        { "[1}", 2 },    { "NaN", 0 },     { "/**/1", 0 },
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct jscan value = { 0 };
        const char *why = NULL;
        size_t at = 99;
        int r = jscan_check(str_of(bad[i].text), &value, &why, &at);
        if (r != -EINVAL || !why || at != bad[i].at) {
            fail_msg("%s: %d, at %zu", bad[i].text, r, at);
        }
    }
    struct jscan value;
    const char *why;
    size_t at;
    assert_int_equal(jscan_check(STR("\"\xff\""), &value, &why, &at), -EINVAL);
    assert_int_equal(jscan_check(STR("\"a\0b\""), &value, &why, &at), -EINVAL);
}

static void test_depth(void **state)
{
    (void)state;
    for (size_t depth = JSCAN_DEPTH - 1; depth <= JSCAN_DEPTH + 1; depth++) {
        char text[2 * (JSCAN_DEPTH + 1)];
        struct jscan value;
        const char *why;
        size_t at;
        memset(text, '[', depth);
        memset(text + depth, ']', depth);
        assert_int_equal(jscan_check(str_from(text, 2 * depth), &value, &why, &at),
                         depth <= JSCAN_DEPTH ? 0 : -EINVAL);
    }
}

static void test_walks(void **state)
{
    (void)state;
    struct jscan object =
        sound("{\"a\":\"x}]\\\"\",\"b\":[1,{\"c\":[2]},\"\\\\\"],\"a\":{\"d\":null}}");
    assert_int_equal(jscan_get(object, STR("a")).type, JSCAN_OBJECT); /* the last */
    assert_int_equal(jscan_get(object, STR("d")).type, JSCAN_NONE);
    struct jscan array = jscan_get(object, STR("b"));
    assert_str(jscan_at(array, 0).raw, "1");
    assert_str(jscan_get(jscan_at(array, 1), STR("c")).raw, "[2]");
    assert_str(jscan_text(jscan_at(array, 2), &arena), "\\");
    assert_int_equal(jscan_at(array, 3).type, JSCAN_NONE);
    assert_int_equal(jscan_at(object, 0).type, JSCAN_NONE);
    assert_int_equal(jscan_get(array, STR("a")).type, JSCAN_NONE);
    struct jscan_walk none = jscan_begin(jscan_at(array, 0));
    struct jscan key, value;
    assert_false(jscan_member(&none, &key, &value));
    assert_false(jscan_element(&none, &value));
}

static void test_texts(void **state)
{
    (void)state;
    static const struct {
        const char *json, *text;
    } texts[] = {
        { "\"plain\"", "plain" },
        { "\"\\u0041\\n\\/\"", "A\n/" },
        { "\"\\u00e9\\u20ac\\ud83d\\ude00\"", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80" },
        { "\"\\ud800\"", "\xef\xbf\xbd" },
        { "\"\\ud800\\u0041\"", "\xef\xbf\xbd"
                                "A" },
        { "\"\\udc00\\ud800\"", "\xef\xbf\xbd\xef\xbf\xbd" },
        { "\"\\u0000\"", "\xef\xbf\xbd" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
        assert_str(jscan_text(sound(texts[i].json), &arena), texts[i].text);
    }
    assert_null(jscan_text(sound("1"), &arena).p);
    assert_non_null(jscan_text(sound("\"\""), &arena).p);
    struct arena none;
    arena_init(&none, 0);
    assert_null(jscan_text(sound("\"\\n\""), &none).p);
}

/* What ends a text or is not allowed in it, at every place of it; bytes beside it in value must not be taken for it. */
static void test_places(void **state)
{
    (void)state;
    static const char fill[] = "a\x23\x21\x7f]/";
    for (size_t n = 0; n < 40; n++) {
        for (size_t i = 0; i < sizeof(fill) - 1; i++) {
            char json[64] = "[\"";
            struct jscan value;
            const char *why;
            size_t at;
            memset(json + 2, fill[i], n);
            memcpy(json + 2 + n, "\\\\\",2]", 7);
            struct jscan array = sound(json);
            assert_int_equal(jscan_text(jscan_at(array, 0), &arena).n, n + 1);
            assert_int_equal(jscan_at(array, 1).type, JSCAN_NUMBER);
            memcpy(json + 2 + n, "\\\"\",2]", 7);
            array = sound(json);
            assert_int_equal(jscan_text(jscan_at(array, 0), &arena).n, n + 1);
            assert_int_equal(jscan_at(array, 1).type, JSCAN_NUMBER);
            memcpy(json + 2 + n, "\x1f\",2]", 6);
            assert_true(jscan_check(str_of(json), &value, &why, &at) < 0);
            assert_int_equal(at, 2 + n);
        }
    }
}

static void test_numbers(void **state)
{
    (void)state;
    int64_t whole = 7;
    double real = 0;
    assert_true(jscan_i64(sound("9223372036854775807"), &whole) && whole == INT64_MAX);
    assert_true(jscan_i64(sound("-9223372036854775808"), &whole) && whole == INT64_MIN);
    assert_true(jscan_i64(sound("-0"), &whole) && whole == 0);
    assert_false(jscan_i64(sound("9223372036854775808"), &whole));
    assert_false(jscan_i64(sound("-9223372036854775809"), &whole));
    assert_false(jscan_i64(sound("1.0"), &whole));
    assert_false(jscan_i64(sound("1e2"), &whole));
    assert_false(jscan_i64(sound("\"1\""), &whole));
    assert_true(jscan_double(sound("9.5"), &real) && real > 9.49 && real < 9.51);
    assert_false(jscan_double(sound("null"), &real));
    bool truth = false;
    assert_true(jscan_bool(sound("true"), &truth) && truth);
    assert_false(jscan_bool(sound("1"), &truth));
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_sound), CASE(test_not_sound), CASE(test_depth),   CASE(test_walks),
        CASE(test_texts), CASE(test_places),    CASE(test_numbers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
