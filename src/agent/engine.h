/*
 * engine: state, rules and alerts behind one lock, fed by any number of live sensors.
 *
 *     sensors (threads) ── sink, under engine_lock() ── pipeline ── outlet (own thread) ── descriptor
 *                                       ├─ capture
 *                                       └─ on_alert
 *
 * Rules can be replaced between two events. Alerts are formatted under the lock and written by a thread of
 * their own, so that a slow reader never holds a watched program back; beyond ENGINE_QUEUE_MAX bytes alerts
 * are dropped and counted.
 */
#pragma once

#include "agent/outlet.h"
#include "agent/pipeline.h"
#include "rules/policy.h"
#include "sensor/notify/filter.h"
#include "sensor/sink.h"

#include <pthread.h>

#define ENGINE_QUEUE_MAX ((size_t)16 << 20)

struct engine_rules {
    const struct ruleset *ruleset;     /* borrowed, until replaced */
    const struct selection *selection; /* borrowed as long */
    const uint8_t *actions;            /* enum policy_action by rule index; NULL: none. Borrowed */
    /* NULL, or: actions are only what may be asked for, these decide by scope. Borrowed as long */
    const struct policies *policies;
};

/* Sees each event that happened or was refused, after its alerts were written; under the lock. With rules
 * that matched, the event's thread is the state's (NULL: gone). */
struct engine_watch {
    void (*event)(void *data, const struct event *event, const struct rule *const *rules,
                  uint32_t nrules);
    /* A process was met, its container perhaps unknown yet (metadata_met()); under the lock. NULL: nobody. */
    void (*met)(void *data, const struct thread *thread);
    /* Should this call be made an event, though no rule asks for it? Under the lock. NULL: no. */
    bool (*wants)(void *data, const struct thread *thread, uint16_t name, uint32_t open_flags);
    void *data;
};

struct notice_gap;

/* Who keeps what Hinomi says of itself (agent/notice.h), besides the output; any thread. */
struct engine_keep {
    /* `json`: an Alert v1, without its line's end. NULL: nobody. */
    void (*notice)(void *data, struct str json, uint8_t severity, uint64_t ts_ns);
    /* Of gaps that are closed, instead of their notice. NULL: nobody. */
    void (*gap)(void *data, const struct notice_gap *gap);
    void *data;
};

struct engine_config {
    struct engine_rules rules;
    struct pipeline_options options;
    bool deny;                 /* every rule that matches refuses the call, whatever its actions */
    bool all_calls;            /* the documented whole set, not what these rules need */
    bool deny_io_uring;        /* ENOSYS */
    bool names;                /* a dns sensor feeds it too: calls that tell who asks are wanted */
    int output;                /* alerts go here; borrowed */
    const char *capture;       /* NULL, or a .scap file that all events are written to */
    struct engine_watch watch; /* .event NULL: nobody */
    struct engine_keep keep;
};

struct engine;

int engine_new(const struct engine_config *config, struct engine **ret, struct err *err);
void engine_free(struct engine *engine); /* after its sensors; flushes */
/* For a sensor's configuration; both live as long as the engine. */
const struct sink *engine_sink(struct engine *engine);
pthread_mutex_t *engine_lock(struct engine *engine);
struct state *engine_state(struct engine *engine);
/* Under the lock: what rules are evaluated on, and the present rules. */
struct view *engine_view(struct engine *engine);
const struct engine_rules *engine_rules(const struct engine *engine);
/* Every notified call has to be made an event, though no rule would match. */
bool engine_keeps_all(const struct engine *engine);
/* The seccomp program that watched commands have to install: demand of the rules, and of state. With
 * trace: calls stop for a tracer instead of the listener. */
int engine_filter(struct engine *engine, bool trace, struct filter *ret, struct err *err);
/* The same calls as a set, for a sensor that sees all of them anyway. */
void engine_calls(const struct engine *engine, struct callset *ret);
/*
 * Between two events: the next one meets the new rules, state stays. On failure the old rules go on. When
 * it returns 0, nothing borrowed for the old rules is used any more. Takes the lock.
 */
int engine_replace(struct engine *engine, const struct engine_rules *rules, struct err *err);
/* Makes a process and its ancestors known, from /proc. Takes the lock. */
/* A number for what no event stands behind; of hinomi alerts. Takes the lock. */
uint64_t engine_next_alert(struct engine *engine);
/* The agent's id in alerts from now on. Takes the lock. */
void engine_set_agent(struct engine *engine, struct str agent);
int engine_know_lineage(struct engine *engine, int64_t pid, struct err *err);
/* Writes to the alerts' output, between alerts: notices of gaps, losses, responses. Any thread. */
int engine_say(struct engine *engine, const void *p, size_t n);
/* All alerts of events given so far are written when this returns. */
void engine_drain(struct engine *engine);
/* After the last event: the capture is complete. */
void engine_finish_capture(struct engine *engine);

struct engine_stats {
    struct pipeline_stats pipeline;    /* alerts_by_rule: of the present rules, copied by the caller
                                     * under the lock if it is kept */
    uint64_t dropped_alerts, replaced; /* rules, so often */
    const char *capture_error;         /* NULL; the first failure of writing it */
    struct matcher_stats matcher;      /* of the present rules */
    struct outlet_stats outlet;
    uint64_t gaps, gap_calls, gap_ns; /* closed ones that notice_gap() was told of */
};
void engine_get_stats(struct engine *engine, struct engine_stats *ret); /* takes the lock */
/* Alerts of the present rules since they were loaded, by rule index; returns how many rules. Takes the lock. */
uint32_t engine_alerts_by_rule(struct engine *engine, uint64_t *ret, uint32_t max);
/* The processor's time that they took, estimated, the same way (ns); *ret_search: what they have in common. */
uint32_t engine_cost_by_rule(struct engine *engine, uint64_t *ret, uint32_t max,
                             uint64_t *ret_search);
