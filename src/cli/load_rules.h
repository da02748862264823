/*
 * load_rules: rule files and directories from the command line, with what is wrong on standard error.
 */
#pragma once

#include "rules/ruleset.h"

/*
 * Loads files and directories (their *.yaml and *.yml, alphabetically) in the given order. All errors
 * go to standard error; warnings are for `rules check`. 0; EXIT_NEGATIVE when there were errors;
 * EXIT_USAGE when no file was given.
 */
int cli_load_rules(char **paths, int n, struct ruleset **ret);
