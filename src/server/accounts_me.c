/*
 * One's own account: how the console looks, the name that is shown, the password.
 *
 * A new password wants the old one, ends every session, this one too, and begins another: who stole a session does
 * not keep it. The old password is checked like a log-in, with the same counting of failures by address.
 */
#include "server/accounts_internal.h"

#include <errno.h>
#include <stdio.h>

struct wish {
    struct store_user user;
    struct store_user_change change;
    struct str current, fresh; /* passwords; .p NULL: none is changed */
    struct hash_job check, make;
    bool checked;
};

static enum http_result write_me(const struct request *request, struct reply *reply,
                                 const struct store_user *user)
{
    struct jsonw *w = reply_json(reply, 200);
    jsonw_object(w, NULL);
    jsonw_strz(w, "kind", request->principal->kind == PRINCIPAL_USER ? "user" : "token");
    if (user) {
        accounts_write_user(w, user);
    } else {
        jsonw_str(w, "name", request->principal->name);
    }
    permissions_write(w, "permissions", request->principal->may);
    jsonw_end(w);
    return HTTP_DONE;
}

enum http_result accounts_me_get(struct server *server, struct request *request,
                                 struct reply *reply)
{
    struct err err = { 0 };
    struct store_user user;
    if (request->principal->kind != PRINCIPAL_USER) {
        return write_me(request, reply, NULL);
    }
    if (accounts_ops(server)->user_by_id(server->store, request->principal->id, request->arena,
                                         &user, &err) < 0) {
        return reply_error(reply, &err);
    }
    return write_me(request, reply, &user);
}

static bool among(struct str value, const char *first, const char *second, const char *third)
{
    return value.n == 0 || str_eqz(value, first) || str_eqz(value, second) ||
           (third && str_eqz(value, third));
}

static bool read_settings(struct request *request, struct json_object *body, struct wish *wish,
                          struct reply *reply)
{
    struct store_user_change *change = &wish->change;
    if (!request_members_only(request, body, "display_name language theme time_zone password",
                              reply) ||
        !request_member_text(request, body, "display_name", false, DISPLAY_NAME_MAX,
                             &change->display_name, reply) ||
        !request_member_text(request, body, "language", false, 16, &change->language, reply) ||
        !request_member_text(request, body, "theme", false, 16, &change->theme, reply) ||
        !request_member_text(request, body, "time_zone", false, TIME_ZONE_MAX, &change->time_zone,
                             reply)) {
        return false;
    }
    const char *wrong = !text_is_plain(change->display_name)             ? "display_name"
                        : !among(change->language, "en", "ja", NULL)     ? "language"
                        : !among(change->theme, "light", "dark", "auto") ? "theme"
                        : !time_zone_ok(change->time_zone)               ? "time_zone"
                                                                         : NULL;
    if (wrong) {
        reply_problem(reply, 422, "bad_member", "`%s` has a value that is not taken", wrong);
    }
    return !wrong;
}

static bool read_passwords(struct request *request, struct json_object *body, struct wish *wish,
                           struct reply *reply)
{
    struct json_object *both = NULL;
    if (!json_object_object_get_ex(body, "password", &both) || !both) {
        return true;
    }
    if (!json_object_is_type(both, json_type_object)) {
        reply_problem(reply, 422, "bad_member", "`password` must be an object");
        return false;
    }
    if (!request_members_only(request, both, "current new", reply) ||
        !request_member_text(request, both, "current", true, PASSWORD_BYTES, &wish->current,
                             reply) ||
        !request_member_text(request, both, "new", true, PASSWORD_BYTES, &wish->fresh, reply)) {
        return false;
    }
    const char *wrong = password_wrong(wish->fresh, wish->user.name);
    if (wrong) {
        reply_problem(reply, 422, "bad_password", "%s", wrong);
    }
    return !wrong;
}

static bool may_try(struct server *server, struct request *request, struct reply *reply)
{
    char seconds[24];
    struct accounts *accounts = server->accounts;
    pthread_mutex_lock(&accounts->lock);
    int64_t wait_ms =
        throttle_wait(&accounts->addresses, accounts_address_key(request), server->now_ms());
    pthread_mutex_unlock(&accounts->lock);
    if (wait_ms > 0) {
        snprintf(seconds, sizeof(seconds), "%lld", (long long)((wait_ms + 999) / 1000));
        reply_header(reply, "Retry-After", str_of(seconds));
        reply_problem(reply, 429, "too_many_attempts", "too many failed attempts; try again later");
    }
    return wait_ms <= 0;
}

static bool prepare(struct server *server, struct request *request, struct reply *reply,
                    struct wish *wish)
{
    struct err err = { 0 };
    struct json_object *body = request_json(request, reply);
    if (!body) {
        return false;
    }
    if (accounts_ops(server)->user_by_id(server->store, request->principal->id, request->arena,
                                         &wish->user, &err) < 0) {
        reply_error(reply, &err);
        return false;
    }
    wish->change = (struct store_user_change){ .name = wish->user.name, .disabled = -1 };
    if (!read_settings(request, body, wish, reply) || !read_passwords(request, body, wish, reply)) {
        return false;
    }
    if (!wish->fresh.p) {
        return true;
    }
    wish->check = (struct hash_job){ .verify = true,
                                     .owner = accounts_address_key(request),
                                     .password = wish->current };
    wish->make = (struct hash_job){ .owner = wish->check.owner, .password = wish->fresh };
    snprintf(wish->check.text, sizeof(wish->check.text), "%.*s", STR_ARG(wish->user.password));
    return may_try(server, request, reply);
}

static enum http_result wrong_password(struct server *server, struct request *request,
                                       struct reply *reply)
{
    struct accounts *accounts = server->accounts;
    pthread_mutex_lock(&accounts->lock);
    throttle_failed(&accounts->addresses, accounts_address_key(request), server->now_ms());
    pthread_mutex_unlock(&accounts->lock);
    audit_refused(server, request, "user.password",
                  audit_object(request, "user", request->principal->name));
    return reply_problem(reply, 403, "wrong_password", "the current password is another");
}

/* Both hashes, one after the other. HASHED_YES: the change has the new one. */
static enum hashed hash_both(struct server *server, struct request *request, struct reply *reply,
                             struct wish *wish)
{
    if (!wish->checked) {
        enum hashed hashed = hasher_step(server->accounts->hasher, &wish->check, reply);
        if (hashed == HASHED_NO) {
            wrong_password(server, request, reply);
        }
        if (hashed != HASHED_YES) {
            return hashed;
        }
        wish->checked = true;
    }
    enum hashed hashed = hasher_step(server->accounts->hasher, &wish->make, reply);
    wish->change.password = str_of(wish->make.text);
    wish->change.end_sessions = true;
    return hashed;
}

static enum http_result change(struct server *server, struct request *request, struct reply *reply,
                               struct wish *wish)
{
    struct err err = { 0 };
    bool password = wish->change.password.p != NULL;
    wish->change.now_ms = server->now_ms();
    struct store_audit audit = audit_of(server, request, password ? "user.password" : "user.change",
                                        audit_object(request, "user", wish->user.name));
    if (accounts_ops(server)->user_change(server->store, &wish->change, &audit, &err) < 0) {
        return accounts_failed(reply, &err);
    }
    if (!password) {
        return accounts_me_get(server, request, reply);
    }
    struct cache_wish all = { .user = wish->user.id };
    accounts_forget(server, &all);
    struct login login = { .user = wish->user, .cookie = request->principal->by_cookie };
    return accounts_begin_session(server, request, reply, &login);
}

enum http_result accounts_me_patch(struct server *server, struct request *request,
                                   struct reply *reply)
{
    struct wish *wish = request->kept;
    if (!accounts_person(request, reply)) {
        return HTTP_DONE;
    }
    if (!wish) {
        request->kept = wish = ARENA_NEW(request->arena, struct wish);
        if (!wish) {
            return reply_problem(reply, 503, "no_memory", "the server is out of memory");
        }
        if (!prepare(server, request, reply, wish)) {
            return HTTP_DONE;
        }
    }
    if (wish->fresh.p) {
        enum hashed hashed = hash_both(server, request, reply, wish);
        if (hashed != HASHED_YES) {
            return hashed == HASHED_WAIT ? HTTP_WAIT : HTTP_DONE;
        }
    }
    return change(server, request, reply, wish);
}
