/*
 * spool_record: what lies in a file of the spool, and how it is read again after anything happened to it.
 *
 *     segment = head (64 bytes), records; the rest is zero, or left over from an older use
 *     record  = head (48 bytes: magic, CRC-32C of all that follows it, numbers, time, length, kind, severity),
 *               payload, zeros up to a multiple of 8
 *
 * Records are numbered without a hole. A record of dropped ones stands for a range and begins at a multiple of
 * 128, so that rewriting it in place never crosses a sector. Payloads are JSON but for dropped ones; JSON has
 * no byte of the magic, so nobody can write a record inside an alert.
 */
#pragma once

#include "base/buf.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SPOOL_SEGMENT_BYTES ((size_t)4 << 20)
#define SPOOL_SEGMENT_HEAD  ((size_t)64)
#define SPOOL_RECORD_HEAD   ((size_t)48)
#define SPOOL_LINE_MAX      ((size_t)256 << 10) /* of a line that is sent */
#define SPOOL_PAYLOAD_MAX   (SPOOL_LINE_MAX - 128)
#define SPOOL_SLOT          ((size_t)128) /* of a record of dropped ones */
#define SPOOL_ID_DIGITS     16

enum spool_kind { SPOOL_ALERT = 1, SPOOL_ACTIVITY, SPOOL_GAP, SPOOL_DROPPED };

/* What is dropped first comes first. */
enum spool_band {
    SPOOL_BAND_ACTIVITY,
    SPOOL_BAND_INFO,
    SPOOL_BAND_LOW,
    SPOOL_BAND_MEDIUM,
    SPOOL_BAND_HIGH,
    SPOOL_BAND_CRITICAL,
    SPOOL_BAND_GAP,
    SPOOL_BANDS,
};

/* Why records are gone. */
enum spool_why {
    SPOOL_FULL = 1, /* spool.max_bytes */
    SPOOL_NO_SPACE, /* of the file system */
    SPOOL_IO_ERROR,
    SPOOL_TOO_LARGE,
    SPOOL_DAMAGED, /* found unreadable */
    SPOOL_REFUSED, /* by the server */
    SPOOL_LOST,    /* acknowledged once, by a server that does not have it any more */
};

/* Payload of SPOOL_DROPPED. */
struct spool_dropped {
    uint64_t counts[SPOOL_BANDS];
    int64_t from_ms, to_ms;
    uint32_t why; /* enum spool_why */
    uint32_t unused;
};

struct spool_record {
    uint64_t n, to; /* to > n: a range, SPOOL_DROPPED only */
    int64_t time_ms;
    uint8_t kind, severity; /* severity in tenths */
    struct str payload;     /* borrowed */
};

uint32_t spool_crc32c(uint32_t crc, const void *p, size_t n); /* crc: 0, or of what comes before */
enum spool_band spool_band_of(uint8_t kind, uint8_t severity);
/* Bytes that a payload takes in a segment. */
size_t spool_record_size(size_t payload);
/* The head of a record, SPOOL_RECORD_HEAD bytes. */
void spool_record_head(const struct spool_record *record, uint8_t *ret);
/* Text of an enum spool_why as the kind of a gap: "spool_full". */
const char *spool_why_text(uint32_t why);
/*
 * One line of a batch: {"n":1,"alert":{...}}. Agent: alerts are made to carry its id, whichever they were written
 * with (one that enrols later, or anew); empty: as they are. Fails as the buffer does.
 */
void spool_put_line(const struct spool_record *record, struct str agent, struct buf *buf);

/* ---- segments */

struct spool_segment_head {
    char id[SPOOL_ID_DIGITS];
    uint64_t first; /* number of the first record */
    uint64_t last;  /* written whole, with records up to this one; 0: open */
};

void spool_segment_head_put(const struct spool_segment_head *head, uint8_t *ret);
/* False: it is none. */
bool spool_segment_head_get(const uint8_t *p, struct spool_segment_head *ret);

/*
 * Reads a segment's bytes in order. What cannot be read and is followed by something that can, or by a number
 * that must exist (`last`), is returned as a record of dropped ones, SPOOL_DAMAGED. A tail that was torn off
 * ends it.
 */
#define SPOOL_SCAN_WORK ((size_t)64 << 20) /* bytes checked in search of a record */

struct spool_scan {
    const uint8_t *p;
    size_t n;        /* bytes of the segment */
    size_t at;       /* behind the last record */
    uint64_t next;   /* the number expected */
    uint64_t last;   /* that must exist; 0: not known */
    size_t work;     /* spent */
    int64_t time_ms; /* of the last record */
    struct spool_dropped damage;
};

/* at: of the first record to read, which has this number. */
void spool_scan_init(struct spool_scan *scan, const void *p, size_t n, size_t at, uint64_t next,
                     uint64_t last);
/* False: no more. The record is valid until the next call. */
bool spool_scan_next(struct spool_scan *scan, struct spool_record *ret);
