/*
 * live: an engine fed by one notify sensor, as `hinomi run` has it.
 */
#pragma once

#include "agent/engine.h"
#include "sensor/notify/notify.h"

struct live_config {
    struct engine_config engine;
    uint32_t features; /* enum notify_feature */
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
    struct engine_stats engine;
};
void live_get_stats(struct live *live, struct live_stats *ret);
