/*
 * What the paths of opens lead to, remembered: see path_cache.h.
 *
 * A path means the same to all tasks with one root, a relative one to those with one working directory as well;
 * both are known by the numbers of mount, device and inode. Rights are not looked at: what is remembered is
 * judged as a success, and if a rule would match that, the kernel is asked after all. So it does not matter
 * either whether a file that was missing is there by now. Where a rule may be about the open's failure, what is
 * remembered is not used.
 */
#include "sensor/notify/notify_internal.h"

#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

static uint64_t place_of(int64_t tid, const char *link)
{
    char path[48];
    struct statx at;
    snprintf(path, sizeof(path), "/proc/%lld/%s", (long long)tid, link);
    if (statx(AT_FDCWD, path, AT_STATX_DONT_SYNC, STATX_INO | STATX_MNT_ID, &at) < 0 ||
        !(at.stx_mask & STATX_MNT_ID)) {
        return 0;
    }
    uint64_t dev = (uint64_t)at.stx_dev_major << 32 | at.stx_dev_minor;
    return hash_u64(hash_u64(hash_u64(dev) ^ at.stx_ino) ^ at.stx_mnt_id);
}

uint64_t flow_root_of(int64_t tid)
{
    return place_of(tid, "root");
}

void flow_keep_places(struct receiver *r, struct tracked *tracked)
{
    tracked->root = r->root;
    tracked->roots = r->roots;
    tracked->cwd = r->cwd;
    tracked->dirs = r->dirs;
}

void flow_learn_places(struct receiver *r)
{
    struct notify *n = r->notify;
    pthread_mutex_lock(n->lock);
    r->roots = path_cache_roots(n->paths);
    r->dirs = path_cache_dirs(n->paths);
    pthread_mutex_unlock(n->lock);
    r->root = flow_root_of(r->args.tid);
    r->cwd = place_of(r->args.tid, "cwd");
    pthread_mutex_lock(n->lock);
    const struct thread *thread = state_thread(n->config.state, r->args.tid);
    struct tracked *tracked = thread ? tracked_of(n, thread) : NULL;
    if (tracked) {
        flow_keep_places(r, tracked);
    }
    pthread_mutex_unlock(n->lock);
}

void flow_forget_found(struct receiver *r)
{
    for (int i = 0; i < 2; i++) {
        memset(&r->at[i], 0, offsetof(struct resolved, storage));
    }
}

static bool is_relative(const struct receiver *r)
{
    return r->args.path[0].p[0] != '/';
}

/* Paths that mean the same for every task with this root and directory. */
static bool is_common(const struct receiver *r)
{
    return r->args.call->flags & CALL_OPEN && r->args.path[0].n > 0 &&
           !(r->args.open_flags & O_NOFOLLOW) && r->args.open_resolve == 0 && !r->raceable &&
           (!is_relative(r) || (int32_t)r->args.dirfd[0] == AT_FDCWD);
}

/* May the file be another one by now, or none? Not where the open would make one: that is another event. */
static bool needs_path_alone(const struct receiver *r)
{
    const struct sink *sink = &r->notify->config.sink;
    return !(r->args.open_flags & O_CREAT) && sink->wants_inodes && !sink->wants_inodes(sink->data);
}

/* Under the lock. May a rule be about the call's failure, for whatever reason? */
static bool failure_counts(const struct receiver *r, struct str path)
{
    const struct sink *sink = &r->notify->config.sink;
    return !sink->wants_failed || sink->wants_failed(sink->data, call_event_name(r->args.call),
                                                     r->args.via, r->args.path[0], path);
}

/* Under the lock. */
static bool look_up(struct receiver *r, const struct path_key *key, uint64_t now)
{
    struct path_value value;
    struct resolved *at = &r->at[0];
    if (!path_cache_get(r->notify->paths, key, now, &value) ||
        (!value.known && !needs_path_alone(r)) || failure_counts(r, value.real)) {
        return false;
    }
    flow_forget_found(r);
    memcpy(at->storage, value.real.p, value.real.n);
    at->path = str_from(at->storage, value.real.n);
    at->ino = value.ino;
    at->dev = value.dev;
    at->upper_layer = value.upper_layer;
    at->lower_layer = value.lower_layer;
    r->file_known = value.known;
    return true;
}

static void keep(struct receiver *r, const struct path_key *key, struct path_ticket ticket,
                 uint64_t now)
{
    struct notify *n = r->notify;
    const struct resolved *at = &r->at[0];
    const struct path_value value = { .real = at->path,
                                      .ino = at->ino,
                                      .dev = at->dev,
                                      .upper_layer = at->upper_layer,
                                      .lower_layer = at->lower_layer,
                                      .known = at->error == 0 };
    bool makes = at->error && r->args.open_flags & O_CREAT;
    if (!makes && !at->unsure && !at->cut && !at->deleted && !at->personal) {
        pthread_mutex_lock(n->lock);
        path_cache_put(n->paths, key, &value, ticket, now);
        pthread_mutex_unlock(n->lock);
    }
}

/* Under the lock. 0 where it is not known, or not any more. */
static struct path_key key_of(const struct receiver *r)
{
    const struct path_cache *paths = r->notify->paths;
    bool relative = is_relative(r);
    bool known = r->roots == path_cache_roots(paths) &&
                 (!relative || (r->cwd && r->dirs == path_cache_dirs(paths)));
    return (struct path_key){ .root = known ? r->root : 0,
                              .start = relative ? r->cwd : 0,
                              .path = r->args.path[0] };
}

int64_t flow_expect(struct receiver *r)
{
    struct notify *n = r->notify;
    r->remembered = false;
    if (!is_common(r) || n->config.every_call) {
        return predict(r->resolver, &r->target, &r->args, r->at);
    }
    if (r->root == 0 || (is_relative(r) && r->cwd == 0)) {
        flow_learn_places(r);
    }
    uint64_t now = clock_ns(CLOCK_MONOTONIC);
    pthread_mutex_lock(n->lock);
    struct path_key key = key_of(r);
    struct path_ticket ticket = path_cache_ticket(n->paths, &key);
    r->remembered = look_up(r, &key, now);
    pthread_mutex_unlock(n->lock);
    if (r->remembered) {
        return 0;
    }
    int64_t result = predict(r->resolver, &r->target, &r->args, r->at);
    if (result >= 0 || result == -ENOENT) {
        keep(r, &key, ticket, now);
    }
    return result;
}

/* In a directory that nobody else can make another between the look and the call. */
static bool is_own_path(const struct receiver *r)
{
    bool by_fd = r->args.call->name == NAME_unlinkat && is_relative(r) &&
                 (int32_t)r->args.dirfd[0] != AT_FDCWD;
    return !r->raceable && r->args.path[0].n > 0 && !by_fd;
}

static bool is_link(struct receiver *r)
{
    const struct resolved *at = &r->at[0];
    if (!is_own_path(r)) {
        return true;
    }
    predict(r->resolver, &r->target, &r->args, r->at);
    bool is_none = at->error == -ENOENT || (at->error == 0 && at->mode && !S_ISLNK(at->mode));
    return at->unsure || !is_none;
}

void flow_look_at_removal(struct receiver *r, bool read)
{
    struct notify *n = r->notify;
    bool rmdir = read && r->args.call->name == NAME_unlinkat && r->args.reg[2] & AT_REMOVEDIR;
    if (!read || (!rmdir && is_link(r))) {
        pthread_mutex_lock(n->lock);
        path_cache_removes_link(n->paths, r->slot->notif.pid);
        pthread_mutex_unlock(n->lock);
    }
}
