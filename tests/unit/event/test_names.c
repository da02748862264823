/*
 * Names of addresses: whose name counts, how long, and what happens when there are too many; who asked from
 * which port.
 */
#include "field_fixture.h"

#include "event/names.h"

#include <errno.h>
#include <netinet/in.h>

#define S                UINT64_C(1000000000)
#define COUNT(array)     (sizeof(array) / sizeof((array)[0]))
#define assert_str(s, z) assert_true(str_eqz((s), (z)))

static struct ip address(unsigned i)
{
    return (struct ip){ .family = 4,
                        .bytes = { 10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i } };
}

static void learn(struct state *state, unsigned i, const char *name, int64_t pid, uint64_t ts_ns)
{
    struct name_fact fact = {
        .ip = address(i), .name = str_of(name), .pid = pid, .ttl_s = 600, .ts_ns = ts_ns
    };
    assert_int_equal(state_learn_name(state, &fact), 0);
}

static uint64_t now_ns;

/* An event, so that the state's time is this. */
static void pass(struct state *state, uint64_t ts_ns)
{
    now_ns = ts_ns;
    struct event *event = make_event(KIND_DNS_X, 1, ts_ns, "s", "x");
    state_apply(state, event);
    state_settle(state, event);
}

static struct str name_of(struct state *state, int64_t tid, unsigned i)
{
    struct ip ip = address(i);
    return state_name_of(state, tid < 0 ? NULL : state_thread(state, tid), &ip, now_ns);
}

static void add_thread(struct state *state, int64_t pid, const char *cgroups, size_t n)
{
    struct thread_init init = { .t = { .tid = pid, .pid = pid, .ptid = 1 },
                                .comm = STR("x"),
                                .cgroups = { cgroups, n } };
    assert_int_equal(state_add_thread(state, &init), 0);
}

#define CGROUP(id) "cpu=/docker/" id id id id id "abcd"
#define A          CGROUP("aaaaaaaaaaaa")
#define B          CGROUP("bbbbbbbbbbbb")

static void test_nearest(void **unused)
{
    (void)unused;
    struct state *state = NULL;
    assert_int_equal(state_new(NULL, &state), 0);
    struct container a = { .id = STR("aaaaaaaaaaaa") }, b = { .id = STR("bbbbbbbbbbbb") };
    state_add_container(state, &a);
    state_add_container(state, &b);
    add_thread(state, 10, A, sizeof(A));
    add_thread(state, 11, A, sizeof(A));
    add_thread(state, 20, B, sizeof(B));
    pass(state, 102 * S);
    assert_str(name_of(state, 10, 1), "");
    learn(state, 1, "own", 10, 100 * S);
    learn(state, 1, "other", 20, 101 * S);
    assert_str(name_of(state, 10, 1), "own");
    assert_str(name_of(state, 11, 1), "own"); /* its container's, though older */
    assert_str(name_of(state, 20, 1), "other");
    assert_str(name_of(state, -1, 1), "other");
    learn(state, 1, "unknown", -1, 102 * S);
    assert_str(name_of(state, 10, 1), "unknown"); /* just now: maybe its own */
    assert_str(name_of(state, -1, 1), "unknown");
    pass(state, 103 * S);
    assert_str(name_of(state, 10, 1), "own");
    learn(state, 1, "unknown", 10, 102 * S); /* it was */
    assert_str(name_of(state, 10, 1), "unknown");
    learn(state, 1, "newer", 10, 103 * S);
    assert_str(name_of(state, 10, 1), "newer");
    learn(state, 1, "newest", 10, 104 * S);     /* the fifth: the oldest gives way */
    assert_str(name_of(state, 10, 1), "newer"); /* that one was not known then */
    pass(state, 104 * S);
    struct names_stats stats;
    state_get_names_stats(state, &stats);
    assert_int_equal(stats.addresses, 1);
    assert_int_equal(stats.learned, 6);
    assert_str(name_of(state, 11, 1), "newest");
    state_free(state);
}

/* n - 1, n, n + 1 of each bound of a name's life. */
static void test_expiry(void **unused)
{
    (void)unused;
    static const struct {
        uint32_t ttl_s;
        uint64_t life_ns;
    } rows[] = {
        { 0, NAMES_TTL_MIN_NS },     { 299, NAMES_TTL_MIN_NS },        { 301, 301 * S },
        { 86401, NAMES_TTL_MAX_NS }, { UINT32_MAX, NAMES_TTL_MAX_NS },
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct state *state = NULL;
        assert_int_equal(state_new(NULL, &state), 0);
        struct name_fact fact = {
            .ip = address(1), .name = STR("a"), .pid = -1, .ttl_s = rows[i].ttl_s, .ts_ns = 7
        };
        assert_int_equal(state_learn_name(state, &fact), 0);
        pass(state, 7 + rows[i].life_ns - 1);
        assert_str(name_of(state, -1, 1), "a");
        pass(state, 7 + rows[i].life_ns);
        assert_str(name_of(state, -1, 1), "");
        state_free(state);
    }
}

static void test_bounds(void **unused)
{
    (void)unused;
    struct state *state = NULL;
    struct names_stats stats;
    assert_int_equal(state_new(NULL, &state), 0);
    pass(state, 1000);
    for (unsigned i = 0; i < NAMES_ADDRESSES_MAX + 100; i++) {
        learn(state, i, "a.example", -1, 1000 + i);
        state_get_names_stats(state, &stats);
        assert_int_equal(stats.addresses, i < NAMES_ADDRESSES_MAX ? i + 1 : NAMES_ADDRESSES_MAX);
    }
    assert_int_equal(stats.evicted, 100);
    pass(state, 1000 + NAMES_ADDRESSES_MAX + 99);
    assert_str(name_of(state, -1, NAMES_ADDRESSES_MAX + 99), "a.example");
    struct name_fact bad = { .ip = address(1), .pid = -1 };
    assert_int_equal(state_learn_name(state, &bad), -EINVAL);
    bad.name = STR("a");
    bad.ip.family = 0;
    assert_int_equal(state_learn_name(state, &bad), -EINVAL);
    state_clear(state);
    state_get_names_stats(state, &stats);
    assert_int_equal(stats.addresses, 0);
    state_free(state);
}

static void test_memory(void **unused)
{
    (void)unused;
    struct state_config config = { .memory_max = 4096 };
    struct state *state = NULL;
    struct state_stats stats;
    int r = 0;
    assert_int_equal(state_new(&config, &state), 0);
    for (unsigned i = 0; i < 1000; i++) {
        struct name_fact fact = { .ip = address(i), .name = STR("a.example"), .pid = -1 };
        r = state_learn_name(state, &fact);
    }
    state_get_stats(state, &stats);
    assert_int_equal(r, -ENOMEM);
    assert_true(stats.memory <= 4096 && stats.out_of_memory > 0);
    state_free(state);
}

static unsigned caught_up;

static void catch_up(void *data)
{
    caught_up++;
    learn(data, 2, "just.in.time", 200, T0);
}

/* What the fields say, of a connection to an address whose answer arrives only now. */
static void test_fields(void **unused)
{
    (void)unused;
    struct world w = world_new();
    w.view.name_of = state_view_name;
    w.view.name_data = &w.view;
    state_set_name_source(w.state, catch_up, w.state);
    struct fdinfo info = { .type = FD_IPV4_SOCK,
                           .l4proto = IPPROTO_TCP,
                           .flags = FD_ROLE_CLIENT,
                           .sip = address(1),
                           .dip = address(2),
                           .sport = 5000,
                           .dport = 443 };
    assert_int_equal(state_add_fd(w.state, 200, 5, &info), 0);
    look(&w,
         make_event(KIND_WRITE_X, 200, T0, "qBqw", INT64_C(3), "abc", (size_t)3, INT64_C(5), 3));
    expect(&w, "fd.sip.name", "just.in.time");
    expect(&w, "fd.rip.name", "just.in.time");
    expect(&w, "fd.cip.name", NULL);
    assert_int_equal(caught_up, 3);
    world_free(&w);
}

static void test_askers(void **unused)
{
    (void)unused;
    struct world w = world_new();
    struct fdinfo info = { .type = FD_IPV4_SOCK, .l4proto = IPPROTO_UDP };
    assert_int_equal(state_add_fd(w.state, 200, 5, &info), 0);
    look(&w, make_event(KIND_CONNECT_X, 200, T0, "qTq", INT64_C(0), "10.0.0.1", 5000, "10.0.0.2",
                        53, INT64_C(5)));
    assert_int_equal(state_asker(w.state, IPPROTO_UDP, 5000), 200);
    assert_int_equal(state_asker(w.state, IPPROTO_TCP, 5000), -1);
    assert_int_equal(state_asker(w.state, IPPROTO_UDP, 5001), -1);
    pass(w.state, T0 + STATE_EXIT_GRACE_NS);
    assert_int_equal(state_asker(w.state, IPPROTO_UDP, 5000), -1);
    world_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nearest), cmocka_unit_test(test_expiry),
        cmocka_unit_test(test_bounds),  cmocka_unit_test(test_memory),
        cmocka_unit_test(test_fields),  cmocka_unit_test(test_askers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
