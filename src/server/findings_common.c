/*
 * findings_common: what the routes of triage have in common: members of bodies, audit, news.
 */
#include "server/findings_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define TRIALS_MAX 2

bool findings_number(struct request *request, int64_t *ret, struct reply *reply)
{
    struct str id = request_param(request, "id");
    int64_t n = 0;
    bool good = id.n > 0 && id.n < 19;
    for (size_t i = 0; good && i < id.n; i++) {
        good = id.p[i] >= '0' && id.p[i] <= '9';
        n = n * 10 + (id.p[i] - '0');
    }
    if (!good) {
        reply_problem(reply, 404, "not_found", "There is none of that number.");
        return false;
    }
    *ret = n;
    return true;
}

static bool is_text(struct str s, bool lines)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if ((c < ' ' && !(lines && (c == '\n' || c == '\t' || c == '\r'))) || c == 0x7f) {
            return false;
        }
    }
    return str_is_utf8(s) && str_trim(s).n > 0;
}

bool findings_text(struct request *request, struct json_object *body, const char *key, size_t max,
                   bool lines, struct str *ret, struct reply *reply)
{
    if (!request_member_text(request, body, key, true, max, ret, reply)) {
        return false;
    }
    if (!is_text(*ret, lines)) {
        reply_problem(reply, 422, "bad_member",
                      "`%s` must be a text, not empty, without control characters.", key);
        return false;
    }
    return true;
}

bool findings_reason(struct request *request, struct json_object *body, struct str *ret,
                     struct reply *reply)
{
    return findings_text(request, body, "reason", FINDINGS_REASON_MAX, true, ret, reply);
}

bool findings_expires(struct server *server, struct request *request, struct json_object *body,
                      int64_t *ret, struct reply *reply)
{
    *ret = 0;
    if (!request_member_number(request, body, "expires_ms", false, 0, INT64_MAX / 2, ret, reply)) {
        return false;
    }
    if (*ret != 0 && *ret <= server->now_ms()) {
        reply_problem(reply, 422, "bad_expiry", "`expires_ms` is in the past.");
        return false;
    }
    return true;
}

void findings_put_time(struct jsonw *w, const char *key, int64_t ms)
{
    if (ms == 0) {
        jsonw_null(w, key);
    } else {
        jsonw_i64(w, key, ms);
    }
}

bool findings_of_path(struct server *server, struct request *request, struct finding *ret,
                      struct reply *reply)
{
    struct err err = { 0 };
    if (server->store->findings->get(server->store, request_param(request, "id"), request->arena,
                                     ret, &err) < 0) {
        findings_failed(reply, &err);
        return false;
    }
    return true;
}

struct str findings_object(struct request *request, const char *kind, int64_t id)
{
    char text[24];
    int n = snprintf(text, sizeof(text), "%" PRId64, id);
    return audit_object(request, kind, str_from(text, (size_t)n));
}

void findings_audit(struct server *server, struct request *request, const char *action,
                    struct str object, struct str detail)
{
    struct store_audit audit = audit_of(server, request, action, object);
    struct buf buf;
    struct jsonw w = { .buf = &buf };
    buf_init(&buf, AUDIT_DETAIL_MAX);
    if (detail.n > 0) {
        jsonw_object(&w, NULL);
        jsonw_str(&w, "text", str_first(detail, AUDIT_DETAIL_MAX / 8));
        jsonw_end(&w);
        audit.detail = buf.failed ? (struct str){ 0 } : buf_str(&buf);
    }
    audit_write(server, &audit);
    buf_done(&buf);
}

bool findings_trial_begin(struct server *server, struct reply *reply)
{
    if (__atomic_add_fetch(&server->findings->trials, 1, __ATOMIC_ACQ_REL) <= TRIALS_MAX) {
        return true;
    }
    findings_trial_end(server);
    reply_header(reply, "Retry-After", STR("5"));
    reply_problem(reply, 503, "busy", "Others are trying rules; try again in a few seconds.");
    return false;
}

void findings_trial_end(struct server *server)
{
    __atomic_sub_fetch(&server->findings->trials, 1, __ATOMIC_ACQ_REL);
}

void findings_tell(struct server *server, struct str id, const char *change)
{
    struct buf buf;
    struct jsonw w = { .buf = &buf };
    buf_init(&buf, HUB_MESSAGE_MAX);
    jsonw_object(&w, NULL);
    jsonw_str(&w, "id", id);
    jsonw_strz(&w, "change", change);
    jsonw_end(&w);
    if (!buf.failed && server->hub) {
        hub_publish(server->hub, HUB_FINDING, buf_str(&buf));
    }
    buf_done(&buf);
}
