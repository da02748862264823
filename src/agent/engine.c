/*
 * Engine: what sensors hand over becomes state, alerts and, if wanted, a capture.
 *
 * The sensor asks first (wants, preview), so that calls no rule can match cost one answer. An event that was
 * refused changes no state and is not in the capture. Alerts are formatted into one buffer that is reused.
 */
#include "agent/engine_internal.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "rules/demand.h"
#include "rules/policy.h"
#include "rules/uses.h"
#include "sensor/live/task.h"

#include <errno.h>
#include <string.h>

#define ALERT_MAX ((size_t)4 << 20)

/* Of the event format's open flags. */
#define PPM_RDONLY  (1u << 0)
#define PPM_WRONLY  (1u << 1)
#define PPM_CREAT   (1u << 2)
#define PPM_TMPFILE (1u << 13)

#define PREPARED_AT_ONCE 64
#define PREPARE_NS       (5 * NS_PER_S) /* for all processes that run when new rules come */

CLEANUP_DEFINE(struct engine, engine_free);

static int sha256_of(void *data, const struct thread *thread, char ret_hex[64])
{
    struct engine *engine = data;
    return digest_cached(engine->digest, thread->pid, ret_hex);
}

static void put_alerts(struct engine *engine, uint64_t ts_ns)
{
    if (engine->text.n) {
        outlet_put_event(engine->outlet, engine->text.p, engine->text.n, ts_ns);
        buf_clear(&engine->text);
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

/* Rules about names want events of the calls that ask for them. */
static bool tells_asker(struct engine *engine, uint16_t name)
{
    for (size_t i = 0; engine->config.names && i < ENGINE_ASKING_CALLS; i++) {
        if (name == engine_asking_calls[i]) {
            return wants_event(engine->wants, pipeline_view(engine->pipeline), NULL, NAME_dns, 0);
        }
    }
    return false;
}

static bool others_want(struct engine *engine, const struct thread *thread, uint16_t name,
                        uint32_t open_flags)
{
    const struct engine_watch *watch = &engine->config.watch;
    return watch->wants && watch->wants(watch->data, thread, name, open_flags);
}

static bool sink_wants(void *data, const struct thread *thread, uint16_t name, uint32_t open_flags)
{
    struct engine *engine = data;
    return engine->capture ||
           wants_event(engine->wants, pipeline_view(engine->pipeline), thread, name,
                       access_of(open_flags)) ||
           tells_asker(engine, name) || others_want(engine, thread, name, open_flags);
}

static bool sink_wants_failed(void *data, uint16_t name, uint8_t via, struct str raw,
                              struct str path)
{
    const struct engine *engine = data;
    return engine->capture ||
           demand_passes_failed(matcher_demand(pipeline_matcher(engine->pipeline)), name, via, raw,
                                path);
}

static bool sink_wants_inodes(void *data)
{
    const struct engine *engine = data;
    return engine->capture || engine->wants_inodes;
}

static bool rule_denies(const struct engine *engine, const struct rule *rule)
{
    const struct engine_rules *rules = &engine->config.rules;
    struct policy_verdict verdict;
    if (!rules->actions || !(rules->actions[rule->index] & ACTION_DENY)) {
        return false;
    }
    if (!rules->policies) {
        return true;
    }
    policies_judge(rules->policies, rule, pipeline_view(engine->pipeline), &verdict);
    return verdict.actions & ACTION_DENY;
}

static bool is_denied(const struct engine *engine, const struct rule *const *rules, uint32_t n)
{
    bool denied = engine->config.deny;
    for (uint32_t i = 0; i < n && !denied; i++) {
        denied = rule_denies(engine, rules[i]);
    }
    return denied;
}

/* The state has settled since the rules ran: the event's thread may be another, or none. */
static enum verdict verdict_on(const struct engine *engine, struct event *event,
                               const struct rule *const *rules, uint32_t n)
{
    if (n == 0) {
        return VERDICT_NONE;
    }
    event->thread = state_thread(engine->state, event->tid);
    event->fd = NULL;
    return is_denied(engine, rules, n) ? VERDICT_DENY : VERDICT_MATCH;
}

static enum verdict sink_preview(void *data, struct event *event)
{
    struct engine *engine = data;
    const struct rule *const *rules;
    event->num = engine->nevents + 1;
    uint32_t n = pipeline_preview(engine->pipeline, event, &rules);
    enum verdict verdict = verdict_on(engine, event, rules, n);
    bool wanted = verdict == VERDICT_NONE && pipeline_is_wanted(engine->pipeline);
    return wanted ? VERDICT_MATCH : verdict;
}

static enum verdict sink_event(void *data, struct event *event)
{
    struct engine *engine = data;
    const struct rule *const *rules;
    uint32_t n;
    if (event->outcome != OUTCOME_DENIED) {
        engine_start_capture(engine, event->ts_ns);
    }
    event->num = ++engine->nevents;
    if (event->outcome == OUTCOME_DENIED) {
        n = pipeline_refused(engine->pipeline, event, &engine->text, &rules);
    } else {
        engine_keep(engine, event);
        n = pipeline_event(engine->pipeline, event, &engine->text, &rules);
    }
    put_alerts(engine, event->ts_ns);
    enum verdict verdict = verdict_on(engine, event, rules, n);
    if (engine->config.watch.event) {
        engine->config.watch.event(engine->config.watch.data, event, rules, n);
    }
    return verdict;
}

static void sink_met(void *data, const struct thread *thread)
{
    struct engine *engine = data;
    struct str container = thread->container ? thread->container->id : (struct str){ 0 };
    users_refresh(engine->users, thread->pid, container, clock_boot_ns());
    if (engine->config.watch.met) {
        engine->config.watch.met(engine->config.watch.data, thread);
    }
}

/* What sha256_of() will find. */
static void sink_prepare(void *data, int64_t pid)
{
    struct engine *engine = data;
    char hex[DIGEST_HEX];
    if (atomic_load(&engine->wants_digests)) {
        digest_of_exe(engine->digest, pid, hex);
    }
}

static bool want_digests(const struct engine_rules *rules)
{
    return ruleset_uses_field(rules->ruleset, rules->selection, FIELD_PROC_EXE_SHA256);
}

static bool want_inodes(const struct engine_rules *rules)
{
    static const enum field_id fields[] = { FIELD_FD_INO, FIELD_FD_DEV, FIELD_FD_DEV_MAJOR,
                                            FIELD_FD_DEV_MINOR };
    bool want = false;
    for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
        want |= ruleset_uses_field(rules->ruleset, rules->selection, fields[i]);
    }
    return want;
}

static unsigned known_processes(struct engine *engine, size_t *at, int64_t ret[PREPARED_AT_ONCE])
{
    const struct thread *t;
    unsigned n = 0;
    pthread_mutex_lock(&engine->lock);
    while (n < PREPARED_AT_ONCE && (t = state_thread_next(engine->state, at))) {
        if (t->tid == t->pid && !(t->flags & (THREAD_EXITED | THREAD_INVALID))) {
            ret[n++] = t->pid;
        }
    }
    pthread_mutex_unlock(&engine->lock);
    return n;
}

/* Before rules come that want digests: those of the processes that run already. */
static void prepare_known(struct engine *engine)
{
    int64_t pids[PREPARED_AT_ONCE];
    uint64_t end = clock_boot_ns() + PREPARE_NS;
    size_t at = 0;
    unsigned n;
    while ((n = known_processes(engine, &at, pids)) > 0) {
        for (unsigned i = 0; i < n && clock_boot_ns() < end; i++) {
            sink_prepare(engine, pids[i]);
        }
    }
}

/* Rules that may become the engine's. */
static int make_rules(struct engine *engine, const struct engine_rules *rules,
                      struct pipeline **ret_pipeline, struct wants **ret_wants, struct err *err)
{
    struct pipeline_options options = engine->config.options;
    options.like = engine->pipeline;
    int r =
        pipeline_new(rules->ruleset, rules->selection, engine->state, &options, ret_pipeline, err);
    if (r < 0) {
        return r;
    }
    if (wants_new(pipeline_matcher(*ret_pipeline), STATE_THREADS_DEFAULT, ret_wants) < 0) {
        pipeline_free(*ret_pipeline);
        *ret_pipeline = NULL;
        return err_set(err, -ENOMEM, "out of memory");
    }
    return 0;
}

static int make_parts(struct engine *engine, struct err *err)
{
    struct state_config config = { .sha256 = sha256_of, .data = engine };
    struct str *hostname = &engine->config.options.format.hostname;
    int r = digest_new(&engine->digest, err);
    if (r < 0) {
        return r;
    }
    if (state_new(&config, &engine->state) < 0 || users_new(engine->state, &engine->users) < 0) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    if (hostname->n == 0 && gethostname(engine->hostname, ENGINE_HOSTNAME - 1) == 0) {
        *hostname = str_of(engine->hostname);
    }
    return make_rules(engine, &engine->config.rules, &engine->pipeline, &engine->wants, err);
}

int engine_new(const struct engine_config *config, struct engine **ret, struct err *err)
{
    CLEANUP(cleanup_engine_free) struct engine *engine = mem_zalloc(sizeof *engine);
    if (!engine) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    engine->config = *config;
    engine->capture_fd = -1;
    atomic_init(&engine->wants_digests, want_digests(&config->rules));
    engine->wants_inodes = want_inodes(&config->rules);
    engine->sink = (struct sink){ .wants = sink_wants,
                                  .wants_failed = sink_wants_failed,
                                  .wants_inodes = sink_wants_inodes,
                                  .preview = sink_preview,
                                  .event = sink_event,
                                  .met = sink_met,
                                  .prepare = sink_prepare,
                                  .data = engine };
    pthread_mutex_init(&engine->lock, NULL);
    buf_init(&engine->text, ALERT_MAX);
    int r = outlet_new(config->output, ENGINE_QUEUE_MAX, &engine->outlet, err);
    r = r == 0 ? make_parts(engine, err) : r;
    r = r == 0 ? engine_open_capture(engine, err) : r;
    if (r < 0) {
        return r;
    }
    *ret = TAKE(engine);
    return 0;
}

void engine_free(struct engine *engine)
{
    if (!engine) {
        return;
    }
    engine_finish_capture(engine);
    outlet_free(engine->outlet);
    wants_free(engine->wants);
    pipeline_free(engine->pipeline);
    users_free(engine->users);
    state_free(engine->state);
    digest_free(engine->digest);
    buf_done(&engine->text);
    pthread_mutex_destroy(&engine->lock);
    free(engine);
}

const struct sink *engine_sink(struct engine *engine)
{
    return &engine->sink;
}

pthread_mutex_t *engine_lock(struct engine *engine)
{
    return &engine->lock;
}

struct state *engine_state(struct engine *engine)
{
    return engine->state;
}

struct view *engine_view(struct engine *engine)
{
    return pipeline_view(engine->pipeline);
}

const struct engine_rules *engine_rules(const struct engine *engine)
{
    return &engine->config.rules;
}

bool engine_keeps_all(const struct engine *engine)
{
    return engine->capture != NULL;
}

int engine_replace(struct engine *engine, const struct engine_rules *rules, struct err *err)
{
    struct pipeline *pipeline = NULL;
    struct wants *wants = NULL;
    int r = make_rules(engine, rules, &pipeline, &wants, err);
    if (r < 0) {
        return r;
    }
    bool digests = want_digests(rules), inodes = want_inodes(rules);
    if (digests && !atomic_exchange(&engine->wants_digests, true)) {
        prepare_known(engine);
    }
    pthread_mutex_lock(&engine->lock);
    struct pipeline *old_pipeline = engine->pipeline;
    struct wants *old_wants = engine->wants;
    pipeline_go_on(pipeline, old_pipeline);
    engine->pipeline = pipeline;
    engine->wants = wants;
    engine->config.rules = *rules;
    engine->wants_inodes = inodes;
    engine->replaced++;
    pthread_mutex_unlock(&engine->lock);
    atomic_store(&engine->wants_digests, digests);
    wants_free(old_wants);
    pipeline_free(old_pipeline);
    return 0;
}

uint64_t engine_next_alert(struct engine *engine)
{
    struct alert_hinomi *hinomi = engine->config.options.format.hinomi;
    pthread_mutex_lock(&engine->lock);
    uint64_t seq = hinomi ? ++hinomi->seq : 0;
    pthread_mutex_unlock(&engine->lock);
    return seq;
}

void engine_set_agent(struct engine *engine, struct str agent)
{
    struct alert_hinomi *hinomi = engine->config.options.format.hinomi;
    pthread_mutex_lock(&engine->lock);
    if (hinomi) {
        alert_hinomi_set_agent(hinomi, agent);
    }
    pthread_mutex_unlock(&engine->lock);
}

int engine_know_lineage(struct engine *engine, int64_t pid, struct err *err)
{
    struct live_task *task = NULL;
    int r = live_task_new(&task);
    if (r == 0) {
        sink_prepare(engine, pid);
        pthread_mutex_lock(&engine->lock);
        r = live_lineage_add(engine->state, task, pid);
        const struct thread *thread = r < 0 ? NULL : state_thread(engine->state, pid);
        if (thread) {
            sink_met(engine, thread);
        }
        pthread_mutex_unlock(&engine->lock);
        live_task_free(task);
    }
    if (r < 0) {
        return err_set(err, r, "cannot read about process %lld in /proc: %s", (long long)pid,
                       strerror(-r));
    }
    return 0;
}

int engine_say(struct engine *engine, const void *p, size_t n)
{
    return outlet_put(engine->outlet, p, n);
}

void engine_drain(struct engine *engine)
{
    outlet_drain(engine->outlet);
}

void engine_get_stats(struct engine *engine, struct engine_stats *ret)
{
    pthread_mutex_lock(&engine->lock);
    pipeline_get_stats(engine->pipeline, &ret->pipeline);
    matcher_get_stats(pipeline_matcher(engine->pipeline), &ret->matcher);
    ret->replaced = engine->replaced;
    ret->capture_error = engine->capture_err.code ? engine->capture_err.message : NULL;
    pthread_mutex_unlock(&engine->lock);
    outlet_get_stats(engine->outlet, &ret->outlet);
    ret->dropped_alerts = ret->outlet.dropped;
    ret->gaps = atomic_load(&engine->gaps.closed);
    ret->gap_calls = atomic_load(&engine->gaps.calls);
    ret->gap_ns = atomic_load(&engine->gaps.ns);
}

uint32_t engine_alerts_by_rule(struct engine *engine, uint64_t *ret, uint32_t max)
{
    struct pipeline_stats stats;
    pthread_mutex_lock(&engine->lock);
    pipeline_get_stats(engine->pipeline, &stats);
    uint32_t n = engine->config.rules.ruleset->nrules;
    n = n < max ? n : max;
    memcpy(ret, stats.alerts_by_rule, n * sizeof(*ret));
    pthread_mutex_unlock(&engine->lock);
    return n;
}

uint32_t engine_cost_by_rule(struct engine *engine, uint64_t *ret, uint32_t max,
                             uint64_t *ret_search)
{
    struct matcher_costs costs;
    pthread_mutex_lock(&engine->lock);
    matcher_get_costs(pipeline_matcher(engine->pipeline), &costs);
    uint32_t n = costs.by_rule_ns ? engine->config.rules.ruleset->nrules : 0;
    n = n < max ? n : max;
    if (n) {
        memcpy(ret, costs.by_rule_ns, n * sizeof(*ret));
    }
    pthread_mutex_unlock(&engine->lock);
    *ret_search = costs.search_ns;
    return n;
}
