/*
 * openapi: the reference of the API, made from the routes and the schemas.
 */
#pragma once

#include "server/http.h"

/* GET /v1/openapi.json */
enum http_result openapi_document(struct server *server, struct request *request,
                                  struct reply *reply);
/* A name of enum permission ("read"); NULL for MAY_ANYONE. */
const char *permission_name(unsigned may);
