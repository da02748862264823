/*
 * daemon_respond: puts responses, recorder and metadata around an engine, and tells their figures.
 *
 * The engine's one watcher is here: it hands each event on, under the engine's lock.
 */
#include "agent/daemon_respond.h"

#include "agent/metrics.h"
#include "base/log.h"
#include "rules/policy.h"

#include <errno.h>
#include <string.h>

static void on_event(void *data, const struct event *event, const struct rule *const *rules,
                     uint32_t nrules)
{
    struct responders *r = data;
    if (r->recorder) {
        recorder_event(r->recorder, event);
    }
    respond_event(r->respond, event, rules, nrules);
}

static void on_met(void *data, const struct thread *thread)
{
    struct responders *r = data;
    if (r->metadata) {
        metadata_met(r->metadata, thread);
    }
}

static bool on_wants(void *data, const struct thread *thread, uint16_t name, uint32_t open_flags)
{
    struct responders *r = data;
    return activity_wants(r->activity, thread, name, open_flags);
}

struct engine_watch responders_watch(struct responders *r)
{
    return (struct engine_watch){
        .event = on_event, .met = on_met, .wants = r->activity ? on_wants : NULL, .data = r
    };
}

/* -EINVAL: there is no such action. */
static int read_never(const struct setting_list *names, bool ret[RESPOND_ACTIONS], struct err *err)
{
    for (size_t i = 0; i < names->n; i++) {
        unsigned bit = 0;
        while (bit < RESPOND_ACTIONS && strcmp(names->items[i], action_text(1U << bit)) != 0) {
            bit++;
        }
        if (bit == RESPOND_ACTIONS) {
            return err_set(err, -EINVAL,
                           "`respond.never` takes deny, kill, stop, pause, capture; not `%.64s`",
                           names->items[i]);
        }
        ret[bit] = true;
    }
    return 0;
}

int responders_new(struct responders *r, struct err *err)
{
    const struct config *c = r->config;
    struct respond_config config = {
        .per_minute = { 0, c->respond_kills, c->respond_stops, c->respond_pauses,
                        c->respond_captures },
        .per_container = c->respond_per_container,
        .allow_host = c->respond_allow_host,
        .sockets = c->runtime_sockets.n ? (const char *const *)c->runtime_sockets.items : NULL,
        .nsockets = c->runtime_sockets.n,
    };
    int e = read_never(&c->respond_never, config.never, err);
    return e < 0 ? e : respond_new(&config, &r->respond, err);
}

static void start_recorder(struct responders *r, struct engine *engine)
{
    struct err err = { 0 };
    const struct recorder_config config = { .engine = engine,
                                            .folder = r->config->capture_dir,
                                            .before_s = r->config->capture_before_s,
                                            .after_s = r->config->capture_after_s,
                                            .done = respond_captured,
                                            .data = r->respond };
    if (!r->config->capture_dir) {
        return;
    }
    if (recorder_new(&config, &r->recorder, &err) < 0) {
        log_warning("no captures: %s", err.message);
    } else {
        respond_set_recorder(r->respond, r->recorder);
    }
}

static void start_metadata(struct responders *r, struct engine *engine)
{
    struct err err = { 0 };
    const struct config *c = r->config;
    const struct metadata_config config = {
        .state = engine_state(engine),
        .lock = engine_lock(engine),
        .ecs_url = c->ecs_endpoint && strcmp(c->ecs_endpoint, "none") == 0 ? "" : c->ecs_endpoint,
        .sockets = c->runtime_sockets.n ? (const char *const *)c->runtime_sockets.items : NULL,
        .nsockets = c->runtime_sockets.n,
    };
    if (metadata_new(&config, &r->metadata, &err) < 0) {
        log_warning("containers have no names: %s", err.message);
    }
}

int responders_start(struct responders *r, struct engine *engine, struct err *err)
{
    start_metadata(r, engine);
    start_recorder(r, engine);
    return respond_start(r->respond, engine, err);
}

void responders_rules_changed(struct responders *r)
{
    int e = respond_policies(r->respond);
    if (e < 0) {
        log_warning("captures are not ready: %s", strerror(-e));
    }
}

void responders_done(struct responders *r)
{
    if (r->respond) {
        respond_drain(r->respond);
    }
    recorder_free(r->recorder); /* reports what it finishes */
    if (r->respond) {
        respond_drain(r->respond);
    }
    respond_free(r->respond);
    metadata_free(r->metadata);
}

static void put_actions(const struct responders *r, struct buf *buf)
{
    static const char name[] = "hinomi_responses_total";
    struct respond_stats stats = { 0 };
    respond_get_stats(r->respond, &stats);
    metrics_family(buf, name, "counter", "What policies asked for, by what came of it.");
    for (unsigned a = 0; a < RESPOND_ACTIONS; a++) {
        for (unsigned result = 0; result < RESPOND_RESULTS; result++) {
            const struct metrics_label labels[] = {
                { "action", str_of(action_text(1U << a)) },
                { "result", str_of(respond_result_text(result)) },
                { NULL, { 0 } },
            };
            metrics_u64(buf, name, labels, stats.counts[a][result]);
        }
    }
}

static void put_recorder(const struct responders *r, struct buf *buf)
{
    struct recorder_stats s = { 0 };
    recorder_get_stats(r->recorder, &s);
    metrics_gauge(buf, "hinomi_capture_on", "1 while a policy wants captures.", s.on);
    metrics_counter(buf, "hinomi_captures_total", "Captures written.", s.files);
    metrics_counter(buf, "hinomi_captures_failed_total", "Captures that failed.", s.failed);
    metrics_counter(buf, "hinomi_captures_removed_total", "Captures removed to make room.",
                    s.removed);
    metrics_counter(buf, "hinomi_capture_left_out_total", "Events too large for a capture.",
                    s.left_out);
}

static void put_metadata(const struct responders *r, struct buf *buf)
{
    struct metadata_stats s = { 0 };
    metadata_get_stats(r->metadata, &s);
    metrics_gauge(buf, "hinomi_metadata_ecs", "1 when there is an ECS metadata endpoint.", s.ecs);
    metrics_counter(buf, "hinomi_metadata_ecs_requests_total", "Requests to it.", s.ecs_asked);
    metrics_counter(buf, "hinomi_metadata_ecs_failed_total", "Of them, failed ones.", s.ecs_failed);
    metrics_counter(buf, "hinomi_metadata_runtime_requests_total",
                    "Requests to container runtimes.", s.runtime_asked);
    metrics_counter(buf, "hinomi_metadata_runtime_failed_total", "Of them, failed ones.",
                    s.runtime_failed);
    metrics_counter(buf, "hinomi_metadata_containers_total", "Containers told to the state.",
                    s.containers);
    metrics_counter(buf, "hinomi_metadata_hints_refused_total",
                    "Hints that named an unknown container.", s.hints_refused);
    metrics_counter(buf, "hinomi_metadata_dropped_total",
                    "Containers not looked at: the queue was full.", s.dropped);
}

void responders_metrics(const struct responders *r, struct buf *buf)
{
    put_actions(r, buf);
    if (r->recorder) {
        put_recorder(r, buf);
    }
    if (r->metadata) {
        put_metadata(r, buf);
    }
}
