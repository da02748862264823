/*
 * deliveries: how many calls of each kind a sensor must deliver for these rules, of those it would
 * without demand's clauses.
 *
 * Socket calls are those of services in one network: of ten connects four to this machine, three to
 * private networks, two to the world, one to a Unix socket; a tenth of them refused, a tenth in
 * progress. Opens are the stream's.
 */
#include "deliveries.h"

#include "../../tests/unit/event/make_event.h"
#include "rules/demand.h"

#include <stdio.h>

#define CALLS 5000
#define TID   1001
#define FD    INT64_C(60)

static const uint16_t kinds[DELIVERIES] = { KIND_OPENAT_2_X, KIND_CONNECT_X, KIND_ACCEPT4_6_X,
                                            KIND_SENDTO_X };

static uint32_t below(uint32_t n)
{
    static uint64_t random_state = 7;
    random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (uint32_t)(random_state >> 33) % n;
}

static void ask(struct view *view, const struct demand *demand, struct event *event,
                struct tally *tally)
{
    struct state *state = (struct state *)view->state;
    state_apply(state, event);
    view->event = event;
    view->scratch.n = 0;
    tally->all += demand_of(demand, event->name)->wanted;
    tally->delivered += demand_passes(demand, view);
    state_settle(state, event);
}

static const char *some_address(uint32_t dice, char text[32])
{
    if (dice < 4) {
        return "127.0.0.1";
    }
    if (dice < 7) {
        snprintf(text, 32, "%s.%u.%u", below(2) ? "10.0" : "192.168", below(256), below(256));
    } else {
        snprintf(text, 32, "%u.%u.%u.%u", 50 + below(50), below(256), below(256), below(256));
    }
    return text;
}

/* One call on a fresh socket. */
static struct event *some_call(uint16_t kind)
{
    static const unsigned ports[] = { 443, 443, 80, 5432, 6379, 8080, 53, 22 };
    char text[32];
    uint32_t dice = below(10);
    const char *to = some_address(dice, text);
    const char *own = dice < 4 ? "127.0.0.1" : "10.0.0.9";
    unsigned port = ports[below(8)];
    unsigned outcome = below(10);
    int64_t result = outcome == 0 ? -111 : outcome == 1 ? -115 : 0;
    if (kind == KIND_CONNECT_X && dice == 9) {
        return make_event(kind, TID, 1, "qUqA", result, (uint64_t)1, (uint64_t)2, "/run/x", FD,
                          NULL, "/run/x");
    }
    switch (kind) {
    case KIND_CONNECT_X:
        return make_event(kind, TID, 1, "qTqA", result, own, 40000, to, port, FD, to, port);
    case KIND_ACCEPT4_6_X:
        return make_event(kind, TID, 1, "qTb", result < 0 ? -11 : FD, to, 50000, own, 8080, 0);
    default:
        return make_event(kind, TID, 1, "qBqwT", result < 0 ? -11 : 12, "x", (size_t)1, FD, 1, own,
                          40000, to, 53);
    }
}

void deliveries_add(struct matcher *matcher, struct stream *stream, struct view *view,
                    struct deliveries *ret)
{
    const struct demand *demand = matcher_demand(matcher);
    for (uint32_t i = 0; i < stream->n; i++) {
        struct tally unused = { 0 };
        bool opens = stream->events[i].kind == KIND_OPENAT_2_X;
        ask(view, demand, &stream->events[i], opens ? &ret->of[0] : &unused);
    }
    for (unsigned i = 1; i < DELIVERIES; i++) {
        for (unsigned j = 0; j < CALLS; j++) {
            struct tally unused = { 0 };
            unsigned type = kinds[i] == KIND_SENDTO_X ? 2 : 1;
            struct event *socket = make_event(KIND_SOCKET_X, TID, 1, "qwww", FD, 2, type, 0);
            ask(view, demand, socket, &unused);
            ask(view, demand, some_call(kinds[i]), &ret->of[i]);
        }
    }
}

void deliveries_print(const char *what, const struct deliveries *deliveries)
{
    printf("  delivered, %s:", what);
    for (unsigned i = 0; i < DELIVERIES; i++) {
        const struct tally *tally = &deliveries->of[i];
        printf(" %s %.0f %%", kind_table[kinds[i]].name,
               tally->all ? 100.0 * (double)tally->delivered / (double)tally->all : 0.0);
    }
    printf("\n");
}
