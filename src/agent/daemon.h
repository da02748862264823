/*
 * daemon: the agent as one process: an engine, the sensors that work here, and who asks about them.
 *
 *     main thread   signals: SIGHUP reloads, SIGTERM and SIGINT stop
 *     sensors       threads of their own, each under the engine's lock
 *     metrics_http  a thread; reads figures
 */
#pragma once

#include "agent/config.h"
#include "base/err.h"

#define DAEMON_STOP_S                                                                              \
    10 /* after which a stop that hangs (a reader that does not read) is cut short */

/* Exit statuses. */
enum { DAEMON_OK = 0, DAEMON_FAILED = 1, DAEMON_USAGE = 2, DAEMON_LACKS = 3 };

/* Runs until it is told to stop; logs. The source is kept for reloads. */
int daemon_run(const struct settings_source *source);
