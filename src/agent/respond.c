/*
 * Responses: the queue between the engine's lock and the thread that acts.
 *
 * Under the engine's lock policies are asked and requests copied, nothing more. The same action on the same
 * process that waits already is not queued again. A full queue drops, and says so.
 */
#include "agent/respond_internal.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "rules/policy.h"
#include "sensor/live/process.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define MERGE_LOOK_S 1
#define LAG_MAX_NS   (60 * NS_PER_S) /* an event is not older than that */

CLEANUP_DEFINE(struct respond, respond_free);

static int make_limits(struct respond *r)
{
    struct respond_config *c = &r->config;
    int result = 0;
    for (int i = 0; i < RESPOND_ACTIONS && result == 0; i++) {
        c->per_minute[i] = c->per_minute[i] ? c->per_minute[i] : RESPOND_PER_MINUTE;
        result = limit_init(&r->limits[i], c->per_minute[i]);
    }
    c->per_container = c->per_container ? c->per_container : RESPOND_PER_CONTAINER;
    return result ? result : limits_new(c->per_container, &r->containers);
}

int respond_new(const struct respond_config *config, struct respond **ret, struct err *err)
{
    CLEANUP(cleanup_respond_free) struct respond *r = mem_zalloc(sizeof *r);
    if (!r) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    r->config = *config;
    pthread_mutex_init(&r->lock, NULL);
    pthread_mutex_init(&r->telling, NULL);
    pthread_cond_init(&r->idle, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&r->wake, &attr);
    pthread_condattr_destroy(&attr);
    int result = make_limits(r);
    if (result == -EINVAL) {
        return err_set(err, result, "limits of responses are between 1 and %d per minute",
                       RESPOND_LIMIT_MAX);
    }
    if (config->nsockets > RESPOND_SOCKETS_MAX) {
        return err_set(err, -EINVAL, "more than %d runtime sockets", RESPOND_SOCKETS_MAX);
    }
    r->queue = mem_zalloc(RESPOND_QUEUE * sizeof(*r->queue));
    if (result < 0 || !r->queue || live_task_new(&r->task) < 0) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    respond_know_own(r);
    *ret = TAKE(r);
    return 0;
}

void respond_set_recorder(struct respond *r, struct recorder *recorder)
{
    r->config.recorder = recorder;
}

static void copy_text(char *to, size_t size, struct str from)
{
    size_t n = from.n < size ? from.n : size - 1;
    if (n) {
        memcpy(to, from.p, n);
    }
    to[n] = '\0';
}

static void describe_target(struct request *q, const struct engine *engine,
                            const struct event *event)
{
    const struct thread *thread = event->thread;
    if (!thread) {
        return;
    }
    const struct thread *main = state_main(engine_state((struct engine *)engine), thread);
    const struct container *c = thread->container;
    uint64_t real = clock_real_ns();
    uint64_t lag = event->ts_ns < real ? real - event->ts_ns : 0;
    q->target.pid = thread->pid;
    q->target.seen_boot_ns = clock_boot_ns() - (lag < LAG_MAX_NS ? lag : LAG_MAX_NS);
    q->target.start_real_ns = main ? main->clone_ts_ns : 0;
    q->in_container = c && !str_eqz(c->id, "host");
    if (q->in_container) {
        copy_text(q->container, sizeof(q->container), c->id);
    }
    copy_text(q->process, sizeof(q->process), thread->image->comm);
}

static bool is_waiting(const struct respond *r, const struct request *q)
{
    for (uint32_t i = 0; i < r->n; i++) {
        const struct request *one = &r->queue[(r->first + i) % RESPOND_QUEUE];
        if (one->bit == q->bit && one->target.pid == q->target.pid &&
            one->target.start_real_ns == q->target.start_real_ns && q->bit != DENY_BIT) {
            return true;
        }
    }
    return false;
}

static void tell_order(const struct request *q, bool ok, const char *why)
{
    if (q->order_done) {
        q->order_done(q->order_data, q->order, ok, why);
    }
}

static void put(struct respond *r, const struct request *q)
{
    const char *not_queued = NULL;
    pthread_mutex_lock(&r->lock);
    if (r->n == RESPOND_QUEUE) {
        r->dropped = *q;
        r->ndropped++;
        not_queued = "the queue of responses is full";
    } else if (is_waiting(r, q)) {
        not_queued = "it is asked for already";
    } else {
        r->queue[(r->first + r->n++) % RESPOND_QUEUE] = *q;
        pthread_cond_signal(&r->wake);
    }
    pthread_mutex_unlock(&r->lock);
    if (not_queued) {
        tell_order(q, false, not_queued);
    }
}

static void ask_policies(const struct engine_rules *rules, const struct rule *rule,
                         struct view *view, struct policy_verdict *ret)
{
    uint8_t may = rules->actions ? rules->actions[rule->index] : 0;
    *ret = (struct policy_verdict){ .actions = may };
    if (may && rules->policies) {
        policies_judge(rules->policies, rule, view, ret);
    }
}

void respond_event(void *data, const struct event *event, const struct rule *const *rules,
                   uint32_t nrules)
{
    struct respond *r = data;
    for (uint32_t i = 0; i < nrules && r->engine; i++) {
        struct policy_verdict verdict;
        ask_policies(engine_rules(r->engine), rules[i], engine_view(r->engine), &verdict);
        if (event->outcome != OUTCOME_DENIED) {
            verdict.actions &= (uint8_t)~ACTION_DENY;
        }
        for (uint8_t bit = 0; bit < RESPOND_ACTIONS && verdict.actions; bit++) {
            struct request q = { .bit = bit, .ts_ns = event->ts_ns };
            if (verdict.actions & 1u << bit) {
                const struct policy *policy = verdict.asked_by[bit];
                describe_target(&q, r->engine, event);
                copy_text(q.rule, sizeof(q.rule), rules[i]->name);
                copy_text(q.policy, sizeof(q.policy), policy ? policy->name : (struct str){ 0 });
                put(r, &q);
            }
        }
    }
}

static bool is_meant(const struct thread *t, const struct respond_order *order)
{
    if (t->tid != t->pid || t->flags & (THREAD_EXITED | THREAD_INVALID)) {
        return false;
    }
    bool inside = t->container && str_eq(t->container->id, order->container);
    if (order->pid) {
        return t->pid == order->pid && (!order->container.n || inside) &&
               (!order->start_ns || t->clone_ts_ns == order->start_ns);
    }
    return order->container.n && inside;
}

/* Under the engine's lock. */
static const struct thread *thread_meant(struct respond *r, const struct respond_order *order)
{
    struct state *state = engine_state(r->engine);
    const struct thread *t = order->pid ? state_thread(state, order->pid) : NULL;
    if (order->pid) {
        return t && is_meant(t, order) ? t : NULL;
    }
    size_t at = 0;
    do {
        t = state_thread_next(state, &at);
    } while (t && !is_meant(t, order));
    return t;
}

void respond_order(struct respond *r, const struct respond_order *order)
{
    struct request q = { .ts_ns = clock_real_ns(),
                         .order = order->id,
                         .order_done = order->done,
                         .order_data = order->data };
    while (q.bit < RESPOND_ACTIONS - 1 && order->action != 1u << q.bit) {
        q.bit++;
    }
    copy_text(q.policy, sizeof(q.policy), STR("order of the server"));
    copy_text(q.rule, sizeof(q.rule), order->reason);
    pthread_mutex_lock(engine_lock(r->engine));
    const struct thread *t = thread_meant(r, order);
    if (t) {
        const struct event now = { .ts_ns = q.ts_ns, .thread = (struct thread *)t };
        describe_target(&q, r->engine, &now);
    }
    pthread_mutex_unlock(engine_lock(r->engine));
    if (t) {
        put(r, &q);
        return;
    }
    struct outcome outcome = { .result = RESPOND_GONE };
    snprintf(outcome.reason, sizeof(outcome.reason), "no such process is known");
    q.target.pid = order->pid;
    copy_text(q.container, sizeof(q.container), order->container);
    respond_report(r, &q, &outcome);
    tell_order(&q, false, outcome.reason);
}

/* Reports what did not fit; with the lock held, given back meanwhile. */
static void report_dropped(struct respond *r)
{
    struct request q = r->dropped;
    uint64_t n = r->ndropped;
    r->ndropped = 0;
    pthread_mutex_unlock(&r->lock);
    struct outcome outcome = { .result = RESPOND_DROPPED, .error = ENOBUFS, .merged = true };
    snprintf(outcome.reason, sizeof(outcome.reason), "the queue of responses is full");
    while (n--) {
        respond_report(r, &q, &outcome);
    }
    pthread_mutex_lock(&r->lock);
}

static void wait_for_work(struct respond *r, bool merged)
{
    struct timespec until;
    if (!merged) {
        pthread_cond_wait(&r->wake, &r->lock);
        return;
    }
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += MERGE_LOOK_S;
    pthread_cond_timedwait(&r->wake, &r->lock, &until);
}

static void do_first(struct respond *r)
{
    struct request q = r->queue[r->first];
    struct outcome outcome = { .result = RESPOND_DONE };
    r->first = (r->first + 1) % RESPOND_QUEUE;
    r->n--;
    r->working = true;
    pthread_mutex_unlock(&r->lock);
    respond_do(r, &q, &outcome);
    if (outcome.result < RESPOND_RESULTS) {
        respond_report(r, &q, &outcome);
    }
    bool begun = outcome.result >= RESPOND_RESULTS; /* a capture */
    tell_order(&q, begun || outcome.result == RESPOND_DONE,
               outcome.reason[0] ? outcome.reason
               : begun           ? "begun"
                                 : respond_result_text(outcome.result));
    pthread_mutex_lock(&r->lock);
    r->working = false;
}

static void *act(void *data)
{
    struct respond *r = data;
    pthread_mutex_lock(&r->lock);
    while (!r->stopping) {
        if (r->ndropped) {
            report_dropped(r);
        } else if (r->n) {
            do_first(r);
        } else {
            pthread_cond_broadcast(&r->idle);
            pthread_mutex_unlock(&r->lock);
            bool merged = respond_report_merged(r, false);
            pthread_mutex_lock(&r->lock);
            if (!r->n && !r->ndropped && !r->stopping) {
                wait_for_work(r, merged);
            }
        }
    }
    pthread_mutex_unlock(&r->lock);
    return NULL;
}

int respond_start(struct respond *r, struct engine *engine, struct err *err)
{
    int result = pthread_mutex_lock(engine_lock(engine));
    r->engine = engine;
    pthread_mutex_unlock(engine_lock(engine));
    result = result ? result : pthread_create(&r->thread, NULL, act, r);
    if (result) {
        return err_set(err, -result, "cannot start a thread: %s", strerror(result));
    }
    r->started = true;
    return respond_policies(r);
}

void respond_stop(struct respond *r)
{
    if (!r->started) {
        return;
    }
    pthread_mutex_lock(&r->lock);
    r->stopping = true;
    pthread_cond_signal(&r->wake);
    pthread_cond_broadcast(&r->idle);
    pthread_mutex_unlock(&r->lock);
    pthread_join(r->thread, NULL);
    r->started = false;
}

void respond_free(struct respond *r)
{
    if (!r) {
        return;
    }
    respond_stop(r);
    if (r->engine) {
        respond_report_merged(r, true);
    }
    for (int i = 0; i < RESPOND_ACTIONS; i++) {
        limit_done(&r->limits[i]);
    }
    limits_free(r->containers);
    live_task_free(r->task);
    pthread_cond_destroy(&r->wake);
    pthread_cond_destroy(&r->idle);
    pthread_mutex_destroy(&r->telling);
    pthread_mutex_destroy(&r->lock);
    free(r->queue);
    free(r);
}

int respond_policies(struct respond *r)
{
    if (!r->config.recorder) {
        return 0;
    }
    pthread_mutex_lock(engine_lock(r->engine));
    const struct engine_rules *rules = engine_rules(r->engine);
    uint8_t may = 0;
    for (uint32_t i = 0; rules->actions && i < rules->ruleset->nrules; i++) {
        may |= rules->actions[i];
    }
    pthread_mutex_unlock(engine_lock(r->engine));
    return recorder_switch(r->config.recorder, may & ACTION_CAPTURE);
}

int respond_protect(struct respond *r, int64_t pid, uint64_t start_ticks)
{
    int result = -ENOSPC;
    pthread_mutex_lock(&r->lock);
    if (r->nprotected < RESPOND_PROTECTED_MAX) {
        r->protected[r->nprotected++] = (struct protected){ pid, start_ticks };
        result = 0;
    }
    pthread_mutex_unlock(&r->lock);
    return result;
}

void respond_release(struct respond *r, int64_t pid, uint64_t start_ticks)
{
    pthread_mutex_lock(&r->lock);
    for (uint32_t i = 0; i < r->nprotected; i++) {
        if (r->protected[i].pid == pid && r->protected[i].start_ticks == start_ticks) {
            r->protected[i] = r->protected[--r->nprotected];
            break;
        }
    }
    pthread_mutex_unlock(&r->lock);
}

static bool is_that(const struct protected *p)
{
    struct live_process now;
    return live_process_read(p->pid, &now) == 0 && now.start_ticks == p->start_ticks;
}

bool respond_is_protected(struct respond *r, int64_t pid)
{
    bool found = pid == 1 || pid == getpid();
    pthread_mutex_lock(&r->lock);
    for (uint32_t i = 0; i < r->nprotected && !found; i++) {
        found = r->protected[i].pid == pid && is_that(&r->protected[i]);
    }
    pthread_mutex_unlock(&r->lock);
    return found;
}

void respond_drain(struct respond *r)
{
    pthread_mutex_lock(&r->lock);
    while (r->started && !r->stopping && (r->n || r->working || r->ndropped)) {
        pthread_cond_wait(&r->idle, &r->lock);
    }
    pthread_mutex_unlock(&r->lock);
}

void respond_get_stats(struct respond *r, struct respond_stats *ret)
{
    for (int i = 0; i < RESPOND_ACTIONS; i++) {
        for (int k = 0; k < RESPOND_RESULTS; k++) {
            ret->counts[i][k] = atomic_load(&r->counts[i][k]);
        }
    }
}
