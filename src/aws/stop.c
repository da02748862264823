/*
 * stop: StopTask of ECS.
 */
#include "aws/internal.h"

#include <errno.h>

#define MEMORY_MAX ((size_t)128 << 10)
#define BODY_MAX   4096

static void put_body(const struct aws_stop *stop, struct str cluster, struct buf *buf)
{
    struct jsonw w = { .buf = buf };
    jsonw_object(&w, NULL);
    if (cluster.n) {
        jsonw_str(&w, "cluster", cluster);
    }
    jsonw_str(&w, "task", stop->task);
    jsonw_str(&w, "reason", str_first(stop->reason, 255));
    jsonw_end(&w);
}

static int call(const struct aws_stop *stop, const struct aws_call *what, struct arena *arena,
                struct err *err)
{
    struct aws_credentials credentials = { .id = "" };
    struct courier_request request;
    struct courier_answer answer;
    int r = aws_credentials_wait(stop->aws, stop->time_s, &credentials, err);
    r = r == 0 ? aws_make(arena, what, &credentials, stop->time_s, &request, err) : r;
    explicit_bzero(&credentials, sizeof(credentials));
    r = r == 0 ? courier_exchange(stop->aws->options.courier, &request, &answer, err) : r;
    if (r == 0) {
        r = aws_judge(stop->aws, &answer, err);
        courier_answer_done(&answer);
    }
    return r;
}

int aws_stop_task(const struct aws_stop *stop, struct err *err)
{
    struct arena arena;
    struct buf body;
    struct str region, cluster;
    if (!aws_task_is_good(stop->task, &region, &cluster)) {
        return err_set(err, -EINVAL, "the finding's task is not one of ECS");
    }
    if (!stop->aws) {
        return err_set(err, -ENOENT, "there are no credentials for AWS");
    }
    const struct aws_options *options = &stop->aws->options;
    if (options->region && !str_eqz(region, options->region)) {
        return err_set(err, -EINVAL, "the task is in another region than `aws.region`");
    }
    arena_init(&arena, MEMORY_MAX);
    buf_init(&body, BODY_MAX);
    put_body(stop, cluster, &body);
    const struct aws_call what = { .host = "ecs",
                                   .service = "ecs",
                                   .region = region,
                                   .endpoint = options->ecs_endpoint,
                                   .type = "application/x-amz-json-1.1",
                                   .target = STR("AmazonEC2ContainerServiceV20141113.StopTask"),
                                   .body = buf_str(&body) };
    int r = body.failed ? err_set(err, -ENOMEM, "out of memory") : call(stop, &what, &arena, err);
    buf_done(&body);
    arena_done(&arena);
    return r;
}
