/*
 * users: a scope for each container: whose root its names come from, the stamps of both files, the ids
 * that were given to the state.
 *
 * Shape: users_refresh() finds the scope and whether anything is due; a job (limited.h) opens and, where
 * its stamp is new, reads each file; what it read is then given to the state. Files are looked at through
 * O_PATH descriptors before they are opened, so that no device or FIFO is ever opened.
 *
 * Invariant: nothing a file holds decides more than names: sizes, lines and entries have limits.
 */
#include "sensor/live/users.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/map.h"
#include "sensor/live/limited.h"
#include "sensor/live/proc_file.h"
#include "sensor/live/proc_text.h"
#include "sensor/live/users_text.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/stat.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#define FILES     2
#define PATH_SIZE 64

/* What tells that a file changed. All zero: there is none. */
struct stamp {
    uint64_t dev, ino, size, mtime_ns, ctime_ns;
};

/* Ids given to the state, by file. */
struct known {
    uint32_t *ids;
    uint32_t n;
};

/* Where names come from. */
struct origin {
    uint64_t mount_ns, dev, ino;
};

struct scope {
    struct origin origin;
    uint64_t checked_ns, met_ns; /* 0 never */
    struct stamp stamp[FILES];
    struct known known[FILES];
    size_t id_n;
    char id[];
};

struct users {
    struct state *state;
    struct limiter *limiter;
    struct smap scopes;
    void (*told)(void *data, const struct users_change *change);
    void *data; /* its */
};

static const char *const files[FILES] = { "etc/passwd", "etc/group" };

struct job {
    struct limited_job limited; /* first */
    int root;
    struct stamp stamp[FILES]; /* in: as known; out: as found */
    struct buf text[FILES];
    bool is_new[FILES];
};

int users_new(struct state *state, struct users **ret)
{
    struct users *users = mem_zalloc(sizeof(*users));
    if (!users || limiter_new(&users->limiter) < 0) {
        free(users);
        return -ENOMEM;
    }
    users->state = state;
    *ret = users;
    return 0;
}

void users_listen(struct users *users, void (*told)(void *data, const struct users_change *change),
                  void *data)
{
    users->told = told;
    users->data = data;
}

void users_free(struct users *users)
{
    if (!users) {
        return;
    }
    size_t cursor = 0;
    for (const struct smap_slot *slot; (slot = smap_next(&users->scopes, &cursor));) {
        struct scope *scope = slot->value;
        free(scope->known[0].ids);
        free(scope->known[1].ids);
        free(scope);
    }
    smap_done(&users->scopes);
    limiter_free(users->limiter);
    free(users);
}

static struct str scope_id(const struct scope *scope)
{
    return str_from(scope->id, scope->id_n);
}

static int scope_get(struct users *users, struct str id, struct scope **ret)
{
    *ret = smap_get(&users->scopes, id);
    if (*ret) {
        return 0;
    }
    if (users->scopes.count >= USERS_SCOPES_MAX) {
        return -ENOSPC;
    }
    struct scope *scope = mem_zalloc(sizeof(*scope) + id.n);
    if (!scope) {
        return -ENOMEM;
    }
    if (id.n > 0) {
        memcpy(scope->id, id.p, id.n);
    }
    scope->id_n = id.n;
    if (smap_put(&users->scopes, scope_id(scope), scope) < 0) {
        free(scope);
        return -ENOMEM;
    }
    *ret = scope;
    return 0;
}

static uint64_t ns_of(const struct timespec *t)
{
    return (uint64_t)t->tv_sec * NS_PER_S + (uint64_t)t->tv_nsec;
}

/* The file by a descriptor that only names it; -1 when there is no regular one. */
static int find_file(int root, const char *path, struct stamp *ret)
{
    struct open_how how = { .flags = O_PATH | O_CLOEXEC,
                            .resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
    int fd CLEANUP(cleanup_close) = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        return -1;
    }
    *ret = (struct stamp){ .dev = st.st_dev,
                           .ino = st.st_ino,
                           .size = (uint64_t)st.st_size,
                           .mtime_ns = ns_of(&st.st_mtim),
                           .ctime_ns = ns_of(&st.st_ctim) };
    return TAKE_FD(fd);
}

/* At most the limit, whatever the file grows to meanwhile. */
static void read_text(int named, struct buf *buf)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", named);
    int fd CLEANUP(cleanup_close) = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    while (fd >= 0 && buf->n < USERS_FILE_MAX) {
        size_t room = USERS_FILE_MAX - buf->n;
        room = room < (64 << 10) ? room : 64 << 10;
        char *at = buf_reserve(buf, room);
        ssize_t n = at ? read(fd, at, room) : 0;
        if (n <= 0) {
            break;
        }
        buf->n += (size_t)n;
    }
}

static void job_run(struct limited_job *limited)
{
    struct job *job = (struct job *)limited;
    for (unsigned i = 0; i < FILES; i++) {
        struct stamp stamp = { 0 };
        int fd CLEANUP(cleanup_close) = find_file(job->root, files[i], &stamp);
        job->is_new[i] = memcmp(&stamp, &job->stamp[i], sizeof(stamp)) != 0;
        job->stamp[i] = stamp;
        if (fd >= 0 && job->is_new[i]) {
            read_text(fd, &job->text[i]);
        }
    }
}

static void job_free(struct limited_job *limited)
{
    struct job *job = (struct job *)limited;
    cleanup_close(&job->root);
    for (unsigned i = 0; i < FILES; i++) {
        buf_done(&job->text[i]);
    }
    free(job);
}

static void cleanup_job(struct job **job)
{
    if (*job) {
        limited_put(&(*job)->limited);
    }
}

/* Takes the root over. */
static struct job *job_new(const struct scope *scope, int *root)
{
    struct job *job = mem_zalloc(sizeof(*job));
    if (!job) {
        return NULL;
    }
    job->limited.run = job_run;
    job->limited.free = job_free;
    job->limited.refs = 1;
    job->root = TAKE_FD(*root);
    for (unsigned i = 0; i < FILES; i++) {
        job->stamp[i] = scope->stamp[i];
        buf_init(&job->text[i], USERS_FILE_MAX);
    }
    return job;
}

/* The ids of a file, each once. */
struct reading {
    struct users *users;
    struct scope *scope;
    struct map seen;
    struct known known;
    uint32_t capacity;
    int error;
};

static bool is_first(struct reading *reading, uint32_t id)
{
    if (reading->error || map_get(&reading->seen, id)) {
        return false;
    }
    if (reading->known.n == reading->capacity) {
        uint32_t more = reading->capacity ? 2 * reading->capacity : 64;
        uint32_t *ids = mem_resize(reading->known.ids, more, sizeof(*ids));
        if (!ids) {
            reading->error = -ENOMEM;
            return false;
        }
        reading->known.ids = ids;
        reading->capacity = more;
    }
    if (map_put(&reading->seen, id, reading) < 0) {
        reading->error = -ENOMEM;
        return false;
    }
    reading->known.ids[reading->known.n++] = id;
    return true;
}

static void tell(const struct reading *reading, struct users_change change)
{
    change.container_id = scope_id(reading->scope);
    if (reading->users->told) {
        reading->users->told(reading->users->data, &change);
    }
}

static int give_user(struct reading *reading, struct str line)
{
    struct user user;
    if (!users_passwd_line(line, &user) || !is_first(reading, user.uid)) {
        return 0;
    }
    int r = state_add_user(reading->users->state, scope_id(reading->scope), &user);
    tell(reading, (struct users_change){ .user = &user });
    return r;
}

static int give_group(struct reading *reading, struct str line)
{
    struct group group;
    if (!users_group_line(line, &group) || !is_first(reading, group.gid)) {
        return 0;
    }
    int r = state_add_group(reading->users->state, scope_id(reading->scope), &group);
    tell(reading, (struct users_change){ .group = &group });
    return r;
}

static void forget(struct reading *reading, unsigned file, uint32_t id)
{
    struct str scope = scope_id(reading->scope);
    if (file == 0) {
        state_remove_user(reading->users->state, scope, id);
        tell(reading, (struct users_change){ .user = &(struct user){ .uid = id }, .gone = true });
    } else {
        state_remove_group(reading->users->state, scope, id);
        tell(reading, (struct users_change){ .group = &(struct group){ .gid = id }, .gone = true });
    }
}

static void tell_known(struct users *users, struct scope *scope)
{
    const struct reading reading = { .users = users, .scope = scope };
    const struct container *container = state_container(users->state, scope_id(scope));
    for (unsigned file = 0; container && file < FILES; file++) {
        for (uint32_t i = 0; i < scope->known[file].n; i++) {
            uint32_t id = scope->known[file].ids[i];
            struct users_change change = { 0 };
            if (file == 0) {
                change.user = state_user(users->state, container, id);
            } else {
                change.group = state_group(users->state, container, id);
            }
            if (change.user || change.group) {
                tell(&reading, change);
            }
        }
    }
}

void users_tell(struct users *users)
{
    size_t cursor = 0;
    for (const struct smap_slot *slot; (slot = smap_next(&users->scopes, &cursor));) {
        struct scope *scope = slot->value;
        if (scope->id_n) {
            tell_known(users, scope);
        }
    }
}

/* A file's text into the state; what the last one had and this one has not goes. */
static int give(struct reading *reading, unsigned file, struct str text)
{
    int r = 0;
    for (struct str line; reading->known.n < USERS_ENTRIES_MAX && proc_line(&text, &line);) {
        int one = file == 0 ? give_user(reading, line) : give_group(reading, line);
        r = r ? r : one;
    }
    struct known *before = &reading->scope->known[file];
    for (uint32_t i = 0; i < before->n; i++) {
        if (!map_get(&reading->seen, before->ids[i])) {
            forget(reading, file, before->ids[i]);
        }
    }
    free(before->ids);
    *before = reading->known;
    map_done(&reading->seen);
    return reading->error ? reading->error : r;
}

static int take_over(struct users *users, struct scope *scope, const struct job *job)
{
    int r = 0;
    for (unsigned i = 0; i < FILES; i++) {
        if (!job->is_new[i]) {
            continue;
        }
        struct reading reading = { .users = users, .scope = scope };
        int one = give(&reading, i, buf_str(&job->text[i]));
        scope->stamp[i] = job->stamp[i];
        r = r ? r : one;
    }
    return r;
}

static int open_root(int64_t pid, struct origin *ret_origin)
{
    int dir CLEANUP(cleanup_close) = proc_open(pid);
    if (dir < 0) {
        return dir;
    }
    int root CLEANUP(cleanup_close) = openat(dir, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct statx at;
    struct stat ns;
    if (root < 0 || fstatat(dir, "ns/mnt", &ns, 0) < 0 ||
        statx(root, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_INO, &at) < 0) {
        return errno == ENOENT ? -ESRCH : errno == EPERM ? -EACCES : -errno;
    }
    *ret_origin = (struct origin){ .mount_ns = ns.st_ino,
                                   .dev = makedev(at.stx_dev_major, at.stx_dev_minor),
                                   .ino = at.stx_ino };
    return TAKE_FD(root);
}

/* Does this root decide the container's names? */
static bool is_authority(struct scope *scope, const struct origin *origin, uint64_t now_ns)
{
    bool same = memcmp(origin, &scope->origin, sizeof(*origin)) == 0;
    if (!same && scope->met_ns && now_ns - scope->met_ns < USERS_HOLD_NS) {
        return false;
    }
    scope->origin = *origin;
    scope->met_ns = now_ns;
    return true;
}

int users_refresh(struct users *users, int64_t pid, struct str container_id, uint64_t now_ns)
{
    struct scope *scope;
    bool is_host = str_eq(container_id, STR("host"));
    int r = scope_get(users, is_host ? STR("") : container_id, &scope);
    if (r < 0 || (scope->checked_ns && now_ns - scope->checked_ns < USERS_CHECK_NS)) {
        return r;
    }
    struct origin origin;
    int root CLEANUP(cleanup_close) = open_root(pid, &origin);
    if (root < 0) {
        return root;
    }
    if (!is_authority(scope, &origin, now_ns)) {
        return 0;
    }
    scope->checked_ns = now_ns;
    struct job *job CLEANUP(cleanup_job) = job_new(scope, &root);
    r = job ? limited_run(users->limiter, &job->limited, USERS_WAIT_MS) : -ENOMEM;
    if (r == -ETIMEDOUT) {
        scope->checked_ns = now_ns + USERS_HOLD_NS;
    }
    return r < 0 ? r : take_over(users, scope, job);
}
