/*
 * The spool: what is appended comes out once and in order, over restarts and damage; a full one drops the least
 * severe first and says so.
 */
#include "spool_server.h"

#include "base/clock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

static char dir[64];
static struct spool_server *server;

static int setup(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/test-spool-XXXXXX");
    server = calloc(1, sizeof(*server));
    return mkdtemp(dir) && server ? 0 : -1;
}

static int teardown(void **state)
{
    char command[96];
    (void)state;
    free(server);
    snprintf(command, sizeof(command), "rm -rf %s", dir);
    return system(command) == 0 ? 0 : -1;
}

static struct spool *open_spool(uint64_t max)
{
    struct spool *s = NULL;
    struct err err = { 0 };
    const struct spool_config config = { .dir = dir, .max_bytes = max };
    if (spool_open(&config, &s, &err) < 0) {
        print_error("%s\n", err.message);
        fail();
    }
    return s;
}

static int append(struct spool *s, unsigned long id, uint8_t severity, size_t size)
{
    static char text[SPOOL_PAYLOAD_MAX + 16];
    int n = snprintf(text, sizeof(text), "{\"id\":%lu,\"pad\":\"", id);
    size = size < (size_t)n + 2 ? (size_t)n + 2 : size;
    memset(text + n, 'x', size - (size_t)n);
    memcpy(text + size - 2, "\"}", 2);
    return spool_append(s, &(struct spool_entry){ .kind = SPOOL_ALERT,
                                                  .severity = severity,
                                                  .time_ms = (int64_t)(1000 + id),
                                                  .payload = str_from(text, size) });
}

static void drain(struct spool *s)
{
    assert_int_equal(spool_sync(s), 0);
    while (server_step(server, s, true)) {
    }
}

static void test_in_and_out(void **state)
{
    (void)state;
    struct spool *s = open_spool(0);
    assert_false(server_step(server, s, true));
    for (unsigned long i = 0; i < 3000; i++) {
        assert_int_equal(append(s, i, 50, 30 + i % 4000), 0);
    }
    drain(s);
    assert_int_equal(server->got, 3000);
    assert_int_equal(server->lost, 0);
    assert_int_equal(server->cursor, 3000);
    struct spool_stats stats;
    spool_get_stats(s, &stats);
    assert_int_equal(stats.records, 0);
    assert_int_equal(stats.oldest_ms, 0);
    spool_free(s);
}

static void test_restart_goes_on(void **state)
{
    (void)state;
    char id[SPOOL_ID_DIGITS + 1], again[SPOOL_ID_DIGITS + 1];
    for (unsigned long round = 0; round < 6; round++) {
        struct spool *s = open_spool(0);
        spool_get_id(s, round ? again : id);
        for (unsigned long i = 0; i < 200; i++) {
            assert_int_equal(append(s, round * 200 + i, 50, 5000), 0);
        }
        assert_int_equal(spool_sync(s), 0);
        server_step(server, s, round % 2); /* at times the acknowledgement is lost */
        spool_free(s);
    }
    assert_string_equal(id, again);
    struct spool *s = open_spool(0);
    drain(s);
    spool_free(s);
    assert_int_equal(server->got, 1200);
    assert_int_equal(server->lost, 0);
}

static void test_same_until_acknowledged(void **state)
{
    (void)state;
    struct spool *s = open_spool(0);
    struct spool_batch a, b;
    for (unsigned long i = 0; i < 10; i++) {
        append(s, i, 50, 100);
    }
    assert_int_equal(spool_sync(s), 0);
    assert_int_equal(spool_next(s, 4, &a), 1);
    assert_int_equal(spool_next(s, 4, &b), 1);
    assert_true(a.first == 1 && a.last == 4 && b.first == 1 && b.last == 4 && a.at == b.at);
    assert_int_equal(spool_acknowledge(s, 5), -ERANGE);
    assert_int_equal(spool_acknowledge(s, 3), 0);
    close(b.fd);
    assert_int_equal(spool_next(s, 500, &b), 1);
    assert_true(b.first == 4 && b.last == 10);
    assert_int_equal(spool_rewind(s, 2), 2);
    close(b.fd);
    assert_int_equal(spool_next(s, 500, &b), 1);
    assert_true(b.first == 2 && b.last == 10);
    close(a.fd);
    close(b.fd);
    spool_free(s);
}

static void test_too_large(void **state)
{
    (void)state;
    struct spool *s = open_spool(0);
    assert_int_equal(append(s, 0, 50, SPOOL_PAYLOAD_MAX - 1), 0);
    assert_int_equal(append(s, 1, 50, SPOOL_PAYLOAD_MAX), 0);
    assert_int_equal(append(s, 2, 50, SPOOL_PAYLOAD_MAX + 1), -EMSGSIZE);
    assert_int_equal(append(s, 3, 50, 40), 0);
    drain(s);
    spool_free(s);
    assert_int_equal(server->got, 3);
    assert_int_equal(server->lost, 1);
    assert_int_equal(server->whys, 1u << SPOOL_TOO_LARGE);
}

static void wait_for_thread(void)
{
    usleep(20000);
}

/* With nobody to take them: what stays is the severe. */
static void test_full_drops_least_severe(void **state)
{
    (void)state;
    struct spool *s = open_spool(24 << 20);
    unsigned long critical = 0, n = 0;
    for (; n < 30000; n++) {
        bool severe = n % 100 == 0;
        int r = append(s, n, severe ? 95 : n % 3 ? 30 : 50, 2000);
        assert_true(r == 0 || (r == -ENOSPC && !severe));
        critical += severe;
        if (n % 200 == 0) {
            wait_for_thread();
        }
    }
    struct spool_stats stats;
    spool_get_stats(s, &stats);
    /* Room may have been made this moment: at once, where /tmp is memory. */
    assert_true(stats.full || stats.dropped[SPOOL_BAND_LOW] > 0);
    assert_true(stats.bytes <= 24 << 20);
    assert_int_equal(stats.dropped[SPOOL_BAND_CRITICAL], 0);
    spool_free(s);
    s = open_spool(24 << 20); /* all of it is there after a restart, too */
    drain(s);
    spool_free(s);
    assert_int_equal(server->got + server->lost, n);
    assert_int_equal(server->cursor, n);
    assert_int_equal(server->lost_by_band[SPOOL_BAND_CRITICAL], 0);
    assert_true(server->lost_by_band[SPOOL_BAND_LOW] > 0);
    for (unsigned long i = 0; i < n; i += 100) {
        assert_int_equal(server->seen[i], 1);
    }
    assert_int_equal(server->whys, 1u << SPOOL_FULL);
    print_message("%lu records, %lu kept in %lu gaps\n", n, (unsigned long)server->got,
                  (unsigned long)server->gaps);
}

/* When room is there again, all is as before. */
static void test_full_and_drained(void **state)
{
    (void)state;
    struct spool *s = open_spool(SPOOL_MAX_BYTES_LEAST);
    unsigned long n = 0, failed = 0;
    for (int round = 0; round < 3; round++) {
        for (unsigned long i = 0; i < 9000; i++) {
            failed += append(s, n++, 50, 2000) < 0;
            if (i % 500 == 0) {
                wait_for_thread();
            }
        }
        drain(s);
        wait_for_thread();
        wait_for_thread();
    }
    assert_true(failed > 0);
    assert_int_equal(append(s, n++, 50, 2000), 0);
    drain(s);
    spool_free(s);
    assert_int_equal(server->got + server->lost, n);
}

static void test_one_at_a_time(void **state)
{
    (void)state;
    struct spool *s = open_spool(0), *other = NULL;
    struct err err = { 0 };
    const struct spool_config config = { .dir = dir };
    assert_int_equal(spool_open(&config, &other, &err), -EBUSY);
    assert_non_null(strstr(err.message, "another agent's"));
    spool_free(s);
    s = open_spool(0);
    spool_free(s);
}

static void test_bad_places(void **state)
{
    (void)state;
    static const char *const places[] = { "/proc/nowhere", "/nonexistent/spool", "/etc/passwd" };
    for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
        struct spool *s = NULL;
        struct err err = { 0 };
        const struct spool_config config = { .dir = places[i] };
        assert_true(spool_open(&config, &s, &err) < 0);
        assert_non_null(strstr(err.message, places[i]));
        assert_null(s);
    }
    chmod(dir, 0777);
    struct spool *s = NULL;
    struct err err = { 0 };
    assert_int_equal(spool_open(&(struct spool_config){ .dir = dir }, &s, &err), -EPERM);
}

/* ---- damage */

static void first_segment(char *ret, size_t size)
{
    struct dirent **entries;
    int n = scandir(dir, &entries, NULL, alphasort);
    ret[0] = '\0';
    for (int i = 0; i < n; i++) {
        struct spool_segment_head head;
        uint8_t bytes[SPOOL_SEGMENT_HEAD];
        char path[400];
        snprintf(path, sizeof(path), "%s/%s", dir, entries[i]->d_name);
        int fd = strstr(entries[i]->d_name, ".seg") ? open(path, O_RDONLY) : -1;
        if (fd >= 0 && read(fd, bytes, sizeof(bytes)) == sizeof(bytes) &&
            spool_segment_head_get(bytes, &head) && !ret[0]) {
            snprintf(ret, size, "%s", path);
        }
        if (fd >= 0) {
            close(fd);
        }
        free(entries[i]);
    }
    free(entries);
}

static void overwrite(size_t at, size_t n)
{
    char path[400], junk[4096];
    first_segment(path, sizeof(path));
    memset(junk, 0x5a, sizeof(junk));
    int fd = open(path, O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, junk, n, (off_t)at), n);
    close(fd);
}

#define RECORD_SIZE 160 /* of a payload of 112 */

static void fill(unsigned long n)
{
    struct spool *s = open_spool(0);
    for (unsigned long i = 0; i < n; i++) {
        assert_int_equal(append(s, i, 50, 112), 0);
    }
    assert_int_equal(spool_sync(s), 0);
    spool_free(s);
}

static void test_damage_in_the_middle(void **state)
{
    (void)state;
    fill(10);
    overwrite(SPOOL_SEGMENT_HEAD + 3 * RECORD_SIZE + 60, 2 * RECORD_SIZE); /* of three records */
    struct spool *s = open_spool(0);
    assert_int_equal(append(s, 10, 50, 112), 0);
    drain(s);
    spool_free(s);
    assert_int_equal(server->got, 8);
    assert_int_equal(server->lost, 3);
    assert_int_equal(server->gaps, 1);
    assert_int_equal(server->whys, 1u << SPOOL_DAMAGED);
}

/* A tail that is torn at any byte: it was never sent, and its number is used again. */
static void test_torn_tail(void **state)
{
    (void)state;
    fill(3);
    char path[400];
    first_segment(path, sizeof(path));
    for (size_t cut = 0; cut < RECORD_SIZE; cut++) {
        char zeros[RECORD_SIZE] = { 0 };
        struct spool_stats stats;
        int fd = open(path, O_WRONLY);
        assert_true(pwrite(fd, zeros, RECORD_SIZE - cut,
                           (off_t)(SPOOL_SEGMENT_HEAD + 2 * RECORD_SIZE + cut)) > 0);
        close(fd);
        struct spool *s = open_spool(0);
        spool_get_stats(s, &stats);
        assert_int_equal(stats.appended, 2);
        assert_int_equal(append(s, 100 + cut, 50, 112), 0);
        spool_free(s);
    }
    struct spool *s = open_spool(0);
    drain(s);
    spool_free(s);
    assert_int_equal(server->got, 3);
    assert_int_equal(server->lost, 0);
}

static void test_lost_segment(void **state)
{
    (void)state;
    char path[400];
    struct spool *s = open_spool(0);
    for (unsigned long i = 0; i < 9000; i++) {
        append(s, i, 50, 1000);
    }
    spool_free(s);
    first_segment(path, sizeof(path));
    unlink(path);
    s = open_spool(0);
    drain(s);
    spool_free(s);
    assert_int_equal(server->got + server->lost, 9000);
    assert_true(server->lost > 3000 && server->lost < 5000);
}

static void test_all_files_lost(void **state)
{
    (void)state;
    char command[128];
    struct spool *s = open_spool(0);
    for (unsigned long i = 0; i < 20; i++) {
        append(s, i, 50, 100);
    }
    assert_int_equal(spool_sync(s), 0);
    server_step(server, s, false); /* handed out, not acknowledged */
    spool_free(s);
    server->cursor = 0;
    server->got = 0;
    snprintf(command, sizeof(command), "rm %s/*.seg", dir);
    assert_int_equal(system(command), 0);
    s = open_spool(0);
    assert_int_equal(append(s, 30, 50, 100), 0);
    drain(s);
    spool_free(s);
    assert_int_equal(server->got, 1);
    assert_int_equal(server->lost, 20);
}

static void test_lines(void **state)
{
    (void)state;
    char storage[2048];
    struct buf buf;
    struct spool_dropped dropped = { .why = SPOOL_FULL, .from_ms = 5, .to_ms = 9 };
    dropped.counts[SPOOL_BAND_LOW] = 10;
    const struct spool_record gap = {
        .n = 20, .to = 29, .kind = SPOOL_DROPPED, .payload = str_from(&dropped, sizeof(dropped))
    };
    const struct spool_record alert = {
        .n = 7,
        .to = 7,
        .kind = SPOOL_ALERT,
        .payload =
            STR("{\"output\":\"\\\"hinomi\\\":{\\\"v\\\"\",\"uuid\":\"u\",\"hinomi\":{\"v\":1,"
                "\"id\":\"unenrolled:b:1\",\"policy\":null}}")
    };
    buf_init_fixed(&buf, storage, sizeof(storage));
    spool_put_line(&gap, STR("a1"), &buf);
    assert_str(
        buf_str(&buf),
        "{\"n\":20,\"to\":29,\"gap\":{\"kind\":\"spool_full\",\"from_ms\":5,\"to_ms\":9,\"count\":"
        "10,"
        "\"where\":{\"low\":10},\"why\":\"the spool had reached spool.max_bytes: the least severe "
        "were dropped first\"}}\n");
    buf_clear(&buf);
    spool_put_line(&alert, STR("a0123456789abcdef"), &buf);
    assert_str(buf_str(&buf),
               "{\"n\":7,\"alert\":{\"output\":\"\\\"hinomi\\\":{\\\"v\\\"\",\"uuid\":\"u\","
               "\"hinomi\":{\"v\":1,\"id\":\"a0123456789abcdef:b:1\",\"policy\":null}}}\n");
}

static void test_crc(void **state)
{
    (void)state;
    assert_int_equal(spool_crc32c(0, "123456789", 9), 0xe3069283);
    assert_int_equal(spool_crc32c(spool_crc32c(0, "1234", 4), "56789", 5), 0xe3069283);
}

/* Said, not asserted. */
static void test_cost(void **state)
{
    (void)state;
    struct spool *s = open_spool(0);
    uint64_t before = clock_boot_ns(), worst = 0;
    enum { N = 20000 };
    for (unsigned long i = 0; i < N; i++) {
        uint64_t start = clock_boot_ns();
        append(s, i, 50, 2000);
        uint64_t took = clock_boot_ns() - start;
        worst = took > worst ? took : worst;
    }
    print_message("append of 2000 bytes: %.1f us, at worst %.0f us\n",
                  (double)(clock_boot_ns() - before) / 1000 / N, (double)worst / 1000);
    drain(s);
    assert_int_equal(server->got + server->lost, N);
    spool_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_in_and_out, setup, teardown),
        cmocka_unit_test_setup_teardown(test_restart_goes_on, setup, teardown),
        cmocka_unit_test_setup_teardown(test_same_until_acknowledged, setup, teardown),
        cmocka_unit_test_setup_teardown(test_too_large, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full_drops_least_severe, setup, teardown),
        cmocka_unit_test_setup_teardown(test_full_and_drained, setup, teardown),
        cmocka_unit_test_setup_teardown(test_one_at_a_time, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bad_places, setup, teardown),
        cmocka_unit_test_setup_teardown(test_damage_in_the_middle, setup, teardown),
        cmocka_unit_test_setup_teardown(test_torn_tail, setup, teardown),
        cmocka_unit_test_setup_teardown(test_lost_segment, setup, teardown),
        cmocka_unit_test_setup_teardown(test_all_files_lost, setup, teardown),
        cmocka_unit_test_setup_teardown(test_cost, setup, teardown),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_crc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
