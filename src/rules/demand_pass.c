/*
 * demand_pass: would a sensor that applies the demand deliver this event?
 *
 * Of a socket's address only what the call itself says is used, with what the state knows of the
 * descriptor beside it (its family, its protocol, whether it is a server's): so that what is shown of
 * this function holds for sensors that look at nothing else. Addresses can be in more than one
 * parameter (what the caller gave before and after the call, what the kernel made of it); any of them
 * will do.
 */
#include "rules/demand_need.h"

#include "event/sockaddr.h"
#include "event/state.h"

#include <errno.h>
#include <netinet/in.h>

#define PEERS_MAX 3

struct endpoint {
    struct ip ip;
    uint16_t port;
};

/* What an event says of its socket. */
struct ends {
    uint64_t families; /* it may be of any of these */
    uint8_t protocols;
    bool decided;          /* by the call's address: peers and own are what fields show */
    bool ordered;          /* and which of them is which */
    uint32_t npeers, nown; /* 0: not known */
    struct endpoint peers[PEERS_MAX], own;
};

static uint64_t family_of(const struct fdinfo *fd)
{
    switch (fd ? (enum fd_type)fd->type : FD_UNKNOWN) {
    case FD_UNKNOWN:
        return fd ? FAMILIES_OTHER : DEMAND_FAMILY_ANY;
    case FD_IPV4_SOCK:
    case FD_IPV4_SERVSOCK:
        return FAMILIES_IPV4;
    case FD_IPV6_SOCK:
    case FD_IPV6_SERVSOCK:
        return FAMILIES_IPV6;
    case FD_UNIX_SOCK:
        return FAMILIES_UNIX;
    default:
        return FAMILIES_OTHER;
    }
}

static bool is_ip(const struct fdinfo *fd)
{
    return fd->type >= FD_IPV4_SOCK && fd->type <= FD_IPV6_SERVSOCK;
}

static uint8_t protocols_of(const struct fdinfo *fd)
{
    if (!fd || !is_ip(fd)) {
        return PROTOCOLS_ANY;
    }
    return fd->l4proto == IPPROTO_TCP   ? DEMAND_TCP
           : fd->l4proto == IPPROTO_UDP ? DEMAND_UDP
                                        : DEMAND_OTHER_PROTOCOL;
}

static void decide(struct ends *ends, uint8_t family)
{
    ends->families = (ends->decided ? ends->families : 0) | DEMAND_FAMILY(family);
    ends->decided = true;
}

/* `incoming`: the source is the other side. */
static bool take_tuple(struct ends *ends, struct str bytes, bool incoming)
{
    struct sock_tuple t;
    if (socktuple_parse(bytes, &t) < 0) {
        return false;
    }
    socktuple_unmap(&t);
    decide(ends, t.family);
    if (t.family != FAMILY_UNIX) {
        struct endpoint source = { t.sip, t.sport };
        struct endpoint dest = { t.dip, t.dport };
        ends->peers[ends->npeers++] = incoming ? source : dest;
        ends->own = incoming ? dest : source;
        ends->nown = 1;
    }
    return true;
}

static bool take_address(struct ends *ends, struct str bytes, bool own)
{
    struct sock_address a;
    if (sockaddr_parse(bytes, &a) < 0) {
        return false;
    }
    struct endpoint endpoint = { ip_unmapped(&a.ip), a.port };
    if (a.family == FAMILY_UNIX) {
        decide(ends, a.family);
        return true;
    }
    decide(ends, endpoint.ip.family == 4 ? FAMILY_INET : FAMILY_INET6);
    if (own) {
        ends->own = endpoint;
        ends->nown = 1;
    } else {
        ends->peers[ends->npeers++] = endpoint;
    }
    return true;
}
/* Is the socket a stream's, whose sends have no say in where it leads? */
static bool is_stream(const struct fdinfo *fd)
{
    return fd && is_ip(fd) && fd->l4proto == IPPROTO_TCP && fd->name.n;
}

static struct str tuple_of(const struct event *event)
{
    int i = kind_param(event->kind, STR("tuple"));
    return i < 0 ? (struct str){ 0 } : event_param(event, (unsigned)i);
}

static void connect_ends(const struct event *event, struct ends *ends)
{
    take_tuple(ends, event_param(event, 1), false);
    take_address(ends, event_param(event, 3), false);
    take_address(ends, state_enter_param(event, 1), false);
}

static void bind_ends(const struct event *event, struct ends *ends)
{
    struct sock_address a;
    struct str bytes = event_param(event, 1);
    if (sockaddr_parse(bytes, &a) == 0 && a.family != FAMILY_UNIX && a.port > 0) {
        take_address(ends, bytes, true);
    }
}

static void transfer_ends(const struct event *event, bool incoming, struct ends *ends)
{
    if (!is_stream(event->fd) && !take_tuple(ends, tuple_of(event), incoming) && !incoming) {
        take_tuple(ends, state_enter_param(event, 2), false);
    }
}

static void socket_family(const struct event *event, struct ends *ends)
{
    struct str domain = event_param(event, 1);
    if (kind_is_exit(event->kind) && domain.n) {
        ends->families = DEMAND_FAMILY(number_u64(domain, UINT64_MAX));
    }
}

static void ends_of(const struct event *event, enum demand_call call, struct ends *ret)
{
    int64_t result = -1;
    bool ended = kind_is_exit(event->kind) && event_result(event, &result);
    bool serves = event->fd && (event->fd->flags & FD_ROLE_SERVER);
    *ret = (struct ends){ .families = family_of(event->fd),
                          .protocols = protocols_of(event->fd),
                          .ordered = call == CALL_ACCEPT || call == CALL_BIND || !serves };
    if (call == CALL_SOCKET) {
        socket_family(event, ret);
    } else if (call == CALL_CONNECT && ended && (result >= 0 || result == -EINPROGRESS)) {
        connect_ends(event, ret);
    } else if (call == CALL_BIND && ended && result >= 0) {
        bind_ends(event, ret);
    } else if (call == CALL_ACCEPT && ended && result >= 0) {
        take_tuple(ret, event_param(event, 1), true);
    } else if ((call == CALL_SEND || call == CALL_RECEIVE) && ended && result >= 0) {
        transfer_ends(event, call == CALL_RECEIVE, ret);
    }
}

static bool port_is_in(const struct demand_end *end, uint16_t port)
{
    for (uint32_t i = 0; i < end->nports; i++) {
        if (port >= end->ports[i].first && port <= end->ports[i].last) {
            return true;
        }
    }
    return end->nports == 0;
}

static bool ip_is_in(const struct ipnet *nets, uint32_t n, const struct ip *ip)
{
    for (uint32_t i = 0; i < n; i++) {
        if (net_has(&nets[i], ip)) {
            return true;
        }
    }
    return false;
}

static bool endpoint_passes(const struct demand_end *end, const struct endpoint *e)
{
    return port_is_in(end, e->port) &&
           (end->nnets == 0 || ip_is_in(end->nets, end->nnets, &e->ip)) &&
           !ip_is_in(end->not_nets, end->nnot_nets, &e->ip);
}

/* n == 0: not known. */
static bool any_passes(const struct demand_end *end, const struct endpoint *endpoints, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (endpoint_passes(end, &endpoints[i])) {
            return true;
        }
    }
    return n == 0;
}

/* Ports of one end, networks of one end, and no end in what is excluded. Only bind has but one. */
static bool some_passes(const struct demand_end *some, const struct ends *ends, bool alone)
{
    const struct demand_end ports = { .ports = some->ports, .nports = some->nports };
    const struct demand_end nets = { .nets = some->nets, .nnets = some->nnets };
    const struct demand_end not_nets = { .not_nets = some->not_nets, .nnot_nets = some->nnot_nets };
    bool port = any_passes(&ports, &ends->own, ends->nown) ||
                (!alone && any_passes(&ports, ends->peers, ends->npeers));
    bool net = any_passes(&nets, &ends->own, ends->nown) ||
               (!alone && any_passes(&nets, ends->peers, ends->npeers));
    return port && net && any_passes(&not_nets, &ends->own, ends->nown) &&
           any_passes(&not_nets, ends->peers, ends->npeers);
}

static bool socket_passes(const struct demand_socket *socket, const struct ends *ends,
                          enum demand_call call)
{
    if (!(socket->families & ends->families)) {
        return false;
    }
    if (!(ends->families & FAMILIES_IP) || ends->families & ~FAMILIES_IP) {
        return true;
    }
    if (!(socket->protocols & ends->protocols)) {
        return false;
    }
    if (!ends->decided) {
        return true;
    }
    bool ordered = !ends->ordered || (any_passes(&socket->peer, ends->peers, ends->npeers) &&
                                      any_passes(&socket->own, &ends->own, ends->nown));
    return ordered && some_passes(&socket->some, ends, call == CALL_BIND);
}

static bool is_true(enum field_id id, struct view *view)
{
    struct field_ref ref = { .id = id, .type = TYPE_BOOL };
    struct extracted value;
    field_extract(&ref, view, &value);
    return value.n && value.v[0].u;
}

static uint8_t access_of(struct view *view)
{
    unsigned access = (is_true(FIELD_EVT_IS_OPEN_READ, view) ? DEMAND_READ : 0U) |
                      (is_true(FIELD_EVT_IS_OPEN_WRITE, view) ? DEMAND_WRITE : 0U) |
                      (is_true(FIELD_EVT_IS_OPEN_CREATE, view) ? DEMAND_CREATE : 0U) |
                      (is_true(FIELD_EVT_IS_OPEN_EXEC, view) ? DEMAND_EXEC : 0U);
    return (uint8_t)(access ? access : DEMAND_OTHER);
}

static bool path_holds(const struct path_predicate *predicate, struct str path)
{
    switch (predicate->test) {
    case PATH_EQ:
        return str_eq(path, predicate->text);
    case PATH_PREFIX:
        return str_starts(path, predicate->text);
    case PATH_SUFFIX:
        return str_ends(path, predicate->text);
    case PATH_CONTAINS:
        return str_find(path, predicate->text) >= 0;
    case PATH_ICONTAINS:
    default:
        return str_ifind(path, predicate->text) >= 0;
    }
}

/* True also when the path is not known. */
static bool some_path_holds(const struct demand_clause *clause, enum field_id id, struct view *view,
                            bool *ret_known)
{
    struct field_ref ref = { .id = id, .type = TYPE_CHARBUF };
    struct extracted value;
    field_extract(&ref, view, &value);
    if (value.n == 0) {
        return false;
    }
    *ret_known = true;
    for (uint32_t i = 0; i < clause->npaths; i++) {
        if (path_holds(&clause->paths[i], value.v[0].s)) {
            return true;
        }
    }
    return false;
}

static bool paths_pass(const struct demand_clause *clause, struct view *view)
{
    bool known = false;
    if (clause->npaths == 0) {
        return true;
    }
    return some_path_holds(clause, FIELD_FD_NAME, view, &known) ||
           some_path_holds(clause, FIELD_FD_NAMERAW, view, &known) || !known;
}

static bool result_passes(const struct demand_clause *clause, const struct event *event)
{
    int64_t result;
    return !event_result(event, &result) || (result >= 0              ? clause->want_ok
                                             : result == -EINPROGRESS ? clause->want_in_progress
                                                                      : clause->want_failed);
}

static bool via_passes(const struct demand_clause *clause, uint8_t via)
{
    return clause->via == VIA_ANY || via >= VIA_COUNT || clause->via >> via & 1;
}

static bool clause_passes(const struct demand_clause *clause, struct view *view, uint8_t access,
                          const struct ends *ends, enum demand_call call)
{
    return via_passes(clause, view->event->via) && result_passes(clause, view->event) &&
           (clause->access == ACCESS_ANY || clause->access & access) &&
           (!clause->socket || socket_passes(clause->socket, ends, call)) &&
           paths_pass(clause, view);
}

bool demand_passes(const struct demand *demand, struct view *view)
{
    const struct demand_kind *kind = demand_of(demand, view->event->name);
    if (!kind->wanted || kind->everything) {
        return kind->wanted;
    }
    uint8_t access = access_of(view);
    enum demand_call call = (enum demand_call)demand->calls[view->event->name];
    struct ends ends;
    ends_of(view->event, call, &ends);
    for (uint32_t i = 0; i < kind->nclauses; i++) {
        if (clause_passes(&kind->clauses[i], view, access, &ends, call)) {
            return true;
        }
    }
    return false;
}

bool demand_passes_failed(const struct demand *demand, uint16_t name, uint8_t via, struct str raw,
                          struct str path)
{
    const struct demand_kind *kind = demand_of(demand, name);
    bool passes = kind->wanted && kind->everything;
    for (uint32_t i = 0; kind->wanted && i < kind->nclauses && !passes; i++) {
        const struct demand_clause *clause = &kind->clauses[i];
        bool wanted = (clause->want_failed || clause->want_in_progress) && via_passes(clause, via);
        passes = wanted && clause->npaths == 0;
        for (uint32_t j = 0; wanted && j < clause->npaths && !passes; j++) {
            passes = path_holds(&clause->paths[j], raw) || path_holds(&clause->paths[j], path);
        }
    }
    return passes;
}
