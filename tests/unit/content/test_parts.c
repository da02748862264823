/*
 * The parts that need no server: forms of items, reading of lists, splitting of files, differences of texts.
 */
#include "test.h"

#include "server/content_internal.h"
#include "server/import.h"

#include <errno.h>

static void test_forms(void **state)
{
    (void)state;
    static const struct {
        enum import_kind kind;
        const char *in, *out; /* NULL: refused */
    } cases[] = {
        { IMPORT_TEXT, "A b", "A b" },
        { IMPORT_TEXT, "a\x01", NULL },
        { IMPORT_DOMAIN, "Evil.EXAMPLE.com.", ".evil.example.com" },
        { IMPORT_DOMAIN, "*.x.org", ".x.org" },
        { IMPORT_DOMAIN, ".x.org", ".x.org" },
        { IMPORT_DOMAIN, "https://u:p@a.b.c:8443/x?y#z", ".a.b.c" },
        { IMPORT_DOMAIN, "localhost", NULL },
        { IMPORT_DOMAIN, "a..b", NULL },
        { IMPORT_DOMAIN, "a..", NULL },
        { IMPORT_DOMAIN, "a b.c", NULL },
        { IMPORT_DOMAIN, "b\xc3\xbc.de", NULL },
        { IMPORT_HASH, "D41D8CD98F00B204E9800998ECF8427E", "d41d8cd98f00b204e9800998ecf8427e" },
        { IMPORT_HASH, "d41d8cd98f00b204e9800998ecf8427", NULL },
        { IMPORT_HASH, "g41d8cd98f00b204e9800998ecf8427e", NULL },
        { IMPORT_PATH, "/usr//bin/./x/", "/usr/bin/x" },
        { IMPORT_PATH, "/", "/" },
        { IMPORT_PATH, "/a/../b", NULL },
        { IMPORT_PATH, "a/b", NULL },
        { IMPORT_FILENAME, "/tmp/kinsing", "kinsing" },
        { IMPORT_FILENAME, "/tmp/", NULL },
        { IMPORT_FILENAME, "..", NULL },
        { IMPORT_ADDRESS, "10.0.0.1", "10.0.0.1" },
        { IMPORT_ADDRESS, "10.0.0.0/8", "10.0.0.0/8" },
        { IMPORT_ADDRESS, "10.0.0.0/33", NULL },
        { IMPORT_ADDRESS, "10.0.0.0/", NULL },
        { IMPORT_ADDRESS, "FE80::0001", "fe80::1" },
        { IMPORT_ADDRESS, "fe80::/128", "fe80::/128" },
        { IMPORT_ADDRESS, "10.0.0", NULL },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct buf buf;
        buf_init(&buf, IMPORT_ITEM_MAX);
        const char *why = import_normalise(cases[i].kind, str_of(cases[i].in), &buf);
        if (!cases[i].out != !!why || (cases[i].out && !str_eqz(buf_str(&buf), cases[i].out))) {
            fail_msg("%s: %s %.*s", cases[i].in, why ? why : "taken", STR_ARG(buf_str(&buf)));
        }
        buf_done(&buf);
    }
}

static void test_lengths(void **state)
{
    (void)state;
    for (size_t n = IMPORT_ITEM_MAX - 1; n <= IMPORT_ITEM_MAX + 1; n++) {
        struct buf text, form;
        buf_init(&text, 8192);
        buf_init(&form, IMPORT_ITEM_MAX);
        memset(buf_reserve(&text, n), 'x', n);
        text.n = n;
        const char *why = import_normalise(IMPORT_TEXT, buf_str(&text), &form);
        assert_int_equal(why == NULL, n <= IMPORT_ITEM_MAX);
        buf_done(&text);
        buf_done(&form);
    }
}

static void test_csv(void **state)
{
    (void)state;
    static const char text[] =
        "\xef\xbb\xbfid;Name\r\n1;\"a;b\"\r\n\r\n2;\"x\n\"\"y\"\r\n3\r\n#c\n4;z\n5;\"q";
    struct import import;
    struct err err = { 0 };
    const struct import_options options = { .csv = true,
                                            .delimiter = ';',
                                            .column_name = STR("name") };
    assert_int_equal(import_read(&import, &options, str_of(text), &err), 0);
    assert_int_equal(import.n, 2);
    assert_true(str_eqz(import.items[0], "a;b"));
    assert_true(str_eqz(import.items[1], "z"));
    /* A control character, a line without the column, a quote that does not end. */
    assert_int_equal(import.invalid, 3);
    assert_int_equal(import.problems[1].line, 6);
    assert_int_equal(import.empty, 2);
    assert_int_equal(import.comments, 1);
    import_done(&import);
}

static void test_hosts(void **state)
{
    (void)state;
    struct import import;
    struct err err = { 0 };
    const struct import_options options = { .kind = IMPORT_DOMAIN };
    assert_int_equal(import_read(&import, &options,
                                 STR("; x\n0.0.0.0 a.b  # why\n127.0.0.1\tc.d\ne.f\na.b\n"), &err),
                     0);
    assert_int_equal(import.n, 3);
    assert_int_equal(import.duplicates, 1);
    assert_int_equal(import.normalised, 4);
    import_done(&import);
}

static void test_split(void **state)
{
    (void)state;
    static const char text[] = "# a licence\n\n# about x\n- list: x\n  items: [a]\n"
                               "- macro: m\n  condition: >\n    a\n    and b\n\n\n"
                               "# about r\n- rule: r\n  enabled: false\n"
                               "- required_engine_version: 0.1.0\n"
                               "- {list: flow, items: [\"1\", two]}\n";
    struct arena arena;
    struct documents all = { 0 };
    struct err err = { 0 };
    uint32_t offset;
    arena_init(&arena, (size_t)1 << 20);
    assert_int_equal(documents_split(&arena, str_of(text), &all, &offset, &err), 0);
    assert_int_equal(all.n, 4);
    assert_true(str_eqz(all.items[0].text, "# about x\n- list: x\n  items: [a]\n"));
    assert_true(str_eqz(all.items[1].text, "- macro: m\n  condition: >\n    a\n    and b\n"));
    assert_true(str_eqz(all.items[2].text, "# about r\n- rule: r\n  enabled: false\n"));
    assert_int_equal(all.items[2].line, 12);
    assert_true(all.items[2].changes);
    assert_true(str_eqz(all.items[3].text, "- {list: flow, items: [\"1\", two]}\n"));
    arena_done(&arena);
}

/* Lines that do not mean the same alone are written anew. */
static void test_split_anew(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        { "[{list: a, items: [x]}, {list: b, items: []}]",
          "- {\"list\": \"a\", \"items\": [\"x\"]}\n" },
        { "- list: a\n  items: &i [x]\n- list: b\n  items: *i\n", "- list: a\n  items: &i [x]\n" },
        { "  - list: a\n    items: [x]\n", "  - list: a\n    items: [x]\n" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct arena arena;
        struct documents all = { 0 };
        struct err err = { 0 };
        uint32_t offset;
        arena_init(&arena, (size_t)1 << 20);
        assert_int_equal(documents_split(&arena, str_of(cases[i][0]), &all, &offset, &err), 0);
        if (i != 2) {
            assert_true(str_eqz(all.items[0].text, cases[i][1]));
        }
        if (i == 1) {
            assert_true(str_eqz(all.items[1].text, "- {\"list\": \"b\", \"items\": [\"x\"]}\n"));
        }
        arena_done(&arena);
    }
}

static void test_split_errors(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "rule: x\n",
        "- x\n",
        "- rule: [x]\n",
        "- list: ../a\n",
        "- list: \"a\\u0001\"\n",
        "- list: \"\"\n",
        "- nothing: x\n",
        "- {",
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct arena arena;
        struct documents all = { 0 };
        struct err err = { 0 };
        uint32_t offset;
        arena_init(&arena, (size_t)1 << 20);
        if (documents_split(&arena, str_of(bad[i]), &all, &offset, &err) != -EINVAL) {
            fail_msg("%s was taken", bad[i]);
        }
        arena_done(&arena);
    }
}

static void assert_diff(const char *from, const char *to, const char *want)
{
    struct arena arena;
    struct buf buf;
    arena_init(&arena, (size_t)64 << 20);
    buf_init(&buf, (size_t)1 << 20);
    content_diff(str_of(from), str_of(to), &arena, &buf);
    buf_putc(&buf, '\0');
    assert_string_equal(buf.p, want);
    buf_done(&buf);
    arena_done(&arena);
}

static void test_diff(void **state)
{
    (void)state;
    assert_diff("a\n", "a\n", "");
    assert_diff("", "a\n", "@@ -0,0 +1,1 @@\n+a\n");
    assert_diff("a\nb\n", "", "@@ -1,2 +0,0 @@\n-a\n-b\n");
    assert_diff("a\nb\nc\n", "a\nx\nc\n", "@@ -1,3 +1,3 @@\n a\n-b\n+x\n c\n");
    assert_diff("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "0\n1\n2\n3\n4\n5\n6\n7\n8\n",
                "@@ -1,3 +1,4 @@\n+0\n 1\n 2\n 3\n@@ -6,4 +7,3 @@\n 6\n 7\n 8\n-9\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_forms), cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_csv),   cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_split), cmocka_unit_test(test_split_anew),
        cmocka_unit_test(test_diff),  cmocka_unit_test(test_split_errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
