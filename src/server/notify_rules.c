/*
 * notify_rules: routes of the rules that say which findings go to which channels, and how often.
 */
#include "server/notify_internal.h"

#include "base/cleanup.h"

#include <errno.h>

#define MEMBERS          "name enabled filter channels language throttle_s"
#define THROTTLE_DEFAULT 300
#define THROTTLE_MOST    (7 * 24 * 3600)

static void put_rule(struct server *server, struct request *request, struct jsonw *w,
                     const struct notify_rule *rule)
{
    CLEANUP(filter_done) struct filter filter = { 0 };
    struct err err = { 0 };
    uint32_t offset;
    bool good = filter_compile(request->arena, FILTER_FINDINGS, rule->filter, server->now_ms(),
                               &filter, &offset, &err) == 0;
    jsonw_object(w, NULL);
    jsonw_i64(w, "id", rule->id);
    jsonw_str(w, "name", rule->name);
    jsonw_bool(w, "enabled", rule->enabled);
    jsonw_str(w, "filter", rule->filter);
    jsonw_raw(w, "channels", rule->channels);
    notify_put_text(w, "language", rule->language);
    jsonw_i64(w, "throttle_s", rule->throttle_s);
    jsonw_str(w, "author", rule->author);
    jsonw_i64(w, "created_ms", rule->created_ms);
    jsonw_i64(w, "updated_ms", rule->updated_ms);
    findings_put_time(w, "matched_ms", rule->matched_ms);
    jsonw_strz(w, "error", good ? NULL : err.message);
    jsonw_end(w);
}

HANDLER(notify_rules)
{
    struct notify_rule *all = NULL;
    struct err err = { 0 };
    size_t n = 0;
    if (server->store->notify->rules(server->store, request->arena, &all, &n, &err) < 0) {
        return reply_error(reply, &err);
    }
    struct jsonw *w = reply_json(reply, 200);
    jsonw_object(w, NULL);
    jsonw_array(w, "items");
    for (size_t i = 0; i < n; i++) {
        put_rule(server, request, w, &all[i]);
    }
    jsonw_end(w);
    jsonw_end(w);
    return HTTP_DONE;
}

static bool of_path(struct server *server, struct request *request, struct notify_rule *ret,
                    struct reply *reply)
{
    struct notify_rule *all = NULL;
    struct err err = { 0 };
    size_t n = 0;
    int64_t id;
    if (!findings_number(request, &id, reply)) {
        return false;
    }
    if (server->store->notify->rules(server->store, request->arena, &all, &n, &err) < 0) {
        reply_error(reply, &err);
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (all[i].id == id) {
            *ret = all[i];
            return true;
        }
    }
    reply_problem(reply, 404, "not_found", "There is no such rule.");
    return false;
}

HANDLER(notify_rule_get)
{
    struct notify_rule rule;
    if (of_path(server, request, &rule, reply)) {
        put_rule(server, request, reply_json(reply, 200), &rule);
    }
    return HTTP_DONE;
}

/* ---- changes */

/* Whether it is there and not among those before it. */
static bool is_good_channel(const struct notify_channel *all, size_t n, struct json_object *list,
                            size_t at)
{
    struct json_object *one = json_object_array_get_idx(list, at);
    if (!json_object_is_type(one, json_type_int)) {
        return false;
    }
    for (size_t i = 0; i < at; i++) {
        if (json_object_get_int64(json_object_array_get_idx(list, i)) ==
            json_object_get_int64(one)) {
            return false;
        }
    }
    return notify_find_channel(all, n, json_object_get_int64(one)) != NULL;
}

static bool check_channels(struct server *server, struct request *request, struct json_object *list,
                           struct reply *reply)
{
    struct notify_channel *all = NULL;
    struct err err = { 0 };
    size_t n = 0,
           nlist = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
    if (nlist == 0 || nlist > NOTIFY_OF_RULE_MAX) {
        reply_problem(reply, 422, "bad_member", "`channels` must be a list of 1 to %d ids",
                      NOTIFY_OF_RULE_MAX);
        return false;
    }
    if (server->store->notify->channels(server->store, false, request->arena, &all, &n, &err) < 0) {
        reply_error(reply, &err);
        return false;
    }
    for (size_t i = 0; i < nlist; i++) {
        if (!is_good_channel(all, n, list, i)) {
            reply_problem(reply, 422, "no_channel",
                          "`channels` must be ids of channels, each once");
            return false;
        }
    }
    return true;
}

static bool read_channels(struct server *server, struct request *request, struct json_object *body,
                          struct str *ret, struct reply *reply)
{
    struct json_object *list = NULL;
    if (!json_object_object_get_ex(body, "channels", &list)) {
        if (!ret->p) {
            reply_problem(reply, 422, "missing", "`channels` is missing");
        }
        return ret->p != NULL;
    }
    return check_channels(server, request, list, reply) &&
           notify_json_text(request, list, ret, reply);
}

/* Members that are there; the others stay as they are. */
static bool read_members(struct server *server, struct request *request, struct json_object *body,
                         struct notify_rule *rule, struct reply *reply)
{
    CLEANUP(filter_done) struct filter filter = { 0 };
    return (!json_object_object_get_ex(body, "name", NULL) ||
            findings_text(request, body, "name", FINDINGS_NAME_MAX, false, &rule->name, reply)) &&
           request_member_bool(request, body, "enabled", false, &rule->enabled, reply) &&
           request_member_text(request, body, "filter", rule->id == 0, FILTER_TEXT_MAX,
                               &rule->filter, reply) &&
           findings_filter(server, request, FILTER_FINDINGS, rule->filter, &filter, reply) &&
           read_channels(server, request, body, &rule->channels, reply) &&
           notify_language(request, body, true, &rule->language, reply) &&
           request_member_number(request, body, "throttle_s", false, 0, THROTTLE_MOST,
                                 &rule->throttle_s, reply);
}

static enum http_result keep(struct server *server, struct request *request,
                             struct notify_rule *rule, struct reply *reply)
{
    struct err err = { 0 };
    bool fresh = rule->id == 0;
    rule->updated_ms = server->now_ms();
    if (server->store->notify->rule_put(server->store, rule, &rule->id, &err) < 0 ||
        notify_judge_renew(server->notify->judge, &err) < 0) {
        return reply_error(reply, &err);
    }
    rule->created_ms = fresh ? rule->updated_ms : rule->created_ms;
    findings_audit(server, request, fresh ? "notification_rule.create" : "notification_rule.change",
                   findings_object(request, "notification_rule", rule->id), rule->filter);
    put_rule(server, request, reply_json(reply, fresh ? 201 : 200), rule);
    return HTTP_DONE;
}

HANDLER(notify_rule_add)
{
    struct json_object *body = request_json(request, reply);
    struct notify_rule rule = { .author = request->principal->name,
                                .language = STR(""),
                                .throttle_s = THROTTLE_DEFAULT,
                                .enabled = true };
    if (!body || !request_members_only(request, body, MEMBERS, reply) ||
        !findings_text(request, body, "name", FINDINGS_NAME_MAX, false, &rule.name, reply) ||
        !read_members(server, request, body, &rule, reply)) {
        return HTTP_DONE;
    }
    return keep(server, request, &rule, reply);
}

HANDLER(notify_rule_change)
{
    struct json_object *body = request_json(request, reply);
    struct notify_rule rule;
    if (!body || !request_members_only(request, body, MEMBERS, reply) ||
        !of_path(server, request, &rule, reply) ||
        !read_members(server, request, body, &rule, reply)) {
        return HTTP_DONE;
    }
    return keep(server, request, &rule, reply);
}

HANDLER(notify_rule_remove)
{
    struct err err = { 0 };
    int64_t id;
    if (!findings_number(request, &id, reply)) {
        return HTTP_DONE;
    }
    if (server->store->notify->rule_remove(server->store, id, server->now_ms(), &err) < 0 ||
        notify_judge_renew(server->notify->judge, &err) < 0) {
        return reply_error(reply, &err);
    }
    findings_audit(server, request, "notification_rule.remove",
                   findings_object(request, "notification_rule", id), (struct str){ 0 });
    return reply_empty(reply, 204);
}
