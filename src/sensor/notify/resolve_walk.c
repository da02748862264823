/*
 * resolve_walk: a path, component by component, as the kernel walks it for the target.
 *
 *     while components are left:
 *         ".." at the target's root stays; other names are opened in the directory reached so far
 *         a symbolic link (unless last and not followed): its text comes before what is left
 *         /proc/self, /proc/thread-self: the target's id in that procfs, if it can be told
 *         a magic link: jumped through with this process' own rights; `unsure` outside of the
 *                       target's own /proc/PID
 *
 * Every step is openat(2) with O_PATH | O_NOFOLLOW under the target's rights, so that its permissions
 * are the kernel's own answer. Bounded by WALK_STEPS_MAX, WALK_LINKS_MAX and WALK_TEXT_MAX.
 *
 * Sources: path_resolution(7), proc(5), pid_namespaces(7).
 */
#include "sensor/notify/resolve_internal.h"

#include "base/cleanup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#define STATUS_MAX    8192
#define PROC_ROOT_INO 1

struct walk {
    struct visit *v;
    int at;      /* directory reached; owned */
    size_t from; /* v->r->rest[from .. WALK_TEXT_MAX): what is left */
    unsigned links, steps;
    bool follow;
    bool own_proc; /* below the target's own directory of a procfs, reached by self */
    bool personal; /* a link of procfs was met */
    bool unsure;
};

struct component {
    char name[NAME_MAX + 2];
    size_t n;
    bool last, slash; /* slash: followed by one */
};

static void move_to(struct walk *w, int fd)
{
    close(w->at);
    w->at = fd;
}

/* False: too long. */
static bool put_before(struct walk *w, struct str text)
{
    if (text.n + 1 > w->from) {
        return false;
    }
    char *rest = w->v->r->rest;
    rest[--w->from] = '/';
    w->from -= text.n;
    memcpy(rest + w->from, text.p, text.n);
    return true;
}

/* -ENAMETOOLONG; 0; 1 when nothing is left. */
static int next_component(struct walk *w, struct component *ret)
{
    const char *rest = w->v->r->rest;
    size_t i = w->from;
    while (i < WALK_TEXT_MAX && rest[i] == '/') {
        i++;
    }
    size_t start = i;
    while (i < WALK_TEXT_MAX && rest[i] != '/') {
        i++;
    }
    ret->n = i - start;
    if (ret->n == 0) {
        return 1;
    }
    if (ret->n > NAME_MAX) {
        return -ENAMETOOLONG;
    }
    memcpy(ret->name, rest + start, ret->n);
    ret->name[ret->n] = 0;
    ret->slash = i < WALK_TEXT_MAX;
    while (i < WALK_TEXT_MAX && rest[i] == '/') {
        i++;
    }
    w->from = i;
    ret->last = i == WALK_TEXT_MAX;
    return 0;
}

/* A small file of /proc, as text. */
static ssize_t read_small(int dir, const char *name, char *ret, size_t size)
{
    CLEANUP(cleanup_close) int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    ssize_t n = fd < 0 ? -1 : read(fd, ret, size - 1);
    ret[n < 0 ? 0 : n] = 0;
    return n;
}

/* "NSpid:\t12\t5\n" of a status file: "12\t5". */
static struct str status_line(const char *status, const char *key)
{
    const char *line = strstr(status, key);
    if (!line) {
        return (struct str){ 0 };
    }
    line += strlen(key);
    return str_from(line, strcspn(line, "\n"));
}

/* The start time, field 22 of /proc/PID/stat. The name before may hold anything. */
static struct str start_time(const char *stat)
{
    const char *at = strrchr(stat, ')');
    for (int field = 2; at && field < 22; field++) {
        at = strchr(at + 1, ' ');
    }
    return at ? str_from(at + 1, strcspn(at + 1, " ")) : (struct str){ 0 };
}

/* Does procfs at `dir` show the target under that text ("7/task/9")? */
static bool shows_target(const struct walk *w, int dir, const char *text, struct str pids)
{
    char name[96], here[STATUS_MAX], ours[1024], theirs[1024];
    snprintf(name, sizeof(name), "%s/status", text);
    if (read_small(dir, name, here, sizeof(here)) <= 0 ||
        !str_eq(status_line(here, "\nNSpid:\t"), pids)) {
        return false;
    }
    snprintf(name, sizeof(name), "%s/stat", text);
    if (read_small(dir, name, theirs, sizeof(theirs)) <= 0) {
        return false;
    }
    snprintf(name, sizeof(name), "%lld/task/%lld/stat", (long long)w->v->target->pid,
             (long long)w->v->target->tid);
    return read_small(w->v->r->proc, name, ours, sizeof(ours)) > 0 &&
           str_eq(start_time(ours), start_time(theirs));
}

/* What "self" is for the target in the procfs at w->at: "5", or "5/task/6". False: not known. */
static bool self_text(struct walk *w, bool thread, char *ret, size_t size)
{
    char name[64], status[STATUS_MAX];
    snprintf(name, sizeof(name), "%lld/task/%lld/status", (long long)w->v->target->pid,
             (long long)w->v->target->tid);
    if (read_small(w->v->r->proc, name, status, sizeof(status)) <= 0) {
        return false;
    }
    struct str groups = status_line(status, "\nNStgid:\t");
    struct str pids = status_line(status, "\nNSpid:\t");
    while (groups.n && pids.n) {
        struct str group = str_first(groups, strcspn(groups.p, "\t\n"));
        struct str pid = str_first(pids, strcspn(pids.p, "\t\n"));
        char text[64];
        snprintf(text, sizeof(text), "%.*s/task/%.*s", STR_ARG(group), STR_ARG(pid));
        if (shows_target(w, w->at, text, pids)) {
            snprintf(ret, size, "%.*s", thread ? (int)strlen(text) : (int)group.n, text);
            return true;
        }
        groups = str_from_offset(groups, group.n + 1);
        pids = str_from_offset(pids, pid.n + 1);
    }
    return false;
}

static bool is_procfs(int fd)
{
    struct statfs fs;
    return fstatfs(fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC;
}

static bool is_self(const struct component *c)
{
    struct str name = { c->name, c->n };
    return str_eqz(name, "self") || str_eqz(name, "thread-self");
}

/* Is w->at the root of a procfs? */
static bool at_proc_root(const struct walk *w)
{
    struct stat st;
    return is_procfs(w->at) && fstat(w->at, &st) == 0 && st.st_ino == PROC_ROOT_INO;
}

static bool is_magic(const struct walk *w, const char *name)
{
    struct open_how how = { .flags = O_PATH | O_CLOEXEC, .resolve = RESOLVE_NO_MAGICLINKS };
    CLEANUP(cleanup_close)
    int fd = (int)syscall(SYS_openat2, w->at, name, &how, sizeof(how));
    /* EACCES: it asks who follows it, as only magic links do. */
    return fd < 0 && (errno == ELOOP || errno == EACCES);
}

/* Through a link whose text means nothing. The target may always follow its own. */
static int jump(struct walk *w, const struct component *c)
{
    w->unsure = w->unsure || !w->own_proc;
    w->own_proc = false;
    visit_leave(w->v);
    int fd = openat(w->at, c->name, O_PATH | O_CLOEXEC);
    int e = -errno;
    w->unsure = w->unsure || fd < 0;
    visit_enter(w->v);
    return fd < 0 ? e : fd;
}

/* 0: walk on; -errno. */
static int follow_text(struct walk *w, const struct component *c, struct str text)
{
    if (text.n == 0) {
        return -ENOENT;
    }
    if (c->last && !c->slash) {
        w->v->r->rest[WALK_TEXT_MAX - 1] = text.p[text.n - 1];
        w->from = WALK_TEXT_MAX - text.n;
        memcpy(w->v->r->rest + w->from, text.p, text.n);
    } else if (!put_before(w, text)) {
        w->unsure = true;
        return -ENAMETOOLONG;
    }
    if (text.p[0] == '/') {
        int root = fcntl(w->v->root, F_DUPFD_CLOEXEC, 0);
        if (root < 0) {
            return -errno;
        }
        w->own_proc = false;
        move_to(w, root);
    }
    return 0;
}

/* A link that is to be followed. 0: walk on; a descriptor + 1 when it was jumped through; -errno. */
static int follow_link(struct walk *w, const struct component *c, int link)
{
    if (++w->links > WALK_LINKS_MAX) {
        return -ELOOP;
    }
    if (is_procfs(link)) {
        w->personal = true;
        if (is_self(c) && at_proc_root(w)) {
            char text[64];
            if (!self_text(w, c->name[0] == 't', text, sizeof(text))) {
                w->unsure = true;
                return -ENOENT;
            }
            w->own_proc = true;
            return follow_text(w, c, str_of(text));
        }
        if (is_magic(w, c->name)) {
            int fd = jump(w, c);
            return fd < 0 ? fd : fd + 1;
        }
    }
    ssize_t n = readlinkat(link, "", w->v->r->link, sizeof(w->v->r->link));
    return n < 0 ? -errno : follow_text(w, c, str_from(w->v->r->link, (size_t)n));
}

static int open_component(struct walk *w, const struct component *c)
{
    const char *name = c->name;
    if (str_eqz(str_from(name, c->n), "..")) {
        struct place here;
        struct statx facts;
        int e = place_of(w->at, &here, &facts);
        if (e < 0) {
            return e;
        }
        w->own_proc = false;
        name = place_eq(&here, &w->v->root_place) ? "." : name;
    }
    int fd = openat(w->at, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

static int missing(struct walk *w, const struct component *c, struct spot *spot)
{
    if (c->last) {
        memcpy(spot->name, c->name, c->n + 1);
        spot->name_n = c->n;
        spot->slash = c->slash;
        spot->parent = w->at;
        w->at = -1;
    }
    return -ENOENT;
}

static bool is_directory(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISDIR(st.st_mode);
}

static bool is_link(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISLNK(st.st_mode);
}

/* Arrived at what the component names. 0: walk on; 1: found; -errno. */
static int arrive(struct walk *w, const struct component *c, int fd, struct spot *spot)
{
    if ((!c->last || c->slash) && !is_directory(fd)) {
        close(fd);
        return -ENOTDIR;
    }
    if (c->last) {
        spot->fd = fd;
        return 1;
    }
    move_to(w, fd);
    return 0;
}

static int step(struct walk *w, const struct component *c, struct spot *spot)
{
    int fd = open_component(w, c);
    if (fd == -ENOENT) {
        return missing(w, c, spot);
    }
    if (fd < 0) {
        return fd;
    }
    if (!is_link(fd) || (c->last && !c->slash && !w->follow)) {
        return arrive(w, c, fd, spot);
    }
    int next = follow_link(w, c, fd);
    close(fd);
    return next <= 0 ? next : arrive(w, c, next - 1, spot);
}

/* A file system that refuses everyone but its owner: what it tells us is not for the target. */
static bool refuses_strangers(int fd)
{
    struct statfs fs;
    return fstatfs(fd, &fs) < 0 || fs.f_type == FUSE_SUPER_MAGIC;
}

static int finish(struct walk *w, int e, struct spot *spot)
{
    if (e == 1) {
        return 0;
    }
    if (w->at >= 0 && (e == -EACCES || e == -EPERM) && refuses_strangers(w->at)) {
        w->unsure = true;
    }
    if (e == 0) {
        spot->fd = w->at;
        w->at = -1;
    }
    return e;
}

static int walk_all(struct walk *w, struct spot *spot)
{
    struct component c;
    for (;;) {
        if (++w->steps > WALK_STEPS_MAX) {
            w->unsure = true;
            return -ELOOP;
        }
        int e = next_component(w, &c);
        if (e != 0) {
            return e < 0 ? e : 0;
        }
        e = step(w, &c, spot);
        if (e != 0) {
            return e;
        }
    }
}

int walk_path(struct visit *v, const struct walk_query *query, struct spot *spot,
              struct walk_marks *ret)
{
    struct walk w = {
        .v = v, .at = query->base, .from = WALK_TEXT_MAX - query->path.n, .follow = query->follow
    };
    memcpy(v->r->rest + w.from, query->path.p, query->path.n);
    visit_enter(v);
    int e = finish(&w, walk_all(&w, spot), spot);
    if (w.at >= 0) {
        close(w.at);
    }
    *ret = (struct walk_marks){ w.unsure, w.personal, w.links };
    return e;
}
