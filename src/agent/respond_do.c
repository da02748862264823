/*
 * The actions: may it be hit, is there room in the limits, and then by the best way there is.
 *
 *     stop    runtime's API, else the container's control group, else every process of it that is known
 *     pause   runtime's API, else the control group's freezer
 */
#include "agent/respond_internal.h"

#include "agent/respond_cgroup.h"
#include "agent/runtime_post.h"
#include "base/arena.h"
#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MEMBERS_MAX     4096
#define ROUNDS          3
#define POST_TIMEOUT_MS ((RESPOND_STOP_S + 8) * 1000)
#define PAUSE_MS        5000

static const char *const default_sockets[] = { "/var/run/docker.sock", "/run/podman/podman.sock" };

static void end(struct outcome *ret, enum respond_result result, int error, const char *reason)
{
    ret->result = result;
    ret->error = error;
    ret->merged = result != RESPOND_DONE;
    snprintf(ret->reason, sizeof(ret->reason), "%s", reason);
}

void respond_know_own(struct respond *r)
{
    if (live_task_read(r->task, getpid(), LIVE_CGROUP) < 0) {
        return;
    }
    for (struct str rest = r->task->cgroups; rest.n && !r->own[0];) {
        struct str one = str_until_nul(rest.p, rest.n);
        ptrdiff_t at = str_find_char(one, '=');
        struct str id = cgroup_container_id(str_from_offset(one, (size_t)(at + 1)));
        snprintf(r->own, sizeof(r->own), "%.*s", STR_ARG(id));
        rest = str_from_offset(rest, one.n + 1);
    }
}

/* By the id, for a process that is gone, too. */
static bool is_own_container(const struct respond *r, const struct request *q)
{
    struct str own = str_of(r->own);
    return act_is_beside_us(q->target.pid) || (own.n && str_eq(str_of(q->container), own));
}

/* NULL: it may be done. */
static const char *why_not(struct respond *r, const struct request *q)
{
    const struct respond_config *c = &r->config;
    if (c->never[q->bit]) {
        return "switched off";
    }
    if (q->bit == CAPTURE_BIT) {
        return c->recorder ? NULL : "no folder for captures is configured";
    }
    if (q->bit == KILL_BIT && respond_is_protected(r, q->target.pid)) {
        return "the process is protected";
    }
    if (!q->in_container) {
        return q->bit == KILL_BIT && c->allow_host ? NULL : "the process is in no container";
    }
    if (is_own_container(r, q)) {
        return q->bit == KILL_BIT && c->local ? NULL : "the container is the agent's own";
    }
    return NULL;
}

static bool take_room(struct respond *r, const struct request *q)
{
    uint64_t now = clock_boot_ns();
    struct limit *action = &r->limits[q->bit];
    struct limit *container = limits_of(r->containers, str_of(q->container), now);
    if (!limit_has_room(action, now) || !limit_has_room(container, now)) {
        return false;
    }
    limit_count(action, now);
    limit_count(container, now);
    return true;
}

static void end_by_error(struct outcome *ret, int error, const char *reason)
{
    bool gone = error == -ESRCH || error == -ESTALE;
    const char *why = error == -ESTALE ? "the process ended; its id is another's" : reason;
    end(ret, gone ? RESPOND_GONE : RESPOND_FAILED, -error, why);
}

static void do_kill(struct respond *r, const struct request *q, struct outcome *ret)
{
    int error = act_kill(&q->target, r->task);
    ret->by = "signal";
    if (error < 0) {
        end_by_error(ret, error, strerror(-error));
    }
}

/* Each socket in turn. -ENOENT: no runtime here knows it. */
static int ask_runtime(struct respond *r, const struct request *q, const char *what,
                       struct err *err)
{
    const struct respond_config *c = &r->config;
    const char *const *sockets = c->sockets ? c->sockets : default_sockets;
    size_t n = c->sockets ? c->nsockets : sizeof(default_sockets) / sizeof(*default_sockets);
    uint32_t timeout_ms = q->bit == STOP_BIT ? POST_TIMEOUT_MS : PAUSE_MS;
    int error = -ENOENT;
    for (size_t i = 0; i < n && error < 0; i++) {
        if (access(sockets[i], W_OK) == 0) {
            error = runtime_post(sockets[i], str_of(q->container), what, timeout_ms, err);
        }
    }
    return error;
}

/* The process still is who it was: what /proc says of its control group is the container's. */
static int open_cgroup(struct respond *r, const struct request *q, struct cgroup_place *ret,
                       struct err *err)
{
    int fd = act_open(&q->target, r->task);
    if (fd < 0) {
        return err_set(err, fd, "the process ended");
    }
    int error = cgroup_open(r->config.cgroup_root, q->target.pid, str_of(q->container), ret, err);
    close(fd);
    return error;
}

static void do_pause(struct respond *r, const struct request *q, struct outcome *ret)
{
    struct err err = { 0 };
    struct cgroup_place place;
    ret->by = "runtime";
    if (ask_runtime(r, q, "pause", &err) == 0) {
        return;
    }
    ret->by = "control group";
    int error = open_cgroup(r, q, &place, &err);
    if (error == 0) {
        error = cgroup_freeze(&place, true, &err);
        close(place.dir);
    }
    if (error < 0) {
        end_by_error(ret, error, err.message);
    }
}

static uint32_t collect(struct respond *r, const struct request *q, struct act_target *ret)
{
    struct str id = str_of(q->container);
    size_t cursor = 0;
    uint32_t n = 0;
    uint64_t now = clock_boot_ns();
    pthread_mutex_lock(engine_lock(r->engine));
    const struct state *state = engine_state(r->engine);
    for (const struct thread *t; n < MEMBERS_MAX && (t = state_thread_next(state, &cursor));) {
        bool alive = (t->flags & THREAD_MAIN) && !(t->flags & (THREAD_EXITED | THREAD_INVALID));
        if (alive && t->container && str_eq(t->container->id, id)) {
            ret[n++] = (struct act_target){ t->pid, now, t->clone_ts_ns };
        }
    }
    pthread_mutex_unlock(engine_lock(r->engine));
    return n;
}

static uint32_t kill_known(struct respond *r, const struct request *q)
{
    struct act_target *targets = mem_alloc(MEMBERS_MAX * sizeof(*targets));
    uint32_t killed = 0, last = 1;
    for (int round = 0; targets && round < ROUNDS && last; round++) {
        uint32_t n = collect(r, q, targets);
        last = 0;
        for (uint32_t i = 0; i < n; i++) {
            bool may =
                !respond_is_protected(r, targets[i].pid) && !act_is_beside_us(targets[i].pid);
            last += may && act_kill(&targets[i], r->task) == 0;
        }
        killed += last;
    }
    free(targets);
    return killed;
}

static void do_stop(struct respond *r, const struct request *q, struct outcome *ret)
{
    char what[32];
    struct err err = { 0 };
    struct cgroup_place place;
    uint32_t killed = 0;
    snprintf(what, sizeof(what), "stop?t=%d", RESPOND_STOP_S);
    ret->by = "runtime";
    if (ask_runtime(r, q, what, &err) == 0) {
        return;
    }
    ret->by = "control group";
    int error = open_cgroup(r, q, &place, &err);
    if (error == 0) {
        error = cgroup_kill(&place, &killed, &err);
        close(place.dir);
    }
    if (error == 0) {
        return;
    }
    ret->by = "signals";
    if (kill_known(r, q) == 0) {
        end_by_error(ret, error, err.message);
    }
}

static void do_capture(struct respond *r, const struct request *q, struct outcome *ret)
{
    struct recorder_cause cause = { .rule = str_of(q->rule),
                                    .policy = str_of(q->policy),
                                    .container = str_of(q->container),
                                    .pid = q->target.pid };
    int error = recorder_ask(r->config.recorder, &cause);
    if (error == -EALREADY) {
        end(ret, RESPOND_DONE, 0, "joined the capture being written");
        ret->merged = true;
    } else if (error < 0) {
        end(ret, RESPOND_FAILED, -error, strerror(-error));
    } else {
        ret->result = RESPOND_RESULTS; /* told when it is written */
    }
}

void respond_do(struct respond *r, const struct request *q, struct outcome *ret)
{
    static void (*const actions[])(struct respond *, const struct request *, struct outcome *) = {
        [KILL_BIT] = do_kill,
        [STOP_BIT] = do_stop,
        [PAUSE_BIT] = do_pause,
        [CAPTURE_BIT] = do_capture,
    };
    if (q->bit == DENY_BIT) {
        ret->merged = true;
        return;
    }
    if (q->target.pid <= 0 && q->bit != CAPTURE_BIT) {
        end(ret, RESPOND_GONE, ESRCH, "the process ended");
        return;
    }
    const char *reason = why_not(r, q);
    if (reason) {
        end(ret, RESPOND_REFUSED, EPERM, reason);
    } else if (!take_room(r, q)) {
        end(ret, RESPOND_LIMITED, EBUSY, "the limit of responses per minute is met");
    } else {
        actions[q->bit](r, q, ret);
    }
}
