/*
 * What the state knows as the lists of a capture, in the layout that sysdig 0.29 reads.
 *
 * Its thread entries end with the login id and whether the executable is writable; longer ones are
 * skipped over by their length, but only capabilities may follow, because later versions put members
 * in between. What else is known of threads (terminal, inode, layers) goes before them into a block of
 * our own type, which others skip.
 *
 * Sockets are written from this side: own address first. Descriptor types that 0.29 does not have
 * become "unsupported" ones with their names.
 */
#include "sensor/replay/writer.h"

#include <errno.h>
#include <netinet/in.h>
#include <unistd.h>

#define NAME_SIZE_MAX 1000 /* sysdig takes less than 1,024 for paths */
#define ARGS_SIZE_MAX 4000 /* and up to 4,096 for arguments, environment, control groups */
#define FDS_BLOCK_MAX ((size_t)1 << 20)

static void put_u8(struct buf *b, uint8_t v)
{
    buf_put(b, &v, sizeof v);
}

static void put_u16(struct buf *b, uint16_t v)
{
    buf_put(b, &v, sizeof v);
}

static void put_u32(struct buf *b, uint32_t v)
{
    buf_put(b, &v, sizeof v);
}

static void put_u64(struct buf *b, uint64_t v)
{
    buf_put(b, &v, sizeof v);
}

static void put_text(struct buf *b, struct str s, size_t max)
{
    s = str_first(s, max);
    put_u16(b, (uint16_t)s.n);
    buf_puts(b, s);
}

/* An entry's length, itself included, is known at its end. */
static size_t begin_entry(struct buf *b)
{
    put_u32(b, 0);
    return b->n - 4;
}

static void end_entry(struct buf *b, size_t at)
{
    if (!b->failed) {
        uint32_t n = (uint32_t)(b->n - at);
        memcpy(b->p + at, &n, sizeof n);
    }
}

static int write_machine(struct capture_writer *w, struct err *err)
{
    char host[MACHINE_HOST_SIZE] = "";
    static const char reserved[32];
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    long pages = sysconf(_SC_PHYS_PAGES);
    gethostname(host, sizeof host - 1);
    writer_begin_block(w);
    put_u32(&w->block, cpus > 0 ? (uint32_t)cpus : 1);
    put_u64(&w->block, pages > 0 ? (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE) : 0);
    put_u64(&w->block, 4194304);
    buf_put(&w->block, host, sizeof host);
    buf_put(&w->block, reserved, sizeof reserved);
    return writer_end_block(w, BLOCK_MACHINE, err);
}

static void put_ip(struct buf *b, const struct ip *ip, uint8_t family)
{
    static const uint8_t none[16];
    buf_put(b, ip->family == family ? ip->bytes : none, family == 6 ? 16 : 4);
}

static int write_interfaces(struct capture_writer *w, const struct state *state, struct err *err)
{
    size_t cursor = 0;
    writer_begin_block(w);
    for (const struct interface *i; (i = state_interface_next(state, &cursor));) {
        size_t at = begin_entry(&w->block);
        struct str name = str_of(i->name);
        put_u16(&w->block, i->address.family == 6 ? SCAP_IPV6 : SCAP_IPV4);
        put_u16(&w->block, (uint16_t)name.n);
        put_ip(&w->block, &i->address, i->address.family);
        put_ip(&w->block, &i->netmask, i->address.family);
        put_ip(&w->block, &i->broadcast, i->address.family);
        put_u64(&w->block, 0);
        buf_puts(&w->block, name);
        end_entry(&w->block, at);
        if (!w->block.failed) {
            /* This list's lengths do not count themselves. */
            uint32_t n = load_u32(w->block.p + at) - 4;
            memcpy(w->block.p + at, &n, sizeof n);
        }
    }
    return writer_end_block(w, BLOCK_INTERFACES_V2, err);
}

static int write_users(struct capture_writer *w, const struct state *state, struct err *err)
{
    struct buf *b = &w->block;
    size_t cursor = 0;
    writer_begin_block(w);
    for (const struct user *user; (user = state_user_next(state, &cursor));) {
        size_t at = begin_entry(b);
        put_u8(b, SCAP_USER);
        put_u32(b, user->uid);
        put_u32(b, user->gid);
        put_text(b, user->name, 255);
        put_text(b, user->home, 255);
        put_text(b, user->shell, 255);
        end_entry(b, at);
    }
    cursor = 0;
    for (const struct group *group; (group = state_group_next(state, &cursor));) {
        size_t at = begin_entry(b);
        put_u8(b, SCAP_GROUP);
        put_u32(b, group->gid);
        put_text(b, group->name, 255);
        end_entry(b, at);
    }
    return writer_end_block(w, BLOCK_USERS_V2, err);
}

static void put_thread(struct buf *b, const struct state *state, const struct thread *t)
{
    const struct image *image = t->image;
    size_t at = begin_entry(b);
    put_u64(b, (uint64_t)t->tid);
    put_u64(b, (uint64_t)t->pid);
    put_u64(b, (uint64_t)t->ptid);
    put_u64(b, (uint64_t)t->sid);
    put_u64(b, (uint64_t)t->vpgid);
    put_text(b, image->comm, NAME_SIZE_MAX);
    put_text(b, image->exe, NAME_SIZE_MAX);
    put_text(b, image->exepath, NAME_SIZE_MAX);
    put_text(b, image->args, ARGS_SIZE_MAX);
    put_text(b, state_cwd(state, t), NAME_SIZE_MAX);
    put_u64(b, (uint64_t)t->fdlimit);
    put_u32(b, 0);
    put_u32(b, t->uid);
    put_u32(b, t->gid);
    put_u32(b, (uint32_t)t->vmsize_kb);
    put_u32(b, (uint32_t)t->vmrss_kb);
    put_u32(b, (uint32_t)t->vmswap_kb);
    put_u64(b, t->pfmajor);
    put_u64(b, t->pfminor);
    put_text(b, image->env, ARGS_SIZE_MAX);
    put_u64(b, (uint64_t)t->vtid);
    put_u64(b, (uint64_t)t->vpid);
    put_text(b, t->cgroups ? t->cgroups->s : STR(""), ARGS_SIZE_MAX);
    put_text(b, STR("/"), 1);
    put_u32(b, t->loginuid < 0 ? UINT32_MAX : (uint32_t)t->loginuid);
    put_u8(b, image->exe_writable);
    put_u64(b, t->cap_inheritable);
    put_u64(b, t->cap_permitted);
    put_u64(b, t->cap_effective);
    end_entry(b, at);
}

static void put_more(struct buf *b, const struct state *state, const struct thread *t)
{
    (void)state;
    const struct image *image = t->image;
    size_t at = begin_entry(b);
    put_u64(b, (uint64_t)t->tid);
    put_u64(b, t->pidns_init_start_ts_ns);
    put_u64(b, t->clone_ts_ns);
    put_u64(b, (uint64_t)t->pgid);
    put_u32(b, t->tty);
    put_u8(b, (uint8_t)((image->exe_known ? MORE_EXE_KNOWN : 0) |
                        (image->exe_upper_layer ? MORE_UPPER_LAYER : 0) |
                        (image->exe_lower_layer ? MORE_LOWER_LAYER : 0) |
                        (image->exe_from_memfd ? MORE_FROM_MEMFD : 0)));
    put_u64(b, image->exe_ino);
    put_u64(b, image->exe_ino_ctime_ns);
    put_u64(b, image->exe_ino_mtime_ns);
    end_entry(b, at);
}

static bool is_alive(const struct thread *t)
{
    return !(t->flags & (THREAD_EXITED | THREAD_INVALID));
}

static int write_threads(struct capture_writer *w, const struct state *state, uint32_t type,
                         void (*put)(struct buf *, const struct state *, const struct thread *),
                         struct err *err)
{
    size_t cursor = 0;
    writer_begin_block(w);
    for (const struct thread *t; (t = state_thread_next(state, &cursor));) {
        if (is_alive(t)) {
            put(&w->block, state, t);
        }
        if (w->block.n > FDS_BLOCK_MAX) {
            int r = writer_end_block(w, type, err);
            if (r < 0) {
                return r;
            }
            writer_begin_block(w);
        }
    }
    return writer_end_block(w, type, err);
}

static uint8_t scap_type(uint8_t type)
{
    static const uint8_t types[] = {
        [FD_UNKNOWN] = SCAP_FD_UNSUPPORTED,
        [FD_FILE] = SCAP_FD_FILE,
        [FD_FILE_V2] = SCAP_FD_FILE_V2,
        [FD_DIRECTORY] = SCAP_FD_DIRECTORY,
        [FD_IPV4_SOCK] = SCAP_FD_IPV4_SOCK,
        [FD_IPV6_SOCK] = SCAP_FD_IPV6_SOCK,
        [FD_IPV4_SERVSOCK] = SCAP_FD_IPV4_SERVSOCK,
        [FD_IPV6_SERVSOCK] = SCAP_FD_IPV6_SERVSOCK,
        [FD_UNIX_SOCK] = SCAP_FD_UNIX_SOCK,
        [FD_FIFO] = SCAP_FD_FIFO,
        [FD_EVENT] = SCAP_FD_EVENT,
        [FD_SIGNALFD] = SCAP_FD_SIGNALFD,
        [FD_EVENTPOLL] = SCAP_FD_EVENTPOLL,
        [FD_INOTIFY] = SCAP_FD_INOTIFY,
        [FD_TIMERFD] = SCAP_FD_TIMERFD,
        [FD_NETLINK] = SCAP_FD_NETLINK,
    };
    uint8_t known = type < sizeof types ? types[type] : 0;
    return known ? known : SCAP_FD_UNSUPPORTED;
}

static uint8_t scap_transport(uint8_t protocol)
{
    switch (protocol) {
    case IPPROTO_TCP:
        return SCAP_L4_TCP;
    case IPPROTO_UDP:
        return SCAP_L4_UDP;
    case IPPROTO_ICMP:
        return SCAP_L4_ICMP;
    case IPPROTO_RAW:
        return SCAP_L4_RAW;
    default:
        return SCAP_L4_UNKNOWN;
    }
}

static void put_socket(struct buf *b, const struct fdinfo *info, uint8_t type)
{
    uint8_t family = type == SCAP_FD_IPV6_SOCK || type == SCAP_FD_IPV6_SERVSOCK ? 6 : 4;
    bool listens = type == SCAP_FD_IPV4_SERVSOCK || type == SCAP_FD_IPV6_SERVSOCK;
    bool swapped = !listens && (info->flags & FD_ROLE_SERVER);
    put_ip(b, swapped ? &info->dip : &info->sip, family);
    if (!listens) {
        put_ip(b, swapped ? &info->sip : &info->dip, family);
    }
    put_u16(b, swapped ? info->dport : info->sport);
    if (!listens) {
        put_u16(b, swapped ? info->sport : info->dport);
    }
    put_u8(b, scap_transport(info->l4proto));
}

static void put_fd(struct buf *b, int64_t fd, const struct fdinfo *info)
{
    uint8_t type = scap_type(info->type);
    size_t at = begin_entry(b);
    put_u64(b, (uint64_t)fd);
    put_u64(b, info->ino);
    put_u8(b, type);
    if (type >= SCAP_FD_IPV4_SOCK && type <= SCAP_FD_IPV6_SERVSOCK) {
        put_socket(b, info, type);
        end_entry(b, at);
        return;
    }
    if (type == SCAP_FD_UNIX_SOCK) {
        put_u64(b, info->unix_source);
        put_u64(b, info->unix_dest);
    } else if (type == SCAP_FD_FILE_V2) {
        put_u32(b, info->open_flags);
    }
    put_text(b, info->name, NAME_SIZE_MAX);
    if (type == SCAP_FD_FILE_V2) {
        put_u32(b, info->dev);
    }
    end_entry(b, at);
}

/* A process' descriptors, in as many blocks as it takes. */
static int write_process_fds(struct capture_writer *w, const struct state *state,
                             const struct thread *t, struct err *err)
{
    size_t cursor = 0;
    int64_t fd;
    struct fdinfo *info;
    bool more = state_fd_next(state, t, &cursor, &fd, &info);
    while (more) {
        writer_begin_block(w);
        put_u64(&w->block, (uint64_t)t->tid);
        for (; more && w->block.n < FDS_BLOCK_MAX;
             more = state_fd_next(state, t, &cursor, &fd, &info)) {
            put_fd(&w->block, fd, info);
        }
        int r = writer_end_block(w, BLOCK_FDS_V2, err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int write_fds(struct capture_writer *w, const struct state *state, struct err *err)
{
    size_t cursor = 0;
    for (const struct thread *t; (t = state_thread_next(state, &cursor));) {
        if (is_alive(t) && (t->flags & THREAD_MAIN)) {
            int r = write_process_fds(w, state, t, err);
            if (r < 0) {
                return r;
            }
        }
    }
    return 0;
}

static void put_mounts(struct jsonw *j, const struct container *c)
{
    jsonw_array(j, "Mounts");
    for (uint32_t i = 0; i < c->nmounts; i++) {
        const struct container_mount *m = &c->mounts[i];
        jsonw_object(j, NULL);
        jsonw_str(j, "Source", m->source);
        jsonw_str(j, "Destination", m->dest);
        jsonw_str(j, "Mode", m->mode);
        jsonw_bool(j, "RW", m->rdwr);
        jsonw_str(j, "Propagation", m->propagation);
        jsonw_end(j);
    }
    jsonw_end(j);
}

static void put_container(struct buf *b, const struct container *c)
{
    struct jsonw j = { .buf = b };
    jsonw_object(&j, NULL);
    jsonw_object(&j, "container");
    put_mounts(&j, c);
    jsonw_array(&j, "env");
    jsonw_end(&j);
    jsonw_str(&j, "id", c->id);
    jsonw_str(&j, "full_id", c->full_id);
    jsonw_str(&j, "image", c->image);
    jsonw_str(&j, "imagedigest", c->image_digest);
    jsonw_str(&j, "imageid", c->image_id);
    jsonw_str(&j, "imagerepo", c->image_repository);
    jsonw_str(&j, "imagetag", c->image_tag);
    jsonw_str(&j, "ip", c->ip.n ? c->ip : STR("0.0.0.0"));
    jsonw_bool(&j, "is_pod_sandbox", false);
    jsonw_object(&j, "labels");
    for (uint32_t i = 0; i < c->nlabels; i++) {
        jsonw_key(&j, c->labels[i].key);
        jsonw_str(&j, NULL, c->labels[i].value);
    }
    jsonw_end(&j);
    jsonw_str(&j, "name", c->name);
    jsonw_array(&j, "port_mappings");
    jsonw_end(&j);
    jsonw_bool(&j, "privileged", c->privileged);
    jsonw_i64(&j, "type", 0);
    jsonw_end(&j);
    jsonw_end(&j);
    buf_putc(b, '\0');
}

static int keep_containers(struct capture_writer *w, const struct state *state, struct err *err)
{
    size_t cursor = 0;
    for (const struct container *c; (c = state_container_next(state, &cursor));) {
        if (c->pending) {
            continue;
        }
        size_t at = begin_entry(&w->containers);
        put_container(&w->containers, c);
        end_entry(&w->containers, at);
    }
    return w->containers.failed ? err_set(err, -ENOMEM, "too many containers for a capture") : 0;
}

int capture_write_state(struct capture_writer *w, const struct state *state, struct err *err)
{
    int r = write_machine(w, err);
    r = r ? r : write_interfaces(w, state, err);
    r = r ? r : write_users(w, state, err);
    r = r ? r : write_threads(w, state, BLOCK_THREADS_MORE, put_more, err);
    r = r ? r : write_threads(w, state, BLOCK_THREADS_V9, put_thread, err);
    r = r ? r : write_fds(w, state, err);
    return r ? r : keep_containers(w, state, err);
}
