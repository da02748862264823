/*
 * Sessions as lists: one's own, and for administrators those of others. A session's secret is nowhere in them.
 */
#include "server/accounts_internal.h"

#include <errno.h>

static enum http_result list_sessions(struct server *server, struct request *request,
                                      struct reply *reply, int64_t user)
{
    struct err err = { 0 };
    struct store_list list = { .arena = request->arena, .limit = STORE_USER_SESSIONS_MAX };
    uint8_t hash[SECRET_HASH];
    struct str secret;
    accounts_credential(request, &secret);
    secret_hash(secret, hash);
    if (accounts_ops(server)->session_list(server->store, user, &list, &err) < 0) {
        return reply_error(reply, &err);
    }
    const struct store_session *sessions = list.items;
    struct jsonw *w = reply_json(reply, 200);
    jsonw_object(w, NULL);
    jsonw_array(w, "items");
    for (size_t i = 0; i < list.n; i++) {
        jsonw_object(w, NULL);
        jsonw_i64(w, "id", sessions[i].id);
        jsonw_i64(w, "created_ms", sessions[i].created_ms);
        jsonw_i64(w, "seen_ms", sessions[i].seen_ms);
        jsonw_i64(w, "expires_ms", sessions[i].created_ms + SESSION_MOST_MS);
        jsonw_str(w, "address", sessions[i].address);
        jsonw_str(w, "program", sessions[i].program);
        jsonw_bool(w, "current", secret_hash_equal(hash, sessions[i].hash));
        jsonw_end(w);
    }
    accounts_page_end(w, &list, 0);
    return HTTP_DONE;
}

/* id 0: all of them. */
static enum http_result end_sessions(struct server *server, struct request *request,
                                     struct reply *reply, const struct store_session *which)
{
    struct err err = { 0 };
    struct store_audit audit =
        audit_of(server, request, "session.end", audit_object(request, "user", which->owner.name));
    int r = accounts_ops(server)->session_end(server->store, which->user, which->id, &audit, &err);
    if (r < 0 && !(r == -ENOENT && which->id == 0)) {
        return reply_error(reply, &err);
    }
    struct cache_wish wish = { .kind = PRINCIPAL_USER, .id = which->id, .user = which->user };
    accounts_forget(server, &wish);
    return reply_empty(reply, 204);
}

enum http_result accounts_sessions_get(struct server *server, struct request *request,
                                       struct reply *reply)
{
    return accounts_person(request, reply)
               ? list_sessions(server, request, reply, request->principal->id)
               : HTTP_DONE;
}

enum http_result accounts_sessions_delete(struct server *server, struct request *request,
                                          struct reply *reply)
{
    struct store_session which = { .user = request->principal->id,
                                   .owner.name = request->principal->name };
    if (!accounts_person(request, reply) || !accounts_id(request, &which.id, reply)) {
        return HTTP_DONE;
    }
    if (which.id == 0) {
        return reply_problem(reply, 404, "not_found", "there is no such session");
    }
    return end_sessions(server, request, reply, &which);
}

static bool named_user(struct server *server, struct request *request, struct reply *reply,
                       struct store_user *ret)
{
    struct err err = { 0 };
    if (accounts_ops(server)->user_get(server->store, request_param(request, "name"),
                                       request->arena, ret, &err) < 0) {
        reply_error(reply, &err);
        return false;
    }
    return true;
}

enum http_result accounts_user_sessions_get(struct server *server, struct request *request,
                                            struct reply *reply)
{
    struct store_user user;
    return named_user(server, request, reply, &user)
               ? list_sessions(server, request, reply, user.id)
               : HTTP_DONE;
}

enum http_result accounts_user_sessions_delete(struct server *server, struct request *request,
                                               struct reply *reply)
{
    struct store_user user;
    if (!named_user(server, request, reply, &user)) {
        return HTTP_DONE;
    }
    struct store_session which = { .user = user.id, .owner.name = user.name };
    return end_sessions(server, request, reply, &which);
}
