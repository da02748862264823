/*
 * hooks: messages as JSON over HTTP: the signed webhook, and Falcosidekick, which takes what Falco sends.
 *
 * Falcosidekick refuses an alert without output_fields, without a time, or without a rule: all are always there, those of a
 * finding where its alert has none.
 */
#include "notify/render.h"

#include "courier/courier.h"
#include "notify/kinds.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define BODY_MAX     ((size_t)1 << 20)
#define HEADERS_MOST 5

int notify_keep(struct arena *arena, struct buf *buf, struct str *ret, struct err *err)
{
    *ret = buf->failed ? (struct str){ 0 } : arena_str(arena, buf_str(buf));
    buf_done(buf);
    return ret->p ? 0 : err_set(err, -ENOMEM, "the message is too large");
}

void notify_put_hex(struct buf *buf, const unsigned char *p, size_t n)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < n; i++) {
        buf_putc(buf, digits[p[i] >> 4]);
        buf_putc(buf, digits[p[i] & 15]);
    }
}

int notify_post(const struct notify_message *m, struct str url, struct str body,
                struct courier_request *ret, struct err *err)
{
    struct courier_header *headers = ARENA_ARRAY(m->arena, struct courier_header, HEADERS_MOST);
    struct str authorization = notify_text(m->secrets, "authorization");
    if (!headers) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    headers[0] = (struct courier_header){ STR("Content-Type"), STR("application/json") };
    headers[1] = (struct courier_header){ STR("Authorization"), authorization };
    ret->url = url;
    ret->body = body;
    ret->ca = notify_text(m->settings, "ca");
    ret->headers = headers;
    ret->nheaders = authorization.n ? 2 : 1;
    return 0;
}

/* ---- webhook */

static void put_lines(struct jsonw *w, const char *key, const struct report_lines *lines)
{
    jsonw_array(w, key);
    for (uint32_t i = 0; lines && i < lines->n; i++) {
        jsonw_str(w, NULL, lines->v[i]);
    }
    jsonw_end(w);
}

static void put_text(struct jsonw *w, const char *key, struct str text)
{
    if (text.n) {
        jsonw_str(w, key, text);
    } else {
        jsonw_null(w, key);
    }
}

static void put_alert(struct jsonw *w, const struct notify_message *m)
{
    const struct finding *f = m->finding;
    struct str alert = f && f->last_alert.n ? f->last_alert
                       : f                  ? f->first_alert
                                            : (struct str){ 0 };
    jsonw_raw(w, "alert", m->alert && alert.n ? alert : STR("null"));
}

void notify_put_json(struct jsonw *w, const struct notify_message *m, bool with_alert)
{
    jsonw_object(w, NULL);
    jsonw_i64(w, "version", 1);
    jsonw_i64(w, "id", m->id);
    jsonw_str(w, "cause", m->cause);
    jsonw_i64(w, "sent_ms", m->now_ms);
    jsonw_strz(w, "language", m->japanese ? "ja" : "en");
    put_text(w, "rule", m->rule_name);
    jsonw_str(w, "channel", m->channel_name);
    jsonw_str(w, "title", notify_title(m));
    jsonw_str(w, "summary", notify_summary(m));
    put_text(w, "why", notify_why(m));
    put_lines(w, "details", m->report ? &m->report->details : NULL);
    put_lines(w, "next", m->report ? &m->report->next : NULL);
    put_lines(w, "respond", m->report ? &m->report->respond : NULL);
    jsonw_str(w, "link", m->link);
    jsonw_i64(w, "held", m->held);
    jsonw_raw(w, "finding", m->finding_json.n ? m->finding_json : STR("null"));
    if (with_alert) {
        put_alert(w, m);
    }
    jsonw_end(w);
}

static int sign(const struct notify_message *m, struct str body, struct courier_request *ret,
                struct err *err)
{
    struct courier_header *more = (struct courier_header *)(uintptr_t)ret->headers + ret->nheaders;
    struct str secret = notify_text(m->secrets, "secret"), time;
    unsigned char mac[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    struct buf buf;
    buf_init(&buf, BODY_MAX + 64);
    buf_i64(&buf, m->now_ms / 1000);
    time = arena_str(m->arena, buf_str(&buf));
    buf_putc(&buf, '.');
    buf_puts(&buf, body);
    bool good = !buf.failed && time.p &&
                HMAC(EVP_sha256(), secret.p, (int)secret.n, (const unsigned char *)buf.p, buf.n,
                     mac, &n) != NULL;
    buf_clear(&buf);
    buf_putz(&buf, "v1=");
    notify_put_hex(&buf, mac, n);
    more[0] = (struct courier_header){ STR("Hinomi-Timestamp"), time };
    more[1] = (struct courier_header){ .name = STR("Hinomi-Signature") };
    ret->nheaders += 2;
    int r = notify_keep(m->arena, &buf, &more[1].value, err);
    return good ? r : err_set(err, -ENOMEM, "it could not be signed");
}

int notify_make_webhook(const struct notify_message *m, struct courier_request *ret,
                        struct err *err)
{
    struct buf buf;
    struct jsonw w = { .buf = &buf };
    struct str body;
    buf_init(&buf, BODY_MAX);
    notify_put_json(&w, m, true);
    int r = notify_keep(m->arena, &buf, &body, err);
    r = r == 0 ? notify_post(m, notify_text(m->settings, "url"), body, ret, err) : r;
    return r == 0 ? sign(m, body, ret, err) : r;
}

/* ---- Falcosidekick */

static struct json_object *of_alert(const struct notify_message *m, const char *key,
                                    enum json_type type)
{
    struct json_object *value = NULL;
    return m->alert && json_object_object_get_ex(m->alert, key, &value) &&
                   json_object_is_type(value, type)
               ? value
               : NULL;
}

static void put_time(struct jsonw *w, int64_t ms)
{
    char text[48] = "";
    struct tm tm;
    time_t s = (time_t)(ms / 1000);
    if (gmtime_r(&s, &tm)) {
        size_t n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
        snprintf(text + n, sizeof(text) - n, ".%03dZ", (int)(ms % 1000));
    }
    jsonw_strz(w, "time", text);
}

/* The same for every attempt. */
static void put_uuid(struct jsonw *w, const struct notify_message *m)
{
    unsigned char md[EVP_MAX_MD_SIZE] = { 0 };
    char text[512];
    struct buf hex;
    char storage[40] = "";
    int n = snprintf(text, sizeof(text), "%" PRId64 " %.*s", m->id,
                     STR_ARG(m->finding ? m->finding->id : STR("test")));
    EVP_Digest(text, (size_t)n, md, NULL, EVP_sha256(), NULL);
    md[6] = (unsigned char)((md[6] & 0x0f) | 0x80); /* version 8: made by ourselves */
    md[8] = (unsigned char)((md[8] & 0x3f) | 0x80);
    buf_init_fixed(&hex, storage, sizeof(storage));
    for (size_t i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            buf_putc(&hex, '-');
        }
        notify_put_hex(&hex, md + i, 1);
    }
    jsonw_str(w, "uuid", buf_str(&hex));
}

static void put_fields(struct jsonw *w, const struct notify_message *m)
{
    struct json_object *fields = of_alert(m, "output_fields", json_type_object);
    const struct finding *f = m->finding;
    jsonw_object(w, "output_fields");
    jsonw_str(w, "hinomi.cause", m->cause);
    jsonw_str(w, "hinomi.link", m->link);
    if (f) {
        jsonw_str(w, "hinomi.finding", f->id);
        jsonw_double(w, "hinomi.severity", (double)f->severity / 10);
        jsonw_i64(w, "hinomi.count", f->count);
    }
    if (fields) {
        json_object_object_foreach(fields, key, value)
        {
            if (value && strncmp(key, "hinomi.", 7) != 0) {
                jsonw_key(w, str_of(key));
                jsonw_raw(w, NULL,
                          str_of(json_object_to_json_string_ext(value, JSON_C_TO_STRING_PLAIN)));
            }
        }
    }
    jsonw_end(w);
}

static void put_falco(struct jsonw *w, const struct notify_message *m)
{
    const struct finding *f = m->finding;
    struct json_object *tags = of_alert(m, "tags", json_type_array);
    jsonw_object(w, NULL);
    put_uuid(w, m);
    jsonw_str(w, "output", f && f->output.n ? f->output : notify_summary(m));
    jsonw_str(w, "priority", f && f->priority.n ? f->priority : STR("Informational"));
    jsonw_str(w, "rule", f ? f->rule : STR("Hinomi test notification"));
    put_time(w, f ? f->last_seen_ms : m->now_ms);
    jsonw_str(w, "source", f && f->source.n ? f->source : STR("hinomi"));
    jsonw_raw(w, "tags",
              tags ? str_of(json_object_to_json_string_ext(tags, JSON_C_TO_STRING_PLAIN))
              : f && f->tags.n ? f->tags
                               : STR("[]"));
    jsonw_str(w, "hostname", f && f->host.n ? f->host : STR("hinomi-server"));
    put_fields(w, m);
    jsonw_end(w);
}

int notify_make_falcosidekick(const struct notify_message *m, struct courier_request *ret,
                              struct err *err)
{
    struct buf buf;
    struct jsonw w = { .buf = &buf };
    struct str body;
    buf_init(&buf, BODY_MAX);
    put_falco(&w, m);
    int r = notify_keep(m->arena, &buf, &body, err);
    return r == 0 ? notify_post(m, notify_text(m->settings, "url"), body, ret, err) : r;
}
