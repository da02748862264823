/*
 * Hand-off: the thread that accepts shims and holders and looks after their members.
 *
 * One poll over the socket, all members and the wake-up; every HANDOFF_TICK_MS members are asked whether they have
 * ended, answered in time, or have gaps to tell. Too many connections a second are left in the kernel's queue,
 * which refuses what it cannot hold; shims try again.
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

/* What a connection costs that is closed at once: little, so that the queue behind it moves. */
#define TOKENS_UNHEARD 0.125

CLEANUP_DEFINE(struct handoff, handoff_free);

static void add_tokens(struct handoff *h, uint64_t now)
{
    h->tokens += (double)(now - h->filled_ns) / (double)NS_PER_S * HANDOFF_RATE;
    h->tokens = h->tokens > HANDOFF_BURST ? HANDOFF_BURST : h->tokens;
    h->filled_ns = now;
}

static uint32_t count_pending(const struct handoff *h)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < h->nmembers; i++) {
        n += h->members[i]->state != MEMBER_SERVED;
    }
    return n;
}

static bool is_full(const struct handoff *h)
{
    return h->tokens < 1 || count_pending(h) >= HANDOFF_PENDING_MAX || h->nmembers >= MEMBERS_MAX;
}

static void accept_one(struct handoff *h)
{
    int socket = accept4(h->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (socket < 0) {
        return;
    }
    struct member *m = member_new(h, socket);
    /* One more than may stay is told so; the rest would only take places from others. */
    bool heard = m && member_neighbours(h, m) <= HANDOFF_PER_PLACE;
    h->tokens -= heard ? 1 : TOKENS_UNHEARD;
    if (!heard) {
        if (m) {
            member_free(h, m);
        }
        return;
    }
    pthread_mutex_lock(&h->lock);
    h->members[h->nmembers++] = m;
    pthread_mutex_unlock(&h->lock);
}

static void drop(struct handoff *h, uint32_t at)
{
    struct member *m = h->members[at];
    pthread_mutex_lock(&h->lock);
    h->members[at] = h->members[--h->nmembers];
    pthread_mutex_unlock(&h->lock);
    member_free(h, m);
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

/* items[2..]: of the members, in order. */
static void hear(struct handoff *h, const struct pollfd *items, uint32_t n)
{
    for (uint32_t i = n; i-- > 0;) {
        if (items[2 + i].revents && !member_hear(h, h->members[i])) {
            drop(h, i);
        }
    }
    if (items[1].revents) {
        accept_one(h);
    }
}

static void *thread_main(void *data)
{
    struct handoff *h = data;
    struct pollfd items[2 + MEMBERS_MAX];
    uint64_t next_tick = 0;
    prctl(PR_SET_NAME, "handoff", 0, 0, 0);
    do {
        uint64_t now = clock_boot_ns();
        add_tokens(h, now);
        if (now >= next_tick) {
            tick(h, now);
            next_tick = now + HANDOFF_TICK_MS * NS_PER_MS;
        }
        uint32_t n = h->nmembers;
        items[0] = (struct pollfd){ .fd = h->wake, .events = POLLIN };
        items[1] = (struct pollfd){ .fd = is_full(h) ? -1 : h->listener, .events = POLLIN };
        for (uint32_t i = 0; i < n; i++) {
            items[2 + i] = (struct pollfd){ .fd = h->members[i]->socket, .events = POLLIN };
        }
        if (poll(items, 2 + n, HANDOFF_TICK_MS) > 0) {
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
    if (!h) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    h->config = *config;
    h->config.path = NULL;
    h->folder = -1;
    h->listener = -1;
    h->tokens = HANDOFF_BURST;
    h->filled_ns = clock_boot_ns();
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
