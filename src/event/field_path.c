/*
 * field_path: files that calls name: by the caller's string, and resolved.
 *
 * Where the sensor has the kernel's truth (event->path, path2), resolved fields give that; else the
 * caller's string against the directory descriptor it is relative to, or the cwd. Symbolic links cannot
 * be seen this way.
 *
 * fs.path fields exist for calls that succeeded. As in the reference, a link's "source" is the new name
 * and its "target" what it leads to.
 */
#include "event/field_extractors.h"

#include "event/param.h"
#include "event/path.h"

struct str event_resolve_in(const struct view *view, int64_t dirfd, struct str path, char *storage,
                            size_t size)
{
    const struct thread *thread = view->event->thread;
    struct str base = STR("");
    if (dirfd != DIRFD_CWD) {
        const struct fdinfo *fd = thread ? state_fd(view->state, thread, dirfd) : NULL;
        base = fd ? fd->name : STR("<UNKNOWN>");
    } else if (thread) {
        base = state_cwd(view->state, thread);
    }
    struct str resolved = path_resolve(base, path, storage, size);
    if (resolved.n >= size) {
        view->event->truncated = true;
    }
    return resolved;
}

struct str event_resolve(struct view *view, int64_t dirfd, struct str path)
{
    char *storage = scratch_array(view, PATH_TEXT_MAX, 1);
    if (!storage) {
        return path;
    }
    struct str s = event_resolve_in(view, dirfd, path, storage, PATH_TEXT_MAX);
    view->scratch.n = (size_t)(storage - view->scratch.p) + (s.p == storage ? s.n : 0);
    return s;
}

struct str single_slashes(struct view *view, struct str path)
{
    if (!path_has_double_slash(path)) {
        return path;
    }
    struct compose text;
    compose_begin(&text, view);
    for (size_t i = 0; i < path.n; i++) {
        if (path.p[i] != '/' || i == 0 || path.p[i - 1] != '/') {
            compose_putc(&text, path.p[i]);
        }
    }
    return compose_end(&text);
}

static struct str param_as_text(struct view *view, unsigned i)
{
    struct compose text;
    compose_begin(&text, view);
    struct param_names names = param_names_of(view);
    param_text(view->event, i, &names, &text.buf);
    struct str s = compose_end(&text);
    return str_until_nul(s.p, s.n);
}

static int64_t as_i64(struct str s, int64_t missing)
{
    int64_t v;
    if (s.n != sizeof(v)) {
        return missing;
    }
    memcpy(&v, s.p, sizeof(v));
    return v;
}

/* Directory descriptor and path of an openat, of any layout. */
static bool openat_params(const struct event *event, int64_t *ret_dirfd, struct str *ret_path)
{
    struct str path;
    switch (event->kind) {
    case KIND_OPENAT_X:
        path = state_enter_param(event, 1);
        *ret_dirfd = as_i64(state_enter_param(event, 0), DIRFD_CWD);
        break;
    case KIND_OPENAT_2_X:
    case KIND_OPENAT2_X:
        path = event_param(event, 2);
        *ret_dirfd = event_i64(event, 1, DIRFD_CWD);
        break;
    default:
        return false;
    }
    *ret_path = str_until_nul(path.p, path.n);
    return path.p != NULL;
}

/* The path of a call that opens, `raw` or resolved; kept with the event when the two are the same. */
static struct str opened_path(struct view *view, int64_t dirfd, struct str path, bool raw)
{
    if (path.n < PATH_TEXT_MAX && path_is_clean(path)) {
        view->event->clean_path = path;
        return path;
    }
    return raw ? path : event_resolve(view, dirfd, path);
}

/* What a call that failed to create a descriptor was about; false: nothing known. */
bool name_from_call(struct view *view, bool raw, struct str *ret)
{
    const struct event *event = view->event;
    int64_t dirfd;
    struct str path;
    if (!kind_is_exit(event->kind)) {
        return false;
    }
    if (!raw && event->path.n) {
        *ret = event->path;
        return true;
    }
    if (event->clean_path.p) {
        *ret = event->clean_path;
        return true;
    }
    switch (event->kind) {
    case KIND_OPEN_X:
    case KIND_CREAT_X:
        *ret = opened_path(view, DIRFD_CWD, event_text(event, 1), raw);
        return true;
    case KIND_OPENAT_X:
    case KIND_OPENAT_2_X:
    case KIND_OPENAT2_X:
        if (!openat_params(event, &dirfd, &path)) {
            return false;
        }
        *ret = opened_path(view, dirfd, path, raw);
        return true;
    case KIND_OPEN_BY_HANDLE_AT_X:
        *ret = event_text(event, 3);
        return true;
    case KIND_ACCEPT_X:
    case KIND_ACCEPT_5_X:
    case KIND_ACCEPT4_X:
    case KIND_ACCEPT4_5_X:
    case KIND_ACCEPT4_6_X:
    case KIND_CONNECT_X:
        *ret = param_as_text(view, 1);
        return true;
    default:
        *ret = STR("");
        return true;
    }
}

/* Where a kind has its paths: parameter indices, or -1; from the enter event where it is `entered`. */
struct path_layout {
    int8_t path, dirfd;
    int8_t source, source_dirfd;
    int8_t target, target_dirfd;
    bool entered;                       /* old layouts: in the enter event */
    bool of_fd;                         /* of the descriptor */
    uint8_t truth_source, truth_target; /* 1: event->path, 2: path2, 0: neither */
};

#define NONE -1
#define ONE(i, dir)                                                                                \
    {                                                                                              \
        .path = (i), .dirfd = (dir), NONE, NONE, NONE, NONE                                        \
    }
#define ONE_ENTERED(i, dir)                                                                        \
    {                                                                                              \
        (i), (dir), NONE, NONE, NONE, NONE, .entered = true                                        \
    }
#define OF_FD                                                                                      \
    {                                                                                              \
        NONE, NONE, NONE, NONE, NONE, NONE, .of_fd = true                                          \
    }
#define TWO(s, sdir, t, tdir, ts, tt)                                                              \
    {                                                                                              \
        NONE, NONE, (s), (sdir), (t), (tdir), .truth_source = (ts), .truth_target = (tt)           \
    }
#define TWO_ENTERED(s, sdir, t, tdir, ts, tt)                                                      \
    {                                                                                              \
        NONE, NONE, (s), (sdir), (t), (tdir), .entered = true, .truth_source = (ts),               \
                                              .truth_target = (tt)                                 \
    }

/* lint: table */
static const struct {
    uint16_t kind;
    struct path_layout at;
} path_layouts[] = {
    { KIND_MKDIR_X, ONE_ENTERED(0, NONE) },
    { KIND_MKDIR_2_X, ONE(1, NONE) },
    { KIND_MKDIRAT_X, ONE(2, 1) },
    { KIND_RMDIR_X, ONE_ENTERED(0, NONE) },
    { KIND_RMDIR_2_X, ONE(1, NONE) },
    { KIND_UNLINK_X, ONE_ENTERED(0, NONE) },
    { KIND_UNLINK_2_X, ONE(1, NONE) },
    { KIND_UNLINKAT_X, ONE_ENTERED(1, 0) },
    { KIND_UNLINKAT_2_X, ONE(2, 1) },
    { KIND_OPEN_X, ONE(1, NONE) },
    { KIND_OPENAT_X, ONE_ENTERED(1, 0) },
    { KIND_OPENAT_2_X, ONE(2, 1) },
    { KIND_OPENAT2_X, ONE(2, 1) },
    { KIND_CHMOD_X, ONE(1, NONE) },
    { KIND_FCHMODAT_X, ONE(2, 1) },
    { KIND_FCHMOD_X, OF_FD },
    { KIND_CHOWN_X, ONE(1, NONE) },
    { KIND_LCHOWN_X, ONE(1, NONE) },
    { KIND_FCHOWNAT_X, ONE(2, 1) },
    { KIND_FCHOWN_X, OF_FD },
    { KIND_QUOTACTL_X, ONE(1, NONE) },
    { KIND_UMOUNT_X, ONE(1, NONE) },
    { KIND_UMOUNT_1_X, ONE(1, NONE) },
    { KIND_UMOUNT2_X, ONE(1, NONE) },
    { KIND_RENAME_X, TWO(1, NONE, 2, NONE, 1, 2) },
    { KIND_RENAMEAT_X, TWO(2, 1, 4, 3, 1, 2) },
    { KIND_RENAMEAT2_X, TWO(2, 1, 4, 3, 1, 2) },
    { KIND_LINK_X, TWO_ENTERED(1, NONE, 0, NONE, 2, 1) },
    { KIND_LINKAT_X, TWO_ENTERED(3, 2, 1, 0, 2, 1) },
    { KIND_LINK_2_X, TWO(2, NONE, 1, NONE, 2, 1) },
    { KIND_LINKAT_2_X, TWO(4, 3, 2, 1, 2, 1) },
    { KIND_SYMLINK_X, TWO(2, NONE, 1, NONE, 2, 0) },
    { KIND_SYMLINKAT_X, TWO(3, 2, 1, NONE, 2, 0) },
    { KIND_MOUNT_X, TWO(1, NONE, 2, NONE, 0, 0) },
};
#undef NONE

static const struct path_layout *layout_of(uint16_t kind)
{
    for (size_t i = 0; i < sizeof(path_layouts) / sizeof(path_layouts[0]); i++) {
        if (path_layouts[i].kind == kind) {
            return &path_layouts[i].at;
        }
    }
    return NULL;
}

static struct str layout_param(const struct event *event, const struct path_layout *at, int8_t i)
{
    return at->entered ? state_enter_param(event, (unsigned)i) : event_param(event, (unsigned)i);
}

static bool succeeded(const struct event *event)
{
    int64_t res;
    if (!event_result(event, &res)) {
        return false;
    }
    bool opens = kind_table[event->kind].flags & KIND_CREATES_FD;
    return opens ? res != -1 : res == 0;
}

/* A path by its parameter; resolved unless raw. False: not there. */
static bool path_at(struct view *view, const struct path_layout *at, int8_t i, int8_t dirfd,
                    struct str *ret)
{
    if (i < 0) {
        return false;
    }
    struct str s = layout_param(view->event, at, i);
    s = str_until_nul(s.p, s.n);
    if (!s.n) {
        return false;
    }
    int64_t dir = dirfd < 0 ? DIRFD_CWD : as_i64(layout_param(view->event, at, dirfd), DIRFD_CWD);
    *ret = event_resolve(view, dir, s);
    return true;
}

static bool raw_path_at(struct view *view, const struct path_layout *at, int8_t i, struct str *ret)
{
    if (i < 0) {
        return false;
    }
    struct str s = layout_param(view->event, at, i);
    *ret = str_until_nul(s.p, s.n);
    return ret->n > 0;
}

static struct str truth_of(const struct event *event, uint8_t which)
{
    return which == 1 ? event->path : which == 2 ? event->path2 : STR("");
}

/* One of the three roles of a path in a call. */
static bool fs_path(struct view *view, enum path_role role, bool raw, struct str *ret)
{
    const struct event *event = view->event;
    const struct path_layout *at = layout_of(event->kind);
    if (!at || !succeeded(event)) {
        return false;
    }
    if (at->of_fd) {
        *ret = event->fd ? event->fd->name : STR("");
        return role == PATH_OF_EVENT && event->fd;
    }
    int8_t i = role == PATH_OF_EVENT ? at->path : role == PATH_SOURCE ? at->source : at->target;
    int8_t dir = role == PATH_OF_EVENT ? at->dirfd
                 : role == PATH_SOURCE ? at->source_dirfd
                                       : at->target_dirfd;
    if (raw) {
        return raw_path_at(view, at, i, ret);
    }
    uint8_t which = role == PATH_OF_EVENT ? 1
                    : role == PATH_SOURCE ? at->truth_source
                                          : at->truth_target;
    if (i >= 0 && truth_of(event, which).n) {
        *ret = truth_of(event, which);
        return true;
    }
    return path_at(view, at, i, dir, ret);
}

void extract_fs_path(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    enum path_role role = PATH_OF_EVENT;
    bool raw = field->id == FIELD_FS_PATH_NAMERAW || field->id == FIELD_FS_PATH_SOURCERAW ||
               field->id == FIELD_FS_PATH_TARGETRAW;
    if (field->id == FIELD_FS_PATH_SOURCE || field->id == FIELD_FS_PATH_SOURCERAW) {
        role = PATH_SOURCE;
    } else if (field->id == FIELD_FS_PATH_TARGET || field->id == FIELD_FS_PATH_TARGETRAW) {
        role = PATH_TARGET;
    }
    struct str path;
    if (fs_path(view, role, raw, &path)) {
        put_str(ret, path);
    }
}

/* evt.abspath: of calls that take a directory descriptor, whether they succeeded or not. */
static const struct path_layout *abspath_layout(uint16_t kind)
{
    switch (kind) {
    case KIND_RENAMEAT_X:
    case KIND_RENAMEAT2_X:
    case KIND_SYMLINKAT_X:
    case KIND_OPENAT_2_X:
    case KIND_OPENAT2_X:
    case KIND_LINKAT_2_X:
    case KIND_UNLINKAT_2_X:
    case KIND_MKDIRAT_X:
    case KIND_FCHMODAT_X:
    case KIND_FCHOWNAT_X:
        return layout_of(kind);
    default:
        return NULL;
    }
}

void extract_evt_abspath(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    const struct event *event = view->event;
    int64_t res;
    struct str path;
    if (!event->thread) {
        return;
    }
    if (event->kind == KIND_OPEN_BY_HANDLE_AT_X && event_result(event, &res) && res > 0) {
        put_str(ret, event_text(event, 3));
        return;
    }
    const struct path_layout *at = abspath_layout(event->kind);
    if (!at) {
        return;
    }
    bool dst = str_eq(field->key, STR("dst"));
    bool two = at->path < 0;
    /* A link's old name is its fs.path.target, but the source here; of a symlink there is the new. */
    bool link = event->kind == KIND_LINKAT_2_X;
    bool use_target = two && event->kind != KIND_SYMLINKAT_X && (dst != link);
    int8_t i = !two ? at->path : use_target ? at->target : at->source;
    int8_t dir = !two ? at->dirfd : use_target ? at->target_dirfd : at->source_dirfd;
    if (path_at(view, at, i, dir, &path)) {
        put_str(ret, path);
    }
}
