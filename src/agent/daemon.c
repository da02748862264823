/*
 * daemon: starts in the order in which things need each other, stops in the opposite one.
 *
 *     settings, output, metrics' socket     with all rights
 *     privileges_drop()
 *     rules, engine, sensors, metrics       threads, signals blocked in all of them
 *
 * Signals are waited for by the main thread alone.
 */
#include "agent/daemon_internal.h"

#include "agent/privileges.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "sensor/notify/feature.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define LOG_TEXT_MAX ((size_t)16 << 20)

void daemon_log_lines(const struct buf *text)
{
    struct str rest = buf_str(text);
    while (rest.n) {
        ptrdiff_t end = str_find_char(rest, '\n');
        struct str line = end < 0 ? rest : str_first(rest, (size_t)end);
        rest = str_from_offset(rest, line.n + 1);
        log_error("%.*s", STR_ARG(line));
    }
}

/* Logs what came up; the exit status. */
static int told(const struct err *err, int status)
{
    log_error("%s", err->message);
    return status;
}

static int load_settings(struct daemon *d)
{
    struct err err = { 0 };
    struct buf text;
    buf_init(&text, LOG_TEXT_MAX);
    int r = config_load(d->source, &d->config, &text, &err);
    daemon_log_lines(&text);
    buf_done(&text);
    if (r == 0 && d->config.rules_files.n == 0 && !d->config.server_url) {
        r = err_set(&err, -EINVAL,
                    "no rules: give --rules FILE|DIRECTORY, or rules_files in the configuration");
    }
    return r < 0 ? told(&err, DAEMON_USAGE) : 0;
}

static int open_output(struct daemon *d)
{
    const char *path = d->config.output_file;
    struct err err = { 0 };
    if (path) {
        d->output = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0640);
        if (d->output < 0) {
            err_set(&err, -errno, "cannot write %s: %s", path, strerror(errno));
            return told(&err, DAEMON_FAILED);
        }
    }
    return 0;
}

static int listen_for_metrics(struct daemon *d)
{
    struct err err = { 0 };
    int r = d->config.metrics_listen
                ? metrics_http_listen(d->config.metrics_listen, &d->listening, &err)
                : 0;
    return r < 0 ? told(&err, r == -EINVAL ? DAEMON_USAGE : DAEMON_FAILED) : 0;
}

static int fork_uplink(struct daemon *d)
{
    struct err err = { 0 };
    d->server.config = &d->config;
    d->server.use = daemon_use_rules;
    d->server.describe = daemon_describe;
    d->server.data = d;
    int r = server_fork(&d->server, &err);
    return r < 0 ? told(&err, r == -EINVAL ? DAEMON_USAGE : DAEMON_FAILED) : 0;
}

static int load_rules_of(struct daemon *d, const char *path, struct err *err)
{
    struct buf text;
    buf_init(&text, LOG_TEXT_MAX);
    int r = loaded_rules_of_path(&d->config, path, &d->rules, &text, err);
    daemon_log_lines(&text);
    buf_done(&text);
    return r;
}

/* Those the server sent last, else those of the settings. */
static int load_first_rules(struct daemon *d)
{
    struct err err = { 0 };
    char path[PATH_MAX];
    server_rules_path(&d->server, path, sizeof(path));
    if (path[0] && load_rules_of(d, path, &err) == 0) {
        bundle_version(d->config.spool_dir, &d->bundle);
        return 0;
    }
    if (path[0]) {
        log_error("the server's rules that were kept cannot be used: %s", err.message);
        snprintf(d->server.rejected, sizeof(d->server.rejected), "%s", err.message);
    }
    return load_rules_of(d, NULL, &err) < 0 ? told(&err, DAEMON_FAILED) : 0;
}

/* Under the engine's lock. */
static void judge(void *data, const struct rule *rule, struct view *view, struct alert_verdict *ret)
{
    const struct daemon *d = data;
    struct policy_verdict verdict;
    policies_judge(engine_rules(d->engine)->policies, rule, view, &verdict);
    *ret = (struct alert_verdict){
        .policy = verdict.policy ? verdict.policy->name : (struct str){ 0 },
        .severity = verdict.policy ? verdict.severity : ALERT_BY_PRIORITY,
    };
}

/* What an engine needs that is there before it. */
static int prepare_engine(struct daemon *d)
{
    struct err err = { 0 };
    d->responders.config = &d->config;
    int r = responders_new(&d->responders, &err);
    if (r < 0) {
        return told(&err, r == -EINVAL ? DAEMON_USAGE : DAEMON_FAILED);
    }
    struct str id = server_agent_id(&d->server);
    r = alert_hinomi_init(&d->hinomi, id.n ? id : str_of(d->config.agent_id), &err);
    d->responders.activity = d->server.activity;
    d->hinomi.judge = judge;
    d->hinomi.data = d;
    return r < 0 ? told(&err, DAEMON_FAILED) : 0;
}

static uint64_t clock_of_costs(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

static int make_engine(struct daemon *d)
{
    struct err err = { 0 };
    const struct engine_config config = {
        .rules = loaded_rules_of(d->rules),
        .options = { .matcher = { .all = d->config.rule_matching == CONFIG_MATCH_ALL,
                                  .clock = clock_of_costs },
                     .format = { .json = d->config.output == CONFIG_OUTPUT_JSON,
                                 .hinomi = &d->hinomi },
                     .hooks = server_hooks(&d->server),
                     .more_fields = d->config.server_url },
        .all_calls = d->config.calls == CONFIG_CALLS_ALL,
        .names = d->config.dns,
        .output = d->output < 0 ? STDOUT_FILENO : d->output,
        .watch = responders_watch(&d->responders),
        .keep = server_keep(&d->server),
    };
    int r = engine_new(&config, &d->engine, &err);
    r = r == 0 ? responders_start(&d->responders, d->engine, &err) : r;
    if (r < 0) {
        return told(&err, DAEMON_FAILED);
    }
    responders_rules_changed(&d->responders);
    return 0;
}

static int serve_metrics(struct daemon *d)
{
    const struct metrics_http_pages pages = { daemon_metrics, daemon_health, d };
    struct err err = { 0 };
    if (d->listening < 0) {
        return 0;
    }
    int r = metrics_http_new(TAKE_FD(d->listening), &pages, &d->http, &err);
    return r < 0 ? told(&err, DAEMON_FAILED) : 0;
}

static int start_sensors(struct daemon *d)
{
    struct err err = { 0 };
    d->sensors.config = &d->config;
    d->sensors.engine = d->engine;
    d->sensors.responders = &d->responders;
    d->sensors.uplink = d->server.pid;
    d->sensors.deny = loaded_rules_deny(d->rules);
    int r = sensors_start(&d->sensors, &err);
    return r < 0 ? told(&err, r == -ENOTSUP ? DAEMON_LACKS : DAEMON_FAILED) : 0;
}

static int drop_rights(void)
{
    struct err err = { 0 };
    return privileges_drop(&err) < 0 ? told(&err, DAEMON_FAILED) : 0;
}

static int start(struct daemon *d)
{
    int r = load_settings(d);
    r = r == 0 ? open_output(d) : r;
    r = r == 0 ? listen_for_metrics(d) : r;
    r = r == 0 ? fork_uplink(d) : r;
    if (r == 0) {
        d->sensors.features = feature_probe();
        r = drop_rights();
    }
    if (r == 0) {
        server_open(&d->server);
    }
    r = r == 0 ? load_first_rules(d) : r;
    r = r == 0 ? prepare_engine(d) : r;
    r = r == 0 ? make_engine(d) : r;
    r = r == 0 ? start_sensors(d) : r;
    if (r == 0) {
        server_start(&d->server, d->engine, d->responders.respond);
    }
    return r == 0 ? serve_metrics(d) : r;
}

static void say_ready(const struct daemon *d)
{
    char storage[512];
    struct buf sensors;
    buf_init_fixed(&sensors, storage, sizeof(storage));
    sensors_describe(&d->sensors, &sensors);
    log_info("ready: %u of %u rules; sensors: %.*s", d->rules->enabled, d->rules->ruleset->nrules,
             STR_ARG(buf_str(&sensors)));
    if (d->rules->enabled == 0) {
        log_warning("there are no rules: nothing is detected%s",
                    d->config.server_url ? " until the server sends some" : "");
    }
}

/* SIGHUP reloads; returns at SIGTERM or SIGINT. */
static void serve(struct daemon *d, const sigset_t *signals)
{
    for (;;) {
        int signal = sigwaitinfo(signals, NULL);
        if (signal == SIGHUP) {
            daemon_reload(d);
        } else if (signal == SIGTERM || signal == SIGINT) {
            log_info("stopping: %s", signal == SIGTERM ? "SIGTERM" : "SIGINT");
            return;
        }
    }
}

static void too_slow(int signal)
{
    static const char text[] = "hinomi-agent: error: stopping took too long: alerts may be lost\n";
    (void)signal;
    (void)!write(STDERR_FILENO, text, sizeof(text) - 1);
    _exit(DAEMON_FAILED);
}

/* Whoever reads the alerts may never read again. */
static void limit_stop(void)
{
    struct sigaction action = { .sa_handler = too_slow };
    sigset_t alarm_only;
    sigemptyset(&alarm_only);
    sigaddset(&alarm_only, SIGALRM);
    sigaction(SIGALRM, &action, NULL);
    sigprocmask(SIG_UNBLOCK, &alarm_only, NULL);
    alarm(DAEMON_STOP_S);
}

static void report_losses(struct daemon *d)
{
    struct engine_stats stats = { 0 };
    engine_get_stats(d->engine, &stats);
    if (stats.dropped_alerts) {
        log_warning("%llu alerts or notices were lost: their reader was too slow, or gone",
                    (unsigned long long)stats.dropped_alerts);
    }
    log_info("stopped: %llu events, %llu alerts", (unsigned long long)stats.pipeline.events,
             (unsigned long long)stats.pipeline.alerts);
}

static void daemon_done(struct daemon *d)
{
    atomic_store(&d->stopping, true);
    metrics_http_free(d->http);
    sensors_done(&d->sensors);
    server_stop(&d->server);
    responders_done(&d->responders);
    if (d->engine) {
        engine_drain(d->engine);
        report_losses(d);
    }
    engine_free(d->engine);
    server_done(&d->server);
    loaded_rules_free(d->rules);
    config_done(&d->config);
    pthread_mutex_destroy(&d->rules_lock);
    pthread_mutex_destroy(&d->reload_lock);
    if (d->output >= 0) {
        close(d->output);
    }
    if (d->listening >= 0) {
        close(d->listening);
    }
}

int daemon_run(const struct settings_source *source)
{
    CLEANUP(daemon_done)
    struct daemon d = {
        .source = source, .output = -1, .listening = -1, .server = { .socket = -1 }
    };
    sigset_t all, waited;
    pthread_mutex_init(&d.rules_lock, NULL);
    pthread_mutex_init(&d.reload_lock, NULL);
    d.started_ns = clock_real_ns();
    sigemptyset(&waited);
    sigaddset(&waited, SIGHUP);
    sigaddset(&waited, SIGTERM);
    sigaddset(&waited, SIGINT);
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    int r = start(&d);
    if (r == 0) {
        say_ready(&d);
        serve(&d, &waited);
        limit_stop();
    }
    return r;
}
