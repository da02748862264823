/*
 * Engine: all events into a .scap file, if wanted, so that they can be replayed.
 *
 * What is known goes in front of the first event. Users and groups that are read later of containers' own
 * files are events of their own, in the place where they were read: a replay names them when it did live.
 * The first failure of writing ends it.
 */
#include "agent/engine_internal.h"

#include "base/arena.h"
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CAPTURE_LEVEL 1

void engine_keep(struct engine *engine, const struct event *event)
{
    if (engine->capture && !engine->capture_err.code) {
        capture_write_event(engine->capture, event, &engine->capture_err);
    }
}

static void user_event(struct made_event *made, const struct users_change *change, uint64_t ts_ns)
{
    const struct user *user = change->user;
    made_begin(made, change->gone ? KIND_USER_DELETED_E : KIND_USER_ADDED_E, -1, ts_ns);
    made_int(made, user->uid);
    made_int(made, user->gid);
    made_str(made, user->name);
    made_str(made, user->home);
    made_str(made, user->shell);
}

static void group_event(struct made_event *made, const struct users_change *change, uint64_t ts_ns)
{
    made_begin(made, change->gone ? KIND_GROUP_DELETED_E : KIND_GROUP_ADDED_E, -1, ts_ns);
    made_int(made, change->group->gid);
    made_str(made, change->group->name);
}

static void users_told(void *data, const struct users_change *change)
{
    struct engine *engine = data;
    uint64_t ts_ns = engine->starting_ts_ns ? engine->starting_ts_ns : clock_real_ns();
    if (!engine->capture_started || !engine->capture) {
        return;
    }
    if (change->user) {
        user_event(engine->told, change, ts_ns);
    } else {
        group_event(engine->told, change, ts_ns);
    }
    made_str(engine->told, change->container_id);
    made_done(engine->told);
    engine->told->event.num = ++engine->nevents;
    engine_keep(engine, &engine->told->event);
}

void engine_start_capture(struct engine *engine, uint64_t ts_ns)
{
    if (engine->capture && !engine->capture_started) {
        engine->capture_started = true;
        capture_write_state(engine->capture, engine->state, &engine->capture_err);
        engine->starting_ts_ns = ts_ns;
        users_tell(engine->users);
        engine->starting_ts_ns = 0;
    }
}

int engine_open_capture(struct engine *engine, struct err *err)
{
    const char *path = engine->config.capture;
    if (!path) {
        return 0;
    }
    engine->capture_fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (engine->capture_fd < 0) {
        return err_set(err, -errno, "cannot write %s: %s", path, strerror(errno));
    }
    int r = capture_writer_new(engine->capture_fd, CAPTURE_LEVEL, &engine->capture, err);
    if (r == 0) {
        capture_writer_newest(engine->capture);
    }
    if (r == 0 && !(engine->told = mem_alloc(sizeof *engine->told))) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    if (r == 0) {
        users_listen(engine->users, users_told, engine);
    }
    return r;
}

void engine_finish_capture(struct engine *engine)
{
    if (engine->capture) {
        capture_writer_finish(engine->capture, &engine->capture_err);
        capture_writer_free(engine->capture);
        engine->capture = NULL;
    }
    free(engine->told);
    engine->told = NULL;
    if (engine->capture_fd >= 0) {
        close(engine->capture_fd);
        engine->capture_fd = -1;
    }
}
