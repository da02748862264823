/*
 * Fields: their table, and names that are none.
 */
#include "field_fixture.h"

#include <errno.h>

static void expect_error(const char *name, const char *arg, int code, const char *message)
{
    struct field_ref ref;
    struct err err = { 0 };
    assert_int_equal(field_resolve(str_of(name), str_of(arg), &ref, &err), code);
    if (!strstr(err.message, message)) {
        fail_msg("%s: \"%s\" has no \"%s\"", name, err.message, message);
    }
}

static void test_names(void **unused)
{
    (void)unused;
    expect_error("proc.nmae", NULL, -ENOENT, "did you mean proc.name?");
    expect_error("fd.cmdline", NULL, -ENOENT, "did you mean proc.cmdline?");
    expect_error("zzzzzz", NULL, -ENOENT, "nonexistent field zzzzzz");
    expect_error("", NULL, -ENOENT, "nonexistent");
    expect_error("proc.name", "1", -EINVAL, "takes no argument");
    expect_error("evt.arg", NULL, -EINVAL, "requires an argument");
    expect_error("evt.arg", "", -EINVAL, "empty");
    expect_error("evt.arg.", NULL, -ENOENT, "nonexistent");
    expect_error("evt.arg.nosuch", NULL, -EINVAL, "unknown event argument nosuch");
    expect_error("evt.rawarg", "0", -EINVAL, "unknown event argument 0");
    expect_error("evt.type.is.nosuch", NULL, -EINVAL, "unknown event type nosuch");
    expect_error("proc.aname", "x", -EINVAL, "must be a number");
    expect_error("proc.aname", "-1", -EINVAL, "must be a number");
    expect_error("proc.aname", "2147483648", -EINVAL, "too large");
    expect_error("evt.around", "x", -EINVAL, "a time in ns");
    expect_error("evt.abspath", "x", -EINVAL, "src or dst");
    expect_error("proc.env.HOME", NULL, -ENOENT, "nonexistent");
    char longest[FIELD_ARG_MAX + 2];
    memset(longest, 'a', sizeof(longest));
    longest[FIELD_ARG_MAX + 1] = '\0';
    expect_error("proc.env", longest, -EINVAL, "longer than 128 bytes");
    longest[FIELD_ARG_MAX] = '\0';
    struct field_ref ref;
    assert_int_equal(field_resolve(STR("proc.env"), str_of(longest), &ref, NULL), 0);
    assert_int_equal(field_resolve(STR("evt.rawarg.res"), (struct str){ 0 }, &ref, NULL), 0);
    assert_int_equal(ref.type, TYPE_INT64);
    assert_int_equal(field_resolve(STR("evt.rawarg.flags"), (struct str){ 0 }, &ref, NULL), 0);
    assert_int_equal(ref.type, TYPE_UINT64);
    assert_null(field_suggest(STR("qqqqqqqqqqqqq")));
    assert_string_equal(field_suggest(STR("evt.tpye")), "evt.type");
}

static void test_table(void **unused)
{
    (void)unused;
    for (int i = 0; i < FIELD_COUNT; i++) {
        const struct field_desc *desc = &field_table[i];
        assert_true(desc->name[0] && desc->doc[0] && desc->class[0]);
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(desc->name, field_table[j].name);
        }
        bool has = desc->flags & (FIELD_ARG_ALLOWED | FIELD_ARG_REQUIRED);
        assert_int_equal(has, !!(desc->flags & (FIELD_ARG_INDEX | FIELD_ARG_KEY)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
