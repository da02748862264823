/*
 * The ring of events: what goes in comes out the same, oldest first, whole, whatever the sizes.
 */
#include "../test.h"

#include "../event/make_event.h"
#include "agent/ring.h"

#include <errno.h>

static uint8_t piece[RING_RECORD_MAX];

static void assert_same_event(const struct event *a, const struct event *b)
{
    assert_int_equal(a->ts_ns, b->ts_ns);
    assert_int_equal(a->tid, b->tid);
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->name, b->name);
    assert_int_equal(a->nparams, b->nparams);
    assert_int_equal(a->enter_ts_ns, b->enter_ts_ns);
    assert_int_equal(a->flags, b->flags);
    assert_int_equal(a->cpu, b->cpu);
    assert_int_equal(a->via, b->via);
    assert_int_equal(a->outcome, b->outcome);
    assert_int_equal(a->exact, b->exact);
    assert_int_equal(a->truncated, b->truncated);
    assert_true(str_eq(a->path, b->path) && str_eq(a->path2, b->path2));
    for (unsigned i = 0; i < a->nparams; i++) {
        assert_true(str_eq(event_param(a, i), event_param(b, i)));
    }
}

static struct event *opening(uint64_t ts, const char *path)
{
    struct event *e = make_event(KIND_OPEN_X, 7, ts, "qswww", 3L, path, 1, 0, 5);
    e->enter_ts_ns = ts - 1;
    e->path = str_of(path);
    e->exact = true;
    e->via = VIA_IA32;
    return e;
}

static void test_round(void **data)
{
    (void)data;
    struct ring *ring;
    struct event got, *sent = opening(5, "/etc/shadow");
    const uint8_t *p = piece;
    uint64_t pos = 0;
    sent->path2 = STR("/etc/other");
    assert_int_equal(ring_new(1, &ring), 0);
    assert_int_equal(ring_size(ring), RING_BYTES_MIN);
    assert_true(ring_put(ring, sent));
    size_t n = ring_copy(ring, &pos, piece, sizeof(piece));
    assert_true(ring_take(&p, &n, &got));
    assert_same_event(&got, sent);
    assert_false(ring_take(&p, &n, &got));
    assert_int_equal(ring_copy(ring, &pos, piece, sizeof(piece)), 0);
    ring_free(ring);
}

static void test_no_parameters(void **data)
{
    (void)data;
    struct ring *ring;
    struct event got, sent = { .kind = KIND_CLOSE_E, .tid = 1 };
    const uint8_t *p = piece;
    uint64_t pos = 0;
    assert_int_equal(ring_new(RING_BYTES_MIN, &ring), 0);
    assert_true(ring_put(ring, &sent));
    size_t n = ring_copy(ring, &pos, piece, sizeof(piece));
    assert_true(ring_take(&p, &n, &got));
    assert_same_event(&got, &sent);
    ring_free(ring);
}

/* Of parameters that do not begin at offset 0. */
static void test_offsets(void **data)
{
    (void)data;
    struct ring *ring;
    struct event got, *sent = opening(5, "/a");
    uint8_t moved[256] = { 0 };
    const uint8_t *p = piece;
    uint64_t pos = 0;
    memcpy(moved + 9, sent->data, sent->at[sent->nparams]);
    for (unsigned i = 0; i <= sent->nparams; i++) {
        sent->at[i] += 9;
    }
    sent->data = moved;
    assert_int_equal(ring_new(RING_BYTES_MIN, &ring), 0);
    assert_true(ring_put(ring, sent));
    size_t n = ring_copy(ring, &pos, piece, sizeof(piece));
    assert_true(ring_take(&p, &n, &got));
    assert_same_event(&got, sent);
    ring_free(ring);
}

/* Many times around, with sizes at random: always the latest ones, without a hole. */
static void test_around(void **data)
{
    (void)data;
    struct ring *ring;
    uint64_t seed = 1, last = 0;
    static char path[8000];
    memset(path, 'x', sizeof(path));
    assert_int_equal(ring_new(RING_BYTES_MIN, &ring), 0);
    for (uint64_t ts = 1; ts < 20000; ts++) {
        size_t length = test_random_below(&seed, ts % 50 ? 100 : sizeof(path));
        path[length] = '\0';
        assert_true(ring_put(ring, opening(ts, path)));
        path[length] = 'x';
        assert_true(ring_end(ring) - ring_begin(ring) <= ring_size(ring));
        if (ts % 97) {
            continue;
        }
        uint64_t pos = 0, before = 0;
        struct event got;
        for (size_t n; (n = ring_copy(ring, &pos, piece, sizeof(piece)));) {
            const uint8_t *p = piece;
            while (ring_take(&p, &n, &got)) {
                assert_true(before == 0 || got.ts_ns == before + 1);
                assert_int_equal(got.path.n + 1, event_param(&got, 1).n);
                before = got.ts_ns;
            }
        }
        assert_int_equal(before, ts);
        last = ts;
    }
    assert_true(last > 0);
    ring_free(ring);
}

/* A reader that is slow goes on with the oldest there is. */
static void test_slow_reader(void **data)
{
    (void)data;
    struct ring *ring;
    struct event got;
    uint64_t pos = 0;
    assert_int_equal(ring_new(RING_BYTES_MIN, &ring), 0);
    assert_true(ring_put(ring, opening(1, "/first")));
    ring_copy(ring, &pos, piece, sizeof(piece));
    for (uint64_t ts = 2; ts < 5000; ts++) {
        assert_true(ring_put(ring, opening(ts, "/more")));
    }
    assert_true(pos < ring_begin(ring));
    const uint8_t *p = piece;
    size_t n = ring_copy(ring, &pos, piece, sizeof(piece));
    assert_true(ring_take(&p, &n, &got));
    assert_true(got.ts_ns > 2);
    ring_free(ring);
}

static void test_sizes(void **data)
{
    (void)data;
    struct ring *ring;
    static uint8_t bytes[131000];
    assert_int_equal(ring_new(RING_BYTES_MAX + 1, &ring), -EINVAL);
    assert_int_equal(ring_new(RING_BYTES_MIN, &ring), 0);
    struct event *large = make_event(KIND_READ_X, 1, 1, "qB", 1L, bytes, sizeof(bytes));
    assert_false(ring_put(ring, large)); /* more than a quarter of it */
    assert_int_equal(ring_left_out(ring), 1);
    assert_int_equal(ring_begin(ring), ring_end(ring));
    ring_free(ring);
    assert_int_equal(ring_new(RING_BYTES_MIN * 16, &ring), 0);
    assert_true(ring_put(ring, make_event(KIND_READ_X, 1, 1, "qB", 1L, bytes, sizeof(bytes))));
    ring_free(ring);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round),       cmocka_unit_test(test_no_parameters),
        cmocka_unit_test(test_offsets),     cmocka_unit_test(test_around),
        cmocka_unit_test(test_slow_reader), cmocka_unit_test(test_sizes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
