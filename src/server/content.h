/*
 * content: the rules that are kept, for the other modules of the server.
 *
 * All of it may be called from any thread, and with server->content NULL.
 */
#pragma once

#include "base/buf.h"
#include "server/server.h"

#include <stdint.h>

#define CONTENT_ORDER_LIFE_MS 60000 /* unless the order says otherwise */

/* The newest version; 0: none. */
int64_t content_version(const struct server *server);

/* The public key that bundles and orders are signed with, base64: for the answer to an enrolment. */
void content_sign_key(const struct server *server, struct buf *buf);

struct order {
    struct str agent, kind; /* kill, stop, pause, capture */
    struct str container, finding, author;
    int64_t pid, start_ns;
    int64_t expires_ms; /* 0: CONTENT_ORDER_LIFE_MS from now */
};

struct store_audit;

/*
 * To one agent, over its long poll, at once. The audit entry (NULL none) is written with it. *ret_id: what
 * GET /v1/agents/{id}/orders shows, and HUB_AGENT tells when it is over.
 */
int content_order(struct server *server, const struct order *order, const struct store_audit *audit,
                  int64_t *ret_id, struct err *err);
