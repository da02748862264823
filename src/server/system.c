/*
 * system: what the server says of itself, its events, and its upkeep.
 *
 * Anybody may ask for health, version, reference and CA; everything else needs a credential. Once a minute days
 * that are no longer kept are dropped.
 */
#include "server/system_internal.h"

#include "base/clock.h"
#include "base/log.h"
#include "server/openapi.h"
#include "server/sse.h"
#include "server/tls.h"

#include <errno.h>
#include <stdlib.h>

#ifndef HINOMI_VERSION
#define HINOMI_VERSION "0.1.0"
#endif

#define RETAIN_S UINT64_C(60)

static enum http_result health(struct server *server, struct request *request, struct reply *reply)
{
    struct err err = { 0 };
    (void)request;
    int r = server->store ? server->store->ops->probe(server->store, &err) : 0;
    struct jsonw *w = reply_json(reply, r < 0 ? 503 : 200);
    jsonw_object(w, NULL);
    jsonw_bool(w, "ok", r == 0);
    if (r < 0) {
        jsonw_strz(w, "reason",
                   r == -ENOSPC ? "the disk is full"
                                : "the store does not work; the server's log says why");
    }
    jsonw_end(w);
    return HTTP_DONE;
}

static enum http_result version(struct server *server, struct request *request, struct reply *reply)
{
    (void)server;
    (void)request;
    struct jsonw *w = reply_json(reply, 200);
    jsonw_object(w, NULL);
    jsonw_strz(w, "version", HINOMI_VERSION);
    jsonw_strz(w, "api", "v1");
    jsonw_end(w);
    return HTTP_DONE;
}

static enum http_result ca(struct server *server, struct request *request, struct reply *reply)
{
    (void)request;
    return server->tls && server->tls->ca
               ? reply_bytes(reply, 200, "application/x-pem-file", str_of(server->tls->ca))
               : reply_problem(reply, 404, "no_ca",
                               "this server's certificate is not of its own CA");
}

static const struct route routes[] = {
    { .path = "/v1/health",
      .handle = health,
      .tag = "system",
      .summary = "Whether the server works",
      .answer = "health" },
    { .path = "/v1/version",
      .handle = version,
      .tag = "system",
      .summary = "Version of the server",
      .answer = "version" },
    { .path = "/v1/openapi.json",
      .handle = openapi_document,
      .tag = "system",
      .summary = "This reference" },
    { .path = "/v1/ca",
      .handle = ca,
      .tag = "system",
      .summary = "The CA that signed the server's certificate (PEM)" },
    { .path = "/v1/events",
      .may = MAY_READ,
      .flags = ROUTE_STREAM,
      .handle = sse_events,
      .tag = "system",
      .summary = "Changes as they happen (server-sent events)" },
    { .path = "/v1/system",
      .may = MAY_READ,
      .handle = system_get,
      .tag = "system",
      .summary = "Sizes, retention, counts",
      .answer = "system" },
    { .path = "/metrics",
      .may = MAY_READ,
      .handle = system_metrics,
      .tag = "system",
      .summary = "Figures for Prometheus" },
    { .path = "/v1/backups",
      .may = MAY_ADMIN,
      .handle = system_get_backups,
      .tag = "system",
      .summary = "The copies that were made",
      .answer = "backups" },
    { .method = HTTP_POST,
      .path = "/v1/backup",
      .may = MAY_ADMIN,
      .flags = ROUTE_AUDIT,
      .handle = system_post_backup,
      .tag = "system",
      .summary = "Copy everything into a new directory on the server",
      .body = "backup-new",
      .answer = "backup" },
};

static int start(struct server *server, struct err *err)
{
    struct system *system = mem_zalloc(sizeof *system);
    if (!system || system_backup_new(&system->backup) < 0) {
        free(system);
        return err_set(err, -ENOMEM, "out of memory");
    }
    system->started_ms = server->now_ms();
    server->system = system;
    return 0;
}

static void tick(struct server *server)
{
    struct system *system = server->system;
    struct err err = { 0 };
    uint64_t now_ns = clock_boot_ns();
    if (!server->store ||
        (system->retained_ns && now_ns < system->retained_ns + RETAIN_S * NS_PER_S)) {
        return;
    }
    system->retained_ns = now_ns;
    int r = server->store->ops->retain(server->store, server->now_ms(), &err);
    if (r > 0) {
        log_info("%d days of alerts and activity were dropped: kept long enough, or too large", r);
    } else if (r < 0) {
        log_error("days that are no longer kept cannot be dropped: %s", err.message);
    }
    system->retain_error = (struct err){ .code = r < 0 ? r : 0 };
    memcpy(system->retain_error.message, err.message, sizeof(err.message));
}

static void stop(struct server *server)
{
    system_backup_free(server->system->backup);
    free(server->system);
    server->system = NULL;
}

const struct server_module system_module = {
    .name = "system",
    .routes = routes,
    .nroutes = sizeof(routes) / sizeof(*routes),
    .start = start,
    .tick = tick,
    .stop = stop,
};
