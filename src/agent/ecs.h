/*
 * ecs: the documents of the ECS task metadata endpoint, version 4, in the forms of Fargate and of EC2.
 *
 * A document is refused whole when it is not strict JSON or a member has a wrong type; members that are absent
 * are empty, those that are not known are ignored. Containers without an id (not created yet) are left out and
 * counted.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "event/state.h"

#include <stdbool.h>
#include <stdint.h>

#define ECS_DOCUMENT_MAX   ((size_t)1 << 20)
#define ECS_ARENA_MAX      ((size_t)8 << 20)
#define ECS_CONTAINERS_MAX 256
#define ECS_ID_MAX         128 /* bytes of a container's id */

/* arn:PARTITION:SERVICE:REGION:ACCOUNT:RESOURCE */
struct ecs_arn {
    struct str partition, service, region, account, resource;
};
/* Parts borrowed from text. False: it is none. */
bool ecs_arn_parse(struct str text, struct ecs_arn *ret);
/* What follows the last slash of a cluster's ARN; anything else as it is. */
struct str ecs_cluster_name(struct str name_or_arn);

struct ecs_network {
    struct str mode, mac, ipv4, ipv6, subnet; /* the first of each */
};

struct ecs_container {
    struct str id; /* 64 hexadecimal digits, or the task's 32, a dash and ten digits */
    struct str name, docker_name, image, image_id, image_digest, arn, type;
    struct str desired_status, known_status, created_at, started_at;
    struct str log_driver, snapshotter, health;
    double cpu_units, memory_mib; /* 0: none; 1024 units are a processor */
    struct container_label *labels;
    uint32_t nlabels;
    struct ecs_network network;
    bool internal; /* ECS' own: pause, service proxy, emptyvolume */
};

struct ecs_task {
    struct str cluster, arn, id, family, revision, service, partition, account, region;
    struct str launch_type, availability_zone, vpc_id, desired_status, known_status;
    double cpu, memory_mib; /* processors; 0: none */
    struct container_label *tags;
    uint32_t ntags;
    struct ecs_container *containers;
    uint32_t ncontainers;
    uint32_t nameless; /* containers without an id yet */
};

/* Texts and lists lie in the arena. 0, -EBADMSG with the reason, -ENOMEM. */
int ecs_task_parse(struct str json, struct arena *arena, struct ecs_task *ret, struct err *err);
/* The document of one container, as the endpoint's own URL answers. */
int ecs_container_parse(struct str json, struct arena *arena, struct ecs_container *ret,
                        struct err *err);
/* Of this id, whole; NULL none. */
const struct ecs_container *ecs_task_container(const struct ecs_task *task, struct str id);
/* Is everything there that will be: all containers have ids and run, or have stopped? */
bool ecs_task_settled(const struct ecs_task *task);

/* What a rule can ask for; texts borrowed from task and container. */
void ecs_fill(const struct ecs_task *task, const struct ecs_container *container,
              struct container *ret);
/* The task's part only: over what a runtime told. */
void ecs_fill_task(const struct ecs_task *task, const struct ecs_container *container,
                   struct container *ret);
/* From the labels that the ECS agent gives its containers, what is still empty. */
void ecs_fill_from_labels(struct container *container);
