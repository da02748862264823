/*
 * Inflate by ISA-L, two to three times as fast as zlib.
 *
 * A member's end leaves the state in ISAL_BLOCK_FINISH; the next call resets it and begins the next
 * member. avail_in and avail_out are 32 bits wide, so longer runs are clamped and asked for again.
 */
#include "base/arena.h"
#include "sensor/replay/inflate.h"

#include <errno.h>
#include <isa-l/igzip_lib.h>
#include <stdlib.h>

#define RUN_MAX ((size_t)1 << 30)

struct inflater {
    struct inflate_state state;
};

static void begin_member(struct inflate_state *state)
{
    isal_inflate_init(state);
    state->crc_flag = ISAL_GZIP;
}

static struct inflater *isal_create(void)
{
    struct inflater *inflater = mem_alloc(sizeof *inflater);
    if (inflater) {
        begin_member(&inflater->state);
    }
    return inflater;
}

static const char *isal_why(int code)
{
    switch (code) {
    case ISAL_INVALID_BLOCK:
        return "invalid deflate block";
    case ISAL_INVALID_SYMBOL:
        return "invalid deflate symbol";
    case ISAL_INVALID_LOOKBACK:
        return "reference before the beginning of the data";
    case ISAL_INVALID_WRAPPER:
        return "not a gzip header";
    case ISAL_UNSUPPORTED_METHOD:
        return "gzip header with an unknown compression method";
    case ISAL_INCORRECT_CHECKSUM:
        return "checksum of the gzip member differs";
    default:
        return "damaged gzip data";
    }
}

static int isal_run(struct inflater *inflater, struct inflate_io *io, const char **ret_why)
{
    struct inflate_state *state = &inflater->state;
    size_t in_n = io->in_n < RUN_MAX ? io->in_n : RUN_MAX;
    size_t out_n = io->out_n < RUN_MAX ? io->out_n : RUN_MAX;
    if (state->block_state == ISAL_BLOCK_FINISH) {
        begin_member(state);
    }
    state->next_in = (uint8_t *)(uintptr_t)io->in;
    state->avail_in = (uint32_t)in_n;
    state->next_out = io->out;
    state->avail_out = (uint32_t)out_n;
    int code = isal_inflate(state);
    io->in += in_n - state->avail_in;
    io->in_n -= in_n - state->avail_in;
    io->out += out_n - state->avail_out;
    io->out_n -= out_n - state->avail_out;
    if (code < 0) {
        *ret_why = isal_why(code);
        return -EBADMSG;
    }
    return state->block_state == ISAL_BLOCK_FINISH;
}

static void isal_destroy(struct inflater *inflater)
{
    free(inflater);
}

const struct inflater_ops inflater_isal = { "isal", isal_create, isal_run, isal_destroy };
