/*
 * exe: facts of a task's executable.
 */
#pragma once

#include "sensor/live/task.h"

struct exe_facts {
    struct live_task *task; /* ids in; exe_facts and exe_deleted out */
    int dir;                /* /proc/TID */
    struct str link;        /* of exe, empty where there is none (kernel threads, zombies) */
    struct str root;        /* the link `root` */
    uint64_t memfd_dev;     /* of files made by memfd_create(2); 0 unknown */
    struct str path;        /* out: within the task's root, without " (deleted)"; part of link */
};

void exe_read(struct exe_facts *facts);
