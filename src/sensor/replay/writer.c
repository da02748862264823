/*
 * Writer: blocks to a descriptor, through one buffer and zlib.
 *
 * The section header is written when the writer is made. An event is laid out straight in the buffer;
 * only events of kinds with large payloads may be larger than that and go through `block`.
 */
#include "sensor/replay/writer.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/fd.h"

#include <errno.h>
#include <stdlib.h>

#define WINDOW_GZIP (15 + 16)

CLEANUP_DEFINE(struct capture_writer, capture_writer_free);

static int write_out(struct capture_writer *w, const void *p, size_t n, struct err *err)
{
    int r = fd_write_all(w->fd, p, n);
    return r < 0 ? err_set(err, r, "cannot write the capture: %s", strerror(-r)) : 0;
}

static int deflate_out(struct capture_writer *w, int flush, struct err *err)
{
    w->z.next_in = w->plain;
    w->z.avail_in = (uInt)w->n;
    do {
        w->z.next_out = w->packed;
        w->z.avail_out = (uInt)WRITER_BUFFER;
        if (deflate(&w->z, flush) == Z_STREAM_ERROR) {
            return err_set(err, -EINVAL, "cannot compress the capture");
        }
        int r = write_out(w, w->packed, WRITER_BUFFER - w->z.avail_out, err);
        if (r < 0) {
            return r;
        }
    } while (w->z.avail_out == 0);
    return 0;
}

static int flush(struct capture_writer *w, bool finish, struct err *err)
{
    int r = w->gzip ? deflate_out(w, finish ? Z_FINISH : Z_NO_FLUSH, err)
                    : write_out(w, w->plain, w->n, err);
    w->stats.bytes += w->n;
    w->n = 0;
    return r;
}

int writer_put(struct capture_writer *w, const void *p, size_t n, struct err *err)
{
    const uint8_t *from = p;
    while (n) {
        size_t room = WRITER_BUFFER - w->n;
        size_t part = n < room ? n : room;
        memcpy(w->plain + w->n, from, part);
        w->n += part;
        from += part;
        n -= part;
        if (w->n == WRITER_BUFFER) {
            int r = flush(w, false, err);
            if (r < 0) {
                return r;
            }
        }
    }
    return 0;
}

void writer_begin_block(struct capture_writer *w)
{
    buf_clear(&w->block);
    buf_put(&w->block, "\0\0\0\0\0\0\0", 8);
}

int writer_end_block(struct capture_writer *w, uint32_t type, struct err *err)
{
    while (w->block.n % 4 && !w->block.failed) {
        buf_putc(&w->block, 0);
    }
    uint32_t total = (uint32_t)w->block.n + 4;
    buf_put(&w->block, &total, 4);
    if (w->block.failed) {
        return err_set(err, -ENOSPC, "a list is too large for a capture");
    }
    memcpy(w->block.p, &type, 4);
    memcpy(w->block.p + 4, &total, 4);
    return writer_put(w, w->block.p, w->block.n, err);
}

/* Shortens the longest parameter until lengths are 16 bits wide and the block is small enough. */
static size_t fit_params(struct capture_writer *w, struct out_event *out, size_t fixed)
{
    size_t total = fixed;
    for (uint32_t i = 0; i < out->nparams; i++) {
        total += out->params[i].n;
    }
    while (total > EVENT_SIZE_MAX) {
        struct str *longest = &out->params[0];
        for (uint32_t i = 1; i < out->nparams; i++) {
            if (out->params[i].n > longest->n) {
                longest = &out->params[i];
            }
        }
        size_t over = total - EVENT_SIZE_MAX;
        size_t less = over < longest->n ? over : longest->n;
        longest->n -= less;
        total -= less;
        w->stats.cut++;
    }
    return total;
}

static uint8_t *put_u16(uint8_t *p, uint16_t v)
{
    memcpy(p, &v, sizeof v);
    return p + sizeof v;
}

static uint8_t *put_u32(uint8_t *p, uint32_t v)
{
    memcpy(p, &v, sizeof v);
    return p + sizeof v;
}

static uint8_t *put_u64(uint8_t *p, uint64_t v)
{
    memcpy(p, &v, sizeof v);
    return p + sizeof v;
}

struct event_layout {
    uint32_t type, total, length; /* of the block; of the event within */
    bool large;
};

static void lay_out(uint8_t *p, const struct out_event *out, const struct event_layout *layout)
{
    uint8_t *end = p + layout->total - 4;
    p = put_u32(p, layout->type);
    p = put_u32(p, layout->total);
    p = put_u16(p, out->cpu);
    if (out->flags) {
        p = put_u32(p, out->flags);
    }
    p = put_u64(p, out->ts_ns);
    p = put_u64(p, (uint64_t)out->tid);
    p = put_u32(p, layout->length);
    p = put_u16(p, out->kind);
    p = put_u32(p, out->nparams);
    for (uint32_t i = 0; i < out->nparams; i++) {
        uint32_t n = (uint32_t)out->params[i].n;
        p = layout->large ? put_u32(p, n) : put_u16(p, (uint16_t)n);
    }
    for (uint32_t i = 0; i < out->nparams; i++) {
        if (out->params[i].n) {
            memcpy(p, out->params[i].p, out->params[i].n);
            p += out->params[i].n;
        }
    }
    memset(p, 0, (size_t)(end - p));
    put_u32(end, layout->total);
}

static int put_huge(struct capture_writer *w, const struct out_event *out,
                    const struct event_layout *layout, struct err *err)
{
    buf_clear(&w->block);
    char *p = buf_reserve(&w->block, layout->total);
    if (!p) {
        return err_set(err, -ENOMEM, "an event of %u bytes is too large", layout->total);
    }
    lay_out((uint8_t *)p, out, layout);
    return writer_put(w, p, layout->total, err);
}

int writer_put_event(struct capture_writer *w, struct out_event *out, struct err *err)
{
    struct event_layout layout = {
        .large = kind_table[out->kind].flags & KIND_LARGE_PAYLOAD,
        .type = out->flags ? BLOCK_EVENT_FLAGS_V2 : BLOCK_EVENT_V2,
    };
    size_t fixed = EVENT_HEADER_V2 + out->nparams * (layout.large ? 4u : 2u);
    size_t length = fixed;
    if (layout.large) {
        layout.type = out->flags ? BLOCK_EVENT_FLAGS_V2_LARGE : BLOCK_EVENT_V2_LARGE;
        for (uint32_t i = 0; i < out->nparams; i++) {
            length += out->params[i].n;
        }
    } else {
        length = fit_params(w, out, fixed);
    }
    size_t total = (BLOCK_OVERHEAD + (out->flags ? 6u : 2u) + length + 3) & ~(size_t)3;
    if (total > REPLAY_BLOCK_MAX) {
        w->stats.skipped++;
        return 0;
    }
    layout.length = (uint32_t)length;
    layout.total = (uint32_t)total;
    w->stats.written++;
    if (total > WRITER_BUFFER) {
        return put_huge(w, out, &layout, err);
    }
    if (total > WRITER_BUFFER - w->n) {
        int r = flush(w, false, err);
        if (r < 0) {
            return r;
        }
    }
    lay_out(w->plain + w->n, out, &layout);
    w->n += total;
    return 0;
}

static int put_section(struct capture_writer *w, struct err *err)
{
    static const uint16_t version[2] = { SECTION_MAJOR, SECTION_MINOR };
    static const uint32_t magic = SECTION_MAGIC;
    static const int64_t unknown = -1;
    writer_begin_block(w);
    buf_put(&w->block, &magic, 4);
    buf_put(&w->block, version, 4);
    buf_put(&w->block, &unknown, 8);
    return writer_end_block(w, BLOCK_SECTION, err);
}

int capture_writer_new(int fd, int gzip_level, struct capture_writer **ret, struct err *err)
{
    CLEANUP(cleanup_capture_writer_free) struct capture_writer *w = mem_zalloc(sizeof *w);
    if (!w) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    w->fd = fd;
    buf_init(&w->block, REPLAY_BLOCK_MAX);
    buf_init(&w->containers, REPLAY_BLOCK_MAX);
    w->plain = mem_alloc(WRITER_BUFFER);
    w->packed = gzip_level > 0 ? mem_alloc(WRITER_BUFFER) : NULL;
    if (!w->plain || (gzip_level > 0 && !w->packed)) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    if (gzip_level > 0) {
        int level = gzip_level < 9 ? gzip_level : 9;
        if (deflateInit2(&w->z, level, Z_DEFLATED, WINDOW_GZIP, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
            return err_set(err, -ENOMEM, "out of memory");
        }
        w->gzip = true;
    }
    int r = put_section(w, err);
    if (r == 0) {
        *ret = TAKE(w);
    }
    return r;
}

int capture_write_blocks(struct capture_writer *w, const void *blocks, size_t n, struct err *err)
{
    return writer_put(w, blocks, n, err);
}

void capture_writer_newest(struct capture_writer *w)
{
    w->newest = true;
}

int capture_writer_finish(struct capture_writer *w, struct err *err)
{
    if (w->finished) {
        return 0;
    }
    w->finished = true;
    return flush(w, true, err);
}

void capture_writer_free(struct capture_writer *w)
{
    if (!w) {
        return;
    }
    if (w->gzip) {
        deflateEnd(&w->z);
    }
    buf_done(&w->block);
    buf_done(&w->containers);
    map_done(&w->calls);
    free(w->plain);
    free(w->packed);
    free(w);
}

void capture_writer_get_stats(const struct capture_writer *w, struct capture_writer_stats *ret)
{
    *ret = w->stats;
    ret->bytes += w->n;
}
