/*
 * client_loop: the thread that talks to the courier's process.
 *
 * It decodes what that process says with the same care as if it came from outside. When its socket ends, what was sent
 * whole and not answered may have happened: COURIER_UNKNOWN; what was not sent whole waits for the next process, as does
 * everything after the worker's word that it leaves. A call that is overdue means that the process hangs: the keeper is
 * asked for another one.
 */
#include "courier/client.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "courier/keeper.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

#define TURN_MS   1000
#define READ_SIZE 65536

static void requeue(struct courier *c, struct call *call)
{
    pthread_mutex_lock(&c->lock);
    call->next = c->first;
    c->last = c->first ? c->last : &call->next;
    c->first = call;
    pthread_mutex_unlock(&c->lock);
}

static struct call *take_waiting(struct courier *c)
{
    pthread_mutex_lock(&c->lock);
    struct call *call = c->first;
    if (call) {
        c->first = call->next;
        c->last = c->first ? c->last : &c->first;
        call->next = NULL;
    }
    pthread_mutex_unlock(&c->lock);
    return call;
}

static struct call *take_sent(struct courier *c)
{
    size_t cursor = 0;
    const struct map_slot *slot = map_next(&c->sent, &cursor);
    return slot ? map_remove(&c->sent, slot->key) : NULL;
}

/* The worker is gone, or has to go. */
static void lose_worker(struct courier *c)
{
    struct call *call;
    if (c->writing) {
        requeue(c, TAKE(c->writing));
    }
    while ((call = take_sent(c))) {
        if (c->leaves) {
            requeue(c, call);
        } else {
            client_end_call(c, call, COURIER_UNKNOWN, "the courier's process ended meanwhile");
        }
    }
    cleanup_close(&c->socket);
    c->socket = -1;
    c->leaves = false;
    c->written = c->options_written = 0;
    buf_clear(&c->in);
}

/* ---- to the worker */

/* Bytes written; 0: not now. */
static size_t write_some(struct courier *c, struct str rest)
{
    ssize_t n = send(c->socket, rest.p, rest.n, MSG_NOSIGNAL | MSG_DONTWAIT);
    return n > 0 ? (size_t)n : 0;
}

static bool write_options(struct courier *c)
{
    struct str rest = str_from_offset(buf_str(&c->options), c->options_written);
    c->options_written += rest.n ? write_some(c, rest) : 0;
    return c->options_written == c->options.n;
}

/* A call counts as sent from its last byte on. False: no more for now. */
static bool write_call(struct courier *c)
{
    if (!c->writing) {
        c->writing = take_waiting(c);
        c->written = 0;
    }
    if (!c->writing) {
        return false;
    }
    struct str rest = str_from_offset(buf_str(&c->writing->message), c->written);
    size_t n = write_some(c, rest);
    c->written += n;
    if (n < rest.n) {
        return false;
    }
    struct call *call = TAKE(c->writing);
    if (map_put(&c->sent, call->id, call) < 0) {
        client_end_call(c, call, COURIER_UNKNOWN, "out of memory");
    }
    return true;
}

static void write_all(struct courier *c)
{
    if (c->socket >= 0 && !c->leaves && write_options(c)) {
        while (write_call(c)) {
        }
    }
}

/* ---- from the worker */

static bool take(struct courier *c, struct str message)
{
    struct courier_answer answer;
    uint64_t id;
    uint32_t kind = wire_kind(message, &id);
    if (kind == WIRE_LEAVE) {
        c->leaves = true;
        return true;
    }
    if (kind != WIRE_ANSWER || !wire_get_answer(message, &answer)) {
        return false;
    }
    struct call *call = map_remove(&c->sent, id);
    if (call) {
        client_answer_call(c, call, &answer);
    }
    return call != NULL;
}

static bool take_all(struct courier *c)
{
    size_t at = 0, n;
    while ((n = wire_size(str_from_offset(buf_str(&c->in), at)))) {
        if (n == SIZE_MAX || !take(c, (struct str){ c->in.p + at, n })) {
            return false;
        }
        at += n;
    }
    if (at) {
        memmove(c->in.p, c->in.p + at, c->in.n - at);
        c->in.n -= at;
    }
    return true;
}

static void read_some(struct courier *c)
{
    char *to = buf_reserve(&c->in, READ_SIZE);
    ssize_t n = to ? recv(c->socket, to, READ_SIZE, MSG_DONTWAIT) : -1;
    if (n < 0 && to && (errno == EAGAIN || errno == EINTR)) {
        return;
    }
    n = n < 0 && errno == ECONNRESET ? 0 : n; /* it ended without having read all */
    c->in.n += n > 0 ? (size_t)n : 0;
    bool good = n > 0 && take_all(c);
    if (!good && n != 0) {
        keeper_kill(c->control); /* it says what no worker says */
    }
    if (!good) {
        lose_worker(c);
    }
}

/* ---- time */

static void give_up_sent(struct courier *c, uint64_t now)
{
    size_t cursor = 0;
    const struct map_slot *slot;
    while ((slot = map_next(&c->sent, &cursor))) {
        if (now > ((const struct call *)slot->value)->until_ns) {
            keeper_kill(c->control);
            lose_worker(c);
            return;
        }
    }
}

static void give_up_waiting(struct courier *c, uint64_t now)
{
    struct call *late = NULL;
    pthread_mutex_lock(&c->lock);
    for (struct call **at = &c->first; *at;) {
        struct call *call = *at;
        if (now > call->until_ns) {
            *at = call->next;
            call->next = late;
            late = call;
        } else {
            at = &call->next;
        }
    }
    c->last = &c->first;
    while (*c->last) {
        c->last = &(*c->last)->next;
    }
    pthread_mutex_unlock(&c->lock);
    while (late) {
        struct call *call = late;
        late = call->next;
        client_end_call(c, call, COURIER_BUSY, "the courier's process took too long to begin");
    }
}

/* ---- loop */

static void end_all(struct courier *c)
{
    struct call *call;
    while ((call = c->writing ? TAKE(c->writing) : take_sent(c)) || (call = take_waiting(c))) {
        client_end_call(c, call, COURIER_STOPPED, "the server ends");
    }
}

/* The keeper is gone, which nothing but somebody's signal does: nothing is sent any more. */
static void lose_keeper(struct courier *c)
{
    lose_worker(c);
    cleanup_close(&c->control);
    c->control = -1;
    pthread_mutex_lock(&c->lock);
    c->closed = true;
    pthread_mutex_unlock(&c->lock);
}

static void take_worker(struct courier *c)
{
    int fd = keeper_take(c->control);
    if (fd >= 0) {
        if (c->socket >= 0) {
            lose_worker(c);
        }
        c->socket = fd;
    } else if (fd != -EAGAIN) {
        lose_keeper(c);
    }
}

static bool is_closed(struct courier *c)
{
    pthread_mutex_lock(&c->lock);
    bool closed = c->closed;
    pthread_mutex_unlock(&c->lock);
    return closed;
}

void *client_loop(void *data)
{
    struct courier *c = data;
    uint64_t looked = 0;
    while (!is_closed(c)) {
        bool more = c->writing || (c->socket >= 0 && c->options_written < c->options.n);
        struct pollfd polls[] = { { .fd = c->control, .events = POLLIN },
                                  { .fd = c->wake, .events = POLLIN },
                                  { .fd = c->socket,
                                    .events = (short)(POLLIN | (more ? POLLOUT : 0)) } };
        uint64_t count;
        (void)poll(polls, 3, TURN_MS);
        (void)!read(c->wake, &count, sizeof(count));
        if (polls[2].revents & (POLLIN | POLLHUP | POLLERR)) {
            read_some(c);
        }
        if (polls[0].revents) {
            take_worker(c);
        }
        write_all(c);
        uint64_t now = clock_boot_ns();
        if (now - looked >= NS_PER_S) {
            looked = now;
            give_up_sent(c, now);
            give_up_waiting(c, now);
        }
    }
    end_all(c);
    return NULL;
}
