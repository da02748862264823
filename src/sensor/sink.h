/*
 * sink: where live sensors put their events. Every call is made under the sensor's lock, so there is one
 * writer of the state; events are borrowed for the call.
 */
#pragma once

#include "event/event.h"

#include <stdbool.h>

struct thread;

enum verdict {
    VERDICT_NONE,  /* no rule would match */
    VERDICT_MATCH, /* some rule would: the sensor makes sure of the result before it says so */
    VERDICT_DENY,  /* and it is to be refused */
};

struct sink {
    /* Could any rule match an event of this name in this thread (NULL: unknown)? For opens,
     * `open_access` is the enum of rules/demand.h, else 0. False: the sensor need not make it. */
    bool (*wants)(void *data, const struct thread *thread, uint16_t name, unsigned open_access);
    /* The event as it would be if the call succeeded. Changes nothing that lasts. */
    enum verdict (*preview)(void *data, struct event *event);
    /* It happened, or (outcome denied) was refused: state, rules, alerts. */
    void (*event)(void *data, struct event *event);
    void *data;
};
