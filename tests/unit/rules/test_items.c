/*
 * Files of items: what they add to a list, that every item means itself, and what is wrong with a line.
 */
#include "rules_fixture.h"

#include "rules/ast.h"

#include <errno.h>

#define RULES                                                                                      \
    "- list: shells\n  items: [sh, bash]\n- list: names\n  items: [one]\n"                         \
    "- list: later\n  items: [x]\n" RULE("a", "evt.type=open and fd.name in (names)")              \
        RULE("b", "evt.type=open and fd.name in (later, shells)")

static struct loaded load_items(const char *list, struct str content)
{
    struct loaded l = load_begin();
    load_more(&l, "test.yaml", STR(RULES));
    assert_int_equal(l.result, 0);
    l.result = loader_add_items(l.loader, STR("lists/x.txt"), str_of(list), content);
    load_end(&l);
    return l;
}

static const struct list *list_of(const struct loaded *l, const char *name)
{
    for (uint32_t i = 0; i < l->ruleset->nlists; i++) {
        if (str_eqz(l->ruleset->lists[i].name, name)) {
            return &l->ruleset->lists[i];
        }
    }
    return NULL;
}

static void test_each_means_itself(void **state)
{
    (void)state;
    static const char *const want[] = {
        "one", "two", "shells", "a b",       "q\"uo'te",     "(x, shells)",  "later",
        "c=d", "e,f", "g\\h",   "new\nline", "\xe6\x97\xa5", "# no comment", " edge ",
    };
    struct loaded l =
        load_items("names", STR("two\nshells\na b\nq\"uo'te\n(x, shells)\n\nlater\nc=d"
                                "\ne,f\ng\\\\h\nnew\\nline\n\xe6\x97\xa5\n# no comment\n"
                                " edge "));
    print_diags(&l);
    assert_int_equal(l.result, 0);
    const struct list *list = list_of(&l, "names");
    assert_int_equal(list->nitems, ARRAY_SIZE(want));
    for (uint32_t i = 0; i < list->nitems; i++) {
        assert_str(list->items[i], want[i]);
    }
    const struct ast *check = l.ruleset->rules[0].ast->items[1];
    assert_int_equal(check->check.values[0].n, ARRAY_SIZE(want));
    load_done(&l);
}

static void test_wrong_lines(void **state)
{
    (void)state;
    static const struct {
        const char *line, *message;
        uint32_t column;
    } cases[] = {
        { "a\\t", "Unknown escape", 3 },    { "a\\", "Unknown escape", 2 },
        { "cr\r", "control character", 3 }, { "a\x7f", "control character", 2 },
        { "\xff", "not UTF-8", 1 },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char text[64];
        snprintf(text, sizeof(text), "good\n%s\nfine\n", cases[i].line);
        struct loaded l = load_items("names", str_of(text));
        assert_int_equal(l.result, -EINVAL);
        const struct diagnostic *d = find_diag(&l, LOAD_ERR_VALIDATE, cases[i].message);
        assert_non_null(d);
        assert_int_equal(d->pos.file, 1);
        assert_int_equal(d->pos.line, 2);
        assert_int_equal(d->pos.column, cases[i].column);
        assert_int_equal(list_of(&l, "names")->nitems, 3);
        load_done(&l);
    }
    struct loaded l = load_items("names", STR("a\0b\n"));
    assert_non_null(find_diag(&l, LOAD_ERR_VALIDATE, "control character"));
    load_done(&l);
}

static void test_no_such_list(void **state)
{
    (void)state;
    struct loaded l = load_items("name", STR("a\n"));
    assert_int_equal(l.result, -EINVAL);
    assert_str(find_diag(&l, LOAD_ERR_VALIDATE, "does not exist")->hint, "did you mean `names`?");
    load_done(&l);
}

static void test_lengths(void **state)
{
    (void)state;
    for (size_t n = LITERAL_MAX - 1; n <= LITERAL_MAX + 1; n++) {
        struct buf text;
        buf_init(&text, LITERAL_MAX + 8);
        for (size_t i = 0; i < n; i++) {
            buf_putc(&text, i == 5 ? ' ' : 'x');
        }
        struct loaded l = load_items("names", buf_str(&text));
        assert_int_equal(l.result, n <= LITERAL_MAX ? 0 : -EINVAL);
        assert_int_equal(list_of(&l, "names")->nitems, n <= LITERAL_MAX ? 2 : 1);
        buf_done(&text);
        load_done(&l);
    }
}

static void test_a_million(void **state)
{
    (void)state;
    struct buf text;
    buf_init(&text, RULES_FILE_MAX);
    for (uint32_t i = 0; i < 1000000; i++) {
        buf_printf(&text, "host-%u.example\n", i);
    }
    struct loaded l = load_items("names", buf_str(&text));
    assert_int_equal(l.result, 0);
    assert_int_equal(list_of(&l, "names")->nitems, 1000001);
    assert_str(list_of(&l, "names")->items[1000000], "host-999999.example");
    buf_done(&text);
    load_done(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_means_itself), cmocka_unit_test(test_wrong_lines),
        cmocka_unit_test(test_no_such_list),      cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_a_million),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
