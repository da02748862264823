/* discover_internal: what the files of the discovery share; nobody else includes it. */
#pragma once

#include "agent/discover.h"

#include "base/map.h"
#include "base/slab.h"
#include "sensor/live/task.h"

#include <pthread.h>
#include <sys/types.h>

#define PENDING_MAX  256
#define FOUND_MERGES 64
#define YOUNG_MAX    1024
#define SHELLS_MAX   16 /* of a container */
#define SETTLE_MS    100 /* from finding a process to telling of it: it execs and gets its terminal */

struct tree {
    int64_t pid; /* 0: free */
    char container[DISCOVER_ID_MAX];
    uint64_t mnt, dev; /* mount namespace */
    uint32_t filters;
    uint64_t start_ticks;   /* of that process */
    int shells[SHELLS_MAX]; /* inotify watches */
    int nshells;
};

enum known_as { KNOWN_NEW, KNOWN_ELSEWHERE, KNOWN_COVERED, KNOWN_FOUND };

struct known {
    uint32_t index; /* in the slab */
    int64_t pid;
    uint64_t ino; /* of /proc/PID: another one is another process */
    uint64_t first_ns;
    uint32_t round; /* last seen */
    enum known_as as;
};

/* Made a moment ago: to be looked at again. */
struct young {
    int64_t pid;
    uint64_t ino;
};

struct pending {
    uint64_t due_ns; /* 0: free */
    uint64_t ino;
    int result; /* of config.found */
    struct discover_found found;
};

/* What was told lately. */
struct told {
    uint64_t since_ns; /* 0: free */
    uint64_t untold;
    struct discover_found found;
};

struct discover {
    struct discover_config config;
    pthread_t thread;
    bool started;
    int notify, stop;     /* inotify, eventfd */
    pthread_mutex_t lock; /* guards trees, stats, stopping, nshells watches */
    bool stopping, all;   /* all: look at every process again */
    struct tree trees[DISCOVER_TREES_MAX];
    struct discover_stats stats;
    uint64_t own_mnt, own_dev, host_mnt;
    bool on_host; /* in the first process namespace */
    /* the thread's */
    struct live_task *task;
    struct map known;
    struct slab slots;
    uint32_t round;
    int proc, loadavg;
    /* The id given out last by then: a process shows in /proc a moment after its id was given out, so a
     * look goes back to the older mark. */
    uint64_t old_pid, last_pid, last_ns;
    bool every; /* this look is at all, known or not */
    struct young young[YOUNG_MAX];
    uint32_t nyoung;
    char *entries; /* of a directory */
    struct pending pending[PENDING_MAX];
    struct told told[FOUND_MERGES];
};

/* ---- discover_look.c */
/* The tree whose container the process is in, into *ret; false: none. Takes the lock. */
bool discover_tree_of(struct discover *d, int64_t pid, struct tree *ret);
/* Is it watched; if not, it is found. */
enum known_as discover_examine(struct discover *d, int64_t pid, uint64_t ino);
/* Tells of what was found a moment ago, and of what was merged. The time to the next, in ms, at most max. */
int discover_tell(struct discover *d, int max_ms, bool all);
bool discover_mount_namespace(int64_t pid, uint64_t *ret_ino, uint64_t *ret_dev);

/* ---- discover_shells.c; with the lock held */
void discover_watch_shells(struct discover *d, struct tree *tree);
void discover_unwatch_shells(struct discover *d, struct tree *tree);
/* Takes the events off the queue; how many. */
uint32_t discover_shells_opened(struct discover *d);
