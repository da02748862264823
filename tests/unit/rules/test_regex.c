/*
 * regex: anchoring, POSIX syntax, invalid UTF-8, limits, sets.
 */
#include "rules/regex.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static bool matches(struct str pattern, struct str text)
{
    struct regex *regex = NULL;
    struct err err = { 0 };
    assert_int_equal(regex_new(pattern, &regex, &err), 0);
    bool yes = regex_match(regex, text);
    regex_free(regex);
    return yes;
}

static int refused(struct str pattern, struct err *err)
{
    struct regex *regex = NULL;
    *err = (struct err){ 0 };
    int r = regex_new(pattern, &regex, err);
    assert_null(regex);
    return r;
}

static void test_matches_whole_texts(void **state)
{
    (void)state;
    assert_true(matches(STR("a.c"), STR("abc")));
    assert_false(matches(STR("b"), STR("abc")));
    assert_true(matches(STR(".*b.*"), STR("abc")));
    assert_true(matches(STR("^abc$"), STR("abc")));
    assert_true(matches(STR(""), STR("")));
    assert_true(matches(STR("a|bc"), STR("bc")));
    assert_false(matches(STR("a|b"), STR("bc")));
    assert_true(matches(STR("[[:digit:]]+"), STR("123")));
    assert_false(matches(STR("a.c"), STR("a\nc")));
    assert_true(matches(STR("(a*)*"), STR("aaaa")));
}

static void test_bytes_that_are_not_utf8(void **state)
{
    (void)state;
    assert_true(matches(STR("a.b"), STR("a\xff"
                                        "b")));
    assert_true(matches(STR("a\xef\xbf\xbd"
                            "b"),
                        STR("a\xff"
                            "b")));
    assert_true(matches(STR("a..b"), STR("a\xff\xfe"
                                         "b")));
    assert_true(matches(STR("."), STR("\xe7\x81\xab")));
    assert_true(matches(STR(".."), STR("\xe7\x81")));
}

static void test_bad_patterns(void **state)
{
    (void)state;
    struct err err;
    static const char *const bad[] = { "(", "[a", "a{1001}", "*a", "\\", "(?P<n>a)\\1", "\\d" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        assert_int_equal(refused(str_of(bad[i]), &err), -EINVAL);
        assert_non_null(strstr(err.message, "invalid regex pattern: "));
    }
    assert_int_equal(refused(STR("\xff"), &err), -EINVAL);
}

static void test_limits(void **state)
{
    (void)state;
    struct err err;
    char long_pattern[REGEX_TEXT_MAX + 1];
    memset(long_pattern, 'a', sizeof(long_pattern));
    assert_int_equal(refused(str_from(long_pattern, REGEX_TEXT_MAX + 1), &err), -E2BIG);
    assert_true(
        matches(str_from(long_pattern, REGEX_TEXT_MAX), str_from(long_pattern, REGEX_TEXT_MAX)));
    assert_true(refused(STR("((((a{30}){30}){30}){30}){30}"), &err) < 0);
    assert_true(refused(STR("(\xe7\x81\xab{1000}){1000}"), &err) < 0);
}

static void test_time_is_linear(void **state)
{
    (void)state;
    static char text[100000];
    memset(text, 'a', sizeof(text));
    clock_t start = clock();
    assert_false(matches(STR("(a|aa)*(a|aa)*(a|aa)*b"), str_from(text, sizeof(text))));
    assert_false(matches(STR("(.*)(.*)(.*)(.*)x"), str_from(text, sizeof(text))));
    assert_true(clock() - start < 2 * CLOCKS_PER_SEC);
}

static void test_size(void **state)
{
    (void)state;
    struct regex *regex = NULL;
    assert_int_equal(regex_new(STR("a+b"), &regex, NULL), 0);
    assert_true(regex_size(regex) > 2);
    regex_free(regex);
    regex_free(NULL);
}

static void test_sets(void **state)
{
    (void)state;
    const struct str patterns[] = { STR("a.*"), STR(".*b"), STR("c") };
    struct regex_set *set = NULL;
    struct err err = { 0 };
    assert_int_equal(regex_set_new(patterns, 3, &set, &err), 0);
    bool hit[3] = { 0 };
    assert_int_equal(regex_set_match(set, STR("axb"), hit), 0);
    assert_true(hit[0] && hit[1] && !hit[2]);
    memset(hit, 0, sizeof(hit));
    assert_int_equal(regex_set_match(set, STR("x"), hit), 0);
    assert_false(hit[0] || hit[1] || hit[2]);
    assert_int_equal(regex_set_match(set, STR("a\xff"), hit), 0);
    assert_true(hit[0] && !hit[1]);
    regex_set_free(set);
    regex_set_free(NULL);
}

static void test_set_of_a_bad_pattern(void **state)
{
    (void)state;
    const struct str patterns[] = { STR("a"), STR("(") };
    struct regex_set *set = NULL;
    struct err err = { 0 };
    assert_int_equal(regex_set_new(patterns, 2, &set, &err), -EINVAL);
    assert_null(set);
}

static void test_empty_set(void **state)
{
    (void)state;
    struct regex_set *set = NULL;
    assert_int_equal(regex_set_new(NULL, 0, &set, NULL), 0);
    assert_int_equal(regex_set_match(set, STR("x"), NULL), 0);
    regex_set_free(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matches_whole_texts),
        cmocka_unit_test(test_bytes_that_are_not_utf8),
        cmocka_unit_test(test_bad_patterns),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_time_is_linear),
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_sets),
        cmocka_unit_test(test_set_of_a_bad_pattern),
        cmocka_unit_test(test_empty_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
