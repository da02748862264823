/*
 * events: calls and tasks as events, in the newest exit layouts of the format.
 *
 * What an event says lies in the made event it is given; paths (truth) are borrowed from `resolved`.
 */
#pragma once

#include "sensor/fake/made_event.h"
#include "sensor/live/task.h"
#include "sensor/notify/args.h"
#include "sensor/notify/resolve.h"

struct socket_facts;

struct call_outcome {
    int64_t result;  /* descriptor, 0, -errno */
    uint8_t outcome; /* enum event_outcome */
    bool exact;
    const struct resolved *at;         /* two; NULL: nothing resolved */
    const struct socket_facts *socket; /* of socket calls; NULL unknown */
    uint64_t ts_ns;
};

/* The exit event of any call but exec and fork. */
void event_of_call(const struct call_args *args, const struct call_outcome *outcome,
                   struct made_event *made);
/* Makes an event that was previewed as a success one that was refused: its result is `error`
 * (-EPERM), so that the state does not take it for done. */
void event_refused(struct made_event *made, int error);
/* Exec: `task` is the thread after it (or, failed or denied, before). */
void event_of_exec(const struct call_args *args, const struct call_outcome *outcome,
                   const struct live_task *task, struct made_event *made);
/* Fork, of both sides: the parent's exit (result: the child) and the child's (result 0). */
void event_of_fork(const struct call_args *args, const struct call_outcome *outcome,
                   const struct live_task *parent, struct made_event *made);
void event_of_child(const struct call_args *args, const struct live_task *child, uint64_t ts_ns,
                    struct made_event *made);
/* A task found late (no fork was seen): the child's side of a clone. */
void event_of_discovery(const struct live_task *task, uint64_t ts_ns, struct made_event *made);
/* procexit. `status` as wait(2), -1 unknown; `reaper`: who gets its children, -1 unknown. */
void event_of_exit(int64_t pid, int status, int64_t reaper, uint64_t ts_ns,
                   struct made_event *made);
