/*
 * ingest_falco: what Falco's http_output and Falcosidekick send: an object, an array of them, or one a line.
 *
 * A sender is an agent of its own, falco:HOST. An alert's id is its uuid or, of those that have none, what its
 * text hashes to, so that what is sent twice on one day is kept once.
 */
#include "server/ingest_internal.h"

#include <errno.h>
#include <openssl/sha.h>
#include <stdio.h>

#define HOST_MAX 100
#define UUID_MAX 64

static bool is_plain(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
}

/* Letters that need no escaping anywhere; others become '-'. */
static struct str plain_name(struct str s, size_t max, struct arena *arena)
{
    s = str_first(s, max);
    char *to = arena_bytes(arena, s.n + 1);
    if (!to) {
        return (struct str){ 0 };
    }
    for (size_t i = 0; i < s.n; i++) {
        to[i] = s.p[i];
        if (!is_plain(to[i])) {
            to[i] = '-';
        }
    }
    return str_from(to, s.n);
}

static struct str put_together(struct arena *arena, struct str a, const char *between, struct str b)
{
    size_t n = a.n + strlen(between) + b.n;
    char *to = arena_bytes(arena, n + 1);
    if (!to) {
        return (struct str){ 0 };
    }
    snprintf(to, n + 1, "%.*s%s%.*s", STR_ARG(a), between, STR_ARG(b));
    return str_from(to, n);
}

static struct str digest_of(struct str text, struct arena *arena)
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    char *to = arena_bytes(arena, 33);
    if (!to) {
        return (struct str){ 0 };
    }
    SHA256((const unsigned char *)text.p, text.n, digest);
    for (unsigned i = 0; i < 16; i++) {
        snprintf(to + 2 * i, 3, "%02x", digest[i]);
    }
    return str_from(to, 32);
}

static bool fill_alert(struct parse *parse, struct jscan value, struct parsed_alert *a)
{
    struct batch *b = parse->batch;
    struct str uuid =
        plain_name(jscan_text(jscan_get(value, STR("uuid")), &b->arena), UUID_MAX, &b->arena);
    struct str own = uuid.n ? uuid : digest_of(value.raw, &b->arena);
    struct str id = put_together(&b->arena, a->finding.agent, ":", own);
    a->finding.body = body_pack(parse->packer, value.raw, &b->arena);
    if (!id.p || !own.p || !a->finding.body.p) {
        return false;
    }
    a->alert = (struct ingest_alert){
        .id = id,
        .agent = a->finding.agent,
        .rule = a->finding.rule,
        .body = a->finding.body,
        .time_ms = a->finding.opened_ms,
        .received_ms = b->received_ms,
        .severity = a->finding.severity,
    };
    return true;
}

static int parse_one(struct parse *parse, struct jscan value, struct refusal *refusal)
{
    struct batch *b = parse->batch;
    int64_t n = (int64_t)b->nrecords + 1;
    if (value.type != JSCAN_OBJECT || value.raw.n > INGEST_LINE_MAX) {
        ingest_refuse(refusal, n, "an alert is an object of at most 256 KiB");
        return -EINVAL;
    }
    struct str host = jscan_text(jscan_get(value, STR("hostname")), &b->arena);
    host = plain_name(host.n ? host : STR("unknown"), HOST_MAX, &b->arena);
    struct parsed_alert *a = ARENA_NEW(&b->arena, struct parsed_alert);
    b->agent = put_together(&b->arena, STR("falco"), ":", host);
    if (!a || !host.p || !b->agent.p) {
        return -ENOMEM;
    }
    if (!ingest_columns(value, parse, a, refusal)) {
        refusal->n = n;
        return -EINVAL;
    }
    if (!fill_alert(parse, value, a)) {
        return -ENOMEM;
    }
    b->records[b->nrecords++] = (struct record){ .kind = RECORD_ALERT, .n = 0, .alert = a };
    return 0;
}

static int parse_value(struct parse *parse, struct jscan value, struct refusal *refusal)
{
    struct jscan element;
    int r = 0;
    if (value.type != JSCAN_ARRAY) {
        return parse->batch->nrecords < INGEST_RECORDS_MAX ? parse_one(parse, value, refusal)
                                                           : -E2BIG;
    }
    for (struct jscan_walk walk = jscan_begin(value); r == 0 && jscan_element(&walk, &element);) {
        r = parse->batch->nrecords < INGEST_RECORDS_MAX ? parse_one(parse, element, refusal)
                                                        : -E2BIG;
    }
    return r;
}

static int parse_lines(struct parse *parse, struct str text, struct refusal *refusal)
{
    int r = 0;
    if (text.n == 0) {
        return 0;
    }
    for (const char *p = text.p, *end = p + text.n; p < end && r == 0;) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        struct str line = str_trim(str_from(p, (size_t)((newline ? newline : end) - p)));
        p = newline ? newline + 1 : end;
        struct jscan value;
        const char *why;
        size_t at;
        if (line.n == 0) {
            continue;
        }
        if (jscan_check(line, &value, &why, &at) < 0) {
            ingest_refuse(refusal, (int64_t)parse->batch->nrecords + 1, "not JSON at byte %zu: %s",
                          at, why);
            return -EINVAL;
        }
        r = parse_value(parse, value, refusal);
    }
    return r;
}

int ingest_parse_falco(struct parse *parse, struct str text, struct refusal *refusal)
{
    struct batch *b = parse->batch;
    struct jscan value;
    const char *why;
    size_t at;
    b->falco = true;
    b->records = ARENA_ARRAY(&b->arena, struct record, INGEST_RECORDS_MAX);
    if (!b->records) {
        return -ENOMEM;
    }
    bool whole = jscan_check(text, &value, &why, &at) == 0;
    int r = whole ? parse_value(parse, value, refusal) : parse_lines(parse, text, refusal);
    if (r == -E2BIG) {
        ingest_refuse(refusal, INGEST_RECORDS_MAX + 1, "more than 10000 alerts");
        return -EINVAL;
    }
    if (r == 0 && b->nrecords == 0) {
        ingest_refuse(refusal, 1, "no alert");
        return -EINVAL;
    }
    return r;
}
