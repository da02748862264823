/*
 * client_args: the command line and the help of the verbs that talk to a server, from their tables.
 *
 * Options may stand before or after words. The first word names the action where a verb has several.
 */
#include "cli/client.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>

#define OPTION_COLUMNS 26

static const struct {
    const char *name, *argument, *help;
} options[] = {
#define CLIENT_OPTION(id, name, argument, help) { name, argument, help },
#include "cli/client_options.def"
};

bool client_has(const struct client_args *args, enum client_option option)
{
    return args->values[option] != NULL;
}

bool client_number(const struct client_args *args, enum client_option option, int64_t min,
                   int64_t max, int64_t *ret)
{
    const char *text = args->values[option];
    char *end = NULL;
    if (!text) {
        return true;
    }
    errno = 0;
    long long v = strtoll(text, &end, 10);
    if (errno || end == text || *end || v < min || v > max) {
        fprintf(stderr, "%s: --%s is a number from %lld to %lld, not %s\n", args->name,
                options[option].name, (long long)min, (long long)max, text);
        return false;
    }
    *ret = v;
    return true;
}

/* ---- help */

static bool is_single(const struct client_verb *verb)
{
    return verb->n == 1 && !verb->actions[0].name;
}

static uint64_t all_options(const struct client_verb *verb)
{
    uint64_t all = CLIENT_COMMON;
    for (size_t i = 0; i < verb->n; i++) {
        all |= verb->actions[i].options;
    }
    return all;
}

static void print_options(uint64_t which)
{
    for (unsigned i = 0; i < CLIENT_OPTIONS; i++) {
        if (which & UINT64_C(1) << i) {
            char name[64];
            snprintf(name, sizeof(name), "--%s%s%s", options[i].name,
                     options[i].argument ? " " : "",
                     options[i].argument ? options[i].argument : "");
            printf("  %-*s %s\n", OPTION_COLUMNS - 3, name, options[i].help);
        }
    }
}

static void print_help(const struct client_verb *verb, const char *name)
{
    for (size_t i = 0; i < verb->n; i++) {
        const struct client_action *a = &verb->actions[i];
        bool first = i == 0;
        printf("%s %s%s%s%s%s%s%s [OPTION...]\n", first ? "Usage:" : "      ", name,
               a->name ? " " : "", a->name && first ? "[" : "", a->name ? a->name : "",
               a->name && first ? "]" : "", a->words ? " " : "", a->words ? a->words : "");
    }
    printf("\n%s\n", verb->about);
    for (size_t i = 0; i < verb->n && !is_single(verb); i++) {
        printf("  %-12s %s\n", verb->actions[i].name, verb->actions[i].summary);
    }
    fputs(is_single(verb) ? "" : "\n", stdout);
    print_options(all_options(verb));
    fputs("\nExit status: 0 done, 1 the server refused it or it failed, 2 usage, 3 no server or no "
          "login.\n",
          stdout);
}

static int wrong(const char *name)
{
    const char *verb = name + sizeof("hinomi ") - 1;
    fprintf(stderr, "Try: hinomi %s --help\n", verb);
    return EXIT_USAGE;
}

/* ---- reading */

static void make_options(struct option *ret)
{
    for (int i = 0; i < CLIENT_OPTIONS; i++) {
        ret[i] =
            (struct option){ options[i].name, options[i].argument ? required_argument : no_argument,
                             NULL, i + 1 };
    }
    ret[CLIENT_OPTIONS] = (struct option){ 0 };
}

static bool read_options(int argc, char **argv, struct client_args *args)
{
    struct option known[CLIENT_OPTIONS + 1];
    make_options(known);
    optind = 1;
    for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) {
        if (c < 1 || c > CLIENT_OPTIONS) {
            return false;
        }
        args->values[c - 1] = options[c - 1].argument ? optarg : "";
    }
    args->words = argv + optind;
    args->nwords = argc - optind;
    return true;
}

static const struct client_action *find_action(const struct client_verb *verb,
                                               struct client_args *args)
{
    if (is_single(verb) || args->nwords == 0) {
        return &verb->actions[0];
    }
    for (size_t i = 0; i < verb->n; i++) {
        if (strcmp(args->words[0], verb->actions[i].name) == 0) {
            args->words++;
            args->nwords--;
            return &verb->actions[i];
        }
    }
    fprintf(stderr, "%s: there is no `%s`", args->name, args->words[0]);
    for (size_t i = 0; i < verb->n; i++) {
        if (str_distance(str_of(args->words[0]), str_of(verb->actions[i].name), 3) <= 2) {
            fprintf(stderr, "; did you mean `%s`?", verb->actions[i].name);
            break;
        }
    }
    fputc('\n', stderr);
    return NULL;
}

static bool check_options(const struct client_verb *verb, const struct client_action *action,
                          const struct client_args *args)
{
    for (unsigned i = 0; i < CLIENT_OPTIONS; i++) {
        uint64_t bit = UINT64_C(1) << i;
        if (!args->values[i] || (action->options | CLIENT_COMMON) & bit) {
            continue;
        }
        if (all_options(verb) & bit) {
            fprintf(stderr, "%s: --%s does not belong to `%s`\n", args->name, options[i].name,
                    action->name);
        } else {
            fprintf(stderr, "%s: unrecognized option '--%s'\n", args->name, options[i].name);
        }
        return false;
    }
    return true;
}

static bool check_words(const struct client_action *action, const struct client_args *args)
{
    if (args->nwords >= action->min && args->nwords <= action->max) {
        return true;
    }
    fprintf(stderr, "%s%s%s: %s%s\n", args->name, action->name ? " " : "",
            action->name ? action->name : "",
            args->nwords > action->max ? "too many arguments; it takes " : "it needs ",
            action->max == 0 ? "none" : action->words);
    return false;
}

int client_main(const struct client_verb *verb, int argc, char **argv)
{
    struct client_args args = { .name = argv[0] };
    struct client client = { 0 };
    if (!read_options(argc, argv, &args)) {
        return wrong(argv[0]);
    }
    if (args.values[CLIENT_HELP]) {
        print_help(verb, argv[0]);
        return EXIT_OK;
    }
    const struct client_action *action = find_action(verb, &args);
    if (!action || !check_options(verb, action, &args) || !check_words(action, &args)) {
        return wrong(argv[0]);
    }
    buf_init(&client.answer, CLIENT_ANSWER_MAX);
    buf_init(&client.ca, CLIENT_ANSWER_MAX);
    int status = action->offline ? EXIT_OK : client_open(&client, &args);
    status = status == EXIT_OK ? action->run(&client, &args) : status;
    client_close(&client);
    return status;
}
