/*
 * demand_need: what the files of demand share; nobody else includes it.
 *
 *   demand.c         a rule's clause from its condition; access, results, paths
 *   demand_socket.c  sockets: families, protocols, ends
 *   demand_set.c     sets of ports and networks
 *   demand_pass.c    applies clauses to an event
 */
#pragma once

#include "rules/matcher_internal.h"

/* Calls whose clauses are made in the same way. */
enum demand_call {
    CALL_PLAIN,
    CALL_OPEN,
    CALL_SOCKET,
    CALL_CONNECT,
    CALL_BIND,
    CALL_LISTEN,
    CALL_ACCEPT,
    CALL_SEND,
    CALL_RECEIVE,
    CALL_KINDS,
};

struct demand {
    struct demand_kind kinds[NAME_MAX_ID];
    uint8_t calls[NAME_MAX_ID]; /* enum demand_call */
};

#define ACCESS_ANY     UINT8_MAX
#define VIA_ANY        UINT8_MAX
#define PROTOCOLS_ANY  ((uint8_t)(DEMAND_TCP | DEMAND_UDP | DEMAND_OTHER_PROTOCOL))
#define FAMILIES_UNIX  DEMAND_FAMILY(1)
#define FAMILIES_IPV4  DEMAND_FAMILY(2)
#define FAMILIES_IPV6  DEMAND_FAMILY(10)
#define FAMILIES_IP    (FAMILIES_IPV4 | FAMILIES_IPV6)
#define FAMILIES_OTHER (~(FAMILIES_UNIX | FAMILIES_IP))

/* What an event must be for a node to be true. */
struct need {
    uint8_t access;
    uint8_t via; /* a bit for each enum event_via */
    bool ok, in_progress, failed;
    bool any_path;
    struct path_predicate *paths;
    uint32_t npaths, capacity;
    /* It can also be true where nothing is known of the socket, whatever the call's address: then what
     * is said of the socket counts for nothing. */
    bool unknown;
    struct demand_socket socket;
};

struct builder {
    struct matcher *m;
    struct arena *arena;
    enum demand_call call;
};

/* demand_socket.c: what a check says of the socket (and of results, where the socket's state follows
 * from them); *need is the need of any event. */
int need_of_socket(struct builder *b, const struct check *check, bool negated, struct need *need);
int socket_need_and(struct arena *arena, struct demand_socket *a, const struct demand_socket *b);
int socket_need_or(struct arena *arena, struct demand_socket *a, const struct demand_socket *b);
bool socket_need_is_all(const struct demand_socket *socket);

/* demand_set.c: sets of at most DEMAND_SET_MAX items; more is no test. *a becomes what holds wherever
 * both (and), or either (or), hold. 0 or -ENOMEM. */
#define DEMAND_SET_MAX 1024
int end_and(struct arena *arena, struct demand_end *a, const struct demand_end *b, bool is_some);
int end_or(struct arena *arena, struct demand_end *a, const struct demand_end *b);
/* The ranges, in any order and sorted here, become the end's test; `outside`: all but these. */
int end_ports(struct arena *arena, struct demand_end *end, struct port_range *ranges, uint32_t n,
              bool outside);
bool net_has(const struct ipnet *net, const struct ip *ip);
