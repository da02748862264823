/*
 * taskrun: runs a task definition on this machine as Fargate would: containers of runc with Fargate's capabilities, Docker's
 * seccomp profile, one network namespace, and with pidMode `task` one process namespace.
 *
 * The caller's process waits; its child, first of a process namespace of its own, does the work and holds all that
 * containers need: so when either dies, by whatever, everything that runs dies with it, and what is mounted is gone.
 * Folders and control groups are removed by the caller, or after it was killed by whoever runs a task next.
 */
#pragma once

#include "taskrun/image.h"

#define TASKRUN_FILES_MAX 64
#define TASKRUN_STATE     "/var/lib/hinomi/tasks"
#define TASKRUN_FAILED    125 /* the task could not be run */

struct taskrun_file {
    struct str name;
    const char *path;
};

struct taskrun_files {
    struct taskrun_file items[TASKRUN_FILES_MAX];
    uint32_t n;
};

struct taskrun_options {
    const char *name;     /* of the program, before what it says */
    const char *resource; /* of a template; NULL */
    struct task_images images;
    struct taskrun_files secrets; /* by NAME, CONTAINER:NAME or valueFrom */
    struct taskrun_files volumes; /* by name: folders of this machine */
    const char *state;            /* where folders are made */
    const char *network;          /* a network namespace's file; NULL: one of its own */
    const char *resolver; /* containers' resolv.conf; NULL: this machine's, in a joined network */
    const char *runtime;  /* runc */
    const char *cluster, *region; /* region: NULL: as the definition lets one know */
    bool quiet, no_limits, no_prefix;
};

/* The exit status of the first essential container to end, TASKRUN_FAILED with what was wrong on standard error, or
 * -errno with the reason when nothing was begun. Not to be called in a process with threads. */
int taskrun(struct str definition, const struct taskrun_options *options, struct err *err);

/* Removes what tasks whose processes are gone have left. */
int taskrun_clean(const char *state, uint32_t *ret_removed, struct err *err);
