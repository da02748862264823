/*
 * resolve: which file a path names for another task.
 *
 * The usual case takes one openat2(2) from the target's root (or, for relative paths, beneath the
 * directory they start from), one readlink of the descriptor and one statx. d_path() tells the path
 * from this process' root, or from the top of the target's mount namespace; the root's own path, told the
 * same way, is cut off. What that cannot answer (links that end nowhere, magic links, /proc/self, ".." out
 * of the starting directory, a refusal) is walked component by component in resolve_walk.c.
 *
 * Nothing is opened but with O_PATH: no device, no FIFO, no automount at the last component.
 *
 * Sources: openat2(2), path_resolution(7), proc(5).
 */
#include "sensor/notify/resolve_internal.h"

#include "base/arena.h"
#include "base/cleanup.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#define MISSING_MAX 8 /* directories of a path, one in the other */
#define AGAIN_MAX   8 /* openat2 says EAGAIN when a rename anywhere raced with ".." */
#define DELETED     STR(" (deleted)")

void spot_init(struct spot *spot)
{
    *spot = (struct spot){ .fd = -1, .parent = -1 };
}

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
}

void spot_done(struct spot *spot)
{
    close_fd(&spot->fd);
    close_fd(&spot->parent);
}

ssize_t path_of_fd(const struct resolver *r, int fd, char *ret, size_t size)
{
    char name[16];
    snprintf(name, sizeof(name), "%d", fd);
    ssize_t n = readlinkat(r->fds, name, ret, size);
    return n < 0 ? -errno : n;
}

#ifndef STATX_MNT_ID_UNIQUE
#define STATX_MNT_ID_UNIQUE 0x4000U
#endif

int place_of(int fd, struct place *ret, struct statx *ret_facts)
{
    if (statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_BASIC_STATS | STATX_MNT_ID_UNIQUE,
              ret_facts) < 0) {
        return -errno;
    }
    bool unique = ret_facts->stx_mask & STATX_MNT_ID_UNIQUE;
    if (!unique && statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC,
                         STATX_BASIC_STATS | STATX_MNT_ID, ret_facts) < 0) {
        return -errno;
    }
    *ret = (struct place){ .mount = ret_facts->stx_mnt_id,
                           .dev = makedev(ret_facts->stx_dev_major, ret_facts->stx_dev_minor),
                           .ino = ret_facts->stx_ino,
                           .unique = unique };
    return 0;
}

/* Start of a visit. */

static bool is_top_root(const struct resolver *r, const struct place *root)
{
    for (unsigned i = 0; i < TOP_ROOTS; i++) {
        if (root->unique && place_eq(&r->top[i], root)) {
            return true;
        }
    }
    return false;
}

/* A root at the top of its mounts stays there as long as the mount lives; others can be renamed. */
static int read_prefix(struct visit *v)
{
    struct resolver *r = v->r;
    v->prefix_n = 0;
    if (is_top_root(r, &v->root_place)) {
        return 0;
    }
    ssize_t n = path_of_fd(r, v->root, v->prefix, sizeof(v->prefix));
    if (n < 0) {
        return (int)n;
    }
    if (n == 1) {
        r->top[r->ntop++ % TOP_ROOTS] = v->root_place;
    } else {
        v->prefix_n = (size_t)n;
    }
    return 0;
}

/* What is the thread's own, once it is known which thread that is. */
static int bind_thread(struct resolver *r)
{
    if (!r->bound) {
        int e = rights_init(r);
        if (e < 0) {
            return e;
        }
        r->own_fs = unshare(CLONE_FS) == 0;
        r->bound = true;
    }
    return 0;
}

int visit_start(struct visit *v, struct resolver *r, const struct target *target, bool exact)
{
    v->r = r;
    v->target = target;
    v->exact = exact;
    v->inside = v->foreign = false;
    v->prefix_n = 0;
    v->root = -1;
    int e = bind_thread(r);
    if (e < 0) {
        return e;
    }
    char name[40];
    snprintf(name, sizeof(name), "%lld/root", (long long)target->tid);
    v->root = openat(r->proc, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (v->root < 0) {
        return -errno;
    }
    struct statx facts;
    e = place_of(v->root, &v->root_place, &facts);
    e = e < 0 ? e : read_prefix(v);
    if (e < 0) {
        close_fd(&v->root);
    }
    return e;
}

void visit_enter(struct visit *v)
{
    if (!v->inside) {
        v->inside = true;
        v->foreign = !rights_enter(v->r, v->target, v->exact) || v->foreign;
    }
}

void visit_leave(struct visit *v)
{
    if (v->inside) {
        v->inside = false;
        v->foreign = !rights_leave(v->r) || v->foreign;
    }
}

void visit_end(struct visit *v)
{
    visit_leave(v);
    close_fd(&v->root);
}

int visit_open_base(struct visit *v, int64_t dirfd)
{
    visit_leave(v);
    char name[48];
    if ((int)dirfd == AT_FDCWD) {
        snprintf(name, sizeof(name), "%lld/cwd", (long long)v->target->tid);
    } else {
        snprintf(name, sizeof(name), "%lld/fd/%d", (long long)v->target->tid, (int)dirfd);
    }
    int fd = openat(v->r->proc, name, O_PATH | O_CLOEXEC);
    int e = -errno;
    return fd >= 0 ? fd : e == -ENOENT && (int)dirfd != AT_FDCWD ? -EBADF : e;
}

/* Paths as text. */

static uint64_t ns_of(const struct statx_timestamp *t)
{
    return t->tv_sec < 0 ? 0 : (uint64_t)t->tv_sec * UINT64_C(1000000000) + t->tv_nsec;
}

static void take_facts(struct resolved *ret, const struct statx *facts)
{
    ret->ino = facts->stx_ino;
    ret->dev = makedev(facts->stx_dev_major, facts->stx_dev_minor);
    ret->mode = facts->stx_mode;
    ret->uid = facts->stx_uid;
    ret->gid = facts->stx_gid;
    ret->mtime_ns = ns_of(&facts->stx_mtime);
    ret->ctime_ns = ns_of(&facts->stx_ctime);
}

/* From the target's root, if it is below it. */
static struct str without_prefix(const struct visit *v, struct str path, bool *ret_outside)
{
    struct str prefix = { v->prefix, v->prefix_n };
    if (prefix.n == 0 || path.n == 0 || path.p[0] != '/') {
        return path;
    }
    if (!str_starts(path, prefix) || (path.n > prefix.n && path.p[prefix.n] != '/')) {
        *ret_outside = true;
        return path;
    }
    return path.n == prefix.n ? STR("/") : str_from_offset(path, prefix.n);
}

/* " (deleted)" may also be the end of a real name. */
static void cut_deleted(const struct statx *facts, struct resolved *ret)
{
    if (facts->stx_nlink == 0 && str_ends(ret->path, DELETED)) {
        ret->path.n -= DELETED.n;
        ret->deleted = true;
    }
}

int visit_describe(struct visit *v, int fd, struct resolved *ret, struct place *ret_place)
{
    struct statx facts;
    int e = place_of(fd, ret_place, &facts);
    if (e < 0) {
        return e;
    }
    take_facts(ret, &facts);
    ssize_t n = path_of_fd(v->r, fd, ret->storage, sizeof(ret->storage));
    if (n < 0) {
        return (int)n;
    }
    bool outside = false;
    ret->path = without_prefix(v, str_from(ret->storage, (size_t)n), &outside);
    ret->unsure = ret->unsure || outside;
    cut_deleted(&facts, ret);
    return 0;
}

/* Path of what is missing in the directory whose path it has. */
static void append_name(struct resolved *ret, struct str name)
{
    if (ret->path.p < ret->storage || ret->path.p >= ret->storage + sizeof(ret->storage)) {
        ret->path.p = memcpy(ret->storage, ret->path.p, ret->path.n);
    }
    size_t at = (size_t)(ret->path.p - ret->storage) + ret->path.n;
    bool slash = ret->path.n == 0 || ret->path.p[ret->path.n - 1] != '/';
    if (at + slash + name.n > sizeof(ret->storage)) {
        ret->cut = true;
        return;
    }
    if (slash) {
        ret->storage[at++] = '/';
    }
    memcpy(ret->storage + at, name.p, name.n);
    ret->path.n = at + name.n - (size_t)(ret->path.p - ret->storage);
}

static void forget_facts(struct resolved *ret)
{
    ret->ino = ret->dev = ret->mtime_ns = ret->ctime_ns = 0;
    ret->mode = ret->uid = ret->gid = 0;
    ret->deleted = false;
}

static void describe_missing(struct visit *v, const struct spot *spot, struct resolved *ret)
{
    struct place place;
    ret->error = -ENOENT;
    ret->parent_exists = true;
    if (visit_describe(v, spot->parent, ret, &place) == 0) {
        append_name(ret, str_from(spot->name, spot->name_n));
        ret->personal = ret->personal || ret->deleted;
    } else {
        ret->unsure = true;
    }
    forget_facts(ret);
}

/* "." and ".." taken out by text alone: for paths that lead nowhere. */
static void add_cleaned(struct resolved *ret, struct str text)
{
    while (text.n) {
        ptrdiff_t slash = str_find_char(text, '/');
        struct str name = slash < 0 ? text : str_first(text, (size_t)slash);
        text = str_from_offset(text, name.n + 1);
        if (name.n == 0 || str_eqz(name, ".")) {
            continue;
        }
        if (!str_eqz(name, "..")) {
            append_name(ret, name);
            continue;
        }
        ptrdiff_t last = str_find_last(ret->path, '/');
        ret->path.n = last > 0 ? (size_t)last : 1;
    }
}

/* The path as the caller said it, made absolute. `base` -1: from the root. */
static void describe_text(struct visit *v, int base, struct str path, struct resolved *ret)
{
    struct place place;
    if (base < 0 || visit_describe(v, base, ret, &place) < 0 || ret->path.n == 0 ||
        ret->path.p[0] != '/') {
        ret->path = STR("/");
    }
    add_cleaned(ret, path);
    forget_facts(ret);
}

/* The quick way. */

static int open_path(int base, const char *path, uint64_t flags, uint64_t resolve)
{
    struct open_how how = { .flags = O_PATH | O_CLOEXEC | flags,
                            .resolve = resolve | RESOLVE_NO_MAGICLINKS };
    for (int i = 0; i < AGAIN_MAX; i++) {
        int fd = (int)syscall(SYS_openat2, base, path, &how, sizeof(how));
        if (fd >= 0 || (errno != EAGAIN && errno != EINTR)) {
            return fd >= 0 ? fd : -errno;
        }
    }
    return -EAGAIN;
}

/* Does a component of the path look like this process in /proc? Then /proc/self may have led there. */
static bool names_this_process(const struct resolver *r, struct str path)
{
    for (unsigned i = 0; i < r->npids; i++) {
        struct str pid = str_of(r->pids[i]);
        ptrdiff_t at = str_find(path, pid);
        if (at > 0 && path.p[at - 1] == '/' &&
            ((size_t)at + pid.n == path.n || path.p[(size_t)at + pid.n] == '/')) {
            return true;
        }
    }
    return false;
}

struct start {
    int base;         /* directory of the first component */
    uint64_t resolve; /* RESOLVE_IN_ROOT, or RESOLVE_BENEATH for relative paths */
};

/* Splits "a/b/c" into its directory, NUL-terminated in r->link, and last name. "": the start itself. */
static void split_last(struct resolver *r, struct str path, struct str *ret_name)
{
    ptrdiff_t slash = str_find_last(path, '/');
    size_t n = (size_t)(slash + 1);
    assert(r);
    if (n) {
        memcpy(r->link, path.p, n);
    }
    memcpy(r->link + n, n ? "" : ".", n ? 1 : 2);
    *ret_name = str_from_offset(path, n);
}

static bool take_name(struct spot *spot, struct str name)
{
    if (name.n > NAME_MAX) {
        return false;
    }
    memcpy(spot->name, name.p, name.n);
    spot->name[name.n] = 0;
    spot->name_n = name.n;
    return true;
}

/* The last name in its directory, not followed. -EAGAIN: only the walk can tell. */
static int quick_entry(struct visit *v, const struct start *start, struct str path,
                       struct spot *spot, struct resolved *ret)
{
    struct str name;
    split_last(v->r, path, &name);
    if (!take_name(spot, name)) {
        return -EAGAIN;
    }
    int e = open_path(start->base, v->r->link, O_DIRECTORY, start->resolve);
    if (e < 0) {
        return -EAGAIN;
    }
    spot->parent = e;
    e = open_path(spot->parent, spot->name, O_NOFOLLOW, 0);
    if (e < 0 && e != -ENOENT) {
        return -EAGAIN;
    }
    spot->fd = e < 0 ? -1 : e;
    e = e < 0 ? e : visit_describe(v, spot->fd, ret, &spot->place);
    if (e == -ENOENT) {
        describe_missing(v, spot, ret);
    }
    return (e < 0 && e != -ENOENT) || names_this_process(v->r, ret->path) ? -EAGAIN : 0;
}

/* The directory of "a/b/c" is missing: the last above it that is there, open, and what of the path is behind.
 * -EAGAIN: too far up. */
static int last_directory(struct visit *v, const struct start *start, struct str path,
                          struct str *ret_rest)
{
    struct str dir = path;
    for (int i = 0; i < MISSING_MAX; i++) {
        ptrdiff_t slash = str_find_last(str_first(dir, dir.n - 1), '/');
        if (slash <= 0) {
            return -EAGAIN;
        }
        dir = str_first(path, (size_t)slash);
        memcpy(v->r->link, dir.p, dir.n);
        v->r->link[dir.n] = 0;
        int fd = open_path(start->base, v->r->link, O_DIRECTORY, start->resolve);
        if (fd != -ENOENT) {
            *ret_rest = str_from_offset(path, dir.n);
            return fd < 0 ? -EAGAIN : fd;
        }
    }
    return -EAGAIN;
}

/* Directories of the path are missing too, and no link leads to where they would be. Only the path is told.
 * -EAGAIN: only the walk can tell. */
static int quick_nothing(struct visit *v, const struct start *start, struct str path,
                         struct spot *spot, struct resolved *ret)
{
    struct str rest = { 0 };
    struct place place;
    if (str_find(path, STR("..")) >= 0) {
        return -EAGAIN;
    }
    CLEANUP(close_fd) int dir = last_directory(v, start, path, &rest);
    while (rest.n > 0 && *rest.p == '/') {
        rest = str_from_offset(rest, 1);
    }
    ptrdiff_t end = str_find_char(rest, '/');
    if (dir < 0 || end <= 0 || !take_name(spot, str_first(rest, (size_t)end))) {
        return -EAGAIN;
    }
    CLEANUP(close_fd) int link = open_path(dir, spot->name, O_NOFOLLOW, 0);
    if (link != -ENOENT || visit_describe(v, dir, ret, &place) < 0 || ret->deleted) {
        return -EAGAIN;
    }
    add_cleaned(ret, rest);
    ret->error = -ENOENT;
    forget_facts(ret);
    return names_this_process(v->r, ret->path) ? -EAGAIN : 0;
}

/* What is there. -EAGAIN: only the walk can tell. */
static int quick_object(struct visit *v, const struct start *start, bool follow, struct spot *spot,
                        struct resolved *ret)
{
    int fd = open_path(start->base, v->r->text, follow ? 0 : O_NOFOLLOW, start->resolve);
    if (fd == -ENOENT) {
        struct str text = str_of(v->r->text);
        bool plain = text.n && text.p[text.n - 1] != '/';
        if (plain && quick_entry(v, start, text, spot, ret) == 0) {
            return spot->fd < 0 ? 0 : -EAGAIN;
        }
        return plain && spot->parent < 0 ? quick_nothing(v, start, text, spot, ret) : -EAGAIN;
    }
    if (fd < 0) {
        return -EAGAIN;
    }
    spot->fd = fd;
    int e = visit_describe(v, fd, ret, &spot->place);
    return e < 0 || names_this_process(v->r, ret->path) ? -EAGAIN : 0;
}

static void reset(struct spot *spot, struct resolved *ret)
{
    bool slash = spot->slash;
    spot_done(spot);
    spot_init(spot);
    spot->slash = slash;
    ret->parent_exists = ret->cut = ret->deleted = ret->unsure = ret->personal = false;
    ret->error = 0;
    ret->path = (struct str){ 0 };
    forget_facts(ret);
}

/* The long way. */

static void tell(struct visit *v, const struct start *start, int e, struct spot *spot,
                 struct resolved *ret)
{
    if (e == 0 && visit_describe(v, spot->fd, ret, &spot->place) == 0) {
        return;
    }
    ret->error = e;
    if (e == -ENOENT && spot->parent >= 0) {
        describe_missing(v, spot, ret);
        return;
    }
    /* Found, with a path too long for the kernel to say: facts stay. */
    struct resolved *facts = e == 0 ? ret : NULL;
    uint32_t mode = facts ? ret->mode : 0;
    ret->unsure = ret->unsure || e == 0;
    describe_text(v, start->base == v->root ? -1 : start->base, str_of(v->r->text), ret);
    ret->mode = mode;
}

static void long_walk(struct visit *v, const struct start *start, bool follow, struct spot *spot,
                      struct resolved *ret)
{
    int base = fcntl(start->base, F_DUPFD_CLOEXEC, 0);
    struct walk_query query = { .base = base, .path = str_of(v->r->text), .follow = follow };
    struct walk_marks marks = { 0 };
    int e = base < 0 ? -errno : walk_path(v, &query, spot, &marks);
    /* Where a link's target would be, were its directory there, is not told. */
    bool vague = e == -ENOENT && spot->parent < 0 && marks.links > 0;
    ret->personal = marks.personal || vague;
    tell(v, start, e, spot, ret);
    ret->unsure = ret->unsure || marks.unsure;
}

/* Walks to the directory first, then looks at the name: both are open. */
static void long_entry(struct visit *v, const struct start *start, struct spot *spot,
                       struct resolved *ret)
{
    struct str text = str_of(v->r->text), name;
    split_last(v->r, text, &name);
    struct walk_query query = { .base = fcntl(start->base, F_DUPFD_CLOEXEC, 0),
                                .path = str_of(v->r->link),
                                .follow = true };
    struct walk_marks marks = { 0 };
    int e = query.base < 0 ? -errno : walk_path(v, &query, spot, &marks);
    ret->personal = true;
    close_fd(&spot->parent);
    if (e == 0) {
        spot->parent = TAKE_FD(spot->fd);
        e = take_name(spot, name) ? open_path(spot->parent, spot->name, O_NOFOLLOW, 0)
                                  : -ENAMETOOLONG;
        spot->fd = e < 0 ? -1 : e;
    }
    tell(v, start, e < 0 ? e : 0, spot, ret);
    ret->unsure = ret->unsure || marks.unsure;
}

/* For SPOT_ENTRY: without trailing slashes. The last name, if it is no name to be made or removed. */
static unsigned trim_entry(struct resolver *r, unsigned how, struct spot *spot)
{
    size_t n = strlen(r->text);
    while (n > 1 && r->text[n - 1] == '/') {
        r->text[--n] = 0;
        spot->slash = true;
    }
    struct str name;
    split_last(r, str_from(r->text, n), &name);
    spot->dots = name.n == 0 || str_eqz(name, ".") || str_eqz(name, "..");
    return spot->dots ? (how & ~(unsigned)SPOT_ENTRY) | SPOT_FOLLOW : how;
}

static void find_from(struct visit *v, const struct start *start, unsigned how, struct spot *spot,
                      struct resolved *ret)
{
    bool dots = false;
    if (how & SPOT_ENTRY) {
        how = trim_entry(v->r, how, spot);
        dots = spot->dots;
    }
    visit_enter(v);
    bool self = str_starts(str_of(v->r->text), STR("/proc/self")) ||
                str_starts(str_of(v->r->text), STR("/proc/thread-self"));
    int e = -EAGAIN;
    if (!self) {
        e = how & SPOT_ENTRY ? quick_entry(v, start, str_of(v->r->text), spot, ret)
                             : quick_object(v, start, how & SPOT_FOLLOW, spot, ret);
    }
    if (e < 0) {
        reset(spot, ret);
        if (how & SPOT_ENTRY) {
            long_entry(v, start, spot, ret);
        } else {
            long_walk(v, start, how & SPOT_FOLLOW, spot, ret);
        }
    }
    spot->dots = dots;
}

static void clear(struct resolved *ret)
{
    memset(ret, 0, offsetof(struct resolved, storage));
}

/* A path that is no path for the kernel. */
static int check_text(struct resolver *r, struct str path)
{
    if (path.n == 0) {
        return -ENOENT;
    }
    if (path.n >= sizeof(r->text)) {
        return -ENAMETOOLONG;
    }
    memcpy(r->text, path.p, path.n);
    r->text[path.n] = 0;
    return 0;
}

void visit_find(struct visit *v, const struct query *query, struct spot *spot, struct resolved *ret)
{
    clear(ret);
    spot_init(spot);
    struct str path = str_until_nul(query->path.p, query->path.n);
    int e = check_text(v->r, path);
    CLEANUP(cleanup_close) int base = -1;
    struct start start = { .base = v->root, .resolve = RESOLVE_IN_ROOT };
    if (e == 0 && path.p[0] != '/') {
        base = visit_open_base(v, query->dirfd);
        e = base < 0 ? base : 0;
        start = (struct start){ .base = base, .resolve = RESOLVE_BENEATH };
    }
    if (e < 0) {
        ret->error = e;
        ret->unsure = e != -ENOENT && e != -ENAMETOOLONG && e != -EBADF;
        describe_text(v, -1, str_first(path, PATH_MAX), ret);
        ret->cut = ret->cut || path.n >= PATH_MAX;
    } else {
        find_from(v, &start, query->how, spot, ret);
    }
    ret->unsure = ret->unsure || v->foreign;
}

void visit_find_fd(struct visit *v, int64_t fd, struct spot *spot, struct resolved *ret)
{
    clear(ret);
    spot_init(spot);
    spot->fd = visit_open_base(v, fd);
    if (spot->fd < 0) {
        ret->error = spot->fd;
        ret->unsure = spot->fd != -EBADF;
        spot->fd = -1;
        return;
    }
    ret->unsure = visit_describe(v, spot->fd, ret, &spot->place) < 0;
}

static void cannot_look(struct str path, struct resolved *ret)
{
    clear(ret);
    ret->unsure = true;
    ret->path = STR("/");
    if (path.n && path.p[0] == '/') {
        add_cleaned(ret, str_first(path, PATH_MAX));
    } else {
        ret->path = (struct str){ 0 };
    }
}

/* A resolver. */

static bool read_switch(int proc, const char *name)
{
    CLEANUP(cleanup_close) int fd = openat(proc, name, O_RDONLY | O_CLOEXEC);
    char value = '0';
    return fd >= 0 && read(fd, &value, 1) == 1 && value != '0';
}

/* This process' ids, outermost namespace first, and its umask. */
static void read_status(struct resolver *r)
{
    char status[8192];
    CLEANUP(cleanup_close) int fd = openat(r->proc, "self/status", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, status, sizeof(status) - 1);
    status[n < 0 ? 0 : n] = 0;
    const char *umask_line = strstr(status, "\nUmask:\t");
    r->umask = umask_line ? (uint32_t)strtoul(umask_line + 8, NULL, 8) : 0777;
    const char *at = strstr(status, "\nNStgid:");
    at = at ? at + 8 : "";
    while (*at == '\t' && r->npids < OWN_PIDS_MAX) {
        size_t digits = strspn(++at, "0123456789");
        snprintf(r->pids[r->npids++], sizeof(r->pids[0]), "%.*s", (int)digits, at);
        at += digits;
    }
}

static int open_proc(struct resolver *r, struct err *err)
{
    r->proc = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    r->fds = r->proc < 0 ? -1 : openat(r->proc, "self/fd", O_PATH | O_DIRECTORY | O_CLOEXEC);
    return r->fds < 0 ? err_set(err, -errno, "cannot open /proc: %s", strerror(errno)) : 0;
}

int resolver_new(struct resolver **ret, struct err *err)
{
    struct resolver *r = mem_zalloc(sizeof(*r));
    if (!r) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    r->proc = r->fds = -1;
    int e = open_proc(r, err);
    if (e < 0) {
        resolver_free(r);
        return e;
    }
    read_status(r);
    r->hardlinks = read_switch(r->proc, "sys/fs/protected_hardlinks");
    r->sticky_create = read_switch(r->proc, "sys/fs/protected_fifos") ||
                       read_switch(r->proc, "sys/fs/protected_regular");
    *ret = r;
    return 0;
}

void resolver_free(struct resolver *r)
{
    if (r) {
        close_fd(&r->fds);
        close_fd(&r->proc);
        free(r);
    }
}

void resolve_path(struct resolver *resolver, const struct target *target, int64_t dirfd,
                  struct str path, bool follow, struct resolved *ret)
{
    CLEANUP(cleanup_visit_end) struct visit v = { .root = -1 };
    if (visit_start(&v, resolver, target, false) < 0) {
        cannot_look(path, ret);
        return;
    }
    struct query query = { .dirfd = dirfd, .path = path, .how = follow ? SPOT_FOLLOW : 0 };
    CLEANUP(spot_done) struct spot spot;
    visit_find(&v, &query, &spot, ret);
    visit_leave(&v);
    ret->unsure = ret->unsure || v.foreign;
}

void resolve_fd(struct resolver *resolver, const struct target *target, int64_t fd,
                struct resolved *ret)
{
    CLEANUP(cleanup_visit_end) struct visit v = { .root = -1 };
    if (visit_start(&v, resolver, target, false) < 0) {
        cannot_look((struct str){ 0 }, ret);
        return;
    }
    CLEANUP(spot_done) struct spot spot;
    visit_find_fd(&v, fd, &spot, ret);
}
