/*
 * notify_queue: the one thread that sends what waits.
 *
 * Each round: what was answered is settled, in one transaction; throttles whose time is over let one delivery speak for
 * those they held back; then each channel starts what is due, as far as it has room. Nothing here waits for a channel:
 * the courier's thread puts answers into their flights and wakes this one. A delivery is queued in the store until it is
 * settled, so that whatever ends the server only repeats it.
 *
 * A channel has CHANNEL_FLIGHTS at a time; after a failure one, after a pause that grows, until one arrives. Tests go at
 * once and once only.
 */
#include "server/notify_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "courier/courier.h"
#include "notify/message.h"
#include "notify/verdict.h"
#include "server/bell.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/random.h>

#define FLIGHTS 128 /* more than one for each channel */
#define CHANNEL_FLIGHTS                                                                            \
    3 /* fewer than the courier has for one host and port, which others may share */
#define TESTS_AT_ONCE  8
#define ROUND_MS       1000 /* at most between two looks */
#define ROUND_LEAST_MS 10   /* so that what comes together is settled together */
#define TIMEOUT_MS     30000
#define ANSWER_MAX     ((size_t)16 << 10)
#define PAUSE_MOST_MS  30000
#define DAY_MS         (INT64_C(24) * 3600 * 1000)
#define DAY_ATTEMPTS   3 /* that one older than a day may still have */
#define ROUND_MEMORY   ((size_t)64 << 20)

enum flight_state { FLIGHT_FREE, FLIGHT_GOES, FLIGHT_LANDED };

struct flight {
    struct notify_queue *queue;
    const struct notify_kind *kind;
    enum flight_state state; /* under the lock while it goes */
    int64_t id, channel, attempts, created_ms, retry_after_s;
    bool mail, test;
    enum notify_verdict verdict;
    int status;
    char said[NOTIFY_SAID_MAX];
};

/* How a channel has fared, in memory only: a server that begins tries anew. */
struct health {
    int64_t channel, until_ms;
    unsigned failures;
};

struct notify_queue {
    struct server *server;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t work;
    bool started, stop, woken;
    struct bell *bell;
    struct flight flights[FLIGHTS];
    struct health health[NOTIFY_CHANNELS_MAX];
    struct arena round, message;
};

/* ---- what was answered */

static enum notify_verdict judge(struct flight *f, const struct courier_answer *answer)
{
    struct err err = { 0 };
    enum notify_verdict verdict = notify_judge_answer(answer, f->mail, f->said);
    if (!f->kind->judge || notify_was_not_tried(answer)) {
        return verdict;
    }
    int r = f->kind->judge(f->queue->server->aws, answer, &err);
    if (r < 0) {
        snprintf(f->said, sizeof(f->said), "%.*s", NOTIFY_SAID_MAX - 1, err.message);
    }
    return r == 0 ? NOTIFY_DELIVERED : r == -EAGAIN ? NOTIFY_AGAIN : NOTIFY_NEVER;
}

/* On the courier's thread. */
static void landed(void *context, const struct courier_answer *answer)
{
    struct flight *f = context;
    struct notify_queue *q = f->queue;
    pthread_mutex_lock(&q->lock);
    f->verdict = judge(f, answer);
    f->status = answer->status;
    f->retry_after_s = answer->retry_after_s;
    f->state = FLIGHT_LANDED;
    q->woken = true;
    pthread_cond_signal(&q->work);
    pthread_mutex_unlock(&q->lock);
}

static struct health *health_of(struct notify_queue *q, int64_t channel)
{
    struct health *oldest = &q->health[0];
    for (size_t i = 0; i < NOTIFY_CHANNELS_MAX; i++) {
        struct health *h = &q->health[i];
        if (h->channel == channel) {
            return h;
        }
        oldest = h->until_ms < oldest->until_ms ? h : oldest;
    }
    *oldest = (struct health){ .channel = channel };
    return oldest;
}

static void note_health(struct notify_queue *q, const struct flight *f, int64_t now_ms)
{
    struct health *h = health_of(q, f->channel);
    if (f->test || f->verdict == NOTIFY_NEVER) {
        return;
    }
    if (f->verdict == NOTIFY_DELIVERED) {
        h->failures = 0;
        h->until_ms = 0;
        return;
    }
    int64_t pause = INT64_C(500) << (h->failures < 6 ? h->failures : 6);
    h->failures++;
    h->until_ms = now_ms + (pause < PAUSE_MOST_MS ? pause : PAUSE_MOST_MS);
}

static bool is_over(const struct flight *f, int64_t now_ms)
{
    int64_t attempts = f->attempts + 1;
    return f->test || f->verdict == NOTIFY_NEVER || attempts >= NOTIFY_ATTEMPTS_MAX ||
           (now_ms - f->created_ms >= DAY_MS && attempts >= DAY_ATTEMPTS);
}

static void settle_one(struct notify_queue *q, const struct flight *f, struct notify_settled *ret)
{
    uint32_t random = 0;
    (void)!getrandom(&random, sizeof(random), GRND_NONBLOCK);
    int64_t now_ms = q->server->now_ms();
    *ret = (struct notify_settled){ .id = f->id,
                                    .channel = f->channel,
                                    .now_ms = now_ms,
                                    .status = f->status,
                                    .due_ms = now_ms,
                                    .result = str_of(f->said) };
    if (f->verdict == NOTIFY_DELIVERED) {
        ret->state = STR("delivered");
    } else if (is_over(f, now_ms)) {
        ret->state = STR("dead");
    } else {
        ret->state = STR("queued");
        ret->due_ms = now_ms + notify_back_off_ms(f->attempts + 1, f->retry_after_s, random);
    }
}

/* Landed ones, which are nobody else's now. */
static size_t take_landed(struct notify_queue *q, struct flight *ret[FLIGHTS])
{
    size_t n = 0;
    pthread_mutex_lock(&q->lock);
    for (size_t i = 0; i < FLIGHTS; i++) {
        if (q->flights[i].state == FLIGHT_LANDED) {
            ret[n++] = &q->flights[i];
        }
    }
    pthread_mutex_unlock(&q->lock);
    return n;
}

/* A test that was not tried for so long. */
static bool is_late(const struct flight *f, int64_t now_ms)
{
    return f->test && now_ms - f->created_ms >= TIMEOUT_MS;
}

static void settle(struct notify_queue *q)
{
    struct flight *over[FLIGHTS];
    struct notify_settled settled[FLIGHTS];
    struct err err = { 0 };
    size_t n = take_landed(q, over), counted = 0;
    for (size_t i = 0; i < n; i++) {
        note_health(q, over[i], q->server->now_ms());
        if (over[i]->verdict != NOTIFY_OURS || is_late(over[i], q->server->now_ms())) {
            settle_one(q, over[i], &settled[counted++]);
        }
    }
    if (counted && q->server->store->notify->settle(q->server->store, settled, counted, &err) < 0) {
        log_error("what became of notifications is not kept, they are repeated: %s", err.message);
        health_of(q, over[0]->channel)->until_ms = q->server->now_ms() + ROUND_MS;
    }
    for (size_t i = 0; i < n; i++) {
        over[i]->state = FLIGHT_FREE;
    }
    if (n) {
        bell_ring(q->bell);
    }
}

/* ---- sending */

static bool goes(const struct notify_queue *q, int64_t id)
{
    for (size_t i = 0; i < FLIGHTS; i++) {
        if (q->flights[i].state != FLIGHT_FREE && q->flights[i].id == id) {
            return true;
        }
    }
    return false;
}

static size_t count_of(const struct notify_queue *q, int64_t channel)
{
    size_t n = 0;
    for (size_t i = 0; i < FLIGHTS; i++) {
        n += q->flights[i].state != FLIGHT_FREE && !q->flights[i].test &&
             q->flights[i].channel == channel;
    }
    return n;
}

static struct flight *free_flight(struct notify_queue *q)
{
    for (size_t i = 0; i < FLIGHTS; i++) {
        if (q->flights[i].state == FLIGHT_FREE) {
            return &q->flights[i];
        }
    }
    return NULL;
}

/* What could not be sent is settled in the next round, like what was answered. */
static void fail(struct flight *f, const struct err *err)
{
    snprintf(f->said, sizeof(f->said), "%.*s", NOTIFY_SAID_MAX - 1, err->message);
    switch (-err->code) {
    case EAGAIN:
    case ESHUTDOWN:
        f->verdict = NOTIFY_OURS;
        break;
    case EINVAL:
    case EFBIG:
    case ENOENT:
    case ENOSYS:
        f->verdict = NOTIFY_NEVER;
        break;
    default:
        f->verdict = NOTIFY_AGAIN;
    }
    f->state = FLIGHT_LANDED;
    f->queue->woken |= f->verdict != NOTIFY_OURS;
}

static int send_it(struct notify_queue *q, struct flight *f, const struct notify_channel *channel,
                   const struct notify_delivery *d, struct err *err)
{
    struct courier_request request = { .timeout_ms = TIMEOUT_MS, .answer_max = ANSWER_MAX };
    if (!q->server->courier) {
        return err_set(err, -ENOSYS, "this server connects to nobody");
    }
    struct notify_making making = { .server = q->server, .arena = &q->message };
    int r = notify_making_begin(&making, channel, d, err);
    r = r == 0 ? making.kind->make(&making.message, &request, err) : r;
    f->mail = request.nto > 0;
    f->kind = making.kind;
    r = r == 0 ? courier_send(q->server->courier, &request, landed, f, err) : r;
    notify_making_end(&making);
    return r;
}

static void start_one(struct notify_queue *q, const struct notify_channel *channel,
                      const struct notify_delivery *d)
{
    struct flight *f = goes(q, d->id) ? NULL : free_flight(q);
    struct err err = { 0 };
    if (!f) {
        return;
    }
    *f = (struct flight){ .queue = q,
                          .state = FLIGHT_GOES,
                          .id = d->id,
                          .channel = d->channel,
                          .attempts = d->attempts,
                          .created_ms = d->created_ms,
                          .test = str_eqz(d->cause, "test") };
    pthread_mutex_unlock(&q->lock);
    arena_reset(&q->message);
    int r = send_it(q, f, channel, d, &err);
    pthread_mutex_lock(&q->lock);
    if (r < 0) {
        err.code = r;
        fail(f, &err);
    }
}

static void start_all(struct notify_queue *q, const struct notify_channel *channel,
                      const struct notify_deliveries *due)
{
    pthread_mutex_lock(&q->lock);
    for (size_t i = 0; i < due->n; i++) {
        start_one(q, channel, &due->v[i]);
    }
    pthread_mutex_unlock(&q->lock);
}

static size_t room_of(struct notify_queue *q, int64_t channel, int64_t now_ms)
{
    const struct health *h = health_of(q, channel);
    size_t most = h->failures ? 1 : CHANNEL_FLIGHTS;
    pthread_mutex_lock(&q->lock);
    size_t n = count_of(q, channel);
    pthread_mutex_unlock(&q->lock);
    return h->until_ms > now_ms || n >= most ? 0 : most - n;
}

static int start_channel(struct notify_queue *q, const struct notify_channel *channel,
                         struct err *err)
{
    const struct store_notify_ops *ops = q->server->store->notify;
    struct notify_deliveries due = { 0 }, some = { 0 };
    int64_t now_ms = q->server->now_ms();
    size_t room = channel->enabled ? room_of(q, channel->id, now_ms) : 0;
    if (room == 0) {
        return 0;
    }
    int r = ops->due(q->server->store, channel->id, now_ms, CHANNEL_FLIGHTS + (uint32_t)room,
                     &q->round, &due, err);
    some.v = due.v;
    pthread_mutex_lock(&q->lock);
    for (size_t i = 0; r == 0 && i < due.n && some.n < room; i++) {
        if (!goes(q, due.v[i].id)) {
            due.v[some.n++] = due.v[i];
        }
    }
    pthread_mutex_unlock(&q->lock);
    start_all(q, channel, &some);
    return r;
}

static int start_tests(struct notify_queue *q, const struct notify_channel *all, size_t n,
                       struct err *err)
{
    struct notify_deliveries tests = { 0 };
    int r =
        q->server->store->notify->tests(q->server->store, TESTS_AT_ONCE, &q->round, &tests, err);
    for (size_t i = 0; r == 0 && i < tests.n; i++) {
        const struct notify_channel *channel = notify_find_channel(all, n, tests.v[i].channel);
        if (channel) {
            start_all(q, channel, &(struct notify_deliveries){ &tests.v[i], 1 });
        }
    }
    return r;
}

/* ---- rounds */

static int lead(struct notify_queue *q, struct err *err)
{
    const struct store_notify_ops *ops = q->server->store->notify;
    struct notify_pace *paces = NULL;
    size_t n = 0;
    int64_t now_ms = q->server->now_ms();
    int r = ops->waiting(q->server->store, &q->round, &paces, &n, err);
    for (size_t i = 0; i < n && r == 0; i++) {
        int64_t age = now_ms - paces[i].led_ms;
        if (age >= paces[i].throttle_s * 1000 || age < 0) {
            r = ops->lead(q->server->store, &paces[i], now_ms, err);
        }
    }
    return r;
}

static int do_round(struct notify_queue *q, struct err *err)
{
    const struct store_notify_ops *ops = q->server->store->notify;
    struct notify_channel *all = NULL;
    int64_t queued = 0;
    size_t n = 0;
    arena_reset(&q->round);
    settle(q);
    int r = lead(q, err);
    r = r == 0 ? ops->tell_overflow(q->server->store, err) : r;
    r = r == 0 ? ops->queued(q->server->store, &queued, err) : r;
    if (r == 0) {
        notify_judge_queued(q->server->notify, queued);
    }
    if (r < 0 || queued == 0) {
        return r;
    }
    r = ops->channels(q->server->store, false, &q->round, &all, &n, err);
    r = r == 0 ? start_tests(q, all, n, err) : r;
    for (size_t i = 0; i < n && r == 0; i++) {
        r = start_channel(q, &all[i], err);
    }
    return r;
}

static void wait_for_work(struct notify_queue *q)
{
    uint64_t until = clock_ns(CLOCK_MONOTONIC) + ROUND_MS * NS_PER_MS;
    struct timespec at = { (time_t)(until / NS_PER_S), (long)(until % NS_PER_S) };
    int r = 0;
    while (!q->woken && !q->stop && r == 0) {
        r = pthread_cond_timedwait(&q->work, &q->lock, &at);
    }
    q->woken = false;
}

static void *run(void *data)
{
    struct notify_queue *q = data;
    const struct timespec least = { 0, ROUND_LEAST_MS * (long)NS_PER_MS };
    pthread_mutex_lock(&q->lock);
    while (!q->stop) {
        struct err err = { 0 };
        pthread_mutex_unlock(&q->lock);
        nanosleep(&least, NULL);
        if (do_round(q, &err) < 0) {
            log_error("notifications wait: %s", err.message);
        }
        pthread_mutex_lock(&q->lock);
        wait_for_work(q);
    }
    pthread_mutex_unlock(&q->lock);
    return NULL;
}

void notify_queue_wake(struct notify_queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->woken = true;
    pthread_cond_signal(&q->work);
    pthread_mutex_unlock(&q->lock);
}

struct bell *notify_queue_bell(struct notify_queue *q)
{
    return q->bell;
}

/* ---- begin and end */

static int start_thread(struct notify_queue *q)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&q->work, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&q->lock, NULL);
    arena_init(&q->round, ROUND_MEMORY);
    arena_init(&q->message, NOTIFY_MEMORY);
    int r = bell_new(&q->bell);
    r = r < 0 ? r : -pthread_create(&q->thread, NULL, run, q);
    q->started = r == 0;
    return r;
}

int notify_queue_start(struct server *server, struct notify_queue **ret, struct err *err)
{
    struct notify_queue *q = mem_zalloc(sizeof(*q));
    if (!q) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    q->server = server;
    int r = start_thread(q);
    if (r < 0) {
        notify_queue_stop(q);
        return err_set(err, r, "the thread of notifications could not start: %s", strerror(-r));
    }
    *ret = q;
    return 0;
}

/* The courier was closed: what goes lands soon. */
static void wait_for_flights(struct notify_queue *q)
{
    bool some = true;
    while (some) {
        some = false;
        pthread_mutex_lock(&q->lock);
        for (size_t i = 0; i < FLIGHTS; i++) {
            some |= q->flights[i].state == FLIGHT_GOES;
        }
        pthread_mutex_unlock(&q->lock);
        if (some) {
            nanosleep(&(struct timespec){ 0, ROUND_LEAST_MS * (long)NS_PER_MS }, NULL);
        }
    }
}

void notify_queue_stop(struct notify_queue *q)
{
    if (!q) {
        return;
    }
    if (q->started) {
        pthread_mutex_lock(&q->lock);
        q->stop = true;
        pthread_cond_signal(&q->work);
        pthread_mutex_unlock(&q->lock);
        pthread_join(q->thread, NULL);
        wait_for_flights(q);
        settle(q);
    }
    pthread_cond_destroy(&q->work);
    pthread_mutex_destroy(&q->lock);
    arena_done(&q->round);
    arena_done(&q->message);
    bell_free(q->bell);
    free(q);
}
