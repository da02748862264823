/*
 * hinomi: finds the verb on the command line and runs it.
 *
 * A verb is one or two words. It gets the rest of the arguments with argv[0] being the program and its
 * whole name, for getopt's messages, and prints its own help for --help. No verb, or an unknown one, is
 * a usage error: 2.
 */
#include "cli/cli.h"

#include "base/str.h"

#include <stdio.h>
#include <string.h>

#ifndef HINOMI_VERSION
#define HINOMI_VERSION "0.1.0"
#endif

#define NAME_SIZE      64
#define DISTANCE_SHOWN 2 /* letters that may be wrong in what a hint suggests */

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
    { NULL, "run", cli_run, "run a command and watch what it does" },
    { NULL, "doctor", cli_doctor, "tell what can be watched here, and how" },
    { NULL, "instrument", cli_instrument, "put the agent into an ECS task definition" },
    { "task", "run", cli_task_run, "run an ECS task definition here, as Fargate would" },
    { "task", "clean", cli_task_clean, "remove what a task run that was killed has left" },
    { NULL, "setup", cli_setup, "make the first administrator of a server" },
    { NULL, "login", cli_login, "log in to a server" },
    { NULL, "logout", cli_logout, "log out" },
    { NULL, "findings", cli_findings, "what agents found: list, triage, export" },
    { NULL, "exceptions", cli_exceptions, "exceptions of rules: try, make, end" },
    { NULL, "suppressions", cli_suppressions, "what is suppressed as it arrives" },
    { NULL, "filters", cli_filters, "filters that are kept" },
    { NULL, "notifications", cli_notifications, "who is told of findings, and what came of it" },
    { NULL, "policies", cli_policies, "the server's policies" },
    { "rules", "server", cli_rules_server, "the server's rules: change, switch, go back" },
    { NULL, "lists", cli_lists, "the server's lists: append, remove, import" },
    { NULL, "agents", cli_agents, "who watches; enrol and revoke" },
    { NULL, "coverage", cli_coverage, "what is watched, what is not, and why" },
    { NULL, "users", cli_users, "people and their roles" },
    { NULL, "tokens", cli_tokens, "tokens for scripts" },
    { NULL, "audit", cli_audit, "what was done on the server" },
    { NULL, "backup", cli_backup, "have the server copy everything" },
    { NULL, "events", cli_events, "follow what happens on the server" },
};

#define VERBS (sizeof(verbs) / sizeof(*verbs))

/* ret has room for NAME_SIZE bytes. */
static void verb_name(const struct verb *verb, char *ret)
{
    snprintf(ret, NAME_SIZE, "%s%s%s", verb->group ? verb->group : "", verb->group ? " " : "",
             verb->name);
}

static void print_verbs(FILE *out, const char *group)
{
    for (size_t i = 0; i < VERBS; i++) {
        const struct verb *verb = &verbs[i];
        char name[NAME_SIZE];
        if (!group || (verb->group && strcmp(verb->group, group) == 0)) {
            verb_name(verb, name);
            fprintf(out, "  %-16s %s\n", name, verb->summary);
        }
    }
}

static void print_usage(FILE *out)
{
    fputs(
        "Usage: hinomi VERB [ARGUMENT...]\n\n"
        "Checks and explains detection rules in the Falco rules language, runs them over captures\n"
        "and commands, and is the command line of hinomi-server.\n\n",
        out);
    print_verbs(out, NULL);
    fputs("\n  VERB --help      its arguments and exit statuses\n"
          "  --help           print this\n"
          "  --version        print the version\n",
          out);
}

static const struct verb *find_verb(int argc, char **argv, int *ret_words)
{
    for (size_t i = 0; i < VERBS; i++) {
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

static bool is_group(const char *word)
{
    for (size_t i = 0; i < VERBS; i++) {
        if (verbs[i].group && strcmp(verbs[i].group, word) == 0) {
            return true;
        }
    }
    return false;
}

/* The verb whose whole name, or last word, is nearly this; NULL none. */
static const struct verb *resembling(const char *word)
{
    const struct verb *best = NULL;
    unsigned limit = DISTANCE_SHOWN;
    for (size_t i = 0; i < VERBS; i++) {
        char name[NAME_SIZE];
        verb_name(&verbs[i], name);
        unsigned whole = str_distance(str_of(word), str_of(name), limit + 1);
        unsigned last = str_distance(str_of(word), str_of(verbs[i].name), limit + 1);
        if ((whole < last ? whole : last) <= limit) {
            limit = whole < last ? whole : last;
            best = &verbs[i];
        }
    }
    return best;
}

static int usage_error(int argc, char **argv)
{
    char word[NAME_SIZE], name[NAME_SIZE];
    if (argc < 2) {
        fputs("hinomi: a verb is missing\n\n", stderr);
        print_usage(stderr);
        return EXIT_USAGE;
    }
    bool in_group = is_group(argv[1]);
    snprintf(word, sizeof(word), "%s%s%s", argv[1], in_group && argc > 2 ? " " : "",
             in_group && argc > 2 ? argv[2] : "");
    if (in_group && argc == 2) {
        fprintf(stderr, "hinomi %s: a verb is missing\n\n", word);
        print_verbs(stderr, argv[1]);
        return EXIT_USAGE;
    }
    fprintf(stderr, "hinomi: there is no verb `%s`", word);
    const struct verb *verb = resembling(word);
    if (verb) {
        verb_name(verb, name);
        fprintf(stderr, "; did you mean `%s`?", name);
    }
    fputs("\nTry: hinomi --help\n", stderr);
    return EXIT_USAGE;
}

static bool asks_for_help(const char *word)
{
    return strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 || strcmp(word, "help") == 0;
}

/* `hinomi help VERB` is `hinomi VERB --help`. */
static int run_help(int argc, char **argv)
{
    static char help[] = "--help";
    int words;
    const struct verb *verb = find_verb(argc - 1, argv + 1, &words);
    if (verb) {
        char name[NAME_SIZE + sizeof("hinomi ")] = "hinomi ";
        verb_name(verb, name + strlen(name));
        char *arguments[] = { name, help, NULL };
        return verb->run(2, arguments);
    }
    if (argc > 2 && !is_group(argv[2])) {
        return usage_error(argc - 1, argv + 1);
    }
    print_usage(stdout);
    return EXIT_OK;
}

static int run(int argc, char **argv)
{
    char name[NAME_SIZE + sizeof("hinomi ")];
    if (argc >= 2 && asks_for_help(argv[1])) {
        return run_help(argc, argv);
    }
    if (argc >= 2 && strcmp(argv[1], "--version") == 0) {
        puts("hinomi " HINOMI_VERSION);
        return EXIT_OK;
    }
    if (argc >= 3 && is_group(argv[1]) && asks_for_help(argv[2])) {
        printf("Usage: hinomi %s VERB [ARGUMENT...]\n\n", argv[1]);
        print_verbs(stdout, argv[1]);
        return EXIT_OK;
    }
    int words;
    const struct verb *verb = find_verb(argc, argv, &words);
    if (!verb) {
        return usage_error(argc, argv);
    }
    memcpy(name, "hinomi ", sizeof("hinomi "));
    verb_name(verb, name + strlen(name));
    argv[words] = name;
    return verb->run(argc - words, argv + words);
}

int main(int argc, char **argv)
{
    int status = run(argc, argv);
    bool lost = ferror(stdout);
    if ((fflush(stdout) != 0 || lost) && status == EXIT_OK) {
        perror("hinomi: cannot write to standard output");
        return EXIT_NEGATIVE;
    }
    return status;
}
