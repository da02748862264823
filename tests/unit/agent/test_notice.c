/*
 * notice: lines of text and JSON that no event stands behind, read back with a JSON library; gaps, open and
 * closed; hostile texts; what does not fit.
 */
#include "agent/alert.h"
#include "agent/engine.h"
#include "agent/notice.h"
#include "base/clock.h"
#include "rules/ruleset.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

struct fixture {
    struct ruleset *ruleset;
    struct selection selection;
    struct engine *engine;
    int output[2];
    char text[1 << 20];
};

static struct fixture *start(bool json)
{
    struct fixture *f = calloc(1, sizeof *f);
    struct loader *loader = NULL;
    struct err err = { 0 };
    assert_non_null(f);
    assert_int_equal(pipe2(f->output, O_CLOEXEC), 0);
    fcntl(f->output[1], F_SETPIPE_SZ, sizeof(f->text)); /* holds the longest line */
    assert_int_equal(loader_new(NULL, &loader), 0);
    assert_int_equal(loader_add(loader, STR("r"), STR("- list: a\n  items: [b]\n")), 0);
    assert_int_equal(loader_finish(loader, true, &f->ruleset, &err), 0);
    loader_free(loader);
    assert_int_equal(selection_init(&f->selection, f->ruleset), 0);
    struct engine_config config = { .rules = { f->ruleset, &f->selection, NULL },
                                    .output = f->output[1] };
    config.options.format = (struct alert_format){ .json = json, .hostname = STR("h") };
    assert_int_equal(engine_new(&config, &f->engine, &err), 0);
    return f;
}

static void stop(struct fixture *f)
{
    engine_free(f->engine);
    selection_done(&f->selection);
    ruleset_free(f->ruleset);
    close(f->output[0]);
    close(f->output[1]);
    free(f);
}

static const char *said(struct fixture *f)
{
    engine_drain(f->engine);
    ssize_t n = read(f->output[0], f->text, sizeof(f->text) - 1);
    assert_true(n > 0);
    f->text[n] = '\0';
    return f->text;
}

static const char *member(struct json_object *object, const char *key)
{
    struct json_object *value = NULL;
    assert_true(json_object_object_get_ex(object, key, &value));
    return json_object_get_string(value);
}

static struct json_object *parsed(const char *text)
{
    struct json_tokener *tokener = json_tokener_new();
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_VALIDATE_UTF8);
    struct json_object *object = json_tokener_parse_ex(tokener, text, (int)strlen(text));
    assert_int_equal(json_tokener_get_error(tokener), json_tokener_success);
    json_tokener_free(tokener);
    return object;
}

static const struct notice_gap closed = { .start_ns = 1700000000123456789,
                                          .end_ns = 1700000002623456789,
                                          .cause = { "agent gone", 10 },
                                          .passed = 1234,
                                          .rescued = 5,
                                          .container = { "0123456789ab", 12 } };

static void test_gap_text(void **state)
{
    (void)state;
    struct fixture *f = start(false);
    assert_int_equal(notice_gap(f->engine, &closed), 0);
    const char *text = said(f);
    assert_string_equal(
        text + strlen("00:00:00.000000000"),
        ": Warning Hinomi gap: calls passed unseen (start=2023-11-14T22:13:20.123456789Z "
        "end=2023-11-14T22:13:22.623456789Z cause=agent gone calls=1234 rescued=5 refused=0 "
        "lost_gaps=0 "
        "container=0123456789ab)\n");
    stop(f);
}

static void test_gap_json(void **state)
{
    (void)state;
    struct fixture *f = start(true);
    assert_int_equal(notice_gap(f->engine, &closed), 0);
    struct json_object *alert = parsed(said(f)), *fields = NULL;
    assert_true(json_object_object_get_ex(alert, "output_fields", &fields));
    assert_string_equal(member(alert, "rule"), "Hinomi gap");
    assert_string_equal(member(alert, "source"), "hinomi");
    assert_string_equal(member(alert, "priority"), "Warning");
    assert_string_equal(member(alert, "hostname"), "h");
    assert_string_equal(member(alert, "tags"), "[ ]");
    assert_string_equal(member(fields, "gap.start"), "2023-11-14T22:13:20.123456789Z");
    assert_string_equal(member(fields, "gap.end"), "2023-11-14T22:13:22.623456789Z");
    assert_string_equal(member(fields, "gap.cause"), "agent gone");
    assert_string_equal(member(fields, "gap.calls"), "1234");
    assert_string_equal(member(fields, "gap.rescued"), "5");
    assert_string_equal(member(fields, "container.id"), "0123456789ab");
    json_object_put(alert);
    stop(f);
}

static struct json_object *within(struct json_object *object, const char *key)
{
    struct json_object *value = NULL;
    assert_true(json_object_object_get_ex(object, key, &value));
    return value;
}

/* An agent's notices have what its alerts have; a gap is in its own object, and others have none. */
static void test_gap_hinomi(void **state)
{
    (void)state;
    struct alert_hinomi hinomi;
    struct notice_gap gap = closed;
    gap.calls = STR("openat=12\xff");
    const struct notice_field field = { "container.id", NOTICE_TEXT, closed.container, 0 };
    struct notice notice = { .rule = "r", .priority = PRIORITY_WARNING, .gap = &gap };
    struct alert_format format = { .json = true, .hinomi = &hinomi };
    struct buf line;
    assert_int_equal(alert_hinomi_init(&hinomi, STR("a"), NULL), 0);
    buf_init(&line, 1 << 20);
    notice_write(&format, &notice, 1, &line);
    notice.fields = &field;
    notice.nfields = 1;
    notice.gap = NULL;
    notice_write(&format, &notice, 2, &line);
    buf_putc(&line, '\0');
    char *second = strchr(line.p, '\n');
    *second++ = '\0';
    struct json_object *alert = parsed(line.p), *own = within(alert, "hinomi");
    assert_int_equal(strlen(member(alert, "uuid")), 36);
    assert_string_equal(strrchr(member(own, "id"), ':'), ":1");
    assert_string_equal(member(own, "severity"), "5.5");
    assert_null(within(own, "container"));
    struct json_object *told = within(own, "gap");
    assert_string_equal(member(told, "start"), "2023-11-14T22:13:20.123456789Z");
    assert_string_equal(member(told, "end"), "2023-11-14T22:13:22.623456789Z");
    assert_string_equal(member(told, "cause"), "agent gone");
    assert_string_equal(member(told, "calls"), "1234");
    assert_string_equal(member(told, "by_call"), "openat=12\\xff");
    json_object_put(alert);
    alert = parsed(second);
    own = within(alert, "hinomi");
    assert_string_equal(strrchr(member(own, "id"), ':'), ":2");
    assert_string_equal(member(within(own, "container"), "id"), "0123456789ab");
    assert_null(within(own, "gap"));
    assert_int_equal(json_object_array_length(within(own, "lineage")), 0);
    json_object_put(alert);
    buf_done(&line);
}

/* Open: said when older than a second, not counted until it closes. */
static void test_gap_open(void **state)
{
    (void)state;
    struct fixture *f = start(true);
    struct engine_stats stats;
    struct notice_gap gap = closed;
    gap.end_ns = 0;
    gap.container = (struct str){ 0 };
    gap.start_ns = clock_real_ns();
    assert_int_equal(notice_gap(f->engine, &gap), -EAGAIN);
    gap.start_ns += NS_PER_S * 3600; /* the clock was set back */
    assert_int_equal(notice_gap(f->engine, &gap), -EAGAIN);
    gap.start_ns = clock_real_ns() - NOTICE_OPEN_GAP_NS;
    assert_int_equal(notice_gap(f->engine, &gap), 0);
    struct json_object *alert = parsed(said(f)), *fields = NULL;
    assert_true(json_object_object_get_ex(alert, "output_fields", &fields));
    assert_null(member(fields, "gap.end"));
    assert_null(member(fields, "container.id"));
    json_object_put(alert);
    engine_get_stats(f->engine, &stats);
    assert_int_equal(stats.gaps, 0);
    assert_int_equal(notice_gap(f->engine, &closed), 0);
    engine_get_stats(f->engine, &stats);
    assert_int_equal(stats.gaps, 1);
    assert_int_equal(stats.gap_calls, 1234);
    assert_int_equal(stats.gap_ns, 2500000000);
    stop(f);
}

static void test_hostile(void **state)
{
    (void)state;
    static const char text[] = "a\nb\x1b[2J\xff\"\\";
    const struct notice_field field = { "k", NOTICE_TEXT, { text, sizeof(text) }, 0 };
    const struct notice notice = { .rule = "r\"\n",
                                   .priority = PRIORITY_ERROR,
                                   .message = { text, sizeof(text) - 1 },
                                   .fields = &field,
                                   .nfields = 1 };
    struct alert_format format = { .json = true };
    struct buf line;
    buf_init(&line, 1 << 20);
    notice_write(&format, &notice, 0, &line);
    assert_int_equal(str_find_char(buf_str(&line), '\n'), line.n - 1);
    buf_putc(&line, '\0');
    struct json_object *alert = parsed(line.p);
    assert_string_equal(member(alert, "rule"), "r\"\n");
    json_object_put(alert);
    buf_clear(&line);
    format.json = false;
    notice_write(&format, &notice, 0, &line);
    assert_int_equal(str_find_char(buf_str(&line), '\n'), line.n - 1);
    assert_int_equal(str_find_char(buf_str(&line), '\x1b'), -1);
    buf_done(&line);
}

/* Messages and fields are cut at their limit, and a line of nothing but escapes still fits. */
static void test_long(void **state)
{
    (void)state;
    struct fixture *f = start(true);
    static char text[NOTICE_TEXT_MAX + 1];
    struct notice_field fields[NOTICE_FIELDS_MAX + 1];
    memset(text, 1, sizeof(text));
    for (size_t i = 0; i < NOTICE_FIELDS_MAX + 1; i++) {
        fields[i] = (struct notice_field){ i < NOTICE_FIELDS_MAX ? "k" : "late",
                                           NOTICE_TEXT,
                                           { text, sizeof(text) - (i == 0 ? 2 : i == 1) },
                                           0 };
    }
    const struct notice notice = { .rule = "r",
                                   .message = { text, sizeof(text) },
                                   .fields = fields,
                                   .nfields = NOTICE_FIELDS_MAX + 1 };
    struct alert_format format = { .json = true };
    struct buf line;
    buf_init(&line, 1 << 24);
    notice_write(&format, &notice, 0, &line);
    assert_false(line.failed);
    assert_int_equal(str_find(buf_str(&line), STR("late")), -1);
    buf_done(&line);
    assert_int_equal(notice_say(f->engine, &notice), 0);
    assert_true(read(f->output[0], f->text, sizeof(f->text)) > 0);
    stop(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_gap_text),   cmocka_unit_test(test_gap_json),
        cmocka_unit_test(test_gap_hinomi), cmocka_unit_test(test_gap_open),
        cmocka_unit_test(test_hostile),    cmocka_unit_test(test_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
