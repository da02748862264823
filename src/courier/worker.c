/*
 * worker: one loop over the server's requests and what comes of them.
 *
 * A request waits in one list until there is a place for it: COURIER_RUNNING_MAX of all, COURIER_PER_TARGET of its
 * target. The list is looked through from its beginning, so that order is kept for each target, and who waits for
 * a slow one is passed by. The files that names are looked up with are closed in by what they were when the process
 * began: when another was put in the place of one, the process ends itself in a moment without work.
 */
#include "courier/worker.h"

#include "base/arena.h"
#include "base/clock.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define WAIT_MS   1000
#define READ_SIZE 65536
#define OUT_MANY  ((size_t)8 << 20) /* not begun while as much waits to be read by the server */
#define LOOK_NS   (5 * NS_PER_S)
#define OUT_MAX   ((size_t)256 << 20)

/* ---- answers */

static void tell(struct worker *w, uint64_t id, const struct courier_answer *answer)
{
    wire_put_answer(&w->out, id, answer);
    w->ends |= w->out.failed;
}

static void flush(struct worker *w)
{
    while (w->out_sent < w->out.n) {
        ssize_t n = send(w->socket, w->out.p + w->out_sent, w->out.n - w->out_sent,
                         MSG_NOSIGNAL | MSG_DONTWAIT);
        if (n < 0) {
            w->ends |= errno != EAGAIN && errno != EINTR;
            break;
        }
        w->out_sent += (size_t)n;
    }
    if (w->out_sent == w->out.n) {
        buf_clear(&w->out);
        w->out_sent = 0;
    } else if (w->out_sent > OUT_MANY) {
        memmove(w->out.p, w->out.p + w->out_sent, w->out.n - w->out_sent);
        w->out.n -= w->out_sent;
        w->out_sent = 0;
    }
}

static void refuse(struct worker *w, struct transfer *t, enum courier_outcome outcome,
                   const char *text)
{
    struct courier_answer answer = { .outcome = outcome };
    snprintf(answer.text, sizeof(answer.text), "%s", text);
    tell(w, t->id, &answer);
    transfer_free(t);
}

static void finish(struct worker *w, struct transfer *t, CURLcode code)
{
    struct courier_answer answer;
    transfer_judge(t, code, &answer);
    tell(w, t->id, &answer);
    if (t->easy) {
        curl_multi_remove_handle(w->multi, t->easy);
    }
    transfer_free(t);
}

/* ---- begin and end */

static unsigned running_for(const struct worker *w, const struct transfer *t)
{
    unsigned n = 0;
    for (unsigned i = 0; i < w->nrunning; i++) {
        n += w->running[i]->key == t->key;
    }
    return n;
}

static unsigned waiting_for(const struct worker *w, const struct transfer *t)
{
    unsigned n = 0;
    for (const struct transfer *other = w->waiting; other; other = other->next) {
        n += other->key == t->key;
    }
    return n;
}

static struct transfer *unlink_waiting(struct worker *w, struct transfer **at)
{
    struct transfer *t = *at;
    *at = t->next;
    if (!t->next) {
        w->last = at;
    }
    t->next = NULL;
    w->nwaiting--;
    return t;
}

static void begin(struct worker *w, struct transfer *t)
{
    if (transfer_begin(t)) {
        w->running[w->nrunning++] = t;
    } else {
        finish(w, t, CURLE_OUT_OF_MEMORY);
    }
}

static bool is_late(const struct transfer *t, uint64_t now)
{
    uint32_t timeout = t->wire.request.timeout_ms;
    return now - t->came_ns > (timeout ? timeout : COURIER_TIMEOUT_MS) * NS_PER_MS;
}

static void begin_waiting(struct worker *w)
{
    uint64_t now = clock_boot_ns();
    bool room = w->out.n - w->out_sent < OUT_MANY;
    for (struct transfer **at = &w->waiting; *at;) {
        if (is_late(*at, now)) {
            refuse(w, unlink_waiting(w, at), COURIER_BUSY,
                   "others to the same place took too long; this one was not begun");
        } else if (room && w->nrunning < COURIER_RUNNING_MAX &&
                   running_for(w, *at) < COURIER_PER_TARGET) {
            begin(w, unlink_waiting(w, at));
        } else {
            at = &(*at)->next;
        }
    }
}

static void finish_all(struct worker *w)
{
    const CURLMsg *done;
    int left;
    while ((done = curl_multi_info_read(w->multi, &left))) {
        struct transfer *t = NULL;
        CURLcode code = done->data.result;
        curl_easy_getinfo(done->easy_handle, CURLINFO_PRIVATE, (char **)&t);
        for (unsigned i = 0; i < w->nrunning; i++) {
            if (w->running[i] == t) {
                w->running[i] = w->running[--w->nrunning];
                break;
            }
        }
        finish(w, t, code);
    }
}

/* ---- what the server asks */

static void take_options(struct worker *w, struct str message)
{
    char *copy = mem_alloc(message.n);
    if (!copy || w->has_options) {
        free(copy);
        w->ends = true;
        return;
    }
    memcpy(copy, message.p, message.n);
    w->options_message = copy;
    w->has_options = wire_get_options((struct str){ copy, message.n }, &w->options);
    w->ends |= !w->has_options;
}

static void take_request(struct worker *w, struct str message)
{
    struct transfer *t = transfer_new(w, message);
    if (t && waiting_for(w, t) >= COURIER_WAITING_MAX) {
        begin_waiting(w);
    }
    if (!t) {
        w->ends = true;
    } else if (waiting_for(w, t) >= COURIER_WAITING_MAX) {
        refuse(w, t, COURIER_BUSY, "too many wait for this place already");
    } else {
        *w->last = t;
        w->last = &t->next;
        w->nwaiting++;
    }
}

static void take(struct worker *w, struct str message)
{
    uint64_t id;
    uint32_t kind = wire_kind(message, &id);
    if (kind == WIRE_OPTIONS) {
        take_options(w, message);
    } else if (kind == WIRE_REQUEST && w->has_options) {
        take_request(w, message);
    } else {
        w->ends = true;
    }
}

static void take_all(struct worker *w)
{
    size_t at = 0, n;
    while (!w->ends && (n = wire_size(str_from_offset(buf_str(&w->in), at)))) {
        if (n == SIZE_MAX) {
            w->ends = true;
            return;
        }
        take(w, (struct str){ w->in.p + at, n });
        explicit_bzero(w->in.p + at, n);
        at += n;
    }
    if (at) {
        memmove(w->in.p, w->in.p + at, w->in.n - at);
        w->in.n -= at;
    }
}

static void receive(struct worker *w)
{
    char *to = buf_reserve(&w->in, READ_SIZE);
    ssize_t n = to ? recv(w->socket, to, READ_SIZE, MSG_DONTWAIT) : 0;
    if (n <= 0) {
        w->ends |= n == 0 || (errno != EAGAIN && errno != EINTR);
        return;
    }
    w->in.n += (size_t)n;
    take_all(w);
}

/* ---- files of names */

static void look(uint64_t ret[3])
{
    static const char *const paths[] = { "/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf" };
    for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
        struct stat status;
        ret[i] = stat(paths[i], &status) == 0
                     ? hash_u64((uint64_t)status.st_dev) ^ (uint64_t)status.st_ino
                     : 0;
    }
}

static void leave_if_stale(struct worker *w)
{
    uint64_t now = clock_boot_ns(), names[3];
    if (w->nrunning || w->nwaiting || w->in.n || w->out.n || now - w->looked_ns < LOOK_NS) {
        return;
    }
    w->looked_ns = now;
    look(names);
    if (memcmp(names, w->names, sizeof(names)) != 0) {
        wire_put_leave(&w->out);
        flush(w);
        w->ends = true;
    }
}

/* ---- loop */

static void turn(struct worker *w)
{
    struct curl_waitfd socket = { .fd = w->socket, .events = CURL_WAIT_POLLIN };
    int running = 0;
    socket.events |= w->out_sent < w->out.n ? CURL_WAIT_POLLOUT : 0;
    w->ends |= curl_multi_poll(w->multi, &socket, 1, WAIT_MS, NULL) != CURLM_OK;
    if (socket.revents & (CURL_WAIT_POLLIN | POLLHUP | POLLERR)) {
        receive(w);
    }
    begin_waiting(w);
    w->ends |= curl_multi_perform(w->multi, &running) != CURLM_OK;
    finish_all(w);
    begin_waiting(w);
    flush(w);
    leave_if_stale(w);
}

int worker_run(int socket)
{
    static struct worker w;
    w = (struct worker){ .socket = socket, .last = &w.waiting };
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !(w.multi = curl_multi_init())) {
        return EXIT_FAILURE;
    }
    curl_multi_setopt(w.multi, CURLMOPT_MAXCONNECTS, 1L);
    buf_init(&w.in, WIRE_MESSAGE_MAX + READ_SIZE + WIRE_HEAD);
    buf_init(&w.out, OUT_MAX);
    look(w.names);
    while (!w.ends) {
        turn(&w);
    }
    return EXIT_SUCCESS;
}
