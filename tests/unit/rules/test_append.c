/*
 * Items appended to compiled rules: what comes of it, and what has to be compiled instead. tests/property compares the
 * two ways at random.
 */
#include "rules_fixture.h"

#include "base/arena.h"

#include <errno.h>

#define RULES                                                                                      \
    "- list: names\n  items: [one]\n"                                                              \
    "- list: empty\n  items: []\n"                                                                 \
    "- list: inner\n  items: [x]\n"                                                                \
    "- list: outer\n  items: [inner, y]\n"                                                         \
    "- list: text\n  items: [a, b]\n"                                                              \
    "- list: calls\n  items: [open]\n"                                                             \
    "- list: patterns\n  items: ['a.*']\n"                                                         \
    "- list: bytes\n  items: ['6162']\n"                                                           \
    "- list: ports\n  items: [80]\n"                                                               \
    "- list: nets\n  items: [10.0.0.0/8]\n"                                                        \
    "- list: unused\n  items: [x]\n"                                                               \
    "- macro: named\n  condition: proc.name in (names, two)\n" RULE("macro",                       \
                                                                    "evt.type=open and not named") \
        RULE("empty", "evt.type=open and proc.name in (empty)")                                    \
            RULE("outer", "evt.type=open and proc.name in (outer)")                                \
                RULE("text", "evt.type=open and fd.name = \"say text now\"")                       \
                    RULE("calls", "evt.type in (calls)")                                           \
                        RULE("patterns", "evt.type=open and proc.name regex anyof (patterns)")     \
                            RULE("bytes", "evt.type=open and evt.buffer bcontains anyof (bytes)")  \
                                RULE("ports", "evt.type=connect and fd.sport in (ports)")          \
                                    RULE("nets", "evt.type=connect and fd.snet in (nets)")         \
                                        RULE("none", "evt.type=open and proc.name = sh")

static int append(const struct loaded *l, const char *list, struct str item, struct ruleset **ret)
{
    const struct list_items items = { str_of(list), &item, 1 };
    const struct list_changes changes = { &items, 1 };
    return ruleset_append(l->ruleset, &changes, ret);
}

static void print_and_check(struct loaded *l)
{
    print_diags(l);
    assert_non_null(l->ruleset);
}

static const struct check *list_check(const struct cond *cond)
{
    for (uint32_t i = 0; i < cond->nitems; i++) {
        const struct check *found = list_check(cond->items[i]);
        if (found) {
            return found;
        }
    }
    return cond->kind == COND_CHECK && cond->check->nconstants && cond->check->constants[0].list.n
               ? cond->check
               : NULL;
}

static void test_appends(void **state)
{
    (void)state;
    struct loaded l = load_text(RULES);
    struct ruleset *more = NULL;
    print_and_check(&l);
    const struct str first[] = { STR("a b"), STR(""), STR("names") }, second[] = { STR("one") };
    const struct list_items items[] = { { STR("names"), first, 3 },
                                        { STR("unused"), second, 1 },
                                        { STR("names"), second, 1 } };
    const struct list_changes changes = { items, 3 };
    assert_int_equal(ruleset_append(l.ruleset, &changes, &more), 0);
    assert_int_equal(more->nrules, l.ruleset->nrules);

    const struct rule *rule = ruleset_find(more, STR("macro"));
    const struct rule *before = ruleset_find(l.ruleset, STR("macro"));
    assert_ptr_equal(rule, &more->rules[before->index]);
    assert_ptr_not_equal(rule->cond, before->cond);
    const struct check *check = list_check(rule->cond);
    assert_int_equal(list_check(before->cond)->nconstants, 2);
    assert_int_equal(check->nconstants, 3);
    assert_int_equal(check->constants[1].n, 3);
    assert_str(check->constants[1].list, "names");
    assert_str(check->constants[1].strs[0], "a b");
    assert_str(check->constants[1].strs[1], "names");
    assert_str(check->constants[1].strs[2], "one");
    assert_str(check->constants[2].strs[0], "two");

    const struct rule *same = ruleset_find(more, STR("none"));
    assert_ptr_equal(same->cond, ruleset_find(l.ruleset, STR("none"))->cond);
    assert_null(ruleset_find(more, STR("nobody")));
    assert_int_equal(more->lists[0].nitems, 4);
    assert_int_equal(l.ruleset->lists[0].nitems, 1);
    ruleset_free(more);
    load_done(&l);
}

static void test_types(void **state)
{
    (void)state;
    struct loaded l = load_text(RULES);
    struct ruleset *more = NULL;
    assert_int_equal(append(&l, "ports", STR("0x1bb"), &more), 0);
    const struct check *check = list_check(ruleset_find(more, STR("ports"))->cond);
    assert_int_equal(check->constants[1].values[0].u, 443);
    ruleset_free(more);
    assert_int_equal(append(&l, "nets", STR("192.168.0.0/16"), &more), 0);
    check = list_check(ruleset_find(more, STR("nets"))->cond);
    assert_int_equal(check->constants[1].values[0].net.prefix_bits, 16);
    ruleset_free(more);
    load_done(&l);
}

static void test_takes_a_compilation(void **state)
{
    (void)state;
    static char longest[LITERAL_MAX];
    memset(longest, 'x', sizeof(longest));
    const struct {
        const char *list;
        struct str item;
    } cases[] = {
        { "nobody", STR("x") },         { "empty", STR("x") },
        { "inner", STR("x") },          { "text", STR("x") },
        { "calls", STR("close") },      { "patterns", STR("b.*") },
        { "bytes", STR("6364") },       { "ports", STR("x") },
        { "nets", STR("10.0.0.0/33") }, { "names", STR("a\x01") },
        { "names", STR("a\x7f") },      { "names", STR("\r") },
        { "names", STR("\xff") },       { "names", str_from("\0", 1) },
        { "nets", STR("10.0.0.1 ") },   { "names", str_from(longest, LITERAL_MAX / 2 + 1) },
    };
    struct loaded l = load_text(RULES);
    struct ruleset *more = NULL, *again = NULL;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        int r = append(&l, cases[i].list, cases[i].item, &more);
        if (r != -EOPNOTSUPP) {
            fail_msg("%s: %d", cases[i].list, r);
        }
    }
    assert_int_equal(append(&l, "names", str_from(longest, LITERAL_MAX / 2), &more), 0);
    struct loaded made = { .ruleset = more };
    assert_int_equal(append(&made, "names", STR("x"), &again), -EOPNOTSUPP);
    ruleset_free(more);
    assert_int_equal(append(&l, "outer", STR("inner"), &more), 0); /* which means itself */
    ruleset_free(more);
    load_done(&l);
}

/* A list whose name holds a delimiter is searched for in every text. */
static void test_odd_names(void **state)
{
    (void)state;
    struct loaded l =
        load_text("- list: odd name\n  items: [x]\n- list: names\n  items: [y]\n" RULE(
            "a", "evt.type=open and proc.name in (names)"));
    struct ruleset *more = NULL;
    assert_int_equal(append(&l, "names", STR("x"), &more), -EOPNOTSUPP);
    load_done(&l);
}

static void test_failing_memory(void **state)
{
    (void)state;
    struct loaded l = load_text(RULES);
    struct ruleset *more = NULL;
    int r = -ENOMEM;
    uint64_t n = 1;
    for (; r == -ENOMEM; n++) {
        mem_fail_after(n);
        r = append(&l, "names", STR("x"), &more);
        mem_fail_after(0);
    }
    assert_int_equal(r, 0);
    assert_true(n > 2);
    ruleset_free(more);
    load_done(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_appends),
        cmocka_unit_test(test_types),
        cmocka_unit_test(test_takes_a_compilation),
        cmocka_unit_test(test_odd_names),
        cmocka_unit_test(test_failing_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
