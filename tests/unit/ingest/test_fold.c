/*
 * folding: what is one finding, for how long, and what an alert does to the state of a finding.
 */
#include "support.h"

#include "server/config.h"
#include "server/ingest.h"

#define HOUR_MS INT64_C(3600000)

static int64_t next_n;

static int setup(void **state)
{
    next_n = 1;
    return intake_setup(state);
}

static void send_one(struct intake *intake, const struct made *made)
{
    struct buf buf;
    struct made m = *made;
    m.seq = next_n;
    buf_init(&buf, SIZE_MAX);
    put_line(&buf, next_n, &m);
    assert_int_equal(send_batch(intake, AGENT, SPOOL, next_n, buf_str(&buf)).number, next_n);
    next_n++;
    buf_done(&buf);
}

static int64_t findings(struct intake *intake)
{
    return count_of(intake, "SELECT count(*) FROM findings");
}

static void test_window(void **state)
{
    int64_t first = intake_now_ms - 12 * HOUR_MS;
    static const struct {
        int64_t after_ms;
        int64_t findings;
    } steps[] = {
        { 0, 1 },
        { 6 * HOUR_MS - 1, 1 },
        { 6 * HOUR_MS, 1 },
        { 6 * HOUR_MS + 1, 2 },
        { -6 * HOUR_MS, 2 }, /* late, still within the first's */
        { -6 * HOUR_MS - 1, 3 },
        { 12 * HOUR_MS, 3 },
    };
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
        send_one(*state, &(struct made){ .time_ms = first + steps[i].after_ms });
        assert_int_equal(findings(*state), steps[i].findings);
    }
    assert_int_equal(count_of(*state, "SELECT count FROM findings ORDER BY row LIMIT 1"), 4);
    assert_int_equal(
        count_of(*state, "SELECT last_seen_ms - first_seen_ms FROM findings ORDER BY row"),
        12 * HOUR_MS);
}

/* In one batch, without what is remembered between them. */
static void test_window_in_one_batch(void **state)
{
    struct buf buf;
    int64_t first = intake_now_ms - 12 * HOUR_MS;
    buf_init(&buf, SIZE_MAX);
    for (int64_t i = 1; i <= 40; i++) {
        put_line(&buf, i, &(struct made){ .seq = i, .time_ms = first + i % 4 * 5 * HOUR_MS });
    }
    assert_int_equal(send_batch(*state, AGENT, SPOOL, 1, buf_str(&buf)).number, 40);
    assert_int_equal(count_of(*state, "SELECT sum(count) FROM findings"), 40);
    assert_int_equal(findings(*state), 2);
    buf_done(&buf);
}

static void test_key(void **state)
{
    static const struct made others[] = {
        { .container = "c2" },
        { .exe = "/bin/sh" },
        { .rule = "Another" },
    };
    send_one(*state, &(struct made){ 0 });
    send_one(*state, &(struct made){ .output_fields = "{\"fd.name\":\"/xmrig\"}" });
    assert_int_equal(findings(*state), 1);
    assert_string_equal(text_of(*state, "SELECT file FROM findings"), "/xmrig");
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        send_one(*state, &others[i]);
        assert_int_equal(findings(*state), (int64_t)i + 2);
    }
}

/* Alerts `from` to `to`, each of a container of its own, in one batch. */
static void send_containers(struct intake *intake, int64_t from, int64_t to)
{
    struct buf buf;
    buf_init(&buf, SIZE_MAX);
    for (int64_t i = from; i <= to; i++) {
        char container[24];
        snprintf(container, sizeof(container), "c%lld", (long long)i);
        put_line(&buf, i, &(struct made){ .seq = i, .container = container });
    }
    assert_int_equal(send_batch(intake, AGENT, SPOOL, from, buf_str(&buf)).number, to);
    buf_done(&buf);
}

/* A rogue agent's alerts are all kept, but make so many findings an hour and no more. */
static void test_too_many(void **state)
{
    const char *one = "SELECT count FROM findings WHERE rule = 'Too many findings of one agent'";
    struct buf buf;
    send_containers(*state, 1, 999);
    assert_int_equal(findings(*state), 999);
    send_containers(*state, 1000, 1000);
    assert_int_equal(findings(*state), 1000);
    send_containers(*state, 1001, 1001);
    assert_int_equal(findings(*state), 1001);
    assert_int_equal(count_of(*state, one), 1);
    send_containers(*state, 1002, 3000);
    assert_int_equal(findings(*state), 1001);
    assert_int_equal(count_of(*state, one), 2000);
    assert_int_equal(count_in_days(*state, "SELECT count(*) FROM alerts"), 3000);
    /* What is there goes on, others are not concerned, and the next hour is another one. */
    buf_init(&buf, SIZE_MAX);
    put_line(&buf, 3001, &(struct made){ .seq = 3001, .container = "c7" });
    send_batch(*state, AGENT, SPOOL, 3001, buf_str(&buf));
    buf_clear(&buf);
    assert_int_equal(count_of(*state, "SELECT count FROM findings WHERE container_id = 'c7'"), 2);
    put_line(&buf, 1, &(struct made){ .seq = 1, .agent = OTHER });
    send_batch(*state, OTHER, SPOOL, 1, buf_str(&buf));
    assert_int_equal(findings(*state), 1002);
    intake_now_ms += HOUR_MS;
    send_containers(*state, 3002, 3003);
    assert_int_equal(findings(*state), 1004);
    intake_now_ms -= HOUR_MS;
    buf_done(&buf);
}

static void test_other_agent(void **state)
{
    struct buf buf;
    buf_init(&buf, SIZE_MAX);
    send_one(*state, &(struct made){ 0 });
    put_line(&buf, 1, &(struct made){ .seq = 1, .agent = OTHER });
    assert_int_equal(send_batch(*state, OTHER, SPOOL, 1, buf_str(&buf)).number, 1);
    assert_int_equal(findings(*state), 2);
    buf_done(&buf);
}

static void test_clock(void **state)
{
    int64_t day = 24 * HOUR_MS, now = intake_now_ms;
    static const struct {
        int64_t factor, more, believed;
    } steps[] = { { -1, 0, 1 }, { -1, -1, 0 }, { 1, 0, 1 }, { 1, 1, 0 }, { -20000, 0, 0 } };
    for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
        char container[16];
        snprintf(container, sizeof(container), "c%zu", i);
        send_one(*state, &(struct made){ .container = container,
                                         .time_ms = now + steps[i].factor * day + steps[i].more });
        char sql[128];
        snprintf(sql, sizeof(sql), "SELECT clock FROM findings WHERE container_id = '%s'",
                 container);
        assert_int_equal(count_of(*state, sql), !steps[i].believed);
    }
    assert_int_equal(count_of(*state,
                              "SELECT count(*) FROM findings WHERE clock AND last_seen_ms = "
                              "(SELECT max(created_ms) FROM findings)"),
                     3);
}

static void test_severity(void **state)
{
    send_one(*state, &(struct made){ .priority = "Notice" });
    assert_int_equal(count_of(*state, "SELECT severity FROM findings"), 30);
    send_one(*state, &(struct made){ .priority = "Critical" });
    send_one(*state, &(struct made){ .priority = "Warning" });
    assert_int_equal(count_of(*state, "SELECT severity FROM findings"), 90);
}

static void set_status(struct intake *intake, const char *status)
{
    char sql[96];
    snprintf(sql, sizeof(sql), "UPDATE findings SET status = '%s' RETURNING 1", status);
    assert_int_equal(count_of(intake, sql), 1);
}

static void assert_status(struct intake *intake, const char *status, int64_t reopened)
{
    assert_string_equal(text_of(intake, "SELECT status FROM findings"), status);
    assert_int_equal(count_of(intake, "SELECT reopened FROM findings"), reopened);
}

static void test_reopened(void **state)
{
    send_one(*state, &(struct made){ 0 });
    set_status(*state, "acknowledged");
    send_one(*state, &(struct made){ 0 });
    assert_status(*state, "acknowledged", 0);
    set_status(*state, "archived");
    send_one(*state, &(struct made){ 0 });
    assert_status(*state, "new", 1);
    assert_int_equal(count_of(*state, "SELECT count FROM findings"), 3);
    assert_int_equal(count_of(*state, "SELECT version FROM findings"), 3);
}

static bool is_touch(void *data, const struct ingest_finding *finding)
{
    (void)data;
    return str_eq(finding->file, STR("/quiet"));
}

static void test_suppressed(void **state)
{
    struct intake *intake = *state;
    struct made quiet = { .output_fields = "{\"fd.name\":\"/quiet\"}" }, loud = { 0 };
    ingest_set_judge(intake->server.ingest, is_touch, NULL);
    send_one(intake, &quiet);
    assert_status(intake, "suppressed", 0);
    send_one(intake, &quiet);
    assert_status(intake, "suppressed", 0);
    send_one(intake, &loud); /* one that is not suppressed shows all of it */
    assert_status(intake, "new", 0);
    send_one(intake, &quiet);
    assert_status(intake, "new", 0);
    set_status(intake, "archived");
    send_one(intake, &quiet);
    assert_status(intake, "archived", 0);
    send_one(intake, &loud);
    assert_status(intake, "new", 1);
}

struct heard {
    unsigned fresh, grown;
    int64_t count;
};

static void hear(void *data, const struct ingest_change *changes, size_t n)
{
    struct heard *heard = data;
    for (size_t i = 0; i < n; i++) {
        *(changes[i].fresh ? &heard->fresh : &heard->grown) += 1;
        heard->count = changes[i].result->count;
        assert_true(changes[i].finding->row > 0);
        assert_int_equal(strlen(changes[i].finding->id), INGEST_ID);
    }
}

static void test_listener(void **state)
{
    struct intake *intake = *state;
    struct heard heard = { 0 };
    ingest_set_listener(intake->server.ingest, hear, &heard);
    send_one(intake, &(struct made){ 0 });
    send_one(intake, &(struct made){ 0 });
    send_one(intake, &(struct made){ .container = "c2" });
    intake_close(intake); /* the writer has ended: what it told is seen */
    assert_int_equal(heard.fresh, 2);
    assert_int_equal(heard.grown, 1);
    intake_open(intake);
}

/* A finding that somebody removed: the batch fails once and is taken when it is sent again. */
static void test_finding_gone(void **state)
{
    struct buf buf;
    send_one(*state, &(struct made){ 0 });
    assert_int_equal(count_of(*state, "DELETE FROM findings RETURNING 1"), 1);
    buf_init(&buf, SIZE_MAX);
    put_line(&buf, 2, &(struct made){ .seq = 2 });
    assert_int_equal(send_batch(*state, AGENT, SPOOL, 2, buf_str(&buf)).status, 503);
    assert_int_equal(send_batch(*state, AGENT, SPOOL, 2, buf_str(&buf)).number, 2);
    assert_int_equal(findings(*state), 1);
    assert_int_equal(count_in_days(*state, "SELECT count(*) FROM alerts"), 2);
    buf_done(&buf);
}

/* More different findings than are remembered: those that were forgotten are found in the store. */
static void test_many(void **state)
{
    static struct server_config config = { .findings_per_agent = 100000 };
    struct intake *intake = *state;
    struct buf buf;
    intake_close(intake);
    intake->server.config = &config;
    intake_open(intake);
    char container[24];
    int64_t n = 1;
    buf_init(&buf, SIZE_MAX);
    for (unsigned round = 0; round < 2; round++) {
        for (int batch = 0; batch < (round ? 2 : 7); batch++) {
            int64_t first = n;
            buf_clear(&buf);
            for (int i = 0; i < 5000; i++, n++) {
                snprintf(container, sizeof(container), "c%d", batch * 5000 + i);
                put_line(&buf, n, &(struct made){ .seq = n, .container = container });
            }
            assert_int_equal(send_batch(*state, AGENT, SPOOL, first, buf_str(&buf)).number, n - 1);
        }
    }
    assert_int_equal(findings(*state), 35000);
    assert_int_equal(count_of(*state, "SELECT count(*) FROM findings WHERE count = 2"), 10000);
    buf_done(&buf);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, intake_teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_too_many), CASE(test_window),       CASE(test_window_in_one_batch),
        CASE(test_key),      CASE(test_other_agent),  CASE(test_clock),
        CASE(test_severity), CASE(test_reopened),     CASE(test_suppressed),
        CASE(test_listener), CASE(test_finding_gone), CASE(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
