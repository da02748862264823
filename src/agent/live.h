/*
 * live: an engine fed by one sensor, as `hinomi run` has it: notify, or ptrace.
 */
#pragma once

#include "agent/engine.h"
#include "sensor/notify/notify.h"
#include "sensor/ptrace/ptrace.h"

enum live_sensor {
    LIVE_NOTIFY,
    LIVE_PTRACE,            /* with a filter that stops for a tracer */
    LIVE_PTRACE_UNFILTERED, /* without: set-user-id programs keep working */
};

struct live_config {
    struct engine_config engine;
    enum live_sensor sensor;
    uint32_t features; /* enum notify_feature */
    /* Beside this process: whom watched ones may not signal, trace or write to; 0: free. */
    int64_t protected[NOTIFY_PROTECTED_MAX - 1];
    struct holder_shared *shared; /* borrowed; NULL: own */
};

struct live;

int live_new(const struct live_config *config, struct live **ret, struct err *err);
void live_free(struct live *live); /* flushes */
/* The seccomp program that the watched command has to install: demand of the rules, and of state. None for
 * LIVE_PTRACE_UNFILTERED. */
const struct filter *live_filter(const struct live *live);
/* Before the command starts: makes this process and its ancestors known. */
int live_know_lineage(struct live *live, int64_t pid, struct err *err);
/* LIVE_NOTIFY: takes the listener. */
int live_serve(struct live *live, int listener, struct err *err);
/* LIVE_PTRACE: takes the process, which waits. */
int live_adopt(struct live *live, int64_t pid, struct err *err);
bool live_wait_end(struct live *live, int timeout_ms);
/* All alerts of what happened so far are written out when this returns; the capture is complete when
 * the last watched task is gone. */
void live_drain(struct live *live);

struct live_stats {
    struct notify_stats sensor; /* ptrace's too: stops at calls are its notifications */
    struct engine_stats engine;
};
void live_get_stats(struct live *live, struct live_stats *ret);
