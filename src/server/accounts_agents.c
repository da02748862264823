/*
 * Agents: enrolling, showing, revoking, accepting after they were cloned, and new credentials for old.
 *
 * A new credential is valid at once. The one before it ends ten minutes after the new one was used first, so that
 * an answer that got lost locks nobody out; if it is never used, a day later.
 */
#include "server/accounts_internal.h"
#include "server/ingest.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>

#define AGENT_ID_RANDOM 8
#define AGENT_ID_LENGTH 17

static void write_agent(struct server *server, struct jsonw *w, const struct store_agent *a)
{
    jsonw_object(w, NULL);
    jsonw_str(w, "id", a->id);
    jsonw_str(w, "name", a->name);
    jsonw_str(w, "state", a->state);
    jsonw_i64(w, "state_ms", a->state_ms);
    jsonw_str(w, "cluster", a->cluster);
    jsonw_raw(w, "labels", a->labels.n ? a->labels : STR("{}"));
    jsonw_str(w, "version", a->version);
    jsonw_str(w, "kernel", a->kernel);
    jsonw_str(w, "hostname", a->hostname);
    jsonw_str(w, "sensor", a->sensor);
    jsonw_str(w, "address", a->address);
    jsonw_i64(w, "enrolment", a->enrolment);
    jsonw_i64(w, "created_ms", a->created_ms);
    jsonw_i64(w, "seen_ms", a->seen_ms);
    jsonw_i64(w, "instance_ms", a->instance_ms);
    ingest_put_health(server, a->id, w);
    jsonw_end(w);
}

enum http_result accounts_agents_get(struct server *server, struct request *request,
                                     struct reply *reply)
{
    struct err err = { 0 };
    struct store_list list;
    struct store_agent_filter filter = { .state = request_query(request, "state") };
    if (!accounts_page(request, &list, reply)) {
        return HTTP_DONE;
    }
    if (accounts_ops(server)->agent_list(server->store, &filter, &list, &err) < 0) {
        return reply_error(reply, &err);
    }
    const struct store_agent *agents = list.items;
    struct jsonw *w = reply_json(reply, 200);
    jsonw_object(w, NULL);
    jsonw_array(w, "items");
    for (size_t i = 0; i < list.n; i++) {
        write_agent(server, w, &agents[i]);
    }
    accounts_page_end(w, &list, list.n ? agents[list.n - 1].row : 0);
    return HTTP_DONE;
}

static enum http_result show(struct server *server, struct request *request, struct reply *reply)
{
    struct err err = { 0 };
    struct store_agent agent;
    if (accounts_ops(server)->agent_get(server->store, request_param(request, "id"), request->arena,
                                        &agent, &err) < 0) {
        return reply_error(reply, &err);
    }
    write_agent(server, reply_json(reply, 200), &agent);
    return HTTP_DONE;
}

enum http_result accounts_agent_get(struct server *server, struct request *request,
                                    struct reply *reply)
{
    return show(server, request, reply);
}

/* Texts that an agent says of itself: short, and shown to people. */
static bool read_text(struct request *request, struct json_object *body, const char *key,
                      struct str *ret, struct reply *reply)
{
    if (!request_member_text(request, body, key, false, ACCOUNT_TEXT_MAX, ret, reply)) {
        return false;
    }
    if (!text_is_plain(*ret)) {
        reply_problem(reply, 422, "bad_member", "`%s` has characters that are not shown", key);
        return false;
    }
    return true;
}

static bool read_agent(struct request *request, struct reply *reply, struct store_agent *a)
{
    struct json_object *body = request_json(request, reply);
    a->name = (struct str){ 0 };
    if (!body ||
        !request_members_only(request, body, "name instance version kernel hostname sensor",
                              reply) ||
        !read_text(request, body, "name", &a->name, reply) ||
        !read_text(request, body, "instance", &a->instance, reply) ||
        !read_text(request, body, "version", &a->version, reply) ||
        !read_text(request, body, "kernel", &a->kernel, reply) ||
        !read_text(request, body, "hostname", &a->hostname, reply) ||
        !read_text(request, body, "sensor", &a->sensor, reply)) {
        return false;
    }
    a->name = a->name.n ? a->name : a->hostname.n ? a->hostname : STR("agent");
    if (a->instance.n != 0 && !accounts_is_instance(a->instance)) {
        reply_problem(reply, 422, "bad_member", "`instance` has 16 digits, 0-9 and a-f");
        return false;
    }
    return true;
}

static void write_enrolled(struct server *server, struct reply *reply, const struct store_agent *a,
                           const struct secret *secret)
{
    char key[64];
    struct buf encoded;
    struct jsonw *w = reply_json(reply, 201);
    buf_init_fixed(&encoded, key, sizeof(key));
    buf_base64(&encoded, str_from(server->accounts->signing.public_key,
                                  sizeof(server->accounts->signing.public_key)));
    jsonw_object(w, NULL);
    jsonw_str(w, "id", a->id);
    jsonw_str(w, "credential", secret_str(secret));
    jsonw_str(w, "sign_key", buf_str(&encoded));
    jsonw_i64(w, "server_time_ms", server->now_ms());
    jsonw_end(w);
}

enum http_result accounts_agents_post(struct server *server, struct request *request,
                                      struct reply *reply)
{
    struct err err = { 0 };
    struct secret secret;
    uint8_t random[AGENT_ID_RANDOM];
    char id[AGENT_ID_LENGTH + 1] = "a", address[ADDRESS_TEXT_MAX];
    struct store_agent agent = { .enrolment = request->principal->id,
                                 .created_ms = server->now_ms() };
    if (!read_agent(request, reply, &agent)) {
        return HTTP_DONE;
    }
    randombytes_buf(random, sizeof(random));
    sodium_bin2hex(id + 1, sizeof(id) - 1, random, sizeof(random));
    secret_make("ha_", &secret);
    accounts_address(request, address);
    agent.id = str_of(id);
    agent.address = str_of(address);
    agent.credential = (struct store_credential){ .hash = secret.hash,
                                                  .agent = agent.id,
                                                  .created_ms = agent.created_ms,
                                                  .used_ms = agent.created_ms };
    struct store_audit audit =
        audit_of(server, request, "agent.enrol", audit_object(request, "agent", agent.id));
    if (accounts_ops(server)->agent_add(server->store, &agent, &audit, &err) < 0) {
        if (err.code == -EKEYEXPIRED) {
            audit_refused(server, request, "agent.enrol", request->principal->name);
        }
        return accounts_failed(reply, &err);
    }
    accounts_tell_agent(server, agent.id, "enrolled");
    write_enrolled(server, reply, &agent, &secret);
    return HTTP_DONE;
}

static enum http_result set_state(struct server *server, struct request *request,
                                  struct reply *reply, const char *action, const char *state)
{
    struct err err = { 0 };
    struct str id = request_param(request, "id");
    struct store_audit audit =
        audit_of(server, request, action, audit_object(request, "agent", id));
    if (accounts_ops(server)->agent_state(server->store, id, str_of(state), &audit, &err) < 0) {
        return reply_error(reply, &err);
    }
    accounts_tell_agent(server, id, state);
    return show(server, request, reply);
}

enum http_result accounts_agent_revoke(struct server *server, struct request *request,
                                       struct reply *reply)
{
    return set_state(server, request, reply, "agent.revoke", "revoked");
}

enum http_result accounts_agent_accept(struct server *server, struct request *request,
                                       struct reply *reply)
{
    return set_state(server, request, reply, "agent.accept", "active");
}

enum http_result accounts_agent_delete(struct server *server, struct request *request,
                                       struct reply *reply)
{
    struct err err = { 0 };
    struct str id = request_param(request, "id");
    struct store_audit audit =
        audit_of(server, request, "agent.delete", audit_object(request, "agent", id));
    if (accounts_ops(server)->agent_remove(server->store, id, &audit, &err) < 0) {
        return reply_error(reply, &err);
    }
    accounts_tell_agent(server, id, "deleted");
    return reply_empty(reply, 204);
}

enum http_result accounts_agent_self(struct server *server, struct request *request,
                                     struct reply *reply)
{
    struct err err = { 0 };
    struct store_agent agent;
    struct str secret;
    uint8_t hash[SECRET_HASH];
    accounts_credential(request, &secret);
    secret_hash(secret, hash);
    if (accounts_ops(server)->agent_find(server->store, hash, request->arena, &agent, &err) < 0) {
        return reply_error(reply, &err);
    }
    struct jsonw *w = reply_json(reply, 200);
    jsonw_object(w, NULL);
    jsonw_str(w, "id", agent.id);
    jsonw_str(w, "name", agent.name);
    jsonw_str(w, "cluster", agent.cluster);
    jsonw_raw(w, "labels", agent.labels.n ? agent.labels : STR("{}"));
    jsonw_i64(w, "created_ms", agent.credential.created_ms);
    if (agent.credential.until_ms) {
        jsonw_i64(w, "until_ms", agent.credential.until_ms);
    } else {
        jsonw_null(w, "until_ms");
    }
    jsonw_end(w);
    return HTTP_DONE;
}

enum http_result accounts_agent_credential(struct server *server, struct request *request,
                                           struct reply *reply)
{
    struct err err = { 0 };
    struct secret secret;
    struct str id = request->principal->name;
    int64_t now_ms = server->now_ms();
    secret_make("ha_", &secret);
    struct store_credential credential = { .hash = secret.hash, .agent = id, .created_ms = now_ms };
    struct store_audit audit =
        audit_of(server, request, "agent.credential", audit_object(request, "agent", id));
    if (accounts_ops(server)->credential_add(server->store, &credential,
                                             now_ms + CREDENTIAL_LATE_MS, &audit, &err) < 0) {
        return accounts_failed(reply, &err);
    }
    struct cache_wish wish = { .kind = PRINCIPAL_AGENT, .name = id };
    accounts_forget(server, &wish);
    struct jsonw *w = reply_json(reply, 201);
    jsonw_object(w, NULL);
    jsonw_str(w, "credential", secret_str(&secret));
    jsonw_i64(w, "old_until_ms", now_ms + CREDENTIAL_LATE_MS);
    jsonw_end(w);
    return HTTP_DONE;
}
