/*
 * path_cache: what a path led to a moment ago, so that the next open of it need not ask the kernel. Of
 * one that led to nothing, where a file made there would be: that stays so when one is made.
 *
 * What a path means changes only by calls that the filter notifies too (rename, link, symlink, unlink,
 * rmdir, the mount family, chroot and what changes namespaces: path_cache_is_change()). While any watched
 * thread is inside of one, nothing is looked up or kept; when it has left it, all is forgotten; but taking
 * away what is no symbolic link leaves the paths as they are. Processes
 * that are not watched can change paths as well: an entry lives PATH_CACHE_NS at most, and so does what
 * layer of an overlay a file is in. io_uring can do it unseen: path_cache_disable().
 *
 * Not to be put: what depends on who asks (links of /proc/self), and what led to nothing through a link
 * whose own target has no directory yet: that may become a link too, but by whom is not told here.
 *
 * A relative path's start is a working directory's number. That of a thread may become another when any thread
 * calls chdir (they may share it): path_cache_dirs().
 *
 * Not thread-safe.
 */
#pragma once

#include "base/str.h"
#include "sensor/notify/call.h"

#include <stdbool.h>
#include <stdint.h>

#define PATH_CACHE_SLOTS    2048
#define PATH_CACHE_TEXT     256 /* longer paths are not kept */
#define PATH_CACHE_NS       UINT64_C(500000000)
#define PATH_CACHE_CHANGING 64 /* threads inside of a change; with more it is off for good */

struct path_cache;

struct path_key {
    uint64_t root;  /* which root and mount namespace; 0: not to be kept */
    uint64_t start; /* of a relative path: which directory; 0: it is absolute */
    struct str path;
};

int path_cache_new(struct path_cache **ret);
void path_cache_free(struct path_cache *cache);

struct path_value {
    struct str real; /* the path it led to */
    uint64_t ino, dev;
    bool upper_layer, lower_layer;
    bool known; /* what is said of the file: it was there, and is */
};

/* False: not known. `real` is valid until the next call. */
bool path_cache_get(const struct path_cache *cache, const struct path_key *key, uint64_t now_ns,
                    struct path_value *ret);
/* Before a path is resolved; what is put with an older ticket than the last change is not kept. */
struct path_ticket {
    uint64_t generation, removals;
};
struct path_ticket path_cache_ticket(const struct path_cache *cache, const struct path_key *key);
void path_cache_put(struct path_cache *cache, const struct path_key *key,
                    const struct path_value *value, struct path_ticket ticket, uint64_t now_ns);

/* Does this call change what paths lead to? */
bool path_cache_is_change(const struct call *call);
/* Adds all that do, and those that go around the filter: without them nothing may be kept. */
void path_cache_calls(struct callset *set);
/* The thread is about to make this call, which may be such a change, or chdir; it has left it (also: it is
 * gone). True: if what it takes away may be a symbolic link, path_cache_removes_link() has to follow. */
bool path_cache_change(struct path_cache *cache, int64_t tid, const struct call *call);
void path_cache_removes_link(struct path_cache *cache, int64_t tid);
void path_cache_changed(struct path_cache *cache, int64_t tid);
/* Threads still inside, as far as told. */
unsigned path_cache_changing(const struct path_cache *cache, int64_t ret_tids[PATH_CACHE_CHANGING]);
/* Has who shows this in /proc/TID/syscall left the change it was in? "running" may be on its way. */
bool path_cache_has_left(struct str proc_syscall);
/* Grows whenever some process' root may have become another, also one's that did not ask for it. */
uint64_t path_cache_roots(const struct path_cache *cache);
/* The same of working directories. */
uint64_t path_cache_dirs(const struct path_cache *cache);
void path_cache_disable(struct path_cache *cache);
