/*
 * Joins chunks where a run straddles them.
 *
 * Carrying over copies the unread end of one chunk into the headroom before the next one's bytes, so
 * that the run is contiguous and everything after it is still in place.
 */
#include "sensor/replay/stream.h"

#include "base/arena.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Takes the next chunk, with `carried` <= SOURCE_HEADROOM unread bytes put before it. */
static int advance(struct stream *s, struct err *err)
{
    size_t carried = (size_t)(s->end - s->p);
    struct source_chunk chunk;
    int r = source_next(s->source, &chunk, err);
    if (r <= 0) {
        return r;
    }
    if (carried) {
        memcpy(chunk.data - carried, s->p, carried);
    }
    s->p = chunk.data - carried;
    s->end = chunk.data + chunk.n;
    s->end_offset = chunk.offset + chunk.n;
    s->in = chunk.in;
    return 1;
}

int stream_peek_slow(struct stream *s, size_t n, struct err *err)
{
    while ((size_t)(s->end - s->p) < n) {
        int r = advance(s, err);
        if (r <= 0) {
            return r;
        }
    }
    return 1;
}

static int make_large(struct stream *s, size_t n, struct err *err)
{
    if (s->large_size >= n) {
        return 0;
    }
    free(s->large);
    s->large = mem_alloc(n);
    s->large_size = s->large ? n : 0;
    return s->large ? 0 : err_set(err, -ENOMEM, "out of memory for a block of %zu bytes", n);
}

static int take_large(struct stream *s, size_t n, const uint8_t **ret, struct err *err)
{
    size_t have = 0;
    int r = make_large(s, n, err);
    if (r < 0) {
        return r;
    }
    for (;;) {
        size_t left = (size_t)(s->end - s->p);
        size_t part = left < n - have ? left : n - have;
        if (part) {
            memcpy(s->large + have, s->p, part);
            have += part;
            s->p += part;
        }
        if (have == n) {
            *ret = s->large;
            return 1;
        }
        r = advance(s, err);
        if (r <= 0) {
            return r;
        }
    }
}

int stream_take_slow(struct stream *s, size_t n, const uint8_t **ret, struct err *err)
{
    if (n > SOURCE_HEADROOM) {
        return take_large(s, n, ret, err);
    }
    int r = stream_peek_slow(s, n, err);
    if (r > 0) {
        *ret = s->p;
        s->p += n;
    }
    return r;
}

void stream_done(struct stream *s)
{
    source_close(s->source);
    free(s->large);
    *s = (struct stream){ 0 };
}
