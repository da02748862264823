/*
 * transfer: one exchange by libcurl.
 *
 * Every address is looked at right before it is connected to (open_socket), so that a name that leads elsewhere the
 * second time gains nothing. Connections are neither taken over from another exchange nor left to one. Whatever the
 * other side sends is counted, also what it sends before the answer. What its texts say is shown with care: never what it
 * says to a password.
 */
#include "courier/worker.h"

#include "base/arena.h"
#include "base/clock.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- where to */

static bool is_allowed(const struct worker *w, const struct sockaddr *address)
{
    for (unsigned i = 0; i < w->options.nallow; i++) {
        if (address_is_within(address, &w->options.allow[i])) {
            return true;
        }
    }
    return false;
}

static bool uses_proxy(const struct transfer *t)
{
    return t->worker->options.proxy.n && !target_is_mail(&t->target) &&
           t->wire.request.reach != COURIER_CREDENTIALS;
}

static bool may_reach(const struct transfer *t, const struct sockaddr *address)
{
    enum courier_reach reach = t->wire.request.reach;
    switch (address_kind_of(address)) {
    case ADDRESS_PUBLIC:
        return true;
    case ADDRESS_CREDENTIALS:
        return reach == COURIER_CREDENTIALS;
    case ADDRESS_PRIVATE:
    case ADDRESS_LOOPBACK:
        return reach != COURIER_CONFIGURED || t->worker->options.allow_private ||
               is_allowed(t->worker, address);
    default:
        return false;
    }
}

static curl_socket_t open_socket(void *data, curlsocktype purpose, struct curl_sockaddr *address)
{
    struct transfer *t = data;
    bool known = address->family == AF_INET || address->family == AF_INET6;
    bool may = known && (uses_proxy(t) ? address_kind_of(&address->addr) != ADDRESS_NEVER
                                       : may_reach(t, &address->addr));
    (void)purpose;
    if (!may) {
        address_put(&address->addr, t->refused, sizeof(t->refused));
        return CURL_SOCKET_BAD;
    }
    address_put(&address->addr, t->address, sizeof(t->address));
    return socket(address->family, address->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
                  address->protocol);
}

/* An address in the url itself, which a proxy would go to. */
static bool literal_may(struct transfer *t)
{
    struct address_network literal;
    struct sockaddr_in6 address = { .sin6_family = AF_INET6 };
    if (!uses_proxy(t) || !address_network_parse(str_of(t->target.host), &literal)) {
        return true;
    }
    address.sin6_addr = literal.base;
    snprintf(t->refused, sizeof(t->refused), "%.60s", t->target.host);
    return may_reach(t, (const struct sockaddr *)&address);
}

/* ---- what comes and goes */

static size_t on_body(char *p, size_t one, size_t n, void *data)
{
    struct transfer *t = data;
    struct worker *w = t->worker;
    size_t size = one * n;
    t->connected = true;
    if (w->answer_bytes + size > WORKER_ANSWERS_MAX || t->answer.n + size > t->answer.limit) {
        t->too_large = true;
        return 0;
    }
    buf_put(&t->answer, p, size);
    w->answer_bytes += t->answer.failed ? 0 : size;
    return t->answer.failed ? 0 : size;
}

static void keep_line(struct transfer *t, struct str line)
{
    size_t n = 0;
    line = str_trim(line);
    if (t->line[0] && str_starts(line, STR("221"))) {
        return; /* its goodbye: what it said of the mail is of interest */
    }
    for (size_t i = 0; i < line.n && n < sizeof(t->line) - 1; i++) {
        unsigned char c = (unsigned char)line.p[i];
        t->line[n++] = c < ' ' || c > '~' ? '?' : line.p[i];
    }
    t->line[n] = '\0';
}

static size_t on_header(char *p, size_t one, size_t n, void *data)
{
    struct transfer *t = data;
    t->connected = true;
    t->nheaders += one * n;
    if (target_is_mail(&t->target)) {
        keep_line(t, (struct str){ p, one * n });
    }
    t->too_large |= t->nheaders > HEADERS_BYTES_MAX;
    return t->too_large ? 0 : one * n;
}

static size_t give_mail(char *p, size_t one, size_t n, void *data)
{
    struct transfer *t = data;
    struct str rest = str_from_offset(t->wire.request.body, t->sent);
    size_t most = one * n;
    size_t now = rest.n < most ? rest.n : most;
    memcpy(p, now ? rest.p : "", now);
    t->sent += now;
    return now;
}

/* ---- options of libcurl */

#define SET(easy, option, value) (curl_easy_setopt((easy), CURLOPT_##option, (value)) == CURLE_OK)

static bool set_ca(CURL *easy, struct str ca)
{
    struct curl_blob blob = { (void *)ca.p, ca.n, CURL_BLOB_NOCOPY };
    return ca.n == 0 || (SET(easy, CAINFO_BLOB, &blob) && SET(easy, CAPATH, (char *)NULL));
}

static bool set_common(struct transfer *t)
{
    const struct courier_request *request = &t->wire.request;
    const struct wire_options *options = &t->worker->options;
    CURL *easy = t->easy;
    long timeout = request->timeout_ms ? (long)request->timeout_ms : COURIER_TIMEOUT_MS;
    return SET(easy, URL, request->url.p) && SET(easy, PRIVATE, (char *)t) &&
           SET(easy, NOSIGNAL, 1L) && SET(easy, NETRC, (long)CURL_NETRC_IGNORED) &&
           SET(easy, FOLLOWLOCATION, 0L) && SET(easy, FRESH_CONNECT, 1L) &&
           SET(easy, FORBID_REUSE, 1L) && SET(easy, DNS_CACHE_TIMEOUT, 0L) &&
           SET(easy, QUICK_EXIT, 1L) && SET(easy, TIMEOUT_MS, timeout) &&
           SET(easy, CONNECTTIMEOUT_MS, (long)COURIER_CONNECT_MS) &&
           SET(easy, SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) && SET(easy, SSL_VERIFYPEER, 1L) &&
           SET(easy, SSL_VERIFYHOST, 2L) && SET(easy, ERRORBUFFER, t->error) &&
           SET(easy, OPENSOCKETFUNCTION, open_socket) && SET(easy, OPENSOCKETDATA, t) &&
           SET(easy, WRITEFUNCTION, on_body) && SET(easy, WRITEDATA, t) &&
           SET(easy, HEADERFUNCTION, on_header) && SET(easy, HEADERDATA, t) &&
           SET(easy, PROXY, uses_proxy(t) ? options->proxy.p : "") && SET(easy, NOPROXY, "") &&
           set_ca(easy, request->ca.n ? request->ca : options->ca);
}

static bool add(struct curl_slist **list, const char *text)
{
    struct curl_slist *more = curl_slist_append(*list, text);
    *list = more ? more : *list;
    return more;
}

static bool add_header(struct transfer *t, const struct courier_header *header)
{
    struct buf line;
    buf_init(&line, COURIER_NAME_MAX + COURIER_VALUE_MAX + 8);
    buf_puts(&line, header->name);
    buf_putz(&line, header->value.n ? ": " : ";");
    buf_puts(&line, header->value);
    buf_putc(&line, '\0');
    bool good = !line.failed && add(&t->headers, line.p);
    if (line.p) {
        explicit_bzero(line.p, line.n);
    }
    buf_done(&line);
    return good;
}

static bool set_http(struct transfer *t)
{
    const struct courier_request *request = &t->wire.request;
    const struct wire_options *options = &t->worker->options;
    CURL *easy = t->easy;
    bool good = SET(easy, PROTOCOLS_STR, "http,https") &&
                SET(easy, HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) &&
                SET(easy, HTTPAUTH, (long)CURLAUTH_BASIC) &&
                SET(easy, SUPPRESS_CONNECT_HEADERS, 1L) &&
                SET(easy, USERAGENT, options->agent.n ? options->agent.p : "hinomi");
    good = good && add(&t->headers, "Expect:");
    for (unsigned i = 0; good && i < request->nheaders; i++) {
        good = add_header(t, &request->headers[i]);
    }
    good = good && SET(easy, HTTPHEADER, t->headers);
    if (good && request->body.p) {
        good = SET(easy, POSTFIELDSIZE_LARGE, (curl_off_t)request->body.n) &&
               SET(easy, POSTFIELDS, request->body.p);
    }
    return good && (request->method.n == 0 || SET(easy, CUSTOMREQUEST, request->method.p));
}

static bool set_mail(struct transfer *t)
{
    const struct courier_request *request = &t->wire.request;
    CURL *easy = t->easy;
    bool tls = request->tls == COURIER_STARTTLS || target_is_tls(&t->target);
    bool good = SET(easy, PROTOCOLS_STR, "smtp,smtps") &&
                SET(easy, USE_SSL, (long)(tls ? CURLUSESSL_ALL : CURLUSESSL_NONE)) &&
                SET(easy, LOGIN_OPTIONS, "AUTH=PLAIN;AUTH=LOGIN") &&
                SET(easy, MAIL_FROM, request->from.p) && SET(easy, UPLOAD, 1L) &&
                SET(easy, INFILESIZE_LARGE, (curl_off_t)request->body.n) &&
                SET(easy, READFUNCTION, give_mail) && SET(easy, READDATA, t);
    for (unsigned i = 0; good && i < request->nto; i++) {
        good = add(&t->to, request->to[i].p);
    }
    return good && SET(easy, MAIL_RCPT, t->to);
}

static bool set_secret(struct transfer *t)
{
    const struct courier_request *request = &t->wire.request;
    return request->user.n == 0 ||
           (SET(t->easy, USERNAME, request->user.p) && SET(t->easy, PASSWORD, request->password.p));
}

/* ---- life */

struct transfer *transfer_new(struct worker *worker, struct str message)
{
    struct transfer *t = mem_zalloc(sizeof(*t));
    struct err ignored;
    if (!t || !(t->message = mem_alloc(message.n))) {
        free(t);
        return NULL;
    }
    memcpy(t->message, message.p, message.n);
    t->nmessage = message.n;
    t->worker = worker;
    t->came_ns = clock_boot_ns();
    (void)wire_kind(message, &t->id);
    struct str own = { t->message, message.n };
    bool good = wire_get_request(own, &t->wire) && courier_check(&t->wire.request, &ignored) == 0 &&
                target_of(t->wire.request.url, &t->target, &ignored) == 0;
    size_t most = t->wire.request.answer_max;
    buf_init(&t->answer, most ? most : COURIER_ANSWER_DEFAULT);
    if (!good) {
        t->target.key[0] = '\0';
    }
    t->key = str_hash(str_of(t->target.key));
    return t;
}

void transfer_free(struct transfer *t)
{
    if (!t) {
        return;
    }
    curl_easy_cleanup(t->easy);
    curl_slist_free_all(t->headers);
    curl_slist_free_all(t->to);
    if (t->message) {
        explicit_bzero(t->message, t->nmessage);
    }
    t->worker->answer_bytes -= t->answer.n;
    if (t->answer.p) {
        explicit_bzero(t->answer.p, t->answer.n);
    }
    buf_done(&t->answer);
    free(t->message);
    free(t);
}

bool transfer_begin(struct transfer *t)
{
    t->begun_ns = clock_boot_ns();
    t->easy = t->target.key[0] && literal_may(t) ? curl_easy_init() : NULL;
    return t->easy && set_common(t) && set_secret(t) &&
           (target_is_mail(&t->target) ? set_mail(t) : set_http(t)) &&
           curl_multi_add_handle(t->worker->multi, t->easy) == CURLM_OK;
}

/* ---- what came of it */

/* A mail server's last word came: whatever libcurl calls it. */
static bool is_mail_refusal(const struct transfer *t, CURLcode code, long status)
{
    return target_is_mail(&t->target) && status >= 400 && status <= 599 &&
           (code == CURLE_SEND_ERROR || code == CURLE_LOGIN_DENIED ||
            code == CURLE_WEIRD_SERVER_REPLY || code == CURLE_REMOTE_ACCESS_DENIED ||
            code == CURLE_RECV_ERROR);
}

static enum courier_outcome outcome_of(const struct transfer *t, CURLcode code)
{
    switch (code) {
    case CURLE_OK:
        return COURIER_ANSWERED;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return COURIER_UNREACHABLE;
    case CURLE_COULDNT_CONNECT:
        return t->refused[0] && !t->address[0] ? COURIER_REFUSED : COURIER_UNREACHABLE;
    case CURLE_OPERATION_TIMEDOUT:
        return COURIER_TIMEOUT;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_USE_SSL_FAILED:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_ISSUER_ERROR:
        return COURIER_UNTRUSTED;
    default:
        return t->too_large ? COURIER_TOO_LARGE : COURIER_BROKEN;
    }
}

static const char *why(const struct transfer *t, CURLcode code, enum courier_outcome outcome)
{
    long number = 0;
    switch (outcome) {
    case COURIER_TIMEOUT:
        return t->connected ? "the answer did not come in time" : "there was no connection in time";
    case COURIER_TOO_LARGE:
        return "the answer is too large";
    case COURIER_UNTRUSTED:
        return t->error[0] ? t->error : curl_easy_strerror(code);
    case COURIER_UNREACHABLE:
        if (code == CURLE_COULDNT_CONNECT) {
            curl_easy_getinfo(t->easy, CURLINFO_OS_ERRNO, &number);
            return number ? strerror((int)number) : "no connection";
        }
        return "there is no such name";
    default:
        return curl_easy_strerror(code);
    }
}

static void say(struct courier_answer *ret, const struct transfer *t, CURLcode code)
{
    const char *text = why(t, code, ret->outcome);
    if (ret->outcome == COURIER_REFUSED) {
        snprintf(ret->text, sizeof(ret->text),
                 "%s may not be connected to: `outbound.allow` and `outbound.allow_private` of the "
                 "configuration say which addresses may",
                 t->refused[0] ? t->refused : "this");
    } else if (ret->outcome != COURIER_ANSWERED) {
        snprintf(ret->text, sizeof(ret->text), "%.200s", text);
    } else if (target_is_mail(&t->target)) {
        bool login = code == CURLE_LOGIN_DENIED;
        snprintf(ret->text, sizeof(ret->text), "%s",
                 login ? "the user's name or password was refused" : t->line);
    }
}

static void take_headers(struct transfer *t, struct courier_answer *ret)
{
    struct str rest = t->wire.request.wanted;
    while (rest.n && ret->nheaders < COURIER_WANTED_MAX) {
        struct curl_header *header;
        char storage[COURIER_NAME_MAX + 1];
        ptrdiff_t blank = str_find_char(rest, ' ');
        struct str name = blank < 0 ? rest : str_first(rest, (size_t)blank);
        rest = str_from_offset(rest, name.n + 1);
        if (name.n == 0 || name.n > COURIER_NAME_MAX) {
            continue;
        }
        snprintf(storage, sizeof(storage), "%.*s", STR_ARG(name));
        if (curl_easy_header(t->easy, storage, 0, CURLH_HEADER, -1, &header) == CURLHE_OK) {
            ret->headers[ret->nheaders++] =
                (struct courier_header){ name,
                                         str_first(str_of(header->value), COURIER_WANTED_SIZE) };
        }
    }
}

void transfer_judge(struct transfer *t, CURLcode code, struct courier_answer *ret)
{
    long status = 0;
    curl_off_t retry = 0;
    memset(ret, 0, sizeof(*ret));
    ret->elapsed_ms = t->begun_ns ? (uint32_t)((clock_boot_ns() - t->begun_ns) / NS_PER_MS) : 0;
    snprintf(ret->address, sizeof(ret->address), "%s", t->address);
    if (t->easy) {
        curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    }
    bool refusal = is_mail_refusal(t, code, status);
    ret->outcome = !t->easy ? COURIER_REFUSED : refusal ? COURIER_ANSWERED : outcome_of(t, code);
    say(ret, t, code);
    if (ret->outcome != COURIER_ANSWERED) {
        return;
    }
    ret->status = status > 0 && status < 1000 ? (int)status : 0;
    if (!target_is_mail(&t->target)) {
        curl_easy_getinfo(t->easy, CURLINFO_RETRY_AFTER, &retry);
        ret->retry_after_s = retry > 0 && retry <= 86400 ? (int64_t)retry : 0;
        ret->body = buf_str(&t->answer);
        take_headers(t, ret);
    }
}
