/*
 * Recorder: the ring and what is known of the state, and the thread that makes files of them.
 *
 * The engine's lock guards the ring, the switch and what is asked; the thread holds it while it copies a
 * piece of the ring out or writes the state down (into memory), never while it writes a file. Snapshots and
 * the file being written are the thread's alone.
 */
#include "agent/recorder.h"

#include "agent/recorder_folder.h"
#include "agent/ring.h"
#include "base/arena.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "sensor/replay/replay.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define SNAPSHOTS     3
#define SNAPSHOT_GAP  NS_PER_S /* at least between two */
#define WRITING_MS    100      /* a file being written is fed so often */
#define IDLE_MS       500
#define PIECE         RING_RECORD_MAX
#define CAPTURE_LEVEL 1

/* The state as blocks of a capture, in memory. */
struct snapshot {
    int fd; /* -1: none */
    uint64_t pos, boot_ns;
};

struct file {
    char name[FOLDER_NAME_MAX];
    int fd;
    struct capture_writer *writer;               /* NULL: no file is being written */
    uint64_t pos, lost, events, end_ns, last_ns; /* CLOCK_BOOTTIME */
    bool cut;
    struct err err;
};

struct recorder {
    struct recorder_config config;
    pthread_mutex_t *lock; /* the engine's */
    pthread_cond_t wake;
    pthread_t thread;
    bool started, stopping, on;
    struct ring *ring;
    bool asked;
    uint32_t joined;
    struct recorder_cause cause;
    char texts[3][RECORDER_TEXT_MAX]; /* of the cause */
    uint64_t asked_ns;                /* CLOCK_BOOTTIME, of the first alert; of the last below */
    uint64_t again_ns;
    bool busy; /* a file is asked for or being written */
    struct snapshot snapshots[SNAPSHOTS];
    struct file file;
    uint8_t *piece;
    int folder;
    uint64_t nfiles;
    struct recorder_stats stats;
};

CLEANUP_DEFINE(struct recorder, recorder_free);

static void drop_snapshots(struct recorder *r)
{
    for (int i = 0; i < SNAPSHOTS; i++) {
        if (r->snapshots[i].fd >= 0) {
            close(r->snapshots[i].fd);
        }
        r->snapshots[i] = (struct snapshot){ .fd = -1 };
    }
}

/* Known containers follow the first event: one that no capture keeps. */
static int write_snapshot(struct recorder *r, int fd, struct err *err)
{
    struct capture_writer *writer = NULL;
    struct event none = { .ts_ns = clock_real_ns(), .tid = -1, .kind = KIND_ASYNCEVENT_E };
    int result = capture_writer_new(fd, 0, &writer, err);
    result = result ? result : capture_write_state(writer, engine_state(r->config.engine), err);
    result = result ? result : capture_write_event(writer, &none, err);
    result = result ? result : capture_writer_finish(writer, err);
    capture_writer_free(writer);
    return result;
}

static void take_snapshot(struct recorder *r)
{
    struct snapshot snapshot = { .fd = memfd_create("hinomi-state", MFD_CLOEXEC) };
    struct err err = { 0 };
    if (snapshot.fd < 0) {
        return;
    }
    pthread_mutex_lock(r->lock);
    snapshot.boot_ns = clock_boot_ns();
    int result = r->on ? write_snapshot(r, snapshot.fd, &err) : -ENODEV;
    snapshot.pos = r->on ? ring_end(r->ring) : 0;
    r->stats.snapshot_ns = clock_boot_ns() - snapshot.boot_ns;
    r->stats.snapshots += result == 0;
    pthread_mutex_unlock(r->lock);
    if (result < 0) {
        close(snapshot.fd);
        return;
    }
    if (r->snapshots[SNAPSHOTS - 1].fd >= 0) {
        close(r->snapshots[SNAPSHOTS - 1].fd);
    }
    memmove(&r->snapshots[1], &r->snapshots[0], sizeof(r->snapshots[0]) * (SNAPSHOTS - 1));
    r->snapshots[0] = snapshot;
}

static bool snapshot_is_due(struct recorder *r, bool on, uint64_t end)
{
    const struct snapshot *last = &r->snapshots[0];
    uint64_t age = clock_boot_ns() - last->boot_ns;
    uint64_t every = r->config.before_s * NS_PER_S / 2;
    bool filled = on && end - last->pos > ring_size(r->ring) / 2;
    return on && (last->fd < 0 || age >= every || (filled && age >= SNAPSHOT_GAP));
}

/* The youngest that is older than what was asked for; else the oldest the ring still goes back to: then the
 * file begins with all the ring has, though the first events met an older state. */
static const struct snapshot *choose_snapshot(const struct recorder *r, uint64_t from_ns,
                                              uint64_t begin)
{
    const struct snapshot *chosen = NULL;
    for (int i = 0; i < SNAPSHOTS && r->snapshots[i].fd >= 0; i++) {
        if (r->snapshots[i].pos < begin) {
            break;
        }
        chosen = &r->snapshots[i];
        if (chosen->boot_ns <= from_ns) {
            break;
        }
    }
    return chosen;
}

static int copy_snapshot(struct recorder *r, const struct snapshot *snapshot)
{
    off_t at = CAPTURE_SECTION_SIZE;
    for (;;) {
        ssize_t n = pread(snapshot->fd, r->piece, PIECE, at);
        if (n <= 0) {
            return n < 0 ? -errno : 0;
        }
        int result = capture_write_blocks(r->file.writer, r->piece, (size_t)n, &r->file.err);
        if (result < 0) {
            return result;
        }
        at += n;
    }
}

static int start_writer(struct recorder *r, uint64_t begin)
{
    struct file *file = &r->file;
    uint64_t before = r->config.before_s * NS_PER_S;
    uint64_t from = r->asked_ns > before ? r->asked_ns - before : 0;
    const struct snapshot *snapshot = choose_snapshot(r, from, begin);
    if (!snapshot) {
        take_snapshot(r);
        snapshot = r->snapshots[0].fd >= 0 ? &r->snapshots[0] : NULL;
    }
    folder_name(file->name, clock_real_ns(), r->cause.container, ++r->nfiles);
    file->fd = folder_create(r->folder, file->name);
    if (file->fd < 0) {
        return file->fd;
    }
    int result = capture_writer_new(file->fd, CAPTURE_LEVEL, &file->writer, &file->err);
    if (result < 0 || !snapshot) {
        return result < 0 ? result : -ENOMEM;
    }
    file->pos = snapshot->boot_ns <= from ? snapshot->pos : begin;
    return copy_snapshot(r, snapshot);
}

/* A piece of the ring into the file. False: nothing more is there, or no more is to be written. */
static bool feed(struct recorder *r)
{
    struct file *file = &r->file;
    struct event event;
    struct capture_writer_stats stats;
    pthread_mutex_lock(r->lock);
    uint64_t begin = r->ring ? ring_begin(r->ring) : file->pos;
    file->lost += begin > file->pos ? begin - file->pos : 0;
    size_t n = r->ring ? ring_copy(r->ring, &file->pos, r->piece, PIECE) : 0;
    pthread_mutex_unlock(r->lock);
    const uint8_t *p = r->piece;
    bool more = n > 0;
    while (!file->err.code && !file->cut && ring_take(&p, &n, &event)) {
        capture_write_event(file->writer, &event, &file->err);
        file->events++;
        capture_writer_get_stats(file->writer, &stats);
        file->cut = stats.bytes >= r->config.file_max;
    }
    return more && !file->err.code && !file->cut;
}

static void report(struct recorder *r, int error)
{
    struct stat st = { 0 };
    struct file *file = &r->file;
    pthread_mutex_lock(r->lock);
    struct recorder_result result = { .file = error ? "" : file->name,
                                      .error = error,
                                      .events = file->events,
                                      .lost = file->lost,
                                      .cut = file->cut,
                                      .cause = r->cause,
                                      .joined = r->joined };
    r->stats.files += error == 0;
    r->stats.failed += error != 0;
    pthread_mutex_unlock(r->lock);
    if (file->fd >= 0 && fstat(file->fd, &st) == 0) {
        result.bytes = (uint64_t)st.st_size;
    }
    if (r->config.done) {
        r->config.done(r->config.data, &result);
    }
}

static void end_file(struct recorder *r, int error)
{
    struct file *file = &r->file;
    if (!error && file->writer) {
        error = -capture_writer_finish(file->writer, &file->err);
    }
    error = error ? error : -file->err.code;
    error = error || file->fd < 0 ? error : -folder_finish(r->folder, file->name);
    if (error && file->fd >= 0) {
        folder_discard(r->folder, file->name);
    }
    report(r, error);
    capture_writer_free(file->writer);
    if (file->fd >= 0) {
        close(file->fd);
    }
    uint32_t removed = folder_prune(r->folder, r->config.files_max, r->config.folder_max);
    pthread_mutex_lock(r->lock);
    *file = (struct file){ .fd = -1 };
    r->stats.removed += removed;
    r->busy = r->asked = false;
    pthread_mutex_unlock(r->lock);
}

static void begin_file(struct recorder *r, uint64_t begin)
{
    uint64_t after = r->config.after_s * NS_PER_S;
    folder_prune(r->folder, r->config.files_max - 1, r->config.folder_max);
    r->file = (struct file){ .fd = -1,
                             .end_ns = r->asked_ns + after,
                             .last_ns = r->asked_ns + RECORDER_EXTEND_MAX * after };
    int result = start_writer(r, begin);
    if (result < 0) {
        end_file(r, -result);
    }
}

/* Gives back what is kept for files, if it is still not wanted; tells who asked too late. */
static void switch_off(struct recorder *r)
{
    drop_snapshots(r);
    pthread_mutex_lock(r->lock);
    struct ring *ring = r->on ? NULL : r->ring;
    r->ring = ring ? NULL : r->ring;
    pthread_mutex_unlock(r->lock);
    ring_free(ring);
}

/* What the thread has to know, taken at once. */
struct now {
    bool on, stopping, asked;
    uint64_t begin, end, again_ns;
};

static void work(struct recorder *r, const struct now *now)
{
    struct file *file = &r->file;
    if (!now->on && !file->writer) {
        switch_off(r);
    }
    if (snapshot_is_due(r, now->on, now->end)) {
        take_snapshot(r);
    }
    if (now->asked && !file->writer && now->on) {
        begin_file(r, now->begin);
    } else if (now->asked && !file->writer) {
        end_file(r, ENODEV);
    }
    if (!file->writer) {
        return;
    }
    uint64_t again = now->again_ns + r->config.after_s * NS_PER_S;
    file->end_ns = again > file->end_ns ? again : file->end_ns;
    file->end_ns = file->end_ns < file->last_ns ? file->end_ns : file->last_ns;
    while (file->pos < now->end && feed(r)) {
    }
    if (now->stopping || !now->on || file->cut || file->err.code ||
        clock_boot_ns() >= file->end_ns) {
        end_file(r, 0);
    }
}

static void wait_for(struct recorder *r, unsigned ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += (long)(ms % 1000) * 1000000;
    until.tv_sec += ms / 1000 + until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_cond_timedwait(&r->wake, r->lock, &until);
}

static void *record(void *data)
{
    struct recorder *r = data;
    pthread_mutex_lock(r->lock);
    for (;;) {
        struct now now = { .on = r->on,
                           .stopping = r->stopping,
                           .asked = r->asked,
                           .begin = r->ring ? ring_begin(r->ring) : 0,
                           .end = r->ring ? ring_end(r->ring) : 0,
                           .again_ns = r->again_ns };
        pthread_mutex_unlock(r->lock);
        work(r, &now);
        pthread_mutex_lock(r->lock);
        if (now.stopping) {
            break;
        }
        if (r->stopping || (r->asked && !r->file.writer)) {
            continue;
        }
        if (r->on || r->file.writer) {
            wait_for(r, r->file.writer ? WRITING_MS : IDLE_MS);
        } else {
            pthread_cond_wait(&r->wake, r->lock);
        }
    }
    pthread_mutex_unlock(r->lock);
    return NULL;
}

static int check(struct recorder_config *c, struct err *err)
{
    c->before_s = c->before_s ? c->before_s : RECORDER_BEFORE_S;
    c->after_s = c->after_s ? c->after_s : RECORDER_AFTER_S;
    c->ring_bytes = c->ring_bytes ? c->ring_bytes : RECORDER_RING_BYTES;
    c->file_max = c->file_max ? c->file_max : RECORDER_FILE_MAX;
    c->folder_max = c->folder_max ? c->folder_max : RECORDER_FOLDER_BYTES;
    c->files_max = c->files_max ? c->files_max : RECORDER_FILES;
    if (c->before_s > RECORDER_SECONDS_MAX || c->after_s > RECORDER_SECONDS_MAX) {
        return err_set(err, -EINVAL, "captures of more than %d seconds are not made",
                       RECORDER_SECONDS_MAX);
    }
    if (c->ring_bytes < RING_BYTES_MIN || c->ring_bytes > RING_BYTES_MAX) {
        return err_set(err, -EINVAL, "the memory for captures must be between %zu and %zu bytes",
                       RING_BYTES_MIN, RING_BYTES_MAX);
    }
    if (c->files_max > RECORDER_FILES_MAX) {
        return err_set(err, -EINVAL, "more than %d captures are not kept", RECORDER_FILES_MAX);
    }
    return 0;
}

static int start(struct recorder *r)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&r->wake, &attr);
    pthread_condattr_destroy(&attr);
    int result = pthread_create(&r->thread, NULL, record, r);
    r->started = result == 0;
    return -result;
}

int recorder_new(const struct recorder_config *config, struct recorder **ret, struct err *err)
{
    CLEANUP(cleanup_recorder_free) struct recorder *r = mem_zalloc(sizeof *r);
    if (!r) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    r->config = *config;
    r->folder = r->file.fd = -1;
    for (int i = 0; i < SNAPSHOTS; i++) {
        r->snapshots[i].fd = -1;
    }
    int result = check(&r->config, err);
    result = result < 0 ? result : folder_open(config->folder, err);
    if (result < 0) {
        return result;
    }
    r->folder = result;
    r->lock = engine_lock(config->engine);
    r->piece = mem_alloc(PIECE);
    result = r->piece ? start(r) : -ENOMEM;
    if (result < 0) {
        return err_set(err, result, "cannot start the recorder: %s", strerror(-result));
    }
    *ret = TAKE(r);
    return 0;
}

void recorder_free(struct recorder *r)
{
    if (!r) {
        return;
    }
    if (r->started) {
        pthread_mutex_lock(r->lock);
        r->stopping = true;
        pthread_cond_signal(&r->wake);
        pthread_mutex_unlock(r->lock);
        pthread_join(r->thread, NULL);
        pthread_cond_destroy(&r->wake);
    }
    drop_snapshots(r);
    ring_free(r->ring);
    if (r->folder >= 0) {
        close(r->folder);
    }
    free(r->piece);
    free(r);
}

int recorder_switch(struct recorder *r, bool on)
{
    struct ring *ring = NULL;
    if (on && ring_new(r->config.ring_bytes, &ring) < 0) {
        return -ENOMEM;
    }
    pthread_mutex_lock(r->lock);
    struct ring *unused = ring;
    if (on && !r->ring) {
        r->ring = ring;
        unused = NULL;
    }
    r->on = on;
    pthread_cond_signal(&r->wake);
    pthread_mutex_unlock(r->lock);
    ring_free(unused);
    return 0;
}

void recorder_event(struct recorder *r, const struct event *event)
{
    if (r->on && event->outcome != OUTCOME_DENIED) {
        ring_put(r->ring, event);
    }
}

static void keep_cause(struct recorder *r, const struct recorder_cause *cause)
{
    const struct str *from[] = { &cause->rule, &cause->policy, &cause->container };
    struct str *to[] = { &r->cause.rule, &r->cause.policy, &r->cause.container };
    for (int i = 0; i < 3; i++) {
        *to[i] = str_from(r->texts[i], str_first(*from[i], RECORDER_TEXT_MAX).n);
        if (to[i]->n) {
            memcpy(r->texts[i], from[i]->p, to[i]->n);
        }
    }
    r->cause.pid = cause->pid;
}

int recorder_ask(struct recorder *r, const struct recorder_cause *cause)
{
    int result = 0;
    pthread_mutex_lock(r->lock);
    uint64_t now = clock_boot_ns();
    if (!r->on) {
        result = -ENODEV;
    } else if (r->busy) {
        r->again_ns = now;
        r->joined++;
        r->stats.joined++;
        result = -EALREADY;
    } else {
        keep_cause(r, cause);
        r->busy = r->asked = true;
        r->asked_ns = r->again_ns = now;
        r->joined = 0;
        pthread_cond_signal(&r->wake);
    }
    pthread_mutex_unlock(r->lock);
    return result;
}

void recorder_get_stats(struct recorder *r, struct recorder_stats *ret)
{
    pthread_mutex_lock(r->lock);
    *ret = r->stats;
    ret->on = r->on;
    ret->left_out = r->ring ? ring_left_out(r->ring) : 0;
    pthread_mutex_unlock(r->lock);
}
