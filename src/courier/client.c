/*
 * client: requests become messages at once, in the caller's thread; what becomes of them is the loop's.
 *
 * A call is in one place at a time: the list of those waiting, `writing`, or the map of those sent; it leaves the last
 * one with its callback. Messages are overwritten before they are freed: they carry passwords.
 */
#include "courier/client.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "courier/keeper.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define MORE_MS 5000 /* than an exchange and the wait for it may take */

int courier_fork(struct courier **ret, struct err *err)
{
    struct courier *c = mem_zalloc(sizeof(*c));
    if (!c) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    c->socket = c->wake = -1;
    c->last = &c->first;
    c->next_id = 1;
    int r = keeper_fork(&c->control, err);
    if (r < 0) {
        free(c);
        return err_wrap(err, "courier");
    }
    pthread_mutex_init(&c->lock, NULL);
    *ret = c;
    return 0;
}

static bool are_good(const struct courier_options *options)
{
    bool good = options->nallow <= WIRE_ALLOW_MAX && options->ca.n <= COURIER_CA_MAX &&
                options->proxy.n <= COURIER_URL_MAX && options->agent.n < COURIER_TEXT_MAX;
    for (size_t i = 0; good && i < options->nallow; i++) {
        good = courier_network_is_good(options->allow[i]);
    }
    return good;
}

int courier_start(struct courier *c, const struct courier_options *options, struct err *err)
{
    if (!are_good(options)) {
        return err_set(err, -EINVAL, "courier: an option is too long or no network");
    }
    buf_init(&c->options, WIRE_MESSAGE_MAX);
    buf_init(&c->in, WIRE_MESSAGE_MAX + WIRE_HEAD + 65536);
    wire_put_options(&c->options, options);
    c->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (c->options.failed || c->wake < 0) {
        return err_set(err, -ENOMEM, "courier: out of memory or descriptors");
    }
    int r = -pthread_create(&c->thread, NULL, client_loop, c);
    c->runs = r == 0;
    return r == 0 ? 0 : err_set(err, r, "courier: no thread");
}

static void wake(struct courier *c)
{
    const uint64_t one = 1;
    (void)!write(c->wake, &one, sizeof(one));
}

void courier_close(struct courier *c)
{
    if (!c || !c->runs) {
        return;
    }
    pthread_mutex_lock(&c->lock);
    c->closed = true;
    pthread_mutex_unlock(&c->lock);
    wake(c);
    pthread_join(c->thread, NULL);
    c->runs = false;
}

void courier_free(struct courier *c)
{
    if (!c) {
        return;
    }
    courier_close(c);
    cleanup_close(&c->control);
    cleanup_close(&c->wake);
    cleanup_close(&c->socket);
    map_done(&c->sent);
    buf_done(&c->options);
    buf_done(&c->in);
    pthread_mutex_destroy(&c->lock);
    free(c);
}

/* ---- calls */

static void call_free(struct call *call)
{
    if (call && call->message.p) {
        explicit_bzero(call->message.p, call->message.n);
    }
    if (call) {
        buf_done(&call->message);
        free(call);
    }
}

void client_answer_call(struct courier *c, struct call *call, const struct courier_answer *answer)
{
    pthread_mutex_lock(&c->lock);
    c->ncalls--;
    c->bytes -= call->message.n;
    pthread_mutex_unlock(&c->lock);
    call->done(call->context, answer);
    call_free(call);
}

void client_end_call(struct courier *c, struct call *call, enum courier_outcome outcome,
                     const char *text)
{
    struct courier_answer answer = { .outcome = outcome };
    snprintf(answer.text, sizeof(answer.text), "%s", text);
    client_answer_call(c, call, &answer);
}

static struct call *call_new(const struct courier_request *request, courier_done *done,
                             void *context)
{
    struct call *call = mem_zalloc(sizeof(*call));
    if (!call) {
        return NULL;
    }
    uint64_t timeout = request->timeout_ms ? request->timeout_ms : COURIER_TIMEOUT_MS;
    call->until_ns = clock_boot_ns() + (2 * timeout + MORE_MS) * NS_PER_MS;
    call->done = done;
    call->context = context;
    buf_init(&call->message, WIRE_MESSAGE_MAX + WIRE_HEAD);
    return call;
}

static int enqueue(struct courier *c, struct call *call)
{
    int r = 0;
    pthread_mutex_lock(&c->lock);
    if (c->closed || !c->runs) {
        r = -ESHUTDOWN;
    } else if (c->ncalls >= COURIER_CALLS_MAX || c->bytes + call->message.n > COURIER_BYTES_MAX) {
        r = -EAGAIN;
    } else {
        *c->last = call;
        c->last = &call->next;
        c->ncalls++;
        c->bytes += call->message.n;
    }
    pthread_mutex_unlock(&c->lock);
    return r;
}

int courier_send(struct courier *c, const struct courier_request *request, courier_done *done,
                 void *context, struct err *err)
{
    int r =
        c ? courier_check(request, err) : err_set(err, -ESHUTDOWN, "this program has no courier");
    if (r < 0) {
        return r;
    }
    struct call *call = call_new(request, done, context);
    if (call) {
        call->id = __atomic_fetch_add(&c->next_id, 1, __ATOMIC_RELAXED);
        wire_put_request(&call->message, call->id, request);
    }
    r = call && !call->message.failed ? enqueue(c, call) : -ENOMEM;
    if (r < 0) {
        call_free(call);
        return err_set(err, r, "%s",
                       r == -ESHUTDOWN ? "the courier is closed"
                       : r == -EAGAIN  ? "too much is being sent already"
                                       : "out of memory");
    }
    wake(c);
    return 0;
}

/* ---- waiting for one */

struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t answered;
    bool done, no_memory;
    struct courier_answer *answer;
};

static bool copy_answer(const struct courier_answer *from, struct courier_answer *to)
{
    struct buf all;
    size_t n = from->body.n + 1;
    for (unsigned i = 0; i < from->nheaders; i++) {
        n += from->headers[i].name.n + from->headers[i].value.n;
    }
    *to = *from;
    to->storage = mem_alloc(n);
    if (!to->storage) {
        return false;
    }
    buf_init_fixed(&all, to->storage, n);
    buf_puts(&all, from->body);
    to->body.p = all.p;
    for (unsigned i = 0; i < from->nheaders; i++) {
        to->headers[i].name.p = all.p + all.n;
        buf_puts(&all, from->headers[i].name);
        to->headers[i].value.p = all.p + all.n;
        buf_puts(&all, from->headers[i].value);
    }
    return true;
}

static void on_answer(void *context, const struct courier_answer *answer)
{
    struct waiter *w = context;
    pthread_mutex_lock(&w->lock);
    w->no_memory = !copy_answer(answer, w->answer);
    w->done = true;
    pthread_cond_signal(&w->answered);
    pthread_mutex_unlock(&w->lock);
}

int courier_exchange(struct courier *c, const struct courier_request *request,
                     struct courier_answer *ret, struct err *err)
{
    struct courier_answer answer = { .outcome = COURIER_UNKNOWN };
    struct waiter w = { PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, .answer = &answer };
    int r = courier_send(c, request, on_answer, &w, err);
    if (r == 0) {
        pthread_mutex_lock(&w.lock);
        while (!w.done) {
            pthread_cond_wait(&w.answered, &w.lock);
        }
        pthread_mutex_unlock(&w.lock);
        r = w.no_memory ? err_set(err, -ENOMEM, "out of memory") : 0;
    }
    pthread_cond_destroy(&w.answered);
    pthread_mutex_destroy(&w.lock);
    if (r == 0) {
        *ret = answer;
    }
    return r;
}

void courier_answer_done(struct courier_answer *answer)
{
    if (answer->storage) {
        size_t n = answer->body.n;
        explicit_bzero(answer->storage, n);
    }
    free(answer->storage);
    answer->storage = NULL;
    answer->body = (struct str){ 0 };
    answer->nheaders = 0;
}

struct str courier_answer_header(const struct courier_answer *answer, const char *name)
{
    for (unsigned i = 0; i < answer->nheaders; i++) {
        if (str_ieq(answer->headers[i].name, str_of(name))) {
            return answer->headers[i].value;
        }
    }
    return (struct str){ 0 };
}

const char *courier_outcome_name(enum courier_outcome outcome)
{
    static const char *const names[] = { "answered", "refused",   "unreachable", "untrusted",
                                         "timeout",  "too_large", "broken",      "busy",
                                         "unknown",  "stopped" };
    return outcome <= COURIER_STOPPED ? names[outcome] : "unknown";
}
