/*
 * foresee: the descriptor that a call will return if it succeeds.
 */
#pragma once

#include "sensor/notify/args.h"

#define FORESEE_OPENED 3 /* of an open that is only imagined */

/* 0 of calls that return none. The caller's descriptors may change meanwhile. */
int64_t foresee_fd(const struct call_args *args);
