/*
 * demand_socket: what a condition needs of the socket an event is about.
 *
 * Two things make a check on a socket true: what the call's address says, and that the descriptor is
 * not known at all, when its fields are missing and their negations hold. `unknown` keeps the second
 * apart: of "fd.typechar = 4 and not fd.snet in (10.0.0.0/8)" the first operand rules it out, so that the
 * network of the second can be tested; alone it cannot.
 *
 * Which end a field shows follows from the call (demand.h). Tests of families, protocols and ends are
 * about different things and combined one by one; of an `or`, an operand for which no IP socket will do
 * has no say in what IP sockets must be.
 */
#include "rules/demand_need.h"

#include "event/flags.h"

#include <errno.h>
#include <stdlib.h>

enum end { END_PEER, END_OWN, END_SOME, END_NONE };

enum side { SIDE_SERVER, SIDE_CLIENT, SIDE_REMOTE, SIDE_LOCAL, SIDE_BOTH };

static bool holds_for_text(const struct check *check, const char *text)
{
    struct value value = { .type = TYPE_CHARBUF, .s = str_of(text) };
    struct extracted left = { .v = &value, .n = 1 };
    return check_holds(check, &left, NULL);
}

static bool can_be(const struct check *check, bool negated, const char *text)
{
    return holds_for_text(check, text) != negated;
}

/* Could a value other than these make it true? */
static bool can_be_another(const struct check *check, bool negated, const char *const *texts)
{
    if (negated || (check->op != OP_EQ && check->op != OP_IN)) {
        return true;
    }
    for (uint32_t i = 0; i < check->nconstants; i++) {
        for (uint32_t j = 0; check->constants[i].strs && j < check->constants[i].n; j++) {
            bool known = false;
            for (const char *const *text = texts; *text; text++) {
                known = known || str_eqz(check->constants[i].strs[j], *text);
            }
            if (!known) {
                return true;
            }
        }
    }
    return false;
}

/* fd.typechar, fd.type, fd.sockfamily: texts of IPv4, IPv6 and Unix sockets. */
static void need_of_family(const struct check *check, bool negated, const char *const texts[4],
                           struct need *need)
{
    need->socket.families = (can_be(check, negated, texts[0]) ? FAMILIES_IPV4 : 0) |
                            (can_be(check, negated, texts[1]) ? FAMILIES_IPV6 : 0) |
                            (can_be(check, negated, texts[2]) ? FAMILIES_UNIX : 0) |
                            (can_be_another(check, negated, texts) ? FAMILIES_OTHER : 0);
    need->unknown = negated;
}

/* A descriptor that is not known is of type 'o', or what accept would have made; 'u' is not only
 * Unix. */
static void need_of_typechar(const struct builder *b, const struct check *check, bool negated,
                             struct need *need)
{
    static const char *const texts[] = { "4", "6", "u", NULL };
    need_of_family(check, negated, texts, need);
    if (can_be(check, negated, "u")) {
        need->socket.families |= FAMILIES_OTHER;
    }
    need->unknown = negated || can_be(check, false, b->call == CALL_ACCEPT ? "4" : "o");
}

static void need_of_protocol(const struct builder *b, const struct check *check, bool negated,
                             struct need *need)
{
    bool tcp = can_be(check, negated, "tcp");
    bool udp = can_be(check, negated, "udp");
    bool none = can_be(check, negated, "<NA>");
    bool other = none || can_be(check, negated, "icmp") || can_be(check, negated, "raw");
    bool transfers = b->call == CALL_SEND || b->call == CALL_RECEIVE;
    other |= (tcp && b->call == CALL_ACCEPT) || (udp && transfers);
    need->socket.protocols = (uint8_t)((tcp ? DEMAND_TCP : 0U) | (udp ? DEMAND_UDP : 0U) |
                                       (other ? DEMAND_OTHER_PROTOCOL : 0U));
    need->socket.families = none ? DEMAND_FAMILY_ANY : FAMILIES_IP;
    need->unknown = negated;
}

/* The first argument of `socket`, which every event of it has. */
static void need_of_domain(const struct check *check, bool negated, struct need *need)
{
    uint64_t families = 0;
    for (uint32_t i = 0; i < 63; i++) {
        const char *name = flags_enum(flags_socket_families, i);
        families |= !name || can_be(check, negated, name) ? DEMAND_FAMILY(i) : 0;
    }
    need->socket.families = families | DEMAND_FAMILY(63);
    need->unknown = false;
}

static bool side_of(enum field_id id, enum side *ret)
{
    switch (id) {
    case FIELD_FD_SIP:
    case FIELD_FD_SPORT:
    case FIELD_FD_SNET:
        *ret = SIDE_SERVER;
        return true;
    case FIELD_FD_CIP:
    case FIELD_FD_CPORT:
    case FIELD_FD_CNET:
        *ret = SIDE_CLIENT;
        return true;
    case FIELD_FD_RIP:
    case FIELD_FD_RPORT:
    case FIELD_FD_RNET:
        *ret = SIDE_REMOTE;
        return true;
    case FIELD_FD_LIP:
    case FIELD_FD_LPORT:
    case FIELD_FD_LNET:
        *ret = SIDE_LOCAL;
        return true;
    case FIELD_FD_IP:
    case FIELD_FD_PORT:
    case FIELD_FD_PROTO:
    case FIELD_FD_NET:
        *ret = SIDE_BOTH;
        return true;
    default:
        return false;
    }
}

/* accept: which side is remote depends on whether the peer is this machine. */
static enum end end_of(enum demand_call call, enum side side)
{
    static const enum end ends[CALL_KINDS][SIDE_BOTH] = {
        [CALL_PLAIN] = { END_NONE, END_NONE, END_NONE, END_NONE },
        [CALL_OPEN] = { END_NONE, END_NONE, END_NONE, END_NONE },
        [CALL_SOCKET] = { END_NONE, END_NONE, END_NONE, END_NONE },
        [CALL_CONNECT] = { END_PEER, END_OWN, END_PEER, END_OWN },
        [CALL_BIND] = { END_OWN, END_NONE, END_NONE, END_NONE },
        [CALL_LISTEN] = { END_NONE, END_NONE, END_NONE, END_NONE },
        [CALL_ACCEPT] = { END_OWN, END_PEER, END_SOME, END_SOME },
        [CALL_SEND] = { END_PEER, END_OWN, END_PEER, END_OWN },
        [CALL_RECEIVE] = { END_SOME, END_SOME, END_SOME, END_SOME },
    };
    bool has_ends = call != CALL_LISTEN && call != CALL_SOCKET;
    return side != SIDE_BOTH ? ends[call][side] : has_ends ? END_SOME : END_NONE;
}

/* What the check says of the value it holds for: is it one of the constants, or none of them? */
enum says { SAYS_ONE_OF, SAYS_NONE_OF, SAYS_NOTHING };

static uint32_t count_constants(const struct check *check)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < check->nconstants; i++) {
        n += check->constants[i].n;
    }
    return n;
}

static enum says says_of(const struct check *check, bool negated)
{
    bool any = check->modifier == MODIFIER_NONE || check->modifier == MODIFIER_ANYOF;
    bool is_one = count_constants(check) == 1;
    switch (check->op) {
    case OP_EQ:
    case OP_IN:
    case OP_INTERSECTS:
        return !negated ? SAYS_ONE_OF : any || is_one ? SAYS_NONE_OF : SAYS_NOTHING;
    case OP_NE:
        return !is_one ? SAYS_NOTHING : negated ? SAYS_ONE_OF : SAYS_NONE_OF;
    default:
        return SAYS_NOTHING;
    }
}

/* The numbers for which `number op port` holds; false: none, or another operator. */
static bool range_of(enum ast_op op, uint16_t port, struct port_range *ret)
{
    switch (op) {
    case OP_LT:
        *ret = (struct port_range){ 0, (uint16_t)(port - 1) };
        return port > 0;
    case OP_LE:
        *ret = (struct port_range){ 0, port };
        return true;
    case OP_GT:
        *ret = (struct port_range){ (uint16_t)(port + 1), UINT16_MAX };
        return port < UINT16_MAX;
    case OP_GE:
        *ret = (struct port_range){ port, UINT16_MAX };
        return true;
    default:
        *ret = (struct port_range){ port, port };
        return op == OP_EQ || op == OP_IN || op == OP_INTERSECTS || op == OP_NE;
    }
}

/* Ports or networks of the check; *ret_says: what to make of them. */
static int ports_of(struct builder *b, const struct check *check, bool negated,
                    struct demand_end *ret, enum says *ret_says)
{
    uint32_t n = count_constants(check);
    bool is_order =
        check->op == OP_LT || check->op == OP_LE || check->op == OP_GT || check->op == OP_GE;
    *ret_says = !is_order ? says_of(check, negated)
                : n != 1  ? SAYS_NOTHING
                : negated ? SAYS_NONE_OF
                          : SAYS_ONE_OF;
    if (*ret_says == SAYS_NOTHING || n > DEMAND_SET_MAX) {
        *ret_says = SAYS_NOTHING;
        return 0;
    }
    struct port_range *ranges = ARENA_ARRAY(b->arena, struct port_range, n + 1);
    if (!ranges) {
        return -ENOMEM;
    }
    uint32_t kept = 0;
    for (uint32_t i = 0; i < check->nconstants; i++) {
        for (uint32_t j = 0; check->constants[i].values && j < check->constants[i].n; j++) {
            kept += range_of(check->op, (uint16_t)check->constants[i].values[j].u, &ranges[kept]);
        }
    }
    return end_ports(b->arena, ret, ranges, kept, *ret_says == SAYS_NONE_OF);
}

static int nets_of(struct builder *b, const struct check *check, bool negated,
                   struct demand_end *ret, enum says *ret_says)
{
    uint32_t n = count_constants(check);
    *ret_says = n > DEMAND_SET_MAX || n == 0 ? SAYS_NOTHING : says_of(check, negated);
    if (*ret_says == SAYS_NOTHING) {
        return 0;
    }
    struct ipnet *nets = ARENA_ARRAY(b->arena, struct ipnet, n);
    if (!nets) {
        return -ENOMEM;
    }
    uint32_t kept = 0;
    /* fd.net looks at the first constant only. */
    n = check->left->field.id == FIELD_FD_NET ? 1 : n;
    for (uint32_t i = 0; i < check->nconstants; i++) {
        for (uint32_t j = 0; check->constants[i].values && j < check->constants[i].n && kept < n;
             j++) {
            const struct value *value = &check->constants[i].values[j];
            nets[kept++] = value->type == TYPE_IPNET
                               ? value->net
                               : (struct ipnet){ value->ip, value->ip.family == 4 ? 32 : 128 };
        }
    }
    bool inside = *ret_says == SAYS_ONE_OF;
    ret->nets = inside ? nets : NULL;
    ret->nnets = inside ? kept : 0;
    ret->not_nets = inside ? NULL : nets;
    ret->nnot_nets = inside ? 0 : kept;
    return 0;
}

/* Puts the test where it belongs. `!=` and negations of both ends hold for both. */
static void put_end(struct builder *b, enum side side, const struct demand_end *test,
                    enum says says, struct demand_socket *socket)
{
    enum end end = end_of(b->call, side);
    if (says == SAYS_NOTHING || end == END_NONE) {
        return;
    }
    if (end == END_PEER || end == END_OWN) {
        *(end == END_PEER ? &socket->peer : &socket->own) = *test;
    } else if (says == SAYS_ONE_OF) {
        socket->some = *test;
    } else if (side == SIDE_BOTH) {
        socket->some.not_nets = test->not_nets;
        socket->some.nnot_nets = test->nnot_nets;
        socket->peer.ports = socket->own.ports = test->ports;
        socket->peer.nports = socket->own.nports = test->nports;
    }
}

static int need_of_end(struct builder *b, const struct check *check, bool negated, enum side side,
                       struct need *need)
{
    struct demand_end test = { 0 };
    enum says says = SAYS_NOTHING;
    bool is_port = check->left->type == TYPE_PORT;
    int r = 0;
    need->socket.families = negated ? DEMAND_FAMILY_ANY : FAMILIES_IP;
    need->unknown = negated;
    if (check->op != OP_EXISTS) {
        r = is_port ? ports_of(b, check, negated, &test, &says)
                    : nets_of(b, check, negated, &test, &says);
    }
    put_end(b, side, &test, says, &need->socket);
    return r;
}

static bool wants(const struct check *check, uint64_t value)
{
    const struct value *constant =
        count_constants(check) == 1 && check->nconstants == 1 ? check->constants[0].values : NULL;
    return constant && ((check->op == OP_EQ && constant->u == value) ||
                        (check->op == OP_NE && constant->u != value));
}

/* The call's end decides these. */
static void need_of_flag(const struct builder *b, const struct check *check, struct need *need)
{
    bool connects = b->call == CALL_CONNECT;
    if (check->left->field.id == FIELD_FD_NAME_CHANGED && wants(check, 1)) {
        need->failed = false;
        need->in_progress = connects;
    } else if (check->left->field.id == FIELD_FD_CONNECTED && connects && wants(check, 1)) {
        need->failed = need->in_progress = false;
    } else if (check->left->field.id == FIELD_FD_CONNECTED && connects && wants(check, 0)) {
        need->ok = false;
    }
}

/* Fields that are missing where the descriptor is not known. */
static void need_of_known(const struct check *check, bool negated, struct need *need)
{
    switch (check->left->field.id) {
    case FIELD_FD_SIP_NAME:
    case FIELD_FD_CIP_NAME:
    case FIELD_FD_RIP_NAME:
    case FIELD_FD_LIP_NAME:
    case FIELD_FD_SPROTO:
    case FIELD_FD_CPROTO:
    case FIELD_FD_RPROTO:
    case FIELD_FD_LPROTO:
        need->socket.families = negated ? DEMAND_FAMILY_ANY : FAMILIES_IP;
        need->unknown = negated;
        break;
    case FIELD_FD_IS_SERVER:
    case FIELD_FD_DEV:
    case FIELD_FD_INO:
    case FIELD_FD_IS_UPPER_LAYER:
    case FIELD_FD_IS_LOWER_LAYER:
        need->unknown = negated;
        break;
    default:
        break;
    }
}

static int need_of_address(struct builder *b, const struct check *check, bool negated,
                           struct need *need)
{
    static const char *const types[] = { "ipv4", "ipv6", "unix", NULL };
    static const char *const families[] = { "ip", "ip", "unix", NULL };
    enum side side;
    if (side_of(check->left->field.id, &side)) {
        return need_of_end(b, check, negated, side, need);
    }
    switch (check->left->field.id) {
    case FIELD_FD_TYPECHAR:
        need_of_typechar(b, check, negated, need);
        break;
    case FIELD_FD_TYPE:
        need_of_family(check, negated, types, need);
        break;
    case FIELD_FD_SOCKFAMILY:
        need_of_family(check, negated, families, need);
        need->socket.families |= negated ? FAMILIES_OTHER : 0;
        break;
    case FIELD_FD_L4PROTO:
        need_of_protocol(b, check, negated, need);
        break;
    case FIELD_FD_CONNECTED:
    case FIELD_FD_NAME_CHANGED:
        need->unknown = negated;
        if (!negated) {
            need_of_flag(b, check, need);
        }
        break;
    default:
        need_of_known(check, negated, need);
    }
    return 0;
}

int need_of_socket(struct builder *b, const struct check *check, bool negated, struct need *need)
{
    switch (b->call) {
    case CALL_PLAIN:
    case CALL_OPEN:
        return 0;
    case CALL_SOCKET:
        if (check->left->field.id == FIELD_EVT_ARG &&
            str_eq(check->left->field.key, STR("domain"))) {
            need_of_domain(check, negated, need);
        }
        return 0;
    default:
        return need_of_address(b, check, negated, need);
    }
}

int socket_need_and(struct arena *arena, struct demand_socket *a, const struct demand_socket *b)
{
    a->families &= b->families;
    a->protocols &= b->protocols;
    int r = end_and(arena, &a->peer, &b->peer, false);
    r = r < 0 ? r : end_and(arena, &a->own, &b->own, false);
    return r < 0 ? r : end_and(arena, &a->some, &b->some, true);
}

int socket_need_or(struct arena *arena, struct demand_socket *a, const struct demand_socket *b)
{
    bool a_is_ip = a->families & FAMILIES_IP;
    bool b_is_ip = b->families & FAMILIES_IP;
    uint64_t families = a->families | b->families;
    int r = 0;
    if (a_is_ip && b_is_ip) {
        a->protocols |= b->protocols;
        r = end_or(arena, &a->peer, &b->peer);
        r = r < 0 ? r : end_or(arena, &a->own, &b->own);
        r = r < 0 ? r : end_or(arena, &a->some, &b->some);
    } else if (b_is_ip) {
        *a = *b;
    }
    a->families = families;
    return r;
}

static bool end_is_any(const struct demand_end *end)
{
    return end->nports == 0 && end->nnets == 0 && end->nnot_nets == 0;
}

bool socket_need_is_all(const struct demand_socket *socket)
{
    return socket->families == DEMAND_FAMILY_ANY && socket->protocols == PROTOCOLS_ANY &&
           end_is_any(&socket->peer) && end_is_any(&socket->own) && end_is_any(&socket->some);
}
