/*
 * runtime: Docker's documents as containers of the state.
 *
 * Names begin with a slash, which people do not write. A health check is kept as the command line that its
 * processes have: ["CMD-SHELL", "x"] runs /bin/sh -c x.
 */
#include "agent/runtime.h"

#include "agent/ecs.h"
#include "agent/metadata_image.h"
#include "agent/metadata_json.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/clock.h"

#include <errno.h>
#include <time.h>

#define COMMAND_MAX    4096
#define PID_LIMIT      4194304.0
#define BYTES_LIMIT    9e18
#define NANO_LIMIT     1e15
#define DEFAULT_PERIOD 100000.0
#define NANO_PER_MILLI 1e6
#define SHA256         STR("sha256:")

bool runtime_id_is_clean(struct str id)
{
    for (size_t i = 0; i < id.n; i++) {
        char c = id.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '-' || c == '_')) {
            return false;
        }
    }
    return id.n > 0 && id.n <= ECS_ID_MAX;
}

static struct str without_prefix(struct str s, struct str prefix)
{
    return str_starts(s, prefix) ? str_from_offset(s, prefix.n) : s;
}

static void read_mounts(struct metadata_reader *r, struct json_object *root, struct container *c)
{
    struct json_object *list;
    size_t n = metadata_json_list(r, root, "Mounts", &list);
    c->mounts = ARENA_ARRAY(r->arena, struct container_mount, n);
    r->no_memory |= !c->mounts;
    for (size_t i = 0; i < n && c->mounts; i++) {
        struct json_object *mount = metadata_json_at(r, list, i, "Mounts");
        c->mounts[c->nmounts++] = (struct container_mount){
            .source = metadata_json_text(r, mount, "Source"),
            .dest = metadata_json_text(r, mount, "Destination"),
            .mode = metadata_json_text(r, mount, "Mode"),
            .propagation = metadata_json_text(r, mount, "Propagation"),
            .rdwr = metadata_json_bool(r, mount, "RW"),
        };
    }
}

static struct str text_at(struct json_object *list, size_t i)
{
    struct json_object *one = json_object_array_get_idx(list, i);
    return json_object_is_type(one, json_type_string) ? str_of(json_object_get_string(one))
                                                      : (struct str){ 0 };
}

static struct str read_healthcheck(struct metadata_reader *r, struct json_object *config)
{
    struct json_object *check = metadata_json_member(r, config, "Healthcheck", json_type_object);
    struct json_object *list;
    size_t n = metadata_json_list(r, check, "Test", &list);
    char storage[COMMAND_MAX];
    struct buf buf;
    buf_init_fixed(&buf, storage, sizeof(storage));
    struct str form = n ? text_at(list, 0) : (struct str){ 0 };
    bool is_shell = str_eq(form, STR("CMD-SHELL"));
    if (n < 2 || (!is_shell && !str_eq(form, STR("CMD")))) {
        return (struct str){ 0 };
    }
    buf_puts(&buf, is_shell ? STR("/bin/sh -c ") : (struct str){ 0 });
    for (size_t i = 1; i < n && !buf.failed; i++) {
        buf_puts(&buf, i > 1 ? STR(" ") : (struct str){ 0 });
        buf_puts(&buf, text_at(list, i));
    }
    struct str text = arena_str(r->arena, buf_str(&buf));
    r->no_memory |= !text.p;
    return text;
}

static uint64_t cpu_milli(struct metadata_reader *r, struct json_object *host)
{
    double nano = metadata_json_number(r, host, "NanoCpus", NANO_LIMIT);
    struct json_object *value = NULL;
    /* -1 is no quota */
    bool any = json_object_is_type(host, json_type_object) &&
               json_object_object_get_ex(host, "CpuQuota", &value) &&
               json_object_get_double(value) > 0;
    double quota = any ? metadata_json_number(r, host, "CpuQuota", NANO_LIMIT) : 0;
    double period = metadata_json_number(r, host, "CpuPeriod", NANO_LIMIT);
    double milli =
        nano > 0 ? nano / NANO_PER_MILLI : quota * 1000 / (period > 0 ? period : DEFAULT_PERIOD);
    return (uint64_t)(milli + 0.5);
}

/* RFC 3339 in whole seconds, always UTC. 0: not known. */
static uint64_t time_of(struct str text)
{
    struct tm tm = { 0 };
    time_t s = text.n && strptime(text.p, "%Y-%m-%dT%H:%M:%S", &tm) ? timegm(&tm) : 0;
    return s > 0 ? (uint64_t)s * NS_PER_S : 0;
}

static void read_host(struct metadata_reader *r, struct json_object *root, struct container *c)
{
    struct json_object *host = metadata_json_member(r, root, "HostConfig", json_type_object);
    c->privileged = metadata_json_bool(r, host, "Privileged");
    c->host_pid = str_eq(metadata_json_text(r, host, "PidMode"), STR("host"));
    c->host_network = str_eq(metadata_json_text(r, host, "NetworkMode"), STR("host"));
    c->host_ipc = str_eq(metadata_json_text(r, host, "IpcMode"), STR("host"));
    c->memory_limit_bytes = (uint64_t)metadata_json_number(r, host, "Memory", BYTES_LIMIT);
    c->cpu_limit_milli = cpu_milli(r, host);
}

static void read_network(struct metadata_reader *r, struct json_object *root, struct container *c)
{
    struct json_object *settings =
        metadata_json_member(r, root, "NetworkSettings", json_type_object);
    struct json_object *networks = metadata_json_member(r, settings, "Networks", json_type_object);
    c->ip = metadata_json_text(r, settings, "IPAddress");
    if (c->ip.n || !networks) {
        return;
    }
    json_object_object_foreach(networks, name, network)
    {
        (void)name;
        c->ip = c->ip.n ? c->ip : metadata_json_text(r, network, "IPAddress");
    }
}

static void read_container(struct metadata_reader *r, struct json_object *root,
                           struct runtime_container *ret)
{
    struct json_object *config = metadata_json_member(r, root, "Config", json_type_object);
    struct json_object *state = metadata_json_member(r, root, "State", json_type_object);
    struct container *c = &ret->c;
    *c = (struct container){
        .id = metadata_json_text(r, root, "Id"),
        .name = without_prefix(metadata_json_text(r, root, "Name"), STR("/")),
        .image = metadata_json_text(r, config, "Image"),
        .image_id = without_prefix(metadata_json_text(r, root, "Image"), SHA256),
        .user = metadata_json_text(r, config, "User"),
        .healthcheck = read_healthcheck(r, config),
        .created_ns = time_of(metadata_json_text(r, root, "Created")),
    };
    c->full_id = c->id;
    c->nlabels = metadata_json_labels(r, config, "Labels", &c->labels);
    read_mounts(r, root, c);
    read_host(r, root, c);
    read_network(r, root, c);
    ret->pid = (int64_t)metadata_json_number(r, state, "Pid", PID_LIMIT);
}

int runtime_container_parse(struct str json, struct str type, struct arena *arena,
                            struct runtime_container *ret, struct err *err)
{
    CLEANUP(metadata_json_put) struct json_object *root = NULL;
    struct metadata_reader reader = { .arena = arena };
    struct runtime_container container = { 0 };
    int r = json.n > RUNTIME_DOCUMENT_MAX
                ? err_set(err, -EBADMSG, "a document of %zu bytes", json.n)
                : metadata_json_parse(json, &root, err);
    if (r < 0) {
        return r;
    }
    read_container(&reader, root, &container);
    r = metadata_json_end(&reader, err);
    if (r == 0 && !runtime_id_is_clean(container.c.id)) {
        r = err_set(err, -EBADMSG, "\"Id\" is not what it should be");
    }
    if (r < 0) {
        return r;
    }
    container.c.type = type;
    image_fill(&container.c);
    ecs_fill_from_labels(&container.c);
    *ret = container;
    return 0;
}

int runtime_image_parse(struct str json, struct str repository, struct arena *arena,
                        struct str *ret_digest, struct err *err)
{
    CLEANUP(metadata_json_put) struct json_object *root = NULL;
    struct metadata_reader reader = { .arena = arena };
    struct json_object *list;
    int r = metadata_json_parse(json, &root, err);
    if (r < 0) {
        return r;
    }
    struct str digest = { 0 };
    size_t n = metadata_json_list(&reader, root, "RepoDigests", &list);
    for (size_t i = 0; i < n; i++) {
        struct image_reference ref = image_reference_of(text_at(list, i));
        if (ref.digest.n && (digest.n == 0 || str_eq(ref.repository, repository))) {
            digest = ref.digest;
        }
    }
    digest = digest.n ? arena_str(arena, digest) : digest;
    reader.no_memory |= digest.n && !digest.p;
    r = metadata_json_end(&reader, err);
    if (r == 0) {
        *ret_digest = digest;
    }
    return r;
}

bool runtime_is_podman(struct str server)
{
    return str_starts(server, STR("Libpod/"));
}
