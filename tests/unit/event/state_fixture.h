/*
 * state_fixture: a state per test, and builders of the events that processes live by.
 */
#pragma once

#include "make_event.h"

#include "base/arena.h"
#include "event/field.h"
#include "event/state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define T0            UINT64_C(1600000000000000000)
#define CL_FILES      (1u << 0)
#define CL_THREAD     (1u << 13)
#define CL_NEWUSER    (1u << 20)
#define CL_IN_PIDNS   (1u << 29)
#define AT_CWD_FD     (-100L)
#define ARGS(literal) "" literal, sizeof(literal)

static inline struct state *state_with(uint32_t threads_max)
{
    struct state *state = NULL;
    struct state_config config = { .threads_max = threads_max };
    assert_int_equal(state_new(&config, &state), 0);
    return state;
}

static inline struct event *apply(struct state *state, struct event *event)
{
    state_apply(state, event);
    return event;
}

/* Applies and settles. */
static inline void run(struct state *state, struct event *event)
{
    state_apply(state, event);
    state_settle(state, event);
}

static inline bool is_text(struct str s, const char *z)
{
    return str_eqz(s, z);
}

#define assert_text(s, z)                                                                          \
    do {                                                                                           \
        struct str text_ = (s);                                                                    \
        if (!is_text(text_, (z))) {                                                                \
            fail_msg("%s: \"%.*s\", not \"%s\"", #s, STR_ARG(text_), (z));                         \
        }                                                                                          \
    } while (0)

/* The newest layout of clone's exit. */
static inline struct event *clone_x(int64_t tid, uint64_t ts, int64_t res, int64_t pid,
                                    int64_t ptid, unsigned flags, const char *comm)
{
    return make_event(KIND_CLONE_20_X, tid, ts, "qsBqqqsqqqwwwsBwwwqqq", res, comm, ARGS("-a\0b"),
                      tid, pid, ptid, "", 1024L, 1L, 2L, 3, 4, 5, comm, ARGS("cpu=/"), flags, 1000,
                      1001, tid, pid, 0L);
}

/* exec of the newest layout. */
static inline struct event *exec_x(int64_t tid, uint64_t ts, const char *comm, const char *path)
{
    return make_event(KIND_EXECVE_19_X, tid, ts, "qsBqqqsqqqwwwsBBwqwwqqqqqqwsqw", 0L, path,
                      ARGS("one\0two words\0"), tid, tid, 1L, "", 4096L, 1L, 2L, 3, 4, 5, comm,
                      ARGS("cpu=/"), ARGS("HOME=/root\0A=b"), 34816, tid, 1000, 1, 7L, 8L, 9L, 100L,
                      200L, 300L, 0, path, tid, 5);
}

static inline void run_fork(struct state *state, int64_t parent, int64_t child, uint64_t ts)
{
    run(state, clone_x(child, ts, 0, child, parent, 0, "sh"));
    run(state, clone_x(parent, ts + 1, child, parent, 1, 0, "sh"));
}

static inline void run_exit(struct state *state, int64_t tid, uint64_t ts, int64_t reaper)
{
    run(state, make_event(KIND_PROCEXIT_1_E, tid, ts, "qqbbq", 0L, 0L, 0, 0, reaper));
}

static inline void run_open(struct state *state, int64_t tid, uint64_t ts, int64_t fd,
                            const char *path)
{
    run(state, make_event(KIND_OPEN_X, tid, ts, "qswwwq", fd, path, 1, 0, 5, 77L));
}

static inline void add_process(struct state *state, int64_t pid, int64_t ptid, const char *comm)
{
    struct thread_init init = { .t = { .tid = pid,
                                       .pid = pid,
                                       .vtid = pid,
                                       .vpid = pid,
                                       .ptid = ptid,
                                       .sid = 1,
                                       .vpgid = pid,
                                       .pgid = pid,
                                       .uid = 0,
                                       .gid = 0,
                                       .loginuid = -1,
                                       .fdlimit = 1024 },
                                .comm = str_of(comm),
                                .exe = str_of(comm),
                                .exepath = str_of(comm),
                                .args = str_from(ARGS("x")),
                                .cwd = STR("/home/me/") };
    assert_int_equal(state_add_thread(state, &init), 0);
}
