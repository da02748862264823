/*
 * field_event: what kind of event it is, when it was, how it ended: the evt fields but for arguments.
 *
 * Results: events that have one say so in the kind table. Negative results are -errno. The access fields
 * (evt.is_open_*) look at the flags as the format numbers them, not as this machine's headers do.
 */
#include "event/field_extractors.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <time.h>

#define OPEN_RDONLY    (1u << 0) /* read-write has both */
#define OPEN_WRONLY    (1u << 1)
#define OPEN_CREAT     (1u << 2)
#define OPEN_TMPFILE   (1u << 13)
#define OPEN_F_CREATED (1u << 14) /* set by the sensor: the file did not exist */
#define MODE_EXEC_BITS 0111u

void extract_none(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    (void)field;
    (void)view;
    (void)ret;
}

void extract_evt_num(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    (void)field;
    put_u64(ret, TYPE_UINT64, view->event->num);
}

void extract_evt_cpu(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    (void)field;
    put_i64(ret, TYPE_INT16, (int16_t)view->event->cpu);
}

void extract_evt_dir(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    (void)field;
    put_str(ret, kind_is_exit(view->event->kind) ? STR("<") : STR(">"));
}

static bool is_async(const struct event *event)
{
    return (kind_table[event->kind].flags & KIND_META) != 0;
}

void extract_evt_type(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    (void)field;
    const struct event *event = view->event;
    if (event->kind == KIND_ASYNCEVENT_E && event_has_param(event, 1)) {
        put_str(ret, event_text(event, 1));
        return;
    }
    const char *name = name_text(event->name);
    if (name) {
        put_str(ret, str_of(name));
    }
}

void extract_syscall_type(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    if (kind_table[view->event->kind].flags & KIND_SYSCALL) {
        extract_evt_type(field, view, ret);
    }
}

void extract_evt_type_is(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    int32_t kind = view->event->kind;
    bool is = kind == field->index || (field->key.n && kind == field->index + 1);
    put_u64(ret, TYPE_UINT32, is);
}

/* Of reads, writes and the like: what they act upon. */
static struct str io_category(const struct fdinfo *fd)
{
    switch (fd ? (enum fd_type)fd->type : FD_UNKNOWN) {
    case FD_FILE:
    case FD_FILE_V2:
    case FD_DIRECTORY:
        return STR("file");
    case FD_IPV4_SOCK:
    case FD_IPV6_SOCK:
    case FD_IPV4_SERVSOCK:
    case FD_IPV6_SERVSOCK:
        return STR("net");
    case FD_UNIX_SOCK:
    case FD_FIFO:
    case FD_EVENT:
    case FD_SIGNALFD:
    case FD_INOTIFY:
    case FD_USERFAULTFD:
        return STR("ipc");
    default:
        return STR("unknown");
    }
}

static bool is_io_category(enum kind_category category)
{
    return category == CATEGORY_IO_READ || category == CATEGORY_IO_WRITE ||
           category == CATEGORY_IO_OTHER;
}

void extract_evt_category(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    (void)field;
    enum kind_category category = (enum kind_category)kind_table[view->event->kind].category;
    if (is_io_category(category)) {
        put_str(ret, io_category(view->event->fd));
        return;
    }
    const char *text = category == CATEGORY_IPC ? "IPC" : category_text(category);
    put_str(ret, text ? str_of(text) : STR("unknown"));
}

void extract_evt_flag(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    uint16_t flags = kind_table[view->event->kind].flags;
    switch (field->id) {
    case FIELD_EVT_IS_IO:
        put_bool(ret, flags & (KIND_READS_FROM_FD | KIND_WRITES_TO_FD));
        return;
    case FIELD_EVT_IS_IO_READ:
        put_bool(ret, flags & KIND_READS_FROM_FD);
        return;
    case FIELD_EVT_IS_IO_WRITE:
        put_bool(ret, flags & KIND_WRITES_TO_FD);
        return;
    default:
        put_bool(ret, flags & KIND_WAITS);
    }
}

void extract_evt_io_dir(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    (void)field;
    uint16_t flags = kind_table[view->event->kind].flags;
    if (flags & KIND_WRITES_TO_FD) {
        put_str(ret, STR("write"));
    } else if (flags & KIND_READS_FROM_FD) {
        put_str(ret, STR("read"));
    }
}

void extract_evt_is_syslog(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    (void)field;
    const struct event *event = view->event;
    bool writes = kind_table[event->kind].flags & KIND_WRITES_TO_FD;
    put_bool(ret, writes && event->fd && str_find(event->fd->name, STR("/dev/log")) >= 0);
}

void extract_evt_rawres(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    (void)field;
    int64_t res;
    if (event_result(view->event, &res)) {
        put_i64(ret, TYPE_INT64, res);
    }
}

void extract_evt_res(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    (void)field;
    int64_t res;
    if (!event_result(view->event, &res)) {
        return;
    }
    if (res >= 0) {
        put_str(ret, STR("SUCCESS"));
        return;
    }
    const char *name = res > -4096 ? errno_name((int)-res) : NULL;
    if (name) {
        put_str(ret, str_of(name));
        return;
    }
    struct compose text;
    compose_begin(&text, view);
    buf_i64(&text.buf, res);
    put_composed(ret, &text);
}

/* What has no result did not fail. */
void extract_evt_failed(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    int64_t res;
    (void)field;
    put_u64(ret, TYPE_BOOL, event_result(view->event, &res) && res < 0);
}

/* Calls whose failure leaves no descriptor to tell what they were about. */
static bool opens_file(uint16_t kind)
{
    return kind == KIND_OPEN_X || kind == KIND_CREAT_X || kind == KIND_OPENAT_X ||
           kind == KIND_OPENAT_2_X || kind == KIND_OPENAT2_X || kind == KIND_OPEN_BY_HANDLE_AT_X;
}

static bool opens_connection(uint16_t kind)
{
    return kind == KIND_ACCEPT_X || kind == KIND_ACCEPT_5_X || kind == KIND_ACCEPT4_X ||
           kind == KIND_ACCEPT4_5_X || kind == KIND_ACCEPT4_6_X || kind == KIND_CONNECT_X;
}

static bool is_about_file(const struct event *event)
{
    return event->fd ? fd_is_file(event->fd) || event->fd->type == FD_DIRECTORY
                     : opens_file(event->kind);
}

static bool is_about_network(const struct event *event)
{
    return event->fd ? fd_is_ip(event->fd) || event->fd->type == FD_UNIX_SOCK
                     : opens_connection(event->kind);
}

void extract_evt_count(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    const struct event *event = view->event;
    bool memory = kind_table[event->kind].category == CATEGORY_MEMORY;
    bool wanted = false;
    switch (field->id) {
    case FIELD_EVT_COUNT:
        put_u64(ret, TYPE_UINT32, 1);
        return;
    case FIELD_EVT_COUNT_EXIT:
        if (kind_is_exit(event->kind)) {
            put_u64(ret, TYPE_UINT32, 1);
        }
        return;
    case FIELD_EVT_COUNT_THREADINFO:
        put_u64(ret, TYPE_UINT32, event->kind == KIND_PROCINFO_E);
        return;
    case FIELD_EVT_COUNT_PROCINFO:
        put_u64(ret, TYPE_UINT32,
                event->kind == KIND_PROCINFO_E && event->thread &&
                    (event->thread->flags & THREAD_MAIN));
        return;
    case FIELD_EVT_COUNT_ERROR_FILE:
        wanted = is_about_file(event);
        break;
    case FIELD_EVT_COUNT_ERROR_NET:
        wanted = is_about_network(event);
        break;
    case FIELD_EVT_COUNT_ERROR_MEMORY:
        wanted = memory;
        break;
    case FIELD_EVT_COUNT_ERROR_OTHER:
        wanted = !is_about_file(event) && !is_about_network(event) && (event->fd || !memory);
        break;
    default:
        wanted = true;
    }
    int64_t res;
    if (wanted && event_result(view->event, &res)) {
        put_u64(ret, TYPE_UINT32, res < 0);
    }
}

/* Bytes moved, of kinds and descriptors that a field asks for. */
void extract_evt_buflen(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    const struct event *event = view->event;
    enum kind_category category = (enum kind_category)kind_table[event->kind].category;
    enum field_id id = field->id;
    bool in = id == FIELD_EVT_BUFLEN_IN || id == FIELD_EVT_BUFLEN_FILE_IN ||
              id == FIELD_EVT_BUFLEN_NET_IN;
    bool out = id == FIELD_EVT_BUFLEN_OUT || id == FIELD_EVT_BUFLEN_FILE_OUT ||
               id == FIELD_EVT_BUFLEN_NET_OUT;
    bool file = id >= FIELD_EVT_BUFLEN_FILE && id <= FIELD_EVT_BUFLEN_FILE_OUT;
    bool net = id >= FIELD_EVT_BUFLEN_NET && id <= FIELD_EVT_BUFLEN_NET_OUT;
    if (!event->fd || !is_io_category(category) || (in && category != CATEGORY_IO_READ) ||
        (out && category != CATEGORY_IO_WRITE) || (file && !fd_is_file(event->fd)) ||
        (net && !fd_is_ip(event->fd))) {
        return;
    }
    int64_t res;
    if (event_result(event, &res) && res >= 0) {
        put_u64(ret, TYPE_UINT64, (uint64_t)res);
    }
}

/* Where an open call has its flags and its mode. */
struct open_layout {
    uint8_t flags, mode; /* indices; 0: none */
};

static struct open_layout open_layout(uint16_t kind)
{
    switch (kind) {
    case KIND_OPEN_X:
        return (struct open_layout){ 2, 3 };
    case KIND_OPENAT_2_X:
    case KIND_OPENAT2_X:
        return (struct open_layout){ 3, 4 };
    case KIND_OPEN_BY_HANDLE_AT_X:
        return (struct open_layout){ 2, 0 };
    default:
        return (struct open_layout){ 0, 0 };
    }
}

static bool is_created(const struct event *event, uint32_t flags)
{
    int64_t res;
    return (flags & OPEN_F_CREATED) ||
           ((flags & OPEN_TMPFILE) && event_result(event, &res) && res >= 0);
}

/* The flags and mode of an openat whose oldest layout has them in the enter event only. */
static uint64_t enter_u64(const struct event *event, unsigned i)
{
    struct str s = state_enter_param(event, i);
    uint32_t v = 0;
    if (s.n == sizeof(v)) {
        memcpy(&v, s.p, sizeof(v));
    }
    return v;
}

static bool is_exec_mode(const struct event *event, uint32_t flags, uint8_t mode)
{
    if (event->kind == KIND_CREAT_X) {
        return event_u64(event, 2, 0) & MODE_EXEC_BITS;
    }
    if (!(flags & (OPEN_TMPFILE | OPEN_CREAT))) {
        return false;
    }
    uint64_t bits = event->kind == KIND_OPENAT_X ? enter_u64(event, 3)
                    : mode                       ? event_u64(event, mode, 0)
                                                 : 0;
    return bits & MODE_EXEC_BITS;
}

void extract_evt_is_open(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    const struct event *event = view->event;
    struct open_layout at = open_layout(event->kind);
    uint32_t flags = at.flags ? (uint32_t)event_u64(event, at.flags, 0) : 0;
    if (event->kind == KIND_OPENAT_X) {
        flags = (uint32_t)enter_u64(event, 2);
    }
    switch (field->id) {
    case FIELD_EVT_IS_OPEN_READ:
        put_bool(ret, flags & OPEN_RDONLY);
        return;
    case FIELD_EVT_IS_OPEN_WRITE:
        put_bool(ret, flags & OPEN_WRONLY);
        return;
    case FIELD_EVT_IS_OPEN_CREATE:
        put_bool(ret, is_created(event, flags));
        return;
    default:
        put_bool(ret, is_exec_mode(event, flags, at.mode));
    }
}

void extract_evt_source(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    (void)field;
    if (view->source.n) {
        put_str(ret, view->source);
    }
}

void extract_evt_hostname(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    (void)field;
    if (view->hostname.n) {
        put_str(ret, view->hostname);
    }
}

void extract_evt_is_async(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    (void)field;
    put_bool(ret, is_async(view->event));
}

void extract_evt_asynctype(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    if (is_async(view->event)) {
        extract_evt_type(field, view, ret);
    }
}

struct str event_via_name(uint8_t via)
{
    static const char *const names[VIA_COUNT] = { "syscall", "io_uring", "ia32", "x32", "network" };
    return via < VIA_COUNT ? str_of(names[via]) : (struct str){ 0 };
}

void extract_evt_via(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    (void)field;
    struct str name = event_via_name(view->event->via);
    if (name.n) {
        put_str(ret, name);
    }
}

void extract_evt_outcome(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    (void)field;
    int64_t res;
    switch (view->event->outcome) {
    case OUTCOME_DENIED:
        put_str(ret, STR("denied"));
        return;
    case OUTCOME_PREDICTED:
        put_str(ret, STR("predicted"));
        return;
    default:
        if (event_result(view->event, &res)) {
            put_str(ret, res < 0 ? STR("failed") : STR("succeeded"));
        }
    }
}

void extract_evt_quality(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    const struct event *event = view->event;
    put_bool(ret, field->id == FIELD_EVT_EXACT ? event->exact : event->truncated);
}
