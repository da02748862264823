/*
 * notify: deliveries as they wait, are led by a throttle, settled, tried again, and forgotten; channels and rules that go.
 */
#include "support.h"

#include "store/ingest.h"
#include "store/notify.h"

#include <errno.h>

static const struct store_notify_ops *ops(const struct store *store)
{
    return store->notify;
}

static int64_t channel(struct store *store, const char *name)
{
    struct notify_channel c = { .name = str_of(name),
                                .kind = STR("webhook"),
                                .language = STR("en"),
                                .config = STR("{}"),
                                .secrets = STR("{}"),
                                .author = STR("me"),
                                .enabled = true,
                                .updated_ms = 1 };
    struct err err = { 0 };
    int64_t id = 0;
    assert_int_equal(ops(store)->channel_put(store, &c, &id, &err), 0);
    return id;
}

static int64_t rule(struct store *store, const char *channels, int64_t throttle_s)
{
    struct notify_rule r = { .name = STR("r"),
                             .filter = STR(""),
                             .language = STR(""),
                             .channels = str_of(channels),
                             .author = STR("me"),
                             .enabled = true,
                             .throttle_s = throttle_s,
                             .updated_ms = 1 };
    struct err err = { 0 };
    int64_t id = 0;
    assert_int_equal(ops(store)->rule_put(store, &r, &id, &err), 0);
    return id;
}

struct queued {
    struct store *store;
    const struct notify_delivery *delivery;
    unsigned n, overflow;
    int result;
};

static int enqueue(void *data, struct ingest_tx *tx, struct err *err)
{
    const struct queued *q = data;
    int r = q->result;
    for (unsigned i = 0; i < q->n + q->overflow && r >= 0; i++) {
        struct notify_delivery d = *q->delivery;
        d.severity = (int64_t)(i * 37 % 100);
        int e = ops(q->store)->enqueue(tx, &d, i >= q->n, err);
        r = e < 0 ? e : r;
    }
    return q->result < 0 ? q->result : r;
}

static void put(struct store *store, int64_t to, int64_t by, bool led, unsigned n,
                unsigned overflow)
{
    const struct notify_delivery d = { .channel = to,
                                       .rule = by,
                                       .finding = STR("f1"),
                                       .cause = STR("new"),
                                       .language = STR(""),
                                       .led = led,
                                       .created_ms = 10 };
    struct queued q = { store, &d, n, overflow, 0 };
    struct err err = { 0 };
    assert_int_equal(store->ingest->write(store, &(struct ingest_write){ enqueue, &q, 10 }, &err),
                     0);
}

static struct notify_deliveries due(struct store *store, int64_t to, struct arena *arena)
{
    struct notify_deliveries all = { 0 };
    struct err err = { 0 };
    assert_int_equal(ops(store)->due(store, to, 100, 200, arena, &all, &err), 0);
    return all;
}

static int64_t count(struct store *store, const char *state)
{
    struct arena arena;
    struct notify_deliveries all = { 0 };
    struct err err = { 0 };
    arena_init(&arena, 1 << 22);
    assert_int_equal(
        ops(store)->log(store, &(struct notify_log_query){ .state = str_of(state), .limit = 1000 },
                        &arena, &all, &err),
        0);
    arena_done(&arena);
    return (int64_t)all.n;
}

static void settle(struct store *store, int64_t id, int64_t to, const char *state)
{
    const struct notify_settled s = { .id = id,
                                      .channel = to,
                                      .now_ms = 50,
                                      .status = 500,
                                      .due_ms = 90,
                                      .state = str_of(state),
                                      .result = STR("why") };
    struct err err = { 0 };
    assert_int_equal(ops(store)->settle(store, &s, 1, &err), 0);
}

static void what_one_speaks_for(void **state)
{
    struct store *store = ((struct store_fixture *)*state)->store;
    int64_t to = channel(store, "a"), by = rule(store, "[1]", 60);
    struct notify_pace *paces;
    struct notify_deliveries held;
    struct err err = { 0 };
    struct arena arena;
    size_t n = 0;
    arena_init(&arena, 1 << 22);
    put(store, to, by, false, 4, 5); /* 0, 37, 74, 11 */
    assert_int_equal(ops(store)->waiting(store, &arena, &paces, &n, &err), 0);
    assert_int_equal(ops(store)->lead(store, &paces[0], 77, &err), 0);
    assert_int_equal(ops(store)->tell_overflow(store, &err), 0);
    assert_int_equal(ops(store)->tell_overflow(store, &err), 0); /* once only */
    struct notify_deliveries led = due(store, to, &arena);
    assert_int_equal(led.n, 1);
    assert_int_equal(led.v[0].severity, 74);
    assert_int_equal(led.v[0].held, 3 + 5);
    assert_int_equal(ops(store)->told_by(store, led.v[0].id, 10, &arena, &held, &err), 0);
    assert_int_equal(held.n, 3);
    assert_int_equal(held.v[0].severity, 37);
    assert_int_equal(ops(store)->waiting(store, &arena, &paces, &n, &err), 0);
    assert_int_equal(n, 0);
    put(store, to, by, false, 1, 0);
    assert_int_equal(ops(store)->waiting(store, &arena, &paces, &n, &err), 0);
    assert_int_equal(n, 1);
    assert_int_equal(paces[0].led_ms, 77);
    assert_int_equal(ops(store)->rule_remove(store, by, 1, &err), 0);
    assert_int_equal(ops(store)->waiting(store, &arena, &paces, &n, &err), 0);
    assert_int_equal(paces[0].throttle_s, 0);
    assert_int_equal(ops(store)->lead(store, &paces[0], 80, &err), 0);
    assert_int_equal(due(store, to, &arena).n, 2);
    arena_done(&arena);
}

static void settled_and_tried_again(void **state)
{
    struct store *store = ((struct store_fixture *)*state)->store;
    int64_t to = channel(store, "a"), queued = -1;
    struct err err = { 0 };
    struct arena arena;
    arena_init(&arena, 1 << 22);
    put(store, to, 1, true, 3, 0);
    struct notify_deliveries all = due(store, to, &arena);
    assert_int_equal(all.n, 3);
    settle(store, all.v[0].id, to, "delivered");
    settle(store, all.v[1].id, to, "dead");
    settle(store, all.v[2].id, to, "queued");
    settle(store, all.v[0].id, to, "dead"); /* too late */
    assert_int_equal(count(store, "delivered"), 1);
    assert_int_equal(ops(store)->queued(store, &queued, &err), 0);
    assert_int_equal(queued, 1);
    assert_int_equal(ops(store)->retry(store, all.v[0].id, 60, &err), -EINVAL);
    assert_int_equal(ops(store)->retry(store, 99, 60, &err), -ENOENT);
    assert_int_equal(ops(store)->retry(store, all.v[1].id, 60, &err), 0);
    struct notify_delivery one;
    assert_int_equal(ops(store)->get(store, all.v[1].id, &arena, &one, &err), 0);
    assert_str(one.state, "queued");
    assert_int_equal(one.attempts, 0);
    settle(store, all.v[1].id, to, "dead");
    assert_int_equal(ops(store)->channel_remove(store, to, 70, &err), 0);
    assert_int_equal(count(store, "dead"), 2);
    assert_int_equal(ops(store)->retry(store, all.v[1].id, 60, &err), -ESTALE);
    assert_int_equal(ops(store)->channel_remove(store, to, 70, &err), -ENOENT);
    bool more = true;
    assert_int_equal(ops(store)->prune(store, 10, &more, &err), 0);
    assert_int_equal(count(store, ""), 3);
    assert_int_equal(ops(store)->prune(store, 11, &more, &err), 0);
    assert_false(more);
    assert_int_equal(count(store, ""), 0);
    arena_done(&arena);
}

static void with_its_transaction(void **state)
{
    struct store *store = ((struct store_fixture *)*state)->store;
    const struct notify_delivery d = { .channel = 1,
                                       .rule = 1,
                                       .finding = STR("f1"),
                                       .cause = STR("new"),
                                       .language = STR(""),
                                       .led = true,
                                       .created_ms = 10 };
    struct queued q = { store, &d, 3, 1, -EIO };
    struct err err = { 0 };
    assert_int_equal(store->ingest->write(store, &(struct ingest_write){ enqueue, &q, 10 }, &err),
                     -EIO);
    assert_int_equal(count(store, ""), 0);
}

static void limits(void **state)
{
    struct store *store = ((struct store_fixture *)*state)->store;
    struct notify_channel c = { .kind = STR("webhook"),
                                .language = STR("en"),
                                .config = STR("{}"),
                                .secrets = STR("{}"),
                                .author = STR("me") };
    struct err err = { 0 };
    int64_t id;
    for (int i = 0; i <= NOTIFY_CHANNELS_MAX; i++) {
        char name[16];
        snprintf(name, sizeof(name), "c%d", i);
        c.name = str_of(name);
        assert_int_equal(ops(store)->channel_put(store, &c, &id, &err),
                         i < NOTIFY_CHANNELS_MAX ? 0 : -EINVAL);
    }
    c.id = 1;
    c.name = STR("c1");
    assert_int_equal(ops(store)->channel_put(store, &c, &id, &err), -EEXIST);
    c.id = 1000;
    c.name = STR("new");
    assert_int_equal(ops(store)->channel_put(store, &c, &id, &err), -ENOENT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, store_setup, store_teardown)
    const struct CMUnitTest tests[] = { TEST(what_one_speaks_for), TEST(settled_and_tried_again),
                                        TEST(with_its_transaction), TEST(limits) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
