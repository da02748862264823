/*
 * ingest_health: agents in memory; what ingest_health.c and ingest_coverage.c share.
 */
#pragma once

#include "server/ingest_internal.h"

#define HEALTH_SILENT_MS      30000
#define HEALTH_RECENT_MS      300000 /* drops and gaps count for so long */
#define HEALTH_LAG_MS         5000
#define HEALTH_CLOCK_MS       60000
#define HEALTH_LIST_MS        15000
#define HEALTH_SENDER_MS      10000
#define HEALTH_SENDERS_MAX    10000
#define HEALTH_CONTAINERS_MAX 1000
#define HEALTH_MEMORY         ((size_t)64 << 20) /* heartbeats, packed; others are without details */
#define HEALTH_PAGE           1000
#define HEALTH_UNWATCHED_MAX  20 /* named in a list of agents */

enum reason {
    REASON_NEVER = 1 << 0,
    REASON_SILENT = 1 << 1,
    REASON_DROPS = 1 << 2,
    REASON_GAP = 1 << 3,
    REASON_LAG = 1 << 4,
    REASON_SPOOL = 1 << 5,
    REASON_RULES = 1 << 6,
    REASON_UNWATCHED = 1 << 7,
    REASON_CLOCK = 1 << 8,
    REASON_AGENT = 1 << 9,
};

struct seen_agent {
    char id[INGEST_AGENT_MAX];
    bool sender; /* of Falco's JSON */
    bool listed, told, spool_full, bundle_ok, ok;
    unsigned reasons; /* as told */
    int64_t received_ms, since_ms, started_ms;
    int64_t drops, gaps, drops_ms, gap_ms; /* _ms: when they last grew */
    int64_t lag_ms, clock_ms, bundle, told_bundle;
    uint32_t watched, unwatched;
    char *body; /* the heartbeat, packed */
    size_t body_n;
};

struct health {
    struct server *server;
    pthread_mutex_t lock;
    struct smap agents; /* struct seen_agent */
    uint32_t nsenders;
    size_t bytes;
    int64_t listed_ms;
};

/* Set of enum reason; 0: healthy. */
unsigned health_reasons(const struct seen_agent *agent, int64_t now_ms);
void health_put_reasons(struct jsonw *w, unsigned set);
/* Who is enrolled, as the accounts have it. */
void health_list_agents(struct health *health);
void health_add(struct health *health, struct str id);
void health_sweep(struct health *health);
