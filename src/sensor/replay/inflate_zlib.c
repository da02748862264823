/*
 * Inflate by zlib: for machines without ISA-L, and the second opinion in tests.
 */
#include "base/arena.h"
#include "sensor/replay/inflate.h"

#include <errno.h>
#include <stdlib.h>
#include <zlib.h>

#define RUN_MAX     ((size_t)1 << 30)
#define WINDOW_GZIP (15 + 16) /* zlib's way to ask for a gzip header */

struct inflater {
    z_stream z;
    bool ended;
};

static struct inflater *zlib_create(void)
{
    struct inflater *inflater = mem_zalloc(sizeof *inflater);
    if (inflater && inflateInit2(&inflater->z, WINDOW_GZIP) != Z_OK) {
        free(inflater);
        return NULL;
    }
    return inflater;
}

static int zlib_run(struct inflater *inflater, struct inflate_io *io, const char **ret_why)
{
    z_stream *z = &inflater->z;
    size_t in_n = io->in_n < RUN_MAX ? io->in_n : RUN_MAX;
    size_t out_n = io->out_n < RUN_MAX ? io->out_n : RUN_MAX;
    if (inflater->ended) {
        inflateReset(z);
        inflater->ended = false;
    }
    z->next_in = (Bytef *)(uintptr_t)io->in;
    z->avail_in = (uInt)in_n;
    z->next_out = io->out;
    z->avail_out = (uInt)out_n;
    int code = inflate(z, Z_NO_FLUSH);
    io->in += in_n - z->avail_in;
    io->in_n -= in_n - z->avail_in;
    io->out += out_n - z->avail_out;
    io->out_n -= out_n - z->avail_out;
    if (code == Z_STREAM_END) {
        inflater->ended = true;
        return 1;
    }
    if (code != Z_OK && code != Z_BUF_ERROR) {
        *ret_why = z->msg ? z->msg : "damaged gzip data";
        return -EBADMSG;
    }
    return 0;
}

static void zlib_destroy(struct inflater *inflater)
{
    if (inflater) {
        inflateEnd(&inflater->z);
        free(inflater);
    }
}

const struct inflater_ops inflater_zlib = { "zlib", zlib_create, zlib_run, zlib_destroy };
