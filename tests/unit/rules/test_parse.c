/*
 * parse: canonical forms, what is refused and where, limits at n-1, n and n+1, failing allocations.
 */
#include "../test.h"
#include "base/buf.h"
#include "rules/ast.h"
#include "rules/parse.h"

#include <errno.h>

#define MEMORY ((size_t)256 << 20)

static int parse(struct str text, struct buf *canonical, uint32_t *offset, struct err *err)
{
    struct arena arena;
    struct ast *ast;
    arena_init(&arena, MEMORY);
    int r = parse_condition(&arena, text, FILTER_DEPTH_MAX, &ast, offset, err);
    if (r == 0) {
        ast_text(ast, canonical);
    }
    arena_done(&arena);
    return r;
}

static void assert_canonical(const char *text, const char *expected)
{
    struct buf canonical;
    struct err err = { 0 };
    uint32_t offset;
    buf_init(&canonical, MEMORY);
    if (parse(str_of(text), &canonical, &offset, &err) < 0) {
        fail_msg("%s: %s at %u", text, err.message, offset);
    }
    buf_putc(&canonical, '\0');
    assert_string_equal(canonical.p, expected);
    struct buf again;
    buf_init(&again, MEMORY);
    assert_int_equal(parse(str_of(canonical.p), &again, &offset, &err), 0);
    buf_putc(&again, '\0');
    assert_string_equal(again.p, expected);
    buf_done(&again);
    buf_done(&canonical);
}

static void assert_refused(const char *text, uint32_t at, const char *message)
{
    struct buf canonical;
    struct err err = { 0 };
    uint32_t offset = UINT32_MAX;
    buf_init(&canonical, MEMORY);
    assert_int_equal(parse(str_of(text), &canonical, &offset, &err), -EINVAL);
    if (!strstr(err.message, message) || offset != at) {
        fail_msg("%s: \"%s\" at %u, not \"%s\" at %u", text, err.message, offset, message, at);
    }
    buf_done(&canonical);
}

static void test_canonical(void **state)
{
    (void)state;
    assert_canonical("a", "a");
    assert_canonical("a and b or c", "((a and b) or c)");
    assert_canonical("a and (b or c)", "(a and (b or c))");
    assert_canonical("not a and b", "(not a and b)");
    assert_canonical("not(a and b)", "not (a and b)");
    assert_canonical("not not a", "a");
    assert_canonical("not not not a", "not a");
    assert_canonical("(a)and(b)or(c)", "((a and b) or c)");
    assert_canonical("a or(not)or b", "(a or (not) or b)");
    assert_canonical("not(not)", "not (not)");
    assert_canonical("a.b=1", "a.b = 1");
    assert_canonical("a.b ==  x", "a.b == x");
    assert_canonical("a.b exists", "a.b exists");
    assert_canonical("a.b[1] >= 0x1F", "a.b[1] >= 0x1F");
    assert_canonical("a.b['x y'] = 1", "a.b[\"x y\"] = 1");
    assert_canonical("a.b[\"\"] = 1", "a.b[\"\"] = 1");
    assert_canonical("a.b in ()", "a.b in ()");
    assert_canonical("a.b in ( 'x' ,\"y z\",w )", "a.b in (x, \"y z\", w)");
    assert_canonical("a.b in name", "a.b in name");
    assert_canonical("a.b intersects (1)", "a.b intersects (1)");
    assert_canonical("a.b startswith anyof (x, y)", "a.b startswith anyof (x, y)");
    assert_canonical("a.b = oneof and c", "(a.b = oneof and c)");
    assert_canonical("a.b = oneof list", "a.b = oneof list");
}

static void test_values(void **state)
{
    (void)state;
    assert_canonical("a.b = \"\"", "a.b = \"\"");
    assert_canonical("a.b = 'it\\'s'", "a.b = \"it's\"");
    assert_canonical("a.b = \"x,(=)\"", "a.b = \"x,(=)\"");
    assert_canonical("a.b = \"\\b\\f\\n\\r\\t\\\\\\/\\x41\\x1f\"",
                     "a.b = \"\\b\\f\\n\\r\\t\\\\/A\\x1f\"");
    assert_canonical("a.b = \"\\ x\"", "a.b = \"\\\\x\"");
    assert_canonical("a.b = \"ends in \\\\\"", "a.b = \"ends in \\\\\"");
    assert_canonical("a.b = \xe7\x81\xab", "a.b = \xe7\x81\xab");
    assert_canonical("a.b = c.d", "a.b = c.d");
    assert_canonical("a.b = <", "a.b = <");
    assert_canonical("a.b = val(c.d[1])", "a.b = val(c.d[1])");
    assert_canonical("a.b < len(c.d)", "a.b < len(c.d)");
    assert_canonical("a.b in val( c.d )", "a.b in val(c.d)");
}

static void test_transformers(void **state)
{
    (void)state;
    assert_canonical("tolower( toupper(a.b) ) = x", "tolower(toupper(a.b)) = x");
    assert_canonical("join('-', (a.b, 'c', 1, b64(d.e))) = x",
                     "join(\"-\", (a.b, \"c\", 1, b64(d.e))) = x");
    assert_canonical("join(\",\", ()) = x", "join(\",\", ()) = x");
    assert_canonical("concat(a.b, \"x\", c.d) = y", "concat(a.b, \"x\", c.d) = y");
    assert_canonical("getopt(a.b, \"ab:\")[a] = y", "getopt((a.b), \"ab:\")[a] = y");
    assert_canonical("getopt((a.b, c.d), \"a\") exists", "getopt((a.b, c.d), \"a\") exists");
    assert_canonical("getopt(a.b, \"ab:\") intersects (a)",
                     "getopt((a.b), \"ab:\") intersects (a)");
}

static void test_refused(void **state)
{
    (void)state;
    assert_refused("", 0, "empty");
    assert_refused(" ", 1, "expected a '(' token, a field check, or an identifier");
    assert_refused("a b", 2, "unexpected token after 'a', expecting 'or', 'and'");
    assert_refused("a.b=open bar", 9, "unexpected token after 'open', expecting 'or', 'and'");
    assert_refused("(a", 2, "expected a ')' token");
    assert_refused("a.b", 3, "expected a valid check operator: one of 'exists'");
    assert_refused("a.b = ", 6, "expected a string value");
    assert_refused("a.b < x", 6, "expected a number value");
    assert_refused("a.b in (x", 9, "expected a ')' token");
    assert_refused("a.b in (x,)", 10, "expected a string value");
    assert_refused("a.b in 1", 7, "expected a list, an identifier");
    assert_refused("a andb", 5, "expected blank or '(' after 'and'");
    assert_refused("a.b[] = 1", 4, "expected a valid field argument");
    assert_refused("a.b[1 = 1", 5, "expected a ']' token");
    assert_refused("a.b = \"\\q\"", 7, "unsupported string escape sequence: \\q");
    assert_refused("a.b = '\\\"'", 7, "unsupported string escape sequence");
    assert_refused("a.b = \"\\x00\"", 7, "unsupported string escape sequence: \\x");
    assert_refused("a.b = \"\\x4\"", 7, "unsupported string escape sequence: \\x");
    assert_refused("a.b = val(c)", 10, "expected a field within 'val'");
    assert_refused("a.b = val(c.d", 13, "closing the transformer");
    assert_refused("len() = 1", 4, "expected field transformer argument");
    assert_refused("join(\"-\" a.b) = 1", 9, "expected a ',' token");
    assert_refused("join(\"-\", a.b) = 1", 10, "expected a '(' token");
    assert_refused("join(\"-\", (a.b = 1", 15, "closing the transformer's list");
}

static void test_nul(void **state)
{
    (void)state;
    struct buf canonical;
    struct err err = { 0 };
    uint32_t offset;
    buf_init(&canonical, MEMORY);
    assert_int_equal(parse(STR("a.b in (\0x)"), &canonical, &offset, &err), -EINVAL);
    assert_int_equal(offset, 8);
    assert_non_null(strstr(err.message, "NUL"));
    buf_done(&canonical);
}

/* `n` times `open`, then "a", then `n` times `close`. */
static int parse_nested(unsigned n, const char *open, const char *close)
{
    struct buf text, canonical;
    struct err err = { 0 };
    uint32_t offset;
    buf_init(&text, MEMORY);
    buf_init(&canonical, MEMORY);
    for (unsigned i = 0; i < n; i++) {
        buf_putz(&text, open);
    }
    buf_putz(&text, "a");
    for (unsigned i = 0; i < n; i++) {
        buf_putz(&text, close);
    }
    int r = parse(buf_str(&text), &canonical, &offset, &err);
    if (r < 0) {
        assert_non_null(strstr(err.message, "exceeded max depth limit of 100"));
    }
    buf_done(&canonical);
    buf_done(&text);
    return r;
}

static void test_depth(void **state)
{
    (void)state;
    static const char *const forms[][2] = { { "(", ")" }, { "not(", ")" }, { "not ", "" } };
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(parse_nested(FILTER_DEPTH_MAX - 1, forms[i][0], forms[i][1]), 0);
        assert_int_equal(parse_nested(FILTER_DEPTH_MAX, forms[i][0], forms[i][1]), 0);
        assert_int_equal(parse_nested(FILTER_DEPTH_MAX + 1, forms[i][0], forms[i][1]), -EINVAL);
        assert_int_equal(parse_nested(200000, forms[i][0], forms[i][1]), -EINVAL);
    }
}

static void test_literal_limit(void **state)
{
    (void)state;
    for (int over = -1; over <= 1; over++) {
        struct buf text, canonical;
        struct err err = { 0 };
        uint32_t offset;
        buf_init(&text, MEMORY);
        buf_init(&canonical, MEMORY);
        buf_putz(&text, "a.b=");
        for (int i = 0; i < LITERAL_MAX + over; i++) {
            buf_putc(&text, 'x');
        }
        assert_int_equal(parse(buf_str(&text), &canonical, &offset, &err), over > 0 ? -EINVAL : 0);
        buf_done(&canonical);
        buf_done(&text);
    }
}

static void test_many_items(void **state)
{
    (void)state;
    struct buf text, canonical;
    struct err err = { 0 };
    uint32_t offset;
    buf_init(&text, MEMORY);
    buf_init(&canonical, MEMORY);
    buf_putz(&text, "a.b in (0");
    for (int i = 1; i < 100000; i++) {
        buf_printf(&text, ", %d", i);
    }
    buf_putz(&text, ")");
    assert_int_equal(parse(buf_str(&text), &canonical, &offset, &err), 0);
    assert_true(str_eq(buf_str(&text), buf_str(&canonical)));
    buf_done(&canonical);
    buf_done(&text);
}

static void test_memory(void **state)
{
    (void)state;
    static const char text[] =
        "a and (b or not c.d in (x, 'y\\n')) and join('-', (e.f)) = val(g.h[1])";
    for (uint64_t n = 1; n < 40; n++) {
        struct arena arena;
        struct ast *ast;
        struct err err = { 0 };
        uint32_t offset;
        arena_init(&arena, MEMORY);
        mem_fail_after(n);
        int r = parse_condition(&arena, str_of(text), 100, &ast, &offset, &err);
        mem_fail_after(0);
        assert_true(r == 0 || r == -ENOMEM);
        arena_done(&arena);
    }
    struct arena small;
    struct ast *ast;
    uint32_t offset;
    arena_init(&small, 256);
    assert_int_equal(parse_condition(&small, str_of(text), 100, &ast, &offset, NULL), -ENOMEM);
    arena_done(&small);
}

static void test_left_side(void **state)
{
    (void)state;
    struct arena arena;
    struct ast_expr *expr;
    struct err err = { 0 };
    arena_init(&arena, MEMORY);
    assert_int_equal(parse_left_side(&arena, STR(" tolower(a.b[1]) "), &expr, &err), 0);
    assert_int_equal(expr->kind, EXPR_TRANSFORM);
    assert_int_equal(parse_left_side(&arena, STR("a.b x"), &expr, &err), -EINVAL);
    assert_int_equal(parse_left_side(&arena, STR("a"), &expr, &err), -EINVAL);
    assert_int_equal(parse_left_side(&arena, STR(""), &expr, &err), -EINVAL);
    struct str value;
    assert_true(parse_is_plain_value(&arena, STR("'x y'"), &value));
    assert_true(str_eq(value, STR("x y")));
    assert_true(parse_is_plain_value(&arena, STR("x"), &value));
    assert_false(parse_is_plain_value(&arena, STR("x y"), &value));
    assert_false(parse_is_plain_value(&arena, STR(""), &value));
    assert_false(parse_is_plain_value(&arena, STR("'x' "), &value));
    arena_done(&arena);
}

static void test_names(void **state)
{
    (void)state;
    for (enum ast_op op = 0; op < OP_COUNT; op++) {
        assert_int_equal(op_find(str_of(op_text(op))), op);
    }
    assert_int_equal(op_find(STR("ins")), OP_COUNT);
    assert_string_equal(op_text(OP_COUNT), "");
    assert_true(transformer_is_known(STR("join")));
    assert_false(transformer_is_known(STR("joins")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_canonical),     cmocka_unit_test(test_values),
        cmocka_unit_test(test_transformers),  cmocka_unit_test(test_refused),
        cmocka_unit_test(test_nul),           cmocka_unit_test(test_depth),
        cmocka_unit_test(test_literal_limit), cmocka_unit_test(test_many_items),
        cmocka_unit_test(test_memory),        cmocka_unit_test(test_left_side),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
