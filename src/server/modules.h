/*
 * modules: the table of what the server is made of.
 */
#pragma once

#include "server/server.h"

/* In the order in which they start. */
const struct server_module *const *server_modules(size_t *ret_n);

/* One more, of a test; before anything asks for the table. */
void server_modules_add(const struct server_module *module);

/* All of them; on failure those that were started are stopped. */
int server_modules_start(struct server *server, struct err *err);
void server_modules_tick(struct server *server);
void server_modules_stop(struct server *server);
