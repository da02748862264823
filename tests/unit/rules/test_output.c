/*
 * output: templates and their tokens, text and JSON, widths, missing values, errors and limits.
 */
#include "fake_fields.h"

#include "rules/output.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static struct arena arena;
static struct event event;
static struct view view = { .event = &event };
static struct buf buf;

static int set_up(void **state)
{
    (void)state;
    arena_init(&arena, 64 << 20);
    buf_init(&buf, 1 << 20);
    fake_clear();
    fake_strz(FIELD_PROC_NAME, "cat");
    fake_i64(FIELD_PROC_PID, 42);
    fake_strz(FIELD_FD_NAME, "/tmp/a\tb");
    return scratch_init(&view.scratch);
}

static int tear_down(void **state)
{
    (void)state;
    buf_done(&buf);
    arena_done(&arena);
    scratch_done(&view.scratch);
    return 0;
}

static struct output *compiled(const char *format)
{
    struct output *output = NULL;
    struct err err = { 0 };
    int r = output_compile(&arena, str_of(format), &output, NULL, &err);
    if (r < 0) {
        print_error("%s: %s\n", format, err.message);
    }
    assert_int_equal(r, 0);
    return output;
}

static void prints(const char *format, const char *expected)
{
    struct output *output = compiled(format);
    buf_clear(&buf);
    view.scratch.n = 0;
    output_text(output, &view, &buf);
    buf_putc(&buf, '\0');
    assert_string_equal(buf.p, expected);
}

static void gives(const char *format, const char *expected)
{
    struct output *output = compiled(format);
    buf_clear(&buf);
    view.scratch.n = 0;
    output_fields_json(output, &view, &buf);
    buf_putc(&buf, '\0');
    assert_string_equal(buf.p, expected);
}

static void refused(const char *format, int code, const char *message)
{
    struct output *output = NULL;
    struct err err = { 0 };
    assert_int_equal(output_compile(&arena, str_of(format), &output, NULL, &err), code);
    assert_null(output);
    assert_string_equal(err.message, message);
}

static void test_text(void **state)
{
    (void)state;
    prints("", "");
    prints("plain", "plain");
    prints("%proc.name", "cat");
    prints("a %proc.name b %proc.pid c", "a cat b 42 c");
    prints("%proc.name%proc.pid", "cat42");
    prints("%proc.name.", "cat.");
    prints("(%proc.name:%proc.pid)", "(cat:42)");
    prints("%proc.namexyz", "catxyz");
    prints("%proc.name[%proc.pid]", "cat[42]");
    prints("100%% %proc.name %%x", "100% cat %x");
    prints("* %proc.name", "* cat");
    prints("%proc.pname|", "<NA>|");
}

static void test_widths(void **state)
{
    (void)state;
    prints("%5proc.name|", "cat  |");
    prints("%2proc.name|", "ca|");
    prints("%3proc.name|", "cat|");
    prints("%0proc.name|", "cat|");
    prints("%6proc.pname|", "<NA>  |");
    prints("%1proc.pid|", "4|");
    struct output *output = compiled("%4096proc.name");
    assert_int_equal(output->parts[0].width, OUTPUT_WIDTH_MAX);
    refused("%4097proc.name", -EINVAL, "a field's width is limited to 4096");
}

static void test_transformers(void **state)
{
    (void)state;
    prints("%toupper(proc.name)", "CAT");
    prints("%len(proc.name)!", "3!");
    prints("%toupper(tolower(proc.name)).", "CAT.");
    prints("%concat(proc.name, \"(x\")", "cat(x");
    prints("%5toupper(proc.name)|", "CAT  |");
    prints("%join(\",\", (proc.name, proc.pid))", "cat,42");
    prints("%toupper(proc.pname)", "<NA>");
    gives("%toupper(proc.name) %len(proc.name) %len(proc.pname)",
          "{\"toupper(proc.name)\":\"CAT\",\"len(proc.name)\":3,\"len(proc.pname)\":null}");
}

static void test_arguments(void **state)
{
    (void)state;
    fake_strz(FIELD_PROC_ANAME, "sh");
    fake_strz(FIELD_EVT_ARG, "x");
    prints("%evt.arg[0] %proc.args[1]", "x <NA>");
    gives("%evt.arg[0]", "{\"evt.arg[0]\":\"x\"}");
    refused("%evt.arg", -EINVAL, "field 'evt.arg' requires an argument");
}

static void test_fields_json(void **state)
{
    (void)state;
    gives("no fields", "{}");
    gives("%proc.name %proc.pid %proc.name %proc.pname",
          "{\"proc.name\":\"cat\",\"proc.pid\":42,\"proc.pname\":null}");
    gives("%9proc.name", "{\"proc.name\":\"cat\"}");
    gives("%fd.name", "{\"fd.name\":\"/tmp/a\\tb\"}");
}

static void test_bytes_beside_text(void **state)
{
    (void)state;
    fake_clear();
    fake_strz(FIELD_FD_NAME, "/\xff");
    gives("%fd.name", "{\"fd.name\":\"/\\\\xff\",\"fd.name.base64\":\"L/8=\"}");
    fake_clear();
    fake_strz(FIELD_FD_NAME, "\xff");
    gives("%fd.name", "{\"fd.name\":\"\\\\xff\",\"fd.name.base64\":\"/w==\"}");
    fake_clear();
    fake_strz(FIELD_FD_NAME, "ab\xff");
    gives("%fd.name", "{\"fd.name\":\"ab\\\\xff\",\"fd.name.base64\":\"YWL/\"}");
    fake_clear();
    fake_strz(FIELD_FD_NAME, "\xe7\x81\xab");
    gives("%fd.name", "{\"fd.name\":\"\xe7\x81\xab\"}");
}

static void test_lists(void **state)
{
    (void)state;
    fake_strz(FIELD_FD_TYPES, "file");
    prints("%fd.types", "(file)");
    fake_strz(FIELD_FD_TYPES, "ipv4");
    prints("%fd.types %len(fd.types) %toupper(fd.types)", "(file,ipv4) 2 (FILE,IPV4)");
    gives("%fd.types %toupper(fd.types)",
          "{\"fd.types\":[\"file\",\"ipv4\"],\"toupper(fd.types)\":[\"FILE\",\"IPV4\"]}");
}

static void test_errors(void **state)
{
    (void)state;
    refused("%not_a_real_field", -ENOENT, "invalid formatting token not_a_real_field");
    refused("x %proc.nam y", -ENOENT, "invalid formatting token proc.nam");
    refused("%", -EINVAL, "invalid formatting syntax: formatting cannot end with a %");
    refused("a%", -EINVAL, "invalid formatting syntax: formatting cannot end with a %");
    refused("%12", -EINVAL, "invalid formatting syntax: formatting cannot end with a number");
    refused("% proc.name", -ENOENT, "invalid formatting token  proc.name");
    refused("%fd.ip", -EINVAL, "fd.ip is filter only and cannot be used as a display field");
    refused("%toupper(nope.x)", -ENOENT, "invalid formatting token toupper(nope.x)");
    refused("%toupper(proc.name", -ENOENT, "invalid formatting token toupper");
    refused("%tolower(proc.pid)", -EINVAL,
            "can't add field transformer: type 'INT64' is not supported by 'tolower' transformer "
            "applied on field 'proc.pid'");
}

static void test_deprecated(void **state)
{
    (void)state;
    struct output *output;
    const char *deprecated = "x";
    assert_int_equal(output_compile(&arena, STR("%proc.name"), &output, &deprecated, NULL), 0);
    assert_null(deprecated);
    assert_int_equal(output_compile(&arena, STR("a %evt.dir"), &output, &deprecated, NULL), 0);
    assert_string_equal(deprecated, "evt.dir");
}

static void test_many_fields(void **state)
{
    (void)state;
    char *format = calloc(1, OUTPUT_FIELDS_MAX * 11 + 1);
    for (int i = 0; i < OUTPUT_FIELDS_MAX; i++) {
        memcpy(format + (ptrdiff_t)i * 11, "%proc.name ", 11);
    }
    refused(format, -EINVAL, "more than 1023 fields in an output");
    format[(OUTPUT_FIELDS_MAX - 1) * 11] = '\0';
    gives(format, "{\"proc.name\":\"cat\"}");
    free(format);
    char *text = malloc(OUTPUT_TEXT_MAX + 2);
    memset(text, 'a', OUTPUT_TEXT_MAX + 1);
    text[OUTPUT_TEXT_MAX + 1] = '\0';
    refused(text, -EINVAL, "an output is limited to 65536 bytes");
    text[OUTPUT_TEXT_MAX] = '\0';
    prints(text, text);
    free(text);
}

/* Fields beside those of the template. */

static struct output *with_more(const char *format, const char *condition)
{
    struct output *output = compiled(format);
    struct cond *cond = NULL;
    struct cond_problems problems = { 0 };
    struct ast *ast;
    uint32_t offset;
    struct err err = { 0 };
    if (condition) {
        assert_int_equal(
            parse_condition(&arena, str_of(condition), FILTER_DEPTH_MAX, &ast, &offset, &err), 0);
        assert_int_equal(cond_resolve(&arena, NULL, ast, &cond, &problems), 0);
        for (uint32_t i = 0; i < problems.n && !cond; i++) {
            print_error("%.*s\n", STR_ARG(problems.items[i].message));
        }
        assert_non_null(cond);
    }
    assert_int_equal(output_add_more(&arena, cond, output), 0);
    return output;
}

static const char *more_json(const struct output *output)
{
    buf_clear(&buf);
    view.scratch.n = 0;
    output_fields_json(output, &view, &buf);
    buf_putc(&buf, '\0');
    return buf.p;
}

static unsigned count_text(const char *text, const char *what)
{
    unsigned n = 0;
    for (const char *at = text; (at = strstr(at, what)); at += strlen(what)) {
        n++;
    }
    return n;
}

static void test_more(void **state)
{
    (void)state;
    struct output *output = with_more(
        "x %proc.name", "proc.aname[3] = init and not (toupper(fd.nameraw) = A or proc.name = b) "
                        "and fd.filename exists");
    const char *json = more_json(output);
    assert_int_equal(count_text(json, "\"proc.name\":\"cat\""), 1);
    assert_int_equal(count_text(json, "\"proc.name\""), 1);
    assert_non_null(strstr(json, "\"proc.aname[3]\":null"));
    assert_non_null(strstr(json, "\"fd.nameraw\":null"));
    assert_non_null(strstr(json, "\"fd.filename\":null"));
    assert_non_null(strstr(json, "\"proc.aname[2]\":null"));
    assert_non_null(strstr(json, "\"container.image.repository\":null"));
    assert_non_null(strstr(json, "\"fd.name\":\"/tmp/a\\tb\""));
    assert_null(strstr(json, "\"fd.sport\"")); /* perhaps not followed: it decides nothing */
    assert_int_equal(strncmp(json, "{\"proc.name\"", 12), 0);
    /* The text is as it was. */
    buf_clear(&buf);
    view.scratch.n = 0;
    output_text(output, &view, &buf);
    assert_int_equal(buf.n, 5);
    /* Also where the template has no field. */
    json = more_json(with_more("x", NULL));
    assert_int_equal(strncmp(json, "{\"evt.type\":null,", 17), 0);
}

static void test_more_limits(void **state)
{
    static char text[OUTPUT_MORE_VALUE];
    (void)state;
    const size_t around = sizeof(",\"proc.cmdline\":\"\"") - 1;
    struct output *output = with_more("%proc.name", NULL);
    for (size_t n = OUTPUT_MORE_VALUE - 1; n <= OUTPUT_MORE_VALUE + 1; n++) {
        memset(text, 'a', sizeof(text));
        fake_clear();
        fake_strz(FIELD_PROC_NAME, "cat");
        fake_str(FIELD_PROC_CMDLINE, str_from(text, n - around));
        bool there = strstr(more_json(output), "\"proc.cmdline\"") != NULL;
        assert_int_equal(there, n <= OUTPUT_MORE_VALUE);
    }
    /* As many fields as there may be, and no more. */
    struct buf condition;
    buf_init(&condition, 65536);
    for (unsigned i = 0; i < OUTPUT_MORE_MAX + 10; i++) {
        buf_printf(&condition, "%sproc.aname[%u] = x", i ? " or " : "", i + 1);
    }
    buf_putc(&condition, '\0');
    output = with_more("%proc.name", condition.p);
    assert_int_equal(output->nmore, OUTPUT_MORE_MAX);
    buf_done(&condition);
}

/* What was extracted for the template stays; what is left of the scratch is enough or not. */
static void test_more_full_scratch(void **state)
{
    (void)state;
    struct output *output = with_more("%proc.pid %proc.name", "toupper(proc.name) = CAT");
    for (size_t room = 0; room < 4000; room += 97) {
        view.scratch.n = view.scratch.capacity - room;
        view.scratch.truncated = false;
        buf_clear(&buf);
        output_fields_json(output, &view, &buf);
        buf_putc(&buf, '\0');
        assert_non_null(strstr(buf.p, "\"evt.type\":null"));
        assert_int_equal(buf.p[buf.n - 2], '}');
    }
}

static void test_full_scratch(void **state)
{
    (void)state;
    struct output *output = compiled("%proc.name %toupper(proc.name)");
    for (size_t room = 0; room < 400; room += 7) {
        view.scratch.n = view.scratch.capacity - room;
        buf_clear(&buf);
        output_text(output, &view, &buf);
        buf_putc(&buf, '\0');
        assert_true(strcmp(buf.p, "<NA> <NA>") == 0 || strcmp(buf.p, "cat <NA>") == 0 ||
                    strcmp(buf.p, "cat CAT") == 0);
        view.scratch.n = view.scratch.capacity - room;
        buf_clear(&buf);
        output_fields_json(output, &view, &buf);
        assert_true(buf.n > 10);
    }
    assert_true(view.scratch.truncated);
}

static void test_memory_runs_out(void **state)
{
    (void)state;
    unsigned failures = 0;
    for (uint64_t n = 1; n < 100; n++) {
        struct arena small;
        struct output *output = NULL;
        struct err err = { 0 };
        arena_init(&small, 1 << 20);
        mem_fail_after(n);
        int r = output_compile(&small, STR("a %proc.name %toupper(fd.name)"), &output, NULL, &err);
        mem_fail_after(0);
        assert_true(r == 0 || r == -ENOMEM);
        failures += r < 0;
        arena_done(&small);
    }
    assert_in_range(failures, 1, 98);
    for (size_t budget = 0; budget < 60000; budget += 133) {
        struct arena small;
        struct output *output = NULL;
        arena_init(&small, budget);
        int r = output_compile(&small, STR("a %proc.name %toupper(fd.name)"), &output, NULL, NULL);
        assert_true(r == 0 || r == -ENOMEM);
        arena_done(&small);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_text),
        TEST(test_widths),
        TEST(test_transformers),
        TEST(test_arguments),
        TEST(test_fields_json),
        TEST(test_bytes_beside_text),
        TEST(test_lists),
        TEST(test_errors),
        TEST(test_deprecated),
        TEST(test_many_fields),
        TEST(test_full_scratch),
        TEST(test_more),
        TEST(test_more_limits),
        TEST(test_more_full_scratch),
        TEST(test_memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
