/*
 * What the store knows of a secret, as an entry of the cache. The prefix says where to ask, nothing more: what
 * somebody may do comes from the row, and of a session or token never beyond what its owner may do now.
 */
#include "server/accounts_internal.h"

#include <errno.h>
#include <stdio.h>

#define LOAD_MEMORY 65536

static void set_name(struct identity *identity, struct str a, const char *between, struct str b)
{
    struct buf name;
    buf_init_fixed(&name, identity->name, sizeof(identity->name));
    buf_puts(&name, str_first(a, USER_NAME_MAX));
    buf_putz(&name, between);
    buf_puts(&name, str_first(b, CACHE_NAME_MAX - USER_NAME_MAX - 1));
    identity->name_length = (uint8_t)name.n;
}

static int load_session(struct server *server, const uint8_t *hash, struct arena *arena,
                        struct identity *ret, struct err *err)
{
    struct store_session session;
    int r = accounts_ops(server)->session_find(server->store, hash, arena, &session, err);
    if (r < 0 || session.owner.disabled || !secret_hash_equal(session.hash, hash)) {
        return r < 0 && r != -ENOENT ? r : -EACCES;
    }
    *ret = (struct identity){ .kind = PRINCIPAL_USER,
                              .may = role_may(session.owner.role),
                              .id = session.id,
                              .user = session.user,
                              .until_ms = session.created_ms + SESSION_MOST_MS,
                              .seen_ms = session.seen_ms,
                              .noted_ms = session.seen_ms };
    set_name(ret, session.owner.name, "", (struct str){ 0 });
    return 0;
}

static int load_token(struct server *server, const uint8_t *hash, struct arena *arena,
                      struct identity *ret, struct err *err)
{
    struct store_token token;
    int r = accounts_ops(server)->token_find(server->store, hash, arena, &token, err);
    if (r < 0 || token.owner.disabled || token.revoked_ms || !secret_hash_equal(token.hash, hash)) {
        return r < 0 && r != -ENOENT ? r : -EACCES;
    }
    unsigned may = token.may & role_may_give(token.owner.role);
    *ret = (struct identity){ .kind = PRINCIPAL_TOKEN,
                              .may = may | (may & MAY_READ ? MAY_SELF : 0),
                              .id = token.id,
                              .user = token.user,
                              .until_ms = token.expires_ms,
                              .seen_ms = token.seen_ms,
                              .noted_ms = token.seen_ms };
    set_name(ret, token.owner.name, "/", token.name);
    return 0;
}

/* How often it may still be used is counted by the store when it is. It is not noted as seen. */
static int load_enrolment(struct server *server, const uint8_t *hash, struct arena *arena,
                          struct identity *ret, struct err *err)
{
    struct store_enrolment e;
    int r = accounts_ops(server)->enrolment_find(server->store, hash, arena, &e, err);
    bool used_up = r == 0 && e.max_uses > 0 && e.uses >= e.max_uses;
    if (r < 0 || e.revoked_ms || used_up || !secret_hash_equal(e.hash, hash)) {
        return r < 0 && r != -ENOENT ? r : -EACCES;
    }
    *ret = (struct identity){ .kind = PRINCIPAL_TOKEN,
                              .may = MAY_ENROL,
                              .id = e.id,
                              .until_ms = e.expires_ms,
                              .seen_ms = INT64_MAX,
                              .noted_ms = INT64_MAX };
    set_name(ret, STR("enrolment"), "/", e.name);
    return 0;
}

static enum agent_state state_of(struct str state)
{
    return str_eq(state, STR("active"))    ? AGENT_ACTIVE
           : str_eq(state, STR("revoked")) ? AGENT_REVOKED
                                           : AGENT_CLONED;
}

static int load_agent(struct server *server, const uint8_t *hash, struct arena *arena,
                      struct identity *ret, struct err *err)
{
    struct store_agent agent;
    int r = accounts_ops(server)->agent_find(server->store, hash, arena, &agent, err);
    if (r < 0 || !secret_hash_equal(agent.credential.hash, hash)) {
        return r < 0 && r != -ENOENT ? r : -EACCES;
    }
    *ret = (struct identity){ .kind = PRINCIPAL_AGENT,
                              .may = MAY_AGENT,
                              .id = agent.row,
                              .until_ms = agent.credential.until_ms,
                              .seen_ms = agent.seen_ms,
                              .noted_ms = agent.seen_ms,
                              .unused_credential = agent.credential.used_ms == 0,
                              .state = state_of(agent.state),
                              .instance_ms = agent.instance_ms };
    set_name(ret, agent.id, "", (struct str){ 0 });
    snprintf(ret->instance, sizeof(ret->instance), "%.*s", STR_ARG(agent.instance));
    snprintf(ret->before, sizeof(ret->before), "%.*s", STR_ARG(agent.before));
    return 0;
}

int accounts_load(struct server *server, struct str secret, struct identity *ret, struct err *err)
{
    struct arena arena;
    uint8_t hash[SECRET_HASH];
    int r = -EACCES;
    arena_init(&arena, LOAD_MEMORY);
    secret_hash(secret, hash);
    switch (secret.p[1]) {
    case 's':
        r = load_session(server, hash, &arena, ret, err);
        break;
    case 't':
        r = load_token(server, hash, &arena, ret, err);
        break;
    case 'e':
        r = load_enrolment(server, hash, &arena, ret, err);
        break;
    case 'a':
        r = load_agent(server, hash, &arena, ret, err);
        break;
    default:
        break;
    }
    arena_done(&arena);
    return r;
}
