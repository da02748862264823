/*
 * daemon_respond: who looks at events beside the rules: responses, captures, what is known of containers.
 */
#pragma once

#include "agent/activity.h"
#include "agent/config.h"
#include "agent/engine.h"
#include "agent/metadata.h"
#include "agent/recorder.h"
#include "agent/respond.h"

struct responders {
    const struct config *config; /* borrowed */
    struct respond *respond;     /* NULL: not there, as the others */
    struct recorder *recorder;
    struct metadata *metadata;
    struct activity *activity; /* borrowed */
};

/* Before the engine, into zeroed storage with the configuration set; then engine_config.watch. -EINVAL: of
 * the configuration. */
int responders_new(struct responders *responders, struct err *err);
struct engine_watch responders_watch(struct responders *responders);
/* With the engine, before the first event. What cannot be had, but is not essential, is logged. */
int responders_start(struct responders *responders, struct engine *engine, struct err *err);
/* After engine_new() and engine_replace(). */
void responders_rules_changed(struct responders *responders);
/* After the last event, before the engine goes. */
void responders_done(struct responders *responders);
void responders_metrics(const struct responders *responders, struct buf *buf);
