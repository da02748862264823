/*
 * run: the processes of `hinomi run`, and what they tell each other.
 *
 *     front ──┬── holder                      (holder.h)
 *             └── supervisor ── keeper ── CMD
 *
 * front: the process that the caller knows. Passes signals on, stops and ends as CMD does.
 * supervisor: the sensor, in a session of its own. An ancestor of CMD, as Yama wants it of one who looks.
 * keeper: CMD's parent, and of its orphans, so that no waiting of the sensor's is mixed up with theirs.
 * CMD and keeper are in the front's process group; only CMD keeps the descriptors that front was given.
 */
#pragma once

#include "agent/options.h"
#include "base/err.h"
#include "sensor/notify/filter.h"
#include "sensor/notify/holder.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Exit statuses of env(1). */
enum { RUN_FAILED = 125, RUN_CANNOT_EXECUTE = 126, RUN_NOT_FOUND = 127 };

enum run_sensor { RUN_SENSOR_AUTO, RUN_SENSOR_NOTIFY, RUN_SENSOR_PTRACE };

/* What the command is put under before it runs. */
enum run_way {
    RUN_WITH_LISTENER,
    RUN_WITH_TRACE, /* a filter whose calls stop for a tracer */
    RUN_WITHOUT,    /* none */
};

struct run_arguments {
    struct rule_choice choice;
    const char *output, *capture;
    bool json, deny, all, stats, all_calls, old_kernel, no_filter;
    enum run_sensor sensor;
    uint32_t without; /* features not to be used */
    char **command;   /* NULL-terminated */
};

/* Before the first process is made. */
struct run_origin {
    sigset_t mask;
    struct sigaction child_action; /* of SIGCHLD */
    pid_t front, group;
    const char *path; /* of the command's file */
    char **shell;     /* arguments for a script without #! */
};

/* Memory that supervisor and keeper share. */
struct run_program {
    enum run_way way; /* the front looks at it too */
    uint32_t features;
    struct filter filter;
};

enum run_link { LINK_FRONT_KEEPER, LINK_FRONT_SUPERVISOR, LINK_SUPERVISOR_KEEPER, LINK_HOLDER };

struct run {
    const struct run_arguments *arguments;
    struct run_origin origin;
    struct run_program *program;
    struct holder_shared *shared;
    int links[4][2]; /* enum run_link; [0] of the one named first, or the holder's */
    pid_t holder, supervisor, keeper;
};

enum run_message_kind {
    MESSAGE_NONE,
    /* keeper to front */
    MESSAGE_RUNS,      /* value: pid; sender: the keeper */
    MESSAGE_STOPPED,   /* value: signal; data: how many stops there were */
    MESSAGE_CONTINUED, /* value: 0 */
    MESSAGE_ENDED,     /* value: status as of wait(2); to the supervisor too */
    /* front to keeper */
    MESSAGE_SIGNAL, /* value: signal; sender, code, data */
    MESSAGE_WOKEN,  /* SIGCONT ended a stop of the front's own; data: that of its MESSAGE_STOPPED */
    MESSAGE_GOES_ON, /* answer to MESSAGE_CONTINUED */
    /* supervisor to keeper */
    MESSAGE_START, /* the filter is in run_program */
    MESSAGE_GO,
    /* keeper to supervisor */
    MESSAGE_LISTENER,  /* value: pid; with the descriptor, where there is one */
    MESSAGE_NO_FILTER, /* value: errno */
    /* keeper or supervisor to front */
    MESSAGE_FAILED, /* value: exit status; the reason was told */
    /* supervisor to front */
    MESSAGE_DRAINED,
};

struct run_message {
    uint32_t kind;
    int32_t value;
    int32_t sender, code;
    uint64_t data;
};

/* Descriptors 0 to 2 that are closed become /dev/null until exec, so that nothing of ours gets there. */
int run_guard_stdio(void);
/* Closes what this process was given: all that is not close-on-exec, but standard error. */
void run_drop_inherited(void);
void run_message_send(int socket, const struct run_message *message);
void run_message_send_fd(int socket, const struct run_message *message, int fd);
/* 1; 0: the other side is gone. *ret_fd (NULL allowed): -1, or the descriptor that came along. */
int run_message_receive(int socket, struct run_message *ret, int *ret_fd);
int run_message_try(int socket, struct run_message *ret); /* the same; -EAGAIN: none now */

/* 0, or an exit status of RUN_*. Finds the file of the command. */
int run_find_command(const char *name, char *ret, size_t size);
/* CMD, as its parent sees it. */
struct run_command {
    pid_t pid;
    int listener;
    int pipes[2][2]; /* [0] to the command, [1] from it; -1 closed */
    int exec_error;  /* errno, 0 none so far */
};

/* Makes CMD, which installs the filter and waits for run_command_go(). 0 or -errno of that. */
int run_command_start(const struct run *run, struct run_command *ret);
void run_command_go(struct run_command *command);
/* Reads what it said, without waiting: call when pipes[1][0] is readable, and at its end. */
void run_command_hear(struct run_command *command);

/* These are processes: they return exit statuses. */
int run_front(struct run *run);
int run_keeper(struct run *run);
int run_supervisor(struct run *run);
void run_holder(struct run *run);
