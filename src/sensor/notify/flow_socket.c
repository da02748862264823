/*
 * Sockets: calls that may sleep for long (connect, accept, sendto) are never traced.
 *
 * connect: the thread goes on at once; a duplicate of its socket then tells what came of it, and with whom,
 * whatever the address in memory says by now. Established, or refused: the event says so. Still on its way
 * after CONNECT_WAIT_NS, or not known to have begun: the event says what was asked for, as predicted. Looking has no side effects
 * (TCP_INFO, getpeername; SO_ERROR would take the error away from its owner).
 *
 * accept: when a connection waits already, the call is quick and run in exact mode. Else nothing is known
 * of it until it returns, which is not seen: no event.
 */
#include "sensor/notify/notify_internal.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "sensor/live/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define CONNECT_WAIT_NS  (5 * NS_PER_MS)
#define UNBEGUN_WAIT_NS  NS_PER_S /* for a thread that gets no processor */
#define CONNECT_PAUSE_NS 40000
#define TABLES_PAUSE_NS  5000000
#define LOOK_PAUSE_NS    640000 /* from then on /proc is asked where the thread is */
#define CONNECTS_MAX     8      /* waited for at once; of more the asked address is told at once */

bool flow_is_accept(const struct call *call)
{
    return call->name == NAME_accept || call->name == NAME_accept4;
}

/* Descriptors of accept are known only when someone waits already. */
static void accept_call(struct receiver *r, const struct socket_facts *facts,
                        struct call_outcome outcome)
{
    bool quick = facts && (facts->pending || (facts->by_tables && facts->nonblocking));
    if (quick) {
        flow_run_and_emit(r, outcome);
    } else if (receiver_answer(r, 0) == 0 && facts && facts->nonblocking) {
        outcome.result = -EAGAIN;
        flow_emit_locked(r, &outcome);
    }
}

/* The thread is seen to be past this call: blocked in another, or gone. */
static bool has_left(const struct receiver *r)
{
    char path[48], text[24];
    snprintf(path, sizeof(path), "/proc/%lld/syscall", (long long)r->args.tid);
    int fd CLEANUP(cleanup_close) = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT;
    }
    ssize_t n = read(fd, text, sizeof(text) - 1);
    if (n <= 0 || text[0] == 'r') {
        return n < 0 && errno == ESRCH;
    }
    text[n] = '\0';
    return strtol(text, NULL, 10) != r->slot->notif.data.nr;
}

struct patience {
    const struct receiver *r;
    uint64_t start_ns;
    long pause_ns;
};

static uint64_t waited_ns(const struct patience *p)
{
    return clock_ns(CLOCK_MONOTONIC) - p->start_ns;
}

/* False: waited long enough, or the call is known to be over. */
static bool wait_more(struct patience *p)
{
    struct timespec pause = { 0, p->pause_ns };
    if (waited_ns(p) > UNBEGUN_WAIT_NS || (p->pause_ns >= LOOK_PAUSE_NS && has_left(p->r))) {
        return false;
    }
    nanosleep(&pause, NULL);
    p->pause_ns = p->pause_ns < LOOK_PAUSE_NS ? 2 * p->pause_ns : p->pause_ns;
    return true;
}

/* A socket being connected: by a duplicate, else (fd -1) by what /proc/PID/net says. */
struct watched {
    int fd;
    int number;
    struct socket_facts *facts;
};

static int tcp_state(const struct receiver *r, const struct watched *w)
{
    struct tcp_info info;
    socklen_t n = sizeof(info);
    if (w->fd >= 0) {
        if (getsockopt(w->fd, IPPROTO_TCP, TCP_INFO, &info, &n) != 0) {
            return -errno;
        }
        /* Reset by now; but what has measured a round trip was established. */
        bool was_there = info.tcpi_state == TCP_CLOSE && info.tcpi_rtt > 0;
        return was_there ? TCP_CLOSE_WAIT : info.tcpi_state;
    }
    if (socket_facts_read(r->target.pid, w->number, w->facts) < 0) {
        return TCP_CLOSE;
    }
    return w->facts->connecting ? TCP_SYN_SENT : w->facts->peer_n ? TCP_ESTABLISHED : TCP_CLOSE;
}

/* Tables are dear to read. */
static long pause_for(const struct watched *w)
{
    return w->fd >= 0 ? CONNECT_PAUSE_NS : TABLES_PAUSE_NS;
}

static bool read_facts(const struct receiver *r, const struct watched *w)
{
    int e = w->fd >= 0 ? socket_facts_of(w->fd, w->facts)
                       : socket_facts_read(r->target.pid, w->number, w->facts);
    return e == 0 && w->facts->peer_n;
}

/* What the socket says when its connect is over, or has been on its way for long. *ret_begun: it was. */
static int wait_for_tcp(const struct receiver *r, const struct watched *w, bool *ret_begun)
{
    struct patience p = { r, clock_ns(CLOCK_MONOTONIC), pause_for(w) };
    *ret_begun = false;
    for (;;) {
        int state = tcp_state(r, w);
        *ret_begun |= state == TCP_SYN_SENT;
        bool on_its_way = state == TCP_SYN_SENT && waited_ns(&p) < CONNECT_WAIT_NS;
        bool not_begun = state == TCP_CLOSE && !*ret_begun;
        if (!on_its_way && !not_begun) {
            return state;
        }
        if (!wait_more(&p)) {
            *ret_begun |= waited_ns(&p) <= UNBEGUN_WAIT_NS;
            return tcp_state(r, w);
        }
    }
}

/* The peer is known as soon as the call was made. */
static bool wait_for_peer(const struct receiver *r, const struct watched *w)
{
    struct patience p = { r, clock_ns(CLOCK_MONOTONIC), pause_for(w) };
    do {
        if (read_facts(r, w)) {
            return true;
        }
    } while (wait_more(&p));
    return read_facts(r, w);
}

static void take_peer(struct receiver *r, const struct socket_facts *facts)
{
    if (facts->peer_n && facts->peer_n <= sizeof(r->args.address)) {
        memcpy(&r->args.address, &facts->peer, facts->peer_n);
        r->args.address_n = facts->peer_n;
    }
}

static bool is_loopback(const struct call_args *args)
{
    const struct sockaddr_in *in = (const struct sockaddr_in *)&args->address;
    const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&args->address;
    return args->address.ss_family == AF_INET
               ? ntohl(in->sin_addr.s_addr) >> 24 == 127
               : args->address.ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr);
}

static void tell_connect(struct receiver *r, const struct watched *w, struct call_outcome outcome)
{
    bool begun = true;
    int state = w->facts->type == SOCK_DGRAM ? TCP_ESTABLISHED : wait_for_tcp(r, w, &begun);
    if (state == TCP_CLOSE && begun) {
        outcome.result = -ECONNREFUSED;
        outcome.outcome = OUTCOME_REPORTED;
    } else if (state == TCP_SYN_SENT) {
        socket_facts_read(r->target.pid, w->number, w->facts);
        take_peer(r, w->facts);
    } else if (state != TCP_CLOSE && wait_for_peer(r, w)) {
        take_peer(r, w->facts);
        outcome.outcome = OUTCOME_REPORTED;
        outcome.exact = w->fd >= 0;
    }
    flow_emit_locked(r, &outcome);
}

void flow_connected(struct receiver *r, struct socket_facts *facts, struct call_outcome *outcome)
{
    struct watched w = { .fd = -1, .number = (int32_t)r->args.reg[0], .facts = facts };
    if (read_facts(r, &w)) {
        take_peer(r, facts);
        outcome->socket = facts;
    }
}

/* Waits for the socket while the thread goes on; a call that cannot sleep is run in exact mode where there
 * is no duplicate to look at. */
static void connect_call(struct receiver *r, struct socket_facts *facts,
                         struct call_outcome outcome)
{
    struct notify *n = r->notify;
    struct watched w = { .fd = -1, .number = (int32_t)r->args.reg[0], .facts = facts };
    if (facts->connecting) { /* a signal took it out of the call, and back: told already */
        receiver_answer(r, 0);
        return;
    }
    sa_family_t family = r->args.address.ss_family;
    bool ip = family == AF_INET || family == AF_INET6;
    if (!ip || facts->peer_n) { /* connected before: nothing new to wait for */
        flow_emit_predicted(r, outcome);
        return;
    }
    if (facts->by_tables &&
        (facts->nonblocking || facts->type == SOCK_DGRAM || is_loopback(&r->args))) {
        flow_run_and_emit(r, outcome);
        return;
    }
    if (atomic_fetch_add(&n->connects, 1) >= CONNECTS_MAX) {
        flow_emit_predicted(r, outcome);
    } else {
        CLEANUP(cleanup_close)
        int fd = facts->by_tables ? -1 : socket_borrow(r->target.pid, w.number);
        w.fd = fd < 0 ? -1 : fd;
        receiver_slow(r);
        notify_pending(n, r->target.pid, 1);
        if (receiver_answer(r, 0) == 0) {
            tell_connect(r, &w, outcome);
        }
        notify_pending(n, r->target.pid, -1);
    }
    atomic_fetch_sub(&n->connects, 1);
}

void flow_predict(struct receiver *r)
{
    struct socket_facts facts = { .family = -1 };
    struct call_outcome outcome = flow_predicted(r, 0);
    uint16_t name = r->args.call->name;
    if (r->args.call->flags & CALL_SOCKET &&
        socket_facts_read(r->target.pid, (int32_t)r->args.reg[0], &facts) == 0) {
        struct fdinfo info;
        outcome.socket = &facts;
        socket_facts_fdinfo(&facts, false, &info);
        pthread_mutex_lock(r->notify->lock);
        state_add_fd(r->notify->config.state, r->args.tid, (int32_t)r->args.reg[0], &info);
        pthread_mutex_unlock(r->notify->lock);
    }
    if (r->args.call->flags & CALL_PATHS) {
        outcome.result = predict(r->resolver, &r->target, &r->args, r->at);
    }
    if (flow_is_accept(r->args.call)) {
        accept_call(r, outcome.socket, outcome);
        return;
    }
    if (name == NAME_connect && outcome.socket && facts.nonblocking && facts.type != SOCK_DGRAM &&
        facts.family != AF_UNIX) {
        outcome.result = -EINPROGRESS;
    }
    if (notify_denies(r->notify) && flow_preview(r, outcome) == VERDICT_DENY) {
        flow_refuse(r);
        return;
    }
    if (name == NAME_connect && outcome.socket) {
        connect_call(r, &facts, outcome);
        return;
    }
    flow_emit_predicted(r, outcome);
}
