/*
 * metadata_names: a container's name for processes whose control group says nothing.
 *
 *     same mount namespace as this process   the endpoint's own container: the kernel and the endpoint say so
 *     ECS_CONTAINER_METADATA_URI_V4          in the process' environment: a hint
 *     HOSTNAME                               the same: Docker sets it to the id's first digits
 *     the shim's hello                       the same
 *
 * A process chooses its environment, so a hint counts only when it is confirmed: by the endpoint, whose list
 * has to have the container (then one container of a task can at most pass for another of the same task), or
 * by the runtime, whose container's first process has to be in the same mount namespace (then it cannot).
 */
#include "agent/metadata_internal.h"

#include "sensor/live/container_id.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define ENVIRON_URI STR("ECS_CONTAINER_METADATA_URI_V4")
#define HOST_DIGITS 12

static void set_name(char ret[ECS_ID_MAX + 1], struct str id)
{
    snprintf(ret, ECS_ID_MAX + 1, "%.*s", STR_ARG(id));
}

static bool is_own(const struct metadata *m, const struct metadata_entry *entry)
{
    uint64_t mounts = container_mounts(entry->pid);
    return m->own_id[0] && mounts && mounts == container_mounts(getpid());
}

/* What the endpoint answers about its own URL with this token; EC2's tokens are no ids. */
static bool token_means(struct metadata *m, struct str token, char ret[ECS_ID_MAX + 1])
{
    char url[ECS_URL_MAX + 64];
    struct buf text;
    struct arena arena;
    struct ecs_container found;
    ecs_endpoint_of_token(&m->endpoint, token, url);
    const struct metadata_request request = { .url = url, .timeout_ms = m->timeout_ms };
    buf_init(&text, ECS_DOCUMENT_MAX);
    arena_init(&arena, ECS_ARENA_MAX);
    bool means = metadata_http_get(m->http, &request, &text, NULL) == 0 &&
                 ecs_container_parse(buf_str(&text), &arena, &found, NULL) == 0 &&
                 metadata_task_container(m, found.id);
    if (means) {
        set_name(ret, found.id);
    }
    arena_done(&arena);
    buf_done(&text);
    return means;
}

/* An id of the task's, or a URL of the endpoint's. */
static bool endpoint_confirms(struct metadata *m, struct str hint, char ret[ECS_ID_MAX + 1])
{
    if (!m->has_task || hint.n == 0) {
        return false;
    }
    struct str token = ecs_endpoint_token(&m->endpoint, hint);
    const struct ecs_container *listed = metadata_task_container(m, token.n ? token : hint);
    if (listed) {
        set_name(ret, listed->id);
        return true;
    }
    return token.n && token_means(m, token, ret);
}

static bool runtime_confirms(struct metadata *m, const struct metadata_entry *entry,
                             struct str hint, char ret[ECS_ID_MAX + 1])
{
    struct runtime_container found;
    struct arena arena;
    if (hint.n < HOST_DIGITS || m->nsockets == 0) {
        return false;
    }
    arena_init(&arena, RUNTIME_ARENA_MAX);
    uint64_t mounts = container_mounts(entry->pid);
    bool same = mounts && metadata_ask_runtimes(m, hint, &arena, &found) && found.pid > 0 &&
                container_mounts(found.pid) == mounts;
    if (same) {
        set_name(ret, found.c.id);
    }
    arena_done(&arena);
    return same;
}

static bool confirmed(struct metadata *m, const struct metadata_entry *entry, struct str hint,
                      char ret[ECS_ID_MAX + 1])
{
    if (hint.n == 0) {
        return false;
    }
    if (endpoint_confirms(m, hint, ret) || runtime_confirms(m, entry, hint, ret)) {
        return true;
    }
    if (m->has_task || m->nsockets) {
        metadata_count(m, &m->stats.hints_refused);
    }
    return false;
}

/* Is the process still in what was made up for it? Its id may be another's by now. */
static bool still_there(const struct metadata_entry *entry)
{
    char text[CONTAINER_CGROUP_MAX];
    struct str group = str_from(text, container_cgroup(entry->pid, text));
    ptrdiff_t equals = str_find_char(group, '=');
    struct str id = cgroup_container_id(str_from_offset(group, (size_t)(equals + 1)));
    return str_eq(id, str_from(entry->id, entry->id_n));
}

static bool environ_names(struct metadata *m, const struct metadata_entry *entry,
                          char ret[ECS_ID_MAX + 1])
{
    char *text = mem_alloc(ECS_ENVIRON_MAX);
    struct str environ = str_from(text, text ? ecs_environ(entry->pid, text, ECS_ENVIRON_MAX) : 0);
    bool named = confirmed(m, entry, ecs_variable(environ, ENVIRON_URI), ret) ||
                 (m->nsockets && confirmed(m, entry, ecs_variable(environ, STR("HOSTNAME")), ret));
    free(text);
    return named;
}

bool metadata_find_name(struct metadata *m, const struct metadata_entry *entry,
                        char ret[ECS_ID_MAX + 1])
{
    char name[ECS_ID_MAX + 1];
    if (entry->pid <= 0) {
        return false;
    }
    bool named = is_own(m, entry);
    if (named) {
        set_name(name, str_of(m->own_id));
    } else {
        named = confirmed(m, entry, str_from(entry->hint, entry->hint_n), name) ||
                environ_names(m, entry, name);
    }
    if (!named || !still_there(entry)) {
        return false;
    }
    set_name(ret, str_of(name));
    return true;
}
