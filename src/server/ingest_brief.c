/*
 * ingest_brief: how an agent is, in a few words, for whoever lists agents; all of it is in GET /v1/coverage.
 */
#include "server/ingest_health.h"

void ingest_put_health(struct server *server, struct str id, struct jsonw *w)
{
    struct health *health = server->ingest ? server->ingest->health : NULL;
    if (health) {
        pthread_mutex_lock(&health->lock);
    }
    const struct seen_agent *agent = health ? smap_get(&health->agents, id) : NULL;
    if (agent) {
        unsigned reasons = health_reasons(agent, server->now_ms());
        jsonw_object(w, "health");
        jsonw_strz(w, "state", reasons ? "unhealthy" : "healthy");
        health_put_reasons(w, reasons);
        jsonw_i64(w, "received_ms", agent->received_ms);
        jsonw_u64(w, "watched_containers", agent->watched);
        jsonw_u64(w, "unwatched_containers", agent->unwatched);
        jsonw_end(w);
    } else {
        jsonw_null(w, "health");
    }
    if (health) {
        pthread_mutex_unlock(&health->lock);
    }
}
