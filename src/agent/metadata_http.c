/*
 * metadata_http: libcurl's multi interface with one request at a time, so that another thread can end it.
 *
 * The same object waits between requests: curl_multi_poll() sleeps without any descriptor too, and
 * curl_multi_wakeup() ends both kinds of waiting. Each request has its own connection.
 */
#include "agent/metadata_http.h"

#include "base/arena.h"
#include "base/cleanup.h"

#include <curl/curl.h>
#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>

#define POLL_MS    1000
#define SERVER_MAX 64

struct metadata_http {
    CURLM *multi;
    CURL *easy;
    atomic_bool stopping;
    bool initialised;
    char server[SERVER_MAX];
};

struct answer {
    struct buf *body;
    size_t header_bytes;
    bool too_large;
};

CLEANUP_DEFINE(struct metadata_http, metadata_http_free);

int metadata_http_new(struct metadata_http **ret, struct err *err)
{
    CLEANUP(cleanup_metadata_http_free) struct metadata_http *http = mem_zalloc(sizeof *http);
    if (!http) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    http->initialised = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
    http->multi = http->initialised ? curl_multi_init() : NULL;
    http->easy = http->multi ? curl_easy_init() : NULL;
    if (!http->easy) {
        return err_set(err, -ENOMEM, "cannot start libcurl");
    }
    *ret = TAKE(http);
    return 0;
}

void metadata_http_free(struct metadata_http *http)
{
    if (!http) {
        return;
    }
    curl_easy_cleanup(http->easy);
    curl_multi_cleanup(http->multi);
    if (http->initialised) {
        curl_global_cleanup();
    }
    free(http);
}

void metadata_http_wake(struct metadata_http *http)
{
    curl_multi_wakeup(http->multi);
}

void metadata_http_stop(struct metadata_http *http)
{
    atomic_store(&http->stopping, true);
    metadata_http_wake(http);
}

bool metadata_http_stopped(struct metadata_http *http)
{
    return atomic_load(&http->stopping);
}

void metadata_http_sleep(struct metadata_http *http, uint64_t ms)
{
    if (!metadata_http_stopped(http)) {
        curl_multi_poll(http->multi, NULL, 0, ms < INT_MAX ? (int)ms : INT_MAX, NULL);
    }
}

static size_t take_body(char *p, size_t size, size_t n, void *data)
{
    struct answer *answer = data;
    (void)size; /* always 1 */
    buf_put(answer->body, p, n);
    answer->too_large |= answer->body->failed;
    return answer->body->failed ? 0 : n;
}

static size_t take_header(char *p, size_t size, size_t n, void *data)
{
    struct answer *answer = data;
    (void)p;
    (void)size;
    answer->header_bytes += n;
    answer->too_large |= answer->header_bytes > METADATA_HEADERS_MAX;
    return answer->too_large ? 0 : n;
}

static bool set_up(CURL *easy, const struct metadata_request *request, struct answer *answer)
{
    curl_easy_reset(easy);
    return curl_easy_setopt(easy, CURLOPT_URL, request->url) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, request->socket) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_USERAGENT, "hinomi-agent") == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_FRESH_CONNECT, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_FORBID_REUSE, 1L) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)request->timeout_ms) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)answer->body->limit) ==
               CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_WRITEDATA, answer) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_header) == CURLE_OK &&
           curl_easy_setopt(easy, CURLOPT_HEADERDATA, answer) == CURLE_OK;
}

/* Until done or stopped. */
static CURLcode run(struct metadata_http *http)
{
    int running = 1;
    while (!metadata_http_stopped(http)) {
        if (curl_multi_perform(http->multi, &running) != CURLM_OK) {
            return CURLE_FAILED_INIT;
        }
        if (!running) {
            int left;
            const CURLMsg *message = curl_multi_info_read(http->multi, &left);
            return message ? message->data.result : CURLE_FAILED_INIT;
        }
        if (curl_multi_poll(http->multi, NULL, 0, POLL_MS, NULL) != CURLM_OK) {
            return CURLE_FAILED_INIT;
        }
    }
    return CURLE_ABORTED_BY_CALLBACK;
}

static int code_of(CURLcode code)
{
    switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
        return -ETIMEDOUT;
    case CURLE_COULDNT_CONNECT:
        return -ECONNREFUSED;
    case CURLE_FILESIZE_EXCEEDED:
        return -EFBIG;
    case CURLE_ABORTED_BY_CALLBACK:
        return -ECANCELED;
    case CURLE_OUT_OF_MEMORY:
        return -ENOMEM;
    default:
        return -EPROTO;
    }
}

static int result_of(struct metadata_http *http, CURLcode code, const struct answer *answer,
                     const struct metadata_request *request, struct err *err)
{
    const char *where = request->socket ? request->socket : request->url;
    long status = 0;
    if (answer->too_large) {
        return err_set(err, -EFBIG, "%s: the answer is too large", where);
    }
    if (code != CURLE_OK) {
        return err_set(err, code_of(code), "%s: %s", where, curl_easy_strerror(code));
    }
    curl_easy_getinfo(http->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status != 200) {
        return err_set(err, status == 404 ? -ENOENT : -EPROTO, "%s: HTTP status %ld", where,
                       status);
    }
    return 0;
}

static void keep_server(struct metadata_http *http)
{
    struct curl_header *header = NULL;
    bool there = curl_easy_header(http->easy, "Server", 0, CURLH_HEADER, -1, &header) == CURLHE_OK;
    snprintf(http->server, sizeof(http->server), "%s", there ? header->value : "");
}

struct str metadata_http_server(const struct metadata_http *http)
{
    return str_of(http->server);
}

int metadata_http_get(struct metadata_http *http, const struct metadata_request *request,
                      struct buf *buf, struct err *err)
{
    struct answer answer = { .body = buf };
    if (!set_up(http->easy, request, &answer) ||
        curl_multi_add_handle(http->multi, http->easy) != CURLM_OK) {
        return err_set(err, -ENOMEM, "cannot set a request up");
    }
    CURLcode code = run(http);
    int r = result_of(http, code, &answer, request, err);
    keep_server(http);
    curl_multi_remove_handle(http->multi, http->easy);
    return r;
}
