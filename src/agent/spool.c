/*
 * spool: appending, and what may be sent.
 *
 * Appending is one pwritev() under a lock that is never held for anything slower. When the record does not fit,
 * the next segment was made ahead by the spool's thread; when that could not be made, the record is dropped and
 * the record of dropped ones at the end grows, for which each segment has room of its own.
 */
#include "agent/spool_internal.h"

#include "base/arena.h"
#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/uio.h>

#define RECORDS_END (SPOOL_SEGMENT_BYTES - SPOOL_SLOTS_BYTES)
#define NO_PLACE    SIZE_MAX

CLEANUP_DEFINE(struct spool, spool_free);

static struct spool_segment *newest(struct spool *s)
{
    return &s->segments[s->nsegments - 1];
}

int spool_open(const struct spool_config *config, struct spool **ret, struct err *err)
{
    CLEANUP(cleanup_spool_free) struct spool *s = mem_zalloc(sizeof *s);
    if (!s) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    s->config = *config;
    s->dir = s->lock_fd = s->cursor_fd = s->fd = -1;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->work, NULL);
    pthread_cond_init(&s->synced, NULL);
    uint64_t max = config->max_bytes ? config->max_bytes : SPOOL_MAX_BYTES_DEFAULT;
    max = max < SPOOL_MAX_BYTES_LEAST ? SPOOL_MAX_BYTES_LEAST : max;
    if (max > SPOOL_SEGMENTS_MAX * (uint64_t)SPOOL_SEGMENT_BYTES) {
        max = SPOOL_SEGMENTS_MAX * (uint64_t)SPOOL_SEGMENT_BYTES;
    }
    s->stats.max_bytes = max;
    s->window = mem_alloc(SPOOL_SEGMENT_BYTES);
    if (!s->window) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    int r = spool_open_dir(s, err);
    r = r == 0 ? spool_recover(s, err) : r;
    r = r == 0 ? spool_start(s, err) : r;
    if (r < 0) {
        return r;
    }
    *ret = TAKE(s);
    return 0;
}

void spool_free(struct spool *s)
{
    if (!s) {
        return;
    }
    spool_stop(s);
    for (uint32_t i = 0; i < s->nspares; i++) {
        close(s->spares[i].fd);
    }
    for (uint32_t i = 0; i < s->nold; i++) {
        close(s->old_fds[i]);
    }
    const int fds[] = { s->fd, s->cursor_fd, s->lock_fd, s->dir };
    for (size_t i = 0; i < sizeof(fds) / sizeof(*fds); i++) {
        cleanup_close(&fds[i]);
    }
    pthread_cond_destroy(&s->synced);
    pthread_cond_destroy(&s->work);
    pthread_mutex_destroy(&s->lock);
    free(s->segments);
    free(s->window);
    free(s->scratch);
    free(s);
}

void spool_get_id(struct spool *s, char ret[SPOOL_ID_DIGITS + 1])
{
    pthread_mutex_lock(&s->lock);
    memcpy(ret, s->id, sizeof(s->id));
    pthread_mutex_unlock(&s->lock);
}

/* ---- appending; under the lock */

static int write_record(struct spool *s, const struct spool_record *record, size_t at)
{
    static const uint8_t zeros[8];
    uint8_t head[SPOOL_RECORD_HEAD];
    size_t size = spool_record_size(record->payload.n);
    spool_record_head(record, head);
    struct iovec parts[] = {
        { head, sizeof(head) },
        { (void *)record->payload.p, record->payload.n },
        { (void *)zeros, size - sizeof(head) - record->payload.n },
    };
    ssize_t n = pwritev(s->fd, parts, 3, (off_t)at);
    if (n == (ssize_t)size) {
        return 0;
    }
    s->stats.write_errors++;
    s->stats.error = n < 0 ? errno : ENOSPC;
    return -s->stats.error;
}

int spool_rotate(struct spool *s)
{
    uint64_t first = newest(s)->last + 1;
    if (s->nspares == 0 || s->nold == SPOOL_SPARES || s->nsegments == s->capacity) {
        return -ENOSPC;
    }
    int r = spool_segment_head_write(s, s->spares[s->nspares - 1].fd, first, 0);
    if (r < 0) {
        s->stats.error = -r;
        return r;
    }
    s->nspares--;
    s->old_fds[s->nold++] = s->fd;
    s->fd = s->spares[s->nspares].fd;
    return spool_segment_add(s, &(struct spool_segment){ .file = s->spares[s->nspares].file,
                                                         .first = first,
                                                         .last = first - 1,
                                                         .end = SPOOL_SEGMENT_HEAD });
}

static size_t next_slot(const struct spool_segment *segment)
{
    size_t at = (segment->end + SPOOL_SLOT - 1) & ~(SPOOL_SLOT - 1);
    return at + SPOOL_SLOT <= SPOOL_SEGMENT_BYTES ? at : NO_PLACE;
}

/* The open record of dropped ones as it is now, into its slot. */
static int write_gap(struct spool *s)
{
    struct spool_open_gap *gap = &s->gap;
    if (gap->at == NO_PLACE) {
        int r = spool_rotate(s);
        if (r < 0) {
            return r;
        }
        gap->at = next_slot(newest(s));
    }
    struct spool_segment *segment = newest(s);
    const struct spool_record record = { .n = gap->n,
                                         .to = gap->to,
                                         .time_ms = gap->dropped.to_ms,
                                         .kind = SPOOL_DROPPED,
                                         .payload = str_from(&gap->dropped, sizeof(gap->dropped)) };
    int r = write_record(s, &record, gap->at);
    gap->written = r == 0;
    if (r == 0) {
        if (segment->end <= gap->at) {
            segment->end = gap->at + SPOOL_SLOT;
            spool_segment_count(segment, &record, SPOOL_SLOT);
        }
        segment->last = gap->to;
    }
    return r;
}

static void open_gap(struct spool *s, const struct spool_dropped *dropped)
{
    s->gap = (struct spool_open_gap){
        .is_open = true, .at = next_slot(newest(s)), .n = s->next, .dropped = *dropped
    };
}

/* As many more slots in its segment, or in the next one. */
static bool has_slots(const struct spool *s, const struct spool_segment *segment, size_t slots)
{
    return s->nspares > 0 || SPOOL_SEGMENT_BYTES - segment->end >= slots * SPOOL_SLOT;
}

static void drop(struct spool *s, const struct spool_entry *entry, enum spool_why why)
{
    struct spool_open_gap *gap = &s->gap;
    if (!gap->is_open ||
        (gap->written && gap->dropped.why != why && has_slots(s, newest(s), SPOOL_SLOTS_KEPT))) {
        open_gap(s, &(struct spool_dropped){ .from_ms = entry->time_ms, .why = why });
    }
    enum spool_band band = spool_band_of((uint8_t)entry->kind, entry->severity);
    gap->to = s->next++;
    gap->dropped.counts[band]++;
    gap->dropped.to_ms = entry->time_ms;
    s->stats.dropped[band]++;
    write_gap(s);
}

int spool_write_dropped(struct spool *s, uint64_t to, const struct spool_dropped *dropped)
{
    open_gap(s, dropped);
    s->gap.to = to;
    s->next = to + 1;
    return write_gap(s);
}

/* Room for so many bytes of this band. */
static int make_room(struct spool *s, size_t size, enum spool_band band)
{
    if (newest(s)->end + size <= RECORDS_END) {
        return 0;
    }
    uint32_t kept = s->stats.full && band <= s->pressure ? SPOOL_SPARES : 1;
    return s->nspares > kept ? spool_rotate(s) : -ENOSPC;
}

static int put(struct spool *s, const struct spool_entry *entry)
{
    size_t size = spool_record_size(entry->payload.n);
    enum spool_band band = spool_band_of((uint8_t)entry->kind, entry->severity);
    if (s->gap.is_open && !s->gap.written && write_gap(s) < 0) {
        return -EIO;
    }
    int r = make_room(s, size, band);
    if (r < 0) {
        return r;
    }
    struct spool_segment *segment = newest(s);
    const struct spool_record record = { .n = s->next,
                                         .to = s->next,
                                         .time_ms = entry->time_ms,
                                         .kind = (uint8_t)entry->kind,
                                         .severity = entry->severity,
                                         .payload = entry->payload };
    r = write_record(s, &record, segment->end);
    if (r == 0) {
        segment->end += size;
        spool_segment_count(segment, &record, size);
        s->next++;
        s->gap.is_open = false;
    }
    return r;
}

static enum spool_why why_of(const struct spool *s, int r)
{
    return r != -ENOSPC ? SPOOL_IO_ERROR : s->stats.error == ENOSPC ? SPOOL_NO_SPACE : SPOOL_FULL;
}

int spool_append(struct spool *s, const struct spool_entry *entry)
{
    int r = entry->payload.n == 0 || entry->payload.n > SPOOL_PAYLOAD_MAX ? -EMSGSIZE : 0;
    pthread_mutex_lock(&s->lock);
    r = r == 0 ? put(s, entry) : r;
    if (r < 0) {
        drop(s, entry, r == -EMSGSIZE ? SPOOL_TOO_LARGE : why_of(s, r));
    }
    s->stats.appended = s->next - 1;
    pthread_cond_signal(&s->work);
    pthread_mutex_unlock(&s->lock);
    return r;
}

void spool_lose(struct spool *s, const struct spool_entry *entry, enum spool_why why)
{
    pthread_mutex_lock(&s->lock);
    drop(s, entry, why);
    s->stats.appended = s->next - 1;
    pthread_cond_signal(&s->work);
    pthread_mutex_unlock(&s->lock);
}

int spool_sync(struct spool *s)
{
    int r = 0;
    pthread_mutex_lock(&s->lock);
    uint64_t wanted = newest(s)->last, errors = s->stats.sync_errors;
    while (s->durable < wanted && r == 0 && !s->stopping) {
        pthread_cond_signal(&s->work);
        pthread_cond_wait(&s->synced, &s->lock);
        r = s->stats.sync_errors != errors ? -EIO : 0;
    }
    pthread_mutex_unlock(&s->lock);
    return r;
}

/* ---- sending */

/* Where to read, and what not to read beyond; under the lock. */
struct reading {
    struct spool_segment *segment; /* pinned; its place may change */
    uint64_t file, from, limit;
    uint64_t next; /* the number at `at` */
    size_t at, end;
    int fd;
};

static struct spool_segment *segment_with(struct spool *s, uint64_t n)
{
    for (uint32_t i = 0; i < s->nsegments; i++) {
        if (s->segments[i].last >= n && s->segments[i].first <= n) {
            return &s->segments[i];
        }
    }
    return NULL;
}

static struct spool_segment *segment_of_file(struct spool *s, uint64_t file)
{
    for (uint32_t i = 0; i < s->nsegments; i++) {
        if (s->segments[i].file == file) {
            return &s->segments[i];
        }
    }
    return NULL;
}

/* The open record of dropped ones is finished when it is handed out, as long as there is room for another. */
static void close_gap(struct spool *s, struct reading *r)
{
    if (s->gap.is_open && s->gap.n <= r->limit) {
        if (has_slots(s, newest(s), SPOOL_SLOTS_KEPT)) {
            s->gap.is_open = !s->gap.written;
        } else {
            r->limit = s->gap.n - 1;
        }
    }
}

/* 1: there is something. */
static int begin(struct spool *s, struct reading *r)
{
    *r = (struct reading){ .from = s->acknowledged + 1, .limit = s->durable, .fd = -1 };
    r->segment = segment_with(s, r->from);
    if (!r->segment || r->segment->pinned) {
        return 0;
    }
    r->limit = r->segment->last < r->limit ? r->segment->last : r->limit;
    close_gap(s, r);
    if (r->limit < r->from) {
        return 0;
    }
    bool known = s->place.file == r->segment->file && s->place.n == r->from;
    r->file = r->segment->file;
    r->next = known ? r->from : r->segment->first;
    r->at = known ? s->place.at : SPOOL_SEGMENT_HEAD;
    r->end = r->segment->end;
    r->fd = spool_segment_open(s, r->file, O_RDONLY);
    r->segment->pinned = r->fd >= 0;
    return r->fd < 0 ? r->fd : 1;
}

/* Which records; without the lock. False: none could be told within this window. */
static bool choose(const char *window, size_t base, size_t end, const struct reading *r,
                   uint32_t records, struct spool_batch *ret)
{
    struct spool_scan scan;
    struct spool_record record;
    bool whole = end == r->end;
    spool_scan_init(&scan, window, end - base, r->at - base, r->next, whole ? r->limit : 0);
    *ret = (struct spool_batch){ .fd = -1 };
    while (ret->records < records) {
        size_t before = scan.at;
        if (!spool_scan_next(&scan, &record) || record.to > r->limit ||
            (ret->records && base + scan.at - ret->at > SPOOL_BATCH_BYTES)) {
            break;
        }
        if (record.to < r->from) {
            continue;
        }
        if (ret->records++ == 0) {
            ret->first = r->from;
            ret->at = base + before;
        }
        ret->last = record.to;
        ret->end = base + scan.at;
    }
    return ret->records > 0;
}

static int find_batch(struct spool *s, const struct reading *r, uint32_t records,
                      struct spool_batch *ret)
{
    size_t base = r->at & ~(SPOOL_SLOT - 1);
    size_t short_end = base + SPOOL_BATCH_BYTES < r->end ? base + SPOOL_BATCH_BYTES : r->end;
    int e = spool_segment_read(r->fd, s->window, base, short_end);
    if (e == 0 && choose(s->window, base, short_end, r, records, ret)) {
        return 1;
    }
    e = e == 0 && short_end < r->end ? spool_segment_read(r->fd, s->window, base, r->end) : e;
    return e < 0 ? e : choose(s->window, base, r->end, r, records, ret);
}

int spool_next(struct spool *s, uint32_t records, struct spool_batch *ret)
{
    struct reading reading;
    pthread_mutex_lock(&s->lock);
    int r = begin(s, &reading);
    pthread_mutex_unlock(&s->lock);
    if (r <= 0) {
        return r;
    }
    r = find_batch(s, &reading, records, ret);
    pthread_mutex_lock(&s->lock);
    segment_of_file(s, reading.file)->pinned = false;
    if (r > 0 && ret->last > s->granted) {
        s->granted = ret->last;
        spool_write_cursor(s, s->stats.full);
    }
    pthread_mutex_unlock(&s->lock);
    if (r > 0) {
        s->place.file = reading.file;
        s->place.n = ret->last + 1;
        s->place.at = (size_t)ret->end;
        ret->fd = reading.fd;
    } else {
        close(reading.fd);
    }
    return r;
}

int spool_acknowledge(struct spool *s, uint64_t n)
{
    int r = 0;
    pthread_mutex_lock(&s->lock);
    if (n > s->granted) {
        r = -ERANGE;
    } else if (n > s->acknowledged) {
        s->acknowledged = n;
        spool_write_cursor(s, false);
        pthread_cond_signal(&s->work);
    }
    pthread_mutex_unlock(&s->lock);
    return r;
}

uint64_t spool_rewind(struct spool *s, uint64_t n)
{
    pthread_mutex_lock(&s->lock);
    uint64_t oldest = s->nsegments ? s->segments[0].first : s->next;
    uint64_t to = n > oldest ? n : oldest;
    if (n >= 1 && to <= s->acknowledged) {
        s->acknowledged = to - 1;
        spool_write_cursor(s, false);
    } else {
        to = s->acknowledged + 1;
    }
    pthread_mutex_unlock(&s->lock);
    return to;
}

int spool_renew(struct spool *s)
{
    pthread_mutex_lock(&s->lock);
    int r = spool_write_id(s, NULL);
    pthread_mutex_unlock(&s->lock);
    return r;
}

static int64_t oldest_ms(struct spool *s)
{
    const struct spool_segment *segment = segment_with(s, s->acknowledged + 1);
    return segment ? segment->oldest_ms : 0;
}

void spool_get_stats(struct spool *s, struct spool_stats *ret)
{
    pthread_mutex_lock(&s->lock);
    *ret = s->stats;
    ret->bytes = spool_bytes(s);
    ret->records = s->next - 1 - s->acknowledged;
    ret->acknowledged = s->acknowledged;
    ret->durable = s->durable;
    ret->oldest_ms = oldest_ms(s);
    pthread_mutex_unlock(&s->lock);
}
