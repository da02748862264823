/*
 * columns: rows put, replaced and removed; what is left open is told and settled; facets and pages at their limits.
 */
#include "store/columns.h"
#include "test.h"

#include "base/cleanup.h"

#define NOW_MS INT64_C(1795348800000)

struct fixture {
    struct arena arena;
    struct columns *columns;
    struct filter_context *context;
};

static void put(struct fixture *fixture, int64_t row, const char *name, uint8_t severity)
{
    struct columns_row one = { .row = row,
                               .first_seen_ms = NOW_MS - row,
                               .last_seen_ms = NOW_MS + row,
                               .count = row % 3,
                               .severity = severity };
    one.texts[COLUMN_PROC_NAME] = str_of(name);
    one.texts[COLUMN_STATUS] = STR("new");
    one.texts[COLUMN_TAGS] = STR("[\"T1\",\"T2\"]");
    columns_write_lock(fixture->columns);
    assert_int_equal(columns_put(fixture->columns, &one), 0);
    columns_unlock(fixture->columns);
}

static uint64_t total(struct fixture *fixture, const char *text)
{
    CLEANUP(filter_done) struct filter filter = { 0 };
    struct columns_selection selection = { 0 };
    struct err err = { 0 };
    uint32_t offset;
    assert_int_equal(filter_compile(&fixture->arena, FILTER_FINDINGS, str_of(text), NOW_MS, &filter,
                                    &offset, &err),
                     0);
    struct columns_query query = { .filter = &filter, .context = fixture->context };
    columns_read_lock(fixture->columns);
    assert_int_equal(columns_select(fixture->columns, &query, &selection), 0);
    uint64_t n = columns_total(&selection);
    columns_selection_done(&selection);
    columns_unlock(fixture->columns);
    return n;
}

static void test_rows(void **state)
{
    struct fixture *fixture = *state;
    for (int64_t row = 1; row <= 3000; row++) { /* beyond the first arrays */
        put(fixture, row, row % 2 ? "sh" : "bash", (uint8_t)(row % 101));
    }
    assert_int_equal(columns_count(fixture->columns), 3000);
    assert_int_equal(total(fixture, "proc.name = sh"), 1500);
    assert_int_equal(total(fixture, "proc.name = bash and severity < 5.0"), 749);
    put(fixture, 1, "zsh", 3);
    assert_int_equal(columns_count(fixture->columns), 3000);
    assert_int_equal(total(fixture, "proc.name = sh"), 1499);
    assert_int_equal(total(fixture, "proc.name = zsh and tag intersects (T2)"), 1);
    columns_write_lock(fixture->columns);
    columns_remove(fixture->columns, 1);
    columns_remove(fixture->columns, 1);
    columns_remove(fixture->columns, 99999);
    columns_unlock(fixture->columns);
    assert_int_equal(columns_count(fixture->columns), 2999);
    assert_int_equal(total(fixture, "proc.name = zsh"), 0);
    assert_int_equal(total(fixture, ""), 2999);
    put(fixture, 5000, "fish", 1); /* in the place that is free again */
    assert_int_equal(total(fixture, "proc.name = fish"), 1);
    assert_int_equal(total(fixture, "not proc.name = fish"), 2999);
}

static void test_open(void **state)
{
    CLEANUP(filter_done) struct filter filter = { 0 };
    struct fixture *fixture = *state;
    struct columns_selection selection = { 0 };
    struct err err = { 0 };
    uint32_t offset, cursor = 0;
    unsigned met = 0;
    for (int64_t row = 1; row <= 130; row++) { /* words of 64 bits, and a rest */
        put(fixture, row, row % 2 ? "sh" : "bash", 10);
    }
    assert_int_equal(filter_compile(&fixture->arena, FILTER_FINDINGS,
                                    STR("proc.name = sh and proc.cwd = /tmp"), NOW_MS, &filter,
                                    &offset, &err),
                     0);
    struct columns_query query = { .filter = &filter, .context = fixture->context };
    columns_read_lock(fixture->columns);
    assert_int_equal(columns_select(fixture->columns, &query, &selection), 0);
    assert_true(selection.open);
    for (int64_t row; (row = columns_next_open(fixture->columns, &selection, &cursor)) != 0;
         met++) {
        assert_int_equal(row % 2, 1);
    }
    assert_int_equal(met, 65);
    columns_settle(fixture->columns, &selection, 1, true);
    columns_settle(fixture->columns, &selection, 129, true);
    columns_settle(fixture->columns, &selection, 3, false);
    columns_settle_rest(&selection);
    assert_int_equal(columns_total(&selection), 2);
    columns_selection_done(&selection);
    columns_unlock(fixture->columns);
}

static void test_facet(void **state)
{
    struct fixture *fixture = *state;
    static const char *const names[] = { "a", "b", "b", "c", "c", "c", "" };
    const struct filter all = { .over = FILTER_FINDINGS };
    struct columns_query query = { .filter = &all, .context = fixture->context };
    struct columns_selection selection = { 0 };
    struct columns_value values[4];
    uint32_t n;
    uint64_t rest, bits[2] = { 0 }, bands[COLUMNS_BANDS];
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        put(fixture, (int64_t)i + 1, names[i], (uint8_t)(i * 15));
    }
    columns_read_lock(fixture->columns);
    assert_int_equal(columns_select(fixture->columns, &query, &selection), 0);
    columns_without(&selection, COLUMN_PROC_NAME, bits);
    assert_int_equal(columns_facet(fixture->columns, COLUMN_PROC_NAME, bits, values, 2, &n, &rest),
                     0);
    assert_int_equal(n, 2);
    assert_str(values[0].text, "c");
    assert_int_equal(values[0].count, 3);
    assert_str(values[1].text, "b");
    assert_int_equal(rest, 2);
    assert_int_equal(columns_facet(fixture->columns, COLUMN_PROC_NAME, bits, values, 4, &n, &rest),
                     0);
    assert_int_equal(n, 4);
    assert_int_equal(rest, 0);
    assert_int_equal(columns_tags(fixture->columns, bits, &fixture->arena, values, 4, &n, &rest),
                     0);
    assert_int_equal(n, 2);
    assert_int_equal(values[0].count, ARRAY_SIZE(names));
    columns_bands(fixture->columns, bits, selection.places, bands);
    static const uint64_t wanted[] = { 1, 2, 2, 1, 1 }; /* 0 | 15 30 | 45 60 | 75 | 90 */
    assert_memory_equal(bands, wanted, sizeof(wanted));
    columns_selection_done(&selection);
    columns_unlock(fixture->columns);
}

static int set_up(void **state)
{
    struct fixture *fixture = test_calloc(1, sizeof(*fixture));
    arena_init(&fixture->arena, (size_t)64 << 20);
    *state = fixture;
    return columns_new(&fixture->columns) || filter_context_new(&fixture->context);
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;
    filter_context_free(fixture->context);
    columns_free(fixture->columns);
    arena_done(&fixture->arena);
    test_free(fixture);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_rows, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_open, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_facet, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
