/*
 * Lists: thread, descriptor, user and interface blocks, of all versions.
 *
 * Bodies are rows of entries; up to three bytes of padding end them. Thread lists grew by a version for
 * each new member until V9, and the second versions of the others, put the entry's length before it:
 * from then on members are only appended, and an entry is read as far as both sides know it. The table
 * `thread_blocks` maps block types to versions; read_thread() is one walk with the version as a guard.
 */
#include "sensor/replay/lists.h"

#include "base/arena.h"
#include "sensor/replay/cursor.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

#define PADDING_MAX 4
#define OLD_TAIL    29 /* V9 before 0.10: login id, writable, three capability sets */
#define NO_LOGINUID UINT32_MAX

static const struct {
    uint32_t type;
    unsigned version;
} thread_blocks[] = {
    { BLOCK_THREADS_V1, 1 },     { BLOCK_THREADS_V2, 2 },     { BLOCK_THREADS_V3, 3 },
    { BLOCK_THREADS_V4, 4 },     { BLOCK_THREADS_V5, 5 },     { BLOCK_THREADS_V6, 6 },
    { BLOCK_THREADS_V7, 7 },     { BLOCK_THREADS_V8, 8 },     { BLOCK_THREADS_V9, 9 },
    { BLOCK_THREADS_V1_OLD, 1 }, { BLOCK_THREADS_V2_OLD, 2 }, { BLOCK_THREADS_V3_OLD, 3 },
};

static const uint8_t fd_types[SCAP_FD_COUNT] = {
    [SCAP_FD_UNKNOWN] = FD_UNKNOWN,
    [SCAP_FD_FILE] = FD_FILE,
    [SCAP_FD_DIRECTORY] = FD_DIRECTORY,
    [SCAP_FD_IPV4_SOCK] = FD_IPV4_SOCK,
    [SCAP_FD_IPV6_SOCK] = FD_IPV6_SOCK,
    [SCAP_FD_IPV4_SERVSOCK] = FD_IPV4_SERVSOCK,
    [SCAP_FD_IPV6_SERVSOCK] = FD_IPV6_SERVSOCK,
    [SCAP_FD_FIFO] = FD_FIFO,
    [SCAP_FD_UNIX_SOCK] = FD_UNIX_SOCK,
    [SCAP_FD_EVENT] = FD_EVENT,
    [SCAP_FD_UNSUPPORTED] = FD_UNSUPPORTED,
    [SCAP_FD_SIGNALFD] = FD_SIGNALFD,
    [SCAP_FD_EVENTPOLL] = FD_EVENTPOLL,
    [SCAP_FD_INOTIFY] = FD_INOTIFY,
    [SCAP_FD_TIMERFD] = FD_TIMERFD,
    [SCAP_FD_NETLINK] = FD_NETLINK,
    [SCAP_FD_FILE_V2] = FD_FILE_V2,
    [SCAP_FD_BPF] = FD_BPF,
    [SCAP_FD_USERFAULTFD] = FD_USERFAULTFD,
    [SCAP_FD_IO_URING] = FD_IO_URING,
    [SCAP_FD_MEMFD] = FD_MEMFD,
    [SCAP_FD_PIDFD] = FD_PIDFD,
};

static const uint8_t transports[] = {
    [SCAP_L4_UNKNOWN] = 0,       [SCAP_L4_NOT_A_SOCKET] = 0,    [SCAP_L4_TCP] = IPPROTO_TCP,
    [SCAP_L4_UDP] = IPPROTO_UDP, [SCAP_L4_ICMP] = IPPROTO_ICMP, [SCAP_L4_RAW] = IPPROTO_RAW,
};

struct held_socket {
    int64_t tid, fd;
    uint64_t ino;
    struct ip sip, dip;
    uint16_t sport, dport;
    uint8_t type, l4proto;
};

/* Entries of BLOCK_THREADS_MORE, kept until the thread list comes. */
struct thread_more {
    int64_t tid, pgid;
    uint64_t pidns_start_ns, start_ns, ino, ctime_ns, mtime_ns;
    uint32_t tty;
    uint8_t flags;
};

static int read_more(struct lists *lists, struct cursor *c)
{
    while (cursor_left(c) >= PADDING_MAX) {
        struct cursor entry = cursor_entry(c);
        struct thread_more more = { .tid = cursor_i64(&entry) };
        more.pidns_start_ns = cursor_u64(&entry);
        more.start_ns = cursor_u64(&entry);
        more.pgid = cursor_i64(&entry);
        more.tty = cursor_u32(&entry);
        more.flags = cursor_u8(&entry);
        more.ino = cursor_u64(&entry);
        more.ctime_ns = cursor_u64(&entry);
        more.mtime_ns = cursor_u64(&entry);
        if (entry.bad) {
            return -EBADMSG;
        }
        if (lists->more.count >= LISTS_MORE_MAX || map_get(&lists->more, (uint64_t)more.tid)) {
            continue;
        }
        struct thread_more *kept = mem_alloc(sizeof *kept);
        if (!kept || map_put(&lists->more, (uint64_t)more.tid, kept) < 0) {
            free(kept);
            return -ENOMEM;
        }
        *kept = more;
    }
    return 0;
}

static void free_more(struct lists *lists)
{
    size_t cursor = 0;
    for (const struct map_slot *slot; (slot = map_next(&lists->more, &cursor));) {
        free(slot->value);
    }
    map_done(&lists->more);
}

static void apply_more(const struct lists *lists, struct thread_init *init)
{
    const struct thread_more *more = map_get(&lists->more, (uint64_t)init->t.tid);
    if (more) {
        init->t.pidns_init_start_ts_ns = more->pidns_start_ns;
        init->t.clone_ts_ns = more->start_ns;
        init->t.pgid = more->pgid;
        init->t.tty = more->tty;
        init->exe_facts.exe_known = more->flags & MORE_EXE_KNOWN;
        init->exe_facts.exe_upper_layer = more->flags & MORE_UPPER_LAYER;
        init->exe_facts.exe_lower_layer = more->flags & MORE_LOWER_LAYER;
        init->exe_facts.exe_from_memfd = more->flags & MORE_FROM_MEMFD;
        init->exe_facts.exe_ino = more->ino;
        init->exe_facts.exe_ino_ctime_ns = more->ctime_ns;
        init->exe_facts.exe_ino_mtime_ns = more->mtime_ns;
    }
}

/* What lies after the root directory; only in V9. */
static void read_thread_tail(struct cursor *c, struct thread_init *init)
{
    struct thread *t = &init->t;
    struct image *facts = &init->exe_facts;
    if (cursor_left(c) > OLD_TAIL) {
        t->pidns_init_start_ts_ns = cursor_u64(c);
        t->tty = cursor_u32(c);
    }
    if (cursor_left(c) >= 4) {
        uint32_t id = cursor_u32(c);
        t->loginuid = id == NO_LOGINUID ? -1 : (int64_t)id;
    }
    if (cursor_left(c) >= 1) {
        facts->exe_writable = cursor_u8(c);
        facts->exe_known = true;
    }
    uint64_t *caps[] = { &t->cap_inheritable, &t->cap_permitted, &t->cap_effective };
    for (size_t i = 0; i < 3 && cursor_left(c) >= 8; i++) {
        *caps[i] = cursor_u64(c);
    }
    if (cursor_left(c) >= 1) {
        facts->exe_upper_layer = cursor_u8(c);
    }
    uint64_t *inode[] = { &facts->exe_ino, &facts->exe_ino_ctime_ns, &facts->exe_ino_mtime_ns };
    for (size_t i = 0; i < 3 && cursor_left(c) >= 8; i++) {
        *inode[i] = cursor_u64(c);
    }
    if (cursor_left(c) >= 1) {
        facts->exe_from_memfd = cursor_u8(c);
    }
    if (cursor_left(c) >= 1) {
        facts->exe_lower_layer = cursor_u8(c);
    }
    if (cursor_left(c) >= 8) {
        t->pgid = cursor_i64(c);
    }
}

static void read_thread_memory(struct cursor *c, struct thread *t)
{
    t->vmsize_kb = cursor_u32(c);
    t->vmrss_kb = cursor_u32(c);
    t->vmswap_kb = cursor_u32(c);
    t->pfmajor = cursor_u64(c);
    t->pfminor = cursor_u64(c);
}

static void read_thread(struct cursor *c, unsigned version, struct thread_init *init)
{
    struct thread *t = &init->t;
    *init = (struct thread_init){
        .t = { .vtid = -1, .vpid = -1, .sid = -1, .vpgid = -1, .pgid = -1, .loginuid = -1 }
    };
    t->tid = cursor_i64(c);
    t->pid = cursor_i64(c);
    t->ptid = cursor_i64(c);
    t->sid = version >= 6 ? cursor_i64(c) : -1;
    t->vpgid = version >= 8 ? cursor_i64(c) : -1;
    init->comm = cursor_str(c);
    init->exe = cursor_str(c);
    if (version >= 7) {
        init->exepath = cursor_str(c);
    }
    init->args = cursor_str(c);
    init->cwd = cursor_str(c);
    t->fdlimit = cursor_i64(c);
    cursor_u32(c); /* the clone flags of long ago */
    t->uid = cursor_u32(c);
    t->gid = cursor_u32(c);
    if (version >= 2) {
        read_thread_memory(c, t);
    }
    if (version >= 3) {
        init->env = cursor_str(c);
    }
    if (version >= 4) {
        t->vtid = cursor_i64(c);
        t->vpid = cursor_i64(c);
        init->cgroups = cursor_str(c);
    }
    if (version >= 5) {
        init->root = cursor_str(c);
    }
}

static int read_threads(struct lists *lists, unsigned version, struct cursor *c)
{
    while (cursor_left(c) >= PADDING_MAX) {
        struct thread_init init;
        if (version >= 9) {
            struct cursor entry = cursor_entry(c);
            read_thread(&entry, version, &init);
            if (!entry.bad) {
                read_thread_tail(&entry, &init);
            }
            c->bad = entry.bad;
        } else {
            read_thread(c, version, &init);
        }
        if (c->bad) {
            return -EBADMSG;
        }
        apply_more(lists, &init);
        if (state_add_thread(lists->state, &init) == -ENOMEM) {
            return -ENOMEM;
        }
    }
    return 0;
}

static struct ip read_ip(struct cursor *c, bool v6)
{
    struct ip ip = { .family = v6 ? 6 : 4 };
    struct str s = cursor_bytes(c, v6 ? 16 : 4);
    if (s.n) {
        memcpy(ip.bytes, s.p, s.n);
    }
    return ip;
}

static bool is_inet(uint8_t type)
{
    return type == FD_IPV4_SOCK || type == FD_IPV6_SOCK || type == FD_IPV4_SERVSOCK ||
           type == FD_IPV6_SERVSOCK;
}

static void read_inet(struct lists *lists, struct cursor *c, struct fdinfo *info)
{
    bool v6 = info->type == FD_IPV6_SOCK || info->type == FD_IPV6_SERVSOCK;
    bool listens = info->type == FD_IPV4_SERVSOCK || info->type == FD_IPV6_SERVSOCK;
    info->sip = read_ip(c, v6);
    if (!listens) {
        info->dip = read_ip(c, v6);
    }
    info->sport = cursor_u16(c);
    if (!listens) {
        info->dport = cursor_u16(c);
    }
    uint8_t l4 = cursor_u8(c);
    info->l4proto = l4 < sizeof transports ? transports[l4] : 0;
    if (listens) {
        lists->server_ports[info->sport / 64] |= UINT64_C(1) << info->sport % 64;
    }
}

/* `c` ends with the entry (v2) or with the list. False: of a later type, whose extent is not known. */
static bool read_fd_body(struct lists *lists, bool v2, struct cursor *c, struct fdinfo *info)
{
    uint8_t type = cursor_u8(c);
    if (type >= SCAP_FD_COUNT) {
        info->type = FD_UNSUPPORTED;
        return false;
    }
    info->type = fd_types[type];
    if (is_inet(info->type)) {
        read_inet(lists, c, info);
    } else if (type == SCAP_FD_UNIX_SOCK) {
        info->unix_source = cursor_u64(c);
        info->unix_dest = cursor_u64(c);
        info->name = cursor_str(c);
    } else if (type == SCAP_FD_FILE_V2) {
        info->open_flags = cursor_u32(c);
        info->name = cursor_str(c);
        if (v2 && cursor_left(c) >= 4) {
            info->dev = cursor_u32(c);
        }
    } else if (type != SCAP_FD_UNKNOWN) {
        info->name = cursor_str(c);
    }
    info->nameraw = info->name;
    return true;
}

static int hold_socket(struct lists *lists, int64_t tid, int64_t fd, const struct fdinfo *info)
{
    if (lists->nsockets == lists->capacity) {
        size_t capacity = lists->capacity ? lists->capacity * 2 : 64;
        struct held_socket *p = mem_resize(lists->sockets, capacity, sizeof *p);
        if (!p) {
            return -ENOMEM;
        }
        lists->sockets = p;
        lists->capacity = capacity;
    }
    lists->sockets[lists->nsockets++] = (struct held_socket){
        .tid = tid,
        .fd = fd,
        .ino = info->ino,
        .sip = info->sip,
        .dip = info->dip,
        .sport = info->sport,
        .dport = info->dport,
        .type = info->type,
        .l4proto = info->l4proto,
    };
    return 0;
}

static int add_fd(struct lists *lists, int64_t tid, int64_t fd, const struct fdinfo *info)
{
    if ((info->type == FD_IPV4_SOCK || info->type == FD_IPV6_SOCK) &&
        lists->nsockets < LISTS_SOCKETS_MAX) {
        return hold_socket(lists, tid, fd, info);
    }
    return state_add_fd(lists->state, tid, fd, info) == -ENOMEM ? -ENOMEM : 0;
}

static int read_fds(struct lists *lists, bool v2, struct cursor *c)
{
    int64_t tid = cursor_i64(c);
    while (!c->bad && cursor_left(c) >= PADDING_MAX) {
        struct fdinfo info = { .opener_uid = -1 };
        struct cursor part = v2 ? cursor_entry(c) : *c;
        int64_t fd = cursor_i64(&part);
        info.ino = cursor_u64(&part);
        bool known = read_fd_body(lists, v2, &part, &info);
        if (part.bad || (!known && !v2)) {
            return -EBADMSG;
        }
        if (!v2) {
            *c = part;
        }
        if (add_fd(lists, tid, fd, &info) < 0) {
            return -ENOMEM;
        }
    }
    return c->bad ? -EBADMSG : 0;
}

static int read_user(struct lists *lists, struct cursor *c)
{
    uint8_t kind = cursor_u8(c);
    if (kind == SCAP_USER) {
        struct user user = { .uid = cursor_u32(c) };
        user.gid = cursor_u32(c);
        user.name = cursor_str(c);
        user.home = cursor_str(c);
        user.shell = cursor_str(c);
        return c->bad ? -EBADMSG : state_add_user(lists->state, STR(""), &user);
    }
    struct group group = { .gid = cursor_u32(c) };
    group.name = cursor_str(c);
    return c->bad ? -EBADMSG : state_add_group(lists->state, STR(""), &group);
}

static int read_users(struct lists *lists, bool v2, struct cursor *c)
{
    while (cursor_left(c) >= PADDING_MAX) {
        struct cursor part = v2 ? cursor_entry(c) : *c;
        int r = read_user(lists, &part);
        if (part.bad || r == -ENOMEM) {
            return part.bad ? -EBADMSG : -ENOMEM;
        }
        if (!v2) {
            *c = part;
        }
    }
    return 0;
}

static int read_interface(struct lists *lists, struct cursor *c)
{
    struct interface interface = { 0 };
    uint16_t type = cursor_u16(c);
    size_t n = cursor_u16(c);
    bool v6 = type == SCAP_IPV6 || type == SCAP_IPV6_NO_SPEED;
    if (type < SCAP_IPV4 || type > SCAP_IPV6_NO_SPEED) {
        return -EBADMSG;
    }
    interface.address = read_ip(c, v6);
    interface.netmask = read_ip(c, v6);
    interface.broadcast = read_ip(c, v6);
    if (type == SCAP_IPV4 || type == SCAP_IPV6) {
        cursor_u64(c); /* link speed */
    }
    struct str name = str_first(cursor_bytes(c, n), sizeof interface.name - 1);
    if (name.n) {
        memcpy(interface.name, name.p, name.n);
    }
    return c->bad ? -EBADMSG : state_add_interface(lists->state, &interface);
}

static int read_interfaces(struct lists *lists, bool v2, struct cursor *c)
{
    while (cursor_left(c) >= PADDING_MAX) {
        /* Here the length does not count itself. */
        struct cursor part = v2 ? cursor_part(c, cursor_u32(c)) : *c;
        int r = part.bad ? -EBADMSG : read_interface(lists, &part);
        if (r == -EBADMSG || r == -ENOMEM) {
            return r;
        }
        if (!v2) {
            *c = part;
        }
    }
    return 0;
}

static int read_machine(struct lists *lists, struct cursor *c)
{
    cursor_bytes(c, MACHINE_HOST_OFFSET);
    struct str host = cursor_bytes(c, MACHINE_HOST_SIZE);
    if (c->bad) {
        return -EBADMSG;
    }
    host = str_until_nul(host.p, host.n);
    memcpy(lists->host, host.p, host.n);
    lists->host[host.n] = '\0';
    return 0;
}

static unsigned thread_version(uint32_t type)
{
    for (size_t i = 0; i < sizeof thread_blocks / sizeof thread_blocks[0]; i++) {
        if (thread_blocks[i].type == type) {
            return thread_blocks[i].version;
        }
    }
    return 0;
}

static int read_block(struct lists *lists, uint32_t type, struct cursor *c, const char **ret_what)
{
    unsigned version = thread_version(type);
    if (version) {
        *ret_what = "thread";
        return read_threads(lists, version, c);
    }
    switch (type) {
    case BLOCK_FDS:
    case BLOCK_FDS_OLD:
    case BLOCK_FDS_V2:
        *ret_what = "descriptor";
        return read_fds(lists, type == BLOCK_FDS_V2, c);
    case BLOCK_USERS:
    case BLOCK_USERS_OLD:
    case BLOCK_USERS_V2:
        *ret_what = "user";
        return read_users(lists, type == BLOCK_USERS_V2, c);
    case BLOCK_INTERFACES:
    case BLOCK_INTERFACES_OLD:
    case BLOCK_INTERFACES_V2:
        *ret_what = "interface";
        return read_interfaces(lists, type == BLOCK_INTERFACES_V2, c);
    case BLOCK_THREADS_MORE:
        *ret_what = "thread";
        return read_more(lists, c);
    case BLOCK_MACHINE:
    case BLOCK_MACHINE_OLD:
        *ret_what = "machine";
        return read_machine(lists, c);
    default:
        return 1;
    }
}

int lists_read(struct lists *lists, uint32_t type, const uint8_t *body, size_t n, struct err *err)
{
    struct cursor c = { .p = body, .end = body + n };
    const char *what = "";
    int r = read_block(lists, type, &c, &what);
    if (r == -ENOMEM) {
        return err_set(err, r, "out of memory for the %s list", what);
    }
    if (r < 0) {
        lists->bad_at = (size_t)(c.p - body);
        return err_set(err, r, "an entry of the %s list is longer than its block", what);
    }
    return r == 0;
}

/* A socket whose own port someone listens on was accepted here: the peer is its source. */
static int release_socket(struct lists *lists, const struct held_socket *s)
{
    struct fdinfo info = {
        .type = s->type,
        .l4proto = s->l4proto,
        .ino = s->ino,
        .opener_uid = -1,
        .sip = s->sip,
        .dip = s->dip,
        .sport = s->sport,
        .dport = s->dport,
        .flags = FD_ROLE_CLIENT,
    };
    if (lists->server_ports[s->sport / 64] >> s->sport % 64 & 1) {
        info.sip = s->dip;
        info.dip = s->sip;
        info.sport = s->dport;
        info.dport = s->sport;
        info.flags = FD_ROLE_SERVER;
    }
    if (s->l4proto == IPPROTO_TCP) {
        info.flags |= FD_CONNECTED;
    }
    return state_add_fd(lists->state, s->tid, s->fd, &info);
}

int lists_finish(struct lists *lists)
{
    int r = 0;
    for (size_t i = 0; i < lists->nsockets && r != -ENOMEM; i++) {
        r = release_socket(lists, &lists->sockets[i]);
    }
    lists_done(lists);
    return r == -ENOMEM ? r : 0;
}

void lists_done(struct lists *lists)
{
    free(lists->sockets);
    lists->sockets = NULL;
    lists->nsockets = lists->capacity = 0;
    memset(lists->server_ports, 0, sizeof lists->server_ports);
    free_more(lists);
}
