/*
 * the sequence engine alone: stages from words, and findings put to steps.
 */
#include "test.h"

#include "server/sequence.h"

static uint32_t stages_of(const char *type, const char *tags)
{
    struct jscan array = { 0 };
    const char *why;
    size_t at;
    assert_int_equal(jscan_check(str_of(tags), &array, &why, &at), 0);
    return sequence_stages(str_of(type), array);
}

static void test_stages(void **state)
{
    (void)state;
    assert_int_equal(stages_of("", "[]"), 0);
    assert_int_equal(stages_of("", "[\"container\",5,null,\"T\",\"\",\"mitre_\"]"), 0);
    assert_int_equal(stages_of("Execution:Runtime/ReverseShell", "[]"), STAGE_EXECUTE);
    assert_int_equal(stages_of("Impact:Runtime/CryptoMinerExecuted", "[]"), STAGE_MINE);
    assert_int_equal(stages_of("CryptoCurrency:Runtime/BitcoinTool.B!DNS", "[]"), STAGE_MINE);
    assert_int_equal(stages_of("", "[\"mitre_privilege_escalation\"]"), STAGE_ESCALATE);
    assert_int_equal(stages_of("", "[\"privilege-escalation\"]"), STAGE_ESCALATE);
    assert_int_equal(stages_of("", "[\"T1059.004\"]"), STAGE_EXECUTE);
    assert_int_equal(stages_of("", "[\"T10599\",\"T105\",\"T1059x\"]"), 0);
    assert_int_equal(stages_of("", "[\"T1105\",\"persistence\"]"), STAGE_DOWNLOAD | STAGE_PERSIST);
    assert_int_equal(stages_of("", "[\"Persistence:Runtime/SuspiciousCommand\"]"), STAGE_PERSIST);
}

static bool found(const struct sequence_item *items, uint32_t n)
{
    struct sequence_match match;
    if (!sequence_find(items, n, &match)) {
        return false;
    }
    for (uint32_t i = 0; i < match.nsteps; i++) {
        assert_true(match.items[i] < n);
        for (uint32_t j = 0; j < i; j++) {
            assert_int_not_equal(match.items[i], match.items[j]);
        }
    }
    return true;
}

static void test_order(void **state)
{
    (void)state;
    struct sequence_item items[] = {
        { STAGE_DOWNLOAD, 10, 10 },
        { STAGE_EXECUTE, 20, 20 },
        { STAGE_MINE, 30, 30 },
    };
    assert_true(found(items, 3));
    assert_false(found(items, 2));
    assert_false(found(items, 0));
    items[0].first_ms = items[0].last_ms = 20; /* at once is in order */
    assert_true(found(items, 3));
    struct sequence_item late[] = { items[1], { STAGE_DOWNLOAD, 21, 21 }, items[2] };
    assert_false(found(late, 3));
    late[0].last_ms = 21; /* run again after the download */
    assert_true(found(late, 3));
}

/* A finding of two stages is kept for the step that nobody else can stand for. */
static void test_two_stages(void **state)
{
    (void)state;
    struct sequence_item items[] = {
        { STAGE_DOWNLOAD | STAGE_EXECUTE, 10, 90 },
        { STAGE_DOWNLOAD, 11, 90 },
        { STAGE_MINE, 30, 30 },
    };
    assert_true(found(items, 3));
    assert_false(found(items, 2));
    items[1].stages = STAGE_DISCOVER;
    assert_false(found(items, 3));
}

static void test_possible(void **state)
{
    (void)state;
    assert_false(sequence_possible(0));
    assert_false(sequence_possible(STAGE_MINE | STAGE_EXECUTE));
    assert_true(sequence_possible(STAGE_MINE | STAGE_EXECUTE | STAGE_DOWNLOAD));
    assert_true(sequence_possible(UINT32_MAX));
}

/* Whatever order and stages, it ends, and says the same as trying everything. */
static bool by_trying(const struct sequence_item *items, uint32_t n)
{
    for (uint32_t a = 0; a < n; a++) {
        for (uint32_t b = 0; b < n; b++) {
            for (uint32_t c = 0; c < n; c++) {
                if (a == b || b == c || a == c || !(items[a].stages & STAGE_EXECUTE) ||
                    !(items[b].stages & STAGE_ESCALATE) || !(items[c].stages & STAGE_PERSIST)) {
                    continue;
                }
                int64_t t = items[a].first_ms;
                if (items[b].last_ms >= t) {
                    t = items[b].first_ms > t ? items[b].first_ms : t;
                    if (items[c].last_ms >= t) {
                        return true;
                    }
                }
            }
        }
    }
    return false;
}

static void test_random_chains(void **state)
{
    (void)state;
    uint64_t seed = 7;
    for (int round = 0; round < 20000; round++) {
        struct sequence_item items[8];
        uint32_t n = (uint32_t)test_random_below(&seed, 9);
        int64_t t = 0;
        for (uint32_t i = 0; i < n; i++) {
            t += (int64_t)test_random_below(&seed, 3);
            static const uint32_t stages[] = { STAGE_EXECUTE, STAGE_ESCALATE, STAGE_PERSIST };
            items[i] =
                (struct sequence_item){ stages[test_random_below(&seed, 3)] |
                                            (test_random_below(&seed, 4) ? 0 : STAGE_EXECUTE),
                                        t, t + (int64_t)test_random_below(&seed, 4) };
        }
        assert_int_equal(found(items, n), by_trying(items, n));
    }
}

static void test_flood(void **state)
{
    (void)state;
    static struct sequence_item items[100000];
    for (uint32_t i = 0; i < ARRAY_SIZE(items); i++) {
        items[i] = (struct sequence_item){ (uint32_t) ~(STAGE_MINE | STAGE_POOL | STAGE_CONTROL |
                                                        STAGE_EXFILTRATE | STAGE_PERSIST),
                                           i, INT64_MAX };
    }
    assert_false(found(items, ARRAY_SIZE(items)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stages),        cmocka_unit_test(test_order),
        cmocka_unit_test(test_two_stages),    cmocka_unit_test(test_possible),
        cmocka_unit_test(test_random_chains), cmocka_unit_test(test_flood),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
