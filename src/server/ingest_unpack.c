/*
 * ingest_unpack: zstd with an end: neither the window nor the result grows beyond its limit, whatever a frame
 * says of itself.
 */
#include "server/ingest_internal.h"

#include "base/cleanup.h"

#include <errno.h>
#include <zstd.h>

static void free_stream(ZSTD_DStream *stream)
{
    ZSTD_freeDStream(stream);
}

CLEANUP_DEFINE(ZSTD_DStream, free_stream);

static int unpack(ZSTD_DStream *stream, struct str packed, struct buf *to)
{
    ZSTD_inBuffer in = { packed.p, packed.n, 0 };
    size_t step = ZSTD_DStreamOutSize();
    size_t left = 1;
    bool more = true;
    while (more) { /* into all the room there is: a frame that fits needs no window of its own */
        size_t most = to->capacity - to->n > step ? to->capacity - to->n : step;
        size_t room = to->limit - to->n < most ? to->limit - to->n : most;
        char *at = buf_reserve(to, room ? room : 1);
        if (!at) {
            return to->n == to->limit ? -EFBIG : -ENOMEM;
        }
        ZSTD_outBuffer out = { at, room, 0 };
        left = ZSTD_decompressStream(stream, &out, &in);
        if (ZSTD_isError(left)) {
            return -EINVAL;
        }
        to->n += out.pos;
        more = in.pos < in.size || (left != 0 && out.pos == out.size);
    }
    return left == 0 ? 0 : -EINVAL;
}

int ingest_unpack(struct str packed, struct buf *to)
{
    unsigned long long said = ZSTD_getFrameContentSize(packed.p, packed.n);
    buf_init(to, INGEST_PLAIN_MAX + 1);
    if (said <= INGEST_PLAIN_MAX) { /* unknown and wrong sizes are huge numbers */
        buf_reserve(to, (size_t)said + 1);
    }
    ZSTD_DStream *stream CLEANUP(cleanup_free_stream) = ZSTD_createDStream();
    if (!stream ||
        ZSTD_isError(ZSTD_DCtx_setParameter(stream, ZSTD_d_windowLogMax, INGEST_WINDOW_LOG))) {
        return -ENOMEM;
    }
    int r = unpack(stream, packed, to);
    return r == 0 && to->n > INGEST_PLAIN_MAX ? -EFBIG : r;
}
