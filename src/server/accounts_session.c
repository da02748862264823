/*
 * Logging in and out.
 *
 * A log-in tells nobody whether a name exists: an unknown, a disabled and a known user take the same path, the same
 * hash of the same cost, and get the same answer. Failures are counted by name and by client address. A name
 * that somebody else attacks stays open for the addresses that its owner logged in from.
 *
 * A session is always a new secret, whatever the request carried; it goes into the cookie, which no script reads,
 * or, for programs that ask for it ("cookie": false), into the answer.
 */
#include "server/accounts_internal.h"

#include <errno.h>
#include <stdio.h>

#define PROGRAM_MAX 200
#define COOKIE_MAX  256

struct attempt {
    struct hash_job job;
    struct str name;
    struct login login;
    uint64_t name_key, address_key;
    bool exists, known; /* a user of that name; one that may log in */
};

void accounts_write_user(struct jsonw *w, const struct store_user *user)
{
    jsonw_str(w, "name", user->name);
    jsonw_str(w, "display_name", user->display_name);
    jsonw_str(w, "role", user->role);
    jsonw_str(w, "language", user->language);
    jsonw_str(w, "theme", user->theme);
    jsonw_str(w, "time_zone", user->time_zone);
}

static void set_cookie(const struct request *request, struct reply *reply, const char *secret,
                       int64_t seconds)
{
    char text[COOKIE_MAX];
    snprintf(text, sizeof(text), "%s%s; Path=/; HttpOnly; SameSite=Strict; Max-Age=%lld%s",
             accounts_cookie(request), secret, (long long)seconds,
             request_secure(request) ? "; Secure" : "");
    reply_header(reply, "Set-Cookie", str_of(text));
}

static struct str program_of(const struct request *request)
{
    struct str program = request_header(request, "User-Agent");
    return text_is_plain(program) ? str_first(program, PROGRAM_MAX) : STR("?");
}

static void write_session(struct reply *reply, const struct login *login,
                          const struct store_session *session, const struct secret *secret)
{
    char csrf[CSRF_LENGTH + 1];
    struct jsonw *w = reply_json(reply, 201);
    secret_csrf(secret_str(secret), csrf);
    jsonw_object(w, NULL);
    jsonw_i64(w, "id", session->id);
    if (login->cookie) {
        jsonw_strz(w, "csrf", csrf);
    } else {
        jsonw_str(w, "token", secret_str(secret));
    }
    jsonw_i64(w, "expires_ms", session->created_ms + SESSION_MOST_MS);
    jsonw_object(w, "user");
    accounts_write_user(w, &login->user);
    jsonw_end(w);
    jsonw_end(w);
}

enum http_result accounts_begin_session(struct server *server, struct request *request,
                                        struct reply *reply, const struct login *login)
{
    struct err err = { 0 };
    struct secret secret;
    char address[ADDRESS_TEXT_MAX];
    struct principal who = { .kind = PRINCIPAL_USER,
                             .id = login->user.id,
                             .name = login->user.name };
    struct request as = *request;
    as.principal = &who;
    secret_make("hs_", &secret);
    accounts_address(request, address);
    struct store_session session = { .user = login->user.id,
                                     .hash = secret.hash,
                                     .created_ms = server->now_ms(),
                                     .seen_ms = server->now_ms(),
                                     .address = str_of(address),
                                     .program = program_of(request) };
    struct store_audit audit =
        audit_of(server, &as, "session.create", audit_object(&as, "user", login->user.name));
    if (accounts_ops(server)->session_add(server->store, &session, &audit, &err) < 0) {
        return accounts_failed(reply, &err);
    }
    if (login->cookie) {
        set_cookie(request, reply, secret.text, SESSION_MOST_MS / 1000);
    }
    write_session(reply, login, &session, &secret);
    return HTTP_DONE;
}

static uint64_t lower_hash(struct str name)
{
    char lower[USER_NAME_MAX];
    size_t n = name.n < sizeof(lower) ? name.n : sizeof(lower);
    for (size_t i = 0; i < n; i++) {
        char c = name.p[i];
        lower[i] = c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
    }
    return str_hash(str_from(lower, n));
}

static bool is_trusted(const struct accounts *accounts, uint64_t key)
{
    bool found = false;
    for (unsigned i = 0; i < TRUSTED_MAX; i++) {
        found |= accounts->trusted[i] == key;
    }
    return found;
}

/* How long this name or this address has to wait, in ms; sets the keys that failures count for. */
static int64_t must_wait(struct server *server, struct request *request, struct attempt *attempt)
{
    struct accounts *accounts = server->accounts;
    int64_t now_ms = server->now_ms();
    uint64_t name = lower_hash(attempt->name);
    attempt->address_key = accounts_address_key(request);
    uint64_t pair = hash_u64(name ^ hash_u64(attempt->address_key));
    pthread_mutex_lock(&accounts->lock);
    attempt->name_key = is_trusted(accounts, pair) ? pair : name;
    int64_t by_name = throttle_wait(&accounts->names, attempt->name_key, now_ms);
    int64_t by_address = throttle_wait(&accounts->addresses, attempt->address_key, now_ms);
    pthread_mutex_unlock(&accounts->lock);
    return by_name > by_address ? by_name : by_address;
}

static enum http_result wait_first(struct reply *reply, int64_t wait_ms)
{
    char seconds[24];
    snprintf(seconds, sizeof(seconds), "%lld", (long long)((wait_ms + 999) / 1000));
    reply_header(reply, "Retry-After", str_of(seconds));
    return reply_problem(reply, 429, "too_many_attempts",
                         "too many failed attempts; try again later");
}

/* What was typed as a name may be a password: only names of users are written anywhere. */
static struct str attempted(const struct request *request, const struct attempt *attempt)
{
    return attempt->exists ? audit_object(request, "user", attempt->name) : STR("user");
}

static enum http_result refuse(struct server *server, struct request *request, struct reply *reply,
                               struct attempt *attempt)
{
    struct accounts *accounts = server->accounts;
    int64_t now_ms = server->now_ms();
    struct str object = attempted(request, attempt);
    pthread_mutex_lock(&accounts->lock);
    bool name = throttle_failed(&accounts->names, attempt->name_key, now_ms);
    bool address = throttle_failed(&accounts->addresses, attempt->address_key, now_ms);
    pthread_mutex_unlock(&accounts->lock);
    audit_refused(server, request, "session.create", object);
    if (name || address) {
        audit_refused(server, request, "session.throttle", object);
    }
    return reply_problem(reply, 401, "wrong_credentials", "wrong name or password");
}

static void succeeded(struct accounts *accounts, const struct attempt *attempt)
{
    pthread_mutex_lock(&accounts->lock);
    throttle_forget(&accounts->names, attempt->name_key);
    uint64_t pair = hash_u64(lower_hash(attempt->name) ^ hash_u64(attempt->address_key));
    if (!is_trusted(accounts, pair)) {
        accounts->trusted[accounts->ntrusted++ % TRUSTED_MAX] = pair;
    }
    pthread_mutex_unlock(&accounts->lock);
}

/* The user of that name, or nobody, whose password is nobody's. False: the store failed. */
static bool find_user(struct server *server, struct request *request, struct reply *reply,
                      struct attempt *attempt)
{
    struct err err = { 0 };
    struct store_user *user = &attempt->login.user;
    int r =
        accounts_ops(server)->user_get(server->store, attempt->name, request->arena, user, &err);
    if (r < 0 && r != -ENOENT) {
        reply_error(reply, &err);
        return false;
    }
    hasher_nobody(server->accounts->hasher, attempt->job.text);
    attempt->exists = r == 0;
    attempt->known = r == 0 && !user->disabled && user->password.n < HASH_TEXT_MAX;
    if (attempt->known) {
        memcpy(attempt->job.text, user->password.p, user->password.n + 1);
    }
    return true;
}

/* NULL: the reply says why. */
static struct attempt *begin(struct server *server, struct request *request, struct reply *reply)
{
    struct json_object *body = request_json(request, reply);
    struct attempt *attempt = ARENA_NEW(request->arena, struct attempt);
    if (!body) {
        return NULL;
    }
    if (!attempt) {
        reply_problem(reply, 503, "no_memory", "the server is out of memory");
        return NULL;
    }
    attempt->login.cookie = true;
    if (!request_members_only(request, body, "name password cookie", reply) ||
        !request_member_text(request, body, "name", true, 1024, &attempt->name, reply) ||
        !request_member_text(request, body, "password", true, PASSWORD_BYTES,
                             &attempt->job.password, reply) ||
        !request_member_bool(request, body, "cookie", false, &attempt->login.cookie, reply)) {
        return NULL;
    }
    int64_t wait_ms = must_wait(server, request, attempt);
    if (wait_ms > 0) {
        wait_first(reply, wait_ms);
        return NULL;
    }
    attempt->job.verify = true;
    attempt->job.owner = attempt->address_key;
    return find_user(server, request, reply, attempt) ? attempt : NULL;
}

enum http_result accounts_session_post(struct server *server, struct request *request,
                                       struct reply *reply)
{
    struct attempt *attempt = request->kept;
    if (!attempt) {
        request->kept = attempt = begin(server, request, reply);
        if (!attempt) {
            return HTTP_DONE;
        }
    }
    switch (hasher_step(server->accounts->hasher, &attempt->job, reply)) {
    case HASHED_WAIT:
        return HTTP_WAIT;
    case HASHED_OVER:
        return HTTP_DONE;
    case HASHED_NO:
        return refuse(server, request, reply, attempt);
    case HASHED_YES:
        break;
    }
    if (!attempt->known) {
        return refuse(server, request, reply, attempt);
    }
    succeeded(server->accounts, attempt);
    return accounts_begin_session(server, request, reply, &attempt->login);
}

/* The session of this request. False: there is none, the reply says so. */
static bool own_session(struct server *server, struct request *request, struct reply *reply,
                        struct store_session *ret, struct str *ret_secret)
{
    struct err err = { 0 };
    uint8_t hash[SECRET_HASH];
    if (!accounts_person(request, reply)) {
        return false;
    }
    accounts_credential(request, ret_secret);
    secret_hash(*ret_secret, hash);
    if (accounts_ops(server)->session_find(server->store, hash, request->arena, ret, &err) < 0) {
        reply_error(reply, &err);
        return false;
    }
    return true;
}

enum http_result accounts_session_get(struct server *server, struct request *request,
                                      struct reply *reply)
{
    struct store_session session;
    struct str secret;
    char csrf[CSRF_LENGTH + 1];
    if (!own_session(server, request, reply, &session, &secret)) {
        return HTTP_DONE;
    }
    secret_csrf(secret, csrf);
    struct jsonw *w = reply_json(reply, 200);
    jsonw_object(w, NULL);
    jsonw_i64(w, "id", session.id);
    jsonw_strz(w, "csrf", csrf);
    jsonw_i64(w, "expires_ms", session.created_ms + SESSION_MOST_MS);
    jsonw_object(w, "user");
    accounts_write_user(w, &session.owner);
    jsonw_end(w);
    jsonw_end(w);
    return HTTP_DONE;
}

enum http_result accounts_session_delete(struct server *server, struct request *request,
                                         struct reply *reply)
{
    struct err err = { 0 };
    struct store_session session;
    struct str secret;
    if (!own_session(server, request, reply, &session, &secret)) {
        return HTTP_DONE;
    }
    struct store_audit audit = audit_of(server, request, "session.end",
                                        audit_object(request, "user", request->principal->name));
    int r =
        accounts_ops(server)->session_end(server->store, session.user, session.id, &audit, &err);
    if (r < 0 && r != -ENOENT) {
        return reply_error(reply, &err);
    }
    struct cache_wish wish = { .kind = PRINCIPAL_USER, .id = session.id };
    accounts_forget(server, &wish);
    set_cookie(request, reply, "", 0);
    return reply_empty(reply, 204);
}
