/* engine_internal: what the files of the engine share; nobody else includes it. */
#pragma once

#include "agent/engine.h"

#include "agent/outlet.h"
#include "agent/wants.h"
#include "sensor/live/digest.h"
#include "sensor/live/users.h"
#include "sensor/replay/replay.h"

#define ENGINE_HOSTNAME 256

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
    struct users *users;
    struct outlet *outlet;
    struct buf text;
    uint64_t nevents, replaced;
    int capture_fd;
    struct capture_writer *capture;
    bool capture_started;
    struct err capture_err; /* the first failure of writing it */
    char hostname[ENGINE_HOSTNAME];
};
