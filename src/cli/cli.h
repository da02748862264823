/*
 * cli: the verbs of `hinomi`. One file per verb; each gets its own arguments, argv[0] being the verb.
 * Exit codes: 0 ok, 1 negative result, 2 usage, 3 this environment lacks something.
 */
#pragma once

enum { EXIT_OK = 0, EXIT_NEGATIVE = 1, EXIT_USAGE = 2, EXIT_LACKS = 3 };

int cli_rules_check(int argc, char **argv);
int cli_rules_parse(int argc, char **argv);
int cli_rules_list(int argc, char **argv);
int cli_rules_describe(int argc, char **argv);
int cli_rules_fields(int argc, char **argv);
int cli_replay(int argc, char **argv);
int cli_doctor(int argc, char **argv);
int cli_run(int argc, char **argv);
