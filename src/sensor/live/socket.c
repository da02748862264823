/*
 * socket: facts of a socket, by asking a duplicate of it, or by its line in /proc/PID/net.
 *
 * A duplicate (pidfd_getfd(2)) needs the right to trace the process; it is asked and closed at once. It
 * does not say whom a connecting TCP socket is aimed at: then, and where there is no duplicate, the
 * tables of the process' network namespace do (socket_net.c).
 *
 * In a state's descriptor `source` is the client's side, and two mapped addresses are IPv4's.
 */
#include "sensor/live/socket.h"

#include "base/cleanup.h"
#include "event/sockaddr.h"
#include "sensor/live/proc_file.h"
#include "sensor/live/socket_net.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#ifndef PIDFD_THREAD
#define PIDFD_THREAD O_EXCL
#endif
#define TCP_STATE_SYN_SENT 2
#define LINK_SIZE          64
#define PATH_SIZE          64

/* A pidfd of a process or, where the kernel has those, of a thread. */
static int task_pidfd(int64_t pid)
{
    int fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
    if (fd < 0 && (errno == EINVAL || errno == ENOENT)) {
        fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, PIDFD_THREAD);
    }
    return fd < 0 ? -errno : fd;
}

int socket_borrow(int64_t pid, int64_t fd)
{
    if (fd < 0 || fd > INT32_MAX) {
        return -EBADF;
    }
    int pidfd CLEANUP(cleanup_close) = task_pidfd(pid);
    if (pidfd < 0) {
        return pidfd;
    }
    int copy = (int)syscall(SYS_pidfd_getfd, pidfd, (int)fd, 0);
    return copy < 0 ? -errno : copy;
}

static int option(int fd, int name)
{
    int value = -1;
    socklen_t n = sizeof(value);
    return getsockopt(fd, SOL_SOCKET, name, &value, &n) < 0 ? -1 : value;
}

static bool is_connecting(int fd, const struct socket_facts *facts)
{
    struct tcp_info info;
    socklen_t n = sizeof(info);
    return facts->protocol == IPPROTO_TCP && facts->peer_n == 0 && !facts->listening &&
           getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n) == 0 && n > 0 &&
           info.tcpi_state == TCP_STATE_SYN_SENT;
}

static uint32_t address_size(const struct sockaddr_storage *address, socklen_t n)
{
    return n > sizeof(*address) ? (uint32_t)sizeof(*address) : n;
}

int socket_facts_of(int fd, struct socket_facts *ret)
{
    struct stat st;
    if (fstat(fd, &st) < 0) {
        return -errno;
    }
    if (!S_ISSOCK(st.st_mode)) {
        return -ENOTSOCK;
    }
    struct socket_facts facts = { .family = option(fd, SO_DOMAIN),
                                  .type = option(fd, SO_TYPE),
                                  .protocol = option(fd, SO_PROTOCOL),
                                  .listening = option(fd, SO_ACCEPTCONN) == 1,
                                  .ino = st.st_ino };
    socklen_t n = sizeof(facts.local);
    if (getsockname(fd, (struct sockaddr *)&facts.local, &n) == 0) {
        facts.local_n = address_size(&facts.local, n);
    }
    n = sizeof(facts.peer);
    if (getpeername(fd, (struct sockaddr *)&facts.peer, &n) == 0) {
        facts.peer_n = address_size(&facts.peer, n);
    }
    int flags = fcntl(fd, F_GETFL);
    facts.nonblocking = flags >= 0 && (flags & O_NONBLOCK);
    if (facts.listening) {
        struct pollfd poller = { .fd = fd, .events = POLLIN };
        facts.pending = poll(&poller, 1, 0) == 1 && (poller.revents & POLLIN);
    }
    facts.connecting = is_connecting(fd, &facts);
    *ret = facts;
    return 0;
}

/* "socket:[123]". */
static int socket_inode(int64_t pid, int64_t fd, uint64_t *ret)
{
    char path[PATH_SIZE], link[LINK_SIZE];
    snprintf(path, sizeof(path), "/proc/%lld/fd/%lld", (long long)pid, (long long)fd);
    ssize_t n = proc_link(AT_FDCWD, path, link, sizeof(link) - 1);
    if (n < 0) {
        return n == -ENOENT ? -EBADF : n == -EPERM ? -EACCES : (int)n;
    }
    link[n] = '\0';
    unsigned long long ino;
    if (sscanf(link, "socket:[%llu]", &ino) != 1) {
        return -ENOTSOCK;
    }
    *ret = ino;
    return 0;
}

/* O_NONBLOCK of a descriptor that cannot be duplicated. */
static bool is_nonblocking(int64_t pid, int64_t fd)
{
    char path[PATH_SIZE], text[LINK_SIZE];
    snprintf(path, sizeof(path), "/proc/%lld/fdinfo/%lld", (long long)pid, (long long)fd);
    ssize_t n = proc_read(AT_FDCWD, path, text, sizeof(text) - 1);
    text[n > 0 ? n : 0] = '\0';
    const char *flags = strstr(text, "flags:");
    return flags && strtoul(flags + strlen("flags:"), NULL, 8) & O_NONBLOCK;
}

static int facts_from_tables(int64_t pid, int64_t fd, struct socket_facts *ret)
{
    struct socket_facts facts = { .family = -1, .type = -1, .protocol = -1 };
    int r = socket_inode(pid, fd, &facts.ino);
    if (r < 0) {
        return r;
    }
    socket_net_find(pid, &facts);
    facts.nonblocking = is_nonblocking(pid, fd);
    facts.by_tables = true;
    *ret = facts;
    return 0;
}

int socket_facts_read(int64_t pid, int64_t fd, struct socket_facts *ret)
{
    int copy CLEANUP(cleanup_close) = socket_borrow(pid, fd);
    if (copy == -EBADF || copy == -ESRCH) {
        return -EBADF;
    }
    if (copy < 0) {
        return facts_from_tables(pid, fd, ret);
    }
    struct socket_facts facts = { 0 };
    int r = socket_facts_of(copy, &facts);
    if (r < 0) {
        return r;
    }
    if (facts.connecting) {
        struct socket_facts found = { .family = facts.family, .ino = facts.ino };
        socket_net_find(pid, &found);
        facts.peer = found.peer;
        facts.peer_n = found.peer_n;
    }
    *ret = facts;
    return 0;
}

static bool endpoint_of(const struct sockaddr_storage *address, uint32_t n, struct ip *ret_ip,
                        uint16_t *ret_port)
{
    struct ip ip = { 0 };
    if (n >= sizeof(struct sockaddr_in) && address->ss_family == AF_INET) {
        const struct sockaddr_in *in = (const struct sockaddr_in *)(const void *)address;
        ip.family = 4;
        memcpy(ip.bytes, &in->sin_addr, 4);
        *ret_port = ntohs(in->sin_port);
    } else if (n >= sizeof(struct sockaddr_in6) && address->ss_family == AF_INET6) {
        const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)(const void *)address;
        ip.family = 6;
        memcpy(ip.bytes, &in6->sin6_addr, 16);
        *ret_port = ntohs(in6->sin6_port);
    } else {
        return false;
    }
    *ret_ip = ip;
    return true;
}

static uint8_t transport(const struct socket_facts *facts)
{
    if (facts->type == SOCK_RAW) {
        return IPPROTO_RAW;
    }
    switch (facts->protocol) {
    case IPPROTO_TCP:
    case IPPROTO_UDP:
    case IPPROTO_ICMP:
        return (uint8_t)facts->protocol;
    default:
        return facts->type == SOCK_STREAM && facts->protocol <= 0  ? IPPROTO_TCP
               : facts->type == SOCK_DGRAM && facts->protocol <= 0 ? IPPROTO_UDP
                                                                   : 0;
    }
}

static void connected(const struct socket_facts *facts, bool is_server, struct fdinfo *info,
                      const struct sock_tuple *addresses)
{
    struct sock_tuple t = *addresses;
    socktuple_unmap(&t);
    info->type = t.family == FAMILY_INET ? FD_IPV4_SOCK : FD_IPV6_SOCK;
    info->sip = is_server ? t.dip : t.sip;
    info->sport = is_server ? t.dport : t.sport;
    info->dip = is_server ? t.sip : t.dip;
    info->dport = is_server ? t.sport : t.dport;
    info->flags = (uint16_t)((is_server ? FD_ROLE_SERVER : FD_ROLE_CLIENT) |
                             (facts->connecting ? FD_CONNECT_PENDING : FD_CONNECTED));
}

static void bound(struct fdinfo *info, const struct ip *ip, uint16_t port)
{
    struct ip plain = ip_unmapped(ip);
    info->type = plain.family == 4 ? FD_IPV4_SERVSOCK : FD_IPV6_SERVSOCK;
    info->sip = plain;
    info->sport = port;
    info->flags = FD_ROLE_SERVER;
}

static void inet_fdinfo(const struct socket_facts *facts, bool is_server, struct fdinfo *info)
{
    struct sock_tuple t = { .family = (uint8_t)facts->family };
    bool has_local = endpoint_of(&facts->local, facts->local_n, &t.sip, &t.sport);
    bool has_peer = endpoint_of(&facts->peer, facts->peer_n, &t.dip, &t.dport);
    info->type = facts->family == AF_INET ? FD_IPV4_SOCK : FD_IPV6_SOCK;
    info->l4proto = transport(facts);
    if (has_local && has_peer) {
        connected(facts, is_server, info, &t);
    } else if (has_local && t.sport > 0) {
        bound(info, &t.sip, t.sport);
    }
    if (facts->connecting) {
        info->flags = (uint16_t)((info->flags & ~FD_CONNECTED) | FD_CONNECT_PENDING);
    }
}

static struct str path_of(const struct sockaddr_storage *address, uint32_t n)
{
    const struct sockaddr_un *un = (const struct sockaddr_un *)(const void *)address;
    size_t header = offsetof(struct sockaddr_un, sun_path);
    bool has_one = n > header && n <= sizeof(*un) && address->ss_family == AF_UNIX;
    return has_one ? str_until_nul(un->sun_path, n - header) : (struct str){ 0 };
}

static void unix_fdinfo(const struct socket_facts *facts, bool is_server, struct fdinfo *info)
{
    struct str peer = path_of(&facts->peer, facts->peer_n);
    info->type = FD_UNIX_SOCK;
    info->name = peer.n ? peer : path_of(&facts->local, facts->local_n);
    if (facts->peer_n > 0) {
        info->flags = (uint16_t)((is_server ? FD_ROLE_SERVER : FD_ROLE_CLIENT) | FD_CONNECTED);
    }
}

void socket_facts_fdinfo(const struct socket_facts *facts, bool is_server, struct fdinfo *ret)
{
    struct fdinfo info = { .ino = facts->ino, .opener_uid = -1 };
    if (facts->family == AF_UNIX) {
        unix_fdinfo(facts, is_server, &info);
    } else if (facts->family == AF_INET || facts->family == AF_INET6) {
        inet_fdinfo(facts, is_server, &info);
    } else if (facts->family == AF_NETLINK) {
        info.type = FD_NETLINK;
    }
    *ret = info;
}
