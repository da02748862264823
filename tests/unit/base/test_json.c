/*
 * json: what the emitter writes is read back by a strict parser: every byte value, random bytes,
 * random nesting, all kinds of values; bytes that are not UTF-8 come back as \xHH.
 */
#include "test.h"

#include "base/buf.h"

#include <json-c/json.h>

#define LIMIT 65536

static struct json_object *parse(const struct buf *buf)
{
    struct json_tokener *parser = json_tokener_new_ex(JSONW_DEPTH_MAX + 2);
    json_tokener_set_flags(parser, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    struct json_object *value = json_tokener_parse_ex(parser, buf->p, (int)buf->n);
    if (json_tokener_get_error(parser) == json_tokener_continue) {
        value = json_tokener_parse_ex(parser, "", 1); /* a number ends with the text */
    }
    if (json_tokener_get_error(parser) != json_tokener_success) {
        print_error("not JSON: %.*s\n", STR_ARG(buf_str(buf)));
        fail();
    }
    json_tokener_free(parser);
    return value;
}

static struct str text_of(struct json_object *value)
{
    return str_from(json_object_get_string(value), (size_t)json_object_get_string_len(value));
}

static void assert_round_trip(struct str text, struct str expected)
{
    struct buf buf;
    buf_init(&buf, LIMIT);
    buf_json_str(&buf, text);
    assert_false(buf.failed);
    for (size_t i = 0; i < buf.n; i++) {
        assert_true((unsigned char)buf.p[i] >= 0x20 && buf.p[i] != 0x7f);
    }
    struct json_object *value = parse(&buf);
    assert_true(str_eq(text_of(value), expected));
    json_object_put(value);
    buf_done(&buf);
}

static void every_byte(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        char text[3] = { 'a', (char)c, 'b' };
        char expected[8];
        int n = snprintf(expected, sizeof(expected), "a\\x%02xb", (unsigned)c);
        assert_round_trip(str_from(text, 3),
                          c < 0x80 ? str_from(text, 3) : str_from(expected, (size_t)n));
        assert_round_trip(str_from(text + 1, 1),
                          c < 0x80 ? str_from(text + 1, 1) : str_from(expected + 1, 4));
    }
    assert_round_trip((struct str){ 0 }, STR(""));
}

static void unicode(void **state)
{
    (void)state;
    const struct str text = STR("火の見 é \xf0\x9f\x94\xa5 \xef\xbf\xbd");
    assert_round_trip(text, text);
    assert_round_trip(STR("\xe7\x81"), STR("\\xe7\\x81"));          /* cut short */
    assert_round_trip(STR("\xc0\xaf"), STR("\\xc0\\xaf"));          /* overlong */
    assert_round_trip(STR("\xed\xa0\x80"), STR("\\xed\\xa0\\x80")); /* a surrogate */
    assert_round_trip(STR("\xff\xc3\xa9"), STR("\\xff\xc3\xa9"));
}

static void random_bytes(void **state)
{
    (void)state;
    uint64_t seed = 9;
    for (int i = 0; i < 3000; i++) {
        char text[40];
        size_t n = test_random_below(&seed, sizeof(text) + 1);
        char expected[sizeof(text) * 4];
        size_t m = 0;
        for (size_t j = 0; j < n; j++) {
            text[j] = (char)(i % 2 ? test_random(&seed) | 0x80 : test_random(&seed) & 0x7f);
        }
        struct str s = str_from(text, n);
        if (str_is_utf8(s)) {
            assert_round_trip(s, s);
            continue;
        }
        for (size_t j = 0;
             j < n;) { /* the longest well-formed piece at each place, else one byte */
            size_t length = n - j < 4 ? n - j : 4;
            while (length && !(str_is_utf8(str_from(text + j, length)))) {
                length--;
            }
            memcpy(expected + m, text + j, length);
            m += length;
            j += length;
            if (!length) {
                m += (size_t)snprintf(expected + m, 5, "\\x%02x", (unsigned char)text[j++]);
            }
        }
        assert_round_trip(s, str_from(expected, m));
    }
}

static void values(void **state)
{
    (void)state;
    struct buf buf;
    buf_init(&buf, LIMIT);
    struct jsonw w = { .buf = &buf };
    jsonw_object(&w, NULL);
    jsonw_str(&w, "s", STR("x\"y"));
    jsonw_strz(&w, "z", "t");
    jsonw_strz(&w, "none", NULL);
    jsonw_i64(&w, "i", INT64_MIN);
    jsonw_u64(&w, "u", UINT64_MAX);
    jsonw_bool(&w, "t", true);
    jsonw_bool(&w, "f", false);
    jsonw_null(&w, "n");
    jsonw_double(&w, "d", 0.1);
    jsonw_double(&w, "inf", 1.0 / 0.0);
    jsonw_raw(&w, "raw", STR("[1,2]"));
    jsonw_array(&w, "a");
    jsonw_end(&w);
    jsonw_array(&w, "b");
    jsonw_i64(&w, NULL, 1);
    jsonw_object(&w, NULL);
    jsonw_end(&w);
    jsonw_str(&w, NULL, STR(""));
    jsonw_end(&w);
    jsonw_key(&w, STR("k\n"));
    jsonw_array(&w, NULL);
    jsonw_end(&w);
    jsonw_key(&w, STR("l"));
    jsonw_null(&w, NULL);
    jsonw_end(&w);
    assert_int_equal(w.depth, 0);
    assert_str(
        buf_str(&buf),
        "{\"s\":\"x\\\"y\",\"z\":\"t\",\"none\":null,\"i\":-9223372036854775808,"
        "\"u\":18446744073709551615,\"t\":true,\"f\":false,\"n\":null,\"d\":0.1,\"inf\":null,"
        "\"raw\":[1,2],\"a\":[],\"b\":[1,{},\"\"],\"k\\n\":[],\"l\":null}");
    json_object_put(parse(&buf));
    buf_done(&buf);
}

static void random_nesting(void **state)
{
    (void)state;
    uint64_t seed = 10;
    for (int i = 0; i < 500; i++) {
        struct buf buf;
        buf_init(&buf, LIMIT);
        struct jsonw w = { .buf = &buf };
        bool in_array[JSONW_DEPTH_MAX + 1] = { true };
        jsonw_array(&w, NULL);
        in_array[1] = true;
        for (int step = 0; step < 200; step++) {
            const char *key = in_array[w.depth] ? NULL : "k";
            uint64_t what = test_random_below(&seed, 5);
            if (what < 2 && w.depth < JSONW_DEPTH_MAX) {
                (what ? jsonw_array : jsonw_object)(&w, key);
                in_array[w.depth] = what;
            } else if (what == 2 && w.depth > 1) {
                jsonw_end(&w);
            } else {
                jsonw_u64(&w, key, what);
            }
        }
        while (w.depth) {
            jsonw_end(&w);
        }
        assert_false(buf.failed);
        json_object_put(parse(&buf));
        buf_done(&buf);
    }
}

static void too_deep(void **state)
{
    (void)state;
    for (unsigned depth = JSONW_DEPTH_MAX - 1; depth <= JSONW_DEPTH_MAX + 1; depth++) {
        struct buf buf;
        buf_init(&buf, LIMIT);
        struct jsonw w = { .buf = &buf };
        for (unsigned i = 0; i < depth; i++) {
            jsonw_array(&w, NULL);
            jsonw_null(&w, NULL);
        }
        for (unsigned i = 0; i < depth; i++) {
            jsonw_end(&w);
        }
        assert_int_equal(w.depth, 0);
        assert_int_equal(buf.failed, depth > JSONW_DEPTH_MAX);
        if (!buf.failed) {
            json_object_put(parse(&buf));
        }
        buf_done(&buf);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_byte),     cmocka_unit_test(unicode),
        cmocka_unit_test(random_bytes),   cmocka_unit_test(values),
        cmocka_unit_test(random_nesting), cmocka_unit_test(too_deep),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
