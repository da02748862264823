/*
 * spool_server: takes what a spool hands out as the server does: contiguous, each once, gaps counted.
 */
#pragma once

#include "../test.h"

#include "agent/spool.h"

#include <string.h>
#include <unistd.h>

#define SERVER_IDS_MAX 400000

struct spool_server {
    uint64_t cursor;
    uint64_t got, lost, gaps; /* records, numbers in gaps, records of them */
    uint64_t lost_by_band[SPOOL_BANDS];
    uint32_t whys;                /* a bit each */
    uint8_t seen[SERVER_IDS_MAX]; /* by the number in the payload {"id":N,...} */
};

static inline void server_take(struct spool_server *v, const struct spool_record *r)
{
    uint64_t n = r->n <= v->cursor ? v->cursor + 1 : r->n; /* a part of a range was there */
    assert_true(r->to >= r->n);
    if (r->to <= v->cursor) {
        return; /* a resend */
    }
    assert_int_equal(n, v->cursor + 1);
    v->cursor = r->to;
    if (r->kind == SPOOL_DROPPED) {
        struct spool_dropped dropped;
        uint64_t sum = 0;
        memcpy(&dropped, r->payload.p, sizeof(dropped));
        for (unsigned b = 0; b < SPOOL_BANDS; b++) {
            v->lost_by_band[b] += dropped.counts[b];
            sum += dropped.counts[b];
        }
        assert_int_equal(sum, r->to - r->n + 1);
        v->lost += r->to - n + 1;
        v->gaps++;
        v->whys |= 1u << dropped.why;
        return;
    }
    unsigned long id = 0;
    assert_int_equal(sscanf(r->payload.p, "{\"id\":%lu", &id), 1);
    assert_true(id < SERVER_IDS_MAX);
    assert_int_equal(v->seen[id], 0);
    v->seen[id] = 1;
    v->got++;
}

/* What one batch holds, read as the uplink does. */
static inline void server_receive(struct spool_server *v, const struct spool_batch *b)
{
    static char bytes[SPOOL_SEGMENT_BYTES];
    struct spool_scan scan;
    struct spool_record record;
    uint64_t base = b->at & ~(uint64_t)(SPOOL_SLOT - 1);
    ssize_t n = pread(b->fd, bytes, b->end - base, (off_t)base);
    assert_int_equal(n, b->end - base);
    uint64_t before = v->cursor;
    spool_scan_init(&scan, bytes, (size_t)n, b->at - base, b->first, b->last);
    uint32_t records = 0;
    while (spool_scan_next(&scan, &record)) {
        server_take(v, &record);
        records++;
    }
    assert_true(v->cursor >= b->last || before >= b->last);
    assert_int_equal(records, b->records);
}

/* One batch; false: there is none. */
static inline bool server_step(struct spool_server *v, struct spool *s, bool ack)
{
    struct spool_batch b;
    int r = spool_next(s, SPOOL_BATCH_RECORDS, &b);
    assert_true(r >= 0);
    if (r == 0) {
        return false;
    }
    server_receive(v, &b);
    close(b.fd);
    if (ack) {
        assert_int_equal(spool_acknowledge(s, b.last), 0);
    }
    return true;
}
