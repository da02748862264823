/*
 * metrics: families of figures.
 *
 * Source: Prometheus, "Exposition formats", text format 0.0.4. In label values backslash, double quote and
 * line feed are escaped; other bytes have to be UTF-8: those that are not become \xHH with the backslash
 * escaped.
 */
#include "agent/metrics.h"

#include "base/clock.h"

#include <stdio.h>

static bool is_whole(struct str s, size_t at, size_t *ret_n)
{
    for (size_t n = 1; n <= 4 && at + n <= s.n; n++) {
        if (str_is_utf8(str_first(str_from_offset(s, at), n))) {
            *ret_n = n;
            return true;
        }
    }
    return false;
}

static void put_value(struct buf *buf, struct str s)
{
    size_t n = 1;
    for (size_t i = 0; i < s.n; i += n) {
        n = 1;
        if (s.p[i] == '\\' || s.p[i] == '"') {
            buf_putc(buf, '\\');
            buf_putc(buf, s.p[i]);
        } else if (s.p[i] == '\n') {
            buf_puts(buf, STR("\\n"));
        } else if (is_whole(s, i, &n)) {
            buf_put(buf, s.p + i, n);
        } else {
            buf_printf(buf, "\\\\x%02x", (unsigned)(unsigned char)s.p[i]);
        }
    }
}

static void put_labels(struct buf *buf, const struct metrics_label *labels)
{
    for (size_t i = 0; labels && i < METRICS_LABELS_MAX && labels[i].name; i++) {
        buf_putc(buf, i ? ',' : '{');
        buf_putz(buf, labels[i].name);
        buf_puts(buf, STR("=\""));
        put_value(buf, labels[i].value);
        buf_putc(buf, '"');
    }
    if (labels && labels[0].name) {
        buf_putc(buf, '}');
    }
}

void metrics_family(struct buf *buf, const char *name, const char *type, const char *help)
{
    buf_puts(buf, STR("# HELP "));
    buf_putz(buf, name);
    buf_putc(buf, ' ');
    buf_putz(buf, help);
    buf_puts(buf, STR("\n# TYPE "));
    buf_putz(buf, name);
    buf_putc(buf, ' ');
    buf_putz(buf, type);
    buf_putc(buf, '\n');
}

static void put_sample(struct buf *buf, const char *name, const struct metrics_label *labels)
{
    buf_putz(buf, name);
    put_labels(buf, labels);
    buf_putc(buf, ' ');
}

void metrics_u64(struct buf *buf, const char *name, const struct metrics_label *labels,
                 uint64_t value)
{
    put_sample(buf, name, labels);
    buf_u64(buf, value);
    buf_putc(buf, '\n');
}

static void put_seconds(struct buf *buf, uint64_t ns)
{
    buf_printf(buf, "%llu.%09llu", (unsigned long long)(ns / NS_PER_S),
               (unsigned long long)(ns % NS_PER_S));
}

void metrics_seconds(struct buf *buf, const char *name, const struct metrics_label *labels,
                     uint64_t ns)
{
    put_sample(buf, name, labels);
    put_seconds(buf, ns);
    buf_putc(buf, '\n');
}

void metrics_counter(struct buf *buf, const char *name, const char *help, uint64_t value)
{
    metrics_family(buf, name, "counter", help);
    metrics_u64(buf, name, NULL, value);
}

void metrics_gauge(struct buf *buf, const char *name, const char *help, uint64_t value)
{
    metrics_family(buf, name, "gauge", help);
    metrics_u64(buf, name, NULL, value);
}

static void put_priorities(struct buf *buf, const struct pipeline_stats *stats)
{
    metrics_family(buf, "hinomi_alerts_total", "counter", "Alerts, by priority.");
    for (enum priority p = PRIORITY_EMERGENCY; p <= PRIORITY_DEBUG; p++) {
        const struct metrics_label labels[2] = { { "priority", str_of(priority_text(p)) } };
        metrics_u64(buf, "hinomi_alerts_total", labels, stats->alerts_by_priority[p]);
    }
}

void metrics_lag(struct buf *buf, const struct lag *lag)
{
    static const char name[] = "hinomi_alert_lag_seconds";
    uint64_t count = 0;
    metrics_family(buf, name, "histogram",
                   "From an event to its alerts being written to the output.");
    for (size_t i = 0; i < LAG_BUCKETS; i++) {
        count += lag->counts[i];
        if (lag_limits_ns[i] == UINT64_MAX) {
            buf_printf(buf, "%s_bucket{le=\"+Inf\"} ", name);
        } else {
            buf_printf(buf, "%s_bucket{le=\"%g\"} ", name,
                       (double)lag_limits_ns[i] / (double)NS_PER_S);
        }
        buf_u64(buf, count);
        buf_putc(buf, '\n');
    }
    metrics_seconds(buf, "hinomi_alert_lag_seconds_sum", NULL, lag->sum_ns);
    metrics_u64(buf, "hinomi_alert_lag_seconds_count", NULL, count);
    metrics_family(buf, "hinomi_alert_lag_max_seconds", "gauge", "The longest of them.");
    metrics_seconds(buf, "hinomi_alert_lag_max_seconds", NULL, lag->max_ns);
}

static void put_matcher(struct buf *buf, const struct matcher_stats *m)
{
    metrics_gauge(buf, "hinomi_rules", "Rules that run.", m->rules);
    metrics_gauge(buf, "hinomi_rules_uncovered",
                  "Of them, those tried at every event of their kinds.", m->uncovered_rules);
    metrics_gauge(buf, "hinomi_matcher_bytes", "Memory of the rules' structures.", m->bytes);
    metrics_counter(buf, "hinomi_matcher_events_total",
                    "Events that rules were tried on, since the rules were loaded.", m->events);
    metrics_counter(buf, "hinomi_matcher_rules_run_total", "Rules tried on them.", m->rules_run);
    metrics_counter(buf, "hinomi_matcher_atoms_evaluated_total", "Comparisons made for them.",
                    m->atoms_evaluated);
}

void metrics_engine(struct buf *buf, const struct engine_stats *s)
{
    metrics_counter(buf, "hinomi_events_total", "Events given to the rules.", s->pipeline.events);
    put_priorities(buf, &s->pipeline);
    metrics_counter(buf, "hinomi_alerts_dropped_total",
                    "Alerts and notices lost because their reader was too slow, or gone.",
                    s->dropped_alerts);
    metrics_gauge(buf, "hinomi_output_waiting_bytes", "Alerts not written yet.", s->outlet.waiting);
    metrics_gauge(buf, "hinomi_output_broken", "1 when alerts can no longer be written.",
                  s->outlet.broken);
    metrics_counter(buf, "hinomi_gaps_total", "Times during which calls passed unseen.", s->gaps);
    metrics_counter(buf, "hinomi_gap_calls_total", "Calls that passed unseen in them.",
                    s->gap_calls);
    metrics_family(buf, "hinomi_gap_seconds_total", "counter", "How long they lasted together.");
    metrics_seconds(buf, "hinomi_gap_seconds_total", NULL, s->gap_ns);
    metrics_lag(buf, &s->outlet.lag);
    put_matcher(buf, &s->matcher);
}

void metrics_state(struct buf *buf, const struct state_stats *s)
{
    metrics_gauge(buf, "hinomi_state_threads", "Threads known.", s->threads);
    metrics_gauge(buf, "hinomi_state_descriptors", "Descriptors known.", s->fds);
    metrics_gauge(buf, "hinomi_state_containers", "Containers known.", s->containers);
    metrics_gauge(buf, "hinomi_state_users", "Users known.", s->users);
    metrics_gauge(buf, "hinomi_state_groups", "Groups known.", s->groups);
    metrics_gauge(buf, "hinomi_state_bytes", "Memory of texts, descriptors and metadata.",
                  s->memory);
    metrics_counter(buf, "hinomi_state_threads_evicted_total", "Threads forgotten at the limit.",
                    s->threads_evicted);
    metrics_counter(buf, "hinomi_state_descriptors_refused_total",
                    "Descriptors not kept, at the limit.", s->fds_refused);
    metrics_counter(buf, "hinomi_state_containers_refused_total",
                    "Containers not kept, at the limit.", s->containers_refused);
    metrics_counter(buf, "hinomi_state_users_refused_total",
                    "Users and groups not kept, at the limit.", s->users_refused);
    metrics_counter(buf, "hinomi_state_orphan_events_total", "Events of tasks never heard of.",
                    s->orphan_events);
    metrics_counter(buf, "hinomi_state_out_of_memory_total",
                    "Changes lost because memory was out, or its limit met.", s->out_of_memory);
}

/* A sample for each rule that has a figure, the rest as one. */
struct by_rule {
    const char *name;
    const struct ruleset *ruleset;
    const uint64_t *figures;
    void (*put)(struct buf *buf, const char *name, const struct metrics_label *labels,
                uint64_t value);
    bool priorities;
};

static void put_by_rule(struct buf *buf, const struct by_rule *by)
{
    uint64_t others = 0;
    uint32_t told = 0;
    for (uint32_t i = 0; i < by->ruleset->nrules; i++) {
        const struct rule *rule = &by->ruleset->rules[i];
        const struct metrics_label labels[] = {
            { "rule", rule->name },
            { by->priorities ? "priority" : NULL, str_of(priority_text(rule->priority)) },
            { NULL, { 0 } },
        };
        if (by->figures[i] && told < METRICS_RULES_MAX) {
            by->put(buf, by->name, labels, by->figures[i]);
            told++;
        } else {
            others += by->figures[i];
        }
    }
    if (others) {
        const struct metrics_label labels[] = { { "rule", { 0 } },
                                                { by->priorities ? "priority" : NULL, { 0 } },
                                                { NULL, { 0 } } };
        by->put(buf, by->name, labels, others);
    }
}

void metrics_rules(struct buf *buf, const struct ruleset *ruleset, const uint64_t *counts)
{
    const struct by_rule by = { "hinomi_rule_alerts_total", ruleset, counts, metrics_u64, true };
    metrics_family(buf, by.name, "counter",
                   "Alerts by rule, since the rules were loaded; rules without any are left out.");
    put_by_rule(buf, &by);
}

void metrics_rule_costs(struct buf *buf, const struct ruleset *ruleset, const uint64_t *costs,
                        uint64_t search_ns)
{
    const struct by_rule by = { "hinomi_rule_cpu_seconds_total", ruleset, costs, metrics_seconds,
                                false };
    metrics_family(buf, by.name, "counter",
                   "Time spent on trying a rule, estimated by one event in some 1,000.");
    put_by_rule(buf, &by);
    metrics_family(buf, "hinomi_rules_search_cpu_seconds_total", "counter",
                   "Time spent on finding the rules to try, for all together, estimated likewise.");
    metrics_seconds(buf, "hinomi_rules_search_cpu_seconds_total", NULL, search_ns);
}
