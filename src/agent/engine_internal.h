/* engine_internal: what the files of the engine share; nobody else includes it. */
#pragma once

#include "agent/engine.h"

#include "agent/outlet.h"
#include "agent/wants.h"
#include "sensor/fake/made_event.h"
#include "sensor/live/digest.h"
#include "sensor/live/users.h"
#include "sensor/replay/replay.h"

#include <stdatomic.h>

#define ENGINE_HOSTNAME 256

/* Of gaps that ended; any thread. */
struct engine_gaps {
    _Atomic uint64_t closed, calls, ns;
};

#define ENGINE_ASKING_CALLS 2
extern const uint16_t engine_asking_calls[ENGINE_ASKING_CALLS];

struct engine {
    struct engine_config config;
    pthread_mutex_t lock; /* guards all below but the outlet */
    struct sink sink;
    struct state *state;
    struct pipeline *pipeline;
    struct wants *wants;
    struct digest *digest;
    bool wants_inodes;          /* rules are about inodes or devices */
    _Atomic bool wants_digests; /* of executables: by a rule; they are computed without the lock */
    struct users *users;
    struct outlet *outlet;
    struct buf text;
    uint64_t nevents, replaced;
    int capture_fd;
    struct capture_writer *capture;
    bool capture_started;
    uint64_t starting_ts_ns; /* while what was known before is told; else 0 */
    struct made_event *told; /* what did not come from a sensor; NULL: no capture */
    struct err capture_err;  /* the first failure of writing it */
    struct engine_gaps gaps;
    char hostname[ENGINE_HOSTNAME];
};

/* engine_capture.c; under the lock */
int engine_open_capture(struct engine *engine, struct err *err);
/* Before the first event, whose time this is, gets its number. */
void engine_start_capture(struct engine *engine, uint64_t ts_ns);
void engine_keep(struct engine *engine, const struct event *event);
