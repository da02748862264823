/*
 * Socket calls as events: addresses and tuples of all families, and what the state makes of them.
 */
#include "events_fixture.h"

static void connections(void **data)
{
    (void)data;
    make_socket(5, AF_INET, SOCK_STREAM | SOCK_CLOEXEC);
    expect(&world, "fd.type", "ipv4");
    expect(&world, "fd.l4proto", "tcp");
    expect(&world, "evt.arg.domain", "AF_INET");
    start_connect(5);
    put_in(&args.address, &args.address_n, "93.184.216.34", 443);
    put_in(&facts.local, &facts.local_n, "10.0.0.9", 40000);
    happens();
    expect(&world, "fd.num", "5");
    expect(&world, "fd.name", "10.0.0.9:40000->93.184.216.34:443");
    expect(&world, "fd.sip", "93.184.216.34");
    expect(&world, "fd.cip", "10.0.0.9");
    expect(&world, "fd.rip", "93.184.216.34");
    expect(&world, "fd.sport", "443");
    expect(&world, "fd.l4proto", "tcp");
    expect(&world, "fd.connected", "true");
    expect(&world, "evt.arg.tuple", "10.0.0.9:40000->93.184.216.34:443");
    expect(&world, "evt.arg.addr", "93.184.216.34:443");

    make_socket(6, AF_INET, SOCK_STREAM);
    start_connect(6); /* in progress, and the source not known yet */
    put_in(&args.address, &args.address_n, "1.2.3.4", 80);
    outcome.result = -EINPROGRESS;
    happens();
    expect(&world, "evt.res", "EINPROGRESS");
    expect(&world, "fd.sip", "1.2.3.4");
    expect(&world, "fd.name", "0.0.0.0:0->1.2.3.4:80");

    make_socket(7, AF_INET6, SOCK_STREAM);
    start_connect(7);
    put_in6(&args.address, &args.address_n, "2001:db8::1", 80);
    put_in6(&facts.local, &facts.local_n, "::", 0);
    happens();
    expect(&world, "fd.sip", "2001:db8::1");
    expect(&world, "fd.type", "ipv6");

    make_socket(8, AF_INET6, SOCK_STREAM);
    start_connect(8);
    put_in6(&args.address, &args.address_n, "::ffff:9.8.7.6", 25);
    put_in6(&facts.local, &facts.local_n, "::", 0);
    happens();
    expect(&world, "fd.sip", "9.8.7.6");
    expect(&world, "fd.sport", "25");

    make_socket(9, AF_INET, SOCK_STREAM);
    start_connect(9);
    put_in(&args.address, &args.address_n, "5.6.7.8", 22);
    outcome.result = -ECONNREFUSED;
    happens();
    expect(&world, "fd.name", "0.0.0.0:0->5.6.7.8:22");
    start_connect(9);
    args.address.ss_family = AF_UNSPEC;
    args.address_n = 16;
    happens();
    expect(&world, "evt.arg.addr", "NULL");
}

static void unix_sockets(void **data)
{
    (void)data;
    make_socket(5, AF_UNIX, SOCK_STREAM);
    expect(&world, "fd.type", "unix");
    start_connect(5);
    put_un(&args.address, &args.address_n, "/var/run/docker.sock", 21);
    facts.ino = 0xabc;
    happens();
    expect(&world, "fd.name", "abc->0 /var/run/docker.sock");
    expect(&world, "evt.arg.addr", "/var/run/docker.sock");
    start_connect(5);
    put_un(&args.address, &args.address_n, "\0abstract", 9);
    happens();
    expect(&world, "evt.arg.addr", "abstract");
    start_connect(5);
    static char whole[108];
    memset(whole, 'p', sizeof(whole));
    put_un(&args.address, &args.address_n, whole, sizeof(whole));
    event_of_call(&args, &outcome, &made);
    assert_int_equal(event_param(&made.event, 3).n, 110);
    args.address_n = 2; /* unnamed */
    event_of_call(&args, &outcome, &made);
    assert_int_equal(event_param(&made.event, 3).n, 2);
    args.address_n = 1; /* not even a family */
    event_of_call(&args, &outcome, &made);
    assert_int_equal(event_param(&made.event, 3).n, 0);
}

static void servers(void **data)
{
    (void)data;
    make_socket(5, AF_INET, SOCK_STREAM);
    start(NAME_bind);
    args.reg[0] = 5;
    put_in(&args.address, &args.address_n, "0.0.0.0", 4444);
    happens();
    expect(&world, "fd.name", "0.0.0.0:4444");
    expect(&world, "fd.sport", "4444");
    expect(&world, "fd.is_server", "true");
    expect(&world, "evt.arg.addr", "0.0.0.0:4444");
    start(NAME_listen);
    regs(5, 128, 0, 0);
    happens();
    expect(&world, "evt.arg.backlog", "128");
    start(NAME_accept4);
    regs(5, 0, 0, SOCK_CLOEXEC);
    outcome.result = 6;
    outcome.socket = &facts;
    put_in(&facts.local, &facts.local_n, "10.0.0.9", 4444);
    put_in(&facts.peer, &facts.peer_n, "203.0.113.7", 50000);
    happens();
    expect(&world, "evt.type", "accept4");
    expect(&world, "fd.num", "6");
    expect(&world, "fd.name", "203.0.113.7:50000->10.0.0.9:4444");
    expect(&world, "fd.cip", "203.0.113.7");
    expect(&world, "fd.sport", "4444");
    expect(&world, "fd.is_server", "true");
    start(NAME_accept);
    regs(5, 0, 0, 0);
    outcome.result = 7;
    outcome.socket = &facts;
    put_in6(&facts.local, &facts.local_n, "::ffff:10.0.0.9", 4444);
    put_in6(&facts.peer, &facts.peer_n, "::ffff:203.0.113.8", 50001);
    happens();
    expect(&world, "evt.type", "accept");
    expect(&world, "fd.cip", "203.0.113.8");
    expect(&world, "fd.type", "ipv4");
    outcome.socket = NULL;
    happens();
    expect(&world, "evt.arg.tuple", "NULL");
}

static void datagrams(void **data)
{
    (void)data;
    make_socket(5, AF_INET, SOCK_DGRAM);
    expect(&world, "fd.l4proto", "udp");
    start(NAME_sendto);
    args.reg[0] = 5;
    args.reg[2] = 33;
    outcome.result = 33;
    outcome.socket = &facts;
    put_in(&args.address, &args.address_n, "8.8.8.8", 53);
    happens();
    expect(&world, "fd.sip", "8.8.8.8");
    expect(&world, "fd.sport", "53");
    expect(&world, "fd.l4proto", "udp");
    expect(&world, "evt.arg.size", "33");
    expect(&world, "fd.name_changed", "true");
    start(NAME_sendmsg);
    args.reg[0] = 5;
    args.send_size = 40;
    outcome.result = 40;
    outcome.socket = &facts;
    put_in(&args.address, &args.address_n, "8.8.4.4", 53);
    happens();
    expect(&world, "fd.sip", "8.8.4.4");
    expect(&world, "evt.arg.size", "40");
    start(NAME_sendmmsg);
    args.reg[0] = 5;
    outcome.result = 1;
    outcome.socket = &facts;
    put_in(&facts.peer, &facts.peer_n, "9.9.9.9", 53); /* connected: no address given */
    happens();
    expect(&world, "fd.sip", "9.9.9.9");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(connections),
        TEST(unix_sockets),
        TEST(servers),
        TEST(datagrams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
