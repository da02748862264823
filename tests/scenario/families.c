/*
 * The families of scenarios in this program.
 *
 * Each file has one table; the program is found by a scenario's name alone, so names are unique over all.
 */
#include "scenario.h"

#include <stddef.h>

extern const struct scenario scenario_calls[], scenario_files[], scenario_kernel[],
    scenario_miners[], scenario_network[], scenario_programs[], scenario_tasks[], scenario_web[];

const struct scenario *const scenario_families[] = {
    scenario_calls,  scenario_files,   scenario_kernel,
    scenario_miners, scenario_network, scenario_programs,
    scenario_tasks,  scenario_web,     NULL,
};
