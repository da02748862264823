/*
 * bundle_apply: one thing at a time.
 *
 *     verify ── order ────────── orders()
 *            └─ newer? ── unpack, or read changes ── use()
 *
 * A version that failed is not asked for again: the server tells of the next one. A delta that does not fit is
 * answered by asking for everything.
 */
#include "agent/bundle_apply.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

#define DIAGNOSTICS_MAX ((size_t)64 << 10)
#define TYPE_MAX        64

struct arrival {
    char type[TYPE_MAX], signature[UPLINK_SECRET_MAX];
    uint64_t version, at_ns;
    struct buf body;
};

struct bundles {
    struct bundles_config config;
    pthread_t thread;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t wake;
    bool started, stopping, waiting, has_key;
    uint8_t key[BUNDLE_KEY];
    struct arrival arrival; /* while `waiting` it is the thread's */
    struct bundles_stats stats;
    uint64_t newest; /* that was in force: nothing older is taken, also when that is lost */
    uint64_t stalls; /* refusals after which the same would be sent again */
    bool unkept;     /* of the thread: the rules in force are not in the directory */
};

CLEANUP_DEFINE(struct bundles, bundles_free);

static void refuse(struct bundles *b, uint64_t version, const char *why, const struct buf *text)
{
    pthread_mutex_lock(&b->lock);
    struct bundles_stats *s = &b->stats;
    int n =
        snprintf(s->error, sizeof(s->error), "version %llu: %s", (unsigned long long)version, why);
    if (text && text->n && n > 0 && (size_t)n + 2 < sizeof(s->error)) {
        snprintf(s->error + n, sizeof(s->error) - (size_t)n, "\n%.*s", STR_ARG(buf_str(text)));
    }
    s->ok = false;
    s->refused++;
    b->stalls += version <= s->want;
    s->want = version > s->want ? version : s->want;
    pthread_mutex_unlock(&b->lock);
    log_error("rules of the server are not taken, the old ones go on: version %llu: %s",
              (unsigned long long)version, why);
}

static void in_force(struct bundles *b, const struct arrival *a)
{
    struct err err = { 0 };
    if (bundle_note_newest(b->config.dir, b->key, a->version, &err) < 0) {
        log_warning("an older version would be taken after a start: %s", err.message);
    }
    pthread_mutex_lock(&b->lock);
    b->newest = a->version;
    b->stats.version = b->stats.want = a->version;
    b->stats.ok = true;
    b->stats.error[0] = '\0';
    b->stats.applied++;
    b->stats.last_ns = clock_boot_ns() - a->at_ns;
    uint64_t ms = b->stats.last_ns / NS_PER_MS;
    pthread_mutex_unlock(&b->lock);
    log_info("rules of the server, version %llu, are in force (%llu ms)",
             (unsigned long long)a->version, (unsigned long long)ms);
}

static int use_delta(struct bundles *b, const struct arrival *a, struct buf *text, struct err *err)
{
    CLEANUP(bundle_changes_done)
    struct bundle_changes changes = { .from = b->stats.version, .to = a->version };
    int r = bundle_changes_read(&changes, buf_str(&a->body), err);
    return r == 0 ? b->config.use(b->config.data, &changes, text, err) : r;
}

static int use(struct bundles *b, const struct arrival *a, struct buf *text, struct err *err)
{
    if (strcmp(a->type, BUNDLE_TYPE_DELTA) == 0) {
        return use_delta(b, a, text, err);
    }
    if (strcmp(a->type, BUNDLE_TYPE) != 0) {
        return err_set(err, -EINVAL, "the server answered something else: %s", a->type);
    }
    int r = bundle_unpack(b->config.dir, a->version, buf_str(&a->body), err);
    return r == 0 ? b->config.use(b->config.data, NULL, text, err) : r;
}

/* The one in force counts as newer where it has to be kept yet. */
static int check_age(const struct bundles *b, uint64_t version, struct err *err)
{
    uint64_t have = b->stats.version;
    if (version < have || (version == have && !b->unkept)) {
        return err_set(err, -EALREADY, "not newer than version %llu, in force",
                       (unsigned long long)have);
    }
    return version < b->newest
               ? err_set(err, -EALREADY, "older than version %llu, which was in force",
                         (unsigned long long)b->newest)
               : 0;
}

/* Next time, everything. */
static void want_all(struct bundles *b)
{
    pthread_mutex_lock(&b->lock);
    b->stats.want = 0;
    pthread_mutex_unlock(&b->lock);
}

static void apply_rules(struct bundles *b, const struct arrival *a)
{
    struct err err = { 0 };
    struct buf text;
    buf_init(&text, DIAGNOSTICS_MAX);
    int r = check_age(b, a->version, &err);
    r = r == 0 ? use(b, a, &text, &err) : r;
    if (r >= 0) {
        in_force(b, a);
        b->unkept = r > 0;
    }
    if (r > 0 || r == -ESTALE) {
        want_all(b);
    } else if (r < 0) {
        bundle_forget(b->config.dir);
        refuse(b, a->version, err.message, &text);
    }
    buf_done(&text);
}

static void apply(struct bundles *b, const struct arrival *a)
{
    struct err err = { 0 };
    if (bundle_verify(b->key, a->type, a->version, a->signature, buf_str(&a->body), &err) < 0) {
        refuse(b, 0, err.message, NULL);
    } else if (strcmp(a->type, BUNDLE_TYPE_ORDER) == 0) {
        b->config.orders(b->config.data, buf_str(&a->body));
    } else {
        apply_rules(b, a);
    }
}

static void *work(void *data)
{
    struct bundles *b = data;
    prctl(PR_SET_NAME, "bundle", 0, 0, 0);
    pthread_mutex_lock(&b->lock);
    while (!b->stopping) {
        if (!b->waiting) {
            pthread_cond_wait(&b->wake, &b->lock);
            continue;
        }
        uint64_t stalls = b->stalls;
        pthread_mutex_unlock(&b->lock);
        apply(b, &b->arrival);
        buf_done(&b->arrival.body);
        pthread_mutex_lock(&b->lock);
        b->waiting = false;
        bool good = b->stalls == stalls;
        pthread_mutex_unlock(&b->lock);
        b->config.done(b->config.data, good);
        pthread_mutex_lock(&b->lock);
    }
    pthread_mutex_unlock(&b->lock);
    return NULL;
}

int bundles_new(const struct bundles_config *config, struct bundles **ret, struct err *err)
{
    CLEANUP(cleanup_bundles_free) struct bundles *b = mem_zalloc(sizeof *b);
    if (!b) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    b->config = *config;
    b->stats.ok = true;
    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->wake, NULL);
    bundle_forget(config->dir);
    int r = bundle_version(config->dir, &b->stats.version);
    if (r < 0 && r != -ENOENT) {
        log_error("the server's rules that were kept cannot be used: %s", strerror(-r));
        snprintf(b->stats.error, sizeof(b->stats.error), "the kept version: %s", strerror(-r));
        b->stats.ok = false;
    }
    b->stats.want = b->stats.version;
    r = -pthread_create(&b->thread, NULL, work, b);
    if (r < 0) {
        return err_set(err, r, "no thread for rules of the server: %s", strerror(-r));
    }
    b->started = true;
    *ret = TAKE(b);
    return 0;
}

void bundles_free(struct bundles *b)
{
    if (!b) {
        return;
    }
    if (b->started) {
        pthread_mutex_lock(&b->lock);
        b->stopping = true;
        pthread_cond_signal(&b->wake);
        pthread_mutex_unlock(&b->lock);
        pthread_join(b->thread, NULL);
    }
    if (b->waiting) {
        buf_done(&b->arrival.body);
    }
    pthread_cond_destroy(&b->wake);
    pthread_mutex_destroy(&b->lock);
    free(b);
}

void bundles_set_key(struct bundles *b, const uint8_t key[IDENTITY_KEY])
{
    bool other;
    pthread_mutex_lock(&b->lock);
    memcpy(b->key, key, sizeof(b->key));
    b->has_key = true;
    b->newest = bundle_newest(b->config.dir, key, &other);
    if (other) { /* whose numbers mean nothing here */
        b->stats.version = b->stats.want = 0;
    } else if (b->stats.version > b->newest) {
        b->newest = b->stats.version;
    }
    pthread_mutex_unlock(&b->lock);
}

bool bundles_give(struct bundles *b, const struct uplink_bundle *bundle)
{
    pthread_mutex_lock(&b->lock);
    bool taken = !b->waiting && b->has_key && !b->stopping;
    if (taken) {
        struct arrival *a = &b->arrival;
        snprintf(a->type, sizeof(a->type), "%s", bundle->type);
        snprintf(a->signature, sizeof(a->signature), "%s", bundle->signature);
        a->version = bundle->version;
        a->at_ns = clock_boot_ns();
        a->body = *bundle->body;
        buf_init(bundle->body, UPLINK_BUNDLE_MAX);
        b->waiting = true;
        pthread_cond_signal(&b->wake);
    }
    pthread_mutex_unlock(&b->lock);
    return taken;
}

void bundles_get_stats(struct bundles *b, struct bundles_stats *ret)
{
    pthread_mutex_lock(&b->lock);
    *ret = b->stats;
    pthread_mutex_unlock(&b->lock);
}

void bundles_reject_kept(struct bundles *b, const char *why)
{
    pthread_mutex_lock(&b->lock);
    b->stats.version = b->stats.want = 0;
    b->stats.ok = false;
    snprintf(b->stats.error, sizeof(b->stats.error), "the kept version: %s", why);
    pthread_mutex_unlock(&b->lock);
}
