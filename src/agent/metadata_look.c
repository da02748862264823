/*
 * metadata_look: asking about one container, or about the whole task, and bringing the answer to the state.
 *
 * ECS says what the container is for; the runtime, where its socket is mounted, how it was started (mounts,
 * privileges). Both together make one container. A document that cannot be read leaves the last good one.
 */
#include "agent/metadata_internal.h"

#include "base/clock.h"

#include <errno.h>
#include <stdio.h>

void metadata_bring(struct metadata *m, const struct container *container)
{
    pthread_mutex_lock(m->lock);
    int r = state_add_container(m->state, container);
    pthread_mutex_unlock(m->lock);
    if (r == 0) {
        metadata_count(m, &m->stats.containers);
    }
}

static void keep_error(struct metadata *m, struct err *kept, const struct err *err)
{
    pthread_mutex_lock(&m->queue_lock);
    *kept = *err;
    pthread_mutex_unlock(&m->queue_lock);
}

/* An id as the state has it: the first 12 of 64 digits, others whole. */
static struct str short_id(struct str id)
{
    return id.n == 64 ? str_first(id, 12) : id;
}

const struct ecs_container *metadata_task_container(const struct metadata *m, struct str id)
{
    for (uint32_t i = 0; m->has_task && i < m->task.ncontainers; i++) {
        struct str known = m->task.containers[i].id;
        if (str_eq(known, id) || str_eq(short_id(known), id)) {
            return &m->task.containers[i];
        }
    }
    return NULL;
}

static void bring_task(struct metadata *m)
{
    for (uint32_t i = 0; i < m->task.ncontainers; i++) {
        const struct ecs_container *from = &m->task.containers[i];
        struct container c;
        ecs_fill(&m->task, from, &c);
        metadata_bring(m, &c);
        struct metadata_entry *e =
            m->nsockets ? metadata_entry(m, short_id(from->id), false) : NULL;
        if (e) {
            e->done = false;
            e->next_ns = 0;
        }
    }
}

/* Another document than the last: takes its place. */
static int take_task(struct metadata *m, struct buf *text, struct err *err)
{
    struct arena arena;
    struct ecs_task task;
    if (m->has_task && str_eq(buf_str(text), buf_str(&m->task_text))) {
        return 0;
    }
    arena_init(&arena, ECS_ARENA_MAX);
    int r = ecs_task_parse(buf_str(text), &arena, &task, err);
    if (r < 0) {
        arena_done(&arena);
        return r;
    }
    arena_done(&m->task_arena);
    m->task_arena = arena;
    m->task = task;
    m->has_task = true;
    struct buf old = m->task_text;
    m->task_text = *text;
    *text = old;
    bring_task(m);
    return 0;
}

/* Which of the task's containers is this process in? Its own URL answers that. */
static void ask_own(struct metadata *m)
{
    const struct metadata_request request = { .url = m->endpoint.base,
                                              .timeout_ms = m->timeout_ms };
    struct buf text;
    struct arena arena;
    struct ecs_container own;
    buf_init(&text, ECS_DOCUMENT_MAX);
    arena_init(&arena, ECS_ARENA_MAX);
    if (metadata_http_get(m->http, &request, &text, NULL) == 0 &&
        ecs_container_parse(buf_str(&text), &arena, &own, NULL) == 0) {
        snprintf(m->own_id, sizeof(m->own_id), "%.*s", STR_ARG(own.id));
    }
    arena_done(&arena);
    buf_done(&text);
}

void metadata_ask_task(struct metadata *m)
{
    char url[ECS_URL_MAX + 64];
    struct err err = { 0 };
    struct buf text;
    ecs_endpoint_url(&m->endpoint, "/task", url);
    const struct metadata_request request = { .url = url, .timeout_ms = m->timeout_ms };
    buf_init(&text, ECS_DOCUMENT_MAX);
    metadata_count(m, &m->stats.ecs_asked);
    int r = metadata_http_get(m->http, &request, &text, &err);
    r = r == 0 ? take_task(m, &text, &err) : r;
    buf_done(&text);
    if (r < 0) {
        metadata_count(m, &m->stats.ecs_failed);
    } else if (!m->own_id[0]) {
        ask_own(m);
    }
    keep_error(m, &m->stats.ecs_error, &err);
    bool settled = r == 0 && ecs_task_settled(&m->task);
    uint32_t tries = settled ? UINT32_MAX : m->ecs_tries;
    m->ecs_tries = settled ? 0 : m->ecs_tries + 1;
    m->ecs_next_ns = clock_boot_ns() + metadata_wait_ns(m, tries);
}

/* GET of a path of a runtime's; 0 and its text. */
static int ask_socket(struct metadata *m, const struct metadata_socket *socket, const char *path,
                      struct buf *text, struct err *err)
{
    char url[ECS_ID_MAX + 128];
    snprintf(url, sizeof(url), "http://localhost%s", path);
    const struct metadata_request request = { .url = url,
                                              .socket = socket->path,
                                              .timeout_ms = m->timeout_ms };
    return metadata_http_get(m->http, &request, text, err);
}

/* What was pulled: the container's document names the image by its own id only. */
static void ask_image(struct metadata *m, const struct metadata_socket *socket, struct arena *arena,
                      struct container *c)
{
    char path[ECS_ID_MAX + 64];
    struct buf text;
    if (!runtime_id_is_clean(c->image_id) || c->image_digest.n) {
        return;
    }
    snprintf(path, sizeof(path), "/images/%.*s/json", STR_ARG(c->image_id));
    buf_init(&text, RUNTIME_DOCUMENT_MAX);
    if (ask_socket(m, socket, path, &text, NULL) == 0) {
        runtime_image_parse(buf_str(&text), c->image_repository, arena, &c->image_digest, NULL);
    }
    buf_done(&text);
}

static int ask_container(struct metadata *m, const struct metadata_socket *socket, struct str id,
                         struct arena *arena, struct runtime_container *ret)
{
    char path[ECS_ID_MAX + 64];
    struct err err = { 0 };
    struct buf text;
    snprintf(path, sizeof(path), "/containers/%.*s/json", STR_ARG(id));
    buf_init(&text, RUNTIME_DOCUMENT_MAX);
    metadata_count(m, &m->stats.runtime_asked);
    int r = ask_socket(m, socket, path, &text, &err);
    bool podman = runtime_is_podman(metadata_http_server(m->http));
    struct str type = podman ? STR("podman") : STR("docker");
    r = r == 0 ? runtime_container_parse(buf_str(&text), type, arena, ret, &err) : r;
    /* Also names are looked up: it has to be this one. */
    r = r == 0 && !str_starts(ret->c.id, id) ? -ENOENT : r;
    buf_done(&text);
    if (r < 0 && r != -ENOENT) {
        metadata_count(m, &m->stats.runtime_failed);
        keep_error(m, &m->stats.runtime_error, &err);
    }
    return r;
}

const struct metadata_socket *metadata_ask_runtimes(struct metadata *m, struct str id,
                                                    struct arena *arena,
                                                    struct runtime_container *ret)
{
    for (size_t i = 0; i < m->nsockets && runtime_id_is_clean(id); i++) {
        if (ask_container(m, &m->sockets[i], id, arena, ret) == 0) {
            ask_image(m, &m->sockets[i], arena, &ret->c);
            return &m->sockets[i];
        }
    }
    return NULL;
}

/* True: nothing more to learn. */
static bool look_real(struct metadata *m, struct metadata_entry *entry, struct str id)
{
    struct runtime_container found;
    struct arena arena;
    arena_init(&arena, RUNTIME_ARENA_MAX);
    const struct ecs_container *listed = metadata_task_container(m, id);
    const struct metadata_socket *socket = metadata_ask_runtimes(m, id, &arena, &found);
    if (socket) {
        if (listed) {
            ecs_fill_task(&m->task, listed, &found.c);
        }
        metadata_bring(m, &found.c);
        pthread_mutex_lock(&m->queue_lock);
        entry->socket = socket;
        pthread_mutex_unlock(&m->queue_lock);
    } else if (listed) {
        struct container c;
        ecs_fill(&m->task, listed, &c);
        metadata_bring(m, &c);
    }
    arena_done(&arena);
    return socket || listed;
}

static bool look_made_up(struct metadata *m, struct metadata_entry *entry, struct str id)
{
    char name[ECS_ID_MAX + 1];
    if (!metadata_find_name(m, entry, name)) {
        return false;
    }
    pthread_mutex_lock(m->lock);
    int r = state_name_container(m->state, id, str_of(name));
    pthread_mutex_unlock(m->lock);
    struct metadata_entry *real = metadata_entry(m, short_id(str_of(name)), false);
    if (real && real != entry && !metadata_task_container(m, str_of(name))) {
        real->done = false;
        real->next_ns = 0;
    }
    if (r == 0) {
        metadata_count(m, &m->stats.named);
    }
    return r == 0;
}

void metadata_look(struct metadata *m, struct metadata_entry *entry)
{
    struct str id = str_from(entry->id, entry->id_n);
    bool known = entry->made_up ? look_made_up(m, entry, id) : look_real(m, entry, id);
    if (known) {
        entry->done = true;
        return;
    }
    /* A container that the task's document does not list yet. */
    uint64_t wait = metadata_wait_ns(m, entry->tries);
    uint64_t next = clock_boot_ns() + wait;
    if (m->has_ecs && m->ecs_next_ns > next) {
        m->ecs_next_ns = next;
    }
    entry->tries += entry->tries < UINT32_MAX;
    entry->next_ns = next;
}
