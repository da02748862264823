/*
 * sink: where live sensors put their events. Every call but prepare() is made under the sensor's lock, so
 * there is one writer of the state; events are borrowed for the call.
 */
#pragma once

#include "event/event.h"

#include <stdbool.h>
#include <stdint.h>

struct thread;

#define SINK_OPEN_ANY UINT32_MAX /* an open whose flags are not known */

enum verdict {
    VERDICT_NONE,  /* no rule would match */
    VERDICT_MATCH, /* some rule would: the sensor makes sure of the result before it says so */
    VERDICT_DENY,  /* and it is to be refused */
};

struct sink {
    /* Could any rule match an event of this name in this thread (NULL: unknown)? `open_flags` of a call
     * that opens are the event format's (never 0), of others 0. False: the sensor need not make it. */
    bool (*wants)(void *data, const struct thread *thread, uint16_t name, uint32_t open_flags);
    /* Could any rule match an event of this name, of a call made this way (enum event_via) that failed, about
     * the path, as written and where it leads? NULL: yes. */
    bool (*wants_failed)(void *data, uint16_t name, uint8_t via, struct str raw, struct str path);
    /* Is any rule about inodes or devices of files? NULL: yes. */
    bool (*wants_inodes)(void *data);
    /* The event as it would be if the call succeeded. Changes nothing that lasts. */
    enum verdict (*preview)(void *data, struct event *event);
    /* It happened, or (outcome denied) was refused: state, rules, alerts. The verdict is for who can
     * still do something about it: an exec stopped before its first instruction. */
    enum verdict (*event)(void *data, struct event *event);
    /* A process of this container (its main thread, known to the state) was met: exec, discovery. */
    void (*met)(void *data, const struct thread *thread);
    /* Before the event that tells of a new image, or of a process not known before, without the lock: what
     * takes long is made ready, while the process stands still or lives. May take seconds. */
    void (*prepare)(void *data, int64_t pid);
    void *data;
};
