/*
 * uplink_daemon: puts the parts together, and hands on what they say to each other.
 *
 * The spool is the agent's whether the server answers or not. When the directory cannot be used there is no
 * spool, and so no uplink: alerts are printed, and that is all.
 */
#include "agent/uplink_daemon.h"

#include "agent/notice.h"
#include "agent/uplink_orders.h"
#include "agent/uplink_process.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "sensor/live/process.h"

#include <errno.h>
#include <inttypes.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#ifndef HINOMI_VERSION
#define HINOMI_VERSION "0.1.0"
#endif

#define UNENROLLED   "unenrolled"
#define CA_MAX       ((size_t)1 << 20)
#define STOP_WAIT_MS 2000

static int read_token(struct server_link *l, struct err *err)
{
    const struct config *c = l->config;
    char storage[UPLINK_SECRET_MAX];
    struct buf text;
    buf_init_fixed(&text, storage, sizeof(storage));
    if (c->server_token_file) {
        int r = file_read(c->server_token_file, &text, err);
        if (r < 0) { /* an agent that is enrolled needs none */
            log_warning("no token to enrol with: %s", err->message);
            return 0;
        }
    } else if (c->server_token) {
        buf_puts(&text, str_of(c->server_token));
    }
    struct str token = str_trim(buf_str(&text));
    bool good = !text.failed && token.n < sizeof(l->token);
    for (size_t i = 0; i < token.n; i++) {
        good = good && token.p[i] > ' ' && token.p[i] < 0x7f;
    }
    memcpy(l->token, token.p ? token.p : "", good ? token.n : 0);
    sodium_memzero(storage, sizeof(storage));
    return good ? 0 : err_set(err, -EINVAL, "the server's token is not one");
}

static int read_ca(const struct config *c, struct buf *ca, struct err *err)
{
    if (c->server_ca_sha256 && (strlen(c->server_ca_sha256) != 64 ||
                                strspn(c->server_ca_sha256, "0123456789abcdefABCDEF") != 64)) {
        return err_set(err, -EINVAL, "`server.ca_sha256` is 64 hex digits");
    }
    return c->server_ca ? file_read(c->server_ca, ca, err) : 0;
}

int server_fork(struct server_link *l, struct err *err)
{
    const struct config *c = l->config;
    struct uplink_settings settings = { .url = c->server_url,
                                        .proxy = c->server_proxy,
                                        .ca_sha256 = c->server_ca_sha256 };
    uint64_t instance = 0;
    struct buf ca;
    l->socket = -1;
    pthread_mutex_init(&l->lock, NULL);
    if (!c->server_url) {
        return 0;
    }
    if (sodium_init() < 0 || getrandom(&instance, sizeof(instance), 0) < 0) {
        return err_set(err, -EIO, "no random numbers");
    }
    snprintf(l->instance, sizeof(l->instance), "%016" PRIx64, instance);
    memcpy(settings.instance, l->instance, sizeof(settings.instance));
    buf_init(&ca, CA_MAX);
    int r = uplink_check_url(c->server_url, err);
    r = r == 0 ? read_token(l, err) : r;
    r = r == 0 ? read_ca(c, &ca, err) : r;
    settings.ca = buf_str(&ca);
    r = r == 0 ? uplink_fork(&settings, &l->socket, &l->pid, err) : r;
    buf_done(&ca);
    return r;
}

static void lacks(struct server_link *l, const char *what, const char *why)
{
    snprintf(l->lacking, sizeof(l->lacking), "%s: %s", what, why);
    log_error("%s", l->lacking);
}

static void wake(void *data)
{
    struct server_link *l = data;
    pthread_mutex_lock(&l->lock);
    if (l->uplink) {
        uplink_wake(l->uplink);
    }
    pthread_mutex_unlock(&l->lock);
}

void server_open(struct server_link *l)
{
    struct err err = { 0 };
    const struct config *c = l->config;
    const struct spool_config config = {
        .dir = c->spool_dir, .max_bytes = c->spool_max_bytes, .ready = wake, .data = l
    };
    if (l->socket < 0) {
        return;
    }
    if (spool_open(&config, &l->spool, &err) < 0) {
        lacks(l, "alerts are printed, but neither kept nor sent to the server", err.message);
        return;
    }
    int r = identity_read(c->spool_dir, &l->identity, &err);
    if (r < 0 && r != -ENOENT) {
        log_error("%s", err.message);
    }
    const struct activity_config activity = { .spool = l->spool,
                                              .per_second = c->activity_per_second,
                                              .per_container = c->activity_per_container };
    if (c->activity_enabled && activity_new(&activity, &l->activity) < 0) {
        log_error("no activity is recorded: out of memory");
    }
}

struct str server_agent_id(const struct server_link *l)
{
    return l->identity.id[0] ? str_of(l->identity.id) : l->spool ? STR(UNENROLLED) : STR("");
}

void server_rules_path(const struct server_link *l, char *ret, size_t size)
{
    uint64_t version;
    ret[0] = '\0';
    if (l->spool && bundle_version(l->config->spool_dir, &version) == 0) {
        snprintf(ret, size, "%s/bundle", l->config->spool_dir);
    }
}

/* ---- into the spool */

static void put_alert(struct server_link *l, struct str json, uint8_t severity, uint64_t ts_ns)
{
    const struct spool_entry entry = { .kind = SPOOL_ALERT,
                                       .severity = severity,
                                       .time_ms = (int64_t)(ts_ns / NS_PER_MS),
                                       .payload = json };
    if (json.n) {
        spool_append(l->spool, &entry);
    } else {
        spool_lose(l->spool, &entry, SPOOL_TOO_LARGE);
    }
}

static void on_alert(void *data, const struct pipeline_alert *alert)
{
    put_alert(data, alert->json, alert->severity, alert->ts_ns);
}

static void on_seen(void *data, struct view *view)
{
    struct server_link *l = data;
    activity_seen(l->activity, view);
}

static bool on_wants(void *data, struct view *view)
{
    struct server_link *l = data;
    return activity_wants_event(l->activity, view);
}

struct pipeline_hooks server_hooks(struct server_link *l)
{
    return (struct pipeline_hooks){ .alert = l->spool ? on_alert : NULL,
                                    .seen = l->activity ? on_seen : NULL,
                                    .wants = l->activity ? on_wants : NULL,
                                    .data = l };
}

static void on_notice(void *data, struct str json, uint8_t severity, uint64_t ts_ns)
{
    put_alert(data, json, severity, ts_ns);
}

static void on_gap(void *data, const struct notice_gap *gap)
{
    struct server_link *l = data;
    char storage[2048];
    struct buf buf;
    struct jsonw w = { .buf = &buf };
    buf_init_fixed(&buf, storage, sizeof(storage));
    jsonw_object(&w, NULL);
    jsonw_strz(&w, "kind", "unseen");
    jsonw_u64(&w, "from_ms", gap->start_ns / NS_PER_MS);
    jsonw_u64(&w, "to_ms", gap->end_ns / NS_PER_MS);
    jsonw_u64(&w, "count", gap->passed);
    jsonw_object(&w, "where");
    if (gap->container.n) {
        jsonw_str(&w, "container", str_first(gap->container, 128));
    }
    jsonw_u64(&w, "rescued", gap->rescued);
    jsonw_u64(&w, "refused", gap->refused);
    jsonw_u64(&w, "lost_gaps", gap->lost);
    jsonw_str(&w, "calls", str_first(gap->calls, 512));
    jsonw_end(&w);
    jsonw_str(&w, "why", str_first(gap->cause, 128));
    jsonw_end(&w);
    spool_append(l->spool, &(struct spool_entry){ .kind = SPOOL_GAP,
                                                  .time_ms = (int64_t)(gap->end_ns / NS_PER_MS),
                                                  .payload = buf_str(&buf) });
}

struct engine_keep server_keep(struct server_link *l)
{
    return l->spool ? (struct engine_keep){ .notice = on_notice, .gap = on_gap, .data = l }
                    : (struct engine_keep){ 0 };
}

/* ---- what the uplink asks */

static void on_enrolled(void *data, const struct identity *identity)
{
    struct server_link *l = data;
    l->identity = *identity;
    engine_set_agent(l->engine, str_of(identity->id));
    bundles_set_key(l->bundles, identity->sign_key);
}

static void describe(struct server_link *l, struct heartbeat *h, struct bundles_stats *bundles)
{
    struct activity_stats activity = { 0 };
    *h = (struct heartbeat){ .version = HINOMI_VERSION,
                             .started_ns = l->started_ns,
                             .spool = l->spool };
    bundles_get_stats(l->bundles, bundles);
    h->bundle = bundles->version;
    h->bundle_ok = bundles->ok;
    h->bundle_error = bundles->error;
    if (l->activity) {
        activity_get_stats(l->activity, &activity);
    }
    for (unsigned k = 0; k < ACTIVITY_KINDS; k++) {
        h->activity_sent += activity.sent[k];
        h->activity_lost += activity.lost[k];
    }
    l->describe(l->data, h);
}

static void on_heartbeat(void *data, struct buf *json)
{
    struct server_link *l = data;
    struct heartbeat heartbeat;
    struct bundles_stats bundles;
    describe(l, &heartbeat, &bundles);
    heartbeat_put(l->engine, &heartbeat, &l->lag, json);
    if (l->activity) {
        activity_tick(l->activity, false);
    }
}

static void on_enrol_body(void *data, struct buf *json)
{
    struct server_link *l = data;
    struct heartbeat heartbeat;
    struct bundles_stats bundles;
    char host[256] = "agent";
    gethostname(host, sizeof(host) - 1);
    describe(l, &heartbeat, &bundles);
    heartbeat_put_enrolment(l->config->agent_id ? l->config->agent_id : host, l->instance,
                            HINOMI_VERSION, heartbeat.sensor, json);
}

static bool on_bundle(void *data, const struct uplink_bundle *bundle)
{
    struct server_link *l = data;
    return bundles_give(l->bundles, bundle);
}

static void on_have(void *data, uint64_t *ret_version, uint64_t *ret_order)
{
    struct server_link *l = data;
    struct bundles_stats bundles;
    bundles_get_stats(l->bundles, &bundles);
    *ret_version = bundles.want;
    *ret_order = __atomic_load_n(&l->last_order, __ATOMIC_RELAXED);
}

static int on_use(void *data, const struct bundle_changes *changes, struct buf *text,
                  struct err *err)
{
    struct server_link *l = data;
    return l->use(l->data, changes, text, err);
}

static void on_order_done(void *data, uint64_t id, bool ok, const char *why)
{
    struct server_link *l = data;
    pthread_mutex_lock(&l->lock);
    if (l->uplink) {
        uplink_order_done(l->uplink, id, ok, why);
    }
    pthread_mutex_unlock(&l->lock);
}

/* A full output does not matter: the server gets it by the spool. */
static bool on_test(void *data, uint64_t id)
{
    struct server_link *l = data;
    const struct notice_field fields[] = { { "test.order", NOTICE_NUMBER, { 0 }, id } };
    const struct notice notice = {
        .rule = NOTICE_TEST_RULE,
        .priority = PRIORITY_NOTICE,
        .message = STR(NOTICE_TEST_RULE ": asked for by a user of the server; nothing is wrong"),
        .fields = fields,
        .nfields = sizeof(fields) / sizeof(*fields),
    };
    int r = notice_say(l->engine, &notice);
    return r == 0 || r == -ENOBUFS;
}

static void on_orders(void *data, struct str json)
{
    struct server_link *l = data;
    const struct orders_to to = {
        .respond = l->respond, .done = on_order_done, .test = on_test, .data = l
    };
    uint64_t last = l->last_order;
    orders_do(&to, l->config->spool_dir, l->identity.id, json, &last);
    __atomic_store_n(&l->last_order, last, __ATOMIC_RELAXED);
}

static void on_done(void *data, bool good)
{
    struct server_link *l = data;
    pthread_mutex_lock(&l->lock);
    if (l->uplink) {
        uplink_applied(l->uplink, good);
    }
    pthread_mutex_unlock(&l->lock);
}

/* ---- life */

static int start_uplink(struct server_link *l, struct err *err)
{
    const struct uplink_config config = { .spool = l->spool,
                                          .dir = l->config->spool_dir,
                                          .token = l->token[0] ? l->token : NULL,
                                          .socket = TAKE_FD(l->socket),
                                          .identity = l->identity.id[0] ? &l->identity : NULL,
                                          .enrolled = on_enrolled,
                                          .enrol_body = on_enrol_body,
                                          .heartbeat = on_heartbeat,
                                          .bundle = on_bundle,
                                          .have = on_have,
                                          .data = l };
    struct uplink *uplink = NULL;
    int r = uplink_new(&config, &uplink, err);
    pthread_mutex_lock(&l->lock);
    l->uplink = uplink;
    pthread_mutex_unlock(&l->lock);
    return r;
}

void server_start(struct server_link *l, struct engine *engine, struct respond *respond)
{
    struct err err = { 0 };
    struct live_process process;
    const struct bundles_config bundles = {
        .dir = l->config->spool_dir, .use = on_use, .orders = on_orders, .done = on_done, .data = l
    };
    if (!l->spool) {
        return;
    }
    l->engine = engine;
    l->respond = respond;
    l->started_ns = clock_real_ns();
    if (live_process_read(l->pid, &process) == 0) {
        respond_protect(respond, l->pid, process.start_ticks);
    }
    l->last_order = orders_last(l->config->spool_dir);
    int r = bundles_new(&bundles, &l->bundles, &err);
    if (r == 0 && l->identity.id[0]) {
        bundles_set_key(l->bundles, l->identity.sign_key);
    }
    if (r == 0 && l->rejected[0]) {
        bundles_reject_kept(l->bundles, l->rejected);
    }
    r = r == 0 ? start_uplink(l, &err) : r;
    if (r < 0) {
        lacks(l, "nothing is sent to the server", err.message);
    }
}

void server_stop(struct server_link *l)
{
    if (l->activity) {
        activity_tick(l->activity, true);
    }
    if (l->spool) {
        spool_sync(l->spool);
    }
    pthread_mutex_lock(&l->lock);
    struct uplink *uplink = TAKE(l->uplink);
    pthread_mutex_unlock(&l->lock);
    uplink_free(uplink, STOP_WAIT_MS);
    bundles_free(l->bundles);
    l->bundles = NULL;
}

void server_done(struct server_link *l)
{
    cleanup_close(&l->socket);
    pthread_mutex_destroy(&l->lock);
    spool_free(l->spool);
    activity_free(l->activity);
    sodium_memzero(l->token, sizeof(l->token));
    sodium_memzero(&l->identity, sizeof(l->identity));
}
