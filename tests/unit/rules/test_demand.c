/*
 * test_demand: the clauses of socket calls, test by test, and what they let pass. That they never lose a
 * match is shown by the property test.
 */
#include "made_rules.h"
#include "world.h"

#include "../event/make_event.h"
#include "rules/demand.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#define T0   UINT64_C(1600000000000000000)
#define TID  100
#define IP   (DEMAND_FAMILY(2) | DEMAND_FAMILY(10))
#define NONE UINT64_MAX

struct fixture {
    struct made_rules made;
    struct world world;
    struct view view;
    struct matcher *matcher;
};

static void begin(struct fixture *f, const char *condition)
{
    struct err err = { 0 };
    struct matcher_options options = { .all = true, .threads_max = 64 };
    *f = (struct fixture){ .matcher = NULL };
    assert_int_equal(made_rules_init(&f->made, 1, (size_t)64 << 20), 0);
    assert_int_equal(world_init(&f->world, 3), 0);
    assert_int_equal(scratch_init(&f->view.scratch), 0);
    f->view.state = f->world.state;
    if (made_rules_add(&f->made, "rule", condition, &err) < 0) {
        fail_msg("%s: %s", condition, err.message);
    }
    assert_int_equal(matcher_new(&f->made.ruleset, NULL, &options, &f->matcher, &err), 0);
}

static void end(struct fixture *f)
{
    matcher_free(f->matcher);
    made_rules_done(&f->made);
    world_done(&f->world);
    scratch_done(&f->view.scratch);
}

static const struct demand_clause *clause_of(struct fixture *f, const char *name)
{
    const struct demand_kind *kind = demand_of(matcher_demand(f->matcher), name_find(str_of(name)));
    assert_true(kind->wanted);
    assert_int_equal(kind->nclauses, 1);
    return &kind->clauses[0];
}

static bool passes(struct fixture *f, struct event *event)
{
    state_apply(f->world.state, event);
    f->view.event = event;
    f->view.scratch.n = 0;
    bool ok = demand_passes(matcher_demand(f->matcher), &f->view);
    state_settle(f->world.state, event);
    return ok;
}

static void make_socket(struct fixture *f, int64_t fd, unsigned domain, unsigned type)
{
    passes(f, make_event(KIND_SOCKET_X, TID, T0, "qwww", fd, domain, type, 0));
}

static bool connects(struct fixture *f, const char *ip, unsigned port, int64_t result)
{
    bool is_6 = strchr(ip, ':') != NULL;
    make_socket(f, 5, is_6 ? 10 : 2, 1);
    return passes(f, make_event(KIND_CONNECT_X, TID, T0, "qTqA", result,
                                is_6 ? "::ffff:10.9.9.9" : "10.9.9.9", 40000, ip, port, (int64_t)5,
                                ip, port));
}

/* What stock rules call outbound. */
static void test_outbound(void **state)
{
    (void)state;
    static const struct {
        const char *ip;
        int64_t result;
        bool passes;
    } cases[] = {
        { "8.8.8.8", 0, true },        { "8.8.8.8", -115, true },
        { "8.8.8.8", -111, false },    { "10.1.2.3", 0, false },
        { "127.0.0.1", 0, false },     { "0.0.0.0", 0, false },
        { "2001:db8::1", 0, true },    { "::ffff:10.1.2.3", 0, false },
        { "::ffff:8.8.8.8", 0, true }, { "172.31.255.255", 0, false },
        { "172.32.0.0", -115, true },  { "192.168.0.1", -115, false },
    };
    struct fixture f;
    begin(&f, "evt.type = connect and (fd.typechar = 4 or fd.typechar = 6) and "
              "(fd.ip != 0.0.0.0 and fd.net != 127.0.0.0/8 and "
              "not fd.snet in (10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16)) and "
              "(evt.rawres >= 0 or evt.res = EINPROGRESS)");
    const struct demand_clause *clause = clause_of(&f, "connect");
    assert_true(clause->want_ok && clause->want_in_progress && !clause->want_failed);
    assert_non_null(clause->socket);
    assert_int_equal(clause->socket->families, IP);
    assert_int_equal(clause->socket->peer.nnot_nets, 3);
    assert_int_equal(clause->socket->some.nnot_nets, 2);
    assert_int_equal(clause->socket->peer.nnets + clause->socket->own.nnets, 0);
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        if (connects(&f, cases[i].ip, 80, cases[i].result) != cases[i].passes) {
            fail_msg("%s %lld", cases[i].ip, (long long)cases[i].result);
        }
    }
    assert_false(passes(&f, make_event(KIND_CONNECT_X, TID, T0, "qUqA", (int64_t)0, (uint64_t)1,
                                       (uint64_t)2, "/x", (int64_t)9, NULL, "/x")));
    end(&f);
}

static void test_ports(void **state)
{
    (void)state;
    static const struct {
        const char *condition;
        uint32_t n;
        struct port_range first, last;
    } cases[] = {
        { "fd.sport = 22", 1, { 22, 22 }, { 22, 22 } },
        { "fd.sport in (443, 22, 23, 22)", 2, { 22, 23 }, { 443, 443 } },
        { "fd.sport >= 30000 and fd.sport <= 32767", 1, { 30000, 32767 }, { 30000, 32767 } },
        { "fd.sport > 65534 or fd.sport < 1", 2, { 0, 0 }, { 65535, 65535 } },
        { "fd.sport != 22", 2, { 0, 21 }, { 23, 65535 } },
        { "fd.type exists and not fd.sport in (0, 65535)", 1, { 1, 65534 }, { 1, 65534 } },
        { "fd.rport = 22 and fd.sport != 23", 1, { 22, 22 }, { 22, 22 } },
        { "fd.sport >= 0", 0, { 0, 0 }, { 0, 0 } },
        { "fd.sport = 22 or fd.sport exists", 0, { 0, 0 }, { 0, 0 } },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct fixture f;
        char text[256];
        snprintf(text, sizeof(text), "evt.type = connect and fd.type = ipv4 and (%s)",
                 cases[i].condition);
        begin(&f, text);
        const struct demand_end *peer = &clause_of(&f, "connect")->socket->peer;
        assert_int_equal(peer->nports, cases[i].n);
        if (peer->nports) {
            assert_memory_equal(&peer->ports[0], &cases[i].first, sizeof(cases[i].first));
            assert_memory_equal(&peer->ports[peer->nports - 1], &cases[i].last,
                                sizeof(cases[i].last));
        }
        end(&f);
    }
}

/* Sets at their limit and beyond it. */
static void test_limits(void **state)
{
    (void)state;
    for (unsigned n = 1023; n <= 1025; n++) {
        struct fixture f;
        char text[16384];
        size_t at = (size_t)snprintf(text, sizeof(text), "evt.type = connect and fd.sport in (0");
        for (unsigned i = 1; i < n; i++) {
            at += (size_t)snprintf(text + at, sizeof(text) - at, ",%u", i * 2);
        }
        snprintf(text + at, sizeof(text) - at, ")");
        begin(&f, text);
        assert_int_equal(clause_of(&f, "connect")->socket->peer.nports, n <= 1024 ? n : 0);
        end(&f);
    }
}

/* Which end a field is of, by the call; families and results that follow. */
static void test_ends(void **state)
{
    (void)state;
    static const struct {
        const char *condition, *name;
        uint32_t peer, own, some;
        uint64_t families;
    } cases[] = {
        { "fd.sip = 1.2.3.4", "connect", 1, 0, 0, IP },
        { "fd.cip = 1.2.3.4", "connect", 0, 1, 0, IP },
        { "fd.rip in (1.2.3.4, 1.2.3.5)", "connect", 2, 0, 0, IP },
        { "fd.ip = 1.2.3.4", "connect", 0, 0, 1, IP },
        { "fd.net in (1.0.0.0/8, 2.0.0.0/8)", "connect", 0, 0, 1, IP },
        { "fd.sip = 1.2.3.4", "bind", 0, 1, 0, IP },
        { "fd.rip = 1.2.3.4", "bind", 0, 0, 0, IP },
        { "fd.snet in (10.0.0.0/8)", "accept", 0, 1, 0, IP },
        { "fd.cnet in (10.0.0.0/8)", "accept4", 1, 0, 0, IP },
        { "fd.rnet in (10.0.0.0/8)", "accept4", 0, 0, 1, IP },
        { "fd.snet in (10.0.0.0/8)", "sendto", 1, 0, 0, IP },
        { "fd.snet in (10.0.0.0/8)", "recvfrom", 0, 0, 1, IP },
        { "fd.snet in (10.0.0.0/8)", "listen", 0, 0, 0, IP },
        { "fd.sip = 1.2.3.4 and fd.typechar = 4", "connect", 1, 0, 0, DEMAND_FAMILY(2) },
        { "fd.type in (unix, ipv6)", "connect", 0, 0, 0, DEMAND_FAMILY(1) | DEMAND_FAMILY(10) },
        { "fd.type = unix or fd.sip = 1.2.3.4", "connect", 1, 0, 0, IP | DEMAND_FAMILY(1) },
        { "fd.sockfamily = ip", "sendmsg", 0, 0, 0, IP },
        { "evt.arg.domain contains AF_PACKET", "socket", 0, 0, 0, 0 },
        { "not fd.sip = 1.2.3.4", "connect", 0, 0, 0, NONE },
        { "fd.typechar = o", "connect", 0, 0, 0, NONE },
        { "fd.typechar = 4", "accept", 0, 0, 0, NONE },
        { "fd.sip = 1.2.3.4 or proc.name = x", "connect", 0, 0, 0, NONE },
        { "fd.sip = 1.2.3.4", "read", 0, 0, 0, NONE },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct fixture f;
        char text[256];
        snprintf(text, sizeof(text), "evt.type = %s and (%s)", cases[i].name, cases[i].condition);
        begin(&f, text);
        const struct demand_socket *socket = clause_of(&f, cases[i].name)->socket;
        if ((socket != NULL) != (cases[i].families != NONE)) {
            fail_msg("%s", text);
        }
        if (socket && (socket->peer.nnets != cases[i].peer || socket->own.nnets != cases[i].own ||
                       socket->some.nnets != cases[i].some ||
                       (cases[i].families && socket->families != cases[i].families))) {
            fail_msg("%s: %u %u %u %llx", text, socket->peer.nnets, socket->own.nnets,
                     socket->some.nnets, (unsigned long long)socket->families);
        }
        end(&f);
    }
}

static void test_domain(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "evt.type = socket and evt.arg.domain contains AF_PACKET");
    for (unsigned domain = 0; domain < 70; domain++) {
        bool is_named = domain != 18 && domain <= 40; /* the format's table of families */
        struct event *event = make_event(KIND_SOCKET_X, TID, T0, "qwww", (int64_t)5, domain, 3, 0);
        bool passed = passes(&f, event);
        if (domain == 17 || !is_named) {
            assert_true(domain != 17 || passed);
        } else if (domain == 1 || domain == 2 || domain == 10 || domain == 16) {
            assert_false(passed);
        }
    }
    end(&f);
}

static void test_protocol(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "evt.type in (connect, sendto) and fd.l4proto = udp and fd.name_changed = true");
    const struct demand_clause *clause = clause_of(&f, "sendto");
    assert_true(clause->want_ok && !clause->want_in_progress && !clause->want_failed);
    assert_int_equal(clause->socket->protocols, DEMAND_UDP | DEMAND_OTHER_PROTOCOL);
    clause = clause_of(&f, "connect");
    assert_true(clause->want_ok && clause->want_in_progress && !clause->want_failed);
    assert_int_equal(clause->socket->protocols, DEMAND_UDP);
    assert_false(connects(&f, "8.8.8.8", 53, 0));
    make_socket(&f, 6, 2, 2);
    assert_true(passes(&f, make_event(KIND_CONNECT_X, TID, T0, "qTqA", (int64_t)0, "10.9.9.9", 4000,
                                      "8.8.8.8", 53, (int64_t)6, "8.8.8.8", 53)));
    end(&f);
}

/* A socket that was bound is a server's: which end a field shows is not the call's to say. */
static void test_server(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "evt.type = connect and fd.rip = 8.8.8.8 and fd.net != 127.0.0.0/8");
    assert_false(connects(&f, "8.8.4.4", 53, 0));
    assert_true(connects(&f, "8.8.8.8", 53, 0));
    make_socket(&f, 7, 2, 1);
    passes(&f, make_event(KIND_BIND_X, TID, T0, "qAq", (int64_t)0, "8.8.8.8", 999, (int64_t)7));
    assert_true(passes(&f, make_event(KIND_CONNECT_X, TID, T0, "qTqA", (int64_t)0, "8.8.8.8", 999,
                                      "8.8.4.4", 53, (int64_t)7, "8.8.4.4", 53)));
    assert_false(passes(&f, make_event(KIND_CONNECT_X, TID, T0, "qTqA", (int64_t)0, "8.8.8.8", 999,
                                       "127.0.0.1", 53, (int64_t)7, "127.0.0.1", 53)));
    end(&f);
}

static void test_results(void **state)
{
    (void)state;
    static const struct {
        const char *condition;
        bool ok, in_progress, failed;
    } cases[] = {
        { "evt.rawres >= 0", true, false, false },
        { "evt.rawres > -2", true, false, true },
        { "evt.rawres < 0", false, true, true },
        { "evt.rawres = -115", false, true, true },
        { "evt.rawres in (0, 1)", true, false, false },
        { "evt.rawres != 0", true, true, true },
        { "evt.res = SUCCESS", true, false, false },
        { "evt.res != SUCCESS", false, true, true },
        { "evt.res = EINPROGRESS", false, true, false },
        { "evt.res in (SUCCESS, EINPROGRESS)", true, true, false },
        { "evt.res in (SUCCESS, ECONNREFUSED)", true, false, true },
        { "evt.res startswith E", false, true, true },
        { "not evt.res = SUCCESS", false, true, true },
        { "not evt.res != SUCCESS", true, false, false },
        { "evt.failed = false", true, false, false },
        { "not evt.failed = false", false, true, true },
        { "fd.connected = true", true, false, false },
        { "fd.connected = false", false, true, true },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct fixture f;
        char text[256];
        snprintf(text, sizeof(text), "evt.type = connect and %s", cases[i].condition);
        begin(&f, text);
        const struct demand_clause *clause = clause_of(&f, "connect");
        if (clause->want_ok != cases[i].ok || clause->want_in_progress != cases[i].in_progress ||
            clause->want_failed != cases[i].failed) {
            fail_msg("%s: %d %d %d", text, clause->want_ok, clause->want_in_progress,
                     clause->want_failed);
        }
        end(&f);
    }
}

static bool passes_failed(struct fixture *f, const char *raw, const char *path)
{
    return demand_passes_failed(matcher_demand(f->matcher), NAME_openat, VIA_SYSCALL, str_of(raw),
                                str_of(path));
}

static void test_failed(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "evt.type=openat and fd.num>=0 and fd.name startswith /etc");
    assert_false(passes_failed(&f, "/etc/x", "/etc/x"));
    end(&f);
    begin(&f, "evt.type=openat and fd.name startswith /etc");
    assert_true(passes_failed(&f, "x", "/etc/x"));
    assert_true(passes_failed(&f, "/etc/x", "/x"));
    assert_false(passes_failed(&f, "etc", "/usr/etc"));
    assert_false(demand_passes_failed(matcher_demand(f.matcher), NAME_mkdir, VIA_SYSCALL,
                                      STR("/etc/x"), STR("/etc/x")));
    end(&f);
    begin(&f, "evt.type=openat and evt.res=ENOENT");
    assert_true(passes_failed(&f, "x", "/x"));
    end(&f);
}

/* Rules about calls of other conventions must not make all failures of the usual ones count. */
static void test_via(void **state)
{
    (void)state;
    static const struct {
        const char *condition;
        unsigned via;
    } cases[] = {
        { "evt.via = x32", 1U << VIA_X32 },
        { "not evt.via = x32", ((1U << VIA_COUNT) - 1) & ~(1U << VIA_X32) },
        { "evt.via != network", (1U << VIA_NETWORK) - 1 },
        { "evt.via in (ia32, x32)", 1U << VIA_IA32 | 1U << VIA_X32 },
        { "evt.via startswith sys", 1U << VIA_SYSCALL },
        { "(evt.via = x32 or evt.via = io_uring)", 1U << VIA_IO_URING | 1U << VIA_X32 },
        { "evt.via in (ia32, x32) and evt.via != ia32", 1U << VIA_X32 },
        { "(evt.via = x32 or fd.num >= 0)", UINT8_MAX },
        { "tolower(evt.via) = x32", UINT8_MAX },
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct fixture f;
        char text[256];
        snprintf(text, sizeof(text), "evt.type = openat and %s", cases[i].condition);
        begin(&f, text);
        const struct demand_clause *clause = clause_of(&f, "openat");
        if (clause->via != cases[i].via) {
            fail_msg("%s: %#x", text, clause->via);
        }
        const struct demand *demand = matcher_demand(f.matcher);
        for (uint8_t via = 0; via <= VIA_COUNT; via++) {
            bool passes = via == VIA_COUNT || cases[i].via >> via & 1;
            assert_int_equal(demand_passes_failed(demand, NAME_openat, via, STR("x"), STR("/x")),
                             passes);
        }
        end(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_outbound), cmocka_unit_test(test_ports),
        cmocka_unit_test(test_limits),   cmocka_unit_test(test_ends),
        cmocka_unit_test(test_domain),   cmocka_unit_test(test_protocol),
        cmocka_unit_test(test_server),   cmocka_unit_test(test_results),
        cmocka_unit_test(test_failed),   cmocka_unit_test(test_via),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
