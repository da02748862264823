/*
 * metadata: the thread that asks, and the queue to it.
 *
 * Each container met has an entry with the time of its next look: at once, then after waits that double. The
 * task's document is read until all its containers run, again when a container is met that it does not list,
 * and every few minutes. The state is touched only with its lock held, and never while a request is under way.
 */
#include "agent/metadata_internal.h"

#include "base/cleanup.h"
#include "base/clock.h"
#include "sensor/live/container_id.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MS 2000
#define RETRY_MS   100
#define REFRESH_MS 300000

#define GIVE_UP_TRIES 8

/* lint: table */
static const char *const default_sockets[] = { "/var/run/docker.sock", "/run/podman/podman.sock" };

CLEANUP_DEFINE(struct metadata, metadata_free);

uint64_t metadata_wait_ns(const struct metadata *m, uint32_t tries)
{
    uint64_t ms = m->retry_ms;
    for (uint32_t i = 0; i < tries && ms < m->refresh_ms; i++) {
        ms *= 2;
    }
    return (ms < m->refresh_ms ? ms : m->refresh_ms) * NS_PER_MS;
}

/* Others read entries too (metadata_socket_of()). */
static void entry_set(struct metadata *m, struct metadata_entry *e, struct str id, bool made_up)
{
    pthread_mutex_lock(&m->queue_lock);
    *e = (struct metadata_entry){ .id_n = (uint8_t)id.n, .made_up = made_up };
    memcpy(e->id, id.p ? id.p : "", id.n);
    pthread_mutex_unlock(&m->queue_lock);
}

/* A free entry, or one that needs nothing any more, or long found nothing. NULL: all are waiting. */
static struct metadata_entry *entry_take(struct metadata *m)
{
    for (uint32_t i = 0; i < METADATA_ENTRIES_MAX; i++) {
        m->hand = (m->hand + 1) % METADATA_ENTRIES_MAX;
        struct metadata_entry *e = &m->entries[m->hand];
        if (e->id_n && (e->done || e->tries > GIVE_UP_TRIES)) {
            smap_remove(&m->by_id, str_from(e->id, e->id_n));
            entry_set(m, e, (struct str){ 0 }, false);
        }
        if (!e->id_n) {
            return e;
        }
    }
    return NULL;
}

struct metadata_entry *metadata_entry(struct metadata *m, struct str id, bool made_up)
{
    if (id.n == 0 || id.n > sizeof(m->entries->id)) {
        return NULL;
    }
    struct metadata_entry *e = smap_get(&m->by_id, id);
    e = e ? e : entry_take(m);
    if (!e || e->id_n) {
        return e;
    }
    entry_set(m, e, id, made_up);
    if (smap_put(&m->by_id, str_from(e->id, id.n), e) < 0) {
        entry_set(m, e, (struct str){ 0 }, false);
        return NULL;
    }
    return e;
}

static bool is_same(const struct metadata_item *a, const struct metadata_item *b)
{
    return a->pid == b->pid && a->made_up == b->made_up && a->hint_n == b->hint_n &&
           str_eq(str_from(a->id, a->id_n), str_from(b->id, b->id_n));
}

static void put(struct metadata *m, const struct metadata_item *item)
{
    pthread_mutex_lock(&m->queue_lock);
    bool full = m->queued == METADATA_QUEUE_MAX;
    bool repeated = m->queued && !item->hint_n && is_same(&m->queue[m->queued - 1], item);
    if (full) {
        m->stats.dropped++;
    } else if (!repeated) {
        m->queue[m->queued++] = *item;
    }
    pthread_mutex_unlock(&m->queue_lock);
    metadata_http_wake(m->http);
}

void metadata_met(struct metadata *m, const struct thread *thread)
{
    const struct container *c = thread->container;
    if (!m->started || !c || !c->pending || c->id.n > METADATA_ID_MAX) {
        return;
    }
    struct metadata_item item;
    memset(&item, 0, sizeof(item)); /* compared as bytes */
    item.pid = thread->pid;
    item.id_n = (uint8_t)c->id.n;
    item.made_up = thread->cgroups && container_is_made_up(thread->cgroups->s);
    memcpy(item.id, c->id.p, c->id.n);
    put(m, &item);
}

void metadata_hint(struct metadata *m, int64_t pid, struct str hint)
{
    struct metadata_item item;
    memset(&item, 0, sizeof(item));
    if (!m->started || hint.n == 0 || hint.n > sizeof(item.hint)) {
        return;
    }
    item.pid = pid;
    item.hint_n = (uint16_t)hint.n;
    memcpy(item.hint, hint.p, hint.n);
    put(m, &item);
}

/* Which container is it, as the sensors name it? */
static void look_up(struct metadata_item *item)
{
    char text[CONTAINER_CGROUP_MAX];
    size_t n = container_cgroup(item->pid, text);
    struct str group = str_from(text, n);
    ptrdiff_t equals = str_find_char(group, '=');
    struct str id = cgroup_container_id(str_from_offset(group, (size_t)(equals + 1)));
    item->id_n = id.n <= sizeof(item->id) ? (uint8_t)id.n : 0;
    memcpy(item->id, id.p ? id.p : "", item->id_n);
    item->made_up = container_is_made_up(group);
}

static void take(struct metadata *m, struct metadata_item *item, uint64_t now)
{
    if (item->id_n == 0) {
        look_up(item);
    }
    struct metadata_entry *e = metadata_entry(m, str_from(item->id, item->id_n), item->made_up);
    if (!e) {
        return;
    }
    bool other = e->pid != item->pid || item->hint_n;
    e->pid = item->pid;
    if (item->hint_n) {
        e->hint_n = item->hint_n;
        memcpy(e->hint, item->hint, item->hint_n);
    }
    /* Met again though it was done: the state forgot it. Another process may tell more. */
    if (e->done || (other && e->next_ns > now + m->retry_ms * NS_PER_MS)) {
        e->next_ns = now + (e->next_ns ? m->retry_ms * NS_PER_MS : 0);
        e->tries = e->done ? 0 : e->tries;
        e->done = false;
    }
}

static void take_queue(struct metadata *m, uint64_t now)
{
    pthread_mutex_lock(&m->queue_lock);
    size_t n = m->queued;
    memcpy(m->taken, m->queue, n * sizeof(*m->queue));
    m->queued = 0;
    pthread_mutex_unlock(&m->queue_lock);
    for (size_t i = 0; i < n; i++) {
        take(m, &m->taken[i], now);
    }
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Everything that is due; returns when the next is. */
static uint64_t work(struct metadata *m)
{
    uint64_t now = clock_boot_ns();
    take_queue(m, now);
    if (m->has_ecs && now >= m->ecs_next_ns) {
        metadata_ask_task(m);
    }
    uint64_t next = m->has_ecs ? m->ecs_next_ns : UINT64_MAX;
    for (uint32_t i = 0; i < METADATA_ENTRIES_MAX && !metadata_http_stopped(m->http); i++) {
        struct metadata_entry *e = &m->entries[i];
        if (e->id_n && !e->done && now >= e->next_ns) {
            metadata_look(m, e);
        }
        if (e->id_n && !e->done) {
            next = earlier(next, e->next_ns);
        }
    }
    return m->has_ecs ? earlier(next, m->ecs_next_ns) : next;
}

static void *run(void *data)
{
    struct metadata *m = data;
    while (!metadata_http_stopped(m->http)) {
        uint64_t next = work(m);
        uint64_t now = clock_boot_ns();
        metadata_http_sleep(m->http, next > now ? (next - now) / NS_PER_MS + 1 : 0);
    }
    return NULL;
}

static int take_url(struct metadata *m, const char *url, struct err *err)
{
    url = url ? url : getenv("ECS_CONTAINER_METADATA_URI_V4");
    if (!url || !*url) {
        return 0;
    }
    m->has_ecs = true;
    return ecs_endpoint_init(&m->endpoint, url, err);
}

static int take_sockets(struct metadata *m, const struct metadata_config *config, struct err *err)
{
    const char *const *sockets = config->sockets ? config->sockets : default_sockets;
    size_t n =
        config->sockets ? config->nsockets : sizeof(default_sockets) / sizeof(*default_sockets);
    if (n > METADATA_SOCKETS_MAX) {
        return err_set(err, -EINVAL, "more than %d runtime sockets", METADATA_SOCKETS_MAX);
    }
    for (size_t i = 0; i < n; i++) {
        if (strlen(sockets[i]) >= sizeof(m->sockets[i].path)) {
            return err_set(err, -ENAMETOOLONG, "the path of a socket is too long: %.200s",
                           sockets[i]);
        }
        memcpy(m->sockets[i].path, sockets[i], strlen(sockets[i]) + 1);
    }
    m->nsockets = n;
    return 0;
}

static uint32_t or_default(uint32_t given, uint32_t otherwise)
{
    return given ? given : otherwise;
}

static int start(struct metadata *m, struct err *err)
{
    if (!m->has_ecs && !m->nsockets) {
        return 0;
    }
    int r = metadata_http_new(&m->http, err);
    if (r < 0) {
        return r;
    }
    m->entries = mem_zalloc(METADATA_ENTRIES_MAX * sizeof(*m->entries));
    m->queue = mem_zalloc(METADATA_QUEUE_MAX * sizeof(*m->queue));
    m->taken = mem_zalloc(METADATA_QUEUE_MAX * sizeof(*m->taken));
    if (!m->entries || !m->queue || !m->taken) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    r = pthread_create(&m->thread, NULL, run, m);
    if (r != 0) {
        return err_set(err, -r, "cannot start a thread: %s", strerror(r));
    }
    m->started = true;
    return 0;
}

int metadata_new(const struct metadata_config *config, struct metadata **ret, struct err *err)
{
    CLEANUP(cleanup_metadata_free) struct metadata *m = mem_zalloc(sizeof *m);
    if (!m) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    m->state = config->state;
    m->lock = config->lock;
    m->timeout_ms = or_default(config->timeout_ms, TIMEOUT_MS);
    m->retry_ms = or_default(config->retry_ms, RETRY_MS);
    m->refresh_ms = or_default(config->refresh_ms, REFRESH_MS);
    pthread_mutex_init(&m->queue_lock, NULL);
    arena_init(&m->task_arena, ECS_ARENA_MAX);
    int r = take_url(m, config->ecs_url, err);
    r = r == 0 ? take_sockets(m, config, err) : r;
    m->stats.ecs = m->has_ecs;
    r = r == 0 ? start(m, err) : r;
    if (r < 0) {
        return r;
    }
    *ret = TAKE(m);
    return 0;
}

void metadata_free(struct metadata *m)
{
    if (!m) {
        return;
    }
    if (m->started) {
        metadata_http_stop(m->http);
        pthread_join(m->thread, NULL);
    }
    metadata_http_free(m->http);
    smap_done(&m->by_id);
    arena_done(&m->task_arena);
    buf_done(&m->task_text);
    free(m->entries);
    free(m->queue);
    free(m->taken);
    pthread_mutex_destroy(&m->queue_lock);
    free(m);
}

void metadata_get_stats(struct metadata *m, struct metadata_stats *ret)
{
    pthread_mutex_lock(&m->queue_lock);
    *ret = m->stats;
    pthread_mutex_unlock(&m->queue_lock);
}

void metadata_count(struct metadata *m, uint64_t *counter)
{
    pthread_mutex_lock(&m->queue_lock);
    ++*counter;
    pthread_mutex_unlock(&m->queue_lock);
}

const char *metadata_socket_of(struct metadata *m, struct str container_id)
{
    const char *path = NULL;
    struct str id = str_first(container_id, METADATA_ID_MAX);
    pthread_mutex_lock(&m->queue_lock);
    for (uint32_t i = 0; i < METADATA_ENTRIES_MAX && m->entries && id.n && !path; i++) {
        const struct metadata_entry *e = &m->entries[i];
        if (e->socket && str_starts(id, str_from(e->id, e->id_n)) && e->id_n) {
            path = e->socket->path;
        }
    }
    pthread_mutex_unlock(&m->queue_lock);
    return path;
}
