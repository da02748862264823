/*
 * foresee: the descriptor that a call will return if it succeeds, and what it turned out to be.
 */
#pragma once

#include "sensor/notify/args.h"
#include "sensor/notify/resolve.h"

#define FORESEE_OPENED 3 /* of an open that is only imagined */

/* 0 of calls that return none. The caller's descriptors may change meanwhile. */
int64_t foresee_fd(const struct call_args *args);
/* After an open that returned fd: the file behind it, in place of what was resolved before. Where /proc does
 * not tell, *at stays as it is. */
void foresee_opened(const struct call_args *args, int64_t fd, struct resolved *at);
