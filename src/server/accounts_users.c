/*
 * Users. Who may read sees names, to assign findings to; administrators see and change the rest.
 *
 * Nobody changes the own role or locks itself out; the last administrator stays (the store sees to it). A new
 * role, a new password, or being disabled ends the user's sessions; its tokens are measured by the new role at
 * their next request.
 */
#include "server/accounts_internal.h"

#include <errno.h>
#include <stdio.h>

struct wish {
    struct store_user user;
    struct store_user_change change;
    struct hash_job job;
};

static void write_user(struct jsonw *w, const struct request *request,
                       const struct store_user *user)
{
    jsonw_object(w, NULL);
    jsonw_str(w, "name", user->name);
    jsonw_str(w, "display_name", user->display_name);
    if (request->principal->may & MAY_ADMIN) {
        jsonw_str(w, "role", user->role);
        jsonw_bool(w, "disabled", user->disabled);
        jsonw_i64(w, "created_ms", user->created_ms);
        jsonw_i64(w, "password_ms", user->password_ms);
        jsonw_i64(w, "login_ms", user->login_ms);
    }
}

enum http_result accounts_users_get(struct server *server, struct request *request,
                                    struct reply *reply)
{
    struct err err = { 0 };
    struct store_list list = { .arena = request->arena,
                               .after_name = request_query(request, "cursor") };
    int64_t limit = 0;
    if (!request_number(request, "limit", 1, STORE_PAGE_MAX, PAGE_DEFAULT, &limit, reply)) {
        return HTTP_DONE;
    }
    list.limit = (uint32_t)limit;
    if (accounts_ops(server)->user_list(server->store, &list, &err) < 0) {
        return reply_error(reply, &err);
    }
    const struct store_user *users = list.items;
    struct jsonw *w = reply_json(reply, 200);
    jsonw_object(w, NULL);
    jsonw_array(w, "items");
    for (size_t i = 0; i < list.n; i++) {
        write_user(w, request, &users[i]);
        if (request->principal->may & MAY_ADMIN) {
            jsonw_i64(w, "sessions", users[i].sessions);
        }
        jsonw_end(w);
    }
    jsonw_end(w);
    if (list.n == list.limit) {
        jsonw_str(w, "next", users[list.n - 1].name);
    } else {
        jsonw_null(w, "next");
    }
    jsonw_i64(w, "total", list.total);
    jsonw_end(w);
    return HTTP_DONE;
}

static enum http_result show(struct server *server, struct request *request, struct reply *reply,
                             struct str name)
{
    struct err err = { 0 };
    struct store_user user;
    if (accounts_ops(server)->user_get(server->store, name, request->arena, &user, &err) < 0) {
        return reply_error(reply, &err);
    }
    struct jsonw *w = reply_json(reply, request->method == HTTP_POST ? 201 : 200);
    write_user(w, request, &user);
    jsonw_end(w);
    return HTTP_DONE;
}

enum http_result accounts_user_get(struct server *server, struct request *request,
                                   struct reply *reply)
{
    return show(server, request, reply, request_param(request, "name"));
}

static bool check_role(struct str role, struct reply *reply)
{
    if (role.p && !role_may(role)) {
        reply_problem(reply, 422, "bad_role", "`role` is viewer, analyst or admin");
        return false;
    }
    return true;
}

static bool check_texts(const struct wish *wish, struct reply *reply)
{
    const char *wrong =
        wish->job.password.p ? password_wrong(wish->job.password, wish->user.name) : NULL;
    if (wrong) {
        reply_problem(reply, 422, "bad_password", "%s", wrong);
        return false;
    }
    if (!text_is_plain(wish->change.display_name)) {
        reply_problem(reply, 422, "bad_member", "`display_name` has characters that are not shown");
        return false;
    }
    return check_role(wish->change.role, reply);
}

static bool read_new(struct request *request, struct reply *reply, struct wish *wish)
{
    struct json_object *body = request_json(request, reply);
    if (!body || !request_members_only(request, body, "name display_name role password", reply) ||
        !request_member_text(request, body, "name", true, 256, &wish->user.name, reply) ||
        !request_member_text(request, body, "display_name", false, DISPLAY_NAME_MAX,
                             &wish->change.display_name, reply) ||
        !request_member_text(request, body, "role", true, 16, &wish->change.role, reply) ||
        !request_member_text(request, body, "password", true, PASSWORD_BYTES, &wish->job.password,
                             reply)) {
        return false;
    }
    const char *wrong = user_name_wrong(wish->user.name);
    if (wrong) {
        reply_problem(reply, 422, "bad_name", "the name %s", wrong);
        return false;
    }
    wish->job.owner = accounts_address_key(request);
    return check_texts(wish, reply);
}

/* The wish between waits; new ones are read by `read`. NULL: the reply says why. */
static struct wish *wish_of(struct request *request, struct reply *reply,
                            bool (*read)(struct request *request, struct reply *reply,
                                         struct wish *wish))
{
    if (!request->kept) {
        struct wish *wish = ARENA_NEW(request->arena, struct wish);
        if (!wish) {
            reply_problem(reply, 503, "no_memory", "the server is out of memory");
        }
        request->kept = wish && read(request, reply, wish) ? wish : NULL;
    }
    return request->kept;
}

enum http_result accounts_users_post(struct server *server, struct request *request,
                                     struct reply *reply)
{
    struct err err = { 0 };
    struct wish *wish = wish_of(request, reply, read_new);
    if (!wish) {
        return HTTP_DONE;
    }
    enum hashed hashed = hasher_step(server->accounts->hasher, &wish->job, reply);
    if (hashed != HASHED_YES) {
        return hashed == HASHED_WAIT ? HTTP_WAIT : HTTP_DONE;
    }
    wish->user.display_name = wish->change.display_name;
    wish->user.role = wish->change.role;
    wish->user.password = str_of(wish->job.text);
    wish->user.created_ms = server->now_ms();
    struct store_audit audit =
        audit_of(server, request, "user.create", audit_object(request, "user", wish->user.name));
    if (accounts_ops(server)->user_add(server->store, &wish->user, false, &audit, &err) < 0) {
        return accounts_failed(reply, &err);
    }
    return show(server, request, reply, wish->user.name);
}

static bool read_change(struct request *request, struct reply *reply, struct wish *wish)
{
    struct json_object *body = request_json(request, reply);
    struct store_user_change *change = &wish->change;
    bool disabled = false;
    wish->user.name = change->name = request_param(request, "name");
    change->disabled = -1;
    if (!body ||
        !request_members_only(request, body, "display_name role password disabled", reply) ||
        !request_member_text(request, body, "display_name", false, DISPLAY_NAME_MAX,
                             &change->display_name, reply) ||
        !request_member_text(request, body, "role", false, 16, &change->role, reply) ||
        !request_member_text(request, body, "password", false, PASSWORD_BYTES, &wish->job.password,
                             reply) ||
        !request_member_bool(request, body, "disabled", false, &disabled, reply)) {
        return false;
    }
    struct json_object *given = NULL;
    if (json_object_object_get_ex(body, "disabled", &given) && given) {
        change->disabled = disabled;
    }
    change->end_sessions = change->role.p || wish->job.password.p || change->disabled == 1;
    wish->job.owner = accounts_address_key(request);
    return check_texts(wish, reply);
}

static bool is_self(const struct request *request, const struct store_user *user)
{
    return request->principal->kind == PRINCIPAL_USER && request->principal->id == user->id;
}

/* Rights are given and taken by another, and one's own password is changed with the old one at hand. */
static bool check_self(struct server *server, struct request *request, struct reply *reply,
                       struct wish *wish)
{
    struct err err = { 0 };
    if (accounts_ops(server)->user_get(server->store, wish->change.name, request->arena,
                                       &wish->user, &err) < 0) {
        reply_error(reply, &err);
        return false;
    }
    const struct store_user_change *change = &wish->change;
    if (is_self(request, &wish->user) &&
        (change->role.p || change->disabled >= 0 || wish->job.password.p)) {
        audit_refused(server, request, "user.change",
                      audit_object(request, "user", wish->user.name));
        reply_problem(reply, 403, "own_account",
                      "role, state and password of one's own account are not changed here; the "
                      "password is at /v1/me");
        return false;
    }
    return true;
}

static struct str detail_of(const struct request *request, const struct wish *wish)
{
    struct buf buf;
    struct jsonw w = { .buf = &buf };
    buf_init(&buf, AUDIT_DETAIL_MAX);
    jsonw_object(&w, NULL);
    if (wish->change.role.p) {
        jsonw_str(&w, "from", wish->user.role);
        jsonw_str(&w, "role", wish->change.role);
    }
    if (wish->change.disabled >= 0) {
        jsonw_bool(&w, "disabled", wish->change.disabled != 0);
    }
    if (wish->job.password.p) {
        jsonw_bool(&w, "password", true);
    }
    jsonw_end(&w);
    struct str text = arena_str(request->arena, buf_str(&buf));
    buf_done(&buf);
    return text;
}

enum http_result accounts_user_patch(struct server *server, struct request *request,
                                     struct reply *reply)
{
    struct err err = { 0 };
    bool fresh = !request->kept;
    struct wish *wish = wish_of(request, reply, read_change);
    if (!wish || (fresh && !check_self(server, request, reply, wish))) {
        return HTTP_DONE;
    }
    if (wish->job.password.p) {
        enum hashed hashed = hasher_step(server->accounts->hasher, &wish->job, reply);
        if (hashed != HASHED_YES) {
            return hashed == HASHED_WAIT ? HTTP_WAIT : HTTP_DONE;
        }
        wish->change.password = str_of(wish->job.text);
    }
    wish->change.now_ms = server->now_ms();
    struct store_audit audit =
        audit_of(server, request, "user.change", audit_object(request, "user", wish->user.name));
    audit.detail = detail_of(request, wish);
    if (accounts_ops(server)->user_change(server->store, &wish->change, &audit, &err) < 0) {
        return accounts_failed(reply, &err);
    }
    struct cache_wish all = { .user = wish->user.id };
    accounts_forget(server, &all);
    return show(server, request, reply, wish->user.name);
}

enum http_result accounts_user_delete(struct server *server, struct request *request,
                                      struct reply *reply)
{
    struct err err = { 0 };
    struct store_user user;
    if (accounts_ops(server)->user_get(server->store, request_param(request, "name"),
                                       request->arena, &user, &err) < 0) {
        return reply_error(reply, &err);
    }
    struct store_audit audit =
        audit_of(server, request, "user.delete", audit_object(request, "user", user.name));
    if (accounts_ops(server)->user_remove(server->store, user.name, &audit, &err) < 0) {
        return accounts_failed(reply, &err);
    }
    struct cache_wish all = { .user = user.id };
    accounts_forget(server, &all);
    return reply_empty(reply, 204);
}
