/*
 * summaries_work: questions are asked beside the requests, by threads that begin when there is something to ask.
 *
 * A slow service holds one of them; the others go on. What was asked for and not answered when the server ends has failed.
 */
#include "server/summaries_internal.h"

#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static void job_free(struct summaries_job *job)
{
    if (job) {
        free(job->finding);
        free(job->language);
        free(job);
    }
}

static bool ends(struct summaries *s)
{
    return __atomic_load_n(&s->ends, __ATOMIC_ACQUIRE);
}

static struct summaries_job *next_job(struct summaries *s)
{
    struct summaries_job *job = NULL;
    pthread_mutex_lock(&s->lock);
    s->idle++;
    while (!s->first && !ends(s)) {
        pthread_cond_wait(&s->more, &s->lock);
    }
    s->idle--;
    if (!ends(s)) {
        job = s->first;
        s->first = job->next;
        s->last = s->first ? s->last : &s->first;
        s->njobs--;
    }
    pthread_mutex_unlock(&s->lock);
    return job;
}

bool summaries_wait(struct summaries *s, int64_t seconds)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += seconds;
    pthread_mutex_lock(&s->lock);
    while (!ends(s) && pthread_cond_timedwait(&s->more, &s->lock, &until) != ETIMEDOUT) {
        /* A job that came meanwhile is somebody else's. */
        pthread_cond_signal(&s->more);
        pthread_mutex_unlock(&s->lock);
        nanosleep(&(struct timespec){ 0, 50000000 }, NULL);
        pthread_mutex_lock(&s->lock);
    }
    bool goes_on = !ends(s);
    pthread_mutex_unlock(&s->lock);
    return goes_on;
}

/* ---- one question */

static void put_detail(struct buf *buf, const struct store_summary *summary)
{
    struct jsonw w = { .buf = buf };
    jsonw_object(&w, NULL);
    jsonw_i64(&w, "summary", summary->id);
    jsonw_str(&w, "provider", summary->provider);
    jsonw_str(&w, "model", summary->model);
    jsonw_str(&w, "language", summary->language);
    jsonw_str(&w, "prompt_hash", summary->prompt_hash);
    jsonw_end(&w);
}

static void audit_outcome(struct server *server, const struct store_summary *summary)
{
    char object[64];
    struct buf detail;
    snprintf(object, sizeof(object), "finding:%.*s", STR_ARG(summary->finding));
    buf_init(&detail, AUDIT_DETAIL_MAX);
    put_detail(&detail, summary);
    const struct store_audit audit = {
        .time_ms = summary->done_ms,
        .kind = STR("server"),
        .actor = STR("hinomi"),
        .action = STR("finding.summary"),
        .object = str_of(object),
        .result = str_eqz(summary->state, "done") ? STR("ok") : STR("failed"),
        .address = STR(""),
        .request = STR(""),
        .detail = detail.failed ? (struct str){ 0 } : buf_str(&detail)
    };
    audit_write(server, &audit);
    buf_done(&detail);
}

/* Asks, and puts the outcome into *summary; texts in the arena. */
static int ask(struct summaries *s, struct arena *arena, struct store_summary *summary,
               struct buf *body, struct err *err)
{
    struct server *server = s->server;
    struct finding finding = { 0 };
    struct summaries_question question = { 0 };
    struct summaries_sent sent = { 0 };
    struct summarise_answer answer = { 0 };
    struct jsonw w = { .buf = body };
    int r = server->store->findings->get(server->store, summary->finding, arena, &finding, err);
    r = r == 0 ? summaries_question(server, &finding, summary->language, arena, &question, err) : r;
    r = r == 0 ? summaries_send(s, &question.prompt, arena, &sent, err) : r;
    summary->prompt_hash = arena_str(arena, str_of(sent.hash));
    if (r < 0) {
        return r;
    }
    summary->input_tokens = sent.reply.input_tokens;
    summary->output_tokens = sent.reply.output_tokens;
    r = summarise_read_answer(sent.reply.text, &question.facts, question.prompt.mark, arena,
                              &answer, err);
    if (r == 0) {
        summarise_write_answer(&w, &answer);
    }
    return r;
}

static void do_job(struct summaries *s, const struct summaries_job *job)
{
    struct server *server = s->server;
    struct store_summary summary = {
        .id = job->id,
        .finding = str_of(job->finding),
        .language = str_of(job->language),
        .provider = str_of(summarise_provider_name(s->settings.model.provider)),
        .model = s->settings.model.model,
        .input_tokens = -1,
        .output_tokens = -1,
    };
    struct err err = { 0 }, ignored = { 0 };
    struct arena arena;
    struct buf body;
    arena_init(&arena, SUMMARIES_ARENA);
    buf_init(&body, SUMMARISE_REPLY_MAX);
    int r = ask(s, &arena, &summary, &body, &err);
    summary.done_ms = server->now_ms();
    summary.state = r == 0 && !body.failed ? STR("done") : STR("failed");
    summary.body = r == 0 ? buf_str(&body) : STR("");
    summary.error = r == 0 ? STR("") : str_of(err.message);
    if (server->store->summaries->done(server->store, &summary, &ignored) < 0) {
        log_warning("summary %lld: %s", (long long)job->id, ignored.message);
    }
    audit_outcome(server, &summary);
    findings_tell(server, summary.finding, "updated");
    buf_done(&body);
    arena_done(&arena);
}

static void *work(void *data)
{
    struct summaries *s = data;
    struct summaries_job *job;
    while ((job = next_job(s))) {
        do_job(s, job);
        job_free(job);
    }
    return NULL;
}

/* ---- the queue */

bool summaries_has_room(struct summaries *s)
{
    pthread_mutex_lock(&s->lock);
    bool room = s->njobs < SUMMARIES_QUEUE;
    pthread_mutex_unlock(&s->lock);
    return room;
}

static int put_job(struct summaries *s, struct summaries_job *job)
{
    int r = s->njobs < SUMMARIES_QUEUE ? 0 : -EBUSY;
    if (r == 0 && s->idle <= s->njobs && s->nthreads < SUMMARIES_THREADS) {
        r = -pthread_create(&s->threads[s->nthreads], NULL, work, s);
        s->nthreads += r == 0;
        r = s->nthreads ? 0 : r;
    }
    if (r == 0) {
        *s->last = job;
        s->last = &job->next;
        s->njobs++;
        pthread_cond_signal(&s->more);
    }
    return r;
}

int summaries_enqueue(struct summaries *s, int64_t id, struct str finding, struct str language)
{
    struct summaries_job *job = mem_zalloc(sizeof(*job));
    if (!job) {
        return -ENOMEM;
    }
    *job = (struct summaries_job){ .id = id,
                                   .finding = str_dupz(finding),
                                   .language = str_dupz(language) };
    int r = job->finding && job->language ? 0 : -ENOMEM;
    if (r == 0) {
        pthread_mutex_lock(&s->lock);
        r = put_job(s, job);
        pthread_mutex_unlock(&s->lock);
    }
    if (r < 0) {
        job_free(job);
    }
    return r;
}

void summaries_end(struct summaries *s)
{
    pthread_mutex_lock(&s->lock);
    __atomic_store_n(&s->ends, true, __ATOMIC_RELEASE);
    pthread_cond_broadcast(&s->more);
    pthread_mutex_unlock(&s->lock);
    for (unsigned i = 0; i < s->nthreads; i++) {
        pthread_join(s->threads[i], NULL);
    }
    while (s->first) {
        struct summaries_job *job = s->first;
        s->first = job->next;
        job_free(job);
    }
}
