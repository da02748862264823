/*
 * ecs_fill: a task's facts as those of a container in the state.
 *
 * What Fargate calls ImageID is the digest that was pulled; on EC2 it is Docker's own id of the image, so it
 * is no digest there.
 */
#include "agent/ecs.h"
#include "agent/metadata_image.h"

#define UNITS_PER_CPU 1024.0
#define MIN_UNITS     2.0 /* what the kernel makes of none */
#define BYTES_PER_MIB 1048576.0

#define SHA256 STR("sha256:")

static bool is_fargate(const struct ecs_task *task, const struct ecs_container *container)
{
    return task->launch_type.n ? str_eq(task->launch_type, STR("FARGATE"))
                               : str_find_char(container->id, '-') >= 0;
}

static void fill_limits(const struct ecs_task *task, const struct ecs_container *container,
                        struct container *ret)
{
    double cpu =
        container->cpu_units > MIN_UNITS ? container->cpu_units / UNITS_PER_CPU : task->cpu;
    double memory = container->memory_mib > 0 ? container->memory_mib : task->memory_mib;
    ret->cpu_limit_milli = (uint64_t)(cpu * 1000 + 0.5);
    ret->memory_limit_bytes = (uint64_t)(memory * BYTES_PER_MIB);
}

void ecs_fill_task(const struct ecs_task *task, const struct ecs_container *container,
                   struct container *ret)
{
    ret->name = container->name.n ? container->name : ret->name;
    ret->ecs_cluster = task->cluster;
    ret->ecs_task_arn = task->arn;
    ret->ecs_task_id = task->id;
    ret->ecs_task_family = task->family;
    ret->ecs_task_revision = task->revision;
    ret->ecs_service = task->service;
    ret->ecs_launch_type = task->launch_type;
    ret->ecs_availability_zone = task->availability_zone;
    ret->aws_account = task->account;
    ret->aws_region = task->region;
    ret->ip = ret->ip.n ? ret->ip : container->network.ipv4;
    ret->ip = ret->ip.n ? ret->ip : container->network.ipv6;
    if (ret->cpu_limit_milli == 0 && ret->memory_limit_bytes == 0) {
        fill_limits(task, container, ret);
    }
    ecs_fill_from_labels(ret);
}

void ecs_fill(const struct ecs_task *task, const struct ecs_container *container,
              struct container *ret)
{
    bool fargate = is_fargate(task, container);
    struct str id = container->image_id;
    *ret = (struct container){
        .id = container->id,
        .full_id = container->id,
        .type = fargate ? STR("containerd") : STR("docker"),
        .image = container->image,
        .image_id = str_starts(id, SHA256) ? str_from_offset(id, SHA256.n) : id,
        .image_digest = container->image_digest,
        .labels = container->labels,
        .nlabels = container->nlabels,
        .host_network = str_eq(container->network.mode, STR("host")),
    };
    if (ret->image_digest.n == 0 && fargate && image_is_digest(id)) {
        ret->image_digest = id;
    }
    image_fill(ret);
    ecs_fill_task(task, container, ret);
}

static void fill_empty(struct str *s, struct str from)
{
    *s = s->n ? *s : from;
}

void ecs_fill_from_labels(struct container *c)
{
    struct ecs_arn arn;
    for (uint32_t i = 0; i < c->nlabels; i++) {
        struct str key = c->labels[i].key, value = c->labels[i].value;
        if (str_eq(key, STR("com.amazonaws.ecs.cluster"))) {
            fill_empty(&c->ecs_cluster, ecs_cluster_name(value));
        } else if (str_eq(key, STR("com.amazonaws.ecs.task-arn"))) {
            fill_empty(&c->ecs_task_arn, value);
        } else if (str_eq(key, STR("com.amazonaws.ecs.task-definition-family"))) {
            fill_empty(&c->ecs_task_family, value);
        } else if (str_eq(key, STR("com.amazonaws.ecs.task-definition-version"))) {
            fill_empty(&c->ecs_task_revision, value);
        } else if (str_eq(key, STR("com.amazonaws.ecs.container-name"))) {
            fill_empty(&c->name, value);
        }
    }
    if (ecs_arn_parse(c->ecs_task_arn, &arn)) {
        ptrdiff_t slash = str_find_last(arn.resource, '/');
        fill_empty(&c->ecs_task_id, str_from_offset(arn.resource, (size_t)(slash + 1)));
        fill_empty(&c->aws_account, arn.account);
        fill_empty(&c->aws_region, arn.region);
    }
}
