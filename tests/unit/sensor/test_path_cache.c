/*
 * path_cache: entries live until something changes, roots of one process are others' business, and the
 * number of a call that /proc shows is read as that of every architecture.
 */
#include "test.h"

#include "sensor/notify/path_cache.h"

#include <string.h>

#define NOW UINT64_C(1000)

static struct path_cache *cache;

static int setup(void **state)
{
    (void)state;
    return path_cache_new(&cache);
}

static int teardown(void **state)
{
    (void)state;
    path_cache_free(cache);
    return 0;
}

static const struct path_key key = { .root = 7, .path = { "/etc/l", 6 } };

static void put(void)
{
    const struct path_value value = {
        .real = STR("/etc/real"), .ino = 5, .dev = 6, .lower_layer = true
    };
    path_cache_put(cache, &key, &value, path_cache_ticket(cache), NOW);
}

static bool is_there(uint64_t now)
{
    struct path_value value;
    bool there = path_cache_get(cache, &key, now, &value);
    if (there) {
        assert_true(str_eqz(value.real, "/etc/real") && value.ino == 5 && value.dev == 6);
        assert_true(value.lower_layer && !value.upper_layer);
    }
    return there;
}

static void keeps_for_a_while(void **state)
{
    (void)state;
    assert_false(is_there(NOW));
    put();
    assert_true(is_there(NOW));
    assert_true(is_there(NOW + PATH_CACHE_NS));
    assert_false(is_there(NOW + PATH_CACHE_NS + 1));
}

static void changes_forget(void **state)
{
    (void)state;
    put();
    path_cache_change(cache, 1, call_find(NAME_rename));
    assert_false(is_there(NOW));
    put();
    assert_false(is_there(NOW));
    path_cache_changed(cache, 2);
    put();
    assert_false(is_there(NOW));
    path_cache_changed(cache, 1);
    assert_false(is_there(NOW));
    put();
    assert_true(is_there(NOW));
}

static void old_tickets(void **state)
{
    (void)state;
    const struct path_value value = { .real = STR("/etc/real"), .ino = 5, .dev = 6 };
    uint64_t ticket = path_cache_ticket(cache);
    path_cache_change(cache, 1, call_find(NAME_symlink));
    path_cache_changed(cache, 1);
    path_cache_put(cache, &key, &value, ticket, NOW);
    assert_false(is_there(NOW));
}

static void roots(void **state)
{
    (void)state;
    uint64_t before = path_cache_roots(cache);
    path_cache_change(cache, 1, call_find(NAME_rename));
    path_cache_changed(cache, 1);
    assert_true(path_cache_roots(cache) == before);
    path_cache_change(cache, 1, call_find(NAME_chroot));
    uint64_t within = path_cache_roots(cache);
    assert_true(within != before);
    path_cache_changed(cache, 1);
    assert_true(path_cache_roots(cache) != within);
}

static void too_many(void **state)
{
    (void)state;
    for (int64_t tid = 1; tid <= PATH_CACHE_CHANGING; tid++) {
        path_cache_change(cache, tid, call_find(NAME_unlink));
    }
    int64_t tids[PATH_CACHE_CHANGING];
    assert_int_equal(path_cache_changing(cache, tids), PATH_CACHE_CHANGING);
    for (int64_t tid = 1; tid <= PATH_CACHE_CHANGING; tid++) {
        path_cache_changed(cache, tid);
    }
    put();
    assert_true(is_there(NOW));
    for (int64_t tid = 1; tid <= PATH_CACHE_CHANGING + 1; tid++) {
        path_cache_change(cache, tid, call_find(NAME_unlink));
    }
    for (int64_t tid = 1; tid <= PATH_CACHE_CHANGING + 1; tid++) {
        path_cache_changed(cache, tid);
    }
    put();
    assert_false(is_there(NOW));
}

static void has_left(void **state)
{
    (void)state;
    assert_false(path_cache_has_left(STR("")));
    assert_false(path_cache_has_left(STR("running\n")));
    assert_true(path_cache_has_left(STR("-1 0x7f 0x8")));
#ifdef __x86_64__
    assert_true(path_cache_has_left(STR("0 0x3 0x7ffe")));    /* read */
    assert_false(path_cache_has_left(STR("82 0x3 0x7ffe")));  /* rename */
    assert_false(path_cache_has_left(STR("38 0x3 0x7ffe")));  /* ia32's rename, or setitimer */
    assert_false(path_cache_has_left(STR("1073741906 0x3"))); /* x32's rename */
    assert_false(path_cache_has_left(STR("161 0x3")));        /* chroot */
#endif
}

static void calls(void **state)
{
    (void)state;
    struct callset set = { 0 };
    path_cache_calls(&set);
    static const uint16_t names[] = { NAME_rename, NAME_chroot, NAME_move_mount,
                                      NAME_io_uring_setup };
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        assert_true(callset_has(&set, (size_t)(call_find(names[i]) - call_table)));
    }
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        TEST(keeps_for_a_while), TEST(changes_forget), TEST(old_tickets), TEST(roots),
        TEST(too_many),          TEST(has_left),       TEST(calls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
