/*
 * Two buffers: one is filled under the lock, the other written without it; the writer swaps them. A
 * descriptor that fails once (a closed pipe) is not written again: everything later counts as dropped.
 */
#include "agent/outlet.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/fd.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/prctl.h>

struct stamps {
    uint64_t ts_ns[OUTLET_STAMPS]; /* of events */
    uint32_t n;                    /* may be more */
};

struct outlet {
    int fd;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t filled, emptied;
    struct buf waiting;
    struct stamps stamps;  /* of what waits */
    struct stamps written; /* of what is being written; the writer's */
    struct lag lag;
    bool writing, stopping, broken, started;
    uint64_t dropped;
};

CLEANUP_DEFINE(struct outlet, outlet_free);

static void measure(struct outlet *o)
{
    uint64_t now = clock_real_ns();
    for (uint32_t i = 0; i < o->written.n; i++) {
        uint64_t ts_ns = o->written.ts_ns[i < OUTLET_STAMPS ? i : OUTLET_STAMPS - 1];
        lag_add(&o->lag, now > ts_ns ? now - ts_ns : 0);
    }
}

static void take_stamps(struct outlet *o)
{
    uint32_t kept = o->stamps.n < OUTLET_STAMPS ? o->stamps.n : OUTLET_STAMPS;
    memcpy(o->written.ts_ns, o->stamps.ts_ns, kept * sizeof(*o->stamps.ts_ns));
    o->written.n = o->stamps.n;
    o->stamps.n = 0;
}

static void write_out(struct outlet *o, struct buf *out)
{
    struct buf taken = o->waiting;
    o->waiting = *out;
    *out = taken;
    take_stamps(o);
    o->writing = true;
    pthread_mutex_unlock(&o->lock);
    int r = fd_write_all(o->fd, out->p, out->n);
    buf_clear(out);
    pthread_mutex_lock(&o->lock);
    o->writing = false;
    o->broken |= r < 0;
    if (r == 0) {
        measure(o);
    }
    pthread_cond_broadcast(&o->emptied);
}

static void *writer(void *data)
{
    struct outlet *o = data;
    struct buf out;
    prctl(PR_SET_NAME, "alerts", 0, 0, 0);
    pthread_mutex_lock(&o->lock);
    buf_init(&out, o->waiting.limit);
    for (;;) {
        if (o->waiting.n && !o->broken) {
            write_out(o, &out);
        } else if (o->stopping) {
            break;
        } else {
            pthread_cond_wait(&o->filled, &o->lock);
        }
    }
    pthread_mutex_unlock(&o->lock);
    buf_done(&out);
    return NULL;
}

int outlet_new(int fd, size_t max, struct outlet **ret, struct err *err)
{
    CLEANUP(cleanup_outlet_free) struct outlet *o = mem_zalloc(sizeof *o);
    if (!o) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    o->fd = fd;
    pthread_mutex_init(&o->lock, NULL);
    pthread_cond_init(&o->filled, NULL);
    pthread_cond_init(&o->emptied, NULL);
    buf_init(&o->waiting, max);
    int r = pthread_create(&o->thread, NULL, writer, o);
    if (r != 0) {
        return err_set(err, -r, "cannot start a thread: %s", strerror(r));
    }
    o->started = true;
    *ret = TAKE(o);
    return 0;
}

void outlet_free(struct outlet *o)
{
    if (!o) {
        return;
    }
    if (o->started) {
        pthread_mutex_lock(&o->lock);
        o->stopping = true;
        pthread_cond_signal(&o->filled);
        pthread_mutex_unlock(&o->lock);
        pthread_join(o->thread, NULL);
    }
    buf_done(&o->waiting);
    pthread_cond_destroy(&o->filled);
    pthread_cond_destroy(&o->emptied);
    pthread_mutex_destroy(&o->lock);
    free(o);
}

/* With the lock held. */
static int put(struct outlet *o, const void *p, size_t n)
{
    int r = 0;
    if (o->broken || o->waiting.n + n > o->waiting.limit) {
        r = -ENOBUFS;
    } else {
        buf_put(&o->waiting, p, n);
        if (o->waiting.failed) {
            o->waiting.failed = false;
            r = -ENOBUFS;
        }
        pthread_cond_signal(&o->filled);
    }
    o->dropped += r < 0;
    return r;
}

int outlet_put(struct outlet *o, const void *p, size_t n)
{
    pthread_mutex_lock(&o->lock);
    int r = put(o, p, n);
    pthread_mutex_unlock(&o->lock);
    return r;
}

int outlet_put_event(struct outlet *o, const void *p, size_t n, uint64_t ts_ns)
{
    pthread_mutex_lock(&o->lock);
    int r = put(o, p, n);
    if (r == 0) {
        uint32_t at = o->stamps.n++;
        o->stamps.ts_ns[at < OUTLET_STAMPS ? at : OUTLET_STAMPS - 1] = ts_ns;
    }
    pthread_mutex_unlock(&o->lock);
    return r;
}

void outlet_drain(struct outlet *o)
{
    pthread_mutex_lock(&o->lock);
    while ((o->waiting.n || o->writing) && !o->broken) {
        pthread_cond_wait(&o->emptied, &o->lock);
    }
    pthread_mutex_unlock(&o->lock);
}

uint64_t outlet_dropped(struct outlet *o)
{
    pthread_mutex_lock(&o->lock);
    uint64_t dropped = o->dropped;
    pthread_mutex_unlock(&o->lock);
    return dropped;
}

void outlet_get_stats(struct outlet *o, struct outlet_stats *ret)
{
    pthread_mutex_lock(&o->lock);
    *ret = (struct outlet_stats){
        .dropped = o->dropped, .waiting = o->waiting.n, .broken = o->broken, .lag = o->lag
    };
    pthread_mutex_unlock(&o->lock);
}
