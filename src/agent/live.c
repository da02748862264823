/*
 * Live: what the sensor hands over becomes state, alerts and, if wanted, a capture.
 *
 *     sensor threads ── sink (under the sensor's lock) ── pipeline ── outlet (own thread) ── descriptor
 *                                     └─ capture
 *
 * The sensor asks first (wants, preview), so that calls no rule can match cost one answer. An event that was
 * refused changes no state and is not in the capture. Alerts are formatted into one buffer that is reused.
 */
#include "agent/live.h"

#include "agent/outlet.h"
#include "agent/wants.h"
#include "base/arena.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "rules/demand.h"
#include "sensor/live/digest.h"
#include "sensor/live/task.h"
#include "sensor/live/users.h"
#include "sensor/notify/path_cache.h"
#include "sensor/replay/replay.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

#define ALERT_MAX      ((size_t)4 << 20)
#define HOSTNAME_BYTES 256

/* Of the event format's open flags. */
#define PPM_RDONLY  (1u << 0)
#define PPM_WRONLY  (1u << 1)
#define PPM_CREAT   (1u << 2)
#define PPM_TMPFILE (1u << 13)

#define CAPTURE_LEVEL 1
#define ENDING_MS     100 /* the last task's end is seen this late at most */

struct live {
    struct live_config config;
    struct state *state;
    struct pipeline *pipeline;
    struct wants *wants;
    struct digest *digest;
    struct users *users;
    struct outlet *outlet;
    struct notify *notify;
    struct filter *filter;
    struct buf text;
    uint64_t nevents;
    int capture_fd;
    struct capture_writer *capture;
    bool capture_started;
    struct err capture_err; /* the first failure of writing it */
    char hostname[HOSTNAME_BYTES];
};

CLEANUP_DEFINE(struct live, live_free);

static int sha256_of(void *data, const struct thread *thread, char ret_hex[64])
{
    struct live *live = data;
    return digest_of_exe(live->digest, thread->pid, ret_hex);
}

static void keep_in_capture(struct live *live, const struct event *event)
{
    if (!live->capture || live->capture_err.code) {
        return;
    }
    if (!live->capture_started) {
        live->capture_started = true;
        capture_write_state(live->capture, live->state, &live->capture_err);
    }
    if (!live->capture_err.code) {
        capture_write_event(live->capture, event, &live->capture_err);
    }
}

static void put_alerts(struct live *live)
{
    if (live->text.n) {
        outlet_put(live->outlet, live->text.p, live->text.n);
        buf_clear(&live->text);
    }
}

static unsigned access_of(uint32_t open_flags)
{
    unsigned access = 0;
    if (open_flags == 0 || open_flags == SINK_OPEN_ANY) {
        return open_flags;
    }
    access |= open_flags & PPM_RDONLY ? DEMAND_READ : 0;
    access |= open_flags & PPM_WRONLY ? DEMAND_WRITE : 0;
    access |= open_flags & (PPM_CREAT | PPM_TMPFILE) ? DEMAND_CREATE | DEMAND_EXEC : 0;
    return access ? access : DEMAND_OTHER;
}

static bool sink_wants(void *data, const struct thread *thread, uint16_t name, uint32_t open_flags)
{
    struct live *live = data;
    return live->capture || wants_event(live->wants, pipeline_view(live->pipeline), thread, name,
                                        access_of(open_flags));
}

static enum verdict verdict_on(const struct live *live, uint32_t nrules)
{
    return nrules == 0 ? VERDICT_NONE : live->config.deny ? VERDICT_DENY : VERDICT_MATCH;
}

static enum verdict sink_preview(void *data, struct event *event)
{
    struct live *live = data;
    const struct rule *const *rules;
    event->num = live->nevents + 1;
    return verdict_on(live, pipeline_preview(live->pipeline, event, &rules));
}

static enum verdict sink_event(void *data, struct event *event)
{
    struct live *live = data;
    uint32_t n;
    event->num = ++live->nevents;
    if (event->outcome == OUTCOME_DENIED) {
        n = pipeline_refused(live->pipeline, event, &live->text);
    } else {
        keep_in_capture(live, event);
        n = pipeline_event(live->pipeline, event, &live->text, NULL);
    }
    put_alerts(live);
    return verdict_on(live, n);
}

static void sink_met(void *data, const struct thread *thread)
{
    struct live *live = data;
    struct str container = thread->container ? thread->container->id : (struct str){ 0 };
    users_refresh(live->users, thread->pid, container, clock_boot_ns());
}

static void choose_calls(const struct live *live, struct callset *ret)
{
    if (live->config.all_calls || live->config.capture) {
        callset_all(ret);
        return;
    }
    callset_state(ret);
    const struct demand *demand = matcher_demand(pipeline_matcher(live->pipeline));
    for (uint16_t name = 0; name < NAME_MAX_ID; name++) {
        if (demand_of(demand, name)->wanted) {
            callset_add_name(ret, name);
        }
    }
    path_cache_calls(ret);
    for (size_t i = 0; i < call_count; i++) {
        if (call_table[i].flags & CALL_TAMPERS) {
            callset_add(ret, i);
        }
    }
}

/* Which opens the rules can be about: enum filter_open, 0 any. */
static uint8_t wanted_opens(const struct live *live)
{
    static const uint16_t names[] = { NAME_open, NAME_openat };
    const struct demand *demand = matcher_demand(pipeline_matcher(live->pipeline));
    unsigned access = 0;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        const struct demand_kind *kind = demand_of(demand, names[i]);
        for (uint32_t c = 0; c < kind->nclauses; c++) {
            access |= kind->clauses[c].access;
        }
        access |= kind->everything ? UINT8_MAX : 0;
    }
    bool only_writes = access && !(access & (DEMAND_READ | DEMAND_OTHER));
    return live->config.all_calls || live->config.capture || !only_writes ? 0 : FILTER_OPEN_WRITE;
}

/* Families of sockets whose making a rule can be about: a bit each, 0 any. */
static uint64_t wanted_families(const struct live *live)
{
    const struct demand_kind *kind =
        demand_of(matcher_demand(pipeline_matcher(live->pipeline)), NAME_socket);
    uint64_t families = 0;
    for (uint32_t c = 0; c < kind->nclauses; c++) {
        const struct demand_socket *socket = kind->clauses[c].socket;
        families |= socket ? socket->families : DEMAND_FAMILY_ANY;
    }
    bool any = kind->everything || live->config.all_calls || live->config.capture;
    return any || families == DEMAND_FAMILY_ANY ? 0 : families;
}

static int make_filter(struct live *live, struct err *err)
{
    struct filter_options options = { .test_arguments = true,
                                      .deny_io_uring = live->config.deny_io_uring,
                                      .foreign = true };
    options.opens = wanted_opens(live);
    options.socket_families = wanted_families(live);
    choose_calls(live, &options.calls);
    live->filter = mem_zalloc(sizeof *live->filter);
    if (!live->filter) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    return filter_build(&options, live->filter, err);
}

static int make_engine(struct live *live, struct err *err)
{
    struct state_config config = { .sha256 = sha256_of, .data = live };
    struct pipeline_options options = live->config.options;
    int r = digest_new(&live->digest, err);
    if (r < 0) {
        return r;
    }
    if (state_new(&config, &live->state) < 0 || users_new(live->state, &live->users) < 0) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    if (options.format.hostname.n == 0 && gethostname(live->hostname, HOSTNAME_BYTES - 1) == 0) {
        options.format.hostname = str_of(live->hostname);
    }
    r = pipeline_new(live->config.ruleset, live->config.selection, live->state, &options,
                     &live->pipeline, err);
    if (r == 0 &&
        wants_new(pipeline_matcher(live->pipeline), STATE_THREADS_DEFAULT, &live->wants) < 0) {
        r = err_set(err, -ENOMEM, "out of memory");
    }
    return r;
}

static int open_capture(struct live *live, struct err *err)
{
    const char *path = live->config.capture;
    if (!path) {
        return 0;
    }
    live->capture_fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (live->capture_fd < 0) {
        return err_set(err, -errno, "cannot write %s: %s", path, strerror(errno));
    }
    int r = capture_writer_new(live->capture_fd, CAPTURE_LEVEL, &live->capture, err);
    if (r == 0) {
        capture_writer_newest(live->capture);
    }
    return r;
}

static int make_sensor(struct live *live, struct err *err)
{
    struct notify_config config = {
        .features = live->config.features,
        .state = live->state,
        .sink = { .wants = sink_wants,
                  .preview = sink_preview,
                  .event = sink_event,
                  .met = sink_met,
                  .data = live },
        .shared = live->config.shared,
        .deny = live->config.deny,
        .cache_paths = true,
        .every_call = live->capture != NULL,
    };
    config.protected[0] = getpid();
    memcpy(config.protected + 1, live->config.protected, sizeof(live->config.protected));
    return notify_new(&config, &live->notify, err);
}

int live_new(const struct live_config *config, struct live **ret, struct err *err)
{
    CLEANUP(cleanup_live_free) struct live *live = mem_zalloc(sizeof *live);
    if (!live) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    live->config = *config;
    live->capture_fd = -1;
    buf_init(&live->text, ALERT_MAX);
    int r = outlet_new(config->output, LIVE_QUEUE_MAX, &live->outlet, err);
    r = r == 0 ? make_engine(live, err) : r;
    r = r == 0 ? make_filter(live, err) : r;
    r = r == 0 ? open_capture(live, err) : r;
    r = r == 0 ? make_sensor(live, err) : r;
    if (r < 0) {
        return r;
    }
    *ret = TAKE(live);
    return 0;
}

static void finish_capture(struct live *live)
{
    if (live->capture) {
        capture_writer_finish(live->capture, &live->capture_err);
        capture_writer_free(live->capture);
        live->capture = NULL;
    }
    if (live->capture_fd >= 0) {
        close(live->capture_fd);
        live->capture_fd = -1;
    }
}

void live_free(struct live *live)
{
    if (!live) {
        return;
    }
    notify_free(live->notify);
    finish_capture(live);
    outlet_free(live->outlet);
    wants_free(live->wants);
    pipeline_free(live->pipeline);
    users_free(live->users);
    state_free(live->state);
    digest_free(live->digest);
    free(live->filter);
    buf_done(&live->text);
    free(live);
}

const struct filter *live_filter(const struct live *live)
{
    return live->filter;
}

int live_know_lineage(struct live *live, int64_t pid, struct err *err)
{
    struct live_task *task = NULL;
    int r = live_task_new(&task);
    if (r == 0) {
        r = live_lineage_add(live->state, task, pid);
        live_task_free(task);
    }
    if (r < 0) {
        return err_set(err, r, "cannot read about process %lld in /proc: %s", (long long)pid,
                       strerror(-r));
    }
    const struct thread *thread = state_thread(live->state, pid);
    if (thread) {
        sink_met(live, thread);
    }
    return 0;
}

int live_serve(struct live *live, int listener, struct err *err)
{
    return notify_serve(live->notify, listener, err);
}

bool live_wait_end(struct live *live, int timeout_ms)
{
    return notify_wait_end(live->notify, timeout_ms);
}

void live_drain(struct live *live)
{
    notify_drain(live->notify);
    outlet_drain(live->outlet);
    if (live->capture && notify_wait_end(live->notify, ENDING_MS)) {
        notify_stop(live->notify);
        finish_capture(live);
    }
}

void live_get_stats(struct live *live, struct live_stats *ret)
{
    notify_get_stats(live->notify, &ret->sensor);
    pipeline_get_stats(live->pipeline, &ret->pipeline);
    ret->dropped_alerts = outlet_dropped(live->outlet);
    ret->capture_error = live->capture_err.code ? live->capture_err.message : NULL;
}
