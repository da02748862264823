/*
 * Clones: two processes that live at the same time with the credential of one agent.
 *
 * Each process names itself anew when it starts (Hinomi-Instance). One that is followed by another and does not
 * come back has been restarted. One that comes back after another spoke was alive all the time: from then on
 * nobody is believed until an administrator has decided. A request that a process sent just before its end may
 * be read after those of its successor; so for a moment who comes back is refused and no more.
 *
 * The names live in the store with the agent, so neither a restart of the server nor a rotated credential hides
 * a clone.
 */
#include "server/accounts_internal.h"

#include "base/log.h"

#include <errno.h>
#include <stdio.h>

bool accounts_is_instance(struct str text)
{
    for (size_t i = 0; i < text.n; i++) {
        if (!memchr("0123456789abcdef", text.p[i], 16)) {
            return false;
        }
    }
    return text.n == INSTANCE_LEN;
}

static bool was_before(const struct identity *identity, struct str instance)
{
    return str_find(str_of(identity->before), instance) >= 0;
}

static void tell(struct server *server, struct str id, const char *state)
{
    char storage[128];
    struct buf line;
    struct jsonw w = { .buf = &line };
    buf_init_fixed(&line, storage, sizeof(storage));
    jsonw_object(&w, NULL);
    jsonw_str(&w, "id", id);
    jsonw_strz(&w, "state", state);
    jsonw_end(&w);
    if (server->hub) {
        hub_publish(server->hub, HUB_AGENT, buf_str(&line));
    }
}

void accounts_tell_agent(struct server *server, struct str id, const char *state)
{
    struct cache_wish wish = { .kind = PRINCIPAL_AGENT, .name = id };
    accounts_forget(server, &wish);
    tell(server, id, state);
}

static int mark_cloned(struct server *server, const struct request *request, struct str id)
{
    struct err err = { 0 };
    struct principal agent = { .kind = PRINCIPAL_AGENT, .name = id };
    struct request as = *request;
    as.principal = &agent;
    struct store_audit audit =
        audit_of(server, &as, "agent.cloned", audit_object(&as, "agent", id));
    audit.result = STR("refused");
    if (accounts_ops(server)->agent_state(server->store, id, STR("cloned"), &audit, &err) < 0) {
        log_error("agent %.*s is used twice, but this could not be noted: %s", STR_ARG(id),
                  err.message);
    }
    accounts_tell_agent(server, id, "cloned");
    return -ENOTUNIQ;
}

static void follow(struct server *server, const struct identity *before, struct str instance)
{
    struct err err = { 0 };
    char earlier[sizeof(before->before)];
    struct buf list;
    buf_init_fixed(&list, earlier, sizeof(earlier));
    if (before->instance[0]) {
        buf_printf(&list, "%s ", before->instance);
    }
    size_t kept = (size_t)INSTANCES_MAX * (INSTANCE_LEN + 1) - list.n;
    buf_puts(&list, str_first(str_of(before->before), kept));
    struct store_agent agent = { .id = identity_name(before),
                                 .instance = instance,
                                 .instance_ms = server->now_ms(),
                                 .before = buf_str(&list) };
    if (accounts_ops(server)->agent_instance(server->store, &agent, &err) < 0) {
        log_warning("agent %.*s: its restart could not be noted: %s", STR_ARG(agent.id),
                    err.message);
    }
}

static void first_use(struct server *server, const struct identity *identity)
{
    struct err err = { 0 };
    int64_t now_ms = server->now_ms();
    struct store_credential credential = { .hash = identity->hash,
                                           .agent = identity_name(identity) };
    if (accounts_ops(server)->credential_used(server->store, &credential, now_ms,
                                              now_ms + CREDENTIAL_OLD_MS, &err) < 0) {
        log_warning("agent %.*s: its new credential could not be noted: %s",
                    STR_ARG(credential.agent), err.message);
    }
}

/* With the lock given up; everything known of the agent is then asked for anew. */
static int changed(struct server *server, const struct request *request, const struct identity *was,
                   struct str instance)
{
    struct str id = identity_name(was);
    struct cache_wish wish = { .kind = PRINCIPAL_AGENT, .name = id };
    if (was->unused_credential) {
        first_use(server, was);
    }
    if (!str_eqz(instance, was->instance)) {
        int64_t since_ms = server->now_ms() - was->instance_ms;
        if (was_before(was, instance)) {
            return since_ms >= 0 && since_ms < INSTANCE_GRACE_MS ? -ENOTUNIQ
                                                                 : mark_cloned(server, request, id);
        }
        follow(server, was, instance);
    }
    accounts_forget(server, &wish);
    return 0;
}

int accounts_instance(struct server *server, const struct request *request,
                      struct identity *identity)
{
    if (identity->state != AGENT_ACTIVE) {
        return identity->state == AGENT_REVOKED ? -EKEYREVOKED : -ENOTUNIQ;
    }
    struct str instance = request_header(request, "Hinomi-Instance");
    if (!accounts_is_instance(instance)) {
        return -EBADMSG;
    }
    if (str_eqz(instance, identity->instance) && !identity->unused_credential) {
        return 0;
    }
    struct identity was = *identity;
    pthread_mutex_unlock(&server->accounts->lock);
    int r = changed(server, request, &was, instance);
    pthread_mutex_lock(&server->accounts->lock);
    return r;
}
