/*
 * http_listen: libmicrohttpd's calls into exchanges.
 *
 * The library calls back on its threads, for one connection on one thread at a time: the request's line is there;
 * its headers; pieces of its body; all of it (again after each wait); the reply wants more; the request is over;
 * the connection is closed. A refusal before the body was read ends the connection, so that the body is never
 * taken for a request; a refusal of a request without a body keeps it.
 */
#include "server/http_connection.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "server/config.h"
#include "server/host.h"
#include "server/http_limits.h"
#include "server/tls.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>

#define PIECE_MAX   ((size_t)16 << 10)
#define EMPTY_MAX   1000 /* pieces in a row that a source may leave empty */
#define BACKLOG     1024
#define LIBRARY_S   600 /* the library's own time-out, behind ours */
#define FD_RESERVED 256 /* for the store, files, the library */

static struct connection *connection_of(struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info ? info->socket_context : NULL;
}

static void open_connection(struct listener *l, struct MHD_Connection *mhd, void **context)
{
    struct connection *c = mem_zalloc(sizeof *c);
    const union MHD_ConnectionInfo *address =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const union MHD_ConnectionInfo *fd =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    *context = c;
    if (!c) {
        return; /* its first request is refused */
    }
    *c = (struct connection){ .listener = l, .mhd = mhd, .fd = fd->connect_fd, .place = -1 };
    memcpy(&c->peer, address->client_addr,
           address->client_addr->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
                                                       : sizeof(struct sockaddr_in));
    const struct server_config *config = server_config(l->http->server);
    bool counted =
        !address_is_loopback(&c->peer) && !address_is_among(&config->trusted_proxies, &c->peer);
    c->place = counted ? limits_connect(l->http->limits, &c->peer) : -1;
    if (counted && c->place < 0) {
        atomic_fetch_add(&l->refused, 1);
        shutdown(c->fd, SHUT_RDWR);
    }
    atomic_fetch_add(&l->connections, 1);
    connection_allow(c, HTTP_FIRST * l->patience_s);
    connection_add(c);
}

static void end_request(struct connection *c)
{
    connection_resumed(c);
    exchange_free(TAKE(c->exchange));
    free(TAKE(c->target));
    c->target_at = NULL;
    c->ntarget = 0;
    c->replied = c->ended = false;
    c->sent = 0;
}

static void on_connection(void *data, struct MHD_Connection *mhd, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct listener *l = data;
    struct connection *c = *context;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        open_connection(l, mhd, context);
    } else if (c) {
        connection_remove(c);
        end_request(c);
        limits_disconnect(l->http->limits, c->place);
        atomic_fetch_sub(&l->connections, 1);
        free(c);
        *context = NULL;
    }
}

/* The request's line is there; the text is as it was sent. */
static void *on_target(void *data, const char *target, struct MHD_Connection *mhd)
{
    struct connection *c = connection_of(mhd);
    (void)data;
    if (c) {
        end_request(c);
        c->target_at = target;
        c->ntarget = target ? strlen(target) : 0;
        c->target = str_dupz((struct str){ target, c->ntarget });
        connection_allow(c, c->listener->patience_s);
    }
    return NULL;
}

static void log_access(const struct connection *c)
{
    const struct exchange *x = c->exchange;
    char storage[INET6_ADDRSTRLEN + 16] = "";
    struct buf peer;
    struct str target = { c->target, c->ntarget }; /* its query may hold anything, secrets too */
    ptrdiff_t query = str_find_char(target, '?');
    buf_init_fixed(&peer, storage, sizeof(storage) - 1);
    address_text(&x->request.peer, &peer);
    log_info("access: %s %s %s %.*s %u, %.1f ms, %s %.*s", x->request.id, storage,
             x->head ? "HEAD" : http_method_name(x->request.method),
             STR_ARG(str_first(target, query < 0 || query > 256 ? 256 : (size_t)query)),
             x->reply.status, (double)(clock_boot_ns() - x->started) / 1e6,
             x->principal.kind == PRINCIPAL_NOBODY ? "-" : "by",
             STR_ARG(str_first(x->principal.name, 64)));
}

static void on_completed(void *data, struct MHD_Connection *mhd, void **seen,
                         enum MHD_RequestTerminationCode code)
{
    struct connection *c = connection_of(mhd);
    (void)data;
    (void)code;
    *seen = NULL;
    if (c) {
        if (c->exchange && server_config(c->listener->http->server)->access_log) {
            log_access(c);
        }
        end_request(c);
        connection_allow(c, HTTP_IDLE_S);
    }
}

/* What is left of the piece at hand, at most `max`. */
static ssize_t give(struct connection *c, char *to, size_t max)
{
    struct buf *piece = &c->exchange->reply.body;
    size_t n = piece->n - c->sent < max ? piece->n - c->sent : max;
    memcpy(to, piece->p + c->sent, n);
    c->sent += n;
    return (ssize_t)n;
}

/* The next piece of the source into the buffer; false: there is none, now or ever. */
static bool fill(struct connection *c)
{
    struct reply *reply = &c->exchange->reply;
    buf_clear(&reply->body);
    c->sent = 0;
    for (unsigned i = 0; i < EMPTY_MAX && !c->ended && reply->body.n == 0; i++) {
        c->ended = !reply->source.more(reply->source.data, &reply->body) || reply->body.failed;
        if (reply->kind == REPLY_LIVE) {
            break;
        }
    }
    return reply->body.n > 0;
}

static ssize_t on_more(void *data, uint64_t at, char *to, size_t max)
{
    struct connection *c = data;
    struct reply *reply = &c->exchange->reply;
    (void)at;
    connection_resumed(c);
    connection_allow(c, reply->kind == REPLY_LIVE ? HTTP_LIVE_S
                                                  : HTTP_REPLY * c->listener->patience_s);
    uint64_t moment = bell_moment();
    if (c->sent < reply->body.n || fill(c)) {
        return give(c, to, max);
    }
    if (c->ended) {
        return reply->body.failed ? MHD_CONTENT_READER_END_WITH_ERROR
                                  : MHD_CONTENT_READER_END_OF_STREAM;
    }
    if (reply->kind != REPLY_LIVE) {
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    return connection_suspend(c, reply->bell, reply->wait_ms, moment)
               ? 0
               : MHD_CONTENT_READER_END_OF_STREAM;
}

static struct MHD_Response *make_response(struct connection *c)
{
    struct reply *reply = &c->exchange->reply;
    struct MHD_Response *response =
        reply->kind == REPLY_BODY
            ? MHD_create_response_from_buffer(reply->body.n, reply->body.p, MHD_RESPMEM_PERSISTENT)
            : MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, PIECE_MAX, on_more, c, NULL);
    if (!response) {
        return NULL;
    }
    if (reply->type) {
        MHD_add_response_header(response, "Content-Type", reply->type);
    }
    for (unsigned i = 0; i < reply->nheaders; i++) {
        MHD_add_response_header(response, reply->headers[i].name.p, reply->headers[i].value.p);
    }
    if (reply->close) {
        MHD_add_response_header(response, "Connection", "close");
    }
    return response;
}

static enum MHD_Result send_reply(struct connection *c)
{
    struct exchange *x = c->exchange;
    struct listener *l = c->listener;
    exchange_seal(x);
    struct MHD_Response *response = make_response(c);
    if (!response) {
        return MHD_NO;
    }
    unsigned status = x->reply.status;
    atomic_fetch_add(&l->by_class[status / 100 < 6 ? status / 100 : 0], 1);
    connection_allow(c, HTTP_REPLY * l->patience_s + x->reply.body.n / HTTP_REPLY_RATE);
    enum MHD_Result r = MHD_queue_response(c->mhd, status, response);
    MHD_destroy_response(response);
    return r;
}

static bool refuse(struct exchange *x, unsigned status, const char *code, const char *why)
{
    reply_problem(&x->reply, status, code, "%s", why);
    x->reply.close = true;
    return false;
}

static bool check_headers(struct connection *c, struct guarded *guarded)
{
    struct exchange *x = c->exchange;
    const char *why = http_guard(c, guarded);
    if (!c->target || why) {
        return refuse(x, 400, "bad_request", why ? why : "there is no target");
    }
    if (c->ntarget > HTTP_TEXT_MAX) {
        return refuse(x, 414, "too_long", "the target is too long");
    }
    if (c->listener->http->server->tls && c->listener->http->server->tls->client_ca &&
        !http_client_verified(c)) {
        return refuse(x, 403, "certificate_wanted",
                      "a client certificate of the CA in `tls.client_ca` is wanted");
    }
    const struct exchange_start start = { .method = str_of(guarded->method),
                                          .target = { c->target, c->ntarget },
                                          .headers = guarded->headers,
                                          .nheaders = guarded->nheaders,
                                          .peer = c->peer,
                                          .secure = c->listener->secure };
    return exchange_open(x, &start) && exchange_check(x, NULL);
}

static enum MHD_Result begin(struct connection *c, const char *method, const char *version)
{
    struct guarded guarded = { .method = method, .version = version };
    atomic_fetch_add(&c->listener->requests, 1);
    if (exchange_new(c->listener->http, &c->exchange) < 0) {
        return MHD_NO;
    }
    struct exchange *x = c->exchange;
    c->replied = !check_headers(c, &guarded);
    if (c->replied && (x->reply.close || x->body_length)) {
        x->reply.close = true;
        return send_reply(c);
    }
    connection_allow(c, HTTP_BODY * c->listener->patience_s + x->body_length / HTTP_BODY_RATE);
    return MHD_YES;
}

static enum MHD_Result finish(struct connection *c)
{
    struct exchange *x = c->exchange;
    bool waited = c->bell != NULL;
    bool timed_out = waited && connection_resumed(c);
    while (!c->replied) {
        x->request.waited = waited;
        x->request.timed_out = timed_out;
        if (exchange_handle(x) == HTTP_DONE) {
            break;
        }
        if (connection_suspend(c, x->reply.bell, x->reply.wait_ms, x->moment)) {
            return MHD_YES;
        }
        if (timed_out) { /* waits again although the server stops */
            reply_problem(&x->reply, 503, "stopping", "the server is being stopped");
            break;
        }
        waited = timed_out = true;
    }
    return send_reply(c);
}

static enum MHD_Result on_request(void *data, struct MHD_Connection *mhd, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *upload_size, void **seen)
{
    struct connection *c = connection_of(mhd);
    (void)data;
    (void)url;
    if (!c) {
        return MHD_NO;
    }
    if (!*seen) {
        *seen = c;
        return begin(c, method, version);
    }
    if (*upload_size) {
        if (!c->replied) {
            c->replied = !exchange_body(c->exchange, str_from(upload, *upload_size));
        }
        *upload_size = 0;
        return MHD_YES;
    }
    return finish(c);
}

static int cannot_listen(const char *address, int error, struct err *err)
{
    return err_set(err, -error, "cannot listen on %s: %s", address, strerror(error));
}

static int open_socket(struct listener *l, const struct sockaddr_storage *at, const char *name,
                       struct err *err)
{
    const int one = 1;
    struct sockaddr_storage bound = { 0 };
    socklen_t n = sizeof(bound);
    CLEANUP(cleanup_close)
    int fd = socket(at->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return cannot_listen(name, errno, err);
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    if (bind(fd, (const struct sockaddr *)at, address_size(at)) < 0 || listen(fd, BACKLOG) < 0 ||
        getsockname(fd, (struct sockaddr *)&bound, &n) < 0) {
        return cannot_listen(name, errno, err);
    }
    l->port = address_port(&bound);
    return TAKE_FD(fd);
}

/* As configured, but no more than there are descriptors for. */
static unsigned most_connections(const struct server_config *config)
{
    struct rlimit files;
    unsigned most = config->connections ? config->connections : LIMITS_CONNECTIONS;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < (rlim_t)most + FD_RESERVED) {
        most =
            files.rlim_cur > 2 * FD_RESERVED ? (unsigned)files.rlim_cur - FD_RESERVED : FD_RESERVED;
    }
    return most;
}

static int start_daemon(struct listener *l, int fd, const struct server_tls *tls, struct err *err)
{
    const struct server_config *config = server_config(l->http->server);
    struct MHD_OptionItem tls_options[] = {
        { MHD_OPTION_HTTPS_MEM_CERT, 0, tls ? (void *)(uintptr_t)tls->certificate : NULL },
        { MHD_OPTION_HTTPS_MEM_KEY, 0, tls ? (void *)(uintptr_t)tls->key : NULL },
        { MHD_OPTION_HTTPS_PRIORITIES, 0,
          (void *)(uintptr_t) "SECURE128:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:%SERVER_PRECEDENCE" },
        { tls && tls->client_ca ? MHD_OPTION_HTTPS_MEM_TRUST : MHD_OPTION_END, 0,
          tls ? (void *)(uintptr_t)tls->client_ca : NULL },
        { MHD_OPTION_END, 0, NULL },
    };
    l->secure = tls != NULL;
    l->patience_s = config->header_seconds ? config->header_seconds : HTTP_HEADERS_S;
    l->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | (tls ? MHD_USE_TLS : 0), 0, NULL,
        NULL, on_request, l, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_THREAD_POOL_SIZE,
        (unsigned)HTTP_THREADS, MHD_OPTION_CONNECTION_LIMIT, most_connections(config),
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)LIBRARY_S, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)HTTP_CONNECTION_KB << 10, MHD_OPTION_NOTIFY_CONNECTION, on_connection, l,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, l, MHD_OPTION_URI_LOG_CALLBACK, on_target, l,
        MHD_OPTION_ARRAY, tls ? tls_options : &tls_options[4], MHD_OPTION_END);
    return l->daemon ? 0 : err_set(err, -EIO, "the HTTP server does not start");
}

static void free_listener(struct listener *l)
{
    if (l) {
        http_watch_stop(l);
        if (l->daemon) {
            MHD_stop_daemon(l->daemon);
        }
        pthread_cond_destroy(&l->wake);
        pthread_mutex_destroy(&l->lock);
        free(l);
    }
}
CLEANUP_DEFINE(struct listener, free_listener);

static struct listener *new_listener(struct http_server *http)
{
    struct listener *l = mem_zalloc(sizeof *l);
    pthread_condattr_t monotonic;
    if (l) {
        l->http = http;
        pthread_mutex_init(&l->lock, NULL);
        pthread_condattr_init(&monotonic);
        pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
        pthread_cond_init(&l->wake, &monotonic);
        pthread_condattr_destroy(&monotonic);
    }
    return l;
}

int http_listen(struct server *server, struct err *err)
{
    const struct server_tls *tls = server->tls;
    const char *name = server_config(server)->listen;
    struct sockaddr_storage at;
    if (address_parse(str_of(name), &at) < 0) {
        return err_set(err, -EINVAL, "`%.128s` is not ADDRESS:PORT", name);
    }
    if (!tls && !address_is_loopback(&at)) {
        return err_set(err, -EINVAL, "%s: plain HTTP is served on the loopback only", name);
    }
    CLEANUP(cleanup_free_listener) struct listener *l = new_listener(server->http);
    if (!l) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    if (server->http->port) {
        address_set_port(&at, server->http->port);
    }
    int fd = open_socket(l, &at, name, err);
    int r = fd < 0 ? fd : start_daemon(l, fd, tls, err);
    if (r < 0) {
        if (fd >= 0) {
            close(fd);
        }
        return r;
    }
    r = http_watch_start(l);
    if (r < 0) {
        return err_set(err, r, "cannot start a thread: %s", strerror(-r));
    }
    server->http->port = l->port;
    server->http->listener = TAKE(l);
    return 0;
}

void http_stop(struct server *server)
{
    if (server->http) {
        free_listener(TAKE(server->http->listener));
    }
}

uint16_t http_port(const struct server *server)
{
    return server->http && server->http->listener ? server->http->listener->port : 0;
}

void http_counts(const struct server *server, struct http_counts *ret)
{
    struct listener *l = server->http ? server->http->listener : NULL;
    *ret = (struct http_counts){ 0 };
    if (l) {
        ret->requests = atomic_load(&l->requests);
        ret->refused = atomic_load(&l->refused);
        ret->connections = atomic_load(&l->connections);
        ret->too_slow = atomic_load(&l->too_slow);
        for (unsigned i = 0; i < 6; i++) {
            ret->by_class[i] = atomic_load(&l->by_class[i]);
        }
    }
}
