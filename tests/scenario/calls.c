/*
 * Scenarios of single calls: every call that the sensor knows beyond what the rules above ask for, with
 * arguments whose fields are checked.
 */
#include "scenario.h"

const struct scenario scenario_calls[] = {
    { 0 },
};
