/*
 * Sockets: calls that may sleep for long (connect, accept, sendto) are never traced.
 *
 * connect: the thread goes on at once; a duplicate of its socket then tells what came of it, and with whom,
 * whatever the address in memory says by now. Established, or refused: the event says so. Still on its way
 * after CONNECT_WAIT_NS: the event says what was asked for, as predicted. Looking has no side effects
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
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>

#define CONNECT_WAIT_NS  (5 * NS_PER_MS)
#define REFUSED_WAIT_NS  (20 * NS_PER_MS) /* never seen on its way: refused, or not even begun */
#define CONNECT_PAUSE_NS 40000

bool flow_is_accept(const struct call *call)
{
    return call->name == NAME_accept || call->name == NAME_accept4;
}

/* Descriptors of accept are known only when someone waits already. */
static void accept_call(struct receiver *r, const struct socket_facts *facts,
                        struct call_outcome outcome)
{
    if (facts && facts->pending) {
        flow_run_and_emit(r, outcome);
    } else if (receiver_answer(r, 0) == 0 && facts && facts->nonblocking) {
        outcome.result = -EAGAIN;
        flow_emit_locked(r, &outcome);
    }
}

static int tcp_state(int fd)
{
    struct tcp_info info;
    socklen_t n = sizeof(info);
    return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n) == 0 ? info.tcpi_state : -errno;
}

/* TCP_ESTABLISHED, TCP_SYN_SENT when it takes long, TCP_CLOSE when nothing came of it. */
static int wait_for_tcp(int fd)
{
    const struct timespec pause = { 0, CONNECT_PAUSE_NS };
    uint64_t start = clock_ns(CLOCK_MONOTONIC);
    bool begun = false;
    for (;;) {
        int state = tcp_state(fd);
        uint64_t passed = clock_ns(CLOCK_MONOTONIC) - start;
        begun |= state == TCP_SYN_SENT;
        bool under_way = state == TCP_SYN_SENT || (state == TCP_CLOSE && !begun);
        if (!under_way || passed > (begun ? CONNECT_WAIT_NS : REFUSED_WAIT_NS)) {
            return state;
        }
        nanosleep(&pause, NULL);
    }
}

/* The peer is known as soon as the call was made. */
static bool wait_for_peer(int fd, struct socket_facts *facts)
{
    const struct timespec pause = { 0, CONNECT_PAUSE_NS };
    uint64_t end = clock_ns(CLOCK_MONOTONIC) + CONNECT_WAIT_NS;
    do {
        if (socket_facts_of(fd, facts) == 0 && facts->peer_n) {
            return true;
        }
        nanosleep(&pause, NULL);
    } while (clock_ns(CLOCK_MONOTONIC) < end);
    return false;
}

static void take_peer(struct receiver *r, const struct socket_facts *facts)
{
    if (facts->peer_n && facts->peer_n <= sizeof(r->args.address)) {
        memcpy(&r->args.address, &facts->peer, facts->peer_n);
        r->args.address_n = facts->peer_n;
    }
}

static void connect_call(struct receiver *r, struct socket_facts *facts,
                         struct call_outcome outcome)
{
    int number = (int32_t)r->args.reg[0];
    bool ip = facts->family == AF_INET || facts->family == AF_INET6;
    bool tcp = ip && facts->type == SOCK_STREAM;
    bool was_open = facts->peer_n != 0; /* connected before: nothing new to wait for */
    CLEANUP(cleanup_close)
    int fd = ip && !was_open ? socket_borrow(r->target.pid, number) : -1;
    if (fd < 0) {
        flow_emit_predicted(r, outcome);
        return;
    }
    receiver_slow(r);
    notify_pending(r->notify, r->target.pid, 1);
    if (receiver_answer(r, 0) < 0) {
        notify_pending(r->notify, r->target.pid, -1);
        return;
    }
    int state = tcp ? wait_for_tcp(fd) : TCP_ESTABLISHED;
    if (state == TCP_CLOSE) {
        outcome.result = -ECONNREFUSED;
        outcome.outcome = OUTCOME_REPORTED;
    } else if (state == TCP_SYN_SENT) {
        socket_facts_read(r->target.pid, number, facts);
        take_peer(r, facts);
    } else if (wait_for_peer(fd, facts)) {
        take_peer(r, facts);
        outcome.outcome = OUTCOME_REPORTED;
        outcome.exact = true;
    }
    flow_emit_locked(r, &outcome);
    notify_pending(r->notify, r->target.pid, -1);
}

void flow_predict(struct receiver *r)
{
    struct socket_facts facts;
    struct call_outcome outcome = flow_predicted(r, 0);
    uint16_t name = r->args.call->name;
    if (r->args.call->flags & CALL_SOCKET &&
        socket_facts_read(r->target.pid, (int32_t)r->args.reg[0], &facts) == 0) {
        struct fdinfo info;
        outcome.socket = &facts;
        socket_facts_fdinfo(&facts, false, &info);
        pthread_mutex_lock(&r->notify->lock);
        state_add_fd(r->notify->config.state, r->args.tid, (int32_t)r->args.reg[0], &info);
        pthread_mutex_unlock(&r->notify->lock);
    }
    if (r->args.call->flags & CALL_PATHS) {
        outcome.result = predict(r->resolver, &r->target, &r->args, r->at);
    }
    if (flow_is_accept(r->args.call)) {
        accept_call(r, outcome.socket, outcome);
        return;
    }
    if (name == NAME_connect && outcome.socket && facts.nonblocking && facts.type == SOCK_STREAM &&
        facts.family != AF_UNIX) {
        outcome.result = -EINPROGRESS;
    }
    if (r->notify->config.deny && flow_preview(r, outcome) == VERDICT_DENY) {
        flow_refuse(r);
        return;
    }
    if (name == NAME_connect && outcome.socket) {
        connect_call(r, &facts, outcome);
        return;
    }
    flow_emit_predicted(r, outcome);
}
