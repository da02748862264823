/*
 * daemon_sensor_stats: the sensors' figures. One line of a table per figure: its place in the sensor's own
 * statistics, its name, what it is.
 */
#include "agent/daemon_sensors.h"

#include "agent/metrics.h"

struct figure {
    size_t at; /* of a uint64_t */
    const char *name, *help;
    bool is_gauge;
};

#define NOTIFY(member, what, text)                                                                 \
    {                                                                                              \
        offsetof(struct handoff_stats, member), "hinomi_notify_" what, text, false                 \
    }
#define PTRACE(member, what, text)                                                                 \
    {                                                                                              \
        offsetof(struct ptrace_stats, member), "hinomi_ptrace_" what, text, false                  \
    }
#define DNS(member, what, text)                                                                    \
    {                                                                                              \
        offsetof(struct dns_stats, member), "hinomi_dns_" what, text, false                        \
    }

static const struct figure notify_figures[] = {
    NOTIFY(joined, "joined_total", "Applications handed over at their start."),
    NOTIFY(resumed, "resumed_total", "Applications taken over while they ran."),
    NOTIFY(left, "left_total", "Applications that ended."),
    NOTIFY(refused, "refused_total", "Connections refused."),
    NOTIFY(unwatched, "unwatched_total", "Applications that could have no filter."),
    NOTIFY(doubted, "unprotected_holders_total", "Holders that could not be told for holders."),
    NOTIFY(closed, "closed_total", "Connections closed unheard: their container made too many."),
    NOTIFY(local, "local_total", "Applications that watch themselves."),
    NOTIFY(refused_calls, "gap_refused_calls_total", "Calls refused while no agent answered."),
    NOTIFY(sensor.notifications, "calls_total", "Calls that stopped for the sensor."),
    NOTIFY(sensor.events, "events_total", "Events made of them."),
    NOTIFY(sensor.exact, "exact_total", "Calls whose result was waited for."),
    NOTIFY(sensor.predicted, "predicted_total", "Calls whose result was predicted."),
    NOTIFY(sensor.denied, "denied_total", "Calls refused because a rule says so."),
    NOTIFY(sensor.skipped, "skipped_total", "Calls that no rule could match."),
    NOTIFY(sensor.interrupted, "interrupted_total", "Calls that a signal took back."),
    NOTIFY(sensor.tampering, "tampering_total", "Calls refused: aimed at the agent or a holder."),
    NOTIFY(sensor.stuck, "stuck_total", "Calls let go unseen: reading their arguments hung."),
    NOTIFY(sensor.unreadable, "unreadable_total", "Calls whose arguments could not be read."),
    NOTIFY(sensor.refused_trace, "untraced_total", "Calls that could not be run in exact mode."),
};

static const struct figure ptrace_figures[] = {
    PTRACE(stops, "stops_total", "Stops of watched tasks."),
    PTRACE(calls, "calls_total", "Calls among them."),
    PTRACE(events, "events_total", "Events made of them."),
    PTRACE(exact, "exact_total", "Calls whose result was waited for."),
    PTRACE(predicted, "predicted_total", "Calls whose result was predicted."),
    PTRACE(denied, "denied_total", "Calls refused because a rule says so."),
    PTRACE(skipped, "skipped_total", "Calls that no rule could match."),
    PTRACE(tampering, "tampering_total", "Calls refused: aimed at the agent."),
    PTRACE(unreadable, "unreadable_total", "Calls whose arguments could not be read."),
    PTRACE(crowded, "late_total", "Calls whose arguments were read when they had returned."),
    PTRACE(lost, "lost_total", "Tasks beyond the limit, not watched."),
    { offsetof(struct ptrace_stats, tasks), "hinomi_ptrace_tasks", "Tasks watched.", true },
};

#define DISCOVER(member, what, text)                                                               \
    {                                                                                              \
        offsetof(struct discover_stats, member), "hinomi_discover_" what, text, false              \
    }

static const struct figure discover_figures[] = {
    DISCOVER(looks, "looks_total", "Looks over /proc."),
    DISCOVER(examined, "examined_total", "Processes examined."),
    DISCOVER(found, "found_total", "Processes in watched containers that no sensor watched."),
    DISCOVER(taken, "taken_total", "Of them, those that the ptrace sensor took."),
    DISCOVER(unwatched, "unwatched_total", "Of them, those that nobody watches."),
    DISCOVER(interactive, "interactive_total", "Interactive sessions from outside."),
    DISCOVER(forgotten, "forgotten_total", "Processes beyond what is remembered."),
};

static const struct figure dns_figures[] = {
    DNS(packets, "packets_total", "Packets looked at."),
    DNS(dropped, "dropped_total", "Packets lost because the parser was too slow."),
    DNS(malformed, "malformed_total", "Messages that are none."),
    DNS(fragments, "fragments_total", "Fragments of packets."),
    DNS(gaps, "gaps_total", "Gaps in TCP streams."),
    DNS(unsent, "unsent_total", "Reports lost."),
    DNS(refused, "refused_total", "Reports that the parser should not have sent."),
    DNS(queries, "queries_total", "Queries."),
    DNS(answers, "answers_total", "Answers."),
    DNS(hellos, "client_hellos_total", "TLS ClientHellos."),
    DNS(unasked, "unasked_total", "Answers to nobody's query; not believed."),
    DNS(unowned, "unowned_total", "Messages whose process is not known."),
    DNS(learned, "learned_total", "Addresses that got a name."),
    DNS(restarts, "restarts_total", "Restarts of the parser's process."),
    { offsetof(struct dns_stats, names), "hinomi_dns_names", "Addresses with a name now.", true },
};

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

static void put(struct buf *buf, const void *stats, const struct figure *figures, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t value;
        memcpy(&value, (const char *)stats + figures[i].at, sizeof(value));
        (figures[i].is_gauge ? metrics_gauge : metrics_counter)(buf, figures[i].name,
                                                                figures[i].help, value);
    }
}

static void put_up(const struct sensors *s, struct buf *buf)
{
    static const char name[] = "hinomi_sensor_up";
    const struct {
        const char *sensor;
        bool up;
    } sensors[] = { { "notify", s->handoff }, { "ptrace", s->ptrace }, { "dns", s->dns } };
    metrics_family(buf, name, "gauge", "1 for a sensor that runs.");
    for (size_t i = 0; i < COUNT(sensors); i++) {
        const struct metrics_label labels[2] = { { "sensor", str_of(sensors[i].sensor) } };
        metrics_u64(buf, name, labels, sensors[i].up);
    }
}

void sensors_metrics(const struct sensors *s, struct buf *buf)
{
    put_up(s, buf);
    if (s->handoff) {
        struct handoff_stats stats = { 0 };
        handoff_get_stats(s->handoff, &stats);
        metrics_gauge(buf, "hinomi_notify_containers", "Applications watched.", stats.containers);
        metrics_gauge(buf, "hinomi_notify_pending", "Applications being handed over.",
                      stats.pending);
        put(buf, &stats, notify_figures, COUNT(notify_figures));
    }
    if (s->ptrace) {
        struct ptrace_stats stats = { 0 };
        ptrace_get_stats(s->ptrace, &stats);
        put(buf, &stats, ptrace_figures, COUNT(ptrace_figures));
    }
    if (s->discover) {
        struct discover_stats stats = { 0 };
        discover_get_stats(s->discover, &stats);
        put(buf, &stats, discover_figures, COUNT(discover_figures));
    }
    if (s->dns) {
        struct dns_stats stats = { 0 };
        dns_get_stats(s->dns, &stats);
        put(buf, &stats, dns_figures, COUNT(dns_figures));
    }
}
