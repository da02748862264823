/*
 * load: what the vectors do not say about reading, expanding and compiling rules: places of
 * diagnostics, hints, order rules, limits, hostile files, failing allocations.
 */
#include "rules_fixture.h"

#include <errno.h>

/* ---- lists */

static void test_list_delimiters(void **state)
{
    (void)state;
    struct loaded l = load_text(
        "- list: e\n  items: []\n"
        "- list: l\n  items: [x, y z]\n" RULE("a", "evt.type=open and proc.name in (l)")
            RULE("b", "evt.type=open and proc.name in (a,l ,b)")
                RULE("c", "evt.type=open and proc.name in (ll, l.x)")
                    RULE("d", "evt.type=open and proc.name in (e, a)")
                        RULE("e1", "evt.type=open and proc.name in (a, e)")
                            RULE("f", "evt.type=open and proc.name in (e)")
                                RULE("g", "evt.type=open and proc.name in (a, e, e, b)")
                                    RULE("h", "evt.type=open and proc.name startswith anyof (l)"));
    assert_int_equal(l.result, 0);
    assert_condition(l.ruleset, "a", "(evt.type = open and proc.name in (x, \"y z\"))");
    assert_condition(l.ruleset, "b", "(evt.type = open and proc.name in (a, x, \"y z\", b))");
    assert_condition(l.ruleset, "c", "(evt.type = open and proc.name in (ll, l.x))");
    assert_condition(l.ruleset, "d", "(evt.type = open and proc.name in (a))");
    assert_condition(l.ruleset, "e1", "(evt.type = open and proc.name in (a))");
    assert_condition(l.ruleset, "f", "(evt.type = open and proc.name in ())");
    assert_condition(l.ruleset, "g", "(evt.type = open and proc.name in (a, b))");
    assert_condition(l.ruleset, "h",
                     "(evt.type = open and proc.name startswith anyof (x, \"y z\"))");
    load_done(&l);
}

static void test_list_quoted(void **state)
{
    (void)state;
    struct loaded l =
        load_text("- list: one\n  items: [open]\n"
                  "- list: pair\n  items: ['\"a,b\"', \"'c d'\"]\n"
                  "- list: raw\n  items: ['a,b']\n" RULE("a", "evt.type = one and proc.name=x")
                      RULE("b", "evt.type=open and proc.name in (pair, raw)")
                          RULE("c", "evt.type=open and proc.cmdline contains 'say one thing'"));
    assert_int_equal(l.result, 0);
    assert_condition(l.ruleset, "a", "(evt.type = open and proc.name = x)");
    assert_condition(l.ruleset, "b", "(evt.type = open and proc.name in (\"a,b\", \"c d\", a, b))");
    assert_condition(l.ruleset, "c",
                     "(evt.type = open and proc.cmdline contains \"say open thing\")");
    load_done(&l);
}

static void test_list_nesting(void **state)
{
    (void)state;
    struct loaded l =
        load_text("- list: a\n  items: [x]\n"
                  "- list: b\n  items: [a, y]\n"
                  "- list: c\n  items: [b, z]\n"
                  "- list: early\n  items: [late]\n"
                  "- list: late\n  items: [w]\n" RULE("one", "evt.type=open and proc.name in (c)")
                      RULE("two", "evt.type=open and proc.name in (early)"));
    assert_int_equal(l.result, 0);
    /* One level: b's items as they were written. */
    assert_condition(l.ruleset, "one", "(evt.type = open and proc.name in (a, y, z))");
    /* early does not see late, but late is replaced in the text that comes of it. */
    assert_condition(l.ruleset, "two", "(evt.type = open and proc.name in (w))");
    load_done(&l);
}

static void test_list_provenance(void **state)
{
    (void)state;
    struct loaded l = load_text(
        "- list: l\n  items: [x, y]\n"
        "- list: r\n  items: ['p,q']\n" RULE("a", "evt.type=open and proc.name in (a, l, b, r)")
            RULE("b", "evt.type=open and proc.name in (l)"));
    assert_int_equal(l.result, 0);
    const struct ast *check = ruleset_find(l.ruleset, STR("a"))->ast->items[1];
    assert_int_equal(check->check.nvalues, 4);
    assert_str(check->check.values[0].list, "");
    assert_str(check->check.values[1].list, "l");
    assert_str(check->check.values[2].list, "");
    assert_str(check->check.values[3].list, "r");
    assert_int_equal(check->check.values[3].n, 2);
    const struct ast *other = ruleset_find(l.ruleset, STR("b"))->ast->items[1];
    assert_ptr_equal(other->check.values[0].items, check->check.values[1].items);
    const struct rule *rule = ruleset_find(l.ruleset, STR("a"));
    assert_int_equal(rule->nlists, 2);
    load_done(&l);
}

static void test_big_list(void **state)
{
    (void)state;
    struct buf yaml;
    buf_init(&yaml, (size_t)64 << 20);
    buf_putz(&yaml, "- list: big\n  items:\n");
    for (int i = 0; i < 200000; i++) {
        buf_printf(&yaml, "  - item-%d\n", i);
    }
    for (int i = 0; i < 50; i++) {
        buf_printf(&yaml, RULE("r%d", "evt.type=open and fd.name in (x, big)"), i);
    }
    struct loaded l = load_begin();
    load_more(&l, "big.yaml", buf_str(&yaml));
    load_end(&l);
    assert_int_equal(l.result, 0);
    const struct ast *a = l.ruleset->rules[0].ast->items[1],
                     *b = l.ruleset->rules[49].ast->items[1];
    assert_int_equal(a->check.nvalues, 2);
    assert_int_equal(a->check.values[1].n, 200000);
    assert_ptr_equal(a->check.values[1].items, b->check.values[1].items);
    load_done(&l);
    buf_done(&yaml);
}

/* ---- macros */

static void test_macro_order(void **state)
{
    (void)state;
    struct loaded l = load_text("- macro: a\n  condition: b\n"
                                "- macro: b\n  condition: evt.type=open\n");
    assert_diag_at(&l, LOAD_ERR_VALIDATE, "Undefined macro 'b' used in filter.", 2, 14);
    assert_str(find_diag(&l, LOAD_ERR_VALIDATE, "Undefined")->hint,
               "the macro is defined further down than this one");
    load_done(&l);
    l = load_text("- macro: a\n  condition: a\n");
    assert_diag_at(&l, LOAD_ERR_VALIDATE, "Undefined macro 'a' used in filter.", 2, 14);
    load_done(&l);
    l = load_text("- macro: a\n  condition: evt.type=open\n"
                  "- macro: a\n  condition: or a\n  override:\n    condition: append\n");
    assert_non_null(find_diag(&l, LOAD_ERR_VALIDATE, "reference loop in macro 'a'"));
    load_done(&l);
    /* Redefined later than what it uses, but in its first place. */
    l = load_text("- macro: a\n  condition: evt.type=close\n"
                  "- macro: b\n  condition: evt.type=open\n"
                  "- macro: a\n  condition: not b\n" RULE("r", "a and b"));
    assert_int_equal(l.result, 0);
    assert_condition(l.ruleset, "r", "(not evt.type = open and evt.type = open)");
    assert_int_equal(ruleset_find(l.ruleset, STR("r"))->nmacros, 2);
    load_done(&l);
}

static void test_macro_provenance(void **state)
{
    (void)state;
    struct loaded l =
        load_text("- macro: m\n  condition: evt.type=open\n"
                  "- macro: n\n  condition: m and proc.name=x\n" RULE("r", "n and fd.name=y"));
    assert_int_equal(l.result, 0);
    const struct rule *rule = ruleset_find(l.ruleset, STR("r"));
    assert_str(rule->ast->macro, "");
    assert_str(rule->ast->items[0]->macro, "n");
    assert_str(rule->ast->items[0]->items[0]->macro, "m");
    assert_int_equal(rule->nmacros, 2);
    load_done(&l);
}

static void test_macro_bomb(void **state)
{
    (void)state;
    struct buf yaml;
    buf_init(&yaml, (size_t)1 << 20);
    buf_putz(&yaml, "- macro: m0\n  condition: evt.type=open\n");
    for (int i = 1; i < 64; i++) {
        buf_printf(&yaml, "- macro: m%d\n  condition: m%d or m%d\n", i, i - 1, i - 1);
    }
    struct loaded l = load_begin();
    load_more(&l, "bomb.yaml", buf_str(&yaml));
    load_end(&l);
    assert_int_equal(l.result, -EINVAL);
    assert_non_null(find_diag(&l, LOAD_ERR_COMPILE_CONDITION, "more than 1000000 parts"));
    assert_int_equal(loader_diagnostics(l.loader)->nerrors, 1);
    load_done(&l);

    /* The same where every macro sees the later ones: each was appended to, last first. */
    buf_clear(&yaml);
    for (int i = 0; i < 40; i++) {
        buf_printf(&yaml, "- macro: m%d\n  condition: evt.type=open\n", i);
    }
    for (int i = 39; i > 0; i--) {
        buf_printf(&yaml, "- macro: m%d\n  condition: m%d or m%d\n", i - 1, i, i);
    }
    l = load_begin();
    load_more(&l, "bomb.yaml", buf_str(&yaml));
    load_end(&l);
    assert_int_equal(l.result, -EINVAL);
    load_done(&l);

    buf_clear(&yaml);
    buf_putz(&yaml, "- macro: m0\n  condition: evt.type=open\n");
    for (int i = 1; i < 10000; i++) {
        buf_printf(&yaml, "- macro: m%d\n  condition: not m%d\n", i, i - 1);
    }
    l = load_begin();
    load_more(&l, "deep.yaml", buf_str(&yaml));
    load_end(&l);
    assert_int_equal(l.result, -EINVAL);
    assert_non_null(find_diag(&l, LOAD_ERR_COMPILE_CONDITION, "nested too deeply"));
    load_done(&l);
    buf_done(&yaml);
}

/* ---- rules */

static void test_redefinition(void **state)
{
    (void)state;
    struct loaded l = load_text(RULE("a", "evt.type=open") RULE("b", "evt.type=close")
                                    RULE("a", "evt.type=execve"));
    assert_int_equal(l.result, 0);
    assert_int_equal(l.ruleset->nrules, 2);
    assert_str(l.ruleset->rules[0].name, "a");
    assert_int_equal(l.ruleset->rules[1].index, 1);
    assert_condition(l.ruleset, "a", "evt.type = execve");
    load_done(&l);
    l = load_text(RULE("a", "evt.type=open") RULE("a", "evt.type=open") "  source: other\n");
    assert_non_null(
        find_diag(&l, LOAD_ERR_VALIDATE, "Rule has been re-defined with a different source"));
    load_done(&l);
}

static void test_appends(void **state)
{
    (void)state;
    struct loaded l = load_text(RULE(
        "a", "evt.type=open") "  tags: [z, a, a]\n"
                              "- rule: a\n  desc: more\n  output: \"%evt.type\"\n  tags: [m, z]\n"
                              "  condition: and proc.name=x\n  priority: debug\n  enabled: off\n"
                              "  capture: yes\n  capture_duration: 5\n  warn_evttypes: No\n"
                              "  override: {desc: append, output: append, tags: append, condition: "
                              "append,\n"
                              "    priority: replace, enabled: replace, capture: replace, "
                              "capture_duration: replace,\n"
                              "    warn_evttypes: replace}\n");
    assert_int_equal(l.result, 0);
    const struct rule *rule = ruleset_find(l.ruleset, STR("a"));
    assert_str(rule->desc, "d more");
    assert_str(rule->output, "o %evt.type");
    assert_int_equal(rule->ntags, 3);
    assert_str(rule->tags[1], "m");
    assert_int_equal(rule->priority, PRIORITY_DEBUG);
    assert_false(rule->enabled);
    assert_true(rule->capture);
    assert_int_equal(rule->capture_duration_ms, 5);
    assert_false(rule->warn_evttypes);
    assert_str(rule->condition_text, "evt.type=open and proc.name=x");
    load_done(&l);
}

static void test_override_errors(void **state)
{
    (void)state;
    struct loaded l = load_text(RULE("a", "evt.type=open") "- rule: a\n  priority: debug\n"
                                                           "  override:\n    priority: append\n");
    assert_diag_at(&l, LOAD_ERR_YAML_VALIDATE,
                   "Key 'priority' cannot be appended to, use 'replace' instead", 9, 5);
    load_done(&l);
    l = load_text(
        RULE("a", "evt.type=open") "- rule: a\n  source: x\n  override:\n    source: replace\n");
    assert_non_null(find_diag(&l, LOAD_ERR_YAML_VALIDATE, "Key 'source' cannot be replaced"));
    load_done(&l);
    l = load_text("- list: a\n  items: []\n- list: a\n  items: []\n  override: {items: remove}\n");
    assert_non_null(find_diag(&l, LOAD_ERR_YAML_VALIDATE,
                              "Invalid override operation for key 'items': 'remove'. Allowed "
                              "values are: append replace "));
    load_done(&l);
    l = load_text(
        "- list: abcd\n  items: []\n- list: abce\n  items: []\n  override: {items: append}\n");
    const struct diagnostic *d = find_diag(&l, LOAD_ERR_VALIDATE, "no list by that name");
    assert_non_null(d);
    assert_str(d->hint, "did you mean `abcd`?");
    load_done(&l);
}

static void test_values(void **state)
{
    (void)state;
    struct loaded l =
        load_text("- rule: a\n  desc: d\n  condition: evt.type=open\n  output: o\n"
                  "  priority: loud\n"
                  "- rule: b\n  desc: []\n  priority: info\n"
                  "- rule: c\n  desc: ''\n  condition:\n  output: o\n  priority: info\n"
                  "  enabled: perhaps\n  tags: x\n  capture_duration: soon\n");
    assert_diag_at(&l, LOAD_ERR_YAML_VALIDATE, "Invalid priority", 5, 13);
    assert_diag_at(&l, LOAD_ERR_YAML_VALIDATE, "Item has no mapping for key 'condition'", 6, 3);
    assert_diag_at(&l, LOAD_ERR_YAML_VALIDATE, "Item has no mapping for key 'output'", 6, 3);
    assert_diag_at(&l, LOAD_ERR_YAML_VALIDATE, "Value is not a scalar value", 7, 9);
    assert_diag_at(&l, LOAD_ERR_YAML_VALIDATE, "Value must be non-empty", 10, 9);
    assert_non_null(find_diag(&l, LOAD_ERR_YAML_VALIDATE, "Mapping for key 'condition' is empty"));
    assert_diag_at(&l, LOAD_ERR_YAML_VALIDATE, "Can't decode YAML scalar value", 14, 12);
    assert_diag_at(&l, LOAD_ERR_YAML_VALIDATE, "Value is not a sequence", 15, 9);
    assert_int_equal(l.ruleset->nrules, 0);
    load_done(&l);
}

static void test_sources(void **state)
{
    (void)state;
    struct loaded l = load_text(RULE("a", "ka.verb=get") "  source: k8s_audit\n");
    assert_int_equal(l.result, 0);
    assert_non_null(find_diag(&l, LOAD_UNKNOWN_SOURCE, "Unknown source k8s_audit, skipping"));
    assert_null(ruleset_find(l.ruleset, STR("a"))->cond);
    load_done(&l);
}

static void test_skip(void **state)
{
    (void)state;
    struct loaded l =
        load_text(RULE("a", "evt.type=open and no.field=1") "  skip-if-unknown-filter: true\n");
    assert_int_equal(l.result, 0);
    assert_int_equal(count_code(&l, LOAD_UNKNOWN_FILTER), 1);
    assert_null(ruleset_find(l.ruleset, STR("a"))->cond);
    load_done(&l);
}

/* ---- exceptions */

#define WITH_EXCEPTIONS(lines) RULE("a", "evt.type=open or evt.type=close") "  exceptions:\n" lines

static void test_exceptions(void **state)
{
    (void)state;
    struct loaded l = load_text(WITH_EXCEPTIONS(
        "  - name: x\n    fields: [proc.name, fd.name]\n    comps: [=, startswith]\n"
        "    values:\n    - [a b, /tmp]\n    - ['\"c\"', /var]\n"
        "  - name: y\n    fields: proc.name\n    values: [d, e f]\n"
        "  - name: none\n    fields: [proc.name]\n"
        "  - name: z\n    fields: ['tolower(proc.name)']\n    comps: [in]\n    values:\n    - "
        "[[g]]\n"
        "    - [h]\n"));
    if (l.result < 0) {
        print_diags(&l);
    }
    assert_int_equal(l.result, 0);
    assert_condition(
        l.ruleset, "a",
        "((evt.type = open or evt.type = close) and not ((proc.name = \"a b\" and fd.name "
        "startswith /tmp) or (proc.name = c and fd.name startswith /var)) and not proc.name in (d, "
        "\"e f\") and not (tolower(proc.name) in (g) or tolower(proc.name) in (h)))");
    const struct rule *rule = ruleset_find(l.ruleset, STR("a"));
    assert_int_equal(rule->nexceptions, 4);
    assert_str(rule->exceptions[1].text, "(proc.name in (d, \"e f\"))");
    assert_str(rule->exceptions[2].text, "");
    load_done(&l);
}

static void test_exception_errors(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *message;
        enum diag_code code;
    } cases[] = {
        { WITH_EXCEPTIONS("  - name: x\n    fields: proc.name\n    comps: [in]\n"),
          "Fields and comps must both be strings", LOAD_ERR_VALIDATE },
        { WITH_EXCEPTIONS("  - name: x\n    fields: proc.name\n    comps: '='\n"),
          "When fields is a single value, comps must be one of", LOAD_ERR_VALIDATE },
        { WITH_EXCEPTIONS("  - name: x\n    fields: proc.name\n    values:\n    - [a]\n"),
          "Expected values array to contain a list of strings", LOAD_ERR_VALIDATE },
        { WITH_EXCEPTIONS("  - name: x\n    fields: proc.naem\n"),
          "'proc.naem' is not a supported filter field", LOAD_ERR_VALIDATE },
        { WITH_EXCEPTIONS("  - name: x\n    fields: [proc.name]\n    values: a\n"),
          "Rule exception values must be a sequence", LOAD_ERR_YAML_VALIDATE },
        { WITH_EXCEPTIONS("  - name: x\n    fields: {a: b}\n"),
          "Value is neither a scalar nor a sequence", LOAD_ERR_YAML_VALIDATE },
        { WITH_EXCEPTIONS("  - name: x\n    fields: ''\n"), "Value must be non-empty",
          LOAD_ERR_YAML_VALIDATE },
        { WITH_EXCEPTIONS("  - name: x\n"), "Item has no mapping for key 'fields'",
          LOAD_ERR_YAML_VALIDATE },
        { WITH_EXCEPTIONS("  - x\n"), "Rule exception must be a mapping", LOAD_ERR_YAML_VALIDATE },
        { WITH_EXCEPTIONS("    x: y\n"), "Rule exceptions must be a sequence",
          LOAD_ERR_YAML_VALIDATE },
        { WITH_EXCEPTIONS("  - name: x\n    fields: [proc.name]\n"
                          "- rule: a\n  append: true\n  exceptions:\n"
                          "  - name: x\n    fields: [proc.name]\n    values: [[a]]\n"),
          "Can not append exception fields to existing exception, only values", LOAD_ERR_VALIDATE },
        { WITH_EXCEPTIONS("  - name: x\n    fields: [proc.name]\n"
                          "- rule: a\n  append: true\n  exceptions:\n"
                          "  - name: x\n    comps: ['=']\n    values: [[a]]\n"),
          "Can not append exception comps to existing exception, only values", LOAD_ERR_VALIDATE },
        { WITH_EXCEPTIONS("  - name: x\n    fields: [proc.name]\n"
                          "- rule: a\n  append: true\n  exceptions:\n"
                          "  - name: y\n    fields: [proc.name]\n"),
          "Rule exception must have values property with a list of values", LOAD_ERR_VALIDATE },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct loaded l = load_text(cases[i].yaml);
        if (!find_diag(&l, cases[i].code, cases[i].message)) {
            print_diags(&l);
            fail_msg("nothing says \"%s\"", cases[i].message);
        }
        assert_int_equal(l.result, -EINVAL);
        load_done(&l);
    }
    struct loaded l = load_text(WITH_EXCEPTIONS("  - name: x\n    fields: [proc.name]\n"
                                                "  - name: x\n    fields: [proc.name]\n"));
    assert_int_equal(count_code(&l, LOAD_EXCEPTION_NAME_NOT_UNIQUE), 1);
    load_done(&l);
}

/* ---- diagnostics */

static void test_all_at_once(void **state)
{
    (void)state;
    struct loaded l = load_text(RULE("a", "evt.type=open and proc.nam=x") RULE("b", "undefined_one")
                                    RULE("c", "evt.type=open and proc.name contians x")
                                        RULE("d", "evt.type=opne") RULE("good", "evt.type=open"));
    assert_int_equal(l.result, -EINVAL);
    assert_int_equal(loader_diagnostics(l.loader)->nerrors, 4);
    assert_diag_at(&l, LOAD_ERR_COMPILE_CONDITION, "nonexistent field proc.nam", 3, 32);
    assert_str(find_diag(&l, LOAD_ERR_COMPILE_CONDITION, "proc.nam")->hint,
               "did you mean `proc.name`?");
    assert_diag_at(&l, LOAD_ERR_VALIDATE, "Undefined macro 'undefined_one'", 8, 14);
    assert_diag_at(&l, LOAD_ERR_COMPILE_CONDITION, "expected a valid check operator", 13, 42);
    assert_str(find_diag(&l, LOAD_ERR_COMPILE_CONDITION, "expected a valid")->hint,
               "did you mean `contains`?");
    assert_non_null(find_diag(&l, LOAD_ERR_COMPILE_CONDITION, "unknown event type opne"));
    assert_int_equal(l.ruleset->nrules, 1);
    load_done(&l);
}

static void test_no_blame(void **state)
{
    (void)state;
    /* The broken macro is reported once; what uses it is left out in silence. */
    struct loaded l = load_text("- macro: m\n  condition: (\n" RULE("a", "m and evt.type=open")
                                    RULE("b", "evt.type=open"));
    assert_int_equal(loader_diagnostics(l.loader)->nerrors, 1);
    assert_int_equal(l.ruleset->nrules, 1);
    load_done(&l);
    l = load_text("- macro: m\n  nope: 1\n" RULE("a", "m"));
    assert_int_equal(loader_diagnostics(l.loader)->nerrors, 1);
    load_done(&l);
}

static void assert_place(const char *condition, uint32_t line, uint32_t column)
{
    struct buf yaml;
    buf_init(&yaml, 65536);
    buf_putz(&yaml, "- rule: r\n  desc: d\n  output: o\n  priority: info\n  condition: ");
    buf_putz(&yaml, condition);
    struct loaded l = load_begin();
    load_more(&l, "place.yaml", buf_str(&yaml));
    load_end(&l);
    assert_diag_at(&l, LOAD_ERR_COMPILE_CONDITION, "nonexistent field x.y", line, column);
    load_done(&l);
    buf_done(&yaml);
}

static void test_places(void **state)
{
    (void)state;
    assert_place("evt.type=open and x.y=1\n", 5, 32);
    assert_place("evt.type=open\n    and x.y=1\n", 6, 9);
    assert_place(">\n    evt.type=open\n    and x.y=1\n", 7, 9);
    assert_place(">-  # why\n    evt.type=open\n\n    and x.y=1\n", 8, 9);
    assert_place("|\n    evt.type=open\n      and x.y=1\n", 7, 11);
    assert_place("'evt.type=open and proc.name=\"it''s\" and x.y=1'\n", 5, 55);
    assert_place("\"evt.type=open and proc.name=\\\"a\\\" and \\\n    x.y=1\"\n", 6, 5);
    assert_place("\"\\tevt.type=open\\n and x.y=1\"\n", 5, 37);
}

static void test_place_in_append(void **state)
{
    (void)state;
    struct loaded l = load_text(RULE("a", "evt.type=open") "- rule: a\n  condition: and x.y=1\n"
                                                           "  override: {condition: append}\n");
    assert_diag_at(&l, LOAD_ERR_COMPILE_CONDITION, "nonexistent field x.y", 7, 18);
    load_done(&l);
    l = load_text("- list: l\n  items: [a b, 'c,d']\n" RULE(
        "a", "evt.type=open and proc.name in (l) and x.y=1"));
    assert_diag_at(&l, LOAD_ERR_COMPILE_CONDITION, "nonexistent field x.y", 5, 53);
    load_done(&l);
    l = load_text("- macro: m\n  condition: evt.type=open and x.y=1\n" RULE("a", "m"));
    assert_diag_at(&l, LOAD_ERR_COMPILE_CONDITION, "nonexistent field x.y", 2, 32);
    load_done(&l);
}

static void test_diag_text(void **state)
{
    (void)state;
    struct loaded l = load_text(RULE("a", "evt.type=open and proc.nam=x"));
    const struct diagnostic *d = find_diag(&l, LOAD_ERR_COMPILE_CONDITION, "proc.nam");
    assert_non_null(d);
    struct buf text;
    buf_init(&text, 65536);
    diag_text(d, STR("f.yaml"), &text);
    assert_str(buf_str(&text),
               "f.yaml:3:32: error: rule `a`: filter_check called with nonexistent field proc.nam "
               "[LOAD_ERR_COMPILE_CONDITION]\n"
               "     3 |   condition: evt.type=open and proc.nam=x\n"
               "       |                                ^\n"
               "       = did you mean `proc.name`?\n");
    buf_clear(&text);
    struct jsonw w = { .buf = &text };
    diag_json(d, STR("f.yaml"), &w);
    assert_true(str_find(buf_str(&text), STR("\"item_type\":\"rule\",\"item_name\":\"a\"")) > 0);
    assert_true(str_find(buf_str(&text), STR("\"line\":3,\"column\":32")) > 0);
    assert_true(str_find(buf_str(&text), STR("\"codedesc\":\"Error compiling condition\"")) > 0);
    buf_done(&text);
    load_done(&l);
}

static void test_hints(void **state)
{
    (void)state;
    struct loaded l = load_text("- macro: spawned_process\n  condition: evt.type=execve\n"
                                "- list: shells\n  items: [bash]\n" RULE("a", "spawned_proces")
                                    RULE("b", "shells") "- rul: x\n");
    assert_str(find_diag(&l, LOAD_ERR_VALIDATE, "'spawned_proces'")->hint,
               "did you mean `spawned_process`?");
    assert_str(find_diag(&l, LOAD_UNKNOWN_ITEM, "Unknown top level item")->hint,
               "did you mean `rule`?");
    load_done(&l);
    l = load_text("- list: opens\n  items: [open]\n" RULE("a", "evt.type in (openz)"));
    assert_int_equal(l.result, -EINVAL);
    load_done(&l);
    l = load_text(RULE("a", "evt.type=open") "  prority: x\n  desc: twice\n");
    assert_str(find_diag(&l, LOAD_UNKNOWN_KEY, "Unknown key 'prority'")->hint,
               "did you mean `priority`?");
    assert_non_null(find_diag(&l, LOAD_UNKNOWN_KEY, "Key 'desc' is given twice"));
    load_done(&l);
}

static void test_unused(void **state)
{
    (void)state;
    struct loaded l = load_begin();
    load_more(&l, "a.yaml",
              STR("- macro: m\n  condition: evt.type=open\n- list: l\n  items: [x]\n"
                  "- macro: n\n  condition: evt.type=open\n"));
    load_more(&l, "b.yaml", STR(RULE("a", "m and proc.name in (l)")));
    load_end(&l);
    assert_int_equal(count_code(&l, LOAD_UNUSED_MACRO), 1);
    assert_int_equal(count_code(&l, LOAD_UNUSED_LIST), 0);
    assert_true(find_diag(&l, LOAD_UNUSED_MACRO, "Macro not referred to")->pos.file == 0);
    load_done(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_list_delimiters),  cmocka_unit_test(test_list_quoted),
        cmocka_unit_test(test_list_nesting),     cmocka_unit_test(test_list_provenance),
        cmocka_unit_test(test_big_list),         cmocka_unit_test(test_macro_order),
        cmocka_unit_test(test_macro_provenance), cmocka_unit_test(test_macro_bomb),
        cmocka_unit_test(test_redefinition),     cmocka_unit_test(test_appends),
        cmocka_unit_test(test_override_errors),  cmocka_unit_test(test_values),
        cmocka_unit_test(test_sources),          cmocka_unit_test(test_skip),
        cmocka_unit_test(test_exceptions),       cmocka_unit_test(test_exception_errors),
        cmocka_unit_test(test_all_at_once),      cmocka_unit_test(test_no_blame),
        cmocka_unit_test(test_places),           cmocka_unit_test(test_place_in_append),
        cmocka_unit_test(test_diag_text),        cmocka_unit_test(test_hints),
        cmocka_unit_test(test_unused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
