/*
 * Trust: is the process that connected a shim's holder? Who is taken for one is never killed, and may not be
 * signalled by what is watched, so it must not be enough to say so.
 *
 *     it is the process that connected       a descriptor for it, which no later one of its number gets
 *     it has fewer filters than its parent   the shim's holder was made before the filter
 *     in a container of which no earlier     what enters a watched container from outside could make a filter
 *     application has more filters           of its own, and so the look of a shim
 *
 * Whoever fails is served all the same: its calls are seen. So is what says that it is a health check, which a
 * runtime starts from outside: it is never protected, so that saying so gains nothing, and nobody is told. Applications of one container come in the order of
 * their starts, not of their messages: after a restart of the agent they come in any. In a container without any
 * application of ours, a process can still make itself one, with a holder that is its own program.
 */
#include "agent/handoff_internal.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>

#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77 /* Linux 6.5 */
#endif

/* Of the process that connected. Where the kernel cannot say, of the one that has its number now. */
static int peer_pidfd(int socket, int64_t pid)
{
    int fd = -1;
    socklen_t size = sizeof(fd);
    return getsockopt(socket, SOL_SOCKET, SO_PEERPIDFD, &fd, &size) == 0 ? fd
           : errno == ENOPROTOOPT                                        ? live_process_open(pid)
                                                                         : -errno;
}

/* By its control groups, which a process cannot leave; else by its mount namespace. */
static void find_place(struct handoff_container *c)
{
    char storage[LIVE_CGROUPS_MAX];
    struct live_process process;
    struct str id = live_process_container(c->holder, storage);
    snprintf(c->id, sizeof(c->id), "%.*s", STR_ARG(id));
    c->place = id.n                                          ? str_hash(id)
               : live_process_read(c->holder, &process) == 0 ? process.mounts
                                                             : 0;
}

void member_know_peer(struct member *m, int64_t pid)
{
    int fd = pid > 0 ? peer_pidfd(m->socket, pid) : -1;
    m->pidfd = fd >= 0 ? fd : -1;
    m->container.holder = pid;
    find_place(&m->container);
}

static bool is_known(uint32_t filters)
{
    return filters != LIVE_FILTERS_UNKNOWN;
}

/* Did the one's application begin before the other's? Of the same application, the holder. */
static bool is_earlier(const struct member *a, const struct member *b)
{
    uint64_t one = a->application.start_ticks, other = b->application.start_ticks;
    return one != other ? one < other : a->holder.start_ticks < b->holder.start_ticks;
}

/* Did `m` come to the container of `elder` from outside of its tree? */
static bool comes_after(const struct member *elder, const struct member *m)
{
    return elder != m && elder->state == MEMBER_SERVED && m->container.place &&
           elder->container.place == m->container.place && is_known(m->holder.filters) &&
           elder->application.filters > m->holder.filters && is_earlier(elder, m);
}

static bool has_elder(const struct handoff *h, const struct member *m)
{
    bool found = false;
    if (m->container.place == h->own_place) {
        return false;
    }
    for (uint32_t i = 0; i < h->nmembers && !found; i++) {
        found = comes_after(h->members[i], m);
    }
    return found;
}

static const char health_check[] = "it says that it is a health check";
static const char outsider[] = "it came from outside into a container that is watched already";

static const char *doubt_of(const struct handoff *h, struct member *m)
{
    const struct handoff_watch *watch = &h->config.watch;
    const struct live_process *holder = &m->holder, *application = &m->application;
    if (m->pidfd < 0) {
        return "the process that connected cannot be named for good";
    }
    if (live_process_read(m->container.holder, &m->holder) < 0 ||
        live_process_read(holder->ppid, &m->application) < 0 || live_process_ended(m->pidfd)) {
        return "the process that connected has ended, or its parent cannot be looked at";
    }
    if (is_known(holder->filters) && holder->filters >= application->filters) {
        return "it has no fewer seccomp filters than its parent, so it is no shim's holder";
    }
    if (holder->mounts != application->mounts) {
        return "it is in another mount namespace than its parent";
    }
    if (m->hello.head.marks & WIRE_HEALTH_CHECK) {
        return health_check;
    }
    if (has_elder(h, m) ||
        (watch->is_outsider && watch->is_outsider(watch->data, m->container.holder))) {
        return outsider;
    }
    return NULL;
}

void member_judge(const struct handoff *h, struct member *m)
{
    m->container.doubt = doubt_of(h, m);
    m->container.is_health_check = m->container.doubt == health_check;
    m->container.pid = m->application.pid > 0 ? m->application.pid : 0;
    m->container.holder_start = m->holder.start_ticks;
}

static void replace(const struct handoff *h, int64_t former, int64_t pid)
{
    for (size_t i = 0; i < HANDOFF_CONTAINERS_MAX && pid != former; i++) {
        if (atomic_load(&h->holders[i]) == former) {
            atomic_store(&h->holders[i], pid);
            return;
        }
    }
}

void member_release(struct handoff *h, struct member *m)
{
    if (m->listed) {
        m->listed = false;
        replace(h, m->container.holder, 0);
    }
}

static void doubt(struct handoff *h, struct member *m)
{
    member_release(h, m);
    m->container.doubt = outsider;
    pthread_mutex_lock(&h->lock);
    h->stats.doubted++;
    pthread_mutex_unlock(&h->lock);
    member_tell(h, HANDOFF_DOUBTED, m, 0);
}

void member_protect(struct handoff *h, struct member *m)
{
    if (m->container.doubt) {
        return;
    }
    m->listed = true;
    replace(h, 0, m->container.holder);
    for (uint32_t i = 0; i < h->nmembers; i++) {
        struct member *other = h->members[i];
        if (other->state == MEMBER_SERVED && !other->container.doubt && comes_after(m, other)) {
            doubt(h, other);
        }
    }
}
