/*
 * batches: taken once whatever is sent twice, in order, refused with the record and the reason.
 */
#include "support.h"

#include <zstd.h>

static struct str lines_of(struct buf *buf, int64_t first, int64_t n)
{
    buf_clear(buf);
    for (int64_t i = first; i < first + n; i++) {
        put_line(buf, i, &(struct made){ .seq = i });
    }
    return buf_str(buf);
}

static void assert_kept(struct intake *intake, int64_t alerts)
{
    assert_int_equal(count_in_days(intake, "SELECT count(*) FROM alerts"), alerts);
    assert_int_equal(count_of(intake, "SELECT sum(alerts) FROM cursors"), alerts);
    assert_int_equal(count_of(intake, "SELECT total(count) FROM findings WHERE NOT sequence"),
                     alerts);
}

static void test_taken(void **state)
{
    struct buf buf;
    buf_init(&buf, SIZE_MAX);
    struct sent sent = send_batch(*state, AGENT, SPOOL, 1, lines_of(&buf, 1, 5));
    assert_int_equal(sent.status, 200);
    assert_int_equal(sent.number, 5);
    assert_kept(*state, 5);
    assert_int_equal(count_of(*state, "SELECT count(*) FROM findings"), 1);
    assert_string_equal(text_of(*state, "SELECT container_id || proc_exe || parent_exe || file ||"
                                        " user_name || title FROM findings"),
                        "0123456789ab/bin/touch/bin/sh/kinsing0Malicious filenames written");
    buf_done(&buf);
}

static void test_sent_again(void **state)
{
    struct buf buf;
    buf_init(&buf, SIZE_MAX);
    assert_int_equal(send_batch(*state, AGENT, SPOOL, 1, lines_of(&buf, 1, 5)).number, 5);
    assert_int_equal(send_batch(*state, AGENT, SPOOL, 1, lines_of(&buf, 1, 5)).number, 5);
    assert_int_equal(send_batch(*state, AGENT, SPOOL, 3, lines_of(&buf, 3, 5)).number, 7);
    assert_kept(*state, 7);
    assert_int_equal(count_of(*state, "SELECT sum(duplicates) FROM cursors"), 0);
    /* the same alerts from a spool made anew */
    struct sent sent = send_batch(*state, AGENT, "00000000000000d4", 1, lines_of(&buf, 1, 7));
    assert_int_equal(sent.number, 7);
    assert_kept(*state, 7);
    assert_int_equal(count_of(*state, "SELECT sum(duplicates) FROM cursors"), 7);
    buf_done(&buf);
}

static void test_hole(void **state)
{
    struct buf buf;
    buf_init(&buf, SIZE_MAX);
    assert_int_equal(send_batch(*state, AGENT, SPOOL, 1, lines_of(&buf, 1, 5)).status, 200);
    struct sent sent = send_batch(*state, AGENT, SPOOL, 7, lines_of(&buf, 7, 2));
    assert_int_equal(sent.status, 409);
    assert_int_equal(sent.number, 6);
    assert_kept(*state, 5);
    assert_int_equal(send_batch(*state, AGENT, SPOOL, 6, lines_of(&buf, 6, 2)).number, 7);
    buf_done(&buf);
}

static void test_unknown_spool(void **state)
{
    struct buf buf;
    buf_init(&buf, SIZE_MAX);
    assert_int_equal(send_batch(*state, AGENT, SPOOL, 100, lines_of(&buf, 100, 1)).number, 100);
    assert_kept(*state, 1);
    assert_int_equal(count_in_days(*state, "SELECT count FROM gaps WHERE kind = 'server_lost'"
                                           " AND n = 1 AND to_n = 99"),
                     99);
    assert_int_equal(count_of(*state, "SELECT lost FROM cursors"), 99);
    buf_done(&buf);
}

static void test_ranges(void **state)
{
    struct sent sent = send_batch(
        *state, AGENT, SPOOL, 1,
        STR("{\"n\":1,\"to\":10,\"gap\":{\"kind\":\"spool_full\",\"count\":25,\"from_ms\":1,\"to_"
            "ms\":2,"
            "\"where\":{\"container\":\"c1\"},\"why\":\"full\"}}\n"
            "{\"n\":11,\"activity\":{\"time_ms\":1795348800000,\"kind\":\"exec\",\"fields\":{"
            "\"proc.exepath\":"
            "\"/bin/ls\",\"proc.cmdline\":\"ls \\u002fetc\",\"container.id\":\"c1\"}}}"));
    assert_int_equal(sent.status, 200);
    assert_int_equal(sent.number, 11);
    assert_int_equal(count_in_days(*state, "SELECT count FROM gaps WHERE container_id = 'c1'"), 25);
    assert_int_equal(count_in_days(*state, "SELECT count(*) FROM activity WHERE exe = '/bin/ls' AND"
                                           " cmdline = 'ls /etc' AND kind = 'exec'"),
                     1);
    assert_int_equal(count_of(*state, "SELECT lost FROM cursors"), 25);
    struct http_answer answer = call(*state, "GET", "/v1/gaps?kind=spool_full", (struct str){ 0 });
    assert_int_equal(answer.status, 200);
    assert_non_null(strstr(answer.body.p, "\"count\":25"));
    http_answer_done(&answer);
}

static void test_refused(void **state)
{
    static const struct {
        const char *body;
        int64_t record;
    } bad[] = {
        { "", 1 },
        { "\n", 1 },
        { "{\"n\":1}", 1 },
        { "{\"n\":2,\"gap\":{\"kind\":\"x\"}}", 1 },
        { "{\"n\":1,\"gap\":{\"kind\":\"x\"}}\n{\"n\":3,\"gap\":{\"kind\":\"x\"}}", 2 },
        { "{\"n\":1,\"gap\":{\"kind\":\"x\"}}\n\n", 2 },
        { "{\"n\":1,\"gap\":{\"kind\":\"x\"}}\n{\"n\":2,\"gap\":{", 2 },
        { "{\"n\":1,\"gap\":{}}", 1 },
        { "{\"n\":1,\"gap\":{\"kind\":\"x\"},\"alert\":{}}", 1 },
        { "{\"n\":1,\"to\":0,\"gap\":{\"kind\":\"x\"}}", 1 },
        { "{\"n\":1,\"to\":9223372036854775807,\"gap\":{\"kind\":\"x\"}}", 1 },
        { "{\"n\":1,\"to\":2,\"activity\":{\"kind\":\"x\",\"time_ms\":1}}", 1 },
        { "{\"n\":1,\"activity\":{\"kind\":\"x\"}}", 1 },
        { "{\"n\":1,\"alert\":{\"rule\":\"r\",\"priority\":\"Error\",\"time\":1}}", 1 },
        { "{\"n\":1,\"alert\":{\"rule\":\"r\",\"priority\":\"Error\",\"time\":1,\"hinomi\":{\"id\":"
          "\"" OTHER ":b:1\"}}}",
          1 },
        { "{\"n\":1,\"alert\":{\"rule\":\"r\",\"priority\":\"Error\",\"time\":1,\"hinomi\":{\"id\":"
          "\"" AGENT "\"}}}",
          1 },
        { "{\"n\":1,\"alert\":{\"rule\":\"\",\"priority\":\"Error\",\"time\":1,\"hinomi\":{\"id\":"
          "\"" AGENT ":b:1\"}}}",
          1 },
        { "{\"n\":1,\"alert\":{\"rule\":\"r\",\"priority\":\"Loud\",\"time\":1,\"hinomi\":{\"id\":"
          "\"" AGENT ":b:1\"}}}",
          1 },
        { "{\"n\":1,\"alert\":{\"rule\":\"r\",\"priority\":\"Error\",\"hinomi\":{\"id\":\"" AGENT
          ":b:1\"}}}",
          1 },
        { "{\"n\":1,\"alert\":{\"rule\":\"r\xff\",\"priority\":\"Error\"}}", 1 },
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct sent sent = send_batch(*state, AGENT, SPOOL, 1, str_of(bad[i].body));
        if (sent.status != 422 || sent.number != bad[i].record) {
            fail_msg("%s: %u, record %lld", bad[i].body, sent.status, (long long)sent.number);
        }
    }
    assert_int_equal(count_of(*state, "SELECT count(*) FROM cursors"), 0);
    assert_int_equal(count_in_days(*state, "SELECT count(*) FROM gaps"), 0);
}

static void test_headers(void **state)
{
    struct str gap = STR("{\"n\":1,\"gap\":{\"kind\":\"x\"}}");
    assert_int_equal(send_batch(*state, AGENT, "xyz", 1, gap).status, 400);
    assert_int_equal(send_batch(*state, AGENT, "00000000000000C3", 1, gap).status, 400);
    assert_int_equal(send_batch(*state, AGENT, SPOOL, 0, gap).status, 400);
    assert_int_equal(send_batch(*state, AGENT, SPOOL, -1, gap).status, 400);
    assert_int_equal(send_batch(*state, AGENT, SPOOL, INT64_MAX, gap).status, 400);
    assert_int_equal(send_batch(*state, AGENT, SPOOL, 1, gap).status, 200);
}

static void test_limits(void **state)
{
    struct buf buf;
    buf_init(&buf, SIZE_MAX);
    for (int64_t i = 1; i <= 10000; i++) {
        buf_printf(&buf, "{\"n\":%lld,\"gap\":{\"kind\":\"x\"}}\n", (long long)i);
    }
    assert_int_equal(send_batch(*state, AGENT, SPOOL, 1, buf_str(&buf)).number, 10000);
    buf_printf(&buf, "{\"n\":10001,\"gap\":{\"kind\":\"x\"}}\n");
    assert_int_equal(send_batch(*state, AGENT, SPOOL, 1, buf_str(&buf)).status, 422);
    for (size_t length = 262143; length <= 262145; length++) {
        buf_clear(&buf);
        buf_puts(&buf, STR("{\"n\":10001,\"gap\":{\"kind\":\"x\",\"why\":\""));
        while (buf.n < length - 3) {
            buf_putc(&buf, 'y');
        }
        buf_puts(&buf, STR("\"}}"));
        assert_int_equal(buf.n, length);
        assert_int_equal(send_batch(*state, OTHER, SPOOL, 10001, buf_str(&buf)).status,
                         length <= 262144 ? 200 : 422);
    }
    buf_done(&buf);
}

static void test_packed(void **state)
{
    struct buf buf;
    static char packed[65536];
    buf_init(&buf, SIZE_MAX);
    struct str plain = lines_of(&buf, 1, 100);
    size_t n = ZSTD_compress(packed, sizeof(packed), plain.p, plain.n, 3);
    assert_false(ZSTD_isError(n));
    assert_int_equal(send_packed(*state, 1, str_from(packed, n)).number, 100);
    assert_int_equal(send_packed(*state, 1, str_from(packed, n - 1)).status, 400);
    assert_int_equal(send_packed(*state, 1, str_from(packed + 1, n - 1)).status, 400);
    assert_int_equal(send_packed(*state, 1, (struct str){ 0 }).status, 400);
    assert_kept(*state, 100);
    buf_done(&buf);
}

static size_t pack_zeros(char *to, size_t room, size_t n, int window_log)
{
    ZSTD_CCtx *context = ZSTD_createCCtx();
    char *zeros = calloc(1, n);
    ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window_log);
    ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, 0);
    size_t packed = ZSTD_compress2(context, to, room, zeros, n);
    assert_false(ZSTD_isError(packed));
    ZSTD_freeCCtx(context);
    free(zeros);
    return packed;
}

static void test_bombs(void **state)
{
    static char packed[1 << 20];
    size_t n = pack_zeros(packed, sizeof(packed), (size_t)256 << 20, 20);
    assert_int_equal(send_packed(*state, 1, str_from(packed, n)).status, 413);
    n = pack_zeros(packed, sizeof(packed), (size_t)33 << 20, 27); /* a window of 128 MiB */
    assert_int_equal(send_packed(*state, 1, str_from(packed, n)).status, 400);
    for (int64_t more = -1; more <= 1; more++) {
        n = pack_zeros(packed, sizeof(packed), (size_t)(((int64_t)32 << 20) + more), 20);
        assert_int_equal(send_packed(*state, 1, str_from(packed, n)).status, more > 0 ? 413 : 422);
    }
}

static void test_restart(void **state)
{
    struct intake *intake = *state;
    struct buf buf;
    buf_init(&buf, SIZE_MAX);
    assert_int_equal(send_batch(intake, AGENT, SPOOL, 1, lines_of(&buf, 1, 3)).number, 3);
    intake_close(intake);
    intake_open(intake);
    assert_int_equal(send_batch(intake, AGENT, SPOOL, 2, lines_of(&buf, 2, 3)).number, 4);
    assert_kept(intake, 4);
    assert_int_equal(count_of(intake, "SELECT count(*) FROM findings"), 1);
    buf_done(&buf);
}

static void test_many_spools(void **state)
{
    char spool[17];
    for (int i = 0; i < INGEST_SPOOLS_MAX + 5; i++) {
        snprintf(spool, sizeof(spool), "%016x", i);
        intake_now_ms += 1000;
        assert_int_equal(
            send_batch(*state, AGENT, spool, 1, STR("{\"n\":1,\"gap\":{\"kind\":\"x\"}}")).status,
            200);
    }
    assert_int_equal(count_of(*state, "SELECT count(*) FROM cursors"), INGEST_SPOOLS_MAX);
    assert_int_equal(
        count_of(*state, "SELECT count(*) FROM cursors WHERE spool < '0000000000000005'"), 0);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, intake_setup, intake_teardown)
    const struct CMUnitTest tests[] = {
        CASE(test_taken),   CASE(test_sent_again),    CASE(test_hole),    CASE(test_ranges),
        CASE(test_refused), CASE(test_unknown_spool), CASE(test_headers), CASE(test_limits),
        CASE(test_packed),  CASE(test_bombs),         CASE(test_restart), CASE(test_many_spools),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
