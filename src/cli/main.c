/*
 * hinomi: finds the verb on the command line and runs it.
 *
 * A verb is one or two words. It gets the rest of the arguments with argv[0] being its last word,
 * and prints its own help for --help. No verb, or an unknown one, is a usage error: 2.
 */
#include "cli/cli.h"

#include "base/str.h"

#include <stdio.h>
#include <string.h>

#ifndef HINOMI_VERSION
#define HINOMI_VERSION "0.1.0"
#endif

struct verb {
    const char *group; /* first word, or NULL */
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
};

static const struct verb verbs[] = {
    { "rules", "check", cli_rules_check, "check rule files and say everything that is wrong" },
    { "rules", "list", cli_rules_list, "list the rules of files" },
    { "rules", "describe", cli_rules_describe, "explain what rules match and how" },
    { "rules", "fields", cli_rules_fields, "list all fields that rules can use" },
    { "rules", "parse", cli_rules_parse, "parse conditions from standard input" },
    { NULL, "replay", cli_replay, "run rules over a capture" },
};

static void print_usage(FILE *out)
{
    fputs("Usage: hinomi VERB [ARGUMENT...]\n\n", out);
    for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++) {
        const struct verb *verb = &verbs[i];
        char name[64];
        snprintf(name, sizeof(name), "%s%s%s", verb->group ? verb->group : "",
                 verb->group ? " " : "", verb->name);
        fprintf(out, "  %-16s %s\n", name, verb->summary);
    }
    fputs("\n  --help           print this, or with a verb, its arguments\n"
          "  --version        print the version\n",
          out);
}

static const struct verb *find_verb(int argc, char **argv, int *ret_words)
{
    for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++) {
        const struct verb *verb = &verbs[i];
        int words = verb->group ? 2 : 1;
        if (argc <= words || strcmp(argv[words], verb->name) != 0 ||
            (verb->group && strcmp(argv[1], verb->group) != 0)) {
            continue;
        }
        *ret_words = words;
        return verb;
    }
    return NULL;
}

static int usage_error(int argc, char **argv)
{
    if (argc < 2) {
        fputs("hinomi: a verb is missing\n\n", stderr);
    } else {
        bool is_group = false;
        for (size_t i = 0; i < sizeof(verbs) / sizeof(*verbs); i++) {
            is_group |= verbs[i].group && strcmp(argv[1], verbs[i].group) == 0;
        }
        const char *word = is_group && argc > 2 ? argv[2] : argv[1];
        fprintf(stderr, "hinomi: there is no verb \"%s%s%s\"\n\n",
                is_group && argc > 2 ? argv[1] : "", is_group && argc > 2 ? " " : "", word);
    }
    print_usage(stderr);
    return EXIT_USAGE;
}

static int run(int argc, char **argv)
{
    if (argc >= 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "help") == 0)) {
        print_usage(stdout);
        return EXIT_OK;
    }
    if (argc >= 2 && strcmp(argv[1], "--version") == 0) {
        puts("hinomi " HINOMI_VERSION);
        return EXIT_OK;
    }
    int words;
    const struct verb *verb = find_verb(argc, argv, &words);
    return verb ? verb->run(argc - words, argv + words) : usage_error(argc, argv);
}

/* Output that could not be written makes a success a failure. */
int main(int argc, char **argv)
{
    int r = run(argc, argv);
    bool lost = ferror(stdout);
    if (fflush(stdout) != 0 || lost) {
        perror("hinomi: cannot write to standard output");
        return r == EXIT_OK ? EXIT_NEGATIVE : r;
    }
    return r;
}
