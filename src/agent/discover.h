/*
 * discover: processes in watched containers that no sensor watches: entered from outside (ECS Exec, health
 * checks, nsenter), found in /proc.
 *
 * Looks when a process was made since the last look, at most every period_ms, and at once when a shell of a
 * watched container is opened. A process counts as watched when it has at least as many seccomp filters as
 * its container's own tree, or is traced by this process, or `covered` says so. Each one else is given to
 * `found` once; if that does not take it, a notice tells of it ("Unwatched process in container"). One with
 * a terminal, whose session began outside, is a finding of its own ("Interactive session in container").
 * Own thread; callbacks come from it, without any lock.
 */
#pragma once

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

#define DISCOVER_RULE             "Unwatched process in container"
#define DISCOVER_INTERACTIVE_RULE "Interactive session in container"
#define DISCOVER_PERIOD_MS        250
#define DISCOVER_PROCESSES_MAX                                                                     \
    65536 /* remembered; more are looked at again and again, and counted */
#define DISCOVER_TREES_MAX 256
#define DISCOVER_NAME_MAX  64
#define DISCOVER_EXE_MAX   512
#define DISCOVER_ID_MAX    72

struct engine;

struct discover_found {
    int64_t pid, ppid, sid;
    uint64_t start_ticks;
    uint32_t uid, tty;          /* tty: device number, 0 none */
    uint32_t filters, expected; /* seccomp filters it has, and its container's tree */
    bool interactive;           /* a terminal, in a session that began outside */
    char container[DISCOVER_ID_MAX], name[DISCOVER_NAME_MAX], exe[DISCOVER_EXE_MAX];
    const char *why; /* "fewer seccomp filters than its container's own processes" */
};

struct discover_config {
    struct engine *engine; /* notices go there; NULL: none are made */
    uint32_t period_ms;    /* 0: DISCOVER_PERIOD_MS */
    /* All other containers count as watched, and no number of filters as a sign of it: for a sensor that has to
     * find by itself what it watches. On a host, in the first process namespace, only what control groups name
     * is a container; elsewhere every mount namespace but this process' own is one. */
    bool everything;
    /* A sensor has it already; may be NULL. */
    bool (*covered)(void *data, int64_t pid);
    /* 0: a sensor watches it from now on; -errno: nobody does. May be NULL. */
    int (*found)(void *data, const struct discover_found *found);
    void *data;
};

struct discover;

int discover_new(const struct discover_config *config, struct discover **ret, struct err *err);
void discover_free(struct discover *discover); /* before the engine */

/*
 * A container is watched from now on: by a process of its own tree, after its filter is installed. `container`:
 * its id; empty: from the process' control groups. Never this process' own container (-EPERM).
 * -ESRCH, -EACCES, -ENOSPC.
 */
int discover_watch(struct discover *discover, int64_t pid, struct str container);
/* The tree of that process is gone, or its container is no more of interest. */
void discover_unwatch(struct discover *discover, int64_t pid);
/* Did this process come into a watched container from outside: after its tree, with fewer filters? Not so for who
 * was made by the process that stands for the tree. Any thread. */
bool discover_is_outsider(struct discover *discover, int64_t pid);
/* Looks now. */
void discover_wake(struct discover *discover);

struct discover_stats {
    uint64_t looks;    /* over /proc */
    uint64_t examined; /* processes */
    uint64_t found, taken, unwatched, interactive;
    uint64_t forgotten; /* more processes than are remembered */
    uint64_t shell_opens;
};
void discover_get_stats(struct discover *discover, struct discover_stats *ret);
