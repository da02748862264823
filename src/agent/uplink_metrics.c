/*
 * uplink_metrics: figures of the spool, the uplink, the bundles and the activity.
 */
#include "agent/uplink_daemon.h"

#include "agent/metrics.h"

static void put_spool(struct server_link *l, struct buf *buf)
{
    static const char *const bands[SPOOL_BANDS] = { "activity", "info",     "low", "medium",
                                                    "high",     "critical", "gap" };
    static const char name[] = "hinomi_spool_dropped_total";
    struct spool_stats s;
    spool_get_stats(l->spool, &s);
    metrics_gauge(buf, "hinomi_spool_bytes", "Bytes of the spool's files.", s.bytes);
    metrics_gauge(buf, "hinomi_spool_max_bytes", "What they may become.", s.max_bytes);
    metrics_gauge(buf, "hinomi_spool_records", "Records that the server does not have yet.",
                  s.records);
    metrics_gauge(buf, "hinomi_spool_full", "1 while the least severe are dropped.", s.full);
    metrics_counter(buf, "hinomi_spool_appended_total", "Number of the newest record.", s.appended);
    metrics_counter(buf, "hinomi_spool_acknowledged_total", "Number of the last acknowledged one.",
                    s.acknowledged);
    metrics_counter(buf, "hinomi_spool_syncs_total", "Syncs to the disk.", s.syncs);
    metrics_counter(buf, "hinomi_spool_errors_total", "Writes and syncs that failed.",
                    s.write_errors + s.sync_errors);
    metrics_family(buf, name, "counter", "Records dropped, by severity.");
    for (unsigned band = 0; band < SPOOL_BANDS; band++) {
        const struct metrics_label labels[] = { { "severity", str_of(bands[band]) },
                                                { NULL, { 0 } } };
        metrics_u64(buf, name, labels, s.dropped[band]);
    }
}

static void put_uplink(struct server_link *l, struct buf *buf)
{
    struct uplink_stats s;
    uplink_get_stats(l->uplink, &s);
    metrics_gauge(buf, "hinomi_uplink_connected", "1 when the server answered last.",
                  s.state == UPLINK_CONNECTED);
    metrics_counter(buf, "hinomi_uplink_batches_total", "Batches sent.", s.batches);
    metrics_counter(buf, "hinomi_uplink_records_total", "Records acknowledged.", s.records);
    metrics_counter(buf, "hinomi_uplink_resends_total", "Batches sent again.", s.resends);
    metrics_counter(buf, "hinomi_uplink_refused_total", "Records that the server refused.",
                    s.refused);
    metrics_counter(buf, "hinomi_uplink_failures_total", "Requests that failed.", s.failures);
    metrics_counter(buf, "hinomi_uplink_heartbeats_total", "Heartbeats.", s.heartbeats);
    metrics_counter(buf, "hinomi_uplink_processes_total", "Starts of the uplink's process.",
                    s.workers);
}

static void put_bundles(struct server_link *l, struct buf *buf)
{
    struct bundles_stats s;
    bundles_get_stats(l->bundles, &s);
    metrics_gauge(buf, "hinomi_bundle_version", "Of the server's rules in force.", s.version);
    metrics_gauge(buf, "hinomi_bundle_ok", "0 when a newer one was refused.", s.ok);
    metrics_counter(buf, "hinomi_bundles_applied_total", "Rules of the server put in force.",
                    s.applied);
    metrics_counter(buf, "hinomi_bundles_refused_total", "Those that were refused.", s.refused);
    metrics_family(buf, "hinomi_bundle_apply_seconds", "gauge",
                   "From receipt to in force, the last time.");
    metrics_seconds(buf, "hinomi_bundle_apply_seconds", NULL, s.last_ns);
}

static void put_activity(struct server_link *l, struct buf *buf)
{
    static const char name[] = "hinomi_activity_total";
    struct activity_stats s;
    activity_get_stats(l->activity, &s);
    metrics_family(buf, name, "counter", "Records of activity, by what came of them.");
    for (unsigned k = 0; k < ACTIVITY_KINDS; k++) {
        struct metrics_label labels[] = { { "kind", str_of(activity_kind_text(k)) },
                                          { "result", STR("sent") },
                                          { NULL, { 0 } } };
        metrics_u64(buf, name, labels, s.sent[k]);
        labels[1].value = STR("lost");
        metrics_u64(buf, name, labels, s.lost[k]);
    }
}

void server_metrics(struct server_link *l, struct buf *buf)
{
    if (l->spool) {
        put_spool(l, buf);
    }
    if (l->uplink) {
        put_uplink(l, buf);
    }
    if (l->bundles) {
        put_bundles(l, buf);
    }
    if (l->activity) {
        put_activity(l, buf);
    }
}

const char *server_trouble(struct server_link *l)
{
    struct uplink_stats uplink = { 0 };
    struct bundles_stats bundles = { .ok = true };
    struct spool_stats spool = { 0 };
    if (l->lacking[0]) {
        return l->lacking;
    }
    if (!l->uplink || !l->bundles) {
        return NULL;
    }
    uplink_get_stats(l->uplink, &uplink);
    bundles_get_stats(l->bundles, &bundles);
    spool_get_stats(l->spool, &spool);
    switch (uplink.state) {
    case UPLINK_REVOKED:
        return "the server has revoked this agent: older rules go on, alerts stay in the spool";
    case UPLINK_CLONED:
        return "the server holds this agent for cloned: alerts stay in the spool";
    case UPLINK_TOKEN_REFUSED:
        return "this agent is not enrolled: alerts stay in the spool";
    case UPLINK_CUT_OFF:
        return "the server cannot be reached: alerts stay in the spool";
    default:
        return spool.full    ? "the spool is full: the least severe records are dropped"
               : !bundles.ok ? "newer rules of the server were refused: older ones go on"
                             : NULL;
    }
}
