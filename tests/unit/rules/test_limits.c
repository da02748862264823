/*
 * load: versions, documents that are no rules, hostile files, limits, failing allocations, selection.
 */
#include "rules_fixture.h"

#include <errno.h>

#define WITH_EXCEPTIONS(lines) RULE("a", "evt.type=open or evt.type=close") "  exceptions:\n" lines

/* ---- versions, documents */

static void test_versions(void **state)
{
    (void)state;
    static const struct {
        const char *yaml;
        bool ok;
    } cases[] = {
        { "- required_engine_version: 62\n", true },
        { "- required_engine_version: 63\n", true },
        { "- required_engine_version: 64\n", false },
        { "- required_engine_version: 0.63.9\n", true },
        { "- required_engine_version: 0.64.0\n", false },
        { "- required_engine_version: 1.0.0\n", false },
        { "- required_engine_version: 0.6\n", false },
        { "- required_engine_version: 0.6.0-rc1\n", true },
        { "- required_plugin_versions:\n  - name: container\n    version: 0.4.1\n", true },
        { "- required_plugin_versions:\n  - name: json\n    version: 0.4.1\n", false },
        { "- required_plugin_versions:\n  - name: json\n    version: 0.4.1\n"
          "    alternatives:\n    - name: container\n      version: 0.1.0\n",
          true },
        { "- required_plugin_versions:\n  - name: container\n    version: x\n", false },
        { "- required_plugin_versions: x\n", false },
        { "- required_plugin_versions: [x]\n", false },
        { "- required_plugin_versions:\n  - name: json\n    version: 0.4.1\n    alternatives: x\n",
          false },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct loaded l = load_text(cases[i].yaml);
        if ((l.result == 0) != cases[i].ok) {
            print_diags(&l);
            fail_msg("%s", cases[i].yaml);
        }
        load_done(&l);
    }
}

static void test_documents(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *message;
        uint32_t line, column;
        enum diag_code code;
    } cases[] = {
        { "a\n", "Rules content is not yaml", 1, 1, LOAD_ERR_YAML_VALIDATE },
        { "a: b\n", "Rules content is not yaml array of objects", 1, 1, LOAD_ERR_YAML_VALIDATE },
        { "- a\n", "Unexpected element type.", 1, 3, LOAD_ERR_YAML_VALIDATE },
        { "- rule: a\n\tdesc: b\n", "found a tab character that violates indentation", 2, 1,
          LOAD_ERR_YAML_PARSE },
        { "- rule: \"a\n", "unexpected end of stream", 2, 1, LOAD_ERR_YAML_PARSE },
        { "- rule: a\n  \xff: b\n", "not UTF-8", 2, 3, LOAD_ERR_YAML_PARSE },
        { "- rule: \xe7\x81\n", "not UTF-8", 1, 9, LOAD_ERR_YAML_PARSE },
        { "- rule: \x01\n", "control characters are not allowed", 1, 9, LOAD_ERR_YAML_PARSE },
        { "- list: \xe7\x81\xab\n  items: *x\n", "anchor that is not there", 2, 10,
          LOAD_ERR_YAML_PARSE },
        { "- &x [*x]\n", "anchor that is not there, or not complete", 1, 7, LOAD_ERR_YAML_PARSE },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct loaded l = load_text(cases[i].yaml);
        assert_int_equal(l.result, -EINVAL);
        assert_diag_at(&l, cases[i].code, cases[i].message, cases[i].line, cases[i].column);
        load_done(&l);
    }
    struct loaded l = load_text("");
    assert_int_equal(l.result, 0);
    load_done(&l);
    l = load_text(
        "---\n---\n# nothing\n---\n- \n- list: l\n  items: &a [x]\n- list: m\n  items: *a\n");
    assert_int_equal(l.result, 0);
    assert_int_equal(l.ruleset->nlists, 2);
    load_done(&l);
    l = load_text("\xef\xbb\xbf- lst: l\n");
    assert_diag_at(&l, LOAD_UNKNOWN_ITEM, "Unknown top level item", 1, 6);
    load_done(&l);
    l = load_begin();
    load_more(&l, "nul.yaml", STR("- rule: a\n\0"));
    assert_diag_at(&l, LOAD_ERR_YAML_PARSE, "NUL byte", 2, 1);
    load_done(&l);
}

/* What is done for each message or append does not grow with the size of the text around it. */
static void test_long_texts(void **state)
{
    (void)state;
    struct buf yaml;
    buf_init(&yaml, (size_t)128 << 20);
    buf_putz(&yaml, "- rule: a\n  desc: d\n  output: o\n  priority: INFO\n  condition: ");
    for (int i = 0; i < 1000; i++) {
        buf_printf(&yaml, "proc.nam=%d or %1000s", i, "");
    }
    buf_putz(&yaml, "evt.type=open\n");
    struct loaded l = load_begin();
    load_more(&l, "blanks.yaml", buf_str(&yaml));
    assert_diag_at(&l, LOAD_ERR_COMPILE_CONDITION, "proc.nam", 5, 14);
    assert_int_equal(loader_diagnostics(l.loader)->items[1].pos.column, 14 + 1014);
    load_done(&l);

    buf_clear(&yaml);
    buf_putc(&yaml, '[');
    for (int i = 0; i < 20000; i++) {
        buf_printf(&yaml, "{macro: m%d, condition: (}, %500s", i, "");
    }
    buf_putz(&yaml, "]\n");
    l = load_begin();
    load_more(&l, "line.yaml", buf_str(&yaml));
    assert_int_equal(loader_diagnostics(l.loader)->n, DIAG_MAX);
    assert_true(loader_diagnostics(l.loader)->nerrors >= 20000);
    load_done(&l);

    buf_clear(&yaml);
    buf_putz(&yaml, "- macro: m\n  condition: proc.nam=x");
    for (int i = 0; i < 2000; i++) {
        buf_printf(&yaml, " or proc.nam=%d", i);
    }
    for (int i = 0; i < 2000; i++) {
        buf_printf(&yaml,
                   "\n- rule: r%d\n  desc: d\n  condition: m\n  output: o\n  priority: INFO\n", i);
    }
    l = load_begin();
    load_more(&l, "macro.yaml", buf_str(&yaml));
    assert_int_equal(l.result, -EINVAL);
    assert_int_equal(loader_diagnostics(l.loader)->n, DIAG_MAX);
    load_done(&l);

    buf_clear(&yaml);
    buf_putz(&yaml, RULE("a", "evt.type=open"));
    for (int i = 0; i < 50000; i++) {
        buf_printf(&yaml,
                   "- rule: a\n  condition: and proc.name!=%d\n"
                   "  override: {condition: append}\n",
                   i);
    }
    l = load_begin();
    load_more(&l, "appends.yaml", buf_str(&yaml));
    assert_int_equal(l.result, 0);
    load_done(&l);
    buf_done(&yaml);
}

/* A byte order mark is neither part of the first line's columns nor of its indentation. */
static void test_byte_order_mark(void **state)
{
    (void)state;
    struct loaded l = load_text("\xef\xbb\xbf- list: l\n  items: [x]\n- lst: m\n");
    assert_diag_at(&l, LOAD_UNKNOWN_ITEM, "Unknown top level item", 3, 3);
    load_done(&l);
    l = load_text("\xef\xbb\xbf" RULE("a", "evt.type=open"));
    assert_int_equal(l.result, 0);
    load_done(&l);
}

static void test_hostile(void **state)
{
    (void)state;
    struct buf yaml;
    buf_init(&yaml, (size_t)128 << 20);
    for (int i = 0; i < 200000; i++) {
        buf_putc(&yaml, '[');
    }
    struct loaded l = load_begin();
    load_more(&l, "deep.yaml", buf_str(&yaml));
    assert_diag_at(&l, LOAD_ERR_YAML_PARSE, "nested more than 64 levels", 1, 65);
    load_done(&l);

    buf_clear(&yaml);
    buf_putz(&yaml, "- &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for (int i = 1; i < 12; i++) {
        buf_printf(&yaml, "- &a%d [", i);
        for (int k = 0; k < 10; k++) {
            buf_printf(&yaml, "%s*a%d", k ? ", " : "", i - 1);
        }
        buf_putz(&yaml, "]\n");
    }
    l = load_begin();
    load_more(&l, "bomb.yaml", buf_str(&yaml));
    assert_non_null(find_diag(&l, LOAD_ERR_YAML_PARSE, "aliases stand for too many values"));
    load_done(&l);

    buf_clear(&yaml);
    char *room = buf_reserve(&yaml, RULES_FILE_MAX + 1);
    assert_non_null(room);
    memset(room, '#', RULES_FILE_MAX + 1);
    yaml.n = RULES_FILE_MAX + 1;
    l = load_begin();
    load_more(&l, "large.yaml", buf_str(&yaml));
    assert_int_equal(l.result, -EINVAL);
    assert_non_null(find_diag(&l, LOAD_ERR_FILE_READ, "larger than 64 MiB"));
    load_done(&l);

    buf_clear(&yaml);
    buf_putz(&yaml, "- rule: a\n  desc: d\n  output: o\n  priority: info\n  condition: ");
    for (int i = 0; i < 200000; i++) {
        buf_putc(&yaml, '(');
    }
    l = load_begin();
    load_more(&l, "parens.yaml", buf_str(&yaml));
    assert_non_null(find_diag(&l, LOAD_ERR_COMPILE_CONDITION, "exceeded max depth limit of 1000"));
    load_done(&l);
    buf_done(&yaml);
}

static void test_expansion_limit(void **state)
{
    (void)state;
    struct buf yaml;
    buf_init(&yaml, (size_t)64 << 20);
    buf_putz(&yaml, "- list: big\n  items:\n  - 'not,plain'\n");
    for (int i = 0; i < 100000; i++) {
        buf_printf(&yaml, "  - item-%d\n", i);
    }
    buf_putz(&yaml,
             "- rule: a\n  desc: d\n  output: o\n  priority: info\n  condition: evt.type in (x");
    for (int i = 0; i < 20; i++) {
        buf_putz(&yaml, ", big");
    }
    buf_putz(&yaml, ")\n");
    struct loaded l = load_begin();
    load_more(&l, "big.yaml", buf_str(&yaml));
    assert_non_null(find_diag(&l, LOAD_ERR_COMPILE_CONDITION, "longer than 16 MiB"));
    load_done(&l);
    buf_done(&yaml);
}

/* How many errors loading `n` repetitions of a line behind a head gives. */
static uint32_t errors_of(const char *head, const char *line, int n, const char *message)
{
    struct buf yaml;
    buf_init(&yaml, (size_t)64 << 20);
    buf_putz(&yaml, head);
    for (int i = 0; i < n; i++) {
        for (const char *c = line; *c; c++) {
            if (*c == '#') {
                buf_i64(&yaml, i);
            } else {
                buf_putc(&yaml, *c);
            }
        }
    }
    struct loaded l = load_begin();
    load_more(&l, "many.yaml", buf_str(&yaml));
    load_end(&l);
    const struct diag_list *diags = loader_diagnostics(l.loader);
    uint32_t found = 0;
    for (uint32_t i = 0; i < diags->n; i++) {
        found += diag_is_error(diags->items[i].code);
        if (diag_is_error(diags->items[i].code) &&
            str_find(diags->items[i].message, str_of(message)) < 0) {
            print_diags(&l);
            fail_msg("not the expected error");
        }
    }
    load_done(&l);
    buf_done(&yaml);
    return found;
}

static void test_counts(void **state)
{
    (void)state;
    static const struct {
        const char *head, *line, *message;
        int limit;
    } cases[] = {
        { RULE("a", "evt.type=open") "  exceptions:\n", "  - {name: e#, fields: [proc.name]}\n",
          "more than 1000 exceptions", 1000 },
        { RULE("a", "evt.type=open") "  tags:\n", "  - t#\n", "more than 1000 tags", 1000 },
        { RULE("a", "evt.type=open"), "- rule: a\n  tags: [t#]\n  override: {tags: append}\n",
          "more than 1000 tags", 1000 },
        { RULE("a", "evt.type=open"), "  k#: x\n", "more than 1000 keys", 995 },
        { "", "- list: a l#\n  items: [x]\n", "invalid names", 100 },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        for (int over = -1; over <= 1; over++) {
            uint32_t n =
                errors_of(cases[i].head, cases[i].line, cases[i].limit + over, cases[i].message);
            assert_int_equal(n > 0, over > 0);
        }
    }
}

static void test_many_lists(void **state)
{
    (void)state;
    for (int n = 999; n <= 1001; n++) {
        struct buf yaml;
        buf_init(&yaml, (size_t)1 << 20);
        for (int i = 0; i < n; i++) {
            buf_printf(&yaml, "- list: l%d\n  items: [x%d]\n", i, i);
        }
        buf_putz(&yaml, "- rule: a\n  desc: d\n  output: o\n  priority: info\n"
                        "  condition: evt.type=open and proc.name in (a");
        for (int i = 0; i < n; i++) {
            buf_printf(&yaml, ", l%d", i);
        }
        buf_putz(&yaml, ")\n");
        struct loaded l = load_begin();
        load_more(&l, "lists.yaml", buf_str(&yaml));
        assert_int_equal(l.result, n > 1000 ? -EINVAL : 0);
        load_done(&l);
        buf_done(&yaml);
    }
}

/* A chain of macros, each in sight of the ones it uses, which come later. */
static void test_reversed_chain(void **state)
{
    (void)state;
    struct buf yaml;
    buf_init(&yaml, (size_t)16 << 20);
    for (int i = 0; i < 20000; i++) {
        buf_printf(&yaml, "- macro: m%d\n  condition: evt.type=open\n", i);
    }
    for (int i = 19999; i > 0; i--) {
        buf_printf(&yaml, "- macro: m%d\n  condition: m%d\n", i - 1, i);
    }
    struct loader_options options = { .memory_max = (size_t)128 << 20 };
    struct loader *loader;
    assert_int_equal(loader_new(&options, &loader), 0);
    assert_true(loader_add(loader, STR("chain.yaml"), buf_str(&yaml)) < 0);
    loader_free(loader);
    buf_done(&yaml);
}

static void test_unreadable(void **state)
{
    (void)state;
    struct loaded l = load_begin();
    loader_add_unreadable(l.loader, STR("gone.yaml"), STR("No such file or directory"));
    load_end(&l);
    assert_non_null(find_diag(&l, LOAD_ERR_FILE_READ, "No such file"));
    struct err err = { 0 };
    load_done(&l);
    l = load_begin();
    loader_add_unreadable(l.loader, STR("gone.yaml"), STR("No such file or directory"));
    assert_int_equal(loader_finish(l.loader, false, &l.ruleset, &err), -EINVAL);
    load_done(&l);
}

/* ---- failing allocations and small budgets */

static const char representative[] =
    "- required_engine_version: 0.26.0\n"
    "- list: l\n  items: [a, 'b c', '\"d\"']\n"
    "- list: n\n  items: [l, 'x,y']\n"
    "- macro: m\n  condition: evt.type in (open, openat) and proc.name in (l, n)\n"
    "- macro: m\n  condition: or evt.type=close\n  append: true\n" WITH_EXCEPTIONS(
        "  - name: x\n    fields: [proc.name, fd.name]\n    comps: [=, in]\n    values:\n"
        "    - [a, (l)]\n    - [b, [c, d e]]\n")
        RULE("b", "m and fd.name regex '^/a.*' and evt.dir=<") "  tags: [x, y]\n" RULE("c",
                                                                                       "unknown")
            RULE("d",
                 "evt.type=open and proc.nme=x") "  foo: 1\n"
                                                 "- rule: b\n  output: '%proc.name'\n  tags: [z]\n "
                                                 " override: {output: append, tags: append}\n";

static int load_all(size_t memory_max)
{
    struct loader *loader;
    struct ruleset *ruleset = NULL;
    struct loader_options options = { .memory_max = memory_max };
    int r = loader_new(&options, &loader);
    if (r < 0) {
        return r;
    }
    r = loader_add(loader, STR("a.yaml"), str_of(representative));
    int finished = loader_finish(loader, true, &ruleset, NULL);
    ruleset_free(finished == 0 ? ruleset : NULL);
    loader_free(loader);
    return r == -ENOMEM || finished == -ENOMEM ? -ENOMEM : 0;
}

static void test_failing_allocations(void **state)
{
    (void)state;
    assert_int_equal(load_all(0), 0);
    unsigned failed = 0;
    for (uint64_t n = 1; n < 3000; n++) {
        mem_fail_after(n);
        int r = load_all(0);
        mem_fail_after(0);
        assert_true(r == 0 || r == -ENOMEM);
        failed += r == -ENOMEM;
    }
    assert_true(failed > 20);
}

static void test_small_budgets(void **state)
{
    (void)state;
    for (size_t budget = 64; budget < 200000; budget += budget / 4) {
        int r = load_all(budget);
        assert_true(r == 0 || r == -ENOMEM);
    }
    assert_int_equal(load_all(4096), -ENOMEM);
    assert_int_equal(load_all((size_t)1 << 24), 0);
}

/* ---- selection */

static void test_selection(void **state)
{
    (void)state;
    struct loaded l = load_text(RULE("open a", "evt.type=open") "  tags: [x, y]\n" RULE(
        "open b", "evt.type=open") "  enabled: false\n  tags: [y]\n" RULE("close",
                                                                          "evt.type=close"));
    struct selection s;
    assert_int_equal(selection_init(&s, l.ruleset), 0);
    assert_true(s.enabled[0] && !s.enabled[1] && s.enabled[2]);
    assert_int_equal(selection_set_name(&s, l.ruleset, STR("open*"), false, false), 1);
    assert_int_equal(selection_set_tag(&s, l.ruleset, STR("y"), true), 2);
    assert_int_equal(selection_set_name(&s, l.ruleset, STR("open ?"), false, false), 2);
    assert_int_equal(selection_set_name(&s, l.ruleset, STR("open"), false, true), 0);
    assert_int_equal(selection_set_name(&s, l.ruleset, STR("en "), true, true), 2);
    assert_int_equal(selection_set_name(&s, l.ruleset, STR("*o*e*"), false, false), 3);
    assert_int_equal(selection_set_name(&s, l.ruleset, STR("*"), false, true), 3);
    assert_int_equal(selection_set_name(&s, l.ruleset, STR("*z"), false, false), 0);
    assert_int_equal(selection_set_tag(&s, l.ruleset, STR("none"), false), 0);
    assert_int_equal(selection_set_priority(&s, l.ruleset, PRIORITY_INFORMATIONAL), 0);
    assert_int_equal(selection_set_priority(&s, l.ruleset, PRIORITY_NOTICE), 3);
    selection_done(&s);
    load_done(&l);
}

static void test_priorities(void **state)
{
    (void)state;
    enum priority p;
    assert_int_equal(priority_parse(STR("iNfO"), &p), 0);
    assert_int_equal(p, PRIORITY_INFORMATIONAL);
    for (enum priority i = PRIORITY_EMERGENCY; i <= PRIORITY_DEBUG; i++) {
        assert_int_equal(priority_parse(str_of(priority_text(i)), &p), 0);
        assert_int_equal(p, i);
    }
    assert_int_equal(priority_parse(STR("warn"), &p), -EINVAL);
    assert_int_equal(priority_parse(STR(""), &p), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_versions),
        cmocka_unit_test(test_documents),
        cmocka_unit_test(test_long_texts),
        cmocka_unit_test(test_byte_order_mark),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_expansion_limit),
        cmocka_unit_test(test_counts),
        cmocka_unit_test(test_many_lists),
        cmocka_unit_test(test_reversed_chain),
        cmocka_unit_test(test_unreadable),
        cmocka_unit_test(test_failing_allocations),
        cmocka_unit_test(test_small_budgets),
        cmocka_unit_test(test_selection),
        cmocka_unit_test(test_priorities),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
