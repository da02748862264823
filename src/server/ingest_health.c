/*
 * ingest_health: agents as they last spoke of themselves, and what that says of coverage.
 *
 * An agent is healthy, or it is not and there are reasons, a set of bits. Heartbeats and the clock change them; each
 * change is told to the hub once. The whole heartbeat is kept packed, for those who ask; the store gets it with
 * the next commit and gives it back at the next start. Who is enrolled but was never heard of is there too, so that
 * an agent that never came is seen missing.
 */
#include "server/ingest_health.h"

#include "base/cleanup.h"
#include "server/content.h"

#include <errno.h>
#include <stdio.h>

CLEANUP_DEFINE(struct health, health_free);

static void free_agent(struct seen_agent *agent)
{
    if (agent) {
        free(agent->body);
        free(agent);
    }
}

/* The one of that name, made if need be; NULL: there are too many, or out of memory. The lock is held. */
static struct seen_agent *agent_of(struct health *health, struct str id)
{
    struct seen_agent *agent = smap_get(&health->agents, id);
    bool sender = str_starts(id, STR("falco:"));
    if (agent) {
        return agent;
    }
    if (id.n == 0 || id.n >= INGEST_AGENT_MAX || health->agents.count >= INGEST_SENDERS_MAX ||
        (sender && health->nsenders >= HEALTH_SENDERS_MAX)) {
        return NULL;
    }
    agent = mem_zalloc(sizeof(*agent));
    if (!agent) {
        return NULL;
    }
    memcpy(agent->id, id.p, id.n);
    agent->sender = sender;
    agent->bundle_ok = agent->ok = true;
    if (smap_put(&health->agents, str_from(agent->id, id.n), agent) < 0) {
        free(agent);
        return NULL;
    }
    health->nsenders += sender;
    return agent;
}

unsigned health_reasons(const struct seen_agent *a, int64_t now_ms)
{
    unsigned reasons = 0;
    if (a->received_ms == 0) {
        return REASON_NEVER;
    }
    if (a->sender) {
        return 0; /* it speaks only when something happens */
    }
    reasons |= now_ms - a->received_ms > HEALTH_SILENT_MS ? REASON_SILENT : 0;
    reasons |= a->drops_ms && now_ms - a->drops_ms < HEALTH_RECENT_MS ? REASON_DROPS : 0;
    reasons |= a->gap_ms && now_ms - a->gap_ms < HEALTH_RECENT_MS ? REASON_GAP : 0;
    reasons |= a->lag_ms > HEALTH_LAG_MS ? REASON_LAG : 0;
    reasons |= a->spool_full ? REASON_SPOOL : 0;
    reasons |= a->bundle_ok ? 0 : REASON_RULES;
    reasons |= a->unwatched ? REASON_UNWATCHED : 0;
    reasons |= a->clock_ms > HEALTH_CLOCK_MS || a->clock_ms < -HEALTH_CLOCK_MS ? REASON_CLOCK : 0;
    reasons |= a->ok ? 0 : REASON_AGENT;
    return reasons;
}

static const struct {
    const char *code, *text;
} reasons[] = {
    { "never", "enrolled, but never heard of" },
    { "silent", "no heartbeat for more than 30 s" },
    { "drops", "events were dropped in the last 5 minutes" },
    { "gap", "a gap was declared in the last 5 minutes" },
    { "lag", "events are handled late" },
    { "spool_full", "its spool is full: the least severe alerts are dropped" },
    { "rules_refused", "it refused the newest rules and goes on with older ones" },
    { "unwatched", "it sees containers that it does not watch" },
    { "clock", "its clock is more than a minute off" },
    { "agent", "it says itself that it is not well" },
};

void health_put_reasons(struct jsonw *w, unsigned set)
{
    jsonw_array(w, "reasons");
    for (unsigned i = 0; i < sizeof(reasons) / sizeof(*reasons); i++) {
        if (set & 1u << i) {
            jsonw_object(w, NULL);
            jsonw_strz(w, "code", reasons[i].code);
            jsonw_strz(w, "text", reasons[i].text);
            jsonw_end(w);
        }
    }
    jsonw_end(w);
}

static void tell(struct health *health, const struct seen_agent *a)
{
    char storage[2048];
    struct buf buf;
    if (!health->server->hub) {
        return;
    }
    buf_init_fixed(&buf, storage, sizeof(storage));
    struct jsonw w = { .buf = &buf };
    jsonw_object(&w, NULL);
    jsonw_strz(&w, "id", a->id);
    jsonw_strz(&w, "state", a->reasons ? "unhealthy" : "healthy");
    health_put_reasons(&w, a->reasons);
    jsonw_i64(&w, "since_ms", a->since_ms);
    jsonw_i64(&w, "bundle", a->bundle);
    jsonw_end(&w);
    if (!buf.failed) {
        hub_publish(health->server->hub, HUB_AGENT, buf_str(&buf));
    }
}

/* The lock is held. */
static void settle(struct health *health, struct seen_agent *a, int64_t now_ms)
{
    unsigned now = health_reasons(a, now_ms);
    bool bundle = a->bundle != a->told_bundle;
    if (a->told && now == a->reasons && !bundle) {
        return;
    }
    if (!a->told || (now == 0) != (a->reasons == 0)) {
        a->since_ms = now_ms;
    }
    a->told = true;
    a->reasons = now;
    a->told_bundle = a->bundle;
    tell(health, a);
}

static int64_t number(struct jscan object, const char *name)
{
    int64_t v = 0;
    jscan_i64(jscan_get(object, str_of(name)), &v);
    return v > 0 ? v : 0;
}

static bool truth(struct jscan object, const char *name, bool absent)
{
    bool v = absent;
    jscan_bool(jscan_get(object, str_of(name)), &v);
    return v;
}

static void count_containers(struct jscan containers, struct seen_agent *a)
{
    struct jscan c;
    a->watched = a->unwatched = 0;
    for (struct jscan_walk walk = jscan_begin(containers); jscan_element(&walk, &c);) {
        *(truth(c, "watched", false) ? &a->watched : &a->unwatched) += 1;
    }
}

/* What the reasons are made of. Counters that went back are a new process. */
static void take_heartbeat(struct seen_agent *a, struct jscan body, int64_t now_ms, bool live)
{
    struct jscan bundle = jscan_get(body, STR("bundle"));
    struct jscan health = jscan_get(body, STR("health"));
    int64_t drops = number(body, "drops"), gaps = number(body, "gaps");
    int64_t started = number(body, "started_ms");
    bool same = a->received_ms && a->started_ms == started;
    if (live && drops > (same ? a->drops : 0)) {
        a->drops_ms = now_ms;
    }
    if (live && gaps > (same ? a->gaps : 0)) {
        a->gap_ms = now_ms;
    }
    a->drops = drops;
    a->gaps = gaps;
    a->started_ms = started;
    a->lag_ms = number(body, "lag_ms");
    a->clock_ms = number(body, "now_ms") ? number(body, "now_ms") - now_ms : 0;
    a->spool_full = truth(jscan_get(body, STR("spool")), "full", false);
    a->bundle = number(bundle, "version");
    a->bundle_ok = truth(bundle, "ok", true);
    a->ok = truth(health, "ok", true);
    a->received_ms = now_ms;
    count_containers(jscan_get(body, STR("containers")), a);
}

static void keep_body(struct health *health, struct seen_agent *a, struct str packed)
{
    size_t others = health->bytes - a->body_n;
    char *copy = others + packed.n <= HEALTH_MEMORY ? mem_alloc(packed.n) : NULL;
    if (copy) {
        memcpy(copy, packed.p, packed.n);
    }
    free(a->body);
    a->body = copy;
    a->body_n = copy ? packed.n : 0;
    health->bytes = others + a->body_n;
}

struct restoring {
    struct health *health;
    struct body_packer *packer;
    struct arena arena;
};

static void restore(void *data, const struct ingest_status *status)
{
    struct restoring *r = data;
    struct seen_agent *a = agent_of(r->health, status->agent);
    struct jscan body = { 0 };
    const char *why;
    size_t at;
    if (!a) {
        return;
    }
    a->received_ms = status->received_ms;
    struct str text = body_unpack(r->packer, status->body, &r->arena);
    if (text.p && jscan_check(text, &body, &why, &at) == 0) {
        take_heartbeat(a, body, status->received_ms, false);
        keep_body(r->health, a, status->body);
    }
    arena_reset(&r->arena);
}

int health_new(struct server *server, struct health **ret, struct err *err)
{
    struct health *health CLEANUP(cleanup_health_free) = mem_zalloc(sizeof(*health));
    struct restoring restoring = { .health = health };
    if (!health || body_packer_new(&restoring.packer) < 0) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    pthread_mutex_init(&health->lock, NULL);
    health->server = server;
    arena_init(&restoring.arena, 2 * BODY_MAX);
    int r = server->store->ingest->statuses(server->store, restore, &restoring, err);
    arena_done(&restoring.arena);
    body_packer_free(restoring.packer);
    if (r == 0) {
        *ret = TAKE(health);
    }
    return r;
}

void health_free(struct health *health)
{
    size_t cursor = 0;
    if (!health) {
        return;
    }
    for (const struct smap_slot *slot; (slot = smap_next(&health->agents, &cursor));) {
        free_agent(slot->value);
    }
    smap_done(&health->agents);
    pthread_mutex_destroy(&health->lock);
    free(health);
}

bool health_heard(struct health *health, struct str agent, int64_t now_ms)
{
    bool store = false;
    pthread_mutex_lock(&health->lock);
    struct seen_agent *a = agent_of(health, agent);
    if (a) {
        store = now_ms - a->received_ms >= HEALTH_SENDER_MS || now_ms < a->received_ms;
        a->received_ms = store ? now_ms : a->received_ms;
        settle(health, a, now_ms);
    }
    pthread_mutex_unlock(&health->lock);
    if (store) {
        writer_put_status(health->server->ingest->writer,
                          &(struct ingest_status){ .agent = agent, .received_ms = now_ms }, false);
    }
    return a != NULL;
}

void health_gap(struct health *health, const struct ingest_gap *gap, int64_t now_ms)
{
    pthread_mutex_lock(&health->lock);
    struct seen_agent *a = agent_of(health, gap->agent);
    if (a) {
        a->gap_ms = now_ms;
    }
    pthread_mutex_unlock(&health->lock);
}

void health_tick(struct health *health, int64_t now_ms)
{
    size_t cursor = 0;
    if (now_ms - health->listed_ms >= HEALTH_LIST_MS || now_ms < health->listed_ms) {
        health->listed_ms = now_ms;
        health_list_agents(health);
    }
    pthread_mutex_lock(&health->lock);
    for (const struct smap_slot *slot; (slot = smap_next(&health->agents, &cursor));) {
        settle(health, slot->value, now_ms);
    }
    pthread_mutex_unlock(&health->lock);
}

void health_add(struct health *health, struct str id)
{
    pthread_mutex_lock(&health->lock);
    struct seen_agent *a = agent_of(health, id);
    if (a) {
        a->listed = true;
    }
    pthread_mutex_unlock(&health->lock);
}

/* Agents that are not in the list any more. */
void health_sweep(struct health *health)
{
    struct seen_agent *gone;
    pthread_mutex_lock(&health->lock);
    do {
        size_t cursor = 0;
        gone = NULL;
        for (const struct smap_slot *slot; (slot = smap_next(&health->agents, &cursor)) && !gone;) {
            struct seen_agent *a = slot->value;
            gone = a->sender || a->listed ? NULL : a;
        }
        if (gone) {
            smap_remove(&health->agents, str_of(gone->id));
            health->bytes -= gone->body_n;
            free_agent(gone);
        }
    } while (gone);
    size_t cursor = 0;
    for (const struct smap_slot *slot; (slot = smap_next(&health->agents, &cursor));) {
        ((struct seen_agent *)slot->value)->listed = false;
    }
    pthread_mutex_unlock(&health->lock);
}

static bool heartbeat_sound(struct jscan body, struct reply *reply)
{
    static const struct {
        const char *name;
        enum jscan_type type;
    } members[] = {
        { "version", JSCAN_TEXT },     { "kernel", JSCAN_TEXT },       { "hostname", JSCAN_TEXT },
        { "sensor", JSCAN_TEXT },      { "started_ms", JSCAN_NUMBER }, { "now_ms", JSCAN_NUMBER },
        { "lag_ms", JSCAN_NUMBER },    { "events", JSCAN_NUMBER },     { "alerts", JSCAN_NUMBER },
        { "drops", JSCAN_NUMBER },     { "gaps", JSCAN_NUMBER },       { "rules", JSCAN_NUMBER },
        { "spool", JSCAN_OBJECT },     { "bundle", JSCAN_OBJECT },     { "health", JSCAN_OBJECT },
        { "containers", JSCAN_ARRAY },
    };
    for (size_t i = 0; i < sizeof(members) / sizeof(*members); i++) {
        enum jscan_type is = jscan_get(body, str_of(members[i].name)).type;
        if (is != members[i].type && is != JSCAN_NONE && is != JSCAN_NULL) {
            reply_problem(reply, 422, "heartbeat", "`%s` is of another type", members[i].name);
            return false;
        }
    }
    return true;
}

static bool read_heartbeat(const struct request *request, struct jscan *ret, struct reply *reply)
{
    const char *why;
    size_t at;
    if (jscan_check(request->body, ret, &why, &at) < 0 || ret->type != JSCAN_OBJECT) {
        reply_problem(reply, 400, "json", "a heartbeat is a JSON object");
        return false;
    }
    if (!heartbeat_sound(*ret, reply)) {
        return false;
    }
    uint32_t n = 0;
    struct jscan c;
    for (struct jscan_walk walk = jscan_begin(jscan_get(*ret, STR("containers")));
         jscan_element(&walk, &c);) {
        n++;
    }
    if (n > HEALTH_CONTAINERS_MAX) {
        reply_problem(reply, 422, "containers", "more than %d containers", HEALTH_CONTAINERS_MAX);
    }
    return n <= HEALTH_CONTAINERS_MAX;
}

enum http_result ingest_post_heartbeat(struct server *server, struct request *request,
                                       struct reply *reply)
{
    struct ingest *ingest = server->ingest;
    struct health *health = ingest->health;
    int64_t now_ms = server->now_ms();
    struct jscan body;
    if (!read_heartbeat(request, &body, reply)) {
        return HTTP_DONE;
    }
    struct body_packer *packer = ingest_packer_take(ingest);
    struct str packed = packer ? body_pack(packer, body.raw, request->arena) : (struct str){ 0 };
    ingest_packer_give(ingest, packer);
    struct str id = request_param(request, "id");
    pthread_mutex_lock(&health->lock);
    struct seen_agent *a = packed.p ? agent_of(health, id) : NULL;
    bool other = false; /* rules than before: somebody may wait to hear of it */
    if (a) {
        int64_t before = a->bundle;
        bool before_ok = a->bundle_ok;
        take_heartbeat(a, body, now_ms, true);
        other = a->bundle != before || a->bundle_ok != before_ok;
        keep_body(health, a, packed);
        settle(health, a, now_ms);
    }
    pthread_mutex_unlock(&health->lock);
    if (!a || writer_put_status(ingest->writer, &(struct ingest_status){ id, now_ms, packed },
                                other) < 0) {
        return reply_problem(reply, 503, "busy", "no room for this heartbeat");
    }
    struct jsonw *w = reply_json(reply, 200);
    jsonw_object(w, NULL);
    jsonw_i64(w, "time_ms", now_ms);
    jsonw_i64(w, "bundle", content_version(server));
    jsonw_end(w);
    return HTTP_DONE;
}
