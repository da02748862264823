/*
 * alert_hinomi: the object that Alert v1 adds to Falco's keys: who, where, in which lineage, by which list's
 * item.
 *
 *     "uuid":"...","hinomi":{"v":1,"id":"agent:boot:seq","policy":...,"severity":8.0,"type":...,
 *     "outcome":"succeeded","lineage":[{"uuid","pid","ns_pid","name","exe","args","uid","start"},...],
 *     "container":{...},"ecs":{...},"dns":{...},"evidence":[{"list","item","field"},...],"gap":null}
 *
 * What is not known is null (texts, objects) or an empty list. The lineage begins with the process itself. `gap` is
 * that of notices of gaps: {"start","end" (null: open),"cause","calls","rescued","refused","lost","by_call"}. A
 * text that is not UTF-8 has its bytes as \xHH, and in base64 under "KEY.base64" beside it.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "event/field.h"
#include "rules/matcher.h"
#include "rules/policy.h"

#include <stdint.h>

#define ALERT_LINEAGE_MAX  16
#define ALERT_TEXT_MAX     1024 /* bytes of one text of the lineage; longer ones are cut */
#define ALERT_EVIDENCE_MAX 8
#define ALERT_ITEM_MAX     256 /* bytes of one item of evidence */
#define ALERT_AGENT_MAX    128

#define ALERT_BY_PRIORITY UINT8_MAX

struct alert_verdict {
    struct str policy; /* empty: none */
    uint8_t severity;  /* in tenths, 0 to 100; ALERT_BY_PRIORITY */
    struct str
        type; /* "Impact:Runtime/CryptoMinerExecuted"; empty: the rule's first tag of that form */
};

/* One for all alerts of an agent; outlives its rules. */
struct alert_hinomi {
    char agent[ALERT_AGENT_MAX];
    char boot[33];    /* new each time the agent starts */
    uint64_t seq;     /* of the last alert; the first is 1 */
    uint8_t severity; /* of the last alert, in tenths */
    uint64_t key[2];  /* of alerts' uuids */
    uint64_t host[2]; /* of processes' uuids: the machine's boot */
    /* Which policy says so, and how severe; NULL: nobody. With the view's event; must not allocate. */
    void (*judge)(void *data, const struct rule *rule, struct view *view,
                  struct alert_verdict *ret);
    void *data;
};

/* `agent`: its id, letters that need no escaping kept, others become '-'; empty: the host's name. */
int alert_hinomi_init(struct alert_hinomi *hinomi, struct str agent, struct err *err);
/* `"uuid":"...","hinomi":{...}`. matcher NULL: no evidence. Scratch of the view is used and not given back. */
void alert_hinomi_put(struct alert_hinomi *hinomi, struct matcher *matcher, const struct rule *rule,
                      struct view *view, struct buf *buf);
/* The same of what no event stands behind, as alert number `seq`. */
struct alert_notice {
    uint64_t seq;
    uint8_t severity;     /* in tenths */
    struct str container; /* its id; empty: none, or not known */
    struct str gap;       /* a JSON object; empty: null */
};
void alert_hinomi_put_notice(const struct alert_hinomi *hinomi, const struct alert_notice *notice,
                             struct buf *buf);
/* The agent's id from now on; with whatever guards alerts held. */
void alert_hinomi_set_agent(struct alert_hinomi *hinomi, struct str agent);
