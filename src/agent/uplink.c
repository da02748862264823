/*
 * uplink: three things to ask for, each with a time before which it is not asked again.
 *
 *     batch      when the spool has something; the next one when the last is answered
 *     heartbeat  every 10 s, at once when something was applied; enrolment in its place before there is an id
 *     poll       always one but while a heartbeat is under way
 *
 * Between two batches the server holds one connection for each agent: a poll waits until the next heartbeat is due, so
 * that both use the same one in turn, and the worker closes a connection that nothing has used for a few seconds.
 *
 * Failures double the time, up to a minute, with jitter, so that agents do not come back all at once; not beyond ten
 * seconds while the server answers something else: then answers were lost. A server that says when is believed, up to five
 * minutes. A worker that comes anew knows nothing: all is asked again.
 */
#include "agent/uplink.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/random.h>

#define RETRY_MOST_S 300
#define HEARD_S      30     /* ago: it is there */
#define LOST_MS      120000 /* without an answer of the worker; its own limits are shorter */
#define TOLD_AGAIN_S 600    /* the same trouble, in the log */
#define TOLD_OTHER_S 10     /* another text of the same trouble */
#define LATE_MS      2000   /* heartbeat and poll wait so long for each other */

enum errand { BATCH, BEAT, POLL, ORDER, ERRANDS };

struct told_order {
    uint64_t id;
    bool ok;
    char why[200];
};

struct errand_state {
    bool busy;
    uint64_t since_ns, after_ns; /* CLOCK_BOOTTIME */
    uint32_t failures;
};

struct uplink {
    struct uplink_config config;
    struct identity identity; /* id "" : none */
    int wake;                 /* eventfd */
    pthread_t thread;
    bool started, ready;
    _Atomic bool stopping, beat, applied;
    bool applying;
    uint64_t heard_ns;         /* it answered an errand well, whichever; 0: never */
    _Atomic uint32_t refusals; /* of bundles, in a row */
    struct errand_state errands[ERRANDS];
    uint64_t gather_ns; /* since when something waits; 0: nothing */
    uint32_t limit;     /* records of a batch */
    struct spool_batch sent;
    uint64_t lost; /* records from here on that a server lost */
    uint64_t refused[UPLINK_REFUSED_MAX];
    uint32_t nrefused;
    uint64_t told_ns;
    enum uplink_state told;
    char told_text[256];
    pthread_mutex_t lock; /* guards the rest */
    struct uplink_stats stats;
    struct told_order orders[UPLINK_ORDERS_MAX]; /* the first is being told */
    uint32_t norders;
};

static void cleanup_uplink(struct uplink **u)
{
    uplink_free(*u, 0);
}

const char *uplink_state_text(enum uplink_state state)
{
    static const char *const texts[] = { "starting", "connected", "cut off",
                                         "revoked",  "cloned",    "token refused" };
    return texts[state];
}

static void signal_wake(struct uplink *u)
{
    uint64_t one = 1;
    (void)!write(u->wake, &one, sizeof(one));
}

void uplink_wake(void *data)
{
    signal_wake(data);
}

void uplink_applied(struct uplink *u, bool good)
{
    uint32_t refusals = good ? 0 : atomic_load(&u->refusals) + 1;
    atomic_store(&u->refusals, refusals);
    atomic_store(&u->applied, true);
    atomic_store(&u->beat, true);
    signal_wake(u);
}

void uplink_get_stats(struct uplink *u, struct uplink_stats *ret)
{
    pthread_mutex_lock(&u->lock);
    *ret = u->stats;
    pthread_mutex_unlock(&u->lock);
}

/* ---- times */

static uint64_t jitter(uint64_t ms)
{
    uint16_t random = 0;
    (void)!getrandom(&random, sizeof(random), GRND_NONBLOCK);
    return ms / 2 + ms * random / UINT16_MAX;
}

uint64_t uplink_back_off_ms(uint32_t failures, bool heard)
{
    uint64_t ms = (uint64_t)UPLINK_BACKOFF_MS << (failures < 7 ? failures : 7);
    uint64_t most = heard ? UPLINK_BACKOFF_HEARD : UPLINK_BACKOFF_MOST;
    return ms < most ? ms : most;
}

static void succeed(struct uplink *u, enum errand errand)
{
    u->heard_ns = clock_boot_ns();
    u->errands[errand].failures = 0;
    u->errands[errand].after_ns = 0;
    pthread_mutex_lock(&u->lock);
    u->stats.state = UPLINK_CONNECTED;
    u->stats.last_answer_ms = (int64_t)(clock_real_ns() / NS_PER_MS);
    u->stats.error[0] = '\0';
    pthread_mutex_unlock(&u->lock);
}

static void wait_for(struct uplink *u, enum errand errand, uint64_t ms)
{
    u->errands[errand].after_ns = clock_boot_ns() + ms * NS_PER_MS;
}

static void back_off(struct uplink *u, enum errand errand, uint32_t retry_s)
{
    struct errand_state *e = &u->errands[errand];
    bool heard = u->heard_ns && clock_boot_ns() - u->heard_ns < HEARD_S * NS_PER_S;
    uint64_t ms = uplink_back_off_ms(e->failures, heard);
    e->failures++;
    if (retry_s) {
        ms = 1000 * (uint64_t)(retry_s < RETRY_MOST_S ? retry_s : RETRY_MOST_S);
    }
    wait_for(u, errand, jitter(ms));
}

/* Says trouble aloud when it is new, then now and then. */
static void trouble(struct uplink *u, enum uplink_state state, const char *what)
{
    uint64_t now = clock_boot_ns();
    pthread_mutex_lock(&u->lock);
    u->stats.state = state;
    u->stats.failures++;
    snprintf(u->stats.error, sizeof(u->stats.error), "%s", what);
    pthread_mutex_unlock(&u->lock);
    bool same = u->told == state && strncmp(u->told_text, what, sizeof(u->told_text) - 1) == 0;
    uint64_t quiet_s = same ? TOLD_AGAIN_S : u->told == state ? TOLD_OTHER_S : 0;
    if (now - u->told_ns < quiet_s * NS_PER_S) {
        return;
    }
    snprintf(u->told_text, sizeof(u->told_text), "%s", what);
    u->told = state;
    u->told_ns = now;
    if (state == UPLINK_CUT_OFF) {
        log_warning("the server cannot be reached, alerts stay in the spool: %s", what);
    } else {
        log_error("the server refuses this agent (%s), which goes on with the rules it has: %s",
                  uplink_state_text(state), what);
    }
}

static void say_connected(struct uplink *u)
{
    if (u->told != UPLINK_CONNECTED) {
        log_info("connected to the server as %s", u->identity.id);
        u->told = UPLINK_CONNECTED;
    }
}

/* What is the same for all errands; true: that was it. */
static bool refused_at_all(struct uplink *u, enum errand errand, const struct uplink_message *m)
{
    bool cloned = m->status == 409 && strcmp(m->code, "agent_cloned") == 0;
    if (m->status == 401 || m->status == 403 || cloned) {
        trouble(u, cloned ? UPLINK_CLONED : UPLINK_REVOKED, m->text[0] ? m->text : m->code);
        wait_for(u, errand, jitter(UPLINK_REVOKED_S * 1000));
        return true;
    }
    if (m->status == 0 || m->status == 408 || m->status == 429 || m->status >= 500) {
        char what[128];
        snprintf(what, sizeof(what), "it answers with status %u", m->status);
        trouble(u, UPLINK_CUT_OFF, m->status == 0 ? m->text : what);
        back_off(u, errand, m->retry_s);
        return true;
    }
    return false;
}

/* ---- batches */

static bool is_due(struct uplink *u)
{
    struct spool_stats stats;
    spool_get_stats(u->config.spool, &stats);
    uint64_t waiting = stats.durable - stats.acknowledged, now = clock_boot_ns();
    if (stats.durable <= stats.acknowledged) {
        u->gather_ns = 0;
        return false;
    }
    if (!u->gather_ns) {
        u->gather_ns = now;
    }
    return waiting >= u->limit || now - u->gather_ns >= UPLINK_GATHER_MS * NS_PER_MS;
}

/* Those before the batch are done with. */
static void forget_refused(struct uplink *u, uint64_t first)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < u->nrefused; i++) {
        if (u->refused[i] >= first) {
            u->refused[kept++] = u->refused[i];
        }
    }
    u->nrefused = kept;
}

static void send_batch(struct uplink *u)
{
    struct spool_batch batch;
    struct uplink_message m = { .type = UPLINK_BATCH };
    int r = spool_next(u->config.spool, u->limit, &batch);
    if (r <= 0) {
        if (r < 0) {
            back_off(u, BATCH, 0);
        }
        return;
    }
    forget_refused(u, batch.first);
    m.first = batch.first;
    m.last = batch.last;
    m.at = batch.at;
    m.end = batch.end;
    m.lost = u->lost < batch.first ? u->lost : 0;
    m.nrefused = u->nrefused;
    memcpy(m.refused, u->refused, sizeof(m.refused));
    spool_get_id(u->config.spool, m.id);
    bool again = u->sent.first == batch.first && u->sent.last >= batch.last;
    u->sent = batch;
    u->gather_ns = 0;
    if (uplink_send(u->config.socket, &m, batch.fd) == 0) {
        u->errands[BATCH].busy = true;
        u->errands[BATCH].since_ns = clock_boot_ns();
        pthread_mutex_lock(&u->lock);
        u->stats.batches++;
        u->stats.resends += again;
        pthread_mutex_unlock(&u->lock);
    } else {
        back_off(u, BATCH, 0);
    }
    close(batch.fd);
}

static void renew(struct uplink *u)
{
    log_error("the server knows more of the spool than there is (was its directory put back?): "
              "it goes on as another spool");
    pthread_mutex_lock(&u->lock);
    u->stats.renewals++;
    pthread_mutex_unlock(&u->lock);
    spool_renew(u->config.spool);
    u->lost = 0;
}

/* What no server of ours answers: somebody in between does, or it is of another make. Nothing is given up for it. */
static void not_understood(struct uplink *u, const struct uplink_message *m)
{
    char what[128];
    snprintf(what, sizeof(what), "it answers a batch with status %u and no word of the records",
             m->status);
    trouble(u, UPLINK_CUT_OFF, what);
    back_off(u, BATCH, m->retry_s);
}

static void acknowledged(struct uplink *u, uint64_t n)
{
    if (spool_acknowledge(u->config.spool, n) < 0) {
        renew(u);
        back_off(u, BATCH, 0);
        return;
    }
    succeed(u, BATCH);
    say_connected(u);
    u->limit = SPOOL_BATCH_RECORDS;
    u->lost = 0;
    pthread_mutex_lock(&u->lock);
    u->stats.records += n >= u->sent.first ? n - u->sent.first + 1 : 0;
    pthread_mutex_unlock(&u->lock);
}

/* The server wants to go on somewhere else. */
static void expected(struct uplink *u, uint64_t n)
{
    if (n > u->sent.first) {
        acknowledged(u, n - 1);
        return;
    }
    uint64_t from = spool_rewind(u->config.spool, n);
    u->lost = from > n ? n : 0;
    log_warning("the server lost what it had acknowledged: it is sent again from record %llu on",
                (unsigned long long)from);
    back_off(u, BATCH, 0);
}

/* One record that is never taken must not stop the others. */
static void refuse_one(struct uplink *u, const struct uplink_message *m)
{
    uint64_t n = m->status == 422 ? m->number : 0;
    if (n == 0 && u->sent.records == 1) {
        n = u->sent.first;
    }
    if (n >= u->sent.first && n <= u->sent.last && u->nrefused < UPLINK_REFUSED_MAX) {
        log_error("the server refuses record %llu, which is reported as a gap: %s",
                  (unsigned long long)n, m->text);
        u->refused[u->nrefused++] = n;
        pthread_mutex_lock(&u->lock);
        u->stats.refused++;
        pthread_mutex_unlock(&u->lock);
        wait_for(u, BATCH, 10);
        return;
    }
    u->limit = u->sent.records > 1 ? u->sent.records / 2 : 1;
    back_off(u, BATCH, 0);
}

static void batch_done(struct uplink *u, const struct uplink_message *m)
{
    bool of_records = m->status == 400 || m->status == 413 || m->status == 422;
    if (m->status == 200 && m->number) {
        acknowledged(u, m->number);
    } else if (refused_at_all(u, BATCH, m)) {
        return;
    } else if (m->status == 409 && m->number) {
        expected(u, m->number);
    } else if (of_records) {
        refuse_one(u, m);
    } else {
        not_understood(u, m);
    }
}

/* ---- the others */

static void send_with_body(struct uplink *u, struct uplink_message *m, struct buf *body)
{
    CLEANUP(cleanup_close) int fd = body->failed ? -1 : uplink_body(buf_str(body));
    m->end = body->n;
    if (fd >= 0 && uplink_send(u->config.socket, m, fd) == 0) {
        u->errands[BEAT].busy = true;
        u->errands[BEAT].since_ns = clock_boot_ns();
    } else {
        back_off(u, BEAT, 0);
    }
}

static void beat(struct uplink *u)
{
    struct uplink_message m = { .type = UPLINK_HEARTBEAT };
    struct buf body;
    atomic_store(&u->beat, false);
    buf_init(&body, UPLINK_STATUS_MAX);
    u->config.heartbeat(u->config.data, &body);
    send_with_body(u, &m, &body);
    buf_done(&body);
}

static void enrol(struct uplink *u)
{
    struct uplink_message m = { .type = UPLINK_ENROL };
    struct buf body;
    if (!u->config.token) {
        trouble(u, UPLINK_TOKEN_REFUSED,
                "not enrolled, and there is no token: set server.token_file");
        wait_for(u, BEAT, UPLINK_REVOKED_S * 1000);
        return;
    }
    buf_init_fixed(&body, m.text, sizeof(m.text) - 1);
    u->config.enrol_body(u->config.data, &body);
    snprintf(m.secret, sizeof(m.secret), "%s", u->config.token);
    if (!body.failed && uplink_send(u->config.socket, &m, -1) == 0) {
        u->errands[BEAT].busy = true;
        u->errands[BEAT].since_ns = clock_boot_ns();
    } else {
        back_off(u, BEAT, 0);
    }
}

static void tell_identity(struct uplink *u)
{
    struct uplink_message m = { .type = UPLINK_IDENTITY };
    memcpy(m.id, u->identity.id, sizeof(m.id));
    memcpy(m.secret, u->identity.credential, sizeof(m.secret));
    if (u->identity.id[0]) {
        uplink_send(u->config.socket, &m, -1);
    }
}

static void enrolment_done(struct uplink *u, const struct uplink_message *m)
{
    struct err err = { 0 };
    struct identity identity;
    if (m->status == 401 || m->status == 403 || m->status == 422) {
        trouble(u, UPLINK_TOKEN_REFUSED, m->text[0] ? m->text : m->code);
        wait_for(u, BEAT, jitter(UPLINK_REVOKED_S * 1000));
        return;
    }
    if (m->status != 200 && m->status != 201) {
        if (!refused_at_all(u, BEAT, m)) {
            trouble(u, UPLINK_TOKEN_REFUSED, m->text[0] ? m->text : "it does not enrol agents");
            back_off(u, BEAT, 0);
        }
        return;
    }
    if (identity_take(m->id, m->secret, m->text, &identity, &err) < 0) {
        trouble(u, UPLINK_TOKEN_REFUSED, err.message);
        back_off(u, BEAT, 0);
        return;
    }
    if (identity_write(u->config.dir, &identity, &err) < 0) {
        log_error("enrolled until the next start only: %s", err.message);
    }
    u->identity = identity;
    succeed(u, BEAT);
    say_connected(u);
    tell_identity(u);
    u->config.enrolled(u->config.data, &identity);
}

/* Until the next heartbeat. */
static uint64_t poll_seconds(const struct uplink *u)
{
    uint64_t now = clock_boot_ns(), due = u->errands[BEAT].after_ns;
    uint64_t seconds = due > now ? (due - now + NS_PER_S - 1) / NS_PER_S : 1;
    return seconds < UPLINK_WAIT_MOST_S ? seconds : UPLINK_WAIT_MOST_S;
}

static void poll_server(struct uplink *u)
{
    struct uplink_message m = { .type = UPLINK_POLL, .end = poll_seconds(u) };
    u->config.have(u->config.data, &m.first, &m.last);
    if (uplink_send(u->config.socket, &m, -1) == 0) {
        u->errands[POLL].busy = true;
        u->errands[POLL].since_ns = clock_boot_ns();
    } else {
        back_off(u, POLL, 0);
    }
}

static void poll_done(struct uplink *u, const struct uplink_message *m, int fd)
{
    struct buf body;
    if (m->status == 204) {
        succeed(u, POLL);
        return;
    }
    if (m->status != 200) {
        if (!refused_at_all(u, POLL, m)) {
            back_off(u, POLL, 0);
        }
        return;
    }
    buf_init(&body, UPLINK_BUNDLE_MAX);
    int r = uplink_body_read(fd, m->end, UPLINK_BUNDLE_MAX, &body);
    const struct uplink_bundle bundle = {
        .type = m->text, .signature = m->secret, .version = m->number, .body = &body
    };
    if (r < 0) {
        back_off(u, POLL, 0);
    } else {
        succeed(u, POLL);
        wait_for(u, POLL, 0);
        u->applying = true;
        if (!u->config.bundle(u->config.data, &bundle)) {
            u->applying = false;
            back_off(u, POLL, 0);
        }
    }
    buf_done(&body);
}

/* ---- outcomes of orders */

void uplink_order_done(struct uplink *u, uint64_t id, bool ok, const char *why)
{
    pthread_mutex_lock(&u->lock);
    if (u->norders < UPLINK_ORDERS_MAX) {
        struct told_order *order = &u->orders[u->norders++];
        *order = (struct told_order){ .id = id, .ok = ok };
        snprintf(order->why, sizeof(order->why), "%s", why);
    }
    pthread_mutex_unlock(&u->lock);
    signal_wake(u);
}

static void tell_order(struct uplink *u)
{
    struct uplink_message m = { .type = UPLINK_ORDER };
    struct buf body;
    struct jsonw w = { .buf = &body };
    pthread_mutex_lock(&u->lock);
    bool any = u->norders > 0;
    struct told_order order = u->orders[0];
    pthread_mutex_unlock(&u->lock);
    if (!any) {
        return;
    }
    buf_init_fixed(&body, m.text, sizeof(m.text) - 1);
    m.first = order.id;
    jsonw_object(&w, NULL);
    jsonw_bool(&w, "ok", order.ok);
    jsonw_strz(&w, "result", order.why);
    jsonw_end(&w);
    if (uplink_send(u->config.socket, &m, -1) == 0) {
        u->errands[ORDER].busy = true;
        u->errands[ORDER].since_ns = clock_boot_ns();
    } else {
        back_off(u, ORDER, 0);
    }
}

/* Told, or nothing that telling again would change. */
static void order_told(struct uplink *u, const struct uplink_message *m)
{
    if (m->status == 0 || m->status == 429 || m->status >= 500) {
        back_off(u, ORDER, m->retry_s);
        return;
    }
    u->errands[ORDER].failures = 0;
    pthread_mutex_lock(&u->lock);
    u->norders--;
    memmove(u->orders, u->orders + 1, u->norders * sizeof(*u->orders));
    pthread_mutex_unlock(&u->lock);
}

/* ---- the loop */

static void take(struct uplink *u, const struct uplink_message *m, int fd)
{
    if (m->type == UPLINK_READY) {
        u->ready = true;
        memset(u->errands, 0, sizeof(u->errands));
        tell_identity(u);
        pthread_mutex_lock(&u->lock);
        u->stats.workers++;
        pthread_mutex_unlock(&u->lock);
        return;
    }
    enum errand errand = m->what == UPLINK_BATCH   ? BATCH
                         : m->what == UPLINK_POLL  ? POLL
                         : m->what == UPLINK_ORDER ? ORDER
                                                   : BEAT;
    if (m->type != UPLINK_DONE || !u->errands[errand].busy) {
        return;
    }
    u->errands[errand].busy = false;
    switch (m->what) {
    case UPLINK_BATCH:
        batch_done(u, m);
        break;
    case UPLINK_ENROL:
        enrolment_done(u, m);
        break;
    case UPLINK_HEARTBEAT:
        if (m->status == 200) {
            succeed(u, BEAT);
            say_connected(u);
            wait_for(u, BEAT, UPLINK_HEARTBEAT_S * 1000);
        } else if (!refused_at_all(u, BEAT, m)) {
            back_off(u, BEAT, 0);
        }
        break;
    case UPLINK_ORDER:
        order_told(u, m);
        break;
    case UPLINK_POLL:
        poll_done(u, m, fd);
        break;
    default:
        break;
    }
}

static bool may(const struct uplink *u, enum errand errand, uint64_t now)
{
    return u->ready && !u->errands[errand].busy && now >= u->errands[errand].after_ns;
}

/* A heartbeat that is due takes the connection of the poll when that ends, unless it is late or this urgent. */
static bool may_beat(const struct uplink *u, uint64_t now)
{
    const struct errand_state *poll = &u->errands[POLL];
    bool late = now >= u->errands[BEAT].after_ns + LATE_MS * NS_PER_MS;
    return may(u, BEAT, now) && (!poll->busy || late || atomic_load(&u->beat));
}

static bool may_poll(const struct uplink *u, uint64_t now)
{
    const struct errand_state *beat = &u->errands[BEAT];
    bool late = beat->busy && now >= beat->since_ns + LATE_MS * NS_PER_MS;
    return may(u, POLL, now) && !u->applying && (!beat->busy || late);
}

static void go(struct uplink *u)
{
    uint64_t now = clock_boot_ns();
    if (atomic_load(&u->beat) && u->errands[BEAT].failures == 0) {
        u->errands[BEAT].after_ns = 0;
    }
    if (!u->identity.id[0]) {
        if (may(u, BEAT, now)) {
            enrol(u);
        }
        return;
    }
    if (may(u, BATCH, now) && is_due(u)) {
        send_batch(u);
    }
    if (may_beat(u, now)) {
        pthread_mutex_lock(&u->lock);
        u->stats.heartbeats++;
        pthread_mutex_unlock(&u->lock);
        beat(u);
    }
    if (may(u, ORDER, now)) {
        tell_order(u);
    }
    if (atomic_exchange(&u->applied, false)) {
        uint32_t n = atomic_load(&u->refusals);
        u->applying = false;
        u->errands[POLL].failures = n < 8 ? n : 8;
        if (n > 1) { /* the first may be followed by one that is right */
            back_off(u, POLL, 0);
        }
    }
    if (may_poll(u, now)) {
        pthread_mutex_lock(&u->lock);
        u->stats.polls++;
        pthread_mutex_unlock(&u->lock);
        poll_server(u);
    }
}

static int wait_ms(const struct uplink *u)
{
    uint64_t now = clock_boot_ns(), next = now + NS_PER_S;
    if (u->gather_ns && !u->errands[BATCH].busy) {
        uint64_t at = u->gather_ns + UPLINK_GATHER_MS * NS_PER_MS;
        at = at > u->errands[BATCH].after_ns ? at : u->errands[BATCH].after_ns;
        next = at < next ? at : next;
    }
    for (unsigned i = 0; i < ERRANDS; i++) {
        const struct errand_state *e = &u->errands[i];
        if (!e->busy && e->after_ns > now && e->after_ns < next) {
            next = e->after_ns;
        }
    }
    return next <= now ? 1 : (int)((next - now) / NS_PER_MS) + 1;
}

static void forget_lost(struct uplink *u)
{
    for (unsigned i = 0; i < ERRANDS; i++) {
        struct errand_state *e = &u->errands[i];
        if (e->busy && clock_boot_ns() - e->since_ns > LOST_MS * NS_PER_MS) {
            e->busy = false;
            back_off(u, (enum errand)i, 0);
        }
    }
}

static void *work(void *data)
{
    struct uplink *u = data;
    prctl(PR_SET_NAME, "uplink", 0, 0, 0);
    bool gone = false;
    while (!atomic_load(&u->stopping)) {
        struct pollfd fds[2] = { { .fd = gone ? -1 : u->config.socket, .events = POLLIN },
                                 { .fd = u->wake, .events = POLLIN } };
        struct uplink_message m;
        uint64_t count;
        int fd = -1, r = 0;
        poll(fds, 2, wait_ms(u));
        (void)!read(u->wake, &count, sizeof(count));
        while (!gone && (r = uplink_receive(u->config.socket, &m, &fd)) > 0) {
            take(u, &m, fd);
            cleanup_close(&fd);
        }
        if (r < 0 && r != -EPROTO) {
            gone = true;
            u->ready = false;
            trouble(u, UPLINK_CUT_OFF, "the uplink's process is gone");
        }
        forget_lost(u);
        go(u);
    }
    return NULL;
}

int uplink_new(const struct uplink_config *config, struct uplink **ret, struct err *err)
{
    CLEANUP(cleanup_uplink) struct uplink *u = mem_zalloc(sizeof *u);
    if (!u) {
        cleanup_close(&config->socket);
        return err_set(err, -ENOMEM, "out of memory");
    }
    u->config = *config;
    u->limit = SPOOL_BATCH_RECORDS;
    if (config->identity) {
        u->identity = *config->identity;
    }
    pthread_mutex_init(&u->lock, NULL);
    u->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (u->wake < 0) {
        return err_set(err, -errno, "no uplink: %s", strerror(errno));
    }
    int r = -pthread_create(&u->thread, NULL, work, u);
    if (r < 0) {
        return err_set(err, r, "no thread for the uplink: %s", strerror(-r));
    }
    u->started = true;
    *ret = TAKE(u);
    return 0;
}

void uplink_free(struct uplink *u, unsigned ms)
{
    struct spool_stats stats = { .records = 1 };
    if (!u) {
        return;
    }
    for (unsigned waited = 0; u->started && waited < ms && stats.records; waited += 10) {
        struct uplink_stats now;
        uplink_get_stats(u, &now);
        spool_get_stats(u->config.spool, &stats);
        if (now.state != UPLINK_CONNECTED) {
            break;
        }
        usleep(10000);
    }
    atomic_store(&u->stopping, true);
    if (u->started) {
        signal_wake(u);
        pthread_join(u->thread, NULL);
    }
    close(u->config.socket);
    cleanup_close(&u->wake);
    pthread_mutex_destroy(&u->lock);
    free(u);
}
