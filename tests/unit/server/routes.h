/*
 * routes: a module of the tests: routes that show what a handler was given, and the calls that tests make.
 */
#pragma once

#include "server/bell.h"
#include "server/http_call.h"
#include "server/http_server.h"
#include "server/modules.h"
#include "test.h"

extern const struct server_module routes_module;
extern struct bell *routes_bell;
extern unsigned routes_looks; /* how often /t/wait was called */

/* GET, as nobody. */
struct http_answer routes_get(struct server *server, const char *target);
struct http_answer routes_call(struct server *server, const struct http_call *call);
/* The member "code" of a problem. */
const char *routes_code(const struct http_answer *answer);
