/*
 * sequences: findings of one task along the kill chain make one more; single stages never do.
 */
#include "support.h"

#include "server/ingest.h"

static int64_t next_n;

static int setup(void **state)
{
    next_n = 1;
    return intake_setup(state);
}

static void send_stage(struct intake *intake, const char *rule, const char *tags,
                       const char *container)
{
    struct buf buf;
    buf_init(&buf, SIZE_MAX);
    intake_now_ms += 1000;
    put_line(&buf, next_n,
             &(struct made){ .seq = next_n, .rule = rule, .tags = tags, .container = container });
    assert_int_equal(send_batch(intake, AGENT, SPOOL, next_n, buf_str(&buf)).number, next_n);
    next_n++;
    buf_done(&buf);
}

static int64_t sequences(struct intake *intake)
{
    return count_of(intake, "SELECT count(*) FROM findings WHERE sequence");
}

#define WRITE   "[\"malware\",\"T1105\"]"
#define RUN     "[\"execution\"]"
#define PERSIST "[\"mitre_persistence\"]"
#define MINE    "[\"T1496\"]"

static void test_three(void **state)
{
    send_stage(*state, "written", WRITE, "c1");
    send_stage(*state, "run", RUN, "c1");
    assert_int_equal(sequences(*state), 0);
    send_stage(*state, "pool", MINE, "c1");
    assert_int_equal(sequences(*state), 1);
    assert_int_equal(count_of(*state,
                              "SELECT count(*) FROM findings WHERE sequence AND severity = 95"
                              " AND count = 3 AND status = 'new' AND container_id = 'c1' AND"
                              " json_array_length(members) = 3"),
                     1);
    assert_string_equal(text_of(*state, "SELECT type FROM findings WHERE sequence"),
                        "AttackSequence:Runtime/CompromisedContainer");
    assert_string_equal(text_of(*state, "SELECT output FROM findings WHERE sequence"),
                        "Miner brought in and run: written → run → pool");
    assert_int_equal(
        count_of(*state, "SELECT count(*) FROM findings f, findings s, "
                         "json_each(s.members) m WHERE s.sequence AND f.id = m.value ->> 'id'"),
        3);
}

static void test_more_join(void **state)
{
    send_stage(*state, "written", WRITE, "c1");
    send_stage(*state, "run", RUN, "c1");
    send_stage(*state, "pool", MINE, "c1");
    send_stage(*state, "pool", MINE, "c1"); /* the same finding again: nobody joins */
    assert_int_equal(count_of(*state, "SELECT version FROM findings WHERE sequence"), 1);
    send_stage(*state, "cron", PERSIST, "c1");
    assert_int_equal(sequences(*state), 1);
    assert_int_equal(count_of(*state, "SELECT count FROM findings WHERE sequence"), 4);
    assert_int_equal(
        count_of(*state, "SELECT json_array_length(members) FROM findings WHERE sequence"), 4);
}

static void test_four_steps(void **state)
{
    send_stage(*state, "written", WRITE, "c1");
    send_stage(*state, "run", RUN, "c1");
    send_stage(*state, "cron", PERSIST, "c1");
    send_stage(*state, "pool", MINE, "c1");
    assert_int_equal(count_of(*state, "SELECT severity FROM findings WHERE sequence"), 100);
    assert_string_equal(text_of(*state, "SELECT title FROM findings WHERE sequence"),
                        "Miner brought in, run, made to stay");
}

static void test_none(void **state)
{
    for (int i = 0; i < 10; i++) { /* one stage, however often */
        char rule[16];
        snprintf(rule, sizeof(rule), "run %d", i);
        send_stage(*state, rule, RUN, "c1");
    }
    send_stage(*state, "all", "[\"malware\",\"execution\",\"cryptomining\"]",
               "c2");                       /* one finding */
    send_stage(*state, "pool", MINE, "c3"); /* the wrong way round */
    send_stage(*state, "run", RUN, "c3");
    send_stage(*state, "written", WRITE, "c3");
    send_stage(*state, "written", WRITE, "c4"); /* in three containers */
    send_stage(*state, "run", RUN, "c5");
    send_stage(*state, "pool", MINE, "c6");
    assert_int_equal(sequences(*state), 0);
}

static void test_window(void **state)
{
    send_stage(*state, "written", WRITE, "c1");
    send_stage(*state, "run", RUN, "c1");
    intake_now_ms += INGEST_WINDOW_MS + 1000;
    send_stage(*state, "pool", MINE, "c1");
    assert_int_equal(sequences(*state), 0);
}

static void test_restart(void **state)
{
    struct intake *intake = *state;
    send_stage(intake, "written", WRITE, "c1");
    send_stage(intake, "run", RUN, "c1");
    intake_close(intake);
    intake_open(intake);
    send_stage(intake, "pool", MINE, "c1");
    assert_int_equal(sequences(intake), 1);
    intake_close(intake);
    intake_open(intake);
    send_stage(intake, "cron", PERSIST, "c1");
    assert_int_equal(sequences(intake), 1);
    assert_int_equal(count_of(intake, "SELECT count FROM findings WHERE sequence"), 4);
}

static bool is_run(void *data, const struct ingest_finding *finding)
{
    (void)data;
    return str_eq(finding->rule, STR("run"));
}

static void test_suppressed(void **state)
{
    struct intake *intake = *state;
    ingest_set_judge(intake->server.ingest, is_run, NULL);
    send_stage(intake, "written", WRITE, "c1");
    send_stage(intake, "run", RUN, "c1");
    send_stage(intake, "pool", MINE, "c1");
    assert_int_equal(sequences(intake), 0);
    send_stage(intake, "run loud", RUN, "c1");
    send_stage(intake, "pool 2", MINE, "c1");
    assert_int_equal(sequences(intake), 1);
}

/* More members than are named, and more findings than are read. */
static void test_many(void **state)
{
    struct buf buf;
    buf_init(&buf, SIZE_MAX);
    for (int64_t i = 1; i <= 600; i++) {
        char rule[24];
        static const char *const tags[] = { WRITE, RUN, MINE };
        snprintf(rule, sizeof(rule), "rule %lld", (long long)i);
        put_line(&buf, i,
                 &(struct made){ .seq = i, .rule = rule, .tags = tags[i % 3], .container = "c1" });
    }
    assert_int_equal(send_batch(*state, AGENT, SPOOL, 1, buf_str(&buf)).number, 600);
    assert_int_equal(sequences(*state), 1);
    assert_int_equal(count_of(*state, "SELECT json_valid(members) FROM findings WHERE sequence"),
                     1);
    buf_done(&buf);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, intake_teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_three),  CASE(test_more_join),  CASE(test_four_steps), CASE(test_none),
        CASE(test_window), CASE(test_suppressed), CASE(test_restart),    CASE(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
