/*
 * slab: random takes and gives against a list of what lives; capacity at and around chunk borders;
 * objects never move, start zeroed, do not overlap.
 */
#include "test.h"

#include "base/arena.h"
#include "base/slab.h"

#define OBJECTS 3000

static void capacity_is_hard(void **state)
{
    (void)state;
    static const uint32_t capacities[] = { 0, 1, SLAB_CHUNK - 1, SLAB_CHUNK, SLAB_CHUNK + 1 };
    for (size_t c = 0; c < ARRAY_SIZE(capacities); c++) {
        struct slab slab;
        slab_init(&slab, 4, capacities[c]);
        uint32_t index = 0;
        for (uint32_t i = 0; i < capacities[c]; i++) {
            assert_non_null(slab_take(&slab, &index));
            assert_int_equal(index, i);
        }
        assert_null(slab_take(&slab, &index));
        assert_int_equal(slab.count, capacities[c]);
        if (capacities[c]) {
            slab_give(&slab, 0);
            assert_non_null(slab_take(&slab, &index));
            assert_int_equal(index, 0);
            assert_null(slab_take(&slab, &index));
        }
        slab_done(&slab);
        slab_done(&slab);
    }
}

static void random_use(void **state)
{
    (void)state;
    static uint64_t *object[OBJECTS];
    memset(object, 0, sizeof(object));
    struct slab slab;
    slab_init(&slab, 3 * sizeof(uint64_t), OBJECTS);
    uint64_t seed = 5;
    uint32_t alive = 0;
    for (int i = 0; i < 100000; i++) {
        uint32_t at = (uint32_t)test_random_below(&seed, OBJECTS);
        if (object[at] && i % 3) {
            assert_true(object[at] == slab_at(&slab, at));
            assert_true(object[at][0] == at && object[at][2] == ~(uint64_t)at);
            slab_give(&slab, at);
            object[at] = NULL;
            alive--;
        } else {
            uint32_t index = 0;
            uint64_t *taken = slab_take(&slab, &index);
            assert_int_equal(taken != NULL, alive < OBJECTS);
            if (taken) {
                assert_true(index < OBJECTS && !object[index]);
                assert_true(taken[0] == 0 && taken[1] == 0 && taken[2] == 0);
                taken[0] = index;
                taken[2] = ~(uint64_t)index;
                object[index] = taken;
                alive++;
            }
        }
        assert_int_equal(slab.count, alive);
    }
    slab_done(&slab);
}

static void survives_failed_allocations(void **state)
{
    (void)state;
    struct slab slab;
    slab_init(&slab, 8, 10);
    uint32_t index = 7;
    for (uint64_t nth = 1; nth <= 2; nth++) {
        mem_fail_after(nth);
        assert_null(slab_take(&slab, &index));
        assert_int_equal(index, 7);
        assert_int_equal(slab.count, 0);
    }
    mem_fail_after(0);
    assert_non_null(slab_take(&slab, &index));
    slab_done(&slab);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(capacity_is_hard),
        cmocka_unit_test(random_use),
        cmocka_unit_test(survives_failed_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
