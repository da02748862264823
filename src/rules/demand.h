/*
 * demand: what a sensor must deliver so that nothing that would match is lost. Data only; sensors turn
 * it into masks, filters and automata. Always an over-approximation.
 */
#pragma once

#include "base/str.h"
#include "rules/matcher.h"

#include <stdbool.h>
#include <stdint.h>

enum demand_access {
    DEMAND_READ = 1 << 0,
    DEMAND_WRITE = 1 << 1,
    DEMAND_CREATE = 1 << 2,
    DEMAND_EXEC = 1 << 3,
    DEMAND_OTHER = 1 << 4,
};

enum path_test { PATH_EQ, PATH_PREFIX, PATH_SUFFIX, PATH_CONTAINS, PATH_ICONTAINS };

struct path_predicate {
    enum path_test test;
    struct str text;
};

enum demand_protocol {
    DEMAND_TCP = 1 << 0,
    DEMAND_UDP = 1 << 1,
    DEMAND_OTHER_PROTOCOL = 1 << 2,
};

/* Families are a set of bits by AF_* number; what is numbered higher shares the last. */
#define DEMAND_FAMILY(number) (UINT64_C(1) << ((number) < 63 ? (number) : 63))
#define DEMAND_FAMILY_ANY     UINT64_MAX

struct port_range {
    uint16_t first, last;
};

/* What one end of an IP socket must be. A test without items is none. */
struct demand_end {
    const struct port_range *ports; /* any of them; ascending and apart */
    const struct ipnet *nets;       /* in any of them */
    const struct ipnet *not_nets;   /* in none of them; bits behind the prefix mean nothing */
    uint32_t nports, nnets, nnot_nets;
};

/*
 * Tests on the socket of connect, bind, listen, accept, accept4, send, sendto, sendmsg, sendmmsg, recv,
 * recvfrom, recvmsg, recvmmsg; of `socket` there is only the family, its first argument.
 *
 * The ends of the socket are decided by the call itself when
 *   connect          succeeded or is in progress: `peer` is its address, `own` the socket's;
 *   accept, accept4  succeeded: `peer` is who connected;
 *   bind             succeeded with a port that is not 0: `own` is its address;
 *   send*, recv*     succeeded, on a socket that is not TCP, with an address: `peer` is that address.
 * The family then is that of the address, and an IPv4 address mapped into IPv6 is an IPv4 one when both
 * ends are. All other calls pass the tests of ends; their family is that of the socket. An end that a
 * sensor cannot see passes. Of a socket that its process bound to a port or accepted, or, for send* and
 * recv*, of a process with such sockets, peer and own cannot be told apart: only `some` holds.
 */
struct demand_socket {
    uint64_t families;      /* DEMAND_FAMILY() */
    uint8_t protocols;      /* enum demand_protocol; of IP sockets */
    struct demand_end peer; /* the other side */
    struct demand_end own;
    struct demand_end some; /* ports, nets: of one of the ends; not_nets: of both */
};

/* One alternative: an event that fails any of its tests cannot make the rules behind it match. */
struct demand_clause {
    uint8_t access;                              /* enum demand_access, ~0 any */
    uint8_t via;                                 /* a bit for each enum event_via, ~0 any */
    bool want_ok, want_in_progress, want_failed; /* results; in progress: -EINPROGRESS */
    const struct path_predicate *paths;          /* any of them; npaths == 0: no test on the path */
    uint32_t npaths;
    uint32_t rule;                      /* index of the rule it stands for */
    const struct demand_socket *socket; /* NULL: no test on the socket */
};

struct demand_kind {
    bool wanted;     /* some rule can match events of this name */
    bool everything; /* some rule has no usable clause: deliver all */
    const struct demand_clause *clauses;
    uint32_t nclauses;
};

struct demand; /* immutable; owned by the matcher */

const struct demand *matcher_demand(const struct matcher *matcher);
const struct demand_kind *demand_of(const struct demand *demand, uint16_t name);

/* Would a sensor that applies the demand deliver this event? For tests, and sensors in user space. */
bool demand_passes(const struct demand *demand, struct view *view);

/* The same of a call about a path that failed, by the way it was made (enum event_via), how the path was
 * written and where it leads. */
bool demand_passes_failed(const struct demand *demand, uint16_t name, uint8_t via, struct str raw,
                          struct str path);

/*
 * Residuals: the event names (and of opens, the access classes) that could still match for this
 * thread, given what is kept of it. Valid until its generations or the state's epoch change.
 */
struct residual {
    struct nameset names;
    uint8_t open_access; /* enum demand_access over the open family */
};
void matcher_residual(struct matcher *matcher, struct view *view, const struct thread *thread,
                      struct residual *ret);
