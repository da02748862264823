/*
 * Who sends a request: the secret it carries, looked up in the cache, else in the store.
 *
 * The hot path is one hash and one look under the lock. A miss asks the store without the lock; when something was
 * revoked meanwhile, the answer may be old, and the store is asked again. A header with credentials goes before
 * the cookie: who sends both means the header, and then no cross-site request can ride on the cookie.
 */
#include "server/accounts_internal.h"

#include <errno.h>

#define LOAD_TRIES 8

const char *accounts_cookie(const struct request *request)
{
    return request_secure(request) ? "__Host-hinomi_session=" : "hinomi_session=";
}

static struct str cookie_session(const struct request *request)
{
    struct str cookies = request_header(request, "Cookie");
    struct str name = str_of(accounts_cookie(request));
    while (cookies.n > 0) {
        ptrdiff_t end = str_find_char(cookies, ';');
        struct str one = str_trim(end < 0 ? cookies : str_first(cookies, (size_t)end));
        if (str_starts(one, name)) {
            return str_from_offset(one, name.n);
        }
        cookies = end < 0 ? (struct str){ 0 } : str_from_offset(cookies, (size_t)end + 1);
    }
    return cookies;
}

enum credential accounts_credential(const struct request *request, struct str *ret)
{
    struct str header = request_header(request, "Authorization");
    struct str scheme = str_first(header, 7);
    if (header.p) {
        *ret = str_trim(str_from_offset(header, 7));
        bool good = str_ieq(scheme, STR("Bearer ")) &&
                    (secret_looks_right(*ret, "hs_") || secret_looks_right(*ret, "ht_") ||
                     secret_looks_right(*ret, "he_") || secret_looks_right(*ret, "ha_"));
        return good ? CREDENTIAL_BEARER : CREDENTIAL_BAD;
    }
    *ret = cookie_session(request);
    if (ret->n == 0) {
        return CREDENTIAL_NONE;
    }
    return secret_looks_right(*ret, "hs_") ? CREDENTIAL_COOKIE : CREDENTIAL_BAD;
}

void accounts_forget(struct server *server, const struct cache_wish *wish)
{
    struct accounts *accounts = server->accounts;
    pthread_mutex_lock(&accounts->lock);
    cache_forget(&accounts->cache, wish);
    pthread_mutex_unlock(&accounts->lock);
}

uint64_t accounts_generation(const struct server *server)
{
    struct accounts *accounts = server->accounts;
    pthread_mutex_lock(&accounts->lock);
    uint64_t generation = accounts->cache.generation;
    pthread_mutex_unlock(&accounts->lock);
    return generation;
}

/* The entry of that secret, with the lock held; NULL without it. */
static struct identity *look_up(struct server *server, struct str secret, struct identity *storage,
                                int *ret_error)
{
    struct accounts *accounts = server->accounts;
    uint8_t hash[SECRET_HASH];
    secret_hash(secret, hash);
    for (int i = 0; i < LOAD_TRIES; i++) {
        struct err err = { 0 };
        pthread_mutex_lock(&accounts->lock);
        struct identity *found = cache_get(&accounts->cache, hash);
        uint64_t generation = accounts->cache.generation;
        if (found) {
            return found;
        }
        pthread_mutex_unlock(&accounts->lock);
        *ret_error = accounts_load(server, secret, storage, &err);
        if (*ret_error < 0) {
            return NULL;
        }
        memcpy(storage->hash, hash, sizeof(hash));
        pthread_mutex_lock(&accounts->lock);
        found = cache_put(&accounts->cache, storage, generation);
        if (found) {
            return found;
        }
        pthread_mutex_unlock(&accounts->lock);
    }
    *ret_error = -EBUSY;
    return NULL;
}

static bool is_over(const struct identity *identity, int64_t now_ms)
{
    bool idle = identity->kind == PRINCIPAL_USER && now_ms - identity->seen_ms > SESSION_IDLE_MS;
    return idle || (identity->until_ms > 0 && now_ms >= identity->until_ms);
}

static int fill(struct server *server, const struct request *request, struct identity *identity,
                struct principal *ret)
{
    int64_t now_ms = server->now_ms();
    if (is_over(identity, now_ms)) {
        return -EACCES;
    }
    identity->seen_ms = now_ms > identity->seen_ms ? now_ms : identity->seen_ms;
    *ret = (struct principal){
        .kind = identity->kind,
        .id = identity->kind == PRINCIPAL_USER    ? identity->user
              : identity->kind == PRINCIPAL_TOKEN ? identity->id
                                                  : 0,
        .name = arena_str(request->arena, identity_name(identity)),
        .may = identity->may,
    };
    if (!ret->name.p) {
        return -ENOMEM;
    }
    return identity->kind == PRINCIPAL_AGENT ? accounts_instance(server, request, identity) : 0;
}

/* What nobody does by accident is told. */
static void note_refusal(struct server *server, const struct request *request,
                         const struct principal *who)
{
    unsigned wanted = request->route ? request->route->may : 0;
    struct request as = *request;
    as.principal = who;
    if ((who->may & wanted) != wanted) {
        audit_refused(server, &as, "request.forbidden", request->path);
        return;
    }
    struct str id = wanted == MAY_AGENT ? request_param(request, "id") : (struct str){ 0 };
    if (wanted == MAY_AGENT && !str_eq(id, who->name)) {
        audit_refused(server, &as, "agent.impersonate", audit_object(&as, "agent", id));
    }
}

int accounts_identify(struct server *server, const struct request *request, struct principal *ret)
{
    struct str secret;
    struct identity storage;
    int r = 0;
    *ret = (struct principal){ .kind = PRINCIPAL_NOBODY };
    enum credential credential = accounts_credential(request, &secret);
    if (credential == CREDENTIAL_NONE || credential == CREDENTIAL_BAD) {
        return credential == CREDENTIAL_NONE ? 0 : -EACCES;
    }
    struct identity *identity = look_up(server, secret, &storage, &r);
    if (!identity) {
        return r;
    }
    struct principal who;
    r = fill(server, request, identity, &who);
    pthread_mutex_unlock(&server->accounts->lock);
    if (r < 0) {
        return r;
    }
    who.by_cookie = credential == CREDENTIAL_COOKIE;
    *ret = who;
    note_refusal(server, request, ret);
    return 0;
}

int accounts_still(struct server *server, const struct request *request)
{
    struct str secret;
    struct identity storage;
    int r = 0;
    enum credential credential = accounts_credential(request, &secret);
    if (credential == CREDENTIAL_NONE || credential == CREDENTIAL_BAD) {
        return -EACCES;
    }
    const struct identity *identity = look_up(server, secret, &storage, &r);
    if (!identity) {
        return r;
    }
    unsigned wanted = request->route->may;
    bool over = is_over(identity, server->now_ms()) || (identity->may & wanted) != wanted;
    bool agent = identity->kind == PRINCIPAL_AGENT;
    r = over                                        ? -EACCES
        : agent && identity->state == AGENT_REVOKED ? -EKEYREVOKED
        : agent && identity->state == AGENT_CLONED  ? -ENOTUNIQ
                                                    : 0;
    pthread_mutex_unlock(&server->accounts->lock);
    return r;
}

bool accounts_csrf(struct server *server, const struct request *request, struct str token)
{
    struct str secret = cookie_session(request);
    (void)server;
    return secret_looks_right(secret, "hs_") && secret_csrf_ok(secret, token);
}
