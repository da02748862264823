/*
 * routes: a module of the tests.
 *
 * /t/echo/{name} answers with what the handlers' functions say of a request; /t/members reads members of a body;
 * the others have one thing each: a permission, a wait, a stream, a failure.
 */
#include "routes.h"

#include <errno.h>

struct bell *routes_bell;
unsigned routes_looks;

static enum http_result echo(struct server *server, struct request *request, struct reply *reply)
{
    int64_t number;
    (void)server;
    if (!request_number(request, "n", -5, 10, 7, &number, reply)) {
        return HTTP_DONE;
    }
    struct jsonw *w = reply_json(reply, 200);
    jsonw_object(w, NULL);
    jsonw_str(w, "name", request_param(request, "name"));
    jsonw_bool(w, "absent", request_param(request, "other").p == NULL);
    jsonw_str(w, "q", request_query(request, "q"));
    jsonw_bool(w, "has_q", request_query(request, "q").p != NULL);
    jsonw_i64(w, "n", number);
    jsonw_str(w, "agent", request_header(request, "user-AGENT"));
    jsonw_end(w);
    reply_header(reply, "X-Good", STR("yes"));
    reply_header(reply, "X-Split", STR("a\r\nSet-Cookie: b"));
    return HTTP_DONE;
}

static enum http_result literal(struct server *server, struct request *request, struct reply *reply)
{
    (void)server;
    (void)request;
    return reply_bytes(reply, 200, "text/plain", STR("literal"));
}

static enum http_result members(struct server *server, struct request *request, struct reply *reply)
{
    struct json_object *body = request_json(request, reply);
    struct str text = STR("unset");
    int64_t number = -1;
    bool flag = false;
    (void)server;
    if (!body || !request_members_only(request, body, "text number flag", reply) ||
        !request_member_text(request, body, "text", true, 5, &text, reply) ||
        !request_member_number(request, body, "number", false, 0, 10, &number, reply) ||
        !request_member_bool(request, body, "flag", false, &flag, reply)) {
        return HTTP_DONE;
    }
    struct jsonw *w = reply_json(reply, 201);
    jsonw_object(w, NULL);
    jsonw_str(w, "text", text);
    jsonw_i64(w, "number", number);
    jsonw_bool(w, "flag", flag);
    jsonw_end(w);
    return HTTP_DONE;
}

static enum http_result empty(struct server *server, struct request *request, struct reply *reply)
{
    (void)server;
    (void)request;
    return reply_empty(reply, 204);
}

static enum http_result waits(struct server *server, struct request *request, struct reply *reply)
{
    (void)server;
    if (routes_looks++ == 0) {
        if (request_query(request, "early").p) {
            bell_ring(routes_bell); /* between looking and waiting */
        }
        reply_wait(reply, routes_bell, 60000);
        return HTTP_WAIT;
    }
    return reply_bytes(reply, 200, "text/plain",
                       request->timed_out ? STR("late")
                       : request->waited  ? STR("rang")
                                          : STR("?"));
}

struct pieces {
    unsigned left;
    bool *done;
};
static bool more(void *data, struct buf *buf)
{
    struct pieces *pieces = data;
    if (pieces->left) {
        buf_putz(buf, pieces->left % 2 ? "piece\n" : "");
        pieces->left--;
    }
    return pieces->left > 0;
}
static void done(void *data)
{
    (void)data;
}
static enum http_result stream(struct server *server, struct request *request, struct reply *reply)
{
    struct pieces *pieces = ARENA_NEW(request->arena, struct pieces);
    (void)server;
    pieces->left = 7;
    const struct reply_source source = { .more = more, .done = done, .data = pieces };
    return reply_stream(reply, 200, "text/plain", &source);
}

static enum http_result nothing(struct server *server, struct request *request, struct reply *reply)
{
    (void)server;
    (void)request;
    (void)reply;
    return HTTP_DONE;
}

static enum http_result fails(struct server *server, struct request *request, struct reply *reply)
{
    int64_t code = 0;
    struct err err = { 0 };
    (void)server;
    request_number(request, "code", 1, 200, EIO, &code, reply);
    err_set(&err, -(int)code, "because of %d", (int)code);
    return reply_error(reply, &err);
}

static const struct route routes[] = {
    { .path = "/t/echo/{name}", .handle = echo, .query = "q n", .tag = "t", .summary = "Echo" },
    { .path = "/t/echo/here", .handle = literal, .tag = "t", .summary = "Literal" },
    { .method = HTTP_POST,
      .path = "/t/members",
      .handle = members,
      .tag = "t",
      .summary = "Members",
      .body_max = 64 },
    { .method = HTTP_PUT, .path = "/t/members", .handle = empty, .tag = "t", .summary = "Nothing" },
    { .path = "/t/read", .may = MAY_READ, .handle = empty, .tag = "t", .summary = "Reads" },
    { .method = HTTP_DELETE,
      .path = "/t/admin",
      .may = MAY_ADMIN,
      .handle = empty,
      .tag = "t",
      .summary = "Admin" },
    { .method = HTTP_POST,
      .path = "/t/agents/{id}/x",
      .may = MAY_AGENT,
      .handle = empty,
      .tag = "t",
      .summary = "Agent" },
    { .path = "/t/wait", .handle = waits, .query = "early", .tag = "t", .summary = "Waits" },
    { .path = "/t/stream", .handle = stream, .tag = "t", .summary = "Pieces" },
    { .path = "/t/nothing", .handle = nothing, .tag = "t", .summary = "No reply" },
    { .path = "/t/fails", .handle = fails, .query = "code", .tag = "t", .summary = "Fails" },
};

const struct server_module routes_module = { .name = "routes",
                                             .routes = routes,
                                             .nroutes = ARRAY_SIZE(routes) };

struct http_answer routes_call(struct server *server, const struct http_call *call)
{
    struct http_answer answer = { 0 };
    assert_int_equal(http_call(server, call, &answer), 0);
    return answer;
}

struct http_answer routes_get(struct server *server, const char *target)
{
    return routes_call(server, &(struct http_call){ .method = "GET", .target = target });
}

const char *routes_code(const struct http_answer *answer)
{
    struct json_object *code;
    assert_string_equal(answer->type, "application/problem+json");
    assert_true(json_object_object_get_ex(answer->json, "code", &code));
    return json_object_get_string(code);
}
