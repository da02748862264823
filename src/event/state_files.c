/*
 * state_files: calls that make, copy and close descriptors, but for sockets.
 *
 * The exit event makes the descriptor. Newer layouts carry the call's arguments in the exit event;
 * for older ones they are taken from the enter event, which also wins where both are there, for the
 * caller cannot have changed it behind the kernel's back.
 */
#include "event/path.h"
#include "event/state_internal.h"

#include <stdio.h>
#include <stdlib.h>

#define FCNTL_DUPFD         1
#define FCNTL_DUPFD_CLOEXEC 26
#define BPF_RESULT_IS_FD    0

struct fd_entry *event_put_fd(struct state *state, struct task *task, struct event *event,
                              int64_t fd, struct fdinfo *info)
{
    info->opener_uid = task->t.uid == UINT32_MAX ? -1 : (int64_t)task->t.uid;
    if (state->previewing) {
        state->previewed = *info;
        if (info->name.n && info->name.n <= sizeof(state->previewed_name)) {
            memcpy(state->previewed_name, info->name.p, info->name.n);
            state->previewed.name = str_from(state->previewed_name, info->name.n);
        }
        event->fd_num = fd;
        event->fd = &state->previewed;
        return NULL;
    }
    struct fd_entry *entry = fds_put(state, task->t.fds, fd, info);
    event->fd_num = fd;
    event->fd = entry ? &entry->info : NULL;
    return entry;
}

/* What an open was given. */
struct opening {
    struct str name;
    int64_t dirfd;
    uint32_t flags, mode, dev;
    uint64_t ino;
};

struct open_layout {
    int8_t dirfd, name, flags, mode, dev, ino; /* of the exit event */
    int8_t enter_dirfd, enter_name, enter_flags, enter_mode;
};

static const struct open_layout *layout_of(uint16_t kind)
{
    static const struct open_layout open = { -1, 1, 2, 3, 4, 5, -1, 0, 1, 2 };
    static const struct open_layout creat = { -1, 1, -1, 2, 3, 4, -1, 0, -1, 1 };
    static const struct open_layout openat = { -1, -1, -1, -1, -1, -1, 0, 1, 2, 3 };
    static const struct open_layout openat_2 = { 1, 2, 3, 4, 5, 6, 0, 1, 2, 3 };
    static const struct open_layout openat2 = { 1, 2, 3, 4, 6, 7, 0, 1, 2, 3 };
    static const struct open_layout by_handle = { -1, 3, 2, -1, 4, 5, -1, -1, -1, -1 };
    switch (kind) {
    case KIND_OPEN_X:
        return &open;
    case KIND_CREAT_X:
        return &creat;
    case KIND_OPENAT_X:
        return &openat;
    case KIND_OPENAT_2_X:
        return &openat_2;
    case KIND_OPENAT2_X:
        return &openat2;
    default:
        return &by_handle;
    }
}

static uint64_t u64_at(const struct event *event, int i, uint64_t missing)
{
    return i < 0 ? missing : event_u64(event, (unsigned)i, missing);
}

static uint64_t enter_u64(const struct event *event, int i, uint64_t missing)
{
    struct str s = i < 0 ? (struct str){ 0 } : state_enter_param(event, (unsigned)i);
    uint64_t v = 0;
    if (s.n != 1 && s.n != 2 && s.n != 4 && s.n != 8) {
        return missing;
    }
    memcpy(&v, s.p, s.n);
    return v;
}

static struct opening opening_of(const struct event *event, const struct open_layout *at)
{
    struct opening o = {
        .name = at->name < 0 ? (struct str){ 0 } : event_text(event, (unsigned)at->name),
        .dirfd = at->dirfd < 0 ? AT_CWD_FD : event_i64(event, (unsigned)at->dirfd, AT_CWD_FD),
        .flags = (uint32_t)u64_at(event, at->flags, 0),
        .mode = (uint32_t)u64_at(event, at->mode, 0),
        .dev = (uint32_t)u64_at(event, at->dev, 0),
        .ino = u64_at(event, at->ino, 0),
    };
    struct str entered =
        at->enter_name < 0 ? (struct str){ 0 } : state_enter_param(event, (unsigned)at->enter_name);
    entered = str_until_nul(entered.p, entered.n);
    if (entered.n == 0 || str_eq(entered, STR("<NA>"))) {
        return o;
    }
    o.name = entered;
    o.flags = (uint32_t)enter_u64(event, at->enter_flags, 0) | (o.flags & O_KERNEL_FLAGS);
    o.mode = o.mode ? o.mode : (uint32_t)enter_u64(event, at->enter_mode, 0);
    if (at->enter_dirfd >= 0) {
        o.dirfd = (int64_t)enter_u64(event, at->enter_dirfd, (uint64_t)AT_CWD_FD);
    }
    return o;
}

static void open_exit(struct state *state, struct task *task, struct event *event)
{
    int64_t fd = event_i64(event, 0, -1);
    event->fd = NULL;
    event->fd_num = -1;
    if (!task || fd < 0) {
        return;
    }
    char storage[PATH_TEXT_MAX];
    struct opening o = opening_of(event, layout_of(event->kind));
    struct fdinfo info = {
        .type = o.flags & O_DIRECTORY_FLAG ? FD_DIRECTORY : FD_FILE_V2,
        .open_flags = o.flags,
        .dev = o.dev,
        .mode = o.mode,
        .ino = o.ino,
        .nameraw = o.name,
    };
    if (o.flags & O_UPPER_LAYER) {
        info.flags |= FD_UPPER_LAYER;
    }
    if (o.flags & O_LOWER_LAYER) {
        info.flags |= FD_LOWER_LAYER;
    }
    if (path_is_clean(o.name)) {
        info.flags |= FD_RAW_CLEAN;
        info.name = event->path.n ? event->path : str_first(o.name, sizeof(storage));
    } else {
        info.name = event->path.n ? event->path
                                  : path_resolve(task_dir(task, o.dirfd, o.name), o.name, storage,
                                                 sizeof(storage));
    }
    event->truncated |= info.name.n >= sizeof(storage);
    event_put_fd(state, task, event, fd, &info);
}

static void close_exit(struct state *state, struct task *task, struct event *event)
{
    if (!task || event_i64(event, 0, -1) < 0 || !event->fd) {
        return;
    }
    struct fd_entry *entry = (struct fd_entry *)event->fd;
    bool is_another =
        task->call.kind == KIND_CLOSE_E && task->call.fd_id != 0 && task->call.fd_id != entry->id;
    if (!is_another) {
        state->closing = fds_ref(task->t.fds);
        state->closing_fd = event->fd_num;
    }
}

/* The event's descriptor under another number; `from` is where newer layouts name it, -1 nowhere.
 */
static void copy_fd(struct state *state, struct task *task, struct event *event, int from)
{
    int64_t to = event_i64(event, 0, -1);
    if (!event->fd && from >= 0) {
        event_attach_fd(task, event, event_i64(event, (unsigned)from, -1));
    }
    if (to < 0 || !event->fd || to == event->fd_num) {
        return;
    }
    struct fdinfo copy = *event->fd;
    struct fd_entry *entry = fds_put(state, task->t.fds, to, &copy);
    event->fd_num = to;
    event->fd = entry ? &entry->info : NULL;
}

static void dup_exit(struct state *state, struct task *task, struct event *event)
{
    if (task) {
        copy_fd(state, task, event, event->kind == KIND_DUP_X ? -1 : 1);
    }
}

/* The new descriptor's close-on-exec flag is the one asked for. */
static void dup3_exit(struct state *state, struct task *task, struct event *event)
{
    int64_t fd = event_i64(event, 0, -1);
    if (!task || fd < 0) {
        return;
    }
    copy_fd(state, task, event, 1);
    struct fd_entry *entry = event->fd ? fds_edit(state, task->t.fds, fd) : NULL;
    if (entry) {
        uint32_t flags = (uint32_t)event_u64(event, 3, 0);
        entry->info.open_flags =
            flags ? entry->info.open_flags | flags : entry->info.open_flags & ~O_CLOEXEC_FLAG;
        event->fd = &entry->info;
    }
}

static void fcntl_exit(struct state *state, struct task *task, struct event *event)
{
    uint64_t command = task ? call_u64(task, event, 2, 1, 0) : 0;
    if (command == FCNTL_DUPFD || command == FCNTL_DUPFD_CLOEXEC) {
        copy_fd(state, task, event, 1);
    }
}

static void pipe_exit(struct state *state, struct task *task, struct event *event)
{
    if (!task || event_i64(event, 0, -1) < 0) {
        return;
    }
    struct fdinfo info = { .type = FD_FIFO, .ino = event_u64(event, 3, 0) };
    if (event->kind == KIND_PIPE2_X) {
        info.open_flags = (uint32_t)event_u64(event, 4, 0);
    }
    event_put_fd(state, task, event, event_i64(event, 1, -1), &info);
    event_put_fd(state, task, event, event_i64(event, 2, -1), &info);
}

static void simple_fd(struct state *state, struct task *task, struct event *event,
                      struct fdinfo info)
{
    int64_t fd = event_i64(event, 0, -1);
    if (task && fd >= 0) {
        event_put_fd(state, task, event, fd, &info);
    }
}

static void eventfd_exit(struct state *state, struct task *task, struct event *event)
{
    uint32_t flags = (uint32_t)event_u64(event, 1, 0);
    simple_fd(state, task, event, (struct fdinfo){ .type = FD_EVENT, .open_flags = flags });
}

static void signalfd_exit(struct state *state, struct task *task, struct event *event)
{
    simple_fd(state, task, event, (struct fdinfo){ .type = FD_SIGNALFD });
}

static void signalfd4_exit(struct state *state, struct task *task, struct event *event)
{
    uint32_t flags = (uint32_t)event_u64(event, 1, 0);
    simple_fd(state, task, event, (struct fdinfo){ .type = FD_SIGNALFD, .open_flags = flags });
}

static void timerfd_exit(struct state *state, struct task *task, struct event *event)
{
    simple_fd(state, task, event, (struct fdinfo){ .type = FD_TIMERFD });
}

static void inotify_exit(struct state *state, struct task *task, struct event *event)
{
    uint32_t flags = event->kind == KIND_INOTIFY_INIT1_X ? (uint32_t)event_u64(event, 1, 0) : 0;
    simple_fd(state, task, event, (struct fdinfo){ .type = FD_INOTIFY, .open_flags = flags });
}

static void epoll_exit(struct state *state, struct task *task, struct event *event)
{
    simple_fd(state, task, event, (struct fdinfo){ .type = FD_EVENTPOLL });
}

static void userfaultfd_exit(struct state *state, struct task *task, struct event *event)
{
    uint32_t flags = (uint32_t)event_u64(event, 1, 0);
    simple_fd(state, task, event, (struct fdinfo){ .type = FD_USERFAULTFD, .open_flags = flags });
}

static void io_uring_exit(struct state *state, struct task *task, struct event *event)
{
    simple_fd(state, task, event, (struct fdinfo){ .type = FD_IO_URING });
}

static void bpf_2_exit(struct state *state, struct task *task, struct event *event)
{
    simple_fd(state, task, event, (struct fdinfo){ .type = FD_BPF });
}

/* Older: a tagged value, a descriptor or a result. */
static void bpf_exit(struct state *state, struct task *task, struct event *event)
{
    struct str s = event_param(event, 0);
    int64_t fd;
    if (!task || s.n != 1 + sizeof(fd) || s.p[0] != BPF_RESULT_IS_FD) {
        return;
    }
    memcpy(&fd, s.p + 1, sizeof(fd));
    if (fd >= 0) {
        event_put_fd(state, task, event, fd, &(struct fdinfo){ .type = FD_BPF });
    }
}

static void memfd_exit(struct state *state, struct task *task, struct event *event)
{
    simple_fd(state, task, event,
              (struct fdinfo){ .type = FD_MEMFD,
                               .name = event_text(event, 1),
                               .open_flags = (uint32_t)event_u64(event, 2, 0) });
}

static void pidfd_open_exit(struct state *state, struct task *task, struct event *event)
{
    char name[32];
    int n = snprintf(name, sizeof(name), "/proc/%lld", (long long)event_i64(event, 1, -1));
    simple_fd(state, task, event,
              (struct fdinfo){ .type = FD_PIDFD,
                               .name = str_from(name, (size_t)n),
                               .open_flags = (uint32_t)event_u64(event, 2, 0) });
}

/* Whose descriptor a pidfd is: its name says. */
static struct task *pidfd_task(const struct state *state, const struct fdinfo *pidfd)
{
    char digits[24] = { 0 };
    struct str pid = str_from_offset(pidfd->name, sizeof("/proc/") - 1);
    if (pidfd->type != FD_PIDFD || pid.n == 0 || pid.n >= sizeof(digits)) {
        return NULL;
    }
    memcpy(digits, pid.p, pid.n);
    return task_find(state, strtoll(digits, NULL, 10));
}

static void pidfd_getfd_exit(struct state *state, struct task *task, struct event *event)
{
    int64_t fd = event_i64(event, 0, -1);
    struct fd_entry *pidfd = task ? fds_get(task->t.fds, event_i64(event, 1, -1)) : NULL;
    struct task *target = pidfd ? pidfd_task(state, &pidfd->info) : NULL;
    struct fd_entry *source = target ? fds_get(target->t.fds, event_i64(event, 2, -1)) : NULL;
    if (fd < 0 || !source) {
        return;
    }
    struct fdinfo copy = source->info;
    struct fd_entry *entry = fds_put(state, task->t.fds, fd, &copy);
    event->fd_num = fd;
    event->fd = entry ? &entry->info : NULL;
}

void open_preview(struct state *state, struct task *task, struct event *event)
{
    if (state->handlers[event->kind] == open_exit) {
        state->previewing = true;
        open_exit(state, task, event);
        state->previewing = false;
    }
}

void fds_preview(struct state *state, struct task *task, struct event *event)
{
    state_handler *handler = state->handlers[event->kind];
    if (!(state->how[event->kind] & HOW_FDS) || handler == open_exit || handler == close_exit) {
        return;
    }
    struct fdtable *copy = fds_fork(task->t.fds);
    if (!copy) {
        state->stats.out_of_memory++;
        return;
    }
    state->before_fds = task->t.fds;
    state->copied_fds = true;
    task->t.fds = copy;
    handler(state, task, event);
}

void fds_preview_end(struct state *state, struct task *task)
{
    if (state->copied_fds) {
        fds_unref(state, task->t.fds);
        task->t.fds = state->before_fds;
        state->before_fds = NULL;
        state->copied_fds = false;
    }
}

const struct handled state_file_handlers[] = {
    { KIND_OPEN_X, open_exit },
    { KIND_CREAT_X, open_exit },
    { KIND_OPENAT_X, open_exit },
    { KIND_OPENAT_2_X, open_exit },
    { KIND_OPENAT2_X, open_exit },
    { KIND_OPEN_BY_HANDLE_AT_X, open_exit },
    { KIND_CLOSE_X, close_exit },
    { KIND_DUP_X, dup_exit },
    { KIND_DUP_1_X, dup_exit },
    { KIND_DUP2_X, dup_exit },
    { KIND_DUP3_X, dup3_exit },
    { KIND_FCNTL_X, fcntl_exit },
    { KIND_PIPE_X, pipe_exit },
    { KIND_PIPE2_X, pipe_exit },
    { KIND_EVENTFD_X, eventfd_exit },
    { KIND_EVENTFD2_X, eventfd_exit },
    { KIND_SIGNALFD_X, signalfd_exit },
    { KIND_SIGNALFD4_X, signalfd4_exit },
    { KIND_TIMERFD_CREATE_X, timerfd_exit },
    { KIND_INOTIFY_INIT_X, inotify_exit },
    { KIND_INOTIFY_INIT1_X, inotify_exit },
    { KIND_EPOLL_CREATE_X, epoll_exit },
    { KIND_EPOLL_CREATE1_X, epoll_exit },
    { KIND_USERFAULTFD_X, userfaultfd_exit },
    { KIND_IO_URING_SETUP_X, io_uring_exit },
    { KIND_BPF_X, bpf_exit },
    { KIND_BPF_2_X, bpf_2_exit },
    { KIND_MEMFD_CREATE_X, memfd_exit },
    { KIND_PIDFD_OPEN_X, pidfd_open_exit },
    { KIND_PIDFD_GETFD_X, pidfd_getfd_exit },
    { 0, NULL },
};
