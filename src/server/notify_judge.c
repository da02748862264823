/*
 * notify_judge: which findings are told of, to which channels; asked within the transaction that changes them.
 *
 * What is judged by is a set of compiled filters that is replaced as a whole: when a rule changes, and each minute, since
 * times in filters go back from now. A finding is told of when it is new, when it is new again, and when its severity
 * rises into what a rule selects or into a higher band. What would go beyond the queue's limit is counted.
 *
 * A policy that names channels is like a rule for all its findings, without a throttle; a channel that a rule has told
 * of the finding already is left out. The set is made anew, too, when there is another version of the content.
 */
#include "server/notify_internal.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "server/arriving.h"
#include "server/content.h"
#include "server/ingest.h"

#include <errno.h>
#include <pthread.h>

#define SET_MAX  ((size_t)128 << 20)
#define RENEW_MS 60000

struct judged_by {
    struct str policy; /* .n: of this policy's own, id 0 and no filter */
    struct filter filter;
    int64_t id, channels[NOTIFY_OF_RULE_MAX];
    size_t nchannels;
    struct str language;
    bool body, throttled;
};

struct judge_set {
    struct arena arena;
    struct judged_by *v;
    size_t n;
};

struct notify_judge {
    struct server *server;
    pthread_rwlock_t lock; /* read while it judges */
    struct judge_set *set;
    struct filter_context *context; /* of the only one that judges at a time */
    int64_t made_ms, version;       /* of the content */
    bool enqueued;                  /* the writer's: something, since kept() */
};

/* ---- the set */

static void set_free(struct judge_set *set)
{
    for (size_t i = 0; set && i < set->n; i++) {
        filter_done(&set->v[i].filter);
    }
    if (set) {
        arena_done(&set->arena);
        free(set);
    }
}

static size_t read_ids(struct str text, int64_t ret[NOTIFY_OF_RULE_MAX])
{
    struct json_object *list = json_tokener_parse(text.p);
    size_t n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
    n = n < NOTIFY_OF_RULE_MAX ? n : NOTIFY_OF_RULE_MAX;
    for (size_t i = 0; i < n; i++) {
        ret[i] = json_object_get_int64(json_object_array_get_idx(list, i));
    }
    json_object_put(list);
    return n;
}

static void add_one(struct judge_set *set, const struct notify_rule *rule, int64_t now_ms)
{
    struct judged_by *by = &set->v[set->n];
    struct err err = { 0 };
    uint32_t offset;
    if (!rule->enabled || filter_compile(&set->arena, FILTER_FINDINGS, rule->filter, now_ms,
                                         &by->filter, &offset, &err) < 0) {
        return; /* lists say what is wrong */
    }
    by->id = rule->id;
    by->language = rule->language;
    by->throttled = rule->throttle_s > 0;
    by->body = arriving_needs_body(&by->filter, &set->arena);
    by->nchannels = read_ids(rule->channels, by->channels);
    set->n++;
}

static void add_policy(struct judge_set *set, const struct content_told *told,
                       const struct notify_channel *channels, size_t n)
{
    struct judged_by *by = &set->v[set->n];
    by->policy = told->policy;
    by->language = STR("");
    for (uint32_t i = 0; i < told->nchannels; i++) {
        size_t k = 0;
        while (k < n && !str_eq(channels[k].name, told->channels[i])) {
            k++;
        }
        if (k < n && by->nchannels < NOTIFY_OF_RULE_MAX) {
            by->channels[by->nchannels++] = channels[k].id;
        }
    }
    set->n += by->nchannels > 0;
}

/* Behind the rules. */
static int add_policies(struct server *server, struct judge_set *set,
                        const struct content_told *told, size_t ntold, struct err *err)
{
    struct notify_channel *channels = NULL;
    size_t n = 0;
    int r = ntold ? server->store->notify->channels(server->store, false, &set->arena, &channels,
                                                    &n, err)
                  : 0;
    for (size_t i = 0; r == 0 && i < ntold; i++) {
        add_policy(set, &told[i], channels, n);
    }
    return r;
}

static int make_set(struct server *server, struct judge_set **ret, struct err *err)
{
    struct judge_set *set = mem_zalloc(sizeof(*set));
    struct notify_rule *all = NULL;
    struct content_told *told = NULL;
    size_t n = 0, ntold = 0;
    if (!set) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    arena_init(&set->arena, SET_MAX);
    int r = server->store->notify->rules(server->store, &set->arena, &all, &n, err);
    if (r == 0 && content_told_policies(server, &set->arena, &told, &ntold) == 0) {
        set->v = ARENA_ARRAY(&set->arena, struct judged_by, n + ntold);
    }
    if (r == 0 && !set->v) {
        r = err_set(err, -ENOMEM, "out of memory");
    }
    for (size_t i = 0; r == 0 && i < n; i++) {
        add_one(set, &all[i], server->now_ms());
    }
    r = r == 0 ? add_policies(server, set, told, ntold, err) : r;
    if (r < 0) {
        set_free(set);
        return r;
    }
    *ret = set;
    return 0;
}

int notify_judge_renew(struct notify_judge *j, struct err *err)
{
    struct judge_set *set = NULL;
    int64_t version = content_version(j->server);
    int r = make_set(j->server, &set, err);
    if (r < 0) {
        return r;
    }
    pthread_rwlock_wrlock(&j->lock);
    struct judge_set *old = j->set;
    j->set = set;
    j->made_ms = j->server->now_ms();
    j->version = version;
    pthread_rwlock_unlock(&j->lock);
    set_free(old);
    return 0;
}

/* ---- judging */

struct judging {
    struct notify_judge *judge;
    struct ingest_tx *tx;
    const struct ingest_change *change;
    struct arriving arriving;
    const char *cause;
    int64_t now_ms;
    int64_t told[NOTIFY_CHANNELS_MAX]; /* of this finding, by rules */
    size_t ntold;
};

/* NULL: nobody has to be told. */
static const char *cause_of(const struct ingest_change *c)
{
    const struct ingest_result *now = c->result;
    if (c->fresh) {
        return strcmp(now->status, "new") == 0 ? "new" : NULL;
    }
    if (now->reopened) {
        return "reopened";
    }
    bool open = strcmp(now->status, "new") == 0 || strcmp(now->status, "acknowledged") == 0;
    return open && now->severity > now->severity_before ? "raised" : NULL;
}

static bool holds(struct judging *g, const struct judged_by *by, int64_t severity)
{
    g->arriving.severity = severity;
    return filter_holds(&by->filter, g->judge->context, &g->arriving.record) == FILTER_YES;
}

static bool is_chosen(struct judging *g, const struct judged_by *by)
{
    const struct ingest_result *now = g->change->result;
    bool band = filter_band_of(now->severity) != filter_band_of(now->severity_before);
    if (by->policy.n) {
        return str_eq(g->change->finding->policy, by->policy) &&
               (strcmp(g->cause, "raised") != 0 || band);
    }
    if (by->body) {
        arriving_open(&g->arriving);
    }
    if (!holds(g, by, now->severity)) {
        return false;
    }
    return strcmp(g->cause, "raised") != 0 || band || !holds(g, by, now->severity_before);
}

/* Has a rule told this channel, or does one now? */
static bool is_told(struct judging *g, const struct judged_by *by, int64_t channel)
{
    for (size_t i = 0; i < g->ntold; i++) {
        if (g->told[i] == channel) {
            return by->policy.n > 0;
        }
    }
    if (g->ntold < NOTIFY_CHANNELS_MAX) {
        g->told[g->ntold++] = channel;
    }
    return false;
}

static int enqueue(struct judging *g, const struct judged_by *by, struct err *err)
{
    int r = 0;
    for (size_t i = 0; i < by->nchannels && r == 0; i++) {
        if (is_told(g, by, by->channels[i])) {
            continue;
        }
        const struct notify_delivery delivery = { .channel = by->channels[i],
                                                  .rule = by->id,
                                                  .finding = str_of(g->change->finding->id),
                                                  .cause = str_of(g->cause),
                                                  .severity = g->change->result->severity,
                                                  .language = by->language,
                                                  .led = !by->throttled,
                                                  .created_ms = g->now_ms };
        bool overflow = __atomic_fetch_add(&g->judge->server->notify->queued, 1,
                                           __ATOMIC_ACQ_REL) >= NOTIFY_QUEUE_MAX;
        g->judge->enqueued = true;
        r = g->judge->server->store->notify->enqueue(g->tx, &delivery, overflow, err);
    }
    return r;
}

static int judge_change(struct judging *g, struct err *err)
{
    const struct judge_set *set = g->judge->set;
    const struct ingest_change *c = g->change;
    int r = 0;
    g->cause = cause_of(c);
    if (!g->cause) {
        return 0;
    }
    arriving_begin(&g->arriving, c->finding);
    g->arriving.count = c->result->count;
    g->arriving.first_seen_ms = c->result->first_seen_ms;
    g->arriving.last_seen_ms = c->result->last_seen_ms;
    g->ntold = 0;
    for (size_t i = 0; i < set->n && r == 0; i++) {
        if (is_chosen(g, &set->v[i])) {
            r = enqueue(g, &set->v[i], err);
        }
    }
    arriving_end(&g->arriving);
    return r;
}

static int changed(void *data, struct ingest_tx *tx, const struct ingest_change *changes, size_t n,
                   struct err *err)
{
    struct notify_judge *j = data;
    struct judging g = { .judge = j, .tx = tx, .now_ms = j->server->now_ms() };
    int r = 0;
    pthread_rwlock_rdlock(&j->lock);
    for (size_t i = 0; i < n && j->set->n > 0 && r == 0; i++) {
        g.change = &changes[i];
        r = judge_change(&g, err);
    }
    pthread_rwlock_unlock(&j->lock);
    return r;
}

static void kept(void *data)
{
    struct notify_judge *j = data;
    if (j->enqueued) {
        j->enqueued = false;
        notify_queue_wake(j->server->notify->queue);
    }
}

/* ---- begin, tick, end */

int notify_judge_start(struct server *server, struct notify_judge **ret, struct err *err)
{
    struct notify_judge *j = mem_zalloc(sizeof(*j));
    if (!j) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    j->server = server;
    pthread_rwlock_init(&j->lock, NULL);
    int r = filter_context_new(&j->context) < 0 ? err_set(err, -ENOMEM, "out of memory") : 0;
    r = r == 0 ? notify_judge_renew(j, err) : r;
    if (r < 0) {
        notify_judge_stop(j);
        return r;
    }
    if (server->ingest) {
        ingest_set_witness(server->ingest, &(struct ingest_witness){ changed, kept, j });
    }
    *ret = j;
    return 0;
}

void notify_judge_tick(struct notify_judge *j)
{
    struct err err = { 0 };
    int64_t age = j->server->now_ms() - j->made_ms;
    bool stale = age >= RENEW_MS || age < 0 || content_version(j->server) != j->version;
    if (stale && notify_judge_renew(j, &err) < 0) {
        log_warning("rules of notifications are not renewed: %s", err.message);
    }
}

void notify_judge_queued(struct notify *notify, int64_t queued)
{
    __atomic_store_n(&notify->queued, queued, __ATOMIC_RELEASE);
}

void notify_judge_stop(struct notify_judge *j)
{
    if (!j) {
        return;
    }
    if (j->server->ingest) {
        ingest_set_witness(j->server->ingest, NULL);
    }
    set_free(j->set);
    filter_context_free(j->context);
    pthread_rwlock_destroy(&j->lock);
    free(j);
}
