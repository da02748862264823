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

struct capture_writer_stats {
    uint64_t events;  /* given */
    uint64_t written; /* in the capture; more, where pairs were made, or fewer */
    uint64_t mapped;  /* of later kinds, written as the nearest older one or as a generic call */
    uint64_t skipped; /* of kinds for which there is nothing older */
    uint64_t cut;     /* parameters shortened to fit */
    uint64_t bytes;   /* before compression */
};

/*
 * Writes the event table of sysdig 0.29 (format 1.2), gzip when level (1..9) > 0:
 *
 * - Exit events carry the parameters that table has; one whose enter event was not written just before
 *   for its thread gets one made of its later parameters.
 * - Kinds that are only a later number of a call (dup3, pipe2, accept4) become the older kind; other
 *   calls become a generic event with the call's name and without parameters; events that are no calls
 *   (users, DNS) are skipped.
 *
 * The descriptor stays the caller's.
 */
int capture_writer_new(int fd, int gzip_level, struct capture_writer **ret, struct err *err);
/*
 * From now on events are written as they are: today's kinds with all their parameters, and what is known
 * of them beyond (resolved paths, how far the result is known). Readers of the newest format take them.
 */
void capture_writer_newest(struct capture_writer *writer);
/* Machine, interface, user, thread and descriptor lists from the state; once, before events. Known
 * containers follow as events with the first event's time. */
int capture_write_state(struct capture_writer *writer, const struct state *state, struct err *err);
int capture_write_event(struct capture_writer *writer, const struct event *event, struct err *err);
/* Whole blocks that another writer made (lists, events), as they are. */
int capture_write_blocks(struct capture_writer *writer, const void *blocks, size_t n,
                         struct err *err);
/* What a writer puts before its first block. */
#define CAPTURE_SECTION_SIZE 28
/* Flushes; nothing may be written after it. */
int capture_writer_finish(struct capture_writer *writer, struct err *err);
void capture_writer_free(struct capture_writer *writer);
void capture_writer_get_stats(const struct capture_writer *writer,
                              struct capture_writer_stats *ret);
