/*
 * Replay: blocks to events.
 *
 * replay_next() takes one block after the other from the stream. An event block becomes an event that
 * points into the block: only the offsets of its parameters are computed. Lists go to the state; other
 * blocks are skipped and counted. A section header in the middle (concatenated captures) begins anew
 * with lists. The first thing that is wrong ends the capture: `failed` keeps the error, and everything
 * before it was yielded. An event found while opening waits in `pending`.
 */
#include "sensor/replay/replay.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "sensor/replay/format.h"
#include "sensor/replay/lists.h"
#include "sensor/replay/stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

/* Notifications and infrastructure events of the first version say they are longer than they are. */
#define OVERSTATED 3

struct replay {
    struct sensor sensor;
    struct stream stream;
    struct event event;
    struct lists lists;
    struct sensor_stats stats;
    uint64_t block_at; /* offset of the block being read */
    bool in_section, in_lists;
    bool pending, ended;
    bool own_flags; /* the event has some, and so has to be cleaned for the next */
    bool known;     /* a block that only system call captures have was seen */
    struct err failed;
    struct err
        source_err; /* of the stream, before it is put into `failed`; not cleared for each block */
    char path[256];
};

CLEANUP_DEFINE(struct sensor, sensor_close);

/* What only errors and lists need stays out of the path of events. */
#define RARE __attribute__((cold, noinline))

/* Sets the message with where in the input it is; at: offset within the block. */
RARE static int wrong(struct replay *r, size_t at, const char *what)
{
    char where[64] = "";
    if (source_is_gzip(r->stream.source)) {
        snprintf(where, sizeof where, " (near byte %llu of the file)",
                 (unsigned long long)r->stream.in);
    }
    return err_set(&r->failed, -EBADMSG, "%s: byte %llu%s: %s", r->path,
                   (unsigned long long)(r->block_at + at), where, what);
}

RARE static int wrong_block(struct replay *r, uint32_t type, size_t n, const char *what)
{
    char text[160];
    snprintf(text, sizeof text, "block of type 0x%x and %zu bytes: %s", type, n, what);
    return wrong(r, 0, text);
}

/*
 * The lengths of an event of the first version do not say how many they are: the largest number, up to
 * what the kind had, with which lengths and values end where the event ends. -1: none.
 */
RARE static int count_params(uint16_t kind, const uint8_t *lengths, size_t n)
{
    unsigned max = kind < OLD_KINDS ? old_kind_nparams[kind] : kind_table[kind].nparams;
    size_t values = 0;
    int found = n == 0 ? 0 : -1;
    for (unsigned i = 0; i < max && 2 * (i + 1) <= n; i++) {
        values += load_u16(lengths + (size_t)2 * i);
        if (2 * (i + 1) + values == n) {
            found = (int)i + 1;
        }
    }
    return found;
}

/* Fills the parameter offsets; false when they do not fit n bytes. */
static bool place_params(struct event *e, const uint8_t *lengths, uint64_t nparams, bool wide,
                         size_t n)
{
    unsigned shift = wide ? 2 : 1;
    uint64_t at = 0;
    if (nparams > n >> shift) {
        return false;
    }
    e->data = lengths + (nparams << shift);
    n -= nparams << shift;
    unsigned count = nparams < KIND_PARAMS_MAX ? (unsigned)nparams : KIND_PARAMS_MAX;
    e->nparams = (uint16_t)count;
    e->at[0] = 0;
    for (unsigned i = 0; i < count; i++) {
        at += wide ? load_u32(lengths + (size_t)4 * i) : load_u16(lengths + (size_t)2 * i);
        e->at[i + 1] = (uint32_t)at;
    }
    return at <= n;
}

/* What our own captures say beyond the format; the paths lie behind the kind's parameters. */
RARE static void take_own_flags(struct event *e)
{
    uint32_t flags = e->flags;
    e->path = e->path2 = (struct str){ 0 };
    e->exact = flags & EVENT_FLAG_EXACT;
    e->truncated |= (flags & EVENT_FLAG_TRUNCATED) != 0;
    uint8_t via = flags >> EVENT_FLAG_VIA_SHIFT & 7,
            outcome = flags >> EVENT_FLAG_OUTCOME_SHIFT & 3;
    e->via = via <= VIA_NETWORK ? via : VIA_SYSCALL;
    e->outcome = outcome <= OUTCOME_DENIED ? outcome : OUTCOME_REPORTED;
    if (flags & EVENT_FLAG_HAS_TRUTH && e->nparams >= 2) {
        e->path = event_param(e, e->nparams - 2u);
        e->path2 = event_param(e, e->nparams - 1u);
        e->nparams = (uint16_t)(e->nparams - 2);
    }
    e->flags &= ~EVENT_FLAGS_OWN;
}

/* 1: r->event is filled; 0: of a kind not known here; negative: corrupt. Inlined for the shapes of
 * today's captures, with what they need only. */
static inline __attribute__((always_inline)) int read_event(struct replay *r, const uint8_t *body,
                                                            size_t n, unsigned shape)
{
    struct event *e = &r->event;
    size_t header = shape & EVENT_IS_V2 ? EVENT_HEADER_V2 : EVENT_HEADER_V1;
    size_t before = shape & EVENT_HAS_FLAGS ? 6 : 2;
    if (n < before + header) {
        return wrong(r, BLOCK_OVERHEAD, "event block is shorter than an event's header");
    }
    const uint8_t *p = body + before;
    size_t length = load_u32(p + 16);
    uint16_t kind = load_u16(p + 20);
    if (kind >= KIND_OWN_FIRST || !kind_table[kind].name) {
        r->stats.skipped++;
        return 0;
    }
    if (length < header || length > n - before) {
        return wrong(r, 8 + before + 16, "event is longer than its block");
    }
    length -= header;
    uint64_t nparams;
    if (shape & EVENT_IS_V2) {
        nparams = load_u32(p + 22);
    } else {
        bool overstated = kind == KIND_NOTIFICATION_E || kind == KIND_INFRASTRUCTURE_EVENT_E;
        int count = count_params(kind, p + header, length);
        if (count < 0 && overstated && length >= OVERSTATED) {
            length -= OVERSTATED;
            count = count_params(kind, p + header, length);
        }
        if (count < 0) {
            return wrong(r, 8 + before + header, "parameters do not add up to the event's length");
        }
        nparams = (uint64_t)count;
    }
    if (!place_params(e, p + header, nparams, shape & EVENT_IS_LARGE, length)) {
        return wrong(r, 8 + before + header, "parameters are longer than the event");
    }
    e->truncated = nparams > KIND_PARAMS_MAX;
    e->ts_ns = load_u64(p);
    e->tid = (int64_t)load_u64(p + 8);
    e->kind = kind;
    e->cpu = load_u16(body);
    e->flags = shape & EVENT_HAS_FLAGS ? load_u32(body + 2) : 0;
    e->name = kind_table[kind].name_id;
    if (kind <= 1 && e->nparams && e->at[1] >= 2) {
        uint16_t code = load_u16(e->data);
        e->name = code < SYSCALL_CODE_MAX ? code : e->name;
    }
    bool own = shape & EVENT_HAS_FLAGS && e->flags & EVENT_FLAGS_OWN;
    if (__builtin_expect(own || r->own_flags, 0)) {
        take_own_flags(e);
        r->own_flags = own;
    }
    return 1;
}

static int read_section(struct replay *r, const uint8_t *body, size_t n)
{
    if (n < SECTION_BODY) {
        return wrong(r, 8, "section header is cut short");
    }
    uint32_t magic = load_u32(body);
    if (magic == __builtin_bswap32(SECTION_MAGIC)) {
        return wrong(r, 8, "written on a big-endian machine, which is not supported");
    }
    if (magic != SECTION_MAGIC) {
        return wrong(r, 8, "not a capture: wrong magic number");
    }
    if (load_u16(body + 4) != SECTION_MAJOR) {
        return wrong(r, 12, "capture of a major version that is not 1");
    }
    if (r->in_section) {
        state_clear(r->lists.state);
        lists_done(&r->lists);
    }
    r->in_section = true;
    r->in_lists = true;
    return 0;
}

/* Blocks that are not events. 0 or negative. */
RARE static int read_other(struct replay *r, uint32_t type, const uint8_t *body, size_t n)
{
    struct err err = { 0 };
    if (type == BLOCK_SECTION) {
        return read_section(r, body, n);
    }
    int result = lists_read(&r->lists, type, body, n, &err);
    if (result == -ENOMEM) {
        return err_set(&r->failed, result, "%s: %s", r->path, err.message);
    }
    if (result < 0) {
        return wrong(r, 8 + r->lists.bad_at, err.message);
    }
    r->stats.skipped += result == 0;
    r->known |= result > 0;
    r->in_lists |= result > 0;
    return 0;
}

static unsigned event_shape(uint32_t type)
{
    switch (type) {
    case BLOCK_EVENT:
    case BLOCK_EVENT_OLD:
        return EVENT_IS_EVENT;
    case BLOCK_EVENT_FLAGS:
        return EVENT_IS_EVENT | EVENT_HAS_FLAGS;
    case BLOCK_EVENT_V2:
        return EVENT_IS_EVENT | EVENT_IS_V2;
    case BLOCK_EVENT_FLAGS_V2:
        return EVENT_IS_EVENT | EVENT_IS_V2 | EVENT_HAS_FLAGS;
    case BLOCK_EVENT_V2_LARGE:
        return EVENT_IS_EVENT | EVENT_IS_V2 | EVENT_IS_LARGE;
    case BLOCK_EVENT_FLAGS_V2_LARGE:
        return EVENT_IS_EVENT | EVENT_IS_V2 | EVENT_IS_LARGE | EVENT_HAS_FLAGS;
    default:
        return 0;
    }
}

/* Events of other shapes, and what is not an event. */
RARE static int read_rarer(struct replay *r, uint32_t type, const uint8_t *body, size_t n)
{
    unsigned shape = event_shape(type);
    return shape ? read_event(r, body, n, shape) : read_other(r, type, body, n);
}

/* The input's end: clean, or in the middle of something. `got` is a stream call's result. */
RARE static int at_end(struct replay *r, int got, size_t wanted)
{
    if (got < 0) {
        return err_set(&r->failed, got, "%s: byte %llu: %s", r->path,
                       (unsigned long long)r->stream.end_offset, r->source_err.message);
    }
    uint64_t had = r->stream.end_offset - r->block_at;
    if (!r->in_section) {
        return err_set(&r->failed, -EBADMSG, "%s: not a capture: %s", r->path,
                       had ? "too short" : "empty");
    }
    if (had) {
        char text[128];
        snprintf(text, sizeof text, "the capture is cut off: %zu bytes expected here, %llu found",
                 wanted, (unsigned long long)had);
        return wrong(r, 0, text);
    }
    if (!r->known && r->stats.skipped) {
        return err_set(&r->failed, -EBADMSG,
                       "%s: no system calls in it; is it a network capture (pcapng)?", r->path);
    }
    return 0;
}

/* One block: 1 with an event in r->event, 0 with none, negative error; `*ret_end` at a clean end. */
static int read_block(struct replay *r, bool *ret_end)
{
    struct stream *s = &r->stream;
    const uint8_t *block;
    r->block_at = stream_offset(s);
    int got = stream_peek(s, 8, &r->source_err);
    if (__builtin_expect(got <= 0, 0)) {
        *ret_end = true;
        return at_end(r, got, 8);
    }
    uint32_t type = load_u32(s->p);
    size_t n = load_u32(s->p + 4);
    if (!r->in_section && type != BLOCK_SECTION) {
        return wrong(r, 0, "not a capture: no section header at the beginning");
    }
    if (n < BLOCK_OVERHEAD || n > REPLAY_BLOCK_MAX) {
        return wrong_block(r, type, n, "impossible length");
    }
    got = stream_take(s, n, &block, &r->source_err);
    if (__builtin_expect(got <= 0, 0)) {
        return at_end(r, got, n);
    }
    if (load_u32(block + n - 4) != n) {
        return wrong_block(r, type, n, "the lengths before and after it differ");
    }
    if (__builtin_expect(type == BLOCK_EVENT_FLAGS_V2, 1)) {
        return read_event(r, block + 8, n - BLOCK_OVERHEAD,
                          EVENT_IS_EVENT | EVENT_IS_V2 | EVENT_HAS_FLAGS);
    }
    if (type == BLOCK_EVENT_V2) {
        return read_event(r, block + 8, n - BLOCK_OVERHEAD, EVENT_IS_EVENT | EVENT_IS_V2);
    }
    return read_rarer(r, type, block + 8, n - BLOCK_OVERHEAD);
}

/* The next event is in r->event: 1. 0 at the end, negative error. */
static int advance(struct replay *r)
{
    for (;;) {
        bool end = false;
        int got = read_block(r, &end);
        if (got > 0) {
            r->known = true;
            if (r->in_lists) {
                r->in_lists = false;
                if (lists_finish(&r->lists) < 0) {
                    return err_set(&r->failed, -ENOMEM, "%s: out of memory", r->path);
                }
            }
            return 1;
        }
        if (got < 0 || end) {
            return got;
        }
    }
}

static int replay_next(struct sensor *sensor, struct event **ret, struct err *err)
{
    struct replay *r = (struct replay *)sensor;
    if (!r->pending && !r->ended) {
        r->ended = advance(r) <= 0;
    }
    r->pending = false;
    if (r->ended) {
        return r->failed.code ? err_set(err, r->failed.code, "%s", r->failed.message) : 0;
    }
    struct event *e = &r->event;
    e->num = ++r->stats.events;
    *ret = e;
    return 1;
}

static void replay_stats(const struct sensor *sensor, struct sensor_stats *ret)
{
    const struct replay *r = (const struct replay *)sensor;
    *ret = r->stats;
    ret->bytes = stream_offset(&r->stream);
    ret->bytes_total = source_size(r->stream.source);
    ret->bytes_in = r->stream.in;
}

static void replay_close(struct sensor *sensor)
{
    struct replay *r = (struct replay *)sensor;
    stream_done(&r->stream);
    lists_done(&r->lists);
    free(r);
}

static int replay_probe(struct err *err)
{
    (void)err;
    return 0;
}

static const struct sensor_ops replay_ops = {
    .name = "replay",
    .probe = replay_probe,
    .next = replay_next,
    .stats = replay_stats,
    .close = replay_close,
};

struct str replay_host(const struct sensor *sensor)
{
    return str_of(((const struct replay *)sensor)->lists.host);
}

int replay_open_with(const char *path, const struct replay_options *options, struct state *state,
                     struct sensor **ret, struct err *err)
{
    struct replay *r = mem_zalloc(sizeof *r);
    if (!r) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    CLEANUP(cleanup_sensor_close) struct sensor *sensor = &r->sensor;
    struct source_options source = { .unthreaded = options->unthreaded, .zlib = options->zlib };
    r->sensor.ops = &replay_ops;
    r->lists.state = state;
    r->event.exact = true;
    r->event.fd_num = -1;
    snprintf(r->path, sizeof r->path, "%s", strcmp(path, "-") == 0 ? "standard input" : path);
    int result = source_open(path, &source, &r->stream.source, err);
    if (result < 0) {
        err_wrap(err, "%s", r->path);
        return result;
    }
    result = advance(r);
    if (result < 0 && !r->known) {
        return err_set(err, result, "%s", r->failed.message);
    }
    r->pending = result > 0;
    r->ended = !r->pending;
    *ret = TAKE(sensor);
    return 0;
}

int replay_open(const char *path, struct state *state, struct sensor **ret, struct err *err)
{
    return replay_open_with(path, &(struct replay_options){ 0 }, state, ret, err);
}
