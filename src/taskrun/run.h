/*
 * run: the one task that this process runs. Internal.
 */
#pragma once

#include "base/buf.h"
#include "taskrun/accounts.h"
#include "taskrun/groups.h"
#include "taskrun/taskrun.h"

#include <signal.h>
#include <stdint.h>

#define RUN_ID_SIZE      33 /* 32 hexadecimal digits */
#define RUN_WORDS_MAX    (2 * TASK_ITEMS_MAX)
#define RUN_LINE_MAX     16384 /* of output; longer ones are cut in two */
#define RUN_ORPHANS_MAX  64
#define RUN_CLIENTS_MAX  16
#define RUN_REQUEST_MAX  4096
#define RUN_DECLARED_MAX 16

enum phase {
    PHASE_WAITING,  /* for others, by dependsOn */
    PHASE_STARTING, /* runc is at work */
    PHASE_RUNNING,
    PHASE_REMOVING, /* its process has ended; what it left is being removed */
    PHASE_ENDED,
    PHASE_NEVER, /* will not be started */
};

enum health { HEALTH_UNKNOWN, HEALTH_HEALTHY, HEALTH_UNHEALTHY };

/* One of a container's two outputs. */
struct stream {
    int fd; /* -1: at its end */
    int to; /* 1 or 2 */
    uint32_t n;
    char line[RUN_LINE_MAX];
};

struct check {
    pid_t runtime, pid;      /* of the one that runs; 0: none */
    uint64_t next_ns;        /* 0: none is due */
    uint64_t deadline_ns;    /* of the one that runs */
    uint64_t since_ns;       /* real time of the last change */
    uint32_t failed, serial; /* in a row; how many were begun */
    int status;
    bool late;
};

/* A volume that an image declares. */
struct declared {
    struct str path;
    char folder[PATH_MAX];
};

struct slot {
    const struct task_container *def;
    uint32_t index;
    char id[RUN_ID_SIZE + 12]; /* Fargate's: the task's, a dash, ten digits */
    char group[GROUP_PATH_MAX];
    char root[PATH_MAX];   /* what is mounted */
    char bundle[PATH_MAX]; /* its folder */
    const struct task_image *image;
    struct account account;
    struct declared declared[RUN_DECLARED_MAX];
    uint32_t ndeclared;
    struct task_words args; /* as merged */
    struct str directory;
    int stop_signal;
    enum phase phase;
    enum health health;
    struct check check;
    pid_t runtime, pid;                           /* 0: none */
    uint64_t created_ns, started_ns, finished_ns; /* real time, for people */
    uint64_t began_ns;                            /* since boot */
    uint64_t deadline_ns;                         /* until it is killed; 0: none */
    uint64_t drained_ns;                          /* until its outputs are closed */
    int status;                                   /* as of a shell; -1: none */
    bool started, stopping, killed;
    bool again; /* by its restart policy */
    struct stream streams[2];
};

struct orphan {
    pid_t pid;
    int status;
};

struct client {
    int fd; /* -1: none */
    uint32_t n, sent;
    uint64_t deadline_ns;
    char request[RUN_REQUEST_MAX];
    struct buf answer;
};

struct run {
    const struct taskrun_options *options;
    struct task_definition task;
    struct arena *arena;
    struct err *err;
    char id[RUN_ID_SIZE];
    char folder[PATH_MAX];  /* on disk */
    char private[PATH_MAX]; /* in memory, seen by this process and runc only */
    char group[GROUP_PATH_MAX];
    char uri[64]; /* "http://169.254.170.2" */
    char hostname[32];
    char volumes[TASK_VOLUMES_MAX][PATH_MAX];
    struct task_image *images[TASK_CONTAINERS_MAX];
    struct groups groups;
    struct slot *slots; /* task.ncontainers */
    struct orphan orphans[RUN_ORPHANS_MAX];
    uint32_t norphans;
    struct client clients[RUN_CLIENTS_MAX];
    int lifeline, signals, listener;
    pid_t pause;
    uint64_t began_ns;
    int status; /* of the first essential container that ended; -1: none has */
    bool stopping, failed, signalled;
};

/* A line on standard error. */
void run_say(const struct run *run, const struct slot *slot, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same, also when quiet, and the task has failed: it stops, with TASKRUN_FAILED if no essential container has
 * ended before. */
void run_fail(struct run *run, const struct slot *slot, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* engine.c: never returns. lifeline: at its end when the caller is gone. */
_Noreturn void run_engine(struct run *run);

/* setup.c: namespaces, mounts, the pause; and what prepare.c does. */
int run_set_up(struct run *run);
/* prepare.c */
int run_prepare_images(struct run *run);
int run_prepare_containers(struct run *run);
int run_find_secret(const struct run *run, const struct slot *slot, const struct task_pair *secret,
                    struct str *ret);

/* bundle.c */
int bundle_write(struct run *run, struct slot *slot);
/* A process of the container with other words, as `runc exec` takes it. */
int bundle_write_process(struct run *run, const struct slot *slot, const char *path,
                         const struct task_words *args);

/* runtime.c: runc. */
int runtime_start(struct run *run, struct slot *slot);
int runtime_check(struct run *run, struct slot *slot);
int runtime_remove(struct run *run, struct slot *slot);
/* The process that runc said it made; 0: it said none. */
pid_t runtime_pid(const struct slot *slot, const char *name);

/* container.c: from one phase into the next. */
void container_step(struct run *run, struct slot *slot, uint64_t now);
void container_exited(struct run *run, struct slot *slot, pid_t pid, int status);
void container_stop(struct run *run, struct slot *slot, uint64_t now);
/* May it start now? 0 not yet, 1 yes, -1 never. */
int container_may_start(const struct run *run, const struct slot *slot, uint64_t now);
/* When it has to be looked at again; UINT64_MAX: when something happens. */
uint64_t container_due(const struct run *run, const struct slot *slot);
bool container_is_over(const struct slot *slot);
/* A status that was seen before it was known whose it is. */
bool orphan_claim(struct run *run, pid_t pid, int *ret_status);
void orphan_keep(struct run *run, pid_t pid, int status);

/* health.c */
void health_begin(struct slot *slot, uint64_t now);
void health_step(struct run *run, struct slot *slot, uint64_t now);
bool health_exited(struct run *run, struct slot *slot, pid_t pid, int status);
void health_end(struct slot *slot);

/* output.c */
void output_read(struct run *run, struct slot *slot, struct stream *stream);
void output_close(struct run *run, struct slot *slot);

/* metadata.c: a document for a path; false: there is none. */
bool metadata_answer(const struct run *run, struct str path, struct buf *ret);
/* metadata_http.c */
int metadata_listen(struct run *run);
void metadata_accept(struct run *run, uint64_t now);
void metadata_serve(struct run *run, struct client *client);
void metadata_expire(struct run *run, uint64_t now);

/* state.c */
int state_begin(const char *state, char *ret_id, char *ret_folder, int *ret_lock, struct err *err);
int state_end(const char *folder, const char *id, struct err *err);
