/*
 * outlet: text to a descriptor by a thread of its own, so that a slow reader holds nobody back.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"

#include <stdint.h>

struct outlet;

/* The descriptor stays the caller's. At most `max` bytes wait; what does not fit is dropped whole. */
int outlet_new(int fd, size_t max, struct outlet **ret, struct err *err);
/* Writes what waits, then ends. */
void outlet_free(struct outlet *outlet);
/* Any thread. -ENOBUFS: dropped and counted. */
int outlet_put(struct outlet *outlet, const void *p, size_t n);
/* Until everything put so far was written, or writing failed. */
void outlet_drain(struct outlet *outlet);
uint64_t outlet_dropped(struct outlet *outlet);
