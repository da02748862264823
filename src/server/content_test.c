/*
 * POST /v1/agents/{id}/test: a harmless detection on purpose.
 *
 * The agent is ordered to make an alert of its own, "Hinomi test detection", which goes the way of all others: its spool, the
 * uplink, the store, the findings. The alert's field test.order is the order's number, so that whoever asked
 * knows it again. It shows the way there, not that a sensor sees.
 */
#include "server/content_internal.h"

#include "server/audit.h"
#include "store/accounts.h"

#define TESTS_PER_MINUTE 10 /* of one agent */
#define MINUTE_MS        60000

/* The newest orders are all tests, and young. */
static bool too_many(struct content *content, struct request *request, struct str agent,
                     struct err *err)
{
    struct store_order *orders = NULL;
    size_t n = 0, young = 0;
    int64_t since = content->server->now_ms() - MINUTE_MS;
    if (content->ops->orders(content->store, agent, (struct str){ 0 }, TESTS_PER_MINUTE,
                             request->arena, &orders, &n, err) < 0) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        young += str_eqz(orders[i].kind, "test") && orders[i].created_ms > since;
    }
    return young == TESTS_PER_MINUTE;
}

static bool is_active(struct server *server, struct request *request, struct str id,
                      struct reply *reply)
{
    const struct store_accounts_ops *ops = server->store->accounts;
    struct store_agent agent;
    struct err err = { 0 };
    if (ops->agent_get(server->store, id, request->arena, &agent, &err) < 0) {
        reply_error(reply, &err);
        return false;
    }
    if (!str_eqz(agent.state, "active")) {
        reply_problem(reply, 409, "not_active", "the agent takes no orders: it is %.*s",
                      (int)agent.state.n, agent.state.p);
        return false;
    }
    return true;
}

HANDLER(content_test_agent)
{
    struct err err = { 0 };
    int64_t id = 0;
    struct str agent = request_param(request, "id");
    const struct order order = { .agent = agent,
                                 .kind = STR("test"),
                                 .author = request->principal->name };
    if (!is_active(server, request, agent, reply)) {
        return HTTP_DONE;
    }
    if (too_many(server->content, request, agent, &err)) {
        reply_header(reply, "Retry-After", STR("60"));
        return reply_problem(reply, 429, "too_many_tests", "At most %d tests of an agent a minute.",
                             TESTS_PER_MINUTE);
    }
    struct store_audit audit =
        audit_of(server, request, "agent.test", audit_object(request, "agent", agent));
    if (content_order(server, &order, &audit, &id, &err) < 0) {
        return reply_error(reply, &err);
    }
    struct jsonw *w = reply_json(reply, 202);
    jsonw_object(w, NULL);
    jsonw_i64(w, "order", id);
    jsonw_strz(w, "rule", "Hinomi test detection");
    jsonw_end(w);
    return HTTP_DONE;
}
