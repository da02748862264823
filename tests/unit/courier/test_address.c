/*
 * Kinds of addresses at the borders of each range, networks as people write them, and addresses within them.
 */
#include "courier/address.h"
#include "test.h"

#include <arpa/inet.h>

static struct sockaddr_storage address_of(const char *text)
{
    struct sockaddr_storage ret = { 0 };
    struct sockaddr_in *v4 = (void *)&ret;
    struct sockaddr_in6 *v6 = (void *)&ret;
    if (strchr(text, ':')) {
        v6->sin6_family = AF_INET6;
        assert_int_equal(inet_pton(AF_INET6, text, &v6->sin6_addr), 1);
    } else {
        v4->sin_family = AF_INET;
        assert_int_equal(inet_pton(AF_INET, text, &v4->sin_addr), 1);
    }
    return ret;
}

static void test_kinds(void **state)
{
    (void)state;
    static const struct {
        const char *address;
        enum address_kind kind;
    } cases[] = {
        { "8.8.8.8", ADDRESS_PUBLIC },
        { "0.255.255.255", ADDRESS_NEVER },
        { "1.0.0.0", ADDRESS_PUBLIC },
        { "9.255.255.255", ADDRESS_PUBLIC },
        { "10.0.0.0", ADDRESS_PRIVATE },
        { "10.255.255.255", ADDRESS_PRIVATE },
        { "11.0.0.0", ADDRESS_PUBLIC },
        { "100.63.255.255", ADDRESS_PUBLIC },
        { "100.64.0.0", ADDRESS_PRIVATE },
        { "100.100.100.199", ADDRESS_PRIVATE },
        { "100.100.100.200", ADDRESS_NEVER },
        { "100.127.255.255", ADDRESS_PRIVATE },
        { "100.128.0.0", ADDRESS_PUBLIC },
        { "126.255.255.255", ADDRESS_PUBLIC },
        { "127.0.0.0", ADDRESS_LOOPBACK },
        { "127.255.255.255", ADDRESS_LOOPBACK },
        { "128.0.0.0", ADDRESS_PUBLIC },
        { "168.63.129.15", ADDRESS_PUBLIC },
        { "168.63.129.16", ADDRESS_NEVER },
        { "169.253.255.255", ADDRESS_PUBLIC },
        { "169.254.0.0", ADDRESS_NEVER },
        { "169.254.169.254", ADDRESS_NEVER },
        { "169.254.170.1", ADDRESS_NEVER },
        { "169.254.170.2", ADDRESS_CREDENTIALS },
        { "169.254.170.3", ADDRESS_NEVER },
        { "169.254.170.23", ADDRESS_CREDENTIALS },
        { "169.254.255.255", ADDRESS_NEVER },
        { "169.255.0.0", ADDRESS_PUBLIC },
        { "172.15.255.255", ADDRESS_PUBLIC },
        { "172.16.0.0", ADDRESS_PRIVATE },
        { "172.31.255.255", ADDRESS_PRIVATE },
        { "172.32.0.0", ADDRESS_PUBLIC },
        { "192.0.0.255", ADDRESS_NEVER },
        { "192.0.1.0", ADDRESS_PUBLIC },
        { "192.167.255.255", ADDRESS_PUBLIC },
        { "192.168.0.0", ADDRESS_PRIVATE },
        { "192.168.255.255", ADDRESS_PRIVATE },
        { "192.169.0.0", ADDRESS_PUBLIC },
        { "198.17.255.255", ADDRESS_PUBLIC },
        { "198.18.0.0", ADDRESS_PRIVATE },
        { "198.19.255.255", ADDRESS_PRIVATE },
        { "198.20.0.0", ADDRESS_PUBLIC },
        { "223.255.255.255", ADDRESS_PUBLIC },
        { "224.0.0.0", ADDRESS_NEVER },
        { "255.255.255.255", ADDRESS_NEVER },
        { "::", ADDRESS_NEVER },
        { "::1", ADDRESS_LOOPBACK },
        { "::2", ADDRESS_NEVER },
        { "::8.8.8.8", ADDRESS_PUBLIC },
        { "::10.0.0.1", ADDRESS_PRIVATE },
        { "::ffff:8.8.8.8", ADDRESS_PUBLIC },
        { "::ffff:127.0.0.1", ADDRESS_LOOPBACK },
        { "::ffff:169.254.169.254", ADDRESS_NEVER },
        { "::ffff:169.254.170.2", ADDRESS_CREDENTIALS },
        { "64:ff9b::10.1.2.3", ADDRESS_PRIVATE },
        { "64:ff9b::8.8.8.8", ADDRESS_PUBLIC },
        { "64:ff9b:1:2::a9fe:a9fe", ADDRESS_NEVER },
        { "100::1", ADDRESS_NEVER },
        { "2001::1", ADDRESS_NEVER },
        { "2001:db8::1", ADDRESS_PRIVATE },
        { "2001:4860:4860::8888", ADDRESS_PUBLIC },
        { "2002:7f00:1::1", ADDRESS_LOOPBACK },
        { "2002:808:808::1", ADDRESS_PUBLIC },
        { "fbff::1", ADDRESS_PUBLIC },
        { "fc00::", ADDRESS_PRIVATE },
        { "fdff:ffff::1", ADDRESS_PRIVATE },
        { "fd00:ec2::22", ADDRESS_NEVER },
        { "fd00:ec2::23", ADDRESS_CREDENTIALS },
        { "fd00:ec2::254", ADDRESS_NEVER },
        { "fd00:ec3::1", ADDRESS_PRIVATE },
        { "fd20:ce::254", ADDRESS_NEVER },
        { "fe7f::1", ADDRESS_PUBLIC },
        { "fe80::1", ADDRESS_NEVER },
        { "febf::1", ADDRESS_NEVER },
        { "fec0::1", ADDRESS_PRIVATE },
        { "ff02::1", ADDRESS_NEVER },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct sockaddr_storage at = address_of(cases[i].address);
        if (address_kind_of((const struct sockaddr *)&at) != cases[i].kind) {
            fail_msg("%s is of kind %d", cases[i].address,
                     address_kind_of((const struct sockaddr *)&at));
        }
    }
    struct sockaddr_storage unix_domain = { .ss_family = AF_UNIX };
    assert_int_equal(address_kind_of((const struct sockaddr *)&unix_domain), ADDRESS_NEVER);
}

static void test_networks(void **state)
{
    (void)state;
    static const char *const good[] = { "10.0.0.0/8", "10.1.2.3",       "0.0.0.0/0",
                                        "::/0",       "fd00::1/128",    "1.2.3.4/32",
                                        "::1",        "192.168.0.0/16", "2001:db8::/32" };
    static const char *const bad[] = { "",
                                       "/",
                                       "10.0.0.0/33",
                                       "::/129",
                                       "10.0.0/8",
                                       "10.0.0.0/",
                                       "10.0.0.0/-1",
                                       "10.0.0.0/+8",
                                       "10.0.0.0/8 ",
                                       " 10.0.0.0/8",
                                       "a.example",
                                       "10.0.0.0/8/8",
                                       "10.0.0.0/0008",
                                       "::1%lo" };
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        assert_true(courier_network_is_good(good[i]));
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        if (courier_network_is_good(bad[i])) {
            fail_msg("%s was taken for a network", bad[i]);
        }
    }
}

static bool within(const char *address, const char *network)
{
    struct sockaddr_storage at = address_of(address);
    struct address_network parsed;
    assert_true(address_network_parse(str_of(network), &parsed));
    return address_is_within((const struct sockaddr *)&at, &parsed);
}

static void test_within(void **state)
{
    (void)state;
    assert_true(within("10.0.0.0", "10.0.0.0/8"));
    assert_true(within("10.255.255.255", "10.0.0.0/8"));
    assert_false(within("11.0.0.0", "10.0.0.0/8"));
    assert_true(within("10.1.2.3", "10.1.2.3"));
    assert_false(within("10.1.2.4", "10.1.2.3"));
    assert_true(within("10.1.2.3", "10.1.2.2/31"));
    assert_true(within("::ffff:10.1.2.3", "10.0.0.0/8"));
    assert_true(within("1.2.3.4", "0.0.0.0/0"));
    assert_false(within("::1", "0.0.0.0/0"));
    assert_true(within("::1", "::/0"));
    assert_true(within("fd12::1", "fd00::/8"));
    assert_false(within("fc12::1", "fd00::/8"));
}

static void test_text(void **state)
{
    (void)state;
    char text[64];
    struct sockaddr_storage at = address_of("127.0.0.1");
    ((struct sockaddr_in *)&at)->sin_port = htons(25);
    address_put((const struct sockaddr *)&at, text, sizeof(text));
    assert_string_equal(text, "127.0.0.1:25");
    at = address_of("::1");
    ((struct sockaddr_in6 *)&at)->sin6_port = htons(443);
    address_put((const struct sockaddr *)&at, text, sizeof(text));
    assert_string_equal(text, "[::1]:443");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_networks),
        cmocka_unit_test(test_within),
        cmocka_unit_test(test_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
