/*
 * Bells and the hub: nothing rung is missed, nothing published waits, who is slow is told.
 */
#include "server/bell.h"
#include "server/hub_client.h"
#include "test.h"

#include <pthread.h>
#include <unistd.h>

static struct hub *hub;
static struct buf text;

static unsigned woken;
static void wake(struct bell_waiter *waiter)
{
    (void)waiter;
    woken++;
}

static void test_bell(void **state)
{
    (void)state;
    struct bell *bell;
    struct bell_waiter a = { .wake = wake }, b = { .wake = wake }, c = { .wake = wake };
    assert_int_equal(bell_new(&bell), 0);
    uint64_t before = bell_moment();
    bell_ring(bell);
    assert_false(bell_wait(bell, &a, before));
    assert_true(bell_wait(bell, &a, bell_moment()));
    assert_true(bell_wait(bell, &b, bell_moment()));
    assert_true(bell_wait(bell, &c, bell_moment()));
    bell_leave(bell, &b);
    bell_leave(bell, &b);
    woken = 0;
    bell_ring(bell);
    assert_int_equal(woken, 2);
    bell_ring(bell);
    assert_int_equal(woken, 2);
    bell_leave(bell, &a);
    bell_free(bell);
    bell_free(NULL);
}

static void *ring_often(void *data)
{
    for (int i = 0; i < 2000; i++) {
        bell_ring(data);
    }
    return NULL;
}

/* Ringing, waiting and leaving at once. */
static void test_bell_threads(void **state)
{
    (void)state;
    struct bell *bell;
    struct bell_waiter waiter = { .wake = wake };
    pthread_t threads[2];
    bell_new(&bell);
    for (int i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, ring_often, bell), 0);
    }
    for (int i = 0; i < 2000; i++) {
        bell_wait(bell, &waiter, bell_moment());
        bell_leave(bell, &waiter);
    }
    for (int i = 0; i < 2; i++) {
        pthread_join(threads[i], NULL);
    }
    bell_free(bell);
}

static unsigned count(const char *what)
{
    struct str rest = buf_str(&text);
    unsigned n = 0;
    for (ptrdiff_t at; (at = str_find(rest, str_of(what))) >= 0; n++) {
        rest = str_from_offset(rest, (size_t)at + 1);
    }
    return n;
}

static void take(struct hub_client *client)
{
    buf_clear(&text);
    assert_true(hub_client_take(client, &text));
}

static void test_messages(void **state)
{
    (void)state;
    struct hub_client *client;
    assert_int_equal(hub_client_new(hub, STR(""), &client), 0);
    take(client);
    assert_str(buf_str(&text), "retry: 2000\n\n");
    hub_publish(hub, HUB_FINDING, STR("{\"id\":\"f1\"}"));
    hub_publish(hub, HUB_SYSTEM, STR("{}"));
    take(client);
    assert_int_equal(count("event: finding\ndata: {\"id\":\"f1\"}\n\n"), 1);
    assert_int_equal(count("event: system\ndata: {}\n\n"), 1);
    take(client);
    assert_int_equal(text.n, 0);
    hub_client_free(client);
}

static void test_lost(void **state)
{
    (void)state;
    struct hub_client *client;
    assert_int_equal(hub_client_new(hub, STR(""), &client), 0);
    take(client);
    for (int i = 0; i < HUB_QUEUE_MAX; i++) {
        hub_publish(hub, HUB_AGENT, STR("{}"));
    }
    take(client);
    assert_int_equal(count("event: agent"), HUB_QUEUE_MAX);
    assert_int_equal(count("event: lost"), 0);
    for (int i = 0; i < HUB_QUEUE_MAX + 1; i++) {
        hub_publish(hub, HUB_AGENT, STR("{}"));
    }
    take(client);
    assert_int_equal(count("event: lost"), 1);
    assert_int_equal(count("event: agent"), 1);
    assert_true(str_find(buf_str(&text), STR("event: lost")) <
                str_find(buf_str(&text), STR("event: agent")));
    hub_client_free(client);
}

/* What is no single short line is not sent, and told as lost. */
static void test_bad_messages(void **state)
{
    (void)state;
    static char large[HUB_MESSAGE_MAX + 1];
    struct hub_client *client;
    memset(large, ' ', sizeof(large));
    assert_int_equal(hub_client_new(hub, STR(""), &client), 0);
    const struct str bad[] = { STR("{}\n\nevent: x"), STR("{}\r"), { large, sizeof(large) } };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        hub_publish(hub, HUB_SYSTEM, bad[i]);
        take(client);
        assert_int_equal(count("event: lost"), 1);
        assert_int_equal(count("event: system"), 0);
    }
    hub_publish(hub, HUB_SYSTEM, (struct str){ large, HUB_MESSAGE_MAX });
    take(client);
    assert_int_equal(count("event: system"), 1);
    hub_client_free(client);
}

/* Who comes back and has seen the last message lost nothing. */
static void test_last_id(void **state)
{
    (void)state;
    struct hub_client *client;
    char last[64] = "";
    assert_int_equal(hub_client_new(hub, STR(""), &client), 0);
    hub_publish(hub, HUB_SYSTEM, STR("{}"));
    take(client);
    buf_putc(&text, '\0');
    assert_int_equal(sscanf(strstr(text.p, "id: "), "id: %63s", last), 1);
    hub_client_free(client);
    assert_int_equal(hub_client_new(hub, str_of(last), &client), 0);
    take(client);
    assert_int_equal(count("lost"), 0);
    hub_client_free(client);
    hub_publish(hub, HUB_SYSTEM, STR("{}"));
    assert_int_equal(hub_client_new(hub, str_of(last), &client), 0);
    take(client);
    assert_int_equal(count("lost"), 1);
    hub_client_free(client);
}

static void test_full(void **state)
{
    (void)state;
    static struct hub_client *clients[HUB_CLIENTS_MAX];
    struct hub_client *more;
    for (size_t i = 0; i < HUB_CLIENTS_MAX; i++) {
        assert_int_equal(hub_client_new(hub, STR(""), &clients[i]), 0);
    }
    assert_true(hub_client_new(hub, STR(""), &more) < 0);
    hub_publish(hub, HUB_SYSTEM, STR("{}"));
    for (size_t i = 0; i < HUB_CLIENTS_MAX; i++) {
        hub_client_free(clients[i]);
    }
    struct hub_counts counts;
    hub_counts(hub, &counts);
    assert_int_equal(counts.clients, 0);
}

static int set_up(void **state)
{
    (void)state;
    buf_init(&text, (size_t)4 << 20);
    return hub_new(&hub);
}

static int tear_down(void **state)
{
    (void)state;
    buf_done(&text);
    hub_free(hub);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bell),         cmocka_unit_test(test_bell_threads),
        cmocka_unit_test(test_messages),     cmocka_unit_test(test_lost),
        cmocka_unit_test(test_bad_messages), cmocka_unit_test(test_last_id),
        cmocka_unit_test(test_full),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
