/*
 * A member: one application's conversation, then its sensor.
 *
 * READY, with the slots, is sent before the sensor takes its first call: the holder then knows where to look when
 * this agent dies. What the other side says of itself is only told on; who it is the kernel says (handoff_trust.c).
 */
#include "agent/handoff_internal.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/clock.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#ifndef SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV
#define SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV (1UL << 5)
#endif

#define LISTENER_NAME "anon_inode:seccomp notify"

struct packet {
    struct wire_hello space; /* the longest that a shim sends */
    ssize_t n;
    int fds[WIRE_DESCRIPTORS];
};

union control {
    struct cmsghdr header;
    char space[CMSG_SPACE(WIRE_DESCRIPTORS * sizeof(int))];
};

static void packet_done(struct packet *packet)
{
    for (int i = 0; i < WIRE_DESCRIPTORS; i++) {
        if (packet->fds[i] >= 0) {
            close(packet->fds[i]);
        }
    }
}

static void receive(const struct member *m, struct packet *ret)
{
    union control control;
    struct iovec part = { &ret->space, sizeof(ret->space) };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
    message.msg_control = &control;
    message.msg_controllen = sizeof(control.space);
    ret->n = recvmsg(m->socket, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    ret->n = ret->n < 0 ? -errno : ret->n;
    const struct cmsghdr *item = ret->n > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    for (; item; item = CMSG_NXTHDR(&message, (struct cmsghdr *)item)) {
        size_t n = (item->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        if (item->cmsg_level == SOL_SOCKET && item->cmsg_type == SCM_RIGHTS &&
            n <= WIRE_DESCRIPTORS) {
            memcpy(ret->fds, CMSG_DATA(item), n * sizeof(int));
        }
    }
}

static int send_with(const struct member *m, const void *p, size_t n, int fd)
{
    union control control;
    struct iovec part = { (void *)p, n };
    struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
    if (fd >= 0) {
        memset(&control, 0, sizeof(control));
        message.msg_control = &control;
        message.msg_controllen = CMSG_SPACE(sizeof(fd));
        control.header.cmsg_level = SOL_SOCKET;
        control.header.cmsg_type = SCM_RIGHTS;
        control.header.cmsg_len = CMSG_LEN(sizeof(fd));
        memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
    }
    ssize_t sent = sendmsg(m->socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent == (ssize_t)n ? 0 : sent < 0 ? -errno : -EMSGSIZE;
}

static int send_word(const struct member *m, enum wire_kind kind, int64_t value, int fd)
{
    struct wire_word word = { { WIRE_MAGIC, WIRE_VERSION, (uint16_t)kind, sizeof(word), 0 },
                              value };
    return send_with(m, &word, sizeof(word), fd);
}

void member_tell(const struct handoff *h, enum handoff_change change, const struct member *m,
                 int error)
{
    if (h->config.watch.changed) {
        h->config.watch.changed(h->config.watch.data, change, &m->container, error);
    }
}

struct member *member_new(int socket)
{
    struct member *m = mem_zalloc(sizeof *m);
    struct ucred peer = { 0 };
    socklen_t size = sizeof(peer);
    if (!m || getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0) {
        free(m);
        close(socket);
        return NULL;
    }
    m->socket = socket;
    m->record = -1;
    m->since_ns = clock_boot_ns();
    m->container.hello = &m->hello;
    member_know_peer(m, peer.pid);
    return m;
}

static void add_stats(struct notify_stats *to, const struct notify_stats *from)
{
    to->notifications += from->notifications;
    to->events += from->events;
    to->exact += from->exact;
    to->predicted += from->predicted;
    to->denied += from->denied;
    to->skipped += from->skipped;
    to->interrupted += from->interrupted;
    to->tampering += from->tampering;
    to->stuck += from->stuck;
    to->unreadable += from->unreadable;
    to->refused_trace += from->refused_trace;
}

void member_add_stats(const struct member *m, struct notify_stats *ret)
{
    struct notify_stats stats;
    if (m->notify && m->state == MEMBER_SERVED) {
        notify_get_stats(m->notify, &stats);
        add_stats(ret, &stats);
    }
}

static void let_go(struct member *m)
{
    cleanup_close(&m->socket);
    cleanup_close(&m->pidfd);
    m->socket = m->pidfd = -1;
}

void member_free(struct handoff *h, struct member *m)
{
    if (m->notify) {
        notify_stop(m->notify); /* the holder waits no longer for what is answered now */
    }
    let_go(m);
    if (m->state == MEMBER_SERVED) {
        member_release(h, m);
        pthread_mutex_lock(&h->lock);
        member_add_stats(m, &h->stats.sensor);
        pthread_mutex_unlock(&h->lock);
    }
    notify_free(m->notify);
    holder_shared_free(m->slots);
    if (m->record >= 0) {
        close(m->record);
    }
    free(m);
}

static void enter(struct member *m, enum member_state state)
{
    m->state = state;
    m->since_ns = clock_boot_ns();
}

static uint64_t filter_id(const struct filter *filter)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
    const unsigned char *p = (const unsigned char *)filter->code;
    for (size_t i = 0; i < filter->n * sizeof(*filter->code); i++) {
        hash = (hash ^ p[i]) * UINT64_C(0x100000001b3);
    }
    return hash ? hash : 1;
}

static int make_filter(struct handoff *h, struct filter *ret)
{
    pthread_mutex_lock(engine_lock(h->config.engine));
    int r = engine_filter(h->config.engine, false, ret, NULL);
    pthread_mutex_unlock(engine_lock(h->config.engine));
    return r;
}

static int send_filter(struct handoff *h, struct member *m)
{
    struct filter *filter CLEANUP(cleanup_free) = mem_alloc(sizeof *filter);
    struct wire_filter *answer CLEANUP(cleanup_free) = mem_zalloc(sizeof *answer);
    int r = filter && answer ? make_filter(h, filter) : -ENOMEM;
    if (r < 0) {
        return r;
    }
    size_t size = offsetof(struct wire_filter, code) + filter->n * sizeof(*filter->code);
    answer->head = (struct wire_head){ WIRE_MAGIC, WIRE_VERSION, WIRE_FILTER, (uint32_t)size, 0 };
    answer->id = filter_id(filter);
    answer->n = filter->n;
    memcpy(answer->code, filter->code, filter->n * sizeof(*filter->code));
    m->hello.filter = answer->id;
    return send_with(m, answer, size, -1);
}

static bool has_other_filter(struct handoff *h, const struct member *m)
{
    struct filter *filter CLEANUP(cleanup_free) = mem_alloc(sizeof *filter);
    return m->hello.filter != 0 && filter && make_filter(h, filter) == 0 &&
           filter_id(filter) != m->hello.filter;
}

static bool is_listener(int fd)
{
    char path[48], target[64];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    ssize_t n = readlink(path, target, sizeof(target) - 1);
    target[n > 0 ? n : 0] = '\0';
    return strcmp(target, LISTENER_NAME) == 0;
}

static int make_sensor(struct handoff *h, struct member *m, uint32_t flags)
{
    const struct handoff_config *c = &h->config;
    struct notify_config config = {
        .features = c->features,
        .state = engine_state(c->engine),
        .sink = *engine_sink(c->engine),
        .lock = engine_lock(c->engine),
        .shared = m->slots,
        .deny = c->deny,
        .cache_paths = true,
        .every_call = engine_keeps_all(c->engine),
        .protected = { getpid() },
        .also_protected = h->holders,
        .nalso_protected = HANDOFF_CONTAINERS_MAX,
    };
    if (!(flags & SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV)) {
        config.features &= ~(uint32_t)FEATURE_WAIT_KILLABLE;
    }
    memcpy(config.protected + 1, c->protected, sizeof(c->protected));
    if (m->container.doubt && c->watch.is_traced) {
        config.cache_paths = false;
        config.told_elsewhere = c->watch.is_traced;
        config.data = c->watch.data;
    }
    return notify_new(&config, &m->notify, NULL);
}

/* Slots that nobody else can ever write, and the sensor that uses them. */
static int prepare(struct handoff *h, struct member *m, uint32_t flags, int *ret_slots)
{
    int r = holder_shared_new(ret_slots, &m->slots);
    r = r == 0 ? holder_shared_close(*ret_slots) : r;
    member_judge(h, m);
    r = r == 0 ? make_sensor(h, m, flags) : r;
    if (r == 0 && m->container.pid > 0) {
        engine_know_lineage(h->config.engine, m->container.pid,
                            NULL); /* else its first call does */
    }
    return r;
}

static void count_served(struct handoff *h, struct member *m, bool resumed)
{
    pthread_mutex_lock(&h->lock);
    enter(m, MEMBER_SERVED);
    notify_set_deny(m->notify, h->deny); /* it may have changed since it was made */
    h->stats.joined += !resumed;
    h->stats.resumed += resumed;
    h->stats.doubted += m->container.doubt && !m->container.is_health_check;
    pthread_mutex_unlock(&h->lock);
}

static int serve(struct handoff *h, struct member *m, struct packet *packet, uint32_t flags)
{
    bool resumed = m->hello.head.kind == WIRE_RESUME;
    int slots CLEANUP(cleanup_close) = -1;
    if (packet->fds[0] < 0 || packet->fds[1] < 0 || !is_listener(packet->fds[0])) {
        return -EBADF;
    }
    int r = member_take_record(m, TAKE_FD(packet->fds[1]));
    m->container.other_filter = has_other_filter(h, m);
    r = r == 0 ? prepare(h, m, flags, &slots) : r;
    r = r == 0 ? send_word(m, WIRE_READY, 0, slots) : r;
    r = r == 0 ? notify_serve(m->notify, TAKE_FD(packet->fds[0]), NULL) : r;
    if (r < 0) {
        return r;
    }
    count_served(h, m, resumed);
    member_protect(h, m);
    member_tell(h, resumed ? HANDOFF_RESUMED : HANDOFF_JOINED, m, 0);
    member_tell_gaps(h, m);
    return 0;
}

uint32_t member_neighbours(const struct handoff *h, const struct member *m)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < h->nmembers; i++) {
        n += h->members[i] != m && h->members[i]->container.place == m->container.place;
    }
    return n;
}

static int check_limits(const struct handoff *h, const struct member *m)
{
    uint32_t served = 0;
    for (uint32_t i = 0; i < h->nmembers; i++) {
        served += h->members[i]->state == MEMBER_SERVED;
    }
    bool full = member_neighbours(h, m) >= HANDOFF_PER_PLACE || served >= HANDOFF_CONTAINERS_MAX;
    return full ? -EUSERS : 0;
}

/* 0: it is to stay; 1: it has all it gets; or why not. */
static int greet(struct handoff *h, struct member *m, struct packet *packet)
{
    int r = handoff_parse_hello(&packet->space, (size_t)packet->n, &m->hello);
    r = r == 0 ? check_limits(h, m) : r;
    if (r < 0) {
        return r;
    }
    if (m->container.holder == 0) {
        send_word(m, WIRE_LOCAL, 0, -1);
        pthread_mutex_lock(&h->lock);
        h->stats.local++;
        pthread_mutex_unlock(&h->lock);
        member_tell(h, HANDOFF_LOCAL, m, 0);
        return 1;
    }
    if (m->hello.head.kind == WIRE_RESUME) {
        return serve(h, m, packet, m->hello.flags);
    }
    r = send_filter(h, m);
    enter(m, MEMBER_INSTALLS);
    return r;
}

static int hear_installed(struct handoff *h, struct member *m, struct packet *packet)
{
    struct wire_word word;
    int r = handoff_parse_word(&packet->space, (size_t)packet->n, &word);
    if (r < 0) {
        return r;
    }
    if (word.head.kind == WIRE_LISTENER) {
        return serve(h, m, packet, (uint32_t)word.value);
    }
    pthread_mutex_lock(&h->lock);
    h->stats.unwatched++;
    pthread_mutex_unlock(&h->lock);
    member_tell(h, HANDOFF_UNWATCHED, m,
                word.value > 0 && word.value < 4096 ? (int)word.value : EPROTO);
    return 1;
}

/* The holder needs nobody's permission to go; what it held is held by this process alone now. */
static bool holder_left(struct handoff *h, struct member *m)
{
    if (m->state != MEMBER_SERVED) {
        return false;
    }
    let_go(m);
    member_release(h, m);
    if (notify_wait_end(m->notify, 0)) {
        return member_tick(h, m, clock_boot_ns());
    }
    return true;
}

bool member_ended(struct handoff *h, struct member *m)
{
    return m->pidfd < 0 || holder_left(h, m);
}

bool member_hear(struct handoff *h, struct member *m)
{
    CLEANUP(packet_done) struct packet packet = { .fds = { -1, -1 } };
    receive(m, &packet);
    if (packet.n == -EAGAIN || packet.n == -EINTR) {
        return true;
    }
    if (packet.n <= 0) {
        return holder_left(h, m);
    }
    int r = m->state == MEMBER_GREETS     ? greet(h, m, &packet)
            : m->state == MEMBER_INSTALLS ? hear_installed(h, m, &packet)
                                          : -EPROTO;
    if (r < 0) {
        send_word(m, WIRE_REFUSED, -r, -1);
        pthread_mutex_lock(&h->lock);
        h->stats.refused++;
        pthread_mutex_unlock(&h->lock);
        member_tell(h, HANDOFF_REFUSED, m, -r);
    }
    return r == 0;
}

bool member_tick(struct handoff *h, struct member *m, uint64_t now_ns)
{
    if (m->state != MEMBER_SERVED) {
        return now_ns < m->since_ns + HANDOFF_ANSWER_MS * NS_PER_MS;
    }
    member_tell_gaps(h, m);
    if (notify_wait_end(m->notify, 0)) {
        notify_drain(m->notify);
        pthread_mutex_lock(&h->lock);
        h->stats.left++;
        pthread_mutex_unlock(&h->lock);
        member_tell(h, HANDOFF_LEFT, m, 0);
        return false;
    }
    if (m->socket < 0 && !m->told_lost) {
        m->told_lost = true;
        member_tell(h, HANDOFF_HOLDER_LOST, m, 0);
    }
    return true;
}
