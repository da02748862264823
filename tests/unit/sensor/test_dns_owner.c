/*
 * Whose socket it is: this process' own, over UDP and TCP, connected or not, IPv4 and IPv6, and through a mapped
 * address; gone ones are nobody's.
 */
#include "test.h"

#include "sensor/dns/owner.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static struct ip ip_of(const char *text)
{
    struct ip ip = { .family = strchr(text, ':') ? 6 : 4 };
    assert_int_equal(inet_pton(ip.family == 4 ? AF_INET : AF_INET6, text, ip.bytes), 1);
    return ip;
}

static struct sockaddr_storage address_of(const char *text, uint16_t port, socklen_t *ret_n)
{
    struct sockaddr_storage all = { 0 };
    struct ip ip = ip_of(text);
    if (ip.family == 4) {
        struct sockaddr_in *in = (struct sockaddr_in *)(void *)&all;
        in->sin_family = AF_INET;
        in->sin_port = htons(port);
        memcpy(&in->sin_addr, ip.bytes, 4);
        *ret_n = sizeof(*in);
    } else {
        struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)(void *)&all;
        in6->sin6_family = AF_INET6;
        in6->sin6_port = htons(port);
        memcpy(&in6->sin6_addr, ip.bytes, 16);
        *ret_n = sizeof(*in6);
    }
    return all;
}

static uint16_t port_of(int fd)
{
    struct sockaddr_storage all;
    socklen_t n = sizeof(all);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&all, &n), 0);
    return ntohs(((struct sockaddr_in *)(void *)&all)->sin_port);
}

static int udp(const char *bound, const char *peer)
{
    socklen_t n;
    struct sockaddr_storage all = address_of(bound ? bound : peer, 0, &n);
    int fd = socket(all.ss_family, SOCK_DGRAM, 0);
    if (bound) {
        assert_int_equal(bind(fd, (struct sockaddr *)&all, n), 0);
    }
    if (peer) {
        all = address_of(peer, 53, &n);
        assert_int_equal(connect(fd, (struct sockaddr *)&all, n), 0);
    }
    return fd;
}

static void expect_owner(uint8_t proto, int fd, const char *local, const char *remote,
                         uint16_t rport)
{
    struct owner_finder *finder = NULL;
    assert_int_equal(owner_finder_new(&finder), 0);
    struct owner_socket s = { proto, ip_of(local), ip_of(remote), port_of(fd), rport };
    assert_int_equal(owner_find(finder, &s, -1), getpid());
    assert_int_equal(owner_find(finder, &s, 1), getpid());
    close(fd);
    assert_int_equal(owner_find(finder, &s, getpid()), -1);
    owner_finder_free(finder);
}

static void test_udp(void **unused)
{
    (void)unused;
    expect_owner(IPPROTO_UDP, udp(NULL, "127.0.0.1"), "127.0.0.1", "127.0.0.1", 53);
    expect_owner(IPPROTO_UDP, udp(NULL, "::1"), "::1", "::1", 53);
    expect_owner(IPPROTO_UDP, udp("0.0.0.0", NULL), "127.0.0.1", "127.0.0.1", 53);
    expect_owner(IPPROTO_UDP, udp("::", NULL), "::1", "::1", 53);
    expect_owner(IPPROTO_UDP, udp("::", NULL), "127.0.0.1", "127.0.0.1", 53);
    expect_owner(IPPROTO_UDP, udp(NULL, "::ffff:127.0.0.1"), "127.0.0.1", "127.0.0.1", 53);
}

/* The packet's port is not the one that the socket is connected to. */
static void test_rewritten_port(void **unused)
{
    (void)unused;
    expect_owner(IPPROTO_UDP, udp(NULL, "127.0.0.11"), "127.0.0.1", "127.0.0.11", 41234);
}

static void test_tcp(void **unused)
{
    (void)unused;
    static const char *const addresses[] = { "127.0.0.1", "::1" };
    for (size_t i = 0; i < ARRAY_SIZE(addresses); i++) {
        socklen_t n;
        struct sockaddr_storage all = address_of(addresses[i], 0, &n);
        int listener = socket(all.ss_family, SOCK_STREAM, 0);
        assert_int_equal(bind(listener, (struct sockaddr *)&all, n) | listen(listener, 1), 0);
        uint16_t port = port_of(listener);
        all = address_of(addresses[i], port, &n);
        int fd = socket(all.ss_family, SOCK_STREAM, 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&all, n), 0);
        struct linger now = { 1, 0 };
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
        expect_owner(IPPROTO_TCP, fd, addresses[i], addresses[i], port);
        close(listener);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_udp),
        cmocka_unit_test(test_rewritten_port),
        cmocka_unit_test(test_tcp),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
