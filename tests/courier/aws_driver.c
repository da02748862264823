/*
 * aws_driver: calls to AWS for tests: commands as lines of JSON, what came of them as lines of JSON.
 *
 *     aws_driver '{"sns":"http://127.0.0.1:1","events":"...","ecs":"...","id":"...","secret":"..."}'
 *     {"do":"publish","topic":"arn:...","title":"","text":"","json":"","type":"","severity":"8.0","id":"1"}
 *     {"do":"event","bus":"","region":"","source":"","detail_type":"","detail":"","resource":""}
 *     {"do":"stop","task":"","reason":""}       {"do":"credentials","wait":true}      each with "now":SECONDS
 *     {"r":0,"error":""}
 */
#include "aws/aws.h"

#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define LINE_SIZE ((size_t)4 << 20)

struct place {
    struct courier *courier;
    struct aws *aws;
    struct arena arena;
};

static struct str text(struct json_object *object, const char *key)
{
    struct json_object *value = json_object_object_get(object, key);
    return value ? (struct str){ json_object_get_string(value),
                                 (size_t)json_object_get_string_len(value) }
                 : (struct str){ 0 };
}

static int send_it(struct place *p, const struct courier_request *request, bool event,
                   struct err *err)
{
    struct courier_answer answer;
    int r = courier_exchange(p->courier, request, &answer, err);
    if (r == 0) {
        r = event ? aws_judge_event(p->aws, &answer, err) : aws_judge(p->aws, &answer, err);
        courier_answer_done(&answer);
    }
    return r;
}

static int publish(struct place *p, struct json_object *json, int64_t now_s, struct err *err)
{
    struct courier_request request;
    const struct aws_publish what = { .topic = text(json, "topic"),
                                      .title = text(json, "title"),
                                      .text = text(json, "text"),
                                      .json = text(json, "json"),
                                      .type = text(json, "type"),
                                      .severity = text(json, "severity"),
                                      .id = text(json, "id") };
    int r = aws_publish(p->aws, &what, now_s, &p->arena, &request, err);
    return r == 0 ? send_it(p, &request, false, err) : r;
}

static int put_event(struct place *p, struct json_object *json, int64_t now_s, struct err *err)
{
    struct courier_request request;
    const struct aws_event what = { .bus = text(json, "bus"),
                                    .region = text(json, "region"),
                                    .source = text(json, "source"),
                                    .detail_type = text(json, "detail_type"),
                                    .detail = text(json, "detail"),
                                    .resource = text(json, "resource"),
                                    .time_s = now_s };
    int r = aws_put_event(p->aws, &what, now_s, &p->arena, &request, err);
    return r == 0 ? send_it(p, &request, true, err) : r;
}

static int credentials(struct place *p, struct json_object *json, int64_t now_s, struct err *err)
{
    struct aws_credentials found = { .id = "" };
    bool wait = json_object_get_boolean(json_object_object_get(json, "wait"));
    int r = wait ? aws_credentials_wait(p->aws, now_s, &found, err)
                 : aws_credentials_now(p->aws, now_s, &found, err);
    if (r == 0) {
        err_set(err, 0, "%s %s %s", found.id, found.secret, found.token);
    }
    return r;
}

/* A call of any service, to the endpoint of ecs: paths as they are sent. */
static int call(struct place *p, struct json_object *json, int64_t now_s, struct err *err)
{
    struct aws_credentials found;
    struct courier_request request;
    const struct aws_call what = { .host = text(json, "service").p,
                                   .service = text(json, "service").p,
                                   .region = text(json, "region"),
                                   .endpoint = text(json, "endpoint").p,
                                   .path = text(json, "path"),
                                   .type = "application/json",
                                   .body = text(json, "body") };
    int r = aws_credentials_wait(p->aws, now_s, &found, err);
    r = r == 0 ? aws_make(&p->arena, &what, &found, now_s, &request, err) : r;
    return r == 0 ? send_it(p, &request, false, err) : r;
}

static void act(struct place *p, struct json_object *json)
{
    struct err err = { 0 };
    struct str what = text(json, "do");
    struct json_object *now = json_object_object_get(json, "now");
    int64_t now_s = now ? json_object_get_int64(now) : (int64_t)time(NULL);
    const struct aws_stop stop = { p->aws, text(json, "task"), text(json, "reason"), now_s };
    arena_reset(&p->arena);
    int r = str_eqz(what, "publish")       ? publish(p, json, now_s, &err)
            : str_eqz(what, "event")       ? put_event(p, json, now_s, &err)
            : str_eqz(what, "credentials") ? credentials(p, json, now_s, &err)
            : str_eqz(what, "call")        ? call(p, json, now_s, &err)
                                           : aws_stop_task(&stop, &err);
    struct buf line;
    struct jsonw w = { .buf = &line };
    buf_init(&line, 65536);
    jsonw_object(&w, NULL);
    jsonw_i64(&w, "r", r);
    jsonw_strz(&w, "error", err.message);
    jsonw_end(&w);
    buf_putc(&line, '\n');
    fwrite(line.p, 1, line.n, stdout);
    fflush(stdout);
    buf_done(&line);
}

int main(int argc, char **argv)
{
    struct place p = { 0 };
    struct err err = { 0 };
    char *line = mem_alloc(LINE_SIZE);
    struct json_object *given = argc == 2 ? json_tokener_parse(argv[1]) : NULL;
    if (!given || !line || courier_fork(&p.courier, &err) < 0 ||
        courier_start(p.courier, &(struct courier_options){ .agent = STR("test") }, &err) < 0) {
        return EXIT_FAILURE;
    }
    const struct aws_options options = { .courier = p.courier,
                                         .access_key_id = text(given, "id").p,
                                         .secret_access_key = text(given, "secret").p,
                                         .region = text(given, "region").p,
                                         .ecs_endpoint = text(given, "ecs").p,
                                         .sns_endpoint = text(given, "sns").p,
                                         .events_endpoint = text(given, "events").p };
    arena_init(&p.arena, (size_t)16 << 20);
    if (aws_new(&options, &p.aws, &err) < 0) {
        return EXIT_FAILURE;
    }
    while (fgets(line, (int)LINE_SIZE, stdin)) {
        struct json_object *json = json_tokener_parse(line);
        if (json) {
            act(&p, json);
        }
        json_object_put(json);
    }
    courier_close(p.courier);
    aws_free(p.aws);
    courier_free(p.courier);
    arena_done(&p.arena);
    json_object_put(given);
    free(line);
    return EXIT_SUCCESS;
}
