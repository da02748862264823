/*
 * activity: token buckets, then one JSON record from a table of fields.
 *
 * A bucket holds up to ACTIVITY_BURST_S seconds of records. A container's bucket is found by its id; when all are
 * in use, the one of the same place is shared. What rules did not ask for is not even made an event when there is
 * no room; it counts as lost there.
 */
#include "agent/activity.h"

#include "base/arena.h"
#include "base/clock.h"
#include "event/names.h"
#include "event/param.h"
#include "event/state.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECORD_MAX ((size_t)64 << 10)
#define MINUTE_MS  60000
#define IDLE_NS    (10 * NS_PER_S) /* after which a bucket is another container's */
#define FIELDS_MAX 64

/* Of the event format's open flags. */
#define PPM_WRONLY (1u << 1)

struct wanted {
    const char *name, *arg;
    uint8_t kinds; /* a bit each */
};

#define ALL     0xf
#define EXEC    (1 << ACTIVITY_EXEC)
#define CONNECT (1 << ACTIVITY_CONNECT)
#define DNS     (1 << ACTIVITY_DNS)
#define WRITE   (1 << ACTIVITY_WRITE)

static const struct wanted wanted[] = {
    { "evt.type", NULL, ALL },
    { "evt.arg.flags", NULL, WRITE },
    { "proc.name", NULL, ALL },
    { "proc.exepath", NULL, ALL },
    { "proc.exe", NULL, ALL },
    { "proc.cmdline", NULL, ALL },
    { "proc.args", NULL, ALL },
    { "proc.pid", NULL, ALL },
    { "proc.ppid", NULL, ALL },
    { "proc.pname", NULL, ALL },
    { "proc.pexepath", NULL, ALL },
    { "proc.pcmdline", NULL, ALL },
    { "proc.aname", "2", ALL },
    { "proc.aname", "3", ALL },
    { "proc.aname", "4", ALL },
    { "proc.tty", NULL, ALL },
    { "proc.cwd", NULL, ALL },
    { "proc.is_exe_upper_layer", NULL, EXEC },
    { "proc.is_exe_from_memfd", NULL, EXEC },
    { "proc.loginshellid", NULL, ALL },
    { "user.uid", NULL, ALL },
    { "user.name", NULL, ALL },
    { "fd.name", NULL, CONNECT | WRITE },
    { "fd.directory", NULL, WRITE },
    { "fd.filename", NULL, WRITE },
    { "fd.sip", NULL, CONNECT },
    { "fd.sport", NULL, CONNECT },
    { "fd.rip", NULL, CONNECT },
    { "fd.rport", NULL, CONNECT },
    { "fd.l4proto", NULL, CONNECT },
    { "fd.typechar", NULL, CONNECT | WRITE },
    { "dns.question.name", NULL, DNS },
    { "container.id", NULL, ALL },
    { "container.name", NULL, ALL },
    { "container.image.repository", NULL, ALL },
    { "container.image.tag", NULL, ALL },
    { "ecs.cluster", NULL, ALL },
    { "ecs.task.arn", NULL, ALL },
    { "ecs.task.id", NULL, ALL },
    { "ecs.task.family", NULL, ALL },
    { "ecs.service", NULL, ALL },
};
#define NWANTED (sizeof(wanted) / sizeof(*wanted))
_Static_assert(NWANTED <= FIELDS_MAX, "fits");

struct bucket {
    uint64_t container; /* hash of its id */
    uint64_t at_ns;     /* CLOCK_BOOTTIME of the last use */
    double tokens;
};

struct activity {
    struct activity_config config;
    struct field_ref fields[FIELDS_MAX];
    char keys[FIELDS_MAX][48];
    struct bucket all, containers[ACTIVITY_CONTAINERS];
    char storage[RECORD_MAX];
    _Atomic uint64_t sent[ACTIVITY_KINDS], lost[ACTIVITY_KINDS];
    uint64_t told[ACTIVITY_KINDS]; /* of the lost ones; activity_tick()'s */
    int64_t told_ms;
};

const char *activity_kind_text(enum activity_kind kind)
{
    static const char *const texts[ACTIVITY_KINDS] = { "exec", "connect", "dns", "write" };
    return texts[kind];
}

static int resolve_fields(struct activity *a)
{
    for (size_t i = 0; i < NWANTED; i++) {
        const struct wanted *w = &wanted[i];
        struct str arg = w->arg ? str_of(w->arg) : (struct str){ 0 };
        int r = field_resolve(str_of(w->name), arg, &a->fields[i], NULL);
        if (r < 0) {
            return r;
        }
        snprintf(a->keys[i], sizeof(a->keys[i]), w->arg ? "%s[%s]" : "%s", w->name, w->arg);
    }
    return 0;
}

int activity_new(const struct activity_config *config, struct activity **ret)
{
    struct activity *a = mem_zalloc(sizeof *a);
    if (!a) {
        return -ENOMEM;
    }
    a->config = *config;
    struct activity_config *c = &a->config;
    c->per_second = c->per_second ? c->per_second : ACTIVITY_PER_SECOND;
    c->per_container = c->per_container ? c->per_container : ACTIVITY_PER_CONTAINER;
    a->told_ms = (int64_t)(clock_real_ns() / NS_PER_MS);
    int r = resolve_fields(a);
    if (r < 0) {
        free(a);
        return r;
    }
    *ret = a;
    return 0;
}

void activity_free(struct activity *a)
{
    free(a);
}

/* ---- limits */

static void refill(struct bucket *b, uint32_t per_second, uint64_t now)
{
    double most = (double)per_second * ACTIVITY_BURST_S;
    double more = b->at_ns ? (double)(now - b->at_ns) / (double)NS_PER_S * per_second : most;
    b->tokens = b->tokens + more < most ? b->tokens + more : most;
    b->at_ns = now;
}

static struct bucket *bucket_of(struct activity *a, const struct thread *thread, uint64_t now)
{
    struct str id = thread && thread->container ? thread->container->id : STR("host");
    uint64_t hash = str_hash(id);
    struct bucket *b = &a->containers[hash % ACTIVITY_CONTAINERS];
    if (b->container != hash && now - b->at_ns > IDLE_NS) {
        *b = (struct bucket){ .container = hash };
    }
    return b;
}

/* Is there room for one more of this thread's container? */
static bool has_room(struct activity *a, const struct thread *thread, struct bucket **ret)
{
    uint64_t now = clock_boot_ns();
    struct bucket *b = bucket_of(a, thread, now);
    refill(&a->all, a->config.per_second, now);
    refill(b, a->config.per_container, now);
    *ret = b;
    return a->all.tokens >= 1 && b->tokens >= 1;
}

/* ---- which events */

static bool kind_of_name(uint16_t name, enum activity_kind *ret)
{
    switch (name) {
    case NAME_execve:
    case NAME_execveat:
        *ret = ACTIVITY_EXEC;
        return true;
    case NAME_connect:
        *ret = ACTIVITY_CONNECT;
        return true;
    case NAME_dns:
        *ret = ACTIVITY_DNS;
        return true;
    case NAME_open:
    case NAME_openat:
    case NAME_openat2:
    case NAME_creat:
        *ret = ACTIVITY_WRITE;
        return true;
    default:
        return false;
    }
}

bool activity_wants(void *data, const struct thread *thread, uint16_t name, uint32_t open_flags)
{
    struct activity *a = data;
    enum activity_kind kind;
    struct bucket *bucket;
    if (!kind_of_name(name, &kind) || (kind == ACTIVITY_WRITE && !(open_flags & PPM_WRONLY))) {
        return false;
    }
    if (has_room(a, thread, &bucket)) {
        return true;
    }
    atomic_fetch_add_explicit(&a->lost[kind], 1, memory_order_relaxed);
    return false;
}

static bool is_write(struct view *view)
{
    static const struct field_ref field = { .id = FIELD_EVT_IS_OPEN_WRITE, .type = TYPE_BOOL };
    struct extracted value;
    field_extract(&field, view, &value);
    return value.n && value.v[0].u;
}

static bool is_outbound(const struct event *event, int64_t result)
{
    const struct fdinfo *fd = event->fd;
    return fd && (fd->type == FD_IPV4_SOCK || fd->type == FD_IPV6_SOCK) &&
           (result == 0 || result == -EINPROGRESS);
}

static bool is_activity(struct view *view, enum activity_kind *ret)
{
    const struct event *event = view->event;
    int64_t result = 0;
    if (event->outcome == OUTCOME_DENIED || !kind_of_name(event->name, ret)) {
        return false;
    }
    if (*ret == ACTIVITY_DNS) {
        return true;
    }
    if (!event_result(event, &result)) {
        return false;
    }
    switch (*ret) {
    case ACTIVITY_EXEC:
        return result == 0;
    case ACTIVITY_CONNECT:
        return is_outbound(event, result);
    default:
        return result >= 0 && is_write(view);
    }
}

/* ---- records */

static void put_fields(struct activity *a, enum activity_kind kind, struct view *view,
                       struct buf *buf)
{
    for (size_t i = 0; i < NWANTED; i++) {
        struct extracted value;
        if (!(wanted[i].kinds & 1u << kind)) {
            continue;
        }
        field_extract(&a->fields[i], view, &value);
        if (value.n == 0) {
            continue;
        }
        buf_printf(buf, ",\"%s\":", a->keys[i]);
        field_json(&a->fields[i], &value, view, buf);
    }
}

static void put_record(struct activity *a, enum activity_kind kind, struct view *view,
                       struct buf *buf)
{
    int64_t ms = (int64_t)(view->event->ts_ns / NS_PER_MS);
    buf_printf(buf, "{\"time_ms\":%lld,\"kind\":\"%s\",\"fields\":{\"evt.time.ms\":%lld",
               (long long)ms, activity_kind_text(kind), (long long)ms);
    put_fields(a, kind, view, buf);
    buf_puts(buf, STR("}}"));
}

bool activity_wants_event(void *data, struct view *view)
{
    struct activity *a = data;
    struct bucket *bucket;
    enum activity_kind kind;
    if (!is_activity(view, &kind)) {
        return false;
    }
    bool room = has_room(a, view->event->thread, &bucket);
    atomic_fetch_add_explicit(&a->lost[kind], !room, memory_order_relaxed);
    return room;
}

void activity_seen(void *data, struct view *view)
{
    struct activity *a = data;
    struct bucket *bucket;
    enum activity_kind kind;
    if (!is_activity(view, &kind)) {
        return;
    }
    struct buf buf;
    buf_init_fixed(&buf, a->storage, sizeof(a->storage));
    bool sent = has_room(a, view->event->thread, &bucket);
    if (sent) {
        a->all.tokens -= 1;
        bucket->tokens -= 1;
        put_record(a, kind, view, &buf);
        sent = !buf.failed && spool_append(a->config.spool,
                                           &(struct spool_entry){
                                               .kind = SPOOL_ACTIVITY,
                                               .time_ms = (int64_t)(view->event->ts_ns / NS_PER_MS),
                                               .payload = buf_str(&buf) }) == 0;
        atomic_fetch_add_explicit(&a->sent[kind], sent, memory_order_relaxed);
        if (!buf.failed) {
            return; /* what the spool drops, it tells */
        }
    }
    atomic_fetch_add_explicit(&a->lost[kind], 1, memory_order_relaxed);
}

/* ---- losses */

void activity_get_stats(const struct activity *a, struct activity_stats *ret)
{
    for (unsigned k = 0; k < ACTIVITY_KINDS; k++) {
        ret->sent[k] = atomic_load(&a->sent[k]);
        ret->lost[k] = atomic_load(&a->lost[k]);
    }
}

void activity_tick(struct activity *a, bool all)
{
    struct activity_stats stats;
    uint64_t more[ACTIVITY_KINDS], sum = 0;
    int64_t now_ms = (int64_t)(clock_real_ns() / NS_PER_MS), from_ms = a->told_ms;
    if (!all && now_ms - from_ms < MINUTE_MS && now_ms >= from_ms) {
        return;
    }
    activity_get_stats(a, &stats);
    for (unsigned k = 0; k < ACTIVITY_KINDS; k++) {
        more[k] = stats.lost[k] - a->told[k];
        a->told[k] = stats.lost[k];
        sum += more[k];
    }
    a->told_ms = now_ms;
    if (!sum) {
        return;
    }
    char storage[1024];
    struct buf buf;
    struct jsonw w = { .buf = &buf };
    buf_init_fixed(&buf, storage, sizeof(storage));
    jsonw_object(&w, NULL);
    jsonw_strz(&w, "kind", "activity");
    jsonw_i64(&w, "from_ms", from_ms);
    jsonw_i64(&w, "to_ms", now_ms);
    jsonw_u64(&w, "count", sum);
    jsonw_object(&w, "where");
    for (unsigned k = 0; k < ACTIVITY_KINDS; k++) {
        jsonw_u64(&w, activity_kind_text(k), more[k]);
    }
    jsonw_end(&w);
    jsonw_strz(&w, "why", "more than activity.per_second or activity.per_container");
    jsonw_end(&w);
    spool_append(
        a->config.spool,
        &(struct spool_entry){ .kind = SPOOL_GAP, .time_ms = now_ms, .payload = buf_str(&buf) });
}
