/*
 * spool_trim: several neighbouring segments become one, without the least severe of their records.
 *
 * The new segment is written into one that was made ahead, so that no space is needed. Its head, which makes it
 * count, is written when everything else is on the disk; from then on those it stands for are removed, at the
 * latest by the next start. Runs of dropped records, and records of dropped ones among them, become one record
 * of dropped ones. Nothing that was handed out is touched.
 */
#include "agent/spool_internal.h"

#include "base/arena.h"
#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>

struct plan {
    uint32_t from, to; /* segments, inclusive */
    uint8_t band;      /* goes, with those below it */
};

struct writing {
    int fd;
    size_t at;
    struct spool_segment made;
    struct spool_record run; /* of dropped ones; to < n: none */
    struct spool_dropped dropped;
};

/* Bytes that stay; never less than there will be. */
static size_t kept_bytes(const struct spool_segment *segment, uint8_t band)
{
    size_t bytes = 0, kept = 1, gone = 0;
    for (unsigned b = 0; b < SPOOL_BANDS; b++) {
        bytes += b > band ? segment->bytes[b] : 0;
        kept += b > band ? segment->counts[b] : 0;
        gone += b <= band ? segment->counts[b] : 0;
    }
    /* A record of dropped ones may need its slot's worth of padding, too. */
    return bytes + 2 * SPOOL_SLOT * (gone < kept ? gone : kept) +
           SPOOL_SLOT * segment->counts[SPOOL_BAND_GAP];
}

static bool may_go(const struct spool *s, uint32_t i)
{
    const struct spool_segment *segment = &s->segments[i];
    return i + 1 < s->nsegments && !segment->pinned && segment->first > s->granted &&
           segment->last <= s->durable;
}

/* The longest run that fits one segment. */
static bool longest(const struct spool *s, uint8_t band, struct plan *ret)
{
    uint32_t best = 1;
    for (uint32_t i = 0; i < s->nsegments; i++) {
        size_t bytes = SPOOL_SEGMENT_HEAD;
        for (uint32_t j = i; j < s->nsegments && may_go(s, j); j++) {
            bytes += kept_bytes(&s->segments[j], band);
            if (bytes > SPOOL_SEGMENT_BYTES) {
                break;
            }
            if (j - i + 1 > best) {
                best = j - i + 1;
                *ret = (struct plan){ .from = i, .to = j, .band = band };
            }
        }
    }
    return best > 1;
}

/* By the least severe band that makes room at all; under the lock. */
static bool make_plan(struct spool *s, struct plan *ret)
{
    for (unsigned band = 0; band < SPOOL_BAND_GAP; band++) {
        if (longest(s, (uint8_t)band, ret)) {
            for (uint32_t i = ret->from; i <= ret->to; i++) {
                s->segments[i].pinned = true;
            }
            return true;
        }
    }
    return false;
}

static int put(struct writing *w, const struct spool_record *record, size_t align)
{
    static const uint8_t zeros[SPOOL_SLOT];
    uint8_t head[SPOOL_RECORD_HEAD];
    size_t at = (w->at + align - 1) & ~(align - 1);
    size_t size = spool_record_size(record->payload.n);
    size_t pad = size - sizeof(head) - record->payload.n;
    if (at + size > SPOOL_SEGMENT_BYTES) {
        return -EFBIG;
    }
    spool_record_head(record, head);
    if (pwrite(w->fd, head, sizeof(head), (off_t)at) != (ssize_t)sizeof(head) ||
        pwrite(w->fd, record->payload.p, record->payload.n, (off_t)(at + sizeof(head))) !=
            (ssize_t)record->payload.n ||
        pwrite(w->fd, zeros, pad, (off_t)(at + size - pad)) != (ssize_t)pad) {
        return -EIO;
    }
    spool_segment_count(&w->made, record, at + size - w->at);
    w->at = at + size;
    w->made.end = w->at;
    return 0;
}

static int end_run(struct writing *w)
{
    if (w->run.to < w->run.n || w->run.n == 0) {
        return 0;
    }
    w->run.payload = str_from(&w->dropped, sizeof(w->dropped));
    w->run.time_ms = w->dropped.to_ms;
    int r = put(w, &w->run, SPOOL_SLOT);
    w->run = (struct spool_record){ 0 };
    return r;
}

static void add_dropped(struct spool_dropped *to, const struct spool_dropped *more)
{
    for (unsigned band = 0; band < SPOOL_BANDS; band++) {
        to->counts[band] += more->counts[band];
    }
    to->from_ms = to->from_ms && to->from_ms < more->from_ms ? to->from_ms : more->from_ms;
    to->to_ms = to->to_ms > more->to_ms ? to->to_ms : more->to_ms;
}

/* A dropped record becomes part of the run. */
static void join_run(struct writing *w, const struct spool_record *record, uint32_t why)
{
    struct spool_dropped one = { .from_ms = record->time_ms, .to_ms = record->time_ms, .why = why };
    if (record->kind == SPOOL_DROPPED) {
        memcpy(&one, record->payload.p, sizeof(one));
    } else {
        one.counts[spool_band_of(record->kind, record->severity)] = 1;
    }
    if (w->run.n == 0) {
        w->run = (struct spool_record){ .n = record->n, .kind = SPOOL_DROPPED };
        w->dropped = (struct spool_dropped){ .why = one.why };
    }
    w->run.to = record->to;
    add_dropped(&w->dropped, &one);
}

static int copy_segment(struct spool *s, const struct spool_segment *segment,
                        const struct plan *plan, struct writing *w)
{
    struct spool_scan scan;
    struct spool_record record;
    CLEANUP(cleanup_close) int fd = spool_segment_open(s, segment->file, O_RDONLY);
    int r = fd < 0 ? fd : spool_segment_read(fd, s->scratch, 0, SPOOL_SEGMENT_BYTES);
    uint32_t why = s->stats.error == ENOSPC ? SPOOL_NO_SPACE : SPOOL_FULL;
    spool_scan_init(&scan, s->scratch, SPOOL_SEGMENT_BYTES, SPOOL_SEGMENT_HEAD, segment->first,
                    segment->last);
    while (r == 0 && spool_scan_next(&scan, &record)) {
        enum spool_band band = spool_band_of(record.kind, record.severity);
        bool drop = band <= plan->band;
        if (drop || record.kind == SPOOL_DROPPED) {
            s->stats.dropped[band] += drop;
            join_run(w, &record, why);
        } else {
            r = end_run(w);
            r = r == 0 ? put(w, &record, 8) : r;
        }
    }
    return r;
}

static int write_new(struct spool *s, const struct spool_segment *from, const struct plan *plan,
                     struct writing *w)
{
    int r = spool_segment_blank(w->fd);
    for (uint32_t i = 0; i <= plan->to - plan->from && r == 0; i++) {
        r = copy_segment(s, &from[i], plan, w);
    }
    r = r == 0 ? end_run(w) : r;
    if (r == 0 && fdatasync(w->fd) < 0) {
        r = -errno;
    }
    r = r == 0 ? spool_segment_head_write(s, w->fd, w->made.first, w->made.last) : r;
    return r == 0 && fdatasync(w->fd) < 0 ? -errno : r;
}

/* The new one stands for them; under the lock. Where they begin may have moved, for older ones were removed. */
static void replace(struct spool *s, const struct spool_segment *made, uint32_t n)
{
    uint32_t i = 0;
    while (s->segments[i].first != made->first) {
        i++;
    }
    s->segments[i] = *made;
    memmove(s->segments + i + 1, s->segments + i + n,
            (s->nsegments - i - n) * sizeof(*s->segments));
    s->nsegments -= n - 1;
}

/* Nobody but the thread changes the array's front. */
static void unpin(struct spool *s, const struct plan *plan)
{
    for (uint32_t i = plan->from; i <= plan->to; i++) {
        s->segments[i].pinned = false;
    }
}

bool spool_trim(struct spool *s)
{
    struct plan plan = { 0 };
    CLEANUP(cleanup_free) struct spool_segment *from = NULL;
    if (!s->scratch && !(s->scratch = mem_alloc(SPOOL_SEGMENT_BYTES))) {
        return false;
    }
    pthread_mutex_lock(&s->lock);
    bool possible = s->nspares > 0 && make_plan(s, &plan);
    uint32_t n = possible ? plan.to - plan.from + 1 : 0;
    from = possible ? mem_resize(NULL, n, sizeof(*from)) : NULL;
    if (!from) {
        if (possible) {
            unpin(s, &plan);
        }
        pthread_mutex_unlock(&s->lock);
        return false;
    }
    memcpy(from, s->segments + plan.from, n * sizeof(*from));
    struct writing w = { .fd = s->spares[--s->nspares].fd, .at = SPOOL_SEGMENT_HEAD };
    uint64_t file = s->spares[s->nspares].file;
    pthread_mutex_unlock(&s->lock);
    w.made = (struct spool_segment){ .file = file, .first = from[0].first };
    int r = write_new(s, from, &plan, &w);
    close(w.fd);
    pthread_mutex_lock(&s->lock);
    unpin(s, &plan);
    if (r == 0) {
        replace(s, &w.made, n);
    }
    pthread_mutex_unlock(&s->lock);
    for (uint32_t i = 0; r == 0 && i < n; i++) {
        spool_segment_remove(s, from[i].file);
    }
    if (r < 0) {
        spool_segment_remove(s, file);
    }
    return r == 0;
}
