/*
 * ring: the latest events in memory, as they came.
 *
 * A fixed block of bytes; an event is copied into it with its parameters and paths, over the oldest ones.
 * Nothing is allocated after ring_new(). Positions only grow; one is valid from ring_begin() on. Not
 * thread-safe: one lock for all of it.
 */
#pragma once

#include "event/event.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RING_BYTES_MIN  ((size_t)64 << 10)
#define RING_BYTES_MAX  ((size_t)1 << 30)
#define RING_RECORD_MAX ((size_t)256 << 10) /* larger events are left out and counted */

struct ring;

/* Bytes are rounded up to a power of two. -EINVAL, -ENOMEM. */
int ring_new(size_t bytes, struct ring **ret);
void ring_free(struct ring *ring);
/* False: too large for the ring. */
bool ring_put(struct ring *ring, const struct event *event);

uint64_t ring_begin(const struct ring *ring); /* of the oldest event */
uint64_t ring_end(const struct ring *ring);   /* of the next one to come */
size_t ring_size(const struct ring *ring);
uint64_t ring_left_out(const struct ring *ring);

/* Whole events from *pos on into `to`, of n >= RING_RECORD_MAX bytes; *pos moves behind them. What was
 * overwritten already is skipped. Returns how many bytes; 0: no more. */
size_t ring_copy(const struct ring *ring, uint64_t *pos, void *to, size_t n);
/* Takes an event off the front of what ring_copy() gave; borrows from it. False: nothing left. */
bool ring_take(const uint8_t **p, size_t *n, struct event *ret);
