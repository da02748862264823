/*
 * server: what the modules of hinomi-server share, and how a module joins.
 *
 * A module (accounts, ingest, findings, content, ...) is one line of modules.c: its routes, and what it does when
 * the server starts, each second, and when it ends. Modules are started in the order of that table and stopped
 * in reverse; each keeps its own state behind a pointer here.
 */
#pragma once

#include "base/err.h"
#include "server/http.h"
#include "server/hub.h"
#include "store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct server_config; /* server/config.h */
struct server_tls;
struct accounts;  /* server/accounts.h: who is it, what may it */
struct ingest;    /* server/ingest.h: batches into findings */
struct findings;  /* server/findings.h: queries, triage */
struct content;   /* server/content.h: rules that are kept, and the bundle made of them */
struct summaries; /* server/summaries.h: findings told by language models */
struct courier;
struct notify; /* server/notify_internal.h: who is told */
struct aws;

struct server {
    const struct server_config *config;
    struct store *store;
    struct hub *hub;
    struct accounts *accounts;
    struct ingest *ingest;
    struct findings *findings;
    struct content *content;
    struct summaries *summaries;
    struct notify *notify;
    struct courier *courier; /* courier/courier.h: what goes out; NULL: nothing does */
    struct aws *aws;         /* aws/aws.h: its credentials */
    struct system *system;   /* server/system_internal.h */
    struct http_server *http;
    const struct server_tls *tls; /* server/tls.h; NULL: plain HTTP */
    int64_t (*now_ms)(void);      /* CLOCK_REALTIME; tests may set it */
};

struct server_module {
    const char *name;
    const struct route *routes;
    size_t nroutes;
    int (*start)(struct server *server, struct err *err);
    void (*tick)(struct server *server); /* about once a second, on the main thread; NULL none */
    void (*stop)(struct server *server);
};

extern const struct server_module accounts_module;
extern const struct server_module ingest_module;
extern const struct server_module findings_module;
extern const struct server_module content_module;
extern const struct server_module summaries_module;
extern const struct server_module notify_module;
extern const struct server_module console_module;
extern const struct server_module
    system_module; /* health, metrics, OpenAPI, events, files of the console */
