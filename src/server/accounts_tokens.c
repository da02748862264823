/*
 * API tokens: what programs use. A token may what it was given, and never more than its maker may now; it ends by
 * itself. Only people who are logged in make tokens: a token that leaked cannot live on in others.
 */
#include "server/accounts_internal.h"

#include <errno.h>

#define TOKEN_LEAST_MS   INT64_C(60000)
#define TOKEN_MOST_MS    (INT64_C(5) * 366 * 24 * 3600 * 1000)
#define TOKEN_DEFAULT_MS (INT64_C(90) * 24 * 3600 * 1000)

static void write_token(struct jsonw *w, const struct store_token *token, const char *secret)
{
    jsonw_object(w, NULL);
    jsonw_i64(w, "id", token->id);
    jsonw_str(w, "name", token->name);
    jsonw_str(w, "user", token->user_name);
    permissions_write(w, "permissions", token->may);
    jsonw_i64(w, "created_ms", token->created_ms);
    jsonw_i64(w, "expires_ms", token->expires_ms);
    if (token->revoked_ms) {
        jsonw_i64(w, "revoked_ms", token->revoked_ms);
    } else {
        jsonw_null(w, "revoked_ms");
    }
    if (token->seen_ms) {
        jsonw_i64(w, "used_ms", token->seen_ms);
    } else {
        jsonw_null(w, "used_ms");
    }
    if (secret) {
        jsonw_strz(w, "token", secret);
    }
    jsonw_end(w);
}

/* Whose tokens: one's own, or with ?all=true, for administrators, everybody's (0). -1: the reply says no. */
static int64_t whose(struct request *request, struct reply *reply)
{
    struct str all = request_query(request, "all");
    bool admin = request->principal->may & MAY_ADMIN;
    if (all.p && str_eq(all, STR("true"))) {
        if (!admin) {
            reply_problem(reply, 403, "forbidden", "only administrators see the tokens of others");
        }
        return admin ? 0 : -1;
    }
    return accounts_person(request, reply) ? request->principal->id : -1;
}

enum http_result accounts_tokens_get(struct server *server, struct request *request,
                                     struct reply *reply)
{
    struct err err = { 0 };
    struct store_list list;
    int64_t user = whose(request, reply);
    if (user < 0 || !accounts_page(request, &list, reply)) {
        return HTTP_DONE;
    }
    if (accounts_ops(server)->token_list(server->store, user, &list, &err) < 0) {
        return reply_error(reply, &err);
    }
    const struct store_token *tokens = list.items;
    struct jsonw *w = reply_json(reply, 200);
    jsonw_object(w, NULL);
    jsonw_array(w, "items");
    for (size_t i = 0; i < list.n; i++) {
        write_token(w, &tokens[i], NULL);
    }
    accounts_page_end(w, &list, list.n ? tokens[list.n - 1].id : 0);
    return HTTP_DONE;
}

static bool read_permissions(struct json_object *body, struct reply *reply, unsigned *ret)
{
    struct json_object *array = NULL;
    unsigned may = 0;
    size_t n = json_object_object_get_ex(body, "permissions", &array) &&
                       json_object_is_type(array, json_type_array)
                   ? json_object_array_length(array)
                   : 0;
    for (size_t i = 0; i < n && i < 16; i++) {
        struct json_object *word = json_object_array_get_idx(array, i);
        unsigned one = json_object_is_type(word, json_type_string)
                           ? permission_of(str_of(json_object_get_string(word)))
                           : 0;
        if (!one) {
            may = 0;
            break;
        }
        may |= one;
    }
    if (!may) {
        reply_problem(reply, 422, "bad_member",
                      "`permissions` is a list of read, triage, content, respond, admin, falco");
    }
    *ret = may;
    return may != 0;
}

static bool read_token(struct server *server, struct request *request, struct reply *reply,
                       struct store_token *token)
{
    struct json_object *body = request_json(request, reply);
    int64_t now_ms = server->now_ms();
    token->created_ms = now_ms;
    token->expires_ms = now_ms + TOKEN_DEFAULT_MS;
    if (!body || !request_members_only(request, body, "name permissions expires_ms", reply) ||
        !request_member_text(request, body, "name", true, USER_NAME_MAX, &token->name, reply) ||
        !read_permissions(body, reply, &token->may) ||
        !request_member_number(request, body, "expires_ms", false, now_ms + TOKEN_LEAST_MS,
                               now_ms + TOKEN_MOST_MS, &token->expires_ms, reply)) {
        return false;
    }
    if (token->name.n == 0 || !text_is_plain(token->name)) {
        reply_problem(reply, 422, "bad_name", "`name` is a text that can be read");
        return false;
    }
    return true;
}

/* By the role as the store has it: what the session was let in with may be a moment old. */
static bool may_give(struct server *server, struct request *request, struct reply *reply,
                     struct store_token *token)
{
    struct err err = { 0 };
    struct store_user user;
    if (accounts_ops(server)->user_by_id(server->store, request->principal->id, request->arena,
                                         &user, &err) < 0) {
        reply_error(reply, &err);
        return false;
    }
    token->user = user.id;
    token->user_name = user.name;
    if (token->may & ~role_may_give(user.role)) {
        audit_refused(server, request, "token.create", audit_object(request, "token", token->name));
        reply_problem(reply, 403, "too_much", "a token may not do more than its maker");
        return false;
    }
    return true;
}

enum http_result accounts_tokens_post(struct server *server, struct request *request,
                                      struct reply *reply)
{
    struct err err = { 0 };
    struct store_token token = { 0 };
    struct secret secret;
    if (!accounts_person(request, reply) || !read_token(server, request, reply, &token) ||
        !may_give(server, request, reply, &token)) {
        return HTTP_DONE;
    }
    secret_make("ht_", &secret);
    token.hash = secret.hash;
    struct store_audit audit =
        audit_of(server, request, "token.create", audit_object(request, "token", token.name));
    if (accounts_ops(server)->token_add(server->store, &token, &audit, &err) < 0) {
        return accounts_failed(reply, &err);
    }
    write_token(reply_json(reply, 201), &token, secret.text);
    return HTTP_DONE;
}

enum http_result accounts_token_delete(struct server *server, struct request *request,
                                       struct reply *reply)
{
    struct err err = { 0 };
    int64_t id = 0;
    bool admin = request->principal->may & MAY_ADMIN;
    if ((!admin && !accounts_person(request, reply)) || !accounts_id(request, &id, reply)) {
        return HTTP_DONE;
    }
    struct store_audit audit =
        audit_of(server, request, "token.revoke",
                 audit_object(request, "token", request_param(request, "id")));
    if (accounts_ops(server)->token_revoke(server->store, admin ? 0 : request->principal->id, id,
                                           &audit, &err) < 0) {
        return reply_error(reply, &err);
    }
    struct cache_wish wish = { .kind = PRINCIPAL_TOKEN, .id = id };
    accounts_forget(server, &wish);
    return reply_empty(reply, 204);
}
