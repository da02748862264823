/*
 * spool: what has to reach the server, on disk before its event is answered.
 *
 *     event path ── spool_append(): one write() ── segment files ── own thread: fsync, room, removal
 *                                                        └── spool_next(): what may be sent now
 *
 * Records are numbered from 1 on without a hole, for as long as the directory lives. A killed agent loses
 * nothing; a machine that loses power loses what was not synced yet, none of which was sent. When there is no
 * room (spool.max_bytes, or the file system's) the least severe go first, and a record of dropped ones stands in
 * their place. What was handed out by spool_next() stays as it is until it is acknowledged, also over a restart:
 * it may have arrived.
 *
 * Files: `id`, `lock`, `cursor`, `*.seg` (spool_record.h). One process at a time.
 */
#pragma once

#include "agent/spool_record.h"
#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>

#define SPOOL_MAX_BYTES_DEFAULT ((uint64_t)256 << 20)
#define SPOOL_MAX_BYTES_LEAST   (6 * (uint64_t)SPOOL_SEGMENT_BYTES)
#define SPOOL_SEGMENTS_MAX      4096
#define SPOOL_BATCH_RECORDS     500
#define SPOOL_BATCH_BYTES       ((size_t)2 << 20)

struct spool;

struct spool_config {
    const char *dir;    /* made if it is not there, 0700 */
    uint64_t max_bytes; /* 0: the default */
    /* Something may be sent that could not before; called by the spool's thread. NULL: nobody. */
    void (*ready)(void *data);
    void *data;
};

/* -EBUSY: another process has it. Logs nothing; err says what is wrong. Starts a thread. */
int spool_open(const struct spool_config *config, struct spool **ret, struct err *err);
/* Syncs what is there. */
void spool_free(struct spool *spool);

struct spool_entry {
    enum spool_kind kind; /* but SPOOL_DROPPED */
    uint8_t severity;     /* in tenths */
    int64_t time_ms;
    struct str payload; /* JSON, one line without its end */
};

/* Any thread; allocates nothing. 0: it is in the file; -ENOSPC, -EMSGSIZE, -EIO: dropped, which is recorded. */
int spool_append(struct spool *spool, const struct spool_entry *entry);
/* One that could not be made. */
void spool_lose(struct spool *spool, const struct spool_entry *entry, enum spool_why why);
/* Everything appended so far is on the disk. */
int spool_sync(struct spool *spool);
/* 16 hex digits and a NUL. */
void spool_get_id(struct spool *spool, char ret[SPOOL_ID_DIGITS + 1]);

/* ---- towards the server; one thread */

/* Records that are on the disk, contiguous, in one segment. */
struct spool_batch {
    int fd;               /* of the segment, read only; the caller's to close */
    uint64_t first, last; /* numbers */
    uint64_t at, end;     /* bytes in the file */
    uint32_t records;
};
/*
 * The next ones after those acknowledged, the same again until they are. 1: there are; 0: none; -errno. At most
 * `records` of them.
 */
int spool_next(struct spool *spool, uint32_t records, struct spool_batch *ret);
/* The server has everything up to `n`. -ERANGE: more than was handed out. */
int spool_acknowledge(struct spool *spool, uint64_t n);
/* The server wants to go on at `n`, before what is acknowledged: as far as it is still here. The first number
 * that is. */
uint64_t spool_rewind(struct spool *spool, uint64_t n);
/* The server knows more of this spool than there ever was (an older copy of the directory): it becomes another
 * spool, its numbers go on. */
int spool_renew(struct spool *spool);

struct spool_stats {
    uint64_t bytes, max_bytes;                /* of segments */
    uint64_t records;                         /* not acknowledged yet */
    uint64_t appended, acknowledged, durable; /* numbers */
    uint64_t dropped[SPOOL_BANDS];            /* since the start */
    uint64_t syncs, sync_errors, write_errors, damaged;
    int64_t oldest_ms; /* of what is not acknowledged; 0: nothing */
    bool full;
    int error; /* the last errno that kept it from writing; 0: none since */
};
void spool_get_stats(struct spool *spool, struct spool_stats *ret);
