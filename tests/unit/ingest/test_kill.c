/*
 * kill -9 at any moment: whatever was acknowledged is there, once; cursors, alerts and findings agree; and the
 * agent, which knows only what was acknowledged, goes on without a hole.
 *
 * A child takes batches and tells each acknowledgement over a pipe; the parent kills it, opens the store as a
 * server does after a crash, and counts.
 */
#include "support.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROUNDS     12
#define BATCH      40
#define CONTAINERS 5

static void fill(struct buf *buf, int64_t first)
{
    buf_clear(buf);
    for (int64_t n = first; n < first + BATCH; n++) {
        char container[16];
        snprintf(container, sizeof(container), "c%d", (int)(n % CONTAINERS));
        put_line(buf, n, &(struct made){ .seq = n, .container = container });
    }
}

static void child(struct intake *intake, int64_t first, int out)
{
    struct buf buf;
    buf_init(&buf, SIZE_MAX);
    intake_open(intake);
    for (;;) {
        fill(&buf, first);
        struct sent sent = send_batch(intake, AGENT, SPOOL, first, buf_str(&buf));
        if (sent.status != 200 || write(out, &sent.number, sizeof(sent.number)) < 0) {
            _exit(1);
        }
        first = sent.number + 1;
    }
}

static int64_t last_ack(int in, int64_t acked)
{
    int64_t n;
    while (read(in, &n, sizeof(n)) == (ssize_t)sizeof(n)) {
        acked = n;
    }
    return acked;
}

static int64_t run_and_kill(struct intake *intake, int64_t acked, unsigned wait_ms)
{
    int pipes[2];
    assert_int_equal(pipe(pipes), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(pipes[0]);
        child(intake, acked + 1, pipes[1]);
    }
    close(pipes[1]);
    struct timespec t = { 0, (long)wait_ms * 1000000 };
    nanosleep(&t, NULL);
    kill(pid, SIGKILL);
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    acked = last_ack(pipes[0], acked);
    close(pipes[0]);
    return acked;
}

static void assert_agree(struct intake *intake, int64_t acked)
{
    int64_t cursor = count_of(intake, "SELECT coalesce(max(n), 0) FROM cursors");
    assert_true(cursor >= acked);
    assert_int_equal(cursor % BATCH, 0);
    assert_int_equal(count_in_days(intake, "SELECT count(*) FROM alerts"), cursor);
    assert_int_equal(count_in_days(intake, "SELECT count(DISTINCT n) FROM alerts"), cursor);
    assert_int_equal(count_of(intake, "SELECT total(count) FROM findings"), cursor);
    assert_int_equal(count_of(intake, "SELECT total(alerts) FROM cursors"), cursor);
    assert_int_equal(count_of(intake, "SELECT total(duplicates + lost) FROM cursors"), 0);
}

static void test_killed(void **state)
{
    struct intake *intake = *state;
    uint64_t seed = 11;
    int64_t acked = 0;
    intake_close(intake);
    for (int round = 0; round < ROUNDS; round++) {
        acked = run_and_kill(intake, acked, 20 + (unsigned)test_random_below(&seed, 150));
        struct store *store = store_opened(&intake->dir); /* takes back what was not committed */
        store_close(store);
        assert_agree(intake, acked);
    }
    assert_int_equal(count_of(intake, "SELECT count(*) <= 5 FROM findings"), 1);
    intake_open(intake);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_killed, intake_setup, intake_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
