/*
 * Source: read() and, for gzip, inflate into a ring of chunks.
 *
 * The ring has SOURCE_CHUNKS chunks. Two semaphores count filled and free ones; the producer fills
 * chunk `filled % SOURCE_CHUNKS`, the consumer holds the last two it took, because a block that
 * straddles chunks is joined by copying the end of one into the headroom of the next. The producer's
 * last chunk is an empty one with its verdict: 0 at the end of the input, or an error. Without a thread
 * the consumer fills the next chunk itself.
 *
 * Closing wakes a producer that waits for room by the semaphore, and one that waits for input by an
 * eventfd: descriptors that can block are polled together with it.
 */
#include "sensor/replay/source.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "sensor/replay/inflate.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define INPUT_SIZE ((size_t)256 << 10)

struct slot {
    struct source_chunk chunk;
    int verdict; /* of an empty chunk: 0 or -errno */
};

struct source {
    int fd;
    bool owns_fd;
    bool is_file; /* reading never blocks for long */
    uint64_t size;
    uint64_t read_bytes;
    uint64_t out_bytes;
    int wake_fd;

    bool gzip;
    const struct inflater_ops *inflater_ops;
    struct inflater *inflater;
    bool in_member; /* within a gzip member */
    uint8_t *input; /* compressed bytes, or the first bytes of a plain file */
    size_t in_begin, in_end;
    struct err err; /* of a verdict; written before it is posted */

    uint8_t *memory;
    struct slot slots[SOURCE_CHUNKS];
    uint64_t filled, taken;
    bool threaded, ended;
    atomic_bool stop;
    sem_t sem_filled, sem_free;
    pthread_t thread;
};

CLEANUP_DEFINE(struct source, source_close);

static void wait_for(sem_t *sem)
{
    while (sem_wait(sem) < 0 && errno == EINTR) {
    }
}

/* Waits until there is input or source_close() wants the thread to end; -ECANCELED then. */
static int wait_input(struct source *s)
{
    struct pollfd p[2] = { { .fd = s->fd, .events = POLLIN },
                           { .fd = s->wake_fd, .events = POLLIN } };
    while (poll(p, 2, -1) < 0) {
        if (errno != EINTR) {
            return -errno;
        }
    }
    return p[1].revents ? -ECANCELED : 0;
}

/* Bytes read, 0 at the end, or -errno with the source's error set. */
static ssize_t read_some(struct source *s, uint8_t *p, size_t n)
{
    ssize_t got;
    do {
        int r = s->is_file ? 0 : wait_input(s);
        if (r < 0) {
            return err_set(&s->err, r, "reading was given up");
        }
        got = read(s->fd, p, n);
    } while (got < 0 && (errno == EINTR || errno == EAGAIN));
    if (got < 0) {
        int e = errno;
        return err_set(&s->err, -e, "read error at byte %llu: %s",
                       (unsigned long long)s->read_bytes, strerror(e));
    }
    s->read_bytes += (uint64_t)got;
    return got;
}

static ssize_t fill_plain(struct source *s, uint8_t *p, size_t n)
{
    size_t kept = s->in_end - s->in_begin;
    if (kept) {
        kept = kept < n ? kept : n;
        memcpy(p, s->input + s->in_begin, kept);
        s->in_begin += kept;
        return (ssize_t)kept;
    }
    return read_some(s, p, n);
}

static ssize_t damaged(struct source *s, const char *why)
{
    uint64_t at = s->read_bytes - (s->in_end - s->in_begin);
    return err_set(&s->err, -EBADMSG, "compressed data is damaged at or before byte %llu: %s",
                   (unsigned long long)at, why);
}

/* Between members: zeros are padding, 1f is another member. 1 go on, 0 the end, negative error. */
static int next_member(struct source *s)
{
    while (s->in_begin < s->in_end && s->input[s->in_begin] == 0) {
        s->in_begin++;
    }
    if (s->in_begin == s->in_end) {
        return 0;
    }
    if (s->input[s->in_begin] != 0x1f) {
        return (int)damaged(s, "bytes that are not gzip follow");
    }
    s->in_member = true;
    return 1;
}

/* Makes sure there is input. 1, 0 at the end of the file, or an error. */
static ssize_t refill(struct source *s)
{
    if (s->in_begin < s->in_end) {
        return 1;
    }
    ssize_t got = read_some(s, s->input, INPUT_SIZE);
    s->in_begin = 0;
    s->in_end = got > 0 ? (size_t)got : 0;
    return got > 0 ? 1 : got;
}

/* One call of the inflater. Like refill(); sets the error for input that ends or breaks. */
static int inflate_some(struct source *s, struct inflate_io *io)
{
    ssize_t more = refill(s);
    if (more < 0) {
        return (int)more;
    }
    if (more == 0) {
        return s->in_member
                   ? err_set(&s->err, -EBADMSG, "the compressed file is cut off after byte %llu",
                             (unsigned long long)s->read_bytes)
                   : 0;
    }
    if (!s->in_member) {
        int r = next_member(s);
        if (r <= 0) {
            return r < 0 ? r : 1;
        }
    }
    const char *why = NULL;
    io->in = s->input + s->in_begin;
    io->in_n = s->in_end - s->in_begin;
    int r = s->inflater_ops->run(s->inflater, io, &why);
    s->in_begin = s->in_end - io->in_n;
    if (r < 0) {
        return (int)damaged(s, why);
    }
    if (r == 1) {
        s->in_member = false;
    }
    return 1;
}

/* Bytes made; 0 at the end; negative when nothing was made and something is wrong. */
static ssize_t fill_gzip(struct source *s, uint8_t *p, size_t n)
{
    struct inflate_io io = { .out = p, .out_n = n };
    int r = s->err.code;
    while (r >= 0 && io.out_n) {
        r = inflate_some(s, &io);
        bool idle = s->in_begin == s->in_end && !s->is_file;
        if (r == 0 || (idle && io.out_n < n)) {
            break;
        }
    }
    return io.out_n < n ? (ssize_t)(n - io.out_n) : r;
}

static void fill_slot(struct source *s, struct slot *slot)
{
    struct source_chunk *chunk = &slot->chunk;
    ssize_t n = s->err.code;
    if (!n) {
        n = s->gzip ? fill_gzip(s, chunk->data, SOURCE_CHUNK)
                    : fill_plain(s, chunk->data, SOURCE_CHUNK);
    }
    chunk->n = n > 0 ? (size_t)n : 0;
    chunk->offset = s->out_bytes;
    chunk->in = s->read_bytes - (s->in_end - s->in_begin);
    slot->verdict = n < 0 ? (int)n : 0;
    s->out_bytes += chunk->n;
}

static void *produce(void *data)
{
    struct source *s = data;
    for (;;) {
        wait_for(&s->sem_free);
        if (atomic_load(&s->stop)) {
            return NULL;
        }
        struct slot *slot = &s->slots[s->filled++ % SOURCE_CHUNKS];
        fill_slot(s, slot);
        bool last = slot->chunk.n == 0;
        sem_post(&s->sem_filled);
        if (last) {
            return NULL;
        }
    }
}

int source_next(struct source *s, struct source_chunk *ret, struct err *err)
{
    struct slot *slot = &s->slots[s->taken % SOURCE_CHUNKS];
    if (!s->ended && s->threaded) {
        if (s->taken >= 2) {
            sem_post(&s->sem_free);
        }
        wait_for(&s->sem_filled);
    } else if (!s->ended) {
        fill_slot(s, slot);
    }
    if (slot->chunk.n == 0) {
        s->ended = true;
        return slot->verdict < 0 ? err_set(err, slot->verdict, "%s", s->err.message) : 0;
    }
    s->taken++;
    *ret = slot->chunk;
    return 1;
}

static int start_thread(struct source *s, struct err *err)
{
    sigset_t all;
    sigset_t old;
    sem_init(&s->sem_filled, 0, 0);
    sem_init(&s->sem_free, 0, SOURCE_CHUNKS);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int r = pthread_create(&s->thread, NULL, produce, s);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    s->threaded = r == 0;
    return r ? err_set(err, -r, "cannot start a thread: %s", strerror(r)) : 0;
}

static int open_fd(struct source *s, const char *path, struct err *err)
{
    struct stat st;
    s->owns_fd = strcmp(path, "-") != 0;
    s->fd = s->owns_fd ? open(path, O_RDONLY | O_CLOEXEC) : STDIN_FILENO;
    if (s->fd < 0 || fstat(s->fd, &st) < 0) {
        return err_set(err, -errno, "%s", strerror(errno));
    }
    if (S_ISDIR(st.st_mode)) {
        return err_set(err, -EISDIR, "%s", strerror(EISDIR));
    }
    s->is_file = S_ISREG(st.st_mode);
    if (s->is_file) {
        s->size = (uint64_t)st.st_size;
        posix_fadvise(s->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
        return 0;
    }
    s->wake_fd = eventfd(0, EFD_CLOEXEC);
    return s->wake_fd < 0 ? err_set(err, -errno, "eventfd: %s", strerror(errno)) : 0;
}

static int take_memory(struct source *s, struct err *err)
{
    size_t stride = SOURCE_HEADROOM + SOURCE_CHUNK;
    s->memory = mem_alloc(SOURCE_CHUNKS * stride);
    s->input = mem_alloc(INPUT_SIZE);
    if (!s->memory || !s->input) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    for (size_t i = 0; i < SOURCE_CHUNKS; i++) {
        s->slots[i].chunk.data = s->memory + i * stride + SOURCE_HEADROOM;
    }
    return 0;
}

/* Two bytes tell gzip from plain. */
static int sniff(struct source *s, bool zlib, struct err *err)
{
    while (s->in_end < 2) {
        ssize_t got = read_some(s, s->input + s->in_end, INPUT_SIZE - s->in_end);
        if (got < 0) {
            return err_set(err, (int)got, "%s", s->err.message);
        }
        if (got == 0) {
            return 0;
        }
        s->in_end += (size_t)got;
    }
    s->gzip = s->input[0] == 0x1f && s->input[1] == 0x8b;
    if (!s->gzip) {
        return 0;
    }
    s->in_member = true;
    s->inflater_ops = zlib ? &inflater_zlib : &inflater_isal;
    s->inflater = s->inflater_ops->create();
    return s->inflater ? 0 : err_set(err, -ENOMEM, "out of memory");
}

int source_open(const char *path, const struct source_options *options, struct source **ret,
                struct err *err)
{
    CLEANUP(cleanup_source_close) struct source *s = mem_zalloc(sizeof *s);
    if (!s) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    s->fd = -1;
    s->wake_fd = -1;
    int r = open_fd(s, path, err);
    r = r < 0 ? r : take_memory(s, err);
    r = r < 0 ? r : sniff(s, options->zlib, err);
    if (r >= 0 && !options->unthreaded) {
        r = start_thread(s, err);
    }
    if (r < 0) {
        return r;
    }
    *ret = TAKE(s);
    return 0;
}

static void stop_thread(struct source *s)
{
    uint64_t one = 1;
    atomic_store(&s->stop, true);
    sem_post(&s->sem_free);
    if (s->wake_fd >= 0) {
        ssize_t ignored = write(s->wake_fd, &one, sizeof one);
        (void)ignored;
    }
    pthread_join(s->thread, NULL);
    sem_destroy(&s->sem_filled);
    sem_destroy(&s->sem_free);
}

void source_close(struct source *s)
{
    if (!s) {
        return;
    }
    if (s->threaded) {
        stop_thread(s);
    }
    if (s->inflater) {
        s->inflater_ops->destroy(s->inflater);
    }
    if (s->owns_fd && s->fd >= 0) {
        close(s->fd);
    }
    if (s->wake_fd >= 0) {
        close(s->wake_fd);
    }
    free(s->memory);
    free(s->input);
    free(s);
}

bool source_is_gzip(const struct source *s)
{
    return s->gzip;
}

uint64_t source_size(const struct source *s)
{
    return s->size;
}
