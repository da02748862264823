/*
 * replay: `.scap` captures as a sensor, and the writer.
 *
 * Reads plain and gzip files, pipes too, streaming: memory is bounded by the largest block
 * (REPLAY_BLOCK_MAX) whatever the compression ratio.
 */
#pragma once

#include "base/err.h"
#include "event/state.h"
#include "sensor/sensor.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REPLAY_BLOCK_MAX ((size_t)32 << 20)

/* path "-": standard input. Reads up to the first event, filling `state` (which must outlive it). */
int replay_open(const char *path, struct state *state, struct sensor **ret, struct err *err);

struct replay_options {
    bool unthreaded; /* read and inflate in the caller's thread */
    bool zlib;       /* inflate by zlib though ISA-L is there */
};

int replay_open_with(const char *path, const struct replay_options *options, struct state *state,
                     struct sensor **ret, struct err *err);
/* Name of the machine the capture was made on; empty unknown. Lives as long as the sensor. */
struct str replay_host(const struct sensor *sensor);

struct capture_writer;

/* Events in the event table of sysdig 0.29: enter and exit pairs. gzip when level > 0. */
int capture_writer_new(int fd, int gzip_level, struct capture_writer **ret, struct err *err);
/* Machine, interface, user, process and descriptor lists from the state; once, before events. */
int capture_write_state(struct capture_writer *writer, const struct state *state, struct err *err);
/* An event of any kind we know. Exit events of new layout become a pair of old layout. */
int capture_write_event(struct capture_writer *writer, const struct event *event, struct err *err);
/* Flushes, closes nothing but itself. */
int capture_writer_finish(struct capture_writer *writer, struct err *err);
void capture_writer_free(struct capture_writer *writer);
