/*
 * driver: a courier for tests: requests as lines of JSON, answers as lines of JSON in the order in which they come.
 *
 *     driver '{"allow_private":false,"allow":["127.0.0.1/32"],"proxy":"","ca":""}'
 *     {"id":1,"url":"http://127.0.0.1:1234/","method":"","headers":[["A","b"]],"body":"",...}
 *     {"id":1,"r":0,"outcome":"answered","status":200,...}
 *
 * Its first line names its process and the keeper's control is closed at the end of the input.
 */
#include "base/arena.h"
#include "base/buf.h"
#include "courier/courier.h"

#include <json-c/json.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_SIZE ((size_t)8 << 20)

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t answered = PTHREAD_COND_INITIALIZER;
static unsigned waiting;

static struct json_object *get(struct json_object *object, const char *key)
{
    return json_object_object_get(object, key);
}

static struct str text(struct json_object *object, const char *key)
{
    struct json_object *value = get(object, key);
    return value ? (struct str){ json_object_get_string(value),
                                 (size_t)json_object_get_string_len(value) }
                 : (struct str){ 0 };
}

static long number(struct json_object *object, const char *key)
{
    struct json_object *value = get(object, key);
    return value ? (long)json_object_get_int64(value) : 0;
}

static void print(long id, int r, const char *error, const struct courier_answer *answer)
{
    struct buf line;
    buf_init(&line, 2 * LINE_SIZE);
    struct jsonw w = { .buf = &line };
    jsonw_object(&w, NULL);
    jsonw_i64(&w, "id", id);
    jsonw_i64(&w, "r", r);
    jsonw_strz(&w, "error", error);
    if (answer) {
        jsonw_strz(&w, "outcome", courier_outcome_name(answer->outcome));
        jsonw_i64(&w, "status", answer->status);
        jsonw_i64(&w, "retry_after_s", answer->retry_after_s);
        jsonw_strz(&w, "address", answer->address);
        jsonw_strz(&w, "text", answer->text);
        jsonw_str(&w, "body", answer->body);
        jsonw_object(&w, "headers");
        for (unsigned i = 0; i < answer->nheaders; i++) {
            jsonw_key(&w, answer->headers[i].name);
            jsonw_str(&w, NULL, answer->headers[i].value);
        }
        jsonw_end(&w);
    }
    jsonw_end(&w);
    buf_putc(&line, '\n');
    pthread_mutex_lock(&lock);
    fwrite(line.p, 1, line.n, stdout);
    fflush(stdout);
    pthread_mutex_unlock(&lock);
    buf_done(&line);
}

static void done(void *context, const struct courier_answer *answer)
{
    print((long)(intptr_t)context, 0, "", answer);
    pthread_mutex_lock(&lock);
    waiting--;
    pthread_cond_signal(&answered);
    pthread_mutex_unlock(&lock);
}

static struct json_object *at(struct json_object *list, unsigned i)
{
    return json_object_array_get_idx(list, i);
}

static unsigned length(struct json_object *list)
{
    return list ? (unsigned)json_object_array_length(list) : 0;
}

static struct str string(struct json_object *value)
{
    return (struct str){ json_object_get_string(value), (size_t)json_object_get_string_len(value) };
}

static void ask(struct courier *courier, struct json_object *json)
{
    static struct courier_header headers[256];
    static struct str to[256];
    struct json_object *list = get(json, "headers"), *people = get(json, "to");
    struct courier_request request = { .url = text(json, "url"),
                                       .method = text(json, "method"),
                                       .headers = headers,
                                       .nheaders = length(list),
                                       .body = text(json, "body"),
                                       .from = text(json, "from"),
                                       .to = to,
                                       .nto = length(people),
                                       .tls =
                                           number(json, "plain") ? COURIER_PLAIN : COURIER_STARTTLS,
                                       .user = text(json, "user"),
                                       .password = text(json, "password"),
                                       .ca = text(json, "ca"),
                                       .wanted = text(json, "wanted"),
                                       .answer_max = (size_t)number(json, "answer_max"),
                                       .timeout_ms = (uint32_t)number(json, "timeout_ms"),
                                       .reach = (enum courier_reach)number(json, "reach") };
    struct err err = { 0 };
    for (unsigned i = 0; i < request.nheaders; i++) {
        headers[i] =
            (struct courier_header){ string(at(at(list, i), 0)), string(at(at(list, i), 1)) };
    }
    for (unsigned i = 0; i < request.nto; i++) {
        to[i] = string(at(people, i));
    }
    pthread_mutex_lock(&lock);
    waiting++;
    pthread_mutex_unlock(&lock);
    int r = courier_send(courier, &request, done, (void *)(intptr_t)number(json, "id"), &err);
    if (r < 0) {
        pthread_mutex_lock(&lock);
        waiting--;
        pthread_mutex_unlock(&lock);
        print(number(json, "id"), r, err.message, NULL);
    }
}

static void wait_for_all(void)
{
    pthread_mutex_lock(&lock);
    while (waiting) {
        pthread_cond_wait(&answered, &lock);
    }
    pthread_mutex_unlock(&lock);
}

static bool start(struct courier *courier, const char *settings)
{
    struct err err = { 0 };
    struct json_object *json = json_tokener_parse(settings), *list = get(json, "allow");
    char *allow[512];
    struct courier_options options = { .allow_private = number(json, "allow_private"),
                                       .allow = allow,
                                       .nallow = length(list),
                                       .proxy = text(json, "proxy"),
                                       .ca = text(json, "ca"),
                                       .agent = text(json, "agent") };
    for (unsigned i = 0; i < options.nallow; i++) {
        allow[i] = (char *)json_object_get_string(at(list, i));
    }
    bool good = courier_start(courier, &options, &err) == 0;
    if (!good) {
        fprintf(stderr, "%s\n", err.message);
    }
    json_object_put(json);
    return good;
}

int main(int argc, char **argv)
{
    struct courier *courier = NULL;
    struct err err = { 0 };
    char *line = mem_alloc(LINE_SIZE);
    if (argc != 2 || !line || courier_fork(&courier, &err) < 0 || !start(courier, argv[1])) {
        return EXIT_FAILURE;
    }
    while (fgets(line, (int)LINE_SIZE, stdin)) {
        struct json_object *json = json_tokener_parse(line);
        if (json) {
            ask(courier, json);
        } else if (strcmp(line, "close\n") == 0) {
            courier_close(courier);
        }
        json_object_put(json);
    }
    wait_for_all();
    courier_free(courier);
    free(line);
    return EXIT_SUCCESS;
}
