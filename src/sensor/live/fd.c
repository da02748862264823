/*
 * fd: descriptors of another task, from /proc/TID/fd and fdinfo.
 *
 * The link says what a descriptor is: a path, or "type:[inode]", or "anon_inode:type". Type and deletion
 * are checked against the file itself, for a path can be anything. fdinfo is read for files, pipes and
 * sockets only: those of epoll and inotify are as long as the watched process makes them.
 */
#include "base/cleanup.h"
#include "sensor/live/flags.h"
#include "sensor/live/overlay.h"
#include "sensor/live/proc_file.h"
#include "sensor/live/proc_text.h"
#include "sensor/live/socket.h"
#include "sensor/live/task.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/stat.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>

#define FDINFO_SIZE     256
#define NAME_SIZE       32
#define DENTS_SIZE      (32 << 10)
#define FD_SCAN_MAX     (1 << 20) /* descriptors that a search for a free one looks at */
#define EPHEMERAL_FIRST 32768
#define COUNT(table)    (sizeof(table) / sizeof(*(table)))

static const struct {
    struct str link;
    enum fd_type type;
} anonymous[] = {
    { { "anon_inode:[eventfd]", 20 }, FD_EVENT },
    { { "anon_inode:[eventpoll]", 22 }, FD_EVENTPOLL },
    { { "anon_inode:[signalfd]", 21 }, FD_SIGNALFD },
    { { "anon_inode:[timerfd]", 20 }, FD_TIMERFD },
    { { "anon_inode:[io_uring]", 21 }, FD_IO_URING },
    { { "anon_inode:[userfaultfd]", 24 }, FD_USERFAULTFD },
    { { "anon_inode:[pidfd]", 18 }, FD_PIDFD },
    { { "anon_inode:inotify", 18 }, FD_INOTIFY },
    { { "anon_inode:bpf", 14 }, FD_BPF }, /* bpf-map, bpf-prog, bpf_link */
};

static enum fd_type anonymous_type(struct str link)
{
    for (size_t i = 0; i < COUNT(anonymous); i++) {
        if (str_starts(link, anonymous[i].link)) {
            return anonymous[i].type;
        }
    }
    return FD_UNSUPPORTED;
}

/* "flags:\t0100002": octal, close-on-exec among them. */
static uint32_t open_flags(int dir, const char *number)
{
    char name[NAME_SIZE], text[FDINFO_SIZE];
    snprintf(name, sizeof(name), "fdinfo/%s", number);
    ssize_t n = proc_read(dir, name, text, sizeof(text));
    struct str rest = str_from(text, n > 0 ? (size_t)n : 0);
    for (struct str line; proc_line(&rest, &line);) {
        if (str_starts(line, STR("flags:"))) {
            uint64_t flags = 0;
            for (size_t i = 6; i < line.n; i++) {
                char c = line.p[i];
                flags = c >= '0' && c <= '7' ? flags << 3 | (uint64_t)(c - '0') : flags;
            }
            return live_open_flags(flags);
        }
    }
    return 0;
}

/* As the kernel encodes device numbers in 32 bits. */
static uint32_t device(const struct statx *st)
{
    uint32_t minor = st->stx_dev_minor;
    return (minor & 0xff) | st->stx_dev_major << 8 | (minor & ~UINT32_C(0xff)) << 12;
}

struct fd_reader {
    int dir;
    const char *number, *path; /* "7", "fd/7" */
    struct str link;           /* in storage */
    char *rest;                /* of storage */
    size_t rest_size;
    struct statx st;
};

/* "/memfd:name (deleted)". */
static bool is_memfd(const struct fd_reader *reader)
{
    return str_starts(reader->link, STR("/memfd:")) && reader->st.stx_nlink == 0;
}

static struct str path_of(const struct fd_reader *reader)
{
    char text[PROC_LINK_MAX];
    ssize_t n = proc_link(reader->dir, "root", text, sizeof(text));
    struct str root = str_from(text, n > 0 ? (size_t)n : 0);
    struct str path = proc_within(reader->link, root);
    struct str shorter = proc_without(path, STR(" (deleted)"));
    if (shorter.n == path.n || reader->st.stx_nlink == 0) {
        return shorter;
    }
    int fd CLEANUP(cleanup_close) = openat(reader->dir, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return proc_leads_to(fd, path, &reader->st) ? path : shorter;
}

/* Overlays have device numbers that belong to no device. */
static uint16_t layer_flags(const struct fd_reader *reader)
{
    if (reader->st.stx_dev_major != 0) {
        return 0;
    }
    int fd CLEANUP(cleanup_close) = openat(reader->dir, reader->path, O_PATH | O_CLOEXEC);
    if (fd < 0 || !overlay_has(fd)) {
        return 0;
    }
    int root CLEANUP(cleanup_close) = openat(reader->dir, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
    enum overlay_layer layer = overlay_layer(fd, root);
    return layer == OVERLAY_UPPER ? FD_UPPER_LAYER : layer == OVERLAY_LOWER ? FD_LOWER_LAYER : 0;
}

static void read_file(const struct fd_reader *reader, struct fdinfo *info)
{
    uint32_t type = reader->st.stx_mode & S_IFMT;
    bool is_memory = is_memfd(reader);
    info->type = is_memory         ? FD_MEMFD
                 : type == S_IFDIR ? FD_DIRECTORY
                 : type == S_IFIFO ? FD_FIFO
                                   : FD_FILE_V2;
    info->flags = is_memory ? 0 : layer_flags(reader);
    info->name = is_memory ? proc_without(str_from_offset(reader->link, 7), STR(" (deleted)"))
                           : path_of(reader);
}

/* A Unix socket's name; an abstract one begins with '@'. */
static struct str unix_path(const struct socket_facts *facts, char *storage, size_t size)
{
    const struct sockaddr_storage *address = facts->peer_n > 2 ? &facts->peer : &facts->local;
    size_t n = (facts->peer_n > 2 ? facts->peer_n : facts->local_n);
    const struct sockaddr_un *un = (const struct sockaddr_un *)(const void *)address;
    size_t header = offsetof(struct sockaddr_un, sun_path);
    if (n <= header || n > sizeof(*un) || n - header > size) {
        return (struct str){ 0 };
    }
    n -= header;
    memcpy(storage, un->sun_path, n);
    if (storage[0] != '\0') {
        return str_until_nul(storage, n);
    }
    storage[0] = '@';
    return str_from(storage, n);
}

static uint16_t port_of(const struct sockaddr_storage *address)
{
    uint16_t port = 0;
    if (address->ss_family == AF_INET || address->ss_family == AF_INET6) {
        memcpy(&port, (const char *)address + 2, sizeof(port));
    }
    return be16toh(port);
}

static void read_socket(const struct fd_reader *reader, int64_t tid, struct fdinfo *info)
{
    struct socket_facts facts;
    if (socket_facts_read(tid, strtol(reader->number, NULL, 10), &facts) < 0) {
        return;
    }
    bool is_server =
        port_of(&facts.local) < EPHEMERAL_FIRST && port_of(&facts.peer) >= EPHEMERAL_FIRST;
    socket_facts_fdinfo(&facts, is_server, info);
    info->name = (struct str){ 0 };
    if (info->type == FD_UNIX_SOCK) {
        info->name = unix_path(&facts, reader->rest, reader->rest_size);
    }
}

static void read_any(struct fd_reader *reader, int64_t tid, struct fdinfo *info)
{
    if (reader->link.n > 0 && *reader->link.p == '/') {
        read_file(reader, info);
        info->open_flags = open_flags(reader->dir, reader->number);
    } else if (str_starts(reader->link, STR("pipe:["))) {
        info->type = FD_FIFO;
        info->open_flags = open_flags(reader->dir, reader->number);
    } else if (str_starts(reader->link, STR("socket:["))) {
        read_socket(reader, tid, info);
        info->open_flags = open_flags(reader->dir, reader->number);
    } else {
        info->type = anonymous_type(reader->link);
    }
    info->opener_uid = -1;
    info->ino = reader->st.stx_ino;
    info->dev = device(&reader->st);
}

int live_fd_read(int64_t tid, int64_t fd, struct fdinfo *ret, char *storage, size_t size)
{
    char path[NAME_SIZE];
    int dir CLEANUP(cleanup_close) = proc_open(tid);
    if (dir < 0 || fd < 0 || size < LIVE_FD_STORAGE) {
        return dir < 0 && dir != -ESRCH ? dir : -EBADF;
    }
    snprintf(path, sizeof(path), "fd/%lld", (long long)fd);
    struct fd_reader reader = { .dir = dir, .number = path + 3, .path = path };
    ssize_t n = proc_link(dir, path, storage, PROC_LINK_MAX);
    if (n < 0) {
        return n == -EACCES || n == -EPERM ? -EACCES : -EBADF;
    }
    reader.link = str_from(storage, (size_t)n);
    reader.rest = storage + n;
    reader.rest_size = size - (size_t)n;
    if (statx(dir, path, AT_STATX_DONT_SYNC, STATX_BASIC_STATS, &reader.st) < 0) {
        return errno == EACCES || errno == EPERM ? -EACCES : -EBADF;
    }
    struct fdinfo info = { 0 };
    read_any(&reader, tid, &info);
    info.nameraw = info.name;
    *ret = info;
    return 0;
}

struct fd_scan {
    int64_t free; /* lowest number not seen, so far */
    uint32_t seen;
};

/* The kernel lists descriptors in ascending order. False: found. */
static bool scan_dents(struct fd_scan *scan, const char *p, size_t n)
{
    for (size_t at = 0; at < n && scan->seen < FD_SCAN_MAX;) {
        const struct dirent64 *entry = (const struct dirent64 *)(const void *)(p + at);
        struct str name = str_of(entry->d_name);
        int64_t fd;
        at += entry->d_reclen;
        if (!proc_integer(&name, &fd) || name.n > 0) {
            continue;
        }
        scan->seen++;
        if (fd > scan->free) {
            return false;
        }
        scan->free += fd == scan->free;
    }
    return scan->seen < FD_SCAN_MAX;
}

int64_t live_fd_lowest(int64_t tid, int64_t from)
{
    char path[NAME_SIZE];
    union {
        struct dirent64 entry;
        char bytes[DENTS_SIZE];
    } dents;
    snprintf(path, sizeof(path), "/proc/%lld/fd", (long long)tid);
    int dir CLEANUP(cleanup_close) = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0) {
        return errno == ENOENT ? -ESRCH : -errno;
    }
    struct fd_scan scan = { .free = from };
    ssize_t n;
    while ((n = getdents64(dir, dents.bytes, sizeof(dents.bytes))) > 0) {
        if (!scan_dents(&scan, dents.bytes, (size_t)n)) {
            break;
        }
    }
    if (scan.seen >= FD_SCAN_MAX) {
        return -E2BIG;
    }
    return n < 0 ? -errno : scan.free;
}
