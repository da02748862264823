/*
 * What agents wait for: a newer bundle, the difference to one, or orders.
 *
 * An agent that has a newer version than there is (the store came from a backup) would refuse every older one; it
 * waits until tick() has made a version beyond its own.
 *
 * An agent says which version it has and which order it saw last. Orders come first; then, if the version is not
 * the newest, the difference where there is one, and else a full bundle, which may be older than the newest as
 * long as differences lead on from it. One request packs, others wait for it.
 */
#include "server/content_internal.h"

#include "base/cleanup.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#define PACKING_WAIT_MS 500
#define STREAM_PIECE    ((size_t)256 << 10)

/* ---- making a full bundle */

static int put_line(void *data, struct str item)
{
    struct buf *buf = data;
    item_put_line(item, buf);
    return buf->failed ? -ENOMEM : 0;
}

int content_list_lines(struct content *content, struct str list, int64_t version, struct buf *buf,
                       struct err *err)
{
    const struct store_items_filter filter = { .list = list, .at = version, .sign = 1 };
    int r = content->ops->items_each(content->store, &filter, put_line, buf, err);
    return r == -ENOMEM ? err_set(err, r, "the list is too large") : r;
}

static int pack_lists(struct content *content, const struct content_set *set, int64_t version,
                      struct pack *pack, struct err *err)
{
    struct arena arena;
    struct str *lists = NULL;
    size_t n = 0;
    struct buf lines;
    arena_init(&arena, CONTENT_SET_MAX);
    buf_init(&lines, RULES_FILE_MAX);
    int r = content->ops->items_lists(content->store, version, 1, &arena, &lists, &n, err);
    for (size_t i = 0; i < n && r == 0; i++) {
        char name[CONTENT_NAME_MAX + 16];
        struct buf file;
        if (!set_list(set, lists[i])) {
            continue;
        }
        buf_clear(&lines);
        buf_init_fixed(&file, name, sizeof(name));
        buf_putz(&file, "lists/");
        buf_puts(&file, lists[i]);
        buf_putz(&file, ".txt");
        r = content_list_lines(content, lists[i], version, &lines, err);
        r = r == 0 ? pack_add(pack, buf_str(&file), buf_str(&lines), err) : r;
    }
    buf_done(&lines);
    arena_done(&arena);
    return r;
}

static int pack_all(struct content *content, const struct content_set *set, int64_t version,
                    struct buf *ret, struct err *err)
{
    struct pack *pack = NULL;
    int r = pack_new(&pack, err);
    r = r == 0 ? pack_add(pack, STR("policies.yaml"), set->policies_text, err) : r;
    for (size_t i = 0; i < set->nfiles && r == 0; i++) {
        char name[512];
        struct buf file;
        buf_init_fixed(&file, name, sizeof(name));
        buf_putz(&file, "rules/");
        buf_puts(&file, set->files[i].name);
        r = pack_add(pack, buf_str(&file), set->files[i].text, err);
    }
    r = r == 0 ? pack_lists(content, set, version, pack, err) : r;
    r = r == 0 ? pack_finish(pack, version, ret, err) : r;
    pack_free(pack);
    return r;
}

/* Packs the newest, for everybody. Holds no lock meanwhile. */
static int make_full(struct content *content, struct bundle **ret, struct err *err)
{
    struct buf body;
    int64_t version;
    struct content_set *set = content_hold(content, &version);
    buf_init(&body, BUNDLE_MAX);
    int r = pack_all(content, set, version, &body, err);
    set_drop(set);
    if (r < 0) {
        buf_done(&body);
        return r;
    }
    r = bundle_sign(&content->bundles.key, BUNDLE_TYPE, version, &body, ret);
    return r < 0 ? err_set(err, r, "the bundle is too large") : 0;
}

enum found { FOUND_NOTHING, FOUND_BUNDLE, FOUND_WORK, FOUND_OTHERS_WORK };

static enum found find(struct content *content, int64_t after, struct bundle **ret)
{
    struct bundles *b = &content->bundles;
    enum found found = FOUND_BUNDLE;
    pthread_mutex_lock(&content->lock);
    if (after >= content->version) {
        /* What no version of ours can have become is not remembered: one agent would hide the others. */
        if (after - content->version <= CONTENT_JUMP_MAX && after > content->version &&
            after > content->ahead) {
            content->ahead = after;
        }
        found = FOUND_NOTHING;
    } else if ((*ret = bundles_difference(b, after, content->version))) {
        found = FOUND_BUNDLE;
    } else if (b->full && b->full->version >= b->base && b->full->version != after) {
        *ret = bundle_hold(b->full);
    } else {
        found = b->making ? FOUND_OTHERS_WORK : FOUND_WORK;
        b->making = true;
    }
    pthread_mutex_unlock(&content->lock);
    return found;
}

static int work(struct content *content, struct bundle **ret, struct err *err)
{
    struct bundle *made = NULL;
    int r = make_full(content, &made, err);
    pthread_mutex_lock(&content->lock);
    content->bundles.making = false;
    if (r == 0) {
        bundle_drop(content->bundles.full);
        content->bundles.full = made;
        *ret = bundle_hold(made);
    }
    pthread_mutex_unlock(&content->lock);
    bell_ring(content->bell);
    return r;
}

/* ---- sending */

struct sending {
    struct bundle *bundle;
    size_t at;
};

static bool send_more(void *data, struct buf *buf)
{
    struct sending *s = data;
    struct str rest = str_from_offset(buf_str(&s->bundle->body), s->at);
    struct str piece = str_first(rest, STREAM_PIECE);
    buf_puts(buf, piece);
    s->at += piece.n;
    return s->at < s->bundle->body.n;
}

static void send_done(void *data)
{
    struct sending *s = data;
    bundle_drop(s->bundle);
    free(s);
}

static enum http_result send_bundle(struct reply *reply, struct bundle *bundle)
{
    char version[24];
    snprintf(version, sizeof(version), "%lld", (long long)bundle->version);
    reply_header(reply, "Hinomi-Version", str_of(version));
    reply_header(reply, "Hinomi-Signature", str_of(bundle->signature));
    if (bundle->body.n <= STREAM_PIECE) {
        reply_bytes(reply, 200, bundle->type, buf_str(&bundle->body));
        bundle_drop(bundle);
        return HTTP_DONE;
    }
    struct sending *s = mem_zalloc(sizeof(*s));
    if (!s) {
        bundle_drop(bundle);
        return reply_memory(reply);
    }
    s->bundle = bundle;
    return reply_stream(reply, 200, bundle->type,
                        &(struct reply_source){ send_more, send_done, s });
}

static void put_orders(struct jsonw *w, struct str agent, const struct store_order *orders,
                       size_t n)
{
    jsonw_object(w, NULL);
    jsonw_str(w, "agent", agent);
    jsonw_array(w, "orders");
    for (size_t i = 0; i < n; i++) {
        const struct store_order *o = &orders[i];
        jsonw_object(w, NULL);
        jsonw_i64(w, "id", o->id);
        jsonw_str(w, "kind", o->kind);
        jsonw_str(w, "container", o->container);
        jsonw_i64(w, "pid", o->pid);
        jsonw_i64(w, "start_ns", o->start_ns);
        jsonw_str(w, "finding", o->finding);
        jsonw_i64(w, "expires_ms", o->expires_ms);
        jsonw_end(w);
    }
    jsonw_end(w);
    jsonw_end(w);
}

/* True: orders were sent, or an error was. */
static bool send_orders(struct content *content, struct request *request, struct reply *reply,
                        int64_t after)
{
    struct err err = { 0 };
    struct store_order *orders = NULL;
    size_t n = 0;
    struct str agent = request_param(request, "id");
    struct str instance = request_header(request, "Hinomi-Instance");
    if (__atomic_load_n(&content->orders, __ATOMIC_ACQUIRE) == 0) {
        return false;
    }
    int r = content->ops->order_take(content->store, agent, instance.p ? instance : STR(""), after,
                                     content->server->now_ms(), request->arena, &orders, &n, &err);
    if (r < 0) {
        reply_error(reply, &err);
        return true;
    }
    if (n == 0) {
        return false;
    }
    struct buf body;
    struct jsonw w = { .buf = &body };
    struct bundle *bundle = NULL;
    buf_init(&body, HTTP_BODY_MAX);
    put_orders(&w, agent, orders, n);
    if (bundle_sign(&content->bundles.key, ORDERS_TYPE, orders[n - 1].id, &body, &bundle) < 0) {
        reply_memory(reply);
    } else {
        send_bundle(reply, bundle);
    }
    return true;
}

static enum http_result wait(struct content *content, struct request *request, struct reply *reply,
                             uint32_t left_ms, bool soon)
{
    if (request->timed_out && !soon) {
        return reply_empty(reply, 204);
    }
    reply_wait(reply, content->bell, soon && left_ms > PACKING_WAIT_MS ? PACKING_WAIT_MS : left_ms);
    return HTTP_WAIT;
}

/* How long it may wait yet: from when it came, however often it was woken for what was not for it. */
static uint32_t time_left(struct content *content, struct request *request, int64_t wait_s)
{
    int64_t now = content->server->now_ms(), wait_ms = wait_s * 1000;
    int64_t *began = request->kept;
    if (!began) {
        began = ARENA_NEW(request->arena, int64_t);
        if (!began) {
            return 0;
        }
        *began = now;
        request->kept = began;
    }
    int64_t waited = now - *began;
    return waited < 0 || waited >= wait_ms ? 0 : (uint32_t)(wait_ms - waited);
}

HANDLER(content_poll)
{
    struct content *content = server->content;
    struct err err = { 0 };
    struct bundle *bundle = NULL;
    int64_t after = 0, seen = 0, wait_s = 0;
    if (!request_number(request, "after", 0, INT64_MAX, 0, &after, reply) ||
        !request_number(request, "wait", 1, CONTENT_POLL_S, CONTENT_POLL_S, &wait_s, reply) ||
        !request_number(request, "orders", 0, INT64_MAX, 0, &seen, reply)) {
        return HTTP_DONE;
    }
    if (send_orders(content, request, reply, seen)) {
        return HTTP_DONE;
    }
    enum found found = find(content, after, &bundle);
    if (found == FOUND_WORK && work(content, &bundle, &err) < 0) {
        return reply_error(reply, &err);
    }
    if (bundle) {
        return send_bundle(reply, bundle);
    }
    uint32_t left_ms = time_left(content, request, wait_s);
    if (left_ms == 0) {
        return reply_empty(reply, 204);
    }
    return wait(content, request, reply, left_ms, found == FOUND_OTHERS_WORK);
}

/* ---- orders */

int content_order(struct server *server, const struct order *order, const struct store_audit *audit,
                  int64_t *ret_id, struct err *err)
{
    static const char *const kinds[] = { "kill", "stop", "pause", "capture", "test" };
    struct content *content = server->content;
    size_t kind = 0;
    if (!content) {
        return err_set(err, -ENOSYS, "there are no orders here");
    }
    while (kind < sizeof(kinds) / sizeof(*kinds) && !str_eqz(order->kind, kinds[kind])) {
        kind++;
    }
    if (kind == sizeof(kinds) / sizeof(*kinds)) {
        return err_set(err, -EINVAL, "there is no such order");
    }
    int64_t now = server->now_ms();
    const struct store_order kept = {
        .agent = order->agent,
        .kind = order->kind,
        .container = order->container.p ? order->container : STR(""),
        .finding = order->finding.p ? order->finding : STR(""),
        .author = order->author.p ? order->author : STR(""),
        .pid = order->pid,
        .start_ns = order->start_ns,
        .created_ms = now,
        .expires_ms = order->expires_ms ? order->expires_ms : now + CONTENT_ORDER_LIFE_MS,
    };
    int r = content->ops->order_add(content->store, &kept, audit, ret_id, err);
    if (r == 0) {
        __atomic_add_fetch(&content->orders, 1, __ATOMIC_RELEASE);
        bell_ring(content->bell);
    }
    return r;
}

HANDLER(content_get_orders)
{
    struct content *content = server->content;
    struct err err = { 0 };
    struct store_order *orders = NULL;
    size_t n = 0;
    int64_t limit = 0;
    if (!request_number(request, "limit", 1, CONTENT_PAGE_MAX, 100, &limit, reply)) {
        return HTTP_DONE;
    }
    struct str agent = request_param(request, "id");
    struct str finding = request_query(request, "finding");
    if (content->ops->orders(content->store, agent, finding, (uint32_t)limit, request->arena,
                             &orders, &n, &err) < 0) {
        return reply_error(reply, &err);
    }
    struct jsonw *w = reply_json(reply, 200);
    jsonw_object(w, NULL);
    jsonw_array(w, "items");
    for (size_t i = 0; i < n; i++) {
        const struct store_order *o = &orders[i];
        jsonw_object(w, NULL);
        jsonw_i64(w, "id", o->id);
        jsonw_str(w, "agent", o->agent);
        jsonw_str(w, "kind", o->kind);
        jsonw_str(w, "container", o->container);
        jsonw_i64(w, "pid", o->pid);
        jsonw_str(w, "finding", o->finding);
        jsonw_str(w, "author", o->author);
        jsonw_str(w, "state", o->state);
        jsonw_str(w, "result", o->result);
        jsonw_i64(w, "created_ms", o->created_ms);
        jsonw_i64(w, "expires_ms", o->expires_ms);
        jsonw_i64(w, "done_ms", o->done_ms);
        jsonw_end(w);
    }
    jsonw_end(w);
    jsonw_null(w, "next");
    jsonw_end(w);
    return HTTP_DONE;
}

static void tell_order(struct server *server, const struct store_order *o)
{
    struct buf buf;
    struct jsonw w = { .buf = &buf };
    buf_init(&buf, HUB_MESSAGE_MAX);
    jsonw_object(&w, NULL);
    jsonw_str(&w, "id", o->agent);
    jsonw_i64(&w, "order", o->id);
    jsonw_str(&w, "state", o->state);
    jsonw_str(&w, "result", str_first(o->result, 200));
    jsonw_end(&w);
    if (server->hub && !buf.failed) {
        hub_publish(server->hub, HUB_AGENT, buf_str(&buf));
    }
    buf_done(&buf);
}

HANDLER(content_finish_order)
{
    struct content *content = server->content;
    struct err err = { 0 };
    struct str number = request_param(request, "order"), result = STR("");
    struct json_object *body = request_json(request, reply);
    bool ok = false;
    int64_t id = 0;
    if (!body || !request_members_only(request, body, "ok result", reply) ||
        !request_member_bool(request, body, "ok", true, &ok, reply) ||
        !request_member_text(request, body, "result", false, 4096, &result, reply)) {
        return HTTP_DONE;
    }
    for (size_t i = 0; i < number.n && i < 18; i++) {
        id = number.p[i] >= '0' && number.p[i] <= '9' ? id * 10 + (number.p[i] - '0') : -1;
        if (id < 0) {
            return reply_problem(reply, 404, "not_found", "There is no such order.");
        }
    }
    const struct store_order order = { .id = id,
                                       .agent = request_param(request, "id"),
                                       .state = ok ? STR("done") : STR("failed"),
                                       .result = result,
                                       .done_ms = server->now_ms() };
    int r = content->ops->order_done(content->store, &order, &err);
    if (r < 0) {
        return reply_error(reply, &err);
    }
    tell_order(server, &order);
    return reply_empty(reply, 204);
}
