/*
 * describe_demand: what a sensor must deliver for a rule: for each group of event names, the accesses,
 * results, paths and sockets without which the rule cannot match.
 *
 * Names with the same clause are one group. A rule whose clause tests nothing wants all events of those
 * names.
 */
#include "cli/describe.h"

#include "event/kind.h"
#include "event/sockaddr.h"
#include "rules/demand.h"

#include <stdio.h>

#define ITEMS_SHOWN 8 /* as text; JSON has all */

/* What is printed of a test: JSON arrays or one line of text. */
struct printer {
    struct jsonw *json; /* NULL: text */
    struct buf *buf;
    bool any; /* text: something was printed of this clause */
};

struct word {
    unsigned bit;
    const char *text;
};

static const struct word accesses[] = { { DEMAND_READ, "read" },     { DEMAND_WRITE, "write" },
                                        { DEMAND_CREATE, "create" }, { DEMAND_EXEC, "exec" },
                                        { DEMAND_OTHER, "other" },   { 0, NULL } };
static const struct word protocols[] = {
    { DEMAND_TCP, "tcp" }, { DEMAND_UDP, "udp" }, { DEMAND_OTHER_PROTOCOL, "other" }, { 0, NULL }
};
static const char *const path_tests[] = { [PATH_EQ] = "=",
                                          [PATH_PREFIX] = "startswith",
                                          [PATH_SUFFIX] = "endswith",
                                          [PATH_CONTAINS] = "contains",
                                          [PATH_ICONTAINS] = "icontains" };

/* "key a, b, c" in text, an array in JSON. */
static void list_begin(struct printer *p, const char *key)
{
    if (p->json) {
        jsonw_array(p->json, key);
        return;
    }
    buf_printf(p->buf, "%s%s", p->any ? "; " : "", key);
    p->any = true;
}

static void list_item(struct printer *p, uint32_t i, struct str text)
{
    if (p->json) {
        jsonw_str(p->json, NULL, text);
    } else if (i < ITEMS_SHOWN) {
        buf_putz(p->buf, i ? ", " : " ");
        buf_json_escaped(p->buf, text);
    }
}

static void list_end(struct printer *p, uint32_t n)
{
    if (p->json) {
        jsonw_end(p->json);
    } else if (n > ITEMS_SHOWN) {
        buf_printf(p->buf, ", and %u more", n - ITEMS_SHOWN);
    }
}

static void put_words(struct printer *p, const char *key, const struct word *words, unsigned bits)
{
    uint32_t n = 0;
    list_begin(p, key);
    for (; words->text; words++) {
        if (bits & words->bit) {
            list_item(p, n++, str_of(words->text));
        }
    }
    list_end(p, n);
}

static void put_results(struct printer *p, const struct demand_clause *clause)
{
    static const struct word results[] = {
        { 1, "success" }, { 2, "in progress" }, { 4, "failure" }, { 0, NULL }
    };
    unsigned wanted = (clause->want_ok ? 1U : 0U) | (clause->want_in_progress ? 2U : 0U) |
                      (clause->want_failed ? 4U : 0U);
    if (wanted != 7) {
        put_words(p, "results", results, wanted);
    }
}

static void put_paths(struct printer *p, const struct demand_clause *clause)
{
    if (clause->npaths == 0) {
        return;
    }
    list_begin(p, "paths");
    for (uint32_t i = 0; i < clause->npaths; i++) {
        const struct path_predicate *path = &clause->paths[i];
        if (p->json) {
            jsonw_object(p->json, NULL);
            jsonw_strz(p->json, "test", path_tests[path->test]);
            jsonw_str(p->json, "text", path->text);
            jsonw_end(p->json);
        } else if (i < ITEMS_SHOWN) {
            buf_printf(p->buf, "%s%s ", i ? ", " : " ", path_tests[path->test]);
            buf_json_escaped(p->buf, path->text);
        }
    }
    list_end(p, clause->npaths);
}

/* The named ones; all others are one. */
static void put_families(struct printer *p, uint64_t families)
{
    static const struct {
        uint64_t bits;
        const char *text;
    } named[] = { { DEMAND_FAMILY(FAMILY_UNIX), "unix" },
                  { DEMAND_FAMILY(FAMILY_INET), "ipv4" },
                  { DEMAND_FAMILY(FAMILY_INET6), "ipv6" },
                  { DEMAND_FAMILY(FAMILY_NETLINK), "netlink" },
                  { DEMAND_FAMILY(17), "packet" } };
    uint32_t n = 0;
    if (families == DEMAND_FAMILY_ANY) {
        return;
    }
    list_begin(p, "families");
    for (size_t i = 0; i < sizeof(named) / sizeof(*named); i++) {
        if (families & named[i].bits) {
            list_item(p, n++, str_of(named[i].text));
        }
        families &= ~named[i].bits;
    }
    if (families) {
        list_item(p, n++, STR("other"));
    }
    list_end(p, n);
}

static void put_ports(struct printer *p, const char *key, const struct demand_end *end)
{
    char text[16];
    list_begin(p, key);
    for (uint32_t i = 0; i < end->nports; i++) {
        struct port_range range = end->ports[i];
        int n = range.first == range.last
                    ? snprintf(text, sizeof(text), "%u", range.first)
                    : snprintf(text, sizeof(text), "%u-%u", range.first, range.last);
        list_item(p, i, str_from(text, (size_t)n));
    }
    list_end(p, end->nports);
}

static void put_nets(struct printer *p, const char *key, const struct ipnet *nets, uint32_t n)
{
    char text[64];
    list_begin(p, key);
    for (uint32_t i = 0; i < n; i++) {
        struct buf buf;
        buf_init_fixed(&buf, text, sizeof(text));
        ip_text(&buf, &nets[i].ip);
        buf_printf(&buf, "/%u", nets[i].prefix_bits);
        list_item(p, i, buf_str(&buf));
    }
    list_end(p, n);
}

/* Keys: "peer ports", in JSON "peer_ports". */
static void put_end(struct printer *p, const char *which, const struct demand_end *end)
{
    char key[32];
    const char *space = p->json ? "_" : " ";
    if (end->nports) {
        snprintf(key, sizeof(key), "%s%sports", which, space);
        put_ports(p, key, end);
    }
    if (end->nnets) {
        snprintf(key, sizeof(key), "%s%s%s", which, space, p->json ? "nets" : "in");
        put_nets(p, key, end->nets, end->nnets);
    }
    if (end->nnot_nets) {
        snprintf(key, sizeof(key), "%s%snot%s%s", which, space, space, p->json ? "nets" : "in");
        put_nets(p, key, end->not_nets, end->nnot_nets);
    }
}

static void put_socket(struct printer *p, const struct demand_socket *socket)
{
    put_families(p, socket->families);
    if (socket->protocols != (DEMAND_TCP | DEMAND_UDP | DEMAND_OTHER_PROTOCOL)) {
        put_words(p, "protocols", protocols, socket->protocols);
    }
    put_end(p, "peer", &socket->peer);
    put_end(p, "own", &socket->own);
    put_end(p, "some", &socket->some);
}

static void put_via(struct printer *p, unsigned bits)
{
    uint32_t n = 0;
    list_begin(p, "via");
    for (unsigned via = 0; via < VIA_COUNT; via++) {
        if (bits >> via & 1) {
            list_item(p, n++, event_via_name((uint8_t)via));
        }
    }
    list_end(p, n);
}

static void put_clause(struct printer *p, const struct demand_clause *clause)
{
    if (clause->access != UINT8_MAX) {
        put_words(p, "access", accesses, clause->access);
    }
    if (clause->via != UINT8_MAX) {
        put_via(p, clause->via);
    }
    put_results(p, clause);
    put_paths(p, clause);
    if (clause->socket) {
        put_socket(p, clause->socket);
    }
}

/* The rule's clause of each name; NULL: it wants none of these events. */
struct clauses {
    const struct demand_clause *of[NAME_MAX_ID];
};

static const struct demand_clause *find_clause(const struct demand_kind *kind, uint32_t rule)
{
    uint32_t low = 0;
    uint32_t high = kind->nclauses;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (kind->clauses[middle].rule < rule) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < kind->nclauses && kind->clauses[low].rule == rule ? &kind->clauses[low] : NULL;
}

static void gather(const struct matcher *matcher, const struct rule *rule, struct clauses *ret)
{
    const struct demand *demand = matcher_demand(matcher);
    for (uint16_t id = 0; id < NAME_MAX_ID; id++) {
        bool wanted = name_text(id) && nameset_has(&rule->names, id);
        ret->of[id] = wanted ? find_clause(demand_of(demand, id), (uint32_t)rule->index) : NULL;
    }
}

static bool same_bytes(const void *a, const void *b, size_t n)
{
    return n == 0 || memcmp(a, b, n) == 0;
}

static bool same_end(const struct demand_end *a, const struct demand_end *b)
{
    return a->nports == b->nports && a->nnets == b->nnets && a->nnot_nets == b->nnot_nets &&
           same_bytes(a->ports, b->ports, a->nports * sizeof(*a->ports)) &&
           same_bytes(a->nets, b->nets, a->nnets * sizeof(*a->nets)) &&
           same_bytes(a->not_nets, b->not_nets, a->nnot_nets * sizeof(*a->not_nets));
}

static bool same_socket(const struct demand_socket *a, const struct demand_socket *b)
{
    if (!a || !b) {
        return a == b;
    }
    return a->families == b->families && a->protocols == b->protocols &&
           same_end(&a->peer, &b->peer) && same_end(&a->own, &b->own) &&
           same_end(&a->some, &b->some);
}

static bool same_clause(const struct demand_clause *a, const struct demand_clause *b)
{
    if (!a || !b || a == b) {
        return a == b;
    }
    bool same = a->access == b->access && a->via == b->via && a->want_ok == b->want_ok &&
                a->want_in_progress == b->want_in_progress && a->want_failed == b->want_failed &&
                a->npaths == b->npaths && same_socket(a->socket, b->socket);
    for (uint32_t i = 0; same && i < a->npaths; i++) {
        same = a->paths[i].test == b->paths[i].test && str_eq(a->paths[i].text, b->paths[i].text);
    }
    return same;
}

/* The group's names, which from then on belong to no other. */
static uint32_t put_names(struct printer *p, struct clauses *clauses, uint16_t first)
{
    const struct demand_clause *clause = clauses->of[first];
    uint32_t n = 0;
    for (uint16_t id = first; id < NAME_MAX_ID; id++) {
        if (clauses->of[id] && same_clause(clauses->of[id], clause)) {
            list_item(p, n++, str_of(name_text(id)));
            clauses->of[id] = NULL;
        }
    }
    return n;
}

void describe_demand_json(const struct matcher *matcher, const struct rule *rule, struct jsonw *w)
{
    struct clauses clauses;
    struct printer p = { .json = w };
    gather(matcher, rule, &clauses);
    jsonw_array(w, "demand");
    for (uint16_t id = 0; id < NAME_MAX_ID; id++) {
        const struct demand_clause *clause = clauses.of[id];
        if (clause) {
            jsonw_object(w, NULL);
            list_begin(&p, "events");
            list_end(&p, put_names(&p, &clauses, id));
            put_clause(&p, clause);
            jsonw_end(w);
        }
    }
    jsonw_end(w);
}

void describe_demand_text(const struct matcher *matcher, const struct rule *rule, struct buf *buf)
{
    struct clauses clauses;
    const char *label = "delivers";
    gather(matcher, rule, &clauses);
    for (uint16_t id = 0; id < NAME_MAX_ID; id++) {
        const struct demand_clause *clause = clauses.of[id];
        struct printer p = { .buf = buf };
        if (!clause) {
            continue;
        }
        buf_printf(buf, "  %-13s", label);
        list_end(&p, put_names(&p, &clauses, id));
        buf_putz(buf, ": ");
        put_clause(&p, clause);
        buf_putz(buf, p.any ? "\n" : "all\n");
        label = "";
    }
}
