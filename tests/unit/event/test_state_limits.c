/*
 * The state under pressure: full tables, memory that runs out at any point, random streams.
 */
#include "state_fixture.h"

#include "event/path.h"

#include <netinet/in.h>

static void touch(struct state *s, int64_t tid, uint64_t ts)
{
    run(s, make_event(KIND_FUTEX_E, tid, ts, "qhq", 0L, 0, 0L));
}

static void test_eviction(void **unused)
{
    (void)unused;
    struct state *s = state_with(4);
    struct state_stats stats;
    for (int64_t tid = 1; tid <= 3; tid++) {
        add_process(s, tid, 0, "p");
    }
    state_get_stats(s, &stats);
    assert_int_equal(stats.threads_evicted, 0);
    touch(s, 4, T0); /* n */
    state_get_stats(s, &stats);
    assert_int_equal(stats.threads, 4);
    assert_int_equal(stats.threads_evicted, 0);
    touch(s, 1, T0 + 1);
    touch(s, 3, T0 + 2);
    run_exit(s, 3, T0 + 3, 0);
    touch(s, 5, T0 + 4); /* n + 1: the exited one goes first */
    assert_null(state_thread(s, 3));
    assert_non_null(state_thread(s, 2));
    touch(s, 6, T0 + 5); /* then the least recently active */
    assert_null(state_thread(s, 2));
    assert_non_null(state_thread(s, 4));
    touch(s, 7, T0 + 6);
    assert_null(state_thread(s, 4));
    state_get_stats(s, &stats);
    assert_int_equal(stats.threads, 4);
    assert_int_equal(stats.threads_evicted, 3);
    state_free(s);
}

/* A process goes with its threads; its children wait for it to show up again. */
static void test_eviction_of_groups(void **unused)
{
    (void)unused;
    struct state *s = state_with(6);
    add_process(s, 10, 1, "java");
    run(s, clone_x(10, T0, 11, 10, 1, CL_THREAD, "java"));
    run(s, clone_x(10, T0, 12, 10, 1, 0, "child"));
    touch(s, 12, T0 + 10);
    for (int64_t tid = 20; tid < 40; tid++) {
        touch(s, 12, T0 + (uint64_t)tid);
        touch(s, tid, T0 + (uint64_t)tid);
        struct state_stats stats;
        state_get_stats(s, &stats);
        assert_true(stats.threads <= 6);
    }
    assert_null(state_thread(s, 10));
    assert_null(state_thread(s, 11));
    assert_null(state_parent(s, state_thread(s, 12)));
    touch(s, 10, T0 + 50);
    assert_ptr_equal(state_parent(s, state_thread(s, 12)), state_thread(s, 10));
    state_free(s);
}

static void test_tiny_tables(void **unused)
{
    (void)unused;
    for (uint32_t max = 1; max <= 3; max++) {
        struct state *s = state_with(max);
        for (int64_t tid = 1; tid < 50; tid++) {
            touch(s, tid % 7, T0);
            run(s, clone_x(tid, T0, tid + 1, tid, 1, 0, "a"));
            run(s, clone_x(tid, T0, tid + 2, tid, 1, CL_THREAD, "a"));
            run(s, clone_x(tid + 3, T0, 0, tid, 1, CL_THREAD, "a"));
            run(s, exec_x(tid, T0, "b", "/b"));
            run_open(s, tid, T0, 3, "/x");
            run_exit(s, tid, T0, 1);
        }
        state_free(s);
    }
}

static void everything(struct state *s)
{
    uint64_t ts = T0;
    run_fork(s, 10, 11, ts++);
    run(s, clone_x(10, ts++, 12, 10, 1, CL_THREAD, "renamed"));
    run_open(s, 10, ts++, 3, "/etc/passwd");
    run_open(s, 11, ts++, 70000, "relative/./path");
    run_open(s, 11, ts++, 70001, "other");
    run(s, make_event(KIND_OPENAT_E, 11, ts++, "qsww", -100L, "in", 1, 0));
    run(s, make_event(KIND_OPENAT_X, 11, ts++, "q", 300L));
    run(s, make_event(KIND_SOCKET_X, 11, ts++, "qwww", 5L, 2, 1, 6));
    run_fork(s, 11, 13, ts++);
    run(s, make_event(KIND_CONNECT_X, 13, ts++, "qTq", 0L, "1.1.1.1", 1, "2.2.2.2", 2, 5L));
    run(s, make_event(KIND_DUP2_X, 13, ts++, "qqq", 9L, 5L, 9L));
    run(s, exec_x(13, ts++, "ls", "/bin/ls"));
    run(s, exec_x(12, ts++, "thread", "/bin/thread"));
    run(s, make_event(KIND_CHDIR_X, 13, ts++, "qs", 0L, "/tmp"));
    run(s, make_event(KIND_CLOSE_X, 13, ts++, "qq", 0L, 70000L));
    run(s, make_event(KIND_CLOSE_X, 13, ts++, "qq", 0L, 3L));
    run(s, make_event(KIND_CONTAINER_JSON_E, -1, ts++, "s",
                      "{\"container\":{\"id\":\"abc\",\"name\":\"n\",\"labels\":{\"a\":\"b\"}}}"));
    run(s, make_event(KIND_CONTAINER_JSON_E, -1, ts++, "s",
                      "{\"container\":{\"id\":\"abc\",\"name\":\"m\"}}"));
    run(s, make_event(KIND_USER_ADDED_E, -1, ts++, "wwssss", 5, 5, "u", "/h", "/s", "abc"));
    run(s, make_event(KIND_GROUP_ADDED_E, -1, ts++, "wss", 5, "g", ""));
    run_exit(s, 11, ts++, 1);
    touch(s, 99, ts++);
    touch(s, 99, ts + 2 * STATE_EXIT_GRACE_NS);
}

static void check_consistent(struct state *s)
{
    struct state_stats stats;
    state_get_stats(s, &stats);
    for (int64_t tid = 0; tid < 120; tid++) {
        const struct thread *t = state_thread(s, tid);
        if (!t) {
            continue;
        }
        assert_non_null(t->image);
        assert_non_null(state_main(s, t));
        assert_int_equal(state_main(s, t)->pid, t->pid);
        size_t cursor = 0;
        size_t n = 0;
        int64_t fd;
        struct fdinfo *info;
        while (state_fd_next(s, t, &cursor, &fd, &info)) {
            n++;
        }
        assert_int_equal(n, state_fd_count(s, t));
    }
}

/* Whichever allocation fails, and all after it: no crash, no leak, nothing half done, and the state
 * works on once there is memory. */
static void test_out_of_memory(void **unused)
{
    (void)unused;
    for (uint64_t n = 1; n < 400; n++) {
        struct state *s = state_with(64);
        add_process(s, 1, 0, "init");
        add_process(s, 10, 1, "bash");
        mem_fail_after(n);
        everything(s);
        mem_fail_after(0);
        check_consistent(s);
        everything(s);
        check_consistent(s);
        state_free(s);
    }
}

static void test_new_out_of_memory(void **unused)
{
    (void)unused;
    struct state *s = NULL;
    for (uint64_t n = 1; n <= 2; n++) {
        mem_fail_after(n);
        assert_true(state_new(NULL, &s) < 0);
        assert_null(s);
    }
    mem_fail_after(0);
}

static uint64_t next_random(uint64_t *x)
{
    *x ^= *x << 13;
    *x ^= *x >> 7;
    *x ^= *x << 17;
    return *x;
}

/* Streams of well-formed events of few ids, so that everything meets everything. */
static void test_random_lives(void **unused)
{
    (void)unused;
    uint64_t x = 88172645463325252u;
    struct state *s = state_with(12);
    uint64_t ts = T0;
    for (int i = 0; i < 60000; i++) {
        int64_t tid = (int64_t)(next_random(&x) % 24);
        int64_t other = (int64_t)(next_random(&x) % 24);
        int64_t fd = (int64_t)(next_random(&x) % 6);
        unsigned flags = (unsigned)(next_random(&x) % 3 ? 0 : CL_THREAD) | (unsigned)(x & CL_FILES);
        ts += next_random(&x) % 4 ? 1 : STATE_EXIT_GRACE_NS / 3;
        switch (next_random(&x) % 10) {
        case 0:
            run(s, clone_x(tid, ts, other, tid, other, flags, "a"));
            break;
        case 1:
            run(s, clone_x(tid, ts, 0, flags & CL_THREAD ? other : tid, other, flags, "b"));
            break;
        case 2:
            run(s, exec_x(tid, ts, "c", "/c"));
            break;
        case 3:
            run_exit(s, tid, ts, other);
            break;
        case 4:
            run_open(s, tid, ts, fd, "/file");
            break;
        case 5:
            run(s, make_event(KIND_CLOSE_X, tid, ts, "qq", 0L, fd));
            break;
        case 6:
            run(s, make_event(KIND_DUP2_X, tid, ts, "qqq", fd, (int64_t)(x % 6), fd));
            break;
        case 7:
            run(s, make_event(KIND_CHDIR_X, tid, ts, "qs", 0L, "/d"));
            break;
        default:
            touch(s, tid, ts);
        }
        if (i % 512 == 0) {
            check_consistent(s);
        }
    }
    state_free(s);
}

static int fake_sha256(void *data, const struct thread *thread, char ret_hex[64])
{
    (void)thread;
    memset(ret_hex, 'a', 64);
    return ++*(int *)data == 1 ? 0 : -1;
}

static void test_sha256_once(void **unused)
{
    (void)unused;
    int calls = 0;
    struct state_config config = { .sha256 = fake_sha256, .data = &calls };
    struct state *s = NULL;
    assert_int_equal(state_new(&config, &s), 0);
    add_process(s, 10, 1, "a");
    add_process(s, 11, 1, "b");
    assert_int_equal(state_sha256(s, state_thread(s, 10)).n, 64);
    assert_int_equal(state_sha256(s, state_thread(s, 10)).n, 64);
    assert_int_equal(state_sha256(s, state_thread(s, 11)).n, 0);
    assert_int_equal(state_sha256(s, state_thread(s, 11)).n, 0);
    assert_int_equal(calls, 2);
    state_free(s);
}

static uint64_t memory_of(const struct state *s)
{
    struct state_stats stats;
    state_get_stats(s, &stats);
    return stats.memory;
}

static struct state *state_of_bytes(size_t memory_max)
{
    struct state *state = NULL;
    struct state_config config = { .memory_max = memory_max };
    assert_int_equal(state_new(&config, &state), 0);
    return state;
}

#define LONG_TEXT 20000

/* Whatever grows with the input is charged, refused at the limit and counted. */
static void test_memory_limit(void **unused)
{
    (void)unused;
    static char text[LONG_TEXT];
    const size_t max = 1 << 20;
    struct state *s = state_of_bytes(max);
    struct state_stats stats;
    memset(text, 'x', sizeof(text));
    struct str long_text = { text, sizeof(text) };
    uint64_t before = memory_of(s);
    for (uint32_t i = 1; i <= 200; i++) {
        struct thread_init init = { .t = { .tid = i, .pid = i, .ptid = 1 },
                                    .comm = STR("p"),
                                    .args = long_text,
                                    .cwd = long_text,
                                    .cgroups = long_text };
        state_add_thread(s, &init);
        assert_true(memory_of(s) <= max);
    }
    state_get_stats(s, &stats);
    assert_true(stats.threads_evicted > 0);
    assert_true(stats.threads >= 5);
    for (uint32_t i = 1; i <= 200; i++) {
        struct user user = { .uid = i, .name = long_text };
        struct group group = { .gid = i, .name = long_text };
        struct container c = { .id = str_from(text, i), .name = long_text };
        struct fdinfo fd = { .type = FD_FILE, .name = long_text };
        state_add_user(s, STR(""), &user);
        state_add_group(s, STR("abc"), &group);
        state_add_container(s, &c);
        state_add_fd(s, 200, i, &fd);
        assert_true(memory_of(s) <= max);
    }
    state_get_stats(s, &stats);
    assert_true(stats.containers_refused > 0);
    assert_true(stats.out_of_memory > 0);
    state_clear(s);
    assert_int_equal(memory_of(s), before);
    state_free(s);
}

/* A table of many descriptors is copied by each child that opens one more. */
static void test_memory_of_forks(void **unused)
{
    (void)unused;
    const size_t max = 1 << 20;
    struct state *s = state_of_bytes(max);
    uint64_t before = memory_of(s);
    add_process(s, 1, 0, "init");
    add_process(s, 2, 1, "sh");
    for (int64_t fd = 0; fd < 2000; fd++) {
        assert_int_equal(
            state_add_fd(s, 2, fd < 1000 ? fd : fd * 1000, &(struct fdinfo){ .type = FD_EVENT }),
            0);
    }
    for (int64_t child = 3; child < 200; child++) {
        run_fork(s, 2, child, T0 + (uint64_t)child);
        run_open(s, child, T0 + (uint64_t)child, 3, "/x");
        assert_true(memory_of(s) <= max);
    }
    struct state_stats stats;
    state_get_stats(s, &stats);
    assert_true(stats.threads_evicted + stats.fds_refused > 0);
    state_clear(s);
    assert_true(memory_of(s) < before + 200 * 128); /* names' memory, kept for the next ones */
    state_free(s);
}

static char long_path[PATH_TEXT_MAX + 2];

static bool open_is_cut(struct state *s, size_t n)
{
    memset(long_path, 'a', sizeof(long_path));
    long_path[0] = '/';
    long_path[n] = '\0';
    struct event *e = make_event(KIND_OPEN_X, 10, T0, "qswwwq", 3L, long_path, 1, 0, 5, 77L);
    e->truncated = false;
    state_apply(s, e);
    bool cut = e->truncated;
    state_settle(s, e);
    return cut;
}

static bool relative_open_is_cut(struct state *s, size_t n)
{
    memset(long_path, 'a', sizeof(long_path));
    long_path[n] = '\0';
    struct event *e = make_event(KIND_OPEN_X, 10, T0, "qswwwq", 3L, long_path, 1, 0, 5, 77L);
    e->truncated = false;
    state_apply(s, e);
    bool cut = e->truncated;
    state_settle(s, e);
    return cut;
}

static void test_cut_paths_are_told(void **unused)
{
    (void)unused;
    struct state *s = state_with(8);
    add_process(s, 10, 1, "sh");
    assert_false(open_is_cut(s, PATH_TEXT_MAX - 1));
    assert_true(open_is_cut(s, PATH_TEXT_MAX));
    assert_true(open_is_cut(s, PATH_TEXT_MAX + 1));
    size_t cwd = strlen("/home/me/");
    assert_false(relative_open_is_cut(s, PATH_TEXT_MAX - cwd - 1));
    assert_true(relative_open_is_cut(s, PATH_TEXT_MAX - cwd));
    state_free(s);
}

static void test_cut_call_is_told(void **unused)
{
    (void)unused;
    static char bytes[9000];
    struct state *s = state_with(8);
    add_process(s, 10, 1, "sh");
    memset(bytes, 'b', sizeof(bytes) - 1);
    run(s, make_event(KIND_OPENAT_E, 10, T0, "qsww", -100L, bytes, 1, 0));
    struct event *e = make_event(KIND_OPENAT_X, 10, T0 + 1, "q", 3L);
    e->truncated = false;
    state_apply(s, e);
    assert_true(e->truncated);
    state_settle(s, e);
    run(s, make_event(KIND_OPENAT_E, 10, T0, "qsww", -100L, "short", 1, 0));
    e = make_event(KIND_OPENAT_X, 10, T0 + 1, "q", 3L);
    e->truncated = false;
    state_apply(s, e);
    assert_false(e->truncated);
    state_settle(s, e);
    state_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_eviction),          cmocka_unit_test(test_eviction_of_groups),
        cmocka_unit_test(test_tiny_tables),       cmocka_unit_test(test_out_of_memory),
        cmocka_unit_test(test_new_out_of_memory), cmocka_unit_test(test_random_lives),
        cmocka_unit_test(test_sha256_once),       cmocka_unit_test(test_memory_limit),
        cmocka_unit_test(test_memory_of_forks),   cmocka_unit_test(test_cut_paths_are_told),
        cmocka_unit_test(test_cut_call_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
