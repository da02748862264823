/*
 * Processes and threads: birth, exec, exit, lineage, credentials, directories, generations.
 */
#include "state_fixture.h"

static void test_fork_exec_exit(void **unused)
{
    (void)unused;
    struct state *s = state_with(0);
    add_process(s, 1, 0, "init");
    add_process(s, 10, 1, "bash");
    run_fork(s, 10, 11, T0);
    struct thread *child = state_thread(s, 11);
    assert_non_null(child);
    assert_int_equal(child->pid, 11);
    assert_int_equal(child->ptid, 10);
    assert_ptr_equal(state_parent(s, child), state_thread(s, 10));
    assert_int_equal(state_thread(s, 10)->nchildren, 1);
    assert_text(child->image->comm, "sh");
    assert_text(child->image->cmdline, "sh -a b");
    assert_text(child->image->exepath, "bash");
    assert_text(child->cwd->s, "/home/me");
    assert_int_equal(child->uid, 1000);
    assert_int_equal(child->clone_ts_ns, T0);

    run(s, exec_x(11, T0 + 5, "ls", "/bin/ls"));
    assert_ptr_equal(state_thread(s, 11), child);
    assert_text(child->image->comm, "ls");
    assert_text(child->image->exe, "/bin/ls");
    assert_text(child->image->exepath, "/bin/ls");
    assert_text(child->image->args_text, "one two words ");
    assert_text(child->image->cmdline, "ls one two words ");
    assert_int_equal(child->image->nargs, 3);
    assert_true(child->image->exe_writable && child->image->exe_known);
    assert_int_equal(child->image->exe_ino, 100);
    assert_int_equal(child->image->exe_ino_mtime_ns, 300);
    assert_int_equal(child->uid, 0);
    assert_int_equal(child->gid, 5);
    assert_int_equal(child->tty, 34816);
    assert_int_equal(child->cap_permitted, 8);
    assert_int_equal(child->exec_ts_ns, T0 + 5);

    struct event *e =
        apply(s, make_event(KIND_PROCEXIT_1_E, 11, T0 + 9, "qqbbq", 0L, 0L, 0, 0, 0L));
    assert_false(child->flags & THREAD_EXITED);
    state_settle(s, e);
    assert_true(child->flags & THREAD_EXITED);
    assert_ptr_equal(state_thread(s, 11), child);
    run(s, make_event(KIND_FUTEX_E, 10, T0 + 9 + STATE_EXIT_GRACE_NS, "qhq", 0L, 0, 0L));
    assert_non_null(state_thread(s, 11));
    run(s, make_event(KIND_FUTEX_E, 10, T0 + 10 + STATE_EXIT_GRACE_NS, "qhq", 0L, 0, 0L));
    assert_null(state_thread(s, 11));
    assert_int_equal(state_thread(s, 10)->nchildren, 0);
    state_free(s);
}

/* Either report of a birth may come first, or alone. */
static void test_birth_orders(void **unused)
{
    (void)unused;
    for (int order = 0; order < 4; order++) {
        struct state *s = state_with(0);
        add_process(s, 10, 1, "bash");
        if (order == 0 || order == 2) {
            run(s, clone_x(10, T0, 11, 10, 1, 0, "bash"));
        }
        if (order != 2) {
            run(s, clone_x(11, T0 + 1, 0, 11, 10, 0, "bash"));
        }
        if (order == 1) {
            run(s, clone_x(10, T0 + 2, 11, 10, 1, 0, "bash"));
        }
        struct thread *child = state_thread(s, 11);
        assert_non_null(child);
        assert_ptr_equal(state_parent(s, child), state_thread(s, 10));
        assert_int_equal(child->serial, 1);
        assert_int_equal(state_thread(s, 10)->nchildren, 1);
        state_free(s);
    }
}

static void test_layouts(void **unused)
{
    (void)unused;
    static const struct {
        uint16_t kind;
        const char *format;
    } old[] = {
        { KIND_CLONE_11_X, "qsBqqqsqwww" },
    };
    struct state *s = state_with(0);
    add_process(s, 10, 1, "bash");
    run(s, make_event(old[0].kind, 10, T0, old[0].format, 11L, "bash", ARGS("q"), 10L, 10L, 1L, "",
                      7L, 0, 33, 44));
    struct thread *t = state_thread(s, 11);
    assert_int_equal(t->uid, 33);
    assert_int_equal(t->gid, 44);
    assert_int_equal(t->fdlimit, 7);
    assert_text(t->image->cmdline, "bash q");
    uint16_t sixteen[] = { KIND_CLONE_16_X, KIND_FORK_X, KIND_VFORK_X };
    for (int i = 0; i < 3; i++) { /* the child's report */
        int64_t tid = 20 + i;
        run(s, make_event(sixteen[i], tid, T0, "qsBqqqsqqqwwwwww", 0L, "exe", ARGS("q"), tid, tid,
                          10L, "", 7L, 1L, 2L, 3, 4, 5, 0, 34, 45));
        assert_int_equal(state_thread(s, tid)->uid, 34);
        assert_int_equal(state_thread(s, tid)->vmrss_kb, 4);
        assert_text(state_thread(s, tid)->image->comm, "exe");
    }
    uint16_t seventeen[] = { KIND_CLONE_17_X, KIND_FORK_17_X, KIND_VFORK_17_X };
    for (int i = 0; i < 3; i++) {
        int64_t tid = 30 + i;
        run(s, make_event(seventeen[i], tid, T0, "qsBqqqsqqqwwwswww", 0L, "exe", ARGS("q"), tid,
                          tid, 10L, "", 7L, 1L, 2L, 3, 4, 5, "comm", 0, 34, 45));
        assert_text(state_thread(s, tid)->image->comm, "comm");
        assert_int_equal(state_thread(s, tid)->gid, 45);
    }
    run(s, make_event(KIND_EXECVE_8_X, 11, T0, "qsBqqqsq", 0L, "/bin/a", ARGS("q"), 11L, 11L, 10L,
                      "", 8L));
    assert_text(t->image->comm, "/bin/a");
    run(s, make_event(KIND_EXECVE_14_X, 11, T0, "qsBqqqsqqqwwwB", 0L, "b", ARGS("q"), 11L, 11L, 10L,
                      "", 8L, 1L, 2L, 3, 4, 5, ARGS("E=1")));
    assert_int_equal(t->image->env.n, 4);
    run(s, make_event(KIND_EXECVE_15_X, 11, T0, "qsBqqqsqqqwwwsB", 0L, "b", ARGS("q"), 11L, 11L,
                      10L, "", 8L, 1L, 2L, 3, 4, 5, "bb", ARGS("E=12")));
    assert_int_equal(t->image->env.n, 5);
    assert_text(t->image->comm, "bb");
    state_free(s);
}

static void test_exec_path(void **unused)
{
    (void)unused;
    struct state *s = state_with(0);
    add_process(s, 10, 1, "bash");
    run(s, make_event(KIND_EXECVE_18_E, 10, T0, "s", "../bin//./tool"));
    run(s, make_event(KIND_EXECVE_18_X, 10, T0, "qsBqqqsqqqwwwsBBw", 0L, "t", ARGS("q"), 10L, 10L,
                      1L, "", 8L, 1L, 2L, 3, 4, 5, "tool", ARGS("cpu=/"), ARGS("E=1"), 5));
    assert_text(state_thread(s, 10)->image->exepath, "/home/bin/tool");
    run_open(s, 10, T0, 5, "/opt/dir");
    run(s, make_event(KIND_EXECVEAT_E, 10, T0, "qsw", 5L, "run", 0));
    run(s, make_event(KIND_EXECVE_19_X, 10, T0, "qsBqqqsqqqwwwsBBw", 0L, "t", ARGS("q"), 10L, 10L,
                      1L, "", 8L, 1L, 2L, 3, 4, 5, "run", ARGS("cpu=/"), ARGS("E=1"), 5));
    assert_text(state_thread(s, 10)->image->exepath, "/opt/dir/run");
    run(s, make_event(KIND_EXECVEAT_E, 10, T0, "qsw", 5L, "", 1));
    run(s, make_event(KIND_EXECVEAT_X, 10, T0, "qsBqqqsqqqwwwsBBw", 0L, "t", ARGS("q"), 10L, 10L,
                      1L, "", 8L, 1L, 2L, 3, 4, 5, "run", ARGS("cpu=/"), ARGS("E=1"), 5));
    assert_text(state_thread(s, 10)->image->exepath, "/opt/dir");
    run(s, make_event(KIND_EXECVEAT_E, 10, T0, "qsw", 99L, "run", 0));
    run(s, make_event(KIND_EXECVEAT_X, 10, T0, "qsBqqqsqqqwwwsBBw", 0L, "t", ARGS("q"), 10L, 10L,
                      1L, "", 8L, 1L, 2L, 3, 4, 5, "run", ARGS("cpu=/"), ARGS("E=1"), 5));
    assert_text(state_thread(s, 10)->image->exepath, "<NA>");
    struct event *e = exec_x(10, T0, "x", "/shown");
    e->path = STR("/true/path");
    run(s, e);
    assert_text(state_thread(s, 10)->image->exepath, "/true/path");
    run(s, make_event(KIND_EXECVE_19_X, 10, T0, "q", -2L)); /* a failed one changes nothing */
    assert_text(state_thread(s, 10)->image->comm, "x");
    state_free(s);
}

static void test_threads_exec(void **unused)
{
    (void)unused;
    struct state *s = state_with(0);
    add_process(s, 10, 1, "java");
    for (int64_t tid = 11; tid <= 13; tid++) {
        run(s, clone_x(10, T0, tid, 10, 1, CL_THREAD | CL_FILES, "java"));
    }
    struct thread *main = state_thread(s, 10);
    assert_int_equal(main->nthreads, 4);
    assert_ptr_equal(state_main(s, state_thread(s, 12)), main);
    assert_int_equal(state_thread(s, 12)->ptid, 1);
    run_open(s, 11, T0, 9, "/shared");
    assert_text(state_fd(s, state_thread(s, 13), 9)->name, "/shared");
    uint64_t epoch = state_epoch(s);
    run(s, make_event(KIND_CHDIR_X, 12, T0, "qs", 0L, "/tmp"));
    assert_text(state_cwd(s, state_thread(s, 13)), "/tmp");
    assert_true(state_epoch(s) > epoch);

    run_exit(s, 13, T0, 0);
    assert_null(state_thread(s, 13));
    assert_int_equal(main->nthreads, 3);
    run_exit(s, 10, T0, 0); /* the leader goes first, and stays while it has threads */
    assert_ptr_equal(state_thread(s, 10), main);
    run(s, exec_x(10, T0, "new", "/bin/new")); /* what exec leaves has the leader's id */
    assert_int_equal(main->flags & THREAD_EXITED, 0);
    assert_int_equal(main->nthreads, 1);
    assert_null(state_thread(s, 11));
    assert_text(state_fd(s, main, 9)->name, "/shared");
    run(s, clone_x(10, T0, 14, 10, 1, CL_THREAD, "new"));
    run(s, exec_x(14, T0, "odd", "/bin/odd")); /* reported under the thread's own id */
    assert_null(state_thread(s, 14));
    assert_text(main->image->comm, "odd");
    state_free(s);
}

static void test_leader_ends_with_last_thread(void **unused)
{
    (void)unused;
    struct state *s = state_with(0);
    add_process(s, 10, 1, "java");
    run(s, clone_x(10, T0, 11, 10, 1, CL_THREAD, "java"));
    run_exit(s, 10, T0 + 1, 0);
    run(s, make_event(KIND_FUTEX_E, 11, T0 + 2 * STATE_EXIT_GRACE_NS, "qhq", 0L, 0, 0L));
    assert_non_null(state_thread(s, 10));
    run_exit(s, 11, T0 + 2 * STATE_EXIT_GRACE_NS, 0);
    assert_null(state_thread(s, 11));
    assert_non_null(state_thread(s, 10));
    run(s, make_event(KIND_FUTEX_E, 99, T0 + 4 * STATE_EXIT_GRACE_NS, "qhq", 0L, 0, 0L));
    assert_null(state_thread(s, 10));
    state_free(s);
}

static void test_reparenting(void **unused)
{
    (void)unused;
    struct state *s = state_with(0);
    add_process(s, 1, 0, "init");
    add_process(s, 10, 1, "sh");
    add_process(s, 11, 10, "sleep");
    add_process(s, 12, 10, "cat");
    uint64_t epoch = state_epoch(s);
    uint32_t lineage = state_thread(s, 11)->generation[VOLATILE_LINEAGE];
    run_exit(s, 10, T0, 1);
    assert_ptr_equal(state_parent(s, state_thread(s, 11)), state_thread(s, 1));
    assert_int_equal(state_thread(s, 12)->ptid, 1);
    assert_int_equal(state_thread(s, 1)->nchildren, 3);
    assert_true(state_epoch(s) > epoch);
    assert_true(state_thread(s, 11)->generation[VOLATILE_LINEAGE] > lineage);
    add_process(s, 20, 1, "sh");
    add_process(s, 21, 20, "orphan");
    run_exit(s, 20, T0, -1); /* no reaper told: the parent is seen while graced, its id is kept */
    assert_int_equal(state_thread(s, 21)->ptid, 20);
    assert_ptr_equal(state_parent(s, state_thread(s, 21)), state_thread(s, 20));
    state_free(s);
}

static void test_parents_in_any_order(void **unused)
{
    (void)unused;
    struct state *s = state_with(0);
    add_process(s, 12, 11, "c");
    add_process(s, 13, 11, "d");
    add_process(s, 14, 11, "e");
    assert_null(state_parent(s, state_thread(s, 12)));
    run_exit(s, 13, T0, 0);
    run(s, make_event(KIND_FUTEX_E, 12, T0 + 2 * STATE_EXIT_GRACE_NS, "qhq", 0L, 0, 0L));
    add_process(s, 11, 10, "b");
    add_process(s, 10, 1, "a");
    assert_ptr_equal(state_parent(s, state_thread(s, 12)), state_thread(s, 11));
    assert_ptr_equal(state_parent(s, state_thread(s, 14)), state_thread(s, 11));
    assert_int_equal(state_thread(s, 11)->nchildren, 2);
    assert_ptr_equal(state_parent(s, state_thread(s, 11)), state_thread(s, 10));
    state_free(s);
}

static void test_loop_of_parents(void **unused)
{
    (void)unused;
    struct state *s = state_with(0);
    add_process(s, 10, 11, "a");
    add_process(s, 11, 10, "b");
    add_process(s, 12, 12, "self");
    assert_null(state_parent(s, state_thread(s, 12)));
    const struct thread *t = state_thread(s, 10);
    for (int i = 0; i < STATE_ANCESTORS_MAX && t; i++) {
        t = state_parent(s, t);
    }
    run_exit(s, 10, T0, 11);
    run_exit(s, 11, T0, 10);
    run(s, make_event(KIND_FUTEX_E, 99, T0 + 2 * STATE_EXIT_GRACE_NS, "qhq", 0L, 0, 0L));
    assert_null(state_thread(s, 10));
    assert_null(state_thread(s, 11));
    state_free(s);
}

static void test_pid_reuse(void **unused)
{
    (void)unused;
    struct state *s = state_with(0);
    add_process(s, 10, 1, "sh");
    run_fork(s, 10, 11, T0);
    run_fork(s, 11, 12, T0 + 10);
    struct thread *old = state_thread(s, 11);
    run_exit(s, 11, T0 + 20, -1);
    uint64_t later = T0 + UINT64_C(3000000000);
    run_fork(s, 10, 11, later); /* within the grace time of the old one */
    struct thread *reused = state_thread(s, 11);
    assert_ptr_not_equal(reused, old);
    assert_int_equal(reused->flags & THREAD_EXITED, 0);
    assert_ptr_equal(state_parent(s, state_thread(s, 12)), old);
    run(s, make_event(KIND_FUTEX_E, 10, T0 + 30 + STATE_EXIT_GRACE_NS, "qhq", 0L, 0, 0L));
    assert_null(state_parent(s, state_thread(s, 12)));
    assert_ptr_equal(state_thread(s, 11), reused);
    state_free(s);
}

static void test_generations_never_repeat(void **unused)
{
    (void)unused;
    struct state *s = state_with(4);
    uint32_t last[4] = { 0 };
    uint32_t serial[4] = { 0 };
    for (int64_t tid = 1; tid < 200; tid++) {
        run(s, make_event(KIND_FUTEX_E, tid, T0 + (uint64_t)tid, "qhq", 0L, 0, 0L));
        struct thread *t = state_thread(s, tid);
        assert_true(t->index < 4);
        assert_true(t->generation[VOLATILE_EXEC] > last[t->index]);
        assert_true(t->serial > serial[t->index]);
        run(s, make_event(KIND_SETUID_E, tid, T0 + (uint64_t)tid, "w", (unsigned)tid));
        run(s, make_event(KIND_SETUID_X, tid, T0 + (uint64_t)tid, "q", 0L));
        assert_true(t->generation[VOLATILE_CRED] > t->generation[VOLATILE_EXEC]);
        last[t->index] = t->generations;
        serial[t->index] = t->serial;
    }
    state_free(s);
}

static void test_credentials(void **unused)
{
    (void)unused;
    struct state *s = state_with(0);
    add_process(s, 10, 1, "su");
    struct thread *t = state_thread(s, 10);
    uint32_t cred = t->generation[VOLATILE_CRED];
    run(s, make_event(KIND_SETUID_E, 10, T0, "w", 5));
    run(s, make_event(KIND_SETUID_X, 10, T0, "q", -1L));
    assert_int_equal(t->uid, 0);
    assert_int_equal(t->generation[VOLATILE_CRED], cred);
    run(s, make_event(KIND_SETUID_E, 10, T0, "w", 5));
    run(s, make_event(KIND_SETUID_X, 10, T0, "q", 0L));
    assert_int_equal(t->uid, 5);
    assert_true(t->generation[VOLATILE_CRED] > cred);
    run(s, make_event(KIND_SETUID_X, 10, T0, "qw", 0L, 6)); /* exit only */
    assert_int_equal(t->uid, 6);
    run(s, make_event(KIND_SETRESUID_E, 10, T0, "www", 1, 2, 3));
    run(s, make_event(KIND_SETRESUID_X, 10, T0, "q", 0L));
    assert_int_equal(t->uid, 2);
    run(s, make_event(KIND_SETRESUID_X, 10, T0, "qwww", 0L, 1, UINT32_MAX, 3));
    assert_int_equal(t->uid, 2);
    run(s, make_event(KIND_SETREUID_X, 10, T0, "qww", 0L, 1, 9));
    assert_int_equal(t->uid, 9);
    run(s, make_event(KIND_SETGID_X, 10, T0, "qw", 0L, 6));
    assert_int_equal(t->gid, 6);
    run(s, make_event(KIND_SETRESGID_E, 10, T0, "www", 1, 7, 3));
    run(s, make_event(KIND_SETRESGID_X, 10, T0, "q", 0L));
    assert_int_equal(t->gid, 7);
    run(s, make_event(KIND_SETREGID_X, 10, T0, "qww", 0L, 1, 8));
    assert_int_equal(t->gid, 8);
    run(s, make_event(KIND_CAPSET_X, 10, T0, "qqqq", 0L, 1L, 2L, 3L));
    assert_int_equal(t->cap_inheritable, 1);
    assert_int_equal(t->cap_permitted, 2);
    assert_int_equal(t->cap_effective, 3);
    run(s, make_event(KIND_UNSHARE_E, 10, T0, "w", CL_NEWUSER));
    run(s, make_event(KIND_UNSHARE_X, 10, T0, "q", 0L));
    assert_int_equal(t->cap_effective, (UINT64_C(1) << 41) - 1);
    state_free(s);
}

static void test_session_limits_memory(void **unused)
{
    (void)unused;
    struct state *s = state_with(0);
    add_process(s, 10, 1, "sh");
    struct thread *t = state_thread(s, 10);
    uint64_t epoch = state_epoch(s);
    run(s, make_event(KIND_SETSID_X, 10, T0, "q", 10L));
    assert_int_equal(t->sid, 10);
    assert_true(state_epoch(s) > epoch);
    epoch = state_epoch(s);
    run(s, exec_x(10, T0, "x", "/x")); /* a session leader's exec is seen by the session */
    assert_true(state_epoch(s) > epoch);
    run(s, make_event(KIND_SETRLIMIT_E, 10, T0, "b", 7));
    run(s, make_event(KIND_SETRLIMIT_X, 10, T0, "qqq", 0L, 55L, 66L));
    assert_int_equal(t->fdlimit, 55);
    run(s, make_event(KIND_PRLIMIT_X, 10, T0, "qqqqqqb", 0L, 77L, 1L, 2L, 3L, 0L, 7));
    assert_int_equal(t->fdlimit, 77);
    run(s, make_event(KIND_PRLIMIT_X, 10, T0, "qqqqqqb", 0L, 78L, 1L, 2L, 3L, 10L, 6));
    assert_int_equal(t->fdlimit, 77);
    run(s, make_event(KIND_BRK_4_X, 10, T0, "qwww", 0L, 11, 12, 13));
    assert_int_equal(t->vmrss_kb, 12);
    run(s, make_event(KIND_SCHEDSWITCH_6_E, 10, T0 + 100, "qqqwww", 9L, 1L, 2L, 3, 4, 5));
    run(s, make_event(KIND_SCHEDSWITCH_6_E, 10, T0 + 250, "qqqwww", 9L, 1L, 2L, 3, 4, 5));
    assert_int_equal(t->exec_time_ns, 150);
    assert_int_equal(t->vmswap_kb, 5);
    state_free(s);
}

static void test_directories(void **unused)
{
    (void)unused;
    struct state *s = state_with(0);
    add_process(s, 10, 1, "sh");
    struct thread *t = state_thread(s, 10);
    uint32_t generation = t->generation[VOLATILE_CWD];
    run(s, make_event(KIND_CHDIR_X, 10, T0, "qs", 0L, ".."));
    assert_text(t->cwd->s, "/home");
    assert_true(t->generation[VOLATILE_CWD] > generation);
    run(s, make_event(KIND_CHDIR_X, 10, T0, "qs", -2L, "/nowhere"));
    assert_text(t->cwd->s, "/home");
    run_open(s, 10, T0, 4, "/var/lib/");
    run(s, make_event(KIND_FCHDIR_E, 10, T0, "q", 4L));
    run(s, make_event(KIND_FCHDIR_X, 10, T0, "q", 0L));
    assert_text(t->cwd->s, "/var/lib");
    run(s, make_event(KIND_GETCWD_X, 10, T0, "qs", 5L, "/srv"));
    assert_text(t->cwd->s, "/srv");
    state_free(s);
}

static void test_caller_refreshed(void **unused)
{
    (void)unused;
    struct state *s = state_with(0);
    add_process(s, 10, 1, "old");
    struct thread *t = state_thread(s, 10);
    uint32_t exec = t->generation[VOLATILE_EXEC];
    run(s, clone_x(10, T0, 11, 10, 1, 0, "renamed"));
    assert_text(t->image->comm, "renamed");
    assert_text(t->image->exepath, "old");
    assert_true(t->generation[VOLATILE_EXEC] > exec);
    assert_ptr_equal(state_thread(s, 11)->image, t->image);
    exec = t->generation[VOLATILE_EXEC];
    run(s, clone_x(10, T0, 12, 10, 1, 0, "renamed"));
    assert_int_equal(t->generation[VOLATILE_EXEC], exec);
    state_free(s);
}

/* Inside a PID namespace the caller's result is another numbering. */
static void test_pid_namespace(void **unused)
{
    (void)unused;
    struct state *s = state_with(0);
    add_process(s, 10, 1, "runc");
    run(s, clone_x(10, T0, 5, 10, 1, CL_IN_PIDNS, "runc"));
    assert_null(state_thread(s, 5));
    run(s, make_event(KIND_CLONE_20_X, 77, T0, "qsBqqqsqqqwwwsBwwwqqq", 0L, "c", ARGS("a"), 77L,
                      77L, 10L, "", 1L, 1L, 2L, 3, 4, 5, "c", ARGS("cpu=/"), CL_IN_PIDNS, 0, 0, 5L,
                      5L, 123L));
    struct thread *t = state_thread(s, 77);
    assert_int_equal(t->vtid, 5);
    assert_int_equal(t->vpid, 5);
    assert_int_equal(t->pidns_init_start_ts_ns, 123);
    state_free(s);
}

static void test_unknown_tasks(void **unused)
{
    (void)unused;
    struct state *s = state_with(0);
    struct event *e = apply(s, make_event(KIND_READ_E, 50, T0, "qw", 3L, 1));
    assert_true(e->thread->flags & THREAD_INVALID);
    assert_text(e->thread->image->comm, "<NA>");
    assert_int_equal(e->thread->uid, UINT32_MAX);
    assert_int_equal(e->fd_num, 3);
    state_settle(s, e);
    assert_null(e->thread);
    e = apply(s, make_event(KIND_PROCEXIT_1_E, 51, T0, "q", 0L));
    assert_null(e->thread);
    e = apply(s, make_event(KIND_SCHEDSWITCH_6_E, 52, T0, "q", 0L));
    assert_null(e->thread);
    e = apply(s, make_event(KIND_CONTAINER_JSON_E, 53, T0, "s", "{}"));
    assert_null(e->thread);
    run(s, exec_x(50, T0, "known", "/known"));
    assert_int_equal(state_thread(s, 50)->flags & THREAD_INVALID, 0);
    struct state_stats stats;
    state_get_stats(s, &stats);
    assert_int_equal(stats.orphan_events, 3);
    state_free(s);
}

static void test_call_times(void **unused)
{
    (void)unused;
    struct state *s = state_with(0);
    add_process(s, 10, 1, "sh");
    run(s, make_event(KIND_READ_E, 10, T0 + 5, "qw", 3L, 1));
    run(s, make_event(KIND_SCHEDSWITCH_6_E, 10, T0 + 6, "q", 0L));
    struct event *e = apply(s, make_event(KIND_READ_X, 10, T0 + 9, "qB", 1L, "x", (size_t)1));
    assert_int_equal(e->enter_ts_ns, T0 + 5);
    assert_int_equal(e->delta_ns, 3);
    assert_int_equal(e->fd_num, 3);
    state_settle(s, e);
    e = apply(s, make_event(KIND_READ_X, 10, T0 + 9, "qB", 1L, "x", (size_t)1));
    assert_int_equal(e->enter_ts_ns, 0);
    assert_int_equal(e->fd_num, -1);
    state_free(s);
}

/* What others' session and ancestry fields show of a task is dropped when it changes, whatever the task
 * says of itself. */
static void test_epoch_of_who_is_seen(void **unused)
{
    (void)unused;
    struct state *s = state_with(16);
    add_process(s, 10, 5, "sh"); /* of session 1 */
    uint64_t epoch = state_epoch(s);
    run(s, make_event(KIND_FUTEX_E, 1, T0, "qhq", 0L, 0, 0L)); /* its leader shows up */
    assert_true(state_epoch(s) > epoch);
    epoch = state_epoch(s);
    run(s, exec_x(1, T0 + 1, "leader", "/leader"));
    assert_true(state_epoch(s) > epoch);
    epoch = state_epoch(s);
    run_exit(s, 1, T0 + 2, 0);
    assert_true(state_epoch(s) > epoch);
    run(s, make_event(KIND_FUTEX_E, 10, T0 + 2 * STATE_EXIT_GRACE_NS, "qhq", 0L, 0, 0L));
    assert_null(state_thread(s, 1));
    epoch = state_epoch(s);
    run(s,
        clone_x(1, T0 + 3 * STATE_EXIT_GRACE_NS, 0, 1, 10, 0, "again")); /* the number is reused */
    assert_true(state_epoch(s) > epoch);
    state_free(s);
}

/* proc.aname[0] of a thread is its process' name. */
static void test_epoch_of_threads(void **unused)
{
    (void)unused;
    struct state *s = state_with(16);
    add_process(s, 10, 5, "java");
    run(s, clone_x(10, T0, 11, 10, 5, CL_THREAD, "java"));
    uint64_t epoch = state_epoch(s);
    run(s, clone_x(10, T0 + 1, 12, 10, 5, CL_THREAD, "renamed"));
    assert_true(state_epoch(s) > epoch);
    state_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fork_exec_exit),
        cmocka_unit_test(test_birth_orders),
        cmocka_unit_test(test_layouts),
        cmocka_unit_test(test_exec_path),
        cmocka_unit_test(test_threads_exec),
        cmocka_unit_test(test_leader_ends_with_last_thread),
        cmocka_unit_test(test_reparenting),
        cmocka_unit_test(test_parents_in_any_order),
        cmocka_unit_test(test_loop_of_parents),
        cmocka_unit_test(test_pid_reuse),
        cmocka_unit_test(test_generations_never_repeat),
        cmocka_unit_test(test_credentials),
        cmocka_unit_test(test_session_limits_memory),
        cmocka_unit_test(test_directories),
        cmocka_unit_test(test_caller_refreshed),
        cmocka_unit_test(test_pid_namespace),
        cmocka_unit_test(test_unknown_tasks),
        cmocka_unit_test(test_call_times),
        cmocka_unit_test(test_epoch_of_who_is_seen),
        cmocka_unit_test(test_epoch_of_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
