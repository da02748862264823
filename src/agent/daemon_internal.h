/* daemon_internal: what the daemon's files share; nobody else includes it. */
#pragma once

#include "agent/alert_hinomi.h"
#include "agent/daemon.h"
#include "agent/daemon_respond.h"
#include "agent/daemon_sensors.h"
#include "agent/engine.h"
#include "agent/metrics_http.h"
#include "agent/reload.h"

#include <pthread.h>
#include <stdatomic.h>

struct daemon {
    const struct settings_source *source;
    struct config config;       /* as it was at the start; what reloads change is in `rules` */
    int output;                 /* of alerts; -1: standard output */
    int listening;              /* of metrics, until the server has it; -1 none */
    struct alert_hinomi hinomi; /* of JSON alerts */
    struct engine *engine;
    struct sensors sensors;
    struct responders responders;
    struct metrics_http *http;
    uint64_t started_ns;        /* CLOCK_REALTIME */
    pthread_mutex_t rules_lock; /* guards `rules` against being replaced; before the engine's */
    struct loaded_rules *rules;
    _Atomic uint64_t reloads, reloads_failed;
    _Atomic bool last_failed; /* of reloads */
    _Atomic bool stopping;
};

/* Logs text of several lines, a line each. */
void daemon_log_lines(const struct buf *text);
void daemon_reload(struct daemon *d);

/* The pages; called by the server's thread with the daemon. */
void daemon_metrics(void *data, struct buf *buf);
bool daemon_health(void *data, struct buf *buf);
