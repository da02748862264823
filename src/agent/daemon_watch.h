/* daemon_watch: what the hand-off tells of applications, said aloud. Called by its thread; data: struct sensors. */
#pragma once

#include "agent/handoff.h"

#define NOTICE_UNWATCHED   "Hinomi unwatched"
#define NOTICE_UNPROTECTED "Hinomi unprotected holder"

void watch_changed(void *data, enum handoff_change change, const struct handoff_container *c,
                   int error);
bool watch_gap(void *data, const struct handoff_container *c, const struct handoff_gap *gap);
bool watch_is_outsider(void *data, int64_t pid);
bool watch_is_traced(void *data, int64_t tid);
