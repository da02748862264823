/*
 * Requests as strangers write them: a target, lines of headers, an empty line, a body; through the steps of every
 * request to a handler that reads what handlers read. Nothing but a complete reply may come of it.
 */
#include "fuzz.h"
#include "server/host.h"
#include "server/http_call.h"
#include "server/http_internal.h"
#include "server/http_server.h"
#include "server/modules.h"

#include <stdlib.h>

#define TARGET_MAX 9000

static enum http_result read_all(struct server *server, struct request *request,
                                 struct reply *reply)
{
    struct str text = { NULL, 0 };
    int64_t number = 0;
    bool flag = false;
    (void)server;
    if (!request_number(request, "n", INT64_MIN + 1, INT64_MAX, 0, &number, reply)) {
        return HTTP_DONE;
    }
    struct str name = request_param(request, "name");
    FUZZ_CHECK(name.n && str_is_utf8(name) && !memchr(name.p, '\0', name.n));
    struct json_object *body = request_json(request, reply);
    if (!body || !request_members_only(request, body, "text number flag", reply) ||
        !request_member_text(request, body, "text", false, 100, &text, reply) ||
        !request_member_number(request, body, "number", false, -9, 9, &number, reply) ||
        !request_member_bool(request, body, "flag", true, &flag, reply)) {
        return HTTP_DONE;
    }
    reply_header(reply, "X-Text", text);
    struct jsonw *w = reply_json(reply, 200);
    jsonw_object(w, NULL);
    jsonw_str(w, "text", text);
    jsonw_str(w, "name", name);
    jsonw_end(w);
    return HTTP_DONE;
}

static const struct route routes[] = {
    { .method = HTTP_POST, .path = "/fuzz/{name}", .handle = read_all, .query = "q n" },
    { .method = HTTP_PUT, .path = "/fuzz/{name}/a/{other}", .handle = read_all, .query = "q n" },
};
static const struct server_module module = { .name = "fuzz", .routes = routes, .nroutes = 2 };

static char *line(struct str *rest)
{
    ptrdiff_t end = str_find_char(*rest, '\n');
    struct str text = end < 0 ? *rest : str_first(*rest, (size_t)end);
    *rest = str_from_offset(*rest, text.n + 1);
    return str_dupz(text);
}

static void ask(struct server *server, const char *method, struct str input)
{
    struct http_call call = { .method = method };
    char target[TARGET_MAX], *lines[HTTP_CALL_HEADERS_MAX] = { NULL };
    struct http_answer answer;
    struct str rest = input;
    char *first = line(&rest);
    unsigned n = 0;
    snprintf(target, sizeof(target), "/fuzz/%s", first);
    for (; rest.n && rest.p[0] != '\n' && n < HTTP_CALL_HEADERS_MAX; n++) {
        lines[n] = line(&rest);
        char *colon = strchr(lines[n], ':');
        call.headers[n].name = lines[n];
        call.headers[n].value = colon ? colon + 1 : "";
        if (colon) {
            *colon = '\0';
        }
    }
    call.target = target;
    call.body = str_from_offset(rest, 1);
    if (http_call(server, &call, &answer) == 0) {
        FUZZ_CHECK(answer.status >= 200 && answer.status < 600 && answer.status != 500);
        FUZZ_CHECK(answer.status == 204 || answer.json);
        http_answer_done(&answer);
    }
    for (unsigned i = 0; i < n; i++) {
        free(lines[i]);
    }
    free(first);
}

static void read_names(struct str input)
{
    static char proxy[] = "0.0.0.0/0";
    static char *items[] = { proxy };
    const struct server_config config = { .trusted_proxies = { items, 1 } };
    struct exchange x = { .nheaders = 1, .headers = { { STR("X-Forwarded-For"), input } } };
    struct sockaddr_storage at = { .ss_family = AF_INET };
    struct target target;
    struct err err;
    bool secure = false;
    arena_init(&x.arena, (size_t)1 << 20);
    target_parse(&x.arena, input, &target, &err);
    arena_done(&x.arena);
    x.request = (struct request){ .peer = at, .connection = &x };
    proxy_client(&config, &x.request, &secure);
    host_is_ours(&config, input);
    host_take_absolute(&(struct str){ input.p, input.n }, STR("a"));
    address_parse(input, &at);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct server_config config = { .listen = "127.0.0.1:0",
                                                 .rate_per_address = 1000000,
                                                 .rate_per_principal = 1000000 };
    static struct server server = { .config = &config };
    if (!server.http) {
        struct err err;
        server_modules_add(&module);
        FUZZ_CHECK(http_new(&server, &err) == 0);
    }
    struct str input = { (const char *)data, size };
    ask(&server, "POST", input);
    ask(&server, "PUT", input);
    read_names(input);
    return 0;
}
