/*
 * sse: GET /v1/events.
 */
#pragma once

#include "server/http.h"

enum http_result sse_events(struct server *server, struct request *request, struct reply *reply);
