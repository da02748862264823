/*
 * container_json: container metadata as captures carry them: {"container": {"id": ..., "type":
 * number, "Mounts": [...], "labels": {...}, ...}}. Keys of all versions are known; members of
 * another type than expected count as absent. Parsed by json-c, away from the hot path; strings are
 * copied to the arena.
 */
#include "event/state_internal.h"

#include "base/buf.h"
#include "base/cleanup.h"

#include <errno.h>
#include <json-c/json.h>

#define JSON_DEPTH    32
#define LIST_MAX      4096 /* mounts, labels */
#define COMMAND_MAX   4096
#define NS_PER_SECOND UINT64_C(1000000000)

struct reader {
    struct arena *arena;
    bool failed; /* out of memory */
};

struct str container_type_text(int64_t type)
{
    static const char *const names[] = { "docker", "lxc",    "libvirt-lxc", "mesos",
                                         "rkt",    "custom", "cri",         "containerd",
                                         "cri-o",  "bpm",    "static",      "podman" };
    return type >= 0 && (size_t)type < sizeof(names) / sizeof(*names) ? str_of(names[type])
                                                                      : (struct str){ 0 };
}

static struct str keep(struct reader *r, struct str s)
{
    if (s.n == 0) {
        return (struct str){ 0 };
    }
    s = arena_str(r->arena, s);
    r->failed |= !s.p;
    return s;
}

static struct str text_of(struct json_object *value)
{
    if (!json_object_is_type(value, json_type_string)) {
        return (struct str){ 0 };
    }
    return str_from(json_object_get_string(value), (size_t)json_object_get_string_len(value));
}

static struct json_object *member(struct json_object *object, const char *key)
{
    struct json_object *value = NULL;
    if (json_object_is_type(object, json_type_object)) {
        json_object_object_get_ex(object, key, &value);
    }
    return value;
}

static struct str text_member(struct reader *r, struct json_object *object, const char *key)
{
    return keep(r, text_of(member(object, key)));
}

static bool bool_member(struct json_object *object, const char *key)
{
    struct json_object *value = member(object, key);
    return json_object_is_type(value, json_type_boolean) && json_object_get_boolean(value);
}

static struct str type_member(struct reader *r, struct json_object *object)
{
    struct json_object *value = member(object, "type");
    if (json_object_is_type(value, json_type_int)) {
        return keep(r, container_type_text(json_object_get_int64(value)));
    }
    return keep(r, text_of(value));
}

static void read_mounts(struct reader *r, struct json_object *list, struct container *c)
{
    size_t n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 0;
    n = n < LIST_MAX ? n : LIST_MAX;
    c->mounts = ARENA_ARRAY(r->arena, struct container_mount, n);
    r->failed |= !c->mounts;
    for (size_t i = 0; i < n && c->mounts; i++) {
        struct json_object *mount = json_object_array_get_idx(list, i);
        c->mounts[c->nmounts++] = (struct container_mount){
            .source = text_member(r, mount, "Source"),
            .dest = text_member(r, mount, "Destination"),
            .mode = text_member(r, mount, "Mode"),
            .propagation = text_member(r, mount, "Propagation"),
            .rdwr = bool_member(mount, "RW"),
        };
    }
}

static uint32_t read_labels(struct reader *r, struct json_object *object,
                            struct container_label **ret)
{
    if (!json_object_is_type(object, json_type_object)) {
        return 0;
    }
    size_t n = (size_t)json_object_object_length(object);
    n = n < LIST_MAX ? n : LIST_MAX;
    struct container_label *labels = ARENA_ARRAY(r->arena, struct container_label, n);
    r->failed |= !labels;
    uint32_t used = 0;
    json_object_object_foreach(object, key, value)
    {
        if (labels && used < n) {
            labels[used++] = (struct container_label){ .key = keep(r, str_of(key)),
                                                       .value = keep(r, text_of(value)) };
        }
    }
    *ret = labels;
    return used;
}

/* {"exe": "/bin/sh", "args": ["-c", "true"]} as a command line. */
static struct str read_command(struct reader *r, struct json_object *object)
{
    char storage[COMMAND_MAX];
    struct buf buf;
    buf_init_fixed(&buf, storage, sizeof(storage));
    buf_puts(&buf, text_of(member(object, "exe")));
    struct json_object *args = member(object, "args");
    size_t n = json_object_is_type(args, json_type_array) ? json_object_array_length(args) : 0;
    for (size_t i = 0; i < n && !buf.failed; i++) {
        buf_putc(&buf, ' ');
        buf_puts(&buf, text_of(json_object_array_get_idx(args, i)));
    }
    return keep(r, buf_str(&buf));
}

static void read_container(struct reader *r, struct json_object *o, struct container *c)
{
    struct json_object *created = member(o, "created_time");
    *c = (struct container){
        .id = text_member(r, o, "id"),
        .full_id = text_member(r, o, "full_id"),
        .type = type_member(r, o),
        .name = text_member(r, o, "name"),
        .image = text_member(r, o, "image"),
        .image_id = text_member(r, o, "imageid"),
        .image_repository = text_member(r, o, "imagerepo"),
        .image_tag = text_member(r, o, "imagetag"),
        .image_digest = text_member(r, o, "imagedigest"),
        .ip = text_member(r, o, "ip"),
        .cni_json = text_member(r, o, "cni_json"),
        .pod_sandbox_id = text_member(r, o, "pod_sandbox_id"),
        .healthcheck = read_command(r, member(o, "Healthcheck")),
        .liveness_probe = read_command(r, member(o, "LivenessProbe")),
        .readiness_probe = read_command(r, member(o, "ReadinessProbe")),
        .privileged = bool_member(o, "privileged"),
        .host_pid = bool_member(o, "host_pid"),
        .host_network = bool_member(o, "host_network"),
        .host_ipc = bool_member(o, "host_ipc"),
    };
    if (json_object_is_type(created, json_type_int) && json_object_get_int64(created) > 0) {
        c->created_ns = (uint64_t)json_object_get_int64(created) * NS_PER_SECOND;
    }
    read_mounts(r, member(o, "Mounts"), c);
    c->nlabels = read_labels(r, member(o, "labels"), &c->labels);
    c->npod_labels = read_labels(r, member(o, "pod_sandbox_labels"), &c->pod_labels);
}

static void cleanup_json(struct json_object **object)
{
    json_object_put(*object);
}

static void cleanup_tokener(struct json_tokener **tokener)
{
    if (*tokener) {
        json_tokener_free(*tokener);
    }
}

int container_from_json(struct str json, struct container *ret, struct arena *arena)
{
    CLEANUP(cleanup_tokener) struct json_tokener *tokener = json_tokener_new_ex(JSON_DEPTH);
    if (!tokener) {
        return -ENOMEM;
    }
    CLEANUP(cleanup_json)
    struct json_object *root = json_tokener_parse_ex(tokener, json.p ? json.p : "", (int)json.n);
    struct json_object *object = member(root, "container");
    struct reader r = { .arena = arena };
    if (!json_object_is_type(object, json_type_object)) {
        return -EINVAL;
    }
    read_container(&r, object, ret);
    if (r.failed) {
        return -ENOMEM;
    }
    return ret->id.n ? 0 : -EINVAL;
}
