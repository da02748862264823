/*
 * notify_channels: routes of channels: where messages go, what is needed for it, and whether it works.
 *
 * Secrets are written and never read back: answers name those that are set. A channel that is made to go elsewhere
 * needs its secrets anew, so that nobody who may change it learns them by sending himself a message.
 */
#include "server/notify_internal.h"

#include "base/cleanup.h"

#include <errno.h>

#define MEMBERS "name enabled language config secrets"

static void cleanup_json(struct json_object **object)
{
    json_object_put(*object);
}

bool notify_json_text(struct request *request, struct json_object *object, struct str *ret,
                      struct reply *reply)
{
    const char *text = json_object_to_json_string_ext(object, JSON_C_TO_STRING_PLAIN |
                                                                  JSON_C_TO_STRING_NOSLASHESCAPE);
    *ret = text ? arena_str(request->arena, str_of(text)) : (struct str){ 0 };
    if (!ret->p) {
        reply_problem(reply, 500, "out_of_memory", "out of memory");
    }
    return ret->p != NULL;
}

void notify_put_text(struct jsonw *w, const char *key, struct str text)
{
    if (text.n) {
        jsonw_str(w, key, text);
    } else {
        jsonw_null(w, key);
    }
}

const struct notify_channel *notify_find_channel(const struct notify_channel *all, size_t n,
                                                 int64_t id)
{
    for (size_t i = 0; i < n; i++) {
        if (all[i].id == id) {
            return &all[i];
        }
    }
    return NULL;
}

bool notify_language(struct request *request, struct json_object *body, bool may_be_empty,
                     struct str *ret, struct reply *reply)
{
    struct json_object *value = NULL;
    if (may_be_empty && json_object_object_get_ex(body, "language", &value) && !value) {
        *ret = STR("");
        return true;
    }
    if (!request_member_text(request, body, "language", false, 8, ret, reply)) {
        return false;
    }
    if (!str_eqz(*ret, "en") && !str_eqz(*ret, "ja") && !(may_be_empty && ret->n == 0)) {
        reply_problem(reply, 422, "bad_member", "`language` must be en or ja");
        return false;
    }
    return true;
}

/* ---- answers */

static void put_target(struct jsonw *w, const struct notify_channel *c, struct json_object *config,
                       struct json_object *secrets)
{
    const struct notify_kind *kind = notify_kind(c->kind);
    char storage[1024];
    struct buf target;
    buf_init_fixed(&target, storage, sizeof(storage));
    if (kind) {
        kind->target(config, secrets, &target);
    }
    jsonw_str(w, "target", buf_str(&target));
}

static void put_names(struct jsonw *w, struct json_object *secrets)
{
    jsonw_array(w, "secrets");
    if (secrets) {
        json_object_object_foreach(secrets, key, value)
        {
            (void)value;
            jsonw_strz(w, NULL, key);
        }
    }
    jsonw_end(w);
}

static void put_channel(struct jsonw *w, const struct notify_channel *c)
{
    struct json_object *config CLEANUP(cleanup_json) = json_tokener_parse(c->config.p);
    struct json_object *secrets CLEANUP(cleanup_json) = json_tokener_parse(c->secrets.p);
    jsonw_object(w, NULL);
    jsonw_i64(w, "id", c->id);
    jsonw_str(w, "name", c->name);
    jsonw_str(w, "kind", c->kind);
    jsonw_bool(w, "enabled", c->enabled);
    jsonw_str(w, "language", c->language);
    jsonw_raw(w, "config", c->config);
    put_names(w, secrets);
    put_target(w, c, config, secrets);
    jsonw_str(w, "author", c->author);
    jsonw_i64(w, "created_ms", c->created_ms);
    jsonw_i64(w, "updated_ms", c->updated_ms);
    jsonw_i64(w, "queued", c->queued);
    jsonw_i64(w, "dead", c->dead);
    findings_put_time(w, "delivered_ms", c->delivered_ms);
    findings_put_time(w, "failed_ms", c->failed_ms);
    notify_put_text(w, "error", c->error);
    jsonw_end(w);
}

HANDLER(notify_channels)
{
    struct notify_channel *all = NULL;
    struct err err = { 0 };
    size_t n = 0;
    if (server->store->notify->channels(server->store, true, request->arena, &all, &n, &err) < 0) {
        return reply_error(reply, &err);
    }
    struct jsonw *w = reply_json(reply, 200);
    jsonw_object(w, NULL);
    jsonw_array(w, "items");
    for (size_t i = 0; i < n; i++) {
        put_channel(w, &all[i]);
    }
    jsonw_end(w);
    jsonw_end(w);
    return HTTP_DONE;
}

/* The one that the path names. False: the reply says that there is none. */
static bool of_path(struct server *server, struct request *request, struct notify_channel *ret,
                    struct reply *reply)
{
    struct notify_channel *all = NULL;
    struct err err = { 0 };
    size_t n = 0;
    int64_t id;
    if (!findings_number(request, &id, reply)) {
        return false;
    }
    if (server->store->notify->channels(server->store, true, request->arena, &all, &n, &err) < 0) {
        reply_error(reply, &err);
        return false;
    }
    const struct notify_channel *found = notify_find_channel(all, n, id);
    if (!found) {
        reply_problem(reply, 404, "not_found", "There is no such channel.");
        return false;
    }
    *ret = *found;
    return true;
}

HANDLER(notify_channel_get)
{
    struct notify_channel channel;
    if (of_path(server, request, &channel, reply)) {
        put_channel(reply_json(reply, 200), &channel);
    }
    return HTTP_DONE;
}

/* ---- changes */

static bool member_object(struct json_object *body, const char *key, struct json_object **ret,
                          struct reply *reply)
{
    *ret = NULL;
    if (json_object_object_get_ex(body, key, ret) && *ret &&
        !json_object_is_type(*ret, json_type_object)) {
        reply_problem(reply, 422, "bad_member", "`%s` must be an object", key);
        return false;
    }
    return true;
}

static enum http_result refuse(struct reply *reply, const struct err *err)
{
    return err->code == -EINVAL ? reply_problem(reply, 422, "bad_member", "%s", err->message)
                                : reply_error(reply, err);
}

/* Both as they are after the change, in the channel; what was kept is NULL of a new one. */
static int settle_settings(struct request *request, const struct notify_kind *kind,
                           struct json_object *sent[2], struct notify_channel *c,
                           struct reply *reply)
{
    struct json_object *kept CLEANUP(cleanup_json) = c->id ? json_tokener_parse(c->config.p) : NULL;
    struct json_object *kept_secrets CLEANUP(cleanup_json) =
        c->id ? json_tokener_parse(c->secrets.p) : NULL;
    struct json_object *config CLEANUP(cleanup_json) = NULL;
    struct json_object *secrets CLEANUP(cleanup_json) = NULL;
    struct err err = { 0 };
    int r = sent[0] ? notify_settings(kind, sent[0], &config, &err) : 0;
    struct json_object *now = config ? config : kept;
    bool moved = config && kept && notify_moved(kind, kept, config);
    r = r == 0 ? notify_secrets(kind, kept_secrets, moved, sent[1], &secrets, &err) : r;
    r = r == 0 && kind->fits ? kind->fits(now, secrets, &err) : r;
    if (r < 0) {
        refuse(reply, &err);
        return r;
    }
    return notify_json_text(request, now, &c->config, reply) &&
                   notify_json_text(request, secrets, &c->secrets, reply)
               ? 0
               : -ENOMEM;
}

/* Members that are there; the others stay as they are. */
static bool read_members(struct request *request, struct json_object *body,
                         struct notify_channel *c, struct reply *reply)
{
    const struct notify_kind *kind = notify_kind(c->kind);
    struct json_object *sent[2];
    if (!kind) {
        reply_problem(reply, 422, "bad_kind", "There is no such kind of channel.");
        return false;
    }
    if ((json_object_object_get_ex(body, "name", NULL) &&
         !findings_text(request, body, "name", FINDINGS_NAME_MAX, false, &c->name, reply)) ||
        !request_member_bool(request, body, "enabled", false, &c->enabled, reply) ||
        !notify_language(request, body, false, &c->language, reply) ||
        !member_object(body, "config", &sent[0], reply) ||
        !member_object(body, "secrets", &sent[1], reply)) {
        return false;
    }
    return settle_settings(request, kind, sent, c, reply) == 0;
}

static enum http_result keep(struct server *server, struct request *request,
                             struct notify_channel *c, struct reply *reply)
{
    struct err err = { 0 };
    bool fresh = c->id == 0;
    c->updated_ms = server->now_ms();
    if (server->store->notify->channel_put(server->store, c, &c->id, &err) < 0 ||
        notify_judge_renew(server->notify->judge, &err) < 0) { /* policies say its name */
        return reply_error(reply, &err);
    }
    c->created_ms = fresh ? c->updated_ms : c->created_ms;
    findings_audit(server, request,
                   fresh ? "notification_channel.create" : "notification_channel.change",
                   findings_object(request, "notification_channel", c->id), c->name);
    put_channel(reply_json(reply, fresh ? 201 : 200), c);
    return HTTP_DONE;
}

HANDLER(notify_channel_add)
{
    struct json_object *body = request_json(request, reply);
    struct notify_channel channel = { .author = request->principal->name,
                                      .language = STR("en"),
                                      .enabled = true };
    struct json_object *config = NULL;
    if (!body || !request_members_only(request, body, "kind " MEMBERS, reply) ||
        !request_member_text(request, body, "kind", true, 32, &channel.kind, reply) ||
        !findings_text(request, body, "name", FINDINGS_NAME_MAX, false, &channel.name, reply)) {
        return HTTP_DONE;
    }
    if (!json_object_object_get_ex(body, "config", &config) || !config) {
        return reply_problem(reply, 422, "missing", "`config` is missing");
    }
    return read_members(request, body, &channel, reply) ? keep(server, request, &channel, reply)
                                                        : HTTP_DONE;
}

HANDLER(notify_channel_change)
{
    struct json_object *body = request_json(request, reply);
    struct notify_channel channel;
    if (!body || !request_members_only(request, body, MEMBERS, reply) ||
        !of_path(server, request, &channel, reply) ||
        !read_members(request, body, &channel, reply)) {
        return HTTP_DONE;
    }
    return keep(server, request, &channel, reply);
}

HANDLER(notify_channel_remove)
{
    struct err err = { 0 };
    int64_t id;
    if (!findings_number(request, &id, reply)) {
        return HTTP_DONE;
    }
    if (server->store->notify->channel_remove(server->store, id, server->now_ms(), &err) < 0 ||
        notify_judge_renew(server->notify->judge, &err) < 0) {
        return reply_error(reply, &err);
    }
    findings_audit(server, request, "notification_channel.remove",
                   findings_object(request, "notification_channel", id), (struct str){ 0 });
    return reply_empty(reply, 204);
}
