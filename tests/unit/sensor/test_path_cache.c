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
        .real = STR("/etc/real"), .ino = 5, .dev = 6, .lower_layer = true, .known = true
    };
    path_cache_put(cache, &key, &value, path_cache_ticket(cache, &key), NOW);
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
    struct path_ticket ticket = path_cache_ticket(cache, &key);
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
        path_cache_change(cache, tid, call_find(NAME_link));
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

static bool is_known(const struct path_key *k)
{
    struct path_value value;
    assert_true(path_cache_get(cache, k, NOW, &value));
    return value.known;
}

static void removals(void **state)
{
    (void)state;
    put();
    assert_true(is_known(&key));
    assert_true(path_cache_change(cache, 1, call_find(NAME_unlink)));
    assert_false(is_known(&key)); /* where it leads stays, what is there does not */
    path_cache_changed(cache, 1);
    assert_false(is_known(&key));
    put();
    assert_true(is_known(&key));
    assert_false(path_cache_change(cache, 1, call_find(NAME_rmdir)));
    put();
    path_cache_changed(cache, 1);
    assert_false(is_known(&key));
}

static void removed_links(void **state)
{
    (void)state;
    put();
    path_cache_change(cache, 1, call_find(NAME_unlinkat));
    path_cache_removes_link(cache, 1);
    assert_false(is_there(NOW));
    put();
    assert_false(is_there(NOW));
    path_cache_changed(cache, 1);
    put();
    assert_true(is_there(NOW));
}

/* What was no link when it was looked at may be one when it is taken away, if others change names or directories. */
static void replaced_before_removal(void **state)
{
    (void)state;
    static const uint16_t others[] = { NAME_symlink, NAME_rename, NAME_mount, NAME_chdir };
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        path_cache_change(cache, 1, call_find(NAME_unlink));
        path_cache_change(cache, 2, call_find(others[i]));
        path_cache_changed(cache, 2);
        put();
        assert_false(is_there(NOW));
        path_cache_changed(cache, 1);
        put();
        assert_true(is_there(NOW));
        path_cache_change(cache, 2, call_find(others[i]));
        path_cache_change(cache, 1, call_find(NAME_unlink));
        path_cache_changed(cache, 2);
        put();
        assert_false(is_there(NOW));
        path_cache_changed(cache, 1);
    }
}

static bool has(const struct path_key *k)
{
    struct path_value value;
    return path_cache_get(cache, k, NOW, &value);
}

static void relative_paths(void **state)
{
    (void)state;
    const struct path_key in[] = { { .root = 7, .start = 1, .path = STR("l") },
                                   { .root = 7, .start = 2, .path = STR("l") },
                                   { .root = 7, .path = STR("l") } };
    const struct path_value value = { .real = STR("/a/l") };
    path_cache_put(cache, &in[0], &value, path_cache_ticket(cache, &in[0]), NOW);
    assert_true(has(&in[0]) && !has(&in[1]) && !has(&in[2]));
    put();
    uint64_t dirs = path_cache_dirs(cache);
    path_cache_change(cache, 1, call_find(NAME_chdir));
    assert_true(!has(&in[0]) && has(&key) && path_cache_dirs(cache) != dirs);
    dirs = path_cache_dirs(cache);
    path_cache_changed(cache, 1);
    assert_true(has(&in[0]) && path_cache_dirs(cache) != dirs);
    struct path_ticket ticket = path_cache_ticket(cache, &in[1]);
    path_cache_change(cache, 1, call_find(NAME_fchdir));
    path_cache_changed(cache, 1);
    path_cache_put(cache, &in[1], &value, ticket, NOW);
    assert_false(has(&in[1]));
    for (int64_t tid = 1; tid <= PATH_CACHE_CHANGING + 1; tid++) {
        path_cache_change(cache, tid, call_find(NAME_chdir));
    }
    for (int64_t tid = 1; tid <= PATH_CACHE_CHANGING + 1; tid++) {
        path_cache_changed(cache, tid);
    }
    assert_true(!has(&in[0]) && has(&key));
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
    assert_false(path_cache_has_left(STR("80 0x3 0x7ffe")));  /* chdir */
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
        TEST(keeps_for_a_while),
        TEST(changes_forget),
        TEST(old_tickets),
        TEST(roots),
        TEST(too_many),
        TEST(has_left),
        TEST(calls),
        TEST(removals),
        TEST(removed_links),
        TEST(replaced_before_removal),
        TEST(relative_paths),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
