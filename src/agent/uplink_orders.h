/*
 * uplink_orders: what the server's users ask for: processes killed, containers stopped or paused, captures, and
 * detections as a test.
 *
 * Done by the responses, within their limits, and reported as they are. Each order is done once: the last one's
 * number is kept in DIR/orders.
 */
#pragma once

#include "agent/respond.h"
#include "base/str.h"

#define ORDERS_MAX      1000 /* of one answer */
#define ORDERS_TEXT_MAX ((size_t)1 << 20)

/* 0: none yet. */
uint64_t orders_last(const char *dir);
/* `json`: verified. Those for this agent, newer than *last, and not expired; *last becomes the newest. */
struct orders_to {
    struct respond *respond;
    void (*done)(void *data, uint64_t id, bool ok, const char *why); /* as of respond_order() */
    bool (*test)(void *data, uint64_t id); /* makes an alert; false: it could not */
    void *data;
};
void orders_do(const struct orders_to *to, const char *dir, const char *agent, struct str json,
               uint64_t *last);
