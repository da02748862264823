/*
 * One request on a connection of its own; the answer's body only says more when it failed.
 */
#include "agent/runtime_post.h"

#include "agent/runtime.h"
#include "base/buf.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>

#define URL_MAX 256

static size_t take_body(char *p, size_t size, size_t n, void *data)
{
    struct buf *body = data;
    (void)size; /* always 1 */
    buf_put(body, p, n);
    return body->failed ? 0 : n;
}

static bool set_up(CURL *easy, const char *socket, const char *url, struct buf *body)
{
    return curl_easy_setopt(easy, CURLOPT_URL, url) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, socket) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_POST, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE, 0L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_USERAGENT, "hinomi-agent") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEDATA, body) == CURLE_OK;
}

static int code_of(CURLcode code)
{
    switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
        return -ETIMEDOUT;
    case CURLE_COULDNT_CONNECT:
        return -ECONNREFUSED;
    case CURLE_WRITE_ERROR:
        return -EFBIG;
    default:
        return -EPROTO;
    }
}

static int request(CURL *easy, const char *socket, const struct buf *body, struct err *err)
{
    long status = 0;
    CURLcode code = curl_easy_perform(easy);
    if (code != CURLE_OK) {
        return err_set(err, code_of(code), "%s: %s", socket, curl_easy_strerror(code));
    }
    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    if ((status >= 200 && status < 300) || status == 304) {
        return 0;
    }
    struct str said = str_trim(str_first(buf_str(body), 200));
    return err_set(err, status == 404 ? -ENOENT : -EPROTO, "%s: HTTP status %ld: %.*s", socket,
                   status, STR_ARG(said));
}

int runtime_post(const char *socket, struct str id, const char *what, uint32_t timeout_ms,
                 struct err *err)
{
    char url[URL_MAX];
    struct buf body;
    int n = snprintf(url, sizeof(url), "http://localhost/containers/%.*s/%s", STR_ARG(id), what);
    if (!runtime_id_is_clean(id) || n >= (int)sizeof(url)) {
        return err_set(err, -EINVAL, "no id of a container");
    }
    CURL *easy = curl_easy_init();
    buf_init(&body, RUNTIME_POST_BODY_MAX);
    int r = -ENOMEM;
    if (easy && set_up(easy, socket, url, &body) &&
        curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)timeout_ms) == CURLE_OK) {
        r = request(easy, socket, &body, err);
    } else {
        r = err_set(err, r, "cannot set a request up");
    }
    buf_done(&body);
    curl_easy_cleanup(easy);
    return r;
}
