/*
 * stream: contiguous runs of a source's bytes, whatever the chunks.
 *
 * stream_take() is the reader's hot path: a pointer into the chunk. Runs that straddle chunks are joined
 * in the headroom of the next chunk, or, above SOURCE_HEADROOM, in a buffer of exactly their size.
 */
#pragma once

#include "sensor/replay/source.h"

struct stream {
    struct source *source;
    const uint8_t *p, *end; /* unread bytes of the current chunk (and what was carried over) */
    uint64_t end_offset;    /* of `end` in the uncompressed stream */
    uint64_t in;            /* bytes of the file used so far, as of this chunk */
    uint8_t *large;
    size_t large_size;
};

static inline uint64_t stream_offset(const struct stream *stream)
{
    return stream->end_offset - (uint64_t)(stream->end - stream->p);
}

/*
 * As the inline forms below, across chunks. 1; 0: the input ends before n bytes (what is left stays
 * unread); negative: the source's error.
 */
int stream_peek_slow(struct stream *stream, size_t n, struct err *err);
int stream_take_slow(struct stream *stream, size_t n, const uint8_t **ret, struct err *err);
void stream_done(struct stream *stream);

/* Makes n <= SOURCE_HEADROOM bytes available at stream->p without reading past them. */
static inline int stream_peek(struct stream *stream, size_t n, struct err *err)
{
    return (size_t)(stream->end - stream->p) >= n ? 1 : stream_peek_slow(stream, n, err);
}

/* The next n bytes, valid until the next call. */
static inline int stream_take(struct stream *stream, size_t n, const uint8_t **ret, struct err *err)
{
    if ((size_t)(stream->end - stream->p) < n) {
        return stream_take_slow(stream, n, ret, err);
    }
    *ret = stream->p;
    stream->p += n;
    return 1;
}
