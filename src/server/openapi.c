/*
 * openapi: an OpenAPI 3.1 document of what the server serves.
 *
 * Everything in it comes from the tables that requests are served by, so it cannot be out of date: a route that is
 * not in it is hidden on purpose (ROUTE_HIDDEN), a body that has a name has a schema. Paths come in the order of
 * the modules, the methods of a path together.
 */
#include "server/openapi.h"

#include "server/http_internal.h"
#include "server/schemas.h"

#include <ctype.h>
#include <stdio.h>

#ifndef HINOMI_VERSION
#define HINOMI_VERSION "0.1.0"
#endif

const char *permission_name(unsigned may)
{
    static const struct {
        unsigned may;
        const char *name;
    } names[] = {
        { MAY_READ, "read" },       { MAY_TRIAGE, "triage" },    { MAY_CONTENT, "content" },
        { MAY_RESPOND, "respond" }, { MAY_ADMIN, "admin" },      { MAY_AGENT, "agent" },
        { MAY_ENROL, "enrol" },     { MAY_SEND_FALCO, "falco" }, { MAY_SELF, "self" },
    };
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        if (names[i].may == may) {
            return names[i].name;
        }
    }
    return NULL;
}

static void schema_ref(struct jsonw *w, const char *name)
{
    char ref[160];
    snprintf(ref, sizeof(ref), "#/components/schemas/%s", name);
    jsonw_object(w, "schema");
    jsonw_strz(w, "$ref", ref);
    jsonw_end(w);
}

static void content(struct jsonw *w, const char *type, const char *schema)
{
    jsonw_object(w, "content");
    jsonw_object(w, type);
    if (schema) {
        schema_ref(w, schema);
    }
    jsonw_end(w);
    jsonw_end(w);
}

static void parameter(struct jsonw *w, struct str name, const char *in)
{
    jsonw_object(w, NULL);
    jsonw_str(w, "name", name);
    jsonw_strz(w, "in", in);
    jsonw_bool(w, "required", in[0] == 'p');
    jsonw_object(w, "schema");
    jsonw_strz(w, "type", "string");
    jsonw_end(w);
    jsonw_end(w);
}

static void parameters(struct jsonw *w, const struct route *route)
{
    struct str query = str_of(route->query);
    jsonw_array(w, "parameters");
    for (const char *at = strchr(route->path, '{'); at; at = strchr(at + 1, '{')) {
        parameter(w, (struct str){ at + 1, strcspn(at + 1, "}") }, "path");
    }
    while (query.n) {
        ptrdiff_t blank = str_find_char(query, ' ');
        struct str name = blank < 0 ? query : str_first(query, (size_t)blank);
        if (name.n) {
            parameter(w, name, "query");
        }
        query = str_from_offset(query, name.n + 1);
    }
    jsonw_end(w);
}

static void responses(struct jsonw *w, const struct route *route)
{
    jsonw_object(w, "responses");
    jsonw_object(w, "2XX");
    jsonw_strz(w, "description", "Done");
    if (route->flags & ROUTE_STREAM) {
        content(w, "text/event-stream", NULL);
    } else if (route->answer) {
        content(w, "application/json", route->answer);
    }
    jsonw_end(w);
    jsonw_object(w, "default");
    jsonw_strz(w, "$ref", "#/components/responses/problem");
    jsonw_end(w);
    jsonw_end(w);
}

static void security(struct jsonw *w, const struct route *route)
{
    static const char *const schemes[] = { "bearer", "session" };
    jsonw_array(w, "security");
    for (unsigned i = 0; i < 2 && route->may != MAY_ANYONE; i++) {
        jsonw_object(w, NULL);
        jsonw_array(w, schemes[i]);
        jsonw_end(w);
        jsonw_end(w);
    }
    jsonw_end(w);
    if (route->may != MAY_ANYONE) {
        jsonw_strz(w, "x-hinomi-permission", permission_name(route->may));
    }
}

static void operation_id(struct jsonw *w, const struct route *route)
{
    char id[200];
    struct buf text;
    buf_init_fixed(&text, id, sizeof(id) - 1);
    for (const char *c = http_method_name(route->method); *c; c++) {
        buf_putc(&text, (char)tolower((unsigned char)*c));
    }
    for (const char *c = route->path; *c; c++) {
        bool word = isalnum((unsigned char)*c);
        if (word || (text.n && text.p[text.n - 1] != '_')) {
            buf_putc(&text, word ? *c : '_');
        }
    }
    jsonw_str(w, "operationId", str_trim(buf_str(&text)));
}

static void operation(struct jsonw *w, const struct route *route)
{
    char method[8];
    struct buf name;
    buf_init_fixed(&name, method, sizeof(method) - 1);
    for (const char *c = http_method_name(route->method); *c; c++) {
        buf_putc(&name, (char)tolower((unsigned char)*c));
    }
    method[name.n] = '\0';
    jsonw_object(w, method);
    operation_id(w, route);
    jsonw_strz(w, "summary", route->summary ? route->summary : "");
    jsonw_array(w, "tags");
    jsonw_strz(w, NULL, route->tag ? route->tag : "other");
    jsonw_end(w);
    parameters(w, route);
    if (route->body || route->flags & ROUTE_RAW) {
        jsonw_object(w, "requestBody");
        jsonw_bool(w, "required", !(route->flags & ROUTE_RAW));
        content(w, route->flags & ROUTE_RAW ? "*/*" : "application/json", route->body);
        jsonw_end(w);
    }
    responses(w, route);
    security(w, route);
    jsonw_end(w);
}

/* Whether an earlier route has that path: it was written there. */
static bool is_written(const struct routes *routes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (!(routes_at(routes, i)->flags & ROUTE_HIDDEN) &&
            strcmp(routes_at(routes, i)->path, routes_at(routes, n)->path) == 0) {
            return true;
        }
    }
    return false;
}

static void paths(struct jsonw *w, const struct routes *routes)
{
    jsonw_object(w, "paths");
    for (size_t i = 0; routes_at(routes, i); i++) {
        const struct route *route = routes_at(routes, i), *other;
        if (route->flags & ROUTE_HIDDEN || is_written(routes, i)) {
            continue;
        }
        jsonw_object(w, route->path);
        for (size_t k = i; (other = routes_at(routes, k)); k++) {
            if (!(other->flags & ROUTE_HIDDEN) && strcmp(other->path, route->path) == 0) {
                operation(w, other);
            }
        }
        jsonw_end(w);
    }
    jsonw_end(w);
}

static void components(struct jsonw *w)
{
    jsonw_object(w, "components");
    jsonw_object(w, "schemas");
    for (size_t i = 0; i < nschemas; i++) {
        jsonw_raw(w, schemas[i].name, str_of(schemas[i].text));
    }
    jsonw_end(w);
    jsonw_object(w, "responses");
    jsonw_object(w, "problem");
    jsonw_strz(w, "description", "Refused, or failed");
    content(w, "application/problem+json", "problem");
    jsonw_end(w);
    jsonw_end(w);
    jsonw_object(w, "securitySchemes");
    jsonw_object(w, "bearer");
    jsonw_strz(w, "type", "http");
    jsonw_strz(w, "scheme", "bearer");
    jsonw_end(w);
    jsonw_object(w, "session");
    jsonw_strz(w, "type", "apiKey");
    jsonw_strz(w, "in", "cookie");
    jsonw_strz(w, "name", "hinomi_session");
    jsonw_strz(w, "description",
               "__Host-hinomi_session over TLS; with X-Hinomi-CSRF for everything but GET");
    jsonw_end(w);
    jsonw_end(w);
    jsonw_end(w);
}

enum http_result openapi_document(struct server *server, struct request *request,
                                  struct reply *reply)
{
    (void)request;
    struct jsonw *w = reply_json(reply, 200);
    jsonw_object(w, NULL);
    jsonw_strz(w, "openapi", "3.1.0");
    jsonw_object(w, "info");
    jsonw_strz(w, "title", "Hinomi");
    jsonw_strz(w, "version", HINOMI_VERSION);
    jsonw_strz(w, "summary", "Threat detection for running containers");
    jsonw_object(w, "license");
    jsonw_strz(w, "name", "Apache-2.0");
    jsonw_strz(w, "identifier", "Apache-2.0");
    jsonw_end(w);
    jsonw_end(w);
    paths(w, server->http->routes);
    components(w);
    jsonw_end(w);
    return HTTP_DONE;
}
