/*
 * field_internal: what the files of field extraction share; nobody else includes it.
 *
 * An extractor finds ret->n == 0 and, when the field is there, fills ret with one of the put_ functions.
 * Composed text goes to the view's scratch through a `struct compose`.
 */
#pragma once

#include "base/clock.h"
#include "event/field.h"
#include "event/sockaddr.h"
#include "event/state.h"

typedef void extractor(const struct field_ref *field, struct view *view, struct extracted *ret);

/* Longest path resolved on the stack, for evt.arg. */
#define PATH_LOCAL_MAX 8192

extern extractor *const field_extractors[FIELD_COUNT];

/* Values. */
static inline void put_value(struct extracted *ret, struct value value)
{
    ret->one = value;
    ret->v = &ret->one;
    ret->n = 1;
}

/* Of a type; its member of `one` is set by the caller, the rest of the union is not looked at. */
static inline void put_type(struct extracted *ret, enum field_type type)
{
    ret->one.type = type;
    ret->v = &ret->one;
    ret->n = 1;
}

static inline void put_str(struct extracted *ret, struct str s)
{
    ret->one.s = s;
    put_type(ret, TYPE_CHARBUF);
}

static inline void put_u64(struct extracted *ret, enum field_type type, uint64_t u)
{
    ret->one.u = u;
    put_type(ret, type);
}

static inline void put_bool(struct extracted *ret, bool b)
{
    put_u64(ret, TYPE_BOOL, b);
}

static inline void put_i64(struct extracted *ret, enum field_type type, int64_t i)
{
    ret->one.i = i;
    put_type(ret, type);
}

static inline void put_double(struct extracted *ret, double d)
{
    ret->one.d = d;
    put_type(ret, TYPE_DOUBLE);
}

static inline void put_ip(struct extracted *ret, struct ip ip)
{
    put_value(ret, (struct value){ .type = TYPE_IPADDR, .ip = ip });
}

/* n values in scratch, aligned; NULL (and truncated) when it is full. */
void *scratch_array(struct view *view, size_t n, size_t size);

/* Text being composed at the end of the scratch; one at a time. What does not fit is cut. */
struct compose {
    struct view *view;
    struct buf buf;
};

void compose_begin(struct compose *text, struct view *view);
void compose_puts(struct compose *text, struct str s);
void compose_putc(struct compose *text, char c);
/* Keeps the text in scratch. */
struct str compose_end(struct compose *text);
/* Text that must not hold a NUL ends at the first. */
void put_composed(struct extracted *ret, struct compose *text);

/* "true" or "false". */
static inline struct str bool_str(bool b)
{
    return b ? STR("true") : STR("false");
}

/* Paths of events (field_path.c). */
enum path_role { PATH_OF_EVENT, PATH_SOURCE, PATH_TARGET };

/* `path` as the thread sees it: against its cwd, or the directory `dirfd`. In scratch or path itself. */
struct str event_resolve(struct view *view, int64_t dirfd, struct str path);

#define DIRFD_CWD (-100)

/* The first parameter of that name, whatever the kind; -1 none. */
static inline int event_param_named(const struct event *event, const char *name)
{
    int i = kind_param(event->kind, str_of(name));
    return i < event->nparams ? i : -1;
}

/* The process ancestor `level` above the thread: 0 its own main thread. NULL when there is none. */
struct thread *thread_ancestor(const struct view *view, int32_t level);

/* The descriptor an event is about, as the fd fields see it. False: the event is not about one. */
static inline bool fd_of_event(const struct view *view, struct fdinfo **ret)
{
    const struct event *event = view->event;
    if (!(kind_table[event->kind].flags & (KIND_CREATES_FD | KIND_USES_FD | KIND_DESTROYS_FD)) ||
        !event->thread) {
        return false;
    }
    *ret = event->fd;
    return true;
}

const char *fd_type_text(enum fd_type type);
char fd_type_char(enum fd_type type);

static inline bool fd_is_ip(const struct fdinfo *fd)
{
    return fd->type >= FD_IPV4_SOCK && fd->type <= FD_IPV6_SERVSOCK;
}

static inline bool fd_is_connection(const struct fdinfo *fd)
{
    return fd->type == FD_IPV4_SOCK || fd->type == FD_IPV6_SOCK;
}

static inline bool fd_is_file(const struct fdinfo *fd)
{
    return fd->type == FD_FILE || fd->type == FD_FILE_V2;
}
