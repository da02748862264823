/*
 * Entries of the audit log, as requests make them.
 *
 * What strangers send goes into the log as data: cut, without control characters or bytes that are not UTF-8. The log
 * keeps a million entries, so nobody may write so many that the others go: refusals, which anybody can cause at will, are
 * counted by kind and address, what somebody does by who it is, tokens being their owner's. Beyond so many a minute only
 * their number is written.
 */
#include "server/audit.h"

#include "base/log.h"
#include "server/accounts_internal.h"

#include <stdio.h>

#define MINUTE_MS 60000

static const char *kind_of(const struct principal *who)
{
    static const char *const kinds[] = { [PRINCIPAL_NOBODY] = "nobody",
                                         [PRINCIPAL_USER] = "user",
                                         [PRINCIPAL_TOKEN] = "token",
                                         [PRINCIPAL_AGENT] = "agent" };
    return who ? kinds[who->kind] : "nobody";
}

/* Cut at a character; control characters become '?', and what is not UTF-8 all of it. */
static struct str cleaned(const struct request *request, struct str text, size_t max)
{
    if (text.n > max) {
        text.n = max;
        while (text.n > 0 && ((unsigned char)text.p[text.n] & 0xc0) == 0x80) {
            text.n--;
        }
    }
    struct str copy = arena_str(request->arena, text);
    bool utf8 = str_is_utf8(text);
    char *p = (char *)copy.p;
    for (size_t i = 0; p && i < copy.n; i++) {
        unsigned char c = (unsigned char)p[i];
        p[i] = c < 0x20 || c == 0x7f || (c >= 0x80 && !utf8) ? '?' : p[i];
    }
    return copy;
}

static struct store_audit entry_of(struct server *server, const struct request *request,
                                   const char *action, struct str object)
{
    char address[ADDRESS_TEXT_MAX];
    accounts_address(request, address);
    struct str name = request->principal ? request->principal->name : (struct str){ 0 };
    return (struct store_audit){
        .time_ms = server->now_ms(),
        .kind = str_of(kind_of(request->principal)),
        .actor = cleaned(request, name, AUDIT_TEXT_MAX),
        .action = str_of(action),
        .object = cleaned(request, object, AUDIT_TEXT_MAX),
        .result = STR("ok"),
        .address = arena_str(request->arena, str_of(address)),
        .request = arena_str(request->arena, str_of(request->id)),
    };
}

/* Ends the minute: how many were left out of it, in all. */
static void end_minute(struct accounts *accounts, int64_t now_ms, uint64_t *ret_refusals,
                       uint64_t *ret_successes)
{
    int64_t age_ms = now_ms - accounts->counted_ms;
    if (age_ms >= 0 && age_ms < MINUTE_MS) {
        return;
    }
    *ret_refusals = accounts->refusals_left_out;
    *ret_successes = accounts->successes_left_out;
    memset(accounts->refusals, 0, sizeof(accounts->refusals));
    memset(accounts->successes, 0, sizeof(accounts->successes));
    accounts->refusals_left_out = accounts->successes_left_out = 0;
    accounts->counted_ms = now_ms;
}

/* How many there were of the key before; when there is no room to count it, as if too many. */
static unsigned count(struct refusal *counts, size_t max, uint64_t key)
{
    key = key ? key : 1;
    for (size_t i = 0; i < max; i++) {
        struct refusal *one = &counts[(key + i) % max];
        if (one->key == 0) {
            *one = (struct refusal){ .key = key };
        }
        if (one->key == key) {
            return one->n++;
        }
    }
    return UINT_MAX;
}

/* ---- successes */

/* On the account of one's own, as an agent on its own, or as somebody who logs in. */
static bool is_own(const struct request *request)
{
    unsigned may = request->route ? request->route->may : MAY_ANYONE;
    return may == MAY_SELF || may == MAY_AGENT || may == MAY_ANYONE;
}

/* Whose it is: tokens ("owner/name") count as their owner, but for those that enrol. */
static uint64_t key_of(const struct request *request, const char *action)
{
    const struct principal *who = request->principal;
    struct str name = who ? who->name : (struct str){ 0 };
    ptrdiff_t slash = who && who->kind == PRINCIPAL_TOKEN && !(who->may & MAY_ENROL)
                          ? str_find_char(name, '/')
                          : -1;
    uint64_t key = str_hash(slash < 0 ? name : str_first(name, (size_t)slash));
    uint64_t salt = who && who->kind == PRINCIPAL_AGENT ? 1 : who && who->may & MAY_ENROL ? 2 : 0;
    return (key ^ (is_own(request) ? str_hash(str_of(action)) : 0)) + salt;
}

/* Whether it is to be written. The first that is not, of somebody in a minute, is told with the name. */
static bool take_turn(struct server *server, const struct request *request,
                      const struct store_audit *audit)
{
    struct accounts *accounts = server->accounts;
    unsigned most = is_own(request) ? AUDIT_OWN_MAX : AUDIT_EACH_MAX;
    if (!accounts) {
        return true;
    }
    audit_tick(server);
    pthread_mutex_lock(&accounts->lock);
    unsigned before = count(accounts->successes, SUCCESSES_MAX, key_of(request, audit->action.p));
    accounts->successes_left_out += before >= most;
    pthread_mutex_unlock(&accounts->lock);
    if (before == most) {
        struct store_audit told = *audit;
        told.object = audit_object(request, "action", audit->action);
        told.action = STR("audit.suppressed");
        audit_write(server, &told);
    }
    return before < most;
}

struct store_audit audit_of(struct server *server, const struct request *request,
                            const char *action, struct str object)
{
    struct store_audit audit = entry_of(server, request, action, object);
    audit.left_out = !take_turn(server, request, &audit);
    return audit;
}

struct str audit_object(const struct request *request, const char *kind, struct str name)
{
    size_t kind_n = strlen(kind), name_n = name.n < AUDIT_TEXT_MAX ? name.n : AUDIT_TEXT_MAX;
    char *text = arena_bytes(request->arena, kind_n + 1 + name_n);
    if (!text) {
        return (struct str){ 0 };
    }
    memcpy(text, kind, kind_n);
    text[kind_n] = ':';
    if (name_n > 0) {
        memcpy(text + kind_n + 1, name.p, name_n);
    }
    return str_from(text, kind_n + 1 + name_n);
}

void audit_write(struct server *server, const struct store_audit *audit)
{
    struct err err = { 0 };
    if (accounts_ops(server)->audit_add(server->store, audit, &err) < 0) {
        log_error("the audit log lacks an entry: %.*s %.*s by %.*s: %s", STR_ARG(audit->action),
                  STR_ARG(audit->object), STR_ARG(audit->actor), err.message);
    }
}

/* ---- refusals */

static void write_left_out(struct server *server, uint64_t n, const char *result)
{
    char detail[64];
    if (n == 0) {
        return;
    }
    snprintf(detail, sizeof(detail), "{\"left_out\":%llu}", (unsigned long long)n);
    struct store_audit audit = { .time_ms = server->now_ms(),
                                 .kind = STR("server"),
                                 .action = STR("audit.suppressed"),
                                 .result = str_of(result),
                                 .detail = str_of(detail) };
    audit_write(server, &audit);
}

void audit_tick(struct server *server)
{
    struct accounts *accounts = server->accounts;
    uint64_t refusals = 0, successes = 0;
    pthread_mutex_lock(&accounts->lock);
    end_minute(accounts, server->now_ms(), &refusals, &successes);
    pthread_mutex_unlock(&accounts->lock);
    write_left_out(server, refusals, "refused");
    write_left_out(server, successes, "ok");
}

void audit_refused(struct server *server, const struct request *request, const char *action,
                   struct str object)
{
    struct accounts *accounts = server->accounts;
    audit_tick(server);
    pthread_mutex_lock(&accounts->lock);
    bool written = count(accounts->refusals, REFUSALS_MAX,
                         accounts_address_key(request) ^ str_hash(str_of(action))) < AUDIT_SAME_MAX;
    accounts->refusals_left_out += !written;
    pthread_mutex_unlock(&accounts->lock);
    if (written) {
        struct store_audit audit = entry_of(server, request, action, object);
        audit.result = STR("refused");
        audit_write(server, &audit);
    }
}

void accounts_audit_request(struct server *server, const struct request *request, unsigned status)
{
    static const char *const verbs[] = { [HTTP_GET] = "get",
                                         [HTTP_POST] = "post",
                                         [HTTP_PUT] = "put",
                                         [HTTP_PATCH] = "patch",
                                         [HTTP_DELETE] = "delete" };
    struct buf detail;
    buf_init(&detail, AUDIT_DETAIL_MAX);
    struct jsonw w = { .buf = &detail };
    jsonw_object(&w, NULL);
    jsonw_u64(&w, "status", status);
    jsonw_end(&w);
    char action[32];
    snprintf(action, sizeof(action), "request.%s", verbs[request->method]);
    struct store_audit audit = audit_of(server, request, action, request->path);
    audit.detail = buf_str(&detail);
    audit_write(server, &audit);
    buf_done(&detail);
}
