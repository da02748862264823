/*
 * accounts_internal: the state of the accounts, and what its files share.
 *
 * `lock` guards the cache, the throttles and the counts of refusals, and is not held while the store works.
 */
#pragma once

#include "server/accounts.h"
#include "server/accounts_cache.h"
#include "server/accounts_hash.h"
#include "server/accounts_names.h"
#include "server/accounts_secret.h"
#include "server/accounts_throttle.h"
#include "server/audit.h"
#include "server/server.h"
#include "server/signing.h"

#include <limits.h>
#include <pthread.h>

#define SESSION_IDLE_MS    (INT64_C(12) * 3600 * 1000)
#define SESSION_MOST_MS    (INT64_C(7) * 24 * 3600 * 1000)
#define SETUP_MS           (INT64_C(24) * 3600 * 1000)
#define SEEN_NOTED_MS      60000 /* what was used is told to the store so often */
#define SEEN_NOTED_MAX     1024  /* at once */
#define EXPIRE_MS          600000
#define INSTANCE_GRACE_MS  2000     /* a request of a process that just ended may come late */
#define CREDENTIAL_OLD_MS  600000   /* after the first use of the new one */
#define CREDENTIAL_LATE_MS 86400000 /* if the new one is never used */
#define ADDRESS_TEXT_MAX   48
#define REFUSALS_MAX       256  /* kinds and addresses counted in one minute */
#define SUCCESSES_MAX      4096 /* who did what, counted in one minute */
#define TRUSTED_MAX        1024
#define PAGE_DEFAULT       100

struct refusal {
    uint64_t key; /* 0: free */
    unsigned n;
};

struct accounts {
    struct server *server;
    pthread_mutex_t lock;
    struct cache cache;
    struct throttle names, addresses;
    uint64_t trusted[TRUSTED_MAX]; /* names with addresses that they logged in from */
    size_t ntrusted;
    struct refusal refusals[REFUSALS_MAX];
    struct refusal successes[SUCCESSES_MAX];
    int64_t counted_ms; /* since when they are */
    uint64_t refusals_left_out, successes_left_out;
    struct bell *bell;
    struct hasher *hasher;
    struct signing signing;
    bool setup_open, setup_again; /* again: there are users */
    uint8_t setup_hash[SECRET_HASH];
    int64_t setup_until_ms;
    char setup_path[PATH_MAX];
    int64_t noted_ms, expired_ms;
};

static inline const struct store_accounts_ops *accounts_ops(const struct server *server)
{
    return server->store->accounts;
}

/* accounts_identify.c */
enum credential { CREDENTIAL_NONE, CREDENTIAL_BAD, CREDENTIAL_BEARER, CREDENTIAL_COOKIE };
/* "NAME=" of the session's cookie. Over TLS a name that browsers take from this host alone: a host beside it, or somebody
 * on the way who answers for one, cannot set it. */
const char *accounts_cookie(const struct request *request);
enum credential accounts_credential(const struct request *request, struct str *ret);
/* Forgets what the wish matches: after the store took the change, before the answer. */
void accounts_forget(struct server *server, const struct cache_wish *wish);
/* accounts_load.c: asks the store whose secret this is. -EACCES: nobody's, or over. */
int accounts_load(struct server *server, struct str secret, struct identity *ret, struct err *err);

/* accounts_instance.c: a process of an agent spoke. The lock is held, but given up while the store works: the
 * entry is not to be looked at afterwards. 0, -EBADMSG, -EKEYREVOKED, -ENOTUNIQ. */
int accounts_instance(struct server *server, const struct request *request,
                      struct identity *identity);
bool accounts_is_instance(struct str text);
/* What was known of the agent is forgotten, and the hub told its state. */
void accounts_tell_agent(struct server *server, struct str id, const char *state);

/* accounts_people.c */
/* The client's address as text, and its hash for counting: of IPv6 the /64. */
void accounts_address(const struct request *request, char ret[ADDRESS_TEXT_MAX]);
uint64_t accounts_address_key(const struct request *request);
/* Whoever is logged in as a person. False: the reply says that tokens may not. */
bool accounts_person(const struct request *request, struct reply *reply);
/* The reply to an error of the store. */
enum http_result accounts_failed(struct reply *reply, const struct err *err);
/* `limit` and `cursor` of the query. */
bool accounts_page(struct request *request, struct store_list *ret, struct reply *reply);
/* "next" and, unless negative, "total"; ends the object. */
void accounts_page_end(struct jsonw *w, const struct store_list *list, int64_t last);
bool accounts_id(struct request *request, int64_t *ret, struct reply *reply); /* {id} as a number */

/* accounts_session.c: a new session for the user; sets the cookie or writes the token. The body is the same
 * for all who make one. */
struct login {
    struct store_user user;
    bool cookie;
    struct str program;
};
enum http_result accounts_begin_session(struct server *server, struct request *request,
                                        struct reply *reply, const struct login *login);
/* Its members, within an object. */
void accounts_write_user(struct jsonw *w, const struct store_user *user);

/* accounts_url.c: the SHA-256 of its own CA, NULL: it has none. */
const char *accounts_ca_sha256(const struct server *server);

/* accounts_setup.c */
int accounts_setup_open(struct server *server, struct err *err);

/* Handlers of the routes. */
#define ACCOUNTS_HANDLER(name)                                                                     \
    enum http_result accounts_##name(struct server *server, struct request *request,               \
                                     struct reply *reply)
ACCOUNTS_HANDLER(setup_get);
ACCOUNTS_HANDLER(setup_post);
ACCOUNTS_HANDLER(session_get);
ACCOUNTS_HANDLER(session_post);
ACCOUNTS_HANDLER(session_delete);
ACCOUNTS_HANDLER(sessions_get);
ACCOUNTS_HANDLER(sessions_delete);
ACCOUNTS_HANDLER(user_sessions_get);
ACCOUNTS_HANDLER(user_sessions_delete);
ACCOUNTS_HANDLER(me_get);
ACCOUNTS_HANDLER(me_patch);
ACCOUNTS_HANDLER(users_get);
ACCOUNTS_HANDLER(users_post);
ACCOUNTS_HANDLER(user_get);
ACCOUNTS_HANDLER(user_patch);
ACCOUNTS_HANDLER(user_delete);
ACCOUNTS_HANDLER(tokens_get);
ACCOUNTS_HANDLER(tokens_post);
ACCOUNTS_HANDLER(token_delete);
ACCOUNTS_HANDLER(enrolments_get);
ACCOUNTS_HANDLER(enrolments_post);
ACCOUNTS_HANDLER(enrolment_get);
ACCOUNTS_HANDLER(enrolment_delete);
ACCOUNTS_HANDLER(agents_get);
ACCOUNTS_HANDLER(agents_post);
ACCOUNTS_HANDLER(agent_get);
ACCOUNTS_HANDLER(agent_delete);
ACCOUNTS_HANDLER(agent_revoke);
ACCOUNTS_HANDLER(agent_accept);
ACCOUNTS_HANDLER(agent_self);
ACCOUNTS_HANDLER(agent_credential);
ACCOUNTS_HANDLER(audit_get);
ACCOUNTS_HANDLER(audit_export);
