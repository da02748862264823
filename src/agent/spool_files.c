/*
 * spool_files: the directory of a spool: its lock, its id, the cursor, and files of segments.
 *
 * The cursor says what is acknowledged and what was handed out. It is written without waiting for the disk, but
 * where its loss could do harm: an older one makes records be sent twice, which the server sees.
 */
#include "agent/spool_internal.h"

#include "base/cleanup.h"
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

struct cursor {
    uint32_t magic, crc;
    uint64_t acknowledged, granted, unused;
};
_Static_assert(sizeof(struct cursor) == SPOOL_CURSOR_SIZE, "as on disk");

#define CURSOR_MAGIC UINT32_C(0xf1a5c5a1)

static uint32_t cursor_crc(const struct cursor *cursor)
{
    const size_t before = offsetof(struct cursor, acknowledged);
    return spool_crc32c(0, (const char *)cursor + before, sizeof(*cursor) - before);
}

static int lock_dir(struct spool *s, struct err *err)
{
    const char *dir = s->config.dir;
    s->lock_fd = openat(s->dir, "lock", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (s->lock_fd < 0) {
        return err_set(err, -errno, "the spool %s cannot be written: %s", dir, strerror(errno));
    }
    if (flock(s->lock_fd, LOCK_EX | LOCK_NB) < 0) {
        return errno == EWOULDBLOCK
                   ? err_set(err, -EBUSY, "the spool %s is another agent's, which is running", dir)
                   : err_set(err, -errno, "the spool %s cannot be locked: %s", dir,
                             strerror(errno));
    }
    return 0;
}

static int check_dir(const struct spool *s, struct err *err)
{
    struct stat status;
    if (fstat(s->dir, &status) < 0) {
        return err_set(err, -errno, "the spool %s: %s", s->config.dir, strerror(errno));
    }
    if (status.st_uid != geteuid() || status.st_mode & (S_IWGRP | S_IWOTH)) {
        return err_set(err, -EPERM,
                       "the spool %s can be written by others: make it the agent's, 0700",
                       s->config.dir);
    }
    return 0;
}

int spool_write_id(struct spool *s, struct err *err)
{
    uint64_t random = 0;
    if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random)) {
        return err_set(err, -EIO, "no random numbers: %s", strerror(errno));
    }
    char id[SPOOL_ID_DIGITS + 2];
    snprintf(id, sizeof(id), "%016" PRIx64 "\n", random);
    CLEANUP(cleanup_close)
    int fd = openat(s->dir, "id.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    int r = fd < 0 ? -errno : fd_write_all(fd, id, sizeof(id) - 1);
    if (r == 0 && (fsync(fd) < 0 || renameat(s->dir, "id.new", s->dir, "id") < 0)) {
        r = -errno;
    }
    if (r < 0) {
        return err_set(err, r, "the spool %s cannot be written: %s", s->config.dir, strerror(-r));
    }
    fsync(s->dir);
    memcpy(s->id, id, SPOOL_ID_DIGITS);
    return 0;
}

static bool is_id(struct str text)
{
    bool good = text.n == SPOOL_ID_DIGITS + 1 && text.p[SPOOL_ID_DIGITS] == '\n';
    for (size_t i = 0; good && i < SPOOL_ID_DIGITS; i++) {
        good = (text.p[i] >= '0' && text.p[i] <= '9') || (text.p[i] >= 'a' && text.p[i] <= 'f');
    }
    return good;
}

/* One that is damaged is replaced: to the server this is another spool then. */
static int read_id(struct spool *s, struct err *err)
{
    char storage[SPOOL_ID_DIGITS + 2];
    struct buf text;
    buf_init_fixed(&text, storage, sizeof(storage));
    CLEANUP(cleanup_close) int fd = openat(s->dir, "id", O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0 && fd_read_all(fd, &text) == 0 && is_id(buf_str(&text))) {
        memcpy(s->id, storage, SPOOL_ID_DIGITS);
        return 0;
    }
    return spool_write_id(s, err);
}

int spool_open_dir(struct spool *s, struct err *err)
{
    const char *dir = s->config.dir;
    if (mkdir(dir, 0700) < 0 && errno != EEXIST) {
        return err_set(err, -errno, "the spool %s cannot be made: %s", dir, strerror(errno));
    }
    s->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->dir < 0) {
        return err_set(err, -errno, "the spool %s cannot be opened: %s", dir, strerror(errno));
    }
    int r = check_dir(s, err);
    r = r == 0 ? lock_dir(s, err) : r;
    r = r == 0 ? read_id(s, err) : r;
    if (r < 0) {
        return r;
    }
    s->cursor_fd = openat(s->dir, "cursor", O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    return s->cursor_fd < 0
               ? err_set(err, -errno, "the spool %s cannot be written: %s", dir, strerror(errno))
               : 0;
}

int spool_write_cursor(struct spool *s, bool sync)
{
    struct cursor cursor = { .magic = CURSOR_MAGIC,
                             .acknowledged = s->acknowledged,
                             .granted = s->granted };
    cursor.crc = cursor_crc(&cursor);
    if (pwrite(s->cursor_fd, &cursor, sizeof(cursor), 0) != (ssize_t)sizeof(cursor)) {
        return -EIO;
    }
    return sync && fdatasync(s->cursor_fd) < 0 ? -errno : 0;
}

int spool_read_cursor(struct spool *s, uint64_t *ret_acknowledged, uint64_t *ret_granted)
{
    struct cursor cursor;
    if (pread(s->cursor_fd, &cursor, sizeof(cursor), 0) != (ssize_t)sizeof(cursor) ||
        cursor.magic != CURSOR_MAGIC || cursor.crc != cursor_crc(&cursor) ||
        cursor.granted < cursor.acknowledged || cursor.granted == UINT64_MAX) {
        return -ENOENT;
    }
    *ret_acknowledged = cursor.acknowledged;
    *ret_granted = cursor.granted;
    return 0;
}

static void name_of(uint64_t file, char ret[SPOOL_NAME_MAX])
{
    snprintf(ret, SPOOL_NAME_MAX, "%016" PRIx64 ".seg", file);
}

int spool_segment_open(const struct spool *s, uint64_t file, int flags)
{
    char name[SPOOL_NAME_MAX];
    name_of(file, name);
    int fd = openat(s->dir, name, flags | O_CLOEXEC | O_NOFOLLOW);
    return fd < 0 ? -errno : fd;
}

int spool_segment_make(const struct spool *s, uint64_t file)
{
    char name[SPOOL_NAME_MAX];
    name_of(file, name);
    CLEANUP(cleanup_close)
    int fd = openat(s->dir, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return -errno;
    }
    int r = fallocate(fd, 0, 0, (off_t)SPOOL_SEGMENT_BYTES) < 0 ? -errno : 0;
    if (r == -EOPNOTSUPP) { /* then writes may meet the end of the space */
        r = ftruncate(fd, (off_t)SPOOL_SEGMENT_BYTES) < 0 ? -errno : 0;
    }
    if (r < 0 || fsync(fd) < 0) {
        r = r < 0 ? r : -errno;
        unlinkat(s->dir, name, 0);
        return r;
    }
    fsync(s->dir);
    return TAKE_FD(fd);
}

int spool_segment_head_write(const struct spool *s, int fd, uint64_t first, uint64_t last)
{
    uint8_t bytes[SPOOL_SEGMENT_HEAD];
    struct spool_segment_head head = { .first = first, .last = last };
    memcpy(head.id, s->id, SPOOL_ID_DIGITS);
    spool_segment_head_put(&head, bytes);
    ssize_t n = pwrite(fd, bytes, sizeof(bytes), 0);
    return n == (ssize_t)sizeof(bytes) ? 0 : n < 0 ? -errno : -EIO;
}

int spool_segment_blank(int fd)
{
    static const uint8_t zeros[SPOOL_SEGMENT_HEAD];
    return pwrite(fd, zeros, sizeof(zeros), 0) == (ssize_t)sizeof(zeros) ? 0 : -EIO;
}

void spool_segment_remove(const struct spool *s, uint64_t file)
{
    char name[SPOOL_NAME_MAX];
    name_of(file, name);
    unlinkat(s->dir, name, 0);
}

int spool_segment_read(int fd, void *p, size_t from, size_t end)
{
    char *to = p;
    while (from < end) {
        ssize_t n = pread(fd, to, end - from, (off_t)from);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return -errno;
        }
        if (n == 0) {
            memset(to, 0, end - from);
            return 0;
        }
        to += n;
        from += (size_t)n;
    }
    return 0;
}

int spool_segment_add(struct spool *s, const struct spool_segment *segment)
{
    if (s->nsegments == s->capacity) {
        return -ENOSPC;
    }
    s->segments[s->nsegments++] = *segment;
    return 0;
}

void spool_segment_count(struct spool_segment *segment, const struct spool_record *record,
                         size_t size)
{
    enum spool_band band = spool_band_of(record->kind, record->severity);
    segment->bytes[band] += (uint32_t)size;
    segment->counts[band]++;
    segment->last = record->to;
    if (!segment->oldest_ms) {
        segment->oldest_ms = record->time_ms;
    }
}

uint64_t spool_bytes(const struct spool *s)
{
    return ((uint64_t)s->nsegments + s->nspares) * SPOOL_SEGMENT_BYTES;
}
