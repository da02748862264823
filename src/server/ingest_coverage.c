/*
 * ingest_coverage: GET /v1/coverage: every agent, whether it is healthy, why not, and what it last said.
 *
 * Agents are in the order of their ids, a page at a time; the cursor is the last id. With agent=ID the answer has
 * all of the heartbeat, containers too; without, the containers that are not watched.
 */
#include "base/cleanup.h"
#include "server/ingest_health.h"
#include "store/accounts.h"

#include <errno.h>

void health_list_agents(struct health *health)
{
    struct store *store = health->server->store;
    struct arena arena CLEANUP(arena_done);
    int64_t after = 0;
    bool more = true;
    if (!store->accounts || !store->accounts->agent_list) {
        return;
    }
    arena_init(&arena, (size_t)8 << 20);
    while (more) {
        struct store_list list = { .arena = &arena, .limit = STORE_PAGE_MAX, .after = after };
        struct store_agent_filter active = { .state = STR("active") };
        if (store->accounts->agent_list(store, &active, &list, NULL) < 0) {
            return;
        }
        const struct store_agent *agents = list.items;
        for (size_t i = 0; i < list.n; i++) {
            health_add(health, agents[i].id);
            after = agents[i].row;
        }
        more = list.n == STORE_PAGE_MAX;
        arena_reset(&arena);
    }
    health_sweep(health);
}

struct coverage {
    struct str after, only;
    const char *state; /* NULL: all */
    uint32_t limit;
    int64_t now_ms;
    struct arena *arena;
    struct body_packer *packer;
};

static void put_unwatched(struct jsonw *w, struct jscan containers)
{
    struct jscan c;
    unsigned n = 0;
    jsonw_array(w, "unwatched");
    for (struct jscan_walk walk = jscan_begin(containers);
         n < HEALTH_UNWATCHED_MAX && jscan_element(&walk, &c);) {
        bool watched = false;
        jscan_bool(jscan_get(c, STR("watched")), &watched);
        if (!watched) {
            jsonw_raw(w, NULL, c.raw);
            n++;
        }
    }
    jsonw_end(w);
}

static void put_heartbeat(struct jsonw *w, struct jscan body, bool whole)
{
    struct jscan key, value;
    jsonw_object(w, "heartbeat");
    for (struct jscan_walk walk = jscan_begin(body); jscan_member(&walk, &key, &value);) {
        if (whole || !jscan_is(key, STR("containers"))) {
            jsonw_key(w, str_from(key.raw.p + 1, key.raw.n - 2));
            jsonw_raw(w, NULL, value.raw);
        }
    }
    jsonw_end(w);
}

static void put_agent(struct jsonw *w, const struct coverage *c, const struct seen_agent *a)
{
    struct jscan body = { 0 };
    const char *why;
    size_t at;
    unsigned reasons = health_reasons(a, c->now_ms);
    struct str text = a->body ? body_unpack(c->packer, str_from(a->body, a->body_n), c->arena)
                              : (struct str){ 0 };
    bool known = text.p && jscan_check(text, &body, &why, &at) == 0;
    jsonw_object(w, NULL);
    jsonw_strz(w, "agent", a->id);
    jsonw_strz(w, "state", reasons ? "unhealthy" : "healthy");
    health_put_reasons(w, reasons);
    jsonw_i64(w, "since_ms", a->since_ms);
    jsonw_i64(w, "received_ms", a->received_ms);
    jsonw_strz(w, "kind", a->sender ? "falco" : "hinomi");
    jsonw_u64(w, "watched_containers", a->watched);
    jsonw_u64(w, "unwatched_containers", a->unwatched);
    put_unwatched(w, jscan_get(body, STR("containers")));
    if (known) {
        put_heartbeat(w, body, c->only.n > 0);
    } else {
        jsonw_null(w, "heartbeat");
    }
    jsonw_end(w);
}

static bool is_wanted(const struct coverage *c, const struct seen_agent *a)
{
    struct str id = str_of(a->id);
    bool well = health_reasons(a, c->now_ms) == 0;
    return (c->only.n == 0 || str_eq(c->only, id)) &&
           (!c->state || well == (strcmp(c->state, "healthy") == 0));
}

static int by_id(const void *a, const void *b)
{
    const struct seen_agent *const *x = a, *const *y = b;
    return str_cmp(str_of((*x)->id), str_of((*y)->id));
}

struct counts {
    uint32_t healthy, unhealthy;
    uint64_t watched, unwatched;
};

/* Those that are wanted, in order. The lock is held. */
static struct seen_agent **collect(struct health *health, const struct coverage *c, size_t *ret_n,
                                   struct counts *counts)
{
    struct seen_agent **v = ARENA_ARRAY(c->arena, struct seen_agent *, health->agents.count + 1);
    size_t n = 0, cursor = 0;
    for (const struct smap_slot *slot; v && (slot = smap_next(&health->agents, &cursor));) {
        struct seen_agent *a = slot->value;
        *(health_reasons(a, c->now_ms) ? &counts->unhealthy : &counts->healthy) += 1;
        counts->watched += a->watched;
        counts->unwatched += a->unwatched;
        if (is_wanted(c, a) && str_cmp(str_of(a->id), c->after) > 0) {
            v[n++] = a;
        }
    }
    if (v) {
        qsort(v, n, sizeof(struct seen_agent *), by_id);
    }
    *ret_n = n;
    return v;
}

static void put_page(struct jsonw *w, struct health *health, const struct coverage *c)
{
    struct counts counts = { 0 };
    size_t n = 0;
    pthread_mutex_lock(&health->lock);
    struct seen_agent **v = collect(health, c, &n, &counts);
    size_t shown = n < c->limit ? n : c->limit;
    jsonw_object(w, NULL);
    jsonw_array(w, "items");
    for (size_t i = 0; v && i < shown; i++) {
        put_agent(w, c, v[i]);
    }
    jsonw_end(w);
    jsonw_strz(w, "next", v && shown < n ? v[shown - 1]->id : NULL);
    jsonw_u64(w, "total", (uint64_t)counts.healthy + counts.unhealthy);
    jsonw_u64(w, "healthy", counts.healthy);
    jsonw_u64(w, "unhealthy", counts.unhealthy);
    jsonw_u64(w, "watched_containers", counts.watched);
    jsonw_u64(w, "unwatched_containers", counts.unwatched);
    jsonw_end(w);
    pthread_mutex_unlock(&health->lock);
}

enum http_result ingest_get_coverage(struct server *server, struct request *request,
                                     struct reply *reply)
{
    struct str state = request_query(request, "state");
    int64_t limit;
    struct coverage c = {
        .after = request_query(request, "cursor"),
        .only = request_query(request, "agent"),
        .now_ms = server->now_ms(),
        .arena = request->arena,
    };
    if (!request_number(request, "limit", 1, HEALTH_PAGE, 100, &limit, reply)) {
        return HTTP_DONE;
    }
    if (state.p && !str_eq(state, STR("healthy")) && !str_eq(state, STR("unhealthy"))) {
        return reply_problem(reply, 400, "bad_query", "`state` is healthy or unhealthy");
    }
    c.state = state.p ? (str_eq(state, STR("healthy")) ? "healthy" : "unhealthy") : NULL;
    c.limit = (uint32_t)limit;
    c.packer = ingest_packer_take(server->ingest);
    if (!c.packer) {
        return reply_problem(reply, 503, "busy", "out of memory");
    }
    put_page(reply_json(reply, 200), server->ingest->health, &c);
    ingest_packer_give(server->ingest, c.packer);
    return HTTP_DONE;
}
