/*
 * wire: messages written and read.
 *
 * A reader is marked `bad` by the first thing that does not fit and yields nothing from then on: looked at once, at
 * the end, which also has to be the end of the message.
 */
#include "courier/wire.h"

struct reader {
    struct str rest;
    bool bad;
};

static void put_u32(struct buf *buf, uint32_t v)
{
    buf_put(buf, &v, sizeof(v));
}

static void put_u64(struct buf *buf, uint64_t v)
{
    buf_put(buf, &v, sizeof(v));
}

static void put_text(struct buf *buf, struct str s)
{
    s = s.p ? s : STR("");
    put_u32(buf, (uint32_t)s.n);
    buf_puts(buf, s);
    buf_putc(buf, '\0');
}

static size_t begin(struct buf *buf, enum wire_kind kind, uint64_t id)
{
    size_t at = buf->n;
    put_u32(buf, 0);
    put_u32(buf, kind);
    put_u64(buf, id);
    return at;
}

static void end(struct buf *buf, size_t at)
{
    uint32_t size = (uint32_t)(buf->n - at - WIRE_HEAD);
    if (buf->n - at > WIRE_MESSAGE_MAX) {
        buf->failed = true;
    }
    if (!buf->failed) {
        memcpy(buf->p + at, &size, sizeof(size));
    }
}

static bool get(struct reader *r, void *ret, size_t n)
{
    r->bad |= r->rest.n < n;
    if (r->bad) {
        memset(ret, 0, n);
        return false;
    }
    memcpy(ret, r->rest.p, n);
    r->rest = str_from_offset(r->rest, n);
    return true;
}

static uint32_t get_u32(struct reader *r)
{
    uint32_t v;
    get(r, &v, sizeof(v));
    return v;
}

static uint64_t get_u64(struct reader *r)
{
    uint64_t v;
    get(r, &v, sizeof(v));
    return v;
}

static struct str get_text(struct reader *r, size_t most)
{
    size_t n = get_u32(r);
    r->bad |= n > most || r->rest.n < n + 1 || r->rest.p[n] != '\0';
    if (r->bad) {
        return STR("");
    }
    struct str text = str_first(r->rest, n);
    r->rest = str_from_offset(r->rest, n + 1);
    return text;
}

/* How many follow. */
static unsigned get_count(struct reader *r, unsigned most)
{
    uint32_t n = get_u32(r);
    r->bad |= n > most;
    return r->bad ? 0 : n;
}

static struct reader open_message(struct str message)
{
    struct reader r = { .rest = str_from_offset(message, WIRE_HEAD) };
    get_u32(&r);
    get_u64(&r);
    return r;
}

static bool is_over(const struct reader *r)
{
    return !r->bad && r->rest.n == 0;
}

size_t wire_size(struct str stream)
{
    struct reader r = { .rest = stream };
    size_t n = get_u32(&r);
    if (r.bad) {
        return 0;
    }
    if (n < sizeof(uint32_t) + sizeof(uint64_t) || n > WIRE_MESSAGE_MAX) {
        return SIZE_MAX;
    }
    return r.rest.n < n ? 0 : n + WIRE_HEAD;
}

uint32_t wire_kind(struct str message, uint64_t *ret_id)
{
    struct reader r = { .rest = str_from_offset(message, WIRE_HEAD) };
    uint32_t kind = get_u32(&r);
    uint64_t id = get_u64(&r);
    if (r.bad) {
        return 0;
    }
    *ret_id = id;
    return kind;
}

/* ---- requests */

void wire_put_request(struct buf *buf, uint64_t id, const struct courier_request *request)
{
    size_t at = begin(buf, WIRE_REQUEST, id);
    put_u32(buf, request->tls);
    put_u32(buf, request->reach);
    put_u32(buf, request->timeout_ms);
    put_u64(buf, request->answer_max);
    put_text(buf, request->url);
    put_text(buf, request->method);
    put_text(buf, request->from);
    put_text(buf, request->user);
    put_text(buf, request->password);
    put_text(buf, request->ca);
    put_text(buf, request->wanted);
    put_u32(buf, request->body.p != NULL);
    put_text(buf, request->body);
    put_u32(buf, request->nheaders);
    for (unsigned i = 0; i < request->nheaders; i++) {
        put_text(buf, request->headers[i].name);
        put_text(buf, request->headers[i].value);
    }
    put_u32(buf, request->nto);
    for (unsigned i = 0; i < request->nto; i++) {
        put_text(buf, request->to[i]);
    }
    end(buf, at);
}

static void get_lists(struct reader *r, struct wire_request *ret)
{
    struct courier_request *request = &ret->request;
    request->headers = ret->headers;
    request->nheaders = get_count(r, COURIER_HEADERS_MAX);
    for (unsigned i = 0; i < request->nheaders; i++) {
        ret->headers[i].name = get_text(r, COURIER_NAME_MAX);
        ret->headers[i].value = get_text(r, COURIER_VALUE_MAX);
    }
    request->to = ret->to;
    request->nto = get_count(r, COURIER_TO_MAX);
    for (unsigned i = 0; i < request->nto; i++) {
        ret->to[i] = get_text(r, COURIER_ADDRESS_MAX);
    }
}

bool wire_get_request(struct str message, struct wire_request *ret)
{
    struct reader r = open_message(message);
    struct courier_request *request = &ret->request;
    memset(request, 0, sizeof(*request));
    request->tls = get_u32(&r) == COURIER_PLAIN ? COURIER_PLAIN : COURIER_STARTTLS;
    uint32_t reach = get_u32(&r);
    request->reach = reach <= COURIER_CREDENTIALS ? (enum courier_reach)reach : COURIER_CONFIGURED;
    request->timeout_ms = get_u32(&r);
    request->answer_max = (size_t)get_u64(&r);
    request->url = get_text(&r, COURIER_URL_MAX);
    request->method = get_text(&r, COURIER_NAME_MAX);
    request->from = get_text(&r, COURIER_ADDRESS_MAX);
    request->user = get_text(&r, COURIER_SECRET_MAX);
    request->password = get_text(&r, COURIER_SECRET_MAX);
    request->ca = get_text(&r, COURIER_CA_MAX);
    request->wanted = get_text(&r, COURIER_WANTED_MAX * (COURIER_NAME_MAX + 1));
    bool has_body = get_u32(&r);
    request->body = get_text(&r, COURIER_BODY_MAX);
    request->body = has_body ? request->body : (struct str){ 0 };
    get_lists(&r, ret);
    return is_over(&r);
}

/* ---- options */

void wire_put_options(struct buf *buf, const struct courier_options *options)
{
    size_t at = begin(buf, WIRE_OPTIONS, 0);
    put_u32(buf, options->allow_private);
    put_text(buf, options->proxy);
    put_text(buf, options->ca);
    put_text(buf, options->agent);
    put_u32(buf, (uint32_t)options->nallow);
    for (size_t i = 0; i < options->nallow; i++) {
        struct address_network network = { .bits = 0 };
        buf->failed |= !address_network_parse(str_of(options->allow[i]), &network);
        buf_put(buf, &network, sizeof(network));
    }
    end(buf, at);
}

bool wire_get_options(struct str message, struct wire_options *ret)
{
    struct reader r = open_message(message);
    memset(ret, 0, sizeof(*ret));
    ret->allow_private = get_u32(&r);
    ret->proxy = get_text(&r, COURIER_URL_MAX);
    ret->ca = get_text(&r, COURIER_CA_MAX);
    ret->agent = get_text(&r, COURIER_TEXT_MAX);
    ret->nallow = get_count(&r, WIRE_ALLOW_MAX);
    for (unsigned i = 0; i < ret->nallow; i++) {
        get(&r, &ret->allow[i], sizeof(ret->allow[i]));
        r.bad |= ret->allow[i].bits > 128;
    }
    return is_over(&r);
}

/* ---- answers */

void wire_put_answer(struct buf *buf, uint64_t id, const struct courier_answer *answer)
{
    size_t at = begin(buf, WIRE_ANSWER, id);
    put_u32(buf, answer->outcome);
    put_u32(buf, (uint32_t)answer->status);
    put_u64(buf, (uint64_t)answer->retry_after_s);
    put_u32(buf, answer->elapsed_ms);
    put_text(buf, str_of(answer->address));
    put_text(buf, str_of(answer->text));
    put_text(buf, answer->body);
    put_u32(buf, answer->nheaders);
    for (unsigned i = 0; i < answer->nheaders; i++) {
        put_text(buf, answer->headers[i].name);
        put_text(buf, answer->headers[i].value);
    }
    end(buf, at);
}

static void keep(char *to, size_t size, struct str s)
{
    size_t n = s.n < size ? s.n : size - 1;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        to[i] = c < ' ' || c == 0x7f ? '?' : s.p[i];
    }
    to[n] = '\0';
}

bool wire_get_answer(struct str message, struct courier_answer *ret)
{
    struct reader r = open_message(message);
    uint64_t ignored;
    memset(ret, 0, sizeof(*ret));
    r.bad |= wire_kind(message, &ignored) != WIRE_ANSWER;
    uint32_t outcome = get_u32(&r), status = get_u32(&r);
    uint64_t retry = get_u64(&r);
    r.bad |= outcome > COURIER_STOPPED || status > 999;
    ret->outcome = r.bad ? COURIER_UNKNOWN : (enum courier_outcome)outcome;
    ret->status = r.bad ? 0 : (int)status;
    ret->retry_after_s = retry <= 86400 ? (int64_t)retry : 0;
    ret->elapsed_ms = get_u32(&r);
    keep(ret->address, sizeof(ret->address), get_text(&r, sizeof(ret->address)));
    keep(ret->text, sizeof(ret->text), get_text(&r, sizeof(ret->text)));
    ret->body = get_text(&r, COURIER_ANSWER_MAX);
    ret->nheaders = get_count(&r, COURIER_WANTED_MAX);
    for (unsigned i = 0; i < ret->nheaders; i++) {
        ret->headers[i].name = get_text(&r, COURIER_NAME_MAX);
        ret->headers[i].value = get_text(&r, COURIER_WANTED_SIZE);
    }
    return is_over(&r);
}

void wire_put_leave(struct buf *buf)
{
    end(buf, begin(buf, WIRE_LEAVE, 0));
}
