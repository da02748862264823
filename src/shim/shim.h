/*
 * shim: the two processes of hinomi-shim, and the memory in which they meet.
 *
 *     shim, then CMD ── holder        (clone with CLONE_FILES and no exit signal: wait() does not see it)
 *
 * The holder is made before the filter, so that its own calls are never notified; it does all talking with the
 * agent. The shim installs the filter and waits; under the filter it only uses futex, wait4, write, execve and
 * exit_group. The listener needs no sending: both have one table of descriptors until the holder takes its own.
 */
#pragma once

#include "sensor/notify/holder.h"
#include "shim/wire.h"

#include <stdbool.h>
#include <stddef.h>

enum { SHIM_FAILED = 125, SHIM_CANNOT_EXECUTE = 126, SHIM_NOT_FOUND = 127 };

#define SHIM_SOCKET       "/hinomi/agent.sock"
#define SHIM_WAIT_S       2      /* of priority availability, when nothing is said */
#define SHIM_WAIT_MAX_S   604800 /* that can be said */
#define SHIM_WAIT_FOREVER UINT32_MAX
#define SHIM_PATH_MAX     4096

struct shim_options {
    const char *socket;
    enum wire_priority priority;
    uint32_t wait_ms; /* SHIM_WAIT_FOREVER */
    bool health_check;
    char **command; /* NULL-terminated */
};

/* Who writes the step wakes the other. */
enum shim_step {
    STEP_BEGIN,
    STEP_FILTER,    /* holder: the filter is there */
    STEP_BARE,      /* holder: the command may run without; value: errno */
    STEP_FAIL,      /* holder: it may not; value: errno */
    STEP_LOCAL,     /* holder: the agent cannot see us */
    STEP_LISTENER,  /* shim: value: its number; flags */
    STEP_NO_FILTER, /* shim: value: errno */
    STEP_GO,        /* holder: somebody answers */
};

struct shim_meeting {
    _Atomic uint32_t step; /* enum shim_step */
    int32_t value;
    uint32_t flags; /* of seccomp(2) */
    struct wire_filter filter;
};

/* 0, or an exit status having said why; *ret_done: it was only asked for help. */
int shim_options_parse(int argc, char **argv, struct shim_options *ret, bool *ret_done);
/* "hinomi-shim: text: more" on standard error; more may be NULL. */
void shim_say(const char *text, const char *more);
const char *shim_why(int error);

/* The file that execvp would run, in ret. 0, or an exit status having said why. */
int shim_find(const char *name, char *ret, size_t size);
/* Returns only an exit status. */
int shim_execute(const char *path, char **command, char **shell);

void shim_step(struct shim_meeting *meeting, enum shim_step step, int32_t value);
/* Waits until the step is another one, or timeout_ms passed (the step is still the same then). */
enum shim_step shim_wait(struct shim_meeting *meeting, enum shim_step step, int timeout_ms);
/* The holder's process: returns when it is not needed any more. */
void shim_holder(const struct shim_options *options, struct shim_meeting *meeting);

/* The connection with the agent; nothing waits but link_ask. */
struct link {
    const struct shim_options *options;
    int folder; /* of the socket; -1 */
    int socket; /* -1: none */
    bool asked; /* RESUME or LISTENER were sent on it */
    uint64_t asked_ns;
    int listener, record; /* what is sent */
    uint32_t flags;
    const struct holder_shared *slots, *former; /* of the agent, and of the one before */
    struct wire_hello hello;
};

void link_init(struct link *link, const struct shim_options *options);
/* 0; -EAGAIN: not there. */
int link_connect(struct link *link);
void link_close(struct link *link);
/* HELLO, and its answer. 0; -errno: no connection any more, or refused. *ret_local: FILTER did not come. */
int link_ask(struct link *link, struct wire_filter *ret, bool *ret_local);
int link_send_word(const struct link *link, enum wire_kind kind, int64_t value);
/* LISTENER with its descriptors, after link_ask. */
int link_send_listener(struct link *link);
/* For struct holder_config. */
int link_find(void *link, struct holder_agent *ret);
