/*
 * scenarios: finds the scenario on the command line and runs it.
 *
 *     scenarios NAME [--negative]     scenarios --list
 *
 * Exit status as in scenario.h; 2: no such scenario.
 */
#include "scenario.h"

#include <stdio.h>
#include <string.h>

static const struct scenario *find(const char *name)
{
    for (size_t i = 0; scenario_families[i]; i++) {
        for (const struct scenario *s = scenario_families[i]; s->name; s++) {
            if (strcmp(s->name, name) == 0) {
                return s;
            }
        }
    }
    return NULL;
}

static int list(void)
{
    for (size_t i = 0; scenario_families[i]; i++) {
        for (const struct scenario *s = scenario_families[i]; s->name; s++) {
            puts(s->name);
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        return list();
    }
    bool negative = argc == 3 && strcmp(argv[2], "--negative") == 0;
    const struct scenario *scenario = argc == 2 || negative ? find(argv[1]) : NULL;
    if (!scenario) {
        fprintf(stderr, "usage: scenarios NAME [--negative], scenarios --list\n");
        return 2;
    }
    return scenario->run(!negative);
}
