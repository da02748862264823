/*
 * filter: what filters mean: operators and types, severity bands, times, what is missing and what is not known; and what
 * is no filter, told with its place.
 */
#include "filter/filter.h"

#include "base/buf.h"
#include "test.h"

#include <errno.h>

#define NOW_MS INT64_C(1795348800000) /* 2026-11-22T12:00:00Z */

struct fixture {
    struct arena arena;
    struct filter_context *context;
};

/* A record of every kind of value. */
static bool own(void *data, enum own_field field, struct value *ret)
{
    (void)data;
    *ret = (struct value){ .type = own_table[field].desc.type };
    switch (field) {
    case OWN_RULE:
        ret->s = STR("Shell in a container");
        return true;
    case OWN_STATUS:
        ret->s = STR("new");
        return true;
    case OWN_SEVERITY:
        ret->i = 70;
        return true;
    case OWN_COUNT:
        ret->i = 3;
        return true;
    case OWN_LAST_SEEN:
        ret->i = NOW_MS - 3600000;
        return true;
    case OWN_SEQUENCE:
        ret->u = 1;
        return true;
    case OWN_FILE:
        ret->s = STR("/tmp/x y");
        return true;
    default:
        return false;
    }
}

static enum filter_answer ask(struct fixture *fixture, const char *text, bool partial)
{
    struct filter filter = { 0 };
    struct err err = { 0 };
    uint32_t offset;
    if (filter_compile(&fixture->arena, FILTER_FINDINGS, str_of(text), NOW_MS, &filter, &offset,
                       &err) < 0) {
        fail_msg("%s: %s", text, err.message);
    }
    struct json_object *fields = json_tokener_parse(
        "{\"proc.aname[2]\":\"cron\",\"fd.sport\":443,\"fd.sip\":\"10.1.2.3\",\"proc.cwd\":null,"
        "\"evt.arg.flags\":\"O_RDONLY\",\"proc.tty\":0}");
    struct json_object *tags = json_tokener_parse("[\"T1059\",\"container\"]");
    struct record record = { .own = own, .fields = fields, .tags = tags, .partial = partial };
    enum filter_answer answer = filter_holds(&filter, fixture->context, &record);
    json_object_put(fields);
    json_object_put(tags);
    filter_done(&filter);
    return answer;
}

static void check_all(struct fixture *fixture, const char *const *texts, enum filter_answer wanted)
{
    for (; *texts; texts++) {
        enum filter_answer answer = ask(fixture, *texts, false);
        if (answer != wanted) {
            fail_msg("%s: %d, not %d", *texts, answer, wanted);
        }
    }
}

static void test_operators(void **state)
{
    static const char *const yes[] = {
        "",
        "rule = \"Shell in a container\"",
        "rule icontains SHELL",
        "rule startswith Shell and rule endswith container",
        "rule glob \"Shell*\"",
        "rule regex 'Shell.+container'",
        "file pmatch (/tmp)",
        "status in (new, archived)",
        "not status = archived",
        "tag in (T1059, container, more)", /* all of its values */
        "tag intersects (container, other)",
        "tag intersects (T1059, T1000)",
        "count >= 3 and count < 4",
        "sequence = true",
        "proc.aname[2] = cron",
        "fd.sport = 443 and fd.sport > 442",
        "fd.sip = 10.1.2.3",
        "evt.arg.flags contains RDONLY",
        "tolower(rule) = \"shell in a container\"",
        "status exists and not policy exists",
        "file = '/tmp/x y'",
        NULL,
    };
    static const char *const no[] = {
        "rule = shell",
        "status in (archived)",
        "count > 3",
        "tag in (container, other)",
        "policy = x",
        "policy != x", /* what is missing is never true */
        "proc.cwd = /",
        "proc.cwd != /",
        "user.name = root",
        "sequence = false",
        "fd.sport in (80, 8080)",
        NULL,
    };
    check_all(*state, yes, FILTER_YES);
    check_all(*state, no, FILTER_NO);
}

static void test_bands(void **state)
{
    static const char *const yes[] = { "severity = high",
                                       "severity = HIGH",
                                       "severity != medium",
                                       "severity in (critical, high)",
                                       "severity in (low, 7.0)",
                                       "severity >= 7.0",
                                       "severity < 7.1",
                                       "severity >= 7",
                                       NULL };
    static const char *const no[] = { "severity = medium", "severity = critical",
                                      "severity != high",  "severity in (low, 7.1)",
                                      "severity > 7.0",    NULL };
    static const struct {
        int64_t tenths;
        const char *band;
    } edges[] = { { 0, "info" },      { 9, "info" },      { 10, "low" },  { 39, "low" },
                  { 40, "medium" },   { 69, "medium" },   { 70, "high" }, { 89, "high" },
                  { 90, "critical" }, { 100, "critical" } };
    check_all(*state, yes, FILTER_YES);
    check_all(*state, no, FILTER_NO);
    for (size_t i = 0; i < ARRAY_SIZE(edges); i++) {
        assert_string_equal(filter_band_of(edges[i].tenths), edges[i].band);
    }
}

static void test_times(void **state)
{
    static const char *const yes[] = { "last_seen > -61m",
                                       "last_seen < -59m",
                                       "last_seen >= -1h",
                                       "last_seen = 2026-11-22T11:00:00Z",
                                       "last_seen = 2026-11-22T20:00:00+09:00",
                                       "last_seen > 2026-11-22",
                                       "last_seen < 2026-11-23",
                                       "last_seen = 1795345200000",
                                       NULL };
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = { { "0", 0 },
                 { "-1s", NOW_MS - 1000 },
                 { "-2w", NOW_MS - 14 * INT64_C(86400000) },
                 { "2026-11-22T12:00:00.25Z", NOW_MS + 250 },
                 { "2026-11-22T12:00:00", NOW_MS },
                 { "1970-01-01", 0 } };
    static const char *const bad[] = { "",
                                       "-",
                                       "-h",
                                       "-1",
                                       "-1y",
                                       "--1h",
                                       "1h",

                                       "2026-13-01",
                                       "2026-11-22T",
                                       "2026-11-22T25:00:00Z",
                                       "2026-11-22T12:00:00X",
                                       "2026-11-22T12:00:00+99:00",
                                       "1234567890123456",
                                       "-9999999d",
                                       "2026-11-22 12:00:00" };
    int64_t ms;
    check_all(*state, yes, FILTER_YES);
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        assert_true(filter_time(str_of(good[i].text), NOW_MS, &ms));
        assert_int_equal(ms, good[i].ms);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        if (filter_time(str_of(bad[i]), NOW_MS, &ms)) {
            fail_msg("%s was taken for a time", bad[i]);
        }
    }
}

/* Of a partial record a field that is not there is not known; one that is null is known to be missing. */
static void test_unknown(void **state)
{
    static const struct {
        const char *text;
        enum filter_answer answer;
    } all[] = {
        { "user.uid = 0", FILTER_UNDECIDED },
        { "not user.uid = 0", FILTER_UNDECIDED },
        { "user.uid = 0 and status = new", FILTER_UNDECIDED },
        { "user.uid = 0 and status = archived", FILTER_NO },
        { "user.uid = 0 or status = new", FILTER_YES },
        { "user.uid = 0 or status = archived", FILTER_UNDECIDED },
        { "not (user.uid = 0 and status = archived)", FILTER_YES },
        { "proc.cwd = /", FILTER_NO },
        { "not proc.cwd = /", FILTER_YES },
        { "fd.sport = 443", FILTER_YES },
    };
    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        enum filter_answer answer = ask(*state, all[i].text, true);
        if (answer != all[i].answer) {
            fail_msg("%s: %d, not %d", all[i].text, answer, all[i].answer);
        }
    }
}

static void test_refused(void **state)
{
    static const char *const all[] = {
        "statu = new",
        "status = new and nonsense = 1",
        "status =",
        "(status = new",
        "severity = highest",
        "last_seen > yesterday",
        "count = many",
        "time > -1h",
        "  status = ",
        "rule regex '('",
        "tag = T1059",
        "spawned_process",
        "status = new)",
        "status = 'new",
        "and",
        "severity in (high, x)",
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        struct filter filter = { 0 };
        struct err err = { 0 };
        uint32_t offset = 0;
        int r = filter_compile(&fixture->arena, FILTER_FINDINGS, str_of(all[i]), NOW_MS, &filter,
                               &offset, &err);
        if (r != -EINVAL || err.message[0] == '\0' || offset > strlen(all[i])) {
            fail_msg("%s: %d at %u: %s", all[i], r, offset, err.message);
        }
    }
}

static int compile_checks(struct fixture *fixture, unsigned n)
{
    struct buf buf;
    struct filter filter = { 0 };
    struct err err = { 0 };
    uint32_t offset;
    buf_init(&buf, 1 << 20);
    for (unsigned i = 0; i < n; i++) {
        buf_putz(&buf, i ? " or count = 1" : "count = 1");
    }
    int r = filter_compile(&fixture->arena, FILTER_FINDINGS, buf_str(&buf), NOW_MS, &filter,
                           &offset, &err);
    filter_done(&filter);
    buf_done(&buf);
    return r;
}

static void test_limits(void **state)
{
    struct fixture *fixture = *state;
    struct filter filter = { 0 };
    struct err err = { 0 };
    uint32_t offset;
    assert_int_equal(compile_checks(fixture, FILTER_CHECKS_MAX - 1), 0);
    assert_int_equal(compile_checks(fixture, FILTER_CHECKS_MAX), 0);
    assert_int_equal(compile_checks(fixture, FILTER_CHECKS_MAX + 1), -E2BIG);
    char *text = test_calloc(1, FILTER_TEXT_MAX + 2);
    memset(text, ' ', FILTER_TEXT_MAX + 1);
    assert_int_equal(filter_compile(&fixture->arena, FILTER_FINDINGS,
                                    str_from(text, FILTER_TEXT_MAX), NOW_MS, &filter, &offset,
                                    &err),
                     0);
    assert_int_equal(filter_compile(&fixture->arena, FILTER_FINDINGS,
                                    str_from(text, FILTER_TEXT_MAX + 1), NOW_MS, &filter, &offset,
                                    &err),
                     -E2BIG);
    test_free(text);
}

static int set_up(void **state)
{
    struct fixture *fixture = test_calloc(1, sizeof(*fixture));
    arena_init(&fixture->arena, (size_t)256 << 20);
    *state = fixture;
    return filter_context_new(&fixture->context);
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    filter_context_free(fixture->context);
    arena_done(&fixture->arena);
    test_free(fixture);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_operators), cmocka_unit_test(test_bands),
        cmocka_unit_test(test_times),     cmocka_unit_test(test_unknown),
        cmocka_unit_test(test_refused),   cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
