/*
 * http_wait: connections that wait without a thread, and those that take too long.
 *
 * All connections are in one list under one lock. A thread walks it every HTTP_TICK_MS: what waits and whose time
 * is over is resumed, what passed its deadline is shut down, which the library then sees as the client's end.
 * Deadlines are for whole stages, not for silences: a byte now and then gains nothing.
 *
 * A suspended connection is resumed by whoever clears `suspended` first: bell, time, or the end of the server.
 * Locks: a bell's before the listener's, the listener's before the library's own.
 */
#include "server/http_connection.h"

#include "base/clock.h"

#include <errno.h>
#include <sys/socket.h>

void connection_add(struct connection *c)
{
    struct listener *l = c->listener;
    pthread_mutex_lock(&l->lock);
    c->next = l->first;
    if (l->first) {
        l->first->previous = c;
    }
    l->first = c;
    pthread_mutex_unlock(&l->lock);
}

void connection_remove(struct connection *c)
{
    struct listener *l = c->listener;
    pthread_mutex_lock(&l->lock);
    if (c->previous) {
        c->previous->next = c->next;
    } else {
        l->first = c->next;
    }
    if (c->next) {
        c->next->previous = c->previous;
    }
    pthread_mutex_unlock(&l->lock);
}

void connection_allow(struct connection *c, uint64_t seconds)
{
    atomic_store(&c->deadline_ns, clock_boot_ns() + seconds * NS_PER_S);
}

/* The lock is held. */
static void resume(struct connection *c, bool by_time)
{
    if (c->suspended) {
        c->suspended = false;
        c->by_time = by_time;
        c->listener->nsuspended--;
        MHD_resume_connection(c->mhd);
    }
}

static void woken(struct bell_waiter *waiter)
{
    struct connection *c =
        (struct connection *)((char *)waiter - offsetof(struct connection, waiter));
    pthread_mutex_lock(&c->listener->lock);
    resume(c, false);
    pthread_mutex_unlock(&c->listener->lock);
}

bool connection_suspend(struct connection *c, struct bell *bell, uint32_t ms, uint64_t since)
{
    struct listener *l = c->listener;
    pthread_mutex_lock(&l->lock);
    bool suspends = !l->stopping;
    if (suspends) {
        atomic_store(&c->deadline_ns, UINT64_MAX);
        c->wake_ns = clock_boot_ns() + ms * NS_PER_MS;
        c->bell = bell;
        c->waiter.wake = woken;
        c->suspended = true;
        l->nsuspended++;
        MHD_suspend_connection(c->mhd);
    }
    pthread_mutex_unlock(&l->lock);
    if (suspends && !bell_wait(bell, &c->waiter, since)) {
        woken(&c->waiter);
    }
    return suspends;
}

bool connection_resumed(struct connection *c)
{
    if (c->bell) {
        bell_leave(c->bell, &c->waiter);
        c->bell = NULL;
    }
    return c->by_time;
}

static void look_at(struct connection *c, uint64_t now_ns)
{
    if (c->suspended) {
        if (now_ns >= c->wake_ns || c->listener->stopping) {
            resume(c, true);
        }
    } else if (now_ns >= atomic_load(&c->deadline_ns)) {
        atomic_store(&c->deadline_ns, UINT64_MAX);
        atomic_fetch_add(&c->listener->too_slow, 1);
        shutdown(c->fd, SHUT_RDWR);
    }
}

static void *watch(void *data)
{
    struct listener *l = data;
    pthread_mutex_lock(&l->lock);
    while (!l->stopping || l->nsuspended) {
        uint64_t now_ns = clock_boot_ns();
        for (struct connection *c = l->first; c; c = c->next) {
            look_at(c, now_ns);
        }
        uint64_t next_ns = clock_ns(CLOCK_MONOTONIC) + HTTP_TICK_MS * NS_PER_MS;
        struct timespec until = { (time_t)(next_ns / NS_PER_S), (long)(next_ns % NS_PER_S) };
        pthread_cond_timedwait(&l->wake, &l->lock, &until);
    }
    pthread_mutex_unlock(&l->lock);
    return NULL;
}

int http_watch_start(struct listener *l)
{
    int r = pthread_create(&l->watch, NULL, watch, l);
    l->watching = r == 0;
    return -r;
}

void http_watch_stop(struct listener *l)
{
    if (l->watching) {
        pthread_mutex_lock(&l->lock);
        l->stopping = true;
        pthread_cond_signal(&l->wake);
        pthread_mutex_unlock(&l->lock);
        pthread_join(l->watch, NULL);
        l->watching = false;
    }
}
