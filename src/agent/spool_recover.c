/*
 * spool_recover: what a start finds in the directory becomes one row of segments without a hole.
 *
 *     files without a head        segments made ahead: removed
 *     inside another's numbers    was written anew when room was made: removed
 *     unreadable records          told as dropped, by whoever reads the segment (spool_scan)
 *     missing numbers             told as dropped, in a record of their own
 *     a torn tail of the newest   cut: it was not sent
 */
#include "agent/spool_internal.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/clock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

struct found {
    uint64_t file;
    struct spool_segment_head head;
};

struct founds {
    struct found *items;
    uint32_t n;
};

static void founds_done(struct founds *founds)
{
    free(founds->items);
}

static bool file_number(const char *name, uint64_t *ret)
{
    char *end;
    if (strlen(name) != 20 || strspn(name, "0123456789abcdef") != 16 ||
        strcmp(name + 16, ".seg") != 0) {
        return false;
    }
    *ret = strtoull(name, &end, 16);
    return *ret < UINT64_MAX;
}

static bool read_head(const struct spool *s, uint64_t file, struct spool_segment_head *ret)
{
    uint8_t bytes[SPOOL_SEGMENT_HEAD];
    CLEANUP(cleanup_close) int fd = spool_segment_open(s, file, O_RDONLY);
    return fd >= 0 && pread(fd, bytes, sizeof(bytes), 0) == (ssize_t)sizeof(bytes) &&
           spool_segment_head_get(bytes, ret);
}

static int take(struct spool *s, uint64_t file, struct founds *founds)
{
    struct found found = { .file = file };
    s->next_file = file >= s->next_file ? file + 1 : s->next_file;
    if (!read_head(s, file, &found.head)) {
        spool_segment_remove(s, file);
        return 0;
    }
    if (founds->n == 2 * SPOOL_SEGMENTS_MAX) {
        return -E2BIG;
    }
    founds->items[founds->n++] = found;
    return 0;
}

static int by_numbers(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    if (x->head.first != y->head.first) {
        return x->head.first < y->head.first ? -1 : 1;
    }
    return x->head.last != y->head.last ? (x->head.last > y->head.last ? -1 : 1) : 0;
}

static int find(struct spool *s, struct founds *founds)
{
    founds->items = mem_resize(NULL, 2 * (size_t)SPOOL_SEGMENTS_MAX, sizeof(*founds->items));
    int fd = founds->items ? openat(s->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (!dir) {
        cleanup_close(&fd);
        return -ENOMEM;
    }
    int r = 0;
    const struct dirent *entry;
    while (r == 0 && (entry = readdir(dir))) {
        uint64_t file;
        r = file_number(entry->d_name, &file) ? take(s, file, founds) : 0;
    }
    closedir(dir);
    qsort(founds->items, founds->n, sizeof(*founds->items), by_numbers);
    return r;
}

/* Those that were made anew as part of a larger one. */
static void remove_replaced(const struct spool *s, struct founds *founds)
{
    uint64_t covered = 0;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < founds->n; i++) {
        if (founds->items[i].head.first <= covered) {
            spool_segment_remove(s, founds->items[i].file);
            continue;
        }
        uint64_t last = founds->items[i].head.last;
        covered = last > founds->items[i].head.first ? last : founds->items[i].head.first;
        founds->items[kept++] = founds->items[i];
    }
    founds->n = kept;
}

/* Counts what is in it. `last`: the number it must end with, 0: whatever there is. */
static int read_segment(struct spool *s, const struct found *found, uint64_t last)
{
    struct spool_segment segment = { .file = found->file,
                                     .first = found->head.first,
                                     .last = found->head.first - 1,
                                     .end = SPOOL_SEGMENT_HEAD };
    struct spool_scan scan;
    struct spool_record record;
    CLEANUP(cleanup_close) int fd = spool_segment_open(s, found->file, O_RDONLY);
    int r = fd < 0 ? fd : spool_segment_read(fd, s->window, 0, SPOOL_SEGMENT_BYTES);
    if (r < 0) {
        memset(s->window, 0, SPOOL_SEGMENT_BYTES);
    }
    spool_scan_init(&scan, s->window, SPOOL_SEGMENT_BYTES, SPOOL_SEGMENT_HEAD, segment.first, last);
    while (spool_scan_next(&scan, &record)) {
        spool_segment_count(&segment, &record, scan.at - segment.end);
        s->stats.damaged += record.payload.p == (const char *)&scan.damage;
        segment.end = scan.at;
    }
    return spool_segment_add(s, &segment);
}

static int read_all(struct spool *s, const struct founds *founds)
{
    int r = 0;
    for (uint32_t i = 0; i < founds->n && r == 0; i++) {
        uint64_t last =
            i + 1 < founds->n ? founds->items[i + 1].head.first - 1 : founds->items[i].head.last;
        r = read_segment(s, &founds->items[i], last);
    }
    return r;
}

/* One more, to be written to. */
static int add_segment(struct spool *s, uint64_t first)
{
    uint64_t file = s->next_file++;
    int fd = spool_segment_make(s, file);
    if (fd < 0) {
        return fd;
    }
    cleanup_close(&s->fd);
    s->fd = fd;
    int r = spool_segment_head_write(s, fd, first, 0);
    return r < 0 ? r
                 : spool_segment_add(s, &(struct spool_segment){ .file = file,
                                                                 .first = first,
                                                                 .last = first - 1,
                                                                 .end = SPOOL_SEGMENT_HEAD });
}

static struct spool_dropped damaged(uint64_t n)
{
    int64_t now_ms = (int64_t)(clock_real_ns() / NS_PER_MS);
    struct spool_dropped dropped = { .why = SPOOL_DAMAGED, .from_ms = now_ms, .to_ms = now_ms };
    dropped.counts[SPOOL_BAND_GAP] = n;
    return dropped;
}

/* Numbers before the oldest segment that were never acknowledged. */
static int fill_front(struct spool *s)
{
    if (s->segments[0].first <= s->acknowledged + 1) {
        return 0;
    }
    struct spool_segment rest = s->segments[0];
    struct spool_dropped dropped = damaged(rest.first - 1 - s->acknowledged);
    uint8_t bytes[SPOOL_SLOT];
    const struct spool_record record = { .n = s->acknowledged + 1,
                                         .to = rest.first - 1,
                                         .time_ms = dropped.to_ms,
                                         .kind = SPOOL_DROPPED,
                                         .payload = str_from(&dropped, sizeof(dropped)) };
    if (s->nsegments == s->capacity) {
        return -E2BIG;
    }
    uint64_t file = s->next_file++;
    CLEANUP(cleanup_close) int fd = spool_segment_make(s, file);
    int r = fd < 0 ? fd : spool_segment_head_write(s, fd, record.n, record.to);
    spool_record_head(&record, bytes);
    memcpy(bytes + SPOOL_RECORD_HEAD, &dropped, sizeof(dropped));
    size_t size = spool_record_size(sizeof(dropped));
    if (r == 0 && pwrite(fd, bytes, size, SPOOL_SEGMENT_HEAD) != (ssize_t)size) {
        r = -EIO;
    }
    if (r == 0) {
        struct spool_segment front = { .file = file,
                                       .first = record.n,
                                       .end = SPOOL_SEGMENT_HEAD + size };
        spool_segment_count(&front, &record, size);
        memmove(s->segments + 1, s->segments, s->nsegments * sizeof(*s->segments));
        s->segments[0] = front;
        s->nsegments++;
        s->stats.damaged++;
    }
    return r < 0 ? r : fsync(fd) < 0 ? -errno : 0;
}

/* What the newest segment lacks of the numbers that were handed out. */
static int fill_back(struct spool *s)
{
    uint64_t last = s->segments[s->nsegments - 1].last;
    s->next = last + 1;
    if (s->granted <= last) {
        return 0;
    }
    s->stats.damaged++;
    struct spool_dropped dropped = damaged(s->granted - last);
    int r = spool_write_dropped(s, s->granted, &dropped);
    s->gap.is_open = false;
    return r;
}

/* Its tail is written to again; one that is written whole is not. */
static int open_newest(struct spool *s, const struct founds *founds)
{
    if (founds->n == 0) {
        return add_segment(s, s->granted + 1);
    }
    const struct spool_segment *newest = &s->segments[s->nsegments - 1];
    if (founds->items[founds->n - 1].head.last) {
        return add_segment(s, newest->last + 1);
    }
    s->fd = spool_segment_open(s, newest->file, O_RDWR);
    return s->fd < 0 ? s->fd : 0;
}

static int recover(struct spool *s, struct founds *founds)
{
    int r = find(s, founds);
    if (r < 0) {
        return r;
    }
    remove_replaced(s, founds);
    bool known = spool_read_cursor(s, &s->acknowledged, &s->granted) == 0;
    r = read_all(s, founds);
    if (!known && s->nsegments) {
        s->acknowledged = s->segments[0].first - 1;
        s->granted = s->segments[0].last;
    }
    r = r == 0 ? open_newest(s, founds) : r;
    r = r == 0 ? fill_front(s) : r;
    r = r == 0 ? fill_back(s) : r;
    return r == 0 && fdatasync(s->fd) < 0 ? -errno : r;
}

int spool_recover(struct spool *s, struct err *err)
{
    CLEANUP(founds_done) struct founds founds = { 0 };
    s->capacity = (uint32_t)(s->stats.max_bytes / SPOOL_SEGMENT_BYTES) + SPOOL_SEGMENTS_MAX;
    s->segments = mem_resize(NULL, s->capacity, sizeof(*s->segments));
    s->next_file = 1;
    int r = s->segments ? recover(s, &founds) : -ENOMEM;
    if (r < 0) {
        return err_set(err, r, "the spool %s cannot be used: %s", s->config.dir, strerror(-r));
    }
    s->durable = s->next - 1;
    s->stats.appended = s->next - 1;
    return spool_write_cursor(s, true) < 0
               ? err_set(err, -EIO, "the spool %s cannot be written", s->config.dir)
               : 0;
}
