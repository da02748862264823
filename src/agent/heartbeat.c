/*
 * heartbeat: gathers figures.
 *
 * A container counts as watched when a process of it is known to the state. Threads are looked at a few hundred
 * at a time, so that events wait for none of it; names are copied, for containers may go meanwhile.
 */
#include "agent/heartbeat.h"

#include "base/arena.h"
#include "base/clock.h"
#include "base/map.h"

#include <sys/utsname.h>
#include <unistd.h>

#define THREADS_AT_ONCE 256
#define NAMES_MAX       ((size_t)1 << 20)
#define TEXT_MAX        512

struct watched {
    struct smap ids;
    struct arena arena;
};

static bool add_some(struct engine *engine, struct watched *w, size_t *at)
{
    const struct thread *t = NULL;
    pthread_mutex_lock(engine_lock(engine));
    for (unsigned i = 0; i < THREADS_AT_ONCE; i++) {
        t = state_thread_next(engine_state(engine), at);
        if (!t) {
            break;
        }
        if (!t->container || t->flags & (THREAD_EXITED | THREAD_INVALID) ||
            smap_get(&w->ids, t->container->id)) {
            continue;
        }
        struct str id = arena_str(&w->arena, t->container->id);
        if (id.p) {
            smap_put(&w->ids, id, w);
        }
    }
    pthread_mutex_unlock(engine_lock(engine));
    return t;
}

static void put_text(struct jsonw *w, const char *key, struct str s)
{
    if (s.n) {
        jsonw_str(w, key, str_first(s, TEXT_MAX));
    } else {
        jsonw_null(w, key);
    }
}

static void put_container(struct jsonw *w, const struct container *c, bool watched)
{
    jsonw_object(w, NULL);
    put_text(w, "id", c->id);
    put_text(w, "name", c->name);
    put_text(w, "image", c->image);
    put_text(w, "task", c->ecs_task_arn);
    put_text(w, "cluster", c->ecs_cluster);
    jsonw_bool(w, "watched", watched);
    jsonw_strz(w, "why", watched ? NULL : "no process of it is seen by a sensor");
    jsonw_end(w);
}

static void put_containers(struct engine *engine, struct jsonw *w)
{
    struct watched watched = { 0 };
    size_t at = 0, n = 0;
    const struct container *c;
    arena_init(&watched.arena, NAMES_MAX);
    while (add_some(engine, &watched, &at)) {
    }
    jsonw_array(w, "containers");
    pthread_mutex_lock(engine_lock(engine));
    at = 0;
    while ((c = state_container_next(engine_state(engine), &at))) {
        if (str_eqz(c->id, "host")) {
            continue;
        }
        if (n++ < HEARTBEAT_CONTAINERS) {
            put_container(w, c, smap_get(&watched.ids, c->id));
        }
    }
    pthread_mutex_unlock(engine_lock(engine));
    jsonw_end(w);
    jsonw_u64(w, "more", n > HEARTBEAT_CONTAINERS ? n - HEARTBEAT_CONTAINERS : 0);
    smap_done(&watched.ids);
    arena_done(&watched.arena);
}

/* On average since the last heartbeat, from the event to its written alert. */
static uint64_t lag_ms(const struct lag *lag, struct heartbeat_lag *last)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < LAG_BUCKETS; i++) {
        n += lag->counts[i];
    }
    uint64_t more = n - last->n, ns = lag->sum_ns - last->sum_ns;
    *last = (struct heartbeat_lag){ lag->sum_ns, n };
    return more ? ns / more / NS_PER_MS : 0;
}

static uint64_t put_spool(struct spool *spool, struct jsonw *w)
{
    struct spool_stats s = { 0 };
    uint64_t dropped = 0;
    if (spool) {
        spool_get_stats(spool, &s);
    }
    jsonw_object(w, "spool");
    jsonw_u64(w, "bytes", s.bytes);
    jsonw_u64(w, "records", s.records);
    jsonw_i64(w, "oldest_ms", s.oldest_ms);
    jsonw_bool(w, "full", s.full);
    jsonw_end(w);
    for (unsigned band = SPOOL_BAND_INFO; band < SPOOL_BANDS; band++) {
        dropped += s.dropped[band];
    }
    return dropped;
}

static void put_system(struct jsonw *w, const char *version, struct str sensor)
{
    struct utsname name = { 0 };
    uname(&name);
    jsonw_strz(w, "version", version);
    jsonw_strz(w, "kernel", name.release);
    jsonw_strz(w, "hostname", name.nodename);
    jsonw_str(w, "sensor", sensor);
}

void heartbeat_put(struct engine *engine, const struct heartbeat *h, struct heartbeat_lag *lag,
                   struct buf *buf)
{
    struct jsonw w = { .buf = buf };
    struct engine_stats stats = { 0 };
    engine_get_stats(engine, &stats);
    jsonw_object(&w, NULL);
    put_system(&w, h->version, h->sensor);
    jsonw_u64(&w, "started_ms", h->started_ns / NS_PER_MS);
    jsonw_u64(&w, "now_ms", clock_real_ns() / NS_PER_MS);
    jsonw_u64(&w, "lag_ms", lag_ms(&stats.outlet.lag, lag));
    jsonw_u64(&w, "events", stats.pipeline.events);
    jsonw_u64(&w, "alerts", stats.pipeline.alerts);
    uint64_t dropped = put_spool(h->spool, &w);
    jsonw_u64(&w, "drops", dropped);
    jsonw_u64(&w, "gaps", stats.gaps);
    jsonw_object(&w, "bundle");
    jsonw_u64(&w, "version", h->bundle);
    jsonw_bool(&w, "ok", h->bundle_ok);
    if (h->bundle_ok) {
        jsonw_null(&w, "error");
    } else {
        jsonw_str(&w, "error", str_first(str_of(h->bundle_error), HEARTBEAT_ERROR_MAX));
    }
    jsonw_end(&w);
    jsonw_u64(&w, "rules", h->rules);
    jsonw_object(&w, "activity");
    jsonw_u64(&w, "sent", h->activity_sent);
    jsonw_u64(&w, "lost", h->activity_lost);
    jsonw_end(&w);
    jsonw_object(&w, "health");
    jsonw_bool(&w, "ok", h->ok);
    jsonw_strz(&w, "reason", h->ok ? NULL : h->reason);
    jsonw_end(&w);
    put_containers(engine, &w);
    jsonw_end(&w);
}

void heartbeat_put_enrolment(const char *name, const char *instance, const char *version,
                             struct str sensor, struct buf *buf)
{
    struct jsonw w = { .buf = buf };
    jsonw_object(&w, NULL);
    jsonw_strz(&w, "name", name);
    jsonw_strz(&w, "instance", instance);
    put_system(&w, version, sensor);
    jsonw_end(&w);
}
