/* daemon_internal: what the daemon's files share; nobody else includes it. */
#pragma once

#include "agent/alert_hinomi.h"
#include "agent/daemon.h"
#include "agent/daemon_respond.h"
#include "agent/daemon_sensors.h"
#include "agent/engine.h"
#include "agent/metrics_http.h"
#include "agent/reload.h"
#include "agent/uplink_daemon.h"

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
    struct server_link server;
    pthread_mutex_t reload_lock; /* one load of rules at a time; before rules_lock */
    struct metrics_http *http;
    uint64_t started_ns;        /* CLOCK_REALTIME */
    pthread_mutex_t rules_lock; /* guards `rules` against being replaced; before the engine's */
    struct loaded_rules *rules;
    uint64_t bundle; /* the version of the server's that `rules` are; 0: none. By reload_lock */
    _Atomic uint64_t reloads, reloads_failed;
    _Atomic bool last_failed; /* of reloads */
    _Atomic bool stopping;
    char sensors_text[512]; /* of the uplink's thread */
};

/* Logs text of several lines, a line each. */
void daemon_log_lines(const struct buf *text);
void daemon_reload(struct daemon *d);
/* server_link.use and .describe. */
int daemon_use_rules(void *data, const struct bundle_changes *changes, struct buf *text,
                     struct err *err);
void daemon_describe(void *data, struct heartbeat *heartbeat);

/* The pages; called by the server's thread with the daemon. */
void daemon_metrics(void *data, struct buf *buf);
bool daemon_health(void *data, struct buf *buf);
