/*
 * Live: an engine fed by one notify sensor.
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
    struct notify *notify;
    struct filter *filter;
};

CLEANUP_DEFINE(struct live, live_free);

static int make_filter(struct live *live, struct err *err)
{
    live->filter = mem_zalloc(sizeof *live->filter);
    if (!live->filter) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    return engine_filter(live->engine, false, live->filter, err);
}

static int make_sensor(struct live *live, const struct live_config *config, struct err *err)
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
    int r = engine_new(&config->engine, &live->engine, err);
    r = r == 0 ? make_filter(live, err) : r;
    r = r == 0 ? make_sensor(live, config, err) : r;
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

bool live_wait_end(struct live *live, int timeout_ms)
{
    return notify_wait_end(live->notify, timeout_ms);
}

void live_drain(struct live *live)
{
    notify_drain(live->notify);
    engine_drain(live->engine);
    if (engine_keeps_all(live->engine) && notify_wait_end(live->notify, ENDING_MS)) {
        notify_stop(live->notify);
        engine_finish_capture(live->engine);
    }
}

void live_get_stats(struct live *live, struct live_stats *ret)
{
    notify_get_stats(live->notify, &ret->sensor);
    engine_get_stats(live->engine, &ret->engine);
}
