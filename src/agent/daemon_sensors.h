/*
 * daemon_sensors: the sensors that work here, around one engine. Each one is optional: what cannot be had is
 * logged, and named on the health page.
 */
#pragma once

#include "agent/config.h"
#include "agent/daemon_respond.h"
#include "agent/discover.h"
#include "agent/engine.h"
#include "agent/handoff.h"
#include "base/buf.h"
#include "sensor/dns/dns.h"
#include "sensor/ptrace/ptrace.h"

#define SENSORS_LACKING_MAX 1024 /* bytes of text */

struct sensors {
    const struct config *config;   /* borrowed */
    struct engine *engine;         /* borrowed */
    struct responders *responders; /* borrowed: they hear of applications */
    int64_t uplink;                /* the process, for nobody to touch; 0: none */
    bool deny;                     /* a policy denies */
    uint32_t features;             /* enum notify_feature */
    struct dns *dns;               /* NULL: not there, as the others */
    struct ptrace *ptrace;
    struct discover *discover;
    struct handoff *handoff;
    _Atomic int64_t
        holders[HANDOFF_CONTAINERS_MAX]; /* that watched processes may not signal; 0 free */
    struct limits
        *doubts; /* notices of holders that are not protected, by container; NULL: none said yet */
    uint64_t refused_ns; /* when a refused connection was last said, and how many were not since */
    uint64_t refused_quiet;            /* the thread of handoff alone */
    char lacking[SENSORS_LACKING_MAX]; /* what cannot be had, and why; "" nothing */
};

/* Into zeroed storage with the first members set, up to `features`. -ENOTSUP: what the configuration insists on is not
 * to be had; err says so. Others: failed. To be done whatever comes of it. */
int sensors_start(struct sensors *sensors, struct err *err);
/* What happened becomes alerts, and holders take over. Before the engine goes. */
void sensors_done(struct sensors *sensors);

/* Policies that deny came, or went. */
void sensors_set_deny(struct sensors *sensors, bool deny);
/* Is anything watched, or can be? */
bool sensors_any(const struct sensors *sensors);
/* "notify on /hinomi/agent.sock, ptrace, dns" */
void sensors_describe(const struct sensors *sensors, struct buf *buf);
/* Their part of the metrics page. */
void sensors_metrics(const struct sensors *sensors, struct buf *buf);
