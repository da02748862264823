/*
 * findings_respond: what is done from a finding: an order to its agent, or StopTask.
 *
 * kill, stop, pause and capture are orders: the agent takes them by its long poll and says what came of them. Stopping a
 * task is the server's own call to AWS, by its courier; one thread beside the requests waits for it, one call at a time. Both are
 * rows of the finding's responses from the moment they are asked for.
 */
#include "server/findings_internal.h"

#include "aws/aws.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "server/config.h"
#include "server/content.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PER_MINUTE 30 /* of one server; whoever asks */
#define QUEUE_MAX  64
#define MINUTE_MS  60000

struct job {
    struct job *next;
    int64_t id;
    char *finding, *task, *reason;
};

struct respond {
    struct server *server;
    pthread_t thread;
    bool running, ends; /* ends: atomic */
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct job *first, **last;
    unsigned njobs;
    int64_t minute_ms;
    unsigned in_minute;
};

static void job_free(struct job *job)
{
    if (job) {
        free(job->finding);
        free(job->task);
        free(job->reason);
        free(job);
    }
}

/* ---- the thread */

static struct job *next_job(struct respond *r)
{
    struct job *job = NULL;
    pthread_mutex_lock(&r->lock);
    while (!r->first && !__atomic_load_n(&r->ends, __ATOMIC_ACQUIRE)) {
        pthread_cond_wait(&r->more, &r->lock);
    }
    if (!__atomic_load_n(&r->ends, __ATOMIC_ACQUIRE)) {
        job = r->first;
        r->first = job->next;
        r->last = r->first ? r->last : &r->first;
        r->njobs--;
    }
    pthread_mutex_unlock(&r->lock);
    return job;
}

static void audit_outcome(struct server *server, const struct job *job, bool done)
{
    char object[64];
    snprintf(object, sizeof(object), "finding:%s", job->finding);
    const struct store_audit audit = { .time_ms = server->now_ms(),
                                       .kind = STR("server"),
                                       .actor = STR("hinomi"),
                                       .action = STR("finding.stop_task"),
                                       .object = str_of(object),
                                       .result = done ? STR("ok") : STR("failed"),
                                       .address = STR(""),
                                       .request = STR("") };
    audit_write(server, &audit);
}

static void do_job(struct respond *respond, const struct job *job)
{
    struct server *server = respond->server;
    struct err err = { 0 }, ignored = { 0 };
    const struct aws_stop stop = { .aws = server->aws,
                                   .task = str_of(job->task),
                                   .reason = str_of(job->reason),
                                   .time_s = server->now_ms() / 1000 };
    int r = aws_stop_task(&stop, &err);
    const struct triage_response outcome = {
        .id = job->id,
        .done_ms = server->now_ms(),
        .state = r == 0 ? STR("done") : STR("failed"),
        .result = r == 0 ? STR("the task is being stopped") : str_of(err.message),
    };
    if (server->store->triage->response_done(server->store, &outcome, &ignored) < 0) {
        log_warning("response %lld: %s", (long long)job->id, ignored.message);
    }
    audit_outcome(server, job, r == 0);
    findings_tell(server, str_of(job->finding), "updated");
}

static void *work(void *data)
{
    struct respond *r = data;
    struct job *job;
    while ((job = next_job(r))) {
        do_job(r, job);
        job_free(job);
    }
    return NULL;
}

/* Started with the first job: a server that stops no tasks has no thread for it. */
static int enqueue(struct respond *r, struct job *job)
{
    int code = 0;
    pthread_mutex_lock(&r->lock);
    if (r->njobs >= QUEUE_MAX) {
        code = -EBUSY;
    } else if (!r->running) {
        code = -pthread_create(&r->thread, NULL, work, r);
        r->running = code == 0;
    }
    if (code == 0) {
        *r->last = job;
        r->last = &job->next;
        r->njobs++;
        pthread_cond_signal(&r->more);
    }
    pthread_mutex_unlock(&r->lock);
    return code;
}

int responses_start(struct server *server, struct respond **ret, struct err *err)
{
    struct respond *r = mem_zalloc(sizeof(*r));
    if (!r) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    r->server = server;
    r->last = &r->first;
    pthread_mutex_init(&r->lock, NULL);
    pthread_cond_init(&r->more, NULL);
    int code = server->store->triage->responses_abandon(server->store, server->now_ms(), err);
    if (code < 0) {
        responses_stop(r);
        return code;
    }
    *ret = r;
    return 0;
}

void responses_stop(struct respond *r)
{
    if (!r) {
        return;
    }
    pthread_mutex_lock(&r->lock);
    __atomic_store_n(&r->ends, true, __ATOMIC_RELEASE);
    pthread_cond_signal(&r->more);
    pthread_mutex_unlock(&r->lock);
    if (r->running) {
        pthread_join(r->thread, NULL);
    }
    while (r->first) {
        struct job *job = r->first;
        r->first = job->next;
        job_free(job);
    }
    pthread_cond_destroy(&r->more);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

/* ---- what an order names */

static struct json_object *get(struct json_object *object, const char *key, enum json_type type)
{
    struct json_object *value = NULL;
    return object && json_object_object_get_ex(object, key, &value) &&
                   json_object_is_type(value, type)
               ? value
               : NULL;
}

/* "2026-11-22T10:00:00.123456789Z" */
static int64_t ns_of(const char *text)
{
    struct tm tm = { 0 };
    const char *rest = strptime(text, "%Y-%m-%dT%H:%M:%S", &tm);
    int64_t ns = 0, unit = 100000000;
    if (!rest) {
        return 0;
    }
    for (rest += *rest == '.'; *rest >= '0' && *rest <= '9' && unit > 0; rest++, unit /= 10) {
        ns += (*rest - '0') * unit;
    }
    int64_t s = (int64_t)timegm(&tm);
    return s > 0 && s < INT64_MAX / 1000000000 ? s * 1000000000 + ns : 0;
}

/* The newest alert's process, told from a later one of that number by when it began. */
static void find_process(const struct finding *finding, struct order *order)
{
    struct json_object *alert = NULL, *fields = NULL, *tags = NULL;
    struct str body = finding->last_alert.n ? finding->last_alert : finding->first_alert;
    order->pid = finding->proc_pid > 0 ? finding->proc_pid : 0;
    if (body.n == 0 || !record_open(body, &alert, &fields, &tags)) {
        return;
    }
    struct json_object *lineage =
        get(get(alert, "hinomi", json_type_object), "lineage", json_type_array);
    struct json_object *first =
        lineage && json_object_array_length(lineage) ? json_object_array_get_idx(lineage, 0) : NULL;
    struct json_object *pid = get(first, "pid", json_type_int);
    struct json_object *start = get(first, "start", json_type_string);
    if (pid) {
        order->pid = json_object_get_int64(pid);
        order->start_ns = start ? ns_of(json_object_get_string(start)) : 0;
    }
    json_object_put(alert);
}

/* ---- routes */

static bool take_turn(struct server *server)
{
    struct respond *r = server->findings->respond;
    int64_t now = server->now_ms();
    pthread_mutex_lock(&r->lock);
    if (now - r->minute_ms >= MINUTE_MS || now < r->minute_ms) {
        r->minute_ms = now;
        r->in_minute = 0;
    }
    bool free_turn = r->in_minute < PER_MINUTE;
    r->in_minute += free_turn;
    pthread_mutex_unlock(&r->lock);
    return free_turn;
}

static enum http_result answer(struct server *server, struct request *request,
                               const struct triage_response *response, struct reply *reply)
{
    struct buf detail;
    buf_init(&detail, AUDIT_DETAIL_MAX);
    buf_puts(&detail, response->action);
    buf_putz(&detail, ": ");
    buf_puts(&detail, response->reason);
    findings_audit(server, request, "finding.respond",
                   audit_object(request, "finding", response->finding), buf_str(&detail));
    buf_done(&detail);
    findings_tell(server, response->finding, "updated");
    struct jsonw *w = reply_json(reply, 202);
    jsonw_object(w, NULL);
    jsonw_i64(w, "id", response->id);
    findings_put_time(w, "order", response->order);
    jsonw_strz(w, "state", "queued");
    jsonw_end(w);
    return HTTP_DONE;
}

static enum http_result give_order(struct server *server, struct request *request,
                                   const struct finding *finding, struct triage_response *response,
                                   struct reply *reply)
{
    struct err err = { 0 };
    struct order order = { .agent = finding->agent,
                           .kind = response->action,
                           .container = finding->container_id,
                           .finding = finding->id,
                           .author = response->author };
    bool of_container = str_eqz(response->action, "stop") || str_eqz(response->action, "pause");
    find_process(finding, &order);
    if (of_container && finding->container_id.n == 0) {
        return reply_problem(reply, 422, "no_container", "The finding is of no container.");
    }
    if (str_eqz(response->action, "kill") && order.pid <= 0) {
        return reply_problem(reply, 422, "no_process", "The finding names no process.");
    }
    response->target = finding->container_id.n ? finding->container_id : STR("host");
    if (content_order(server, &order, NULL, &response->order, &err) < 0 ||
        server->store->triage->response_add(server->store, response, &response->id, &err) < 0) {
        return reply_error(reply, &err);
    }
    return answer(server, request, response, reply);
}

static enum http_result stop_task(struct server *server, struct request *request,
                                  const struct finding *finding, struct triage_response *response,
                                  struct reply *reply)
{
    struct err err = { 0 };
    struct str region, cluster;
    if (!aws_task_is_good(finding->task_arn, &region, &cluster)) {
        return reply_problem(reply, 422, "no_task", "The finding is of no task of ECS.");
    }
    response->target = finding->task_arn;
    if (server->store->triage->response_add(server->store, response, &response->id, &err) < 0) {
        return reply_error(reply, &err);
    }
    struct job *job = mem_zalloc(sizeof(*job));
    if (job) {
        *job = (struct job){ .id = response->id,
                             .finding = str_dupz(finding->id),
                             .task = str_dupz(finding->task_arn),
                             .reason = str_dupz(response->reason) };
    }
    bool ready = job && job->finding && job->task && job->reason;
    if (!ready || enqueue(server->findings->respond, job) < 0) {
        const struct triage_response failed = { .id = response->id,
                                                .state = STR("failed"),
                                                .done_ms = server->now_ms(),
                                                .result = STR("too much is being done already") };
        server->store->triage->response_done(server->store, &failed, &err);
        job_free(job);
        return reply_problem(reply, 503, "busy", "Too much is being done already.");
    }
    return answer(server, request, response, reply);
}

static bool is_action(struct str action)
{
    static const char *const actions[] = { "kill", "stop", "pause", "capture", "stop_task" };
    for (size_t i = 0; i < sizeof(actions) / sizeof(*actions); i++) {
        if (str_eqz(action, actions[i])) {
            return true;
        }
    }
    return false;
}

HANDLER(findings_respond)
{
    struct json_object *body = request_json(request, reply);
    struct finding finding;
    struct triage_response response = { .author = request->principal->name,
                                        .created_ms = server->now_ms() };
    if (!body || !request_members_only(request, body, "action reason", reply) ||
        !request_member_text(request, body, "action", true, 32, &response.action, reply) ||
        !findings_reason(request, body, &response.reason, reply)) {
        return HTTP_DONE;
    }
    if (!is_action(response.action)) {
        return reply_problem(reply, 422, "bad_action",
                             "action is kill, stop, pause, capture or stop_task");
    }
    if (!findings_of_path(server, request, &finding, reply)) {
        return HTTP_DONE;
    }
    if (!take_turn(server)) {
        reply_header(reply, "Retry-After", STR("60"));
        return reply_problem(reply, 429, "too_many_responses", "At most %d responses a minute.",
                             PER_MINUTE);
    }
    response.finding = finding.id;
    response.agent = finding.agent;
    return str_eqz(response.action, "stop_task")
               ? stop_task(server, request, &finding, &response, reply)
               : give_order(server, request, &finding, &response, reply);
}

static void put_response(struct jsonw *w, const struct triage_response *r)
{
    jsonw_object(w, NULL);
    jsonw_i64(w, "id", r->id);
    jsonw_str(w, "action", r->action);
    jsonw_str(w, "reason", r->reason);
    jsonw_str(w, "author", r->author);
    jsonw_str(w, "agent", r->agent);
    jsonw_str(w, "target", r->target);
    findings_put_time(w, "order", r->order);
    jsonw_i64(w, "created_ms", r->created_ms);
    jsonw_str(w, "state", r->state);
    if (r->result.n) {
        jsonw_str(w, "result", r->result);
    } else {
        jsonw_null(w, "result");
    }
    findings_put_time(w, "done_ms", r->done_ms);
    jsonw_end(w);
}

HANDLER(findings_responses)
{
    struct finding finding;
    struct triage_response *all = NULL;
    size_t n = 0;
    struct err err = { 0 };
    if (!findings_of_path(server, request, &finding, reply)) {
        return HTTP_DONE;
    }
    if (server->store->triage->responses(server->store, finding.id, request->arena, &all, &n,
                                         &err) < 0) {
        return reply_error(reply, &err);
    }
    struct jsonw *w = reply_json(reply, 200);
    jsonw_object(w, NULL);
    jsonw_array(w, "items");
    for (size_t i = 0; i < n; i++) {
        put_response(w, &all[i]);
    }
    jsonw_end(w);
    jsonw_end(w);
    return HTTP_DONE;
}
