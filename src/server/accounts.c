/*
 * accounts: the module: its state, its routes, and what it does by the clock.
 *
 * Each second it looks whether what was used lately has to be told to the store (once a minute, in one
 * transaction), and whether what is over has to go (every ten minutes).
 */
#include "server/accounts_internal.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "server/bell.h"
#include "server/config.h"

#include <errno.h>
#include <stdlib.h>

#define R(METHOD, PATH, MAY, HANDLER, TAG, SUMMARY)                                                \
    .method = HTTP_##METHOD, .path = (PATH), .may = (MAY), .handle = accounts_##HANDLER,           \
    .tag = (TAG), .summary = (SUMMARY)

static const struct route routes[] = {
    { R(GET, "/v1/setup", MAY_ANYONE, setup_get, "session", "Whether the first user is wanted"),
      .answer = "setup" },
    { R(POST, "/v1/setup", MAY_ANYONE, setup_post, "session", "Make the first administrator"),
      .body = "setup-new", .answer = "session-new", .body_max = 8192 },
    { R(POST, "/v1/session", MAY_ANYONE, session_post, "session", "Log in"), .body = "login",
      .answer = "session-new", .body_max = 8192 },
    { R(GET, "/v1/session", MAY_SELF, session_get, "session", "The session of this request"),
      .answer = "session" },
    { R(DELETE, "/v1/session", MAY_SELF, session_delete, "session", "Log out") },
    { R(GET, "/v1/sessions", MAY_SELF, sessions_get, "session", "One's own sessions"),
      .answer = "sessions" },
    { R(DELETE, "/v1/sessions/{id}", MAY_SELF, sessions_delete, "session",
        "End one of one's own sessions") },
    { R(GET, "/v1/me", MAY_SELF, me_get, "session", "Who one is, and may"), .answer = "me" },
    { R(PATCH, "/v1/me", MAY_SELF, me_patch, "session",
        "Change one's settings, or the password (which begins a new session)"),
      .body = "me-change", .answer = "me", .body_max = 8192 },
    { R(GET, "/v1/users", MAY_READ, users_get, "users", "Users"), .query = "limit cursor",
      .answer = "users" },
    { R(POST, "/v1/users", MAY_ADMIN, users_post, "users", "Make a user"), .body = "user-new",
      .answer = "user", .body_max = 8192 },
    { R(GET, "/v1/users/{name}", MAY_ADMIN, user_get, "users", "One user"), .answer = "user" },
    { R(PATCH, "/v1/users/{name}", MAY_ADMIN, user_patch, "users",
        "Change a user's role, state or password"),
      .body = "user-change", .answer = "user", .body_max = 8192 },
    { R(DELETE, "/v1/users/{name}", MAY_ADMIN, user_delete, "users",
        "Remove a user with all its sessions and tokens") },
    { R(GET, "/v1/users/{name}/sessions", MAY_ADMIN, user_sessions_get, "users",
        "The sessions of a user"),
      .answer = "sessions" },
    { R(DELETE, "/v1/users/{name}/sessions", MAY_ADMIN, user_sessions_delete, "users",
        "End all sessions of a user") },
    { R(GET, "/v1/tokens", MAY_SELF, tokens_get, "tokens",
        "One's own API tokens; for administrators with all=true everybody's"),
      .query = "limit cursor all", .answer = "tokens" },
    { R(POST, "/v1/tokens", MAY_SELF, tokens_post, "tokens", "Make an API token"),
      .body = "token-new", .answer = "token" },
    { R(DELETE, "/v1/tokens/{id}", MAY_SELF, token_delete, "tokens", "Revoke an API token") },
    { R(GET, "/v1/enrolments", MAY_ADMIN, enrolments_get, "agents", "Enrolment tokens"),
      .query = "limit cursor", .answer = "enrolments" },
    { R(POST, "/v1/enrolments", MAY_ADMIN, enrolments_post, "agents",
        "Make an enrolment token, with the command that uses it"),
      .body = "enrolment-new", .answer = "enrolment-made" },
    { R(GET, "/v1/enrolments/{id}", MAY_ADMIN, enrolment_get, "agents",
        "One enrolment token, and who used it"),
      .answer = "enrolment" },
    { R(DELETE, "/v1/enrolments/{id}", MAY_ADMIN, enrolment_delete, "agents",
        "Revoke an enrolment token") },
    { R(GET, "/v1/agents", MAY_READ, agents_get, "agents", "Agents"), .query = "limit cursor state",
      .answer = "agents" },
    { R(POST, "/v1/agents", MAY_ENROL, agents_post, "agents",
        "Enrol: an agent gets an id and a credential"),
      .body = "agent-new", .answer = "agent-made", .body_max = 8192 },
    { R(GET, "/v1/agents/{id}", MAY_READ, agent_get, "agents", "One agent"), .answer = "agent" },
    { R(DELETE, "/v1/agents/{id}", MAY_ADMIN, agent_delete, "agents",
        "Remove an agent; its credentials end") },
    { R(POST, "/v1/agents/{id}/revoke", MAY_ADMIN, agent_revoke, "agents",
        "Believe nothing from an agent any more"),
      .answer = "agent" },
    { R(POST, "/v1/agents/{id}/accept", MAY_ADMIN, agent_accept, "agents",
        "Believe a cloned or revoked agent again"),
      .answer = "agent" },
    { R(GET, "/v1/agents/{id}/credential", MAY_AGENT, agent_self, "agents",
        "An agent about itself: where it belongs, and until when its credential counts"),
      .answer = "agent-self" },
    { R(POST, "/v1/agents/{id}/credential", MAY_AGENT, agent_credential, "agents",
        "A new credential; the old one ends soon after the new one is used"),
      .answer = "agent-credential" },
    { R(GET, "/v1/audit", MAY_ADMIN, audit_get, "audit", "What was done, the newest first"),
      .query = "limit cursor actor action object result from_ms to_ms", .answer = "audit" },
    { R(GET, "/v1/audit/export", MAY_ADMIN, audit_export, "audit",
        "The audit log as NDJSON or CSV"),
      .query = "format actor action object result from_ms to_ms" },
};

static void free_accounts(struct accounts *accounts)
{
    if (accounts) {
        hasher_free(accounts->hasher);
        bell_free(accounts->bell);
        cache_done(&accounts->cache);
        throttle_done(&accounts->names);
        throttle_done(&accounts->addresses);
        pthread_mutex_destroy(&accounts->lock);
        free(accounts);
    }
}

CLEANUP_DEFINE(struct accounts, free_accounts);

static int make(struct accounts **ret, struct err *err)
{
    static const struct throttle_rule names = { .free = 5, .most_ms = 60000, .forget_ms = 900000 };
    static const struct throttle_rule addresses = { .free = 20,
                                                    .most_ms = 900000,
                                                    .forget_ms = 1800000 };
    CLEANUP(cleanup_free_accounts) struct accounts *accounts = mem_zalloc(sizeof(*accounts));
    if (!accounts) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    pthread_mutex_init(&accounts->lock, NULL);
    if (cache_init(&accounts->cache) < 0 || throttle_init(&accounts->names, &names) < 0 ||
        throttle_init(&accounts->addresses, &addresses) < 0 || bell_new(&accounts->bell) < 0) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    int r = hasher_new(accounts->bell, &accounts->hasher, err);
    if (r == 0) {
        *ret = TAKE(accounts);
    }
    return r;
}

static void stop(struct server *server);

static int start(struct server *server, struct err *err)
{
    int r = make(&server->accounts, err);
    if (r < 0) {
        return r;
    }
    server->accounts->server = server;
    r = signing_load(server_config(server)->dir, &server->accounts->signing, err);
    r = r < 0 ? r : accounts_setup_open(server, err);
    if (r < 0) {
        stop(server);
    }
    return r;
}

static void note_seen(struct server *server)
{
    struct err err = { 0 };
    struct accounts *accounts = server->accounts;
    struct store_seen *items = mem_resize(NULL, SEEN_NOTED_MAX, sizeof(*items));
    size_t n = SEEN_NOTED_MAX;
    while (items && n == SEEN_NOTED_MAX) {
        pthread_mutex_lock(&accounts->lock);
        n = cache_seen(&accounts->cache, items, SEEN_NOTED_MAX);
        pthread_mutex_unlock(&accounts->lock);
        if (accounts_ops(server)->seen(server->store, items, n, &err) < 0) {
            log_warning("who was seen lately could not be noted: %s", err.message);
            break;
        }
    }
    free(items);
}

static void expire(struct server *server)
{
    struct err err = { 0 };
    int64_t now_ms = server->now_ms();
    struct store_expire what = { .sessions_seen_ms = now_ms - SESSION_IDLE_MS,
                                 .sessions_created_ms = now_ms - SESSION_MOST_MS,
                                 .now_ms = now_ms };
    if (accounts_ops(server)->expire(server->store, &what, &err) < 0) {
        log_warning("accounts that are over could not be removed: %s", err.message);
    }
    struct cache_wish agents = { .kind = PRINCIPAL_AGENT };
    accounts_forget(server, &agents);
}

static bool is_time(int64_t *last_ms, int64_t now_ms, int64_t every_ms)
{
    bool due = now_ms < *last_ms || now_ms - *last_ms >= every_ms;
    if (due) {
        *last_ms = now_ms;
    }
    return due;
}

static void tick(struct server *server)
{
    struct accounts *accounts = server->accounts;
    int64_t now_ms = server->now_ms();
    audit_tick(server);
    if (is_time(&accounts->noted_ms, now_ms, SEEN_NOTED_MS)) {
        note_seen(server);
    }
    if (is_time(&accounts->expired_ms, now_ms, EXPIRE_MS)) {
        expire(server);
    }
}

static void stop(struct server *server)
{
    if (server->accounts) {
        note_seen(server);
        free_accounts(server->accounts);
        server->accounts = NULL;
    }
}

const struct signing *accounts_signing(const struct server *server)
{
    return server->accounts ? &server->accounts->signing : NULL;
}

const struct server_module accounts_module = {
    .name = "accounts",
    .routes = routes,
    .nroutes = sizeof(routes) / sizeof(routes[0]),
    .start = start,
    .tick = tick,
    .stop = stop,
};
