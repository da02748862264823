/*
 * Enrolment tokens: what a new agent shows once to get a credential of its own. A token says where its agents
 * belong (cluster, labels), how many there may be, and until when; the answer that makes one has the command to
 * run on the machine, with the fingerprint of this server's CA in it.
 */
#include "server/accounts_internal.h"

#include <errno.h>
#include <stdio.h>

#define ENROL_LEAST_MS   INT64_C(60000)
#define ENROL_MOST_MS    (INT64_C(5) * 366 * 24 * 3600 * 1000)
#define ENROL_DEFAULT_MS (INT64_C(24) * 3600 * 1000)
#define USES_MAX         STORE_AGENTS_MAX
#define FORGET_LEAST_S   600
#define FORGET_MOST_S    (INT64_C(366) * 24 * 3600)
#define COMMAND_MAX      4096
#define TOKEN_FILE       "/etc/hinomi/enrolment"

/* Within single quotes of a shell. */
static void put_quoted(struct buf *buf, struct str text)
{
    buf_putc(buf, '\'');
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '\'') {
            buf_putz(buf, "'\\''");
        } else {
            buf_putc(buf, text.p[i]);
        }
    }
    buf_putc(buf, '\'');
}

static void write_command(struct jsonw *w, const struct server *server, const char *token)
{
    char url_storage[1024];
    const char *ca = accounts_ca_sha256(server);
    struct buf url, command;
    buf_init_fixed(&url, url_storage, sizeof(url_storage));
    buf_init(&command, COMMAND_MAX);
    accounts_url(server, &url);
    buf_putz(&command, "(umask 077 && mkdir -p /etc/hinomi && echo ");
    put_quoted(&command, str_of(token));
    buf_putz(&command,
             " > " TOKEN_FILE ") && HINOMI_SERVER_TOKEN_FILE=" TOKEN_FILE " HINOMI_SERVER_URL=");
    put_quoted(&command, buf_str(&url));
    if (ca) {
        buf_printf(&command, " HINOMI_SERVER_CA_SHA256=%s", ca);
    }
    buf_putz(&command, " hinomi-agent");
    jsonw_strz(w, "token", token);
    jsonw_str(w, "server_url", buf_str(&url));
    jsonw_strz(w, "ca_sha256", ca);
    jsonw_str(w, "command", buf_str(&command));
    buf_done(&command);
}

static const char *state_of(const struct store_enrolment *e, int64_t now_ms)
{
    return e->revoked_ms                               ? "revoked"
           : e->expires_ms <= now_ms                   ? "expired"
           : e->max_uses > 0 && e->uses >= e->max_uses ? "used"
                                                       : "open";
}

static void write_enrolment(struct jsonw *w, const struct server *server,
                            const struct store_enrolment *e)
{
    jsonw_i64(w, "id", e->id);
    jsonw_str(w, "name", e->name);
    jsonw_strz(w, "state", state_of(e, server->now_ms()));
    jsonw_str(w, "cluster", e->cluster);
    jsonw_raw(w, "labels", e->labels.n ? e->labels : STR("{}"));
    jsonw_str(w, "maker", e->maker);
    jsonw_i64(w, "created_ms", e->created_ms);
    jsonw_i64(w, "expires_ms", e->expires_ms);
    if (e->revoked_ms) {
        jsonw_i64(w, "revoked_ms", e->revoked_ms);
    } else {
        jsonw_null(w, "revoked_ms");
    }
    jsonw_i64(w, "max_uses", e->max_uses);
    jsonw_i64(w, "uses", e->uses);
    jsonw_i64(w, "forget_after_s", e->forget_ms / 1000);
}

enum http_result accounts_enrolments_get(struct server *server, struct request *request,
                                         struct reply *reply)
{
    struct err err = { 0 };
    struct store_list list;
    if (!accounts_page(request, &list, reply)) {
        return HTTP_DONE;
    }
    if (accounts_ops(server)->enrolment_list(server->store, &list, &err) < 0) {
        return reply_error(reply, &err);
    }
    const struct store_enrolment *items = list.items;
    struct jsonw *w = reply_json(reply, 200);
    jsonw_object(w, NULL);
    jsonw_array(w, "items");
    for (size_t i = 0; i < list.n; i++) {
        jsonw_object(w, NULL);
        write_enrolment(w, server, &items[i]);
        jsonw_end(w);
    }
    accounts_page_end(w, &list, list.n ? items[list.n - 1].id : 0);
    return HTTP_DONE;
}

enum http_result accounts_enrolment_get(struct server *server, struct request *request,
                                        struct reply *reply)
{
    struct err err = { 0 };
    struct store_enrolment e;
    struct store_list list = { .arena = request->arena, .limit = STORE_PAGE_MAX };
    int64_t id = 0;
    if (!accounts_id(request, &id, reply)) {
        return HTTP_DONE;
    }
    struct store_agent_filter filter = { .enrolment = id };
    if (accounts_ops(server)->enrolment_get(server->store, id, request->arena, &e, &err) < 0 ||
        accounts_ops(server)->agent_list(server->store, &filter, &list, &err) < 0) {
        return reply_error(reply, &err);
    }
    const struct store_agent *agents = list.items;
    struct jsonw *w = reply_json(reply, 200);
    jsonw_object(w, NULL);
    write_enrolment(w, server, &e);
    jsonw_array(w, "agents");
    for (size_t i = 0; i < list.n; i++) {
        jsonw_object(w, NULL);
        jsonw_str(w, "id", agents[i].id);
        jsonw_str(w, "name", agents[i].name);
        jsonw_str(w, "address", agents[i].address);
        jsonw_i64(w, "created_ms", agents[i].created_ms);
        jsonw_end(w);
    }
    jsonw_end(w);
    jsonw_end(w);
    return HTTP_DONE;
}

static bool label_ok(const char *key, struct json_object *value)
{
    struct str name = str_of(key);
    if (!json_object_is_type(value, json_type_string) || name.n == 0 || name.n > LABEL_KEY_MAX) {
        return false;
    }
    struct str text =
        str_from(json_object_get_string(value), (size_t)json_object_get_string_len(value));
    return text.n <= LABEL_VALUE_MAX && text_is_plain(name) && text_is_plain(text);
}

/* As JSON text of ours, in the request's arena. */
static bool read_labels(struct request *request, struct json_object *body, struct reply *reply,
                        struct str *ret)
{
    struct json_object *labels = NULL;
    struct buf buf;
    struct jsonw w = { .buf = &buf };
    if (!json_object_object_get_ex(body, "labels", &labels) || !labels) {
        *ret = STR("{}");
        return true;
    }
    bool good = json_object_is_type(labels, json_type_object) &&
                json_object_object_length(labels) <= LABELS_MAX;
    buf_init(&buf, LABELS_TEXT_MAX);
    jsonw_object(&w, NULL);
    if (good) {
        json_object_object_foreach(labels, key, value)
        {
            good = good && label_ok(key, value);
            jsonw_key(&w, str_of(key));
            jsonw_strz(&w, NULL, good ? json_object_get_string(value) : "");
        }
    }
    jsonw_end(&w);
    *ret = arena_str(request->arena, buf_str(&buf));
    good = good && !buf.failed && ret->p;
    buf_done(&buf);
    if (!good) {
        reply_problem(reply, 422, "bad_member", "`labels` is an object of at most %d short texts",
                      LABELS_MAX);
    }
    return good;
}

static bool read_enrolment(struct server *server, struct request *request, struct reply *reply,
                           struct store_enrolment *e)
{
    struct json_object *body = request_json(request, reply);
    int64_t now_ms = server->now_ms(), forget_s = 0;
    *e = (struct store_enrolment){ .cluster = STR(""),
                                   .maker = request->principal->name,
                                   .created_ms = now_ms,
                                   .expires_ms = now_ms + ENROL_DEFAULT_MS,
                                   .max_uses = 1 };
    if (!body ||
        !request_members_only(request, body,
                              "name cluster labels expires_ms max_uses forget_after_s", reply) ||
        !request_member_text(request, body, "name", true, USER_NAME_MAX, &e->name, reply) ||
        !request_member_text(request, body, "cluster", false, ACCOUNT_TEXT_MAX, &e->cluster,
                             reply) ||
        !request_member_number(request, body, "expires_ms", false, now_ms + ENROL_LEAST_MS,
                               now_ms + ENROL_MOST_MS, &e->expires_ms, reply) ||
        !request_member_number(request, body, "max_uses", false, 0, USES_MAX, &e->max_uses,
                               reply) ||
        !request_member_number(request, body, "forget_after_s", false, 0, FORGET_MOST_S, &forget_s,
                               reply) ||
        !read_labels(request, body, reply, &e->labels)) {
        return false;
    }
    e->forget_ms = forget_s * 1000;
    if (forget_s > 0 && forget_s < FORGET_LEAST_S) {
        reply_problem(reply, 422, "out_of_range", "`forget_after_s` is 0 (never) or at least %d",
                      FORGET_LEAST_S);
        return false;
    }
    if (e->name.n == 0 || !text_is_plain(e->name) || !text_is_plain(e->cluster)) {
        reply_problem(reply, 422, "bad_name", "`name` and `cluster` are texts that can be read");
        return false;
    }
    return true;
}

enum http_result accounts_enrolments_post(struct server *server, struct request *request,
                                          struct reply *reply)
{
    struct err err = { 0 };
    struct store_enrolment e;
    struct secret secret;
    if (!read_enrolment(server, request, reply, &e)) {
        return HTTP_DONE;
    }
    secret_make("he_", &secret);
    e.hash = secret.hash;
    struct store_audit audit =
        audit_of(server, request, "enrolment.create", audit_object(request, "enrolment", e.name));
    if (accounts_ops(server)->enrolment_add(server->store, &e, &audit, &err) < 0) {
        return accounts_failed(reply, &err);
    }
    struct jsonw *w = reply_json(reply, 201);
    jsonw_object(w, NULL);
    write_enrolment(w, server, &e);
    write_command(w, server, secret.text);
    jsonw_end(w);
    return HTTP_DONE;
}

enum http_result accounts_enrolment_delete(struct server *server, struct request *request,
                                           struct reply *reply)
{
    struct err err = { 0 };
    int64_t id = 0;
    if (!accounts_id(request, &id, reply)) {
        return HTTP_DONE;
    }
    struct store_audit audit =
        audit_of(server, request, "enrolment.revoke",
                 audit_object(request, "enrolment", request_param(request, "id")));
    if (accounts_ops(server)->enrolment_revoke(server->store, id, &audit, &err) < 0) {
        return reply_error(reply, &err);
    }
    struct cache_wish wish = { .kind = PRINCIPAL_TOKEN, .id = id };
    accounts_forget(server, &wish);
    return reply_empty(reply, 204);
}
