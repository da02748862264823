/*
 * demand_set: sets of ports and networks, and what an end's tests are for `and` and `or`.
 *
 * Ports are ranges, ascending and apart; a set of all ports, and one of more than DEMAND_SET_MAX
 * ranges, is no test. Networks are lists. Each result is as tight as is easily had and never tighter
 * than the truth: an intersection that would be empty, or of which one may hold at one end and one at
 * the other, is one of its operands.
 */
#include "rules/demand_need.h"

#include <errno.h>
#include <stdlib.h>

#define PAIRS_MAX 65536 /* of excluded networks compared for an `or` */

static bool bits_equal(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    unsigned rest = bits % 8;
    return memcmp(a, b, bits / 8) == 0 &&
           (rest == 0 || (a[bits / 8] ^ b[bits / 8]) >> (8 - rest) == 0);
}

bool net_has(const struct ipnet *net, const struct ip *ip)
{
    return net->ip.family == ip->family && bits_equal(net->ip.bytes, ip->bytes, net->prefix_bits);
}

static bool net_is_within(const struct ipnet *inner, const struct ipnet *outer)
{
    return inner->prefix_bits >= outer->prefix_bits && net_has(outer, &inner->ip);
}

static int order_ranges(const void *a, const void *b)
{
    const struct port_range *x = a;
    const struct port_range *y = b;
    return (x->first > y->first) - (x->first < y->first);
}

/* Sorts and joins; returns how many are left. */
static uint32_t normalize(struct port_range *ranges, uint32_t n)
{
    uint32_t kept = 0;
    if (n > 1) {
        qsort(ranges, n, sizeof(*ranges), order_ranges);
    }
    for (uint32_t i = 0; i < n; i++) {
        struct port_range *last = kept ? &ranges[kept - 1] : NULL;
        if (!last || (uint32_t)last->last + 1 < ranges[i].first) {
            ranges[kept++] = ranges[i];
        } else if (ranges[i].last > last->last) {
            last->last = ranges[i].last;
        }
    }
    return kept;
}

/* Into `ret`, with room for n + 1. */
static uint32_t complement(const struct port_range *ranges, uint32_t n, struct port_range *ret)
{
    uint32_t kept = 0;
    uint32_t next = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (ranges[i].first > next) {
            ret[kept++] = (struct port_range){ (uint16_t)next, (uint16_t)(ranges[i].first - 1) };
        }
        next = (uint32_t)ranges[i].last + 1;
    }
    if (next <= UINT16_MAX) {
        ret[kept++] = (struct port_range){ (uint16_t)next, UINT16_MAX };
    }
    return kept;
}

static void set_ports(struct demand_end *end, const struct port_range *ranges, uint32_t n)
{
    bool all = n == 1 && ranges[0].first == 0 && ranges[0].last == UINT16_MAX;
    bool is_test = !all && n <= DEMAND_SET_MAX;
    end->ports = is_test ? ranges : NULL;
    end->nports = is_test ? n : 0;
}

int end_ports(struct arena *arena, struct demand_end *end, struct port_range *ranges, uint32_t n,
              bool outside)
{
    n = normalize(ranges, n);
    if (outside) {
        struct port_range *rest = ARENA_ARRAY(arena, struct port_range, n + 1);
        if (!rest) {
            return -ENOMEM;
        }
        n = complement(ranges, n, rest);
        ranges = rest;
    }
    set_ports(end, ranges, n);
    return 0;
}

static int ports_and(struct arena *arena, struct demand_end *a, const struct demand_end *b)
{
    if (a->nports == 0 || b->nports == 0) {
        a->ports = a->nports ? a->ports : b->ports;
        a->nports = a->nports ? a->nports : b->nports;
        return 0;
    }
    struct port_range *both = ARENA_ARRAY(arena, struct port_range, a->nports + b->nports);
    if (!both) {
        return -ENOMEM;
    }
    uint32_t n = 0;
    for (uint32_t i = 0, j = 0; i < a->nports && j < b->nports;) {
        struct port_range x = a->ports[i];
        struct port_range y = b->ports[j];
        struct port_range common = { x.first > y.first ? x.first : y.first,
                                     x.last < y.last ? x.last : y.last };
        if (common.first <= common.last) {
            both[n++] = common;
        }
        if (x.last < y.last) {
            i++;
        } else {
            j++;
        }
    }
    if (n) {
        set_ports(a, both, n);
    }
    return 0;
}

/* Both arrays, one behind the other. *ret is NULL when that is too long. */
static int nets_joined(struct arena *arena, const struct ipnet *a, uint32_t na,
                       const struct ipnet *b, uint32_t nb, const struct ipnet **ret)
{
    struct ipnet *all = NULL;
    if (na + nb <= DEMAND_SET_MAX) {
        all = ARENA_ARRAY(arena, struct ipnet, na + nb + 1);
        if (!all) {
            return -ENOMEM;
        }
        if (na) {
            memcpy(all, a, na * sizeof(*all));
        }
        if (nb) {
            memcpy(all + na, b, nb * sizeof(*all));
        }
    }
    *ret = all;
    return 0;
}

static bool is_excluded(const struct ipnet *net, const struct ipnet *nets, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (net_is_within(net, &nets[i])) {
            return true;
        }
    }
    return false;
}

/* Networks that both lists exclude: each that is within one of the other's. */
static int excluded_by_both(struct arena *arena, struct demand_end *a, const struct demand_end *b)
{
    uint32_t n = 0;
    uint32_t max = a->nnot_nets + b->nnot_nets;
    struct ipnet *both = NULL;
    if (a->nnot_nets && (uint64_t)a->nnot_nets * b->nnot_nets <= PAIRS_MAX) {
        both = ARENA_ARRAY(arena, struct ipnet, max);
        if (!both) {
            return -ENOMEM;
        }
        for (uint32_t i = 0; i < max; i++) {
            bool of_a = i < a->nnot_nets;
            const struct ipnet *net = of_a ? &a->not_nets[i] : &b->not_nets[i - a->nnot_nets];
            if (of_a ? is_excluded(net, b->not_nets, b->nnot_nets)
                     : is_excluded(net, a->not_nets, a->nnot_nets) && !is_excluded(net, both, n)) {
                both[n++] = *net;
            }
        }
    }
    a->not_nets = both;
    a->nnot_nets = n;
    return 0;
}

int end_and(struct arena *arena, struct demand_end *a, const struct demand_end *b, bool is_some)
{
    const struct ipnet *excluded = NULL;
    int r = 0;
    if (!is_some) {
        r = ports_and(arena, a, b);
    } else if (a->nports == 0) {
        a->ports = b->ports;
        a->nports = b->nports;
    }
    if (a->nnets == 0 || (b->nnets && b->nnets < a->nnets)) {
        a->nets = b->nets;
        a->nnets = b->nnets;
    }
    if (r == 0 && b->nnot_nets) {
        r = nets_joined(arena, a->not_nets, a->nnot_nets, b->not_nets, b->nnot_nets, &excluded);
    }
    if (excluded) {
        a->not_nets = excluded;
        a->nnot_nets += b->nnot_nets;
    }
    return r;
}

int end_or(struct arena *arena, struct demand_end *a, const struct demand_end *b)
{
    uint32_t n = a->nports + b->nports;
    struct port_range *ranges = NULL;
    if (a->nports && b->nports) {
        ranges = ARENA_ARRAY(arena, struct port_range, n);
        if (!ranges) {
            return -ENOMEM;
        }
        memcpy(ranges, a->ports, a->nports * sizeof(*ranges));
        memcpy(ranges + a->nports, b->ports, b->nports * sizeof(*ranges));
        set_ports(a, ranges, normalize(ranges, n));
    } else {
        a->nports = 0;
    }
    const struct ipnet *nets = NULL;
    int r = 0;
    if (a->nnets && b->nnets) {
        r = nets_joined(arena, a->nets, a->nnets, b->nets, b->nnets, &nets);
    }
    a->nnets = nets ? a->nnets + b->nnets : 0;
    a->nets = nets;
    return r < 0 ? r : excluded_by_both(arena, a, b);
}
