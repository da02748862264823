/*
 * daemon_sensor_stats: the sensors' figures. One line of a table per figure: its place in the sensor's own
 * statistics, its name, what it is.
 */
#include "agent/daemon_sensors.h"

#include "agent/metrics.h"
#include "base/arena.h"
#include "base/cleanup.h"

struct figure {
    size_t at; /* of a uint64_t */
    const char *name, *help;
    bool is_gauge;
};

#define COUNTER(type, prefix, member, what, text)                                                  \
    {                                                                                              \
        offsetof(struct type, member), "hinomi_" prefix "_" what, text, false                      \
    }
#define NOTIFY(member, what, text)   COUNTER(handoff_stats, "notify", member, what, text)
#define EACH(member, what, text)     COUNTER(notify_stats, "notify_container", member, what, text)
#define PTRACE(member, what, text)   COUNTER(ptrace_stats, "ptrace", member, what, text)
#define DISCOVER(member, what, text) COUNTER(discover_stats, "discover", member, what, text)
#define DNS(member, what, text)      COUNTER(dns_stats, "dns", member, what, text)

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

/* Of one application. */
static const struct figure container_figures[] = {
    EACH(notifications, "calls_total", "Calls of an application that stopped for the sensor."),
    EACH(events, "events_total", "Events made of them."),
    EACH(exact, "exact_total", "Of them, those whose result was waited for."),
    EACH(denied, "denied_total", "Of them, those refused because a rule says so."),
    EACH(tampering, "tampering_total", "Of them, those aimed at the agent or a holder."),
    EACH(stuck, "stuck_total", "Of them, those let go unseen."),
    EACH(unreadable, "unreadable_total", "Of them, those whose arguments could not be read."),
};

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

static uint64_t value_of(const void *stats, const struct figure *figure)
{
    uint64_t value;
    memcpy(&value, (const char *)stats + figure->at, sizeof(value));
    return value;
}

static void put(struct buf *buf, const void *stats, const struct figure *figures, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        (figures[i].is_gauge ? metrics_gauge : metrics_counter)(
            buf, figures[i].name, figures[i].help, value_of(stats, &figures[i]));
    }
}

/* By the process too: a container may have several, and they end at times of their own. */
static void put_containers(const struct sensors *s, struct buf *buf)
{
    CLEANUP(cleanup_free)
    struct handoff_figures *all = mem_alloc(HANDOFF_CONTAINERS_MAX * sizeof(*all));
    uint32_t n = all ? handoff_get_figures(s->handoff, all, HANDOFF_CONTAINERS_MAX) : 0;
    for (size_t f = 0; n && f < COUNT(container_figures); f++) {
        const struct figure *figure = &container_figures[f];
        metrics_family(buf, figure->name, "counter", figure->help);
        for (uint32_t i = 0; i < n; i++) {
            char pid[24];
            snprintf(pid, sizeof(pid), "%lld", (long long)all[i].pid);
            const struct metrics_label labels[] = { { "container", str_of(all[i].id) },
                                                    { "pid", str_of(pid) },
                                                    { NULL, { 0 } } };
            metrics_u64(buf, figure->name, labels, value_of(&all[i].sensor, figure));
        }
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
        put_containers(s, buf);
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
