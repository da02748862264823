/*
 * notify_log: routes of deliveries: what was sent, waits, was given up; trying again, and tests of channels.
 *
 * A test is a delivery like others, but for its finding: whoever asks for it waits until the channel has answered.
 */
#include "server/notify_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define PAGE_DEFAULT 50
#define TEST_WAIT_MS 45000

void notify_put_delivery(struct jsonw *w, const struct notify_delivery *d)
{
    bool test = str_eqz(d->cause, "test");
    jsonw_object(w, NULL);
    jsonw_i64(w, "id", d->id);
    jsonw_i64(w, "channel", d->channel);
    notify_put_text(w, "channel_name", d->channel_name);
    notify_put_text(w, "kind", d->kind);
    findings_put_time(w, "rule", d->rule);
    notify_put_text(w, "rule_name", d->rule_name);
    notify_put_text(w, "finding", d->finding);
    notify_put_text(w, "title", d->title);
    if (test) {
        jsonw_null(w, "severity");
    } else {
        jsonw_double(w, "severity", (double)d->severity / 10);
    }
    jsonw_str(w, "cause", d->cause);
    jsonw_str(w, "state", d->state);
    findings_put_time(w, "told_by", d->told_by);
    jsonw_i64(w, "held", d->held);
    jsonw_i64(w, "attempts", d->attempts);
    jsonw_i64(w, "created_ms", d->created_ms);
    findings_put_time(w, "due_ms", str_eqz(d->state, "queued") ? d->due_ms : 0);
    findings_put_time(w, "done_ms", d->done_ms);
    findings_put_time(w, "status", d->status);
    notify_put_text(w, "result", d->result);
    jsonw_end(w);
}

/* ---- the log */

static bool read_state(struct request *request, struct str *ret, struct reply *reply)
{
    static const char *const states[] = { "queued", "delivered", "dead", "held" };
    *ret = request_query(request, "state");
    for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++) {
        if (!ret->p || str_eqz(*ret, states[i])) {
            return true;
        }
    }
    reply_problem(reply, 400, "bad_state", "`state` is queued, delivered, dead or held");
    return false;
}

HANDLER(notify_deliveries)
{
    struct notify_log_query query = { .finding = request_query(request, "finding") };
    struct notify_deliveries page = { 0 };
    struct err err = { 0 };
    int64_t limit;
    if (!request_number(request, "channel", 1, INT64_MAX, 0, &query.channel, reply) ||
        !request_number(request, "rule", 1, INT64_MAX, 0, &query.rule, reply) ||
        !request_number(request, "limit", 1, NOTIFY_PAGE_MAX, PAGE_DEFAULT, &limit, reply) ||
        !read_state(request, &query.state, reply) ||
        !request_number(request, "cursor", 1, INT64_MAX, 0, &query.before, reply)) {
        return HTTP_DONE;
    }
    query.limit = (uint32_t)limit + 1;
    if (server->store->notify->log(server->store, &query, request->arena, &page, &err) < 0) {
        return reply_error(reply, &err);
    }
    size_t n = page.n > (size_t)limit ? (size_t)limit : page.n;
    struct jsonw *w = reply_json(reply, 200);
    jsonw_object(w, NULL);
    jsonw_array(w, "items");
    for (size_t i = 0; i < n; i++) {
        notify_put_delivery(w, &page.v[i]);
    }
    jsonw_end(w);
    char next[24] = "";
    if (page.n > n) {
        snprintf(next, sizeof(next), "%" PRId64, page.v[n - 1].id);
    }
    jsonw_strz(w, "next", next[0] ? next : NULL);
    jsonw_end(w);
    return HTTP_DONE;
}

static enum http_result answer(struct server *server, struct request *request, int64_t id,
                               struct reply *reply)
{
    struct notify_delivery delivery;
    struct err err = { 0 };
    if (server->store->notify->get(server->store, id, request->arena, &delivery, &err) < 0) {
        return reply_error(reply, &err);
    }
    notify_put_delivery(reply_json(reply, 200), &delivery);
    return HTTP_DONE;
}

HANDLER(notify_delivery_get)
{
    int64_t id;
    return findings_number(request, &id, reply) ? answer(server, request, id, reply) : HTTP_DONE;
}

HANDLER(notify_delivery_retry)
{
    struct err err = { 0 };
    int64_t id;
    if (!findings_number(request, &id, reply)) {
        return HTTP_DONE;
    }
    int r = server->store->notify->retry(server->store, id, server->now_ms(), &err);
    if (r < 0) {
        return r == -EINVAL ? reply_problem(reply, 409, "not_dead", "%s", err.message)
                            : reply_error(reply, &err);
    }
    findings_audit(server, request, "notification.retry",
                   findings_object(request, "notification", id), (struct str){ 0 });
    notify_queue_wake(server->notify->queue);
    return answer(server, request, id, reply);
}

/* ---- tests */

struct testing {
    int64_t id;
};

static bool begin_test(struct server *server, struct request *request, int64_t channel,
                       struct reply *reply)
{
    struct testing *testing = ARENA_NEW(request->arena, struct testing);
    const struct notify_delivery delivery = { .channel = channel,
                                              .finding = STR(""),
                                              .cause = STR("test"),
                                              .language = STR(""),
                                              .led = true,
                                              .created_ms = server->now_ms() };
    struct err err = { 0 };
    if (!testing || server->store->notify->add(server->store, &delivery, &testing->id, &err) < 0) {
        reply_error(reply, &err);
        return false;
    }
    request->kept = testing;
    findings_audit(server, request, "notification_channel.test",
                   findings_object(request, "notification_channel", channel), (struct str){ 0 });
    notify_queue_wake(server->notify->queue);
    return true;
}

static bool is_there(struct server *server, struct request *request, int64_t id,
                     struct reply *reply)
{
    struct notify_channel *all = NULL;
    struct err err = { 0 };
    size_t n = 0;
    if (server->store->notify->channels(server->store, false, request->arena, &all, &n, &err) < 0) {
        reply_error(reply, &err);
        return false;
    }
    if (!notify_find_channel(all, n, id)) {
        reply_problem(reply, 404, "not_found", "There is no such channel.");
        return false;
    }
    return true;
}

HANDLER(notify_channel_test)
{
    struct notify_delivery delivery;
    struct err err = { 0 };
    int64_t channel;
    if (!request->kept &&
        (!findings_number(request, &channel, reply) || !is_there(server, request, channel, reply) ||
         !begin_test(server, request, channel, reply))) {
        return HTTP_DONE;
    }
    const struct testing *testing = request->kept;
    if (server->store->notify->get(server->store, testing->id, request->arena, &delivery, &err) <
        0) {
        return reply_error(reply, &err);
    }
    if (str_eqz(delivery.state, "queued") && !request->timed_out) {
        reply_wait(reply, notify_queue_bell(server->notify->queue), TEST_WAIT_MS);
        return HTTP_WAIT;
    }
    notify_put_delivery(reply_json(reply, 200), &delivery);
    return HTTP_DONE;
}
