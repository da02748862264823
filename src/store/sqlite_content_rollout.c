/*
 * Which agent runs which version, in SQLite: read from the heartbeats that the ingest keeps, packed, in agent_status.
 *
 * Each heartbeat is unpacked and its member `bundle` looked at: some microseconds per agent. Senders that are no
 * agents have no heartbeat and are left out, and so are agents that were revoked or are taken for cloned: they get no
 * version, however lately they were heard.
 */
#include "store/sqlite_content.h"

#include "base/jscan.h"
#include "store/body.h"

#include <errno.h>

#define HEARTBEAT_ARENA_MAX ((size_t)4 << 20)
#define ERROR_MAX           4096 /* bytes of what an agent says is wrong */

CLEANUP_DEFINE(struct body_packer, body_packer_free);

struct heartbeats {
    struct store *store;
    struct err *err;
    struct arena arena; /* of one heartbeat */
};

static void take(struct heartbeats *h, sqlite3_stmt *s, struct body_packer *packer,
                 struct store_rollout *ret)
{
    struct jscan body = { 0 };
    const char *why;
    size_t at;
    const void *blob = sqlite3_column_blob(s, 2);
    arena_reset(&h->arena);
    struct str text = body_unpack(
        packer, str_from(blob ? blob : "", (size_t)sqlite3_column_bytes(s, 2)), &h->arena);
    *ret = (struct store_rollout){ .agent = sqlite_text_borrowed(s, 0),
                                   .received_ms = sqlite3_column_int64(s, 1),
                                   .ok = true };
    if (text.p && jscan_check(text, &body, &why, &at) == 0) {
        struct jscan bundle = jscan_get(body, STR("bundle"));
        jscan_i64(jscan_get(bundle, STR("version")), &ret->version);
        jscan_bool(jscan_get(bundle, STR("ok")), &ret->ok);
        ret->error = str_first(jscan_text(jscan_get(bundle, STR("error")), &h->arena), ERROR_MAX);
    }
}

/* Agents beyond `after`, by id; `each` returns 0 to go on, 1 to stop. */
static int each_agent(struct heartbeats *h, struct str after,
                      int (*each)(void *data, const struct store_rollout *agent), void *data)
{
    CLEANUP(content_query_done) struct content_query q = { 0 };
    CLEANUP(cleanup_body_packer_free) struct body_packer *packer = NULL;
    struct store_rollout agent;
    int r = body_packer_new(&packer);
    if (r < 0) {
        return err_set(h->err, r, "out of memory");
    }
    arena_init(&h->arena, HEARTBEAT_ARENA_MAX);
    r = CONTENT_QUERY(
        &q, h->store, h->err,
        "SELECT agent, received_ms, body FROM agent_status WHERE body IS NOT NULL AND "
        "agent > ? AND NOT EXISTS (SELECT 1 FROM agents a WHERE a.id = agent AND "
        "a.state <> 'active') ORDER BY agent",
        "t", after);
    while (r == 0 && (r = sqlite_row(q.statement, h->err)) > 0) {
        take(h, q.statement, packer, &agent);
        r = each(data, &agent);
        if (r == 1) {
            r = 0;
            break;
        }
    }
    arena_done(&h->arena);
    return r;
}

struct page {
    struct content_array all;
    uint32_t limit;
    struct err *err;
};

static int keep(void *data, const struct store_rollout *agent)
{
    struct page *page = data;
    struct store_rollout *kept = content_array_add(&page->all, page->err);
    if (!kept) {
        return -ENOMEM;
    }
    *kept = *agent;
    kept->agent = arena_str(page->all.arena, agent->agent);
    kept->error = arena_str(page->all.arena, agent->error);
    if (!kept->agent.p || !kept->error.p) {
        return err_set(page->err, -ENOMEM, "the answer is too large");
    }
    return page->all.n == page->limit;
}

int content_rollout(struct store *store, struct str after, uint32_t limit, struct arena *arena,
                    struct store_rollout **ret, size_t *ret_n, struct err *err)
{
    struct heartbeats h = { .store = store, .err = err };
    struct page page = { .all = { .arena = arena, .size = sizeof(struct store_rollout) },
                         .limit = limit,
                         .err = err };
    int r = each_agent(&h, after, keep, &page);
    *ret = page.all.items;
    *ret_n = page.all.n;
    return r;
}

struct count {
    int64_t version, since_ms, in_force, failed, all;
};

static int count_one(void *data, const struct store_rollout *agent)
{
    struct count *c = data;
    if (agent->received_ms >= c->since_ms) {
        c->all++;
        c->in_force += agent->version >= c->version;
        c->failed += agent->version < c->version && !agent->ok;
    }
    return 0;
}

int content_rollout_count(struct store *store, int64_t version, int64_t since_ms,
                          int64_t *ret_in_force, int64_t *ret_failed, int64_t *ret_all,
                          struct err *err)
{
    struct heartbeats h = { .store = store, .err = err };
    struct count c = { .version = version, .since_ms = since_ms };
    int r = each_agent(&h, STR(""), count_one, &c);
    *ret_in_force = c.in_force;
    *ret_failed = c.failed;
    *ret_all = c.all;
    return r;
}
