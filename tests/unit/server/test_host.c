/*
 * Names and addresses, limits per client, and the configuration.
 */
#include "server/host.h"
#include "server/http_internal.h"
#include "server/http_limits.h"
#include "test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <unistd.h>

static struct server_config config;
static struct buf text;
static struct err err;

static int parse(const char *content)
{
    static const struct settings_argument none[1];
    char path[] = "/tmp/hinomi-config-XXXXXX";
    char *no_environment[] = { NULL };
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), strlen(content));
    close(fd);
    const struct settings_source source = { path, no_environment, none, 0 };
    server_config_done(&config);
    buf_clear(&text);
    err = (struct err){ 0 };
    int r = server_config_load(&source, &config, &text, &err);
    unlink(path);
    return r;
}

static void test_config(void **state)
{
    (void)state;
    assert_int_equal(parse("listen: 0.0.0.0:443\ndir: /x\nnames: [a.example, 192.0.2.1]\n"
                           "tls: {certificate: /c, key: /k}\nretention: {days: 3, max_bytes: 10GiB}"
                           "\ntrusted_proxies: 10.0.0.0/8\nlimits: {connections: 100}\n"),
                     0);
    assert_string_equal(config.listen, "0.0.0.0:443");
    assert_int_equal(config.names.n, 2);
    assert_int_equal(config.retention_days, 3);
    assert_true(config.retention_max_bytes == UINT64_C(10) << 30);
    assert_true(config.metrics);
    assert_int_equal(parse(""), 0);
    assert_string_equal(config.listen, "127.0.0.1:8765");
    static const char *const bad[] = {
        "listne: 1",
        "listen: nowhere",
        "listen: 1.2.3.4",
        "tls: {certificate: /c}",
        "tls: {key: /k}",
        "retention: {max_bytes: 10 parsecs}",
        "retention: {max_bytes: 99999999TiB}",
        "retention: {max_bytes: -1}",
        "retention: {days: 0}",
        "trusted_proxies: everyone",
        "trusted_proxies: 10.0.0.0/33",
        "trusted_proxies: 10.0.0.0/",
        "trusted_proxies: [\"::1/129\"]",
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        if (parse(bad[i]) != -EINVAL || (!text.n && !err.message[0])) {
            print_error("%s was taken\n", bad[i]);
            fail();
        }
    }
    assert_int_equal(parse("listne: 1"), -EINVAL);
    assert_true(str_find(buf_str(&text), STR("did you mean `listen`?")) > 0);
}

static void test_hosts(void **state)
{
    (void)state;
    assert_int_equal(parse("names: [console.example]\npublic_url: https://Public.example:8443/x\n"),
                     0);
    static const char *const ours[] = { "localhost",       "LOCALHOST:8765",  "127.0.0.1",
                                        "127.0.0.1:80",    "[::1]:80",        "[2001:db8::1]",
                                        "192.0.2.7:8765",  "console.example", "Console.Example:1",
                                        "public.example:1" };
    static const char *const others[] = { "",
                                          ":80",
                                          "evil.example",
                                          "1.2.3",
                                          "[::1",
                                          "::1",
                                          "[1.2.3.4]",
                                          "localhost.evil.example",
                                          "127.0.0.1.evil.example",
                                          "console.example.",
                                          "[]" };
    for (size_t i = 0; i < ARRAY_SIZE(ours); i++) {
        assert_true(host_is_ours(&config, str_of(ours[i])));
    }
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        if (host_is_ours(&config, str_of(others[i]))) {
            print_error("%s is ours?\n", others[i]);
            fail();
        }
    }
}

static void test_absolute(void **state)
{
    (void)state;
    struct str target = STR("http://a.example:80/x?y");
    assert_true(host_take_absolute(&target, STR("A.example:80")));
    assert_str(target, "/x?y");
    static const char *const bad[] = { "http://a.example/x",
                                       "http://a.example:80",
                                       "ftp://a.example:80/",
                                       "//a.example:80/x/",
                                       "x",
                                       "" };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        target = str_of(bad[i]);
        bool taken = host_take_absolute(&target, STR("a.example:80"));
        assert_true(!taken || str_eqz(target, bad[i]));
        assert_true(taken == (bad[i][0] == '/'));
    }
}

static struct sockaddr_storage address(const char *name)
{
    struct sockaddr_storage ret = { 0 };
    char storage[80];
    snprintf(storage, sizeof(storage), strchr(name, ':') ? "[%s]:1" : "%s:1", name);
    assert_int_equal(address_parse(str_of(storage), &ret), 0);
    return ret;
}

static void test_networks(void **state)
{
    (void)state;
    static const struct {
        const char *list, *address;
        bool within;
    } cases[] = {
        { "10.0.0.0/8", "10.255.0.1", true },
        { "10.0.0.0/8", "11.0.0.1", false },
        { "10.1.2.3", "10.1.2.3", true },
        { "10.1.2.3", "10.1.2.4", false },
        { "10.1.2.0/31", "10.1.2.1", true },
        { "10.1.2.0/31", "10.1.2.2", false },
        { "0.0.0.0/0", "203.0.113.9", true },
        { "2001:db8::/33", "2001:db8:7fff::1", true },
        { "2001:db8::/33", "2001:db8:8000::1", false },
        { "0.0.0.0/0", "2001:db8::1", false },
        { "10.0.0.0/8", "::ffff:10.1.1.1", true },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char *items[] = { (char *)(uintptr_t)cases[i].list };
        const struct setting_list list = { items, 1 };
        struct sockaddr_storage one = address(cases[i].address);
        assert_true(address_is_among(&list, &one) == cases[i].within);
    }
    static const char *const loopback[] = { "127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1" };
    for (size_t i = 0; i < ARRAY_SIZE(loopback); i++) {
        struct sockaddr_storage one = address(loopback[i]);
        assert_true(address_is_loopback(&one));
    }
    struct sockaddr_storage any = address("0.0.0.0"), other = address("::2");
    assert_true(address_is_any(&any) && !address_is_loopback(&any) && !address_is_loopback(&other));
}

static void test_addresses(void **state)
{
    (void)state;
    static const char *const bad[] = { "",           ":",     "1.2.3.4:",    "1.2.3.4:65536",
                                       "::1:80",     "[::1]", "[1.2.3.4]:1", "a:1",
                                       "1.2.3.4:1x", "-1",    "99999",       "1.2.3.4:+1" };
    struct sockaddr_storage at;
    char storage[80] = "";
    struct buf out;
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_int_equal(address_parse(str_of(bad[i]), &at), -EINVAL);
    }
    static const char *const good[] = { "1.2.3.4:65535", "[::1]:0" };
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        buf_init_fixed(&out, storage, sizeof(storage));
        assert_int_equal(address_parse(str_of(good[i]), &at), 0);
        address_text(&at, &out);
        assert_str(buf_str(&out), good[i]);
    }
    assert_int_equal(address_parse(STR("80"), &at), 0);
    assert_true(address_is_loopback(&at));
}

/* From the right, and only as far as it can be believed. */
static void test_proxies(void **state)
{
    (void)state;
    static const struct {
        const char *forwarded, *client;
    } cases[] = { { "203.0.113.9", "203.0.113.9" },
                  { "1.1.1.1, 203.0.113.9", "203.0.113.9" },
                  { "1.1.1.1, 203.0.113.9, 10.0.0.2", "203.0.113.9" },
                  { "1.1.1.1, nonsense", "10.0.0.1" },
                  { "203.0.113.9, nonsense, 10.0.0.2", "10.0.0.2" },
                  { "", "10.0.0.1" } };
    assert_int_equal(parse("trusted_proxies: [10.0.0.0/8]\n"), 0);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct exchange x = {
            .nheaders = 1, .headers = { { STR("X-Forwarded-For"), str_of(cases[i].forwarded) } }
        };
        bool secure = false;
        x.request = (struct request){ .peer = address("10.0.0.1"), .connection = &x };
        proxy_client(&config, &x.request, &secure);
        struct sockaddr_storage expected = address(cases[i].client);
        address_set_port(&expected, 0);
        address_set_port(&x.request.peer, 0);
        assert_memory_equal(&x.request.peer, &expected, sizeof(struct sockaddr_in));
        x.request.peer = address("203.0.113.1"); /* not a proxy of ours */
        proxy_client(&config, &x.request, &secure);
        expected = address("203.0.113.1");
        assert_memory_equal(&x.request.peer, &expected, sizeof(struct sockaddr_in));
    }
}

#define SECOND UINT64_C(1000000000)

static void test_rates(void **state)
{
    (void)state;
    struct limits *limits;
    struct sockaddr_storage one = address("192.0.2.1"), two = address("192.0.2.2");
    assert_int_equal(parse("limits: {rate_per_address: 10, rate_per_principal: 5}\n"), 0);
    assert_int_equal(http_limits_new(&config, &limits), 0);
    uint64_t now = 100 * SECOND;
    for (int i = 0; i < 20; i++) {
        assert_int_equal(limits_take_address(limits, &one, now), 0);
    }
    assert_int_equal(limits_take_address(limits, &one, now), 1);
    assert_int_equal(limits_take_address(limits, &two, now), 0);
    assert_int_equal(limits_take_address(limits, &one, now + SECOND / 10), 0);
    assert_int_equal(limits_take_address(limits, &one, now + SECOND / 10), 1);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(limits_take_principal(limits, STR("a"), now), 0);
    }
    assert_int_equal(limits_take_principal(limits, STR("a"), now), 1);
    assert_int_equal(limits_take_principal(limits, STR("b"), now), 0);
    http_limits_free(limits);
    http_limits_free(NULL);
}

/* Whoever comes from many addresses gets no more than the table has places for. */
static void test_many_addresses(void **state)
{
    (void)state;
    struct limits *limits;
    uint64_t taken = 0;
    assert_int_equal(parse("limits: {rate_per_address: 1, connections_per_address: 2}\n"), 0);
    assert_int_equal(http_limits_new(&config, &limits), 0);
    struct sockaddr_storage one = address("2001:db8::1"), near = address("2001:db8::2");
    assert_int_equal(limits_take_address(limits, &one, SECOND), 0);
    assert_int_equal(limits_take_address(limits, &near, SECOND), 0); /* one /64: one client */
    assert_int_equal(limits_take_address(limits, &one, SECOND), 1);
    for (uint32_t i = 0; i < 200000; i++) {
        struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x0a000000 + i) };
        struct sockaddr_storage many = { 0 };
        memcpy(&many, &in, sizeof(in));
        taken += limits_take_address(limits, &many, SECOND) == 0;
    }
    assert_true(taken < 60000);
    http_limits_free(limits);
}

static void test_connections(void **state)
{
    (void)state;
    struct limits *limits;
    struct sockaddr_storage one = address("192.0.2.1"), two = address("192.0.2.2");
    assert_int_equal(parse("limits: {connections_per_address: 2}\n"), 0);
    assert_int_equal(http_limits_new(&config, &limits), 0);
    int a = limits_connect(limits, &one), b = limits_connect(limits, &one);
    assert_true(a >= 0 && b >= 0);
    assert_int_equal(limits_connect(limits, &one), -1);
    assert_true(limits_connect(limits, &two) >= 0);
    limits_disconnect(limits, a);
    limits_disconnect(limits, -1);
    assert_true(limits_connect(limits, &one) >= 0);
    assert_true(limits_take_body(limits, LIMITS_BODIES_MAX));
    assert_false(limits_take_body(limits, 1));
    limits_give_body(limits, 1);
    assert_true(limits_take_body(limits, 1));
    http_limits_free(limits);
}

static int set_up(void **state)
{
    (void)state;
    buf_init(&text, 65536);
    return server_config_init(&config, &err);
}

static int tear_down(void **state)
{
    (void)state;
    buf_done(&text);
    server_config_done(&config);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_config),      cmocka_unit_test(test_hosts),
        cmocka_unit_test(test_absolute),    cmocka_unit_test(test_networks),
        cmocka_unit_test(test_addresses),   cmocka_unit_test(test_proxies),
        cmocka_unit_test(test_rates),       cmocka_unit_test(test_many_addresses),
        cmocka_unit_test(test_connections),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
