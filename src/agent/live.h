/*
 * live: rules over a live sensor, alerts to a descriptor.
 *
 * Alerts are formatted under the sensor's lock and written by a thread of their own, so that a slow reader
 * never holds a watched program back; beyond LIVE_QUEUE_MAX bytes alerts are dropped and counted.
 */
#pragma once

#include "agent/pipeline.h"
#include "sensor/notify/notify.h"

#define LIVE_QUEUE_MAX ((size_t)16 << 20)

struct live_config {
    const struct ruleset *ruleset;
    const struct selection *selection;
    struct pipeline_options options;
    uint32_t features;   /* enum notify_feature */
    bool deny;           /* every rule that matches refuses the call */
    bool all_calls;      /* the documented whole set, not what these rules need */
    bool deny_io_uring;  /* ENOSYS */
    int output;          /* alerts go here; borrowed */
    const char *capture; /* NULL, or a .scap file that all events are written to */
    /* Beside this process: whom watched ones may not signal, trace or write to; 0: free. */
    int64_t protected[NOTIFY_PROTECTED_MAX - 1];
    struct holder_shared *shared; /* borrowed; NULL: own */
};

struct live;

int live_new(const struct live_config *config, struct live **ret, struct err *err);
void live_free(struct live *live); /* flushes */
/* The seccomp program that the watched command has to install: demand of the rules, and of state. */
const struct filter *live_filter(const struct live *live);
/* Before the command starts: makes this process and its ancestors known. */
int live_know_lineage(struct live *live, int64_t pid, struct err *err);
int live_serve(struct live *live, int listener, struct err *err);
bool live_wait_end(struct live *live, int timeout_ms);
/* All alerts of what happened so far are written out when this returns; the capture is complete when
 * the last watched task is gone. */
void live_drain(struct live *live);

struct live_stats {
    struct notify_stats sensor;
    struct pipeline_stats pipeline;
    uint64_t dropped_alerts;
    const char *capture_error; /* NULL; the first failure of writing it */
};
void live_get_stats(struct live *live, struct live_stats *ret);
