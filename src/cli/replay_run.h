/*
 * replay_run: what `hinomi replay` was told, shared by its two ways of working.
 */
#pragma once

#include "agent/options.h"
#include "base/buf.h"
#include "event/state.h"
#include "rules/ruleset.h"
#include "sensor/sensor.h"

struct replay_arguments {
    struct rule_choice choice;
    const char *capture;
    const char *filter, *format;
    bool json, all, stats;
};

/* Alerts to standard output in large writes; to a terminal at once. */
struct replay_output {
    struct buf buf;
    bool at_once;
};

int replay_output_flush(struct replay_output *output, bool all, struct err *err);

/* Tells on standard error how far a large capture is; for terminals. */
struct replay_progress {
    bool wanted, shown;
    uint64_t start_ns, next_ns;
};
/* What of the state was lost, if anything, on standard error. */
void replay_report_losses(const struct state *state);

void replay_progress_start(struct replay_progress *progress, const struct sensor *sensor);
/* To be called once in TICK_EVENTS events: the clock is looked at. */
#define TICK_EVENTS 65536
void replay_progress_tick(struct replay_progress *progress, const struct sensor *sensor);
void replay_progress_end(struct replay_progress *progress);

/* Each returns an exit code. */
int replay_rules(const struct replay_arguments *arguments);
int replay_filter(const struct replay_arguments *arguments);
