/*
 * Entries of the audit log, as requests make them.
 *
 * What strangers send goes into the log as data: cut, without control characters or bytes that are not UTF-8, and
 * refusals, which anybody can cause at will, are counted by kind and address: beyond AUDIT_SAME_MAX a minute only
 * their number is written, so that nobody fills the disk or hides between a million lines.
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

struct store_audit audit_of(struct server *server, const struct request *request,
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

/* Ends the minute: how many were left out of it. */
static uint64_t end_minute(struct accounts *accounts, int64_t now_ms)
{
    int64_t age_ms = now_ms - accounts->refusals_ms;
    if (age_ms >= 0 && age_ms < MINUTE_MS) {
        return 0;
    }
    uint64_t left_out = accounts->refusals_left_out;
    memset(accounts->refusals, 0, sizeof(accounts->refusals));
    accounts->refusals_left_out = 0;
    accounts->refusals_ms = now_ms;
    return left_out;
}

static bool is_written(struct accounts *accounts, uint64_t key)
{
    key = key ? key : 1;
    for (unsigned i = 0; i < REFUSALS_MAX; i++) {
        struct refusal *refusal = &accounts->refusals[(key + i) % REFUSALS_MAX];
        if (refusal->key == 0) {
            *refusal = (struct refusal){ .key = key };
        }
        if (refusal->key == key) {
            return refusal->n++ < AUDIT_SAME_MAX;
        }
    }
    return false;
}

static void write_left_out(struct server *server, uint64_t n)
{
    char detail[64];
    snprintf(detail, sizeof(detail), "{\"left_out\":%llu}", (unsigned long long)n);
    struct store_audit audit = { .time_ms = server->now_ms(),
                                 .kind = STR("server"),
                                 .action = STR("audit.suppressed"),
                                 .result = STR("refused"),
                                 .detail = str_of(detail) };
    audit_write(server, &audit);
}

void audit_tick(struct server *server)
{
    struct accounts *accounts = server->accounts;
    pthread_mutex_lock(&accounts->lock);
    uint64_t left_out = end_minute(accounts, server->now_ms());
    pthread_mutex_unlock(&accounts->lock);
    if (left_out > 0) {
        write_left_out(server, left_out);
    }
}

void audit_refused(struct server *server, const struct request *request, const char *action,
                   struct str object)
{
    struct accounts *accounts = server->accounts;
    audit_tick(server);
    pthread_mutex_lock(&accounts->lock);
    bool written = is_written(accounts, accounts_address_key(request) ^ str_hash(str_of(action)));
    accounts->refusals_left_out += !written;
    pthread_mutex_unlock(&accounts->lock);
    if (written) {
        struct store_audit audit = audit_of(server, request, action, object);
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
