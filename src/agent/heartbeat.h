/*
 * heartbeat: what the agent says of itself every ten seconds: figures, rules, health, which containers it watches.
 */
#pragma once

#include "agent/engine.h"
#include "agent/spool.h"
#include "base/buf.h"

#define HEARTBEAT_CONTAINERS 1000 /* told one by one; the rest are counted */
#define HEARTBEAT_ERROR_MAX  4096

struct heartbeat {
    const char *version; /* of the program */
    struct str sensor;   /* "notify on /hinomi/agent.sock, dns" */
    uint64_t started_ns; /* CLOCK_REALTIME */
    struct spool *spool; /* NULL: none */
    uint64_t bundle;     /* in force; 0: none */
    bool bundle_ok;
    const char *bundle_error; /* why a newer one is not in force */
    uint32_t rules;           /* that can run */
    bool ok;
    const char *reason; /* when not */
    uint64_t activity_sent, activity_lost;
};

/* The JSON object. Takes the engine's lock, never for long. `lag` is the delay at the last heartbeat's time,
 * kept between calls; zeroed at first. */
struct heartbeat_lag {
    uint64_t sum_ns, n;
};
void heartbeat_put(struct engine *engine, const struct heartbeat *heartbeat,
                   struct heartbeat_lag *lag, struct buf *buf);
/* {"name","instance","version","kernel","hostname","sensor"}: of an enrolment. */
void heartbeat_put_enrolment(const char *name, const char *instance, const char *version,
                             struct str sensor, struct buf *buf);
