/*
 * outlet: text to a descriptor by a thread of its own, so that a slow reader holds nobody back.
 */
#pragma once

#include "agent/lag.h"
#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define OUTLET_STAMPS 1024 /* events told apart in one write; later ones count as the last */

struct outlet;

/* The descriptor stays the caller's. At most `max` bytes wait; what does not fit is dropped whole. */
int outlet_new(int fd, size_t max, struct outlet **ret, struct err *err);
/* Writes what waits, then ends. */
void outlet_free(struct outlet *outlet);
/* Any thread. -ENOBUFS: dropped and counted. */
int outlet_put(struct outlet *outlet, const void *p, size_t n);
/* The same of an event's alerts; ts_ns (CLOCK_REALTIME) is when it happened. */
int outlet_put_event(struct outlet *outlet, const void *p, size_t n, uint64_t ts_ns);
/* Until everything put so far was written, or writing failed. */
void outlet_drain(struct outlet *outlet);
uint64_t outlet_dropped(struct outlet *outlet);

struct outlet_stats {
    uint64_t dropped;
    size_t waiting; /* bytes */
    bool broken;    /* nothing will be written any more */
    struct lag lag; /* of events' alerts, when they were written */
};
void outlet_get_stats(struct outlet *outlet, struct outlet_stats *ret);
