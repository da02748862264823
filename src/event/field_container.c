/*
 * field_container: the container of the task: what its runtime says of it, and the pod or ECS task it
 * belongs to.
 *
 * Without a container it is the host, whose id, name and type are "host" and whose other texts are
 * empty. While a container's metadata is pending only its id is there; rules that ask for more are false.
 * Kubernetes facts are labels that the kubelet gives its containers.
 */
#include "event/field_extractors.h"
#include "event/state_internal.h"

#include <stdlib.h>

#define SANDBOX_DIGITS 12

/* lint: table */
static const struct container host = {
    .id = { "host", 4 },
    .full_id = { "host", 4 },
    .name = { "host", 4 },
    .type = { "host", 4 },
};

/* The string value of the key "id" of an object within the outermost: {"container":{"id":"..."}}. */
static struct str json_inner_id(struct str json)
{
    unsigned depth = 0;
    bool key_seen = false;
    for (size_t i = 0; i < json.n; i++) {
        char c = json.p[i];
        if (c == '{' || c == '[') {
            depth++;
        } else if (c == '}' || c == ']') {
            depth -= depth > 0;
        } else if (c == '"') {
            size_t start = ++i;
            while (i < json.n && json.p[i] != '"') {
                i += json.p[i] == '\\' ? 2 : 1;
            }
            if (i >= json.n) {
                break;
            }
            struct str s = str_from(json.p + start, i - start);
            if (key_seen) {
                return s;
            }
            struct str rest = str_trim(str_first(str_from_offset(json, i + 1), 8));
            key_seen = depth == 2 && str_eq(s, STR("id")) && rest.n && rest.p[0] == ':';
        }
    }
    return (struct str){ 0 };
}

/* Id of the container that the event itself is about; empty: the event is not about one. */
static struct str event_container_id(const struct event *event)
{
    struct str id = { 0 };
    switch (event->kind) {
    case KIND_CONTAINER_E:
        id = event_text(event, 0);
        break;
    case KIND_CONTAINER_JSON_E:
    case KIND_CONTAINER_JSON_2_E:
        id = json_inner_id(event_text(event, 0));
        break;
    case KIND_ASYNCEVENT_E:
        if (str_starts(event_text(event, 1), STR("container"))) {
            id = json_inner_id(event_text(event, 2));
        }
        break;
    default:
        break;
    }
    return container_short_id(id);
}

/* The container of the event or of its task; NULL: neither is known. */
static const struct container *any_container(const struct view *view)
{
    const struct thread *thread = view->event->thread;
    if (kind_table[view->event->kind].flags & KIND_META) {
        struct str id = event_container_id(view->event);
        const struct container *container = id.n ? state_container(view->state, id) : NULL;
        if (container) {
            return container;
        }
    }
    return !thread ? NULL : thread->container ? thread->container : &host;
}

/* NULL: the task, or its container's metadata, is not known. */
static const struct container *container_of_event(const struct view *view)
{
    const struct container *container = any_container(view);
    return container && !container->pending ? container : NULL;
}

void extract_container_id(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    (void)field;
    const struct container *container = any_container(view);
    if (container) {
        put_str(ret, container->id);
    }
}

void extract_container_text(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    /* lint: table */
    static const size_t at[] = {
#define AT(id, member) [FIELD_##id - FIELD_CONTAINER_ID] = offsetof(struct container, member)
        AT(CONTAINER_FULL_ID, full_id),
        AT(CONTAINER_NAME, name),
        AT(CONTAINER_IMAGE, image),
        AT(CONTAINER_IMAGE_ID, image_id),
        AT(CONTAINER_TYPE, type),
        AT(CONTAINER_IMAGE_REPOSITORY, image_repository),
        AT(CONTAINER_IMAGE_TAG, image_tag),
        AT(CONTAINER_IMAGE_DIGEST, image_digest),
        AT(CONTAINER_HEALTHCHECK, healthcheck),
        AT(CONTAINER_LIVENESS_PROBE, liveness_probe),
        AT(CONTAINER_READINESS_PROBE, readiness_probe),
        AT(CONTAINER_IP, ip),
        AT(CONTAINER_CNI_JSON, cni_json),
        AT(CONTAINER_USER, user),
#undef AT
    };
    const struct container *container = container_of_event(view);
    if (container) {
        const char *member = (const char *)container + at[field->id - FIELD_CONTAINER_ID];
        put_str(ret, *(const struct str *)(const void *)member);
    }
}

void extract_container_probe(const struct field_ref *field, struct view *view,
                             struct extracted *ret)
{
    const struct container *container = container_of_event(view);
    if (!container || container == &host) {
        return;
    }
    struct str probe = field->id == FIELD_CONTAINER_HEALTHCHECK      ? container->healthcheck
                       : field->id == FIELD_CONTAINER_LIVENESS_PROBE ? container->liveness_probe
                                                                     : container->readiness_probe;
    put_str(ret, probe.n ? probe : STR("NONE"));
}

/* Is this process, or one of its ancestors in the container, the command of a probe? */
void extract_proc_is_probe(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    const struct container *container = container_of_event(view);
    if (!container) {
        return;
    }
    struct str probe = field->id == FIELD_PROC_IS_CONTAINER_HEALTHCHECK ? container->healthcheck
                       : field->id == FIELD_PROC_IS_CONTAINER_LIVENESS_PROBE
                           ? container->liveness_probe
                           : container->readiness_probe;
    bool is = false;
    const struct thread *thread = probe.n ? thread_ancestor(view, 0) : NULL;
    for (int i = 0; !is && thread && thread->container == container && i < STATE_ANCESTORS_MAX;
         i++) {
        const struct image *image = thread->image;
        struct str args = str_from_offset(probe, image->exe.n + 1);
        is = str_starts(probe, image->exe) && image->exe.n &&
             (probe.n == image->exe.n
                  ? !image->nargs
                  : probe.p[image->exe.n] == ' ' && str_eq(args, image->args_text));
        thread = state_parent(view->state, thread);
    }
    put_bool(ret, is);
}

void extract_container_flag(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    const struct container *container = container_of_event(view);
    if (!container) {
        return;
    }
    switch (field->id) {
    case FIELD_CONTAINER_PRIVILEGED:
        put_bool(ret, container->privileged);
        return;
    case FIELD_CONTAINER_HOST_PID:
        put_bool(ret, container->host_pid);
        return;
    case FIELD_CONTAINER_HOST_NETWORK:
        put_bool(ret, container->host_network);
        return;
    default:
        put_bool(ret, container->host_ipc);
    }
}

/* Missing where there is no limit. */
void extract_container_limit(const struct field_ref *field, struct view *view,
                             struct extracted *ret)
{
    const struct container *container = container_of_event(view);
    bool is_cpu = field->id == FIELD_CONTAINER_CPU_LIMIT;
    uint64_t limit = !container ? 0
                     : is_cpu   ? container->cpu_limit_milli
                                : container->memory_limit_bytes;
    if (limit) {
        put_u64(ret, TYPE_UINT64, limit);
    }
}

static void mount_text(struct compose *text, const struct container_mount *mount)
{
    compose_puts(text, mount->source);
    compose_putc(text, ':');
    compose_puts(text, mount->dest);
    compose_putc(text, ':');
    compose_puts(text, mount->mode);
    compose_putc(text, ':');
    compose_puts(text, bool_str(mount->rdwr));
    compose_putc(text, ':');
    compose_puts(text, mount->propagation);
}

void extract_container_mounts(const struct field_ref *field, struct view *view,
                              struct extracted *ret)
{
    (void)field;
    const struct container *container = container_of_event(view);
    if (!container) {
        return;
    }
    struct compose text;
    compose_begin(&text, view);
    for (uint32_t i = 0; i < container->nmounts; i++) {
        if (i) {
            compose_putc(&text, ',');
        }
        mount_text(&text, &container->mounts[i]);
    }
    put_composed(ret, &text);
}

/* One member of a glob's "[...]" at p; *p moves behind the closing bracket. False: no closing one. */
static bool class_matches(const char **p, const char *end, char c, bool *ret)
{
    const char *at = *p + 1;
    bool negated = at < end && (*at == '!' || *at == '^');
    at += negated;
    const char *first = at;
    bool found = false;
    for (; at < end && (*at != ']' || at == first); at++) {
        if (at + 2 < end && at[1] == '-' && at[2] != ']') {
            found |= (unsigned char)c >= (unsigned char)at[0] &&
                     (unsigned char)c <= (unsigned char)at[2];
            at += 2;
        } else {
            found |= *at == c;
        }
    }
    if (at >= end) {
        return false;
    }
    *p = at + 1;
    *ret = found != negated;
    return true;
}

/* One character of the text against the pattern's next element. */
static bool element_matches(const char **p, const char *end, char c)
{
    bool matches;
    if (*p == end) {
        return false;
    }
    if (**p == '?') {
        ++*p;
        return true;
    }
    if (**p == '[' && class_matches(p, end, c, &matches)) {
        return matches;
    }
    if (**p == '\\' && *p + 1 < end) {
        ++*p;
    }
    return *(*p)++ == c;
}

/* Shell glob whose * crosses '/'. Goes back to the last star only: linear in text times pattern. */
bool field_glob(struct str pattern, struct str text)
{
    const char *p = pattern.p, *end = pattern.p + pattern.n;
    const char *s = text.p, *compose_end = text.p + text.n;
    const char *star = NULL, *star_text = NULL;
    while (s < compose_end) {
        if (p < end && *p == '*') {
            star = ++p;
            star_text = s;
        } else if (element_matches(&p, end, *s)) {
            s++;
        } else if (star) {
            p = star;
            s = ++star_text;
        } else {
            return false;
        }
    }
    while (p < end && *p == '*') {
        p++;
    }
    return p == end;
}

/* By number or by a glob: of destinations for the source field, of sources for all others. */
static const struct container_mount *find_mount(const struct field_ref *field,
                                                const struct container *container)
{
    if (!field->key.n) {
        return (uint32_t)field->index < container->nmounts ? &container->mounts[field->index]
                                                           : NULL;
    }
    for (uint32_t i = 0; i < container->nmounts; i++) {
        const struct container_mount *mount = &container->mounts[i];
        bool by_dest = field->id == FIELD_CONTAINER_MOUNT_SOURCE;
        if (field_glob(field->key, by_dest ? mount->dest : mount->source)) {
            return mount;
        }
    }
    return NULL;
}

void extract_container_mount(const struct field_ref *field, struct view *view,
                             struct extracted *ret)
{
    const struct container *container = container_of_event(view);
    const struct container_mount *mount = container ? find_mount(field, container) : NULL;
    if (!mount) {
        return;
    }
    struct compose text;
    switch (field->id) {
    case FIELD_CONTAINER_MOUNT:
        compose_begin(&text, view);
        mount_text(&text, mount);
        put_composed(ret, &text);
        return;
    case FIELD_CONTAINER_MOUNT_SOURCE:
        put_str(ret, mount->source);
        return;
    case FIELD_CONTAINER_MOUNT_DEST:
        put_str(ret, mount->dest);
        return;
    case FIELD_CONTAINER_MOUNT_MODE:
        put_str(ret, mount->mode);
        return;
    case FIELD_CONTAINER_MOUNT_RDWR:
        put_str(ret, bool_str(mount->rdwr));
        return;
    default:
        put_str(ret, mount->propagation);
    }
}

/* From the start of the PID namespace, which the kernel tells even where the runtime does not. */
void extract_container_start(const struct field_ref *field, struct view *view,
                             struct extracted *ret)
{
    const struct thread *thread = view->event->thread;
    if (!thread || !thread->pidns_init_start_ts_ns) {
        return;
    }
    uint64_t start = thread->pidns_init_start_ts_ns;
    uint64_t now = view->event->ts_ns;
    if (field->id == FIELD_CONTAINER_START_TS) {
        put_u64(ret, TYPE_ABSTIME, start);
    } else {
        put_u64(ret, TYPE_RELTIME, now > start ? now - start : 0);
    }
}

static bool find_label(const struct container *container, struct str key, struct str *ret)
{
    for (uint32_t i = 0; container && i < container->nlabels; i++) {
        if (str_eq(container->labels[i].key, key)) {
            *ret = container->labels[i].value;
            return true;
        }
    }
    return false;
}

/* All but those that the runtime and the kubelet add for themselves. */
static void put_labels(const struct container *container, struct view *view, struct extracted *ret)
{
    struct compose text;
    compose_begin(&text, view);
    for (uint32_t i = 0; i < container->nlabels; i++) {
        const struct container_label *label = &container->labels[i];
        if (str_starts(label->key, STR("annotation.")) ||
            str_starts(label->key, STR("io.kubernetes."))) {
            continue;
        }
        if (text.buf.n) {
            compose_puts(&text, STR(", "));
        }
        compose_puts(&text, label->key);
        if (label->value.n) {
            compose_putc(&text, ':');
            compose_puts(&text, label->value);
        }
    }
    put_composed(ret, &text);
}

void extract_container_label(const struct field_ref *field, struct view *view,
                             struct extracted *ret)
{
    const struct container *container = container_of_event(view);
    struct str value;
    if (!container) {
        return;
    }
    if (field->id == FIELD_CONTAINER_LABELS) {
        put_labels(container, view, ret);
    } else if (find_label(container, field->key, &value)) {
        put_str(ret, value);
    }
}

void extract_k8s_label(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    struct str key = field->id == FIELD_K8S_POD_NAME  ? STR("io.kubernetes.pod.name")
                     : field->id == FIELD_K8S_NS_NAME ? STR("io.kubernetes.pod.namespace")
                                                      : STR("io.kubernetes.pod.uid");
    struct str value;
    if (find_label(container_of_event(view), key, &value)) {
        put_str(ret, value);
    }
}

/* The pod's own container, which holds its network and its labels; the container itself else. */
static const struct container *sandbox_of(const struct view *view,
                                          const struct container *container)
{
    struct str id = str_first(container->pod_sandbox_id, SANDBOX_DIGITS);
    const struct container *sandbox = id.n ? state_container(view->state, id) : NULL;
    return sandbox && !sandbox->pending ? sandbox : container;
}

void extract_k8s_pod(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    const struct container *container = container_of_event(view);
    struct str value;
    if (!container) {
        return;
    }
    const struct container *own = container->cni_json.n ? container : sandbox_of(view, container);
    switch (field->id) {
    case FIELD_K8S_POD_SANDBOX_ID:
        put_str(ret, str_first(container->pod_sandbox_id, SANDBOX_DIGITS));
        return;
    case FIELD_K8S_POD_FULL_SANDBOX_ID:
        put_str(ret, container->pod_sandbox_id);
        return;
    case FIELD_K8S_POD_LABEL:
        if (find_label(sandbox_of(view, container), field->key, &value) ||
            find_label(container, field->key, &value)) {
            put_str(ret, value);
        }
        return;
    case FIELD_K8S_POD_LABELS:
        put_labels(sandbox_of(view, container), view, ret);
        return;
    case FIELD_K8S_POD_IP:
        put_str(ret, own->ip);
        return;
    default:
        put_str(ret, own->cni_json);
    }
}

/* Facts of the ECS task; missing outside of ECS. */
void extract_ecs(const struct field_ref *field, struct view *view, struct extracted *ret)
{
    const struct container *container = container_of_event(view);
    if (!container) {
        return;
    }
    struct str s;
    switch (field->id) {
    case FIELD_ECS_CLUSTER:
        s = container->ecs_cluster;
        break;
    case FIELD_ECS_TASK_ARN:
        s = container->ecs_task_arn;
        break;
    case FIELD_ECS_TASK_ID:
        s = container->ecs_task_id;
        break;
    case FIELD_ECS_TASK_FAMILY:
        s = container->ecs_task_family;
        break;
    case FIELD_ECS_TASK_REVISION:
        s = container->ecs_task_revision;
        break;
    case FIELD_ECS_SERVICE:
        s = container->ecs_service;
        break;
    case FIELD_ECS_LAUNCH_TYPE:
        s = container->ecs_launch_type;
        break;
    case FIELD_ECS_AVAILABILITY_ZONE:
        s = container->ecs_availability_zone;
        break;
    case FIELD_AWS_ACCOUNT:
        s = container->aws_account;
        break;
    default:
        s = container->aws_region;
    }
    if (s.n) {
        put_str(ret, s);
    }
}
