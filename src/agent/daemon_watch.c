/*
 * daemon_watch: applications that join, leave, or cannot be watched, and gaps in what was seen of them.
 *
 * Joining and leaving is logged. What means that something is not seen is a notice among the alerts. An
 * application that could have no filter is seized by the ptrace sensor where that is there. Texts of an
 * application are what it says of itself.
 */
#include "agent/daemon_watch.h"

#include "agent/daemon_sensors.h"
#include "agent/notice.h"
#include "agent/respond_limit.h"
#include "base/clock.h"
#include "base/log.h"
#include "sensor/notify/call.h"

#include <errno.h>
#include <stdio.h>

#define CALLS_NAMED       12 /* of a gap */
#define DOUBTS_PER_MINUTE 10 /* told of one container */

struct who {
    struct str command, host, container; /* container: its id, or empty */
};

static struct who who_of(const struct handoff_container *c)
{
    const struct wire_hello *hello = c->hello;
    struct str cgroup = str_until_nul(hello->cgroup, sizeof(hello->cgroup));
    return (struct who){ .command = handoff_argument(hello, 0),
                         .host = str_until_nul(hello->host, sizeof(hello->host)),
                         .container = c->id[0] ? str_of(c->id) : cgroup_container_id(cgroup) };
}

/* What is not as it should be with an application. */
struct trouble {
    const char *rule, *what, *why;
};

static void say(struct sensors *s, const struct handoff_container *c, const struct trouble *t)
{
    struct who who = who_of(c);
    char storage[1024];
    struct buf message;
    buf_init_fixed(&message, storage, sizeof(storage));
    buf_printf(&message, "%s: %s (reason=%s command=%.*s pid=%lld holder=%lld container=%.*s)",
               t->rule, t->what, t->why, STR_ARG(who.command), (long long)c->pid,
               (long long)c->holder, STR_ARG(who.container.n ? who.container : STR("<NA>")));
    const struct notice_field fields[] = {
        { "unwatched.reason", NOTICE_TEXT, str_of(t->why), 0 },
        { "proc.pid", NOTICE_NUMBER, { 0 }, (uint64_t)c->pid },
        { "holder.pid", NOTICE_NUMBER, { 0 }, (uint64_t)c->holder },
        { "proc.exe", NOTICE_TEXT, who.command, 0 },
        { "container.id", who.container.n ? NOTICE_TEXT : NOTICE_NULL, who.container, 0 },
        { "container.hostname", NOTICE_TEXT, who.host, 0 },
    };
    notice_say(s->engine, &(struct notice){ .rule = t->rule,
                                            .priority = PRIORITY_WARNING,
                                            .message = buf_str(&message),
                                            .fields = fields,
                                            .nfields = sizeof(fields) / sizeof(*fields) });
}

static void say_unwatched(struct sensors *s, const struct handoff_container *c, const char *what,
                          const char *why)
{
    say(s, c, &(struct trouble){ NOTICE_UNWATCHED, what, why });
}

/* Anybody can make these happen: so many a minute and container, the rest is counted only. */
static void say_doubt(struct sensors *s, const struct handoff_container *c)
{
    uint64_t now = clock_boot_ns();
    if (!s->doubts && limits_new(DOUBTS_PER_MINUTE, &s->doubts) < 0) {
        return;
    }
    struct limit *limit =
        limits_of(s->doubts, str_from((const char *)&c->place, sizeof(c->place)), now);
    if (limit_has_room(limit, now)) {
        limit_count(limit, now);
        say(s, c,
            &(struct trouble){
                NOTICE_UNPROTECTED,
                "an application is watched, but not by a holder that is known for one", c->doubt });
    }
}

/* One that has no filter: by the other sensor, or not at all. */
static void without_filter(struct sensors *s, const struct handoff_container *c, int error)
{
    struct err err = { 0 };
    const char *why = error == EBUSY ? "another seccomp listener is there" : strerror(error);
    if (s->ptrace && c->pid > 0 && ptrace_attach(s->ptrace, c->pid, &err) == 0) {
        log_info("process %lld is watched by ptrace: %s", (long long)c->pid, why);
        return;
    }
    say_unwatched(s, c, "an application is not watched", err.code ? err.message : why);
}

/* What others have to know of an application that is watched from now on. */
static void pass_on(struct sensors *s, const struct handoff_container *c)
{
    struct who who = who_of(c);
    struct str task = str_until_nul(c->hello->task, sizeof(c->hello->task));
    struct metadata *metadata = s->responders->metadata;
    if (c->is_health_check) {
        /* it is expected to come from outside */
    } else if (c->doubt) {
        say_doubt(s, c);
    } else if (respond_protect(s->responders->respond, c->holder, c->holder_start) < 0) {
        log_warning("too many holders: process %lld is not protected", (long long)c->holder);
    }
    if (metadata && c->pid > 0 && (task.n || who.container.n)) {
        metadata_hint(metadata, c->pid, task.n ? task : who.container);
    }
    int r = s->discover && c->pid > 0 ? discover_watch(s->discover, c->pid, who.container) : 0;
    if (r < 0 && r != -EPERM) {
        log_warning("processes that enter the container of process %lld are not found: %s",
                    (long long)c->pid, strerror(-r));
    }
}

static void forget(struct sensors *s, const struct handoff_container *c)
{
    respond_release(s->responders->respond, c->holder, c->holder_start);
    if (s->discover && c->pid > 0) {
        discover_unwatch(s->discover, c->pid);
    }
}

/* Anybody can make these happen: once a second. */
static void say_refused(struct sensors *s, int error)
{
    uint64_t now = clock_boot_ns();
    if (s->refused_ns && now - s->refused_ns < NS_PER_S) {
        s->refused_quiet++;
        return;
    }
    log_warning("a connection was refused: %s", strerror(error));
    if (s->refused_quiet) {
        log_warning("%llu connections before it were refused, too",
                    (unsigned long long)s->refused_quiet);
    }
    s->refused_ns = now;
    s->refused_quiet = 0;
}

void watch_changed(void *data, enum handoff_change change, const struct handoff_container *c,
                   int error)
{
    struct sensors *s = data;
    struct who who = who_of(c);
    char text[320];
    snprintf(text, sizeof(text), "process %lld (%.*s) of %.*s", (long long)c->pid,
             STR_ARG(str_first(who.command, 128)),
             STR_ARG(who.container.n ? who.container : str_first(who.host, 64)));
    switch (change) {
    case HANDOFF_JOINED:
    case HANDOFF_RESUMED:
        log_info("%s: %s%s", text, change == HANDOFF_JOINED ? "watched" : "watched again",
                 c->other_filter ? ", by a filter made for other rules" : "");
        pass_on(s, c);
        break;
    case HANDOFF_LEFT:
        log_info("%s: ended", text);
        forget(s, c);
        break;
    case HANDOFF_DOUBTED:
        respond_release(s->responders->respond, c->holder, c->holder_start);
        say_doubt(s, c);
        break;
    case HANDOFF_HOLDER_LOST:
        respond_release(s->responders->respond, c->holder, c->holder_start);
        say_unwatched(s, c,
                      "without its holder, what an application does fails when the agent ends",
                      "the holder is gone");
        break;
    case HANDOFF_UNWATCHED:
        without_filter(s, c, error);
        break;
    case HANDOFF_LOCAL:
        log_info("%s: watches itself, for its processes are not visible here", text);
        break;
    case HANDOFF_REFUSED:
        say_refused(s, error);
        break;
    }
}

bool watch_is_outsider(void *data, int64_t pid)
{
    const struct sensors *s = data;
    return s->discover && discover_is_outsider(s->discover, pid);
}

bool watch_is_traced(void *data, int64_t tid)
{
    const struct sensors *s = data;
    return s->ptrace && ptrace_has(s->ptrace, tid);
}

/* The most frequent first. */
static void put_calls(const uint64_t *by_number, struct buf *buf)
{
    uint64_t last = UINT64_MAX;
    size_t told = 0;
    for (size_t round = 0; round < CALLS_NAMED && told < CALLS_NAMED; round++) {
        uint64_t most = 0;
        for (size_t i = 0; i < HOLDER_NUMBERS; i++) {
            most = by_number[i] < last && by_number[i] > most ? by_number[i] : most;
        }
        for (size_t i = 0; i < HOLDER_NUMBERS && most && told < CALLS_NAMED; i++) {
            if (by_number[i] == most) {
                const char *name = name_text(call_name_of_number(CALL_ARCH_NATIVE, (uint32_t)i));
                buf_printf(buf, "%s%s=%llu", told++ ? " " : "", name ? name : "other",
                           (unsigned long long)most);
            }
        }
        last = most;
    }
}

static struct str cause_text(uint32_t cause)
{
    switch (cause) {
    case GAP_AGENT_GONE:
        return STR("agent gone");
    case GAP_AGENT_STUCK:
        return STR("agent stuck");
    case GAP_AGENT_ABSENT:
        return STR("agent not there yet");
    default:
        return STR("unknown");
    }
}

bool watch_gap(void *data, const struct handoff_container *c, const struct handoff_gap *g)
{
    struct sensors *s = data;
    char storage[512];
    struct buf calls;
    buf_init_fixed(&calls, storage, sizeof(storage));
    put_calls(g->by_number, &calls);
    const struct notice_gap gap = { .start_ns = g->gap.start_ns,
                                    .end_ns = g->gap.end_ns,
                                    .cause = cause_text(g->gap.cause),
                                    .passed = g->gap.passed,
                                    .rescued = g->gap.rescued,
                                    .refused = g->gap.refused,
                                    .lost = g->lost,
                                    .calls = buf_str(&calls),
                                    .container = who_of(c).container };
    return notice_gap(s->engine, &gap) != -EAGAIN;
}
