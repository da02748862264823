/*
 * map: random puts, gets and removes on both maps against an array indexed by key; iteration meets
 * every entry once; a put that finds no memory changes nothing.
 */
#include "test.h"

#include "base/arena.h"
#include "base/map.h"

#define KEYS  600
#define STEPS 200000

static char keys[KEYS][8];

static struct str key_text(size_t i)
{
    return str_from(keys[i], (size_t)snprintf(keys[i], sizeof(keys[i]), "k%zu", i));
}

static void *random_value(uint64_t *seed)
{
    return &keys[test_random_below(seed, KEYS)];
}

static void map_against_model(void **state)
{
    (void)state;
    void *model[KEYS] = { 0 };
    struct map map = { 0 };
    size_t count = 0;
    uint64_t seed = 6;
    for (int step = 0; step < STEPS; step++) {
        /* Phases of growth and of shrinking, so that probe runs form and dissolve. */
        uint64_t key = test_random_below(&seed, KEYS);
        bool puts = test_random_below(&seed, 10) < (step / 20000 % 2 ? 3 : 7);
        if (puts) {
            void *value = random_value(&seed);
            count += !model[key];
            model[key] = value;
            assert_int_equal(map_put(&map, key, value), 0);
        } else {
            assert_ptr_equal(map_remove(&map, key), model[key]);
            count -= model[key] != NULL;
            model[key] = NULL;
        }
        uint64_t other = test_random_below(&seed, KEYS);
        assert_ptr_equal(map_get(&map, other), model[other]);
        assert_int_equal(map.count, count);
    }
    size_t met = 0;
    size_t cursor = 0;
    for (const struct map_slot *slot; (slot = map_next(&map, &cursor)); met++) {
        assert_ptr_equal(slot->value, model[slot->key]);
    }
    assert_int_equal(met, count);
    map_done(&map);
    map_done(&map);
}

static void smap_against_model(void **state)
{
    (void)state;
    void *model[KEYS] = { 0 };
    struct smap map = { 0 };
    size_t count = 0;
    uint64_t seed = 7;
    for (int step = 0; step < STEPS; step++) {
        size_t key = test_random_below(&seed, KEYS);
        bool puts = test_random_below(&seed, 10) < (step / 20000 % 2 ? 3 : 7);
        if (puts) {
            void *value = random_value(&seed);
            count += !model[key];
            model[key] = value;
            assert_int_equal(smap_put(&map, key_text(key), value), 0);
        } else {
            assert_ptr_equal(smap_remove(&map, key_text(key)), model[key]);
            count -= model[key] != NULL;
            model[key] = NULL;
        }
        size_t other = test_random_below(&seed, KEYS);
        assert_ptr_equal(smap_get(&map, key_text(other)), model[other]);
        assert_int_equal(map.count, count);
    }
    size_t met = 0;
    size_t cursor = 0;
    for (const struct smap_slot *slot; (slot = smap_next(&map, &cursor)); met++) {
        assert_ptr_equal(slot->value, smap_get(&map, slot->key));
    }
    assert_int_equal(met, count);
    smap_done(&map);
    smap_done(&map);
}

static void empty_maps(void **state)
{
    (void)state;
    struct map map = { 0 };
    struct smap smap = { 0 };
    size_t cursor = 0;
    assert_null(map_get(&map, 0));
    assert_null(map_remove(&map, 0));
    assert_null(map_next(&map, &cursor));
    assert_null(smap_get(&smap, STR("")));
    assert_null(smap_remove(&smap, STR("")));
    assert_null(smap_next(&smap, &cursor));
    assert_int_equal(smap_put(&smap, STR(""), &smap), 0); /* the empty string is a key */
    assert_ptr_equal(smap_get(&smap, (struct str){ 0 }), &smap);
    smap_done(&smap);
}

static void survives_failed_allocations(void **state)
{
    (void)state;
    struct map map = { 0 };
    struct smap smap = { 0 };
    int failures = 0;
    for (uint64_t i = 0; i < KEYS; i++) {
        mem_fail_after(1);
        int r = map_put(&map, i, &map);
        int s = smap_put(&smap, key_text(i), &smap);
        mem_fail_after(0);
        assert_int_equal(r, s);
        assert_int_equal(map.count, r < 0 ? i : i + 1);
        assert_int_equal(smap.count, map.count);
        if (r < 0) {
            failures++;
            assert_null(map_get(&map, i));
            assert_null(smap_get(&smap, key_text(i)));
            assert_int_equal(map_put(&map, i, &map), 0);
            assert_int_equal(smap_put(&smap, key_text(i), &smap), 0);
        }
    }
    assert_true(failures >= 6);
    for (uint64_t i = 0; i < KEYS; i++) {
        assert_ptr_equal(map_get(&map, i), &map);
        assert_ptr_equal(smap_get(&smap, key_text(i)), &smap);
    }
    map_done(&map);
    smap_done(&smap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(map_against_model),
        cmocka_unit_test(smap_against_model),
        cmocka_unit_test(empty_maps),
        cmocka_unit_test(survives_failed_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
