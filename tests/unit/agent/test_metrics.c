/*
 * metrics: the text format read back by its grammar, hostile label values, limits, the histogram's sums.
 */
#include "agent/metrics.h"
#include "base/clock.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

static struct buf buf;

static int set_up(void **state)
{
    (void)state;
    buf_init(&buf, METRICS_TEXT_MAX);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    buf_done(&buf);
    return 0;
}

static const char *written(void)
{
    assert_false(buf.failed);
    buf_putc(&buf, '\0');
    buf.n--;
    return buf.p;
}

static const char *skip_name(const char *at)
{
    assert_true(isalpha((unsigned char)*at) || *at == '_');
    while (isalnum((unsigned char)*at) || *at == '_') {
        at++;
    }
    return at;
}

static const char *skip_labels(const char *at)
{
    assert_int_equal(*at++, '{');
    for (;;) {
        at = skip_name(at);
        assert_memory_equal(at, "=\"", 2);
        for (at += 2; *at != '"'; at++) {
            assert_true(*at && *at != '\n');
            if (*at == '\\') {
                at++;
                assert_non_null(strchr("\\\"n", *at));
            }
        }
        at++;
        if (*at == '}') {
            return at + 1;
        }
        assert_int_equal(*at++, ',');
    }
}

static const char *skip_sample(const char *at)
{
    char *end;
    at = skip_name(at);
    at = *at == '{' ? skip_labels(at) : at;
    assert_int_equal(*at++, ' ');
    strtod(at, &end);
    assert_true(end > at && *end == '\n');
    return end + 1;
}

/* Every line is a comment of ours or a sample. */
static void check_grammar(const char *at)
{
    while (*at) {
        if (*at == '#') {
            assert_true(strncmp(at, "# HELP ", 7) == 0 || strncmp(at, "# TYPE ", 7) == 0);
            at = strchr(at, '\n') + 1;
        } else {
            at = skip_sample(at);
        }
    }
    assert_true(str_is_utf8(buf_str(&buf)));
}

static bool holds(const char *text)
{
    return strstr(written(), text) != NULL;
}

static void test_labels(void **state)
{
    (void)state;
    const struct metrics_label labels[] = { { "a", STR("x\\y\"z\n\xff\xc3\xa9\xc3") },
                                            { "b", { 0 } },
                                            { NULL, { 0 } } };
    metrics_u64(&buf, "m", labels, UINT64_MAX);
    assert_string_equal(written(), "m{a=\"x\\\\y\\\"z\\n\\\\xff\xc3\xa9\\\\xc3\",b=\"\"} "
                                   "18446744073709551615\n");
    check_grammar(written());
    buf_clear(&buf);
    metrics_seconds(&buf, "s", NULL, NS_PER_S + 5);
    assert_string_equal(written(), "s 1.000000005\n");
}

static void test_lag(void **state)
{
    (void)state;
    struct lag lag = { 0 };
    lag_add(&lag, 0);
    lag_add(&lag, NS_PER_MS);
    lag_add(&lag, NS_PER_MS + 1);
    lag_add(&lag, 3600 * NS_PER_S);
    metrics_lag(&buf, &lag);
    check_grammar(written());
    assert_true(holds("_bucket{le=\"0.001\"} 2\n"));
    assert_true(holds("_bucket{le=\"0.005\"} 3\n"));
    assert_true(holds("_bucket{le=\"10\"} 3\n"));
    assert_true(holds("_bucket{le=\"+Inf\"} 4\n"));
    assert_true(holds("_sum 3600.002000001\n"));
    assert_true(holds("_count 4\n"));
    assert_true(holds("hinomi_alert_lag_max_seconds 3600.000000000\n"));
}

static void test_engine(void **state)
{
    (void)state;
    struct engine_stats stats = { .gaps = 3, .gap_ns = 1500 * NS_PER_MS, .dropped_alerts = 2 };
    stats.pipeline.events = 12;
    stats.pipeline.alerts_by_priority[PRIORITY_ALERT] = 5;
    metrics_engine(&buf, &stats);
    metrics_state(&buf, &(struct state_stats){ .threads = 9 });
    check_grammar(written());
    assert_true(holds("\nhinomi_events_total 12\n"));
    assert_true(holds("\nhinomi_alerts_total{priority=\"Alert\"} 5\n"));
    assert_true(holds("\nhinomi_gap_seconds_total 1.500000000\n"));
    assert_true(holds("\nhinomi_alerts_dropped_total 2\n"));
    assert_true(holds("\nhinomi_state_threads 9\n"));
}

/* Rules beyond the limit are summed up; those without alerts are not there. */
static void test_rules(void **state)
{
    (void)state;
    static struct rule rules[METRICS_RULES_MAX + 3];
    static uint64_t counts[METRICS_RULES_MAX + 3];
    for (uint32_t i = 0; i < METRICS_RULES_MAX + 3; i++) {
        rules[i] = (struct rule){ .index = i, .name = STR("r\""), .priority = PRIORITY_ERROR };
        counts[i] = i == 0 ? 0 : 1;
    }
    const struct ruleset ruleset = { .rules = rules, .nrules = METRICS_RULES_MAX + 3 };
    metrics_rules(&buf, &ruleset, counts);
    check_grammar(written());
    assert_true(holds("{rule=\"\",priority=\"\"} 2\n"));
    size_t samples = 0;
    for (const char *at = written(); (at = strstr(at, "{rule=\"r\\\"\",priority=\"Error\"} 1\n"));
         at++) {
        samples++;
    }
    assert_int_equal(samples, METRICS_RULES_MAX);
    buf_clear(&buf);
    counts[1] = 1500 * NS_PER_MS;
    metrics_rule_costs(&buf, &ruleset, counts, 7);
    check_grammar(written());
    assert_true(holds("hinomi_rule_cpu_seconds_total{rule=\"r\\\"\"} 1.500000000\n"));
    assert_true(holds("hinomi_rule_cpu_seconds_total{rule=\"\"} 0.000000002\n"));
    assert_true(holds("\nhinomi_rules_search_cpu_seconds_total 0.000000007\n"));
}

static void test_process(void **state)
{
    (void)state;
    metrics_process(&buf, 1700000000 * NS_PER_S);
    check_grammar(written());
    assert_true(holds("process_start_time_seconds 1700000000.000000000\n"));
    assert_true(holds("\nprocess_resident_memory_bytes "));
    assert_true(holds("\nhinomi_threads 1\n"));
    assert_true(holds("hinomi_thread_cpu_seconds_total{thread=\"test-agent-metr\"}"));
}

static void test_full(void **state)
{
    (void)state;
    char storage[64];
    struct buf small;
    buf_init_fixed(&small, storage, sizeof(storage));
    metrics_process(&small, 0);
    assert_true(small.failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, set_up, tear_down)
        TEST(labels), TEST(lag), TEST(engine), TEST(rules), TEST(process), TEST(full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
