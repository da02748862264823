/*
 * uplink_body: the bytes of a segment that were handed out become the lines of a batch, compressed.
 */
#include "agent/uplink_internal.h"

#include "agent/spool.h"
#include "base/arena.h"
#include "base/cleanup.h"

#include <errno.h>
#include <string.h>
#include <zstd.h>

#define ZSTD_LEVEL 3

static int compress(const struct buf *plain, struct buf *body)
{
    size_t most = ZSTD_compressBound(plain->n);
    char *to = buf_reserve(body, most);
    size_t n = to ? ZSTD_compress(to, most, plain->p, plain->n, ZSTD_LEVEL) : 0;
    if (!to || ZSTD_isError(n)) {
        return -ENOMEM;
    }
    body->n += n;
    return 0;
}

/* Numbers that are told as gone instead of their records. */
static void put_gone(uint64_t n, uint64_t to, uint32_t why, int64_t time_ms, struct buf *plain)
{
    struct spool_dropped dropped = { .why = why, .from_ms = time_ms, .to_ms = time_ms };
    dropped.counts[SPOOL_BAND_GAP] = to - n + 1;
    spool_put_line(&(struct spool_record){ .n = n,
                                           .to = to,
                                           .kind = SPOOL_DROPPED,
                                           .payload = str_from(&dropped, sizeof(dropped)) },
                   (struct str){ 0 }, plain);
}

static bool is_refused(const struct uplink_message *batch, uint64_t n)
{
    for (uint32_t i = 0; i < batch->nrefused && i < UPLINK_REFUSED_MAX; i++) {
        if (batch->refused[i] == n) {
            return true;
        }
    }
    return false;
}

static void put_records(const struct uplink_message *batch, struct spool_scan *scan,
                        struct str agent, struct buf *plain)
{
    struct spool_record record;
    while (!plain->failed && spool_scan_next(scan, &record)) {
        record.n = record.n < batch->first ? batch->first : record.n;
        if (record.to < batch->first) {
            continue;
        }
        if (plain->n == 0 && batch->lost) {
            put_gone(batch->lost, batch->first - 1, SPOOL_LOST, record.time_ms, plain);
        }
        if (is_refused(batch, record.n)) {
            put_gone(record.n, record.to, SPOOL_REFUSED, record.time_ms, plain);
        } else {
            spool_put_line(&record, agent, plain);
        }
    }
}

int uplink_batch_body(const struct uplink_message *batch, int fd, struct str agent,
                      struct buf *plain, struct buf *body)
{
    uint64_t base = batch->at & ~(uint64_t)(SPOOL_SLOT - 1);
    if (batch->end < batch->at || batch->end > SPOOL_SEGMENT_BYTES) {
        return -EINVAL;
    }
    size_t n = batch->end - base;
    CLEANUP(cleanup_free) char *bytes = mem_alloc(n ? n : 1);
    if (!bytes) {
        return -ENOMEM;
    }
    for (size_t at = 0; at < n;) {
        ssize_t got = pread(fd, bytes + at, n - at, (off_t)(base + at));
        if (got <= 0) {
            return got < 0 ? -errno : -EIO;
        }
        at += (size_t)got;
    }
    struct spool_scan scan;
    spool_scan_init(&scan, bytes, n, batch->at - base, batch->first, batch->last);
    buf_clear(plain);
    buf_clear(body);
    put_records(batch, &scan, agent, plain);
    return plain->failed || plain->n == 0 ? -EINVAL : compress(plain, body);
}
