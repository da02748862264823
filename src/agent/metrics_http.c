/*
 * metrics_http: two pages over libmicrohttpd.
 *
 * A request's body is never read: whatever is no GET or HEAD is answered at its headers. Each page is made
 * anew into one buffer, which the library copies.
 */
#include "agent/metrics_http.h"

#include "agent/config.h"
#include "agent/metrics.h"
#include "base/arena.h"
#include "base/cleanup.h"

#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

#define BACKLOG 16

struct metrics_http {
    struct MHD_Daemon *daemon;
    struct metrics_http_pages pages;
    struct buf text; /* of the page being made; the thread's */
};

CLEANUP_DEFINE(struct metrics_http, metrics_http_free);

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, const char *type,
                              struct str text)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(text.n, (void *)(uintptr_t)text.p, MHD_RESPMEM_MUST_COPY);
    if (!response) {
        return MHD_NO;
    }
    MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    MHD_add_response_header(response, MHD_HTTP_HEADER_CACHE_CONTROL, "no-store");
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED) {
        MHD_add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
    }
    enum MHD_Result r = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return r;
}

static enum MHD_Result answer_text(struct MHD_Connection *connection, unsigned status,
                                   struct str text)
{
    return answer(connection, status, "text/plain; charset=utf-8", text);
}

static enum MHD_Result metrics_page(struct metrics_http *http, struct MHD_Connection *connection)
{
    http->pages.metrics(http->pages.data, &http->text);
    return http->text.failed
               ? answer_text(connection, MHD_HTTP_INTERNAL_SERVER_ERROR,
                             STR("the page is too large\n"))
               : answer(connection, MHD_HTTP_OK, "text/plain; version=0.0.4; charset=utf-8",
                        buf_str(&http->text));
}

static enum MHD_Result health_page(struct metrics_http *http, struct MHD_Connection *connection)
{
    bool ok = http->pages.health(http->pages.data, &http->text) && !http->text.failed;
    return answer(connection, ok ? MHD_HTTP_OK : MHD_HTTP_SERVICE_UNAVAILABLE, "application/json",
                  buf_str(&http->text));
}

static enum MHD_Result handle(void *data, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_size, void **seen)
{
    struct metrics_http *http = data;
    (void)version;
    (void)upload;
    (void)upload_size;
    bool reads = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;
    bool metrics = strcmp(url, "/metrics") == 0;
    if (!metrics && strcmp(url, "/healthz") != 0) {
        return answer_text(connection, MHD_HTTP_NOT_FOUND,
                           STR("there are /metrics and /healthz\n"));
    }
    if (!reads) {
        return answer_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, STR("only GET and HEAD\n"));
    }
    if (!*seen) {
        *seen = http; /* the headers are here; answered when the request is complete */
        return MHD_YES;
    }
    buf_clear(&http->text);
    return metrics ? metrics_page(http, connection) : health_page(http, connection);
}

static int cannot_listen(const char *address, int error, struct err *err)
{
    return err_set(err, -error, "metrics cannot be offered on %s: %s", address, strerror(error));
}

int metrics_http_listen(const char *address, int *ret_fd, struct err *err)
{
    struct sockaddr_storage at;
    const int one = 1;
    if (config_address(str_of(address), &at) < 0) {
        return err_set(err, -EINVAL, "`%.128s` is not ADDRESS:PORT", address);
    }
    CLEANUP(cleanup_close)
    int fd = socket(at.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return cannot_listen(address, errno, err);
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (at.ss_family == AF_INET6) {
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
    }
    socklen_t n =
        at.ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);
    if (bind(fd, (const struct sockaddr *)&at, n) < 0 || listen(fd, BACKLOG) < 0) {
        return cannot_listen(address, errno, err);
    }
    *ret_fd = TAKE_FD(fd);
    return 0;
}

int metrics_http_new(int listening, const struct metrics_http_pages *pages,
                     struct metrics_http **ret, struct err *err)
{
    CLEANUP(cleanup_close) int fd = listening;
    CLEANUP(cleanup_metrics_http_free) struct metrics_http *http = mem_zalloc(sizeof *http);
    if (!http) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    buf_init(&http->text, METRICS_TEXT_MAX);
    http->pages = *pages;
    http->daemon = MHD_start_daemon(
        MHD_USE_AUTO_INTERNAL_THREAD, 0, NULL, NULL, handle, http, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)METRICS_HTTP_CONNECTIONS,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)METRICS_HTTP_IDLE_S,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, METRICS_HTTP_MEMORY, MHD_OPTION_END);
    if (!http->daemon) {
        return err_set(err, -EIO, "metrics cannot be offered: the HTTP server does not start");
    }
    (void)TAKE_FD(fd); /* the library's now */
    *ret = TAKE(http);
    return 0;
}

void metrics_http_free(struct metrics_http *http)
{
    if (http) {
        if (http->daemon) {
            MHD_stop_daemon(http->daemon);
        }
        buf_done(&http->text);
        free(http);
    }
}
