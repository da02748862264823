/*
 * Fuzz target: a segment of the spool, read as a start and the uplink read it. Numbers must come without a hole
 * and not twice, records must lie within the segment, and each must become one line.
 */
#include "fuzz.h"

#include "agent/spool_record.h"

#include <string.h>

/* What a disk may have made of good records: bytes of the input are xor'ed over them. */
static size_t build(const uint8_t *data, size_t size, uint8_t *out, size_t max)
{
    size_t at = 0;
    uint64_t n = 1;
    while (at + 512 < max && n < 64) {
        size_t length = 1 + (n * 37) % 200;
        char payload[256];
        memset(payload, '1', sizeof(payload));
        struct spool_record record = {
            .n = n, .to = n, .kind = SPOOL_ALERT, .payload = str_from(payload, length)
        };
        spool_record_head(&record, out + at);
        memcpy(out + at + SPOOL_RECORD_HEAD, payload, length);
        at += spool_record_size(length);
        n++;
    }
    for (size_t i = 0; i + 3 <= size; i += 3) {
        out[(data[i] | (size_t)data[i + 1] << 8) % at] ^= data[i + 2];
    }
    return at;
}

static void read_all(const uint8_t *p, size_t n, uint64_t last)
{
    struct spool_scan scan;
    struct spool_record record;
    uint64_t next = 1;
    struct buf line;
    buf_init(&line, 2 * SPOOL_LINE_MAX);
    spool_scan_init(&scan, p, n, 0, 1, last);
    while (spool_scan_next(&scan, &record)) {
        FUZZ_CHECK(record.n == next && record.to >= record.n && scan.at <= n);
        next = record.to + 1;
        buf_clear(&line);
        spool_put_line(&record, STR("a0"), &line);
        FUZZ_CHECK(!line.failed && line.n > 2 && line.p[line.n - 1] == '\n');
    }
    FUZZ_CHECK(!last || next > last);
    buf_done(&line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t segment[16384];
    struct spool_segment_head head;
    if (size >= SPOOL_SEGMENT_HEAD) {
        spool_segment_head_get(data, &head);
    }
    read_all(data, size, 0);
    memset(segment, 0, sizeof(segment));
    size_t n = build(data, size, segment, sizeof(segment));
    read_all(segment, n, 0);
    read_all(segment, n, 80);
    return 0;
}
