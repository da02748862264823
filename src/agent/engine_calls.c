/*
 * Engine: which calls the loaded rules and the state need, as a seccomp program.
 *
 * Opens and sockets are told apart by their arguments where no rule can be about the others; everything is
 * notified when all calls are wanted, so that rules loaded later need no other program.
 */
#include "agent/engine_internal.h"

#include "rules/demand.h"
#include "sensor/notify/path_cache.h"

#include <errno.h>

#define COUNT(array) (sizeof(array) / sizeof(*(array)))

/* They tell who asks for names, where its socket is gone before it is looked for. */
const uint16_t engine_asking_calls[ENGINE_ASKING_CALLS] = { NAME_connect, NAME_sendto };

static bool is_whole(const struct engine *engine)
{
    return engine->config.all_calls || engine->capture;
}

static const struct demand *demand_now(const struct engine *engine)
{
    return matcher_demand(pipeline_matcher(engine->pipeline));
}

void engine_calls(const struct engine *engine, struct callset *ret)
{
    if (is_whole(engine)) {
        callset_all(ret);
        return;
    }
    callset_state(ret);
    for (uint16_t name = 0; name < NAME_MAX_ID; name++) {
        if (demand_of(demand_now(engine), name)->wanted) {
            callset_add_name(ret, name);
        }
    }
    if (engine->config.names && demand_of(demand_now(engine), NAME_dns)->wanted) {
        for (size_t i = 0; i < COUNT(engine_asking_calls); i++) {
            callset_add_name(ret, engine_asking_calls[i]);
        }
    }
    path_cache_calls(ret);
    for (size_t i = 0; i < call_count; i++) {
        if (call_table[i].flags & CALL_TAMPERS) {
            callset_add(ret, i);
        }
    }
}

/* Which opens the rules can be about: enum filter_open, 0 any. */
static uint8_t wanted_opens(const struct engine *engine)
{
    static const uint16_t names[] = { NAME_open, NAME_openat };
    unsigned access = 0;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        const struct demand_kind *kind = demand_of(demand_now(engine), names[i]);
        for (uint32_t c = 0; c < kind->nclauses; c++) {
            access |= kind->clauses[c].access;
        }
        access |= kind->everything ? UINT8_MAX : 0;
    }
    bool only_writes = access && !(access & (DEMAND_READ | DEMAND_OTHER));
    return is_whole(engine) || !only_writes ? 0 : FILTER_OPEN_WRITE;
}

/* Families of sockets whose making a rule can be about: a bit each, 0 any. */
static uint64_t wanted_families(const struct engine *engine)
{
    const struct demand_kind *kind = demand_of(demand_now(engine), NAME_socket);
    uint64_t families = 0;
    for (uint32_t c = 0; c < kind->nclauses; c++) {
        const struct demand_socket *socket = kind->clauses[c].socket;
        families |= socket ? socket->families : DEMAND_FAMILY_ANY;
    }
    bool any = kind->everything || is_whole(engine);
    return any || families == DEMAND_FAMILY_ANY ? 0 : families;
}

int engine_filter(struct engine *engine, bool trace, struct filter *ret, struct err *err)
{
    struct filter_options options = { .test_arguments = true,
                                      .trace = trace,
                                      .deny_io_uring = engine->config.deny_io_uring,
                                      .foreign = true };
    options.opens = wanted_opens(engine);
    options.socket_families = wanted_families(engine);
    engine_calls(engine, &options.calls);
    if (trace) { /* a listener would hide calls from a tracer; a page that never comes would hold it up */
        callset_add_name(&options.calls, NAME_seccomp);
        callset_add_name(&options.calls, NAME_userfaultfd);
    }
    return filter_build(&options, ret, err);
}
