/*
 * Live: an engine fed by one sensor.
 */
#include "agent/live.h"

#include "base/arena.h"
#include "base/cleanup.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define ENDING_MS 100 /* the last task's end is seen this late at most */

struct live {
    struct engine *engine;
    enum live_sensor sensor;
    struct notify *notify; /* one of the two is there */
    struct ptrace *ptrace;
    struct filter *filter;
};

CLEANUP_DEFINE(struct live, live_free);

static int make_filter(struct live *live, struct err *err)
{
    live->filter = mem_zalloc(sizeof *live->filter);
    if (!live->filter) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    return engine_filter(live->engine, live->sensor != LIVE_NOTIFY, live->filter, err);
}

static int make_ptrace(struct live *live, const struct live_config *config, struct err *err)
{
    bool with_filter = live->sensor == LIVE_PTRACE;
    struct ptrace_config sensor = {
        .state = engine_state(live->engine),
        .sink = *engine_sink(live->engine),
        .lock = engine_lock(live->engine),
        .with_filter = with_filter,
        .deny = config->engine.deny,
        .deny_io_uring = config->engine.deny_io_uring,
        .exit_kill = with_filter,
        .every_call = engine_keeps_all(live->engine),
    };
    _Static_assert(PTRACE_PROTECTED_MAX == NOTIFY_PROTECTED_MAX, "one list for both");
    engine_calls(live->engine, &sensor.calls);
    sensor.protected[0] = getpid();
    memcpy(sensor.protected + 1, config->protected, sizeof(config->protected));
    return ptrace_new(&sensor, &live->ptrace, err);
}

static int make_notify(struct live *live, const struct live_config *config, struct err *err)
{
    struct notify_config sensor = {
        .features = config->features,
        .state = engine_state(live->engine),
        .sink = *engine_sink(live->engine),
        .lock = engine_lock(live->engine),
        .shared = config->shared,
        .deny = config->engine.deny,
        .cache_paths = true,
        .every_call = engine_keeps_all(live->engine),
    };
    sensor.protected[0] = getpid();
    memcpy(sensor.protected + 1, config->protected, sizeof(config->protected));
    return notify_new(&sensor, &live->notify, err);
}

int live_new(const struct live_config *config, struct live **ret, struct err *err)
{
    CLEANUP(cleanup_live_free) struct live *live = mem_zalloc(sizeof *live);
    if (!live) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    live->sensor = config->sensor;
    int r = engine_new(&config->engine, &live->engine, err);
    r = r == 0 ? make_filter(live, err) : r;
    if (r == 0) {
        r = live->sensor == LIVE_NOTIFY ? make_notify(live, config, err)
                                        : make_ptrace(live, config, err);
    }
    if (r < 0) {
        return r;
    }
    *ret = TAKE(live);
    return 0;
}

void live_free(struct live *live)
{
    if (live) {
        notify_free(live->notify);
        ptrace_free(live->ptrace);
        engine_free(live->engine);
        free(live->filter);
        free(live);
    }
}

const struct filter *live_filter(const struct live *live)
{
    return live->filter;
}

int live_know_lineage(struct live *live, int64_t pid, struct err *err)
{
    return engine_know_lineage(live->engine, pid, err);
}

int live_serve(struct live *live, int listener, struct err *err)
{
    return notify_serve(live->notify, listener, err);
}

int live_adopt(struct live *live, int64_t pid, struct err *err)
{
    return ptrace_adopt(live->ptrace, pid, err);
}

bool live_wait_end(struct live *live, int timeout_ms)
{
    return live->ptrace ? ptrace_wait_end(live->ptrace, timeout_ms)
                        : notify_wait_end(live->notify, timeout_ms);
}

static void drain_sensor(struct live *live)
{
    if (live->ptrace) {
        ptrace_drain(live->ptrace);
    } else {
        notify_drain(live->notify);
    }
}

static void stop_sensor(struct live *live)
{
    if (live->ptrace) {
        ptrace_stop(live->ptrace);
    } else {
        notify_stop(live->notify);
    }
}

void live_drain(struct live *live)
{
    drain_sensor(live);
    engine_drain(live->engine);
    if (engine_keeps_all(live->engine) && live_wait_end(live, ENDING_MS)) {
        stop_sensor(live);
        engine_finish_capture(live->engine);
    }
}

static void stats_of_ptrace(struct ptrace *ptrace, struct notify_stats *ret)
{
    struct ptrace_stats stats;
    ptrace_get_stats(ptrace, &stats);
    *ret = (struct notify_stats){
        .notifications = stats.calls,
        .events = stats.events,
        .exact = stats.exact,
        .predicted = stats.predicted,
        .denied = stats.denied,
        .skipped = stats.skipped,
        .tampering = stats.tampering,
        .unreadable = stats.unreadable,
        .stuck = stats.stuck,
    };
}

void live_get_stats(struct live *live, struct live_stats *ret)
{
    if (live->ptrace) {
        stats_of_ptrace(live->ptrace, &ret->sensor);
    } else {
        notify_get_stats(live->notify, &ret->sensor);
    }
    engine_get_stats(live->engine, &ret->engine);
}
