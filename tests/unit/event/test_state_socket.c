/*
 * Sockets: names, roles and connection flags in old and new layouts.
 */
#include "state_fixture.h"

#include <errno.h>
#include <netinet/in.h>

static struct state *state_new_with_process(void)
{
    struct state *s = state_with(0);
    add_process(s, 10, 1, "curl");
    return s;
}

static struct fdinfo *fd_of(struct state *s, int64_t fd)
{
    return state_fd(s, state_thread(s, 10), fd);
}

static void run_socket(struct state *s, int64_t fd, unsigned domain, unsigned type, unsigned proto)
{
    run(s, make_event(KIND_SOCKET_X, 10, T0, "qwww", fd, domain, type, proto));
}

static void test_socket(void **unused)
{
    (void)unused;
    struct state *s = state_new_with_process();
    run(s, make_event(KIND_SOCKET_E, 10, T0, "www", 2, 1 | 02000000, 0));
    run(s, make_event(KIND_SOCKET_X, 10, T0, "q", 3L));
    assert_int_equal(fd_of(s, 3)->type, FD_IPV4_SOCK);
    assert_int_equal(fd_of(s, 3)->l4proto, IPPROTO_TCP);
    run_socket(s, 4, 10, 2, 0);
    assert_int_equal(fd_of(s, 4)->type, FD_IPV6_SOCK);
    assert_int_equal(fd_of(s, 4)->l4proto, IPPROTO_UDP);
    run_socket(s, 5, 2, 3, IPPROTO_TCP);
    assert_int_equal(fd_of(s, 5)->l4proto, IPPROTO_RAW);
    run_socket(s, 6, 2, 2, IPPROTO_ICMP);
    assert_int_equal(fd_of(s, 6)->l4proto, IPPROTO_ICMP);
    run_socket(s, 7, 1, 1, 0);
    assert_int_equal(fd_of(s, 7)->type, FD_UNIX_SOCK);
    run_socket(s, 8, 16, 3, 0);
    assert_int_equal(fd_of(s, 8)->type, FD_NETLINK);
    run_socket(s, 9, 17, 3, 0);
    assert_int_equal(fd_of(s, 9)->type, FD_UNKNOWN);
    state_free(s);
}

static void test_connect(void **unused)
{
    (void)unused;
    struct state *s = state_new_with_process();
    run_socket(s, 3, 2, 1, 6);
    run(s, make_event(KIND_CONNECT_E, 10, T0, "qA", 3L, "10.0.0.9", 80));
    struct event *e =
        apply(s, make_event(KIND_CONNECT_X, 10, T0, "qT", 0L, "10.0.0.1", 4000, "10.0.0.9", 80));
    assert_text(e->fd->name, "10.0.0.1:4000->10.0.0.9:80");
    assert_true(e->fd_name_changed);
    assert_int_equal(e->fd->flags, FD_ROLE_CLIENT | FD_CONNECTED);
    assert_int_equal(e->fd->dport, 80);
    assert_int_equal(e->fd->dip.bytes[3], 9);
    state_settle(s, e);
    run_socket(s, 4, 10, 1, 6);
    run(s, make_event(KIND_CONNECT_X, 10, T0, "qTqA", 0L, "fe80::1", 1, "2001:db8::2", 443, 4L,
                      "2001:db8::2", 443));
    assert_text(fd_of(s, 4)->name, "fe80::1:1->2001:db8::2:443");
    assert_int_equal(fd_of(s, 4)->type, FD_IPV6_SOCK);
    run(s, make_event(KIND_CONNECT_X, 10, T0, "qTq", 0L, "::ffff:1.2.3.4", 1, "::ffff:5.6.7.8", 2,
                      4L));
    assert_text(fd_of(s, 4)->name, "1.2.3.4:1->5.6.7.8:2");
    assert_int_equal(fd_of(s, 4)->type, FD_IPV4_SOCK);
    run_socket(s, 5, 1, 1, 0);
    run(s, make_event(KIND_CONNECT_X, 10, T0, "qUq", 0L, 0xabcUL, 0xdefUL, "/run/docker.sock", 5L));
    assert_text(fd_of(s, 5)->name, "abc->def /run/docker.sock");
    state_free(s);
}

static void test_connect_outcomes(void **unused)
{
    (void)unused;
    struct state *s = state_new_with_process();
    run_socket(s, 3, 2, 1, 6);
    run(s, make_event(KIND_CONNECT_X, 10, T0, "qTq", (int64_t)-ECONNREFUSED, "1.1.1.1", 1,
                      "2.2.2.2", 2, 3L));
    assert_int_equal(fd_of(s, 3)->flags, FD_CONNECT_FAILED);
    assert_int_equal(fd_of(s, 3)->name.n, 0);
    run(s, make_event(KIND_CONNECT_X, 10, T0, "qTq", (int64_t)-EINPROGRESS, "1.1.1.1", 1, "2.2.2.2",
                      2, 3L));
    assert_int_equal(fd_of(s, 3)->flags, FD_CONNECT_PENDING | FD_ROLE_CLIENT);
    assert_text(fd_of(s, 3)->name, "1.1.1.1:1->2.2.2.2:2");
    run(s, make_event(KIND_GETSOCKOPT_X, 10, T0, "qqbbBw", 0L, 3L, 1, 4, "\1\0\0\0\0\0\0\0\0",
                      (size_t)9, 4));
    assert_int_equal(fd_of(s, 3)->flags, FD_CONNECTED | FD_ROLE_CLIENT);
    run_socket(s, 4, 2, 1, 6); /* fast open: no tuple, only the address asked for */
    run(s, make_event(KIND_CONNECT_E, 10, T0, "qA", 4L, "9.9.9.9", 443));
    run(s, make_event(KIND_CONNECT_X, 10, T0, "qe", 0L));
    assert_text(fd_of(s, 4)->name, "0.0.0.0:0->9.9.9.9:443");
    run_socket(s, 5, 2, 1, 6); /* the caller changes its memory while it calls */
    run(s, make_event(KIND_CONNECT_E, 10, T0, "qA", 5L, "6.6.6.6", 66));
    run(s, make_event(KIND_CONNECT_X, 10, T0, "qTqA", 0L, "1.1.1.1", 1, "2.2.2.2", 2, 5L, "2.2.2.2",
                      2));
    assert_text(fd_of(s, 5)->name, "1.1.1.1:1->6.6.6.6:66");
    state_free(s);
}

static void test_server(void **unused)
{
    (void)unused;
    struct state *s = state_new_with_process();
    run_socket(s, 3, 2, 1, 6);
    run(s, make_event(KIND_BIND_X, 10, T0, "qAq", 0L, "0.0.0.0", 8080, 3L));
    assert_text(fd_of(s, 3)->name, "0.0.0.0:8080");
    assert_int_equal(fd_of(s, 3)->type, FD_IPV4_SERVSOCK);
    assert_true(fd_of(s, 3)->flags & FD_ROLE_SERVER);
    run_socket(s, 4, 10, 1, 6);
    run(s, make_event(KIND_BIND_E, 10, T0, "q", 4L));
    run(s, make_event(KIND_BIND_X, 10, T0, "qA", 0L, "::", 81));
    assert_text(fd_of(s, 4)->name, ":::81");
    run_socket(s, 5, 1, 1, 0);
    run(s, make_event(KIND_BIND_X, 10, T0, "qAq", 0L, NULL, "/tmp/s", 5L));
    assert_text(fd_of(s, 5)->name, "/tmp/s");
    static const uint16_t accepts[] = { KIND_ACCEPT_X, KIND_ACCEPT4_X, KIND_ACCEPT_5_X,
                                        KIND_ACCEPT4_5_X, KIND_ACCEPT4_6_X };
    for (size_t i = 0; i < 5; i++) {
        struct event *e = apply(s, make_event(accepts[i], 10, T0, "qTb", (int64_t)(20 + i),
                                              "9.8.7.6", 999, "10.0.0.1", 8080, 0));
        assert_text(e->fd->name, "9.8.7.6:999->10.0.0.1:8080");
        assert_int_equal(e->fd->flags, FD_ROLE_SERVER | FD_CONNECTED);
        assert_int_equal(e->fd->l4proto, IPPROTO_TCP);
        state_settle(s, e);
    }
    run(s, make_event(KIND_ACCEPT_5_X, 10, T0, "qUb", 30L, 1UL, 2UL, "/tmp/s", 0));
    assert_text(fd_of(s, 30)->name, "1->2 /tmp/s");
    struct event *e = apply(s, make_event(KIND_ACCEPT_5_X, 10, T0, "qe", -11L));
    assert_null(e->fd);
    state_settle(s, e);
    run(s, make_event(KIND_SOCKETPAIR_X, 10, T0, "qqqqq", 0L, 40L, 41L, 5L, 6L));
    assert_int_equal(fd_of(s, 40)->unix_source, 5);
    assert_int_equal(fd_of(s, 41)->type, FD_UNIX_SOCK);
    state_free(s);
}

static void test_datagrams(void **unused)
{
    (void)unused;
    struct state *s = state_new_with_process();
    run_socket(s, 3, 2, 2, 17);
    run(s, make_event(KIND_SENDTO_E, 10, T0, "qwT", 3L, 5, "10.0.0.1", 5000, "8.8.8.8", 53));
    struct event *e = apply(s, make_event(KIND_SENDTO_X, 10, T0, "qB", 5L, "x", (size_t)1));
    assert_text(e->fd->name, "10.0.0.1:5000->8.8.8.8:53");
    assert_true(e->fd_name_changed);
    assert_true(e->fd->flags & FD_ROLE_CLIENT);
    state_settle(s, e);
    e = apply(s, make_event(KIND_RECVFROM_X, 10, T0, "qBTqw", 5L, "x", (size_t)1, "8.8.8.8", 53,
                            "10.0.0.1", 5000, 3L, 1));
    assert_text(e->fd->name, "10.0.0.1:5000->8.8.8.8:53");
    assert_false(e->fd_name_changed);
    state_settle(s, e);
    run_socket(s, 4, 2, 2, 17); /* a server answers */
    run(s, make_event(KIND_BIND_X, 10, T0, "qAq", 0L, "0.0.0.0", 53, 4L));
    run(s, make_event(KIND_RECVMSG_E, 10, T0, "q", 4L));
    e = apply(s, make_event(KIND_RECVMSG_X, 10, T0, "qwBT", 5L, 5, "x", (size_t)1, "1.2.3.4", 777,
                            "10.0.0.1", 53));
    assert_text(e->fd->name, "1.2.3.4:777->10.0.0.1:53");
    assert_int_equal(e->fd->l4proto, IPPROTO_UDP);
    state_settle(s, e);
    e = apply(s, make_event(KIND_SENDMSG_X, 10, T0, "qBqwT", 5L, "x", (size_t)1, 4L, 5, "10.0.0.1",
                            53, "1.2.3.5", 778));
    assert_text(e->fd->name, "1.2.3.5:778->10.0.0.1:53");
    state_settle(s, e);
    run(s, make_event(KIND_SENDTO_X, 10, T0, "qBqwT", 5L, "x", (size_t)1, 70L, 5, "10.0.0.1", 6,
                      "8.8.4.4", 53)); /* a socket never seen being made */
    assert_text(fd_of(s, 70)->name, "10.0.0.1:6->8.8.4.4:53");
    assert_int_equal(fd_of(s, 70)->l4proto, IPPROTO_UDP);
    state_free(s);
}

/* A stream's descriptor is shared after fork until one side changes it. */
static void test_shared_entry_changes_alone(void **unused)
{
    (void)unused;
    struct state *s = state_new_with_process();
    run_socket(s, 3, 2, 1, 6);
    run_fork(s, 10, 11, T0);
    run(s, make_event(KIND_CONNECT_X, 11, T0, "qTq", 0L, "1.1.1.1", 1, "2.2.2.2", 2, 3L));
    assert_int_equal(fd_of(s, 3)->name.n, 0);
    assert_text(state_fd(s, state_thread(s, 11), 3)->name, "1.1.1.1:1->2.2.2.2:2");
    state_free(s);
}

static void test_bad_addresses(void **unused)
{
    (void)unused;
    struct state *s = state_new_with_process();
    run_socket(s, 3, 2, 1, 6);
    for (size_t n = 0; n < 40; n++) {
        char bytes[40] = { 0 };
        for (int family = 0; family < 12; family++) {
            bytes[0] = (char)family;
            run(s, make_event(KIND_CONNECT_X, 10, T0, "qBq", 0L, bytes, n, 3L));
            run(s, make_event(KIND_BIND_X, 10, T0, "qBq", 0L, bytes, n, 3L));
            run(s, make_event(KIND_ACCEPT_5_X, 10, T0, "qB", 5L, bytes, n));
            run(s, make_event(KIND_RECVFROM_X, 10, T0, "qeBqw", 1L, bytes, n, 3L, 1));
            run(s, make_event(KIND_SENDTO_X, 10, T0, "qeqwB", 1L, 3L, 1, bytes, n));
        }
    }
    state_free(s);
}

static void test_added_socket_is_named(void **unused)
{
    (void)unused;
    struct state *s = state_new_with_process();
    struct fdinfo info = { .type = FD_IPV4_SOCK,
                           .sip = { { 1, 2, 3, 4 }, 4 },
                           .dip = { { 5, 6, 7, 8 }, 4 },
                           .sport = 9,
                           .dport = 10,
                           .opener_uid = -1 };
    assert_int_equal(state_add_fd(s, 10, 7, &info), 0);
    assert_text(fd_of(s, 7)->name, "1.2.3.4:9->5.6.7.8:10");
    assert_int_equal(state_add_fd(s, 12345, 7, &info), -ESRCH);
    state_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_socket),           cmocka_unit_test(test_connect),
        cmocka_unit_test(test_connect_outcomes), cmocka_unit_test(test_server),
        cmocka_unit_test(test_datagrams),        cmocka_unit_test(test_shared_entry_changes_alone),
        cmocka_unit_test(test_bad_addresses),    cmocka_unit_test(test_added_socket_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
