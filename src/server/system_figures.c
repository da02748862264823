/*
 * system_figures: sizes and counts, for people (GET /v1/system) and for Prometheus (GET /metrics).
 *
 * Counts of the server's own; what agents report is the other modules'. Both need a credential that may read.
 */
#include "server/system_internal.h"

#include "base/fd.h"
#include "server/config.h"
#include "server/http_server.h"
#include "server/hub_client.h"
#include "server/tls.h"

#include <stdlib.h>
#include <sys/resource.h>
#include <sys/statvfs.h>
#include <unistd.h>

#ifndef HINOMI_VERSION
#define HINOMI_VERSION "0.1.0"
#endif

#define METRICS_MAX           ((size_t)64 << 10)
#define KEEP_DAYS_DEFAULT     7
#define KEEP_FINDINGS_DEFAULT 90

static void write_store(struct jsonw *w, const struct store_size *size)
{
    jsonw_object(w, "store");
    jsonw_u64(w, "bytes", size->bytes);
    jsonw_u64(w, "alerts", size->alerts);
    jsonw_u64(w, "activity", size->activity);
    jsonw_u64(w, "findings", size->findings);
    jsonw_u64(w, "days", size->days);
    if (size->oldest_day_ms) {
        jsonw_i64(w, "oldest_day_ms", size->oldest_day_ms);
    } else {
        jsonw_null(w, "oldest_day_ms");
    }
    jsonw_u64(w, "taken_back", size->taken_back);
    jsonw_end(w);
}

static void write_retention(struct jsonw *w, const struct server *server)
{
    const struct server_config *config = server_config(server);
    const struct err *err = &server->system->retain_error;
    jsonw_object(w, "retention");
    jsonw_u64(w, "days", config->retention_days ? config->retention_days : KEEP_DAYS_DEFAULT);
    jsonw_u64(w, "findings_days",
              config->retention_findings_days ? config->retention_findings_days
                                              : KEEP_FINDINGS_DEFAULT);
    if (config->retention_max_bytes) {
        jsonw_u64(w, "max_bytes", config->retention_max_bytes);
    } else {
        jsonw_null(w, "max_bytes");
    }
    jsonw_strz(w, "error", err->code < 0 ? err->message : NULL);
    jsonw_end(w);
}

static void write_http(struct jsonw *w, const struct server *server)
{
    struct http_counts http;
    struct hub_counts hub = { 0 };
    http_counts(server, &http);
    if (server->hub) {
        hub_counts(server->hub, &hub);
    }
    jsonw_object(w, "http");
    jsonw_u64(w, "connections", http.connections);
    jsonw_u64(w, "requests", http.requests);
    jsonw_u64(w, "refused_connections", http.refused);
    jsonw_u64(w, "too_slow", http.too_slow);
    jsonw_end(w);
    jsonw_object(w, "events");
    jsonw_u64(w, "listeners", hub.clients);
    jsonw_u64(w, "published", hub.published);
    jsonw_u64(w, "lost", hub.lost);
    jsonw_end(w);
}

static void write_tls(struct jsonw *w, const struct server_tls *tls)
{
    if (!tls) {
        jsonw_null(w, "tls");
        return;
    }
    jsonw_object(w, "tls");
    jsonw_bool(w, "own_ca", tls->ca != NULL);
    jsonw_strz(w, "ca_sha256", tls->ca ? tls->ca_fingerprint : NULL);
    if (tls->renew_ms == INT64_MAX) {
        jsonw_null(w, "renew_ms");
    } else {
        jsonw_i64(w, "renew_ms", tls->renew_ms);
    }
    jsonw_bool(w, "client_certificates", tls->client_ca != NULL);
    jsonw_end(w);
}

static void write_disk(struct jsonw *w, const char *dir)
{
    struct statvfs disk;
    if (dir && statvfs(dir, &disk) == 0) {
        jsonw_object(w, "disk");
        jsonw_u64(w, "free_bytes", (uint64_t)disk.f_bavail * disk.f_frsize);
        jsonw_u64(w, "total_bytes", (uint64_t)disk.f_blocks * disk.f_frsize);
        jsonw_end(w);
    }
}

enum http_result system_get(struct server *server, struct request *request, struct reply *reply)
{
    struct store_size size = { 0 };
    struct err err = { 0 };
    (void)request;
    if (server->store && server->store->ops->size(server->store, &size, &err) < 0) {
        return reply_error(reply, &err);
    }
    struct jsonw *w = reply_json(reply, 200);
    jsonw_object(w, NULL);
    jsonw_strz(w, "version", HINOMI_VERSION);
    jsonw_i64(w, "started_ms", server->system->started_ms);
    jsonw_i64(w, "now_ms", server->now_ms());
    jsonw_strz(w, "dir", server_config(server)->dir);
    write_disk(w, server_config(server)->dir);
    write_store(w, &size);
    write_retention(w, server);
    write_http(w, server);
    write_tls(w, server->tls);
    jsonw_end(w);
    return HTTP_DONE;
}

static void metric(struct buf *text, const char *name, const char *help, uint64_t value)
{
    bool counter = str_ends(str_of(name), STR("_total"));
    buf_printf(text, "# HELP hinomi_server_%s %s\n# TYPE hinomi_server_%s %s\n", name, help, name,
               counter ? "counter" : "gauge");
    buf_printf(text, "hinomi_server_%s %llu\n", name, (unsigned long long)value);
}

static void replies(struct buf *text, const struct http_counts *http)
{
    buf_putz(text, "# HELP hinomi_server_replies_total Replies, by the class of their status\n"
                   "# TYPE hinomi_server_replies_total counter\n");
    for (unsigned i = 2; i < 6; i++) {
        buf_printf(text, "hinomi_server_replies_total{class=\"%uxx\"} %llu\n", i,
                   (unsigned long long)http->by_class[i]);
    }
}

static void process_figures(struct buf *text)
{
    struct rusage usage;
    struct buf statm;
    struct err err;
    buf_init(&statm, 4096);
    if (getrusage(RUSAGE_SELF, &usage) == 0) {
        uint64_t us = (uint64_t)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000 +
                      (uint64_t)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
        buf_printf(text,
                   "# HELP hinomi_server_cpu_seconds_total CPU time of the process\n"
                   "# TYPE hinomi_server_cpu_seconds_total counter\n"
                   "hinomi_server_cpu_seconds_total %llu.%06llu\n",
                   (unsigned long long)(us / 1000000), (unsigned long long)(us % 1000000));
    }
    if (file_read("/proc/self/statm", &statm, &err) == 0) {
        buf_putc(&statm, '\0');
        const char *second = strchr(statm.p, ' ');
        uint64_t pages = second ? strtoull(second, NULL, 10) : 0;
        metric(text, "resident_bytes", "Memory of the process",
               pages * (uint64_t)sysconf(_SC_PAGESIZE));
    }
    buf_done(&statm);
}

enum http_result system_metrics(struct server *server, struct request *request, struct reply *reply)
{
    struct store_size size = { 0 };
    struct http_counts http;
    struct hub_counts hub = { 0 };
    struct err err = { 0 };
    struct buf text;
    (void)request;
    if (!server_config(server)->metrics) {
        return reply_problem(reply, 404, "off", "`metrics` is off in the configuration");
    }
    http_counts(server, &http);
    if (server->hub) {
        hub_counts(server->hub, &hub);
    }
    buf_init(&text, METRICS_MAX);
    metric(&text, "requests_total", "Requests", http.requests);
    replies(&text, &http);
    metric(&text, "connections", "Connections now", http.connections);
    metric(&text, "connections_refused_total", "Connections beyond the limit", http.refused);
    metric(&text, "connections_too_slow_total", "Connections ended by a deadline", http.too_slow);
    metric(&text, "event_listeners", "Streams of events now", hub.clients);
    metric(&text, "events_total", "Events published", hub.published);
    metric(&text, "events_lost_total", "Events that slow listeners did not get", hub.lost);
    if (server->store && server->store->ops->size(server->store, &size, &err) == 0) {
        metric(&text, "store_bytes", "Of the store on disk", size.bytes);
        metric(&text, "store_alerts", "Alerts kept", size.alerts);
        metric(&text, "store_activity", "Activity records kept", size.activity);
        metric(&text, "store_findings", "Findings kept", size.findings);
        metric(&text, "store_days", "Days kept", size.days);
    }
    process_figures(&text);
    reply_bytes(reply, 200, "text/plain; version=0.0.4; charset=utf-8", buf_str(&text));
    buf_done(&text);
    return HTTP_DONE;
}
