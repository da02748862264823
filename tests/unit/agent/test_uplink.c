/*
 * uplink: how long it waits after failures.
 */
#include "../test.h"

#include "agent/uplink.h"

static void test_back_off(void **state)
{
    static const struct {
        uint32_t failures;
        bool heard;
        uint64_t ms;
    } cases[] = {
        { 0, false, 500 },          { 1, false, 1000 },
        { 3, false, 4000 },         { 4, false, 8000 },
        { 6, false, 32000 },        { 7, false, 60000 },
        { 8, false, 60000 },        { UINT32_MAX, false, 60000 },
        { 0, true, 500 },           { 3, true, 4000 },
        { 4, true, 6500 },          { 12, true, 6500 },
        { UINT32_MAX, true, 6500 },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        assert_int_equal(uplink_back_off_ms(cases[i].failures, cases[i].heard), cases[i].ms);
    }
    /* A server that is there is asked again within ten seconds, whatever chance adds. */
    assert_true(UPLINK_BACKOFF_HEARD + UPLINK_BACKOFF_HEARD / 2 <= 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_back_off) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
