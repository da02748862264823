/*
 * sqlite_write: one writer at a time, and one commit for all who came while the last was on its way.
 *
 * A caller queues its job. Who finds nobody writing writes for all in the queue:
 *
 *     BEGIN; body; for each further job: SAVEPOINT, body, RELEASE or ROLLBACK TO; marks of the days; COMMIT days;
 *     COMMIT
 *
 * and wakes the others. Jobs that come meanwhile are the next group. The first has no savepoint, and a large job
 * is always a first: within a savepoint SQLite's work for a statement grows with what was written before it. A
 * first that fails is rolled back, and the others begin anew; another is undone alone, unless SQLite undid the whole
 * transaction (disk full, I/O error): then those before it are told to try again, and those after it begin
 * anew. A failed commit is everybody's failure, and the days that had their commit already are taken back
 * before the next.
 */
#include "store/sqlite_store.h"

#include <errno.h>

#define GROUP_MAX 64 /* jobs in one transaction */

static void fail_all(struct sqlite_job *first, const struct sqlite_job *end, int result,
                     const char *why)
{
    for (struct sqlite_job *job = first; job != end; job = job->next) {
        if (job->result == 0) {
            job->result = err_set(job->err, result, "%s", why);
        }
    }
}

static void roll_back(struct sqlite_store *store)
{
    sqlite_days_end(store, false);
    sqlite_connection_reset(store->writer);
    if (!sqlite3_get_autocommit(store->writer->db)) {
        sqlite_run(store->writer->db, NULL, "ROLLBACK", "");
    }
}

static bool is_undone(const struct sqlite_store *store)
{
    return sqlite3_get_autocommit(store->writer->db) || sqlite_days_undone(store);
}

static int begin_job(struct sqlite_store *store, struct sqlite_job *job, bool first)
{
    store->saves = !first;
    return first ? 0 : sqlite_run(store->writer->db, job->err, "SAVEPOINT job", "");
}

static int end_job(struct sqlite_store *store, bool keep)
{
    struct sqlite3 *db = store->writer->db;
    if (!store->saves) {
        return keep ? 0 : -ECANCELED;
    }
    int r = keep ? 0 : sqlite_run(db, NULL, "ROLLBACK TO job", "");
    if (r == 0) {
        r = sqlite_run(db, NULL, "RELEASE job", "");
    }
    sqlite_days_saved(store, keep);
    return r;
}

/* False: the whole transaction is gone, or has to go. */
static bool run_job(struct sqlite_store *store, struct sqlite_job *job, bool first)
{
    job->result = begin_job(store, job, first);
    if (job->result == 0) {
        job->result = job->write->body(job->write->data, store->writer->db, job->err);
    }
    sqlite_connection_reset(store->writer);
    if (is_undone(store)) {
        return false;
    }
    return end_job(store, job->result == 0) == 0 && !is_undone(store);
}

static int commit(struct sqlite_store *store, struct err *err)
{
    int r = sqlite_days_commit(store, err);
    if (r == 0) {
        r = sqlite_run(store->writer->db, err, "COMMIT", "");
    }
    if (r == 0) {
        sqlite_days_end(store, true);
    }
    return r;
}

/* Runs up to GROUP_MAX jobs in one transaction; returns the first that was not. */
static struct sqlite_job *run_group(struct sqlite_store *store, struct sqlite_job *first)
{
    struct err err = { 0 };
    store->group++;
    int r = sqlite_days_ready(store, &err);
    if (r == 0) {
        r = sqlite_run(store->writer->db, &err, "BEGIN IMMEDIATE", "");
    }
    if (r < 0) {
        fail_all(first, NULL, r, err.message);
        return NULL;
    }
    struct sqlite_job *job = first;
    unsigned n = 0;
    for (; job && n < GROUP_MAX && (n == 0 || !job->large); job = job->next, n++) {
        if (!run_job(store, job, n == 0)) {
            roll_back(store);
            sqlite_columns_apply(store);
            fail_all(first, job->next, -EBUSY, "undone with another's failure; try again");
            return job->next;
        }
    }
    if (commit(store, &err) < 0) {
        roll_back(store);
        fail_all(first, job, err.code, err.message);
    }
    sqlite_columns_apply(store);
    return job;
}

static void run_all(struct sqlite_store *store, struct sqlite_job *job)
{
    while (job) {
        job = run_group(store, job);
    }
}

void sqlite_alone_begin(struct sqlite_store *store)
{
    pthread_mutex_lock(&store->lock);
    while (store->writing) {
        pthread_cond_wait(&store->turn, &store->lock);
    }
    store->writing = true;
    pthread_mutex_unlock(&store->lock);
}

void sqlite_alone_end(struct sqlite_store *store)
{
    pthread_mutex_lock(&store->lock);
    store->writing = false;
    pthread_cond_broadcast(&store->turn);
    pthread_mutex_unlock(&store->lock);
}

int sqlite_write_in(struct sqlite_store *store, const struct sqlite_write *write, struct err *err)
{
    struct sqlite_job job = { .write = write, .err = err };
    run_all(store, &job);
    return job.result;
}

/* All who wait; locked. */
static struct sqlite_job *take_queue(struct sqlite_store *store)
{
    struct sqlite_job *jobs = store->first;
    store->first = NULL;
    store->last = &store->first;
    return jobs;
}

static void mark_done(struct sqlite_job *jobs)
{
    while (jobs) {
        struct sqlite_job *next = jobs->next; /* the caller's, gone once done is seen */
        jobs->done = true;
        jobs = next;
    }
}

/* Until it is done. */
static int run_queued(struct sqlite_store *store, struct sqlite_job *job)
{
    pthread_mutex_lock(&store->lock);
    *store->last = job;
    store->last = &job->next;
    while (store->writing && !job->done) {
        pthread_cond_wait(&store->turn, &store->lock);
    }
    if (!job->done) {
        store->writing = true;
        struct sqlite_job *jobs = take_queue(store);
        pthread_mutex_unlock(&store->lock);
        run_all(store, jobs);
        pthread_mutex_lock(&store->lock);
        mark_done(jobs);
        store->writing = false;
        pthread_cond_broadcast(&store->turn);
    }
    pthread_mutex_unlock(&store->lock);
    return job->result;
}

int sqlite_store_write(struct store *store, const struct sqlite_write *write, struct err *err)
{
    struct err own = { 0 };
    struct sqlite_job job = { .write = write, .err = err ? err : &own };
    return run_queued(sqlite_of(store), &job);
}

int sqlite_store_write_large(struct store *store, const struct sqlite_write *write, struct err *err)
{
    struct err own = { 0 };
    struct sqlite_job job = { .write = write, .err = err ? err : &own, .large = true };
    return run_queued(sqlite_of(store), &job);
}
