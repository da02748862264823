/*
 * Hand-off: the thread that accepts shims and holders and looks after their members.
 *
 * One poll over the socket, all members and the wake-up; every HANDOFF_TICK_MS members are asked whether they have
 * ended, answered in time, or have gaps to tell. Connections of places that had too many are closed at once, so
 * that the kernel's queue, which is common to all, stays short; shims try again.
 */
#include "agent/handoff_internal.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define ACCEPTED_AT_ONCE 256
#define DEAF_MS          10 /* after more connections than HANDOFF_ACCEPTED */

CLEANUP_DEFINE(struct handoff, handoff_free);

static uint32_t count_pending(const struct handoff *h)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < h->nmembers; i++) {
        n += h->members[i]->state != MEMBER_SERVED;
    }
    return n;
}

static uint32_t pending_of(const struct handoff *h, uint64_t place)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < h->nmembers; i++) {
        n += h->members[i]->state != MEMBER_SERVED && h->members[i]->container.place == place;
    }
    return n;
}

static void drop(struct handoff *h, uint32_t at)
{
    struct member *m = h->members[at];
    pthread_mutex_lock(&h->lock);
    h->members[at] = h->members[--h->nmembers];
    pthread_mutex_unlock(&h->lock);
    member_free(h, m);
}

/* Where all places for the pending are taken, the container that has most of them gives its oldest one up for one
 * that has fewer by two. */
static bool make_room(struct handoff *h, const struct member *newcomer)
{
    uint32_t at = MEMBERS_MAX, most = pending_of(h, newcomer->container.place) + 1;
    if (count_pending(h) < HANDOFF_PENDING_MAX) {
        return true;
    }
    for (uint32_t i = 0; i < h->nmembers; i++) {
        const struct member *m = h->members[i];
        uint32_t n = m->state == MEMBER_SERVED ? 0 : pending_of(h, m->container.place);
        bool older = at < MEMBERS_MAX && n == most && m->since_ns < h->members[at]->since_ns;
        if (n > most || older) {
            most = n;
            at = i;
        }
    }
    if (at < MEMBERS_MAX) {
        drop(h, at);
    }
    return at < MEMBERS_MAX;
}

/* One more than may stay is told so; the rest would only take places from others. */
static bool may_be_heard(struct handoff *h, const struct member *m, uint64_t now)
{
    return member_neighbours(h, m) <= HANDOFF_PER_PLACE &&
           bucket_take(place_bucket(h, m->container.place), HANDOFF_RATE, HANDOFF_BURST, now) &&
           bucket_take(&h->heard, HANDOFF_RATE_ALL, HANDOFF_RATE_ALL, now) && make_room(h, m);
}

static void close_unheard(struct handoff *h, struct member *m)
{
    pthread_mutex_lock(&h->lock);
    h->stats.closed++;
    pthread_mutex_unlock(&h->lock);
    member_free(h, m);
}

/* False: there is none, or there were too many just now. */
static bool accept_one(struct handoff *h, uint64_t now)
{
    if (!bucket_take(&h->accepted, HANDOFF_ACCEPTED, ACCEPTED_AT_ONCE, now)) {
        h->deaf_until_ns = now + DEAF_MS * NS_PER_MS;
        return false;
    }
    int socket = accept4(h->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct member *m = socket < 0 ? NULL : member_new(socket);
    if (!m) {
        return socket >= 0;
    }
    if (!may_be_heard(h, m, now)) {
        close_unheard(h, m);
        return true;
    }
    pthread_mutex_lock(&h->lock);
    h->members[h->nmembers++] = m;
    pthread_mutex_unlock(&h->lock);
    return true;
}

/* All that wait: who comes in a flood would else keep others out of the queue. */
static void accept_all(struct handoff *h)
{
    uint64_t now = clock_boot_ns();
    for (int i = 0; i < ACCEPTED_AT_ONCE && accept_one(h, now); i++) {
    }
}

static void tick(struct handoff *h, uint64_t now)
{
    for (uint32_t i = h->nmembers; i-- > 0;) {
        if (!member_tick(h, h->members[i], now)) {
            drop(h, i);
        }
    }
    if (now - h->looked_ns >= NS_PER_S) {
        h->looked_ns = now;
        handoff_look_at_socket(h);
    }
}

/* Of a member, whose socket is readable or whose process has ended. */
static bool hear_member(struct handoff *h, struct member *m, const struct pollfd *socket,
                        const struct pollfd *process)
{
    return (!socket->revents || member_hear(h, m)) && (!process->revents || member_ended(h, m));
}

/* items[2..]: of the members, in order; then their processes. */
static void hear(struct handoff *h, const struct pollfd *items, uint32_t n)
{
    for (uint32_t i = n; i-- > 0;) {
        if (!hear_member(h, h->members[i], &items[2 + i], &items[2 + n + i])) {
            drop(h, i);
        }
    }
    if (items[1].revents) {
        accept_all(h);
    }
}

/* How many members are in it. One that is not served yet may have said something and ended: it is heard first. */
static uint32_t fill(const struct handoff *h, bool deaf, struct pollfd *items)
{
    uint32_t n = h->nmembers;
    items[0] = (struct pollfd){ .fd = h->wake, .events = POLLIN };
    items[1] = (struct pollfd){ .fd = deaf ? -1 : h->listener, .events = POLLIN };
    for (uint32_t i = 0; i < n; i++) {
        const struct member *m = h->members[i];
        int process = m->state == MEMBER_SERVED ? m->pidfd : -1;
        items[2 + i] = (struct pollfd){ .fd = m->socket, .events = POLLIN };
        items[2 + n + i] = (struct pollfd){ .fd = process, .events = POLLIN };
    }
    return n;
}

static void *thread_main(void *data)
{
    struct handoff *h = data;
    struct pollfd items[2 + 2 * MEMBERS_MAX];
    uint64_t next_tick = 0;
    prctl(PR_SET_NAME, "handoff", 0, 0, 0);
    do {
        uint64_t now = clock_boot_ns();
        if (now >= next_tick) {
            tick(h, now);
            next_tick = now + HANDOFF_TICK_MS * NS_PER_MS;
        }
        bool deaf = now < h->deaf_until_ns;
        uint32_t n = fill(h, deaf, items);
        if (poll(items, 2 + 2 * n, deaf ? DEAF_MS : HANDOFF_TICK_MS) > 0) {
            hear(h, items, n);
        } else {
            items[0].revents = 0;
        }
    } while (!items[0].revents);
    return NULL;
}

/* Signals are the program's. */
static int start(struct handoff *h)
{
    sigset_t all, former;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &former);
    int r = pthread_create(&h->thread, NULL, thread_main, h);
    pthread_sigmask(SIG_SETMASK, &former, NULL);
    h->started = r == 0;
    return -r;
}

int handoff_new(const struct handoff_config *config, struct handoff **ret, struct err *err)
{
    CLEANUP(cleanup_handoff_free) struct handoff *h = mem_zalloc(sizeof *h);
    struct live_process self;
    if (!h) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    h->config = *config;
    h->config.path = NULL;
    h->deny = config->deny;
    h->folder = -1;
    h->listener = -1;
    h->own_place = live_process_read(getpid(), &self) == 0 ? self.mounts : 0;
    h->holders = config->holders ? config->holders : h->own_holders;
    pthread_mutex_init(&h->lock, NULL);
    h->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int r = h->wake < 0 ? err_set(err, -errno, "cannot make an eventfd: %s", strerror(errno))
                        : handoff_listen(h, config->path, err);
    if (r < 0) {
        return r;
    }
    r = start(h);
    if (r < 0) {
        return err_set(err, r, "cannot start a thread: %s", strerror(-r));
    }
    *ret = TAKE(h);
    return 0;
}

void handoff_free(struct handoff *h)
{
    uint64_t one = 1;
    if (!h) {
        return;
    }
    if (h->started && write(h->wake, &one, sizeof(one)) == sizeof(one)) {
        pthread_join(h->thread, NULL);
    }
    handoff_unlisten(h);
    while (h->nmembers > 0) {
        drop(h, h->nmembers - 1);
    }
    if (h->wake >= 0) {
        close(h->wake);
    }
    pthread_mutex_destroy(&h->lock);
    free(h);
}

void handoff_set_deny(struct handoff *h, bool deny)
{
    pthread_mutex_lock(&h->lock);
    h->deny = deny;
    for (uint32_t i = 0; i < h->nmembers; i++) {
        if (h->members[i]->state == MEMBER_SERVED) {
            notify_set_deny(h->members[i]->notify, deny);
        }
    }
    pthread_mutex_unlock(&h->lock);
}

void handoff_get_stats(struct handoff *h, struct handoff_stats *ret)
{
    pthread_mutex_lock(&h->lock);
    *ret = h->stats;
    ret->pending = count_pending(h);
    ret->containers = h->nmembers - ret->pending;
    for (uint32_t i = 0; i < h->nmembers; i++) {
        member_add_stats(h->members[i], &ret->sensor);
    }
    pthread_mutex_unlock(&h->lock);
}

uint32_t handoff_get_figures(struct handoff *h, struct handoff_figures *ret, uint32_t max)
{
    uint32_t n = 0;
    pthread_mutex_lock(&h->lock);
    for (uint32_t i = 0; i < h->nmembers && n < max; i++) {
        const struct member *m = h->members[i];
        if (m->state == MEMBER_SERVED) {
            ret[n] = (struct handoff_figures){ .pid = m->container.pid };
            memcpy(ret[n].id, m->container.id, sizeof(ret[n].id));
            member_add_stats(m, &ret[n++].sensor);
        }
    }
    pthread_mutex_unlock(&h->lock);
    return n;
}
