/*
 * pipeline: the whole flow in one place: next event, state, rules, alerts.
 */
#pragma once

#include "agent/alert.h"
#include "base/buf.h"
#include "base/err.h"
#include "event/state.h"
#include "rules/matcher.h"
#include "sensor/sensor.h"

#include <stdbool.h>
#include <stdint.h>

/* One alert, as JSON whatever the format is, without the line's end. Empty: it did not fit. */
struct pipeline_alert {
    struct str json;
    uint8_t severity; /* in tenths */
    uint64_t ts_ns;
};

/* Who else hears: each may be NULL. They must not allocate. */
struct pipeline_hooks {
    void (*alert)(void *data, const struct pipeline_alert *alert);
    /* Each event that happened, before the state settles. */
    void (*seen)(void *data, struct view *view);
    /* One that may happen and that no rule is about: is it wanted all the same? */
    bool (*wants)(void *data, struct view *view);
    void *data;
};

struct pipeline_options {
    struct matcher_options matcher;
    struct alert_format format;
    struct pipeline_hooks hooks;
    /* In JSON also fields that conditions use, and the usual ones: output_add_more(). */
    bool more_fields;
    /* NULL, or one of these options but for this: what its rules have in common with the new ones is shared. */
    const struct pipeline *like;
};

struct pipeline;

/* Borrows ruleset, selection, state. Attach the sensor opened on the same state afterwards. */
int pipeline_new(const struct ruleset *ruleset, const struct selection *selection,
                 struct state *state, const struct pipeline_options *options, struct pipeline **ret,
                 struct err *err);
void pipeline_free(struct pipeline *pipeline);

/* One event. 1: handled, alerts appended to `out`; 0: the sensor has none; negative: its error. */
int pipeline_step(struct pipeline *pipeline, struct sensor *sensor, struct buf *out,
                  struct err *err);

/*
 * For sensors that bring their events themselves. An event that happened: state, rules, alerts appended.
 * *ret_rules (NULL allowed): the rules that matched, valid until the next call; returns how many.
 */
uint32_t pipeline_event(struct pipeline *pipeline, struct event *event, struct buf *out,
                        const struct rule *const **ret_rules);
/* One that may happen: which rules would match. Changes nothing and says nothing. */
uint32_t pipeline_preview(struct pipeline *pipeline, struct event *event,
                          const struct rule *const **ret_rules);
/* Of the last preview that no rule matched: somebody wants it (pipeline_hooks.wants). */
bool pipeline_is_wanted(const struct pipeline *pipeline);
/* One that was refused: alerts of the rules that matched its preview; the state stays as it is. */
uint32_t pipeline_refused(struct pipeline *pipeline, struct event *event, struct buf *out,
                          const struct rule *const **ret_rules);
/* This one takes the old one's place: counts of events and alerts go on, those by rule begin anew. */
void pipeline_go_on(struct pipeline *pipeline, const struct pipeline *old);

struct pipeline_stats {
    uint64_t events, alerts;
    const uint64_t *alerts_by_rule; /* by rule index */
    uint64_t alerts_by_priority[8];
};
void pipeline_get_stats(const struct pipeline *pipeline, struct pipeline_stats *ret);
struct matcher *pipeline_matcher(struct pipeline *pipeline);
struct view *pipeline_view(struct pipeline *pipeline);
