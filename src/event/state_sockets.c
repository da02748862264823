/*
 * state_sockets: sockets' life: made, bound, connected, accepted, and renamed by datagrams.
 *
 * Addresses in events: a family byte (2 IPv4, 10 IPv6, 1 Unix), then addresses in network and ports
 * in little-endian order; a tuple has source and destination. IPv4 mapped into IPv6 counts as IPv4.
 * In a descriptor `source` is the client's side.
 */
#include "event/state_internal.h"

#include <errno.h>
#include <netinet/in.h>

#define FAMILY_UNIX    1
#define FAMILY_INET    2
#define FAMILY_INET6   10
#define FAMILY_NETLINK 16
#define TYPE_STREAM    1
#define TYPE_DGRAM     2
#define TYPE_RAW       3
#define LEVEL_SOCKET   1
#define OPTION_ERROR   4

#define PORT_SEARCH_MAX 4096

struct endpoint {
    struct ip ip;
    uint16_t port;
};

/* A decoded address or tuple; family 0: not one. */
struct address {
    uint8_t family; /* 4, 6 or FAMILY_UNIX */
    struct endpoint source, dest;
    uint64_t unix_source, unix_dest;
    struct str path;
};

static bool is_mapped(const uint8_t *p)
{
    static const uint8_t prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };
    return memcmp(p, prefix, sizeof(prefix)) == 0;
}

static struct endpoint endpoint_at(const char *p, uint8_t family)
{
    size_t n = family == 6 ? 16 : 4;
    struct endpoint e = { .ip.family = family };
    memcpy(e.ip.bytes, p, n);
    memcpy(&e.port, p + n, sizeof(e.port));
    return e;
}

static void unmap(struct endpoint *e)
{
    memmove(e->ip.bytes, e->ip.bytes + 12, 4);
    memset(e->ip.bytes + 4, 0, 12);
    e->ip.family = 4;
}

static struct address decode_tuple(struct str s)
{
    struct address a = { 0 };
    uint8_t family = s.n ? (uint8_t)s.p[0] : 0;
    if (family == FAMILY_INET && s.n >= 13) {
        a.family = 4;
        a.source = endpoint_at(s.p + 1, 4);
        a.dest = endpoint_at(s.p + 7, 4);
    } else if (family == FAMILY_INET6 && s.n >= 37) {
        a.family = 6;
        a.source = endpoint_at(s.p + 1, 6);
        a.dest = endpoint_at(s.p + 19, 6);
        if (is_mapped(a.source.ip.bytes) && is_mapped(a.dest.ip.bytes)) {
            unmap(&a.source);
            unmap(&a.dest);
            a.family = 4;
        }
    } else if (family == FAMILY_UNIX && s.n >= 17) {
        a.family = FAMILY_UNIX;
        memcpy(&a.unix_source, s.p + 1, 8);
        memcpy(&a.unix_dest, s.p + 9, 8);
        a.path = str_until_nul(s.p + 17, s.n - 17);
    }
    return a;
}

/* An address alone is in `dest`. */
static struct address decode_address(struct str s)
{
    struct address a = { 0 };
    uint8_t family = s.n ? (uint8_t)s.p[0] : 0;
    if (family == FAMILY_INET && s.n >= 7) {
        a.family = 4;
        a.dest = endpoint_at(s.p + 1, 4);
    } else if (family == FAMILY_INET6 && s.n >= 19) {
        a.family = 6;
        a.dest = endpoint_at(s.p + 1, 6);
        if (is_mapped(a.dest.ip.bytes)) {
            unmap(&a.dest);
            a.family = 4;
        }
    } else if (family == FAMILY_UNIX) {
        a.family = FAMILY_UNIX;
        a.path = str_until_nul(s.p + 1, s.n - 1);
    }
    return a;
}

static bool is_ip_sock(const struct fdinfo *info)
{
    return info->type == FD_IPV4_SOCK || info->type == FD_IPV6_SOCK;
}

static bool is_server_sock(const struct fdinfo *info)
{
    return info->type == FD_IPV4_SERVSOCK || info->type == FD_IPV6_SERVSOCK;
}

/* The event's descriptor, to be changed; NULL none. */
static struct fd_entry *edit(struct state *state, struct task *task, struct event *event)
{
    struct fd_entry *entry = event->fd ? fds_edit(state, task->t.fds, event->fd_num) : NULL;
    if (entry) {
        event->fd = &entry->info;
    }
    return entry;
}

static void rename_fd(struct state *state, struct event *event, struct fd_entry *entry,
                      struct str name)
{
    if (str_eq(entry->info.name, name)) {
        return;
    }
    state->stats.out_of_memory += fd_set_names(state, entry, name, (struct str){ 0 }) < 0;
    event->fd_name_changed = true;
}

static void rename_by_tuple(struct state *state, struct event *event, struct fd_entry *entry)
{
    char text[SOCKET_NAME_MAX];
    rename_fd(state, event, entry, str_from(text, socket_name(&entry->info, text)));
}

static void rename_unix(struct state *state, struct event *event, struct fd_entry *entry,
                        struct str path)
{
    char text[SOCKET_NAME_MAX];
    size_t n = unix_name(entry->info.unix_source, entry->info.unix_dest, path, text);
    rename_fd(state, event, entry, str_from(text, n));
}

static void set_flag(struct state *state, struct task *task, struct event *event, uint16_t set,
                     uint16_t clear)
{
    if ((event->fd->flags & (set | clear)) == set) {
        return;
    }
    struct fd_entry *entry = edit(state, task, event);
    if (entry) {
        entry->info.flags = (uint16_t)((entry->info.flags & ~clear) | set);
    }
}

#define FD_CONNECTION (FD_CONNECTED | FD_CONNECT_PENDING | FD_CONNECT_FAILED)

static void set_connection(struct state *state, struct task *task, struct event *event,
                           enum fd_flag now)
{
    set_flag(state, task, event, (uint16_t)now, (uint16_t)(FD_CONNECTION & ~(unsigned)now));
}

static uint8_t l4proto_of(uint32_t type, uint32_t protocol)
{
    type &= 0xff; /* the rest are flags */
    switch (protocol) {
    case IPPROTO_TCP:
    case IPPROTO_UDP:
    case IPPROTO_ICMP:
        return type == TYPE_RAW ? IPPROTO_RAW : (uint8_t)protocol;
    case IPPROTO_RAW:
        return IPPROTO_RAW;
    case IPPROTO_IP:
        return type == TYPE_STREAM ? IPPROTO_TCP : type == TYPE_DGRAM ? IPPROTO_UDP : 0;
    default:
        return 0;
    }
}

static void make_socket(struct state *state, struct task *task, struct event *event, int64_t fd,
                        uint32_t domain, uint32_t type, uint32_t protocol)
{
    struct fdinfo info = { 0 };
    if (domain == FAMILY_UNIX) {
        info.type = FD_UNIX_SOCK;
    } else if (domain == FAMILY_INET || domain == FAMILY_INET6) {
        info.type = domain == FAMILY_INET ? FD_IPV4_SOCK : FD_IPV6_SOCK;
        info.l4proto = l4proto_of(type, protocol);
    } else if (domain == FAMILY_NETLINK) {
        info.type = FD_NETLINK;
    }
    event_put_fd(state, task, event, fd, &info);
}

static void socket_exit(struct state *state, struct task *task, struct event *event)
{
    int64_t fd = event_i64(event, 0, -1);
    event->fd = NULL;
    event->fd_num = -1;
    if (task && fd >= 0) {
        make_socket(state, task, event, fd, (uint32_t)call_u64(task, event, 1, 0, 0),
                    (uint32_t)call_u64(task, event, 2, 1, 0),
                    (uint32_t)call_u64(task, event, 3, 2, 0));
    }
}

static void bind_exit(struct state *state, struct task *task, struct event *event)
{
    if (!task || !event->fd || event_i64(event, 0, -1) < 0) {
        return;
    }
    struct address a = decode_address(event_param(event, 1));
    struct fd_entry *entry = a.family ? edit(state, task, event) : NULL;
    if (!entry) {
        return;
    }
    struct fdinfo *info = &entry->info;
    if (a.family == FAMILY_UNIX) {
        rename_fd(state, event, entry, a.path);
        return;
    }
    struct fdinfo bound = { .type = a.family == 4 ? FD_IPV4_SERVSOCK : FD_IPV6_SERVSOCK,
                            .sip = a.dest.ip,
                            .sport = a.dest.port };
    if (a.dest.port > 0) {
        info->type = bound.type;
        info->sip = bound.sip;
        info->sport = bound.sport;
        info->dip = (struct ip){ 0 };
        info->dport = 0;
        info->flags = (uint16_t)((info->flags & ~FD_ROLE_CLIENT) | FD_ROLE_SERVER);
    }
    char text[SOCKET_NAME_MAX];
    rename_fd(state, event, entry, str_from(text, socket_name(&bound, text)));
}

static void swap_sides(struct fdinfo *info)
{
    struct ip ip = info->sip;
    uint16_t port = info->sport;
    info->sip = info->dip;
    info->sport = info->dport;
    info->dip = ip;
    info->dport = port;
}

static bool is_endpoint(const struct endpoint *e, const struct ip *ip, uint16_t port)
{
    return e->port == port && memcmp(&e->ip, ip, sizeof(*ip)) == 0;
}

/*
 * Takes a tuple over into the descriptor; false when it, or its reverse, is there already. A
 * datagram's peer replaces the one before: where libsinsp keeps the first, a second receiver would
 * go unseen.
 */
static bool take_tuple(struct fdinfo *info, const struct address *a)
{
    uint8_t type = a->family == 4 ? FD_IPV4_SOCK : FD_IPV6_SOCK;
    if (info->type == type && ((is_endpoint(&a->source, &info->sip, info->sport) &&
                                is_endpoint(&a->dest, &info->dip, info->dport)) ||
                               (is_endpoint(&a->dest, &info->sip, info->sport) &&
                                is_endpoint(&a->source, &info->dip, info->dport)))) {
        return false;
    }
    info->type = type;
    info->sip = a->source.ip;
    info->sport = a->source.port;
    info->dip = a->dest.ip;
    info->dport = a->dest.port;
    return true;
}

/* Where the exit's tuple repeats what the exit's address says, the enter event's address counts:
 * the caller may have changed the memory in between. */
static void trust_enter_address(const struct event *event, struct address *tuple)
{
    struct address exit = decode_address(event_param(event, 3));
    struct address enter = decode_address(state_enter_param(event, 1));
    if (exit.family == tuple->family && enter.family == tuple->family &&
        tuple->family != FAMILY_UNIX &&
        is_endpoint(&exit.dest, &tuple->dest.ip, tuple->dest.port)) {
        tuple->dest = enter.dest;
    }
}

static void connect_to(struct state *state, struct task *task, struct event *event,
                       struct fd_entry *entry, const struct address *a)
{
    struct fdinfo *info = &entry->info;
    if (a->family == FAMILY_UNIX) {
        info->type = FD_UNIX_SOCK;
        info->unix_source = a->unix_source;
        info->unix_dest = a->unix_dest;
        rename_unix(state, event, entry, a->path);
    } else {
        bool changed = take_tuple(info, a);
        if (changed && (info->flags & FD_ROLE_SERVER) && info->l4proto == IPPROTO_UDP) {
            swap_sides(info);
        }
        rename_by_tuple(state, event, entry);
    }
    if (!(info->flags & (FD_ROLE_CLIENT | FD_ROLE_SERVER))) {
        info->flags |= FD_ROLE_CLIENT;
    }
    names_asked(state, task, info);
}

/* As in the reference, a failed attempt leaves the descriptor's name alone. */
static void connect_exit(struct state *state, struct task *task, struct event *event)
{
    if (!task || !event->fd) {
        return;
    }
    int64_t res = event_i64(event, 0, -EIO);
    set_connection(state, task, event,
                   res == -EINPROGRESS ? FD_CONNECT_PENDING
                   : res < 0           ? FD_CONNECT_FAILED
                                       : FD_CONNECTED);
    if (res < 0 && res != -EINPROGRESS) {
        return;
    }
    struct address a = decode_tuple(event_param(event, 1));
    if (a.family) {
        trust_enter_address(event, &a);
    } else {
        a = decode_address(call_param(task, event, 3, 1));
        a.source.ip.family = a.family == FAMILY_UNIX ? 0 : a.family;
    }
    struct fd_entry *entry = a.family ? edit(state, task, event) : NULL;
    if (entry) {
        connect_to(state, task, event, entry, &a);
    }
}

static void accept_exit(struct state *state, struct task *task, struct event *event)
{
    int64_t fd = event_i64(event, 0, -1);
    event->fd = NULL;
    event->fd_num = fd >= 0 ? fd : -1;
    struct address a = decode_tuple(event_param(event, 1));
    if (!task || fd < 0 || !a.family) {
        return;
    }
    char text[SOCKET_NAME_MAX];
    struct fdinfo info = { .flags = FD_ROLE_SERVER | FD_CONNECTED };
    if (a.family == FAMILY_UNIX) {
        info.type = FD_UNIX_SOCK;
        info.unix_source = a.unix_source;
        info.unix_dest = a.unix_dest;
        info.name = str_from(text, unix_name(a.unix_source, a.unix_dest, a.path, text));
    } else {
        info.l4proto = IPPROTO_TCP;
        take_tuple(&info, &a);
        info.name = str_from(text, socket_name(&info, text));
    }
    event_put_fd(state, task, event, fd, &info);
}

static void socketpair_exit(struct state *state, struct task *task, struct event *event)
{
    int64_t fd1 = event_i64(event, 1, -1);
    int64_t fd2 = event_i64(event, 2, -1);
    event->fd = NULL;
    event->fd_num = -1;
    if (!task || event_i64(event, 0, -1) < 0 || fd1 == fd2) {
        return;
    }
    struct fdinfo info = { .type = FD_UNIX_SOCK,
                           .unix_source = event_u64(event, 3, 0),
                           .unix_dest = event_u64(event, 4, 0) };
    event_put_fd(state, task, event, fd2, &info);
    event_put_fd(state, task, event, fd1, &info);
}

/* A socket of this process, other than this one, bound to the port (or, `client`, connected from).
 * Among its first descriptors: each new socket asks. */
static bool uses_port(const struct state *state, const struct task *task, uint16_t port,
                      bool client)
{
    size_t cursor = 0;
    int64_t fd;
    struct fdinfo *info;
    for (int n = 0; n < PORT_SEARCH_MAX && state_fd_next(state, &task->t, &cursor, &fd, &info);
         n++) {
        if (client ? is_ip_sock(info) && info->sport == port && (info->flags & FD_ROLE_CLIENT)
                   : is_server_sock(info) && info->sport == port) {
            return true;
        }
    }
    return false;
}

/* The side that owns the port is the server; when in doubt, whoever first reads is. */
static void guess_role(const struct state *state, const struct task *task, struct fdinfo *info,
                       bool incoming)
{
    bool server = uses_port(state, task, info->dport, false);
    if (server && uses_port(state, task, info->sport, true)) {
        server = incoming;
    }
    info->flags |= server ? FD_ROLE_SERVER : FD_ROLE_CLIENT;
}

static bool is_known_tcp(const struct fdinfo *info)
{
    return info->name.n > 0 && info->l4proto == IPPROTO_TCP &&
           (is_ip_sock(info) || is_server_sock(info));
}

static bool is_same_tuple(const struct fdinfo *info, const struct address *a)
{
    struct fdinfo copy = *info;
    return a->family != FAMILY_UNIX && !take_tuple(&copy, a);
}

/* A datagram's tuple. */
static void transfer_tuple(struct state *state, struct task *task, struct event *event,
                           struct str tuple, bool incoming)
{
    struct address a = is_known_tcp(event->fd) ? (struct address){ 0 } : decode_tuple(tuple);
    if (!a.family || is_same_tuple(event->fd, &a)) {
        return;
    }
    struct fd_entry *entry = edit(state, task, event);
    if (!entry) {
        return;
    }
    struct fdinfo *info = &entry->info;
    if (a.family == FAMILY_UNIX) {
        info->type = FD_UNIX_SOCK;
        info->unix_source = a.unix_source;
        info->unix_dest = a.unix_dest;
        rename_unix(state, event, entry, a.path);
        return;
    }
    take_tuple(info, &a);
    info->l4proto = info->l4proto ? info->l4proto : IPPROTO_UDP;
    if (!(info->flags & (FD_ROLE_CLIENT | FD_ROLE_SERVER))) {
        guess_role(state, task, info, incoming);
    }
    if (info->flags & (incoming ? FD_ROLE_CLIENT : FD_ROLE_SERVER)) {
        swap_sides(info);
    }
    names_asked(state, task, info);
    rename_by_tuple(state, event, entry);
}

static void transferred(struct state *state, struct task *task, struct event *event,
                        struct str tuple, bool incoming)
{
    if (!task || !event->fd || event_i64(event, 0, -1) < 0) {
        return;
    }
    if (is_ip_sock(event->fd)) {
        set_connection(state, task, event, FD_CONNECTED);
    }
    if (tuple.n > 0) {
        transfer_tuple(state, task, event, tuple, incoming);
    }
}

/* A send on a socket never seen being made: a datagram socket of the tuple's family. */
static void infer_socket(struct state *state, struct task *task, struct event *event,
                         struct str tuple)
{
    uint8_t family = tuple.n ? (uint8_t)tuple.p[0] : 0;
    if (task && !event->fd && event->fd_num >= 0 &&
        (family == FAMILY_INET || family == FAMILY_INET6)) {
        make_socket(state, task, event, event->fd_num, family, TYPE_DGRAM, IPPROTO_UDP);
    }
}

static void send_enter(struct state *state, struct task *task, struct event *event)
{
    infer_socket(state, task, event, event_param(event, 2));
}

static void send_exit(struct state *state, struct task *task, struct event *event)
{
    if (!task || event_i64(event, 0, -1) < 0) {
        return;
    }
    struct str tuple = call_param(task, event, 4, 2);
    infer_socket(state, task, event, tuple);
    transferred(state, task, event, tuple, false);
}

static void sendmmsg_exit(struct state *state, struct task *task, struct event *event)
{
    transferred(state, task, event, event_param(event, 4), false);
}

static void recvfrom_exit(struct state *state, struct task *task, struct event *event)
{
    transferred(state, task, event, event_param(event, 2), true);
}

static void recvmsg_exit(struct state *state, struct task *task, struct event *event)
{
    transferred(state, task, event, event_param(event, 3), true);
}

static void recv_exit(struct state *state, struct task *task, struct event *event)
{
    transferred(state, task, event, event_param(event, 4), true);
}

/* Reads and writes tell only that a connection came about. */
static void stream_exit(struct state *state, struct task *task, struct event *event)
{
    if (event->fd && is_ip_sock(event->fd)) {
        transferred(state, task, event, (struct str){ 0 }, true);
    }
}

/* SO_ERROR is how a pending connection's outcome is asked for. */
static void getsockopt_exit(struct state *state, struct task *task, struct event *event)
{
    struct str value = event_param(event, 4);
    int64_t error;
    if (!task || !event->fd || event_i64(event, 0, -1) < 0 ||
        event_u64(event, 2, 0) != LEVEL_SOCKET || event_u64(event, 3, 0) != OPTION_ERROR ||
        value.n != 1 + sizeof(error)) {
        return;
    }
    memcpy(&error, value.p + 1, sizeof(error));
    set_connection(state, task, event, error < 0 ? FD_CONNECT_FAILED : FD_CONNECTED);
}

const struct handled state_socket_handlers[] = {
    { KIND_SOCKET_X, socket_exit },
    { KIND_BIND_X, bind_exit },
    { KIND_CONNECT_X, connect_exit },
    { KIND_ACCEPT_X, accept_exit },
    { KIND_ACCEPT4_X, accept_exit },
    { KIND_ACCEPT_5_X, accept_exit },
    { KIND_ACCEPT4_5_X, accept_exit },
    { KIND_ACCEPT4_6_X, accept_exit },
    { KIND_SOCKETPAIR_X, socketpair_exit },
    { KIND_SENDTO_E, send_enter },
    { KIND_SENDMSG_E, send_enter },
    { KIND_SEND_X, send_exit },
    { KIND_SENDTO_X, send_exit },
    { KIND_SENDMSG_X, send_exit },
    { KIND_SENDMMSG_X, sendmmsg_exit },
    { KIND_RECVFROM_X, recvfrom_exit },
    { KIND_RECVMSG_X, recvmsg_exit },
    { KIND_RECVMMSG_X, recv_exit },
    { KIND_RECV_X, recv_exit },
    { KIND_READ_X, stream_exit },
    { KIND_READV_X, stream_exit },
    { KIND_PREAD_X, stream_exit },
    { KIND_PREADV_X, stream_exit },
    { KIND_WRITE_X, stream_exit },
    { KIND_WRITEV_X, stream_exit },
    { KIND_PWRITE_X, stream_exit },
    { KIND_PWRITEV_X, stream_exit },
    { KIND_GETSOCKOPT_X, getsockopt_exit },
    { 0, NULL },
};
