/*
 * exchange: the steps of one request, apart from sockets.
 *
 * open:   method, target, Host, where it goes; what is unclear is refused before anything is looked up
 * check:  rate, how large, who sends it, what that one may, cross-site forgery; before a body is read
 * body:   piece by piece, up to the limit of the route
 * handle: the module's handler, once or, with HTTP_WAIT, several times
 * seal:   headers that every reply has
 *
 * An exchange is used by one thread at a time.
 */
#include "server/http_internal.h"

#include "base/clock.h"
#include "server/accounts.h"
#include "server/config.h"
#include "server/console.h"
#include "server/host.h"
#include "server/http_limits.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#pragma weak accounts_identify
#pragma weak accounts_csrf
#pragma weak accounts_still
#pragma weak accounts_generation
#pragma weak accounts_audit_request
#pragma weak console_page_route

static void make_id(struct exchange *x)
{
    static atomic_uint_fast64_t count;
    snprintf(x->request.id, sizeof(x->request.id), "%016llx",
             (unsigned long long)hash_u64(clock_real_ns() ^ atomic_fetch_add(&count, 1) << 48));
}

int exchange_new(struct http_server *http, struct exchange **ret)
{
    struct exchange *x = mem_zalloc(sizeof *x);
    if (!x) {
        return -ENOMEM;
    }
    arena_init(&x->arena, HTTP_ARENA_MAX);
    buf_init(&x->body, HTTP_BODY_MAX);
    buf_init(&x->reply.body, HTTP_REPLY_MAX);
    x->http = http;
    x->started = clock_boot_ns();
    x->request = (struct request){
        .server = http->server, .arena = &x->arena, .principal = &x->principal, .connection = x
    };
    x->reply.request = &x->request;
    make_id(x);
    *ret = x;
    return 0;
}

void exchange_free(struct exchange *x)
{
    if (x) {
        reply_clear(&x->reply);
        for (unsigned i = 0; i < x->nparsed; i++) {
            json_object_put(x->parsed[i]);
        }
        limits_give_body(x->http->limits, x->body.n);
        buf_done(&x->body);
        arena_done(&x->arena);
        free(x);
    }
}

/* Refused in a way that leaves no doubt where the next request begins. */
static bool refuse_and_close(struct exchange *x, unsigned status, const char *code, const char *why)
{
    reply_problem(&x->reply, status, code, "%s", why);
    x->reply.close = true;
    return false;
}

static bool keep_headers(struct exchange *x, const struct exchange_start *start)
{
    if (start->nheaders > HTTP_HEADERS_MAX) {
        return refuse_and_close(x, 431, "too_many_headers", "the request has too many headers");
    }
    for (size_t i = 0; i < start->nheaders; i++) {
        struct http_header *header = &x->headers[x->nheaders];
        header->name = arena_str(&x->arena, start->headers[i].name);
        header->value = arena_str(&x->arena, str_trim(start->headers[i].value));
        if (!header->name.p || !header->value.p) {
            return refuse_and_close(x, 503, "no_memory", "the server is out of memory");
        }
        x->nheaders++;
    }
    return true;
}

static unsigned count_headers(const struct exchange *x, const char *name)
{
    unsigned n = 0;
    for (unsigned i = 0; i < x->nheaders; i++) {
        n += str_ieq(x->headers[i].name, str_of(name));
    }
    return n;
}

/* Digits only: "+5", "0x5", "5, 5" are how two readers come to disagree. */
static bool parse_length(struct str text, uint64_t *ret)
{
    uint64_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9') {
            return false;
        }
        n = n * 10 + (uint64_t)(text.p[i] - '0');
    }
    *ret = n;
    return text.n > 0 && text.n <= 18;
}

static bool check_framing(struct exchange *x)
{
    unsigned lengths = count_headers(x, "Content-Length");
    if (count_headers(x, "Transfer-Encoding")) {
        return lengths ? refuse_and_close(x, 400, "bad_framing",
                                          "both Content-Length and Transfer-Encoding")
                       : refuse_and_close(x, 411, "length_required",
                                          "bodies need a Content-Length here");
    }
    if (lengths > 1 || (lengths && !parse_length(request_header(&x->request, "Content-Length"),
                                                 &x->body_length))) {
        return refuse_and_close(x, 400, "bad_framing",
                                "the Content-Length is not one decimal number");
    }
    return true;
}

static bool check_host(struct exchange *x, struct str *target)
{
    if (count_headers(x, "Host") != 1) {
        return refuse_and_close(x, 400, "bad_host", "there must be one Host header");
    }
    struct str host = request_header(&x->request, "Host");
    if (!host_take_absolute(target, host)) {
        return refuse_and_close(x, 400, "bad_target",
                                "an absolute target must name the same host as Host does");
    }
    if (!host_is_ours(server_config(x->request.server), host)) {
        return refuse_and_close(x, 421, "not_this_host",
                                "this server is not known by that name; see `names` of its "
                                "configuration");
    }
    return true;
}

/* HTTP_DELETE + 1 and more: not one of ours. */
static unsigned parse_method(struct exchange *x, struct str text)
{
    unsigned method = HTTP_GET;
    if (str_eq(text, STR("HEAD"))) {
        x->head = true;
        return HTTP_GET;
    }
    while (method <= HTTP_DELETE &&
           !str_eq(text, str_of(http_method_name((enum http_method)method)))) {
        method++;
    }
    return method;
}

static void allow(struct exchange *x, unsigned allowed)
{
    char storage[64];
    struct buf text;
    buf_init_fixed(&text, storage, sizeof(storage));
    for (unsigned m = HTTP_GET; m <= HTTP_DELETE; m++) {
        if (allowed & 1u << m) {
            buf_printf(&text, "%s%s", text.n ? ", " : "", http_method_name((enum http_method)m));
            buf_putz(&text, m == HTTP_GET ? ", HEAD" : "");
        }
    }
    buf_printf(&text, "%sOPTIONS", text.n ? ", " : "");
    reply_header(&x->reply, "Allow", buf_str(&text));
}

static bool find_route(struct exchange *x, struct str method_text)
{
    unsigned allowed = 0, method = parse_method(x, method_text);
    bool options = str_eq(method_text, STR("OPTIONS"));
    x->request.method = method > HTTP_DELETE ? HTTP_GET : (enum http_method)method;
    const struct route *route = routes_find(x->http->routes, x, &allowed);
    if (!allowed && method == HTTP_GET && console_page_route) {
        x->request.route = console_page_route(&x->target, request_header(&x->request, "Accept"));
    }
    if (x->request.route) {
        return true;
    }
    if (!allowed) {
        reply_problem(&x->reply, 404, "no_such_path", "there is nothing at this path");
        return false;
    }
    if (method > HTTP_DELETE && !options) {
        allow(x, allowed);
        reply_problem(&x->reply, 501, "no_such_method", "this method is not known here");
        return false;
    }
    if (options || !route) {
        allow(x, allowed);
        if (options) {
            reply_empty(&x->reply, 204);
        } else {
            reply_problem(&x->reply, 405, "not_allowed", "this path has other methods");
        }
        return false;
    }
    x->request.route = route;
    return true;
}

static bool is_among(struct str name, const char *names)
{
    struct str rest = str_of(names);
    while (rest.n) {
        ptrdiff_t blank = str_find_char(rest, ' ');
        struct str word = blank < 0 ? rest : str_first(rest, (size_t)blank);
        if (str_eq(word, name)) {
            return true;
        }
        rest = str_from_offset(rest, word.n + 1);
    }
    return false;
}

static bool check_query(struct exchange *x)
{
    for (unsigned i = 0; i < x->target.nquery && !(x->request.route->flags & ROUTE_PAGE); i++) {
        if (!is_among(x->target.query[i].name, x->request.route->query)) {
            reply_problem(&x->reply, 400, "bad_query", "there is no `%.*s` in this query%s%s",
                          STR_ARG(str_first(x->target.query[i].name, 64)),
                          x->request.route->query ? "; there are: " : "",
                          x->request.route->query ? x->request.route->query : "");
            return false;
        }
    }
    return true;
}

bool exchange_open(struct exchange *x, const struct exchange_start *start)
{
    struct err err = { 0 };
    struct str target = arena_str(&x->arena, start->target);
    x->request.peer = start->peer;
    x->secure = start->secure;
    if (!target.p || !keep_headers(x, start) || !check_framing(x)) {
        return false;
    }
    proxy_client(server_config(x->request.server), &x->request, &x->secure);
    if (!check_host(x, &target)) {
        return false;
    }
    if (str_eq(start->method, STR("OPTIONS")) && str_eq(target, STR("*"))) {
        allow(x, ~0u);
        reply_empty(&x->reply, 204);
        return false;
    }
    if (target_parse(&x->arena, target, &x->target, &err) < 0) {
        return refuse_and_close(x, 400, "bad_target", err.message);
    }
    x->request.path = x->target.path;
    return find_route(x, start->method) && check_query(x);
}

static bool too_many(struct exchange *x, unsigned wait_s)
{
    char storage[16];
    struct buf text;
    buf_init_fixed(&text, storage, sizeof(storage));
    buf_u64(&text, wait_s);
    reply_header(&x->reply, "Retry-After", buf_str(&text));
    reply_problem(&x->reply, 429, "too_many_requests", "too many requests; wait a little");
    return false;
}

static bool check_size(struct exchange *x)
{
    const struct route *route = x->request.route;
    size_t most = route->body_max ? route->body_max : HTTP_BODY_MAX;
    if (x->body_length && x->request.method == HTTP_GET) {
        return refuse_and_close(x, 400, "unwanted_body", "this method takes no body");
    }
    if (x->body_length > most) {
        reply_problem(&x->reply, 413, "too_large", "the body is larger than %zu bytes", most);
        x->reply.close = true;
        return false;
    }
    x->body.limit = most;
    return true;
}

static bool unauthorized(struct exchange *x, const char *code, const char *why)
{
    reply_header(&x->reply, "WWW-Authenticate", STR("Bearer"));
    reply_problem(&x->reply, 401, code, "%s", why);
    return false;
}

/* False: the reply says why. */
static bool accept_identity(struct exchange *x, int r)
{
    switch (-r) {
    case 0:
        return x->principal.kind != PRINCIPAL_NOBODY ||
               unauthorized(x, "unauthorized", "credentials are wanted");
    case EACCES:
        return unauthorized(x, "unauthorized", "these credentials are not valid");
    case EKEYREVOKED:
        return unauthorized(x, "agent_revoked", "this agent was revoked");
    case ENOTUNIQ:
        reply_problem(&x->reply, 409, "agent_cloned",
                      "two agents use these credentials; an administrator has to decide");
        return false;
    case EBADMSG:
        reply_problem(&x->reply, 400, "instance_wanted",
                      "the header Hinomi-Instance must have 16 digits, 0-9 and a-f");
        return false;
    case EAGAIN:
        return too_many(x, 1);
    case EBUSY:
        reply_problem(&x->reply, 503, "busy", "the store is busy; try again");
        return false;
    default:
        reply_problem(&x->reply, 500, "internal", "the credentials could not be checked");
        return false;
    }
}

static uint64_t generation_of(const struct exchange *x)
{
    const struct server *server = x->request.server;
    return accounts_generation && server->accounts ? accounts_generation(server) : 0;
}

static bool identify(struct exchange *x)
{
    x->generation = generation_of(x);
    x->identified = true;
    return accept_identity(x, accounts_identify
                                  ? accounts_identify(x->request.server, &x->request, &x->principal)
                                  : 0);
}

/* Rights that were taken while the request waited are taken from it, too. */
static bool still_may(struct exchange *x)
{
    uint64_t now = x->identified && x->request.waited ? generation_of(x) : x->generation;
    if (now == x->generation || !accounts_still) {
        return true;
    }
    x->generation = now;
    int r = accounts_still(x->request.server, &x->request);
    return r == -EBUSY || accept_identity(x, r);
}

/* A browser says where a request comes from; other programs say nothing. */
static bool same_site(const struct exchange *x)
{
    struct str site = request_header(&x->request, "Sec-Fetch-Site");
    struct str origin = request_header(&x->request, "Origin");
    struct str host = request_header(&x->request, "Host");
    if (site.p && !str_ieq(site, STR("same-origin")) && !str_ieq(site, STR("none"))) {
        return false;
    }
    struct str scheme = x->secure ? STR("https://") : STR("http://");
    return !origin.p ||
           (str_starts(origin, scheme) && str_ieq(str_from_offset(origin, scheme.n), host));
}

static bool check_forgery(struct exchange *x)
{
    if (x->request.method == HTTP_GET) {
        return true;
    }
    if (!same_site(x)) {
        reply_problem(&x->reply, 403, "cross_site", "the request comes from another site");
        return false;
    }
    if (x->principal.by_cookie &&
        !(accounts_csrf && accounts_csrf(x->request.server, &x->request,
                                         request_header(&x->request, "X-Hinomi-CSRF")))) {
        reply_problem(&x->reply, 403, "csrf", "the header X-Hinomi-CSRF is missing or wrong");
        return false;
    }
    return true;
}

static bool check_permission(struct exchange *x)
{
    const struct principal *who = &x->principal;
    unsigned wanted = x->request.route->may;
    if ((who->may & wanted) != wanted) {
        reply_problem(&x->reply, 403, "forbidden", "these credentials may not do this");
        return false;
    }
    struct str id = request_param(&x->request, "id");
    if (wanted == MAY_AGENT && !(id.p && str_eq(id, who->name))) {
        reply_problem(&x->reply, 403, "not_yours", "an agent speaks for itself only");
        return false;
    }
    return true;
}

static unsigned principal_wait(struct exchange *x)
{
    char storage[512];
    struct buf key;
    buf_init_fixed(&key, storage, sizeof(storage));
    buf_printf(&key, "%d:%lld:", (int)x->principal.kind, (long long)x->principal.id);
    buf_puts(&key, str_first(x->principal.name, 256));
    return limits_take_principal(x->http->limits, buf_str(&key), x->started);
}

bool exchange_check(struct exchange *x, const struct principal *principal)
{
    unsigned wait_s = limits_take_address(x->http->limits, &x->request.peer, x->started);
    if (wait_s) {
        return too_many(x, wait_s);
    }
    if (!check_size(x)) {
        return false;
    }
    if (principal) {
        x->principal = *principal;
    }
    if (x->request.route->may != MAY_ANYONE) {
        if ((!principal && !identify(x)) || !check_permission(x)) {
            return false;
        }
        wait_s = principal_wait(x);
        if (wait_s) {
            return too_many(x, wait_s);
        }
    }
    return check_forgery(x);
}

bool exchange_body(struct exchange *x, struct str piece)
{
    if (!limits_take_body(x->http->limits, piece.n)) {
        reply_header(&x->reply, "Retry-After", STR("1"));
        return refuse_and_close(x, 503, "busy", "too many large requests at once");
    }
    size_t before = x->body.n;
    buf_puts(&x->body, piece);
    if (x->body.n != before + piece.n) {
        limits_give_body(x->http->limits, piece.n);
        return x->body.n + piece.n > x->body.limit
                   ? refuse_and_close(x, 413, "too_large", "the body is too large")
                   : refuse_and_close(x, 503, "no_memory", "the server is out of memory");
    }
    return true;
}

enum http_result exchange_handle(struct exchange *x)
{
    const struct route *route = x->request.route;
    x->moment = bell_moment();
    x->reply.nheaders = 0; /* of a call before this one, that waited */
    x->request.body = buf_str(&x->body);
    if (!still_may(x)) {
        return HTTP_DONE;
    }
    enum http_result result = route->handle(x->request.server, &x->request, &x->reply);
    if (result == HTTP_WAIT && x->reply.waits) {
        return HTTP_WAIT;
    }
    if (x->reply.kind == REPLY_NONE || (x->reply.kind == REPLY_BODY && x->reply.body.failed)) {
        reply_problem(&x->reply, 500, "internal", "the reply could not be made");
    }
    if (route->flags & ROUTE_AUDIT && x->reply.status < 300 && accounts_audit_request) {
        accounts_audit_request(x->request.server, &x->request, x->reply.status);
    }
    return HTTP_DONE;
}

static void default_header(struct reply *reply, const char *name, const char *value)
{
    if (!reply_has_header(reply, name)) {
        reply_header(reply, name, str_of(value));
    }
}

void exchange_seal(struct exchange *x)
{
    struct reply *reply = &x->reply;
    default_header(reply, "X-Content-Type-Options", "nosniff");
    default_header(
        reply, "Content-Security-Policy",
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'");
    default_header(reply, "X-Frame-Options", "DENY");
    default_header(reply, "Referrer-Policy", "no-referrer");
    default_header(reply, "Cross-Origin-Resource-Policy", "same-origin");
    default_header(reply, "Cross-Origin-Opener-Policy", "same-origin");
    default_header(reply, "Cache-Control", "no-store");
    if (x->secure) {
        default_header(reply, "Strict-Transport-Security", "max-age=31536000");
    }
}
