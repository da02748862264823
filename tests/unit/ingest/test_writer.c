/*
 * the writer's queue: bounded in batches and bytes, results by ticket, and a store that fails.
 */
#include "support.h"

#include "server/ingest_internal.h"
#include "store/sqlite.h"

#include <errno.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/resource.h>

static struct {
    sem_t held, go;
} gate;

static int hold(void *data, struct sqlite3 *db, struct err *err)
{
    (void)data;
    (void)db;
    (void)err;
    sem_post(&gate.held);
    sem_wait(&gate.go);
    return 0;
}

static void *holder(void *data)
{
    struct intake *intake = data;
    sqlite_store_write(intake->server.store, &(struct sqlite_write){ .body = hold }, NULL);
    return NULL;
}

static struct batch *small_batch(int64_t n)
{
    struct batch *batch = NULL;
    struct refusal refusal;
    assert_int_equal(batch_new(&batch), 0);
    batch->agent = STR(AGENT);
    batch->spool = STR(SPOOL);
    batch->first = n;
    batch->received_ms = intake_now_ms;
    buf_printf(&batch->plain, "{\"n\":%lld,\"gap\":{\"kind\":\"x\"}}", (long long)n);
    struct parse parse = { .batch = batch };
    assert_int_equal(ingest_parse_batch(&parse, buf_str(&batch->plain), &refusal), 0);
    return batch;
}

static void test_full(void **state)
{
    struct intake *intake = *state;
    struct writer *writer = intake->server.ingest->writer;
    pthread_t thread;
    uint64_t ticket = 0, first = 0, last;
    sem_init(&gate.held, 0, 0);
    sem_init(&gate.go, 0, 0);
    assert_int_equal(pthread_create(&thread, NULL, holder, intake), 0);
    sem_wait(&gate.held); /* nobody else writes now */
    for (int64_t n = 1; n <= INGEST_QUEUE_BATCHES; n++) {
        assert_true(writer_has_room(writer, 100));
        assert_int_equal(ingest_writer_put(writer, small_batch(n), n == 1 ? &first : &ticket), 0);
    }
    last = ticket;
    assert_false(writer_has_room(writer, 1));
    struct batch *one_more = small_batch(INGEST_QUEUE_BATCHES + 1);
    assert_int_equal(ingest_writer_put(writer, one_more, &ticket), -EBUSY);
    batch_free(one_more);
    struct sent sent =
        send_batch(intake, AGENT, SPOOL, 1, STR("{\"n\":1,\"gap\":{\"kind\":\"x\"}}"));
    assert_int_equal(sent.status, 429);
    assert_int_equal(writer_result(writer, first).outcome, OUTCOME_PENDING);
    assert_int_equal(writer_result(writer, first + 100000).outcome, OUTCOME_UNKNOWN);
    sem_post(&gate.go);
    pthread_join(thread, NULL);
    while (writer_result(writer, last).outcome == OUTCOME_PENDING) {
        nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
    }
    assert_int_equal(send_batch(intake, AGENT, SPOOL, INGEST_QUEUE_BATCHES,
                                STR("{\"n\":512,\"gap\":{\"kind\":\"x\"}}"))
                         .number,
                     INGEST_QUEUE_BATCHES);
    assert_int_equal(writer_result(writer, first).outcome, OUTCOME_TAKEN);
    assert_int_equal(count_in_days(intake, "SELECT count(*) FROM gaps"), INGEST_QUEUE_BATCHES);
    assert_true(writer_has_room(writer, INGEST_QUEUE_BYTES));
    assert_false(writer_has_room(writer, INGEST_QUEUE_BYTES + 1));
}

/* What cannot be written is not acknowledged, and taken when it can. */
static void test_no_space(void **state)
{
    struct intake *intake = *state;
    struct rlimit old, small = { 1 << 16, RLIM_INFINITY };
    struct buf buf;
    buf_init(&buf, SIZE_MAX);
    for (int64_t n = 1; n <= 2000; n++) {
        put_line(&buf, n, &(struct made){ .seq = n });
    }
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small.rlim_max = old.rlim_max;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    struct sent sent = send_batch(intake, AGENT, SPOOL, 1, buf_str(&buf));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_true(sent.status == 507 || sent.status == 503);
    assert_int_equal(send_batch(intake, AGENT, SPOOL, 1, buf_str(&buf)).number, 2000);
    assert_int_equal(count_in_days(intake, "SELECT count(*) FROM alerts"), 2000);
    assert_int_equal(count_of(intake, "SELECT sum(count) FROM findings"), 2000);
    buf_done(&buf);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, intake_setup, intake_teardown)
    const struct CMUnitTest tests[] = { CASE(test_full), CASE(test_no_space) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
