/*
 * writer: what the files of the capture writer share; nobody else includes it.
 *
 * Output goes through one buffer, compressed when it is flushed. Lists are built in `block`, whose first
 * 8 bytes are the block's header.
 */
#pragma once

#include "base/buf.h"
#include "base/map.h"
#include "sensor/replay/format.h"
#include "sensor/replay/replay.h"

#include <zlib.h>

#define WRITER_BUFFER  ((size_t)256 << 10)
#define EVENT_SIZE_MAX ((size_t)65000) /* of a block with 16-bit lengths; sysdig takes 65,536 */

struct capture_writer {
    int fd;
    bool gzip, finished, newest;
    z_stream z;
    uint8_t *plain, *packed;
    size_t n; /* bytes in `plain` */
    struct buf block;
    struct buf
        containers;   /* JSON waiting for the first event's time: u32 length with itself, text */
    struct map calls; /* tid -> kind + 1 of the enter event written last */
    struct capture_writer_stats stats;
};

/* An event as it is written. */
struct out_event {
    uint64_t ts_ns;
    int64_t tid;
    uint32_t flags;
    uint16_t cpu, kind;
    uint32_t nparams;
    struct str params[KIND_PARAMS_MAX];
    uint64_t numbers[KIND_PARAMS_MAX]; /* what params may point to */
    char path[4096];
};

int writer_put(struct capture_writer *writer, const void *p, size_t n, struct err *err);
int writer_put_event(struct capture_writer *writer, struct out_event *out, struct err *err);

/* Starts and ends a list block. */
void writer_begin_block(struct capture_writer *writer);
int writer_end_block(struct capture_writer *writer, uint32_t type, struct err *err);
