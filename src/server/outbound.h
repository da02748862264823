/*
 * outbound: the courier with the server's settings (outbound.*).
 */
#pragma once

#include "server/server.h"

/* server->courier was forked; with none nothing is done. */
int outbound_start(struct server *server, struct err *err);
