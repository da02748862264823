/*
 * alert: lines of text and JSON, read back with a JSON library; dates, time zones, hostile bytes; what an
 * alert costs.
 */
#include "../rules/fake_fields.h"

#include "agent/alert.h"
#include "base/clock.h"

#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

static struct arena arena;
static struct event event;
static struct view view = { .event = &event };
static struct buf buf;
static struct alert_clock zone;
static const struct str tags[] = { { "T1059", 5 }, { "mitre_\"x\"", 9 } };
static const struct rule rule = { .name = { "Rule \"one\"", 10 },
                                  .source = { "syscall", 7 },
                                  .priority = PRIORITY_WARNING,
                                  .tags = tags,
                                  .ntags = 2 };

static int set_up(void **state)
{
    (void)state;
    setenv("TZ", "UTC", 1);
    tzset();
    zone = (struct alert_clock){ 0 };
    arena_init(&arena, 16 << 20);
    buf_init(&buf, 64 << 20);
    fake_clear();
    event = (struct event){ .ts_ns = 1700000000123456789 };
    fake_strz(FIELD_PROC_NAME, "cat");
    fake_i64(FIELD_PROC_PID, 42);
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
    assert_int_equal(output_compile(&arena, str_of(format), &output, NULL, NULL), 0);
    return output;
}

static const char *text_of(const struct alert_format *format, const char *template)
{
    buf_clear(&buf);
    alert_text(format, &rule, compiled(template), &view, &buf);
    buf_putc(&buf, '\0');
    return buf.p;
}

static struct json_object *json_of(const struct alert_format *format, const char *template)
{
    buf_clear(&buf);
    alert_json(format, &rule, compiled(template), &view, &buf);
    assert_int_equal(buf.p[buf.n - 1], '\n');
    struct json_tokener *tokener = json_tokener_new();
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    struct json_object *object = json_tokener_parse_ex(tokener, buf.p, (int)buf.n - 1);
    if (!object) {
        print_error("%.*s", (int)buf.n, buf.p);
    }
    json_tokener_free(tokener);
    assert_non_null(object);
    return object;
}

static const char *member(struct json_object *object, const char *key)
{
    struct json_object *value = json_object_object_get(object, key);
    return value ? json_object_get_string(value) : "(none)";
}

static void test_text(void **state)
{
    (void)state;
    struct alert_format format = { .clock = &zone };
    assert_string_equal(text_of(&format, "ran %proc.name (%proc.pid)"),
                        "22:13:20.123456789: Warning ran cat (42)\n");
    format.time_iso8601 = true;
    assert_string_equal(text_of(&format, "x"), "2023-11-14T22:13:20.123456789+0000: Warning x\n");
}

static void test_text_escapes_controls(void **state)
{
    (void)state;
    struct alert_format format = { .clock = &zone };
    fake_clear();
    fake_str(FIELD_PROC_NAME, STR("a\nb\x1b[31m\tc\"\\\x7f\x0b\xc3\xa9"));
    assert_string_equal(
        text_of(&format, "%proc.name"),
        "22:13:20.123456789: Warning a\\nb\\u001b[31m\\tc\"\\\\u007f\\u000b\xc3\xa9\n");
}

static void test_json(void **state)
{
    (void)state;
    struct alert_format format = { .json = true, .hostname = STR("host-1"), .clock = &zone };
    struct json_object *o = json_of(&format, "ran %proc.name (%proc.pid) %proc.pname");
    assert_string_equal(member(o, "hostname"), "host-1");
    assert_string_equal(member(o, "output"), "22:13:20.123456789: Warning ran cat (42) <NA>");
    assert_string_equal(member(o, "priority"), "Warning");
    assert_string_equal(member(o, "rule"), "Rule \"one\"");
    assert_string_equal(member(o, "source"), "syscall");
    assert_string_equal(member(o, "time"), "2023-11-14T22:13:20.123456789Z");
    struct json_object *fields = json_object_object_get(o, "output_fields");
    assert_string_equal(member(fields, "proc.name"), "cat");
    assert_int_equal(json_object_get_int64(json_object_object_get(fields, "proc.pid")), 42);
    struct json_object *none = NULL;
    assert_true(json_object_object_get_ex(fields, "proc.pname", &none));
    assert_null(none);
    struct json_object *list = json_object_object_get(o, "tags");
    assert_int_equal(json_object_array_length(list), 2);
    assert_string_equal(json_object_get_string(json_object_array_get_idx(list, 1)), "mitre_\"x\"");
    json_object_put(o);
}

/* In place of the real one, which needs the state and the matcher: see test_alert_hinomi.c. */
void alert_hinomi_put(struct alert_hinomi *hinomi, struct matcher *matcher,
                      const struct rule *made_of, struct view *from, struct buf *to)
{
    (void)matcher;
    (void)made_of;
    (void)from;
    buf_puts(to, STR("\"hinomi\":"));
    buf_u64(to, ++hinomi->seq);
}

static void test_json_with_hinomi(void **state)
{
    (void)state;
    struct alert_hinomi hinomi = { .seq = 41 };
    struct alert_format format = { .json = true, .clock = &zone, .hinomi = &hinomi };
    struct json_object *o = json_of(&format, "x");
    assert_int_equal(json_object_get_int64(json_object_object_get(o, "hinomi")), 42);
    assert_int_equal(json_object_object_length(o), 9);
    json_object_put(o);
}

static void test_json_keys_are_in_order(void **state)
{
    (void)state;
    static const char *const keys[] = { "hostname", "output", "output_fields", "priority",
                                        "rule",     "source", "tags",          "time" };
    struct alert_format format = { .json = true, .clock = &zone };
    struct json_object *o = json_of(&format, "x");
    size_t i = 0;
    json_object_object_foreach(o, key, value)
    {
        (void)value;
        assert_string_equal(key, keys[i++]);
    }
    assert_int_equal(i, 8);
    json_object_put(o);
}

static void test_hostile_bytes(void **state)
{
    (void)state;
    struct alert_format format = { .json = true, .hostname = STR("h\xff\n"), .clock = &zone };
    char bytes[256];
    for (int i = 0; i < 256; i++) {
        bytes[i] = (char)(i ? i : 1);
    }
    fake_clear();
    fake_str(FIELD_PROC_NAME, str_from(bytes, sizeof(bytes)));
    struct json_object *o = json_of(&format, "%proc.name %300proc.name %len(proc.name)");
    struct json_object *fields = json_object_object_get(o, "output_fields");
    assert_int_equal(strlen(member(fields, "proc.name.base64")), (256 + 2) / 3 * 4);
    assert_non_null(strstr(member(o, "output"), "\\xff"));
    json_object_put(o);
}

static void date_is(uint64_t s, const char *expected)
{
    struct alert_format format = { .json = true, .clock = &zone };
    event.ts_ns = s * NS_PER_S;
    struct json_object *o = json_of(&format, "x");
    assert_string_equal(member(o, "time"), expected);
    json_object_put(o);
}

static void test_dates(void **state)
{
    (void)state;
    date_is(0, "1970-01-01T00:00:00.000000000Z");
    date_is(86399, "1970-01-01T23:59:59.000000000Z");
    date_is(951782400, "2000-02-29T00:00:00.000000000Z");
    date_is(951868800, "2000-03-01T00:00:00.000000000Z");
    date_is(1709164800, "2024-02-29T00:00:00.000000000Z");
    date_is(1735689599, "2024-12-31T23:59:59.000000000Z");
    date_is(4107542400, "2100-03-01T00:00:00.000000000Z");
}

static void test_dates_agree_with_the_library(void **state)
{
    (void)state;
    struct alert_format format = { .time_iso8601 = true };
    for (uint64_t s = 1; s < 16000000000; s += 7654321) {
        time_t t = (time_t)s;
        struct tm tm;
        char expected[64];
        gmtime_r(&t, &tm);
        strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%S.000000000+0000: Warning \n", &tm);
        event.ts_ns = s * NS_PER_S;
        assert_string_equal(text_of(&format, ""), expected);
    }
}

static void test_local_time(void **state)
{
    (void)state;
    setenv("TZ", "Europe/Berlin", 1);
    tzset();
    struct alert_format with = { .clock = &zone };
    struct alert_format without = { 0 };
    /* Around the last Sunday of March 2024, 01:00 UTC. */
    event.ts_ns = UINT64_C(1711846799) * NS_PER_S;
    assert_string_equal(text_of(&with, "x"), "01:59:59.000000000: Warning x\n");
    assert_string_equal(text_of(&without, "x"), "01:59:59.000000000: Warning x\n");
    event.ts_ns += NS_PER_S;
    assert_string_equal(text_of(&with, "x"), "03:00:00.000000000: Warning x\n");
    assert_string_equal(text_of(&without, "x"), "03:00:00.000000000: Warning x\n");
    event.ts_ns -= NS_PER_S;
    assert_string_equal(text_of(&with, "x"), "01:59:59.000000000: Warning x\n");
}

static void test_scratch_is_given_back(void **state)
{
    (void)state;
    struct alert_format format = { .json = true, .clock = &zone };
    struct output *output = compiled("%proc.name %toupper(proc.name)");
    view.scratch.n = 100;
    for (int i = 0; i < 100000; i++) {
        buf_clear(&buf);
        alert_json(&format, &rule, output, &view, &buf);
        buf_clear(&buf);
        alert_text(&format, &rule, output, &view, &buf);
    }
    assert_int_equal(view.scratch.n, 100);
    assert_false(view.scratch.truncated);
}

static void test_no_allocation_once_warm(void **state)
{
    (void)state;
    struct alert_format format = { .json = true, .clock = &zone };
    struct output *output = compiled("%proc.name %toupper(proc.name) %9proc.pid");
    for (int i = 0; i < 3; i++) {
        buf_clear(&buf);
        alert_json(&format, &rule, output, &view, &buf);
        size_t n = buf.n;
        mem_fail_after(1);
        buf_clear(&buf);
        alert_json(&format, &rule, output, &view, &buf);
        mem_fail_after(0);
        assert_false(buf.failed);
        assert_int_equal(buf.n, n);
    }
}

static void test_full_buffer_fails_cleanly(void **state)
{
    (void)state;
    struct alert_format format = { .json = true, .clock = &zone };
    struct output *output = compiled("%proc.name");
    for (size_t room = 0; room < 400; room++) {
        char storage[400];
        struct buf small;
        buf_init_fixed(&small, storage, room);
        alert_json(&format, &rule, output, &view, &small);
        assert_true(small.n <= room);
        buf_init_fixed(&small, storage, room);
        alert_text(&format, &rule, output, &view, &small);
        assert_true(small.n <= room);
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_text),
        TEST(test_text_escapes_controls),
        TEST(test_json),
        TEST(test_json_keys_are_in_order),
        TEST(test_json_with_hinomi),
        TEST(test_hostile_bytes),
        TEST(test_dates),
        TEST(test_dates_agree_with_the_library),
        TEST(test_local_time),
        TEST(test_scratch_is_given_back),
        TEST(test_no_allocation_once_warm),
        TEST(test_full_buffer_fails_cleanly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
