/*
 * spool_thread: what takes time: fsync, making segments ahead, removing those that the server has.
 *
 * Each round takes all that was appended meanwhile, so that a burst costs few syncs. Only this thread closes
 * descriptors of segments and removes files; it never holds the lock while the disk works.
 */
#include "agent/spool_internal.h"

#include "base/arena.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define RETRY_MS      200 /* after the disk failed, or was full */
#define IDLE_S        10  /* everything that makes work says so */
#define SPARES_ENOUGH 2   /* with more there is room for all */

/* What was appended before, to the disk. */
static int sync_all(struct spool *s)
{
    int fds[SPOOL_SPARES + 1], r = 0;
    pthread_mutex_lock(&s->lock);
    uint64_t last = s->segments[s->nsegments - 1].last;
    uint32_t nold = s->nold;
    memcpy(fds, s->old_fds, sizeof(s->old_fds));
    fds[nold] = s->fd;
    bool needed = last > s->durable || nold || (s->gap.is_open && s->gap.to > s->durable);
    pthread_mutex_unlock(&s->lock);
    for (uint32_t i = 0; needed && i <= nold && r == 0; i++) {
        r = fdatasync(fds[i]) < 0 ? -errno : 0;
    }
    if (!needed) {
        return 0;
    }
    pthread_mutex_lock(&s->lock);
    s->stats.syncs++;
    if (r == 0) {
        for (uint32_t i = 0; i < nold; i++) {
            close(fds[i]);
        }
        s->nold -= nold;
        memmove(s->old_fds, s->old_fds + nold, s->nold * sizeof(*s->old_fds));
        s->durable = last;
    } else {
        s->stats.sync_errors++;
        s->stats.error = -r;
    }
    pthread_cond_broadcast(&s->synced);
    pthread_mutex_unlock(&s->lock);
    return r;
}

static bool remove_one(struct spool *s)
{
    pthread_mutex_lock(&s->lock);
    bool remove = s->nsegments > 1 && s->segments[0].last <= s->acknowledged &&
                  s->segments[0].last <= s->durable && !s->segments[0].pinned;
    uint64_t file = s->segments[0].file;
    if (remove) {
        s->nsegments--;
        memmove(s->segments, s->segments + 1, s->nsegments * sizeof(*s->segments));
    }
    pthread_mutex_unlock(&s->lock);
    if (remove) {
        spool_segment_remove(s, file);
    }
    return remove;
}

/* What would be dropped first if room had to be made. */
static uint8_t least_severe(const struct spool *s)
{
    uint8_t least = SPOOL_BANDS;
    for (uint32_t i = 0; i + 1 < s->nsegments; i++) {
        for (uint8_t band = 0; band < least && s->segments[i].first > s->granted; band++) {
            least = s->segments[i].counts[band] ? band : least;
        }
    }
    return least;
}

static void set_full(struct spool *s, int error)
{
    pthread_mutex_lock(&s->lock);
    s->stats.full = error != 0;
    if (error != 0) {
        s->stats.error = error == -EDQUOT ? ENOSPC : error == -EFBIG ? 0 : -error;
        s->pressure = least_severe(s);
    } else if (s->stats.error == ENOSPC) {
        s->stats.error = 0;
    }
    pthread_mutex_unlock(&s->lock);
}

/* -EFBIG: there are as many bytes as there may be. */
static int make_spare(struct spool *s)
{
    pthread_mutex_lock(&s->lock);
    uint64_t file = s->next_file++;
    bool room = spool_bytes(s) + SPOOL_SEGMENT_BYTES <= s->stats.max_bytes;
    pthread_mutex_unlock(&s->lock);
    int fd = room ? spool_segment_make(s, file) : -EFBIG;
    if (fd >= 0) {
        pthread_mutex_lock(&s->lock);
        s->spares[s->nspares].file = file;
        s->spares[s->nspares++].fd = fd;
        pthread_mutex_unlock(&s->lock);
    }
    return fd < 0 ? fd : 0;
}

static uint32_t spares(struct spool *s)
{
    pthread_mutex_lock(&s->lock);
    uint32_t n = s->nspares;
    pthread_mutex_unlock(&s->lock);
    return n;
}

static void make_room(struct spool *s)
{
    int r;
    while (remove_one(s)) {
    }
    do {
        r = 0;
        while (r == 0 && spares(s) < SPOOL_SPARES) {
            r = make_spare(s);
        }
    } while (r < 0 && spares(s) < 2 && spool_trim(s));
    set_full(s, spares(s) > SPARES_ENOUGH ? 0 : r);
}

static void round_of_work(struct spool *s)
{
    make_room(s);
    sync_all(s);
    if (s->config.ready) {
        s->config.ready(s->config.data);
    }
}

static void wait_until(struct spool *s, const struct timespec *until)
{
    uint64_t next = s->next, acknowledged = s->acknowledged;
    uint32_t nspares = s->nspares;
    while (!s->stopping && s->next == next && s->acknowledged == acknowledged &&
           s->nspares == nspares) {
        if (pthread_cond_timedwait(&s->work, &s->lock, until) == ETIMEDOUT) {
            break;
        }
    }
}

static bool idle(const struct spool *s)
{
    return s->segments[s->nsegments - 1].last <= s->durable && s->nold == 0;
}

static void *work(void *data)
{
    struct spool *s = data;
    prctl(PR_SET_NAME, "spool", 0, 0, 0);
    pthread_mutex_lock(&s->lock);
    for (;;) {
        bool stop = s->stopping;
        pthread_mutex_unlock(&s->lock);
        round_of_work(s);
        pthread_mutex_lock(&s->lock);
        if (stop) {
            break;
        }
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_sec += s->stats.error || s->stats.full ? 0 : IDLE_S;
        until.tv_nsec += RETRY_MS * 1000000L;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        if (idle(s) || s->stats.error) { /* an error: not at once again */
            wait_until(s, &until);
        }
    }
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

int spool_start(struct spool *s, struct err *err)
{
    sigset_t all, old;
    make_room(s);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int r = -pthread_create(&s->thread, NULL, work, s);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    s->started = r == 0;
    return r < 0 ? err_set(err, r, "no thread for the spool: %s", strerror(-r)) : 0;
}

void spool_stop(struct spool *s)
{
    if (s->started) {
        pthread_mutex_lock(&s->lock);
        s->stopping = true;
        pthread_cond_signal(&s->work);
        pthread_cond_broadcast(&s->synced);
        pthread_mutex_unlock(&s->lock);
        pthread_join(s->thread, NULL);
        s->started = false;
    }
}
