/*
 * ingest_quota: how many findings an agent may make within an hour.
 *
 * Findings are kept until somebody is done with them, and their key is made of the agent's own words: one that means
 * harm, or a rule that holds for everything, would make as many as it sends alerts. Beyond the limit alerts are kept as
 * ever, but counted in one finding that says so. Senders of Falco's JSON choose their names, so they count together.
 *
 * An agent has a slot among INGEST_SOURCES for the hour; when all are taken, others are not limited. `kept` was
 * committed, `taken` belongs to the transaction that `commit` numbers.
 */
#include "server/ingest_internal.h"

#include <errno.h>
#include <stdlib.h>

#define HOUR_MS  INT64_C(3600000)
#define SEVERITY 70 /* at least: somebody has to look */

struct source {
    uint64_t key; /* 0: free */
    uint32_t kept, taken, commit;
};

struct quota {
    uint32_t max, commit;
    int64_t hour;
    struct source sources[INGEST_SOURCES];
};

int quota_new(uint32_t max, struct quota **ret)
{
    struct quota *quota = mem_zalloc(sizeof(*quota));
    if (!quota) {
        return -ENOMEM;
    }
    quota->max = max ? max : INGEST_NEW_MAX;
    *ret = quota;
    return 0;
}

void quota_free(struct quota *quota)
{
    free(quota);
}

void quota_begin(struct quota *quota, int64_t now_ms)
{
    quota->commit++;
    if (now_ms / HOUR_MS != quota->hour) {
        quota->hour = now_ms / HOUR_MS;
        memset(quota->sources, 0, sizeof(quota->sources));
    }
}

static bool is_falco(struct str agent)
{
    return str_starts(agent, STR("falco:"));
}

/* NULL: all are taken. */
static struct source *source_of(struct quota *quota, struct str agent)
{
    uint64_t key = str_hash(is_falco(agent) ? STR("falco:") : agent);
    key = key ? key : 1;
    for (size_t i = 0; i < INGEST_SOURCES; i++) {
        struct source *source = &quota->sources[(key + i) % INGEST_SOURCES];
        if (source->key == 0) {
            *source = (struct source){ .key = key };
        }
        if (source->key == key) {
            return source;
        }
    }
    return NULL;
}

bool quota_take(struct quota *quota, struct str agent)
{
    struct source *source = source_of(quota, agent);
    uint64_t max = (uint64_t)quota->max * (is_falco(agent) ? INGEST_NEW_FALCO : 1);
    if (!source) {
        return true;
    }
    if (source->commit != quota->commit) {
        source->commit = quota->commit;
        source->taken = 0;
    }
    if ((uint64_t)source->kept + source->taken >= max) {
        return false;
    }
    source->taken++;
    return true;
}

void quota_keep(struct quota *quota, struct str agent)
{
    struct source *source = source_of(quota, agent);
    if (source) {
        source->kept++;
        source->taken -= source->taken > 0;
    }
}

void quota_instead(struct ingest_finding *finding, int64_t now_ms)
{
    const struct ingest_finding f = *finding;
    *finding = (struct ingest_finding){
        .opened_ms = now_ms,
        .first_seen_ms = now_ms,
        .last_seen_ms = now_ms,
        .now_ms = f.now_ms,
        .count = 1,
        .proc_pid = -1,
        .severity = f.severity > SEVERITY ? f.severity : SEVERITY,
        .too_many = true,
        .rule = STR("Too many findings of one agent"),
        .title = STR("Too many findings of one agent: more alerts are counted here"),
        .priority = f.priority,
        .source = f.source,
        .output = f.output,
        .agent = f.agent,
        .host = f.host,
        .cluster = f.cluster,
        .tags = STR("[]"),
        .body = f.body,
        .alert = f.alert,
    };
    ingest_hash((struct str[]){ STR("too many"), f.agent }, 2, finding->key);
}
