/*
 * activity: a sampled record of what processes do, alerts or not: programs started, connections made, names asked
 * for, files opened for writing. It is what is looked at around a finding, and what rules are tried against.
 *
 * Limits: so many a second of each container and of the agent, with bursts; what is above is counted by kind and
 * told as a gap every minute. A record is formatted only when it is admitted. Under the engine's lock.
 */
#pragma once

#include "agent/spool.h"
#include "event/field.h"

#include <stdatomic.h>

#define ACTIVITY_PER_SECOND    200
#define ACTIVITY_PER_CONTAINER 50
#define ACTIVITY_BURST_S       2    /* seconds' worth of records at once */
#define ACTIVITY_CONTAINERS    256  /* with limits of their own; more share them */
#define ACTIVITY_TEXT_MAX      4096 /* bytes of one field */

enum activity_kind {
    ACTIVITY_EXEC,
    ACTIVITY_CONNECT,
    ACTIVITY_DNS,
    ACTIVITY_WRITE,
    ACTIVITY_KINDS,
};

struct activity_config {
    struct spool *spool;                /* borrowed */
    uint32_t per_second, per_container; /* 0: the defaults */
};

struct activity;

int activity_new(const struct activity_config *config, struct activity **ret);
void activity_free(struct activity *activity);
/* pipeline_hooks.seen. */
void activity_seen(void *activity, struct view *view);
/* pipeline_hooks.wants: there would be room for it. */
bool activity_wants_event(void *activity, struct view *view);
/* engine_watch.wants: there would be room for such an event. */
bool activity_wants(void *activity, const struct thread *thread, uint16_t name,
                    uint32_t open_flags);
/* Any thread, about once a second: tells what was lost when a minute is over; `all`: at once. */
void activity_tick(struct activity *activity, bool all);

struct activity_stats {
    uint64_t sent[ACTIVITY_KINDS], lost[ACTIVITY_KINDS];
};
void activity_get_stats(const struct activity *activity, struct activity_stats *ret);
const char *activity_kind_text(enum activity_kind kind);
