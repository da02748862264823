/*
 * ingest_writer: one thread that commits, a queue before it, results behind it.
 *
 * What waits when a commit is done goes into the next together, so that a slow disk makes larger commits, not
 * longer queues. A batch is taken whole or not at all. Its cursor is read in the transaction, so two uploads of
 * the same records, one after the other or at once, are kept once:
 *
 *     first  = cursor + 1   taken
 *     first <= cursor       what is up to the cursor is skipped
 *     first  > cursor + 1   a hole: not taken, the one expected is told
 *     unknown spool         taken; what is missing before it was acknowledged by a server that lost it: a gap
 *
 * Results are kept by ticket, the last INGEST_RESULTS of them: a request whose result is gone asks again by
 * sending again. The queue has limits in batches and bytes; beyond, senders are told to wait.
 */
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "server/config.h"
#include "server/ingest_internal.h"

#include <errno.h>
#include <stdio.h>

#define IDLE_MS         1000
#define OWED_MS         100
#define STATUS_DELAY_MS 1000 /* heartbeats wait so long for a commit to go with */
#define STATUS_SOON_MS  10   /* those that somebody waits for */
#define STATUS_MAX      ((size_t)16 << 20)
#define TX_MEMORY       ((size_t)256 << 20)

struct waiting_status {
    struct waiting_status *next;
    struct ingest_status status; /* texts behind this struct */
};

struct group {
    struct batch *first;
    uint32_t nbatches, nrecords;
    struct waiting_status *statuses;
};

struct writer {
    struct server *server;
    struct fold *fold;
    struct bell *bell;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t work;
    bool stop, started;

    struct batch *first, **last;
    struct waiting_status *statuses;
    size_t statuses_bytes;
    uint64_t statuses_due_ms;
    uint64_t ticket;
    struct result results[INGEST_RESULTS];
    struct result of_group[INGEST_QUEUE_BATCHES];
    struct writer_counts counts;

    struct arena arena; /* of one transaction */
    int64_t duplicates;
};

CLEANUP_DEFINE(struct writer, writer_stop);

int batch_new(struct batch **ret)
{
    struct batch *batch = mem_zalloc(sizeof(*batch));
    if (!batch) {
        return -ENOMEM;
    }
    arena_init(&batch->arena, INGEST_BATCH_MEMORY);
    buf_init(&batch->plain, INGEST_PLAIN_MAX + 1);
    *ret = batch;
    return 0;
}

void batch_free(struct batch *batch)
{
    if (batch) {
        buf_done(&batch->plain);
        arena_done(&batch->arena);
        free(batch);
    }
}

static void free_statuses(struct waiting_status *s)
{
    while (s) {
        struct waiting_status *next = s->next;
        free(s);
        s = next;
    }
}

static struct result *result_of(struct writer *writer, uint64_t ticket)
{
    return &writer->results[ticket % INGEST_RESULTS];
}

/* What one batch did to its cursor. */
struct tally {
    struct ingest_cursor cursor;
    bool known;
};

static int begin_batch(struct writer *writer, struct ingest_tx *tx, struct batch *b,
                       struct tally *ret, struct err *err)
{
    struct store *store = writer->server->store;
    struct ingest_cursor *c = &ret->cursor;
    int r = store->ingest->cursor(tx, b->agent, b->spool, c, err);
    ret->known = r == 0;
    if (r < 0 && r != -ENOENT) {
        return r;
    }
    if (!ret->known) {
        *c = (struct ingest_cursor){ .n = b->first - 1, .fresh = true };
    }
    c->agent = b->agent;
    c->spool = b->spool;
    c->updated_ms = b->received_ms;
    return 0;
}

/* What agents declare is theirs to choose: sums stay at the largest number. */
static void add_to(int64_t *sum, int64_t n)
{
    if (n > 0 && __builtin_add_overflow(*sum, n, sum)) {
        *sum = INT64_MAX;
    }
}

static int add_lost(struct writer *writer, struct ingest_tx *tx, const struct batch *b,
                    struct ingest_cursor *c, struct err *err)
{
    char body[96];
    int64_t lost = b->first - 1;
    snprintf(body, sizeof(body), "{\"kind\":\"server_lost\",\"count\":%lld}", (long long)lost);
    c->gaps++;
    add_to(&c->lost, lost);
    return writer->server->store->ingest->add_gap(tx,
                                                  &(struct ingest_gap){
                                                      .agent = b->agent,
                                                      .spool = b->spool,
                                                      .kind = STR("server_lost"),
                                                      .n = 1,
                                                      .to_n = lost,
                                                      .count = lost,
                                                      .from_ms = 0,
                                                      .to_ms = b->received_ms,
                                                      .received_ms = b->received_ms,
                                                      .body = str_of(body),
                                                  },
                                                  err);
}

static int add_record(struct writer *writer, struct ingest_tx *tx, const struct record *record,
                      struct ingest_cursor *c, struct err *err)
{
    const struct store_ingest_ops *ops = writer->server->store->ingest;
    int r = 0;
    switch (record->kind) {
    case RECORD_ALERT:
        r = fold_alert(writer->fold, record->alert, err);
        c->alerts += r == 0;
        c->duplicates += r == 1;
        return r < 0 ? r : 0;
    case RECORD_ACTIVITY:
        r = ops->add_activity(tx, record->activity, err);
        c->activity++;
        return r;
    case RECORD_GAP:
        r = ops->add_gap(tx, record->gap, err);
        c->gaps++;
        add_to(&c->lost, record->gap->count);
        return r;
    }
    return r;
}

static int take_falco(struct writer *writer, struct ingest_tx *tx, const struct batch *b,
                      struct result *result, struct err *err)
{
    struct ingest_cursor c = { 0 };
    int r = 0;
    for (uint32_t i = 0; i < b->nrecords && r == 0; i++) {
        r = add_record(writer, tx, &b->records[i], &c, err);
    }
    result->outcome = OUTCOME_TAKEN;
    result->n = b->nrecords;
    writer->duplicates += c.duplicates;
    return r;
}

static int take_batch(struct writer *writer, struct ingest_tx *tx, struct batch *b,
                      struct result *result, struct err *err)
{
    struct tally tally = { 0 };
    struct ingest_cursor *c = &tally.cursor;
    if (b->falco) {
        return take_falco(writer, tx, b, result, err);
    }
    int r = begin_batch(writer, tx, b, &tally, err);
    if (r < 0) {
        return r;
    }
    if (b->first > c->n + 1) {
        result->outcome = OUTCOME_HOLE;
        result->n = c->n + 1;
        return 0;
    }
    if (!tally.known && b->first > 1) {
        r = add_lost(writer, tx, b, c, err);
    }
    int64_t before = c->n, duplicates = c->duplicates;
    for (uint32_t i = 0; i < b->nrecords && r == 0; i++) {
        if (b->records[i].to > before) {
            r = add_record(writer, tx, &b->records[i], c, err);
            c->n = b->records[i].to;
        }
    }
    result->outcome = OUTCOME_TAKEN;
    result->n = c->n;
    writer->duplicates += c->duplicates - duplicates;
    return r < 0 || (c->n == before && tally.known)
               ? r
               : writer->server->store->ingest->put_cursor(tx, c, err);
}

struct transaction {
    struct writer *writer;
    struct group *group;
    struct result *results; /* one per batch */
    int64_t now_ms;
};

static int run_transaction(void *data, struct ingest_tx *tx, struct err *err)
{
    struct transaction *t = data;
    struct writer *writer = t->writer;
    struct result *result = t->results;
    int r = 0;
    writer->duplicates = 0;
    fold_begin(writer->fold, tx, &writer->arena, t->now_ms);
    for (struct batch *b = t->group->first; b && r == 0; b = b->next, result++) {
        r = take_batch(writer, tx, b, result, err);
    }
    for (struct waiting_status *s = t->group->statuses; s && r == 0; s = s->next) {
        r = writer->server->store->ingest->put_status(tx, &s->status, err);
    }
    return r < 0 ? r : fold_end(writer->fold, err);
}

static void count_commit(struct writer_counts *counts, const struct err *err, uint64_t us)
{
    counts->commits += err->code == 0;
    counts->failures += err->code < 0;
    counts->commit_us_last = us;
    counts->commit_us_most = us > counts->commit_us_most ? us : counts->commit_us_most;
}

static void set_results(struct writer *writer, const struct group *group, const struct err *err,
                        uint64_t us)
{
    struct result *result = writer->of_group;
    pthread_mutex_lock(&writer->lock);
    for (struct batch *b = group->first; b; b = b->next, result++) {
        if (err->code < 0) {
            result->outcome = OUTCOME_FAILED;
            result->code = err->code;
        }
        result->ticket = b->ticket;
        *result_of(writer, b->ticket) = *result;
        writer->counts.queued--;
        writer->counts.queued_bytes -= b->bytes;
        writer->counts.records += result->outcome == OUTCOME_TAKEN ? b->nrecords : 0;
    }
    writer->counts.batches += group->nbatches;
    writer->counts.duplicates += err->code == 0 ? (uint64_t)writer->duplicates : 0;
    count_commit(&writer->counts, err, us);
    pthread_mutex_unlock(&writer->lock);
}

static void commit_group(struct writer *writer, struct group *group)
{
    struct err err = { 0 };
    uint64_t started = clock_boot_ns();
    struct transaction t = {
        .writer = writer,
        .group = group,
        .results = writer->of_group,
        .now_ms = writer->server->now_ms(),
    };
    struct ingest_write write = { .body = run_transaction, .data = &t, .now_ms = t.now_ms };
    memset(writer->of_group, 0, sizeof(*writer->of_group) * group->nbatches);
    int r = writer->server->store->ingest->write(writer->server->store, &write, &err);
    if (r < 0) {
        err.code = r;
        fold_forget(writer->fold);
        log_error("a batch was not kept: %s", err.message);
    } else {
        fold_tell(writer->fold);
    }
    set_results(writer, group, &err, (clock_boot_ns() - started) / 1000);
    bell_ring(writer->bell);
    arena_reset(&writer->arena);
}

static void free_group(struct group *group)
{
    while (group->first) {
        struct batch *b = group->first;
        group->first = b->next;
        batch_free(b);
    }
    free_statuses(group->statuses);
}

static bool statuses_due(const struct writer *writer)
{
    return writer->statuses &&
           (writer->first || clock_boot_ns() / NS_PER_MS >= writer->statuses_due_ms);
}

static bool take_group(struct writer *writer, struct group *group)
{
    struct batch **end = &group->first;
    *group = (struct group){ 0 };
    if (statuses_due(writer)) {
        group->statuses = TAKE(writer->statuses);
        writer->statuses_bytes = 0;
    }
    while (writer->first && group->nrecords < INGEST_GROUP_RECORDS &&
           group->nbatches < INGEST_QUEUE_BATCHES) {
        struct batch *b = writer->first;
        writer->first = b->next;
        b->next = NULL;
        *end = b;
        end = &b->next;
        group->nbatches++;
        group->nrecords += b->nrecords;
    }
    if (!writer->first) {
        writer->last = &writer->first;
    }
    return group->first || group->statuses;
}

static void wait_for_work(struct writer *writer, bool owes)
{
    uint64_t wait_ms = owes ? OWED_MS : IDLE_MS;
    if (writer->statuses) {
        uint64_t now_ms = clock_boot_ns() / NS_PER_MS, due_ms = writer->statuses_due_ms;
        uint64_t left_ms = due_ms > now_ms ? due_ms - now_ms : 1;
        wait_ms = left_ms < wait_ms ? left_ms : wait_ms;
    }
    uint64_t until = clock_ns(CLOCK_MONOTONIC) + wait_ms * NS_PER_MS;
    struct timespec at = { (time_t)(until / NS_PER_S), (long)(until % NS_PER_S) };
    pthread_cond_timedwait(&writer->work, &writer->lock, &at);
}

static void *run(void *data)
{
    struct writer *writer = data;
    bool owes = false;
    pthread_mutex_lock(&writer->lock);
    while (!writer->stop) {
        struct group group;
        if (!take_group(writer, &group)) {
            wait_for_work(writer, owes);
        }
        pthread_mutex_unlock(&writer->lock);
        if (group.first || group.statuses) {
            commit_group(writer, &group);
            free_group(&group);
        }
        owes = fold_tell_owed(writer->fold, writer->server->now_ms());
        pthread_mutex_lock(&writer->lock);
    }
    pthread_mutex_unlock(&writer->lock);
    return NULL;
}

static int start_thread(struct writer *writer)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&writer->work, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&writer->lock, NULL);
    int r = pthread_create(&writer->thread, NULL, run, writer);
    writer->started = r == 0;
    if (r) {
        pthread_cond_destroy(&writer->work);
        pthread_mutex_destroy(&writer->lock);
    }
    return -r;
}

int writer_start(struct server *server, struct writer **ret, struct err *err)
{
    struct writer *writer CLEANUP(cleanup_writer_stop) = mem_zalloc(sizeof(*writer));
    struct fold_config config = {
        .store = server->store,
        .hub = server->hub,
        .judge = &server->ingest->judge,
        .listener = &server->ingest->listener,
        .witness = &server->ingest->witness,
        .new_max = server_config(server)->findings_per_agent,
    };
    if (!writer) {
        return err_set(err, -ENOMEM, "out of memory");
    }
    writer->server = server;
    writer->last = &writer->first;
    arena_init(&writer->arena, TX_MEMORY);
    int r = fold_new(&config, &writer->fold);
    r = r < 0 ? r : bell_new(&writer->bell);
    r = r < 0 ? r : start_thread(writer);
    if (r < 0) {
        return err_set(err, r, "the intake could not start: %s", strerror(-r));
    }
    *ret = TAKE(writer);
    return 0;
}

void writer_stop(struct writer *writer)
{
    if (!writer) {
        return;
    }
    if (writer->started) {
        pthread_mutex_lock(&writer->lock);
        writer->stop = true;
        pthread_cond_signal(&writer->work);
        pthread_mutex_unlock(&writer->lock);
        pthread_join(writer->thread, NULL);
        pthread_cond_destroy(&writer->work);
        pthread_mutex_destroy(&writer->lock);
    }
    struct group rest = { .first = writer->first, .statuses = writer->statuses };
    free_group(&rest);
    fold_free(writer->fold);
    bell_free(writer->bell);
    arena_done(&writer->arena);
    free(writer);
}

bool writer_has_room(struct writer *writer, size_t bytes)
{
    pthread_mutex_lock(&writer->lock);
    bool room = writer->counts.queued < INGEST_QUEUE_BATCHES &&
                writer->counts.queued_bytes + bytes <= INGEST_QUEUE_BYTES;
    writer->counts.refused += !room;
    pthread_mutex_unlock(&writer->lock);
    return room;
}

int ingest_writer_put(struct writer *writer, struct batch *batch, uint64_t *ret_ticket)
{
    pthread_mutex_lock(&writer->lock);
    bool room = writer->counts.queued < INGEST_QUEUE_BATCHES && !writer->stop;
    if (room) {
        batch->ticket = ++writer->ticket;
        batch->bytes = batch->plain.capacity + batch->arena.used;
        *result_of(writer, batch->ticket) = (struct result){ .ticket = batch->ticket };
        *ret_ticket = batch->ticket;
        *writer->last = batch;
        writer->last = &batch->next;
        writer->counts.queued++;
        writer->counts.queued_bytes += batch->bytes;
        pthread_cond_signal(&writer->work);
    }
    pthread_mutex_unlock(&writer->lock);
    return room ? 0 : -EBUSY;
}

static struct waiting_status *copy_status(const struct ingest_status *from)
{
    struct waiting_status *s = mem_zalloc(sizeof(*s) + from->agent.n + from->body.n);
    if (s) {
        char *text = (char *)(s + 1);
        memcpy(text, from->agent.p, from->agent.n);
        if (from->body.n) {
            memcpy(text + from->agent.n, from->body.p, from->body.n);
        }
        s->status = (struct ingest_status){ str_from(text, from->agent.n), from->received_ms,
                                            str_from(text + from->agent.n, from->body.n) };
    }
    return s;
}

static size_t size_of(const struct waiting_status *s)
{
    return sizeof(*s) + s->status.agent.n + s->status.body.n;
}

int writer_put_status(struct writer *writer, const struct ingest_status *status, bool soon)
{
    struct waiting_status *s = copy_status(status);
    if (!s) {
        return -ENOMEM;
    }
    pthread_mutex_lock(&writer->lock);
    struct waiting_status **at = &writer->statuses;
    while (*at && !str_eq((*at)->status.agent, status->agent)) {
        at = &(*at)->next;
    }
    struct waiting_status *old = *at;
    uint64_t due_ms = clock_boot_ns() / NS_PER_MS + (soon ? STATUS_SOON_MS : STATUS_DELAY_MS);
    if (!writer->statuses || due_ms < writer->statuses_due_ms) {
        writer->statuses_due_ms = due_ms;
        pthread_cond_signal(&writer->work);
    }
    bool room = old || writer->statuses_bytes + size_of(s) <= STATUS_MAX;
    if (room) {
        s->next = old ? old->next : NULL;
        *at = s;
        writer->statuses_bytes += size_of(s) - (old ? size_of(old) : 0);
    }
    pthread_mutex_unlock(&writer->lock);
    free(room ? old : s);
    return room ? 0 : -EBUSY;
}

struct result writer_result(struct writer *writer, uint64_t ticket)
{
    pthread_mutex_lock(&writer->lock);
    struct result result = *result_of(writer, ticket);
    pthread_mutex_unlock(&writer->lock);
    if (result.ticket != ticket) {
        return (struct result){ .outcome = OUTCOME_UNKNOWN };
    }
    return result;
}

struct bell *writer_bell(struct writer *writer)
{
    return writer->bell;
}

void writer_counts(struct writer *writer, struct writer_counts *ret)
{
    pthread_mutex_lock(&writer->lock);
    *ret = writer->counts;
    pthread_mutex_unlock(&writer->lock);
}
