/*
 * daemon_sensors: starts what works, says what does not, and what joins and leaves.
 *
 *     notify    applications that a shim hands over; the default where there is user notification
 *     ptrace    those that could not be given a filter
 *     dns       names, of all of them
 *     discover  processes in their containers that entered from outside: for ptrace. Where there is no notify,
 *               all processes in other containers than this one
 *
 * With the priority `availability` an agent that can watch nothing stays: where it is an essential container its
 * end would be the end of the task. With `security`, or when one sensor is asked for by name, it does not start.
 */
#include "agent/daemon_sensors.h"

#include "agent/daemon_watch.h"
#include "agent/privileges.h"
#include "agent/respond_limit.h"
#include "base/log.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <unistd.h>

#define NOTIFY_NEEDS (FEATURE_NOTIFY | FEATURE_CONTINUE)
#define DNS_DRAIN_MS 500

static void lacks(struct sensors *s, const char *sensor, const char *why)
{
    size_t n = strlen(s->lacking);
    log_warning("%s: %s", sensor, why);
    snprintf(s->lacking + n, sizeof(s->lacking) - n, "%s%s: %s", n ? "; " : "", sensor, why);
}

static void start_dns(struct sensors *s)
{
    struct err err = { 0 };
    const struct dns_config config = { .state = engine_state(s->engine),
                                       .sink = *engine_sink(s->engine),
                                       .lock = engine_lock(s->engine),
                                       .tls = true };
    if (s->config->dns && dns_new(&config, &s->dns, &err) < 0) {
        lacks(s, "dns", err.message);
    }
}

static int64_t dns_pid(const struct sensors *s)
{
    int64_t pid = s->dns ? dns_parser_pid(s->dns) : -1;
    return pid > 0 ? pid : 0;
}

static void start_ptrace(struct sensors *s)
{
    struct err err = { 0 };
    struct ptrace_config config = { .state = engine_state(s->engine),
                                    .sink = *engine_sink(s->engine),
                                    .lock = engine_lock(s->engine),
                                    .deny = s->deny,
                                    .exit_kill = s->config->priority == CONFIG_SECURITY,
                                    .every_call = engine_keeps_all(s->engine),
                                    .protected = { getpid(), dns_pid(s), s->uplink },
                                    .also_protected = s->holders,
                                    .nalso_protected = HANDOFF_CONTAINERS_MAX };
    engine_calls(s->engine, &config.calls);
    if (s->config->sensor == CONFIG_SENSOR_NOTIFY) {
        return;
    }
    if (!(s->features & FEATURE_PTRACE_SEIZE) || !privileges_has(CAP_SYS_PTRACE)) {
        lacks(s, "ptrace", "needs CAP_SYS_PTRACE, and that tracing is not forbidden here");
    } else if (ptrace_new(&config, &s->ptrace, &err) < 0) {
        lacks(s, "ptrace", err.message);
    }
}

/* Holders have no filter, and must not stop when this process does. What is taken for one without being
 * protected is seized as any other. */
static bool is_covered(void *data, int64_t pid)
{
    const struct sensors *s = data;
    return respond_is_protected(s->responders->respond, pid) ||
           (s->ptrace && ptrace_has(s->ptrace, pid));
}

static int seize(void *data, const struct discover_found *found)
{
    const struct sensors *s = data;
    return s->ptrace ? ptrace_attach(s->ptrace, found->pid, NULL) : -ENODEV;
}

/* Nobody hands applications over. */
static bool is_alone(const struct sensors *s)
{
    return s->ptrace && (s->config->sensor == CONFIG_SENSOR_PTRACE ||
                         (s->features & NOTIFY_NEEDS) != NOTIFY_NEEDS);
}

static void start_discover(struct sensors *s)
{
    struct err err = { 0 };
    const struct discover_config config = { .engine = s->engine,
                                            .everything = is_alone(s),
                                            .covered = is_covered,
                                            .found = seize,
                                            .data = s };
    if (discover_new(&config, &s->discover, &err) < 0) {
        lacks(s, "discovery", err.message);
    }
}

static void start_notify(struct sensors *s)
{
    struct err err = { 0 };
    const struct handoff_config config = { .path = s->config->socket,
                                           .engine = s->engine,
                                           .features = s->features,
                                           .deny = s->deny,
                                           .protected = { dns_pid(s), s->uplink },
                                           .holders = s->holders,
                                           .watch = { .changed = watch_changed,
                                                      .gap = watch_gap,
                                                      .is_outsider = watch_is_outsider,
                                                      .is_traced = watch_is_traced,
                                                      .data = s } };
    if (s->config->sensor == CONFIG_SENSOR_PTRACE) {
        return;
    }
    if ((s->features & NOTIFY_NEEDS) != NOTIFY_NEEDS) {
        lacks(s, "notify", "this kernel or container has no seccomp user notification");
    } else if (handoff_new(&config, &s->handoff, &err) < 0) {
        lacks(s, "notify", err.message);
    }
}

static bool has_what_is_wanted(const struct sensors *s)
{
    switch (s->config->sensor) {
    case CONFIG_SENSOR_NOTIFY:
        return s->handoff;
    case CONFIG_SENSOR_PTRACE:
        return s->ptrace;
    default:
        return sensors_any(s) || s->config->priority == CONFIG_AVAILABILITY;
    }
}

int sensors_start(struct sensors *s, struct err *err)
{
    start_dns(s);
    start_ptrace(s);
    start_discover(s);
    start_notify(s);
    return has_what_is_wanted(s) ? 0 : err_set(err, -ENOTSUP, "cannot watch: %s", s->lacking);
}

void sensors_done(struct sensors *s)
{
    handoff_free(s->handoff);
    discover_free(s->discover);
    if (s->ptrace) {
        ptrace_drain(s->ptrace);
    }
    ptrace_free(s->ptrace);
    if (s->dns) {
        dns_drain(s->dns, DNS_DRAIN_MS);
    }
    dns_free(s->dns);
    limits_free(s->doubts);
}

void sensors_set_deny(struct sensors *s, bool deny)
{
    s->deny = deny;
    if (s->handoff) {
        handoff_set_deny(s->handoff, deny);
    }
    if (s->ptrace) {
        ptrace_set_deny(s->ptrace, deny);
    }
}

bool sensors_any(const struct sensors *s)
{
    return s->handoff || s->ptrace;
}

void sensors_describe(const struct sensors *s, struct buf *buf)
{
    if (s->handoff) {
        buf_printf(buf, "notify on %s", s->config->socket);
    }
    if (s->ptrace) {
        buf_printf(buf, "%sptrace", buf->n ? ", " : "");
    }
    if (s->dns) {
        buf_printf(buf, "%sdns", buf->n ? ", " : "");
    }
    if (!buf->n) {
        buf_puts(buf, STR("none"));
    }
}
