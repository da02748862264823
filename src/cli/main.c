/*
 * hinomi: finds the verb and runs it.
 */
#include "cli/cli.h"

#include <stdio.h>

int main(int argc, char **argv)
{
    (void)argc;
    (void)argv;
    fputs("hinomi: no verbs yet\n", stderr);
    return EXIT_USAGE;
}
