/*
 * Records lie one after the other, each 8-aligned and whole: one that does not fit before the block's end
 * begins at its front, behind a filler. The oldest record gives way until there is room.
 *
 *     record := header, nparams + 1 offsets, parameters, path, path2, up to 7 bytes
 */
#include "agent/ring.h"

#include "base/arena.h"

#include <errno.h>
#include <stdlib.h>

#define FILLER UINT16_MAX

struct record {
    uint32_t size; /* with everything behind it */
    uint16_t kind; /* FILLER: nothing but this word and the kind */
    uint16_t name;
    uint64_t ts_ns, enter_ts_ns;
    int64_t tid;
    uint32_t flags, ndata;
    uint16_t npath, npath2;
    uint16_t cpu;
    uint8_t nparams, via, outcome, exact, truncated;
};

struct ring {
    uint8_t *block;
    uint64_t begin, end;
    size_t mask; /* bytes - 1 */
    uint64_t left_out;
};

int ring_new(size_t bytes, struct ring **ret)
{
    size_t size = RING_BYTES_MIN;
    if (bytes > RING_BYTES_MAX) {
        return -EINVAL;
    }
    while (size < bytes) {
        size *= 2;
    }
    struct ring *ring = mem_zalloc(sizeof *ring);
    uint8_t *block = ring ? mem_zalloc(size) : NULL;
    if (!block) {
        free(ring);
        return -ENOMEM;
    }
    ring->block = block;
    ring->mask = size - 1;
    *ret = ring;
    return 0;
}

void ring_free(struct ring *ring)
{
    if (ring) {
        free(ring->block);
        free(ring);
    }
}

static struct record *record_at(const struct ring *ring, uint64_t pos)
{
    return (struct record *)(void *)(ring->block + (pos & ring->mask));
}

/* Room for so many bytes in one piece, at the end. */
static struct record *make_room(struct ring *ring, size_t size)
{
    size_t bytes = ring->mask + 1;
    size_t rest = bytes - (ring->end & ring->mask);
    size_t filler = rest < size ? rest : 0;
    while (ring->end + filler + size - ring->begin > bytes) {
        ring->begin += record_at(ring, ring->begin)->size;
    }
    if (filler) {
        struct record *record = record_at(ring, ring->end);
        record->size = (uint32_t)filler;
        record->kind = FILLER;
        ring->end += filler;
    }
    return record_at(ring, ring->end);
}

static uint8_t *append(uint8_t *to, const void *from, size_t n)
{
    if (n) {
        memcpy(to, from, n);
    }
    return to + n;
}

bool ring_put(struct ring *ring, const struct event *event)
{
    struct str path = str_first(event->path, UINT16_MAX),
               path2 = str_first(event->path2, UINT16_MAX);
    size_t offsets = (event->nparams + 1u) * sizeof(event->at[0]);
    uint32_t first = event->nparams ? event->at[0] : 0;
    uint32_t ndata = event->nparams ? event->at[event->nparams] - first : 0;
    size_t size = (sizeof(struct record) + offsets + ndata + path.n + path2.n + 7) & ~(size_t)7;
    if (size > RING_RECORD_MAX || size > (ring->mask + 1) / 4) {
        ring->left_out++;
        return false;
    }
    struct record *record = make_room(ring, size);
    *record = (struct record){
        .size = (uint32_t)size,
        .kind = event->kind,
        .name = event->name,
        .ts_ns = event->ts_ns,
        .enter_ts_ns = event->enter_ts_ns,
        .tid = event->tid,
        .flags = event->flags,
        .ndata = ndata,
        .npath = (uint16_t)path.n,
        .npath2 = (uint16_t)path2.n,
        .cpu = event->cpu,
        .nparams = (uint8_t)event->nparams,
        .via = event->via,
        .outcome = event->outcome,
        .exact = event->exact,
        .truncated = event->truncated,
    };
    uint8_t *p = append((uint8_t *)(record + 1), event->at, offsets);
    p = append(p, event->data + first, ndata);
    p = append(p, path.p, path.n);
    append(p, path2.p, path2.n);
    ring->end += size;
    return true;
}

uint64_t ring_begin(const struct ring *ring)
{
    return ring->begin;
}

uint64_t ring_end(const struct ring *ring)
{
    return ring->end;
}

size_t ring_size(const struct ring *ring)
{
    return ring->mask + 1;
}

uint64_t ring_left_out(const struct ring *ring)
{
    return ring->left_out;
}

size_t ring_copy(const struct ring *ring, uint64_t *pos, void *to, size_t n)
{
    uint8_t *p = to;
    size_t used = 0;
    *pos = *pos < ring->begin ? ring->begin : *pos;
    while (*pos < ring->end) {
        const struct record *record = record_at(ring, *pos);
        if (record->kind != FILLER) {
            if (used + record->size > n) {
                break;
            }
            memcpy(p + used, record, record->size);
            used += record->size;
        }
        *pos += record->size;
    }
    return used;
}

bool ring_take(const uint8_t **p, size_t *n, struct event *ret)
{
    struct record record;
    if (*n < sizeof record) {
        return false;
    }
    memcpy(&record, *p, sizeof record);
    const uint8_t *at = *p + sizeof record;
    size_t offsets = (record.nparams + 1u) * sizeof(ret->at[0]);
    *ret = (struct event){
        .ts_ns = record.ts_ns,
        .enter_ts_ns = record.enter_ts_ns,
        .tid = record.tid,
        .kind = record.kind,
        .name = record.name,
        .cpu = record.cpu,
        .nparams = record.nparams,
        .flags = record.flags,
        .via = record.via,
        .outcome = record.outcome,
        .exact = record.exact,
        .truncated = record.truncated,
        .data = at + offsets,
        .path = str_from(at + offsets + record.ndata, record.npath),
        .path2 = str_from(at + offsets + record.ndata + record.npath, record.npath2),
        .fd_num = -1,
    };
    memcpy(ret->at, at, offsets);
    uint32_t first = ret->nparams ? ret->at[0] : 0;
    for (unsigned i = 0; i <= ret->nparams; i++) {
        ret->at[i] -= first;
    }
    *p += record.size;
    *n -= record.size;
    return true;
}
