/*
 * spool_internal: what the files of the spool share; nobody else includes it.
 */
#pragma once

#include "agent/spool.h"

#include <pthread.h>

#define SPOOL_SLOTS_BYTES                                                                          \
    ((size_t)16 << 10)      /* at the end of each segment, for records of dropped ones */
#define SPOOL_SLOTS_KEPT  8 /* of them: an open one is not handed out below that */
#define SPOOL_SPARES      4 /* segments made ahead: to go on with; the last one is to make room in */
#define SPOOL_NAME_MAX    32
#define SPOOL_CURSOR_SIZE 32

struct spool_segment {
    uint64_t file;        /* its name is this number */
    uint64_t first, last; /* last: first - 1 while it is empty */
    size_t end;           /* of its records */
    uint32_t bytes[SPOOL_BANDS];
    uint32_t counts[SPOOL_BANDS];
    int64_t oldest_ms;
    bool pinned; /* is being read without the lock */
};

/* The record of dropped ones at the very end, which grows. */
struct spool_open_gap {
    bool is_open;
    bool written; /* as it is in the file */
    size_t at;
    uint64_t n, to;
    struct spool_dropped dropped;
};

struct spool {
    struct spool_config config;
    char id[SPOOL_ID_DIGITS + 1];
    int dir, lock_fd, cursor_fd;
    pthread_t thread;
    pthread_mutex_t lock; /* guards all below; held for a write at most */
    pthread_cond_t work;  /* for the thread */
    pthread_cond_t synced;
    bool started, stopping;

    struct spool_segment *segments; /* by numbers; the last one is written to */
    uint32_t nsegments, capacity;
    int fd;                    /* of the last one; closed by the thread alone */
    int old_fds[SPOOL_SPARES]; /* of those before, until they are synced */
    uint32_t nold;
    struct {
        uint64_t file;
        int fd;
    } spares[SPOOL_SPARES];
    uint32_t nspares;
    uint64_t next_file;
    uint8_t pressure; /* when full: what is not more severe is dropped itself */

    uint64_t next;         /* number */
    uint64_t durable;      /* on the disk up to this one */
    uint64_t acknowledged; /* by the server */
    uint64_t granted;      /* handed out; may have arrived */
    struct {
        uint64_t file, n;
        size_t at;
    } place;       /* of record n, known from the last batch */
    char *window;  /* what batches are read into; of who calls spool_next() */
    char *scratch; /* the thread's, a segment's size, when it was needed */
    struct spool_open_gap gap;
    struct spool_stats stats;
};

/* ---- spool_files.c */

int spool_open_dir(struct spool *spool, struct err *err);
int spool_write_id(struct spool *spool, struct err *err);
int spool_write_cursor(struct spool *spool, bool sync);
int spool_read_cursor(struct spool *spool, uint64_t *ret_acknowledged, uint64_t *ret_granted);
int spool_segment_open(const struct spool *spool, uint64_t file, int flags);
/* A new file of a segment's size, zeros, no head. The descriptor. */
int spool_segment_make(const struct spool *spool, uint64_t file);
int spool_segment_head_write(const struct spool *spool, int fd, uint64_t first, uint64_t last);
void spool_segment_remove(const struct spool *spool, uint64_t file);
/* Without the head, a segment counts for nothing: a spare. */
int spool_segment_blank(int fd);
int spool_segment_add(struct spool *spool, const struct spool_segment *segment);
/* The place of segments and spares in `bytes`. */
uint64_t spool_bytes(const struct spool *spool); /* under the lock */
/* Reads a segment's bytes up to `end` from `from` on. Short files read as zeros. */
int spool_segment_read(int fd, void *p, size_t from, size_t end);
void spool_segment_count(struct spool_segment *segment, const struct spool_record *record,
                         size_t size);

/* ---- spool.c; under the lock */

/* Numbers n to `to` are gone, at the end of what is written. */
int spool_write_dropped(struct spool *spool, uint64_t to, const struct spool_dropped *dropped);
/* Goes on in a spare. -ENOSPC: there is none. */
int spool_rotate(struct spool *spool);

/* ---- spool_recover.c: finds what there is */

int spool_recover(struct spool *spool, struct err *err);

/* ---- spool_thread.c */

int spool_start(struct spool *spool, struct err *err);
void spool_stop(struct spool *spool);

/* ---- spool_trim.c: room by dropping; the thread's */

/* True: a spare more. */
bool spool_trim(struct spool *spool);
