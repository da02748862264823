/*
 * ecs: task documents to what rules ask for.
 *
 * The account and the region come from the task's ARN, its id from the last part of that (older ARNs lack the
 * cluster's name).
 */
#include "agent/ecs.h"

#include "agent/metadata_image.h"
#include "agent/metadata_json.h"
#include "base/cleanup.h"

#include <errno.h>

#define CPU_MAX    1e6
#define MEMORY_MAX 1e12 /* MiB */

static struct str next_part(struct str *rest)
{
    ptrdiff_t colon = str_find_char(*rest, ':');
    struct str part = str_first(*rest, colon < 0 ? rest->n : (size_t)colon);
    *rest = str_from_offset(*rest, colon < 0 ? rest->n : (size_t)colon + 1);
    return part;
}

static bool is_word(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) {
            return false;
        }
    }
    return s.n > 0;
}

static bool is_account(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9') {
            return false;
        }
    }
    return s.n == 12;
}

bool ecs_arn_parse(struct str text, struct ecs_arn *ret)
{
    struct str rest = text;
    bool is_arn = str_eq(next_part(&rest), STR("arn"));
    struct ecs_arn arn = { .partition = next_part(&rest) };
    arn.service = next_part(&rest);
    arn.region = next_part(&rest);
    arn.account = next_part(&rest);
    arn.resource = rest;
    if (!is_arn || !is_word(arn.partition) || !is_word(arn.service) || !is_word(arn.region) ||
        !is_account(arn.account) || arn.resource.n == 0) {
        return false;
    }
    *ret = arn;
    return true;
}

static struct str after_last_slash(struct str s)
{
    return str_from_offset(s, (size_t)(str_find_last(s, '/') + 1));
}

struct str ecs_cluster_name(struct str name_or_arn)
{
    struct ecs_arn arn;
    if (ecs_arn_parse(name_or_arn, &arn) && str_starts(arn.resource, STR("cluster/"))) {
        return after_last_slash(arn.resource);
    }
    return name_or_arn;
}

static bool is_id(struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '_' || c == '.')) {
            return false;
        }
    }
    return s.n > 0 && s.n <= ECS_ID_MAX;
}

/* The first text of a list of texts. */
static struct str first_text(struct metadata_reader *r, struct json_object *object, const char *key)
{
    struct json_object *list;
    if (metadata_json_list(r, object, key, &list) == 0) {
        return (struct str){ 0 };
    }
    struct json_object *one = json_object_array_get_idx(list, 0);
    if (!json_object_is_type(one, json_type_string)) {
        r->wrong = r->wrong ? r->wrong : key;
        return (struct str){ 0 };
    }
    struct str s = arena_str(r->arena, str_of(json_object_get_string(one)));
    r->no_memory |= !s.p;
    return s;
}

static void read_network(struct metadata_reader *r, struct json_object *o, struct ecs_network *ret)
{
    struct json_object *list;
    if (metadata_json_list(r, o, "Networks", &list) == 0) {
        return;
    }
    struct json_object *one = metadata_json_at(r, list, 0, "Networks");
    *ret = (struct ecs_network){
        .mode = metadata_json_text(r, one, "NetworkMode"),
        .mac = metadata_json_text(r, one, "MACAddress"),
        .ipv4 = first_text(r, one, "IPv4Addresses"),
        .ipv6 = first_text(r, one, "IPv6Addresses"),
        .subnet = metadata_json_text(r, one, "IPv4SubnetCIDRBlock"),
    };
}

static void read_container(struct metadata_reader *r, struct json_object *o,
                           struct ecs_container *c)
{
    struct json_object *limits = metadata_json_member(r, o, "Limits", json_type_object);
    struct json_object *health = metadata_json_member(r, o, "Health", json_type_object);
    *c = (struct ecs_container){
        .id = metadata_json_text(r, o, "DockerId"),
        .name = metadata_json_text(r, o, "Name"),
        .docker_name = metadata_json_text(r, o, "DockerName"),
        .image = metadata_json_text(r, o, "Image"),
        .image_id = metadata_json_text(r, o, "ImageID"),
        .image_digest = metadata_json_text(r, o, "ImageDigest"),
        .arn = metadata_json_text(r, o, "ContainerARN"),
        .type = metadata_json_text(r, o, "Type"),
        .desired_status = metadata_json_text(r, o, "DesiredStatus"),
        .known_status = metadata_json_text(r, o, "KnownStatus"),
        .created_at = metadata_json_text(r, o, "CreatedAt"),
        .started_at = metadata_json_text(r, o, "StartedAt"),
        .log_driver = metadata_json_text(r, o, "LogDriver"),
        .snapshotter = metadata_json_text(r, o, "Snapshotter"),
        .health = metadata_json_text(r, health, "status"),
        .cpu_units = metadata_json_number(r, limits, "CPU", CPU_MAX),
        .memory_mib = metadata_json_number(r, limits, "Memory", MEMORY_MAX),
    };
    c->nlabels = metadata_json_labels(r, o, "Labels", &c->labels);
    c->internal = c->type.n && !str_eq(c->type, STR("NORMAL"));
    read_network(r, o, &c->network);
    if (c->id.n && !is_id(c->id)) {
        r->wrong = r->wrong ? r->wrong : "DockerId";
    }
}

static void read_containers(struct metadata_reader *r, struct json_object *root,
                            struct ecs_task *task)
{
    struct json_object *list;
    size_t n = metadata_json_list(r, root, "Containers", &list);
    if (n > ECS_CONTAINERS_MAX) {
        r->wrong = r->wrong ? r->wrong : "Containers";
        return;
    }
    task->containers = ARENA_ARRAY(r->arena, struct ecs_container, n);
    r->no_memory |= !task->containers;
    for (size_t i = 0; i < n && task->containers; i++) {
        struct ecs_container *c = &task->containers[task->ncontainers];
        read_container(r, metadata_json_at(r, list, i, "Containers"), c);
        if (c->id.n && !ecs_task_container(task, c->id)) {
            task->ncontainers++;
        } else {
            task->nameless += c->id.n == 0;
        }
    }
}

static void read_task(struct metadata_reader *r, struct json_object *root, struct ecs_task *task)
{
    struct json_object *limits = metadata_json_member(r, root, "Limits", json_type_object);
    struct ecs_arn arn;
    *task = (struct ecs_task){
        .cluster = ecs_cluster_name(metadata_json_text(r, root, "Cluster")),
        .arn = metadata_json_text(r, root, "TaskARN"),
        .family = metadata_json_text(r, root, "Family"),
        .revision = metadata_json_text(r, root, "Revision"),
        .service = metadata_json_text(r, root, "ServiceName"),
        .launch_type = metadata_json_text(r, root, "LaunchType"),
        .availability_zone = metadata_json_text(r, root, "AvailabilityZone"),
        .vpc_id = metadata_json_text(r, root, "VPCID"),
        .desired_status = metadata_json_text(r, root, "DesiredStatus"),
        .known_status = metadata_json_text(r, root, "KnownStatus"),
        .cpu = metadata_json_number(r, limits, "CPU", CPU_MAX),
        .memory_mib = metadata_json_number(r, limits, "Memory", MEMORY_MAX),
    };
    if (task->arn.n && !ecs_arn_parse(task->arn, &arn)) {
        r->wrong = r->wrong ? r->wrong : "TaskARN";
    } else if (task->arn.n) {
        task->partition = arn.partition;
        task->account = arn.account;
        task->region = arn.region;
        task->id = after_last_slash(arn.resource);
    }
    task->ntags = metadata_json_labels(r, root, "TaskTags", &task->tags);
}

int ecs_task_parse(struct str json, struct arena *arena, struct ecs_task *ret, struct err *err)
{
    CLEANUP(metadata_json_put) struct json_object *root = NULL;
    struct metadata_reader reader = { .arena = arena };
    struct ecs_task task;
    int r = json.n > ECS_DOCUMENT_MAX ? err_set(err, -EBADMSG, "a document of %zu bytes", json.n)
                                      : metadata_json_parse(json, &root, err);
    if (r < 0) {
        return r;
    }
    read_task(&reader, root, &task);
    read_containers(&reader, root, &task);
    r = metadata_json_end(&reader, err);
    if (r == 0) {
        *ret = task;
    }
    return r;
}

int ecs_container_parse(struct str json, struct arena *arena, struct ecs_container *ret,
                        struct err *err)
{
    CLEANUP(metadata_json_put) struct json_object *root = NULL;
    struct metadata_reader reader = { .arena = arena };
    struct ecs_container container;
    int r = json.n > ECS_DOCUMENT_MAX ? err_set(err, -EBADMSG, "a document of %zu bytes", json.n)
                                      : metadata_json_parse(json, &root, err);
    if (r < 0) {
        return r;
    }
    read_container(&reader, root, &container);
    r = metadata_json_end(&reader, err);
    if (r == 0 && container.id.n == 0) {
        r = err_set(err, -EBADMSG, "a container without \"DockerId\"");
    }
    if (r == 0) {
        *ret = container;
    }
    return r;
}

const struct ecs_container *ecs_task_container(const struct ecs_task *task, struct str id)
{
    for (uint32_t i = 0; i < task->ncontainers; i++) {
        if (str_eq(task->containers[i].id, id)) {
            return &task->containers[i];
        }
    }
    return NULL;
}

bool ecs_task_settled(const struct ecs_task *task)
{
    for (uint32_t i = 0; i < task->ncontainers; i++) {
        const struct ecs_container *c = &task->containers[i];
        if (!str_eq(c->known_status, STR("RUNNING")) && !str_eq(c->known_status, STR("STOPPED")) &&
            !(c->internal && str_eq(c->known_status, STR("RESOURCES_PROVISIONED")))) {
            return false;
        }
    }
    return task->nameless == 0 && task->ncontainers > 0;
}
