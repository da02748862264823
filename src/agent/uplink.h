/*
 * uplink: the agent's side of the way to its server: what is sent when, and what answers mean.
 *
 *     spool ── batches ──┐
 *     heartbeats ────────┼── one thread ── socket ── process with the network (uplink_process.h)
 *     bundles, orders ───┘
 *
 * Nothing here holds the event path: it reads the spool's files and sends messages. Everything that comes back is
 * checked: acknowledgements against what was handed out, bundles by whoever applies them.
 */
#pragma once

#include "agent/identity.h"
#include "agent/spool.h"
#include "agent/uplink_wire.h"

#include <stdbool.h>
#include <stdint.h>

#define UPLINK_HEARTBEAT_S   10
#define UPLINK_GATHER_MS     20 /* records are waited for that long before a batch is sent */
#define UPLINK_BACKOFF_MS    500
#define UPLINK_BACKOFF_MOST  60000
#define UPLINK_BACKOFF_HEARD 6500 /* while it answers other errands; up to half more by chance */
#define UPLINK_REVOKED_S     300  /* between attempts of one that was refused */

enum uplink_state {
    UPLINK_STARTING,  /* not enrolled, or no answer yet */
    UPLINK_CONNECTED, /* the last answer was one */
    UPLINK_CUT_OFF,   /* no answer, or failing ones */
    UPLINK_REVOKED,
    UPLINK_CLONED,
    UPLINK_TOKEN_REFUSED,
};

/* A bundle, a delta or orders, as they came. */
struct uplink_bundle {
    const char *type, *signature; /* headers */
    uint64_t version;
    struct buf *body; /* may be taken: replaced by an empty one */
};

struct uplink_config {
    struct spool *spool;             /* borrowed */
    const char *dir;                 /* of identity.json; borrowed */
    const char *token;               /* to enrol with; NULL: none; borrowed */
    int socket;                      /* of uplink_fork(); taken */
    const struct identity *identity; /* that is there already; NULL: none */
    /* All by the uplink's thread. */
    void (*enrolled)(void *data, const struct identity *identity);
    void (*enrol_body)(void *data, struct buf *json);
    void (*heartbeat)(void *data, struct buf *json);
    /* True: it is being applied, uplink_applied() follows. */
    bool (*bundle)(void *data, const struct uplink_bundle *bundle);
    /* What to poll for: the version that is there, the last order that was taken. */
    void (*have)(void *data, uint64_t *ret_version, uint64_t *ret_order);
    void *data;
};

struct uplink;

int uplink_new(const struct uplink_config *config, struct uplink **ret, struct err *err);
/* Tries for `ms` to send what is in the spool, then ends. */
void uplink_free(struct uplink *uplink, unsigned ms);
/* Any thread: the spool has something. */
void uplink_wake(void *uplink);
/* Any thread: a heartbeat at once, and another poll; later, and later again, when it was refused. */
void uplink_applied(struct uplink *uplink, bool good);

#define UPLINK_ORDERS_MAX 64 /* outcomes that wait to be told; more are forgotten */
/* Any thread: what became of an order. */
void uplink_order_done(struct uplink *uplink, uint64_t id, bool ok, const char *why);

struct uplink_stats {
    enum uplink_state state;
    uint64_t batches, records, resends, refused, failures, renewals, workers;
    uint64_t heartbeats, polls;
    int64_t last_answer_ms; /* 0: none yet */
    char error[256];        /* of the last failure, until an answer comes */
};
void uplink_get_stats(struct uplink *uplink, struct uplink_stats *ret);
/* How long nothing is asked after so many failures in a row, before chance makes it half less to half more. */
uint64_t uplink_back_off_ms(uint32_t failures, bool heard);
const char *uplink_state_text(enum uplink_state state);
