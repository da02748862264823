/*
 * ingest_containers: GET /v1/coverage/containers: what agents see, one container an item, watched or not.
 *
 * Agents in the order of their ids, of each the containers of its last heartbeat in theirs. The cursor is "AGENT:N", the
 * place of the last one shown. Each heartbeat is unpacked into an arena of its own, so that a search through all
 * of them needs no more memory than one.
 */
#include "base/cleanup.h"
#include "server/ingest_health.h"

#include <stdio.h>
#include <stdlib.h>

#define SEARCH_MAX  200
#define UNPACK_MAX  ((size_t)8 << 20)
#define NUMBER_MAX  9 /* digits of a place */
#define CURSOR_SIZE (INGEST_AGENT_MAX + 16)

struct listing {
    struct health *health;
    struct body_packer *packer;
    struct arena arena; /* of one heartbeat */
    struct str search, agent, after;
    uint32_t after_n;
    bool only, watched; /* only: those that are `watched` */
    uint32_t n, limit;
    int64_t now_ms;
    struct jsonw *w;
    char last[CURSOR_SIZE];
    bool more;
};

static bool read_cursor(struct str cursor, struct listing *l)
{
    ptrdiff_t colon = str_find_last(cursor, ':');
    struct str number = str_from_offset(cursor, (size_t)(colon + 1));
    char text[NUMBER_MAX + 1] = "";
    if (cursor.n == 0) {
        return true;
    }
    if (colon <= 0 || number.n == 0 || number.n > NUMBER_MAX) {
        return false;
    }
    memcpy(text, number.p, number.n);
    l->after = str_first(cursor, (size_t)colon);
    l->after_n = (uint32_t)strtoul(text, NULL, 10);
    return strspn(text, "0123456789") == number.n;
}

static bool has(struct listing *l, struct jscan container, const char *key)
{
    struct str text = jscan_text(jscan_get(container, str_of(key)), &l->arena);
    return text.p && str_ifind(text, l->search) >= 0;
}

static bool is_wanted(struct listing *l, struct jscan container, bool watched)
{
    static const char *const searched[] = { "name", "id", "image", "task", "cluster" };
    bool found = l->search.n == 0;
    for (size_t i = 0; i < sizeof(searched) / sizeof(*searched) && !found; i++) {
        found = has(l, container, searched[i]);
    }
    return found && (!l->only || watched == l->watched);
}

static void put_container(struct listing *l, const struct seen_agent *a, struct jscan container)
{
    jsonw_object(l->w, NULL);
    jsonw_strz(l->w, "agent", a->id);
    jsonw_strz(l->w, "agent_state", health_reasons(a, l->now_ms) ? "unhealthy" : "healthy");
    jsonw_i64(l->w, "received_ms", a->received_ms);
    jsonw_raw(l->w, "container", container.raw);
    jsonw_end(l->w);
}

static void list_agent(struct listing *l, const struct seen_agent *a)
{
    struct jscan body = { 0 }, container;
    const char *why;
    size_t at;
    uint32_t n = 0;
    uint32_t skip = str_eq(l->after, str_of(a->id)) ? l->after_n : 0;
    struct str text = body_unpack(l->packer, str_from(a->body, a->body_n), &l->arena);
    if (!text.p || jscan_check(text, &body, &why, &at) < 0) {
        return;
    }
    for (struct jscan_walk walk = jscan_begin(jscan_get(body, STR("containers")));
         !l->more && jscan_element(&walk, &container);) {
        bool watched = false;
        jscan_bool(jscan_get(container, STR("watched")), &watched);
        if (++n <= skip || !is_wanted(l, container, watched)) {
            continue;
        }
        if (l->n == l->limit) {
            l->more = true;
        } else {
            put_container(l, a, container);
            l->n++;
            snprintf(l->last, sizeof(l->last), "%s:%u", a->id, n);
        }
    }
}

static int by_id(const void *a, const void *b)
{
    const struct seen_agent *const *x = a, *const *y = b;
    return str_cmp(str_of((*x)->id), str_of((*y)->id));
}

/* The lock is held. */
static struct seen_agent **collect(const struct listing *l, struct arena *arena, size_t *ret_n)
{
    struct seen_agent **v = ARENA_ARRAY(arena, struct seen_agent *, l->health->agents.count + 1);
    size_t n = 0, cursor = 0;
    for (const struct smap_slot *slot; v && (slot = smap_next(&l->health->agents, &cursor));) {
        struct seen_agent *a = slot->value;
        bool asked = l->agent.n == 0 || str_eq(l->agent, str_of(a->id));
        if (a->body && asked && str_cmp(str_of(a->id), l->after) >= 0) {
            v[n++] = a;
        }
    }
    if (v) {
        qsort(v, n, sizeof(struct seen_agent *), by_id);
    }
    *ret_n = n;
    return v;
}

static void put_page(struct listing *l, struct arena *arena)
{
    size_t n = 0;
    pthread_mutex_lock(&l->health->lock);
    struct seen_agent **v = collect(l, arena, &n);
    jsonw_object(l->w, NULL);
    jsonw_array(l->w, "items");
    for (size_t i = 0; v && i < n && !l->more; i++) {
        list_agent(l, v[i]);
        arena_reset(&l->arena);
    }
    jsonw_end(l->w);
    pthread_mutex_unlock(&l->health->lock);
    jsonw_strz(l->w, "next", l->more ? l->last : NULL);
    jsonw_end(l->w);
}

enum http_result ingest_get_containers(struct server *server, struct request *request,
                                       struct reply *reply)
{
    struct str state = request_query(request, "state");
    int64_t limit;
    struct listing l = {
        .health = server->ingest->health,
        .search = request_query(request, "search"),
        .agent = request_query(request, "agent"),
        .only = state.n > 0,
        .watched = str_eqz(state, "watched"),
        .now_ms = server->now_ms(),
    };
    if (!request_number(request, "limit", 1, HEALTH_PAGE, 100, &limit, reply)) {
        return HTTP_DONE;
    }
    if (l.only && !l.watched && !str_eqz(state, "unwatched")) {
        return reply_problem(reply, 400, "bad_query", "`state` is watched or unwatched");
    }
    if (l.search.n > SEARCH_MAX || !read_cursor(request_query(request, "cursor"), &l)) {
        return reply_problem(reply, 400, "bad_query",
                             "`search` is at most %d bytes, `cursor` the \"next\" of an answer",
                             SEARCH_MAX);
    }
    l.packer = ingest_packer_take(server->ingest);
    if (!l.packer) {
        return reply_problem(reply, 503, "busy", "out of memory");
    }
    l.limit = (uint32_t)limit;
    l.w = reply_json(reply, 200);
    arena_init(&l.arena, UNPACK_MAX);
    put_page(&l, request->arena);
    arena_done(&l.arena);
    ingest_packer_give(server->ingest, l.packer);
    return HTTP_DONE;
}
