/*
 * resolve_internal: what resolve.c, resolve_walk.c, resolve_rights.c, predict.c and emulate.c share.
 *
 * A visit is one look into the world of a target: its root is open, and the thread has either its own
 * rights (to open what /proc shows) or the target's (to walk and to ask). visit_end() gives them back.
 */
#pragma once

#include "sensor/notify/resolve.h"

#include <limits.h>
#include <sys/stat.h>

#define WALK_TEXT_MAX  65536 /* of a path with the contents of the links still to be walked */
#define WALK_LINKS_MAX 40    /* as the kernel's MAXSYMLINKS */
#define WALK_STEPS_MAX 5000  /* components; a path alone has at most 2048 */
#define OWN_PIDS_MAX   33    /* levels of pid namespaces, as the kernel's limit */
#define TOP_ROOTS      4

struct rights {
    uint32_t fsuid, fsgid, ngroups;
    uint32_t groups[TARGET_GROUPS_MAX];
    uint64_t effective;
};

/* A place in the tree of mounts. `mount` is never used again for another one where `unique`. */
struct place {
    uint64_t mount, dev, ino;
    bool unique;
};

struct resolver {
    int proc; /* /proc */
    int fds;  /* /proc/thread-self/fd */
    struct rights own, now;
    uint64_t permitted, inheritable;
    bool bound;                  /* to the thread that uses it: what follows is known */
    bool keeps_caps;             /* changes of ids leave capabilities alone (securebits) */
    bool own_fs;                 /* umask is this thread's alone */
    uint32_t umask;              /* of the process, when not */
    bool hardlinks;              /* fs.protected_hardlinks */
    bool sticky_create;          /* fs.protected_fifos or fs.protected_regular */
    char pids[OWN_PIDS_MAX][24]; /* this process' ids, in all its pid namespaces */
    unsigned npids;
    struct place top[TOP_ROOTS]; /* roots known to have no path before them */
    unsigned ntop;
    char text[PATH_MAX], link[PATH_MAX];
    char rest[WALK_TEXT_MAX];
};

/* Takes the target's ids and rights on files; `exact`: its capabilities to the bit. False: the thread
 * cannot, and what the kernel answers it may not be what it answers the target. */
bool rights_enter(struct resolver *r, const struct target *target, bool exact);
/* False: the ids were not the target's after all. */
bool rights_leave(struct resolver *r);
int rights_init(struct resolver *r);
static inline bool target_can(const struct target *target, int capability)
{
    return target->cap_effective >> capability & 1;
}

struct visit {
    struct resolver *r;
    const struct target *target;
    bool exact;   /* rights to the bit */
    bool inside;  /* has the target's rights now */
    bool foreign; /* could not take them */
    int root;
    struct place root_place;
    size_t prefix_n; /* of the root's own path, 0: "/" */
    char prefix[PATH_MAX];
};

/* What a path led to, open. */
struct spot {
    int fd;     /* -1: nothing */
    int parent; /* when nothing was found, or SPOT_ENTRY; -1 */
    char name[NAME_MAX + 1];
    size_t name_n;
    bool slash; /* SPOT_ENTRY: the path ended in slashes */
    bool dots;  /* SPOT_ENTRY: it names ".", ".." or the root */
    struct place place;
};

enum spot_how {
    SPOT_FOLLOW = 1 << 0,
    /* A name in a directory, to be made or removed: links are not followed, trailing slashes cut. */
    SPOT_ENTRY = 1 << 1,
};

/* -EACCES, -ENOENT: the target's root cannot be opened. */
int visit_start(struct visit *v, struct resolver *r, const struct target *target, bool exact);
void visit_end(struct visit *v);
void visit_enter(struct visit *v);
void visit_leave(struct visit *v);
static inline void cleanup_visit_end(struct visit *v)
{
    visit_end(v);
}

void spot_init(struct spot *spot);
void spot_done(struct spot *spot);

struct query {
    int64_t dirfd;
    struct str path;
    unsigned how; /* enum spot_how */
};

void visit_find(struct visit *v, const struct query *query, struct spot *spot,
                struct resolved *ret);
/* The target's descriptor itself. */
void visit_find_fd(struct visit *v, int64_t fd, struct spot *spot, struct resolved *ret);
/* O_PATH of the target's descriptor or AT_FDCWD; -EBADF, -EACCES. Under own rights. */
int visit_open_base(struct visit *v, int64_t dirfd);
/* Path and facts of what is open. Returns -errno when the kernel does not say its path. */
int visit_describe(struct visit *v, int fd, struct resolved *ret, struct place *ret_place);

int place_of(int fd, struct place *ret, struct statx *ret_facts);
static inline bool place_eq(const struct place *a, const struct place *b)
{
    return a->mount == b->mount && a->dev == b->dev && a->ino == b->ino;
}
/* Bytes, or -errno: what /proc/self/fd says. */
ssize_t path_of_fd(const struct resolver *r, int fd, char *ret, size_t size);

/*
 * One component after the other, as the kernel does, from `base` (taken over): 0 and spot->fd; -ENOENT
 * and, when only the last name is missing, spot->parent and spot->name; -errno.
 */
struct walk_query {
    int base;
    struct str path;
    bool follow;
};
struct walk_marks {
    bool unsure;
    bool personal;  /* through links of procfs */
    unsigned links; /* symbolic ones, followed */
};
int walk_path(struct visit *v, const struct walk_query *query, struct spot *spot,
              struct walk_marks *ret);

#define TMPFILE_BIT 020000000 /* of O_TMPFILE, without O_DIRECTORY */

/* What the open of an existing file gives by its type alone, -errno or 0. `slash`: the path ends in one. */
int open_type(uint64_t flags, uint32_t mode, bool slash);
/* The flags that count, and -EINVAL for those that do not go together. */
int open_flags(uint64_t *flags);
static inline bool ends_in_slash(struct str path)
{
    return path.n && path.p[path.n - 1] == '/';
}
