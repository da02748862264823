/*
 * field_fd: the descriptor an event is about.
 *
 * An event has these fields when its kind creates, uses or closes a descriptor and its thread is known.
 * A call that failed to create one still says what it was meant for: name, directory and type then come
 * from the call's arguments. A connection that failed is named after its address, not its socket.
 */
#include "event/field_extractors.h"

#include <sys/socket.h>

/* The descriptor itself; false when there is none. */
static bool has_fd(const struct view *view, struct fdinfo **ret)
{
    return fd_of_event(view, ret) && *ret;
}

/* lint: table */
static const struct {
    char text[12];
    char c;
} fd_types[] = {
    [FD_UNKNOWN] = { "<NA>", 'o' },
    [FD_FILE] = { "file", 'f' },
    [FD_FILE_V2] = { "file", 'f' },
    [FD_DIRECTORY] = { "directory", 'd' },
    [FD_IPV4_SOCK] = { "ipv4", '4' },
    [FD_IPV6_SOCK] = { "ipv6", '6' },
    [FD_IPV4_SERVSOCK] = { "ipv4", '4' },
    [FD_IPV6_SERVSOCK] = { "ipv6", '6' },
    [FD_UNIX_SOCK] = { "unix", 'u' },
    [FD_FIFO] = { "pipe", 'p' },
    [FD_EVENT] = { "event", 'e' },
    [FD_SIGNALFD] = { "signalfd", 's' },
    [FD_EVENTPOLL] = { "eventpoll", 'l' },
    [FD_INOTIFY] = { "inotify", 'i' },
    [FD_TIMERFD] = { "timerfd", 't' },
    [FD_UNSUPPORTED] = { "<NA>", 'X' },
    [FD_NETLINK] = { "netlink", 'n' },
    [FD_BPF] = { "bpf", 'b' },
    [FD_USERFAULTFD] = { "userfaultfd", 'u' },
    [FD_IO_URING] = { "io_uring", 'r' },
    [FD_MEMFD] = { "memfd", 'm' },
    [FD_PIDFD] = { "pidfd", 'P' },
};
#define FD_TYPES (sizeof(fd_types) / sizeof(fd_types[0]))

const char *fd_type_text(enum fd_type type)
{
    return (size_t)type < FD_TYPES ? fd_types[type].text : "<NA>";
}

char fd_type_char(enum fd_type type)
{
    return (size_t)type < FD_TYPES ? fd_types[type].c : '?';
}

void extract_fd_num(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    (void)field;
    struct fdinfo *fd;
    if (fd_of_event(view, &fd)) {
        put_i64(ret, TYPE_INT64, view->event->fd_num);
    }
}

void extract_fd_uid(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    (void)field;
    struct fdinfo *fd;
    if (!fd_of_event(view, &fd)) {
        return;
    }
    struct compose text;
    compose_begin(&text, view);
    buf_i64(&text.buf, view->event->tid);
    buf_i64(&text.buf, view->event->fd_num);
    put_composed(ret, &text);
}

void extract_fd_type(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    (void)field;
    struct fdinfo *fd;
    if (has_fd(view, &fd)) {
        put_str(ret, str_of(fd_type_text((enum fd_type)fd->type)));
    }
}

/* Of a call that created no descriptor: the type it would have had. */
static enum fd_type intended_type(uint16_t kind)
{
    switch (kind | 1) {
    case KIND_OPEN_X:
    case KIND_OPENAT_X:
    case KIND_OPENAT_2_X:
    case KIND_OPENAT2_X:
    case KIND_CREAT_X:
        return FD_FILE;
    case KIND_SOCKET_X:
    case KIND_ACCEPT_X:
    case KIND_ACCEPT_5_X:
    case KIND_ACCEPT4_X:
    case KIND_ACCEPT4_5_X:
    case KIND_ACCEPT4_6_X:
        return FD_IPV4_SOCK;
    case KIND_PIPE_X:
    case KIND_PIPE2_X:
        return FD_FIFO;
    case KIND_EVENTFD_X:
    case KIND_EVENTFD2_X:
        return FD_EVENT;
    case KIND_SIGNALFD_X:
    case KIND_SIGNALFD4_X:
        return FD_SIGNALFD;
    case KIND_TIMERFD_CREATE_X:
        return FD_TIMERFD;
    case KIND_INOTIFY_INIT_X:
    case KIND_INOTIFY_INIT1_X:
        return FD_INOTIFY;
    default:
        return FD_UNKNOWN;
    }
}

void extract_fd_typechar(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    (void)field;
    struct fdinfo *fd;
    if (!fd_of_event(view, &fd)) {
        return;
    }
    size_t type = fd ? fd->type : (size_t)intended_type(view->event->kind);
    put_str(ret, type < FD_TYPES ? str_from(&fd_types[type].c, 1) : STR("?"));
}

/* All types of the process's descriptors, each once; or the type of one descriptor. */
void extract_fd_types(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    struct fdinfo *fd;
    if (!fd_of_event(view, &fd)) {
        return;
    }
    if (field->has_arg) {
        fd = state_fd(view->state, view->event->thread, field->index);
        if (fd) {
            put_str(ret, str_of(fd_type_text((enum fd_type)fd->type)));
        }
        return;
    }
    struct value *values = scratch_array(view, FD_TYPES, sizeof(*values));
    uint32_t seen = 0, n = 0;
    size_t cursor = 0;
    int64_t num;
    while (values && state_fd_next(view->state, view->event->thread, &cursor, &num, &fd)) {
        unsigned type = fd->type == FD_FILE_V2 ? FD_FILE
                        : fd->type == FD_IPV4_SERVSOCK || fd->type == FD_IPV6_SERVSOCK
                            ? fd->type - 2u
                        : fd->type == FD_UNSUPPORTED ? FD_UNKNOWN
                                                     : fd->type;
        if (type < FD_TYPES && !(seen >> type & 1)) {
            seen |= 1u << type;
            values[n++] = (struct value){ .type = TYPE_CHARBUF, .s = str_of(fd_types[type].text) };
        }
    }
    ret->v = values;
    ret->n = n;
}

/* fd.name: of the descriptor, or what a failed call was about. False: not known. */
static bool fd_name(struct view *view, struct fdinfo **ret_fd, struct str *ret)
{
    struct fdinfo *fd;
    if (!fd_of_event(view, &fd)) {
        return false;
    }
    *ret_fd = fd;
    int64_t res;
    bool failed_connect =
        view->event->kind == KIND_CONNECT_X && event_result(view->event, &res) && res < 0;
    if (!fd || failed_connect) {
        return name_from_call(view, false, ret);
    }
    *ret = fd->name;
    return true;
}

/* "id:" of the thread's container before a text; the host's is empty. */
static struct str with_container(struct view *view, struct str s)
{
    const struct container *container = view->event->thread->container;
    struct compose text;
    compose_begin(&text, view);
    if (container) {
        compose_puts(&text, container->id);
    }
    compose_putc(&text, ':');
    compose_puts(&text, s);
    return compose_end(&text);
}

void extract_fd_name(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    struct fdinfo *fd;
    struct str name;
    if (fd_name(view, &fd, &name)) {
        put_str(ret, field->id == FIELD_FD_CONTAINERNAME ? with_container(view, name) : name);
    }
}

static struct str directory_of(struct str path)
{
    const char *slash = path.n ? memrchr(path.p, '/', path.n) : NULL;
    if (!slash || slash == path.p) {
        return STR("/");
    }
    size_t n = (size_t)(slash - path.p);
    return n < path.n - 1 ? str_first(path, n) : path;
}

void extract_fd_directory(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    struct fdinfo *fd;
    struct str name;
    if (!fd_of_event(view, &fd)) {
        return;
    }
    if (!fd) {
        if (!name_from_call(view, false, &name)) {
            return;
        }
        name = directory_of(name);
    } else if (fd_is_file(fd)) {
        name = directory_of(fd->name);
    } else if (fd->type == FD_DIRECTORY) {
        name = fd->name;
    } else {
        return;
    }
    put_str(ret, field->id == FIELD_FD_CONTAINERDIRECTORY ? with_container(view, name) : name);
}

void extract_fd_filename(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    (void)field;
    struct fdinfo *fd;
    if (!has_fd(view, &fd) || !fd_is_file(fd)) {
        return;
    }
    struct str name = fd->name;
    ptrdiff_t slash = str_find_last(name, '/');
    if (slash < 0) {
        put_str(ret, STR("/"));
    } else if ((size_t)slash < name.n - 1) {
        put_str(ret, str_from_offset(name, (size_t)slash + 1));
    } else {
        put_str(ret, name);
    }
}

void extract_fd_nameraw(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    (void)field;
    struct fdinfo *fd;
    struct str name;
    if (!fd_of_event(view, &fd)) {
        return;
    }
    if (fd) {
        name = fd->nameraw;
    } else if (!name_from_call(view, true, &name)) {
        return;
    }
    bool is_clean = fd ? fd->flags & FD_RAW_CLEAN : name.p == view->event->clean_path.p;
    put_str(ret, is_clean ? name : single_slashes(view, name));
}

bool field_path_form(struct view *view, struct str *ret_path, enum path_form *ret)
{
    const struct event *event = view->event;
    struct fdinfo *fd;
    if (!fd_of_event(view, &fd)) {
        return false;
    }
    if (!fd) {
        *ret = PATH_NOT_OPENED;
        return !event->path.n && name_from_call(view, false, ret_path) && ret_path->p &&
               ret_path->p == event->clean_path.p;
    }
    *ret = fd->type == FD_DIRECTORY ? PATH_OF_DIRECTORY : PATH_OF_FILE;
    *ret_path = fd->name;
    return (fd->flags & FD_RAW_CLEAN) && fd->name.p == fd->nameraw.p &&
           fd->name.n == fd->nameraw.n && (fd_is_file(fd) || fd->type == FD_DIRECTORY) &&
           event->kind != KIND_CONNECT_X;
}

void extract_fd_dev(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    struct fdinfo *fd;
    if (!has_fd(view, &fd)) {
        return;
    }
    uint32_t dev = fd->dev;
    if (field->id == FIELD_FD_DEV_MAJOR) {
        dev = (dev & 0xfff00) >> 8;
    } else if (field->id == FIELD_FD_DEV_MINOR) {
        dev = (dev & 0xff) | (dev >> 12 & 0xfff00);
    }
    put_i64(ret, TYPE_INT32, (int32_t)dev);
}

void extract_fd_ino(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    (void)field;
    struct fdinfo *fd;
    if (has_fd(view, &fd)) {
        put_i64(ret, TYPE_INT64, (int64_t)fd->ino);
    }
}

/* A new descriptor has a name where there was none; a copy has its original's. */
static bool gave_name(const struct event *event)
{
    bool creates = kind_is_exit(event->kind) && (kind_table[event->kind].flags & KIND_CREATES_FD);
    return event->fd_name_changed ||
           (creates && event->fd->name.n &&
            !str_starts(str_of(kind_table[event->kind].name), STR("dup")) &&
            event->kind != KIND_FCNTL_X);
}

void extract_fd_flag(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    struct fdinfo *fd;
    if (!has_fd(view, &fd)) {
        return;
    }
    switch (field->id) {
    case FIELD_FD_CONNECTED:
        put_bool(ret, fd->flags & FD_CONNECTED);
        return;
    case FIELD_FD_NAME_CHANGED:
        put_bool(ret, gave_name(view->event));
        return;
    case FIELD_FD_IS_UPPER_LAYER:
        put_bool(ret, fd->flags & FD_UPPER_LAYER);
        return;
    default:
        put_bool(ret, fd->flags & FD_LOWER_LAYER);
    }
}

/* What the process reads from and writes to by default. */
void extract_proc_std(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    static const struct {
        uint16_t type, name;
    } ids[] = { { FIELD_PROC_STDIN_TYPE, FIELD_PROC_STDIN_NAME },
                { FIELD_PROC_STDOUT_TYPE, FIELD_PROC_STDOUT_NAME },
                { FIELD_PROC_STDERR_TYPE, FIELD_PROC_STDERR_NAME } };
    const struct thread *thread = view->event->thread;
    for (int i = 0; thread && i < 3; i++) {
        if (field->id != ids[i].type && field->id != ids[i].name) {
            continue;
        }
        const struct fdinfo *fd = state_fd(view->state, thread, i);
        if (fd && field->id == ids[i].type) {
            put_str(ret, str_of(fd_type_text((enum fd_type)fd->type)));
        } else if (fd) {
            put_str(ret, fd->name);
        }
        return;
    }
}
