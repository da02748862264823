/*
 * err: messages are set, wrapped and cut, at and around the limit; NULL is allowed everywhere.
 */
#include "test.h"

#include "base/err.h"

#include <errno.h>

static void sets(void **state)
{
    (void)state;
    struct err err = { 0 };
    assert_int_equal(err_set(&err, -EINVAL, "line %d: %s", 7, "no"), -EINVAL);
    assert_int_equal(err.code, -EINVAL);
    assert_string_equal(err.message, "line 7: no");
}

static void wraps(void **state)
{
    (void)state;
    struct err err = { 0 };
    err_set(&err, -ENOENT, "no such file");
    assert_int_equal(err_wrap(&err, "cannot open %s", "a"), -ENOENT);
    assert_int_equal(err_wrap(&err, "loading"), -ENOENT);
    assert_string_equal(err.message, "loading: cannot open a: no such file");
}

static void accepts_null(void **state)
{
    (void)state;
    assert_int_equal(err_set(NULL, -EIO, "x"), -EIO);
    assert_int_equal(err_wrap(NULL, "x"), -1);
}

static void cuts(void **state)
{
    (void)state;
    char text[ERR_MESSAGE_MAX + 8];
    for (size_t n = ERR_MESSAGE_MAX - 2; n <= ERR_MESSAGE_MAX + 1; n++) {
        memset(text, 'a', n);
        text[n] = '\0';
        struct err err = { 0 };
        err_set(&err, -EINVAL, "%s", text);
        assert_int_equal(strlen(err.message), n < ERR_MESSAGE_MAX ? n : ERR_MESSAGE_MAX - 1);
        err_wrap(&err, "b");
        assert_int_equal(strlen(err.message), ERR_MESSAGE_MAX - 1);
        assert_memory_equal(err.message, "b: aaa", 6);
        err_wrap(&err, "%s", text);
        assert_int_equal(strlen(err.message), ERR_MESSAGE_MAX - 1);
        assert_int_equal(err.code, -EINVAL);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets),
        cmocka_unit_test(wraps),
        cmocka_unit_test(accepts_null),
        cmocka_unit_test(cuts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
