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
int cli_instrument(int argc, char **argv);
int cli_task_run(int argc, char **argv);
int cli_task_clean(int argc, char **argv);

/* Clients of the server; client.h. */
int cli_setup(int argc, char **argv);
int cli_login(int argc, char **argv);
int cli_logout(int argc, char **argv);
int cli_findings(int argc, char **argv);
int cli_exceptions(int argc, char **argv);
int cli_suppressions(int argc, char **argv);
int cli_filters(int argc, char **argv);
int cli_notifications(int argc, char **argv);
int cli_policies(int argc, char **argv);
int cli_rules_server(int argc, char **argv);
int cli_lists(int argc, char **argv);
int cli_agents(int argc, char **argv);
int cli_coverage(int argc, char **argv);
int cli_users(int argc, char **argv);
int cli_tokens(int argc, char **argv);
int cli_audit(int argc, char **argv);
int cli_backup(int argc, char **argv);
int cli_events(int argc, char **argv);
