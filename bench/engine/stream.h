/*
 * stream: the events that the engine's benchmarks replay: 60 % opens (a third of them fail), 10 % execs,
 * 30 % network and other, by some sixty processes, half of them in containers. Encoded once, applied to
 * the real state as often as one likes.
 */
#pragma once

#include "event/state.h"

#include <stdint.h>

struct stream {
    struct state *state;
    struct event *events;
    uint32_t n;
    uint8_t *data;
    size_t data_n;
};

int stream_init(struct stream *stream, uint32_t events);
void stream_done(struct stream *stream);

/* A path that opens of the stream use; they are as many as STREAM_PATHS. */
#define STREAM_PATHS 1500
void stream_path(uint32_t i, char *ret, size_t size);
