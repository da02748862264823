/*
 * Descriptors: opening in all layouts, paths, copies, sharing, closing.
 */
#include "state_fixture.h"

static struct state *state_new_with_process(void)
{
    struct state *s = state_with(0);
    add_process(s, 10, 1, "sh");
    return s;
}

static const struct fdinfo *fd_of(struct state *s, int64_t tid, int64_t fd)
{
    return state_fd(s, state_thread(s, tid), fd);
}

static void test_open_layouts(void **unused)
{
    (void)unused;
    struct state *s = state_new_with_process();
    struct event *e = apply(s, make_event(KIND_OPEN_X, 10, T0, "qswwwq", 3L, "/etc/../etc//passwd",
                                          0x8001, 0644, 5, 77L));
    assert_text(e->fd->name, "/etc/passwd");
    assert_text(e->fd->nameraw, "/etc/../etc//passwd");
    assert_int_equal(e->fd_num, 3);
    assert_int_equal(e->fd->type, FD_FILE_V2);
    assert_int_equal(e->fd->dev, 5);
    assert_int_equal(e->fd->ino, 77);
    assert_int_equal(e->fd->mode, 0644);
    assert_true(e->fd->flags & FD_UPPER_LAYER);
    assert_int_equal(e->fd->opener_uid, 0);
    state_settle(s, e);
    run(s, make_event(KIND_OPEN_E, 10, T0, "sww", "mine", 2, 0));
    run(s, make_event(KIND_OPEN_X, 10, T0, "qsww", 4L, "changed", 0x4001, 0));
    assert_text(fd_of(s, 10, 4)->name, "/home/me/mine");
    assert_int_equal(fd_of(s, 10, 4)->open_flags, 0x4002);
    run(s, make_event(KIND_OPEN_X, 10, T0, "qsww", 5L, "/dir", 1 << 10, 0));
    assert_int_equal(fd_of(s, 10, 5)->type, FD_DIRECTORY);
    run(s, make_event(KIND_OPENAT_E, 10, T0, "qsww", 5L, "in", 1, 0)); /* the first layout */
    run(s, make_event(KIND_OPENAT_X, 10, T0, "q", 6L));
    assert_text(fd_of(s, 10, 6)->name, "/dir/in");
    run(s, make_event(KIND_OPENAT_2_X, 10, T0, "qqswwwq", 7L, AT_CWD_FD, "../x", 1, 0, 2, 3L));
    assert_text(fd_of(s, 10, 7)->name, "/home/x");
    run(s, make_event(KIND_OPENAT_2_X, 10, T0, "qqsww", 8L, 99L, "x", 1, 0));
    assert_text(fd_of(s, 10, 8)->name, "<UNKNOWN>/x");
    run(s, make_event(KIND_OPENAT2_X, 10, T0, "qqswwwwq", 9L, 5L, "y", 1, 0, 0, 2, 3L));
    assert_text(fd_of(s, 10, 9)->name, "/dir/y");
    assert_int_equal(fd_of(s, 10, 9)->ino, 3);
    run(s, make_event(KIND_CREAT_X, 10, T0, "qsww", 11L, "/c", 0600, 4));
    assert_int_equal(fd_of(s, 10, 11)->dev, 4);
    run(s, make_event(KIND_OPEN_BY_HANDLE_AT_X, 10, T0, "qqwswq", 12L, 5L, 1, "/by/handle", 2, 3L));
    assert_text(fd_of(s, 10, 12)->name, "/by/handle");
    e = make_event(KIND_OPEN_X, 10, T0, "qsww", 13L, "link", 1, 0);
    e->path = STR("/target");
    run(s, e);
    assert_text(fd_of(s, 10, 13)->name, "/target");
    assert_text(fd_of(s, 10, 13)->nameraw, "link");
    e = apply(s, make_event(KIND_OPEN_X, 10, T0, "qsww", -2L, "/none", 1, 0));
    assert_null(e->fd);
    assert_int_equal(e->fd_num, -1);
    state_settle(s, e);
    assert_int_equal(state_fd_count(s, state_thread(s, 10)), 10);
    state_free(s);
}

static void test_read_has_its_fd(void **unused)
{
    (void)unused;
    struct state *s = state_new_with_process();
    run_open(s, 10, T0, 3, "/a");
    struct event *e = apply(s, make_event(KIND_READ_E, 10, T0, "qw", 3L, 1));
    assert_text(e->fd->name, "/a");
    state_settle(s, e);
    e = apply(s, make_event(KIND_READ_X, 10, T0, "qB", 1L, "x", (size_t)1));
    assert_text(e->fd->name, "/a");
    state_settle(s, e);
    e = apply(s, make_event(KIND_WRITE_X, 10, T0, "qBqw", 1L, "x", (size_t)1, 3L, 1));
    assert_text(e->fd->name, "/a"); /* exit only */
    state_settle(s, e);
    e = apply(s, make_event(KIND_MMAP_E, 10, T0, "qqwwqq", 0L, 1L, 1, 1, 3L, 0L));
    assert_int_equal(e->fd_num, 3);
    state_settle(s, e);
    state_free(s);
}

static void test_close_waits_for_settle(void **unused)
{
    (void)unused;
    struct state *s = state_new_with_process();
    run_open(s, 10, T0, 3, "/a");
    run(s, make_event(KIND_CLOSE_E, 10, T0, "q", 3L));
    struct event *e = apply(s, make_event(KIND_CLOSE_X, 10, T0, "q", 0L));
    assert_text(e->fd->name, "/a");
    state_settle(s, e);
    assert_null(fd_of(s, 10, 3));
    run_open(s, 10, T0, 3, "/b");
    run(s, make_event(KIND_CLOSE_X, 10, T0, "qq", -9L, 3L));
    assert_non_null(fd_of(s, 10, 3));
    run(s, make_event(KIND_CLOSE_X, 10, T0, "qq", 0L, 3L)); /* exit only */
    assert_null(fd_of(s, 10, 3));
    assert_int_equal(state_fd_count(s, state_thread(s, 10)), 0);
    state_free(s);
}

/* Another thread opens the number between close's enter and exit. */
static void test_close_races_open(void **unused)
{
    (void)unused;
    struct state *s = state_new_with_process();
    run(s, clone_x(10, T0, 11, 10, 1, CL_THREAD, "sh"));
    run_open(s, 10, T0, 3, "/old");
    run(s, make_event(KIND_CLOSE_E, 10, T0, "q", 3L));
    run_open(s, 11, T0, 3, "/new");
    run(s, make_event(KIND_CLOSE_X, 10, T0, "q", 0L));
    assert_text(fd_of(s, 10, 3)->name, "/new");
    state_free(s);
}

static void test_fork_copies(void **unused)
{
    (void)unused;
    struct state *s = state_new_with_process();
    run_open(s, 10, T0, 3, "/a");
    run_fork(s, 10, 11, T0);
    assert_ptr_equal(fd_of(s, 11, 3), fd_of(s, 10, 3));
    run(s, make_event(KIND_CLOSE_X, 11, T0, "qq", 0L, 3L));
    run_open(s, 11, T0, 4, "/child");
    assert_null(fd_of(s, 11, 3));
    assert_text(fd_of(s, 10, 3)->name, "/a");
    assert_null(fd_of(s, 10, 4));
    run_open(s, 10, T0, 5, "/parent");
    assert_null(fd_of(s, 11, 5));
    run_exit(s, 10, T0, 1);
    assert_text(fd_of(s, 11, 4)->name, "/child");
    state_free(s);
}

static void test_clone_files_shares(void **unused)
{
    (void)unused;
    struct state *s = state_new_with_process();
    run_open(s, 10, T0, 3, "/a");
    run(s, clone_x(10, T0, 11, 10, 1, CL_FILES, "sh"));
    run_open(s, 11, T0, 4, "/shared");
    assert_text(fd_of(s, 10, 4)->name, "/shared");
    run(s, exec_x(11, T0, "x", "/x")); /* exec unshares */
    run(s, make_event(KIND_CLOSE_X, 11, T0, "qq", 0L, 4L));
    assert_null(fd_of(s, 11, 4));
    assert_text(fd_of(s, 10, 4)->name, "/shared");
    state_free(s);
}

static void test_copies(void **unused)
{
    (void)unused;
    struct state *s = state_new_with_process();
    run_open(s, 10, T0, 3, "/a");
    run(s, make_event(KIND_DUP_E, 10, T0, "q", 3L));
    struct event *e = apply(s, make_event(KIND_DUP_X, 10, T0, "q", 4L));
    assert_int_equal(e->fd_num, 4);
    assert_text(e->fd->name, "/a");
    state_settle(s, e);
    run(s, make_event(KIND_CLOSE_X, 10, T0, "qq", 0L, 3L));
    assert_text(fd_of(s, 10, 4)->name, "/a");
    run(s, make_event(KIND_DUP_1_X, 10, T0, "qq", 5L, 4L));
    run(s, make_event(KIND_DUP2_X, 10, T0, "qqq", 6L, 4L, 6L));
    run(s, make_event(KIND_DUP2_X, 10, T0, "qqq", 4L, 4L, 4L));
    run(s, make_event(KIND_DUP3_X, 10, T0, "qqqw", 7L, 4L, 7L, 1 << 12));
    assert_true(fd_of(s, 10, 7)->open_flags & (1 << 12));
    assert_false(fd_of(s, 10, 4)->open_flags & (1 << 12));
    run(s, make_event(KIND_FCNTL_E, 10, T0, "qb", 4L, 26));
    run(s, make_event(KIND_FCNTL_X, 10, T0, "q", 8L));
    run(s, make_event(KIND_FCNTL_X, 10, T0, "qqb", 9L, 4L, 1));
    run(s, make_event(KIND_FCNTL_X, 10, T0, "qqb", 0L, 4L, 4));
    for (int64_t fd = 4; fd <= 9; fd++) {
        assert_text(fd_of(s, 10, fd)->name, "/a");
    }
    assert_null(fd_of(s, 10, 0));
    state_free(s);
}

static void test_other_kinds(void **unused)
{
    (void)unused;
    struct state *s = state_new_with_process();
    static const struct {
        uint16_t kind;
        uint8_t type;
    } simple[] = {
        { KIND_EVENTFD_X, FD_EVENT },           { KIND_EVENTFD2_X, FD_EVENT },
        { KIND_SIGNALFD_X, FD_SIGNALFD },       { KIND_SIGNALFD4_X, FD_SIGNALFD },
        { KIND_TIMERFD_CREATE_X, FD_TIMERFD },  { KIND_INOTIFY_INIT_X, FD_INOTIFY },
        { KIND_INOTIFY_INIT1_X, FD_INOTIFY },   { KIND_EPOLL_CREATE_X, FD_EVENTPOLL },
        { KIND_EPOLL_CREATE1_X, FD_EVENTPOLL }, { KIND_USERFAULTFD_X, FD_USERFAULTFD },
        { KIND_IO_URING_SETUP_X, FD_IO_URING }, { KIND_BPF_2_X, FD_BPF },
    };
    for (size_t i = 0; i < sizeof(simple) / sizeof(*simple); i++) {
        struct event *e = apply(s, make_event(simple[i].kind, 10, T0, "q", (int64_t)(20 + i)));
        assert_int_equal(e->fd->type, simple[i].type);
        assert_int_equal(e->fd_num, 20 + i);
        state_settle(s, e);
        e = apply(s, make_event(simple[i].kind, 10, T0, "q", -1L));
        assert_null(e->fd);
        state_settle(s, e);
    }
    run(s, make_event(KIND_BPF_X, 10, T0, "B", "\0\x32\0\0\0\0\0\0\0", (size_t)9));
    assert_int_equal(fd_of(s, 10, 50)->type, FD_BPF);
    run(s, make_event(KIND_MEMFD_CREATE_X, 10, T0, "qsw", 51L, "payload", 1));
    assert_text(fd_of(s, 10, 51)->name, "payload");
    assert_int_equal(fd_of(s, 10, 51)->type, FD_MEMFD);
    struct event *e = apply(s, make_event(KIND_PIPE2_X, 10, T0, "qqqqw", 0L, 60L, 61L, 9L, 64));
    assert_int_equal(e->fd->type, FD_FIFO);
    assert_int_equal(e->fd_num, 61);
    state_settle(s, e);
    assert_int_equal(fd_of(s, 10, 60)->ino, 9);
    add_process(s, 20, 1, "other");
    run_open(s, 20, T0, 5, "/of/other");
    run(s, make_event(KIND_PIDFD_OPEN_X, 10, T0, "qqw", 62L, 20L, 0));
    assert_text(fd_of(s, 10, 62)->name, "/proc/20");
    run(s, make_event(KIND_PIDFD_GETFD_X, 10, T0, "qqqw", 63L, 62L, 5L, 0));
    assert_text(fd_of(s, 10, 63)->name, "/of/other");
    run(s, make_event(KIND_PIDFD_GETFD_X, 10, T0, "qqqw", 64L, 60L, 5L, 0));
    assert_null(fd_of(s, 10, 64));
    state_free(s);
}

static void test_numbers(void **unused)
{
    (void)unused;
    struct state *s = state_new_with_process();
    static const int64_t numbers[] = { 0,     15,    16,       255,      256,      257,
                                       65535, 65536, 1L << 20, 1L << 31, 1L << 40, INT64_MAX };
    size_t n = sizeof(numbers) / sizeof(*numbers);
    for (size_t i = 0; i < n; i++) {
        run_open(s, 10, T0, numbers[i], "/x");
        assert_int_equal(state_fd_count(s, state_thread(s, 10)), i + 1);
    }
    run_fork(s, 10, 11, T0);
    run_open(s, 11, T0, 300, "/y"); /* copies the set, and later grows it over what was far */
    for (int64_t fd = 1000; fd < 1400; fd++) {
        run_open(s, 11, T0, fd, "/z");
    }
    size_t cursor = 0;
    size_t seen = 0;
    int64_t fd;
    struct fdinfo *info;
    while (state_fd_next(s, state_thread(s, 11), &cursor, &fd, &info)) {
        assert_ptr_equal(fd_of(s, 11, fd), info);
        seen++;
    }
    assert_int_equal(seen, n + 401);
    for (size_t i = 0; i < n; i++) {
        run(s, make_event(KIND_CLOSE_X, 11, T0, "qq", 0L, numbers[i]));
        assert_null(fd_of(s, 11, numbers[i]));
        assert_non_null(fd_of(s, 10, numbers[i]));
    }
    assert_int_equal(state_fd_count(s, state_thread(s, 11)), 401);
    state_free(s);
}

static void test_limit(void **unused)
{
    (void)unused;
    struct state *s = state_new_with_process();
    for (int64_t fd = 0; fd < STATE_FDS_PER_PROCESS_MAX - 1; fd++) {
        run_open(s, 10, T0, fd, "/x");
    }
    struct state_stats stats;
    run_open(s, 10, T0, STATE_FDS_PER_PROCESS_MAX - 1, "/n");
    state_get_stats(s, &stats);
    assert_int_equal(stats.fds, STATE_FDS_PER_PROCESS_MAX);
    assert_int_equal(stats.fds_refused, 0);
    struct event *e = apply(s, make_event(KIND_OPEN_X, 10, T0, "qsww", 1L << 17, "/more", 1, 0));
    assert_null(e->fd);
    state_settle(s, e);
    run_open(s, 10, T0, 5, "/replaced");
    assert_text(fd_of(s, 10, 5)->name, "/replaced");
    state_get_stats(s, &stats);
    assert_int_equal(stats.fds, STATE_FDS_PER_PROCESS_MAX);
    assert_int_equal(stats.fds_refused, 1);
    run_exit(s, 10, T0, 0);
    state_get_stats(s, &stats);
    assert_int_equal(stats.fds, 0);
    state_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open_layouts),
        cmocka_unit_test(test_read_has_its_fd),
        cmocka_unit_test(test_close_waits_for_settle),
        cmocka_unit_test(test_close_races_open),
        cmocka_unit_test(test_fork_copies),
        cmocka_unit_test(test_clone_files_shares),
        cmocka_unit_test(test_copies),
        cmocka_unit_test(test_other_kinds),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
