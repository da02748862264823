/*
 * uplink_daemon: the agent with a server: spool, uplink, bundles, activity and heartbeats around its engine.
 *
 *     server_fork()     with all rights, before threads: secrets are read, the process with the network starts
 *     server_open()     the spool, and who we are
 *     server_start()    around the engine that runs
 *
 * Without `server.url` nothing of it is there. What fails later than the settings is logged and told by the
 * health page: detection goes on.
 */
#pragma once

#include "agent/activity.h"
#include "agent/bundle_apply.h"
#include "agent/config.h"
#include "agent/engine.h"
#include "agent/heartbeat.h"
#include "agent/respond.h"
#include "agent/uplink.h"

#include <sys/types.h>

struct server_link {
    /* Set by whom it belongs to. */
    const struct config *config;
    /* Puts rules in force, as bundles_config.use. */
    int (*use)(void *data, const struct bundle_changes *changes, struct buf *text, struct err *err);
    /* Fills in what only the agent knows: sensor, rules, health. */
    void (*describe)(void *data, struct heartbeat *heartbeat);
    void *data;

    int socket; /* of the process; -1 none */
    pid_t pid;  /* 0: none */
    char instance[17];
    char token[UPLINK_SECRET_MAX];
    struct identity identity;
    struct spool *spool; /* NULL: not there, as the others */
    struct activity *activity;
    struct bundles *bundles;
    pthread_mutex_t lock; /* guards `uplink` against being freed */
    struct uplink *uplink;
    struct engine *engine;
    struct respond *respond;
    uint64_t started_ns, last_order;
    struct heartbeat_lag lag;
    char lacking[256];  /* what is not there, and why; "" nothing */
    char rejected[256]; /* why the kept rules were not taken; "" they were */
};

/* -EINVAL: of the settings. */
int server_fork(struct server_link *link, struct err *err);
void server_open(struct server_link *link);
/* The agent's id in alerts; empty: none by the server yet, and the spool's readers put it in. */
struct str server_agent_id(const struct server_link *link);
/* DIR/bundle, if there is one; "" otherwise. */
void server_rules_path(const struct server_link *link, char *ret, size_t size);
struct pipeline_hooks server_hooks(struct server_link *link);
struct engine_keep server_keep(struct server_link *link);
void server_start(struct server_link *link, struct engine *engine, struct respond *respond);
/* Before the engine goes: what is in the spool is sent, for a moment. */
void server_stop(struct server_link *link);
/* After it. */
void server_done(struct server_link *link);

/* uplink_metrics.c */
void server_metrics(struct server_link *link, struct buf *buf);
/* NULL: all is well; else a sentence. */
const char *server_trouble(struct server_link *link);
