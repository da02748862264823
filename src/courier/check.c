/*
 * check: requests that are not well-formed never reach the courier.
 *
 * Whatever becomes a line of a protocol (headers, addresses of mail, the name after EHLO) has no control characters and
 * no brackets, so that nobody's text ends a line of ours; a mail's lines end in CR LF and nothing else, so that no
 * two servers disagree on where it ends.
 */
#include "courier/check.h"

#include "base/cleanup.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>

#define LINE_MAX_BYTES 998

static bool is_among(struct str s, const char *more)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
        if (!plain && (c == '\0' || !strchr(more, c))) {
            return false;
        }
    }
    return s.n > 0;
}

/* Printable ASCII, without blanks. */
static bool is_graphic(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] <= ' ' || s.p[i] > '~') {
            return false;
        }
    }
    return true;
}

/* ---- url */

static bool scheme_of(const char *text, enum target_scheme *ret)
{
    static const char *const names[] = { "http", "https", "smtp", "smtps" };
    for (unsigned i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (strcmp(text, names[i]) == 0) {
            *ret = (enum target_scheme)i;
            return true;
        }
    }
    return false;
}

bool target_is_mail(const struct target *target)
{
    return target->scheme == SCHEME_SMTP || target->scheme == SCHEME_SMTPS;
}

bool target_is_tls(const struct target *target)
{
    return target->scheme == SCHEME_HTTPS || target->scheme == SCHEME_SMTPS;
}

static bool keep_host(struct target *ret, const char *host)
{
    size_t n = strlen(host);
    struct in6_addr v6;
    bool brackets = n > 2 && host[0] == '[' && host[n - 1] == ']';
    if (n == 0 || n >= sizeof(ret->host)) {
        return false;
    }
    memset(ret->host, 0, sizeof(ret->host));
    for (size_t i = 0; i < n; i++) {
        ret->host[i] = (char)tolower((unsigned char)host[i]);
    }
    if (brackets) {
        memmove(ret->host, ret->host + 1, n - 2);
        ret->host[n - 2] = '\0';
        return inet_pton(AF_INET6, ret->host, &v6) == 1;
    }
    return is_among(str_of(ret->host), ".-_");
}

struct parts {
    char *scheme, *host, *port, *path, *user, *fragment, *query;
};

static void cleanup_parts(struct parts *p)
{
    curl_free(p->scheme);
    curl_free(p->host);
    curl_free(p->port);
    curl_free(p->path);
    curl_free(p->user);
    curl_free(p->fragment);
    curl_free(p->query);
}

static bool split(const char *url, struct parts *ret)
{
    CURLU *handle = curl_url();
    bool good = handle && curl_url_set(handle, CURLUPART_URL, url, 0) == CURLUE_OK &&
                curl_url_get(handle, CURLUPART_SCHEME, &ret->scheme, 0) == CURLUE_OK &&
                curl_url_get(handle, CURLUPART_HOST, &ret->host, 0) == CURLUE_OK &&
                curl_url_get(handle, CURLUPART_PORT, &ret->port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
                curl_url_get(handle, CURLUPART_PATH, &ret->path, 0) == CURLUE_OK;
    if (good) {
        (void)curl_url_get(handle, CURLUPART_USER, &ret->user, 0);
        (void)curl_url_get(handle, CURLUPART_FRAGMENT, &ret->fragment, 0);
        (void)curl_url_get(handle, CURLUPART_QUERY, &ret->query, 0);
    }
    curl_url_cleanup(handle);
    return good;
}

static bool is_hello(const struct parts *parts)
{
    return !parts->query &&
           (strcmp(parts->path, "/") == 0 ||
            (strlen(parts->path) < 256 && is_among(str_of(parts->path + 1), ".-")));
}

int target_of(struct str url, struct target *ret, struct err *err)
{
    CLEANUP(cleanup_parts) struct parts parts = { 0 };
    CLEANUP(cleanup_free) char *text = NULL;
    if (url.n == 0 || url.n > COURIER_URL_MAX || !is_graphic(url) ||
        str_find_char(url, '\\') >= 0) {
        return err_set(err, -EINVAL, "the url is not well-formed");
    }
    ptrdiff_t slashes = str_find(url, STR("://"));
    text = str_dupz(url);
    if (slashes < 0 || str_starts(str_from_offset(url, (size_t)slashes + 3), STR("/"))) {
        return err_set(err, -EINVAL, "the url has no scheme or no host");
    }
    if (!text || !split(text, &parts) || !scheme_of(parts.scheme, &ret->scheme)) {
        return err_set(err, -EINVAL, "the url is not one of http, https, smtp or smtps");
    }
    if (parts.user || parts.fragment) {
        return err_set(err, -EINVAL, "the url has a user or a fragment");
    }
    if (!keep_host(ret, parts.host) || (target_is_mail(ret) && !is_hello(&parts))) {
        return err_set(err, -EINVAL, "the url's host is not well-formed");
    }
    snprintf(ret->key, sizeof(ret->key), "%s://%s:%s", parts.scheme, ret->host, parts.port);
    return 0;
}

/* ---- headers, addresses, mail */

static bool is_method(struct str method)
{
    static const char *const names[] = { "", "GET", "POST", "PUT", "PATCH", "DELETE" };
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (str_eqz(method, names[i])) {
            return true;
        }
    }
    return false;
}

static bool is_value(struct str value)
{
    for (size_t i = 0; i < value.n; i++) {
        unsigned char c = (unsigned char)value.p[i];
        if ((c < ' ' && c != '\t') || c == 0x7f) {
            return false;
        }
    }
    return value.n <= COURIER_VALUE_MAX;
}

/* What frames a message is not the caller's. */
static bool is_ours(struct str name)
{
    static const char *const names[] = { "Content-Length", "Transfer-Encoding",
                                         "Connection",     "Upgrade",
                                         "Expect",         "TE" };
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (str_ieq(name, str_of(names[i]))) {
            return true;
        }
    }
    return false;
}

static int check_headers(const struct courier_request *request, struct err *err)
{
    if (request->nheaders > COURIER_HEADERS_MAX) {
        return err_set(err, -EINVAL, "more than %d headers", COURIER_HEADERS_MAX);
    }
    for (unsigned i = 0; i < request->nheaders; i++) {
        const struct courier_header *header = &request->headers[i];
        if (header->name.n > COURIER_NAME_MAX || !is_among(header->name, "-_") ||
            is_ours(header->name)) {
            return err_set(err, -EINVAL, "a header of that name cannot be sent");
        }
        if (!is_value(header->value)) {
            return err_set(err, -EINVAL, "the header %.*s is too long or has control characters",
                           STR_ARG(header->name));
        }
    }
    return 0;
}

static bool is_mail_address(struct str address)
{
    ptrdiff_t at = str_find_char(address, '@');
    return address.n <= COURIER_ADDRESS_MAX && at > 0 && (size_t)at + 1 < address.n &&
           str_find_last(address, '@') == at &&
           is_among(str_first(address, (size_t)at), "!#$%&'*+-/=?^_`{|}~.") &&
           is_among(str_from_offset(address, (size_t)at + 1), ".-");
}

static bool is_mail_text(struct str text)
{
    size_t line = 0;
    for (size_t i = 0; i < text.n; i++) {
        bool ends = text.p[i] == '\r' && i + 1 < text.n && text.p[i + 1] == '\n';
        if (ends) {
            i++;
            line = 0;
        } else if (text.p[i] == '\r' || text.p[i] == '\n' || text.p[i] == '\0' ||
                   ++line > LINE_MAX_BYTES) {
            return false;
        }
    }
    return str_ends(text, STR("\r\n"));
}

static int check_mail(const struct courier_request *request, struct err *err)
{
    if (request->nheaders || request->method.n) {
        return err_set(err, -EINVAL, "a mail's headers are a part of its body");
    }
    if (request->nto == 0 || request->nto > COURIER_TO_MAX) {
        return err_set(err, -EINVAL, "a mail has 1 to %d recipients", COURIER_TO_MAX);
    }
    for (unsigned i = 0; i < request->nto; i++) {
        if (!is_mail_address(request->to[i])) {
            return err_set(err, -EINVAL, "recipient %u is no address of mail", i + 1);
        }
    }
    if (request->from.n && !is_mail_address(request->from)) {
        return err_set(err, -EINVAL, "the sender is no address of mail");
    }
    return is_mail_text(request->body)
               ? 0
               : err_set(err, -EINVAL, "the mail's lines are not of 998 bytes that end in CR LF");
}

static int check_sizes(const struct courier_request *request, struct err *err)
{
    return request->body.n <= COURIER_BODY_MAX && request->ca.n <= COURIER_CA_MAX &&
                   request->answer_max <= COURIER_ANSWER_MAX &&
                   request->timeout_ms <= COURIER_TIMEOUT_MOST_MS &&
                   request->user.n <= COURIER_SECRET_MAX &&
                   request->password.n <= COURIER_SECRET_MAX &&
                   (request->wanted.n == 0 || is_among(request->wanted, "- ")) &&
                   request->wanted.n <= COURIER_WANTED_MAX * (COURIER_NAME_MAX + 1)
               ? 0
               : err_set(err, -EINVAL, "the request is too large");
}

static int check_secret(const struct courier_request *request, const struct target *target,
                        struct err *err)
{
    bool starttls = target->scheme == SCHEME_SMTP && request->tls == COURIER_STARTTLS;
    if (request->user.n == 0 && request->password.n == 0) {
        return 0;
    }
    if (!is_value(request->user) || !is_value(request->password) || request->user.n == 0) {
        return err_set(err, -EINVAL, "the user's name or password is not well-formed");
    }
    if (!target_is_mail(target) && str_find_char(request->user, ':') >= 0) {
        return err_set(err, -EINVAL, "the user's name has a colon");
    }
    return target_is_tls(target) || starttls
               ? 0
               : err_set(err, -EINVAL, "a password is sent over TLS only");
}

int courier_check(const struct courier_request *request, struct err *err)
{
    struct target target;
    int r = target_of(request->url, &target, err);
    r = r == 0 ? check_sizes(request, err) : r;
    r = r == 0 ? check_secret(request, &target, err) : r;
    if (r < 0 || target_is_mail(&target)) {
        return r < 0 ? r : check_mail(request, err);
    }
    if (!is_method(request->method) || request->nto || request->from.n) {
        return err_set(err, -EINVAL, "the method is not one of GET, POST, PUT, PATCH, DELETE");
    }
    return check_headers(request, err);
}
