/*
 * arena: the budget is met at n - 1, n and n + 1 and never passed; memory is zeroed, aligned and
 * disjoint; a failed allocation leaves the arena usable; overflowing sizes are refused.
 */
#include "test.h"

#include "base/arena.h"

#define BLOCK_HEADER 16

static void meets_budget(void **state)
{
    (void)state;
    for (size_t n = 99; n <= 101; n++) {
        struct arena arena;
        arena_init(&arena, 100 + BLOCK_HEADER);
        assert_int_equal(arena_bytes(&arena, n) != NULL, n <= 100);
        assert_true(arena.used <= arena.budget);
        arena_done(&arena);
        assert_int_equal(arena.used, 0);
    }
}

static void never_passes_budget(void **state)
{
    (void)state;
    uint64_t seed = 4;
    for (size_t budget = 0; budget < 200000; budget = budget * 2 + 1) {
        struct arena arena;
        arena_init(&arena, budget);
        size_t got = 0;
        for (int i = 0; i < 400; i++) {
            size_t n = test_random_below(&seed, 2000);
            char *p = i % 2 ? arena_bytes(&arena, n) : arena_alloc(&arena, n);
            if (p) {
                memset(p, 0xa5, n);
                got += n;
            }
            assert_true(got <= arena.used && arena.used <= budget);
        }
        assert_true(budget < 8192 || got > budget / 2);
        arena_done(&arena);
    }
}

static void aligned_zeroed_disjoint(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    unsigned char *before = NULL;
    for (size_t n = 0; n < 300; n++) {
        (void)arena_bytes(&arena, n % 7);
        unsigned char *p = arena_alloc(&arena, n);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % alignof(max_align_t), 0);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(p[i], 0);
        }
        memset(p, (int)(n & 0xff), n);
        for (size_t i = 0; before && i < n - 1; i++) {
            assert_int_equal(before[i], (n - 1) & 0xff);
        }
        before = p;
    }
    arena_done(&arena);
}

static void resets(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 1 << 20);
    arena_reset(&arena);
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 100; i++) {
            assert_non_null(arena_bytes(&arena, 5000));
        }
        arena_reset(&arena);
        assert_true(arena.used <= arena.budget);
    }
    char *p = arena_alloc(&arena, 64); /* a reused block is zeroed too */
    for (int i = 0; i < 64; i++) {
        assert_int_equal(p[i], 0);
    }
    arena_done(&arena);
    arena_done(&arena);
}

static void refuses_overflow(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, SIZE_MAX);
    assert_null(arena_bytes(&arena, SIZE_MAX));
    assert_null(arena_alloc(&arena, SIZE_MAX - 3));
    assert_null(arena_array(&arena, SIZE_MAX / 2, 3));
    assert_null(arena_str(&arena, str_from("", SIZE_MAX)).p);
    assert_non_null(arena_alloc(&arena, 1));
    assert_null(arena_alloc(&arena, SIZE_MAX - 3));
    assert_null(mem_resize(NULL, SIZE_MAX / 2, 3));
    arena_done(&arena);
}

static void copies_strings(void **state)
{
    (void)state;
    struct arena arena;
    arena_init(&arena, 4096);
    struct str copy = arena_str(&arena, STR("a\0b"));
    assert_int_equal(copy.n, 3);
    assert_memory_equal(copy.p, "a\0b", 4);
    struct str empty = arena_str(&arena, (struct str){ 0 });
    assert_non_null(empty.p);
    assert_int_equal(empty.p[0], 0);
    arena_done(&arena);

    arena_init(&arena, 0);
    assert_null(arena_str(&arena, STR("")).p);
    arena_done(&arena);
}

static void injects_failures(void **state)
{
    (void)state;
    mem_fail_after(3);
    void *first = mem_alloc(0);
    void *second = mem_zalloc(1);
    void *third = mem_realloc(NULL, 1);
    void *fourth = mem_alloc(1);
    mem_fail_after(0);
    assert_non_null(first);
    assert_non_null(second);
    assert_null(third);
    assert_null(fourth);
    free(first);
    free(second);

    struct arena arena;
    arena_init(&arena, 1 << 20);
    assert_non_null(arena_bytes(&arena, 100));
    mem_fail_after(1);
    assert_null(arena_bytes(&arena, 100000));
    assert_non_null(arena_bytes(&arena, 100)); /* what the block still has needs no memory */
    mem_fail_after(0);
    assert_non_null(arena_bytes(&arena, 100000));
    arena_done(&arena);
}

static void gives_pages(void **state)
{
    (void)state;
    size_t n = (size_t)1 << 30;
    unsigned char *p = mem_pages(n);
    assert_non_null(p);
    assert_int_equal(p[0] | p[n / 2] | p[n - 1], 0);
    p[n - 1] = 1;
    mem_pages_free(p, n);
    mem_pages_free(mem_pages(0), 0);
    mem_pages_free(NULL, n);
    mem_fail_after(1);
    assert_null(mem_pages(1));
    mem_fail_after(0);
    assert_null(mem_pages(SIZE_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(meets_budget),
        cmocka_unit_test(never_passes_budget),
        cmocka_unit_test(aligned_zeroed_disjoint),
        cmocka_unit_test(resets),
        cmocka_unit_test(refuses_overflow),
        cmocka_unit_test(copies_strings),
        cmocka_unit_test(injects_failures),
        cmocka_unit_test(gives_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
