/*
 * The families of evasions in this program; see scenario.h.
 *
 * What an evasion does is what some sensor is known to miss, numbered as in docs/evasions.md.
 */
#include "scenario.h"

#include <stddef.h>

extern const struct scenario evasion_files[], evasion_foreign[], evasion_lineage[],
    evasion_memory[], evasion_names[], evasion_races[], evasion_stdio[];

const struct scenario *const scenario_families[] = {
    evasion_files, evasion_foreign, evasion_lineage, evasion_memory,
    evasion_names, evasion_races,   evasion_stdio,   NULL,
};
