/*
 * load_rules: what was wrong with rule files, on standard error, and an exit status.
 */
#include "cli/load_rules.h"

#include "agent/load_rules.h"
#include "cli/cli.h"

#include <stdio.h>

int cli_load_rules(char **paths, int n, struct ruleset **ret)
{
    struct buf text;
    struct err err = { 0 };
    buf_init(&text, LOAD_RULES_TEXT_MAX);
    int r = load_rules(paths, (size_t)n, ret, &text, &err);
    fwrite(text.p, 1, text.n, stderr);
    buf_done(&text);
    if (r < 0) {
        fprintf(stderr, "hinomi: %s\n", err.message);
    }
    return r == 0 ? EXIT_OK : n == 0 ? EXIT_USAGE : EXIT_NEGATIVE;
}
