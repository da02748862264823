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

/* One alternative: an event that fails any of its tests cannot make the rules behind it match. */
struct demand_clause {
    uint8_t access; /* enum demand_access, ~0 any */
    bool want_ok, want_failed;
    const struct path_predicate *paths; /* any of them; npaths == 0: no test on the path */
    uint32_t npaths;
    uint32_t rule; /* index of the rule it stands for */
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
