/*
 * metrics: the agent's figures in Prometheus' text format (version 0.0.4).
 *
 * Families are written whole: head, then samples. Names are programmers' literals; label values are data and
 * are escaped. What goes in is bounded by the caller's buffer.
 */
#pragma once

#include "agent/engine.h"
#include "base/buf.h"

#include <stdint.h>

#define METRICS_TEXT_MAX    ((size_t)16 << 20)
#define METRICS_LABELS_MAX  4
#define METRICS_RULES_MAX   1000 /* rules told apart; figures of others count as rule "" */
#define METRICS_THREADS_MAX 256  /* names of threads */

struct metrics_label {
    const char *name;
    struct str value;
};

/* "counter", "gauge", "histogram". */
void metrics_family(struct buf *buf, const char *name, const char *type, const char *help);
/* Labels up to the first without a name; NULL: none. */
void metrics_u64(struct buf *buf, const char *name, const struct metrics_label *labels,
                 uint64_t value);
/* Seconds, from nanoseconds. */
void metrics_seconds(struct buf *buf, const char *name, const struct metrics_label *labels,
                     uint64_t ns);
/* One family with one sample. */
void metrics_counter(struct buf *buf, const char *name, const char *help, uint64_t value);
void metrics_gauge(struct buf *buf, const char *name, const char *help, uint64_t value);

/* ---- parts of the page */

void metrics_engine(struct buf *buf, const struct engine_stats *stats);
void metrics_state(struct buf *buf, const struct state_stats *stats);
/* counts: by rule index, of all rules. */
void metrics_rules(struct buf *buf, const struct ruleset *ruleset, const uint64_t *counts);
/* costs: the same, ns; search_ns: what rules have in common. */
void metrics_rule_costs(struct buf *buf, const struct ruleset *ruleset, const uint64_t *costs,
                        uint64_t search_ns);
void metrics_lag(struct buf *buf, const struct lag *lag);
/* Of this process, and its threads' processor time by their names. */
void metrics_process(struct buf *buf, uint64_t started_real_ns);
