/*
 * findings_suppress: filters that suppress: alerts they hold for make findings that nobody is told of.
 *
 * What is judged by is a set of compiled filters that is replaced as a whole: when one is made or removed, and each
 * minute, because times in filters go back from now. Who judges holds the set as long as it takes, and only counts hits
 * in it: they are written, and sets that were replaced are freed, once a second.
 */
#include "server/findings_internal.h"

#include "base/cleanup.h"
#include "base/log.h"
#include "server/arriving.h"
#include "server/ingest.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#define SET_MAX      ((size_t)256 << 20)
#define RENEW_MS     60000
#define CONTEXTS_MAX 64

struct judged_by {
    struct filter filter;
    int64_t id, expires_ms;
    bool body;     /* needs more than the columns */
    uint64_t hits; /* atomic; not yet written */
};

struct judge_set {
    unsigned refs; /* under the lock */
    struct arena arena;
    struct judged_by *v;
    size_t n;
    struct judge_set *next; /* retired ones */
};

struct suppress {
    struct server *server;
    pthread_mutex_t lock;
    struct judge_set *set, *retired;
    struct filter_context *contexts[CONTEXTS_MAX];
    unsigned ncontexts;
    int64_t made_ms;
    int64_t last_hit_ms; /* atomic */
};

/* ---- the set */

static void set_free(struct judge_set *set)
{
    for (size_t i = 0; set && i < set->n; i++) {
        filter_done(&set->v[i].filter);
    }
    if (set) {
        arena_done(&set->arena);
        free(set);
    }
}

static struct judge_set *hold(struct suppress *s)
{
    pthread_mutex_lock(&s->lock);
    struct judge_set *set = s->set;
    if (set) {
        set->refs++;
    }
    pthread_mutex_unlock(&s->lock);
    return set;
}

static size_t take_hits(const struct judge_set *set, struct triage_hits *ret, int64_t last_ms)
{
    size_t n = 0;
    for (size_t i = 0; i < set->n; i++) {
        uint64_t hits = __atomic_exchange_n(&set->v[i].hits, 0, __ATOMIC_ACQ_REL);
        if (hits > 0) {
            ret[n++] = (struct triage_hits){ set->v[i].id, (int64_t)hits, last_ms };
        }
    }
    return n;
}

static void write_hits(struct suppress *s, const struct judge_set *set)
{
    struct triage_hits *hits = set->n ? mem_resize(NULL, set->n, sizeof(*hits)) : NULL;
    struct err err = { 0 };
    if (!hits) {
        return;
    }
    size_t n = take_hits(set, hits, __atomic_load_n(&s->last_hit_ms, __ATOMIC_ACQUIRE));
    if (n > 0 && s->server->store->triage->suppression_hits(s->server->store, hits, n, &err) < 0) {
        log_warning("hits of suppressions are lost: %s", err.message);
    }
    free(hits);
}

/* Nothing else: whoever judges may be within a transaction. */
static void drop(struct suppress *s, struct judge_set *set)
{
    pthread_mutex_lock(&s->lock);
    set->refs--;
    pthread_mutex_unlock(&s->lock);
}

/* A retired set that nobody holds any more. */
static struct judge_set *next_retired(struct suppress *s)
{
    struct judge_set **at = &s->retired, *set;
    pthread_mutex_lock(&s->lock);
    while (*at && (*at)->refs > 0) {
        at = &(*at)->next;
    }
    set = *at;
    if (set) {
        *at = set->next;
    }
    pthread_mutex_unlock(&s->lock);
    return set;
}

static void clear_retired(struct suppress *s)
{
    struct judge_set *set;
    while ((set = next_retired(s))) {
        write_hits(s, set);
        set_free(set);
    }
}

static void add_one(struct judge_set *set, const struct triage_suppression *one, int64_t now_ms)
{
    struct judged_by *by = &set->v[set->n];
    struct err err = { 0 };
    uint32_t offset;
    if ((one->expires_ms && one->expires_ms <= now_ms) ||
        filter_compile(&set->arena, FILTER_FINDINGS, one->filter, now_ms, &by->filter, &offset,
                       &err) < 0) {
        return; /* lists say that it is over, or what is wrong */
    }
    by->id = one->id;
    by->expires_ms = one->expires_ms;
    by->body = arriving_needs_body(&by->filter, &set->arena);
    set->n++;
}

static int make_set(struct server *server, struct judge_set **ret, struct err *err)
{
    struct judge_set *set = mem_zalloc(sizeof(*set));
    struct triage_suppression *all = NULL;
    size_t n = 0;
    if (!set) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    arena_init(&set->arena, SET_MAX);
    int r = server->store->triage->suppressions(server->store, &set->arena, &all, &n, err);
    set->v = r == 0 ? ARENA_ARRAY(&set->arena, struct judged_by, n) : NULL;
    if (r == 0 && !set->v) {
        r = err_set(err, -ENOMEM, "out of memory");
    }
    for (size_t i = 0; r == 0 && i < n; i++) {
        add_one(set, &all[i], server->now_ms());
    }
    if (r < 0) {
        set_free(set);
        return r;
    }
    *ret = set;
    return 0;
}

static int renew(struct suppress *s, struct err *err)
{
    struct judge_set *set = NULL;
    int r = make_set(s->server, &set, err);
    if (r < 0) {
        return r;
    }
    pthread_mutex_lock(&s->lock);
    if (s->set) {
        s->set->next = s->retired;
        s->retired = s->set;
    }
    s->set = set;
    s->made_ms = s->server->now_ms();
    pthread_mutex_unlock(&s->lock);
    return 0;
}

/* ---- judging */

static struct filter_context *borrow_context(struct suppress *s)
{
    struct filter_context *context = NULL;
    pthread_mutex_lock(&s->lock);
    if (s->ncontexts > 0) {
        context = s->contexts[--s->ncontexts];
    }
    pthread_mutex_unlock(&s->lock);
    return context || filter_context_new(&context) == 0 ? context : NULL;
}

static void give_back(struct suppress *s, struct filter_context *context)
{
    pthread_mutex_lock(&s->lock);
    if (s->ncontexts < CONTEXTS_MAX) {
        s->contexts[s->ncontexts++] = context;
        context = NULL;
    }
    pthread_mutex_unlock(&s->lock);
    filter_context_free(context);
}

static bool judge_with(struct suppress *s, struct judge_set *set, struct filter_context *context,
                       const struct ingest_finding *f)
{
    struct arriving a;
    arriving_begin(&a, f);
    bool suppressed = false;
    for (size_t i = 0; i < set->n; i++) {
        struct judged_by *by = &set->v[i];
        if (by->expires_ms && by->expires_ms <= f->now_ms) {
            continue;
        }
        if (by->body) {
            arriving_open(&a);
        }
        if (filter_holds(&by->filter, context, &a.record) == FILTER_YES) {
            __atomic_add_fetch(&by->hits, 1, __ATOMIC_ACQ_REL);
            __atomic_store_n(&s->last_hit_ms, f->now_ms, __ATOMIC_RELEASE);
            suppressed = true;
            break;
        }
    }
    arriving_end(&a);
    return suppressed;
}

static bool judge(void *data, const struct ingest_finding *finding)
{
    struct suppress *s = data;
    struct judge_set *set = hold(s);
    bool suppressed = false;
    struct filter_context *context = set && set->n > 0 ? borrow_context(s) : NULL;
    if (context) {
        suppressed = judge_with(s, set, context, finding);
        give_back(s, context);
    }
    if (set) {
        drop(s, set);
    }
    return suppressed;
}

/* ---- begin, tick, end */

int suppress_start(struct server *server, struct suppress **ret, struct err *err)
{
    struct suppress *s = mem_zalloc(sizeof(*s));
    if (!s) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    s->server = server;
    pthread_mutex_init(&s->lock, NULL);
    int r = renew(s, err);
    if (r < 0) {
        suppress_stop(server, s);
        return r;
    }
    if (server->ingest) {
        ingest_set_judge(server->ingest, judge, s);
    }
    *ret = s;
    return 0;
}

void suppress_tick(struct server *server, struct suppress *s)
{
    struct err err = { 0 };
    struct judge_set *set = hold(s);
    if (set) {
        write_hits(s, set);
        drop(s, set);
    }
    clear_retired(s);
    int64_t age = server->now_ms() - s->made_ms;
    if ((age >= RENEW_MS || age < 0) && renew(s, &err) < 0) {
        log_warning("suppressions are not renewed: %s", err.message);
    }
}

void suppress_stop(struct server *server, struct suppress *s)
{
    if (!s) {
        return;
    }
    if (server->ingest) {
        ingest_set_judge(server->ingest, NULL, NULL);
    }
    if (s->set) {
        write_hits(s, s->set);
        set_free(s->set);
    }
    clear_retired(s);
    while (s->ncontexts > 0) {
        filter_context_free(s->contexts[--s->ncontexts]);
    }
    pthread_mutex_destroy(&s->lock);
    free(s);
}

/* ---- routes */

static void put_suppression(struct server *server, struct request *request, struct jsonw *w,
                            const struct triage_suppression *s)
{
    CLEANUP(filter_done) struct filter filter = { 0 };
    struct err err = { 0 };
    uint32_t offset;
    int64_t now = server->now_ms();
    bool good = filter_compile(request->arena, FILTER_FINDINGS, s->filter, now, &filter, &offset,
                               &err) == 0;
    jsonw_object(w, NULL);
    jsonw_i64(w, "id", s->id);
    jsonw_str(w, "name", s->name);
    jsonw_str(w, "filter", s->filter);
    jsonw_str(w, "reason", s->reason);
    jsonw_str(w, "author", s->author);
    jsonw_i64(w, "created_ms", s->created_ms);
    findings_put_time(w, "expires_ms", s->expires_ms);
    jsonw_bool(w, "expired", s->expires_ms && s->expires_ms <= now);
    jsonw_i64(w, "hits", s->hits);
    findings_put_time(w, "last_hit_ms", s->last_hit_ms);
    jsonw_strz(w, "error", good ? NULL : err.message);
    jsonw_end(w);
}

HANDLER(findings_suppressions)
{
    struct triage_suppression *all = NULL;
    size_t n = 0;
    struct err err = { 0 };
    if (server->store->triage->suppressions(server->store, request->arena, &all, &n, &err) < 0) {
        return reply_error(reply, &err);
    }
    struct jsonw *w = reply_json(reply, 200);
    jsonw_object(w, NULL);
    jsonw_array(w, "items");
    for (size_t i = 0; i < n; i++) {
        put_suppression(server, request, w, &all[i]);
    }
    jsonw_end(w);
    jsonw_end(w);
    return HTTP_DONE;
}

/* What is there: all of it that is not archived. */
static int suppress_existing(struct server *server, struct request *request, struct str text,
                             uint32_t *ret_n, struct err *err)
{
    CLEANUP(filter_done) struct filter filter = { 0 };
    struct findings_query query = { .filter = &filter };
    struct buf all;
    uint32_t offset, n = 0;
    int64_t *rows = NULL;
    buf_init(&all, FILTER_TEXT_MAX + 64);
    buf_putz(&all, "status in (new, acknowledged) and (");
    buf_puts(&all, text);
    buf_putc(&all, ')');
    int r = filter_compile(request->arena, FILTER_FINDINGS, buf_str(&all), server->now_ms(),
                           &filter, &offset, err);
    buf_done(&all);
    r = r == 0 && filter_context_new(&query.context) < 0 ? err_set(err, -ENOMEM, "out of memory")
                                                         : r;
    r = r == 0 ? server->store->findings->select(server->store, &query, FINDINGS_BULK_MAX,
                                                 request->arena, &rows, &n, err)
               : r;
    filter_context_free(query.context);
    const struct findings_change change = { .set_status = true,
                                            .status = STR("suppressed"),
                                            .now_ms = server->now_ms() };
    return r == 0 ? server->store->findings->change(server->store, rows, n, &change, ret_n, err)
                  : r;
}

static bool read_suppression(struct server *server, struct request *request,
                             struct json_object *body, struct triage_suppression *ret,
                             bool *ret_existing, struct reply *reply)
{
    CLEANUP(filter_done) struct filter filter = { 0 };
    if (!request_members_only(request, body, "name filter reason expires_ms existing", reply) ||
        !findings_text(request, body, "name", FINDINGS_NAME_MAX, false, &ret->name, reply) ||
        !request_member_text(request, body, "filter", true, FILTER_TEXT_MAX - 64, &ret->filter,
                             reply) ||
        !findings_reason(request, body, &ret->reason, reply) ||
        !findings_expires(server, request, body, &ret->expires_ms, reply) ||
        !request_member_bool(request, body, "existing", false, ret_existing, reply) ||
        !findings_filter(server, request, FILTER_FINDINGS, ret->filter, &filter, reply)) {
        return false;
    }
    if (!filter.cond) {
        reply_problem(reply, 422, "everything", "An empty filter would suppress everything.");
        return false;
    }
    return true;
}

HANDLER(findings_suppression_add)
{
    struct json_object *body = request_json(request, reply);
    struct triage_suppression one = { .author = request->principal->name,
                                      .created_ms = server->now_ms() };
    struct err err = { 0 };
    bool existing = false;
    uint32_t changed = 0;
    if (!body || !read_suppression(server, request, body, &one, &existing, reply)) {
        return HTTP_DONE;
    }
    if (server->store->triage->suppression_add(server->store, &one, &one.id, &err) < 0 ||
        renew(server->findings->suppress, &err) < 0 ||
        (existing && suppress_existing(server, request, one.filter, &changed, &err) < 0)) {
        return findings_failed(reply, &err);
    }
    findings_audit(server, request, "suppression.create",
                   findings_object(request, "suppression", one.id), one.filter);
    struct jsonw *w = reply_json(reply, 201);
    jsonw_object(w, NULL);
    jsonw_i64(w, "id", one.id);
    jsonw_u64(w, "changed", changed);
    jsonw_end(w);
    return HTTP_DONE;
}

/* Of the members that are there; the others stay as they are. */
static bool read_change(struct server *server, struct request *request, struct json_object *body,
                        struct triage_suppression *s, struct reply *reply)
{
    CLEANUP(filter_done) struct filter filter = { 0 };
    bool filter_given = json_object_object_get(body, "filter");
    if (!request_members_only(request, body, "name filter reason expires_ms", reply) ||
        (json_object_object_get(body, "name") &&
         !findings_text(request, body, "name", FINDINGS_NAME_MAX, false, &s->name, reply)) ||
        (json_object_object_get(body, "reason") &&
         !findings_reason(request, body, &s->reason, reply)) ||
        (json_object_object_get_ex(body, "expires_ms", NULL) &&
         !findings_expires(server, request, body, &s->expires_ms, reply)) ||
        !request_member_text(request, body, "filter", false, FILTER_TEXT_MAX - 64, &s->filter,
                             reply) ||
        (filter_given &&
         !findings_filter(server, request, FILTER_FINDINGS, s->filter, &filter, reply))) {
        return false;
    }
    if (filter_given && !filter.cond) {
        reply_problem(reply, 422, "everything", "An empty filter would suppress everything.");
        return false;
    }
    return true;
}

static enum http_result keep_change(struct server *server, struct request *request,
                                    const struct triage_suppression *s, struct reply *reply)
{
    struct err err = { 0 };
    if (server->store->triage->suppression_change(server->store, s, &err) < 0 ||
        renew(server->findings->suppress, &err) < 0) {
        return findings_failed(reply, &err);
    }
    findings_audit(server, request, "suppression.change",
                   findings_object(request, "suppression", s->id), s->filter);
    put_suppression(server, request, reply_json(reply, 200), s);
    return HTTP_DONE;
}

HANDLER(findings_suppression_change)
{
    struct json_object *body = request_json(request, reply);
    struct triage_suppression *all = NULL;
    struct err err = { 0 };
    size_t n = 0;
    int64_t id;
    if (!body || !findings_number(request, &id, reply)) {
        return HTTP_DONE;
    }
    if (server->store->triage->suppressions(server->store, request->arena, &all, &n, &err) < 0) {
        return reply_error(reply, &err);
    }
    for (size_t i = 0; i < n; i++) {
        if (all[i].id == id) {
            return read_change(server, request, body, &all[i], reply)
                       ? keep_change(server, request, &all[i], reply)
                       : HTTP_DONE;
        }
    }
    return reply_problem(reply, 404, "not_found", "There is no such suppression.");
}

HANDLER(findings_suppression_remove)
{
    struct err err = { 0 };
    int64_t id;
    if (!findings_number(request, &id, reply)) {
        return HTTP_DONE;
    }
    if (server->store->triage->suppression_remove(server->store, id, &err) < 0 ||
        renew(server->findings->suppress, &err) < 0) {
        return reply_error(reply, &err);
    }
    findings_audit(server, request, "suppression.remove",
                   findings_object(request, "suppression", id), (struct str){ 0 });
    return reply_empty(reply, 204);
}
