/*
 * daemon_stats: the pages /metrics and /healthz, from what the daemon has.
 *
 * The engine's lock is held for copying only. For the health page it is waited for with a limit: an engine
 * that does not give it is the news.
 */
#include "agent/daemon_internal.h"

#include "agent/metrics.h"
#include "base/arena.h"
#include "base/cleanup.h"

#define LOCK_WAIT_S 2
#define FAILING_MAX 4

static void put_state(struct daemon *d, struct buf *buf)
{
    struct state_stats stats = { 0 };
    pthread_mutex_lock(engine_lock(d->engine));
    state_get_stats(engine_state(d->engine), &stats);
    pthread_mutex_unlock(engine_lock(d->engine));
    metrics_state(buf, &stats);
}

static void put_rules(struct daemon *d, struct buf *buf)
{
    uint64_t search_ns;
    pthread_mutex_lock(&d->rules_lock);
    const struct ruleset *ruleset = d->rules->ruleset;
    CLEANUP(cleanup_free) uint64_t *counts = mem_resize(NULL, ruleset->nrules + 1, sizeof *counts);
    if (counts) {
        engine_alerts_by_rule(d->engine, counts, ruleset->nrules);
        metrics_rules(buf, ruleset, counts);
        engine_cost_by_rule(d->engine, counts, ruleset->nrules, &search_ns);
        metrics_rule_costs(buf, ruleset, counts, search_ns);
    }
    pthread_mutex_unlock(&d->rules_lock);
}

static void put_reloads(struct daemon *d, struct buf *buf)
{
    static const char name[] = "hinomi_reloads_total";
    const struct metrics_label ok[2] = { { "result", STR("ok") } };
    const struct metrics_label failed[2] = { { "result", STR("failed") } };
    metrics_family(buf, name, "counter", "Reloads of the rules.");
    metrics_u64(buf, name, ok, atomic_load(&d->reloads));
    metrics_u64(buf, name, failed, atomic_load(&d->reloads_failed));
    metrics_gauge(buf, "hinomi_reload_last_failed", "1 when older rules run than the files have.",
                  atomic_load(&d->last_failed));
}

void daemon_metrics(void *data, struct buf *buf)
{
    struct daemon *d = data;
    struct engine_stats stats = { 0 };
    engine_get_stats(d->engine, &stats);
    metrics_engine(buf, &stats);
    put_state(d, buf);
    put_rules(d, buf);
    put_reloads(d, buf);
    sensors_metrics(&d->sensors, buf);
    responders_metrics(&d->responders, buf);
    server_metrics(&d->server, buf);
    metrics_process(buf, d->started_ns);
}

static bool engine_answers(struct daemon *d)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += LOCK_WAIT_S;
    if (pthread_mutex_timedlock(engine_lock(d->engine), &until) != 0) {
        return false;
    }
    pthread_mutex_unlock(engine_lock(d->engine));
    return true;
}

/* What keeps it from watching. */
static size_t what_fails(struct daemon *d, struct engine_stats *stats, const char *ret[FAILING_MAX])
{
    size_t n = 0;
    if (engine_answers(d)) {
        engine_get_stats(d->engine, stats);
    } else {
        ret[n++] = "no event was finished for 2 s";
    }
    if (stats->outlet.broken) {
        ret[n++] = "alerts can no longer be written to the output";
    }
    if (!sensors_any(&d->sensors)) {
        ret[n++] = "nothing can be watched here";
    }
    if (atomic_load(&d->stopping)) {
        ret[n++] = "stopping";
    }
    return n;
}

static const char no_rules[] = "there are no rules: nothing is detected";

static uint32_t rules_in_force(struct daemon *d)
{
    pthread_mutex_lock(&d->rules_lock);
    uint32_t n = d->rules->enabled;
    pthread_mutex_unlock(&d->rules_lock);
    return n;
}

void daemon_describe(void *data, struct heartbeat *heartbeat)
{
    struct daemon *d = data;
    struct engine_stats stats = { 0 };
    const char *failing[FAILING_MAX];
    struct buf sensors;
    size_t n = what_fails(d, &stats, failing);
    buf_init_fixed(&sensors, d->sensors_text, sizeof(d->sensors_text));
    sensors_describe(&d->sensors, &sensors);
    heartbeat->sensor = buf_str(&sensors);
    heartbeat->ok = n == 0 && !d->sensors.lacking[0];
    heartbeat->reason = n ? failing[0] : d->sensors.lacking;
    heartbeat->rules = rules_in_force(d);
    if (heartbeat->ok && heartbeat->rules == 0) {
        heartbeat->ok = false;
        heartbeat->reason = no_rules;
    }
}

bool daemon_health(void *data, struct buf *buf)
{
    struct daemon *d = data;
    struct engine_stats stats = { 0 };
    const char *failing[FAILING_MAX];
    size_t n = what_fails(d, &stats, failing);
    const char *trouble = server_trouble(&d->server);
    struct jsonw w = { .buf = buf };
    jsonw_object(&w, NULL);
    jsonw_strz(&w, "status", n ? "failing" : "ok");
    jsonw_array(&w, "failing");
    for (size_t i = 0; i < n; i++) {
        jsonw_strz(&w, NULL, failing[i]);
    }
    jsonw_end(&w);
    jsonw_array(&w, "warnings");
    if (atomic_load(&d->last_failed)) {
        jsonw_strz(&w, NULL, "the last reload failed: older rules run than the files have");
    }
    if (trouble) {
        jsonw_strz(&w, NULL, trouble);
    }
    if (d->sensors.lacking[0]) {
        jsonw_strz(&w, NULL, d->sensors.lacking);
    }
    if (rules_in_force(d) == 0) {
        jsonw_strz(&w, NULL, no_rules);
    }
    if (stats.dropped_alerts) {
        jsonw_strz(&w, NULL, "alerts were lost: their reader is too slow");
    }
    jsonw_end(&w);
    jsonw_end(&w);
    buf_putc(buf, '\n');
    return n == 0;
}
