/*
 * owner: one look at the socket, then as few looks at descriptors as possible.
 *
 * Of UDP the kernel's exact request has its two ends swapped ("for historical reasons"), and does what the
 * delivery of a datagram would: it finds a socket that is not connected too. Where a netfilter rule rewrote
 * the server's port (Docker's resolver), a connected socket still has port 53 for its peer: asked for as
 * well. This process itself comes last: other sensors in it hold duplicates of watched sockets. Inodes of sockets are reused late; what is cached is checked by one readlink(2).
 */
#include "sensor/dns/owner.h"

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "sensor/live/proc_file.h"
#include "sensor/live/proc_text.h"
#include "sensor/live/socket_net.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#define DNS_PORT    53
#define ANSWER_MAX  4096
#define ANSWER_MS   50
#define PATH_SIZE   64
#define LINK_SIZE   64
#define LINE_BUFFER (16 << 10)
#define ALL_STATES  UINT32_MAX

struct cached {
    uint64_t ino;
    int64_t pid;
    int fd;
};

struct owner_finder {
    int netlink; /* -1: not to be had */
    uint32_t seq;
    uint64_t allowance_ns, counted_ns; /* for searches, and when it grew last */
    uint64_t namespace;                /* of the network: an inode; 0 not known */
    int64_t self;
    struct owner_stats stats;
    struct cached cache[OWNER_CACHE];
    int64_t recent[OWNER_RECENT]; /* owners, the latest first; 0 free */
    int32_t pids[OWNER_PROCESSES_MAX];
};

int owner_finder_new(struct owner_finder **ret)
{
    struct owner_finder *finder = mem_zalloc(sizeof(*finder));
    if (!finder) {
        return -ENOMEM;
    }
    finder->netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
    if (finder->netlink >= 0) {
        struct timeval wait = { 0, ANSWER_MS * 1000 };
        setsockopt(finder->netlink, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    }
    struct stat st;
    finder->namespace = stat("/proc/self/ns/net", &st) == 0 ? st.st_ino : 0;
    finder->self = getpid();
    finder->allowance_ns = OWNER_SEARCH_NS;
    finder->counted_ns = clock_boot_ns();
    *ret = finder;
    return 0;
}

void owner_finder_free(struct owner_finder *finder)
{
    if (finder) {
        if (finder->netlink >= 0) {
            close(finder->netlink);
        }
        free(finder);
    }
}

struct request {
    struct nlmsghdr header;
    struct inet_diag_req_v2 body;
};

static uint64_t answer_inode(struct owner_finder *finder, uint16_t lport)
{
    _Alignas(struct nlmsghdr) char answer[ANSWER_MAX];
    for (;;) {
        ssize_t n = recv(finder->netlink, answer, sizeof(answer), 0);
        const struct nlmsghdr *header = (const struct nlmsghdr *)(const void *)answer;
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < (ssize_t)sizeof(*header)) {
            return 0;
        }
        if (header->nlmsg_seq != finder->seq) { /* late, to an earlier request */
            continue;
        }
        const struct inet_diag_msg *found = NLMSG_DATA(header);
        bool is_one =
            header->nlmsg_type == SOCK_DIAG_BY_FAMILY && (size_t)n >= NLMSG_LENGTH(sizeof(*found));
        return is_one && ntohs(found->id.idiag_sport) == lport ? found->idiag_inode : 0;
    }
}

/* One request; rport is the peer's as the socket has it. */
static uint64_t diagnose(struct owner_finder *finder, const struct owner_socket *s, uint16_t rport,
                         bool swapped)
{
    struct request request = {
        .header = { .nlmsg_len = sizeof(request),
                    .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                    .nlmsg_flags = NLM_F_REQUEST,
                    .nlmsg_seq = ++finder->seq },
        .body = { .sdiag_family = s->local.family == 4 ? AF_INET : AF_INET6,
                  .sdiag_protocol = s->proto,
                  .idiag_states = ALL_STATES,
                  .id.idiag_cookie = { INET_DIAG_NOCOOKIE, INET_DIAG_NOCOOKIE } },
    };
    struct inet_diag_sockid *id = &request.body.id;
    id->idiag_sport = htons(swapped ? rport : s->lport);
    id->idiag_dport = htons(swapped ? s->lport : rport);
    memcpy(id->idiag_src, swapped ? s->remote.bytes : s->local.bytes, 16);
    memcpy(id->idiag_dst, swapped ? s->local.bytes : s->remote.bytes, 16);
    if (send(finder->netlink, &request, sizeof(request), MSG_NOSIGNAL) != sizeof(request)) {
        return 0;
    }
    return answer_inode(finder, s->lport);
}

struct table_search {
    const struct owner_socket *socket;
    int family;
    uint64_t ino;
};

static bool ends_in(const struct sockaddr_storage *address, uint16_t port)
{
    const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;
    return ntohs(in->sin_port) == port; /* at the same place in an IPv6 address */
}

/* By the local port, and the peer's if there is one: sl local remote ... inode */
static void table_line(void *data, struct str line)
{
    struct table_search *search = data;
    struct socket_facts facts = { 0 };
    struct str rest = line;
    for (unsigned i = 0; i < 9; i++) {
        proc_word(&rest);
    }
    if (search->ino || !proc_number(&rest, &facts.ino) ||
        !socket_net_inet_line(line, search->family, &facts)) {
        return;
    }
    bool peer = facts.peer_n == 0 || ends_in(&facts.peer, search->socket->rport) ||
                ends_in(&facts.peer, DNS_PORT);
    if (ends_in(&facts.local, search->socket->lport) && peer) {
        search->ino = facts.ino;
    }
}

static uint64_t search_tables(const struct owner_socket *socket)
{
    static const char *const files[2][2] = { { "net/udp", "net/udp6" }, { "net/tcp", "net/tcp6" } };
    char buffer[LINE_BUFFER];
    struct table_search search = { .socket = socket };
    int dir CLEANUP(cleanup_close) = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (unsigned v6 = socket->local.family == 6; dir >= 0 && v6 < 2 && !search.ino; v6++) {
        search.family = v6 ? AF_INET6 : AF_INET;
        struct proc_reader reader = { .buffer = buffer,
                                      .size = sizeof(buffer),
                                      .max = SOCKET_TABLE_MAX,
                                      .line = table_line,
                                      .data = &search };
        proc_each_line(dir, files[socket->proto == IPPROTO_TCP][v6], &reader);
    }
    return search.ino;
}

uint64_t owner_inode(struct owner_finder *finder, const struct owner_socket *socket)
{
    bool udp = socket->proto == IPPROTO_UDP;
    uint64_t ino = 0;
    if (finder->netlink < 0) {
        return search_tables(socket);
    }
    ino = diagnose(finder, socket, socket->rport, udp);
    if (!ino && socket->rport != DNS_PORT) {
        ino = diagnose(finder, socket, DNS_PORT, udp);
    }
    return ino;
}

static bool is_socket(int64_t pid, int fd, uint64_t ino)
{
    char path[PATH_SIZE], text[LINK_SIZE], want[LINK_SIZE];
    snprintf(path, sizeof(path), "/proc/%lld/fd/%d", (long long)pid, fd);
    int length = snprintf(want, sizeof(want), "socket:[%llu]", (unsigned long long)ino);
    ssize_t n = proc_link(AT_FDCWD, path, text, sizeof(text));
    return n == length && memcmp(text, want, (size_t)n) == 0;
}

static void remember(struct owner_finder *finder, uint64_t ino, int64_t pid, int fd)
{
    unsigned at = 0;
    finder->cache[ino % OWNER_CACHE] = (struct cached){ ino, pid, fd };
    while (at < OWNER_RECENT - 1 && finder->recent[at] != pid) {
        at++;
    }
    memmove(finder->recent + 1, finder->recent, at * sizeof(*finder->recent));
    finder->recent[0] = pid;
}

/* The process' descriptors; *budget is how many links may still be read. */
static bool has_socket(struct owner_finder *finder, int64_t pid, uint64_t ino, unsigned *budget)
{
    char path[PATH_SIZE];
    bool found = false;
    snprintf(path, sizeof(path), "/proc/%lld/fd", (long long)pid);
    DIR *dir = pid > 0 ? opendir(path) : NULL;
    while (dir && !found && *budget > 0) {
        const struct dirent *entry = readdir(dir);
        if (!entry) {
            break;
        }
        char *end;
        long fd = strtol(entry->d_name, &end, 10);
        if (*end || entry->d_name[0] == '.') {
            continue;
        }
        --*budget;
        found = is_socket(pid, (int)fd, ino);
        if (found && pid != finder->self) {
            remember(finder, ino, pid, (int)fd);
        }
    }
    if (dir) {
        closedir(dir);
    }
    return found;
}

static unsigned list_processes(struct owner_finder *finder)
{
    unsigned n = 0;
    DIR *proc = opendir("/proc");
    for (const struct dirent *entry; proc && (entry = readdir(proc)) != NULL;) {
        char *end;
        long pid = strtol(entry->d_name, &end, 10);
        if (!*end && pid > 0) {
            finder->pids[n++ % OWNER_PROCESSES_MAX] = (int32_t)pid;
        }
    }
    if (proc) {
        closedir(proc);
    }
    return n < OWNER_PROCESSES_MAX ? n : OWNER_PROCESSES_MAX;
}

static bool may_search(struct owner_finder *finder)
{
    uint64_t now_ns = clock_boot_ns();
    uint64_t grown_ns = (now_ns - finder->counted_ns) / OWNER_SEARCH_SHARE;
    finder->counted_ns = now_ns;
    finder->allowance_ns += grown_ns;
    if (finder->allowance_ns > OWNER_SEARCH_NS) {
        finder->allowance_ns = OWNER_SEARCH_NS;
    }
    bool may = finder->allowance_ns > 0;
    finder->stats.searches += may;
    finder->stats.refused += !may;
    return may;
}

static void charge(struct owner_finder *finder)
{
    uint64_t cost_ns = clock_boot_ns() - finder->counted_ns;
    finder->allowance_ns -= cost_ns < finder->allowance_ns ? cost_ns : finder->allowance_ns;
}

/* The id given last; what was started lately is at or below it. */
static int64_t newest_process(void)
{
    char text[LINK_SIZE * 2];
    ssize_t n = proc_read(AT_FDCWD, "/proc/loadavg", text, sizeof(text) - 1);
    text[n > 0 ? n : 0] = '\0';
    const char *last = strrchr(text, ' ');
    return last ? strtol(last, NULL, 10) : INT32_MAX;
}

/* Sockets of other network namespaces are none of ours. */
static bool is_neighbour(const struct owner_finder *finder, int64_t pid)
{
    char path[PATH_SIZE];
    struct stat st;
    snprintf(path, sizeof(path), "/proc/%lld/ns/net", (long long)pid);
    return !finder->namespace || (stat(path, &st) == 0 && st.st_ino == finder->namespace);
}

/* /proc lists ids in order: downwards from the newest, then what is left above it. */
static int64_t search_all(struct owner_finder *finder, uint64_t ino, unsigned budget)
{
    if (!may_search(finder)) {
        return -1;
    }
    unsigned n = list_processes(finder), newest = n;
    int64_t last = newest_process(), found = -1;
    while (newest > 0 && finder->pids[newest - 1] > last) {
        newest--;
    }
    for (unsigned i = 0; i < n && budget > 0 && found < 0; i++) {
        int64_t pid = finder->pids[(newest + n - 1 - i) % n];
        bool is_self = pid == finder->self;
        if (!is_self && is_neighbour(finder, pid) && has_socket(finder, pid, ino, &budget)) {
            found = pid;
        }
    }
    if (found < 0 && has_socket(finder, finder->self, ino, &budget)) {
        found = finder->self;
    }
    charge(finder);
    return found;
}

int64_t owner_find(struct owner_finder *finder, const struct owner_socket *socket, int64_t hint)
{
    uint64_t ino = owner_inode(finder, socket);
    unsigned budget = OWNER_FDS_MAX;
    if (!ino) {
        return -1;
    }
    const struct cached *cached = &finder->cache[ino % OWNER_CACHE];
    if (cached->ino == ino && is_socket(cached->pid, cached->fd, ino)) {
        return cached->pid;
    }
    if (has_socket(finder, hint, ino, &budget)) {
        return hint;
    }
    for (unsigned i = 0; i < OWNER_RECENT; i++) {
        int64_t pid = finder->recent[i];
        if (pid && has_socket(finder, pid, ino, &budget)) {
            return pid;
        }
    }
    return search_all(finder, ino, budget);
}

void owner_get_stats(const struct owner_finder *finder, struct owner_stats *ret)
{
    *ret = finder->stats;
}
