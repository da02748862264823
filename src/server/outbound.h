/*
 * outbound: the courier with the server's settings (outbound.*).
 */
#pragma once

#include "server/server.h"

/* server->courier was forked; with none nothing is done. Sets server->aws. */
int outbound_start(struct server *server, struct err *err);
/* After everything that sends; frees both. */
void outbound_stop(struct server *server);
