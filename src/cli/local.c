/*
 * hinomi-local: `hinomi run` alone, linked statically, for containers in which there is nothing: the shim becomes it
 * where the agent's container does not share the application's process namespace.
 */
#include "cli/cli.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
    if (argc < 2 || strcmp(argv[1], "run") != 0) {
        fputs("Usage: hinomi-local run OPTION... -- COMMAND...; see hinomi(1)\n", stderr);
        return 125;
    }
    return cli_run(argc - 1, argv + 1);
}
